# A token that expires while the session works: the very next statement is
# refused, in the middle of a transaction, for a prepared statement and for an
# open cursor, too.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant LIFETIME => 4;

my $issuer = new_issuer();
my $node = new_node('expiry');
install_application($node, $issuer);

my $count = 'SELECT count(*) FROM app.customer';

# All sessions use tokens that end in the same second.
my $end = int(time) + LIFETIME;
sub short { return token_a($issuer, exp => $end); }

my $plain = open_session($node, ROLE_A, short());
my $in_transaction = open_session($node, ROLE_A, short());
my $prepared = open_session($node, ROLE_A, short());
my $cursor = open_session($node, ROLE_A, short());
my $function = open_session($node, ROLE_A, short());
my $local = open_session($node, ROLE_A, token_b($issuer));
my $registration = open_session($node, ROLE_B, token_b($issuer));

$node->safe_psql('postgres', <<'EOS');
CREATE FUNCTION app.two_counts(pause float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := (SELECT count(*) FROM app.customer);
BEGIN
	PERFORM pg_sleep(pause);
	RETURN result || (SELECT count(*) FROM app.customer);
END $$;
SELECT contauth.create_policy('call_it', effect => 'permit',
	actions => '{execute}', resources => '{function:app.two_counts}');
EOS
output_is($plain, $count, '5', 'a plain statement before the end');
output_is($in_transaction, "BEGIN; $count", '5', 'in a transaction');
output_is($prepared, "PREPARE p AS $count; EXECUTE p; EXECUTE p", "5\n5", 'prepared');
output_is($cursor,
	'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.customer ORDER BY id; FETCH 2 FROM c',
	"2\n4", 'the first rows of a cursor');
output_is($function, 'SELECT app.two_counts(0)', '55', 'a function');
output_is($local, "BEGIN; SET LOCAL contauth.token = '@{[short()]}'; $count", '5',
	'a token for one transaction');
cmp_ok(time, '<', $end, 'all of that before the tokens ended');

# One statement begins before the end, and its inner statements after it.
$function->{stdin} .= "SELECT app.two_counts(" . ($end - time + 1) . ");\n";
$function->{run}->pump_nb;

sleep(0.1) while time < $end + 0.2;
my ($out, $err) = sqlstate_is($plain, $count, '28000', 'expired: the next statement');
like($err, qr/reason=token_expired/, 'the reason is told');
sqlstate_is($in_transaction, $count, '28000', 'in the middle of a transaction');
sqlstate_is($in_transaction, $count, '25P02', 'which is then aborted');
sqlstate_is($in_transaction, 'ROLLBACK', '00000', 'and can be ended');
sqlstate_is($prepared, 'EXECUTE p', '28000', 'a prepared statement');
(undef, $err) = sqlstate_is($cursor, 'FETCH 2 FROM c', '28000', 'an open cursor');
unlike($err, qr/\b6\b\n/, 'no further row');
sqlstate_is($local, $count, '28000', 'the token of the transaction');
output_is($local, "ROLLBACK; SELECT contauth.whoami() ->> 'agent'",
	AGENT_B, 'after it the token of the session counts again');
($out, $err) = sqlstate_is($function, 'SELECT 1', '28000', 'the session of the function');
unlike($out, qr/5/, 'statements inside a function are refused after the end');
output_is($plain, "SELECT contauth.whoami() ->> 'agent'", '',
	'whoami() answers that there is no agent');
sqlstate_is($plain, "SET contauth.token = '@{[short()]}'", '28000',
	'an expired token cannot be presented');
output_is($plain, "SET contauth.token = '@{[token_a($issuer)]}'; $count", '5',
	'a new token makes the session work again');

# The registration ends, although the token does not
output_is($registration, 'SELECT count(*) FROM app.ticket', '5', 'registered');
$node->safe_psql('postgres',
	"UPDATE contauth.agent SET expires_at = now() + '1 s' WHERE spiffe_id = '@{[AGENT_B]}'");
sleep(1.2);
(undef, $err) = sqlstate_is($registration, 'SELECT count(*) FROM app.ticket',
	'28000', 'the end of the registration is seen, too');
like($err, qr/reason=agent_expired/, 'with its own reason');

is( decisions($node, <<'EOS'), "agent_expired\ntoken_expired", 'the records name the reasons');
SELECT DISTINCT reason_code FROM contauth_audit.decision
 WHERE sqlstate = '28000' AND statement LIKE '%count(*)%' ORDER BY 1
EOS

$_->quit foreach $plain, $in_transaction, $prepared, $cursor, $function, $local,
  $registration;
$node->stop;
done_testing();
