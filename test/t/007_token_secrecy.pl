# A token is a secret.  Its text is in none of: the server's log, although
# every statement is logged, and what other sessions see, when it is presented
# with bind parameters; settings; error messages; the audit.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $node = new_node('secrecy', <<'EOC');
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_min_messages = debug1
debug_print_plan = on
EOC
install_application($node, $issuer);

# Does a text hold the token, or a part that would be of use?
sub holds_token
{
	my ($text, $token) = @_;
	my ($header, $payload, $signature) = split /\./, $token;

	return 1 if index($text, $token) >= 0;
	return index($text, substr($payload, 10, 40)) >= 0
	  || index($text, substr($signature, 10, 40)) >= 0;
}

# The part of the server's log that was written since a position.
sub log_since
{
	my ($position) = @_;
	return slurp_file($node->logfile, $position);
}

# A driver's session: how to connect and the token on standard input, one JSON
# value for each statement on standard output.
my $driver = <<'EOP';
import json, sys
import psycopg

dsn, admin_dsn, token = sys.stdin.read().split("\n")[:3]

def run(conn, *args, **options):
    try:
        return [list(map(str, row)) for row in conn.execute(*args, **options).fetchall()]
    except psycopg.Error as error:
        diag = error.diag
        return " ".join(str(part) for part in (
            diag.sqlstate, diag.message_primary, diag.message_detail,
            diag.message_hint, diag.context, diag.internal_query))

with psycopg.connect(dsn, autocommit=True) as conn:
    for prepare in (False, True):
        print(json.dumps(run(conn, "SELECT contauth.authenticate(%s)", [token],
                             prepare=prepare)))
    # what other sessions see of this one meanwhile
    with psycopg.connect(admin_dsn) as admin:
        print(json.dumps(run(admin, "SELECT * FROM pg_stat_activity")))
    for sql in ("SELECT contauth.whoami()",
                "SELECT count(*) FROM app.customer",
                "SHOW contauth.token",
                "SELECT current_setting('contauth.token')",
                "SELECT name, setting, reset_val, boot_val FROM pg_settings"
                " WHERE name LIKE 'contauth.%'",
                "SHOW ALL",
                "SELECT notes FROM app.customer"):
        print(json.dumps(run(conn, sql)))
    # a token that is refused is a secret, too
    head, payload, signature = token.split(".")
    wrong = ".".join((head, payload, signature[:-20] + signature[-20:][::-1]))
    print(json.dumps(run(conn, "SELECT contauth.authenticate(%s)", [wrong])))
    print(json.dumps(run(conn, "SELECT contauth.authenticate(%s), 1/0", [token])))
    print(json.dumps(run(conn, "SELECT contauth.authenticate(%s || 'x')", [token])))
EOP

# Run the driver; returns its lines.
sub drive
{
	my ($token) = @_;
	my $input = join "\n", $node->connstr('postgres') . ' user=' . ROLE_A,
	  $node->connstr('postgres'), $token, '';
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', '-c', $driver ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "the driver failed: $err";
	return split /\n/, $out;
}

# --- bind parameters ---------------------------------------------------------

my $token = token_a($issuer);
my $position = -s $node->logfile;
my @answers = drive($token);
my $log = log_since($position);

