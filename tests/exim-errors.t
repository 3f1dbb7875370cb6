#!/usr/bin/perl
# A mistake in the configuration is a temporary failure whose log line names
# the argument; nothing is greylisted by accident.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;

my @cases = (
	['no key', ['unseen'], qr/KEY is missing/],
	['six arguments', [qw(unseen k 600 seen), '', 's', 'extra'],
		qr/sixth.*'extra'/],
	['seven arguments', [qw(unseen k 600 seen), '', 's', 'x', 'y'],
		qr/sixth/],
	['a unit and more', [qw(unseen k 1dxyz)], qr/DELAY: '1dxyz'/],
	['a negative delay', [qw(unseen k -5)], qr/DELAY: '-5'/],
	['a delay of 2^63', [qw(unseen k 9223372036854775808)],
		qr/DELAY: '9223372036854775808'/],
	['a delay that overflows', [qw(unseen k 99999999999999999w)],
		qr/DELAY: '99999999999999999w'/],
	['a delay with a blank', ['unseen', 'k', '10 m'], qr/DELAY: '10 m'/],
	['a name with ..', [qw(unseen k 600 ../x)], qr/DB '\.\.\/x'/],
	['a name with a slash', [qw(unseen k 600 a/b)], qr/DB 'a\/b'/],
	['our lock as a name', [qw(unseen k 600 seen.lock)],
		qr/DB 'seen\.lock'/],
	['an unknown option', ['unseen', 'k', 600, '', 'colour=grey'],
		qr/OPTIONS: unknown option 'colour'/],
	['an option without value', ['unseen', 'k', 600, '', 'grey'],
		qr/OPTIONS: grey/],
	['a bad duration', ['unseen', 'k', 600, '', 'passed=1x'],
		qr/OPTIONS: passed: '1x'/],
	['a bad choice', ['unseen', 'k', 600, '', 'on_failure=maybe'],
		qr/OPTIONS: on_failure: 'maybe'/],
	['a bad number', ['unseen', 'k', 600, '', 'max_records=-1'],
		qr/OPTIONS: max_records: '-1'/],
	['a window below the delay', ['unseen', 'k', '2h', '', 'grey=1h'],
		qr/DELAY .* is not below .*grey=/],
	['seen', [qw(seen k 1dxyz)], qr/DELAY: '1dxyz'/],
	['wait', [qw(wait k 1dxyz)], qr/DELAY: '1dxyz'/],
	['record without item', ['record'], qr/ITEM is missing/],
	['record, too many', [qw(record i seen more)],
		qr/third.*'more'/],
	['version, one argument', [qw(version 2)], qr/first.*'2'/],
);

my $exim = PrivateExim->new;
my $acl = '';
for my $i (0 .. $#cases) {
	my $call = $exim->dlfunc(@{$cases[$i][1]});

	$acl .= "defer\n  local_parts = case$i\n  message = verb fired\n" .
	    "  condition = $call\n";
}
$exim->set_acl(rcpt => "${acl}accept\n")->start;

my $client = $exim->client;
$client->command('MAIL FROM:<a@example.com>');
for my $i (0 .. $#cases) {
	my ($name, undef, $want) = @{$cases[$i]};
	my $reply = $client->command("RCPT TO:<case$i\@example.org>");
	like($reply, qr/^451 (?!.*verb fired)/, "$name: 451");
	$want = qr/temporarily rejected RCPT <case$i\@.*exigrey \w+: .*$want/;
	like($exim->logged($want), $want, "$name: the log says what");
}
is($client->command('RCPT TO:<good@example.org>'), '250 Accepted',
    'the rest goes on');
$client->quit;

# 10^5 bytes.
my $long = 'k' x 10;
$long = "\${sg{$long}{k}{kkkkkkkkkk}}" for 1 .. 4;
is($exim->expand("\${strlen:$long}"), '100000', 'a long string');
like($exim->expand($exim->dlfunc('unseen', $long)),
    qr/^Failed: exigrey unseen: KEY/, 'a key over 64 KiB');
ok(!-e $exim->spool . '/grey', 'no mistake has made a file');
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
