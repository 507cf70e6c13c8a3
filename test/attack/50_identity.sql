-- Identity and what is enforced: no road leads out of it.

-- case: no token
-- expect: denied 28000
-- as: nobody
SELECT ssn FROM app.customer;

-- case: no token, a catalog
-- expect: denied 28000
-- as: nobody
SELECT * FROM pg_class;

-- case: no token, a harmless function
-- expect: any
-- as: nobody
SELECT lower('X'), contauth.whoami();

-- case: no token, a write
-- expect: denied 28000
-- as: nobody
INSERT INTO app.pad VALUES (980, 'nobody', 1);

-- case: no token, DDL
-- expect: denied 42501 28000
-- as: nobody
CREATE TABLE own.mine (id int);

-- case: no token, COPY
-- expect: denied 28000
-- as: nobody
COPY app.pad TO STDOUT;

-- case: no token, a function that lies about being immutable
-- expect: denied 28000
-- as: nobody
SELECT app.pl_immutable();

-- case: no token, folded by EXPLAIN
-- expect: denied 28000
-- as: nobody
EXPLAIN SELECT app.pl_immutable();

-- case: no token, inside a function of a superuser
-- expect: denied 28000
-- as: nobody
SELECT app.super_ssn();

-- case: no token, CALL
-- expect: denied 28000
-- as: nobody
CALL app.proc('');

-- case: no token, fast path
-- expect: denied 28000 42501
-- as: nobody
-- via: fastpath
${app_sql_scalar} 2;

-- case: no token, LISTEN
-- expect: denied 28000
-- as: nobody
LISTEN open;

-- case: no token, a cast of constants
-- expect: any
-- as: nobody
SELECT 'x'::own.loud, 'app.vault'::regclass;

-- case: no token, a domain's check
-- expect: denied 28000
-- as: nobody
SELECT own.leak('x'::text);

-- case: nonsense for a token
-- expect: denied 28000
SET contauth.token = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzcGlmZmU6Ly9hY21lLmV4YW1wbGUvYWdlbnQvc3VwcG9ydC9hIn0.';
SELECT ssn FROM app.customer;

-- case: SET ROLE to the owner
-- expect: denied 42501
SET ROLE regress_contauth_owner;

-- case: SET ROLE to a permitted role changes nothing
-- expect: denied 42501
SET ROLE regress_contauth_team;
SELECT notes FROM app.customer;

-- case: SET LOCAL ROLE, SET SESSION AUTHORIZATION
-- expect: denied 42501
SET SESSION AUTHORIZATION regress_contauth_human;

-- case: SET SESSION AUTHORIZATION by a superuser's function
-- expect: denied 42501
SELECT app.super_do('SET SESSION AUTHORIZATION regress_contauth_human');

-- case: SET ROLE by a superuser's function
-- expect: denied 42501 42P17 22023
SELECT app.super_do('SET ROLE regress_contauth_owner');

-- case: set_config of role
-- expect: denied 42501
SELECT set_config('role', 'regress_contauth_owner', false);

-- case: set_config of a computed name
-- expect: denied 42501
SELECT set_config('ro' || lower('LE'), 'regress_contauth_owner', false) FROM app.pad;

-- case: set_config of the token next to data
-- expect: denied 42501 0A000
SELECT set_config('contauth.token', '', true), ssn FROM app.customer;

-- case: set_config in a function
-- expect: denied 42501
SELECT app.super_run('SELECT set_config(''contauth.mode'', ''off'', false)');

-- case: UPDATE pg_settings
-- expect: denied 42501
UPDATE pg_settings SET setting = 'off' WHERE name = 'contauth.mode';

-- case: RESET ROLE, RESET SESSION AUTHORIZATION, SET ROLE NONE
-- expect: last denied 42501
-- autocommit
RESET ROLE;
RESET SESSION AUTHORIZATION;
SET ROLE NONE;
SELECT notes FROM app.customer;

-- case: RESET ALL
-- expect: last denied 28000 42501
-- autocommit
RESET ALL;
SELECT notes FROM app.customer;

-- case: DISCARD in all its forms
-- expect: last denied 28000 42501
-- autocommit
DISCARD PLANS;
DISCARD SEQUENCES;
DISCARD TEMP;
DISCARD ALL;
SELECT notes FROM app.customer;

-- case: contauth.mode
-- expect: denied 42501
SET contauth.mode = 'off';

