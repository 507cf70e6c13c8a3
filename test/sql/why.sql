-- What would be decided, and why, without running anything.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

-- functions that tell when they run
CREATE TABLE crm.ran (what text);
CREATE FUNCTION crm.note(what text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN RAISE NOTICE 'ran %', what; RETURN what; END $$;
CREATE FUNCTION crm.note_immutable(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE NOTICE 'ran %', what; RETURN what; END $$;
CREATE PROCEDURE crm.proc() LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION crm.closed() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE DOMAIN crm.loud AS text CHECK (crm.note_immutable(VALUE) IS NOT NULL);
CREATE VIEW crm.v AS SELECT id, name, ssn, notes FROM crm.customer;
GRANT ALL ON crm.v, crm.ran TO regress_contauth_agent;
SELECT contauth.create_policy('notes', 'permit', actions => '{execute}',
    resources => '{function:crm.note*}') \g /dev/null
SELECT contauth.create_policy('low', 'permit', actions => '{update,export}', resources => '{crm.ticket}',
    condition => $$ctx.autonomy <= 1 AND ctx.purpose = 'support' AND (ctx.depth = 0 OR ctx.tls)$$) \g /dev/null
SELECT contauth.create_policy('fails', 'permit', actions => '{update}', resources => '{crm.ticket}',
    condition => $$1 / (ctx.depth - ctx.depth) = 1$$) \g /dev/null
SELECT contauth.create_policy('asks', 'escalate', actions => '{delete}', resources => '{crm.ticket}') \g /dev/null
SELECT contauth.create_policy('deletes', 'permit', actions => '{delete}', resources => '{crm.ticket}') \g /dev/null
SELECT contauth.create_policy('never', 'forbid', actions => '{truncate}', resources => '{crm.ticket}') \g /dev/null

-- without an identity
SELECT relation, action, decision, reason FROM contauth.why('SELECT 1');
SELECT * FROM contauth.why(NULL);
:state

:as_agent
\x
SELECT * FROM contauth.why('SELECT id, ssn, email FROM crm.customer WHERE id = $1');
SELECT * FROM contauth.why('SELECT id, notes, gone FROM crm.customer');
:state
SELECT * FROM contauth.why('SELECT id, notes FROM crm.customer');
SELECT * FROM contauth.why('SELECT * FROM crm.v');
SELECT * FROM contauth.why('SELECT id FROM crm.v');
SELECT * FROM contauth.why('UPDATE crm.ticket SET body = NULL');
SET contauth.purpose = 'support';
SELECT * FROM contauth.why('UPDATE crm.ticket SET body = NULL');
SELECT * FROM contauth.why('COPY crm.ticket TO STDOUT');
SELECT * FROM contauth.why('DELETE FROM crm.ticket');
SELECT * FROM contauth.why('TRUNCATE crm.ticket');
\x
-- each is what happens
SELECT id, notes FROM crm.customer;
UPDATE crm.ticket SET body = NULL;
COPY crm.ticket TO STDOUT;
TRUNCATE crm.ticket;

-- and on record: the agent's own view of it is contauth.my_decision()
SELECT id, ssn FROM crm.customer WHERE id = 2;
:as_admin
SELECT contauth_audit.sync() \g /dev/null
SELECT decision, reason_code, policies, accesses FROM contauth_audit.decision
 WHERE statement_kind IN ('SELECT', 'UPDATE') AND agent IS NOT NULL AND accesses -> 0 ? 'relation' ORDER BY seq DESC LIMIT 3;
:as_agent
-- the other kinds of statements
CREATE TEMP TABLE nothing (a int);
:as_admin
CREATE TABLE crm.asked (n int, sql text);
GRANT SELECT ON crm.asked TO regress_contauth_agent;
SELECT contauth.create_policy('asked', 'permit', actions => '{select}', resources => '{crm.asked}') \g /dev/null
INSERT INTO crm.asked VALUES
    (1, 'SELECT 1'), (2, 'BEGIN'), (3, 'SET ROLE postgres'), (4, 'SET ROLE NONE'),
    (5, 'LISTEN news'), (6, 'NOTIFY news'), (7, 'LOCK crm.ticket'), (8, 'VACUUM'),
    (9, 'COPY crm.ticket FROM STDIN'), (10, 'COPY (SELECT id FROM crm.ticket) TO STDOUT'),
    (11, $$COPY crm.ticket TO '/tmp/x'$$), (12, 'EXPLAIN SELECT notes FROM crm.customer'),
    (13, 'PREPARE p AS SELECT notes FROM crm.customer'),
    (14, 'DECLARE c CURSOR FOR SELECT notes FROM crm.customer'),
    (15, 'CREATE TABLE x AS SELECT 1'), (16, 'SELECT crm.closed()'),
    (17, $$SELECT pg_read_file('x')$$), (18, 'SELECT lower(name) FROM crm.customer'),
    (19, 'SELECT 1; DELETE FROM crm.ticket'), (20, ''),
    (21, 'INSERT INTO crm.ticket SELECT * FROM crm.ticket ON CONFLICT (id) DO UPDATE SET body = NULL RETURNING id'),
    (22, 'WITH d AS (DELETE FROM crm.ticket RETURNING id) SELECT * FROM d'),
    (23, 'SELECT name FROM contauth.policy'), (24, 'SELECT rolpassword FROM pg_authid'),
    (25, 'UPDATE crm.customer SET ssn = ssn'), (26, 'DO $x$BEGIN END$x$');
:as_agent
SELECT n, relation, action, decision, policies, columns, uncovered, reason
  FROM crm.asked, LATERAL contauth.why(asked.sql) ORDER BY n, relation, action;

-- nothing runs: not even what the planner would fold, nor a domain's check
SELECT relation, action, decision, reason FROM contauth.why($$SELECT crm.note('a'), crm.note_immutable('b'), 'c'::crm.loud$$);
SELECT crm.note('a'), crm.note_immutable('b'), 'c'::crm.loud;

-- text that is no statement
SELECT * FROM contauth.why('SELEC');
:state
SELECT * FROM contauth.why('SELECT * FROM crm.nowhere');
:state
SELECT * FROM contauth.why('SELECT $1');
:state
CALL crm.proc();
SELECT relation, action, decision, reason FROM contauth.why('CALL crm.proc()');
-- explain_denials = off hides the reasons here, too
:as_admin
SET contauth.explain_denials = off;
:as_agent
SELECT * FROM contauth.why('SELECT id, ssn FROM crm.customer');
SELECT * FROM contauth.why('SELECT notes FROM crm.customer');
:as_admin
RESET contauth.explain_denials;
:as_agent
-- asked inside itself
SELECT relation, action, decision FROM contauth.why($$SELECT * FROM contauth.why('DROP TABLE crm.ticket')$$);
:as_admin
\set ECHO none
\i :teardown
