#!/usr/bin/perl
# The system says no, at each call to it in turn: a full disk, a quota, a bad
# disk, no descriptors.  And a clock that is wrong.  Over SMTP, with both
# on_failure: the answer, the cause in the log, and the records afterwards.
use strict;
use warnings;
use Errno qw(ENOSPC EDQUOT EIO EMFILE);
use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

use constant { RECORDS => 1000, FAULTS_MAX => 60 };

# A copy has no setuid bit, with which nothing is preloaded.
my $find = PrivateExim->new;
my $binary = $find->dir . '/exim';
copy(PrivateExim::find(), $binary) && chmod(0755, $binary) or die;
my $exim = PrivateExim->new(exim => $binary);
my $grey = $exim->own_directory($exim->spool . '/grey', 0750);
my $rules = $exim->dir . '/faults';
my $db = "$grey/seen";
my $command = Command->new;

my $acl = '';
for my $policy (qw(pass defer)) {
	my $call = $exim->dlfunc('unseen', '$sender_address', 600, '',
	    "on_failure=$policy", '');

	$acl .= "defer\n  local_parts = $policy\n  message = greylisted\n" .
	    "  condition = $call\n";
}
$exim->set_acl(rcpt => "${acl}accept\n");
sub faults { Command::spew($rules, join '', map { "$_\n" } @_) }
faults();
{
	local $ENV{LD_PRELOAD} = Tree::build('tests/faults.so');
	local $ENV{EXIGREY_FAULTS} = $rules;
	local $ENV{EXIGREY_FAULTS_IN} = $grey;
	$exim->start;
}

# A connection is a process: each begins to count anew.
sub rcpt
{
	my ($sender, $policy) = @_;
	my $client = $exim->client;
	my $reply = $client->envelope("$sender\@example.com",
	    "$policy\@example.org");

	$client->quit;
	return $reply;
}

faults('open ' . EMFILE . ' 0');
if (rcpt('try', 'defer') !~ /^451 (?!greylisted)/) {
	plan skip_all => 'nothing can be preloaded into this Exim';
}
faults();
$exim->news;

# The database that each case begins with, and its records.
sub exigrey { return $command->run({ no_db => 1 }, '-d', $db, @_) }
my %base;
sub keep_base
{
	%base = map { $_ => Tree::slurp($_) } $db, "$db.lock";
}
sub restore
{
	for my $path (keys %base) {
		open(my $file, '+<', $path) or die "$path: $!";
		truncate($file, 0);
		print $file $base{$path};
		close($file) or die;
	}
}
my ($kind, %records);
sub begin
{
	($kind) = @_;
	unlink($db, "$db.lock");
	$command->run({ no_db => 1 }, '-d', "$kind:$db", qw(-q set --created
	    -1h known@example.com));
	$command->program({}, Tree::build('tests/store'), $db, 'fill',
	    RECORDS);
	keep_base();
	%records = %{$command->content($db)};
	is(scalar keys %records, RECORDS + 1, "$kind: a database is made");
}

