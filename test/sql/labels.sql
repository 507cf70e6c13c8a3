-- Labels: who may set them, what they may say, and how they are inherited.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SELECT class, sensitivity FROM contauth.classification ORDER BY sensitivity, class;

--
-- what a label may say
--
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS 'pii.name, internal';
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS 'confidential';
SECURITY LABEL FOR contauth ON SCHEMA crm IS 'internal';
CREATE FUNCTION crm.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
SECURITY LABEL FOR contauth ON FUNCTION crm.f() IS 'internal';
CREATE VIEW crm.v AS SELECT id, name FROM crm.customer;
SECURITY LABEL FOR contauth ON VIEW crm.v IS 'internal';
SECURITY LABEL FOR contauth ON COLUMN crm.v.name IS 'pii';
SELECT objtype, objname, label FROM pg_seclabels WHERE provider = 'contauth' ORDER BY 1, 2;
-- a class that does not exist, nor any above it
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'money';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'pii.money, money.pii';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS '';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS ' , ';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'piia';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.gone IS 'pii';
:state
SECURITY LABEL FOR contauth ON COLUMN crm.customer.nothing IS 'pii';
:state
SECURITY LABEL FOR contauth ON ROLE regress_contauth_agent IS 'pii';
:state
SECURITY LABEL FOR contauth ON TYPE contauth.context IS 'pii';
:state
DO $$
BEGIN
    EXECUTE format('SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS %L', repeat('pii,', 1000));
END
$$;
:state
SELECT objtype, objname, label FROM pg_seclabels WHERE provider = 'contauth' ORDER BY 1, 2;
-- a class is added, and gone again
INSERT INTO contauth.classification VALUES ('money', 2, 'amounts');
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'money';
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS NULL;
DELETE FROM contauth.classification WHERE class = 'money';
SECURITY LABEL FOR contauth ON COLUMN crm.customer.balance IS 'money';
:state
INSERT INTO contauth.classification VALUES ('bad class', 2);
:state
INSERT INTO contauth.classification VALUES ('bad', 5);
:state

--
-- who may label
--
SET ROLE regress_contauth_owner;
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS 'public';
:state
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS NULL;
:state
RESET ROLE;
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS 'public';
:state
\c - :superuser
-- an administrator that owns the table may
GRANT regress_contauth_owner TO regress_contauth_admin;
SET ROLE regress_contauth_admin;
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS 'restricted';
RESET ROLE;
REVOKE regress_contauth_owner FROM regress_contauth_admin;

--
-- policies by label
--
SECURITY LABEL FOR contauth ON SCHEMA crm IS NULL;
SECURITY LABEL FOR contauth ON TABLE crm.ticket IS NULL;
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS NULL;
SECURITY LABEL FOR contauth ON COLUMN crm.v.name IS NULL;
SECURITY LABEL FOR contauth ON VIEW crm.v IS NULL;
SECURITY LABEL FOR contauth ON COLUMN crm.customer.ssn IS NULL;
GRANT SELECT ON crm.v TO regress_contauth_agent;
SELECT contauth.drop_policy('support_reads');
SELECT contauth.create_policy('reads', 'permit', actions => '{select}', resources => '{crm.*}',
    masks => '{"label:pii.*": "redact"}');
SELECT contauth.create_policy('no_secrets', 'forbid', resources => '{label:secret}');
:as_agent
SELECT ssn, name FROM crm.customer WHERE id = 6;
:as_admin
-- column
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS 'pii.name';
:as_agent
SELECT id, name FROM crm.customer WHERE id = 6;
SELECT id, name FROM crm.v WHERE id = 6;
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS 'secret.name';
:as_agent
SELECT id FROM crm.customer WHERE id = 6;
SELECT name FROM crm.customer WHERE id = 6;
:state
SELECT name FROM crm.v;
:state
:as_admin
-- table: inherited by its columns, unless they say otherwise
SECURITY LABEL FOR contauth ON COLUMN crm.customer.name IS 'public';
SECURITY LABEL FOR contauth ON TABLE crm.customer IS 'secret';
:as_agent
SELECT count(name) FROM crm.customer;
SELECT tenant FROM crm.customer;
:state
:as_admin
SECURITY LABEL FOR contauth ON TABLE crm.customer IS NULL;
-- schema: inherited by its tables
SECURITY LABEL FOR contauth ON SCHEMA crm IS 'secret';
:as_agent
SELECT count(name) FROM crm.customer;
SELECT body FROM crm.ticket;
:state
:as_admin
SECURITY LABEL FOR contauth ON SCHEMA crm IS NULL;
-- the class itself counts for a pattern of what is below it only where it says so
SECURITY LABEL FOR contauth ON COLUMN crm.ticket.body IS 'pii';
:as_agent
SELECT body FROM crm.ticket WHERE id = 2;
:as_admin
SELECT contauth.alter_policy('reads', '{"masks": {"label:pii": "redact"}}');
:as_agent
SELECT body FROM crm.ticket WHERE id = 2;
:as_admin

