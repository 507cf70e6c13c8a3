-- Views and materialized views: the tables below decide, whoever owns the view.

-- case: view of one
-- expect: allowed
-- via: simple extended prepared portal
-- shows: 002
SELECT * FROM app.v_some;

-- case: view of everything
-- expect: denied 42501
SELECT * FROM app.v_all;

-- case: view of everything, covered columns
-- expect: allowed
-- shows: 002
SELECT id, ssn FROM app.v_all;

-- case: whole row of a view
-- expect: allowed
-- shows: 002
SELECT v, v::text, to_json(v) FROM app.v_some AS v;

-- case: whole row of the view of everything
-- expect: denied 42501
SELECT v FROM app.v_all AS v;

-- case: nested view
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_nested;

-- case: security_invoker
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_invoker;

-- case: security_barrier
-- expect: allowed
-- shows: 004
SELECT * FROM app.v_barrier;

-- case: security_barrier and a leaky function
-- expect: allowed
-- shows: seen: ***********004
SELECT * FROM app.v_barrier WHERE app.pl_notice(ssn) AND app.pl_notice(name);

-- case: view of an uncovered column
-- expect: denied 42501
SELECT notes FROM app.v_notes;

-- case: count over a view of an uncovered column
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.v_notes;

-- case: aggregate in a view
-- expect: allowed
-- rows: *********|10
SELECT * FROM app.v_group;

-- case: union in a view
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_union;

-- case: condition inside a view
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.v_where;

-- case: view of a closed table
-- expect: denied 42501
SELECT * FROM app.v_vault;

-- case: count over the view of a closed table
-- expect: denied 42501
SELECT count(*) FROM app.v_vault;

-- case: a cast inside a view fails on the mask
-- expect: error 22P02
SELECT * FROM app.v_cast;

-- case: a cast inside a view that nobody reads
-- expect: allowed
SELECT id FROM app.v_cast;

-- case: recursive view
-- expect: allowed
-- shows: 004
SELECT * FROM app.v_recursive;

-- case: view of a superuser
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_super;

-- case: view of the agent's own
-- expect: allowed
-- shows: 002
SELECT * FROM own.v;

-- case: view of the agent's own of an uncovered column
-- expect: denied 42501
SELECT * FROM own.v_notes;

-- case: view of the agent's own of a closed table
-- expect: denied 42501
SELECT * FROM own.v_vault;

-- case: view of a superuser of statistics
-- expect: denied 42501
SELECT * FROM app.v_stats;

-- case: view of a superuser of sessions
-- expect: denied 42501
SELECT * FROM app.v_activity;

-- case: view of a superuser of raw statistics
-- expect: denied 42501
SELECT * FROM app.v_statistic;

-- case: materialized view with a policy of its own
-- expect: allowed
-- shows: 002
SELECT id, tenant, ssn FROM app.m_customer;

-- case: materialized view, uncovered column
-- expect: denied 42501
SELECT notes FROM app.m_customer;

-- case: materialized view of a closed table
-- expect: denied 42501
SELECT * FROM app.m_vault;

-- case: materialized view of the agent's own
-- expect: denied 42501
SELECT id, ssn FROM own.m;

-- case: view over a materialized view
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_matview;

-- case: view in a sub-select, WITH and LATERAL
-- expect: allowed
-- shows: 002
WITH w AS (SELECT * FROM app.v_some) SELECT w.*, x.* FROM w, LATERAL (SELECT ssn AS s FROM app.v_nested WHERE id = w.id) AS x;

-- case: guess through a view
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.v_some WHERE ssn = 'RAW' || 'MASKssn-002';

-- case: guess the salary through a view
-- expect: allowed
-- rows: 10|0
SELECT count(*) FILTER (WHERE salary < 100), count(*) FILTER (WHERE salary > 100) FROM app.v_some;

-- case: update through a view with a check
-- expect: allowed
-- rows: 2|changed
UPDATE app.v_ticket SET body = 'changed' WHERE id = 2 RETURNING id, body;

-- case: update hidden rows through a view
-- expect: allowed
-- rows: 0
WITH u AS (UPDATE app.v_ticket SET priority = 2 WHERE id IN (1, 3, 5) RETURNING *) SELECT count(*) FROM u;

-- case: update of a masked column through a view
-- expect: denied 42501
UPDATE app.v_some SET ssn = 'x';

-- case: update by a masked column through a view
-- expect: denied 42501
UPDATE app.v_some SET name = 'x' WHERE ssn LIKE 'RAW%';

-- case: RETURNING through a view
-- expect: allowed
-- shows: 002
UPDATE app.v_some SET name = 'x' WHERE id = 2 RETURNING *;

-- case: RETURNING through the view of everything
-- expect: denied 42501
UPDATE app.v_all SET name = 'x' WHERE id = 2 RETURNING *;

-- case: INSTEAD OF trigger sees masks
-- expect: any
UPDATE app.v_instead SET name = 'x' RETURNING *;

-- case: INSTEAD OF DELETE trigger
-- expect: any
DELETE FROM app.v_instead;

-- case: move a row to another tenant through a view
-- expect: denied 42501 44000
UPDATE app.v_ticket SET tenant = 'globex' WHERE id = 2;

-- case: insert for another tenant through a view
-- expect: denied 42501 44000
INSERT INTO app.v_ticket VALUES (900, 'globex', 'x', 1);
