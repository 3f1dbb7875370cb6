#!/usr/bin/perl
# As whom exigrey works, where its database lies, and failures of what it
# writes to.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(:flock);
use Test::More;
use Command;

my $c = Command->new;
my $directory = $c->directory;
my $user = 54321;	# no account of that number is needed

# Standard output.
$c->must(qw(-q set a));
for my $case (['/dev/full', 'No space left on device'],
    ['closed', 'Bad file descriptor']) {
	my ($stdout, $why) = @$case;

	for my $command (['list'], ['help'], ['--version'], ['show', 'a']) {
		my $r = $c->run({ stdout => $stdout }, @$command);

		is($r->{status}, 2, "@$command, output $stdout: status");
		is($r->{err}, "exigrey: cannot write the output: $why\n",
		    "@$command, output $stdout: said");
	}
}
is($c->run({ stdout => 'closed' }, qw(-q set b))->{status}, 0,
    'nothing to write, output closed: done');
is($c->items, 'a b', 'and the database is whole');

# A reader that goes away: quiet, whether SIGPIPE kills or not.
$c->store(map { ("item$_\0" => "5 5 1 keep\0") } 1 .. 3000);
for my $signal ('DEFAULT', 'IGNORE') {
	local $SIG{PIPE} = $signal;
	my $r = $c->program({}, '/bin/sh', '-c', '{ "$@"; echo $? >&2; } | '
	    . 'head -1', 'sh', Tree::build('exigrey'), '-d', $c->db, 'list');

	like($r->{err}, $signal eq 'IGNORE' ? qr/^2$/ : qr/^141$/,
	    "SIGPIPE $signal: quiet");
	like($r->{out}, qr/^STATE.*\n\z/, "SIGPIPE $signal: one line");
}

# The spool directory is what Exim says.
my $spool = "$directory/spool";
mkdir($spool) or die;
mkdir("$directory/bin") or die;
sub exim
{
	my ($name, $script) = @_;

	Command::spew("$directory/bin/$name", "#!/bin/sh\n$script\n");
	chmod(0755, "$directory/bin/$name") or die;
}
sub spooled
{
	my ($how, @arguments) = @_;

	return $c->run({ no_db => 1, env => { PATH => "$directory/bin:/bin" },
	    %$how }, @arguments);
}
my $answer = "echo 'spool_directory = $spool'";
exim('exim4', "[ \"\$*\" = '-bP spool_directory' ] && $answer");
my $r = spooled({}, qw(list));
is($r->{err}, "exigrey: no database '$spool/grey/seen' yet: Exim makes it at "
    . "the first check\n", 'the spool of exim4');
is($r->{status}, 0, 'which has no database: status');
spooled({}, qw(-q set in_spool));
ok(-e "$spool/grey/seen", 'set makes directory and database');
is(spooled({}, qw(list --format tab))->{out} =~ /^in_spool\t/, 1, 'list');
is(spooled({}, '-d', 'other', qw(-q set x))->{status}, 0, '-d other');
ok(-e "$spool/grey/other", 'lies beside it');
is(spooled({}, '-d', '', qw(list --format tab))->{out} =~ /^in_spool/, 1,
    '-d with nothing is the default');
