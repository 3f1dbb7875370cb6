#!/usr/bin/perl
# exigrey trap add, delete, list; what a trap means to the other commands.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my ($hour, $day) = (3600, 86400);
my $c = Command->new;
my $conf = $c->directory . '/exigrey.conf';
my $clients = $c->directory . '/clients';
my @mail = ('a@example.com', 'bob@example.org');

# With a configuration file whose database is that of $c.
sub configure
{
	Command::spew($conf, join '', map { "$_\n" } 'db = ' . $c->db, @_,
	    '[whitelist]', "clients = $clients");
}

sub run { return $c->run({ no_db => 1 }, '--config', $conf, @_) }

sub out
{
	my $r = run(@_);

	return $r->{err} eq '' ? $r->{out} =~ s/\n\z//r : $r->{err};
}

sub why { return out('why', $_[0], @mail) }
sub flags { return (split /\t/, out('-d', $c->db, 'show', '--format', 'tab',
    $_[0]), -1)[5] }

Command::spew($clients, "# ours\n192.0.2.99\n192.0.9.0/24\n");
configure();

# Without a database.
my $r = run(qw(trap list));
is($r->{status}, 0, 'list, no database: status');
like($r->{err}, qr/^exigrey: no database '/, 'list, no database: said');
is(run(qw(trap list 192.0.2.7))->{status}, 1, 'list of one: not trapped');
is(run(qw(trap delete 192.0.2.7))->{status}, 1, 'delete: not trapped');
like(out(qw(trap add -n 192.0.2.7)), qr/^would trap 192\.0\.2\.7 until /,
    'add --dry-run');
ok(!-e $c->db, 'none of that makes one');

# Added: [arguments, seconds it holds, its flags but for the end].
for my $case (
    [['192.0.2.7'], '192.0.2.7', $day, 'trap'],
    [['192.0.2.7', '--expires', '+2h'], '192.0.2.7', 2 * $hour, 'trap'],
    [['192.0.2.7', '--expire', '+7d', '--note', 'a b%'], '192.0.2.7',
	7 * $day, 'trap note=a%20b%25'],
    [['::ffff:192.0.2.8'], '192.0.2.8', $day, 'trap'],
    [['[192.0.2.9]', '--note', ''], '192.0.2.9', $day, 'trap'],
    [['2001:DB8:0::0007'], '2001:db8::7', $day, 'trap'],
    [['--', '2001:db8::8'], '2001:db8::8', $day, 'trap'],
) {
	my ($arguments, $client, $seconds, $flags) = @$case;
	my ($out, $end) = Command::in_one_second(sub {
		return (out(qw(trap add), @$arguments), $_[0] + $seconds);
	});
	my $name = "trap add @$arguments";

	like($out, qr/^trapped \Q$client\E until [-\d]+ [:\d]+(?:: a b%)?$/,
	    "$name: said");
	is(flags($client), $flags =~ s/^trap/trap expires=$end/r,
	    "$name: its record");
	is(why($client), 'trapped', "$name: why");
	is(out('greylist', $client, @mail), 'yes', "$name: greylist");
	is(out('greylist', $client, '', $mail[1]), 'yes',
	    "$name: nor a null sender");
	is($c->must(qw(unseen k --suffix), $client), "yes\n",
	    "$name: as a suffix");
	is($c->must(qw(seen k --suffix), $client), "no\n", "$name: seen");
	like($c->must(qw(wait k --suffix), $client),
	    qr/^(?:@{[join '|', $seconds - 9 .. $seconds]})\n$/,
	    "$name: wait");
}
is($c->items, '192.0.2.7 192.0.2.8 192.0.2.9 2001:db8::7 2001:db8::8',
    'nothing else is stored for them');
is(why('192.0.2.77'), 'new', 'another client');
is($c->items('--state', 'trapped'), $c->items, 'list --state trapped');
is($c->items('--state', 'grey,auto,kept,expired'), '', 'and no other');
like($c->must(qw(show 192.0.2.7)), qr/^state +trapped$/m, 'show: state');
like($c->must(qw(show --delay 5m 192.0.2.7)),
    qr/^unseen +yes: trapped; it would pass in [67] days/m, 'show --delay');
like($c->must('stats'), qr/^  trapped +5 \(100\.0 %\)$/m, 'stats');
like($c->must(qw(stats --prometheus)),
    qr/^exigrey_records\{db="seen",state="trapped"\} 5$/m, 'and Prometheus');

# List.
my @json = Command::json($c, out(qw(trap list --format json)));
is(join(' ', sort map { $_->{client} } @json), $c->items, 'list: JSON');
is_deeply([map { $_->{note} } grep { $_->{client} eq '192.0.2.7' } @json],
    ['a b%'], 'list: the note as it was given');
is($json[0]{expires} - $json[0]{trapped} >= $day, 1, 'list: times');
like(out(qw(trap list --format tab 192.0.2.7)),
    qr/^192\.0\.2\.7\t\d{10}\t\d{10}\ta b%$/, 'list: tab');
like(out(qw(trap list ::ffff:192.0.2.7)),
    qr/\ATRAPPED +UNTIL +CLIENT +NOTE\n[-\d]+ [:\d]+  [-\d]+ [:\d]+  192\.0\.2\.7 +a b%\z/,
    'list: text, of one');
$r = run(qw(trap list --format tab 192.0.2.7 192.0.2.77));
is($r->{status}, 1, 'list: one is not trapped');
is($r->{err}, "exigrey: '192.0.2.77': not trapped\n", 'list: which');
like($r->{out}, qr/^192\.0\.2\.7\t/, 'list: and the other');
$c->must(qw(-q set 192.0.2.7 --flags), 'trap expires=2000000000 note=%1B[2J%0A');
like(out(qw(trap list 192.0.2.7)), qr/\\033\[2J\\012$/,
    'list: no control byte is printed');
like(out(qw(trap list --format json 192.0.2.7)), qr/\\u001b\[2J\\u000a/,
    'list: nor as JSON');
$c->must(qw(-q set 192.0.2.7 --flags), 'trap expires=2000000000 note=%FF');
like(out(qw(trap list --format json 192.0.2.7)), qr/"note_hex":"ff"/,
    'list: what is no UTF-8');

# Delete.
$r = run(qw(trap delete -n 192.0.2.8 192.0.2.9));
is($r->{out}, 'would delete 2 of 2 traps of ' . $c->db . "\n",
    'delete --dry-run');
is(why('192.0.2.8'), 'trapped', 'delete --dry-run: is not');
$c->must(qw(-q set --count 1 --flags), 'keep trap', '192.0.2.50');
$c->must(qw(-q set --count 1 --flags auto 192.0.2.51));
$r = run(qw(trap delete ::ffff:192.0.2.8 192.0.2.77 192.0.2.50 192.0.2.51));
is($r->{status}, 1, 'delete: some were not trapped: status');
is($r->{out}, 'deleted 1 of 4 traps of ' . $c->db . "\n", 'delete: said');
is($r->{err}, join('', map { "exigrey: '192.0.2.$_': not trapped\n" }
    77, 50, 51), 'delete: which were not');
is(why('192.0.2.8'), 'new', 'deleted');
is(why('192.0.2.50'), 'keep', 'what is kept is left alone');
is(why('192.0.2.51'), 'auto', 'and what is no trap');
$c->must(qw(-q delete 192.0.2.51));
is(out(qw(trap delete --format json 192.0.2.9)),
    '{"dry_run":false,"deleted":1}', 'delete: JSON');
is(run(qw(trap list 192.0.2.9))->{status}, 1, 'deleted too');

# Who is whitelisted is not trapped, and that is said.
$c->must(qw(-q allow 192.0.3.0%2F24 192.0.2.4 2001:db8::4));
my $before = join ' ', map { "$_ " . flags($_) } split / /, $c->items;
for my $case (
    ['192.0.2.4', '192.0.2.4', 'kept'],
    ['2001:db8::4', '2001:db8::4', 'kept'],
    ['192.0.3.200', '192.0.3.0%2F24', 'kept'],
    ['192.0.2.99', 'line 2 of', 'listed'],
    ['192.0.9.1', 'line 3 of', 'listed'],
) {
	my ($client, $by, $outcome) = @$case;

	for my $dry ([], ['-n']) {
		my $r = run(qw(trap add --format json), @$dry, $client);

		is($r->{status}, 1, "trap add @$dry $client: status");
		like($r->{err}, qr/^exigrey: '\Q$client\E' is not trapped: (?=.*\Q$by\E).*would have no effect/,
		    "trap add @$dry $client: said");
		is([Command::json($c, $r->{out})]->[0]{outcome}, $outcome,
		    "trap add @$dry $client: outcome");
	}
	isnt(why($client), 'trapped', "$client passes");
}
is(join(' ', map { "$_ " . flags($_) } split / /, $c->items), $before,
    'nothing of that is stored');
$r = run(qw(trap add 192.0.2.4 192.0.2.5));
is($r->{status}, 1, 'one of two: status');
like($r->{out}, qr/\Atrapped 192\.0\.2\.5 until [-:\d ]+\n\z/,
    'one of two: trapped');
like(out(qw(-q trap add 192.0.2.4)), qr/^exigrey: '192\.0\.2\.4' is not/,
    '-q tells what was not done');
is(out(qw(-q trap add 192.0.2.5)), '', 'and nothing else');
$before = $c->must(qw(list --format tab --sort item));
like(out(qw(trap add -n --expires +9d 192.0.2.5 192.0.2.66)),
    qr/\Awould trap 192\.0\.2\.5 until .*\nwould trap 192\.0\.2\.66 until /,
    'add --dry-run: said');
is($c->must(qw(list --format tab --sort item)), $before,
    'add --dry-run: nothing changes');
# keep that comes later is stronger too; so is a whitelist.
$c->must(qw(-q allow 192.0.2.5));
is(why('192.0.2.5'), 'keep', 'keep after trap');
out(qw(trap add 192.0.2.6));
Command::spew($clients, "192.0.2.6\n");
is(why('192.0.2.6'), 'whitelisted client 1', 'a whitelist after trap');
is(out('greylist', '192.0.2.6', '', $mail[1]), 'no',
    'a whitelist after trap: a null sender too');

# What was earned is forgotten; what was not ours stays.
$c->fill('192.0.2.1' => [9 * $day, $hour, 9, 'auto mine=1'],
    '192.0.2.0%2F24' => [9 * $day, $hour, 9, 'auto'],
    '192.0.2.2' => [2 * $day, 2 * $day, 0, 'trap expires=1000 note=old']);
is(why('192.0.2.1'), 'auto', 'auto');
like(out(qw(trap add 192.0.2.1 192.0.2.2)), qr/^trapped .*\ntrapped /,
    'auto, and an old trap: trapped');
like(flags('192.0.2.1'), qr/^mine=1 trap expires=\d{10}$/, 'other flags stay');
like(flags('192.0.2.2'), qr/^trap expires=\d{10}$/, 'not of an old trap');
is(why('192.0.2.1'), 'trapped', 'auto of itself and its network: trapped');
is(why('192.0.2.3'), 'auto', 'its neighbours are not');

# A trap's own end goes before the lifetimes, in both directions.
$c->fill('192.0.2.1' => [9 * $day, 9 * $day, 0, 'trap expires=4000000000'],
    '192.0.2.2' => [$hour, $hour, 0, 'trap expires=1000'],
    '192.0.2.3' => [9 * $day, 9 * $day, 0, 'trap'],
    '192.0.2.4' => [$hour, $hour, 0, 'trap']);
configure('grey = 2h');
is(join(' ', map { why($_) } map { "192.0.2.$_" } 1 .. 4),
    'trapped new new trapped', 'who is trapped still');
is(join(' ', sort map { /^(\S+)\t/ } split /\n/,
    out(qw(trap list --format tab))), '192.0.2.1 192.0.2.4',
    'list: who is trapped still');
like($c->must('purge'), qr/^deleted 2 of 4 /, 'purge');
is($c->items, '192.0.2.1 192.0.2.4', 'purge leaves the others');
is($c->must(qw(-q purge --grey 30m --passed 30m)), '', 'purge, short lives');
is($c->items, '192.0.2.1', 'purge: the end of its own');
is(out(qw(trap delete 192.0.2.1)), 'deleted 1 of 1 traps of ' . $c->db,
    'delete');

# The time of the file; many at once; -d.
configure('[trap]', 'expire = 3h');
my @many = map { '198.51.' . int($_ / 250) . '.' . $_ % 250 } 1 .. 600;
my @lines = split /\n/, out(qw(trap add --format tab), @many);
is(scalar(@lines), 600, 'many: each is told');
is(scalar(split / /, $c->items('--state', 'trapped')), 600,
    'many: all are trapped');
my ($expires) = $lines[0] =~ /^198\.51\.0\.1\ttrapped\t(\d+)\t$/;
ok($expires > time + 3 * $hour - 60 && $expires <= time + 3 * $hour,
    'expire of exigrey.conf');
is(out('-d', $c->db . '2', qw(-q trap add 192.0.2.7)), '', '-d');
is($c->items('--match', '192.0.2.7'), '', '-d: not here');
like(out('-d', $c->db . '2', qw(trap list --format tab)), qr/^192\.0\.2\.7\t/,
    '-d: there');

done_testing;
