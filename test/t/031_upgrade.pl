# From 0.1 to 0.2: ALTER EXTENSION UPDATE keeps everything and ends where CREATE
# EXTENSION does.
#
# Three databases: one in which 0.1 has worked (database_0_1.sql), one in which
# 0.1 was just created, and one that begins with 0.2.  After the update the
# catalog of all three is the same, fact for fact (extension_catalog.sql); what
# was entered is there; the chain that 0.1 wrote verifies, and goes on.
#
# A failure means: contauth--0.1--0.2.sql lacks what stands in
# contauth--0.2.sql (the lines that differ are shown: < fresh, > updated), or
# who updates loses policies, history or records.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# rows of the audit can only be loaded where no audit is kept
my $node = new_node('main', "contauth.audit_database = 'nowhere'");
my $issuer = new_issuer();

$node->psql('postgres', slurp_file("$FindBin::RealBin/database_0_1.sql"), on_error_die => 1);
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(clean fresh);
$node->safe_psql('clean', q{CREATE EXTENSION contauth VERSION '0.1'});
$node->safe_psql('fresh', q{CREATE EXTENSION contauth VERSION '0.2'});
$node->append_conf('postgresql.conf', "contauth.audit_database = 'postgres'");
$node->restart;

# What must be the same before and after, as text.
sub kept
{
	return $node->safe_psql('postgres', <<'EOS');
SELECT to_jsonb(p) - '{key,version}'::text[] FROM contauth.policy AS p WHERE NOT builtin ORDER BY name;
SELECT version, policy, changed_at, changed_by, old_policy, new_policy
  FROM contauth.policy_version WHERE version > 4 ORDER BY version;
SELECT class, sensitivity, description FROM contauth.classification WHERE class <> 'phi' ORDER BY class;
SELECT name, key FROM contauth.secret ORDER BY name;
SELECT to_jsonb(a) FROM contauth.agent AS a ORDER BY spiffe_id;
SELECT to_jsonb(i) FROM contauth.issuer AS i ORDER BY issuer;
SELECT to_jsonb(d) FROM contauth_audit.decision AS d WHERE seq <= 4 ORDER BY seq;
SELECT to_jsonb(e) FROM contauth_audit.admin_event AS e WHERE event_id <= 13 ORDER BY event_id;
SELECT objtype, objname, label FROM pg_seclabels ORDER BY 1, 2;
EOS
}

my $before = kept();

# --- the update ------------------------------------------------------------------

my $err;
is($node->psql('postgres', 'ALTER EXTENSION contauth UPDATE', stderr => \$err), 0, 'the update succeeds')
  or diag($err);
like($err, qr/WARNING:  built-in policy "builtin_functions_closed" has been altered and stays as it is$/m,
	'what was altered is named');
is(scalar(() = $err =~ /WARNING/g), 1, 'and nothing else');
is($node->psql('clean', 'ALTER EXTENSION contauth UPDATE', stderr => \$err), 0,
	'a database without policies is updated, too');
is($err, '', 'without a word');
is(kept(), $before, 'what was entered and recorded is there');

# --- the catalog -----------------------------------------------------------------

sub catalog_is_that_of_fresh
{
	my ($db) = @_;
	my $facts = slurp_file("$FindBin::RealBin/extension_catalog.sql");
	my %of = map { $_ => [ split /\n/, $node->safe_psql($_, $facts) ] } ('fresh', $db);
	my %fresh = map { $_ => 1 } @{ $of{fresh} };
	my %updated = map { $_ => 1 } @{ $of{$db} };

	cmp_ok(scalar(@{ $of{fresh} }), '>', 3000, "$db: there are facts to compare");
	is( join("\n",
			(map { "< $_" } grep { !$updated{$_} } @{ $of{fresh} }),
			(map { "> $_" } grep { !$fresh{$_} } @{ $of{$db} })),
		'', "$db: the catalog is that of CREATE EXTENSION");
	return;
}
catalog_is_that_of_fresh($_) for qw(clean postgres);

my $seeds = <<'EOS';
SELECT to_jsonb(p) - '{created_at,created_by}'::text[] FROM contauth.policy AS p ORDER BY name;
SELECT to_jsonb(c) FROM contauth.classification AS c ORDER BY class;
SELECT * FROM contauth.policy_version;
SELECT name, length(key) FROM contauth.secret;
EOS
is($node->safe_psql('clean', $seeds), $node->safe_psql('fresh', $seeds), 'so is what it brings along');

# --- built-in policies and classes ------------------------------------------------

is( $node->safe_psql('postgres',
		'SELECT name, enabled, version FROM contauth.policy WHERE builtin ORDER BY name'),
	join("\n",
		'builtin_catalog_closed|f|10', 'builtin_catalog_masked|t|0', 'builtin_catalog_read|f|12',
		'builtin_functions|t|0', 'builtin_functions_closed|t|11'),
	'what was out of force, or dropped, is out of force');
is( $node->safe_psql('postgres',
		q{SELECT resources FROM contauth.policy WHERE name = 'builtin_functions_closed'}),
	'{function:pg_catalog.pg_read_*,function:pg_catalog.upper}', 'what was altered has its text');
is( $node->safe_psql('postgres',
		q{SELECT 'pg_catalog.pg_cursors' = ANY (resources) FROM contauth.policy WHERE name = 'builtin_catalog_closed'}),
	't', 'what was not has that of 0.2');
is( $node->safe_psql('postgres',
		q{SELECT string_agg(class || sensitivity, ' ' ORDER BY class) FROM contauth.classification WHERE seeded}),
	'confidential2 internal1 pci3 phi3 pii4 public0 restricted3 secret4', 'classes have their sensitivity');

# --- versions go on ----------------------------------------------------------------

$node->safe_psql('postgres', q{SELECT contauth.enable_policy('altered', false)});
is($node->safe_psql('postgres', 'SELECT max(version) FROM contauth.policy_version'), 13, 'versions go on');
is( $node->safe_psql('postgres', 'SELECT name, change FROM contauth.rollback_policies(8)'),
	join("\n", 'altered|alter', 'builtin_catalog_closed|alter', 'builtin_catalog_read|alter',
		'builtin_functions_closed|alter'),
	'a version of 0.1 can be gone back to');
$node->safe_psql('postgres', 'SELECT contauth.rollback_policies(12)');

# --- the chain goes on -----------------------------------------------------------

is($node->safe_psql('postgres', 'SELECT ok, checked, damage FROM contauth_audit.verify(1, 4)'), 't|4|',
	q{0.1's chain verifies});
$node->safe_psql('postgres',
	"SELECT contauth.set_issuer_keys('https://issuer.acme.example', '@{[$issuer->jwks]}')");
my $agent = open_session($node, ROLE_A, token_a($issuer));
output_is($agent, 'SELECT count(*), min(id) FROM app.customer', '5|2', 'the agent reads its rows as before');
sqlstate_is($agent, 'DELETE FROM app.customer', '42501', 'and is refused what it was');
output_is($agent, 'SELECT name FROM app.customer WHERE id = 2', 'name2', 'as its policy says');
$agent->quit;
is(decisions($node, 'SELECT string_agg(decision, \' \' ORDER BY seq) FROM contauth_audit.decision WHERE seq > 4'),
	'allow deny allow', 'decisions are recorded behind those of 0.1');
is($node->safe_psql('postgres', 'SELECT ok, checked, damage FROM contauth_audit.verify()'), 't|7|',
	'the whole chain verifies');

$node->stop;
done_testing();
