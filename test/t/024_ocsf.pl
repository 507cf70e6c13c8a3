# Every decision becomes a valid OCSF event: statements of all kinds, allowed,
# denied, escalated, over a budget, without an identity, with a broken one, from
# a socket and from an address.  The validator itself refuses broken events.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

# The published definitions are not part of the product: they lie beside it.
my $root = "$FindBin::RealBin/../..";
my $schema = ($ENV{CONTAUTH_SHARED_DATA} // "$root/../shared/data") . '/ocsf';

# Validate events, one a line; the exit code and what the validator said.
sub validate
{
	my ($events) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ '/usr/bin/python3', "$root/test/ocsf/validate.py", $schema, 'datastore_activity' ],
		'<', \$events, '>', \$out, '2>', \$err);
	return ($? >> 8, "$out$err");
}

my $issuer = new_issuer();
my $node = new_node('ocsf', "listen_addresses = '127.0.0.1'");
install_application($node, $issuer);
$node->append_conf('pg_hba.conf', 'host all all 127.0.0.1/32 trust');
$node->reload;
$node->safe_psql('postgres', q{
SELECT contauth.create_policy('writes', 'permit', actions => '{insert,delete,export,copy_in,lock,set_role,notify}',
	resources => '{app.ticket,app.customer,role:*,channel:*}');
SELECT contauth.create_policy('asks', 'escalate', actions => '{delete}', resources => '{app.customer}');
SELECT contauth.create_policy('few', 'restrict', actions => '{select}', resources => '{app.customer}',
	limits => '{"rows_per_statement": 4}');
INSERT INTO contauth.classification VALUES ('pii.phone', 3, 'numbers of people');
SECURITY LABEL FOR contauth ON COLUMN app.customer.phone IS 'pii.phone'});

# --- decisions of all kinds -----------------------------------------------------
my $agent = open_session($node, ROLE_A, token_a($issuer, purpose => 'support'));
my @statements = (
	[ 'SELECT id, phone FROM app.customer LIMIT 2', '00000' ],
	[ 'SELECT id FROM app.customer', 'ZA003' ],
	[ 'SELECT notes FROM app.customer', '42501' ],
	[ "INSERT INTO app.ticket VALUES (99, NULL, 'acme', 'x')", '00000' ],
	[ "UPDATE app.ticket SET body = 'y' WHERE id = 99", '00000' ],
	[ "WITH n AS (INSERT INTO app.ticket VALUES (98, NULL, 'acme', 'x') RETURNING id), u AS (UPDATE app.ticket SET body = 'z' WHERE id = 99 RETURNING id) SELECT count(*) FROM n, u",
		'00000' ],
	[ 'DELETE FROM app.ticket WHERE id = 98', '00000' ],
	[ 'DELETE FROM app.customer WHERE id = 2', 'ZA001' ],
	[ 'COPY app.ticket TO STDOUT', '00000' ],
	[ 'CREATE TABLE app.t ()', '42501' ],
	[ 'SELECT 1 / 0', '22012' ],
	[ "SET contauth.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'", '00000' ],
	[ 'BEGIN; SELECT 1; ROLLBACK', '00000' ],
	[ 'NOTIFY jobs', '00000' ],
	[ "SELECT contauth.authenticate('nonsense')", '28000' ],
	[ "SET application_name = ''", '00000' ],
	[ 'SELECT contauth.whoami()', '00000' ]);
sqlstate_is($agent, $_->[0], $_->[1], $_->[0]) for @statements;
$agent->quit;

my $nobody = open_session($node, ROLE_A);
sqlstate_is($nobody, 'SELECT 1', '28000', 'a session without identity');
$nobody->quit;
my $borrower = open_session($node, ROLE_B, token_a($issuer));
sqlstate_is($borrower, 'SELECT 2', '28000', 'an agent in a role that is not its own');
$borrower->quit;

