-- Revocation: agents, tokens, grants, principals, issuers and trust domains are
-- refused wherever they stand in a chain, and the kill switch stops everybody.
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
       contauth.add_agent_key('spiffe://acme.test/agent/planner', :'jwk_planner'),
       contauth.add_issuer('https://idp.acme.test', 'acme.test', :'jwks_idp')
\g /dev/null
-- ":try" reads as the agent and shows the SQLSTATE, ":why" the reason
\set try 'SELECT count(*) FROM crm.ticket; \\echo :SQLSTATE'
\set why 'SELECT contauth.whoami() ->> ''reason'' AS reason;'
\set lift 'SELECT contauth.unrevoke(kind, id, ''over'') FROM contauth.revocation \\g /dev/null'
\set ECHO all

--
-- arguments
--
SELECT contauth.revoke('person', 'x', 'test');
:state
SELECT contauth.revoke(NULL, 'x', 'test');
:state
SELECT contauth.revoke('agent', '', 'test');
:state
SELECT contauth.revoke('agent', 'support', 'test');
:state
SELECT contauth.revoke('agent', 'spiffe://acme.test', 'test');
:state
SELECT contauth.revoke('principal', 'alice', 'test');
:state
SELECT contauth.revoke('issuer', 'https://a|b', 'test');
:state
SELECT contauth.revoke('trust_domain', 'Acme.test', 'test');
:state
SELECT contauth.revoke('token', 'support-1', '');
:state
SELECT contauth.unrevoke('token', 'support-1', 'test');
:state
INSERT INTO contauth.revocation (kind, id, reason) VALUES ('agent', 'x', 'x');
:state
SELECT contauth.kill_switch(NULL, 'test');
:state
SELECT contauth.kill_switch(true, NULL);
:state
-- what nobody knows can be revoked, twice too; digests have one spelling
SELECT contauth.revoke('token', repeat('AB', 32), 'test'), contauth.revoke('token', repeat('ab', 32), 'test');
SELECT kind, id, reason, revoked_by = session_user AS me FROM contauth.revocation;
SELECT contauth.unrevoke('token', repeat('aB', 32), 'test');
SELECT action, object, detail FROM contauth_audit.admin_event WHERE action LIKE '%revoke' AND object ~ '^abab' ORDER BY event_id;

--
-- each kind: refused, and allowed beside it
--
:as_agent
:try
:as_admin
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/other', 'test');
:as_agent
:try
:as_admin
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/support', 'test');
:as_agent
:try
:why
:as_admin
:lift
:as_agent
:try
:as_admin
SELECT contauth.revoke('principal', 'spiffe://acme.test/agent/support', 'test');
:as_agent
:try
:why
:as_admin
:lift
SELECT contauth.revoke('issuer', 'https://issuer.acme.test', 'test');
:as_agent
:try
:why
:as_admin
:lift
SELECT contauth.revoke('issuer', 'https://idp.acme.test', 'test');
:as_agent
:try
:as_admin
:lift
SELECT contauth.revoke('trust_domain', 'acme.test', 'test');
:as_agent
:try
:why
:as_admin
:lift
SELECT contauth.revoke('token', 'support-1', 'test');
:as_agent
:try
:why
-- another token of the same agent
SET contauth.token = :'token_support_purpose';
:try
:as_admin
:lift

--
-- tokens by digest, as SHOW tells it; their twins, too
--
SELECT contauth.revoke('token', encode(sha256(:'token_support_ec'), 'hex'), 'test') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support_ec';
:try
SET contauth.token = :'token_support_ec_twin';
:try
:why
SET contauth.token = :'token_support';
:try
:as_admin
:lift
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support_ec_twin';
:try
:as_admin

--
-- hops: a chain that rests on something revoked is no chain
--
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support';
SET contauth.delegation = :'d_two';
:try
:as_admin
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/planner', 'test');
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'token_support';
:try
:why
RESET contauth.delegation;
:try
SET contauth.delegation = :'d_two';
:as_admin
:lift
SELECT contauth.revoke('principal', 'https://issuer.acme.test|alice', 'test');
:as_agent
:try
:why
:as_admin
:lift
SELECT contauth.revoke('grant', 'grant-planner', 'test');
:as_agent
:try
:why
:as_admin
:lift
SELECT contauth.revoke('grant', encode(sha256((:'d_two'::jsonb ->> 1)::bytea), 'hex'), 'test');
:as_agent
:try
:why
RESET contauth.delegation;
:try
:as_admin
:lift
-- a nested act, and somebody whom its issuer only quotes
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'oauth_user_chain';
:try
:as_admin
SELECT contauth.revoke('principal', 'https://issuer.acme.test|gateway', 'test');
SET SESSION AUTHORIZATION regress_contauth_agent;
SET contauth.token = :'oauth_user_chain';
:try
:why
:as_admin
:lift

--
-- prepared statements and open cursors; what is rolled back has not happened
--
:as_agent
PREPARE p AS SELECT count(*) FROM crm.ticket;
EXECUTE p;
:as_admin
BEGIN;
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/support', 'test');
ROLLBACK;
:as_agent
EXECUTE p;
:as_admin
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/support', 'test');
:as_agent
EXECUTE p;
:state
:as_admin
:lift

--
-- the kill switch
--
SELECT contauth.kill_switch(true, 'test');
SELECT active, reason, changed_by = session_user AS me FROM contauth.kill_switch_state;
SELECT count(*) FROM crm.ticket;
:as_agent
:try
:why
SELECT contauth.authenticate(:'token_support');
:state
BEGIN;
COMMIT;
:as_admin
SELECT contauth.kill_switch(false, 'test');
:as_agent
:try
:as_admin
SELECT action, detail FROM contauth_audit.admin_event WHERE action = 'kill_switch' AND detail ->> 'reason' = 'test' ORDER BY event_id;

--
-- agents never, whatever policies and privileges say
--
GRANT contauth_admin TO regress_contauth_agent;
SELECT contauth.create_policy('everything', 'permit') \g /dev/null
:as_agent
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/other', 'test');
:state
SELECT contauth.unrevoke('agent', 'spiffe://acme.test/agent/other', 'test');
:state
SELECT contauth.kill_switch(true, 'test');
:state
SELECT contauth.kill_switch(false, 'test');
:state
:as_admin
SELECT count(*) FROM contauth.revocation;
-- not even where contauth decides nothing
SET contauth.mode = off;
SET SESSION AUTHORIZATION regress_contauth_agent;
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/other', 'test');
:state
SELECT contauth.kill_switch(true, 'test');
:state
RESET SESSION AUTHORIZATION;
RESET contauth.mode;
SELECT count(*) FROM contauth.revocation;
REVOKE contauth_admin FROM regress_contauth_agent;
SET ROLE regress_contauth_plain;
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/other', 'test');
:state
SELECT contauth.kill_switch(true, 'test');
:state
RESET ROLE;
SET ROLE regress_contauth_admin;
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/other', 'test');
SELECT contauth.unrevoke('agent', 'spiffe://acme.test/agent/other', 'test');
RESET ROLE;

--
-- on record
--
SELECT contauth_audit.sync() \g /dev/null
SELECT reason_code, count(*) > 0 AS recorded FROM contauth_audit.decision
 WHERE reason_code ~ '_revoked$|kill_switch' GROUP BY 1 ORDER BY 1;

\set ECHO none
DELETE FROM contauth.revocation;
DELETE FROM contauth.kill_switch_state;
\i :teardown
