# A server that has not preloaded the library: nothing of contauth works there,
# and an enrolled role cannot get in.  (Fail-closed wiring.)

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('preload');
install_application($node, new_issuer());

my ($code, $out, $err) = as_role($node, ROLE_A, undef, 'SELECT contauth.whoami()');
is($code, 0, 'preloaded: the enrolled role logs in') or diag($err);

# The same cluster, without the library
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
foreach my $setting (qw(audience audit_database clock_skew))
{
	$node->adjust_conf('postgresql.conf', "contauth.$setting", undef);
}
$node->restart;

($code, $out, $err) = as_role($node, ROLE_A, undef, 'SELECT 1');
isnt($code, 0, 'not preloaded: the enrolled role cannot log in');
like($err, qr/contauth must be loaded via shared_preload_libraries/,
	'and is told why');

($code, $out, $err) = as_role($node, 'regress_contauth_human', undef, 'SELECT 1');
is("$code $out", '0 1', 'a role that is not enrolled logs in');

my $session = open_session($node, 'regress_contauth_human');
output_is($session, 'SELECT count(*) FROM app.customer', '10',
	'and works on the tables that the extension protects');
$session->quit;

$session = open_session($node);
($out, $err) = sqlstate_is($session, "LOAD 'contauth'", '55000', 'LOAD fails');
like($err, qr/HINT:.*Add contauth to shared_preload_libraries/, 'with a hint');
sqlstate_is($session,
	"DROP EXTENSION contauth; CREATE EXTENSION contauth",
	'55000', 'CREATE EXTENSION fails');
sqlstate_is($session, 'CREATE DATABASE fresh', '00000', 'a new database');
$session->quit;

$session = open_session($node, undef, undef, 'fresh');
sqlstate_is($session, 'CREATE EXTENSION contauth', '55000',
	'CREATE EXTENSION fails in a database that never had it');
output_is($session, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'contauth%'",
	'0', 'and leaves nothing behind');
$session->quit;

$node->stop;
done_testing();
