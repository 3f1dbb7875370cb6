# What the Perl module Exim::Grey does to its database, for tests of living
# with it: a hash of Berkeley DB, locked by DB_File::Lock, keys and values with
# a NUL at their end.  It knows neither markers nor lifetimes, and keeps only
# the first flag.
package PerlGrey;
use strict;
use warnings;
use DB_File::Lock;

# unseen(FILE, ITEM, DELAY, SUFFIX): "yes" or "no".
sub unseen
{
	my ($file, $item, $delay, $suffix) = @_;
	my $now = time;
	my %db;

	tie(%db, 'DB_File::Lock', [$file], 'write') or die "$file: $!";
	my $answer = answer(\%db, $item, $delay, $suffix, $now);
	untie %db;
	return $answer;
}

sub answer
{
	my ($db, $item, $delay, $suffix, $now) = @_;

	if (defined $suffix && defined $db->{"$suffix\0"}) {
		my ($created, undef, $count, $flag) =
		    split /[ \0]/, $db->{"$suffix\0"};

		$count++;
		$db->{"$suffix\0"} = join(' ', $created, $now, $count,
		    defined $flag && $flag ne '' ? $flag : ()) . "\0";
		return 'no';
	}
	if (!defined $db->{"$item\0"}) {
		$db->{"$item\0"} = "$now $now 0\0";
		return 'yes';
	}
	my ($created, undef, $count) = split /[ \0]/, $db->{"$item\0"};
	return 'yes' if $now - $created < $delay;
	$count++;
	$db->{"$item\0"} = "$created $now $count\0";
	$db->{"$suffix\0"} = "$now $now 1 auto\0" if defined $suffix;
	return 'no';
}

# All keys and values.
sub content
{
	my ($file) = @_;
	my %db;

	tie(%db, 'DB_File::Lock', [$file], 'write') or die "$file: $!";
	my %copy = %db;
	untie %db;
	return \%copy;
}

1;
