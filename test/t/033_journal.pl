# The journal: with strict durability records are durable in files before they
# are rows.  Whatever stops, and whatever is copied, each record gets into the
# tables once, and a literal never gets into a file.
#
# A failure means: an acknowledged record is lost or counted twice, a file tells
# what the tables hide, or who reads the audit misses what was decided before.

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

my $issuer = new_issuer();
my $node = new_node('journal', <<'EOC');
contauth.audit_durability = strict
contauth.spool_size = '4MB'
wal_level = replica
max_wal_senders = 4
log_statement = none
autovacuum = off
EOC
install_application($node, $issuer);
my $files = $node->data_dir . '/contauth_spool';
my $worker = q(SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'contauth audit%');

sub value
{
	my ($sql, $server) = @_;
	return ($server // $node)->safe_psql('postgres', $sql);
}

sub segments
{
	my ($server) = @_;
	return grep { /\.spool$/ } glob +(($server // $node)->data_dir . '/contauth_spool/*');
}

sub bytes_of_files
{
	return join '', map { slurp_file($_) } segments();
}

# Nothing is missing in the chain, and no decision is there twice.
sub each_once
{
	my ($when, $server) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(value('SELECT ok, first_bad, damage FROM contauth_audit.verify()', $server),
		't||', "$when: the chain is intact");
	is( value('SELECT count(*) - count(DISTINCT decision_id) FROM contauth_audit.decision',
			$server), '0', "$when: no decision is there twice");
	return;
}

# --- who reads the audit sees what was decided before ------------------------

my $agent = open_session($node, ROLE_A, token_a($issuer));
foreach my $n (1 .. 20)
{
	attempt($agent, "SELECT count(*) AS seen_$n FROM app.ticket");
	is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%seen_$n %'"),
		'1', 'read at once') if $n % 5 == 0;
}
ok(segments() > 0, 'there is a journal');
cmp_ok(value('SELECT sum(end_position) FROM contauth_audit.spool'), '>', 0,
	'and the tables say how far it has been carried');
is(value('SELECT count(*) = 1 FROM contauth_audit.spool'), 't', 'in one row for a segment');

my $since = time;
foreach my $n (1 .. 30)
{
	attempt($agent, "SELECT count(*) AS gather_$n FROM app.ticket");
	sleep(0.02);
}
my $most = 2 + 10 * (time - $since);
cmp_ok(value("SELECT count(DISTINCT xmin::text) FROM contauth_audit.decision WHERE statement LIKE '%gather_%'"),
	'<=', $most, 'while nobody reads, rows are written ten times a second');

my $lazy = open_session($node, ROLE_B, token_b($issuer));
value("ALTER ROLE @{[ROLE_B]} SET contauth.audit_durability = 'async'");
$lazy->quit;
$lazy = open_session($node, ROLE_B, token_b($issuer));
attempt($lazy, 'SELECT count(*) AS lazy FROM app.ticket');
is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%lazy%'"),
	'1', 'also what was recorded asynchronously');

my $pid = value($worker);
$node->safe_psql('postgres', "ALTER SYSTEM SET contauth.audit_wait = '300ms'");
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
kill 'STOP', $pid;
attempt($lazy, 'SELECT count(*) AS unseen FROM app.ticket');
my ($ret, $out, $err) = $node->psql('postgres',
	"SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%unseen%'");
is($out, '0', 'a worker that stands still cannot be waited for');
like($err, qr/WARNING:  the audit is not complete/, 'and the reader is told');
my $began = time;
($ret, $out, $err) = $node->psql('postgres',
	'CREATE TEMP TABLE mine (i int); BEGIN; INSERT INTO mine VALUES (1); SELECT count(*) > 0 FROM contauth_audit.decision; COMMIT');
unlike($err, qr/not complete/, 'who has written something does not wait');
sqlstate_is($agent, 'SELECT count(*) AS stopped FROM app.ticket', 'ZA005',
	'nobody is told that all is well while nobody writes rows');
kill 'CONT', $pid;
is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%unseen%'"),
	'1', 'it goes on');
is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%stopped%'"),
	'1', 'with what it had not seen');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET contauth.audit_wait');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');

# --- what files tell ---------------------------------------------------------

foreach my $sql (
	"SELECT count(*) FROM app.ticket WHERE body = 'literalsecret'",
	"SELECT count(*) FROM app.ticket WHERE body = E'literal\\x73ecret'",
	"SELECT count(*) FROM app.ticket WHERE body = 'back\\slashsecret'",
	"SELECT notes, 'literalsecret' FROM app.customer",
	"SELECT 'literalsecret'::integer FROM app.ticket",
	"SELECT count(*) FROM app.ticket /* commentsecret */ WHERE 'a' <> \$\$literalsecret\$\$")
{
	attempt($agent, $sql);
}
attempt($lazy, "SELECT count(*) FROM app.ticket WHERE body = 'literalsecret'");
my $bytes = bytes_of_files();
like($bytes, qr/SELECT count\(\*\) FROM app\.ticket WHERE body = \$1/,
	'the journal has statements in normal form');
