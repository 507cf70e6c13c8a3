-- Reads of all shapes: what comes is masked and of the agent's tenant.

-- case: masked columns
-- expect: allowed
-- via: simple extended prepared portal
-- shows: ***********002
SELECT id, tenant, name, ssn FROM app.customer;

-- case: every masked column has its mask
-- expect: allowed
-- rows: R***@example.com|***********002|7|||{hidden}|{"hidden": true}|hidden|***********002
SELECT email, ssn, salary, born, home, tags, doc, code, ssn_up FROM app.customer WHERE id = 2;

-- case: hashed bytes
-- expect: allowed
SELECT photo, encode(photo, 'hex'), encode(photo, 'base64'), encode(photo, 'escape') FROM app.customer;

-- case: a mask keeps NULL apart from values, and the count of the tenant
-- expect: allowed
-- rows: 10|10|10|0
SELECT count(*), count(ssn), count(email), count(born) FROM app.customer;

-- case: uncovered column
-- expect: denied 42501
SELECT notes FROM app.customer;

-- case: uncovered column among others
-- expect: denied 42501
SELECT id, name, notes FROM app.customer WHERE id = 2;

-- case: star with an uncovered column
-- expect: denied 42501
SELECT * FROM app.customer;

-- case: TABLE
-- expect: denied 42501
TABLE app.customer;

-- case: whole row with an uncovered column
-- expect: denied 42501
SELECT c FROM app.customer AS c;

-- case: whole row as text
-- expect: denied 42501
SELECT c::text FROM app.customer AS c;

-- case: whole row counted
-- expect: denied 42501
SELECT count(c) FROM app.customer AS c;

-- case: whole row in a NULL test
-- expect: denied 42501
SELECT c IS NOT NULL FROM app.customer AS c;

-- case: whole row compared
-- expect: denied 42501
SELECT a.id FROM app.customer AS a JOIN app.customer AS b ON a = b;

-- case: whole row of covered columns is masked
-- expect: allowed
-- rows: (1,"",[redacted],v1)
SELECT a FROM app.account AS a WHERE id = 1;

-- case: whole row by row_to_json
-- expect: allowed
-- shows: [redacted]
SELECT row_to_json(a) FROM app.account AS a;

-- case: whole row by to_jsonb and its paths
-- expect: allowed
-- shows: [redacted]
SELECT to_jsonb(a) ->> 'secret', jsonb_path_query(to_jsonb(a), '$.secret') FROM app.account AS a;

-- case: whole row by json_agg, xmlforest, format, concat
-- expect: allowed
-- shows: [redacted]
SELECT json_agg(a)::text, string_agg(format('%s', a), ','), string_agg(concat(a, ''), ','),
	string_agg(xmlforest(a.secret)::text, ',') FROM app.account AS a;

-- case: whole row by record output, row(a.*) and unpacking
-- expect: allowed
-- shows: [redacted]
SELECT ROW(a.*), (a).secret, (ROW(a.*)::app.account).secret, ARRAY[a] FROM app.account AS a;

-- case: functional notation
-- expect: allowed
-- shows: [redacted]
SELECT secret(a), a.secret FROM app.account AS a;

-- case: functional notation of an uncovered column
-- expect: denied 42501
SELECT notes(c) FROM app.customer AS c;

-- case: text of a whole row in functional notation
-- expect: error 42703 42883
SELECT a.text, text(a) FROM app.account AS a;

-- case: whole row in WHERE
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.account AS a WHERE a::text LIKE '%RAW%';

-- case: whole row through a sub-select
-- expect: allowed
-- shows: [redacted]
SELECT s FROM (SELECT a FROM app.account AS a OFFSET 0) AS s;

-- case: whole row of a join alias
-- expect: allowed
-- shows: [redacted]
SELECT j FROM (app.account AS a JOIN app.pad AS p USING (id)) AS j;

-- case: json_populate_record
-- expect: allowed
-- shows: [redacted]
SELECT (jsonb_populate_record(NULL::app.account, to_jsonb(a))).secret FROM app.account AS a;

-- case: row expansion in a function's argument
-- expect: allowed
-- shows: 002
SELECT app.sql_scalar(c.id) FROM app.customer AS c;

