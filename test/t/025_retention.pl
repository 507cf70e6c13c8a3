# Old records go, never young ones, never out of the middle; verify() goes on
# behind the cut and still finds what is damaged.  Rows in the default partition
# move to a partition of their month.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

my $issuer = new_issuer();
my $node = new_node('retention');
install_application($node, $issuer);
$node->safe_psql('postgres', q{CREATE ROLE regress_contauth_keeper LOGIN;
	CREATE ROLE regress_contauth_chief LOGIN IN ROLE contauth_admin, contauth_auditor});

# One value that the superuser reads.
sub value
{
	my ($sql) = @_;
	return $node->safe_psql('postgres', $sql);
}

# SQLSTATE and message of a statement that must fail.
sub refused
{
	my ($role, $sql, $expected, $title) = @_;
	my ($code, $out, $err) = as_role($node, $role, undef, $sql);

	like($err, $expected, $title);
	return;
}

# Wait until all records are in the table.
sub synced
{
	is(value('SELECT contauth_audit.sync()'), 't', 'records are in the table');
	return;
}

# --- a partition that ends in a moment, in the place of this month's --------------
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 2 FROM pg_inherits
	WHERE inhparent = 'contauth_audit.decision'::regclass
	  AND inhrelid <> 'contauth_audit.decision_default'::regclass}),
	'this month and the next have partitions');
value(q{
DO $$
DECLARE
	p regclass;
	until timestamptz := clock_timestamp() + interval '4 s';
BEGIN
	FOR p IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'contauth_audit.decision'::regclass
		AND inhrelid <> 'contauth_audit.decision_default'::regclass LOOP
		EXECUTE format('ALTER TABLE contauth_audit.decision DETACH PARTITION %s', p);
		EXECUTE format('DROP TABLE %s', p);
	END LOOP;
	EXECUTE format('CREATE TABLE contauth_audit.decision_old PARTITION OF contauth_audit.decision'
		' FOR VALUES FROM (%L) TO (%L)', '2000-01-01', until);
	EXECUTE format('CREATE TABLE public.boundary AS SELECT %L::timestamptz AS at', until);
END
$$});

my $agent = open_session($node, ROLE_A, token_a($issuer));
my $slow = open_session($node, ROLE_B, token_b($issuer));
output_is($agent, 'SELECT count(*) FROM app.ticket', '5', 'an old statement');
sqlstate_is($agent, 'SELECT notes FROM app.customer', '42501', 'an old denial');

# decided before the boundary, but ends, and is recorded, behind young ones
$slow->{stdin} .= "SELECT pg_sleep(6), 'straggler' FROM app.ticket LIMIT 1;\n";
$slow->{run}->pump_nb;
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE query LIKE 'SELECT pg_sleep(6)%' AND state = 'active'}), 'a long statement runs');
ok( $node->poll_query_until('postgres', 'SELECT clock_timestamp() > at FROM public.boundary'),
	'the boundary has passed');
output_is($agent, "SELECT 'young'", 'young', 'a young statement');
synced();
my $boundary = value('SELECT max(seq) FROM contauth_audit.decision_old');
is(value('SELECT count(*) > 0 FROM contauth_audit.decision_default'), 't',
	'young records went to the default partition');
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM contauth_audit.decision_old
	WHERE statement LIKE 'SELECT pg_sleep%'}), 'the long statement is recorded with the old ones');
is(value('SELECT ok FROM contauth_audit.verify()'), 't', 'the chain is whole');
my $records = value('SELECT count(*) FROM contauth_audit.decision');

# --- who may, and from when on ------------------------------------------------------
my $drop = q{SELECT contauth_audit.drop_before((SELECT at FROM public.boundary), 's3://archive/2026')};
value('GRANT SELECT ON public.boundary TO PUBLIC');
refused(undef, $drop, qr/22023: before is not valid: records are kept for at least 180 days/,
	'the superuser cannot drop what is younger than 180 days');
refused(undef, q{SELECT contauth_audit.drop_before(NULL, 'x')}, qr/22023: before is not valid/, 'nor nothing');
refused(undef, q{SELECT contauth_audit.drop_before('infinity', 'x')}, qr/22023: before is not valid/, 'nor all');
refused('regress_contauth_chief', $drop, qr/42501/, 'administrators and auditors cannot at all');
refused('regress_contauth_chief', 'SET contauth.audit_retention_min = 0', qr/42501/,
	'and do not set for how long');
is(value('SELECT count(*) FROM contauth_audit.decision'), $records, 'nothing has gone');
is(value(q{SELECT contauth_audit.drop_before(now() - interval '200 days', 'x')}), '0',
	'nothing is that old');
is(value('SELECT count(*) FROM contauth_audit.retention'), '0', 'and nothing was cut');

# --- the cut --------------------------------------------------------------------------
value('ALTER SYSTEM SET contauth.audit_retention_min = 0');
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT current_setting('contauth.audit_retention_min') = '0'}),
	'no least time any more');
