# A Postfix of our own: unpacked, not installed (tests/unpack), with its
# configuration, queue, log and port in a temporary directory; it listens on
# 127.0.0.1 only and throws away what it accepts.  Needs root.
#
#	my ($home, $why) = PrivatePostfix::find();
#	my $postfix = PrivatePostfix->new(home => $home, main => '...');
#	$postfix->start;
#	$postfix->client->envelope('a@example.com', 'b@example.org');
#	print $postfix->log;
package PrivatePostfix;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp;
use PrivateServer;
use Tree;
our @ISA = ('PrivateServer');

# Two users that every Debian has and that nothing of this machine runs as:
# Postfix wants its owner and the group of its queue to be different.
my $owner = 'news';
my $group = 'uucp';

# Where Postfix lies, or undef and why there is none.
sub find
{
	return (undef, 'Postfix must be started by root') if $> != 0;
	my $unpack = Tree::root() . '/tests/unpack';

	chomp(my $home = `$unpack postfix` // '');
	return $home if $? == 0;
	return (undef, 'the package of Postfix cannot be had here');
}

# new(home => FOLDER, main => TEXT, master => TEXT): lines for main.cf and
# master.cf, after and in addition to ours.
sub new
{
	my ($class, %arg) = @_;
	my $temporary = File::Temp->newdir('exigrey-XXXXXX', DIR => '/tmp');
	my $self = bless { main => '', master => '', %arg,
		temporary => $temporary, dir => "$temporary" }, $class;

	chmod 0755, $self->{dir};
	# The cache may lie where Postfix's users cannot get.
	$self->{root} = "$self->{dir}/root";
	system('cp', '-rL', "$self->{home}/root", "$self->{home}/lib",
	    $self->{dir}) == 0 || croak 'cannot copy Postfix';
	$self->directory('conf', 'root', 'root', 0755);
	$self->directory('data', $owner, $group, 0700);
	$self->directory('queue', 'root', 'root', 0755);
	$self->directory('queue/pid', 'root', 'root', 0755);
	$self->directory("queue/$_", $owner, 'root', 0700)
	    for qw(active bounce corrupt defer deferred flush hold incoming
	    private saved trace);
	$self->directory('queue/maildrop', $owner, $group, 01730);
	$self->directory('queue/public', $owner, $group, 02710);
	$self->configure;
	return $self;
}

sub directory
{
	my ($self, $name, $user, $of_group, $mode) = @_;
	my $path = "$self->{dir}/$name";

	mkdir($path) || croak "$path: $!";
	chown(scalar getpwnam($user), scalar getgrnam($of_group), $path)
	    || croak "$path: $!";
	chmod $mode, $path;
}

sub write_file
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or croak "$path: $!";
	print $file $text;
	close($file) or croak "$path: $!";
}

sub configure
{
	my ($self) = @_;
	my ($dir, $root) = @$self{qw(dir root)};
	# service, type, private, unprivileged, chroot, wakeup, limit, command
	my $services = join "\n", 'pickup unix n - n 60 1 pickup',
	    'cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr',
	    'rewrite unix - - n - - trivial-rewrite',
	    'bounce unix - - n - 0 bounce', 'defer unix - - n - 0 bounce',
	    'trace unix - - n - 0 bounce', 'verify unix - - n - 1 verify',
	    'proxymap unix - - n - - proxymap', 'anvil unix - - n - 1 anvil',
	    'discard unix - - n - - discard', 'error unix - - n - - error',
	    'postlog unix-dgram n - n - 1 postlogd';

	$self->{port} = PrivateServer::free_port();
	write_file("$dir/conf/master.cf",
	    "127.0.0.1:$self->{port} inet n - n - - smtpd\n$services\n" .
	    $self->{master});
	write_file("$dir/conf/main.cf", <<"END" . $self->{main});
compatibility_level = 3.6
mail_owner = $owner
setgid_group = $group
queue_directory = $dir/queue
data_directory = $dir/data
daemon_directory = $root/usr/lib/postfix/sbin
command_directory = $root/usr/sbin
meta_directory = $root/etc/postfix
shlib_directory = $root/usr/lib/postfix
import_environment = MAIL_CONFIG LD_LIBRARY_PATH PATH TZ
export_environment = MAIL_CONFIG LD_LIBRARY_PATH PATH TZ
maillog_file = $dir/maillog
maillog_file_prefixes = $dir
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.org
mydestination = example.org
mynetworks =
alias_maps =
local_recipient_maps =
local_transport = discard
default_transport = discard
smtpd_peername_lookup = no
smtpd_recipient_restrictions = reject_unauth_destination
END
}

sub daemon
{
	my ($self) = @_;

	return ('env', "MAIL_CONFIG=$self->{dir}/conf",
	    "LD_LIBRARY_PATH=$self->{dir}/lib",
	    "$self->{root}/usr/lib/postfix/sbin/master", '-d');
}

# The one log; its daemons' complaints before that is open are in stderr.
sub log { return Tree::slurp(shift->{dir} . '/maillog') }

1;
