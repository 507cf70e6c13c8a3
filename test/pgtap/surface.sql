-- The SQL surface: every function, table, view and type is there, with owner,
-- comment and privileges; PUBLIC has nothing but the functions for agents;
-- contauth_audit.decision has the contract's columns in the contract's order.
SET client_min_messages = warning;
SELECT no_plan();

CREATE TEMP TABLE function_expected (signature text PRIMARY KEY, callers text[]);
INSERT INTO function_expected VALUES
	('contauth.enroll_role(regrole)', '{contauth_admin}'),
	('contauth.unenroll_role(regrole)', '{contauth_admin}'),
	('contauth.add_issuer(text,text,jsonb)', '{contauth_admin}'),
	('contauth.set_issuer_keys(text,jsonb)', '{contauth_admin}'),
	('contauth.remove_issuer(text)', '{contauth_admin}'),
	('contauth.add_trust_bundle(text,text)', '{contauth_admin}'),
	('contauth.remove_trust_bundle(text)', '{contauth_admin}'),
	('contauth.register_agent(text,name[],text,integer,jsonb,timestamp with time zone)',
	 '{contauth_admin}'),
	('contauth.alter_agent(text,jsonb)', '{contauth_admin}'),
	('contauth.add_agent_key(text,jsonb)', '{contauth_admin}'),
	('contauth.remove_agent_key(text,text)', '{contauth_admin}'),
	('contauth.suspend_agent(text,text)', '{contauth_admin}'),
	('contauth.resume_agent(text,text)', '{contauth_admin}'),
	('contauth.retire_agent(text,text)', '{contauth_admin}'),
	('contauth.revoke(text,text,text)', '{contauth_admin}'),
	('contauth.unrevoke(text,text,text)', '{contauth_admin}'),
	('contauth.kill_switch(boolean,text)', '{contauth_admin}'),
	('contauth.break_glass(text,text,interval)', '{contauth_admin}'),
	('contauth.close_break_glass(uuid,text)', '{contauth_admin}'),
	('contauth.review_break_glass(uuid,text)', '{contauth_admin,contauth_approver}'),
	('contauth.check_break_glass_text(text,text)', '{}'),
	('contauth.announce_break_glass(text,contauth.break_glass_grant,text)', '{}'),
	('contauth.create_policy(text,text,text[],text[],text[],text[],text,text,jsonb,jsonb,boolean,text)',
	 '{contauth_admin}'),
	('contauth.alter_policy(text,jsonb)', '{contauth_admin}'),
	('contauth.enable_policy(text,boolean)', '{contauth_admin}'),
	('contauth.drop_policy(text)', '{contauth_admin}'),
	('contauth.apply_policies(jsonb,boolean)', '{contauth_admin}'),
	('contauth.rollback_policies(bigint)', '{contauth_admin}'),
	('contauth.export_policies()', '{contauth_admin}'),
	('contauth.authenticate(text,jsonb)', '{public}'),
	('contauth.whoami()', '{public}'),
	('contauth.claim(text)', '{public}'),
	('contauth.attribute(text)', '{public}'),
	('contauth.my_decision(uuid)', '{public}'),
	('contauth.why(text)', '{public}'),
	('contauth.evaluate(jsonb)', '{contauth_admin}'),
	('contauth.evaluations(jsonb)', '{contauth_admin}'),
	('contauth.who_can(text,text)', '{contauth_admin,contauth_auditor}'),
	('contauth.what_can(text)', '{contauth_admin,contauth_auditor}'),
	('contauth.cancel_request(uuid,text)', '{public}'),
	('contauth.approve(uuid,text,interval,integer)', '{contauth_approver}'),
	('contauth.reject(uuid,text)', '{contauth_approver}'),
	('contauth.set_principal(regrole,text)', '{contauth_admin}'),
	('contauth.unset_principal(regrole,text)', '{contauth_admin}'),
	('contauth_audit.verify(bigint,bigint)', '{contauth_auditor}'),
	('contauth_audit.export(bigint,bigint)', '{contauth_auditor}'),
	('contauth_audit.export_checkpoints()', '{contauth_auditor}'),
	('contauth_audit.sync(interval)', '{contauth_auditor}'),
	('contauth_audit.drop_before(timestamp with time zone,text)', '{}'),
	('contauth_audit.sensitivity_of(jsonb)', '{contauth_auditor}'),
	('contauth_audit.find_unused_permissions(interval)', '{contauth_auditor}'),
	('contauth_audit.find(interval,interval)', '{contauth_auditor}'),
	('contauth_audit.find_unsigned(interval)', '{contauth_auditor}'),
	('contauth_audit.is_signed()', '{contauth_auditor}'),
	('contauth_audit.spool_read(integer)', '{contauth_auditor}'),
	('contauth_audit.spool_release()', '{contauth_auditor}'),
	('contauth_audit.carry(uuid,integer,bigint,bytea[])', '{}'),
	('contauth_audit.attach()', '{}'),
	('contauth_audit.record_admin_event(text,text,jsonb)', '{}'),
	('contauth.check_agent_arguments(name[],text,integer,jsonb,timestamp with time zone)', '{}'),
	('contauth.conclude_replacement(text,text,jsonb,boolean)', '{}'),
	('contauth.jwk_thumbprint(jsonb)', '{}'),
	('contauth.policy_fields(contauth.policy)', '{}'),
	('contauth.policy_key(text[],text[])', '{}'),
	('contauth.policy_of_fields(jsonb)', '{}'),
	('contauth.replace_policies(jsonb,boolean)', '{}'),
	('contauth.replace_policy(text,jsonb)', '{}'),
	('contauth.require_arguments(jsonb)', '{}'),
	('contauth.revocation_id(text,text)', '{}'),
	('contauth.set_agent_state(text,text,text)', '{}');

