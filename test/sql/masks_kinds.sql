-- Masks with arguments: numbers, times, parts of texts, patterns, encryption.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
SELECT contauth.drop_policy('support_reads') \g /dev/null
-- a known key, so that what the keyed masks make can stand in the expected output
CREATE TEMP TABLE kept AS SELECT key FROM contauth.secret WHERE name = 'mask';
UPDATE contauth.secret SET key = decode(repeat('4b', 32), 'hex') WHERE name = 'mask';
SET ROLE regress_contauth_owner;
CREATE DOMAIN crm.amount AS int CHECK (VALUE % 10 <> 0);
CREATE TABLE crm.k (
    id int PRIMARY KEY,
    t  text,
    v  varchar(8),
    c  char(8),
    i2 smallint,
    i4 int,
    i8 bigint,
    n  numeric,
    p  numeric(6,2),
    f4 real,
    f8 double precision,
    d  date,
    tm time,
    ts timestamp,
    tz timestamptz,
    dom crm.amount
);
INSERT INTO crm.k (id) VALUES (0);
GRANT ALL ON crm.k TO regress_contauth_agent;
RESET ROLE;
SELECT contauth.create_policy('k', 'permit', actions => '{select,insert,update,delete}', resources => '{crm.k}')
\g /dev/null
CREATE FUNCTION pg_temp.bad(m text) RETURNS void LANGUAGE sql AS
    $$ SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object('crm.k.' || split_part(m, '=', 1), substr(m, strpos(m, '=') + 1)))) $$;
\set mask 'SELECT contauth.alter_policy(''k'', jsonb_build_object(''masks'', :''masks''::jsonb)) \\g /dev/null'
\set ECHO all

--
-- first, last: like partial, on characters and not on bytes
--
INSERT INTO crm.k (id, t, v, c) VALUES (1, 'abcdef', 'abcdef', 'abcdef'), (2, 'abc', 'abc', 'abc'), (3, 'ab', 'ab', 'ab'),
    (4, '', '', ''), (5, 'åß€漢字😀', 'åß€漢字😀', 'åß€漢'), (6, '😀', '😀', '😀');
\set masks '{"crm.k.t": "first(2)", "crm.k.v": "last(2)", "crm.k.c": "first(3)"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.k ORDER BY id;
:as_admin
\set masks '{"crm.k.t": "first(0)", "crm.k.v": "last(0)", "crm.k.c": "last(1000)"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.k ORDER BY id;
:as_admin

--
-- range: the lower end of the bucket, in the column's type, never out of it
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, i2, i4, i8, n, p, f4, f8) VALUES
    (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 0, 0, 0, 0, 0, 0, 0),
    (2, 99, 99, 99, 99.99, 99.99, 99.5, 99.5),
    (3, 100, 100, 100, 100.00, 100, 100, 100),
    (4, -1, -1, -1, -0.001, -0.01, -0.5, -1e-300),
    (5, -100, -100, -100, -100, -100, -100, -100),
    (6, -101, -101, -101, -100.0000000000000000000000001, -100.01, -100.5, -100.00000000000001),
    (7, 32767, 2147483647, 9223372036854775807, 1e40 + 1, 9999.99, 3.4028235e38, 1.7976931348623157e308),
    (8, -32768, -2147483648, -9223372036854775808, -1e40 - 1, -9999.99, -3.4028235e38, -1.7976931348623157e308),
    (9, NULL, NULL, NULL, 'NaN', 'NaN', 'NaN', 'NaN'),
    (10, NULL, NULL, NULL, 'Infinity', NULL, 'Infinity', 'Infinity'),
    (11, NULL, NULL, NULL, '-Infinity', NULL, '-Infinity', '-Infinity');
