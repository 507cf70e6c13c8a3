# What tests with client certificates share: certification authorities, leaves
# of any shape, trust bundles, and sessions over TLS.
#
# All certificates are made by the openssl command in a folder of the test,
# with "openssl ca", because that sets both ends of a certificate's life to the
# second.  Keys are P-256.  Every leaf has the same key: what tells them apart
# is what the authorities signed.

package X509Test;

use strict;
use warnings;
use ContauthTest ();
use Digest::SHA qw(sha256 sha256_hex);
use Exporter 'import';
use MIME::Base64 qw(decode_base64 encode_base64url);
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  new_authority new_leaf server_files bundle
  thumbprint thumbprint_base64url not_after
  tls_conninfo open_tls tls_psql
);

use constant DAY => 86400;

# What an authority and a leaf have unless a test says otherwise.
use constant AUTHORITY_EXTENSIONS => {
	basicConstraints => 'critical,CA:true',
	keyUsage => 'critical,keyCertSign,cRLSign',
	subjectKeyIdentifier => 'hash'
};
use constant LEAF_EXTENSIONS => {
	basicConstraints => 'critical,CA:false',
	keyUsage => 'critical,digitalSignature',
	extendedKeyUsage => 'clientAuth'
};

my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $serial = 0;
my $leaf_key;

# Write a file of the folder; returns its path.
sub write_file
{
	my ($name, $text) = @_;
	my $path = "$folder/$name";

	open my $file, '>', $path or die "$path: $!";
	print $file $text;
	close $file or die "$path: $!";
	return $path;
}

sub run_openssl
{
	return ContauthTest::run_command_ok('openssl', @_);
}

sub new_key
{
	my ($name) = @_;
	my $path = "$folder/$name.key";

	run_openssl('genpkey', '-algorithm', 'EC', '-pkeyopt',
		'ec_paramgen_curve:P-256', '-out', $path);
	chmod 0600, $path or die "$path: $!";
	return $path;
}

# A time in the form that "openssl ca" takes.
sub ca_time
{
	return strftime('%Y%m%d%H%M%SZ', gmtime shift);
}

# A configuration of "openssl ca" with a database of its own.
sub ca_config
{
	my ($name) = @_;
	my $database = write_file("$name.index", '');

	write_file("$name.index.attr", "unique_subject = no\n");
	return write_file("$name.cnf", <<"EOC");
[ca]
default_ca = test
[test]
database = $database
new_certs_dir = $folder
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
EOC
}

# Certify a key: by an authority, or by itself when there is none.  Options:
# start and end (Unix time), extensions (undef takes one away), sections (more
# text of the file of extensions).
sub certify
{
	my ($common_name, $key, $authority, $extensions, %options) = @_;
	my $name = sprintf 'c%d', ++$serial;
	my %all = (%$extensions, %{ $options{extensions} // {} });
	my $text = join '', map { "$_ = $all{$_}\n" } grep { defined $all{$_} } sort keys %all;
	my $request = "$folder/$name.csr";
	my $cert = "$folder/$name.crt";
	my @signer = $authority ?
	  ('-cert', $authority->{cert}, '-keyfile', $authority->{key}) :
	  ('-selfsign', '-keyfile', $key);

	run_openssl('req', '-new', '-key', $key, '-subj', "/CN=$common_name", '-out', $request);
	run_openssl('ca', '-batch', '-notext', '-config', ca_config($name), @signer,
		'-startdate', ca_time($options{start} // time - 3600),
		'-enddate', ca_time($options{end} // time + DAY),
		'-extfile', write_file("$name.ext", $text . ($options{sections} // '')),
		'-in', $request, '-out', $cert);
	return { name => $common_name, cert => $cert, key => $key };
}

# --- certificates ------------------------------------------------------------

# An authority, self-signed or (issuer => ...) certified by another one; with
# twin => ... it has the name and the key of that one.
sub new_authority
{
	my ($name, %options) = @_;
	my $twin = $options{twin};
	my $key = $twin ? $twin->{key} : new_key("ca$serial");

	return certify($twin ? $twin->{name} : $name, $key, $options{issuer},
		AUTHORITY_EXTENSIONS, end => time + 10 * DAY, %options);
}

# A leaf whose names are given as in "subjectAltName" (URI:..., DNS:...); with
# send => [...] its file holds those certificates, too, so that libpq sends
# them along.
sub new_leaf
{
	my ($authority, $names, %options) = @_;

	$leaf_key //= new_key('leaf');
	my $leaf = certify($options{name} // 'leaf', $leaf_key, $authority,
		{ %{ (LEAF_EXTENSIONS) }, $names ne '' ? (subjectAltName => $names) : () },
		%options);
	$leaf->{sent} = write_file("sent$serial.crt",
		join '', map { slurp_file($_->{cert}) } $leaf, @{ $options{send} // [] });
	return $leaf;
}

# The certificates as one PEM text: a trust bundle, or the server's CA file.
sub bundle
{
	return join '', map { slurp_file($_->{cert}) } @_;
}

# Settings of a server that speaks TLS on the loopback interface, and asks
# clients for certificates of these authorities.
sub server_files
{
	my $authority = new_authority('server authority');
	my $server = certify('127.0.0.1', new_key('server'), $authority, {},
		extensions => { subjectAltName => 'IP:127.0.0.1' });
	my $trusted = write_file('server_trusts.crt', bundle(@_));

	return <<"EOC";
listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = '$server->{cert}'
ssl_key_file = '$server->{key}'
ssl_ca_file = '$trusted'
EOC
}

sub der
{
	my ($leaf) = @_;
	my ($base64) = slurp_file($leaf->{cert}) =~
	  /-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----/s;

	return decode_base64($base64);
}

# Its SHA-256, as records say it and as tokens say it (RFC 8705).
sub thumbprint { return sha256_hex(der(shift)); }
sub thumbprint_base64url { return encode_base64url(sha256(der(shift))); }

# The end of its life, as openssl says it.
sub not_after
{
	my ($leaf) = @_;
	my ($end) = run_openssl('x509', '-in', $leaf->{cert}, '-noout', '-enddate') =~
	  /notAfter=(.*)/;
	return $end;
}

# --- sessions ------------------------------------------------------------------

# How a role connects over TLS; without a certificate it presents none.
sub tls_conninfo
{
	my ($node, $role, $leaf) = @_;
	my $files = $leaf ? "sslcert=$leaf->{sent} sslkey=$leaf->{key}" :
	  "sslcert=$folder/none sslkey=$folder/none";

	return 'host=127.0.0.1 port=' . $node->port
	  . " dbname=postgres user=$role sslmode=require sslrootcert=$folder/none $files";
}

# ContauthTest's open_session() over TLS; a token comes as a connection option.
sub open_tls
{
	my ($node, $role, $leaf, $token) = @_;

	local $ENV{PGOPTIONS} = defined $token ? "-c contauth.token=$token" : '';
	return $node->background_psql('postgres',
		on_error_stop => 0,
		extra_params => [ '-d', tls_conninfo($node, $role, $leaf),
			'-v', 'VERBOSITY=verbose' ]);
}

# One psql run over TLS, which may fail to connect: exit code, output, errors.
sub tls_psql
{
	my ($node, $role, $leaf, $sql, $token) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = defined $token ? "-c contauth.token=$token" : '';
	my $code = $node->psql('postgres', $sql,
		connstr => tls_conninfo($node, $role, $leaf),
		stdout => \$out,
		stderr => \$err,
		on_error_stop => 1,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return ($code, $out, $err);
}

1;
