#!/usr/bin/perl
# How hard the module and the command are to turn against their user: looked
# up in what each compiler here has made of them, not in what it was told.
use strict;
use warnings;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my $root = Tree::root();
my $temporary = File::Temp->newdir('exigrey-XXXXXX', TMPDIR => 1);
delete @ENV{qw(CC CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MAKELEVEL)};

# Builds all with a compiler; returns the folder.
sub built
{
	my ($cc) = @_;
	my $output = `make -j2 -C '$root' CC='$cc' BUILD='$temporary/$cc' all \\
	    2>&1`;

	is($?, 0, 'builds') or diag($output);
	return "$temporary/$cc";
}

# The largest step by which a function moves the stack pointer down.
sub largest_step
{
	my ($code) = @_;

	# A negative number moves it up: to give 128 bytes back gcc takes -128.
	return (sort { $b <=> $a } 0, map { hex }
	    $code =~ /\bsub\s+\$0x(?!f{8})([0-9a-f]+),%rsp$/mg)[0];
}

# Intel's control-flow enforcement: what the objects promise, and what becomes
# of it.  The linker keeps IBT only where the C library's crti.o has it too.
sub check_cet
{
	my ($file, $cc, @objects) = @_;
	chomp(my $crti = `$cc -print-file-name=crti.o`);
	my $ibt = `readelf -nW '$crti'` =~ /\bIBT\b/;
	my @without = grep {
		`readelf -nW '$_' 2>/dev/null` !~ /\bIBT, SHSTK\b/
	} @objects;

	is("@without", '', 'each object has IBT and SHSTK');
	cmp_ok(scalar @objects, '>', 20, 'which are all of them');
	like(`readelf -nW '$file'`, $ibt ? qr/\bIBT, SHSTK\b/ : qr/\bSHSTK\b/,
	    $ibt ? 'IBT and SHSTK' : "SHSTK; no IBT, for $crti has none");
}

sub check_x86
{
	my ($file, $cc, @objects) = @_;
	my $code = `objdump -d --no-show-raw-insn '$file'`;

	check_cet($file, $cc, @objects);
	# More in one step could jump over the guard page.
	cmp_ok(largest_step($code), '<=', 4096, 'no step over a page of stack');
	like($code, qr/\bsub\s+\$0x1000,%rsp\n.*\$0x0,\(%rsp\)/,
	    'each page of a large frame is touched');
}

sub check
{
	my ($file, $cc, @objects) = @_;
	my $header = `readelf -hW '$file'`;
	my $segments = `readelf -lW '$file'`;
	my $dynamic = `readelf -dW '$file'`;
	my $imports = `nm -D --undefined-only '$file'`;

	like($header, qr/Type:\s+DYN\b/, 'at any address');
	like($dynamic, qr/\(FLAGS_1\).*\bPIE\b/, 'PIE') if $file !~ /\.so$/;
	like($segments, qr/\bGNU_RELRO\b/, 'RELRO');
	like($dynamic, qr/\(FLAGS\).*\bBIND_NOW\b/, 'BIND_NOW');
	like($dynamic, qr/\(FLAGS_1\).*\bNOW\b/, 'NOW');
	like($segments, qr/\bGNU_STACK\b.*\bRW \s/, 'the stack is data');
	unlike($segments, qr/\bLOAD\b.*\bRWE\b/,
	    'nothing is both code and data');
	unlike($dynamic, qr/\(TEXTREL\)|\bTEXTREL\b/, 'no text relocations');
	unlike($dynamic, qr/\((?:RPATH|RUNPATH)\)/, 'no path of libraries');
	like($imports, qr/\b__stack_chk_fail\b/, 'stack protector');
	like($imports, qr/\b__v?snprintf_chk\b/, 'FORTIFY');
	check_x86($file, $cc, @objects) if $header =~ /Machine:.*X86-64/;
}

# The flags with which it would be built, given these variables.
sub flags
{
	my $given = join ' ', map { "'$_'" } @_;
	my $commands = `make -n -C '$root' BUILD='$temporary/flags' $given \\
	    all 2>&1`;

	my ($compile) = $commands =~ /^(.* -c -o \S+ shared\/key\.c)$/m;
	my ($link) = $commands =~ /^(\S+ -pie .*?) -o /m;
	return ($compile // '', $link // '');
}

for my $cc (qw(gcc clang)) {
	subtest $cc => sub {
		plan skip_all => "no $cc here"
		    if system("command -v $cc >/dev/null") != 0;
		my $build = built($cc);
		my @objects = split /\n/, `find '$build/objects' -name '*.o'`;

		for my $name (qw(exigrey.so exigrey)) {
			my @own = grep {
				$name eq 'exigrey' ? !m(/dlfunc/) : !m(/exigrey/)
			} @objects;
			subtest $name => sub {
				check("$build/$name", $cc, @own);
			};
		}
	};
}

# The user has the last word.
my ($compile, $link) = flags('CFLAGS=-O1 -fno-stack-protector',
    'CPPFLAGS=-DMINE', 'LDFLAGS=-Wl,-z,lazy');
like($compile, qr/-fstack-protector-strong .*-O1 -fno-stack-protector -DMINE/,
    "the user's CFLAGS and CPPFLAGS come after ours");
like($link, qr/-z,now .*-Wl,-z,lazy/, "and so do the user's LDFLAGS");
{
	local %ENV = (%ENV, CC => 'c99', CFLAGS => '-O1 -DCC', LDFLAGS =>
	    '-Wl,-O1');
	($compile, $link) = flags();
	like($compile, qr/^c99 .*-fstack-protector-strong .*-O1 -DCC/,
	    'those of the environment too');
	like($link, qr/-z,now .*-Wl,-O1/, 'LDFLAGS too');
}
for my $own (qw(-D_FORTIFY_SOURCE=1 -D_FORTIFY_SOURCE=2 -U_FORTIFY_SOURCE)) {
	my $made = "$temporary/own.o";

	($compile) = flags("CPPFLAGS=$own");
	$compile =~ s/-o \S+ /-o $made -I. /;
	is(system("cd '$root' && { $compile; } 2>/dev/null"), 0,
	    "$own of the user's is no conflict");
}
done_testing;
