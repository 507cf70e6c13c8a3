-- Utility statements: an allow-list; everything else is refused before it does
-- anything.

-- case: DO
-- expect: denied 42501
DO $$ BEGIN PERFORM 1; END $$;

-- case: DO that raises
-- expect: denied 42501
DO $$ DECLARE r text; BEGIN SELECT string_agg(notes, ',') INTO r FROM app.customer; RAISE NOTICE '%', r; END $$;

-- case: DO in a function
-- expect: denied 42501
SELECT app.super_do('DO $x$ BEGIN RAISE NOTICE ''%'', (SELECT max(secret) FROM app.vault); END $x$');

-- case: LOAD
-- expect: denied 42501
LOAD 'auto_explain';

-- case: LOAD by a function
-- expect: denied 42501
SELECT app.super_do('LOAD ''auto_explain''');

-- case: EXPLAIN
-- expect: allowed
EXPLAIN (VERBOSE, COSTS OFF) SELECT ssn, email, photo FROM app.customer WHERE name = 'x';

-- case: EXPLAIN in every format
-- expect: allowed
EXPLAIN (VERBOSE, SETTINGS, SUMMARY, FORMAT JSON) SELECT ssn FROM app.customer WHERE ssn = 'x';

-- case: EXPLAIN ANALYZE
-- expect: denied 42501
EXPLAIN ANALYZE SELECT * FROM app.v_some WHERE ssn = 'x';

-- case: EXPLAIN ANALYZE of a write
-- expect: denied 42501
EXPLAIN (ANALYZE, VERBOSE, BUFFERS, WAL) UPDATE app.customer SET name = 'x';

-- case: EXPLAIN of a closed table
-- expect: denied 42501
EXPLAIN SELECT * FROM app.vault;

-- case: EXPLAIN EXECUTE
-- expect: denied 42501
PREPARE p AS SELECT notes FROM app.customer;
EXPLAIN (VERBOSE) EXECUTE p;

-- case: EXPLAIN DECLARE CURSOR
-- expect: denied 42501
EXPLAIN DECLARE c CURSOR FOR SELECT notes FROM app.customer;

-- case: EXPLAIN CREATE TABLE AS
-- expect: denied 42501
EXPLAIN ANALYZE CREATE TABLE app.copy AS SELECT * FROM app.customer;

-- case: EXPLAIN runs no volatile function
-- expect: allowed
EXPLAIN SELECT app.super_run('SELECT secret FROM app.vault') || app.sql_notes(2);

-- case: EXPLAIN (GENERIC_PLAN)
-- expect: allowed
-- server: >=17
-- via: simple
EXPLAIN (GENERIC_PLAN) SELECT ssn FROM app.customer WHERE id = $1;

-- case: EXPLAIN (SERIALIZE, MEMORY)
-- expect: denied 42501
-- server: >=17
EXPLAIN (ANALYZE, SERIALIZE TEXT, MEMORY) SELECT ssn FROM app.customer;

-- case: ANALYZE
-- expect: denied 42501
ANALYZE app.customer;

-- case: ANALYZE VERBOSE
-- expect: denied 42501
ANALYZE VERBOSE app.customer;

-- case: VACUUM
-- expect: denied 42501
-- autocommit
VACUUM (VERBOSE, ANALYZE) app.customer;

-- case: CLUSTER
-- expect: denied 42501
-- autocommit
CLUSTER VERBOSE app.customer USING customer_pkey;

-- case: REINDEX
-- expect: denied 42501
-- autocommit
REINDEX TABLE app.customer;

-- case: CHECKPOINT
-- expect: denied 42501
CHECKPOINT;

-- case: LISTEN
-- expect: denied 42501
LISTEN contauth_approval;

-- case: LISTEN to a permitted channel
-- expect: allowed
LISTEN open;

-- case: NOTIFY
-- expect: denied 42501
NOTIFY closed, 'x';

-- case: pg_notify
-- expect: denied 42501
SELECT pg_notify('closed', string_agg(ssn, ',')) FROM app.customer;

