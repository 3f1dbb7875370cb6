#!/usr/bin/perl
# What exigrey shows on a terminal only: a progress bar where something takes
# more than a second, and colours.  Elsewhere there is not one escape sequence.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(:flock);
use Test::More;
use Command;

my $c = Command->new;
my $directory = $c->directory;
my $escape = qr/[\x00-\x08\x0b\x0c\x0e-\x1f]/;	# but tab, newline, return
delete $ENV{NO_COLOR};

sub begin
{
	unlink($c->db, $c->db . '.lock');
	$c->store("g\0" => "5 5 0\0", "broken\0" => 'x',
	    map { ("i$_\0" => "5 6 7 keep\0") } 1 .. 20);
}
begin();
Command::spew("$directory/dump", "# exigrey dump 1\n" .
    join '', map { "n$_\t5\t6\t7\tkeep\n" } 1 .. 1000);

# Runs a line of the shell on a terminal; $@ in it is exigrey and its database.
sub on_terminal
{
	my ($line, %env) = @_;

	return $c->program({ terminal => [], env => { TERM => 'xterm', %env } },
	    '/bin/sh', '-c', $line, 'sh', Tree::build('exigrey'), '-d', $c->db);
}

# Reads a dump while another process holds the lock for 1.3 seconds: the first
# batch waits for it, the bar follows.  $line is as above.
sub slow_import
{
	my ($line, %env) = @_;

	begin();
	open(my $lock, '+<', $c->db . '.lock') or die;
	flock($lock, LOCK_EX) or die;
	my $holder = fork() // die;
	if (!$holder) {
		select(undef, undef, undef, 1.3);
		POSIX::_exit(0);
	}
	# The child has it now.
	close($lock);
	my $r = on_terminal("$line import '$directory/dump' $env{more}", %env);
	waitpid($holder, 0);
	like(Tree::slurp("$directory/stdout") . $r->{out},
	    qr/(?<!\d)1000 added, 0 replaced/, "import $env{more}: done");
	return $r;
}
my $bar = qr/\rimporting \[#{7}\.{23}\]  25 %, \d+\/s, \d+m?\d*s? left\e\[K/;
for my $case (['', {}, 1, 'all on the terminal'],
    ["> '$directory/stdout'", {}, 1, 'standard output elsewhere'],
    ["2> '$directory/stderr'", {}, 0, 'standard error elsewhere'],
    ['2>&1 | cat', {}, 0, 'piped'],
    ['', { TERM => 'dumb' }, 0, 'a dumb terminal']) {
	my ($more, $env, $want, $name) = @$case;

	unlink(map { "$directory/$_" } qw(stdout stderr));
	my $r = slow_import('"$@"', more => $more, %$env);
	if ($want) {
		like($r->{out}, $bar, "$name: a bar");
		like($r->{out}, qr/\r\e\[K(?:1000 added|\z)/,
		    "$name: which is gone at the end");
	} else {
		unlike($r->{out} . Tree::slurp("$directory/stderr"),
		    qr/$escape|importing/, "$name: no bar");
	}
	unlike(Tree::slurp("$directory/stdout"), $escape,
	    "$name: none in standard output");
}

# Whatever is quick shows none.
begin();
for my $command ("import '$directory/dump'", 'stats', "import -n '$directory/dump'", 'purge -n', 'compact',
    'export > /dev/null', "export -o '$directory/out'", 'repair') {
	my $r = on_terminal("\"\$@\" $command");

	is($r->{status}, 0, "$command: status");
	unlike($r->{out}, $escape, "$command: no bar");
}

# Colours: what is listed and what is wrong, on a terminal and nowhere else.
begin();
for my $command ('list', 'show g', 'check') {
	like(on_terminal("\"\$@\" $command")->{out}, qr/\e\[[\d;]+m/,
	    "$command: colours");
	for my $case (['', NO_COLOR => '1'], ['', TERM => 'dumb'], ['| cat'], ["> '$directory/stdout'; cat '"
	    . "$directory/stdout'"]) {
		my ($more, %env) = @$case;
		my $name = "$command $more@{[%env]}";

		my $r = on_terminal("\"\$@\" $command $more", %env);
		like($r->{out}, qr/g|broken/, "$name: printed");
		unlike($r->{out}, $escape, "$name: no colours");
	}
}
like(on_terminal('"$@" list', NO_COLOR => '')->{out}, qr/\e\[/,
    'an empty NO_COLOR counts for nothing');
for my $command (['list'], ['show', 'g'], ['check'], ['stats'], ['export'],
    ['help'], ['list', '--format', 'json'], ['stats', '--prometheus']) {
	my $r = $c->run({ env => { TERM => 'xterm' } }, @$command);

	unlike("$r->{out}$r->{err}", $escape, "@$command, no terminal: none");
}
for my $format (qw(tab json)) {
	for my $command ('list', 'check', 'show g') {
		unlike(on_terminal("\"\$@\" $command --format $format")->{out},
		    $escape, "$command --format $format on a terminal: none");
	}
}

# Items bring none of their own, whatever is written on the terminal.
$c->store("\e[31mred\e]0;title\007\0" => "5 6 7\0");
for my $command ('list', 'export', 'stats', 'check') {
	unlike(on_terminal("\"\$@\" $command", NO_COLOR => 1)->{out}, $escape,
	    "$command: an item with escape sequences");
}

done_testing;