\set masks '{"crm.k.i2": "range(100)", "crm.k.i4": "range(100)", "crm.k.i8": "range( 100.0 )", "crm.k.n": "range(100)", "crm.k.p": "range(100)", "crm.k.f4": "range(100)", "crm.k.f8": "range(100)"}'
:mask
:as_agent
SELECT id, i2, i4, i8, n, p, f4, f8 FROM crm.k ORDER BY id;
SELECT pg_typeof(i2), pg_typeof(i4), pg_typeof(n), pg_typeof(f4) FROM crm.k WHERE id = 0;
SELECT p FROM crm.k WHERE id = 3 \gdesc
SELECT i4, count(*) FROM crm.k GROUP BY i4 ORDER BY i4;
SELECT id FROM crm.k WHERE i4 = 99;
:as_admin
-- decimal steps; the float of 0.3 is in the bucket of 0.3
TRUNCATE crm.k;
INSERT INTO crm.k (id, n, p, f4, f8) SELECT i, i / 10.0, i / 10.0, i / 10.0, i / 10.0 FROM generate_series(-4, 4) AS i;
INSERT INTO crm.k (id, n, p, f4, f8) VALUES (9, 12.345678, 12.34, 12.345678, 12.3456789);
\set masks '{"crm.k.n": "range(0.1)", "crm.k.p": "range(0.25)", "crm.k.f4": "range(0.1)", "crm.k.f8": "range(0.1)"}'
:mask
:as_agent
SELECT id, n, p, f4, f8 FROM crm.k ORDER BY id;
-- (the session's setting for floats changes how they are shown, and nothing else)
SET extra_float_digits = -15;
SELECT count(*) FROM crm.k WHERE f8 = 0.3 AND id = 3;
RESET extra_float_digits;
:as_admin

--
-- truncate: the beginning of the unit; with time zone in UTC, whatever the session says
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, d, tm, ts, tz) VALUES
    (0, NULL, NULL, NULL, NULL),
    (1, '2024-02-29', '23:59:59.999999', '2024-02-29 23:59:59.999999', '2024-02-29 23:59:59.999999+00'),
    (2, '2023-01-01', '00:00', '2023-01-01', '2023-01-01 00:00+00'),
    (3, '1999-12-31', '24:00', '1999-12-31 12:34:56.7', '1999-12-31 23:30-05'),
    (4, '0001-01-01', '12:34:56.5', '0001-01-01 12:34:56.5', '0001-01-01 12:34:56.5+00'),
    (5, '0015-05-05 BC', '01:00', '0015-05-05 03:04:05.6 BC', '0015-05-05 03:04:05.6+00 BC'),
    (6, '4714-11-25 BC', NULL, '4714-11-25 01:02:03 BC', '4714-11-25 01:02:03+00 BC'),
    (7, '5874897-12-31', NULL, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00'),
    (8, 'infinity', NULL, 'infinity', 'infinity'),
    (9, '-infinity', NULL, '-infinity', '-infinity');
\set masks '{"crm.k.d": "truncate(week)", "crm.k.tm": "truncate(hour)", "crm.k.ts": "truncate(second)", "crm.k.tz": "truncate(day)"}'
:mask
:as_agent
SET DateStyle = ISO;
SET TimeZone = 'UTC';
SELECT id, d, tm, ts, tz FROM crm.k ORDER BY id;
SET TimeZone = 'Pacific/Kiritimati';
SELECT id, tz, extract(epoch FROM tz) AS epoch FROM crm.k WHERE id IN (1, 3) ORDER BY id;
SET TimeZone = 'America/Adak';
SELECT id, tz, extract(epoch FROM tz) AS epoch FROM crm.k WHERE id IN (1, 3) ORDER BY id;
SET TimeZone = 'UTC';
:as_admin
\set masks '{"crm.k.d": "truncate(month)", "crm.k.tm": "truncate(minute)", "crm.k.ts": "truncate(quarter)", "crm.k.tz": "truncate(year)"}'
:mask
:as_agent
SELECT id, d, tm, ts, tz FROM crm.k ORDER BY id;
:as_admin
\set masks '{"crm.k.d": "truncate(decade)", "crm.k.tm": "truncate(second)", "crm.k.ts": "truncate(hour)", "crm.k.tz": "truncate(minute)"}'
:mask
:as_agent
SELECT id, d, tm, ts, tz FROM crm.k ORDER BY id;
:as_admin
\set masks '{}'
:mask

--
-- noise: at most the fraction, the same for the same number, whatever its type
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, i2, i4, i8, n, p, f4, f8) VALUES
    (0, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (1, 0, 0, 0, 0, 0, 0, 0),
    (2, 1000, 1000, 1000, 1000, 1000, 1000, 1000),
    (3, 1000, 1000, 1000, 1000.000, 1000, 1000, 1000),
    (4, 1001, 1001, 1001, 1001, 1001, 1001, 1001),
    (5, -1000, -1000, -1000, -1000, -1000, -1000, -1000),
    (6, NULL, NULL, NULL, 'NaN', 'NaN', 'NaN', 'NaN'),
    (7, NULL, NULL, NULL, 'Infinity', NULL, 'Infinity', '-Infinity');
\set masks '{"crm.k.i2": "noise(0.5)", "crm.k.i4": "noise(0.50)", "crm.k.i8": "noise( 0.5 )", "crm.k.n": "noise(0.5)", "crm.k.p": "noise(0.5)", "crm.k.f4": "noise(0.5)", "crm.k.f8": "noise(0.5)"}'
:mask
:as_agent
SELECT id, i2, i4, i8, n, p, f4, f8 FROM crm.k ORDER BY id;
:as_admin
-- another fraction draws anew, and another key, too
\set masks '{"crm.k.i4": "noise(1)", "crm.k.i8": "noise(0.25)"}'
:mask
:as_agent
SELECT id, i4, i8 FROM crm.k WHERE id IN (2, 4) ORDER BY id;
:as_admin
UPDATE contauth.secret SET key = decode(repeat('4c', 32), 'hex') WHERE name = 'mask';
:as_agent
SELECT id, i4, i8 FROM crm.k WHERE id IN (2, 4) ORDER BY id;
:as_admin
UPDATE contauth.secret SET key = decode(repeat('4b', 32), 'hex') WHERE name = 'mask';
-- over many numbers it averages out, and asking again does not
TRUNCATE crm.k;
INSERT INTO crm.k (id, i4, n) SELECT i, i, i FROM generate_series(1, 10000) AS i;
\set masks '{"crm.k.i4": "noise(0.5)", "crm.k.n": "noise(1)"}'
:mask
:as_agent
SELECT avg(i4) BETWEEN 4925 AND 5075 AS i4, avg(n) BETWEEN 4850 AND 5150 AS n, min(i4 / id::numeric) BETWEEN 0 AND 0.51 AS low, max(n / id) BETWEEN 1.99 AND 2 AS high FROM crm.k;
SELECT count(*) FROM (SELECT id, i4, n FROM crm.k EXCEPT SELECT id, i4, n FROM crm.k) AS x;
:as_admin
-- a column's limits hold
TRUNCATE crm.k;
INSERT INTO crm.k (id, i2, i4, i8, p, f4, f8) SELECT i, 32767 - i, 2147483647 - i, 9223372036854775807 - i, 9999 - i, 3.4e38, 1.7e308 - i * 1e300 FROM generate_series(1, 20) AS i;
INSERT INTO crm.k (id, i2, i4, i8, p, f4, f8) SELECT 20 + i, -32768 + i, -2147483648 + i, -9223372036854775808 + i, -9999 + i, -3.4e38, -1.7e308 + i * 1e300 FROM generate_series(1, 20) AS i;
\set masks '{"crm.k.i2": "noise(1)", "crm.k.i4": "noise(1)", "crm.k.i8": "noise(1)", "crm.k.p": "noise(1)", "crm.k.f4": "noise(1)", "crm.k.f8": "noise(1)"}'
:mask
:as_agent
SELECT min(i2), max(i2), min(i4), max(i4), min(i8), max(i8), min(p), max(p) FROM crm.k;
SELECT count(f4), count(f8), max(abs(f4)) < 'Infinity' AS f4, max(abs(f8)) < 'Infinity' AS f8 FROM crm.k;
:as_admin

--
-- regex: what matches is replaced; where nothing does, all is
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, t, v, c) VALUES (0, NULL, NULL, NULL), (1, 'card 4111-1111, 22', 'ab12', 'ab12'), (2, 'no number', 'none', 'none'),
    (3, '', '', ''), (4, '漢字 77 €', '漢7', '漢7'), (5, E'one\n12\ntwo', 'x,y', '1'), (6, 'it''s "1" \1', '\1\', 'a\1');
\set masks '{"crm.k.t": "regex([0-9]+, #)", "crm.k.v": "regex((.)[0-9], <\\\\1>)", "crm.k.c": "regex(\'[0-9]{1,2}\', \'\')"}'
:mask
:as_agent
SELECT id, t, v, c FROM crm.k ORDER BY id;
:as_admin
-- (written with all that can be written)
SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object(
    'crm.k.t', $$regex( 'it''s|\mno\M' , "\\ ""\&"", \" )$$,
    'crm.k.v', $$regex('(x)(,)(y)?(z)?', \3\2\1\4\9\0)$$,
    'crm.k.c', $$regex(x*,-)$$))) \g /dev/null