exim('exim4', "echo 'LOG: something' >&2; $answer; echo more");
is(spooled({}, qw(show in_spool))->{status}, 0, 'other lines do no harm');
unlink("$directory/bin/exim4");
exim('exim', $answer);
SKIP: {
	skip 'exim4 is installed', 1 if grep { -x "$_/exim4" }
	    qw(/usr/sbin /usr/local/sbin /usr/exim/bin);
	is(spooled({}, qw(show in_spool))->{status}, 0, 'exim, too');
}
for my $case (
    ["echo 'Exim configuration error in line 3'; exit 1",
	qr/bin\/exim4 -bP spool_directory' does not tell it: Exim configuration error in line 3$/m],
    ['exit 1', qr/does not tell it: it says nothing/],
    ['kill -9 $$', qr/does not tell it: it was killed/],
    ["echo 'spool_directory = relative'", qr/does not tell it: spool_directory = relative/],
    ["printf '\\033[31m'", qr/does not tell it: \\033\[31m$/m]) {
	my ($script, $want) = @$case;

	exim('exim4', $script);
	my $r = spooled({}, qw(list --sort x));
	like($r->{err}, qr/^exigrey: cannot ask Exim for its spool directory, taking '\/.*'/,
	    "exim4 with $script: said");
	like($r->{err}, $want, "exim4 with $script: why");
}
exim('exim4', 'echo ran >&2; exit 1');
is($c->run({ env => { PATH => "$directory/bin" } }, 'list', '--limit', '0')
    ->{err}, '', 'with a path, Exim is not asked');
exim('exim4', $answer);

# A lock that somebody holds.
open(my $lock, '+<', $c->db . '.lock') or die;
flock($lock, LOCK_EX) or die;
$r = $c->run(qw(unseen x --options timeout=0));
is($r->{status}, 2, 'locked: status');
like($r->{err}, qr/^exigrey: .*\Q@{[$c->db]}\E.*held by another process/,
    'locked: said');
is($c->run(qw(show a))->{status}, 0, 'show does not wait');
is($c->run(qw(wait a))->{status}, 0, 'wait does not wait');
close($lock);

# Another file, a directory, a link.
Command::spew("$directory/db/text", "no database\n" x 100);
mkdir("$directory/db/folder");
symlink($c->db, "$directory/db/link");
for my $name (qw(text folder link)) {
	for my $command ([qw(list)], [qw(set a)], [qw(purge)], [qw(unseen a)],
	    [qw(delete --all)], [qw(show a)]) {
		my $r = $c->run({ no_db => 1 }, '-d', "$directory/db/$name",
		    @$command);

		is($r->{status}, 2, "$name: @$command: status");
		like($r->{err}, qr/^exigrey: .*\Q$directory\E\/db.*$name/,
		    "$name: @$command: said");
		is($r->{out}, '', "$name: @$command: nothing else");
	}
}
is(Tree::slurp("$directory/db/text"), "no database\n" x 100,
    'what is no database is left alone');
$r = $c->run({ no_db => 1 }, '-d', "$directory/nowhere/seen", qw(set a));
is($r->{status}, 2, 'no directory: status');
like($r->{err}, qr/\Q$directory\E\/nowhere/, 'no directory: said');

if ($> != 0) {
	note('not root: the rest is not tried');
	done_testing;
	exit;
}

# Root acts as the owner of the directory, whatever it does.
sub owner { return join ' ', map { sprintf '%s', $_ } (stat $_[0])[4, 5] }
sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777 }
my $db = "$directory/theirs/seen";
mkdir("$directory/theirs") or die;
chown($user, $user + 1, "$directory/theirs") or die;
chmod(0750, "$directory/theirs") or die;
sub as_root { return $c->run({ no_db => 1 }, '-d', $db, @_) }
sub as_user
{
	return $c->run({ no_db => 1, user => $_[0] }, '-d', $db,
	    @_[1 .. $#_]);
}
for my $command ([qw(set a)], [qw(allow b c)], [qw(unseen d)], [qw(seen e)]) {
	unlink($db, "$db.lock");
	my $umask = umask(077);
	is(as_root(@$command)->{status}, 0, "root: @$command");
	umask($umask);
	is(owner($db), "$user " . ($user + 1), "root: @$command: owner");
	is(mode($db), '0640', "root: @$command: mode");
	is(owner("$db.lock"), "$user " . ($user + 1),
	    "root: @$command: owner of the lock");
	is(mode("$db.lock"), '0600', "root: @$command: mode of the lock");
}
for my $command ([qw(list)], [qw(purge --grey 0)], [qw(show e)], [qw(wait e)],
    [qw(delete --match none)]) {
	unlink("$db.lock");
	is(as_root(@$command)->{status}, 0, "root: @$command");
	is(owner("$db.lock"), "$user " . ($user + 1),
	    "root: @$command: owner of the lock") if -e "$db.lock";
	is(owner($db), "$user " . ($user + 1), "root: @$command: owner");
}
opendir(my $dir, "$directory/theirs") or die;
is(join(' ', sort grep { !/^\./ } readdir $dir), 'seen seen.lock',
    'no other file is left');
is(as_user($user, qw(unseen f))->{out}, "yes\n", 'the owner can go on');
is(as_root(qw(wait f))->{status}, 0, 'and root after it');

# It drops all of root: a file of root's that the owner may not read.
Command::spew("$directory/theirs/secret", 'x');
chmod(0600, "$directory/theirs/secret");
$r = $c->run({ no_db => 1 }, '-d', "$directory/theirs/secret", 'list');
is($r->{status}, 2, 'root: a file that the owner cannot read: status');
unlink("$directory/theirs/secret", "$directory/theirs/secret.lock");
SKIP: {
	my $r = $c->traced({}, 'setgroups,setresgid,setresuid,openat', '-d',
	    $db, 'list');
	skip($r->{skip}, 2) if defined $r->{skip};
	my $gid = $user + 1;
	like($r->{err}, qr/setgroups\(1, \[$gid\]\) += 0
.*setresgid\($gid, $gid, $gid\) += 0
.*setresuid\($user, $user, $user\) += 0/, 'root: drops groups, group, user');
	unlike((split /setresuid/, $r->{err})[0],
	    qr/openat(?!.*O_PATH).*theirs/,
	    'root: before it opens anything');
}

# A spool that has no grey yet.
chown($user, $user + 1, $spool) or die;
chmod(0750, $spool) or die;
system('rm', '-rf', "$spool/grey");
SKIP: {
	my $r = $c->traced({ env => { PATH => "$directory/bin:/bin" } },
	    'setresuid,getuid', 'list');
	skip($r->{skip}, 1) if defined $r->{skip};
	like($r->{err}, qr/setresuid\($user, /, 'root: the owner of the spool '
	    . 'where there is no grey');
}
is(spooled({}, qw(set a))->{status}, 0, 'root: set makes grey');
for my $path ("$spool/grey", "$spool/grey/seen") {
	is(owner($path), "$user " . ($user + 1), "root: owner of $path");
}
is(mode("$spool/grey"), '0750', 'root: mode of grey');
is(mode("$spool/grey/seen"), '0640', 'root: mode of the database');

# A directory of root's: root stays root.
is($c->run(qw(set a))->{status}, 0, 'a directory of root: done');
is(owner($c->db), '0 0', 'a directory of root: owner');

# Others are told as whom to run it.
my $stranger = $user + 7;
chmod(0755, "$directory/theirs") or die;
for my $case (
    [{ user => $stranger }, '-d', $db, 'list'],
    [{ user => $stranger }, '-d', $db, 'set', 'a'],
    [{ user => $stranger }, '-d', $db, 'purge'],
    [{ user => $stranger }, '-d', $db, 'delete', '--all'],
    [{ user => $stranger }, '-d', $db, 'unseen', 'a'],
    [{ user => $stranger }, '-d', $db, 'show', 'a'],
    [{ user => $stranger, env => { PATH => "$directory/bin:/bin" } }, 'list'],
) {
	my ($how, @arguments) = @$case;
	my $r = $c->run({ no_db => 1, %$how }, @arguments);
	my $name = "a stranger: @arguments";

	is($r->{status}, 2, "$name: status");
	like($r->{err}, qr/^exigrey: the database belongs to user '#$user': run this as root or as that user$/m,
	    "$name: said");
	is($r->{out}, '', "$name: nothing else");
}
chmod(0700, $c->directory . '/db');
$r = $c->run({ user => $stranger }, 'list');
like($r->{err}, qr/the database belongs to user 'root': run this as root$/m,
    'a stranger in a directory of root');

done_testing;
