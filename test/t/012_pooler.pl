# Agents behind a connection pooler.  Agents of two tenants, with and without a
# delegation, share few server connections of one pgbouncer, which logs in as
# one database role for all of them.
#
# In transaction mode every transaction presents its own token; what one client
# leaves on a connection (a plain SET, prepared statements, kept plans, errors,
# a transaction that it never ended) gives the next one nothing.  In session
# mode DISCARD ALL stands between clients.
#
# A failure means: behind a pooler one agent sees what is another's, acts for
# another's principal, or works without having presented an identity.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROLE_POOL => 'regress_contauth_pool';
use constant ISSUER => 'https://issuer.acme.example';
use constant STATEMENTS => 12000;

# --- the server ----------------------------------------------------------------

my $issuer = new_issuer();
my $node = new_node('pooler', "log_statement = none\nmax_connections = 40");
install_application($node, $issuer);
$node->safe_psql('postgres', <<"EOS");
CREATE ROLE @{[ROLE_POOL]} LOGIN;
SELECT contauth.enroll_role('@{[ROLE_POOL]}');
ALTER ROLE @{[ROLE_POOL]} SET contauth.identity_scope = transaction;
GRANT ALL ON SCHEMA app TO @{[ROLE_POOL]};
GRANT ALL ON ALL TABLES IN SCHEMA app TO @{[ROLE_POOL]};
SELECT contauth.alter_agent('@{[AGENT_A]}', '{"db_roles": ["@{[ROLE_A]}", "@{[ROLE_POOL]}"]}');
SELECT contauth.alter_agent('@{[AGENT_B]}', '{"db_roles": ["@{[ROLE_A]}", "@{[ROLE_POOL]}"]}');
CREATE FUNCTION app.names() RETURNS text LANGUAGE plpgsql STABLE AS \$\$
BEGIN
	RETURN (SELECT string_agg(name, ',' ORDER BY id) FROM app.customer);
END \$\$;
-- says of itself that it depends on nothing, so that plans keep its result
CREATE FUNCTION app.folded_names() RETURNS text LANGUAGE plpgsql IMMUTABLE AS \$\$
BEGIN
	RETURN (SELECT string_agg(name, ',' ORDER BY id) FROM app.customer);
END \$\$;
CREATE FUNCTION app.folded_inside() RETURNS text LANGUAGE plpgsql STABLE AS \$\$
BEGIN
	RETURN app.folded_names();
END \$\$;
SELECT contauth.create_policy('call_them', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
EOS

# --- the agents ----------------------------------------------------------------

# A delegation of one grant: a person of the issuer's to an agent.
sub delegation
{
	my ($person, $agent, %claims) = @_;

	return encode_json([
		$issuer->sign(
			encode_json({
				iss => ISSUER . "|$person",
				sub => $agent,
				aud => 'contauth-test',
				iat => time - 60,
				exp => time + 3600,
				jti => "grant-$person",
				%claims
			}))
	]);
}

# One of the application's agents, as pooler_agents.py takes it.
sub agent
{
	my ($name, $which, $person, %claims) = @_;
	my $id = $which eq 'A' ? AGENT_A : AGENT_B;

	return {
		name => $name,
		agent => $id,
		token => $which eq 'A' ? token_a($issuer) : token_b($issuer),
		delegation => defined $person ? delegation($person, $id, %claims) : undef,
		on_behalf_of => defined $person ? ISSUER . "|$person" : undef,
		tickets => %claims ? JSON::PP::false : JSON::PP::true,
		tenant => $which eq 'A' ? 'acme' : 'globex',
		own => $which eq 'A' ? 'acmename' : 'GLOBEXROW',
		other => $which eq 'A' ? 'GLOBEXROW' : 'acmename',
		id => $which eq 'A' ? 2 : 1
	};
}

my %only_customers = (authorization_details =>
	  [ { type => 'contauth', locations => [ 'app.customer', 'function:app.*' ] } ]);
my @agents = (
	agent('A', 'A'),
	agent('B', 'B'),
	agent('A for Alice', 'A', 'alice'),
	agent('B for Bob', 'B', 'bob'),
	agent('A for Carol, customers only', 'A', 'carol', %only_customers),
	agent('B for Dan, customers only', 'B', 'dan', %only_customers));

# --- the pooler ------------------------------------------------------------------

my $server = "host=@{[$node->host]} port=@{[$node->port]} dbname=postgres";
my $pooler = new_pooler(
	tx => "$server user=@{[ROLE_POOL]} pool_mode=transaction pool_size=2",
	tx1 => "$server user=@{[ROLE_POOL]} pool_mode=transaction pool_size=1",
	plain => "$server user=@{[ROLE_A]} pool_mode=transaction pool_size=2",
	plain1 => "$server user=@{[ROLE_A]} pool_mode=transaction pool_size=1",
	sess1 => "$server user=@{[ROLE_A]} pool_mode=session pool_size=1");

# Run suites of pooler_agents.py; every line that it answers is a test.
sub run_suites
{
	my (@suites) = @_;
	my $input = encode_json({
		socket => $pooler->{host},
		port => $pooler->{port},
		agents => \@agents,
		statements => STATEMENTS,
		run => \@suites
	});
	my ($out, $err) = ('', '');
	my $done = IPC::Run::run(
		[ '/usr/bin/python3', "$FindBin::RealBin/pooler_agents.py" ],
		'<', \$input, '>', \$out, '2>', \$err);

	foreach my $line (split /\n/, $out)
	{
		my $result = decode_json($line);
		ok($result->{ok}, $result->{title}) or diag($result->{diag});
	}
	ok($done, "@suites: went on to the end") or diag($err);
	return;
}

# --- run ---------------------------------------------------------------------------

eval {
	run_suites($_)
	  foreach qw(scope_transaction scope_session disconnects stale_handles
	  session_mode startup_options load);
	1;
} or fail("the suites died: $@");
$pooler->{process}->kill_kill;

# --- what is on record ---------------------------------------------------------------

is( decisions($node, <<"EOS"), '0', 'nothing was read without an identity');
SELECT count(*) FROM contauth_audit.decision
 WHERE decision = 'allow' AND agent IS NULL AND accesses::text LIKE '%app.%'
EOS
cmp_ok(
	decisions($node, <<"EOS"), '>=', 10000, 'the audit has as many statements with an identity');
SELECT count(*) FROM contauth_audit.decision
 WHERE agent IN ('@{[AGENT_A]}', '@{[AGENT_B]}') AND db_role IN ('@{[ROLE_A]}', '@{[ROLE_POOL]}')
EOS
is( decisions($node, <<"EOS"), '2', 'on behalf of people of either tenant');
SELECT count(DISTINCT agent) FROM contauth_audit.decision
 WHERE depth = 1 AND on_behalf_of LIKE '@{[ISSUER]}|%' AND decision = 'allow'
EOS
is($node->safe_psql('postgres', 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the audit is intact');

$node->stop;
done_testing();
