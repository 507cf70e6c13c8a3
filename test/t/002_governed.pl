# Which sessions are governed, and that nothing leaves that state: roles,
# memberships through other roles, startup options, mode per role and
# database, databases without the extension.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $node = new_node('governed');
install_application($node, $issuer);
$node->safe_psql('postgres', <<'EOS');
CREATE ROLE regress_contauth_super LOGIN SUPERUSER;
CREATE ROLE regress_contauth_group NOLOGIN;
CREATE ROLE regress_contauth_member LOGIN;
CREATE ROLE regress_contauth_noinherit LOGIN NOINHERIT;
CREATE ROLE regress_contauth_service LOGIN NOINHERIT;
GRANT contauth_agent TO regress_contauth_group;
GRANT regress_contauth_group TO regress_contauth_member, regress_contauth_noinherit;
GRANT regress_contauth_a TO regress_contauth_service;
GRANT ALL ON ALL TABLES IN SCHEMA app
	TO regress_contauth_member, regress_contauth_noinherit, regress_contauth_service;
GRANT USAGE ON SCHEMA app
	TO regress_contauth_member, regress_contauth_noinherit, regress_contauth_service;
CREATE FUNCTION app.count_as_owner() RETURNS bigint
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'SELECT count(*) FROM app.customer';
EOS

my $count = 'SELECT count(*) FROM app.customer';
my ($code, $out, $err);

# --- without an identity -----------------------------------------------------

foreach my $role (ROLE_A, 'regress_contauth_member', 'regress_contauth_noinherit')
{
	my $session = open_session($node, $role);

	(undef, $err) = sqlstate_is($session, $count, '28000', "$role: no identity, no rows");
	like($err, qr/reason=no_identity/, 'the reason is told');
	sqlstate_is($session, 'SELECT 1 FROM pg_catalog.pg_class', '28000',
		'not even the catalogs');
	sqlstate_is($session, "COPY (SELECT 1) TO STDOUT", '28000', 'nor COPY');
	sqlstate_is($session, 'CREATE TEMP TABLE t (a integer)', '42501', 'nor DDL');
	sqlstate_is($session, 'SELECT current_user', '28000', 'nor a question about itself');
	sqlstate_is($session, 'BEGIN; SHOW search_path; SET work_mem = 1024; ROLLBACK',
		'00000', 'transactions, SHOW and SET work');
	output_is($session, "SELECT contauth.whoami() ->> 'agent'", '',
		'whoami() answers that there is no agent');
	$session->quit;
}

my $human = open_session($node, 'regress_contauth_human');
output_is($human, $count, '10', 'an ungoverned role sees everything');
output_is($human, 'SELECT app.count_as_owner()', '10', 'also through functions');
$human->quit;

my $super = open_session($node, 'regress_contauth_super');
output_is($super, $count, '10',
	'a superuser is not governed by the membership that superusers imply');
$super->quit;

# --- an ungoverned session that becomes governed -----------------------------

my $service = open_session($node, 'regress_contauth_service');
sqlstate_is($service, $count, '28000', 'membership counts also without INHERIT');
$service->quit;

$super = open_session($node, 'regress_contauth_super');
sqlstate_is($super, "PREPARE p AS $count; SET ROLE @{[ROLE_A]}", '00000',
	'a superuser takes the role of an agent');
sqlstate_is($super, $count, '28000', 'and is governed');
sqlstate_is($super, 'EXECUTE p', '28000', 'also what was prepared before');
output_is($super, "RESET ROLE; $count", '10',
	'leaving that role again makes it what it was');
sqlstate_is($super, "SET SESSION AUTHORIZATION @{[ROLE_A]}; $count", '28000',
	'SET SESSION AUTHORIZATION governs, too');
$super->quit;

$human = open_session($node, 'regress_contauth_human');
sqlstate_is($human, "SET contauth.token = '@{[token_a($issuer)]}'", '28000',
	'a token of an agent that is not registered for this role is refused');
output_is($human, $count, '10', 'and nothing has changed');
$human->quit;
$human = open_session($node, 'regress_contauth_human', token_a($issuer));
(undef, $err) = sqlstate_is($human, $count, '28000',
	'a session that connects with such a token is governed');
like($err, qr/reason=wrong_role/, 'and has no identity');
$human->quit;

# --- with an identity: the state cannot be left ------------------------------

$node->safe_psql('postgres', <<'EOS');
GRANT regress_contauth_human TO regress_contauth_a;
SELECT contauth.create_policy('take_roles', effect => 'permit',
	actions => '{set_role}', resources => '{role:regress_contauth_human}');
SELECT contauth.create_policy('call_it', effect => 'permit',
	actions => '{execute}', resources => '{function:app.count_as_owner}');
