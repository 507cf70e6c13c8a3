-- What every test starts with: the extension, roles, issuer and agents.
-- Included with ECHO off.  Leaves these psql variables behind:
--	superuser	who runs the tests; "\c - :superuser" goes back
--	jwks, token_*, bad_*	from test/keys/tokens.sql
--	state		":state" prints the SQLSTATE of the last statement
--	as_agent, as_admin	become the agent within this session, and go back; for
--				what must hold across a change of policies
\getenv abs_srcdir PG_ABS_SRCDIR
\set tokens :abs_srcdir '/keys/tokens.sql'
\i :tokens
\set superuser :USER
\set state '\\echo :SQLSTATE'
\set as_agent 'SET SESSION AUTHORIZATION regress_contauth_agent; SET contauth.token = :''token_support'';'
\set as_admin 'RESET contauth.token; RESET SESSION AUTHORIZATION;'
\set VERBOSITY terse
\pset null '(null)'

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS contauth;
-- until the audit worker has found the new tables, agents can do nothing
DO $$
BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_stat_activity
                           WHERE backend_type = 'contauth audit worker'
                             AND datname = current_database()
                             AND wait_event_type = 'Extension');
        PERFORM pg_stat_clear_snapshot(), pg_sleep(0.05);
    END LOOP;
END
$$;
CREATE ROLE regress_contauth_agent LOGIN;
CREATE ROLE regress_contauth_other LOGIN;
CREATE ROLE regress_contauth_plain LOGIN;
CREATE ROLE regress_contauth_owner LOGIN;
CREATE ROLE regress_contauth_admin LOGIN IN ROLE contauth_admin;
CREATE ROLE regress_contauth_auditor LOGIN IN ROLE contauth_auditor;

SELECT contauth.enroll_role('regress_contauth_agent'),
       contauth.enroll_role('regress_contauth_other'),
       contauth.add_issuer('https://issuer.acme.test', 'acme.test', :'jwks'),
       contauth.register_agent('spiffe://acme.test/agent/support',
           '{regress_contauth_agent}', 'alice', 2, '{"region": "north"}'),
       contauth.register_agent('spiffe://acme.test/agent/other',
           '{regress_contauth_other}', 'bob', 4)
\g /dev/null
RESET client_min_messages;
