-- The same question again: answered from what is kept, and as if it were not.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set reads 'SELECT id, email, ssn FROM crm.customer WHERE id <= 3 ORDER BY id;'
\set ECHO all
SELECT contauth.create_policy('writes', 'permit', '{spiffe://acme.test/agent/support}',
    actions => '{update,delete}', resources => '{crm.ticket}') \g /dev/null
SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.run(query text) RETURNS text LANGUAGE plpgsql
    AS 'DECLARE r text; BEGIN EXECUTE query INTO r; RETURN r; END';
RESET ROLE;
SELECT contauth.create_policy('functions', 'permit', '{spiffe://acme.test/agent/*}',
    actions => '{execute}', resources => '{function:crm.*}') \g /dev/null

--
-- the second record says what the first one does
--
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT coalesce(max(seq), 0) AS start FROM contauth_audit.decision \gset
:as_agent
:reads
:reads
:reads
SELECT c.ssn, t.body FROM crm.customer AS c JOIN crm.ticket AS t ON t.id = c.id AND c.email LIKE 'RAW%';
SELECT c.ssn, t.body FROM crm.customer AS c JOIN crm.ticket AS t ON t.id = c.id AND c.email LIKE 'RAW%';
SELECT id FROM crm.ticket WHERE id = 2 FOR UPDATE;
SELECT id FROM crm.ticket WHERE id = 2 FOR UPDATE;
UPDATE crm.ticket SET body = 'changed' WHERE id = 2 RETURNING body;
UPDATE crm.ticket SET body = 'changed' WHERE id = 2 RETURNING body;
SELECT crm.run('SELECT ssn FROM crm.customer WHERE id = 2');
SELECT ssn FROM crm.customer WHERE id = 2;
SELECT crm.run('SELECT ssn FROM crm.customer WHERE id = 2');
SELECT ssn FROM crm.customer WHERE id = 2;
:as_admin
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT statement, count(*), count(DISTINCT (decision, reason_code, action, policies, policy_version,
           max_sensitivity, accesses)) AS different, jsonb_path_query_array(min(accesses::text)::jsonb, '$[*].nested') AS nested
  FROM contauth_audit.decision WHERE seq > :start GROUP BY statement ORDER BY statement COLLATE "C";

--
-- other questions
--
:as_agent
SELECT id, notes FROM crm.customer;
:state
SELECT * FROM crm.customer;
:state
SELECT id, notes FROM crm.customer;
:state
COPY (SELECT id FROM crm.customer) TO STDOUT;
:state
DELETE FROM crm.customer WHERE id = 2;
:state
SELECT 1 AS found FROM crm.customer WHERE id = 2;
SELECT 1 AS found FROM crm.customer WHERE id = 2 FOR UPDATE;
:state
SELECT count(*) FROM crm.customer;
SELECT 1 FROM crm.customer FOR UPDATE;
:state
:as_admin
SELECT contauth.alter_policy('support_reads', jsonb_build_object('condition',
    $$ctx.statement_kind = 'SELECT' OR ctx.columns && '{tenant,body}'$$)) \g /dev/null
:as_agent
UPDATE crm.ticket SET body = 'x' WHERE tenant = 'nobody';
SELECT 1 AS found FROM crm.ticket WHERE id = 2;
UPDATE crm.ticket SET body = 'x' WHERE id = 2;
:state

--
-- another answer: by identity, context, policies, labels, the table, a role
--
:reads
SET contauth.token = :'token_support_globex';
:reads
SET contauth.token = :'token_support_no_tenant';
:reads
SET contauth.token = :'token_support';
:reads
:as_admin
SELECT contauth.alter_policy('support_reads', jsonb_build_object('condition', $$ctx.purpose = 'support'$$)) \g /dev/null
:as_agent
:reads
:state
SET contauth.purpose = 'support';
:reads
RESET contauth.purpose;
:reads
:state
:as_admin
SELECT contauth.alter_policy('support_reads', '{"condition": null, "masks": {"crm.customer.ssn": "redact", "crm.customer.email": "null"}}') \g /dev/null
:as_agent
:reads
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.customer.email IS 'secret';
SELECT contauth.create_policy('no_secrets', 'forbid', resources => '{label:secret}') \g /dev/null
:as_agent
:reads
:state
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.customer.email IS 'public';
:as_agent
:reads
:as_admin
ALTER TABLE crm.customer ALTER ssn TYPE varchar(4);
:state
ALTER TABLE crm.customer ALTER ssn TYPE varchar(40);
:as_agent
:reads
:as_admin
ALTER TABLE crm.customer RENAME ssn TO notes_2;
ALTER TABLE crm.customer RENAME notes TO ssn;
:as_agent
:reads
SELECT notes_2 FROM crm.customer;
:state
:as_admin
ALTER TABLE crm.customer RENAME ssn TO notes;
ALTER TABLE crm.customer RENAME notes_2 TO ssn;
:as_agent
:reads
:as_admin
SELECT contauth.suspend_agent('spiffe://acme.test/agent/support', 'test') \g /dev/null
:as_agent
:reads
:state
:as_admin
SELECT contauth.resume_agent('spiffe://acme.test/agent/support', 'test') \g /dev/null
:as_agent
:reads
:as_admin
-- monitor mode hides nothing
ALTER ROLE regress_contauth_agent SET contauth.mode = monitor;
SET contauth.mode = monitor;
:as_agent
SELECT count(*) AS raw FROM crm.customer WHERE ssn LIKE 'RAW%';
:as_admin
RESET contauth.mode;
:as_agent
SELECT count(*) AS raw FROM crm.customer WHERE ssn LIKE 'RAW%';
:as_admin
ALTER ROLE regress_contauth_agent RESET contauth.mode;