:as_agent
SELECT id, t, v, c FROM crm.k ORDER BY id;
:as_admin
-- the collation is C: no letter beyond ASCII is one, and (?i) folds none
TRUNCATE crm.k;
INSERT INTO crm.k (id, t, v) VALUES (1, 'äÖx', 'ä'), (2, 'ÄÖ', 'Ä'), (3, 'X', 'x');
\set masks '{"crm.k.t": "regex([[:alpha:]], .)", "crm.k.v": "regex((?i)ä|X, .)"}'
:mask
:as_agent
SELECT id, t, v FROM crm.k ORDER BY id;
:as_admin
-- what is too long, or would be, is redacted
TRUNCATE crm.k;
INSERT INTO crm.k (id, t) VALUES (1, repeat('1', 1024 * 1024)), (2, repeat('1', 1024 * 1024 + 1)), (3, repeat('1', 16000)), (4, repeat('1', 17000));
SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object('crm.k.t', format('regex(11, %s)', repeat('r', 1000))))) \g /dev/null
:as_agent
SELECT id, length(t), left(t, 10) AS t FROM crm.k WHERE id < 4 ORDER BY id;
:as_admin
SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object('crm.k.t', format('regex(1, %s)', repeat('r', 1000))))) \g /dev/null
:as_agent
SELECT id, length(t), left(t, 10) AS t FROM crm.k WHERE id > 2 ORDER BY id;
:as_admin
SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object('crm.k.t', format('regex((.+), %s)', repeat('\1', 500))))) \g /dev/null
:as_agent
SELECT id, length(t), left(t, 10) AS t FROM crm.k ORDER BY id;
:as_admin
-- a pattern that takes for ever can be stopped
TRUNCATE crm.k;
INSERT INTO crm.k (id, t) VALUES (1, repeat('a', 400) || 'b' || repeat('a', 801) || 'c');
SELECT contauth.alter_policy('k', jsonb_build_object('masks', jsonb_build_object('crm.k.t', $$regex(^(a*)(a*)(a*)(a*)b\1\2\3\4\1c$, x)$$))) \g /dev/null
:as_agent
SET statement_timeout = '200ms';
SELECT length(t) FROM crm.k;
:state
RESET statement_timeout;
:as_admin

