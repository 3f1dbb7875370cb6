#!/usr/bin/perl
# exigrey trap scan asks DNS about the senders' domains: a real unbound with a
# zone of its own, and servers that say nothing, the wrong, or that too late.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use File::Temp;
use POSIX ();
use PrivateServer;
use ScriptedDNS;
use Test::More;
use Time::HiRes qw(time);
use Tree;

my $c = Command->new;
my $conf = $c->directory . '/exigrey.conf';
my $count = 0;

sub run { return $c->run({ no_db => 1 }, '--config', $conf, @_) }

sub configure
{
	my ($servers, @settings) = @_;

	Command::spew($conf, join '', map { "$_\n" } 'db = ' . $c->db, '[trap]',
	    "dns_servers = $servers", @settings);
}

# One client for each sender: 10.0.0.1 and up.
sub fill
{
	my (@senders) = @_;
	my ($now, $i) = (time, 0);

	unlink($c->db, $c->db . '.lock');
	my $dump = join '', "# exigrey dump 1\n", map { $i++;
	    sprintf("10.0.%d.0/%s/x\@example.org\t%d\t%d\t0\thost=10.0.%d.%d\n",
		$i >> 8, s{([^\x21-\x7e]|[/%])}{sprintf '%%%02X', ord $1}ger,
		$now - 60, $now - 60, $i >> 8, $i & 255) } @senders;
	my $r = $c->run({ stdin => $dump }, qw(-q import -));
	die "import: $r->{err}" if $r->{status} ne '0';
}

# The reasons, by sender, and the counts.
sub scan
{
	my (@senders) = @_;

	fill(@senders);
	my $r = run(qw(trap scan --dry-run --format json));
	is($r->{err}, '', 'nothing to complain about');
	my @rows = Command::json($c, $r->{out});
	my $counts = pop @rows;
	my %why;
	for my $row (@rows) {
		my ($high, $low) = $row->{client} =~ /(\d+)\.(\d+)$/;
		$why{$senders[$high * 256 + $low - 1]} = $row->{note};
	}
	return (\%why, $counts);
}

# unbound, which has all of this and asks nobody else.
my %zone = (
    'mx' => 'MX 10 mx.good.example.',
    'a' => 'A 192.0.2.1',
    'aaaa' => 'AAAA 2001:db8::1',
    'two-mx' => ['MX 10 mx1.good.example.', 'MX 20 mx2.good.example.'],
    'txt' => 'TXT "no mail here"',
    'null' => 'MX 0 .',
    'null-and-a' => ['MX 0 .', 'A 192.0.2.1'],
    'null-and-mx' => ['MX 0 .', 'MX 10 mx.good.example.'],
);
my $home = `@{[Tree::root()]}/tests/unpack unbound 2>&1`;
my $why = $? != 0 ? "no unbound: $home" : '';
my ($unbound, $directory, $port);
chomp($home);
if ($why eq '') {
	$directory = File::Temp->newdir('exigrey-unbound-XXXXXX', TMPDIR => 1);
	$port = PrivateServer::free_port();
	Command::spew("$directory/conf", <<"END" . join '', map {
server:
  interface: 127.0.0.1
  port: $port
  directory: "$directory"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "." static
remote-control:
  control-enable: no
server:
END
	    my $name = $_;
	    map { "  local-data: '$name.example. IN $_'\n" }
		ref $zone{$name} ? @{$zone{$name}} : $zone{$name} }
	    sort keys %zone);
	$unbound = fork() // die "fork: $!";
	if (!$unbound) {
		$ENV{LD_LIBRARY_PATH} = "$home/lib";
		open(STDOUT, '>', "$directory/log");
		open(STDERR, '>&', \*STDOUT);
		exec("$home/root/usr/sbin/unbound", '-d', '-c',
		    "$directory/conf") or POSIX::_exit(127);
	}
	$why = 'unbound does not start: ' . Tree::slurp("$directory/log")
	    if !Command::wait_until(sub {
		Tree::slurp("$directory/log") =~ /start of service/ });
}
END {
	if (defined $unbound && $unbound != 0) {
		my $status = $?;
		kill 'TERM', $unbound;
		waitpid($unbound, 0);
		$? = $status;
	}
}
SKIP: {
	skip $why, 23 if $why ne '';
	configure("127.0.0.1:$port");
	my %want = (
	    'u@mx.example' => undef, 'u@a.example' => undef,
	    'u@aaaa.example' => undef, 'u@two-mx.example' => undef,
	    'u@null-and-mx.example' => undef, 'u@MX.Example' => undef,
	    '' => undef, 'u@[192.0.2.1]' => undef,
	    "u\@b\xc3\xbccher.example" => undef,
	    'u@txt.example' =>
		"sender domain 'txt.example' has neither MX nor address",
	    'u@nowhere.example' =>
		"sender domain 'nowhere.example' has neither MX nor address",
	    'u@Below.MX.example' =>
		"sender domain 'below.mx.example' has neither MX nor address",
	    'u@null.example' =>
		"sender domain 'null.example' takes no mail (null MX)",
	    'u@null-and-a.example' =>
		"sender domain 'null-and-a.example' takes no mail (null MX)",
	);
	my ($found, $counts) = scan(sort keys %want);
	is($found->{$_}, $want{$_}, "unbound: <$_>") for sort keys %want;
	is($counts->{domains_asked}, 11, 'unbound: domains that were asked');
	is($counts->{domains_unknown}, 1,
	    'unbound: but for one that is not ASCII, all were answered');
	configure("127.0.0.1:$port", 'dns_sockets = 0');
	($found, $counts) = scan(sort keys %want);
	is_deeply($found, {}, 'dns_sockets = 0: nobody is trapped');
	is($counts->{domains_asked}, 0, 'dns_sockets = 0: none is asked');
	configure("127.0.0.1:$port", 'dns_sockets = 1');
	($found, $counts) = scan(sort keys %want);
	is(scalar keys %$found, 5, 'dns_sockets = 1: the same');
}