CREATE TEMP TABLE relation_expected (relation text PRIMARY KEY, kind text, readers text[], writers text[]);
INSERT INTO relation_expected VALUES
	('contauth.agent', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.agent_key', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.issuer', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.trust_bundle', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.policy', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.policy_version', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.classification', 'table', '{contauth_admin,contauth_auditor}', '{contauth_admin}'),
	('contauth.revocation', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.kill_switch_state', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth.break_glass_grant', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth_audit.break_glass_reviews', 'view', '{contauth_approver,contauth_auditor}', '{}'),
	('contauth.secret', 'table', '{}', '{}'),
	('contauth.principal', 'table', '{contauth_admin,contauth_auditor}', '{}'),
	('contauth_audit.approval_request', 'table', '{contauth_auditor,contauth_approver}', '{}'),
	('contauth_audit.pending_approvals', 'view', '{contauth_auditor,contauth_approver}', '{}'),
	('contauth_audit.decision', 'table', '{contauth_auditor}', '{}'),
	('contauth_audit.admin_event', 'table', '{contauth_auditor}', '{}'),
	('contauth_audit.retention', 'table', '{contauth_auditor}', '{}'),
	('contauth_audit.checkpoint', 'table', '{contauth_auditor}', '{}'),
	('contauth_audit.spool', 'table', '{contauth_auditor}', '{}'),
	('contauth_audit.denials', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.escalations', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.agent_activity', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.delegation_tree', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.sensitive_access', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.unused_permissions', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.findings', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.control_mapping', 'view', '{contauth_auditor}', '{}'),
	('contauth_audit.ocsf', 'view', '{contauth_auditor}', '{}');

CREATE TEMP TABLE regress_holder (m contauth.mask_call);
CREATE ROLE regress_contauth_nobody LOGIN;
CREATE TEMP TABLE role_seen (role text PRIMARY KEY);
INSERT INTO role_seen VALUES ('contauth_admin'), ('contauth_approver'),
	('contauth_auditor'), ('contauth_agent'), ('regress_contauth_nobody');

-- roles and schemas
SELECT ok(NOT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls
		  AND NOT rolreplication, 'role ' || rolname || ' has no power of its own')
  FROM pg_roles WHERE rolname LIKE 'contauth\_%' ORDER BY rolname;
SELECT is(count(*), 4::bigint, 'four roles') FROM pg_roles WHERE rolname LIKE 'contauth\_%';
SELECT ok(has_schema_privilege(role, 'contauth', 'USAGE')
		  AND NOT has_schema_privilege(role, 'contauth', 'CREATE'),
		  role || ' may use schema contauth, not create in it') FROM role_seen ORDER BY role;
SELECT is(has_schema_privilege(role, 'contauth_audit', 'USAGE'), role IN ('contauth_auditor', 'contauth_approver'),
		  role || ': schema contauth_audit is for the auditor and the approver')
  FROM role_seen ORDER BY role;

-- functions
SELECT ok(to_regprocedure(signature) IS NOT NULL, signature || ' exists')
  FROM function_expected ORDER BY signature;
SELECT is(pg_get_userbyid(proowner), (SELECT pg_get_userbyid(extowner) FROM pg_extension
									   WHERE extname = 'contauth'),
		  signature || ' belongs to the owner of the extension')
  FROM function_expected JOIN pg_proc p ON p.oid = to_regprocedure(signature)
 ORDER BY signature;
SELECT is(has_function_privilege(role, to_regprocedure(signature), 'EXECUTE'),
		  callers && ARRAY[role, 'public'],
		  role || ' and ' || signature)
  FROM function_expected, role_seen ORDER BY signature, role;
SELECT is(array_agg(p.oid::regprocedure::text ORDER BY 1) FILTER (
			WHERE p.oid::regprocedure::text <> ALL (
				SELECT signature FROM function_expected WHERE callers = '{public}')
			  AND p.proname !~ '^mask_'),
		  NULL, 'PUBLIC may call nothing but the functions for agents')
  FROM pg_proc p
 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND has_function_privilege('regress_contauth_nobody', p.oid, 'EXECUTE');
-- nothing is left out of the lists: a new function or relation has to be put there
SELECT is(array_agg(p.oid::regprocedure::text ORDER BY 1), NULL,
		  'every function is in the list, a trigger, or a mask')
  FROM pg_proc p
 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND p.prorettype <> 'trigger'::regtype AND p.proname !~ '^mask_'
   AND p.oid NOT IN (SELECT to_regprocedure(signature) FROM function_expected);
SELECT is(array_agg(p.oid::regprocedure || ': ' || role), NULL, 'nobody may call triggers')
  FROM pg_proc p, role_seen
 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND p.prorettype = 'trigger'::regtype AND has_function_privilege(role, p.oid, 'EXECUTE');
SELECT is(array_agg(c.oid::regclass::text ORDER BY 1), NULL,
		  'every table, partitions apart, and every view is in the list')
  FROM pg_class c
 WHERE relnamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition
   AND c.oid NOT IN (SELECT to_regclass(relation) FROM relation_expected);
SELECT is(array_agg(c.oid::regclass || ': ' || role), NULL, 'nobody but superusers reads partitions or uses sequences')
  FROM pg_class c, role_seen
 WHERE relnamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND (relispartition AND relkind = 'r' AND has_any_column_privilege(role, c.oid, 'SELECT, INSERT, UPDATE')
		OR relkind = 'S' AND has_sequence_privilege(role, c.oid, 'USAGE, SELECT, UPDATE'));
-- no SQL makes a value of type mask_call, so masks cannot serve as oracles
SELECT is(p.proargtypes[p.pronargs - 1], 'contauth.mask_call'::regtype::oid,
		  p.oid::regprocedure || ' takes a mask_call')
  FROM pg_proc p
 WHERE pronamespace = 'contauth'::regnamespace AND p.proname ~ '^mask_' AND p.proname <> 'mask_call_in'
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT throws_ok(format('SELECT contauth.mask_redact(''x'', %s)', value), NULL, NULL,
				 'a mask cannot be called with ' || value)
  FROM (VALUES ('''1''::contauth.mask_call'), ('''1'''), ('1::contauth.mask_call'), ('1'),
			   ('ROW(1)::text::contauth.mask_call'),
			   ('contauth.mask_call_in(''1'')'), ('contauth.mask_call_in(''1''::cstring)'),
			   ('(jsonb_populate_record(NULL::regress_holder, ''{"m": 1}'')).m')) AS v(value);
SELECT is(count(*), 0::bigint, 'there is no cast to mask_call')
  FROM pg_cast WHERE casttarget = 'contauth.mask_call'::regtype;
SELECT ok(p.proconfig::text ~ 'search_path', p.oid::regprocedure || ' has a fixed search_path')
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE pronamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND l.lanname IN ('sql', 'plpgsql')
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT is(pg_get_function_result(to_regprocedure(signature)), result, signature || ' returns ' || result)
  FROM (VALUES
	('contauth.authenticate(text,jsonb)', 'jsonb'),
	('contauth.whoami()', 'jsonb'),
	('contauth.claim(text)', 'text'),
	('contauth.attribute(text)', 'text'),
	('contauth.my_decision(uuid)', 'jsonb'),
	('contauth.apply_policies(jsonb,boolean)', 'TABLE(name text, change text, problem text)'),
	('contauth.rollback_policies(bigint)', 'TABLE(name text, change text, problem text)'),
	('contauth.export_policies()', 'jsonb'),
	('contauth.why(text)', 'TABLE(relation text, action text, decision text, policies text[], columns text[], uncovered text[], masks jsonb, row_filter text, limits jsonb, reason text)'),
	('contauth_audit.verify(bigint,bigint)',
	 'TABLE(ok boolean, checked bigint, first_bad bigint, damage text)')) AS v(signature, result);
SELECT is(pg_get_function_arguments(to_regprocedure(signature)), arguments, signature || ': names and defaults')
  FROM (VALUES
	('contauth.register_agent(text,name[],text,integer,jsonb,timestamp with time zone)',
	 'spiffe_id text, db_roles name[], owner text, autonomy integer DEFAULT 1, '
	 'attributes jsonb DEFAULT ''{}''::jsonb, expires_at timestamp with time zone DEFAULT ''infinity''::timestamp with time zone'),
	('contauth.authenticate(text,jsonb)', 'token text, delegation jsonb DEFAULT NULL::jsonb'),
	('contauth.create_policy(text,text,text[],text[],text[],text[],text,text,jsonb,jsonb,boolean,text)',
	 'name text, effect text, principals text[] DEFAULT ''{*}''::text[], on_behalf_of text[] DEFAULT ''{*}''::text[], '
	 'actions text[] DEFAULT ''{*}''::text[], resources text[] DEFAULT ''{*}''::text[], condition text DEFAULT NULL::text, '
	 'row_filter text DEFAULT NULL::text, masks jsonb DEFAULT ''{}''::jsonb, limits jsonb DEFAULT ''{}''::jsonb, '
	 'monitor_only boolean DEFAULT false, description text DEFAULT NULL::text'),
	('contauth_audit.verify(bigint,bigint)', 'from_seq bigint DEFAULT NULL::bigint, to_seq bigint DEFAULT NULL::bigint'))
	AS v(signature, arguments);

-- tables and views
SELECT is(CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END, kind, relation || ' is a ' || kind)
  FROM relation_expected LEFT JOIN pg_class c ON c.oid = to_regclass(relation) ORDER BY relation;
SELECT is(pg_get_userbyid(relowner), (SELECT pg_get_userbyid(extowner) FROM pg_extension
									   WHERE extname = 'contauth'),
		  relation || ' belongs to the owner of the extension')
  FROM relation_expected JOIN pg_class c ON c.oid = to_regclass(relation) ORDER BY relation;
SELECT is(has_table_privilege(role, relation, 'SELECT')
		  OR has_any_column_privilege(role, relation, 'SELECT'),
		  readers && ARRAY[role], role || ' reading ' || relation)
  FROM relation_expected, role_seen ORDER BY relation, role;
SELECT is(has_table_privilege(role, relation, 'INSERT') OR has_table_privilege(role, relation, 'UPDATE')
		  OR has_table_privilege(role, relation, 'DELETE') OR has_table_privilege(role, relation, 'TRUNCATE')
		  OR has_any_column_privilege(role, relation, 'INSERT, UPDATE'),
		  writers && ARRAY[role], role || ' writing ' || relation)
  FROM relation_expected, role_seen ORDER BY relation, role;
SELECT is(array_agg(c.oid::regclass::text), NULL, 'PUBLIC may not read or write any relation of it')
  FROM pg_class c
 WHERE relnamespace IN ('contauth'::regnamespace, 'contauth_audit'::regnamespace)
   AND relkind IN ('r', 'p', 'v', 'm')
   AND (has_any_column_privilege('regress_contauth_nobody', c.oid, 'SELECT, INSERT, UPDATE')
		OR has_table_privilege('regress_contauth_nobody', c.oid, 'DELETE, TRUNCATE'));

-- comments, on everything that belongs to the extension
SELECT is(array_agg(pg_describe_object(d.classid, d.objid, 0) ORDER BY 1) FILTER (
			WHERE obj_description(d.objid, d.classid::regclass::text) IS NULL),
		  NULL, 'every function, relation, type and schema of the extension has a comment')
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'contauth')
   AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
   AND NOT EXISTS (SELECT FROM pg_class c WHERE d.classid = 'pg_class'::regclass
					AND c.oid = d.objid AND c.relkind IN ('S', 'i', 'c'));
-- what somebody may call says what it takes, and how it fails
SELECT is(array_agg(a.name ORDER BY a.n) FILTER (
			WHERE a.name <> '' AND obj_description(p.oid, 'pg_proc') !~ format('\m%s\M', a.name)),
		  NULL, 'the comment on ' || signature || ' names every argument')
  FROM function_expected JOIN pg_proc p ON p.oid = to_regprocedure(signature)
  LEFT JOIN LATERAL unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY AS a(name, n) ON true
 WHERE callers <> '{}' OR signature ~ '\.(carry|drop_before|attach)\('
 GROUP BY signature ORDER BY signature;
SELECT matches(obj_description(p.oid, 'pg_proc'), 'Errors: [0-9A-Z]{5}|Never fails',
			   'the comment on ' || signature || ' tells its errors')
  FROM function_expected JOIN pg_proc p ON p.oid = to_regprocedure(signature)
 WHERE callers <> '{}' OR signature ~ '\.(carry|drop_before|attach)\('
 ORDER BY signature;
SELECT is(array_agg(c.oid::regclass || '.' || attname ORDER BY attnum) FILTER (
			WHERE col_description(c.oid, attnum) IS NULL),
		  NULL, 'every column of ' || c.oid::regclass || ' has a comment')
  FROM relation_expected JOIN pg_class c ON c.oid = to_regclass(relation)
  JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
 GROUP BY c.oid ORDER BY c.oid::regclass::text COLLATE "C";

-- the audit's columns, in the contract's order
SELECT is((SELECT array_agg(attname::text || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum)
			 FROM pg_attribute
			WHERE attrelid = 'contauth_audit.decision'::regclass AND attnum > 0 AND NOT attisdropped),
	ARRAY['decision_id uuid', 'seq bigint', 'boot_id uuid',
		'decided_at timestamp with time zone', 'finished_at timestamp with time zone',
		'decision text', 'mode text', 'reason_code text', 'reason text', 'policies text[]',
		'policy_version bigint', 'domain text', 'agent text', 'on_behalf_of text',
		'chain jsonb', 'depth integer', 'autonomy integer', 'purpose text', 'task_id text',
		'trace_id text', 'token_kid text', 'token_jti text', 'token_sha256 text',
		'db_role text', 'database text', 'application_name text', 'client_addr inet',
		'tls boolean', 'action text[]', 'accesses jsonb', 'max_sensitivity integer',
		'statement_kind text', 'query_id bigint', 'statement_sha256 text', 'statement text',
		'rows_returned bigint', 'rows_affected bigint', 'decision_us bigint',
		'execution_us bigint', 'sqlstate text', 'approval_id uuid', 'context jsonb',
		'prev_hash bytea', 'hash bytea'],
	'contauth_audit.decision has its columns, in their order');
SELECT is((SELECT partstrat::text FROM pg_partitioned_table
			WHERE partrelid = 'contauth_audit.decision'::regclass), 'r', 'it is partitioned by range');
SELECT is(array_agg(class || '=' || sensitivity ORDER BY sensitivity, class),
		  '{public=0,internal=1,confidential=2,restricted=3,secret=4}', 'the seeded classes')
  FROM contauth.classification WHERE class IN ('public', 'internal', 'confidential', 'restricted', 'secret');

-- settings: who may change what
SELECT is(array_agg(name || ' ' || context ORDER BY name), ARRAY[
		'contauth.audience sighup', 'contauth.audit_database postmaster',
		'contauth.audit_durability superuser', 'contauth.audit_retention_min superuser',
		'contauth.audit_ring_size postmaster', 'contauth.audit_signing_key sighup',
		'contauth.audit_statement sighup', 'contauth.audit_wait superuser',
		'contauth.checkpoint_interval sighup',
		'contauth.clock_skew sighup', 'contauth.escalation_wait superuser', 'contauth.explain_denials superuser',
		'contauth.identity_scope superuser', 'contauth.max_agents postmaster',
		'contauth.max_delegation_depth superuser',
		'contauth.mode superuser', 'contauth.purpose user', 'contauth.spool_size sighup',
		'contauth.task_id user',
		'contauth.traceparent user'],
	'settings and their contexts; contauth.token and contauth.delegation are not shown')
  FROM pg_settings WHERE name LIKE 'contauth.%';

SELECT finish();
DROP ROLE regress_contauth_nobody;
