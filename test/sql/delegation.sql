-- Delegation: chains by nested act and by signed grants, what each hop leaves,
-- and every way in which a chain can be wrong.
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
       contauth.register_agent('spiffe://acme.test/agent/manager', '{regress_contauth_other}', 'dora', 4)
\g /dev/null
-- ":who" shows the identity, ":both" presents token and delegation by SET
\set who 'SELECT w ->> ''on_behalf_of'' AS on_behalf_of, w -> ''depth'' AS depth, w -> ''autonomy'' AS autonomy, w ->> ''source'' AS source, (SELECT string_agg(h ->> ''principal'' || '' '' || (h ->> ''kind''), '', '' ORDER BY o) FROM jsonb_array_elements(w -> ''chain'') WITH ORDINALITY AS c(h, o)) AS chain FROM contauth.whoami() AS w;'
\set ECHO all

--
-- administration: keys of agents, names of issuers
--
SELECT contauth.add_agent_key('spiffe://acme.test/agent/planner', :'jwk_planner');
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', :'jwk_manager');
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', :'jwk_no_kid');
SELECT spiffe_id, kid, jwk ->> 'kty' AS kty FROM contauth.agent_key ORDER BY 1, 2;
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', :'jwk_manager');
:state
SELECT contauth.add_agent_key('spiffe://acme.test/agent/nobody', :'jwk_manager');
:state
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', '{"kty": "oct", "k": "AAAA", "kid": "k"}');
:state
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', '{"kty": "OKP", "crv": "X25519", "x": "AAAA", "kid": "k"}');
:state
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', '[]');
:state
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', NULL);
:state
-- a key cannot bring a second one with it
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', '{"kid": "a", "keys": []}');
:state
INSERT INTO contauth.agent_key (spiffe_id, kid, jwk) VALUES ('spiffe://acme.test/agent/manager', 'x', :'jwk_planner');
:state
SELECT contauth.remove_agent_key('spiffe://acme.test/agent/manager', 'nothing');
:state
SELECT contauth.remove_agent_key('spiffe://acme.test/agent/manager', kid) FROM contauth.agent_key
 WHERE spiffe_id = 'spiffe://acme.test/agent/manager' AND kid <> 'manager-1';
SELECT contauth.add_issuer('https://a|b', 'acme.test', :'jwks');
:state
SELECT contauth.add_issuer('https://idp.acme.test', 'acme.test', :'jwks_idp');
-- changing an agent
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '{"owner": "erin", "attributes": {"team": "x"}}');
SELECT owner, autonomy, attributes, state FROM contauth.agent WHERE spiffe_id LIKE '%planner';
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '{"autonomy": 6}');
:state
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '{"state": "retired"}');
:state
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '{"db_roles": ["regress_contauth_nobody"]}');
:state
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '{"owner": null}');
:state
SELECT contauth.alter_agent('spiffe://acme.test/agent/planner', '7');
:state
SELECT contauth.alter_agent('spiffe://acme.test/agent/nobody', '{}');
:state

SELECT contauth.create_policy('support_writes', 'permit',
    principals => '{spiffe://acme.test/agent/support}',
    actions => '{update,delete}', resources => '{crm.customer}');
SELECT contauth.create_policy('for_alice', 'permit',
    principals => '{spiffe://acme.test/agent/support}',
    on_behalf_of => '{https://issuer.acme.test|alice}',
    actions => '{select}', resources => '{crm.customer(notes)}',
    row_filter => $$ tenant = 'acme' $$, masks => '{"crm.customer.notes": "redact"}');

