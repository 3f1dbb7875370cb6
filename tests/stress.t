#!/usr/bin/perl
# Many processes on one database, some of them killed: every answer fits the
# history of its key.  Meanwhile Exim reads the same file, with ${lookup dbm}
# where it was built with GDBM, and with the function "record".
# EXIGREY_STRESS_PROCESSES and EXIGREY_STRESS_SECONDS say how many, how long.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use POSIX ();
use PrivateExim;
use Test::More;
use Tree;

my $processes = $ENV{EXIGREY_STRESS_PROCESSES} // 16;
my $seconds = $ENV{EXIGREY_STRESS_SECONDS} // 5;
my $readers = 4;	# processes that start one Exim after the other
my $steady = 40;	# items that are there all the time

sub stress
{
	my ($db, @options) = @_;
	my @command = (Tree::build('tests/stress'), @options,
	    Tree::build('exigrey'), $db);
	my $out = `@command 2>&1`;

	return ($? >> 8, $out, $out =~ /^(.*?): (\d+)/mg);
}

# Runs code in a process of its own; returns what finish() needs.
sub background
{
	my ($code) = @_;

	pipe(my $in, my $out) or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		print $out $code->();
		close($out);
		POSIX::_exit(0);
	}
	close($out);
	return [$pid, $in];
}

sub finish
{
	my ($pid, $in) = @{$_[0]};
	my $text = do { local $/; <$in> } // '';

	waitpid($pid, 0);
	return $text;
}

# Starts Exims until time is over, each of which expands the same form for some
# items that are there.  Returns how many it expanded, how many of them failed
# or gave no record, and an example.
sub expand_all
{
	my ($exim, $form, $end) = @_;
	my ($n, $bad, $example, $first) = (0, 0, '', $$);

	while (time < $end) {
		my @items = map { 'steady' . ($first++ % $steady) } 1 .. 5;
		my ($status, $out) = $exim->run(
		    join('', map { $form->($_) . "\n" } @items), '-be');
		my @answers = $out =~ /^> (.*)$/mg;
		$#answers = $#items;
		for my $answer (@answers) {
			$n++;
			next if ($answer // '') =~ /^\d+ \d+ \d+( .*)?$/;
			$bad++;
			$example = $answer // 'nothing';
		}
	}
	return "$n $bad $example";
}

# Several of these at once; the sums.
sub read_all
{
	my ($exim, $form) = @_;
	my $end = time + $seconds;

	return map { background(sub { expand_all($exim, $form, $end) }) }
	    1 .. $readers;
}

sub sums
{
	my ($n, $bad, $example) = (0, 0, '');

	for my $reader (@_) {
		my @result = split / /, finish($reader), 3;
		$n += $result[0];
		$bad += $result[1];
		$example = $result[2] if $result[1] > 0;
	}
	return ($n, $bad, $example);
}

sub percent
{
	my ($n, $bad) = @_;

	return sprintf('%d of %d (%.2f %%)', $bad, $n,
	    $n > 0 ? 100 * $bad / $n : 0);
}

sub allow_steady
{
	my ($db) = @_;
	my @items = map { "steady$_" } 0 .. $steady - 1;

	system(Tree::build('exigrey'), '-q', '-d', $db, 'allow', @items) == 0
	    or die 'exigrey allow';
}

# All of it on one database, Exims reading meanwhile.
sub with_readers
{
	my ($name, $exim, $form) = @_;
	my $directory = $exim->own_directory($exim->spool . '/grey', 0750);
	my $db = "$directory/seen";

	allow_steady($db);
	my $load = background(sub {
		join "\n", (stress($db, '-p', $processes, '-s', $seconds))[0, 1]
	});
	my ($n, $bad, $example) = sums(read_all($exim, $form));
	my ($status, $out) = split /\n/, finish($load), 2;
	is($status, 0, "$name: $processes processes, $seconds s") or diag($out);
	note($out);
	cmp_ok($n, '>', 0, "$name: Exim read meanwhile");
	note("$name failed: ", percent($n, $bad), " $example");
	return ($n, $bad, $example, $exim->log('main') . $exim->log('panic'));
}

subtest 'record' => sub {
	my $exim = PrivateExim->new;
	my ($n, $bad, $example, $log) = with_readers('record', $exim,
	    sub { $exim->dlfunc('record', @_) });

	is($bad, 0, "record failed: $bad of $n") or diag($example);
	unlike($log, qr/exigrey: (?!.*was recovered)/, 'nothing in the log');
};

subtest 'lookup dbm' => sub {
	my ($path, $why) = PrivateExim::find_gdbm();
	plan skip_all => $why if !defined $path;
	my $exim = PrivateExim->new(exim => $path);
	my $file = $exim->spool . '/grey/seen';
	my $form = sub { "\${lookup{$_[0]}dbm{$file}}" };
	my ($n, $bad) = with_readers('lookup', $exim, $form);

	# The same with GDBM's lock.
	unlink($file, "$file.lock");
	allow_steady($file);
	my @command = (Tree::build('tests/gdbm_writers'), $file, $processes,
	    $seconds, 10000);
	my $load = background(sub { scalar `@command` });
	my ($n2, $bad2, $example) = sums(read_all($exim, $form));
	note(finish($load));
	note("lookup failed with GDBM's own lock: ", percent($n2, $bad2),
	    " $example");
	# It is not 0: nobody keeps writers off while Exim reads.
	cmp_ok($bad * $n2, '<', $bad2 * $n || 1,
	    "lookup: fewer fail than with GDBM's own lock");
};

# What is found where there is no lock, so that it would be found.
subtest 'without the lock' => sub {
	my $directory = tempdir(CLEANUP => 1);
	my ($status, $out, %figure) =
	    stress("$directory/seen", '-u', '-p', 16, '-s', 1);

	is($status, 1, 'it fails') or diag($out);
	cmp_ok($figure{'keys against their history'}, '>', 0,
	    'and the histories show it');
};
done_testing;
