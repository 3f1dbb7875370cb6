#!/usr/bin/perl
# convert copies a database into one of another kind, byte for byte, while
# others write.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use Test::More;
use Tree;

plan skip_all => 'built without Berkeley DB'
    if !-e Tree::build('tests/bdb.t');

my $command = Command->new;
my $source = $command->db;
my $directory = $source =~ s(/[^/]*$)()r;

sub kind
{
	my ($file) = @_;

	return substr(Tree::slurp($file), 12, 4) eq pack('L', 0x061561) ?
	    'bdb' : 'gdbm';
}

sub convert
{
	my (@arguments) = @_;

	return $command->run({ no_db => 1 }, 'convert', @arguments);
}

my %odd = ("a\0" => "1700000000 1700000000 0\0", 'no NUL' => 'x',
    "\0" => "\0\0", "broken\0" => 'nonsense', "long\0" => 'y' x 4000,
    "\xff\n\0" => "1700000000 1700000001 3 auto note=\%20\0\0\0\0",
    map { ("item $_\0" => "1700000000 170000000$_ 1\0") } 0 .. 9);
$command->store(%odd);
my $r = convert($source, "bdb:$directory/there");
is($r->{status}, 0, 'to Berkeley DB') or diag $r->{err};
like($r->{out}, qr/^16 added, 0 replaced, 0 the same/, 'is counted');
is(kind("$directory/there"), 'bdb', 'it is that');
is_deeply($command->content("$directory/there"), \%odd,
    'every byte is the same');
is(kind($source), 'gdbm', 'the source stays');

$r = convert("$directory/there", "gdbm:$directory/back");
is($r->{status}, 0, 'and back');
is(kind("$directory/back"), 'gdbm', 'it is GDBM');
is_deeply($command->content("$directory/back"), \%odd, 'byte for byte');

$command->must('-d', "$directory/back", 'set', '--count', 9, 'a');
$r = convert($source, "$directory/back");
like($r->{out}, qr/^0 added, 0 replaced, 15 the same, 1 existed/,
    'what is there stays');
$r = convert('--replace', $source, "$directory/back");
like($r->{out}, qr/^0 added, 1 replaced, 15 the same, 0 existed/,
    '--replace');
is_deeply($command->content("$directory/back"), \%odd, 'all is equal again');

# Mail goes on: whoever writes meanwhile never waits for long.
$command->program({}, Tree::build('tests/store'), "$directory/many", 'fill',
    20000);
my $child = Command::start($command, 'convert', "$directory/many",
    "bdb:$directory/many-bdb");
my ($calls, $failed) = (0, 0);
while (waitpid($child, POSIX::WNOHANG()) == 0) {
	$calls++;
	$failed++ if $command->run({ no_db => 1 }, '-d', "$directory/many",
	    'unseen', "new $calls")->{status} ne '0';
}
is($?, 0, 'while others write');
cmp_ok($calls, '>', 3, "$calls calls meanwhile");
is($failed, 0, 'none of which failed');
my $many = $command->content("$directory/many-bdb");
is(scalar(grep { /^i\d/ } keys %$many), 20000, 'all records are there');

for my $case (['nothing there', qr/does not exist/, "$directory/none",
    "bdb:$directory/x"],
    ['one file', qr/same file/, $source, "bdb:$source"],
    ['another kind', qr/Berkeley DB file, and DB says/, $source,
    "gdbm:$directory/there"],
    ['a path', qr/DB 'a\/b'/, $source, 'a/b']) {
	my ($name, $said, @arguments) = @$case;
	$r = convert(@arguments);
	is($r->{status}, 2, $name);
	like($r->{err}, $said, 'is told');
}
ok(!-e "$directory/x", 'nothing was made');
done_testing;
