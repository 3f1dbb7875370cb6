#!/usr/bin/perl
# import --from takes over what other greylisting programs have learnt.  Their
# files are made by the programs themselves, where Debian has them.
use strict;
use warnings;
use Cwd qw(realpath);
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use DB_File;
use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use POSIX ();
use PrivateExim;
use Test::More;
use Tree;

my $has_berkeley = -e Tree::build('tests/bdb.t');
my $peers = `$FindBin::Bin/peers`;
chomp $peers;
my $now = time;

sub import_from
{
	my ($kind, $path, @more) = @_;
	my $command = Command->new;
	my $r = $command->run('import', '--from', $kind, @more, $path);

	return ($command, $r);
}

# item => "count flags" of all that is there.
sub learnt
{
	my ($command) = @_;
	my %learnt;

	for my $record (Command->json($command->must('list', '--format',
	    'json'))) {
		$learnt{$record->{item}} = join ' ', $record->{count},
		    ref $record->{flags} ? @{$record->{flags}} :
		    $record->{flags};
		$learnt{$record->{item}} =~ s/ +$//;
	}
	return \%learnt;
}

sub as_text
{
	my ($learnt) = @_;

	return join "\n", map { "$_: $learnt->{$_}" } sort keys %$learnt;
}

sub is_learnt
{
	my ($command, $want, $name) = @_;

	is(as_text(learnt($command)), as_text($want), $name);
}

sub write_file
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or die "$path: $!";
	print $file $text;
	close($file) or die "$path: $!";
	return $path;
}

# A Berkeley DB file in the documented format.
sub berkeley
{
	my ($path, $type, %pairs) = @_;

	tie(my %db, 'DB_File', $path, O_RDWR | O_CREAT, 0600, $type) or
	    die "$path: $!";
	$db{$_} = $pairs{$_} for keys %pairs;
	untie %db;
	return $path;
}

my $directory = tempdir(CLEANUP => 1);

sub spamdb
{
	my $file = write_file("$directory/spamdb", <<"END");
WHITE|192.0.2.9|||1700000000|1700001000|@{[$now + 36 * 86400 - 60]}|2|5
WHITE|2001:db8::1|||@{[$now - 500]}|@{[$now - 400]}|@{[$now + 9999]}|1|0
GREY|192.0.2.7|helo|<a\@example.com>|<b\@example.org>|@{[$now - 50]}|$now|$now|1|0
GREY|192.0.2.8|<c\@example.com>|<b\@example.org>|@{[$now - 50]}|$now|$now|1|0
TRAPPED|192.0.2.6|$now
SPAMTRAP|trap\@example.org
END
	my ($command, $r) = import_from('spamdb', $file);
	is($r->{status}, 0, 'spamdb') or diag $r->{err};
	like($r->{out}, qr/^6 read, 4 taken\n2 left: traps/, 'is counted');
	is_learnt($command, { '192.0.2.9' => '5 auto',
	    '2001:db8::1' => '1 auto', '<a@example.com>:<b@example.org>' => 0,
	    '<c@example.com>:<b@example.org>' => 0 }, 'is learnt');
	my ($record) = grep { $_->{item} eq '192.0.2.9' }
	    Command->json($command->must('list', '--format', 'json'));
	is($record->{used}, $now - 60, 'the last use follows from the expiry');

	write_file($file, "WHITE|192.0.2.9|||1|2|3|4|5\nWHITE|oops\n");
	($command, $r) = import_from('spamdb', $file);
	is($r->{status}, 2, 'a broken line');
	like($r->{err}, qr/line 2 .*'WHITE\|oops'/, 'is named');
	ok(!-e $command->db, 'and nothing is written');
}

