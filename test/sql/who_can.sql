-- Who can do what, by the policies, and what depends on a session.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

\set support '''spiffe://acme.test/agent/support'''
\set other '''spiffe://acme.test/agent/other'''
-- agents that differ in what is registered of them
SELECT contauth.register_agent('spiffe://acme.test/agent/south', '{regress_contauth_other}', 'carol', 5,
    '{"region": "south"}') \g /dev/null
SELECT contauth.register_agent('spiffe://acme.test/agent/gone', '{regress_contauth_other}', 'carol', 5) \g /dev/null
SELECT contauth.retire_agent('spiffe://acme.test/agent/gone', 'test') \g /dev/null
-- what is told, in short
CREATE FUNCTION crm.who(action text, resource text)
    RETURNS TABLE (agent text, object text, decision text, policies text[], conditions text[], columns text[])
    LANGUAGE sql AS $$
    SELECT replace(spiffe_id, 'spiffe://acme.test/agent/', ''), object, decision, policies, conditions, columns
      FROM contauth.who_can(action, resource) $$;

-- a relation, its columns, one column, a label, a schema
\x
SELECT * FROM contauth.who_can('select', 'crm.customer');
\x
SELECT * FROM crm.who('select', 'crm.customer.ssn');
SELECT * FROM crm.who('select', 'crm.customer(ssn, id)');
SELECT * FROM crm.who('select', 'crm.customer.notes');
SELECT * FROM crm.who('update', 'crm.customer.ssn');
SELECT * FROM crm.who('select', 'label:pii');
SELECT * FROM crm.who('select', 'label:phi');
SELECT * FROM crm.who('select', 'crm.*');
SELECT * FROM crm.who('select', 'contauth.policy');

-- what is registered is known
SELECT contauth.create_policy('region', 'permit', principals => '{spiffe://acme.test/*}', actions => '{insert}',
    resources => '{crm.ticket}', condition => $$ctx.attributes ->> 'region' = 'south' OR contauth.attribute('region') = 'north'$$) \g /dev/null
SELECT * FROM crm.who('insert', 'crm.ticket');
SELECT contauth.drop_policy('region') \g /dev/null
-- autonomy is known as far as a chain cannot lower it
SELECT contauth.create_policy('tame', 'permit', actions => '{insert}', resources => '{crm.ticket}',
    condition => 'ctx.autonomy <= 4') \g /dev/null
SELECT * FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": "ctx.autonomy >= 4"}') \g /dev/null
SELECT * FROM crm.who('insert', 'crm.ticket');
-- what a session has is not: purpose, time, claims, history
SELECT contauth.alter_policy('tame', '{"condition": "ctx.owner = ''alice'' AND ctx.purpose = ''support''"}') \g /dev/null
SELECT * FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": "ctx.denials_1h < 3 OR ctx.now IS NULL"}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": "contauth.claim(''tenant'') = ''acme''"}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": "NOT (ctx.tls OR ctx.owner <> ''bob'')"}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
-- NULL and errors: no permit, but what takes away
SELECT contauth.alter_policy('tame', '{"condition": "ctx.attributes ->> ''none'' = ''x''"}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": "1 / (ctx.autonomy - ctx.autonomy) = 1 OR ctx.owner IS NOT NULL"}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"condition": null}') \g /dev/null
SELECT contauth.create_policy('away', 'forbid', actions => '{insert}', resources => '{crm.ticket}',
    condition => $$ctx.attributes ->> 'region' = 'south'$$) \g /dev/null
