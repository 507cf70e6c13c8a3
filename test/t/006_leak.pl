# The leak matrix: an agent whose role was GRANTed everything sends many
# shapes of statements through several protocols, and every byte that it
# receives is searched for masked columns, uncovered columns and rows of other
# tenants, raw and in other forms.  A role that is not governed runs the same
# statements, and there the search finds them all.

use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use ContauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $issuer = new_issuer();
my $node = new_node('leak', "log_statement = none\nmax_connections = 30");
install_application($node, $issuer);
$node->safe_psql('postgres', <<'EOS');
ALTER TABLE app.customer ADD CONSTRAINT balance_positive CHECK (balance >= 0);
ALTER TABLE app.customer ADD email_upper text
	GENERATED ALWAYS AS (upper(email)) STORED;
CREATE INDEX ON app.customer (phone);
CREATE TABLE app.event (id integer, tenant text, payload text) PARTITION BY RANGE (id);
CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM (1) TO (6);
CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM (6) TO (100);
INSERT INTO app.event
	SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
		   CASE WHEN i % 2 = 0 THEN 'PAYLOADRAW' ELSE 'GLOBEXROW' END || i
	  FROM generate_series(1, 10) AS i;
CREATE TABLE app.parent (id integer, tenant text, payload text);
CREATE TABLE app.child () INHERITS (app.parent);
INSERT INTO app.parent VALUES (1, 'globex', 'GLOBEXROW1'), (2, 'acme', 'PAYLOADRAW2');
INSERT INTO app.child VALUES (3, 'globex', 'GLOBEXROW3'), (4, 'acme', 'PAYLOADRAW4');
CREATE MATERIALIZED VIEW app.customer_copy AS SELECT * FROM app.customer;
CREATE VIEW app.narrow_view AS SELECT id, phone FROM app.customer WHERE id < 8;
CREATE VIEW app.view_on_view AS SELECT phone AS p, id FROM app.narrow_view;
CREATE VIEW app.barrier_view WITH (security_barrier) AS SELECT * FROM app.customer;
CREATE FUNCTION app.inlined() RETURNS SETOF app.customer
	LANGUAGE sql STABLE AS 'SELECT * FROM app.customer';
CREATE FUNCTION app.inlined_phones(lowest integer) RETURNS TABLE (phone text)
	LANGUAGE sql STABLE AS 'SELECT c.phone FROM app.customer AS c WHERE c.id >= lowest';
CREATE FUNCTION app.definer_phones() RETURNS SETOF text
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'SELECT phone FROM app.customer';
CREATE FUNCTION app.plpgsql_phones() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	RETURN QUERY SELECT phone FROM app.customer;
	RETURN QUERY EXECUTE 'SELECT phone FROM app.customer';
END $$;
CREATE FUNCTION app.plpgsql_notes() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	told text;
BEGIN
	RETURN (SELECT string_agg(notes, ',') FROM app.customer);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
	RETURN told;
END $$;
CREATE FUNCTION app.plpgsql_violates() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	told text;
BEGIN
	UPDATE app.customer SET balance = -1;
	RETURN 'none';
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
	RETURN told;
END $$;
CREATE FUNCTION app.whole_row(c app.customer) RETURNS text
	LANGUAGE sql STABLE AS 'SELECT c.phone || c.email';
CREATE FUNCTION app.constant_phone() RETURNS text
	LANGUAGE plpgsql IMMUTABLE AS
	'BEGIN RETURN (SELECT string_agg(phone, '','') FROM app.customer); END';
GRANT ALL ON ALL TABLES IN SCHEMA app TO regress_contauth_a, regress_contauth_human;
ANALYZE;

SELECT contauth.create_policy('call_them', effect => 'permit',
	actions => '{execute}', resources => '{function:app.*}');
SELECT contauth.create_policy('read_events', effect => 'permit',
	actions => '{select}', resources => '{app.event, app.parent}',
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"app.event.payload": "redact", "app.parent.payload": "redact"}');
SELECT contauth.create_policy('export_own_tenant', effect => 'permit',
	actions => '{export}', resources => '{"app.customer(id,tenant,name,email,phone,balance)", app.event}',
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"app.customer.email": "email", "app.customer.phone": "redact"}');
SELECT contauth.create_policy('write_own_tenant', effect => 'permit',
	actions => '{insert, update, delete}',
	resources => '{"app.customer(id,tenant,name,balance,notes)"}',
	row_filter => $$ tenant = contauth.claim('tenant') $$);
