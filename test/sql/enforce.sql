-- Reading: every road to a table's rows is masked and filtered alike.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE VIEW crm.v AS SELECT id, name, email, ssn FROM crm.customer;
CREATE VIEW crm.v_all AS SELECT * FROM crm.customer;
CREATE VIEW crm.v_nested AS SELECT v.id, v.ssn, t.body FROM crm.v LEFT JOIN crm.ticket AS t ON t.customer_id = v.id;
CREATE VIEW crm.v_barrier WITH (security_barrier) AS SELECT id, ssn FROM crm.customer WHERE id > 2;
CREATE VIEW crm.v_invoker WITH (security_invoker) AS SELECT id, ssn FROM crm.customer;
CREATE VIEW crm.v_notes AS SELECT id, notes FROM crm.customer;
CREATE VIEW crm.v_group AS SELECT left(ssn, 6) AS prefix, count(*) FROM crm.customer GROUP BY 1;
CREATE MATERIALIZED VIEW crm.mv AS SELECT id, ssn FROM crm.customer;
CREATE FUNCTION crm.plain_sql() RETURNS SETOF text LANGUAGE sql STABLE
    AS 'SELECT ssn FROM crm.customer ORDER BY id';
CREATE FUNCTION crm.inlinable() RETURNS TABLE (id int, ssn text) LANGUAGE sql STABLE
    AS 'SELECT id, ssn FROM crm.customer';
