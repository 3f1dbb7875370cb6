#!/usr/bin/perl
# exigrey purge: what is expired, to the second, and nothing else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(:flock);
use Test::More;
use Command;

my $c = Command->new;
my $hour = 3600;
my $day = 86400;

my $r = $c->run('purge');
is($r->{status}, 0, 'no database: status');
is($r->{err}, "exigrey: no database '" . $c->db . "' yet: Exim makes it at "
    . "the first check\n", 'no database: said');
is($r->{out}, '', 'no database: nothing else');
$r = $c->run(qw(-q purge));
is("$r->{status}$r->{out}$r->{err}", '0', 'no database: silent with -q');
ok(!-e $c->db, 'none was made');

# [name, created ago, used ago, count, flags, options, is it purged?]; a
# moment is written as LIFETIME or as LIFETIME and so many seconds.
my @cases = (
    ['grey, young', 0, 0, 0, '', '', 0],
    ['grey, a second left', $day - 1, $day - 1, 0, '', '', 0],
    ['grey, over', $day, $day, 0, '', '', 1],
    ['grey, used of no matter', $day, 0, 0, '', '', 1],
    ['grey, long over', 400 * $day, 400 * $day, 0, '', '', 1],
    ['passed, created of no matter', 400 * $day, 0, 1, '', '', 0],
    ['passed, a second left', 400 * $day, 36 * $day - 1, 1, '', '', 0],
    ['passed, over', 400 * $day, 36 * $day, 1, '', '', 1],
    ['auto, a second left', 36 * $day - 1, 36 * $day - 1, 1, 'auto', '', 0],
    ['auto, over', 36 * $day, 36 * $day, 1, 'auto', '', 1],
    ['keep', 4000 * $day, 4000 * $day, 1, 'keep', '', 0],
    ['keep, never passed', 4000 * $day, 4000 * $day, 0, 'keep', '', 0],
    ['expires, a second left', $day * 99, $day * 99, 1, 'expires=+1', '', 0],
    ['expires now', 0, 0, 1, 'expires=+0', '', 1],
    ['expires, long over', 0, 0, 1, 'expires=1', '', 1],
    ['keep until now', 0, 0, 1, 'keep expires=+0', '', 1],
    ['keep for a second', $day * 99, $day * 99, 1, 'keep expires=+1', '', 0],
    ['other flags', 37 * $day, 37 * $day, 1, 'note=keep x', '', 1],
    ['--grey, a second left', $hour - 1, $hour - 1, 0, '', '--grey 1h', 0],
    ['--grey, over', $hour, $hour, 0, '', '--grey 1h', 1],
    ['--grey 0', 4000 * $day, 4000 * $day, 0, '', '--grey 0', 0],
    ['--grey, not passed', 40 * $day, 2 * $day, 1, '', '--grey 1h', 0],
    ['--passed, a second left', $hour, $hour - 1, 1, '', '--passed 1h', 0],
    ['--passed, over', $hour, $hour, 1, '', '--passed 1h', 1],
    ['--passed 0', 4000 * $day, 4000 * $day, 1, '', '--passed 0', 0],
    ['--passed, not grey', 2 * $hour, 2 * $hour, 0, '', '--passed 1h', 0],
);
for my $case (@cases) {
	my ($name, $created, $used, $count, $flags, $options, $want) = @$case;
	my ($dry, $before, $out, $after) = Command::in_one_second(sub {
		my ($now) = @_;
		my @purge = ('purge', split / /, $options);
		my $now_flags = $flags =~ s/expires=\+(\d+)/"expires=" .
		    ($now + $1)/er;

		$c->must(qw(-q set item --created), $now - $created, '--used',
		    $now - $used, '--count', $count, '--flags', $now_flags);
		return ($c->must(@purge, '--dry-run'), $c->items,
		    $c->must(@purge), $c->items);
	});

	is($before, 'item', "$name: --dry-run changes nothing");
	is($after, $want ? '' : 'item', "$name: purged?");
	like($out, qr/^deleted $want of 1 records of \Q@{[$c->db]}\E: /,
	    "$name: said");
	is($dry, $out =~ s/^deleted/would delete/r, "$name: would say");
}

# How many of each.
my %some = (g => [$day, $day, 0], p1 => [90 * $day, 40 * $day, 1],
    p2 => [90 * $day, 40 * $day, 1], p3 => [0, 0, 1],
    e1 => [0, 0, 1, 'expires=5'], e2 => [0, 0, 0, 'expires=5'],
    e3 => [0, 0, 0, 'keep expires=5'], k => [90 * $day, 90 * $day, 1, 'keep']);
$c->fill(%some);
is($c->must('purge'), 'deleted 6 of 8 records of ' . $c->db . ": 1 never "
    . "passed, 2 passed, 3 with an end date\n", 'text');
