-- Utility commands of an agent: an allow-list, and everything else refused.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE TABLE crm.t (id int PRIMARY KEY DEFERRABLE, body text);
INSERT INTO crm.t VALUES (1, 'one');
CREATE FUNCTION crm.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION crm.do_utility(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN ''done''; END';
CREATE PROCEDURE crm.p() LANGUAGE plpgsql AS 'BEGIN PERFORM id FROM crm.t; END';
CREATE PROCEDURE crm.closed() LANGUAGE plpgsql AS 'BEGIN END';
CREATE SEQUENCE crm.s;
GRANT ALL ON crm.t, crm.s TO regress_contauth_agent;
GRANT regress_contauth_owner TO regress_contauth_agent;
SELECT contauth.create_policy('t', 'permit', actions => '{select}', resources => '{crm.t}') \g /dev/null
SELECT contauth.create_policy('f', 'permit', actions => '{execute}',
    resources => '{function:crm.f, function:crm.p, function:crm.do_utility}') \g /dev/null
\c - regress_contauth_agent
SET contauth.token = :'token_support';

--
-- allowed
--
BEGIN; COMMIT;
START TRANSACTION; ROLLBACK;
BEGIN; SAVEPOINT a; RELEASE a; SAVEPOINT b; ROLLBACK TO b; END;
SET work_mem = '4MB'; SET LOCAL work_mem = '4MB'; RESET work_mem;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SHOW work_mem \g /dev/null
SHOW ALL \g /dev/null
SET CONSTRAINTS ALL DEFERRED;
DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES;
PREPARE p AS SELECT id FROM crm.t; EXECUTE p; DEALLOCATE p; DEALLOCATE ALL;
BEGIN; DECLARE c CURSOR FOR SELECT id FROM crm.t; FETCH c; MOVE c; CLOSE c; CLOSE ALL; COMMIT;
EXPLAIN (COSTS OFF) SELECT id FROM crm.t;
EXPLAIN ANALYZE SELECT id FROM crm.t \g /dev/null
CALL crm.p();
UNLISTEN *;

--
-- allowed by policy only
--
LOCK crm.t;
:state
TRUNCATE crm.t;
:state
LISTEN news;
:state
NOTIFY news, 'text';
:state
SET ROLE regress_contauth_owner;
:state
CALL crm.closed();
:state
EXPLAIN SELECT body FROM crm.customer, crm.t WHERE notes IS NULL;
:state
EXPLAIN ANALYZE DELETE FROM crm.t;
:state
\c - :superuser
SELECT contauth.create_policy('u', 'permit', actions => '{lock,truncate}', resources => '{crm.t}'),
       contauth.create_policy('n', 'permit', actions => '{notify}', resources => '{channel:news*}'),
       contauth.create_policy('r', 'permit', actions => '{set_role}', resources => '{role:regress_contauth_owner}')
\g /dev/null
\c - regress_contauth_agent
SET contauth.token = :'token_support';
BEGIN;
LOCK crm.t IN ACCESS SHARE MODE;
TRUNCATE crm.t;
ROLLBACK;
BEGIN;
LOCK crm.t, crm.ticket;
:state
ROLLBACK;
TRUNCATE crm.t, crm.ticket;
:state
TRUNCATE crm.t CASCADE;
:state
LISTEN news_1;
UNLISTEN news_1;
NOTIFY news_1;
LISTEN other;
:state
NOTIFY other;
:state
SELECT pg_notify('news_1', 'x');
:state
SET ROLE regress_contauth_owner;
RESET ROLE;
SET ROLE regress_contauth_other;
:state
SET SESSION AUTHORIZATION regress_contauth_other;
:state
SET ROLE regress_contauth_owner;

--
-- denied, whoever the current role is
--
DO 'BEGIN END';
:state
PREPARE TRANSACTION 'x';
:state
COMMIT PREPARED 'x';
:state
ROLLBACK PREPARED 'x';
:state
DECLARE c CURSOR WITH HOLD FOR SELECT 1;
:state
CREATE TABLE crm.x (id int);
:state
CREATE TEMP TABLE x (id int);
:state
CREATE TABLE crm.x AS SELECT 1;
:state
SELECT id INTO crm.x FROM crm.t;
:state
SELECT id INTO TEMP x FROM crm.t;
:state
CREATE VIEW crm.x AS SELECT 1;
:state
CREATE MATERIALIZED VIEW crm.x AS SELECT 1;
:state
REFRESH MATERIALIZED VIEW crm.x;
:state
CREATE INDEX ON crm.t (body);
:state
REINDEX TABLE crm.t;
:state
CREATE SEQUENCE crm.x;
:state
CREATE SCHEMA x;
:state
CREATE TYPE crm.x AS (a int);
:state
CREATE DOMAIN crm.x AS int;
:state
CREATE FUNCTION crm.x() RETURNS int LANGUAGE sql AS 'SELECT 1';
:state
CREATE PROCEDURE crm.x() LANGUAGE sql AS 'SELECT 1';
:state
CREATE AGGREGATE crm.x (int) (SFUNC = int4pl, STYPE = int);
:state
CREATE OPERATOR crm.### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
:state
CREATE CAST (int AS crm.t) WITH INOUT;
:state
CREATE RULE x AS ON INSERT TO crm.t DO NOTHING;
:state
CREATE TRIGGER x BEFORE INSERT ON crm.t FOR EACH ROW EXECUTE FUNCTION crm.f();
:state
CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION crm.f();
:state
CREATE POLICY x ON crm.t;
:state
CREATE STATISTICS crm.x ON id, body FROM crm.t;
:state
CREATE EXTENSION plpgsql;
:state
CREATE ROLE x;
:state
CREATE DATABASE x;
:state
CREATE TABLESPACE x LOCATION '/tmp/x';
:state
CREATE PUBLICATION x;
:state
CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION x;
:state
CREATE FOREIGN DATA WRAPPER x;
:state
CREATE SERVER x FOREIGN DATA WRAPPER x;
:state
CREATE USER MAPPING FOR regress_contauth_agent SERVER x;
:state
CREATE LANGUAGE x;
:state
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION crm.f());
:state
IMPORT FOREIGN SCHEMA x FROM SERVER x INTO crm;
:state
ALTER TABLE crm.t ADD x int;
:state
ALTER TABLE crm.t OWNER TO regress_contauth_agent;
:state
ALTER TABLE crm.t DISABLE ROW LEVEL SECURITY;
:state
ALTER FUNCTION crm.f() SECURITY DEFINER;
:state
ALTER ROLE regress_contauth_agent SUPERUSER;
:state
ALTER ROLE regress_contauth_agent SET work_mem = '1MB';
:state
ALTER DATABASE contrib_regression SET work_mem = '1MB';
:state
ALTER SYSTEM SET work_mem = '1MB';
:state
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
:state
ALTER EXTENSION contauth UPDATE;
:state
ALTER SEQUENCE crm.s RESTART;
:state
ALTER LARGE OBJECT 1 OWNER TO regress_contauth_agent;
:state
DROP TABLE crm.t;
:state
DROP FUNCTION crm.f();
:state
DROP SCHEMA crm CASCADE;
:state
DROP EXTENSION contauth;
:state
DROP ROLE regress_contauth_other;
:state
DROP OWNED BY regress_contauth_owner;
:state
REASSIGN OWNED BY regress_contauth_owner TO regress_contauth_agent;
:state
GRANT SELECT ON crm.t TO PUBLIC;
:state
REVOKE SELECT ON crm.t FROM PUBLIC;
:state
GRANT regress_contauth_owner TO regress_contauth_other;
:state
COMMENT ON TABLE crm.t IS 'x';
:state
SECURITY LABEL FOR contauth ON TABLE crm.t IS 'public';
:state
ANALYZE crm.t;
:state
VACUUM crm.t;
:state
CLUSTER crm.t USING t_pkey;
:state
CHECKPOINT;
:state
LOAD 'contauth';
:state
EXPLAIN CREATE TABLE crm.x AS SELECT 1;
:state
EXPLAIN ANALYZE CREATE TABLE crm.x AS SELECT 1;
:state
COPY crm.t TO '/tmp/x';
:state
COPY crm.t TO PROGRAM 'cat';
:state
-- nor from within a function
SELECT crm.do_utility('CREATE TEMP TABLE x (id int)');
:state
SELECT crm.do_utility('SET ROLE regress_contauth_other');
:state
SELECT crm.do_utility('SET contauth.mode = off');
:state
SELECT crm.do_utility('ALTER TABLE crm.t ADD x int');
:state
SELECT crm.do_utility('TRUNCATE crm.ticket');
:state
-- nothing has happened
\c - :superuser
SELECT count(*) FROM crm.t;
SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relname LIKE 'x%';
SELECT rolsuper, rolconfig FROM pg_roles WHERE rolname = 'regress_contauth_agent';