-- case: system columns
-- expect: allowed
-- shows: 002
SELECT ctid, tableoid::regclass, xmin, xmax, cmin, cmax, ssn FROM app.customer;

-- case: by ctid
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.customer WHERE ctid >= '(0,0)';

-- case: by each ctid
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE ctid = ANY (ARRAY(SELECT format('(0,%s)', i)::tid FROM generate_series(1, 40, 1) AS i)) AND tenant <> 'acme';

-- case: ONLY
-- expect: allowed
-- shows: 002
SELECT ssn FROM ONLY app.customer;

-- case: TABLESAMPLE
-- expect: allowed
-- rows: 10
SELECT count(*) FROM app.customer TABLESAMPLE BERNOULLI (100) WHERE tenant = 'acme' OR tenant = 'globex';

-- case: TABLESAMPLE shows masks
-- expect: allowed
-- shows: 002
SELECT ssn FROM app.customer TABLESAMPLE SYSTEM (100) REPEATABLE (1);

-- case: TABLESAMPLE with a sub-select
-- expect: allowed
SELECT ssn FROM app.customer TABLESAMPLE BERNOULLI ((SELECT max(id) + 90 FROM app.pad));

-- case: TABLESAMPLE with a lateral argument
-- expect: allowed
SELECT c.ssn FROM app.pad AS p, LATERAL (SELECT * FROM app.account TABLESAMPLE BERNOULLI (p.id * 50)) AS c(id, prefix, ssn, v);

-- case: TABLESAMPLE of an extension's method
-- expect: any
SELECT ssn, tenant FROM app.customer TABLESAMPLE SYSTEM_ROWS (100);

-- case: self join on the masked column
-- expect: allowed
-- shows: 002
SELECT a.ssn, b.ssn FROM app.customer AS a JOIN app.customer AS b ON a.ssn = b.ssn;

-- case: NATURAL JOIN
-- expect: denied 42501
SELECT id FROM app.customer NATURAL JOIN app.v_all;

-- case: NATURAL JOIN over covered columns
-- expect: allowed
-- shows: 002
SELECT ssn, x FROM app.v_some NATURAL JOIN (SELECT id, ssn AS x FROM app.customer) AS s;

-- case: USING with a masked column
-- expect: allowed
-- shows: 002
SELECT ssn FROM app.customer AS a FULL JOIN app.v_some AS b USING (ssn);

-- case: USING with an uncovered column
-- expect: denied 42501
SELECT 1 FROM app.customer AS a JOIN app.customer AS b USING (notes);

-- case: outer joins give NULL, not a mask
-- expect: allowed
-- rows: 0
SELECT count(c.ssn) FROM app.pad AS p LEFT JOIN app.customer AS c ON c.id = p.id + 500;

-- case: outer join with hidden rows on the nullable side
-- expect: allowed
SELECT p.id, c.name, c.ssn FROM app.pad AS p LEFT JOIN app.customer AS c ON c.id = p.id;

-- case: full join of two filtered tables
-- expect: allowed
SELECT c.name, t.body FROM app.customer AS c FULL JOIN app.ticket AS t ON t.customer_id = c.id;

-- case: LATERAL
-- expect: allowed
-- shows: 002
SELECT x.s FROM app.customer AS c, LATERAL (SELECT c.ssn || '' AS s) AS x;

-- case: LATERAL function
-- expect: allowed
-- shows: 002
SELECT x FROM app.customer AS c, LATERAL unnest(ARRAY[c.ssn, c.email]) AS x;

-- case: ROWS FROM and WITH ORDINALITY
-- expect: allowed
SELECT * FROM ROWS FROM (app.sql_ssn(), app.definer_ssn()) WITH ORDINALITY;

-- case: semi join on the raw value
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.customer WHERE ssn IN (SELECT 'RAW' || 'MASKssn-' || lpad(i::text, 3, '0') FROM generate_series(1, 20) AS i);

-- case: anti join
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.ticket AS t WHERE NOT EXISTS (SELECT FROM app.customer AS c WHERE c.id = t.customer_id);

