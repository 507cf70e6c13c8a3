-- What the attack cases work on.  Run by a superuser through psql, with the
-- variables jwks, socket and port.
--
-- Every value that the agent must never receive contains RAWMASK (masked),
-- RAWNOTE (no policy permits the column), RAWROW (rows of another tenant) or
-- RAWVAULT (closed as a whole); hidden numbers begin with 48151623, hidden
-- dates are in March 1907.  The words are put together here, so that the text
-- of a function or view that an error quotes does not contain them.
--
-- The agent's role was granted everything by a careless administrator, and owns
-- some objects from the time before it was enrolled.
SET client_min_messages = warning;
CREATE EXTENSION contauth;
CREATE EXTENSION file_fdw;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION dblink;
CREATE EXTENSION pageinspect;
CREATE EXTENSION pgstattuple;
CREATE EXTENSION pgrowlocks;
CREATE EXTENSION pg_visibility;
CREATE EXTENSION tablefunc;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION lo;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION btree_gist;
CREATE EXTENSION amcheck;
CREATE EXTENSION pg_walinspect;
CREATE EXTENSION tsm_system_rows;

CREATE ROLE regress_contauth_agent LOGIN;
CREATE ROLE regress_contauth_human LOGIN;
CREATE ROLE regress_contauth_owner;
CREATE ROLE regress_contauth_team;
GRANT regress_contauth_team, contauth_approver TO regress_contauth_agent;

CREATE SCHEMA attack;
CREATE TABLE attack.variable (name text PRIMARY KEY, value text);
CREATE SCHEMA app AUTHORIZATION regress_contauth_owner;
CREATE SCHEMA own AUTHORIZATION regress_contauth_agent;
GRANT ALL ON SCHEMA app TO regress_contauth_agent;

-- --- tables -----------------------------------------------------------------

SET ROLE regress_contauth_owner;
CREATE TYPE app.mood AS ENUM ('calm', 'angry');
CREATE TYPE app.address AS (street text, city text);
CREATE DOMAIN app.code AS text CHECK (length(VALUE) < 60);
CREATE SEQUENCE app.counter;

-- masked: email, ssn, salary, born, photo, home, tags, doc, code; uncovered: notes
CREATE TABLE app.customer (
	id      int PRIMARY KEY,
	gone    int,
	tenant  text NOT NULL,
	name    text NOT NULL,
	email   varchar(60) UNIQUE,
	ssn     text,
	salary  numeric CHECK (salary > 0),
	born    date,
	photo   bytea,
	home    app.address,
	tags    text[],
	doc     jsonb,
	code    app.code,
	feeling app.mood DEFAULT 'calm',
	balance int,
	notes   text,
	ssn_up  text GENERATED ALWAYS AS (upper(ssn)) STORED
);
ALTER TABLE app.customer DROP COLUMN gone;
INSERT INTO app.customer
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
	   CASE WHEN i % 2 = 0 THEN 'acmename' ELSE 'RAW' || 'ROWname' END || i,
	   'RAW' || 'MASKmail' || i || '@example.com',
	   'RAW' || 'MASKssn-' || lpad(i::text, 3, '0'),
	   4815162300 + i, date '1907-03-01' + i,
	   convert_to('RAW' || 'MASKphoto' || i, 'UTF8'),
	   ROW('RAW' || 'MASKstreet' || i, 'RAW' || 'MASKcity')::app.address,
	   ARRAY['RAW' || 'MASKtag' || i, 'second'],
	   jsonb_build_object('k', 'RAW' || 'MASKdoc' || i),
	   'RAW' || 'MASKcode' || i, 'calm',
	   CASE WHEN i % 2 = 0 THEN i * 10 ELSE 481516230 + i END,
	   'RAW' || 'NOTE' || i
  FROM generate_series(1, 20) AS i;
CREATE INDEX ON app.customer (ssn);
CREATE INDEX ON app.customer (lower(notes));
CREATE INDEX ON app.customer (tenant);
CREATE STATISTICS app.customer_stats (dependencies, mcv) ON tenant, ssn, name FROM app.customer;
COMMENT ON COLUMN app.customer.ssn IS 'personal';

-- the agent may write its tenant's rows
CREATE TABLE app.ticket (
	id          int PRIMARY KEY DEFAULT nextval('app.counter') + 1000,
	customer_id int REFERENCES app.customer,
	tenant      text NOT NULL DEFAULT 'acme',
	body        text UNIQUE,
	priority    int CHECK (priority BETWEEN 0 AND 9)
);
INSERT INTO app.ticket
SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
	   CASE WHEN i % 2 = 0 THEN 'acmebody' ELSE 'RAW' || 'ROWbody' END || i, 1
  FROM generate_series(1, 20) AS i;

-- many hidden rows with the same name: it is in the statistics
CREATE TABLE app.visit (id int, tenant text, place text, weight int);
INSERT INTO app.visit
SELECT i, CASE WHEN i % 4 = 0 THEN 'acme' ELSE 'globex' END,
	   CASE WHEN i % 4 = 0 THEN 'acmeplace' || i % 3 ELSE 'RAW' || 'ROWplace' || i % 3 END,
	   CASE WHEN i % 4 = 0 THEN i % 3 ELSE 481516230 + i % 3 END
  FROM generate_series(1, 2000) AS i;
CREATE INDEX ON app.visit (place);
CREATE INDEX ON app.visit (weight);

CREATE TABLE app.event (id int NOT NULL, tenant text NOT NULL, payload text, at date)
	PARTITION BY RANGE (id);
