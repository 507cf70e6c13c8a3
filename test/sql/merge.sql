-- MERGE and COPY FROM on tables with row filters and masks.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE TABLE crm.note (
    id     int PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'acme',
    body   text,
    secret text,
    score  int DEFAULT 1
);
INSERT INTO crm.note
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'body' || i, 'RAW' || 'SECRET' || i, i
  FROM generate_series(1, 6) AS i;
GRANT ALL ON crm.note TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('note', 'permit', actions => '{select,insert,update,delete}', resources => '{crm.note}',
    row_filter => $$ tenant = contauth.claim('tenant') $$,
    masks => '{"crm.note.secret": "redact"}') \g /dev/null

--
-- MERGE sees the agent's rows only, and leaves only such behind
--
:as_agent
BEGIN;
MERGE INTO crm.note AS n USING (VALUES (2), (4)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET body = 'merged';
SELECT id, body, secret FROM crm.note ORDER BY id;
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN DELETE;
MERGE INTO crm.note AS n USING (VALUES (30)) AS s (id) ON n.id = s.id WHEN NOT MATCHED THEN INSERT (id, body) VALUES (s.id, 'new');
MERGE INTO crm.note AS n USING (VALUES (4), (31)) AS s (id) ON n.id = s.id
    WHEN MATCHED AND n.score > 3 THEN UPDATE SET score = n.score + 1
    WHEN NOT MATCHED THEN INSERT (id, tenant) VALUES (s.id, 'acme');
SELECT id, tenant, body, secret, score FROM crm.note ORDER BY id;
ROLLBACK;
-- rows of others are not there: matched by nothing, changed by nothing
BEGIN;
MERGE INTO crm.note AS n USING (SELECT generate_series(1, 6) AS id) AS s ON n.id = s.id WHEN MATCHED THEN DELETE;
SELECT count(*) FROM crm.note;
MERGE INTO crm.note AS n USING (VALUES (1)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET tenant = 'acme';
MERGE INTO crm.note AS n USING (VALUES (1)) AS s (id) ON true WHEN MATCHED THEN UPDATE SET score = 0;
COMMIT;
:as_admin
SELECT id, tenant, body, score FROM crm.note ORDER BY id;
INSERT INTO crm.note SELECT i, 'acme', 'body' || i, 'RAW' || 'SECRET' || i, i FROM generate_series(2, 6, 2) AS i;
:as_agent
-- but a unique key tells that one is there
MERGE INTO crm.note AS n USING (VALUES (1)) AS s (id) ON n.id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
:state
-- a row may not go to another tenant, nor come for one
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET tenant = 'globex';
:state
MERGE INTO crm.note AS n USING (VALUES (40)) AS s (id) ON n.id = s.id WHEN NOT MATCHED THEN INSERT (id, tenant) VALUES (s.id, 'globex');
:state
-- masked columns: not written, not read to decide what is written, nor brought in as they are
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET secret = 'x';
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id AND n.secret LIKE '%1' WHEN MATCHED THEN UPDATE SET body = 'x';
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED AND n.secret LIKE '%1' THEN UPDATE SET body = 'x';
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET body = n.secret;
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED AND n::text LIKE '%RAW%' THEN DELETE;
:state
MERGE INTO crm.note AS n USING (VALUES (50)) AS s (id) ON n.id = s.id WHEN NOT MATCHED THEN INSERT (id, secret) VALUES (s.id, 'x');
:state
-- also when nothing comes of it
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.secret = 'x' WHEN MATCHED THEN DO NOTHING;
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED AND n.secret LIKE '%1' THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING;
:state
SELECT relation, action, decision, reason FROM contauth.why($$MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.secret = 'x' WHEN MATCHED THEN DO NOTHING$$) ORDER BY 3;
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN DO NOTHING;
BEGIN;
MERGE INTO crm.note AS n USING crm.customer AS c ON n.id = c.id
    WHEN MATCHED THEN UPDATE SET body = c.ssn WHEN NOT MATCHED THEN DO NOTHING;
SELECT id, body FROM crm.note ORDER BY id;
ROLLBACK;
-- inside a WITH query and a function it is the same
CREATE FUNCTION pg_temp.merge(tenant_wanted text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET tenant = tenant_wanted;
END $$;
:as_admin
CREATE FUNCTION crm.merge(tenant_wanted text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    MERGE INTO crm.note AS n USING (VALUES (1), (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET tenant = tenant_wanted;
END $$;
SELECT contauth.create_policy('call', 'permit', actions => '{execute}', resources => '{function:crm.merge}') \g /dev/null
:as_agent
SELECT crm.merge('acme');
SELECT crm.merge('globex');
:state

--
-- a row that it sees and may not change is an error: were it not there, MERGE would insert it
--
:as_admin
SELECT contauth.alter_policy('note', '{"actions": ["select", "insert"]}') \g /dev/null
SELECT contauth.create_policy('change', 'permit', actions => '{update}', resources => '{crm.note}', row_filter => 'score < 4') \g /dev/null
SELECT contauth.create_policy('drop', 'permit', actions => '{delete}', resources => '{crm.note}', row_filter => 'score > 4') \g /dev/null
:as_agent
BEGIN;
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET body = 'x' WHEN NOT MATCHED THEN INSERT VALUES (7);
MERGE INTO crm.note AS n USING (VALUES (6)) AS s (id) ON n.id = s.id WHEN MATCHED THEN DELETE;
ROLLBACK;
MERGE INTO crm.note AS n USING (VALUES (4)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET body = 'x' WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN DELETE;
:state
MERGE INTO crm.note AS n USING (VALUES (2)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET score = 9;
:state
:as_admin
SELECT contauth.drop_policy('change'), contauth.drop_policy('drop'), contauth.alter_policy('note', '{"actions": ["select", "insert", "update", "delete"]}') \g /dev/null

--
-- COPY FROM: the same checks as INSERT, row by row
--
:as_agent
COPY crm.note (id, body) FROM STDIN;
60	no permit to copy in
\.
:as_admin
SELECT contauth.create_policy('load', 'permit', actions => '{copy_in}', resources => '{crm.note}') \g /dev/null
ALTER TABLE crm.note ADD stamp int GENERATED ALWAYS AS (id * 10) STORED, ADD nr int GENERATED ALWAYS AS IDENTITY;
CREATE SEQUENCE crm.nr;
ALTER TABLE crm.note ALTER score SET DEFAULT nextval('crm.nr');
GRANT USAGE ON SEQUENCE crm.nr TO regress_contauth_agent;
:as_agent
COPY crm.note (id, body) FROM STDIN;
60	loaded
61	\N
\.
COPY crm.note (body, id, tenant) FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';');
body;id;tenant
"with;quotes";62;acme
\.
COPY crm.note (id, nr) FROM STDIN;
63	1000
\.
SELECT id, tenant, body, secret, score, stamp, nr FROM crm.note WHERE id >= 60 ORDER BY id;
-- one row too far, and all of them are gone
COPY crm.note (id, tenant) FROM STDIN;
70	acme
71	globex
72	acme
\.
COPY crm.note (id, secret) FROM STDIN;
73	x
\.
COPY crm.note FROM STDIN;
74	acme	x	x	1	1
\.
COPY crm.note (id, nothing) FROM STDIN;
\.
COPY crm.note (id) FROM STDIN;
75
x
\.
COPY crm.note (id) FROM STDIN;
1
\.
COPY crm.note (id) FROM STDIN WHERE id > 76;
\.
COPY crm.note (id) FROM STDIN WITH (FREEZE);
\.
BEGIN READ ONLY;
COPY crm.note (id) FROM STDIN;
\.
ROLLBACK;
SELECT id FROM crm.note WHERE id >= 70;
-- what its triggers do counts as the agent's own, and is no copying
:as_admin
CREATE TABLE crm.log (id int, tenant text);
CREATE FUNCTION crm.note_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO crm.log VALUES (NEW.id, NEW.tenant);
    NEW.tenant := COALESCE(NULLIF(NEW.body, 'keep'), NEW.tenant);
    RETURN NEW;
END $$;
CREATE TRIGGER log BEFORE INSERT ON crm.note FOR EACH ROW EXECUTE FUNCTION crm.note_log();
SELECT contauth.alter_policy('call', '{"resources": ["function:crm.*"]}') \g /dev/null
GRANT INSERT ON crm.log TO regress_contauth_agent;
:as_agent
COPY crm.note (id, body) FROM STDIN;
80	keep
\.
:as_admin
SELECT contauth.create_policy('log', 'permit', actions => '{insert}', resources => '{crm.log}') \g /dev/null
:as_agent
COPY crm.note (id, body) FROM STDIN;
80	keep
\.
-- and what a trigger makes of a row is what has to pass
COPY crm.note (id, body) FROM STDIN;
81	globex
\.
:as_admin
SELECT * FROM crm.log;
DROP TRIGGER log ON crm.note;
-- a filter on copying alone
SELECT contauth.alter_policy('note', '{"row_filter": null}'), contauth.alter_policy('load', '{"row_filter": "id > 100"}') \g /dev/null
:as_agent
COPY crm.note (id, tenant) FROM STDIN;
101	globex
\.
COPY crm.note (id, tenant) FROM STDIN;
90	acme
\.
INSERT INTO crm.note (id, tenant) VALUES (91, 'globex');
:as_admin
SELECT contauth.alter_policy('note', '{"row_filter": "tenant = contauth.claim(''tenant'')"}'), contauth.alter_policy('load', '{"row_filter": null}') \g /dev/null
-- limits hold, and the record has it all once
SELECT contauth.alter_policy('note', '{"limits": {"max_affected_rows": 2}}') \g /dev/null
:as_agent
COPY crm.note (id) FROM STDIN;
110
111
\.
COPY crm.note (id) FROM STDIN;
112
113
114
\.
:as_admin
SELECT contauth_audit.sync();
SELECT decision, reason_code, statement, rows_affected, sqlstate, action,
       (SELECT string_agg((a ->> 'relation') || ' ' || (a ->> 'action') || COALESCE(' ' || (a ->> 'row_filter'), ''), ', ') FROM jsonb_array_elements(accesses) AS a) AS accesses
  FROM contauth_audit.decision WHERE statement_kind = 'COPY' ORDER BY seq DESC LIMIT 2;
-- monitor mode: nothing is refused
SET contauth.mode = monitor;
:as_agent
COPY crm.note (id, tenant) FROM STDIN;
120	globex
\.
MERGE INTO crm.note AS n USING (VALUES (120)) AS s (id) ON n.id = s.id WHEN MATCHED THEN UPDATE SET tenant = 'initech';
:as_admin
RESET contauth.mode;
SELECT id, tenant FROM crm.note WHERE id = 120;
\set ECHO none
\i :teardown
