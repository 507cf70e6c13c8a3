-- Questions of those who enforce outside this database (AuthZEN).
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set delegation :abs_srcdir '/keys/delegation.sql'
\i :delegation
SELECT contauth.add_issuer('https://idp.acme.test', 'acme.test', :'jwks_idp') \g /dev/null
\set ECHO all

-- a gateway asks: an ordinary role, with EXECUTE and nothing else
CREATE ROLE regress_contauth_gateway;
GRANT EXECUTE ON FUNCTION contauth.evaluate(jsonb) TO regress_contauth_gateway;
GRANT USAGE ON SCHEMA crm TO regress_contauth_gateway;
SELECT contauth.create_policy('tools', 'permit', principals => '{spiffe://acme.test/agent/support}',
    actions => '{call,read}', resources => '{tool:github.*, api:/invoices/*}',
    limits => '{"statements_per_minute": 60}') \g /dev/null
SELECT contauth.create_policy('no_delete', 'forbid', resources => '{tool:github.delete*}') \g /dev/null
SELECT contauth.create_policy('everything', 'permit', principals => '{spiffe://acme.test/agent/other}') \g /dev/null
SELECT contauth.create_policy('never_drop', 'forbid', actions => '{drop}') \g /dev/null
SELECT contauth.create_policy('asks', 'escalate', resources => '{tool:github.merge}') \g /dev/null
SELECT contauth.create_policy('infra', 'permit', actions => '{restart,drop}', resources => '{host:*}',
    condition => $$ ctx.domain = 'infrastructure' AND ctx.request ->> 'window' = 'open' $$) \g /dev/null
SELECT contauth.create_policy('verified', 'permit', actions => '{read}', resources => '{vault:*}',
    condition => $$ ctx.claims ->> 'tenant' = 'acme' $$) \g /dev/null
SELECT contauth.create_policy('functions', 'permit', actions => '{read}', resources => '{safe:*}',
    condition => $$ contauth.claim('tenant') = 'acme' AND contauth.attribute('region') = 'north' $$) \g /dev/null
SELECT contauth.create_policy('masked', 'permit', principals => '{*/agent/support}', actions => '{update,truncate,lock}',
    resources => '{crm.ticket}', masks => '{"crm.ticket.body": "redact"}') \g /dev/null

-- decision and reason of one question
CREATE FUNCTION crm.ask(agent text, action text, type text, id text,
                            properties jsonb DEFAULT '{}', context jsonb DEFAULT '{}',
                            token text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', a ->> 'decision', a -> 'context' ->> 'reason_code',
                     a -> 'context' ->> 'policies', a -> 'context' ->> 'limits',
                     a -> 'context' ->> 'row_filter', a -> 'context' ->> 'masks',
                     CASE WHEN a -> 'context' ? 'approval_request' THEN 'request' END)
      FROM contauth.evaluate(jsonb_build_object(
          'subject', jsonb_build_object('type', 'agent', 'id', agent, 'properties',
                                        jsonb_strip_nulls(jsonb_build_object('token', token))),
          'action', jsonb_build_object('name', action),
          'resource', jsonb_build_object('type', type, 'id', id, 'properties', properties),
          'context', context)) AS a $$;
\set support '''spiffe://acme.test/agent/support'''
\set other '''spiffe://acme.test/agent/other'''
SET SESSION AUTHORIZATION regress_contauth_gateway;

