# A name server for a test, on an address of 127.0.0.0/8, and an Exim that asks
# it: in a mount namespace of its own, with an /etc/resolv.conf of its own.
#
#	my $why = StandInDNS::cannot();
#	my $dns = StandInDNS->start('x.example/TXT' => 'v=spf1 -all');
#	PrivateExim->new(...)->{before} = [$dns->wrap];
package StandInDNS;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp;
use IO::Socket::INET;
use POSIX ();

my $address = '127.53.53.53';
my %type = (1 => 'A', 12 => 'PTR', 16 => 'TXT');

# Why there can be none, or ''.
sub cannot
{
	return 'only root has mount namespaces' if $> != 0;
	return 'unshare(1) does not work here'
	    if system('unshare -m true 2>/dev/null') != 0;
	my $socket = IO::Socket::INET->new(LocalAddr => $address,
	    LocalPort => 53, Proto => 'udp');
	return $socket ? '' : "$address:53: $@";
}

sub name
{
	return join('', map { chr(length) . $_ } split /\./, $_[0]) . "\0";
}

sub data_of
{
	my ($type, $value) = @_;

	return $type eq 'A' ? pack('C4', split /\./, $value) :
	    $type eq 'PTR' ? name($value) : chr(length $value) . $value;
}

# The answer to a query of one question: what the table has, or NXDOMAIN.
sub answer
{
	my ($table, $query) = @_;
	my $at = 12;
	my @labels;

	while ((my $n = ord substr($query, $at, 1)) > 0) {
		push @labels, substr($query, $at + 1, $n);
		$at += $n + 1;
	}
	my $question = substr($query, 12, $at + 5 - 12);
	my ($kind) = unpack('n', substr($query, $at + 1, 2));
	my $name = lc join '.', @labels;
	my $type = $type{$kind} // '';
	my $value = $table->{"$name/$type"};
	my $known = defined $value || grep { m(^\Q$name\E/) } keys %$table;
	my $header = substr($query, 0, 2) . pack('n5', 0x8580 |
	    ($known ? 0 : 3), 1, defined $value ? 1 : 0, 0, 0);

	return $header . $question if !defined $value;
	my $data = data_of($type, $value);
	return $header . $question . pack('nnnNn', 0xc00c, $kind, 1, 60,
	    length $data) . $data;
}

sub start
{
	my ($class, %table) = @_;
	my $file = File::Temp->new(DIR => '/tmp');
	my $socket = IO::Socket::INET->new(LocalAddr => $address,
	    LocalPort => 53, Proto => 'udp') or croak "$address:53: $@";
	my $pid = fork() // croak "fork: $!";

	if ($pid == 0) {
		$SIG{TERM} = 'DEFAULT';
		while (defined(my $peer = $socket->recv(my $query, 4096))) {
			$socket->send(answer(\%table, $query), 0, $peer);
		}
		POSIX::_exit(0);
	}
	print $file "nameserver $address\n";
	close($file);
	chmod 0644, $file->filename;	# Exim reads it as its user
	return bless { pid => $pid, owner => $$, file => $file }, $class;
}

# What stands before a command that is to ask this server.
sub wrap
{
	my ($self) = @_;

	return ('unshare', '-m', '--propagation', 'private', 'sh', '-c',
	    'mount --bind "$0" /etc/resolv.conf && exec "$@"',
	    $self->{file}->filename);
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	return if $$ != $self->{owner};
	kill 'TERM', $self->{pid};
	waitpid($self->{pid}, 0);
}

1;
