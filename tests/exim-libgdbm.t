#!/usr/bin/perl
# libgdbm was removed: mail passes, what is known is still found, and the log
# says what to install.  It is covered by a mount that only this Exim sees.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Command;
use PrivateExim;
use Test::More;

my ($library) = qx(ldconfig -p) =~ /^\s*libgdbm\.so\.6 .*=> (\S+)$/m;

plan skip_all => 'ldconfig(8) does not know libgdbm.so.6' if !$library;
plan skip_all => 'mounts need root' if $> != 0;
plan skip_all => 'unshare(1) does not work here'
    if system('unshare -m mount --bind /dev/null /dev/zero 2>/dev/null') != 0;

my $covered = PrivateExim->new;
my $wrapper = $covered->dir . '/exim-without';

Command::spew($wrapper, "#!/bin/sh\nexec unshare -m sh -c 'mount --bind "
    . "/dev/null $library && exec \"\$@\"' sh " . PrivateExim::find()
    . " \"\$@\"\n");
chmod(0755, $wrapper) or die;

my $with = PrivateExim->new;
my $without = PrivateExim->new(exim => $wrapper);
my $db = $with->own_directory($with->dir . '/grey', 0750) . '/seen';

sub unseen
{
	my ($exim, $key, $where) = @_;
	my (undef, $out, $err) = $exim->run($exim->dlfunc('unseen', $key, 600,
	    $where, '', '') . "\n", '-be');

	return join '', $out =~ /> (yes|no)$/m, $err;
}

is(unseen($with, 'known', $db), 'yes', 'with libgdbm: a new key waits');
is(unseen($without, 'known', $db), 'yes', 'without: it is found, and waits');
is(unseen($without, 'new', $db), 'yes', 'without: a new key is stored');
like(unseen($without, 'first', "$db-new"),
    qr/^no.*mail passes: .*needs libgdbm\.so\.6, please install it/s,
    'without: a database cannot be made, mail passes, the log says why');
is(unseen($with, 'first', "$db-new"), 'yes', 'installed again: all works');

done_testing;