unlike($bytes, qr/secret/, 'and no literal or comment');

# --- segments ----------------------------------------------------------------

my $wide = 'SELECT ' . join(', ', ('id') x 1500) . ' FROM app.ticket WHERE id = 2';
attempt($agent, "PREPARE wide AS $wide");
attempt($agent, join('; ', ('EXECUTE wide') x 100)) foreach 1 .. 6;
cmp_ok(value('SELECT count(DISTINCT segment) FROM contauth_audit.spool'), '>=', 5,
	'segments follow each other');
cmp_ok(scalar(segments()), '<=', 3, 'and go when the tables have them');
is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%id, id, id, id,%' AND statement_kind = 'SELECT'"),
	'600', 'nothing of them is lost');
each_once('segments');

# --- crashes -----------------------------------------------------------------

# Clients that count what they were told, until the server ends them.
sub start_clients
{
	my ($round) = @_;
	my @clients;

	local $ENV{PGOPTIONS} = '-c contauth.token=' . token_a($issuer);
	foreach my $number (1 .. 4)
	{
		my $client = { out => '', err => '' };
		my $script = PostgreSQL::Test::Utils::tempdir() . "/client-$round-$number.sql";

		append_to_file($script, join '', map {
				"SELECT 'told_${round}_${number}_$_' AS told_${round}_${number}_$_ FROM app.ticket LIMIT 1;\n"
		} 1 .. 20000);
		$client->{run} = IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-U', ROLE_A, '-f', $script ],
			'<', \undef, '>', \$client->{out}, '2>', \$client->{err});
		push @clients, $client;
	}
	return @clients;
}

sub let_work
{
	my ($seconds, @clients) = @_;
	my $end = time + $seconds;

	while (time < $end)
	{
		$_->{run}->pumpable && $_->{run}->pump_nb foreach @clients;
		sleep(0.01);
	}
	return;
}

# What the clients were told and the tables do not have.
sub missing
{
	my (@clients) = @_;
	my %told;

	foreach my $client (@clients)
	{
		eval { $client->{run}->finish };
		$told{$_} = 1 foreach $client->{out} =~ /^(told_\w+)$/mg;
	}
	note scalar(keys %told) . ' answers';
	cmp_ok(scalar(keys %told), '>', 100, 'clients had answers');
	delete $told{$_} foreach split /\n/, value(<<'EOS');
SELECT substring(statement FROM 'told_\w+') FROM contauth_audit.decision WHERE statement LIKE '%told_%'
EOS
	return join ' ', sort keys %told;
}

# End the server and all its processes at once.
sub kill_all
{
	my (@clients) = @_;
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @processes = ($postmaster, split /\s+/, `pgrep -P $postmaster`);

	$node->kill9;
	kill 'KILL', @processes;
	foreach (1 .. 200)
	{
		last unless grep { kill 0, $_ } @processes;
		let_work(0.05, @clients);
	}
	return;
}

# Agents at work do not wake the worker, but do not go on without it either.
sub answers
{
	my (@clients) = @_;
	let_work(0.5, @clients);
	return length join '', map { $_->{out} } @clients;
}

my @busy = start_clients('busy');
answers(@busy);
my $standing = value($worker);
kill 'STOP', $standing;
my $told = answers(@busy);
is(answers(@busy), $told, 'agents at work are told nothing while the worker stands still');
kill 'CONT', $standing;
cmp_ok(answers(@busy), '>', $told, 'and go on with it');
$_->{run}->signal('TERM') foreach @busy;
is(missing(@busy), '', 'all that they were told is on record');

my $carried = 0;
foreach my $round (1 .. 6)
{
	my $before = value('SELECT max(seq) FROM contauth_audit.decision');
	my @clients = start_clients($round);

	let_work(0.5 + $round / 7, @clients);
	# the worker stands still while agents go on, or try to: there is something
	# in the journal that is no row when everything is killed
	my $stopped = value($worker);
	kill 'STOP', $stopped if $round % 2;
	let_work(0.05, @clients);
	kill_all(@clients);
	my @left = segments();
	chmod 0, @left if $round == 5;
	$node->start;
	if ($round == 5)
	{
		($ret, $out, $err) = $node->psql('postgres', 'SELECT max(seq) FROM contauth_audit.decision');
		like($err, qr/WARNING:  the audit is not complete/,
			'who reads before the journal is carried is told');
		is(value("SELECT contauth_audit.sync('300 ms')"), 'f', 'so is who asks sync()');
		chmod 0600, @left;
	}
	is(missing(@clients), '', "crash $round: what was told is on record");
	each_once("crash $round");
	$carried += value(<<'EOS');
SELECT count(*) FROM contauth_audit.spool WHERE start_position > 0
   OR spool_id IN (SELECT spool_id FROM contauth_audit.spool GROUP BY 1 HAVING count(*) > 1)
EOS
	is(value("SELECT count(DISTINCT boot_id) FROM contauth_audit.decision WHERE seq > $before"),
		'1', "crash $round: as what was decided before it");
	is(scalar(segments()), 0, "crash $round: nothing is left in the files");
}
cmp_ok($carried, '>', 0, 'something was carried from the journal');

