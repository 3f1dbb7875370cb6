#!/usr/bin/perl
# exigrey policy: Postfix's protocol on standard input, systemd's sockets, and
# requests of any kind.  With EXIGREY_FUZZ, so many of the last.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;

my $c = Command->new;
my $conf = $c->directory . '/exigrey.conf';
my $defer = "action=DEFER_IF_PERMIT 4.2.0 Greylisted, please try again later";

sub configure { Command::spew($conf, join '', map { "$_\n" } @_) }

# Answers to what is sent: the actions, "|" between.
sub ask
{
	my ($text, @options) = @_;
	my $r = $c->run({ stdin => $text, no_db => 1 }, '--config', $conf,
	    'policy', @options);

	return (join('|', split /\n\n/, $r->{out}), $r->{err}, $r->{status});
}

sub request
{
	my %attribute = (request => 'smtpd_access_policy',
	    protocol_state => 'RCPT', client_address => '192.0.2.7',
	    client_name => 'unknown', sender => 'a@example.com',
	    recipient => 'b@example.org', instance => '1.2.3', @_);

	return join('', map { "$_=$attribute{$_}\n" } sort keys %attribute) .
	    "\n";
}

sub old
{
	my ($item, $age) = @_;

	$c->must('-q', 'set', '--created', "-$age", '--used', "-$age",
	    '--count', 0, '--flags', '', '--', $item);
}

