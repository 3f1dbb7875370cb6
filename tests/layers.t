#!/usr/bin/perl
# The layers of doc/design.md: who may include what, and who may ask what.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Find;
use Test::More;
use Tree;

chdir(Tree::root()) or die;

my @rules = qw(status bytes number duration record key policy verdict);
my @io_parts = qw(dbpath library session lockfile journal recover set_aside
    snapshot prefetch start greydb\w* gdbm_\w+ bdb_\w+);
my @sources = sort glob('shared/*.[ch] dlfunc/*.[ch] exigrey/*.[ch]');
my (%text, %includes);

# The rules of the whole policy, and where rules and I/O meet.
push @rules, qw(network fold triplet trust setting settings netlist namelist);
my @meetings = qw(greylist known envelope config whitelist regex);

for my $file (@sources) {
	$text{$file} = Tree::slurp($file);
	$includes{$file} =
	    [$text{$file} =~ /^\s*#\s*include\s+[<"](.*?)[>"]/mg];
	# Comments and strings are free to name what they like.
	$text{$file} =~ s(/\*.*?\*/|"(?:[^"\\\n]|\\.)*")( )gs;
}

sub files_of
{
	my $names = join '|', @_;

	return grep { m(^shared/(?:$names)\.[ch]$) } @sources;
}

# No file of these may include one of those.
sub never
{
	my ($what, $files, $forbidden) = @_;
	my @found;

	for my $file (@$files) {
		push @found, map { "$file includes $_" }
		    grep { $_ =~ $forbidden } @{$includes{$file}};
	}
	is(join("\n", @found), '', $what);
}

# The words that are used in these files, as "FILE: WORD".
sub uses
{
	my ($pattern, @files) = @_;

	return join "\n", map {
		my $file = $_;
		map { "$file: $_" } $text{$file} =~ /$pattern/g
	} @files;
}

sub headers
{
	my $names = join '|', @_;

	return qr/^(?:.*\/)?(?:$names)\.h$/;
}

my @shared = grep { /^shared/ } @sources;
my @pure = files_of(@rules);
my @io = files_of(@io_parts);
my %placed = map { $_ => 1 } @pure, @io, files_of(@meetings);

is(join(' ', grep { !$placed{$_} } @shared), '',
    'each file of shared/ has its place in a layer');

my $above = join '|', map { m(/(.*)\.h$) } grep { !/^shared/ && /\.h$/ }
    @sources;
never('shared/ includes nothing of dlfunc/ or exigrey/', \@shared,
    qr/dlfunc|exigrey|^(?:$above)\.h$/);
never('dlfunc/ includes nothing of exigrey/',
    [grep { /^dlfunc/ } @sources], qr/exigrey\//);
never('exigrey/ includes nothing of dlfunc/',
    [grep { /^exigrey/ } @sources], qr/dlfunc\/|^exim\.h$/);

never('rules include no I/O header', \@pure, qr{^(?:fcntl|unistd|time|gdbm|
    poll|dirent|dlfcn|syslog|sys/(?:stat|file|mman|uio|time|ioctl|socket))\.h$}x);
never('rules include no I/O', \@pure, headers(@io_parts, @meetings));
is(uses(qr/\bFILE\b|\b(?:f?printf|fputs|puts|perror)\s*\(/, @pure), '',
    'rules use stdio for text in memory only');
never('I/O includes no rules', \@io,
    headers(qw(record verdict policy key duration network fold triplet trust
    setting settings netlist namelist), @meetings));
never('only greydb_gdbm.c includes <gdbm.h>',
    [grep { $_ ne 'shared/greydb_gdbm.c' } @sources], qr/^gdbm\.h$/);
never('only bdb_library.h includes <db.h>',
    [grep { $_ ne 'shared/bdb_library.h' } @sources], qr/^db\.h$/);
never('only the driver of Berkeley DB includes that',
    [grep { !m(^shared/(?:greydb_bdb\.c|bdb_)) } @sources], qr/^bdb_library\.h$/);

never('only library.c includes <dlfcn.h>',
    [grep { $_ ne 'shared/library.c' } @sources], qr/^dlfcn\.h$/);
never('only config.c includes <ini.h>',
    [grep { $_ ne 'shared/config.c' } @sources], qr/^ini\.h$/);
never('only domains.c includes <ares.h>',
    [grep { $_ ne 'exigrey/domains.c' } @sources], qr/^ares\.h$/);
never('in shared/ only regex.c includes <pcre2.h>',
    [grep { $_ ne 'shared/regex.c' } @shared], qr/^pcre2\.h$/);

is(uses(qr/\b(?:time\s*\((?:NULL|0|&)|gettimeofday|CLOCK_REALTIME\w*|
    timespec_get|ftime\b)/x, @shared), '', 'shared/ reads no wall clock');
is(uses(qr/\b(?:exit|_exit|abort|v?f?printf|perror|puts|signal|sigaction|
    sigprocmask|alarm|setlocale|umask|openlog|syslog)\s*\(/x, @shared), '',
    'shared/ neither ends, prints, nor touches signals, umask, locale');

my @exims = grep { $text{$_} =~
    /\b(?:expand_string\w*|log_write|debug_printf|host_checking)\s*[(;,&!=)]/ }
    grep { !/\.h$/ } @sources;
is("@exims", 'dlfunc/exim.c', "one file names Exim's symbols");

my @commands = grep { m(/cmd_) } @sources;
never("no command includes another's header", \@commands, qr/cmd_/);

my $overlay = `pkg-config --cflags libbsd-overlay libpcre2-8` // '';
chomp $overlay;
my $cc = $ENV{CC} // 'cc';
for my $header (grep { /\.h$/ } @sources) {
	my $more = $header =~ /^exigrey/ ? "$overlay -Iexigrey" : '';

	is(`$cc -std=c11 -D_GNU_SOURCE -Wall -Werror -Ishared $more \\
	    -fsyntax-only -x c $header 2>&1`, '', "$header compiles alone");
}

my @outside;
find({ no_chdir => 1, wanted => sub {
	$File::Find::prune = 1 if m(^\./(?:\.git|build.*)$);
	return unless -f;
	push @outside, $_ if Tree::slurp($_) =~ m(\Q../\E(?:shared|seeds)\b);
} }, '.');
is("@outside", '', 'no file points out of the tree');

done_testing;
