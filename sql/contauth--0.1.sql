/* contauth 0.1 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION contauth" to load this file. \quit

/* Roles of the whole server, made where missing */

DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['contauth_admin', 'contauth_approver',
                             'contauth_auditor', 'contauth_agent']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles
                        WHERE rolname OPERATOR(pg_catalog.=) r) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', r);
        END IF;
    END LOOP;
END
$$;

/* Administration, agent and approver functions */

CREATE SCHEMA contauth;
COMMENT ON SCHEMA contauth IS
    'Continuous authorization for AI agents: administration and agent functions';
REVOKE ALL ON SCHEMA contauth FROM PUBLIC;
GRANT USAGE ON SCHEMA contauth TO PUBLIC;

/* Tables; key columns have collation "C" because the library compares bytes */

CREATE TABLE contauth.issuer (
    issuer       text COLLATE "C" PRIMARY KEY,
    trust_domain text COLLATE "C" NOT NULL,
    jwks         jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE contauth.issuer IS 'Who may sign tokens, for which trust domain, with which keys';
COMMENT ON COLUMN contauth.issuer.issuer IS 'Name of the issuer, the iss claim of its tokens';
COMMENT ON COLUMN contauth.issuer.trust_domain IS 'The one SPIFFE trust domain that it speaks for';
COMMENT ON COLUMN contauth.issuer.jwks IS 'JWK Set (RFC 7517) with its public keys; an empty one refuses every token';
COMMENT ON COLUMN contauth.issuer.created_at IS 'When it was added';

CREATE TABLE contauth.agent (
    spiffe_id  text COLLATE "C" PRIMARY KEY,
    db_roles   name[] NOT NULL,
    owner      text NOT NULL,
    autonomy   integer NOT NULL DEFAULT 1
               CONSTRAINT agent_autonomy CHECK (autonomy OPERATOR(pg_catalog.>=) 1
                                            AND autonomy OPERATOR(pg_catalog.<=) 5),
    attributes jsonb NOT NULL DEFAULT '{}',
    state      text NOT NULL DEFAULT 'active'
               CONSTRAINT agent_state CHECK (state OPERATOR(pg_catalog.=) ANY
                                             (ARRAY['active', 'suspended', 'retired'])),
    expires_at timestamptz NOT NULL DEFAULT 'infinity',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE contauth.agent IS 'Registered agents';
COMMENT ON COLUMN contauth.agent.spiffe_id IS 'SPIFFE ID, the sub claim of its tokens';
COMMENT ON COLUMN contauth.agent.db_roles IS 'Database roles that it may log in with';
COMMENT ON COLUMN contauth.agent.owner IS 'Who answers for it';
COMMENT ON COLUMN contauth.agent.autonomy IS 'Level of autonomy, 1 (least) to 5';
COMMENT ON COLUMN contauth.agent.attributes IS 'JSON object that conditions and filters can read';
COMMENT ON COLUMN contauth.agent.state IS 'active, suspended or retired';
COMMENT ON COLUMN contauth.agent.expires_at IS 'When the registration ends';
COMMENT ON COLUMN contauth.agent.created_at IS 'When it was registered';

CREATE TABLE contauth.policy (
    name         text COLLATE "C" PRIMARY KEY,
    effect       text NOT NULL,
    principals   text[] NOT NULL,
    on_behalf_of text[] NOT NULL,
    actions      text[] NOT NULL,
    resources    text[] NOT NULL,
    condition    text,
    row_filter   text,
    masks        jsonb NOT NULL,
    limits       jsonb NOT NULL,
    monitor_only boolean NOT NULL,
    description  text,
    enabled      boolean NOT NULL DEFAULT true,
    builtin      boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by   text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE contauth.policy IS 'The policies of this database';
COMMENT ON COLUMN contauth.policy.name IS 'Name of the policy';
COMMENT ON COLUMN contauth.policy.effect IS 'permit, forbid, escalate or restrict';
COMMENT ON COLUMN contauth.policy.principals IS 'Patterns of the acting agent';
COMMENT ON COLUMN contauth.policy.on_behalf_of IS 'Patterns of the principal at the root of the chain';
COMMENT ON COLUMN contauth.policy.actions IS 'Patterns of actions';
COMMENT ON COLUMN contauth.policy.resources IS 'What it applies to';
COMMENT ON COLUMN contauth.policy.condition IS 'SQL expression over ctx; NULL for always';
COMMENT ON COLUMN contauth.policy.row_filter IS 'SQL expression over the relation''s columns; NULL for all rows';
COMMENT ON COLUMN contauth.policy.masks IS 'JSON object: column or label to mask';
COMMENT ON COLUMN contauth.policy.limits IS 'JSON object of limits';
COMMENT ON COLUMN contauth.policy.monitor_only IS 'Decide and record only';
COMMENT ON COLUMN contauth.policy.description IS 'What it is for';
COMMENT ON COLUMN contauth.policy.enabled IS 'Whether it is in force';
COMMENT ON COLUMN contauth.policy.builtin IS 'Whether the extension brought it along';
COMMENT ON COLUMN contauth.policy.created_at IS 'When it was created';
COMMENT ON COLUMN contauth.policy.created_by IS 'Who created it';

CREATE TABLE contauth.policy_version (
    version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user,
    policy     text NOT NULL,
    old_policy jsonb,
    new_policy jsonb
);
COMMENT ON TABLE contauth.policy_version IS 'Every change of every policy';
COMMENT ON COLUMN contauth.policy_version.version IS 'Version of the policy set after the change';
COMMENT ON COLUMN contauth.policy_version.changed_at IS 'When it was made';
COMMENT ON COLUMN contauth.policy_version.changed_by IS 'Who made it';
COMMENT ON COLUMN contauth.policy_version.policy IS 'Name of the policy';
COMMENT ON COLUMN contauth.policy_version.old_policy IS 'The policy before, NULL when it is new';
COMMENT ON COLUMN contauth.policy_version.new_policy IS 'The policy after, NULL when it was dropped';

CREATE TABLE contauth.classification (
    class       text COLLATE "C" PRIMARY KEY
                CONSTRAINT classification_class CHECK (class OPERATOR(pg_catalog.~)
                    '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$'),
    sensitivity integer NOT NULL
                CONSTRAINT classification_sensitivity CHECK (
                    sensitivity OPERATOR(pg_catalog.>=) 0
                    AND sensitivity OPERATOR(pg_catalog.<=) 4),
    description text
);
COMMENT ON TABLE contauth.classification IS 'Classes that labels may name; they rank what is below them, too';
COMMENT ON COLUMN contauth.classification.class IS 'Name, hierarchical by dots';
COMMENT ON COLUMN contauth.classification.sensitivity IS '0 public, 1 internal, 2 confidential, 3 restricted, 4 secret';
COMMENT ON COLUMN contauth.classification.description IS 'What belongs to it';

CREATE TABLE contauth.secret (
    name text COLLATE "C" PRIMARY KEY,
    key  bytea NOT NULL
);
COMMENT ON TABLE contauth.secret IS 'Keys of this database; readable by superusers only';
COMMENT ON COLUMN contauth.secret.name IS 'What the key is for';
COMMENT ON COLUMN contauth.secret.key IS 'The key';

INSERT INTO contauth.secret (name, key) VALUES
    ('mask', pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.concat(
        pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid(),
        pg_catalog.gen_random_uuid()), 'UTF8')));

INSERT INTO contauth.classification (class, sensitivity, description) VALUES
    ('public', 0, 'May be seen by everybody'),
    ('internal', 1, 'For people and agents of the organisation'),
    ('confidential', 2, 'For those who need it for their work'),
    ('restricted', 3, 'For few, named in policies'),
    ('secret', 4, 'For nobody without a reason on record'),
    ('pii', 3, 'Personally identifiable information'),
    ('phi', 3, 'Health information'),
    ('pci', 3, 'Payment card data');

/* What conditions see as ctx */

CREATE TYPE contauth.context AS (
    agent            text,
    trust_domain     text,
    on_behalf_of     text,
    chain            text[],
    depth            integer,
    autonomy         integer,
    owner            text,
    purpose          text,
    purpose_verified boolean,
    task_id          text,
    action           text,
    resource         text,
    columns          text[],
    labels           text[],
    sensitivity      integer,
    statement_kind   text,
    nested_level     integer,
    db_role          text,
    database         text,
    application_name text,
    client_addr      inet,
    tls              boolean,
    now              timestamptz,
    claims           jsonb,
    attributes       jsonb,
    high_water       integer
);
COMMENT ON TYPE contauth.context IS 'The authorization request as policy conditions see it, under the name ctx';

/* Checks and cache invalidation, in C: they look nothing up by search_path */

CREATE FUNCTION contauth.check_policy() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_policy';
COMMENT ON FUNCTION contauth.check_policy() IS 'Refuses a policy that is not valid';
REVOKE ALL ON FUNCTION contauth.check_policy() FROM PUBLIC;

CREATE FUNCTION contauth.check_issuer() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_issuer';
COMMENT ON FUNCTION contauth.check_issuer() IS 'Refuses an issuer that is not valid';
REVOKE ALL ON FUNCTION contauth.check_issuer() FROM PUBLIC;

CREATE FUNCTION contauth.check_agent() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_agent';
COMMENT ON FUNCTION contauth.check_agent() IS 'Refuses an agent that is not valid';
REVOKE ALL ON FUNCTION contauth.check_agent() FROM PUBLIC;

CREATE FUNCTION contauth.table_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_table_changed';
COMMENT ON FUNCTION contauth.table_changed() IS 'Tells every session to read the table again';
REVOKE ALL ON FUNCTION contauth.table_changed() FROM PUBLIC;

CREATE FUNCTION contauth.record_policy_version() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO contauth.policy_version (policy, old_policy, new_policy)
    VALUES (COALESCE(NEW.name, OLD.name),
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
            CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION contauth.record_policy_version() IS 'Keeps every change of every policy';
REVOKE ALL ON FUNCTION contauth.record_policy_version() FROM PUBLIC;

CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.policy
    FOR EACH ROW EXECUTE FUNCTION contauth.check_policy();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.issuer
    FOR EACH ROW EXECUTE FUNCTION contauth.check_issuer();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.agent
    FOR EACH ROW EXECUTE FUNCTION contauth.check_agent();
CREATE TRIGGER record_version AFTER INSERT OR UPDATE OR DELETE ON contauth.policy
    FOR EACH ROW EXECUTE FUNCTION contauth.record_policy_version();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.policy
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.issuer
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.agent
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.classification
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();

-- on a subscriber, and under session_replication_role = replica, too
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.issuer ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.classification ENABLE ALWAYS TRIGGER changed;

/*
 * Masks.  Nobody can make a value of type mask_call, their last argument: only
 * the library itself can call them, although everybody's queries execute them.
 */

CREATE TYPE contauth.mask_call;
CREATE FUNCTION contauth.mask_call_in(cstring) RETURNS contauth.mask_call
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_call_in';
COMMENT ON FUNCTION contauth.mask_call_in(cstring) IS 'Refuses every input';
CREATE FUNCTION contauth.mask_call_out(contauth.mask_call) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_call_out';
COMMENT ON FUNCTION contauth.mask_call_out(contauth.mask_call) IS 'Shows that contauth calls';
CREATE TYPE contauth.mask_call (
    INPUT = contauth.mask_call_in,
    OUTPUT = contauth.mask_call_out,
    LIKE = integer
);
COMMENT ON TYPE contauth.mask_call IS
    'Marks calls of mask functions that the library makes; has no values for anybody else';

CREATE FUNCTION contauth.mask_redact(value text, mark contauth.mask_call) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_redact';
COMMENT ON FUNCTION contauth.mask_redact(text, contauth.mask_call) IS 'Mask redact';

CREATE FUNCTION contauth.mask_partial(value text, keep_first integer, keep_last integer,
                                      mark contauth.mask_call) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_partial';
COMMENT ON FUNCTION contauth.mask_partial(text, integer, integer, contauth.mask_call) IS
    'Mask partial(first,last)';

CREATE FUNCTION contauth.mask_email(value text, mark contauth.mask_call) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_email';
COMMENT ON FUNCTION contauth.mask_email(text, contauth.mask_call) IS 'Mask email';

CREATE FUNCTION contauth.mask_hash(value text, mark contauth.mask_call) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_hash_text';
COMMENT ON FUNCTION contauth.mask_hash(text, contauth.mask_call) IS 'Mask hash';

CREATE FUNCTION contauth.mask_hash(value bytea, mark contauth.mask_call) RETURNS bytea
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_hash_bytea';
COMMENT ON FUNCTION contauth.mask_hash(bytea, contauth.mask_call) IS 'Mask hash';

CREATE FUNCTION contauth.mask_hash(value uuid, mark contauth.mask_call) RETURNS uuid
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_hash_uuid';
COMMENT ON FUNCTION contauth.mask_hash(uuid, contauth.mask_call) IS 'Mask hash';

/* Functions for agents */

CREATE FUNCTION contauth.authenticate(token text, delegation jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_authenticate';
COMMENT ON FUNCTION contauth.authenticate(text, jsonb) IS
    'Presents a token, for the transaction inside one, else for the session; returns whoami()';

CREATE FUNCTION contauth.whoami() RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'contauth_whoami';
COMMENT ON FUNCTION contauth.whoami() IS
    'The session''s identity: agent, on_behalf_of, chain, depth, autonomy, purpose, source, expires_at';

CREATE FUNCTION contauth.claim(name text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'contauth_claim';
COMMENT ON FUNCTION contauth.claim(text) IS 'A claim of the verified token, NULL when there is none';

CREATE FUNCTION contauth.attribute(name text) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'contauth_attribute';
COMMENT ON FUNCTION contauth.attribute(text) IS 'An attribute of the registered agent, NULL when there is none';

CREATE FUNCTION contauth.my_decision(decision_id uuid) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_my_decision';
COMMENT ON FUNCTION contauth.my_decision(uuid) IS
    'The agent''s own decision of that id, NULL when there is none';

/* Administration: roles */

CREATE FUNCTION contauth.enroll_role(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r pg_roles;
BEGIN
    SELECT * INTO r FROM pg_roles p WHERE p.oid = role;
    IF r.rolsuper OR r.rolreplication THEN
        RAISE EXCEPTION 'role "%" cannot be enrolled', r.rolname
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'It is a superuser or may stream the database, past every check.',
                  HINT = 'Use ALTER ROLE ... NOSUPERUSER NOREPLICATION first.';
    END IF;
    EXECUTE format('GRANT contauth_agent TO %I', r.rolname);
    EXECUTE format('ALTER ROLE %I SET session_preload_libraries = %L', r.rolname, 'contauth');
    PERFORM contauth_audit.record_admin_event('enroll_role', r.rolname, NULL);
END
$$;
COMMENT ON FUNCTION contauth.enroll_role(regrole) IS
    'Governs every session of the role, and keeps it from servers that have not loaded contauth';

CREATE FUNCTION contauth.unenroll_role(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r pg_roles;
BEGIN
    SELECT * INTO r FROM pg_roles p WHERE p.oid = role;
    EXECUTE format('REVOKE contauth_agent FROM %I', r.rolname);
    EXECUTE format('ALTER ROLE %I RESET session_preload_libraries', r.rolname);
    PERFORM contauth_audit.record_admin_event('unenroll_role', r.rolname, NULL);
END
$$;
COMMENT ON FUNCTION contauth.unenroll_role(regrole) IS 'Undoes enroll_role()';

/* Administration: issuers */

CREATE FUNCTION contauth.add_issuer(issuer text, trust_domain text, jwks jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'issuer', issuer, 'trust_domain', trust_domain, 'jwks', jwks));
    INSERT INTO contauth.issuer AS i (issuer, trust_domain, jwks)
        VALUES (add_issuer.issuer, add_issuer.trust_domain, add_issuer.jwks)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'issuer "%" exists already', issuer
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use contauth.set_issuer_keys() to change its keys.';
    END IF;
    PERFORM contauth_audit.record_admin_event('add_issuer', issuer,
        jsonb_build_object('trust_domain', trust_domain, 'jwks', jwks));
END
$$;
COMMENT ON FUNCTION contauth.add_issuer(text, text, jsonb) IS
    'Trusts an issuer for one SPIFFE trust domain, with a JWK Set (RFC 7517) of public keys';

CREATE FUNCTION contauth.set_issuer_keys(issuer text, jwks jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('issuer', issuer, 'jwks', jwks));
    UPDATE contauth.issuer AS i SET jwks = set_issuer_keys.jwks
     WHERE i.issuer = set_issuer_keys.issuer;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'issuer "%" does not exist', issuer
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('set_issuer_keys', issuer,
        jsonb_build_object('jwks', jwks));
END
$$;
COMMENT ON FUNCTION contauth.set_issuer_keys(text, jsonb) IS
    'Replaces an issuer''s keys; tokens signed with a key that is gone are refused from then on';

CREATE FUNCTION contauth.remove_issuer(issuer text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    DELETE FROM contauth.issuer AS i WHERE i.issuer = remove_issuer.issuer;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'issuer "%" does not exist', issuer
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('remove_issuer', issuer, NULL);
END
$$;
COMMENT ON FUNCTION contauth.remove_issuer(text) IS
    'Trusts an issuer no more; its tokens are refused from then on';

/* Administration: agents */

CREATE FUNCTION contauth.register_agent(spiffe_id text, db_roles name[], owner text,
        autonomy integer DEFAULT 1, attributes jsonb DEFAULT '{}',
        expires_at timestamptz DEFAULT 'infinity') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r name;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'spiffe_id', spiffe_id, 'db_roles', db_roles, 'owner', owner,
        'autonomy', autonomy, 'attributes', attributes, 'expires_at', expires_at));
    IF autonomy < 1 OR autonomy > 5 THEN
        RAISE EXCEPTION 'autonomy is not valid: it must be 1 to 5'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH r IN ARRAY db_roles LOOP
        IF NOT EXISTS (SELECT FROM pg_roles p WHERE p.rolname = r) THEN
            RAISE EXCEPTION 'db_roles is not valid: role "%" does not exist', r
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    INSERT INTO contauth.agent AS a
           (spiffe_id, db_roles, owner, autonomy, attributes, expires_at)
    VALUES (register_agent.spiffe_id, register_agent.db_roles, register_agent.owner,
            register_agent.autonomy, register_agent.attributes, register_agent.expires_at)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent "%" is registered already', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('register_agent', spiffe_id,
        jsonb_build_object('db_roles', db_roles, 'owner', owner, 'autonomy', autonomy,
                           'attributes', attributes, 'expires_at', expires_at));
END
$$;
COMMENT ON FUNCTION contauth.register_agent(text, name[], text, integer, jsonb, timestamptz) IS
    'Registers an agent: SPIFFE ID, database roles, owner, autonomy 1 to 5, attributes, end of registration';

CREATE FUNCTION contauth.set_agent_state(spiffe_id text, state text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    before text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'spiffe_id', spiffe_id, 'reason', reason));
    SELECT a.state INTO before FROM contauth.agent AS a
     WHERE a.spiffe_id = set_agent_state.spiffe_id FOR UPDATE;
    IF before IS NULL THEN
        RAISE EXCEPTION 'agent "%" is not registered', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF before = 'retired' THEN
        RAISE EXCEPTION 'agent "%" is retired', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE contauth.agent AS a SET state = set_agent_state.state
     WHERE a.spiffe_id = set_agent_state.spiffe_id;
    PERFORM contauth_audit.record_admin_event('set_agent_state', spiffe_id,
        jsonb_build_object('state', state, 'before', before, 'reason', reason));
END
$$;
COMMENT ON FUNCTION contauth.set_agent_state(text, text, text) IS
    'What suspend_agent(), resume_agent() and retire_agent() do';
REVOKE ALL ON FUNCTION contauth.set_agent_state(text, text, text) FROM PUBLIC;

CREATE FUNCTION contauth.suspend_agent(spiffe_id text, reason text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT contauth.set_agent_state(spiffe_id, 'suspended', reason) $$;
COMMENT ON FUNCTION contauth.suspend_agent(text, text) IS
    'Refuses every statement of the agent until resume_agent()';

CREATE FUNCTION contauth.resume_agent(spiffe_id text, reason text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT contauth.set_agent_state(spiffe_id, 'active', reason) $$;
COMMENT ON FUNCTION contauth.resume_agent(text, text) IS 'Undoes suspend_agent()';

CREATE FUNCTION contauth.retire_agent(spiffe_id text, reason text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT contauth.set_agent_state(spiffe_id, 'retired', reason) $$;
COMMENT ON FUNCTION contauth.retire_agent(text, text) IS 'Refuses every statement of the agent for good';

/* Administration: policies */

CREATE FUNCTION contauth.create_policy(name text, effect text,
        principals text[] DEFAULT '{*}', on_behalf_of text[] DEFAULT '{*}',
        actions text[] DEFAULT '{*}', resources text[] DEFAULT '{*}',
        condition text DEFAULT NULL, row_filter text DEFAULT NULL,
        masks jsonb DEFAULT '{}', limits jsonb DEFAULT '{}',
        monitor_only boolean DEFAULT false, description text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'name', name, 'effect', effect, 'principals', principals,
        'on_behalf_of', on_behalf_of, 'actions', actions, 'resources', resources,
        'masks', masks, 'limits', limits, 'monitor_only', monitor_only));
    INSERT INTO contauth.policy AS p
           (name, effect, principals, on_behalf_of, actions, resources, condition,
            row_filter, masks, limits, monitor_only, description)
    VALUES (create_policy.name, create_policy.effect, create_policy.principals,
            create_policy.on_behalf_of, create_policy.actions, create_policy.resources,
            create_policy.condition, create_policy.row_filter, create_policy.masks,
            create_policy.limits, create_policy.monitor_only, create_policy.description)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy "%" exists already', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('create_policy', name,
        (SELECT to_jsonb(p) FROM contauth.policy AS p WHERE p.name = create_policy.name));
END
$$;
COMMENT ON FUNCTION contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                                           jsonb, jsonb, boolean, text) IS
    'Creates a policy: permit, forbid, escalate or restrict; in force from the commit on';

CREATE FUNCTION contauth.alter_policy(name text, changes jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    known CONSTANT text[] := '{effect,principals,on_behalf_of,actions,resources,condition,row_filter,masks,limits,monitor_only,description}';
    p contauth.policy;
    field text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('name', name, 'changes', changes));
    IF jsonb_typeof(changes) <> 'object' THEN
        RAISE EXCEPTION 'changes is not valid: it must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR field IN SELECT jsonb_object_keys(changes) LOOP
        IF NOT field = ANY (known) THEN
            RAISE EXCEPTION 'changes is not valid: a policy has no field "%"', field
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    SELECT * INTO p FROM contauth.policy AS q
     WHERE q.name = alter_policy.name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy "%" does not exist', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    BEGIN
        p := jsonb_populate_record(p, changes);
    EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN
        RAISE EXCEPTION 'changes is not valid: %', SQLERRM
            USING ERRCODE = 'invalid_parameter_value';
    END;
    PERFORM contauth.require_arguments(jsonb_build_object(
        'effect', p.effect, 'principals', p.principals, 'on_behalf_of', p.on_behalf_of,
        'actions', p.actions, 'resources', p.resources, 'masks', p.masks,
        'limits', p.limits, 'monitor_only', p.monitor_only));
    UPDATE contauth.policy AS q
       SET effect = p.effect, principals = p.principals, on_behalf_of = p.on_behalf_of,
           actions = p.actions, resources = p.resources, condition = p.condition,
           row_filter = p.row_filter, masks = p.masks, limits = p.limits,
           monitor_only = p.monitor_only, description = p.description
     WHERE q.name = alter_policy.name;
    PERFORM contauth_audit.record_admin_event('alter_policy', name, changes);
END
$$;
COMMENT ON FUNCTION contauth.alter_policy(text, jsonb) IS
    'Changes fields of a policy, given as a JSON object with their names and new values';

CREATE FUNCTION contauth.enable_policy(name text, enabled boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('name', name, 'enabled', enabled));
    UPDATE contauth.policy AS p SET enabled = enable_policy.enabled
     WHERE p.name = enable_policy.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy "%" does not exist', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('enable_policy', name,
        jsonb_build_object('enabled', enabled));
END
$$;
COMMENT ON FUNCTION contauth.enable_policy(text, boolean) IS 'Puts a policy into force or out of it';

CREATE FUNCTION contauth.drop_policy(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    DELETE FROM contauth.policy AS p WHERE p.name = drop_policy.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy "%" does not exist', name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('drop_policy', name, NULL);
END
$$;
COMMENT ON FUNCTION contauth.drop_policy(text) IS 'Removes a policy';

CREATE FUNCTION contauth.require_arguments(arguments jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    argument record;
BEGIN
    FOR argument IN SELECT key, value FROM jsonb_each(arguments) LOOP
        IF argument.value = 'null' OR argument.value = '""' THEN
            RAISE EXCEPTION '% is missing', argument.key
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION contauth.require_arguments(jsonb) IS
    'Refuses NULL and empty arguments, by name';
REVOKE ALL ON FUNCTION contauth.require_arguments(jsonb) FROM PUBLIC;

/* Built-in policies: visible, and changed like any other */

INSERT INTO contauth.policy (name, effect, principals, on_behalf_of, actions, resources,
                             masks, limits, monitor_only, description, builtin)
VALUES
('builtin_catalog_read', 'permit', '{*}', '{*}', '{select}',
 '{pg_catalog.*,information_schema.*}', '{}', '{}', false,
 'Drivers and ORMs look up types, tables and columns', true),
('builtin_catalog_closed', 'forbid', '{*}', '{*}', '{*}',
 ARRAY['pg_catalog.pg_authid(rolpassword)', 'pg_catalog.pg_shadow',
       'pg_catalog.pg_statistic', 'pg_catalog.pg_statistic_ext_data',
       'pg_catalog.pg_stats', 'pg_catalog.pg_stats_ext', 'pg_catalog.pg_stats_ext_exprs',
       'pg_catalog.pg_largeobject', 'pg_catalog.pg_largeobject_metadata',
       'pg_catalog.pg_user_mapping', 'pg_catalog.pg_user_mappings',
       'pg_catalog.pg_subscription', 'pg_catalog.pg_replication_origin',
       'pg_catalog.pg_hba_file_rules', 'pg_catalog.pg_file_settings',
       'pg_catalog.pg_stat_activity', 'pg_catalog.pg_stat_replication',
       'contauth_audit.*'],
 '{}', '{}', false,
 'Statistics, passwords, large objects and other sessions show what tables hide', true),
('builtin_functions', 'permit', '{*}', '{*}', '{execute}',
 ARRAY['function:pg_catalog.*', 'function:information_schema.*',
       'function:contauth.authenticate', 'function:contauth.whoami',
       'function:contauth.claim', 'function:contauth.attribute',
       'function:contauth.my_decision', 'function:contauth.mask_*'],
 '{}', '{}', false,
 'Functions that the server brings along, and those for agents', true),
('builtin_functions_closed', 'forbid', '{*}', '{*}', '{execute}',
 ARRAY['function:pg_catalog.pg_read_*', 'function:pg_catalog.pg_ls_*',
       'function:pg_catalog.pg_stat_*', 'function:pg_catalog.pg_current_logfile',
       'function:pg_catalog.pg_hba_file_rules', 'function:pg_catalog.pg_show_all_file_settings',
       'function:pg_catalog.setval', 'function:pg_catalog.lo_*', 'function:pg_catalog.lo*read', 'function:pg_catalog.lo*write',
       'function:pg_catalog.pg_logical_*', 'function:pg_catalog.pg_replication_*',
       'function:pg_catalog.pg_create_*', 'function:pg_catalog.pg_drop_*',
       'function:pg_catalog.pg_copy_*', 'function:pg_catalog.pg_sync_*',
       'function:pg_catalog.pg_get_replication_slots', 'function:pg_catalog.pg_export_snapshot',
       'function:pg_catalog.pg_terminate_backend', 'function:pg_catalog.pg_cancel_backend',
       'function:pg_catalog.pg_log_*', 'function:pg_catalog.pg_reload_conf',
       'function:pg_catalog.pg_rotate_logfile*', 'function:pg_catalog.pg_promote',
       'function:pg_catalog.pg_switch_wal', 'function:pg_catalog.pg_wal_*',
       'function:pg_catalog.pg_backup_*', 'function:pg_catalog.pg_start_backup',
       'function:pg_catalog.pg_stop_backup', 'function:pg_catalog.pg_notify',
       'function:pg_catalog.pg_mcv_list_items', 'function:pg_catalog.pg_config',
       'function:pg_catalog.pg_import_*', 'function:pg_catalog.pg_restore_*',
       'function:pg_catalog.pg_clear_*', 'function:pg_catalog.pg_set_*',
       'function:pg_catalog.brin_*', 'function:pg_catalog.gin_clean_pending_list',
       'function:pg_catalog.binary_upgrade_*', 'function:pg_catalog.pg_nextoid',
       'function:pg_catalog.pg_stop_making_pinned_objects',
       'function:pg_catalog.pg_lock_status', 'function:pg_catalog.pg_prepared_xact',
       'function:pg_catalog.pg_listening_channels'],
 '{}', '{}', false,
 'Files, large objects, replication, statistics and other sessions', true);

/* Dumps carry what administrators have entered */

SELECT pg_catalog.pg_extension_config_dump('contauth.issuer', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.agent', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy_version', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy_version_version_seq', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.classification',
    'WHERE class <> ALL (''{public,internal,confidential,restricted,secret,pii,phi,pci}'')');

-- with wal_level = minimal, a sequence used in the transaction that made it
-- would fall behind at a crash
SELECT pg_catalog.setval('contauth.policy_version_version_seq', pg_catalog.max(version))
  FROM contauth.policy_version;

/* Privileges */

REVOKE ALL ON ALL TABLES IN SCHEMA contauth FROM PUBLIC;
GRANT SELECT ON contauth.issuer, contauth.agent, contauth.policy,
                contauth.policy_version, contauth.classification
    TO contauth_admin, contauth_auditor;
GRANT INSERT, UPDATE, DELETE ON contauth.classification TO contauth_admin;

REVOKE ALL ON FUNCTION
    contauth.enroll_role(regrole), contauth.unenroll_role(regrole),
    contauth.add_issuer(text, text, jsonb), contauth.set_issuer_keys(text, jsonb),
    contauth.remove_issuer(text),
    contauth.register_agent(text, name[], text, integer, jsonb, timestamptz),
    contauth.suspend_agent(text, text), contauth.resume_agent(text, text),
    contauth.retire_agent(text, text),
    contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                           jsonb, jsonb, boolean, text),
    contauth.alter_policy(text, jsonb), contauth.enable_policy(text, boolean),
    contauth.drop_policy(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth.enroll_role(regrole), contauth.unenroll_role(regrole),
    contauth.add_issuer(text, text, jsonb), contauth.set_issuer_keys(text, jsonb),
    contauth.remove_issuer(text),
    contauth.register_agent(text, name[], text, integer, jsonb, timestamptz),
    contauth.suspend_agent(text, text), contauth.resume_agent(text, text),
    contauth.retire_agent(text, text),
    contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                           jsonb, jsonb, boolean, text),
    contauth.alter_policy(text, jsonb), contauth.enable_policy(text, boolean),
    contauth.drop_policy(text)
    TO contauth_admin;
REVOKE ALL ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid)
    TO PUBLIC;

/* Audit: schema contauth_audit */

CREATE SCHEMA contauth_audit;
COMMENT ON SCHEMA contauth_audit IS
    'Audit of governed sessions and of administration, for compliance teams';
REVOKE ALL ON SCHEMA contauth_audit FROM PUBLIC;
GRANT USAGE ON SCHEMA contauth_audit TO contauth_auditor;

/* The columns and their order are part of the canonical form (docs/audit-format.md) */
CREATE TABLE contauth_audit.decision (
    decision_id      uuid NOT NULL,
    seq              bigint NOT NULL,
    boot_id          uuid NOT NULL,
    decided_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    decision         text NOT NULL,
    mode             text NOT NULL,
    reason_code      text,
    reason           text,
    policies         text[],
    policy_version   bigint,
    domain           text,
    agent            text,
    on_behalf_of     text,
    chain            jsonb,
    depth            integer,
    autonomy         integer,
    purpose          text,
    task_id          text,
    trace_id         text,
    token_kid        text,
    token_jti        text,
    token_sha256     text,
    db_role          text,
    database         text,
    application_name text,
    client_addr      inet,
    tls              boolean,
    action           text[],
    accesses         jsonb,
    max_sensitivity  integer,
    statement_kind   text,
    query_id         bigint,
    statement_sha256 text,
    statement        text,
    rows_returned    bigint,
    rows_affected    bigint,
    decision_us      bigint,
    execution_us     bigint,
    sqlstate         text,
    approval_id      uuid,
    context          jsonb,
    prev_hash        bytea NOT NULL,
    hash             bytea NOT NULL
) PARTITION BY RANGE (decided_at);

COMMENT ON TABLE contauth_audit.decision IS
    'One row per top-level statement of a governed session, chained by hashes; written by the audit worker';
COMMENT ON COLUMN contauth_audit.decision.decision_id IS 'Identifier told to the agent';
COMMENT ON COLUMN contauth_audit.decision.seq IS 'Position in the chain, from 1, without gaps';
COMMENT ON COLUMN contauth_audit.decision.boot_id IS 'Drawn anew at each start of the server';
COMMENT ON COLUMN contauth_audit.decision.decided_at IS 'When the decision was made';
COMMENT ON COLUMN contauth_audit.decision.finished_at IS 'When the statement ended';
COMMENT ON COLUMN contauth_audit.decision.decision IS 'allow, deny or escalate';
COMMENT ON COLUMN contauth_audit.decision.mode IS 'contauth.mode at the time: enforce, monitor or off';
COMMENT ON COLUMN contauth_audit.decision.reason_code IS 'Reason, for programs';
COMMENT ON COLUMN contauth_audit.decision.reason IS 'Reason, for people';
COMMENT ON COLUMN contauth_audit.decision.policies IS 'Policies that matched, the deciding one first';
COMMENT ON COLUMN contauth_audit.decision.policy_version IS 'Version of the policy set';
COMMENT ON COLUMN contauth_audit.decision.domain IS 'application, infrastructure, data or ai';
COMMENT ON COLUMN contauth_audit.decision.agent IS 'SPIFFE ID of the acting agent';
COMMENT ON COLUMN contauth_audit.decision.on_behalf_of IS 'Root of the delegation chain';
COMMENT ON COLUMN contauth_audit.decision.chain IS 'Delegation chain, root first';
COMMENT ON COLUMN contauth_audit.decision.depth IS 'Length of the delegation chain';
COMMENT ON COLUMN contauth_audit.decision.autonomy IS 'Effective autonomy, 1 to 5';
COMMENT ON COLUMN contauth_audit.decision.purpose IS 'Purpose, as claimed or self-asserted';
COMMENT ON COLUMN contauth_audit.decision.task_id IS 'Task, self-asserted';
COMMENT ON COLUMN contauth_audit.decision.trace_id IS 'Trace, self-asserted';
COMMENT ON COLUMN contauth_audit.decision.token_kid IS 'Key that signed the token';
COMMENT ON COLUMN contauth_audit.decision.token_jti IS 'Identifier of the token';
COMMENT ON COLUMN contauth_audit.decision.token_sha256 IS 'SHA-256 of the token, lower-case hexadecimal; the token is never stored';
COMMENT ON COLUMN contauth_audit.decision.db_role IS 'Database role of the session';
COMMENT ON COLUMN contauth_audit.decision.database IS 'Database of the session';
COMMENT ON COLUMN contauth_audit.decision.application_name IS 'Application name, self-asserted';
COMMENT ON COLUMN contauth_audit.decision.client_addr IS 'Address of the client, NULL for a Unix socket';
COMMENT ON COLUMN contauth_audit.decision.tls IS 'Whether the connection was encrypted';
COMMENT ON COLUMN contauth_audit.decision.action IS 'Actions of the statement';
COMMENT ON COLUMN contauth_audit.decision.accesses IS 'One element per relation and action, nested statements included';
COMMENT ON COLUMN contauth_audit.decision.max_sensitivity IS 'Highest sensitivity touched, 0 to 4';
COMMENT ON COLUMN contauth_audit.decision.statement_kind IS 'Kind of statement';
COMMENT ON COLUMN contauth_audit.decision.query_id IS 'As in pg_stat_statements';
COMMENT ON COLUMN contauth_audit.decision.statement_sha256 IS 'SHA-256 of the normalised statement, lower-case hexadecimal';
COMMENT ON COLUMN contauth_audit.decision.statement IS 'Statement without literals, unless contauth.audit_statement is full';
COMMENT ON COLUMN contauth_audit.decision.rows_returned IS 'Rows sent to the client';
COMMENT ON COLUMN contauth_audit.decision.rows_affected IS 'Rows changed';
COMMENT ON COLUMN contauth_audit.decision.decision_us IS 'Time to decide, microseconds';
COMMENT ON COLUMN contauth_audit.decision.execution_us IS 'Time to execute, microseconds';
COMMENT ON COLUMN contauth_audit.decision.sqlstate IS 'How the statement ended, 00000 for success';
COMMENT ON COLUMN contauth_audit.decision.approval_id IS 'Approval request that was opened or used';
COMMENT ON COLUMN contauth_audit.decision.context IS 'What conditions could see besides';
COMMENT ON COLUMN contauth_audit.decision.prev_hash IS 'hash of the row before, 32 zero bytes for the first';
COMMENT ON COLUMN contauth_audit.decision.hash IS 'SHA-256 of prev_hash and the canonical form of this row';

CREATE INDEX decision_seq_idx ON contauth_audit.decision (seq);
CREATE INDEX decision_decision_id_idx ON contauth_audit.decision (decision_id);
CREATE INDEX decision_agent_idx ON contauth_audit.decision (agent, decided_at);

/*
 * Monthly partitions are made ahead by the audit worker, from its first start
 * on.  They are not members of the extension, so that pg_dump dumps them.
 */
CREATE TABLE contauth_audit.decision_default
    PARTITION OF contauth_audit.decision DEFAULT;
COMMENT ON TABLE contauth_audit.decision_default IS
    'Rows for which no monthly partition exists';

CREATE TABLE contauth_audit.admin_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text NOT NULL,
    db_role  text NOT NULL,
    action   text NOT NULL,
    object   text,
    detail   jsonb
);
COMMENT ON TABLE contauth_audit.admin_event IS
    'Acts of administration, written by the functions that perform them';
