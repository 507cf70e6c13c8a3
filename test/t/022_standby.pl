# A hot standby: agents read there and are enforced; what was decided goes to
# the spool, and from there into the tables, each record once: by carry() on the
# primary, and by the standby's own worker after its promotion.
#
# A failure means: a standby shows what the primary hides, or a decision that
# was made there is lost or counted twice.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $issuer = new_issuer();
my $primary = new_node('primary', <<'EOC');
wal_level = replica
max_wal_senders = 4
hot_standby = on
contauth.audit_durability = strict
contauth.spool_size = '1MB'
log_statement = none
EOC
install_application($primary, $issuer);
my ($code, $out) = as_role($primary, ROLE_A, token_a($issuer), 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 5', 'the primary takes records');
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
my $spool = $standby->data_dir . '/contauth_spool';

sub catch_up
{
	$primary->wait_for_catchup($standby, 'replay');
	return;
}

# What the spool of the standby has that its tables have not.
sub spooled
{
	return $standby->safe_psql('postgres',
		'SELECT count(*) FROM contauth_audit.spool_read(1000000)');
}

# Every byte of the spool.
sub spool_bytes
{
	return join '', map { slurp_file($_) } glob "$spool/*";
}

# Bring what the standby has to the primary, as an administrator would do it.
sub hand_over
{
	my ($max) = @_;
	my $calls = $standby->safe_psql('postgres', <<"EOS");
SELECT format('SELECT contauth_audit.carry(%L, %L, %L, %L)', spool_id, segment,
			  min("position"), array_agg(record ORDER BY "position"))
  FROM contauth_audit.spool_read($max) GROUP BY spool_id, segment ORDER BY segment
EOS
	return join '', map { $primary->safe_psql('postgres', $_) } split /\n/, $calls;
}

# --- enforced ----------------------------------------------------------------
my $agent = open_session($standby, ROLE_A, token_a($issuer));
output_is($agent, 'SELECT email, phone FROM app.customer ORDER BY id LIMIT 1',
	'E***@example.com|[redacted]', 'masked');
output_is($agent, 'SELECT count(*) FROM app.customer', '5', 'filtered');
sqlstate_is($agent, "SELECT notes, 'literalsecret' FROM app.customer", '42501', 'denied');
sqlstate_is($agent, 'UPDATE app.ticket SET body = body', '25006', 'nothing is written there');
sqlstate_is($agent, 'SELECT body FROM app.ticket FOR UPDATE', '25006', 'nor locked');
sqlstate_is($agent, 'PREPARE s AS SELECT count(*) FROM app.ticket; EXECUTE s', '00000', 'prepared');
output_is($agent, 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM app.ticket ORDER BY id; FETCH 1 FROM c',
	'2', 'a cursor');
sqlstate_is($agent, 'ROLLBACK', '00000', 'its end');
output_is($agent, "SELECT contauth.whoami() ->> 'agent'", AGENT_A, 'whoami()');
($code) = as_role($standby, ROLE_A, undef, 'SELECT 1');
is($code, 3, 'nothing without a token');
($code, $out) = as_role($standby, 'regress_contauth_human', undef, 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 10', 'who is not governed does not notice');

# --- changes on the primary ----------------------------------------------------
sub then_is
{
	my ($change, $sql, $sqlstate, $title) = @_;

	$primary->safe_psql('postgres', $change);
	catch_up();
	sqlstate_is($agent, $sql, $sqlstate, $title);
	return;
}

my $read = 'SELECT id FROM app.customer';
then_is(q{SELECT contauth.create_policy('no', 'forbid', resources => '{app.customer}')},
	$read, '42501', 'a policy reaches the next statement');
sqlstate_is($agent, 'EXECUTE s', '00000', 'and nothing else');
then_is(q{SELECT contauth.drop_policy('no')}, $read, '00000', 'one that is dropped');
then_is("SELECT contauth.suspend_agent('@{[AGENT_A]}', 'test')", $read, '28000', 'a suspended agent');
then_is("SELECT contauth.resume_agent('@{[AGENT_A]}', 'test')", $read, '00000', 'and back again');
then_is(q{SECURITY LABEL FOR contauth ON COLUMN app.customer.name IS 'pii.name';
	SELECT contauth.create_policy('hide', 'restrict', masks => '{"label:pii.*": "null"}')},
	'SELECT name FROM app.customer', '00000', 'a label');
output_is($agent, 'SELECT DISTINCT name FROM app.customer', '', 'and what it hides');

# --- in the spool ----------------------------------------------------------------
my $before = spooled();
cmp_ok($before, '>=', 12, 'what was decided is in the spool');
like(spool_bytes(), qr/app\.customer/, 'a statement is in it');
unlike(spool_bytes(), qr/literalsecret/, 'without its literals');
unlike(spool_bytes(), qr/eyJ/, 'and no token');
is($standby->safe_psql('postgres', 'SELECT contauth_audit.sync()'), 't', 'sync() waits for the spool');
($code, $out, my $err) = as_role($standby, 'regress_contauth_human', undef,
	'SELECT contauth_audit.spool_read()');
like($err, qr/42501/, 'it is not for everybody');
sqlstate_is($agent, 'SELECT * FROM contauth_audit.spool_read()', '42501', 'nor for agents');

# --- carried to the primary --------------------------------------------------------
my $id = '00000000-0000-0000-0000-000000000001';
foreach my $case (
	[ "NULL, 1, 0, '{}'", 'spool_id' ],
	[ "'$id', 0, 0, '{}'", 'segment' ],
	[ "'$id', 1, -1, '{}'", 'position' ],
	[ "'$id', 1, 100, '{}'", 'position' ],
	[ "'$id', 1, 0, '{NULL}'", 'records' ],
	[ "'$id', 1, 0, '{\\\\x00}'", 'records' ],
	[ "'$id', 1, 0, ARRAY[decode(repeat('ff', 500), 'hex')]", 'records' ])
{
	my ($arguments, $name) = @$case;

	($code, $out, $err) = as_role($primary, undef, undef, "SELECT contauth_audit.carry($arguments)");
	like($err, qr/22023: $name/, "carry($arguments) is refused");
}
($code, $out, $err) = as_role($standby, undef, undef, "SELECT contauth_audit.carry('$id', 1, 0, '{}')");
like($err, qr/25006/, 'nothing is carried to a standby');
$primary->safe_psql('postgres', 'CREATE ROLE regress_contauth_admin LOGIN IN ROLE contauth_admin, contauth_auditor');
($code, $out, $err) = as_role($primary, 'regress_contauth_admin', undef,
	"SELECT contauth_audit.carry('$id', 1, 0, '{}')");
like($err, qr/42501/, 'nor by whoever is no superuser');

# The rows of a table of decisions that came from spools: how many, and different ones.
my $carried = q{SELECT count(*), count(DISTINCT decision_id) FROM contauth_audit.decision
	WHERE boot_id IN (SELECT spool_id FROM contauth_audit.spool)};

$before = spooled();
is(hand_over(5), 't', 'the first five are carried');
is($primary->safe_psql('postgres', $carried), '5|5', 'they are in the tables');
my $again = $standby->safe_psql('postgres', <<'EOS');
SELECT format('SELECT contauth_audit.carry(%L, %L, 0, ''{}'')', spool_id, segment)
  FROM contauth_audit.spool_read(1)
EOS
is($primary->safe_psql('postgres', $again), 't', 'nothing is nothing');
my $all = $standby->safe_psql('postgres', <<'EOS');
SELECT format('SELECT contauth_audit.carry(%L, %L, %L, %L)', spool_id, segment,
			  min("position"), array_agg(record ORDER BY "position"))
  FROM contauth_audit.spool_read(1000000) GROUP BY spool_id, segment ORDER BY segment
EOS
is($primary->safe_psql('postgres', $all), 't', 'all are carried');
my $how_many = $primary->safe_psql('postgres', $carried);
like($how_many, qr/^(\d+)\|\1$/, 'each once');
is($primary->safe_psql('postgres', $all), 't', 'and carried again');
is($primary->safe_psql('postgres', $carried), $how_many, 'they are there once');
($code, $out) = as_role($primary, ROLE_A, token_a($issuer), 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 5', 'the primary goes on');
is($primary->safe_psql('postgres', 'SELECT ok, first_bad FROM contauth_audit.verify()'), 't|',
	'the chain holds');
is($primary->safe_psql('postgres', q{SELECT count(*) FROM contauth_audit.admin_event
	WHERE action = 'carry_spool'}), '3', 'and who carried is on record');
is($primary->safe_psql('postgres', "SELECT count(*) > 0 FROM contauth_audit.decision d
	JOIN contauth_audit.spool s ON d.boot_id = s.spool_id AND d.seq BETWEEN s.first_seq AND s.last_seq
	WHERE d.agent = '@{[AGENT_A]}' AND d.decision = 'deny' AND d.database = 'postgres'
	AND d.statement LIKE 'SELECT notes, \$%' AND d.sqlstate = '42501'"), 't', 'a denial tells all');
$primary->psql('postgres', 'DELETE FROM contauth_audit.spool', stderr => \$err);
like($err, qr/cannot be changed/, 'what was carried cannot be changed');

# --- full, and room again ------------------------------------------------------------
catch_up();
is(spooled(), '0', 'the standby knows from replay what has been carried');
$standby->safe_psql('postgres', q{ALTER SYSTEM SET contauth.audit_wait = '300ms'});
$standby->reload;
my $filler = join ', ', map { "column_with_a_name_of_some_length_$_" } 1 .. 1200;
my $full = 0;
foreach (1 .. 100)
{
	my ($sqlstate) = attempt($agent, "SELECT 1 AS a WHERE NULL IN (SELECT $filler)");
	$full = 1 if $sqlstate eq 'ZA005';
	my ($other) = attempt($agent, "SELECT 1 WHERE 'x' = ANY (ARRAY[" . join(',', map { "'a' || current_user" } 1 .. 1500) . '])');
	$full = 1 if $other eq 'ZA005';
	last if $full;
}
ok($full, 'a full spool refuses');
sqlstate_is($agent, $read, 'ZA005', 'every statement');
like(slurp_file($standby->logfile), qr/the spool of audit records is full/, 'the log says why');
cmp_ok(length spool_bytes(), '<=', 1024 * 1024, 'it is not larger than it may be');

# as the README does it
my $source = $standby->connstr('postgres');
$primary->safe_psql('postgres', 'CREATE EXTENSION dblink');
like($primary->safe_psql('postgres', <<"EOS"), qr/^t(\nt)*$/, 'carried');
SELECT contauth_audit.carry(spool_id, segment, "position", records)
  FROM dblink(\$\$ $source \$\$, \$\$
         SELECT spool_id, segment, min("position"), array_agg(record ORDER BY "position")
           FROM contauth_audit.spool_read(10000) GROUP BY spool_id, segment \$\$)
    AS s (spool_id uuid, segment integer, "position" bigint, records bytea[]);
EOS
catch_up();
cmp_ok($standby->safe_psql('postgres', 'SELECT contauth_audit.spool_release()'), '>', 0, 'released');
$standby->poll_query_until('postgres', 'SELECT contauth_audit.sync()');
sqlstate_is($agent, $read, '00000', 'there is room again');

# the disk is full in the middle of a record: a limit of the size of files
my ($segment) = reverse sort glob "$spool/*.spool";
my $size = -s $segment;
my $worker = $standby->safe_psql('postgres',
	"SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth audit worker'");
run_command_ok('prlimit', "--pid=$worker", '--fsize=' . ($size + 100) . ':unlimited');
sqlstate_is($agent, 'SELECT id FROM app.ticket', 'ZA005', 'the disk is full');
is(-s $segment, $size, 'no part of a record stays');
run_command_ok('prlimit', "--pid=$worker", '--fsize=unlimited:unlimited');
$standby->poll_query_until('postgres', 'SELECT contauth_audit.sync()');
sqlstate_is($agent, 'SELECT id FROM app.ticket', '00000', 'it is not full any more');
cmp_ok(-s $segment, '>', $size + 100, 'and the records are there');

# nobody can approve anything here, so nothing is asked for
$primary->safe_psql('postgres', <<'EOS');
SELECT contauth.create_policy('ask', 'escalate', actions => '{select}', resources => '{app.ticket}');
EOS
catch_up();
my (undef, $unavailable) = sqlstate_is($agent, 'SELECT id FROM app.ticket', 'ZA001', 'it escalates');
like($unavailable, qr/reason=approval_unavailable policy=ask: .*on a standby/, 'and the reason says that it cannot');
unlike($unavailable, qr/request=/, 'be asked for');
$primary->safe_psql('postgres', q{SELECT contauth.drop_policy('ask')});
catch_up();
sqlstate_is($agent, 'SELECT id FROM app.ticket', '00000', 'what does not escalate is allowed');

$standby->append_conf('postgresql.conf', "contauth.spool_size = '64MB'");
$standby->safe_psql('postgres', 'ALTER SYSTEM RESET contauth.audit_wait');
$standby->reload;
$agent->quit;

# --- crashes ------------------------------------------------------------------------
my %acknowledged;
my @clients;

# An agent that prints the ids of what it was denied, and marks of what it got.
sub start_client
{
	my ($round) = @_;
	my $client = { out => '', err => '' };
	my $script = PostgreSQL::Test::Utils::tempdir() . "/standby-$round.sql";

	append_to_file($script, "SELECT notes FROM app.customer;\n" x 20000);
	local $ENV{PGOPTIONS} = '-c contauth.token=' . token_a($issuer);
	$client->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $standby->connstr('postgres'), '-U', ROLE_A, '-f', $script ],
		'<', \undef, '>', \$client->{out}, '2>', \$client->{err});
	return $client;
}

sub let_work
{
	my ($seconds, @working) = @_;
	my $end = Time::HiRes::time() + $seconds;

	while (Time::HiRes::time() < $end)
	{
		$_->{run}->pumpable && $_->{run}->pump_nb for @working;
		sleep(0.01);
	}
	return;
}

# Kill the postmaster, wait until its processes have noticed, and start again.
sub kill_server
{
	my ($postmaster) = slurp_file($standby->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @processes = ($postmaster, split /\s+/, `pgrep -P $postmaster`);

	$standby->kill9;
	foreach (1 .. 200)
	{
		last unless grep { kill 0, $_ } @processes;
		sleep(0.05);
	}
	return;
}

# The ids that clients have seen; they must be in the tables at last.
sub collect
{
	my ($title, @done) = @_;
	my $count = 0;

	foreach my $client (@done)
	{
		eval { $client->{run}->finish };
		while ($client->{err} =~ /decision_id=([0-9a-f-]{36})/g)
		{
			$acknowledged{$1} = 1;
			$count++;
		}
	}
	cmp_ok($count, '>', 10, "$title: statements were answered")
	  or diag(map { substr($_->{err}, 0, 500) } @done);
	note "$count answers";
	return;
}

@clients = map { start_client("worker-$_") } 1 .. 2;
let_work(1.5, @clients);
kill 'KILL', $worker;
let_work(0.5, @clients);
collect('kill -9 of the worker', @clients);
$standby->poll_query_until('postgres', 'SELECT true') or die 'the standby did not come back';
catch_up();

@clients = map { start_client("server-$_") } 1 .. 2;
let_work(1.5, @clients);
kill_server();
collect('kill -9 of the standby', @clients);
$standby->start;

@clients = map { start_client("stop-$_") } 1 .. 2;
let_work(1, @clients);
$standby->stop('fast');
collect('fast shutdown', @clients);
unlike(slurp_file($standby->logfile), qr/audit records have not been written/, 'nothing was left');

# a record that was cut off
my @segments = sort { -M $a <=> -M $b } glob "$spool/*.spool";
append_to_file($segments[0], 'abc');
$standby->start;

# --- promotion, killed in between -------------------------------------------------------
@clients = map { start_client("promotion-$_") } 1 .. 2;
let_work(1, @clients);
$standby->promote;
let_work(1.5, @clients);
kill_server();
collect('kill -9 after promotion', @clients);
$standby->start;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
$standby->poll_query_until('postgres', "SELECT contauth_audit.sync('10 s')");
$standby->poll_query_until('postgres', q{SELECT count(*) = 0
	FROM pg_ls_dir('contauth_spool') AS f WHERE f LIKE '%.spool'})
  or die 'the spool was not carried';
is(scalar(() = glob "$spool/*.damaged"), 1, 'what was no record is kept');
like(slurp_file($standby->logfile), qr/3 bytes at its end are no records/, 'and the log says so');

my $ids = join ',', map { "('$_'::uuid)" } keys %acknowledged;
is($standby->safe_psql('postgres', "SELECT count(*) FROM (VALUES $ids) AS v(id)
	WHERE (SELECT count(*) FROM contauth_audit.decision WHERE decision_id = v.id) <> 1"), '0',
	'each of ' . scalar(keys %acknowledged) . ' answers is in the tables once');
is($standby->safe_psql('postgres',
	'SELECT count(*) = count(DISTINCT decision_id), count(*) = max(seq), min(seq) FROM contauth_audit.decision'),
	't|t|1', 'nothing is there twice, and no number is missing');
is($standby->safe_psql('postgres', 'SELECT ok, first_bad FROM contauth_audit.verify()'), 't|',
	'the chain holds');
($code, $out) = as_role($standby, ROLE_A, token_a($issuer), 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 5', 'and goes on');

$standby->stop;
$primary->stop;
done_testing();
