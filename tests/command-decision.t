#!/usr/bin/perl
# exigrey unseen, seen, wait: the decision from a shell.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my $r = $c->run(qw(wait a));
is($r->{out}, "600\n", 'wait without a database');
ok(!-e $c->db, 'wait makes none');

# The life of an item: [how old it is made, arguments, answer, count and flags
# of the item then].
for my $case (
    [undef, [qw(unseen a)], 'yes', '0 []'],
    [undef, [qw(unseen a)], 'yes', '0 []'],
    [undef, [qw(seen a)], 'no', '0 []'],
    ['-9m', [qw(unseen a)], 'yes', '0 []'],
    ['-9m', [qw(unseen a --delay 9m)], 'no', '1 []'],
    ['-11m', [qw(wait a)], '0', '0 []'],
    ['-11m', [qw(unseen a)], 'no', '1 []'],
    [undef, [qw(unseen a)], 'no', '2 []'],
    [undef, [qw(seen a)], 'yes', '3 []'],
    ['-25h', [qw(unseen a)], 'yes', '0 []'],
    ['-25h', [qw(unseen a --options grey=26h)], 'no', '1 []'],
    ['-25h', ['unseen', 'a', '--options', 'grey=0 passed=0'], 'no', '1 []'],
) {
	my ($age, $arguments, $want, $then) = @$case;

	$c->must(qw(-q set a --count 0 --flags), '', '--used', $age,
	    '--created', $age) if defined $age;
	is($c->must(@$arguments), "$want\n", join ' ', @$arguments);
	my (undef, undef, undef, undef, $count, $flags) =
	    split /\t/, $c->must(qw(show a --format tab)) =~ s/\n//r, -1;
	is("$count [$flags]", $then, join ' ', 'after', @$arguments);
}

# KEY is split at its first slash, unless there is --suffix.
# [arguments of unseen, items then]
for my $case (
    [['a/b'], 'a b'],
    [['a/b/c'], 'a b/c'],
    [['a/'], 'a/'],
    [['/a'], ' a'],
    [['a'], 'a'],
    [[''], ''],
    [['a/b', '--suffix', 'c'], 'a/b c'],
    [['a/b', '--suffix', ''], 'a/b'],
    [['a/b', '--suffix='], 'a/b'],
    [['a/b', '--suffix', 'c/d'], 'a/b c/d'],
) {
	my ($arguments, $want) = @$case;
	my ($item) = $want =~ /^(\S*)/;

	$c->must(qw(-q set before)) if !-e $c->db;
	$c->must(qw(-q delete --all));
	is($c->must('unseen', @$arguments), "yes\n", "unseen @$arguments");
	is($c->must(qw(list --format tab)) =~ /^([^\t]*)/ ? $1 : undef, $item,
	    "unseen @$arguments: the item");
	$c->must(qw(-q set --created -1h --), $item);
	is($c->must('unseen', @$arguments), "no\n",
	    "unseen @$arguments: passes");
	is($c->items, $want, "unseen @$arguments: item and suffix");
}
$c->must(qw(-q delete --all));
$c->must(qw(-q allow net));
is($c->must(qw(unseen x --suffix net)), "no\n", 'a whitelisted suffix');
is($c->must(qw(wait x --suffix net)), "0\n", 'wait knows it');
is($c->items, 'net', 'the item is not stored then');
like($c->must(qw(show net --format tab)), qr/\t2\tkeep$/, 'it was counted');

# Failures are no answers.
my $blocked = "$c->{directory}/db/file/seen";
Command::spew("$c->{directory}/db/file", '');
for my $options ([], ['--options', 'on_failure=pass'],
    ['--options', 'on_failure=defer']) {
	my $r = $c->program({}, Tree::build('exigrey'), '-d', $blocked,
	    qw(unseen a), @$options);

	is($r->{status}, 2, "failure, @$options: status");
	is($r->{out}, '', "failure, @$options: no answer");
	like($r->{err}, qr/^exigrey: .*\Q$blocked\E|cannot open directory/,
	    "failure, @$options: said");
}
$r = $c->run(qw(unseen new --options max_records=1));
is($r->{status}, 2, 'max_records: status');
like($r->{err}, qr/max_records is 1/, 'max_records: said');

# A record that does not parse counts as unknown; that is said.
$c->store("bad\0" => "1 2\0");
$r = $c->run(qw(unseen bad));
is($r->{out}, "yes\n", 'broken record: new');
like($r->{err}, qr/^exigrey: .*does not parse/, 'broken record: said');
is($c->run(qw(unseen bad))->{err}, '', 'broken record: mended');
$c->store("bad\0" => 'x' x 5000);
is($c->run(qw(unseen bad))->{out}, "yes\n", 'longer than any: new');

done_testing;