sub policy_greylist
{
	my ($passed, $early) = ($now - 1000, $now - 700);
	my $file = berkeley("$directory/greylist.db", $DB_BTREE,
	    '192.0.2.1/a@example.com/b@example.org' =>
	    "$passed/" . ($passed + 300) . '/7',
	    '192.0.2.2/c@example.com/b@example.org' =>
	    "$early/" . ($early + 299) . '/9',
	    '192.0.2.3//b@example.org' => "$early/0/0",
	    '192.0.2.4/x/y@example.com/b@example.org' => "$early/0/0",
	    '192.0.2.5/x@y/z@example.com/b@example.org' => "$early/0/0",
	    '192.0.2.6/d@example.com/b@example.org' => 'nonsense');
	my ($command, $r) = import_from('policy-greylist', $file);
	is($r->{status}, 0, 'policy-greylist') or diag $r->{err};
	like($r->{out}, qr/^6 read, 4 taken\n/, 'is counted');
	like($r->{out}, qr/^1 left: a key that is not clearly/m,
	    'what cannot be told apart is not guessed');
	like($r->{out}, qr/^1 left: times/m, 'nor is nonsense');
	is_learnt($command, { '<a@example.com>:<b@example.org>' => 1,
	    '192.0.2.1' => '1 auto', '<c@example.com>:<b@example.org>' => 0,
	    '<>:<b@example.org>' => 0,
	    '<x/y@example.com>:<b@example.org>' => 0 },
	    'early retries, however many, are no pass');
	is_learnt((import_from('policy-greylist', $file, '--delay', '299'))[0],
	    { '<a@example.com>:<b@example.org>' => 1, '192.0.2.1' => '1 auto',
	    '192.0.2.2' => '1 auto', '<c@example.com>:<b@example.org>' => 1,
	    '<>:<b@example.org>' => 0,
	    '<x/y@example.com>:<b@example.org>' => 0 }, '--delay');
	($command, $r) = import_from('policy-greylist', $file, '--dry-run');
	is($r->{status}, 0, '--dry-run');
	like($r->{out}, qr/^6 read.*nothing was written/s, 'says so');
	ok(!-e $command->db, 'and writes nothing');
}

sub graylist
{
	my @hosts = ('192.0.2.1' => $now - 60, '192.0.2.2' => $now + 240,
	    'mx.example.com' => $now);

	berkeley("$directory/allow.db", $DB_HASH, @hosts);
	my ($command, $r) = import_from('graylist', "$directory/allow");
	is($r->{status}, 0, 'graylist') or diag $r->{err};
	like($r->{out}, qr/^3 read, 2 taken\n1 left: a client that is no/,
	    'is counted');
	is_learnt($command, { '192.0.2.1' => 0, '192.0.2.2' => 0 },
	    'none has passed for sure');
	($command) = import_from('graylist', "$directory/allow",
	    '--assume-passed');
	is_learnt($command, { '192.0.2.1' => '1 auto',
	    '192.0.2.2' => '1 auto' }, '--assume-passed');

	# As dbmopen makes it here.
	dbmopen(my %allow, "$directory/native", 0600) or die "dbmopen: $!";
	%allow = @hosts;
	dbmclose(%allow);
	($command, $r) = import_from('graylist', "$directory/native");
	is($r->{status}, 0, "dbmopen's own file") or diag $r->{err};
	is_learnt($command, { '192.0.2.1' => 0, '192.0.2.2' => 0 },
	    'is read too');
}

sub exim_grey
{
	my $file = berkeley("$directory/seen", $DB_HASH,
	    "<a\@b>:<c\@d>\0" => "$now $now 3\0",
	    "192.0.2.1\0" => "$now $now 2 auto\0",
	    "192.0.2.2\0" => 'nonsense', 'no NUL' => "$now $now 1\0");
	my ($command, $r) = import_from('exim-grey', $file);
	is($r->{status}, 0, 'exim-grey') or diag $r->{err};
	like($r->{out}, qr/^4 read, 2 taken\n/, 'is counted');
	is_learnt($command, { '<a@b>:<c@d>' => 3, '192.0.2.1' => '2 auto' },
	    'is learnt');
	$command->must('import', '--from', 'exim-grey', $file);
	is_learnt($command, { '<a@b>:<c@d>' => 3, '192.0.2.1' => '2 auto' },
	    'twice is once');
}