EOS

# Title, what the agent must meet, statement.  "any": only leaks are judged.
my @shapes = (
	# one relation
	[ 'masked columns', 'allow', 'SELECT email, phone FROM app.customer' ],
	[ 'rows of the tenant', 'allow', 'SELECT id, name FROM app.customer ORDER BY id' ],
	[ 'uncovered column', 'deny', 'SELECT notes FROM app.customer' ],
	[ 'all columns', 'deny', 'SELECT * FROM app.customer' ],
	[ 'whole row', 'deny', 'SELECT c FROM app.customer AS c' ],
	[ 'whole row as text', 'deny', 'SELECT c::text FROM app.customer AS c' ],
	[ 'row_to_json', 'deny', 'SELECT row_to_json(c) FROM app.customer AS c' ],
	[ 'to_jsonb', 'deny', 'SELECT to_jsonb(c) FROM app.customer AS c' ],
	[ 'table', 'deny', 'TABLE app.customer' ],
	[ 'only', 'allow', 'SELECT phone FROM ONLY app.customer' ],
	[ 'system columns', 'allow', 'SELECT ctid, tableoid, xmin, phone FROM app.customer' ],
	[ 'by ctid', 'allow', "SELECT phone, name FROM app.customer WHERE ctid = '(0,1)'" ],
	[ 'tablesample', 'allow', 'SELECT phone, name FROM app.customer TABLESAMPLE bernoulli (100)' ],
	[ 'generated column', 'deny', 'SELECT email_upper FROM app.customer' ],

	# expressions over masked columns
	[ 'upper and lower', 'allow', 'SELECT upper(phone), lower(email), initcap(email) FROM app.customer' ],
	[ 'reverse', 'allow', 'SELECT reverse(phone), reverse(email) FROM app.customer' ],
	[ 'base64', 'allow', "SELECT encode(phone::bytea, 'base64'), encode(convert_to(email, 'UTF8'), 'base64') FROM app.customer" ],
	[ 'hex', 'allow', "SELECT encode(phone::bytea, 'hex'), email::bytea FROM app.customer" ],
	[ 'digests', 'allow', 'SELECT md5(phone), sha256(email::bytea) FROM app.customer' ],
	[ 'substring', 'allow', 'SELECT substr(phone, 1), left(email, 12), overlay(phone placing \'\' from 1 for 0) FROM app.customer' ],
	[ 'regular expressions', 'allow', "SELECT regexp_matches(phone, '(.*)'), regexp_split_to_array(email, 'Q') FROM app.customer" ],
	[ 'characters', 'allow', "SELECT string_agg(ch, '') FROM app.customer, regexp_split_to_table(phone, '') AS ch" ],
	[ 'case', 'allow', "SELECT CASE WHEN phone LIKE 'PHONE%' THEN phone ELSE email END FROM app.customer" ],
	[ 'condition on the raw value', 'allow', "SELECT 'PHONE' || 'RAW555' || id FROM app.customer WHERE phone = 'PHONE' || 'RAW555' || id" ],
	[ 'json', 'allow', 'SELECT json_build_object(\'p\', phone), jsonb_agg(email) OVER () FROM app.customer' ],
	[ 'xml', 'allow', 'SELECT xmlelement(name p, phone), xmlforest(email) FROM app.customer' ],
	[ 'cast that fails', 'any', 'SELECT phone::integer FROM app.customer' ],
	[ 'cast that fails, uncovered', 'deny', 'SELECT notes::integer FROM app.customer' ],
	[ 'division by zero over a filter', 'any', "SELECT 1 / (id - 1) FROM app.customer WHERE name = 'GLOBEX' || 'ROW1'" ],
	[ 'cast of another tenant\'s value', 'any', 'SELECT name::integer FROM app.customer' ],
	[ 'row constructor', 'allow', 'SELECT ROW(phone, email), ARRAY[phone, email] FROM app.customer' ],
	[ 'format', 'allow', "SELECT format('%s %I %L', phone, email, phone) FROM app.customer" ],

	# aggregates, windows, sorting
	[ 'string_agg', 'allow', "SELECT string_agg(phone, ','), max(email), min(phone) FROM app.customer" ],
	[ 'array_agg', 'allow', 'SELECT array_agg(phone ORDER BY email) FROM app.customer' ],
	[ 'group by', 'allow', 'SELECT phone, count(*) FROM app.customer GROUP BY phone' ],
	[ 'grouping sets', 'allow', 'SELECT phone, email FROM app.customer GROUP BY GROUPING SETS ((phone), (email), ())' ],
	[ 'having', 'allow', "SELECT tenant FROM app.customer GROUP BY tenant HAVING max(phone) > ''" ],
	[ 'distinct on', 'allow', 'SELECT DISTINCT ON (tenant) phone FROM app.customer ORDER BY tenant, phone' ],
	[ 'window', 'allow', 'SELECT lag(phone) OVER w, first_value(email) OVER w FROM app.customer WINDOW w AS (ORDER BY phone)' ],
	[ 'order by', 'allow', 'SELECT id FROM app.customer ORDER BY phone LIMIT 3' ],
	[ 'mode and percentile', 'allow', 'SELECT mode() WITHIN GROUP (ORDER BY phone), percentile_disc(0.5) WITHIN GROUP (ORDER BY email) FROM app.customer' ],

	# several relations
	[ 'join', 'allow', 'SELECT c.phone, t.body FROM app.customer AS c JOIN app.ticket AS t ON t.customer_id = c.id' ],
	[ 'left join', 'allow', 'SELECT c.phone, t.body FROM app.ticket AS t LEFT JOIN app.customer AS c ON t.customer_id = c.id + 1' ],
	[ 'full join', 'allow', 'SELECT c.email, t.body FROM app.customer AS c FULL JOIN app.ticket AS t ON t.id = c.id + 3' ],
	[ 'natural join', 'any', 'SELECT * FROM app.customer NATURAL JOIN app.ticket' ],
	[ 'join using', 'allow', 'SELECT id, phone, body FROM app.customer JOIN app.ticket USING (id)' ],
	[ 'self join', 'allow', 'SELECT a.phone, b.email FROM app.customer AS a, app.customer AS b' ],
	[ 'lateral', 'allow', 'SELECT l.p FROM app.ticket AS t, LATERAL (SELECT c.phone AS p FROM app.customer AS c WHERE c.id = t.customer_id) AS l' ],
	[ 'lateral values', 'allow', 'SELECT v.x FROM app.customer AS c, LATERAL (VALUES (c.phone), (c.email)) AS v(x)' ],
	[ 'cross tenant by join', 'allow', 'SELECT c.name FROM app.ticket AS t JOIN app.customer AS c ON c.id = t.customer_id + 1' ],

	# sub-queries
	[ 'scalar sub-select', 'allow', 'SELECT (SELECT c.phone FROM app.customer AS c WHERE c.id = t.id) FROM app.ticket AS t' ],
	[ 'scalar sub-select, uncovered', 'deny', 'SELECT (SELECT c.notes FROM app.customer AS c WHERE c.id = t.id) FROM app.ticket AS t' ],
	[ 'exists over an uncovered column', 'deny', "SELECT id FROM app.ticket WHERE EXISTS (SELECT FROM app.customer WHERE notes LIKE 'N%')" ],
	[ 'in', 'allow', "SELECT id FROM app.ticket WHERE 'x' IN (SELECT phone FROM app.customer)" ],
	[ 'array sub-select', 'allow', 'SELECT ARRAY(SELECT phone FROM app.customer)' ],
	[ 'from sub-select', 'allow', 'SELECT s.* FROM (SELECT id, phone FROM app.customer) AS s' ],
	[ 'whole row of a sub-select', 'allow', 'SELECT s FROM (SELECT id, phone, email FROM app.customer) AS s' ],
	[ 'offset 0', 'allow', 'SELECT phone FROM (SELECT phone FROM app.customer OFFSET 0) AS s' ],
	[ 'cte', 'allow', 'WITH c AS (SELECT phone, email FROM app.customer) SELECT * FROM c' ],
	[ 'cte materialized', 'allow', 'WITH c AS MATERIALIZED (SELECT phone FROM app.customer) SELECT * FROM c, c AS d' ],
	[ 'cte with an uncovered column', 'deny', 'WITH c AS MATERIALIZED (SELECT * FROM app.customer) SELECT * FROM c' ],
	[ 'unused uncovered cte', 'any', 'WITH c AS (SELECT notes FROM app.customer) SELECT 1' ],
	[ 'recursive', 'allow', 'WITH RECURSIVE r AS (SELECT id, phone FROM app.customer WHERE id <= 2 UNION SELECT c.id, c.phone FROM app.customer AS c JOIN r ON c.id = r.id + 1) SELECT * FROM r' ],
	[ 'union', 'allow', 'SELECT phone FROM app.customer UNION SELECT body FROM app.ticket' ],
	[ 'union with an uncovered branch', 'deny', 'SELECT phone FROM app.customer UNION ALL SELECT notes FROM app.customer' ],
	[ 'except', 'allow', 'SELECT email FROM app.customer EXCEPT SELECT body FROM app.ticket' ],

	# views and functions
	[ 'view', 'allow', 'SELECT phone, email FROM app.customer_view' ],
	[ 'view, uncovered', 'deny', 'SELECT notes FROM app.customer_view' ],
	[ 'view, whole row', 'deny', 'SELECT v FROM app.customer_view AS v' ],
	[ 'view on view', 'allow', 'SELECT * FROM app.view_on_view' ],
	[ 'security barrier view', 'allow', 'SELECT phone FROM app.barrier_view' ],
	[ 'materialized view', 'deny', 'SELECT phone FROM app.customer_copy' ],
	[ 'inlined function', 'deny', 'SELECT * FROM app.inlined()' ],
	[ 'inlined function, columns', 'any', 'SELECT phone FROM app.inlined()' ],
	[ 'inlined function with an argument', 'allow', 'SELECT * FROM app.inlined_phones(1)' ],
	[ 'security definer', 'allow', 'SELECT * FROM app.definer_phones()' ],
	[ 'PL/pgSQL', 'allow', 'SELECT * FROM app.plpgsql_phones()' ],
	[ 'PL/pgSQL, uncovered', 'any', 'SELECT app.plpgsql_notes()' ],
	[ 'violation caught in PL/pgSQL', 'any', 'SELECT app.plpgsql_violates()' ],
	[ 'function of a whole row', 'any', 'SELECT app.whole_row(c) FROM app.customer AS c' ],
	[ 'immutable function', 'any', 'SELECT app.constant_phone()' ],
	[ 'query_to_xml', 'any', "SELECT query_to_xml('SELECT * FROM app.customer', true, true, '')" ],
	[ 'query_to_xml, covered', 'any', "SELECT query_to_xml('SELECT phone, email FROM app.customer', true, true, '')" ],
	[ 'table_to_xml', 'any', "SELECT table_to_xml('app.customer', true, true, '')" ],
	[ 'schema_to_xml', 'any', "SELECT schema_to_xml('app', true, true, '')" ],
	[ 'ts_stat', 'any', q{SELECT * FROM ts_stat($q$ SELECT to_tsvector(notes) FROM app.customer $q$)} ],

	# partitions, inheritance
	[ 'partitioned table', 'allow', 'SELECT payload FROM app.event' ],
	[ 'partition', 'any', 'SELECT payload FROM app.event_1' ],
	[ 'parent', 'allow', 'SELECT payload FROM app.parent' ],
	[ 'child', 'any', 'SELECT payload FROM app.child' ],

	# statistics and catalogs
	[ 'pg_stats', 'deny', 'SELECT most_common_vals, histogram_bounds FROM pg_stats' ],
	[ 'pg_statistic', 'deny', 'SELECT stavalues1::text FROM pg_statistic' ],
	[ 'explain', 'allow', "EXPLAIN (VERBOSE) SELECT phone FROM app.customer WHERE phone > 'A'" ],
	[ 'explain analyze of filtered rows', 'deny', "EXPLAIN (ANALYZE, VERBOSE) SELECT phone FROM app.customer ORDER BY phone" ],
	[ 'explain, uncovered', 'deny', 'EXPLAIN ANALYZE SELECT notes FROM app.customer' ],

	# copy
	[ 'copy a table', 'deny', 'COPY app.customer TO STDOUT' ],
	[ 'copy covered columns', 'allow', 'COPY app.customer (id, phone, email) TO STDOUT' ],
	[ 'copy a query', 'allow', 'COPY (SELECT phone, email, name FROM app.customer) TO STDOUT' ],
	[ 'copy a query, binary', 'allow', 'COPY (SELECT phone, email, name FROM app.customer) TO STDOUT (FORMAT binary)' ],
	[ 'copy csv', 'allow', 'COPY (SELECT phone, email FROM app.customer_view) TO STDOUT (FORMAT csv, HEADER)' ],
	[ 'copy an uncovered column', 'deny', 'COPY (SELECT notes FROM app.customer) TO STDOUT' ],
	[ 'copy returning', 'any', 'COPY (UPDATE app.customer SET balance = 1 RETURNING phone, name) TO STDOUT' ],

	# writes
	[ 'update returning', 'any', 'UPDATE app.customer SET balance = 1 RETURNING id, phone, email, name' ],
	[ 'update returning, uncovered', 'deny', 'UPDATE app.customer SET balance = 1 RETURNING notes' ],
	[ 'update returning everything', 'deny', 'UPDATE app.customer SET balance = 1 RETURNING *' ],
	[ 'update from', 'any', 'UPDATE app.ticket AS t SET body = \'x\' FROM app.customer AS c WHERE c.id = t.customer_id RETURNING c.phone, c.name, t.body' ],
	[ 'copy a masked column', 'any', 'UPDATE app.customer SET name = phone RETURNING name' ],
	[ 'copy an uncovered column by update', 'deny', 'UPDATE app.customer SET name = notes RETURNING name' ],
	[ 'copy through a sub-select', 'any', 'UPDATE app.ticket AS t SET body = (SELECT phone FROM app.customer AS c WHERE c.id = t.id) RETURNING body' ],
	[ 'violated check', 'any', 'UPDATE app.customer SET balance = -1' ],
	[ 'violated not null', 'any', 'UPDATE app.customer SET name = NULL' ],
	[ 'violated unique', 'any', 'UPDATE app.customer SET id = 1 WHERE id = 2' ],
	[ 'insert returning', 'any', "INSERT INTO app.customer (id, tenant, name) VALUES (100, 'acme', 'n') RETURNING id, phone, email" ],
	[ 'insert over a hidden row', 'any', "INSERT INTO app.customer (id, tenant, name) VALUES (1, 'acme', 'n') ON CONFLICT (id) DO UPDATE SET balance = 5 RETURNING name, phone" ],
	[ 'insert over an own row', 'any', "INSERT INTO app.customer (id, tenant, name) VALUES (2, 'acme', 'n') ON CONFLICT (id) DO UPDATE SET name = app.customer.phone RETURNING name, email" ],
	[ 'insert select', 'any', 'INSERT INTO app.customer (id, tenant, name) SELECT id + 100, tenant, phone FROM app.customer RETURNING name' ],
	[ 'insert select, uncovered', 'deny', 'INSERT INTO app.customer (id, tenant, name) SELECT id + 100, tenant, notes FROM app.customer RETURNING name' ],
	[ 'delete returning', 'any', 'DELETE FROM app.customer WHERE id > 100 OR phone IS NOT NULL RETURNING name, phone' ],
	[ 'merge', 'any', 'MERGE INTO app.customer AS c USING app.ticket AS t ON t.customer_id = c.id WHEN MATCHED THEN UPDATE SET name = c.phone || t.body' ],
	[ 'writing cte', 'any', 'WITH u AS (UPDATE app.customer SET balance = 2 RETURNING phone, name) SELECT * FROM u' ],
	[ 'for update', 'any', 'SELECT phone, name FROM app.customer FOR UPDATE' ],
	[ 'for share of a join', 'any', 'SELECT c.phone, t.body FROM app.customer AS c JOIN app.ticket AS t ON t.customer_id = c.id FOR SHARE OF t' ],
	[ 'update a view', 'any', 'UPDATE app.narrow_view SET phone = phone RETURNING phone' ],

	# other ways
	[ 'declared cursor', 'allow', 'DECLARE d BINARY CURSOR FOR SELECT phone, name FROM app.customer; FETCH ALL FROM d' ],
	[ 'scroll cursor', 'allow', 'DECLARE d SCROLL CURSOR FOR SELECT phone, name FROM app.customer; FETCH LAST FROM d; FETCH PRIOR FROM d' ],
	[ 'prepare', 'allow', 'PREPARE s AS SELECT phone, name FROM app.customer; EXECUTE s; DEALLOCATE s' ],
	[ 'cursor_to_xml', 'any', "DECLARE d CURSOR FOR SELECT phone FROM app.customer; SELECT cursor_to_xml('d', 10, true, true, '')" ],
	[ 'create table as', 'deny', 'CREATE TEMP TABLE copied AS SELECT phone FROM app.customer; SELECT * FROM copied' ],
	[ 'select into', 'deny', 'SELECT phone INTO TEMP copied FROM app.customer; SELECT * FROM copied' ],
	[ 'do', 'deny', q{DO $d$ BEGIN RAISE NOTICE '%', (SELECT string_agg(notes, ',') FROM app.customer); END $d$} ],
	[ 'several statements', 'allow', 'SELECT phone FROM app.customer; SELECT body FROM app.ticket' ],
	[ 'operator with a procedure of its own', 'any', "SELECT phone OPERATOR(pg_catalog.||) '' FROM app.customer" ]);

