#!/usr/bin/perl
# Each piece of Exim configuration that README and manual show is loaded by a
# real Exim and sees a message.  The first part of a snippet's name tells its
# place: main, acl-rcpt, acl-data ..., expand (one string).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PrivateExim;
use Snippets qw(snippets adapt);
use Test::More;
use Time::HiRes qw(sleep);

my @snippets = snippets();
plan skip_all => 'no snippets' if !@snippets;

sub main_of
{
	my ($file) = @_;

	return map { $_->{text} }
	    grep { $_->{file} eq $file && ($_->{name} // '') =~ /^main\b/ }
	    @snippets;
}

# The replies of a session with one message, until one is not 2xx or 3xx.
sub message
{
	my ($exim) = @_;
	my $client = $exim->client;
	my $reply = $client->envelope('a@example.com', 'b@example.org');

	$reply = $client->data if $reply =~ /^2/;
	$client->quit;
	return $reply;
}

my @to_retry;	# those that greylist; one delay serves all of them

sub try_acl
{
	my ($snippet, $acl) = @_;
	my $exim = PrivateExim->new;
	my @fit = ($exim->so, '2s', $exim->dir);
	my $text = adapt($snippet->{text}, @fit);
	my $greylists = $text =~ /\{(?:(?:un)?seen|greylist)\}/;

	$exim->{main} = join '', map { adapt($_, @fit) }
	    main_of($snippet->{file});
	$exim->set_acl($acl => "$text\naccept\n")->start;
	like(message($exim), $greylists ? qr/^45[01] / : qr/^250 /,
	    'first');
	no_complaint($exim);
	push @to_retry, { %$snippet, exim => $exim } if $greylists;
}

sub retry
{
	my ($exim) = @_;

	like(message($exim), qr/^250 OK/, 'after the delay');
	no_complaint($exim);
}

sub no_complaint
{
	my ($exim) = @_;

	unlike($exim->log('main'), qr/failed to expand|exigrey \w+:|error in/,
	    'no complaint in the log');
	is($exim->log('panic'), '', 'no panic') if $> == 0;
}

sub try_main
{
	my ($snippet) = @_;
	my $exim = PrivateExim->new;

	$exim->{main} = adapt($snippet->{text}, $exim->so, '2s', $exim->dir);
	$exim->configure;
	$exim->start;
	like(message($exim), qr/^250 OK/, 'starts and takes mail');
	no_complaint($exim);
}

sub try_expansion
{
	my ($snippet) = @_;
	my $exim = PrivateExim->new;
	my $text = adapt($snippet->{text}, $exim->so, '2s', $exim->dir);

	chomp $text;
	unlike($exim->expand($text), qr/^Failed|^\s*$/, 'expands');
}

sub title
{
	my ($snippet) = @_;

	return "$snippet->{file}:$snippet->{line} " . ($snippet->{name} // '');
}

for my $snippet (@snippets) {
	my $name = $snippet->{name} // '';

	subtest title($snippet) => sub {
		return try_acl($snippet, $1) if $name =~ /^acl-([a-z]+)\b/;
		return try_main($snippet) if $name =~ /^main\b/;
		return try_expansion($snippet) if $name =~ /^expand\b/;
		fail("a snippet whose name tells its place, not '$name'");
	};
}
sleep 2.1 if @to_retry;
for my $snippet (@to_retry) {
	subtest title($snippet) . ', again' => sub {
		retry($snippet->{exim});
	};
}
done_testing;