SELECT agent, decision, policies, conditions FROM crm.who('insert', 'crm.ticket');
-- what fails behind something unknown may be reached
SELECT contauth.alter_policy('away', '{"condition": "ctx.tls AND 1 / (ctx.autonomy * 0) = 1 AND ctx.owner IS NULL"}') \g /dev/null
SELECT agent, decision, policies, conditions FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('away', '{"condition": "1 / (ctx.autonomy * 0) = 1 AND ctx.tls AND false"}') \g /dev/null
SELECT agent, decision, policies, conditions FROM crm.who('insert', 'crm.ticket');
SELECT contauth.drop_policy('away') \g /dev/null
-- on whose behalf; who asks for an approval; who is only watched
SELECT contauth.alter_policy('tame', '{"on_behalf_of": ["https://idp|alice"], "principals": ["*/agent/other"]}') \g /dev/null
SELECT agent, decision, conditions FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"on_behalf_of": ["*"], "monitor_only": true}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"monitor_only": false}') \g /dev/null
SELECT agent, decision FROM crm.who('insert', 'crm.ticket');
SELECT contauth.create_policy('asks', 'escalate', actions => '{insert}', resources => '{crm.ticket(body)}') \g /dev/null
SELECT agent, decision, policies, columns FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('asks', '{"condition": "ctx.purpose IS NULL"}') \g /dev/null
SELECT agent, decision, policies, columns, conditions FROM crm.who('insert', 'crm.ticket');
-- conditions on columns, of which several together are another matter
SELECT contauth.alter_policy('asks', '{"effect": "forbid", "resources": ["crm.ticket"],
    "condition": "cardinality(ctx.columns) > 1 OR ''tenant'' = ANY(ctx.columns)"}') \g /dev/null
SELECT agent, decision, columns FROM crm.who('insert', 'crm.ticket');
SELECT agent, decision, columns FROM crm.who('insert', 'crm.ticket.tenant');
SELECT contauth.drop_policy('asks') \g /dev/null
-- a mask cannot be written back, nor some rows truncated
SELECT contauth.create_policy('masked', 'restrict', actions => '{insert,truncate}', resources => '{crm.ticket}',
    masks => '{"crm.ticket.body": "redact"}') \g /dev/null
SELECT agent, decision, columns FROM crm.who('insert', 'crm.ticket');
SELECT contauth.alter_policy('tame', '{"actions": ["truncate"]}') \g /dev/null
SELECT agent, decision FROM crm.who('truncate', 'crm.ticket');
SELECT contauth.drop_policy('masked') \g /dev/null
SELECT agent, decision, columns FROM crm.who('truncate', 'crm.ticket');
SELECT contauth.drop_policy('tame') \g /dev/null

-- views are permitted by what they read
CREATE VIEW crm.v AS SELECT c.id, c.ssn, c.notes, t.body FROM crm.customer AS c JOIN crm.ticket AS t ON t.customer_id = c.id;
CREATE VIEW crm.w AS SELECT id, body FROM crm.ticket;
SELECT agent, columns, row_filter, masks FROM contauth.who_can('select', 'crm.v') AS w, replace(spiffe_id, 'spiffe://', '') AS agent;
SELECT * FROM crm.who('select', 'crm.v.notes');
SELECT * FROM crm.who('update', 'crm.w');
SELECT contauth.create_policy('writes', 'permit', principals => '{*/agent/other}', actions => '{update,insert,delete}',
    resources => '{crm.ticket}') \g /dev/null
SELECT * FROM crm.who('update', 'crm.w');
SELECT * FROM crm.who('insert', 'crm.w');
SELECT * FROM crm.who('delete', 'crm.w');
SELECT * FROM crm.who('insert', 'crm.v');
SELECT contauth.create_policy('no_view', 'forbid', resources => '{crm.w, crm.v(body)}') \g /dev/null
SELECT * FROM crm.who('update', 'crm.w');
SELECT * FROM crm.who('select', 'crm.v');
SELECT contauth.drop_policy('no_view'), contauth.drop_policy('writes') \g /dev/null
-- row level security is not in the way of who asks
ALTER TABLE crm.ticket ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION regress_contauth_auditor;
SET row_security = off;
SELECT spiffe_id, decision, columns FROM contauth.who_can('select', 'crm.w');
RESET row_security;
RESET SESSION AUTHORIZATION;
ALTER TABLE crm.ticket DISABLE ROW LEVEL SECURITY;

