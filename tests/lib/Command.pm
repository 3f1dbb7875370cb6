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
# stdout (a file to write to; "closed").  Returns status, out, err.
sub program
{
	my ($self, $how, @command) = @_;
	my %file = map { $_ => "$self->{directory}/$_" } qw(in out err);
	my %result;

	spew($file{in}, $how->{stdin} // '');
	my $child = fork() // die "fork: $!";
	if (!$child) {
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
