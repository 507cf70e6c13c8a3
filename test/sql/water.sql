-- The high-water mark: what raises it, what does not, and what takes it down
-- (nothing does).
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
-- who reads as whom: each reader has a history of its own, which starts empty
SELECT contauth.register_agent('spiffe://acme.test/agent/reader/' || i,
           '{regress_contauth_agent}', 'alice', 3) FROM generate_series(1, 6) AS i \g /dev/null
\set reader '\\c - regress_contauth_agent \\\\ SET contauth.token = '
-- the marks of the session, and of the agent within the hour
\set mark 'SELECT relation FROM contauth.why(''NOTIFY session_0; NOTIFY session_1; NOTIFY session_2; NOTIFY session_3; NOTIFY session_4; NOTIFY hour_0; NOTIFY hour_1; NOTIFY hour_2; NOTIFY hour_3; NOTIFY hour_4'') WHERE decision = ''allow'' ORDER BY 1 DESC;'
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE TABLE crm.graded (id int PRIMARY KEY, open text, inner_only text, few text, top text, hidden text, lifted text);
INSERT INTO crm.graded VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f'), (2, 'a', 'b', 'c', 'd', 'e', 'f');
CREATE TABLE crm.vault (id int, word text);
INSERT INTO crm.vault VALUES (1, 'w');
CREATE TABLE crm.page (word text);
INSERT INTO crm.page VALUES ('public');
CREATE TABLE crm.log (id int, word text);
CREATE TABLE crm.part (id int, word text) PARTITION BY LIST (id);
CREATE TABLE crm.part_1 PARTITION OF crm.part FOR VALUES IN (1);
INSERT INTO crm.part VALUES (1, 'p');
CREATE VIEW crm.v_graded AS SELECT id, open, few, hidden FROM crm.graded;
CREATE VIEW crm.v_named AS SELECT id, open FROM crm.graded;
CREATE MATERIALIZED VIEW crm.m_graded AS SELECT id, few FROM crm.graded;
CREATE FUNCTION crm.top() RETURNS text LANGUAGE plpgsql
    AS 'BEGIN RETURN (SELECT max(top) FROM crm.graded); END';
CREATE FUNCTION crm.top_sql() RETURNS text LANGUAGE sql AS 'SELECT max(top) FROM crm.graded';
CREATE FUNCTION crm.top_frozen() RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN (SELECT max(top) FROM crm.graded); END';
CREATE FUNCTION crm.top_swallowed() RETURNS text LANGUAGE plpgsql
    AS $$ DECLARE r text; BEGIN
        BEGIN SELECT max(top) INTO r FROM crm.graded; RAISE EXCEPTION 'undo'; EXCEPTION WHEN OTHERS THEN NULL; END;
        RETURN r; END $$;
CREATE FUNCTION crm.try(command text) RETURNS text LANGUAGE plpgsql
    AS 'BEGIN EXECUTE command; RETURN ''done''; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END';
