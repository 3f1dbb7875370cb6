#!/usr/bin/perl
# exigrey greylist, why and config; purge with the lifetimes of exigrey.conf.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my $conf = $c->directory . '/exigrey.conf';
my $db = $c->directory . '/db/policy';
my @config = ('--config', $conf);
my @mail = ('192.0.2.7', 'a@example.com', 'bob@example.org');

sub configure { Command::spew($conf, join '', map { "$_\n" } @_) }
sub run { return $c->run({ no_db => 1 }, @_) }

sub out
{
	my $r = run(@_);

	return $r->{err} eq '' ? $r->{out} =~ s/\n\z//r : $r->{err};
}

# The items of a list in format tab.
sub items { return join ' ', sort { $a cmp $b } $_[0] =~ /^(\S+)/mg }

# A file that --config names must be there; without it there is none.
my $r = run(@config, 'config');
is($r->{status}, 2, 'no such file: status');
is($r->{err}, "exigrey: cannot open '$conf': no such file\n",
    'no such file: said');
SKIP: {
	skip 'this machine has an /etc/exigrey.conf', 3
	    if -e '/etc/exigrey.conf';
	$r = run('config');
	is($r->{status}, 0, 'no file: status');
	like($r->{out}, qr{^; /etc/exigrey\.conf does not exist: these are}m,
	    'no file: said');
	is_deeply([$r->{out} =~ /^(\w+ = .*?) ; default$/mg], ['delay = 5m',
	    'ipv4_prefix = 24', 'ipv6_prefix = 64', 'key = triplet',
	    'fold_sender = yes', 'lower_case = yes', 'null_sender = pass',
	    'autowhitelist = 5', 'observe = no', 'db = greylist',
	    'directory = ', 'grey = 1d', 'passed = 36d', 'timeout = 5s',
	    'max_records = 0', 'on_failure = pass', 'sync = no', 'clients = ',
	    'senders = ', 'recipients = ', 'keys = ',
	    'message = 4.2.0 Greylisted, please try again later',
	    'header = no',
	    'message = 4.7.1 Greylisted, please try again later',
	    'expire = 1d', 'suspect_tuples = 5',
	    'max_domains = 3', 'max_senders_ratio = 0.75',
	    'trap_recipients = ', 'checker = ', 'checker_timeout = 10s',
	    'checker_processes = 5', 'dns_sockets = 50', 'dns_timeout = 5s',
	    'dns_servers = '],
	    'no file: the defaults');
}

configure('[greylist]', 'delay = 1h30m', "db = $db", 'grey = 3h',
    'passed = 10d');
