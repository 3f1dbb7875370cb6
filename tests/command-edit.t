#!/usr/bin/perl
# exigrey edit, with editors that are scripts: what they change, add, remove is
# done, a mistake changes nothing, and what others change meanwhile stays.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Command;

my $c = Command->new;
my $directory = $c->directory;
my $temporary = "$directory/tmp";
mkdir($temporary) && chmod(01777, $temporary) or die;
delete @ENV{qw(VISUAL EDITOR)};

# Makes an editor of Perl code, which sees the text as $_ and the rounds so far
# as $round; what it appends to @said comes back in said().
sub editor
{
	my ($code) = @_;

	unlink("$directory/said", "$directory/rounds");
	Command::spew("$directory/editor", <<"END");
#!$^X
use strict; use warnings;
my \$file = \$ARGV[-1];
open(my \$in, '<', \$file) or die "\$file: \$!";
\$_ = do { local \$/; <\$in> };
open(my \$rounds, '>>', '$directory/rounds') or die;
print \$rounds 'x';
close(\$rounds);
my \$round = -s '$directory/rounds';
my \@said;
my \$code = sub { $code };
\$code->();
open(my \$said, '>>', '$directory/said') or die;
print \$said map { "\$_\\n" } \@said;
open(my \$out, '>', \$file) or die "\$file: \$!";
print \$out \$_;
close(\$out) or die;
END
	chmod(0755, "$directory/editor") or die;
	return { EDITOR => "$directory/editor", TMPDIR => $temporary,
	    EXIGREY => Tree::build('exigrey') . " -d " . $c->db };
}

sub said { return Tree::slurp("$directory/said") }

# Edits with such an editor.  A leading hash is as for run.
sub edit
{
	my $how = ref $_[0] ? shift : {};
	my ($code, @arguments) = @_;

	return $c->run({ %$how, env => { %{editor($code)}, %{$how->{env} //
	    {}} } }, 'edit', @arguments);
}

