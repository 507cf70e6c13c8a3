-- Approvals: what is asked for, who may answer, what an answer is good for.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\set delegation :abs_srcdir '/keys/delegation.sql'
\i :setup
\i :data
\i :delegation
SET client_min_messages = warning;
CREATE ROLE regress_contauth_approver LOGIN IN ROLE contauth_approver;
CREATE ROLE regress_contauth_ann LOGIN IN ROLE contauth_approver;
CREATE ROLE regress_contauth_alice LOGIN IN ROLE contauth_approver;
CREATE SCHEMA shadow AUTHORIZATION regress_contauth_owner;
SET ROLE regress_contauth_owner;
CREATE TABLE shadow.ticket (LIKE crm.ticket);
CREATE FUNCTION crm.close_ticket(which int) RETURNS int LANGUAGE plpgsql AS
    $$ DECLARE n int; BEGIN UPDATE crm.ticket SET body = 'closed' WHERE id = which; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END $$;
CREATE FUNCTION crm.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
GRANT ALL ON SCHEMA shadow TO regress_contauth_agent;
GRANT ALL ON ALL TABLES IN SCHEMA shadow TO regress_contauth_agent;
RESET ROLE;
UPDATE contauth.agent SET owner = 'regress_contauth_alice' WHERE spiffe_id = 'spiffe://acme.test/agent/support';
SELECT contauth.create_policy('tickets', 'permit', actions => '{select,update,delete,truncate,lock,copy_in,insert,export}',
           resources => '{crm.ticket, shadow.ticket}', principals => '{spiffe://acme.test/agent/support}'),
       contauth.create_policy('functions', 'permit', actions => '{execute,notify}', resources => '{function:crm.*, channel:*}'),
       contauth.create_policy('asks', 'escalate', actions => '{update,truncate,copy_in,export}',
           resources => '{crm.ticket, shadow.ticket}', principals => '{spiffe://acme.test/agent/support}'),
       contauth.create_policy('asks to notify', 'escalate', actions => '{notify}', resources => '{channel:alarm}'),
       contauth.create_policy('asks to double', 'escalate', actions => '{execute}', resources => '{function:crm.twice}')
\g /dev/null
RESET client_min_messages;
-- the newest decision; then the newest request is answered; and the table
\set last 'RESET contauth.token; RESET contauth.delegation; RESET SESSION AUTHORIZATION; SELECT contauth_audit.sync() \\g /dev/null \\\\ SELECT decision, reason_code, sqlstate, approval_id = (SELECT request FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1) AS newest FROM contauth_audit.decision WHERE statement_kind NOT IN (''SET'', ''RESET'', ''BEGIN'', ''ROLLBACK'', ''COMMIT'', ''DEALLOCATE'') ORDER BY seq DESC LIMIT 1;'
\set approve 'SELECT contauth.approve((SELECT request FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1), ''it is fine'') \\g /dev/null'
\set requests 'SELECT state, uses_allowed, uses_left, decided_by = session_user AS mine, reason, consumed_at IS NOT NULL AS used FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT'
\set ECHO all

--
-- the way of a request
--
:as_agent
UPDATE crm.ticket SET body = 'one' WHERE id = 2;
:state
:last
SELECT agent, on_behalf_of, db_role, database, action, resources, policies, statement_kind, statement,
       date_trunc('minute', expires_at - requested_at) AS lives, cardinality(policies) = 1 AND decision_id IS NOT NULL AS told
  FROM contauth_audit.pending_approvals;
-- asked again, with another comment: the same request
:as_agent
/* trace 1 */ UPDATE crm.ticket
   SET body = 'one' -- trace 2
 WHERE id = 2;
:last
SELECT count(*) FROM contauth_audit.pending_approvals;
-- approved: it runs, once
:approve
:requests 1;
:as_agent
UPDATE crm.ticket SET body = 'one' WHERE id = 2;
:last
:requests 1;
:as_agent
UPDATE crm.ticket SET body = 'one' WHERE id = 2;
:last
-- what the views and the administration's record say
SELECT decision, reason_code, reason, statement FROM contauth_audit.escalations ORDER BY seq DESC LIMIT 4;
SELECT action, detail - 'expires_at' AS detail FROM contauth_audit.admin_event WHERE action = 'approve' ORDER BY event_id DESC LIMIT 1;

