# Budgets that all sessions of an agent share: rows of an hour, statements of a
# minute.  Sixty-four sessions at once get exactly what is allowed.
#
# A failure means: an agent gets more than its budget by opening more sessions,
# or less than its budget for good, or one agent pays for another.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant SESSIONS => 64;

my $issuer = new_issuer();
my $node = new_node('limits',
	"log_statement = none\nmax_connections = 100\ncontauth.max_agents = 16");
install_application($node, $issuer);

# Agents c, d ... of their own, all with role A.
sub agent_id { return "spiffe://acme.example/agent/limited/$_[0]" }

sub token { return $issuer->token(agent_id($_[0]), tenant => 'acme') }

$node->safe_psql('postgres', <<"EOS");
SELECT contauth.register_agent('spiffe://acme.example/agent/limited/' || name, '{@{[ROLE_A]}}', 'x', 1)
  FROM unnest(string_to_array('c,d,e,f,g,h,i,' || (SELECT string_agg('n' || i, ',') FROM generate_series(1, 20) AS i), ',')) AS name;
CREATE TABLE app.item AS SELECT generate_series(1, 20) AS id;
GRANT SELECT ON app.item TO @{[ROLE_A]};
SELECT contauth.create_policy('items', 'permit', actions => '{select}', resources => '{app.item}',
	principals => '{spiffe://acme.example/agent/limited/*}');
EOS

# A policy with limits for one agent.
sub limit
{
	my ($name, $limits, $condition) = @_;

	$node->safe_psql('postgres', <<"EOS");
SELECT contauth.create_policy('limit $name', 'permit', principals => '{@{[agent_id($name)]}}',
	actions => '{select}', resources => '{app.item}', limits => '$limits');
EOS
	return;
}

# Many sessions of one agent at once; see limits_agents.py.
sub hammer
{
	my (%request) = @_;
	my $input = encode_json({
			socket => $node->host,
			port => $node->port + 0,
			role => ROLE_A,
			sessions => SESSIONS,
			%request
		});
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/limits_agents.py" ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "the agents failed: $err";
	note $out;
	return decode_json($out);
}

# --- rows of an hour -------------------------------------------------------------

limit('c', '{"rows_per_hour": 5000}');
my $rows = hammer(token => token('c'), ways => [ 'rows', 'cursor', 'function' ],
	refusals => 5);
cmp_ok($rows->{rows}, '<=', 5000, 'no more rows left than an hour allows');
cmp_ok($rows->{rows}, '>', 5000 - 64 * SESSIONS, 'and hardly fewer');
is_deeply($rows->{sqlstates}, ['ZA003'], 'the rest was refused for the budget');

my $rest = hammer(token => token('c'), ways => ['one row'], sessions => 1, refusals => 1);
is($rows->{rows} + $rest->{rows}, 5000, 'what was reserved and not used was given back');

my $session = open_session($node, ROLE_A, token('d'));
output_is($session, 'SELECT count(*) FROM app.item', 20, 'another agent does not pay for it');
$session->quit;

