-- What test/bench/all, audit and instructions read, the same on every server; psql
-- variables rows: how many; jwks, where contauth is loaded: the issuer's keys.
--
-- customer, secured and guarded hold the same rows.  One tenant's are numbered from 1 to
-- :rows; a thousand of another follow, which no filter lets through.
CREATE ROLE bench_person LOGIN;
CREATE SCHEMA bench;
CREATE TABLE bench.customer (id int PRIMARY KEY, tenant text, name text, email text,
                             ssn text, phone text, amount numeric);
INSERT INTO bench.customer
SELECT i, CASE WHEN i <= :rows THEN 'acme' ELSE 'globex' END, 'name' || i,
       'mail' || i || '@example.com', lpad(i::text, 9, '0'), '555-' || i, i % 1000
  FROM generate_series(1, :rows + 1000) AS i;
CREATE TABLE bench.guarded (LIKE bench.customer INCLUDING ALL);
INSERT INTO bench.guarded SELECT * FROM bench.customer;

-- what people use instead: row-level security by a setting, and a view that masks
CREATE TABLE bench.secured (LIKE bench.customer INCLUDING ALL);
INSERT INTO bench.secured SELECT * FROM bench.customer;
ALTER TABLE bench.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bench.secured USING (tenant = current_setting('app.tenant'));
CREATE VIEW bench.shown WITH (security_invoker) AS
SELECT id, tenant, left(name, 1) || repeat('*', length(name) - 1) AS name,
       left(email, 1) || '***@' || split_part(email, '@', 2) AS email,
       repeat('*', length(ssn) - 4) || right(ssn, 4) AS ssn,
       '[redacted]'::text AS phone, amount
  FROM bench.secured;

-- and an audit as they build it: a function in place of the table, which writes down
-- who read what before it returns the row
CREATE TABLE bench.log (id bigserial PRIMARY KEY, at timestamptz, role text, application text,
                        address inet, statement text, detail jsonb);
CREATE FUNCTION bench.read_customer(wanted int) RETURNS SETOF bench.customer
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.log (at, role, application, address, statement, detail)
    VALUES (clock_timestamp(), session_user, current_setting('application_name'),
            inet_client_addr(), current_query(),
            jsonb_build_object('relation', 'bench.customer', 'action', 'select', 'id', wanted));
    RETURN QUERY SELECT * FROM bench.customer WHERE id = wanted;
END $$;

CREATE TABLE bench.accounts (aid int PRIMARY KEY, bid int, balance int, filler char(84))
    WITH (fillfactor = 90);
INSERT INTO bench.accounts SELECT i, 1, 0, '' FROM generate_series(1, 100000) AS i;
CREATE TABLE bench.tellers (tid int PRIMARY KEY, bid int, balance int, filler char(84))
    WITH (fillfactor = 50);
INSERT INTO bench.tellers SELECT i, 1, 0, '' FROM generate_series(1, 10) AS i;
CREATE TABLE bench.branches (bid int PRIMARY KEY, balance int, filler char(88))
    WITH (fillfactor = 50);
INSERT INTO bench.branches VALUES (1, 0, '');
CREATE TABLE bench.history (tid int, bid int, aid int, delta int, at timestamptz);
VACUUM ANALYZE;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bench TO PUBLIC;
GRANT USAGE ON SEQUENCE bench.log_id_seq TO PUBLIC;

\if :{?jwks}
CREATE EXTENSION contauth;
CREATE ROLE bench_agent LOGIN;
CREATE ROLE bench_strict LOGIN;
CREATE ROLE bench_pool LOGIN;
ALTER ROLE bench_strict SET contauth.audit_durability = strict;
ALTER ROLE bench_pool SET contauth.identity_scope = transaction;
SELECT contauth.enroll_role(r) FROM unnest('{bench_agent,bench_strict,bench_pool}'::regrole[]) AS r;
SELECT contauth.add_issuer('https://bench.example', 'bench.example', :'jwks');
SELECT contauth.register_agent('spiffe://bench.example/agent/7',
                               '{bench_agent,bench_strict,bench_pool}', 'bench', 2);
SELECT contauth.create_policy('all', 'permit', actions => '{select,insert,update}',
    resources => '{bench.customer,bench.accounts,bench.tellers,bench.branches,bench.history}');
SELECT contauth.create_policy('some', 'permit', actions => '{select}', resources => '{bench.guarded}',
    condition => 'ctx.autonomy <= 3', row_filter => $$tenant = contauth.claim('tenant')$$,
    masks => '{"bench.guarded.name": "partial(1,0)", "bench.guarded.email": "email",
               "bench.guarded.ssn": "partial(0,4)", "bench.guarded.phone": "redact"}');
\endif