configure("db = " . $c->db);
my ($out, $err, $status) = ask(request());
is($out, $defer, 'new: deferred');
is($err, '', 'new: nothing said');
is($status, 0, 'new: status');
is((ask(request() x 3))[0], join('|', ($defer) x 3), 'several requests');
is((ask(join "\n", reverse(split /\n/, request()), '', ''))[0] =~
    s/^\n//r, $defer, 'attributes in another order');
is((ask("\n\n" . request(x => 'y', 'a=b' => 'c') =~ s/\n/\r\n/gr))[0],
    $defer, 'unknown attributes, empty lines, CR');
is((ask(request(sender => '')))[0], 'action=DUNNO', 'null sender');
is((ask(request(recipient => '', protocol_state => 'DATA')))[0],
    'action=DUNNO', 'no recipient, as at DATA');
($out, $err) = ask("nonsense\n=x\n" . request());
is($out, $defer, 'a line that is no attribute is passed over');
like($err, qr/^exigrey: warning: ignoring 'nonsense': no name=value\n.*ignoring '=x'/,
    'with a warning');
is((ask(substr(request(), 0, -1)))[0], '', 'a request without an end');
($out, $err, $status) = ask(request(request => 'junk') . request());
is($out, '', 'another kind of request: no answer, and no more of them');
is($err, "exigrey: unrecognized request type: 'junk'\n", 'it is said');
like((ask("sender=x\n\n"))[1], qr/unrecognized request type: ''/,
    'no kind of request');

# Values are cut at 512 bytes.
ask(request(sender => 'x' x 600, recipient => 'y' x 5000));
is(scalar(grep { $_ eq '192.0.2.0/' . 'x' x 512 . '/' . 'y' x 512 } split
    / /, $c->items), 1, 'long values are cut');
is((ask(request(client_address => 'unknown')))[0], 'action=DUNNO',
    'a client without address passes');
like((ask(request(client_address => 'unknown')))[1],
    qr/mail passes: CLIENT 'unknown' is no IP address/, 'which is said');
ask(request(sender => "e\033[31m\@x"), '-v');
like((ask(request(sender => "e\033[31m\@x"), '-v'))[1],
    qr/<e\\033\[31m\@x> to/, 'control characters are not printed');

# A first pass, the header of it, once for each instance.
old('192.0.2.0/a@example.com/b@example.org', '10m');
is((ask(request()))[0], 'action=DUNNO', 'passes, no header by default');
old('192.0.2.0/a@example.com/b@example.org', '10m');
old('192.0.2.0/a@example.com/c@example.org', '10m');
configure("db = " . $c->db, 'autowhitelist = 2', '[postfix]',
    'message = 4.7.1 come back', 'header = yes');
($out) = ask(request() . request(recipient => 'c@example.org') . request());
like($out, qr/^action=PREPEND X-Greylist: delayed 60\d seconds by exigrey \d[^|]*\|action=DUNNO\|action=DUNNO$/,
    'a header for the first recipient only');
like(join(' ', map { "@$_" } grep { $_->[0] =~ /%2F/ } map { [split /\t/] }
    split /\n/, $c->must(qw(list --format tab))), qr/\b1\tcredit|1 credit/,
    'one credit for one instance');
is((ask(request(sender => 'n@x')))[0], 'action=DEFER_IF_PERMIT 4.7.1 come back',
    'the text is configurable');
configure("db = " . $c->db, 'observe = yes');
($out, $err) = ask(request(sender => 'o@x'));
is($out, 'action=DUNNO', 'observe: passes');
like($err, qr/observe: would defer \[192\.0\.2\.7\] <o\@x> to <b\@example\.org>: new/,
    'observe: said');

# A trapped client.
my @trap = ('--config', $conf, '-q', 'trap');
configure("db = " . $c->db);
is($c->run({ no_db => 1 }, @trap, 'add', '192.0.2.7')->{err}, '', 'trapped');
($out, $err) = ask(request(recipient => 'c@example.org') .
    request(sender => '') . request(client_address => '192.0.2.8',
    recipient => 'c@example.org'), '-v');
is($out, "$defer|$defer|action=DUNNO",
    'trapped: deferred, what has passed and null senders; not its neighbour');
is(scalar(() = $err =~ /: trapped$/mg), 2, 'trapped: -v says so');
configure("db = " . $c->db, 'observe = yes');
is((ask(request()))[0], 'action=DUNNO', 'trapped, observe: passes');
configure("db = " . $c->db);
$c->must(qw(-q allow 192.0.2.0%2F24));
is((ask(request()))[0], 'action=DUNNO', 'trapped, but its network is kept');
$c->must(qw(-q delete 192.0.2.0%2F24));
is((ask(request()))[0], $defer, 'and no longer');
is($c->run({ no_db => 1 }, @trap, 'delete', '192.0.2.7')->{err}, '',
    'let go');
is((ask(request(recipient => 'c@example.org')))[0], 'action=DUNNO',
    'let go: passes as before');

# -v, -v -v, -v -v -v.
configure("db = " . $c->db);
is((ask(request()))[1], '', 'no -v: silent');
is((ask(request(sender => 'v@x'), '-v'))[1],
    "exigrey: [192.0.2.7] <v\@x> to <b\@example.org>: new\n", '-v');
like((ask(request(), '-vv'))[1], qr/\nexigrey: action=/, '-v -v');
like((ask(request(), '-v', '-v', '-v'))[1],
    qr/attribute: sender=a\@example\.com\n/, '-v -v -v');

# Failures.
configure("db = /dev/null/x");
($out, $err) = ask(request() . request());
is($out, 'action=DUNNO|action=DUNNO', 'no database: passes');
is(scalar(() = $err =~ /mail passes:/g), 1, 'said once');
configure("db = /dev/null/x", 'on_failure = defer');
is((ask(request()))[0], 'action=DEFER_IF_PERMIT 4.3.0 Service is ' .
    'temporarily unavailable', 'or is deferred');
configure("db = " . $c->db);
my $long = '/tmp/' . 'x' x 200;
is($c->run({ no_db => 1 }, '--config', $conf, 'policy', '--socket', $long)
    ->{status}, 2, 'a socket with too long a name');
like($c->run({ no_db => 1 }, '--config', $conf, 'policy', '--socket', $conf)
    ->{err}, qr/is there, and no socket/, 'a file is not replaced');

# A socket that systemd has opened: descriptor 3.
my $path = $c->directory . '/activated';
my $child = fork() // die "fork: $!";
if (!$child) {
	my $listen = IO::Socket::UNIX->new(Type => SOCK_STREAM,
	    Local => $path, Listen => 5);
	# Descriptor 3, which stays open.
	POSIX::dup2(fileno($listen), 9);
	POSIX::dup2(9, 3);
	$ENV{LISTEN_FDS} = 1;
	$ENV{LISTEN_PID} = $$;
	{ exec(Tree::build('exigrey'), '--config', $conf, 'policy') };
	POSIX::_exit(121);
}
my $peer;
Command::wait_until(sub { $peer = IO::Socket::UNIX->new(Type => SOCK_STREAM,
    Peer => $path) });
ok($peer, 'systemd\'s socket: connected');
SKIP: {
	skip 'not connected', 1 if !$peer;
	syswrite($peer, request(sender => 'systemd@x'));
	my $line = IO::Select->new($peer)->can_read(10) ? <$peer> : 'nothing';
	is($line, "$defer\n", 'systemd\'s socket: answered');
	close($peer);
}
kill 'TERM', $child;
waitpid($child, 0);
is($?, 0, 'systemd\'s socket: ends');

# Requests of any kind: each that is one is answered, in order, by one action.
my $count = $ENV{EXIGREY_FUZZ} // 5000;
my @names = qw(request protocol_state client_address client_name sender
    recipient instance size sasl_username ccert_subject);
my @values = ('smtpd_access_policy', 'RCPT', '192.0.2.9', '2001:db8::1', '',
    'unknown', 'a@example.com', 'SRS0=x=y=z.example=u@f.example', '=', '==',
    "\x80\xff", "\t", '%', '/', '//', ' ', "a\0b", 'x' x 511, 'y' x 512,
    'z' x 2000, '"quoted, local"@x', 'b@example.org', '::ffff:1.2.3.4',
    'prvs=12=x@y', '999.1.1.1', '1' x 60);
srand(42);
my $text = '';
my $answered = 0;
my $left = $count;
my $fuzz = $c->directory . '/fuzz';
open(my $file, '>', $fuzz) or die "$fuzz: $!";
while ($left-- > 0) {
	my @lines = ('request=smtpd_access_policy');

	push @lines, $names[rand @names] . (rand() < 0.97 ? '=' : '') .
	    $values[rand @values] for 1 .. rand 12;
	# The last of a name counts, and it must be a policy's.
	push @lines, 'request=smtpd_access_policy';
	print $file join("\n", @lines), "\n", "\n" x (1 + int rand 2);
}
close($file);
my $program = fork() // die "fork: $!";
if (!$program) {
	open(STDIN, '<', $fuzz);
	open(STDOUT, '>', "$fuzz.out");
	open(STDERR, '>', '/dev/null');
	{ exec(Tree::build('exigrey'), '--config', $conf, 'policy') };
	POSIX::_exit(121);
}
waitpid($program, 0);
is($?, 0, 'any requests: no crash');
my ($actions, $strange) = (0, 0);
open($file, '<', "$fuzz.out") or die "$fuzz.out: $!";
while (my $line = <$file>) {
	$line =~ /^action=(?:DUNNO|DEFER_IF_PERMIT [ -~]+)$/ ? $actions++ :
	    $line eq "\n" ? next : $strange++;
}
is($actions, $count, "any requests: $count answers");
is($strange, 0, 'and nothing else');
is($c->run('check')->{status}, 0, 'the database is sound then');

done_testing;
