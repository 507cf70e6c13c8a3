-- What compliance teams query: each view shows what agents really did, and
-- nothing else; each evidence runs; all of it is for auditors alone.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\set delegation :abs_srcdir '/keys/delegation.sql'
\i :setup
\i :data
\i :delegation
SELECT contauth.register_agent('spiffe://acme.test/agent/planner', '{regress_contauth_other}', 'dora', 5),
       contauth.register_agent('spiffe://acme.test/agent/idle', '{regress_contauth_other}', 'dora', 1),
       contauth.register_agent('spiffe://acme.test/agent/gone', '{regress_contauth_other}', 'dora', 1),
       contauth.register_agent('spiffe://acme.test/agent/root', '{regress_contauth_agent}', 'dora', 1),
       contauth.create_policy('tickets', 'permit', actions => '{insert,update,delete}', resources => '{crm.ticket}',
           principals => '{spiffe://acme.test/agent/support}'),
       contauth.create_policy('idle', 'permit', actions => '{select}', resources => '{crm.customer}',
           principals => '{spiffe://acme.test/agent/idle}'),
       contauth.create_policy('young', 'permit', actions => '{sel*}', resources => '{crm.customer}',
           principals => '{spiffe://acme.test/agent/idle}'),
       contauth.create_policy('removes', 'permit', actions => '{delete}', resources => '{crm.customer}',
           principals => '{spiffe://acme.test/agent/support}'),
       contauth.create_policy('asks', 'escalate', actions => '{delete}', resources => '{crm.customer}')
\g /dev/null
-- what is 31 days old
UPDATE contauth.agent SET created_at = now() - interval '31 days'
 WHERE spiffe_id IN ('spiffe://acme.test/agent/idle', 'spiffe://acme.test/agent/support');
UPDATE contauth.agent SET expires_at = now() - interval '1 day' WHERE spiffe_id = 'spiffe://acme.test/agent/gone';
UPDATE contauth.policy SET created_at = now() - interval '31 days' WHERE name IN ('idle', 'tickets', 'support_reads');
SELECT contauth_audit.sync() \g /dev/null
SELECT coalesce(max(seq), 0) AS start, clock_timestamp() AS began FROM contauth_audit.decision
\gset
\set ECHO all

--
-- what happens
--
\c - regress_contauth_agent
SET application_name = 'crm-bot';
SET contauth.token = :'token_support_purpose';
SELECT id, ssn FROM crm.customer WHERE id < 5;
SELECT name FROM crm.customer WHERE id = 2;
SELECT notes FROM crm.customer;
INSERT INTO crm.ticket VALUES (100, NULL, 'acme', 'new');
UPDATE crm.ticket SET body = 'changed' WHERE id = 100;
DELETE FROM crm.customer WHERE id = 2;
SELECT 1 / 0;
-- on somebody's behalf
RESET contauth.token;
SELECT contauth.authenticate(:'oauth_user_chain') ->> 'on_behalf_of' AS on_behalf_of;
SELECT count(*) FROM crm.ticket;
SELECT notes FROM crm.customer;
-- with a chain that is none, and without an identity
SELECT contauth.authenticate(:'token_support', :'d_expired');
RESET contauth.token;
SELECT 1;
-- a person in the agent's role
SET application_name = 'DBeaver 24.1';
SELECT 2;
-- an agent in another's role
SET application_name = 'crm-bot';
SET contauth.token = :'token_other';
SELECT 3;
-- two agents in one role
SELECT contauth.authenticate(:'token_root') ->> 'agent' AS agent;
\c - :superuser
-- what would have been refused
ALTER ROLE regress_contauth_other SET contauth.mode = 'monitor';
\c - regress_contauth_other
SET application_name = 'other-bot';
SET contauth.token = :'token_other';
SELECT count(*) FROM crm.ticket;

--
-- what the auditor sees
--
\c - regress_contauth_auditor
SELECT contauth_audit.sync();
SELECT agent, reason_code, mode, reason, statement FROM contauth_audit.denials WHERE seq > :start ORDER BY seq;
SELECT agent, reason_code, policies, statement FROM contauth_audit.escalations WHERE seq > :start ORDER BY seq;
SELECT agent, on_behalf_of, purpose, relation, action, columns, labels, sensitivity, masks, decision, rows_returned
  FROM contauth_audit.sensitive_access WHERE seq > :start ORDER BY seq;
