#!/usr/bin/perl
# One exigrey.so in each Exim that is to be had, over SMTP: every function,
# the log, a mistake, -bh and -d, and a database shared with the command.
#
# With EXIGREY_MATRIX (make check-matrix), names of Debian's releases, each of
# them and the Exim with GDBM must be there; without it only those that were
# made before take part.
use strict;
use warnings;
use Digest::SHA;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;
use Tree;

my @suites = split ' ', $ENV{EXIGREY_MATRIX} // 'trixie sid';
my $all = defined $ENV{EXIGREY_MATRIX};
my $module = Tree::build('exigrey.so');
my $command = Tree::build('exigrey');

# { name, path, root, skip } of an Exim in a folder of its own.
sub in_folder
{
	my ($suite) = @_;

	return { name => $suite, skip => 'it lacks the sanitizers' }
	    if defined $ENV{EXIGREY_PRELOAD};
	my $find = Tree::root() . "/tests/exim-chroot $suite" .
	    ($all ? '' : ' have 2>&1');

	chomp(my $said = `$find` // '');
	return { name => $suite, $? == 0 ?
	    (root => $said, path => '/usr/sbin/exim4') :
	    (skip => $said =~ s/^exim-chroot: //r || 'cannot be made') };
}

sub started
{
	my ($place) = @_;
	my $exim = PrivateExim->new(exim => $place->{path},
	    root => $place->{root});
	my @who = ('$sender_address', 600, '', '', '$sender_host_address');
	my %call = (
		(map { $_ => $exim->dlfunc($_, @who) } qw(unseen seen wait)),
		soon => $exim->dlfunc('unseen', $who[0], 0, @who[2 .. 4]),
		seen_soon => $exim->dlfunc('seen', $who[0], 0, @who[2 .. 4]),
		record => $exim->dlfunc('record', '$sender_address'),
		version => $exim->dlfunc('version'),
		nowhere => $exim->dlfunc('unseen', 'k', 600,
		    '/nowhere/grey/seen'),
		mistake => $exim->dlfunc('unseen', 'k', '1dxyz'),
	);
	my $acl = '';

	for my $name (qw(unseen soon nowhere mistake)) {
		$acl .= "defer\n  local_parts = $name\n" .
		    "  message = 450 verb fired\n  condition = $call{$name}\n";
	}
	for my $name (qw(seen seen_soon)) {
		$acl .= "defer\n  local_parts = $name\n" .
		    "  message = 450 verb fired\n  !condition = $call{$name}\n";
	}
	for my $name (qw(wait record version)) {
		$acl .= "defer\n  local_parts = $name\n" .
		    "  message = 450 <$call{$name}>\n";
	}
	return $exim->set_acl(rcpt => "${acl}accept\n")->start;
}

my ($exim, $client);

# The code and text of the answer to a recipient of example.org.
sub rcpt
{
	my ($name, $sender) = @_;

	$client->reset;
	return $client->envelope($sender, "$name\@example.org");
}

sub database { return $exim->spool . '/grey/seen' }

sub answers
{
	my @got = map { rcpt(@$_) } @_;

	s/ Accepted$//, s/ verb fired$// for @got;
	return join ', ', @got;
}

# The columns of the table: a name, and what is done, which returns what came
# and what should.
my @columns = (
	unseen => sub {
		(answers([unseen => 'a@x.example'], [unseen => 'a@x.example'],
		    [soon => 'a@x.example'], [unseen => 'b@x.example']),
		    '450, 450, 250, 250');
	},
	seen => sub {
		(answers([seen => 'c@x.example']), '250');
	},
	record => sub {
		(rcpt(record => 'a@x.example'), qr/^450 <\d{10} \d{10} 1>$/);
	},
	wait => sub {
		(answers([wait => 'a@x.example']), '450 <0>');
	},
	version => sub {
		my ($version) = `$command --version` =~ /(\d\S*)/;

		(rcpt(version => 'a@x.example'), "450 <$version>");
	},
	log => sub {
		my $reply = rcpt(nowhere => 'a@x.example');
		my $want = qr{exigrey: unseen: mail passes: .*/nowhere/grey};

		($reply . $exim->logged($want), qr/^250 Accepted.*$want/s);
	},
	mistake => sub {
		my $reply = rcpt(mistake => 'a@x.example');
		my $want = qr{RCPT <mistake.*exigrey unseen: DELAY: '1dxyz'};

		($reply . $exim->logged($want), qr/^451 .*$want/s);
	},
	stranger => sub {
		# Another host: nothing is whitelisted for that one.
		$client->quit;
		$client = $exim->client(from => '127.0.0.3');
		(answers([unseen => 'd@x.example'], [wait => 'd@x.example'],
		    [seen => 'e@x.example'], [seen_soon => 'e@x.example']),
		    qr/^450, 450 <(?:600|59\d)>, 450, 250$/);
	},
	file => sub {
		my $database = database();
		my $said = `$command -q -d $database allow 127.0.0.4 2>&1`;

		$client->quit;
		$client = $exim->client(from => '127.0.0.4');
		$said .= answers([unseen => 'f@x.example']);
		$said .= ' ' . join ' ', sort map { (split /\t/)[0] }
		    `$command -d $database list --format tab 2>&1`;
		($said, '250 127.0.0.2 127.0.0.3 127.0.0.4 a@x.example ' .
		    'd@x.example e@x.example');
	},
	-bh => sub {
		my $before = Tree::slurp(database());
		my (undef, $out) = $exim->run("EHLO x.example\r\n" .
		    "MAIL FROM:<g\@x.example>\r\n" .
		    "RCPT TO:<unseen\@example.org>\r\nQUIT\r\n", '-bh',
		    '192.0.2.1');

		$out = $out =~ /^450 verb fired/m ? 'greylisted' : $out;
		$out .= ', stored' if Tree::slurp(database()) ne $before;
		($out, 'greylisted');
	},
	-d => sub {
		my (undef, undef, $debug) = $exim->run('', '-d', '-be',
		    $exim->dlfunc('unseen', 'k', 600, '', '', 'host'));

		(join('', grep { /exigrey:/ } split /^/, $debug),
		    qr/^(?:.*\s)?exigrey: unseen .*defer/m);
	},
	panic => sub { ($exim->log('panic'), '') },
);

# What "exim -bV" tells: its version, and the library of its dbm lookups.
sub kind
{
	my (undef, $said) = $exim->run('', '-bV');
	my ($version) = $said =~ /^Exim version (\S+)/m;
	my ($library) = $said =~
	    /^\s*(Berkeley DB|(?:(?:Using|Probably)\s)?(?:\w*db\w*|sqlite\d))/mi;

	$_ //= 'unknown' for $version, $library;
	$library =~ s/^(?:Using|Probably) //;
	return ($version, $library);
}

sub row
{
	my ($place) = @_;
	my @row;

	$exim = started($place);
	@row = ($place->{name}, kind());
	$client = $exim->client(from => '127.0.0.2');
	for (my $i = 0; $i < @columns; $i += 2) {
		my ($name, $code) = @columns[$i, $i + 1];
		my ($got, $want) = eval { $code->() };

		# A connection that was lost: one more for the rest.
		if ($@ ne '') {
			($got, $want) = ($@, 'an answer');
			$client = $exim->client(from => '127.0.0.2');
		}
		my $good = ref $want ? like($got, $want, $name) :
		    is($got, $want, $name);
		push @row, $good ? 'ok' : 'FAILED';
	}
	$client->quit;
	$exim->stop;
	return @row;
}

sub table
{
	my @rows = @_;
	my @width;

	for my $row (@rows) {
		for my $i (0 .. $#$row) {
			my $length = length $row->[$i];

			$width[$i] = $length if $length > ($width[$i] // 0);
		}
	}
	return join '', map {
		my $row = $_;
		join('  ', map { sprintf '%-*s', $width[$_], $row->[$_] }
		    0 .. $#$row) =~ s/ +$//r . "\n";
	} @rows;
}

my $digest = Digest::SHA->new(256)->addfile($module)->hexdigest;
my @titles = @columns[grep { $_ % 2 == 0 } 0 .. $#columns];
my @rows = ['', 'Exim', 'dbm', @titles];
for my $place (PrivateExim::both(), map { in_folder($_) } @suites) {
	subtest $place->{name} => sub {
		if (!defined $place->{path}) {
			my @none = ('', '', map { '-' } @titles);

			push @rows, [$place->{name}, @none];
			plan skip_all => $place->{skip} if !$all;
			fail("there is one: $place->{skip}");
			return done_testing;
		}
		push @rows, [row($place)];
		done_testing;
	};
}
my $table = "One exigrey.so, SHA-256 $digest:\n" . table(@rows);
$all ? diag("\n$table") : note($table);
done_testing;
