-- Masks: every kind, every place.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE DOMAIN crm.code AS text CHECK (VALUE LIKE 'RAW%');
CREATE TABLE crm.m (
    id   int PRIMARY KEY,
    t    text,
    v    varchar(12),
    c    char(10),
    d    crm.code,
    n    numeric(10,2),
    i    int,
    b    boolean,
    dt   date,
    ts   timestamptz,
    j    jsonb,
    a    text[],
    u    uuid,
    by   bytea
);
INSERT INTO crm.m SELECT i, r || 'TEXT' || i, r || 'VC' || i, r || 'CH' || i, r || 'DOM' || i,
    1000 + i, 777000 + i, true, '2001-01-01', '2001-01-01 00:00+00', jsonb_build_object('k', r || 'JSON'),
    ARRAY[r || 'ARRAY'], 'deadbeef-0000-4000-8000-000000000000', convert_to(r || 'BYTES' || i, 'UTF8')
  FROM generate_series(1, 2) AS i, CAST('RAW' AS text) AS r;
INSERT INTO crm.m (id) VALUES (3);
INSERT INTO crm.m (id, t) VALUES (4, '');
GRANT ALL ON crm.m TO regress_contauth_agent;
CREATE TABLE crm.mail (id int, address text);
INSERT INTO crm.mail VALUES (1, 'RAW' || 'LOCAL@example.com'), (2, 'RAW' || 'NODOMAIN@'), (3, '@' || 'RAW' || 'DOMAIN'),
    (4, 'RAW' || 'PLAIN'), (5, 'x@' || 'RAW' || 'QUOTED@example.com'), (6, '@'), (7, NULL);
GRANT SELECT ON crm.mail TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('m', 'permit', actions => '{select,update,insert,delete}', resources => '{crm.m}')
\g /dev/null
SELECT contauth.create_policy('mail', 'permit', actions => '{select}', resources => '{crm.mail}',
    masks => '{"crm.mail.address": "email"}')
\g /dev/null
\set mask 'SELECT contauth.alter_policy(''m'', jsonb_build_object(''masks'', :''masks''::jsonb)) \\g /dev/null'

--
-- every kind and every type that it works for; NULL stays NULL
--
\set masks '{"crm.m.t": "null", "crm.m.v": "null", "crm.m.c": "null", "crm.m.d": "null", "crm.m.n": "null", "crm.m.i": "null", "crm.m.b": "null", "crm.m.dt": "null", "crm.m.ts": "null", "crm.m.j": "null", "crm.m.a": "null", "crm.m.u": "null", "crm.m.by": "null"}'
:mask
:as_agent
SELECT * FROM crm.m ORDER BY id;
:as_admin
\set masks '{"crm.m.t": "redact", "crm.m.v": "redact", "crm.m.c": "redact"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.m ORDER BY id;
:as_admin
\set masks '{"crm.m.t": "partial(1,2)", "crm.m.v": "partial(0,2)", "crm.m.c": "partial(2,0)"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.m ORDER BY id;
:as_admin
-- a value that would be shown as a whole is hidden as a whole
\set masks '{"crm.m.t": "partial(4,4)", "crm.m.v": "partial(0,0)", "crm.m.c": "partial(1000,1000)"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.m ORDER BY id;
:as_admin
\set masks '{"crm.m.t": "email", "crm.m.v": "email"}'
:mask
:as_agent
SELECT id, t, v FROM crm.m ORDER BY id;
-- (addresses, and what only looks like one)
SELECT email FROM crm.customer WHERE id = 2;
SELECT id, address FROM crm.mail ORDER BY id;
:as_admin
\set masks '{"crm.m.t": "constant(none)", "crm.m.v": "constant()", "crm.m.c": "constant(x)", "crm.m.n": "constant(1.5)", "crm.m.i": "constant(-1)", "crm.m.b": "constant(false)", "crm.m.dt": "constant(1970-01-01)", "crm.m.ts": "constant(1970-01-01 00:00+00)", "crm.m.j": "constant({\\"k\\": 0})", "crm.m.a": "constant({x})", "crm.m.u": "constant(00000000-0000-0000-0000-000000000000)", "crm.m.by": "constant(\\\\x00)"}'
:mask
:as_agent
SELECT id, t, v, c, n, i, b, dt, ts AT TIME ZONE 'UTC' AS ts, j, a, u, by FROM crm.m ORDER BY id;
:as_admin
-- hash: keyed, the same for the same value, unlike a plain hash
\set masks '{"crm.m.t": "hash", "crm.m.v": "hash", "crm.m.u": "hash", "crm.m.by": "hash", "crm.m.c": "hash"}'
:mask
:as_agent
SELECT id, t ~ '^[0-9a-f]{64}$' AS t, length(v) AS v, length(c) AS c, u::text LIKE '________-____-8___-____-____________' AS u, length(by) AS by FROM crm.m ORDER BY id;
SELECT count(DISTINCT t) AS different, count(DISTINCT u) AS same FROM crm.m WHERE id < 3;
SELECT count(*) AS joined FROM crm.m AS x JOIN crm.m AS y ON x.u = y.u;
SELECT count(*) AS guessed FROM crm.m WHERE t = encode(sha256(convert_to('RAW' || 'TEXT1', 'UTF8')), 'hex') OR t = md5('RAW' || 'TEXT1');
:as_admin
-- kinds that a type does not fit are refused when the policy is made
SELECT contauth.alter_policy('m', '{"masks": {"crm.m.d": "redact"}}');
:state
SELECT contauth.alter_policy('m', '{"masks": {"crm.m.i": "redact"}}');
:state
SELECT contauth.alter_policy('m', '{"masks": {"crm.m.j": "partial(1,1)"}}');
:state
SELECT contauth.alter_policy('m', '{"masks": {"crm.m.a": "email"}}');
:state
SELECT contauth.alter_policy('m', '{"masks": {"crm.m.n": "hash"}}');
:state
-- an agent gets nothing from a mask's function: no SQL makes the mark that it asks for
:as_agent
SELECT contauth.mask_hash('x', NULL), contauth.mask_redact('x', NULL),
       contauth.mask_partial('x', 1, 1, NULL), contauth.mask_email('x', NULL);
