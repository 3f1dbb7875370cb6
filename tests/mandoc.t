#!/usr/bin/perl
# The manual pages are well-formed mdoc.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

chdir(Tree::root()) or die;
my @pages = sort glob('doc/*.[578]');
plan skip_all => 'no mandoc' if system('command -v mandoc >/dev/null') != 0;
plan skip_all => 'no pages' if !@pages;
for my $page (@pages) {
	is(`mandoc -T lint -W warning $page 2>&1`, '', $page);
	is(`mandoc -T utf8 $page | LC_ALL=C grep -c .` > 20, 1,
	    "$page has text");
}
done_testing;
