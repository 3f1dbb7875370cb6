# Breaks a GDBM file: the places are those of GDBM 1.23 on a machine with
# little-endian 64 bit offsets, gdbmdefs.h.
#
#	my $d = Damage->new($path);
#	$d->put32($d->{bucket}, 7);	# of the first bucket
package Damage;
use strict;
use warnings;

use constant {
	BLOCK_SIZE => 4, DIRECTORY => 8, NEXT_BLOCK => 32,
	BUCKET_BITS => 104, BUCKET_COUNT => 108, SPACE_COUNT => 0,
	FIRST_SPACE => 8, ELEMENTS => 112, ELEMENT_SIZE => 24,
	ELEMENT_AT => 8, ELEMENT_KEY => 16
};

sub new
{
	my ($class, $path) = @_;
	my $self = bless { size => -s $path }, $class;

	open($self->{file}, '+<:raw', $path) or die "$path: $!";
	$self->{directory_at} = $self->get64(DIRECTORY);
	$self->{entries} = $self->get32(16) / 8;
	$self->{buckets} = [map { $self->get64($self->{directory_at} + 8 * $_) }
	    0 .. $self->{entries} - 1];
	$self->{bucket} = $self->{buckets}[0];
	# Two places of the first bucket that are in use.
	my @full = grep { $self->get32($_) != -1 } map { $self->{bucket} +
	    ELEMENTS + ELEMENT_SIZE * $_ } 0 .. $self->get32(28) - 1;
	@$self{qw(element other)} = @full;
	return $self;
}

sub get
{
	my ($self, $at, $size) = @_;

	sysseek($self->{file}, $at, 0) or die "seek: $!";
	(sysread($self->{file}, my $bytes, $size) // 0) == $size or
	    die "read at $at: $!";
	return $bytes;
}

sub put
{
	my ($self, $at, $bytes) = @_;

	sysseek($self->{file}, $at, 0) or die "seek: $!";
	syswrite($self->{file}, $bytes) == length $bytes or die "write: $!";
}

sub get32 { return unpack('l<', $_[0]->get($_[1], 4)) }
sub get64 { return unpack('q<', $_[0]->get($_[1], 8)) }
sub put32 { $_[0]->put($_[1], pack('l<', $_[2])) }
sub put64 { $_[0]->put($_[1], pack('q<', $_[2])) }

1;