\c - regress_contauth_agent
--
-- OAuth tokens: who acts, and for whom
--
SET contauth.token = :'token_support';
:who
SELECT contauth.whoami() -> 'on_behalf_of' AS on_behalf_of;
SET contauth.token = :'oauth_user';
:who
SET contauth.token = :'oauth_user_chain';
:who
SET contauth.token = :'oauth_client';
:who
SET contauth.token = :'oauth_txn';
:who
SET contauth.token = :'oauth_eddsa';
:who
SELECT contauth.claim('jti');
-- refused
SET contauth.token = :'oauth_loop';
:state
SET contauth.token = :'oauth_no_agent';
:state
SET contauth.token = :'oauth_actor_no_agent';
:state
SET contauth.token = :'oauth_act_text';
:state
SET contauth.token = :'oauth_act_no_sub';
:state
SET contauth.token = :'oauth_act_foreign';
:state
SET contauth.token = :'oauth_foreign_actor';
:state
SET contauth.token = :'oauth_foreign_root';
:state
SET contauth.token = :'oauth_unknown_issuer';
:state
SET contauth.token = :'oauth_bound';
:state
SET contauth.token = :'oauth_dpop';
:state
SET contauth.token = :'oauth_details_unknown';
:state
SET contauth.token = :'oauth_jku';
:state
SELECT contauth.claim('jti') AS unchanged;
-- a grant is no token
SELECT :'d_alice'::jsonb ->> 0 AS grant_alice, :'d_agents'::jsonb ->> 0 AS grant_agent \gset
SET contauth.token = :'grant_alice';
:state
SET contauth.token = :'grant_agent';
:state

--
-- grants, by authenticate() and by SET
--
SELECT contauth.authenticate(:'token_support', :'d_alice') ->> 'on_behalf_of' AS on_behalf_of;
:who
SELECT contauth.whoami() -> 'chain' -> 0 AS root;
SELECT contauth.authenticate(:'token_support', :'d_three') ->> 'depth' AS depth;
:who
SHOW contauth.delegation;
-- without a delegation it ends
SELECT contauth.authenticate(:'token_support') ->> 'depth' AS depth;
SET contauth.delegation = :'d_agents';
:who
SELECT count(*) FROM crm.ticket;
BEGIN;
SET LOCAL contauth.delegation = :'d_two';
:who
COMMIT;
:who
BEGIN;
SAVEPOINT s;
SET contauth.delegation = :'d_three';
ROLLBACK TO s;
:who
SET contauth.delegation = :'d_three';
ROLLBACK;
:who
RESET contauth.delegation;
:who
SET contauth.delegation = :'d_two';
DISCARD ALL;
SET contauth.token = :'token_support';
:who
-- token and grants that tell the same chain, and that do not
SELECT contauth.authenticate(:'oauth_user', :'d_alice') ->> 'depth' AS depth;
SELECT contauth.authenticate(:'oauth_user', :'d_two');
:state
SELECT contauth.authenticate(:'oauth_user', :'d_agents');
:state
:who

--
-- policies: on behalf of whom
--
SELECT contauth.authenticate(:'token_support') ->> 'depth' AS depth;
SELECT notes FROM crm.customer;
:state
SELECT contauth.authenticate(:'token_support', :'d_alice') ->> 'depth' AS depth;
SELECT notes FROM crm.customer WHERE id = 2;
SELECT contauth.authenticate(:'token_support', :'d_agents') ->> 'depth' AS depth;
SELECT notes FROM crm.customer;
:state
-- the grants' ceilings
SELECT contauth.authenticate(:'token_support', :'d_autonomy') -> 'autonomy' AS autonomy;

