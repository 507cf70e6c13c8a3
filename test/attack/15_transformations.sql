-- Values in disguise: whatever is made of a masked column is made of its mask,
-- and a guess about it is a guess about its mask.

-- case: encodings
-- expect: allowed
SELECT encode(ssn::bytea, 'hex'), encode(ssn::bytea, 'base64'), encode(ssn::bytea, 'escape'), reverse(ssn), upper(ssn), lower(ssn),
	quote_literal(ssn), quote_ident(ssn), to_json(ssn), md5(ssn), sha256(ssn::bytea), ascii(ssn), to_hex(ascii(ssn)), translate(ssn, 'RAW', 'XYZ') FROM app.customer;

-- case: one character at a time
-- expect: allowed
-- rows: *|*|*|42
SELECT substr(ssn, 1, 1), left(ssn, 1), (string_to_array(ssn, NULL))[2], ascii(substr(ssn, 3)) FROM app.customer WHERE id = 2;

-- case: one byte at a time
-- expect: allowed
-- rows: 42|0
SELECT get_byte(ssn::bytea, 0), get_bit(ssn::bytea, 0) FROM app.customer WHERE id = 2;

-- case: LIKE, ILIKE, SIMILAR TO, regular expressions
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE ssn LIKE 'R%' OR ssn ILIKE 'r%' OR ssn SIMILAR TO 'R%' OR ssn ~ '^R' OR ssn ^@ 'R' OR starts_with(ssn, 'R') OR position('RAW' IN ssn) > 0;

-- case: binary search for text
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE ssn > 'Q' AND ssn < 'S';

-- case: binary search for numbers
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE salary BETWEEN 4000000000 AND 5000000000;

-- case: binary search for dates
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE born BETWEEN '1907-01-01' AND '1908-01-01';

-- case: equality with the masked email
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE email = 'RAW' || 'MASKmail2@example.com';

-- case: hashes of guesses
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE photo = convert_to('RAW' || 'MASKphoto2', 'UTF8') OR sha256(photo) = sha256(convert_to('RAW' || 'MASKphoto2', 'UTF8'));

-- case: the hash function of the server
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE hashtext(ssn) = hashtext('RAW' || 'MASKssn-002') OR hashtextextended(ssn, 1) = hashtextextended('RAW' || 'MASKssn-002', 1);

-- case: arrays, rows, ranges
-- expect: allowed
SELECT ARRAY[ssn], ROW(ssn, salary), numrange(salary, salary, '[]'), array_to_string(tags, ','), tags[1], unnest(tags), (home).street FROM app.customer;

-- case: composite and its fields
-- expect: allowed
-- rows: |
SELECT (home).street, (home).city FROM app.customer WHERE id = 2;

-- case: jsonb in all its ways
-- expect: allowed
SELECT doc ->> 'k', doc -> 'k', doc #>> '{k}', jsonb_pretty(doc), doc || '{"a": 1}', doc - 'k', jsonb_each(doc), jsonb_path_query_array(doc, '$.*'), doc @> '{"k": 1}' FROM app.customer;

-- case: subscripts
-- expect: allowed
SELECT tags[1:2], doc['k'] FROM app.customer;

-- case: enum
-- expect: allowed
-- rows: calm
SELECT feeling::text FROM app.customer WHERE id = 2;

-- case: domain
-- expect: allowed
-- rows: hidden
SELECT code::text || '' FROM app.customer WHERE id = 2;

-- case: generated column of a labelled one
-- expect: allowed
-- rows: ***********002
SELECT ssn_up FROM app.customer WHERE id = 2;

-- case: generated column of a column that is masked by name
-- expect: allowed
-- rows: |
SELECT secret, derived FROM app.computed WHERE id = 1;

-- case: a cast that fails
-- expect: error 22P02
SELECT ssn::int FROM app.customer;

-- case: a cast that fails on what is put before
-- expect: error 22P02
SELECT ('x' || ssn)::numeric FROM app.customer;

-- case: a cast to date that fails
-- expect: error 22007 22008
SELECT ssn::date FROM app.customer;

-- case: a cast to json that fails
-- expect: error 22P02
SELECT ssn::json FROM app.customer;