CREATE TABLE app.event_1 PARTITION OF app.event FOR VALUES FROM (1) TO (10);
CREATE TABLE app.event_2 PARTITION OF app.event FOR VALUES FROM (10) TO (100)
	PARTITION BY LIST (tenant);
CREATE TABLE app.event_2_acme PARTITION OF app.event_2 FOR VALUES IN ('acme');
CREATE TABLE app.event_2_rest PARTITION OF app.event_2 DEFAULT;
INSERT INTO app.event
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
	   CASE WHEN i % 2 = 0 THEN 'RAW' || 'MASKpayload' ELSE 'RAW' || 'ROWpayload' END || i, '2020-01-01'
  FROM generate_series(1, 20) AS i;

CREATE TABLE app.parent (id int, tenant text, payload text);
CREATE TABLE app.child (extra text) INHERITS (app.parent);
INSERT INTO app.parent VALUES (1, 'globex', 'RAW' || 'ROWparent'), (2, 'acme', 'RAW' || 'MASKparent');
INSERT INTO app.child VALUES (3, 'globex', 'RAW' || 'ROWchild', 'RAW' || 'ROWextra'),
	(4, 'acme', 'RAW' || 'MASKchild', 'RAW' || 'NOTEextra');

-- all rows visible, its masked column is part of what the server computes at a write
CREATE TABLE app.account (
	id      int PRIMARY KEY,
	prefix  text NOT NULL,
	secret  text NOT NULL,
	visible text,
	UNIQUE (prefix, secret),
	EXCLUDE USING gist (secret WITH =)
);
INSERT INTO app.account SELECT i, '', 'RAW' || 'MASKaccount' || i, 'v' || i FROM generate_series(1, 5) AS i;
CREATE TABLE app.computed (
	id int PRIMARY KEY, prefix text, secret text,
	derived bigint GENERATED ALWAYS AS ((prefix || secret)::bigint) STORED
);
INSERT INTO app.computed (id, prefix, secret) SELECT i, '', 4815162300 + i FROM generate_series(1, 3) AS i;
CREATE TABLE app.indexed (id int PRIMARY KEY, prefix text, secret text);
CREATE INDEX indexed_key ON app.indexed (((prefix || secret)::bigint));
INSERT INTO app.indexed SELECT i, '', 4815162300 + i FROM generate_series(1, 3) AS i;
CREATE TABLE app.checked (id int PRIMARY KEY, prefix text, secret text,
	CHECK ((prefix || secret)::bigint > 0));
INSERT INTO app.checked SELECT i, '', 4815162300 + i FROM generate_series(1, 3) AS i;
CREATE TABLE app.partial (id int PRIMARY KEY, prefix text, secret text);
CREATE UNIQUE INDEX partial_key ON app.partial (id) WHERE (prefix || secret)::bigint > 0;
INSERT INTO app.partial SELECT i, '', 4815162300 + i FROM generate_series(1, 3) AS i;
CREATE TABLE app.routed (id int, prefix text, secret text)
	PARTITION BY LIST (((prefix || secret)::bigint));
CREATE TABLE app.routed_one PARTITION OF app.routed FOR VALUES IN (1);
CREATE TABLE app.routed_rest PARTITION OF app.routed DEFAULT;
INSERT INTO app.routed SELECT i, '', 4815162300 + i FROM generate_series(1, 3) AS i;

-- a value that is stored in the catalog only
CREATE TABLE app.added (id int);
INSERT INTO app.added VALUES (1), (2);
SELECT 'ALTER TABLE app.added ADD COLUMN secret text DEFAULT ''' || 'RAW' || 'MASKmissing''' \gexec
ALTER TABLE app.added ALTER secret DROP DEFAULT;

-- nothing of it is permitted
CREATE TABLE app.vault (id int PRIMARY KEY, secret text, amount numeric);
INSERT INTO app.vault SELECT i, 'RAW' || 'VAULT' || i, 4815162350 + i FROM generate_series(1, 5) AS i;

-- long values, out of line
CREATE TABLE app.document (id int PRIMARY KEY, tenant text, title text, body text, words tsvector);
ALTER TABLE app.document ALTER body SET STORAGE EXTERNAL;
INSERT INTO app.document
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'title' || i,
	   repeat('RAW' || 'MASKbody' || i || ' ', 400), to_tsvector('simple', 'RAW' || 'MASKword' || i)
  FROM generate_series(1, 4) AS i;

-- row-level security of the server's own besides
CREATE TABLE app.guarded (id int PRIMARY KEY, tenant text, level int, body text);
INSERT INTO app.guarded
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, i % 3,
	   CASE WHEN i % 2 = 0 AND i % 3 < 2 THEN 'shown' ELSE 'RAW' || 'ROWguarded' END || i
  FROM generate_series(1, 12) AS i;
ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY low ON app.guarded USING (level < 2);
RESET ROLE;
ALTER TABLE app.guarded OWNER TO CURRENT_USER;
SET ROLE regress_contauth_owner;

