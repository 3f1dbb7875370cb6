# What "make bench-smtp" compares: private Exims with one ACL, README.md's, that
# differ in who is asked whether a recipient is to be put off.
#
#	my $peer = Peers->new('postgrey', $directory, $templates);
#	$peer->start;
#	$peer->reset(100_000);		known keys
#	$peer->restart;
#	$peer->warm;
#	my ($exim, $helper) = $peer->cpu;
#	$peer->stop;
#
# Peers that need Debian's packages take them from the cache of tests/unpack.
package Peers;
use strict;
use warnings;
use Bench qw(copy_page_by_page cpu_seconds program);
use Carp qw(croak);
use Fcntl qw(O_CREAT O_RDWR);
use File::Copy qw(copy);
use IO::Handle;
use IO::Socket::UNIX;
use POSIX ();
use PrivateExim;
use PrivateServer;
use Snippets qw(snippet adapt);
use Time::HiRes qw(sleep time);
use Tree;

my $old = int(time) - 86400;
my $cache = ($ENV{XDG_CACHE_HOME} || ($ENV{HOME} || '/var/tmp') . '/.cache') .
    '/exigrey';

# Where tests/unpack has put a package; undef if it has not.
sub unpacked
{
	my ($name) = @_;

	my @folders = sort grep { -d "$_/root" } glob "$cache/$name-[0-9]*";

	return $folders[-1];
}

# The directories of Perl modules below a folder.
sub perl_directories
{
	my ($folder) = @_;

	return glob "$folder/root/usr/{share/perl5,lib/*/perl5/*}";
}

# DIRECTORY stands for the Exim's own.  database is a file in it, template
# makes one of so many keys.
my %kind = (
	floor => { stub => 1 },
	none => { condition => 'false', expect => 'pass' },
	ours => { database => 'spool/grey/seen',
		template => \&exigrey_template },
	seen => { condition => '-', database => 'spool/db/seen',
		template => \&seen_template, missing => \&seen_missing },
	greylistd => { condition => '${readsocket{DIRECTORY/helper/socket}' .
		    '{--grey $sender_host_address $sender_address ' .
		    '$local_part@$domain}{5s}{}{false}}',
		database => 'helper/states', template => \&greylistd_template,
		helper => \&greylistd, missing => \&greylistd_missing },
	postgrey => { condition => '${if match{${readsocket' .
		    '{DIRECTORY/helper/socket}{' . join('\n',
			'request=smtpd_access_policy', 'protocol_state=RCPT',
			'protocol_name=ESMTP', 'helo_name=$sender_helo_name',
			'client_address=$sender_host_address',
			'client_name=unknown', 'sender=$sender_address',
			'recipient=$local_part@$domain',
			'instance=$sender_host_address/$sender_address/' .
			'$local_part@$domain', '', '') .
		    '}{5s}{}{action=DUNNO}}}{\N^action=DEFER\N}}',
		database => 'helper/postgrey.db',
		template => \&postgrey_template, helper => \&postgrey,
		missing => \&postgrey_missing },
	sqlite => { database => 'spool/db/grey', template => \&sqlite_template,
		missing => \&sqlite_missing,
		condition => '${if eq{$acl_m_expire}{}' .
		    '{${lookup sqlite,file=DIRECTORY/spool/db/grey ' .
		    '{INSERT INTO grey VALUES (\'${quote_sqlite:$acl_m_key}\',' .
		    ' ${eval10:$tod_epoch+600});}{yes}{yes}}}' .
		    '{${if >{$acl_m_expire}{$tod_epoch}}}}',
		set => "set acl_m_key = \$sender_host_address " .
		    "\$sender_address \$local_part\@\$domain\n    " .
		    'set acl_m_expire = ${lookup sqlite,file=DIRECTORY' .
		    '/spool/db/grey {SELECT expire FROM grey WHERE id=' .
		    '\'${quote_sqlite:$acl_m_key}\';}}' },
);
$kind{"$_, loaded"} = { %{$kind{$_}}, loaded => 1 } for qw(floor ours);

# All, in the order of the table: the floors, ours, the peers.
sub names
{
	return ('floor', 'floor, loaded', 'none', 'ours', 'ours, loaded',
	    peer_names());
}