# Servers that are not to be believed; each name says what comes.
my $script = sub {
	my ($name, $type, $query) = @_;
	my ($what) = $name =~ /^([^.]+)/;
	my $nothing = sub { [0, ScriptedDNS::reply($query, @_)] };

	return () if $what eq 'drop';
	return $nothing->(rcode => 3) if $what eq 'nxdomain';
	return [2, ScriptedDNS::reply($query, rcode => 3)] if $what eq 'late';
	return [0.3, ScriptedDNS::reply($query, mx => 'mx.example')]
	    if $what eq 'slow';
	return $nothing->(rcode => { servfail => 2, formerr => 1, notimp => 4,
	    refused => 5 }->{$what}) if $what =~ /^(?:servfail|formerr|notimp|refused)$/;
	return $nothing->(flags => 0) if $what eq 'referral';
	return $nothing->(flags => 0, rcode => 3) if $what eq 'unauthentic';
	return $nothing->(id => 1, rcode => 3) if $what eq 'wrongid';
	return $nothing->(about => 'other.example', rcode => 3)
	    if $what eq 'wrongname';
	return [0, 'garbage'] if $what eq 'garbage';
	return [0, substr(ScriptedDNS::reply($query, mx => 'mx.example'), 0, -3)]
	    if $what eq 'cut';
	return $nothing->(flags => $ScriptedDNS::tc | $ScriptedDNS::ra)
	    if $what eq 'truncated';
	# MX is not known, but the address is.
	return $nothing->($type eq 'MX' ? (rcode => 2) : (a => "\1\2\3\4"))
	    if $what eq 'nomx';
	# None of the first two, and the last is not to be had.
	return $nothing->($type eq 'AAAA' ? (rcode => 2) : ())
	    if $what eq 'noaaaa';
	return $nothing->(cname => 'nowhere.example') if $what eq 'cname';
	return $nothing->(aaaa => "\x20\1" . "\1" x 14) if $what eq 'aaaa';
	return $nothing->(mx => 'mx.example');
};
my $dns = ScriptedDNS->start($script);
my @unknown = map { "u\@$_.example" } qw(drop late servfail formerr notimp
    refused referral unauthentic wrongid wrongname garbage cut nomx noaaaa);
my @good = map { "u\@$_.example" } qw(slow aaaa good);
my %bad = map { ("u\@$_.example" =>
    "sender domain '$_.example' has neither MX nor address") }
    qw(nxdomain cname);

configure('127.0.0.1:' . $dns->port, 'dns_timeout = 1s');
my $start = time;
my ($found, $counts) = scan(@unknown, @good, sort keys %bad);
my $took = time - $start;
is($found->{$_}, undef, "<$_> is not held against anybody")
    for @unknown, @good;
