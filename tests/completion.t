#!/usr/bin/perl
# What the shell offers when a word is to be completed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use Test::More;
use Tree;

my $c = Command->new;
my $script = Tree::root() . '/doc/exigrey.bash';
my ($build) = Tree::build('exigrey') =~ m{(.*)/};

# Completes the last of the words, as readline would; returns what is offered.
sub offers
{
	my (@words) = @_;
	my $quoted = join ' ', map { "'" . s/'/'\\''/gr . "'" } @words;
	my $r = $c->program({ env => { PATH => "$build:$ENV{PATH}" } },
	    '/bin/bash', '-c', ". '$script'
		COMP_WORDS=($quoted) COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
		_exigrey
		[ \${#COMPREPLY[@]} = 0 ] || printf '%s\\n' \"\${COMPREPLY[@]}\"");

	is($r->{err}, '', "@words: no complaint");
	return join ' ', sort split /\n/, $r->{out};
}

$c->fill('<a@b>:<c@d>' => [5, 5, 0], '<a@b>:<e@f>' => [5, 5, 0],
    '192.0.2.1' => [5, 5, 1, 'auto'], "evil\e[31m" => [5, 5, 0]);
my @db = ('exigrey', '-d', $c->db);

is(offers('exigrey', 'li'), 'list', 'a command');
is(offers('exigrey', 'un'), 'unseen', 'another');
is(offers('exigrey', 'comp'), 'compact', 'not the hidden one');
like(offers('exigrey', ''), qr/\ballow\b.*\bpurge\b/, 'all commands');
is(offers('exigrey', 'help', 'pu'), 'purge', 'after help');
is(offers('exigrey', '--form'), '--format', 'an option before a command');
is(offers('exigrey', 'list', '--so'), '--sort', 'an option of a command');
is(offers('exigrey', 'show', '--so'), '', 'not of another');
is(offers('exigrey', 'list', '--data'), '--database', 'one of all');
is(offers('exigrey', 'list', '--sort', 'c'), 'count created', 'its value');
is(offers('exigrey', 'list', '--state', 'k'), 'kept', 'and a state');
is(offers('exigrey', 'list', '--state', 't'), 'trapped', 'another state');
is(offers('exigrey', 'trap', ''), 'add delete list scan', 'what follows trap');
is(offers('exigrey', 'trap', 'add', '--ex'), '--expires', 'and its options');
is(offers(@db, 'trap', 'delete', '19'), '192.0.2.1', 'and items');
is(offers(@db, 'show', '19'), '192.0.2.1', 'an item');
is(offers(@db, 'show', "'<a\@b>:<c"), '<a@b>:<c@d>', 'within quotes');
is(offers(@db, 'show', '<a@b>:<e'), '\<a@b\>:\<e@f\>',
    'without them: quoted by the shell\'s rules');
is(offers(@db, 'delete', 'ev'), '', 'none that would not print');
is(offers(@db, 'list', '19'), '', 'list takes no items');
is(offers('exigrey', '-d', $c->directory . '/none', 'show', 'x'), '',
    'no database: nothing');
done_testing();