-- tools and the like: allowed, and denied beside it
SELECT crm.ask(:support, 'call', 'tool', 'github.list');
SELECT crm.ask(:support, 'write', 'tool', 'github.list');
SELECT crm.ask(:support, 'call', 'tool', 'gitlab.list');
SELECT crm.ask(:support, 'read', 'api', '/invoices/7');
SELECT crm.ask(:support, 'read', 'tool', '/invoices/7');
SELECT crm.ask(:support, 'call', 'tool', 'github.delete_repo');
-- a person has to approve it, see below
SELECT crm.ask(:support, 'call', 'tool', 'github.merge');
-- what is in an id is no pattern, and no quoting
SELECT crm.ask(:support, 'call', 'tool', '*');
SELECT crm.ask(:support, 'call', 'tool', $$github.'; DROP TABLE x; --"$$);
SELECT crm.ask(:support, '*', 'tool', 'github.list');
-- a permit on everything is about this database; what takes away is about all
SELECT crm.ask(:other, 'call', 'tool', 'github.list');
SELECT crm.ask(:other, 'select', 'table', 'crm.ticket');
SELECT crm.ask(:support, 'restart', 'host', 'a', context => '{"domain": "infrastructure", "window": "open"}');
SELECT crm.ask(:support, 'restart', 'host', 'a', context => '{"domain": "ai", "window": "open"}');
SELECT crm.ask(:support, 'restart', 'host', 'a', context => '{"domain": "infrastructure"}');
SELECT crm.ask(:support, 'drop', 'host', 'a', context => '{"domain": "infrastructure", "window": "open"}');

-- relations, with what has to be enforced
SELECT crm.ask(:support, 'select', 'table', 'crm.customer', '{"columns": ["id", "ssn", "email"]}');
SELECT crm.ask(:support, 'select', 'table', 'crm.customer', '{"columns": ["id", "notes"]}');
SELECT crm.ask(:support, 'select', 'table', 'crm.customer');
SELECT crm.ask(:support, 'delete', 'relation', 'crm.ticket');
SELECT crm.ask(:other, 'select', 'table', 'contauth.issuer');
-- a mask cannot be written back, nor some rows truncated
SELECT crm.ask(:support, 'update', 'table', 'crm.ticket', '{"columns": ["id"]}');
SELECT crm.ask(:support, 'update', 'table', 'crm.ticket', '{"columns": ["id", "body"]}');
SELECT crm.ask(:support, 'truncate', 'table', 'crm.ticket');
SELECT crm.ask(:support, 'lock', 'table', 'crm.ticket');
SELECT crm.ask(:other, 'truncate', 'table', 'crm.ticket');

-- functions: those of one name together, the worst counts
RESET SESSION AUTHORIZATION;
CREATE FUNCTION crm.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION crm.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION crm.g() RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT contauth.create_policy('calls', 'permit', principals => '{*/agent/support}', actions => '{execute}',
           resources => '{function:crm.f}', condition => $$ ctx.domain = 'data' $$, limits => '{"statements_per_minute": 7}'),
       contauth.create_policy('no_secrets', 'forbid', actions => '{execute}', resources => '{label:secret}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'execute', 'function', 'crm.f');
SELECT crm.ask(:support, 'execute', 'function', 'CRM."f"', context => '{"domain": "data"}');
SELECT crm.ask(:support, 'execute', 'function', 'crm.g');
SELECT crm.ask(:other, 'execute', 'function', 'crm.g');
SELECT crm.ask(:other, 'execute', 'function', 'pg_catalog.pg_read_file');
SELECT crm.ask(:support, 'execute', 'function', 'pg_catalog.lower');
RESET SESSION AUTHORIZATION;
SECURITY LABEL FOR contauth ON FUNCTION crm.f(int) IS 'secret';
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'execute', 'function', 'crm.f');
RESET SESSION AUTHORIZATION;
SELECT contauth.drop_policy('calls'), contauth.drop_policy('no_secrets') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;

-- what escalates asks a person, once for each question
RESET SESSION AUTHORIZATION;
CREATE ROLE regress_contauth_ann;
GRANT contauth_approver TO regress_contauth_ann, regress_contauth_gateway;
\set approve 'RESET SESSION AUTHORIZATION; SELECT contauth_audit.sync(''1 min'') \\g /dev/null \\\\ SET SESSION AUTHORIZATION regress_contauth_ann; SELECT contauth.approve(request, ''test'') FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1 \\g /dev/null \\\\ SET SESSION AUTHORIZATION regress_contauth_gateway;'
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'call', 'tool', 'github.merge');
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
RESET SESSION AUTHORIZATION;
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT state, agent, owner, on_behalf_of, db_role, action, resources, policies, statement_kind, statement, count(*) > 0 AS any
  FROM contauth_audit.approval_request WHERE statement_kind = 'EVALUATE' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
