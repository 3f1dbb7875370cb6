#!/usr/bin/perl
# exigrey list: every filter from both sides, states, orders, formats.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my $r = $c->run('list');
is($r->{status}, 0, 'no database: status');
is($r->{out}, '', 'no database: no output');
is($r->{err}, "exigrey: no database '" . $c->db . "' yet: Exim makes it at "
    . "the first check\n", 'no database: said with its whole path');
is($c->run('-q', 'list')->{err}, '', 'no database: silent with -q');
ok(!-e $c->db && !-e $c->db . '.lock', 'and none was made');

my ($hour, $day) = (3600, 86400);
$c->fill(
    # created and used so many seconds ago, count, flags
    'grey'	=> [$hour, $hour, 0],
    'old'	=> [25 * $hour, 25 * $hour, 0],
    'passed'	=> [10 * $day, 2 * $day, 5],
    'unused'	=> [90 * $day, 37 * $day, 2],
    '192.0.2.1'	=> [3 * $day, $hour, 9, 'auto'],
    '192.0.2.9'	=> [400 * $day, 400 * $day, 1, 'keep note=x'],
    '<a/b@x>'	=> [2 * $hour, 2 * $hour, 0, 'other'],
);
my @all = ('192.0.2.1', '192.0.2.9', '<a/b@x>', qw(grey old passed unused));
my %state = (grey => 'grey', old => 'expired', passed => 'passed',
    unused => 'expired', '192.0.2.1' => 'auto', '192.0.2.9' => 'kept',
    '<a/b@x>' => 'grey');

# [filter, items that are left]
for my $case (
    ['', "@all"],
    ['--state grey', '<a/b@x> grey'],
    ['--state passed', 'passed'],
    ['--state auto', '192.0.2.1'],
    ['--state kept', '192.0.2.9'],
    ['--state expired', 'old unused'],
    ['--state grey,kept', '192.0.2.9 <a/b@x> grey'],
    ['--state grey,grey', '<a/b@x> grey'],
    ['--match grey', 'grey'],
    ['--match gre', ''],
    ['--match *', "@all"],
    ['--match 192.0.2.?', '192.0.2.1 192.0.2.9'],
    ['--match 192.0.2.[2-9]', '192.0.2.9'],
    ['--match *s*', 'passed unused'],
    ['--match *@*', '<a/b@x>'],
    ['--match <a*b@x>', '<a/b@x>'],
    ['--match \*', ''],
    ['--regex ^192', '192.0.2.1 192.0.2.9'],
    ['--regex 2', '192.0.2.1 192.0.2.9'],
    ['--regex ^.{4}$', 'grey'],
    ['--regex (?i)GREY', 'grey'],
    ['--regex GREY', ''],
    ['--regex (?<=u)sed', 'unused'],
    ['--older-than 24h', '192.0.2.1 192.0.2.9 old passed unused'],
    ['--older-than 26h', '192.0.2.1 192.0.2.9 passed unused'],
    ['--older-than 399d', '192.0.2.9'],
    ['--older-than 401d', ''],
    ['--unused-for 47h', '192.0.2.9 passed unused'],
    ['--unused-for 49h', '192.0.2.9 unused'],
    ['--min-count 0', "@all"],
    ['--min-count 5', '192.0.2.1 passed'],
    ['--min-count 6', '192.0.2.1'],
    ['--max-count 0', '<a/b@x> grey old'],
    ['--max-count 1', '192.0.2.9 <a/b@x> grey old'],
    ['--min-count 2 --max-count 5', 'passed unused'],
    ['--min-count 3 --max-count 2', ''],
    ['--state grey --match g*', 'grey'],
    ['--regex 192 --max-count 1', '192.0.2.9'],
    ['--grey 26h --state grey', '<a/b@x> grey old'],
    ['--grey 0 --state grey', '<a/b@x> grey old'],
    ['--grey 30m --state expired', '<a/b@x> grey old unused'],
    ['--passed 38d --state expired', 'old'],
    ['--passed 0 --state passed', 'passed unused'],
    ['--passed 47h --state expired', 'old passed unused'],
) {
	my ($filter, $want) = @$case;

	is($c->items(split / /, $filter), $want, "list $filter");
}

# Exactly at the limit.
for my $case (['--older-than', 'grey', 0, 1], ['--unused-for', 'grey', 1, 1]) {
	my ($option, $item, $at, $over) = @$case;
	my ($exact, $one_less) = Command::in_one_second(sub {
		$c->must('-q', 'set', $item, '--created', '-100', '--used',
		    '-100');
		return map { $c->items($option, $_, '--match', $item) } 100, 99;
	});

	is($exact, $at ? $item : '', "$option at the limit");
	is($one_less, $over ? $item : '', "$option a second beyond");
}
$c->must('-q', 'set', 'grey', '--created', '-1h', '--used', '-1h');

