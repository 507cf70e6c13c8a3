# Rows of the audit are written without a query for each, and what repeats in
# them is made once (src/audit/decision_writer.c, memo.c).
#
# Whatever a superuser has added to contauth_audit.decision, each decision is
# written and the chain stays intact; and a row says what its own record did,
# not what one like it did before.
#
# A failure means: an addition to the table stops the audit, or hides rows from
# what was added; or a record was written with the text of another.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

use constant STATEMENTS => 200;

my $issuer = new_issuer();
my $node = new_node('writer', "log_statement = none\n");
install_application($node, $issuer);
my $agent = open_session($node, ROLE_A, token_a($issuer));

# An allowed and a denied statement are written, and all is intact.
sub recorded
{
	my ($when) = @_;
	my $mark = $when =~ s/\W/_/gr;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	sqlstate_is($agent, "SELECT id AS good_$mark FROM app.ticket", '00000', "$when: allowed");
	sqlstate_is($agent, "SELECT notes AS bad_$mark FROM app.customer", '42501', "$when: denied");
	is( decisions($node, <<"EOS"), "allow\ndeny", "$when: both are written");
SELECT decision FROM contauth_audit.decision
 WHERE statement LIKE '%\\_$mark FROM%' ORDER BY seq
EOS
	is( $node->safe_psql('postgres',
			'SELECT ok, checked = (SELECT max(seq) FROM contauth_audit.decision), damage FROM contauth_audit.verify()'
		),
		't|t|', "$when: the chain is intact");
	return;
}

# --- what superusers add to the table ------------------------------------------

$node->safe_psql('postgres', <<'EOS');
CREATE TABLE public.seen (how text, n bigint);
CREATE FUNCTION public.see_row() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN INSERT INTO public.seen VALUES (TG_NAME, NEW.seq); RETURN NEW; END';
CREATE FUNCTION public.see_statement() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN INSERT INTO public.seen VALUES (TG_NAME, 0); RETURN NULL; END';
CREATE FUNCTION public.see_table() RETURNS trigger LANGUAGE plpgsql
	AS 'BEGIN INSERT INTO public.seen SELECT TG_NAME, seq FROM fresh; RETURN NULL; END';
EOS
recorded('as installed');

# title => [how to add it, how to take it away]
my @additions = (
	'a trigger before rows' => [
		'CREATE TRIGGER t BEFORE INSERT ON contauth_audit.decision FOR EACH ROW EXECUTE FUNCTION public.see_row()',
		'DROP TRIGGER t ON contauth_audit.decision' ],
	'a trigger after rows' => [
		'CREATE TRIGGER t AFTER INSERT ON contauth_audit.decision FOR EACH ROW EXECUTE FUNCTION public.see_row()',
		'DROP TRIGGER t ON contauth_audit.decision' ],
	'a trigger before statements' => [
		'CREATE TRIGGER t BEFORE INSERT ON contauth_audit.decision FOR EACH STATEMENT EXECUTE FUNCTION public.see_statement()',
		'DROP TRIGGER t ON contauth_audit.decision' ],
	'a trigger after statements' => [
		'CREATE TRIGGER t AFTER INSERT ON contauth_audit.decision FOR EACH STATEMENT EXECUTE FUNCTION public.see_statement()',
		'DROP TRIGGER t ON contauth_audit.decision' ],
	'a transition table' => [
		'CREATE TRIGGER t AFTER INSERT ON contauth_audit.decision REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.see_table()',
		'DROP TRIGGER t ON contauth_audit.decision' ],
	'a rule' => [
		q(CREATE RULE t AS ON INSERT TO contauth_audit.decision DO ALSO INSERT INTO public.seen VALUES ('t', NEW.seq)),
		'DROP RULE t ON contauth_audit.decision' ]);

while (my ($title, $sql) = splice(@additions, 0, 2))
{
	$node->safe_psql('postgres', "TRUNCATE public.seen; $sql->[0]");
	recorded($title);
	cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM public.seen'),
		'>=', $title =~ /statements/ ? 1 : 2, "$title: it has seen them");
	$node->safe_psql('postgres', $sql->[1]);
	recorded("without $title");
}

my $month = $node->safe_psql('postgres',
	q(SELECT to_char(now() AT TIME ZONE 'UTC', '"decision_p"YYYYMM')));

# a trigger of one partition alone, which the table does not know
$node->safe_psql('postgres', "TRUNCATE public.seen;
	CREATE TRIGGER t BEFORE INSERT ON contauth_audit.$month FOR EACH ROW EXECUTE FUNCTION public.see_row()");
recorded('a trigger of the partition');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM public.seen'),
	'>=', 2, 'a trigger of the partition: it has seen them');
$node->safe_psql('postgres', "DROP TRIGGER t ON contauth_audit.$month");

