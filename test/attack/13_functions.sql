-- Functions of all forms and owners: statements inside are governed.

-- case: SQL function that returns rows
-- expect: denied 42501
SELECT * FROM app.sql_rows();

-- case: SQL function that returns rows, covered columns
-- expect: any
SELECT id, ssn FROM app.sql_rows();

-- case: SQL function that could be inlined
-- expect: allowed
-- via: simple extended prepared portal
-- shows: 002
SELECT * FROM app.sql_ssn();

-- case: SQL function that could be inlined, rows
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.sql_ssn();

-- case: SQL function with a body of parsed statements
-- expect: allowed
-- via: simple extended prepared
-- shows: 002
SELECT * FROM app.sql_atomic();

-- case: scalar SQL function
-- expect: allowed
-- rows: ***********002|
SELECT app.sql_scalar(2), app.sql_scalar(1);

-- case: scalar SQL function of an uncovered column
-- expect: denied 42501
SELECT app.sql_notes(2);

-- case: SQL function of a closed table
-- expect: denied 42501
SELECT app.sql_vault();

-- case: SQL function that lies about being immutable
-- expect: allowed
-- via: simple extended prepared
-- shows: 002
SELECT app.sql_immutable();

-- case: SQL function that takes a row
-- expect: denied 42501
SELECT app.sql_of_row(c) FROM app.customer AS c;

-- case: SQL function as an attribute of a row
-- expect: denied 42501
SELECT c.notes, (c).notes FROM app.customer AS c;

-- case: SECURITY DEFINER
-- expect: allowed
-- shows: 002
SELECT app.definer_ssn();

-- case: SECURITY DEFINER of a closed table
-- expect: denied 42501
SELECT * FROM app.definer_vault();

-- case: SECURITY DEFINER of the agent's own
-- expect: allowed
-- shows: 002
SELECT own.definer();

-- case: PL/pgSQL, static and dynamic
-- expect: allowed
-- shows: 002
SELECT app.pl_ssn();

-- case: PL/pgSQL of a superuser
-- expect: allowed
-- shows: 002
SELECT app.super_ssn();

-- case: PL/pgSQL in a loop over a view of everything
-- expect: denied 42501
SELECT * FROM app.pl_loop();

-- case: PL/pgSQL that lies about being immutable
-- expect: allowed
-- via: simple extended prepared
-- shows: 002
SELECT app.pl_immutable();

-- case: PL/pgSQL that lies, in EXPLAIN
-- expect: allowed
-- shows: 002
EXPLAIN (VERBOSE) SELECT app.pl_immutable();

-- case: PL/pgSQL in parallel workers
-- expect: any
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT app.pl_parallel(id), app.pl_parallel(id - 1) FROM app.visit LIMIT 10;

-- case: dynamic statement of a superuser's function
-- expect: denied 42501
SELECT app.super_run('SELECT secret FROM app.vault');

-- case: dynamic statement of a superuser's function, statistics
-- expect: denied 42501
SELECT app.super_run('SELECT string_agg(stavalues1::text, '','') FROM pg_statistic');

-- case: dynamic statement of a superuser's function, a file
-- expect: denied 42501
SELECT app.super_run('SELECT pg_read_file(''${file}'')');

-- case: a file read by a superuser's function
-- expect: denied 42501
SELECT app.super_file();

-- case: dynamic SELECT of an owner's function
-- expect: allowed
-- rows: ***********002
SELECT app.pl_definer('SELECT ssn FROM app.customer WHERE id = 2');

-- case: nested dynamic statements
-- expect: denied 42501
SELECT app.pl_run('SELECT app.super_run(''SELECT app.pl_definer(''''SELECT notes FROM app.customer'''')'')');

-- case: swallowed denial
-- expect: allowed
-- shows: 42501
SELECT app.pl_catch('SELECT string_agg(notes, '','') FROM app.customer');

-- case: swallowed denial, then a guess
-- expect: allowed
SELECT app.pl_catch('SELECT string_agg(secret, '','') FROM app.vault'), app.pl_catch('SELECT string_agg(ssn, '','') FROM app.customer');

-- case: notice of a leaky function
-- expect: allowed
-- shows: seen: ***********002
SELECT id FROM app.customer WHERE app.pl_notice(ssn) AND app.pl_notice(name) AND app.pl_notice(balance::text);

-- case: notice of a leaky function before a cheap filter
-- expect: allowed
SELECT id FROM app.visit WHERE app.pl_notice(place) AND id < 40;

-- case: notice of a leaky function in a join condition
-- expect: allowed
SELECT c.id FROM app.customer AS c JOIN app.ticket AS t ON own.leak(c.name || t.body) AND c.id = t.id;

-- case: notice of a leaky function in HAVING, ORDER BY, DISTINCT
-- expect: allowed
SELECT DISTINCT own.leak(max(name)) FROM app.customer GROUP BY id HAVING own.leak(max(ssn)) ORDER BY own.leak(max(name));

-- case: an operator of the agent's own
-- expect: allowed
-- shows: own: ***********002
SELECT id FROM app.customer WHERE ssn OPERATOR(own.===) 'x' OR name OPERATOR(own.===) 'y';

-- case: an operator of the agent's own as a join condition
-- expect: allowed
SELECT a.id FROM app.customer AS a JOIN app.customer AS b ON a.name OPERATOR(own.===) b.name;

-- case: a cast of the agent's own
-- expect: allowed
-- shows: cast: ***********002
SELECT ssn::own.pair FROM app.customer;