--
-- partitions and children carry what their parent carries
--
CREATE TABLE crm.event (id int, who text, note text) PARTITION BY LIST (id);
CREATE TABLE crm.event_1 PARTITION OF crm.event FOR VALUES IN (1);
CREATE TABLE crm.event_2 (note text, who text, id int);
ALTER TABLE crm.event ATTACH PARTITION crm.event_2 FOR VALUES IN (2);
INSERT INTO crm.event VALUES (1, 'RAW' || 'WHO1', 'n1'), (2, 'RAW' || 'WHO2', 'n2');
CREATE TABLE crm.parent (id int, who text);
CREATE TABLE crm.child (more int) INHERITS (crm.parent);
INSERT INTO crm.child VALUES (1, 'RAW' || 'CHILD', 2);
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
SECURITY LABEL FOR contauth ON COLUMN crm.event.who IS 'pii.name';
SECURITY LABEL FOR contauth ON COLUMN crm.parent.who IS 'pii.name';
:as_agent
SELECT * FROM crm.event ORDER BY id;
SELECT * FROM crm.event_1;
SELECT * FROM crm.event_2;
SELECT * FROM crm.parent;
SELECT * FROM crm.child;
:as_admin
SECURITY LABEL FOR contauth ON TABLE crm.event IS 'secret';
:as_agent
SELECT id FROM crm.event;
:state
SELECT id FROM crm.event_1;
:state
:as_admin
DROP VIEW crm.v;

SECURITY LABEL FOR contauth ON TABLE crm.event IS NULL;

--
-- what is derived takes the classes of what it is computed from
--
CREATE TABLE crm.base (id int, who text, pay int);
INSERT INTO crm.base VALUES (1, 'RAW' || 'BASE', 7);
CREATE TABLE crm.other (id int, word text);
CREATE VIEW crm.copies AS SELECT id, who AS whom, upper(who) AS loud, 1 AS one FROM crm.base;
CREATE MATERIALIZED VIEW crm.m_of_view AS SELECT whom, id FROM crm.copies;
CREATE MATERIALIZED VIEW crm.m_whole AS SELECT id, b AS row FROM crm.base AS b;
CREATE MATERIALIZED VIEW crm.m_sub AS SELECT s.x FROM (SELECT who AS x FROM crm.base) AS s;
CREATE MATERIALIZED VIEW crm.m_join AS SELECT id, word, who || word AS both_words FROM crm.base JOIN crm.other USING (id);
CREATE MATERIALIZED VIEW crm.m_union AS SELECT word AS w FROM crm.other UNION ALL SELECT who FROM crm.base;
CREATE MATERIALIZED VIEW crm.m_in AS SELECT word FROM crm.other WHERE id IN (SELECT id FROM crm.base WHERE who <> '');
CREATE MATERIALIZED VIEW crm.m_own AS SELECT who FROM crm.base;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
SECURITY LABEL FOR contauth ON COLUMN crm.base.who IS 'secret.name';
SECURITY LABEL FOR contauth ON COLUMN crm.m_own.who IS 'public';
:as_agent
\set ask '(VALUES (''SELECT id, one FROM crm.copies''), (''SELECT whom FROM crm.copies''), (''SELECT loud FROM crm.copies''), (''SELECT id FROM crm.m_of_view''), (''SELECT whom FROM crm.m_of_view''), (''SELECT id FROM crm.m_whole''), (''SELECT row FROM crm.m_whole''), (''SELECT x FROM crm.m_sub''), (''SELECT id, word FROM crm.m_join''), (''SELECT both_words FROM crm.m_join''), (''SELECT w FROM crm.m_union''), (''SELECT word FROM crm.m_in''), (''SELECT who FROM crm.m_own'')) AS v (q)'
SELECT q, relation, decision FROM :ask, LATERAL contauth.why(q);
SELECT whom FROM crm.m_of_view;
:state
:as_admin
-- the label of the base goes: a session that only has the derived one sees it
SECURITY LABEL FOR contauth ON COLUMN crm.base.who IS NULL;
:as_agent
SELECT whom FROM crm.m_of_view;
:as_admin
SECURITY LABEL FOR contauth ON COLUMN crm.base.who IS 'secret';
:as_agent
SELECT whom FROM crm.m_of_view;
:state
:as_admin

\set ECHO none
\i :teardown