# the month ends while agents are at work: one partition up to a moment, another from then on
my $turn = $node->safe_psql('postgres', <<"EOS");
SELECT now() + '2 s' AS turn \\gset
SELECT substring(pg_get_expr(relpartbound, oid) FROM 'FROM \((.*)\) TO') AS low,
       substring(pg_get_expr(relpartbound, oid) FROM 'TO \((.*)\)') AS high
  FROM pg_class WHERE oid = 'contauth_audit.$month'::regclass \\gset
BEGIN;
LOCK TABLE contauth_audit.decision IN ACCESS EXCLUSIVE MODE;
ALTER TABLE contauth_audit.decision DETACH PARTITION contauth_audit.$month;
CREATE TABLE contauth_audit.old_part AS SELECT * FROM contauth_audit.$month;
CREATE TABLE contauth_audit.new_part (LIKE contauth_audit.decision);
SELECT format('ALTER TABLE contauth_audit.old_part %s', string_agg('ALTER ' || attname || ' SET NOT NULL', ', '))
  FROM pg_attribute WHERE attrelid = 'contauth_audit.decision'::regclass AND attnum > 0 AND attnotnull \\gexec
ALTER TABLE contauth_audit.decision ATTACH PARTITION contauth_audit.old_part FOR VALUES FROM (:low) TO (:'turn');
ALTER TABLE contauth_audit.decision ATTACH PARTITION contauth_audit.new_part FOR VALUES FROM (:'turn') TO (:high);
COMMIT;
SELECT :'turn'::timestamptz;
EOS
my $done = 0;
while ($node->safe_psql('postgres', "SELECT now() < '$turn'::timestamptz + interval '1 s'") eq 't')
{
	sqlstate_is($agent, 'SELECT id AS at_the_turn FROM app.ticket;' x 300, '00000', 'many statements at the turn');
	$done += 300;
}
is( decisions($node, q(SELECT count(*), count(DISTINCT tableoid) FROM contauth_audit.decision WHERE statement ~ 'at_the_turn')),
	"$done|2", 'each is written, in the partition of its time');
recorded('after the turn');
$node->safe_psql('postgres', <<"EOS");
BEGIN;
LOCK TABLE contauth_audit.decision IN ACCESS EXCLUSIVE MODE;
ALTER TABLE contauth_audit.decision DETACH PARTITION contauth_audit.old_part;
ALTER TABLE contauth_audit.decision DETACH PARTITION contauth_audit.new_part;
ALTER TABLE contauth_audit.$month DISABLE TRIGGER ALL;
TRUNCATE contauth_audit.$month;
INSERT INTO contauth_audit.$month SELECT * FROM contauth_audit.old_part UNION ALL SELECT * FROM contauth_audit.new_part;
ALTER TABLE contauth_audit.$month ENABLE TRIGGER ALL;
SELECT format('ALTER TABLE contauth_audit.decision ATTACH PARTITION contauth_audit.$month FOR VALUES FROM (%L) TO (%L)',
		date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + interval '1 month') \\gexec
COMMIT;
EOS

# a partition whose columns are in another order, instead of this month's
$node->safe_psql('postgres', <<"EOS");
DO \$\$
DECLARE
	bound text := (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = 'contauth_audit.$month'::regclass);
	names text := (SELECT string_agg(attname, ', ') FROM pg_attribute
					WHERE attrelid = 'contauth_audit.decision'::regclass AND attnum > 0);
BEGIN
	LOCK TABLE contauth_audit.decision IN ACCESS EXCLUSIVE MODE;
	ALTER TABLE contauth_audit.decision DETACH PARTITION contauth_audit.$month;
	EXECUTE 'CREATE TABLE contauth_audit.other_order AS SELECT hash, prev_hash, decided_at, '
		|| (SELECT string_agg(attname, ', ' ORDER BY attname) FROM pg_attribute
			 WHERE attrelid = 'contauth_audit.decision'::regclass AND attnum > 0
			   AND attname NOT IN ('hash', 'prev_hash', 'decided_at'))
		|| ' FROM contauth_audit.$month';
	EXECUTE (SELECT 'ALTER TABLE contauth_audit.other_order '
			|| string_agg('ALTER ' || attname || ' SET NOT NULL', ', ') FROM pg_attribute
			  WHERE attrelid = 'contauth_audit.decision'::regclass AND attnum > 0 AND attnotnull);
	EXECUTE 'ALTER TABLE contauth_audit.decision ATTACH PARTITION contauth_audit.other_order ' || bound;
END \$\$
EOS
recorded('a partition in another order');
is($node->safe_psql('postgres', q(SELECT count(*) FROM contauth_audit.other_order WHERE statement LIKE '%in_another_order%')),
	'2', 'it has the rows');

# columns; one that was dropped is still there for whoever counts
$node->safe_psql('postgres',
	q(ALTER TABLE contauth_audit.decision ADD COLUMN note text DEFAULT 'kept'));
