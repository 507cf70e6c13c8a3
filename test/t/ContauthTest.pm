# What the TAP tests share: an issuer with its keys and tokens, a server with
# the extension, a small application with two agents of two tenants, and
# sessions whose statements answer with output and SQLSTATE.
#
# Tokens are made here byte by byte, with the openssl command for the key and
# the signature, so that a test can put anything into them.
#
# The application:
#   app.customer   masked: email, phone; not covered: notes; tenants acme, globex
#   app.ticket     its body may be updated by the agents
#   agents A (role regress_contauth_a, tenant acme) and
#          B (role regress_contauth_b, tenant globex); both roles own every
#          privilege that GRANT can give
#   regress_contauth_human   a role that is not governed, same privileges

package ContauthTest;

use strict;
use warnings;
use Exporter 'import';
use FindBin;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  new_node new_issuer install_application state_of
  token_a token_b
  open_session attempt sqlstate_is output_is
  as_role run_matrix new_pooler run_command_ok records_synced decisions
  AGENT_A AGENT_B ROLE_A ROLE_B
);

use constant AGENT_A => 'spiffe://acme.example/agent/support/a';
use constant AGENT_B => 'spiffe://acme.example/agent/support/b';
use constant ROLE_A => 'regress_contauth_a';
use constant ROLE_B => 'regress_contauth_b';
use constant AUDIENCE => 'contauth-test';

# --- tokens ----------------------------------------------------------------

