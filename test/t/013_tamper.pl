# Every road to tamper with what is enforced, or with who the session is.
#
# The test is a table of roads.  Each is an agent's (or somebody else's)
# attempt; the verdict is the SQLSTATE that it must meet; and after each road
# the session is looked at again: it is still the same agent's, or nobody's,
# and still enforced.
#
# A failure means: a client has changed what is enforced, has become somebody
# without presenting a token of theirs, or was refused without a record.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use constant AGENT_C => 'spiffe://acme.example/agent/support/c';
use constant HUMAN => 'regress_contauth_human';
use constant SUPER => 'regress_contauth_super';
use constant ISSUER => 'https://issuer.acme.example';

# --- the server ----------------------------------------------------------------

my $issuer = new_issuer();
my $stranger = new_issuer('k1x');
my $node = new_node('tamper', <<'EOC');
log_statement = none
wal_level = replica
max_wal_senders = 2
max_connections = 40
EOC
install_application($node, $issuer);

my $a = token_a($issuer);
my $b = token_b($issuer);
my $delegation = encode_json([
	$issuer->sign(
		encode_json({
			iss => ISSUER . '|alice', sub => AGENT_A, aud => 'contauth-test',
			iat => time - 60, exp => time + 3600, jti => 'grant-alice'
		}))
]);
my $by_sha256 = 'sha256:' . sha256_of($a);
my $parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';

# What an administrator may have left lying around: functions that agents may
# call, some of them of a superuser, some written by nobody sensible.
$node->safe_psql('postgres', <<"EOS");
CREATE ROLE @{[SUPER]} LOGIN SUPERUSER;
GRANT @{[HUMAN]} TO @{[ROLE_A]};
SELECT contauth.register_agent('@{[AGENT_C]}', '{@{[ROLE_B]}, @{[SUPER]}}', 'carol', 2);
CREATE VIEW app.sets_mode AS SELECT set_config('contauth.mode', 'off', false) AS x;
CREATE VIEW app.sets_token AS SELECT set_config('contauth.token', '$b', false) AS x;

