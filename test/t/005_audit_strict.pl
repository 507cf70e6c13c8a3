# Strict durability: what the client was told is on record, whatever happens
# to backends, worker and server.
#
# Clients print a mark with each answer; a denied statement is known by the
# decision's id in its error.  Every mark and every id that a client received
# must be in contauth_audit.decision, and the chain must be intact.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use constant CLIENTS => 4;

my $issuer = new_issuer();
my $node = new_node('strict', <<'EOC');
contauth.audit_durability = strict
contauth.audit_statement = full
contauth.audit_wait = '5s'
log_statement = none
EOC
install_application($node, $issuer);
$node->safe_psql('postgres', <<'EOS');
SELECT contauth.create_policy('export_tickets', effect => 'permit',
	actions => '{export}', resources => '{app.ticket}',
	row_filter => $$ tenant = contauth.claim('tenant') $$);
EOS

# Both ends of the chain, and nothing between them damaged.
sub verify_is_intact
{
	my ($when) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( $node->safe_psql('postgres',
			'SELECT ok, first_bad, damage FROM contauth_audit.verify()'),
		't||', "$when: verify() says intact");
	is( $node->safe_psql('postgres',
			'SELECT count(*) = max(seq) AND min(seq) = 1 FROM contauth_audit.decision'),
		't', "$when: no gap in seq");
	return;
}

# --- ROLLBACK does not remove records ----------------------------------------

my $agent = open_session($node, ROLE_A, token_a($issuer));
sqlstate_is($agent, <<'EOS', '00000', 'an allowed statement, rolled back');
BEGIN;
UPDATE app.ticket SET body = 'mark-rolled-back' WHERE id = 2;
ROLLBACK;
EOS
my (undef, $err) = sqlstate_is($agent,
	"BEGIN; SELECT notes FROM app.customer WHERE name <> 'mark-denied'", '42501',
	'a denied statement');
sqlstate_is($agent, 'ROLLBACK', '00000', 'rolled back');
sqlstate_is($agent, <<'EOS', '00000', 'a savepoint rolled back');
BEGIN; SAVEPOINT s;
SELECT count(*) FROM app.ticket WHERE body <> 'mark-savepoint';
ROLLBACK TO s; COMMIT;
EOS
is( $node->safe_psql('postgres', <<'EOS'),
SELECT substring(statement FROM 'mark-[a-z-]+'), decision, sqlstate, rows_affected
  FROM contauth_audit.decision WHERE statement LIKE '%mark-%' ORDER BY seq
EOS
	"mark-rolled-back|allow|00000|1\nmark-denied|deny|42501|\nmark-savepoint|allow|00000|",
	'all are on record, without waiting for the audit');
is($node->safe_psql('postgres', "SELECT body FROM app.ticket WHERE id = 2"),
	'acmebody2', 'and what was rolled back has no effect');
like($err, qr/decision_id=[0-9a-f-]{36}/, 'the denial told its id');
$agent->quit;

# --- kill -9 of a backend in the middle of work ------------------------------

# The statements of one client: reads, writes and denied reads.
sub workload
{
	my ($client, $round) = @_;
	my $sql = '';

	foreach my $i (1 .. 4000)
	{
		my $mark = "mark-$round-$client-$i-";

		$sql .= "SELECT '$mark', count(*) FROM app.ticket;\n";
		$sql .= "UPDATE app.ticket SET body = '$mark' WHERE id = 2 * $client RETURNING body;\n";
		$sql .= "SELECT notes FROM app.customer WHERE name <> '$mark';\n";
	}
	return $sql;
}

# Start clients that work until the server ends their sessions.
sub start_clients
{
	my ($round) = @_;
	my @clients;

	local $ENV{PGOPTIONS} = '-c contauth.token=' . token_a($issuer);
	foreach my $number (1 .. CLIENTS)
	{
		my $client = { out => '', err => '' };
		my $script = PostgreSQL::Test::Utils::tempdir() . "/client-$round-$number.sql";

		append_to_file($script, workload($number, $round));

		$client->{run} = IPC::Run::start(
			[
				'psql', '-XAtq', '-v', 'VERBOSITY=verbose',
				'-d', $node->connstr('postgres'), '-U', ROLE_A, '-f', $script
			],
			'<', \undef, '>', \$client->{out}, '2>', \$client->{err});
		push @clients, $client;
	}
	return @clients;
}

# Pump the clients for some seconds.
sub let_work
{
	my ($seconds, @clients) = @_;
	my $end = Time::HiRes::time() + $seconds;

	while (Time::HiRes::time() < $end)
	{
		foreach my $client (@clients)
		{
			$client->{run}->pump_nb if $client->{run}->pumpable;
		}
		sleep(0.01);
	}
	return;
}

