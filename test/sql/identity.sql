-- Who a session is: tokens that are accepted, tokens that are not, and what
-- remains of a token afterwards (nothing).
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\set ECHO all

SELECT contauth.register_agent('spiffe://acme.test/agent/root', '{regress_contauth_other}', 'carol', 5);
\c - regress_contauth_agent
--
-- without a token, and with one
--
SELECT contauth.whoami();
SELECT 1;
:state
SET contauth.token = :'token_support';
SELECT contauth.whoami() - 'chain' - 'expires_at' AS whoami,
       (contauth.whoami() ->> 'expires_at')::timestamptz > '2099-12-31' AS long;
SELECT contauth.whoami() -> 'chain' -> 0 ->> 'principal' AS principal,
       contauth.whoami() -> 'chain' -> 0 ->> 'kind' AS kind,
       contauth.whoami() -> 'chain' -> 0 ->> 'issuer' AS issuer;
SELECT contauth.claim('tenant'), contauth.claim('jti'), contauth.claim('nothing'),
       contauth.attribute('region'), contauth.attribute('nothing');
SELECT 1 AS allowed;
-- ES256
SET contauth.token = :'token_support_ec';
SELECT contauth.whoami() ->> 'agent' AS agent;
-- without a key ID (JWT-SVID, section 2.2: it is optional)
SET contauth.token = :'token_support_no_kid';
SELECT contauth.whoami() ->> 'agent' AS agent;
RESET contauth.token;
SELECT contauth.whoami() ->> 'agent' AS agent;

--
-- tokens that are refused: nothing changes
--
SET contauth.token = :'token_support_purpose';
SELECT contauth.claim('jti') AS before;
-- correctly signed, but not acceptable
SET contauth.token = :'token_expired';
:state
SET contauth.token = :'token_not_yet_valid';
:state
SET contauth.token = :'token_wrong_audience';
:state
SET contauth.token = :'token_near_audience';
:state
SET contauth.token = :'token_unknown_domain';
:state
SET contauth.token = :'token_unregistered';
:state
-- of an agent that is registered for another database role
SET contauth.token = :'token_root';
:state
-- malformed, or not signed by the issuer
SET contauth.token = :'bad_word';
:state
SET contauth.token = :'bad_dots';
:state
SET contauth.token = :'bad_two_parts';
:state
SET contauth.token = :'bad_four_parts';
:state
SET contauth.token = :'bad_no_signature';
:state
SET contauth.token = :'bad_padded';
:state
SET contauth.token = :'bad_loose_bits';
:state
SET contauth.token = :'bad_plain_base64';
:state
SET contauth.token = :'bad_space';
:state
SET contauth.token = :'bad_newline';
:state
SET contauth.token = :'bad_header_text';
:state
SET contauth.token = :'bad_header_array';
:state
SET contauth.token = :'bad_payload_text';
:state
SET contauth.token = :'bad_payload_array';
:state
SET contauth.token = :'bad_payload_cut';
:state
SET contauth.token = :'bad_payload_latin1';
:state
SET contauth.token = :'bad_payload_twice';
:state
SET contauth.token = :'bad_header_twice';
:state
SET contauth.token = :'bad_deep';
:state
SET contauth.token = :'bad_alg_none';
:state
SET contauth.token = :'bad_alg_none_signed';
:state
SET contauth.token = :'bad_alg_hmac';
:state
SET contauth.token = :'bad_alg_missing';
:state
SET contauth.token = :'bad_alg_number';
:state
SET contauth.token = :'bad_alg_of_other_key';
:state
SET contauth.token = :'bad_kid_empty';
:state
SET contauth.token = :'bad_kid_unknown';
:state
SET contauth.token = :'bad_typ_other';
:state
SET contauth.token = :'bad_crit';
:state
SET contauth.token = :'bad_jku';
:state
SET contauth.token = :'bad_jwk';
:state
SET contauth.token = :'bad_sub_missing';
:state
SET contauth.token = :'bad_sub_number';
:state
SET contauth.token = :'bad_sub_no_spiffe';
:state
SET contauth.token = :'bad_sub_no_path';
:state
SET contauth.token = :'bad_sub_upper_case';
:state
SET contauth.token = :'bad_sub_dots';
:state
SET contauth.token = :'bad_aud_missing';
:state
SET contauth.token = :'bad_aud_number';
:state
SET contauth.token = :'bad_aud_empty';
:state
SET contauth.token = :'bad_exp_missing';
:state
SET contauth.token = :'bad_exp_text';
:state
SET contauth.token = :'bad_exp_negative';
:state
SET contauth.token = :'bad_signature_flipped';
:state
SET contauth.token = :'bad_signature_of_other';
:state
SET contauth.token = :'bad_signed_by_stranger';
:state
SET contauth.token = :'bad_signature_der';
:state
-- oversize
\set oversize `printf 'a%.0s' $(seq 1 20000)`
SET contauth.token = :'oversize';
:state
SELECT contauth.claim('jti') AS after;

