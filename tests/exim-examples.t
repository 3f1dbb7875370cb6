#!/usr/bin/perl
# Each ACL of doc/examples/ in a real Exim over SMTP.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use SMTP;
use Snippets;
use StandInDNS;
use Test::More;
use Time::HiRes qw(sleep);
use Tree;

my $later = '450 4.7.1 Greylisted, please try again later';
my $directory = Tree::root() . '/doc/examples';
my %tested;

# An Exim with an example in an ACL.
sub started
{
	my ($name, $acl, $delay, %more) = @_;
	my $exim = PrivateExim->new(%more);
	my $text = Snippets::adapt(Tree::slurp("$directory/$name.acl"),
	    $exim->so, $delay, $exim->dir);

	$tested{$name} = 1;
	$exim->{main} .= 'EXIGREY_SO = ' . $exim->so . "\n";
	$exim->set_acl($acl => "$text\naccept\n")->start;
	return $exim;
}

sub rcpt
{
	my ($exim, $from, $sender, @recipients) = @_;
	# No client lies in 192.0.2.0/24, nor is 127.0.0.0/8 any for SPF.
	my $client = $from =~ /^127/ ? $exim->client(from => $from) :
	    $exim->client(from => '127.0.0.99', proxy => $from);
	my $reply = $client->envelope($sender, @recipients);

	$client->quit;
	return $reply;
}

sub data
{
	my ($exim, $from, $sender, @recipients) = @_;
	my $client = $exim->client(from => $from);

	$client->envelope($sender, @recipients);
	my $reply = $client->data;
	$client->quit;
	return $reply;
}

my @mail = ('127.0.2.1', 'a@example.com', 'b@example.org');
my $plain = started('plain', 'rcpt', '2s');
my $tell = started('tell-delay', 'rcpt', '2s');
my $null = started('null-sender', 'data', '2s');
is(rcpt($plain, @mail), $later, 'plain: deferred');
like($plain->logged(qr/greylisted: early/), qr/greylisted: early [12]$/m,
    'plain: the log says for how long');
like(rcpt($tell, @mail),
    qr/^450 4\.7\.1 Greylisted: come back in [12] seconds$/,
    'tell-delay: tells it');
is(rcpt($null, '127.0.2.1', '', 'b@example.org'), '250 Accepted',
    'null-sender: RCPT is not put off');
is(data($null, '127.0.2.1', '', 'b@example.org', 'c@example.org'), $later,
    'null-sender: DATA is');
like(data($null, @mail), qr/^250 OK/, 'null-sender: others are not');
sleep 2.1;
is(rcpt($plain, @mail), '250 Accepted', 'plain: accepted');
is(rcpt($tell, @mail), '250 Accepted', 'tell-delay: accepted');
like(data($null, '127.0.2.1', '', 'b@example.org', 'c@example.org'),
    qr/^250 OK/, 'null-sender: accepted');
$_->stop for $plain, $tell, $null;

my $observe = started('observe', 'rcpt', '10m');
is(rcpt($observe, @mail), '250 Accepted', 'observe: accepted');
like($observe->logged(qr/would defer/),
    qr/exigrey: observe: would defer \[127\.0\.2\.1\] <a\@example\.com> to <b\@example\.org>: new/,
    'observe: logged');
$observe->stop;

my $exempt = started('exempt', 'rcpt', '10m', relay => '127.0.3.0/24',
    main => "auth_advertise_hosts = *\n",
    more => <<'END');
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{user}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
END
is(rcpt($exempt, @mail), $later, 'exempt: a stranger waits');
is(rcpt($exempt, '127.0.3.1', @mail[1, 2]), '250 Accepted',
    'exempt: a relay host does not');
is(rcpt($exempt, @mail[0, 1], 'postmaster@example.org'), '250 Accepted',
    'exempt: postmaster');
my $client = $exempt->client(from => $mail[0]);
like($client->command('AUTH PLAIN AHVzZXIAc2VjcmV0'), qr/^235 /,
    'exempt: authenticated');
is($client->envelope(@mail[1, 2]), '250 Accepted',
    'exempt: a user does not wait');
$client->quit;
$exempt->stop;

# SPF and blocklists, by a stand-in name server.
SKIP: {
	my $cannot = StandInDNS::cannot();

	$tested{spf} = $tested{suspicious} = 1 if $cannot ne '';
	skip $cannot, 11 if $cannot ne '';
	my @proxy = (before => undef, main => "hosts_proxy = 127.0.0.99\n");
	my $dns = StandInDNS->start(
	    'pool.example/TXT' =>
		'v=spf1 ip4:192.0.2.0/25 ip4:198.51.100.0/24 -all',
	    '1.2.0.192.in-addr.arpa/PTR' => 'good.example',
	    'good.example/A' => '192.0.2.1',
	    '2.2.0.192.in-addr.arpa/PTR' => 'listed.example',
	    'listed.example/A' => '192.0.2.2',
	    '2.2.0.192.dnsbl.example/A' => '127.0.0.2');
	$proxy[1] = [$dns->wrap];
	my $spf = started('spf', 'rcpt', '2s', @proxy);

	is(rcpt($spf, '192.0.2.1', 'a@pool.example', 'b@example.org'), $later,
	    'spf: the domain is new');
	is(rcpt($spf, '192.0.2.200', 'a@pool.example', 'b@example.org'), $later,
	    'spf: and so is mail that is not proved');
	sleep 2.1;
	is(rcpt($spf, '198.51.100.7', 'other@pool.example', 'c@example.org'),
	    '250 Accepted',
	    'spf: accepted from another host of the pool, for anybody');
	is(rcpt($spf, '203.0.113.9', 'x@pool.example', 'b@example.org'), $later,
	    'spf: what is not proved has no part in that');
	like($spf->expand($spf->dlfunc('record', '/@pool.example/', 'greylist')),
	    qr{ 1 host=198\.51\.100\.7$}, 'spf: the record of the domain');
	$spf->stop;

	my $suspicious = started('suspicious', 'rcpt', '10m', @proxy);
	is(rcpt($suspicious, '192.0.2.1', @mail[1, 2]), '250 Accepted',
	    'suspicious: a host with reverse DNS');
	is(rcpt($suspicious, '192.0.2.2', @mail[1, 2]), $later,
	    'suspicious: one on the blocklist waits');
	is(rcpt($suspicious, '192.0.2.3', @mail[1, 2]), $later,
	    'suspicious: one without reverse DNS waits');
	for my $exim ($spf, $suspicious) {
		unlike($exim->log('main'), qr/failed to expand|error in/,
		    'nothing to complain of');
	}
	is($suspicious->log('panic'), '', 'no panic');
}
is_deeply([sort keys %tested],
    [sort map { m(/([^/]+)\.acl$) } glob("$directory/*.acl")],
    'all examples were run');

done_testing;
