# X.509-SVIDs over real TLS connections.  A failure means one of: a client
# certificate makes somebody an agent who is not (a wrong authority, a wrong
# kind of certificate, one that has ended), takes the identity that a token
# should have, or does not identify the agent that it names.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use X509Test;

use constant AGENT_X => 'spiffe://acme.example/agent/x509/x';
use constant AGENT_G => 'spiffe://globex.example/agent/x509/g';
use constant HUMAN => 'regress_contauth_human';
use constant ISSUER => 'https://issuer.acme.example';
use constant ALICE => ISSUER . '|alice';

my $count = 'SELECT count(*) FROM app.customer';
my $agent = "SELECT contauth.whoami() ->> 'agent'";
my $reason = "SELECT contauth.whoami() ->> 'reason'";
my $who = "SELECT concat_ws(' ', w ->> 'agent', w ->> 'source') FROM contauth.whoami() AS w";

# --- authorities, server, application -----------------------------------------

my $acme = new_authority('acme');
my $acme_next = new_authority('acme next');
my $globex = new_authority('globex');
my $other = new_authority('other');
my $intermediate = new_authority('acme intermediate', issuer => $acme);
my $known_intermediate = new_authority('acme known intermediate', issuer => $acme);

my $issuer = new_issuer();
my $node = new_node('x509',
	server_files($acme, $acme_next, $globex, $other, $known_intermediate));
install_application($node, $issuer);
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', <<"EOC");
local all all trust
hostssl all regress_contauth_verified 127.0.0.1/32 trust clientcert=verify-ca
host all all 127.0.0.1/32 trust
EOC

# One statement of an administrator.
sub admin
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

sub set_bundle
{
	my ($trust_domain, @authorities) = @_;
	return admin("SELECT contauth.add_trust_bundle('$trust_domain', '"
		  . bundle(@authorities) . "')");
}

admin(<<"EOS");
SELECT pg_reload_conf();
CREATE ROLE regress_contauth_verified LOGIN;
GRANT ALL ON SCHEMA app TO regress_contauth_verified;
SELECT contauth.enroll_role('regress_contauth_verified');
SELECT contauth.register_agent('@{[AGENT_X]}', '{@{[ROLE_A]}, regress_contauth_verified}',
	'xavier', 2, attributes => '{"tenant": "acme"}');
SELECT contauth.register_agent('@{[AGENT_G]}', '{@{[ROLE_A]}}', 'grace', 2,
	attributes => '{"tenant": "globex"}');
SELECT contauth.create_policy('certified_read', effect => 'permit',
	principals => '{spiffe://*/agent/x509/*}', actions => '{select}',
	resources => '{"app.customer(id,tenant,name,email)", app.ticket}',
	row_filter => \$\$ tenant = contauth.attribute('tenant') \$\$,
	masks => '{"app.customer.email": "email"}');
CREATE TABLE app.big AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 20000) AS i;
GRANT SELECT ON app.big TO @{[ROLE_A]};
ANALYZE app.big;
SELECT contauth.create_policy('certified_read_big', effect => 'permit',
	principals => '{spiffe://acme.example/agent/x509/*}', actions => '{select}',
	resources => '{app.big}', row_filter => 'id % 2 = 0');
EOS

# --- the server's own trust is not enough ---------------------------------------

my $leaf = new_leaf($acme, 'URI:' . AGENT_X);
my $session = open_tls($node, ROLE_A, $leaf);
my ($out, $err) = sqlstate_is($session, $count, '28000',
	'a certificate that the server trusts, without a trust bundle');
like($err, qr/reason=trust_bundle_unknown/, 'the reason is told');
set_bundle('globex.example', $acme, $globex);
(undef, $err) = sqlstate_is($session, $count, '28000',
	'the bundle of another trust domain is none for this one');
set_bundle('acme.example', $acme);
set_bundle('globex.example', $globex);
output_is($session, $count, '5', 'a bundle reaches the session that is open');

# --- whom it identifies -----------------------------------------------------------

