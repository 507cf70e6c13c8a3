-- Masks that a row condition lifts, and policies that only monitor.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
SELECT contauth.drop_policy('support_reads') \g /dev/null
CREATE TABLE crm.person (id int PRIMARY KEY, owner text, name varchar(40), ssn text, upper_ssn text GENERATED ALWAYS AS (upper(ssn)) STORED);
INSERT INTO crm.person
SELECT i, CASE i % 3 WHEN 0 THEN 'acme' WHEN 1 THEN 'globex' END, 'RAW' || 'NAME' || i, CASE WHEN i < 6 THEN 'RAW' || 'SSN' || i END
  FROM generate_series(1, 6) AS i;
GRANT ALL ON crm.person TO regress_contauth_agent;
CREATE FUNCTION pg_temp.bad(m jsonb, r text DEFAULT 'crm.person') RETURNS void LANGUAGE sql AS
    $$ SELECT contauth.create_policy('bad', 'permit', resources => ARRAY[r], masks => m) $$;
\set ECHO all

--
-- what is not accepted
--
SELECT pg_temp.bad('{"crm.person.ssn": {}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"unless": "id = 1"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "if": "id = 1"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": 1}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": null}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": ["redact"]}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "blur", "unless": "id = 1"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": "id"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": "nothing = 1"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": "random() > 0"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": "id IN (SELECT 1)"}}');
SELECT pg_temp.bad('{"crm.person.ssn": {"mask": "redact", "unless": "ctx.depth = 0"}}');
SELECT pg_temp.bad('{"crm.person.ssn": ["redact"]}');
SELECT pg_temp.bad('{"label:pii": {"mask": "redact", "unless": "nothing = 1"}}');
:state
SELECT contauth.drop_policy('bad') \g /dev/null
-- a label's mask has to fit where the label is
SECURITY LABEL FOR contauth ON COLUMN crm.person.ssn IS 'pii';
SELECT contauth.create_policy('labelled', 'permit', resources => '{crm.person}',
    masks => '{"label:pii": {"mask": "redact", "unless": "nothing = 1"}}');
SECURITY LABEL FOR contauth ON COLUMN crm.person.ssn IS NULL;
SELECT contauth.create_policy('labelled', 'permit', resources => '{crm.person}',
    masks => '{"label:pii": {"mask": "redact", "unless": "nothing = 1"}}') \g /dev/null
SELECT contauth.drop_policy('labelled') \g /dev/null

--
-- in each row the strictest of the masks that hold
--
SELECT contauth.create_policy('one', 'permit', actions => '{select}', resources => '{crm.person}',
    masks => '{"crm.person.ssn": {"mask": "redact", "unless": "owner = contauth.claim(''tenant'')"},
               "crm.person.name": {"mask": "partial(3,1)", "unless": "id = 1 OR 1 / (id - 1) > 0"}}') \g /dev/null
:as_agent
SELECT id, owner, name, ssn, upper_ssn FROM crm.person ORDER BY id;
-- everywhere: conditions, grouping, whole rows, subqueries, locks, functions
SELECT id FROM crm.person WHERE ssn LIKE 'RAW%' ORDER BY id;
SELECT id FROM crm.person WHERE ssn = '[redacted]' ORDER BY id;
SELECT ssn, count(*) FROM crm.person GROUP BY 1 ORDER BY 1;
SELECT p FROM crm.person AS p ORDER BY id;
SELECT a.id, b.ssn FROM crm.person AS a LEFT JOIN crm.person AS b ON b.id = a.id + 1 ORDER BY 1;
SELECT id, ssn FROM crm.person ORDER BY id FOR UPDATE;
SELECT (SELECT string_agg(q.ssn, ',' ORDER BY q.id) FROM crm.person AS q WHERE q.id <= p.id) FROM crm.person AS p WHERE id = 4;
:as_admin
-- another identity, in the same session and with the same plan
:as_agent
PREPARE p AS SELECT id, ssn FROM crm.person WHERE ssn IS NOT NULL ORDER BY id;
EXECUTE p;
SET contauth.token = :'token_support_globex';
EXECUTE p;
SET contauth.token = :'token_support_no_tenant';
EXECUTE p;
:as_admin
-- a second mask counts where the first is lifted, and the strictest anywhere
SELECT contauth.create_policy('two', 'restrict', actions => '{select}', resources => '{crm.person}',
    masks => '{"crm.person.ssn": {"mask": "partial(0,1)", "unless": "id = 3"}}') \g /dev/null
SELECT contauth.create_policy('three', 'restrict', actions => '{select}', resources => '{crm.person}',
    masks => '{"crm.person.ssn": {"mask": "null", "unless": "id > 1"}}') \g /dev/null
:as_agent
SELECT id, owner, ssn FROM crm.person ORDER BY id;
SELECT masks FROM contauth.why('SELECT ssn, name FROM crm.person');
:as_admin
SELECT contauth.create_policy('four', 'restrict', actions => '{select}', resources => '{crm.person}',
    masks => '{"crm.person.ssn": "email"}') \g /dev/null
:as_agent
SELECT id, owner, ssn FROM crm.person ORDER BY id;
:as_admin
SELECT contauth.drop_policy('two'), contauth.drop_policy('three'), contauth.drop_policy('four') \g /dev/null

--
-- to writes a column with a mask is a masked column
--
SELECT contauth.create_policy('write', 'permit', actions => '{update,insert,delete}', resources => '{crm.person}') \g /dev/null
:as_agent
UPDATE crm.person SET ssn = 'x' WHERE id = 3;
UPDATE crm.person SET owner = 'x' WHERE ssn = 'x';
UPDATE crm.person SET owner = owner WHERE id IN (2, 3) RETURNING id, ssn;
UPDATE crm.person SET owner = 'acme' WHERE id = 2 RETURNING id, ssn;
DELETE FROM crm.person AS p WHERE id = 1 RETURNING p;
:as_admin
SELECT contauth.drop_policy('write') \g /dev/null

