-- What test/bench/statements reads; psql variable jwks: the issuer's keys.
CREATE EXTENSION contauth;
CREATE EXTENSION pgaudit;
CREATE ROLE bench_plain LOGIN;
CREATE ROLE bench_rls LOGIN;
CREATE ROLE bench_view LOGIN;
CREATE ROLE bench_pgaudit LOGIN;
CREATE ROLE bench_contauth LOGIN;
CREATE ROLE bench_forced LOGIN;
ALTER ROLE bench_pgaudit SET pgaudit.log = 'read';
ALTER ROLE bench_forced SET contauth.audit_durability = strict;
SELECT contauth.enroll_role('bench_contauth'), contauth.enroll_role('bench_forced');
SELECT contauth.add_issuer('https://bench.example', 'bench.example', :'jwks');
SELECT contauth.register_agent('spiffe://bench.example/agent/7', '{bench_contauth,bench_forced}', 'bench', 2);

CREATE SCHEMA bench;
CREATE TABLE bench.customer (id int PRIMARY KEY, tenant text, name text, email text,
                             ssn text, amount numeric);
INSERT INTO bench.customer
SELECT i, 'acme', 'name' || i, 'mail' || i || '@example.com', lpad(i::text, 9, '0'), i % 1000
  FROM generate_series(1, 1000000) AS i;
CREATE TABLE bench.secured (LIKE bench.customer INCLUDING ALL);
INSERT INTO bench.secured SELECT * FROM bench.customer;
ALTER TABLE bench.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON bench.secured USING (tenant = current_setting('app.tenant'));
CREATE VIEW bench.shown WITH (security_invoker) AS
SELECT id, tenant, name, substr(email, 1, 1) || '***@' || split_part(email, '@', 2) AS email,
       repeat('*', length(ssn) - 4) || right(ssn, 4) AS ssn, amount
  FROM bench.secured;
VACUUM ANALYZE bench.customer, bench.secured;
GRANT USAGE ON SCHEMA bench TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA bench TO PUBLIC;

SELECT contauth.create_policy('bench', 'permit', actions => '{select}', resources => '{bench.customer}',
    condition => 'ctx.autonomy <= 3', row_filter => $$tenant = contauth.claim('tenant')$$,
    masks => '{"bench.customer.email": "email", "bench.customer.ssn": "partial(0,4)"}');
