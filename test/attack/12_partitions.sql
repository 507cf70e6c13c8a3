-- Partitions, inheritance children, foreign tables: read directly and through
-- their parents, they carry the protection of what they belong to.

-- case: partitioned table
-- expect: allowed
-- via: simple extended prepared portal
-- shows: [redacted]
SELECT * FROM app.event;

-- case: rows of the tenant in all partitions
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.event;

-- case: partition read directly
-- expect: denied 42501
SELECT * FROM app.event_1;

-- case: partition of a partition
-- expect: denied 42501
SELECT payload FROM app.event_2_rest;

-- case: partitioned partition
-- expect: denied 42501
SELECT count(*) FROM app.event_2;

-- case: partition pruned to the hidden one
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.event WHERE tenant = 'globex';

-- case: tableoid names partitions
-- expect: allowed
-- rows: app.event_1;app.event_2_acme
SELECT DISTINCT tableoid::regclass::text FROM app.event ORDER BY 1;

-- case: whole row of a partitioned table
-- expect: allowed
-- shows: [redacted]
SELECT e, e::text, to_jsonb(e) FROM app.event AS e;

-- case: ONLY of a partitioned table
-- expect: allowed
-- rows: 0
SELECT count(*) FROM ONLY app.event;

-- case: run-time pruning
-- expect: allowed
SELECT payload FROM app.event WHERE id = (SELECT max(id) FROM app.pad);

-- case: parent with child
-- expect: allowed
-- shows: [redacted]
SELECT * FROM app.parent;

-- case: parent's rows of the tenant
-- expect: allowed
-- rows: 2
SELECT count(*) FROM app.parent;

-- case: child read directly
-- expect: denied 42501
SELECT * FROM app.child;

-- case: child's own column
-- expect: denied 42501
SELECT extra FROM app.child;

-- case: whole row of the parent
-- expect: allowed
-- shows: [redacted]
SELECT p::text FROM app.parent AS p;

-- case: ONLY of the parent
-- expect: allowed
-- rows: 2|acme|[redacted]
SELECT * FROM ONLY app.parent;

-- case: cast of a child's row to the parent's
-- expect: denied 42501
SELECT (c::app.parent).payload FROM app.child AS c;

-- case: parent and children by star
-- expect: allowed
-- shows: [redacted]
SELECT * FROM app.parent *;

-- case: foreign table
-- expect: allowed
-- via: simple extended
-- shows: 002
SELECT * FROM app.f_customer;

-- case: foreign table, rows
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.f_customer;

-- case: a condition is not sent to where it holds
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.f_customer WHERE ssn LIKE 'RAW%';

-- case: join of two foreign tables
-- expect: allowed
-- shows: 002
SELECT a.ssn, b.name FROM app.f_customer AS a JOIN app.f_customer AS b USING (id);

-- case: order and limit on a foreign table
-- expect: allowed
-- shows: 002
SELECT ssn, max(name) FROM app.f_customer GROUP BY ssn ORDER BY ssn LIMIT 3;

-- case: a leaky function on a foreign table
-- expect: allowed
-- shows: ***********002
SELECT id FROM app.f_customer WHERE own.leak(ssn) AND own.leak(name);

-- case: whole row of a foreign table
-- expect: allowed
-- shows: 002
SELECT f, to_jsonb(f) FROM app.f_customer AS f;

-- case: FOR UPDATE of a foreign table
-- expect: denied 42501
SELECT ssn FROM app.f_customer FOR UPDATE;

-- case: foreign table of a closed table
-- expect: denied 42501
SELECT * FROM app.f_vault;

-- case: foreign table over a file
-- expect: denied 42501
SELECT * FROM app.f_file;

-- case: EXPLAIN of a foreign table
-- expect: any
EXPLAIN (VERBOSE) SELECT ssn FROM app.f_customer WHERE name = 'x' AND ssn = 'y';

