-- Writes: only the tenant's rows, never by or into a masked column, and what
-- they return is masked.

-- case: update of the tenant's rows only
-- expect: allowed
-- rows: 10
WITH u AS (UPDATE app.customer SET name = 'x' RETURNING id) SELECT count(*) FROM u;

-- case: update of a masked column
-- expect: denied 42501
UPDATE app.customer SET ssn = 'x' WHERE id = 2;

-- case: the mask written back
-- expect: denied 42501
UPDATE app.customer SET ssn = ssn WHERE id = 2;

-- case: the mask written back through a row
-- expect: denied 42501
UPDATE app.customer SET (ssn, name) = (SELECT ssn, name FROM app.customer AS c WHERE c.id = 2) WHERE id = 2;

-- case: a masked column copied into a visible one
-- expect: denied 42501
UPDATE app.customer SET name = ssn;

-- case: a masked column copied into a visible one by a sub-select
-- expect: allowed
-- shows: ***********002
UPDATE app.customer AS c SET name = (SELECT d.ssn FROM app.customer AS d WHERE d.id = c.id) WHERE id = 2 RETURNING name;

-- case: a masked column copied by UPDATE FROM
-- expect: allowed
-- shows: ***********002
UPDATE app.customer AS c SET name = d.ssn || d.email FROM app.customer AS d WHERE d.id = c.id RETURNING c.name, d.ssn, c.ssn;

-- case: rows chosen by a masked column
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE ssn LIKE 'RAW%';

-- case: rows chosen by a masked column of the same table in a sub-select
-- expect: allowed
-- rows: 0
WITH u AS (UPDATE app.customer SET name = 'x' WHERE id IN (SELECT id FROM app.customer WHERE ssn LIKE 'RAW%') RETURNING 1) SELECT count(*) FROM u;

-- case: rows chosen by a fault that depends on a masked column
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE 1 / (CASE WHEN ssn LIKE 'RAW%' THEN 0 ELSE 1 END) = 1;

-- case: rows chosen by an uncovered column
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE notes LIKE 'RAW%';

-- case: an uncovered column assigned
-- expect: denied 42501
UPDATE app.customer SET notes = 'x';

-- case: an uncovered column assigned its default
-- expect: denied 42501
UPDATE app.customer SET notes = DEFAULT;

-- case: a column of the permit assigned, which the mask of others hides
-- expect: denied 42501
UPDATE app.customer SET tenant = 'globex' WHERE id = 2;

-- case: an uncovered element of an array
-- expect: denied 42501
UPDATE app.customer SET tags[1] = 'x';

-- case: a field of a masked composite
-- expect: denied 42501
UPDATE app.customer SET home.city = 'x';

-- case: RETURNING masked columns
-- expect: allowed
-- rows: 2|***********002|R***@example.com|7
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING id, ssn, email, salary;

-- case: RETURNING an uncovered column
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING notes;

-- case: RETURNING everything
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING *;

-- case: RETURNING the whole row
-- expect: denied 42501
UPDATE app.customer AS c SET name = 'x' WHERE id = 2 RETURNING c;

-- case: RETURNING the whole row of covered columns
-- expect: allowed
-- rows: (1,"",[redacted],w)
UPDATE app.account AS a SET visible = 'w' WHERE id = 1 RETURNING a;

-- case: RETURNING system columns
-- expect: allowed
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING ctid, xmax, tableoid, ssn;

-- case: RETURNING a sub-select of it
-- expect: allowed
-- shows: 002
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING (SELECT string_agg(ssn, ',') FROM app.customer), app.sql_scalar(id), app.pl_notice(ssn);

-- case: RETURNING OLD and NEW
-- expect: allowed
-- server: >=18
-- shows: 002
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING old.ssn, new.ssn, old.name, new.salary;

-- case: RETURNING OLD of everything
-- expect: denied 42501
-- server: >=18
UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING old.*;

-- case: RETURNING OLD renamed
-- expect: allowed
-- server: >=18
UPDATE app.account SET visible = 'x' WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o, n, o.secret, n.secret;

-- case: RETURNING into a WITH
-- expect: allowed
-- shows: 002
WITH u AS (UPDATE app.customer SET name = 'x' RETURNING ssn, email, name) SELECT * FROM u;

-- case: RETURNING the same column as a condition
-- expect: denied 42501
UPDATE app.customer SET name = 'x' WHERE ssn = 'x' RETURNING 1;

