# Other extensions in the same server: pgaudit, pg_stat_statements, auto_explain and
# pg_cron, with contauth loaded before them and after them.
#
# A failure means: an agent is not enforced, masked, filtered or recorded as it is
# without them; or what they see of its statements, plans with constants and with
# counts of hidden rows, parameters inside functions, reaches the agent; or a statement
# that is refused leaves one of them in disorder; or people notice.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant HUMAN => 'regress_contauth_human';
use constant NEIGHBOURS => qw(pgaudit pg_stat_statements auto_explain pg_cron);

# What no message to an agent may hold: values, other tenants, plans, audits.
my $secret = qr/RAW|GLOBEX|plan:|Rows Removed|Query Text|AUDIT/;
my $issuer = new_issuer();

# A server that loads them in this order, all of them as talkative as they can be.
sub new_neighbourhood
{
	my ($name, @libraries) = @_;
	my $node = new_node($name, <<"EOC");
shared_preload_libraries = '@{[join ', ', @libraries]}'
log_min_messages = warning
pgaudit.log = 'all'
pgaudit.log_parameter = on
pgaudit.log_client = on
pgaudit.log_rows = on
pgaudit.role = 'regress_contauth_watched'
pg_stat_statements.track = all
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_verbose = on
auto_explain.log_nested_statements = on
cron.database_name = 'postgres'
cron.use_background_workers = on
max_worker_processes = 16
EOC

	install_application($node, $issuer);
	$node->safe_psql('postgres', <<"EOS");
SET client_min_messages = error;
CREATE EXTENSION pgaudit;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION pg_cron;
CREATE ROLE regress_contauth_watched;
GRANT SELECT ON app.customer TO regress_contauth_watched;
GRANT USAGE ON SCHEMA cron TO @{[ROLE_A]};
GRANT ALL ON ALL TABLES IN SCHEMA cron TO @{[ROLE_A]};
CREATE FUNCTION app.name_by_phone(who integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog AS \$\$
DECLARE
	number text;
	found text;
BEGIN
	SELECT phone INTO number FROM app.customer WHERE id = who;
	SELECT name INTO found FROM app.customer WHERE phone = number AND tenant = 'acme';
	RETURN found;
END \$\$;
CREATE FUNCTION app.swallow() RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM notes FROM app.customer;
EXCEPTION WHEN insufficient_privilege THEN
	RAISE NOTICE 'going on';
	RETURN (SELECT count(*) FROM app.customer)::text;
END \$\$;
SELECT contauth.create_policy('calls', 'permit', actions => '{execute}', resources => '{function:app.*}');
SELECT contauth.create_policy('exports', 'permit', actions => '{export}', resources => '{app.customer}');
SELECT contauth.create_policy('trusts', 'permit', actions => '{execute}',
	resources => '{function:app.name_by_phone}', limits => '{"trusted": true}');
SELECT cron.schedule('as_agent', '* * * * *', 'SELECT count(*) FROM app.customer');
UPDATE cron.job SET username = '@{[ROLE_A]}' WHERE jobname = 'as_agent';
SELECT cron.schedule('as_human', '* * * * *', 'SELECT count(*) FROM app.customer');
UPDATE cron.job SET username = '@{[HUMAN]}' WHERE jobname = 'as_human';
SELECT pg_stat_statements_reset();
EOS
	return $node;
}

# How loud they are towards clients, in the sessions that begin now.
sub set_level
{
	my ($node, $level) = @_;

	foreach my $role (ROLE_A, HUMAN)
	{
		$node->safe_psql('postgres', "ALTER ROLE $role SET auto_explain.log_level = $level");
		$node->safe_psql('postgres', "ALTER ROLE $role SET pgaudit.log_level = "
			. ($level eq 'info' ? 'notice' : $level));
	}
	return;
}

# pgaudit may tell an agent the command that it has just sent.
sub without_own_command
{
	my ($errors) = @_;

	$errors =~ s/^.*AUDIT: SESSION,\d+,\d+,MISC,(EXECUTE|FETCH|COMMIT),.*\n(LOCATION: .*\n)?//mg;
	return $errors;
}

# Rows as they are to be, and not a word besides.
sub hears_nothing
{
	my ($session, $sql, $expected, $title) = @_;
	my ($sqlstate, $output, $errors) = attempt($session, $sql);

	$errors = without_own_command("$errors\n");
	$errors =~ s/\s+\z//;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is("$sqlstate $output", "00000 $expected", $title);
	is($errors, '', "$title: no message");
	return;
}

# --- an agent, at every level of messages --------------------------------------

my $rows = "2|acmename2|E***\@example.com|[redacted]\n4|acmename4|E***\@example.com|[redacted]";

sub agent_hears_nothing
{
	my ($node, $order, $level) = @_;
	my $agent = open_session($node, ROLE_A, token_a($issuer));
	my $title = "$order, $level";

	attempt($agent, 'SET client_min_messages = debug5');
	hears_nothing($agent, 'SELECT id, name, email, phone FROM app.customer WHERE id < 6 ORDER BY id',
		$rows, "$title: filtered and masked");
	attempt($agent, 'PREPARE p AS SELECT id, name, email, phone FROM app.customer WHERE id < $1 ORDER BY id');
	hears_nothing($agent, 'EXECUTE p (6)', $rows, "$title: prepared") foreach 1 .. 7;
	hears_nothing($agent, 'SELECT app.name_by_phone(2)', 'acmename2', "$title: a trusted function");
	hears_nothing($agent, "SELECT set_config('client_min_messages', 'log', false), app.name_by_phone(4)",
		'log|acmename4', "$title: a trusted function behind set_config()");
	hears_nothing($agent, 'SELECT count(*) FROM app.customer_view', '5', "$title: a view");
	hears_nothing($agent, "UPDATE app.ticket SET body = 'x' WHERE id < 5 RETURNING id", "2\n4",
		"$title: a write");
	attempt($agent, "BEGIN; DECLARE c CURSOR FOR SELECT phone FROM app.customer");
	hears_nothing($agent, 'FETCH 1 FROM c', '[redacted]', "$title: a cursor");
	my (undef, undef, $closing) = attempt($agent, 'COMMIT');
	unlike(without_own_command("$closing\n"), $secret, "$title: the end of a cursor");
	my (undef, $copied, $copying) = attempt($agent, 'COPY app.customer (id, phone) TO STDOUT');
	is(() = $copied =~ /\[redacted\]/g, 5, "$title: COPY");
	unlike($copying, qr/RAW|GLOBEX|plan:/, "$title: COPY, and no plan");

	my ($output, $errors) = sqlstate_is($agent, 'SELECT notes FROM app.customer', '42501',
		"$title: refused");
	like($errors, qr/decision_id=/, "$title: an error arrives");
	unlike("$output$errors", $secret, "$title: and nothing with it");
	($output, $errors) = sqlstate_is($agent, 'SELECT app.swallow()', '00000', "$title: swallowed");
	is($output, '5', "$title: and gone on");
	like($errors, qr/going on/, "$title: what a function says arrives");
	unlike($errors, $secret, "$title: and nothing besides");
	$agent->quit;
	return;
}

# The twin: nobody else is deaf.
sub human_hears
{
	my ($node, $order, $level) = @_;
	my $human = open_session($node, HUMAN, undef);

	attempt($human, 'SET client_min_messages = log');
	my ($sqlstate, $output, $errors) = attempt($human, 'SELECT count(*) FROM app.customer');
	is("$sqlstate $output", '00000 10', "$order, $level: people read on");
	like($errors, qr/plan:/, "$order, $level: and get the plan");
	like($errors, qr/AUDIT/, "$order, $level: and the audit's message");
	$human->quit;
	return;
}

# --- what they keep of it -------------------------------------------------------

sub neighbours_are_in_order
{
	my ($node, $order) = @_;
	my $agent = open_session($node, ROLE_A, token_a($issuer));
	my $offset = -s $node->logfile;

	# refused in the planner, at the start, inside a function, and while it runs
	attempt($agent, 'SELECT notes FROM app.customer');
	attempt($agent, 'CREATE TABLE app.mine (n int)');
	attempt($agent, 'SELECT app.swallow()');
	attempt($agent, 'SELECT 1 / (count(*) - count(*)) FROM app.ticket');
	attempt($agent, 'PREPARE refused AS SELECT id AS refused_later FROM app.ticket');
	attempt($agent, 'EXECUTE refused');
	$node->safe_psql('postgres', q{SELECT contauth.suspend_agent('} . AGENT_A . q{', 'test')});
	sqlstate_is($agent, 'EXECUTE refused', '28000', "$order: refused at the start");
	$node->safe_psql('postgres', q{SELECT contauth.resume_agent('} . AGENT_A . q{', 'test')});
	output_is($agent, 'SELECT count(*) AS afterwards FROM app.customer', '5', "$order: afterwards");
	output_is($agent, 'SELECT contauth.whoami() IS NOT NULL AS to_compare', 't', "$order: whoami()");
	$agent->quit;

	my $log = slurp_file($node->logfile, $offset);
	like($log, qr/AUDIT: SESSION,\d+,\d+,READ,SELECT,,,SELECT count\(\*\) AS afterwards FROM app.customer/,
		"$order: pgaudit logs it");
	like($log, qr/AUDIT: OBJECT,\d+,\d+,READ,SELECT,TABLE,app.customer,SELECT count\(\*\) AS afterwards/,
		"$order: and what was granted to its role");
	unlike($log, qr/stack|WARNING:  pgaudit/, "$order: its stack is in order");
	like($log, qr/plan:\n\s*Query Text: SELECT count\(\*\) AS afterwards/, "$order: auto_explain logs the plan");
	is( $node->safe_psql('postgres', q{SELECT string_agg(toplevel || ' ' || calls || ' ' || rows, ',')
			FROM pg_stat_statements WHERE query LIKE '%AS afterwards%' AND query NOT LIKE '%pg_stat%'}),
		'true 1 1', "$order: pg_stat_statements counts it, at the top");
	is( decisions($node, q{SELECT count(*) > 0 AND bool_and(query_id = s.queryid)
			FROM contauth_audit.decision AS d CROSS JOIN
				(SELECT queryid FROM pg_stat_statements WHERE query LIKE '%AS afterwards%' AND query NOT LIKE '%pg_stat%') AS s
		   WHERE statement LIKE '%AS afterwards%'}),
		't', "$order: under the number that is on record");
	return;
}

sub agent_sees_none_of_it
{
	my ($node, $order) = @_;
	my $agent = open_session($node, ROLE_A, token_a($issuer));

	sqlstate_is($agent, $_, '42501', "$order: $_") foreach (
		'SELECT query FROM pg_stat_statements',
		'SELECT * FROM pg_stat_statements(true)',
		'SELECT pg_stat_statements_reset()',
		'SELECT command FROM cron.job',
		'SELECT * FROM cron.job_run_details',
		"SELECT cron.schedule('mine', '* * * * *', 'SELECT 1')",
		"INSERT INTO cron.job (schedule, command) VALUES ('* * * * *', 'SELECT 1')",
		'SET auto_explain.log_min_duration = -1',
		"SET pgaudit.log = 'none'",
		"SET pg_stat_statements.track = 'none'",
		'LOAD \'auto_explain\'');
	$agent->quit;
	return;
}

# --- all of it is on record, none of it crashed ----------------------------------

sub all_is_on_record
{
	my ($node, $order) = @_;

	is( decisions($node, q{SELECT string_agg(DISTINCT decision || ' ' || rows_returned, ',')
			FROM contauth_audit.decision WHERE statement LIKE 'SELECT id, name, email, phone FROM%'
			 AND decision = 'allow'}),
		'allow 2', "$order: each read is on record, with its rows");
	is( decisions($node, q{SELECT count(*) FILTER (WHERE decision <> 'deny') FROM contauth_audit.decision
			WHERE statement LIKE 'SELECT notes%' OR statement LIKE 'SELECT app.swallow%'}),
		'0', "$order: each refusal, too");
	is( decisions($node, 'SELECT ok FROM contauth_audit.verify()'), 't', "$order: the chain holds");
	unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal (?!15)/, "$order: nothing crashed");
	return;
}