-- referential actions
CREATE TABLE app.team (id int PRIMARY KEY, tenant text, name text);
CREATE TABLE app.member (
	id int PRIMARY KEY, tenant text, body text,
	team_id int REFERENCES app.team ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE app.badge (
	id int PRIMARY KEY, team_id int REFERENCES app.team ON DELETE SET NULL);
INSERT INTO app.team VALUES (1, 'acme', 'one'), (2, 'acme', 'two'), (3, 'globex', 'RAW' || 'ROWteam');
INSERT INTO app.member VALUES (1, 'acme', 'm1', 1), (2, 'globex', 'RAW' || 'ROWmember', 1);
INSERT INTO app.badge VALUES (1, 1), (2, 2);
CREATE TABLE app.node (
	id int PRIMARY KEY, tenant text, parent int REFERENCES app.node ON DELETE CASCADE, body text);
INSERT INTO app.node VALUES (1, 'acme', NULL, 'root'), (2, 'globex', 1, 'RAW' || 'ROWnode'), (3, 'acme', 1, 'leaf');

-- triggers and rules
CREATE TABLE app.logged (id int PRIMARY KEY, tenant text, body text, secret text);
CREATE TABLE app.log (at timestamptz DEFAULT '2020-01-01', line text);
INSERT INTO app.logged SELECT i, 'acme', 'body' || i, 'RAW' || 'MASKlogged' || i FROM generate_series(1, 3) AS i;
CREATE TABLE app.ruled (id int PRIMARY KEY, body text, secret text);
INSERT INTO app.ruled SELECT i, 'body' || i, 'RAW' || 'MASKruled' || i FROM generate_series(1, 3) AS i;
CREATE RULE also AS ON UPDATE TO app.ruled DO ALSO SELECT old.secret;

CREATE TABLE app.ruled_copy (id int PRIMARY KEY, body text, secret text);
INSERT INTO app.ruled_copy VALUES (1, 'body', 'RAW' || 'MASKruled');
CREATE TABLE app.trapped (id int PRIMARY KEY, body text, secret text);
INSERT INTO app.trapped SELECT i, 'body' || i, 'RAW' || 'MASKtrapped' || i FROM generate_series(1, 3) AS i;
CREATE TABLE app.copied (id int PRIMARY KEY, body text, secret text);
INSERT INTO app.copied SELECT i, 'body' || i, 'RAW' || 'MASKcopied' || i FROM generate_series(1, 3) AS i;
CREATE TABLE app.lifted (id int PRIMARY KEY, owner text, secret text);
INSERT INTO app.lifted VALUES (1, 'acme', 'mine'), (2, 'globex', 'RAW' || 'MASKlifted'), (3, NULL, 'RAW' || 'MASKlifted');

-- the agent may write its tenant's rows, in partitions and children
CREATE TABLE app.parted (id int, tenant text, body text, PRIMARY KEY (id, tenant)) PARTITION BY LIST (tenant);
CREATE TABLE app.parted_acme PARTITION OF app.parted FOR VALUES IN ('acme');
CREATE TABLE app.parted_rest PARTITION OF app.parted DEFAULT;
INSERT INTO app.parted
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
	   CASE WHEN i % 2 = 0 THEN 'acmebody' ELSE 'RAW' || 'ROWparted' END || i FROM generate_series(1, 10) AS i;
CREATE TABLE app.stock (id int, tenant text, body text);
CREATE TABLE app.stock_child () INHERITS (app.stock);
INSERT INTO app.stock VALUES (1, 'globex', 'RAW' || 'ROWstock'), (2, 'acme', 'own');
INSERT INTO app.stock_child VALUES (3, 'globex', 'RAW' || 'ROWstock'), (4, 'acme', 'own');
CREATE TABLE app.searched (id int PRIMARY KEY, prefix text, secret text,
	query tsquery GENERATED ALWAYS AS ((prefix || secret)::tsquery) STORED);
INSERT INTO app.searched VALUES (1, '', 'RAW' || 'MASKsearched');
CREATE TABLE app.deferred (id int PRIMARY KEY, prefix text, secret text);
INSERT INTO app.deferred VALUES (1, '', 4815162301);

-- tables of odd shapes
CREATE TABLE app.empty ();
INSERT INTO app.empty DEFAULT VALUES;
CREATE TABLE app.twisted (id int, secret text, tenant text, body text) PARTITION BY LIST (tenant);
CREATE TABLE app.twisted_1 (body text, gone int, tenant text, secret text, gone_too text, id int);
ALTER TABLE app.twisted_1 DROP COLUMN gone, DROP COLUMN gone_too;
ALTER TABLE app.twisted ATTACH PARTITION app.twisted_1 FOR VALUES IN ('acme');
CREATE TABLE app.twisted_2 PARTITION OF app.twisted DEFAULT;
INSERT INTO app.twisted VALUES (1, 'RAW' || 'MASKtwisted', 'acme', 'own'), (2, 'RAW' || 'MASKtwisted', 'globex', 'RAW' || 'ROWtwisted');
CREATE TABLE app.bent (id int, secret text, tenant text, body text);
CREATE TABLE app.bent_1 (body text, gone int, more text, tenant text, secret text, id int);
ALTER TABLE app.bent_1 DROP COLUMN gone, INHERIT app.bent;
INSERT INTO app.bent VALUES (1, 'RAW' || 'MASKbent', 'acme', 'own'), (2, 'RAW' || 'MASKbent', 'globex', 'RAW' || 'ROWbent');
INSERT INTO app.bent_1 VALUES ('own', 'RAW' || 'NOTEmore', 'acme', 'RAW' || 'MASKbent', 3), ('RAW' || 'ROWbent', 'RAW' || 'NOTEmore', 'globex', 'RAW' || 'MASKbent', 4);
SELECT 'CREATE TABLE app.wide (' || string_agg('c' || i || ' int', ',') || ')' FROM generate_series(1, 1599) AS i \gexec
ALTER TABLE app.wide ADD COLUMN secret text;
INSERT INTO app.wide (c1, secret) VALUES (1, 'RAW' || 'MASKwide');
CREATE TABLE app."Odd ""name" ("extra_1" text, "SELECT" text, "a.b" text, "'$$;--" text);
INSERT INTO app."Odd ""name" VALUES ('RAW' || 'MASKodd', 'RAW' || 'MASKodd', 'RAW' || 'MASKodd', 'shown');

-- everything may be done with it
CREATE TABLE app.asked (id int PRIMARY KEY, body text);
INSERT INTO app.asked VALUES (1, 'as it was');
CREATE TABLE app.pad (id int PRIMARY KEY, line text, number numeric);
INSERT INTO app.pad VALUES (1, 'first', 1), (2, 'second', 2);

-- what the agent may read, and may not write where it may write otherwise
CREATE TABLE app.marked (id int, word text);
INSERT INTO app.marked VALUES (1, 'of interest');
CREATE TABLE app.board (id int, word text);
INSERT INTO app.board VALUES (1, 'notice');
CREATE FUNCTION app.read_marked() RETURNS text LANGUAGE plpgsql
	AS 'BEGIN RETURN (SELECT max(word) FROM app.marked); END';
CREATE FUNCTION app.write_board(text) RETURNS void LANGUAGE plpgsql
	AS 'BEGIN INSERT INTO app.board VALUES (2, $1); END';

-- --- views ------------------------------------------------------------------

CREATE VIEW app.v_all AS SELECT * FROM app.customer;
CREATE VIEW app.v_some AS SELECT id, name, ssn, salary FROM app.customer;
CREATE VIEW app.v_nested AS SELECT v.id, v.ssn, t.body FROM app.v_some AS v LEFT JOIN app.ticket AS t ON t.customer_id = v.id;
CREATE VIEW app.v_invoker WITH (security_invoker) AS SELECT id, ssn FROM app.customer;
CREATE VIEW app.v_barrier WITH (security_barrier) AS SELECT id, ssn, name FROM app.customer WHERE id > 2;
CREATE VIEW app.v_notes AS SELECT id, notes FROM app.customer;
CREATE VIEW app.v_group AS SELECT left(ssn, 9) AS prefix, count(*) AS n FROM app.customer GROUP BY 1;
CREATE VIEW app.v_union AS SELECT ssn AS x FROM app.customer UNION ALL SELECT body FROM app.ticket;
CREATE VIEW app.v_where AS SELECT id FROM app.customer WHERE ssn LIKE 'RAW%';
CREATE VIEW app.v_vault AS SELECT * FROM app.vault;
CREATE VIEW app.v_cast AS SELECT id, ssn::int AS n FROM app.customer;
CREATE VIEW app.v_ticket AS SELECT id, tenant, body, priority FROM app.ticket WITH CHECK OPTION;
CREATE VIEW app.v_instead AS SELECT id, ssn, name FROM app.customer;
CREATE VIEW app.v_recursive AS
	WITH RECURSIVE r(id, ssn) AS (SELECT id, ssn FROM app.customer WHERE id = 2
		UNION ALL SELECT c.id, c.ssn FROM app.customer AS c, r WHERE c.id = r.id + 2 AND r.id < 8)
	SELECT * FROM r;
CREATE MATERIALIZED VIEW app.m_customer AS SELECT id, tenant, ssn, notes FROM app.customer;
CREATE MATERIALIZED VIEW app.m_vault AS SELECT * FROM app.vault;
CREATE VIEW app.v_matview AS SELECT id, ssn FROM app.m_customer;
CREATE RULE copy AS ON UPDATE TO app.ruled_copy DO ALSO INSERT INTO app.pad VALUES (old.id + 600, old.secret);
CREATE VIEW app.v_checked AS SELECT id, prefix FROM app.checked WHERE (prefix || secret)::bigint > 0 WITH CHECK OPTION;
CREATE VIEW app.v_pad AS SELECT id, line FROM app.pad;

-- --- functions of the owner -------------------------------------------------

CREATE FUNCTION app.sql_rows() RETURNS SETOF app.customer LANGUAGE sql STABLE
	AS 'SELECT * FROM app.customer';
CREATE FUNCTION app.sql_ssn() RETURNS TABLE (id int, ssn text) LANGUAGE sql STABLE
	AS 'SELECT id, ssn FROM app.customer';
CREATE FUNCTION app.sql_atomic() RETURNS TABLE (id int, ssn text) LANGUAGE sql STABLE
	BEGIN ATOMIC SELECT id, ssn FROM app.customer; END;
CREATE FUNCTION app.sql_scalar(int) RETURNS text LANGUAGE sql STABLE
	AS 'SELECT ssn FROM app.customer WHERE id = $1';
CREATE FUNCTION app.sql_notes(int) RETURNS text LANGUAGE sql STABLE
	AS 'SELECT notes FROM app.customer WHERE id = $1';
CREATE FUNCTION app.sql_vault() RETURNS SETOF text LANGUAGE sql STABLE
	AS 'SELECT secret FROM app.vault';
CREATE FUNCTION app.sql_immutable() RETURNS text LANGUAGE sql IMMUTABLE
	AS 'SELECT string_agg(ssn, '','') FROM app.customer';
CREATE FUNCTION app.sql_of_row(app.customer) RETURNS text LANGUAGE sql IMMUTABLE
	AS 'SELECT ($1).ssn';
CREATE FUNCTION app.definer_ssn() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS 'SELECT ssn FROM app.customer';
CREATE FUNCTION app.definer_vault() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS 'SELECT secret FROM app.vault';
CREATE FUNCTION app.pl_ssn() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT ssn FROM app.customer;
	RETURN QUERY EXECUTE 'SELECT ssn FROM app.customer';
END $$;
CREATE FUNCTION app.pl_run(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
	EXECUTE command INTO r;
	RETURN r;
END $$;
CREATE FUNCTION app.pl_definer(command text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE r text;
BEGIN
	EXECUTE command INTO r;
	RETURN r;
END $$;
CREATE FUNCTION app.pl_immutable() RETURNS text LANGUAGE plpgsql IMMUTABLE
	AS 'BEGIN RETURN (SELECT string_agg(ssn, '','') FROM app.customer); END';
CREATE FUNCTION app.pl_parallel(int) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
	AS 'BEGIN RETURN (SELECT ssn FROM app.customer WHERE id = $1); END';
CREATE FUNCTION app.pl_catch(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE a text; b text; c text; d text; e text; r text;
BEGIN
	EXECUTE command INTO r;
	RETURN 'done ' || coalesce(r, '');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS a = MESSAGE_TEXT, b = PG_EXCEPTION_DETAIL, c = PG_EXCEPTION_HINT,
		d = PG_EXCEPTION_CONTEXT, e = COLUMN_NAME;
	RETURN concat_ws(' | ', SQLSTATE, a, b, c, d, e);
END $$;
CREATE FUNCTION app.pl_notice(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'seen: %', $1;
	RETURN true;
END $$;
CREATE FUNCTION app.pl_loop() RETURNS SETOF app.customer LANGUAGE plpgsql AS $$
DECLARE r app.customer;
BEGIN
	FOR r IN SELECT * FROM app.v_all LOOP
		RETURN NEXT r;
	END LOOP;
END $$;
CREATE FUNCTION app.pl_cursor() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE c refcursor := 'given';
BEGIN
	OPEN c SCROLL FOR SELECT id, ssn FROM app.customer ORDER BY id;
	RETURN c;
END $$;
CREATE FUNCTION app.pl_strict() RETURNS text LANGUAGE plpgsql AS $$
#print_strict_params on
DECLARE r text; s text;
BEGIN
	SELECT ssn INTO s FROM app.customer WHERE id = 2;
	SELECT name INTO STRICT r FROM app.customer WHERE ssn = s OR id > 0;
	RETURN r;
END $$;
CREATE FUNCTION app.pl_assert() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	ASSERT false, (SELECT string_agg(ssn, ',') FROM app.customer);
	RETURN '';
END $$;
CREATE FUNCTION app.pl_dirty() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	UPDATE app.customer SET name = ssn;
	RETURN 'written';
END $$;
CREATE PROCEDURE app.proc(INOUT r text) LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN SELECT ssn INTO r FROM app.customer WHERE id = 2; END';
CREATE PROCEDURE app.proc_commit(INOUT r text) LANGUAGE plpgsql AS $$
BEGIN
	COMMIT;
	SELECT string_agg(ssn, ',') INTO r FROM app.customer;
	ROLLBACK;
	SELECT string_agg(ssn, ',') INTO r FROM app.customer;
END $$;
CREATE FUNCTION app.trigger_log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO app.log (line) VALUES (old.body);
	RETURN new;
END $$;
CREATE TRIGGER log BEFORE UPDATE ON app.logged FOR EACH ROW EXECUTE FUNCTION app.trigger_log();
CREATE FUNCTION app.trigger_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	new.body := old.secret;
	RETURN new;
END $$;
CREATE TRIGGER copy BEFORE UPDATE ON app.copied FOR EACH ROW EXECUTE FUNCTION app.trigger_copy();
CREATE FUNCTION app.trigger_deferred() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM (new.prefix || new.secret)::bigint;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON app.deferred DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION app.trigger_deferred();
CREATE FUNCTION app.searches() RETURNS text LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN helper((SELECT max(ssn) FROM app.customer)); END';
CREATE FUNCTION app.trigger_instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'instead: % %', old.ssn, new.ssn;
	RETURN new;
END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE OR DELETE ON app.v_instead
	FOR EACH ROW EXECUTE FUNCTION app.trigger_instead();
RESET ROLE;

-- of a superuser
CREATE FUNCTION app.super_ssn() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER
	AS 'BEGIN RETURN QUERY SELECT ssn FROM app.customer; END';
CREATE FUNCTION app.super_run(command text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE r text;
BEGIN
	EXECUTE command INTO r;
	RETURN r;
END $$;
CREATE FUNCTION app.super_do(command text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	EXECUTE command;
	RETURN 'done';
END $$;
CREATE FUNCTION app.super_off() RETURNS text LANGUAGE sql SECURITY DEFINER SET contauth.mode = 'off'
	AS 'SELECT string_agg(notes, '','') FROM app.customer';
CREATE FUNCTION app.super_owner() RETURNS text LANGUAGE sql SET role = 'regress_contauth_owner'
	AS 'SELECT string_agg(notes, '','') FROM app.customer';
CREATE FUNCTION app.super_replica() RETURNS text LANGUAGE sql SECURITY DEFINER SET session_replication_role = 'replica'
	AS 'SELECT string_agg(notes, '','') FROM app.customer';
CREATE FUNCTION app.super_rls() RETURNS text LANGUAGE sql SECURITY DEFINER SET row_security = off
	AS 'SELECT string_agg(body, '','') FROM app.guarded WHERE tenant = ''globex'' OR level < 2';
CREATE FUNCTION app.super_file() RETURNS text LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT pg_read_file('secret.csv') $$;
CREATE VIEW app.v_super AS SELECT id, ssn FROM app.customer;
CREATE VIEW app.v_stats AS SELECT most_common_vals::text AS common, histogram_bounds::text AS bounds
  FROM pg_stats WHERE schemaname = 'app';
CREATE VIEW app.v_activity AS SELECT query FROM pg_stat_activity;
CREATE VIEW app.v_statistic AS SELECT s.stavalues1::text FROM pg_statistic AS s;

-- --- what the agent's role made before it was enrolled ------------------------

GRANT ALL ON ALL TABLES IN SCHEMA app TO regress_contauth_agent;
SET ROLE regress_contauth_agent;
CREATE TABLE own.loot (line text);
CREATE VIEW own.v AS SELECT id, name, ssn FROM app.customer;
CREATE VIEW own.v_notes AS SELECT notes FROM app.customer;
CREATE VIEW own.v_vault AS SELECT secret FROM app.vault;
CREATE MATERIALIZED VIEW own.m AS SELECT id, ssn, notes FROM app.customer;
CREATE FUNCTION own.leak(anyelement) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'own: %', $1;
	RETURN true;
END $$;
CREATE FUNCTION own.leak_eq(text, text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 IMMUTABLE AS $$
BEGIN
	RAISE NOTICE 'own: % %', $1, $2;
	RETURN $1 = $2;
END $$;
CREATE FUNCTION own.leak_int(int, int) RETURNS bool LANGUAGE plpgsql COST 0.0000001 IMMUTABLE AS $$
BEGIN
	RAISE NOTICE 'own: % %', $1, $2;
	RETURN $1 < $2;
END $$;
CREATE OPERATOR own.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = own.leak_eq,
	RESTRICT = eqsel, JOIN = eqjoinsel, COMMUTATOR = OPERATOR(own.===));
CREATE OPERATOR own.<< (LEFTARG = int, RIGHTARG = int, FUNCTION = own.leak_int,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE FUNCTION own.divide(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1 / ($1 - 2)';
CREATE FUNCTION own.definer() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
	AS 'SELECT ssn FROM app.customer';
CREATE FUNCTION own.helper(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'helper as %: %', current_user, $1;
	RETURN (SELECT string_agg(notes, ',') FROM app.customer);
END $$;
CREATE FUNCTION own."right"(text, int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'right: %', $1;
	RETURN $1;
END $$;
CREATE FUNCTION own.mask_partial(text, int, int, int) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION own.sfunc(text, text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'sfunc: %', $2;
	RETURN concat($1, ',', $2);
END $$;
CREATE AGGREGATE own.concat_all(text) (SFUNC = own.sfunc, STYPE = text);
CREATE TYPE own.pair AS (a text, b text);
CREATE FUNCTION own.to_pair(text) RETURNS own.pair LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'cast: %', $1;
	RETURN ROW($1, $1)::own.pair;
END $$;
CREATE CAST (text AS own.pair) WITH FUNCTION own.to_pair(text) AS ASSIGNMENT;
CREATE DOMAIN own.loud AS text CHECK (own.leak(VALUE));
CREATE FUNCTION own.who() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO own.loot VALUES (current_user || ' ran it: ' || (SELECT string_agg(ssn, ',') FROM app.customer));
	RETURN 'who';
END $$;
CREATE FUNCTION own.trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'trigger: % %', old, new;
	RETURN new;
END $$;
CREATE TRIGGER own BEFORE UPDATE ON app.trapped FOR EACH ROW EXECUTE FUNCTION own.trigger();
CREATE FUNCTION own.statement_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'transition: %', (SELECT string_agg(o::text, ',') FROM olds AS o);
	RETURN NULL;
END $$;
CREATE PROCEDURE own.proc(INOUT r text) LANGUAGE sql AS 'SELECT string_agg(ssn, '','') FROM app.customer';
RESET ROLE;
GRANT ALL ON ALL TABLES IN SCHEMA own TO regress_contauth_human;
GRANT ALL ON SCHEMA own TO regress_contauth_human;
GRANT USAGE ON SCHEMA own TO regress_contauth_owner;
GRANT regress_contauth_owner TO regress_contauth_agent;

-- --- outside of tables --------------------------------------------------------

\set quoted_file :data_directory '/secret.csv'
COPY (SELECT 'RAW' || 'VAULTfile') TO :'quoted_file';
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE app.f_file (line text) SERVER files OPTIONS (filename :'quoted_file');
CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host :'socket', port :'port', dbname 'postgres');
CREATE USER MAPPING FOR PUBLIC SERVER loop OPTIONS (user 'regress_contauth_human', password_required 'false');
CREATE FOREIGN TABLE app.f_customer (id int, tenant text, ssn text, name text) SERVER loop
	OPTIONS (schema_name 'app', table_name 'customer');
CREATE FOREIGN TABLE app.f_vault (id int, secret text) SERVER loop
	OPTIONS (schema_name 'app', table_name 'vault');
CREATE FOREIGN TABLE app.f_ticket (id int, tenant text, body text) SERVER loop
	OPTIONS (schema_name 'app', table_name 'ticket');
GRANT USAGE ON FOREIGN SERVER loop, files TO regress_contauth_agent;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw, file_fdw TO regress_contauth_agent;
INSERT INTO attack.variable SELECT 'lo', lo_from_bytea(0, convert_to('RAW' || 'VAULTlo', 'UTF8'));
SELECT format('GRANT ALL ON LARGE OBJECT %s TO regress_contauth_agent, regress_contauth_human', value)
  FROM attack.variable WHERE name = 'lo' \gexec

INSERT INTO attack.variable
SELECT replace(f, '.', '_'), p.oid
  FROM unnest(ARRAY['app.sql_scalar', 'app.definer_ssn', 'app.super_ssn', 'app.pl_run',
	   'pg_catalog.pg_read_file', 'pg_catalog.loread', 'pg_catalog.lo_open', 'pg_catalog.md5',
	   'pg_catalog.query_to_xml']) AS f, pg_proc AS p
 WHERE p.proname = split_part(f, '.', 2) AND p.pronamespace = split_part(f, '.', 1)::regnamespace
ON CONFLICT DO NOTHING;
INSERT INTO attack.variable
SELECT 'toast', reltoastrelid::regclass FROM pg_class WHERE oid = 'app.document'::regclass;
INSERT INTO attack.variable VALUES ('file', :'quoted_file');

-- --- a careless administrator -------------------------------------------------

GRANT ALL ON ALL TABLES IN SCHEMA app TO regress_contauth_agent, regress_contauth_human;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO regress_contauth_agent, regress_contauth_human;
GRANT ALL ON ALL ROUTINES IN SCHEMA app TO regress_contauth_agent, regress_contauth_human;
GRANT ALL ON SCHEMA app TO regress_contauth_human;
GRANT ALL ON DATABASE postgres TO regress_contauth_agent;
GRANT ALL ON ALL ROUTINES IN SCHEMA pg_catalog TO regress_contauth_agent;
GRANT ALL ON ALL TABLES IN SCHEMA pg_catalog TO regress_contauth_agent;
GRANT pg_monitor, pg_read_all_data, pg_write_all_data, pg_read_server_files,
	pg_write_server_files, pg_execute_server_program, pg_signal_backend, pg_checkpoint
   TO regress_contauth_agent;
GRANT USAGE ON SCHEMA contauth, contauth_audit, pg_toast TO regress_contauth_agent;
GRANT ALL ON ALL TABLES IN SCHEMA contauth TO regress_contauth_agent;
GRANT ALL ON ALL ROUTINES IN SCHEMA contauth TO regress_contauth_agent;
GRANT SELECT ON ALL TABLES IN SCHEMA contauth_audit TO regress_contauth_agent;
GRANT ALL ON ALL ROUTINES IN SCHEMA public TO regress_contauth_agent;
SELECT format('GRANT SELECT ON pg_toast.%I TO regress_contauth_agent', split_part(value, '.', 2))
  FROM attack.variable WHERE name = 'toast' \gexec

-- --- what contauth permits ------------------------------------------------------

SELECT contauth.enroll_role('regress_contauth_agent'),
	   contauth.add_issuer('https://issuer.acme.example', 'acme.example', :'jwks'),
	   contauth.register_agent('spiffe://acme.example/agent/support/a', '{regress_contauth_agent}', 'alice', 2),
	   contauth.register_agent('spiffe://acme.example/agent/support/b', '{regress_contauth_agent}', 'bob', 2)
\g /dev/null
SECURITY LABEL FOR contauth ON COLUMN app.customer.ssn IS 'pii';
SECURITY LABEL FOR contauth ON TABLE app.marked IS 'restricted';
SECURITY LABEL FOR contauth ON COLUMN app.event.payload IS 'pii';
SECURITY LABEL FOR contauth ON COLUMN app.parent.payload IS 'pii';
SELECT contauth.create_policy('customers', 'permit', actions => '{select}',
	resources => '{"app.customer(id,tenant,name,email,ssn,ssn_up,salary,born,photo,home,tags,doc,code,feeling,balance)"}',
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"label:pii": "partial(0,3)", "app.customer.email": "email",
		"app.customer.salary": "constant(7)", "app.customer.born": "null", "app.customer.photo": "hash",
		"app.customer.home": "null", "app.customer.tags": "constant({hidden})",
		"app.customer.doc": "constant({\"hidden\": true})", "app.customer.code": "constant(hidden)"}'),
	contauth.create_policy('customer_names', 'permit', actions => '{update}',
	resources => '{"app.customer(name,balance,feeling)"}',
	row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('tickets', 'permit', actions => '{select,insert,update,delete,export,copy_in}',
	resources => '{app.ticket, app.f_ticket}', row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('export_customers', 'permit', actions => '{export}',
	resources => '{"app.customer(id,tenant,name,email,ssn)"}', row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"label:pii": "partial(0,3)", "app.customer.email": "email"}'),
	contauth.create_policy('partitions', 'permit', actions => '{select,insert,update,delete}',
	resources => '{app.parted, app.stock}', row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('odd', 'permit', actions => '{select,update,delete}',
	resources => '{app.twisted, app.bent}', row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"app.twisted.secret": "redact", "app.bent.secret": "redact"}'),
	contauth.create_policy('shapes', 'permit', actions => '{select,update}', resources => '{app.empty, app.wide, "app.\"Odd \"\"name\""}',
	masks => '{"app.wide.secret": "redact", "app.\"Odd \"\"name\".extra_1": "redact",
		"app.\"Odd \"\"name\".\"SELECT\"": "redact", "app.\"Odd \"\"name\".\"a.b\"": "redact"}'),
	contauth.create_policy('visits', 'permit', actions => '{select}',
	resources => '{app.visit}', row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('events', 'permit', actions => '{select}',
	resources => '{app.event, app.parent}', row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"label:pii": "redact"}'),
	contauth.create_policy('accounts', 'permit', actions => '{select}',
	resources => '{app.account, app.computed, app.indexed, app.checked, app.partial, app.routed, app.added,
		app.searched, app.deferred}',
	masks => '{"app.account.secret": "redact", "app.computed.secret": "null", "app.computed.derived": "null",
		"app.indexed.secret": "null", "app.checked.secret": "null", "app.partial.secret": "null",
		"app.routed.secret": "null", "app.searched.secret": "null", "app.searched.query": "null",
		"app.deferred.secret": "null", "app.added.secret": "null"}'),
	contauth.create_policy('account_prefix', 'permit', actions => '{update}',
	resources => '{"app.account(prefix,visible)", "app.computed(prefix)", "app.indexed(prefix)",
		"app.checked(prefix)", "app.partial(prefix)", "app.routed(prefix)", "app.searched(prefix)", "app.deferred(prefix)"}'),
	contauth.create_policy('account_insert', 'permit', actions => '{insert}', resources => '{app.account}'),
	contauth.create_policy('documents', 'permit', actions => '{select}', resources => '{app.document}',
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks => '{"app.document.body": "redact", "app.document.words": "null"}'),
	contauth.create_policy('guarded', 'permit', actions => '{select,update}', resources => '{app.guarded}',
	row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('teams', 'permit', actions => '{select,update,delete}',
	resources => '{app.team, app.member, app.node}', row_filter => $$ tenant = contauth.claim('tenant') $$),
	contauth.create_policy('badges', 'permit', actions => '{select}', resources => '{app.badge}'),
	contauth.create_policy('logged', 'permit', actions => '{select,update}', resources => '{app.logged(id,tenant,body,secret), app.ruled, app.ruled_copy, app.trapped, app.copied}',
	masks => '{"app.logged.secret": "redact", "app.ruled.secret": "redact", "app.ruled_copy.secret": "redact",
		"app.trapped.secret": "redact", "app.copied.secret": "redact"}'),
	contauth.create_policy('lifted', 'permit', actions => '{select}', resources => '{app.lifted}',
	masks => '{"app.lifted.secret": {"mask": "redact", "unless": "owner = contauth.claim(''tenant'')"}}'),
	contauth.create_policy('log', 'permit', actions => '{insert}', resources => '{app.log}'),
	contauth.create_policy('matview', 'permit', actions => '{select}', resources => '{"app.m_customer(id,tenant,ssn)"}',
	row_filter => $$ tenant = contauth.claim('tenant') $$, masks => '{"label:pii": "partial(0,3)"}'),
	contauth.create_policy('foreign', 'permit', actions => '{select}', resources => '{app.f_customer}',
	row_filter => $$ tenant = contauth.claim('tenant') $$, masks => '{"app.f_customer.ssn": "partial(0,3)"}'),
	contauth.create_policy('views', 'permit', actions => '{select}', resources => '{app.v_*, own.v*}'),
	contauth.create_policy('pad', 'permit', actions => '{*}', resources => '{app.pad, own.loot}'),
	contauth.create_policy('functions', 'permit', actions => '{execute}',
	resources => '{function:app.*, function:own.*, function:public.crosstab, function:public.similarity,
		function:public.digest, function:public.hmac, function:public.encrypt}'),
	contauth.create_policy('roles', 'permit', actions => '{set_role}', resources => '{role:regress_contauth_team, role:regress_contauth_agent}'),
	contauth.create_policy('channels', 'permit', actions => '{notify}', resources => '{channel:open, channel:board}'),
	contauth.create_policy('marked', 'permit', actions => '{select,insert,update,copy_in,export}', resources => '{app.marked, app.board}'),
	contauth.create_policy('not_down', 'forbid', actions => '{insert,update,copy_in,export,notify}',
	resources => '{app.marked, app.board, channel:board}', condition => 'ctx.high_water > ctx.target_sensitivity'),
	contauth.create_policy('asked', 'permit', actions => '{select,update,delete,export}', resources => '{app.asked}'),
	contauth.create_policy('ask', 'escalate', actions => '{update,delete}', resources => '{app.asked}'),
	contauth.create_policy('careless', 'permit', actions => '{execute}', resources => '{function:contauth.approve, function:contauth.reject,
		function:contauth.*revoke, function:contauth.kill_switch, function:contauth.*_break_glass, function:contauth.break_glass}')
\g /dev/null
ANALYZE;

-- --- what must not show ----------------------------------------------------------

CREATE VIEW attack.hidden_value AS
SELECT v AS value FROM app.customer, unnest(ARRAY[email::text, ssn, notes, code::text, (home).street, tags[1],
	convert_from(photo, 'UTF8'), salary::text, CASE WHEN tenant <> 'acme' THEN name END]) AS v WHERE v IS NOT NULL
UNION ALL SELECT secret FROM app.vault
UNION ALL SELECT secret FROM app.account
UNION ALL SELECT body FROM app.document
UNION ALL SELECT body FROM app.ticket WHERE tenant <> 'acme';
CREATE VIEW attack.hidden_number AS
SELECT salary::bigint AS value FROM app.customer UNION SELECT amount::bigint FROM app.vault
UNION SELECT balance FROM app.customer WHERE tenant <> 'acme'
UNION SELECT weight FROM app.visit WHERE tenant <> 'acme';
