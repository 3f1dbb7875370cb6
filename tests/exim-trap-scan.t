#!/usr/bin/perl
# exigrey trap scan beside a real Exim: a spammer's session of many sender
# domains is trapped, and deferred though its mail has waited long enough; a
# mailing list, and one more spammer whom no scan has seen, are not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;
use Time::HiRes qw(sleep);
use Tree;

my $delay = 2;
my $again = '450 4.7.1 come back later';
my $exim = PrivateExim->new;
my $conf = $exim->dir . '/exigrey.conf';
my $options = "config=$conf";
my @who = ('$sender_host_address', '$sender_address', '$local_part@$domain');
my $greylist = $exim->dlfunc('greylist', @who, $options);
my $why = $exim->dlfunc('why', @who, $options);
my ($spammer, $list, $unseen) = map { "127.0.0.$_" } 5 .. 7;

Command::spew($conf, "delay = ${delay}s\n[trap]\ndns_sockets = 0\n");
chmod(0644, $conf);
$exim->set_acl(rcpt => <<"END");
defer
  message = $again
  log_message = greylisted: $why
  condition = $greylist
accept
END
$exim->start;

# One session; each mail is a sender and its recipients.  The different replies.
sub session
{
	my ($from, @mail) = @_;
	my $client = $exim->client(from => $from);
	my %replies;

	for my $mail (@mail) {
		my ($sender, @recipients) = @$mail;

		$client->command("MAIL FROM:<$sender>") =~ /^250/ or next;
		$replies{$client->command("RCPT TO:<$_>")}++ for @recipients;
		$client->command('RSET');
	}
	$client->quit;
	return join(', ', map { "$replies{$_} x $_" } sort keys %replies);
}

my $c = Command->new;

sub exigrey
{
	my (@arguments) = @_;
	my $r = $c->program({}, Tree::build('exigrey'), '--config', $conf,
	    '-d', $exim->spool . '/grey/greylist', @arguments);

	is($r->{status}, 0, "exigrey @arguments") or diag($r->{err});
	is($r->{err}, '', "exigrey @arguments: nothing to complain about");
	return $r->{out};
}

my @spam = map { ["offer\@shop$_.example", 'bob@example.org'] } 'a' .. 'h';
my @news = map { ["$_-bounces\@lists.example",
    map { "reader$_\@example.org" } 'a' .. 'j'] } qw(news dev);

is(session($spammer, @spam), "8 x $again", 'the spammer: deferred');
is(session($list, @news), "20 x $again", 'the mailing list: deferred');

my $out = exigrey(qw(trap scan --dry-run));
like($out, qr/^would trap \Q$spammer\E until [-\d]+ [:\d]+: \S.*\b8\b/m,
    'a dry run says who and why');
unlike($out, qr/\Q$list\E/, 'and nothing of the mailing list');
is(exigrey(qw(trap list --format tab)), '', 'but traps nobody');

$out = exigrey(qw(trap scan));
like($out, qr/^trapped \Q$spammer\E until [-\d]+ [:\d]+: \S.*\b8\b/m,
    'the spammer is trapped');
unlike($out, qr/\Q$list\E/, 'the mailing list is not');
like(exigrey(qw(trap list --format tab)),
    qr/\A\Q$spammer\E\t\d+\t\d+\t\S[^\n]*\b8\b[^\n]*\n\z/,
    'its record tells why');
unlike(exigrey(qw(trap scan)), qr/\Q$spammer\E/,
    'another scan has nothing to do');

# Who came after the scan is not trapped: so it was the scan.
is(session($unseen, map { [$_->[0], 'eve@example.org'] } @spam),
    "8 x $again", 'one more spammer: deferred');
sleep($delay + 1.1);
is(session($unseen, map { [$_->[0], 'eve@example.org'] } @spam),
    '8 x 250 Accepted', 'whom no scan has seen: all of it passes');
is(session($list, @news), '20 x 250 Accepted', 'the mailing list passes');
is(session($spammer, @spam), "8 x $again",
    'the spammer: deferred, though it has waited as long');
my @last = $exim->logged(qr/\Q[$spammer]\E.*: trapped$/m) =~
    /^.*\Q[$spammer]\E.*$/mg;
like($last[-1] // '', qr/greylisted: trapped$/, 'and the log says why');

# Let go by hand, it passes at once: it has waited.
exigrey(qw(-q trap delete), $spammer);
is(session($spammer, @spam), '8 x 250 Accepted', 'let go: it passes');
unlike(exigrey(qw(trap scan)), qr/^trapped 127/m,
    'what has passed is not trapped any more');

done_testing;
