-- Budgets: rows and bytes of a statement.  Exactly what is allowed passes, and
-- nothing after it.  What an agent's sessions share is in test/t/014_limits.pl.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE TABLE crm.item (id int PRIMARY KEY, name text, grp int);
INSERT INTO crm.item SELECT i, repeat('x', 10), i % 2 FROM generate_series(1, 20) AS i;
CREATE TABLE crm.copy (id int, name text, grp int);
GRANT ALL ON crm.item, crm.copy TO regress_contauth_agent, regress_contauth_other;
CREATE FUNCTION crm.loop(n int) RETURNS SETOF int LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT id FROM crm.item ORDER BY id LIMIT n LOOP
        RETURN NEXT r.id;
    END LOOP;
END
$$;
CREATE FUNCTION crm.quiet(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT id FROM crm.item ORDER BY id LIMIT n LOOP END LOOP;
    RETURN n;
END
$$;
SELECT contauth.create_policy('call', 'permit', actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
SELECT contauth.create_policy('fill', 'permit', actions => '{insert,delete}', resources => '{crm.copy}') \g /dev/null
SELECT contauth.create_policy('see', 'permit', actions => '{select}', resources => '{crm.copy}') \g /dev/null
SELECT contauth.create_policy('items', 'permit', actions => '{select,update,export}', resources => '{crm.item}',
    limits => '{"rows_per_statement": 5}') \g /dev/null

--
-- what is no limit
--
\set ECHO queries
SELECT contauth.alter_policy('items', '{"limits": []}');
SELECT contauth.alter_policy('items', '{"limits": 7}');
SELECT contauth.alter_policy('items', '{"limits": null}');
SELECT contauth.alter_policy('items', '{"limits": {"rows": 7}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": 0}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": -1}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": 1.5}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": 1e30}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": "7"}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": null}}');
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_hour": [7]}}');
SELECT contauth.alter_policy('items', '{"limits": {"trusted": true}}');
SELECT contauth.create_policy('bad', 'permit', limits => '{"statements_per_minute": {}}');
:state
SELECT limits FROM contauth.policy WHERE name = 'items';
\set ECHO all

--
-- rows of a statement
--
:as_agent
SELECT id FROM crm.item WHERE id <= 5;
SELECT id FROM crm.item WHERE id <= 6;
:state
SELECT count(*) FROM crm.item;
SELECT id FROM crm.item WHERE id <= 3 UNION ALL SELECT id FROM crm.item WHERE id <= 2;
SELECT id FROM crm.item WHERE id <= 3 UNION ALL SELECT id FROM crm.item WHERE id <= 3;
SELECT i.id FROM crm.item AS i, crm.item AS j WHERE i.id = 1 AND j.id <= 6;
SELECT generate_series(1, 6);
-- prepared, and a cursor that is read in parts
PREPARE p(int) AS SELECT id FROM crm.item WHERE id <= $1;
EXECUTE p(5) \g /dev/null
EXECUTE p(6);
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.item;
FETCH 2 FROM c;
FETCH 3 FROM c;
FETCH 1 FROM c;
:state
ROLLBACK;
-- what functions read
SELECT crm.loop(5);
SELECT crm.loop(6);
:state
SELECT crm.quiet(5);
SELECT crm.quiet(6);
:state
SELECT length(query_to_xml('SELECT id FROM crm.item WHERE id <= 5', false, false, '')::text) > 0;
SELECT length(query_to_xml('SELECT id FROM crm.item', false, false, '')::text) > 0;
-- what is written
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 5;
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 6;
SELECT count(*) FROM crm.copy;
UPDATE crm.item SET grp = 7 WHERE id <= 5;
UPDATE crm.item SET grp = 8 WHERE id <= 6;
:state
UPDATE crm.item SET grp = 9 WHERE id <= 5 RETURNING id;
UPDATE crm.item SET grp = 10 WHERE id <= 6 RETURNING id;
SELECT DISTINCT grp FROM crm.item WHERE id <= 6 ORDER BY 1;
-- what WITH queries write, with what the main part returns or writes
WITH w AS (UPDATE crm.item SET grp = 11 WHERE id <= 4 RETURNING id) SELECT count(*) FROM w;
WITH w AS (UPDATE crm.item SET grp = 12 WHERE id <= 5 RETURNING id) SELECT count(*) FROM w;
WITH w AS (UPDATE crm.item SET grp = 13 WHERE id <= 6) SELECT 1 WHERE false;
WITH w AS (UPDATE crm.item SET grp = 14 WHERE id <= 3)
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 2;
WITH w AS (UPDATE crm.item SET grp = 15 WHERE id <= 3)
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 3;
SELECT DISTINCT grp FROM crm.item WHERE id <= 4 ORDER BY 1;
COPY (SELECT id FROM crm.item WHERE id <= 5) TO STDOUT;
COPY (SELECT id FROM crm.item WHERE id <= 6) TO STDOUT;
COPY crm.item TO STDOUT;
EXPLAIN (COSTS OFF) SELECT id FROM crm.item;
:as_admin
-- another's policy, and those that do not match, are no limits
SELECT contauth.create_policy('other', 'permit', principals => '{spiffe://acme.test/agent/other}', resources => '{crm.item}',
    limits => '{"rows_per_statement": 1}') \g /dev/null
SELECT contauth.create_policy('unmet', 'permit', condition => 'ctx.depth > 0', resources => '{crm.item}',
    limits => '{"rows_per_statement": 1}') \g /dev/null
SELECT contauth.create_policy('closed', 'forbid', condition => 'ctx.depth > 0', resources => '{crm.item}',
    limits => '{"rows_per_statement": 1}') \g /dev/null
:as_agent
SELECT count(*) FROM (SELECT id FROM crm.item WHERE id <= 5) AS s;
SELECT id FROM crm.item WHERE id <= 2;
-- rows that are changed, whatever is returned
:as_admin
SELECT contauth.alter_policy('items', '{"limits": {"max_affected_rows": 3}}'), contauth.alter_policy('fill', '{"limits": {"max_affected_rows": 3}}') \g /dev/null
:as_agent
SELECT count(*) FROM (SELECT id FROM crm.item) AS s;
BEGIN;
UPDATE crm.item SET grp = 20 WHERE id <= 3 RETURNING id;
UPDATE crm.item SET grp = 21 WHERE id <= 4;
ROLLBACK;
:state
UPDATE crm.item SET grp = 21 WHERE id <= 4 RETURNING id;
UPDATE crm.item SET grp = 21;
WITH w AS (UPDATE crm.item SET grp = 22 WHERE id <= 3) SELECT id FROM crm.item WHERE id <= 5;
WITH w AS (UPDATE crm.item SET grp = 22 WHERE id <= 4) SELECT id FROM crm.item WHERE id <= 5;
WITH w AS (UPDATE crm.item SET grp = 22 WHERE id <= 2) INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 2;
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 3;
INSERT INTO crm.copy SELECT * FROM crm.item WHERE id <= 4;
DELETE FROM crm.copy;
MERGE INTO crm.copy AS c USING crm.item AS i ON false WHEN NOT MATCHED AND i.id <= 3 THEN INSERT VALUES (i.id);
MERGE INTO crm.copy AS c USING crm.item AS i ON false WHEN NOT MATCHED AND i.id <= 4 THEN INSERT VALUES (i.id);
SELECT count(*) FROM crm.copy;
:as_admin
-- stopped at the first row that is too many, not when all have been changed
CREATE TABLE crm.seen (id int);
CREATE FUNCTION crm.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW.id; RETURN NEW; END $$;
CREATE TRIGGER see BEFORE UPDATE ON crm.item FOR EACH ROW EXECUTE FUNCTION crm.see();
SET client_min_messages = notice;
:as_agent
UPDATE crm.item SET grp = 23 WHERE id <> 0;
:as_admin
DROP TRIGGER see ON crm.item;
-- a cursor's rows, and nested statements
CREATE FUNCTION crm.change(n int) RETURNS void LANGUAGE sql AS $$ UPDATE crm.item SET grp = 30 WHERE id = n $$;
:as_agent
SELECT crm.change(i) FROM generate_series(1, 3) AS i;
SELECT crm.change(i) FROM generate_series(1, 4) AS i;
:as_admin
--
-- what changes rows must choose them
--
SELECT contauth.alter_policy('items', '{"limits": {"require_where": "yes"}}');
SELECT contauth.alter_policy('items', '{"limits": {"require_where": 1}}');
SELECT contauth.alter_policy('items', '{"limits": {"require_where": false}}') \g /dev/null
SELECT contauth.alter_policy('fill', '{"limits": {"require_where": true}, "actions": ["insert", "update", "delete"]}') \g /dev/null
:as_agent
BEGIN;
UPDATE crm.item SET grp = 1;
DELETE FROM crm.copy WHERE id = 1;
DELETE FROM crm.copy USING crm.item WHERE copy.id = item.id AND item.id > 100;
DELETE FROM crm.copy WHERE copy IS NULL;
INSERT INTO crm.copy VALUES (1);
WITH w AS (SELECT id FROM crm.item WHERE id < 0) UPDATE crm.copy SET grp = 1 FROM w WHERE w.id = copy.id;
MERGE INTO crm.copy AS c USING crm.item AS i ON c.id = -i.id WHEN MATCHED THEN DELETE;
DECLARE c CURSOR FOR SELECT id FROM crm.copy FOR UPDATE;
FETCH 1 FROM c;
UPDATE crm.copy SET grp = 1 WHERE CURRENT OF c;
ROLLBACK;
DELETE FROM crm.copy;
:state
UPDATE crm.copy SET grp = 1;
:state
UPDATE crm.copy SET grp = 1 WHERE true;
:state
UPDATE crm.copy SET grp = 1 WHERE 1 = (SELECT 1);
:state
UPDATE crm.copy SET grp = 1 FROM crm.item WHERE item.id = 1;
:state
WITH w AS (DELETE FROM crm.copy RETURNING id) SELECT count(*) FROM w;
:state
MERGE INTO crm.copy AS c USING crm.item AS i ON true WHEN MATCHED THEN DELETE;
:state
SELECT relation, action, decision, limits, reason FROM contauth.why('DELETE FROM crm.copy') ORDER BY 1;
SELECT relation, action, decision, limits, reason FROM contauth.why('DELETE FROM crm.copy WHERE id = 1') ORDER BY 2;
:as_admin
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": 5}}'), contauth.alter_policy('fill', '{"limits": {}}') \g /dev/null
:as_agent
-- the smallest counts: of permits, restrictions, functions
:as_admin
SELECT contauth.create_policy('less', 'permit', actions => '{select}', resources => '{crm.*}',
    limits => '{"rows_per_statement": 4}') \g /dev/null
:as_agent
EXECUTE p(4) \g /dev/null
EXECUTE p(5);
:as_admin
SELECT contauth.create_policy('least', 'restrict', actions => '{select}', resources => '{crm.item(name)}',
    limits => '{"rows_per_statement": 2}') \g /dev/null
SELECT contauth.alter_policy('call', '{"limits": {"rows_per_statement": 1}}') \g /dev/null
:as_agent
SELECT id FROM crm.item WHERE id <= 4;
SELECT id, name FROM crm.item WHERE id <= 2;
SELECT id, name FROM crm.item WHERE id <= 3;
SELECT crm.quiet(1);
SELECT crm.quiet(2);
SELECT relation, action, limits FROM contauth.why('SELECT id, name, crm.quiet(1) FROM crm.item') ORDER BY 1;
:as_admin
SELECT contauth.drop_policy('less'), contauth.drop_policy('least'), contauth.alter_policy('call', '{"limits": {}}') \g /dev/null

--
-- bytes: an aggregate puts many rows into one
--
:as_agent
SELECT length(string_agg(name, '')) FROM crm.item;
:as_admin
SELECT contauth.alter_policy('items', '{"limits": {"bytes_per_statement": 100}}') \g /dev/null
:as_agent
SELECT name FROM crm.item LIMIT 10;
SELECT name FROM crm.item LIMIT 11;
:state
SELECT string_agg(name, '') FROM crm.item WHERE id <= 10;
SELECT string_agg(name, '') FROM crm.item WHERE id <= 11;
SELECT array_agg(name) FROM crm.item;
SELECT id, name::cstring, NULL FROM crm.item LIMIT 7;
SELECT id, name::cstring, NULL FROM crm.item LIMIT 8;

--
-- monitor mode refuses nothing, and the record says what it would have done
--
:as_admin
SELECT contauth.alter_policy('items', '{"limits": {"rows_per_statement": 2}}') \g /dev/null
SET contauth.mode = monitor;
:as_agent
SELECT id FROM crm.item WHERE id <= 4;
:as_admin
RESET contauth.mode;
SELECT contauth_audit.sync();
SELECT decision, mode, reason_code, reason, rows_returned, sqlstate, accesses -> 0 -> 'limits' AS limits
  FROM contauth_audit.decision WHERE mode = 'monitor' AND statement_kind = 'SELECT' ORDER BY seq DESC LIMIT 1;
-- the record of a refusal
:as_agent
SELECT id FROM crm.item WHERE id <= 4;
:as_admin
SELECT contauth_audit.sync();
SELECT decision, mode, reason_code, reason, rows_returned, sqlstate
  FROM contauth_audit.decision WHERE sqlstate = 'ZA003' ORDER BY seq DESC LIMIT 1;
\set ECHO none
\i :teardown