refused(undef, q{SELECT contauth_audit.drop_before((SELECT at FROM public.boundary), '')},
	qr/22023: archive is not valid/, 'it must say where the records are');
is(value($drop), $boundary, 'the records of the old partition go');
is(value('SELECT min(seq) FROM contauth_audit.decision'), $boundary + 1, 'from the first on');
is(value('SELECT count(*) FROM contauth_audit.decision'), $records - $boundary, 'and no other');
is(value(q{SELECT count(*) FROM contauth_audit.decision WHERE statement LIKE 'SELECT pg_sleep%'}), '1',
	'the one that belongs behind the cut is kept');
is(value(q{SELECT to_regclass('contauth_audit.decision_old') IS NULL}), 't', 'the partition is gone');
is( value(q{SELECT seq, by, records, archive, damage IS NULL FROM contauth_audit.retention}),
	join('|', $boundary, value('SELECT session_user'), $boundary, 's3://archive/2026', 't'),
	'the cut is on record');
is(value(q{SELECT object IS NOT NULL, detail FROM contauth_audit.admin_event WHERE action = 'drop_before'}),
	qq{t|{"seq": $boundary, "whole": true, "archive": "s3://archive/2026", "records": $boundary}},
	'and who made it');
is(value('SELECT ok, checked FROM contauth_audit.verify()'), 't|' . ($records - $boundary),
	'what is kept verifies');
is(value('SELECT ok, checked FROM contauth_audit.verify(1, 1000000)'), 't|' . ($records - $boundary),
	'also when asked for all');
refused(undef, "DELETE FROM contauth_audit.retention", qr/42501/, 'nobody changes what was cut');
refused(undef, "INSERT INTO contauth_audit.retention VALUES (1, '', now(), 'x', now(), 1, 'x')", qr/42501/,
	'nor adds to it');

# --- the default partition is emptied --------------------------------------------------
$node->restart;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM contauth_audit.decision_default}),
	'the worker moves rows of the default partition where they belong');
is(value('SELECT count(*) FROM contauth_audit.decision'), $records - $boundary, 'all of them');
is(value('SELECT ok FROM contauth_audit.verify()'), 't', 'unchanged');
is( value(q{SELECT count(*) FROM pg_inherits AS i WHERE inhparent = 'contauth_audit.decision'::regclass
	AND (SELECT count(*) FROM pg_trigger AS t WHERE t.tgrelid = i.inhrelid AND t.tgenabled = 'A'
	AND t.tgfoid = 'contauth_audit.refuse_change'::regproc) <> 2}), '0', 'and guarded as before');
my $month = value(q{SELECT tableoid::regclass FROM contauth_audit.decision LIMIT 1});
refused(undef, "DELETE FROM $month", qr/42501: audit records of "decision_p\d{6}" cannot be changed/,
	'nobody deletes there');
my $again = open_session($node, ROLE_A, token_a($issuer));
output_is($again, "SELECT 'after'", 'after', 'records go on');
synced();
is(value('SELECT ok, checked FROM contauth_audit.verify()'),
	't|' . value('SELECT count(*) FROM contauth_audit.decision'), 'in one chain');

# --- nothing goes that has not ended -------------------------------------------------------
$again->quit;
synced();
is(value(q{SELECT contauth_audit.drop_before(now(), 'x')}), '0', 'a partition that has not ended stays');

# --- a restored audit, with rows of months that have no partition -------------------------
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->safe_psql('restored', q{
CREATE EXTENSION contauth;
INSERT INTO contauth_audit.decision (decision_id, seq, boot_id, decided_at, decision, mode, prev_hash, hash)
	SELECT gen_random_uuid(), n, gen_random_uuid(), make_timestamptz(2020, n, 15, 0, 0, 0, 'UTC'),
		   'allow', 'enforce', 'forged', 'forged'
	  FROM generate_series(1, 3) AS n});
is($node->safe_psql('restored', q{SELECT contauth_audit.drop_before('2020-03-01 00:00+00', 'x')}), '2',
	'months without a partition go, too');
is($node->safe_psql('restored', q{SELECT seq, damage FROM contauth_audit.retention}), '2|edited, first at 1',
	'that they were not whole is on record');
is($node->safe_psql('restored', q{SELECT contauth_audit.drop_before('2021-01-01 00:00+00', 'x')}), '0',
	'the newest record stays, whatever is asked for');
is($node->safe_psql('restored', q{SELECT seq, tableoid::regclass FROM contauth_audit.decision}),
	'3|contauth_audit.decision_p202003', 'in a partition of its month');

# --- damage is found behind a cut, and a cut without its record --------------------------
value(qq{ALTER TABLE contauth_audit.retention DISABLE TRIGGER ALL;
	DELETE FROM contauth_audit.retention; ALTER TABLE contauth_audit.retention ENABLE ALWAYS TRIGGER refuse_row});
is(value('SELECT ok, first_bad, damage FROM contauth_audit.verify()'), 'f|1|missing',
	'without its record the cut is damage');
$_->quit for ($agent, $slow);
$node->stop;
done_testing();