-- ROLLBACK does not give a use back
:approve
:as_agent
BEGIN;
UPDATE crm.ticket SET body = 'one' WHERE id = 2;
ROLLBACK;
UPDATE crm.ticket SET body = 'one' WHERE id = 2;
:last
-- nor does an error
:as_agent
UPDATE crm.ticket SET id = 1/(id - 2) WHERE id = 2;
:last
:approve
:as_agent
UPDATE crm.ticket SET id = 1/(id - 2) WHERE id = 2;
:state
UPDATE crm.ticket SET id = 1/(id - 2) WHERE id = 2;
:last
-- several uses
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
SELECT contauth.approve(request, 'three times', '1 hour', 2) FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1 \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
-- rejected; the next time it is asked anew
SELECT contauth.reject(request, 'no') FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1 \g /dev/null
:requests 1;
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
-- cancelled by an administrator, also when it is approved already
:approve
SELECT contauth.cancel_request(request, 'changed my mind') FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1 \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
-- and by the agent itself
SELECT request FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1
\gset
:as_agent
SELECT contauth.cancel_request(:'request', 'not needed');
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
-- another agent's request does not exist
SELECT request FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1
\gset
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
\set VERBOSITY sqlstate
SELECT contauth.cancel_request(:'request', 'not mine');
:as_admin
-- expired: the approval, too
SELECT contauth.approve(:'request', 'be quick', '10 ms');
SELECT pg_sleep(0.05);
\set VERBOSITY terse
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
-- a decision that is rolled back was none; nor can it be used before its commit
BEGIN;
:approve
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
ROLLBACK;
:last
BEGIN;
SAVEPOINT s;
:approve
ROLLBACK TO s;
COMMIT;
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last
:approve
:as_agent
UPDATE crm.ticket SET body = 'several' WHERE id = 2;
:last

