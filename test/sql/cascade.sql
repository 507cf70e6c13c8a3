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

--
-- roundabout ways to a key: each is refused, nothing changes
--
\c - :superuser
CREATE TABLE crm.gen (id int PRIMARY KEY, base int, key int GENERATED ALWAYS AS (base * 10) STORED UNIQUE);
CREATE TABLE crm.gen_ref (key int REFERENCES crm.gen (key) ON UPDATE CASCADE);
CREATE TABLE crm.two (id int PRIMARY KEY);
CREATE TABLE crm.two_ref (a int REFERENCES crm.two ON DELETE SET NULL, b int REFERENCES crm.two ON DELETE SET NULL);
CREATE TABLE crm.top (id int PRIMARY KEY);
CREATE TABLE crm.heir (PRIMARY KEY (id)) INHERITS (crm.top);
CREATE TABLE crm.heir_ref (id int REFERENCES crm.heir ON DELETE CASCADE);
CREATE TABLE crm.root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE crm.part PARTITION OF crm.root FOR VALUES FROM (0) TO (10);
CREATE TABLE crm.part_ref (id int REFERENCES crm.part ON DELETE CASCADE);
CREATE TABLE crm.trig (id int PRIMARY KEY, v int);
CREATE TABLE crm.trig_ref (id int REFERENCES crm.trig ON UPDATE CASCADE);
CREATE FUNCTION crm.move_key() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id + 100; RETURN NEW; END$$;
CREATE TRIGGER move_key BEFORE UPDATE ON crm.trig FOR EACH ROW EXECUTE FUNCTION crm.move_key();
INSERT INTO crm.gen VALUES (1, 1);
INSERT INTO crm.gen_ref VALUES (10);
INSERT INTO crm.two VALUES (1);
INSERT INTO crm.two_ref VALUES (1, 1);
INSERT INTO crm.heir VALUES (1);
INSERT INTO crm.heir_ref VALUES (1);
INSERT INTO crm.root VALUES (1);
INSERT INTO crm.part_ref VALUES (1);
INSERT INTO crm.trig VALUES (1, 1);
INSERT INTO crm.trig_ref VALUES (1);
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent;
SELECT contauth.create_policy('round', 'permit', actions => '{select,update,delete}',
    resources => '{crm.gen,crm.two,crm.top,crm.root,crm.trig}') \g /dev/null
SELECT contauth.create_policy('round_a', 'permit', actions => '{update}',
    resources => '{crm.two_ref(a)}') \g /dev/null
:as_agent
UPDATE crm.gen SET base = 7;
:state
DELETE FROM crm.two;
:state
DELETE FROM crm.top;
:state
DELETE FROM crm.root;
:state
UPDATE crm.trig SET v = 2;
:state
:as_admin
SELECT (SELECT key FROM crm.gen_ref) AS gen, (SELECT t FROM crm.two_ref AS t) AS two,
       (SELECT count(*) FROM crm.heir_ref) AS heir, (SELECT count(*) FROM crm.part_ref) AS part,
       (SELECT id FROM crm.trig_ref) AS trig;
-- and with the permits that they need
SELECT contauth.create_policy('round_all', 'permit', actions => '{update,delete}',
    resources => '{crm.gen_ref,crm.two_ref,crm.heir_ref,crm.part_ref,crm.trig_ref}') \g /dev/null
:as_agent
UPDATE crm.gen SET base = 7;
DELETE FROM crm.two;
DELETE FROM crm.top;
DELETE FROM crm.root;
UPDATE crm.trig SET v = 2;
:as_admin
SELECT (SELECT key FROM crm.gen_ref) AS gen, (SELECT t FROM crm.two_ref AS t) AS two,
       (SELECT count(*) FROM crm.heir_ref) AS heir, (SELECT count(*) FROM crm.part_ref) AS part,
       (SELECT id FROM crm.trig_ref) AS trig;

\set ECHO none
\i :teardown
