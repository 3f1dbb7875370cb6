#!/usr/bin/perl
# exigrey show, set, allow, delete.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my $no_database = "exigrey: no database '" . $c->db . "' yet: Exim makes it "
    . "at the first check\n";

# Without a database: [arguments, status].
for my $case ([[qw(show a)], 1], [[qw(delete a)], 1],
    [[qw(delete --all)], 0], [[qw(delete --match *)], 0],
    [[qw(delete a --dry-run)], 1]) {
	my ($arguments, $status) = @$case;
	my $r = $c->run(@$arguments);

	is($r->{status}, $status, "no database: @$arguments: status");
	is($r->{err}, $no_database, "no database: @$arguments: said");
}
ok(!-e $c->db, 'none was made');

# What `show` says of an item: state, times, count and [flags].
sub record
{
	my ($item) = @_;
	my $row = $c->must('show', '--format', 'tab', '--', $item);
	my (undef, $state, $created, $used, $count, $flags) =
	    split /\t/, $row =~ s/\n\z//r, -1;

	return "$state $created $used $count [$flags]";
}

# Makes a record anew; returns what the command printed.
sub set_anew
{
	my ($item, @arguments) = @_;

	$c->run(qw(-q delete --), $item);
	return $c->must(qw(set --format tab), $item, @arguments);
}

# set: [arguments of a first set, of a second, the record, times as of now]
my @passed = qw(--created -2h --used -1h --count 3);
my @flagged = (@passed, '--flags', 'auto note=x%20y');
for my $case (
    [[], [], 'grey 0 0 0 []'],
    [[qw(--created -2h)], [], 'grey -7200 -7200 0 []'],
    [[], [qw(--created -2h)], 'grey -7200 -7200 0 []'],
    [[qw(--created -2h)], [qw(--count 3)], 'passed -7200 -7200 3 []'],
    [[qw(--created -2h)], [qw(--used -1h)], 'grey -7200 -3600 0 []'],
    [\@passed, [], 'passed -7200 -3600 3 []'],
    [\@passed, [qw(--created -3h)], 'passed -10800 -3600 3 []'],
    [\@passed, [qw(--used now)], 'passed -7200 0 3 []'],
    [\@passed, [qw(--count 9223372036854775807)],
	'passed -7200 -3600 9223372036854775807 []'],
    [\@passed, [qw(--flags auto)], 'auto -7200 -3600 3 [auto]'],
    [\@flagged, [], 'auto -7200 -3600 3 [auto note=x%20y]'],
    [\@flagged, [qw(--count 0)], 'auto -7200 -3600 0 [auto note=x%20y]'],
    [\@flagged, ['--flags', ''], 'passed -7200 -3600 3 []'],
    [\@flagged, [qw(--flags keep)], 'kept -7200 -3600 3 [keep]'],
    [[], [qw(--created +1h --used now)], 'grey 3600 0 0 []'],
    [[], [qw(--count 1 --count 2)], 'passed 0 0 2 []'],
) {
	my ($first, $second, $want) = @$case;
	my ($printed, $got, $now) = Command::in_one_second(sub {
		my ($at) = @_;

		set_anew('item', @$first);
		return ($c->must(qw(set item --format tab), @$second),
		    record('item'), $at);
	});
	my ($state, $created, $used, $count, $flags) = split / /, $want, 5;
	my $name = "set @$first, then @$second";

	$created += $now;
	$used += $now;
	is($got, "$state $created $used $count $flags", $name);
	$flags =~ s/^\[(.*)\]$/$1/;
	is($printed, "item\t$state\t$created\t$used\t$count\t$flags\n",
	    "$name: printed");
}
like(set_anew('item', qw(--created 0)), qr/^item\texpired\t0\t0\t0\t$/,
    'set to 1970');

# Dates.
for my $case (
    ['UTC', '2026-11-21', 1795219200],
    ['UTC', '2026-11-21 10:00', 1795255200],
    ['UTC', '2026-11-21 10:00:07', 1795255207],
    ['UTC', '2026-11-21T10:00', 1795255200],
    ['UTC', '2026-11-21T10:00:07', 1795255207],
    ['CET-1', '2026-11-21', 1795215600],
    ['CET-1', '2026-11-21Z', 1795219200],
    ['CET-1', '2026-11-21 10:00:07Z', 1795255207],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2026-07-01 10:00', 1782892800],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2026-12-01 10:00', 1796115600],
    ['UTC', '2028-02-29', 1835395200],
    ['UTC', '1970-01-01', 0],
    ['UTC', '1795219200', 1795219200],
) {
	my ($zone, $date, $want) = @$case;
	my $r = $c->run({ env => { TZ => $zone } }, qw(set item --format tab
	    --created), $date);

	is((split /\t/, $r->{out})[2], $want, "$date, TZ=$zone");
}
is($c->run(qw(-q set item --count 1))->{out}, '', 'set: silent with -q');