-- case: delete hidden rows
-- expect: allowed
-- rows: 0
WITH d AS (DELETE FROM app.ticket WHERE tenant <> 'acme' RETURNING *) SELECT count(*) FROM d;

-- case: delete all
-- expect: allowed
-- rows: 10
WITH d AS (DELETE FROM app.ticket RETURNING body) SELECT count(*) FROM d;

-- case: delete USING a masked column
-- expect: allowed
-- rows: 0
WITH d AS (DELETE FROM app.ticket AS t USING app.customer AS c WHERE c.id = t.customer_id AND c.ssn LIKE 'RAW%' RETURNING t.id) SELECT count(*) FROM d;

-- case: delete RETURNING a masked column of another
-- expect: allowed
-- shows: 002
DELETE FROM app.ticket AS t USING app.customer AS c WHERE c.id = t.customer_id RETURNING c.ssn, t.body;

-- case: delete what may not be deleted
-- expect: denied 42501
DELETE FROM app.customer WHERE id = 2;

-- case: insert for the tenant
-- expect: allowed
-- rows: 500|acme
INSERT INTO app.ticket (id, tenant, body, priority) VALUES (500, 'acme', 'new', 1) RETURNING id, tenant;

-- case: insert by defaults
-- expect: allowed
-- rows: acme
INSERT INTO app.ticket (body) VALUES ('by default') RETURNING tenant;

-- case: insert for another tenant
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (501, 'globex', 'new');

-- case: insert for nobody
-- expect: denied 42501 44000 23502
INSERT INTO app.ticket (id, tenant, body) VALUES (501, NULL, 'new');

-- case: insert a mix
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (501, 'acme', 'a'), (502, 'globex', 'b');

-- case: update into another tenant
-- expect: denied 42501 44000
UPDATE app.ticket SET tenant = 'globex' WHERE id = 2;

-- case: update into another tenant by arithmetic
-- expect: denied 42501 44000
UPDATE app.ticket SET tenant = replace(tenant, 'acme', 'globex');

-- case: insert what was selected
-- expect: allowed
-- shows: ***********002
INSERT INTO app.pad SELECT id + 100, ssn || email, salary FROM app.customer RETURNING *;

-- case: insert what was selected, then read
-- expect: allowed
-- shows: ***********002
INSERT INTO app.pad SELECT id + 100, concat_ws(' ', ssn, email, born, doc), salary FROM app.customer;
SELECT * FROM app.pad;

-- case: insert from a closed table
-- expect: denied 42501
INSERT INTO app.pad SELECT id + 100, secret, amount FROM app.vault;

-- case: insert from an uncovered column
-- expect: denied 42501
INSERT INTO app.pad SELECT id + 100, notes FROM app.customer;

-- case: insert a whole row as text
-- expect: denied 42501
INSERT INTO app.pad SELECT id + 100, c::text FROM app.customer AS c;

-- case: insert into a closed table
-- expect: denied 42501
INSERT INTO app.vault VALUES (900, 'x', 1);

-- case: insert into a closed table, RETURNING
-- expect: denied 42501
INSERT INTO app.vault VALUES (900, 'x', 1) RETURNING *;

-- case: ON CONFLICT DO NOTHING on a hidden row
-- expect: any
INSERT INTO app.ticket (id, tenant, body) VALUES (1, 'acme', 'x') ON CONFLICT DO NOTHING RETURNING *;

-- case: ON CONFLICT DO UPDATE takes a hidden row over
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (1, 'acme', 'x') ON CONFLICT (id) DO UPDATE SET tenant = 'acme', body = ticket.body RETURNING *;

-- case: ON CONFLICT DO UPDATE with a WHERE that reads it
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (1, 'acme', 'x') ON CONFLICT (id) DO UPDATE SET body = 'y' WHERE own.leak(ticket.body) RETURNING *;

-- case: ON CONFLICT DO UPDATE of an own row
-- expect: allowed
-- rows: 2|acmebody2!
INSERT INTO app.ticket (id, tenant, body) VALUES (2, 'acme', 'x') ON CONFLICT (id) DO UPDATE SET body = ticket.body || '!' RETURNING id, body;

-- case: ON CONFLICT DO UPDATE moves a row
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (2, 'acme', 'x') ON CONFLICT (id) DO UPDATE SET tenant = 'globex';

