-- What may be read and may be written, but not the one after the other: app.marked is
-- restricted, app.board is not.

-- case: writing before anything is read
-- expect: allowed
-- rows: 5|x
INSERT INTO app.board VALUES (5, 'x') RETURNING *;

-- case: reading
-- expect: allowed
-- shows: of interest
SELECT * FROM app.marked;

-- case: reading, then writing
-- expect: denied 42501
SELECT * FROM app.marked;
INSERT INTO app.board VALUES (1, 'x');

-- case: reading, then updating
-- expect: denied 42501
SELECT 1 FROM app.marked WHERE word > '';
UPDATE app.board SET word = 'x';

-- case: reading and rolling back, then writing
-- expect: denied 42501
SAVEPOINT s;
SELECT * FROM app.marked;
ROLLBACK TO s;
INSERT INTO app.board VALUES (1, 'x');

-- case: reading by a cursor, then writing
-- expect: denied 42501
DECLARE c CURSOR FOR SELECT * FROM app.marked;
FETCH c;
INSERT INTO app.board VALUES (1, 'x');

-- case: a cursor that nobody fetched from
-- expect: allowed
DECLARE c CURSOR FOR SELECT * FROM app.marked;
INSERT INTO app.board VALUES (1, 'x');

-- case: reading by what was prepared, then writing by what was prepared
-- expect: denied 42501
-- via: simple
PREPARE r AS SELECT * FROM app.marked;
PREPARE w AS INSERT INTO app.board VALUES (1, 'x');
EXECUTE w;
EXECUTE r;
EXECUTE w;

-- case: in one statement
-- expect: denied 42501
INSERT INTO app.board SELECT * FROM app.marked;

-- case: in one statement, by WITH
-- expect: denied 42501
WITH w AS (SELECT * FROM app.marked) INSERT INTO app.board SELECT * FROM w;

-- case: in one statement, one bit at a time
-- expect: denied 42501
INSERT INTO app.board SELECT i, 'x' FROM generate_series(1, 9) AS i WHERE EXISTS (SELECT FROM app.marked WHERE length(word) > i);

-- case: in one statement, by UPDATE FROM
-- expect: denied 42501
UPDATE app.board AS b SET word = m.word FROM app.marked AS m;

-- case: in one statement, by MERGE
-- expect: denied 42501
MERGE INTO app.board AS b USING app.marked AS m ON b.id = m.id WHEN NOT MATCHED THEN INSERT VALUES (m.id, m.word);

-- case: in one statement, by a function that reads
-- expect: denied 42501
INSERT INTO app.board VALUES (1, app.read_marked());

-- case: in one statement, by a function that reads, for each row
-- expect: denied 42501
UPDATE app.board SET word = app.read_marked();

-- case: a function that writes what it is given
-- expect: denied 42501
SELECT app.write_board(word) FROM app.marked;

-- case: a function that writes what another reads
-- expect: denied 42501
SELECT app.write_board(app.read_marked());

-- case: COPY what is marked
-- expect: denied 42501
COPY app.marked TO STDOUT;

-- case: COPY what a function reads
-- expect: denied 42501
COPY (SELECT app.read_marked()) TO STDOUT;

-- case: reading, then copying something else
-- expect: denied 42501
SELECT * FROM app.marked;
COPY app.board TO STDOUT;

-- case: COPY of what is not marked
-- expect: allowed
-- shows: notice
COPY app.board TO STDOUT;

-- case: reading, then COPY FROM
-- expect: denied 42501
-- copy: 1	x
SELECT * FROM app.marked;
COPY app.board FROM STDIN;

-- case: reading, then NOTIFY
-- expect: denied 42501
SELECT * FROM app.marked;
NOTIFY board, 'x';

-- case: within what is as safe
-- expect: allowed
UPDATE app.marked SET word = upper(word);