# What the clients were told: marks of answers, ids of denials.
sub acknowledged
{
	my (@clients) = @_;
	my (%marks, %ids);

	foreach my $client (@clients)
	{
		eval { $client->{run}->finish };
		# the same mark comes once with the read and once with the write
		$marks{"$1 $2"} = 1
		  while $client->{out} =~ /^(mark-[0-9-]+)(\|)\d+$/mg;
		$marks{"$1 "} = 1 while $client->{out} =~ /^(mark-[0-9-]+)$/mg;
		$ids{$1} = 1 while $client->{err} =~ /decision_id=([0-9a-f-]{36})/g;
	}
	return (\%marks, \%ids);
}

# How many of them the audit does not have.
sub missing
{
	my ($marks, $ids) = @_;
	my $reads = join ',', map { /^(\S+) \|$/ ? "('$1')" : () } keys %$marks;
	my $writes = join ',', map { /^(\S+) $/ ? "('$1')" : () } keys %$marks;
	my $denials = join ',', map { "('$_'::uuid)" } keys %$ids;

	return $node->safe_psql('postgres', <<"EOS");
CREATE TEMP TABLE d AS
	SELECT decision_id, decision, statement_kind,
		   substring(statement FROM 'mark-[0-9-]+') AS mark
	  FROM contauth_audit.decision WHERE statement LIKE '%mark-%';
SELECT (SELECT count(*) FROM (VALUES $reads) AS v(mark)
		 WHERE NOT EXISTS (SELECT FROM d WHERE d.mark = v.mark AND decision = 'allow'
							  AND statement_kind = 'SELECT')),
	   (SELECT count(*) FROM (VALUES $writes) AS v(mark)
		 WHERE NOT EXISTS (SELECT FROM d WHERE d.mark = v.mark AND decision = 'allow'
							  AND statement_kind = 'UPDATE')),
	   (SELECT count(*) FROM (VALUES $denials) AS v(id)
		 WHERE NOT EXISTS (SELECT FROM d WHERE d.decision_id = v.id AND decision = 'deny'))
EOS
}

# Judge one round.
sub nothing_missing
{
	my ($round, @clients) = @_;
	my ($marks, $ids) = acknowledged(@clients);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok(scalar(keys %$marks), '>=', 50, "$round: clients had answers");
	cmp_ok(scalar(keys %$ids), '>=', 25, "$round: and denials");
	note scalar(keys %$marks) . ' answers, ' . scalar(keys %$ids) . ' denials';
	is(missing($marks, $ids), '0|0|0', "$round: each of them is on record");
	verify_is_intact($round);
	return;
}

sub wait_until_up
{
	$node->poll_query_until('postgres', 'SELECT true')
	  or die 'the server did not come back';
	return;
}

my @clients = start_clients(1);
let_work(2, @clients);
my $victim = $node->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE usename = '@{[ROLE_A]}' ORDER BY pid LIMIT 1");
kill 'KILL', $victim;
let_work(0.5, @clients);
wait_until_up();
nothing_missing('kill -9 of a backend', @clients);
my $admin = open_session($node);
sqlstate_is($admin, q{SELECT contauth.create_policy('after_the_crash', effect => 'forbid',
	actions => '{notify}')}, '00000', 'numbers of versions and events go on after a crash');
$admin->quit;

# --- the worker is killed, the server goes on --------------------------------

@clients = start_clients(2);
let_work(1, @clients);
my $worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth audit worker'";
my $old_worker = $node->safe_psql('postgres', $worker);
like($old_worker, qr/^\d+$/, 'there is one worker');
kill 'KILL', $old_worker;
let_work(0.5, @clients);
wait_until_up();
nothing_missing('kill -9 of the worker', @clients);

@clients = start_clients(3);
let_work(0.5, @clients);
$old_worker = $node->safe_psql('postgres', $worker);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old_worker)");
let_work(2, @clients);
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM ($worker) AS w WHERE pid <> $old_worker")
  or die 'no new worker came';
pass('a worker that was terminated comes back');

# --- fast shutdown in the middle of work -------------------------------------

$node->stop('fast');
let_work(0.2, @clients);
$node->start;
nothing_missing('worker terminated, then fast shutdown', @clients);

# --- the worker stands still -------------------------------------------------

$agent = open_session($node, ROLE_A, token_a($issuer));
sqlstate_is($agent, 'SELECT count(*) FROM app.ticket', '00000', 'before the worker stops');
my $opened = open_session($node, ROLE_A, token_a($issuer));
sqlstate_is($agent, 'PREPARE s AS SELECT body FROM app.ticket; EXECUTE s', '00000',
	'a prepared statement');