my ($whoami) = map { decode_json($_) } (attempt($session, 'SELECT contauth.whoami()'))[1];
is($whoami->{agent}, AGENT_X, 'the agent is the one that the certificate names');
is($whoami->{source}, 'x509-svid', 'source');
is($whoami->{depth}, 0, 'depth');
is($whoami->{on_behalf_of}, undef, 'on behalf of nobody');
is($whoami->{autonomy}, 2, 'autonomy is that of the registration');
output_is($session,
	"SELECT (contauth.whoami() ->> 'expires_at')::timestamptz = '@{[not_after($leaf)]}'::timestamptz",
	't', 'it ends with the certificate');
output_is($session, 'SELECT id, email FROM app.customer ORDER BY id LIMIT 1',
	'2|E***@example.com', 'rows are filtered and columns masked');
sqlstate_is($session, 'SELECT notes FROM app.customer', '42501', 'a column without a permit');
sqlstate_is($session, 'DELETE FROM app.ticket', '42501', 'an action without a permit');
output_is($session, "SELECT contauth.claim('sub') IS NULL, contauth.attribute('tenant')",
	't|acme', 'there are no claims, but attributes');
is( decisions($node, <<"EOS"), "allow|@{[AGENT_X]}|0|t|127.0.0.1|t|t", 'the record names the agent');
SELECT DISTINCT decision, agent, depth, tls, client_addr,
	   coalesce(token_kid, token_jti, token_sha256) IS NULL,
	   chain -> 0 ->> 'id' = 'x5t#S256:@{[thumbprint($leaf)]}'
		   AND chain -> 0 ->> 'issuer' = 'spiffe://acme.example'
  FROM contauth_audit.decision WHERE statement = '$count' AND decision = 'allow'
EOS
is( decisions($node, <<"EOS"), '28000', 'also of what is refused');
SELECT DISTINCT sqlstate FROM contauth_audit.decision WHERE reason_code = 'trust_bundle_unknown'
EOS

# --- with a token the token counts ---------------------------------------------------

my $with_token = open_tls($node, ROLE_A, $leaf, token_a($issuer));
output_is($with_token, $who, AGENT_A . ' token', 'a token as connection option');
output_is($with_token, 'RESET contauth.token; ' . $who, AGENT_A . ' token',
	'RESET brings the connection option back');
output_is($with_token, "SET contauth.token = ''; $who", AGENT_X . ' x509-svid',
	'without it the certificate counts');
output_is($with_token, "BEGIN; SET LOCAL contauth.token = '@{[token_a($issuer)]}'; $who",
	AGENT_A . ' token', 'a token for one transaction');
output_is($with_token, "COMMIT; $who", AGENT_X . ' x509-svid', 'and after it the certificate');
sqlstate_is($with_token, "SET contauth.token = '@{[token_a($issuer, lifetime => -5)]}'",
	'28000', 'a token that is refused');
output_is($with_token, $who, AGENT_X . ' x509-svid', 'changes nothing');
$with_token->quit;
foreach my $case (
	[ 'expired', token_a($issuer, lifetime => -5), 'token_expired' ],
	[ 'of nobody', $issuer->token('spiffe://acme.example/agent/nobody'), 'agent_unknown' ],
	[ 'of another audience', token_a($issuer, aud => 'other'), 'token_audience' ])
{
	my ($title, $token, $code) = @$case;
	(undef, undef, $err) = tls_psql($node, ROLE_A, $leaf, $count, $token);
	like($err, qr/28000.*reason=$code/s, "a token $title: the certificate does not stand in for it");
}
is( decisions($node, <<"EOS"), AGENT_A . '|t', 'the record is of the token');
SELECT DISTINCT agent, token_sha256 IS NOT NULL FROM contauth_audit.decision
 WHERE client_addr = '127.0.0.1' AND decision = 'allow' AND agent <> '@{[AGENT_X]}'
EOS

# --- registration ---------------------------------------------------------------------

