-- Writing and locking: filters, checks, masks in RETURNING, COPY.
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
    score  int
);
INSERT INTO crm.note
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'body' || i, 'RAW' || 'SECRET' || i, i
  FROM generate_series(1, 6) AS i;
CREATE VIEW crm.note_view AS SELECT id, tenant, body FROM crm.note;
CREATE VIEW crm.note_check AS SELECT id, tenant, body FROM crm.note WHERE id < 100 WITH CHECK OPTION;
CREATE FUNCTION crm.add_note(int, text) RETURNS void LANGUAGE sql
    AS 'INSERT INTO crm.note (id, tenant) VALUES ($1, $2)';
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('note_read', 'permit', actions => '{select}', resources => '{crm.note}',
    row_filter => $$ tenant = contauth.claim('tenant') $$,
    masks => '{"crm.note.secret": "redact"}') \g /dev/null

--
-- nothing but reading is permitted
--
:as_agent
SELECT id, secret FROM crm.note ORDER BY id;
INSERT INTO crm.note (id) VALUES (10);
:state
UPDATE crm.note SET body = 'x';
:state
DELETE FROM crm.note;
:state
MERGE INTO crm.note USING (VALUES (2)) AS s (id) ON note.id = s.id WHEN MATCHED THEN DELETE;
:state
SELECT id FROM crm.note FOR UPDATE;
:state
SELECT id FROM crm.note FOR KEY SHARE;
:state
COPY crm.note TO STDOUT;
:state
COPY (SELECT id FROM crm.note) TO STDOUT;
:state
\copy crm.note from '/dev/null'
:state
WITH d AS (DELETE FROM crm.note RETURNING id) SELECT * FROM d;
:state
SELECT crm.add_note(10, 'acme');
:state
:as_admin

--
-- INSERT: the filter is a check of the new row
--
SELECT contauth.create_policy('note_insert', 'permit', actions => '{insert}',
    resources => '{crm.note(id, tenant, body, score)}',
    row_filter => $$ tenant = contauth.claim('tenant') $$) \g /dev/null