EOS
my $agent = open_session($node, ROLE_A, token_a($issuer));
output_is($agent, $count, '5', 'a token as startup option: the tenant\'s rows');
sqlstate_is($agent, 'SET ROLE regress_contauth_human', '00000', 'SET ROLE, permitted');
output_is($agent, $count, '5', 'does not leave the governed state');
sqlstate_is($agent, 'RESET ROLE', '00000', 'nor does RESET ROLE');
output_is($agent, 'SELECT app.count_as_owner()', '5', 'nor SECURITY DEFINER');
sqlstate_is($agent, 'SET ROLE regress_contauth_b', '42501',
	'a role that no policy permits is refused');
foreach my $forget ('RESET ALL', 'DISCARD ALL')
{
	my $session = open_session($node, ROLE_A, token_a($issuer));

	sqlstate_is($session, $forget, '00000', $forget);
	sqlstate_is($session, $count, '28000', "$forget clears the identity");
	$session->quit;
}
foreach my $setting ('contauth.mode = off', "contauth.mode = 'monitor'",
	'session_replication_role = replica', 'contauth.audit_durability = strict',
	'contauth.explain_denials = off')
{
	my ($sqlstate) = attempt($agent, "SET $setting");
	like($sqlstate, qr/^42501$/, "an agent cannot SET $setting");
}
$agent->quit;

# A superuser who is an agent: no setting of his switches it off
$node->safe_psql('postgres', 'GRANT contauth_agent TO regress_contauth_super');
$super = open_session($node, 'regress_contauth_super');
sqlstate_is($super, $count, '28000', 'a superuser who is a member is governed');
sqlstate_is($super, 'SET contauth.mode = off', '42501', 'and cannot switch it off');
sqlstate_is($super, $count, '28000', 'it is not switched off');
$super->quit;
{
	local $ENV{PGOPTIONS} = '-c contauth.mode=off';
	($code, $out, $err) = as_role($node, 'regress_contauth_super', undef, $count);
	isnt($code, 0, 'nor by a connection option');
	unlike($out, qr/10/, 'which shows no row');
}
$node->safe_psql('postgres', 'REVOKE contauth_agent FROM regress_contauth_super');

# --- mode by role and database -----------------------------------------------

$node->safe_psql('postgres',
	"ALTER ROLE @{[ROLE_A]} SET contauth.mode = 'monitor'");
($code, $out, $err) = as_role($node, ROLE_A, token_a($issuer), $count);
is("$code $out", '0 10', 'monitor refuses and filters nothing') or diag($err);
($code, $out, $err) = as_role($node, ROLE_A, token_a($issuer),
	'SELECT count(notes) FROM app.customer');
is("$code $out", '0 10', 'nor a column that no policy covers') or diag($err);
is( decisions($node, <<'EOS'), 'monitor|deny|00000', 'but records what it would have done');
SELECT mode, decision, sqlstate FROM contauth_audit.decision
 WHERE statement LIKE '%notes%' ORDER BY seq DESC LIMIT 1
EOS

$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_A]} SET contauth.mode = 'off'");
($code, $out, $err) = as_role($node, ROLE_A, undef, $count);
is("$code $out", '0 10', 'off does nothing');

$node->safe_psql('postgres', <<"EOS");
ALTER ROLE @{[ROLE_A]} RESET contauth.mode;
ALTER DATABASE postgres SET contauth.mode = 'monitor';
EOS
($code, $out, $err) = as_role($node, ROLE_B, undef, $count);
is("$code $out", '0 10', 'mode of the database holds for its sessions');
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET contauth.mode');
($code, $out, $err) = as_role($node, ROLE_B, undef, $count);
isnt($code, 0, 'enforced again');

# --- a database without the extension ----------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->safe_psql('plain',
	'CREATE TABLE public.t AS SELECT 1 AS a; GRANT ALL ON public.t TO PUBLIC');
foreach my $token (undef, token_a($issuer))
{
	my $with = defined $token ? 'with' : 'without';
	my $session = open_session($node, ROLE_A, $token, 'plain');

	foreach my $sql ('SELECT a FROM public.t', 'COPY public.t TO STDOUT', 'SELECT 1')
	{
		my ($sqlstate, $output) = attempt($session, $sql);

		like("$sqlstate $output", qr/^(28000|42501) $/,
			"no extension in the database: $sql is refused $with a token");
	}
	$session->quit;
}
$human = open_session($node, 'regress_contauth_human', undef, 'plain');
output_is($human, 'SELECT a FROM public.t', '1', 'an ungoverned role works there');
$human->quit;

# --- leaving and coming back -------------------------------------------------

$agent = open_session($node, ROLE_B);
sqlstate_is($agent, $count, '28000', 'governed');
$node->safe_psql('postgres', "SELECT contauth.unenroll_role('@{[ROLE_B]}')");
output_is($agent, $count, '10', 'unenroll_role() reaches the open session');
$node->safe_psql('postgres', "SELECT contauth.enroll_role('@{[ROLE_B]}')");
sqlstate_is($agent, $count, '28000', 'and so does enroll_role()');
$agent->quit;

$node->stop;
done_testing();