CREATE FUNCTION crm.scalar(int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT ssn FROM crm.customer WHERE id = $1';
CREATE FUNCTION crm.notes(int) RETURNS text LANGUAGE sql STABLE
    AS 'SELECT notes FROM crm.customer WHERE id = $1';
CREATE FUNCTION crm.definer(int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'SELECT ssn FROM crm.customer WHERE id = $1';
CREATE FUNCTION crm.pl(int) RETURNS text LANGUAGE plpgsql STABLE
    AS 'DECLARE r text; BEGIN SELECT ssn INTO r FROM crm.customer WHERE id = $1; RETURN r; END';
CREATE FUNCTION crm.pl_dynamic(text) RETURNS text LANGUAGE plpgsql
    AS 'DECLARE r text; BEGIN EXECUTE $1 INTO r; RETURN r; END';
CREATE FUNCTION crm.pl_loop() RETURNS SETOF crm.customer LANGUAGE plpgsql
    AS 'DECLARE r crm.customer; BEGIN FOR r IN SELECT * FROM crm.v_all LOOP RETURN NEXT r; END LOOP; END';
CREATE FUNCTION crm.pl_catch(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    context text;
BEGIN
    EXECUTE $1;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, message,
        regexp_replace(detail, 'decision_id=[-0-9a-f]+', 'decision_id=...'), context);
END
$$;
CREATE FUNCTION crm.fold() RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN (SELECT max(ssn) FROM crm.customer); END';
CREATE PROCEDURE crm.proc(INOUT r text) LANGUAGE plpgsql
    AS 'BEGIN SELECT ssn INTO r FROM crm.customer WHERE id = 2; END';
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('functions', 'permit', '{spiffe://acme.test/agent/*}',
    actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
\c - regress_contauth_agent
SET contauth.token = :'token_support';

--
-- plain
--
SELECT id, tenant, name, email, ssn, balance FROM crm.customer ORDER BY id;
SELECT * FROM crm.ticket ORDER BY id;
SELECT count(*) FROM crm.customer;
SELECT id, ssn FROM ONLY crm.customer WHERE id IN (1, 2);
SELECT id FROM crm.customer WHERE id = 1;
SELECT id FROM crm.customer WHERE ssn LIKE 'RAW' || 'SSN%';
-- columns that no policy permits
SELECT notes FROM crm.customer;
:state
SELECT * FROM crm.customer;
:state
SELECT id FROM crm.customer WHERE notes IS NOT NULL;
:state
SELECT id FROM crm.customer ORDER BY notes;
:state
SELECT count(notes) FROM crm.customer;
:state
SELECT customer FROM crm.customer;
:state
SELECT customer::text FROM crm.customer;
:state
SELECT to_jsonb(c) FROM crm.customer AS c;
:state
SELECT 1 FROM crm.customer AS c WHERE c IS NOT NULL;
:state
-- other tables
SELECT * FROM crm.mv;
:state
-- whole rows, system columns, TABLESAMPLE
SELECT t FROM crm.ticket AS t ORDER BY id;
SELECT to_jsonb(t) FROM crm.ticket AS t ORDER BY id;
SELECT tableoid::regclass, ctid IS NOT NULL AS ctid, xmin IS NOT NULL AS xmin, id FROM crm.customer ORDER BY id;
SELECT id, ssn FROM crm.customer TABLESAMPLE SYSTEM (100) REPEATABLE (1) ORDER BY id;
SELECT x.id, y.id FROM (VALUES (100)) AS p (n), LATERAL (SELECT id FROM crm.customer TABLESAMPLE BERNOULLI (p.n)) AS x, crm.ticket AS y
 WHERE x.id = y.id ORDER BY 1;

--
-- joins
--
SELECT c.id, c.ssn, t.body FROM crm.customer AS c JOIN crm.ticket AS t ON t.customer_id = c.id ORDER BY 1;
SELECT id, ssn, body FROM crm.customer JOIN crm.ticket USING (id, tenant) ORDER BY id;
SELECT id, ssn, body FROM crm.customer NATURAL JOIN crm.ticket ORDER BY id;
-- the nullable side of an outer join is NULL, not masked
SELECT g, c.ssn, c.email FROM generate_series(1, 4) AS g LEFT JOIN crm.customer AS c ON c.id = g ORDER BY g;
SELECT g, c.ssn FROM crm.customer AS c RIGHT JOIN generate_series(1, 4) AS g ON c.id = g ORDER BY g;
SELECT c.id, t.id, c.ssn FROM crm.customer AS c FULL JOIN crm.ticket AS t ON t.id = c.id + 2 ORDER BY 1, 2;
SELECT g, c FROM generate_series(1, 2) AS g LEFT JOIN (SELECT id, ssn FROM crm.customer) AS c ON c.id = g ORDER BY g;
SELECT c.id, l.ssn FROM crm.ticket AS c, LATERAL (SELECT ssn FROM crm.customer AS i WHERE i.id = c.customer_id) AS l ORDER BY 1;
SELECT g, l.* FROM generate_series(1, 3) AS g LEFT JOIN LATERAL (SELECT id, ssn FROM crm.customer AS i WHERE i.id = g) AS l ON true ORDER BY g;
SELECT (c).ssn FROM (SELECT c FROM (SELECT id, ssn FROM crm.customer) AS c) AS x ORDER BY 1;
SELECT x.id FROM crm.customer AS x, crm.customer AS y WHERE x.ssn = 'RAW' || 'SSN-002' AND y.id = x.id;
SELECT x.id FROM (crm.customer AS a JOIN crm.ticket AS b USING (id)) AS x ORDER BY x.id;

--
-- subqueries, CTEs, recursion, set operations
--
SELECT id, (SELECT ssn FROM crm.customer AS i WHERE i.id = o.id) FROM crm.ticket AS o ORDER BY id;
SELECT id FROM crm.ticket WHERE EXISTS (SELECT FROM crm.customer AS c WHERE c.id = ticket.id AND ssn LIKE '*%') ORDER BY id;
SELECT id FROM crm.ticket WHERE id IN (SELECT id FROM crm.customer WHERE ssn LIKE 'RAW' || '%');
SELECT id FROM crm.ticket WHERE id = ANY (ARRAY(SELECT id FROM crm.customer)) ORDER BY id;
WITH c AS (SELECT id, ssn FROM crm.customer) SELECT * FROM c ORDER BY id;
WITH c AS MATERIALIZED (SELECT id, ssn FROM crm.customer) SELECT x.ssn, y.ssn FROM c AS x JOIN c AS y USING (id) ORDER BY 1;
WITH unused AS (SELECT notes FROM crm.customer) SELECT 1;
:state
WITH RECURSIVE r AS (
    SELECT id, ssn FROM crm.customer WHERE id = 2
    UNION ALL
    SELECT c.id, c.ssn FROM crm.customer AS c JOIN r ON c.id = r.id + 2)
SELECT * FROM r;
SELECT id, ssn FROM crm.customer UNION SELECT id, body FROM crm.ticket ORDER BY 1, 2;
SELECT ssn FROM crm.customer EXCEPT SELECT 'RAW' || 'SSN-002' ORDER BY 1;
SELECT ssn FROM crm.customer INTERSECT SELECT 'RAW' || 'SSN-002';
SELECT id FROM crm.ticket UNION ALL SELECT length(notes) FROM crm.customer;
:state
SELECT CASE WHEN false THEN (SELECT notes FROM crm.customer LIMIT 1) END;
:state
VALUES ((SELECT max(ssn) FROM crm.customer));
TABLE crm.ticket ORDER BY id;
SELECT * FROM (SELECT ssn FROM crm.customer OFFSET 0) AS s ORDER BY 1;
SELECT * FROM ROWS FROM (json_each_text((SELECT to_json(t) FROM crm.ticket AS t WHERE id = 2))) AS x;

--
-- views: the tables behind them decide
--
SELECT * FROM crm.v ORDER BY id;
SELECT id, ssn FROM crm.v_all ORDER BY id;
SELECT notes FROM crm.v_all;
:state
SELECT * FROM crm.v_nested ORDER BY id;
SELECT * FROM crm.v_barrier ORDER BY id;
SELECT * FROM crm.v_invoker ORDER BY id;
SELECT id FROM crm.v_notes ORDER BY id;
SELECT notes FROM crm.v_notes;
:state
SELECT * FROM crm.v_group ORDER BY 1;
SELECT v FROM crm.v ORDER BY id;

--
-- functions
--
SELECT * FROM crm.plain_sql();
SELECT crm.plain_sql();
SELECT * FROM crm.inlinable() ORDER BY id;
SELECT * FROM crm.inlinable() WHERE id = 1;
SELECT * FROM crm.inlinable() AS f JOIN crm.ticket USING (id) ORDER BY id;
SELECT crm.scalar(1) AS filtered, crm.scalar(2) AS masked;
SELECT crm.notes(2);
:state
SELECT crm.definer(1) AS filtered, crm.definer(2) AS masked;
SELECT crm.pl(1) AS filtered, crm.pl(2) AS masked;
SELECT id, ssn FROM crm.pl_loop() ORDER BY id;
SELECT notes FROM crm.pl_loop() ORDER BY id;
SELECT crm.pl_dynamic('SELECT ssn FROM crm.customer WHERE id = 2');
SELECT crm.pl_dynamic('SELECT notes FROM crm.customer WHERE id = 2');
:state
SELECT crm.pl_catch('SELECT notes FROM crm.customer');
SELECT crm.pl_catch('CREATE TABLE crm.x ()');
SELECT crm.fold();
EXPLAIN (COSTS OFF) SELECT crm.fold();
CALL crm.proc(NULL);
SELECT query_to_xml('SELECT ssn FROM crm.customer WHERE id = 2', true, false, '')::text LIKE '%*002%' AS masked;
SELECT query_to_xml('SELECT notes FROM crm.customer', true, false, '');
:state
SELECT table_to_xml('crm.customer', true, false, '');
:state
-- a function that no policy names
CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
:state
SELECT pg_read_file('PG_VERSION');
:state
SELECT lo_get(1);
:state
SELECT pg_ls_dir('.');
:state
SELECT set_config('contauth.mode', 'off', false);
:state

--
-- prepared statements, cursors
--
PREPARE p(int) AS SELECT id, ssn FROM crm.customer WHERE id >= $1 ORDER BY id;
EXECUTE p(1);
SET plan_cache_mode = force_generic_plan;
EXECUTE p(3);
RESET plan_cache_mode;
PREPARE p_notes AS SELECT notes FROM crm.customer;
EXECUTE p_notes;
:state
BEGIN;
DECLARE c CURSOR FOR SELECT id, ssn FROM crm.customer ORDER BY id;
FETCH 1 FROM c;
FETCH ALL FROM c;
MOVE BACKWARD ALL FROM c;
FETCH NEXT FROM c;
CLOSE c;
DECLARE c SCROLL CURSOR FOR SELECT notes FROM crm.customer;
:state
ROLLBACK;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM crm.customer;
:state
-- a portal that was opened under another identity
BEGIN;
DECLARE c CURSOR FOR SELECT id, tenant FROM crm.customer ORDER BY id;
FETCH 1 FROM c;
SET LOCAL contauth.token = :'token_support_globex';
FETCH 1 FROM c;
:state
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id, tenant FROM crm.customer ORDER BY id;
FETCH 1 FROM c;
RESET contauth.token;
FETCH 1 FROM c;
:state
ROLLBACK;
--
-- plans that are kept while the identity or the policies change
--
PREPARE kept AS SELECT id, ssn FROM crm.customer ORDER BY id;
EXECUTE kept;
SET contauth.token = :'token_support_globex';
EXECUTE kept;
SET contauth.token = :'token_support_no_tenant';
EXECUTE kept;
RESET contauth.token;
EXECUTE kept;
:state
SET contauth.token = :'token_support';
EXECUTE kept;
\c - :superuser
:as_agent
PREPARE kept AS SELECT id, ssn FROM crm.customer ORDER BY id;
PREPARE kept_count AS SELECT count(*) FROM crm.customer;
EXECUTE kept;
SELECT crm.pl(2), crm.scalar(2);
:as_admin
SELECT contauth.alter_policy('support_reads', '{"masks": {"label:pii.*": "redact"}, "row_filter": "id < 3"}') \g /dev/null
:as_agent
EXECUTE kept;
EXECUTE kept_count;
SELECT crm.pl(2), crm.scalar(2);
:as_admin
SELECT contauth.enable_policy('support_reads', false) \g /dev/null
:as_agent
EXECUTE kept;
:state
SELECT crm.pl(2);
:state
:as_admin
-- a plan made while nobody was governed is made anew for an agent, and back
SELECT contauth.alter_policy('support_reads', '{"masks": {"label:pii.*": "partial(0,3)", "crm.customer.email": "email"}, "row_filter": "tenant = contauth.claim(''tenant'')"}') \g /dev/null
SELECT contauth.enable_policy('support_reads', true) \g /dev/null
PREPARE by_admin AS SELECT id, ssn LIKE 'RAW' || '%' AS raw FROM crm.customer WHERE id < 3 ORDER BY id;
EXECUTE by_admin;
:as_agent
EXECUTE by_admin;
:as_admin
EXECUTE by_admin;
DEALLOCATE by_admin;
-- a label changes
:as_agent
EXECUTE kept_count;
SELECT name FROM crm.customer ORDER BY id;
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS 'pii.name';
:as_agent
SELECT name FROM crm.customer ORDER BY id;
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS NULL;

--
-- partitions and children, directly and through their parents
--
CREATE TABLE crm.event (id int, tenant text, secret text) PARTITION BY LIST (tenant);
CREATE TABLE crm.event_acme PARTITION OF crm.event FOR VALUES IN ('acme');
CREATE TABLE crm.event_globex (secret text, id int, tenant text);
ALTER TABLE crm.event ATTACH PARTITION crm.event_globex FOR VALUES IN ('globex');
INSERT INTO crm.event VALUES (1, 'acme', 'RAW' || 'EVENT1'), (2, 'globex', 'RAW' || 'EVENT2');
CREATE TABLE crm.base (id int, tenant text, secret text);
CREATE TABLE crm.derived (more text) INHERITS (crm.base);
INSERT INTO crm.base VALUES (1, 'acme', 'RAW' || 'BASE1'), (2, 'globex', 'RAW' || 'BASE2');
INSERT INTO crm.derived VALUES (3, 'acme', 'RAW' || 'BASE3', 'm'), (4, 'globex', 'RAW' || 'BASE4', 'm');
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
SELECT contauth.create_policy('events', 'permit', actions => '{select}', resources => '{crm.event, crm.base}',
    row_filter => $$ tenant = contauth.claim('tenant') $$,
    masks => '{"crm.event.secret": "redact", "crm.base.secret": "redact"}') \g /dev/null
:as_agent
SELECT * FROM crm.event ORDER BY id;
SELECT * FROM crm.base ORDER BY id;
SELECT * FROM ONLY crm.base ORDER BY id;
SELECT event FROM crm.event ORDER BY id;
SELECT * FROM crm.event_acme;
:state
SELECT * FROM crm.event_globex;
:state
SELECT * FROM crm.derived;
:state
:as_admin
-- a restrict on the parent holds for the parts that another permit opens
SELECT contauth.create_policy('parts', 'permit', actions => '{select}',
    resources => '{crm.event_acme, crm.event_globex, crm.derived}') \g /dev/null
SELECT contauth.create_policy('parent', 'restrict', actions => '{select}', resources => '{crm.event, crm.base}',
    row_filter => 'id <> 4', masks => '{"crm.event.secret": "null", "crm.base.secret": "null"}') \g /dev/null
:as_agent
SELECT * FROM crm.event_acme;
SELECT * FROM crm.event_globex;
SELECT * FROM crm.derived ORDER BY id;
:as_admin

--
-- native privileges and row-level security still hold
--
REVOKE ALL ON crm.ticket FROM regress_contauth_agent;
:as_agent
SELECT * FROM crm.ticket;
:state
:as_admin
GRANT ALL ON crm.ticket TO regress_contauth_agent;
ALTER TABLE crm.ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY later_ones ON crm.ticket USING (id > 2);
:as_agent
SELECT id FROM crm.ticket ORDER BY id;
:as_admin
ALTER TABLE crm.ticket DISABLE ROW LEVEL SECURITY;

--
-- statistics, stored plans and catalogs show nothing of the data
--
ANALYZE crm.customer;
:as_agent
SELECT * FROM pg_stats WHERE tablename = 'customer';
:state
SELECT stavalues1 FROM pg_statistic;
:state
SELECT count(*) > 0 AS tables FROM pg_class;
SELECT count(*) AS columns FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'customer';
SELECT rolpassword FROM pg_authid;
:state
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT notes FROM crm.customer;
:state
:as_admin

--
-- errors are data: what a violated constraint says is kept from the agent
--
CREATE TABLE crm.constrained (
    id int PRIMARY KEY,
    secret text UNIQUE,
    level int CONSTRAINT level_positive CHECK (level > 0),
    kind text NOT NULL DEFAULT 'RAW' || 'KIND',
    customer_id int REFERENCES crm.customer,
    period int4range,
    EXCLUDE USING gist (period WITH &&)
);
INSERT INTO crm.constrained VALUES (1, 'RAW' || 'KEY', 1, 'k', 2, '[1,5)');
GRANT ALL ON crm.constrained TO regress_contauth_agent;
SELECT contauth.create_policy('constrained', 'permit', actions => '{select,insert,update}',
    resources => '{crm.constrained}', masks => '{"crm.constrained.secret": "redact"}') \g /dev/null
SELECT contauth.create_policy('constrained_insert', 'permit', actions => '{insert}',
    resources => '{crm.constrained(id, secret, level, kind, customer_id, period)}') \g /dev/null
SELECT contauth.alter_policy('constrained', '{"actions": ["select", "update"]}') \g /dev/null
\set VERBOSITY default
\set SHOW_CONTEXT never
:as_agent
INSERT INTO crm.constrained VALUES (1, 'x', 1);
INSERT INTO crm.constrained VALUES (2, 'RAW' || 'KEY', 1);
INSERT INTO crm.constrained VALUES (2, 'x', -1);
INSERT INTO crm.constrained VALUES (2, 'x', 1, NULL);
INSERT INTO crm.constrained VALUES (2, 'x', 1, 'k', 99);
INSERT INTO crm.constrained VALUES (2, 'x', 1, 'k', 2, '[2,3)');
UPDATE crm.constrained SET level = 0 WHERE id = 1;
UPDATE crm.constrained SET customer_id = 99 WHERE id = 1;
\set VERBOSITY terse
SELECT crm.pl_catch($$INSERT INTO crm.constrained VALUES (1, 'x', 1)$$);
SELECT crm.pl_catch($$UPDATE crm.constrained SET level = 0 WHERE id = 1$$);
SELECT crm.pl_catch($$INSERT INTO crm.constrained VALUES (2, 'x', 1, 'k', 2, '[2,3)')$$);
:as_admin

--
-- estimates come from statistics of all rows and values
--
\c - :superuser
ANALYZE crm.customer;
ANALYZE crm.ticket;
CREATE TABLE crm.open (id int);
INSERT INTO crm.open SELECT generate_series(1, 7);
ANALYZE crm.open;
GRANT SELECT ON crm.open TO regress_contauth_agent;
SELECT contauth.create_policy('open', 'permit', actions => '{select}', resources => '{crm.open}') \g /dev/null
\c - regress_contauth_agent
SET contauth.token = :'token_support';
EXPLAIN SELECT id FROM crm.customer WHERE name = 'RAW' || 'NAME1';
PREPARE shown AS SELECT id FROM crm.ticket ORDER BY body LIMIT 2;
EXPLAIN EXECUTE shown;
EXPLAIN (VERBOSE) DECLARE c CURSOR FOR SELECT ssn FROM crm.customer;
-- where nothing is hidden they are shown
EXPLAIN SELECT id FROM crm.open;
\set ECHO none
\i :teardown
