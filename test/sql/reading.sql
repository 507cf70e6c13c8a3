-- Reading the audit is recorded, once a minute for each session and table, and
-- nothing else is.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
-- ":events" shows what was recorded of the auditor and of an agent so far
\set events 'SELECT actor, db_role, object, count(*) FROM contauth_audit.admin_event WHERE action = ''read_audit'' AND event_id > :start AND actor <> :''superuser'' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;'
SELECT coalesce(max(event_id), 0) AS start FROM contauth_audit.admin_event
\gset
\set ECHO all

\c - regress_contauth_auditor
-- not these
SELECT count(*) > 0 AS some FROM contauth.policy;
SELECT count(*) > 0 AS some FROM contauth_audit.control_mapping;
EXPLAIN (COSTS off) SELECT ok FROM contauth_audit.verify();
\c - :superuser
:events
-- a table, again, by a view, and another one
\c - regress_contauth_auditor
SELECT count(*) >= 0 AS some FROM contauth_audit.decision;
SELECT count(*) >= 0 AS some FROM contauth_audit.decision;
SELECT count(*) >= 0 AS some FROM contauth_audit.denials;
\c - :superuser
:events
\c - regress_contauth_auditor
SELECT count(*) >= 0 AS some FROM contauth_audit.findings;
SELECT count(*) >= 0 AS some FROM contauth_audit.admin_event, contauth_audit.retention;
\c - :superuser
:events
-- also what is rolled back, and in a read-only transaction
\c - regress_contauth_auditor
BEGIN;
SELECT count(*) >= 0 AS some FROM contauth_audit.decision;
ROLLBACK;
BEGIN READ ONLY;
SELECT count(*) >= 0 AS some FROM contauth_audit.retention;
COMMIT;
\c - :superuser
:events
\c - regress_contauth_auditor
BEGIN;
SELECT count(*) >= 0 AS some FROM contauth_audit.decision;
ROLLBACK;
SELECT count(*) >= 0 AS some FROM contauth_audit.decision;
\c - :superuser
:events
-- by verify(), a cursor, COPY
\c - regress_contauth_auditor
SELECT ok FROM contauth_audit.verify();
BEGIN;
DECLARE c CURSOR FOR SELECT seq FROM contauth_audit.retention;
COMMIT;
COPY contauth_audit.admin_event (actor) TO STDOUT \g /dev/null
\c - :superuser
:events
-- who may not read, and an agent that looks up its own decision
\c - regress_contauth_plain
SELECT count(*) FROM contauth_audit.decision;
:state
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT contauth.my_decision('00000000-0000-0000-0000-000000000000') IS NULL AS none;
SELECT count(*) FROM contauth_audit.decision;
:state
\c - :superuser
:events
-- the superuser, by a partition
SELECT tableoid::regclass AS partition FROM contauth_audit.decision LIMIT 1
\gset
SELECT max(event_id) AS start FROM contauth_audit.admin_event
\gset
\c - :superuser
SELECT count(*) >= 0 AS some FROM :partition;
SELECT db_role = current_user AS superuser, object FROM contauth_audit.admin_event WHERE action = 'read_audit' AND event_id > :start;
\set ECHO none
\i :teardown
