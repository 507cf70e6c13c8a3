-- Break-glass: an administrator opens all relations for an agent, for a while;
-- what forbids, restricts, masks, and the chain hold.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\set delegation :abs_srcdir '/keys/delegation.sql'
\i :setup
\i :data
\i :delegation
SET client_min_messages = error;
CREATE ROLE regress_contauth_admin2 LOGIN IN ROLE contauth_admin;
CREATE ROLE regress_contauth_approver LOGIN IN ROLE contauth_approver;
SET ROLE regress_contauth_owner;
CREATE TABLE crm.secret (id int, word text);
INSERT INTO crm.secret VALUES (1, 'open'), (2, 'sesame');
CREATE TABLE crm.log (id int);
GRANT ALL ON crm.secret, crm.log TO regress_contauth_agent, regress_contauth_other;
CREATE TABLE crm.ungranted (id int);
RESET ROLE;
RESET client_min_messages;
\set support 'spiffe://acme.test/agent/support'
-- ":open" opens it for 'valid' without the WARNING, ":close" closes it
\set valid '1 hour'
\set open 'SET client_min_messages = error; SELECT contauth.break_glass(:''support'', ''the ticket system is down'', :''valid'') AS glass \\gset \\\\ RESET client_min_messages;'
\set close 'SET client_min_messages = error; SELECT contauth.close_break_glass(:''glass'', ''done'') \\g /dev/null \\\\ RESET client_min_messages;'
\set as_other_admin 'RESET contauth.token; SET SESSION AUTHORIZATION regress_contauth_admin2;'
\set ECHO all

--
-- arguments
--
SELECT contauth.break_glass(NULL, 'x', '1 hour');
:state
SELECT contauth.break_glass('spiffe://acme.test/agent/nobody', 'x', '1 hour');
:state
SELECT contauth.break_glass(:'support', E' \n', '1 hour');
:state
SELECT contauth.break_glass(:'support', NULL, '1 hour');
:state
SELECT contauth.break_glass(:'support', 'x', NULL);
:state
SELECT contauth.break_glass(:'support', 'x', '0');
:state
SELECT contauth.break_glass(:'support', 'x', '-1 hour');
:state
SELECT contauth.break_glass(:'support', 'x', '8 hours 1 second');
:state
SELECT contauth.close_break_glass('00000000-0000-0000-0000-000000000000', 'x') \g /dev/null
:state
SELECT contauth.review_break_glass('00000000-0000-0000-0000-000000000000', 'x') \g /dev/null
:state
SELECT contauth.review_break_glass(NULL, 'x');
:state
SELECT contauth.create_policy('break_glass', 'permit', resources => '{crm.secret}', actions => '{select}');
:state
INSERT INTO contauth.break_glass_grant (agent, reason, ends_at) VALUES ('x', 'x', now() + interval '9 hours') \g /dev/null
:state

--
-- who may
--
SET SESSION AUTHORIZATION regress_contauth_plain;
SELECT contauth.break_glass(:'support', 'x', '1 hour');
:state
RESET SESSION AUTHORIZATION;
GRANT contauth_admin, contauth_approver TO regress_contauth_agent;
SELECT contauth.create_policy('opens_itself', 'permit', principals => '{spiffe://acme.test/agent/support}',
           resources => '{function:contauth.*}', actions => '{execute}') \g /dev/null
:as_agent
SELECT contauth.break_glass('spiffe://acme.test/agent/support', 'x', '1 hour');
:state
SELECT contauth.close_break_glass('00000000-0000-0000-0000-000000000000', 'x');
:state
:as_admin
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = '';
SELECT contauth.break_glass('spiffe://acme.test/agent/support', 'x', '1 hour');
:state
:as_admin
-- where nothing else is refused, either
SET contauth.mode = monitor;
:as_agent
SELECT contauth.break_glass('spiffe://acme.test/agent/support', 'x', '1 hour');
:state
:as_admin
RESET contauth.mode;
REVOKE contauth_admin, contauth_approver FROM regress_contauth_agent;
-- a person with a token is governed, too, whatever he is otherwise
GRANT INSERT ON contauth.break_glass_grant TO regress_contauth_agent;
:as_agent
INSERT INTO contauth.break_glass_grant (agent, reason, ends_at) VALUES ('x', 'x', now() + interval '1 hour');
:state
:as_admin
REVOKE INSERT ON contauth.break_glass_grant FROM regress_contauth_agent;
SELECT contauth.drop_policy('opens_itself');
SELECT count(*) FROM contauth.break_glass_grant;