-- the same through authenticate()
SELECT contauth.authenticate(:'bad_word');
:state
SELECT contauth.authenticate(:'bad_alg_none');
:state
SELECT contauth.authenticate(:'bad_signed_by_stranger');
:state
SELECT contauth.authenticate(:'token_expired');
:state
SELECT contauth.authenticate(NULL);
:state
SELECT contauth.authenticate('');
:state
SELECT contauth.authenticate(:'token_support', '[]');
:state
SELECT contauth.claim('jti') AS after;
-- and through set_config()
SELECT set_config('contauth.token', :'bad_word', false);
:state
SELECT set_config('contauth.token', :'token_expired', true);
:state
SELECT contauth.claim('jti') AS after;

--
-- a token comes with the connection: judged at the first statement
--
\set conninfo 'dbname=contrib_regression user=regress_contauth_agent options=''-c contauth.token='
\set startup :conninfo :token_support ''''
\c :startup
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT 1 AS allowed;
\set startup_expired :conninfo :token_expired ''''
\c :startup_expired
SELECT contauth.whoami() ->> 'agent' AS agent, contauth.whoami() ->> 'reason' AS reason;
SELECT 1;
:state
\set plain 'dbname=contrib_regression user=regress_contauth_agent'
\c :plain
SELECT contauth.whoami() ->> 'agent' AS agent;

--
-- authenticate(): for the session outside a transaction, else for the transaction
--
SELECT contauth.authenticate(:'token_support') ->> 'agent' AS agent;
SELECT contauth.claim('jti');
BEGIN;
SELECT contauth.authenticate(:'token_support_globex') ->> 'agent' AS agent;
SELECT contauth.claim('jti');
COMMIT;
SELECT contauth.claim('jti');
BEGIN;
SELECT contauth.authenticate(:'token_support_globex') ->> 'agent' AS agent;
ROLLBACK;
SELECT contauth.claim('jti');
RESET contauth.token;
BEGIN;
SELECT contauth.authenticate(:'token_support_globex') ->> 'agent' AS agent;
SELECT 1 AS allowed;
COMMIT;
SELECT 1;
:state
-- with a bind parameter
PREPARE login(text) AS SELECT contauth.authenticate($1) ->> 'agent' AS agent;
:state
SELECT contauth.authenticate(:'token_support') ->> 'agent' AS agent;
PREPARE login(text) AS SELECT contauth.authenticate($1) ->> 'agent' AS agent;
EXECUTE login(:'token_support_globex');
SELECT contauth.claim('jti');
DEALLOCATE login;

--
-- SET LOCAL, savepoints, RESET ALL, DISCARD ALL
--
SET contauth.token = :'token_support';
BEGIN;
SET LOCAL contauth.token = :'token_support_globex';
SELECT contauth.claim('jti');
COMMIT;
SELECT contauth.claim('jti');
BEGIN;
SAVEPOINT s;
SET contauth.token = :'token_support_globex';
SELECT contauth.claim('jti');
ROLLBACK TO s;
SELECT contauth.claim('jti');
SAVEPOINT s2;
SET contauth.token = :'bad_word';
:state
ROLLBACK TO s2;
SELECT contauth.claim('jti');
SET contauth.token = :'token_support_globex';
ROLLBACK;
SELECT contauth.claim('jti');
RESET ALL;
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT 1;
:state
SET contauth.token = :'token_support';
DISCARD ALL;
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT 1;
:state
-- also a token that came with the connection
\c :startup
SELECT contauth.whoami() ->> 'agent' AS agent;
DISCARD ALL;
SELECT contauth.whoami() ->> 'agent' AS agent;
SELECT 1;
:state
\c :startup
RESET ALL;
SELECT contauth.whoami() ->> 'agent' AS agent;
\c :startup
RESET contauth.token;
SELECT contauth.whoami() ->> 'agent' AS agent;
\c :plain
-- SET TO DEFAULT
SET contauth.token = :'token_support';
SET contauth.token TO DEFAULT;
SELECT contauth.whoami() ->> 'agent' AS agent;

--
-- redaction: a token never comes back
--
SET contauth.token = :'token_support';
SELECT 'sha256:' || encode(sha256(convert_to(:'token_support', 'UTF8')), 'hex') AS digest
\gset
-- SHOW: lines with the digest, lines with anything of the token
\o | grep -c sha256:
SHOW contauth.token;
\o | grep -c eyJ
SHOW contauth.token;
\o
SELECT current_setting('contauth.token') = :'digest' AS shows_digest;
SELECT set_config('contauth.token', :'token_support', false) = :'digest' AS returns_digest;
SELECT count(*) FROM pg_settings
 WHERE concat(setting, boot_val, reset_val) LIKE '%' || right(:'token_support', 20) || '%';
SELECT count(*) FROM pg_catalog.pg_show_all_settings() AS s
 WHERE s::text LIKE '%' || right(:'token_support', 20) || '%';
\o | grep -c contauth.token
SHOW ALL;
\o

