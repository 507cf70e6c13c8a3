# Approvals under pressure: many sessions, crashes, a worker that stands still,
# several databases, statements that wait for the answer.
#
# A failure means: an approval is good for more than was approved, or gets lost;
# or whoever waits for one, or listens for requests, is not told.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant SESSIONS => 16;
use constant APPROVER => 'regress_contauth_approver';

my $issuer = new_issuer();
my $node = new_node('approvals',
	"log_statement = none\nmax_connections = 60\ncontauth.audit_wait = 2000");
install_application($node, $issuer);
$node->safe_psql('postgres', <<"EOS");
CREATE ROLE @{[APPROVER]} LOGIN IN ROLE contauth_approver;
SELECT contauth.create_policy('ask', 'escalate', actions => '{update}', resources => '{app.ticket}');
EOS
my $token = token_a($issuer);

# Answer the newest requests, so many, as an approver.
sub answer
{
	my ($call, $count) = @_;
	$count //= 1;

	records_synced($node) or die 'the audit did not catch up';
	my ($code, $out, $err) = as_role($node, APPROVER, undef, <<"EOS");
SELECT contauth.$call FROM (SELECT request FROM contauth_audit.pending_approvals
	ORDER BY requested_at DESC LIMIT $count) AS r
EOS
	die $err if $code != 0;
	return;
}

# Nothing is pending or approved any more.
sub cancel_all
{
	records_synced($node) or die 'the audit did not catch up';
	$node->safe_psql('postgres', <<'EOS');
SELECT contauth.cancel_request(request, 'start anew') FROM contauth_audit.approval_request
	WHERE state IN ('pending', 'approved')
EOS
	return;
}

# The reason of a refusal, and the request that it names.
sub refusal
{
	my ($errors) = @_;
	return $errors =~ /request=(\S+) reason=(\w+)/ ? ($2, $1) : ('none', $errors);
}

sub reason_is
{
	my ($session, $sql, $expected, $title) = @_;
	my ($sqlstate, undef, $errors) = attempt($session, $sql);
	my ($reason, $request) = refusal($errors);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is("$sqlstate $reason", "ZA001 $expected", $title) or diag($errors);
	return $request;
}

# --- many sessions, few approvals ---------------------------------------------------

my $input = encode_json({
		socket => $node->host,
		port => $node->port + 0,
		role => ROLE_A,
		token => $token,
		sessions => 1,
		ids => [ 2, 4, 6, 8, 10 ],
		body => 'approved',
		ways => ['plainly']
	});

# Run sessions of approval_agents.py.
sub hammer
{
	my (%request) = @_;
	my $json = encode_json({ %{ decode_json($input) }, %request });
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/approval_agents.py" ],
		'<', \$json, '>', \$out, '2>', \$err)
	  or die "the agents failed: $err";
	note $out;
	return decode_json($out);
}

my $asked = hammer();
is_deeply($asked->{sqlstates}, ['ZA001'], 'five statements ask for approval');
records_synced($node);
is($node->safe_psql('postgres', 'SELECT count(*) FROM contauth_audit.pending_approvals'),
	5, 'five requests');
answer("approve(request, 'all of them')", 5);
my $used = hammer(sessions => SESSIONS, ways => [ 'plainly', 'prepared', 'pipelined' ]);
is_deeply($used->{runs}, { map { $_ => 1 } 2, 4, 6, 8, 10 },
	'each approval is used exactly once by sixteen sessions');
is_deeply($used->{sqlstates}, ['ZA001'], 'all others are told that it needs one');
records_synced($node);
is( $node->safe_psql('postgres',
		"SELECT state, count(*) FROM contauth_audit.approval_request GROUP BY 1 ORDER BY 1"),
	"consumed|5\npending|5", 'the table says so, too; and one request a statement came anew');
answer("approve(request, 'three each', '5 min', 3)", 5);
$used = hammer(sessions => SESSIONS, ways => [ 'prepared', 'pipelined' ]);
is_deeply($used->{runs}, { map { $_ => 3 } 2, 4, 6, 8, 10 }, 'three uses are three');
is($node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT approval_id) FROM contauth_audit.decision WHERE reason_code = 'approved'"),
	'20|10', 'each run is on record with its approval');

# --- bound parameters -----------------------------------------------------------------

