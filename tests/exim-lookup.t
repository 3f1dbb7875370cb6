#!/usr/bin/perl
# An Exim reads our records with ${lookup dbm} if the database is of the kind
# that it was built for: GDBM, or Berkeley DB as Debian's.  The lock that it
# keeps while a client idles is in nobody's way; what it misses while others
# write is counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;
use Time::HiRes qw(time);
use Tree;

my ($exim, $file);

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

sub extract
{
	my ($field, $item) = @_;

	return "\${extract{$field}{ }{\${lookup{$item}dbm{$file}}}}";
}

sub values_are_right
{
	unseen('known', 0);
	unseen('known', 0, '', '', '192.0.2.1') for 1 .. 3;
	my $record = $exim->expand($exim->dlfunc('record', 'known'));
	like($record, qr/^\d{10} \d{10} 1$/, 'a record');
	is(lookup('known'), $record, 'lookup sees the same');
	like(lookup('192.0.2.1'), qr/^\d{10} \d{10} 3 auto$/,
	    'lookup of a host');
	is(lookup('unknown'), 'absent', 'lookup of a stranger');
	is(lookup('known', 'dbmnz'), 'absent', 'the NUL belongs to the key');

	# Numbers without a leading zero, for ${eval:}.
	my $counted = extract(3, '192.0.2.1');
	is($exim->expand($counted), '3', 'extract: the count');
	is($exim->expand("\${eval:$counted + 1}"), '4', 'eval takes it');
	is($exim->expand(extract(1, 'known')), (split / /, $record)[0],
	    'extract: created');
	is($exim->expand('${if >{${eval:$tod_epoch - ' . extract(1, 'known') .
	    '}}{-1}{yes}{no}}'), 'yes', 'eval takes a time');

	# A value ends at its first NUL, however wide it is stored.
	unseen('x', 0);
	unseen('x', 0, '', '', '192.0.2.2') for 1 .. 10;
	is($exim->expand('${length_40:${lookup{192.0.2.2}dbm{' . $file .
	    '}}}|'), lookup('192.0.2.2') . '|', 'no padding is seen');
	like(lookup('192.0.2.2'), qr/ 10 auto$/, 'nor any byte too few');
	return $record;
}

sub nobody_waits
{
	my ($record) = @_;
	my $writer = $exim->client;

	# 200 records more: other buckets than the first.
	for my $i (1 .. 200) {
		$writer->envelope("sender$i\@example.com", 'b@example.org');
		$writer->reset;
	}
	like(lookup('sender200@example.com'), qr/^\d+ \d+ 0$/,
	    'among 200 others');

	my $reader = $exim->client;
	is($reader->envelope('a@example.com', 'reader@example.org'),
	    '250 Accepted', 'a client whose Exim holds the file open');
	my $before = time;
	$writer->envelope('late@example.com', 'b@example.org');
	cmp_ok(time - $before, '<', 2, 'keeps no writer waiting');
	like(lookup('late@example.com'), qr/^\d+ \d+ 0$/, 'who has written');
	$_->quit for $reader, $writer;
	like($exim->log('main'), qr/looked up: \Q$record\E$/m,
	    'lookup in an ACL');
	unlike($exim->log('main'), qr/exigrey|failed|defer/, 'nothing failed');
}

# Senders who are new, each of them one more insert.
sub start_writer
{
	my ($name, $mails) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid != 0;
	eval {
		my $client;
		for my $i (1 .. $mails) {
			# Exim ends a connection after 1000.
			$client = $exim->client if $i % 500 == 1;
			$client->envelope("$name-$i\@example.com",
			    'b@example.org') =~ /^250|^451/ or die;
			$client->reset;
			$client->quit if $i % 500 == 0 || $i == $mails;
		}
		POSIX::_exit(0);
	};
	POSIX::_exit(1);
}

# Each look is a connection of its own, for Exim keeps what it has read.
sub while_others_write
{
	my ($record) = @_;
	my $looks = $ENV{EXIGREY_LOOKUPS} // 200;
	my ($writers, $mails) = (3, $looks);
	my %count = (right => 0, wrong => 0, missed => 0, failed => 0);
	my $failed = 0;

	$exim->news;
	my @pids = map { start_writer("w$_", $mails) } 1 .. $writers;
	for (1 .. $looks) {
		my $client = $exim->client;
		my $reply = $client->envelope('a@example.com',
		    'look@example.org');
		$count{$reply eq "550 seen: $record" ? 'right' :
		    $reply =~ /^550 seen: absent/ ? 'missed' :
		    $reply =~ /^451/ ? 'failed' : 'wrong'}++;
		$client->quit;
	}
	for my $pid (@pids) {
		waitpid($pid, 0);
		$failed++ if $? != 0;
	}
	is($failed, 0, 'the writers have written');
	diag "$looks lookups while $writers wrote: " .
	    join ', ', map { "$count{$_} $_" } sort keys %count;
	is($count{wrong}, 0, 'no lookup gives a wrong value');
	cmp_ok($count{right}, '>=', $looks * 0.9, 'most give the right one');
	like(lookup("w1-$mails\@example.com"), qr/^\d+ \d+ 0$/,
	    'what was written is there');
}

sub story
{
	my ($path, $kind) = @_;

	$exim = PrivateExim->new(exim => $path);
	$file = $exim->spool . '/grey/seen';
	my $unseen = $exim->dlfunc('unseen', '$sender_address', '0');
	my $look = "\${lookup{known}dbm{$file}{\$value}{absent}}";
	$exim->set_acl(rcpt => <<"END");
warn
  local_parts = reader
  logwrite = looked up: \${lookup{known}dbm{$file}}
accept
  local_parts = reader
deny
  local_parts = look
  message = seen: $look
defer
  condition = $unseen
accept
END
	is(unseen('first', 0, "$kind:seen"), 'yes', "a database of $kind");
	my $record = values_are_right();
	$exim->start;
	nobody_waits($record);
	while_others_write($record);
}

my ($gdbm, $why) = PrivateExim::find_gdbm();
subtest 'Exim with GDBM' => sub {
	plan skip_all => $why if !defined $gdbm;
	story($gdbm, 'gdbm');
};
subtest 'Exim with Berkeley DB' => sub {
	my $exim_path = PrivateExim::find();
	plan skip_all => "this machine's Exim has another DBM library"
	    if `$exim_path -bV 2>&1` !~ /^Berkeley DB: .* 5\.3/m;
	plan skip_all => 'built without Berkeley DB'
	    if !-e Tree::build('tests/bdb.t');
	story($exim_path, 'bdb');
};
done_testing;