is($c->items, 'k p3', 'what is left');
$c->fill(%some);
is($c->must(qw(purge --format json)), '{"dry_run":false,"deleted":6,'
    . '"records":8,"never_passed":1,"passed":2,"with_expires":3,"broken":0}'
    . "\n", 'JSON');
is($c->must(qw(purge --format tab)), "deleted\t0\nrecords\t2\n"
    . "never_passed\t0\npassed\t0\nwith_expires\t0\nbroken\t0\n", 'tab');
$c->fill(%some);
is($c->must(qw(-q purge)), '', 'silent with -q');
is($c->items, 'k p3', 'though it did it');

# More than a batch, and large keys.
my $old = "5 5 0\0";
$c->store(map { ("old$_\0" => $old, "new$_\0" => "4000000000 4000000000 1\0") }
    1 .. 1000);
$c->store(map { ("big$_" . 'x' x 60000 . "\0" => $old) } 1 .. 40);
like($c->must('purge'), qr/^deleted 1040 of 2042 records of .*: 1040 never/,
    'many');
is(scalar(split / /, $c->items), 1002, 'many: what is left');

# What passed after the snapshot was taken stays: it is judged again under the
# lock.  While the test holds that shared, purge can take the snapshot and must
# then wait; meanwhile the value is changed in the file.
sub has_snapshot
{
	my ($pid) = @_;

	for my $fd (glob("/proc/$pid/fd/*")) {
		my $to = readlink($fd) // '';
		return 1 if $to =~ /#\d+ \(deleted\)$/ &&
		    (-s $fd // 0) == -s $c->db;
	}
	return 0;
}
for my $command ([qw(purge)], [qw(delete --max-count 0)]) {
	$c->fill(a => [2 * $day, 2 * $day, 0]);
	# More than a batch: the first waits while the snapshot is walked.
	$c->store(map { ("other$_\0" => "5 5 0\0") } 1 .. 300);
	my ($before) = (split /\t/, $c->must(qw(show a --format tab)))[2];
	my $after = time;

	open(my $lock, '+<', $c->db . '.lock') or die;
	flock($lock, LOCK_SH) or die;
	my $pid = open(my $purge, '-|', Tree::build('exigrey'), '-d', $c->db,
	    @$command) // die;
	select(undef, undef, undef, 0.001) until has_snapshot($pid) ||
	    time > $after + 5;
	my $file = Tree::slurp($c->db);
	my ($was, $is) = map { Command::value("a\0", $_) }
	    "$before $before 0", "$after $after 7";
	is($file =~ s/(?<=a\0)\Q$was/$is/, 1,
	    "@$command: the record that changes");
	open(my $db, '+<', $c->db) or die;
	print $db $file;
	close($db);
	close($lock);
	like(scalar(<$purge>), qr/^deleted 300 of 301 records/,
	    "@$command: says what it deleted");
	close($purge);
	is($c->items, 'a', "@$command: what passed meanwhile stays");
}

# What a killed compact left.
{
	my $left = $c->db . '.lock-new';

	Command::spew($left, 'half a database');
	$c->must(qw(-q purge --dry-run));
	ok(-e $left, 'purge --dry-run: a file half made stays');
	$c->must(qw(-q purge));
	ok(!-e $left, 'purge: a file half made goes');
}

# Mail does not wait while purge copies the file; it does for a list, whose copy
# counts: that is the second.
SKIP: {
	$c->must(qw(set x));
	my %traced = map { $_ => $c->traced({}, 'copy_file_range', '-d',
	    $c->db, $_) } qw(list purge);
	my ($skip) = grep { defined } map { $_->{skip} } values %traced;

	skip($skip, 1) if $skip;
	is(join(' ', map { scalar(() = $traced{$_}{err} =~
	    /^copy_file_range\(/mg) } qw(list purge)), '2 1',
	    'list copies the file twice, purge once');
}

# Between its batches it asks whether somebody waits for the lock; one time in
# some it does not ask but pauses.
SKIP: {
	$c->store(map { ("old$_\0" => $old) } 1 .. 1000);
	my $r = $c->traced({}, 'fcntl', '-d', $c->db, qw(-q purge));

	skip($r->{skip}, 1) if $r->{skip};
	my ($kind) = map { $_ // '' } `stat -f -c %T '@{[$c->directory]}'`;
	skip("a server keeps the locks: $kind", 1)
	    if $kind =~ /^(?:v9fs|fuse|nfs|smb|cifs)/;
	cmp_ok(scalar(() = $r->{err} =~ /^fcntl(?:64)?\(\d+, F_OFD_GETLK/mg), '>=',
	    3, 'it gives way between batches');
}

done_testing;
