# Faults in random order while agents work: backends, the worker and the server
# are killed, the worker stands still, its disk is full, the server is stopped.
#
# Strict: what an agent was answered is on record, always, once.  Async: nothing
# is lost unless the server itself dies, and then at most what was in the ring:
# the newest records, of the last moments.  The chain holds after each fault.
#
# CONTAUTH_SEED chooses other faults, CONTAUTH_FAULTS how many in each part.
# A failure means: an agent did something of which there is no record.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
	FAULTS => $ENV{CONTAUTH_FAULTS} // 8,
	SESSIONS => 4,
	STATEMENTS => 1000,

	# Async: how long a record may be in the ring, with a machine that is busy.
	BOUND_SECONDS => 2,
};
my $seed = $ENV{CONTAUTH_SEED} // int(rand(1_000_000));
srand($seed);
note "CONTAUTH_SEED=$seed";
diag "CONTAUTH_SEED=$seed" if defined $ENV{CONTAUTH_SEED};

my $issuer = new_issuer();
my $folder = PostgreSQL::Test::Utils::tempdir();

# Small WAL files, so that a limit of the size of files can stand for a full disk.
my $node = new_node('faults', <<'EOC', '--wal-segsize=1');
contauth.audit_statement = full
contauth.audit_wait = '400ms'
contauth.audit_durability = strict
log_statement = none
EOC
install_application($node, $issuer);

# A second database with the same application, whose records go to the first.
$node->safe_psql('postgres', 'CREATE DATABASE other');
run_command_ok('pg_dump', '-d', $node->connstr('postgres'), '-f',
	"$folder/dump.sql");
run_command_ok('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('other'), '-f',
	"$folder/dump.sql");

my $worker_query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'contauth audit worker'";

# --- the agents --------------------------------------------------------------

my ($agents, $log, $stop, $agent_err);

sub start_agents
{
	my ($part, $role, $sessions, @databases) = @_;

	($log, $stop, $agent_err) = map { "$folder/$part.$_" } qw(log stop err);
	append_to_file($log, '');
	my $input = encode_json({
		socket => $node->host,
		port => $node->port + 0,
		role => $role,
		token => token_a($issuer),
		databases => \@databases,
		sessions => $sessions,
		log => $log,
		stop => $stop,
		seed => "$part-$seed"
	});
	append_to_file("$folder/$part.json", $input);
	$agents = IPC::Run::start([ '/usr/bin/python3', "$FindBin::RealBin/fault_agents.py" ],
		'<', "$folder/$part.json", '2>', "$folder/$part.err");
	return;
}

sub stop_agents
{
	append_to_file($stop, 'now');
	$agents->finish;
	is(slurp_file($agent_err), '', 'the agents worked to the end');
	return;
}

# What the log has so far: marks that were sent, and answered at what time.
my %sqlstates;

sub read_log
{
	my (%sent, %answered);

	foreach (split /\n/, slurp_file($log))
	{
		my ($what, $session, $mark, $at, $sqlstate) = split / /;

		$sent{$mark} = 1 if $what eq 'S';
		$answered{$mark} = $at if $what eq 'A' && defined $sqlstate;
		$sqlstates{$mark} = $sqlstate;
	}
	return (\%sent, \%answered);
}

# Wait until so many more statements have been answered.
sub wait_for_work
{
	my ($more) = @_;
	my $before = keys %{ (read_log())[1] };
	my $end = time() + 60;

	while (time() < $end)
	{
		return if keys %{ (read_log())[1] } >= $before + $more;
		sleep(0.05);
	}
	die 'the agents do not work: ' . slurp_file($agent_err);
}

# --- faults ------------------------------------------------------------------

sub worker
{
	return $node->safe_psql('postgres', $worker_query);
}

sub wait_until_up
{
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ($worker_query) AS w")
	  or die 'the server did not come back';
	return;
}

sub postmaster
{
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	return $pid;
}

sub kill_postmaster
{
	my $postmaster = postmaster();
	my @processes = ($postmaster, split /\s+/, `pgrep -P $postmaster`);

	$node->kill9;
	foreach (1 .. 200)
	{
		last unless grep { kill 0, $_ } @processes;
		sleep(0.05);
	}
	$node->start;
	return;
}

sub backend
{
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity
		WHERE usename LIKE 'regress_contauth_%' ORDER BY random() LIMIT 1") || undef;
}

sub restart
{
	my ($mode) = @_;

	$node->stop($mode);
	$node->start;
	return;
}

# The worker for a second with a soft limit of the size of files that is below
# the size of its table: what extends a table fails, as on a disk that is full.
sub fill_disk
{
	my $pid = worker();

	run_command_ok('prlimit', "--pid=$pid", '--fsize=1048576:unlimited');
	sleep(1);
	run_command_ok('prlimit', "--pid=$pid", '--fsize=unlimited:unlimited');
	return;
}

sub stop_worker
{
	my $pid = worker();

	kill 'STOP', $pid;
	sleep(1);
	kill 'CONT', $pid;
	return;
}

# What crashes the server has done so when there is another worker.
sub crash
{
	my ($pid) = @_;
	my $old = worker();

	kill 'KILL', $pid // $old;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM ($worker_query) AS w WHERE pid <> $old")
	  or die 'no other worker came';
	return;
}

# Name, does it lose what is in memory, and how.
my @faults = (
	[ 'kill -9 of a backend', 1, sub { crash(backend()) } ],
	[ 'kill -9 of the worker', 1, sub { crash() } ],
	[ 'kill -9 of the postmaster', 1, \&kill_postmaster ],
	[ 'immediate shutdown', 1, sub { restart('immediate') } ],
	[ 'fast shutdown', 0, sub { restart('fast') } ],
	[ 'the worker stands still', 0, \&stop_worker ],
	[ 'the worker is terminated', 0, sub { kill 'TERM', worker() } ],
	[ 'the disk is full', 0, \&fill_disk ]);