recorded('a column');
is($node->safe_psql('postgres', q(SELECT DISTINCT note FROM contauth_audit.decision)),
	'kept', 'a column: it has its default');
$node->safe_psql('postgres', 'ALTER TABLE contauth_audit.decision DROP COLUMN note');
recorded('a dropped column');

# --- what repeats --------------------------------------------------------------

# More texts than are kept, in turn, so that they take each other's place
foreach my $round (1 .. 3)
{
	my $sql = join(";\n",
		map { "SELECT count(*) AS turn_${_}_end FROM app.ticket WHERE id > $_$round" } 1 .. STATEMENTS);
	sqlstate_is($agent, "$sql;", '00000', "many statements, round $round");
}
is( decisions($node, <<'EOS'), STATEMENTS . '|3|3|t', 'each of many statements has its own text');
SELECT count(DISTINCT statement), min(n), max(n), bool_and(numbered)
  FROM (SELECT statement, count(*) AS n,
               statement = format('SELECT count(*) AS turn_%s_end FROM app.ticket WHERE id > $1',
                                  substring(statement FROM 'turn_(\d+)_end')) AS numbered
          FROM contauth_audit.decision WHERE statement ~ '^SELECT count\(\*\) AS turn_\d' GROUP BY 1) AS s
EOS

# What comes twice in a row is kept as a whole, and must not be taken for what comes next
foreach my $round (1 .. 3)
{
	my $sql = join(";\n", map { ("SELECT id AS pair_${_}_end FROM app.ticket") x 2 } 100 .. 299);
	sqlstate_is($agent, "$sql;", '00000', "pairs of statements, round $round");
}
is( decisions($node, <<'EOS'), '200|6|6|t', 'each of a pair has its own text');
SELECT count(DISTINCT statement), min(n), max(n), bool_and(numbered)
  FROM (SELECT statement, count(*) AS n,
               statement = format('SELECT id AS pair_%s_end FROM app.ticket',
                                  substring(statement FROM 'pair_(\d+)_end')) AS numbered
          FROM contauth_audit.decision WHERE statement ~ 'AS pair_\d' GROUP BY 1) AS s
EOS

# Texts that are too long to be kept, equal but for their ends
my $long = 'SELECT id, ' . join(', ', map { "'x' AS long_$_" } 1 .. 900);
foreach my $end ('first', 'second', 'first')
{
	sqlstate_is($agent, "$long, 1 AS $end FROM app.ticket", '00000', "a long statement, $end");
}
is( decisions($node, <<'EOS'), "first|t\nsecond|t\nfirst|t", 'long statements have their own texts');
SELECT substring(statement FROM 'AS (first|second) FROM'), length(statement) > 10000 AND statement !~ '''x'''
  FROM contauth_audit.decision WHERE statement LIKE 'SELECT id, $1 AS long_1,%' ORDER BY seq
EOS

# The setting counts as it is when the row is written
foreach my $kept ('full', 'normalized', 'full')
{
	decisions($node, 'SELECT 1');
	$node->safe_psql('postgres', "ALTER SYSTEM SET contauth.audit_statement = '$kept'");
	$node->reload;
	sleep 2;
	sqlstate_is($agent, "SELECT id AS setting FROM app.ticket WHERE id = 77", '00000', "audit_statement = $kept") for 1 .. 3;
	like( decisions($node, q(SELECT statement FROM contauth_audit.decision WHERE statement ~ 'AS setting' ORDER BY seq DESC LIMIT 1)),
		$kept eq 'full' ? qr/= 77/ : qr/= \$1/, "audit_statement = $kept: the text");
}
is( decisions($node, q(SELECT count(DISTINCT statement_sha256) FROM contauth_audit.decision WHERE statement ~ '^SELECT id AS setting')),
	'1', 'the digest is that of the text without constants');
is( decisions($node, <<'EOS'), 't|t', 'each digest is the one of its text');
SELECT count(*) > 600, bool_and(statement_sha256 = encode(sha256(convert_to(statement, 'UTF8')), 'hex'))
  FROM contauth_audit.decision WHERE statement NOT LIKE '%<cut:%' AND statement !~ 'AS setting'
EOS

# the same parts of records, in other accesses and with other identities
my $other = open_session($node, ROLE_B, token_b($issuer));
foreach my $session ($agent, $other, $agent)
{
	sqlstate_is($session, 'SELECT id, body AS who FROM app.ticket', '00000', 'the same statement');
	sqlstate_is($session, 'SELECT id AS who FROM app.ticket', '00000', 'fewer columns');
}
is( decisions($node, <<'EOS'), "a|2\na|1\nb|2\nb|1\na|2\na|1", 'each row has its own accesses and agent');
SELECT right(agent, 1), jsonb_array_length(accesses -> 0 -> 'columns')
  FROM contauth_audit.decision WHERE statement ~ ' AS who ' ORDER BY seq
EOS
recorded('at the end');

$other->quit;
$agent->quit;
$node->stop;
done_testing();