cancel_all();
is_deeply(hammer(ids => [2], body => 'bound')->{sqlstates}, ['ZA001'], 'asked by a bound parameter');
answer("approve(request, 'for 2')");
is_deeply(hammer(ids => [4], body => 'bound')->{runs}, { 4 => 0 }, 'another value is not approved');
is_deeply(hammer(ids => [2], body => 'bound', ways => ['prepared'])->{runs}, { 2 => 1 }, 'the same is');
cancel_all();

# --- crashes ---------------------------------------------------------------------------

my $session = open_session($node, ROLE_A, $token);
my $used_up = "UPDATE app.ticket SET body = 'used up' WHERE id = 2";
my $approved = "UPDATE app.ticket SET body = 'approved' WHERE id = 2";
my $pending = "UPDATE app.ticket SET body = 'pending' WHERE id = 2";
reason_is($session, $used_up, 'approval_needed', 'one to be used');
answer("approve(request, 'to be used', '1 hour')");
reason_is($session, $approved, 'approval_parameters_differ', 'one to be approved');
answer("approve(request, 'to be kept', '1 hour')");
my $id = reason_is($session, $pending, 'approval_parameters_differ', 'one to stay pending');
records_synced($node);
sqlstate_is($session, "BEGIN; $used_up", '00000', 'one is used in a transaction');
$node->stop('immediate');
eval { $session->quit };
$node->start;
$session = open_session($node, ROLE_A, $token);
reason_is($session, $used_up, 'approval_used', 'a crash does not give a use back');
sqlstate_is($session, $approved, '00000', 'an approval survives it');
is(reason_is($session, $pending, 'approval_pending', 'so does a request'),
	$id, 'which is the same');
answer("approve(request, 'after the crash')");
cancel_all();
$session->quit;
$node->restart;
$session = open_session($node, ROLE_A, $token);
is($node->safe_psql('postgres', "SELECT ok FROM contauth_audit.verify()"), 't',
	'the chain is whole');

# --- a worker that stands still ----------------------------------------------------------

my $stuck = "UPDATE app.ticket SET body = 'stuck' WHERE id = 4";
reason_is($session, $stuck, 'approval_needed', 'one more');
answer("approve(request, 'while the worker stands')");
my $worker = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth audit worker'");
kill 'STOP', $worker;
sqlstate_is($session, $stuck, 'ZA005', 'a use that is not durable runs nothing, in async mode, too');
kill 'CONT', $worker;
records_synced($node);
is($node->safe_psql('postgres', "SELECT body FROM app.ticket WHERE id = 4"), 'approved',
	'nothing was changed');
reason_is($session, $stuck, 'approval_used', 'and it is spent');

cancel_all();

# --- who listens -----------------------------------------------------------------------

my $listener = open_session($node, APPROVER);
attempt($listener, 'LISTEN contauth_approval');
reason_is($session, "UPDATE app.ticket SET body = 'SECRET VALUE' WHERE id = 6", 'approval_needed',
	'a request');
records_synced($node);
my (undef, $told) = attempt($listener, 'SELECT 1');
my ($payload) = $told =~ /with payload "(\{.*\})" received/;
my $event = decode_json($payload // '{}');
is_deeply([ @$event{qw(event agent on_behalf_of database action resources policy statement_kind)} ],
	[ 'requested', AGENT_A, undef, 'postgres', 'update', ['app.ticket'], 'ask', 'UPDATE' ],
	'listeners are told who wants what') or diag($told);
like($event->{expires_at}, qr/^\d{4}-\d\d-\d\dT.*Z$/, 'and until when');
unlike($payload, qr/SECRET/, 'and no value');
is($node->safe_psql('postgres',
		"SELECT decision_id = '$event->{decision_id}' FROM contauth_audit.approval_request WHERE request = '$event->{request}'"),
	't', 'the ids are those of the table');
reason_is($session, "UPDATE app.ticket SET body = 'SECRET VALUE' WHERE id = 6", 'approval_pending',
	'asked again');
records_synced($node);
(undef, $told) = attempt($listener, 'SELECT 1');
unlike($told, qr/payload/, 'which tells nobody again');
answer("reject(request, 'no')");
(undef, $told) = attempt($listener, 'SELECT 1');
like($told, qr/"event": "denied"/, 'the answer is told');

# break-glass is told, too: to listeners, and as a WARNING to the caller and the log
foreach my $case (
	[ 'break_glass', "break_glass('@{[AGENT_B]}', 'all is down', '1 hour')", 'all is down' ],
	[ 'close_break_glass', "close_break_glass((SELECT max(id::text)::uuid FROM contauth.break_glass_grant), 'it is up')", 'it is up' ])
{
	my ($name, $call, $reason) = @$case;
	my $from = -s $node->logfile;
	my ($code, undef, $warned) = as_role($node, undef, undef, "SELECT contauth.$call");
	my $glass = $node->safe_psql('postgres', 'SELECT id FROM contauth.break_glass_grant');
	my $words = qr/$name: break-glass $glass for agent "\Q@{[AGENT_B]}\E" by "postgres"\n.*DETAIL:  $reason/s;

	like($warned, qr/WARNING:  01000: $words/, "$name: the caller is warned");
	like(slurp_file($node->logfile, $from), qr/WARNING:  $words/, "$name: the log has it");
	(undef, $told) = attempt($listener, 'SELECT 1');
	($payload) = $told =~ /with payload "(\{.*\})" received/;
	$event = decode_json($payload // '{}');
	is_deeply([ @$event{qw(event break_glass agent by database)} ],
		[ $name, $glass, AGENT_B, 'postgres', 'postgres' ], "$name: listeners are told") or diag($told);
}

# --- waiting ----------------------------------------------------------------------------

$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_A]} SET contauth.escalation_wait = '20 s'");

