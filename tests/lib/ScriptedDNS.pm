# A name server on a port of 127.0.0.1 that does what a test tells it, be it
# wrong, late or nothing at all.
#
#	my $dns = ScriptedDNS->start(sub {
#		my ($name, $type, $query) = @_;
#		return [0.05, ScriptedDNS::reply($query, mx => 'mx.example')];
#	});
#	$dns->port; $dns->asked;
package ScriptedDNS;
use strict;
use warnings;
use Carp qw(croak);
use File::Temp;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use StandInDNS;
use Time::HiRes qw(time);

our @ISA = ('StandInDNS');	# whose DESTROY ends it
our %type = (1 => 'A', 5 => 'CNAME', 15 => 'MX', 28 => 'AAAA');
my %number = reverse %type;
my $response = 0x8000;
our ($aa, $tc, $ra) = (0x0400, 0x0200, 0x0080);

# An answer to a query; flags => bits in place of AA and RA, rcode => N, id => N,
# about => NAME, mx => NAME ('' is a null MX), a => 4 bytes, aaaa => 16 bytes,
# cname => NAME: an answer of that type, if that is what is asked for.
sub reply
{
	my ($query, %arg) = @_;
	my ($id) = unpack('n', $query);
	my ($name, $type) = question($query);
	my $about = StandInDNS::name($arg{about} // $name) .
	    pack('n2', $number{$type} // 0, 1);
	my %data = (A => $arg{a}, AAAA => $arg{aaaa},
	    MX => defined $arg{mx} ? pack('n', 0) . StandInDNS::name($arg{mx}) : undef);
	my $kind = defined $arg{cname} ? 'CNAME' : $type;
	my $data = defined $arg{cname} ? StandInDNS::name($arg{cname}) : $data{$type};
	my $flags = $response | 0x0100 | ($arg{flags} // $aa | $ra) |
	    ($arg{rcode} // 0);

	return pack('n6', $arg{id} // $id, $flags, 1, defined $data ? 1 : 0, 0,
	    0) . $about . (defined $data ? pack('nnnNn', 0xc00c,
	    $number{$kind}, 1, 60, length $data) . $data : '');
}

sub question
{
	my ($query) = @_;
	my $at = 12;
	my @labels;

	while ((my $n = ord substr($query, $at, 1)) > 0) {
		push @labels, substr($query, $at + 1, $n);
		$at += $n + 1;
	}
	my ($kind) = unpack('n', substr($query, $at + 1, 2));
	return (join('.', @labels), $type{$kind} // $kind);
}

# Calls the script for each query; it returns [DELAY, REPLY], as many as are to
# be sent, after so many seconds.
sub serve
{
	my ($socket, $log, $script) = @_;
	my $select = IO::Select->new($socket);
	my @due;	# [when, reply, peer], the first to go first

	for (;;) {
		my $wait = @due ? $due[0][0] - time : 60;

		if ($select->can_read($wait > 0 ? $wait : 0)) {
			my $peer = $socket->recv(my $query, 4096) // next;
			my ($name, $type) = question($query);
			my $now = time;

			syswrite($log, "$name $type\n");
			push @due, map { [$now + $_->[0], $_->[1], $peer] }
			    $script->($name, $type, $query);
			@due = sort { $a->[0] <=> $b->[0] } @due
			    if @due > 1 && $due[-1][0] < $due[-2][0];
		}
		while (@due && $due[0][0] <= time) {
			my (undef, $reply, $peer) = @{shift @due};
			$socket->send($reply, 0, $peer);
		}
	}
}

sub start
{
	my ($class, $script) = @_;
	my $log = File::Temp->new;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => 0, Proto => 'udp') or croak "127.0.0.1: $@";
	my $pid = fork() // croak "fork: $!";

	if ($pid == 0) {
		$SIG{TERM} = 'DEFAULT';
		serve($socket, $log, $script);
		POSIX::_exit(0);
	}
	return bless { pid => $pid, owner => $$, log => $log,
		port => $socket->sockport }, $class;
}

sub port { return $_[0]{port} }

# What it was asked, as "NAME TYPE", in that order.
sub asked
{
	my ($self) = @_;

	open(my $file, '<', $self->{log}->filename) or croak "log: $!";
	chomp(my @lines = <$file>);
	return @lines;
}

1;
