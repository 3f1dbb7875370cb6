#!/usr/bin/perl
# exigrey stats, check, repair and compact: what they tell of a file, and what
# they make of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Fcntl qw(:flock);
use Test::More;
use Command;
use Damage;

my $c = Command->new;
my $directory = $c->directory;
my $day = 86400;
my @all = ([qw(stats)], [qw(stats --prometheus)], [qw(check)], [qw(repair)],
    [qw(repair --force)], [qw(compact)], [qw(compact --block-size 1024)]);

# No database yet.
for my $command (@all) {
	my $r = $c->run(@$command);

	is("$r->{status} $r->{out}", '0 ', "no database: @$command: status");
	is($r->{err}, "exigrey: no database '" . $c->db . "' yet: Exim makes it "
	    . "at the first check\n", "no database: @$command: said");
	is($c->run('-q', @$command)->{err}, '', "no database: -q @$command");
}
ok(!-e $c->db, 'no database: none was made');

# What stats counts.  [item, created ago, used ago, count, flags]
my @known = (
    ['g1', 100, 100, 0], ['g2', 300, 300, 0], ['g3', $day - 60, $day - 60, 0],
    ['e1', 2 * $day, 2 * $day, 0], ['e2', 3 * $day, 3 * $day, 0],
    ['e3', 50 * $day, 40 * $day, 1], ['e4', 10, 10, 4, 'expires=5'],
    ['p1', 1000, 400, 1], ['p2', 1000, 100, 1], ['p3', 5000, 10, 7],
    ['p4', 90, 30, 1], ['k1', 9000, 8000, 1, 'keep'],
    (map { ["auto$_", $_ * 100, $_, $_ * 2, 'auto'] } 1 .. 12),
    ["auto\xff", 5000, 5000, 24, 'auto'], ["auto\n", 5000, 5000, 25, 'auto'],
);
# From the first try to the first pass, of those of which it is known.
my @retries = (600, 900, 60, 10 * $day);

sub begin
{
	my (%values) = @_;

	unlink($c->db, $c->db . '.lock');
	$c->store(%values);
}