--
-- a token is never stored
--
\c - :superuser
ALTER ROLE regress_contauth_agent SET contauth.token = :'token_support';
:state
ALTER ROLE ALL SET contauth.token = :'token_support';
:state
ALTER DATABASE contrib_regression SET contauth.token = :'token_support';
:state
ALTER ROLE regress_contauth_agent IN DATABASE contrib_regression SET contauth.token = :'token_support';
:state
ALTER SYSTEM SET contauth.token = :'token_support';
:state
CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SET contauth.token = :'token_support' AS 'SELECT 1';
:state
SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%contauth.token%';
SELECT count(*) FROM pg_proc WHERE proconfig::text LIKE '%contauth.token%';

--
-- the registry: suspended, resumed, retired, expired, keys taken away
--
SELECT contauth.suspend_agent('spiffe://acme.test/agent/support', 'test');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
:state
SELECT contauth.whoami() ->> 'agent' AS agent;
\c - :superuser
SELECT contauth.resume_agent('spiffe://acme.test/agent/support', 'test');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT contauth.whoami() ->> 'agent' AS agent;
\c - :superuser
UPDATE contauth.agent SET expires_at = '2001-01-01' WHERE spiffe_id = 'spiffe://acme.test/agent/support';
\c - regress_contauth_agent
SET contauth.token = :'token_support';
:state
\c - :superuser
UPDATE contauth.agent SET expires_at = 'infinity' WHERE spiffe_id = 'spiffe://acme.test/agent/support';
SELECT contauth.set_issuer_keys('https://issuer.acme.test', '{"keys": []}');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
:state
SELECT contauth.whoami() ->> 'agent' AS agent;
\c - :superuser
SELECT contauth.set_issuer_keys('https://issuer.acme.test', :'jwks');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
SELECT contauth.whoami() ->> 'agent' AS agent;
\c - :superuser
SELECT contauth.remove_issuer('https://issuer.acme.test');
\c - regress_contauth_agent
SET contauth.token = :'token_support';
:state
\c - :superuser
SELECT contauth.add_issuer('https://issuer.acme.test', 'acme.test', :'jwks');
SELECT contauth.retire_agent('spiffe://acme.test/agent/support', 'test');
SELECT contauth.resume_agent('spiffe://acme.test/agent/support', 'test');
:state
\c - regress_contauth_agent
SET contauth.token = :'token_support';
:state
\c - :superuser

-- within one session: registration is looked at again at every statement
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
SELECT contauth.whoami() ->> 'agent' AS agent;
PREPARE kept AS SELECT 1 AS allowed;
EXECUTE kept;
RESET contauth.token;
RESET SESSION AUTHORIZATION;
SELECT contauth.suspend_agent('spiffe://acme.test/agent/other', 'test');
SET SESSION AUTHORIZATION regress_contauth_other;
SET contauth.token = :'token_other';
:state
EXECUTE kept;
:state
RESET SESSION AUTHORIZATION;
SELECT contauth.resume_agent('spiffe://acme.test/agent/other', 'test');
SET SESSION AUTHORIZATION regress_contauth_other;
EXECUTE kept;
:state
SET contauth.token = :'token_other';
EXECUTE kept;
RESET contauth.token;
RESET SESSION AUTHORIZATION;

--
-- bad arguments of the administration functions: refused, nothing changed
--
SELECT contauth.add_issuer(NULL, 'acme.test', :'jwks');
:state
SELECT contauth.add_issuer('x', NULL, :'jwks');
:state
SELECT contauth.add_issuer('x', 'acme.test', NULL);
:state
SELECT contauth.add_issuer('x', 'Not A Domain', :'jwks');
:state
SELECT contauth.add_issuer('x', 'x.test', '{"keys": 7}');
:state
SELECT contauth.add_issuer('x', 'x.test', '{"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}');
:state
SELECT contauth.add_issuer('https://issuer.acme.test', 'acme.test', :'jwks');
:state
SELECT contauth.set_issuer_keys('nobody', :'jwks');
:state
SELECT contauth.set_issuer_keys('https://issuer.acme.test', '[]');
:state
SELECT contauth.remove_issuer('nobody');
:state
SELECT contauth.register_agent('not-a-spiffe-id', '{regress_contauth_agent}', 'alice');
:state
SELECT contauth.register_agent('spiffe://acme.test/x', '{}', 'alice');
:state
SELECT contauth.register_agent('spiffe://acme.test/x', '{regress_contauth_nobody}', 'alice');
:state
SELECT contauth.register_agent('spiffe://acme.test/x', '{regress_contauth_agent}', NULL);
:state
SELECT contauth.register_agent('spiffe://acme.test/x', '{regress_contauth_agent}', 'alice', 6);
:state
SELECT contauth.register_agent('spiffe://acme.test/x', '{regress_contauth_agent}', 'alice', 1, '[]');
:state
SELECT contauth.register_agent('spiffe://acme.test/agent/other', '{regress_contauth_agent}', 'alice');
:state
SELECT contauth.suspend_agent('spiffe://acme.test/x', 'test');
:state
SELECT contauth.suspend_agent('spiffe://acme.test/agent/other', NULL);
:state
SELECT issuer, trust_domain, jwks = :'jwks' AS same_keys FROM contauth.issuer;
SELECT spiffe_id, db_roles, owner, autonomy, attributes, state, expires_at
  FROM contauth.agent ORDER BY spiffe_id;

\set ECHO none
\i :teardown
