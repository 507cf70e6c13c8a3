# Credentials that end while the session works: a token, a delegation grant, a
# registration, or the trust in who signed.  The very next statement or FETCH
# is refused, in the middle of a transaction, for prepared statements, portals
# and open cursors, too.  A failure means that somebody goes on with an
# authority that has ended.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use Digest::SHA qw(sha256);
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant LIFETIME => 6;
use constant ISSUER => 'https://issuer.acme.example';
use constant IDP => 'https://idp.acme.example';
use constant ALICE => IDP . '|alice';
use constant PLANNER => 'spiffe://acme.example/agent/planner';

my $issuer = new_issuer();
my $idp = new_issuer('idp-1');
my $planner = new_issuer('planner-1');
my $node = new_node('expiry');
install_application($node, $issuer);

my $count = 'SELECT count(*) FROM app.customer';
my $declare = 'DECLARE c SCROLL CURSOR FOR SELECT id FROM app.customer ORDER BY id';

# One statement of an administrator.
sub admin
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# The JWK of an issuer made by new_issuer(), for an agent that signs grants.
sub jwk
{
	my ($signer) = @_;
	return encode_json(decode_json($signer->jwks)->{keys}[0]);
}

admin(<<"EOS");
SELECT contauth.add_issuer('@{[IDP]}', 'acme.example', '@{[$idp->jwks]}');
SELECT contauth.register_agent('@{[PLANNER]}', '{@{[ROLE_B]}}', 'paula', 5);
SELECT contauth.add_agent_key('@{[PLANNER]}', '@{[jwk($planner)]}');
-- the same statement before and after a pause
CREATE FUNCTION app.two_counts(pause float8) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	result text := (SELECT count(*) FROM app.customer);
BEGIN
	PERFORM pg_sleep(pause);
	RETURN result || (SELECT count(*) FROM app.customer);
END \$\$;
-- a cursor, a row at a time, and a pause after the second row
CREATE FUNCTION app.slow_fetch(pause float8) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	rows CURSOR FOR SELECT id FROM app.customer ORDER BY id;
	id integer;
	result text := '';
BEGIN
	OPEN rows;
	LOOP
		FETCH rows INTO id;
		EXIT WHEN NOT FOUND;
		result := result || id || ' ';
		IF id = 4 THEN
			PERFORM pg_sleep(pause);
		END IF;
	END LOOP;
	RETURN result || 'end';
END \$\$;
-- a loop, which PL/pgSQL reads ten rows ahead
CREATE FUNCTION app.slow_loop(pause float8) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	rows integer := 0;
	id integer;
BEGIN
	FOR id IN SELECT a.id FROM app.customer AS a, app.customer AS b LOOP
		rows := rows + 1;
		IF rows = 1 THEN
			PERFORM pg_sleep(pause);
		END IF;
	END LOOP;
	RETURN rows || ' end';
END \$\$;
-- what a transaction leaves to its end
CREATE TABLE app.checked (id integer);
CREATE FUNCTION app.check_later() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM count(*) FROM app.customer;
	RETURN NULL;
END \$\$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON app.ticket
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.body = 'checked later')
	EXECUTE FUNCTION app.check_later();