-- case: NOTIFY a permitted channel
-- expect: allowed
NOTIFY open, 'x';

-- case: COPY TO
-- expect: denied 42501
COPY app.customer TO STDOUT;

-- case: COPY TO of covered columns
-- expect: allowed
-- shows: ***********002
COPY app.customer (id, tenant, email, ssn) TO STDOUT;

-- case: COPY TO, binary
-- expect: allowed
-- shows: ***********002
COPY app.customer (id, ssn) TO STDOUT (FORMAT binary);

-- case: COPY TO, CSV with header and quotes
-- expect: allowed
-- shows: ***********002
COPY app.customer (id, ssn, email) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *, DELIMITER ';');

-- case: COPY of a query
-- expect: allowed
-- shows: ***********002
COPY (SELECT id, ssn FROM app.v_some ORDER BY ssn) TO STDOUT;

-- case: COPY of what may be read, but not exported
-- expect: denied 42501
COPY (SELECT salary FROM app.customer) TO STDOUT;

-- case: COPY of a write's RETURNING
-- expect: denied 42501
COPY (UPDATE app.customer SET name = 'x' RETURNING notes) TO STDOUT;

-- case: COPY of a write's RETURNING, masked
-- expect: any
COPY (UPDATE app.customer SET name = 'x' RETURNING ssn, email) TO STDOUT;

-- case: COPY of a function
-- expect: any
COPY (SELECT app.sql_scalar(2), app.pl_ssn()) TO STDOUT;

-- case: COPY of a closed table
-- expect: denied 42501
COPY app.vault TO STDOUT;

-- case: COPY of a partition
-- expect: denied 42501
COPY app.event_2_rest TO STDOUT;

-- case: COPY of a partitioned table
-- expect: denied 42501 42809
COPY app.event TO STDOUT;

-- case: COPY of a parent table
-- expect: denied 42501
COPY app.parent TO STDOUT;

-- case: COPY of a matview
-- expect: denied 42501 42809
COPY app.m_customer TO STDOUT;

-- case: COPY of a foreign table
-- expect: denied 42501 42809
COPY app.f_vault TO STDOUT;

-- case: COPY of a view
-- expect: denied 42501 42809
COPY app.v_vault TO STDOUT;

-- case: COPY to a file
-- expect: denied 42501
COPY (SELECT 1) TO '/tmp/contauth_attack';

-- case: COPY to a program
-- expect: denied 42501
COPY (SELECT ssn FROM app.customer) TO PROGRAM 'cat > /tmp/contauth_attack';

-- case: COPY from a file
-- expect: denied 42501
COPY app.pad (line) FROM '${file}';

-- case: COPY from a program
-- expect: denied 42501
COPY app.pad (line) FROM PROGRAM 'cat ${file}';

-- case: COPY by a superuser's function
-- expect: denied 42501
SELECT app.super_do('COPY app.vault TO ''/tmp/contauth_attack''');

-- case: SECURITY LABEL
-- expect: denied 42501
SECURITY LABEL FOR contauth ON COLUMN app.customer.ssn IS NULL;

-- case: SECURITY LABEL by a superuser's function
-- expect: denied 42501
SELECT app.super_do('SECURITY LABEL FOR contauth ON COLUMN app.customer.ssn IS NULL');

-- case: ALTER SYSTEM
-- expect: denied 42501
-- autocommit
ALTER SYSTEM SET contauth.mode = 'off';

-- case: ALTER ROLE SET
-- expect: denied 42501
ALTER ROLE regress_contauth_agent SET contauth.mode = 'off';

-- case: ALTER ROLE of itself
-- expect: denied 42501
ALTER ROLE CURRENT_USER PASSWORD 'x';

-- case: ALTER ROLE by a superuser's function
-- expect: denied 42501
SELECT app.super_do('ALTER ROLE regress_contauth_agent SUPERUSER');

-- case: REVOKE contauth_agent by a superuser's function
-- expect: denied 42501
SELECT app.super_do('REVOKE contauth_agent FROM regress_contauth_agent');

-- case: ALTER DATABASE SET
-- expect: denied 42501
ALTER DATABASE postgres SET contauth.mode = 'off';

