#!/usr/bin/perl
# exigrey policy under a real Postfix over SMTP: as a server at a socket, by
# spawn(8), with a client that dies in mid-request, and 200 at once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use File::Copy qw(copy);
use IO::Socket::UNIX;
use POSIX ();
use PrivatePostfix;
use Test::More;
use Time::HiRes qw(sleep time);
use Tree;

my ($home, $why) = PrivatePostfix::find();
plan skip_all => $why if !defined $home;

my $delay = 2;
my $c = Command->new;
my $directory = $c->directory;
my $socket = "$directory/db/policy.sock";
my $conf = "$directory/exigrey.conf";
my $exigrey = "$directory/exigrey";
my $later = qr/^450 4\.2\.0 .*Greylisted, please try again later$/;
my $user = 'nobody';	# who owns the database, and serves

chmod 0755, $directory;
copy(Tree::build('exigrey'), $exigrey) or die "$exigrey: $!";
chmod 0755, $exigrey;
chown((getpwnam($user))[2, 3], "$directory/db") or die "chown: $!";
Command::spew($conf, "delay = ${delay}s\nautowhitelist = 0\n" .
    "db = $directory/db/grey\n[postfix]\nheader = yes\n");
chmod 0644, $conf;

# Starts the server; its log is in err.
sub serve
{
	my $child = fork() // die "fork: $!";

	if (!$child) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', "$directory/err");
		{ exec($exigrey, '--config', $conf, 'policy', '-v',
		    '--socket', $socket) };
		POSIX::_exit(121);
	}
	Command::wait_until(sub { -S $socket }) or die 'no socket';
	return $child;
}

sub ends
{
	my ($child) = @_;

	kill 'TERM', $child;
	waitpid($child, 0);
	return $?;
}

sub said { return Tree::slurp("$directory/err") }

my $server = serve();
my $spawn = "policy unix - n n - - spawn\n" .
    "  user=$user argv=$exigrey --config $conf policy\n";
my $postfix = PrivatePostfix->new(home => $home, master => $spawn,
    main => <<"END")->start;
smtpd_recipient_restrictions = reject_unauth_destination,
  check_policy_service unix:$socket
END

sub rcpt
{
	my ($on, $from, $sender, @recipients) = @_;
	my $client = $on->client(from => $from);
	my $reply = $client->envelope($sender, @recipients);

	$client->quit;
	return $reply;
}

my @mail = ('127.0.0.2', 'Alice+a@example.com', 'bob@example.org');
like(rcpt($postfix, @mail), $later, 'deferred at first');
like(rcpt($postfix, @mail), $later, 'deferred when too early');
like(rcpt($postfix, '127.0.0.2', '', 'bob@example.org'), qr/^250 /,
    'null sender');
like(rcpt($postfix, '127.0.0.2', 'a@b.example', 'x@elsewhere.example'),
    qr/^454 /, 'DEFER_IF_PERMIT permits nothing');
like(said(), qr/^exigrey: \[127\.0\.0\.2\] <Alice\+a\@example\.com> to <bob\@example\.org>: early [12]$/m,
    '-v tells each decision');
sleep($delay + 0.1);
my $client = $postfix->client(from => '127.0.0.9');
like($client->envelope('alice+b@example.com', 'bob@example.org'), qr/^250 /,
    'accepted after the delay');
like($client->data("Subject: x\r\n\r\ntest"), qr/^250 /, 'and its text');
$client->quit;
like(Tree::slurp("$directory/err"), qr/passed 0$/m, 'logged as passed');

# Trapped for a while: one host of a network that has passed.
sub trap
{
	my $r = $c->run({ no_db => 1 }, '--config', $conf, '-q', 'trap', @_);

	is($r->{status}, 0, "trap @_") or diag($r->{err});
}

trap('add', '127.0.0.9', '--expires', '+3s');
like(rcpt($postfix, '127.0.0.9', 'alice@example.com', 'bob@example.org'),
    $later, 'trapped: deferred, though it has passed');
like(rcpt($postfix, '127.0.0.9', '', 'bob@example.org'), $later,
    'trapped: nor a null sender');
like(rcpt($postfix, '127.0.0.2', 'alice@example.com', 'bob@example.org'),
    qr/^250 /, 'its neighbour is not');
sleep(3.1);
like(rcpt($postfix, '127.0.0.9', 'alice@example.com', 'bob@example.org'),
    qr/^250 /, 'accepted when the trap is over');

