-- Code of the agent's own: it runs as nobody else, and what the agent hands to
-- others' functions runs governed.

-- case: text handed to dynamic SQL of a superuser
-- expect: denied 42501
SELECT app.super_run('SELECT pg_read_file(''' || '${file}' || ''')');

-- case: text handed to dynamic SQL of a superuser: DDL
-- expect: denied 42501
SELECT app.super_do('CREATE FUNCTION app.x() RETURNS text LANGUAGE sql SECURITY DEFINER AS ''SELECT 1''');

-- case: text handed to dynamic SQL of a superuser: GRANT
-- expect: denied 42501
SELECT app.super_do('GRANT contauth_admin TO regress_contauth_agent');

-- case: text handed to dynamic SQL of a superuser: SET
-- expect: denied 42501
SELECT app.super_do('SET contauth.mode = off');

-- case: text handed to dynamic SQL of a superuser: an own function there
-- expect: allowed
-- shows: own: x
SELECT app.super_run('SELECT own.leak(''x''::text)::text');

-- case: text handed to dynamic SQL of a superuser: own code reads
-- expect: denied 42501
SELECT app.super_run('SELECT own.who()');
SELECT app.super_run('SELECT max(secret) FROM app.vault');

-- case: an own view read by a superuser's function
-- expect: denied 42501
SELECT app.super_run('SELECT max(notes) FROM own.v_notes');

-- case: an own domain's check over masked and hidden values
-- expect: allowed
-- shows: own: ***********002
SELECT name::own.loud, ssn::own.loud, email::text::own.loud FROM app.customer;

-- case: own code in a sort of a window
-- expect: allowed
SELECT row_number() OVER (ORDER BY own.leak(name), own.leak(ssn)) FROM app.customer;

-- case: own code in LIMIT and OFFSET
-- expect: any
SELECT id FROM app.customer LIMIT own.leak('x'::text)::int OFFSET own.leak('y'::text)::int;

-- case: own code in TABLESAMPLE
-- expect: any
SELECT id FROM app.visit TABLESAMPLE BERNOULLI (own.leak(1)::int * 100);

-- case: own code in ON CONFLICT's WHERE
-- expect: any
INSERT INTO app.ticket (id, tenant, body) VALUES (2, 'acme', 'x') ON CONFLICT (id) DO UPDATE SET body = 'y' WHERE own.leak(ticket.body) AND own.leak(excluded.body);

-- case: own code in an update of hidden rows
-- expect: allowed
UPDATE app.ticket SET priority = 1 WHERE own.leak(body);

-- case: own code in a delete of hidden rows
-- expect: allowed
DELETE FROM app.ticket WHERE own.leak(body) AND own.leak(tenant);

-- case: own code in RETURNING
-- expect: allowed
-- shows: own: ***********002
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING own.leak(ssn), own.leak(salary), own.leak(customer.name);

-- case: own code over whole rows
-- expect: allowed
-- shows: own: (1,"",[redacted],v1)
SELECT own.leak(a) FROM app.account AS a;

-- case: own code over whole rows of a table with hidden rows
-- expect: allowed
SELECT count(*) FROM app.ticket AS t WHERE own.leak(t);

-- case: own code over a partitioned table
-- expect: allowed
SELECT count(*) FROM app.event AS e WHERE own.leak(e) AND own.leak(e.payload);

-- case: own code over a table with children
-- expect: allowed
SELECT count(*) FROM app.parent AS p WHERE own.leak(p);

-- case: own code below a row lock
-- expect: allowed
SELECT id FROM app.ticket WHERE own.leak(body) FOR UPDATE;

-- case: own code in a join with native row-level security
-- expect: allowed
SELECT g.id FROM app.guarded AS g JOIN app.pad AS p ON own.leak(g.body) WHERE own.leak(g);

-- case: own code in parallel
-- expect: any
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT count(*) FROM app.visit WHERE own.leak(place) OR own.leak(weight);

-- case: own code in a CASE that guards the filter
-- expect: allowed
SELECT CASE WHEN own.leak(name) THEN 1 END FROM app.customer;

-- case: own code through an index on a filtered column
-- expect: allowed
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM app.visit WHERE place > 'a' AND own.leak(place);

-- case: own code in a semi join
-- expect: allowed
SELECT id FROM app.pad AS p WHERE EXISTS (SELECT FROM app.customer AS c WHERE own.leak(c.name) AND own.leak(c.ssn));

-- case: own code in a lateral join
-- expect: allowed
SELECT x FROM app.customer AS c, LATERAL own.leak(c.name) AS x;

-- case: own aggregate with FILTER, ORDER BY and DISTINCT
-- expect: allowed
SELECT own.concat_all(DISTINCT name), own.concat_all(ssn ORDER BY name) FILTER (WHERE own.leak(name)) FROM app.customer;