-- case: correlated sub-select
-- expect: allowed
-- shows: 002
SELECT (SELECT c.ssn FROM app.customer AS c WHERE c.id = t.customer_id) FROM app.ticket AS t;

-- case: uncovered column in a sub-select
-- expect: denied 42501
SELECT (SELECT max(notes) FROM app.customer);

-- case: uncovered column in EXISTS
-- expect: denied 42501
SELECT EXISTS (SELECT FROM app.customer WHERE notes LIKE 'R%');

-- case: uncovered column below an OFFSET that nobody reads
-- expect: any
SELECT id FROM (SELECT id, notes FROM app.customer OFFSET 0) AS s;

-- case: uncovered column with a side effect that nobody reads
-- expect: denied 42501
SELECT id FROM (SELECT id, app.pl_notice(notes) FROM app.customer OFFSET 0) AS s;

-- case: uncovered set-returning expression that nobody reads
-- expect: denied 42501
SELECT id FROM (SELECT id, regexp_split_to_table(notes, '') FROM app.customer) AS s;

-- case: uncovered column in ORDER BY
-- expect: denied 42501
SELECT id FROM app.customer ORDER BY notes;

-- case: uncovered column in GROUP BY
-- expect: denied 42501
SELECT count(*) FROM app.customer GROUP BY notes;

-- case: uncovered column in HAVING
-- expect: denied 42501
SELECT count(*) FROM app.customer HAVING max(notes) > 'R';

-- case: uncovered column in FILTER
-- expect: denied 42501
SELECT count(*) FILTER (WHERE notes > 'R') FROM app.customer;

-- case: uncovered column in a window
-- expect: denied 42501
SELECT rank() OVER (ORDER BY notes) FROM app.customer;

-- case: uncovered column in a named window
-- expect: denied 42501
SELECT count(*) OVER w FROM app.customer WINDOW w AS (PARTITION BY notes);

-- case: uncovered column in a frame's offset
-- expect: denied 42501
SELECT count(*) OVER (ORDER BY id ROWS (SELECT max(length(notes)) FROM app.customer) PRECEDING) FROM app.customer;

-- case: uncovered column in DISTINCT ON
-- expect: denied 42501
SELECT DISTINCT ON (notes) id FROM app.customer;

-- case: uncovered column in LIMIT
-- expect: denied 42501
SELECT id FROM app.customer LIMIT (SELECT length(max(notes)) FROM app.customer);

-- case: uncovered column in a join condition
-- expect: denied 42501
SELECT 1 FROM app.customer AS a JOIN app.pad AS p ON p.line = a.notes;

-- case: uncovered column in an aggregate's order
-- expect: denied 42501
SELECT array_agg(id ORDER BY notes) FROM app.customer;

-- case: uncovered column in WITHIN GROUP
-- expect: denied 42501
SELECT percentile_disc(0) WITHIN GROUP (ORDER BY notes) FROM app.customer;

-- case: uncovered column in CASE that is never true
-- expect: denied 42501
SELECT CASE WHEN id < 0 THEN notes END FROM app.customer;

-- case: uncovered column in VALUES
-- expect: denied 42501
VALUES ((SELECT notes FROM app.customer LIMIT 1));

-- case: uncovered column in a set operation's unread column
-- expect: denied 42501
SELECT 1 FROM (SELECT notes FROM app.customer UNION SELECT 'x') AS s;

-- case: uncovered column in a WITH that nobody reads
-- expect: any
WITH w AS (SELECT notes FROM app.customer) SELECT 1;

-- case: grouping by the masked value
-- expect: allowed
-- shows: 002
SELECT ssn, count(*) FROM app.customer GROUP BY ssn ORDER BY ssn;

-- case: grouping sets, rollup, cube
-- expect: allowed
SELECT ssn, email, count(*) FROM app.customer GROUP BY GROUPING SETS ((ssn), (email), ROLLUP (ssn, email), CUBE (salary));

-- case: windows over the masked value
-- expect: allowed
-- shows: 002
SELECT first_value(ssn) OVER w, lag(ssn) OVER w, lead(ssn) OVER w, nth_value(ssn, 2) OVER w, string_agg(ssn, ',') OVER w
  FROM app.customer WINDOW w AS (ORDER BY ssn);