# show
$c->must(qw(-q set item --created -26h --used -1m --count 2 --flags), 'auto');
$c->must(qw(-q set young --created -5m));
my $time = qr/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
my $r = $c->run(qw(show item missing young));
is($r->{status}, 1, 'show: one is missing: status');
is($r->{err}, "exigrey: 'missing': no such item\n", 'show: which');
like($r->{out}, qr/^item      item
state     auto
created   $time  \(1 day 2 hours ago\)
used      $time  \(1 minute(?: \d seconds?)? ago\)
count     2
flags     auto

item      young
state     grey
created   $time  \(5 minutes(?: \d seconds?)? ago\)
used      $time  \(5 minutes(?: \d seconds?)? ago\)
count     0
flags     none\n\z/, 'show: text');
$r = $c->run(qw(show item));
is($r->{status}, 0, 'show: found: status');
unlike($r->{out}, qr/unseen/, 'show: no answer without --delay');

# show --delay: [record, delay, tab, text]
for my $case (
    [[qw(--created -5m)], '10m', "yes\t300", qr/yes: too early; it would pass in 5 minutes$/],
    [[qw(--created -5m)], '5m', "no\t0", qr/no: the delay is over$/],
    [[qw(--created -25h)], '10m', "yes\t600", qr/yes: it has expired; it would pass in 10 minutes$/],
    [[qw(--created now --count 1 --flags keep)], '10m', "no\t0", qr/no: whitelisted by hand$/],
    [[qw(--created +1h)], '10m', "yes\t600", qr/yes: too early; it would pass in 10 minutes$/],
) {
	my ($record, $delay, $tab, $text) = @$case;
	my ($got, $shown, $json) = Command::in_one_second(sub {
		set_anew('j', @$record);
		return map { $c->must(qw(show j --delay), $delay, '--format',
		    $_) } qw(tab text json);
	});

	like($got, qr/\t$tab$/, "show --delay $delay, @$record: tab");
	like($shown, qr/^unseen    .*$text/m, "show --delay, @$record: text");
	my ($object) = Command->json($json);
	is("$object->{unseen}\t$object->{wait}", $tab,
	    "show --delay, @$record: JSON");
}
set_anew('old', qw(--created -30d));
like($c->must(qw(show old --format tab --delay 10m)), qr/\texpired\t.*\tyes\t600$/,
    'show: expired');
like($c->must(qw(show old --format tab --delay 10m --grey 0)),
    qr/\tgrey\t.*\tno\t0$/, 'show --grey');

# allow
$c->must(qw(-q set known --created -1h --flags), 'note=y auto');
$c->must(qw(-q set passed --created -1h --used -1h --count 7));
my $printed = $c->must(qw(allow new known passed --format tab));
like($printed, qr/^new\tkept\t(\d+)\t\1\t1\tkeep
known\tkept\t\d+\t\d+\t1\tnote=y auto keep
passed\tkept\t\d+\t\d+\t7\tkeep\n\z/, 'allow: printed');
is($c->must(qw(show new known passed --format tab)), $printed,
    'allow: stored');
is($c->must(qw(unseen x --suffix new)), "no\n", 'allow: holds as a suffix');
is($c->must(qw(unseen new)), "no\n", 'allow: holds as an item');
my ($expires, $now) = Command::in_one_second(sub {
	return ($c->must(qw(allow known --expires +1h --format tab)), $_[0]);
});
like($expires, qr/\tnote=y auto keep expires=@{[$now + 3600]}$/,
    'allow --expires');
