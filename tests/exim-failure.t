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
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