-- not who asked
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT contauth.approve(request, 'test') FROM contauth_audit.pending_approvals ORDER BY requested_at DESC LIMIT 1;
:approve
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 2}');
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', token => :'token_support', context => '{"pr": 1}');
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
-- a use is not given back
:approve
BEGIN;
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
ROLLBACK;
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
:approve
-- the policies of now decide
RESET SESSION AUTHORIZATION;
SELECT contauth.create_policy('since', 'forbid', resources => '{tool:github.merge}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
RESET SESSION AUTHORIZATION;
SELECT contauth.drop_policy('since'), contauth.alter_policy('asks', '{"description": "changed"}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'call', 'tool', 'github.merge', context => '{"pr": 1}');
-- a chain is bound; a new token of the same is not
RESET SESSION AUTHORIZATION;
SELECT contauth.create_policy('reads', 'escalate', principals => '{*/agent/support}', actions => '{read}', resources => '{crm.*, api:*}'),
       contauth.create_policy('exports', 'permit', principals => '{*/agent/support}', actions => '{export}', resources => '{crm.ticket}'),
       contauth.create_policy('exports_ask', 'escalate', actions => '{export}', resources => '{crm.ticket(body)}') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask(:support, 'read', 'api', '/invoices/7', token => :'token_support');
:approve
SELECT crm.ask(:support, 'read', 'api', '/invoices/7', token => :'token_support');
-- relations
SELECT crm.ask(:support, 'export', 'table', 'crm.ticket', '{"columns": ["id"]}');
SELECT crm.ask(:support, 'export', 'table', 'crm.ticket', '{"columns": ["id", "body"]}');
:approve
SELECT crm.ask(:support, 'export', 'table', 'crm.ticket', '{"columns": ["body", "id"]}');
SELECT crm.ask(:support, 'export', 'table', 'crm.ticket', '{"columns": ["id", "body"]}');
SELECT crm.ask(:support, 'export', 'table', 'crm.ticket', '{"columns": ["id", "body"]}');
RESET SESSION AUTHORIZATION;
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT d.decision, d.reason_code, d.reason, a.state, count(*) FROM contauth_audit.decision AS d
  JOIN contauth_audit.approval_request AS a ON a.request = d.approval_id
 WHERE d.statement_kind = 'EVALUATE' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT contauth.drop_policy('reads'), contauth.drop_policy('exports'), contauth.drop_policy('exports_ask') \g /dev/null
SET SESSION AUTHORIZATION regress_contauth_gateway;

-- who it is about: vouched for, or by a token
SELECT crm.ask(:support, 'read', 'vault', 'k');
SELECT crm.ask(:support, 'read', 'vault', 'k', token => :'token_support');
SELECT crm.ask(:other, 'read', 'vault', 'k', token => :'token_support');
SELECT crm.ask(:support, 'read', 'safe', 'k', token => :'token_support');
SELECT crm.ask(:support, 'read', 'safe', 'k');
SELECT crm.ask(:support, 'read', 'vault', 'k', token => :'token_support' || 'x');
SELECT crm.ask(:support, 'read', 'vault', 'k', token => 'no.token.atall');
SELECT crm.ask('spiffe://acme.test/agent/nobody', 'call', 'tool', 'github.list');
SELECT crm.ask('alice', 'call', 'tool', 'github.list');
-- a chain narrows, whatever it is asked about
RESET SESSION AUTHORIZATION;
CREATE FUNCTION crm.ask_chain(delegation jsonb, token text, action text, type text, id text) RETURNS text
    LANGUAGE sql AS $$
    SELECT concat_ws(' ', a ->> 'decision', a -> 'context' ->> 'reason_code')
      FROM contauth.evaluate(jsonb_build_object(
          'subject', jsonb_build_object('type', 'agent', 'id', 'spiffe://acme.test/agent/support',
              'properties', jsonb_build_object('token', token, 'delegation', delegation)),
          'action', jsonb_build_object('name', action),
          'resource', jsonb_build_object('type', type, 'id', id))) AS a $$;
SET SESSION AUTHORIZATION regress_contauth_gateway;
SELECT crm.ask_chain(:'d_alice', :'token_support', 'call', 'tool', 'github.list');
SELECT crm.ask_chain(:'d_ticket', :'token_support', 'call', 'tool', 'github.list');
SELECT crm.ask_chain(:'d_ticket', :'token_support', 'select', 'table', 'crm.ticket');
SELECT crm.ask_chain(:'d_label', :'token_support', 'select', 'table', 'crm.ticket');
SELECT crm.ask_chain('["x"]', :'token_support', 'call', 'tool', 'github.list');
SELECT crm.ask_chain('[]', :'token_support', 'call', 'tool', 'github.list');
SELECT crm.ask_chain(jsonb_build_array(:'token_support'), :'token_support', 'call', 'tool', 'github.list');
-- the token that was shown is nobody's of this session, nor is its role
SELECT contauth.whoami() ->> 'agent';

-- who may not ask
SET SESSION AUTHORIZATION regress_contauth_owner;
SELECT contauth.evaluate('{}');
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION contauth.evaluate(jsonb) TO regress_contauth_agent;
:as_agent
SELECT contauth.evaluate('{}');
:as_admin
SELECT contauth.create_policy('may_ask', 'permit', actions => '{execute}',
    resources => '{function:contauth.evaluate}') \g /dev/null
:as_agent
SELECT contauth.evaluate('{}');
:as_admin
-- after a question with its token, a session of another role still has no identity
SELECT crm.ask(:support, 'read', 'vault', 'k', token => :'token_support');
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_support';
SELECT 1;
:state
:as_admin

-- stopped: at once
SELECT contauth.suspend_agent('spiffe://acme.test/agent/support', 'test') \g /dev/null
SELECT crm.ask(:support, 'call', 'tool', 'github.list');
SELECT crm.ask(:support, 'call', 'tool', 'github.list', token => :'token_support');
SELECT contauth.resume_agent('spiffe://acme.test/agent/support', 'test') \g /dev/null
SELECT crm.ask(:support, 'call', 'tool', 'github.list', token => :'token_support');
SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/support', 'test') \g /dev/null
SELECT crm.ask(:support, 'call', 'tool', 'github.list');
SELECT crm.ask(:support, 'call', 'tool', 'github.list', token => :'token_support');
SELECT contauth.unrevoke('agent', 'spiffe://acme.test/agent/support', 'test') \g /dev/null
SELECT contauth.kill_switch(true, 'evaluate') \g /dev/null
SELECT crm.ask(:support, 'call', 'tool', 'github.list');
SELECT contauth.kill_switch(false, 'evaluate') \g /dev/null
SELECT crm.ask(:support, 'call', 'tool', 'github.list');

-- bad requests name the member
SELECT contauth.evaluate(NULL);
SELECT contauth.evaluate('[]');
:state
SELECT contauth.evaluate('{}');
SELECT contauth.evaluate('{"subject": "x"}');
SELECT contauth.evaluate('{"subject": {"type": "agent"}}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": 7}}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "a", "properties": {"token": {}}}}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "a", "properties": {"delegation": ["x"]}}}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "a"}, "action": {"name": null}}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "a"}, "action": {"name": "x"}, "resource": {"type": "t"}}');
SELECT crm.ask(:support, 'call', 'Tool', 'x');
SELECT crm.ask(:support, 'call', 'label', 'x');
SELECT crm.ask(:support, 'call', 'tool', '');
SELECT crm.ask(:support, 'call', 'tool', repeat('x', 2049));
SELECT crm.ask(:support, 'call', 'tool', 'x', context => jsonb_build_object('x', repeat('x', 300000)));
SELECT crm.ask(:support, 'call', 'tool', 'x', context => '{"domain": "moon"}');
SELECT crm.ask(:support, 'call', 'tool', 'x', context => '{"domain": "data"}');
SELECT crm.ask(:support, 'select', 'table', 'crm.ticket', context => '{"domain": "ai"}');
SELECT crm.ask(:support, 'call', 'table', 'crm.ticket');
SELECT crm.ask(:support, 'call', 'function', 'crm.ask');
SELECT crm.ask(:support, 'execute', 'function', 'ask');
SELECT crm.ask(:support, 'execute', 'function', 'crm.none');
SELECT crm.ask(:support, 'execute', 'function', 'crm.*');
SELECT crm.ask(:support, 'execute', 'function', 'crm.ask', context => '{"domain": "ai"}');
SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "a"}, "action": {"name": "x", "properties": 7}}');
SELECT crm.ask(:support, 'select', 'table', 'ticket');
SELECT crm.ask(:support, 'select', 'table', 'crm.none');
SELECT crm.ask(:support, 'select', 'table', 'crm.*');
SELECT crm.ask(:support, 'select', 'table', 'crm.ticket', '{"columns": ["none"]}');
SELECT crm.ask(:support, 'select', 'table', 'crm.ticket', '{"columns": []}');
SELECT crm.ask(:support, 'select', 'table', 'crm.ticket', '{"columns": [1]}');
-- and resources of policies
SELECT contauth.create_policy('bad', 'permit', resources => '{table:x}');
SELECT contauth.create_policy('bad', 'permit', resources => ARRAY['tool:x(a']);
SELECT contauth.create_policy('bad', 'permit', resources => '{tool:}');
-- which have no rows and columns
SELECT contauth.create_policy('bad', 'permit', resources => '{tool:x, api:y}', row_filter => 'true');
:state
SELECT contauth.create_policy('bad', 'restrict', resources => '{tool:x}', masks => '{"label:pii": "redact"}');
:state
SELECT name, change, problem FROM contauth.apply_policies('{"policies": [{"name": "bad", "effect": "permit", "resources": ["tool:x"], "row_filter": "true"}]}', true) WHERE name = 'bad';
SELECT contauth.alter_policy('tools', '{"row_filter": "true"}');
SELECT contauth.create_policy('good', 'restrict', resources => '{tool:x, label:pii}', masks => '{"label:pii": "redact"}') \g /dev/null
SELECT contauth.alter_policy('good', '{"resources": ["tool:x"]}');
SELECT contauth.drop_policy('good') \g /dev/null

