-- What the server computes from stored rows at a write, and what it keeps in
-- its catalogs: no error and no catalog shows a masked column.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
CREATE TABLE crm.generated (id int PRIMARY KEY, prefix text, secret text,
    number int GENERATED ALWAYS AS ((prefix || right(secret, 1))::int) STORED);
CREATE TABLE crm.indexed (id int PRIMARY KEY, prefix text, secret text);
CREATE INDEX ON crm.indexed (((prefix || right(secret, 1))::int));
CREATE TABLE crm.partial (id int PRIMARY KEY, prefix text, secret text);
CREATE INDEX ON crm.partial (id) WHERE (prefix || right(secret, 1))::int > 0;
CREATE TABLE crm.checked (id int PRIMARY KEY, prefix text, secret text, CHECK ((prefix || right(secret, 1))::int > 0));
CREATE TABLE crm.routed (id int, prefix text, secret text) PARTITION BY LIST (((prefix || right(secret, 1))::int));
CREATE TABLE crm.routed_1 PARTITION OF crm.routed FOR VALUES IN (1);
CREATE TABLE crm.triggered (id int PRIMARY KEY, prefix text, secret text);
CREATE FUNCTION crm.computes() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM (new.prefix || right(old.secret, 1))::int; RETURN new; END';
CREATE TRIGGER computes BEFORE UPDATE ON crm.triggered FOR EACH ROW EXECUTE FUNCTION crm.computes();
CREATE TABLE crm.searched (id int PRIMARY KEY, prefix text, secret text,
    query tsquery GENERATED ALWAYS AS ((prefix || secret)::tsquery) STORED);
CREATE TABLE crm.named (id int PRIMARY KEY, prefix text, secret text, CHECK ((prefix || secret)::regclass IS NOT NULL));
CREATE TABLE crm.after (id int PRIMARY KEY, prefix text, secret text);
CREATE TRIGGER computes AFTER UPDATE ON crm.after FOR EACH ROW EXECUTE FUNCTION crm.computes();
CREATE TABLE crm.late (id int PRIMARY KEY, prefix text, secret text);
CREATE CONSTRAINT TRIGGER computes AFTER UPDATE ON crm.late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION crm.computes();
CREATE PROCEDURE crm.commits(value text) LANGUAGE plpgsql AS
    'BEGIN UPDATE crm.late SET prefix = value; COMMIT; UPDATE crm.late SET prefix = NULL; COMMIT; END';