--
-- fpe: digits stay digits and letters letters, in their places
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, t, v, c, i4, i8) VALUES
    (0, NULL, NULL, NULL, NULL, NULL),
    (1, '4111-1111-1111-1111', '12345678', '123456', 123456, 123456),
    (2, '4111 1111 1111 1111', '1234567', '12345', 12345, 12345),
    (3, 'DE89370400440532013000', 'AB-1234', 'abcde', -123456, -123456),
    (4, 'Anna.Smith@example.com', 'AB-123', 'abcd', 2147483647, 9223372036854775807),
    (5, 'número 1234567890', '', '000000', -2147483648, -9223372036854775808),
    (6, repeat('7', 512), 'ABCdef', '999999', 100000, 1000000000000000000),
    (7, repeat('7', 513), '.-/ ,', 'aZ1-bY2', 999999, 9999999999),
    (8, repeat('x7', 63), '0000000', 'zzzzz', 0, 0),
    (9, repeat('x7', 64), 'Zz9', '漢1234567', 2147483646, 1),
    (10, E'1234\n5678\t', '0000001', 'ZZZZZ', -1, -9223372036854775807);
\set masks '{"crm.k.t": "fpe", "crm.k.v": "fpe", "crm.k.c": "fpe", "crm.k.i4": "fpe", "crm.k.i8": "fpe"}'
:mask
:as_agent
SELECT id, left(t, 40) AS t, length(t), v, c, i4, i8 FROM crm.k ORDER BY id;
SELECT a.id FROM crm.k AS a JOIN crm.k AS b ON a.v = b.v WHERE a.id = 1;
:as_admin
-- a tweak makes another permutation; an empty one is none
\set masks '{"crm.k.t": "fpe(customers)", "crm.k.v": "fpe()", "crm.k.c": "fpe(ä, ö)", "crm.k.i4": "fpe(x)", "crm.k.i8": "fpe(x)"}'
:mask
:as_agent
SELECT id, t, v, c, i4, i8 FROM crm.k WHERE id IN (1, 3) ORDER BY id;
:as_admin
-- one to one
TRUNCATE crm.k;
INSERT INTO crm.k (id, t, i4) SELECT i, 'A' || i, i FROM generate_series(100000, 104999) AS i;
INSERT INTO crm.k (id, t, i4) SELECT i, 'A' || i, i FROM generate_series(995000, 999999) AS i;
\set masks '{"crm.k.t": "fpe", "crm.k.i4": "fpe"}'
:mask
:as_agent
SELECT count(*), count(DISTINCT t) AS t, count(DISTINCT i4) AS i4, min(i4) >= 100000 AS low, max(i4) <= 999999 AS high,
       count(*) FILTER (WHERE t ~ '^[A-Z][0-9]{6}$') AS form, count(*) FILTER (WHERE id = i4) < 5 AS moved FROM crm.k;
