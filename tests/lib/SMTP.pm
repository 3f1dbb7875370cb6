# An SMTP client that talks to 127.0.0.1, from any address of 127.0.0.0/8.
package SMTP;
use strict;
use warnings;
use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

# new(port => N, from => '127.0.0.1', helo => NAME, timeout => SECONDS);
# with helo => undef nothing is sent yet; with proxy => ADDRESS it claims to
# speak for that client.
sub new
{
	my ($class, %arg) = @_;
	my $self = bless { timeout => 20, from => '127.0.0.1',
		helo => 'client.example', buffer => '', %arg }, $class;

	croak "not a loopback address: $self->{from}"
	    unless $self->{from} =~ /^127(\.\d+){3}$/;
	$self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $self->{port}, LocalAddr => $self->{from},
	    Proto => 'tcp', Timeout => $self->{timeout})
	    or croak "cannot connect to port $self->{port}: $@";
	# As a proxy (PROXY protocol, version 1) tells of its client.
	$self->{socket}->syswrite("PROXY TCP4 $self->{proxy} 127.0.0.1 " .
	    "$self->{port} 25\r\n") if defined $self->{proxy};
	$self->{banner} = $self->reply;
	$self->command("EHLO $self->{helo}") if defined $self->{helo};
	return $self;
}

sub line
{
	my ($self) = @_;
	my $end = time + $self->{timeout};
	my $select = IO::Select->new($self->{socket});

	while (index($self->{buffer}, "\n") < 0) {
		my $left = $end - time;
		croak 'no answer in time' if $left <= 0;
		next unless $select->can_read($left);
		sysread($self->{socket}, $self->{buffer}, 4096,
		    length $self->{buffer}) or croak 'connection closed';
	}
	$self->{buffer} =~ s/^(.*?)\r?\n//;
	return $1;
}

# A whole reply, its lines joined: "450 4.7.1 later".
sub reply
{
	my ($self) = @_;
	my ($code, @text);

	for (;;) {
		my $line = $self->line;
		$line =~ /^(\d{3})([ -]?)(.*)$/ or croak "no reply: $line";
		$code = $1;
		push @text, $3;
		return join(' ', $code, @text) if $2 ne '-';
	}
}

sub command
{
	my ($self, $command) = @_;
	local $SIG{PIPE} = 'IGNORE';

	syswrite($self->{socket}, "$command\r\n");
	return $self->reply;
}

# Sends MAIL and RCPTs; returns the reply to the last one.
sub envelope
{
	my ($self, $sender, @recipients) = @_;
	my $reply = $self->command("MAIL FROM:<$sender>");

	for my $recipient (@recipients) {
		last if $reply !~ /^2/;
		$reply = $self->command("RCPT TO:<$recipient>");
	}
	return $reply;
}

# Sends a message's text; returns the reply after its end.
sub data
{
	my ($self, $text) = @_;
	my $reply = $self->command('DATA');

	return $reply if $reply !~ /^3/;
	return $self->command(($text // "Subject: test\r\n\r\ntest") . "\r\n.");
}

sub reset { return shift->command('RSET') }

# Closes its half first: Exim else withholds its answer for 200 ms.
sub quit
{
	my ($self) = @_;
	local $SIG{PIPE} = 'IGNORE';

	syswrite($self->{socket}, "QUIT\r\n");
	shutdown($self->{socket}, 1);
	my $reply = $self->reply;
	close($self->{socket});
	return $reply;
}

1;