SELECT contauth.create_policy('call_it', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
EOS

# --- credentials ---------------------------------------------------------------

# A grant; people's are signed by their issuer, the planner's by its key.
sub grant
{
	my ($from, $to, %claims) = @_;
	my $parent = delete $claims{parent};
	my $signer = $from eq PLANNER ? $planner : $idp;

	return $signer->sign(encode_json({
		iss => $from, sub => $to, aud => ContauthTest::AUDIENCE,
		iat => int(time) - 10, exp => int(time) + 3600, jti => "grant-$from-$to",
		defined $parent ? (prf => encode_base64url(sha256($parent))) : (), %claims }));
}

# The delegation of one grant, from a person to agent A.
sub from_alice
{
	my (%claims) = @_;
	return encode_json([ grant(ALICE, AGENT_A, %claims) ]);
}

# The delegation from a person over the planner to agent A.
sub over_planner
{
	my ($first, $second) = @_;
	my $parent = grant(ALICE, PLANNER, %$first);

	return encode_json([ $parent, grant(PLANNER, AGENT_A, parent => $parent, %$second) ]);
}

# An OAuth token in which A acts for a person.
sub oauth_token
{
	my (%claims) = @_;
	return $issuer->token('bob', iss => ISSUER, tenant => 'acme',
		act => { sub => AGENT_A }, %claims);
}

# A session of agent A that has presented a token and a delegation.
sub open_delegated
{
	my ($token, $delegation) = @_;
	my $session = open_session($node, ROLE_A, $token);

	attempt($session, "SET contauth.delegation = '$delegation'");
	return $session;
}

# Portals of the extended protocol: see portal.py.
sub open_portals
{
	my ($token) = @_;
	my %self = (in => encode_json([ $node->host . '/.s.PGSQL.' . $node->port, ROLE_A, $token ]) . "\n",
		out => '', err => '');

	$self{run} = IPC::Run::start([ '/usr/bin/python3', "$FindBin::RealBin/portal.py" ],
		'<', \$self{in}, '>', \$self{out}, '2>', \$self{err}, IPC::Run::timeout(60));
	$self{run}->pump until $self{out} =~ /^ready\n/m;
	return \%self;
}

# Let a session begin a statement, and do not wait for its end.
sub begin_statement
{
	my ($session, $sql) = @_;

	$session->{stdin} .= "$sql;\n";
	$session->{run}->pump_nb;
	return;
}

# --- before the end: all sessions' credentials end in the same second ---------------

# Connections are opened first, because on a busy machine that takes longest.
my ($in_transaction, $prepared, $cursor, $committing, $deferring, $oauth) =
  map { open_session($node, ROLE_A) } 1 .. 6;
my %function = map { $_ => open_session($node, ROLE_A) } qw(two_counts slow_fetch slow_loop);
my $local = open_session($node, ROLE_A, token_b($issuer));
my $registration = open_session($node, ROLE_B, token_b($issuer));
my $long = token_a($issuer);
my ($grant, $grant_cursor, $first_grant, $last_grant, $grant_function) =
  map { open_session($node, ROLE_A, $long) } 1 .. 5;

my $end = int(time) + LIFETIME;
my $short = token_a($issuer, exp => $end);
my $plain = open_session($node, ROLE_A, $short);
my $portals = open_portals($short);
sqlstate_is($_, "SET contauth.token = '$short'", '00000', 'a token that ends soon')
  foreach $in_transaction, $prepared, $cursor, $committing, $deferring, values %function;
sqlstate_is($oauth, "SET contauth.token = '@{[oauth_token(exp => $end)]}'", '00000',
	'an OAuth token that ends soon');
my $from_alice = from_alice(exp => $end);
sqlstate_is($_, "SET contauth.delegation = '$from_alice'", '00000', 'a grant that ends soon')
  foreach $grant, $grant_cursor, $grant_function;
sqlstate_is($first_grant, "SET contauth.delegation = '@{[over_planner({ exp => $end }, {})]}'",
	'00000', 'a first grant that ends soon');
sqlstate_is($last_grant, "SET contauth.delegation = '@{[over_planner({}, { exp => $end })]}'",
	'00000', 'a last grant that ends soon');

output_is($plain, $count, '5', 'a plain statement before the end');
output_is($in_transaction, "BEGIN; $count", '5', 'in a transaction');
output_is($prepared, "PREPARE p AS $count; EXECUTE p; EXECUTE p", "5\n5", 'prepared');
output_is($cursor, "BEGIN; $declare; FETCH 2 FROM c; SAVEPOINT s",
	"2\n4", 'the first rows of a cursor');
output_is($committing, "BEGIN; UPDATE app.ticket SET body = 'written in time' WHERE id = 2", '',
	'a change');
output_is($deferring, "BEGIN; UPDATE app.ticket SET body = 'checked later' WHERE id = 4", '',
	'a change with a deferred trigger');
output_is($function{$_}, "SELECT app.$_(0)", { two_counts => '55',
	slow_fetch => '2 4 6 8 10 end', slow_loop => '25 end' }->{$_}, "the function $_")
  foreach sort keys %function;
output_is($local, "BEGIN; SET LOCAL contauth.token = '$short'; $count", '5',
	'a token for one transaction');
output_is($oauth, "PREPARE p AS $count; EXECUTE p; BEGIN; $declare; FETCH 1 FROM c; SAVEPOINT s",
	"5\n2", 'an OAuth token');
output_is($_, "PREPARE p AS $count; EXECUTE p; BEGIN; EXECUTE p", "5\n5", 'a delegation')
  foreach $grant, $first_grant, $last_grant;
output_is($grant_cursor, "BEGIN; $declare; FETCH 2 FROM c; SAVEPOINT s", "2\n4",
	'a cursor under a delegation');
is($portals->{out}, <<'EOS', 'portals of the extended protocol');
["first rows", 2, "suspended"]
["all rows", 5, "SELECT 5"]
ready
EOS
cmp_ok(time, '<', $end, 'all of that before the end');

# Statements that begin before the end, and whose inner statements come after it
begin_statement($function{$_}, "SELECT app.$_(" . ($end - time + 1) . ')')
  foreach keys %function;
begin_statement($grant_function, 'SELECT app.two_counts(' . ($end - time + 1) . ')');

# --- after the end of a token --------------------------------------------------------

sleep(0.1) while time < $end + 0.2;
my ($out, $err) = sqlstate_is($plain, $count, '28000', 'expired: the next statement');
like($err, qr/reason=token_expired/, 'the reason is told');
sqlstate_is($in_transaction, $count, '28000', 'in the middle of a transaction');
sqlstate_is($in_transaction, $count, '25P02', 'which is then aborted');
sqlstate_is($in_transaction, 'ROLLBACK', '00000', 'and can be ended');
sqlstate_is($prepared, 'EXECUTE p', '28000', 'a prepared statement');
sqlstate_is($prepared, "BEGIN; $declare", '28000', 'a new cursor');
sqlstate_is($prepared, 'ROLLBACK; DEALLOCATE p', '00000', 'what was prepared can be let go');

($out, $err) = sqlstate_is($cursor, 'FETCH 2 FROM c', '28000', 'an open cursor');
is($out, '', 'no further row');
foreach my $sql ('FETCH BACKWARD 1 FROM c', 'FETCH FIRST FROM c', 'MOVE 1 IN c',
	'MOVE ALL IN c', 'FETCH 0 FROM c')
{
	($out) = sqlstate_is($cursor, "ROLLBACK TO s; $sql", '28000', $sql);
	is($out, '', "$sql: no row");
}
sqlstate_is($cursor, 'ROLLBACK TO s; CLOSE c; COMMIT', '00000', 'CLOSE and COMMIT');
sqlstate_is($committing, 'COMMIT', '00000', 'what was written in time can be committed');
sqlstate_is($deferring, 'COMMIT', '28000', 'but a deferred trigger reads nothing any more');
is(admin('SELECT string_agg(body, \' \' ORDER BY id) FROM app.ticket WHERE id IN (2, 4)'),
	'written in time acmebody4', 'and its transaction is undone');

sqlstate_is($local, $count, '28000', 'the token of the transaction');
output_is($local, "ROLLBACK; SELECT contauth.whoami() ->> 'agent'",
	AGENT_B, 'after it the token of the session counts again');
foreach my $name (sort keys %function)
{
	($out, $err) = sqlstate_is($function{$name}, 'SELECT 1', '28000', "the session of $name");
	is($out, '', "$name answers nothing");
	like($err, { two_counts => qr/28000.*two_counts.* at RETURN/s,
		slow_fetch => qr/28000.*slow_fetch.* at FETCH/s,
		slow_loop => qr/28000.*slow_loop.* at FOR/s }->{$name}, "$name: where it was refused");
}
(undef, $err) = sqlstate_is($oauth, 'FETCH 1 FROM c', '28000', 'a cursor after an OAuth token');
like($err, qr/reason=token_expired/, 'the reason is the same');
sqlstate_is($oauth, 'ROLLBACK; EXECUTE p', '28000', 'a prepared statement after it');

$portals->{in} .= "go on\n";
$portals->{run}->finish;
is($portals->{out} =~ s/.*ready\n//sr, <<'EOS', 'portals of the extended protocol') or diag($portals->{err});
["portal without a name", 0, "28000"]
["portal begun before", 0, "28000"]
["portal bound before", 0, "28000"]
["statement parsed before", 0, "28000"]
["statement parsed after", 0, "28000"]
["close", 0, null]
["commit", 0, "COMMIT"]
EOS

output_is($plain, "SELECT contauth.whoami() ->> 'agent'", '',
	'whoami() answers that there is no agent');
sqlstate_is($plain, "SET contauth.token = '$short'", '28000',
	'an expired token cannot be presented');
sqlstate_is($plain, "SET contauth.token = '@{[oauth_token(exp => $end)]}'", '28000',
	'nor an OAuth token');
output_is($plain, "SET contauth.token = '@{[token_a($issuer)]}'; $count", '5',
	'a new token makes the session work again');

# --- after the end of a grant ----------------------------------------------------------

foreach my $case (
	[ 'the only grant', $grant, 1 ],
	[ 'the first of two grants', $first_grant, 1 ],
	[ 'the last of two grants', $last_grant, 2 ])
{
	my ($title, $session, $which) = @$case;

	(undef, $err) = sqlstate_is($session, 'EXECUTE p', 'ZA002', "$title has expired");
	like($err, qr/reason=grant_expired: grant $which /, "$title: the reason says which");
	sqlstate_is($session, "ROLLBACK; $count", 'ZA002', "$title: the next statement");
	output_is($session, "SELECT contauth.whoami() ->> 'agent'", '', "$title: nobody acts");
	sqlstate_is($session, "SELECT contauth.authenticate('$long', '@{[from_alice(exp => $end)]}')",
		'ZA002', "$title: an expired one cannot be presented");
	output_is($session, "SET contauth.delegation = '@{[from_alice()]}'; $count", '5',
		"$title: with a new one it goes on");
}
($out, $err) = sqlstate_is($grant_cursor, 'FETCH 2 FROM c', 'ZA002', 'FETCH after a grant');
is($out, '', 'no further row');
sqlstate_is($grant_cursor, 'ROLLBACK TO s; MOVE 1 IN c', 'ZA002', 'MOVE after a grant');
sqlstate_is($grant_cursor, 'ROLLBACK TO s; CLOSE c; COMMIT', '00000', 'CLOSE and COMMIT');
($out, $err) = sqlstate_is($grant_function, 'SELECT 1', 'ZA002', 'a function after a grant');
unlike($out, qr/5/, 'refused inside, too');

# --- the registration ends, although the token does not ----------------------------------

output_is($registration, 'SELECT count(*) FROM app.ticket', '5', 'registered');
output_is($registration, "BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.ticket ORDER BY id; FETCH 1 FROM c",
	'1', 'with a cursor');
my $chain = open_delegated($long, over_planner({}, {}));
output_is($chain, "BEGIN; $declare; FETCH 1 FROM c", '2', 'a cursor under a chain');
admin("SELECT contauth.alter_agent('@{[$_]}', jsonb_build_object('expires_at', now() + '1 s'))")
  foreach AGENT_B, PLANNER;
sleep(1.2);
(undef, $err) = sqlstate_is($registration, 'FETCH 1 FROM c', '28000',
	'the end of the registration: an open cursor');
like($err, qr/reason=agent_expired/, 'with its own reason');
(undef, $err) = sqlstate_is($registration, 'ROLLBACK; SELECT count(*) FROM app.ticket',
	'28000', 'the next statement');
like($err, qr/reason=agent_expired/, 'with its own reason');
(undef, $err) = sqlstate_is($chain, 'FETCH 1 FROM c', 'ZA002',
	'the end of the registration of who delegates');
like($err, qr/reason=chain_agent_expired/, 'with its own reason');
admin("SELECT contauth.alter_agent('@{[PLANNER]}', '{\"expires_at\": \"infinity\"}')");
output_is($chain, "ROLLBACK; $count", '5', 'prolonged');

# --- who signed is trusted no more -----------------------------------------------------------

# After a change, FETCH, EXECUTE and a plain statement are refused in a session
# that was in the middle of them; after it is taken back they work.
sub loses_trust
{
	my ($title, $session, $change, $back, $sqlstate, $code) = @_;

	output_is($session, "PREPARE q AS $count; EXECUTE q; BEGIN; $declare; FETCH 1 FROM c",
		"5\n2", "$title: before");
	admin($change);
	($out, $err) = sqlstate_is($session, 'FETCH 1 FROM c', $sqlstate, "$title: FETCH");
	like($err, qr/reason=$code/, "$title: the reason");
	sqlstate_is($session, 'ROLLBACK; EXECUTE q', $sqlstate, "$title: EXECUTE");
	sqlstate_is($session, $count, $sqlstate, "$title: the next statement");
	output_is($session, "SELECT contauth.whoami() ->> 'agent'", '', "$title: nobody acts");
	admin($back);
	output_is($session, "EXECUTE q; DEALLOCATE q", '5', "$title: taken back");
	return;
}

my $signed = open_session($node, ROLE_A, token_a($issuer));
my $empty = '{"keys": []}';
my $rotated = new_issuer('k2');
foreach my $case (
	[ 'other keys', $rotated->jwks ],
	[ 'no keys', $empty ],
	[ 'another key of the same name', new_issuer()->jwks ])
{
	my ($title, $jwks) = @$case;
	loses_trust("issuer with $title", $signed,
		"SELECT contauth.set_issuer_keys('@{[ISSUER]}', '$jwks')",
		"SELECT contauth.set_issuer_keys('@{[ISSUER]}', '@{[$issuer->jwks]}')",
		'28000', 'token_key_unknown');
}
my $oauth_signed = open_session($node, ROLE_A, oauth_token());
loses_trust('OAuth token, no keys', $oauth_signed,
	"SELECT contauth.set_issuer_keys('@{[ISSUER]}', '$empty')",
	"SELECT contauth.set_issuer_keys('@{[ISSUER]}', '@{[$issuer->jwks]}')",
	'28000', 'token_key_unknown');
loses_trust('issuer removed', $signed,
	"SELECT contauth.remove_issuer('@{[ISSUER]}')",
	"SELECT contauth.add_issuer('@{[ISSUER]}', 'acme.example', '@{[$issuer->jwks]}')",
	'28000', 'token_key_unknown');
loses_trust('a person\'s issuer without keys', $grant,
	"SELECT contauth.set_issuer_keys('@{[IDP]}', '$empty')",
	"SELECT contauth.set_issuer_keys('@{[IDP]}', '@{[$idp->jwks]}')",
	'ZA002', 'grant_key_unknown');
loses_trust('a person\'s issuer removed', $grant,
	"SELECT contauth.remove_issuer('@{[IDP]}')",
	"SELECT contauth.add_issuer('@{[IDP]}', 'acme.example', '@{[$idp->jwks]}')",
	'ZA002', 'grant_key_unknown');
# the name alone is not enough: the trust domain is part of whom it speaks for
loses_trust('issuer of another trust domain', $signed,
	"SELECT contauth.remove_issuer('@{[ISSUER]}');"
	. "SELECT contauth.add_issuer('@{[ISSUER]}', 'globex.example', '@{[$issuer->jwks]}')",
	"SELECT contauth.remove_issuer('@{[ISSUER]}');"
	. "SELECT contauth.add_issuer('@{[ISSUER]}', 'acme.example', '@{[$issuer->jwks]}')",
	'28000', 'token_key_unknown');
loses_trust('the key of an agent in the chain', $chain,
	"SELECT contauth.remove_agent_key('@{[PLANNER]}', 'planner-1')",
	"SELECT contauth.add_agent_key('@{[PLANNER]}', '@{[jwk($planner)]}')",
	'ZA002', 'grant_key_unknown');
loses_trust('an agent in the chain', $chain,
	"SELECT contauth.suspend_agent('@{[PLANNER]}', 'test')",
	"SELECT contauth.resume_agent('@{[PLANNER]}', 'test')",
	'ZA002', 'chain_agent_not_active');

# --- clocks that differ --------------------------------------------------------------------------

# Set the tolerance; the next statement of a session sees it.
sub set_skew
{
	my ($seconds) = @_;

	admin("ALTER SYSTEM SET contauth.clock_skew = '$seconds s'");
	admin('SELECT pg_reload_conf()');
	$node->poll_query_until('postgres',
		"SELECT setting = '$seconds' FROM pg_settings WHERE name = 'contauth.clock_skew'");
	return;
}

my $skewed = open_session($node, ROLE_A, token_a($issuer, lifetime => -20));
my $skewed_grant = open_delegated($long, from_alice(exp => int(time) - 20));
my $early = token_a($issuer, nbf => int(time) + 20);
sqlstate_is($skewed, $count, '28000', 'no tolerance: a token that has expired');
sqlstate_is($skewed_grant, $count, 'ZA002', 'a grant that has expired');
sqlstate_is($plain, "SET contauth.token = '$early'", '28000', 'a token that is not valid yet');
set_skew(60);
output_is($skewed, $count, '5', 'within the tolerance: the token');
output_is($skewed_grant, $count, '5', 'the grant');
output_is($plain, "SET contauth.token = '$early'; $count", '5', 'and the one not valid yet');
set_skew(10);
sqlstate_is($skewed, $count, '28000', 'less tolerance reaches sessions that have verified: the token');
sqlstate_is($skewed_grant, $count, 'ZA002', 'the grant');
sqlstate_is($plain, $count, '28000', 'and the one not valid yet');
set_skew(4);
my $skew_end = int(time) + 1;
output_is($plain, "SET contauth.token = '@{[token_a($issuer, exp => $skew_end)]}'; $count", '5',
	'the tolerance is counted');
sleep(0.05) while time < $skew_end + 0.2;
output_is($plain, $count, '5', 'from the end of the token');
sleep(0.05) while time < $skew_end + 4.1;
sqlstate_is($plain, $count, '28000', 'to the second');

is( decisions($node, <<'EOS'), <<'EOS2' =~ s/\n\z//r, 'the records name the reasons');
SELECT DISTINCT sqlstate, reason_code FROM contauth_audit.decision
 WHERE sqlstate IN ('28000', 'ZA002') AND statement NOT LIKE '%authenticate%' ORDER BY 1, 2
EOS
28000|agent_expired
28000|token_expired
28000|token_key_unknown
28000|token_not_yet_valid
28000|token_refused
ZA002|chain_agent_expired
ZA002|chain_agent_not_active
ZA002|grant_expired
ZA002|grant_key_unknown
EOS2
is( decisions($node, <<'EOS'), 'deny', 'all of them are denials, those of authenticate() too');
SELECT DISTINCT decision FROM contauth_audit.decision WHERE sqlstate IN ('28000', 'ZA002')
EOS

$_->quit foreach $plain, $in_transaction, $prepared, $cursor, $committing, $deferring,
  $local, $registration, $oauth, values %function, $grant, $grant_cursor, $first_grant,
  $last_grant, $grant_function, $chain, $signed, $oauth_signed, $skewed, $skewed_grant;
$node->stop;
done_testing();
