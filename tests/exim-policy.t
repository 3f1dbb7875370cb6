#!/usr/bin/perl
# The whole policy in a real Exim over SMTP: greylist and why, with and without
# a configuration file, and with one that has mistakes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;
use Time::HiRes qw(sleep time);

my $delay = 2;
my $again = '450 4.7.1 come back later';
my $exim = PrivateExim->new;
my $conf = $exim->dir . '/exigrey.conf';
my @who = ('$sender_host_address', '$sender_address', '$local_part@$domain');
my $options = "config=$conf";
my $greylist = $exim->dlfunc('greylist', @who, $options);
my $why = $exim->dlfunc('why', @who, $options);
my $all = $exim->dlfunc('greylist', @who[0, 1], '$recipients', $options);
my $defaults = $exim->dlfunc('greylist', @who);

sub configure { Command::spew($conf, join '', map { "$_\n" } @_) }

$exim->set_acl(rcpt => <<"END", data => <<"END2");
accept
  local_parts = data
defer
  local_parts = default
  message = $again
  condition = $defaults
accept
  local_parts = default
defer
  message = $again
  log_message = greylisted: $why
  condition = $greylist
warn
  add_header = X-Greylist: $why
accept
END
defer
  message = $again
  condition = \${if match{\$recipients}{data\@}{$all}{no}}
accept
END2
configure("delay = ${delay}s");
$exim->start;

sub rcpt
{
	my ($from, $sender, @recipients) = @_;
	my $client = $exim->client(from => $from);
	my $reply = $client->envelope($sender, @recipients);

	$client->quit;
	return $reply;
}

sub logs
{
	my ($want, $name) = @_;

	like($exim->logged($want), $want, $name);
}

my @mail = ('127.0.0.2', 'Alice+tag1@example.com', 'bob@example.org');
my @retry = ('127.0.0.9', 'alice+tag2@EXAMPLE.com', 'BOB@example.org');

is(rcpt(@mail), $again, 'deferred at first');
logs(qr/RCPT <bob\@example.org>: greylisted: early [12]$/m,
    'why: early, with the seconds');
is(rcpt(@mail), $again, 'deferred when too early');
is(rcpt('127.0.0.2', '', 'bob@example.org'), '250 Accepted', 'null sender');
is(rcpt('127.0.1.2', 'alice@example.com', 'bob@example.org'), $again,
    'another network');
my $client = $exim->client(from => '127.0.0.3');
is($client->envelope('a@example.com', map { "$_\@example.org" }
    qw(data data2)), $again, 'a second recipient waits by itself');
like($client->data, qr/^450/, 'at DATA: all recipients in one call');
$client->quit;
sleep($delay + 0.1);
is(rcpt(@retry), '250 Accepted',
    'accepted after the delay: another host of the network, another tag');
is(rcpt('127.0.1.3', 'alice@example.com', 'bob@example.org'),
    '250 Accepted', 'and from the other network');
$client = $exim->client(from => '127.0.0.3');
is($client->envelope('a@example.com', 'data@example.org'), '250 Accepted',
    'DATA again');
like($client->data, qr/^250/, 'at DATA: accepted after the delay');
$client->quit;

my $why_of = sub { $exim->expand($exim->dlfunc('why', @_)) };
my @known = ('127.0.0.77', 'alice@example.com', 'bob@example.org');
is($why_of->(@known, $options), 'passed 1', 'why: passed, how often');
is($why_of->('192.0.2.1', @known[1, 2], $options), 'new', 'why: new');
is($why_of->('192.0.2.1', '', $known[2], $options), 'null sender',
    'why: null sender');
is($why_of->('', @known[1, 2], $options), 'local', 'why: no client');
like($why_of->('192.0.2.1', @known[1, 2], "$options db=/dev/null/x"),
    qr{^failure: .*/dev/null}, 'why: failure');
