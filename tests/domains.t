#!/usr/bin/perl
# Who can be mailed to, asked of a real name server (unbound) on loopback, and
# of one that is slow, lies, or talks nonsense.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use Tree;

my $command = Command->new;
my $directory = $command->directory;
my @servers;
END {
	local $?;

	kill('TERM', @servers);
	waitpid($_, 0) for @servers;
}

# What domains_ask told of each, sorted.
sub ask
{
	my ($server, $sockets, $timeout, @domains) = @_;
	my $r = $command->program(
	    { stdin => join('', map { "$_\n" } @domains) },
	    Tree::build('tests/domains'), $server, $sockets, $timeout);

	return join '; ', sort split /\n/, $r->{out};
}

sub free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Proto => 'udp') or die $@;

	return $socket->sockport;
}

# A server of ours: answer is asked for the datagrams to send back, each after
# some seconds.
sub serve
{
	my ($answer) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Proto => 'udp') or die $@;
	my $pid = fork() // die "fork: $!";

	if ($pid == 0) {
		my (@due, $query);
		my $select = IO::Select->new($socket);

		alarm(300);
		for (;;) {
			@due = sort { $a->[0] <=> $b->[0] } @due;
			my $left = @due ? $due[0][0] - time : 1;
			if ($left <= 0) {
				my (undef, $data, $to) = @{shift @due};
				$socket->send($data, 0, $to);
			} elsif ($select->can_read($left)) {
				my $from = $socket->recv($query, 512) or next;
				push @due, map { [time + $_->[0], $_->[1],
				    $from] } $answer->($query);
			}
		}
	}
	push @servers, $pid;
	return '127.0.0.1:' . $socket->sockport;
}

# An answer to a query: yes (an MX), no such name, or a server's failure.
sub reply
{
	my ($query, $code, $id) = @_;
	my ($question) = substr($query, 12) =~ /^((?:[^\0].*?)?\0....)/s;
	my $name = substr($query, 12);
	my $at = 0;

	$at += 1 + ord(substr($name, $at, 1)) while substr($name, $at, 1) ne "\0";
	$question = substr($name, 0, $at + 5);
	return pack('n6', $id // unpack('n', $query), 0x8180 | $code, 1,
	    $code == 0, 0, 0) . $question .
	    ($code == 0 ? "\xc0\x0c" . pack('nnNn', 15, 1, 60, 5) .
		pack('n', 10) . "\1m\0" : '');
}

SKIP: {
	my $home = qx($FindBin::Bin/unpack unbound 2>$directory/why);

	chomp $home;
	skip('no unbound: ' . Tree::slurp("$directory/why"), 9) if $? != 0;
	my ($port, $dead) = (free_port(), free_port());
	my @zone = map { "local-data: '$_'\n" } 'mx.test. MX 10 m.test.',
	    'a.test. A 192.0.2.1', 'aaaa.test. AAAA 2001:db8::1',
	    'text.test. TXT "nothing else"', 'null.test. MX 0 .',
	    'two.test. MX 0 .', 'two.test. MX 10 m.test.',
	    'ten.test. MX 10 .', 'alias.test. CNAME text.test.',
	    (map { "m$_.test. MX 10 m.test." } 1 .. 40), map {
		    "large.test. MX 10 " . 'x' x 60 . ".$_.test."
	    } 1 .. 60;
	Command::spew("$directory/unbound.conf", join '', <<"END", @zone, <<"END2");
server:
  interface: 127.0.0.1\@$port
  port: $port
  chroot: ""
  username: ""
  directory: "$directory"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." static
  local-zone: "refuse.test." refuse
  local-zone: "drop.test." deny
END
remote-control:
  control-enable: no
forward-zone:
  name: "fail.invalid2."
  forward-addr: 127.0.0.1\@$dead
END2
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		$ENV{LD_LIBRARY_PATH} = "$home/lib";
		open(STDERR, '>', "$directory/unbound.log");
		exec("$home/root/usr/sbin/unbound", '-d', '-c',
		    "$directory/unbound.conf") or POSIX::_exit(127);
	}
	push @servers, $pid;
	my $server = "127.0.0.1:$port";
	my $until = time + 10;
	sleep(0.1) while ask($server, 1, 1, 'mx.test') ne 'mx.test: ok' &&
	    time < $until;
	is(ask($server, 10, 5, qw(mx.test a.test aaaa.test)),
	    'a.test: ok; aaaa.test: ok; mx.test: ok',
	    'an MX, an A, an AAAA: mail')
	    or diag(Tree::slurp("$directory/unbound.log"));
	is(ask($server, 10, 5, qw(text.test gone.test alias.test)),
	    'alias.test: no mail; gone.test: no mail; text.test: no mail',
	    'other records, no such name, an alias without one: no mail');
	is(ask($server, 10, 5, qw(null.test two.test ten.test)),
	    'null.test: null mx; ten.test: ok; two.test: ok',
	    'a null MX is one record of preference 0 (RFC 7505)');
	is(ask($server, 10, 5, 'large.test'), 'large.test: ok',
	    'an answer that takes TCP');
	is(ask($server, 10, 5, 'x.refuse.test'), 'x.refuse.test: unknown',
	    'refused');
	is(ask($server, 10, 2, 'fail.invalid2'), 'fail.invalid2: unknown',
	    'the server cannot find out');
	my $began = time;
	is(ask($server, 10, 1, 'x.drop.test', 'mx.test'),
	    'mx.test: ok; x.drop.test: unknown', 'no answer is no verdict');
	cmp_ok(time - $began, '<', 4, 'and is waited for no longer than told');
	is(ask($server, 3, 5, map { "m$_.test" } 1 .. 40),
	    join('; ', sort map { "m$_.test: ok" } 1 .. 40),
	    'more than may be asked at once');
}