-- case: contauth.mode by a superuser's function
-- expect: denied 42501
SELECT app.super_do('SET contauth.mode = ''off''');

-- case: contauth.audience
-- expect: error 42501 55P02
SET contauth.audience = 'x';

-- case: contauth.identity_scope
-- expect: denied 42501
SET contauth.identity_scope = 'session';

-- case: contauth.audit_durability, explain_denials
-- expect: denied 42501
SET contauth.audit_durability = 'async';

-- case: an unknown setting of contauth
-- expect: error 42602 42704
SET contauth.trusted = 'on';

-- case: self-asserted context carries no power
-- expect: denied 42501
SET contauth.purpose = 'admin';
SET contauth.task_id = 'x';
SELECT notes FROM app.customer;

-- case: session_preload_libraries and friends
-- expect: denied 42501 55P02
SET session_preload_libraries = '';

-- case: local_preload_libraries, too late for the session
-- expect: any
SET local_preload_libraries = 'auto_explain';

-- case: dynamic_library_path
-- expect: denied 42501
SET dynamic_library_path = '/tmp';

-- case: row_security off
-- expect: last any
-- autocommit
SET row_security = off;
SELECT body FROM app.guarded;

-- case: search_path cannot fool policies
-- expect: allowed
-- shows: 002
SET LOCAL search_path = own, app, pg_catalog;
SELECT ssn FROM customer WHERE tenant = 'acme';

-- case: settings that change parsing
-- expect: allowed
-- shows: 002
SET LOCAL standard_conforming_strings = off;
SET LOCAL quote_all_identifiers = on;
SET LOCAL transform_null_equals = on;
SET LOCAL array_nulls = off;
SET LOCAL TimeZone = 'Pacific/Apia';
SET LOCAL lc_numeric = 'C';
SELECT ssn FROM app.customer;

-- case: planner settings
-- expect: allowed
-- shows: 002
SET LOCAL from_collapse_limit = 1;
SET LOCAL join_collapse_limit = 1;
SET LOCAL geqo_threshold = 2;
SET LOCAL constraint_exclusion = on;
SET LOCAL jit = on;
SET LOCAL jit_above_cost = 0;
SELECT a.ssn FROM app.customer AS a, app.customer AS b, app.customer AS c WHERE a.id = b.id AND b.id = c.id;

-- case: mode as an option of the connection
-- expect: fatal
-- connect: options=-ccontauth.mode=off
SELECT ssn FROM app.customer;

-- case: mode as a parameter of the connection
-- expect: fatal
-- connect: contauth.mode=off
SELECT ssn FROM app.customer;

-- case: session_preload_libraries as a parameter of the connection
-- expect: fatal
-- connect: session_preload_libraries=
SELECT ssn FROM app.customer;

-- case: session_replication_role as a parameter of the connection
-- expect: fatal
-- connect: session_replication_role=replica
SELECT ssn FROM app.customer;

-- case: a role as a parameter of the connection
-- expect: denied 42501
-- connect: role=regress_contauth_owner
SELECT notes FROM app.customer;

-- case: what was cached under an identity, without one
-- expect: last denied 28000
-- autocommit
SELECT app.pl_ssn();
SELECT app.sql_immutable(), app.pl_immutable(), app.definer_ssn();
SET contauth.token = '';
SELECT app.sql_immutable(), app.pl_immutable(), app.definer_ssn();

-- case: exit_on_error
-- expect: denied 42501
SET exit_on_error = on;
SELECT notes FROM app.customer;

-- case: role of the connection
-- expect: any
SELECT current_user, session_user;

-- case: authenticate() as another agent inside a statement that reads
-- expect: denied 42501 0A000
SELECT contauth.authenticate('${other_token}'), ssn FROM app.customer;

-- case: authenticate() in a function's statement
-- expect: denied 42501 0A000
SELECT app.pl_run('SELECT contauth.authenticate(''${other_token}'')');

-- case: SET token in a function
-- expect: denied 42501
SELECT app.pl_run('SET contauth.token = ''x''');

-- case: whoami, claim, attribute
-- expect: allowed
-- rows: spiffe://acme.example/agent/support/a|acme|
SELECT contauth.whoami() ->> 'agent', contauth.claim('tenant'), contauth.attribute('x');

-- case: forged claim
-- expect: allowed
-- rows: acme
SET LOCAL contauth.purpose = '{"tenant": "globex"}';
SELECT contauth.claim('tenant');