:as_admin
\set masks '{}'
:mask

--
-- the strictest: by kind, then by arguments
--
CREATE TABLE crm.pair (i int GENERATED ALWAYS AS IDENTITY, type text, stricter text, weaker text);
INSERT INTO crm.pair (type, stricter, weaker) VALUES
    ('text', 'hash', 'fpe'), ('text', 'fpe', 'email'), ('text', 'email', 'first(1)'), ('text', 'last(2)', 'regex(a, x)'),
    ('text', 'last(2)', 'first(3)'), ('text', 'first(2)', 'partial(1,2)'), ('text', 'partial(1,0)', 'last(2)'),
    ('text', 'fpe(a)', 'fpe(b)'), ('text', 'regex(a, x)', 'regex(b, x)'),
    ('bigint', 'constant(7)', 'fpe'), ('bigint', 'fpe', 'range(10)'), ('bigint', 'range(10)', 'noise(1)'),
    ('bigint', 'range(1000)', 'range(999.0)'), ('bigint', 'range(10000)', 'range(9)'),
    ('bigint', 'noise(0.2)', 'noise(0.10)'), ('bigint', 'noise(1)', 'noise(0.9999)'),
    ('date', 'constant(1970-01-01)', 'truncate(decade)'), ('date', 'truncate(decade)', 'truncate(year)'),
    ('date', 'truncate(year)', 'truncate(quarter)'), ('date', 'truncate(quarter)', 'truncate(month)'),
    ('date', 'truncate(month)', 'truncate(week)'), ('date', 'truncate(week)', 'truncate(day)'),
    ('time', 'truncate(hour)', 'truncate(minute)'), ('time', 'truncate(minute)', 'truncate(second)');