my $unregistered = new_leaf($acme, 'URI:spiffe://acme.example/agent/x509/nobody');
my $cases = open_tls($node, ROLE_A, $unregistered);
(undef, $err) = sqlstate_is($cases, $count, '28000', 'an agent that is not registered');
like($err, qr/reason=agent_unknown/, 'with its reason');
$cases->quit;
$cases = open_tls($node, ROLE_B, $leaf);
(undef, $err) = sqlstate_is($cases, $count, '28000', 'a role that it is not registered for');
like($err, qr/reason=wrong_role/, 'with its reason');
output_is($cases, $agent, '', 'whoami() names nobody');
$cases->quit;
admin("SELECT contauth.suspend_agent('@{[AGENT_X]}', 'test')");
(undef, $err) = sqlstate_is($session, $count, '28000', 'suspended: the open session');
like($err, qr/reason=agent_suspended/, 'with its reason');
admin("SELECT contauth.resume_agent('@{[AGENT_X]}', 'test')");
output_is($session, $count, '5', 'and resumed');
admin("SELECT contauth.alter_agent('@{[AGENT_X]}', '{\"expires_at\": \"2020-01-01\"}')");
(undef, $err) = sqlstate_is($session, $count, '28000', 'the registration has expired');
like($err, qr/reason=agent_expired/, 'with its reason');
admin("SELECT contauth.alter_agent('@{[AGENT_X]}', '{\"expires_at\": \"infinity\"}')");
output_is($session, $count, '5', 'and is prolonged');

# --- who may vouch for whom -------------------------------------------------------------

# A leaf must be refused, at TLS or by us, and for this reason.
sub leaf_refused
{
	my ($title, $refused, $code, $text, $role) = @_;
	my ($exit, $output, $errors) = tls_psql($node, $role // ROLE_A, $refused,
		'SELECT count(*) FROM app.customer');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	isnt($exit, 0, "refused: $title");
	if ($code eq 'tls')
	{
		like($errors, qr/SSL|connection to server/, "  by TLS: $title");
		unlike($errors, qr/28000/, '  before there is a session');
		return;
	}
	like($errors, qr/ERROR:  28000.*reason=$code/s, "  as $code: $title");
	like($errors, $text, "  text: $title") if defined $text;
	return;
}

leaf_refused('authority of another trust domain',
	new_leaf($globex, 'URI:' . AGENT_X), 'certificate_untrusted');
leaf_refused('authority of no trust domain',
	new_leaf($other, 'URI:' . AGENT_X), 'certificate_untrusted');
leaf_refused('the first authority, for an agent of the second',
	new_leaf($acme, 'URI:' . AGENT_G), 'certificate_untrusted');
leaf_refused('a trust domain below that of the bundle',
	new_leaf($acme, 'URI:spiffe://sub.acme.example/agent/x509/x'), 'trust_bundle_unknown');
leaf_refused('an authority with the name of the right one, and another key',
	new_leaf(new_authority('acme'), 'URI:' . AGENT_X), 'tls');
($out) = (tls_psql($node, ROLE_A, new_leaf($globex, 'URI:' . AGENT_G), "$count; $who"))[1];
is($out, "5\n@{[AGENT_G]} x509-svid", 'each authority vouches for its own');

# --- what a leaf must be ------------------------------------------------------------------