--
-- set_config() where no query has been looked into
--
\c - :superuser
CREATE TABLE crm.late (id int PRIMARY KEY, grp int, secret text,
    UNIQUE (grp, secret) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO crm.late VALUES (1, 1, 'RAWLATE'), (2, 2, 'RAWLATE');
GRANT ALL ON crm.late TO regress_contauth_agent;
SELECT contauth.create_policy('u_late', 'permit', actions => '{select,update}',
    resources => '{crm.late(id, grp)}') \g /dev/null
:as_agent
PREPARE echo(text) AS SELECT $1;
EXECUTE echo(upper('x'));
EXECUTE echo(set_config('role', 'regress_contauth_agent', false));
:state

--
-- deferred constraints: no stored value, and COMMIT ends the transaction
--
\set VERBOSITY default
UPDATE crm.late SET grp = 1 WHERE id = 2;
:state
BEGIN;
UPDATE crm.late SET grp = 1 WHERE id = 2;
COMMIT;
:state
SELECT id, grp FROM crm.late ORDER BY id;
:as_admin
SET log_min_messages = fatal;
:as_agent
UPDATE crm.late SET grp = 1 WHERE id = 2;
:state
:as_admin
SET log_min_messages = log;
:as_agent
UPDATE crm.late SET grp = 1 WHERE id = 2;
SELECT \; UPDATE crm.late SET grp = 1 WHERE id = 2;
SELECT crm.do_utility('UPDATE crm.late SET grp = 1 WHERE id = 2');
:as_admin
SELECT contauth_audit.sync();
SELECT statement_kind, decision, sqlstate FROM contauth_audit.decision
 WHERE statement_kind = 'COMMIT' AND sqlstate = '23505';

\set ECHO none
\i :teardown
