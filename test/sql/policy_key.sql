-- By which key sessions find a policy: every policy that can concern a
-- statement is found, whatever it says, and at whatever time it is met.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

--
-- the key of a policy, line breaks shown as "/"
--
SELECT n, translate(contauth.policy_key(p::text[], r::text[]), E'\n', '!') AS key
  FROM (VALUES
    (1, '{*}', '{*}'),
    (2, '{spiffe://acme.test/agent/support}', '{*}'),
    (3, '{spiffe://acme.test/agent/support}', '{crm.customer}'),
    (4, '{spiffe://acme.test/agent/*}', '{*}'),
    (5, '{spiffe://acme.test/agent/sup*}', '{*}'),
    (6, '{spiffe://acme.test/*}', '{crm.*}'),
    (7, '{spiffe://acme.test/*}', '{*}'),
    (8, '{spiffe://acme*}', '{*}'),
    (9, '{spiffe://*/agent/support}', '{*}'),
    (10, '{spiffe://acme.test/agent/a,spiffe://acme.test/agent/b}', '{*}'),
    (11, '{spiffe://acme.test/agent/a,spiffe://other.test/agent/a}', '{*}'),
    (12, '{spiffe://acme.test/agent/a,*}', '{*}'),
    (13, '{*}', '{crm.customer}'),
    (14, '{*}', '{"crm.customer(id,name)"}'),
    (15, '{*}', '{crm.customer(id,name), crm.customer(ssn)}'),
    (16, '{*}', '{crm.customer,crm.ticket}'),
    (17, '{*}', '{crm.*}'),
    (18, '{*}', '{crm.c*}'),
    (19, '{*}', '{c*.customer}'),
    (20, '{*}', '{crm.customer,other.customer}'),
    (21, '{*}', '{CRM.Customer}'),
    (22, '{*}', '{"\"CRM\".\"Cust*omer\""}'),
    (23, '{*}', '{function:crm.pay}'),
    (24, '{*}', '{function:crm.*,function:crm.pay}'),
    (25, '{*}', '{function:crm.pay,crm.customer}'),
    (26, '{*}', '{label:pii.*}'),
    (27, '{*}', '{crm.customer,label:pii.*}'),
    (28, '{*}', '{role:contauth_agent}'),
    (29, '{*}', '{channel:news}'),
    (30, '{*}', '{not a resource}'),
    (31, '{spiffe://acme.test/agent/*}', '{crm.customer}'),
    (32, '{spiffe://acme.test/}', '{}'),
    (33, '{}', '{}')
  ) AS v (n, p, r) ORDER BY n;
SELECT key FROM contauth.policy WHERE name = 'support_reads';

--
-- a forbid is obeyed whichever key it has
--
CREATE TABLE crm.area (id int, region text) PARTITION BY LIST (region);
CREATE TABLE crm.area_north PARTITION OF crm.area FOR VALUES IN ('north');
INSERT INTO crm.area VALUES (1, 'north');
CREATE FUNCTION crm.pay() RETURNS int LANGUAGE sql AS 'SELECT 1';
GRANT SELECT ON crm.area, crm.area_north TO regress_contauth_agent;
SELECT contauth.create_policy('opens', 'permit', resources => '{crm.*,function:crm.*}') \g /dev/null
CREATE PROCEDURE crm.closes(principal text, resource text) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contauth.policy WHERE name = 'closes';
    INSERT INTO contauth.policy (name, effect, principals, on_behalf_of, actions, resources, masks, limits, monitor_only)
    VALUES ('closes', 'forbid', ARRAY[principal], '{*}', '{*}', ARRAY[resource], '{}', '{}', false);
END
$$;
\set ask 'SELECT count(*) FROM crm.area_north; SELECT crm.pay();'
-- nothing closes
CALL crm.closes('spiffe://acme.test/agent/another', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('spiffe://acme.test/agent/support', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('spiffe://acme.test/agent/*', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('spiffe://acme.test/*', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('spiffe://a*/support', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('*', '*');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'crm.area_north');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'crm.area');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'crm.area_*');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'crm.*');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'c*.area');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'function:crm.pay');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'function:crm.*');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'function:*.pay');
:as_agent
:ask
:as_admin
CALL crm.closes('*', 'label:pii');
:as_agent
:ask
:as_admin
SECURITY LABEL FOR contauth ON TABLE crm.area IS 'pii.place';
SECURITY LABEL FOR contauth ON FUNCTION crm.pay() IS 'pii.pay';
:as_agent
:ask
:as_admin
SECURITY LABEL FOR contauth ON TABLE crm.area IS NULL;

--
-- policies for other agents are met when another agent comes
--
CALL crm.closes('spiffe://acme.test/agent/other', 'crm.area');
:as_agent
SELECT count(*) FROM crm.area;
:as_admin
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
SELECT count(*) FROM crm.area;
:state
:as_admin
:as_agent
SELECT count(*) FROM crm.area;
:as_admin

--
-- what a relation is called decides, at once
--
CALL crm.closes('*', 'crm.renamed*');
:as_agent
SELECT count(*) FROM crm.area;
:as_admin
ALTER TABLE crm.area RENAME TO renamed;
:as_agent
SELECT count(*) FROM crm.renamed;
:state
:as_admin
ALTER TABLE crm.renamed RENAME TO area;
CREATE SCHEMA hr;
CALL crm.closes('*', 'hr.area*');
:as_agent
SELECT count(*) FROM crm.area;
:as_admin
ALTER TABLE crm.area SET SCHEMA hr;
GRANT USAGE ON SCHEMA hr TO regress_contauth_agent;
:as_agent
SELECT count(*) FROM hr.area;
:state
SELECT count(*) FROM crm.area_north;
:state
:as_admin
DROP SCHEMA hr CASCADE;
\set ECHO none
\i :teardown