is($exim->expand($exim->dlfunc('record',
    '127.0.0.0/alice@example.com/bob@example.org', 'greylist')) =~
    s/^\d+ \d+ //r, '1 host=127.0.0.9', 'an Exim lookup can build the item');
like($exim->expand($exim->dlfunc('record', '127.0.0.0%2F24', 'greylist')),
    qr/ 1 credit$/, 'one credit');

# Settings of the file are seen by connections that come later.
configure("delay = ${delay}s", 'autowhitelist = 1');
is(rcpt('127.0.9.1', 'c@example.com', 'bob@example.org'), $again, 'auto: new');
sleep($delay + 0.1);
is(rcpt('127.0.9.1', 'c@example.com', 'bob@example.org'), '250 Accepted',
    'auto: passed');
is(rcpt('127.0.9.2', 'd@example.com', 'eve@example.org'), '250 Accepted',
    'auto: the network is trusted');
is($why_of->('127.0.9.2', 'e@example.com', 'f@example.org', $options),
    'auto', 'why: auto');

configure('observe = yes');
is(rcpt('127.0.5.1', 'a@example.com', 'bob@example.org'), '250 Accepted',
    'observe: accepted');
logs(qr/exigrey: observe: would defer \[127\.0\.5\.1\] <a\@example\.com> to <bob\@example\.org>: new/,
    'observe: logged');

# Whitelists in files.
my $lists = $exim->dir;
configure('[whitelist]', "clients = $lists/clients", "senders = $lists/senders");
Command::spew("$lists/clients", "127.0.8.0/24\n.pool.example\n");
Command::spew("$lists/senders", "/^friend\\d@/\n");
is(rcpt('127.0.8.1', 'x@example.com', 'bob@example.org'), '250 Accepted',
    'whitelist: a network');
is(rcpt('127.0.8.1', 'x@example.com', 'bob@example.org'), '250 Accepted',
    'whitelist: again');
is(rcpt('127.0.10.1', 'friend7@example.com', 'bob@example.org'),
    '250 Accepted', 'whitelist: a sender, by an expression');
is(rcpt('127.0.10.1', 'friend@example.com', 'bob@example.org'), $again,
    'whitelist: others wait');
is($why_of->('192.0.2.1', @known[1, 2], $options, 'mx.pool.example'),
    'whitelisted client 2', 'why: whitelisted, by the host name');

# A mistake in the file: mail passes, and the log has file and line.
configure('delay = 5m', 'dealy = 5m');
is(rcpt('127.0.6.1', 'a@example.com', 'bob@example.org'), '250 Accepted',
    'a mistake in the file: mail passes');
logs(qr/exigrey: greylist: mail passes: \Q$conf\E:2: unknown setting 'dealy'/,
    'the log names file and line');
configure('dealy = 5m', 'on_failure = defer');
like(rcpt('127.0.6.1', 'a@example.com', 'bob@example.org'), qr/^451 /,
    'with on_failure = defer in it: 451');
logs(qr/\Q$conf\E:1: unknown setting 'dealy'/, 'logged too');
SKIP: {
	skip 'the user of this test is Exim', 2 if $> != 0;
	chmod(0600, $conf);
	is(rcpt('127.0.6.1', 'a@example.com', 'bob@example.org'),
	    '250 Accepted', 'a file that cannot be read: mail passes');
	logs(qr/mail passes: cannot open '\Q$conf\E': Permission denied/,
	    'the log says so');
}

# Mistakes in the arguments.
for my $case (
    [[@known, 'dealy=5m'], qr/OPTIONS: unknown setting 'dealy'/],
    [['nobody', @known[1, 2]], qr/CLIENT 'nobody' is no IP address/],
    [[], qr/CLIENT is missing/],
    [[@known, '', 'name', 'sixth'], qr/no sixth argument/]) {
	my ($arguments, $want) = @$case;

	like($exim->expand($exim->dlfunc('greylist', @$arguments)),
	    qr/^Failed: .*$want/, "refused: $want");
}

# Without a file.
unlink($conf);
is(rcpt('127.0.7.1', 'a@example.com', 'bob@example.org'), $again,
    'no file: the defaults');
is($why_of->('127.0.7.1', 'a@example.com', 'bob@example.org', $options) =~
    /^early (?:29\d|300)$/ ? 1 : 0, 1, 'a delay of 5 minutes');
SKIP: {
	skip 'this machine has an /etc/exigrey.conf', 1
	    if -e '/etc/exigrey.conf';
	is(rcpt('127.0.7.1', 'a@example.com', 'default@example.org'), $again,
	    'no OPTIONS');
}
my (undef, $out, $err) = $exim->run(
    "EHLO x\nMAIL FROM:<n\@example.com>\nRCPT TO:<bob\@example.org>\nQUIT\n",
    '-bh', '192.0.2.9');
like($out, qr/^450 4\.7\.1 come back later/m, '-bh: deferred');
is($exim->expand($exim->dlfunc('record',
    '192.0.2.0/n@example.com/bob@example.org', 'greylist')), '',
    '-bh: nothing stored');

# What is loaded when: nothing more for those who have no file.
sub libraries
{
	local $ENV{LD_DEBUG} = 'libs';
	my (undef, undef, $err) = $exim->run($exim->dlfunc('why', @known,
	    $options) . "\n", '-be');

	return join ' ', $err =~ /find library=(lib(?:gdbm|inih|pcre2)\S*)/g;
}
unlike(libraries(), qr/libinih/, 'without a file: no libinih');
configure('delay = 5m');
like(libraries(), qr/libinih/, 'with a file: libinih');
is($exim->log('panic'), '', 'no panic') if $> == 0;

done_testing;
