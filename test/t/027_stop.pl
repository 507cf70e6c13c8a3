# Stopping what runs: a revocation, a suspension and the kill switch end the
# statements at work of those concerned, whether rows leave or not, and nobody
# else's; a standby follows when the revocation is replayed.
#
# A failure means: an agent goes on reading after it has been stopped, or
# somebody is stopped who should not be.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# A statement that is stopped would take minutes otherwise.
use constant LONG => 600;
use constant SOON => 20;

my $issuer = new_issuer();
my $node = new_node('main', <<'EOC');
wal_level = replica
max_wal_senders = 4
hot_standby = on
max_connections = 200
log_statement = none
EOC
install_application($node, $issuer);
$node->safe_psql('postgres', <<"EOS");
CREATE TABLE app.big (id integer, filler text);
INSERT INTO app.big SELECT i, repeat('x', 20) FROM generate_series(1, 20000) AS i;
ALTER TABLE app.big SET (parallel_workers = 2);
ANALYZE app.big;
CREATE FUNCTION app.swallow() RETURNS integer LANGUAGE plpgsql AS \$\$
BEGIN
    LOOP
        BEGIN
            PERFORM pg_sleep(@{[LONG]});
        EXCEPTION WHEN query_canceled OR others THEN
        END;
    END LOOP;
END \$\$;
CREATE FUNCTION app.spin() RETURNS integer LANGUAGE plpgsql AS \$\$
DECLARE n bigint := 0;
BEGIN
    LOOP
        BEGIN
            LOOP n := n + 1; END LOOP;
        EXCEPTION WHEN query_canceled OR others THEN
        END;
    END LOOP;
END \$\$;
CREATE FUNCTION app.nap(integer) RETURNS integer LANGUAGE plpgsql PARALLEL SAFE AS \$\$
BEGIN RETURN \$1 FROM (SELECT pg_sleep(0.02)) AS s; END \$\$;
GRANT ALL ON app.big TO @{[ROLE_A]}, @{[ROLE_B]}, regress_contauth_human;
SELECT contauth.create_policy('stop_test', 'permit',
	actions => '{*}', resources => '{app.big, function:app.*}');
SELECT contauth.create_policy('lock_test', 'permit', actions => '{lock}', resources => '{app.ticket}');
EOS

# A psql at work in the background, with one command or several.
sub start
{
	my ($server, $role, $token, $sql) = @_;
	my $self = { out => '', err => '', sql => $sql };
	my @command = ('psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-U', $role,
		'-d', $server->connstr('postgres'), map { ('-c', $_) } ref $sql ? @$sql : $sql);

	local $ENV{PGOPTIONS} = defined $token ? "-c contauth.token=$token" : '';
	$self->{run} = IPC::Run::start(\@command, '<', \undef,
		'>', \$self->{out}, '2>', \$self->{err});
	return $self;
}

# How many sessions of a role are at work, waiting for the statement to run.
sub wait_for_workers
{
	my ($server, $n, $what) = @_;

	$server->poll_query_until('postgres', <<"EOS") or die "no $what at work";
SELECT count(*) >= $n FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND state = 'active'
   AND usename LIKE 'regress%' AND query_start < clock_timestamp() - interval '0.3 s'
EOS
	return;
}

# It ends soon; the seconds that it took.
sub finish
{
	my ($self) = @_;
	my $begin = time;

	while ($self->{run}->pumpable)
	{
		last if time - $begin > 3 * SOON;
		$self->{run}->pump_nb;
		sleep 0.01;
	}
	$self->{run}->kill_kill(grace => 1) if $self->{run}->pumpable;
	eval { $self->{run}->finish };
	return time - $begin;
}

sub stopped
{
	my ($self, $reason, $title) = @_;
	my $took = finish($self);

	ok($took < SOON, "$title: at once");
	like($self->{err}, qr/ERROR:  ZA004: stopped while running.*reason=$reason/s,
		"$title: ZA004, $reason");
	return;
}

sub lift { return $node->safe_psql('postgres', "SELECT contauth.unrevoke(kind, id, 'over') FROM contauth.revocation"); }

my $a = token_a($issuer);
my $b = token_b($issuer);
my $scan = 'SELECT app.nap(id) FROM app.big';

# the audit is there
is((as_role($node, ROLE_A, $a, 'SELECT count(*) FROM app.big'))[1], '20000', 'agents can read');

