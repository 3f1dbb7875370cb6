# A Courier of our own: unpacked, not installed (tests/unpack).  Its paths are
# compiled in, so it runs in a root directory of its own, below /tmp, with
# nothing but its programs, their libraries and a shell; it listens on 127.0.0.1
# only, and its queue is never run.  Needs root.
#
#	my ($home, $why) = PrivateCourier::find();
#	my $courier = PrivateCourier->new(home => $home, filter => SCRIPT);
#	$courier->start_filters;
#	$courier->start;
#	my $client = $courier->client;
#	$courier->stop_filters;
package PrivateCourier;
use strict;
use warnings;
use Carp qw(croak);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use POSIX ();
use PrivateServer;
use Tree;
our @ISA = ('PrivateServer');

# A user that every Debian has and that nothing of this machine runs as.
my ($uid, $gid) = (getpwnam('news'))[2, 3];
my $libexec = '/usr/lib/courier/courier';

# Where Courier lies, or undef and why there is none.
sub find
{
	return (undef, 'Courier must be started by root') if $> != 0;
	return (undef, 'there is no user "news"') if !defined $uid;
	my $unpack = Tree::root() . '/tests/unpack';

	chomp(my $home = `$unpack courier-mta courier-base courier-authlib` //
	    '');
	return $home if $? == 0;
	return (undef, 'the package of Courier cannot be had here');
}

# new(home => FOLDER, filter => SCRIPT, env => [NAME=VALUE]): SCRIPT is the text of the one filter,
# which runs as "exigrey"; exigrey is /usr/sbin/exigrey in there.
sub new
{
	my ($class, %arg) = @_;
	my $temporary = File::Temp->newdir('exigrey-XXXXXX', DIR => '/tmp');
	my $self = bless { %arg, temporary => $temporary,
		dir => "$temporary", root => "$temporary/root" }, $class;

	chmod 0755, $self->{dir};
	system('cp', '-a', "$self->{home}/root", $self->{root}) == 0 ||
	    croak 'cannot copy Courier';
	make_path(map { "$self->{root}$_" } qw(/dev /tmp /bin /run/courier
	    /etc/courier/filters/active /etc/courier/esmtpacceptmailfor.dir
	    /var/lib/courier/tmp /var/lib/courier/msgs /var/lib/courier/msgq
	    /var/lib/courier/track /var/lib/courier/filters
	    /var/lib/courier/allfilters /var/lib/exigrey));
	$self->programs;
	$self->write('/etc/passwd', "root:x:0:0::/:/bin/sh\n" .
	    "courier:x:$uid:${gid}::/var/lib/courier:/bin/sh\n");
	$self->write('/etc/group', "root:x:0:\ncourier:x:$gid:\n");
	$self->write('/etc/courier/me', "mx.example.org\n");
	$self->write('/etc/courier/locals', "localhost\n");
	$self->write('/etc/courier/esmtpacceptmailfor', "example.org\n");
	$self->write('/etc/courier/enablefiltering', "esmtp\n");
	$self->write('/usr/lib/courier/filters/exigrey', $self->{filter}, 0755);
	symlink('/usr/lib/courier/filters/exigrey',
	    "$self->{root}/etc/courier/filters/active/exigrey") ||
	    croak "symlink: $!";
	system('mknod', '-m', '666', "$self->{root}/dev/null", 'c', 1, 3) == 0
	    || croak 'no mknod';
	system('chown', '-R', "$uid:$gid", map { "$self->{root}$_" }
	    qw(/var/lib/courier /etc/courier /run/courier /var/lib/exigrey)) ==
	    0 || croak 'no chown';
	chmod 01777, "$self->{root}/tmp";
	$self->configure;
	return $self;
}

# Writes a file below the root.
sub write
{
	my ($self, $path, $text, $mode) = @_;

	open(my $file, '>', "$self->{root}$path") or croak "$path: $!";
	print $file $text;
	close($file) or croak "$path: $!";
	chmod $mode // 0644, "$self->{root}$path";
}

sub copy_to
{
	my ($self, $from, $path) = @_;

	return if -e "$self->{root}$path";
	make_path(dirname("$self->{root}$path"));
	system('cp', '-L', $from, "$self->{root}$path") == 0 ||
	    croak "cannot copy $from";
}

# exigrey, a shell, and all libraries that they and Courier need.
sub programs
{
	my ($self) = @_;
	my ($home, $root) = @$self{qw(home root)};
	my $loaded = `ldconfig -p` // `/sbin/ldconfig -p` // '';

	$self->copy_to(Tree::build('exigrey'), '/usr/sbin/exigrey');
	$self->copy_to('/bin/sh', '/bin/sh');
	# exigrey loads it for its configuration.
	$self->copy_to($1, $1) if $loaded =~ m(=> (/\S+/libinih\.so\.1)$)m;
	local $ENV{LD_LIBRARY_PATH} = "$home/lib";
	my @programs = map { "$root$_" } '/usr/sbin/exigrey', '/bin/sh',
	    '/usr/sbin/couriertcpd', '/usr/sbin/courierlogger',
	    map { "$libexec/$_" } qw(courierfilter submit submitmkdir
	    modules/esmtp/courieresmtpd);
	for my $line (`ldd @programs`) {
		my ($path) = $line =~ m((?:=> |^\s+)(/\S+) \() or next;

		# Those of Courier's packages are there already.
		$self->copy_to($path, $path) if $path !~ /^\Q$home\E/;
	}
}

sub configure { shift->{port} = PrivateServer::free_port() }

sub in_root
{
	my ($self, @command) = @_;

	return ('env', '-i', 'PATH=/usr/bin:/bin:/usr/sbin:/sbin',
	    'SHELL=/bin/sh', 'BOFHCHECKDNS=0', 'BLACKLISTS=',
	    @{$self->{env} // []}, 'chroot', $self->{root}, @command);
}

# One process for each client, started by couriertcpd, as Debian does it.
sub daemon
{
	my ($self) = @_;

	return $self->in_root('/usr/sbin/couriertcpd', '-nodnslookup',
	    '-noidentlookup', '-address=127.0.0.1', '-user=courier',
	    '-group=courier', '-maxprocs=40', '-maxperc=40', '-maxperip=40',
	    $self->{port}, '/usr/sbin/courieresmtpd');
}

# Starts the filters; returns once they are ready, as courierfilter(8) does.
sub start_filters
{
	my ($self) = @_;

	$self->{filters} = 1;
	system('timeout', '30', $self->in_root("$libexec/courierfilter",
	    'start')) == 0 || croak 'courierfilter does not start';
}

sub stop_filters
{
	my ($self) = @_;

	return if !delete $self->{filters};
	local ($?, $!);
	system('timeout', '30', $self->in_root("$libexec/courierfilter",
	    'stop'));
}

sub stop
{
	my ($self) = @_;

	$self->stop_filters;
	$self->SUPER::stop;
}

# Has courierfilter look at what is active.
sub restart_filters
{
	my ($self) = @_;

	system($self->in_root("$libexec/courierfilter", 'restart')) == 0 ||
	    croak 'courierfilter does not restart';
}

# The processes that run in there: pairs of id and command line.
sub processes
{
	my ($self) = @_;
	my %processes;

	for my $proc (glob '/proc/[0-9]*') {
		next if (readlink("$proc/root") // '') ne $self->{root};
		$processes{substr $proc, 6} =
		    Tree::slurp("$proc/cmdline") =~ tr/\0/ /r;
	}
	return %processes;
}

# A test that fails must leave nothing.
sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop;
	my %left = $self->processes;
	kill 'KILL', keys %left;
}

1;
