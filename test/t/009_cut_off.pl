# A statement that is cut off leaves its record: the client goes away while it
# reads, the backend is told to exit, the server has no place for records.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $issuer = new_issuer();
my $node = new_node('cut_off');
install_application($node, $issuer);

my $long = 'SELECT a.id, pg_sleep(0.01) FROM app.customer a, app.customer b, '
	. 'app.customer c, app.customer d';

# Wait until a query of a single row says t.
sub becomes_true
{
	my ($query, $name) = @_;

	ok($node->poll_query_until('postgres', $query), $name);
	return;
}

my $running = q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE query LIKE 'SELECT a.id, pg_sleep%' AND state = 'active'};

# --- the backend is told to exit ---------------------------------------------
my $terminated = open_session($node, ROLE_A, token_a($issuer));
output_is($terminated, 'SELECT count(*) FROM app.customer', '5', 'the audit takes records');
$terminated->{stdin} .= "$long;\n";
$terminated->{run}->pump_nb;
becomes_true($running, 'a long statement runs');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	WHERE query LIKE 'SELECT a.id, pg_sleep%' AND state = 'active'});
becomes_true(q{SELECT count(*) = 1 FROM contauth_audit.decision
	WHERE sqlstate = '08006' AND agent IS NOT NULL AND action = '{select}'
	AND decision = 'allow'}, 'a terminated statement has its record');
eval { $terminated->{run}->kill_kill; };

# --- the client goes away ------------------------------------------------------
$node->safe_psql('postgres', "ALTER SYSTEM SET client_connection_check_interval = '100ms'");
$node->reload;
my $lost = open_session($node, ROLE_A, token_a($issuer));
$lost->{stdin} .= "$long;\n";
$lost->{run}->pump_nb;
becomes_true($running, 'a long statement runs again');
eval { $lost->{run}->kill_kill; };
becomes_true(q{SELECT count(*) = 2 FROM contauth_audit.decision
	WHERE sqlstate = '08006' AND agent IS NOT NULL AND action = '{select}'},
	'a statement without a client has its record');
is($node->safe_psql('postgres', 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the chain is whole');

# --- no place for records --------------------------------------------------------
$node->append_conf('postgresql.conf', "contauth.audit_database = 'nowhere'");
$node->restart;
my $nowhere = open_session($node, ROLE_A, token_a($issuer));
sqlstate_is($nowhere, 'SELECT count(*) FROM app.customer', 'ZA005',
	'refused where nothing can be recorded');
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM app.customer'), 't',
	'people go on');

done_testing();
