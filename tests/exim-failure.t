#!/usr/bin/perl
# A database that cannot be used: mail passes and the log says why, unless
# on_failure=defer is given.
use strict;
use warnings;
use Fcntl qw(:flock);
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Test::More;
use Time::HiRes qw(time);

my $exim = PrivateExim->new;
my $spool = $exim->spool;
my $dir = $exim->dir;
my %acl = (
	missing => ["$dir/missing/seen", ''],
	strict => ["$dir/missing/seen", 'on_failure=defer'],
	foreign => ["$dir/foreign/seen", ''],
	letter => ["$dir/foreign/letter", ''],
	link => ["$dir/foreign/link", ''],
	everybody => ["$dir/everybody/seen", ''],
	locked => ['locked', 'timeout=1s'],
	strictlock => ['locked', 'timeout=1s on_failure=defer'],
	plain => ['locked', ''],
	many => ['locked', 'timeout=1s'],
	strictmany => ['locked', 'timeout=1s on_failure=defer'],
	later => ["$dir/later/seen", ''],
	strictlater => ["$dir/later/seen", 'on_failure=defer'],
	lockdirectory => ["$dir/lockdirectory/seen", ''],
	readonly => ["$dir/readonly/seen", ''],
	strictreadonly => ["$dir/readonly/seen", 'on_failure=defer'],
);
my $text = '';
for my $name (sort keys %acl) {
	my $call = $exim->dlfunc('unseen', '$sender_address', 600,
	    @{$acl{$name}});
	$text .= "defer\n  local_parts = $name\n  message = verb fired\n" .
	    "  condition = $call\n";
}
my $seen = $exim->dlfunc('seen', 'k', 600, "$dir/missing/seen");
$text .= "accept\n  local_parts = seen\n  condition = $seen\n" .
    "deny\n  local_parts = seen\n";
$exim->set_acl(rcpt => "${text}accept\n")->start;

# A file that Exim's user could change.
sub put
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or die "$path: $!";
	print $file $text;
	close($file);
	$> != 0 || chown((getpwnam(PrivateExim::user()))[2, 3], $path) || die;
}

my $letter = 'This is a letter to my grandmother. ' x 1000;
$exim->own_directory("$dir/foreign", 0750);
put("$dir/foreign/seen", "SQLite format 3\0$letter");
put("$dir/foreign/letter", $letter);
symlink('/etc/passwd', "$dir/foreign/link") or die;
$exim->own_directory("$dir/everybody", 0777);

$exim->own_directory("$dir/later", 0750);
put("$dir/later/seen.lock", "exigrey-lock 2 of the future\n");
$exim->own_directory("$dir/lockdirectory", 0750);
$exim->own_directory("$dir/lockdirectory/seen.lock", 0750);

my $readonly = $exim->own_directory("$dir/readonly", 0750);

# One connection: its process, and what it remembers, stays the same.
my $client = $exim->client;
$client->command('MAIL FROM:<a@example.com>');
sub logs
{
	my ($want, $name) = @_;

	like($exim->logged($want), $want, $name);
}

sub rcpt { return $client->command("RCPT TO:<$_[0]\@example.org>") }
$exim->news;

is(rcpt('missing'), '250 Accepted', 'directory missing: mail passes');
logs(qr{exigrey: unseen: mail passes: .*\Q$dir\E/missing}m,
    'and the log says why');
is(rcpt('missing'), '250 Accepted', 'once more');
unlike($exim->news, qr/exigrey/, 'the log says it once a minute');
like(rcpt('strict'), qr/^451 (?!.*verb)/, 'on_failure=defer: 451');
logs(qr{exigrey unseen: .*\Q$dir\E/missing}, 'with the cause');
is(rcpt('seen'), '250 Accepted', 'seen: mail passes too');
$exim->news;

is(rcpt('foreign'), '250 Accepted', 'another kind of file: mail passes');
logs(qr{mail passes: .*foreign/seen}, 'and the log says why');
is(-s "$dir/foreign/seen", 16 + length $letter, 'that file is left alone');
is(rcpt('letter'), '250 Accepted', 'no database at all: mail passes');
logs(qr{mail passes: .*foreign/letter.*nothing says that exigrey made it},
    'and the log says why');
ok(Tree::slurp("$dir/foreign/letter") eq $letter,
    'that file is left alone');
is(rcpt('link'), '250 Accepted', 'a symbolic link: mail passes');
logs(qr{mail passes: .*link}, 'and the log says why');
is(rcpt('everybody'), '250 Accepted',
    'a directory that everybody can write: mail passes');
logs(qr{mail passes: .*everybody}, 'and the log says why');

is(rcpt('later'), '250 Accepted', 'a later version: mail passes');
logs(qr{mail passes: .*version 2, from a later exigrey}, 'the log says why');
like(rcpt('strictlater'), qr/^451 (?!.*verb)/, 'on_failure=defer: 451');
is(Tree::slurp("$dir/later/seen.lock"), "exigrey-lock 2 of the future\n",
    'that lock file is left alone');
