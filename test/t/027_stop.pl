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
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# A statement that is stopped would take minutes otherwise.  Without autovacuum,
# whose lock to truncate a table would make replay wait for those who read it.
use constant LONG => 600;
use constant SOON => 20;

my $issuer = new_issuer();
my $node = new_node('main', <<'EOC');
wal_level = replica
max_wal_senders = 4
hot_standby = on
max_connections = 200
log_statement = none
autovacuum = off
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
		last if time - $begin > 1.5 * SOON;
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

	# whoever waited for the others, too, would wait for an hour
	ok($took < SOON, "$title: at once") or die 'it was not stopped';
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

# COPY FROM: by the server, and row by row where a filter holds
$node->safe_psql('postgres', <<"EOS");
CREATE TABLE app.intake (id integer, filler text);
CREATE TABLE app.sieve (id integer, filler text);
GRANT ALL ON app.intake, app.sieve TO @{[ROLE_A]};
SELECT contauth.create_policy('intake', 'permit', resources => '{app.intake}');
SELECT contauth.create_policy('sieve', 'permit', resources => '{app.sieve}', row_filter => 'id = 1');
EOS

# What becomes of a COPY when its agent is revoked; it goes on sending, or not.
sub copy_in
{
	my ($table, $goes_on) = @_;
	my $in = encode_json([ $node->host . '/.s.PGSQL.' . $node->port, ROLE_A, $a, $table,
			$goes_on ? JSON::PP::true : JSON::PP::false ]) . "\n";
	my ($out, $err) = ('', '');
	my $run = IPC::Run::start([ '/usr/bin/python3', "$FindBin::RealBin/copy_agent.py" ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(2 * SOON));

	$run->pump until $out =~ /^ready$/m;
	sleep 0.3;
	$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
	$run->finish or die $err;
	$out =~ s/^ready\n//;
	chomp $out;
	$node->poll_query_until('postgres', <<"EOS") or die 'the COPY is still there';
SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = '@{[ROLE_A]}'
EOS
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '0', "COPY $table: no row stays");
	lift();
	return $out;
}

is(copy_in('app.intake', 1), 'ZA004', 'COPY FROM');
is(copy_in('app.sieve', 1), 'ZA004', 'COPY FROM, row by row');
like(copy_in('app.intake', 0), qr/^(57P01|lost)$/, 'COPY FROM, nothing comes any more');
like(copy_in('app.sieve', 0), qr/^(57P01|lost)$/, 'row by row, nothing comes any more');
$node->safe_psql('postgres', 'SELECT contauth_audit.sync()');
is($node->safe_psql('postgres', <<'EOS'), 't', 'and that is on record');
SELECT count(*) = 4 FROM contauth_audit.decision
 WHERE statement ~ '^COPY app.(intake|sieve)' AND decision = 'deny' AND reason_code = 'agent_revoked'
   AND sqlstate = 'ZA004'
EOS

# what marks nobody is looked at between rows
my $others = new_issuer('k2')->jwks;
my ($out_of_it) = ('');
my $keyless = {
	out => '', err => '',
	run => do
	{
		local $ENV{PGOPTIONS} = "-c contauth.token=$a";
		IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-U', ROLE_A,
				'-d', $node->connstr('postgres'),
				'-c', 'COPY (SELECT x.id FROM app.big AS x, app.big AS y) TO STDOUT' ],
			'<', \undef, '>', '/dev/null', '2>', \$out_of_it);
	}
};
wait_for_workers($node, 1, 'a scan');
$node->safe_psql('postgres', "SELECT contauth.set_issuer_keys('https://issuer.acme.example', '$others')");
ok(finish($keyless) < SOON, 'rows stop when the key is gone');
like($out_of_it, qr/ZA004: stopped while running.*reason=token_/s, 'with ZA004');
$node->safe_psql('postgres', "SELECT contauth.set_issuer_keys('https://issuer.acme.example', '@{[$issuer->jwks]}')");

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