-- case: ON CONFLICT DO UPDATE with EXCLUDED of another tenant
-- expect: denied 42501 44000
INSERT INTO app.ticket (id, tenant, body) VALUES (2, 'globex', 'x') ON CONFLICT (id) DO UPDATE SET body = excluded.tenant;

-- case: ON CONFLICT on a masked unique key
-- expect: denied 42501
INSERT INTO app.account (id, prefix, secret) VALUES (99, '', 'RAW' || 'MASKaccount1') ON CONFLICT (prefix, secret) DO UPDATE SET visible = account.secret RETURNING visible;

-- case: insert a masked column, which RETURNING masks
-- expect: allowed
-- shows: [redacted]
INSERT INTO app.account (id, prefix, secret) VALUES (99, 'x', 'y') RETURNING secret;

-- case: MERGE
-- expect: any
MERGE INTO app.ticket AS t USING app.pad AS p ON t.id = p.id WHEN MATCHED THEN UPDATE SET body = p.line WHEN NOT MATCHED THEN INSERT (id, tenant, body) VALUES (p.id + 700, 'globex', 'x');

-- case: MERGE does not reach hidden rows
-- expect: any
-- after: SELECT count(*) = 10 FROM app.ticket WHERE tenant = 'globex' AND body LIKE 'RAWROW%'
MERGE INTO app.ticket AS t USING app.pad AS p ON t.id = 1 WHEN MATCHED THEN DELETE;

-- case: MERGE by a masked column
-- expect: any
MERGE INTO app.customer AS c USING app.pad AS p ON c.ssn LIKE 'RAW%' WHEN MATCHED THEN UPDATE SET name = c.ssn;

-- case: MERGE from a masked source
-- expect: allowed
MERGE INTO app.pad AS p USING app.customer AS c ON p.id = c.id WHEN MATCHED THEN UPDATE SET line = c.ssn || c.name WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email, c.salary);
SELECT * FROM app.pad;

-- case: MERGE from a closed source
-- expect: denied 42501
MERGE INTO app.pad AS p USING app.vault AS v ON p.id = v.id WHEN NOT MATCHED THEN INSERT VALUES (v.id + 50, v.secret, v.amount);

-- case: MERGE RETURNING
-- expect: any
-- server: >=17
MERGE INTO app.pad AS p USING app.customer AS c ON p.id = c.id WHEN MATCHED THEN UPDATE SET line = c.ssn WHEN NOT MATCHED THEN INSERT VALUES (c.id, c.email, 1) RETURNING p.*, c.ssn, merge_action();

-- case: MERGE WHEN NOT MATCHED BY SOURCE reaches hidden rows
-- expect: any
-- server: >=17
MERGE INTO app.ticket AS t USING app.pad AS p ON t.id = p.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING *;

-- case: MERGE condition reads an uncovered column
-- expect: denied 42501
MERGE INTO app.customer AS c USING app.pad AS p ON c.id = p.id WHEN MATCHED AND c.notes LIKE 'R%' THEN UPDATE SET name = 'x';

-- case: writing WITH, then reading
-- expect: allowed
-- shows: 002
WITH u AS (UPDATE app.customer SET name = 'x' WHERE id = 2 RETURNING ssn), d AS (DELETE FROM app.ticket WHERE id = 4 RETURNING body),
	i AS (INSERT INTO app.pad SELECT 777, ssn FROM u RETURNING line) SELECT * FROM u, d, i;

-- case: writing WITH that nobody reads
-- expect: denied 42501
WITH u AS (UPDATE app.vault SET secret = 'x') SELECT 1;

-- case: writing WITH into a closed table
-- expect: denied 42501
WITH s AS (SELECT ssn FROM app.customer) INSERT INTO app.vault SELECT 900, ssn FROM s;

-- case: writing function
-- expect: denied 42501
SELECT app.pl_dirty();

-- case: COPY FROM
-- expect: any
-- autocommit
-- copy: 800	\N	globex	x	1
-- after: SELECT NOT EXISTS (SELECT FROM app.ticket WHERE id = 800)
COPY app.ticket FROM STDIN;

-- case: COPY FROM into a closed table
-- expect: denied 42501
-- copy: 900	x	1
COPY app.vault FROM STDIN;

-- case: COPY FROM a masked column
-- expect: any
-- copy: 900	x	y	z
COPY app.account FROM STDIN;

