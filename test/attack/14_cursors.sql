-- Cursors, prepared statements, portals, pipelines, the fast path.

-- case: cursor
-- expect: allowed
-- shows: 002
DECLARE c CURSOR FOR SELECT id, ssn FROM app.customer;
FETCH ALL FROM c;

-- case: binary cursor
-- expect: allowed
DECLARE c BINARY CURSOR FOR SELECT id, ssn, salary, born, balance, photo FROM app.customer;
FETCH ALL FROM c;

-- case: scroll cursor, every direction
-- expect: allowed
-- shows: 002
DECLARE c SCROLL CURSOR FOR SELECT id, ssn FROM app.customer ORDER BY id;
FETCH LAST FROM c;
FETCH BACKWARD ALL FROM c;
FETCH ABSOLUTE 3 FROM c;
FETCH RELATIVE -2 FROM c;
MOVE FIRST FROM c;
FETCH PRIOR FROM c;
FETCH FORWARD 5 FROM c;

-- case: cursor with hold
-- expect: denied 42501
DECLARE c CURSOR WITH HOLD FOR SELECT id, ssn FROM app.customer;

-- case: cursor over an uncovered column
-- expect: denied 42501
DECLARE c CURSOR FOR SELECT notes FROM app.customer;
FETCH ALL FROM c;

-- case: cursor FOR UPDATE and WHERE CURRENT OF
-- expect: allowed
-- rows: 2|***********002|cursor
DECLARE c CURSOR FOR SELECT id FROM app.customer ORDER BY id FOR UPDATE;
FETCH c;
UPDATE app.customer SET name = 'cursor' WHERE CURRENT OF c RETURNING id, ssn, name;

-- case: WHERE CURRENT OF deletes what may not be deleted
-- expect: denied 42501
DECLARE c CURSOR FOR SELECT id FROM app.customer FOR UPDATE;
FETCH c;
DELETE FROM app.customer WHERE CURRENT OF c;

-- case: refcursor of a SECURITY DEFINER function
-- expect: allowed
-- shows: 002
SELECT app.pl_cursor();
FETCH ALL FROM given;

-- case: cursor across savepoints
-- expect: allowed
-- shows: 002
SAVEPOINT a;
DECLARE c CURSOR FOR SELECT ssn FROM app.customer;
FETCH 2 FROM c;
RELEASE a;
FETCH ALL FROM c;

-- case: cursor goes on after the identity has gone
-- expect: denied 28000
DECLARE c CURSOR FOR SELECT ssn FROM app.customer ORDER BY id;
FETCH 1 FROM c;
SET contauth.token = '';
FETCH ALL FROM c;

-- case: cursor goes on under another identity
-- expect: denied 28000
DECLARE c CURSOR FOR SELECT ssn, name FROM app.customer ORDER BY id;
FETCH 1 FROM c;
SET LOCAL contauth.token = '${other_token}';
FETCH ALL FROM c;

-- case: cursor after a change of role
-- expect: allowed
DECLARE c CURSOR FOR SELECT ssn FROM app.customer;
SET ROLE regress_contauth_team;
FETCH ALL FROM c;

-- case: PREPARE and EXECUTE
-- expect: allowed
-- shows: 002
PREPARE p (int) AS SELECT ssn FROM app.customer WHERE id >= $1;
EXECUTE p (1);
EXECUTE p (1);
EXECUTE p (1);
EXECUTE p (1);
EXECUTE p (1);
EXECUTE p (1);
EXECUTE p (1);

-- case: generic plan
-- expect: allowed
-- rows: 0
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE p (text) AS SELECT count(*) FROM app.customer WHERE ssn = $1;
EXECUTE p ('RAW' || 'MASKssn-002');

-- case: prepared before the identity goes
-- expect: denied 28000
PREPARE p AS SELECT ssn FROM app.customer;
EXECUTE p;
SET contauth.token = '';
EXECUTE p;

