#!/usr/bin/perl
# exigrey export and import: every byte of every record comes back, a mistake
# changes nothing, and neither a kill nor a full disk breaks anything.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(:flock);
use File::Temp qw(tempdir);
use Test::More;
use Command;
use Damage;

my $c = Command->new;
my $directory = $c->directory;
my $head = "# exigrey dump 1\n";

# The text of a record's value, without its padding.

# The content of a database, with records as their text.
sub texts
{
	my ($content) = @_;

	return { map { $_ => Command::text($content->{$_}) } keys %$content };
}

sub export_to
{
	my ($file, @arguments) = @_;

	Command::spew($file, $c->must('export', @arguments));
	return $file;
}

# No database yet.
my $r = $c->run('export');
is("$r->{status} $r->{out}", "0 $head# item\tcreated\tused\tcount\tflags\n",
    'no database: an empty dump');
like($r->{err}, qr/no database .* yet/, 'no database: said');
ok(!-e $c->db, 'no database: export makes none');
$r = $c->run({ stdin => $head }, 'import');
is($r->{out}, "0 added, 0 replaced, 0 the same, 0 existed and stayed\n",
    'an empty dump can be read');

# 100,000 random keys, and values of all kinds.
srand(20261121);
sub random_bytes { return join '', map { chr int rand 256 } 1 .. $_[0] }
my @pieces = ("#", "\t", "\n", "\\", "\0", "\r", "\\043", "\\n", "\\\\", "\\0",
    " ", "\xc3\xa9", "\xff", "a", "/", "%41", "\033[31m", "\\^A", "\\M-a", "&");
my @flags = ('', '', 'auto', 'keep', 'keep note=x%20y%ff', 'expires=99999999',
    'auto credit=7 host=mx.example.org', 'a=', 'x.y-z_1=~!@#$^&*()=',
    'note=' . 'n' x 300);
# What parses, but is not what exigrey would write.
my @odd = ('a:b', 'keep frank!', 'note=%zz', 'expires=soon', 'x=%4');
my @broken = ('', "\0", 'zz', '5 5', "5 5 1  keep\0", "05 5 1\0",
    "5 5 1\0more\0", "\t", "a\nb\\c\xff", '5 5 1' . "\0" x 5000, 'z' x 5000);

