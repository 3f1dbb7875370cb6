#!/usr/bin/perl
# What "make install" puts where, and that "make uninstall" leaves nothing.
use strict;
use warnings;
use File::Find;
use File::Temp;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Tree;

my $root = Tree::root();
my $temporary = File::Temp->newdir('exigrey-XXXXXX', TMPDIR => 1);
my $build = "$temporary/build";
my $destdir = "$temporary/destdir";
my @places = qw(/usr/lib /usr/sbin /usr/share/man /usr/lib/systemd/system
    /etc/cron.d /usr/share/bash-completion/completions);

sub put
{
	my ($path, $text, $mode) = @_;

	open(my $file, '>', $path) or die "$path: $!";
	print $file $text;
	close($file);
	chmod $mode // 0644, $path;
}

sub run
{
	my $output = join ' ', map { "'$_'" } @_;

	$output = `'$root/tests/install-files' $output 2>&1`;
	is($?, 0, "$_[0]: status");
	return $output;
}

sub files_below
{
	my ($directory) = @_;
	my @found;

	find(sub { push @found, $File::Find::name if !-d }, $directory);
	return sort map { s/^\Q$directory\E//r } @found;
}

mkdir $_ for $build, $destdir;
put("$build/exigrey.so", "\x7fELF\0not really\n\0");
put("$build/exigrey", "#!/bin/sh\n", 0600);
my @pages = map { my ($name, $section) = m(/([^/]+\.(\d))$);
	"/usr/share/man/man$section/$name" } glob("$root/doc/*.[578]");

umask 077;
is(run('install', $build, $destdir, @places), '', 'install is silent');
is(join("\n", files_below($destdir)), join("\n", sort
    '/etc/cron.d/exigrey', '/usr/lib/exigrey/exigrey.so',
    '/usr/lib/systemd/system/exigrey-purge.service',
    '/usr/lib/systemd/system/exigrey-purge.timer',
    '/usr/lib/systemd/system/exigrey-trap.service', '/usr/sbin/exigrey',
    '/usr/share/bash-completion/completions/exigrey', @pages), 'what is installed');
for my $file (files_below($destdir)) {
	my $mode = $file eq '/usr/sbin/exigrey' ? 0755 : 0644;

	is((stat "$destdir$file")[2] & 07777, $mode, "mode of $file");
}
is((stat "$destdir/usr/lib/exigrey")[2] & 07777, 0755, 'mode of the folder');
is(Tree::slurp("$destdir/usr/lib/exigrey/exigrey.so"),
    Tree::slurp("$build/exigrey.so"), 'the module, byte for byte');
like(Tree::slurp("$destdir/etc/cron.d/exigrey"),
    qr(\|\| /usr/sbin/exigrey purge), 'cron: the path');
for my $unit ([purge => 'purge'], [trap => 'trap scan -q --every 10m']) {
	my ($name, $command) = @$unit;
	my $service =
	    Tree::slurp("$destdir$places[3]/exigrey-$name.service");

	like($service, qr(^ExecStart=/usr/sbin/exigrey \Q$command\E)m,
	    "unit $name: the path");
	SKIP: {
		skip 'no systemd-analyze', 1
		    if system('command -v systemd-analyze >/dev/null') != 0;
		# It looks for the program: one that is there.
		put("$temporary/exigrey-$name.service",
		    $service =~ s(/usr/sbin/exigrey)(/bin/true)gr);
		my $said = `systemd-analyze verify --man=no \\
		    $temporary/exigrey-$name.service 2>&1`;
		is(join('', grep { /exigrey/ } split /^/, $said), '',
		    "unit $name: systemd-analyze verify");
	}
}

my $module = "$destdir/usr/lib/exigrey/exigrey.so";
open(my $held, '<', $module) or die;
put("$build/exigrey.so", "another\n");
run('install', $build, $destdir, @places);
isnt((stat $module)[1], (stat $held)[1], 'installed anew: another file');
is(scalar(<$held>), "\x7fELF\0not really\n",
    'who has the old one open keeps it');
is(join("\n", grep { /new/ } files_below($destdir)), '',
    'no temporary files stay');

is(run('uninstall', $build, $destdir, @places), '',
    'uninstall is silent in a DESTDIR');
is(join("\n", files_below($destdir)), '', 'nothing stays');
ok(!-e "$destdir/usr/lib/exigrey", 'nor the folder');

# An Exim whose configuration names the module, and one that does not.
mkdir "$temporary/bin";
$ENV{PATH} = "$temporary/bin:$ENV{PATH}";
my @own = map { "$destdir$_" } @places;
for my $names (1, 0) {
	my $line = $names ? 'condition = ${dlfunc{/x/exigrey.so}{unseen}{k}}' :
	    'accept';

	put("$temporary/bin/$_", "#!/bin/sh\necho '$line'\n", 0755)
	    for qw(exim4 exim);
	run('install', $build, '', @own);
	my $warning = run('uninstall', $build, '', @own);
	if ($names) {
		like($warning, qr/^WARNING.*still.*exim4.*451/s,
		    'uninstall warns of an ACL that needs the module');
	} else {
		unlike($warning, qr/configuration of/, 'and else not');
	}
	ok(!-e "$destdir/usr/sbin/exigrey", 'and goes on');
}
done_testing;
