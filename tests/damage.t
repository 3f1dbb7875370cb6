#!/usr/bin/perl
# Each kind of damaged or hostile file: what a real Exim answers over SMTP and
# logs, and what check, list, purge and repair say.  Nothing crashes, takes
# longer than 5 seconds, or fills the disk.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use DB_File;
use Damage;
use POSIX ();
use PrivateExim;
use Test::More;
use Tree;

use constant { RECORDS => 500, LIMIT => 5, MOST => 4 << 20 };

my $exim = PrivateExim->new;
my $dir = $exim->dir;
my ($uid, $gid) = $exim->ids;

# The sound database: a sender that passed, others that are whitelisted.
my $c = Command->new;
$c->store(map { my $key = "<s$_\@example.com>\0"; $key => Command::value($key,
    '1700000000 ' . (time - 3600) . " 3 note=n$_") } 1 .. RECORDS);
my ($sound, $lock) = map { Tree::slurp($c->db . $_) } '', '.lock';
like($c->must('check'), qr/^sound: @{[RECORDS]} records/, 'the sound one');

# Breaks a copy of it in place.
sub broken
{
	my ($break) = @_;

	return sub {
		my ($path) = @_;
		Command::spew($path, $sound);
		$break->(Damage->new($path));
	};
}

sub bytes
{
	my ($bytes) = @_;

	return sub { Command::spew($_[0], $bytes) };
}

sub berkeley
{
	my ($path, $kind) = @_;

	tie(my %h, 'DB_File', $path, O_RDWR | O_CREAT, 0600, $kind)
	    or die "DB_File: $!";
	$h{"<s$_\@example.com>\0"} = '1700000000 ' . (time - 3600) . " 3\0"
	    for 1 .. 100;
}

sub sqlite
{
	my ($path) = @_;

	system('sqlite3', $path, 'CREATE TABLE t (k, v); '
	    . "INSERT INTO t VALUES ('k', 'v');") == 0 or die 'sqlite3';
}

srand(20261121);
my $noise = join '', map { chr rand 256 } 1 .. 100_000;
my $new = qr/^451 verb fired/;
my $in = qr/^250 /;