-- case: own code in a recursive query
-- expect: allowed
WITH RECURSIVE r AS (SELECT id FROM app.customer WHERE own.leak(name) UNION SELECT r.id + 1 FROM r WHERE r.id < 4) SELECT count(*) FROM r;

-- case: own code in a set operation pushed down
-- expect: allowed
SELECT * FROM (SELECT name FROM app.customer UNION ALL SELECT body FROM app.ticket) AS s WHERE own.leak(name);

-- case: own code above a view with a barrier
-- expect: allowed
SELECT * FROM app.v_barrier WHERE own.leak(name) AND own.leak(ssn);

-- case: own code above a grouped view
-- expect: allowed
SELECT * FROM app.v_group WHERE own.leak(prefix);

-- case: own code above a foreign table
-- expect: allowed
SELECT count(*) FROM app.f_customer WHERE own.leak(name) AND own.leak(ssn) AND own.leak(tenant);

-- case: own procedure that opens a cursor
-- expect: allowed
SELECT app.pl_cursor();
MOVE ALL IN given;
FETCH BACKWARD ALL IN given;

-- case: default of a column is somebody's code
-- expect: allowed
INSERT INTO app.ticket (body) VALUES ('by default') RETURNING id > 1000, tenant;

-- case: refused text in pg_get_expr, format_type and friends
-- expect: any
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef;

-- case: deep nesting
-- expect: error 54001 42601
SELECT app.pl_run('SELECT ' || repeat('(', 20000) || '1' || repeat(')', 20000));

-- case: deep nesting of function calls
-- expect: any
SELECT app.pl_run('SELECT ' || repeat('abs(', 3000) || '1' || repeat(')', 3000));

-- case: deep nesting of sub-selects over a table
-- expect: any
SELECT app.pl_run('SELECT max(ssn) FROM ' || repeat('(SELECT * FROM ', 900) || 'app.v_some' || repeat(') AS s', 900));

-- case: deep recursion of functions
-- expect: any
SELECT app.pl_run('SELECT app.pl_run(' || quote_literal('SELECT app.pl_run(''SELECT max(ssn) FROM app.customer'')') || ')');

-- case: a very long list of columns
-- expect: any
SELECT app.pl_run('SELECT max(ssn), ' || string_agg('max(ssn) AS c' || i, ',') || ' FROM app.customer') FROM generate_series(1, 1500) AS i;

-- case: many joins
-- expect: any
SELECT app.pl_run('SELECT c0.ssn FROM app.customer AS c0 ' || string_agg(format('JOIN app.customer AS c%s USING (id)', i), ' ') || ' WHERE c0.id = 2') FROM generate_series(1, 40) AS i;

-- case: null bytes and broken encodings
-- expect: error 22021
SELECT app.pl_run(E'SELECT ''\xff''');

-- case: a function of a superuser that switches contauth off
-- expect: denied 42501
SELECT app.super_off();

-- case: a function that takes a role
-- expect: denied 42501
SELECT app.super_owner();

-- case: a function that takes a role, swallowed
-- expect: allowed
SELECT app.pl_catch('SELECT app.super_owner()');

-- case: a function that switches triggers off
-- expect: denied 42501
SELECT app.super_replica();

-- case: a function that switches row-level security off
-- expect: any
SELECT app.super_rls();

-- case: own code found in the search path of somebody's function
-- expect: denied 42501
SET LOCAL search_path = own, pg_catalog;
SELECT app.searches();

-- case: own code found in the search path of somebody's function, swallowed
-- expect: allowed
-- shows: 42501
SET LOCAL search_path = own, pg_catalog;
SELECT app.pl_catch('SELECT app.searches()');

-- case: guesses hashed with the key of masks
-- expect: denied 42501 22P02 42846 42883 0A000
SELECT contauth.mask_hash('x'::text, '0'::contauth.mask_call);

-- case: guesses hashed with the key of masks through a cast
-- expect: error 42846 42883 42501 22P02 0A000
SELECT contauth.mask_hash('x'::text, 0::contauth.mask_call);

-- case: guesses hashed with the key of masks, mask_call made by record functions
-- expect: error 42846 42883 42501 22P02 0A000
SELECT contauth.mask_hash('x'::text, jsonb_populate_record(NULL::own.pair, '{}')::text::contauth.mask_call);

-- case: guesses hashed with the key of masks, NULL for mask_call
-- expect: any
SELECT contauth.mask_hash('x'::text, NULL::contauth.mask_call);

-- case: other functions for policies
-- expect: denied 42501
SELECT contauth.table_changed();

-- case: policy_key and other helpers
-- expect: denied 42501
SELECT contauth.require_arguments('{}');
