-- Referential actions: decided with the write that sets them off.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE TABLE crm.parent (id int PRIMARY KEY, code int UNIQUE, name text);
INSERT INTO crm.parent SELECT i, i, 'p' || i FROM generate_series(0, 9) AS i;
CREATE TABLE crm.child (id int PRIMARY KEY, parent_id int REFERENCES crm.parent ON DELETE CASCADE, tenant text, note text);
CREATE TABLE crm.grandchild (child_id int REFERENCES crm.child ON DELETE CASCADE);
CREATE TABLE crm.nulls (parent_id int REFERENCES crm.parent ON DELETE SET NULL);
CREATE TABLE crm.defaults (parent_id int DEFAULT 0 REFERENCES crm.parent ON DELETE SET DEFAULT);
CREATE TABLE crm.renamed (parent_code int REFERENCES crm.parent (code) ON UPDATE CASCADE);
CREATE TABLE crm.checked (parent_id int REFERENCES crm.parent);
INSERT INTO crm.child SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'RAW' || 'NOTE' FROM generate_series(1, 3) AS i;
INSERT INTO crm.grandchild VALUES (1), (2);
INSERT INTO crm.nulls VALUES (4);
INSERT INTO crm.defaults VALUES (5);
INSERT INTO crm.renamed VALUES (6);
INSERT INTO crm.checked VALUES (7);
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('parent', 'permit', actions => '{select,update,delete}', resources => '{crm.parent}') \g /dev/null

--
-- what may not be written itself cannot be reached through a foreign key
--
:as_agent
DELETE FROM crm.parent WHERE id = 1;
:state
DELETE FROM crm.parent WHERE id = 9;
:state
UPDATE crm.parent SET code = 60 WHERE id = 6;
:state
-- an update of columns that nothing refers to sets nothing off
UPDATE crm.parent SET name = 'changed' WHERE id = 1 RETURNING name;
SELECT count(*) FROM crm.parent;
:as_admin
-- each relation counts, and the last one too
SELECT contauth.create_policy('child', 'permit', actions => '{select,delete}', resources => '{crm.child}') \g /dev/null
SELECT contauth.create_policy('others', 'permit', actions => '{select,update}', resources => '{crm.nulls, crm.defaults}') \g /dev/null
:as_agent
DELETE FROM crm.parent WHERE id = 1;
:state
:as_admin
SELECT contauth.create_policy('grandchild', 'permit', actions => '{select,delete}', resources => '{crm.grandchild}') \g /dev/null
:as_agent
BEGIN;
DELETE FROM crm.parent WHERE id IN (1, 4, 5) RETURNING id;
SELECT count(*) AS children FROM crm.child;
SELECT count(*) AS grandchildren FROM crm.grandchild;
SELECT * FROM crm.nulls, crm.defaults AS d;
ROLLBACK;
-- what only checks stays a check
DELETE FROM crm.parent WHERE id = 7;
:state
UPDATE crm.parent SET code = 60 WHERE id = 6;
:state
:as_admin
SELECT contauth.create_policy('renamed', 'permit', actions => '{select,update}', resources => '{crm.renamed}') \g /dev/null
:as_agent
BEGIN;
UPDATE crm.parent SET code = 60 WHERE id = 6 RETURNING code;
SELECT * FROM crm.renamed;
ROLLBACK;
:as_admin
-- a column that may not be written
SELECT contauth.alter_policy('others', '{"actions": ["select"]}') \g /dev/null
:as_agent
DELETE FROM crm.parent WHERE id = 4;
:state
:as_admin
SELECT contauth.alter_policy('others', '{"actions": ["select", "update"]}') \g /dev/null
-- a forbid
SELECT contauth.create_policy('no_grandchild', 'forbid', actions => '{delete}', resources => '{crm.grandchild}') \g /dev/null
:as_agent
DELETE FROM crm.parent WHERE id = 1;
:state
:as_admin
SELECT contauth.drop_policy('no_grandchild') \g /dev/null
-- a filter: rows behind it would go with the others
SELECT contauth.alter_policy('child', $${"row_filter": "tenant = contauth.claim('tenant')"}$$) \g /dev/null
:as_agent
DELETE FROM crm.parent WHERE id = 1;
:state
DELETE FROM crm.child WHERE id = 2 RETURNING id;
:as_admin
SELECT (SELECT count(*) FROM crm.parent) AS parents, (SELECT count(*) FROM crm.child) AS children;
-- a person's cascade goes on as ever
DELETE FROM crm.parent WHERE id = 1;
SELECT (SELECT count(*) FROM crm.parent) AS parents, (SELECT count(*) FROM crm.child) AS children;

\set ECHO none
\i :teardown
