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

CREATE TABLE contauth.trust_bundle (
    trust_domain text COLLATE "C" PRIMARY KEY,
    ca_pem       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE contauth.trust_bundle IS 'Whose X.509-SVIDs are accepted, for which trust domain';
COMMENT ON COLUMN contauth.trust_bundle.trust_domain IS 'SPIFFE trust domain';
COMMENT ON COLUMN contauth.trust_bundle.ca_pem IS 'CA certificates in PEM that its X.509-SVIDs must chain to';
COMMENT ON COLUMN contauth.trust_bundle.created_at IS 'When it was first added';

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

CREATE TABLE contauth.agent_key (
    spiffe_id  text COLLATE "C" NOT NULL
               REFERENCES contauth.agent ON UPDATE CASCADE ON DELETE CASCADE,
    kid        text COLLATE "C" NOT NULL,
    jwk        jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (spiffe_id, kid)
);
COMMENT ON TABLE contauth.agent_key IS 'Keys with which agents sign delegation grants';
COMMENT ON COLUMN contauth.agent_key.spiffe_id IS 'The agent';
COMMENT ON COLUMN contauth.agent_key.kid IS 'Key ID, unique for the agent';
COMMENT ON COLUMN contauth.agent_key.jwk IS 'Public key as a JWK (RFC 7517)';
COMMENT ON COLUMN contauth.agent_key.created_at IS 'When it was added';

CREATE FUNCTION contauth.policy_key(principals text[], resources text[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_policy_key';
COMMENT ON FUNCTION contauth.policy_key(text[], text[]) IS
    'What sessions find a policy by: the agents or objects that it is for';
REVOKE ALL ON FUNCTION contauth.policy_key(text[], text[]) FROM PUBLIC;

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
    created_by   text NOT NULL DEFAULT session_user,
    version      bigint NOT NULL,
    key          text COLLATE "C" NOT NULL
                 GENERATED ALWAYS AS (contauth.policy_key(principals, resources)) STORED
);
CREATE INDEX policy_by_key ON contauth.policy (key);
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
COMMENT ON COLUMN contauth.policy.version IS 'Version of the policy set that changed it last; 0: as installed';
COMMENT ON COLUMN contauth.policy.key IS 'What sessions find it by';

CREATE TABLE contauth.policy_version (
    version    bigint NOT NULL,
    policy     text COLLATE "C" NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL DEFAULT session_user,
    changed_in xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    old_policy jsonb,
    new_policy jsonb,
    PRIMARY KEY (version, policy)
);
COMMENT ON TABLE contauth.policy_version IS
    'Every change of every policy; a transaction that changes policies makes one version of the set';
COMMENT ON COLUMN contauth.policy_version.version IS 'Version of the policy set after the change';
COMMENT ON COLUMN contauth.policy_version.policy IS 'Name of the policy';
COMMENT ON COLUMN contauth.policy_version.changed_at IS 'When it was made';
COMMENT ON COLUMN contauth.policy_version.changed_by IS 'Who made it';
COMMENT ON COLUMN contauth.policy_version.changed_in IS 'Transaction that made it';
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
    description text,
    seeded      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE contauth.classification IS 'Classes that labels may name; they rank what is below them, too';
COMMENT ON COLUMN contauth.classification.class IS 'Name, hierarchical by dots';
COMMENT ON COLUMN contauth.classification.sensitivity IS '0 public, 1 internal, 2 confidential, 3 restricted, 4 secret';
COMMENT ON COLUMN contauth.classification.description IS 'What belongs to it';
COMMENT ON COLUMN contauth.classification.seeded IS 'Whether the extension brought it along';

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

INSERT INTO contauth.classification (class, sensitivity, description, seeded) VALUES
    ('public', 0, 'May be seen by everybody', true),
    ('internal', 1, 'For people and agents of the organisation', true),
    ('confidential', 2, 'For those who need it for their work', true),
    ('restricted', 3, 'For few, named in policies', true),
    ('secret', 4, 'For nobody without a reason on record', true),
    ('pii', 3, 'Personally identifiable information', true),
    ('phi', 3, 'Health information', true),
    ('pci', 3, 'Payment card data', true);

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
    high_water       integer,
    statements_1m    integer,
    rows_1h          bigint,
    denials_1h       integer
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

CREATE FUNCTION contauth.check_trust_bundle() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_trust_bundle';
COMMENT ON FUNCTION contauth.check_trust_bundle() IS 'Refuses a trust bundle that is not valid';
REVOKE ALL ON FUNCTION contauth.check_trust_bundle() FROM PUBLIC;

CREATE FUNCTION contauth.check_agent() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_agent';
COMMENT ON FUNCTION contauth.check_agent() IS 'Refuses an agent that is not valid';
REVOKE ALL ON FUNCTION contauth.check_agent() FROM PUBLIC;

CREATE FUNCTION contauth.check_agent_key() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_agent_key';
COMMENT ON FUNCTION contauth.check_agent_key() IS 'Refuses an agent''s key that is not valid';
REVOKE ALL ON FUNCTION contauth.check_agent_key() FROM PUBLIC;

CREATE FUNCTION contauth.table_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_table_changed';
COMMENT ON FUNCTION contauth.table_changed() IS 'Tells every session to read the table again';
REVOKE ALL ON FUNCTION contauth.table_changed() FROM PUBLIC;

/*
 * Changes of policies come one after the other, so that a version holds all
 * that earlier ones do: the lock conflicts with itself, not with readers.
 */
CREATE FUNCTION contauth.lock_policies() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'contauth.policy cannot be truncated'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Use contauth.apply_policies() to replace the set.';
    END IF;
    LOCK TABLE contauth.policy IN SHARE UPDATE EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION contauth.lock_policies() IS 'Lets changes of policies come one after the other';
REVOKE ALL ON FUNCTION contauth.lock_policies() FROM PUBLIC;

/*
 * A row that arrives with a version is that of a restored dump: its history
 * arrives by itself, and it takes the place of what CREATE EXTENSION brought.
 */
CREATE FUNCTION contauth.record_policy_version() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    newest contauth.policy_version;
    present bigint;
BEGIN
    IF TG_OP = 'INSERT' AND NEW.version IS NOT NULL THEN
        DELETE FROM contauth.policy AS p WHERE p.name = NEW.name AND p.builtin AND p.version = 0;
        RETURN NEW;
    ELSIF TG_OP = 'INSERT' AND EXISTS (SELECT FROM contauth.policy AS p WHERE p.name = NEW.name) THEN
        NEW.version := 0;       -- will conflict
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' AND OLD.builtin THEN
        IF pg_trigger_depth() > 1 THEN
            RETURN OLD;         -- makes room for a restored one
        END IF;
        RAISE EXCEPTION 'policy "%" is built in and cannot be dropped', OLD.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use contauth.enable_policy() to put it out of force.';
    ELSIF TG_OP = 'UPDATE' AND NEW.name <> OLD.name THEN
        RAISE EXCEPTION 'policy "%" cannot be renamed', OLD.name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    SELECT * INTO newest FROM contauth.policy_version AS v ORDER BY v.version DESC LIMIT 1;
    present := COALESCE(newest.version, 0) + 1;
    IF newest.changed_in = pg_current_xact_id() AND newest.changed_at >= now() THEN
        present := newest.version;
    END IF;
    INSERT INTO contauth.policy_version AS v (version, policy, old_policy, new_policy)
    VALUES (present, CASE WHEN TG_OP = 'DELETE' THEN OLD.name ELSE NEW.name END,
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - '{key,version}'::text[] END,
            CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - '{key,version}'::text[] END)
        ON CONFLICT ON CONSTRAINT policy_version_pkey
        DO UPDATE SET new_policy = EXCLUDED.new_policy, changed_at = EXCLUDED.changed_at;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.version := present;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION contauth.record_policy_version() IS 'Keeps every change of every policy';
REVOKE ALL ON FUNCTION contauth.record_policy_version() FROM PUBLIC;

CREATE FUNCTION contauth.keep_seeded_class() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.seeded THEN
            RAISE EXCEPTION 'class "%" is seeded and cannot be deleted', OLD.class
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Its sensitivity can be changed.';
        END IF;
        RETURN OLD;
    END IF;
    -- a restored class takes the place of the seeded one
    UPDATE contauth.classification AS c
       SET sensitivity = NEW.sensitivity, description = NEW.description
     WHERE NEW.seeded AND c.seeded AND c.class = NEW.class;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION contauth.keep_seeded_class() IS 'Keeps the seeded classes, and lets a dump restore them';
REVOKE ALL ON FUNCTION contauth.keep_seeded_class() FROM PUBLIC;

CREATE FUNCTION contauth.restore_secret() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE contauth.secret AS s SET key = NEW.key WHERE s.name = NEW.name;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION contauth.restore_secret() IS 'Lets the key of a dump take the place of the one that was drawn';
REVOKE ALL ON FUNCTION contauth.restore_secret() FROM PUBLIC;

CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.policy
    FOR EACH ROW EXECUTE FUNCTION contauth.check_policy();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.issuer
    FOR EACH ROW EXECUTE FUNCTION contauth.check_issuer();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.trust_bundle
    FOR EACH ROW EXECUTE FUNCTION contauth.check_trust_bundle();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.agent
    FOR EACH ROW EXECUTE FUNCTION contauth.check_agent();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.agent_key
    FOR EACH ROW EXECUTE FUNCTION contauth.check_agent_key();
CREATE TRIGGER lock_policies BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.policy
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.lock_policies();
CREATE TRIGGER record_version BEFORE INSERT OR UPDATE OR DELETE ON contauth.policy
    FOR EACH ROW EXECUTE FUNCTION contauth.record_policy_version();
CREATE TRIGGER keep_seeded BEFORE INSERT OR DELETE ON contauth.classification
    FOR EACH ROW EXECUTE FUNCTION contauth.keep_seeded_class();
CREATE TRIGGER restore BEFORE INSERT ON contauth.secret
    FOR EACH ROW EXECUTE FUNCTION contauth.restore_secret();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.policy
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.policy
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.issuer
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.issuer
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.trust_bundle
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.trust_bundle
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.agent
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.agent
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.agent_key
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.agent_key
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.classification
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.classification
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();

-- on a subscriber, where only row triggers fire, and under
-- session_replication_role = replica, too
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.issuer ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.issuer ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.issuer ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.trust_bundle ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.trust_bundle ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.trust_bundle ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.agent_key ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.agent_key ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.agent_key ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.classification ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.classification ENABLE ALWAYS TRIGGER emptied;

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

CREATE FUNCTION contauth.mask_regex(value text, pattern text, replacement text,
                                    mark contauth.mask_call) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_regex';
COMMENT ON FUNCTION contauth.mask_regex(text, text, text, contauth.mask_call) IS 'Mask regex(pattern, replacement)';

CREATE FUNCTION contauth.mask_fpe(value text, tweak text, mark contauth.mask_call) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'contauth_mask_fpe_text';
COMMENT ON FUNCTION contauth.mask_fpe(text, text, contauth.mask_call) IS 'Mask fpe';

CREATE FUNCTION contauth.mask_fpe(value integer, tweak text,
                                  mark contauth.mask_call) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'contauth_mask_fpe_int4';
COMMENT ON FUNCTION contauth.mask_fpe(integer, text, contauth.mask_call) IS 'Mask fpe';

CREATE FUNCTION contauth.mask_fpe(value bigint, tweak text, mark contauth.mask_call) RETURNS bigint
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 100
    AS 'MODULE_PATHNAME', 'contauth_mask_fpe_int8';
COMMENT ON FUNCTION contauth.mask_fpe(bigint, text, contauth.mask_call) IS 'Mask fpe';

CREATE FUNCTION contauth.mask_range(value smallint, step bigint,
                                    mark contauth.mask_call) RETURNS smallint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_range_int2';
COMMENT ON FUNCTION contauth.mask_range(smallint, bigint, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_range(value integer, step bigint,
                                    mark contauth.mask_call) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_range_int4';
COMMENT ON FUNCTION contauth.mask_range(integer, bigint, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_range(value bigint, step bigint,
                                    mark contauth.mask_call) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_range_int8';
COMMENT ON FUNCTION contauth.mask_range(bigint, bigint, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_range(value numeric, step numeric, typmod integer,
                                    mark contauth.mask_call) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'contauth_mask_range_numeric';
COMMENT ON FUNCTION contauth.mask_range(numeric, numeric, integer, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_range(value real, step numeric, mark contauth.mask_call) RETURNS real
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'contauth_mask_range_float4';
COMMENT ON FUNCTION contauth.mask_range(real, numeric, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_range(value double precision, step numeric,
                                    mark contauth.mask_call) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10
    AS 'MODULE_PATHNAME', 'contauth_mask_range_float8';
COMMENT ON FUNCTION contauth.mask_range(double precision, numeric, contauth.mask_call) IS 'Mask range(step)';

CREATE FUNCTION contauth.mask_noise(value smallint, fraction numeric,
                                    mark contauth.mask_call) RETURNS smallint
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_int2';
COMMENT ON FUNCTION contauth.mask_noise(smallint, numeric, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_noise(value integer, fraction numeric,
                                    mark contauth.mask_call) RETURNS integer
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_int4';
COMMENT ON FUNCTION contauth.mask_noise(integer, numeric, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_noise(value bigint, fraction numeric,
                                    mark contauth.mask_call) RETURNS bigint
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_int8';
COMMENT ON FUNCTION contauth.mask_noise(bigint, numeric, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_noise(value numeric, fraction numeric, typmod integer,
                                    mark contauth.mask_call) RETURNS numeric
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_numeric';
COMMENT ON FUNCTION contauth.mask_noise(numeric, numeric, integer, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_noise(value real, fraction numeric,
                                    mark contauth.mask_call) RETURNS real
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_float4';
COMMENT ON FUNCTION contauth.mask_noise(real, numeric, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_noise(value double precision, fraction numeric,
                                    mark contauth.mask_call) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL SAFE COST 20
    AS 'MODULE_PATHNAME', 'contauth_mask_noise_float8';
COMMENT ON FUNCTION contauth.mask_noise(double precision, numeric, contauth.mask_call) IS 'Mask noise(fraction)';

CREATE FUNCTION contauth.mask_truncate(value date, unit text, mark contauth.mask_call) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_truncate_date';
COMMENT ON FUNCTION contauth.mask_truncate(date, text, contauth.mask_call) IS 'Mask truncate(unit)';

CREATE FUNCTION contauth.mask_truncate(value time, unit text, mark contauth.mask_call) RETURNS time
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_truncate_time';
COMMENT ON FUNCTION contauth.mask_truncate(time, text, contauth.mask_call) IS 'Mask truncate(unit)';

CREATE FUNCTION contauth.mask_truncate(value timestamp, unit text,
                                       mark contauth.mask_call) RETURNS timestamp
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_truncate_timestamp';
COMMENT ON FUNCTION contauth.mask_truncate(timestamp, text, contauth.mask_call) IS 'Mask truncate(unit)';

CREATE FUNCTION contauth.mask_truncate(value timestamptz, unit text,
                                       mark contauth.mask_call) RETURNS timestamptz
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_mask_truncate_timestamp';
COMMENT ON FUNCTION contauth.mask_truncate(timestamptz, text, contauth.mask_call) IS 'Mask truncate(unit)';

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

CREATE FUNCTION contauth.why(sql text)
    RETURNS TABLE (relation text, action text, decision text, policies text[],
                   columns text[], uncovered text[], masks jsonb, row_filter text,
                   limits jsonb, reason text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5
    AS 'MODULE_PATHNAME', 'contauth_why';
COMMENT ON FUNCTION contauth.why(text) IS
    'What would be decided about a statement for the session''s agent, and why, one row for each relation and action; runs nothing of it';

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
    IF EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
                WHERE p.proowner = role AND NOT t.tgisinternal) THEN
        RAISE WARNING 'triggers call functions that role "%" owns', r.rolname
            USING DETAIL = 'They see rows as they are stored, and run as whoever changes them.',
                  HINT = 'Give the functions another owner, or drop the triggers.';
    END IF;
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

CREATE FUNCTION contauth.add_trust_bundle(trust_domain text, ca_pem text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    before text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'trust_domain', trust_domain, 'ca_pem', ca_pem));
    SELECT b.ca_pem INTO before FROM contauth.trust_bundle AS b
     WHERE b.trust_domain = add_trust_bundle.trust_domain FOR UPDATE;
    INSERT INTO contauth.trust_bundle (trust_domain, ca_pem)
        VALUES (add_trust_bundle.trust_domain, add_trust_bundle.ca_pem)
        ON CONFLICT ON CONSTRAINT trust_bundle_pkey
        DO UPDATE SET ca_pem = EXCLUDED.ca_pem;
    PERFORM contauth_audit.record_admin_event('add_trust_bundle', trust_domain,
        jsonb_build_object('ca_pem', ca_pem, 'before', before));
END
$$;
COMMENT ON FUNCTION contauth.add_trust_bundle(text, text) IS
    'Trusts CA certificates (PEM) to issue X.509-SVIDs of one SPIFFE trust domain, in place of those it had';

CREATE FUNCTION contauth.remove_trust_bundle(trust_domain text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    before text;
BEGIN
    DELETE FROM contauth.trust_bundle AS b
     WHERE b.trust_domain = remove_trust_bundle.trust_domain
    RETURNING b.ca_pem INTO before;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'trust domain "%" has no trust bundle', trust_domain
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('remove_trust_bundle', trust_domain,
        jsonb_build_object('before', before));
END
$$;
COMMENT ON FUNCTION contauth.remove_trust_bundle(text) IS
    'Trusts no CA for the trust domain any more; its X.509-SVIDs are refused from then on';

/* Administration: agents */

CREATE FUNCTION contauth.check_agent_arguments(db_roles name[], owner text,
        autonomy integer, attributes jsonb, expires_at timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r name;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'db_roles', db_roles, 'owner', owner, 'autonomy', autonomy,
        'attributes', attributes, 'expires_at', expires_at));
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
END
$$;
COMMENT ON FUNCTION contauth.check_agent_arguments(name[], text, integer, jsonb, timestamptz) IS
    'Refuses what an agent cannot be registered with, by the argument''s name';
REVOKE ALL ON FUNCTION contauth.check_agent_arguments(name[], text, integer, jsonb, timestamptz) FROM PUBLIC;

CREATE FUNCTION contauth.register_agent(spiffe_id text, db_roles name[], owner text,
        autonomy integer DEFAULT 1, attributes jsonb DEFAULT '{}',
        expires_at timestamptz DEFAULT 'infinity') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('spiffe_id', spiffe_id));
    PERFORM contauth.check_agent_arguments(db_roles, owner, autonomy, attributes, expires_at);
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

CREATE FUNCTION contauth.alter_agent(spiffe_id text, changes jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    known CONSTANT text[] := '{db_roles,owner,autonomy,attributes,expires_at}';
    a contauth.agent;
    field text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'spiffe_id', spiffe_id, 'changes', changes));
    IF jsonb_typeof(changes) <> 'object' THEN
        RAISE EXCEPTION 'changes is not valid: it must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR field IN SELECT jsonb_object_keys(changes) LOOP
        IF NOT field = ANY (known) THEN
            RAISE EXCEPTION 'changes is not valid: an agent has no field "%" to change', field
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    SELECT * INTO a FROM contauth.agent AS g
     WHERE g.spiffe_id = alter_agent.spiffe_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent "%" is not registered', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    BEGIN
        a := jsonb_populate_record(a, changes);
    EXCEPTION WHEN data_exception OR syntax_error_or_access_rule_violation THEN
        RAISE EXCEPTION 'changes is not valid: %', SQLERRM
            USING ERRCODE = 'invalid_parameter_value';
    END;
    PERFORM contauth.check_agent_arguments(a.db_roles, a.owner, a.autonomy,
                                           a.attributes, a.expires_at);
    UPDATE contauth.agent AS g
       SET db_roles = a.db_roles, owner = a.owner, autonomy = a.autonomy,
           attributes = a.attributes, expires_at = a.expires_at
     WHERE g.spiffe_id = alter_agent.spiffe_id;
    PERFORM contauth_audit.record_admin_event('alter_agent', spiffe_id, changes);
END
$$;
COMMENT ON FUNCTION contauth.alter_agent(text, jsonb) IS
    'Changes db_roles, owner, autonomy, attributes or expires_at of an agent, given as a JSON object';

CREATE FUNCTION contauth.add_agent_key(spiffe_id text, jwk jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    kid text := jwk ->> 'kid';
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'spiffe_id', spiffe_id, 'jwk', jwk));
    IF jsonb_typeof(jwk) <> 'object' THEN
        RAISE EXCEPTION 'jwk is not valid: it must be a JSON object'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM contauth.agent AS a
                    WHERE a.spiffe_id = add_agent_key.spiffe_id) THEN
        RAISE EXCEPTION 'agent "%" is not registered', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF kid IS NULL THEN
        kid := contauth.jwk_thumbprint(jwk);
        jwk := jwk || jsonb_build_object('kid', kid);
    END IF;
    INSERT INTO contauth.agent_key AS k (spiffe_id, kid, jwk)
        VALUES (add_agent_key.spiffe_id, kid, jwk)
        ON CONFLICT ON CONSTRAINT agent_key_pkey DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent "%" has a key "%" already', spiffe_id, kid
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use contauth.remove_agent_key() to take it away.';
    END IF;
    PERFORM contauth_audit.record_admin_event('add_agent_key', spiffe_id, jwk);
END
$$;
COMMENT ON FUNCTION contauth.add_agent_key(text, jsonb) IS
    'Lets an agent sign delegation grants with a key: its public JWK (RFC 7517), named by its thumbprint (RFC 7638) unless it has a kid';

CREATE FUNCTION contauth.jwk_thumbprint(jwk jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT translate(rtrim(encode(sha256(convert_to(concat('{',
               string_agg(concat(to_json(m.key), ':', m.value), ',' ORDER BY m.key COLLATE "C"),
               '}'), 'UTF8')), 'base64'), '='), '+/', '-_')
      FROM jsonb_each(jwk) AS m
     WHERE m.key = ANY (CASE jwk ->> 'kty' WHEN 'RSA' THEN '{e,kty,n}'::text[]
                                           WHEN 'EC' THEN '{crv,kty,x,y}'
                                           ELSE '{crv,kty,x}' END)
$$;
COMMENT ON FUNCTION contauth.jwk_thumbprint(jsonb) IS
    'Thumbprint of a public JWK (RFC 7638), base64url of its SHA-256';
REVOKE ALL ON FUNCTION contauth.jwk_thumbprint(jsonb) FROM PUBLIC;

CREATE FUNCTION contauth.remove_agent_key(spiffe_id text, kid text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    DELETE FROM contauth.agent_key AS k
     WHERE k.spiffe_id = remove_agent_key.spiffe_id AND k.kid = remove_agent_key.kid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agent "%" has no key "%"', spiffe_id, kid
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('remove_agent_key', spiffe_id,
        jsonb_build_object('kid', kid));
END
$$;
COMMENT ON FUNCTION contauth.remove_agent_key(text, text) IS
    'Trusts an agent''s key no more; grants signed with it are refused from then on';

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
        (SELECT to_jsonb(p) - '{key,version}'::text[] FROM contauth.policy AS p WHERE p.name = create_policy.name));
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
    LOCK TABLE contauth.policy IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT * INTO p FROM contauth.policy AS q WHERE q.name = alter_policy.name;
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

/* Administration: whole sets of policies */

CREATE FUNCTION contauth.policy_fields(p contauth.policy) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT to_jsonb(p) - '{builtin,created_at,created_by,version,key}'::text[]
$$;
COMMENT ON FUNCTION contauth.policy_fields(contauth.policy) IS
    'What a bundle says about a policy';
REVOKE ALL ON FUNCTION contauth.policy_fields(contauth.policy) FROM PUBLIC;

CREATE FUNCTION contauth.policy_of_fields(fields jsonb) RETURNS contauth.policy
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    defaults CONSTANT jsonb := '{"principals": ["*"], "on_behalf_of": ["*"], "actions": ["*"],
        "resources": ["*"], "condition": null, "row_filter": null, "masks": {}, "limits": {},
        "monitor_only": false, "description": null, "enabled": true}';
    types CONSTANT jsonb := '{"name": "string", "effect": "string", "principals": "array",
        "on_behalf_of": "array", "actions": "array", "resources": "array", "condition": "string",
        "row_filter": "string", "masks": "object", "limits": "object", "monitor_only": "boolean",
        "description": "string", "enabled": "boolean"}';
    p contauth.policy;
    field record;
BEGIN
    FOR field IN SELECT f.key, jsonb_typeof(f.value) AS type FROM jsonb_each(fields) AS f LOOP
        IF types -> field.key IS NULL THEN
            RAISE EXCEPTION 'a policy has no field "%"', field.key
                USING ERRCODE = 'invalid_parameter_value';
        ELSIF field.type NOT IN ('null', types ->> field.key) THEN
            RAISE EXCEPTION '% is not valid: it must be of JSON type %', field.key, types ->> field.key
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    p := jsonb_populate_record(NULL::contauth.policy, defaults || fields);
    PERFORM contauth.require_arguments(jsonb_build_object(
        'name', p.name, 'effect', p.effect, 'principals', p.principals,
        'on_behalf_of', p.on_behalf_of, 'actions', p.actions, 'resources', p.resources,
        'masks', p.masks, 'limits', p.limits, 'monitor_only', p.monitor_only,
        'enabled', p.enabled));
    RETURN p;
END
$$;
COMMENT ON FUNCTION contauth.policy_of_fields(jsonb) IS
    'The policy that a bundle describes, with create_policy()''s defaults for what it leaves out';
REVOKE ALL ON FUNCTION contauth.policy_of_fields(jsonb) FROM PUBLIC;

CREATE FUNCTION contauth.replace_policy(name text, fields jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    present contauth.policy;
    wanted contauth.policy;
BEGIN
    SELECT * INTO present FROM contauth.policy AS p WHERE p.name = replace_policy.name;
    IF fields IS NULL THEN
        DELETE FROM contauth.policy AS p WHERE p.name = replace_policy.name;
        RETURN 'drop';
    END IF;
    wanted := contauth.policy_of_fields(fields);
    IF present.name IS NULL THEN
        INSERT INTO contauth.policy
               (name, effect, principals, on_behalf_of, actions, resources, condition,
                row_filter, masks, limits, monitor_only, description, enabled)
        VALUES (wanted.name, wanted.effect, wanted.principals, wanted.on_behalf_of,
                wanted.actions, wanted.resources, wanted.condition, wanted.row_filter,
                wanted.masks, wanted.limits, wanted.monitor_only, wanted.description,
                wanted.enabled);
        RETURN 'create';
    ELSIF contauth.policy_fields(present) = contauth.policy_fields(wanted) THEN
        RETURN NULL;
    END IF;
    UPDATE contauth.policy AS p
       SET effect = wanted.effect, principals = wanted.principals,
           on_behalf_of = wanted.on_behalf_of, actions = wanted.actions,
           resources = wanted.resources, condition = wanted.condition,
           row_filter = wanted.row_filter, masks = wanted.masks, limits = wanted.limits,
           monitor_only = wanted.monitor_only, description = wanted.description,
           enabled = wanted.enabled
     WHERE p.name = replace_policy.name;
    RETURN 'alter';
END
$$;
COMMENT ON FUNCTION contauth.replace_policy(text, jsonb) IS
    'Makes one policy what a bundle says, or drops it for NULL; returns create, alter, drop or, when nothing changes, NULL';
REVOKE ALL ON FUNCTION contauth.replace_policy(text, jsonb) FROM PUBLIC;

/*
 * Each policy is tried by itself, so that all problems come to light.  What is
 * undone at the end leaves no version and no event.
 */
CREATE FUNCTION contauth.replace_policies(wanted jsonb, dry_run boolean)
    RETURNS TABLE (name text, change text, problem text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    one record;
    names text[] := '{}';
    changes text[] := '{}';
    problems text[] := '{}';
    found_change text;
    found_problem text;
BEGIN
    LOCK TABLE contauth.policy IN SHARE UPDATE EXCLUSIVE MODE;
    BEGIN
        FOR one IN SELECT w.key, NULLIF(w.value, 'null') AS value
                     FROM jsonb_each(wanted) AS w ORDER BY w.key COLLATE "C" LOOP
            found_problem := NULL;
            BEGIN
                found_change := contauth.replace_policy(one.key, one.value);
            EXCEPTION WHEN OTHERS THEN
                found_problem := SQLERRM;
                found_change := CASE
                    WHEN one.value IS NULL THEN 'drop'
                    WHEN EXISTS (SELECT FROM contauth.policy AS p WHERE p.name = one.key) THEN 'alter'
                    ELSE 'create' END;
            END;
            IF found_change IS NOT NULL THEN
                names := names || one.key;
                changes := changes || found_change;
                problems := problems || found_problem;
            END IF;
        END LOOP;
        IF dry_run OR array_remove(problems, NULL) <> '{}' THEN
            RAISE EXCEPTION SQLSTATE 'ZA000' USING MESSAGE = 'undo';
        END IF;
    EXCEPTION WHEN SQLSTATE 'ZA000' THEN
        NULL;
    END;
    RETURN QUERY SELECT * FROM unnest(names, changes, problems);
END
$$;
COMMENT ON FUNCTION contauth.replace_policies(jsonb, boolean) IS
    'Makes policies, by name, what a JSON object says (null: dropped); nothing changes in a dry run or when there is a problem';
REVOKE ALL ON FUNCTION contauth.replace_policies(jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION contauth.conclude_replacement(event text, object text, result jsonb, dry_run boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    problems CONSTANT jsonb := jsonb_path_query_array(result, '$[*] ? (@.problem != null)');
BEGIN
    IF dry_run THEN
        RETURN;
    ELSIF jsonb_array_length(problems) > 0 THEN
        RAISE EXCEPTION '% is not valid: policy "%": %', object,
                problems -> 0 ->> 'name', problems -> 0 ->> 'problem'
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Nothing was changed; there are %s problems.',
                                  jsonb_array_length(problems));
    END IF;
    PERFORM contauth_audit.record_admin_event(event, object, jsonb_build_object('changes', result));
END
$$;
COMMENT ON FUNCTION contauth.conclude_replacement(text, text, jsonb, boolean) IS
    'Refuses a replacement of policies that has problems, and records one that has none';
REVOKE ALL ON FUNCTION contauth.conclude_replacement(text, text, jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION contauth.apply_policies(bundle jsonb, dry_run boolean DEFAULT false)
    RETURNS TABLE (name text, change text, problem text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    wanted jsonb;
    result jsonb;
    bad text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('bundle', bundle, 'dry_run', dry_run));
    IF jsonb_typeof(bundle) <> 'object' OR jsonb_typeof(bundle -> 'policies') IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'bundle is not valid: it must be a JSON object with an array "policies"'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT k INTO bad FROM jsonb_object_keys(bundle) AS k WHERE k <> 'policies';
    IF FOUND THEN
        RAISE EXCEPTION 'bundle is not valid: it has no member "%"', bad
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT format('element %s of "policies" is no object with a name', e.ordinality) INTO bad
      FROM jsonb_array_elements(bundle -> 'policies') WITH ORDINALITY AS e
     WHERE jsonb_typeof(e.value) <> 'object' OR jsonb_typeof(e.value -> 'name') IS DISTINCT FROM 'string'
        OR e.value ->> 'name' = '';
    IF NOT FOUND THEN
        SELECT format('policy "%s" stands in it more than once', e.value ->> 'name') INTO bad
          FROM jsonb_array_elements(bundle -> 'policies') AS e
         GROUP BY e.value ->> 'name' HAVING count(*) > 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'bundle is not valid: %', bad
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    SELECT COALESCE(jsonb_object_agg(u.name, u.fields), '{}') INTO wanted
      FROM (SELECT e.value ->> 'name' AS name, e.value AS fields
              FROM jsonb_array_elements(bundle -> 'policies') AS e
            UNION ALL
            SELECT p.name, NULL FROM contauth.policy AS p
             WHERE NOT p.builtin AND NOT EXISTS (
                   SELECT FROM jsonb_array_elements(bundle -> 'policies') AS e
                    WHERE e.value ->> 'name' = p.name)) AS u;
    SELECT COALESCE(jsonb_agg(to_jsonb(r)), '[]') INTO result
      FROM contauth.replace_policies(wanted, dry_run) AS r;
    PERFORM contauth.conclude_replacement('apply_policies', 'bundle', result, dry_run);
    RETURN QUERY SELECT f.name, f.change, f.problem
                   FROM jsonb_to_recordset(result) AS f (name text, change text, problem text);
END
$$;
COMMENT ON FUNCTION contauth.apply_policies(jsonb, boolean) IS
    'Replaces the policies by those of {"policies": [...]}, all at once or not at all; built-in ones that it does not name stay. A dry run tells what would change and what is wrong';

CREATE FUNCTION contauth.rollback_policies(version bigint)
    RETURNS TABLE (name text, change text, problem text)
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    newest bigint;
    wanted jsonb;
    result jsonb;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('version', version));
    LOCK TABLE contauth.policy IN SHARE UPDATE EXCLUSIVE MODE;
    SELECT COALESCE(max(v.version), 0) INTO newest FROM contauth.policy_version AS v;
    IF version < 0 OR version > newest THEN
        RAISE EXCEPTION 'version is not valid: there are versions 0 to %', newest
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- what changed since is what it was before its first change
    SELECT COALESCE(jsonb_object_agg(l.policy, l.old_policy - '{builtin,created_at,created_by}'::text[]), '{}')
      INTO wanted
      FROM (SELECT DISTINCT ON (v.policy) v.policy, v.old_policy
              FROM contauth.policy_version AS v
             WHERE v.version > rollback_policies.version
             ORDER BY v.policy, v.version) AS l
     WHERE l.old_policy IS NOT NULL
        OR EXISTS (SELECT FROM contauth.policy AS p WHERE p.name = l.policy);
    SELECT COALESCE(jsonb_agg(to_jsonb(r)), '[]') INTO result
      FROM contauth.replace_policies(wanted, false) AS r;
    PERFORM contauth.conclude_replacement('rollback_policies', 'version ' || version, result, false);
    RETURN QUERY SELECT f.name, f.change, f.problem
                   FROM jsonb_to_recordset(result) AS f (name text, change text, problem text);
END
$$;
COMMENT ON FUNCTION contauth.rollback_policies(bigint) IS
    'Makes the policies what they were at a version, as a new version; returns what changed';

CREATE FUNCTION contauth.export_policies() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT jsonb_build_object('policies',
               COALESCE(jsonb_agg(contauth.policy_fields(p) ORDER BY p.name), '[]'))
      FROM contauth.policy AS p
     WHERE NOT p.builtin OR p.version > 0
$$;
COMMENT ON FUNCTION contauth.export_policies() IS
    'The policies as a bundle for apply_policies(); built-in ones only when they have been changed';

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
                             masks, limits, monitor_only, description, builtin, version)
VALUES
('builtin_catalog_read', 'permit', '{*}', '{*}', '{select}',
 '{pg_catalog.*,information_schema.*}', '{}', '{}', false,
 'Drivers and ORMs look up types, tables and columns', true, 0),
('builtin_catalog_closed', 'forbid', '{*}', '{*}', '{*}',
 ARRAY['pg_catalog.pg_authid(rolpassword)', 'pg_catalog.pg_shadow',
       'pg_catalog.pg_statistic', 'pg_catalog.pg_statistic_ext_data',
       'pg_catalog.pg_stats', 'pg_catalog.pg_stats_ext', 'pg_catalog.pg_stats_ext_exprs',
       'pg_catalog.pg_largeobject', 'pg_catalog.pg_largeobject_metadata',
       'pg_catalog.pg_user_mapping(umoptions)', 'pg_catalog.pg_user_mappings(umoptions)',
       'pg_catalog.pg_subscription(subconninfo)', 'pg_catalog.pg_replication_origin',
       'pg_catalog.pg_hba_file_rules', 'pg_catalog.pg_file_settings',
       'pg_catalog.pg_stat_activity', 'pg_catalog.pg_stat_replication',
       'pg_catalog.pg_prepared_statements', 'pg_catalog.pg_cursors',
       'contauth_audit.*'],
 '{}', '{}', false,
 'Statistics, passwords, large objects and other sessions show what tables hide', true, 0),
('builtin_catalog_masked', 'restrict', '{*}', '{*}', '{select}',
 '{pg_catalog.pg_attribute(attmissingval)}',
 '{"pg_catalog.pg_attribute.attmissingval": "null"}', '{}', false,
 'A column that was added with a default has its value there, for all rows from before', true, 0),
('builtin_functions', 'permit', '{*}', '{*}', '{execute}',
 ARRAY['function:pg_catalog.*', 'function:information_schema.*',
       'function:contauth.authenticate', 'function:contauth.whoami',
       'function:contauth.claim', 'function:contauth.attribute',
       'function:contauth.my_decision', 'function:contauth.why',
       'function:contauth.mask_*'],
 '{}', '{}', false,
 'Functions that the server brings along, and those for agents', true, 0),
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
       'function:pg_catalog.pg_listening_channels',
       'function:pg_catalog.pg_prepared_statement', 'function:pg_catalog.pg_cursor'],
 '{}', '{}', false,
 'Files, large objects, replication, statistics and other sessions', true, 0);

/* Dumps carry what administrators have entered */

SELECT pg_catalog.pg_extension_config_dump('contauth.issuer', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.trust_bundle', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.agent', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.agent_key', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy_version', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.classification', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.secret', '');

/* Privileges */

REVOKE ALL ON ALL TABLES IN SCHEMA contauth FROM PUBLIC;
GRANT SELECT ON contauth.issuer, contauth.trust_bundle, contauth.agent,
                contauth.agent_key, contauth.policy, contauth.policy_version, contauth.classification
    TO contauth_admin, contauth_auditor;
GRANT INSERT, UPDATE, DELETE ON contauth.classification TO contauth_admin;

REVOKE ALL ON FUNCTION
    contauth.enroll_role(regrole), contauth.unenroll_role(regrole),
    contauth.add_issuer(text, text, jsonb), contauth.set_issuer_keys(text, jsonb),
    contauth.remove_issuer(text),
    contauth.add_trust_bundle(text, text), contauth.remove_trust_bundle(text),
    contauth.register_agent(text, name[], text, integer, jsonb, timestamptz),
    contauth.alter_agent(text, jsonb),
    contauth.add_agent_key(text, jsonb), contauth.remove_agent_key(text, text),
    contauth.suspend_agent(text, text), contauth.resume_agent(text, text),
    contauth.retire_agent(text, text),
    contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                           jsonb, jsonb, boolean, text),
    contauth.alter_policy(text, jsonb), contauth.enable_policy(text, boolean),
    contauth.drop_policy(text), contauth.apply_policies(jsonb, boolean),
    contauth.rollback_policies(bigint), contauth.export_policies()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth.enroll_role(regrole), contauth.unenroll_role(regrole),
    contauth.add_issuer(text, text, jsonb), contauth.set_issuer_keys(text, jsonb),
    contauth.remove_issuer(text),
    contauth.add_trust_bundle(text, text), contauth.remove_trust_bundle(text),
    contauth.register_agent(text, name[], text, integer, jsonb, timestamptz),
    contauth.alter_agent(text, jsonb),
    contauth.add_agent_key(text, jsonb), contauth.remove_agent_key(text, text),
    contauth.suspend_agent(text, text), contauth.resume_agent(text, text),
    contauth.retire_agent(text, text),
    contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                           jsonb, jsonb, boolean, text),
    contauth.alter_policy(text, jsonb), contauth.enable_policy(text, boolean),
    contauth.drop_policy(text), contauth.apply_policies(jsonb, boolean),
    contauth.rollback_policies(bigint), contauth.export_policies()
    TO contauth_admin;
REVOKE ALL ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid), contauth.why(text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid), contauth.why(text)
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
COMMENT ON COLUMN contauth_audit.decision.boot_id IS 'Drawn anew at each start of the server; of what a standby recorded, its spool';
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

CREATE TABLE contauth_audit.spool (
    spool_id       uuid NOT NULL,
    segment        integer NOT NULL,
    start_position bigint NOT NULL,
    end_position   bigint NOT NULL CHECK (end_position > start_position),
    first_seq      bigint NOT NULL,
    last_seq       bigint NOT NULL,
    carried_at     timestamptz NOT NULL,
    PRIMARY KEY (spool_id, segment, start_position)
);
COMMENT ON TABLE contauth_audit.spool IS
    'What has been carried from the spools of standbys into contauth_audit.decision';
COMMENT ON COLUMN contauth_audit.spool.spool_id IS 'Spool; the rows have it as boot_id';
COMMENT ON COLUMN contauth_audit.spool.segment IS 'Segment of the spool';
COMMENT ON COLUMN contauth_audit.spool.start_position IS 'Where the records begin in the segment, bytes';
COMMENT ON COLUMN contauth_audit.spool.end_position IS 'Where they end';
COMMENT ON COLUMN contauth_audit.spool.first_seq IS 'seq of the first row';
COMMENT ON COLUMN contauth_audit.spool.last_seq IS 'seq of the last row';
COMMENT ON COLUMN contauth_audit.spool.carried_at IS 'When they were carried';

SELECT pg_catalog.pg_extension_config_dump('contauth_audit.decision', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.decision_default', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.admin_event', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.spool', '');
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
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.spool
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.spool
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
ALTER TABLE contauth_audit.decision ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.decision ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.decision_default ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.admin_event ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.admin_event ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.spool ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.spool ENABLE ALWAYS TRIGGER refuse_statement;

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
    'Waits until every record made so far is in the table, on a standby in the spool; false after the timeout';
REVOKE ALL ON FUNCTION contauth_audit.sync(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.sync(interval) TO contauth_auditor;

CREATE FUNCTION contauth_audit.spool_read(max_records integer DEFAULT 10000)
    RETURNS TABLE (spool_id uuid, segment integer, "position" bigint, record bytea)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_spool_read';
COMMENT ON FUNCTION contauth_audit.spool_read(integer) IS
    'Records in the spool of this server that its tables do not have, oldest first';
REVOKE ALL ON FUNCTION contauth_audit.spool_read(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.spool_read(integer) TO contauth_auditor;

CREATE FUNCTION contauth_audit.spool_release() RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_spool_release';
COMMENT ON FUNCTION contauth_audit.spool_release() IS
    'Removes on a standby the segments of the spool whose records are in the tables; returns how many';
REVOKE ALL ON FUNCTION contauth_audit.spool_release() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.spool_release() TO contauth_auditor;

/* Who calls it says what was decided elsewhere: for superusers */
CREATE FUNCTION contauth_audit.carry(
        spool_id uuid, segment integer, "position" bigint, records bytea[])
    RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_carry';
COMMENT ON FUNCTION contauth_audit.carry(uuid, integer, bigint, bytea[]) IS
    'Carries records that spool_read() returned on a standby into the tables, each once; false when that is still to be done';
REVOKE ALL ON FUNCTION contauth_audit.carry(uuid, integer, bigint, bytea[]) FROM PUBLIC;

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
                contauth_audit.spool,
                contauth_audit.denials, contauth_audit.escalations,
                contauth_audit.agent_activity
    TO contauth_auditor;

/* Last of all: from the commit on this database can keep the audit */
SELECT contauth_audit.attach();