--
-- what an approval is bound to
--
:as_agent
UPDATE crm.ticket SET body = 'bound' WHERE id = 2;
:last
:approve
:as_agent
UPDATE crm.ticket SET body = 'bound' WHERE id = 4;
:last
:as_agent
UPDATE crm.ticket SET body = 'unbound' WHERE id = 2;
:last
:as_agent
UPDATE crm.ticket SET body = 'bound' WHERE id >= 2;
:last
-- settings that change what it means
:as_agent
SET DateStyle = 'SQL, DMY';
UPDATE crm.ticket SET body = 'bound' WHERE id = 2;
RESET DateStyle;
:last
:as_agent
SET app.tenant = 'acme';
UPDATE crm.ticket SET body = 'bound' WHERE id = 2;
RESET app.tenant;
:last
-- after all this the approval is still there for what it is for
:as_agent
UPDATE crm.ticket SET body = 'bound' WHERE id = 2;
:last
-- what it reads of the session's settings, whatever their names are
:as_agent
SET application_name = '2';
SET contauth.task_id = 'closed';
UPDATE crm.ticket SET body = current_setting('contauth.task_id') WHERE id = current_setting('application_name')::int;
:last
:approve
:as_agent
SET application_name = '4';
UPDATE crm.ticket SET body = current_setting('contauth.task_id') WHERE id = current_setting('application_name')::int;
SET application_name = '2';
SET contauth.task_id = 'other';
UPDATE crm.ticket SET body = current_setting('contauth.task_id') WHERE id = current_setting('application_name')::int;
SET contauth.task_id = 'closed';
UPDATE crm.ticket SET body = current_setting('contauth.task_id') WHERE id = current_setting('application_name')::int;
RESET contauth.task_id;
:last
-- what does not read them may run under other names
:as_agent
UPDATE crm.ticket SET body = 'named' WHERE id = 2;
:last
:approve
:as_agent
SET application_name = '4';
UPDATE crm.ticket SET body = 'named' WHERE id = 2;
RESET application_name;
:last
-- functions can read them, whatever their text says now
:as_agent
SET application_name = '2';
SELECT crm.close_ticket(2);
:last
:approve
:as_agent
SET application_name = '4';
SET contauth.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SELECT crm.close_ticket(2);
SET application_name = '2';
SELECT crm.close_ticket(2);
RESET contauth.traceparent;
RESET application_name;
:last
-- names that mean something else now
:as_agent
SET search_path = crm;
UPDATE ticket SET body = 'path' WHERE id = 2;
:last
:approve
:as_agent
SET search_path = shadow;
UPDATE ticket SET body = 'path' WHERE id = 2;
:last
:as_agent
SET search_path = shadow, crm;
UPDATE ticket SET body = 'path' WHERE id = 2;
:last
:as_agent
SET search_path = crm;
UPDATE ticket SET body = 'path' WHERE id = 2;
RESET search_path;
:last
-- a temporary table in front
:as_agent
SET search_path = crm;
UPDATE ticket SET body = 'temp' WHERE id = 2;
:last
:approve
CREATE TEMP TABLE ticket (LIKE crm.ticket);
GRANT ALL ON ticket TO PUBLIC;
:as_agent
SET search_path = crm;
\set VERBOSITY sqlstate
UPDATE ticket SET body = 'temp' WHERE id = 2;
\set VERBOSITY terse
:as_admin
DROP TABLE ticket;
:as_agent
UPDATE ticket SET body = 'temp' WHERE id = 2;
RESET search_path;
:last
-- a function that was changed
:as_agent
SELECT crm.twice(21);
:state
:last
SELECT action, resources, policies, statement FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1;
:approve
SET ROLE regress_contauth_owner;
CREATE OR REPLACE FUNCTION crm.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 3 * n';
RESET ROLE;
:as_agent
SELECT crm.twice(21);
:last
:as_admin
SET ROLE regress_contauth_owner;
CREATE OR REPLACE FUNCTION crm.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
RESET ROLE;
:as_agent
SELECT crm.twice(21);
:last
-- one that the planner runs: the approval is used by the start alone
SET ROLE regress_contauth_owner;
ALTER FUNCTION crm.twice(int) IMMUTABLE;
RESET ROLE;
:as_agent
SELECT crm.twice(22);
:last
:approve
:as_agent
SELECT crm.twice(22);
SELECT crm.twice(22);
:last
-- one that PL/pgSQL makes ready once a transaction
SET ROLE regress_contauth_owner;
ALTER FUNCTION crm.twice(int) VOLATILE;
CREATE FUNCTION crm.calls(n int) RETURNS int LANGUAGE plpgsql AS
    'DECLARE x int; BEGIN x := crm.twice(n); RETURN x; END';
RESET ROLE;
:as_agent
SELECT crm.calls(1);
:last
:approve
:as_agent
BEGIN;
SELECT crm.calls(1);
SELECT crm.calls(1);
ROLLBACK;
:last
-- bound parameters
:as_agent
PREPARE p (int, text) AS UPDATE crm.ticket SET body = $2 WHERE id = $1;
EXECUTE p (2, 'prepared');
:last
:approve
:as_agent
EXECUTE p (4, 'prepared');
:last
:as_agent
EXECUTE p (2, NULL);
:last
:as_agent
EXECUTE p (2, 'prepared');
EXECUTE p (2, 'prepared');
:last
-- under a plan of the same name
:approve
:as_agent
DEALLOCATE p;
PREPARE p (int, text) AS UPDATE crm.ticket SET body = $2 WHERE id >= $1;
EXECUTE p (2, 'prepared');
:last
:as_agent
DEALLOCATE p;
SET plan_cache_mode = force_generic_plan;
PREPARE p (int, text) AS UPDATE crm.ticket SET body = $2 WHERE id = $1;
EXECUTE p (2, 'prepared');
EXECUTE p (2, 'prepared');
RESET plan_cache_mode;
DEALLOCATE p;
:last