-- case: ordering by the masked value tells nothing
-- expect: allowed
-- rows: 2;4;6
SELECT id FROM app.customer ORDER BY salary, id LIMIT 3;

-- case: aggregates of masked numbers
-- expect: allowed
-- rows: 70|7|7|7|0
SELECT sum(salary), avg(salary)::int, min(salary), max(salary), stddev(salary)::int FROM app.customer;

-- case: aggregates of hidden rows
-- expect: allowed
-- rows: 1100|200
SELECT sum(balance), max(balance) FROM app.customer;

-- case: aggregates that pack rows
-- expect: allowed
-- shows: 002
SELECT array_agg(ssn), string_agg(ssn, ','), json_agg(ssn), jsonb_object_agg(id, ssn), xmlagg(xmlelement(name x, ssn)) FROM app.customer;

-- case: ordered-set and hypothetical aggregates
-- expect: allowed
SELECT mode() WITHIN GROUP (ORDER BY ssn), percentile_disc(0.5) WITHIN GROUP (ORDER BY ssn), rank('RAW') WITHIN GROUP (ORDER BY ssn) FROM app.customer;

-- case: set operations
-- expect: allowed
-- shows: 002
SELECT ssn FROM app.customer UNION SELECT body FROM app.ticket INTERSECT SELECT ssn FROM app.customer UNION ALL SELECT name FROM app.customer EXCEPT SELECT '' ORDER BY 1;

-- case: INTERSECT with guesses
-- expect: allowed
-- rows: 0
SELECT count(*) FROM (SELECT ssn FROM app.customer INTERSECT SELECT 'RAW' || 'MASKssn-002') AS s;

-- case: EXCEPT with guesses
-- expect: allowed
-- rows: 1
SELECT count(*) FROM (SELECT 'RAW' || 'MASKssn-002' EXCEPT SELECT ssn FROM app.customer) AS s;

-- case: WITH
-- expect: allowed
-- shows: 002
WITH w AS MATERIALIZED (SELECT * FROM app.v_some), x AS NOT MATERIALIZED (SELECT ssn FROM w) SELECT * FROM x, w;

-- case: WITH RECURSIVE
-- expect: allowed
-- shows: 004
WITH RECURSIVE r AS (SELECT id, ssn FROM app.customer WHERE id = 2
	UNION ALL SELECT c.id, c.ssn FROM app.customer AS c JOIN r ON c.id = r.id + 2)
SELECT * FROM r;

-- case: WITH RECURSIVE that walks through hidden rows
-- expect: allowed
-- rows: 1
WITH RECURSIVE r AS (SELECT id, name FROM app.customer WHERE id = 2
	UNION ALL SELECT c.id, c.name FROM app.customer AS c JOIN r ON c.id = r.id + 1)
SELECT count(*) FROM r;

-- case: WITH RECURSIVE with SEARCH and CYCLE
-- expect: allowed
WITH RECURSIVE r AS (SELECT id, ssn FROM app.customer WHERE id = 2
	UNION ALL SELECT c.id, c.ssn FROM app.customer AS c JOIN r ON c.id = r.id + 2)
	SEARCH DEPTH FIRST BY ssn SET o CYCLE ssn SET y USING p
SELECT * FROM r;

-- case: FOR UPDATE
-- expect: allowed
-- shows: 002
SELECT id, ssn, email FROM app.customer FOR UPDATE;

-- case: FOR UPDATE with a whole row
-- expect: denied 42501
SELECT c FROM app.customer AS c FOR UPDATE;

-- case: FOR UPDATE finds nothing by the raw value
-- expect: allowed
-- rows: 0
SELECT count(*) FROM (SELECT id FROM app.customer WHERE ssn LIKE 'RAW%' FOR UPDATE) AS s;

-- case: FOR SHARE below an outer join
-- expect: allowed
-- shows: 002
SELECT c.ssn, p.id FROM app.customer AS c LEFT JOIN app.pad AS p ON p.id = c.id FOR SHARE OF c;