CREATE FUNCTION crm.tell(word text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN word; END';
CREATE PROCEDURE crm.tell_all(word text) LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE FUNCTION crm.retell(word text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE r text; BEGIN r := crm.tell(word); RETURN 'told'; END $$;
CREATE FUNCTION crm.maybe(boolean) RETURNS text LANGUAGE plpgsql
    AS 'BEGIN IF $1 THEN RETURN crm.top(); END IF; RETURN ''nothing''; END';
CREATE FUNCTION crm.retell_maybe(boolean) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE r text; BEGIN r := crm.tell(crm.maybe($1)); RETURN 'told'; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
RESET ROLE;
SECURITY LABEL FOR contauth ON COLUMN crm.graded.inner_only IS 'internal';
SECURITY LABEL FOR contauth ON COLUMN crm.graded.few IS 'restricted';
SECURITY LABEL FOR contauth ON COLUMN crm.graded.top IS 'secret';
SECURITY LABEL FOR contauth ON COLUMN crm.graded.hidden IS 'secret';
SECURITY LABEL FOR contauth ON COLUMN crm.graded.lifted IS 'secret';
SECURITY LABEL FOR contauth ON TABLE crm.vault IS 'restricted';
SECURITY LABEL FOR contauth ON TABLE crm.part IS 'restricted';
SECURITY LABEL FOR contauth ON COLUMN crm.v_named.open IS 'confidential';
SELECT contauth.create_policy('all', 'permit', '{spiffe://acme.test/agent/reader/*}',
           resources => '{crm.*, function:crm.*}',
           masks => '{"crm.graded.hidden": "redact",
                      "crm.graded.lifted": {"mask": "redact", "unless": "id = 1"}}'),
       contauth.create_policy('not down', 'forbid', actions => '{insert, update, delete, copy_in, export, notify}',
           resources => '{crm.*, channel:sink}', condition => 'ctx.high_water > ctx.target_sensitivity'),
       contauth.create_policy('not told', 'forbid', actions => '{execute}',
           resources => '{function:crm.tell, function:crm.tell_all}', condition => 'ctx.high_water > ctx.target_sensitivity'),
       contauth.create_policy('sink', 'permit', actions => '{notify}', resources => '{channel:sink}'),
       contauth.create_policy('session_' || i, 'permit', actions => '{notify}',
           resources => ARRAY['channel:session_' || i], condition => 'ctx.high_water = ' || i),
       contauth.create_policy('hour_' || i, 'permit', actions => '{notify}',
           resources => ARRAY['channel:hour_' || i], condition => 'ctx.high_water_1h = ' || i)
  FROM generate_series(0, 0) AS i \g /dev/null
SELECT contauth.create_policy('session_' || i, 'permit', actions => '{notify}',
           resources => ARRAY['channel:session_' || i], condition => 'ctx.high_water = ' || i),
       contauth.create_policy('hour_' || i, 'permit', actions => '{notify}',
           resources => ARRAY['channel:hour_' || i], condition => 'ctx.high_water_1h = ' || i)
  FROM generate_series(1, 4) AS i \g /dev/null

--
-- what does not raise it
--
:reader :'token_reader_1';
:mark
SELECT open FROM crm.graded;
SELECT hidden FROM crm.graded WHERE hidden <> '' ORDER BY hidden;
SELECT hidden FROM crm.v_graded;
SELECT count(*) FROM crm.graded;
EXPLAIN (COSTS off) SELECT top FROM crm.graded;
PREPARE late AS SELECT top FROM crm.graded;
BEGIN;
DECLARE c CURSOR FOR SELECT top FROM crm.graded;
COMMIT;
SELECT max(relation) FROM contauth.why('SELECT top FROM crm.graded');
-- refused before it ran
SELECT top FROM crm.graded, contauth.agent;
INSERT INTO crm.log SELECT id, top FROM crm.graded;
SELECT 1 / 0 FROM crm.graded WHERE top > '';
:mark

--
-- what does, as far as each goes
--
:reader :'token_reader_2';
SELECT inner_only FROM crm.graded WHERE id = 1;
:mark
SELECT open FROM crm.v_named WHERE id = 1;
:mark
-- a table whose every column is labelled: that there are rows, too
SELECT count(*) FROM crm.vault;
:mark
SELECT open FROM crm.graded WHERE top = 'd' AND id = 1;
:mark
-- and never down
:reader :'token_reader_3';
BEGIN;
SAVEPOINT s;
SELECT few FROM crm.v_graded WHERE id = 1;
ROLLBACK TO s;
ROLLBACK;
:mark
RESET ALL;
SET contauth.token = :'token_reader_3';
:mark
DISCARD ALL;
SET contauth.token = :'token_reader_3';
:mark
SET ROLE regress_contauth_agent;
RESET ROLE;
-- of the connection whoever it is, of the agent wherever it is
SET contauth.token = :'token_reader_4';
:mark
:reader :'token_reader_3';
:mark
:reader :'token_reader_4';
:mark
-- also when no row was found
SELECT id FROM crm.graded WHERE few = 'nothing';
:reader :'token_reader_4';
:mark

--
-- every way of reading
--
\set fresh '\\c - regress_contauth_agent \\\\ SET contauth.token = :''token_reader_5'';'
\set session 'SELECT max(relation) FROM contauth.why(''NOTIFY session_0; NOTIFY session_1; NOTIFY session_2; NOTIFY session_3; NOTIFY session_4'') WHERE decision = ''allow'';'
:fresh
SELECT open FROM crm.graded ORDER BY few LIMIT 1;
:session
:fresh
SELECT g.open FROM crm.graded AS g JOIN crm.vault AS v ON v.word = g.open;
:session
:fresh
SELECT few IS NULL FROM crm.m_graded WHERE id = 1;
:session
:fresh
SELECT word FROM crm.part_1;
:session
:fresh
SELECT lifted FROM crm.graded WHERE id = 2;
:session
:fresh
SELECT g FROM crm.graded AS g WHERE id = 1;
:session
:fresh
SELECT crm.top();
:session
:fresh
SELECT crm.top_sql();
:session
:fresh
EXPLAIN (COSTS off) SELECT crm.top_frozen();
:session
:fresh
SELECT crm.top_swallowed();
:session
:fresh
BEGIN;
DECLARE c CURSOR FOR SELECT few FROM crm.graded ORDER BY id;
:session
FETCH c;
:session
ROLLBACK;
:fresh
PREPARE late AS SELECT few FROM crm.graded WHERE id = $1;
:session
EXECUTE late(1);
:session
:fresh
COPY (SELECT id FROM crm.graded WHERE few = 'nothing') TO STDOUT;
COPY (SELECT open FROM crm.graded) TO STDOUT;
:session
:fresh
-- rows that have left before an error
SELECT 1 / (2 - id), few FROM crm.graded ORDER BY id;
:session
-- a label that comes under a kept plan
:fresh
PREPARE kept AS SELECT open FROM crm.graded WHERE id = 1;
EXECUTE kept;
EXECUTE kept;
:session
\c - :superuser
SECURITY LABEL FOR contauth ON COLUMN crm.graded.open IS 'internal';
\set as_reader 'SET SESSION AUTHORIZATION regress_contauth_agent; SET contauth.token = :''token_reader_5'';'
:as_reader
PREPARE kept AS SELECT open FROM crm.graded WHERE id = 1;
EXECUTE kept;
:session
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.graded.open IS 'confidential';
:as_reader
EXECUTE kept;
:session
:as_admin
-- and what the class ranks as
INSERT INTO contauth.classification VALUES ('regress_water', 2, 'x');
SECURITY LABEL FOR contauth ON COLUMN crm.graded.open IS 'regress_water';
:as_reader
EXECUTE kept;
:as_admin
UPDATE contauth.classification SET sensitivity = 3 WHERE class = 'regress_water';
:as_reader
EXECUTE kept;
:session
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.graded.open IS NULL;
DELETE FROM contauth.classification WHERE class = 'regress_water';

--
-- within one statement: what it reads comes first
--
:fresh
INSERT INTO crm.log SELECT id, few FROM crm.graded;
INSERT INTO crm.log SELECT id, few FROM crm.v_graded;
INSERT INTO crm.log SELECT id, open FROM crm.graded WHERE few = 'c';
WITH w AS (SELECT few FROM crm.graded) INSERT INTO crm.log SELECT 1, few FROM w;
WITH w AS (INSERT INTO crm.log VALUES (1, 'x')) SELECT few FROM crm.graded;
WITH w AS (UPDATE crm.graded SET top = 'x' RETURNING few) INSERT INTO crm.log SELECT 1, few FROM w;
UPDATE crm.log SET word = few FROM crm.graded;
UPDATE crm.graded SET open = few;
DELETE FROM crm.log USING crm.graded WHERE few = word;
MERGE INTO crm.log AS l USING crm.graded AS g ON g.id = l.id WHEN NOT MATCHED THEN INSERT VALUES (g.id, g.few);
INSERT INTO crm.log VALUES (1, 'x') RETURNING (SELECT max(few) FROM crm.graded);
COPY (SELECT few FROM crm.graded) TO STDOUT;
COPY crm.vault TO STDOUT;
SELECT crm.tell(few) FROM crm.graded;
-- what functions inside it read comes before what it does with that
INSERT INTO crm.log VALUES (1, crm.top());
INSERT INTO crm.log VALUES (1, crm.top_sql());
INSERT INTO crm.log SELECT i, crm.top() FROM generate_series(1, 2) AS i;
UPDATE crm.page SET word = crm.top();
UPDATE crm.page SET word = 'x' WHERE word < crm.top();
COPY (SELECT crm.top()) TO STDOUT;
COPY (SELECT crm.top_sql()) TO STDOUT;
SELECT crm.tell(crm.top());
CALL crm.tell_all(crm.top());
SELECT crm.try('INSERT INTO crm.log VALUES (1, crm.top())');
-- nothing has been read so far, nor written
:session
SELECT count(*) FROM crm.log;
SELECT * FROM crm.page;
-- where it may go, and what was not read
INSERT INTO crm.vault SELECT id, few FROM crm.graded RETURNING id;
UPDATE crm.graded SET few = few || '!' WHERE id = 1;
UPDATE crm.vault SET word = crm.tell('x') WHERE id = 2;
:session
INSERT INTO crm.log VALUES (1, 'x');
:fresh
INSERT INTO crm.log VALUES (1, 'x');
INSERT INTO crm.log SELECT id, open FROM crm.graded WHERE id = 1;
INSERT INTO crm.log SELECT id, hidden FROM crm.graded WHERE id = 1;
:session
SELECT * FROM crm.log;

--
-- prepared, opened or made ready before
--
:fresh
PREPARE put AS INSERT INTO crm.log VALUES (2, 'y');
EXECUTE put;
EXECUTE put;
EXECUTE put;
EXECUTE put;
EXECUTE put;
EXECUTE put;
BEGIN;
SELECT crm.retell('a');
DECLARE c CURSOR FOR SELECT crm.tell(i::text) FROM generate_series(1, 5) AS i;
FETCH c;
SAVEPOINT s;
SELECT max(few) FROM crm.graded;
EXECUTE put;
ROLLBACK TO s;
FETCH c;
ROLLBACK TO s;
-- its expression was ready, and is made so again
SELECT crm.retell('a');
ROLLBACK TO s;
NOTIFY sink, 'x';
ROLLBACK;
-- an expression that was ready, and reads only now
:fresh
BEGIN;
SELECT crm.retell_maybe(false);
SELECT crm.retell_maybe(true);
ROLLBACK;
-- a function that was called before does not keep others from reading
:fresh
BEGIN;
SELECT crm.retell_maybe(false);
SELECT crm.top();
ROLLBACK;
-- read while it was planned
:fresh
INSERT INTO crm.log VALUES (1, crm.top_frozen());
COPY (SELECT crm.top_frozen()) TO STDOUT;
-- a row is locked, not written
:fresh
BEGIN;
SELECT id FROM crm.vault FOR UPDATE;
ROLLBACK;

-- what a function reads inside COPY TO is exported, by whatever plan
:fresh
SELECT crm.top() IS NULL FROM generate_series(1, 7);
COPY (SELECT crm.top()) TO STDOUT;
SELECT crm.top();

--
-- a trigger that reads
--
\c - :superuser
CREATE FUNCTION crm.fill() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN NEW.word := crm.top(); RETURN NEW; END';
CREATE TRIGGER fill BEFORE INSERT ON crm.log FOR EACH ROW EXECUTE FUNCTION crm.fill();
:fresh
INSERT INTO crm.log VALUES (3, 'z');
COPY crm.log FROM STDIN;
3	z
\.
:session
\c - :superuser
DROP TRIGGER fill ON crm.log;
SELECT count(*) FROM crm.log WHERE word = 'd';

--
-- monitor mode masks nothing
--
ALTER ROLE regress_contauth_agent SET contauth.mode = monitor;
:fresh
SELECT hidden FROM crm.graded WHERE id = 1;
:session
\c - :superuser
ALTER ROLE regress_contauth_agent RESET contauth.mode;

--
-- why() tells the same
--
:fresh
SELECT relation, action, decision FROM contauth.why('INSERT INTO crm.log SELECT id, few FROM crm.graded');
SELECT relation, action, decision FROM contauth.why('INSERT INTO crm.log SELECT id, open FROM crm.graded');
SELECT relation, action, decision FROM contauth.why('SELECT crm.tell(few) FROM crm.graded');
SELECT relation, action, decision FROM contauth.why('COPY crm.vault TO STDOUT');

\set ECHO none
\i :teardown
