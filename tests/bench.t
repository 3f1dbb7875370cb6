#!/usr/bin/perl
# The benchmarks run, and print and write what they promise: no figure is
# judged here, since other work on a machine moves them all.
use strict;
use warnings;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP;
use Test::More;
use Tree;

my $dir = File::Temp->newdir('exigrey-bench-XXXXXX', TMPDIR => 1);
my $bench = Tree::root() . '/tests/bench';
my $text = `$bench/bench --quick --out $dir 2>&1`;

is($?, 0, 'bench runs') or diag($text);
like($text, qr/^known item, at 100k, to the floor +[\d.]+ times +5 +3 /m,
    'it prints a line with the bar and the goal');
like($text, qr/^system calls(?: of 'known': .*\bflock 1\.0\b|: not counted)/m,
    'it counts system calls, or says why not');
my $json = JSON::PP->new->decode(Tree::slurp("$dir/bench.json"));
cmp_ok(scalar @{$json->{rows}}, '>=', 29, 'the table is in the JSON');
is(scalar(grep { $_->{value} !~ /^-?[\d.e+-]+$/ } @{$json->{rows}}), 0,
    'all values are numbers');
SKIP: {
	skip 'no gnuplot here', 2 if $text =~ /^plots: none/m;
	like(Tree::slurp("$dir/$_.svg"), qr/<svg/, "$_.svg is a plot")
	    for qw(calls processes);
}

$text = `$bench/domains 200 2>&1`;
like($text, qr/^200 domains: [\d.]+ s.*^200 ok$/ms, 'domains: each was asked for');

$text = `$bench/commands 2000 2>&1`;
is($?, 0, 'bench-commands runs') or diag($text);
like($text, qr/^purge of half +[\d.]+ s .* \d+ *$/m, 'it tells of a purge');

$text = `$bench/trap 2000 2>&1`;
is($?, 0, 'bench-trap runs') or diag($text);
like($text, qr/^trap scan +[\d.]+ s +[\d.]+ MiB +[\d.]+ ms .* 0 +\d+$/m,
    'it tells of a scan');
like($text, qr/^trapped: 4 of 4 /m, 'who is to be trapped is');
like($text, qr/^DNS: 396 domains, 436 queries$/m,
    'and each domain is asked for once');

$text = `$bench/smtp --quick --rounds 2 --out $dir 2>&1`;
is($?, 0, 'bench-smtp runs') or diag($text);
like($text, qr/^  ours +\d+  [\d.]+ \([\d.]+-[\d.]+\) .*  0$/m,
    'it prints a line for ours, without wrong answers');
like($text, qr/^ours: the interval reaches 0\.90 of the floor +\d of  3 /m,
    'it tells in how many cases what must be is reached');
$json = JSON::PP->new->decode(Tree::slurp("$dir/smtp.json"));
is(scalar(grep { my $runs = $_->{runs};
	grep { !defined $runs->{$_} && $text !~ /^\Q$_\E: skipped, /m }
	qw(floor none ours seen greylistd postgrey sqlite), 'floor, loaded',
	'ours, loaded'
    } @{$json->{cells}}), 0, 'each is measured, or said to be missing');
$text = `$bench/smtp --quick --million --out $dir 2>&1`;
like($text, qr/^\d{4} recipients: 0 new accepted, 0 known deferred, 0 other/m,
    'the run that counts wrong answers finds none');

done_testing;