SELECT contauth.create_policy('functions', 'permit', actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
:as_agent
INSERT INTO crm.note (id, tenant, body) VALUES (10, 'acme', 'new') RETURNING id, tenant, body, secret;
INSERT INTO crm.note (id, tenant, body) VALUES (11, 'globex', 'new');
:state
INSERT INTO crm.note (id, tenant) VALUES (12, 'acme'), (13, 'globex');
:state
INSERT INTO crm.note (id, body) VALUES (14, 'default tenant') RETURNING tenant;
INSERT INTO crm.note (id, secret) VALUES (15, 'x');
:state
INSERT INTO crm.note VALUES (15, 'acme', 'b', 's', 1);
:state
INSERT INTO crm.note (id, body) SELECT id + 100, body FROM crm.ticket ORDER BY id RETURNING id, body;
INSERT INTO crm.note_view (id, tenant, body) VALUES (16, 'acme', 'through a view');
INSERT INTO crm.note_view (id, tenant, body) VALUES (17, 'globex', 'through a view');
:state
INSERT INTO crm.note_check (id, tenant, body) VALUES (18, 'acme', 'b');
INSERT INTO crm.note_check (id, tenant, body) VALUES (118, 'acme', 'b');
:state
SELECT crm.add_note(19, 'acme');
SELECT crm.add_note(20, 'globex');
:state
WITH i AS (INSERT INTO crm.note (id) VALUES (21) RETURNING id, secret) SELECT * FROM i;
:as_admin
SELECT id, tenant FROM crm.note WHERE id >= 10 ORDER BY id;
DELETE FROM crm.note WHERE id >= 10;

--
-- UPDATE: old and new row must pass
--
SELECT contauth.create_policy('note_update', 'permit', actions => '{update}',
    resources => '{crm.note(tenant, body, score)}',
    row_filter => $$ tenant = contauth.claim('tenant') $$) \g /dev/null
:as_agent
UPDATE crm.note SET body = 'changed' RETURNING id, body, secret;
UPDATE crm.note SET body = 'changed' WHERE id = 1;
SELECT count(*) FROM crm.note WHERE body = 'changed';
UPDATE crm.note SET tenant = 'globex' WHERE id = 2;
:state
UPDATE crm.note SET secret = 'x' WHERE id = 2;
:state
UPDATE crm.note SET body = secret WHERE id = 2;
:state
UPDATE crm.note SET score = 1 WHERE secret LIKE '%2';
:state
UPDATE crm.note SET body = t.body FROM crm.ticket AS t WHERE t.id = note.id AND note.id = 2 RETURNING note.id, note.body, note.secret, t.body;
UPDATE crm.note SET (body, score) = (SELECT 'two', 2) WHERE id = 2 RETURNING note;
UPDATE crm.note_view SET body = 'through a view' WHERE id < 3 RETURNING *;
UPDATE ONLY crm.note SET score = score + 1 WHERE id = 2 RETURNING score, upper(secret);
WITH u AS (UPDATE crm.note SET score = 9 WHERE id <= 2 RETURNING id, secret) SELECT * FROM u;
PREPARE u(int) AS UPDATE crm.note SET score = $1 WHERE id < 3 RETURNING id, score, secret;
EXECUTE u(5);
SET contauth.token = :'token_support_globex';
EXECUTE u(6);
BEGIN;
SET LOCAL contauth.token = :'token_support';
DECLARE c CURSOR FOR SELECT id FROM crm.note ORDER BY id FOR UPDATE;
FETCH 1 FROM c;
UPDATE crm.note SET score = 7 WHERE CURRENT OF c RETURNING id, secret;
ROLLBACK;
:as_admin
SELECT id, tenant, body, score FROM crm.note ORDER BY id;

--
-- DELETE
--
SELECT contauth.create_policy('note_delete', 'permit', actions => '{delete}', resources => '{crm.note}',
    row_filter => $$ tenant = contauth.claim('tenant') $$) \g /dev/null
:as_agent
BEGIN;
DELETE FROM crm.note WHERE id < 3 RETURNING id, body, secret;
DELETE FROM crm.note USING crm.ticket AS t WHERE t.id = note.id AND t.id = 4 RETURNING note.id, secret, t.body;
DELETE FROM crm.note RETURNING note;
SELECT count(*) FROM crm.note;
ROLLBACK;
DELETE FROM crm.note WHERE secret LIKE '%1';
:state
DELETE FROM crm.note WHERE id = 1 RETURNING *;
:as_admin
SELECT count(*) FROM crm.note;

--
-- ON CONFLICT: needs every action that it can perform
--
:as_agent
INSERT INTO crm.note (id, body) VALUES (2, 'conflict') ON CONFLICT (id) DO NOTHING;
INSERT INTO crm.note (id, body) VALUES (2, 'conflict') ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING id, body, secret;
INSERT INTO crm.note (id, body) VALUES (1, 'conflict') ON CONFLICT (id) DO UPDATE SET body = excluded.body;
:state
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET tenant = 'globex';
:state
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET secret = 'x';
:state
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = note.secret;
:state
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET score = 1 WHERE note.secret LIKE '%';
:state
:as_admin
SELECT contauth.enable_policy('note_update', false) \g /dev/null
:as_agent
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO NOTHING;
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = 'x';
:state
:as_admin
SELECT contauth.enable_policy('note_update', true) \g /dev/null

--
-- nor is its WHERE asked about a row that is hidden
--
SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.asked(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'asked about %', $1; RETURN true; END $$;
RESET ROLE;
SELECT contauth.create_policy('asked', 'permit', actions => '{execute}', resources => '{function:crm.asked}') \g /dev/null
:as_agent
INSERT INTO crm.note (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE crm.asked(note.body);
:state
INSERT INTO crm.note (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE note.body = 'body1';
:state
INSERT INTO crm.note (id, body) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE note.body = 'other';
:state
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = note.body WHERE crm.asked(note.body);
INSERT INTO crm.note (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET body = note.body WHERE note.body = 'other';
:as_admin

--
-- MERGE: needs every action that it can perform; filters and masks are in merge.sql
--
CREATE TABLE crm.stock (id int PRIMARY KEY, amount int);
INSERT INTO crm.stock VALUES (1, 10), (2, 20);
GRANT ALL ON crm.stock TO regress_contauth_agent;
SELECT contauth.create_policy('stock', 'permit', actions => '{select,insert,update,delete}', resources => '{crm.stock}') \g /dev/null
:as_agent
BEGIN;
MERGE INTO crm.stock AS s USING crm.ticket AS t ON s.id = t.id
    WHEN MATCHED THEN UPDATE SET amount = 77
    WHEN NOT MATCHED THEN INSERT VALUES (t.id, 0);
SELECT * FROM crm.stock ORDER BY id;
MERGE INTO crm.stock AS s USING (VALUES (1)) AS v (id) ON s.id = v.id WHEN MATCHED THEN DELETE;
SELECT count(*) FROM crm.stock;
ROLLBACK;
-- masked and filtered sources
BEGIN;
MERGE INTO crm.stock AS s USING crm.customer AS c ON s.id = c.id
    WHEN NOT MATCHED THEN INSERT VALUES (c.id, length(c.ssn));
SELECT * FROM crm.stock ORDER BY id;
ROLLBACK;
MERGE INTO crm.stock AS s USING (SELECT id, notes FROM crm.customer) AS c ON s.id = c.id
    WHEN MATCHED THEN UPDATE SET amount = length(c.notes);
:state
:as_admin
SELECT contauth.alter_policy('stock', '{"actions": ["select", "update", "insert"]}') \g /dev/null
:as_agent
MERGE INTO crm.stock AS s USING (VALUES (1)) AS v (id) ON s.id = v.id WHEN MATCHED AND false THEN DELETE;
:state
:as_admin
SELECT contauth.alter_policy('stock', '{"actions": ["select", "delete"]}') \g /dev/null
:as_agent
MERGE INTO crm.stock AS s USING (VALUES (1)) AS v (id) ON s.id = v.id WHEN MATCHED AND false THEN UPDATE SET amount = 0;
:state
MERGE INTO crm.stock AS s USING (VALUES (1)) AS v (id) ON s.id = v.id WHEN NOT MATCHED THEN INSERT VALUES (1, 1);
:state
MERGE INTO crm.stock AS s USING (VALUES (1)) AS v (id) ON s.id = v.id WHEN MATCHED THEN DO NOTHING;
:as_admin

--
-- a view that triggers write: its rows are nobody's that a filter could be put to
--
CREATE VIEW crm.stock_view AS SELECT id, amount FROM crm.stock;
CREATE FUNCTION crm.stock_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER w INSTEAD OF INSERT OR UPDATE ON crm.stock_view FOR EACH ROW EXECUTE FUNCTION crm.stock_write();
GRANT ALL ON crm.stock_view TO regress_contauth_agent;
SELECT contauth.alter_policy('stock', '{"actions": ["select"]}'),
       contauth.create_policy('stock_view', 'permit', actions => '{select,insert,update}', resources => '{crm.stock_view}'),
       contauth.create_policy('stock_write', 'permit', actions => '{execute}', resources => '{function:crm.stock_write}') \g /dev/null
:as_agent
INSERT INTO crm.stock_view VALUES (9, 9);
:state
UPDATE crm.stock_view SET amount = 9 WHERE id = 1;
:state
:as_admin
SELECT contauth.alter_policy('stock_view', '{"row_filter": "id < 9"}') \g /dev/null
:as_agent
INSERT INTO crm.stock_view VALUES (9, 9);
:state
:as_admin
SELECT contauth.alter_policy('stock_view', '{"row_filter": null, "masks": {"crm.stock_view.amount": "null"}}') \g /dev/null
:as_agent
INSERT INTO crm.stock_view (id) VALUES (9);
:state
:as_admin

--
-- TRUNCATE removes the rows that a filter hides, too
--
SELECT contauth.create_policy('empty', 'permit', actions => '{truncate}', resources => '{crm.stock}') \g /dev/null
:as_agent
BEGIN;
TRUNCATE crm.stock;
ROLLBACK;
TRUNCATE crm.stock CASCADE;
:state
:as_admin
SELECT contauth.alter_policy('empty', '{"row_filter": "id < 9"}') \g /dev/null
:as_agent
TRUNCATE crm.stock;
:state
:as_admin
SELECT contauth.alter_policy('empty', '{"row_filter": null, "masks": {"crm.stock.amount": "null"}}') \g /dev/null
:as_agent
TRUNCATE crm.stock;
:state
:as_admin

--
-- row locks
--
:as_agent
BEGIN;
SELECT id, secret FROM crm.note ORDER BY id FOR UPDATE;
SELECT id, secret FROM crm.note ORDER BY id FOR SHARE SKIP LOCKED;
SELECT n.id, n.secret, t.body FROM crm.note AS n JOIN crm.ticket AS t ON t.id = n.id ORDER BY 1 FOR NO KEY UPDATE OF n;
SELECT x.id, x.secret FROM (SELECT * FROM crm.note FOR UPDATE) AS x ORDER BY 1;
SELECT n FROM crm.note AS n WHERE id = 2 FOR UPDATE;
ROLLBACK;
SELECT id FROM crm.ticket FOR UPDATE;
:state
:as_admin

--
-- COPY: out needs export and is masked and filtered; in is refused past a filter
--
CREATE TABLE crm.document (id int, tenant text, body text, secret text);
INSERT INTO crm.document SELECT id, tenant, body, secret FROM crm.note ORDER BY id;
CREATE VIEW crm.document_view AS SELECT id, secret FROM crm.document;
GRANT ALL ON crm.document, crm.document_view TO regress_contauth_agent;
SELECT contauth.create_policy('documents', 'permit', actions => '{select,update}', resources => '{crm.document}',
    row_filter => $$ tenant = contauth.claim('tenant') $$, masks => '{"crm.document.secret": "redact"}') \g /dev/null
SELECT contauth.create_policy('exports', 'permit', actions => '{export}', resources => '{crm.document}') \g /dev/null
:as_agent
COPY crm.document TO STDOUT;
COPY crm.document (id, secret) TO STDOUT WITH (FORMAT csv, HEADER);
COPY (SELECT id, secret FROM crm.document WHERE id > 2 ORDER BY id) TO STDOUT;
COPY (UPDATE crm.document SET body = 'x' WHERE id < 3 RETURNING id, secret) TO STDOUT;
COPY (SELECT * FROM crm.document_view ORDER BY id) TO STDOUT;
\copy crm.document (id, secret) to '/dev/null'
COPY crm.customer TO STDOUT;
:state
COPY (SELECT id FROM crm.customer) TO STDOUT;
:state
\copy crm.note (id, body) from '/dev/null'
:state
COPY crm.note TO '/tmp/regress_contauth';
:state
COPY crm.note TO PROGRAM 'cat';
:state
COPY crm.note FROM '/etc/hostname';
:state
:as_admin
SELECT contauth.create_policy('loads', 'permit', actions => '{copy_in,insert}', resources => '{crm.ticket}') \g /dev/null
:as_agent
\copy crm.ticket (id, tenant, body) from '/dev/null'
COPY crm.ticket (id, tenant, body) FROM STDIN;
7	acme	loaded
\.
SELECT id, body FROM crm.ticket WHERE id = 7;
:as_admin

--
-- integrity checks are not hindered by a filter
--
SET ROLE regress_contauth_owner;
CREATE TABLE crm.owner (id int PRIMARY KEY, tenant text);
CREATE TABLE crm.owned (id int PRIMARY KEY, owner_id int REFERENCES crm.owner, tenant text);
INSERT INTO crm.owner VALUES (1, 'acme'), (2, 'globex'), (3, 'acme');
INSERT INTO crm.owned VALUES (1, 1, 'globex');
GRANT ALL ON crm.owner, crm.owned TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('owner', 'permit', actions => '{select,insert,update,delete}', resources => '{crm.owner, crm.owned}',
    row_filter => $$ tenant = contauth.claim('tenant') $$) \g /dev/null
:as_agent
-- the row that it refers to is hidden, but it is there
INSERT INTO crm.owned VALUES (4, 2, 'acme');
INSERT INTO crm.owned VALUES (5, 9, 'acme');
:state
-- the row that refers to it is hidden, but it is there
DELETE FROM crm.owner WHERE id = 1;
:state
DELETE FROM crm.owner WHERE id = 3 RETURNING id;
:as_admin

\set ECHO none
\i :teardown