-- case: CREATE TABLE
-- expect: denied 42501
CREATE TABLE app.mine (id int);

-- case: CREATE TEMP TABLE
-- expect: denied 42501
CREATE TEMP TABLE mine (id int);

-- case: CREATE TABLE AS
-- expect: denied 42501
CREATE TABLE app.mine AS SELECT * FROM app.customer;

-- case: SELECT INTO
-- expect: denied 42501
SELECT ssn INTO app.mine FROM app.customer;

-- case: CREATE TABLE AS EXECUTE
-- expect: denied 42501
PREPARE p AS SELECT ssn FROM app.customer;
CREATE TEMP TABLE mine AS EXECUTE p;

-- case: CREATE TABLE LIKE
-- expect: denied 42501
CREATE TABLE app.mine (LIKE app.customer INCLUDING ALL);

-- case: CREATE TABLE with a foreign key to guess by
-- expect: denied 42501
CREATE TABLE app.mine (id int REFERENCES app.vault);

-- case: CREATE TABLE INHERITS
-- expect: denied 42501
CREATE TABLE app.mine () INHERITS (app.customer);

-- case: CREATE TABLE PARTITION OF
-- expect: denied 42501
CREATE TABLE app.mine PARTITION OF app.event FOR VALUES FROM (1000) TO (2000);

-- case: CREATE VIEW
-- expect: denied 42501
CREATE VIEW app.mine AS SELECT * FROM app.customer;

-- case: CREATE RECURSIVE VIEW
-- expect: denied 42501
CREATE RECURSIVE VIEW app.mine (n) AS SELECT 1;

-- case: CREATE OR REPLACE VIEW of the owner's
-- expect: denied 42501
CREATE OR REPLACE VIEW app.v_some AS SELECT id, name, notes AS ssn, salary FROM app.customer;

-- case: CREATE MATERIALIZED VIEW
-- expect: denied 42501
CREATE MATERIALIZED VIEW app.mine AS SELECT * FROM app.customer;

-- case: REFRESH MATERIALIZED VIEW
-- expect: denied 42501
REFRESH MATERIALIZED VIEW own.m;

-- case: CREATE FUNCTION
-- expect: denied 42501
CREATE FUNCTION app.mine() RETURNS text LANGUAGE sql AS 'SELECT max(notes) FROM app.customer';

-- case: CREATE OR REPLACE FUNCTION of the agent's own
-- expect: denied 42501
CREATE OR REPLACE FUNCTION own.definer() RETURNS SETOF text LANGUAGE sql AS 'SELECT notes FROM app.customer';

-- case: CREATE PROCEDURE
-- expect: denied 42501
CREATE PROCEDURE app.mine() LANGUAGE sql AS 'SELECT 1';

-- case: CREATE AGGREGATE
-- expect: denied 42501
CREATE AGGREGATE app.mine (text) (SFUNC = textcat, STYPE = text);

-- case: CREATE OPERATOR
-- expect: denied 42501
CREATE OPERATOR app.@@@ (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);

-- case: CREATE OPERATOR CLASS
-- expect: denied 42501
CREATE OPERATOR CLASS app.mine FOR TYPE text USING btree AS OPERATOR 1 <;

-- case: CREATE CAST
-- expect: denied 42501
CREATE CAST (own.pair AS text) WITH INOUT AS IMPLICIT;

-- case: CREATE TYPE
-- expect: denied 42501
CREATE TYPE app.mine AS (a text);

-- case: CREATE DOMAIN with a check that reads
-- expect: denied 42501
CREATE DOMAIN app.mine AS text CHECK (own.leak(VALUE));

-- case: CREATE TRIGGER
-- expect: denied 42501
CREATE TRIGGER mine BEFORE UPDATE ON app.customer FOR EACH ROW EXECUTE FUNCTION own.trigger();

-- case: CREATE TRIGGER with transition tables
-- expect: denied 42501
CREATE TRIGGER mine AFTER UPDATE ON app.customer REFERENCING OLD TABLE AS olds FOR EACH STATEMENT EXECUTE FUNCTION own.statement_trigger();