--
-- another relation of the same name
--
CREATE SCHEMA other AUTHORIZATION regress_contauth_owner;
SET ROLE regress_contauth_owner;
CREATE TABLE other.customer AS SELECT id, email, ssn FROM crm.customer;
GRANT USAGE ON SCHEMA other TO regress_contauth_agent;
GRANT SELECT ON other.customer TO regress_contauth_agent;
RESET ROLE;
:as_agent
SET search_path = crm;
SELECT id, ssn FROM customer WHERE id = 2;
SELECT id FROM customer WHERE id = 2;
SET search_path = other;
SELECT id, ssn FROM customer WHERE id = 2;
:state
SELECT id FROM customer WHERE id = 2;
:state
SET search_path = crm;
SELECT id, ssn FROM customer WHERE id = 2;
RESET search_path;
:as_admin
SET client_min_messages = warning;
DROP SCHEMA other CASCADE;
RESET client_min_messages;

--
-- what may be otherwise at any time
--
SELECT contauth.alter_policy('support_reads', jsonb_build_object('condition', $$ctx.application_name = 'open'$$)) \g /dev/null
:as_agent
SET application_name = 'open';
:reads
SET application_name = 'closed';
:reads
:state
SET application_name = 'open';
:reads
:as_admin
SELECT contauth.alter_policy('support_reads', jsonb_build_object('condition', $$ctx.statements_1m < 0$$)) \g /dev/null
:as_agent
:reads
:state
:as_admin
SELECT contauth.alter_policy('support_reads', '{"condition": null}') \g /dev/null
SELECT contauth.create_policy('asks', 'escalate', resources => '{crm.ticket}', actions => '{select}') \g /dev/null
:as_agent
SELECT id FROM crm.ticket;
:state
SELECT id FROM crm.ticket;
:state
:as_admin
SELECT contauth.drop_policy('asks') \g /dev/null
-- a mask's constant is read anew, by the settings of each statement
SET ROLE regress_contauth_owner;
CREATE TABLE crm.event (id int, at timestamptz);
INSERT INTO crm.event VALUES (1, '2001-01-01 00:00:00+00');
GRANT SELECT ON crm.event TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('events', 'permit', '{spiffe://acme.test/agent/support}', actions => '{select}',
    resources => '{crm.event}', masks => '{"crm.event.at": "constant(2020-01-01 12:00)"}') \g /dev/null
SET TimeZone = 'UTC';
:as_agent
SELECT at AT TIME ZONE 'UTC' AS utc FROM crm.event;
SET TimeZone = 'Asia/Tokyo';
SELECT at AT TIME ZONE 'UTC' AS utc FROM crm.event;
SET TimeZone = 'UTC';
:as_admin
SET DateStyle = 'ISO';

--
-- where a relation's rows can become NULL, its masks are not shown for them
--
:as_agent
SELECT g, c.ssn, c.email FROM generate_series(1, 2) AS g LEFT JOIN crm.customer AS c ON c.id = g ORDER BY g;
SELECT g, c.ssn, (SELECT max(i.ssn) FROM crm.customer AS i WHERE i.ssn = c.ssn) AS same
  FROM generate_series(1, 2) AS g JOIN crm.customer AS c ON c.id = g ORDER BY g;
SELECT ssn, count(*) FROM crm.customer GROUP BY ROLLUP (ssn) ORDER BY 1, 2;
SELECT g, e.id, e FROM generate_series(1, 2) AS g LEFT JOIN crm.event AS e ON e.id = g ORDER BY g;
SELECT g, e.id, e FROM generate_series(1, 2) AS g JOIN crm.event AS e ON e.id = g ORDER BY g;
:as_admin

--
-- what is kept does not grow by a statement of which not all can be
--
SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.often(query text, times int) RETURNS text LANGUAGE plpgsql
    AS 'DECLARE r text; BEGIN FOR i IN 1..times LOOP EXECUTE query INTO r; END LOOP; RETURN r; END';
RESET ROLE;
SELECT contauth.alter_policy('support_reads', jsonb_build_object('condition', $$ctx.application_name <> 'closed'$$)) \g /dev/null
:as_agent
SELECT crm.often('SELECT c.ssn FROM crm.customer AS c JOIN crm.event AS e ON e.id = c.id - 1', 2000);
:as_admin
SELECT sum(total_bytes) < 200000 AS small FROM pg_backend_memory_contexts WHERE name = 'contauth outcomes';

\set ECHO none
\i :teardown
