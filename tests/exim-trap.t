#!/usr/bin/perl
# Trapped clients in a real Exim over SMTP: by greylist, and as a suffix of
# unseen and seen; who is whitelisted passes, and the others once it is over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;
use Time::HiRes qw(sleep);
use Tree;

my $delay = 1;
my $again = '450 4.7.1 come back later';
my $exim = PrivateExim->new;
my $conf = $exim->dir . '/exigrey.conf';
my $clients = $exim->dir . '/clients';
my $grey = $exim->spool . '/grey';
my $options = "config=$conf";
my @who = ('$sender_host_address', '$sender_address', '$local_part@$domain');
my @key = ('<$sender_address>:<$local_part@$domain>', $delay, 'greylist', '',
    '$sender_host_address');
my $greylist = $exim->dlfunc('greylist', @who, $options);
my $why = $exim->dlfunc('why', @who, $options);
my ($unseen, $seen, $wait) =
    map { $exim->dlfunc($_, @key) } qw(unseen seen wait);

Command::spew($clients, '');
Command::spew($conf, "delay = ${delay}s\n" .
    "[whitelist]\nclients = $clients\n");
chmod(0644, $clients, $conf);
$exim->set_acl(rcpt => <<"END");
defer
  local_parts = unseen
  message = $again
  log_message = unseen: $wait s to go
  condition = $unseen
accept
  local_parts = unseen
defer
  local_parts = seen
  message = $again
  !condition = $seen
accept
  local_parts = seen
defer
  message = $again
  log_message = greylisted: $why
  condition = $greylist
accept
END
$exim->start;

sub rcpt
{
	my ($from, $sender, $local_part) = @_;
	my $client = $exim->client(from => $from);
	my $reply = $client->envelope($sender, "$local_part\@example.org");

	$client->quit;
	return $reply;
}

my $c = Command->new;

sub exigrey
{
	my ($status, @arguments) = @_;
	my $r = $c->program({}, Tree::build('exigrey'), '--config', $conf,
	    '-d', "$grey/greylist", @arguments);

	is($r->{status}, $status, "exigrey @arguments") or diag($r->{err});
	return $r->{out};
}

# Three hosts of one network, whose mail has passed.  Their senders differ in
# letters: with digits only, as in their addresses, they were one sender to
# greylist, and what the first began the second could end, a second later.
my @hosts = map { "127.0.0.$_" } 2 .. 4;
my %sender;
@sender{@hosts} = map { "$_\@example.com" } qw(alice carol erin);
my @words = qw(bob unseen seen);
for my $host (@hosts) {
	is(rcpt($host, $sender{$host}, $_), $again, "$host, $_: deferred")
	    for @words;
}
sleep($delay + 1.1);
for my $host (@hosts) {
	is(rcpt($host, $sender{$host}, $_), '250 Accepted',
	    "$host, $_: has passed") for @words;
}

# One is trapped, another is trapped too but whitelisted later.
exigrey(0, qw(trap add --expires +1h --note test), @hosts[0, 2]);
exigrey(0, qw(-q allow), $hosts[2]);
is(rcpt($hosts[0], $sender{$hosts[0]}, $_), $again,
    "trapped: deferred though it has passed, $_") for @words;
is(rcpt($hosts[0], '', 'bob'), $again, 'trapped: nor a null sender');
my $log = $exim->logged(qr/F=<> .*: trapped$/m);
like($log, qr/RCPT <bob\@example\.org>: greylisted: trapped$/m,
    'why: trapped');
like($log, qr/RCPT <unseen\@example\.org>: unseen: 3[56]\d\d s to go$/m,
    'wait: until the trap ends');
for my $host (@hosts[1, 2]) {
	is(rcpt($host, $sender{$host}, $_), '250 Accepted',
	    "$host is not trapped: $_") for @words;
}

# Whitelists are stronger, of the file and by hand.
Command::spew($clients, "$hosts[0]\n");
is(rcpt($hosts[0], $sender{$hosts[0]}, 'bob'), '250 Accepted',
    'trapped, but in a whitelist');
Command::spew($clients, "# nobody is\n");
is(rcpt($hosts[0], $sender{$hosts[0]}, 'bob'), $again,
    'and no longer');
like(exigrey(0, qw(trap list --format tab)),
    qr/\A\Q$hosts[0]\E\t\d+\t\d+\ttest\n\z/, 'one is trapped');

# Over: everything is as it was before.
exigrey(0, qw(trap add --expires +1s), $hosts[0]);
sleep 1.1;
is($exim->expand($exim->dlfunc('why', $hosts[0], 'n@example.com',
    'n@example.org', $options)), 'new', 'over: what is new waits as ever');
is(rcpt($hosts[0], $sender{$hosts[0]}, $_), '250 Accepted',
    "the trap is over: $_") for @words;
like(exigrey(0, qw(trap add), $hosts[1]), qr/^trapped \Q$hosts[1]\E until /,
    'another, for the usual time');
is(rcpt($hosts[1], $sender{$hosts[1]}, 'bob'), $again, 'deferred');
exigrey(0, qw(trap delete), $hosts[1]);
is(rcpt($hosts[1], $sender{$hosts[1]}, 'bob'), '250 Accepted',
    'let go by hand');

done_testing;
