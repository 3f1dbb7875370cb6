#!/usr/bin/perl
# exigrey courier: the protocol of Courier's filters, with control files of any
# kind; begin, end and signals; many clients.  With EXIGREY_FUZZ, so many messages.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_DGRAM SOCK_STREAM);
use Test::More;
use Time::HiRes qw(sleep time);

my $c = Command->new;
my $directory = $c->directory;
my $conf = "$directory/exigrey.conf";
my $socket = "$directory/allfilters/exigrey";
my $later = "451 4.7.1 Greylisted, please try again later\n";
my $good = "db = " . $c->db . "\nautowhitelist = 0\n";
my @running;
$SIG{PIPE} = 'IGNORE';
mkdir("$directory/$_") or die "$directory/$_: $!"
    for qw(allfilters filters tmp);

sub configure { Command::spew($conf, join '', $good, @_) }

# Starts the filter as courierfilter does; returns once descriptor 3 is closed.
sub start
{
	my (%how) = @_;
	my %filter;

	pipe(my $in, $filter{stdin}) or die "pipe: $!";
	pipe(my $ready, my $held) or die "pipe: $!";
	$filter{pid} = fork() // die "fork: $!";
	if (!$filter{pid}) {
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', "$directory/log");
		POSIX::dup2(fileno($in), 0);
		# Both stay open in what is executed, and nothing else does.
		POSIX::dup2(fileno($held), 9);
		POSIX::dup2(9, 3);
		POSIX::close($_) for 4 .. 63;
		%ENV = (%ENV, %{$how{env} // {}});
		{ exec(Tree::build('exigrey'), '--config', $conf, 'courier',
		    '--socket', $how{socket} // $socket,
		    @{$how{options} // []}) };
		POSIX::_exit(121);
	}
	push @running, $filter{pid};
	close($held);
	$filter{ready} = !defined($how{wait}) &&
	    IO::Select->new($ready)->can_read(10) && sysread($ready, my $x, 1);
	return \%filter;
}

# How a filter ended.
sub ended
{
	my ($filter) = @_;
	my $done = Command::wait_until(sub {
		waitpid($filter->{pid}, POSIX::WNOHANG()) > 0 });

	return $done ? $? : 'not';
}

sub said { return Tree::slurp("$directory/log") }

sub connected
{
	return IO::Socket::UNIX->new(Type => SOCK_STREAM,
	    Peer => $_[0] // $socket);
}

# All that comes, up to the end of the connection; undef if that does not come.
sub answer
{
	my ($peer) = @_;
	my $text = '';

	while (IO::Select->new($peer)->can_read(20)) {
		sysread($peer, $text, 4096, length $text) or return $text;
	}
	return undef;
}

# The answer to a request that names these control files.
sub ask
{
	my $peer = connected() or return "no connection: $!";

	syswrite($peer, join('', map { "$_\n" } "$directory/tmp/D1", @_) .
	    "\n");
	return answer($peer);
}

my $files = 0;
sub control
{
	my $path = "$directory/tmp/C" . ++$files;

	Command::spew($path, join('', map { "$_\n" } @_));
	return $path;
}

# Records as Courier 1.0.16 has written them.
my @client = 'fdns; client.example ([::ffff:192.0.2.7])';
my @source = 'usmtp';
sub message
{
	my ($sender, @recipients) = @_;

	return control("s$sender", @client, 'e', 't',
	    'M0000000000AAA43B.000000006B01637C.00004723',
	    (map { ("r$_", 'R', 'N') } @recipients),
	    'OTCPREMOTEIP=::ffff:192.0.2.7', @source, 'E1795857916',
	    'p1795281916', 'W1795267516', 'T');
}

# These items are so old.
sub old
{
	my ($age, @items) = @_;

	$c->must('-q', 'set', '--created', "-$age", '--used', "-$age",
	    '--count', 0, '--flags', '', '--', $_) for @items;
}

sub stored { return scalar split / /, $c->items }

# What a filter has left that was killed in between.
Command::spew("$directory/allfilters/.exigrey", '');
configure();
my $filter = start();
is($filter->{ready}, 0, 'descriptor 3 is closed');
ok(-S $socket, 'when the socket is there');
is((stat $socket)[2] & 07777, 0660, 'for its owner and group');
is_deeply([glob "$directory/allfilters/.??*"], [], 'and under one name only');

# The decision.
is(ask(message('A@Example.com', 'B@example.org')), $later, 'new: put off');
is($c->items, '192.0.2.0/a@example.com/b@example.org', 'the item is readable');
is(ask(message('a@example.com', 'b@example.org')), $later, 'early: the same');
old('10m', '192.0.2.0/a@example.com/b@example.org');
is(ask(message('a@example.com', 'b@example.org')), "200 Ok\n", 'passes');
is(ask(message('a@example.com', 'b@example.org', 'new@example.org')), $later,
    'two recipients, one of them new');
old('10m', '192.0.2.0/a@example.com/new@example.org');
is(ask(message('a@example.com', 'b@example.org', 'new@example.org')),
    "200 Ok\n", 'both known');
my $before = stored();
is(ask(message('', 'b@example.org')), "200 Ok\n", 'the null sender passes');
is(stored(), $before, 'and leaves nothing');

# Any order, several files, what is dealt with.
is(ask(control('rz1@x', @source, 'E17', 'sorder@x'),
    control('', 'rz2@x', @client, 'x', 'rz3@x')), $later, 'records anywhere');
is(scalar(grep { m(^192\.0\.2\.0/order\@x/z[123]\@x$) } split / /, $c->items),
    3, 'each recipient of each file is kept');
old('10m', map { "192.0.2.0/order\@x/z$_\@x" } 1 .. 3);
is(ask(control('sorder@x', @client, 'rz1@x', 'rz2@x'),
    control('sother@x', 'fdns; x ([203.0.113.9])', 'rz3@x')), "200 Ok\n",
    'the first sender and client count');
is(ask(control('S1 1795253116 r', 'sorder@x', @client, 'rz1@x', 'rteam@x',
    'rz2@x', 'F3 1 x', 'rz3@x', 'S99 1', 'S-1', 'S', 'Sx', 'rz3@x')), "200 Ok\n",
    'an alias that is delivered to decides nothing');
is(ask(control('sdone@x', @client, 'rteam@x', 'S0 1 r')), "200 Ok\n",
    'nobody left to go to');
ok(!grep({ /team|done/ } split / /, $c->items), 'nor is it kept');
is(ask(control('slocal@x', @client, 'rone', 'r"a@b, c"@example.org')), $later,
    'recipients as they are');
is(join(' ', grep { /local/ } split / /, $c->items),
    '192.0.2.0/local@x/"a@b,%20c"@example.org 192.0.2.0/local@x/one',
    'each by itself') or diag $c->items;

# Where it came from.
my $name = 'fa';
for my $case (
    ['dns; h ([192.0.2.1])', '192.0.2.0'],
    ['dns; h (mail.example.com [198.51.100.9])', '198.51.100.0'],
    ['dns; h ([::ffff:203.0.113.7])', '203.0.113.0'],
    ['dns; h (h.example [2001:db8:1:2:3:4:5:6])', '2001:db8:1:2::'],
    ['dns; x_([9.9.9.9]) ([192.0.3.1])', '192.0.3.0'],
    ['dns; [8.8.8.8] (a_(b_[9.9.9.9]) [192.0.4.1]) trailing', '192.0.4.0'],
    ['[192.0.5.1]', '192.0.5.0'],
    ['dns;h([192.0.6.1])', '192.0.6.0']) {
	my ($from, $network) = @$case;
	# Numbers are folded.
	my $unique = ++$name . '@x';

	is(ask(control("s$unique", "f$from", 'rr@x', @source)), $later,
	    "from '$from'");
	is(join(' ', grep { /\Q$unique\E/ } split / /, $c->items),
	    "$network/$unique/r\@x", "is $network");
}

# Whom it does not concern.
$before = stored();
for my $source (qw(authsmtp local dsn uucp)) {
	is(ask(control("s$source\@x", @client, 'rr@x', "u$source")), "200 Ok\n",
	    "$source passes");
}
is(ask(control('slogin@x', @client, 'rr@x', @source, 'ilogin')), "200 Ok\n",
    'who authenticated passes');
is(stored(), $before, 'and leaves nothing');
is(ask(control('sauth@x', @client, 'rr@x', @source, 'i')), $later,
    'an empty login is none');
is(ask(control('sauth@x', @client, 'rr@x')), $later, 'nor is no source');

# What cannot be read.  Of a line 1024 bytes are kept: these name a file.
my $long = message('u0@x', 'r@x');
$long =~ s(/tmp/(C\d+)$)('/tmp' . '/' x (1024 - length($directory) - 4 -
    length($1)) . $1)e;
my %unreadable = (
    'nothing' => [],
    'an empty name' => [' '],
    'a missing file' => ["$directory/tmp/none"],
    'one of two is missing' => [message('u1@x', 'r@x'), "$directory/none"],
    'a newline in the name' => ["$directory/tmp/a\nb"],
    'a directory' => ["$directory/tmp"],
    'a device' => ['/dev/zero'],
    'a link' => ["$directory/tmp/link"],
    'a FIFO' => ["$directory/tmp/fifo"],
    'a socket' => [$socket],
    'a long name' => [$long . 'x'],
    'a NUL in the name' => [message('u2@x', 'r@x') . "\0"],
    'an empty file' => [control()],
    'no sender' => [control(@client, 'rr@x')],
    'no recipient' => [control('s', @client)],
    'no client' => [control('su3@x', 'rr@x')],
    'no address' => [control('su4@x', 'fdns; h (h [h])', 'rr@x')],
    'a huge file' => ["$directory/tmp/huge"]);
symlink(message('u5@x', 'r@x'), "$directory/tmp/link") or die "symlink: $!";
POSIX::mkfifo("$directory/tmp/fifo", 0600) or die "mkfifo: $!";
Command::spew("$directory/tmp/huge", "su6\@x\nrr\@x\n$client[0]\n");
truncate("$directory/tmp/huge", 5 << 20) or die "truncate: $!";
# The same file with a newline in its name does lie there.
Command::spew("$directory/tmp/a\nb", Tree::slurp(message('u7@x', 'r@x')));
$before = stored();
for my $policy ('pass', 'defer') {
	configure("on_failure = $policy\n");
	for my $what (sort keys %unreadable) {
		my $start = time;
		is(ask(@{$unreadable{$what}}), $policy eq 'pass' ?
		    "200 Ok\n" :
		    "451 4.3.0 Service is temporarily unavailable\n",
		    "$what: $policy");
		cmp_ok(time - $start, '<', 5, "$what: at once");
	}
}
is(stored(), $before, 'nothing of that is kept');
like(said(), qr/^exigrey: mail passes: cannot open control file '\Q$directory\E\/tmp\/none': No such file or directory$/m,
    'what it was is told');
like(said(), qr/^exigrey: mail is deferred: the control files have no sender$/m,
    'and what becomes of the mail');
like(said(), qr/control file '\Q$directory\E\/tmp\/fifo' is no file$/m, 'a FIFO');
my $told = () = said() =~ /no address of the client/g;
ask(@{$unreadable{'no client'}}) for 1 .. 3;
is(scalar(() = said() =~ /no address of the client/g), $told + 1,
    'the same is told once a minute');

# Settings.
configure("[courier]\nmessage = 4.7.1 back in %t, %s s, 100%% %x %\n");
like(ask(message('time@x', 'r@x')),
    qr/^451 4\.7\.1 back in 00:05:00, 300 s, 100% %x %\n$/,
    'the message may name the time');
configure("observe = yes\n");
is(ask(message("obs\033\@x", 'r@x', 's@x')), "200 Ok\n", 'observe: passes');
like(said(), qr/observe: would defer \[::ffff:192\.0\.2\.7\] <obs\\033\@x> to <r\@x> and others: new$/m,
    'observe: said');
configure("[whitelist]\nclients = $directory/clients\n");
Command::spew("$directory/clients", "good.example\n198.51.100.0/24\n");
is(ask(control('sw@x', 'fdns; h (good.example [203.0.113.1])', 'rr@x')),
    "200 Ok\n", 'a host that is whitelisted by name');
is(ask(control('sw@x', 'fdns; good.example ([203.0.113.1])', 'rr@x')), $later,
    'not by what it says in HELO');
is(ask(control('sw@x', 'fdns; h ([::ffff:198.51.100.3])', 'rr@x')), "200 Ok\n",
    'by address');

# SIGHUP tells whether the configuration is good.
Command::spew($conf, "dealy = 1m\n");
kill 'HUP', $filter->{pid};
ok(Command::wait_until(sub { said() =~
    /^exigrey: mail passes: \Q$conf\E:1: unknown setting 'dealy'/m }),
    'SIGHUP: a mistake is told');
configure();
kill 'HUP', $filter->{pid};
ok(Command::wait_until(sub { said() =~ /the configuration is good/ }),
    'SIGHUP: all is well');

# Who stalls keeps nobody waiting; who leaves harms nobody.
my $stalls = connected();
syswrite($stalls, "$directory/tmp/D1\n" . message('stall@x', 'r@x'));
for my $part ('', "\n", "/D1\n", "/D1\n" . message('left@x', 'r@x') . "\n") {
	my $leaves = connected();
	syswrite($leaves, $part);
	close($leaves);
}
is(ask(message('busy@x', 'r@x')), $later, 'beside a client that stalls');
my @peers = map { connected() } 1 .. 200;
my @lines = map { "$directory/tmp/D\n" . message("many\@x", "r$_\@x") . "\n\n" }
    1 .. 200;
my $start = time;
syswrite($peers[$_], substr($lines[$_], 0, 30)) for 0 .. 199;
syswrite($peers[$_], substr($lines[$_], 30)) for reverse 0 .. 199;
my %answers;
$answers{answer($_) // 'none'}++ for @peers;
is_deeply(\%answers, { $later => 200 }, '200 connections at once');
cmp_ok(time - $start, '<', 20, 'within 20 seconds');
@peers = ();
syswrite($stalls, "\n\n");
is(answer($stalls), $later, 'who stalled is answered in the end');

# The end of standard input: who is connected is served, nobody else.
my $late = connected();
syswrite($late, "$directory/tmp/D1\n");
# It has been accepted once another one has been answered.
ask(message('a@x', 'r@x'));
close($filter->{stdin});
ok(Command::wait_until(sub { !connected() }), 'stdin ended: no more clients');
syswrite($late, message('late@x', 'r@x') . "\n\n");
is(answer($late), $later, 'a client that was there is answered');
is(ended($filter), 0, 'then it ends');
ok(-S $socket, 'the socket stays, so that Courier puts mail off');

# Killed and started again; the other directory; a second one; systemd.
$filter = start();
is(ask(message('late@x', 'r@x')), $later, 'started again');
kill 'KILL', $filter->{pid};
ended($filter);
is(connected(), undef, 'killed: nobody there');
IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => "$directory/filters/exigrey",
    Listen => 1) or die "socket: $!";
Command::spew("$directory/filters/other", '');
my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
    Local => "$directory/notify") or die "socket: $!";
$filter = start(env => { NOTIFY_SOCKET => "$directory/notify" },
    options => ['-vvv']);
is(ask(message('late@x', 'r@x')), $later, 'killed and started again');
like(said(), qr/^exigrey: \[::ffff:192\.0\.2\.7\] <late\@x> to <r\@x>: early \d+\nexigrey: 451 4\.7\.1/m,
    '-v tells');
is_deeply([glob "$directory/filters/*"], ["$directory/filters/other"],
    'no socket of that name in filters');
my $second = start();
is(ended($second), 2 << 8, 'a second one: refused');
like(said(), qr/another server listens at '\Q$socket\E'/, 'it says so');
my $state = '';
$notify->recv($state, 100) if IO::Select->new($notify)->can_read(5);
is($state, 'READY=1', 'systemd is told');
kill 'TERM', $filter->{pid};
is(ended($filter), 0, 'SIGTERM ends it');
$notify->recv($state, 100) if IO::Select->new($notify)->can_read(5);
is($state, 'STOPPING=1', 'of the end, too');
my $other = "$directory/filters/exigrey";
$filter = start(socket => $other);
ok(-S $other && !-e $socket, 'and the other way round');
close($filter->{stdin});
is(ended($filter), 0, 'it ends');
is(ended(start(socket => $conf)), 2 << 8, 'a file is not replaced');
is(ended(start(socket => '/x' x 80)), 2 << 8, 'a socket with too long a name');
is(ended(start(socket => "$directory/none/x")), 2 << 8, 'a missing directory');
like(said(), qr/cannot listen at '\Q$directory\E\/none\/x': No such file/,
    'it says so');
is($c->run({ no_db => 1 }, 'courier', 'x')->{status}, 2, 'an argument');

# Messages of any kind: each gets one answer, and nothing grows.
my $count = $ENV{EXIGREY_FUZZ} // 3000;
srand(42);
my @pieces = ('s', 'r', 'f', 'u', 'i', 'S', 'F', 'smtp', 'authsmtp', "\n",
    "\n", "\n", 'dns; h ([192.0.2.9])', 'dns; h (', '[', ']', '(', ')', ' ',
    '::ffff:1.2.3.4', '2001:db8::1', 'a@example.com', 'b@example.org', "\0",
    "\x80\xff", '0', '1', '99999999999999999999', 'x' x 300, ',', '@', "\r",
    'SRS0=x=y=z.example=u@f.example', 'prvs=12=x@y');
my @controls = map {
	my $path = control();
	my $valid = $_ % 2 ? "\nsv\@x\nrv\@x\nfdns; h ([192.0.2.9])\nusmtp\n" :
	    '';
	Command::spew($path, join('', map { $pieces[rand @pieces] }
	    1 .. rand 40) . $valid);
	$path;
} 1 .. 500;
push @controls, map { @$_ } values %unreadable;
# Many recipients that are forgotten again.
my $many = control('s', 'ulocal', map { "r$_\@example.org" } 1 .. 2000);

sub held
{
	my ($pid) = @_;
	my ($memory) = Tree::slurp("/proc/$pid/status") =~ /^VmRSS:\s*(\d+)/m;

	return ($memory, scalar(() = glob "/proc/$pid/fd/*"));
}
$filter = start();
my (%kinds, $memory, $descriptors);
my $ask_one = sub {
	my $peer = connected() or die "no connection: $!";
	my $text = join '', map { "$_\n" } ("$directory/tmp/D1") x
	    (rand() < 0.95), rand() < 0.02 ? $many :
	    map { $controls[rand @controls] } 1 .. rand 4;

	$text =~ s/./chr rand 256/se if rand() < 0.05;
	syswrite($peer, $text . (rand() < 0.9 ? "\n" : ''));
	shutdown($peer, 1);
	$text = answer($peer) // 'none';
	$kinds{$text =~ /\A(?:200 Ok|451 [ -~]+)\n\z/ ? substr($text, 0, 3) :
	    $text}++;
};
for my $n (1 .. $count) {
	$ask_one->();
	($memory, $descriptors) = held($filter->{pid}) if $n == int($count / 3);
}
my ($memory_after, $descriptors_after) = held($filter->{pid});
note("$count messages: " . join(', ', map { "$_: $kinds{$_}" } sort keys %kinds) .
    "; $memory kB then $memory_after kB");
is_deeply([sort keys %kinds], ['', 200, 451], 'any messages: one answer each, '
    . 'none to what has no end') or diag explain \%kinds;
is($descriptors_after, $descriptors, 'any messages: no descriptors are lost');
SKIP: {
	skip 'the address sanitizer keeps what is freed', 1
	    if defined $ENV{ASAN_OPTIONS};
	cmp_ok($memory_after, '<', $memory + 512,
	    'any messages: no memory is lost');
}
close($filter->{stdin});
is(ended($filter), 0, 'any messages: no crash');
is($c->run('check')->{status}, 0, 'the database is sound then');

END {
	my $status = $?;
	kill 'KILL', grep { waitpid($_, POSIX::WNOHANG()) == 0 } @running;
	$? = $status;
}
done_testing;