SELECT format('CREATE TABLE crm.s (%s)', string_agg(format('c%s %s', i, type), ', ' ORDER BY i)) FROM crm.pair \gexec
GRANT SELECT ON crm.s TO regress_contauth_agent;
SELECT contauth.create_policy('s' || n, 'permit', actions => '{select}', resources => '{crm.s}',
           masks => (SELECT jsonb_object_agg('crm.s.c' || i, CASE WHEN i % 2 = n THEN stricter ELSE weaker END) FROM crm.pair))
  FROM generate_series(0, 1) AS n \g /dev/null
:as_agent
SELECT jsonb_pretty(masks) FROM contauth.why('SELECT * FROM crm.s');
:as_admin

--
-- lifted by a row condition
--
TRUNCATE crm.k;
INSERT INTO crm.k (id, t, i4, tz) VALUES (1, 'abc123', 1234567, '2024-05-06 07:08:09+00'), (2, 'abc123', 1234567, '2024-05-06 07:08:09+00');
\set masks '{"crm.k.t": {"mask": "first(2)", "unless": "id = 1"}, "crm.k.i4": {"mask": "range(1000)", "unless": "id = 2"}, "crm.k.tz": {"mask": "truncate(month)", "unless": "id = 2"}}'
:mask
:as_agent
SELECT id, t, i4, tz FROM crm.k ORDER BY id;
SELECT masks FROM contauth.why('SELECT t, i4 FROM crm.k');
:as_admin

--
-- everywhere, and never written
--
\set masks '{"crm.k.t": "regex([0-9], #)", "crm.k.i4": "range(1000)", "crm.k.tz": "truncate(year)"}'
:mask
:as_agent
SELECT max(i4), sum(i4), min(t), max(tz) FROM crm.k;
SELECT id FROM crm.k WHERE i4 = 1234567 OR t = 'abc123' OR tz > '2024-05-01';
SELECT (k).i4, to_jsonb(k) ->> 'tz' AS tz FROM crm.k WHERE id = 1;
UPDATE crm.k SET id = id WHERE id = 1 RETURNING i4, t;
UPDATE crm.k SET i4 = 1 WHERE id = 1;
:state
DELETE FROM crm.k WHERE i4 > 5;
:state
EXPLAIN (VERBOSE, COSTS OFF) SELECT t, i4, tz FROM crm.k;
-- an agent cannot call them itself
SELECT contauth.mask_fpe('123456'::text, '', NULL), contauth.mask_range(5, 2, NULL), contauth.mask_noise(5::bigint, 0.5, NULL),
       contauth.mask_truncate('2024-05-06'::date, 'year', NULL), contauth.mask_regex('a', 'a', 'b', NULL);
SELECT contauth.mask_fpe('123456'::text, '', '1');
:state
:as_admin