$r = run(@config, 'config');
is($r->{status}, 0, 'config: status');
like($r->{out}, qr/^delay = 1h30m ; \Q$conf\E:2$/m, 'config: from the file');
like($r->{out}, qr/^key = triplet ; default$/m, 'config: a default');
like($r->{out}, qr/^; the database is \Q$db\E$/m, 'config: the database');
is(out(@config, qw(config --check)), "$conf: no mistakes", '--check');
my $printed = $c->directory . '/printed.conf';
Command::spew($printed, $r->{out} =~ s/^\w+ =  ; default\n//gmr);
is(out('--config', $printed, qw(config --check)), "$printed: no mistakes",
    'what is printed is a configuration file');

# The decision, in the database of the file.
is(out(@config, 'why', @mail), 'new', 'why: new');
is(out(@config, 'greylist', @mail), 'yes', 'greylist: new');
like(out(@config, 'why', @mail), qr/^early 5(?:400|39\d)$/, 'why: early');
is(out(@config, 'greylist', @mail, '--options', 'delay=0'), 'no',
    '--options override the file');
is(out(@config, 'why', @mail, '--options', 'delay=0'), 'passed 1',
    'why: passed');
is(out(@config, 'greylist', '192.0.2.7', '', $mail[2]), 'no', 'null sender');
is(out(@config, '-d', $c->db, 'why', @mail), 'new', '-d: another database');
like(run(@config, 'greylist', @mail, '--options', 'observe=yes db=x',
    '--options', 'observe=yes key=client')->{err},
    qr/^exigrey: observe: would defer: new$/m, 'observe is said');
is(out(@config, '-d', $db, '-q', 'allow', '192.0.2.0%2F24'), '',
    'a network is allowed');
is(out(@config, 'why', '192.0.2.9', 'x@example.com', $mail[2]), 'keep',
    'why: keep');
for my $case ([[qw(greylist a)], qr/'greylist' needs 3 arguments.*CLIENT/s],
    [['greylist', 'a', @mail[1, 2]], qr/CLIENT 'a' is no IP address/],
    [['why', @mail, '--options', 'x=1'], qr/OPTIONS: unknown setting 'x'/],
    [['why', @mail, '--options', 'delay=3h'], qr/delay .* is not below grey/]) {
	my ($arguments, $want) = @$case;
	my $r = run(@config, @$arguments);

	is($r->{status}, 2, "@$arguments: status");
	like($r->{err}, $want, "@$arguments: said");
}

# purge, list and others take the lifetimes of that database from the file.
my $p = Command->new;
$p->{db} = $db;
$p->fill('a/b/c' => [3 * 3600, 3 * 3600, 0], 'd/e/f' => [10700, 10700, 0],
    'g/h/i' => [10 * 86400, 10 * 86400, 1],
    'j/k/l' => [10 * 86400, 10 * 86400 - 100, 1]);
like(out(@config, qw(-d policy list --state expired --format tab)),
    qr{^exigrey: no database '[^']*policy'}, 'another name: no part in it');
is(items(out(@config, '-d', $db, qw(list --state expired --format tab))),
    'a/b/c g/h/i', 'list: expired by the file');
is(out('-d', $db, qw(list --state expired --format tab)), '',
    'without the file: by the defaults');
like(out(@config, '-d', $db, qw(purge --grey 4h)), qr/^deleted 1 of 4/,
    'purge: options override the file');
like(out(@config, '-d', $db, 'purge'), qr/^deleted 1 of 3/,
    'purge: by the file');
is(out(@config, '-d', $c->db, 'purge'), "exigrey: no database '" . $c->db .
    "' yet: Exim makes it at the first check\n", 'purge of another');

# By the name that the file gives it.
configure("directory = " . $c->directory . '/db', 'db = policy');
is(items(out(@config, qw(-d policy list --format tab))), 'd/e/f j/k/l', '-d NAME of the file');

# Mistakes: all of them are told, and no database is touched.
configure('delay = x', 'nonsense', "db = $db");
$r = run(@config, 'config', '--check');
is($r->{status}, 2, 'mistakes: status');
is($r->{err}, "exigrey: $conf:1: delay: 'x' is no duration: write seconds, " .
    "or numbers with w, d, h, m, s, as in 1h30m\n" .
    "exigrey: $conf:2: this is neither [section], name = value nor a " .
    "comment\n", 'mistakes: each with its line');
for my $command (['config'], ['purge'], ['-d', $db, 'purge'],
    ['greylist', @mail], ['why', @mail]) {
	my $r = run(@config, @$command);

	is($r->{status}, 2, "mistakes: @$command: status");
	like($r->{err}, qr/^exigrey: \Q$conf\E:1: /, "mistakes: @$command");
	is($r->{out}, '', "mistakes: @$command: nothing else");
}

# Whitelists.
my $lists = $c->directory;
configure("db = $db", '[whitelist]', map { "$_ = $lists/$_" }
    qw(clients senders recipients keys));
Command::spew("$lists/clients", "# ours\n192.0.2.0/24\nmail.example.com\n");
Command::spew("$lists/senders", "friend.example\n/^news\\d+\\@/\n");
Command::spew("$lists/recipients", "postmaster@\n");
Command::spew("$lists/keys", "^198\\.51\\.100\\.1/.*/x\@example\\.org\$\n");
for my $case (
    [['192.0.2.200', @mail[1, 2]], 'client 2',
	"client: $lists/clients:2: 192.0.2.0/24"],
    [['9.9.9.9', @mail[1, 2], '--name', 'a.MAIL.example.com'], 'client 3',
	"client: $lists/clients:3: mail.example.com"],
    [['9.9.9.9', 'a@b.Friend.example', $mail[2]], 'sender 1',
	"sender: $lists/senders:1: friend.example"],
    [['9.9.9.9', 'news7@a.example', $mail[2]], 'sender 2',
	"sender: $lists/senders:2: /^news\\d+\\@/"],
    [['9.9.9.9', $mail[1], 'postmaster@example.org'], 'recipient 1',
	"recipient: $lists/recipients:1: postmaster@"],
    [['198.51.100.1', $mail[1], 'x@example.org'], 'key 1',
	"key: $lists/keys:1: ^198\\.51\\.100\\.1/.*/x\@example\\.org\$"]) {
	my ($who, $why, $test) = @$case;

	is(out(@config, 'why', @$who), "whitelisted $why", "$why: why");
	is(out(@config, 'greylist', @$who), 'no', "$why: greylist");
	is(out(@config, qw(whitelist test), @$who), $test, "$why: test");
}
$r = run(@config, qw(whitelist test 9.9.9.9), @mail[1, 2]);
is("$r->{status} $r->{err}", "1 exigrey: no whitelist has it\n",
    'no whitelist');
is(out(@config, 'why', '9.9.9.9', $mail[1],
    'postmaster@example.org,other@example.org'), 'new',
    'one recipient of two is whitelisted: the other waits');
is($c->run({ no_db => 1 }, @config, qw(whitelist tets a b c))->{status}, 2,
    'whitelist tets');
Command::spew("$lists/clients", "192.0.2.0/33\n(\n");
Command::spew("$lists/keys", "(\n");
$r = run(@config, qw(config --check));
is($r->{err}, "exigrey: $lists/clients:1: '192.0.2.0/33' is no address, " .
    "network or name\nexigrey: $lists/clients:2: '(' is no name or address; " .
    "an expression stands between two /\nexigrey: $lists/keys:1: byte 2: " .
    "missing closing parenthesis\n", 'mistakes in whitelists');
is(run(@config, 'why', @mail)->{status}, 2, 'which are an error of why');
unlink("$lists/clients", "$lists/keys");
like(run(@config, qw(config --check))->{err},
    qr/cannot open whitelist '\Q$lists\E\/clients': No such file/,
    'a whitelist that is not there');
is(run(@config, '-d', $db, 'purge')->{status}, 0, 'purge does not care');

# The sample list.
configure('[whitelist]', 'clients = ' . Tree::root() .
    '/doc/examples/pools.clients');
is(out(@config, qw(config --check)), "$conf: no mistakes",
    'the sample list has no mistakes');
like(out(@config, qw(whitelist test 192.0.2.1 a@b c@d --name
    smtp17.orange.fr)), qr/orange/, 'and is found in');
is(run(@config, qw(whitelist test 192.0.2.1 a@b c@d --name
    smtp.orange.fr.example))->{status}, 1, 'by no other name');

# The sample file.
my $sample = Tree::root() . '/doc/exigrey.conf';
is(out('--config', $sample, qw(config --check)), "$sample: no mistakes",
    'the sample file has no mistakes');
my $shown = run('--config', $sample, 'config')->{out};
my $text = Tree::slurp($sample);
my $active = $text =~ s/^#(?=\w+ =)//mgr;
# Files that are not there.
$active =~ s/^(?:clients|senders|recipients|keys|trap_recipients) = .*\n//gm;
Command::spew($conf, $active);
is(out(@config, qw(config --check)), "$conf: no mistakes",
    'nor with all that it shows switched on');
my %default = $shown =~ /^(\w+) = (.*?) ; default$/mg;
my %commented = $text =~ /^#(\w+) = (.*)$/mg;
is_deeply([grep { !defined $commented{$_} } sort keys %default], [],
    'it shows every setting');

done_testing;
