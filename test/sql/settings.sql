-- What a row filter or an exception of a mask means does not follow settings that
-- the agent sets: it must not look at the text of a value that they decide.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
CREATE DOMAIN crm.birthday AS date;
CREATE TABLE crm.dated (
    id int, day date, born crm.birthday, at timestamp, seen timestamptz, span interval, raw bytea,
    size float8, small float4, price money, spot point, days date[], during daterange, spans datemultirange,
    number numeric, clock time, word text, words text[], mark uuid, mood bool, doc jsonb, secret text);
INSERT INTO crm.dated (id, day, secret)
VALUES (1, '2020-05-01', 'shown'), (2, '2021-05-01', 'RAW' || 'DATED');
GRANT SELECT ON crm.dated TO regress_contauth_agent;
CREATE FUNCTION pg_temp.try(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
    again text;
BEGIN
    BEGIN
        PERFORM contauth.create_policy('try', 'permit', resources => '{crm.dated}', row_filter => filter);
        PERFORM contauth.drop_policy('try');
        said := 'accepted';
    EXCEPTION WHEN OTHERS THEN said := SQLSTATE || ' ' || SQLERRM;
    END;
    BEGIN
        PERFORM contauth.create_policy('try', 'permit', resources => '{crm.dated}',
            masks => jsonb_build_object('crm.dated.secret', jsonb_build_object('mask', 'redact', 'unless', filter)));
        PERFORM contauth.drop_policy('try');
        again := 'accepted';
    EXCEPTION WHEN OTHERS THEN again := SQLSTATE || ' ' || SQLERRM;
    END;
    RETURN said || CASE WHEN replace(again, 'masks', 'row_filter') <> said THEN ' and ' || again ELSE '' END;
END
$$;
\set ECHO all

-- refused: DateStyle, IntervalStyle, bytea_output, extra_float_digits and lc_monetary decide
SELECT f AS filter, pg_temp.try(f) FROM unnest(ARRAY[
    $$day::text LIKE '2020-%'$$, $$born::text LIKE '2020-%'$$, $$at::text < '2021'$$, $$seen::text < '2021'$$,
    $$span::text = '1 day'$$, $$raw::text = '\x01'$$, $$size::text = '0.1'$$, $$small::varchar = '0.1'$$,
    $$price::text = '$1.00'$$, $$spot::text = '(1,2)'$$, $$days::text = '{2020-05-01}'$$, $$during::text LIKE '[2020-%'$$,
    $$spans::text LIKE '{[2020-%'$$, $$ROW(day)::text LIKE '(2020-%'$$, $$dated::text LIKE '(1,%'$$,
    $$concat(word, day) LIKE '2020-%'$$, $$concat_ws('', word, word, day) LIKE '2020-%'$$, $$format('%s', day) LIKE '2020-%'$$,
    $$'x' || day LIKE 'x2020-%'$$, $$day || 'x' LIKE '2020-%'$$, $$quote_literal(day) = ''$$, $$quote_nullable(span) = ''$$,
    $$array_to_string(days, ',') LIKE '2020-%'$$, $$to_json(span)::text = '"1 day"'$$, $$to_jsonb(size) = '1'$$,
    $$row_to_json(ROW(raw))::text = ''$$, $$jsonb_build_object('a', raw) = doc$$, $$json_build_array(size)::text = ''$$,
    $$textin(date_out(day)) LIKE '2020-%'$$, $$CASE WHEN id = 1 THEN mood ELSE NOT day::text LIKE '2020-%' END$$]) AS f;
-- accepted: nothing but the value decides
SELECT f AS filter, pg_temp.try(f) FROM unnest(ARRAY[
    $$day < '2021-01-01'$$, $$to_char(day, 'YYYY') = '2020'$$, $$extract(year FROM at) = 2020$$, $$date_part('year', seen) = 2020$$,
    $$encode(raw, 'hex') = '01'$$, $$size::numeric = 0.1$$, $$justify_days(span) = '1 day'$$, $$number::text = '1'$$,
    $$clock::text = '10:00:00'$$, $$mark::text = 'x'$$, $$mood::text = 'true'$$, $$words::text = '{x}'$$, $$doc::text = '{}'$$,
    $$concat(word, id) = 'x1'$$, $$format('%s-%s', word, number) = 'x-1'$$, $$word || id = 'x1'$$, $$to_jsonb(words) = doc$$,
    $$array_to_string(words, ',') = 'x'$$, $$jsonb_build_object('a', id) = doc$$, $$contauth.claim('since')::date <= day$$,
    $$word = ANY (contauth.claim('words')::text[])$$, $$during @> current_date$$, $$'2020-05-01' = ANY (days)$$]) AS f;
-- a condition may, for it is computed under fixed settings
SELECT contauth.create_policy('dated', 'permit', actions => '{select}', resources => '{crm.dat*}',
    condition => $$ctx.now::text LIKE '20__-%' AND NOT date '2020-05-01'::text LIKE '01.%'$$) \g /dev/null
:as_agent
SET DateStyle = 'German';
SELECT id FROM crm.dated ORDER BY id;
RESET DateStyle;
:as_admin

-- the filter of a pattern is looked at with the table: then the permit does not match,
-- and a restrict hides every row
SELECT contauth.alter_policy('dated', jsonb_build_object('condition', NULL, 'row_filter', $$NOT day::text LIKE '2021-%'$$));
:as_agent
SELECT id, secret FROM crm.dated ORDER BY id;
SET DateStyle = 'German';
SELECT id, secret FROM crm.dated ORDER BY id;
RESET DateStyle;
:as_admin
SELECT contauth.alter_policy('dated', '{"row_filter": null}');
SELECT contauth.create_policy('only', 'restrict', actions => '{select}', resources => '{crm.dat*}', row_filter => $$NOT day::text LIKE '2021-%'$$) \g /dev/null
:as_agent
SET DateStyle = 'German';
SELECT id, secret FROM crm.dated ORDER BY id;
RESET DateStyle;
:as_admin
SELECT contauth.alter_policy('only', jsonb_build_object('row_filter', $$NOT to_char(day, 'YYYY') = '2021'$$));
:as_agent
SET DateStyle = 'German';
SELECT id, secret FROM crm.dated ORDER BY id;
RESET DateStyle;
:as_admin
\set ECHO none
DROP TABLE crm.dated;
\i :teardown