sub exim_seen
{
	my $exim = PrivateExim->new;
	my ($status, $version) = $exim->run('', '-bV');
	plan skip_all => 'this Exim has no "seen", or another DBM library'
	    if $version !~ /^Exim version 4\.(?:9[6-9])/m ||
	    $version !~ /^Berkeley DB: /m;
	$exim->own_directory($exim->spool . '/db', 0750);
	$exim->set_acl(rcpt => <<'END')->start;
defer
  !seen = -10m / key=<$sender_address>:<$local_part@$domain>
accept
END
	my $client = $exim->client;
	like($client->envelope('a@example.com', 'b@example.org'), qr/^451/,
	    'Exim defers');
	$client->quit;
	$exim->stop;
	my ($command, $r) = import_from('exim-seen', $exim->spool .
	    '/db/seen');
	is($r->{status}, 0, 'exim-seen') or diag $r->{err};
	is_learnt($command, { '<a@example.com>:<b@example.org>' => 0 },
	    'what it has seen waits');
	is_learnt((import_from('exim-seen', $exim->spool . '/db/seen',
	    '--assume-passed'))[0],
	    { '<a@example.com>:<b@example.org>' => 1 }, '--assume-passed');
}

# Runs a server with a socket until it answers; returns its process id.
sub server
{
	my ($socket, @command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$directory/server.log");
		open(STDERR, '>&', \*STDOUT);
		{ exec(@command) };
		POSIX::_exit(127);
	}
	for (1 .. 100) {
		return $pid if IO::Socket::UNIX->new(Peer => $socket);
		select(undef, undef, undef, 0.05);
	}
	kill 'KILL', $pid;
	waitpid($pid, 0);
	die "$command[0]: " . Tree::slurp("$directory/server.log");
}

sub end_server
{
	my ($pid) = @_;

	# postgrey misses a signal that comes between two requests.
	for (1 .. 50) {
		kill 'TERM', $pid;
		return if waitpid($pid, POSIX::WNOHANG()) != 0;
		select(undef, undef, undef, 0.1);
	}
	kill 'KILL', $pid;
	waitpid($pid, 0);
}

sub ask
{
	my ($path, $question) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or
	    die "$path: $!";

	print $socket $question;
	$socket->flush;
	my $answer = <$socket>;
	close $socket;
	return $answer // '';
}

sub postgrey_asks
{
	my ($socket, $client, $sender, $recipient) = @_;

	return ask($socket, <<"END");
request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
helo_name=client.example
sender=$sender
recipient=$recipient
client_address=$client
client_name=unknown
instance=@{[rand]}

END
}

sub postgrey
{
	plan skip_all => 'postgrey cannot be had here' if $peers eq '';
	for my $privacy (0, 1) {
		my $home = tempdir(CLEANUP => 1);
		my $user = getpwuid($>);
		my $group = getgrgid((split / /, $))[0]);
		my ($arch) = glob("$peers/usr/lib/*/perl5/*");
		my $pid = eval { server("$home/socket", 'perl', '-T',
		    "-I$arch", "-I$peers/usr/share/perl5",
		    "$peers/usr/sbin/postgrey", "--unix=$home/socket",
		    "--dbdir=$home", '--delay=1', "--user=$user",
		    "--group=$group", '--whitelist-clients=/dev/null',
		    '--whitelist-recipients=/dev/null', '--lookup-by-host',
		    ($privacy ? '--privacy' : ())) };
		plan skip_all => "postgrey does not run: $@" if !defined $pid;
		my @mail = ('192.0.2.1', 'A@Example.com', 'b@example.org');
		like(postgrey_asks("$home/socket", @mail), qr/defer/i,
		    'postgrey defers');
		postgrey_asks("$home/socket", '192.0.2.2', '',
		    'b@example.org');
		sleep 2;
		unlike(postgrey_asks("$home/socket", @mail), qr/defer/i,
		    'and accepts');
		end_server($pid);
		my ($command, $r) = import_from('postgrey', $home, '--delay',
		    '1s');
		is($r->{status}, 0, 'postgrey') or diag $r->{err};
		if ($privacy) {
			like($r->{out}, qr/^3 read, 0 taken\n3 left: hashed/,
			    'hashed keys are told, not guessed');
			next;
		}
		like($r->{out}, qr/^3 read, 3 taken$/m, 'is counted');
		is_learnt($command, { '<a@example.com>:<b@example.org>' => 1,
		    '<>:<b@example.org>' => 0, '192.0.2.1' => '1 auto' },
		    'is learnt');
	}
}