my $uri = 'URI:' . AGENT_X;
my $one_uri = qr/does not have exactly one URI/;
my $no_id = qr/not a SPIFFE ID with a path/;
my $no_signatures = qr/not for digital signatures/;
foreach my $case (
	[ 'no names at all', '', $one_uri ],
	[ 'no URI', 'DNS:acme.example', $one_uri ],
	[ 'two SPIFFE IDs', "$uri,URI:spiffe://acme.example/agent/x509/y", $one_uri ],
	[ 'the same SPIFFE ID twice', "$uri,$uri", $one_uri ],
	[ 'a URI beside the SPIFFE ID', "$uri,URI:https://acme.example/x", $one_uri ],
	[ 'https', 'URI:https://acme.example/agent/x509/x', $no_id ],
	[ 'no path', 'URI:spiffe://acme.example', $no_id ],
	[ 'an empty path', 'URI:spiffe://acme.example/', $no_id ],
	[ 'trailing slash', $uri . '/', $no_id ],
	[ 'dot segment', 'URI:spiffe://acme.example/agent/../agent/x509/x', $no_id ],
	[ 'capitals in the trust domain', 'URI:spiffe://ACME.example/agent/x509/x', $no_id ],
	[ 'capitals in the scheme', 'URI:SPIFFE://acme.example/agent/x509/x', $no_id ],
	[ 'port', 'URI:spiffe://acme.example:443/agent/x509/x', $no_id ],
	[ 'user', 'URI:spiffe://x@acme.example/agent/x509/x', $no_id ],
	[ 'query', $uri . '?a=b', $no_id ],
	[ 'percent encoding', 'URI:spiffe://acme.example/agent/x509/%78', $no_id ])
{
	my ($title, $names, $text) = @$case;
	leaf_refused($title, new_leaf($acme, $names), 'certificate_invalid', $text);
}
foreach my $case (
	[ 'an authority', { basicConstraints => 'critical,CA:true',
			keyUsage => 'critical,digitalSignature' },
		'certificate_invalid', qr/that of an authority/ ],
	[ 'no key usage', { keyUsage => undef }, 'certificate_invalid', $no_signatures ],
	[ 'key usage without digitalSignature', { keyUsage => 'critical,keyAgreement' },
		'certificate_invalid', $no_signatures ],
	[ 'keyCertSign besides', { keyUsage => 'critical,digitalSignature,keyCertSign' },
		'certificate_invalid', $no_signatures ],
	[ 'cRLSign besides', { keyUsage => 'critical,digitalSignature,cRLSign' },
		'certificate_invalid', $no_signatures ],
	# TLS is strict enough about these: no session comes about
	[ 'extended key usage without clientAuth', { extendedKeyUsage => 'serverAuth' }, 'tls' ],
	[ 'a critical extension that nobody knows', { '1.2.3.4' => 'critical,ASN1:NULL' }, 'tls' ])
{
	my ($title, $extensions, $code, $text) = @$case;
	leaf_refused($title, new_leaf($acme, $uri, extensions => $extensions), $code, $text);
}
leaf_refused('not valid yet', new_leaf($acme, $uri, start => time + 3600), 'tls');
leaf_refused('expired', new_leaf($acme, $uri, end => time - 5), 'tls');
leaf_refused('self-signed', new_leaf(undef, $uri), 'tls');
foreach my $case (
	[ 'other kinds of names beside the URI', "$uri,DNS:acme.example,IP:127.0.0.1", {} ],
	[ 'no extended key usage', $uri, { extendedKeyUsage => undef } ],
	[ 'clientAuth and serverAuth', $uri, { extendedKeyUsage => 'serverAuth,clientAuth' } ],
	[ 'no basic constraints', $uri, { basicConstraints => undef } ])
{
	my ($title, $names, $extensions) = @$case;
	my ($exit, $output, $errors) = tls_psql($node, ROLE_A,
		new_leaf($acme, $names, extensions => $extensions), $count);
	is($output, '5', "accepted: $title") or diag($errors);
}
output_is($session, $count, '5', 'what others present changes nothing for this session');

# --- no certificate, no TLS ------------------------------------------------------------------

foreach my $case (
	[ 'TLS without a certificate', open_tls($node, ROLE_A, undef) ],
	[ 'no TLS', open_session($node, ROLE_A) ])
{
	my ($title, $none) = @$case;
	(undef, $err) = sqlstate_is($none, $count, '28000', "$title: refused");
	like($err, qr/reason=no_identity/, "$title: the reason");
	output_is($none, $agent, '', "$title: whoami() names nobody");
	$none->quit;
}
leaf_refused('by clientcert=verify-ca: no certificate', undef, 'tls', undef,
	'regress_contauth_verified');
($out, $err) = (tls_psql($node, 'regress_contauth_verified', $leaf, $who))[1, 2];
is($out, AGENT_X . ' x509-svid', 'with clientcert=verify-ca') or diag($err);

# --- authorities between root and leaf ---------------------------------------------------------

my $deep = new_leaf($intermediate, $uri, send => [$intermediate]);
($out, $err) = (tls_psql($node, ROLE_A, $deep, $count))[1, 2];
is($out, '5', 'an intermediate authority that the client sends') or diag($err);
leaf_refused('an intermediate authority that nobody sends',
	new_leaf($intermediate, $uri), 'tls');
leaf_refused('an intermediate authority that only the server knows',
	new_leaf($known_intermediate, $uri), 'certificate_untrusted');
leaf_refused('the intermediate authority of another trust domain',
	do {
		my $foreign = new_authority('globex intermediate', issuer => $globex);
		new_leaf($foreign, $uri, send => [ $foreign, $acme ]);
	},
	'certificate_untrusted');
