#!/usr/bin/perl
# A disk that is full, and a database that has as many records as it may: what
# is known goes on, what is new follows on_failure, the log says what to do.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

my $exim = PrivateExim->new;
my $command = Command->new;
my $disk = $exim->dir . '/disk';
my $no_disk = Command::small_disk($disk, '4m,nr_inodes=16');
my %db = (disk => "$disk/grey/seen", plain => 'plain');
my %options = (pass => '', defer => 'on_failure=defer',
    limit => 'max_records=4', strictlimit => 'max_records=4 on_failure=defer');

my $acl = '';
for my $db (sort keys %db) {
	for my $name (sort keys %options) {
		my $call = $exim->dlfunc('unseen', '$sender_address', 600,
		    $db{$db}, $options{$name}, '${if eq{$sender_helo_name}'
		    . '{host.example}{host}}');

		$acl .= "defer\n  local_parts = $name\n  domains = $db\n" .
		    "  message = greylisted\n  condition = $call\n";
	}
}
$exim->set_acl(rcpt => "${acl}accept\n")->start;

sub rcpt
{
	my ($sender, $recipient, $helo) = @_;
	my $client = $exim->client($helo ? (helo => $helo) : ());

	$exim->news;
	my $reply = $client->envelope("$sender\@example.com", $recipient);
	$client->quit;
	return $reply;
}
sub logs
{
	my ($want, $name) = @_;

	like($exim->logged($want), $want, $name);
}
sub exigrey
{
	my ($db, @arguments) = @_;
	my $r = $command->run({ no_db => 1 }, '-d', $db, @arguments);

	is($r->{status}, 0, "exigrey @arguments") || diag($r->{err});
	return $r->{out};
}
my $greylisted = qr/^451 greylisted/;
my $deferred = qr/^451 (?!greylisted)/;

# max_records.
my $plain = $exim->spool . '/grey/plain';
like(rcpt("a$_", 'limit@plain'), $greylisted, "record $_ of 4") for 1 .. 4;
is(rcpt('new', 'limit@plain'), '250 Accepted', 'beyond max_records: passes');
logs(qr/mail passes: .*has 4 records, max_records is 4: run exigrey purge, or raise it/,
    'the log says what to do');
like(rcpt('new', 'strictlimit@plain'), $deferred, 'on_failure=defer: 451');
logs(qr/exigrey unseen: .*max_records is 4: run exigrey purge/,
    'the log says what to do');
like(rcpt('a1', 'limit@plain'), $greylisted, 'a known key waits as ever');
exigrey($plain, qw(-q set --created -1h), "a$_\@example.com") for 1, 2;
is(rcpt('a1', 'limit@plain', 'host.example'), '250 Accepted',
    'and passes after its delay');
is(rcpt('a2', 'strictlimit@plain'), '250 Accepted', 'so with defer');
unlike($exim->news, qr/exigrey/, 'nothing to log');
is(($command->content($plain)->{"a2\@example.com\0"} =~ /^\d+ \d+ (\d+)/)[0], 1,
    'its pass is counted');
is(scalar keys %{$command->content($plain)}, 4,
    'the limit holds for hosts to be whitelisted, too');
exigrey($plain, qw(-q set --created -2d a3@example.com));
exigrey($plain, qw(purge -q));
like(rcpt('new', 'strictlimit@plain'), $greylisted, 'purged: there is room');
is(scalar keys %{$command->content($plain)}, 4, 'and now there is none');

# A disk that is full, of bytes and of files.
SKIP: {
	skip("no small disk: $no_disk", 1) if $no_disk ne '';
	my ($uid, $gid) = (stat $exim->spool)[4, 5];

	chmod(0755, $disk);
	$exim->own_directory("$disk/grey", 0750);
	like(rcpt('known', 'pass@disk'), $greylisted, 'a small disk');
	exigrey($db{disk}, qw(-q set --created -1h known@example.com));
	exigrey($db{disk}, qw(-q allow host));
	my %before = %{$command->content($db{disk})};

	system("dd if=/dev/zero of='$disk/other' bs=1k 2>/dev/null");
	is(rcpt('new', 'pass@disk'), '250 Accepted', 'full: a new one passes');
	logs(qr/mail passes: .*no space: \d+ kB are left on the file system/,
	    'the log says why');
	like(rcpt('new', 'defer@disk'), $deferred, 'on_failure=defer: 451');
	logs(qr/exigrey unseen: .*no space/, 'the log says why');
	is(rcpt('known', 'defer@disk'), '250 Accepted', 'who is known passes');
	unlike($exim->news, qr/exigrey/, 'nothing to log');
	is(rcpt('new', 'defer@disk', 'host.example'), '250 Accepted',
	    'a whitelisted host passes');
	my %now = %{$command->content($db{disk})};
	is(join(' ', sort keys %now), join(' ', sort keys %before),
	    'no record came or went');
	like($now{"known\@example.com\0"}, qr/ 1\0/, 'the pass is counted');
	exigrey($db{disk}, 'check');
	unlink("$disk/other");
	like(rcpt('new', 'defer@disk'), $greylisted, 'room again: as ever');

	# Files: no lock file, no database can be made.
	unlink(glob("$disk/grey/*"));
	my $n = 0;
	while (open(my $file, '>', "$disk/file$n")) { $n++ }
	is(rcpt('new', 'pass@disk'), '250 Accepted', 'no inodes: mail passes');
	logs(qr/mail passes: .*No space left on device/, 'the log says why');
	like(rcpt('new', 'defer@disk'), $deferred, 'on_failure=defer: 451');
	unlink("$disk/file0");
	is(rcpt('new', 'pass@disk'), '250 Accepted',
	    'an inode for the lock only: mail passes');
	logs(qr/mail passes: .*No space left on device/, 'the log says why');
	unlink(glob("$disk/file*"));
	like(rcpt('new', 'pass@disk'), $greylisted, 'inodes again: as ever');
	exigrey($db{disk}, 'check');
	is(join(' ', sort glob("$disk/grey/*")), "$db{disk} $db{disk}.lock",
	    'nothing was left behind');
}
done_testing;
