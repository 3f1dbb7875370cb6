#!/usr/bin/perl
# exigrey courier under a real Courier over SMTP, started by courierfilter.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateCourier;
use Test::More;
use Time::HiRes qw(sleep time);
use Tree;

my ($home, $why) = PrivateCourier::find();
plan skip_all => $why if !defined $home;

my $delay = 2;
my $later = qr/^451 4\.7\.1 Greylisted, please try again later$/;
my $config = "delay = ${delay}s\nautowhitelist = 0\n";
my $courier = PrivateCourier->new(home => $home, filter => <<'END');
#!/bin/sh
exec /usr/sbin/exigrey courier -v 2>> /tmp/log
END
my $root = $courier->{root};

sub configure { $courier->write('/etc/exigrey.conf', join '', $config, @_) }
sub said { return Tree::slurp("$root/tmp/log") }

# What Courier says to a message.
sub mail
{
	my ($from, $sender, @recipients) = @_;
	my $client = $courier->client(from => $from);
	my $reply = $client->envelope($sender, @recipients);

	$reply = $client->data if $reply =~ /^2/;
	$client->quit;
	return $reply;
}

# The process of the filter.
sub filter
{
	my %processes = $courier->processes;

	return grep { $processes{$_} =~ m(^/usr/sbin/exigrey courier) }
	    keys %processes;
}

configure();
my $start = time;
$courier->start_filters;
cmp_ok(time - $start, '<', 10, 'courierfilter starts at once');
ok(-S "$root/var/lib/courier/allfilters/exigrey", 'the socket is there then');
is(scalar(my ($first) = filter()), 1, 'one process');
is((stat "/proc/$first")[4], scalar(getpwnam('news')), "of Courier's user");
ok(!-e "/proc/$first/fd/3" ||
    readlink("/proc/$first/fd/3") !~ /^pipe/, 'descriptor 3 is closed');
$courier->start;

my @mail = ('127.0.0.2', 'Alice@example.com', 'bob@example.org');
like(mail(@mail), $later, 'put off at first');
like(mail(@mail), $later, 'put off when too early');
like(mail('127.0.0.2', '', 'bob@example.org'), qr/^250 /, 'null sender');
like(said(), qr/^exigrey: \[::ffff:127\.0\.0\.2\] <Alice\@example\.com> to <bob\@example\.org>: early [12]$/m,
    '-v tells each decision');
sleep($delay + 0.1);
like(mail('127.0.0.9', @mail[1, 2]), qr/^250 /, 'accepted after the delay');
like(mail(@mail, 'new@example.org'), $later,
    'two recipients, of which one is new');
like(mail(@mail), qr/^250 /, 'the other one is still accepted');
sleep($delay + 0.1);
like(mail(@mail, 'new@example.org'), qr/^250 /, 'both after the delay');

# More recipients than a control file of Courier's is made to hold.
$courier->write('/etc/courier/batchsize', "10\n");
my @many = map { "r$_\@example.org" } 1 .. 25;
like(mail('127.0.0.2', 'many@example.com', @many), $later,
    'several control files: put off');
sleep($delay + 0.1);
like(mail('127.0.0.2', 'many@example.com', @many), qr/^250 /,
    'and accepted after the delay');
my $list = `chroot $root /usr/sbin/exigrey -d /var/lib/exigrey/greylist list`;
is(scalar(grep { /many/ } split /\n/, $list), 25, 'each recipient has a record');

# A mistake in the file, and a database that cannot be used.
$courier->write('/etc/exigrey.conf', "dealy = 1m\n");
like(mail('127.0.3.1', 'n@example.com', 'bob@example.org'), qr/^250 /,
    'a mistake in the file: mail passes');
like(said(), qr/^exigrey: mail passes: \/etc\/exigrey\.conf:1: unknown/m,
    'and the log says so');
$courier->write('/etc/exigrey.conf', "db = /none/x\non_failure = defer\n");
like(mail('127.0.3.1', 'n@example.com', 'bob@example.org'), qr/^451 4\.3\.0 /,
    'no database: as on_failure says');
configure("[courier]\nmessage = 4.7.1 Come back in %t\n");
like(mail('127.0.3.1', 'n@example.com', 'bob@example.org'),
    qr/^451 4\.7\.1 Come back in 00:00:02$/, 'the message may name the time');
configure();

# Killed, and started again.
kill 'KILL', $first;
Command::wait_until(sub { !filter() });
like(mail(@mail), qr/^432 /, 'killed: Courier puts all mail off');
$courier->stop_filters;
$courier->start_filters;
like(mail(@mail), qr/^250 /, 'started again: known mail is accepted');
like(mail('127.0.2.2', @mail[1, 2]), $later, 'and new mail put off');

# Switched off and on while courierfilter runs, as filterctl does it.
my $active = "$root/etc/courier/filters/active/exigrey";
rename($active, "$root/tmp/exigrey") or die "rename: $!";
$courier->restart_filters;
ok(Command::wait_until(sub { !-e "$root/var/lib/courier/allfilters/exigrey" }),
    'switched off: no socket');
is(scalar(filter()), 0, 'and no process');
like(mail('127.0.2.2', @mail[1, 2], 'off@example.org'), qr/^250 /,
    'mail passes unasked');
rename("$root/tmp/exigrey", $active) or die "rename: $!";
$courier->restart_filters;
ok(Command::wait_until(sub { -S "$root/var/lib/courier/allfilters/exigrey" }),
    'switched on again');
like(mail('127.0.2.2', @mail[1, 2], 'off@example.org'), $later,
    'new mail is put off');

# By courierfilter it is stopped, too.
$courier->stop_filters;
is(scalar(filter()), 0, 'courierfilter stop: it has ended');
like(mail(@mail), qr/^432 /, 'Courier puts all mail off meanwhile');

# Who may relay, and mail of this machine, should that be filtered.
$courier->stop;
$courier->write('/etc/courier/enablefiltering', "esmtp local\n");
$courier->start_filters;
system("printf 'Subject: x\n\nx\n' | chroot $root /usr/sbin/sendmail " .
    '-f local@example.org bob@example.org');
is($?, 0, 'mail of this machine is accepted');
like(said(), qr/<local\@example\.org> to <bob\@example\.org>: local$/m,
    'by the filter');
$courier->{env} = ['RELAYCLIENT='];
$courier->start;
like(mail('127.0.0.3', 'relay@example.org', 'x@elsewhere.example'), qr/^250 /,
    'who may relay waits for nothing');
like(said(), qr/<relay\@example\.org> to <x\@elsewhere\.example>: local$/m,
    'nor leaves a record');
$courier->stop;
is_deeply({ $courier->processes }, {}, 'all processes end')
    or diag explain { $courier->processes };

done_testing;
