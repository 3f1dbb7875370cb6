#!/usr/bin/perl
# Each fuzz target for 20 seconds, or so many as EXIGREY_FUZZ_SECONDS says, from
# the corpus, two at a time; "make fuzz" takes longer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my $fuzz = Tree::root() . '/tests/fuzz';
my $built = Tree::root() . '/build/fuzz';
my $seconds = $ENV{EXIGREY_FUZZ_SECONDS} // 20;

chomp(my $why = `$fuzz/possible`);
plan(skip_all => "no fuzzing: $why") if $? != 0;
# They have sanitizers of their own; once is enough.
plan(skip_all => 'a build with other flags')
    if ($ENV{EXIGREY_BUILD} // 'build') ne 'build';

my $said = `$fuzz/run $built $seconds 2>&1`;
is($?, 0, 'nothing was found') or diag($said);
my %executions = $said =~ /^(\w+) +(\d+) /mg;
for my $target (map { m(/(\w+)\.c$) } glob("$fuzz/*.c")) {
	cmp_ok($executions{$target} // 0, '>', 100, "$target ran");
}
note($said);
done_testing;