# Of the earlier records none is lost or changed, and the file is sound.
sub intact
{
	my ($name) = @_;
	my %now = %{$command->content($db)};
	my @changed = grep { !/^known/ && ($now{$_} // '') ne $records{$_} }
	    keys %records;
	my @more = grep { !/^(known|stranger)/ && !exists $records{$_} }
	    keys %now;
	my $check = exigrey('check');

	return is("@changed @more $check->{status}", '  0',
	    "$name: earlier records, file") || diag($check->{out});
}

# Lets the call fail from the n-th on, for every n, until nothing fails.
sub each_call
{
	my ($call, $errno, $sender, $usual) = @_;
	local $! = $errno;
	my $why = "$!";

	for my $policy (qw(pass defer)) {
		my ($bad, $failed) = (0, 0);
		my $want = $policy eq 'pass' ? qr/^250 / :
		    qr/^451 (?!greylisted)/;

		for my $after (0 .. FAULTS_MAX) {
			restore();
			faults("$call $errno $after");
			$exim->news;
			my $reply = rcpt($sender, $policy);
			my $log = $reply =~ $usual ? $exim->news :
			    $exim->logged(qr/exigrey/);
			faults();
			last if $log !~ /exigrey/;
			$failed++;
			my $name = "$kind: $call fails after $after: $why, $sender, " .
			    "on_failure=$policy";
			my $cause = $policy eq 'pass' ?
			    qr/exigrey: unseen: mail passes: .*$why/ :
			    qr/exigrey unseen: .*$why/;
			$bad++ if !like($reply, $want, "$name: the answer")
			    || !like($log, $cause, "$name: the log")
			    || !intact($name);
		}
		cmp_ok($failed, '>', 0,
		    "$kind: $call, $why, $sender: something fails");
		cmp_ok($failed, '<', FAULTS_MAX, 'and then nothing any more');
		note("$kind, $call, $why, $sender, on_failure=$policy: " .
		    "$failed places, $bad wrong");
	}
}
for my $database (qw(bdb gdbm)) {
	begin($database);
	each_call('write', $_, 'stranger', qr/^451 greylisted/)
	    for ENOSPC, EDQUOT, EIO;
	each_call('write', $_, 'known', qr/^250 /) for ENOSPC, EIO;
	each_call('read', EIO, $_, qr/^(250|451 greylisted)/)
	    for qw(known stranger);
	each_call('open', EMFILE, $_, qr/^(250|451 greylisted)/)
	    for qw(known stranger);
}

# A quota is seen before anything is written: room is asked for first.
restore();
faults("write ${\EDQUOT} 0");
$exim->news;
is(rcpt('stranger', 'pass'), '250 Accepted', 'a quota is used up');
my $quota = do { local $! = EDQUOT; "$!" };
like($exim->news, qr/no space: a new record may need \d+ kB: $quota/,
    'a quota is used up: the log');
faults();
is_deeply([map { Tree::slurp($_) } sort keys %base],
    [map { $base{$_} } sort keys %base], 'not a byte was written');

# Buckets of 16 records: some strangers need a split, and so more writes.
exigrey(qw(-q compact --block-size 512));
keep_base();
my @splits = grep {
	restore();
	faults("write ${\ENOSPC} 5");
	rcpt($_, 'defer') !~ /greylisted/;
} map { "stranger$_" } 1 .. 40;
cmp_ok(scalar @splits, '>', 1, 'some buckets must be split');
each_call('write', ENOSPC, $_, qr/^451 greylisted/) for @splits[0, 1];

# No database yet, and then none can be made.
my @made = ($db, "$db.lock");
for my $case (['write', ENOSPC], ['open', EMFILE], ['name', ENOSPC]) {
	my ($call, $errno) = @$case;
	local $! = $errno;
	my $why = "$!";

	for my $after (0 .. FAULTS_MAX) {
		unlink(@made);
		faults("$call $errno $after");
		$exim->news;
		my $reply = rcpt('stranger', 'pass');
		my $log = $exim->news;
		faults();
		last if $log !~ /exigrey/;
		my $name = "the first of all, $call fails after $after";
		is($reply, '250 Accepted', "$name: the answer");
		like($log, qr/exigrey: unseen: mail passes: .*$why/,
		    "$name: the log");
		like(rcpt('stranger2', 'pass'), qr/^451 greylisted/,
		    "$name: and then as ever");
		is(exigrey('check')->{status}, 0, "$name: check");
		is(join(' ', sort glob("$grey/*")), "@made",
		    "$name: nothing is left behind");
	}
}

# The process is really out of descriptors, for Exim's own log too.
my %answers;
for my $limit (1 .. 12) {
	my $mute = 0;

	restore();
	for my $policy (qw(pass defer)) {
		faults("limit $limit");
		$exim->news;
		my $reply = rcpt('stranger', $policy);
		my $log = $exim->news;
		faults();
		$answers{substr $reply, 0, 14}++;
		# Without a log Exim serves nobody.
		$mute = 1 if $reply =~ /^421/;
		next if $reply =~ /^(421|451 greylisted)/;
		my $name = "$limit descriptors, on_failure=$policy";
		like($reply, $policy eq 'pass' ? qr/^250/ : qr/^451/, $name);
		like($log, qr/Too many open files/, "$name: the log")
		    if !$mute;
	}
	intact("$limit descriptors");
}
note('few descriptors: ', join ', ', map { "$_: $answers{$_}" }
    sort keys %answers);
ok($answers{'250 Accepted'} && $answers{'451 greylisted'},
    'some were too few, some were enough');

# The boot id cannot be read, or GDBM's sync not be sent elsewhere, for once.
for my $after (0, 1) {
	restore();
	faults("open ${\EMFILE} $after 1");
	$exim->news;
	like(rcpt('stranger', 'pass'), qr/^451 greylisted/,
	    "open number $after of the process fails: the answer");
	faults();
	unlike($exim->news, qr/exigrey/, 'the log');
	is(substr(Tree::slurp("$db.lock"), 0, 51), substr($base{"$db.lock"},
	    0, 51), 'the boot id in the lock file is the one it was');
	intact("open number $after of the process fails");
}

# A clock that is set back by a day, and one that has jumped beyond 2^32.
sub stored
{
	my ($item) = @_;

	return split / /, $command->content($db)->{"$item\0"} // '';
}
for my $policy (qw(pass defer)) {
	my $day = 86400;
	my $far = 2**32 + $day - time;

	restore();
	faults();
	$exim->news;
	like(rcpt('stranger', $policy), qr/^451 greylisted/, 'new');
	faults("clock -$day 0");
	like(rcpt('stranger', $policy), qr/^451 greylisted/,
	    'a day back: put off');
	cmp_ok((stored('stranger@example.com'))[0], '<', time - $day + 60,
	    'from that time on');
	faults('clock ' . (601 - $day) . ' 0');
	is(rcpt('stranger', $policy), '250 Accepted',
	    'one delay later it passes');
	faults("clock $far 0");
	like(rcpt('stranger', $policy), qr/^451 greylisted/,
	    'in the year 2106: expired, so put off');
	like(rcpt('future', $policy), qr/^451 greylisted/, 'new in 2106');
	cmp_ok((stored('future@example.com'))[0], '>', 2**32, 'and stored so');
	faults('clock ' . ($far + 601) . ' 0');
	is(rcpt('future', $policy), '250 Accepted', 'passes there');
	faults();
	is(rcpt('known', $policy), '250 Accepted',
	    'the clock is right again: a known sender passes');
	like(rcpt('future', $policy), qr/^451 greylisted/,
	    'one from the future is put off');
	cmp_ok((stored('future@example.com'))[0], '<', time + 60, 'from now on');
	faults('clock 601 0');
	is(rcpt('future', $policy), '250 Accepted',
	    'one delay later it passes');
	faults();
	unlike($exim->news, qr/exigrey/, 'the log has nothing to say');
	delete $records{$_} for grep { /^future/ } keys %records;
}
is(exigrey('check')->{status}, 0, 'and the database is sound');
done_testing;
