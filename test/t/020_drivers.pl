# The same application through every driver.  test/drivers/suite.json says once
# what an ordinary application does and what must come out; every driver, ORM
# and pooler that is listed here goes through it as the agent, with a runner of
# its own (test/drivers/via_*), and must get the same rows, masks and errors.
# The audit must tell the same of each step, whatever messages carried it.
#
# Then drivers and psql look at the catalogs as they do by themselves: what an
# agent finds is what a role with the same privileges finds that is not governed.
#
# A failure means: what is decided, masked or recorded depends on the driver, or
# a driver needs to be told that it works for an agent.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant AGENT => 'spiffe://acme.example/agent/shop';
use constant {
	SHOP => 'regress_contauth_shop',
	POOL => 'regress_contauth_pool',
	HUMAN => 'regress_contauth_human',
};

my $folder = "$FindBin::RealBin/../drivers";
my $suite = decode_json(slurp_file("$folder/suite.json"));
my %steps = map { $_->{step} => $_ } map { @{ $_->{transaction} // [$_] } } @$suite;

# --- the drivers ------------------------------------------------------------------

# Which runner stands for a driver, and the steps that it has nothing for: one
# is for SQLAlchemy alone, and COPY not for all.
my @copy = grep { /^copy_/ } sort keys %steps;
my @orm = ('unit_of_work');
my %drivers = (
	'psql, simple' => [ 'via_psql.py', 'simple', @orm ],
	'psql, \bind' => [ 'via_psql.py', 'bind', @orm ],
	'libpq' => [ 'via_psycopg.py', 'libpq', @orm ],
	'psycopg, client' => [ 'via_psycopg.py', 'client', @orm ],
	'psycopg, server' => [ 'via_psycopg.py', 'server', @orm ],
	'psycopg, binary' => [ 'via_psycopg.py', 'binary', @orm ],
	'psycopg, prepared' => [ 'via_psycopg.py', 'prepared', @orm ],
	'psycopg, pipeline' => [ 'via_psycopg.py', 'pipeline', @orm, @copy ],
	'psycopg2' => [ 'via_psycopg2.py', 'psycopg2', @orm ],
	'SQLAlchemy' => [ 'via_sqlalchemy.py', 'sqlalchemy', @copy ],
	'node-pg, simple' => [ 'via_pg.js', 'simple', @orm, @copy ],
	'node-pg, parameters' => [ 'via_pg.js', 'parameterised', @orm, @copy ],
	'node-pg, named' => [ 'via_pg.js', 'named', @orm, @copy ],
	'postgres.js' => [ 'via_postgres.js', 'postgres', @orm ],
	'knex' => [ 'via_knex.js', 'knex', @orm, 'stream', @copy ]);
delete $drivers{'psql, \bind'}
  if run_command_ok('psql', '--version') !~ / (\d+)/ || $1 < 16;

# Every driver with its token as an option; one of each kind with authenticate();
# and behind a pooler, where statements cannot stay prepared, those that do not.
my @runs = (
	(map { [ $_, 'option' ] } sort keys %drivers),
	(map { [ $_, 'authenticate' ] }
		  grep { $drivers{$_} } 'psql, simple', 'psql, \bind', 'psycopg, server',
		'psycopg2', 'SQLAlchemy', 'node-pg, named', 'postgres.js', 'knex'),
	(map { [ $_, 'transaction' ] } 'psql, simple', 'psycopg, server', 'psycopg, client',
		'SQLAlchemy', 'node-pg, parameters', 'knex'));

# CONTAUTH_DRIVERS, a regular expression, chooses some of them.
my $only = $ENV{CONTAUTH_DRIVERS} // '';
@runs = grep { $_->[0] =~ qr{(?:$only)} } @runs;

# --- the server and the pooler ---------------------------------------------------

my $issuer = new_issuer();
my $token = $issuer->token(AGENT, tenant => 'acme');
my $node = new_node('drivers', "log_statement = none\nmax_connections = 30");

# Run a script of test/drivers as superuser; returns its output.
sub run_file
{
	my ($file, @options) = @_;

	return run_command_ok('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @options,
		'-d', $node->connstr('postgres'), '-f', "$folder/$file");
}

run_file('application.sql', '-v', 'jwks=' . $issuer->jwks);

my $pooler = new_pooler(
	shop => "host=@{[$node->host]} port=@{[$node->port]} dbname=postgres user=@{[POOL]}"
	  . ' pool_mode=transaction pool_size=2');

# --- runners -----------------------------------------------------------------------

my %programs = (py => '/usr/bin/python3', js => 'node');

# Run a driver's runner; what it prints, a JSON value a line.
sub run_driver
{
	my ($program, $variant, %request) = @_;
	my $input = encode_json(
		{
			host => $node->host,
			port => $node->port + 0,
			database => 'postgres',
			user => SHOP,
			token => $token,
			present => 'option',
			suite => $suite,
			%request
		});
	my ($language) = $program =~ /\.(\w+)$/;
	my ($out, $err) = ('', '');

	eval {
		IPC::Run::run([ $programs{$language}, "$folder/$program", $variant ],
			'<', \$input, '>', \$out, '2>', \$err, IPC::Run::timeout(120))
		  or die "$err\n";
	} or diag("$request{name}: $@");
	return map { decode_json($_) } split /\n/, $out;
}

# The name of a run: a driver, and how its token comes.
sub run_name
{
	my ($driver, $present) = @_;
	my %how = (
		option => '',
		authenticate => ', authenticate()',
		transaction => ', behind pgbouncer');

	return $driver . $how{$present};
}

# --- results -------------------------------------------------------------------------

# An answer as text, whether a runner's or the expected one.
sub answer
{
	my ($step) = @_;
	my %answer = map { $_ => $step->{$_} }
	  grep { exists $step->{$_} } qw(rows count done lines error skipped);

	return JSON::PP->new->canonical->allow_nonref->encode(\%answer);
}

# A driver goes through the suite, and gets at every step what it must, but for
# the steps that it has nothing for.
sub suite_ok
{
	my ($driver, $present) = @_;
	my ($program, $variant, @skips) = @{ $drivers{$driver} };
	my %skips = map { $_ => 1 } @skips;
	my $name = run_name($driver, $present);
	my @pooled = (host => $pooler->{host}, port => $pooler->{port} + 0, database => 'shop');
	my (@wrong, %seen);

	run_file('reset.sql');
	foreach my $got (
		run_driver(
			$program, $variant,
			name => $name,
			present => $present,
			$present eq 'transaction' ? @pooled : ()))
	{
		my $step = $steps{ $got->{step} };

		$seen{ $got->{step} } = 1;
		next if exists $got->{skipped} && $skips{ $got->{step} };
		push @wrong, "$got->{step}: got " . answer($got) . ', expected ' . answer($step)
		  if answer($got) ne answer($step);
	}
	push @wrong, 'not run: ' . join ' ', grep { !$seen{$_} } sort keys %steps
	  if keys %seen < keys %steps;
	ok(!@wrong, "$name: every step answers what it must")
	  or diag(join "\n", @wrong);
	return;
}

suite_ok(@$_) foreach @runs;

# --- without a token -----------------------------------------------------------------

# Who presents nothing gets nothing, by whatever driver.
foreach my $driver ('psql, simple', 'psycopg, server', 'psycopg2', 'node-pg, named')
{
	my ($program, $variant) = @{ $drivers{$driver} };
	my @steps = map { $steps{$_} } qw(tables list get function insert update);
	my @answers = run_driver($program, $variant,
		name => "$driver, nobody", token => undef, suite => \@steps);

	is_deeply([ map { "$_->{step} " . ($_->{error} // 'no error') } @answers ],
		[ map { "$_->{step} 28000" } @steps ],
		"$driver: nothing without a token");
}

# --- several statements in one message ---------------------------------------------

# psql -c as the agent: exit code, output, errors.
sub as_one_message
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = "-c contauth.token=$token";
	IPC::Run::run(
		[
			'psql', '-X', '-q', '-A', '-t', '-v', 'VERBOSITY=verbose', '-U', SHOP,
			'-d', $node->connstr('postgres'), '-c', $sql
		],
		'<', \undef, '>', \$out, '2>', \$err);
	chomp $out;
	return ($? >> 8, $out, $err);
}

# They are one transaction: a denial undoes what came before it.
{
	my $id = 'SELECT id FROM shop.note WHERE id = 50';
	my ($code, $out, $err) = as_one_message(
		"INSERT INTO shop.note VALUES (50); $id; SELECT id FROM shop.salary");

	is($out, '50', 'psql -c: what is permitted runs until something is denied');
	like($err, qr/42501: permission denied for select on shop.salary/, 'psql -c: the denial');
	($code, $out) = as_one_message("SELECT 1 AS one; $id");
	is($out, '1', 'psql -c: the denial undid what came before it');
	is($code, 0, 'psql -c: several statements that are all permitted');
}

# --- the audit ------------------------------------------------------------------------

# What must be on record of a step: lines, and the rows that it gave and changed.
# Rows of RETURNING count as changed.
sub expected_record
{
	my ($step) = @_;
	my $rows = $step->{rows} // $step->{lines} // [];
	my $batch = $step->{batch} // [];

	return join "\n\t", @{ $step->{audit} },
	  'returned ' . ($step->{returned} // (@{ $step->{audit} } ? scalar @$rows : 0)),
	  'affected ' . ($step->{affected} // $step->{count} // scalar @$batch);
}

# What is on record of it.
sub found_record
{
	my ($record) = @_;

	return join "\n\t", @{ $record->{lines} // [] },
	  'returned ' . ($record->{returned} // 0),
	  'affected ' . ($record->{affected} // 0);
}

# The audit of a run says of every step what it must.
sub audit_ok
{
	my ($got, $driver, $present) = @_;
	my (undef, undef, @skips) = @{ $drivers{$driver} };
	my %skips = map { $_ => 1 } @skips;
	my $name = run_name($driver, $present);
	my @wrong;

	foreach my $step (grep { !$skips{$_} } sort keys %steps)
	{
		my $found = found_record($got->{$name}{$step});
		my $expected = expected_record($steps{$step});

		push @wrong, "$step: on record:\n\t$found\nexpected:\n\t$expected"
		  if $found ne $expected;
	}
	ok(!@wrong, "$name: the audit tells the same of every step")
	  or diag(join "\n", @wrong);
	return;
}

records_synced($node) or die 'the audit did not catch up';
my $records = decode_json(run_file('records.sql', '-t', '-A'));
audit_ok($records, @$_) foreach @runs;

# --- looking around ---------------------------------------------------------------

# What somebody finds in the catalogs, by the means of a driver.
sub found
{
	my ($driver, @who) = @_;
	my ($program, $variant) = @{ $drivers{$driver} };

	return join "\n", map { JSON::PP->new->canonical->encode($_) }
	  run_driver($program, $variant, name => "looks around: $driver", suite => [],
		introspect => JSON::PP::true, @who);
}

foreach my $driver ('SQLAlchemy', 'knex')
{
	my $agent = found($driver);

	is($agent, found($driver, user => HUMAN, token => undef),
		"$driver finds for the agent what it finds for others");
	like($agent, qr/customer_id.*nothing|customer_view.*orders/s, "$driver: and that is something");
}

# What psql prints when somebody runs describe.sql.
sub described
{
	my ($user, $options) = @_;
	my $out = '';

	local $ENV{PGOPTIONS} = $options;
	IPC::Run::run(
		[
			'psql', '-X', '-a', '-U', $user, '-d', $node->connstr('postgres'),
			'-f', "$folder/describe.sql"
		],
		'<', \undef, '>', \$out, '2>&1');
	return $out;
}

my $agents = described(SHOP, "-c contauth.token=$token");
my @humans = split /\n/, described(HUMAN, '');
my @differences = grep { $_ ne (shift(@humans) // '') } split /\n/, $agents;
ok(!@differences, 'psql and what tools ask: the agent sees what others see')
  or diag(join "\n", splice @differences, 0, 20);
cmp_ok($agents =~ tr/\n//, '>', 1000, 'and that is something');
unlike($agents, qr/ERROR/, 'nothing of it is refused to either');

$node->stop;
$pooler->{process}->kill_kill;
done_testing();