leaf_refused('a leaf that signs another leaf',
	do {
		my $false = new_leaf($acme, $uri);
		new_leaf($false, 'URI:' . AGENT_X, send => [$false]);
	},
	'tls');
leaf_refused('more certificates than anybody needs',
	new_leaf($acme, $uri, send => [ ($intermediate) x 9 ]), 'certificate_invalid',
	qr/too many others/);

# --- rotation, removal ----------------------------------------------------------------------------

my $next = open_tls($node, ROLE_A, new_leaf($acme_next, $uri));
sqlstate_is($next, $count, '28000', 'the next authority, not yet in the bundle');
set_bundle('acme.example', $acme, $acme_next);
output_is($session, $count, '5', 'a bundle of two: the old one');
output_is($next, $count, '5', 'and the new one');

my $open = open_tls($node, ROLE_A, $leaf);
output_is($open, "PREPARE p AS $count; EXECUTE p", '5', 'a prepared statement');
output_is($open, 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.customer ORDER BY id; FETCH 1 FROM c',
	'2', 'and a cursor');
set_bundle('acme.example', $acme_next);
(undef, $err) = sqlstate_is($session, $count, '28000',
	'replaced: the next statement of the open session');
like($err, qr/reason=certificate_untrusted/, 'with its reason');
sqlstate_is($open, 'FETCH 1 FROM c', '28000', 'the next FETCH');
sqlstate_is($open, 'ROLLBACK; EXECUTE p', '28000', 'the next EXECUTE');
output_is($next, $count, '5', 'the new authority goes on');
admin("SELECT contauth.remove_trust_bundle('acme.example')");
(undef, $err) = sqlstate_is($next, $count, '28000', 'removed: the next statement');
like($err, qr/reason=trust_bundle_unknown/, 'with its reason');
sqlstate_is($next, "BEGIN; $count", '28000', 'also inside a transaction');
sqlstate_is($next, 'ROLLBACK', '00000', 'which can be ended');
set_bundle('acme.example', $acme);
output_is($open, 'EXECUTE p', '5', 'added again: it works again');
sqlstate_is($next, $count, '28000', 'for those of that authority only');
$_->quit foreach $next, $open;
foreach my $case (
	[ 'a leaf', bundle($leaf) ],
	[ 'an intermediate authority alone', bundle($intermediate) ],
	[ 'a key besides', bundle($acme) . slurp_file($acme->{key}) ],
	[ 'nothing', '' ],
	[ 'text besides', "some text\n" . bundle($acme) ])
{
	my ($title, $pem) = @$case;
	my ($code, $output, $errors) = as_role($node, undef, undef,
		"SELECT contauth.add_trust_bundle('acme.example', '$pem')");
	like($errors, qr/ERROR:  22023/, "a bundle of $title is refused");
}
output_is($session, $count, '5', 'and the one before stays');

# The end that whoami() tells is that of the chain by which it is trusted now
my $short_root = new_authority('', twin => $acme, end => int(time) + 1800);
set_bundle('acme.example', $short_root);
output_is($session, $count, '5', 'an authority that ends earlier than the leaf');
output_is($session,
	"SELECT (contauth.whoami() ->> 'expires_at')::timestamptz = '@{[not_after($short_root)]}'::timestamptz",
	't', 'whoami() tells the earlier end');
my $later = open_tls($node, ROLE_A, $leaf);
output_is($later,
	"SELECT (contauth.whoami() ->> 'expires_at')::timestamptz = '@{[not_after($short_root)]}'::timestamptz",
	't', 'in a new session, too');
$later->quit;
set_bundle('acme.example', new_authority('', twin => $acme, start => time + 1800));
(undef, $err) = sqlstate_is($session, $count, '28000', 'an authority that is not valid yet');
like($err, qr/reason=certificate_not_yet_valid/, 'with its reason');
set_bundle('acme.example', new_authority('', twin => $acme, end => time - 5));
(undef, $err) = sqlstate_is($session, $count, '28000', 'an authority that has ended');
like($err, qr/reason=certificate_expired/, 'with its reason');
set_bundle('acme.example', $acme);
output_is($session, $count, '5', 'the right one');

