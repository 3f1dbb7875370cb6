#!/usr/bin/perl
# The database of the Perl module Exim::Grey is used where it lies: same file,
# same keys, same answers; and both may run on it at once, as they do while one
# server after the other is changed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;
use Tree;

BEGIN {
	eval { require PerlGrey; 1 } or
	    plan skip_all => 'no DB_File::Lock (libdb-file-lock-perl)';
}
plan skip_all => 'built without Berkeley DB'
    if !-e Tree::build('tests/bdb.t');

my $exim = PrivateExim->new;
my $grey = $exim->own_directory($exim->spool . '/grey', 0750);
my $file = "$grey/seen";
my @ids = $exim->ids;

# As Exim's user, whose files these are.
sub as_exim
{
	my ($code) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		if ($> == 0) {
			$) = "$ids[1] $ids[1]";
			POSIX::setgid($ids[1]);
			POSIX::setuid($ids[0]);
		}
		umask 027;
		eval { $code->(); 1 } or do { warn $@; POSIX::_exit(1) };
		POSIX::_exit(0);
	}
	return $pid;
}

sub wait_for
{
	my $failed = 0;

	for my $pid (@_) {
		waitpid($pid, 0);
		$failed++ if $? != 0;
	}
	return $failed;
}

sub perl_does
{
	my (@calls) = @_;

	is(wait_for(as_exim(sub { PerlGrey::unseen($file, @$_) for @calls })),
	    0, 'Perl writes');
}

sub ours { return $exim->expand($exim->dlfunc('unseen', @_)) }

sub records
{
	my $command = Command->new(db => $file);
	my $r = $command->run('list', '--format', 'json');

	is($r->{status}, 0, 'exigrey lists it') or diag $r->{err};
	return { map { $_->{item} => $_ } Command->json($r->{out}) };
}

# As Perl left it.
perl_does(['<a@example.com>:<b@example.org>', 0, '192.0.2.1'],
    ['<a@example.com>:<b@example.org>', 0, '192.0.2.1'],
    ['<new@example.com>:<b@example.org>', 600], ['', 600]);
my $before = Tree::slurp($file);
my @stat = (stat $file)[1, 2, 4, 5];
is(ours('<x@example.com>:<y@example.org>/192.0.2.1'), 'no',
    'a host that Perl has whitelisted is known');
is(ours('<new@example.com>:<b@example.org>/192.0.2.7'), 'yes',
    'an item that waits goes on to wait');
is(ours('<new@example.com>:<b@example.org>/192.0.2.7', 0), 'no',
    'and passes after the delay');
is(ours('<stranger@example.com>:<b@example.org>'), 'yes', 'a stranger');
is(ours('/', 0), 'yes', 'an odd key is one');
is(substr(Tree::slurp($file), 0, 28), substr($before, 0, 28),
    'the file is of the same kind');
is("@{[(stat $file)[1, 2, 4, 5]]}", "@stat", 'and the same file');
my $records = records();
is($records->{'192.0.2.1'}{count}, 2, 'the count goes on');
is(join(' ', @{$records->{'192.0.2.1'}{flags}}), 'auto', 'with its flag');
is($records->{'192.0.2.7'}{count}, 1, 'a host that we whitelist');

# And Perl goes on with what we wrote: padded values and all.
my $answers = File::Temp->new;
is(wait_for(as_exim(sub {
	print {$answers} join ' ',
	    PerlGrey::unseen($file, 'other', 600, '192.0.2.7'),
	    PerlGrey::unseen($file, '<stranger@example.com>:<b@example.org>',
	        600),
	    PerlGrey::unseen($file, '<stranger@example.com>:<b@example.org>',
	        0);
	$answers->flush;
})), 0, 'Perl reads ours');
is(Tree::slurp($answers->filename), 'no yes no', 'and answers the same');
is(records()->{'192.0.2.7'}{count}, 2, 'it counts on');

# Both at once, over SMTP and from Perl: new records, so that pages split
# under either, and one record that all count.
# (Fewer where the sanitizers make each of them slow.)
my ($perls, $calls, $clients, $mails) =
    $ENV{EXIGREY_PRELOAD} ? (3, 20, 3, 10) : (3, 150, 3, 60);
my $unseen = $exim->dlfunc('unseen', '$sender_address', '0', '', '',
    'everybody');
$exim->set_acl(rcpt => <<"END");
defer
  condition = $unseen
accept
END
perl_does(['first', 0, 'everybody'], ['first', 0, 'everybody']);
is(records()->{everybody}{count}, 1, 'one pass before');
$exim->start;
my @pids;
for my $p (1 .. $perls) {
	push @pids, as_exim(sub {
		for my $i (1 .. $calls) {
			PerlGrey::unseen($file, "perl $p $i" . 'x' x 40, 600);
			PerlGrey::unseen($file, 'x', 0, 'everybody') eq 'no' or
			    die 'everybody is not known';
		}
	});
}
for my $c (1 .. $clients) {
	push @pids, as_exim(sub {
		my $client = $exim->client;
		for my $i (1 .. $mails) {
			my $reply = $client->envelope("$c-$i\@example.com",
			    'b@example.org');
			die $reply if $reply !~ /^250/;
			$client->reset;
		}
		$client->quit;
	});
	# Exim is setuid: for its own user nothing is preloaded into it.
	push @pids, $ENV{EXIGREY_PRELOAD} ? () : as_exim(sub {
		my $expressions = join '', map { $exim->dlfunc('unseen',
		    "so $c $_" . 'x' x 40) . "\n" } 1 .. $calls;
		my ($status, $out) = $exim->run($expressions, '-be');
		my $yes = () = $out =~ /^> yes$/mg;
		die $out if $yes != $calls;
	});
}
is(wait_for(@pids), 0, 'all get their answers');
$records = records();
is($records->{everybody}{count}, 1 + $perls * $calls + $clients * $mails,
    'no count is lost');
is(scalar(grep { /^perl \d/ } keys %$records), $perls * $calls,
    'no record of Perl');
is(scalar(grep { /^so \d/ } keys %$records),
    $ENV{EXIGREY_PRELOAD} ? 0 : $clients * $calls, 'nor of ours');
my $check = Command->new(db => $file)->run('check');
is($check->{status}, 0, 'and the file is sound, its number of records too')
    or diag $check->{out}, $check->{err};
unlike($exim->log('main'), qr/exigrey|unseen:/, 'nothing to complain of');
diag sprintf('%d calls by Perl, %d by exigrey.so, at once',
    2 * $perls * $calls, $clients * ($mails + $calls)) if $ENV{VERBOSE};

# Perl run by root leaves a lock that Exim's user cannot open: mail passes, and
# the log says why.
SKIP: {
	skip 'not root', 3 if $> != 0;
	unlink("$file.lock") or die;
	PerlGrey::unseen($file, 'by root', 600);
	my ($status, $out) = $exim->run($exim->dlfunc('unseen', 'stranger 2') .
	    "\n", '-be');
	is((stat "$file.lock")[4], 0, 'root has the lock');
	like($exim->client->envelope('r@example.com', 'b@example.org'),
	    qr/^250/, 'mail passes');
	like($exim->logged(qr/seen\.lock/), qr/cannot open 'seen\.lock'/,
	    'the log says why');
}
done_testing;