# An issuer with an RSA key of its own, kept in a folder of the test.
sub new_issuer
{
	my ($kid) = @_;
	my $self = bless { kid => $kid // 'k1', serial => 0 }, __PACKAGE__;

	$self->{key} = PostgreSQL::Test::Utils::tempdir() . "/$self->{kid}.pem";
	run_command_ok('openssl', 'genpkey', '-algorithm', 'RSA',
		'-pkeyopt', 'rsa_keygen_bits:2048', '-out', $self->{key});
	return $self;
}

# The standard output of a command that must succeed.
sub run_command_ok
{
	my @command = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run(\@command, '>', \$out, '2>', \$err)
	  or die "@command failed: $err";
	return $out;
}

# The JWK Set to register: one key, exponent 65537.
sub jwks
{
	my ($self) = @_;
	my $modulus = run_command_ok('openssl', 'rsa', '-in', $self->{key},
		'-noout', '-modulus');

	$modulus =~ /^Modulus=([0-9A-F]+)$/m or die 'openssl told no modulus';
	return encode_json({
		keys => [
			{
				kty => 'RSA',
				kid => $self->{kid},
				n => encode_base64url(pack('H*', $1)),
				e => 'AQAB'
			}
		]
	});
}

# A compact JWS over a payload given as text, whatever it is.
sub sign
{
	my ($self, $payload) = @_;
	my $header = encode_json({ alg => 'RS256', kid => $self->{kid}, typ => 'JWT' });
	my $input = encode_base64url($header) . '.' . encode_base64url($payload);
	my ($signature, $err) = ('', '');

	IPC::Run::run([ 'openssl', 'dgst', '-sha256', '-sign', $self->{key} ],
		'<', \$input, '>', \$signature, '2>', \$err)
	  or die "openssl dgst failed: $err";
	return "$input." . encode_base64url($signature);
}

# A JWT-SVID of subject; lifetime in seconds (3600), other claims as given.
sub token
{
	my ($self, $subject, %claims) = @_;
	my $lifetime = delete $claims{lifetime} // 3600;

	return $self->sign(
		encode_json({
			sub => $subject,
			aud => [AUDIENCE],
			exp => time + $lifetime,
			jti => 'jti-' . $$ . '-' . ++$self->{serial},
			%claims
		}));
}

# Tokens of the two agents of the application.
sub token_a
{
	my ($issuer, %claims) = @_;
	return $issuer->token(AGENT_A, tenant => 'acme', %claims);
}

sub token_b
{
	my ($issuer, %claims) = @_;
	return $issuer->token(AGENT_B, tenant => 'globex', %claims);
}

# --- servers ---------------------------------------------------------------

# A started server that has preloaded contauth; further settings as text, and
# options of initdb.  Instead of a name, a hash with name and, where wanted,
# install_path (another PostgreSQL) and start => 0.
sub new_node
{
	my ($name, $conf, @initdb) = @_;
	my %of = ref $name ? %$name : (name => $name);
	my $node = PostgreSQL::Test::Cluster->new($of{name},
		$of{install_path} ? (install_path => $of{install_path}) : ());

	$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8', @initdb ]);
	$node->append_conf('postgresql.conf', <<"EOC");
shared_preload_libraries = 'contauth'
contauth.audience = '@{[AUDIENCE]}'
contauth.audit_database = 'postgres'
contauth.clock_skew = 0
restart_after_crash = on
jit = off
@{[$conf // '']}
EOC
	$node->start unless defined $of{start} && !$of{start};
	return $node;
}

# The application described above, with the policies of its two agents.
sub install_application
{
	my ($node, $issuer, $db) = @_;
	my $jwks = $issuer->jwks;

	$node->safe_psql($db // 'postgres', <<"EOS");
CREATE EXTENSION contauth;
CREATE ROLE @{[ROLE_A]} LOGIN;
CREATE ROLE @{[ROLE_B]} LOGIN;
CREATE ROLE regress_contauth_human LOGIN;
SELECT contauth.enroll_role('@{[ROLE_A]}');
SELECT contauth.enroll_role('@{[ROLE_B]}');
CREATE SCHEMA app;
CREATE TABLE app.customer (
	id integer PRIMARY KEY, tenant text NOT NULL, name text NOT NULL,
	email text, phone text, notes text, balance numeric);
INSERT INTO app.customer
	SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
		   CASE WHEN i % 2 = 0 THEN 'acmename' ELSE 'GLOBEXROW' END || i,
		   'EMAILRAW' || i || '\@example.com', 'PHONERAW555' || i,
		   'NOTESRAW' || i, i * 10
	  FROM generate_series(1, 10) AS i;
CREATE TABLE app.ticket (
	id integer PRIMARY KEY, customer_id integer REFERENCES app.customer,
	tenant text NOT NULL, body text);
INSERT INTO app.ticket
	SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
		   CASE WHEN i % 2 = 0 THEN 'acmebody' ELSE 'GLOBEXROW' END || i
	  FROM generate_series(1, 10) AS i;
CREATE VIEW app.customer_view AS SELECT * FROM app.customer;
ANALYZE;
GRANT ALL ON SCHEMA app TO @{[ROLE_A]}, @{[ROLE_B]}, regress_contauth_human;
GRANT ALL ON ALL TABLES IN SCHEMA app
	TO @{[ROLE_A]}, @{[ROLE_B]}, regress_contauth_human;
SELECT contauth.add_issuer('https://issuer.acme.example', 'acme.example', '$jwks');
SELECT contauth.register_agent('@{[AGENT_A]}', '{@{[ROLE_A]}}', 'alice', 2);
SELECT contauth.register_agent('@{[AGENT_B]}', '{@{[ROLE_B]}, @{[ROLE_A]}}', 'bob', 2);
SELECT contauth.create_policy('read_own_tenant', effect => 'permit',
	principals => '{spiffe://acme.example/agent/support/*}',
	actions => '{select}',
	resources => '{"app.customer(id,tenant,name,email,phone,balance)", app.ticket}',
	row_filter => \$\$ tenant = contauth.claim('tenant') \$\$,
	masks => '{"app.customer.email": "email", "app.customer.phone": "redact"}');
SELECT contauth.create_policy('update_own_tickets', effect => 'permit',
	principals => '{spiffe://acme.example/agent/support/*}',
	actions => '{update}', resources => '{app.ticket(body)}',
	row_filter => \$\$ tenant = contauth.claim('tenant') \$\$);
EOS
	return;
}

# What a database keeps of contauth, without its audit, as text.
sub state_of
{
	my ($node, $db) = @_;

	return $node->safe_psql($db, <<'EOS');
SELECT to_jsonb(p) FROM contauth.policy AS p ORDER BY name;
SELECT to_jsonb(v) FROM contauth.policy_version AS v ORDER BY version, policy;
SELECT to_jsonb(c) FROM contauth.classification AS c ORDER BY class;
SELECT name, key FROM contauth.secret ORDER BY name;
SELECT to_jsonb(a) FROM contauth.agent AS a ORDER BY spiffe_id;
SELECT to_jsonb(i) FROM contauth.issuer AS i ORDER BY issuer;
SELECT to_jsonb(k) FROM contauth.agent_key AS k ORDER BY spiffe_id, kid;
SELECT to_jsonb(p) FROM contauth.principal AS p ORDER BY db_role, principal;
SELECT to_jsonb(r) FROM contauth.revocation AS r ORDER BY kind, id;
SELECT to_jsonb(k) FROM contauth.kill_switch_state AS k;
SELECT to_jsonb(g) FROM contauth.break_glass_grant AS g ORDER BY id;
SELECT objtype, objname, label FROM pg_seclabels ORDER BY 1, 2;
SELECT extversion FROM pg_extension WHERE extname = 'contauth';
EOS
}

# --- sessions --------------------------------------------------------------

# psql's option for a role; without one the superuser connects.
sub role_option
{
	my ($role) = @_;
	return defined $role ? ('-U', $role) : ();
}

# A psql that stays open.  With a token, it comes as a connection option.
sub open_session
{
	my ($node, $role, $token, $db) = @_;

	local $ENV{PGOPTIONS} = defined $token ? "-c contauth.token=$token" : '';
	return $node->background_psql($db // 'postgres',
		on_error_stop => 0,
		extra_params => [ role_option($role), '-v', 'VERBOSITY=verbose' ]);
}

# Run statements; returns SQLSTATE of the last one, output and errors.
sub attempt
{
	my ($session, $sql) = @_;

	$sql =~ s/;?\s*\z/;/;
	$session->{stderr} = '';
	my $output = $session->query("$sql\n\\echo sqlstate=:SQLSTATE");
	my $errors = $session->{stderr};
	$session->{stderr} = '';
	$output =~ s/\n?sqlstate=([0-9A-Z]{5})\s*\z//
	  or die "no SQLSTATE in \"$output\"";
	return ($1, $output, $errors);
}

# Statements must end with this SQLSTATE; returns output and errors.
sub sqlstate_is
{
	my ($session, $sql, $expected, $title) = @_;
	my ($sqlstate, $output, $errors) = attempt($session, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($sqlstate, $expected, $title) or diag($errors);
	return ($output, $errors);
}

# Statements must succeed with this output.
sub output_is
{
	my ($session, $sql, $expected, $title) = @_;
	my ($sqlstate, $output, $errors) = attempt($session, $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is("$sqlstate $output", "00000 $expected", $title) or diag($errors);
	return;
}

# One psql run as a role: exit code, output and errors.
sub as_role
{
	my ($node, $role, $token, $sql, $db) = @_;
	my ($out, $err) = ('', '');

	local $ENV{PGOPTIONS} = defined $token ? "-c contauth.token=$token" : '';
	my $code = $node->psql($db // 'postgres', $sql,
		stdout => \$out,
		stderr => \$err,
		on_error_stop => 1,
		extra_params => [ role_option($role), '-v', 'VERBOSITY=verbose' ]);
	return ($code, $out, $err);
}

# Run shapes of statements as an agent through several protocols, and search
# every byte that it receives; see leak_agent.py.  Returns its answers.
sub run_matrix
{
	my ($node, %request) = @_;
	my $input = encode_json({
		socket => $node->host,
		port => $node->port + 0,
		relay => PostgreSQL::Test::Utils::tempdir_short() . '/relay',
		human => 'regress_contauth_human',
		values => [],
		%request
	});
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', "$FindBin::RealBin/leak_agent.py" ],
		'<', \$input, '>', \$out, '2>', \$err)
	  or die "the agent failed: $err";
	note $out;
	return map { decode_json($_) } split /\n/, $out;
}

# --- poolers ---------------------------------------------------------------

# From 1.21 on pgbouncer gives prepared statements names of its own, unless it
# is told not to: tests ask for those that are left on a connection.
sub own_names_of_statements
{
	my $version = run_command_ok('pgbouncer', '--version');

	return $version =~ /PgBouncer 1\.(\d+)/ && $1 >= 21 ? 'max_prepared_statements = 0' : '';
}

# A pgbouncer in the foreground that listens in a folder of its own.  Databases
# map a name to what pgbouncer's configuration says of it; everybody who
# connects is let in, as the role that stands there.  Returns host (the folder),
# port, and process (to kill_kill at the end).
sub new_pooler
{
	my (%databases) = @_;
	my $self = {
		host => PostgreSQL::Test::Utils::tempdir_short(),
		port => PostgreSQL::Test::Cluster::get_free_port(),
	};
	my $log = '';

	open my $ini, '>', "$self->{host}/pgbouncer.ini" or die "cannot write: $!";
	print $ini "[databases]\n", map { "$_ = $databases{$_}\n" } sort keys %databases;
	print $ini <<"EOC";
[pgbouncer]
listen_addr =
listen_port = $self->{port}
unix_socket_dir = $self->{host}
auth_type = any
admin_users = whoever
pidfile = $self->{host}/pgbouncer.pid
logfile = $self->{host}/pgbouncer.log
server_reset_query = DISCARD ALL
server_check_delay = 0
query_wait_timeout = 60
@{[own_names_of_statements()]}
EOC
	close $ini;
	$self->{process} = IPC::Run::start([ 'pgbouncer', '-q', "$self->{host}/pgbouncer.ini" ],
		'<', \undef, '>', \$log, '2>&1');
	foreach (1 .. 100)
	{
		return $self if -S "$self->{host}/.s.PGSQL.$self->{port}";
		$self->{process}->pump_nb;
		select undef, undef, undef, 0.1;
	}
	$self->{process}->kill_kill;
	die "pgbouncer does not start: $log";
}

# --- audit -----------------------------------------------------------------

# Wait until every record made so far is in the table.
sub records_synced
{
	my ($node) = @_;
	return $node->safe_psql('postgres', "SELECT contauth_audit.sync('30 s')") eq 't';
}

# What a query over contauth_audit.decision says once all records are there.
sub decisions
{
	my ($node, $sql) = @_;

	records_synced($node) or die 'the audit did not catch up';
	return $node->safe_psql('postgres', $sql);
}

1;