--
-- what hops leave
--
\set VERBOSITY terse
SET contauth.token = :'token_support';
SET contauth.delegation = :'d_select';
SELECT count(*) FROM crm.customer;
UPDATE crm.ticket SET body = 'x';
:state
DELETE FROM crm.customer WHERE id = 0;
:state
SET contauth.delegation = :'d_update';
SELECT count(*) FROM crm.ticket;
:state
UPDATE crm.customer SET balance = 1 WHERE false;
:state
SET contauth.delegation = :'d_ticket';
SELECT count(*) FROM crm.ticket;
SELECT count(*) FROM crm.customer;
:state
SELECT count(*) FROM crm.ticket t JOIN crm.customer c ON c.id = t.customer_id;
:state
-- what every session needs is not the chain's
SELECT count(*) > 0 AS catalog FROM pg_class;
SELECT lower('X'), contauth.claim('tenant');
SET contauth.delegation = :'d_columns';
SELECT id, ssn FROM crm.customer;
SELECT id, email FROM crm.customer;
:state
SELECT count(*) FROM crm.ticket;
SET contauth.delegation = :'d_label';
SELECT ssn FROM crm.customer;
SELECT id FROM crm.customer;
:state
SELECT id FROM crm.ticket;
:state
SET contauth.delegation = :'d_public';
SELECT id FROM crm.customer;
SELECT ssn FROM crm.customer;
:state
SET contauth.delegation = :'d_either';
SELECT id FROM crm.customer;
SELECT ssn FROM crm.customer;
:state
SELECT count(*) FROM crm.ticket;
SET contauth.delegation = :'d_purpose';
SELECT id FROM crm.ticket;
:state
SET contauth.purpose = 'support';
SELECT id FROM crm.ticket;
SET contauth.purpose = 'marketing';
SELECT id FROM crm.ticket;
:state
SET contauth.delegation = :'d_whole_purpose';
SELECT id FROM crm.ticket;
:state
SET contauth.purpose = 'support';
SELECT id FROM crm.ticket;
RESET contauth.purpose;
SET contauth.delegation = :'d_nothing';
SELECT id FROM crm.ticket;
:state
SET contauth.delegation = :'d_no_action';
SELECT id FROM crm.ticket;
:state
SET contauth.delegation = :'d_not_understood';
SELECT id FROM crm.customer;
:state
RESET contauth.delegation;
-- a token's own authorization_details
SET contauth.token = :'oauth_details';
SELECT id, name FROM crm.customer;
SELECT id, ssn FROM crm.customer;
:state
DELETE FROM crm.customer WHERE false;
:state
SET contauth.token = :'oauth_elsewhere';
SELECT id FROM crm.ticket;
:state
-- a kept plan under one chain does not serve another
SET contauth.token = :'token_support';
PREPARE q AS SELECT count(*) FROM crm.customer;
EXECUTE q;
SET contauth.delegation = :'d_ticket';
EXECUTE q;
:state
SET contauth.delegation = :'d_select';
EXECUTE q;

--
-- chains that are none: every statement is refused, and the reason told
--
\set try 'SELECT 1; \\echo :SQLSTATE'
SET contauth.delegation = :'d_expired'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_future'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_audience'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_cut'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_swapped'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_mixed'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_unlinked'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_not_us'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_loop'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_stop'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_enough'; :try
SET contauth.delegation = :'d_stranger'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_stranger_agent'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_unregistered'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_no_key'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_no_jti'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_bad_principal'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
SET contauth.delegation = :'d_member'; :try
SELECT contauth.whoami() ->> 'reason' AS reason;
-- authenticate() refuses it at once and changes nothing
SELECT contauth.authenticate(:'token_support', :'d_two') ->> 'depth' AS depth;
SELECT contauth.authenticate(:'token_support_globex', :'d_cut');
:state
:who
SELECT contauth.claim('tenant');
-- what is not even a list of grants is refused by SET
SET contauth.delegation = 'hello';
:state
SET contauth.delegation = '{}';
:state
SET contauth.delegation = '[]';
:state
SET contauth.delegation = '[1]';
:state
SELECT format('[%s]', string_agg('"a.b.c"', ',')) AS too_many FROM generate_series(1, 17) \gset
SET contauth.delegation = :'too_many';
:state
SELECT contauth.authenticate(:'token_support', '{}');
:state
SELECT contauth.authenticate(:'token_support', '"x"');
:state
:who