-- the tree, of what is in this test alone
SELECT depth, repeat('  ', depth) || principal AS principal, kind, statements > 0 AS statements, acted > 0 AS acted, denied > 0 AS denied
  FROM contauth_audit.delegation_tree WHERE last_seen >= :'began' ORDER BY path;
SELECT policy, actions, unused_actions, last_used >= :'began' AS used FROM contauth_audit.unused_permissions ORDER BY policy;
-- findings that this test alone makes
SELECT finding, severity, subject, detail
  FROM contauth_audit.find(clock_timestamp() - :'began', '1 day')
 WHERE finding NOT IN ('missing_chain', 'not_enforced', 'unused_agent', 'policy_never_matched', 'long_lived_token')
 ORDER BY 1, 2, 3, 4;
SELECT finding, severity, subject FROM contauth_audit.findings
 WHERE finding IN ('unused_agent', 'policy_never_matched', 'expired_agent') ORDER BY 1, 3;
SELECT finding, severity, subject, regexp_replace(detail, '^[0-9]+', 'some') AS detail
  FROM contauth_audit.find(clock_timestamp() - :'began', '1 day')
 WHERE finding IN ('missing_chain', 'not_enforced') ORDER BY 1, 3;
SELECT subject, detail FROM contauth_audit.find(clock_timestamp() - :'began', '1 day')
 WHERE finding = 'long_lived_token' ORDER BY 1, 2;
-- tokens until 2100 are not long when a century is allowed
SELECT count(*) FROM contauth_audit.find(clock_timestamp() - :'began', '100 years') WHERE finding = 'long_lived_token';
-- a window before all that holds none of it
SELECT finding, subject FROM contauth_audit.find('0 s', '1 day')
 WHERE finding NOT IN ('unused_agent', 'policy_never_matched', 'expired_agent');

-- a policy that takes over a name has not been used yet
\c - :superuser
SELECT contauth.drop_policy('tickets'),
       contauth.create_policy('tickets', 'permit', actions => '{insert}', resources => '{crm.ticket}')
\g /dev/null
\c - regress_contauth_auditor
SELECT policy, unused_actions, last_used FROM contauth_audit.unused_permissions WHERE policy = 'tickets';

--
-- every evidence runs, as the auditor; those of findings have rows
--
CREATE FUNCTION pg_temp.rows_of(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (%s) AS q', query) INTO n;
    RETURN n;
END
$$;
SELECT finding, bool_and(pg_temp.rows_of(evidence) > 0) AS has_evidence FROM contauth_audit.findings GROUP BY finding ORDER BY finding;
SELECT framework, count(*), count(*) FILTER (WHERE pg_temp.rows_of(evidence) >= 0) AS evidence_runs
  FROM contauth_audit.control_mapping GROUP BY framework ORDER BY framework;
SELECT framework, control, title FROM contauth_audit.control_mapping WHERE framework LIKE 'OWASP%' ORDER BY framework, length(control), control;
SELECT framework, control FROM contauth_audit.control_mapping WHERE framework NOT LIKE 'OWASP%' ORDER BY framework, control;

--
-- events for the SIEM; test/t/024_ocsf.pl holds them against the schema
--
SELECT event ->> 'type_name' AS type_name, event ->> 'severity' AS severity, event ->> 'status' AS status,
       event ->> 'action' AS action, event ->> 'disposition' AS disposition,
       event #>> '{actor,user,name}' AS "user", event #>> '{ai_agent,uid}' AS agent,
       event #>> '{table,name}' AS "table", event #>> '{query_info,query_string}' AS query
  FROM contauth_audit.ocsf
 WHERE seq > :start AND event #>> '{unmapped,statement_kind}' NOT IN ('SET', 'RESET') ORDER BY seq;
SELECT jsonb_object_agg(key, value) - '{time,metadata,unmapped,message}'::text[]
       #- '{actor,authorizations,0,policy,version}' AS event
  FROM contauth_audit.ocsf, jsonb_each(event) WHERE seq > :start AND event #>> '{actor,user,type}' = 'User'
   AND event #>> '{query_info,query_string}' LIKE 'SELECT notes%' GROUP BY seq;

--
-- nobody else
--
\c - regress_contauth_admin
SELECT count(*) FROM contauth_audit.findings;
:state
SELECT * FROM contauth_audit.find('1 day', '1 day');
:state
SELECT count(*) FROM contauth_audit.ocsf;
:state
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT count(*) FROM contauth_audit.findings;
:state
\c - regress_contauth_auditor
INSERT INTO contauth_audit.denials (seq) VALUES (1);
:state
\set ECHO none
\i :teardown
