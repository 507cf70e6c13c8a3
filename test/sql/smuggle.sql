-- What may not come in through the text of a policy.  Each text is tried as a
-- condition, a row filter and an exception of a mask, by an administrator whose
-- search_path is full of traps.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data

-- the traps: named like what policies use, in a schema of somebody else
CREATE SCHEMA evil AUTHORIZATION regress_contauth_owner;
SET ROLE regress_contauth_owner;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE NOTICE 'evil.lower was called with %', $1; RETURN 'acme'; END $$;
CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE NOTICE 'evil.eq was called with % and %', $1, $2; RETURN true; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
CREATE OPERATOR evil.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
CREATE FUNCTION evil.check(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE NOTICE 'evil.check was called with % as %', $1, CASE current_user WHEN 'regress_contauth_admin' THEN 'admin' WHEN 'regress_contauth_owner' THEN 'owner' ELSE 'superuser' END; RETURN true; END $$;
CREATE DOMAIN evil.dom AS text CHECK (evil.check(VALUE));
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.check(VALUE));
CREATE TYPE evil.pair AS (a text, b text);
CREATE TYPE evil.deep AS (a evil.dom);
CREATE TYPE evil.mood AS ENUM ('good', 'bad');
CREATE FUNCTION evil.claim(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'acme'::pg_catalog.text $$;
CREATE FUNCTION evil.to_pair(int) RETURNS evil.pair LANGUAGE sql IMMUTABLE AS $$ SELECT ROW('a', 'b')::evil.pair $$;
CREATE AGGREGATE evil.agg(text) (SFUNC = textcat, STYPE = pg_catalog.text);
CREATE VIEW evil.customer AS SELECT 1 AS id;
RESET ROLE;
CREATE CAST (int AS evil.pair) WITH FUNCTION evil.to_pair(int) AS IMPLICIT;
CREATE COLLATION evil.coll FROM "C";
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SELECT contauth.create_policy('traps', 'permit', actions => '{execute}', resources => '{function:evil.*}') \g /dev/null
SET search_path = evil, pg_catalog;

CREATE FUNCTION pg_temp.try(what pg_catalog.text, expression pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
DECLARE
    said pg_catalog.text := 'ACCEPTED';
BEGIN
    BEGIN
        IF what OPERATOR(pg_catalog.=) 'condition' THEN
            PERFORM contauth.create_policy('try', 'permit', condition => expression);
        ELSIF what OPERATOR(pg_catalog.=) 'row_filter' THEN
            PERFORM contauth.create_policy('try', 'permit', resources => '{crm.customer}', row_filter => expression);
        ELSE
            PERFORM contauth.create_policy('try', 'permit', resources => '{crm.customer}',
                masks => pg_catalog.jsonb_build_object('crm.customer.ssn', pg_catalog.jsonb_build_object('mask', 'redact', 'unless', expression)));
        END IF;
        PERFORM contauth.drop_policy('try');
    EXCEPTION WHEN OTHERS THEN
        said := SQLSTATE || ' ' || pg_catalog.substr(SQLERRM, 1, 300);
    END;
    RETURN said;
END
$$;
CREATE TEMP TABLE text_of (n int, expression pg_catalog.text, everywhere bool DEFAULT true);
INSERT INTO text_of (n, expression) VALUES
    -- functions that are not the server's
    (1, $x$evil.lower('A') = 'a'$x$), (2, $x$evil.claim('tenant') = 'acme'$x$),
    (3, $x$public.lower('a') = 'a'$x$), (4, $x$'a' OPERATOR(evil.=) 'b'$x$), (5, $x$'a' === 'b'$x$),
    (6, $x$evil.agg('a') = 'a'$x$),
    -- what changes, writes, waits, reads files
    (10, 'random() > 0'), (11, 'clock_timestamp() > now()'), (12, $x$nextval('evil.s') > 0$x$),
    (13, 'pg_sleep(1) IS NULL'), (14, $x$set_config('a.b', 'c', false) = 'c'$x$),
    (15, $x$pg_read_file('x') = ''$x$), (16, $x$lo_get(1) IS NULL$x$), (17, 'txid_current() > 0'),
    (18, $x$pg_notify('a', 'b') IS NULL$x$), (19, $x$pg_advisory_lock(1) IS NULL$x$),
    -- what reads other data, or runs text
    (20, $x$query_to_xml('SELECT 1', true, true, '') IS NULL$x$), (21, $x$table_to_xml('crm.customer', true, true, '') IS NULL$x$),
    (22, $x$database_to_xml(true, true, '') IS NULL$x$), (23, $x$schema_to_xml('crm', true, true, '') IS NULL$x$),
    (24, $x$pg_get_viewdef('evil.customer'::regclass) = ''$x$), (25, $x$pg_stat_get_live_tuples(1) > 0$x$),
    (26, $x$to_regclass('customer') IS NULL$x$), (27, $x$obj_description(1, 'pg_class') = ''$x$),
    (28, 'contauth.export_policies() IS NULL'), (29, 'contauth.whoami() IS NULL'),
    -- what the session itself sets
    (30, $x$current_setting('app.tenant') = 'acme'$x$), (31, $x$current_setting('app.tenant', true) = 'acme'$x$),
    (32, $x$current_schema() = 'crm'$x$), (33, $x$current_schemas(true) IS NULL$x$), (34, $x$pg_client_encoding() = 'UTF8'$x$),
    -- queries
    (40, '(SELECT true)'), (41, 'EXISTS (SELECT FROM crm.ticket)'), (42, '1 IN (SELECT id FROM crm.ticket)'),
    (43, 'ARRAY(SELECT 1) IS NULL'), (44, 'CASE WHEN true THEN (SELECT true) END'), (45, 'COALESCE((SELECT true), false)'),
    (46, '(ARRAY[true])[(SELECT 1)]'), (47, '1 = ALL (SELECT 1)'), (48, '(1, 2) = (SELECT 1, 2)'), (49, '1 = ANY (VALUES (1))'),
    -- more than one expression, or none
    (50, 'true; DROP TABLE crm.customer'), (51, 'true FROM crm.ticket'), (52, 'true UNION SELECT true'),
    (53, 'true) OR (true'), (54, 'true, true'), (55, 'true AS x'), (56, 'true WHERE true'), (57, 'true LIMIT 1'),
    (58, 'DISTINCT true'), (59, ''), (60, '*'), (61, 'true --'), (62, 'true /* x'), (63, 'ALL true'), (64, 'true INTO x'),
    (65, 'true ORDER BY 1'), (66, 'true FOR UPDATE'), (67, $x$E'a\'$x$), (68, '$1'), (69, 'true GROUP BY 1'),
    -- what is no row's business
    (70, 'count(*) > 0'), (71, 'row_number() OVER () > 0'), (72, 'generate_series(1, 2) > 0'), (73, 'GROUPING(1) = 1'),
    (74, 'nothing'), (75, 'customer.nothing = 1'), (76, 'other.id = 1'), (77, '1'), (78, $x$'maybe'$x$), (79, 'NULL::int'),
    (80, 'DEFAULT'), (81, 'CURRENT OF c'),
    -- casts to types of others
    (90, $x$'a'::evil.dom = 'a'$x$), (91, $x$('a'::evil.text)::pg_catalog.text = 'a'$x$),
    (92, $x$CAST(1 AS evil.pair) IS NULL$x$), (93, $x$ROW('a', 'b')::evil.pair IS NULL$x$),
    (94, $x$'a'::dom = 'a'$x$), (95, $x$ARRAY['a']::evil.dom[] IS NULL$x$),
    (97, $x$jsonb_populate_record(NULL::evil.deep, '{"a": "x"}') IS NULL$x$), (98, $x$'(x)'::evil.deep IS NULL$x$),
    (99, $x$'{x}'::evil.dom[] IS NULL$x$),
    (96, $x$jsonb_populate_record(NULL::evil.pair, '{}') IS NULL$x$),
    -- size
    (100, repeat('(', 5000) || 'true' || repeat(')', 5000)), (101, repeat('NOT ', 1000) || 'true'),
    (102, 'true' || repeat(' AND true', 2000)), (103, repeat('x', 9000)), (104, '1 = 1' || repeat(' + 1 - 1', 900)),
    (105, repeat('CASE WHEN true THEN ', 300) || 'true' || repeat(' END', 300)),
    (106, '1e100000000 > 0'), (107, repeat('ARRAY[', 300) || '1' || repeat(']', 300) || ' IS NULL');
\set ECHO all
-- refused, everywhere, with the field's name
SELECT n, left(expression, 60) AS expression, c AS condition,
       CASE WHEN f OPERATOR(pg_catalog.=) replace(c, 'condition', 'row_filter') THEN 'same' ELSE f END AS row_filter,
       CASE WHEN m OPERATOR(pg_catalog.=) replace(c, 'condition', 'masks') THEN 'same' ELSE m END AS unless
  FROM text_of, LATERAL (SELECT pg_temp.try('condition', expression)) AS c (c),
       LATERAL (SELECT pg_temp.try('row_filter', expression)) AS f (f),
       LATERAL (SELECT pg_temp.try('unless', expression)) AS m (m)
 ORDER BY n;
SELECT count(*) FROM contauth.policy WHERE name OPERATOR(pg_catalog.=) 'try';

-- conditions and filters do not see each other's columns; ctx is no value
SELECT pg_temp.try('condition', 'id = 1'), pg_temp.try('condition', 'ctx IS NULL'), pg_temp.try('condition', 'ctx.nothing = 1'),
       pg_temp.try('condition', 'ctx.* IS NULL'), pg_temp.try('condition', 'customer.id = 1') \gx
SELECT pg_temp.try('row_filter', 'ctx.depth = 0'), pg_temp.try('row_filter', 'ticket.id = 0'), pg_temp.try('row_filter', 'evil.customer.id = 1') \gx

-- the other roads are closed in the same way
SELECT contauth.create_policy('good', 'permit', actions => '{select}', resources => '{crm.customer}') \g /dev/null
SELECT contauth.alter_policy('good', '{"condition": "evil.lower(''A'') = ''a''"}');
SELECT contauth.alter_policy('good', '{"row_filter": "current_setting(''app.tenant'') = tenant"}');
UPDATE contauth.policy SET row_filter = 'evil.eq(tenant, tenant)' WHERE name OPERATOR(pg_catalog.=) 'good';
UPDATE contauth.policy SET masks = '{"crm.customer.ssn": {"mask": "redact", "unless": "evil.eq(tenant, tenant)"}}' WHERE name OPERATOR(pg_catalog.=) 'good';
INSERT INTO contauth.policy (name, effect, principals, on_behalf_of, actions, resources, condition, masks, limits, monitor_only)
VALUES ('worse', 'permit', '{*}', '{*}', '{*}', '{*}', 'random() > 0', '{}', '{}', false);
SELECT problem FROM contauth.apply_policies('{"policies": [{"name": "worse", "effect": "permit", "condition": "(SELECT true)"}]}', true) WHERE name OPERATOR(pg_catalog.=) 'worse';

--
-- what is accepted means what it means to the server, whoever looks at it
--
SELECT contauth.alter_policy('good', $${"row_filter": "lower(tenant) = 'acme' AND tenant::text = 'acme' AND \"tenant\" = U&'\\0061cme'",
    "condition": "lower('ACME') = 'acme' AND contauth.claim('tenant') = 'acme'"}$$);
\c - regress_contauth_agent
SET search_path = evil, pg_catalog;
SET contauth.token = :'token_support';
SELECT tenant, count(*) FROM crm.customer GROUP BY 1;
SET standard_conforming_strings = off;
SELECT tenant, count(*) FROM crm.customer GROUP BY 1;
-- and the agent's own query may call its traps, but on what it may see only
SELECT tenant FROM crm.customer WHERE evil.lower(tenant) = 'acme'::pg_catalog.text LIMIT 1;
:state
\c - :superuser
-- an enumeration's values and a column's own domain are no casts to a domain
ALTER TABLE crm.customer ADD mood evil.mood DEFAULT 'good', ADD d evil.dom DEFAULT 'x';
SET search_path = evil, pg_catalog;
SELECT contauth.create_policy('enum', 'permit', resources => '{crm.customer}', row_filter => $$mood = 'good' AND d = 'x'$$) \g /dev/null
SELECT count(*) FROM contauth.policy WHERE name OPERATOR(pg_catalog.=) 'enum';
RESET search_path;
-- reading a value of a column's type runs nobody's code: not in a constant,
-- nor in a literal, also deep inside an array, a row, or a domain over them
CREATE DOMAIN evil.words AS text[] CHECK (evil.check(VALUE[1]));
CREATE DOMAIN evil.code AS text CHECK (VALUE ~ '^[a-z]+$');
ALTER TABLE crm.customer ADD da evil.dom[], ADD dw evil.words, ADD dc evil.deep, ADD dd evil.code;
\c - regress_contauth_admin
CREATE FUNCTION pg_temp.mask(columns text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY columns LOOP
        BEGIN
            PERFORM contauth.create_policy('dom', 'permit', resources => '{crm.customer}',
                masks => jsonb_build_object('crm.customer.' || name, CASE name WHEN 'dc' THEN 'constant((x))' WHEN 'dd' THEN 'constant(x)' ELSE 'constant({x})' END));
            PERFORM contauth.drop_policy('dom');
            RETURN NEXT name || ' accepted';
        EXCEPTION WHEN OTHERS THEN RETURN NEXT SQLERRM;
        END;
    END LOOP;
END $$;
SELECT pg_temp.mask('{d,da,dw,dc,dd}');
SELECT contauth.create_policy('dom', 'permit', resources => '{crm.customer}', row_filter => $$da @> '{x}'$$);
SELECT contauth.create_policy('dom', 'permit', resources => '{crm.customer}', row_filter => $$da = '{x}'$$);
SELECT contauth.create_policy('dom', 'permit', resources => '{crm.customer}', row_filter => $$dw = '{x}' AND d = 'x' AND dd = 'x'$$);
-- what an agent's search_path or settings would decide when the filter runs
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$tenant::regclass = 1$$);
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$tenant::varchar::regtype IS NULL$$);
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$id::regclass::text = 'x'$$);
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$to_tsvector(name) @@ 'x'$$);
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$to_tsvector('english', name) @@ plainto_tsquery('x')$$);
SELECT contauth.create_policy('path', 'permit', resources => '{crm.customer}', row_filter => $$to_tsvector('english', name) @@ plainto_tsquery('english', 'x') AND tableoid <> 'pg_class'::regclass$$);
SELECT contauth.create_policy('set', 'forbid', resources => '{crm.ticket}', condition =>
    $$'{NULL}'::text[] = ARRAY['NULL'] OR '2020-01-01 00:00 IST'::timestamptz < '2020-01-01 00:00+03'$$);
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SET array_nulls = off;
SET timezone_abbreviations = 'India';
SELECT count(*) > 0 FROM crm.ticket;
:state
\c - :superuser
-- a pattern's text is looked at before there is a relation for it
CREATE FUNCTION pg_temp.try_pattern(filter text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM contauth.create_policy('try', 'permit', resources => '{crm.*}', row_filter => filter);
    PERFORM contauth.drop_policy('try');
    PERFORM contauth.create_policy('try', 'permit', masks => jsonb_build_object('label:pii', jsonb_build_object('mask', 'null', 'unless', filter)));
    PERFORM contauth.drop_policy('try');
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT f AS filter, pg_temp.try_pattern(f) FROM unnest(ARRAY['nobody_knows > 1 AND lower(x) = contauth.claim($$a$$)',
    '(SELECT true)', 'x IN (SELECT id FROM crm.ticket)', 'random() > 0', 'pg_sleep(1) IS NULL', 'evil.eq(a, b)', 'evil.lower(a) = b',
    'public.lower(a) = b', 'a::evil.dom = b', 'nothing(a)', 'generate_series(1, a) > 1', 'a = $1', 'true; DROP TABLE x', 'a = (']) AS f;
-- sizes
SELECT contauth.create_policy('many', 'permit', masks => (SELECT jsonb_object_agg('label:a' || i, 'null') FROM generate_series(1, 1001) AS i));
SELECT contauth.create_policy('long', 'permit', masks => jsonb_build_object('label:pii', 'constant(' || repeat('x', 5000) || ')'));
-- NULL where none may be, by the owner's own hand
CREATE FUNCTION pg_temp.put_null(tables regclass[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT attrelid::regclass AS t, attname AS c FROM pg_attribute
              WHERE attrelid = ANY (tables) AND attnum > 0 AND attnotnull AND attgenerated = '' AND attname <> 'version' ORDER BY attrelid::regclass::text, attnum
    LOOP
        BEGIN
            EXECUTE format('UPDATE %s SET %I = NULL', r.t, r.c);
            RETURN NEXT format('%s: %s', r.t, 'changed');
        EXCEPTION WHEN OTHERS THEN RETURN NEXT format('%s: %s %s', r.t, SQLSTATE, SQLERRM);
        END;
    END LOOP;
END $$;
INSERT INTO contauth.agent_key DEFAULT VALUES;
INSERT INTO contauth.trust_bundle DEFAULT VALUES;
SELECT pg_temp.put_null('{contauth.policy,contauth.agent,contauth.issuer}');
UPDATE contauth.policy SET actions = '{select,NULL}' WHERE name = 'good';
UPDATE contauth.agent SET db_roles = '{NULL}';
\set ECHO none
DROP SCHEMA evil CASCADE;
\i :teardown
