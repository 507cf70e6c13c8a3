# Budgets as time passes: a minute of statements, an hour of rows, and the places of
# agents, of which there are only so many.  The server's processes read a clock that
# the test moves (clock.c).
#
# A failure means: an agent gets more within a minute or an hour than its budget, or
# never gets anything again; or, where places are few, agents pay for each other, or
# one goes on without being counted.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $clock_file = "$dir/clock";

# So many seconds later than now.
sub set_clock
{
	my ($seconds) = @_;

	open(my $file, '+<:raw', $clock_file) or die "$clock_file: $!";
	syswrite($file, pack('q', $seconds)) == 8 or die "$clock_file: $!";
	close($file) or die "$clock_file: $!";
	return;
}

append_to_file($clock_file, pack('q', 0));
system_or_bail($ENV{CC} // 'cc', '-O2', '-shared', '-fPIC', '-o', "$dir/clock.so",
	"$FindBin::RealBin/clock.c");

my $issuer = new_issuer();
my $node;
{
	local $ENV{CA_TEST_CLOCK} = $clock_file;
	local $ENV{LD_PRELOAD} = join(':', grep { length } $ENV{LD_PRELOAD} // '', "$dir/clock.so");
	$node = new_node('windows', 'contauth.max_agents = 16');
}
install_application($node, $issuer);

sub agent_id { return "spiffe://acme.example/agent/timed/$_[0]" }

sub session_of
{
	return open_session($node, ROLE_A, $issuer->token(agent_id($_[0]), tenant => 'acme'));
}

$node->safe_psql('postgres', <<"EOS");
SELECT contauth.register_agent('spiffe://acme.example/agent/timed/' || name, '{@{[ROLE_A]}}', 'x', 1)
  FROM unnest('{a,b,c}'::text[] || ARRAY(SELECT 'n' || i FROM generate_series(1, 14) AS i)) AS name;
CREATE TABLE app.item AS SELECT generate_series(1, 20) AS id;
GRANT SELECT ON app.item TO @{[ROLE_A]};
SELECT contauth.create_policy('items', 'permit', actions => '{select}', resources => '{app.item}',
	principals => '{spiffe://acme.example/agent/timed/*}');
SELECT contauth.create_policy('limit a', 'permit', actions => '{select}', resources => '{app.item}',
	principals => '{@{[agent_id('a')]}}',
	limits => '{"statements_per_minute": 3, "rows_per_hour": 30}');
SELECT contauth.create_policy('limit c', 'permit', actions => '{select}', resources => '{app.item}',
	principals => '{@{[agent_id('c')]}}', limits => '{"rows_per_hour": 30}');
EOS

use constant ROW => 'SELECT id FROM app.item WHERE id = 1';
use constant ROWS => 'SELECT id FROM app.item';

# --- a minute ------------------------------------------------------------------------

my $session = session_of('a');
sqlstate_is($session, ROW, '00000', "statement $_") for 1 .. 3;
sqlstate_is($session, ROW, 'ZA003', 'the fourth within a minute is refused');
set_clock(55);
sqlstate_is($session, ROW, 'ZA003', 'and one after 55 s');
set_clock(66);
sqlstate_is($session, ROW, '00000', 'after a minute and a step of the count another may come');

# --- an hour -------------------------------------------------------------------------

# four rows so far
set_clock(140);
sqlstate_is($session, ROWS, '00000', 'twenty rows more');
sqlstate_is($session, ROWS, 'ZA003', 'twenty again are too many within an hour');
set_clock(3300);
sqlstate_is($session, ROWS, 'ZA003', 'and after 55 minutes');
set_clock(140 + 3660 + 60);
sqlstate_is($session, ROWS, '00000', 'after an hour and a minute they may come');

# --- few places for agents --------------------------------------------------------------

# Fourteen agents take a place each.
sub take_places
{
	my ($title) = @_;

	my %answers;
	for my $i (1 .. 14)
	{
		my $one = session_of("n$i");
		my ($sqlstate) = attempt($one, ROW);
		$answers{$sqlstate}++;
		$one->quit;
	}
	is_deeply(\%answers, { '00000' => 14 }, $title);
	return;
}

my $other = session_of('b');
sqlstate_is($other, ROW, '00000', 'a second agent has a place');
take_places('and fourteen others');
my $third = session_of('c');
sqlstate_is($third, ROW, '53400', 'the seventeenth agent has none');
is_deeply(
	[ split /\n/, decisions($node,
			"SELECT DISTINCT reason_code FROM contauth_audit.decision WHERE sqlstate = '53400'") ],
	['max_agents'],
	'which is on record');

# an hour later the places are nobody's, though their sessions are still there
set_clock(8000);
sqlstate_is($third, ROW, '00000', 'an hour later it gets one');
sqlstate_is($session, ROW, '00000', 'and an agent that had one gets another');
sqlstate_is($third, ROW, '00000', 'both are counted') for 1 .. 5;
sqlstate_is($session, ROW, '00000', 'each by itself') for 2 .. 3;
sqlstate_is($session, ROW, 'ZA003', 'and the limit is that of its agent');
take_places('fourteen others take theirs anew');
sqlstate_is($other, ROW, '53400',
	'whose place is gone does not go on without being counted');
$_->quit for $session, $other;

# a place is given to another while a statement of the first is at work
set_clock(20000);
my $admin = $node->background_psql('postgres');
$admin->query('SELECT pg_advisory_lock(7)');
my ($out, $err) = ('', '');
my $slow;
{
	local $ENV{PGOPTIONS} = '-c contauth.token=' . $issuer->token(agent_id('b'), tenant => 'acme');
	$slow = IPC::Run::start(
		[
			'psql', '-XAtq', '-U', ROLE_A, '-d', $node->connstr('postgres'),
			'-c', 'SELECT id FROM app.item, pg_advisory_lock(7)'
		],
		'<', \undef, '>', \$out, '2>', \$err);
}
$node->poll_query_until('postgres',
	"SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)")
  or die "nobody waits: $err";
set_clock(24000);
sqlstate_is($third, ROW, '00000', 'another agent has its place');
$admin->query('SELECT pg_advisory_unlock(7)');
$slow->finish or die "the statement failed: $err";
is(scalar(split /\n/, $out), 20, 'the statement ends with its rows');
sqlstate_is($third, ROWS, '00000', 'which are not counted as those of the other agent');
sqlstate_is($third, ROWS, 'ZA003', 'whose own are');
$_->quit for $admin, $third;

$node->stop;
done_testing();