sub greylistd
{
	plan skip_all => 'greylistd cannot be had here' if $peers eq '';
	plan skip_all => 'there is no python3' if !grep { -x "$_/python3" }
	    split /:/, $ENV{PATH};
	my $home = tempdir(CLEANUP => 1);
	my $owner = getpwuid($>) . ':' . getgrgid((split / /, $))[0]);
	write_file("$home/config", <<"END");
[timeouts]
retryMin = 1
retryMax = 28800
expire = 5184000
[socket]
path = $home/socket
owner = $owner
mode = 0660
[data]
statefile = $home/states
tripletfile = $home/triplets
savetriplets = true
singlecheck = false
singleupdate = false
update = 300
END
	my $pid = eval { server("$home/socket", 'python3',
	    "$peers/usr/sbin/greylistd", "$home/config") };
	plan skip_all => "greylistd does not run: $@" if !defined $pid;
	my $mail = '--grey 192.0.2.1 a@example.com b@example.org';
	ask("$home/socket", "update $mail");
	ask("$home/socket", 'update --grey 192.0.2.2 c@example.com ' .
	    'b@example.org');
	sleep 2;
	like(ask("$home/socket", "update $mail"), qr/white|false/,
	    'greylistd accepts');
	end_server($pid);
	my ($command, $r) = import_from('greylistd', $home);
	is($r->{status}, 0, 'greylistd') or diag $r->{err};
	like($r->{out}, qr/^2 read, 2 taken$/m, 'is counted');
	is_learnt($command, { '<a@example.com>:<b@example.org>' => 1,
	    '<c@example.com>:<b@example.org>' => 0,
	    '192.0.2.1' => '1 auto' }, 'is learnt');
	# Without the triplets there are only hashes.
	write_file("$home/triplets", '');
	($command, $r) = import_from('greylistd', $home);
	like($r->{out}, qr/^2 read, 0 taken\n2 left: a hash/,
	    'hashes are told, not guessed');
}

sub mistakes
{
	my $text = write_file("$directory/text", "no database at all\n" x 99);

	for my $case (
	    ['no kind', qr/'spam' is none of: exim-grey/, 'spam', $text],
	    ['no file', qr/no such file/, 'exim-grey', "$directory/none"],
	    ['another kind', qr/neither a GDBM nor a Berkeley DB/,
	    'exim-grey', $text],
	    ['no directory', qr/postgrey\.db/, 'postgrey', $directory]) {
		my ($name, $said, $kind, $path) = @$case;
		my ($command, $r) = import_from($kind, $path);
		is($r->{status}, 2, $name);
		like($r->{err}, $said, 'is told');
		ok(!-e $command->db, 'nothing is written');
	}
	my $r = Command->new->run('import', '--from', 'spamdb');
	like($r->{err}, qr/--from needs/, 'no file given');
	$r = Command->new->run('import', '--delay', '5m', $text);
	like($r->{err}, qr/go with --from/, '--delay alone');
	return if !$has_berkeley;
	my $file = berkeley("$directory/broken", $DB_HASH,
	    map { ("key $_\0" => "$now $now 1\0") } 1 .. 500);
	open(my $broken, '+<:raw', $file) or die;
	seek($broken, 4096 + 30, 0);
	print $broken 'x' x 3000;
	close $broken;
	my ($command, $said) = import_from('exim-grey', $file);
	is($said->{status}, 2, 'a damaged file');
	like($said->{err}, qr/'\Q$file\E': /, 'is named');
	ok(!-e $command->db, 'nothing is written');
}

subtest 'spamdb' => \&spamdb;
subtest 'mistakes' => \&mistakes;
my %databases = ('policy-greylist' => \&policy_greylist,
    graylist => \&graylist, 'exim-grey' => \&exim_grey,
    'exim-seen' => \&exim_seen, postgrey => \&postgrey);
for my $kind (sort keys %databases) {
	subtest $kind => sub {
		plan skip_all => 'built without Berkeley DB' if !$has_berkeley;
		$databases{$kind}->();
	};
}
subtest 'greylistd' => \&greylistd;
done_testing;
