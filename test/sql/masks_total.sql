-- No mask fails on any value, and each keeps what it promises: every kind for
-- every type, on 10,000 values with all extremes, as an agent reads them.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
SET DateStyle = ISO;
SELECT setseed(0.25) \g /dev/null
CREATE FUNCTION crm.any_word(id int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(letters[1 + floor(random() * cardinality(letters))], '')
      FROM (SELECT CASE id % 4 WHEN 0 THEN '{0,1,5,9}'::text[] WHEN 1 THEN '{a,m,z,Z,0,9,-}' WHEN 2 THEN '{a,b,@,.," ",*,x}' ELSE '{é,漢,😀,a,A,1,@,\\,"\n"}' END AS letters) AS x, generate_series(1, 25)
$$;

-- r: the value, m: what the mask makes of it.  A mask is made for each type.
CREATE TABLE crm.kind (types text[], mask text, holds text);
INSERT INTO crm.kind VALUES
    ('{text,varchar(7),char(9)}', 'redact', $$m = left('[redacted]', length(m))$$),
    ('{text,varchar(7),char(9)}', 'hash', $$m ~ '^[0-9a-f]{7,64}$'$$),
    ('{text,varchar(7),char(9)}', 'email', $$m ~ '^(.\*\*\*|\[)'$$),
    ('{text,varchar(7),char(9)}', 'partial(1,2)', $$length(m) = length(r) AND (length(r) < 4 AND m ~ '^\**$' OR (left(m, 1), right(m, 2)) = (left(r, 1), right(r, 2)) AND substr(m, 2, greatest(length(m) - 3, 0)) ~ '^\*+$')$$),
    ('{text,varchar(7),char(9)}', 'first(3)', $$length(m) = length(r) AND (length(r) < 4 AND m ~ '^\**$' OR left(m, 3) = left(r, 3) AND substr(m, 4) ~ '^\*+$')$$),
    ('{text,varchar(7),char(9)}', 'last(3)', $$length(m) = length(r) AND (length(r) < 4 AND m ~ '^\**$' OR right(m, 3) = right(r, 3) AND left(m, -3) ~ '^\*+$')$$),
    ('{text,varchar(7),char(9)}', 'regex([0-9a]+, #)', $$m = CASE WHEN r ~ '[0-9a]' AND length(r) <= 1048576 THEN left(regexp_replace(r, '[0-9a]+', '#', 'g'), length(m)) ELSE left('[redacted]', length(m)) END$$),
    ('{text,varchar(7),char(9)}', 'regex(''(.)(x)?'', <\2\1\&\\>)', $$(r ~ '[0-9]') IS NOT NULL AND m ~ '^[<[]'$$),
    ('{text,varchar(7),char(9)}', 'fpe', $$length(m) = length(r) AND (m ~ '^\**$' AND NOT (length(r) BETWEEN 6 AND 512 AND r ~ '^[0-9]+$') OR
        translate(m, '123456789bcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ', repeat('0', 9) || repeat('a', 25) || repeat('A', 25)) =
        translate(r, '123456789bcdefghijklmnopqrstuvwxyzBCDEFGHIJKLMNOPQRSTUVWXYZ', repeat('0', 9) || repeat('a', 25) || repeat('A', 25)))$$),
    ('{smallint,int,bigint}', 'range(7)', $$m <= r AND r::numeric - m < 7 AND (m % 7 = 0 OR m IN (-32768, -2147483648, -9223372036854775808))$$),
    ('{smallint,int,bigint}', 'range(9223372036854775807)', $$m IN (0, 9223372036854775807) OR r < 0$$),
    ('{int,bigint}', 'fpe', $$m IS NULL AND abs(r::numeric) < 100000 OR length(m::text) = length(r::text) AND sign(m) = sign(r)$$),
    ('{smallint,int,bigint}', 'noise(0.3)', $$abs(m::numeric - r) <= abs(r * 0.3) + 0.5$$),
    ('{smallint,int,bigint}', 'noise(1)', $$abs(m::numeric - r) <= abs(r::numeric)$$),
    ('{"numeric(10,2)","numeric(4,-3)","numeric(3,5)",numeric}', 'range(250)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(r) > 1e1000 AND m IS NOT NULL OR m <= r AND r - m < 250$$),
    ('{"numeric(10,2)","numeric(4,-3)","numeric(3,5)",numeric}', 'range(0.3)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(r) > 1e1000 AND m IS NOT NULL OR abs(r - m) < 1000$$),
    ('{"numeric(10,2)","numeric(4,-3)","numeric(3,5)",numeric}', 'noise(0.05)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(r) > 1e1000 AND m IS NOT NULL OR abs(r - m) <= abs(r * 0.05) + 500$$),
    ('{"numeric(10,2)","numeric(4,-3)","numeric(3,5)",numeric}', 'noise(1)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(r) > 1e1000 AND m IS NOT NULL OR abs(r - m) <= abs(r) + 500$$),
    ('{real,double precision}', 'range(1000)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR m <= r AND (abs(r) > 1e6 OR r::numeric - m::numeric <= 1000.001)$$),
    ('{real,double precision}', 'range(0.000000000000000000000000000000000000000000000000000001)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR m <= r$$),
    ('{real,double precision}', 'noise(0.5)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(m::numeric - r::numeric) <= abs(r::numeric) * 0.50001 + 1e-44$$),
    ('{real,double precision}', 'noise(1)', $$m IS NULL AND r IN ('NaN', 'Infinity', '-Infinity') OR abs(m::numeric - r::numeric) <= abs(r::numeric) * 1.00001$$);
-- (date_trunc() fails at the beginning of time, and for dates after the last timestamp)
INSERT INTO crm.kind
SELECT CASE WHEN i < 4 THEN '{timestamp,timestamptz,time}'::text[] ELSE '{date,timestamp,timestamptz}' END, format('truncate(%s)', unit),
       format($$CASE WHEN NOT isfinite(r) THEN m = r WHEN r < '4700-01-01 BC' OR r > '290000-01-01' THEN m <= r AND m >= '4714-11-24 BC' ELSE m = date_trunc('%s', r) END$$, unit)
  FROM unnest('{second,minute,hour,day,week,month,quarter,year,decade}'::text[]) WITH ORDINALITY AS u (unit, i);
CREATE TABLE crm.col AS
SELECT row_number() OVER (ORDER BY mask, type) AS i, type, dense_rank() OVER (ORDER BY type) AS raw, mask,
       CASE WHEN type = 'time' THEN format('m = date_trunc(%L, r::interval)::time OR r = ''24:00''', substring(mask FROM '\((\w+)')) ELSE holds END AS holds
  FROM crm.kind, unnest(types) AS type;
CREATE TABLE crm.raw AS SELECT DISTINCT raw, type FROM crm.col;
SELECT format('CREATE TABLE crm.f (id int PRIMARY KEY, %s, %s)',
              (SELECT string_agg(format('r%s %s', raw, type), ', ') FROM crm.raw),
              (SELECT string_agg(format('c%s %s', i, type), ', ') FROM crm.col)) \gexec

-- the values of a type are made once, and stand in all of its columns: extremes first
CREATE TABLE crm.special (type text, id int, value text, PRIMARY KEY (type, id));
INSERT INTO crm.special SELECT type, id, value FROM (VALUES
    ('smallint', '{-32768,32767,0,1,-1}'::text[]),
    ('int', '{-2147483648,2147483647,0,1,-1,100000,99999,-100000,1000000000}'),
    ('bigint', '{-9223372036854775808,9223372036854775807,0,1,-1,1000000000000000000,-1000000000000000000}'),
    ('numeric', ARRAY[repeat('9', 131072), '-' || repeat('9', 131072), '-0.' || repeat('0', 16382) || '1', '0.' || repeat('9', 16383), '0', 'NaN', 'Infinity', '-Infinity']),
    ('numeric(10,2)', '{-99999999.99,99999999.99,0,0.01,-0.01,NaN}'),
    ('numeric(4,-3)', '{-9999000,9999000,0,1000,-1000,NaN}'),
    ('numeric(3,5)', '{-0.00999,0.00999,0,0.00001,-0.00001,NaN}'),
    ('real', '{-3.4028235e38,3.4028235e38,1e-45,-1e-45,0,-0,NaN,Infinity,-Infinity,1e23}'),
    ('double precision', '{-1.7976931348623157e308,1.7976931348623157e308,5e-324,-5e-324,0,-0,NaN,Infinity,-Infinity,1e23}'),
    ('date', '{4714-11-24 BC,5874897-12-31,infinity,-infinity,0001-01-01,0001-12-31 BC,2000-02-29}'),
    ('time', '{00:00,24:00,23:59:59.999999}'),
    ('timestamp', '{4714-11-24 00:00:00 BC,294276-12-31 23:59:59.999999,infinity,-infinity,0001-01-01,0001-12-31 23:59:59 BC}'),
    ('timestamptz', '{4714-11-24 00:00:00+00 BC,294276-12-31 23:59:59.999999+00,infinity,-infinity,0001-01-01,0001-12-31 23:59:59 BC}'),
    ('text', ARRAY['', ' ', '@', 'a@b', '漢@字', '*', E'\\', '''', E'\n', '123456', '12345', 'zzzzz', repeat('9', 512), repeat('9', 513),
                   repeat('aB3', 200), repeat('漢', 100000), repeat('1', 1048577), repeat('a1', 40)]),
    ('varchar(7)', ARRAY['', ' ', '@', 'a@b', '漢@字', '*', E'\\', '''', E'\n', '123456', '12345', 'zzzzz']),
    ('char(9)', ARRAY['', ' ', '@', 'a@b', '漢@字', '*', E'\\', '''', E'\n', '123456', '12345', 'zzzzz'])) AS v (type, list),
    unnest(list) WITH ORDINALITY AS u (value, id);
-- ... and then any; u is from 0 to 1, s from -1 to 1
CREATE TABLE crm.maker (type text, expression text);
INSERT INTO crm.maker VALUES
    ('smallint', 'round(s * 10 ^ (u * 4.5))'), ('int', 'round(s * 10 ^ (u * 9.3))'), ('bigint', 'round((s * 10 ^ (u * 18.9))::numeric)'),
    ('numeric', '(s * 10 ^ (u * 60 - 30))::text::numeric'), ('numeric(10,2)', '(s * 10 ^ (u * 7.9))::numeric'),
    ('numeric(4,-3)', '(s * 10 ^ (u * 6.9))::numeric'), ('numeric(3,5)', '(s * 10 ^ (u * 3 - 5.1))::numeric'),
    ('real', 's * 10 ^ (u * 70 - 32)'), ('double precision', 's * 10 ^ (u * 600 - 293)'),
    ('date', $$CASE WHEN id % 2 = 0 THEN date '2000-01-01' + (s * 1e6)::int ELSE date '4714-11-24 BC' + (u * 2147483400)::int END$$),
    ('time', $$time '00:00' + u * interval '24 hours'$$),
    ('timestamp', $$CASE WHEN id % 2 = 0 THEN timestamp '2000-01-01' + s * interval '4000 years' ELSE timestamp '4714-11-24 BC' + u * interval '109203500 days' END$$),
    ('timestamptz', $$CASE WHEN id % 2 = 0 THEN timestamptz '2000-01-01' + s * interval '4000 years' ELSE timestamptz '4714-11-24 00:00+00 BC' + u * interval '109203500 days' END$$),
    ('text', 'left(w, (u * 25)::int)'), ('varchar(7)', 'left(w, (u * 7)::int)'), ('char(9)', 'left(w, (u * 9)::int)');
SET TimeZone = 'UTC';
SELECT format('INSERT INTO crm.f (id, %s, %s) SELECT id, %s, %s FROM (SELECT id, %s FROM (SELECT id, random() AS u, random() * 2 - 1 AS s, crm.any_word(id) AS w FROM generate_series(1, 10000) AS id) AS x OFFSET 0) AS y',
              string_agg('r' || raw, ', ' ORDER BY raw), (SELECT string_agg('c' || i, ', ' ORDER BY i) FROM crm.col),
              string_agg('r' || raw, ', ' ORDER BY raw), (SELECT string_agg('r' || raw, ', ' ORDER BY i) FROM crm.col),
              string_agg(format('coalesce((SELECT value::%1$s FROM crm.special AS v WHERE v.type = %1$L AND v.id = x.id), (%2$s)::%1$s) AS r%3$s', type, expression, raw), ', '))
  FROM crm.raw JOIN crm.maker USING (type) \gexec
INSERT INTO crm.f (id) VALUES (0);
GRANT SELECT ON crm.f TO regress_contauth_agent;
SELECT contauth.create_policy('f', 'permit', actions => '{select}', resources => '{crm.f}',
           masks => (SELECT jsonb_object_agg('crm.f.c' || i, mask) FROM crm.col)) \g /dev/null
-- per kind: its types, values that were masked, and those that are not as promised
SELECT string_agg(format($$SELECT %L AS mask, %L AS type, count(*) AS rows, count(*) FILTER (WHERE r IS NULL AND m IS NOT NULL) + count(*) FILTER (WHERE (%s) IS NOT TRUE AND r IS NOT NULL) AS wrong FROM (SELECT r%s%s AS r, c%s%s AS m FROM crm.f) AS x$$,
                         mask, type, holds, raw, as_text, i, as_text), ' UNION ALL ') AS query
  FROM crm.col, LATERAL (SELECT CASE WHEN type = 'char(9)' THEN '::text' END AS as_text) AS c \gset
SELECT count(*) - 1 AS values FROM crm.f;
:as_agent
SET extra_float_digits = -15;
SELECT mask, string_agg(type, ', ' ORDER BY type COLLATE "C") AS types, sum(rows) AS rows, sum(wrong) AS wrong FROM (:query) AS q GROUP BY mask ORDER BY mask COLLATE "C";
:as_admin
\i :teardown
