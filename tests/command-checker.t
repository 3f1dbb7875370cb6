#!/usr/bin/perl
# The external checker of exigrey trap scan: what it is called with, as whom,
# how many at once and for how long, and what its end says of a recipient.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Command;
use Tree;

my $c = Command->new;
my $dir = $c->directory;
my $conf = "$dir/exigrey.conf";
my $checker = "$dir/checker";
my $said = "$dir/said";	# what the checkers leave there
my $user = $> == 0 ? getpwnam('nobody') : $>;
my $another = 54321;

mkdir($said) or die "$said: $!";
own("$dir/db", $said);

sub own { chown($user, -1, @_) == @_ or die "chown: $!" if $> == 0 }

sub configure
{
	Command::spew($conf, join '', map { "$_\n" } 'db = ' . $c->db,
	    '[trap]', 'dns_sockets = 0', "checker = $checker", @_);
}

# The checker says nothing unless the text makes it.
sub program
{
	my ($text) = @_;

	unlink glob "$said/*";
	unlink $checker;
	Command::spew($checker, "#!/bin/sh\n$text\n");
	chmod(0755, $checker) or die "$checker: $!";
}

sub escape
{
	my ($part) = @_;

	return $part =~ s{([^!-~]|[/%])}{sprintf '%%%02X', ord $1}ger;
}

# Each client's mail: client => [recipients].
sub waits
{
	my (%mail) = @_;

	unlink($c->db, $c->db . '.lock');
	for my $client (sort keys %mail) {
		$c->must('-q', 'set', '--created', '-600', '--used', '-600',
		    '--flags', "host=$client", '--',
		    "$client/a\@example.com/" . escape($_))
		    for @{$mail{$client}};
	}
}

sub run { return $c->run({ no_db => 1 }, '--config', $conf, @_) }

# "CLIENT CLIENT" that would be trapped.
sub suspects
{
	my $r = run(qw(trap scan --dry-run --format json));

	is($r->{status}, 0, 'scan: status') or diag($r->{err});
	return join ' ', map { $_->{client} } grep { exists $_->{client} }
	    Command::json($c, $r->{out});
}

# What the checkers were called with, sorted: "NUMBER:FIRST" each.
sub calls
{
	return sort map { Tree::slurp($_) } glob "$said/call-*";
}

# Hostile recipients reach it as one plain argument each.
my @hostile = ('--help', '-rf', '-n', '--', "a\nb\@example.org",
    "\$(touch $said/pwned)", "`touch $said/pwned`", "';touch $said/pwned;'",
    "\";touch $said/pwned;\"", "|touch $said/pwned", "& touch $said/pwned",
    "> $said/pwned", '*', '~root', '\\', '\\n%s%n', ' a  b ', "\t", "\r\n",
    "\xff\xfe\x01", "\xc3\xbc\@example.org", '$PATH', '${IFS}', '#', '!!',
    '../../etc/passwd', 'a' x 900);
configure();
program("printf '%s:%s' \$# \"\$1\" > $said/call-\$\$");
waits('192.0.2.1' => \@hostile);
is(suspects(), '', 'all are good');
my @calls = calls();
is_deeply(\@calls, [sort map { "1:$_" } @hostile],
    'hostile recipients are one argument each');
ok(!-e "$said/pwned", 'and no command');

# Its surroundings.
program("env > $said/env; id -u > $said/id; ls -l /proc/\$\$/fd > $said/fd\n" .
    "echo printed; cat > $said/stdin; echo complained >&2");
waits('192.0.2.1' => ['bob@example.org']);
my $r = $c->run({ no_db => 1, env => { SECRET => 'x' } }, '--config', $conf,
    qw(trap scan));
unlike($r->{out}, qr/printed/, 'what it prints is nobody\'s');
like($r->{err}, qr/^complained$/m, 'what it complains of is told');
is(Tree::slurp("$said/id") + 0, $user, 'it is the owner of the database');
unlike(Tree::slurp("$said/env"), qr/SECRET/, 'a plain environment');
like(Tree::slurp("$said/env"), qr/^PATH=.*:\/usr\/bin/m, 'with a path');
like(Tree::slurp("$said/fd"), qr/ 0 -> \/dev\/null$/m, 'nothing to read');
unlike(Tree::slurp("$said/fd"), qr/\Q$dir\E\/(?:db|exigrey)/,
    'no descriptor of ours');

# What its end says.
program('case $1 in bad*) exit 1;; worse*) exit 255;; temporary*) exit 75;;
x*) exit 126;; none*) exit 127;; killed*) kill -9 $$;; esac');
waits('192.0.2.1' => ['good@example.org'], '192.0.2.2' => ['bad@example.org'],
    '192.0.2.3' => ['worse@example.org', 'good@example.org'],
    '192.0.2.4' => ['temporary@example.org'], '192.0.2.5' => ['x@example.org'],
    '192.0.2.6' => ['none@example.org'], '192.0.2.7' => ['killed@example.org'],
    '192.0.2.8' => ["bad\0\@example.org"]);