sqlstate_is($opened, <<'EOS', '00000', 'a cursor');
BEGIN;
DECLARE c CURSOR FOR SELECT body FROM app.ticket ORDER BY id;
FETCH 1 FROM c;
EOS
$node->safe_psql('postgres', <<'EOS');
ALTER SYSTEM SET contauth.audit_wait = '100ms';
SELECT pg_reload_conf();
EOS
$old_worker = $node->safe_psql('postgres', $worker);
kill 'STOP', $old_worker;
my ($out, $errors) = ('', '');
foreach my $try (1 .. 3)
{
	($out, $errors) = sqlstate_is($agent,
		"SELECT id, 'mark-stopped-$try' FROM app.ticket", 'ZA005',
		'the worker stopped: the statement is refused');
	unlike($out, qr/mark-stopped/, 'and no row leaves');
}
sqlstate_is($opened, 'FETCH 1 FROM c', 'ZA005', 'nor from an open cursor');
attempt($opened, 'ROLLBACK');
sqlstate_is($agent, 'EXECUTE s', 'ZA005', 'nor from what was prepared before');

# In every protocol, and for every kind of statement that returns rows: none
# leaves, not even in a message that a driver would not show.
my @shapes = (
	[ 'select', '', 'SELECT body FROM app.ticket' ],
	[ 'update returning', '', 'UPDATE app.ticket SET body = body WHERE id = 10 RETURNING body' ],
	[ 'writing cte', '',
		'WITH u AS (UPDATE app.ticket SET body = body RETURNING body) SELECT * FROM u' ],
	[ 'copy', '', 'COPY (SELECT body FROM app.ticket) TO STDOUT' ],
	[ 'cursor', '', 'DECLARE d CURSOR FOR SELECT body FROM app.ticket; FETCH ALL FROM d' ],
	[ 'execute', '', 'PREPARE s AS SELECT body FROM app.ticket; EXECUTE s' ],
	[ 'execute under explain', '', 'EXPLAIN ANALYZE SELECT body FROM app.ticket' ],
	[ 'for update', '', 'SELECT body FROM app.ticket FOR UPDATE' ],
	[ 'error that shows a value', '', 'SELECT body::integer FROM app.ticket' ],
	[ 'query_to_xml', '', q{SELECT query_to_xml('SELECT body FROM app.ticket', true, true, '')} ]);
my $seen_by_human = 0;
my @outcomes;
foreach my $result (
	run_matrix(
		$node,
		role => ROLE_A,
		token => token_a($issuer),
		markers => ['acmebody'],
		shapes => \@shapes))
{
	if ($result->{protocol} eq 'control')
	{
		$seen_by_human += @{ $result->{leaks} };
		next;
	}
	push @outcomes, $result->{outcome};
	is("@{$result->{leaks}}", '',
		"the worker stopped: no byte of a row leaves: $result->{shape}, $result->{protocol}");
}
is(scalar(grep { $_ ne 'ZA005' } @outcomes), 0, 'each was refused for that reason')
  or diag("@outcomes");
cmp_ok($seen_by_human, '>', 5, 'an ungoverned role receives the rows');
sqlstate_is($agent, "UPDATE app.ticket SET body = 'mark-stopped-4' WHERE id = 2",
	'ZA005', 'a write is refused, too');
sqlstate_is($agent, "SELECT notes, 'mark-stopped-5' FROM app.customer", 'ZA005',
	'and a denial that cannot be recorded');
my ($code, $human) = as_role($node, 'regress_contauth_human', undef,
	'SELECT count(*) FROM app.ticket');
is("$code $human", '0 10', 'an ungoverned session does not notice');
kill 'CONT', $old_worker;
$node->poll_query_until('postgres', "SELECT contauth_audit.sync('1 s')")
  or die 'the audit did not catch up';
sqlstate_is($agent, 'SELECT count(*) FROM app.ticket', '00000', 'and it goes on');
sqlstate_is($opened, 'SAVEPOINT s', '25P01',
	'a transaction that was ended meanwhile has ended');
$opened->quit;
is($node->safe_psql('postgres', "SELECT body FROM app.ticket WHERE body LIKE 'mark-stopped%'"),
	'', 'the refused write had no effect');
is( $node->safe_psql('postgres', <<'EOS'),
SELECT count(DISTINCT substring(statement FROM 'mark-stopped-[0-9]'))
  FROM contauth_audit.decision WHERE statement LIKE '%mark-stopped-%'
EOS
	'5', 'what was asked while the worker stood still is on record');
verify_is_intact('after the stop');

# --- restart -----------------------------------------------------------------

my $before = $node->safe_psql('postgres', 'SELECT max(seq) FROM contauth_audit.decision');
$agent->quit;
$node->restart;
($code, $out) = as_role($node, ROLE_A, token_a($issuer), 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 5', 'works after a restart');
is( $node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT boot_id) FROM contauth_audit.decision WHERE seq > $before"),
	'1|1', 'the chain goes on behind its old end');
verify_is_intact('after a restart');

$node->stop;
done_testing();