like($c->must(qw(show known)), qr/^expires   $time  \(in (?:1 hour|59 )/m,
    'show: expires');
like($c->must(qw(allow known --expires +2h --format tab)),
    qr/\tnote=y auto keep expires=@{[$now + 7200]}$|expires=\d+$/,
    'allow --expires again');
is(() = record('known') =~ /expires=/g, 1, 'there is only one expires=');
unlike($c->must(qw(allow known)), qr/expires/,
    'allow without --expires: for good');
is($c->run(qw(-q allow known))->{out}, '', 'allow: silent with -q');

# What looks like a client, but as Exim never writes one: allowed, and told.
for my $case (['192.0.2.0/24', qr/'192\.0\.2\.0\/24' does not allow the hosts/],
    ['2001:db8::/32', qr/does not allow the hosts .*a host list of Exim/],
    ['2001:DB8:0::1', qr/'2001:DB8:0::1' is '2001:db8::1' when Exim writes/],
    ['2001:db8::1', qr/\A\z/], ['192.0.2.1', qr/\A\z/],
    ['a/24', qr/\A\z/], ['<a/b@x>:<c@d>', qr/\A\z/]) {
	my ($item, $told) = @$case;

	like($c->run('allow', $item)->{err}, $told, "allow $item: told");
	like(record($item), qr/keep/, "allow $item: allowed");
	is($c->run('-q', 'allow', $item)->{err}, '', "allow $item: -q");
	$c->must('delete', $item);
}

# delete ITEM
$c->fill(map { ($_ => [60, 60, 0]) } qw(a b c), '*');
$r = $c->run(qw(delete a b --dry-run));
is($r->{status}, 0, 'delete --dry-run: status');
like($r->{out}, qr/^would delete 2 of 2 items of \Q@{[$c->db]}\E$/,
    'delete --dry-run: said');
is($c->items, '* a b c', 'delete --dry-run changes nothing');
$r = $c->run(qw(delete a nix --dry-run));
is($r->{status}, 1, 'delete --dry-run: one is missing');
$r = $c->run('delete', '*', 'nix');
is($r->{status}, 1, 'delete: one is missing: status');
is($r->{err}, "exigrey: 'nix': no such item\n", 'delete: which');
like($r->{out}, qr/^deleted 1 of 2 items of /, 'delete: how many');
is($c->items, 'a b c', 'delete: an item is no pattern');
is($c->must(qw(-q delete a)), '', 'delete: silent with -q');
is($c->must(qw(delete b --format tab)), "deleted\t1\n", 'delete: tab');
is($c->must(qw(delete c --format json)),
    qq({"dry_run":false,"deleted":1}\n), 'delete: JSON');
is($c->items, '', 'all are gone');

# More than a batch.
my @many = map { "m$_" } 1 .. 600;
$c->must('-q', 'allow', @many);
is(scalar(split / /, $c->items), 600, 'allow: 600 at once');
like($c->must('delete', @many[0 .. 299]), qr/^deleted 300 of 300 items/,
    'delete: 300 at once');
is($c->run('delete', @many)->{out} =~ s/ of \/.*//sr,
    'deleted 300 of 600 items', 'delete: 300 of 600');

# delete FILTER, --all
my %some = (g1 => [60, 60, 0], g2 => [60, 60, 0], p1 => [60, 60, 1],
    e1 => [60, 60, 1, 'expires=2000000000'], old => [100000, 100000, 0]);
for my $case (
    [[qw(--match g*)], 'e1 old p1', '2 of 5', '2 never passed, 0 passed, 0 with'],
    [[qw(--regex 1$)], 'g2 old', '3 of 5', '1 never passed, 1 passed, 1 with'],
    [[qw(--state expired)], 'e1 g1 g2 p1', '1 of 5', '1 never passed'],
    [[qw(--state expired --grey 30s)], 'e1 p1', '3 of 5', '3 never passed'],
    [[qw(--older-than 1h)], 'e1 g1 g2 p1', '1 of 5', '1 never passed'],
    [[qw(--min-count 1)], 'g1 g2 old', '2 of 5', '0 never passed, 1 passed, 1 with'],
    [[qw(--match none)], 'e1 g1 g2 old p1', '0 of 5', '0 never passed'],
    [[qw(--all)], '', '5 of 5', '3 never passed, 1 passed, 1 with'],
) {
	my ($arguments, $left, $count, $kinds) = @$case;

	$c->fill(%some);
	my $dry = $c->must('delete', '--dry-run', @$arguments);
	is($c->items, 'e1 g1 g2 old p1', "delete @$arguments -n: unchanged");
	my $out = $c->must('delete', @$arguments);
	like($out, qr/^deleted $count records of .*: $kinds/,
	    "delete @$arguments: said");
	is($dry, $out =~ s/^deleted/would delete/r,
	    "delete @$arguments -n: would say");
	is($c->items, $left, "delete @$arguments: what is left");
}

# What does not parse: only --all and its item delete it.
my %broken = ("bad\0" => "1 2\0", "bad\033\0" => '', 'foreign' => "1 2 3\0");
$c->fill(good => [60, 60, 0]);
$c->store(%broken);
like($c->must(qw(delete --match *)),
    qr/^deleted 1 of 4 .*\nleft alone: 3 that do not parse/,
    'delete --match: leaves what is broken');
like($c->must(qw(purge --grey 1s --passed 1s)), qr/^deleted 0 of 3 /,
    'purge: leaves what is broken');
like($c->run(qw(show bad))->{out}, qr/^item      bad
state     broken: the value is not 'created used count'
value     1 2\\000\n\z/, 'show: broken');
is($c->must(qw(show bad --format tab)), "bad\tbroken\t\t\t\t1 2\\000\n",
    'show: broken, tab');
is_deeply([Command->json($c->must(qw(show bad --format json)))],
    [{ item => 'bad', state => 'broken', value_hex => '31203200',
    error => "the value is not 'created used count'" }],
    'show: broken, JSON');
is($c->run('delete', "bad\033")->{status}, 0, 'delete ITEM: broken');
like($c->must(qw(delete --all)),
    qr/^deleted 2 of 2 .*, 2 did not parse$/, 'delete --all: broken');
$c->store("bad\0" => "1 2\0");
like($c->must(qw(set bad --count 4 --format tab)), qr/^bad\tpassed\t.*\t4\t$/,
    'set: a broken one is new');
$c->store("bad\0" => 'x' x 5000);
is($c->run(qw(set bad))->{status}, 0, 'set: a broken one, longer than any');

done_testing;
