-- The audit: what is recorded, that nothing removes it, and who may read it.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE FUNCTION crm.read_one(int) RETURNS text LANGUAGE plpgsql
    AS 'DECLARE r text; BEGIN SELECT body INTO r FROM crm.ticket WHERE id = $1; RETURN r; END';
CREATE FUNCTION crm.swallow(text) RETURNS text LANGUAGE plpgsql
    AS 'BEGIN EXECUTE $1; RETURN ''done''; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END';
SELECT contauth.create_policy('functions', 'permit', actions => '{execute}', resources => '{function:crm.*}'),
       contauth.create_policy('writes', 'permit', actions => '{insert,update,delete}', resources => '{crm.ticket}')
\g /dev/null
-- records since here, as this test looks at them
SELECT contauth_audit.sync();
SELECT coalesce(max(seq), 0) AS start FROM contauth_audit.decision
\gset
CREATE VIEW crm.recorded AS
    SELECT row_number() OVER (ORDER BY seq) AS n, * FROM contauth_audit.decision
     WHERE seq > :start AND statement NOT LIKE 'SET contauth%' AND statement NOT LIKE 'RESET %' AND statement NOT LIKE 'SHOW %';

--
-- what happens
--
\c - regress_contauth_agent
SET contauth.token = :'token_support_purpose';
SET contauth.task_id = 'task-1';
SET contauth.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
SET application_name = 'audited';
-- allowed
SELECT id, name FROM crm.customer WHERE name = 'name2' AND id < 100;
SELECT /* comment */   count(*) FROM crm.ticket WHERE body LIKE 'body%';
INSERT INTO crm.ticket VALUES (100, NULL, 'acme', 'it''s'), (101, NULL, 'acme', $$new$$);
UPDATE crm.ticket SET body = 'changed' WHERE id > 99;
DELETE FROM crm.ticket WHERE id = 100;
TABLE crm.ticket \g /dev/null
-- denied
SELECT notes FROM crm.customer WHERE id = 1;
DELETE FROM crm.customer;
CREATE TABLE crm.x (id int);
-- an error of its own
SELECT 1 / (id - 4) AS quotient FROM crm.ticket;
SELECT 1 / 0 AS folded FROM crm.ticket;
-- rolled back, allowed and denied
BEGIN;
DELETE FROM crm.ticket WHERE id = 101;
ROLLBACK;
BEGIN;
SELECT notes FROM crm.customer;
ROLLBACK;
-- savepoints
BEGIN;
SAVEPOINT s;
UPDATE crm.ticket SET body = 'savepoint' WHERE id = 101;
ROLLBACK TO s;
SELECT balance, notes FROM crm.customer;
ROLLBACK TO s;
COMMIT;
-- nested in functions; a swallowed denial is a denial
SELECT crm.read_one(2);
SELECT crm.swallow('SELECT body FROM crm.ticket');
SELECT crm.swallow('SELECT notes FROM crm.customer');
-- prepared statements, cursors, COPY, several in one message
PREPARE p(int) AS SELECT id FROM crm.ticket WHERE id = $1;
EXECUTE p(2);
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
FETCH 1 FROM c;
FETCH 2 FROM c;
COMMIT;
COPY (SELECT id FROM crm.ticket) TO STDOUT;
SELECT 2 AS two \; SELECT 3 AS three;
-- secrets in statements
SELECT contauth.authenticate(:'token_support') ->> 'agent' AS agent;
SELECT 'literal secret' AS literal, 4711 AS number;
-- without identity
RESET contauth.token;
SELECT 1;
SET contauth.token = :'bad_word';

--
-- what is recorded
--
\c - regress_contauth_auditor
SELECT contauth_audit.sync();
\c - :superuser
SELECT n, decision, reason_code, sqlstate, statement_kind, action, rows_returned AS ret, rows_affected AS aff,
       rtrim(statement, ';') AS statement
  FROM crm.recorded ORDER BY seq;
-- the columns of an allowed statement, and of a denied one
SELECT decision, mode, reason_code, reason, policies, policy_version > 0 AS policy_version, domain, agent, on_behalf_of,
       jsonb_array_length(chain) AS chain, autonomy, purpose, task_id, trace_id, token_kid, token_jti,
       token_sha256 = encode(sha256(convert_to(:'token_support_purpose', 'UTF8')), 'hex') AS token_sha256,
       db_role, database, application_name, client_addr, tls, action, accesses, max_sensitivity, statement_kind,
       statement_sha256 = encode(sha256(convert_to(statement, 'UTF8')), 'hex') AS statement_sha256, statement,
       rows_returned, rows_affected, decision_us >= 0 AS decision_us, execution_us >= 0 AS execution_us, sqlstate,
       decided_at <= finished_at AS times, decided_at > now() - interval '1 hour' AS recent, length(hash) AS hash
  FROM crm.recorded WHERE statement LIKE 'SELECT id, name%' \gx