# --- a standby ---------------------------------------------------------------
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

sub catch_up { return $node->wait_for_catchup($standby, 'replay'); }

# Those who watch on the standby, in any database: their processes.
sub watchers
{
	return split /\n/, $standby->safe_psql('postgres',
		q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth standby watcher'});
}

sub wait_for_watchers
{
	my ($n, $title) = @_;

	ok($standby->poll_query_until('postgres', <<"EOS"), $title);
SELECT count(*) = $n FROM pg_stat_activity WHERE backend_type = 'contauth standby watcher'
EOS
	return;
}

is(scalar(watchers()), 0, 'standby: without agents nobody watches');
my $far_a = start($standby, ROLE_A, $a, $scan);
my $far_b = start($standby, ROLE_B, $b, $scan);
wait_for_workers($standby, 2, 'scans on the standby');
wait_for_watchers(1, 'standby: one watches for all');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($far_a, 'agent_revoked', 'standby');
is($standby->safe_psql('postgres', <<"EOS"), '1', 'standby: the other agent goes on');
SELECT count(*) FROM pg_stat_activity WHERE usename = '@{[ROLE_B]}' AND state = 'active'
EOS
$node->safe_psql('postgres', "SELECT contauth.kill_switch(true, 'test')");
stopped($far_b, 'kill_switch', 'standby: kill switch');
$node->safe_psql('postgres', "SELECT contauth.kill_switch(false, 'test')");
lift();
catch_up();

# Statements of A without rows end, when that is replayed, for that reason; those of
# B, and of who is no agent, go on.
my %silent = map { $_ => $kinds{$_} } 'sleep', 'aggregate', 'parallel';

sub standby_stops
{
	my ($change, $reason, $back, $title) = @_;
	my %far = map { $_ => start($standby, ROLE_A, $a, $silent{$_}) } sort keys %silent;
	my @others = (
		start($standby, ROLE_B, $b, 'SELECT pg_sleep(600)'),
		start($standby, 'regress_contauth_human', undef, 'SELECT pg_sleep(600)'));
	my $going_on = $reason eq 'kill_switch' ? 1 : 2;

	wait_for_workers($standby, 2 + keys %far, 'statements on the standby');
	$node->safe_psql('postgres', $change);
	stopped($far{$_}, $reason, "standby, $title: $_") foreach sort keys %far;
	stopped($others[0], $reason, "standby, $title: the other agent") if $going_on == 1;
	is($standby->safe_psql('postgres', <<"EOS"), $going_on, "standby, $title: others go on");
SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'regress%' AND state = 'active'
   AND backend_type = 'client backend'
EOS
	$node->safe_psql('postgres', $back);
	catch_up();
	$standby->safe_psql('postgres', <<'EOS');
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename LIKE 'regress%'
EOS
	finish($_) foreach @others;
	is((as_role($standby, ROLE_A, $a, 'SELECT count(*) FROM app.big'))[1], '20000',
		"standby, $title: taken back");
	return;
}

my $unrevoke = "SELECT contauth.unrevoke(kind, id, 'over') FROM contauth.revocation";
my ($digest_a) = $standby->safe_psql('postgres', "SELECT encode(sha256('$a'), 'hex')");
standby_stops("SELECT contauth.revoke('token', '$digest_a', 'test')", 'token_revoked', $unrevoke, 'token');
standby_stops("SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')", 'agent_suspended',
	"SELECT contauth.resume_agent('@{[AGENT_A]}', 'test')", 'suspension');
standby_stops("UPDATE contauth.agent SET state = 'retired' WHERE spiffe_id = '@{[AGENT_A]}'", 'agent_retired',
	"UPDATE contauth.agent SET state = 'active' WHERE spiffe_id = '@{[AGENT_A]}'", 'retirement');
standby_stops("CREATE TABLE public.kept AS SELECT * FROM contauth.agent WHERE spiffe_id = '@{[AGENT_A]}';
	DELETE FROM contauth.agent WHERE spiffe_id = '@{[AGENT_A]}'", 'agent_unknown',
	'INSERT INTO contauth.agent SELECT * FROM public.kept', 'removal');
standby_stops("SELECT contauth.kill_switch(true, 'test')", 'kill_switch',
	"SELECT contauth.kill_switch(false, 'test')", 'kill switch');

# who signs a grant must be registered; who is only named by an issuer need not be
my $planner = 'spiffe://acme.example/agent/planner';
my $planner_key = new_issuer('k3');
my $jwk = encode_json(decode_json($planner_key->jwks)->{keys}[0]);
$node->safe_psql('postgres', <<"EOS");
SELECT contauth.register_agent('$planner', '{@{[ROLE_B]}}', 'bob', 2);
SELECT contauth.add_agent_key('$planner', '$jwk');
EOS
catch_up();
my $grant = $planner_key->token(AGENT_A, iss => $planner, iat => int(time) - 1);
my $named = $issuer->token('spiffe://acme.example/service/nobody', iss => 'https://issuer.acme.example',
	act => { sub => AGENT_A }, tenant => 'acme');
my $delegated = start($standby, ROLE_A, $a,
	qq{SET contauth.delegation = '["$grant"]'; SELECT pg_sleep(600)});
$far_a = start($standby, ROLE_A, $named, $silent{sleep});
wait_for_workers($standby, 2, 'statements of chains');
$node->safe_psql('postgres', "DELETE FROM contauth.agent WHERE spiffe_id = '$planner'");
stopped($delegated, 'agent_unknown', 'standby: who signed a grant is removed');
sleep 0.3;
is($standby->safe_psql('postgres', <<"EOS"), '1', 'standby: who is only named is not missed');
SELECT count(*) FROM pg_stat_activity WHERE usename = '@{[ROLE_A]}' AND state = 'active'
EOS
$node->safe_psql('postgres', "SELECT contauth.revoke('principal', 'spiffe://acme.example/service/nobody', 'test')");
stopped($far_a, 'principal_revoked', 'standby: but can be revoked');
lift();
catch_up();

# nobody watches when the revocation is replayed: the next one finds it
$far_a = start($standby, ROLE_A, $a, $silent{sleep});
wait_for_workers($standby, 1, 'pg_sleep()');
wait_for_watchers(1, 'standby: it is watched');
my ($watcher) = watchers();
kill 'STOP', $watcher;
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
catch_up();
sleep 0.5;
ok($far_a->{run}->pumpable, 'standby: nobody stops it while nobody watches');
kill 'TERM', $watcher;
kill 'CONT', $watcher;
stopped($far_a, 'agent_revoked', 'standby: the next watcher');
isnt((watchers())[0], $watcher, 'which is another one');
lift();
catch_up();

# what it reads is locked: it tries again
$far_a = start($standby, ROLE_A, $a, $silent{sleep});
wait_for_workers($standby, 1, 'pg_sleep()');
wait_for_watchers(1, 'standby: it is watched again');
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE contauth.revocation');
my $read = -s $standby->logfile;
$node->safe_psql('postgres', "SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')");
$standby->wait_for_log(qr/canceling statement due to lock timeout/, $read);
ok($far_a->{run}->pumpable, 'standby: a watcher that waits for a lock gives up');
$locker->query_safe('COMMIT');
$locker->quit;
stopped($far_a, 'agent_suspended', 'standby: and looks again');
$node->safe_psql('postgres', "SELECT contauth.resume_agent('@{[AGENT_A]}', 'test')");
catch_up();

# killed: the server starts anew, and it is watched again
($watcher) = watchers();
kill 'KILL', $watcher;
wait_for_watchers(0, 'standby: a watcher is killed');
$far_a = start($standby, ROLE_A, $a, $silent{sleep});
wait_for_workers($standby, 1, 'pg_sleep() after a crash');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($far_a, 'agent_revoked', 'standby: after a crash of the watcher');
lift();

# each database has its own; it does not keep it from being dropped
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', <<"EOS");
CREATE EXTENSION contauth;
SELECT contauth.add_issuer('https://issuer.acme.example', 'acme.example', '@{[$issuer->jwks]}');
SELECT contauth.register_agent('@{[AGENT_A]}', '{@{[ROLE_A]}}', 'alice', 2);
EOS
catch_up();
sub start_in_other
{
	my ($sql) = @_;
	my $self = { out => '', err => '' };

	local $ENV{PGOPTIONS} = "-c contauth.token=$a";
	$self->{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-U', ROLE_A,
			'-d', $standby->connstr('other'), '-c', $sql ], '<', \undef,
		'>', \$self->{out}, '2>', \$self->{err});
	return $self;
}
my $elsewhere = start_in_other('SELECT pg_sleep(600)');
$far_b = start($standby, ROLE_B, $b, $silent{sleep});
wait_for_workers($standby, 2, 'pg_sleep() in two databases');
wait_for_watchers(2, 'standby: one watches in each database');
$node->safe_psql('postgres', "SELECT contauth.kill_switch(true, 'test')");
stopped($far_b, 'kill_switch', 'standby: in its database');
is($standby->safe_psql('postgres', <<"EOS"), '1', 'standby: not in the other one');
SELECT count(*) FROM pg_stat_activity WHERE datname = 'other' AND state = 'active'
EOS
$node->safe_psql('postgres', "SELECT contauth.kill_switch(false, 'test')");
$node->safe_psql('other', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($elsewhere, 'agent_revoked', 'standby: the other database');
$node->safe_psql('other', "SELECT contauth.unrevoke('agent', '@{[AGENT_A]}', 'test')");
catch_up();
$elsewhere = start_in_other('SELECT pg_sleep(600)');
wait_for_workers($standby, 1, 'pg_sleep() in the other database');
my $begin = time;
$node->safe_psql('postgres', 'DROP DATABASE other');
catch_up();
cmp_ok(time - $begin, '<', SOON, 'standby: a watcher keeps no database from being dropped');
finish($elsewhere);
like($elsewhere->{err}, qr/40P02|57P04|57P01|conflict with recovery/, 'standby: whose agents are gone');

wait_for_watchers(0, 'standby: without agents it leaves');

# recovery ends, just when something has been replayed that the watcher has not seen
my $promoted = start($standby, ROLE_A, $a, $silent{sleep});
$far_b = start($standby, ROLE_B, $b, $silent{aggregate});
wait_for_workers($standby, 2, 'statements before the promotion');
wait_for_watchers(1, 'standby: watched until it is none');
($watcher) = watchers();
kill 'STOP', $watcher;
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
catch_up();
$standby->promote;
kill 'CONT', $watcher;
stopped($promoted, 'agent_revoked', 'promoted: a last look');
wait_for_watchers(0, 'promoted: nobody watches any more');
$standby->safe_psql('postgres', "SELECT contauth.suspend_agent('@{[AGENT_B]}', 'test')");
stopped($far_b, 'agent_suspended', 'promoted: stopped by who suspends');
$standby->stop;

# no worker to be had
lift();
$node->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0");
$node->restart;
$node->backup('small');
my $small = PostgreSQL::Test::Cluster->new('small');
$small->init_from_backup($node, 'small', has_streaming => 1);
$small->start;
my $rows = start($small, ROLE_A, $a, $scan);
my $nap = start($small, ROLE_A, $a, 'SELECT count(*) FROM app.big, pg_sleep(3)');
wait_for_workers($small, 2, 'statements on a standby without workers');
$node->safe_psql('postgres', "SELECT contauth.revoke('agent', '@{[AGENT_A]}', 'test')");
stopped($rows, 'agent_revoked', 'without a worker: rows stop');
stopped($nap, 'agent_revoked', 'without a worker: others stop with their first row');
my $complaints = () = slurp_file($small->logfile) =~ /no background worker is free to watch/g;
is($complaints, 1, 'without a worker: said once');

done_testing();