-- case: a cast to xml, inet, uuid, enum
-- expect: error 22P02
SELECT ssn::inet FROM app.customer;

-- case: a cast to regclass
-- expect: error 42P01 42602
SELECT ssn::regclass FROM app.customer;

-- case: a cast to tsquery
-- expect: any
SELECT ssn::tsquery FROM app.customer;

-- case: a cast to xml
-- expect: any
SELECT ('<' || ssn)::xml FROM app.customer;

-- case: an error of xpath
-- expect: any
SELECT xpath('/' || translate(ssn, '*-', 'xx'), '<a/>') FROM app.customer;

-- case: a regular expression that fails
-- expect: error 2201B
SELECT 'x' ~ ('(' || ssn) FROM app.customer;

-- case: to_char, to_number, to_date
-- expect: any
SELECT to_char(salary, '9,999,999,999'), to_number(ssn, '999'), to_date(ssn, 'YYYY') FROM app.customer;

-- case: division by a masked number
-- expect: error 22012
SELECT 1 / (salary - 7) FROM app.customer;

-- case: division by the raw number
-- expect: allowed
SELECT 1 / (salary - 4815162302) FROM app.customer;

-- case: a fault that depends on hidden rows
-- expect: allowed
SELECT 1 / (CASE WHEN tenant = 'globex' THEN 0 ELSE 1 END) FROM app.customer;

-- case: a fault that depends on hidden rows, in WHERE
-- expect: allowed
SELECT count(*) FROM app.customer WHERE 1 / (CASE WHEN name LIKE 'RAW%' THEN 0 ELSE 1 END) = 1;

-- case: a cast of a hidden row's value in WHERE
-- expect: error 22P02
-- shows: acmename
SELECT count(*) FROM app.customer WHERE name::int > 0;

-- case: a cast of hidden rows only
-- expect: allowed
SELECT count(*) FROM app.visit WHERE tenant = 'globex' AND place::int > 0;

-- case: RAISE through a function's argument
-- expect: error 22P02
SELECT CAST(app.pl_run('SELECT string_agg(ssn, '','') FROM app.customer') AS int);

-- case: ASSERT
-- expect: error P0004
SELECT app.pl_assert();

-- case: STRICT and its parameters
-- expect: error P0003
SELECT app.pl_strict();

-- case: numeric forms
-- expect: allowed
SELECT salary::float8, salary::text, to_hex(salary::bigint), salary * 1000, salary / 3, -salary, sqrt(salary), salary::money, int8send(salary::bigint), numeric_send(salary) FROM app.customer;

-- case: date forms
-- expect: allowed
SELECT extract(epoch FROM born), born + 1, age(born), to_char(born, 'J'), date_part('day', born), born::timestamptz, date_send(born) FROM app.customer;

-- case: send and receive functions
-- expect: allowed
SELECT textsend(ssn), record_send(ROW(ssn)), array_send(ARRAY[ssn]), varcharsend(email) FROM app.customer;

-- case: output functions
-- expect: allowed
SELECT textout(ssn), record_out(ROW(ssn)) FROM app.customer;

-- case: convert and overlay
-- expect: allowed
SELECT convert_to(ssn, 'LATIN1'), overlay(ssn placing 'x' from 1), lpad(ssn, 40, ssn), repeat(ssn, 3), format('%s %L %I', ssn, ssn, ssn), initcap(ssn), split_part(ssn, '-', 1) FROM app.customer;

-- case: width, bits, collation
-- expect: allowed
SELECT ssn COLLATE "C" < 'b', length(ssn), bit_length(ssn), ssn::varchar(9), ssn::char(5), ssn::name, ssn::"char" FROM app.customer;

-- case: masks in client encodings
-- expect: allowed
-- shows: 002
SET LOCAL client_encoding = 'LATIN1';
SELECT ssn, name FROM app.customer;

-- case: bytea_output, extra_float_digits, DateStyle, IntervalStyle, xmlbinary
-- expect: allowed
SET LOCAL bytea_output = 'escape';
SET LOCAL DateStyle = 'German';
SELECT photo, born, salary FROM app.customer;