CREATE FUNCTION app.set_it(name text, value text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN set_config(name, value, false); END';
CREATE FUNCTION app.execute(command text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN EXECUTE command; RETURN ''done''; END';
CREATE FUNCTION app.swallow(command text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS \$\$
BEGIN
	BEGIN EXECUTE command; EXCEPTION WHEN OTHERS THEN RETURN 'swallowed'; END;
	RETURN 'done';
END \$\$;
CREATE FUNCTION app.mode_off() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET contauth.mode = 'off'
	AS 'BEGIN RETURN (SELECT string_agg(notes, '','') FROM app.customer); END';
CREATE FUNCTION app.without_token() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET contauth.token = ''
	AS 'BEGIN RETURN (SELECT string_agg(notes, '','') FROM app.customer); END';
CREATE FUNCTION app.as_human() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET role = '@{[HUMAN]}'
	AS 'BEGIN RETURN (SELECT string_agg(notes, '','') FROM app.customer); END';
CREATE FUNCTION app.as_replica() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET session_replication_role = 'replica'
	AS 'BEGIN RETURN (SELECT string_agg(DISTINCT tenant, '','') FROM app.customer); END';
CREATE FUNCTION app.swap(token text) RETURNS text LANGUAGE plpgsql
	AS 'BEGIN PERFORM set_config(''contauth.token'', token, false); RETURN ''x''; END';
CREATE FUNCTION app.swap_immutable(token text) RETURNS text LANGUAGE plpgsql IMMUTABLE
	AS 'BEGIN PERFORM set_config(''contauth.token'', token, false); RETURN ''x''; END';
CREATE PROCEDURE app.swap_procedure(token text) LANGUAGE plpgsql
	AS 'BEGIN PERFORM set_config(''contauth.token'', token, false); END';
CREATE FUNCTION app.names_immutable() RETURNS text LANGUAGE plpgsql IMMUTABLE
	AS 'BEGIN RETURN (SELECT string_agg(DISTINCT tenant, '','') FROM app.customer); END';
CREATE FUNCTION app.parallel_tenants() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS 'BEGIN RETURN (SELECT string_agg(DISTINCT tenant, '','') FROM app.customer); END';
CREATE FUNCTION app.parallel_notes() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS 'BEGIN RETURN (SELECT string_agg(notes, '','') FROM app.customer); END';
CREATE FUNCTION app.become_human() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	x text;
BEGIN
	x := set_config('role', '@{[HUMAN]}', false);
	RETURN x;
END \$\$;

-- tables whose triggers change the identity
CREATE TABLE app.watched (id integer, tenant text);
CREATE TABLE app.watched_late (id integer, tenant text);
CREATE FUNCTION app.swap_trigger() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN PERFORM set_config(''contauth.token'', ''$b'', false); RETURN NEW; END';
CREATE TRIGGER after_row AFTER INSERT ON app.watched
	FOR EACH ROW EXECUTE FUNCTION app.swap_trigger();
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON app.watched_late
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.swap_trigger();
GRANT ALL ON ALL TABLES IN SCHEMA app TO @{[ROLE_A]}, @{[ROLE_B]};

SELECT contauth.create_policy('call_them', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
SELECT contauth.create_policy('watched', effect => 'permit',
	actions => '{insert}', resources => '{app.watched, app.watched_late}');

CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
GRANT EXECUTE ON FUNCTION dblink_connect_u(text, text) TO @{[ROLE_A]};
EOS

sub sha256_of
{
	my ($text) = @_;

	require Digest::SHA;
	return Digest::SHA::sha256_hex($text);
}

# --- walking a road --------------------------------------------------------------

# What one look tells: agent, on whose behalf, the rows, the mode, the scope.
my $look = <<'EOS';
SELECT contauth.whoami() ->> 'agent', contauth.whoami() ->> 'on_behalf_of',
	   (SELECT string_agg(DISTINCT tenant, ',') FROM app.customer),
	   current_setting('contauth.mode'), current_setting('contauth.identity_scope')
EOS
my %state = (
	'same' => AGENT_A . '||acme|enforce|session',
	'B' => AGENT_B . '||globex|enforce|session');
my @decision_ids;		# that were told with refusals: [id, SQLSTATE, title]

# Remember the decision that an error names.
sub note_decision
{
	my ($errors, $sqlstate, $title) = @_;

	my ($id) = $errors =~ /decision_id=([0-9a-f-]{36})/;

	push @decision_ids, [ $id, $sqlstate, $title ]
	  if defined $id && $sqlstate =~ /^(42501|28000)$/;
	return;
}

# Walk one road and look around, in one go; returns SQLSTATE, output and errors
# of the road, and then what the look saw: its rows and SQLSTATE, and the
# SQLSTATE of reading what no policy covers.
sub road_and_look
{
	my ($session, $sql) = @_;
	my ($refused, $output, $errors) = attempt($session, <<"EOS");
$sql;
\\echo road=:SQLSTATE
\\warn road-ends
ROLLBACK;
$look;
\\echo look=:SQLSTATE
SELECT notes FROM app.customer
EOS

	$output =~ /\A(.*)road=(\w+)\n(.*)look=(\w+)\s*\z/s or die "no answer in \"$output\"";
	my ($shown, $sqlstate, $seen, $looked) = ($1, $2, $3, $4);
	my ($of_road) = split /road-ends\n/, $errors;
	$seen =~ s/\n//g;
	return ($sqlstate, $shown, $of_road // '', "$seen $looked, $refused");
}

# Walk a table of roads: [title, SQL, SQLSTATE, state afterwards ("same")].
# The agent's session is opened anew when a road has changed it.
sub walk
{
	my ($role, $token, @roads) = @_;
	my $session;

	foreach my $road (@roads)
	{
		my ($title, $sql, $expected, $after) = @$road;
		$after //= 'same';

		$session //= open_session($node, $role, $token);
		my ($sqlstate, $output, $errors, $seen) = road_and_look($session, $sql);
		my $state = $after eq 'nobody' ? ' 28000, 28000' : "$state{$after} 00000, 42501";
		is($sqlstate, $expected, $title) or diag("$output\n$errors");
		is($seen, $state, "$title: then $after, and enforced");
		unlike($output, qr/NOTESRAW/, "$title: shows nothing") if $expected ne '00000';
		note_decision($errors, $sqlstate, $title) if $sqlstate eq $expected;
		next if $after eq 'same' && $seen eq $state;
		$session->quit;
		undef $session;
	}
	$session->quit if defined $session;
	return;
}

# A statement as a title: tokens named, and cut.
sub title_of
{
	my ($sql) = @_;

	$sql =~ s/\Q$a\E/<A>/g;
	$sql =~ s/\Q$b\E/<B>/g;
	$sql =~ s/eyJ[\w.-]{100,}/<token>/g;
	return length($sql) > 80 ? substr($sql, 0, 77) . '...' : $sql;
}

# Roads that a template and a list make.
sub each_of
{
	my ($template, $expected, @values) = @_;

	return map {
		my $value = $_;
		(my $sql = $template) =~ s/%/$value/;
		[ title_of($sql), $sql, $expected ]
	} @values;
}

# --- settings --------------------------------------------------------------------

my @of_superuser = (
	'contauth.mode = off', 'contauth.mode = monitor', 'contauth.identity_scope = transaction',
	'contauth.explain_denials = off', 'contauth.audit_durability = strict',
	'contauth.audit_wait = 10', 'contauth.max_delegation_depth = 16');
my @of_others = ('session_replication_role = replica', "session_preload_libraries = ''",
	'log_min_messages = panic', 'allow_system_table_mods = on', "dynamic_library_path = '/tmp'");
my @of_the_server = (
	"contauth.audience = 'x'", 'contauth.clock_skew = 600', "contauth.audit_statement = full",
	"contauth.audit_database = 'x'", 'contauth.audit_ring_size = 1024',
	"shared_preload_libraries = ''");
my @harmless = (
	'row_security = off', 'search_path = pg_temp, app', 'plan_cache_mode = force_generic_plan',
	'standard_conforming_strings = off', 'transform_null_equals = on', "TimeZone = 'Asia/Tokyo'",
	'default_transaction_read_only = off', "DateStyle = 'SQL, DMY'", 'array_nulls = off',
	'enable_seqscan = off', "$parallel = on", "$parallel = regress", 'statement_timeout = 0',
	'client_min_messages = debug5', 'debug_print_plan = on', 'jit = on',
	'default_transaction_isolation = serializable', 'check_function_bodies = off',
	"contauth.purpose = 'administration'", "contauth.task_id = 'x'",
	"contauth.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'");

walk(ROLE_A, $a,
	each_of('SET %', '42501', @of_superuser, @of_others),
	each_of('SET %', '55P02', @of_the_server),
	each_of('SET %', '00000', @harmless, "local_preload_libraries = 'x'"),
	each_of('BEGIN; SET LOCAL %', '42501', @of_superuser),
	each_of('RESET %', '42501', 'contauth.mode', 'contauth.identity_scope'),
	each_of('ALTER SYSTEM SET %', '42501', 'contauth.mode = off', "contauth.audience = 'x'",
		'work_mem = 1024'),
	each_of('ALTER ROLE ' . ROLE_A . ' %', '42501', 'SET contauth.mode = off',
		"SET contauth.token = ''", 'SET work_mem = 1024', "SET role = '@{[HUMAN]}'", 'RESET ALL',
		'SUPERUSER', 'REPLICATION', "PASSWORD 'x'", 'RENAME TO regress_contauth_free'),
	each_of('ALTER DATABASE postgres %', '42501', 'SET contauth.mode = off', 'RESET ALL'),
	each_of("SELECT set_config('%", '42501',
		"contauth.mode', 'off', false)", "contauth.mode', 'off', true)",
		"CONTAUTH.MODE', 'off', false)", "con' || 'tauth.mode', 'off', false)",
		"session_replication_role', 'replica', false)",
		"contauth.mode', 'off', false) FROM app.customer",
		"contauth.explain_denials', 'off', false), contauth.whoami()"),
	[ 'set_config() of a name from a table',
		"SELECT set_config(name, 'off', false) FROM pg_settings WHERE name = 'contauth.mode'",
		'42501' ],
	[ 'set_config() in FROM', "SELECT * FROM set_config('contauth.mode', 'off', false)", '42501' ],
	[ 'set_config() in LIMIT',
		"SELECT 1 LIMIT length(set_config('contauth.mode', 'off', false))", '42501' ],
	[ 'set_config() in a sub-select',
		"SELECT (SELECT set_config('contauth.mode', 'off', false)) FROM app.customer", '42501' ],
	[ 'set_config() in a CTE',
		"WITH w AS MATERIALIZED (SELECT set_config('contauth.mode', 'off', false)) TABLE w",
		'42501' ],
	[ 'set_config() in WHERE',
		"SELECT name FROM app.customer WHERE set_config('contauth.mode', 'off', true) <> ''",
		'42501' ],
	[ 'set_config() in RETURNING',
		"UPDATE app.ticket SET body = body RETURNING set_config('contauth.mode', 'off', false)",
		'42501' ],
	[ 'set_config() in a prepared statement',
		"PREPARE s(text) AS SELECT set_config(\$1, 'off', false); EXECUTE s('contauth.mode')",
		'42501' ],
	[ 'set_config() as an argument of EXECUTE',
		"PREPARE q(text) AS SELECT \$1; EXECUTE q(set_config('contauth.mode', 'off', false))",
		'42501' ],
	[ 'set_config() in query_to_xml()',
		"SELECT query_to_xml('SELECT set_config(''contauth.mode'', ''off'', false)', true, true, '')",
		'42501' ],
	[ 'a view that sets', 'SELECT * FROM app.sets_mode', '42501' ],
	[ 'UPDATE pg_settings',
		"UPDATE pg_settings SET setting = 'off' WHERE name = 'contauth.mode'", '42501' ],
	[ 'a setting that does not exist', "SET contauth.unknown_setting = 'x'", '42602' ],
	[ 'the same by set_config()', "SELECT set_config('contauth.unknown_setting', 'x', false)",
		'42602' ]);

# With every right that GRANT can give on settings, still nothing changes
$node->safe_psql('postgres', <<"EOS");
GRANT SET, ALTER SYSTEM ON PARAMETER contauth.mode, contauth.identity_scope,
	contauth.explain_denials, contauth.audit_durability, contauth.audit_wait,
	contauth.max_delegation_depth, contauth.audience, contauth.clock_skew,
	session_replication_role TO @{[ROLE_A]};
EOS
walk(ROLE_A, $a,
	each_of('SET %', '42501', @of_superuser),
	each_of('BEGIN; SET LOCAL %', '42501', @of_superuser),
	each_of('SET %', '00000', 'session_replication_role = replica'),
	each_of('SELECT set_config(%)', '42501', "'contauth.mode', 'off', false"),
	each_of('ALTER SYSTEM SET %', '42501', 'contauth.mode = off', "contauth.audience = 'x'"),
	each_of('ALTER ROLE ' . ROLE_A . ' SET %', '42501', 'contauth.mode = off'),
	[ 'with the right to set it: swallowed', q{SELECT app.swallow('SET contauth.mode = off')},
		'00000' ]);
$node->safe_psql('postgres',
	"REVOKE SET ON PARAMETER session_replication_role FROM @{[ROLE_A]}");

# --- connections ---------------------------------------------------------------------

# Connect with options: either the connection fails, or nothing is different.
sub connection_is
{
	my ($options, $expected) = @_;
	my ($code, $out, $err) = as_role($node, ROLE_A, "$a $options", $look);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if ($expected eq 'refused')
	{
		ok($code == 2 && $out eq '' && $err =~ /FATAL/, "connection with $options: refused")
		  or diag("$code $out $err");
	}
	else
	{
		is("$code $out", "0 $state{same}", "connection with $options: changes nothing")
		  or diag($err);
	}
	return;
}

# A setting as a connection option; a blank in it needs a backslash.
sub as_option
{
	my ($setting) = @_;

	$setting =~ s/ = /=/;
	$setting =~ s/'//g;
	$setting =~ s/ /\\ /g;
	return "-c $setting";
}

connection_is(as_option($_), 'refused')
  foreach @of_superuser, @of_others, @of_the_server, 'contauth.unknown_setting = x',
  'local_preload_libraries = contauth', 'session_authorization = postgres', 'is_superuser = on';
connection_is($_, 'same')
  foreach join(' ', map { as_option($_) } @harmless), as_option('ignore_system_indexes = on'),
  as_option('role = ' . HUMAN);

my ($code, $out, $err);
foreach my $db ('postgres', 'template1')
{
	($code, $out, $err) = as_role($node, ROLE_A, undef,
		$db eq 'postgres' ? 'SELECT count(*) FROM app.customer' : 'SELECT 1', $db);
	ok($code == 3 && $out eq '' && $err =~ /28000|42501/,
		"$db: a second connection of the role has to present a token of its own")
	  or diag("$code $out $err");
}
{
	local $ENV{PGOPTIONS} = "-c contauth.delegation=" . ($delegation =~ s/ //gr);
	($code, $out, $err) = (0, '', '');
	$code = $node->psql('postgres', 'SELECT count(*) FROM app.customer',
		stdout => \$out, stderr => \$err,
		extra_params => [ '-U', ROLE_A, '-v', 'VERBOSITY=verbose' ]);
	ok($out eq '' && $err =~ /28000/, 'a delegation as connection option is no identity')
	  or diag("$code $out $err");
}

# Replication is the whole database, past every hook
sub replicate
{
	my ($kind) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(
		[ 'psql', '-XAtq', '-c', 'IDENTIFY_SYSTEM', '-d',
			$node->connstr('postgres') . " user=@{[ROLE_A]} replication=$kind" ],
		'<', \undef, '>', \$out, '2>', \$err);
	return $out;
}

is(replicate($_), '', "an agent's role cannot replicate ($_)") foreach 'true', 'database';
(undef, $out, $err) = as_role($node, undef, undef, "ALTER ROLE @{[ROLE_A]} REPLICATION");
is(replicate($_), '', "nor when somebody gives it that attribute later ($_)")
  foreach 'true', 'database';
as_role($node, undef, undef, "ALTER ROLE @{[ROLE_A]} NOREPLICATION");

# --- who the session is ------------------------------------------------------------------

walk(ROLE_A, $a,
	# forged and foreign tokens
	each_of('%', '28000',
		"SET contauth.token = '$by_sha256'",
		"SET contauth.token = '" . substr($by_sha256, 7) . "'",
		"SELECT contauth.authenticate(NULL)",
		"SET contauth.token = '@{[$issuer->token(AGENT_C, tenant => 'globex')]}'",
		"SET contauth.token = '@{[token_b($issuer, aud => ['other-database'])]}'",
		"SET contauth.token = '@{[token_b($issuer, lifetime => -5)]}'",
		"SET contauth.token = '@{[token_b($stranger)]}'",
		"SET LOCAL contauth.token = '$b.'",
		"SET contauth.token = '" . ('A' x 1048576) . "'",
		"SET contauth.token = U&'${b}\\00e9'"),
	[ 'a NUL in a token', "SET contauth.token = E'${b}\\x00'", '22021' ],
	[ 'half a character in a token', "SET contauth.token = E'${b}\\xe9'", '22021' ],
	[ 'what SHOW tells, by set_config()',
		"SELECT set_config('contauth.token', current_setting('contauth.token'), false)", '42501' ],
	[ 'what SHOW tells, by authenticate()',
		"SELECT contauth.authenticate(current_setting('contauth.token'))", '0A000' ],
	[ 'a delegation that is none', "SET contauth.delegation = 'x'", 'ZA002' ],
	[ 'the token to its default', 'SET contauth.token TO DEFAULT', '00000' ],
	[ 'RESET of a token that came with the connection', 'RESET contauth.token', '00000' ],

	# transactions and savepoints
	map({ [ title_of($_), $_, '00000' ] }
		"BEGIN; SAVEPOINT s; SET LOCAL contauth.token = '$b'; ROLLBACK TO s; COMMIT",
		"BEGIN; SAVEPOINT s; SET contauth.token = '$b'; ROLLBACK TO s; COMMIT",
		"BEGIN; SAVEPOINT s; SET LOCAL contauth.token = '$b'; RELEASE s; COMMIT",
		"BEGIN; SET contauth.token = '$b'; ROLLBACK",
		"BEGIN; SET contauth.token = '$b'; SELECT 1 / 0; COMMIT",
		"BEGIN; SET contauth.token = '$b'; SET contauth.token = 'x'; COMMIT",
		"BEGIN; SET LOCAL contauth.token = ''; COMMIT",
		"BEGIN; SET LOCAL contauth.token = '$b'; COMMIT AND CHAIN; ROLLBACK",
		"BEGIN; SET LOCAL contauth.delegation = '$delegation'; COMMIT",
		"BEGIN; SELECT contauth.authenticate('$b') IS NULL; ROLLBACK AND CHAIN; COMMIT"),
	[ 'B presents a token', "SET contauth.token = '$b'", '00000', 'B' ],
	[ 'B in a savepoint that is kept',
		"BEGIN; SAVEPOINT s; SET contauth.token = '$b'; RELEASE s; COMMIT", '00000', 'B' ],

	# giving it up
	[ 'no token', "SET contauth.token = ''", '00000', 'nobody' ],
	[ 'RESET ALL', 'RESET ALL', '00000', 'nobody' ],
	[ 'DISCARD ALL', 'DISCARD ALL', '00000', 'nobody' ],
	[ 'DISCARD ALL, RESET', 'DISCARD ALL; RESET contauth.token', '00000', 'nobody' ],
	[ 'RESET ALL, DEFAULT', 'RESET ALL; SET contauth.token TO DEFAULT', '00000', 'nobody' ],
	map({ [ $_, $_, '00000' ] } 'DISCARD PLANS', 'DISCARD TEMP', 'DISCARD SEQUENCES',
		'DEALLOCATE ALL', 'RESET ROLE', 'SET ROLE NONE', 'SET LOCAL ROLE NONE',
		'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION'),

	# inside a statement that does something else
	each_of('%', '42501',
		"SELECT name FROM app.customer WHERE set_config('contauth.token', '$b', false) <> ''",
		"SELECT name, (SELECT set_config('CONTAUTH.TOKEN', '$b', false)) FROM app.customer",
		"WITH w AS MATERIALIZED (SELECT set_config('contauth.token', '$b', true))"
		  . ' SELECT name FROM app.customer, w',
		"SELECT set_config('contauth.delegation', '[]', false), name FROM app.customer",
		'SELECT * FROM app.sets_token, app.customer_view',
		"SELECT app.set_it('contauth.token', '$b')",
		"SELECT app.execute('SET contauth.token = ''$b''')"),
	each_of('%', '0A000',
		"SELECT contauth.authenticate('$b'), name FROM app.customer",
		"SELECT name FROM app.customer WHERE contauth.authenticate('$b') IS NOT NULL",
		"SELECT name FROM app.customer ORDER BY contauth.authenticate('$b')",
		"UPDATE app.ticket SET body = contauth.authenticate('$b')::text",
		"SELECT app.swap('$b')",
		"SELECT name, app.swap('$b') FROM app.customer",
		"SELECT app.execute('SELECT contauth.authenticate(''$b'')')",
		"CALL app.swap_procedure('$b')",
		"SELECT app.without_token()",
		"SELECT app.swap_immutable('$b')",
		"SELECT app.swap_immutable('$b'), name FROM app.customer",
		"EXPLAIN SELECT app.swap_immutable('$b')",
		"BEGIN; DECLARE c CURSOR FOR SELECT app.swap_immutable('$b')",
		"PREPARE p(text) AS SELECT name FROM app.customer; EXECUTE p(app.swap('$b'))",
		"INSERT INTO app.watched VALUES (1, 'acme')",
		"INSERT INTO app.watched_late VALUES (1, 'acme')",
		"BEGIN; INSERT INTO app.watched_late VALUES (1, 'acme'); COMMIT",
		"BEGIN; INSERT INTO app.watched_late VALUES (1, 'acme'); SET CONSTRAINTS ALL IMMEDIATE"),
	[ 'swallowed in a function', "SELECT app.swallow('SET contauth.token = ''$b''')", '00000' ],

	# cursors
	[ 'a cursor under another identity',
		"BEGIN; DECLARE c CURSOR FOR SELECT name FROM app.customer; FETCH 1 FROM c;"
		  . " SET LOCAL contauth.token = '$b'; FETCH 1 FROM c", '28000' ],
	[ 'a cursor under another delegation',
		"BEGIN; DECLARE c CURSOR FOR SELECT name FROM app.customer; FETCH 1 FROM c;"
		  . " SET LOCAL contauth.delegation = '$delegation'; FETCH 1 FROM c", '28000' ],
	[ 'a cursor that was not begun under this identity',
		"BEGIN; DECLARE c CURSOR FOR SELECT name FROM app.customer;"
		  . " SET LOCAL contauth.token = '$b'; FETCH 1 FROM c", '28000' ],
	[ 'a held cursor', 'DECLARE c CURSOR WITH HOLD FOR SELECT name FROM app.customer', '42501' ]);

# A person's delegation is no identity, and context has no power
walk(ROLE_A, undef,
	[ 'a delegation alone', "SET contauth.delegation = '$delegation'", '00000', 'nobody' ],
	[ 'context alone', "SET contauth.purpose = 'support'", '00000', 'nobody' ],
	[ 'a statement that presents and reads',
		"SELECT contauth.authenticate('$a'), name FROM app.customer", '28000', 'nobody' ],
	[ 'it presents in a join', "SELECT name FROM app.customer,"
		  . " LATERAL (SELECT set_config('contauth.token', '$a', false)) AS x", '28000', 'nobody' ],
	[ 'DO that presents', "DO 'BEGIN PERFORM contauth.authenticate(''$a''); END'", '42501',
		'nobody' ]);

my $session = open_session($node, ROLE_A, token_a($issuer, purpose => 'support'));
output_is($session, "SET contauth.purpose = 'administration';"
	  . " SELECT contauth.whoami() ->> 'purpose'", 'support', 'a signed purpose cannot be overridden');
$session->quit;

# Plans that were made under another identity
$session = open_session($node, ROLE_A, $a);
sqlstate_is($session, <<'EOS', '00000', 'A prepares');
PREPARE rows AS SELECT string_agg(DISTINCT tenant, ',') FROM app.customer;
PREPARE folded AS SELECT app.names_immutable();
EXECUTE rows;
EXECUTE folded;
EOS
sqlstate_is($session, "SET contauth.token = '$b'", '00000', 'B takes over');
output_is($session, 'EXECUTE folded', 'globex', 'a call folded into the plan of A shows B\'s rows');
output_is($session, 'EXECUTE rows', 'globex', 'the plan of A shows B\'s rows');
$session->quit;

# --- roles ---------------------------------------------------------------------------------

walk(ROLE_A, $a,
	each_of('%', '42501',
		"SET ROLE @{[HUMAN]}", "SET ROLE @{[SUPER]}", "SET SESSION AUTHORIZATION @{[HUMAN]}",
		"SET LOCAL role = '@{[HUMAN]}'", "SELECT set_config('role', '@{[HUMAN]}', false)",
		"SELECT set_config('session_authorization', '@{[HUMAN]}', true)",
		'SELECT app.as_human()', 'SELECT app.become_human()',
		"SELECT app.set_it('role', '@{[HUMAN]}')",
		"REVOKE contauth_agent FROM @{[ROLE_A]}", "GRANT @{[SUPER]} TO @{[ROLE_A]}",
		'DROP ROLE contauth_agent', 'ALTER ROLE contauth_agent RENAME TO regress_contauth_x',
		'CREATE ROLE regress_contauth_x SUPERUSER', "DROP OWNED BY @{[ROLE_A]}",
		"REASSIGN OWNED BY @{[ROLE_A]} TO @{[HUMAN]}",
		"SELECT contauth.unenroll_role('@{[ROLE_A]}')",
		"SELECT contauth.create_policy('mine', 'permit')",
		"SELECT contauth.alter_agent('@{[AGENT_A]}', '{\"autonomy\": 5}')",
		"SELECT contauth.drop_policy('read_own_tenant')",
		'DELETE FROM contauth.policy', 'SELECT * FROM contauth.issuer', 'TRUNCATE contauth.agent',
		"UPDATE contauth.agent SET autonomy = 5",
		'LOCK contauth.policy', 'DROP EXTENSION contauth CASCADE', 'DROP SCHEMA contauth CASCADE',
		'ALTER EXTENSION contauth UPDATE', "LOAD 'contauth'", "LOAD '\$libdir/plugins/x'",
		"SECURITY LABEL FOR contauth ON COLUMN app.customer.notes IS 'public'",
		'SELECT pg_reload_conf()', 'DO $$BEGIN SET contauth.mode = off; END$$',
		'CREATE FUNCTION app.f() RETURNS text LANGUAGE sql SET contauth.mode = \'off\' AS \'SELECT 1\'',
		'ALTER FUNCTION app.swap(text) RESET ALL'));

# SET ROLE that a policy permits changes the role only
$node->safe_psql('postgres', <<"EOS");
SELECT contauth.create_policy('take_role', effect => 'permit', actions => '{set_role}',
	resources => '{role:@{[HUMAN]}}');
EOS
walk(ROLE_A, $a,
	[ 'SET ROLE, permitted', "SET ROLE @{[HUMAN]}", '00000' ],
	[ 'the ungoverned role sets the mode', "SET ROLE @{[HUMAN]}; SET contauth.mode = off", '42501' ],
	[ 'the ungoverned role resets its token', "SET ROLE @{[HUMAN]}; SET contauth.token = ''",
		'00000', 'nobody' ],
	[ 'the ungoverned role discards', "SET ROLE @{[HUMAN]}; DISCARD ALL", '00000', 'nobody' ]);

# What was permitted is not, once the policy is gone, also inside PL/pgSQL
$session = open_session($node, ROLE_A, $a);
output_is($session, 'SELECT app.become_human()', HUMAN, 'a function takes a role, permitted');
sqlstate_is($session, 'RESET ROLE', '00000', 'and gives it back');
$node->safe_psql('postgres', "SELECT contauth.drop_policy('take_role')");
sqlstate_is($session, 'SELECT app.become_human()', '42501',
	'the same function, when the policy is gone');
$session->quit;

# --- functions of others ----------------------------------------------------------------------

walk(ROLE_A, $a,
	each_of('SELECT app.%', '42501',
		"set_it('contauth.mode', 'off')", "execute('SET contauth.mode = off')",
		"execute('SET LOCAL contauth.mode = off')", "execute('ALTER SYSTEM SET work_mem = 1024')",
		"execute('SET SESSION AUTHORIZATION postgres')",
		"execute('ALTER ROLE @{[ROLE_A]} SUPERUSER')",
		"execute('REVOKE contauth_agent FROM @{[ROLE_A]}')",
		"execute('DROP EXTENSION contauth')",
		"execute('UPDATE pg_settings SET setting = ''off'' WHERE name = ''contauth.mode''')",
		'mode_off()'),
	[ 'swallowed: SET of the mode', q{SELECT app.swallow('SET contauth.mode = off')}, '00000' ],
	[ 'back to what is configured', "SELECT app.execute('RESET contauth.mode')", '00000' ],
	[ 'swallowed: role', "SELECT app.swallow('SET ROLE postgres')", '00000' ],
	[ 'a function that runs as replica', 'SELECT app.as_replica()', '00000' ]);

# Parallel workers: what a function reads there is read by the agent, too
$session = open_session($node, ROLE_A, $a);
sqlstate_is($session, "SET $parallel = on", '00000', 'workers even for small things');
output_is($session, 'SELECT app.parallel_tenants()', 'acme',
	'a function in a worker sees the rows of the tenant');
my ($notes) = sqlstate_is($session, 'SELECT app.parallel_notes()', '42501',
	'a function in a worker may not read what the agent may not');
unlike($notes, qr/NOTESRAW/, 'nor does it');
sqlstate_is($session, "RESET $parallel", '00000', 'no workers');
$session->quit;
$node->safe_psql('postgres', <<"EOS");
CREATE TABLE app.large WITH (parallel_workers = 2)
	AS SELECT i AS id, 'acme' AS tenant FROM generate_series(1, 20000) AS i;
ANALYZE app.large;
GRANT SELECT ON app.large TO @{[ROLE_A]};
SELECT contauth.create_policy('large', effect => 'permit', actions => '{select}',
	resources => '{app.large}');
EOS
$session = open_session($node, ROLE_A, $a);
output_is($session, <<'EOS', '100', 'nor does it in the workers of a large query');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SELECT count(*) FROM app.large WHERE id % 200 = 0 AND app.parallel_tenants() = 'acme';
EOS
$session->quit;

# --- administrators, and superusers who are agents -----------------------------------------------

# The token of an agent is never stored, whoever wants that
$session = open_session($node);
foreach my $sql (
	"ALTER ROLE @{[ROLE_A]} SET contauth.token = '$a'", "ALTER ROLE ALL SET contauth.token = '$a'",
	"ALTER DATABASE postgres SET contauth.token = '$a'", "ALTER SYSTEM SET contauth.token = '$a'",
	"ALTER ROLE @{[ROLE_A]} SET contauth.delegation = '$delegation'",
	"ALTER DATABASE postgres SET contauth.delegation = '$delegation'",
	"ALTER SYSTEM SET contauth.delegation = '$delegation'",
	"CREATE FUNCTION app.f() RETURNS text LANGUAGE sql SET contauth.token = '$a' AS 'SELECT 1'",
	"ALTER FUNCTION app.swap(text) SET contauth.token = '$a'")
{
	my ($sqlstate) = attempt($session, $sql);
	like($sqlstate, qr/^(22023|42501|55P02)$/, 'not stored: ' . title_of($sql));
}
foreach my $sql ('DROP ROLE contauth_agent',
	'ALTER ROLE contauth_agent RENAME TO regress_contauth_x')
{
	my ($sqlstate) = attempt($session, $sql);
	is($sqlstate, '2BP01', "a superuser: $sql");
}
$session->quit;
is($node->safe_psql('postgres', <<'EOS'), '0', 'nothing is stored');
SELECT count(*) FROM (SELECT setconfig::text FROM pg_db_role_setting
	UNION ALL SELECT proconfig::text FROM pg_proc) AS s(x)
 WHERE x LIKE '%contauth.token=_%' AND x NOT LIKE '%contauth.token=}' OR x LIKE '%eyJ%'
EOS

# A superuser who presents a token, and one whose role is an agent's
my $c = $issuer->token(AGENT_C, tenant => 'globex');
$state{same} = AGENT_C . '||globex|enforce|session';
my @of_a_superuser = (
	each_of('%', '42501', 'SET contauth.mode = off', 'ALTER SYSTEM SET contauth.mode = off',
		"ALTER ROLE @{[SUPER]} SET contauth.mode = off", 'SET SESSION AUTHORIZATION postgres',
		"ALTER ROLE @{[SUPER]} SET contauth.token = '$c'", 'SET ROLE postgres', "LOAD 'contauth'",
		'UPDATE contauth.policy SET effect = \'permit\'', 'DELETE FROM contauth_audit.decision',
		"REVOKE contauth_agent FROM @{[SUPER]}", 'ALTER ROLE contauth_agent RENAME TO x',
		"SELECT set_config('contauth.mode', 'off', false)", 'SET contauth.identity_scope = session',
		'CREATE TABLE app.x (a integer)', "COPY app.customer TO PROGRAM 'cat'",
		"SELECT pg_read_file('postgresql.conf')", "SELECT lo_import('/etc/passwd')"),
	[ 'a superuser as replica', 'SET session_replication_role = replica', '00000' ],
	[ 'a superuser without row security', 'SET row_security = off', '00000' ]);
walk(SUPER, $c, @of_a_superuser);
$node->safe_psql('postgres', "GRANT contauth_agent TO @{[SUPER]}");
walk(SUPER, $c, @of_a_superuser,
	[ 'a superuser who is an agent, without a token', 'DISCARD ALL; SET contauth.mode = off',
		'42501', 'nobody' ]);
foreach my $option ('contauth.mode=off', 'contauth.identity_scope=transaction',
	'session_preload_libraries=')
{
	($code, $out, $err) = as_role($node, SUPER, "$c -c $option", $look);
	ok($out eq '' || $out eq $state{same}, "a superuser who is an agent connects with $option")
	  or diag("$code $out $err");
}
$node->safe_psql('postgres', "REVOKE contauth_agent FROM @{[SUPER]}");
$state{same} = AGENT_A . '||acme|enforce|session';

# --- other connections of the server ---------------------------------------------------------------

my $loop = 'host=' . $node->host . ' port=' . $node->port . " dbname=postgres user=@{[ROLE_A]}";
my $rows = "SELECT string_agg(DISTINCT tenant, ',') FROM app.customer";

walk(ROLE_A, $a,
	each_of('SELECT %', '42501',
		"* FROM dblink('$loop', 'SELECT 1') AS t(x text)", "dblink_connect('$loop')",
		"dblink_connect_u('l', '$loop')", "dblink_exec('$loop', 'SET contauth.mode = off')"));
$node->safe_psql('postgres', <<"EOS");
SELECT contauth.create_policy('link', effect => 'permit', actions => '{execute}',
	resources => '{function:public.dblink*}');
EOS
$session = open_session($node, ROLE_A, $a);
sqlstate_is($session, "SELECT dblink_connect_u('l', '$loop')", '00000', 'a link, permitted');
sqlstate_is($session, "SELECT * FROM dblink('l', \$q\$ $rows \$q\$) AS t(x text)", '28000',
	'is a session without identity');
sqlstate_is($session, "SELECT dblink_exec('l', 'SET contauth.mode = off')", '42501',
	'that cannot change the mode');
sqlstate_is($session, "SELECT dblink_connect_u('m', \$q\$$loop options='-c contauth.token=$a'\$q\$)",
	'00000', 'a link with a token');
output_is($session, "SELECT * FROM dblink('m', \$q\$ $rows \$q\$) AS t(x text)", 'acme',
	'is a session of that agent');
$session->quit;

$node->safe_psql('postgres', <<"EOS");
CREATE SERVER bare FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '@{[$node->host]}', port '@{[$node->port]}', dbname 'postgres');
CREATE USER MAPPING FOR @{[ROLE_A]} SERVER bare
	OPTIONS (user '@{[ROLE_A]}', password_required 'false');
CREATE FOREIGN TABLE app.far (id integer, tenant text, name text, notes text)
	SERVER bare OPTIONS (schema_name 'app', table_name 'customer');
CREATE SERVER trusted FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '@{[$node->host]}', port '@{[$node->port]}', dbname 'postgres');
CREATE USER MAPPING FOR @{[ROLE_A]} SERVER trusted
	OPTIONS (user '@{[HUMAN]}', password_required 'false');
CREATE FOREIGN TABLE app.farther (id integer, tenant text, name text, notes text)
	SERVER trusted OPTIONS (schema_name 'app', table_name 'customer');
GRANT SELECT ON app.far, app.farther TO @{[ROLE_A]};
EOS
walk(ROLE_A, $a,
	each_of('SELECT name FROM app.%', '42501', 'far', 'farther'),
	each_of('%', '42501', 'CREATE SERVER x FOREIGN DATA WRAPPER postgres_fdw',
		"ALTER SERVER bare OPTIONS (ADD options '-c contauth.mode=off')",
		"CREATE USER MAPPING FOR CURRENT_USER SERVER bare",
		'IMPORT FOREIGN SCHEMA app FROM SERVER trusted INTO app',
		'SELECT * FROM postgres_fdw_get_connections()'));
$node->safe_psql('postgres', <<'EOS');
SELECT contauth.create_policy('far', effect => 'permit', actions => '{select}',
	resources => '{"app.far(id,tenant,name)", "app.farther(id,tenant,name)"}',
	row_filter => $$ tenant = contauth.claim('tenant') $$);
EOS
walk(ROLE_A, $a,
	[ 'a foreign table in a session without identity', 'SELECT name FROM app.far', '28000' ],
	[ 'a foreign table, a column that no policy covers', 'SELECT notes FROM app.farther', '42501' ]);
$session = open_session($node, ROLE_A, $a);
output_is($session, "SELECT string_agg(DISTINCT tenant, ','), count(*) FROM app.farther", 'acme|5',
	'a foreign table over an ungoverned login: filtered here');
$session->quit;

# --- on the wire --------------------------------------------------------------------------------------

my $input = encode_json({
	socket => $node->host,
	port => $node->port + 0,
	role => ROLE_A,
	token_a => $a,
	token_b => $b
});
my ($answers, $errors) = ('', '');
my $done = IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/tamper_wire.py" ],
	'<', \$input, '>', \$answers, '2>', \$errors);
foreach my $answer (map { decode_json($_) } split /\n/, $answers)
{
	ok($answer->{ok}, "wire: $answer->{title}") or diag($answer->{diag});
}
ok($done, 'wire: went on to the end') or diag($errors);

# --- the record -----------------------------------------------------------------------------------------

# An error that ends the session is on record, too
foreach my $sql ('SELECT notes FROM app.customer', 'CREATE TABLE app.x (a integer)',
	'SELECT pg_reload_conf()', 'SET ROLE ' . HUMAN)
{
	($code, $out, $err) = as_role($node, ROLE_A, "$a -c exit_on_error=on", $sql);
	like($err, qr/(FATAL|ERROR):  42501/, "exit_on_error: $sql");
	note_decision($err, '42501', "exit_on_error: $sql");
}

my %record = map { my ($id, @rest) = split /\|/; ($id => join '|', @rest) }
  split /\n/, decisions($node, <<'EOS');
SELECT decision_id, decision, sqlstate FROM contauth_audit.decision WHERE sqlstate <> '00000'
EOS
my @missing = grep { ($record{ $_->[0] } // '') ne "deny|$_->[1]" } @decision_ids;
cmp_ok(scalar @decision_ids, '>', 100, 'refusals named their decision');
is(scalar @missing, 0, 'every decision that was named is on record')
  or diag(map { "$_->[2]: $_->[1], " . ($record{ $_->[0] } // 'no record') . "\n" } @missing);
is( decisions($node, <<'EOS'), 't', 'tokens that were refused are on record');
SELECT count(*) >= 8 FROM contauth_audit.decision
 WHERE statement_kind = 'SET' AND sqlstate = '28000'
EOS
is( decisions($node, <<"EOS"), '0', 'no record holds a token');
SELECT count(*) FROM contauth_audit.decision AS d
 WHERE strpos(d::text, '@{[substr($a, -60)]}') > 0 OR strpos(d::text, '@{[substr($b, -60)]}') > 0
EOS
is($node->safe_psql('postgres', 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the audit is intact');

$node->stop;
done_testing();