-- case: EXECUTE with a query as its argument
-- expect: denied 42501 0A000
PREPARE p (text) AS SELECT $1;
EXECUTE p ((SELECT max(secret) FROM app.vault));

-- case: EXECUTE with a function as its argument
-- expect: allowed
-- rows: ***********002
PREPARE p (text) AS SELECT $1;
EXECUTE p (app.sql_scalar(2));

-- case: EXECUTE with a closed function as its argument
-- expect: denied 42501
PREPARE p (text) AS SELECT $1;
EXECUTE p (pg_read_file('${file}'));

-- case: EXECUTE of set_config in an argument
-- expect: denied 42501
PREPARE p (text) AS SELECT $1;
EXECUTE p (set_config('contauth.token', '', false));

-- case: PREPARE of a closed query, never executed
-- expect: any
PREPARE p AS SELECT * FROM app.vault;

-- case: DEALLOCATE, DISCARD PLANS between
-- expect: allowed
-- autocommit
-- shows: 002
PREPARE p AS SELECT ssn FROM app.customer;
EXECUTE p;
DISCARD PLANS;
EXECUTE p;
DEALLOCATE ALL;

-- case: DISCARD ALL loses the identity
-- expect: last denied 28000
-- autocommit
DISCARD ALL;
SELECT ssn FROM app.customer;

-- case: pipeline
-- expect: allowed
-- via: pipeline
SELECT 1;
SELECT ssn, salary, born FROM app.customer;
SELECT balance FROM app.customer;

-- case: pipeline with a denial in the middle
-- expect: denied 42501
-- via: pipeline
SELECT ssn FROM app.customer;
SELECT notes FROM app.customer;
SELECT name FROM app.customer;

-- case: pipeline that drops the identity in the middle
-- expect: denied 28000 42501
-- via: pipeline
SELECT ssn FROM app.customer;
SET contauth.token = '';
SELECT ssn FROM app.customer;

-- case: pipeline that changes the role in the middle
-- expect: denied 42501
-- via: pipeline
SET ROLE regress_contauth_owner;
SELECT notes FROM app.customer;

-- case: fast path: a scalar function
-- expect: denied 42501
-- via: fastpath
${app_sql_scalar} 2;

-- case: fast path: SECURITY DEFINER of a superuser
-- expect: denied 42501 0A000
-- via: fastpath
${app_super_ssn};

-- case: fast path: a file
-- expect: denied 42501
-- via: fastpath
${pg_catalog_pg_read_file} secret.csv;

-- case: fast path: a large object
-- expect: denied 42501
-- via: fastpath
${pg_catalog_lo_open} ${lo} 262144;

-- case: fast path: a harmless function
-- expect: denied 42501
-- via: fastpath
${pg_catalog_md5} x;

-- case: fast path: query_to_xml
-- expect: denied 42501 08P01
-- via: fastpath
${pg_catalog_query_to_xml} select t f x;

-- case: fast path with activity switched off
-- expect: denied 42501
-- via: fastpath
-- autocommit
${app_sql_scalar} 2;

-- case: several statements in one message
-- expect: denied 42501
-- via: simple
-- autocommit
SELECT ssn FROM app.customer\;
 SELECT notes FROM app.customer\;
 SELECT 1;

-- case: a token swapped within one message
-- expect: any
-- via: simple
-- autocommit
BEGIN\;
 SET LOCAL contauth.token = ''\;
 SELECT ssn, notes FROM app.customer\;
 COMMIT;

-- case: statements after an aborted one
-- expect: last error 25P02
-- autocommit
BEGIN;
SELECT notes FROM app.customer;
SELECT ssn FROM app.customer;

-- case: after a rolled back denial all is as before
-- expect: last allowed
-- autocommit
-- shows: 002
BEGIN;
SELECT notes FROM app.customer;
ROLLBACK;
SELECT ssn FROM app.customer;

-- case: RESET goes back to the token of the connection, not to none
-- expect: allowed
-- shows: 002
RESET contauth.token;
SELECT ssn FROM app.customer;
