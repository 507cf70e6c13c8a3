-- Messages below NOTICE tell of plans and values: no agent gets them.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE FUNCTION crm.name_of_ssn(who integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog AS $$
DECLARE
    secret text;
    found text;
BEGIN
    SELECT ssn INTO secret FROM crm.customer WHERE id = who;
    SELECT name INTO found FROM crm.customer WHERE ssn = secret;
    RAISE NOTICE 'found %', found;
    RAISE LOG 'ssn %', secret;
    RETURN found;
END $$;
CREATE FUNCTION crm.in_between() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notes FROM crm.customer;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'refused, and going on';
    RETURN (SELECT max(name) FROM crm.customer);
END $$;
SELECT contauth.create_policy('call', 'permit', actions => '{execute}', resources => '{function:crm.*}') \g /dev/null
SELECT contauth.create_policy('trust', 'permit', actions => '{execute}', resources => '{function:crm.name_of_ssn}', limits => '{"trusted": true}') \g /dev/null

-- a plan inside the trusted function holds the value as a constant
:as_agent
SET client_min_messages = debug5;
SET debug_print_plan = on;
SET debug_print_parse = on;
SHOW client_min_messages;
SELECT crm.name_of_ssn(2);
SELECT crm.in_between();
PREPARE p AS SELECT name, ssn FROM crm.customer WHERE ssn = $1;
EXECUTE p ('x');
SELECT notes FROM crm.customer;
-- set inside the statement, before the function is called and after
SELECT set_config('client_min_messages', 'debug5', false), crm.name_of_ssn(2);
SELECT crm.name_of_ssn(2), set_config('client_min_messages', 'log', true);
SHOW client_min_messages;
DO $$ BEGIN END $$;
RESET debug_print_plan;
RESET debug_print_parse;
-- what is less goes through as asked for
SET client_min_messages = warning;
SELECT crm.name_of_ssn(2);
SHOW client_min_messages;
RESET client_min_messages;
:as_admin

-- by the connection, and set by a function that somebody else made
CREATE FUNCTION crm.loud() RETURNS text LANGUAGE plpgsql SET client_min_messages = log
    SET debug_print_plan = on AS $$ BEGIN RETURN crm.name_of_ssn(2); END $$;
:as_agent
SELECT crm.loud();
:as_admin

-- nobody else is concerned
SET client_min_messages = log;
SELECT crm.name_of_ssn(2);
SHOW client_min_messages;
RESET client_min_messages;
ALTER ROLE regress_contauth_agent SET contauth.mode = monitor;
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SET client_min_messages = log;
SHOW client_min_messages;
RESET client_min_messages;
\c - :superuser
ALTER ROLE regress_contauth_agent RESET contauth.mode;

\set ECHO none
\i :teardown
