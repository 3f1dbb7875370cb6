#!/usr/bin/perl
# What Exim does besides receiving: -bh stores nothing, -be run by root leaves
# files that Exim can use, -d shows decisions, a missing module is survived.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;

my $exim = PrivateExim->new;
my $grey = $exim->spool . '/grey';
my $unseen = $exim->dlfunc('unseen', '$sender_address', 600, '', '',
    '$sender_host_address');
my $gone = $exim->dir . '/gone.so';
my $absent = $unseen =~ s/\Q@{[$exim->so]}\E/$gone/r;

# The daemon itself loads the module, before it forks.
$exim->{main} = 'smtp_accept_max_per_host = ${if eq{' .
    $exim->dlfunc('version') . "}{}{20}{20}}\n";
$exim->set_acl(rcpt => <<"END");
defer
  local_parts = guarded
  condition = \${if exists{$gone}{$absent}{no}}
accept
  local_parts = guarded
defer
  local_parts = unguarded
  condition = $absent
defer
  message = 450 4.7.1 later
  condition = $unseen
accept
END

sub session
{
	my ($sender) = @_;

	return "EHLO client.example\r\nMAIL FROM:<$sender>\r\n" .
	    "RCPT TO:<b\@example.org>\r\nQUIT\r\n";
}

sub state_of_files
{
	return join ' ', map { "$_ " . md5_hex(Tree::slurp($_)) }
	    sort glob("$grey/*");
}

my (undef, $out) = $exim->run(session('a@example.com'), '-bh', '192.0.2.1');
like($out, qr/^450 4\.7\.1 later/m, '-bh: the answer of a stranger');
ok(!-e $grey, '-bh makes no directory');

my $known = $exim->dlfunc('unseen', 'known', 0, '', '', '192.0.2.1');
is($exim->expand($known), 'yes', '-be: new');
is($exim->expand($known), 'no', '-be: seen');

my ($uid, $gid) = (getpwnam(PrivateExim::user()))[2, 3];
for (['', 0750], ['/seen', 0640], ['/seen.lock', 0600]) {
	my ($name, $mode) = @$_;
	my @stat = stat($grey . $name);

	is(sprintf('%o %d %d', $stat[2] & 07777, @stat[4, 5]),
	    sprintf('%o %d %d', $mode, $uid, $gid), "grey$name: mode, owner");
}
is(join(' ', map { s/.*\///r } sort glob("$grey/*")), 'seen seen.lock',
    'nothing else is there');

my $before = state_of_files();
(undef, $out) = $exim->run(session('a@example.com'), '-bh', '192.0.2.1');
like($out, qr/^250 Accepted/m, '-bh: the answer of the database');
(undef, $out) = $exim->run(session('a@example.com'), '-bh', '192.0.2.2');
like($out, qr/^450 4\.7\.1 later/m, '-bh: a stranger there');
is(state_of_files(), $before, '-bh changes no file');

my (undef, undef, $debug) = $exim->run('', '-d', '-be',
    $exim->dlfunc('unseen', "k\033[2J", 600, '', '', 'host'));
like($debug, qr{^exigrey: unseen .*suffix 'host'.*\Q$grey\E/seen.*defer}m,
    '-d: a line for the decision');
unlike($debug, qr/^exigrey:.*\033/m, 'without control bytes');
(undef, undef, $debug) = $exim->run('', '-be', $exim->dlfunc('unseen', 'k'));
unlike($debug, qr/exigrey/, 'no such line without -d');

$exim->start;
my $client = $exim->client;
is($client->envelope('a@example.com', 'b@example.org'), '450 4.7.1 later',
    'Exim goes on with what root has made');
is($client->command('RCPT TO:<guarded@example.org>'), '250 Accepted',
    'no module, guarded: mail passes');
like($client->command('RCPT TO:<unguarded@example.org>'), qr/^451/,
    'no module, not guarded: 451');
$client->quit;
like($exim->log('main'), qr/unguarded.*gone\.so/, 'and the log says why');
# The wait of a log line tells what unseen has just told, without a second
# look: which shows in what was changed between the two.
sub wait_after
{
	my ($key, $between, @arguments) = @_;

	return $exim->expand(join '', $exim->dlfunc('unseen', $key, 600, '', '',
	    ''), "\${run{$between}{}{}}", $exim->dlfunc('wait', $key,
	    @arguments));
}
my $allow = Tree::build('exigrey') . ' -q -d ' . $exim->spool . '/grey/seen allow';
my @same = (600, '', '', '');
# Another second may begin between the two.
ok((grep { wait_after("said$_", "$allow said$_", @same) eq 'yes600' } 1 .. 5),
    'wait tells what unseen told');
is(wait_after('other', "$allow other", 601, '', '', ''), 'yes0',
    'with another argument it looks');
is(wait_after('later', "/bin/sh -c '$allow later; sleep 1.1'", @same), 'yes0',
    'and in another second');

done_testing;