-- functions, roles, channels, and what others ask about
CREATE FUNCTION crm.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION crm.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SECURITY LABEL FOR contauth ON FUNCTION crm.f(int) IS 'secret';
SELECT contauth.create_policy('calls', 'permit', principals => '{*/agent/support}', actions => '{execute,set_role,notify,call,read}',
    resources => '{function:crm.*, role:regress_contauth_p*, channel:news.*, tool:github.*, api:/a/b}',
    limits => '{"statements_per_minute": 5}') \g /dev/null
SELECT contauth.create_policy('no_secret', 'forbid', resources => '{label:secret, tool:github.delete*, channel:news.x}') \g /dev/null
SELECT * FROM crm.who('execute', 'function:crm.f');
SELECT * FROM crm.who('execute', 'label:secret');
SELECT * FROM crm.who('execute', 'function:pg_catalog.pg_read_file');
SELECT * FROM crm.who('set_role', 'role:regress_contauth_plain');
SELECT * FROM crm.who('set_role', 'role:regress_contauth_admin');
SELECT * FROM crm.who('set_role', 'role:regress_contauth_*');
SELECT * FROM crm.who('notify', 'channel:news.y');
SELECT * FROM crm.who('notify', 'channel:news.x');
SELECT * FROM crm.who('notify', 'channel:news.*');
SELECT * FROM crm.who('notify', 'channel:old');
SELECT * FROM crm.who('call', 'tool:github.list');
SELECT * FROM crm.who('call', 'tool:github.delete_repo');
SELECT * FROM crm.who('call', 'tool:github.*');
SELECT * FROM crm.who('call', 'tool:*');
SELECT * FROM crm.who('call', 'tool:*.delete_repo');
SELECT * FROM crm.who('write', 'tool:github.list');
SELECT * FROM crm.who('*', 'api:/a/b');
SELECT * FROM crm.who('read', 'api:/a/c');
-- of a pattern the action and resource are not known
SELECT contauth.create_policy('exact', 'permit', principals => '{*/agent/south}', resources => '{api:*}',
    condition => $$ctx.action = 'read' AND ctx.resource = 'api:/x'$$) \g /dev/null
SELECT * FROM crm.who('read', 'api:/x');
SELECT * FROM crm.who('write', 'api:/x');
SELECT * FROM crm.who('*', 'api:/x');
SELECT * FROM crm.who('read', 'api:*');
SELECT object, action, decision, conditions FROM contauth.what_can('spiffe://acme.test/agent/south');
SELECT contauth.drop_policy('exact') \g /dev/null
-- a permit on everything opens nothing of others; a domain is not known
SELECT contauth.create_policy('all', 'permit', principals => '{*/agent/other}') \g /dev/null
SELECT * FROM crm.who('call', 'tool:gitlab.list');
SELECT contauth.alter_policy('all', '{"resources": ["tool:gitlab.*"], "condition": "ctx.domain = ''ai''"}') \g /dev/null
SELECT * FROM crm.who('call', 'tool:gitlab.list');
SELECT contauth.alter_policy('all', '{"resources": ["crm.ticket"], "condition": "ctx.domain = ''data''"}') \g /dev/null
SELECT agent, decision FROM crm.who('select', 'crm.ticket');

-- everything that one can do
SELECT object, action, decision, policies, conditions, columns, limits FROM contauth.what_can(:support);
SELECT object, action, decision, columns FROM contauth.what_can(:other);
SELECT count(*) FROM contauth.what_can('spiffe://acme.test/agent/south');
SELECT count(*) FROM contauth.what_can('spiffe://acme.test/agent/gone');
-- the server's own only when a policy of somebody's names it
SELECT contauth.create_policy('own', 'permit', principals => '{*/agent/south}', actions => '{select,execute}',
    resources => '{pg_catalog.pg_class(relname), function:pg_catalog.lower}') \g /dev/null
SELECT object, action, decision, policies, cardinality(columns) > 0 AS columns FROM contauth.what_can('spiffe://acme.test/agent/south');
SELECT contauth.drop_policy('own') \g /dev/null