CREATE TABLE crm.log (line text, n int CHECK (n > 0));
CREATE FUNCTION crm.logs() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN EXECUTE format('INSERT INTO crm.log VALUES (%L, %s)', old.secret, coalesce(new.prefix, '-1')); RETURN NULL; END$$;
CREATE TABLE crm.logged (id int PRIMARY KEY, prefix text, secret text);
CREATE TRIGGER logs AFTER UPDATE OR DELETE ON crm.logged FOR EACH ROW EXECUTE FUNCTION crm.logs();
CREATE TABLE crm.logged_late (id int PRIMARY KEY, prefix text, secret text);
CREATE CONSTRAINT TRIGGER logs AFTER UPDATE OR DELETE ON crm.logged_late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION crm.logs();
CREATE FUNCTION crm.notes(text) RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE $$noted$$; END';
CREATE FUNCTION crm.tells() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN EXECUTE format('SELECT crm.notes(%L)', old.secret); RETURN NULL; END$$;
CREATE TABLE crm.noted (id int PRIMARY KEY, prefix text, secret text);
CREATE TRIGGER tells AFTER UPDATE ON crm.noted FOR EACH ROW EXECUTE FUNCTION crm.tells();
CREATE TABLE crm.noted_late (id int PRIMARY KEY, prefix text, secret text);
CREATE CONSTRAINT TRIGGER tells AFTER UPDATE ON crm.noted_late DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION crm.tells();
CREATE FUNCTION crm.caught(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    context text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws('; ', state, message, regexp_replace(detail, 'decision_id=[0-9a-f-]+ ', ''), 'context: ' || context);
END $$;
CREATE TABLE crm.spied (id int PRIMARY KEY, prefix text, secret text);
CREATE FUNCTION crm.spies() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE NOTICE 'it was %', old; RETURN COALESCE(new, old); END$$;
ALTER FUNCTION crm.spies() OWNER TO regress_contauth_agent;
CREATE TRIGGER spies BEFORE UPDATE OR DELETE ON crm.spied FOR EACH ROW EXECUTE FUNCTION crm.spies();
CREATE TABLE crm.plain (id int PRIMARY KEY, prefix text, secret text);
CREATE TABLE crm.seen (LIKE crm.generated INCLUDING ALL);
INSERT INTO crm.generated VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.indexed VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.partial VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.checked VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.routed VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.triggered VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.searched VALUES (1, '', 'RAW' || 'SECRET1');
SELECT 'CREATE TABLE public."' || 'RAW' || 'SECRET1" ()' \gexec
INSERT INTO crm.named VALUES (1, '', 'public."' || 'RAW' || 'SECRET1"');
INSERT INTO crm.after VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.late VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.logged VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.logged_late VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.noted VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.noted_late VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.spied VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.plain VALUES (1, '', 'RAW' || 'SECRET1');
INSERT INTO crm.seen VALUES (1, '', 'RAW' || 'SECRET1');
CREATE TABLE crm.added (id int);
INSERT INTO crm.added VALUES (1);
SELECT 'ALTER TABLE crm.added ADD COLUMN secret text DEFAULT ''' || 'RAW' || 'SECRET1''' \gexec
ALTER TABLE crm.added ALTER secret DROP DEFAULT;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
CREATE FUNCTION pg_temp.tables(suffix text) RETURNS text[] LANGUAGE sql AS
    $$ SELECT array_agg('crm.' || t || suffix) FROM unnest('{generated,indexed,partial,checked,routed,routed_1,triggered,searched,named,after,late,logged,logged_late,noted,noted_late,spied,plain}'::text[]) AS t $$;
SELECT contauth.create_policy('read', 'permit', actions => '{select}',
           resources => pg_temp.tables('(id,prefix,secret)') || '{crm.seen, crm.added}'::text[],
           masks => (SELECT jsonb_object_agg(t, 'redact') FROM unnest(pg_temp.tables('.secret') || 'crm.added.secret'::text) AS t)),
       contauth.create_policy('write', 'permit', actions => '{update,insert,delete}',
           resources => pg_temp.tables('(id,prefix)') || 'crm.seen(id,prefix)'::text),
       contauth.create_policy('catch', 'permit', actions => '{execute}', resources => '{function:crm.caught,function:crm.notes,function:crm.commits}') \g /dev/null
\set ECHO all
\set VERBOSITY default

--
-- errors of what is computed
--
:as_agent
UPDATE crm.generated SET prefix = 'x';
:state
UPDATE crm.indexed SET prefix = 'x';
UPDATE crm.partial SET prefix = 'x';
UPDATE crm.checked SET prefix = 'x';
UPDATE crm.routed SET prefix = 'x';
UPDATE crm.routed_1 SET prefix = 'x';
UPDATE crm.triggered SET prefix = 'x';
UPDATE crm.searched SET prefix = 'x ';
:state
UPDATE crm.named SET prefix = 'x';
:state
UPDATE crm.after SET prefix = 'x';
INSERT INTO crm.generated (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET prefix = 'x';
-- what is in range is written
UPDATE crm.generated SET prefix = '2' RETURNING id, prefix, secret;
-- what fails only later: at COMMIT, at SET CONSTRAINTS, at the end of a statement alone
BEGIN;
UPDATE crm.late SET prefix = 'x';
COMMIT;
:state
BEGIN;
UPDATE crm.late SET prefix = 'x';
SET CONSTRAINTS ALL IMMEDIATE;
:state
ROLLBACK;
UPDATE crm.late SET prefix = 'x';
:state
SELECT 1 \; UPDATE crm.late SET prefix = 'x';
CALL crm.commits('x');
:state
CALL crm.commits('1');
-- other errors of such a transaction are told
BEGIN;
UPDATE crm.late SET prefix = '1';
SELECT 'y'::int;
ROLLBACK;
BEGIN;
UPDATE crm.late SET prefix = '1';
COMMIT;
SELECT 'y'::int;
-- the context of an error holds the statement that a trigger has put together,
-- whatever that failed of: a permit, a constraint, a timeout
SELECT crm.caught($$UPDATE crm.logged SET prefix = '1'$$);
SELECT crm.caught($$DELETE FROM crm.logged$$);
:as_admin
SELECT contauth.create_policy('log', 'permit', actions => '{insert}', resources => '{crm.log}') \g /dev/null
:as_agent
UPDATE crm.logged SET prefix = '-1';
SELECT crm.caught($$UPDATE crm.logged SET prefix = '-1'$$);
DELETE FROM crm.logged;
BEGIN;
UPDATE crm.logged_late SET prefix = '-1';
COMMIT;
BEGIN;
UPDATE crm.logged_late SET prefix = '-1';
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
UPDATE crm.logged_late SET prefix = '-1';
SET statement_timeout = '100ms';
UPDATE crm.logged SET prefix = '(SELECT 1 FROM pg_sleep(10))';
RESET statement_timeout;
UPDATE crm.logged SET prefix = '1';
-- nor does that of a message
\set SHOW_CONTEXT always
UPDATE crm.noted SET prefix = '1';
BEGIN;
UPDATE crm.noted_late SET prefix = '1';
COMMIT;
UPDATE crm.noted_late SET prefix = '1';
UPDATE crm.plain SET prefix = '1';
SELECT crm.notes('mine');
\set SHOW_CONTEXT errors
-- a function of the agent's own does not see what it does not see itself
\set VERBOSITY terse
UPDATE crm.spied SET prefix = 'x';
:state
DELETE FROM crm.spied;
:state
INSERT INTO crm.spied (id) VALUES (2) ON CONFLICT (id) DO UPDATE SET prefix = 'x';
:state
INSERT INTO crm.spied (id) VALUES (2);
MERGE INTO crm.spied USING (VALUES (1)) AS v (id) ON spied.id = v.id WHEN MATCHED THEN DELETE;
:state
\set VERBOSITY default
-- errors about nothing that is hidden are told
UPDATE crm.plain SET prefix = (id::text || 'x')::int::text;
UPDATE crm.seen SET prefix = 'x';
:as_admin
SET client_min_messages = warning;
SELECT contauth.enroll_role('regress_contauth_agent');
RESET client_min_messages;
-- a mask that comes later holds for statements that were prepared before
:as_agent
PREPARE before AS UPDATE crm.seen SET prefix = 'x';
EXECUTE before;
:as_admin
SELECT contauth.create_policy('later', 'restrict', actions => '{select}', resources => '{crm.seen}',
           masks => '{"crm.seen.secret": "redact", "crm.seen.number": "null"}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support';
EXECUTE before;

--
-- a value that only the catalog has
--
\set VERBOSITY terse
SELECT id, secret FROM crm.added;
SELECT attname, atthasmissing, attmissingval FROM pg_attribute WHERE attrelid = 'crm.added'::regclass AND attnum > 0;
SELECT count(*) FROM pg_attribute AS a WHERE attrelid = 'crm.added'::regclass AND a::text LIKE '%RAW%';
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'added';
:as_admin

\set ECHO none
DROP TABLE public."RAWSECRET1";
\i :teardown
