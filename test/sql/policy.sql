-- Policies: making them, bad ones, and how they are weighed against each other.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
GRANT USAGE ON SCHEMA crm TO regress_contauth_admin;
\set ECHO all

--
-- who may make policies
--
\c - regress_contauth_plain
SELECT contauth.create_policy('mine', 'permit');
:state
INSERT INTO contauth.policy (name) SELECT name FROM contauth.policy;
:state
\c - regress_contauth_admin
SELECT contauth.create_policy('first', effect => 'permit',
    principals => '{spiffe://acme.test/agent/*}', actions => '{select}',
    resources => '{crm.ticket(id, body)}', condition => 'ctx.autonomy <= 3',
    row_filter => 'id > 1', masks => '{"crm.ticket.body": "redact"}',
    description => 'an example');
SELECT effect, principals, on_behalf_of, actions, resources, condition, row_filter, masks,
       limits, monitor_only, description, enabled, builtin, created_by,
       created_at <= now() AS created
  FROM contauth.policy WHERE name = 'first' \gx
UPDATE contauth.policy SET effect = 'permit';
:state

--
-- alter, enable, drop; each change is a version
--
SELECT contauth.alter_policy('first', '{"effect": "restrict", "condition": null, "actions": ["select", "update"]}');
SELECT effect, condition, actions, resources, row_filter, masks, enabled FROM contauth.policy WHERE name = 'first';
SELECT contauth.enable_policy('first', false);
SELECT enabled FROM contauth.policy WHERE name = 'first';
SELECT contauth.alter_policy('first', '{"effect": "allow"}');
:state
SELECT contauth.alter_policy('first', '{"nothing": 1}');
:state
SELECT contauth.alter_policy('first', '{"name": "second"}');
:state
SELECT contauth.alter_policy('first', '{"enabled": true}');
:state
SELECT contauth.alter_policy('first', '{"condition": "random() > 0"}');
:state
SELECT contauth.alter_policy('first', '{"resources": ["crm.nothing"]}');
:state
SELECT contauth.alter_policy('first', '{"resources": null}');
:state
SELECT contauth.alter_policy('first', '{"resources": 7}');
:state
SELECT contauth.alter_policy('first', '{"actions": {"a": 1}}');
:state
SELECT contauth.alter_policy('first', '{"monitor_only": "perhaps"}');
:state
SELECT contauth.alter_policy('first', '[]');
:state
SELECT contauth.alter_policy('first', NULL);
:state
SELECT contauth.alter_policy('nothing', '{}');
:state
SELECT contauth.enable_policy('nothing', true);
:state
SELECT contauth.enable_policy('first', NULL);
:state
SELECT contauth.drop_policy('nothing');
:state
SELECT effect, condition, actions, resources, row_filter, masks, enabled FROM contauth.policy WHERE name = 'first';
SELECT contauth.drop_policy('first');
SELECT count(*) FROM contauth.policy WHERE name = 'first';
SELECT old_policy ->> 'effect' AS old_effect, old_policy ->> 'enabled' AS old_enabled,
       new_policy ->> 'effect' AS new_effect, new_policy ->> 'enabled' AS new_enabled, changed_by
  FROM contauth.policy_version WHERE policy = 'first' ORDER BY version DESC LIMIT 4;

