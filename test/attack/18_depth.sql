-- What reaches a protected row from somewhere else: out of a sub-select, through an
-- order that nobody reads, past a join's USING, below a row lock.

-- case: a window that nobody reads
-- expect: denied 42501
SELECT id FROM (SELECT id, row_number() OVER (ORDER BY notes) AS r FROM app.customer) AS s;

-- case: a window that nobody reads, cut off
-- expect: denied 42501
SELECT id FROM (SELECT id, ntile(2) OVER (ORDER BY notes) FROM app.customer LIMIT 3) AS s;

-- case: a named window
-- expect: denied 42501
SELECT r FROM (SELECT id, notes, rank() OVER w AS r FROM app.customer WINDOW w AS (ORDER BY notes)) AS s;

-- case: the order of a sub-select
-- expect: denied 42501
SELECT id FROM (SELECT id, notes FROM app.customer ORDER BY notes) AS s LIMIT 3;

-- case: the order of a sub-select, aggregated
-- expect: denied 42501
SELECT array_agg(id) FROM (SELECT id FROM app.customer ORDER BY notes) AS s;

-- case: groups that nobody reads
-- expect: denied 42501
SELECT count(*) FROM (SELECT id, count(*) FROM app.customer GROUP BY id, notes) AS s;

-- case: grouping sets that nobody reads
-- expect: denied 42501
SELECT count(*) FROM (SELECT 1 FROM app.customer GROUP BY GROUPING SETS ((notes))) AS s;

-- case: DISTINCT and UNION over what nobody reads
-- expect: denied 42501
SELECT id FROM (SELECT DISTINCT id, notes FROM app.customer) AS s;

-- case: the order of a lateral column
-- expect: denied 42501
SELECT s.id FROM app.customer AS c JOIN LATERAL (SELECT c.id, c.notes AS n) AS s ON true ORDER BY s.n;

-- case: XMLTABLE of an uncovered column
-- expect: denied 42501
SELECT x.n FROM app.customer AS c, XMLTABLE('/a' PASSING (('<a>' || c.notes || '</a>')::xml) COLUMNS n text PATH '.') AS x;

-- case: XMLTABLE of a masked column, and as a default
-- expect: allowed
-- shows: [redacted]
SELECT x.n FROM app.account AS c, XMLTABLE('/a' PASSING (('<a>' || c.secret || '</a>')::xml) COLUMNS n text PATH '.' DEFAULT c.secret) AS x;

-- case: JSON_TABLE of an uncovered column
-- expect: denied 42501
-- server: >=17
SELECT x.n FROM app.customer AS c, JSON_TABLE('[1]'::jsonb, '$[*]' PASSING c.notes AS y COLUMNS (n text PATH '$y')) AS x;

-- case: JSON_TABLE of a masked column
-- expect: allowed
-- server: >=17
-- shows: [redacted]
SELECT x.n FROM app.account AS c, JSON_TABLE('[1]'::jsonb, '$[*]' PASSING c.secret AS y COLUMNS (n text PATH '$y')) AS x;

-- case: JSON_VALUE of an uncovered column
-- expect: denied 42501
-- server: >=17
SELECT JSON_VALUE('1'::jsonb, '$y' PASSING notes AS y) FROM app.customer;

-- case: SQL/JSON of a masked column
-- expect: allowed
-- server: >=17
-- shows: [redacted]
SELECT JSON_VALUE('1'::jsonb, '$y' PASSING c.secret AS y), JSON_OBJECT('k': c.secret), JSON_ARRAY(SELECT secret FROM app.account),
	JSON_SERIALIZE(JSON_SCALAR(c.secret)), JSON_OBJECTAGG(c.id: c.secret) OVER () FROM app.account AS c;

-- case: an update copies a masked column out of a sub-select
-- expect: denied 42501
UPDATE app.account AS a SET visible = (SELECT a.secret) WHERE id = 1 RETURNING visible;

-- case: an update copies a masked column through a function in FROM
-- expect: denied 42501
UPDATE app.account AS a SET visible = (SELECT string_agg(x, '') FROM unnest(ARRAY[a.secret]) AS x) WHERE id = 1 RETURNING visible;

-- case: an update copies a field of the whole row
-- expect: denied 42501
UPDATE app.account AS a SET visible = (a).secret WHERE id = 1 RETURNING visible;

-- case: an update copies the whole row out of a sub-select
-- expect: denied 42501
UPDATE app.account AS a SET visible = (SELECT a::text) WHERE id = 1 RETURNING visible;

-- case: an update chooses by the whole row
-- expect: denied 42501
UPDATE app.account AS a SET visible = 'x' WHERE a::text LIKE '%RAW%' RETURNING id;

-- case: an update chooses by a masked column in EXISTS
-- expect: denied 42501
UPDATE app.account AS a SET visible = 'x' WHERE EXISTS (SELECT WHERE a.secret LIKE 'RAW%') RETURNING id;

-- case: an update chooses by comparing whole rows
-- expect: denied 42501
UPDATE app.account AS a SET visible = 'x' WHERE a IN (SELECT b FROM app.account AS b) RETURNING id;

-- case: ON CONFLICT copies a masked column out of a sub-select
-- expect: denied 42501
INSERT INTO app.account AS a (id, prefix, secret) VALUES (1, 'q', 'q') ON CONFLICT (id) DO UPDATE SET visible = (SELECT a.secret) RETURNING visible;

-- case: ON CONFLICT chooses by a masked column in a sub-select
-- expect: denied 42501
INSERT INTO app.account AS a (id, prefix, secret) VALUES (1, 'q', 'q') ON CONFLICT (id) DO UPDATE SET visible = 'x' WHERE (SELECT a.secret) LIKE 'RAW%' RETURNING visible;