ok(!-e "$dir/later/seen", 'and no database made');
is(rcpt('lockdirectory'), '250 Accepted',
    'a directory in place of the lock file: mail passes');
logs(qr{mail passes: .*seen\.lock}, 'the log says why');

is(rcpt('plain'), '451 verb fired', 'a database that can be used');
open(my $lock, '+<', "$spool/grey/locked.lock") or die "lock: $!";
flock($lock, LOCK_EX) or die;
my $before = time;
is(rcpt('locked'), '250 Accepted', 'its lock held: mail passes');
my $taken = time - $before;
ok($taken >= 0.9 && $taken < 3, "after the timeout ($taken s)");
logs(qr{mail passes: .*locked\.lock.*held}, 'the log says why');
$before = time;
like(rcpt('strictlock'), qr/^451 (?!.*verb)/, 'on_failure=defer: 451');
cmp_ok(time - $before, '<', 0.5, 'the same process does not wait again');
close($lock);
is(rcpt('strictlock'), '451 verb fired', 'the lock released: as before');
$client->quit;

# A lock that is stuck for good: one timeout for each process, whoever asks.
for my $name (qw(many strictmany)) {
	my $want = $name eq 'many' ? '250' : '451';

	open($lock, '+<', "$spool/grey/locked.lock") or die "lock: $!";
	flock($lock, LOCK_EX) or die;
	for my $connection (1, 2) {
		my $client = $exim->client;
		my (%replies, $longest);

		$client->command('MAIL FROM:<b@example.com>');
		$exim->news;
		my $start = my $last = time;
		for (1 .. 1000) {
			my $reply = $client->command("RCPT TO:<$name\@example.org>");
			my $now = time;
			$replies{substr $reply, 0, 3}++;
			$longest = $now - $last if $now - $last > ($longest // 0);
			$last = $now;
		}
		my $all = $last - $start;
		note(sprintf '%s, connection %d: 1000 RCPTs in %.2f s, the '
		    . 'longest %.2f s', $acl{$name}[1], $connection, $all,
		    $longest);
		is("@{[%replies]}", "$want 1000", "a stuck lock, $name: answers");
		cmp_ok($longest, '>=', 0.9, 'one waits for the timeout');
		cmp_ok($all - $longest, '<', 10, 'the others do not');
		is(() = $exim->news =~ /exigrey: /g, $name eq 'many' ? 1 : 0,
		    'the log says it once');
		$client->quit;
	}
	close($lock);
}

# Nothing may be written.  Each is a connection of its own.
sub once
{
	my ($name) = @_;
	my $client = $exim->client;

	$exim->news;
	my $reply = $client->envelope('c@example.com', "$name\@example.org");
	$client->quit;
	return $reply;
}
my ($db, $lockfile) = ("$readonly/seen", "$readonly/seen.lock");
sub forbidden
{
	my ($what, $cause) = @_;

	is(once('readonly'), '250 Accepted', "$what: mail passes");
	logs(qr{exigrey: unseen: mail passes: .*\Q$readonly\E.*$cause},
	    'the log says why');
	like(once('strictreadonly'), qr/^451 (?!.*verb)/,
	    "$what, on_failure=defer: 451");
	logs(qr{exigrey unseen: .*\Q$readonly\E.*$cause}, 'with the cause');
}
my $denied = qr/Permission denied/;
chmod(0550, $readonly);
forbidden('a directory without write permission, no database', $denied);
is(join(' ', glob("$readonly/*")), '', 'nothing was made');
chmod(0750, $readonly);
is(once('readonly'), '451 verb fired', 'with permission: as ever');
my @content = map { Tree::slurp($_) } $db, $lockfile;
for my $case (['the database', 0, $db], ['the lock file', 0, $lockfile],
    ['the directory', 0, $readonly], ['the database', 0440, $db]) {
	my ($what, $mode, $path) = @$case;
	my $before = (stat $path)[2] & 07777;

	chmod($mode, $path) or die;
	forbidden(sprintf('%s with mode %o', $what, $mode), $denied);
	chmod($before, $path) or die;
	is_deeply([map { Tree::slurp($_) } $db, $lockfile], \@content,
	    'nothing was changed');
}
unlink($lockfile);
chmod(0550, $readonly);
forbidden('no lock file and none can be made', $denied);
chmod(0750, $readonly);
if ($> == 0) {
	for my $path ($db, $lockfile) {
		once('readonly');
		chown(0, 0, $path);
		forbidden("root's $path", $denied);
		chown((stat $readonly)[4, 5], $path);
		chown(4242, 4242, $path);
		forbidden("somebody's $path", qr/Permission denied|belongs to user 4242/);
		chown((stat $readonly)[4, 5], $path);
	}
}
is(once('readonly'), '451 verb fired', 'with permission again: as ever');
is(join(' ', sort glob("$readonly/*")), "$db $lockfile",
    'and nothing was left behind');
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