SELECT contauth.mask_hash('x'::text, ''::contauth.mask_call);
:state
SELECT contauth.mask_hash('x'::text, '1'::text::contauth.mask_call);
:state
SELECT contauth.mask_hash('x'::text, CAST(NULL AS internal));
:state
:as_admin

--
-- the strictest mask wins
--
\set masks '{"crm.m.t": "partial(1,1)"}'
:mask
SELECT contauth.create_policy('m2', 'permit', actions => '{select}', resources => '{crm.m(t)}',
    masks => '{"crm.m.t": "partial(3,3)"}') \g /dev/null
:as_agent
SELECT t FROM crm.m WHERE id = 1;
:as_admin
SELECT contauth.create_policy('m3', 'restrict', actions => '{select}', resources => '{crm.m}',
    masks => '{"crm.m.t": "redact"}') \g /dev/null
:as_agent
SELECT t FROM crm.m WHERE id = 1;
:as_admin
SELECT contauth.drop_policy('m2'), contauth.drop_policy('m3') \g /dev/null

--
-- every place: the agent only ever meets the masked value
--
\set masks '{"crm.m.t": "redact", "crm.m.v": "partial(0,2)", "crm.m.n": "constant(0)", "crm.m.d": "null"}'
:mask
:as_agent
-- WHERE
SELECT id FROM crm.m WHERE t = 'RAW' || 'TEXT1';
SELECT id FROM crm.m WHERE t = '[redacted]' ORDER BY id;
SELECT id FROM crm.m WHERE t LIKE 'RAW' || '%';
SELECT id FROM crm.m WHERE n > 0;
SELECT id FROM crm.m WHERE t IS NULL;
SELECT id FROM crm.m WHERE d IS NOT NULL;
-- select list: expressions, casts, functions
SELECT upper(t), t || '!', t::varchar(4), length(t), md5(t), n + 1, n::int, substr(v, 1, 3) FROM crm.m WHERE id = 1;
SELECT CASE WHEN t LIKE 'RAW' || '%' THEN 'leak' ELSE 'masked' END AS c FROM crm.m WHERE id = 1;
SELECT ARRAY[t, v], ROW(t, n), jsonb_build_object('t', t) FROM crm.m WHERE id = 1;
-- JOIN
SELECT x.id, y.id FROM crm.m AS x JOIN crm.m AS y ON x.t = y.t WHERE x.id = 1 ORDER BY 2;
SELECT m.id FROM crm.m JOIN (VALUES ('RAW' || 'TEXT1')) AS g (t) USING (t);
SELECT m.id, m.t FROM (VALUES (1), (9)) AS g (id) LEFT JOIN crm.m USING (id) ORDER BY g.id;
SELECT * FROM (SELECT id, t FROM crm.m WHERE id = 1) AS x NATURAL FULL JOIN (SELECT id, t FROM crm.m WHERE id = 2) AS y ORDER BY id;
-- GROUP BY, HAVING, DISTINCT, ORDER BY, window functions
SELECT t, count(*) FROM crm.m GROUP BY t ORDER BY t;
SELECT v, count(*) FROM crm.m GROUP BY v HAVING v LIKE '%1' ORDER BY v;
SELECT DISTINCT t FROM crm.m ORDER BY t;
SELECT id FROM crm.m ORDER BY t DESC NULLS LAST, id;
SELECT id, rank() OVER (ORDER BY t) FROM crm.m WHERE id < 3 ORDER BY id;
SELECT id, lag(t) OVER (ORDER BY id) FROM crm.m ORDER BY id;
-- aggregates
SELECT min(t), max(t), string_agg(t, ',' ORDER BY id), count(t), count(DISTINCT t), sum(n), avg(n) FROM crm.m;
SELECT array_agg(t ORDER BY id), jsonb_agg(v ORDER BY id), count(*) FILTER (WHERE t LIKE 'RAW' || '%') FROM crm.m;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY t) FROM crm.m;
-- whole rows
SELECT m FROM crm.m WHERE id = 3;
SELECT (m).t, (m).v FROM crm.m WHERE id = 1;
SELECT to_jsonb(m) - 'ts' - 'dt' - 'j' - 'a' - 'by' - 'c' AS m FROM crm.m WHERE id = 1;
SELECT row_to_json(x) FROM (SELECT t, v, n FROM crm.m WHERE id = 1) AS x;
SELECT m::text LIKE '%RAW' || 'TEXT%' AS leak FROM crm.m WHERE id = 1;
SELECT count(*) FROM crm.m AS x, crm.m AS y WHERE x = y AND x.id <> y.id;
SELECT (SELECT m.t), (SELECT max(x.t) FROM crm.m AS x WHERE x.t = m.t) FROM crm.m WHERE id = 1;
-- RETURNING: what is masked stays masked there, too
UPDATE crm.m SET i = i WHERE id = 1 RETURNING id, t, v, n;
UPDATE crm.m SET i = i WHERE id = 1 RETURNING (m).t, upper(t);
DELETE FROM crm.m WHERE id = 2 RETURNING id, t, v, n;
INSERT INTO crm.m (id, i) VALUES (10, 1) RETURNING id, i, t;
-- a mask is never written back, and no write is filtered by what it hides
UPDATE crm.m SET i = 0 WHERE t LIKE '%1';
:state
UPDATE crm.m SET t = 'x' WHERE id = 1;
:state
UPDATE crm.m SET v = t;
:state
UPDATE crm.m SET i = length(t);
:state
DELETE FROM crm.m WHERE n > 1000;
:state
INSERT INTO crm.m (id, t) SELECT 11, t FROM crm.m WHERE id = 1;
:state
:as_admin
SELECT id, t IS NOT NULL AS has_t, i FROM crm.m ORDER BY id;

--
-- errors do not show what is masked
--
:as_agent
SELECT t::int FROM crm.m WHERE id = 1;
SELECT (t || v)::date FROM crm.m WHERE id = 1;
SELECT 1 / n FROM crm.m WHERE id = 1;
:as_admin

--
-- a column whose type no longer fits its mask is hidden, not shown
--
\set masks '{"crm.m.i": "null", "crm.m.v": "redact"}'
:mask
ALTER TABLE crm.m ALTER v TYPE jsonb USING to_jsonb(v);
:as_agent
SELECT id, v FROM crm.m ORDER BY id;
:as_admin

\set ECHO none
\i :teardown