is($found->{$_}, $bad{$_}, "<$_> is") for sort keys %bad;
is($counts->{domains_unknown}, scalar @unknown, 'how many are not known');
cmp_ok($took, '<', 8, "dns_timeout: all at once ($took s)");

# What is too long for UDP, where TCP is refused.  (c-ares then tries all again
# that it has asked this server for.)
($found, $counts) = scan('u@truncated.example');
is_deeply($found, {}, 'truncated, without TCP: nobody is trapped');
is($counts->{domains_unknown}, 1, 'truncated, without TCP: not known');

# Each is asked once, however many clients have it.
$dns = ScriptedDNS->start($script);
configure('127.0.0.1:' . $dns->port);
($found, $counts) = scan(map { ("u$_\@good.example", "v$_\@nxdomain.example",
    "w$_\@AAAA.example") } 1 .. 100);
is(join(', ', sort $dns->asked), 'aaaa.example A, aaaa.example AAAA, ' .
    'aaaa.example MX, good.example MX, nxdomain.example MX',
    'each is asked once');
is($counts->{trapped}, 100, 'and the answer counts for all');
is($counts->{domains_asked}, 3, 'three domains');

# No more at once than dns_sockets: each answer takes 0.2 s.
sub seconds_of
{
	my ($sockets, $domains) = @_;
	my $slow = ScriptedDNS->start(sub {
	    return [0.2, ScriptedDNS::reply($_[2], mx => 'mx.example')] });

	configure('127.0.0.1:' . $slow->port, "dns_sockets = $sockets");
	my $start = time;
	scan(map { "u\@d$_.example" } 1 .. $domains);
	return time - $start;
}
cmp_ok(seconds_of(2, 12), '>=', 1.2, 'dns_sockets = 2: no more at once');
cmp_ok(seconds_of(12, 12), '<', 1.2, 'dns_sockets = 12: so many');

# Only who is not suspect already is asked about.
$dns = ScriptedDNS->start($script);
configure('127.0.0.1:' . $dns->port, 'suspect_tuples = 0', 'max_domains = 0');
($found) = scan('u@good.example');
like($found->{'u@good.example'}, qr/^1 waiting, from 1 sender domains/,
    'who is trapped for another reason');
is(join(', ', $dns->asked), '', 'is not asked about');

# Nobody there; no server at all.
configure('127.0.0.1:' . PrivateServer::free_port(), 'dns_timeout = 1s');
($found, $counts) = scan('u@nxdomain.example');
is_deeply($found, {}, 'no server: nobody is trapped');
is($counts->{domains_unknown}, 1, 'no server: counted');
like(run(qw(trap scan))->{out},
    qr/^not known: 1 of 1 sender domains: no answer from DNS$/m,
    'no server: said');
fill('u@nxdomain.example', 'u@good.example');
my $r = run(qw(-q trap scan));
is($r->{status}, 0, 'no server: no failure');
is($r->{err}, 'exigrey: DNS has told nothing of any sender domain: see ' .
    "dns_servers and dns_timeout in exigrey.conf(5)\n",
    'no server, more than one domain: told also with -q');
configure('nonsense');
$r = run(qw(trap scan));
is($r->{status}, 2, 'dns_servers = nonsense: status');
like($r->{err}, qr/^exigrey: .*dns_servers: 'nonsense' /,
    'dns_servers = nonsense: said');

# SIGTERM ends it while it waits for answers, and traps nobody by half.
$dns = ScriptedDNS->start($script);
for my $every ([], [qw(--every 1h)]) {
	configure('127.0.0.1:' . $dns->port, 'dns_timeout = 60s');
	fill('no address', 'u@drop.example');
	my $before = grep { /drop/ } $dns->asked;
	my $pid = $c->start('--config', $conf, qw(trap scan), @$every);

	ok(Command::wait_until(sub {
	    $before < grep { /drop/ } $dns->asked }), "@$every: it asks");
	$start = time;
	kill 'TERM', $pid;
	waitpid($pid, 0);
	cmp_ok(time - $start, '<', 5, "@$every: SIGTERM ends it");
	is(@$every ? $? : $? & 127, @$every ? 0 : 15, "@$every: status");
	is(run(qw(trap list --format tab))->{out}, '',
	    "@$every: nobody is trapped");
}

done_testing;
