#!/usr/bin/perl
# What the module needs from others and shows to them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my $so = Tree::build('exigrey.so');
plan skip_all => "no $so" unless -e $so;

my $dynamic = `readelf -d $so`;
plan skip_all => 'built with a sanitizer' if $dynamic =~ /lib(?:a|t|ub)san/;

sub symbols { return grep { /\S/ } split /\n/, `nm -D @_ $so` }

my @exports = sort map { (split)[2] } symbols('--defined-only');
is("@exports", 'greylist record seen unseen version wait why', 'exports');

my (%weak, @strange);
for (symbols('--undefined-only')) {
	my ($kind, $name) = /(\w)\s+(\S+)$/;
	$weak{$name} = 1 if $kind =~ /[wv]/;
	# The C library's carry its version.
	push @strange, $name unless $kind =~ /[wv]/ ||
	    $name =~ /\@GLIBC_/;
}
is("@strange", '', 'needs nothing strong but libc');
for (qw(expand_string expand_string_2 log_write debug_printf host_checking)) {
	ok($weak{$_}, "$_ is weak");
}

my @needed = sort $dynamic =~ /\(NEEDED\).*\[(.*?)\]/g;
like("@needed", qr/^(?:ld-linux\S* )?libc\.so\.6$/,
    'links libc only');

done_testing;