-- case: CREATE EVENT TRIGGER
-- expect: denied 42501
CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION own.trigger();

-- case: CREATE RULE
-- expect: denied 42501
CREATE RULE mine AS ON UPDATE TO app.customer DO ALSO INSERT INTO own.loot VALUES (old.notes);

-- case: CREATE POLICY
-- expect: denied 42501
CREATE POLICY mine ON app.guarded USING (own.leak(body));

-- case: CREATE INDEX with an expression
-- expect: denied 42501
CREATE INDEX ON app.customer (own.leak(notes));

-- case: CREATE STATISTICS
-- expect: denied 42501
CREATE STATISTICS app.mine (mcv) ON ssn, notes FROM app.customer;

-- case: CREATE SEQUENCE
-- expect: denied 42501
CREATE SEQUENCE app.mine;

-- case: CREATE SCHEMA with elements
-- expect: denied 42501
CREATE SCHEMA mine CREATE VIEW v AS SELECT * FROM app.customer;

-- case: CREATE EXTENSION
-- expect: denied 42501
CREATE EXTENSION xml2;

-- case: CREATE LANGUAGE
-- expect: denied 42501
CREATE LANGUAGE plperlu;

-- case: CREATE SERVER, USER MAPPING, FOREIGN TABLE
-- expect: denied 42501
CREATE SERVER mine FOREIGN DATA WRAPPER postgres_fdw;

-- case: CREATE USER MAPPING
-- expect: denied 42501
CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS (user 'postgres');

-- case: CREATE FOREIGN TABLE
-- expect: denied 42501
CREATE FOREIGN TABLE app.mine (secret text) SERVER loop OPTIONS (schema_name 'app', table_name 'vault');

-- case: IMPORT FOREIGN SCHEMA
-- expect: denied 42501
IMPORT FOREIGN SCHEMA app FROM SERVER loop INTO own;

-- case: CREATE PUBLICATION
-- expect: denied 42501
CREATE PUBLICATION mine FOR TABLE app.customer;

-- case: CREATE SUBSCRIPTION
-- expect: denied 42501
CREATE SUBSCRIPTION mine CONNECTION 'dbname=postgres' PUBLICATION p WITH (connect = false);

-- case: CREATE ROLE
-- expect: denied 42501
CREATE ROLE mine LOGIN;

-- case: CREATE DATABASE
-- expect: denied 42501
-- autocommit
CREATE DATABASE mine TEMPLATE postgres;

-- case: CREATE TABLESPACE
-- expect: denied 42501
-- autocommit
CREATE TABLESPACE mine LOCATION '/tmp';

-- case: CREATE ACCESS METHOD, CONVERSION, COLLATION, TEXT SEARCH
-- expect: denied 42501
CREATE CONVERSION app.mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- case: CREATE TEXT SEARCH DICTIONARY reads files
-- expect: denied 42501
CREATE TEXT SEARCH DICTIONARY app.mine (TEMPLATE = synonym, SYNONYMS = 'x');

-- case: CREATE TRANSFORM
-- expect: denied 42501
CREATE TRANSFORM FOR text LANGUAGE plpgsql (FROM SQL WITH FUNCTION own.leak(internal));

-- case: ALTER TABLE
-- expect: denied 42501
ALTER TABLE app.customer ALTER COLUMN ssn TYPE bytea USING own.leak(ssn)::text::bytea;

-- case: ALTER TABLE ENABLE RULE, DISABLE TRIGGER
-- expect: denied 42501
ALTER TABLE app.customer DISABLE TRIGGER ALL;

-- case: ALTER TABLE of the agent's own
-- expect: denied 42501
ALTER TABLE own.loot ADD CHECK (own.leak(line));

-- case: ALTER VIEW, OWNER TO, SET SCHEMA
-- expect: denied 42501
ALTER VIEW app.v_some SET (security_invoker = true);

-- case: ALTER FUNCTION
-- expect: denied 42501
ALTER FUNCTION app.definer_ssn() SET contauth.mode = 'off';

