# Databases of other encodings than UTF-8: tokens whose claims are beyond
# ASCII, records of statements in any bytes, and one audit for all of them.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $node = new_node('encoding');
install_application($node, $issuer);

# A token with a payload given as text: tenant as written, escapes and all.
sub token_with_tenant
{
	my ($tenant) = @_;
	my $exp = time + 3600;

	return $issuer->sign(
		qq({"sub":"@{[AGENT_A]}","aud":["contauth-test"],"exp":$exp,"jti":"j","tenant":"$tenant"}));
}

foreach my $encoding ('LATIN1', 'SQL_ASCII')
{
	my $db = lc $encoding;

	$node->safe_psql('postgres',
		"CREATE DATABASE $db ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql($db, <<"EOS");
CREATE EXTENSION contauth;
SELECT contauth.add_issuer('https://issuer.acme.example', 'acme.example', '@{[$issuer->jwks]}');
SELECT contauth.register_agent('@{[AGENT_A]}', '{@{[ROLE_A]}}', 'alice', 2);
CREATE SCHEMA app;
CREATE TABLE app.thing (id integer, tenant text, secret text);
INSERT INTO app.thing VALUES (1, 'acme', 'SECRETRAW1'), (2, convert_from('\\xe9', '@{[$encoding eq 'LATIN1' ? 'LATIN1' : 'SQL_ASCII']}'), 'SECRETRAW2');
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
SELECT contauth.create_policy('own', effect => 'permit', actions => '{select}',
	resources => '{app.thing}', row_filter => \$\$ tenant = contauth.claim('tenant') \$\$,
	masks => '{"app.thing.secret": "redact"}');
EOS

	my $session = open_session($node, ROLE_A, token_with_tenant('\u0061cme'), $db);
	output_is($session, 'SELECT id, secret FROM app.thing', '1|[redacted]',
		"$encoding: an escape for an ASCII character");
	$session->quit;

	# e with acute is in LATIN1; in SQL_ASCII the server cannot say what it is
	foreach my $tenant ('\u00e9', "\xc3\xa9")
	{
		my $form = $tenant =~ /u00/ ? 'as an escape' : 'as UTF-8';

		$session = open_session($node, ROLE_A, token_with_tenant($tenant), $db);
		my ($sqlstate, $output, $errors) =
		  attempt($session, 'SELECT id FROM app.thing ORDER BY id');
		if ($encoding eq 'LATIN1')
		{
			is("$sqlstate $output", '00000 2', "$encoding: a letter of LATIN1 $form")
			  or diag($errors);
		}
		else
		{
			like("$sqlstate $output", qr/^(00000|28000) $/,
				"$encoding: a letter beyond ASCII $form matches no other row");
		}
		$session->quit;
	}

	# a character that the database cannot hold: no identity, no crash
	$session = open_session($node, ROLE_A, token_with_tenant('\u4e2d'), $db);
	my ($sqlstate, $output, $errors) = attempt($session, 'SELECT id FROM app.thing');
	if ($encoding eq 'LATIN1')
	{
		is("$sqlstate $output", '28000 ', "$encoding: a claim that cannot be stored") or diag($errors);
	}
	else
	{
		like("$sqlstate $output", qr/^(00000|28000) $/, "$encoding: a claim beyond ASCII");
	}
	$session->quit;
	my ($code, $out, $err) = as_role($node, ROLE_A, token_with_tenant('a\u0000b'),
		'SELECT id FROM app.thing', $db);
	isnt($code, 0, "$encoding: a NUL in a claim");
	like($err, qr/the token is refused/, 'the token is refused');

	# records: text in the database's own bytes, context in any bytes
	my $byte = "\xe9";
	local $ENV{PGCLIENTENCODING} = $encoding;
	($code, $out, $err) = as_role($node, ROLE_A, token_with_tenant('acme'),
		"SET contauth.task_id = 'task-$encoding-$byte'; "
		  . "SET application_name = 'app-$encoding-$byte'; "
		  . "SELECT id AS \"col-$encoding-$byte\" FROM app.thing",
		$db);
	is("$code $out", '0 1', "$encoding: a statement with bytes beyond ASCII") or diag($err);
	$node->safe_psql($db, <<"EOS");
CREATE TABLE app."same-$byte" (id integer);
GRANT SELECT ON app."same-$byte" TO PUBLIC;
SELECT contauth.create_policy('same', effect => 'permit', actions => '{select}',
	resources => ARRAY['app."same-$byte"']);
EOS
	foreach (1 .. 2)
	{
		($code, $out, $err) = as_role($node, ROLE_A, token_with_tenant('acme'),
			qq(SELECT id AS same FROM app."same-$byte"), $db);
		is("$code $out", '0 ', "$encoding: a relation that has the same bytes in both") or diag($err);
	}
	($code, $out, $err) = as_role($node, ROLE_A, token_with_tenant('acme'),
		"SELECT \"no-such-$byte\" FROM app.thing", $db);
	isnt($code, 0, "$encoding: an error with such bytes");
	($code, $out, $err) = as_role($node, ROLE_A, token_with_tenant('acme'),
		"SELECT secret FROM app.thing; SELECT 1 FROM contauth.agent AS \"a$byte\"", $db);
	like($err, qr/42501/, "$encoding: a denial with such bytes");
}

# The audit is kept in UTF-8, whatever the records came from
is( decisions($node, <<'EOS'), 'task-LATIN1-é|t|t', 'LATIN1 is recoded');
SELECT task_id, statement LIKE '%col-LATIN1-é%', application_name LIKE 'app-LATIN1-%'
  FROM contauth_audit.decision WHERE statement LIKE '%col-LATIN1%'
EOS
is( decisions($node, <<'EOS'), '1|t', 'bytes of SQL_ASCII are kept in a form that can be stored');
SELECT count(*), bool_and(task_id ~ '^task-SQL_ASCII-.+' AND task_id !~ 'é')
  FROM contauth_audit.decision WHERE statement LIKE '%col-SQL_ASCII%'
EOS
is( decisions($node, <<'EOS'), "latin1|2|t|f\nsql_ascii|2|f|t", 'the same bytes are understood by each encoding');
SELECT database, count(*), bool_and(accesses -> 0 ->> 'relation' LIKE '%same-é%'),
       bool_and(accesses -> 0 ->> 'relation' LIKE '%same-\\xe9%')
  FROM contauth_audit.decision WHERE statement LIKE 'SELECT id AS same%' GROUP BY 1 ORDER BY 1
EOS
is( decisions($node, <<'EOS'), "latin1|deny\nsql_ascii|deny", 'the denials are there, too');
SELECT DISTINCT database, decision FROM contauth_audit.decision
 WHERE sqlstate = '42501' AND database <> 'postgres' ORDER BY 1
EOS
is($node->safe_psql('postgres', 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the chain is intact');

$node->stop;
done_testing();
