# Dump and restore: a new server decides as the old one did.
#
# A database with agents, keys, labels and policies of every kind, built-in ones
# changed, is dumped and restored into new servers, in the custom format, as
# plain SQL and as INSERTs.  A thousand recorded requests get the same answers
# there, row for row.
#
# A failure means: after a restore agents may do more, or less, or see values
# masked in another way.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant REQUESTS => 1000;

my $issuer = new_issuer();
my %tokens = (A => token_a($issuer), B => token_b($issuer));
my $conf = "log_statement = none\nmax_connections = 20";
my $folder = PostgreSQL::Test::Utils::tempdir();

# --- the old server --------------------------------------------------------------

my $old = new_node('old', $conf);
$old->safe_psql('postgres', 'CREATE EXTENSION contauth');
$old->safe_psql('postgres', 'CREATE DATABASE app');
install_application($old, $issuer, 'app');
$old->safe_psql('app', <<"EOS");
INSERT INTO contauth.classification (class, sensitivity, description) VALUES ('hr', 2, 'own');
UPDATE contauth.classification SET sensitivity = 4 WHERE class = 'pii';
SECURITY LABEL FOR contauth ON COLUMN app.customer.email IS 'pii.contact';
SECURITY LABEL FOR contauth ON COLUMN app.customer.notes IS 'hr.notes';
SECURITY LABEL FOR contauth ON TABLE app.ticket IS 'internal';
SECURITY LABEL FOR contauth ON SCHEMA app IS 'public';
CREATE FUNCTION app.pay() RETURNS int LANGUAGE sql AS 'SELECT 1';
SECURITY LABEL FOR contauth ON FUNCTION app.pay() IS 'public';
CREATE TABLE app.area (id int, region text) PARTITION BY LIST (region);
CREATE TABLE app.area_north PARTITION OF app.area FOR VALUES IN ('north');
INSERT INTO app.area SELECT i, 'north' FROM generate_series(1, 4) AS i;
GRANT ALL ON ALL TABLES IN SCHEMA app TO @{[ROLE_A]}, @{[ROLE_B]};
SELECT contauth.create_policy('hash names', 'permit', actions => '{select}',
	principals => '{@{[AGENT_B]}}', resources => '{app.customer}',
	masks => '{"app.customer.name": "hash", "label:hr.*": "redact"}');
SELECT contauth.create_policy('areas', 'permit', resources => '{app.area*,function:app.*}',
	condition => \$\$ctx.autonomy <= 2 AND ctx.agent LIKE '%/a'\$\$);
SELECT contauth.create_policy('not one', 'restrict', resources => '{app.area}', row_filter => 'id <> 1');
SELECT contauth.create_policy('no phones', 'forbid', resources => '{app.customer(phone)}',
	condition => \$\$ctx.agent = '@{[AGENT_A]}'\$\$);
SELECT contauth.create_policy('sensitive', 'escalate', resources => '{label:pii}', actions => '{select}',
	condition => 'ctx.sensitivity >= 4');
SELECT contauth.create_policy('off', 'permit');
SELECT contauth.enable_policy('off', false);
SELECT contauth.create_policy('gone', 'permit');
SELECT contauth.drop_policy('gone');
SELECT contauth.alter_policy('builtin_functions_closed',
	'{"resources": ["function:pg_catalog.pg_read_*", "function:pg_catalog.upper"]}');
SELECT contauth.enable_policy('builtin_catalog_read', false);
SELECT contauth.apply_policies(contauth.export_policies());
SELECT contauth.revoke('principal', 'https://issuer.acme.example|mallory', 'gone'),
	contauth.revoke('token', repeat('AB', 32), 'leaked'), contauth.kill_switch(true, 'test'),
	contauth.kill_switch(false, 'over'), contauth.break_glass('@{[AGENT_B]}', 'closed', '1 hour');
SELECT contauth.close_break_glass(id, 'test') FROM contauth.break_glass_grant;
CREATE TABLE app.glass AS SELECT 1 AS id;
GRANT SELECT ON app.glass TO @{[ROLE_A]}, @{[ROLE_B]};
SELECT contauth.break_glass('@{[AGENT_B]}', 'open', '8 hours');
SELECT contauth.set_principal('regress_contauth_human', 'https://issuer.acme.example|ann');
EOS

