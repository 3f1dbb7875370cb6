#!/usr/bin/perl
# An Exim that was built with GDBM reads our records with ${lookup dbm}, and
# the lock that it keeps while a client idles is in nobody's way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;
use Time::HiRes qw(time);

my ($path, $why) = PrivateExim::find_gdbm();
plan skip_all => $why if !defined $path;

my $exim = PrivateExim->new(exim => $path);
my $file = $exim->spool . '/grey/seen';
my $unseen = $exim->dlfunc('unseen', '$sender_address', '0');

$exim->set_acl(rcpt => <<"END");
warn
  local_parts = reader
  logwrite = looked up: \${lookup{known}dbm{$file}}
accept
  local_parts = reader
defer
  condition = $unseen
accept
END

sub unseen
{
	return $exim->expand($exim->dlfunc('unseen', @_));
}

sub lookup
{
	my ($item, $type) = @_;

	return $exim->expand('${lookup{' . $item . '}' . ($type // 'dbm') .
	    "{$file}{\$value}{absent}}");
}

unseen('known', 0);
unseen('known', 0, '', '', '192.0.2.1') for 1 .. 3;
my $record = $exim->expand($exim->dlfunc('record', 'known'));
like($record, qr/^\d{10} \d{10} 1$/, 'a record');
is(lookup('known'), $record, 'lookup sees the same');
like(lookup('192.0.2.1'), qr/^\d{10} \d{10} 3 auto$/, 'lookup of a host');
is(lookup('unknown'), 'absent', 'lookup of a stranger');
is(lookup('known', 'dbmnz'), 'absent', 'the NUL belongs to the key');

# Numbers without a leading zero, for ${eval:}.
my $counted = '${extract{3}{ }{${lookup{192.0.2.1}dbm{' . $file . '}}}}';
is($exim->expand($counted), '3', 'extract: the count');
is($exim->expand("\${eval:$counted + 1}"), '4', 'eval takes it');
is($exim->expand('${extract{1}{ }{${lookup{known}dbm{' . $file . '}}}}'),
    (split / /, $record)[0], 'extract: created');
is($exim->expand('${if >{${eval:$tod_epoch - ${extract{1}{ }{${lookup{known}' .
    "dbm{$file}}}}}}{-1}{yes}{no}}"), 'yes', 'eval takes a time');

# A value ends at its first NUL, however wide it is stored.
unseen('x', 0);
unseen('x', 0, '', '', '192.0.2.2') for 1 .. 10;
is($exim->expand('${length_40:${lookup{192.0.2.2}dbm{' . $file . '}}}|'),
    lookup('192.0.2.2') . '|', 'no padding is seen');
like(lookup('192.0.2.2'), qr/ 10 auto$/, 'nor any byte too few');

# 200 records more: other buckets than the first.
$exim->start;
my $writer = $exim->client;
for my $i (1 .. 200) {
	$writer->envelope("sender$i\@example.com", 'b@example.org');
	$writer->reset;
}
like(lookup('sender200@example.com'), qr/^\d+ \d+ 0$/, 'among 200 others');

my $reader = $exim->client;
is($reader->envelope('a@example.com', 'reader@example.org'), '250 Accepted',
    'a client whose Exim holds the file open');
my $before = time;
$writer->envelope('late@example.com', 'b@example.org');
cmp_ok(time - $before, '<', 2, 'keeps no writer waiting');
like(lookup('late@example.com'), qr/^\d+ \d+ 0$/, 'who has written');
$_->quit for $reader, $writer;
like($exim->log('main'), qr/looked up: \Q$record\E$/m, 'lookup in an ACL');
unlike($exim->log('main'), qr/exigrey|failed|defer/, 'nothing failed');
done_testing;