# A statement that waits, and its answer meanwhile; what comes of it.
sub while_waiting
{
	my ($sql, $call) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = "-c contauth.token=$token";
	my $waiting = IPC::Run::start(
		[
			'psql', '-X', '-d', $node->connstr('postgres') . ' user=' . ROLE_A,
			'-v', 'VERBOSITY=verbose', '-c', $sql
		],
		'>', \$out, '2>', \$err);
	$ENV{PGOPTIONS} = '';
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM contauth_audit.pending_approvals") or die 'no request';
	my $start = time;
	ref $call ? $call->() : answer($call) if defined $call;
	$waiting->finish;
	my ($reason) = refusal($err);
	return ($out =~ s/\n//r, $err eq '' ? '' : $reason, time - $start);
}
my @answers = while_waiting("UPDATE app.ticket SET body = 'waited' WHERE id = 8", "approve(request, 'go on')");
is("@answers[0, 1]", 'UPDATE 1 ', 'a statement that waits goes on when it is approved');
cmp_ok($answers[2], '<', 10, 'at once');
is($node->safe_psql('postgres', "SELECT state FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1"),
	'consumed', 'the approval is used');
is(decisions($node, "SELECT decision, reason_code, sqlstate FROM contauth_audit.decision WHERE statement_kind = 'UPDATE' ORDER BY seq DESC LIMIT 1"),
	'allow|approved|00000', 'one record tells of it');
@answers = while_waiting("UPDATE app.ticket SET body = 'waited 2' WHERE id = 8", "reject(request, 'no')");
is("@answers[0, 1]", ' approval_denied', 'it is refused when it is rejected');
cmp_ok($answers[2], '<', 10, 'at once');
is($node->safe_psql('postgres', 'SELECT count(*) FROM contauth_audit.pending_approvals'), 0,
	'and does not ask again');
# what forbids it meanwhile wins
@answers = while_waiting("UPDATE app.ticket SET body = 'waited 3' WHERE id = 8", sub {
	$node->safe_psql('postgres',
		"SELECT contauth.create_policy('no', 'forbid', actions => '{update}', resources => '{app.ticket}')");
	answer("approve(request, 'too late')");
});
is($answers[0], '', 'a forbid that comes while it waits wins');
is(decisions($node, "SELECT decision, reason_code FROM contauth_audit.decision WHERE statement_kind = 'UPDATE' ORDER BY seq DESC LIMIT 1"),
	'deny|forbid', 'over the approval');
$node->safe_psql('postgres', "SELECT contauth.drop_policy('no')");
cancel_all();
$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_A]} SET contauth.escalation_wait = '500 ms'");
@answers = while_waiting("UPDATE app.ticket SET body = 'waited 4' WHERE id = 8");
is("@answers[0, 1]", ' approval_pending', 'it is refused when nobody answers');
cancel_all();