# The answers to the requests; see dump_requests.py.
sub answers
{
	my ($node) = @_;
	my $input = encode_json({
			socket => $node->host,
			port => $node->port + 0,
			agents => [
				{ role => ROLE_A, token => $tokens{A} },
				{ role => ROLE_B, token => $tokens{B} }
			],
			requests => REQUESTS
		});
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/dump_requests.py" ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "the requests failed: $err";
	return split /\n/, $out;
}

my @expected = answers($old);
is(scalar(@expected), REQUESTS, 'a thousand requests have answers');
for my $kind ('00000', '42501', 'ZA001')
{
	cmp_ok(scalar(grep { /"$kind"/ } @expected), '>', 20, "some of them are $kind");
}
ok((grep { /^\[1, "SELECT id FROM app.glass", "00000"/ } @expected), 'break-glass is open for an agent');
ok(!(grep { /^\[0, "SELECT id FROM app.glass", "00000"/ } @expected), 'and not for the other');

# --- the new ones ------------------------------------------------------------------

$old->command_ok([ 'pg_dumpall', '--roles-only', '-f', "$folder/roles.sql" ], 'roles are dumped');

sub restore
{
	my ($name, $dump, $load) = @_;
	my $new = new_node($name, $conf);

	$new->safe_psql('postgres', 'CREATE EXTENSION contauth');
	# those that CREATE EXTENSION and initdb have made exist already
	$new->psql('postgres', slurp_file("$folder/roles.sql"), on_error_stop => 0);
	$new->safe_psql('postgres', 'CREATE DATABASE app');
	$old->command_ok([ 'pg_dump', @$dump, '-f', "$folder/$name", 'app' ], "$name: pg_dump");
	$new->command_ok([ @$load, "$folder/$name" ], "$name: restored without an error");
	is_deeply([ split /\n/, state_of($new, 'app') ], [ split /\n/, state_of($old, 'app') ],
		"$name: everything is there");

	my @got = answers($new);
	my @different = grep { $got[$_] ne $expected[$_] } 0 .. $#expected;
	is(scalar(@got), REQUESTS, "$name: all requests have answers");
	is(scalar(@different), 0, "$name: the same ones");
	diag("$expected[$_]\n$got[$_]") for splice(@different, 0, 3);
	return $new;
}

my $new = restore('custom', [ '-Fc' ], [ 'pg_restore', '--exit-on-error', '-d', 'app' ]);
restore('plain', [ '-Fp' ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'app', '-f' ])->stop;
restore('inserts', [ '-Fp', '--inserts' ],
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'app', '-f' ])->stop;

# --- life goes on ------------------------------------------------------------------

my $version = $old->safe_psql('app', 'SELECT max(version) FROM contauth.policy_version');
$new->safe_psql('app', q{SELECT contauth.create_policy('later', 'permit')});
is( $new->safe_psql('app', 'SELECT max(version) FROM contauth.policy_version'),
	$version + 1, 'versions go on where they ended');
$new->safe_psql('app', "SELECT contauth.rollback_policies($version)");
is( $new->safe_psql('app', 'SELECT contauth.export_policies()'),
	$old->safe_psql('app', 'SELECT contauth.export_policies()'),
	'a version of before the dump can be gone back to');
$new->safe_psql('app', 'SELECT contauth.rollback_policies(0)');
is( $new->safe_psql('app',
		'SELECT string_agg(name, \',\' ORDER BY name) FROM contauth.policy WHERE builtin AND enabled'),
	'builtin_catalog_closed,builtin_catalog_masked,builtin_catalog_read,builtin_functions,builtin_functions_closed',
	'even to the set as it was installed');

# a label of an unknown class is refused, but by a dump
is(($new->psql('app', q{SECURITY LABEL FOR contauth ON TABLE app.area IS 'nosuch'}))[0],
	3, 'a label of an unknown class is refused');
is( ($new->psql('app',
			q{SET check_function_bodies = off; SECURITY LABEL FOR contauth ON TABLE app.area IS 'nosuch'}
	))[0],
	0, 'unless it comes as dumps have it');

$new->stop;
$old->stop;
done_testing();
