# The pieces of Exim configuration that README.md and the manual pages show.
# In Markdown: a fence "```exim" after a line "<!-- snippet: NAME -->"; in
# mdoc: ".Bd -literal" after a line '.\" snippet: NAME'.
package Snippets;
use strict;
use warnings;
use Exporter qw(import);
use Tree;
our @EXPORT_OK = qw(snippets snippet adapt);

# What shows that a display is not a mere sketch.
my $verb = 'accept|defer|deny|warn|require|condition|[a-z_]+\s+=';

# mdoc's way to write a backslash, a dot at a line's start, a hyphen.
sub plain
{
	my ($line) = @_;

	$line =~ s/\\&//g;
	$line =~ s/\\-/-/g;
	$line =~ s/\\(?:e|\(rs)/\\/g;
	return $line;
}

# Returns { file, line, name, text } for each.  The name is undefined where it
# was forgotten.
sub of_file
{
	my ($file) = @_;
	my $markdown = $file =~ /\.md$/;
	my ($start, $end) = $markdown ? (qr/^```exim\s*$/, qr/^```\s*$/) :
	    (qr/^\.Bd -literal/, qr/^\.Ed/);
	my $comment = $markdown ? qr/^<!-- snippet: (\S+) -->/ :
	    qr/^\.\\" snippet: (\S+)/;
	my (@found, $name, $in);

	open(my $lines, '<', Tree::root() . "/$file") or return;
	while (my $line = <$lines>) {
		if ($in && $line =~ $end) {
			push @found, $in if $markdown || defined $name ||
			    $in->{text} =~ /^\s*(?:$verb)/m;
			undef $in;
			undef $name;
		} elsif ($in) {
			$in->{text} .= $markdown ? $line : plain($line);
		} elsif ($line =~ $comment) {
			$name = $1;
		} elsif ($line =~ $start) {
			$in = { file => $file, line => $., name => $name,
				text => '' };
		} elsif ($line =~ /\S/ && $line !~ /^\.Pp/) {
			undef $name;
		}
	}
	return @found;
}

sub snippets
{
	my $root = Tree::root();

	return map { of_file(s(^\Q$root\E/)()r) }
	    "$root/README.md", sort glob("$root/doc/*.[578] $root/doc/*.md");
}

# Makes a snippet fit for a private Exim: the module's path, a short delay,
# list files below DIRECTORY, which are made, empty.
sub adapt
{
	my ($text, $so, $delay, $directory) = @_;

	$text =~ s(/usr/local/lib/exigrey/exigrey\.so)($so)g;
	$text =~ s/^(EXIGREY_DELAY\s*=\s*).*$/$1$delay/m ||
	    $text =~ s/(\{|\bdelay=)10m\b/$1$delay/g;
	while ($text =~ s(/etc/exim4?/([\w.-]+))($directory/$1)) {
		open(my $file, '>>', "$directory/$1")
		    or die "$directory/$1: $!\n";
	}
	# The lines may come with the name of their ACL.
	$text =~ s/^\w+:\s*\n//m;
	return $text;
}

# The text of one snippet of README.md.
sub snippet
{
	my ($wanted) = @_;

	for my $snippet (of_file('README.md')) {
		return $snippet->{text} if ($snippet->{name} // '') eq $wanted;
	}
	die "README.md has no snippet named $wanted\n";
}

1;