# What SMTP answers to a known sender and to a new one, what the log says,
# whether a file is set aside, what check says, and repair.
my @cases = (
	{ name => 'empty', make => bytes(''), known => $new, unknown => $new,
	    log => qr/was damaged: the file is empty.*; 0 records of 500 were saved, the old file is kept as/,
	    aside => 1, check => qr/problem: the file is empty/,
	    repair => qr/^repaired: 0 of 500 records/m },
	{ name => 'a_byte', make => bytes('x'), known => $new, unknown => $new,
	    log => qr/was damaged: it does not start as a GDBM file does/,
	    aside => 1, check => qr/does not start as a GDBM/,
	    repair => qr/^repaired: 0 of 500 records/m },
	{ name => 'half', make => bytes(substr($sound, 0, length($sound) / 2)),
	    unknown => $new, log => qr/was damaged: .*; \d+ records of 500 were saved/,
	    aside => 1, check => qr/^problem: /m,
	    repair => qr/^repaired: \d+ of 500 records/m },
	{ name => 'minus_a_block',
	    make => bytes(substr($sound, 0, length($sound) - 4096)),
	    unknown => $new, check => qr/^problem: /m,
	    repair => qr/^repaired: \d+ (?:of 500 )?records/m },
	{ name => 'noise', make => bytes($noise), known => $new,
	    unknown => $new, log => qr/does not start as a GDBM.*; 0 records of 500/,
	    aside => 1, check => qr/does not start as a GDBM/,
	    repair => qr/^repaired: 0 of 500 records/m },
	{ name => 'wrong_magic', make => broken(sub { $_[0]->put32(0, 7) }),
	    known => $in, unknown => $new, log => qr/does not start as a GDBM.*; 500 records were saved/,
	    aside => 1, check => qr/does not start as a GDBM/,
	    repair => qr/^repaired: 500 records/m },
	(map {
		my ($name, $kind) = @$_;
		{ name => $name, make => sub { berkeley($_[0], $kind) },
		    known => $in, unknown => $new,
		    list => qr/<s1\@example\.com>/,
		    repair => qr/^(?:the file is sound|repaired: 100 records)/ }
	    } ['berkeley_hash', $DB_HASH], ['berkeley_btree', $DB_BTREE]),
	{ name => 'sqlite', make => \&sqlite, tool => 'sqlite3', known => $in, unknown => $in,
	    log => qr/mail passes: .*SQLite/, same => 1,
	    error => qr/SQLite database/ },
	{ name => 'wild_end',
	    make => broken(sub { $_[0]->put64(Damage::NEXT_BLOCK, 1 << 50) }),
	    known => $in, unknown => $new, log => qr/not the file's.*; 500 records were saved/,
	    aside => 1, check => qr/not the file's/,
	    repair => qr/^repaired: 500 records/m },
	{ name => 'space_in_itself', make => broken(sub {
		my ($d) = @_;
		for my $bucket (@{$d->{buckets}}) {
			$d->put32($bucket + Damage::SPACE_COUNT, 1);
			$d->put32($bucket + Damage::FIRST_SPACE, 4096);
			$d->put64($bucket + Damage::FIRST_SPACE + 8, $bucket);
		}
	    }), known => $in, unknown => $new,
	    log => qr/was recovered \(free space lies in .*501 records/,
	    check => qr/free space is in use too/,
	    repair => qr/^repaired: 500 records/m },
	{ name => 'record_in_bucket', make => broken(sub {
		my ($d) = @_;
		for my $bucket (@{$d->{buckets}}) {
			for my $i (0 .. 165) {
				my $e = $bucket + Damage::ELEMENTS
				    + $i * Damage::ELEMENT_SIZE;
				$d->put64($e + Damage::ELEMENT_AT, $bucket)
				    if $d->get32($e) != -1;
			}
		}
	    }), known => $new, unknown => $new,
	    log => qr/was damaged.*; 0 records of 500/, aside => 1,
	    check => qr/has not the hash|shares space/,
	    repair => qr/^repaired: 0 of 500 records/m },
	{ name => 'does_not_parse', make => sub {
		my ($path) = @_;
		my $bytes = $sound;
		$bytes =~ s/(<s1\@example\.com>\0)1700000000 /$1nonsense!! / or die;
		Command::spew($path, $bytes);
	    }, known => $new, unknown => $new, log => qr/record that does not parse/,
	    check => qr/problem: .*<s1\@example\.com>/,
	    repair => qr/^the file is sound/ },
	{ name => 'link', make => sub {
		Command::spew("$_[0].elsewhere", $sound);
		symlink("$_[0].elsewhere", $_[0]) or die;
	    }, known => $in, unknown => $in, log => qr/mail passes: .*symbolic link/,
	    error => qr/symbolic link/ },
	{ name => 'fifo', make => sub { POSIX::mkfifo($_[0], 0660) or die },
	    known => $in, unknown => $in, log => qr/mail passes: .*regular file/,
	    error => qr/regular file/ },
	{ name => 'folder', make => sub { mkdir($_[0]) or die }, known => $in,
	    unknown => $in, log => qr/mail passes: /, error => qr/directory|regular file/ },
	{ name => 'other_owner', root => 1, make => sub {
		bytes($sound)->($_[0]);
		chmod(0666, $_[0]);
	    }, owner => 54321, known => $in, unknown => $in,
	    log => qr/mail passes: .*belongs to user 54321/, same => 1,
	    error => qr/belongs to user 54321/ },
	{ name => 'no_rights', root => 1, make => sub { bytes($sound)->($_[0]) },
	    mode => 0, known => $in, unknown => $in,
	    log => qr/mail passes: .*ermission denied/, same => 1,
	    error => qr/ermission denied/ },
	{ name => 'read_only', root => 1, make => bytes($sound), known => $in,
	    unknown => $in, log => qr/mail passes: .*ead-only/, read_only => 1,
	    error => qr/ead-only/, same => 1 },
);

# Puts the file and its lock where this case has them.
sub place
{
	my ($case) = @_;
	my $path = $case->{path};

	if ($case->{read_only}) {
		system('mount', '-o', 'remount,rw', $case->{folder}) == 0 or die;
	}
	-d $_ && !-l $_ ? rmdir($_) : unlink($_) for glob("$case->{folder}/*");
	$case->{make}->($path);
	Command::spew("$path.lock", $lock);
	chmod(0600, "$path.lock");
	chmod($case->{mode} // 0660, $path) if -f $path && !-l $path;
	if ($> == 0) {
		chown($uid, $gid, $_) for grep { !-l } glob("$case->{folder}/*");
		chown($case->{owner}, $gid, $path) if defined $case->{owner};
	}
	if ($case->{read_only}) {
		system('mount', '-o', 'remount,ro', $case->{folder}) == 0 or die;
	}
}

sub size_of
{
	my ($case) = @_;
	my $size = 0;

	$size += -s $_ // 0 for glob("$case->{folder}/*");
	return $size;
}

my $text = '';
for my $case (@cases) {
	my $folder = $case->{folder} = "$dir/$case->{name}";

	$case->{path} = "$folder/seen";
	$case->{skip} = 'not root' if $case->{root} && $> != 0;
	$case->{skip} = "no $case->{tool}" if defined $case->{tool}
	    && !grep { -x "$_/$case->{tool}" } split /:/, $ENV{PATH};
	if ($case->{read_only} && !$case->{skip}) {
		my $why = Command::small_disk($folder, '4m');
		$case->{skip} = $why if $why ne '';
		chown($uid, $gid, $folder);
		chmod(0750, $folder);
	} elsif (!-d $folder) {
		$exim->own_directory($folder, 0750);
	}
	$text .= "defer\n  local_parts = $case->{name}\n  message = verb fired\n"
	    . '  condition = ' . $exim->dlfunc('unseen', '<$sender_address>',
	    600, $case->{path}, '', '') . "\n";
}
$exim->set_acl(rcpt => "${text}accept\n")->start;

# exigrey with a time limit: status, output and errors as one.
sub limited
{
	my ($case, @arguments) = @_;
	my $r = $c->program({}, 'timeout', '-s', 'KILL', LIMIT,
	    Tree::build('exigrey'), '-d', $case->{path}, @arguments);

	like($r->{status}, qr/^[012]$/, "$case->{name}: @arguments: ends");
	cmp_ok(size_of($case), '<', MOST, "$case->{name}: @arguments: no full disk");
	return $r;
}

for my $case (@cases) {
	my $name = $case->{name};
	SKIP: {
		skip("$name: $case->{skip}", 1) if $case->{skip};
		place($case);
		my $before = -f $case->{path} ? Tree::slurp($case->{path}) : '';
		my $client = $exim->client(timeout => LIMIT);
		$exim->news;
		my $known = $client->envelope('s1@example.com',
		    "$name\@example.org");
		like($known, $case->{known} // qr/^(?:250 |451 verb)/,
		    "$name: a known sender");
		$client->reset;
		like($client->envelope('new@example.com', "$name\@example.org"),
		    $case->{unknown}, "$name: a new sender");
		# Enough to split buckets, and the disk is not filled by it.
		my $others = 0;
		for my $i (1 .. 60) {
			$client->reset;
			my $reply = $client->envelope("n$i\@example.com",
			    "$name\@example.org");
			$others++ if $reply =~ $case->{unknown};
		}
		is($others, 60, "$name: others");
		$client->quit;
		my $news = $case->{log} ? $exim->logged($case->{log}) :
		    $exim->news;
		my @lines = grep { /exigrey: / } split /\n/, $news;
		is(scalar @lines, 1, "$name: one line") if $case->{log};
		like("@lines", $case->{log}, "$name: logged") if $case->{log};
		unlike($news, qr/signal|dumped|no immediate/, "$name: no crash");
		cmp_ok(size_of($case), '<', MOST, "$name: no full disk");
		is(scalar(() = glob("$case->{path}.corrupt-*")),
		    $case->{aside} // 0, "$name: set aside")
		    if $case->{log};
		ok(Tree::slurp($case->{path}) eq $before, "$name: left alone")
		    if $case->{same};

		for my $command (qw(list purge check repair)) {
			place($case);
			my $r = limited($case, $command);
			if ($case->{error}) {
				is($r->{status}, 2, "$name: $command: status");
				like($r->{err}, $case->{error},
				    "$name: $command: said");
				is($r->{out}, '', "$name: $command: nothing else");
				next;
			}
			like($r->{out}, $case->{$command}, "$name: $command: said")
			    if $case->{$command};
		}
		next if $case->{error};
		is($c->program({}, Tree::build('exigrey'), '-d', $case->{path},
		    qw(-q check))->{status}, $name eq 'does_not_parse' ? 1 : 0,
		    "$name: sound after repair");
	}
}
for my $case (grep { $_->{read_only} && !$_->{skip} } @cases) {
	system('umount', $case->{folder}) == 0 or die;
}
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