# pg_cron runs what is scheduled once a minute, here in background workers.
sub jobs_are_governed
{
	my ($node, $order) = @_;

	$node->poll_query_until('postgres', q{SELECT count(DISTINCT j.jobname) = 2 FROM cron.job_run_details AS d
		JOIN cron.job AS j USING (jobid) WHERE d.status IN ('succeeded', 'failed')})
	  or die 'pg_cron does not run its jobs';
	is( $node->safe_psql('postgres', q{SELECT DISTINCT status FROM cron.job_run_details AS d
			JOIN cron.job AS j USING (jobid) WHERE jobname = 'as_agent' AND status IN ('succeeded', 'failed')}),
		'failed', "$order: a job with an agent's role fails");
	is( $node->safe_psql('postgres', q{SELECT DISTINCT status FROM cron.job_run_details AS d
			JOIN cron.job AS j USING (jobid) WHERE jobname = 'as_human' AND status IN ('succeeded', 'failed')}),
		'succeeded', "$order: one with another works");
	is( decisions($node, q{SELECT DISTINCT decision || ' ' || sqlstate FROM contauth_audit.decision
			WHERE db_role = '} . ROLE_A . q{' AND agent IS NULL AND statement LIKE 'SELECT count(*) FROM app.customer'}),
		'deny 28000', "$order: and is on record");
	return;
}

my %order = (
	'contauth first' => new_neighbourhood('first', 'contauth', NEIGHBOURS),
	'contauth last' => new_neighbourhood('last', NEIGHBOURS, 'contauth'));

foreach my $order (sort keys %order)
{
	my $node = $order{$order};

	foreach my $level (qw(log notice info warning))
	{
		set_level($node, $level);
		agent_hears_nothing($node, $order, $level);
		human_hears($node, $order, $level);
	}
	set_level($node, 'log');
	neighbours_are_in_order($node, $order);
	agent_sees_none_of_it($node, $order);
}
foreach my $order (sort keys %order)
{
	jobs_are_governed($order{$order}, $order);
	all_is_on_record($order{$order}, $order);
	$order{$order}->stop;
}
done_testing();