# running scans of two agents
my @of_a = map { start($node, ROLE_A, $a, $scan) } 1 .. 6;
my @of_b = map { start($node, ROLE_B, $b, $scan) } 1 .. 5;
wait_for_workers($node, 11, 'scans');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($_, 'agent_revoked', 'a running scan') foreach @of_a;
is($node->safe_psql('postgres', <<"EOS"), '5', 'those of the other agent go on');
SELECT count(*) FROM pg_stat_activity WHERE usename = '@{[ROLE_B]}' AND state = 'active'
EOS
my ($code, $out, $err) = as_role($node, ROLE_A, $a, 'SELECT count(*) FROM app.big');
like($err, qr/28000.*agent_revoked/s, 'and no new statement starts');
$node->safe_psql('postgres', "SELECT contauth.suspend_agent('@{[AGENT_B]}', 'test')");
stopped($_, 'agent_suspended', 'a scan of a suspended agent') foreach @of_b;
$node->safe_psql('postgres', "SELECT contauth.resume_agent('@{[AGENT_B]}', 'test')");
lift();
is((as_role($node, ROLE_A, $a, 'SELECT count(*) FROM app.big'))[1], '20000', 'lifted');

# statements of every kind
my $blocker = $node->background_psql('postgres');
$blocker->query_safe('BEGIN; LOCK TABLE app.ticket');
my $prefix = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;";
my %kinds = (
	'sleep' => 'SELECT pg_sleep(600)',
	'aggregate' => 'SELECT count(*) FROM app.big AS x, app.big AS y, app.big AS z',
	'sort before the first row' =>
	  'SELECT x.id FROM app.big AS x, app.big AS y, app.big AS z ORDER BY x.id + y.id - z.id LIMIT 1',
	'LOCK' => 'BEGIN; LOCK TABLE app.ticket IN ACCESS SHARE MODE;',
	'cursor' => "BEGIN; DECLARE c CURSOR FOR $scan; FETCH ALL FROM c;",
	'COPY TO' => "COPY ($scan) TO STDOUT",
	'parallel' => "$prefix SELECT count(*) FROM app.big AS x, app.big AS y, app.big AS z",
	'insert' => 'INSERT INTO app.big SELECT x.id FROM app.big AS x, app.big AS y, app.big AS z',
);
my %running;
$running{$_} = start($node, ROLE_A, $a, $kinds{$_}) foreach sort keys %kinds;
my @bystanders = (
	start($node, ROLE_B, $b, 'SELECT pg_sleep(600)'),
	start($node, 'regress_contauth_human', undef, 'SELECT pg_sleep(600)'));
wait_for_workers($node, 2 + keys %kinds, 'statements');
$node->safe_psql('postgres', "SELECT contauth.revoke('issuer', 'https://nobody.example', 'test')");
sleep 0.5;
is($node->safe_psql('postgres', <<"EOS"), 2 + keys %kinds, 'a revocation of nobody stops nobody');
SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'regress%' AND state = 'active'
   AND backend_type = 'client backend'
EOS
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($running{$_}, 'agent_revoked', $_) foreach sort keys %running;
is($node->safe_psql('postgres', <<"EOS"), '2', 'bystanders go on');
SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'regress%' AND state = 'active'
   AND backend_type = 'client backend'
EOS
$blocker->query_safe('ROLLBACK');
$blocker->quit;
lift();

# a statement shares its timer with those before it, but not beyond an error
my %after = (
	'others' => [ ('SELECT 1') x 5 ],
	'an error' => [ 'SELECT 1', 'SELECT 1 / 0', 'SELECT 1', 'SELECT count(*) / 0 FROM app.big' ],
	'a pause' => [ 'SELECT 1', '\\! sleep 0.3', 'SELECT 1', '\\! sleep 0.3' ],
);
foreach my $what (sort keys %after)
{
	my $last = start($node, ROLE_A, $a, [ @{ $after{$what} }, 'SELECT pg_sleep(600)' ]);
	wait_for_workers($node, 3, "statement after $what");
	$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
	stopped($last, 'agent_revoked', "after $what");
	lift();
}

# the kill switch stops the other agent, and no ungoverned session
my @many = map { start($node, ROLE_A, $a, $_ % 2 ? $scan : 'SELECT pg_sleep(600)') } 1 .. 100;
wait_for_workers($node, 52, 'statements');
$node->safe_psql('postgres', "SELECT contauth.kill_switch(true, 'test')");
stopped($bystanders[0], 'kill_switch', 'kill switch');
is(scalar(grep { finish($_) < SOON && $_->{err} =~ /ZA004.*reason=kill_switch/s } @many),
	100, 'kill switch under 100 connections');
