#!/usr/bin/perl
# The private Postfix that the tests of the policy server use: it takes mail
# for its domain, refuses to relay, and ends with all of its processes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivatePostfix;
use Test::More;
use Tree;

my ($home, $why) = PrivatePostfix::find();
plan skip_all => $why if !defined $home;

my $postfix = PrivatePostfix->new(home => $home)->start;
my $client = $postfix->client(from => '127.0.0.2');
like($client->command('MAIL FROM:<a@example.com>'), qr/^250 /, 'a sender');
like($client->command('RCPT TO:<b@example.org>'), qr/^250 /,
    'a recipient of its own');
like($client->command('RCPT TO:<b@elsewhere.example>'), qr/^454 4.7.1 /,
    'no relaying');
like($client->command('DATA'), qr/^354 /, 'DATA');
like($client->command("Subject: test\r\n\r\ntext\r\n."), qr/^250 2.0.0 Ok/,
    'the message');
like($postfix->logged(qr/status=sent/),
    qr/discard\[\d+\]: .*to=<b\@example.org>.*status=sent/,
    'it is thrown away');
$postfix->stop;
my $dir = $postfix->dir;
my @left;
for (1 .. 100) {
	# They end when they see that the master has.
	@left = grep { (readlink("/proc/$_/exe") // '') =~ /^\Q$dir\E/ }
	    map { m(/(\d+)$) } glob '/proc/[0-9]*';
	last if !@left;
	select(undef, undef, undef, 0.1);
}
is("@left", '', 'no process is left');

done_testing;
