# A mail server of our own for a test, in a temporary directory and on a port
# of 127.0.0.1.  What a kind of server must bring: configure(), which writes its
# configuration with a new port; daemon(), the command to run in the
# foreground; log(NAME), the text of a log, of the main one by default.
package PrivateServer;
use strict;
use warnings;
use Carp qw(croak);
use IO::Socket::INET;
use POSIX ();
use SMTP;
use Time::HiRes qw(time sleep);
use Tree;

my %running;	# by the process id of the daemon

sub dir { return shift->{dir} }
sub port { return shift->{port} }

sub free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 1, Proto => 'tcp') or croak "no free port: $@";

	return $socket->sockport;
}

# Starts the daemon and waits until it answers.
sub start
{
	my ($self) = @_;

	for my $try (1 .. 3) {
		$self->spawn;
		return $self if $self->answers;
		$self->stop;
		# Somebody else may have taken the port meanwhile.
		$self->configure;
	}
	croak ref($self) . ' does not start: ' .
	    Tree::slurp("$self->{dir}/stderr");
}

sub spawn
{
	my ($self) = @_;

	$self->{pid} = start_process("$self->{dir}/stderr", $self->daemon);
}

# Runs a command until end_process() or our own end; returns its process id.
sub start_process
{
	my ($stderr, @command) = @_;
	my $pid = fork // croak "fork: $!";

	if ($pid == 0) {
		# A group of its own, so that end_process() reaches all of it.
		setpgrp(0, 0);
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>>', $stderr);
		{ exec(@command) };
		POSIX::_exit(127);
	}
	$running{$pid} = 1;
	return $pid;
}

sub answers
{
	my ($self) = @_;

	for (1 .. 200) {
		return 0 if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
		my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		    PeerPort => $self->{port}, Proto => 'tcp', Timeout => 5);
		if ($socket) {
			my $greeting = <$socket> // '';
			print $socket "QUIT\r\n";
			shutdown($socket, 1);
			return 1 if $greeting =~ /^220 /;
		}
		sleep 0.05;
	}
	return 0;
}

sub stop
{
	my ($self) = @_;

	end_process(delete $self->{pid}) if defined $self->{pid};
}

sub end_process
{
	my ($pid, $signal) = @_;
	local ($?, $!);

	return unless delete $running{$pid};
	kill $signal // 'TERM', -$pid;
	for (1 .. 100) {
		return if waitpid($pid, POSIX::WNOHANG()) != 0;
		sleep 0.05;
	}
	kill 'KILL', -$pid;
	waitpid($pid, 0);
}

sub DESTROY { shift->stop }
END { end_process($_) for keys %running }
$SIG{$_} = sub { exit 130 } for qw(HUP INT TERM);

# A client; new SMTP(...) with our port.
sub client
{
	my ($self, %arg) = @_;

	return SMTP->new(port => $self->{port}, %arg);
}

# What a log has gained since the last call of this.
sub news
{
	my ($self, $name) = @_;
	my $text = $self->log($name // 'main');
	my $news = substr($text, $self->{read}{$name // 'main'} // 0);

	$self->{read}{$name // 'main'} = length $text;
	return $news;
}

# As news() of the main log, but waits until it matches: some releases answer
# before they log.
sub logged
{
	my ($self, $pattern) = @_;
	my $end = time + 5;
	my $news = $self->news;

	while ($news !~ $pattern && time < $end) {
		sleep 0.02;
		$news .= $self->news;
	}
	return $news;
}

1;
