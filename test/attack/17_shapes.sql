-- Tables of odd shapes: no columns, 1600 columns, dropped columns, partitions and
-- children whose columns come in another order, names that need quotes.

-- case: no columns
-- expect: allowed
-- rows: 1
SELECT count(*) FROM app.empty;

-- case: no columns, whole row
-- expect: allowed
SELECT e, e::text, row_to_json(e), ctid FROM app.empty AS e;

-- case: no columns, nothing selected
-- expect: allowed
SELECT FROM app.empty FOR UPDATE;

-- case: no columns, joined by nothing
-- expect: allowed
SELECT * FROM app.empty AS a NATURAL JOIN app.empty AS b LEFT JOIN app.empty AS c ON true;

-- case: partitions of another order
-- expect: allowed
-- rows: 1|[redacted]|acme|own
SELECT * FROM app.twisted;

-- case: partitions of another order, whole row
-- expect: allowed
-- rows: (1,[redacted],acme,own)|(1,[redacted],acme,own)
SELECT t, t::text FROM app.twisted AS t;

-- case: partitions of another order, whole row locked
-- expect: allowed
-- rows: (1,[redacted],acme,own)|[redacted]
SELECT t, t.secret FROM app.twisted AS t FOR UPDATE;

-- case: partitions of another order, RETURNING
-- expect: allowed
-- rows: 1|[redacted]|acme|x|(1,[redacted],acme,x)|app.twisted_1
UPDATE app.twisted AS t SET body = 'x' RETURNING *, t, tableoid::regclass;

-- case: partitions of another order, RETURNING of a delete
-- expect: allowed
-- rows: (1,[redacted],acme,own)|[redacted]
DELETE FROM app.twisted AS t RETURNING t, secret;

-- case: partitions of another order, OLD and NEW
-- expect: allowed
-- server: >=18
-- rows: (1,[redacted],acme,own)|(1,[redacted],acme,x)
UPDATE app.twisted AS t SET body = 'x' RETURNING old, new;

-- case: partitions of another order, written by a masked column
-- expect: denied 42501
UPDATE app.twisted SET body = secret;

-- case: partitions of another order, joined with itself
-- expect: allowed
-- shows: [redacted]
UPDATE app.twisted AS t SET body = u.secret FROM app.twisted AS u WHERE u.id = t.id RETURNING t, u, t.body;

-- case: partition of another order, directly
-- expect: denied 42501
SELECT * FROM app.twisted_1;

-- case: children of another order
-- expect: allowed
-- rows: 1|[redacted]|acme|own;3|[redacted]|acme|own
SELECT * FROM app.bent ORDER BY id;

-- case: children of another order, whole row
-- expect: allowed
-- rows: (1,[redacted],acme,own);(3,[redacted],acme,own)
SELECT b FROM app.bent AS b ORDER BY id;

-- case: children of another order, whole row locked
-- expect: allowed
-- rows: (1,[redacted],acme,own)|1;(3,[redacted],acme,own)|
SELECT b, p.id FROM app.bent AS b LEFT JOIN app.pad AS p ON p.id = b.id ORDER BY b.id FOR UPDATE OF b;

-- case: children of another order, RETURNING
-- expect: allowed
-- rows: (3,[redacted],acme,x)|[redacted]|app.bent_1
UPDATE app.bent AS b SET body = 'x' WHERE id = 3 RETURNING b, secret, tableoid::regclass;

-- case: children of another order, own code
-- expect: allowed
-- shows: own: (3,[redacted],acme,own)
SELECT own.leak(b) FROM app.bent AS b WHERE own.leak(b.body);

-- case: children of another order, own code in a delete
-- expect: allowed
DELETE FROM app.bent AS b WHERE own.leak(b.body) RETURNING own.leak(b);

-- case: 1600 columns
-- expect: allowed
-- shows: [redacted]
SELECT * FROM app.wide;

-- case: 1600 columns, whole row and every system column
-- expect: any
SELECT w, w.ctid, w.xmin, w.xmax, w.cmin, w.cmax, w.tableoid FROM app.wide AS w;

-- case: 1600 columns, locked
-- expect: any
SELECT secret, ctid FROM app.wide FOR UPDATE;

-- case: 1600 columns, written
-- expect: any
UPDATE app.wide AS w SET c2 = 2 RETURNING secret, w;

-- case: names that need quotes
-- expect: allowed
-- rows: [redacted]|[redacted]|[redacted]|shown
SELECT * FROM app."Odd ""name";

-- case: names that need quotes, whole row and system columns
-- expect: allowed
-- shows: [redacted]
SELECT o, o.extra_1, o.ctid, to_jsonb(o), o."a.b", o."SELECT" FROM app."Odd ""name" AS o;

-- case: names that need quotes, EXPLAIN
-- expect: allowed
EXPLAIN (VERBOSE) SELECT o, o.extra_1, o.ctid FROM app."Odd ""name" AS o;

-- case: names that need quotes, COPY
-- expect: denied 42501
COPY app."Odd ""name" TO STDOUT;

-- case: names that need quotes, why()
-- expect: allowed
SELECT * FROM contauth.why('SELECT * FROM app."Odd ""name"');

-- case: a hundred levels of sub-selects with whole rows
-- expect: allowed
SELECT app.pl_run('SELECT max(a0::text) FROM ' || repeat('(SELECT a0 FROM ', 100) || '(SELECT a AS a0 FROM app.account AS a OFFSET 0) AS s' || repeat(' OFFSET 0) AS s', 100));

-- case: a thousand branches of a union
-- expect: allowed
SELECT app.pl_run('SELECT max(x) FROM (' || string_agg('SELECT secret AS x FROM app.account', ' UNION ALL ') || ') AS s') FROM generate_series(1, 300);

-- case: whole rows across joins, grouping and set operations
-- expect: allowed
-- shows: [redacted]
SELECT DISTINCT a FROM app.account AS a LEFT JOIN app.bent AS b ON b.id = a.id GROUP BY a UNION SELECT a FROM app.account AS a EXCEPT SELECT a FROM app.account AS a WHERE id = 99;

-- case: whole rows in lateral functions and aggregates
-- expect: allowed
-- shows: [redacted]
SELECT x.*, y FROM app.account AS a, LATERAL (SELECT (a).*) AS x, LATERAL unnest(ARRAY[a, a]) AS y;

-- case: whole row of the nullable side with masked constants
-- expect: allowed
-- rows: 
SELECT count(*) FILTER (WHERE a IS NOT NULL) FROM app.pad AS p LEFT JOIN app.account AS a ON a.id = p.id + 100 HAVING count(a) > 0;