sub random_key
{
	my $kind = int rand 10;
	my $key = $kind < 5 ? random_bytes(int rand 201) :
	    join '', map { $pieces[rand @pieces] } 1 .. 1 + int rand 30;

	# One in ten is no item: it does not end in NUL.
	return $kind == 9 ? ($key =~ s/\0+\z//r) : "$key\0";
}

sub random_value
{
	my ($key) = @_;
	my $kind = rand 100;

	return $broken[rand @broken] if $kind < 2;
	my @numbers = map { int rand 2000000000 } 1 .. 3;
	@numbers = ('0', '9223372036854775807', '9223372036854775807')
	    if $kind < 3;
	my $value = join ' ', @numbers, grep { $_ ne '' }
	    $kind < 5 ? $odd[rand @odd] : $flags[rand @flags];
	return $value if $kind < 6;	# not even a NUL
	return Command::value($key, $value, 64 * int rand 2);
}

my %random = ("\0" => "5 6 7\0", "#\0" => "5 6 8\0", "\t\0" => "5 6 9\0",
    "" => 'an empty key', "#" => 'a key', "k" x 65536 . "\0" => "5 6 7\0",
    "k" x 65537 . "\0" => "5 6 7\0", "f" x 70000 => "\0",
    "most\0" => '5 6 7 note=' . 'y' x 4085, "more\0" => '5 6 7 note=' .
    'z' x 4084 . "\0");
while (keys %random < 100000) {
	my $key = random_key();
	$random{$key} = random_value($key);
}
$c->store(%random);

my $other = "$directory/db/other";
$r = $c->program({}, '/bin/sh', '-c', '"$1" -d "$2" export | '
    . '"$1" -d "$3" import', 'sh', Tree::build('exigrey'), $c->db, $other);
is("$r->{status} $r->{err}", '0 ', 'export | import');
is($r->{out}, "100000 added, 0 replaced, 0 the same, 0 existed and stayed\n",
    'all are added');
my $got = $c->content($other);
my ($first, $second) = (texts(\%random), texts($got));
is(scalar keys %$got, 100000, 'as many keys');
is((grep { !exists $second->{$_} || $first->{$_} ne $second->{$_} }
    keys %$first), 0, 'every key and every value is the same');
# What is no record has no padding that could be changed.
my @raw = grep { !/\0\z/ || Command::text($random{$_}) !~
    /^(?:0|[1-9]\d*) (?:0|[1-9]\d*) (?:0|[1-9]\d*)(?: [!-<>-~][!-~]*)*\0*\z/ }
    keys %random;
cmp_ok(scalar @raw, '>', 10000, 'many are no records');
is((grep { $random{$_} ne $got->{$_} } @raw), 0,
    'what is no record is the same byte for byte');
my @records = grep { $got->{$_} ne $random{$_} } keys %random;
is((grep { length($got->{$_}) % 32 != 0 } @records), 0,
    'a record whose padding differs is padded as ours are');

my $dump = export_to("$directory/dump");
my $text = Tree::slurp($dump);
is(() = $text =~ /\n/g, 100002, 'a line each');
unlike($text, qr/[^\x20-\x7e\t\n]/, 'the dump is printable ASCII');
is((grep { /^#/ } split /\n/, $text), 2, 'no record looks like a comment');
is($c->must('import', $dump), "0 added, 0 replaced, 100000 the same, 0 existed "
    . "and stayed\n", 'the same again: nothing is written');
is(join("\n", sort split /\n/, $text), join("\n", sort split /\n/,
    $c->program({}, Tree::build('exigrey'), '-d', $other, 'export')->{out}),
    'the dump of the copy is the same');

# Filters: only records, and only those that match.
$c->fill('a@x' => [10, 5, 1], 'b@x' => [10, 10, 0], 'c@y' => [10, 5, 1, 'auto'],
    'k' => [9, 9, 2, 'keep']);
$c->store("foreign" => 'x', "broken\0" => 'y');
sub exported
{
	return join ' ', sort map { (split /\t/)[0] } grep { !/^#/ }
	    split /\n/, $c->must('export', @_);
}
is(exported(), 'a@x b@x broken\000 c@y foreign k', 'no filter: everything');
for my $case ([['--match', '*@x'], 'a@x b@x'], [['--state', 'grey'], 'b@x'],
    [['--state', 'auto,kept'], 'c@y k'], [['--regex', '^[ab]'], 'a@x b@x'],
    [['--min-count', '1', '--match', '*@*'], 'a@x c@y'],
    [['--match', '*'], 'a@x b@x c@y k'], [['--match', 'none'], ''],
    [['--state', 'expired', '--grey', '7'], 'b@x']) {
	my ($options, $want) = @$case;

	is(exported(@$options), $want, "export @$options");
}
is($c->run('export', '--regex', '(')->{status}, 2, 'a wrong filter');

# Existing records: they stay, or are replaced.
my @three = ("a\t5\t6\t7\tkeep\n", "b\t5\t6\t7\t\n", "raw\tx\n");
$c->fill('a' => [10, 10, 1], 'z' => [10, 10, 3]);
$c->must('-q', 'set', 'b', '--created', 5, '--used', 6, '--count', 7);
my $before = $c->content;
Command::spew("$directory/three", join '', $head, @three);
is($c->must('import', '-n', "$directory/three"),
    "3 records, no mistake; nothing was written\n", '--dry-run');
is_deeply($c->content, $before, '--dry-run writes nothing');
is($c->must('import', "$directory/three"), '1 added, 0 replaced, 1 the same, '
    . "1 existed and stayed (--replace overwrites them)\n", 'added');
is($c->content->{"a\0"}, $before->{"a\0"}, 'what exists stays');
is($c->content->{raw}, 'x', 'what is new is there');
is($c->must('import', '--replace', "$directory/three"),
    "0 added, 1 replaced, 2 the same, 0 existed and stayed\n", '--replace');
is(Command::text($c->content->{"a\0"}), '5 6 7 keep', '--replace replaces');
is(Command::text($c->content->{"z\0"}), Command::text($before->{"z\0"}), 'and nothing else');
is($c->must('-q', 'import', "$directory/three"), '', '-q: silent');

# A record is never narrowed; what does not parse gives way to one that does.
$c->store("wide\0" => Command::value("wide\0", '1 1 1 note=' . 'w' x 100),
    "mend\0" => "5 6 7\0 and more", "huge\0" => 'h' x 5000);
$c->must({ stdin => $head . join '', map { "$_\t5\t6\t7\t\n" }
    qw(wide mend huge) }, qw(-q import --replace));
is(length $c->content->{"wide\0"}, 128, 'a wide record stays wide');
is(Command::text($c->content->{"wide\0"}), '5 6 7', 'though it is replaced');
is($c->content->{"mend\0"}, Command::value("mend\0", '5 6 7'),
    'a value that only begins like the record is replaced');
is(Command::text($c->content->{"huge\0"}), '5 6 7', 'and one that is too long');

# Keys that are made alike, which GDBM cannot tell apart (bytes 24 places apart
# may change places): no more than a bucket of them, and all others.
my $alike = join '', map { chr(65 + $_) } 0 .. 23;
my $unlike = lc $alike;
my @alike = map { my $n = $_; my ($x, $y) = ($alike, $unlike);
    (substr($x, $_, 1), substr($y, $_, 1)) = (substr($y, $_, 1),
	substr($x, $_, 1)) for grep { $n >> $_ & 1 } 0 .. 8; "$x$y" } 0 .. 299;
unlink($c->db, $c->db . '.lock');
$r = $c->run({ stdin => join '', $head, map { "$_\t5\t6\t7\t\n" } @alike,
    1 .. 2000 }, 'import');
is($r->{status}, 2, 'keys that are alike: status');
like($r->{out}, qr/^21\d\d added, 0 replaced, 0 the same, 0 existed/,
    'keys that are alike: as many as go');
like($r->{err}, qr/^exigrey: 1\d\d could not be added: .*alike/m,
    'keys that are alike: said');
is((grep { !exists $c->content->{"$_\0"} } 1999, 2000, $alike[0]), 0,
    'keys that are alike: all others are there');
is($c->run('check')->{status}, 0, 'keys that are alike: sound');

# The last of its item counts with --replace, else the first.
my $twice = $head . "t\t5\t6\t1\t\nt\t5\t6\t2\t\n";
$c->must({ stdin => $twice }, qw(-q import));
is(Command::text($c->content->{"t\0"}), '5 6 1', 'an item twice: the first');
$c->must({ stdin => $twice }, qw(-q import --replace));
is(Command::text($c->content->{"t\0"}), '5 6 2', 'with --replace the last');

# Forms of a dump.
sub imported
{
	my ($dump) = @_;

	unlink($c->db, $c->db . '.lock');
	$c->must({ stdin => $dump }, qw(-q import));
	my $texts = texts($c->content);
	return join '; ', map { s/\0\z//r . "=$texts->{$_}" } sort keys %$texts;
}
is(imported("${head}a\t5\t6\t7\tkeep"), 'a=5 6 7 keep', 'no newline at its end');
is(imported("$head\n\n# x\na\t5\t6\t7\t\n#\n\n"), 'a=5 6 7',
    'comments and empty lines');
is(imported("${head}a\t5\t6\t7\n"), 'a=5 6 7', 'no tab before empty flags');
is(imported("$head\t5\t6\t7\t\n"), '=5 6 7', 'the empty item');
is(imported("${head}\\043a\\134\\011\t5\t6\t7\t\n"), "#a\\\t=5 6 7", 'escapes');
is(imported("${head}\xff\xc3\xa9\t5\t6\t7\t\n"), "\xff\xc3\xa9=5 6 7",
    'bytes that an editor left as they are');
is(imported("${head}k\\000\tv\\000w\n"), "k=v\0w", 'key and value');
for my $how ('< "$3"', '- < "$3"', '"$3"', '/dev/stdin < "$3"', '< "$4"',
    '"$4"') {
	my $file = "$directory/forms";

	Command::spew($file, "${head}a\t5\t6\t7\tkeep\n");
	unlink($c->db, $c->db . '.lock');
	system('mkfifo', "$directory/fifo") if !-p "$directory/fifo";
	my $r = $c->program({}, '/bin/sh', '-c', 'cat "$3" > "$4" & "$1" -d "$2" '
	    . "-q import $how", 'sh', Tree::build('exigrey'), $c->db, $file,
	    "$directory/fifo");
	is("$r->{status}$r->{err}", '0', "import $how: done");
	is(Command::text($c->content->{"a\0"}), '5 6 7 keep', "import $how: read");
	# Whom nobody read from.
	system("cat '$directory/fifo' > /dev/null") if $how !~ /\$4/;
}

# Mistakes: each in the last of many lines; file and line are named, and
# nothing at all is written.
$c->fill('there' => [10, 10, 1]);
$before = $c->content;
my @mistakes = (
    ['a', qr/it has 1 field: want item, created, used, count and flags/],
    ["a\t5\t6", qr/it has 3 fields/],
    ["a\t5\t6\t7\tkeep\tx", qr/it has 6 fields/],
    ["a\t5\t6\t7\t\t\t\t", qr/fields/],
    ["a\tx\t6\t7\t", qr/created is 'x', not a number/],
    ["a\t\t6\t7\t", qr/created is '', not a number/],
    ["a\t5\t-6\t7\t", qr/used is '-6', not a number/],
    ["a\t5\t6\t07\t", qr/count is '07', not a number/],
    ["a\t5\t6\t9223372036854775808\t", qr/count is '9223372036854775808'/],
    ["a\t5\t6\t 7\t", qr/count is ' 7', not a number/],
    ["a\t5\t6\t7\tkeep  x", qr/are no flags/],
    ["a\t5\t6\t7\tkeep ", qr/are no flags/],
    ["a\t5\t6\t7\tnote=%zz", qr/'note=%zz' is no flag/],
    ["a\t5\t6\t7\ta:b", qr/'a:b' is no flag/],
    ["a\t5\t6\t7\texpires=soon", qr/expires needs seconds/],
    ["a\t5\t6\t7\tkeep\r", qr/'keep\\015' are no flags/],
    ["a\t5\t6\t7\tnote=" . 'x' x 4096, qr/flags are longer than/],
    ["a\\q\t5\t6\t7\t", qr/the item has a wrong escape/],
    ["a\\\t5\t6\t7\t", qr/the item has a wrong escape/],
    ["a\\777\t5\t6\t7\t", qr/the item has a wrong escape/],
    ["a\0b\t5\t6\t7\t", qr/holds a NUL: write \\000/],
    ["\0", qr/holds a NUL/],
    ["a\\q\tx", qr/a wrong escape/], ["a\tx\\q", qr/a wrong escape/],
    ['x' x 65537 . "\t5\t6\t7\t", qr/the item is longer than 65536 bytes/],
);
for my $case (@mistakes) {
	my ($line, $want) = @$case;
	my $name = substr($line =~ s/([^ -~])/sprintf '\\%03o', ord $1/ger, 0,
	    30);
	my $file = "$directory/wrong";

	Command::spew($file, join '', $head, (map { "new$_\t5\t6\t7\t\n" }
	    1 .. 600), "$line\n");
	my $r = $c->run(qw(import --replace), $file);
	is($r->{status}, 2, "$name: status");
	like($r->{err}, qr/^exigrey: \Q$file\E: line 602: .*$want/,
	    "$name: named");
	like($r->{err}, qr/^exigrey: \Q$file\E: 1 mistake: nothing was written$/m,
	    "$name: said");
	is($r->{out}, '', "$name: nothing else");
	is_deeply($c->content, $before, "$name: nothing written");
	is($c->run('import', '-n', $file)->{status}, 2, "$name: --dry-run, too");
}
$r = $c->run({ stdin => $head . "x\n" x 30 }, 'import');
is(() = $r->{err} =~ /standard input: line \d+: /g, 20, 'not all are named');
like($r->{err}, qr/\.\.\. and 10 mistakes more\n.*: 30 mistakes: nothing was/,
    'but all counted');
for my $case (["# exigrey dump 2\n", 'it is a dump of version 2; this exigrey '
    . 'reads version 1'], ["# exigrey dump 4294967297\n", 'it is a dump of '
    . 'version 4294967297; this exigrey reads version 1'],
    map { [$_, "it is no dump: the first line must be '# exigrey dump 1'"] }
    '', "\n", "a\t5\t6\t7\t\n", "# exigrey dump\n", "#exigrey dump 1\n",
    "# exigrey dump 1x\n", "# exigrey dump -1\n", "# exigrey dump 1\r\n",
    "\n# exigrey dump 1\n", "\0" x 100, random_bytes(3000)) {
	my ($dump, $want) = @$case;
	my $name = substr($dump =~ s/([^ -~])/sprintf '\\%03o', ord $1/ger, 0,
	    30);
	my $r = $c->run({ stdin => "$dump" . "a\t5\t6\t7\t\n" x ($dump ne '') },
	    'import');

	is($r->{status}, 2, "'$name': status");
	is($r->{err}, "exigrey: standard input: $want\n", "'$name': said");
	is_deeply($c->content, $before, "'$name': nothing written");
}
for my $case (["$directory/nowhere", qr/cannot open '.*nowhere': No such file/],
    [$directory, qr/\Q$directory\E: cannot read: Is a directory/]) {
	my ($file, $want) = @$case;
	my $r = $c->run('import', $file);

	is($r->{status}, 2, "import $file: status");
	like($r->{err}, $want, "import $file: said");
}
is($c->run({ stdin => "x\n" }, 'import')->{status}, 2, 'a mistake ...');
unlink($c->db, $c->db . '.lock');
$c->run({ stdin => "${head}x\n" }, 'import');
ok(!-e $c->db, '... makes no database');

# Killed while it writes: sound, each record whole, and doing it again is all.
my %many = map { ("item $_\0" => "$_ 6 7 note=" . 'x' x ($_ % 150)) }
    1 .. 30000;
Command::spew("$directory/many", join '', $head,
    map { my $value = $many{$_}; (s/\0//r, "\t", $value =~ s/ /\t/gr, "\n") }
    sort keys %many);
my $partial = 0;
for my $round (1 .. 6) {
	unlink($c->db, $c->db . '.lock');
	$c->must('-q', 'set', 'before', '--count', '3');
	my $small = -s $c->db;
	my $child = $c->start(qw(-q import), "$directory/many");
	Command::wait_until(sub { -s $c->db > $small * $round * 8 });
	kill('KILL', $child);
	waitpid($child, 0);
	my $killed = $? == 9;
	my $check = $c->run('check');
	is("$check->{status} $check->{err}" =~ s/exigrey: database .* was recovered \(a writer had died\): \d+ records\n//r, '0 ',
	    "killed $round: sound");
	my $texts = texts($c->content);
	is(delete($texts->{"before\0"}) =~ / 3$/, 1,
	    "killed $round: what was there is there");
	$partial++ if $killed && keys %$texts > 0 && keys %$texts < 30000;
	is((grep { ($many{$_} // '') ne $texts->{$_} } keys %$texts), 0,
	    "killed $round: each record is whole");
	my $n = keys %$texts;
	is($c->must('import', "$directory/many"), (30000 - $n) . ' added, 0 '
	    . "replaced, $n the same, 0 existed and stayed\n",
	    "killed $round: done again");
	$texts = texts($c->content);
	is((grep { $many{$_} ne ($texts->{$_} // '') } keys %many), 0,
	    "killed $round: all are there");
}
cmp_ok($partial, '>=', 3, 'most were killed half-way');

# A full disk.
SKIP: {
	my $disk = "$directory/disk";
	my $why = Command::small_disk($disk, '1m');
	skip("a full disk: $why", 1) if $why ne '';
	my $full = Command->new(db => "$disk/seen", directory => $directory);
	my @old = map { "old $_\t5\t6\t$_\tkeep\n" } 1 .. 2000;

	is($full->must({ stdin => join '', $head, @old }, 'import'), '2000 added,'
	    . " 0 replaced, 0 the same, 0 existed and stayed\n", 'disk: old');
	my $r = $full->run('import', "$directory/many");
	is($r->{status}, 2, 'full disk: status');
	like($r->{err}, qr/^exigrey: database '\Q$disk\E\/seen': .*no space/mi,
	    'full disk: said');
	like($r->{out}, qr/^\d+ added, 0 replaced/, 'full disk: how far it came');
	for my $command (['list', '--match', 'old *'], ['export', '--match',
	    'old *']) {
		my $r = $full->run(@$command);
		is($r->{status}, 0, "full disk: @$command: status");
		is(() = $r->{out} =~ /^.*\bold \d.*$/mg, 2000,
		    "full disk: @$command: all");
	}
	is($full->run('show', 'old 77')->{status}, 0, 'full disk: show');
	system('mount', '-o', 'remount,size=40m', $disk) == 0 or die;
	like($full->run('import', "$directory/many")->{out}, qr/^\d+ added/,
	    'room again: done');
	is($full->run('check')->{status}, 0, 'room again: sound');
	my $texts = texts($full->content);
	is((grep { $many{$_} ne ($texts->{$_} // '') } keys %many), 0,
	    'room again: all are there');
	is((grep { "5 6 $_ keep" ne ($texts->{"old $_\0"} // '') } 1 .. 2000), 0,
	    'room again: and what was there before');

	# Where the dump goes.
	Command::spew("$disk/dump", 'old');
	my $room = (split ' ', (`df -k '$disk'`)[-1])[3] - 100;
	Command::spew("$disk/filler", 'x' x ($room * 1024));
	my $large = Command->new(db => $other, directory => $directory);
	$r = $large->run(qw(export --output), "$disk/dump");
	is($r->{status}, 2, 'full disk: --output: status');
	like($r->{err}, qr/^exigrey: cannot write '\Q$disk\E\/dump\.\w+': No space left on device$/m,
	    'full disk: --output: said');
	is(Tree::slurp("$disk/dump"), 'old', 'full disk: the old file stays');
	is(join(' ', glob("$disk/dump*")), "$disk/dump",
	    'full disk: nothing else is left');

	# What comes from a pipe is kept in /tmp.
	skip('/tmp: the build is below it', 1)
	    if Tree::build('exigrey') =~ m(^/tmp/);
	my $elsewhere = Command->new(db => tempdir(DIR => '/var/tmp',
	    CLEANUP => 1) . '/seen', directory => $directory);
	my @on_full_tmp = ('unshare', '-m', '/bin/sh', '-c',
	    'exec 3< "$3" && mount -t tmpfs -o size=100k none /tmp && '
	    . 'cat <&3 | "$1" -d "$2" import', 'sh', Tree::build('exigrey'),
	    $elsewhere->db, "$directory/many");
	$r = $elsewhere->program({}, @on_full_tmp);
	skip("/tmp: $r->{err}", 1) if $r->{err} =~ /unshare|mount/;
	for my $size (-s "$directory/many", 100 * 1024 + 500) {
		# The last piece of the second only comes with the flush.
		truncate("$directory/many", $size) or die;
		$r = $elsewhere->program({}, @on_full_tmp);
		is($r->{status}, 2, "/tmp is full, $size bytes: status");
		is($r->{err}, 'exigrey: cannot keep a copy of standard input: '
		    . "No space left on device\n", '/tmp is full: said');
		ok(!-e $elsewhere->db, '/tmp is full: nothing is written');
	}
}

# --output: whole or not at all.
sub temporaries { return join ' ', glob("$directory/out.dump?*") }
my $out = "$directory/out.dump";
$c->fill('a' => [10, 10, 1]);
umask(027);
is($c->must('export', '-o', $out), '', '--output: nothing on standard output');
is(Tree::slurp($out), $c->must('export'), '--output: the same');
is(sprintf('%04o', (stat $out)[2] & 07777), '0640', '--output: mode');
umask(022);
is(temporaries(), '', '--output: nothing else is left');
Command::spew($out, 'old');
is($c->run('export', '--regex', '(', '--output', $out)->{status}, 2,
    '--output, a mistake');
is(Tree::slurp($out), 'old', '--output, a mistake: the old file stays');
is(temporaries(), '', '--output, a mistake: nothing else is left');
for my $case (['', qr/--output: name a file/],
    ["$directory/none/x", qr/cannot make '.*none\/x\.\w+': No such file/],
    ["$directory/db", qr/'.*db' is no file: use > instead/]) {
	my ($file, $want) = @$case;
	my $r = $c->run('export', '--output', $file);

	is($r->{status}, 2, "--output '$file': status");
	like($r->{err}, $want, "--output '$file': said");
}
is(join(' ', glob("$directory/db.*")), '', 'nor is there');

# Killed while it waits for the lock, or while it writes.
for my $signal (qw(KILL INT TERM HUP)) {
	open(my $lock, '+<', $c->db . '.lock') or die;
	flock($lock, LOCK_EX) or die;
	my $child = $c->start('export', '-o', $out);
	# The file is there a moment before the process that cleans up.
	my $children = "/proc/$child/task/$child/children";
	ok(Command::wait_until(sub { temporaries() ne '' &&
	    (!-e $children || Tree::slurp($children) ne '') }),
	    "SIG$signal: it has begun");
	# As ^C does it: the whole group, but what kills always one only.
	kill($signal, $signal eq 'KILL' ? $child : -$child);
	waitpid($child, 0);
	close($lock);
	isnt($?, 0, "SIG$signal: killed");
	ok(Command::wait_until(sub { temporaries() eq '' }),
	    "SIG$signal: nothing is left");
	is(Tree::slurp($out), 'old', "SIG$signal: the old file stays");
}
# Damage that shows after much was written.
my $large = Command->new(directory => $directory, db => "$directory/db/large");
$large->store(%many);
my $damage = Damage->new($large->db);
$damage->put($damage->{buckets}[-1], "\377" x 4096);
like($large->run('export')->{out}, qr/(?:.*\n){1000}/,
    'damaged: found when much is written');
$r = $large->run('export', '-o', $out);
is($r->{status}, 2, 'damaged: status');
is(Tree::slurp($out), 'old', 'damaged: the old file stays');
is(temporaries(), '', 'damaged: nothing is left');

# Files are the caller's, whoever owns the database.
SKIP: {
	skip('not root', 1) if $> != 0;
	my $user = 54321;
	my $theirs = "$directory/theirs";
	my $ours = "$directory/ours";
	mkdir($theirs) && chown($user, $user, $theirs) && mkdir($ours, 0700)
	    or die;
	my $their = Command->new(db => "$theirs/seen", directory => $directory);

	Command::spew("$ours/in", "${head}a\t5\t6\t7\tkeep\n");
	chmod(0600, "$ours/in") or die;
	is($their->must('import', "$ours/in"), "1 added, 0 replaced, 0 the same, "
	    . "0 existed and stayed\n", "root imports a file of root's");
	is((stat "$theirs/seen")[4], $user, 'into a database of its owner');
	$their->must('export', '-o', "$ours/out");
	is((stat "$ours/out")[4], 0, "root exports into a file of root's");
	like(Tree::slurp("$ours/out"), qr/^a\t5\t6\t7\tkeep$/m, 'all of it');
	is(sprintf('%04o', (stat _)[2] & 07777), '0644', 'mode');
	is($their->run({ user => $user }, 'export', '-o', "$ours/no")->{status},
	    2, 'the owner may not write there');
}

done_testing;
