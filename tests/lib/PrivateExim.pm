# An Exim of our own: its configuration, spool, logs and port lie in a
# temporary directory; it listens on 127.0.0.1 only and delivers nothing.
#
#	my $exim = PrivateExim->new(acl => { rcpt => '...' });
#	$exim->start;
#	$exim->client->envelope('a@example.com', 'b@example.org');
#	print $exim->log('main');
#
# It may be one that lies in a folder of its own, to be run with chroot.
package PrivateExim;
use strict;
use warnings;
use Carp qw(croak);
use File::Copy qw(copy);
use File::Temp;
use POSIX ();
use PrivateServer;
use Tree;

our @ISA = ('PrivateServer');

# An Exim to test with; undef if there is none.
sub find
{
	my $find = Tree::root() . '/tests/find-exim';

	chomp(my $path = `$find` // '');
	return $path eq '' ? undef : $path;
}

# What tests/exim-gdbm says: the path, or undef and why there is none.
sub find_gdbm
{
	my $find = Tree::root() . '/tests/exim-gdbm';

	chomp(my $path = `$find` // '');
	return $path if $? == 0;
	croak 'the Exim with GDBM does not build' if $? >> 8 != 2;
	return (undef, 'the source of Exim cannot be had here');
}

# What to test with: { name, path, skip } of Debian's Exim and the GDBM one.
sub both
{
	my ($gdbm, $why) = find_gdbm();

	return ({ name => 'Exim', path => find() // croak 'no Exim' },
	    { name => 'Exim with GDBM', path => $gdbm, skip => $why });
}

# The user as whom Exim runs.  Run by root it must be another than root.
sub user
{
	return scalar getpwuid($>) if $> != 0;
	for my $name (qw(Debian-exim exim nobody)) {
		return $name if defined getpwnam($name);
	}
	croak 'no user for Exim';
}

# new(exim => PATH, main => TEXT, acl => { rcpt => TEXT, ... }, more => TEXT,
# root => FOLDER, in => FOLDER): options for the main section, the ACLs, sections
# after the routers, for chroot, and where another than /tmp shall hold it all.
sub new
{
	my ($class, %arg) = @_;
	my $root = $arg{root} // '';
	# Exim's user must get in, which root's own TMPDIR may forbid.
	my $temporary = File::Temp->newdir('exigrey-XXXXXX',
	    defined $arg{in} ? (DIR => $arg{in}) :
	    $> == 0 ? (DIR => "$root/tmp") : (TMPDIR => 1));
	my $self = bless { main => '', more => '', acl => {}, %arg,
		root => $root, temporary => $temporary, dir => "$temporary" },
	    $class;

	$self->{exim} //= find() // croak 'no Exim';
	$self->{conf} = "$self->{dir}/exim.conf";
	$self->{spool} = "$self->{dir}/spool";
	chmod 0755, $self->{dir};
	$self->own_directory($self->{spool}, 0750);
	$self->own_directory("$self->{dir}/log", 0750);
	$self->configure;
	return $self;
}

sub spool { return shift->{spool} }

# A path of ours as this Exim sees it.
sub inside
{
	my ($self, $path) = @_;

	return $path =~ s/^\Q$self->{root}\E//r;
}

# The ids of the user as whom this Exim runs.
sub ids
{
	my ($self) = @_;

	return (getpwnam(user()))[2, 3] if $self->{root} eq '';
	return Tree::slurp("$self->{root}/etc/passwd") =~
	    /^Debian-exim:[^:]*:(\d+):(\d+):/m;
}

# Makes a directory that belongs to Exim's user.
sub own_directory
{
	my ($self, $path, $mode) = @_;
	my ($uid, $gid) = $self->ids;

	mkdir($path) || croak "$path: $!";
	chown($uid, $gid, $path) || croak "$path: $!" if $> == 0;
	chmod $mode, $path;
	return $path;
}

# The path of a copy of the module, for Exim: the tree may lie where its user
# cannot get.
sub so
{
	my ($self) = @_;
	my $copy = "$self->{dir}/exigrey.so";

	if (!-e $copy) {
		copy(Tree::build('exigrey.so'), $copy)
		    || croak "exigrey.so: $!";
		chmod 0644, $copy;
	}
	return $self->inside($copy);
}

# ${dlfunc{SO}{NAME}{ARGUMENT}...}
sub dlfunc
{
	my ($self, @arguments) = @_;

	return '${dlfunc' . join('', map { "{$_}" } $self->so, @arguments) .
	    '}';
}

# Sets ACLs, which mostly need so() and so an object; before start().
sub set_acl
{
	my ($self, %acl) = @_;

	$self->{acl} = { %{$self->{acl}}, %acl };
	$self->configure;
	return $self;
}

sub configure
{
	my ($self) = @_;
	my ($uid, $gid) = $self->ids;
	my ($dir, $spool) = map { $self->inside($_) } @$self{qw(dir spool)};
	my %acl = (rcpt => 'accept', %{$self->{acl}});
	my ($names, $acls) = ('', '');
	my $relay = $self->{relay} // '';

	for my $name (sort keys %acl) {
		my $text = $acl{$name};
		$text =~ s/^(?=\S)/  /mg;
		$names .= "acl_smtp_$name = check_$name\n";
		$acls .= "check_$name:\n$text\n";
	}
	$self->{port} = PrivateServer::free_port();
	open(my $conf, '>', $self->{conf}) or croak "$self->{conf}: $!";
	print $conf <<"END";
exim_user = $uid
exim_group = $gid
exim_path = $self->{exim}
primary_hostname = mx.example.org
domainlist local_domains = example.org
domainlist relay_to_domains =
hostlist relay_from_hosts = $relay
spool_directory = $spool
log_file_path = $dir/log/%slog
pid_file_path = $spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = $self->{port}
queue_only
keep_environment =
host_lookup =
smtp_accept_max_nonmail_hosts =
.ifdef _OPT_MAIN_TLS_ADVERTISE_HOSTS
tls_advertise_hosts =
.endif
$names
$self->{main}
begin acl
$acls
begin routers
discard:
  driver = redirect
  domains = +local_domains
  data = :blackhole:
$self->{more}
END
	close($conf) or croak "$self->{conf}: $!";
}

# What a module with sanitizers needs in an Exim that was built without; Exim
# leaves its memory to the system to free.
sub sanitizers
{
	my $preload = $ENV{EXIGREY_PRELOAD} // return ();

	# They come first, before what a test wants to be preloaded.
	$preload .= ":$ENV{LD_PRELOAD}" if defined $ENV{LD_PRELOAD};
	return ('env', "LD_PRELOAD=$preload",
	    "ASAN_OPTIONS=$ENV{ASAN_OPTIONS}:detect_leaks=0");
}

sub arguments
{
	my ($self) = @_;

	return ($self->{root} eq '' ? sanitizers() : ('chroot', $self->{root}),
	    $self->{exim}, '-C', $self->inside($self->{conf}));
}

# "before" may hold a command that is to run it.
sub daemon
{
	my ($self) = @_;

	return (@{$self->{before} // []}, $self->arguments, '-bdf');
}

# The text of a log: main, reject or panic.  An Exim that was started by an
# ordinary user logs to its standard error instead.
sub log
{
	my ($self, $name) = @_;
	my $text = Tree::slurp("$self->{dir}/log/${name}log");

	return $text if $text ne '' || $> == 0;
	return Tree::slurp("$self->{dir}/stderr");
}

# Runs Exim with our configuration and these arguments, INPUT on its standard
# input.  Returns its exit status, output and error output.
sub run
{
	my ($self, $input, @arguments) = @_;
	my %file;

	for my $name (qw(in out err)) {
		$file{$name} = File::Temp->new;
	}
	print {$file{in}} $input;
	close($file{in});
	my $pid = fork // croak "fork: $!";
	if ($pid == 0) {
		open(STDIN, '<', $file{in}->filename);
		open(STDOUT, '>', $file{out}->filename);
		open(STDERR, '>', $file{err}->filename);
		alarm(30);
		{ exec($self->arguments, @arguments) };
		POSIX::_exit(127);
	}
	waitpid($pid, 0);
	return ($?, map { Tree::slurp($file{$_}->filename) } qw(out err));
}

# The expansion of a string by exim -be, or "Failed: why".  The string goes
# by standard input: an argument is limited to 256 bytes.
sub expand
{
	my ($self, $string) = @_;
	my ($status, $out) = $self->run("$string\n", '-be');

	return $out =~ /^> (.*)\n> \n?$/s ? $1 : "exim -be: $out";
}

1;