-- case: FOR NO KEY UPDATE SKIP LOCKED, FOR KEY SHARE NOWAIT
-- expect: allowed
-- shows: 002
SELECT c.ssn FROM app.customer AS c, app.ticket AS t WHERE t.customer_id = c.id FOR NO KEY UPDATE OF c SKIP LOCKED FOR KEY SHARE OF t NOWAIT;

-- case: FOR UPDATE of a table that may not be updated
-- expect: denied 42501
SELECT id FROM app.visit FOR UPDATE;

-- case: FOR UPDATE through a view
-- expect: allowed
-- shows: 002
SELECT * FROM app.v_some FOR UPDATE;

-- case: a closed table
-- expect: denied 42501
SELECT * FROM app.vault;

-- case: a closed table's count
-- expect: denied 42501
SELECT count(*) FROM app.vault;

-- case: a closed table without a column
-- expect: denied 42501
SELECT FROM app.vault;

-- case: a closed table's system column
-- expect: denied 42501
SELECT ctid FROM app.vault;

-- case: a closed table in a branch that is never run
-- expect: denied 42501
SELECT CASE WHEN false THEN (SELECT max(secret) FROM app.vault) END;

-- case: a closed table below LIMIT 0
-- expect: denied 42501
SELECT * FROM app.vault LIMIT 0;

-- case: a closed table in WHERE false
-- expect: denied 42501
SELECT * FROM app.vault WHERE false;

-- case: a closed table in a WITH that nobody reads
-- expect: denied 42501
WITH w AS (SELECT * FROM app.vault) SELECT 1;

-- case: a closed table that a join removes
-- expect: denied 42501
SELECT p.id FROM app.pad AS p LEFT JOIN app.vault AS v ON v.id = p.id;

-- case: native row-level security and the policy's filter
-- expect: allowed
-- rows: 4
SELECT count(*) FROM app.guarded;

-- case: native row-level security and the policy's filter, rows
-- expect: allowed
-- shows: shown
SELECT * FROM app.guarded;

-- case: row_security = off
-- expect: error 42501
-- autocommit
SET row_security = off;
SELECT * FROM app.guarded;

-- case: sequence as a relation
-- expect: any
SELECT * FROM app.counter;

-- case: long values out of line
-- expect: allowed
-- shows: [redacted]
SELECT body, left(body, 30), length(body), substr(body, 1, 9), words FROM app.document;

-- case: the TOAST table
-- expect: denied 42501
SELECT * FROM ${toast};

-- case: the TOAST table, one chunk
-- expect: denied 42501
SELECT encode(chunk_data, 'escape') FROM ${toast};

-- case: sizes tell about masks only
-- expect: allowed
-- rows: 14
SELECT pg_column_size(body) FROM app.document LIMIT 1;

-- case: compression and toasted size
-- expect: allowed
SELECT pg_column_compression(body), octet_length(body) FROM app.document;

-- case: a column that lies in the catalog
-- expect: allowed
-- rows: 0
SELECT count(secret) FROM app.added;

-- case: parallel plans
-- expect: allowed
-- shows: 002
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL max_parallel_workers_per_gather = 2;
SELECT ssn, tenant FROM app.customer ORDER BY name;

-- case: parallel plans with an index
-- expect: allowed
-- rows: 0
SET LOCAL parallel_setup_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL min_parallel_index_scan_size = 0;
SET LOCAL enable_seqscan = off;
SELECT count(*) FROM app.customer WHERE ssn > 'RAW' AND ssn < 'RAX';

-- case: index-only scans
-- expect: allowed
-- rows: 0
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT count(*) FROM app.customer WHERE ssn >= 'RAW';

-- case: every join method
-- expect: allowed
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_nestloop = off;
SELECT a.ssn, b.email FROM app.customer AS a JOIN app.customer AS b ON a.ssn = b.ssn;

-- case: memoize, incremental sort, materialize
-- expect: allowed
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SELECT a.ssn, b.email FROM app.customer AS a JOIN app.customer AS b ON a.id = b.balance / 10 ORDER BY a.id, a.ssn;

-- case: partition-wise plans
-- expect: allowed
SET LOCAL enable_partitionwise_join = on;
SET LOCAL enable_partitionwise_aggregate = on;
SELECT a.payload, count(*) FROM app.event AS a JOIN app.event AS b USING (id) GROUP BY 1;