my %results;
push @{ $results{ $_->{shape} } }, $_ foreach run_matrix(
	$node,
	role => ROLE_A,
	token => token_a($issuer),
	markers => [ 'EMAILRAW', 'PHONERAW555', 'NOTESRAW', 'GLOBEXROW', 'PAYLOADRAW' ],
	values => [
		map { ("EMAILRAW$_\@example.com", "PHONERAW555$_", "NOTESRAW$_", "GLOBEXROW$_") }
		  1 .. 10
	],
	shapes => \@shapes);

# Is an outcome what the shape expects?
sub expected
{
	my ($expected, $sqlstate) = @_;

	return $sqlstate eq '00000' if $expected eq 'allow';
	return $sqlstate eq '42501' if $expected eq 'deny';
	return $sqlstate !~ /^(XX|57|08|\?)/;
}

my %seen_by_human;
foreach my $shape (@shapes)
{
	my ($title, $expected) = @$shape;
	my $judged = 0;
	my @wrong;

	foreach my $result (@{ $results{$title} })
	{
		my $leaks = join ', ', @{ $result->{leaks} };

		if ($result->{protocol} eq 'control')
		{
			$seen_by_human{$_} = 1 foreach @{ $result->{leaks} };
			next;
		}
		$judged++;
		push @wrong, "$result->{protocol}: SQLSTATE $result->{outcome}, expected $expected"
		  unless expected($expected, $result->{outcome});
		push @wrong, "$result->{protocol}: received $leaks" if $leaks ne '';
	}
	ok($judged > 0 && !@wrong, "$title ($expected)")
	  or diag(join "\n", $shape->[2], @wrong);
}

# The search works: it finds each marker, and each form, in what a role that
# is not governed receives from the same statements.
foreach my $what (
	'EMAILRAW', 'PHONERAW555', 'NOTESRAW', 'GLOBEXROW', 'PAYLOADRAW',
	'PHONERAW555 reversed', 'PHONERAW555 in hex', 'PHONERAW555 in base64',
	'EMAILRAW in base64', 'PHONERAW5552 in md5', 'EMAILRAW2@example.com in sha256')
{
	ok($seen_by_human{$what}, "an ungoverned role is seen to receive $what");
}

is($node->safe_psql('postgres', 'SELECT ok FROM contauth_audit.verify()'), 't',
	'the audit is intact');
$node->stop;
done_testing();