{
	local $ENV{PGOPTIONS} = '-c contauth.token=' . token_b($issuer);
	$node->safe_psql('postgres', 'SELECT id FROM app.ticket',
		connstr => $node->connstr('postgres') . " host=127.0.0.1 user=@{[ROLE_A]}");
}
$node->safe_psql('postgres', "ALTER ROLE @{[ROLE_B]} SET contauth.mode = 'monitor'");
my $monitored = open_session($node, ROLE_B, token_b($issuer));
sqlstate_is($monitored, 'SELECT notes FROM app.customer', '00000', 'a statement that is not enforced');
$monitored->quit;
$node->safe_psql('postgres', 'SELECT contauth_audit.sync()');

# --- one event for each of them ---------------------------------------------------
my $records = $node->safe_psql('postgres', 'SELECT count(*) FROM contauth_audit.decision');
my $events = $node->safe_psql('postgres', 'SELECT event FROM contauth_audit.ocsf ORDER BY seq');
is(scalar(split /\n/, $events), $records, "each of $records records is an event");
is( $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT event ->> 'action', ' ' ORDER BY event ->> 'action')
	FROM contauth_audit.ocsf}), 'Allowed Denied Escalated Observed', 'of every outcome');
is( $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT event ->> 'activity_id', ' ' ORDER BY event ->> 'activity_id')
	FROM contauth_audit.ocsf}), '1 2 4 5 6 7 99', 'of every activity');
is( $node->safe_psql('postgres', q{SELECT count(*) > 0 FROM contauth_audit.ocsf WHERE event #>> '{src_endpoint,ip}' = '127.0.0.1'}),
	't', 'from an address, too');

# --- all of them are valid, and the validator refuses what is broken ----------------
SKIP:
{
	if (!-e "$schema/dictionary.json")
	{
		diag("NO EVENT WAS VALIDATED: there is no OCSF schema in $schema");
		skip "no OCSF schema in $schema", 1;
	}
	my ($code, $said) = validate("$events\n");
	is($code, 0, 'every event is valid') or diag($said);
	like($said, qr/^$records events, 0 bad$/m, 'all of them');

	my $good = decode_json((grep { /"table"/ && /"ai_agent"/ } split /\n/, $events)[0]);
	my %broken = (
		'an attribute is missing' => sub { delete $_[0]{src_endpoint} },
		'the actor is nobody' => sub { $_[0]{actor} = { authorizations => [] } },
		'an attribute is not in the schema' => sub { $_[0]{tenant} = 'acme' },
		'an attribute of an object is not' => sub { $_[0]{actor}{user}{tenant} = 'acme' },
		'a profile is not named' => sub { $_[0]{metadata}{profiles} = ['security_control'] },
		'a number is text' => sub { $_[0]{time} = 'yesterday' },
		'a text is a number' => sub { $_[0]{status_code} = 42501 },
		'a number is not one of those listed' => sub { $_[0]{severity_id} = 42 },
		'a caption is not that of its number' => sub { $_[0]{severity} = 'Boring' },
		'type_uid does not fit' => sub { $_[0]{type_uid} = 600599 },
		'the class is another one' => sub { $_[0]{class_uid} = 6003 },
		'there is no datastore' => sub { delete @{ $_[0] }{qw(database table)} },
		'an address is none' => sub { $_[0]{src_endpoint}{ip} = 'here' },
		'the version is another one' => sub { $_[0]{metadata}{version} = '1.0.0' });
	is((validate(encode_json($good)))[0], 0, 'the event that is broken next is valid');
	for my $what (sort keys %broken)
	{
		my $event = decode_json(encode_json($good));

		$broken{$what}->($event);
		($code, $said) = validate(encode_json($event));
		is($code, 1, "refused when $what") or diag($said);
		like($said, qr/^event 1: /m, "and said so: $what");
	}
	is((validate(''))[0], 1, 'no event at all is not a success');
}

# --- findings that need real sessions ----------------------------------------------
is( $node->safe_psql('postgres', q{SELECT finding, subject, detail FROM contauth_audit.findings
	WHERE finding IN ('borrowed_service_account', 'several_addresses') ORDER BY 1, 2}),
	join("\n",
		'borrowed_service_account|regress_contauth_b|1 statements with an agent that is not registered for this role',
		'several_addresses|spiffe://acme.example/agent/support/b|from 127.0.0.1, a local socket'),
	'a borrowed role and an agent from two addresses are found, no other');

$node->stop;
done_testing();