-- several questions at once
GRANT EXECUTE ON FUNCTION contauth.evaluations(jsonb) TO regress_contauth_gateway;
CREATE FUNCTION crm.ask_all(semantic text, items jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', e ->> 'decision', e -> 'context' ->> 'reason_code',
                                e -> 'context' ->> 'error'), '; ')
      FROM jsonb_array_elements(contauth.evaluations(jsonb_strip_nulls(jsonb_build_object(
          'subject', '{"type": "agent", "id": "spiffe://acme.test/agent/support"}'::jsonb,
          'action', '{"name": "call"}'::jsonb,
          'options', jsonb_build_object('evaluations_semantic', semantic),
          'evaluations', items))) -> 'evaluations') AS e $$;
SET SESSION AUTHORIZATION regress_contauth_gateway;
\set items '[{"resource": {"type": "tool", "id": "github.a"}}, {"resource": {"type": "tool", "id": "gitlab.a"}}, {"action": {"name": "write"}, "resource": {"type": "tool", "id": "github.a"}}, {}, 7, {"resource": {"type": "tool", "id": "github.b"}}]'
SELECT crm.ask_all(NULL, :'items');
SELECT crm.ask_all('execute_all', :'items');
SELECT crm.ask_all('deny_on_first_deny', :'items');
SELECT crm.ask_all('permit_on_first_permit', :'items');
SELECT crm.ask_all('permit_on_first_permit', '[7, {}]');
SELECT crm.ask_all('execute_all', '[{"action": {"name": "select"}, "resource": {"type": "table", "id": "crm.none"}}]');
SELECT crm.ask_all('first', :'items');
SELECT contauth.evaluations('{"options": [], "evaluations": [{}]}');
SELECT crm.ask_all(NULL, '{"a": 1}');
SELECT crm.ask_all(NULL, (SELECT jsonb_agg(i) FROM generate_series(1, 1001) AS i));
SELECT contauth.evaluations('{}');
SELECT contauth.evaluations(NULL);
SELECT contauth.evaluations('{"subject": {"type": "agent", "id": "spiffe://acme.test/agent/support"},
    "action": {"name": "call"}, "resource": {"type": "tool", "id": "github.a"}, "evaluations": []}') -> 'decision';