-- case: ALTER DEFAULT PRIVILEGES
-- expect: denied 42501
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;

-- case: ALTER EXTENSION
-- expect: denied 42501
ALTER EXTENSION contauth DROP TABLE contauth.policy;

-- case: DROP
-- expect: denied 42501
DROP TABLE app.pad;

-- case: DROP of the agent's own
-- expect: denied 42501
DROP FUNCTION own.definer();

-- case: DROP EXTENSION
-- expect: denied 42501
DROP EXTENSION contauth CASCADE;

-- case: DROP OWNED, REASSIGN OWNED
-- expect: denied 42501
DROP OWNED BY CURRENT_USER CASCADE;

-- case: REASSIGN OWNED
-- expect: denied 42501
REASSIGN OWNED BY CURRENT_USER TO regress_contauth_owner;

-- case: GRANT
-- expect: denied 42501
GRANT SELECT ON own.m TO PUBLIC;

-- case: GRANT a role
-- expect: denied 42501
GRANT regress_contauth_owner TO regress_contauth_human;

-- case: REVOKE
-- expect: denied 42501
REVOKE ALL ON own.loot FROM CURRENT_USER;

-- case: COMMENT
-- expect: denied 42501
COMMENT ON TABLE own.loot IS 'x';

-- case: PREPARE TRANSACTION
-- expect: denied 42501
PREPARE TRANSACTION 'mine';

-- case: COMMIT PREPARED
-- expect: denied 42501
-- autocommit
COMMIT PREPARED 'mine';

-- case: SET TRANSACTION SNAPSHOT
-- expect: any
SET TRANSACTION SNAPSHOT '00000003-0000001B-1';

-- case: SET CONSTRAINTS
-- expect: allowed
SET CONSTRAINTS ALL DEFERRED;

-- case: DDL by a function of a superuser
-- expect: denied 42501
SELECT app.super_do('CREATE TABLE app.mine AS SELECT * FROM app.customer');

-- case: DDL swallowed
-- expect: allowed
-- shows: 42501
SELECT app.pl_catch('CREATE TABLE app.mine AS SELECT * FROM app.vault');

-- case: transaction commands in a function
-- expect: error 0A000 2D000
SELECT app.pl_run('COMMIT');

-- case: pg_dump of all
-- expect: denied 42501
-- via: pg_dump
--inserts;

-- case: pg_dump of data only
-- expect: denied 42501
-- via: pg_dump
--data-only;

-- case: pg_dump of one table, all columns covered
-- expect: any
-- via: pg_dump
--data-only --table=app.account;

-- case: pg_dump of statistics
-- expect: any
-- via: pg_dump
-- server: >=18
--statistics-only;

-- case: replication connection
-- expect: fatal
-- connect: replication=database
SELECT ssn FROM app.customer;

-- case: physical replication connection
-- expect: fatal
-- connect: replication=true
SELECT ssn FROM app.customer;

-- case: EXPLAIN ANALYZE EXECUTE
-- expect: denied 42501
PREPARE p AS SELECT ssn FROM app.customer;
EXPLAIN ANALYZE EXECUTE p;

-- case: EXPLAIN ANALYZE EXECUTE of what has run before
-- expect: denied 42501
PREPARE p AS SELECT count(*) FROM app.visit;
EXECUTE p;
EXECUTE p;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE p;

-- case: EXPLAIN ANALYZE in a function
-- expect: denied 42501
SELECT app.pl_run('EXPLAIN ANALYZE SELECT * FROM app.visit');

-- case: EXPLAIN ANALYZE in a superuser's function
-- expect: denied 42501
SELECT app.super_run('EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM app.visit');

-- case: cursor with hold in a function
-- expect: denied 42501
SELECT app.pl_run('DECLARE c CURSOR WITH HOLD FOR SELECT 1');

-- case: COPY in a function
-- expect: error 42501 0A000
SELECT app.pl_run('COPY app.customer TO STDOUT');

-- case: LISTEN in a function
-- expect: denied 42501
SELECT app.super_do('LISTEN contauth_approval');
