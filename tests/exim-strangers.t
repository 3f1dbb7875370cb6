#!/usr/bin/perl
# What strangers send, through SMTP into the database, and out of it: nothing
# raw reaches a terminal, breaks a line, or is taken for something else.
use strict;
use warnings;
use Encode ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

my $exim = PrivateExim->new(main => <<'END');
helo_accept_junk_hosts = *
helo_allow_chars = _
allow_utf8_domains
.ifdef _HAVE_I18N
smtputf8_advertise_hosts = *
.endif
END
my $command = Command->new;
my $grey = $exim->spool . '/grey';

my $delay = $exim->dlfunc('unseen', 'k', '$sender_helo_name');
my $options = $exim->dlfunc('unseen', 'k', '', '', '$sender_helo_name');
my $name = $exim->dlfunc('unseen', 'k', '', '$sender_helo_name');
my $many = $exim->dlfunc('unseen', 'k', '', '', '', '', '$sender_helo_name');
my $long = $exim->dlfunc('unseen', '$sender_helo_name' x 17);
my $helo = $exim->dlfunc('unseen', '$sender_helo_name', 0, '', '',
    '$sender_helo_name$sender_helo_name');
my $key = '<$sender_address>:<$local_part@$domain>';
my $sender = $exim->dlfunc('unseen', $key, 600, '', '',
    '$sender_host_address');
my $subject = $exim->dlfunc('unseen', '$rh_subject:', 600, '', '', '');
my $split = $exim->dlfunc('unseen', "$key/\$sender_host_address", 600,
    'split');
my $safe = $exim->dlfunc('unseen', $key, 600, 'safe', '',
    '$sender_host_address');
my %condition = (delay => $delay, options => $options, name => $name,
    many => $many, long => $long, helo => $helo, split => $split,
    safe => $safe);
my $acl = '';
for my $local (sort keys %condition) {
	$acl .= "defer\n  local_parts = $local\n  message = greylisted\n"
	    . "  condition = $condition{$local}\naccept\n"
	    . "  local_parts = $local\n";
}
$exim->set_acl(helo => 'accept', rcpt => <<"END", data => <<"DATA");
${acl}accept
  local_parts = data
defer
  message = greylisted
  condition = $sender
accept
END
defer
  message = greylisted
  condition = $subject
accept
DATA
$exim->start;

# What is ours in the log is printable, to the line's end, and the next line is
# a new one.  (Exim itself logs the name in HELO as it is.)
sub log_is_clean
{
	my ($name) = @_;
	my $news = $exim->news;
	my $ours = join "\n", $news =~ /(exigrey(?: unseen)?: .*)/g;

	unlike($ours, qr/[^\x20-\x7e\n]/, "$name: our part of the log");
	is(join("\n", grep { !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d / }
	    split /\n/, $news), '', "$name: each line of the log is Exim's");
	return $ours;
}