COMMENT ON COLUMN contauth_audit.admin_event.event_id IS 'Number of the event';
COMMENT ON COLUMN contauth_audit.admin_event.at IS 'When it happened';
COMMENT ON COLUMN contauth_audit.admin_event.actor IS 'Session user';
COMMENT ON COLUMN contauth_audit.admin_event.db_role IS 'Role in effect';
COMMENT ON COLUMN contauth_audit.admin_event.action IS 'What was done';
COMMENT ON COLUMN contauth_audit.admin_event.object IS 'To what';
COMMENT ON COLUMN contauth_audit.admin_event.detail IS 'Particulars';
CREATE INDEX admin_event_at_idx ON contauth_audit.admin_event (at);

SELECT pg_catalog.pg_extension_config_dump('contauth_audit.decision', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.decision_default', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.admin_event', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.admin_event_event_id_seq', '');

/*
 * Nobody changes records, superusers included.  The functions of this file are
 * all in C and look nothing up by search_path, so they do not set it.
 */

CREATE FUNCTION contauth_audit.refuse_change() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_refuse_change';
COMMENT ON FUNCTION contauth_audit.refuse_change() IS
    'Refuses every change of audit records that contauth does not make itself';
REVOKE ALL ON FUNCTION contauth_audit.refuse_change() FROM PUBLIC;

/* per row: also for rows that no statement of ours brings (logical replication) */
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.decision
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.decision
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.decision_default
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.admin_event
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.admin_event
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
ALTER TABLE contauth_audit.decision ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.decision ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.decision_default ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.admin_event ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.admin_event ENABLE ALWAYS TRIGGER refuse_statement;

/* Functions */

CREATE FUNCTION contauth_audit.record_admin_event(action text, object text, detail jsonb)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_record_admin_event';
COMMENT ON FUNCTION contauth_audit.record_admin_event(text, text, jsonb) IS
    'Records an act of administration; for the administration functions';
REVOKE ALL ON FUNCTION contauth_audit.record_admin_event(text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION contauth_audit.verify(
        from_seq bigint DEFAULT NULL, to_seq bigint DEFAULT NULL)
    RETURNS TABLE (ok boolean, checked bigint, first_bad bigint, damage text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1
    AS 'MODULE_PATHNAME', 'contauth_audit_verify';
COMMENT ON FUNCTION contauth_audit.verify(bigint, bigint) IS
    'Finds the first edited, missing, reordered or truncated record';
REVOKE ALL ON FUNCTION contauth_audit.verify(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.verify(bigint, bigint) TO contauth_auditor;

CREATE FUNCTION contauth_audit.sync(timeout interval DEFAULT '5 s')
    RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_sync';
COMMENT ON FUNCTION contauth_audit.sync(interval) IS
    'Waits until every record made so far is in the table; false after the timeout';
REVOKE ALL ON FUNCTION contauth_audit.sync(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.sync(interval) TO contauth_auditor;

CREATE FUNCTION contauth_audit.attach() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_attach';
COMMENT ON FUNCTION contauth_audit.attach() IS
    'Makes this database keep the audit of the server, unless another one does';
REVOKE ALL ON FUNCTION contauth_audit.attach() FROM PUBLIC;

/* Views */

CREATE VIEW contauth_audit.denials AS
    SELECT d.seq, d.decided_at, d.decision_id, d.mode, d.agent, d.on_behalf_of,
           d.db_role, d.database, d.action, d.reason_code, d.reason,
           d.policies, d.statement_kind, d.statement, d.sqlstate
      FROM contauth_audit.decision AS d
     WHERE d.decision OPERATOR(pg_catalog.=) 'deny';
COMMENT ON VIEW contauth_audit.denials IS
    'Denied statements; with mode monitor, those that would have been denied';

CREATE VIEW contauth_audit.escalations AS
    SELECT d.seq, d.decided_at, d.decision_id, d.mode, d.agent, d.on_behalf_of,
           d.db_role, d.database, d.action, d.decision, d.reason_code, d.reason,
           d.policies, d.approval_id, d.statement_kind, d.statement, d.sqlstate
      FROM contauth_audit.decision AS d
     WHERE d.decision OPERATOR(pg_catalog.=) 'escalate'
        OR d.approval_id IS NOT NULL;
COMMENT ON VIEW contauth_audit.escalations IS
    'Statements that needed an approval, and those that used one';

CREATE VIEW contauth_audit.agent_activity AS
    SELECT d.agent,
           pg_catalog.count(*) AS statements,
           pg_catalog.count(*) FILTER (WHERE d.decision OPERATOR(pg_catalog.=) 'allow') AS allowed,
           pg_catalog.count(*) FILTER (WHERE d.decision OPERATOR(pg_catalog.=) 'deny') AS denied,
           pg_catalog.count(*) FILTER (WHERE d.decision OPERATOR(pg_catalog.=) 'escalate') AS escalated,
           pg_catalog.sum(d.rows_returned) AS rows_returned,
           pg_catalog.sum(d.rows_affected) AS rows_affected,
           pg_catalog.max(d.max_sensitivity) AS max_sensitivity,
           pg_catalog.min(d.decided_at) AS first_seen,
           pg_catalog.max(d.decided_at) AS last_seen
      FROM contauth_audit.decision AS d
     GROUP BY d.agent;
COMMENT ON VIEW contauth_audit.agent_activity IS
    'What each agent has done, summed up; NULL for sessions without an identity';

/* Privileges */

REVOKE ALL ON ALL TABLES IN SCHEMA contauth_audit FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA contauth_audit FROM PUBLIC;
GRANT SELECT ON contauth_audit.decision, contauth_audit.admin_event,
                contauth_audit.denials, contauth_audit.escalations,
                contauth_audit.agent_activity
    TO contauth_auditor;

/* Last of all: from the commit on this database can keep the audit */
SELECT contauth_audit.attach();