# A client of the socket that dies in mid-request harms nobody.
sub connected
{
	return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket) //
	    die "$socket: $!";
}

sub request
{
	my ($number) = @_;

	return "request=smtpd_access_policy\nprotocol_state=RCPT\n" .
	    "client_address=192.0.2.7\nsender=s$number\@x.example\n" .
	    "recipient=r\@example.org\n\n";
}

sub action
{
	my ($peer) = @_;
	my $line = <$peer> // '';
	my $empty = <$peer> // 'nothing';

	return $empty eq "\n" ? $line : "$line and $empty";
}
for my $cut (1, 20, 60, 130, length(request(1))) {
	my $peer = connected();
	syswrite($peer, substr(request(1), 0, $cut));
	close($peer);
}
like(rcpt($postfix, @mail), qr/^250 /, 'after clients that died: served');

# 200 at once, each with a request in two halves, none closed between them.
my @peers = map { connected() } 1 .. 200;
my $start = time;
syswrite($peers[$_], substr(request('c'), 0, 30)) for 0 .. $#peers;
syswrite($peers[$_], substr(request('c'), 30)) for reverse 0 .. $#peers;
my %actions;
$actions{action($_)}++ for @peers;
is_deeply(\%actions, { "action=DEFER_IF_PERMIT 4.2.0 Greylisted, please try "
    . "again later\n" => 200 }, '200 connections at once are answered');
cmp_ok(time - $start, '<', 20, 'within 20 seconds');
close($_) for @peers;

# A mistake in the file: mail passes, and the log says so.
my $good = Tree::slurp($conf);
Command::spew($conf, "dealy = 1m\n");
like(rcpt($postfix, '127.0.3.1', 'n@example.com', 'bob@example.org'),
    qr/^250 /, 'a mistake in the file: mail passes');
like(said(), qr/^exigrey: mail passes: \Q$conf\E:1: unknown setting 'dealy'$/m,
    'the log names file and line');
Command::spew($conf, "dealy = 1m\non_failure = defer\n");
like(rcpt($postfix, '127.0.3.1', 'n@example.com', 'bob@example.org'),
    qr/^450 4\.3\.0 /, 'with on_failure = defer: 450');
Command::spew($conf, $good);
like(rcpt($postfix, '127.0.3.1', 'n@example.com', 'bob@example.org'),
    $later, 'mended: greylisted');

# The server ends on SIGTERM; a socket that is left over is taken.
is(ends($server), 0, 'SIGTERM ends it');
ok(!-e $socket, 'and its socket is gone') or unlink($socket);
$server = serve();
my $second = $c->program({}, $exigrey, '--config', $conf, 'policy',
    '--socket', $socket);
is($second->{status}, 2, 'a second server at the socket: refused');
like($second->{err}, qr/another server listens at '\Q$socket\E'/, 'it says so');
kill 'KILL', $server;
waitpid($server, 0);
ok(-S $socket, 'killed, it leaves its socket');
$server = serve();
like(rcpt($postfix, '127.0.3.1', 'o@example.com', 'bob@example.org'),
    $later, 'a new server takes it');
is(ends($server), 0, 'it ends');
$postfix->stop;

# By spawn(8), where standard error is the client too.
Command::spew($conf, $good . "[whitelist]\nclients = $directory/clients\n");
Command::spew("$directory/clients", "127.0.4.0/24\n");
chmod 0644, "$directory/clients";
my $spawned = PrivatePostfix->new(home => $home, master => $spawn,
    main => <<"END")->start;
smtpd_recipient_restrictions = reject_unauth_destination,
  check_policy_service unix:private/policy
END
@mail = ('127.0.5.2', 'spawn@example.com', 'bob@example.org');
like(rcpt($spawned, @mail), $later, 'spawn: deferred at first');
like(rcpt($spawned, '127.0.4.2', @mail[1, 2]), qr/^250 /,
    'spawn: a whitelisted client');
sleep($delay + 0.1);
like(rcpt($spawned, @mail), qr/^250 /, 'spawn: accepted after the delay');
Command::spew($conf, "dealy = 1m\n");
like(rcpt($spawned, '127.0.5.9', 'm@example.com', 'bob@example.org'),
    qr/^250 /, 'spawn: a complaint does not get between the answers');
$spawned->stop;

done_testing;