SET SESSION AUTHORIZATION regress_contauth_owner;
SELECT contauth.evaluations('{"evaluations": [7]}');
RESET SESSION AUTHORIZATION;

-- on record, also after a rollback; no token, no context
BEGIN;
SELECT crm.ask(:support, 'call', 'tool', 'github.rolled_back', context => '{"domain": "ai", "x": "RAWCONTEXT"}');
SELECT crm.ask(:support, 'call', 'tool', 'github.' || :'token_support');
ROLLBACK;
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT decision, reason_code, policies, domain, agent, db_role = :'superuser' AS by_us, action, accesses,
       statement_kind, statement, context ->> 'source' AS source, context ? 'request_sha256' AS digest
  FROM contauth_audit.decision WHERE accesses::text LIKE '%rolled_back%';
SELECT count(*) FROM contauth_audit.decision AS d
 WHERE d::text LIKE '%RAWCONTEXT%' OR d::text LIKE '%' || split_part(:'token_support', '.', 3) || '%';
SELECT domain, decision, reason_code, count(*) FROM contauth_audit.decision
 WHERE statement_kind = 'EVALUATE' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT bool_and(ok) FROM contauth_audit.verify();
-- an agent that is vouched for has a chain that views can reckon with
SELECT count(*) >= 0 AS some FROM contauth_audit.findings;
SELECT contauth.cancel_request(request, 'test') FROM contauth_audit.pending_approvals \g /dev/null

\set ECHO none
DROP OWNED BY regress_contauth_gateway;
DROP ROLE regress_contauth_gateway, regress_contauth_ann;
\i :teardown
