-- What test/bench/audit and test/bench/instructions read; psql variables jwks: the
-- issuer's keys, rows: how many.  Two tables with the same rows: of customer the agent
-- sees all, of guarded one tenant's, with four columns masked.
CREATE EXTENSION contauth;
CREATE EXTENSION pgaudit;
CREATE ROLE bench_plain LOGIN;
CREATE ROLE bench_pgaudit LOGIN;
CREATE ROLE bench_inserts LOGIN;
CREATE ROLE bench_contauth LOGIN;
CREATE ROLE bench_strict LOGIN;
ALTER ROLE bench_pgaudit SET pgaudit.log = 'read';
ALTER ROLE bench_strict SET contauth.audit_durability = strict;
SELECT contauth.enroll_role('bench_contauth'), contauth.enroll_role('bench_strict');
SELECT contauth.add_issuer('https://bench.example', 'bench.example', :'jwks');
SELECT contauth.register_agent('spiffe://bench.example/agent/7', '{bench_contauth,bench_strict}', 'bench', 2);

CREATE SCHEMA bench;
CREATE TABLE bench.customer (id int PRIMARY KEY, tenant text, name text, email text,
                             ssn text, phone text);
INSERT INTO bench.customer
SELECT i, 'acme', 'name' || i, 'mail' || i || '@example.com', lpad(i::text, 9, '0'), '555-' || i
  FROM generate_series(1, :rows) AS i;
CREATE TABLE bench.guarded (LIKE bench.customer INCLUDING ALL);
INSERT INTO bench.guarded SELECT * FROM bench.customer;
VACUUM ANALYZE bench.customer, bench.guarded;

-- an audit as people build it: a function in place of the table, which writes down
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

GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT ON bench.customer, bench.guarded TO PUBLIC;
GRANT INSERT ON bench.log TO bench_inserts;
GRANT USAGE ON SEQUENCE bench.log_id_seq TO bench_inserts;
SELECT contauth.create_policy('all', 'permit', actions => '{select}', resources => '{bench.customer}');
SELECT contauth.create_policy('some', 'permit', actions => '{select}', resources => '{bench.guarded}',
    condition => 'ctx.autonomy <= 3', row_filter => $$tenant = contauth.claim('tenant')$$,
    masks => '{"bench.guarded.name": "partial(1,0)", "bench.guarded.email": "email",
               "bench.guarded.ssn": "partial(0,4)", "bench.guarded.phone": "redact"}');