-- case: REPEATABLE READ and SERIALIZABLE
-- expect: allowed
-- shows: 002
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SELECT ssn FROM app.customer;

-- case: grouping by the primary key
-- expect: allowed
-- shows: 002
SELECT c.id, c.ssn, count(t.id) FROM app.customer AS c JOIN app.ticket AS t ON t.customer_id = c.id GROUP BY c.id;

-- case: uncovered column that the primary key determines
-- expect: denied 42501
SELECT notes FROM app.customer GROUP BY id;

-- case: XMLTABLE
-- expect: allowed
-- shows: 002
SELECT x.* FROM app.customer AS c, XMLTABLE('/r/s' PASSING xmlelement(name r, xmlelement(name s, c.ssn)) COLUMNS v text PATH '.') AS x;

-- case: JSON_TABLE
-- expect: allowed
-- server: >=17
-- shows: [redacted]
SELECT j.* FROM app.account AS a, JSON_TABLE(to_jsonb(a), '$' COLUMNS (s text PATH '$.secret')) AS j;

-- case: JSON_QUERY, JSON_VALUE, JSON_OBJECT
-- expect: allowed
-- server: >=17
-- shows: 002
SELECT JSON_OBJECT('a': ssn), JSON_ARRAY(ssn, email), JSON_VALUE(to_jsonb(ssn), '$') FROM app.customer;

-- case: JSON_ARRAYAGG over an uncovered column
-- expect: denied 42501
-- server: >=17
SELECT JSON_ARRAYAGG(notes) FROM app.customer;

-- case: a self join removed by the planner
-- expect: allowed
-- shows: 002
SELECT a.ssn, b.email FROM app.customer AS a JOIN app.customer AS b ON a.id = b.id;

-- case: a union of the same table with other conditions
-- expect: allowed
SELECT id, ssn, name FROM app.customer WHERE id < 5 UNION SELECT id, notes, name FROM (SELECT id, NULL AS notes, name FROM app.customer) AS s;

-- case: VALUES that read
-- expect: allowed
-- shows: 002
VALUES ((SELECT max(ssn) FROM app.customer)), ((SELECT min(ssn) FROM app.customer));

-- case: a name of a column hidden by an alias list
-- expect: denied 42501
SELECT x FROM app.customer AS c(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, x);

-- case: an alias list over everything
-- expect: denied 42501
SELECT * FROM app.customer AS c(a1);

-- case: whole row by an alias of the table's name
-- expect: denied 42501
SELECT customer FROM app.customer;

-- case: whole row passed on by a sub-select that looks harmless
-- expect: denied 42501
SELECT (s.c).id FROM (SELECT c FROM app.customer AS c OFFSET 0) AS s;

-- case: uncovered column below DISTINCT
-- expect: denied 42501
SELECT count(*) FROM (SELECT DISTINCT notes FROM app.customer) AS s;

-- case: uncovered column below a window that nobody reads
-- expect: denied 42501
SELECT id FROM (SELECT id, row_number() OVER (ORDER BY notes) AS n FROM app.customer) AS s;

-- case: uncovered column below an aggregate that nobody reads
-- expect: denied 42501
SELECT 1 FROM (SELECT max(notes) FROM app.customer) AS s;

-- case: uncovered column in ANY, ALL, SOME
-- expect: denied 42501
SELECT 'x' = ANY (SELECT notes FROM app.customer);

-- case: uncovered column in an ARRAY constructor
-- expect: denied 42501
SELECT ARRAY(SELECT notes FROM app.customer);

-- case: uncovered column in a row comparison
-- expect: denied 42501
SELECT count(*) FROM app.customer WHERE (id, notes) > (1, 'R');

-- case: uncovered column in GREATEST, COALESCE, NULLIF
-- expect: denied 42501
SELECT greatest(notes, 'R'), coalesce(notes), nullif(notes, '') FROM app.customer;

-- case: uncovered column in XMLCONCAT, GROUPING, COLLATE
-- expect: denied 42501
SELECT xmlforest(notes COLLATE "C" AS n) FROM app.customer;