-- case: a domain of the agent's own
-- expect: allowed
-- shows: own: ***********002
SELECT ssn::own.loud FROM app.customer;

-- case: an aggregate of the agent's own
-- expect: allowed
-- shows: sfunc: ***********002
SELECT own.concat_all(ssn), own.concat_all(name) FROM app.customer;

-- case: an aggregate of the agent's own as a window
-- expect: allowed
SELECT own.concat_all(name) OVER (ORDER BY id) FROM app.customer;

-- case: a function of the agent's own named like the server's
-- expect: allowed
SET LOCAL search_path = own, pg_catalog, app;
SELECT ssn, "right"(ssn, 3) FROM customer;

-- case: functions of the agent's own named like a mask
-- expect: allowed
-- shows: 002
SET LOCAL search_path = own, contauth, pg_catalog, app;
SELECT ssn FROM customer;

-- case: a function of the agent's own with a fault that depends on the value
-- expect: error 22012
SELECT own.divide(id) FROM app.customer;

-- case: a function of the agent's own that reads and writes
-- expect: any
SELECT own.who();

-- case: procedure
-- expect: allowed
-- shows: 002
CALL app.proc('');

-- case: procedure of the agent's own
-- expect: allowed
-- shows: 002
CALL own.proc('');

-- case: procedure that ends transactions
-- expect: allowed
-- autocommit
-- shows: 002
CALL app.proc_commit('');

-- case: procedure with a function as its argument
-- expect: allowed
-- shows: 002
CALL app.proc(app.pl_run('SELECT string_agg(ssn, '','') FROM app.customer'));

-- case: procedure with a closed function as its argument
-- expect: denied 42501
CALL app.proc(pg_read_file('${file}'));

-- case: query_to_xml
-- expect: allowed
-- shows: 002
SELECT query_to_xml('SELECT ssn FROM app.customer', true, false, '');

-- case: query_to_xml of a closed table
-- expect: denied 42501
SELECT query_to_xml('SELECT * FROM app.vault', true, false, '');

-- case: query_to_xml_and_xmlschema
-- expect: denied 42501
SELECT query_to_xml_and_xmlschema('SELECT * FROM app.customer', true, false, '');

-- case: table_to_xml
-- expect: denied 42501
SELECT table_to_xml('app.customer', true, false, '');

-- case: table_to_xml of a view
-- expect: allowed
-- shows: 002
SELECT table_to_xml('app.v_some', true, false, '');

-- case: schema_to_xml
-- expect: denied 42501
SELECT schema_to_xml('app', true, false, '');

-- case: database_to_xml
-- expect: denied 42501
SELECT database_to_xml(true, false, '');

-- case: cursor_to_xml
-- expect: allowed
-- shows: 002
DECLARE c CURSOR FOR SELECT ssn FROM app.customer;
SELECT cursor_to_xml('c', 100, true, false, '');

-- case: ts_stat
-- expect: allowed
SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', ssn || name) FROM app.customer');

-- case: ts_stat of a masked column
-- expect: allowed
SELECT * FROM ts_stat('SELECT words FROM app.document');

-- case: ts_stat of a closed table
-- expect: denied 42501
SELECT * FROM ts_stat('SELECT to_tsvector(''simple'', secret) FROM app.vault');

-- case: ts_rewrite
-- expect: any
SELECT ts_rewrite('a & b'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(''simple'', max(name)) FROM app.customer');

-- case: ts_rewrite of a closed table
-- expect: denied 42501
SELECT ts_rewrite('a & b'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(''simple'', secret) FROM app.vault');

-- case: ts_headline and ts_rank over masks
-- expect: allowed
SELECT ts_headline('simple', body, 'raw'::tsquery), ts_rank(words, 'raw'::tsquery) FROM app.document;

-- case: crosstab
-- expect: any
SELECT * FROM crosstab('SELECT tenant, id, ssn FROM app.customer ORDER BY 1, 2') AS t(tenant text, a text, b text);

-- case: crosstab of a closed table
-- expect: denied 42501
SELECT * FROM crosstab('SELECT 1, id, secret FROM app.vault ORDER BY 1, 2') AS t(r int, a text, b text);

-- case: connectby
-- expect: denied 42501
SELECT * FROM connectby('app.node', 'id', 'parent', '1', 0) AS t(keyid text, parent text, level int);

-- case: similarity over masks
-- expect: allowed
SELECT public.similarity(ssn, 'RAW' || 'MASKssn-002') FROM app.customer;

-- case: digest over masks
-- expect: allowed
SELECT public.digest(ssn, 'sha256'), public.hmac(ssn, 'k', 'sha256'), public.encrypt(ssn::bytea, 'k', 'aes') FROM app.customer;

-- case: a function called by its own result
-- expect: allowed
-- shows: 002
SELECT app.pl_run('SELECT app.pl_run(''SELECT ssn FROM app.customer'')');

-- case: generate_series over masked numbers
-- expect: allowed
-- rows: 70
SELECT count(*) FROM (SELECT generate_series(1, salary) FROM app.customer) AS s;

-- case: jsonpath, regexp, xpath over masks
-- expect: allowed
SELECT jsonb_path_query(doc, '$.**'), regexp_matches(ssn, '.*'), xpath('/x', xmlelement(name x, email)::text::xml) FROM app.customer;

-- case: the mask functions called directly
-- expect: any
SELECT contauth.mask_partial(ssn, 100, 100, '0') FROM app.customer;

-- case: a forged mask_call
-- expect: any
SELECT contauth.mask_hash('x', '0'::contauth.mask_call), contauth.mask_hash('x', 0::contauth.mask_call);
