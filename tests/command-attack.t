#!/usr/bin/perl
# Root runs exigrey where others may write: as whom it works, and that nothing
# that they put there leads it to other files.
use strict;
use warnings;
use Fcntl qw(:flock);
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

plan skip_all => 'only root can be led astray' if $> != 0;

my ($user, $group) = (54321, 54322);	# no account of those is needed
my $c = Command->new;
my $directory = $c->directory;
my $roots = "$directory/roots";
my $secret = "$roots/secret";

sub directory
{
	my ($path, $uid, $gid, $mode) = @_;

	mkdir($path) or die "$path: $!";
	chown($uid, $gid, $path) or die;
	chmod($mode, $path) or die;
	return $path;
}
sub exigrey
{
	my ($db, @arguments) = @_;
	my $how = ref $arguments[0] ? shift @arguments : {};

	# What hangs is ended, and then fails the test.
	return $c->program($how, 'timeout', '10', Tree::build('exigrey'),
	    '-d', $db, @arguments);
}
sub owner { return join ' ', (stat $_[0])[4, 5] }
sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777 }
sub files { return join ' ', map { s/.*\///r } sort glob("$_[0]/*") }
sub refused
{
	my ($name, $r, $why) = @_;

	is($r->{status}, 2, "$name: refused");
	like($r->{err}, $why, "$name: said");
}

directory($roots, 0, 0, 0755);
Command::spew($secret, "root's own\n" x 100);
chmod(0600, $secret);
my $before = Tree::slurp($secret);
sub unharmed
{
	my ($name) = @_;

	is(files($roots), 'secret', "$name: no file of root's comes or goes");
	ok(Tree::slurp($secret) eq $before && owner($secret) eq '0 0' &&
	    mode($secret) eq '0600', "$name: root's file is as it was");
}

# All of root is gone while it works: it waits for a lock now.
my $theirs = directory("$directory/theirs", $user, $group, 0750);
my $db = "$theirs/seen";
exigrey($db, qw(-q set a));
open(my $lock, '+<', "$db.lock") or die;
flock($lock, LOCK_EX) or die;
my $pid = Command->new(db => $db)->start(qw(set b));
my %status;
Command::wait_until(sub {
	%status = Tree::slurp("/proc/$pid/status") =~ /^(\w+):\s*(.*?)\s*$/mg;
	return ($status{Uid} // '') !~ /\b0\b/ && $status{Name} eq 'exigrey';
});
is($status{Uid}, join("\t", ($user) x 4), 'all its user ids');
is($status{Gid}, join("\t", ($group) x 4), 'all its group ids');
is($status{Groups}, $group, 'no other group');
is($status{$_}, '0' x 16, "no capability: $_")
    for qw(CapInh CapPrm CapEff CapAmb);
close($lock);
waitpid($pid, 0);
is($?, 0, 'then it does its work');

# Owner and mode do not depend on the umask or on who is first.
for my $umask (0, 077) {
	for my $who (['root', {}], ['the owner', { user => $user }]) {
		my ($name, $how) = @$who;
		my $place = directory(sprintf('%s/%s-%o', $directory,
		    $name =~ s/ //r, $umask), $user, $user, 0750);
		my $old = umask($umask);
		my $r = exigrey("$place/seen", $how, qw(-q set a));
		umask($old);
		my $title = sprintf 'umask %03o, %s', $umask, $name;

		is($r->{status}, 0, "$title: done");
		is(mode("$place/seen") . ' ' . owner("$place/seen"),
		    "0640 $user $user", "$title: the database");
		is(mode("$place/seen.lock") . ' ' . owner("$place/seen.lock"),
		    "0600 $user $user", "$title: the lock file");
	}
}
my $setgid = directory("$directory/setgid", $user, $group, 02750);
exigrey("$setgid/seen", { user => $user }, qw(-q set a));
is(mode("$setgid/seen") . ' ' . owner("$setgid/seen"), "0640 $user $group",
    'a setgid directory: the database has its group');

# Not to be made setuid or setgid.
my $copy = "$directory/exigrey";
SKIP: for my $case (['setgid', 0, $group, 02755], ['setuid', $user, 0, 04755]) {
	my ($name, $uid, $gid, $mode) = @$case;
	my $ran = "$directory/ran";

	# Theirs refuse such a program before ours can.
	skip("$name: built with the sanitizers", 3) if $ENV{EXIGREY_PRELOAD};

	system('cp', Tree::build('exigrey'), $copy) == 0 or die;
	chown($uid, $gid, $copy) or die;
	chmod($mode, $copy) or die;
	Command::spew("$directory/exim4", "#!/bin/sh\n: > '$ran'\n");
	chmod(0755, "$directory/exim4");
	my $r = $c->program({ user => $user + 7, env => { PATH => $directory,
	    EDITOR => "$directory/exim4" } }, $copy, 'edit');
	refused($name, $r, qr/^exigrey: .*setuid, setgid.*sudo$/m);
	ok(!-e $ran, "$name: nothing of the caller's was run");
}

# A directory of root's that others can reach into.
my $parent = directory("$directory/parent", $user, $user, 0755);
my $inside = directory("$parent/inside", 0, 0, 0755);
my $shared = directory("$directory/shared", 0, $group, 0775);
symlink($roots, "$parent/link") or die;
symlink('/tmp', "$parent/tmp") or die;
symlink("$parent/link", "$directory/rootslink") or die;
my $why = qr/belongs to root, but others can write in it or put another in its place/;
for my $case ([$inside, $why], [$shared, $why], ["$parent/link", $why],
    ["$parent/../parent/inside", $why], ["$parent/tmp", $why],
    ["$directory/rootslink", $why], ["$parent/tmp/../$roots", $why]) {
	my ($place, $said) = @$case;

	for my $command ([qw(-q set a)], [qw(list)], [qw(purge)],
	    [qw(check)], [qw(import /dev/null)]) {
		refused("$place: @$command", exigrey("$place/seen", @$command),
		    $said);
	}
	is(files($inside) . files($shared), '', "$place: nothing was made");
	unharmed($place);
}
# Relative paths lead there too.
my $r = $c->program({}, 'sh', '-c', 'cd "$1" && exec "$2" -d ./seen set a',
    'sh', $inside, Tree::build('exigrey'));
refused('./seen', $r, $why);
# What nobody else can change is as good as ever.
my $ours = directory("$directory/ours", 0, 0, 0755);
symlink($ours, "$directory/oursagain") or die;
symlink('../ours', "$ours/again") or die;
for my $place ($ours, "$directory/oursagain", "$directory/../" .
    $directory =~ s/.*\///r . '/ours', "$ours/again/.") {
	is(exigrey("$place/seen", qw(-q set a))->{status}, 0, "$place: done");
}
symlink($theirs, "$directory/theirslink") or die;
is(exigrey("$directory/theirslink/seen", qw(-q set c))->{status}, 0,
    "root's link to a directory of another");
is(owner($db), "$user $group", 'works as that other');
symlink("$directory/loop", "$directory/loop") or die;
is(exigrey("$directory/loop/seen", qw(set a))->{status}, 2, 'a loop of links');

# In the place of each file: a link, another name of root's file, a FIFO, a
# device, a directory.
my %put = (
	'a symbolic link' => sub { symlink($secret, $_[0]) },
	'a hard link' => sub { link($secret, $_[0]) },
	'a FIFO' => sub { system('mkfifo', $_[0]) == 0 },
	'a device' => sub { system('mknod', $_[0], qw(c 1 3)) == 0 },
	'a directory' => sub { mkdir($_[0]) },
);
my @commands = ([qw(list)], [qw(show a)], [qw(-q set z)], [qw(purge)],
    [qw(check)], [qw(repair --force)], [qw(compact)], [qw(unseen z)],
    [qw(delete a)], [qw(stats)], [qw(export)]);
my %content = map { $_ => Tree::slurp("$theirs/$_") } qw(seen seen.lock);
sub put_back
{
	system('rm', '-rf', glob("$theirs/*"));
	for my $name (keys %content) {
		Command::spew("$theirs/$name", $content{$name});
		chown($user, $group, "$theirs/$name") or die;
	}
}
for my $name (qw(seen seen.lock)) {
	for my $kind (sort keys %put) {
		put_back();
		unlink("$theirs/$name");
		SKIP: {
			skip("$kind cannot be made here", 1)
			    if !$put{$kind}->("$theirs/$name");
			my @bad = grep {
				exigrey($db, @$_)->{status} ne
				    ($name eq 'seen.lock' && $_->[0] eq 'show' ?
				    0 : 2)
			} @commands;

			is(join(', ', map { "@$_" } @bad), '',
			    "$kind for $name: all refuse");
			unharmed("$kind for $name");
		}
	}
}
# The names of files that are being made.
for my $kind (sort keys %put) {
	put_back();
	SKIP: {
		skip("$kind cannot be made here", 1)
		    if !$put{$kind}->("$theirs/seen.lock-new");
		my $r = exigrey($db, qw(-q repair --force));
		is($r->{status}, $kind eq 'a directory' ? 2 : 0,
		    "$kind for seen.lock-new: repair");
		is(exigrey($db, 'check')->{status}, 0, 'and all is well');
		unharmed("$kind for seen.lock-new");
	}
}
put_back();

# Somebody changes things all the while: the directory is theirs, then a link
# to root's; and the files are, in turn, links to root's.
directory("$parent/grey", $user, $user, 0755);
symlink($roots, "$parent/evil") or die;
sub meanwhile
{
	my ($steps, $work) = @_;
	my $child = fork() // die;

	if (!$child) {
		Command::become($user);
		while (getppid() != 1) { $steps->() }
		POSIX::_exit(0);
	}
	$work->();
	kill('KILL', $child);
	waitpid($child, 0);
}
my %done;
meanwhile(sub {
	rename("$parent/grey", "$parent/good");
	rename("$parent/evil", "$parent/grey");
	rename("$parent/grey", "$parent/evil");
	rename("$parent/good", "$parent/grey");
}, sub {
	$done{exigrey("$parent/grey/seen", qw(-q set a))->{status}}++ for 1 .. 200;
});
note('the directory is changed all the while: status ', join ', ',
    map { "$_: $done{$_}" } sort keys %done);
unharmed('a directory that is changed all the while');
%done = ();
meanwhile(sub {
	for my $name ('seen', 'seen.lock', 'seen.lock-new') {
		rename("$theirs/$name", "$theirs/saved");
		symlink($secret, "$theirs/$name");
		rename("$theirs/saved", "$theirs/$name");
	}
}, sub {
	$done{exigrey($db, @$_)->{status}}++
	    for ([qw(-q set a)], [qw(-q repair --force)]) x 100;
});
note('the files are changed all the while: status ', join ', ',
    map { "$_: $done{$_}" } sort keys %done);
unharmed('files that are changed all the while');

# --output is a new file in the place of the old, if that was one.
put_back();
my $place = directory("$directory/place", $user, $user, 0755);
symlink($secret, "$place/out") or die;
is(exigrey($db, qw(-q export --output), "$place/out")->{status}, 0,
    '--output on a link: done');
ok(!-l "$place/out" && -s "$place/out", 'it is a file of its own');
unharmed('--output on a link');
for my $kind ('a FIFO', 'a device', 'a directory') {
	SKIP: {
		skip("$kind cannot be made here", 1)
		    if !$put{$kind}->("$place/other");
		refused("--output on $kind", exigrey($db, qw(-q export
		    --output), "$place/other"), qr/is no file: use > instead/);
		ok(!-f "$place/other", "--output on $kind: it is still there");
		system('rm', '-rf', "$place/other");
	}
}
for my $case ([0, '0644'], [077, '0600'], [027, '0640']) {
	my $umask = umask($case->[0]);
	exigrey($db, qw(-q export --output), "$place/out");
	umask($umask);
	is(mode("$place/out"), $case->[1], sprintf '--output, umask %03o',
	    $case->[0]);
}
is(files($place), 'out', 'nothing else is there');

# The editor's directory.
my $open = directory("$directory/open", 0, 0, 0777);
for my $case ([$open, 'everybody can write there'],
    [$place, 'it belongs to another']) {
	refused("TMPDIR, $case->[1]", exigrey($db, { env => { EDITOR => 'true',
	    TMPDIR => $case->[0] } }, 'edit'), qr/others can change what lies/);
}
my $temporary = directory("$directory/temporary", 0, 0, 01777);
Command::spew("$directory/editor", <<"END");
#!/bin/sh
stat -c '%a %u' "\$1" "\$(dirname "\$1")" > '$directory/said'
cp "\$1" "\$1~"
END
chmod(0755, "$directory/editor");
is(exigrey($db, { env => { EDITOR => "$directory/editor",
    TMPDIR => $temporary } }, 'edit')->{status}, 0, 'edit');
is(Tree::slurp("$directory/said"), "600 0\n700 0\n",
    'the file is private, and its directory too');
is(files($temporary), '', 'nothing is left, the backup neither');

# exim -be is root too, and the module changes no user.
my $exim = PrivateExim->new;
my $spool = $exim->spool;
my $call = $exim->dlfunc('unseen', 'k', 600);
symlink($roots, "$spool/grey") or die;
my (undef, $out, $said) = $exim->run("$call\n", '-be');
is($out, "> no\n> \n", "exim -be, grey is a link to a directory of root's: "
    . 'mail passes');
like($said . $exim->news, qr/mail passes.*is a link to one of root's/, 'said');
unharmed('exim -be, grey is a link');
unlink("$spool/grey");
$exim->own_directory("$spool/grey", 0750);
for my $name ('seen', 'seen.lock') {
	for my $kind ('a symbolic link', 'a hard link') {
		unlink(glob("$spool/grey/*"));
		$put{$kind}->("$spool/grey/$name");
		is($exim->expand($call), 'no', "exim -be, $kind for $name");
		unharmed("exim -be, $kind for $name");
	}
}
unlink(glob("$spool/grey/*"));
for my $umask (0, 077) {
	my $name = sprintf 'exim -be, umask %03o', $umask;
	my $old = umask($umask);

	unlink(glob("$spool/grey/*"));
	is($exim->expand($call), 'yes', $name);
	umask($old);
	is(join(' ', map { mode("$spool/grey/$_") . ' ' .
	    owner("$spool/grey/$_") } qw(seen seen.lock)), '0640 ' .
	    owner($spool) . ' 0600 ' . owner($spool), "$name: owner, mode");
}
done_testing;