-- case: a function of the agent's own named claim
-- expect: allowed
-- rows: 10
SET LOCAL search_path = own, pg_catalog;
SELECT count(*) FROM app.customer;

-- case: SHOW token
-- expect: allowed
SHOW contauth.token;

-- case: current_setting of the token
-- expect: allowed
SELECT current_setting('contauth.token');

-- case: policies written directly
-- expect: denied 42501
INSERT INTO contauth.policy (name, effect) VALUES ('mine', 'permit');

-- case: policies altered directly
-- expect: denied 42501
UPDATE contauth.policy SET masks = '{}';

-- case: policies deleted directly
-- expect: denied 42501
DELETE FROM contauth.policy;

-- case: policies copied in
-- expect: denied 42501
-- copy: x
COPY contauth.policy (name) FROM STDIN;

-- case: policies read
-- expect: any
SELECT name FROM contauth.policy;

-- case: create_policy
-- expect: denied 42501
SELECT contauth.create_policy('mine', 'permit');

-- case: drop_policy
-- expect: denied 42501
SELECT contauth.drop_policy('customers');

-- case: alter_policy, enable_policy, apply_policies, rollback_policies
-- expect: denied 42501
SELECT contauth.enable_policy('customers', false);

-- case: apply_policies
-- expect: denied 42501
SELECT contauth.apply_policies('{"policies": []}');

-- case: register_agent
-- expect: denied 42501
SELECT contauth.register_agent('spiffe://acme.example/agent/x', '{regress_contauth_agent}', 'x');

-- case: add_issuer
-- expect: denied 42501
SELECT contauth.add_issuer('https://x', 'x.example', '{"keys": []}');

-- case: unenroll_role
-- expect: denied 42501
SELECT contauth.unenroll_role('regress_contauth_agent');

-- case: unenroll_role by a superuser's function
-- expect: denied 42501
SELECT app.super_do('SELECT contauth.unenroll_role(''regress_contauth_agent'')');

-- case: classification
-- expect: denied 42501
UPDATE contauth.classification SET sensitivity = 0;

-- case: agents
-- expect: denied 42501
SELECT * FROM contauth.agent;

-- case: issuers by a superuser's function
-- expect: denied 42501
SELECT app.super_run('UPDATE contauth.issuer SET jwks = ''{}'' RETURNING issuer');

-- case: pg_seclabel written
-- expect: denied 42501
DELETE FROM pg_seclabel;

-- case: catalogs written by a superuser's function
-- expect: denied 42501
SELECT app.super_run('UPDATE pg_authid SET rolsuper = true RETURNING rolname');

-- case: another agent of the same role sees its own tenant only
-- expect: allowed
-- as: other
-- rows: 0
SELECT count(*) FROM app.customer WHERE tenant = 'acme';

-- case: a record of another agent's
-- expect: allowed
-- rows: t
SELECT contauth.my_decision(gen_random_uuid()) IS NULL;

-- case: attributes and claims of nobody
-- expect: any
-- as: nobody
SELECT contauth.claim('tenant'), contauth.attribute('x');

-- case: nobody in a pipeline
-- expect: denied 28000
-- as: nobody
-- via: pipeline
SELECT 1;
SELECT ssn FROM app.customer;

-- case: nobody by cursors and prepared statements
-- expect: denied 28000
-- as: nobody
-- via: simple portal prepared
SELECT ssn FROM app.customer;

-- case: nobody writes
-- expect: denied 28000
-- as: nobody
DELETE FROM app.pad;

-- case: nobody in a sub-select of a harmless function
-- expect: denied 28000
-- as: nobody
SELECT lower((SELECT max(ssn) FROM app.customer));

-- case: nobody by query_to_xml
-- expect: denied 28000
-- as: nobody
SELECT query_to_xml('SELECT * FROM app.customer', true, false, '');

-- case: nobody by whoami and a sub-select
-- expect: denied 28000
-- as: nobody
SELECT contauth.whoami(), (SELECT max(ssn) FROM app.customer);

-- case: nobody by set_config and a sub-select
-- expect: denied 28000 42501
-- as: nobody
SELECT set_config('application_name', (SELECT max(ssn) FROM app.customer), false);

-- case: a token set within a sub-transaction, rolled back
-- expect: last denied 28000
-- as: nobody
-- autocommit
BEGIN;
SAVEPOINT a;
SET LOCAL contauth.token = '${token}';
ROLLBACK TO a;
SELECT ssn FROM app.customer;
