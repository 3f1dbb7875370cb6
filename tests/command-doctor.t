#!/usr/bin/perl
# doctor says of each thing around the database whether it is as it should be:
# a real Exim is asked, whose configuration is spoilt in one way after another.
use strict;
use warnings;
use File::Copy qw(copy);
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Snippets qw(snippet adapt);
use Test::More;
use Tree;

plan skip_all => 'Exim shows its configuration to root only' if $> != 0;

my $exim = PrivateExim->new;
my $dir = $exim->dir;
my $grey = $exim->own_directory($exim->spool . '/grey', 0750);
my @ids = $exim->ids;
my $command = Command->new;

# A program "exim4" that is this Exim with its own configuration.
mkdir "$dir/bin" or die;
chmod 0755, "$dir/bin";
sub wrap
{
	my ($filter) = @_;
	my $environment = join ' ', map { "'$_'" } $exim->sanitizers;

	Command::spew("$dir/bin/exim4", <<"END");
#!/bin/sh
$environment '$exim->{exim}' -C '$exim->{conf}' "\$@" $filter
END
	chmod 0755, "$dir/bin/exim4";
}

sub set_config
{
	my ($acl, $main) = @_;

	$exim->{main} = $main // '';
	$exim->set_acl(rcpt => $acl);
}

sub doctor
{
	my (@options) = @_;
	my $r = $command->program({ env => { PATH => "$dir/bin:$ENV{PATH}" } },
	    Tree::build('exigrey'), 'doctor', @options);

	is($r->{err}, '', 'no complaint') if !@options;
	return $r;
}

# All that it says needs doing but the purge, which is this machine's.
sub needs_doing
{
	my ($r) = @_;

	return join "\n", grep { !/purge/ }
	    map { /^TODO +(.*)/ ? $1 : () } split /\n/, $r->{out};
}

my @fit = ($exim->so, '1h', $dir);
my $main = adapt(snippet('main'), @fit);
my $acl = "require verify = recipient\n" . adapt(snippet('acl-rcpt'), @fit) .
    "\naccept\n";
my $preload = adapt(snippet('main-preload'), @fit);

wrap('');
set_config($acl, "$main\n$preload");
my $r = doctor();
is(needs_doing($r), '', "README's configuration needs nothing");
like($r->{out}, qr/^ok +Exim version 4/m, 'the Exim');
like($r->{out}, qr/^ok +it can load modules/m, 'dlfunc');
like($r->{out}, qr/^ok +its own dbm lookups read \S/m, 'its DBM library');
like($r->{out}, qr/^ok +the configuration names the module/m, 'the ACL');
like($r->{out}, qr/^ok +'\Q$fit[0]\E' loads, version \d/m, 'the module');
like($r->{out}, qr/^ok +the daemon loads it once/m, 'the load before the fork');
like($r->{out}, qr/^ok +directory '\Q$grey\E' can be written/m, 'the rights');
like($r->{out}, qr/^note +no database .* yet/m, 'no database is no fault');
like($r->{out}, qr/^(?:ok|TODO) +the purge is/m, 'the purge');
is($r->{status}, $r->{out} =~ /^TODO/m ? 1 : 0, 'the exit status');

set_config($acl, $main);
like(doctor()->{out}, qr/^note +each connection loads/m, 'without that load');

set_config("accept\n");
like(needs_doing(doctor()), qr/does not name exigrey\.so/, 'no ACL');
is(doctor('-q')->{status}, 1, 'exit status 1');

my $plain = $exim->dlfunc('unseen', '$sender_address');
set_config("defer\n  condition = $plain\naccept\n");
like(needs_doing(doctor()), qr/does not guard/, 'an ACL without a guard');

my $moved = $acl =~ s/\Q$fit[0]\E/$dir\/gone\/exigrey.so/gr;
set_config($moved, $main =~ s/\Q$fit[0]\E/$dir\/gone\/exigrey.so/gr);
like(needs_doing(doctor()), qr{gone/exigrey\.so' does not load: }, 'no module');

set_config("$acl", "$main\nperl_startup = use Exim::Grey qw(unseen)\n");
SKIP: {
	skip 'an Exim without Perl', 1
	    if ($exim->run('', '-bV'))[1] !~ /\bPerl\b/;
	like(doctor()->{out}, qr/^note .*Exim::Grey may still be in use/m,
	    'Perl is still there');
}

# The files.
set_config($acl, $main);
$exim->expand($exim->dlfunc('unseen', 'x', 1, 'gdbm:seen'));
$r = doctor();
is(needs_doing($r), '', 'with a database');
like($r->{out}, qr/^(?:ok|note) +the database is a GDBM file/m, 'its kind');
set_config("warn\n  set acl_m0 = \${lookup{x}dbm{$grey/seen}}\n$acl", $main);
$r = doctor();
if (($exim->run('', '-bV'))[1] =~ /^Berkeley DB/m) {
	like(needs_doing($r), qr/GDBM file, and Exim's own lookups read Berkeley DB/,
	    'a lookup that cannot read it');
} else {
	is(needs_doing($r), '', 'a lookup');
}
set_config($acl, $main);
chown 0, 0, "$grey/seen.lock";
like(needs_doing(doctor()), qr/seen\.lock' belongs to another user/,
    "root's lock file");
chown @ids, "$grey/seen.lock";
chmod 0777, $grey;
like(needs_doing(doctor()), qr/mode 777|by everybody/, 'a directory open to all');
chmod 0750, $grey;
chown 0, 0, $grey;
like(needs_doing(doctor()), qr/chown/, "root's directory");
chown @ids, $grey;
Command::spew("$grey/text", "no database\n" x 100);
chown @ids, "$grey/text";
like(needs_doing(doctor('-d', 'text')), qr/is no database/, 'no database');

# Another Exim, as far as it says.
wrap('| sed "s/Expand_dlfunc//"');
like(needs_doing(doctor()), qr/cannot load modules: .*exim4-daemon-heavy/,
    'an Exim without dlfunc');
Command::spew("$dir/bin/exim4", "#!/bin/sh\necho broken; exit 1\n");
like(needs_doing(doctor('-d', "$grey/seen")), qr/-bV' fails: broken/,
    'an Exim that does not run');
done_testing;