-- case: update hidden rows of a foreign table
-- expect: allowed
-- rows: 0
WITH u AS (UPDATE app.f_ticket SET body = body || 'x' WHERE id IN (1, 3) RETURNING *) SELECT count(*) FROM u;

-- case: RETURNING of a foreign table
-- expect: allowed
UPDATE app.f_ticket SET body = 'fx' WHERE id = 2 RETURNING *;

-- case: move a foreign row to another tenant
-- expect: denied 42501 44000
UPDATE app.f_ticket SET tenant = 'globex' WHERE id = 2;

-- case: insert a foreign row for another tenant
-- expect: denied 42501 44000
INSERT INTO app.f_ticket VALUES (950, 'globex', 'x');

-- case: delete hidden foreign rows
-- expect: allowed
-- rows: 0
WITH d AS (DELETE FROM app.f_ticket WHERE tenant = 'globex' RETURNING *) SELECT count(*) FROM d;

-- case: update of a partition directly
-- expect: denied 42501
UPDATE app.event_2_rest SET payload = 'x';

-- case: insert into a partition directly
-- expect: denied 42501
INSERT INTO app.event_1 VALUES (1, 'acme', 'x', NULL);

-- case: update of a partitioned table
-- expect: allowed
-- rows: 5
WITH u AS (UPDATE app.parted SET body = 'x' RETURNING *) SELECT count(*) FROM u;

-- case: update moves a row to another tenant's partition
-- expect: denied 42501 44000
UPDATE app.parted SET tenant = 'globex' WHERE id = 2;

-- case: update moves a hidden row into the tenant's partition
-- expect: allowed
-- rows: 0
WITH u AS (UPDATE app.parted SET tenant = 'acme' WHERE id = 1 RETURNING *) SELECT count(*) FROM u;

-- case: delete in all partitions
-- expect: allowed
-- rows: 5
WITH d AS (DELETE FROM app.parted WHERE own.leak(body) RETURNING *) SELECT count(*) FROM d;

-- case: insert through the parent for another tenant
-- expect: denied 42501 44000
INSERT INTO app.parted VALUES (99, 'globex', 'x');

-- case: insert through the parent for the tenant
-- expect: allowed
-- rows: 98|acme
INSERT INTO app.parted VALUES (98, 'acme', 'x') RETURNING id, tenant;

-- case: ON CONFLICT in a hidden partition
-- expect: denied 42501 44000
INSERT INTO app.parted VALUES (1, 'globex', 'x') ON CONFLICT (id, tenant) DO UPDATE SET body = parted.body || 'x' RETURNING *;

-- case: partition written directly, as granted
-- expect: denied 42501
DELETE FROM app.parted_rest;

-- case: FOR UPDATE of a partitioned table
-- expect: allowed
-- rows: 5
SELECT count(*) FROM (SELECT * FROM app.parted WHERE own.leak(body) FOR UPDATE) AS s;

-- case: update of a parent and its children
-- expect: allowed
-- rows: 2
WITH u AS (UPDATE app.stock SET body = body || own.leak(body)::text RETURNING *) SELECT count(*) FROM u;

-- case: update of a child's row into another tenant
-- expect: denied 42501 44000
UPDATE app.stock SET tenant = 'globex' WHERE id = 4;

-- case: delete of children's hidden rows
-- expect: allowed
-- rows: 0
WITH d AS (DELETE FROM app.stock WHERE tenant = 'globex' RETURNING *) SELECT count(*) FROM d;

-- case: update of a child directly
-- expect: denied 42501
UPDATE app.stock_child SET body = 'x';

-- case: update joined with a partitioned table
-- expect: allowed
UPDATE app.parted AS p SET body = s.body FROM app.stock AS s WHERE s.id = p.id AND own.leak(p.body) AND own.leak(s.body) RETURNING p.*, s.*;

-- case: error while a tuple is routed
-- expect: any
UPDATE app.parted SET tenant = NULL WHERE id = 2;

-- case: unique violation in a partition
-- expect: error 23505
UPDATE app.parted SET id = 2 WHERE id = 4;
