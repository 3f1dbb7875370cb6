#!/usr/bin/perl
# Items of any bytes: nothing harmful reaches a terminal, and tab and JSON give
# back every byte.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use Test::More;
use Command;

my $c = Command->new;
my $value = "1764400000 1764400000 3 auto\0";

# The reverse of what text and tab do.
sub restore { return $_[0] =~ s/\\([0-3][0-7]{2})/chr(oct($1))/ger }

# What a JSON object's item is, in bytes.
sub json_item
{
	my ($object) = @_;

	return pack('H*', $object->{item_hex}) if exists $object->{item_hex};
	return Encode::encode('UTF-8', $object->{item});
}

my %items = map { ("x" . chr($_) . "7" => "byte $_") } 0 .. 255;
$items{join '', map { chr } 0 .. 255} = 'all bytes';
$items{''} = 'nothing';
$items{' '} = 'a space';
$items{"\033[31m\033]0;title\007"} = 'escape sequences';
$items{"a\nb\r\nc\t"} = 'newlines and tabs';
$items{"\\033[31m\\"} = 'backslashes';
$items{'"\'$(id)`id`%s%n<&>'} = 'quotes';
$items{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"} = 'UTF-8';
$items{"\xc2\x80\xc2\x9b\x7f"} = 'C1 controls in UTF-8';
$items{"\xf4\x8f\xbf\xbd"} = 'a very large code point';
$items{"a\0"} = 'a NUL at the end';
$items{'k' x 65536} = '64 KiB';
$items{"\n\033" x 32768} = '64 KiB of control bytes';
my %not_utf8 = ("\xc3" => 'cut off', "\xe2\x82" => 'cut off later',
    "\xc0\xaf" => 'longer than need be', "\xe0\x80\xaf" => 'longer still',
    "\xf0\x80\x80\xaf" => 'longest', "\xed\xa0\x80" => 'a surrogate',
    "\xf4\x90\x80\x80" => 'too large', "\xf8\x88\x80\x80\x80" => 'five bytes',
    "\xc3(" => 'no second byte', "\x80" => 'no first byte', "\xff" => 'FF',
    "a\0b" => 'a NUL within');
my %stored = (%items, %not_utf8);
$c->store(map { ("$_\0" => $value) } keys %stored);

my $text = $c->must('list');
my $tab = $c->must(qw(list --format tab));
my $json = $c->must(qw(list --format json));
unlike($text, qr/[^\x20-\x7e\n]/, 'text is printable ASCII');
unlike($tab, qr/[^\x20-\x7e\n\t]/, 'tab is printable ASCII and tabs');
unlike($json, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'JSON holds no control byte');
unlike(Encode::decode('UTF-8', $json), qr/[\x80-\x9f]/, 'nor a C1 control');
ok(defined eval { Encode::decode('UTF-8', $json, Encode::FB_CROAK |
    Encode::LEAVE_SRC) }, 'JSON is UTF-8');
is(() = $text =~ /\n/g, 1 + keys %stored, 'text: a line each');

my %from_tab = map { restore((split /\t/)[0]) => 1 } split /\n/, $tab;
my %from_text = map { restore(substr $_, 70) => 1 } (split /\n/, $text)[1 ..
    keys %stored];
my @objects = Command->json($json);
my %from_json = map { json_item($_) => $_ } @objects;
for my $item (sort keys %stored) {
	ok($from_tab{$item}, "tab: $stored{$item}");
	ok($from_text{$item}, "text: $stored{$item}");
	ok($from_json{$item}, "JSON: $stored{$item}");
}
is(scalar @objects, scalar keys %stored, 'JSON: an object each');
for my $item (sort keys %not_utf8) {
	ok(exists $from_json{$item}{item_hex} && !exists
	    $from_json{$item}{item}, "JSON: item_hex: $not_utf8{$item}");
}
ok(!exists $from_json{$_}{item_hex}, "JSON: no item_hex: $items{$_}")
    for grep { /^[\x01-\x7e]*$/ || /^\xc3\xa9/ } sort keys %items;

# As arguments: all but those with a NUL, and below the kernel's limit.
for my $item (sort keys %stored) {
	next if $item =~ /\0/;
	my $r = $c->run(qw(show --format tab --), $item);
	is($r->{status}, 0, "show: $stored{$item}");
	is(restore((split /\t/, $r->{out})[0]), $item,
	    "show gives back: $stored{$item}");
	next if length $item > 1000;
	unlike($c->must(qw(show --), $item), qr/[^\x20-\x7e\n]/,
	    "show, text: $stored{$item}");
}
$c->must(qw(-q delete --), "\033[31m\033]0;title\007", "a\nb\r\nc\t");
my $r = $c->run(qw(show --), "\033[31m\033]0;title\007");
is($r->{err}, "exigrey: '\\033[31m\\033]0;title\\007': no such item\n",
    'deleted; what does not print is escaped in messages');
$r = $c->run(qw(show --), "no\033" x 100);
unlike($r->{err}, qr/[^\x20-\x7e\n]|.{1000}/, 'long items are cut there');
is(scalar(grep { $_ eq '\134033[31m\134' } split / /, $c->items), 1,
    'what only looks the same is still there');

# Patterns see bytes, NUL too.
my @with_nul = ('--match', "a*b", '--format', 'json');
is((Command->json($c->must('list', @with_nul)))[0]{item_hex}, '610062',
    '--match reaches beyond a NUL');
is((Command->json($c->must('list', '--regex', '^a\0b$', '--format',
    'json')))[0]{item_hex}, '610062', '--regex knows NUL');
is(scalar(Command->json($c->must('list', '--match', "x\x80?", '--format',
    'json'))), 1, '--match knows bytes');
is(scalar(Command->json($c->must('list', '--regex', '^x[\x80-\xff]7$',
    '--format', 'json'))), 128, '--regex knows bytes');
my $all = keys(%stored) - 2;
like($c->must(qw(delete --match *)), qr/^deleted $all of $all records/,
    'delete reaches them all');

done_testing;