--
-- the policies decide again
--
:as_agent
UPDATE crm.ticket SET body = 'policy' WHERE id = 2;
:last
:approve
SELECT contauth.create_policy('no', 'forbid', actions => '{update}', resources => '{crm.ticket}') \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'policy' WHERE id = 2;
:last
SELECT contauth.drop_policy('no'), contauth.enable_policy('tickets', false) \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'policy' WHERE id = 2;
:last
SELECT contauth.enable_policy('tickets', true), contauth.alter_policy('asks', '{"description": "changed"}') \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'policy' WHERE id = 2;
:last
:approve
:as_agent
UPDATE crm.ticket SET body = 'policy' WHERE id = 2;
:last

--
-- chains
--
SELECT contauth.register_agent('spiffe://acme.test/agent/planner', '{regress_contauth_agent}', 'pat', 5) \g /dev/null
SELECT contauth.alter_policy('asks', '{"principals": ["*"]}'), contauth.alter_policy('tickets', '{"principals": ["*"]}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'oauth_user';
SELECT contauth.whoami() ->> 'agent' AS agent, contauth.whoami() ->> 'on_behalf_of' AS root;
UPDATE crm.ticket SET body = 'chain' WHERE id = 2;
:last
SELECT agent, on_behalf_of, owner FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1;
:approve
-- the same agent for itself
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support';
UPDATE crm.ticket SET body = 'chain' WHERE id = 2;
:last
-- for the same user
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'oauth_user';
UPDATE crm.ticket SET body = 'chain' WHERE id = 2;
:last

--
-- cursors, COPY, commands, functions
--
SELECT contauth.alter_policy('asks', '{"actions": ["select", "update", "truncate", "copy_in", "export"]}') \g /dev/null
:as_agent
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
ROLLBACK;
:last
:approve
:as_agent
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
FETCH 2 FROM c;
FETCH 2 FROM c;
DECLARE d CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
ROLLBACK;
:last
-- nor does it go back
:as_agent
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
ROLLBACK;
:last
:approve
:as_agent
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
FETCH 2 FROM c;
MOVE ABSOLUTE 0 IN c;
FETCH c;
ROLLBACK;
:last
SELECT statement_kind, decision, reason_code, rows_returned FROM contauth_audit.decision
 WHERE reason_code = 'approved' ORDER BY seq DESC LIMIT 3;
-- EXPLAIN is a statement of its own
:as_agent
SELECT count(*) FROM crm.ticket;
:last
:approve
:as_agent
EXPLAIN (COSTS off) SELECT count(*) FROM crm.ticket;
:last
:as_agent
SELECT count(*) FROM crm.ticket;
:last
SELECT contauth.alter_policy('asks', '{"actions": ["update", "truncate", "copy_in", "export"]}') \g /dev/null
:as_agent
COPY (SELECT id FROM crm.ticket WHERE id = 2) TO STDOUT;
:last
:approve
:as_agent
COPY (SELECT id FROM crm.ticket WHERE id = 2) TO STDOUT;
COPY (SELECT id FROM crm.ticket WHERE id = 2) TO STDOUT;
:last
:as_agent
NOTIFY alarm, 'one';
:last
:approve
:as_agent
NOTIFY alarm, 'two';
:last
:as_agent
NOTIFY alarm, 'one';
:last
:as_agent
TRUNCATE crm.ticket;
:last
:approve
:as_agent
BEGIN;
TRUNCATE crm.ticket;
ROLLBACK;
TRUNCATE crm.ticket;
:last
-- inside a function: the approval is for the statement that calls it
:as_agent
SELECT crm.close_ticket(2);
:last
SELECT action, resources, statement_kind, statement FROM contauth_audit.approval_request ORDER BY requested_at DESC LIMIT 1;
:approve
:as_agent
SELECT crm.close_ticket(4);
:last
:as_agent
SELECT crm.close_ticket(2);
SELECT crm.close_ticket(2);
:last

--
-- monitor mode records, and uses nothing
--
:approve
SET contauth.mode = monitor;
:as_agent
SELECT crm.close_ticket(2);
:as_admin
RESET contauth.mode;
:last
:as_agent
SELECT crm.close_ticket(2);
:last

--
-- who may answer
--
:as_agent
UPDATE crm.ticket SET body = 'who' WHERE id = 2;
SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'mine');
:last
SELECT request FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1
\gset
\set VERBOSITY default
\c - regress_contauth_plain
SELECT contauth.approve(:'request', 'no right');
SELECT contauth.reject(:'request', 'no right');
SELECT contauth.cancel_request(:'request', 'no right');
-- not even through a function of somebody who may
\c - :superuser
SET client_min_messages = warning;
CREATE FUNCTION crm.lend(uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT contauth.approve($1, 'lent') $$;
GRANT USAGE ON SCHEMA crm TO PUBLIC;
\c - regress_contauth_plain
SELECT crm.lend(:'request');
-- nor by SET ROLE of a member
\c - :superuser
CREATE FUNCTION crm.borrow(uuid) RETURNS void LANGUAGE sql AS $$ SELECT contauth.approve($1, 'borrowed') $$;
GRANT regress_contauth_plain TO regress_contauth_ann;
\c - regress_contauth_ann
SET ROLE regress_contauth_plain;
SELECT contauth.approve(:'request', 'as another');
-- the owner of the agent, by name and by what he is said to be
\c - regress_contauth_alice
SELECT contauth.approve(:'request', 'my own agent');
\c - :superuser
SELECT contauth.set_principal('regress_contauth_ann', 'https://issuer.acme.test|regress_contauth_alice');
\c - regress_contauth_ann
SELECT contauth.approve(:'request', 'my own agent');
\c - :superuser
SELECT contauth.unset_principal('regress_contauth_ann', 'https://issuer.acme.test|regress_contauth_alice');
SELECT contauth.unset_principal('regress_contauth_ann', 'https://issuer.acme.test|regress_contauth_alice');
SELECT contauth.set_principal('regress_contauth_ann', 'spiffe://acme.test/agent/support');
\c - regress_contauth_ann
SELECT contauth.approve(:'request', 'I am the agent');
\c - :superuser
SELECT contauth.unset_principal('regress_contauth_ann', 'spiffe://acme.test/agent/support');
-- the role that asked
SELECT contauth.unenroll_role('regress_contauth_agent');
GRANT contauth_approver TO regress_contauth_agent;
\c - regress_contauth_agent
SELECT contauth.approve(:'request', 'myself');
\c - :superuser
REVOKE contauth_approver FROM regress_contauth_agent;
SELECT contauth.enroll_role('regress_contauth_agent');
-- arguments
SELECT contauth.approve(NULL, 'x');
\set VERBOSITY terse
SELECT contauth.approve(:'request', NULL);
SELECT contauth.approve(:'request', ' ');
SELECT contauth.approve(:'request', repeat('x', 4097));
SELECT contauth.approve(:'request', 'x', NULL);
SELECT contauth.approve(:'request', 'x', '0');
SELECT contauth.approve(:'request', 'x', '-1 s');
SELECT contauth.approve(:'request', 'x', '1 day 1 s');
SELECT contauth.approve(:'request', 'x', '1 h', NULL);
SELECT contauth.approve(:'request', 'x', '1 h', 0);
SELECT contauth.approve(:'request', 'x', '1 h', 1001);
:state
SELECT contauth.reject(:'request', '');
SELECT contauth.cancel_request(:'request', '');
SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'x');
SELECT contauth.set_principal('regress_contauth_ann', '');
-- an approver may; and then nobody again
\c - regress_contauth_approver
SELECT count(*) > 0 AS sees FROM contauth_audit.pending_approvals;
SELECT count(*) FROM contauth_audit.decision;
SELECT contauth.approve(:'request', 'fine');
\set VERBOSITY sqlstate
SELECT contauth.approve(:'request', 'fine');
SELECT contauth.reject(:'request', 'fine');
\c - :superuser
SELECT reason, decided_by, uses_left FROM contauth_audit.approval_request WHERE request = :'request';
-- nobody changes a request otherwise
UPDATE contauth_audit.approval_request SET state = 'approved';
DELETE FROM contauth_audit.approval_request;
\set VERBOSITY terse

\set ECHO none
\i :teardown
DROP SCHEMA IF EXISTS shadow CASCADE;
DROP ROLE regress_contauth_alice, regress_contauth_approver, regress_contauth_ann;
