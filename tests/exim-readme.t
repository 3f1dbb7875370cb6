#!/usr/bin/perl
# README's ACL does what README says about each of its lines.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use MIME::Base64 qw(encode_base64);
use PrivateExim;
use Snippets qw(snippet adapt);
use Test::More;

my $exim = PrivateExim->new(more => <<'END');
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if eq{$auth3}{secret}}
END
my $dir = $exim->dir;
my @fit = ($exim->so, '1h', $dir);

$exim->{main} = adapt(snippet('main'), @fit);
$exim->set_acl(rcpt => "require verify = recipient\n" .
    adapt(snippet('acl-rcpt'), @fit) . "\naccept\n")->start;

sub lists
{
	my (%text) = @_;

	for my $name (sort keys %text) {
		open(my $file, '>', "$dir/exigrey_$name") or die;
		print $file $text{$name};
	}
}

sub rcpt
{
	my ($from, $sender, $recipient) = @_;
	my $client = $exim->client(from => $from);
	my $reply = $client->envelope($sender, $recipient);

	$client->quit;
	return $reply;
}

my $later = '450 4.7.1 Greylisted, please try again later';
my @stranger = ('127.0.0.2', 'a@example.com', 'b@example.org');
my $wait = qr/<b\@example\.org>: greylisted, (?:3600|3599) s to go/;

is(rcpt(@stranger), $later, 'a stranger');
like($exim->logged($wait), $wait, 'the log tells the wait');
is(rcpt('127.0.0.2', '', 'b@example.org'), '250 Accepted', 'null sender');
is(rcpt('127.0.0.2', 'a@example.com', 'postmaster@example.org'),
    '250 Accepted', 'to postmaster');
like(rcpt('127.0.0.2', 'a@example.com', 'b@elsewhere.example'), qr/^550/,
    'a recipient that does not exist is refused, not greylisted');

my $client = $exim->client(from => '127.0.0.2');
like($client->command('AUTH PLAIN ' . encode_base64("\0me\0secret", '')),
    qr/^235/, 'authenticated');
is($client->envelope(@stranger[1, 2]), '250 Accepted', 'passes');
$client->quit;

lists(hosts => "127.0.0.3\n127.0.0.32/27\n", recipients => '');
is(rcpt('127.0.0.3', @stranger[1, 2]), '250 Accepted', 'a listed host');
is(rcpt('127.0.0.40', @stranger[1, 2]), '250 Accepted', 'a listed network');
is(rcpt('127.0.0.64', @stranger[1, 2]), $later, 'a host besides');
lists(recipients => "spamlover\@example.org\n");
is(rcpt('127.0.0.2', 'a@example.com', 'spamlover@example.org'),
    '250 Accepted', 'a listed recipient');
lists(recipients => "*\@example.org\n");
is(rcpt(@stranger), '250 Accepted', 'a listed domain');
unlink(map { "$dir/exigrey_$_" } qw(hosts recipients));
is(rcpt(@stranger), $later, 'no lists at all');
unlink($exim->so);
is(rcpt(@stranger), '250 Accepted', 'no module: mail passes');
unlike($exim->log('main'), qr/failed to expand|deferred|exigrey \w+:/,
    'no complaint in the log');
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