is($node->safe_psql('postgres', <<"EOS"), '1', 'the ungoverned session goes on');
SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'regress%' AND state = 'active'
   AND backend_type = 'client backend'
EOS
like((as_role($node, ROLE_A, $a, 'SELECT count(*) FROM app.big'))[2],
	qr/ZA004: stopped: the kill switch/, 'no new statement starts');
is((as_role($node, 'regress_contauth_human', undef, 'SELECT count(*) FROM app.big'))[1],
	'20000', 'of agents');
$node->safe_psql('postgres', "SELECT contauth.kill_switch(false, 'test')");
is((as_role($node, ROLE_A, $a, 'SELECT count(*) FROM app.big'))[1], '20000', 'lifted at once');
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'regress_contauth_human'");
finish($bystanders[1]);

# functions that catch what stops them
foreach my $function ('swallow', 'spin')
{
	my $held = start($node, ROLE_A, $a, "SELECT app.$function()");
	wait_for_workers($node, 1, $function);
	$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
	ok(finish($held) < SOON, "$function() cannot hold on");
	like($held->{err}, qr/ZA004|57P01/, "$function() is stopped");
	lift();
}
$node->safe_psql('postgres', 'SELECT contauth_audit.sync()');
is($node->safe_psql('postgres', <<'EOS'), 't', 'and that is on record');
SELECT count(*) >= 2 FROM contauth_audit.decision
 WHERE statement ~ 'app.(swallow|spin)' AND decision = 'deny' AND reason_code = 'agent_revoked'
   AND sqlstate = 'ZA004'
EOS

# strict mode: what was held back stays
$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_A]} SET contauth.audit_durability = strict");
my $strict = start($node, ROLE_A, $a, $scan);
wait_for_workers($node, 1, 'a scan in strict mode');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($strict, 'agent_revoked', 'strict mode');
is($strict->{out}, '', 'strict mode: no row has left');
lift();
$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_A]} RESET contauth.audit_durability");

# a connection that is idle in a transaction, then another client's
my $pooled = open_session($node, ROLE_A, $a);
sqlstate_is($pooled, 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.big; FETCH 1 FROM c', '00000', 'a cursor');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
sqlstate_is($pooled, 'FETCH 1 FROM c', '28000', 'idle in transaction: FETCH is refused');
sqlstate_is($pooled, 'ROLLBACK', '00000', 'it can end');
sqlstate_is($pooled, "SET contauth.token = '$b'", '00000', 'the next client of the connection');
output_is($pooled, 'SELECT count(*) FROM app.big, pg_sleep(1)', '20000', 'is not stopped');
sqlstate_is($pooled, "SET contauth.token = '$a'", '28000', 'the first one again is refused');
lift();
sqlstate_is($pooled, "SET contauth.token = '$a'", '00000', 'until it is lifted');
output_is($pooled, 'SELECT count(*) FROM app.big, pg_sleep(1)', '20000', 'and not stopped then');

# rolled back: nobody is stopped
my $quiet = start($node, ROLE_A, $a, 'SELECT count(*) FROM app.big, pg_sleep(2)');
wait_for_workers($node, 1, 'a statement');
$node->safe_psql('postgres', <<"EOS");
BEGIN;
SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test');
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT contauth.kill_switch(true, 'test');
ROLLBACK TO s;
SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test');
SELECT contauth.unrevoke('agent', '@{[AGENT_A]}', 'test');
COMMIT;
EOS
finish($quiet);
is($quiet->{out}, "20000\n", 'what is rolled back or taken back stops nobody') or diag($quiet->{err});

# a standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
my $far_a = start($standby, ROLE_A, $a, $scan);
my $far_b = start($standby, ROLE_B, $b, $scan);
wait_for_workers($standby, 2, 'scans on the standby');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($far_a, 'agent_revoked', 'standby');
is($standby->safe_psql('postgres', <<"EOS"), '1', 'standby: the other agent goes on');
SELECT count(*) FROM pg_stat_activity WHERE usename = '@{[ROLE_B]}' AND state = 'active'
EOS
$node->safe_psql('postgres', "SELECT contauth.kill_switch(true, 'test')");
stopped($far_b, 'kill_switch', 'standby: kill switch');

done_testing();
