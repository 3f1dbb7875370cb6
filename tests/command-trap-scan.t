#!/usr/bin/perl
# exigrey trap scan: each rule with its threshold from both sides, who is
# skipped, what is left alone, what is said, and --every.  The checker of
# recipients is command-checker.t's, DNS is command-trap-dns.t's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Test::More;
use Command;
use Tree;

my $now = time;
my $c = Command->new;
my $conf = $c->directory . '/exigrey.conf';
my $clients = $c->directory . '/clients';
my $traps = $c->directory . '/trap_recipients';
my $host = '192.0.2.7';

# Settings of section trap; "main NAME = VALUE" are others.
sub configure
{
	my @main = map { /^main (.*)/ ? $1 : () } @_;
	my @trap = grep { !/^main / } @_;

	Command::spew($conf, join '', map { "$_\n" } 'db = ' . $c->db, @main,
	    '[whitelist]', "clients = $clients", '[trap]', 'dns_sockets = 0',
	    @trap);
}

sub escape
{
	return $_[0] =~ s{([^\x21-\x7e]|[/%])}{sprintf '%%%02X', ord $1}ger;
}

# The item of a triplet, and of the other keys.
sub triplet
{
	my ($sender, $recipient, $network) = @_;

	return join '/', $network // '192.0.2.0', escape($sender),
	    escape($recipient);
}