# --- certificates that end during the session --------------------------------------------------------

# Two of the leaves last, but not the authority that vouches for them: one
# gets a successor with the same key after the end, the other has it already.
my $renewed = open_tls($node, ROLE_A, $leaf);
my $doubled = open_tls($node, ROLE_A, new_leaf($globex, 'URI:' . AGENT_G));
my $end = int(time) + 7;
my $short = new_leaf($acme, $uri, end => $end);
my $short_intermediate = new_authority('short intermediate', issuer => $acme, end => $end);
my @ending = (
	[ 'leaf', open_tls($node, ROLE_A, $short) ],
	[ 'its issuer', open_tls($node, ROLE_A,
		new_leaf($short_intermediate, $uri, send => [$short_intermediate])) ]);
my $cursor = open_tls($node, ROLE_A, $short);
output_is($_->[1], "PREPARE p AS $count; EXECUTE p", '5', "$_->[0]: before the end") foreach @ending;
output_is($cursor, 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.customer ORDER BY id; FETCH 1 FROM c',
	'2', 'a cursor before the end');
set_bundle('acme.example', new_authority('', twin => $acme, end => $end));
output_is($renewed, $count, '5', 'an authority before its end');
set_bundle('globex.example', new_authority('', twin => $globex, end => $end), $globex);
output_is($doubled, $count, '5', 'an authority before its end, and its successor');
cmp_ok(time, '<', $end, 'all of that before the end');
sleep(0.1) while time < $end + 0.1;
(undef, $err) = sqlstate_is($renewed, $count, '28000', 'the end of an authority in the bundle');
like($err, qr/reason=certificate_expired/, 'with its reason');
set_bundle('acme.example', $acme);
output_is($renewed, $count, '5', 'its successor is seen by the session that is open');
output_is($doubled, $count, '5', 'a successor that was there already counts, too');
$_->quit foreach $renewed, $doubled;
foreach my $case (@ending)
{
	my ($title, $ended) = @$case;
	(undef, $err) = sqlstate_is($ended, 'EXECUTE p', '28000', "$title: the prepared statement");
	like($err, qr/reason=certificate_expired/, "$title: the reason");
	sqlstate_is($ended, $count, '28000', "$title: the next statement");
	output_is($ended, $agent, '', "$title: whoami() names nobody");
	output_is($ended, "SET contauth.token = '@{[token_a($issuer)]}'; $count", '5',
		"$title: a token still works");
	$ended->quit;
}
sqlstate_is($cursor, 'FETCH 1 FROM c', '28000', 'the next FETCH');
sqlstate_is($cursor, 'COMMIT', '00000', 'the transaction can be ended');
$cursor->quit;

# --- tokens bound to a certificate (RFC 8705) ----------------------------------------------------------

my $bound = $issuer->token(AGENT_A, iss => ISSUER, tenant => 'acme',
	cnf => { 'x5t#S256' => thumbprint_base64url($leaf) });
my $another = new_leaf($acme, $uri);
foreach my $case (
	[ 'the same certificate', $leaf, '00000' ],
	[ 'another certificate of the same agent', $another, '28000' ],
	[ 'no certificate', undef, '28000' ])
{
	my ($title, $presented, $expected) = @$case;
	my $binding = open_tls($node, ROLE_A, $presented);
	sqlstate_is($binding, "SET contauth.token = '$bound'", $expected, "SET with $title");
	sqlstate_is($binding, "SELECT contauth.authenticate('$bound')", $expected,
		"authenticate() with $title");
	$binding->quit;
	$binding = open_tls($node, ROLE_A, $presented, $bound);
	(undef, $err) = sqlstate_is($binding, $count, $expected, "connection option with $title");
	like($err, qr/reason=token_binding/, "the reason with $title") if $expected ne '00000';
	$binding->quit;
}
my $socket = open_session($node, ROLE_A, $bound);
(undef, $err) = sqlstate_is($socket, $count, '28000', 'the bound token without TLS');
like($err, qr/reason=token_binding/, 'with its reason');
$socket->quit;
my $bound_svid = $issuer->token(AGENT_A, tenant => 'acme',
	cnf => { 'x5t#S256' => thumbprint_base64url($leaf) });