like($answers[0], qr/\Q@{[AGENT_A]}\E/, 'authenticate() with a bind parameter');
like($answers[1], qr/\Q@{[AGENT_A]}\E/, 'also prepared');
like($answers[2], qr/contauth\.authenticate\(\$1\)/, 'pg_stat_activity shows the statement');
is($answers[4], '[["5"]]', 'the session works');
like($answers[9], qr/42501/, 'a denied statement');
like($answers[10], qr/28000/, 'a token that is refused');
foreach my $i (0 .. $#answers)
{
	ok(!holds_token($answers[$i], $token), "the token is in no answer: $i");
}
like($log, qr/contauth\.authenticate\(\$1\)/, 'the statements are in the log');
ok(!holds_token($log, $token), 'the token is not')
  or diag(join "\n", map { substr($_, 0, 120) } grep { holds_token($_, $token) } split /\n/, $log);

# --- settings and startup option ---------------------------------------------

my $session = open_session($node, ROLE_A, $token);
my ($out, $err);
(undef, $out) = attempt($session, <<'EOS');
SHOW contauth.token;
SELECT current_setting('contauth.token');
SELECT set_config('application_name', current_setting('contauth.token'), false);
SELECT * FROM pg_settings WHERE name LIKE 'contauth%';
SHOW ALL;
EOS
like($out, qr/sha256:[0-9a-f]{64}/, 'settings show a digest');
ok(!holds_token($out, $token), 'and not the token');
(undef, undef, $err) = attempt($session, <<'EOS');
SELECT current_setting('contauth.token')::integer;
EOS
ok(!holds_token($err, $token), 'nor does an error that shows the setting');
$session->quit;

# --- errors -------------------------------------------------------------------

$session = open_session($node, ROLE_A);
$token = token_a($issuer);
foreach my $bad (
	"SET contauth.token = '${token}x'",
	"SET contauth.token = '" . substr($token, 0, -8) . "'",
	"SELECT contauth.authenticate('${token}x')",
	"SET LOCAL contauth.token = '$token.$token'",
	"SELECT set_config('contauth.token', '${token}x', false)",
	"SET contauth.audience = '$token'",
	"ALTER ROLE @{[ROLE_A]} SET contauth.token = '$token'")
{
	my ($sqlstate, undef, $errors) = attempt($session, $bad);
	my ($kind) = $bad =~ /^(\w+ \S+)/;

	isnt($sqlstate, '00000', "$kind: refused");
	# psql repeats the statement itself in LINE; the server must not
	$errors =~ s/^LINE .*$//mg;
	ok(!holds_token($errors, $token), 'without the token in the message');
}
$session->quit;

my $admin = open_session($node);
foreach my $bad (
	"ALTER ROLE @{[ROLE_A]} SET contauth.token = '$token'",
	"ALTER DATABASE postgres SET contauth.token = '$token'",
	"ALTER SYSTEM SET contauth.token = '$token'",
	"CREATE FUNCTION app.f() RETURNS integer LANGUAGE sql SET contauth.token = '$token' AS 'SELECT 1'")
{
	my ($sqlstate) = attempt($admin, $bad);
	my ($kind) = $bad =~ /^(\w+ \w+)/;

	isnt($sqlstate, '00000', "$kind: a token cannot be stored");
}
$admin->quit;
$out = $node->safe_psql('postgres',
	'SELECT * FROM pg_db_role_setting; SELECT proconfig FROM pg_proc WHERE proconfig IS NOT NULL');
ok(!holds_token($out, $token), 'none was');

# --- the audit ----------------------------------------------------------------

foreach my $how ('normalized', 'full')
{
	$node->safe_psql('postgres',
		"ALTER SYSTEM SET contauth.audit_statement = '$how'; SELECT pg_reload_conf()");
	$token = token_a($issuer);
	drive($token);
	$session = open_session($node, ROLE_A);
	attempt($session, "SET contauth.token = '$token'");
	attempt($session, "SET contauth.token = '${token}x'");
	attempt($session, "SELECT contauth.authenticate('$token')");
	attempt($session, "SELECT set_config('contauth.token', '$token', false)");
	attempt($session, "SELECT contauth.authenticate('$token'), notes FROM app.customer");
	$session->quit;
	$out = decisions($node, 'TABLE contauth_audit.decision; TABLE contauth_audit.admin_event');
	like($out, qr/\Q@{[AGENT_A]}\E/, "$how: the audit has records");
	ok(!holds_token($out, $token), "$how: without the token")
	  or diag(join "\n", map { /(\|(SET|SELECT) .{20})/ ? $1 : substr($_, 0, 80) } grep { holds_token($_, $token) } split /\n/, $out);
}

$node->stop;
done_testing();