# A record that waits, of a client.
sub waits { return [60, 60, 0, "host=" . ($_[0] // $host)] }

# So many triplets of the host: sender number i is what the code says.
sub mail
{
	my ($count, $sender) = @_;

	return map { my $i = $_;
	    (triplet($sender->($i), "user$i\@example.org") => waits()) }
	    1 .. $count;
}

# Fills a new database; values as Command::fill has them.
sub fill
{
	my (%records) = @_;

	unlink($c->db, $c->db . '.lock');
	my $dump = "# exigrey dump 1\n" . join '', map {
		my ($created, $used, $count, $flags) = @{$records{$_}};
		join("\t", $_, $now - $created, $now - $used, $count,
		    $flags // '') . "\n"
	} sort keys %records;
	my $r = $c->run({ stdin => $dump }, qw(-q import -));
	die "import: $r->{err}" if $r->{status} ne '0';
}

sub run { return $c->run({ no_db => 1 }, '--config', $conf, @_) }

# Scans, without trapping.  Returns what is said of clients as a hash of their
# reasons, and the counts.
sub scan
{
	my $r = run(qw(trap scan --dry-run --format json));

	die "trap scan: $r->{status}: $r->{err}"
	    if $r->{status} ne '0' || $r->{err} ne '';
	my @rows = Command::json($c, $r->{out});
	my $counts = pop @rows;
	return ({ map { $_->{client} => $_->{note} //
	    pack('H*', $_->{note_hex}) } @rows }, $counts);
}

# Is the host trapped by these records and settings?  why: undef, or a pattern.
sub judge
{
	my ($name, $records, $why, @settings) = @_;

	configure(@settings);
	fill(@$records);
	my ($found, $counts) = scan();
	my $note = $found->{$host};

	if (defined $why) {
		like($note // 'not trapped', $why, "$name: trapped");
		is($counts->{trapped}, 1, "$name: nobody else");
	} else {
		is($note, undef, "$name: not trapped");
		is($counts->{trapped}, 0, "$name: nobody is");
	}
	return $counts;
}

Command::spew($clients, "# ours\n198.51.100.0/24\n");

# Without a database.
configure();
my $r = run(qw(trap scan));
is($r->{status}, 0, 'no database: status');
like($r->{err}, qr/^exigrey: no database '/, 'no database: said');
ok(!-e $c->db, 'and none is made');

# A sender that is no address: one is enough.  unit/mailbox.c has the table.
for my $sender ('a', 'a@', 'a b@example.com', 'a..b@example.com',
    'a@@example.com', "a\n\@example.com", "a\0b\@example.com",
    "a\xff\@example.com", '@example.com', 'a@example.com.', 'a@[192.0.2.999]') {
	judge("sender '" . escape($sender) . "'",
	    [triplet($sender, 'bob@example.org') => waits()],
	    qr/^sender '.*' is no valid address$/s);
}
for my $sender ('', 'a@example.com', '"a b"@example.com', 'a@[192.0.2.1]',
    'a#b=c@example.com', '--help@example.com', "j\xc3\xbcrgen\@example.com") {
	judge("sender '" . escape($sender) . "'",
	    [triplet($sender, 'bob@example.org') => waits()]);
}

# Domains: more than suspect_tuples, and of these more than max_domains.
my $few = sub { my ($domains) = @_;
    return sub { 'a@d' . $_[0] % $domains . '.example' } };
judge('5 of 5 domains', [mail(5, $few->(5))]);
judge('6 of 4 domains', [mail(6, $few->(4))],
    qr/^6 waiting, from 4 sender domains \(more than 3\)$/);
judge('6 of 3 domains', [mail(6, $few->(3))]);
judge('2 of 2, suspect_tuples = 1, max_domains = 1', [mail(2, $few->(2))],
    qr/from 2 sender domains \(more than 1\)$/, 'suspect_tuples = 1',
    'max_domains = 1');
judge('2 of 2, suspect_tuples = 2', [mail(2, $few->(2))], undef,
    'suspect_tuples = 2', 'max_domains = 1');
judge('2 of 2, max_domains = 2', [mail(2, $few->(2))], undef,
    'suspect_tuples = 1', 'max_domains = 2', 'max_senders_ratio = 1');
judge('upper and lower case are one domain', [mail(8, sub {
    'a@' . ('D.example', 'd.EXAMPLE', 'd.example', 'D.eXample')[$_[0] % 4] })]);
judge('the null sender has no domain', [mail(8, sub {
    ('', 'a@d1.example', 'a@d2.example', 'a@d3.example')[$_[0] % 4] })]);
judge('3 domains and an address in brackets', [mail(8, sub {
    ('a@[192.0.2.1]', 'a@d1.example', 'a@d2.example',
	'a@d3.example')[$_[0] % 4] })], qr/from 4 sender domains/);

# Senders: their part of what waits is above max_senders_ratio.
my $some = sub { my ($senders) = @_;
    return sub { 's' . $_[0] % $senders . '@d.example' } };
judge('8 of 6 senders: 0.75', [mail(8, $some->(6))]);
judge('8 of 7 senders', [mail(8, $some->(7))],
    qr/^8 waiting, from 7 senders \(a ratio above 0\.75\)$/);
judge('5 of 5 senders', [mail(5, $some->(5))]);
judge('6 of 6 senders', [mail(6, $some->(6))], qr/from 6 senders/);
judge('6 of 6 senders, max_senders_ratio = 1', [mail(6, $some->(6))], undef,
    'max_senders_ratio = 1');
judge('7 of 1 sender, max_senders_ratio = 0.142857',
    [mail(7, $some->(1))], qr/from 1 senders/, 'max_senders_ratio = 0.142857');
judge('7 of 1 sender, max_senders_ratio = 0.142858',
    [mail(7, $some->(1))], undef, 'max_senders_ratio = 0.142858');
judge('a mailing list', [mail(200, $few->(1))]);
judge('two clients of a network are two clients', [
    mail(5, sub { "a\@d$_[0].example" }),
    map { (triplet("b\@e$_.example", 'bob@example.org') =>
	waits('192.0.2.8')) } 1 .. 5]);
judge('IPv6, and what is mapped', [
    (map { (triplet("b\@e$_.example", 'bob@example.org', '2001:db8::') =>
	waits('2001:db8::0:7')) } 1 .. 5), mail(3, $some->(1)),
    map { (triplet("b\@e$_.example", 'bob@example.org') =>
	waits('::ffff:192.0.2.7')) } 1 .. 3], qr/^6 waiting, from 4/);
is_deeply([scan()], [scan()], 'a dry run changes nothing');

# Keys of other kinds than the triplet.
judge('key = client', [map { ("192.0.$_.0//" => waits()) } 1 .. 8]);
judge('key = client-sender', [map { ("192.0.2.0/s$_\@d.example/" => waits()) }
    1 .. 20]);
judge('key = client-sender, domains',
    [map { ("192.0.2.0/s\@d$_.example/" => waits()) } 1 .. 6],
    qr/from 6 sender domains/);
judge('key = sender-domain', [map { ("/\@d$_.example/" => waits()) } 1 .. 6],
    qr/^6 waiting, from 6 sender domains/);
judge('key = sender-domain, none is too much',
    [map { ("/\@d$_.example/" => waits()) } 1 .. 6], undef,
    'max_domains = 6');
judge('key = sender-domain, no domain', ['/@d_%20.example/' => waits()],
    qr/^sender domain 'd_ \.example' is no valid one$/);
judge('key = sender-domain, the null sender', ['/@/' => waits()]);
judge('key = sender-recipient',
    [map { ("/s$_\@d.example/bob\@example.org" => waits()) } 1 .. 6],
    qr/from 6 senders/);

# Recipients that are traps.
my @bob = (triplet('a@example.com', 'Bob.Trap@Old.Example') => waits());
my $pattern = "trap_recipients = $traps";
Command::spew($traps, "# comment\n\n^nobody\@\n\@old\\.example\$ # another\n");
judge('trap_recipients', \@bob,
    qr/^recipient 'Bob\.Trap\@Old\.Example' matches line 4 of \Q$traps\E$/,
    $pattern);
judge('trap_recipients: another', [triplet('a@example.com',
    'bob@old.example.org') => waits()], undef, $pattern);
judge('trap_recipients: none configured', \@bob);
Command::spew($traps, "a\n(b\n");
configure($pattern);
$r = run(qw(trap scan));
is($r->{status}, 2, 'trap_recipients with a mistake: status');
like($r->{err}, qr/^exigrey: \Q$traps\E:2: byte 3: \S/,
    'trap_recipients: file and line');
$r = run(qw(config --check));
is($r->{status}, 2, 'config --check finds it');
like($r->{err}, qr/^exigrey: \Q$traps\E:2: byte 3: \S/, 'and says where');
configure('trap_recipients = /nowhere/at/all');
$r = run(qw(trap scan));
is($r->{status}, 2, 'trap_recipients that is not there: status');
like($r->{err}, qr{^exigrey: cannot open trap_recipients '/nowhere/at/all': },
    'trap_recipients that is not there: said');

# Who is skipped: [name, records, settings].
my @spam = mail(6, sub { "a\@d$_[0].example" });
my $hour = 3600;
for my $case (
    ['kept', $host => [60, 60, 0, 'keep']],
    ['auto', $host => [60, 60, 1, 'auto']],
    ['trapped', $host => [60, 60, 0, 'trap expires=' . ($now + $hour)]],
    ['its network is kept', '192.0.2.0%2F24' => [60, 60, 1, 'keep']],
    ['its network is auto', '192.0.2.0%2F24' => [60, 60, 5, 'auto']],
    ['a mail of it has passed', triplet('x@y.example', 'z@example.org') =>
	[$hour, 60, 1, "host=$host"]],
) {
	my ($name, @records) = @$case;
	my $counts = judge($name, [@spam, @records]);

	is($counts->{skipped}, 1, "$name: skipped");
	is($counts->{clients}, 1, "$name: of one that waits");
}
for my $case (
    ['its network has credits', '192.0.2.0%2F24' => [$hour, 60, 4, 'credit']],
    ['its trap is over', $host => [60, 60, 0, 'trap expires=' . ($now - 9)]],
    ['another has passed', triplet('x@y.example', 'z@example.org') =>
	[$hour, 60, 1, 'host=192.0.2.8']],
    ['another network is kept', '192.0.3.0%2F24' => [60, 60, 1, 'keep']],
    ['what has passed has expired', triplet('x@y.example', 'z@example.org') =>
	[50 * 86400, 40 * 86400, 1, "host=$host"]],
) {
	my ($name, @records) = @$case;
	my $counts = judge($name, [@spam, @records], qr/^6 waiting/);

	is($counts->{skipped}, 0, "$name: nobody is skipped");
}
Command::spew($clients, "192.0.2.0/29\n");
is(judge('in the file of clients', \@spam)->{skipped}, 1,
    'in the file of clients: skipped');
Command::spew($clients, '');

# What has expired does not wait; grey= of the configuration says so.
judge('5, and 5 that have expired', [mail(5, sub { "a\@d$_[0].example" }),
    map { (triplet("b\@e$_.example", 'bob@example.org') =>
	[90000, 90000, 0, "host=$host"]) } 1 .. 5]);
judge('grey = 100h', [mail(1, sub { 'a@d.example' }),
    map { (triplet("b\@e$_.example", 'bob@example.org') =>
	[90000, 90000, 0, "host=$host"]) } 1 .. 5], qr/from 6 sender domains/,
    'main grey = 100h');

# Left alone, and counted.
configure();
fill(triplet('a b', 'x@example.org') => [60, 60, 0, ''],
    triplet('a c', 'x@example.org') => [60, 60, 0, 'host=bogus'],
    'a b>:<c' => waits(), '192.0.2.0/a/b/c' => waits(),
    '192.0.2.0/%zz/b' => waits(), '192.0.2.50' => waits(),
    '192.0.2.0%2F24' => [60, 60, 3, 'credit'],
    triplet('a@example.com', 'x@example.org') => waits());
$c->store("192.0.2.0/a/b\0" => "no record\0", 'foreign' => 'x');
my ($found, $counts) = scan();
is_deeply($found, {}, 'nobody is trapped for what is left alone');
is($counts->{left_alone}, 8, 'how many are left alone');
is($counts->{waiting}, 1, 'how many wait');
is($counts->{records}, 10, 'how many there are');

# What is said.
configure();
fill(@spam, triplet("\e[2J\n", 'x@example.org') => waits('192.0.2.8'));
$r = run(qw(trap scan --dry-run));
like($r->{out}, qr/\Awould trap 192\.0\.2\.7 until [-\d]+ [:\d]+: 6 waiting, from 6 sender domains \(more than 3\)\nwould trap 192\.0\.2\.8 until [-\d]+ [:\d]+: sender '\\033\[2J\\012' is no valid address\nwould trap 2 of 2 clients/,
    'dry run: sorted, escaped, and a summary');
is(run(qw(-q trap scan --dry-run))->{out}, '', '-q: nothing');
like(run(qw(trap scan -n --format tab))->{out},
    qr/\A192\.0\.2\.7\ttrapped\t\d{10}\t6 waiting[^\n]*\n192\.0\.2\.8\t/,
    'tab');
is(run(qw(trap list --format tab))->{out}, '', 'nobody is trapped by all that');

# Trapped, and syslog is told, if nobody else listens there.
my $syslog;
my $no_syslog = $> != 0 ? 'only root can make /dev/log' :
    -e '/dev/log' ? 'there is a /dev/log already' : '';
if ($no_syslog eq '') {
	$syslog = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => '/dev/log')
	    or $no_syslog = "/dev/log: $!";
	chmod(0666, '/dev/log');
}
END { unlink('/dev/log') if defined $syslog }
my $before = time;
$r = run(qw(trap scan));
like($r->{out}, qr/^trapped 192\.0\.2\.7 until .*\ntrapped 192\.0\.2\.8 until .*\ntrapped 2 of 2 clients/,
    'trapped: said');
SKIP: {
	skip $no_syslog, 1 if $no_syslog ne '';
	my ($text, $lines) = ('', '');

	while (IO::Select->new($syslog)->can_read(0)) {
		$syslog->recv($text, 4096);
		$lines .= "$text\n" if $text =~ /trapped 192\.0\.2\./;
	}
	like($lines, qr/^<22>.*exigrey.*: trapped 192\.0\.2\.7: 6 waiting, from 6 sender domains \(more than 3\)\n.*: trapped 192\.0\.2\.8: sender '\\033\[2J\\012' is no valid address\n\z/,
	    'syslog: mail.info, each with its reason');
}
my @list = Command::json($c, run(qw(trap list --format json))->{out});
is(join(' ', sort map { $_->{client} } @list), '192.0.2.7 192.0.2.8',
    'trap list has them');
my ($first) = grep { $_->{client} eq $host } @list;
is($first->{note}, '6 waiting, from 6 sender domains (more than 3)',
    'with the reason');
cmp_ok($first->{expires} - $before, '>=', 86400, 'for a day');
cmp_ok($first->{expires} - $before, '<=', 86410, 'and no more');
is(run('why', $host, 'a@d1.example', 'user1@example.org')->{out},
    "trapped\n", 'why');
($found, $counts) = scan();
is_deeply($found, {}, 'who is trapped is not trapped again');
is($counts->{skipped}, 2, 'but skipped');

# Wrong usage.
for my $case ([[qw(trap scan 192.0.2.1)],
	qr/^exigrey: 'trap scan' does not take '192\.0\.2\.1'/],
    [[qw(trap scan --every 0)], qr/^exigrey: --every/],
    [[qw(trap scan --every x)], qr/^exigrey: --every: 'x' is no duration/],
    [[qw(trap scan --expires +1h)],
	qr/^exigrey: 'trap scan' does not take --expires/],
    [[qw(trap list --every 1h)],
	qr/^exigrey: 'trap list' does not take --every/]) {
	my ($arguments, $said) = @$case;

	$r = run(@$arguments);
	is($r->{status}, 2, "@$arguments: status");
	like($r->{err}, $said, "@$arguments: said");
}

# --every: again and again; SIGHUP at once, with what the file says now; a
# mistake in the file does not end it; SIGTERM does.
sub said { return Tree::slurp($c->directory . "/$_[0]") }

configure('suspect_tuples = 100');
fill(@spam);
my $pid = $c->start('--config', $conf, qw(trap scan --every 1h));
ok(Command::wait_until(sub { said('out') =~ /^trapped 0 of 1 clients/m }),
    '--every: a first scan at once');
Command::spew($conf, "dealy = 1\n");
kill 'HUP', $pid;
ok(Command::wait_until(sub { said('err') =~ /unknown setting 'dealy'/ }),
    'SIGHUP: a mistake is told');
is(kill(0, $pid), 1, 'and does not end it');
configure();
kill 'HUP', $pid;
ok(Command::wait_until(sub { said('out') =~ /^trapped 192\.0\.2\.7 /m }),
    'SIGHUP: scanned by what the file says now');
kill 'TERM', $pid;
waitpid($pid, 0);
is($?, 0, 'SIGTERM ends it, status 0');

fill(@spam);
$pid = $c->start('--config', $conf, qw(trap scan --every 1s));
ok(Command::wait_until(sub { said('out') =~ /^trapped 192\.0\.2\.7 /m }),
    '--every 1s: the first');
fill(@spam);	# which empties "out", too
ok(Command::wait_until(sub { said('out') =~ /trapped 192\.0\.2\.7 / }),
    '--every 1s: again');
unlink($c->db);
ok(Command::wait_until(sub { said('err') =~ /no database/ }),
    'a database that is gone is told');
is(kill(0, $pid), 1, 'and does not end it');
kill 'INT', $pid;
waitpid($pid, 0);
is($?, 0, 'SIGINT ends it too');

done_testing;