(undef, undef, $err) = tls_psql($node, ROLE_A, undef, $count, $bound_svid);
like($err, qr/28000|ERROR|FATAL/, 'a JWT-SVID that is bound: not without the certificate');
my $foreign = new_leaf($other, 'DNS:somebody');
($out, $err) = (tls_psql($node, ROLE_A, $foreign, $who,
	$issuer->token(AGENT_A, iss => ISSUER, tenant => 'acme',
		cnf => { 'x5t#S256' => thumbprint_base64url($foreign) })))[1, 2];
is($out, AGENT_A . ' token', 'any certificate can bind a token, it need be no SVID') or diag($err);

# --- one transaction, one identity -------------------------------------------------------------------------

admin(<<"EOS");
ALTER ROLE regress_contauth_verified SET contauth.identity_scope = transaction;
SELECT contauth.alter_agent('@{[AGENT_A]}', '{"db_roles": ["@{[ROLE_A]}", "regress_contauth_verified"]}');
EOS
my $scoped = open_tls($node, 'regress_contauth_verified', $leaf);
(undef, $err) = sqlstate_is($scoped, 'SELECT 1', '28000',
	'identity_scope = transaction: the certificate is the pooler\'s');
like($err, qr/reason=no_identity/, 'with its reason');
output_is($scoped, $agent, '', 'whoami() names nobody');
sqlstate_is($scoped, 'BEGIN; SELECT 1', '28000', 'nor does it count inside a transaction');
output_is($scoped, "ROLLBACK; BEGIN; SET LOCAL contauth.token = '@{[token_a($issuer)]}'; $who",
	AGENT_A . ' token', 'a token does');
sqlstate_is($scoped, 'COMMIT; SELECT 1', '28000', 'until the end');
$scoped->quit;
admin('ALTER ROLE regress_contauth_verified RESET contauth.identity_scope');

# --- delegation to who holds the certificate ------------------------------------------------------------------

# A grant of a person of the issuer, or (key) of an agent.
sub grant
{
	my ($from, $to, %claims) = @_;
	my $key = delete $claims{key} // $issuer;

	return $key->sign(encode_json({
		iss => $from, sub => $to, aud => ContauthTest::AUDIENCE,
		iat => time - 10, exp => int(time) + 3600, jti => "grant-$to", %claims }));
}

sub delegation { return encode_json([@_]); }

my $delegated = "SELECT concat_ws(' ', w ->> 'agent', w ->> 'source', w ->> 'on_behalf_of', w ->> 'depth')"
  . ' FROM contauth.whoami() AS w';
output_is($session, "SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_X))]}'; $delegated",
	AGENT_X . ' x509-svid ' . ALICE . ' 1', 'a grant to the agent of the certificate');
output_is($session, $count, '5', 'which may do what policies say');
is( decisions($node, <<"EOS"), ALICE . '|1|' . ALICE . '|x5t#S256:' . thumbprint($leaf), 'the record has both');
SELECT on_behalf_of, depth, chain -> 0 ->> 'principal', chain -> 1 ->> 'id'
  FROM contauth_audit.decision WHERE agent = '@{[AGENT_X]}' AND statement = '$count'
 ORDER BY seq DESC LIMIT 1
EOS
my $narrow = delegation(grant(ALICE, AGENT_X,
	authorization_details => [ { type => 'contauth', locations => ['app.ticket'] } ]));
output_is($session, "SET contauth.delegation = '$narrow'; SELECT count(*) FROM app.ticket", '5',
	'a grant of less');
sqlstate_is($session, $count, '42501', 'leaves less');
(undef, $err) = sqlstate_is($session,
	"SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_A))]}'; $count", 'ZA002',
	'a grant to somebody else');
like($err, qr/reason=chain_wrong_actor/, 'with its reason');
sqlstate_is($session, "SET contauth.delegation = '@{[delegation(grant(AGENT_X, AGENT_X, key => new_issuer('own')))]}'; $count",
	'ZA002', 'a grant to oneself');
output_is($session, "SET contauth.token = '@{[token_a($issuer)]}';"
	. "SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_A))]}'; $delegated",
	AGENT_A . ' token ' . ALICE . ' 1', 'with a token the grant must be to its agent');
