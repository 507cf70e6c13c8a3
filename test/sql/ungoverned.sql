-- A role that is not governed notices nothing.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

GRANT USAGE, CREATE ON SCHEMA crm TO regress_contauth_plain;
\c - regress_contauth_plain
-- no identity, and none needed
SELECT contauth.whoami();
SELECT contauth.claim('tenant'), contauth.attribute('region');
-- ordinary SQL
CREATE TABLE crm.t (id int PRIMARY KEY, body text, ref int REFERENCES crm.t ON DELETE CASCADE);
INSERT INTO crm.t SELECT i, 'body' || i, NULLIF(i - 1, 0) FROM generate_series(1, 5) AS i;
SELECT * FROM crm.t ORDER BY id;
UPDATE crm.t SET body = upper(body) WHERE id > 3 RETURNING *;
INSERT INTO crm.t VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.body RETURNING *;
INSERT INTO crm.t VALUES (1, 'x');
:state
MERGE INTO crm.t USING (VALUES (2), (9)) AS s (id) ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET body = 'merged' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged');
DELETE FROM crm.t WHERE id = 4 RETURNING id;
SELECT * FROM crm.t ORDER BY id;
SELECT t, t.*, ctid IS NULL FROM crm.t ORDER BY id LIMIT 1;
CREATE INDEX t_body ON crm.t (body);
ANALYZE crm.t;
CREATE VIEW crm.v AS SELECT id, body FROM crm.t;
SELECT * FROM crm.v ORDER BY id;
CREATE FUNCTION crm.f(int) RETURNS SETOF crm.t LANGUAGE sql STABLE AS 'SELECT * FROM crm.t WHERE id <= $1';
SELECT * FROM crm.f(1);
CREATE FUNCTION crm.g() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    INSERT INTO crm.t VALUES (1, 'x');
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END
$$;
SELECT crm.g();
DO 'BEGIN PERFORM 1; END';
COPY crm.t TO STDOUT;
COPY crm.t (id, body) FROM STDIN;
20	copied
\.
COPY (SELECT body FROM crm.t WHERE id = 20) TO STDOUT;
PREPARE p(int) AS SELECT body FROM crm.t WHERE id = $1;
EXECUTE p(1);
EXECUTE p(2);
DEALLOCATE p;
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM crm.t ORDER BY id;
FETCH 2 FROM c;
COMMIT;
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
BEGIN;
SAVEPOINT s;
SELECT * FROM crm.nothing;
ROLLBACK TO s;
LOCK crm.t;
SELECT id FROM crm.t WHERE id = 1 FOR UPDATE;
COMMIT;
CREATE TEMP TABLE tmp AS SELECT * FROM crm.t;
SELECT count(*) FROM tmp;
WITH RECURSIVE r (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM r WHERE i < 3) SELECT sum(i) FROM r;
CREATE TABLE crm.part (id int, body text) PARTITION BY RANGE (id);
CREATE TABLE crm.part_1 PARTITION OF crm.part FOR VALUES FROM (0) TO (10);
INSERT INTO crm.part VALUES (1, 'a');
SELECT tableoid::regclass, * FROM crm.part;
TRUNCATE crm.part;
EXPLAIN (COSTS OFF) SELECT * FROM crm.part_1;
ALTER TABLE crm.t ADD extra int DEFAULT 7;
SELECT extra, count(*) FROM crm.t GROUP BY extra;
LISTEN x;
UNLISTEN x;
SET work_mem = '1MB';
RESET ALL;
DISCARD ALL;
-- labels and policies do not concern it
\c - :superuser
SELECT contauth.create_policy('nothing', 'forbid') \g /dev/null
GRANT SELECT ON crm.customer TO regress_contauth_plain;
\c - regress_contauth_plain
SELECT count(DISTINCT ssn), count(DISTINCT tenant) FROM crm.customer;
-- the extension's own tables, as they are granted
SELECT count(*) FROM contauth.policy;
:state
SELECT count(*) FROM contauth.agent;
:state
SELECT count(*) FROM contauth.secret;
:state
SELECT count(*) FROM contauth_audit.decision;
:state
SELECT contauth.create_policy('mine', 'permit');
:state
\c - regress_contauth_admin
SELECT count(*) > 0 AS some FROM contauth.policy;
SELECT count(*) FROM contauth.agent;
SELECT count(*) FROM contauth.issuer;
SELECT count(*) > 0 AS some FROM contauth.classification;
SELECT count(*) > 0 AS some FROM contauth.policy_version;
SELECT count(*) FROM contauth.secret;
:state
UPDATE contauth.agent SET autonomy = 5;
:state
DELETE FROM contauth.issuer;
:state
INSERT INTO contauth.classification VALUES ('regress', 1) RETURNING *;
DELETE FROM contauth.classification WHERE class = 'regress' RETURNING *;
\c - regress_contauth_auditor
SELECT count(*) > 0 AS some FROM contauth.policy;
INSERT INTO contauth.classification VALUES ('regress', 1);
:state
-- nothing of all that is recorded
SELECT contauth_audit.sync();
SELECT count(*) FROM contauth_audit.decision
 WHERE db_role IN ('regress_contauth_plain', 'regress_contauth_admin', 'regress_contauth_auditor');

-- a role that is not governed becomes so by presenting a token, and only until it is gone
\c - :superuser
SELECT contauth.drop_policy('nothing') \g /dev/null
SELECT contauth.register_agent('spiffe://acme.test/agent/root', '{regress_contauth_plain}', 'carol', 5) \g /dev/null
\c - regress_contauth_plain
SET contauth.token = :'token_root';
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT count(*) FROM crm.customer;
:state
DO 'BEGIN END';
:state
RESET contauth.token;
SELECT count(*) FROM crm.customer;
-- a token that is refused changes nothing
SET contauth.token = :'token_expired';
:state
SELECT count(*) FROM crm.customer;

\set ECHO none
\i :teardown
