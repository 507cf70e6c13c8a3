-- Who is refused what: every administration function to a plain role and to an
-- agent, with and without an identity; every change of the audit to everybody.
\ir ../keys/tokens.sql
SET client_min_messages = error;
SELECT no_plan();

-- until the audit worker has found its tables, agents can do nothing
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
CREATE ROLE regress_contauth_plain LOGIN;
CREATE TABLE public.calls (name text, call text, granted text);
INSERT INTO public.calls VALUES
	('enroll_role', $$SELECT contauth.enroll_role('regress_contauth_plain')$$, 'contauth_admin'),
	('unenroll_role', $$SELECT contauth.unenroll_role('regress_contauth_agent')$$, 'contauth_admin'),
	('add_issuer', $$SELECT contauth.add_issuer('https://evil.test', 'evil.test', '{"keys": []}')$$, 'contauth_admin'),
	('set_issuer_keys', $$SELECT contauth.set_issuer_keys('https://issuer.acme.test', '{"keys": []}')$$, 'contauth_admin'),
	('remove_issuer', $$SELECT contauth.remove_issuer('https://issuer.acme.test')$$, 'contauth_admin'),
	('add_trust_bundle', $$SELECT contauth.add_trust_bundle('evil.test', '-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUen1HkMuGNuTvSdXo1vYj/ktsGBwwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQwNTM4MzVaGA8yMTI2MTAzMTA1Mzgz
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHqD
LPj38Qe9NhYaiGPdfFldMX5dyLg8hAxiF4WwKZGw6jwoAqPF3mi4w0XPI/Q5/7mV
bBZWJFrmU+K7fHg8aOmjYzBhMB0GA1UdDgQWBBQMFGznnkH4d1sVyp6OLPisTO1f
1jAfBgNVHSMEGDAWgBQMFGznnkH4d1sVyp6OLPisTO1f1jAPBgNVHRMBAf8EBTAD
AQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNIADBFAiEArBDQNiROI0kt
lZIl6vfwJCqNqoP3jlro4b3eUJSwu+QCICRLIdO05fT7G+s9mY0PN7aTg+HzL6LA
nLZUfQvBelPZ
-----END CERTIFICATE-----')$$, 'contauth_admin'),
	('set_principal', $$SELECT contauth.set_principal('regress_contauth_plain', 'spiffe://acme.test/ann')$$, 'contauth_admin'),
	('unset_principal', $$SELECT contauth.unset_principal('regress_contauth_plain', 'spiffe://acme.test/ann')$$, 'contauth_admin'),
	('evaluate', $$SELECT contauth.evaluate('{"subject": {"type": "agent", "id": "spiffe://acme.test/agent/gone"}, "action": {"name": "call"}, "resource": {"type": "tool", "id": "x"}}')$$, 'contauth_admin'),
	('evaluations', $$SELECT contauth.evaluations('{"subject": {"type": "agent", "id": "spiffe://acme.test/agent/gone"}, "action": {"name": "call"}, "resource": {"type": "tool", "id": "x"}}')$$, 'contauth_admin'),
	('who_can', $$SELECT contauth.who_can('select', 'public.calls')$$, 'contauth_auditor'),
	('what_can', $$SELECT contauth.what_can('spiffe://acme.test/agent/support')$$, 'contauth_auditor'),
	('approve', $$SELECT contauth.approve('00000000-0000-7000-8000-000000000000', 'why not')$$, 'contauth_approver'),
	('reject', $$SELECT contauth.reject('00000000-0000-7000-8000-000000000000', 'why not')$$, 'contauth_approver'),
	('remove_trust_bundle', $$SELECT contauth.remove_trust_bundle('gone.test')$$, 'contauth_admin'),
	('alter_agent', $$SELECT contauth.alter_agent('spiffe://acme.test/agent/support', '{"autonomy": 5}')$$, 'contauth_admin'),
	('add_agent_key', $$SELECT contauth.add_agent_key('spiffe://acme.test/agent/support', '{"kty": "OKP", "crv": "Ed25519", "x": "hbbeyooSVGSpSqyKD7jaTl9Hzkn3_2eB-KCxbYWEHR8", "kid": "x"}')$$, 'contauth_admin'),
	('remove_agent_key', $$SELECT contauth.remove_agent_key('spiffe://acme.test/agent/support', 'gone')$$, 'contauth_admin'),
	('jwk_thumbprint', $$SELECT contauth.jwk_thumbprint('{}')$$, NULL),
	('check_agent_arguments', $$SELECT contauth.check_agent_arguments(NULL, NULL, NULL, NULL, NULL)$$, NULL),
	('register_agent', $$SELECT contauth.register_agent('spiffe://acme.test/agent/new', '{regress_contauth_agent}', 'x')$$, 'contauth_admin'),
	('suspend_agent', $$SELECT contauth.suspend_agent('spiffe://acme.test/agent/support', 'x')$$, 'contauth_admin'),
	('resume_agent', $$SELECT contauth.resume_agent('spiffe://acme.test/agent/support', 'x')$$, 'contauth_admin'),
	('retire_agent', $$SELECT contauth.retire_agent('spiffe://acme.test/agent/support', 'x')$$, 'contauth_admin'),
	('set_agent_state', $$SELECT contauth.set_agent_state('spiffe://acme.test/agent/support', 'retired', 'x')$$, NULL),
	('revoke', $$SELECT contauth.revoke('agent', 'spiffe://acme.test/agent/gone', 'x')$$, 'contauth_admin'),
	('unrevoke', $$SELECT contauth.unrevoke('agent', 'spiffe://acme.test/agent/gone', 'x')$$, 'contauth_admin'),
	('revocation_id', $$SELECT contauth.revocation_id('agent', 'spiffe://acme.test/agent/gone')$$, NULL),
	('kill_switch', $$SELECT contauth.kill_switch(false, 'x')$$, 'contauth_admin'),
	('break_glass', $$SELECT contauth.break_glass('spiffe://acme.test/agent/support', 'x', '1 second')$$, 'contauth_admin'),
	('close_break_glass', $$SELECT contauth.close_break_glass('00000000-0000-7000-8000-000000000001', 'x')$$, 'contauth_admin'),
	('review_break_glass', $$SELECT contauth.review_break_glass('00000000-0000-7000-8000-000000000001', 'x')$$, 'contauth_admin'),
	('announce_break_glass', $$SELECT contauth.announce_break_glass('x', NULL, 'x')$$, NULL),
	('check_break_glass_text', $$SELECT contauth.check_break_glass_text('x', 'x')$$, NULL),
	('create_policy', $$SELECT contauth.create_policy('regress_mine', 'permit')$$, 'contauth_admin'),
	('alter_policy', $$SELECT contauth.alter_policy('regress_policy', '{"description": "x"}')$$, 'contauth_admin'),
	('enable_policy', $$SELECT contauth.enable_policy('regress_policy', true)$$, 'contauth_admin'),
	('drop_policy', $$SELECT contauth.drop_policy('regress_policy')$$, 'contauth_admin'),
	('apply_policies', $$SELECT contauth.apply_policies(contauth.export_policies(), true)$$, 'contauth_admin'),
	('rollback_policies', $$SELECT contauth.rollback_policies((SELECT max(version) FROM contauth.policy_version))$$, 'contauth_admin'),
	('export_policies', $$SELECT contauth.export_policies()$$, 'contauth_admin'),
	('replace_policy', $$SELECT contauth.replace_policy('regress_policy', NULL)$$, NULL),
	('replace_policies', $$SELECT contauth.replace_policies('{}', true)$$, NULL),
	('conclude_replacement', $$SELECT contauth.conclude_replacement('x', 'x', '[]', true)$$, NULL),
	('policy_fields', $$SELECT contauth.policy_fields(NULL)$$, NULL),
	('policy_of_fields', $$SELECT contauth.policy_of_fields('{}')$$, NULL),
	('policy_key', $$SELECT contauth.policy_key('{*}', '{*}')$$, NULL),
	('require_arguments', $$SELECT contauth.require_arguments('{}')$$, NULL),
	('export', $$SELECT count(*) FROM contauth_audit.export(1, 1)$$, 'contauth_auditor'),
	('export_checkpoints', $$SELECT count(*) FROM contauth_audit.export_checkpoints()$$, 'contauth_auditor'),
	('sensitivity_of', $$SELECT contauth_audit.sensitivity_of('[]')$$, 'contauth_auditor'),
	('find_unused_permissions', $$SELECT count(*) FROM contauth_audit.find_unused_permissions('1 day')$$, 'contauth_auditor'),
	('is_signed', $$SELECT contauth_audit.is_signed()$$, 'contauth_auditor'),
	('spool_read', $$SELECT count(*) FROM contauth_audit.spool_read(1)$$, 'contauth_auditor'),
	('spool_release', $$SELECT contauth_audit.spool_release()$$, 'contauth_auditor'),
	('carry', $$SELECT contauth_audit.carry('00000000-0000-7000-8000-000000000000', 1, 0, '{}')$$, NULL),
	('record_admin_event', $$SELECT contauth_audit.record_admin_event('x', 'x', NULL)$$, NULL),
	('attach', $$SELECT contauth_audit.attach()$$, NULL),
	('verify', $$SELECT ok FROM contauth_audit.verify()$$, 'contauth_auditor'),
	('sync', $$SELECT contauth_audit.sync()$$, 'contauth_auditor'),
	('decision', $$SELECT count(*) FROM contauth_audit.decision$$, 'contauth_auditor'),
	('denials', $$SELECT count(*) FROM contauth_audit.denials$$, 'contauth_auditor'),
	('drop_before', $$SELECT contauth_audit.drop_before('2000-01-01', 'x')$$, NULL),
	('retention', $$SELECT count(*) FROM contauth_audit.retention$$, 'contauth_auditor'),
	('findings', $$SELECT count(*) FROM contauth_audit.findings$$, 'contauth_auditor'),
	('find', $$SELECT count(*) FROM contauth_audit.find('1 day', '1 day')$$, 'contauth_auditor'),
	('find_unsigned', $$SELECT count(*) FROM contauth_audit.find_unsigned('1 day')$$, 'contauth_auditor'),
	('ocsf', $$SELECT count(*) FROM contauth_audit.ocsf$$, 'contauth_auditor'),
	('control_mapping', $$SELECT count(*) FROM contauth_audit.control_mapping$$, 'contauth_auditor'),
	('admin_event', $$SELECT count(*) FROM contauth_audit.admin_event$$, 'contauth_auditor'),
	('break_glass_reviews', $$SELECT count(*) FROM contauth_audit.break_glass_reviews$$, 'contauth_auditor'),
	('break_glass_grant', $$UPDATE contauth.break_glass_grant SET ends_at = opened_at + interval '8 hours'$$, NULL),
	('revocation', $$DELETE FROM contauth.revocation$$, NULL),
	('kill_switch_state', $$UPDATE contauth.kill_switch_state SET active = false$$, NULL),
	('policy', $$UPDATE contauth.policy SET enabled = false$$, NULL),
	('agent', $$UPDATE contauth.agent SET state = 'active'$$, NULL),
	('issuer', $$DELETE FROM contauth.issuer$$, NULL),
	('agent_key', $$INSERT INTO contauth.agent_key (spiffe_id, kid, jwk) VALUES ('x', 'x', '{}')$$, NULL),
	('trust_bundle', $$DELETE FROM contauth.trust_bundle$$, NULL),
	('secret', $$SELECT key FROM contauth.secret$$, NULL),
	('classification', $$UPDATE contauth.classification SET sensitivity = 0$$, 'contauth_admin'),
	('label', $$SECURITY LABEL FOR contauth ON COLUMN public.calls.name IS 'public'$$, NULL);
GRANT ALL ON public.calls TO PUBLIC;

-- none is left out: a new function has to be put here, or among those that are for
-- everybody and give nothing to who has no identity
SELECT is(array_agg(p.oid::regprocedure::text ORDER BY 1), NULL, 'every function is tried')
  FROM pg_proc p
 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND p.prorettype <> 'trigger'::regtype AND p.proname !~ '^mask_'
   AND p.proname <> ALL ('{authenticate,whoami,claim,attribute,my_decision,why,cancel_request}')
   AND NOT EXISTS (SELECT FROM public.calls AS c
					WHERE c.name = p.proname
					  AND c.call LIKE '%' || p.pronamespace::regnamespace || '.' || p.proname || '(%');
SELECT is(array_agg(p.proname::text ORDER BY 1), NULL, 'and no name stands for two')
  FROM (SELECT proname FROM pg_proc
		 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
		   AND proname !~ '^mask_'
		 GROUP BY proname HAVING count(*) > 1) AS p;
DO $$
BEGIN
	PERFORM contauth.enroll_role('regress_contauth_agent');
	PERFORM contauth.register_agent('spiffe://acme.test/agent/support',
		'{regress_contauth_agent}', 'alice', 2);
	PERFORM contauth.add_agent_key('spiffe://acme.test/agent/support', '{"kty": "OKP", "crv": "Ed25519", "x": "hbbeyooSVGSpSqyKD7jaTl9Hzkn3_2eB-KCxbYWEHR8", "kid": "gone"}');
	PERFORM contauth.add_trust_bundle('gone.test', '-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUen1HkMuGNuTvSdXo1vYj/ktsGBwwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjQwNTM4MzVaGA8yMTI2MTAzMTA1Mzgz
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHqD
LPj38Qe9NhYaiGPdfFldMX5dyLg8hAxiF4WwKZGw6jwoAqPF3mi4w0XPI/Q5/7mV
bBZWJFrmU+K7fHg8aOmjYzBhMB0GA1UdDgQWBBQMFGznnkH4d1sVyp6OLPisTO1f
1jAfBgNVHSMEGDAWgBQMFGznnkH4d1sVyp6OLPisTO1f1jAPBgNVHRMBAf8EBTAD
AQH/MA4GA1UdDwEB/wQEAwICBDAKBggqhkjOPQQDAgNIADBFAiEArBDQNiROI0kt
lZIl6vfwJCqNqoP3jlro4b3eUJSwu+QCICRLIdO05fT7G+s9mY0PN7aTg+HzL6LA
nLZUfQvBelPZ
-----END CERTIFICATE-----');
	PERFORM contauth.set_principal('regress_contauth_plain', 'spiffe://acme.test/ann');
	PERFORM contauth.revoke('agent', 'spiffe://acme.test/agent/gone', 'x');
	INSERT INTO contauth.break_glass_grant (id, agent, reason, opened_by, ends_at)
		VALUES ('00000000-0000-7000-8000-000000000001', 'spiffe://acme.test/agent/other', 'x', 'ann',
				clock_timestamp() + interval '1 hour');
	PERFORM contauth.create_policy('regress_policy', 'permit',
		actions => '{select}', resources => '{public.calls}');
END
$$;
SELECT contauth.add_issuer('https://issuer.acme.test', 'acme.test', :'jwks') \g /dev/null

-- SQLSTATE of a call made by a role; what it did is undone
CREATE FUNCTION pg_temp.outcome(role name, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE call;
		RAISE EXCEPTION USING ERRCODE = 'P0001';
	EXCEPTION WHEN OTHERS THEN
		state := CASE SQLSTATE WHEN 'P0001' THEN '00000' ELSE SQLSTATE END;
	END;
	RETURN state;
END
$$;

-- a plain role, and each of the product's roles for what is not its own
SELECT is(pg_temp.outcome('regress_contauth_plain', call), '42501', name || ': refused to a plain role')
  FROM public.calls ORDER BY name;
-- an approver may ask about a request that does not exist, and review break-glass
SELECT is(pg_temp.outcome('contauth_approver', call),
		  CASE WHEN granted = 'contauth_approver' THEN '22023'
			   WHEN name LIKE '%review%' THEN '00000' ELSE '42501' END,
		  name || ': refused to the approver')
  FROM public.calls ORDER BY name;
SELECT is(pg_temp.outcome('contauth_auditor', call),
		  CASE WHEN granted = 'contauth_auditor' THEN '00000' ELSE '42501' END,
		  name || ' by the auditor')
  FROM public.calls ORDER BY name;
-- who_can() and what_can() are for both
SELECT is(pg_temp.outcome('contauth_admin', call),
		  CASE WHEN granted = 'contauth_admin' OR name ~ '^wh(o|at)_can$' THEN '00000' ELSE '42501' END,
		  name || ' by the administrator')
  FROM public.calls ORDER BY name;

-- nobody changes the audit, the superuser included
SELECT isnt(pg_temp.outcome(current_user, sql), '00000', 'the superuser is refused: ' || sql)
  FROM (VALUES
	('INSERT INTO contauth_audit.admin_event (at, actor, db_role, action) VALUES (now(), ''x'', ''x'', ''x'')'),
	('UPDATE contauth_audit.decision SET reason = ''x'''),
	('DELETE FROM contauth_audit.decision'),
	('TRUNCATE contauth_audit.decision'),
	('UPDATE contauth_audit.admin_event SET actor = ''x'''),
	('DELETE FROM contauth_audit.admin_event'),
	('TRUNCATE contauth_audit.admin_event'),
	('INSERT INTO contauth_audit.approval_request (request, state, requested_at, expires_at, agent, database, resources, policies, policy_version, parameters_sha256, binding, decision_id) VALUES (gen_random_uuid(), ''approved'', now(), ''infinity'', ''x'', ''x'', ''{}'', ''{}'', 0, ''x'', ''x'', gen_random_uuid())'),
	('UPDATE contauth_audit.approval_request SET state = ''approved'''),
	('DELETE FROM contauth_audit.approval_request'),
	('TRUNCATE contauth_audit.approval_request'),
	('UPDATE contauth_audit.decision_default SET reason = ''x'''),
	('SET session_replication_role = replica; DELETE FROM contauth_audit.decision')) AS v(sql);

-- an agent: what it may execute as far as PostgreSQL is concerned does not
-- matter, so it gets every privilege that can be granted
SELECT jsonb_agg(to_jsonb(t)) AS before FROM (
	SELECT name, enabled, description, effect FROM contauth.policy ORDER BY name COLLATE "C") AS t \gset
GRANT contauth_admin, contauth_auditor TO regress_contauth_agent;
GRANT ALL ON ALL TABLES IN SCHEMA contauth, contauth_audit TO regress_contauth_agent;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA contauth, contauth_audit TO regress_contauth_agent;
GRANT ALL ON SCHEMA contauth, contauth_audit TO regress_contauth_agent;
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
SELECT sql FROM (
	SELECT 0, 'SET SESSION AUTHORIZATION regress_contauth_agent' AS sql
	UNION ALL SELECT 1, format('SET application_name = %L', 'regress without identity')
	UNION ALL SELECT 2, call FROM public.calls
	UNION ALL SELECT 3, format('SET contauth.token = %L', :'token_support')
	UNION ALL SELECT 4, format('SET application_name = %L', 'regress with identity')
	UNION ALL SELECT 5, call FROM public.calls
	UNION ALL SELECT 6, 'SELECT name FROM public.calls WHERE false'
	UNION ALL SELECT 7, 'SET contauth.token = '''''
	UNION ALL SELECT 8, 'RESET application_name'
	UNION ALL SELECT 9, 'RESET SESSION AUTHORIZATION') AS script(step, sql) ORDER BY step \gexec
\set ON_ERROR_STOP on
\set VERBOSITY default
SELECT is(current_user, session_user, 'back again');
SELECT ok(contauth_audit.sync(), 'the audit has caught up');
SELECT is(count(*) FILTER (WHERE statement_kind = 'SELECT' AND sqlstate = '00000'), 1::bigint,
		  'the agent has an identity: what is permitted works')
  FROM contauth_audit.decision WHERE application_name = 'regress with identity';
SELECT is((SELECT count(*) FROM contauth_audit.decision
			WHERE application_name = 'regress without identity' AND decision = 'deny'
			  AND sqlstate IN ('28000', '42501')),
		  (SELECT count(*) FROM public.calls), 'without an identity every call was refused and recorded');
SELECT is((SELECT count(*) FROM contauth_audit.decision
			WHERE application_name = 'regress with identity' AND decision = 'deny'
			  AND sqlstate = '42501'),
		  (SELECT count(*) FROM public.calls), 'with one, too');
SELECT is((SELECT array_agg(statement || ': ' || sqlstate) FROM contauth_audit.decision
			WHERE application_name LIKE 'regress with%' AND statement ~ 'contauth|LABEL'
			  AND statement !~ '^SET' AND decision <> 'deny'), NULL, 'none was allowed');
SELECT is(jsonb_agg(to_jsonb(t)), :'before'::jsonb, 'the policies are what they were') FROM (
	SELECT name, enabled, description, effect FROM contauth.policy ORDER BY name COLLATE "C") AS t;
SELECT is((SELECT array_agg(spiffe_id || ' ' || state) FROM contauth.agent),
		  '{"spiffe://acme.test/agent/support active"}', 'the agents are what they were');
SELECT is((SELECT count(*) FROM contauth.issuer WHERE jwks -> 'keys' <> '[]'), 1::bigint, 'the issuer, too');
SELECT ok(ok, 'the audit is intact') FROM contauth_audit.verify();

SELECT finish();
REVOKE ALL ON ALL TABLES IN SCHEMA contauth, contauth_audit FROM regress_contauth_agent;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA contauth, contauth_audit FROM regress_contauth_agent;
REVOKE ALL ON SCHEMA contauth, contauth_audit FROM regress_contauth_agent;
DO $$
BEGIN
	PERFORM contauth.drop_policy('regress_policy');
	PERFORM contauth.unset_principal('regress_contauth_plain', 'spiffe://acme.test/ann');
	PERFORM contauth.remove_issuer('https://issuer.acme.test');
	PERFORM contauth.unenroll_role('regress_contauth_agent');
END
$$;
DELETE FROM contauth.agent;
DROP TABLE public.calls;
DROP ROLE regress_contauth_agent, regress_contauth_plain;