SELECT decision, mode, reason_code, reason, policies, agent, purpose, token_jti, action, accesses, max_sensitivity,
       statement_kind, statement, rows_returned, rows_affected, sqlstate
  FROM crm.recorded WHERE statement LIKE 'SELECT notes%' ORDER BY seq LIMIT 1 \gx
-- masks and labels
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT ssn AS masked FROM crm.customer ORDER BY id;
\c - :superuser
SELECT contauth_audit.sync();
SELECT policies[1], max_sensitivity, rows_returned,
       jsonb_path_query_first(accesses, '$[*] ? (@.relation == "crm.customer")') AS access
  FROM crm.recorded WHERE statement LIKE 'SELECT ssn AS masked%';
-- tokens that were presented, and one that was refused
SELECT sqlstate, statement_kind, statement FROM contauth_audit.decision
 WHERE seq > :start AND statement LIKE 'SET contauth.token%' AND statement_kind = 'SET' ORDER BY seq;
-- nested accesses are rolled up
SELECT statement, decision, accesses FROM crm.recorded
 WHERE statement LIKE 'SELECT crm.%' ORDER BY seq;
-- no gap, and no token anywhere
SELECT count(*) = max(seq) - min(seq) + 1 AS gap_free, count(DISTINCT seq) = count(*) AS unique_seq,
       count(DISTINCT decision_id) = count(*) AS unique_id
  FROM contauth_audit.decision;
SELECT count(*) FROM contauth_audit.decision AS d
 WHERE d::text LIKE '%' || split_part(:'token_support', '.', 2) || '%'
    OR seq > :start AND (d::text LIKE '%RAW%' OR d::text LIKE '%literal secret%' OR d.statement LIKE '%4711%');
SELECT ok, checked = (SELECT count(*) FROM contauth_audit.decision) AS all_checked, first_bad, damage
  FROM contauth_audit.verify();
SELECT ok, checked FROM contauth_audit.verify(:start + 1, :start + 3);

--
-- views
--
\c - regress_contauth_auditor
SELECT decision_id IS NOT NULL AS id, agent, reason_code, statement FROM contauth_audit.denials
 WHERE seq > :start ORDER BY seq LIMIT 3;
SELECT agent, allowed > 0 AS allowed, denied > 0 AS denied, escalated >= 0 AS escalated
  FROM contauth_audit.agent_activity WHERE agent = 'spiffe://acme.test/agent/support';
SELECT count(*) FROM contauth_audit.escalations WHERE seq > :start;

--
-- the agent can look up its own decision, and no other's
--
\c - :superuser
SELECT decision_id AS own FROM contauth_audit.decision WHERE seq > :start AND reason_code = 'columns_not_permitted' ORDER BY seq LIMIT 1
\gset
:as_agent
SELECT contauth.my_decision(:'own') ->> 'reason_code' AS reason_code, contauth.my_decision(:'own') ->> 'statement' AS statement;
SELECT contauth.my_decision('00000000-0000-0000-0000-000000000000');
:as_admin
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
SELECT contauth.my_decision(:'own');
:as_admin

--
-- nobody changes records, superusers included
--
UPDATE contauth_audit.decision SET decision = 'allow' WHERE seq > :start;
:state
DELETE FROM contauth_audit.decision;
:state
TRUNCATE contauth_audit.decision;
:state
\set VERBOSITY sqlstate
INSERT INTO contauth_audit.decision SELECT * FROM contauth_audit.decision;
\set VERBOSITY terse
SET session_replication_role = replica;
DELETE FROM contauth_audit.decision;
:state
RESET session_replication_role;
DELETE FROM contauth_audit.admin_event;
:state
UPDATE contauth_audit.admin_event SET actor = 'x';
:state
TRUNCATE contauth_audit.admin_event;
:state
INSERT INTO contauth_audit.admin_event (at, actor, db_role, action) VALUES (now(), 'x', 'x', 'x');
:state
UPDATE contauth_audit.checkpoint SET seq = 1;
:state
DELETE FROM contauth_audit.checkpoint;
:state
TRUNCATE contauth_audit.checkpoint;
:state
INSERT INTO contauth_audit.checkpoint SELECT 1, 1, '', 1, gen_random_uuid(), now(), '', '', '', '', '';
:state
SELECT ok FROM contauth_audit.verify();

