# Plans are kept; what they were made for changes.  Policies, agents and keys
# changed by another session are seen by the next statement, and a plan made
# under one identity never shows rows to another.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $node = new_node('plans');
install_application($node, $issuer);
$node->safe_psql('postgres', <<'EOS');
CREATE FUNCTION app.names() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT string_agg(name, ',' ORDER BY id) FROM app.customer WHERE id <= 3);
END $$;
CREATE FUNCTION app.phone_of(wanted integer) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	result text;
BEGIN
	SELECT phone INTO result FROM app.customer WHERE id = wanted;
	RETURN result;
END $$;
SELECT contauth.create_policy('call_them', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
EOS

# Change what is administered, from another session.
sub administer
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

my $agent = open_session($node, ROLE_A, token_a($issuer));
my %shape = (
	'a prepared statement' => 'EXECUTE plain',
	'a generic plan' => 'EXECUTE generic(2)',
	'a custom plan' => 'EXECUTE custom(2)',
	'a plan inside PL/pgSQL' => 'SELECT app.phone_of(2)',
	'a view' => 'SELECT phone FROM app.customer_view WHERE id = 2');

sqlstate_is($agent, <<'EOS', '00000', 'statements are prepared');
PREPARE plain AS SELECT phone FROM app.customer WHERE id = 2;
SET plan_cache_mode = force_generic_plan;
PREPARE generic(integer) AS SELECT phone FROM app.customer WHERE id = $1;
EXECUTE generic(2);
SET plan_cache_mode = force_custom_plan;
PREPARE custom(integer) AS SELECT phone FROM app.customer WHERE id = $1;
EXECUTE custom(2);
SET plan_cache_mode = auto;
EOS

# Run every shape, and expect the same of each.
sub shapes_are
{
	my ($sqlstate, $output, $when) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $name (sort keys %shape)
	{
		my ($got, $out, $err) = attempt($agent, $shape{$name});

		is("$got $out", "$sqlstate $output", "$when: $name") or diag($err);
	}
	return;
}

# --- policies ----------------------------------------------------------------


my (undef, $masked) = attempt($agent, 'EXECUTE plain');
unlike($masked, qr/PHONERAW/, 'the column is masked');
shapes_are('00000', $masked, 'at first');

administer(q{SELECT contauth.alter_policy('read_own_tenant',
	'{"masks": {"app.customer.phone": "constant(CHANGED)"}}')});
shapes_are('00000', 'CHANGED', 'another mask');

administer(q{SELECT contauth.alter_policy('read_own_tenant', '{"masks": {}}')});
shapes_are('00000', 'PHONERAW5552', 'no mask');

administer(q{SELECT contauth.alter_policy('read_own_tenant',
	'{"row_filter": "tenant = contauth.claim(''tenant'') AND id > 2"}')});
shapes_are('00000', '', 'a narrower filter');

administer(q{SELECT contauth.alter_policy('read_own_tenant',
	'{"row_filter": "tenant = contauth.claim(''tenant'')"}');
	SELECT contauth.create_policy('no_phone', effect => 'forbid',
		resources => '{app.customer(phone)}')});
shapes_are('42501', '', 'a new forbid');

administer(q{SELECT contauth.enable_policy('no_phone', false)});
shapes_are('00000', 'PHONERAW5552', 'the forbid disabled');

administer(q{SELECT contauth.enable_policy('read_own_tenant', false)});
shapes_are('42501', '', 'the permit disabled');

administer(q{SELECT contauth.enable_policy('read_own_tenant', true)});
shapes_are('00000', 'PHONERAW5552', 'the permit enabled again');

administer(q{BEGIN; SELECT contauth.drop_policy('read_own_tenant'); ROLLBACK});
shapes_are('00000', 'PHONERAW5552', 'a change that was rolled back');

administer(q{SELECT contauth.alter_policy('read_own_tenant',
	'{"masks": {"label:pii.*": "redact"}}')});
shapes_are('00000', 'PHONERAW5552', 'a mask for labels, no label');
administer(q{SECURITY LABEL FOR contauth ON COLUMN app.customer.phone IS 'pii.phone'});
shapes_are('00000', $masked, 'the label set');
administer(q{SECURITY LABEL FOR contauth ON COLUMN app.customer.phone IS NULL});
shapes_are('00000', 'PHONERAW5552', 'the label removed');
administer(q{SELECT contauth.alter_policy('read_own_tenant',
	'{"masks": {"app.customer.phone": "redact", "app.customer.email": "email"}}')});

# --- open transactions and cursors -------------------------------------------

sqlstate_is($agent, <<'EOS', '00000', 'a REPEATABLE READ transaction with a cursor');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM app.customer;
DECLARE phones CURSOR FOR SELECT phone FROM app.customer ORDER BY id;
FETCH 1 FROM phones;
SAVEPOINT s;
EOS
administer(q{SELECT contauth.enable_policy('no_phone', true)});
sqlstate_is($agent, 'EXECUTE plain', '42501',
	'the transaction sees the policy that is newer than its snapshot');
sqlstate_is($agent, 'ROLLBACK TO s; FETCH 1 FROM phones', '42501',
	'and so does its cursor');
output_is($agent, 'ROLLBACK TO s; SELECT count(*) FROM app.customer', '5',
	'other columns go on');
administer(q{SELECT contauth.enable_policy('no_phone', false)});
output_is($agent, 'EXECUTE plain', $masked, 'allowed again, in the same transaction');
sqlstate_is($agent, 'ROLLBACK', '00000', 'its end');

# --- another identity on the same plans --------------------------------------

my $both = open_session($node, ROLE_A, token_a($issuer));
my %names = (
	'simple' => 'SELECT string_agg(name, \',\' ORDER BY id) FROM app.customer WHERE id <= 3',
	'prepared' => 'EXECUTE names',
	'generic' => 'EXECUTE names_to(3)',
	'function' => 'SELECT app.names()');
sqlstate_is($both, <<'EOS', '00000', 'prepared under one identity');
PREPARE names AS SELECT string_agg(name, ',' ORDER BY id) FROM app.customer WHERE id <= 3;
SET plan_cache_mode = force_generic_plan;
PREPARE names_to(integer) AS
	SELECT string_agg(name, ',' ORDER BY id) FROM app.customer WHERE id <= $1;
EXECUTE names_to(3);
EOS
my %rows = (A => 'acmename2', B => 'GLOBEXROW1,GLOBEXROW3');
foreach my $who (qw(A B A B))
{
	my $token = $who eq 'A' ? token_a($issuer) : token_b($issuer);

	sqlstate_is($both, "SET contauth.token = '$token'", '00000', "now agent $who");
	foreach my $name (sort keys %names)
	{
		output_is($both, $names{$name}, $rows{$who}, "$name: rows of agent $who");
	}
}
foreach my $name (sort keys %names)
{
	output_is($both, "BEGIN; SET LOCAL contauth.token = '@{[token_a($issuer)]}'; $names{$name}",
		$rows{A}, "$name: a token for one transaction");
	output_is($both, "COMMIT; $names{$name}", $rows{B}, "$name: after it");
}
my ($out, $err);
sqlstate_is($both, <<'EOS', '00000', 'a cursor of agent B');
BEGIN;
DECLARE c CURSOR FOR SELECT name FROM app.customer ORDER BY id;
FETCH 1 FROM c;
EOS
sqlstate_is($both, "SET LOCAL contauth.token = '@{[token_a($issuer)]}'", '00000',
	'agent A takes over');
($out, $err) = sqlstate_is($both, 'FETCH 1 FROM c', '28000',
	'and may not fetch from it');
unlike("$out$err", qr/GLOBEXROW/, 'nor sees a row of it');
sqlstate_is($both, "ROLLBACK; SET contauth.token = ''", '00000', 'no identity any more');
foreach my $name (sort keys %names)
{
	sqlstate_is($both, $names{$name}, '28000', "$name: nothing without an identity");
}
$both->quit;

# --- agents and keys ---------------------------------------------------------

administer("SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')");
shapes_are('28000', '', 'suspended');
administer("SELECT contauth.resume_agent('@{[AGENT_A]}', 'test')");
shapes_are('00000', $masked, 'resumed');

my $other = new_issuer('k2');
administer("SELECT contauth.set_issuer_keys('https://issuer.acme.example', '@{[$other->jwks]}')");
shapes_are('28000', '', 'key removed from the issuer');
administer("SELECT contauth.set_issuer_keys('https://issuer.acme.example', '@{[$issuer->jwks]}')");
shapes_are('00000', $masked, 'key put back');
administer("SELECT contauth.remove_issuer('https://issuer.acme.example')");
shapes_are('28000', '', 'issuer removed');
administer("SELECT contauth.add_issuer('https://issuer.acme.example', 'acme.example', '@{[$issuer->jwks]}')");
shapes_are('00000', $masked, 'issuer added again');

administer("SELECT contauth.retire_agent('@{[AGENT_A]}', 'test')");
shapes_are('28000', '', 'retired');
$agent->quit;

# --- expressions that PL/pgSQL keeps ready for a transaction ------------------

administer(<<'EOS');
CREATE FUNCTION app.inner_one(n integer) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN n; END';
CREATE FUNCTION app.outer_one(n integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	result integer;
BEGIN
	result := app.inner_one(n);
	RETURN result;
END $$;
EOS
my $b = open_session($node, ROLE_B, token_b($issuer));
sqlstate_is($b, 'BEGIN', '00000', 'a transaction begins');
output_is($b, 'SELECT app.outer_one(1)', '1', 'a function calls another in an expression');
administer(q{SELECT contauth.create_policy('not_it', 'forbid', actions => '{execute}',
	resources => '{function:app.inner_one}')});
sqlstate_is($b, 'SAVEPOINT s; SELECT app.outer_one(1)', '42501', 'which is forbidden at the next statement');
administer(q{SELECT contauth.drop_policy('not_it')});
output_is($b, 'ROLLBACK TO s; SELECT app.outer_one(1)', '1', 'and permitted again');
sqlstate_is($b, 'COMMIT', '00000', 'it ends');

# --- what a function is may change, too ----------------------------------------

administer(q{CREATE FUNCTION app.turns() RETURNS SETOF text LANGUAGE plpgsql STABLE
	AS 'BEGIN RETURN NEXT ''own''; END'});
my $seen = (attempt($b, 'SELECT count(*) FROM app.customer'))[1];
isnt($seen, '10', 'the agent does not see all rows');
output_is($b, 'SELECT * FROM app.turns()', 'own', 'a function that reads nothing');
administer(q{CREATE OR REPLACE FUNCTION app.turns() RETURNS SETOF text LANGUAGE sql STABLE
	AS 'SELECT count(*)::text FROM app.customer'});
output_is($b, 'SELECT * FROM app.turns()', $seen,
	'becomes one that the server could inline, and is called and filtered');

# --- what was prepared while nothing was enforced ------------------------------

my $mode = q{SELECT current_setting('contauth.mode')};
sub becomes
{
	my ($wanted) = @_;
	administer("ALTER SYSTEM SET contauth.mode = '$wanted'");
	administer('SELECT pg_reload_conf()');
	for (1 .. 600)
	{
		last if (attempt($b, $mode))[1] eq $wanted;
		select(undef, undef, undef, 0.1);
	}
	output_is($b, $mode, $wanted, "the session's mode becomes $wanted");
	return;
}
becomes('monitor');
sqlstate_is($b, 'PREPARE seen AS SELECT id, tenant, phone FROM app.customer ORDER BY id; EXECUTE seen',
	'00000', 'what is only monitored is prepared');
my ($monitored) = (attempt($b, 'EXECUTE seen'))[1];
like($monitored, qr/PHONERAW/, 'and shows everything');
becomes('enforce');
my ($enforced) = (attempt($b, 'EXECUTE seen'))[1];
unlike($enforced, qr/PHONERAW/, 'which it does not when it is enforced');
isnt($enforced, $monitored, 'but other rows');
$b->quit;

# --- what comes between Bind and Execute --------------------------------------

# Forbid reading tickets under this condition.
sub forbid_tickets
{
	my ($name, $condition) = @_;

	administer("SELECT contauth.create_policy('$name', effect => 'forbid',
		principals => '{spiffe://acme.example/agent/*}', actions => '{select}',
		resources => '{app.ticket}', condition => \$\$ $condition \$\$)");
	return;
}
forbid_tickets('not_for_ads', q{coalesce(ctx.purpose, '') = 'ads'});
my $messages = encode_json([ $node->host . '/.s.PGSQL.' . $node->port, ROLE_B, token_b($issuer), AGENT_B ]) . "\n";
my ($answers, $trouble) = ('', '');
my $portals = IPC::Run::start([ '/usr/bin/python3', "$FindBin::RealBin/portal_between.py" ],
	'<', \$messages, '>', \$answers, '2>', \$trouble, IPC::Run::timeout(60));
$portals->pump until $answers =~ /^ready\n/m;
forbid_tickets('not_at_all', 'true');
forbid_tickets('not_now', 'true');
administer("SELECT contauth.enable_policy('not_now', false)");
$messages .= "go on\n";
$portals->finish;
is($answers, <<'EOS', 'what comes between Bind and Execute') or diag($trouble);
["nothing", 5, "SELECT 5"]
["another purpose", 0, "42501"]
ready
["a policy", 0, "42501"]
["changes just before", ["SELECT 1", 0, "28000"], ["SELECT 1", 0, "42501"], ["SELECT 1", 0, "ZA004"]]
EOS
administer("SELECT contauth.drop_policy('$_')") foreach 'not_for_ads', 'not_now';

# --- what was prepared before the session was governed -----------------------

my $human = open_session($node, 'regress_contauth_human');
output_is($human, 'PREPARE p AS SELECT count(notes) FROM app.customer; EXECUTE p', '10',
	'an ungoverned session prepares');
administer('GRANT contauth_agent TO regress_contauth_human');
sqlstate_is($human, 'EXECUTE p', '28000', 'governed from the next statement on');
administer("UPDATE contauth.agent SET db_roles = db_roles || 'regress_contauth_human'::name
	WHERE spiffe_id = '@{[AGENT_B]}'");
sqlstate_is($human, "SET contauth.token = '@{[token_b($issuer)]}'; EXECUTE p", '42501',
	'the old plan shows no column that no policy covers');
$human->quit;

administer('REVOKE contauth_agent FROM regress_contauth_human');
$human = open_session($node, 'regress_contauth_human');
sqlstate_is($human, "BEGIN; DECLARE c CURSOR FOR SELECT notes FROM app.customer;
	DECLARE d CURSOR FOR SELECT 1; MOVE 1 FROM c", '00000', 'an ungoverned session opens cursors');
sqlstate_is($human, "SET contauth.token = '@{[token_b($issuer)]}'", '00000', 'then presents a token');
sqlstate_is($human, 'SAVEPOINT s; FETCH 1 FROM c', '42501', 'and cannot read on');
sqlstate_is($human, 'ROLLBACK TO s; FETCH 1 FROM d', '42501', 'nor begin to read');
$human->quit;

$node->stop;
done_testing();