\c - :superuser
CREATE FUNCTION crm.harmless(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION crm.same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR crm.=== (FUNCTION = crm.same, LEFTARG = int, RIGHTARG = int);
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'confidential';
INSERT INTO contauth.classification VALUES ('money', 2);
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'money';
SET ROLE regress_contauth_admin;
SET search_path = crm, public;
SELECT count(*) AS policies_before, md5(string_agg(p::text, ',' ORDER BY name)) AS digest
  FROM contauth.policy AS p
\gset
--
-- bad policies: refused by name of the argument, nothing changed
--
-- effect
SELECT contauth.create_policy('bad', 'allow');
:state
SELECT contauth.create_policy('bad', '');
:state
-- resources
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.nothing}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{nowhere.customer}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer(nothing)}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer(gone)}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer(ctid)}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{customer}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{"crm.customer(id"}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{"crm.customer()"}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{"crm.customer x"}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{label:}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{"crm.c*(id)"}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{""}');
:state
-- lists
SELECT contauth.create_policy('bad', 'permit', principals => '{}');
:state
SELECT contauth.create_policy('bad', 'permit', on_behalf_of => '{}');
:state
SELECT contauth.create_policy('bad', 'permit', actions => '{}');
:state
SELECT contauth.create_policy('bad', 'permit', actions => '{NULL}');
:state
SELECT contauth.create_policy('bad', 'permit', actions => ARRAY[repeat('x', 5000)]);
:state
SELECT contauth.create_policy('bad', 'permit', actions => array_fill('x'::text, ARRAY[1001]));
:state
-- condition: not an expression, not boolean, unknown names
SELECT contauth.create_policy('bad', 'permit', condition => 'ctx.autonomy <=');
:state
SELECT contauth.create_policy('bad', 'permit', condition => '');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'true; DROP TABLE crm.customer');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'true FROM crm.customer');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'true UNION SELECT true');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'true, true');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'ctx.autonomy');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'ctx.nothing = 1');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'nothing = 1');
:state
SELECT contauth.create_policy('bad', 'permit', condition => '$1');
:state
-- sub-selects, aggregates, window functions, sets, volatile functions
SELECT contauth.create_policy('bad', 'permit', condition => '(SELECT true)');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'EXISTS (SELECT FROM crm.customer)');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'ctx.autonomy IN (SELECT 1)');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'count(*) > 0');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'row_number() OVER () > 0');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'generate_series(1, 2) > 0');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'random() > 0');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'pg_sleep(0) IS NULL');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'clock_timestamp() IS NULL');
:state
-- functions and operators of users
SELECT contauth.create_policy('bad', 'permit', condition => 'crm.harmless(1)');
:state
SELECT contauth.create_policy('bad', 'permit', condition => '1 OPERATOR(crm.===) 1');
:state
SELECT contauth.create_policy('bad', 'permit', condition => 'harmless(1)');
:state
-- too long, too deep
SELECT contauth.create_policy('bad', 'permit', condition => repeat(' ', 100000) || 'true');
:state
SELECT contauth.create_policy('bad', 'permit', condition => repeat('NOT ', 1000) || 'true');
:state
-- row_filter
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'tenant =');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'nothing = 1');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'gone = 1');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'tenant');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'id IN (SELECT id FROM crm.ticket)');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'crm.harmless(id)');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', row_filter => 'random() > 0');
:state
-- a filter must fit every relation that is named
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer, crm.ticket}', row_filter => 'balance > 0');
:state
-- masks
SELECT contauth.create_policy('bad', 'permit', masks => '[]');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '"redact"');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "blur"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": 7}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": {"mask": "redact", "unless": "nothing"}}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.nothing": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.nothing.ssn": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"ssn": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.*.ssn": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"label:": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "redact(1)"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "partial"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "partial(1)"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "partial(-1,2)"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "partial(1,2"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "partial(1,99999999999)"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.ssn": "constant"}');
:state
-- wrong type for the mask
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.balance": "redact"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.balance": "partial(1,1)"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.balance": "email"}');
:state
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.customer.balance": "hash"}');
:state
SELECT contauth.create_policy('bad', 'permit', resources => '{crm.customer}', masks => '{"label:money": "redact"}');
:state
-- what this release does not know
SELECT contauth.create_policy('bad', 'permit', limits => '{"rows_per_statement": 0}');
:state
SELECT contauth.create_policy('bad', 'permit', limits => '[]');
:state
-- NULL
SELECT contauth.create_policy(NULL, 'permit');
:state
SELECT contauth.create_policy('', 'permit');
:state
SELECT contauth.create_policy('bad', NULL);
:state
SELECT contauth.create_policy('bad', 'permit', principals => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', on_behalf_of => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', actions => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', resources => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', masks => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', limits => NULL);
:state
SELECT contauth.create_policy('bad', 'permit', monitor_only => NULL);
:state
-- twice
SELECT contauth.create_policy('support_reads', 'permit');
:state
SELECT count(*) = :policies_before AS same_count,
       md5(string_agg(p::text, ',' ORDER BY name)) = :'digest' AS same
  FROM contauth.policy AS p;
RESET search_path;
RESET ROLE;
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS NULL;
DELETE FROM contauth.classification WHERE class = 'money';
-- the checks also hold for a superuser's own INSERT and UPDATE
UPDATE contauth.policy SET condition = 'random() > 0' WHERE name = 'support_reads';
:state
UPDATE contauth.policy SET effect = 'allow' WHERE name = 'support_reads';
:state

--
-- default deny
--
CREATE TABLE crm.plain (id int, body text);
INSERT INTO crm.plain SELECT i, 'RAW' || 'PLAIN' || i FROM generate_series(1, 3) AS i;
GRANT ALL ON crm.plain TO regress_contauth_agent, regress_contauth_other;
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT * FROM crm.plain;
:state
INSERT INTO crm.plain VALUES (4);
:state
UPDATE crm.plain SET id = 1;
:state
DELETE FROM crm.plain;
:state

--
-- precedence, seen by one session across changes of the policies
--
\c - :superuser
SELECT contauth.create_policy('p_permit', 'permit', actions => '{select,insert,update,delete}',
    resources => '{crm.plain(id)}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
SELECT body FROM crm.plain;
:state
SELECT count(*) FROM crm.plain;
:as_admin
-- restrict: its filter is ANDed, its masks hold
SELECT contauth.create_policy('p_restrict', 'restrict', resources => '{crm.plain}',
    row_filter => 'id <> 2', masks => '{"crm.plain.id": "constant(0)"}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:as_admin
SELECT contauth.drop_policy('p_restrict') \g /dev/null
-- filters of permits are ORed
SELECT contauth.alter_policy('p_permit', '{"row_filter": "id = 1"}') \g /dev/null
SELECT contauth.create_policy('p_permit2', 'permit', actions => '{select}', resources => '{crm.plain}',
    row_filter => 'id = 3') \g /dev/null
:as_agent
SELECT id FROM crm.plain ORDER BY id;
:as_admin
SELECT contauth.drop_policy('p_permit2') \g /dev/null
SELECT contauth.alter_policy('p_permit', '{"row_filter": null}') \g /dev/null
-- escalate: needs an approval; with columns only when it touches one of them
SELECT contauth.create_policy('p_escalate', 'escalate', actions => '{select}', resources => '{crm.plain}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:state
:as_admin
SELECT contauth.alter_policy('p_escalate', '{"resources": ["crm.plain(body)"]}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_escalate', '{"resources": ["crm.plain"]}') \g /dev/null
-- forbid wins over both
SELECT contauth.create_policy('p_forbid', 'forbid', actions => '{select}', resources => '{crm.*}',
    principals => '{spiffe://acme.test/agent/support}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:state
:as_admin
-- also with columns, when one of them is touched
SELECT contauth.drop_policy('p_escalate') \g /dev/null
SELECT contauth.alter_policy('p_permit', '{"resources": ["crm.plain"]}') \g /dev/null
SELECT contauth.alter_policy('p_forbid', '{"resources": ["crm.plain(body)"]}') \g /dev/null
:as_agent
SELECT id FROM crm.plain ORDER BY id;
SELECT id FROM crm.plain WHERE body IS NOT NULL;
:state
SELECT * FROM crm.plain;
:state
:as_admin
-- other principals are not concerned
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
SELECT count(body) FROM crm.plain;
:as_admin
-- a disabled forbid does nothing
SELECT contauth.enable_policy('p_forbid', false) \g /dev/null
:as_agent
SELECT count(body) FROM crm.plain;
:as_admin

--
-- conditions: NULL and errors never widen
--
SELECT contauth.enable_policy('p_forbid', true) \g /dev/null
SELECT contauth.alter_policy('p_forbid', '{"resources": ["crm.plain"], "condition": "ctx.autonomy > 4"}') \g /dev/null
SELECT contauth.alter_policy('p_permit', '{"resources": ["crm.plain(id)"], "condition": "ctx.autonomy = 2"}') \g /dev/null
SELECT contauth.create_policy('p_functions', 'permit', actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
-- p_forbid is false, p_permit is true
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
-- permit NULL
SELECT contauth.alter_policy('p_permit', '{"condition": "ctx.purpose = ''support''"}') \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:state
SET contauth.purpose = 'support';
SELECT count(id) FROM crm.plain;
RESET contauth.purpose;
:as_admin
-- permit with an error
SELECT contauth.alter_policy('p_permit', '{"condition": "1 / (ctx.autonomy - 2) IS NULL"}') \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:state
:as_admin
-- forbid NULL, forbid with an error, forbid false
SELECT contauth.alter_policy('p_permit', '{"condition": null}') \g /dev/null
SELECT contauth.alter_policy('p_forbid', '{"condition": "ctx.purpose = ''bad''"}') \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:state
SET contauth.purpose = 'good';
SELECT count(id) FROM crm.plain;
RESET contauth.purpose;
:as_admin
SELECT contauth.alter_policy('p_forbid', '{"condition": "1 / (ctx.autonomy - 2) IS NULL"}') \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:state
:as_admin
-- the same for restrict and escalate
SELECT contauth.alter_policy('p_forbid', '{"effect": "restrict", "row_filter": "id = 1"}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_forbid', '{"effect": "escalate", "row_filter": null}') \g /dev/null
:as_agent
SELECT id FROM crm.plain;
:state
:as_admin
SELECT contauth.drop_policy('p_forbid') \g /dev/null

--
-- what conditions see
--
SET contauth.purpose = 'asserted';
SET contauth.task_id = 't1';
SET application_name = 'conditions';
\set as_agent 'SET SESSION AUTHORIZATION regress_contauth_agent; SET contauth.token = :''token_support_purpose'';'
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.agent = 'spiffe://acme.test/agent/support'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.trust_domain = 'acme.test'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.on_behalf_of IS NULL$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.autonomy = 2$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.owner = 'alice'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.purpose = 'support' AND ctx.purpose_verified$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.task_id = 't1'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.action = 'select'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.resource = 'crm.plain'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$'id' = ANY (ctx.columns)$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.statement_kind = 'SELECT'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.nested_level = 0$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.db_role = 'regress_contauth_agent'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.database = 'contrib_regression'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.application_name = 'conditions'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.client_addr IS NULL AND NOT ctx.tls$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.now > '2020-01-01'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.claims ->> 'uid' = '7'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.attributes ->> 'region' = 'north'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$contauth.claim('uid') = '7' AND contauth.attribute('region') = 'north'$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
SELECT contauth.alter_policy('p_permit', jsonb_build_object('condition', $$ctx.sensitivity IS NULL OR ctx.sensitivity >= 0$$)) \g /dev/null
:as_agent
SELECT count(id) FROM crm.plain;
:as_admin
RESET contauth.purpose;
RESET contauth.task_id;
RESET application_name;

--
-- policy text is not parsed under an agent's search_path
--
SELECT contauth.alter_policy('p_permit', '{"condition": null, "resources": ["crm.plain"], "row_filter": "length(body) > 0 AND id = 1"}') \g /dev/null
SELECT contauth.create_policy('p_create', 'permit', actions => '{create}', resources => '{*}') \g /dev/null
SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.length(text) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'got %', $1; RETURN 1; END$$;
CREATE FUNCTION crm.always(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR crm.= (FUNCTION = crm.always, LEFTARG = int, RIGHTARG = int);
RESET ROLE;
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SET search_path = crm, pg_catalog;
SELECT plain.id FROM crm.plain;
RESET search_path;
SELECT id FROM crm.plain;

--
-- nor under other rules for literals and times than when it was made
--
\c - :superuser
SELECT contauth.alter_policy('p_permit', '{"row_filter": null}') \g /dev/null
SELECT contauth.create_policy('p_digits', 'forbid', resources => '{crm.plain}',
    condition => $$ctx.application_name ~ '^\d+$'$$) \g /dev/null
SELECT contauth.create_policy('p_utc', 'restrict', resources => '{crm.plain}',
    condition => $$extract(timezone FROM ctx.now) <> 0$$, row_filter => 'false') \g /dev/null
:as_agent
SET standard_conforming_strings = off;
SET TimeZone = 'Asia/Tokyo';
SELECT count(id) FROM crm.plain;
SET application_name = '42';
SELECT count(id) FROM crm.plain;
:state

--
-- a function is known by its labels, too
--
:as_admin
CREATE FUNCTION crm.labelled() RETURNS int LANGUAGE sql AS 'SELECT 1';
SECURITY LABEL FOR contauth ON FUNCTION crm.labelled() IS 'secret';
SELECT contauth.create_policy('p_function', 'permit', actions => '{execute}',
    resources => '{function:crm.labelled}') \g /dev/null
:as_agent
SELECT crm.labelled();
:as_admin
SELECT contauth.create_policy('p_label', 'forbid', resources => '{label:secret}') \g /dev/null
:as_agent
SELECT crm.labelled();
:state

--
-- a constant that is no input of the column's type
--
:as_admin
SELECT contauth.create_policy('bad', 'permit', masks => '{"crm.plain.id": "constant(x)"}');
:state
SELECT count(*) FROM contauth.policy WHERE name = 'bad';

--
-- who removes rows touches every column of them
--
CREATE TABLE crm.file (id int, photo text);
INSERT INTO crm.file VALUES (1, 'RAWPHOTO');
GRANT ALL ON crm.file TO regress_contauth_agent;
SECURITY LABEL FOR contauth ON COLUMN crm.file.photo IS 'secret';
SELECT contauth.drop_policy('p_label'), contauth.create_policy('p_file', 'permit', resources => '{crm.file}') \g /dev/null
:as_agent
BEGIN;
DELETE FROM crm.file WHERE id = 1;
ROLLBACK;
:as_admin
SELECT contauth.create_policy('p_keep', 'forbid', resources => '{label:secret}') \g /dev/null
:as_agent
UPDATE crm.file SET id = 2;
DELETE FROM crm.file WHERE id = 2;
:state
TRUNCATE crm.file;
:state
:as_admin
SELECT contauth.alter_policy('p_keep', '{"condition": "ctx.sensitivity >= 4"}') \g /dev/null
:as_agent
DELETE FROM crm.file;
:state
:as_admin
SELECT contauth.drop_policy('p_keep'), contauth.create_policy('p_rows', 'restrict',
    resources => '{crm.file(photo)}', row_filter => 'id = 1') \g /dev/null
:as_agent
DELETE FROM crm.file RETURNING id;
SELECT id FROM crm.file;

--
-- no policy keeps a session from saying who it is
--
:as_admin
SELECT contauth.create_policy('p_nothing', 'forbid') \g /dev/null
:as_agent
SELECT contauth.whoami() IS NOT NULL AS known;
SELECT contauth.authenticate(:'token_support_globex') IS NOT NULL AS known;
SELECT 1 AS allowed;
SELECT lower('X');
:state
SELECT contauth.claim('tenant');
:state

\set ECHO none
\i :teardown
