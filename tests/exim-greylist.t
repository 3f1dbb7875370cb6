#!/usr/bin/perl
# A real Exim over SMTP: deferred first, accepted after the delay, and the
# host that came back is then welcome with anything.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;
use Time::HiRes qw(sleep);
use Tree;

my $delay = 2;
my $key = '<$sender_address>:<$local_part@$domain>';
my @arguments = ($key, $delay, '', '', '$sender_host_address');

sub started
{
	my ($path) = @_;
	my $exim = PrivateExim->new(exim => $path);
	my $unseen = $exim->dlfunc('unseen', @arguments);
	my $wait = $exim->dlfunc('wait', @arguments);
	my $cut = $exim->dlfunc('unseen', "$key/\$sender_host_address", 600,
	    'cut');
	my $seen = $exim->dlfunc('seen', $key, $delay, 'other');

	$exim->set_acl(rcpt => <<"END");
defer
  local_parts = inverse
  message = 450 4.7.1 not seen
  !condition = $seen
accept
  local_parts = inverse
defer
  local_parts = cut
  condition = $cut
defer
  message = 450 4.7.1 come back later
  log_message = greylisted, $wait seconds to go
  !local_parts = cut
  condition = $unseen
accept
END
	return $exim->start;
}

# The reply to one RCPT from a host.
sub rcpt
{
	my ($exim, $from, $sender, $recipient) = @_;
	my $client = $exim->client(from => $from);
	my $reply = $client->envelope($sender, $recipient);

	$client->quit;
	return $reply;
}

sub logs
{
	my ($exim, $want, $name) = @_;

	like($exim->logged($want), $want, $name);
}

sub story
{
	my ($path) = @_;
	my $exim = started($path);
	my $again = '450 4.7.1 come back later';
	my @first = ('127.0.0.2', 'alice@example.com', 'bob@example.org');
	my @inverse = ('127.0.0.3', 'alice@example.com',
	    'inverse@example.org');

	is(rcpt($exim, @first), $again, 'deferred at first');
	logs($exim, qr/RCPT <bob\@example.org>: greylisted, [12] seconds/,
	    'with a log line that tells the wait');
	is(rcpt($exim, @first), $again, 'deferred when too early');
	is(rcpt($exim, @inverse), '450 4.7.1 not seen', 'seen: "no" at first');
	sleep($delay + 0.1);

	my $client = $exim->client(from => '127.0.0.2');
	is($client->envelope(@first[1, 2]), '250 Accepted',
	    'accepted after the delay');
	like($client->data, qr/^250 OK/, 'and its text');
	$client->quit;
	logs($exim, qr/<= alice\@example.com .*\[127\.0\.0\.2\]/,
	    'received');
	is(rcpt($exim, @inverse), '250 Accepted', 'seen: "yes" then');

	is(rcpt($exim, '127.0.0.2', 'carol@example.com', 'dave@example.org'),
	    '250 Accepted', 'the same host, other mail: accepted at once');
	is(rcpt($exim, '127.0.0.4', 'carol@example.com', 'dave@example.org'),
	    $again, 'the same mail, another host: deferred');
	is(rcpt($exim, '127.0.0.4', '', 'erin@example.org'), $again,
	    'a null sender is a key like any other');
	is(rcpt($exim, '127.0.0.4', '"x/127.0.0.2"@example.com',
	    'erin@example.org'), $again,
	    'a "/" in the sender chooses no suffix');
	like(rcpt($exim, '127.0.0.2', 'a@example.com', 'cut@example.org'),
	    qr/^451 /, 'fewer arguments: the key is cut at "/"');

	my $item = '<alice@example.com>:<bob@example.org>';
	like($exim->expand($exim->dlfunc('record', $item)),
	    qr/^\d{10} \d{10} 1$/, 'record of the item');
	like($exim->expand($exim->dlfunc('record', '127.0.0.2')),
	    qr/^\d{10} \d{10} 2 auto$/, 'record of the host');
	like($exim->expand($exim->dlfunc('record', '<a@example.com>:' .
	    '<cut@example.org>', 'cut')), qr/ 0$/, 'record of a cut key');
	is($exim->expand($exim->dlfunc('record', 'nobody')), '',
	    'no record: empty');
	# One byte of it, as a disk may change it.
	my $cut_db = $exim->spool . '/grey/cut';
	my $text = Tree::slurp($cut_db);
	is($text =~ s/(<cut\@example\.org>\0\d{10} \d{10} )0\0/${1}5\0/, 1,
	    'a record is spoilt');
	open(my $fh, '+<', $cut_db) or die "$cut_db: $!";
	print $fh $text;
	close($fh);
	my ($status, $out, $err) = $exim->run($exim->dlfunc('record',
	    '<a@example.com>:<cut@example.org>', 'cut') . "\n", '-be');
	is($out, "> \n> \n", 'what does not parse: empty');
	like($err, qr/record that does not parse \(the checksum is not/,
	    'which is said');
	is($exim->expand($exim->dlfunc('wait', $item, $delay)), '0',
	    'wait: 0 for who would pass');
	is($exim->expand($exim->dlfunc('wait', 'nobody', '1h30m')), '5400',
	    'wait: the whole delay for a stranger');
	is($exim->expand($exim->dlfunc('record', 'nobody')), '',
	    'wait stores nothing');
	like($exim->expand($exim->dlfunc('version')), qr/^\d+\.\d+/,
	    'version');
	unlike($exim->log('main'), qr/exigrey/, 'nothing to complain of');
	is($exim->log('panic'), '', 'no panic') if $> == 0;
}

for my $exim (PrivateExim::both()) {
	subtest $exim->{name} => sub {
		plan skip_all => $exim->{skip} if !defined $exim->{path};
		story($exim->{path});
	};
}
done_testing;