# --- what a loss of power leaves ---------------------------------------------

# Five statements whose records are in the journal alone; then everything is killed
# and bytes of their records are lost.  Nobody was told of the lost ones: syncs take
# all that stands before.  Tells which are on record, and the names of files.
sub lose
{
	my ($name, $edit) = @_;
	my @records;

	$agent = open_session($node, ROLE_A, token_a($issuer));
	$node->safe_psql('postgres', "ALTER SYSTEM SET contauth.audit_wait = '200ms'");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	attempt($agent, "SELECT count(*) AS before_$name FROM app.ticket");
	value('SELECT count(*) FROM contauth_audit.decision');
	kill 'STOP', value($worker);
	attempt($agent, "SELECT count(*) AS ${name}_$_ FROM app.ticket") foreach 1 .. 5;
	kill_all();
	$agent->quit;
	append_to_file("$files/0.spool.tmp", 'had no name yet');

	# the last one that has records: the next one may have been made, and earlier
	# ones not removed yet
	my ($file) = sort { (Time::HiRes::stat($b))[9] <=> (Time::HiRes::stat($a))[9] }
	  grep { unpack('L', substr(slurp_file($_), 56, 4)) } segments();
	my $content = slurp_file($file);
	my $at = 56;
	while (my $len = unpack('L', substr($content, $at, 4)))
	{
		push @records, [ $at, 8 + $len ];
		$at += 8 + $len;
	}
	$edit->(\$content, @records);
	open my $out, '>', $file or die;
	print $out $content;
	close $out;
	$node->start;
	return (value("SELECT string_agg(substring(statement FROM '${name}_[0-9]'), ' ' ORDER BY seq)"
			  . " FROM contauth_audit.decision WHERE statement LIKE '%${name}\\__ %'"),
		map { /(\w+)$/ } glob "$files/*");
}

is_deeply([ lose('torn', sub {
			my ($content, @records) = @_;
			substr($$content, $records[-1][0] + 100, $records[-1][1] - 100) = "\0" x ($records[-1][1] - 100);
		}) ],
	[ 'torn_1 torn_2 torn_3 torn_4', 'damaged' ], 'a record that is not whole is not carried');
each_once('torn');
unlink glob "$files/*.damaged";
is_deeply([ lose('hole', sub {
			my ($content, @records) = @_;
			substr($$content, $records[-2][0], $records[-2][1]) = "\0" x $records[-2][1];
		}) ],
	['hole_1 hole_2 hole_3'], 'nor what stands behind one that is missing');
each_once('hole');
is_deeply([ lose('whole', sub { }) ],
	[ 'whole_1 whole_2 whole_3 whole_4 whole_5' ], 'and everything else is');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET contauth.audit_wait');
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');

# --- a copy of everything ----------------------------------------------------

my @clients = start_clients('backup');
let_work(0.5, @clients);
my $backup = IPC::Run::start(
	[ 'pg_basebackup', '-D', $node->backup_dir . '/busy', '-h', $node->host, '-p', $node->port,
		'-c', 'fast', '-X', 'stream', '--no-sync' ], '<', \undef, '>', \$out, '2>', \$err);
let_work(2, @clients);
ok($backup->finish, 'a backup while agents work') or diag($err);
$_->{run}->signal('TERM') foreach @clients;
is(missing(@clients), '', 'the server has all it told');
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'busy');
$copy->start;
each_once('a restored backup', $copy);
is(scalar(segments($copy)), 0, 'and has nothing left to carry');
($ret, $out) = as_role($copy, ROLE_A, token_a($issuer), 'SELECT count(*) FROM app.ticket');
is("$ret $out", '0 5', 'and takes records');
each_once('afterwards', $copy);
$copy->stop;

# --- no room, no folder ------------------------------------------------------

$node->stop;
$node->append_conf('postgresql.conf', "contauth.spool_size = '1MB'\n");
append_to_file("$files/ballast", 'x' x (1024 * 1024));
$node->start;
($ret, $out) = as_role($node, ROLE_A, token_a($issuer),
	'SELECT count(*) AS unfiled FROM app.ticket; SELECT 1');
is($ret, 0, 'without room for a journal statements wait for rows');
is(value("SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE '%unfiled%'"),
	'1', 'which there are');
like(slurp_file($node->logfile), qr/there is no room for the journal of audit records/,
	'the log says so');
unlink "$files/ballast";
$node->stop;
rename $files, "$files.away" or die;
append_to_file($files, 'no folder');
$node->start;
($ret, $out) = as_role($node, ROLE_A, token_a($issuer),
	'SELECT count(*) AS folderless FROM app.ticket; SELECT 1');
is($ret, 0, 'nor without a folder');
unlink $files;
each_once('without a journal');

$node->stop;
done_testing();
