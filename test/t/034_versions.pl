# A library of one version, SQL objects of another: agents are refused, and told
# why; nobody else notices.
#
# Objects of 0.1 under this library are what a server has between its restart
# and ALTER EXTENSION UPDATE; objects of a later version are made here by
# changing pg_extension.  In the database that keeps the audit, and in another.
#
# A failure means: decisions are made by tables that mean something else, or
# who updates a server is left without a word of what to do.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant HINT => qr/HINT:.*ALTER EXTENSION contauth UPDATE/;

my $issuer = new_issuer();
my $node = new_node('main');

# --- in a database that does not keep the audit ----------------------------------

$node->safe_psql('postgres', 'CREATE EXTENSION contauth');
$node->safe_psql('postgres', 'CREATE DATABASE app');
install_application($node, $issuer, 'app');

# Say that the extension has this version, and tell sessions so as a script would.
sub set_version
{
	my ($db, $version) = @_;

	$node->safe_psql($db, <<"EOS");
UPDATE pg_extension SET extversion = '$version' WHERE extname = 'contauth';
GRANT USAGE ON SCHEMA contauth TO pg_monitor;
REVOKE USAGE ON SCHEMA contauth FROM pg_monitor;
SELECT contauth_audit.attach();
EOS
	return;
}

my $agent = open_session($node, ROLE_A, token_a($issuer), 'app');
output_is($agent, 'PREPARE q AS SELECT count(*) FROM app.customer; EXECUTE q', 5, 'an agent works');

for my $version ('0.1', '0.3')
{
	set_version('app', $version);
	for my $sql ('SELECT count(*) FROM app.customer', 'EXECUTE q', 'SELECT contauth.whoami()',
		"UPDATE app.ticket SET body = 'x'", 'COPY app.customer TO STDOUT', 'CREATE TABLE app.x ()')
	{
		my ($out, $err) = sqlstate_is($agent, $sql, '42501', "$version: refused: $sql");
		like($err, qr/reason=not_updated: extension contauth has version \Q$version\E in this database, its library is for 0\.2/,
			'and told why');
		like($err, HINT, 'and what to do');
	}
	sqlstate_is($agent, 'BEGIN; ROLLBACK', '00000', "$version: a transaction can be ended");

	my $human = open_session($node, 'regress_contauth_human', undef, 'app');
	output_is($human, 'SELECT count(*) FROM app.customer', 10, "$version: a role that is not governed works");
	$human->quit;

	my $admin = open_session($node, undef, undef, 'app');
	for my $sql ("SELECT contauth.create_policy('p', 'permit', resources => '{app.ticket}')",
		"SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')",
		"SELECT contauth.approve(gen_random_uuid(), 'test')",
		"SELECT contauth_audit.drop_before(now(), 'nowhere')")
	{
		my ($out, $err) = sqlstate_is($admin, $sql, '55000', "$version: administration is refused: $sql");
		like($err, HINT, 'and told what to do');
	}
	output_is($admin, 'SELECT count(*) FROM contauth.agent', 2, "$version: tables can be read");
	$admin->quit;
}
set_version('app', '0.2');
output_is($agent, 'EXECUTE q', 5, 'with the version of the library the agent goes on');
output_is($agent, 'SELECT count(*) FROM app.ticket', 5, 'everywhere');
is( decisions($node, q{SELECT DISTINCT decision || ' ' || reason_code FROM contauth_audit.decision
		WHERE reason_code = 'not_updated'}), 'deny not_updated', 'refusals are on record');

# --- in the database that keeps the audit ----------------------------------------

my $offset = -s $node->logfile;
set_version('postgres', '0.3');

$node->wait_for_log(qr/contauth audit worker waits: extension contauth has version 0\.3 in this database/, $offset);
my ($out, $err) = sqlstate_is($agent, 'SELECT 1', 'ZA005', 'what cannot be recorded is refused');
like($err, HINT, 'and told what to do');
$node->restart;
$agent->quit;
$agent = open_session($node, ROLE_A, token_a($issuer), 'app');
sqlstate_is($agent, 'SELECT 1', 'ZA005', 'after a restart, too');
set_version('postgres', '0.2');
output_is($agent, 'SELECT 1', 1, 'with the version of the library worker and agent go on by themselves');
is(decisions($node, 'SELECT ok, damage FROM contauth_audit.verify()'), 't|', 'no record is lost');
unlike(slurp_file($node->logfile), qr/PANIC|server process .* was terminated|background worker .* was terminated/, 'nothing crashed');
$agent->quit;

$node->stop;
done_testing();
