# What the benchmarks share: databases filled through the real command, load
# from programs in tests/bench/, numbers and their medians.
package Bench;
use strict;
use warnings;
use Carp qw(croak);
use File::Copy qw(copy);
use IPC::Open2;
use POSIX ();
use Time::HiRes qw(time);
use Tree;
use Exporter qw(import);
our @EXPORT_OK = qw(write_dump fill copy_database copy_page_by_page run_timed
    program pairs start_load stop_load median quantile cpu_seconds cpu_ticks
    interval);

my $now = int time;

# Item number i: 50 bytes with its NUL, the same as bench_item() of bench.h.
sub item
{
	my ($i) = @_;
	use integer;
	my $mixed = ($i + 1) * -7046029254386353131;

	return sprintf '<%016x@hosts.example>:<u%02d@mx.example>', $mixed,
	    $i % 100;
}

# A dump of so many passed records, every second one expired if wanted, and of
# 250 whitelisted suffixes.
sub write_dump
{
	my ($path, $records, $expired) = @_;

	open(my $dump, '>', $path) or croak "$path: $!";
	print $dump "# exigrey dump 1\n";
	for my $i (0 .. $records - 1) {
		my $used = $now - ($expired && $i % 2 ? 100 * 86400 : 3600);

		printf $dump "%s\t%d\t%d\t%d\t\n", item($i), $used - 900,
		    $used, 1 + $i % 9;
	}
	printf $dump "198.51.100.%d\t%d\t%d\t1\tauto\n", $_, $now - 4500,
	    $now - 3600 for 0 .. 249;
	close($dump) or croak "$path: $!";
}

# Imports a dump into a new database; with another block size than the usual
# one if wanted.  Returns the seconds that the import took.
sub fill
{
	my ($db, $dump, $block_size) = @_;
	my @exigrey = (Tree::build('exigrey'), '-d', $db);
	my ($first, $seconds);

	if ($block_size) {
		run_timed(@exigrey, 'set', 'first');
		run_timed(@exigrey, 'compact', '--block-size', $block_size);
	}
	($seconds) = run_timed(@exigrey, 'import', $dump);
	return $seconds;
}

# As exigrey and the others write theirs: what comes in megabytes, Linux keeps in
# large folios (since 6.16, on ext4), and each small write into one is dear.
sub copy_page_by_page
{
	my ($from, $to) = @_;

	copy($from, $to, 4096) or croak "$to: $!";
}

# A copy that nobody has written to.
sub copy_database
{
	my ($from, $to) = @_;

	unlink $to, "$to.lock";
	copy_page_by_page($from, $to);
	return $to;
}

# Runs a command; returns seconds and the largest resident size in MiB.
sub run_timed
{
	my (@command) = @_;
	my $start = time;

	pipe(my $from, my $to) or croak "pipe: $!";
	my $pid = fork // croak "fork: $!";
	if (!$pid) {
		close($from);
		open(STDOUT, '>', '/dev/null');
		POSIX::dup2(fileno($to), 9);
		no warnings 'exec';
		exec '/usr/bin/time', '-f', '%M', '-o', '/dev/fd/9', @command;
		POSIX::_exit(120);
	}
	close($to);
	my $size = do { local $/; <$from> };
	waitpid($pid, 0);
	croak "@command: status $?" if $? != 0;
	return (time - $start, $size / 1024);
}

# The output of a program of tests/bench.
sub program
{
	my ($name, @arguments) = @_;

	open(my $out, '-|', Tree::build("tests/$name"), @arguments)
	    or croak "$name: $!";
	my $text = do { local $/; <$out> };
	close($out) or croak "$name @arguments: status $?";
	return $text;
}

# "NAME VALUE NAME VALUE ..." as a hash.
sub pairs
{
	my ($text) = @_;

	return { $text =~ /(\S+) (\S+)/g };
}

# Load that lasts until it is stopped: processes, calls a second in all.
sub start_load
{
	my ($db, $records, $processes, $rate) = @_;
	my $pid = open2(my $out, my $in, Tree::build('tests/load'), $db,
	    $records, $processes, $rate, 0);

	return { pid => $pid, out => $out, in => $in };
}

sub stop_load
{
	my ($load) = @_;

	close($load->{in});
	my $line = readline($load->{out}) // '';
	waitpid($load->{pid}, 0);
	return pairs($line);
}

sub quantile
{
	my ($part, @values) = @_;

	@values = sort { $a <=> $b } @values;
	return $values[int(($#values) * $part + 0.5)];
}

# Ticks of all processors since the boot, and how many of them the host of this
# virtual machine has given to others (proc(5), steal).
sub cpu_ticks
{
	my (undef, @ticks) = split ' ', (split /\n/, Tree::slurp('/proc/stat'))[0];
	my $all = 0;

	$all += $_ for @ticks[0 .. 7];
	return ($all, $ticks[7]);
}

# CPU seconds of a process and of those children of it that have ended, to a
# hundredth.
sub cpu_seconds
{
	my ($pid) = @_;
	my ($fields) = Tree::slurp("/proc/$pid/stat") =~ /.*\) (.*)/
	    or croak "no process $pid";
	my $ticks = 0;

	$ticks += $_ for (split ' ', $fields)[11 .. 14];
	return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# The 0.975 quantile of Student's distribution, by its expansion about that of
# the normal one (Abramowitz and Stegun, 26.7.5).
sub student
{
	my ($n) = @_;
	my $x = 1.959964;

	return $x + ($x ** 3 + $x) / (4 * $n) +
	    (5 * $x ** 5 + 16 * $x ** 3 + 3 * $x) / (96 * $n ** 2) +
	    (3 * $x ** 7 + 19 * $x ** 5 + 17 * $x ** 3 - 15 * $x) /
	    (384 * $n ** 3);
}

# The mean of values and the ends of its 95 % interval.
sub interval
{
	my (@values) = @_;
	my ($mean, $squares) = (0, 0);

	$mean += $_ / @values for @values;
	return ($mean, $mean, $mean) if @values < 2;
	$squares += ($_ - $mean) ** 2 for @values;
	my $half = student(@values - 1) *
	    sqrt($squares / (@values - 1) / @values);
	return ($mean, $mean - $half, $mean + $half);
}

sub median { return quantile(0.5, @_) }

1;