--
-- agents in the chain, their keys, and the settings, while it is in use
--
\c - :superuser
\set again ':as_agent SET contauth.delegation = :''d_three''; SELECT 1 AS allowed; \\echo :SQLSTATE'
:again
:as_admin
SELECT contauth.suspend_agent('spiffe://acme.test/agent/planner', 'test');
:again
:as_admin
SELECT contauth.resume_agent('spiffe://acme.test/agent/planner', 'test');
:again
:as_admin
SELECT contauth.alter_agent('spiffe://acme.test/agent/manager', '{"expires_at": "2020-01-01"}');
:again
:as_admin
SELECT contauth.alter_agent('spiffe://acme.test/agent/manager', '{"expires_at": "infinity"}');
SELECT contauth.remove_agent_key('spiffe://acme.test/agent/manager', 'manager-1');
:again
:as_admin
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', :'jwk_manager');
:again
:as_admin
-- rotation: the old key goes when a new one is there
SELECT contauth.add_agent_key('spiffe://acme.test/agent/manager', :'jwk_no_kid');
:again
:as_admin
SET contauth.max_delegation_depth = 2;
:again
:as_admin
SET contauth.max_delegation_depth = 3;
:again
:as_admin
RESET contauth.max_delegation_depth;
-- in the middle of a transaction and of a cursor
:as_agent
SET contauth.delegation = :'d_three';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM crm.ticket ORDER BY id;
FETCH 1 FROM c;
RESET SESSION AUTHORIZATION;
RESET contauth.token;
SELECT contauth.suspend_agent('spiffe://acme.test/agent/planner', 'test');
:as_agent
FETCH 1 FROM c;
:state
ROLLBACK;
:as_admin
SELECT contauth.resume_agent('spiffe://acme.test/agent/planner', 'test');
-- an issuer removed takes its people along
SELECT contauth.remove_issuer('https://idp.acme.test');
RESET contauth.delegation;

--
-- what the record says
--
SELECT contauth_audit.sync();
SELECT on_behalf_of, depth, autonomy, jsonb_array_length(chain) AS hops, decision
  FROM contauth_audit.decision WHERE agent = 'spiffe://acme.test/agent/support' AND depth = 3
   AND decision = 'allow' GROUP BY 1, 2, 3, 4, 5;
SELECT DISTINCT reason_code, sqlstate FROM contauth_audit.decision
 WHERE reason_code ~ '^(chain|grant|delegation)' ORDER BY 1;
SELECT jsonb_pretty(chain - 1) AS root FROM contauth_audit.decision
 WHERE chain -> 0 -> 'authority' -> 'authorization_details' -> 0 ->> 'labels_max' = '2'
   AND on_behalf_of IS NOT NULL ORDER BY seq LIMIT 1;
SELECT action, object, detail ->> 'kid' AS kid FROM contauth_audit.admin_event
 WHERE action ~ 'agent_key|alter_agent' ORDER BY event_id;

--
-- where clients share connections, an identity ends with its transaction
--
ALTER ROLE regress_contauth_agent SET contauth.identity_scope = transaction;
\c - regress_contauth_agent
SHOW contauth.identity_scope;
SET contauth.token = :'token_support';
:state
SET contauth.delegation = :'d_alice';
:state
SELECT contauth.authenticate(:'token_support');
:state
SELECT set_config('contauth.token', :'token_support', true);
:state
SELECT 1;
:state
BEGIN;
SELECT contauth.authenticate(:'token_support', :'d_alice') ->> 'depth' AS depth;
SELECT 1 AS allowed;
COMMIT;
SELECT 1;
:state
-- a plain SET does not outlive it either, nor does the context
BEGIN;
SET contauth.token = :'token_support';
SET contauth.delegation = :'d_alice';
SET contauth.purpose = 'support';
SELECT contauth.whoami() ->> 'depth' AS depth, contauth.whoami() ->> 'purpose' AS purpose;
COMMIT;
SELECT contauth.whoami() ->> 'agent' AS agent, contauth.whoami() ->> 'purpose' AS purpose,
       contauth.whoami() ->> 'reason' AS reason;
SELECT 1;
:state
BEGIN;
SELECT 1;
:state
ROLLBACK;
BEGIN;
SET LOCAL contauth.token = :'token_support_globex';
:who
SELECT contauth.whoami() ->> 'purpose' AS purpose;
SAVEPOINT s;
SET LOCAL contauth.token = :'token_support';
SELECT contauth.claim('tenant');
ROLLBACK TO s;
SELECT contauth.claim('tenant');
ROLLBACK;
SELECT 1;
:state
-- nor can a client undo it
SET contauth.identity_scope = session;
:state
\set conninfo 'dbname=contrib_regression user=regress_contauth_agent options=''-c contauth.token='
\set startup :conninfo :token_support ''''
\c :startup
SELECT 1;
:state
\set plain 'dbname=contrib_regression user='
\set plain :plain :superuser
\c :plain
ALTER ROLE regress_contauth_agent RESET contauth.identity_scope;

\set ECHO none
\i :teardown
