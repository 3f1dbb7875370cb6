#!/usr/bin/perl
# Berkeley DB is loaded by whom it concerns only, and may be left out.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use Test::More;
use Tree;

my $command = Command->new;
my $directory = $command->directory;

sub loads
{
	my ($db, @arguments) = @_;
	my $r = $command->program({ env => { LD_DEBUG => 'files' } },
	    Tree::build('exigrey'), '-d', $db, @arguments);

	return ($r->{status}, $r->{err} =~ /libdb-5/ ? 1 : 0);
}

is(join(' ', loads("gdbm:$directory/g", 'allow', 'x')), '0 0',
    'a GDBM database does not load it');
is(join(' ', loads("$directory/g", 'list')), '0 0', 'nor does a look');
SKIP: {
	skip 'built without Berkeley DB', 1 if !-e Tree::build('tests/bdb.t');
	is(join(' ', loads("bdb:$directory/b", 'allow', 'x')), '0 1',
	    'a Berkeley DB one does');
}

# The same command with that driver left out.
my $root = Tree::root();
my $flags = Tree::slurp(Tree::build('flags'));
chomp $flags;
my @driver = map { m(([^/]+)\.c$) }
    glob("'$root'/shared/{greydb_bdb,bdb_*}.c");
my $names = join '|', @driver;
my @objects = grep { !m(/(?:$names)\.o$) }
    glob(Tree::build('objects/{shared,exigrey}/*.o'));
my $libraries = `pkg-config --libs libbsd-overlay libpcre2-8 libcares`;
chomp $libraries;
my $said = `cd '$root' && for name in @driver; do \\
    $flags -DWITHOUT_BERKELEY_DB -MF /dev/null \\
    -c -o '$directory/'\$name.o shared/\$name.c || exit; done 2>&1 && \\
    $flags -pie -o '$directory/exigrey' '$directory/'*.o @objects -lgdbm \\
    $libraries 2>&1`;
is($?, 0, 'it builds without') or diag $said;
sub without { return $command->program({}, "$directory/exigrey", @_) }
is(without('-d', "$directory/g", 'show', 'x')->{status}, 0, 'GDBM works');
my $r = without('-d', "bdb:$directory/new", 'allow', 'x');
is($r->{status}, 2, 'Berkeley DB does not');
like($r->{err}, qr/built without Berkeley DB \(libdb5\.3-dev\)/, 'it says so');
ok(!-e "$directory/new", 'no file is made');
my $bytes = pack('x12LLLCC', 0x061561, 9, 4096, 0, 8) . "\0" x 8000;
Command::spew("$directory/b", $bytes);
$r = without('-d', "$directory/b", 'list');
like($r->{err}, qr/built without Berkeley DB/, 'one that is there');
is(Tree::slurp("$directory/b"), $bytes, 'is left alone');
done_testing;
