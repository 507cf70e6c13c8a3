-- Foreign tables: masked, filtered, and what is written checked, alone and as
-- partitions.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
SET client_min_messages = warning;
CREATE EXTENSION postgres_fdw;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw;
SELECT format('ALTER SERVER loopback OPTIONS (host %L, port %L, dbname %L)',
    split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database()) \gexec
SELECT format('CREATE USER MAPPING FOR %s SERVER loopback OPTIONS (user %L, password_required ''false'')', r, :'superuser')
  FROM unnest('{regress_contauth_agent,regress_contauth_owner,CURRENT_USER}'::text[]) AS r \gexec
RESET client_min_messages;
\set ECHO all
CREATE TABLE crm.far (id int PRIMARY KEY, tenant text, secret text);
INSERT INTO crm.far SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'RAW' || 'FAR' || i FROM generate_series(1, 4) AS i;
CREATE FOREIGN TABLE crm.near (id int, tenant text, secret text) SERVER loopback OPTIONS (schema_name 'crm', table_name 'far');
CREATE TABLE crm.mixed (id int, tenant text, secret text) PARTITION BY LIST (tenant);
CREATE FOREIGN TABLE crm.mixed_acme PARTITION OF crm.mixed FOR VALUES IN ('acme') SERVER loopback OPTIONS (schema_name 'crm', table_name 'far');
CREATE TABLE crm.mixed_rest PARTITION OF crm.mixed DEFAULT;
INSERT INTO crm.mixed_rest VALUES (11, 'globex', 'RAWREST11');
GRANT ALL ON crm.near, crm.mixed, crm.mixed_acme, crm.mixed_rest TO regress_contauth_agent;
SELECT contauth.create_policy('near', 'permit', actions => '{select,insert,update,delete}', resources => '{crm.near, crm.mixed}',
    row_filter => $$ tenant = contauth.claim('tenant') $$,
    masks => '{"crm.near.secret": "redact", "crm.mixed.secret": "redact"}') \g /dev/null
:as_agent
SELECT * FROM crm.near ORDER BY id;
SELECT n.* FROM crm.near AS n JOIN crm.ticket AS t USING (id) WHERE secret LIKE '%RAW%' OR n.id = 2;
SELECT count(*), max(secret) FROM crm.near;
INSERT INTO crm.near (id, tenant) VALUES (6, 'acme') RETURNING *;
UPDATE crm.near SET id = 8 WHERE id = 6 RETURNING *;
DELETE FROM crm.near WHERE id IN (1, 8) RETURNING id, secret;
INSERT INTO crm.near (id, tenant) VALUES (7, 'globex');
:state
UPDATE crm.near SET tenant = 'globex' WHERE id = 2;
:state
UPDATE crm.near SET id = 9 WHERE secret LIKE 'RAW%';
:state
SELECT id FROM crm.near WHERE id = 2 FOR UPDATE;
SELECT * FROM crm.mixed ORDER BY id;
INSERT INTO crm.mixed (id, tenant) VALUES (12, 'acme');
INSERT INTO crm.mixed (id, tenant) VALUES (12, 'globex');
:state
UPDATE crm.mixed SET tenant = 'globex' WHERE id = 12;
:state
UPDATE crm.mixed SET id = 14 WHERE id = 12;
-- a partition read by itself needs a permit of its own
SELECT * FROM crm.mixed_acme;
:state
:as_admin
SELECT * FROM crm.far ORDER BY id;
SELECT id, tenant FROM crm.mixed_rest;
\set ECHO none
SET client_min_messages = error;
DROP EXTENSION postgres_fdw CASCADE;
\i :teardown