# --- several databases, one audit ---------------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', <<"EOS");
CREATE EXTENSION contauth;
CREATE TABLE public.thing AS SELECT 1 AS id;
GRANT ALL ON public.thing TO PUBLIC;
SELECT contauth.add_issuer('https://issuer.acme.example', 'acme.example', '@{[$issuer->jwks]}');
SELECT contauth.register_agent('@{[AGENT_A]}', '{@{[ROLE_A]}}', 'alice', 2);
SELECT contauth.create_policy('all', 'permit', actions => '{select}', resources => '{public.thing}');
SELECT contauth.create_policy('ask', 'escalate', actions => '{select}', resources => '{public.thing}');
ALTER ROLE @{[ROLE_A]} RESET contauth.escalation_wait;
EOS
my $other = open_session($node, ROLE_A, $token, 'other');
$id = reason_is($other, 'SELECT id FROM public.thing', 'approval_needed', 'another database asks');
records_synced($node);
is($node->safe_psql('postgres', "SELECT database FROM contauth_audit.pending_approvals WHERE request = '$id'"),
	'other', 'the request is in the audit home');
my ($code, undef, $err) = as_role($node, APPROVER, undef, "SELECT contauth.approve('$id', 'here')", 'other');
like($err, qr/55000/, 'nobody answers elsewhere');
answer("approve(request, 'there')");
output_is($other, 'SELECT id FROM public.thing', 1, 'and the approval is good there');
reason_is($other, 'SELECT id FROM public.thing', 'approval_used', 'once');
$other->quit;

# --- the bot of the documentation -----------------------------------------------------

my $modules = "$FindBin::RealBin/../drivers/node_modules";

SKIP:
{
	skip 'no Node.js, or no package pg (test/install-deps)', 4
	  if !-d "$modules/pg" || system('node --version >/dev/null 2>&1') != 0;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $heard = '';

	symlink $modules, "$folder/node_modules" or die "symlink: $!";
	run_command_ok('cp', "$FindBin::RealBin/../../docs/examples/approval-bot.mjs", $folder);
	$node->safe_psql('postgres', <<"EOS");
SELECT contauth.create_policy('delete', 'permit', actions => '{delete}', resources => '{app.ticket}');
SELECT contauth.create_policy('ask to delete', 'escalate', actions => '{delete}', resources => '{app.ticket}');
EOS
	my $bot = do
	{
		local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} =
		  ($node->host, $node->port, APPROVER, 'postgres');
		IPC::Run::start([ 'node', "$folder/approval-bot.mjs", 'app.ticket' ],
			'>', \$heard, '2>&1', IPC::Run::timeout(60));
	};
	$bot->pump until $heard =~ /^listening$/m;
	my $agent = open_session($node, ROLE_A, $token);
	reason_is($agent, "UPDATE app.ticket SET body = 'bot' WHERE id = 2", 'approval_needed', 'the bot is asked');
	$bot->pump until $heard =~ /^approved .*update on app\.ticket/m;
	sqlstate_is($agent, "UPDATE app.ticket SET body = 'bot' WHERE id = 2", '00000', 'and approves');
	reason_is($agent, 'DELETE FROM app.ticket WHERE id = 2', 'approval_needed', 'it is asked for another thing');
	$bot->pump until $heard =~ /^rejected .*delete on app\.ticket/m;
	reason_is($agent, 'DELETE FROM app.ticket WHERE id = 2', 'approval_denied', 'and rejects');
	$agent->quit;
	$bot->kill_kill;
	cancel_all();
}

# --- a hundred requests -----------------------------------------------------------------

my $flood = open_session($node, ROLE_A, $token);
$flood->query(join('', map { "UPDATE app.ticket SET body = 'n$_' WHERE id = 2;\n" } 1 .. 120));
$flood->{stderr} = '';
my (undef, undef, $full) = attempt($flood, "UPDATE app.ticket SET body = 'one more' WHERE id = 2");
like($full, qr/ZA001.*reason=approval_unavailable.*100 pending requests/s, 'an agent cannot have more than a hundred');
my $b = open_session($node, ROLE_B, token_b($issuer));
reason_is($b, "UPDATE app.ticket SET body = 'b' WHERE id = 1", 'approval_needed', 'another one still can ask');

# --- a dump ------------------------------------------------------------------------------

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
my $all = 'SELECT to_jsonb(r) FROM contauth_audit.approval_request AS r ORDER BY request';
records_synced($node);
$node->safe_psql('postgres', 'CREATE DATABASE copy');
run_command_ok('pg_dump', '-d', $node->connstr('postgres'), '-f', $dump, '-T', 'contauth_audit.decision_p*');
run_command_ok('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump);
is($node->safe_psql('copy', $all), $node->safe_psql('postgres', $all), 'a dump carries requests');

$session->quit;
$listener->quit;
$flood->quit;
$b->quit;
$node->stop;
done_testing();
