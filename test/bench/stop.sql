-- What test/bench/stop reads; psql variable jwks: the issuer's keys.
CREATE EXTENSION contauth;
CREATE ROLE bench_stop LOGIN;
CREATE SCHEMA bench;
CREATE TABLE bench.big (id int);
INSERT INTO bench.big SELECT generate_series(1, 20000);
GRANT USAGE ON SCHEMA bench TO bench_stop;
GRANT SELECT ON bench.big TO bench_stop;
ANALYZE bench.big;
SELECT contauth.enroll_role('bench_stop');
SELECT contauth.add_issuer('https://bench.example', 'bench.example', :'jwks');
SELECT contauth.register_agent('spiffe://bench.example/agent/7', '{bench_stop}', 'bench', 2);
SELECT contauth.create_policy('reads', 'permit', actions => '{select}', resources => '{bench.big}');
