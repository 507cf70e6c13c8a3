-- Functions that a policy trusts: they read everything, nothing else does.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.average() RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN RETURN (SELECT avg(balance) FROM crm.customer); END $$;
CREATE FUNCTION crm.ssns() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN RETURN (SELECT string_agg(ssn, ',' ORDER BY id) FROM crm.customer); END $$;
CREATE FUNCTION crm.notes_sql() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ SELECT notes FROM crm.customer ORDER BY id $$;
CREATE FUNCTION crm.count_invoker() RETURNS bigint LANGUAGE plpgsql AS
    $$ BEGIN RETURN (SELECT count(*) FROM crm.customer); END $$;
CREATE FUNCTION crm.through() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN RETURN crm.count_invoker() || ' ' || crm.count_definer(); END $$;
CREATE FUNCTION crm.count_definer() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN RETURN (SELECT count(*) FROM crm.customer); END $$;
CREATE FUNCTION crm.not_through() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN RETURN crm.count_invoker()::text; END $$;
CREATE FUNCTION crm.hand_out() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE c refcursor := 'handed'; BEGIN OPEN c FOR SELECT ssn FROM crm.customer; RETURN c; END $$;
CREATE FUNCTION crm.fail() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN PERFORM count(*) FROM crm.customer; RAISE EXCEPTION 'as told'; END $$;
CREATE FUNCTION crm.write() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN UPDATE crm.ticket SET body = (SELECT max(ssn) FROM crm.customer) WHERE id = 2; END $$;
CREATE FUNCTION crm.run(text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE r text; BEGIN EXECUTE $1 INTO r; RETURN r; END $$;
CREATE FUNCTION crm.invoker() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS
    $$ BEGIN RETURN (SELECT max(ssn) FROM crm.customer); END $$;
CREATE FUNCTION crm.unpinned() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN RETURN (SELECT max(ssn) FROM crm.customer); END $$;
CREATE FUNCTION crm.number_of(int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE t text; BEGIN SELECT ssn INTO t FROM crm.customer WHERE id = $1; RETURN t::int; END $$;
CREATE FUNCTION crm.number_folded(int) RETURNS int LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE t text; BEGIN SELECT ssn INTO t FROM crm.customer WHERE id = $1; RETURN t::int; END $$;
CREATE FUNCTION crm.numbers() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ SELECT ssn::int FROM crm.customer $$;
CREATE PROCEDURE crm.number(int) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE t text; n int; BEGIN SELECT ssn INTO t FROM crm.customer WHERE id = $1; n := t; END $$;
CREATE FUNCTION crm.puts_together(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE t text; BEGIN SELECT ssn INTO t FROM crm.customer WHERE id = 1; EXECUTE format(statement, t); END $$;
CREATE FUNCTION crm.asks_strictly() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ DECLARE t text; BEGIN SELECT ssn INTO t FROM crm.customer WHERE id = 1; SELECT name INTO STRICT t FROM crm.customer WHERE notes = t; END $$;
CREATE FUNCTION crm.notes(text) RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'noted'; END $$;
CREATE FUNCTION crm.catches(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    context text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws('; ', state, message, regexp_replace(detail, 'decision_id=[0-9a-f-]+ ', ''), 'context: ' || context);
END $$;
CREATE FUNCTION crm.catches_simply() RETURNS text LANGUAGE plpgsql AS
    $$ DECLARE n int; BEGIN n := crm.number_of(1); RETURN n; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$;
RESET ROLE;
SELECT contauth.create_policy('call', 'permit', actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
SELECT contauth.create_policy('tickets', 'permit', actions => '{update}', resources => '{crm.ticket}') \g /dev/null

-- without trust
:as_agent
SELECT crm.average(), crm.ssns();
SELECT crm.notes_sql();
:state
:as_admin

--
-- what can be trusted
--
SELECT contauth.create_policy('trust', 'forbid', actions => '{execute}', resources => '{function:crm.average}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.*}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{*}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{crm.customer}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.nothing}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.invoker}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.unpinned}', limits => '{"trusted": true}');
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.average}', limits => '{"trusted": "yes"}');
ALTER FUNCTION crm.average() OWNER TO regress_contauth_agent;
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.average}', limits => '{"trusted": true}');
ALTER FUNCTION crm.average() OWNER TO regress_contauth_owner;
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', limits => '{"trusted": true}',
    resources => '{function:crm.average, function:crm.ssns, function:crm.notes_sql, function:crm.through, function:crm.hand_out, function:crm.fail, function:crm.write, function:crm.run, function:crm.number_of, function:crm.number_folded,
        function:crm.numbers, function:crm.number, function:crm.puts_together, function:crm.asks_strictly}') \g /dev/null

--
-- what a trusted function reads, and what others do
--
:as_agent
SELECT crm.average(), crm.ssns();
SELECT crm.notes_sql();
SELECT * FROM crm.notes_sql();
SELECT avg(balance), max(ssn) FROM crm.customer;
SELECT crm.ssns(), (SELECT string_agg(ssn, ',' ORDER BY id) FROM crm.customer);
-- what it calls has its trust, but for what is SECURITY DEFINER itself; plans are not mixed up
SELECT crm.count_invoker(), crm.through(), crm.count_invoker(), crm.count_definer();
SELECT crm.through(), crm.count_invoker();
SELECT crm.not_through(), crm.through(), crm.not_through(), crm.through();
-- its failure ends its trust
SELECT crm.fail();
SELECT count(*) FROM crm.customer;
DO $$ BEGIN NULL; END $$;
-- what it fails on is not told: no value, no statement with a value in it
\set VERBOSITY default
SELECT crm.number_of(1);
:state
SELECT crm.number_of(id) FROM crm.customer WHERE id = 2;
SELECT crm.number_folded(1);
SELECT * FROM crm.numbers();
CALL crm.number(1);
SELECT crm.puts_together('SELECT %L::int');
SELECT crm.puts_together('SELECT %I');
SET plpgsql.print_strict_params = on;
SELECT crm.asks_strictly();
:state
SELECT crm.catches('SELECT crm.number_of(1)');
SELECT crm.catches($$SELECT crm.puts_together('SELECT %L::int')$$);
SELECT crm.catches($$SELECT crm.puts_together('DELETE FROM crm.customer WHERE ssn = %L')$$);
SELECT crm.catches('SELECT crm.asks_strictly()');
SELECT crm.catches_simply();
\set SHOW_CONTEXT always
SELECT crm.puts_together('SELECT crm.notes(%L)');
SELECT crm.notes('mine');
\set SHOW_CONTEXT errors
-- what its author raises is
SELECT crm.fail();
SELECT crm.catches('SELECT crm.fail()');
\set VERBOSITY terse
-- a cursor that it leaves behind is not read on
BEGIN;
SELECT crm.hand_out();
FETCH ALL FROM handed;
:state
ROLLBACK;
-- reading is all: a write is decided as ever
SELECT crm.write();
SELECT body FROM crm.ticket WHERE id = 2;
:as_admin
UPDATE crm.ticket SET body = 'body2' WHERE id = 2;
SELECT contauth.enable_policy('tickets', false) \g /dev/null
:as_agent
SELECT crm.write();
:state
-- neither contauth's own tables, nor what is forbidden
SELECT crm.run('SELECT count(*)::text FROM contauth.policy');
:state
:as_admin
SELECT contauth.create_policy('never', 'forbid', actions => '{select}', resources => '{crm.customer(ssn)}') \g /dev/null
:as_agent
SELECT crm.average();
SELECT crm.ssns();
:state
:as_admin
SELECT contauth.drop_policy('never') \g /dev/null

--
-- agents' own code does not run in it
--
CREATE FUNCTION crm.mine() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT max(ssn) FROM crm.customer); END $$;
ALTER FUNCTION crm.mine() OWNER TO regress_contauth_agent;
:as_agent
SELECT crm.mine();
SELECT crm.run('SELECT crm.mine()');
:state
SELECT crm.run('SELECT max(ssn) FROM crm.customer');
-- nor with its trust where a trigger calls it
:as_admin
CREATE TABLE crm.trap (seen text);
CREATE FUNCTION crm.spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := (SELECT max(ssn) FROM crm.customer); RETURN NEW; END $$;
ALTER TABLE crm.trap OWNER TO regress_contauth_agent;
ALTER FUNCTION crm.spring() OWNER TO regress_contauth_agent;
CREATE TRIGGER spring BEFORE INSERT ON crm.trap FOR EACH ROW EXECUTE FUNCTION crm.spring();
GRANT ALL ON crm.trap TO regress_contauth_owner;
SELECT contauth.create_policy('trap', 'permit', actions => '{select,insert}', resources => '{crm.trap}') \g /dev/null
:as_agent
SELECT crm.run('INSERT INTO crm.trap VALUES (DEFAULT) RETURNING seen');

--
-- trust that is over
--
PREPARE p AS SELECT crm.ssns();
EXECUTE p;
:as_admin
ALTER FUNCTION crm.ssns() SECURITY INVOKER;
:as_agent
EXECUTE p;
:as_admin
ALTER FUNCTION crm.ssns() SECURITY DEFINER;
:as_agent
EXECUTE p;
:as_admin
SELECT contauth.alter_policy('trust', '{"condition": "ctx.autonomy > 2"}') \g /dev/null
:as_agent
EXECUTE p;
:as_admin
SELECT contauth.alter_policy('trust', '{"condition": "ctx.now > ''2020-01-01''"}') \g /dev/null
:as_agent
EXECUTE p;
:as_admin
SELECT contauth.alter_policy('trust', '{"monitor_only": true}') \g /dev/null
:as_agent
EXECUTE p;
:as_admin
SELECT contauth.alter_policy('trust', '{"monitor_only": false}') \g /dev/null
:as_agent
EXECUTE p;
SELECT relation, action, decision FROM contauth.why('SELECT crm.ssns()');

--
-- triggers
--
:as_admin
SELECT contauth.enable_policy('tickets', true) \g /dev/null
SET ROLE regress_contauth_owner;
CREATE FUNCTION crm.on_ticket() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
    $$ BEGIN NEW.body := (SELECT count(*) FROM crm.customer); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE UPDATE ON crm.ticket FOR EACH ROW EXECUTE FUNCTION crm.on_ticket();
RESET ROLE;
:as_agent
UPDATE crm.ticket SET body = '' WHERE id = 2 RETURNING body;
:as_admin
SELECT contauth.alter_policy('trust', '{"resources": ["function:crm.on_ticket", "function:crm.ssns"]}') \g /dev/null
:as_agent
UPDATE crm.ticket SET body = '' WHERE id = 2 RETURNING body;
-- what it read is on record
SELECT crm.ssns() \g /dev/null
:as_admin
SELECT contauth_audit.sync();
SELECT decision, a ->> 'relation' AS relation, a ->> 'action' AS action, a -> 'columns' AS columns, a -> 'masks' AS masks, a -> 'limits' AS limits
  FROM (SELECT * FROM contauth_audit.decision WHERE statement_kind = 'SELECT' ORDER BY seq DESC LIMIT 1) AS d, jsonb_array_elements(accesses) AS a ORDER BY 2, 3;
\set ECHO none
\i :teardown
