# Policies and registrations that arrive by logical replication: the sessions of
# the subscriber see them as those of the publisher do, at their next statement.
#
# A failure means: on a subscriber a policy that was replaced goes on to hold.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $publisher = new_node('publisher', "wal_level = logical\nmax_wal_senders = 4\nmax_replication_slots = 4");
my $subscriber = new_node('subscriber');

install_application($publisher, $issuer);
install_application($subscriber, $issuer);
$subscriber->safe_psql('postgres', <<'EOS');
SET session_replication_role = replica;
DELETE FROM contauth.policy;
DELETE FROM contauth.agent;
EOS
$publisher->safe_psql('postgres',
	'CREATE PUBLICATION p FOR TABLE contauth.policy, contauth.agent, contauth.revocation, '
	  . 'contauth.kill_switch_state, contauth.break_glass_grant');
my $source = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '$source' PUBLICATION p");
$subscriber->wait_for_subscription_sync($publisher, 's');

my $session = open_session($subscriber, ROLE_A, token_a($issuer));
output_is($session, 'SELECT count(*) FROM app.customer', 5, 'policies and agents have arrived');

# A change there, and the agent's next statement here.
sub then_is
{
	my ($change, $sql, $sqlstate, $title) = @_;

	$publisher->safe_psql('postgres', $change);
	$publisher->wait_for_catchup('s');
	sqlstate_is($session, $sql, $sqlstate, $title);
	return;
}

my $read = 'SELECT id FROM app.customer';
then_is(q{SELECT contauth.create_policy('no', 'forbid', resources => '{app.customer}')},
	$read, '42501', 'a new policy');
then_is(q{SELECT contauth.enable_policy('no', false)}, $read, '00000', 'one put out of force');
then_is(q{SELECT contauth.alter_policy('read_own_tenant', '{"row_filter": "false"}')},
	$read, '00000', 'one that is altered');
output_is($session, 'SELECT count(*) FROM app.customer', 0, 'and what it says now');
then_is(q{SELECT contauth.drop_policy('read_own_tenant')}, $read, '42501', 'one that is dropped');
then_is("SELECT contauth.break_glass('@{[AGENT_A]}', 'test', '1 hour')",
	$read, '00000', 'break-glass');
then_is('SELECT contauth.close_break_glass(id, \'test\') FROM contauth.break_glass_grant',
	$read, '42501', 'break-glass that is closed');
then_is(q{SELECT contauth.create_policy('again', 'permit', resources => '{app.customer}')},
	$read, '00000', 'read again');
then_is("SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')", $read, '28000', 'a revoked agent');
then_is("SELECT contauth.unrevoke('agent', '@{[AGENT_A]}', 'test')", $read, '00000', 'taken back');
then_is(q{SELECT contauth.kill_switch(true, 'test')}, $read, 'ZA004', 'the kill switch');
then_is(q{SELECT contauth.kill_switch(false, 'test')}, $read, '00000', 'lifted');
then_is("SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')", $read, '28000', 'a suspended agent');
$session->quit;

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->stop;
$publisher->stop;
done_testing();