my $slow = serve(sub { return [0.5, reply($_[0], 0)] });
is(ask($slow, 5, 3, 'x.test'), 'x.test: ok', 'slow, but in time');
my $began = time;
is(ask($slow, 20, 3, map { "x$_.test" } 1 .. 20),
    join('; ', sort map { "x$_.test: ok" } 1 .. 20), '20 at once');
cmp_ok(time - $began, '<', 3, 'take no longer than one');

# An alias of a name that has an MX: both in one answer, as a resolver gives it.
is(ask(serve(sub {
	my $mx = reply($_[0], 0);
	my $end = length($mx) - 17; # of the question: the MX is 17 bytes
	my $alias = "\xc0\x0c" . pack('nnNn', 5, 1, 60, 6) . "\4real\0";

	substr($mx, 6, 2) = pack('n', 2);
	return [0, substr($mx, 0, $end) . $alias . "\4real\0" .
	    substr($mx, $end + 2)];
}), 5, 1, 'x.test'), 'x.test: ok', 'an alias');

my $liar = serve(sub {
	my ($query) = @_;
	my $wrong = (unpack('n', $query) + 1) & 0xffff;

	return ([0, reply($query, 3, $wrong)], [0.2, reply($query, 0)]);
});
is(ask($liar, 5, 3, 'x.test'), 'x.test: ok', 'a lie with another id');
is(ask(serve(sub { return [0, reply($_[0], 2)] }), 5, 1, 'x.test'),
    'x.test: unknown', 'SERVFAIL');
is(ask(serve(sub { return [0, substr($_[0], 0, 2) . "\x81\x80" .
    "\0\1\0\1\0\0\0\0" . "\xff" x 20] }), 5, 1, 'x.test'),
    'x.test: unknown', 'nonsense');
is(ask('127.0.0.1:' . free_port(), 5, 1, 'x.test'), 'x.test: unknown',
    'no server');
$began = time;
my @many = map { "x$_.test" } 1 .. 500;
is(ask(serve(sub { return () }), 10, 1, @many),
    join('; ', sort map { "$_: unknown" } @many), 'nobody answers');
cmp_ok(time - $began, '<', 15, 'and the rest is not asked for');

my $never = serve(sub { return [0, reply($_[0], 3)] });
is(ask($never, 5, 1, "b\xc3\xbccher.test"), "b\xc3\xbccher.test: unknown",
    'a name that is no ASCII');
is(ask($never, 5, 1, 'x' x 64 . '.test', 'a..test'),
    'a..test: no mail; ' . 'x' x 64 . '.test: no mail',
    'names that cannot be');
like(ask('nonsense', 5, 1, 'x.test'),
    qr/'nonsense' is no name server, which is ADDRESS/, 'no address');

done_testing;