sub store_known
{
	my ($now) = @_;

	begin("broken\0" => 'x', "foreign" => "5 6 7\0", map {
		my ($item, $created, $used, $count, $flags) = @$_;
		("$item\0" => join ' ', $now - $created, $now - $used, $count,
		    $flags // ())
	} @known);
}

my ($json, $text, $tab, $prometheus) = Command::in_one_second(sub {
	store_known(@_);
	return map { $c->must('stats', @$_) } [qw(--format json)], [],
	    [qw(--format tab)], ['--prometheus'];
});
my ($got) = $c->json($json);
is(() = $json =~ /\n/g, 1, 'JSON: one line');
is_deeply($got->{states}, { grey => 3, passed => 4, auto => 14, kept => 1,
    trapped => 0, expired => 4 }, 'states');
my %want = (records => 28, broken => 2, passes => 1 + 4 + 1 + 1 + 7 + 1 + 1 +
    156 + 24 + 25, never_retried => 2, file_size => -s $c->db,
    block_size => 4096, advised_block_size => 4096);
is($got->{$_}, $want{$_}, "JSON: $_") for sort keys %want;
my %values = (age_seconds => [map { $_->[1] } @known],
    idle_seconds => [map { $_->[2] } @known], retry_seconds => \@retries);
for my $name (sort keys %values) {
	my @sorted = sort { $a <=> $b } @{$values{$name}};

	is($got->{$name}{n}, scalar @sorted, "$name: number");
	is($got->{$name}{max}, $sorted[-1], "$name: largest");
	for my $part (qw(0.5 0.9 0.99)) {
		my $exact = $sorted[POSIX::ceil($part * @sorted) - 1];

		cmp_ok($got->{$name}{$part}, '>=', $exact, "$name: $part");
		cmp_ok($got->{$name}{$part}, '<=', $exact * (1 + 1 / 64),
		    "$name: $part, not much more");
	}
}
is(join(' ', map { ($_->{item} // $_->{item_hex}) =~ s/\n/N/r . "=$_->{count}"
    } @{$got->{top}}), 'autoN=25 auto12=24 6175746fff=24 auto11=22 auto10=20 '
    . 'auto9=18 auto8=16 auto7=14 auto6=12 auto5=10', 'the top, in order');

# The same figures in the other forms.
my %tab = map { (split /\t/)[0, 1] } split /\n/, $tab;
my %flat = (%$got, %{$got->{states}}, map { my $name = $_;
    map { ("$name $_" => $got->{$name}{$_}) } keys %{$got->{$name}} }
    keys %values);
delete @flat{qw(states top age_seconds idle_seconds retry_seconds)};
my @top = map { [split /\t/] } grep { /^top/ } split /\n/, $tab;
delete $tab{top};
is_deeply(\%tab, \%flat, 'tab has what JSON has');
is(scalar @top, 10, 'the top, too');
is("@{$top[0]}", 'top 25 auto\012', 'escaped');
unlike($tab, qr/[^ -~\t\n]/, 'tab is ASCII');
for my $line ('records:           28', '  grey             3 (10.7 %)',
    '  do not parse     2 (exigrey check names them)', 'passes:            221',
    'never came back:   2', '            25  auto\012') {
	like($text, qr/^\Q$line\E$/m, "text: $line");
}
like($text, qr/^first retry after: median 10m\d*s?, 90 % 10d.*longest 10d$/m,
    'text: retries');
unlike($text, qr/[^ -~\n]|advice/, 'text is ASCII, and all is well');

# The exposition format of Prometheus.
sub samples
{
	my ($text, $name) = @_;
	my (%help, %type, %sample, %ended, $family);

	like($text, qr/\n\z/, "$name: ends in a newline");
	for my $line (split /\n/, $text) {
		if ($line =~ /^# (HELP|TYPE) (\S+) (.+)$/) {
			my $seen = $1 eq 'HELP' ? \%help : \%type;
			fail("$name: $line, twice") if $seen->{$2}++;
			fail("$name: $line") if $1 eq 'TYPE' &&
			    $3 !~ /^(?:gauge|counter|summary|histogram|untyped)$/;
			next;
		}
		if ($line !~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?\d+(?:\.\d+)?)$/) {
			fail("$name: $line");
			next;
		}
		fail("$name: $line: twice") if exists $sample{"$1 $2"};
		fail("$name: $1: HELP and TYPE") if !$help{$1} || !$type{$1};
		if (($family // '') ne $1) {
			fail("$name: $1 in one piece") if $ended{$1}++;
			$family = $1;
		}
		$sample{"$1 $2"} = $3;
	}
	is(join(' ', grep { !$ended{$_} } sort keys %type), '',
	    "$name: a sample for each");
	return \%sample;
}
my $samples = samples($prometheus, 'Prometheus');
is($samples->{"exigrey_records db=\"seen\",state=\"$_\""}, $got->{states}{$_},
    "Prometheus: $_") for keys %{$got->{states}};
for my $case (['broken_records', 'broken'], ['passes', 'passes'],
    ['never_retried', 'never_retried'], ['file_size_bytes', 'file_size'],
    ['free_space_bytes', 'free_space'], ['block_size_bytes', 'block_size']) {
	is($samples->{"exigrey_$case->[0] db=\"seen\""}, $got->{$case->[1]},
	    "Prometheus: $case->[0]");
}
for my $name (sort keys %values) {
	is($samples->{"exigrey_$name db=\"seen\",quantile=\"$_\""},
	    $got->{$name}{$_}, "Prometheus: $name $_") for qw(0.5 0.9 0.99);
}
like($samples->{'exigrey_stats_time_seconds db="seen"'}, qr/^\d{10}$/,
    'Prometheus: time');
is(scalar keys %$samples, 6 + 6 + 9 + 1, 'Prometheus: no more');
my $odd = Command->new(directory => $directory,
    db => "$directory/db/a \"b\\c");
$odd->must(qw(-q set x));
my $odd_samples = samples($odd->must(qw(stats --prometheus)), 'an odd name');
is($odd_samples->{'exigrey_records db="a \"b\\\\c",state="grey"'}, 1,
    'Prometheus: an odd name');
my $prom = "$directory/exigrey.prom";
is($c->must(qw(stats --prometheus --output), $prom), '', '--output: silent');
is_deeply([sort keys %{samples(Tree::slurp($prom), '--output')}],
    [sort keys %$samples], '--output: the same samples');
is(sprintf('%04o', (stat $prom)[2] & 07777), '0644', '--output: all may read');
is(join(' ', glob("$directory/*.prom*")), $prom, '--output: nothing else');
my $r = $c->run(qw(stats --prometheus --format json));
is("$r->{status} $r->{err}", "2 exigrey: --prometheus and --format exclude each "
    . "other\n", '--prometheus --format');
($got) = $c->json($c->must(qw(stats --format json --grey 0 --passed 0)));
is($got->{states}{expired}, 1, 'lifetimes');

# What is in the file.
sub report { return ($c->json($c->must(qw(check --format json))))[-1] }
begin(map { ("i$_\0" => Command::value("i$_\0", '5 6 7 keep')) } 1 .. 3000);
my $full = report();
is_deeply($full, { records => 3000, problems => 0, file_size => -s $c->db,
    free_space => $full->{free_space}, block_size => 4096 }, 'check: sound');
like($c->must('check'), qr/^sound: 3000 records in \d+\.\d kB, \d+\.\d kB of it free; nothing is wrong\n\z/,
    'check: text');
is($c->must(qw(-q check)), '', 'check -q: silent');
is($c->must(qw(check --format tab)), join('', map { "$_\t$full->{$_}\n" }
    qw(records problems file_size free_space block_size)), 'check: tab');
($got) = $c->json($c->must(qw(stats --format json)));
is_deeply([@$got{qw(file_size free_space block_size)}],
    [@$full{qw(file_size free_space block_size)}], 'stats says the same');
$c->must('-q', 'delete', map { "i$_" } 1 .. 1000);
cmp_ok(report()->{free_space} - $full->{free_space}, '>', 1000 * 32,
    'what is deleted is free');
cmp_ok(report()->{file_size}, '>=', $full->{file_size},
    'the file is no smaller');

# Records that are none.
$c->store("broken\0" => "x\0", "foreign" => 'y', "\377\0" => '5 5');
$r = $c->run('check');
is($r->{status}, 1, 'broken records: status');
is(join("\n", sort split /\n/, $r->{out} =~ s/\d+\.\d kB/SIZE/gr) . "\n", <<'END', 'broken records: named');
NOT SOUND: 2003 records in SIZE, SIZE of it free; 3 problems: exigrey edit or delete mends it
problem: a key without a NUL at its end: foreign
problem: the value is not 'created used count': \377
problem: the value is not 'created used count': broken
END
my @problems = $c->json($c->run(qw(check --format json))->{out});
is(join(' ', sort map { $_->{key_hex} // '-' } @problems),
    '- 62726f6b656e00 666f726569676e ff00', 'JSON: the keys as they are');
is($problems[-1]{problems}, 3, 'JSON: counted');
like($c->run(qw(check --format tab))->{out}, qr/^problem\ta key without a NUL at its end\tforeign$/m,
    'tab');
like($c->run(qw(-q check))->{out}, qr/^problem: /, '-q: named all the same');
like($c->must('repair'), qr/^the file is sound, so nothing was done/,
    'nothing for repair');
$c->store(map { ("b$_\0" => 'x') } 1 .. 1500);
$r = $c->run('check');
is(() = $r->{out} =~ /^problem: /mg, 1000, 'not all are named');
like($r->{out}, qr/^\.\.\. and 503 problems more\n.* 1503 problems: /m,
    'but counted');
like($c->run('stats')->{out}, qr/^  do not parse +1503 /m, 'stats counts them');

# A wrong count in the lock file.
begin(map { ("i$_\0" => "5 6 7\0") } 1 .. 10);
my $lock = Tree::slurp($c->db . '.lock');
Command::spew($c->db . '.lock', $lock =~ s/ 10 none / 12 none /r);
$r = $c->run('check');
is($r->{status}, 1, 'a wrong count: status');
like($r->{out}, qr/^problem: the lock file counts 12 records, the database has 10\n.*see exigrey help repair$/m,
    'a wrong count: named');
like($c->must('repair'), qr/^repaired: 10 records are in the new file, 0 places/,
    'a wrong count: repaired');
is($c->run('check')->{status}, 0, 'a wrong count: sound');

my %intact = map { ("key $_\0" => "$_ $_ $_ note=" . 'x' x ($_ % 50)) }
    1 .. 1000;

# Each kind of damage: [name, what to do, what check says, is it lost?]
my @damages = (
    ['records in the wrong bucket', sub {
	my ($d) = @_;
	my $n = $d->{entries};
	$d->put64($d->{directory_at} + 8 * $_, $d->{buckets}[($_ + $n / 2) % $n])
	    for 0 .. $n - 1;
    }, qr/hash does not lead/],
    ['a bucket of the wrong width', sub {
	my ($d) = @_;
	my $at = $d->{bucket} + Damage::BUCKET_BITS;
	$d->put32($at, $d->get32($at) + 1);
    }, qr/wrong places/],
    ['a wrong count', sub {
	my ($d) = @_;
	my $at = $d->{bucket} + Damage::BUCKET_COUNT;
	$d->put32($at, $d->get32($at) - 1);
    }, qr/miscounts/],
    ['a key with another hash', sub {
	my ($d) = @_;
	$d->put32($d->{$_}, $d->get32($d->{$_}) ^ 1) for qw(element other);
    }, qr/has not the hash(?:.*\n)+.*has not the hash/],
    ['two records in one place', sub {
	my ($d) = @_;
	$d->put64($d->{element} + Damage::ELEMENT_AT,
	    $d->get64($d->{other} + Damage::ELEMENT_AT));
    }, qr/shares space/],
    ['a record beyond the end', sub {
	my ($d) = @_;
	$d->put64($d->{element} + Damage::ELEMENT_AT, $d->{size} - 3);
    }, qr/outside the file/],
    ['a record of 2 GB', sub {
	my ($d) = @_;
	$d->put32($d->{element} + Damage::ELEMENT_KEY, 0x7fffffff);
    }, qr/outside the file/],
    ['free space in use', sub {
	my ($d) = @_;
	$d->put32($d->{bucket} + Damage::SPACE_COUNT, 1);
	$d->put32($d->{bucket} + Damage::FIRST_SPACE, 5);
	$d->put64($d->{bucket} + Damage::FIRST_SPACE + 8,
	    $d->get64($d->{element} + Damage::ELEMENT_AT));
    }, qr/in use too/],
    ['free space beyond the end', sub {
	my ($d) = @_;
	$d->put32($d->{bucket} + Damage::SPACE_COUNT, 1);
	$d->put32($d->{bucket} + Damage::FIRST_SPACE, 100);
	$d->put64($d->{bucket} + Damage::FIRST_SPACE + 8, $d->{size} - 50);
    }, qr/outside the file/],
    ['too many stretches of free space', sub {
	my ($d) = @_;
	$d->put32($d->{bucket} + Damage::SPACE_COUNT, 7);
    }, qr/wrong size/],
    ['a bucket beyond the end', sub {
	my ($d) = @_;
	$d->put64($d->{directory_at}, $d->{size} + 4096);
    }, qr/outside the file/],
    ['a bucket in the directory', sub {
	my ($d) = @_;
	$d->put64($d->{directory_at}, $d->{directory_at});
    }, qr/./],
    ['a record in a bucket', sub {
	my ($d) = @_;
	$d->put64($d->{element} + Damage::ELEMENT_AT, $d->{bucket} + 8);
    }, qr/shares space/],
    ['an endless directory', sub {
	my ($d) = @_;
	$d->put64($d->{directory_at} + 8 * $_, $d->{buckets}[$_ % 2 ? -1 : 0])
	    for 0 .. $d->{entries} - 1;
    }, qr/./],
    ['a wild end', sub {
	my ($d) = @_;
	$d->put64(Damage::NEXT_BLOCK, 1 << 61);
    }, qr/not the file's/],
    ['an end beyond the file\'s', sub {
	my ($d) = @_;
	$d->put64(Damage::NEXT_BLOCK, $d->{size} + 4096);
    }, qr/does not end where/],
    ['a wrong block size', sub {
	my ($d) = @_;
	$d->put32(Damage::BLOCK_SIZE, 1 << 30);
    }, qr/block size/],
    ['a directory beyond the end', sub {
	my ($d) = @_;
	$d->put64(Damage::DIRECTORY, $d->{size} - 8);
    }, qr/outside the file/],
    ['a bucket of nonsense', sub {
	my ($d) = @_;
	$d->put($d->{bucket}, "\377" x 4096);
    }, qr/./],
    ['a file that was cut', sub {
	my ($d) = @_;
	truncate($d->{file}, $d->{size} - 3 * 4096) or die;
    }, qr/./],
    # The disk has the directory after a split, but where the halves were to
    # lie what had been there before: an old state of the bucket, which leads
    # to an old record, and nothing.
    ['an outdated half', sub {
	my ($d) = @_;
	my $end = $d->get64(Damage::NEXT_BLOCK);
	my $span = grep { $_ == $d->{bucket} } @{$d->{buckets}};
	my $half = $d->{entries} / $span * 2;
	my ($place) = grep { my $hash = $d->get32($_);
		$hash != -1 && ($hash >> 31 - log($half) / log(2)) == 0
	    } map { $d->{bucket} + Damage::ELEMENTS +
		$_ * Damage::ELEMENT_SIZE } 0 .. $d->get32(28) - 1;
	my ($key_size, $size) = map { $d->get32($place + $_) }
	    Damage::ELEMENT_KEY, Damage::ELEMENT_KEY + 4;
	my $key = $d->get($d->get64($place + Damage::ELEMENT_AT), $key_size);
	my $old = Command::value($key, $intact{$key} =~ s/^(\d+)/'7' x
	    length $1/er);
	my $bucket = $d->get($d->{bucket}, 4096);

	length $old == $size or die;
	substr($bucket, $place - $d->{bucket} + Damage::ELEMENT_AT, 8) =
	    pack('q<', $end + 4096);
	$d->put($end, $bucket . pack('a4096', $key . $old) . "\377" x 4096);
	$d->put64(Damage::NEXT_BLOCK, $end + 3 * 4096);
	$d->put64($d->{directory_at} + 8 * $_, $end +
	    ($_ < $span / 2 ? 0 : 2 * 4096)) for 0 .. $span - 1;
    }, qr/./],
);
sub values_of
{
	my %texts = @_;

	return map { $_ => Command::value($_, $texts{$_}) } keys %texts;
}
sub kept { return sort glob("'" . $c->db . ".corrupt-*'") }
sub is_saved
{
	my ($name, $least) = @_;
	my $content = $c->content;

	is((grep { ($intact{$_} // '') ne Command::text($content->{$_}) }
	    keys %$content), 0, "$name: each record is whole");
	cmp_ok(scalar keys %$content, '>=', $least, "$name: many were saved");
	return scalar keys %$content;
}
for my $case (@damages) {
	my ($name, $break, $want) = @$case;

	begin(values_of(%intact));
	unlink(kept());
	chmod(0640, $c->db);
	$break->(Damage->new($c->db));
	my $damaged = Tree::slurp($c->db);
	my $r = $c->run('check');
	is($r->{status}, 1, "$name: status");
	like($r->{out}, qr/^problem: .*$want/m, "$name: named");
	like($r->{out}, qr/^NOT SOUND: .*\d problems?: see exigrey help repair/m,
	    "$name: summed up");
	is($r->{err}, '', "$name: no complaint");
	is(Tree::slurp($c->db), $damaged, "$name: check changes nothing");
	my @problems = $c->json($c->run(qw(check --format json))->{out});
	is(scalar @problems, 1 + ($problems[-1]{problems} < 1000 ?
	    $problems[-1]{problems} : 1000), "$name: JSON");
	is($c->run('-q', 'check')->{status}, 1, "$name: -q");

	# Nothing that would lose a record is done by compact.
	$r = $c->run('compact');
	if ($r->{status} ne '0') {
		like($r->{err}, qr/cannot be read: see exigrey check, exigrey repair/,
		    "$name: compact refuses");
		is(Tree::slurp($c->db), $damaged, "$name: and changes nothing");
		is(join(' ', glob("'" . $c->db . "*'")), $c->db . ' ' . $c->db
		    . '.lock', "$name: and leaves nothing");
	} else {
		is(is_saved("$name: compact", 1000), 1000, "$name: compacted");
		Command::spew($c->db, $damaged);
	}

	$r = $c->run('repair');
	is("$r->{status} $r->{err}", '0 ', "$name: repaired");
	my $saved = is_saved($name, 800);
	my $of = $saved < 1000 ? "$saved of 1000" : $saved;
	like($r->{out}, qr/^repaired: $of records are in the new file, \d+ places?/m,
	    "$name: counted");
	my ($lost) = $r->{out} =~ /new file, (\d+) place/;
	my $told = () = $r->{out} =~ /^lost: /mg;
	is($told, $lost, "$name: losses are told");
	cmp_ok($lost, '>', 0, "$name: a loss is told") if $saved < 1000;
	my @kept = kept();
	is(scalar @kept, 1, "$name: the old file is kept");
	like($r->{out}, qr/the old file is kept as '\Q$kept[0]\E'$/m,
	    "$name: and named");
	is(Tree::slurp($kept[0]), $damaged, "$name: as it was");
	is(sprintf('%04o', (stat $c->db)[2] & 07777), '0640', "$name: mode");
	is($c->run('check')->{status}, 0, "$name: sound now");
}

# What was kept is never replaced, however often.
begin(values_of(%intact));
unlink(kept());
my @texts;
for my $round (1 .. 4) {
	$c->must('-q', 'set', "round $round");
	push @texts, Tree::slurp($c->db);
	is($c->must(qw(-q repair --force)), '', "--force $round: silent with -q");
}
my @kept = kept();
is(scalar @kept, 4, '--force: each is kept');
is(join(' ', sort map { my $text = Tree::slurp($_);
    (grep { $texts[$_] eq $text } 0 .. 3)[0] // 'other' } @kept), '0 1 2 3',
    '--force: with its content');
is(scalar keys %{$c->content}, 1004, '--force: every record is there');
# Not more than five are: then the oldest go.  What has another name stays.
my @others = map { $c->db . ".corrupt-$_" } 'mine', '5.old', '';
Command::spew($_, 'x') for @others, $c->db . '.corrupt-1', $c->db . '.corrupt-1.1';
my $repaired = $c->run(qw(-q repair --force));
is($repaired->{status}, 0, 'a sixth: done');
is(join(' ', $repaired->{err} =~ /damaged files are kept: '(seen\S*)' was removed/g),
    'seen.corrupt-1 seen.corrupt-1.1', 'a sixth: the oldest are removed, which is said');
ok(-e $_, "a sixth: $_ stays") for @others, @kept;
unlink(@others);
@kept = kept();
is(scalar @kept, 5, 'five are kept');
for my $round (1, 2) {
	$c->must(qw(-q repair --force));
	is(scalar(@kept = kept()), 5, 'five are kept');
}
@kept = kept();
is($c->must('repair'), "the file is sound, so nothing was done (--force does it "
    . "all the same)\n", 'a sound file');
is(join(' ', kept()), "@kept", 'a sound file: nothing is kept');
unlink(kept());

# compact: every record, mode and block size.
begin(values_of(%intact));
$c->must(qw(-q delete --regex [02468]$));
my $before = $c->content;
is(scalar keys %$before, 500, 'compact: half are left');
chmod(0604, $c->db);
my $size = -s $c->db;
like($c->must('compact'), qr/^500 records: \d+\.\d kB before, \d+\.\d kB now; mail waited \d+\.\d{3} s\n\z/,
    'compact: said');
cmp_ok(-s $c->db, '<', $size, 'compact: smaller');
is_deeply($c->content, $before, 'compact: every record');
is(sprintf('%04o', (stat $c->db)[2] & 07777), '0604', 'compact: mode');
is($c->must(qw(-q compact)), '', 'compact -q: silent');
for my $n (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536) {
	$c->must('-q', 'compact', '--block-size', $n);
	is(report()->{block_size}, $n, "compact --block-size $n");
	is_deeply($c->content, $before, "compact --block-size $n: every record");
}
$c->must(qw(-q compact -b 1024));
$c->must(qw(-q compact));
is(report()->{block_size}, 1024, 'compact: the block size stays');
is($c->must(qw(stats)) =~ /^advice: +exigrey compact --block-size 4096, /m, 1,
    'stats advises another');
my $now = Tree::slurp($c->db);
for my $n (0, 1, 256, 511, 4095, 65537, 131072, 1 << 32, 1 << 62, '4k', '-1',
    '') {
	my $r = $c->run('compact', "--block-size=$n");

	is($r->{status}, 2, "compact --block-size '$n': status");
	like($r->{err}, qr/^exigrey: --block-size: (?:$n is no power of two from 512 to 65536$|'$n' is no number)/,
	    "compact --block-size '$n': said");
	is(Tree::slurp($c->db), $now, "compact --block-size '$n': nothing done");
}
unlike($c->must('list', '--limit', 1), qr/recovered/, 'compact: nothing is left');

# Killed half-way: the old file or the new one, nothing between.
begin(values_of(map { ("item $_\0" => "$_ $_ $_ note=" . 'x' x ($_ % 150)) }
    1 .. 20000));
$before = $c->content;
my $new = $c->db . '.lock-new';
my $caught = 0;
for my $command ([qw(compact)], [qw(repair --force)]) {
	for my $part (1, 3, 5, 7) {
		my $child = $c->start('-q', @$command);
		Command::wait_until(sub { (-s $new // 0) > (-s $c->db) * $part / 10
		    || waitpid($child, POSIX::WNOHANG()) > 0 });
		$caught += kill('KILL', $child);
		waitpid($child, 0);
		my $left = -e $new;
		my $r = $c->run('check');
		is("$r->{status} $r->{err}", '0 ', "@$command killed: sound");
		is_deeply($c->content, $before, "@$command killed: every record");
		is($c->run('compact')->{status}, 0, "@$command killed: done again")
		    if $part == 7;
	}
}
cmp_ok($caught, '>=', 4, 'most were killed half-way');
ok(!-e $new, 'what a killed one left is gone after the next');

# A full disk.
SKIP: {
	my $disk = "$directory/disk";
	my $why = Command::small_disk($disk, '900k');
	skip("a full disk: $why", 1) if $why ne '';
	my $full = Command->new(db => "$disk/seen", directory => $directory);

	$full->store(values_of(%intact), map { ("more $_\0" => "5 6 7\0") } 1 .. 2500);
	my $before = $full->content;
	my $bytes = Tree::slurp($full->db);
	Command::spew("$disk/filler", 'x' x ((split ' ',
	    (`df -k '$disk'`)[-1])[3] * 1024 - 150000));
	for my $command ([qw(compact)], [qw(compact -b 512)],
	    [qw(repair --force)]) {
		my $r = $full->run(@$command);

		is($r->{status}, 2, "full disk: @$command: status");
		like($r->{err}, qr/\Q$disk\E\/seen.*(?:No space left on device|no space)/,
		    "full disk: @$command: said");
		is(Tree::slurp($full->db), $bytes, "full disk: @$command: the old file");
		is(join(' ', glob("$disk/*")), "$disk/filler $disk/seen $disk/seen.lock",
		    "full disk: @$command: nothing else");
	}
	for my $command ('stats', 'check') {
		is($full->run($command)->{status}, 0, "full disk: $command");
	}
	system('mount', '-o', 'remount,size=20m', $disk) == 0 or die;
	$full->must(qw(-q compact));
	is_deeply($full->content, $before, 'room again: every record');
}

# A database that somebody locks.
$c->must(qw(-q set x));
open(my $held, '+<', $c->db . '.lock') or die;
flock($held, LOCK_EX) or die;
my @waiting = map { $c->start(@$_) } @all[0, 2, 3, 5];
for my $child (@waiting) {
	waitpid($child, 0);
	is($? >> 8, 2, 'locked: status');
}
like(Tree::slurp("$directory/err"), qr/^exigrey: .*held by another process/m,
    'locked: said');
close($held);

# What is no database.
for my $command (@all) {
	my $text = "no database\n" x 1000;

	Command::spew("$directory/db/text", $text);
	my $r = $c->run({ no_db => 1 }, '-d', "$directory/db/text", @$command);
	is($r->{status}, 2, "no database: @$command: status");
	like($r->{err}, qr/^exigrey: .*db\/text'?.*no (?:GDBM|database)/,
	    "no database: @$command: said");
	is($r->{out}, '', "no database: @$command: nothing else");
	is(Tree::slurp("$directory/db/text"), $text,
	    "no database: @$command: left alone");
}

# As root on another's database.
SKIP: {
	skip('not root', 1) if $> != 0;
	my $user = 54321;
	my $theirs = "$directory/theirs";
	mkdir($theirs) && chown($user, $user + 1, $theirs) or die;
	my $their = Command->new(db => "$theirs/seen", directory => $directory);
	my $owners = sub { return join ' ', map { join ':', (stat $_)[4, 5] }
	    sort glob("$theirs/*") };
	my $owner = "$user:" . ($user + 1);

	$their->must(qw(-q set a));
	for my $command ([qw(stats)], [qw(check)], [qw(compact)],
	    [qw(compact -b 512)]) {
		$their->must(@$command);
		is($owners->(), "$owner $owner", "root: @$command");
	}
	$their->must(qw(repair -f));
	is($owners->(), "$owner $owner $owner", 'root: repair');
	my $prom = "$directory/root.prom";
	$their->must(qw(stats --prometheus -o), $prom);
	is((stat $prom)[4], 0, "root: stats --output: root's");
	chmod(0755, $theirs);
	for my $command ([qw(stats)], [qw(check)], [qw(compact)], [qw(repair)]) {
		my $r = $their->run({ user => $user + 5 }, @$command);
		is($r->{status}, 2, "a stranger: @$command: status");
		like($r->{err}, qr/belongs to user '#$user': run this as root or as that user$/m,
		    "a stranger: @$command: said");
	}
}

done_testing;