--
-- what it opens: relations, columns and rows that nothing permits; not what
-- is not granted, not closed tables, and no other action
--
:as_agent
SELECT * FROM crm.secret;
:state
SELECT notes FROM crm.customer WHERE id = 1;
:state
SELECT count(*) FROM crm.ticket;
INSERT INTO crm.log VALUES (1);
:state
:as_admin
:open
:as_agent
SELECT * FROM crm.secret;
SELECT left(notes, 3) AS notes FROM crm.customer WHERE id = 1;
SELECT count(*) FROM crm.ticket;
INSERT INTO crm.log VALUES (1);
UPDATE crm.log SET id = 2 RETURNING id;
DELETE FROM crm.log;
SELECT relation, action, decision, policies, reason FROM contauth.why('SELECT * FROM crm.secret');
SELECT * FROM crm.ungranted;
:state
TRUNCATE crm.log;
:state
COPY crm.secret TO STDOUT;
:state
SELECT count(*) FROM contauth.policy;
:state
CREATE TABLE crm.mine (id int);
:state
-- masks of permits hold
SELECT ssn, email FROM crm.customer WHERE id = 2;
:as_admin
-- another agent gets nothing
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
SELECT count(*) FROM crm.secret;
:state
:as_admin
SELECT contauth.break_glass(:'support', 'x', '1 hour');
:state

--
-- what forbids, restricts and masks holds; what escalates is approved
--
SELECT contauth.create_policy('no_words', 'forbid', resources => '{crm.secret(word)}', actions => '{select}'),
       contauth.create_policy('small', 'restrict', resources => '{crm.ticket}', actions => '{select}',
                              row_filter => 'id < 4', masks => '{"crm.ticket.body": "redact"}',
                              limits => '{"rows_per_statement": 2}'),
       contauth.create_policy('glass_asks', 'escalate', resources => '{crm.customer}', actions => '{select}')
\g /dev/null
:as_agent
SELECT word FROM crm.secret;
:state
SELECT count(*), min(body) FROM crm.ticket;
SELECT id FROM crm.ticket;
:state
SELECT count(*) FROM crm.customer;
:as_admin
SELECT count(*) FROM contauth_audit.approval_request WHERE 'glass_asks' = ANY (policies);
:close
:as_agent
SELECT count(*) FROM crm.customer;
:state
:as_admin
SELECT contauth.drop_policy(name) FROM contauth.policy WHERE name IN ('no_words', 'small', 'glass_asks') \g /dev/null
-- the chain: whose grant is for tickets alone reads nothing else
:open
:as_agent
SET contauth.delegation = :'d_ticket';
SELECT count(*) FROM crm.ticket;
SELECT count(*) FROM crm.secret;
:state
RESET contauth.delegation;
SELECT count(*) FROM crm.secret;
:as_admin

--
-- revoked and suspended agents have nothing
--
SELECT contauth.suspend_agent(:'support', 'test');
:as_agent
SELECT count(*) FROM crm.secret;
:state
:as_admin
SELECT contauth.resume_agent(:'support', 'test');
SELECT contauth.revoke('agent', :'support', 'test');
:as_agent
SELECT count(*) FROM crm.secret;
:state
:as_admin
SELECT contauth.unrevoke('agent', :'support', 'test');

--
-- it is closed for prepared statements, cursors and functions at once
--
CREATE FUNCTION crm.words() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM crm.secret); END';
SELECT contauth.create_policy('calls', 'permit', resources => '{function:crm.words}', actions => '{execute}') \g /dev/null
:as_agent
PREPARE kept AS SELECT count(*) FROM crm.secret;
EXECUTE kept;
SELECT crm.words();
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.secret ORDER BY id;
FETCH c;
:as_admin
:close
:as_agent
FETCH c;
:state
ROLLBACK;
:as_admin
:close
:as_agent
EXECUTE kept;
:state
SELECT crm.words();
:state
:as_admin

