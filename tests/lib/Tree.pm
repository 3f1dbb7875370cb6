# Where the project and its build are.
package Tree;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Exporter qw(import);
our @EXPORT_OK = qw(root build slurp);

my $root = abs_path(dirname(__FILE__) . '/../..');

sub root { return $root }

# The path of something that was built: build('exigrey.so').
sub build
{
	my ($name) = @_;
	my $build = $ENV{EXIGREY_BUILD} // 'build';

	$build = "$root/$build" unless $build =~ m(^/);
	return "$build/$name";
}

sub slurp
{
	my ($path) = @_;

	open(my $file, '<', $path) or return '';
	local $/;
	return scalar(<$file>) // '';
}

1;
