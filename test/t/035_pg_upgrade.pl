# pg_upgrade: a server of another major version decides as the old one did.
#
# Runs where the environment variable oldinstall names the installation of an
# older server with contauth, as PostgreSQL's own test of pg_upgrade has it, for
# example oldinstall=/usr/lib/postgresql/15; is skipped elsewhere.
#
# A failure means: after pg_upgrade agents may do more, or less, or the audit is
# not what it was.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'oldinstall names no installation of an older server'
  unless defined $ENV{oldinstall};

use constant EVENTS => q{SELECT to_jsonb(e) FROM contauth_audit.admin_event AS e
	WHERE action <> 'read_audit' ORDER BY event_id};

my $issuer = new_issuer();
my %token = (ROLE_A, token_a($issuer), ROLE_B, token_b($issuer));
my @requests = (
	'SELECT id, name, email, phone FROM app.customer ORDER BY id',
	'SELECT notes FROM app.customer',
	'SELECT count(*) FROM app.customer_view',
	'SELECT name FROM app.area',
	"UPDATE app.ticket SET body = 'x' WHERE id <= 4 RETURNING id",
	'DELETE FROM app.ticket',
	'SELECT id FROM app.customer WHERE balance > 50');

# SQLSTATE and output of each request, for each agent.
sub answers
{
	my ($node) = @_;
	my @answers;

	for my $role (ROLE_A, ROLE_B)
	{
		my $session = open_session($node, $role, $token{$role});

		push @answers, join ' ', (attempt($session, $_))[ 0, 1 ] for @requests;
		$session->quit;
	}
	return join "\n", @answers;
}

# --- the old server --------------------------------------------------------------

my $old = new_node({ name => 'old', install_path => $ENV{oldinstall} });
install_application($old, $issuer);
$old->safe_psql('postgres', <<"EOS");
SECURITY LABEL FOR contauth ON COLUMN app.customer.email IS 'pii.contact';
SECURITY LABEL FOR contauth ON TABLE app.ticket IS 'internal';
CREATE TABLE app.area (id int, name text);
INSERT INTO app.area VALUES (1, 'north');
GRANT ALL ON app.area TO @{[ROLE_A]}, @{[ROLE_B]};
SELECT contauth.create_policy('hash names', 'permit', actions => '{select}',
	principals => '{@{[AGENT_B]}}', resources => '{app.area}', masks => '{"app.area.name": "hash"}');
SELECT contauth.create_policy('big spenders', 'restrict', resources => '{app.customer}',
	row_filter => 'balance < 90');
SELECT contauth.revoke('token', repeat('AB', 32), 'leaked');
SELECT contauth.enable_policy('builtin_catalog_read', false);
EOS
my $answers = answers($old);
my $count = 2 * @requests;
is(decisions($old, 'SELECT count(*) FROM contauth_audit.decision'), $count, 'every request is on record');
my $state = state_of($old, 'postgres');
my $events = $old->safe_psql('postgres', EVENTS);
my $records = decisions($old, 'SELECT to_jsonb(d) FROM contauth_audit.decision AS d ORDER BY seq');
$old->stop;

# --- the new one -----------------------------------------------------------------

my $new = new_node({ name => 'new', start => 0 });
$new->command_ok(
	[
		'pg_upgrade', '--no-sync',
		'--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
		'--old-bindir', "$ENV{oldinstall}/bin", '--new-bindir', $new->config_data('--bindir'),
		'--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port
	],
	'pg_upgrade succeeds');
$new->start;

is(state_of($new, 'postgres'), $state, 'everything is there');
is($new->safe_psql('postgres', EVENTS), $events, 'what administrators did, too');
is($new->safe_psql('postgres', 'SELECT to_jsonb(d) FROM contauth_audit.decision AS d ORDER BY seq'),
	$records, 'records, too');
is($new->safe_psql('postgres', 'SELECT ok, checked, damage FROM contauth_audit.verify()'), "t|$count|",
	'and their chain verifies');
is(answers($new), $answers, 'requests have the answers they had');
$count *= 2;
is(decisions($new, 'SELECT ok, checked, damage FROM contauth_audit.verify()'), "t|$count|",
	'the audit worker has added to the chain');
unlike(slurp_file($new->logfile), qr/PANIC|background worker .* was terminated/, 'nothing crashed');

$new->stop;
done_testing();