# [options, items in that order]
for my $case (
    ['--sort item', "@all"],
    ['--sort item --reverse', join ' ', reverse @all],
    ['--sort count', '<a/b@x> grey old 192.0.2.9 unused passed 192.0.2.1'],
    ['--sort count --reverse',
	'192.0.2.1 passed unused 192.0.2.9 old grey <a/b@x>'],
    ['--sort created', '192.0.2.9 unused passed 192.0.2.1 old <a/b@x> grey'],
    ['--sort used', '192.0.2.9 unused passed old <a/b@x> 192.0.2.1 grey'],
    ['--sort state', '<a/b@x> grey passed 192.0.2.1 192.0.2.9 old unused'],
    ['--sort item --limit 2', '192.0.2.1 192.0.2.9'],
    ['--sort item --reverse --limit 1', 'unused'],
    ['--sort item --limit 0', ''],
    ['--sort item --limit 99 --state kept', '192.0.2.9'],
) {
	my ($options, $want) = @$case;
	my $out = $c->must(qw(list --format tab), split / /, $options);

	$want =~ s/used 192/used 192/;
	is(join(' ', map { (split /\t/)[0] } split /\n/, $out), $want,
	    "list $options");
}
is(() = $c->must(qw(list --format tab --limit 3)) =~ /\n/g, 3,
    '--limit without --sort');

# Formats.
my $text = $c->must(qw(list --sort item));
my @lines = split /\n/, $text;
is($lines[0], sprintf('%-7s  %-19s  %-19s  %7s  %-8s  %s', qw(STATE CREATED
    USED COUNT FLAGS ITEM)), 'text: header');
is(scalar @lines, 1 + @all, 'text: a line each');
my $time = qr/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
like($lines[1], qr/^auto     $time  $time        9  auto      192\.0\.2\.1$/,
    'text: a record');
like($lines[2], qr/^kept     $time  $time        1  keep,note=x  192\.0\.2\.9$/,
    'text: flags are one word');
like($lines[4], qr/  -         grey$/, 'text: no flags');
like($c->must(qw(list --match none)), qr/^STATE.*\n$/,
    'text: nothing but the header');
is($c->must(qw(list --match none --format tab)), '', 'tab: nothing');
is($c->must(qw(list --match none --format json)), '', 'JSON: nothing');

$c->must(qw(-q set grey --created 1764400000 --used 1764400001 --count 3),
    '--flags', 'auto note=a%20b');
is($c->must(qw(list --match grey --format tab --passed 0)),
    "grey\tauto\t1764400000\t1764400001\t3\tauto note=a%20b\n", 'tab');
is_deeply([Command->json($c->must(qw(list --match grey --format json --passed
    0)))], [{ item => 'grey', state => 'auto', created => 1764400000,
    used => 1764400001, count => 3, flags => ['auto', 'note=a%20b'] }], 'JSON');
for my $zone (['UTC', '2025-11-29 07:06:40'], ['CET-1', '2025-11-29 08:06:40'],
    ['EST5', '2025-11-29 02:06:40']) {
	my $r = $c->run({ env => { TZ => $zone->[0] } }, qw(list --match grey));

	like($r->{out}, qr/  $zone->[1]  /, "text: local time, TZ=$zone->[0]");
}
my %seen = map { $_->{item} => $_->{state} }
    Command->json($c->must(qw(list --format json)));
is_deeply(\%seen, { %state, grey => 'expired' }, 'JSON: states');

# A time that no calendar has.
$c->must(qw(-q set grey --created 9223372036854775807 --count
    9223372036854775807));
like($c->must(qw(list --match grey)),
    qr/9223372036854775807 .* 9223372036854775807 /, 'text: largest numbers');

# What is no record: the first ten by name, then how many.
my %broken = map { ("broken$_\0" => "1 2 x\0") } 10 .. 21;
$c->store(%broken, "foreign\033[31m" => "1 2 3\0");
$r = $c->run(qw(list --format tab));
is($r->{status}, 0, 'broken records: status');
is(() = $r->{out} =~ /\n/g, scalar @all, 'broken records are not listed');
is(() = $r->{err} =~ /^exigrey: '(?:broken\d\d|foreign\\033\[31m)': /mg, 10,
    'broken records: ten are named');
like($r->{err}, qr/12 whose value does not parse, 1 whose key is no item/,
    'broken records: counted');
is(() = $r->{err} =~ /\n/g, 11, 'broken records: nothing else');
is($c->run(qw(-q list))->{err}, '', 'broken records: silent with -q');

# A pattern that takes too long decides nothing.
$r = $c->run('list', '--regex', '(*NO_JIT)(*LIMIT_MATCH=1)(.+)+\d');
is($r->{status}, 2, 'regex without an end: status');
like($r->{err}, qr/--regex: some items could not be judged/,
    'regex without an end: said');

done_testing;
