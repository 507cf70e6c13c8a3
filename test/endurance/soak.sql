-- What the agents of test/soak work on.  psql variable jwks: the issuer's keys.
-- Whatever an agent may never receive contains "RAW".
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE EXTENSION contauth;
CREATE ROLE soak_strict LOGIN;
CREATE ROLE soak_async LOGIN;
CREATE ROLE soak_approver LOGIN IN ROLE contauth_approver;
SELECT contauth.enroll_role('soak_strict'), contauth.enroll_role('soak_async');
ALTER ROLE soak_strict SET contauth.audit_durability = strict;
CREATE SCHEMA app;
CREATE TABLE app.customer (
    id integer PRIMARY KEY, tenant text NOT NULL, name text NOT NULL,
    email text, ssn text, notes text, balance numeric);
INSERT INTO app.customer
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
       CASE WHEN i % 2 = 0 THEN 'name' ELSE 'RAWNAME' END || i,
       'RAWMAIL' || i || '@example.com', 'RAW-SSN-' || i, 'RAWNOTE' || i, i * 10
  FROM generate_series(1, 400) AS i;
CREATE TABLE app.ticket (
    id integer PRIMARY KEY, customer_id integer REFERENCES app.customer,
    tenant text NOT NULL, body text) WITH (fillfactor = 50);
INSERT INTO app.ticket
SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
       CASE WHEN i % 2 = 0 THEN 'body' ELSE 'RAWBODY' END || i
  FROM generate_series(1, 400) AS i;
CREATE TABLE app.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, note text);
CREATE TABLE app.upload (tenant text, line text);
CREATE TABLE app.toggle (n integer);
CREATE TABLE app.ledger (n integer);
CREATE TABLE app.few (n integer);
INSERT INTO app.toggle VALUES (1);
INSERT INTO app.ledger VALUES (1);
INSERT INTO app.few SELECT generate_series(1, 10);
CREATE VIEW app.contact AS SELECT id, name, email FROM app.customer;
CREATE FUNCTION app.total(most integer) RETURNS numeric LANGUAGE plpgsql STABLE AS
    $$ BEGIN RETURN (SELECT sum(balance) FROM app.customer WHERE id <= most); END $$;
CREATE FUNCTION app.names() RETURNS SETOF text LANGUAGE sql STABLE AS
    $$ SELECT name FROM app.customer WHERE id < 20 $$;
CREATE FUNCTION app.swallow() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT notes FROM app.customer LIMIT 1);
EXCEPTION WHEN insufficient_privilege THEN
    RETURN 'swallowed';
END
$$;
ANALYZE;
GRANT USAGE ON SCHEMA app TO soak_strict, soak_async;
GRANT ALL ON ALL TABLES IN SCHEMA app TO soak_strict, soak_async;
SELECT contauth.add_issuer('https://soak.example', 'soak.example', :'jwks');
SELECT contauth.register_agent('spiffe://soak.example/agent/' || i, '{soak_strict, soak_async}',
                               'soak', 2)
  FROM generate_series(0, 9) AS i;

SELECT contauth.create_policy('reads', 'permit', actions => '{select, export}',
    resources => '{"app.customer(id,tenant,name,email,ssn,balance)", app.ticket}',
    row_filter => $$ tenant = contauth.claim('tenant') $$,
    masks => '{"app.customer.email": "email", "app.customer.ssn": "partial(0,1)"}');
SELECT contauth.create_policy('reads_view', 'permit', actions => '{select}',
    resources => '{app.contact}');
SELECT contauth.create_policy('answers', 'permit', actions => '{update}',
    resources => '{app.ticket(body)}', row_filter => $$ tenant = contauth.claim('tenant') $$);
SELECT contauth.create_policy('events', 'permit', actions => '{select, insert, delete}',
    resources => '{app.event}', row_filter => $$ tenant = contauth.claim('tenant') $$);
SELECT contauth.create_policy('uploads', 'permit', actions => '{insert, copy_in}',
    resources => '{app.upload}');
SELECT contauth.create_policy('calls', 'permit', actions => '{execute}',
    resources => '{function:app.*}');
SELECT contauth.create_policy('by_day', 'permit', actions => '{select}', resources => '{app.toggle}',
    condition => $$ ctx.statements_1m >= 0 AND ctx.now > '2020-01-01' $$);
SELECT contauth.create_policy('toggle', 'forbid', resources => '{app.toggle}');
SELECT contauth.create_policy('few', 'permit', actions => '{select}', resources => '{app.few}',
    limits => '{"rows_per_statement": 3}');
SELECT contauth.create_policy('ledger', 'permit', actions => '{select}', resources => '{app.ledger}');
SELECT contauth.create_policy('ledger_asks', 'escalate', actions => '{select}',
    resources => '{app.ledger}');