my %hostile = (
	'terminal escapes' => "\033[31m\033]0;title\007\033[2J",
	'control bytes' => join('', map { chr } 1 .. 9, 11, 12, 14 .. 31, 127),
	'C1 in 8 bits' => "\x9b31m\x84\x85",
	'C1 in UTF-8' => "\xc2\x9b31m",
	'UTF-8' => "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	'invalid UTF-8' => "\xc3(\xff\xfe\xed\xa0\x80",
	'formats' => '%s%n%n%1000000d%%',
	'expansions' => '${run{/bin/false}}$domain\\n\\x41',
	'quotes' => q('"`$(id)`;|&<>),
	'fields' => '1 2 3 keep;,=:/ "x"',
	'a record' => "1764400000 1764400000 9 keep",
	'modeline' => 'vim: set modeline:ex:!id: -*- mode: x -*-',
	'a dump' => "# exigrey dump 1\tx\t1",
	'a NUL' => "a\0b",
	'2000 bytes' => "\033x" x 1000,
);
my %want;	# items that must be in the database

# As HELO name: KEY and SUFFIX.  It passes at its second try.
for my $kind (sort keys %hostile) {
	my $client = $exim->client(helo => undef);
	my $bytes = $hostile{$kind};
	my $reply = $client->command("EHLO $bytes");

	if ($reply !~ /^250/) {
		note("EHLO with $kind: Exim says $reply");
		$client->quit;
		next;
	}
	for my $try (1, 2) {
		$client->command('MAIL FROM:<a@example.com>');
		$reply = $client->command('RCPT TO:<helo@example.org>');
		$client->reset;
	}
	$client->quit;
	is($reply, '250 Accepted', "EHLO with $kind: passes the second time");
	log_is_clean("EHLO with $kind");
}

# As sender, in a quoted local part.
for my $kind (sort keys %hostile) {
	my $client = $exim->client;
	my $quoted = $hostile{$kind} =~ s/(["\\])/\\$1/gr;
	my $reply = $client->command("MAIL FROM:<\"$quoted\"\@example.com>"
	    . ($kind =~ /^(C1 in )?UTF-8/ ? ' SMTPUTF8' : ''));

	if ($reply =~ /^2/) {
		$reply = $client->command('RCPT TO:<b@example.org>');
		like($reply, qr/^451 greylisted/, "sender with $kind: new");
	} else {
		note("sender with $kind: Exim says $reply");
	}
	log_is_clean("sender with $kind");
	$client->quit;
}

# A header has newlines, and may have many bytes.
for my $case ("a\r\n b\033[31m\r\n\tc", 'x' x 60000, "y\r\n " x 20000) {
	my $client = $exim->client;

	$client->envelope('a@example.com', 'data@example.org');
	like($client->data("Subject: $case\r\n\r\ntext"), qr/^451 greylisted/,
	    'a subject of ' . length($case) . ' bytes');
	log_is_clean('a subject of ' . length($case) . ' bytes');
	$client->quit;
}

# Used where no client's text belongs: 451, and the log is clean all the same.
for my $local (qw(delay options name many long)) {
	for my $kind ('terminal escapes', 'C1 in 8 bits', 'formats',
	    '2000 bytes', 'invalid UTF-8') {
		my $text = $local eq 'long' ? "\033\x9b%n" x 1000 :
		    $hostile{$kind};
		my $client = $exim->client(helo => undef);

		# Many bytes do for the name of a database.
		next if $local eq 'name' && $kind !~ /escapes|2000/;
		next if $client->command("EHLO $text") !~ /^250/;
		like($client->envelope('a@example.com', "$local\@example.org"),
		    qr/^451 (?!greylisted)/, "$kind as $local: 451");
		$client->quit;
		like(log_is_clean("$kind as $local"), qr/exigrey unseen: /,
		    "$kind as $local: the log names us");
	}
}
ok(!-e "$grey/x" && join(' ', map { s/.*\///r } glob("$grey/*")) eq
    'seen seen.lock', 'no other database was made');

# Out again: what Exim let in is there, byte by byte, and printed harmlessly.
my $db = "$grey/seen";
my %content = %{$command->content($db)};
my @items = sort map { s/\0\z//r } keys %content;
cmp_ok(scalar @items, '>', 20, scalar(@items) . ' items');
my $raw = join '', @items;
for my $kind ('terminal escapes', 'C1 in 8 bits', 'invalid UTF-8', 'formats',
    'expansions', '2000 bytes') {
	cmp_ok(index($raw, $hostile{$kind}), '>=', 0, "$kind are stored raw");
}
like($raw, qr/a\n b\033\[31m/, 'so is a newline');
sub exigrey
{
	my (@arguments) = @_;
	my $how = ref $arguments[0] ? shift @arguments : {};
	my $r = $command->run({ no_db => 1, %$how }, '-d', $db, @arguments);
	my ($what) = grep { !/^-/ } @arguments;

	is($r->{status}, 0, "$what: status") if !$how->{may_fail};
	unlike($r->{out} . $r->{err}, qr/[\x00-\x08\x0b-\x1f\x7f]/,
	    "$what: no control byte");
	unlike($r->{out} . $r->{err}, qr/[\x80-\x9f]/, "$what: no C1 byte")
	    if "@arguments" !~ /json/;
	return $r->{out};
}
my $lines = () = exigrey('list') =~ /\n/g;
is($lines, 1 + @items, 'list: a line for each');
$lines = () = exigrey(qw(list --format tab)) =~ /\n/g;
is($lines, 0 + @items, 'list --format tab: a line for each');
my $json = exigrey(qw(list --format json));
my @objects = Command->json($json);
is(scalar @objects, scalar @items, 'list --format json: an object for each');
unlike(Encode::decode('UTF-8', $json, Encode::FB_CROAK | Encode::LEAVE_SRC),
    qr/[\x80-\x9f]/, 'which is UTF-8 without C1');
exigrey(qw(stats));
exigrey(qw(stats --format tab));
exigrey(qw(stats --prometheus));
exigrey(qw(check));
for my $item (@items) {
	exigrey('show', '--', $item) if $item !~ /\0/ && length $item < 100000;
}
exigrey('delete', '--dry-run', '--regex', '.');
is(exigrey({ may_fail => 1 }, 'show', '--', "no\033[31m\x9b"), '',
    'what is not there');
my $dump = exigrey(qw(export));
my $other = Command->new;
$other->program({ stdin => $dump }, Tree::build('exigrey'), '-q', '-d',
    $other->db, 'import');
is_deeply($other->content, \%content,
    'export and import give back every byte');

# Into an editor and back: nothing changes, nothing is taken for a setting.
Command::spew($command->directory . '/editor', <<"END");
#!/bin/sh
cp "\$1" '${\$command->directory}/edited'
END
chmod(0755, $command->directory . '/editor');
exigrey({ env => { EDITOR => $command->directory . '/editor' } }, 'edit');
my @edited = split /\n/, Tree::slurp($command->directory . '/edited');
unlike(join('', @edited), qr/[^\x20-\x7e\t]/, 'edit: the text is printable');
is(join('', grep { !/^#/ } @edited[0 .. 4, -5 .. -1]), '',
    "edit: no stranger's text in the first and last five lines");
is_deeply($command->content($db), \%content, 'edit: nothing changed');

# The debugging output of Exim.
my (undef, undef, $debug) = $exim->run('', '-d', '-be', $exim->dlfunc(
    'unseen', "k\033[2J\x9b2J\xc2\x9b2J", 600, '', '', "host\x9b"));
my ($ours) = $debug =~ /^(exigrey: unseen .*)$/m;
unlike($ours, qr/[^\x20-\x7e]/, '-d: a printable line');

# The slash: with four arguments the sender chooses what is whitelisted.
sub rcpt
{
	my ($from, $sender, $recipient) = @_;
	my $client = $exim->client(from => $from);
	my $reply = $client->envelope($sender, "$recipient\@example.org");

	$client->quit;
	return $reply;
}
my $greylisted = qr/^451 greylisted/;
for my $form (qw(split safe)) {
	my $db = "$grey/$form";
	my $is_safe = $form eq 'safe';
	my $item = $is_safe ? "<a/x\@one.example>:<$form\@example.org>" : '<a';

	like(rcpt('127.0.0.66', 'a/x@one.example', $form), $greylisted,
	    "$form: a sender with a slash is new");
	is(join(' ', sort keys %{$command->content($db)}), "$item\0",
	    "$form: what is stored");
	$command->run({ no_db => 1 }, '-d', $db, qw(-q set --created -1h --),
	    $item);
	is(rcpt('127.0.0.66', 'a/x@one.example', $form), '250 Accepted',
	    "$form: it comes back and passes");
	my $reply = rcpt('127.0.0.77', 'a/y@two.example', $form);
	like($reply, $is_safe ? $greylisted : qr/^250 Accepted/,
	    "$form: another sender with a slash, another host: "
	    . ($is_safe ? 'is put off' : 'passes, that is the trap'));
	is(exists $command->content($db)->{"127.0.0.66\0"} ? 1 : 0,
	    $is_safe ? 1 : 0, "$form: the host is whitelisted, or not");
	log_is_clean($form);
}
is($exim->log('panic'), '', 'no panic') if $> == 0;
done_testing;