-- who is stopped could; who is retired never will
SELECT contauth.suspend_agent(:support, 'test') \g /dev/null
SELECT spiffe_id, decision, reason FROM contauth.who_can('select', 'crm.ticket');
SELECT contauth.resume_agent(:support, 'test') \g /dev/null
SELECT contauth.revoke('agent', :support, 'test') \g /dev/null
SELECT spiffe_id, decision, reason FROM contauth.who_can('select', 'crm.ticket');
SELECT contauth.unrevoke('agent', :support, 'test') \g /dev/null
SELECT contauth.alter_agent(:support, '{"expires_at": "2020-01-01"}') \g /dev/null
SELECT spiffe_id, decision, reason FROM contauth.who_can('select', 'crm.ticket');
SELECT object, action, decision, reason FROM contauth.what_can(:support) WHERE object = 'crm.ticket';
SELECT contauth.alter_agent(:support, '{"expires_at": "infinity"}') \g /dev/null
SELECT contauth.kill_switch(true, 'who_can') \g /dev/null
SELECT spiffe_id, decision, reason FROM contauth.who_can('select', 'crm.ticket');
SELECT contauth.kill_switch(false, 'who_can') \g /dev/null
SELECT spiffe_id, decision, reason FROM contauth.who_can('select', 'crm.ticket');
SET client_min_messages = error;
-- break-glass is a permit as long as it is open
SELECT contauth.break_glass('spiffe://acme.test/agent/south', 'test', '5 min') AS id \gset
SELECT agent, decision, policies, columns FROM crm.who('delete', 'crm.ticket');
SELECT agent, decision, policies, columns FROM crm.who('select', 'crm.customer.notes');
SELECT contauth.close_break_glass(:'id', 'test') \g /dev/null
RESET client_min_messages;
SELECT agent, decision FROM crm.who('delete', 'crm.ticket');

-- who may ask
SET SESSION AUTHORIZATION regress_contauth_auditor;
SELECT spiffe_id, object, decision FROM contauth.who_can('select', 'crm.customer.ssn');
SELECT count(*) FROM contauth.what_can('spiffe://acme.test/agent/support');
SET SESSION AUTHORIZATION regress_contauth_owner;
SELECT contauth.who_can('select', 'crm.customer.ssn');
SELECT contauth.what_can('spiffe://acme.test/agent/support');
:state
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION contauth.who_can(text, text), contauth.what_can(text) TO regress_contauth_agent;
SELECT contauth.create_policy('may_ask', 'permit', actions => '{execute}',
    resources => '{function:contauth.*_can}') \g /dev/null
:as_agent
SELECT contauth.who_can('select', 'crm.customer.ssn');
SELECT contauth.what_can('spiffe://acme.test/agent/support');
:state
:as_admin
SELECT contauth.drop_policy('may_ask') \g /dev/null

-- bad arguments
SELECT contauth.who_can(NULL, 'crm.customer');
:state
SELECT contauth.who_can('select', NULL);
SELECT contauth.who_can('', 'crm.customer');
SELECT contauth.who_can('fly', 'crm.customer');
:state
SELECT contauth.who_can('execute', 'crm.customer');
SELECT contauth.who_can('select', 'function:crm.f');
SELECT contauth.who_can('select', 'customer');
SELECT contauth.who_can('select', 'crm.none');
SELECT contauth.who_can('select', 'crm.customer.none');
SELECT contauth.who_can('select', 'crm.customer(none)');
SELECT contauth.who_can('select', 'a.b.c.d');
SELECT contauth.who_can('select', '*');
SELECT contauth.who_can('execute', 'function:crm.none');
SELECT contauth.who_can('set_role', 'role:none');
SELECT contauth.who_can('call', 'tool:' || repeat('x', 3000));
SELECT contauth.who_can('select', 'none.*');
SELECT contauth.what_can(NULL);
:state
SELECT contauth.what_can('spiffe://acme.test/agent/nobody');
:state
SELECT contauth.what_can('x');