is(suspects(), '192.0.2.2 192.0.2.3', 'who wrote to whom there is not');
like(run(qw(trap scan))->{out},
    qr/^trapped 192\.0\.2\.2 until .*: recipient 'bad\@example\.org' is refused by /m,
    'the reason');
is(suspects(), '', 'who is trapped already is no suspect');

# It cannot be started.
for my $case (['is no program', sub { chmod(0644, $checker) }],
    ['has no interpreter', sub { Command::spew($checker, "#!/none\n") }],
    ['is of no known kind', sub { Command::spew($checker, "\1\2\3\4") }],
    ['is missing', sub { unlink $checker }]) {
	my ($name, $spoil) = @$case;

	program('exit 1');
	$spoil->();
	waits('192.0.2.1' => ['bob@example.org']);
	is(suspects(), '', "a checker that $name is held against nobody");
	like(run(qw(-q trap scan -n))->{err},
	    qr/^exigrey: cannot run checker '\Q$checker\E': \S/,
	    "a checker that $name is told, also with -q")
	    if $name =~ /program|missing/;
}

# Each recipient once; those of clients that are no suspects not at all.
program("printf '%s:%s' \$# \"\$1\" > $said/call-\$\$; exit 1");
waits('192.0.2.1' => ['bob@example.org'], '192.0.2.2' => ['bob@example.org'],
    '192.0.3.3' => ['kept@example.org']);
$c->must(qw(-q allow 192.0.3.3));
is(suspects(), '192.0.2.1 192.0.2.2', 'both are suspects');
is_deeply([calls()], ['1:bob@example.org'], 'asked once');

# How many at once.
configure('checker_processes = 3');
program("touch $said/now-\$\$; sleep 0.3; ls $said | grep -c now- > " .
    "$said/call-\$\$; rm $said/now-\$\$");
waits('192.0.2.1' => [map { "u$_\@example.org" } 1 .. 9]);
is(suspects(), '', 'many: all are good');
is((reverse sort(calls()))[0] + 0, 3, 'three at once and no more');

# For how long: its children end with it.
configure('checker_timeout = 1s');
program("case \$1 in bad*) exit 1;; esac\n" .
    "sleep 60 & echo \$! > $said/child; wait");
waits('192.0.2.1' => ['slow@example.org'], '192.0.2.2' => ['bad@example.org']);
my $start = time;
is(suspects(), '192.0.2.2', 'a timeout is held against nobody');
my $took = time - $start;
ok($took >= 1 && $took < 20, "a second or so: $took");
ok(gone(Tree::slurp("$said/child")), 'what it had started is gone');

# SIGTERM meanwhile.
for my $every (0, 1) {
	configure();
	unlink glob "$said/*";
	my $child = $c->start('--config', $conf, qw(trap scan),
	    $every ? ('--every', '1h') : ());
	ok(Command::wait_until(sub { -s "$said/child" }), 'it runs');
	kill 'TERM', $child;
	my $ended = Command::wait_until(sub { waitpid($child, POSIX::WNOHANG()) });
	ok($ended, 'SIGTERM is not lost');
	if (!$ended) {
		kill 'KILL', $child;
		waitpid($child, 0);
	}
	is($every ? $? >> 8 : $? & 127, $every ? 0 : POSIX::SIGTERM(),
	    'SIGTERM ends it' . ($every ? ' cleanly' : ''));
	ok(gone(Tree::slurp("$said/child")), 'and the checkers');
	is($c->items('--state', 'trapped'), '', 'nobody is trapped by half');
}

# Never as root, nor as anybody else.
SKIP: {
	skip 'not root: cannot try to run it as another', 6 if $> != 0;
	program("printf x > $said/call-\$\$; exit 1");
	configure();
	waits('192.0.2.1' => ['bob@example.org']);
	chown(0, 0, "$dir/db", glob "$dir/db/*");
	$r = run(qw(trap scan));
	is($r->{status}, 2, 'as root: status');
	like($r->{err}, qr/^exigrey: checker '\Q$checker\E' .*root.*chown/,
	    'as root: said');
	# One who may write there as well.
	chown($user, $another, "$dir/db", glob "$dir/db/*");
	chmod(0770, "$dir/db");
	chmod(0660, glob "$dir/db/*");
	$r = $c->run({ no_db => 1, user => $another }, '--config', $conf,
	    qw(trap scan));
	is($r->{status}, 2, 'as another: status');
	like($r->{err}, qr/^exigrey: checker .* owner/, 'as another: said');
	is_deeply([calls()], [], 'it was not called');
	is($c->items('--state', 'trapped'), '', 'and nobody is trapped');
}

sub gone
{
	my ($pid) = @_;

	return Command::wait_until(sub { !kill(0, $pid + 0) ||
	    Tree::slurp("/proc/" . ($pid + 0) . "/stat") =~ /\) Z / });
}

done_testing;