# --- what is on record -------------------------------------------------------

# Of these marks: those that are not on record.
sub missing
{
	my (@marks) = @_;
	my $values = join ',', map { "('$_')" } @marks;

	return split /\n/, $node->safe_psql('postgres', <<"EOS");
CREATE TEMP TABLE d AS SELECT substring(statement FROM 'mark-[a-z0-9-]+-') AS mark
  FROM contauth_audit.decision WHERE statement LIKE '%mark-%';
SELECT mark FROM (VALUES $values) AS v(mark)
 WHERE NOT EXISTS (SELECT FROM d WHERE d.mark = v.mark)
EOS
}

sub chain_holds
{
	my ($title) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', 'SELECT ok, first_bad, damage FROM contauth_audit.verify()'),
		't||', "$title: the chain holds");
	return;
}

# Marks that were answered and are lost for good, and known to be.
my %lost;

# After a fault: what was answered before must be there, or be lost rightly.
sub judge
{
	my ($title, $loses, $moment, $strict) = @_;

	wait_until_up();
	my (undef, $answered) = read_log();
	$strict || $node->poll_query_until('postgres', "SELECT contauth_audit.sync('10 s')");
	my @missing = grep { !$lost{$_} } missing(keys %$answered);
	note "$_: $sqlstates{$_}, $answered->{$_}" foreach @missing;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	if ($strict || !$loses)
	{
		is("@missing", '', "$title: all that was answered is on record");
		return;
	}
	is(join(' ', grep { $answered->{$_} < $moment - BOUND_SECONDS } @missing), '',
		"$title: only what was newest is not on record");
	note scalar(@missing) . ' lost';
	$lost{$_} = 1 for @missing;
	return;
}

# One part: faults in random order, each once before any comes again.
sub faults
{
	my ($part, $strict) = @_;
	my @order;

	foreach (1 .. FAULTS)
	{
		@order = sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @faults unless @order;
		my ($name, $loses, $fault) = @{ (shift @order)->[1] };
		my $title = "$part: $name";

		wait_for_work(40);
		note $title;
		my $moment = time();
		$fault->();
		judge($title, $loses, $moment, $strict);
		chain_holds($title);
	}
	wait_for_work(40);
	return;
}

# After a part: each record once, and none of what nobody sent.
sub records_are_right
{
	my ($part) = @_;
	my ($sent, $answered) = read_log();
	my (%records, @unknown);

	$node->poll_query_until('postgres', "SELECT contauth_audit.sync('10 s')");
	foreach my $mark (split /\n/, $node->safe_psql('postgres',
			"SELECT substring(statement FROM 'mark-[a-z0-9-]+-') FROM contauth_audit.decision
			  WHERE statement LIKE '%mark-$part-%'"))
	{
		$records{$mark}++;
		push @unknown, $mark unless $sent->{$mark};
	}
	is("@unknown", '', "$part: no record of what nobody sent");
	is(join(' ', grep { $records{$_} > 1 } keys %records), '', "$part: none twice");
	is(join(' ', grep { !$records{$_} && !$lost{$_} } keys %$answered), '',
		"$part: none is missing");
	return scalar keys %$answered;
}

# Enough rows that the table is longer than the limit that stands for a full disk.
sub work_ahead
{
	$node->poll_query_until('postgres', q{SELECT sum(pg_relation_size(inhrelid)) > 1100000
		FROM pg_inherits WHERE inhparent = 'contauth_audit.decision'::regclass})
	  or die 'the table does not grow';
	return;
}

start_agents('strict', ROLE_A, SESSIONS, 'postgres', 'other');
work_ahead();
faults('strict', 1);
stop_agents();
my $statements = records_are_right('strict');

$node->safe_psql('postgres', 'ALTER SYSTEM SET contauth.audit_durability = async');
$node->reload;
start_agents('async', ROLE_A, SESSIONS, 'postgres', 'other');
faults('async', 0);
stop_agents();
$statements += records_are_right('async');
cmp_ok($statements, '>=', STATEMENTS, "$statements statements were answered");

# --- several databases, and their ends ---------------------------------------

is($node->safe_psql('postgres', 'SELECT count(DISTINCT database) FROM contauth_audit.decision'), '2',
	'one audit for two databases');
$node->stop('smart');
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM contauth_audit.decision
	WHERE statement LIKE '%mark-async-%'}) > 0, 1, 'smart shutdown');
my $before = $node->safe_psql('postgres',
	"SELECT count(*) FROM contauth_audit.decision WHERE database = 'other'");
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
is($node->safe_psql('postgres',
	"SELECT count(*) FROM contauth_audit.decision WHERE database = 'other'"), $before,
	'the records of a database that was dropped stay');
chain_holds('DROP DATABASE');

my $agent = open_session($node, ROLE_A, token_a($issuer));
output_is($agent, 'SELECT count(*) FROM app.ticket', '5', 'before DROP EXTENSION');
$node->safe_psql('postgres', 'DROP EXTENSION contauth CASCADE');
my ($sqlstate) = attempt($agent, 'SELECT count(*) FROM app.ticket');
isnt($sqlstate, '00000', "DROP EXTENSION closes the door ($sqlstate)");
$agent->quit;
my ($code, $out) = as_role($node, 'regress_contauth_human', undef, 'SELECT count(*) FROM app.ticket');
is("$code $out", '0 10', 'people go on');
unlike(slurp_file($node->logfile), qr/PANIC/, 'nothing panicked');

$node->stop;
done_testing();