-- case: COPY FROM into a free table
-- expect: allowed
-- copy: 900	copied	1
COPY app.pad FROM STDIN;
SELECT * FROM app.pad;

-- case: COPY FROM with WHERE
-- expect: any
-- copy: 901	copied	1
COPY app.pad FROM STDIN WHERE own.leak(line);

-- case: COPY FROM that fails
-- expect: error 22P02
-- copy: x	copied	1
COPY app.pad FROM STDIN;

-- case: COPY FROM that collides with a hidden row
-- expect: any
-- copy: 1	\N	acme	x	1
COPY app.ticket FROM STDIN;

-- case: unique violation with a hidden row
-- expect: error 23505
INSERT INTO app.ticket (id, tenant, body) VALUES (777, 'acme', 'RAW' || 'ROWbody1');

-- case: unique violation by an update
-- expect: error 23505
UPDATE app.ticket SET id = id + 1;

-- case: check violation
-- expect: error 23514
UPDATE app.ticket SET priority = 99 WHERE id = 2;

-- case: check violation on a row with masked columns
-- expect: error 22P02 23514
UPDATE app.customer SET feeling = 'none';

-- case: not-null violation on a row with masked columns
-- expect: error 23502
UPDATE app.customer SET name = NULL WHERE id = 2;

-- case: not-null violation caught
-- expect: allowed
-- shows: 23502
SELECT app.pl_catch('UPDATE app.customer SET name = NULL WHERE id = 2');

-- case: unique violation caught
-- expect: allowed
-- shows: 23505
SELECT app.pl_catch('UPDATE app.ticket SET id = id + 1');

-- case: foreign key violation caught
-- expect: allowed
-- shows: 23503
SELECT app.pl_catch('UPDATE app.ticket SET customer_id = 999 WHERE id = 2');

-- case: exclusion violation caught
-- expect: allowed
-- shows: 23P01
SELECT app.pl_catch('INSERT INTO app.account (id, prefix, secret) VALUES (99, ''q'', ''RAW'' || ''MASKaccount2'')');

-- case: too long a value
-- expect: error 22003 22001 42501
UPDATE app.customer SET balance = 2147483647 + balance;

-- case: generated column computed from what the agent writes and a masked column
-- expect: error 22P02 22003
UPDATE app.computed SET prefix = 'x' WHERE id = 1;

-- case: generated column, caught
-- expect: allowed
-- shows: a value cannot be processed
SELECT app.pl_catch('UPDATE app.computed SET prefix = ''x'' WHERE id = 1');

-- case: index expression computed from what the agent writes and a masked column
-- expect: error 22P02 22003
UPDATE app.indexed SET prefix = 'x' WHERE id = 1;

-- case: check constraint computed from what the agent writes and a masked column
-- expect: error 22P02 22003
UPDATE app.checked SET prefix = 'x' WHERE id = 1;

-- case: predicate of an index computed from what the agent writes and a masked column
-- expect: error 22P02 22003
UPDATE app.partial SET prefix = 'x' WHERE id = 1;

-- case: partition key computed from what the agent writes and a masked column
-- expect: error 22P02 22003
UPDATE app.routed SET prefix = 'x' WHERE id = 1;

-- case: index expression, caught, message read
-- expect: allowed
-- shows: a value cannot be processed
SELECT app.pl_catch('UPDATE app.indexed SET prefix = ''x'' WHERE id = 1');

-- case: value out of range in a generated column
-- expect: error 22P02 22003
UPDATE app.computed SET prefix = '99999999999999999' WHERE id = 1;

-- case: generated column in a language of its own
-- expect: error 42601
UPDATE app.searched SET prefix = 'x ' WHERE id = 1;

-- case: generated column in a language of its own, caught
-- expect: allowed
-- shows: a value cannot be processed
SELECT app.pl_catch('UPDATE app.searched SET prefix = ''x '' WHERE id = 1');

-- case: a deferred trigger computes from a masked column
-- expect: error 22P02
UPDATE app.deferred SET prefix = 'x' WHERE id = 1;
SET CONSTRAINTS ALL IMMEDIATE;

-- case: ON CONFLICT DO UPDATE computes from a masked column
-- expect: any
INSERT INTO app.account (id, prefix, secret) VALUES (1, '', '') ON CONFLICT (id) DO UPDATE SET prefix = 'x' RETURNING secret, visible;
