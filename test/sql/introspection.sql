-- Catalogs: what drivers, ORMs and psql look up is open, what would show rows,
-- secrets or other sessions is not.  test/t/020_drivers.pl looks at all the rest.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE FOREIGN DATA WRAPPER regress_contauth_wrapper;
CREATE SERVER regress_contauth_server FOREIGN DATA WRAPPER regress_contauth_wrapper;
CREATE USER MAPPING FOR regress_contauth_agent SERVER regress_contauth_server
    OPTIONS (password 'RAWPASSWORD');
GRANT USAGE ON FOREIGN SERVER regress_contauth_server TO regress_contauth_agent;
SET client_min_messages = error;
CREATE SUBSCRIPTION regress_contauth_subscription CONNECTION 'dbname=nowhere password=RAWPASSWORD'
    PUBLICATION p WITH (connect = false);
RESET client_min_messages;

\c - regress_contauth_agent
SET contauth.token = :'token_support';

-- User mappings: who maps to which server, but not with which password.
\deu
SELECT srvname, usename FROM pg_catalog.pg_user_mappings;
SELECT umoptions FROM pg_catalog.pg_user_mappings;
SELECT * FROM pg_catalog.pg_user_mappings;
SELECT m FROM pg_catalog.pg_user_mappings AS m;
SELECT srvname FROM pg_catalog.pg_user_mappings WHERE umoptions IS NOT NULL;
SELECT umoptions FROM pg_catalog.pg_user_mapping;
SELECT m FROM pg_catalog.pg_user_mapping AS m;
SELECT option_value FROM information_schema.user_mapping_options;
SELECT foreign_server_name FROM information_schema.user_mappings;
\deu+

-- Subscriptions: which there are, but not how they connect.
SELECT subname, subenabled, subpublications FROM pg_catalog.pg_subscription;
SELECT subconninfo FROM pg_catalog.pg_subscription;
SELECT s FROM pg_catalog.pg_subscription AS s;
SELECT subname FROM pg_catalog.pg_subscription WHERE subconninfo LIKE '%RAW%';

-- The privileges of PostgreSQL do not open what the built-in policies close.
\c - :superuser
GRANT SELECT ON pg_catalog.pg_subscription, pg_catalog.pg_user_mapping TO regress_contauth_agent;
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT umuser::regrole FROM pg_catalog.pg_user_mapping;
SELECT umoptions FROM pg_catalog.pg_user_mapping;
SELECT m FROM pg_catalog.pg_user_mapping AS m;
SELECT count(*) FROM pg_catalog.pg_user_mapping WHERE umoptions::text LIKE '%RAW%';
SELECT umuser::regrole FROM pg_catalog.pg_user_mapping GROUP BY umuser, umoptions;
SELECT umuser::regrole FROM pg_catalog.pg_user_mapping AS a
  JOIN pg_catalog.pg_user_mapping AS b USING (umuser, umoptions);
SELECT to_jsonb(m) FROM pg_catalog.pg_user_mapping AS m;
COPY pg_catalog.pg_user_mapping TO STDOUT;
SELECT option_value FROM information_schema.user_mapping_options;
SELECT subname FROM pg_catalog.pg_subscription;
SELECT subconninfo FROM pg_catalog.pg_subscription;
SELECT s FROM pg_catalog.pg_subscription AS s;
SELECT * FROM pg_catalog.pg_subscription;
TABLE pg_catalog.pg_subscription;

-- Statistics, passwords and other sessions stay closed.
SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = 'regress_contauth_agent';
SELECT rolpassword FROM pg_catalog.pg_authid;
SELECT passwd FROM pg_catalog.pg_shadow;
SELECT most_common_vals FROM pg_catalog.pg_stats;
SELECT stavalues1 FROM pg_catalog.pg_statistic;
SELECT n_live_tup FROM pg_catalog.pg_stat_user_tables;
SELECT query FROM pg_catalog.pg_stat_activity;
SELECT statement FROM pg_catalog.pg_prepared_statements;
SELECT sourcefile FROM pg_catalog.pg_settings WHERE name = 'port';

\c - :superuser
REVOKE SELECT ON pg_catalog.pg_subscription, pg_catalog.pg_user_mapping FROM regress_contauth_agent;
SET client_min_messages = error;
ALTER SUBSCRIPTION regress_contauth_subscription SET (slot_name = NONE);
DROP SUBSCRIPTION regress_contauth_subscription;
DROP FOREIGN DATA WRAPPER regress_contauth_wrapper CASCADE;
RESET client_min_messages;
\set ECHO none
\i :teardown
