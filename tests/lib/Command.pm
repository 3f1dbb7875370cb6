# Runs build/exigrey on a database of the test's own.
#
#	my $c = Command->new;			# a database in a new directory
#	my $r = $c->run('list', '--sort', 'item');
#	is($r->{status}, 0);			# also {out}, {err}
package Command;
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;
use POSIX ();
use Tree;

sub new
{
	my ($class, %more) = @_;
	my $directory = tempdir(CLEANUP => 1);

	# So that another user can reach what is in it.
	chmod(0711, $directory) or die "$directory: $!";
	mkdir("$directory/db") or die "$directory/db: $!";
	return bless { directory => $directory, db => "$directory/db/seen",
	    %more }, $class;
}

sub db { return $_[0]{db} }
sub directory { return $_[0]{directory} }

# Runs a program.  %$how: env (a hash), user (uid and gid), stdin (bytes),
# stdout (a file to write to; "closed"), terminal (pairs of what appears on it
# and what is then typed; all output comes as out).  Without that it has no
# terminal.  Returns status, out, err.
sub program
{
	my ($self, $how, @command) = @_;
	my %file = map { $_ => "$self->{directory}/$_" } qw(in out err);
	my %result;

	unshift @command, Tree::build('tests/pty'), @{$how->{terminal}}, '--'
	    if defined $how->{terminal};
	spew($file{in}, $how->{stdin} // '');
	my $child = fork() // die "fork: $!";
	if (!$child) {
		POSIX::setsid();
		%ENV = (%ENV, %{$how->{env} // {}});
		my $out = $how->{stdout} // $file{out};
		open(STDIN, '<', $file{in}) && open(STDERR, '>', $file{err}) &&
		    open(STDOUT, '>', $out eq 'closed' ? '/dev/null' : $out) or
		    POSIX::_exit(120);
		POSIX::close(1) if $out eq 'closed';
		become($how->{user}) if defined $how->{user};
		no warnings 'exec';
		exec { $command[0] } @command;
		POSIX::_exit(121);
	}
	waitpid($child, 0);
	$result{status} = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	$result{out} = defined $how->{stdout} ? '' : Tree::slurp($file{out});
	$result{err} = Tree::slurp($file{err});
	return \%result;
}

sub become
{
	my ($id) = @_;

	$) = "$id $id";
	POSIX::setgid($id);
	POSIX::setuid($id);
	POSIX::_exit(122) if $> != $id || $< != $id;
}

sub spew
{
	my ($path, $bytes) = @_;

	open(my $file, '>', $path) or die "$path: $!";
	print $file $bytes;
	close($file) or die "$path: $!";
}

# exigrey -d DB ARGUMENTS; a leading hash says how (see program).
sub run
{
	my ($self, @arguments) = @_;
	my $how = ref $arguments[0] ? shift @arguments : {};
	my @db = $how->{no_db} ? () : ('-d', $self->{db});

	return $self->program($how, Tree::build('exigrey'), @db, @arguments);
}

# The same, and dies unless all went well: for what a test only needs.
sub must
{
	my ($self, @arguments) = @_;
	my $r = $self->run(@arguments);

	die "exigrey @arguments: status $r->{status}: $r->{err}"
	    if $r->{status} ne '0';
	return $r->{out};
}

# Runs exigrey with ARGUMENTS under strace: err has the system calls of these
# names too, skip why there are none.
sub traced
{
	my ($self, $how, $calls, @arguments) = @_;
	my ($strace) = grep { -x } '/usr/bin/strace', '/bin/strace';

	return { skip => 'no strace' } unless defined $strace;
	# LeakSanitizer and strace are in each other's way.
	my %env = (ASAN_OPTIONS => ($ENV{ASAN_OPTIONS} // '') .
	    ':detect_leaks=0', %{$how->{env} // {}});
	my $r = $self->program({ %$how, env => \%env }, $strace, '-qq', '-e',
	    "trace=$calls", Tree::build('exigrey'), @arguments);
	$r->{skip} = 'strace does not work here'
	    if $r->{err} =~ /^strace: .*(?:ptrace|PTRACE)/m;
	return $r;
}

# Starts it in the background: returns the process's id.
sub start
{
	my ($self, @arguments) = @_;
	my $child = fork() // die "fork: $!";

	return $child if $child;
	POSIX::setsid();
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>', "$self->{directory}/out");
	open(STDERR, '>', "$self->{directory}/err");
	no warnings 'exec';
	exec { Tree::build('exigrey') } 'exigrey', '-d', $self->{db},
	    @arguments;
	POSIX::_exit(121);
}

# Waits up to 5 seconds until something is true; returns that.
sub wait_until
{
	my ($code) = @_;

	for (1 .. 1000) {
		my $result = $code->();
		return $result if $result;
		select(undef, undef, undef, 0.005);
	}
	return 0;
}

# Mounts a small disk there, which is gone at the end; returns '' or why not.
my @disks;
sub small_disk
{
	my ($directory, $size) = @_;

	return 'not root' if $> != 0;
	mkdir($directory) or die "$directory: $!";
	my $said = `mount -t tmpfs -o size=$size,mode=700 none '$directory' 2>&1`;
	return "mount: $said" if $? != 0;
	push @disks, $directory;
	return '';
}
END {
	my $status = $?;
	system("umount -l '$_' 2>/dev/null") for @disks;
	$? = $status;
}

# What the database holds: a hash of keys and values.
sub content
{
	my ($self, $db) = @_;
	my $r = $self->program({}, Tree::build('tests/store'),
	    $db // $self->{db}, 'dump');

	die "store: $r->{err}" if $r->{status} ne '0';
	return { map { my ($key, $value) = split / /, $_, -1;
	    pack('H*', $key) => pack('H*', $value) } split /\n/, $r->{out} };
}

# FNV-1a of 32 bits, folded to 28, seven of them in a byte.
sub checksum
{
	my ($sum) = (0x811c9dc5);

	$sum = ($sum ^ ord) * 0x01000193 & 0xffffffff for split //, $_[0];
	$sum = $sum >> 28 ^ $sum & 0xfffffff;
	return join '', map { chr(0x80 | $sum >> $_ & 0x7f) } 21, 14, 7, 0;
}

# A text as the value of a key, as wide as exigrey makes it or wider.
sub value
{
	my ($key, $text, $least) = @_;
	my $value = "$text\0" . checksum("$key$text");

	$value .= "\0" x (-length($value) % 32);
	$value .= "\0" x 32 while length $value < ($least // 0);
	return $value;
}

# What a value of ours says, or one that ends in NULs.
sub text { return $_[0] =~ s/\0[\x80-\xff]{4}\0*\z//r =~ s/\0+\z//r }

# Stores keys and values of any bytes.
sub store
{
	my ($self, %values) = @_;
	my $lines = join '', map {
		unpack('H*', $_) . ' ' . unpack('H*', $values{$_}) . "\n"
	} sort keys %values;
	my $r = $self->program({ stdin => $lines }, Tree::build('tests/store'),
	    $self->{db});

	die "store: $r->{err}" if $r->{status} ne '0';
}

# Makes the database hold these items only: item => [created, used, count,
# flags]; a number stands for seconds ago.
sub fill
{
	my ($self, %records) = @_;

	unlink($self->{db}, "$self->{db}.lock");
	for my $item (sort keys %records) {
		my ($created, $used, $count, $flags) = @{$records{$item}};

		$self->must('-q', 'set', '--created', "-$created", '--used',
		    "-$used", '--count', $count, '--flags', $flags // '',
		    '--', $item);
	}
}

# The items of a list, sorted, with single spaces between them.
sub items
{
	my ($self, @arguments) = @_;
	my @rows = split /\n/, $self->must('list', '--format', 'tab',
	    '--sort', 'item', @arguments);

	return join ' ', map { (split /\t/)[0] } @rows;
}

# Objects, one from each line.
sub json { return map { JSON::PP->new->utf8->decode($_) } split /\n/, $_[1] }

# Does code, again should the second change meanwhile; it gets the time.
sub in_one_second
{
	my ($code) = @_;
	my ($now, @result);

	do {
		$now = time;
		@result = $code->($now);
	} while (time != $now);
	return @result;
}

1;