--
-- who may read
--
\c - regress_contauth_auditor
SELECT count(*) > 0 AS some FROM contauth_audit.decision;
SELECT ok FROM contauth_audit.verify();
SELECT count(*) > 0 AS some FROM contauth_audit.export();
SELECT count(*) FROM contauth_audit.export_checkpoints();
UPDATE contauth_audit.decision SET decision = 'allow';
:state
DELETE FROM contauth_audit.decision;
:state
SELECT contauth_audit.record_admin_event('x', 'x', '{}');
:state
\c - regress_contauth_plain
SELECT count(*) FROM contauth_audit.decision;
:state
SELECT * FROM contauth_audit.verify();
:state
SELECT contauth_audit.export();
:state
SELECT contauth_audit.export_checkpoints();
:state
\c - regress_contauth_admin
SELECT count(*) FROM contauth_audit.decision;
:state

--
-- administration is recorded
--
SELECT contauth.create_policy('recorded', 'forbid', resources => '{crm.ticket}') \g /dev/null
SELECT contauth.alter_policy('recorded', '{"description": "x"}') \g /dev/null
SELECT contauth.enable_policy('recorded', false) \g /dev/null
SELECT contauth.drop_policy('recorded') \g /dev/null
SELECT contauth.suspend_agent('spiffe://acme.test/agent/other', 'because') \g /dev/null
SELECT contauth.resume_agent('spiffe://acme.test/agent/other', 'because') \g /dev/null
BEGIN;
SELECT contauth.drop_policy('writes') \g /dev/null
ROLLBACK;
\c - regress_contauth_auditor
SELECT actor, db_role, action, object,
       CASE WHEN action = 'create_policy' THEN detail - 'created_at' ELSE detail END AS detail
  FROM contauth_audit.admin_event
 WHERE event_id > (SELECT max(event_id) - 6 FROM contauth_audit.admin_event) ORDER BY event_id;

--
-- strict: the record is there before the answer
--
\c - :superuser
ALTER ROLE regress_contauth_agent SET contauth.audit_durability = 'strict';
SELECT max(seq) AS before FROM contauth_audit.decision
\gset
\c - regress_contauth_agent
SHOW contauth.audit_durability;
SET contauth.token = :'token_support';
SELECT id FROM crm.ticket ORDER BY id LIMIT 1;
SELECT notes FROM crm.customer;
:state
\c - :superuser
SELECT decision, statement FROM contauth_audit.decision
 WHERE seq > :before AND statement LIKE 'SELECT %' ORDER BY seq;
ALTER ROLE regress_contauth_agent RESET contauth.audit_durability;

--
-- what the agent is told, with and without explanation
--
\set VERBOSITY default
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION crm.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLERRM, regexp_replace(detail, '[0-9a-f]{8}-[-0-9a-f]{27}', 'UUID'), hint);
END
$$;
:as_agent
SELECT crm.told('SELECT notes FROM crm.customer');
SELECT crm.told('DELETE FROM crm.customer');
SELECT crm.told('CREATE TABLE x ()');
:as_admin
SET contauth.explain_denials = off;
:as_agent
SELECT crm.told('SELECT notes FROM crm.customer');
SELECT crm.told('CREATE TABLE x ()');
-- nor does the agent find in its own record what the error does not tell
\set VERBOSITY terse
SELECT notes FROM crm.customer;
:as_admin
SELECT contauth_audit.sync() \g /dev/null
SELECT decision_id AS denied FROM contauth_audit.decision WHERE decision = 'deny' ORDER BY seq DESC LIMIT 1 \gset
:as_agent
SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(contauth.my_decision(:'denied')) AS k
 WHERE k = ANY ('{statement,decision,reason,reason_code,policies,accesses,context}');
:as_admin
RESET contauth.explain_denials;
:as_agent
SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(contauth.my_decision(:'denied')) AS k
 WHERE k = ANY ('{statement,decision,reason,reason_code,policies,accesses,context}');
:as_admin
\pset format aligned
\pset tuples_only off

--
-- rows that a write returns are rows that left; a function has one name
--
\c - :superuser
CREATE FUNCTION crm.closed() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT contauth.create_policy('closed', 'forbid', actions => '{execute}', resources => '{function:crm.closed}') \g /dev/null
\c - regress_contauth_agent
SET contauth.token = :'token_support';
UPDATE crm.ticket SET body = 'x' WHERE id IN (2, 4) RETURNING id;
UPDATE crm.ticket SET body = 'x' WHERE id IN (2, 4);
WITH w AS (UPDATE crm.ticket SET body = 'x' WHERE id IN (2, 4, 6) RETURNING id) SELECT id FROM w WHERE id < 6;
\set VERBOSITY terse
SELECT crm.closed();
\c - :superuser
SELECT contauth_audit.sync();
SELECT statement, decision, rows_returned, rows_affected, accesses -> 0 ->> 'relation' AS relation
  FROM (SELECT * FROM contauth_audit.decision WHERE agent = 'spiffe://acme.test/agent/support' AND statement_kind <> 'SET' ORDER BY seq DESC LIMIT 4) AS d ORDER BY seq;
\set ECHO none
\i :teardown