# The records, as "item=created used count flags".
sub content
{
	my $content = $c->content;

	return join '; ', map { s/\0\z//r . '=' . Command::text($content->{$_}) }
	    sort keys %$content;
}

sub begin
{
	unlink($c->db, $c->db . '.lock');
	$c->store(map { ("$_\0" => "5 6 7\0") } @_);
}

# Nothing must be left, whatever happened.
sub nothing_left
{
	my ($name) = @_;

	is(join(' ', glob("$temporary/*")), '', "$name: no file is left");
}

# Good changes.
begin(qw(a b c));
my $r = edit('push @said, $_');
is("$r->{status} $r->{err}$r->{out}", "0 nothing was changed\n",
    'nothing changed');
my $shown = said();
like($shown, qr/\A# exigrey dump 1\n/, 'the text is a dump');
like($shown, qr/^# \Q@{[$c->db]}\E$/m, 'it names the database');
is(join(' ', sort $shown =~ /^(\w\t.*)/mg), "a\t5\t6\t7\t b\t5\t6\t7\t "
    . "c\t5\t6\t7\t", 'and shows the records');
unlike($shown, qr/[^ -~\t\n]/, 'in ASCII');
nothing_left('nothing changed');
is($c->must({ env => editor('') }, qw(-q edit)), '', '-q: silent');

$r = edit('s/^a\t.*/a\t5\t6\t8\tkeep/m; s/^b\t.*\n//m; $_ .= "d\t1\t2\t3\tx=y\n"');
is("$r->{status} $r->{err}$r->{out}", "0 1 added, 1 changed, 1 deleted\n",
    'add, change, delete');
is(content(), 'a=5 6 8 keep; c=5 6 7; d=1 2 3 x=y', 'all of it is done');
nothing_left('add, change, delete');
is(edit('s/^d\t/e\t/m')->{out}, "1 added, 0 changed, 1 deleted\n",
    'another item: added and deleted');
is(content(), 'a=5 6 8 keep; c=5 6 7; e=1 2 3 x=y', 'which is done');
is(edit('s/^[a-z]\t.*\n//mg')->{out}, "0 added, 0 changed, 3 deleted\n",
    'all deleted');
is(content(), '', 'none is left');
is(edit('$_ .= "# x\n\nz\t1\t2\t3\n"')->{out},
    "1 added, 0 changed, 0 deleted\n", 'added to nothing; no tab at its end');
unlink($c->db, $c->db . '.lock');
is(edit('')->{out}, "nothing was changed\n", 'no database, nothing changed');
ok(!-e $c->db, 'which makes none');
is(edit('$_ .= "z\t1\t2\t3\t\n"')->{out},
    "1 added, 0 changed, 0 deleted\n", 'no database, a record added');
is(content(), 'z=1 2 3', 'which makes one');

# A filter shows what matches.  What is not shown cannot be touched.
begin(qw(a@x b@x c@y));
$r = edit('push @said, /^(\S*@.*)/mg; s/^a\@x.*\n//m; $_ .= "c\@y\t1\t1\t1\t\n"',
    '--match', '*@x');
is(join(' ', sort split /\n/, said()), "a\@x\t5\t6\t7\t b\@x\t5\t6\t7\t",
    '--match: shown');
is($r->{out}, "0 added, 0 changed, 1 deleted, 1 left as they are\n",
    '--match: done');
is($r->{err}, "exigrey: 'c\@y' exists already, but was not shown: left as it "
    . "is\n", '--match: an item that exists is named');
is($r->{status}, 2, '--match: status');
is(content(), 'b@x=5 6 7; c@y=5 6 7', '--match: what is not shown stays');
is(edit('', '--regex', '(')->{status}, 2, 'a wrong filter');
ok(!-e "$directory/said", 'and no editor');

# Items of any bytes, and what is no record.
begin();
my %strange = ("a\tb\n\0" => "5 6 7\0", "#x\0" => "5 6 7\0", "\xff\\\0" =>
    "5 6 7\0", "foreign" => "\1\2", "broken\0" => 'x', "\0" => "5 6 7\0",
    "mend\0" => "5 6 7\0\0x", "odd\0" => "5 6 7 a:b\0");
$c->store(%strange);
is(edit('')->{out}, "nothing was changed\n", 'strange items: unchanged');
is(edit('s/\t7\t$/\t8\t/mg')->{out}, "0 added, 4 changed, 0 deleted\n",
    'strange items: changed');
is((grep { $_ !~ /foreign|broken|mend|odd/ && $c->content->{$_} ne
    Command::value($_, '5 6 8') } keys %strange), 0, 'each of them');
is(edit('s/^mend.*/mend\t5\t6\t7\t/m; s/^foreign.*\n//m; s/^broken.*/broken\t1\t2\t3\tauto/m')
    ->{out}, "0 added, 2 changed, 1 deleted\n", 'what is no record: mended');
like(content(), qr/\Abroken=1 2 3 auto|; broken=1 2 3 auto/, 'a record now');
is($c->content->{"mend\0"}, Command::value("mend\0", '5 6 7'), 'this one, too');
unlike(content(), qr/foreign/, 'and this one is gone');

# More than a batch.
begin(map { "i$_" } 1 .. 1000);
is(edit('s/\t7\t$/\t8\t/mg; s/^i1\d\d\t.*\n//mg;
    $_ .= join "", map { "n$_\t1\t2\t3\t\n" } 1 .. 600')->{out},
    "600 added, 900 changed, 100 deleted\n", 'many: done');
is(() = content() =~ /=5 6 8/g, 900, 'many: changed');
is(() = content() =~ /n\d+=1 2 3/g, 600, 'many: added');

# Mistakes, without a terminal to ask: nothing is changed.
begin(qw(a b));
my $before = content();
for my $case (
    ['s/^a\t5/a\tx/m', qr/^exigrey: line \d+: created is 'x', not a number$/m],
    ['s/^a.*/a/m', qr/line \d+: it has 1 field/],
    ['s/\t7\t$/\t7\ta:b/m', qr/line \d+: 'a:b' is no flag/],
    ['$_ .= "a\t1\t1\t1\t\n"', qr/line \d+: the item stands twice in this text/],
    ['$_ .= "a\\\\q\t1\t1\t1\t\n"', qr/line \d+: the item has a wrong escape/],
    ['s/.*\n//', qr/line 1: it is no dump: the first line must be/],
    ['$_ = ""', qr/line 1: it is no dump/],
    ['s/\t/        /g', qr/line \d+: it has 1 field/],
    ['s/1$/2/m', qr/line 1: it is a dump of version 2/]) {
	my ($code, $want) = @$case;
	my $r = edit("s/^b\\t.*\\n//m; $code");

	is($r->{status}, 2, "$code: status");
	like($r->{err}, $want, "$code: said");
	like($r->{err}, qr/^exigrey: given up: nothing was changed\n\z/m,
	    "$code: given up");
	is($r->{out}, '', "$code: nothing else");
	is(content(), $before, "$code: nothing changed");
	nothing_left($code);
}

# With one: the line is marked, and can be mended.
sub on_terminal { return (terminal => [@_]) }
my $question = 'Back to the editor?';
for my $answer ('', 'y', 'Y', 'yes', 'x') {
	begin(qw(a b));
	my $r = edit({ on_terminal($question => "$answer\n") }, 'push @said, $_;
	    if ($round == 1) { s/^a\t5/a\tx/m } else { s/^a\tx/a\t9/m }');
	is($r->{status}, 0, "answer '$answer': status");
	is(content(), 'a=9 6 7; b=5 6 7', "answer '$answer': mended");
	like($r->{out}, qr/line \d+: created is 'x', not a number/,
	    "answer '$answer': said");
	like($r->{out}, qr/0 added, 1 changed, 0 deleted/,
	    "answer '$answer': counted");
	like(said(), qr/^#! created is 'x', not a number\na\tx\t6\t7\t$/m,
	    "answer '$answer': the line is marked");
	nothing_left("answer '$answer'");
}
for my $answer ("n\n", "N\n", "no\n", "\cD") {
	my $name = $answer =~ s/\n//r =~ s/\cD/^D/r;

	begin(qw(a b));
	my $r = edit({ on_terminal($question => $answer) },
	    's/^a\t5/a\tx/m; s/^b.*\n//m');
	is($r->{status}, 2, "answer $name: status");
	like($r->{out}, qr/given up: nothing was changed/, "answer $name: said");
	is(content(), 'a=5 6 7; b=5 6 7', "answer $name: nothing changed");
	is(-s "$directory/rounds", 1, "answer $name: not edited again");
	nothing_left("answer $name");
}

# Marks: those of the round before are gone, whatever became of their lines.
begin(qw(a b c));
$r = edit({ on_terminal(($question => "y\n") x 3) }, 'push @said, $_, "END";
    if ($round == 1) { s/^a\t5/a\tx/m; s/^b\t5/b\ty/m }
    elsif ($round == 2) { s/^a\tx/a\t1/m }
    elsif ($round == 3) { s/.*\n// }
    else { $_ = "# exigrey dump 1\n$_"; s/^b\ty/b\t2/m }');
is($r->{status}, 0, 'four rounds: status');
is(content(), 'a=1 6 7; b=2 6 7; c=5 6 7', 'four rounds: done');
my @rounds = split /^END\n/m, said();
is(scalar @rounds, 4, 'four rounds');
is(() = $rounds[0] =~ /^#!/mg, 0, 'round 1: no mark');
is(join(' ', sort $rounds[1] =~ /^#! (created is '.').*\n(.)\t/mg),
    "a b created is 'x' created is 'y'", 'round 2: two marks');
is(join(' ', $rounds[2] =~ /^(#! .*)\n(.)\t/mg),
    "#! created is 'y', not a number b", 'round 3: the other is gone');
like($rounds[3], qr/\A#! it is no dump: .*\n# item/, 'round 4: of the top');
is(() = $rounds[3] =~ /^#!/mg, 1, 'round 4: though the rest was not read');

# The editor fails, or there is none: given up.
for my $case (['exit 3', '/editor'], ['kill 9, $$', '/editor']) {
	begin('a');
	my $r = edit("s/^a.*\\n//m; $case->[0]");

	is($r->{status}, 2, "$case->[0]: status");
	like($r->{err}, qr/^exigrey: the editor '.*$case->[1]' failed: nothing was changed$/m,
	    "$case->[0]: said");
	is(content(), 'a=5 6 7', "$case->[0]: nothing changed");
	nothing_left($case->[0]);
}
$r = $c->run({ env => { EDITOR => "$directory/none", TMPDIR => $temporary } },
    'edit');
is($r->{status}, 2, 'no such editor: status');
like($r->{err}, qr/none'? failed: nothing was changed|none: not found/,
    'no such editor: said');
nothing_left('no such editor');
is($c->run({ env => { %{editor('unlink $file; exit')} } }, 'edit')->{status},
    2, 'an editor that removes the file');
$r = $c->run({ env => { EDITOR => 'true', TMPDIR => "$directory/nowhere" } },
    'edit');
is($r->{status}, 2, 'no room for the file: status');
like($r->{err}, qr/cannot make a directory in '\Q$directory\E\/nowhere': No such file/,
    'no room for the file: said');

# VISUAL before EDITOR; both may hold arguments; a new file may take the place
# of the old one, as many editors do it.
my $log = "$directory/log";
for my $case ([{ VISUAL => "echo visual '1 2' >> $log; true", EDITOR => 'false' },
    "visual 1 2\n"], [{ VISUAL => '', EDITOR => "echo editor >> $log; true" },
    "editor\n"], [{ EDITOR => "sh -c 'echo \$0 \$# >> $log' first" },
    "first 1\n"]) {
	my ($env, $want) = @$case;

	unlink($log);
	my $r = $c->run({ env => { TMPDIR => $temporary, %$env } }, 'edit');
	is("$r->{status} $r->{err}$r->{out}", "0 nothing was changed\n",
	    "$want: done");
	is(Tree::slurp($log), $want, "$want: run");
}
begin(qw(a b));
is($c->run({ env => { TMPDIR => $temporary, EDITOR => "sed -i '/^b/d'" } },
    'edit')->{out}, "0 added, 0 changed, 1 deleted\n", 'sed -i');
nothing_left('sed -i');
mkdir("$directory/a dir") or die;
is($c->run({ env => { TMPDIR => "$directory/a dir", EDITOR => "sed -i '/^a/d'" }
    }, 'edit')->{out}, "0 added, 0 changed, 1 deleted\n", 'a name with a space');

# Changed meanwhile: left alone and named, the rest is done.
begin(qw(a b c d same gone));
$r = edit('system("$ENV{EXIGREY} -q set a --count 99");
    system("$ENV{EXIGREY} -q set new --count 98");
    system("$ENV{EXIGREY} -q delete gone same");
    system("$ENV{EXIGREY} -q set c --count 97");
    s/^(a|b|gone)(\t.*)\t7\t/$1$2\t8\tkeep/mg; s/^(c|d)\t.*\n//mg;
    $_ .= "new\t1\t1\t1\t\n"; $_ .= "more\t1\t1\t1\t\n"');
is($r->{status}, 2, 'changed meanwhile: status');
is(join("\n", sort split /\n/, $r->{err}), join("\n",
    (map { "exigrey: '$_' was changed by somebody else meanwhile: left as it is"
    } qw(a c gone)),
    "exigrey: 'new' exists already, but was not shown: left as it is"),
    'changed meanwhile: named');
is($r->{out}, "1 added, 1 changed, 1 deleted, 4 left as they are\n",
    'changed meanwhile: counted');
like(content() =~ s/a=5 \d+ 99/a=99/r, qr/^a=99; b=5 6 8 keep; c=5 \d+ 97; more=1 1 1; new=\d+ \d+ 98$/,
    'changed meanwhile: the others are done');

# The file is private, and its name no other's.
begin('a');
$r = edit('my @stat = stat $file; push @said, sprintf("%04o %d %s",
    $stat[2] & 07777, $stat[4], $file)');
like(said(), qr/^0600 $> \Q$temporary\E\/exigrey-edit-\w{6}\/records$/,
    'the file is private');
Command::spew("$directory/wait",
    "#!/bin/sh\n: > '$directory/begun'\nexec sleep 20\n");
chmod(0755, "$directory/wait");
for my $signal (qw(TERM KILL HUP)) {
	my $env = editor('');
	my $child = fork() // die;
	if (!$child) {
		POSIX::setsid();
		%ENV = (%ENV, %$env, EDITOR => "$directory/wait");
		open(STDERR, '>', '/dev/null');
		open(STDOUT, '>', '/dev/null');
		no warnings 'exec';
		exec { Tree::build('exigrey') } 'exigrey', '-d', $c->db, 'edit';
		POSIX::_exit(121);
	}
	ok(Command::wait_until(sub { -e "$directory/begun" }),
	    "SIG$signal: begun");
	unlink("$directory/begun");
	# The terminal goes: all get it.  Or one only: its editor then ends.
	kill($signal, $signal eq 'HUP' ? -$child : $child);
	waitpid($child, 0);
	kill('INT', -$child) if $signal ne 'HUP';
	ok(Command::wait_until(sub { !glob("$temporary/*") }),
	    "SIG$signal: no file is left");
	is(content(), 'a=5 6 7', "SIG$signal: nothing changed");
}

# Root's editor is root's, the database its owner's.
SKIP: {
	skip('not root', 1) if $> != 0;
	my $user = 54321;
	my $theirs = "$directory/theirs";
	mkdir($theirs) && chown($user, $user, $theirs) or die;
	my $their = Command->new(db => "$theirs/seen", directory => $directory);
	my $run = sub {
		my ($how, $code) = @_;
		return $their->run({ %$how, env => editor($code) }, 'edit');
	};

	mkdir("$directory/secret", 0700) or die;
	my $r = $run->({}, 'push @said, "$> $<", (stat $file)[4];
	    push @said, -w "/" ? "root" : "no"; mkdir "' . $directory
	    . '/secret/x"; $_ .= "a\t1\t2\t3\t\n"');
	is("$r->{status} $r->{err}$r->{out}", "0 1 added, 0 changed, 0 deleted\n",
	    'root edits the database of another');
	is(said(), "0 0\n0\nroot\n", "the editor and its file are root's");
	ok(-d "$directory/secret/x", 'it may do what root may');
	is((stat "$theirs/seen")[4], $user, "the database is its owner's");
	chmod(0777, $directory);
	$r = $run->({ user => $user }, 'push @said, $>, (stat $file)[4];
	    s/^a.*\n//m');
	is("$r->{status} $r->{err}$r->{out}", "0 0 added, 0 changed, 1 deleted\n",
	    'the owner edits it');
	is(said(), "$user\n$user\n", "the editor and its file are the owner's");
	nothing_left('root');
}

done_testing;