--
-- what does not fit (any more) lifts nothing
--
ALTER TABLE crm.person RENAME owner TO holder;
:as_agent
SELECT id, ssn FROM crm.person WHERE id > 2 ORDER BY id;
:as_admin
SELECT contauth_audit.sync();
SELECT accesses -> 0 -> 'masks' AS masks FROM contauth_audit.decision WHERE statement_kind = 'SELECT' ORDER BY seq DESC LIMIT 1;
ALTER TABLE crm.person RENAME holder TO owner;
SELECT contauth.alter_policy('one', '{"masks": {"label:pii": {"mask": "redact", "unless": "owner = ''acme''"}}}') \g /dev/null
SECURITY LABEL FOR contauth ON COLUMN crm.person.ssn IS 'pii';
SECURITY LABEL FOR contauth ON COLUMN crm.ticket.body IS 'pii';
SELECT contauth.create_policy('all', 'permit', actions => '{select}', resources => '{crm.*}',
    masks => '{"label:pii": {"mask": "redact", "unless": "owner = ''acme''"}}') \g /dev/null
:as_agent
SELECT id, owner, ssn FROM crm.person WHERE id > 2 ORDER BY id;
SELECT reason FROM contauth.why('SELECT ssn FROM crm.person');
SELECT id, body FROM crm.ticket WHERE id = 2;
:as_admin
-- an error in the condition stops the statement, and shows no value
SELECT contauth.alter_policy('one', '{"masks": {"crm.person.ssn": {"mask": "redact", "unless": "ssn::int = 1"}}}') \g /dev/null
SELECT contauth.drop_policy('all') \g /dev/null
CREATE FUNCTION crm.caught() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text; d text; c text;
BEGIN
    PERFORM ssn FROM crm.person WHERE id = 4;
    RETURN 'nothing';
EXCEPTION WHEN data_exception THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws('|', m, d, c);
END
$$;
SELECT contauth.create_policy('catch', 'permit', actions => '{execute}', resources => '{function:crm.caught}') \g /dev/null
SELECT contauth.create_policy('tickets', 'permit', actions => '{select}', resources => '{crm.ticket}') \g /dev/null
:as_agent
SELECT id FROM crm.person WHERE id = 4;
SELECT ssn FROM crm.person WHERE id = 4;
:state
SELECT crm.caught();
SELECT 1 / (id - 4), ssn FROM crm.person WHERE id = 4;
SELECT 1 / (id - 4) FROM crm.ticket;
:as_admin
SELECT contauth.alter_policy('one', '{"masks": {}, "row_filter": "ssn::int = 1"}') \g /dev/null
:as_agent
SELECT id FROM crm.person;
:as_admin
SELECT contauth.alter_policy('one', '{"row_filter": null}') \g /dev/null
-- what cannot fail keeps the agent's own errors readable
:as_agent
SELECT name::int FROM crm.person WHERE id = 4;
:as_admin

--
-- policies that only monitor
--
SELECT contauth.drop_policy('tickets') \g /dev/null
SELECT contauth.create_policy('m permit', 'permit', monitor_only => true, actions => '{select}', resources => '{crm.ticket}',
    limits => '{"rows_per_statement": 1}') \g /dev/null
SELECT contauth.create_policy('m forbid', 'forbid', monitor_only => true, actions => '{select}', resources => '{crm.person(ssn)}') \g /dev/null
SELECT contauth.create_policy('m escalate', 'escalate', monitor_only => true, actions => '{select}', resources => '{crm.person(name)}') \g /dev/null
SELECT contauth.create_policy('m restrict', 'restrict', monitor_only => true, actions => '{select}', resources => '{crm.person}',
    row_filter => 'false', masks => '{"crm.person.owner": "null"}', limits => '{"rows_per_statement": 1}') \g /dev/null
SELECT contauth.create_policy('m role', 'permit', monitor_only => true, actions => '{set_role}', resources => '{role:regress_contauth_plain}') \g /dev/null
SELECT contauth.create_policy('m fails', 'forbid', monitor_only => true, actions => '{select}', resources => '{crm.person(upper_ssn)}',
    condition => '1 / (ctx.depth - ctx.depth) = 1') \g /dev/null
CREATE FUNCTION crm.f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
SELECT contauth.create_policy('calls', 'permit', actions => '{execute}', resources => '{function:crm.f}') \g /dev/null
SELECT contauth.create_policy('m calls', 'forbid', monitor_only => true, actions => '{execute}', resources => '{function:crm.f}') \g /dev/null
:as_agent
SELECT count(*) FROM crm.ticket;
SELECT id, owner FROM crm.person WHERE id < 5 ORDER BY id;
SELECT count(ssn) FROM crm.person;
SELECT count(name) FROM crm.person;
SELECT count(upper_ssn) FROM crm.person;
SELECT crm.f();
SET ROLE regress_contauth_plain;
:as_admin
SELECT contauth_audit.sync();
SELECT decision, a ->> 'relation' AS relation, a ->> 'decision' AS decision, a ->> 'monitor' AS monitor, a -> 'monitor_policies' AS policies
  FROM (SELECT * FROM contauth_audit.decision ORDER BY seq DESC LIMIT 12) AS d, jsonb_array_elements(accesses) AS a WHERE a ? 'monitor' ORDER BY seq;
-- from now on they count
UPDATE contauth.policy SET monitor_only = false WHERE name = 'm forbid';
:as_agent
SELECT count(ssn) FROM crm.person;
:state
:as_admin
\set ECHO none
\i :teardown
