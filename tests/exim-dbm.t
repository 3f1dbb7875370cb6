#!/usr/bin/perl
# export --exim-dbm: a snapshot for Exim's own lookups, whatever format this
# Exim has, made by its own exim_dbmbuild and put in place whole.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

my ($builder) = grep { -x "$_/exim_dbmbuild" } '/usr/sbin',
    '/usr/local/sbin', '/usr/exim/bin', split /:/, $ENV{PATH};
plan skip_all => 'there is no exim_dbmbuild' if !defined $builder;

my $command = Command->new;
my $exim = PrivateExim->new;
my $file = $exim->dir . '/lookup';

sub lookup
{
	return $exim->expand('${lookup{' . $_[0] . "}dbm{$file}" .
	    '{$value}{absent}}');
}

my $r = $command->run('export', '--exim-dbm', $file);
is($r->{status}, 2, 'no database');
ok(!-e $file, 'no file');

my @items = ('192.0.2.1', '<A@Example.com>:<b@example.org>', 'a b:c "d"',
    "#x", "\xe4\x01", 'x' x 255);
$command->store((map { ("$_\0" => "1700000000 1700000001 7 auto\0") } @items),
    "long" . 'x' x 252 . "\0" => "1700000000 1700000001 1\0",
    'no NUL' => "1 2 3\0", "within\0in\0" => "1 2 3\0");
$r = $command->run('export', '--exim-dbm', $file);
is($r->{status}, 0, 'a snapshot') or diag $r->{err};
is($r->{out}, '', 'nothing is printed');
like($r->{err}, qr/^exigrey: 3 records left out/, 'what it cannot hold');
for my $item (@items[0 .. 2, 5]) {
	my $quoted = $item =~ s/([\\\$\{\}"])/\\$1/gr;
	is(lookup($item), '1700000000 1700000001 7 auto', "'$item'");
}
is(lookup('<a@example.com>:<b@example.org>'), 'absent', 'no lower case');
is($exim->expand("\${extract{3}{ }{\${lookup{192.0.2.1}dbm{$file}}}}"), 7,
    'extract');

my $before = (stat $file)[1];
$command->must('set', '--count', 8, '192.0.2.1');
$command->must('-q', 'export', '--exim-dbm', $file);
like(lookup('192.0.2.1'), qr/ 8 auto$/, 'a later one takes its place');
isnt((stat $file)[1], $before, 'as a file of its own');
is(sprintf('%o', (stat $file)[2] & 07777), '644', 'that all may read');
$command->must('export', '--exim-dbm', $file, '--match', '192.*');
is(lookup('#x'), 'absent', 'a filter');

$r = $command->run('export', '--exim-dbm', $exim->dir . '/none/x');
is($r->{status}, 2, 'no such directory');
like($r->{err}, qr/--exim-dbm: cannot make/, 'is told');
$r = $command->run('export', '--exim-dbm', $file, '--output', "$file.dump");
like($r->{err}, qr/do not go together/, 'either, or --output');
$r = $command->run('export', '--exim-dbm', '/dev/null');
like($r->{err}, qr/is no file/, 'a device');
is(join(' ', map { s(.*/)()r } glob("$file*")), 'lookup',
    'nothing is left lying about');
done_testing;
