-- Which sessions are governed, what they may do, and what they cannot change.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

--
-- enrolment
--
CREATE ROLE regress_contauth_new LOGIN;
SELECT pg_has_role('regress_contauth_new', 'contauth_agent', 'MEMBER') AS governed;
SET ROLE regress_contauth_admin;
SELECT contauth.enroll_role(NULL);
:state
SELECT contauth.unenroll_role(NULL);
:state
SELECT contauth.enroll_role(1::regrole);
:state
SELECT contauth.unenroll_role(1::regrole);
:state
SELECT contauth.enroll_role('regress_contauth_new');
RESET ROLE;
SELECT pg_has_role('regress_contauth_new', 'contauth_agent', 'MEMBER') AS governed;
SELECT rolconfig FROM pg_roles WHERE rolname = 'regress_contauth_new';
SELECT contauth.unenroll_role('regress_contauth_new');
SELECT pg_has_role('regress_contauth_new', 'contauth_agent', 'MEMBER') AS governed;
SELECT rolconfig FROM pg_roles WHERE rolname = 'regress_contauth_new';
-- who may stream the database, and superusers, cannot be enrolled
ALTER ROLE regress_contauth_new REPLICATION;
SELECT contauth.enroll_role('regress_contauth_new');
:state
ALTER ROLE regress_contauth_new SUPERUSER NOREPLICATION;
SELECT contauth.enroll_role('regress_contauth_new');
:state
DROP ROLE regress_contauth_new;
-- and only administrators enrol
SET ROLE regress_contauth_plain;
SELECT contauth.enroll_role('regress_contauth_plain');
:state
RESET ROLE;

--
-- governed without an identity: what is allowed
--
\c - regress_contauth_agent
BEGIN;
SAVEPOINT s;
ROLLBACK TO SAVEPOINT s;
RELEASE SAVEPOINT s;
COMMIT;
START TRANSACTION READ ONLY;
ROLLBACK;
SHOW contauth.mode;
SET application_name = 'test';
SET contauth.purpose = 'test';
RESET application_name;
DISCARD PLANS;
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT set_config('application_name', 'test', false);
DEALLOCATE ALL;
-- what is not
SELECT 1;
:state
SELECT current_user;
:state
SELECT * FROM crm.customer;
:state
SELECT * FROM pg_class;
:state
SELECT contauth.whoami(), now();
:state
SELECT contauth.whoami() FROM crm.customer;
:state
SELECT contauth.claim('tenant');
:state
VALUES (1);
:state
TABLE crm.ticket;
:state
INSERT INTO crm.ticket VALUES (100);
:state
UPDATE crm.ticket SET body = '';
:state
DELETE FROM crm.ticket;
:state
TRUNCATE crm.ticket;
:state
COPY crm.ticket TO STDOUT;
:state
\copy crm.ticket from '/dev/null'
:state
LOCK crm.ticket;
:state
PREPARE p AS SELECT 1;
:state
DECLARE c CURSOR FOR SELECT 1;
:state
EXPLAIN SELECT 1;
:state
DO 'BEGIN END';
:state
CREATE TABLE crm.t ();
:state
SET ROLE regress_contauth_agent;
:state
LISTEN x;
:state
SELECT set_config('role', 'regress_contauth_agent', false);
:state
SELECT set_config('contauth.mode', 'off', false);
:state

--
-- with an identity: what no client may change
--
SET contauth.token = :'token_support';
SET contauth.mode = off;
:state
SET contauth.mode = 'off';
:state
SET contauth.explain_denials = off;
:state
SET contauth.audit_durability = async;
:state
SET contauth.audit_wait = 10;
:state
SET contauth.audience = 'x';
:state
SET contauth.clock_skew = 600;
:state
SET contauth.audit_statement = full;
:state
SET contauth.audit_database = 'x';
:state
SET contauth.nothing = 'x';
:state
ALTER ROLE regress_contauth_agent RESET session_preload_libraries;
:state
SHOW contauth.mode;
-- administration is closed to agents
SET contauth.token = :'token_support';
SELECT contauth.create_policy('mine', 'permit');
:state
SELECT contauth.unenroll_role('regress_contauth_agent');
:state
SELECT * FROM contauth.policy;
:state
SELECT * FROM contauth.secret;
:state
SELECT * FROM contauth_audit.decision;
:state
SECURITY LABEL FOR contauth ON TABLE crm.customer IS 'public';
:state