sub peer_names { return qw(seen greylistd postgrey sqlite) }

# Why this one cannot be measured here; undef if it can.
sub missing
{
	my ($name) = @_;
	my $why = $kind{$name}{missing} or return;

	return $why->();
}

sub new
{
	my ($class, $name, $in, $templates) = @_;
	my $self = bless { name => $name, expect => 'grey', %{$kind{$name}},
		templates => $templates }, $class;

	$self->{exim} = PrivateExim->new(in => $in, main => '');
	$self->{dir} = $self->{exim}->dir;
	$self->{exim}->own_directory("$self->{dir}/$_", 0750)
	    for 'spool/grey', 'spool/db', 'helper';
	# The cache may lie where Exim's user cannot get.
	!$self->{helper} || system('cp', '-R', unpacked($name),
	    "$self->{dir}/package") == 0 or croak "cp: status $?";
	$self->configure;
	return $self;
}

sub expect { return shift->{expect} }
sub port { return shift->{exim}->port }

# README.md's lines; a peer's condition stands in place of ours.
sub configure
{
	my ($self) = @_;
	my $so = $self->{exim}->so;
	my $acl = snippet('acl-rcpt');

	if ($self->{stub}) {
		copy(Tree::build('tests/floor.so'), $so) or croak "$so: $!";
	}
	if (my $condition = $self->{condition}) {
		my $lines = $condition eq '-' ? '!seen = -10m / ' .
		    'key=${sender_host_address}_${sender_address}_' .
		    '$local_part@$domain' : ($self->{set} // '') .
		    "\n    condition = $condition";
		$acl =~ s/condition +=.*?(?=\n +message)/$lines/s
		    or croak 'no condition in the ACL';
		$acl =~ s/log_message +=.*/log_message = greylisted/s;
		$acl =~ s/DIRECTORY/$self->{dir}/g;
	}
	my @fit = ($so, '10m', $self->{dir});
	$self->{exim}{main} = "smtp_accept_max = 1000\n" .
	    "smtp_accept_reserve = 0\nsmtp_connect_backlog = 500\n" .
	    adapt(snippet('main'), @fit);
	$self->{exim}{main} .= adapt(snippet('main-preload'), @fit)
	    if $self->{loaded};
	$self->{exim}->set_acl(rcpt => adapt($acl, @fit) . "\naccept\n");
}

sub start
{
	my ($self) = @_;

	$self->{exim}->start;
}

# Exim anew; the helper and the database stay.
sub restart
{
	my ($self) = @_;

	$self->{exim}->stop;
	$self->{exim}->start;
}

sub stop
{
	my ($self) = @_;

	PrivateServer::end_process($self->{helper_pid}) if $self->{helper_pid};
	$self->{exim}->stop;
}

# As if so many known keys, and nothing else, had been seen.
sub reset
{
	my ($self, $records) = @_;
	my $database = $self->{database} or return;

	PrivateServer::end_process(delete $self->{helper_pid}, 'KILL')
	    if $self->{helper_pid};
	unlink glob "$self->{dir}/{helper/*,spool/db/*,spool/grey/*}";
	my $template = $self->template($records);
	$self->put($template, "$self->{dir}/$database") if $template;
	$self->start_helper if $self->{helper};
}

# A file with so many known keys, made at the first call; undef if no file is
# needed for none.
sub template
{
	my ($self, $records) = @_;
	my $path = "$self->{templates}/" . ($self->{name} =~ s/,.*//r) .
	    ".$records";

	return if $records == 0 && $self->{name} ne 'sqlite';
	if (!-e $path) {
		$self->{template}->("$path.new", $records);
		unlink "$path.new.lock";
		rename("$path.new", $path) or croak "$path: $!";
	}
	return $path;
}

sub put
{
	my ($self, $from, $to) = @_;

	copy_page_by_page($from, $to);
	chown($self->{exim}->ids, $to) or croak "$to: $!" if $> == 0;
	chmod 0640, $to;
	# So that its pages are not written during the measurement.
	open(my $file, '+<', $to) or croak "$to: $!";
	$file->sync;
}

# Brings the database into memory, if it has gone from there: a kernel may take
# away what is not used for some seconds, however much memory is free.
sub warm
{
	my ($self) = @_;
	my $file = "$self->{dir}/" . ($self->{database} // return);

	program('warm', $file) if -e $file;
}

sub start_helper
{
	my ($self) = @_;
	my $socket = "$self->{dir}/helper/socket";
	my $end = time + 60;

	$self->{helper_pid} = PrivateServer::start_process(
	    "$self->{dir}/stderr", $self->{helper}->($self));
	while (!IO::Socket::UNIX->new(Peer => $socket)) {
		croak "$self->{name} does not start: " .
		    Tree::slurp("$self->{dir}/stderr")
		    if time > $end ||
		    waitpid($self->{helper_pid}, POSIX::WNOHANG()) != 0;
		sleep 0.02;
	}
}

# CPU seconds so far, of Exim's daemon and its SMTP processes, and of the
# helper.  Processes count as soon as they have ended.
sub cpu
{
	my ($self) = @_;
	my $daemon = $self->{exim}{pid};
	my $end = time + 2;

	while (time < $end &&
	    Tree::slurp("/proc/$daemon/task/$daemon/children") ne '') {
		sleep 0.005;
	}
	return (cpu_seconds($daemon),
	    $self->{helper_pid} ? cpu_seconds($self->{helper_pid}) : 0);
}

# Known key number i, as smtpload asks for it: sender, recipient, host.
sub known_key
{
	my ($i) = @_;
	my $sender = int($i / 5);

	return (sprintf('k%07d@known.example', $sender),
	    sprintf('u%d@example.org', $i % 5),
	    sprintf('127.%d.%d.%d', 1 + ($sender >> 16), $sender >> 8 & 255,
		$sender & 255));
}

# A host that came back is whitelisted, so there is a record for it too.
sub exigrey_template
{
	my ($path, $records) = @_;

	open(my $dump, '>', "$path.dump") or croak "$path.dump: $!";
	print $dump "# exigrey dump 1\n";
	for my $i (0 .. $records - 1) {
		my ($sender, $recipient, $host) = known_key($i);

		print $dump "<$sender>:<$recipient>\t$old\t$old\t1\t\n";
		print $dump "$host\t$old\t$old\t1\tauto\n" if $i % 5 == 0;
	}
	close($dump) or croak "$path.dump: $!";
	Bench::fill($path, "$path.dump");
	unlink "$path.dump";
}

sub seen_missing
{
	my $exim = PrivateExim::find();
	my $says = `$exim -bV 2>&1`;

	return 'no Exim of 4.96 or later'
	    if $says !~ /^Exim version 4\.(\d+)/ || $1 < 96;
	return 'an Exim without Berkeley DB' if $says !~ /^Berkeley DB/m;
	return 'no Perl module DB_File' if !eval { require DB_File };
	return;
}

sub seen_template
{
	my ($path, $records) = @_;
	my $hash = DB_File::HASHINFO->new;

	$hash->{cachesize} = 512 << 20;
	my $db = tie my %all, 'DB_File', $path, O_CREAT | O_RDWR, 0640, $hash
	    or croak "$path: $!";
	for my $i (0 .. $records - 1) {
		my ($sender, $recipient, $host) = known_key($i);

		$db->put("${host}_${sender}_$recipient\0", pack('q', $old));
	}
}

sub greylistd_missing
{
	return 'not unpacked by tests/deps' if !unpacked('greylistd');
	return 'no /usr/bin/python3' if !-x '/usr/bin/python3';
	return;
}

# Its keys are Python's hashes, which are random unless it is told.
sub greylistd_template
{
	my ($path, $records) = @_;
	my $program = 'import sys; [print("%d = ' . "$old $old" . ' 1" % ' .
	    'hash(line.rstrip("\n"))) for line in sys.stdin]';

	open(my $states, '>', $path) or croak "$path: $!";
	print $states "[white]\n";
	close($states);
	local $ENV{PYTHONHASHSEED} = 0;
	open(my $python, '|-', 'sh', '-c', 'exec /usr/bin/python3 -c "$1" >> "$2"',
	    'sh', $program, $path) or croak "python3: $!";
	print $python join(' ', (known_key($_))[2, 0, 1]), "\n"
	    for 0 .. $records - 1;
	close($python) or croak "python3: status $?";
	open($states, '>>', $path) or croak "$path: $!";
	print $states "\n[grey]\n\n[black]\n\n[statistics]\nwhite = 0\n" .
	    "grey = 0\nblack = 0\nstart = $old\nlastsave = $old\n\n";
	close($states) or croak "$path: $!";
}

sub as_user
{
	my ($self) = @_;
	my ($uid, $gid) = $self->{exim}->ids;

	return $> == 0 ? ('setpriv', "--reuid=$uid", "--regid=$gid",
	    '--clear-groups') : ();
}

sub greylistd
{
	my ($self) = @_;
	my $helper = "$self->{dir}/helper";

	open(my $config, '>', "$helper/config") or croak "$helper: $!";
	print $config "[timeouts]\nretryMin = 600\nretryMax = 28800\n" .
	    "expire = 5184000\n[socket]\npath = $helper/socket\n" .
	    "mode = 0666\n[data]\nupdate = 300\nstatefile = $helper/states\n" .
	    "tripletfile = $helper/triplets\nsavetriplets = true\n" .
	    "singlecheck = false\nsingleupdate = false\n";
	close($config) or croak "$helper/config: $!";
	return ('env', 'PYTHONHASHSEED=0', as_user($self), '/usr/bin/python3',
	    "$self->{dir}/package/root/usr/sbin/greylistd", "$helper/config");
}

sub postgrey_missing
{
	my $folder = unpacked('postgrey')
	    or return 'not unpacked by tests/deps';
	local @INC = (perl_directories($folder), @INC);
	for my $module (qw(BerkeleyDB Net::Server::Multiplex NetAddr::IP)) {
		return "Perl module $module does not load"
		    if !eval "require $module";
	}
	return;
}

sub postgrey_template
{
	my ($path, $records) = @_;
	my $db = BerkeleyDB::Btree->new(-Filename => $path,
	    -Flags => BerkeleyDB::DB_CREATE(), -Cachesize => 512 << 20)
	    or croak "$path: $!";

	for my $i (0 .. $records - 1) {
		my ($sender, $recipient, $host) = known_key($i);

		$host =~ s/\d+$/0/;	# its network
		$db->db_put("$host/$sender/$recipient",
		    $old - 1000 . ",$old");
	}
}

sub postgrey
{
	my ($self) = @_;
	my $helper = "$self->{dir}/helper";
	my $package = "$self->{dir}/package";
	my ($uid, $gid) = $self->{exim}->ids;

	return ('env', "LD_LIBRARY_PATH=$package/lib", 'perl', '-T',
	    (map { "-I$_" } perl_directories($package)),
	    "$package/root/usr/sbin/postgrey", '--exim', "--unix=$helper/socket",
	    "--dbdir=$helper", '--delay=600', '--quiet',
	    '--hostname=mx.example.org', '--whitelist-clients=/dev/null',
	    '--whitelist-recipients=/dev/null', '--user=' . getpwuid($uid),
	    '--group=' . getgrgid($gid));
}

sub sqlite_missing
{
	my $exim = PrivateExim::find();

	return 'an Exim without SQLite lookups'
	    if `$exim -bV 2>&1` !~ /^Lookups.*\bsqlite\b/m;
	return 'no command sqlite3' if !sqlite3();
	return;
}

# The command that is installed, or the unpacked one.
sub sqlite3
{
	my $folder = unpacked('sqlite3');

	return ('/usr/bin/sqlite3') if -x '/usr/bin/sqlite3';
	return $folder ? ('env', "LD_LIBRARY_PATH=$folder/lib",
	    "$folder/root/usr/bin/sqlite3") : ();
}

sub sqlite_template
{
	my ($path, $records) = @_;

	open(my $sql, '|-', sqlite3(), $path) or croak "sqlite3: $!";
	print $sql 'CREATE TABLE grey (id TEXT PRIMARY KEY, expire INTEGER);',
	    "\nBEGIN;\n";
	print $sql "INSERT INTO grey VALUES ('",
	    join(' ', (known_key($_))[2, 0, 1]), "', $old);\n"
	    for 0 .. $records - 1;
	print $sql "COMMIT;\n";
	close($sql) or croak "sqlite3: status $?";
}

1;