sqlstate_is($session, "SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_X))]}'; $count",
	'ZA002', 'and not to the certificate\'s');
output_is($session, "RESET contauth.token; RESET contauth.delegation; $delegated",
	AGENT_X . ' x509-svid 0', 'without both it is the certificate again');
output_is($session, "BEGIN; SELECT set_config('contauth.delegation', '@{[delegation(grant(ALICE, AGENT_X))]}', true) LIKE 'sha256:%'; $delegated",
	"t\n@{[AGENT_X]} x509-svid @{[ALICE]} 1", 'a delegation for one transaction');
output_is($session, "COMMIT; $delegated", AGENT_X . ' x509-svid 0', 'ends with it');
my $no_certificate = open_session($node, ROLE_A);
sqlstate_is($no_certificate, "SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_X))]}'; $count",
	'28000', 'a delegation alone is no identity');
$no_certificate->quit;

# --- RESET ALL, DISCARD ALL ---------------------------------------------------------------------------------------

# The certificate is the connection's: what makes a connection as new leaves it,
# and clears what the client has presented besides.
foreach my $reset ('RESET ALL', 'DISCARD ALL')
{
	my $given = open_tls($node, ROLE_A, $leaf, token_a($issuer));
	output_is($given, "SET contauth.delegation = '@{[delegation(grant(ALICE, AGENT_A))]}'; $delegated",
		AGENT_A . ' token ' . ALICE . ' 1', "before $reset");
	sqlstate_is($given, $reset, '00000', $reset);
	output_is($given, $delegated, AGENT_X . ' x509-svid 0',
		"$reset: token and delegation are gone, the certificate stays");
	output_is($given, $count, '5', "$reset: and works");
	output_is($given, "RESET contauth.token; $who", AGENT_X . ' x509-svid',
		"$reset: the connection's token does not come back");
	$given->quit;
}

# --- governed or not ------------------------------------------------------------------------------------------------

# A session is governed by its role, or by a token.  A certificate alone does
# not make a person an agent, even one that names a registered agent.
my $before = decisions($node, 'SELECT count(*) FROM contauth_audit.decision');
my $human = open_tls($node, HUMAN, $leaf);
output_is($human, $count, '10', 'a person with an agent\'s certificate sees all rows');
output_is($human, 'SELECT email FROM app.customer WHERE id = 1', 'EMAILRAW1@example.com', 'unmasked');
output_is($human, $agent, '', 'and is nobody\'s agent');
is(decisions($node, 'SELECT count(*) FROM contauth_audit.decision'), $before, 'and is not recorded');
sqlstate_is($human, "SET contauth.token = '@{[token_a($issuer)]}'", '28000',
	'a token of an agent that is not registered for the person\'s role');
admin("SELECT contauth.alter_agent('@{[AGENT_A]}', '{\"db_roles\": [\"@{[ROLE_A]}\", \"@{[HUMAN]}\"]}')");
output_is($human, "SET contauth.token = '@{[token_a($issuer)]}'; $count", '5',
	'presenting a token makes the session governed');
output_is($human, "RESET contauth.token; $count", '10', 'while it is presented');
$human->quit;

# --- parallel workers --------------------------------------------------------------------------------------------------

my $parallel = open_tls($node, ROLE_A, $leaf);
sqlstate_is($parallel, <<'EOS', '00000', 'settings for parallel plans');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2
EOS
($out) = (attempt($parallel, 'EXPLAIN (COSTS OFF) SELECT count(pad) FROM app.big'))[1];
like($out, qr/Workers Planned/, 'the plan has workers');
output_is($parallel, 'SELECT count(pad) FROM app.big', '10000', 'parallel workers under a certificate');
output_is($parallel, "SET force_parallel_mode = on; SELECT sum(id) FROM app.big; $who",
	"100010000\n@{[AGENT_X]} x509-svid", 'and forced ones');
set_bundle('acme.example', $globex);
sqlstate_is($parallel, 'SELECT count(pad) FROM app.big', '28000', 'refused before workers start');
set_bundle('acme.example', $acme);
$parallel->quit;

# --- after all of that ------------------------------------------------------------------------------

my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP:/, 'no backend crashed');
$session->quit;
$node->stop;
done_testing();