--
-- nothing leaves the governed state: SET ROLE, views and functions of others
--
\c - :superuser
GRANT regress_contauth_owner TO regress_contauth_agent;
SET ROLE regress_contauth_owner;
CREATE VIEW crm.owned AS SELECT id, tenant, name, ssn FROM crm.customer;
CREATE VIEW crm.owned_notes AS SELECT id, notes FROM crm.customer;
CREATE FUNCTION crm.owned_definer() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'SELECT ssn FROM crm.customer ORDER BY id';
CREATE FUNCTION crm.who() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'BEGIN RETURN current_user; END';
GRANT SELECT ON crm.owned, crm.owned_notes TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('support_functions', 'permit', '{spiffe://acme.test/agent/support}',
    actions => '{execute}', resources => '{function:crm.*}');
SELECT contauth.create_policy('support_becomes_owner', 'permit', '{spiffe://acme.test/agent/support}',
    actions => '{set_role}', resources => '{role:regress_contauth_owner}');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT * FROM crm.owned ORDER BY id;
SELECT * FROM crm.owned_notes;
:state
SELECT * FROM crm.owned_definer();
SELECT crm.who();
SET ROLE regress_contauth_owner;
SELECT current_user;
SELECT id, ssn FROM crm.customer ORDER BY id;
SELECT notes FROM crm.customer;
:state
ALTER TABLE crm.customer DISABLE TRIGGER ALL;
:state
RESET contauth.token;
SELECT id FROM crm.customer;
:state
SELECT 1;
:state
SET contauth.token = :'token_support';
RESET ROLE;
SELECT current_user;
-- a role that no policy names
SET ROLE contauth_agent;
:state
SET SESSION AUTHORIZATION regress_contauth_other;
:state
SELECT set_config('role', 'contauth_agent', false);
:state
SELECT current_user;

--
-- a superuser is not governed, until it presents a token
--
\c - :superuser
SELECT count(*) FROM crm.customer;
SELECT contauth.register_agent('spiffe://acme.test/agent/root', ARRAY[current_user], 'carol', 5);
SET contauth.token = :'token_root';
SELECT count(*) FROM crm.customer;
:state
SET contauth.mode = off;
:state
RESET contauth.token;
SELECT count(*) FROM crm.customer;

--
-- mode: monitor decides and refuses nothing, off does nothing
--
ALTER ROLE regress_contauth_agent SET contauth.mode = 'monitor';
SELECT now() AS since \gset
\c - regress_contauth_agent
SHOW contauth.mode;
SET contauth.token = :'token_support';
SELECT count(*) FROM crm.customer;
SELECT count(notes) FROM crm.customer;
CREATE TEMP TABLE allowed_by_monitor (id int);
SET contauth.mode = 'off';
:state
\c - :superuser
ALTER ROLE regress_contauth_agent SET contauth.mode = 'off';
\c - regress_contauth_agent
SHOW contauth.mode;
SELECT count(notes) FROM crm.customer;
\c - :superuser
ALTER ROLE regress_contauth_agent RESET contauth.mode;
\c - regress_contauth_agent
SELECT count(notes) FROM crm.customer;
:state
SELECT contauth_audit.sync();
:state

--
-- what monitor mode has put on record
--
\c - regress_contauth_auditor
SELECT contauth_audit.sync();
SELECT decision, mode, reason_code, statement_kind, statement
  FROM contauth_audit.decision
 WHERE db_role = 'regress_contauth_agent' AND mode <> 'enforce' AND decided_at > :'since'
 ORDER BY seq;

--
-- the role that governs sessions keeps its name while it has members
--
\c - :superuser
CREATE ROLE regress_contauth_creator CREATEROLE;
SET ROLE regress_contauth_creator;
ALTER ROLE contauth_agent RENAME TO regress_contauth_renamed;
:state
DROP ROLE contauth_agent;
:state
DO $$ BEGIN EXECUTE 'DROP ROLE IF EXISTS regress_contauth_nobody, contauth_agent'; END $$;
:state
RESET ROLE;
ALTER ROLE contauth_agent RENAME TO regress_contauth_renamed;
:state
\c - regress_contauth_agent
SELECT 1;
:state
\c - :superuser
SET client_min_messages = warning;
SELECT contauth.unenroll_role(member::regrole) FROM pg_auth_members WHERE roleid = 'contauth_agent'::regrole
\g /dev/null
ALTER ROLE contauth_agent RENAME TO regress_contauth_renamed;
ALTER ROLE regress_contauth_renamed RENAME TO contauth_agent;
DROP ROLE regress_contauth_creator;

\set ECHO none
\i :teardown