--
-- what is refused when the policy is made: by type ...
--
SELECT pg_temp.bad('i4=first(1)');
SELECT pg_temp.bad('d=last(1)');
SELECT pg_temp.bad('t=range(10)');
SELECT pg_temp.bad('tz=range(10)');
SELECT pg_temp.bad('t=noise(0.1)');
SELECT pg_temp.bad('t=truncate(year)');
SELECT pg_temp.bad('i8=truncate(year)');
SELECT pg_temp.bad('i4=regex(1, 2)');
SELECT pg_temp.bad('i2=fpe');
SELECT pg_temp.bad('n=fpe');
SELECT pg_temp.bad('d=fpe');
SELECT pg_temp.bad('dom=range(10)');
SELECT pg_temp.bad('i4=range(0.5)');
SELECT pg_temp.bad('i8=range(9223372036854775808)');
SELECT pg_temp.bad('d=truncate(hour)');
SELECT pg_temp.bad('tm=truncate(day)');
:state
SELECT pg_temp.bad('i8=range(9223372036854775807)');
SELECT pg_temp.bad('d=truncate(day)');
SELECT pg_temp.bad('tm=truncate(hour)');
-- ... also by label
SECURITY LABEL FOR contauth ON COLUMN crm.k.t IS 'pii';
SELECT contauth.alter_policy('k', '{"masks": {"label:pii": "range(10)"}}');
:state
SELECT contauth.alter_policy('k', '{"masks": {"label:pii": "last(2)"}}') \g /dev/null
-- ... and by what is written
SELECT pg_temp.bad('t=first');
SELECT pg_temp.bad('t=first()');
SELECT pg_temp.bad('t=first(-1)');
SELECT pg_temp.bad('t=first(1001)');
SELECT pg_temp.bad('t=first(1,2)');
SELECT pg_temp.bad('t=first(x)');
SELECT pg_temp.bad('t=last(99999999999999999999)');
SELECT pg_temp.bad('t=last(2');
SELECT pg_temp.bad('i4=range');
SELECT pg_temp.bad('i4=range(0)');
SELECT pg_temp.bad('i4=range(0.00)');
SELECT pg_temp.bad('i4=range(-5)');
SELECT pg_temp.bad('n=range(1e3)');
SELECT pg_temp.bad('n=range(NaN)');
SELECT pg_temp.bad('n=range(0x10)');
SELECT pg_temp.bad('n=range(1.)');
SELECT pg_temp.bad('n=range(.5)');
SELECT pg_temp.bad('n=range(1 0)');
SELECT pg_temp.bad('n=range(1' || repeat('0', 60) || ')');
SELECT pg_temp.bad('n=noise');
SELECT pg_temp.bad('n=noise(0)');
SELECT pg_temp.bad('n=noise(1.01)');
SELECT pg_temp.bad('n=noise(10%)');
SELECT pg_temp.bad('d=truncate');
SELECT pg_temp.bad('d=truncate()');
SELECT pg_temp.bad('d=truncate(fortnight)');
SELECT pg_temp.bad('d=truncate(century)');
SELECT pg_temp.bad('t=fpe(' || repeat('x', 256) || ')');
SELECT pg_temp.bad('t=regex');
SELECT pg_temp.bad('t=regex()');
SELECT pg_temp.bad('t=regex(a)');
SELECT pg_temp.bad('t=regex(a, b, c)');
SELECT pg_temp.bad('t=regex(a{1,2}, b)');
SELECT pg_temp.bad($$t=regex('a, b)$$);
SELECT pg_temp.bad($$t=regex('a'', b)$$);
SELECT pg_temp.bad($$t=regex(', b)$$);
SELECT pg_temp.bad($$t=regex('a' b, c)$$);
SELECT pg_temp.bad($$t=regex(a, "b" c)$$);
SELECT pg_temp.bad('t=regex(, b)');
SELECT pg_temp.bad($$t=regex('', b)$$);
SELECT pg_temp.bad('t=regex((a, b)');
SELECT pg_temp.bad('t=regex([a, b)');
SELECT pg_temp.bad('t=regex(a**, b)');
SELECT pg_temp.bad('t=regex(\1, b)');
SELECT pg_temp.bad('t=regex(((a{255}){255}){255}, b)');
SELECT pg_temp.bad('t=regex(' || repeat('a', 1001) || ', b)');
SELECT pg_temp.bad('t=regex(a, ' || repeat('b', 1001) || ')');
:state
SELECT pg_temp.bad('t=regex(' || repeat('a', 1000) || ',' || repeat('b', 1000) || ')');
SELECT pg_temp.bad('t=fpe(' || repeat('x', 255) || ')');
SELECT pg_temp.bad('n=range(' || repeat('9', 60) || ')');

--
-- a column whose type no longer fits its mask is hidden, not shown
--
\set masks '{"crm.k.i4": "range(1000)", "crm.k.tz": "truncate(hour)", "crm.k.i8": "range(1)"}'
:mask
ALTER TABLE crm.k ALTER i4 TYPE text, ALTER tz TYPE date, ALTER i8 TYPE jsonb USING to_jsonb(i8);
UPDATE crm.k SET i8 = '1';
:as_agent
SELECT id, i4, tz, i8 FROM crm.k ORDER BY id;
:as_admin

\set ECHO none
UPDATE contauth.secret SET key = kept.key FROM kept WHERE name = 'mask';
\i :teardown