-- The truth: whatever the policies, what is told agrees with what is decided.
CREATE FUNCTION crm.decided(agent text, action text, type text, id text, columns text[], context jsonb, token text)
    RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN (a ->> 'decision')::boolean THEN 'allow'
                WHEN a -> 'context' ->> 'reason_code' LIKE 'approval%' THEN 'escalate' ELSE 'deny' END
      FROM contauth.evaluate(jsonb_build_object(
          'subject', jsonb_build_object('type', 'agent', 'id', agent, 'properties',
                                        jsonb_strip_nulls(jsonb_build_object('token', token))),
          'action', jsonb_build_object('name', action),
          'resource', jsonb_build_object('type', type, 'id', id, 'properties',
                                         jsonb_strip_nulls(jsonb_build_object('columns', columns))),
          'context', context)) AS a $$;
CREATE FUNCTION crm.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE AS
    $$ SELECT choices[1 + floor(random() * cardinality(choices))] $$;
CREATE FUNCTION crm.random_policies(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..n LOOP
        PERFORM contauth.create_policy('random_' || i,
            crm.pick('{permit,permit,permit,forbid,restrict,escalate}'),
            principals => ARRAY[crm.pick('{*,spiffe://acme.test/agent/support,*/agent/other,spiffe://acme.test/*}')],
            on_behalf_of => ARRAY[crm.pick('{*,*,*,https://idp*}')],
            actions => ARRAY[crm.pick('{*,select,delete,call,select}')],
            resources => ARRAY[crm.pick(ARRAY['*', 'crm.*', 'crm.customer', 'crm.customer(id,name)', 'crm.customer(ssn,id)',
                                              'label:pii.*', 'tool:*', 'tool:a.*', 'tool:a.b', 'tool:*.b'])],
            condition => crm.pick(ARRAY[NULL, NULL, 'ctx.autonomy <= 2', 'ctx.autonomy > 3 OR ctx.sensitivity < 1',
                'ctx.purpose = ''p''', 'NOT ctx.purpose = ''p''', 'ctx.attributes ->> ''region'' = ''north''',
                'ctx.owner <> ''alice''', '''ssn'' = ANY(ctx.columns)', 'cardinality(ctx.columns) > 1',
                'ctx.claims ->> ''tenant'' = ''acme''', 'contauth.claim(''tenant'') = ''acme'' AND ctx.owner = ''alice''',
                'ctx.domain = ''ai'' OR ctx.domain = ''data''', 'ctx.request ->> ''x'' = ''1'' AND ctx.autonomy < 5',
                '1 / (ctx.autonomy - 2) > 0', 'ctx.depth = 0 AND 1 / (ctx.autonomy - 4) > 0',
                'ctx.purpose = ''p'' OR (ctx.attributes ->> ''none'')::boolean',
                'ctx.sensitivity > 1', 'ctx.now > ''2020-01-01'' AND ctx.labels @> ''{pii.government_id}''']));
    END LOOP;
END $$;
-- one question: what is told of it, against what is decided
CREATE FUNCTION crm.wrong(told text, decided text) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE decided WHEN 'allow' THEN told IS NULL OR told = 'escalate'
                        WHEN 'escalate' THEN told IS NULL OR told = 'allow'
                        ELSE told IS NOT DISTINCT FROM 'allow' END $$;
CREATE TABLE crm.told AS SELECT NULL::text AS agent, w.* FROM contauth.what_can('spiffe://acme.test/agent/support') AS w LIMIT 0;
CREATE FUNCTION crm.compare(token text, rounds int) RETURNS TABLE (problem text, told text, decided text, what text)
    LANGUAGE plpgsql AS $$
DECLARE
    shown text;
    asked record;
    seen  jsonb := '{}';
BEGIN
    FOR round IN 1..rounds LOOP
        DELETE FROM contauth.policy WHERE NOT builtin;
        PERFORM crm.random_policies(2 + round % 6);
        PERFORM set_config('contauth.purpose', crm.pick('{p,q,""}'), false);
        DELETE FROM crm.told;
        INSERT INTO crm.told SELECT a.spiffe_id, w.* FROM contauth.agent AS a, contauth.what_can(a.spiffe_id) AS w;
        FOR asked IN
            SELECT a.agent, x.action, x.type, x.id, x.columns, x.resource,
                   c.context || jsonb_build_object('domain', CASE x.type WHEN 'table' THEN 'data' ELSE c.context ->> 'domain' END) AS context,
                   CASE WHEN a.agent LIKE '%support' AND c.by_token THEN token END AS token
              FROM (VALUES ('spiffe://acme.test/agent/support'), ('spiffe://acme.test/agent/other'), ('spiffe://acme.test/agent/south')) AS a (agent),
                   (VALUES ('select', 'table', 'crm.customer', '{id}'::text[], 'crm.customer.id'),
                           ('select', 'table', 'crm.customer', '{ssn}', 'crm.customer.ssn'),
                           ('select', 'table', 'crm.customer', '{notes}', 'crm.customer.notes'),
                           ('delete', 'table', 'crm.customer', NULL, 'crm.customer'),
                           ('call', 'tool', 'a.b', NULL, 'tool:a.b'),
                           ('call', 'tool', 'c.d', NULL, 'tool:c.d')) AS x (action, type, id, columns, resource),
                   (VALUES ('{"domain": "ai", "x": "1"}'::jsonb, true), ('{"domain": "application"}', false)) AS c (context, by_token)
        LOOP
            decided := crm.decided(asked.agent, asked.action, asked.type, asked.id, asked.columns, asked.context, asked.token);
            told := (SELECT w.decision FROM contauth.who_can(asked.action, asked.resource) AS w WHERE w.spiffe_id = asked.agent);
            what := concat_ws(' ', asked.agent, asked.action, asked.resource);
            seen := seen || jsonb_build_object(coalesce(told, 'nothing'), true);
            IF crm.wrong(told, decided) THEN
                problem := 'who_can, round ' || round;
                RETURN NEXT;
            END IF;
            -- told about the relation as a whole, and about everything
            shown := (SELECT w.decision FROM contauth.who_can(asked.action, CASE asked.type WHEN 'table' THEN asked.id ELSE asked.resource END) AS w
                       WHERE w.spiffe_id = asked.agent AND (asked.columns IS NULL OR w.columns @> asked.columns));
            IF shown IS DISTINCT FROM told THEN
                problem := 'columns, round ' || round;
                decided := shown;
                RETURN NEXT;
            END IF;
            shown := (SELECT w.decision FROM crm.told AS w
                       WHERE w.agent = asked.agent AND w.object = asked.id AND w.action = asked.action AND w.columns @> coalesce(asked.columns, '{}'));
            IF asked.type = 'table' AND shown IS DISTINCT FROM told THEN
                problem := 'what_can, round ' || round;
                decided := shown;
                RETURN NEXT;
            END IF;
        END LOOP;
        -- what is told of several columns holds for all of them together
        FOR asked IN SELECT w.* FROM contauth.who_can('select', 'crm.customer') AS w WHERE w.decision = 'allow' LOOP
            decided := crm.decided(asked.spiffe_id, 'select', 'table', 'crm.customer', asked.columns, '{"domain": "data"}', NULL);
            IF decided <> 'allow' THEN
                problem := 'together, round ' || round;
                told := 'allow';
                what := asked.spiffe_id || ' ' || asked.columns::text;
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
    problem := 'seen';
    told := NULL;
    decided := NULL;
    FOR what IN SELECT k FROM jsonb_object_keys(seen) AS k ORDER BY k COLLATE "C" LOOP
        RETURN NEXT;
    END LOOP;
END $$;
BEGIN;
SELECT setseed(0.42) \g /dev/null
SELECT * FROM crm.compare(:'token_support', 25);
ROLLBACK;
-- what escalated has asked persons
SELECT contauth_audit.sync('1 min') \g /dev/null
SELECT contauth.cancel_request(request, 'test') FROM contauth_audit.pending_approvals \g /dev/null

\set ECHO none
\i :teardown