# what a FETCH took counts as used, although it failed and nothing of it arrived
limit('i', '{"rows_per_hour": 10}');
$session = open_session($node, ROLE_A, token('i'));
sqlstate_is($session, 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.item', '00000', 'a cursor');
sqlstate_is($session, 'FETCH 7 FROM c', '00000', '7 of 10 rows');
sqlstate_is($session, 'FETCH 7 FROM c', 'ZA003', '7 more are too many');
sqlstate_is($session, 'ROLLBACK', '00000', 'it ends');
sqlstate_is($session, 'SELECT id FROM app.item WHERE id = 1', 'ZA003', 'nothing is left');
$session->quit;

# one row at a time, each reserving more than it needs; aborted ones give back
limit('d', '{"rows_per_hour": 100}');
$session = open_session($node, ROLE_A, token('d'));
sqlstate_is($session, "SELECT 1 / (id - 3) FROM app.item WHERE id >= 3 ORDER BY id",
	'22012', 'a statement that fails');
my $allowed = 0;
$allowed++ while (attempt($session, 'SELECT id FROM app.item WHERE id = 1'))[0] eq '00000';
is($allowed, 99, 'nothing of what was not used is lost');
sqlstate_is($session, 'SELECT id FROM app.item WHERE id = 1', 'ZA003', 'the budget is used up');
$session->quit;

# a statement that changes rows is refused as a whole
$node->safe_psql('postgres', <<"EOS");
GRANT ALL ON app.item TO @{[ROLE_A]};
SELECT contauth.create_policy('change e', 'permit', principals => '{@{[agent_id('e')]}}',
	actions => '{update}', resources => '{app.item}', limits => '{"rows_per_hour": 30}');
EOS
$session = open_session($node, ROLE_A, token('e'));
sqlstate_is($session, 'UPDATE app.item SET id = id', '00000', '20 of 30 rows are changed');
sqlstate_is($session, 'UPDATE app.item SET id = id', 'ZA003', '20 more are not');
sqlstate_is($session, 'UPDATE app.item SET id = id WHERE id <= 10', '00000', '10 more are');
sqlstate_is($session, 'UPDATE app.item SET id = id WHERE id = 1', 'ZA003', 'and none after that');
$session->quit;

# --- statements of a minute --------------------------------------------------------

limit('f', '{"statements_per_minute": 300}');
my $statements = hammer(token => token('f'), ways => [ 'rows', 'prepared' ], refusals => 10);
is($statements->{statements}, 300, 'exactly as many statements as a minute allows');
is_deeply($statements->{sqlstates}, ['ZA003'], 'the rest was refused for the budget');
cmp_ok($statements->{seconds}, '<', 60, 'all of it within a minute');

# what counts: not BEGIN, SET and the like, but each FETCH
limit('g', '{"statements_per_minute": 3}');
$session = open_session($node, ROLE_A, token('g'));
sqlstate_is($session, 'BEGIN; SET LOCAL search_path = app; SHOW search_path; SAVEPOINT s',
	'00000', 'transaction control and settings');
sqlstate_is($session, 'DECLARE c CURSOR FOR SELECT id FROM app.item', '00000', 'a cursor: one');
sqlstate_is($session, 'FETCH 1 FROM c', '00000', 'FETCH: two');
sqlstate_is($session, 'FETCH 1 FROM c', '00000', 'FETCH: three');
sqlstate_is($session, 'FETCH 1 FROM c', 'ZA003', 'the fourth is refused');
sqlstate_is($session, 'ROLLBACK', '00000', 'the transaction can end');
sqlstate_is($session, 'SELECT id FROM app.item', 'ZA003', 'and nothing else begins');
$session->quit;
is( decisions($node,
		"SELECT string_agg(DISTINCT decision || ' ' || reason_code, ',') FROM contauth_audit.decision WHERE sqlstate = 'ZA003'"
	),
	'deny rows_per_hour,deny statements_per_minute',
	'the refusals are on record');

# --- conditions over the history ---------------------------------------------------

$node->safe_psql('postgres', <<"EOS");
SELECT contauth.create_policy('early', 'permit', principals => '{@{[agent_id('h')]}}',
	actions => '{select}', resources => '{app.ticket}',
	condition => 'ctx.statements_1m < 3 AND ctx.rows_1h < 23 AND ctx.denials_1h = 0');
EOS
$session = open_session($node, ROLE_A, token('h'));
sqlstate_is($session, 'SELECT id FROM app.ticket WHERE id = 1', '00000', 'first statement');
sqlstate_is($session, 'SELECT id FROM app.item', '00000', 'second, with 20 rows');
sqlstate_is($session, 'SELECT id FROM app.ticket WHERE id = 1', '00000', 'third: two before it');
my ($errors) = (sqlstate_is($session, 'SELECT id FROM app.ticket WHERE id = 1',
		'42501', 'fourth: three before it'))[1];
like($errors, qr/statements_1m < 3\) is false/, 'the reason says so');
my ($output) = sqlstate_is($session,
	q{SELECT reason FROM contauth.why('SELECT id FROM app.ticket')}, '00000', 'and why()');
like($output, qr/denials_1h = 0\) is false/, 'the denial counts, too');
$session->quit;

# --- more agents than there is room for, restart, crash ------------------------------

# c to i have been counted: there is room for nine more
my %answers;
for my $i (1 .. 12)
{
	my $one = open_session($node, ROLE_A, token("n$i"));
	my ($sqlstate) = attempt($one, 'SELECT count(*) FROM app.item');
	$answers{$sqlstate}++;
	$one->quit;
}
is_deeply(\%answers, { '00000' => 9, '53400' => 3 }, 'agents that find no room are refused');

sub room_and_budget_are_new
{
	my ($title) = @_;
	my $one = open_session($node, ROLE_A, token('n12'));
	sqlstate_is($one, 'SELECT count(*) FROM app.item', '00000', "$title: there is room");
	$one->quit;
	$one = open_session($node, ROLE_A, token('d'));
	sqlstate_is($one, 'SELECT id FROM app.item', '00000', "$title: budgets are new");
	$one->quit;
	return;
}

$node->restart;
room_and_budget_are_new('restart');

my $victim = open_session($node, ROLE_A, token('d'));
my ($pid) = (sqlstate_is($victim, 'SELECT pg_backend_pid()', '00000', 'a backend'))[0];
kill 'KILL', $pid;
$node->poll_query_until('postgres', "SELECT pg_backend_pid() > 0 AND NOT pg_is_in_recovery()")
  or die 'the server did not come back';
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'contauth audit worker')");
room_and_budget_are_new('crash');

$node->stop;
done_testing();