-- case: MERGE copies a masked column out of a sub-select
-- expect: denied 42501
MERGE INTO app.account AS a USING app.pad AS p ON a.id = p.id WHEN MATCHED THEN UPDATE SET visible = (SELECT a.secret);

-- case: MERGE chooses by a masked column in a sub-select
-- expect: denied 42501
MERGE INTO app.account AS a USING app.pad AS p ON a.id = p.id WHEN MATCHED AND (SELECT a.secret LIKE 'RAW%') THEN UPDATE SET visible = 'x';

-- case: MERGE joins by a masked column in a sub-select
-- expect: denied 42501
MERGE INTO app.account AS a USING app.pad AS p ON a.id = p.id AND (SELECT a.secret) LIKE 'RAW%' WHEN MATCHED THEN UPDATE SET visible = 'x';

-- case: RETURNING reaches out of sub-selects
-- expect: allowed
-- rows: [redacted]|(1,"",[redacted],x)|[redacted]|[redacted]
UPDATE app.account AS a SET visible = 'x' WHERE id = 1 RETURNING (SELECT a.secret), (SELECT a::text), (SELECT (a).secret),
	(SELECT string_agg(y.z, '') FROM (SELECT 1) AS q, LATERAL (SELECT a.secret AS z) AS y);

-- case: RETURNING whole rows and arrays into a WITH
-- expect: allowed
-- shows: [redacted]
WITH u AS (UPDATE app.account AS a SET visible = 'x' RETURNING a, (SELECT a) AS b, ARRAY(SELECT a.secret) AS c) SELECT u.a, (u.b).secret, u.c, u FROM u;

-- case: FOR UPDATE, out of sub-selects
-- expect: allowed
-- rows: [redacted]|(1,"",[redacted],v1)
SELECT (SELECT a.secret), (SELECT a::text) FROM app.account AS a WHERE id = 1 FOR UPDATE;

-- case: FOR UPDATE, lateral
-- expect: allowed
-- rows: [redacted]
SELECT x FROM app.account AS a, LATERAL (SELECT a.secret AS x OFFSET 0) AS s WHERE a.id = 1 FOR UPDATE OF a;

-- case: FOR UPDATE, the merged column of USING
-- expect: allowed
-- shows: [redacted]
SELECT secret, j FROM (app.account AS a JOIN app.account AS b USING (secret)) AS j FOR UPDATE;

-- case: FOR UPDATE, the merged column of USING in WHERE
-- expect: allowed
-- rows: 0
SELECT count(*) FROM (SELECT 1 FROM app.account AS a JOIN app.account AS b USING (secret) WHERE secret LIKE 'RAW%' FOR UPDATE) AS s;

-- case: FOR UPDATE, own code over columns and whole rows
-- expect: allowed
-- shows: [redacted]
SELECT secret, own.leak(a) FROM app.account AS a WHERE own.leak(secret) AND own.leak(a) ORDER BY a, secret FOR UPDATE;

-- case: FOR UPDATE of a sub-select with a whole row
-- expect: allowed
-- shows: [redacted]
SELECT * FROM (SELECT a.secret, a FROM app.account AS a) AS s FOR UPDATE;

-- case: a field of a sub-select's row
-- expect: allowed
-- rows: [redacted]
SELECT (SELECT a FROM app.account AS a WHERE a.id = 1).secret;

-- case: rows unpacked from an array of rows
-- expect: allowed
-- shows: [redacted]
SELECT u.* FROM (SELECT array_agg(a) AS l FROM app.account AS a) AS s, LATERAL unnest(s.l) AS u;

-- case: rows compared with rows
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.account AS a WHERE a > ROW(1, '', 'RAW', '')::app.account AND a < ROW(1, '', 'RAX', '')::app.account;

-- case: rows compared byte by byte, and hashed
-- expect: allowed
-- rows: 0
SELECT count(*) FROM app.account AS a WHERE a *= ROW(1, '', 'RAW' || 'MASKaccount1', 'v1')::app.account
	OR hash_record(a) = hash_record(ROW(1, '', 'RAW' || 'MASKaccount1', 'v1')::app.account);

-- case: an update from whole rows of itself
-- expect: allowed
-- shows: [redacted]
UPDATE app.account AS a SET visible = b::text FROM app.account AS b WHERE a.id = b.id AND a.id = 1 RETURNING a.visible, b, a;

-- case: a recursive query over what a write returns
-- expect: allowed
-- shows: [redacted]
WITH RECURSIVE u AS (UPDATE app.account SET visible = 'x' RETURNING id, secret), r AS (SELECT id, secret FROM u UNION ALL SELECT r.id + 1, a.secret FROM r JOIN app.account AS a ON a.id = r.id + 1) SELECT * FROM r;

-- case: identity of a transaction, COMMIT AND CHAIN
-- expect: denied 28000
-- as: nobody
-- autocommit
BEGIN;
SELECT contauth.authenticate('${token}');
SELECT count(*) FROM app.customer;
COMMIT AND CHAIN;
SELECT count(*) FROM app.customer;
ROLLBACK;

-- case: identity of a transaction, ROLLBACK AND CHAIN
-- expect: denied 28000
-- as: nobody
-- autocommit
BEGIN;
SELECT contauth.authenticate('${token}');
SELECT count(*) FROM app.customer;
ROLLBACK AND CHAIN;
SELECT count(*) FROM app.customer;
ROLLBACK;

-- case: a channel that is computed for each row
-- expect: denied 42501
SELECT pg_notify(c, 'x') FROM (VALUES ('contauth_approval')) AS v(c);
