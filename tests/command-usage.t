#!/usr/bin/perl
# exigrey's command line: options, help, and what it says of mistakes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my @commands = $c->must('help') =~ /^  ([a-z]+) +\w/mg;

# Mistakes: [arguments, what is said].  All end with status 2, say it on
# standard error, and nothing on standard output.
my @mistakes = (
	[[], qr/^usage: exigrey .*Commands/s],
	[['purgee'], qr/^exigrey: unknown command 'purgee': did you mean 'purge'\?$/m],
	[['lsit'], qr/unknown command 'lsit': did you mean 'list'\?/],
	[['del'], qr/did you mean 'delete'\?/],
	[['xyzzy'], qr/unknown command 'xyzzy': see 'exigrey help'/],
	[["l\033[31m"], qr/unknown command 'l\\033\[31m'/],
	[['help', 'purg'], qr/unknown command 'purg': did you mean 'purge'\?/],
	[['help', 'a', 'b'], qr/'help' does not take 'b'.*usage: exigrey help/s],
	[['--formt', 'tab', 'list'], qr/unknown option '--formt': did you mean '--format'\?/],
	[['--sort', 'item', 'list'], qr/unknown option '--sort': a command's own options stand after its name/],
	[['list', '--sotr', 'item'], qr/unknown option '--sotr': did you mean '--sort'\?/],
	[['list', '--nonsense=1'], qr/unknown option '--nonsense': see 'exigrey help list'/],
	[['list', '-x'], qr/unknown option '-x'.*after '--'/],
	[['list', '--m', 'x'], qr/option '--m' could be several/],
	[['list', '--quiet=yes'], qr/option '--quiet' takes no value/],
	[['list', '--sort'], qr/option '--sort' needs its FIELD/],
	[['-d'], qr/option '--database' needs its DB/],
	[['list', 'a'], qr/'list' does not take 'a'.*usage: exigrey list/s],
	[['purge', 'a'], qr/'purge' does not take 'a'/],
	[['purge', '--all'], qr/unknown option '--all'/],
	[['show'], qr/'show' needs an argument.*usage: exigrey show ITEM/s],
	[['set'], qr/'set' needs an argument/],
	[['set', 'a', 'b'], qr/'set' does not take 'b'/],
	[['allow'], qr/'allow' needs an argument/],
	[['convert', './a'], qr/'convert' needs 2 arguments/],
	[['unseen'], qr/'unseen' needs an argument/],
	[['unseen', 'a', 'b'], qr/'unseen' does not take 'b'/],
	[['--format', 'xml', 'list'], qr/--format: 'xml' is neither text, tab nor json/],
	[['--format', 'json', 'unseen', 'a'], qr/'unseen' has only one format/],
	[['delete'], qr/say what to delete: items, a filter, or --all/],
	[['delete', '--dry-run'], qr/say what to delete/],
	[['delete', '--grey', '1h'], qr/say what to delete/],
	[['delete', '--all', 'a'], qr/exclude each other/],
	[['delete', '--all', '--match', 'a'], qr/exclude each other/],
	[['delete', '--match', 'a', 'a'], qr/exclude each other/],
	[['list', '--reverse'], qr/--reverse needs --sort/],
	[['list', '--sort', 'age'], qr/--sort: 'age' is none of item, state/],
	[['list', '--limit', '-1'], qr/--limit: '-1' is no number/],
	[['list', '--limit', '1x'], qr/--limit: '1x' is no number/],
	[['list', '--limit', ''], qr/--limit: '' is no number/],
	[['list', '--min-count', '9223372036854775808'], qr/--min-count: .* is no number/],
	[['list', '--max-count', ' 1'], qr/--max-count: ' 1' is no number/],
	[['list', '--state', 'gray'], qr/--state: 'gray' is none of grey, passed/],
	[['list', '--state', 'grey,'], qr/--state: '' is none of/],
	[['list', '--state', ''], qr/--state: '' is none of/],
	[['list', '--older-than', '1dxyz'], qr/--older-than: '1dxyz' is no duration/],
	[['list', '--unused-for', '-5'], qr/--unused-for: '-5' is no duration/],
	[['list', '--grey', 'x'], qr/--grey: 'x' is no duration/],
	[['purge', '--passed', '1y'], qr/--passed: '1y' is no duration/],
	[['list', '--regex', '(a'], qr/--regex: '\(a' is no regular expression: missing closing parenthesis at byte 2/],
	[['show', 'a', '--delay', '5 m'], qr/--delay: '5 m' is no duration/],
	[['show', 'a', '--delay', '24h'], qr/DELAY .* is not below/],
	[['set', 'a', '--count', '-1'], qr/--count: '-1' is no number/],
	[['set', 'a', '--created', '30d'], qr/--created: '30d' is a duration: write \+30d .* -30d/],
	[['set', 'a', '--used', 'soon'], qr/--used: 'soon' is no time/],
	[['set', 'a', '--created', '-100000d'], qr/--created: .* is no time since 1970/],
	[['set', 'a', '--created', '+9223372036854775807'], qr/--created: .* is no time/],
	[['set', 'a', '--created', '2026-02-31'], qr/--created: '2026-02-31' is no time/],
	[['set', 'a', '--created', '2026-13-01'], qr/is no time/],
	[['set', 'a', '--created', '26-1-1'], qr/is no time/],
	[['set', 'a', '--created', '2026-11-21 25:00'], qr/is no time/],
	[['set', 'a', '--created', '2026-11-21 10:00Zx'], qr/is no time/],
	[['set', 'a', '--created', '1969-12-31'], qr/is no time since 1970/],
	[['set', 'a', '--created', ''], qr/--created: '' is no time/],
	[['set', 'a', '--flags', 'a  b'], qr/no flags/],
	[['set', 'a', '--flags', 'a=%zz'], qr/no flag/],
	[['set', 'a', '--flags', 'expires=soon'], qr/expires needs seconds/],
	[['set', 'x' x 65537], qr/KEY/],
	[['allow', 'a', '--expires', '30d'], qr/--expires: '30d' is a duration: write \+30d/],
	[['allow', 'a', '--expires', '-1h'], qr/--expires: '-1h' is over/],
	[['allow', 'a', '--expires', 'now'], qr/--expires: 'now' is over/],
	[['unseen', 'a', '--delay', '1dxyz'], qr/--delay: '1dxyz' is no duration/],
	[['unseen', 'a', '--delay', '24h'], qr/DELAY .* is not below/],
	[['unseen', 'a', '--options', 'gray=1h'], qr/unknown option 'gray=?1?h?'/],
	[['unseen', 'x' x 65537], qr/KEY/],
	[['trap'], qr/'trap' needs an argument.*usage: exigrey trap/s],
	[['trap', 'ad', '192.0.2.1'], qr/unknown 'trap ad': did you mean 'trap add'/],
	[['trap', 'x', '192.0.2.1'], qr/unknown 'trap x': see 'exigrey help trap'/],
	[['trap', 'add'], qr/'trap add' needs an address/],
	[['trap', 'delete'], qr/'trap delete' needs an address/],
	[['trap', 'add', '192.0.2.1', '192.0.2.256'], qr/'192\.0\.2\.256' is no IP address/],
	[['trap', 'add', ''], qr/'' is no IP address/],
	[['trap', 'add', 'mail.example.org'], qr/'mail\.example\.org' is no IP address/],
	[['trap', 'add', '192.0.2.0/24'], qr/'192\.0\.2\.0\/24' is a network/],
	[['trap', 'delete', '2001:db8::x'], qr/'2001:db8::x' is no IP address/],
	[['trap', 'list', 'x'], qr/'x' is no IP address/],
	[['trap', 'add', '192.0.2.1', '--expires', '2h'], qr/--expires: '2h' is a duration: write \+2h/],
	[['trap', 'add', '192.0.2.1', '--expires', 'now'], qr/--expires: 'now' is over/],
	[['trap', 'add', '192.0.2.1', '--note', 'x' x 257], qr/--note: it is longer than 256 bytes/],
	[['trap', 'list', '--note', 'x'], qr/'trap list' does not take --note/],
	[['trap', 'list', '-n'], qr/'trap list' does not take --dry-run/],
	[['trap', 'delete', '192.0.2.1', '--expires', '+1h'], qr/'trap delete' does not take --expires/],
);
for my $case (@mistakes) {
	my ($arguments, $want) = @$case;
	my $r = $c->run(@$arguments);
	my $name = substr("exigrey @$arguments", 0, 60);

	is($r->{status}, 2, "$name: status");
	like($r->{err}, $want, "$name: message");
	is($r->{out}, '', "$name: nothing else");
}
ok(!-e $c->db, 'no mistake made a database');

# Database names.
for my $case (
    ['a/b', qr/'a\/b' is neither a plain file name nor a path/],
    ['../seen', qr/neither a plain file name nor a path/],
    ['..', qr/'\.\.' must not hold '\.\.'/],
    ['.', qr/names no file/], ['/tmp/', qr/names no file/],
    ['x.lock', qr/must not hold '\.lock'/],
    ['x' x 201, qr/longer than 200 bytes/]) {
	my ($db, $want) = @$case;
	my $r = $c->run({ no_db => 1 }, '-d', $db, 'list');

	is($r->{status}, 2, "-d $db: status");
	like($r->{err}, $want, "-d $db: message");
}

# Help.
my $help = $c->run('help');
is($help->{status}, 0, 'help: status');
is($help->{err}, '', 'help: nothing on standard error');
for my $command (qw(list show set allow delete purge unseen seen wait)) {
	like($help->{out}, qr/^  $command +\w/m, "help names $command");
}
is($c->run($_)->{out}, $help->{out}, "$_ is help") for '-h', '--help';
for my $command (@commands) {
	my $r = $c->run('help', $command);

	is($r->{status}, 0, "help $command: status");
	like($r->{out}, qr/^usage: exigrey $command\b/, "help $command: usage");
	like($r->{out}, qr/^    .*exigrey .*\b$command\b/m,
	    "help $command: example");
	unlike($r->{out}, qr/^.{80}/m, "help $command: fits 79 columns");
	is($c->run($command, '--help')->{out}, $r->{out},
	    "$command --help is the same");
	is($c->run('-h', $command)->{out}, $r->{out},
	    "-h $command is the same");
}
like($c->run('--version')->{out}, qr/^exigrey \d+\.\d+\.\d+$/, '--version');

# Options stand before or after the command, and after arguments.
$c->must('set', 'a');
my $row = $c->must('--format', 'tab', 'list');
like($row, qr/^a\tgrey\t\d+\t\d+\t0\t$/, 'list --format tab');
for my $case (['list', '--format', 'tab'], ['list', '--format=tab'],
    ['list', '--for', 'tab'], ['show', 'a', '--format', 'tab'],
    ['show', '--format', 'tab', '--', 'a'],
    ['--format', 'json', 'list', '--format', 'tab']) {
	is($c->must(@$case), $row, "@$case");
}
is($c->program({}, Tree::build('exigrey'), qw(show a --format tab -d),
    $c->db)->{out}, $row, '-d after the command');

# "--" ends options: an item may start with "-".
for my $item ('-x', '--help', '--', '-') {
	$c->must('set', '--count', '7', '--', $item);
	like($c->must('show', '--format', 'tab', '--', $item),
	    qr/^\Q$item\E\tpassed\t\d+\t\d+\t7\t$/, "item $item");
	$c->must('delete', '--', $item);
	is($c->run('show', '--', $item)->{status}, 1, "item $item is gone");
}
is($c->items, 'a', 'and nothing else was touched');

done_testing;