--
-- and ends by time, without anybody doing anything
--
\set valid '3 seconds'
:open
:as_agent
EXECUTE kept;
SELECT crm.words();
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.secret ORDER BY id;
FETCH c;
SELECT pg_sleep(3.1) \g /dev/null
FETCH c;
:state
ROLLBACK;
EXECUTE kept;
:state
SELECT crm.words();
:state
SELECT count(*) FROM crm.secret;
:state
:as_admin
\set VERBOSITY sqlstate
SELECT contauth.close_break_glass(:'glass', 'late') \g /dev/null
\set VERBOSITY terse
-- in the middle of one statement, what it begins after the end is asked again
SELECT contauth.create_policy('sleeps', 'permit', resources => '{function:crm.*}', actions => '{execute}') \g /dev/null
CREATE FUNCTION crm.slow() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first bigint := (SELECT count(*) FROM crm.secret);
BEGIN
    PERFORM pg_sleep(3.1);
    RETURN first || ' ' || (SELECT count(*) FROM crm.secret);
END
$$;
:open
:as_agent
SELECT crm.slow();
:state
:as_admin

--
-- the record
--
SELECT contauth_audit.sync() \g /dev/null
SELECT DISTINCT policies FROM contauth_audit.decision
 WHERE context ? 'break_glass' AND decision = 'allow' AND action && '{select,insert,update,delete}' AND policies <> '{}';
SELECT count(*) > 0 AS some FROM contauth_audit.decision
 WHERE policies[1] = 'break_glass' AND NOT (context ? 'break_glass');
SELECT action, detail - 'ends_at' AS detail FROM contauth_audit.admin_event
 WHERE action LIKE '%break_glass%' ORDER BY event_id;
SELECT agent, reason, opened_by = session_user AS me, open, closed_at IS NOT NULL AS closed, decisions > 0 AS some, denied > 0 AS denied
  FROM contauth_audit.break_glass_reviews;

--
-- review: not by the one who opened it, under another role either, nor by his
-- other self
--
SELECT contauth.review_break_glass(:'glass', 'fine') \g /dev/null
:state
SET ROLE regress_contauth_admin2;
SELECT contauth.review_break_glass(:'glass', 'fine') \g /dev/null
:state
RESET ROLE;
SELECT contauth.set_principal('regress_contauth_admin2', 'https://idp|eve'),
       contauth.set_principal(current_user::regrole, 'https://idp|eve') \g /dev/null
:as_other_admin
SELECT contauth.review_break_glass(:'glass', 'fine') \g /dev/null
:state
:as_admin
SELECT contauth.unset_principal(current_user::regrole, 'https://idp|eve'),
       contauth.unset_principal('regress_contauth_admin2', 'https://idp|eve') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_approver;
SELECT contauth.review_break_glass(:'glass', '');
:state
SELECT contauth.review_break_glass(:'glass', 'fine');
\set VERBOSITY sqlstate
SELECT contauth.review_break_glass(:'glass', 'fine') \g /dev/null
\set VERBOSITY terse
SELECT count(*) FROM contauth_audit.break_glass_reviews;
SELECT contauth.break_glass(:'support', 'x', '1 hour');
:state
:as_admin
-- reviewing one that is open ends it
\set valid '1 hour'
:open
:as_other_admin
SET client_min_messages = error;
SELECT contauth.review_break_glass(:'glass', 'no');
:as_agent
SELECT count(*) FROM crm.secret;
:state
:as_admin
SELECT verdict, reviewed_by, closed_by FROM contauth.break_glass_grant WHERE id = :'glass';

\set ECHO none
DEALLOCATE kept;
SET client_min_messages = error;
DROP OWNED BY regress_contauth_admin2, regress_contauth_approver;
DROP ROLE regress_contauth_admin2, regress_contauth_approver;
DELETE FROM contauth.break_glass_grant;
\i :teardown
