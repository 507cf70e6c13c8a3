/* contauth 0.1 to 0.2 */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION contauth UPDATE TO '0.2'" to load this file. \quit

/*
 * What is new stands here word for word as in contauth--0.2.sql, and in its
 * order; what has changed is converted first.  The end must be the catalog that
 * CREATE EXTENSION makes: test/t/031_upgrade.pl compares the two.
 *
 * Sessions notice the new version when a row of pg_namespace changes (see
 * base/catalog.c), which the GRANT on schema contauth_audit below does.
 *
 * Names without a schema are those of pg_catalog.
 */

SET LOCAL search_path = pg_catalog, pg_temp;

CREATE TABLE contauth.trust_bundle (
    trust_domain text COLLATE "C" PRIMARY KEY,
    ca_pem       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE contauth.trust_bundle IS 'Whose X.509-SVIDs are accepted, for which trust domain';
COMMENT ON COLUMN contauth.trust_bundle.trust_domain IS 'SPIFFE trust domain';
COMMENT ON COLUMN contauth.trust_bundle.ca_pem IS 'CA certificates in PEM that its X.509-SVIDs must chain to';
COMMENT ON COLUMN contauth.trust_bundle.created_at IS 'When it was first added';

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

CREATE TABLE contauth.revocation (
    kind       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    reason     text NOT NULL,
    revoked_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    revoked_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (id, kind)
);
COMMENT ON TABLE contauth.revocation IS 'What is refused wherever it stands in a chain';
COMMENT ON COLUMN contauth.revocation.kind IS 'agent, token, grant, principal, issuer or trust_domain';
COMMENT ON COLUMN contauth.revocation.id IS 'Its name; of a token or grant its jti, or its SHA-256 in hex';
COMMENT ON COLUMN contauth.revocation.reason IS 'Why';
COMMENT ON COLUMN contauth.revocation.revoked_at IS 'When';
COMMENT ON COLUMN contauth.revocation.revoked_by IS 'Session user who did it';

CREATE TABLE contauth.kill_switch_state (
    one        boolean PRIMARY KEY DEFAULT true
               CONSTRAINT kill_switch_state_one CHECK (one),
    active     boolean NOT NULL,
    reason     text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE contauth.kill_switch_state IS 'The kill switch of this database; no row: it was never used';
COMMENT ON COLUMN contauth.kill_switch_state.one IS 'There is one row at most';
COMMENT ON COLUMN contauth.kill_switch_state.active IS 'Whether every governed session is stopped';
COMMENT ON COLUMN contauth.kill_switch_state.reason IS 'Why it is as it is';
COMMENT ON COLUMN contauth.kill_switch_state.changed_at IS 'Since when';
COMMENT ON COLUMN contauth.kill_switch_state.changed_by IS 'Session user who did it';

CREATE TABLE contauth.break_glass_grant (
    id           uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    agent        text COLLATE "C" NOT NULL,
    reason       text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    opened_by    text NOT NULL DEFAULT session_user,
    ends_at      timestamptz NOT NULL,
    closed_at    timestamptz,
    closed_by    text,
    close_reason text,
    reviewed_at  timestamptz,
    reviewed_by  text,
    verdict      text,
    CONSTRAINT break_glass_grant_short
        CHECK (ends_at > opened_at AND ends_at <= opened_at + interval '8 hours'),
    CONSTRAINT break_glass_grant_closed
        CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CONSTRAINT break_glass_grant_reviewed
        CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL)
               AND (reviewed_at IS NULL) = (verdict IS NULL)
               AND reviewed_by IS DISTINCT FROM opened_by)
);
CREATE INDEX break_glass_grant_agent ON contauth.break_glass_grant (agent);
COMMENT ON TABLE contauth.break_glass_grant IS 'Break-glass: for whom it was opened, why, and what came of it';
COMMENT ON COLUMN contauth.break_glass_grant.id IS 'As records of decisions name it in their context';
COMMENT ON COLUMN contauth.break_glass_grant.agent IS 'SPIFFE ID of the agent that it is open for';
COMMENT ON COLUMN contauth.break_glass_grant.reason IS 'Why it was opened';
COMMENT ON COLUMN contauth.break_glass_grant.opened_at IS 'When';
COMMENT ON COLUMN contauth.break_glass_grant.opened_by IS 'Session user who opened it';
COMMENT ON COLUMN contauth.break_glass_grant.ends_at IS 'When it ends by itself';
COMMENT ON COLUMN contauth.break_glass_grant.closed_at IS 'When it was closed before; NULL: it was not';
COMMENT ON COLUMN contauth.break_glass_grant.closed_by IS 'Session user who closed it';
COMMENT ON COLUMN contauth.break_glass_grant.close_reason IS 'Why it was closed';
COMMENT ON COLUMN contauth.break_glass_grant.reviewed_at IS 'When it was reviewed; NULL: it was not';
COMMENT ON COLUMN contauth.break_glass_grant.reviewed_by IS 'Session user who reviewed it, never the one who opened it';
COMMENT ON COLUMN contauth.break_glass_grant.verdict IS 'What the review came to';

CREATE FUNCTION contauth.policy_key(principals text[], resources text[]) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_policy_key';
COMMENT ON FUNCTION contauth.policy_key(text[], text[]) IS
    'What sessions find a policy by: the agents or objects that it is for';
REVOKE ALL ON FUNCTION contauth.policy_key(text[], text[]) FROM PUBLIC;

/*
 * Policies know the version that changed them last, and the history has one
 * version for each transaction.  Old policies are not checked again: what this
 * library does not understand is refused when it is used, by name.
 */

DROP TRIGGER record_version ON contauth.policy;
DROP TRIGGER changed ON contauth.policy;
DROP TRIGGER changed ON contauth.issuer;
DROP TRIGGER changed ON contauth.agent;
DROP TRIGGER changed ON contauth.classification;
ALTER TABLE contauth.policy DISABLE TRIGGER check_row;

ALTER EXTENSION contauth DROP SEQUENCE contauth.policy_version_version_seq;
ALTER EXTENSION contauth DROP TABLE contauth.policy_version;
ALTER TABLE contauth.policy_version RENAME TO policy_version_0_1;
-- the new table takes their names; from PostgreSQL 18 on NOT NULL is a constraint, too
DO $$
DECLARE
    c name;
BEGIN
    FOR c IN SELECT conname FROM pg_catalog.pg_constraint
              WHERE conrelid OPERATOR(pg_catalog.=) 'contauth.policy_version_0_1'::pg_catalog.regclass
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE contauth.policy_version_0_1 RENAME CONSTRAINT %I TO %I',
                                  c, pg_catalog.concat('old_', c));
    END LOOP;
END
$$;

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

-- the built-in policies as installed are version 0 now, and no change; no
-- transaction has changed_in 0, so that none adds to these versions
INSERT INTO contauth.policy_version (version, policy, changed_at, changed_by, changed_in,
                                     old_policy, new_policy)
SELECT v.version, v.policy, v.changed_at, v.changed_by, '0', v.old_policy, v.new_policy
  FROM contauth.policy_version_0_1 AS v
 WHERE NOT (v.old_policy IS NULL
            AND v.new_policy @> '{"builtin": true}');

ALTER TABLE contauth.policy ADD COLUMN version bigint;
UPDATE contauth.policy AS p
   SET version = COALESCE((SELECT max(v.version) FROM contauth.policy_version AS v
                            WHERE v.policy = p.name), 0);
ALTER TABLE contauth.policy ALTER COLUMN version SET NOT NULL;
ALTER TABLE contauth.policy
    ADD COLUMN key text COLLATE "C" NOT NULL
        GENERATED ALWAYS AS (contauth.policy_key(principals, resources)) STORED;
CREATE INDEX policy_by_key ON contauth.policy (key);
COMMENT ON COLUMN contauth.policy.version IS 'Version of the policy set that changed it last; 0: as installed';
COMMENT ON COLUMN contauth.policy.key IS 'What sessions find it by';

/*
 * Built-in policies: visible, and changed like any other.  They are those of
 * 0.2, out of force where they were (or were dropped, which is no longer
 * possible); what an administrator has written into one stays.
 */

CREATE TABLE contauth.builtin_0_1 AS SELECT * FROM contauth.policy WHERE builtin;
DELETE FROM contauth.policy WHERE builtin;

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
       'pg_catalog.pg_hba_file_rules', 'pg_catalog.pg_ident_file_mappings', 'pg_catalog.pg_file_settings',
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
       'function:contauth.cancel_request',
       'function:contauth.mask_*'],
 '{}', '{}', false,
 'Functions that the server brings along, and those for agents', true, 0),
('builtin_functions_closed', 'forbid', '{*}', '{*}', '{execute}',
 ARRAY['function:pg_catalog.pg_read_*', 'function:pg_catalog.pg_ls_*',
       'function:pg_catalog.pg_stat_*', 'function:pg_catalog.pg_current_logfile',
       'function:pg_catalog.pg_hba_file_rules', 'function:pg_catalog.pg_ident_file_mappings',
       'function:pg_catalog.pg_show_all_file_settings',
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
       'function:pg_catalog.pg_prepared_statement', 'function:pg_catalog.pg_cursor',
       'function:pg_catalog.pg_get_backend_memory_contexts', 'function:pg_catalog.pg_get_aios',
       'function:pg_catalog.currtid*'],
 '{}', '{}', false,
 'Files, large objects, replication, statistics and other sessions', true, 0);

DO $$
DECLARE
    written CONSTANT text[] := '{effect,principals,on_behalf_of,actions,resources,condition,row_filter,masks,limits,monitor_only,description}';
    installed jsonb;
    present contauth.builtin_0_1;
    p contauth.policy;
BEGIN
    FOR p IN SELECT * FROM contauth.policy AS q WHERE q.builtin LOOP
        SELECT v.new_policy INTO installed FROM contauth.policy_version_0_1 AS v
         WHERE v.policy = p.name AND v.old_policy IS NULL ORDER BY v.version LIMIT 1;
        SELECT * INTO present FROM contauth.builtin_0_1 AS o WHERE o.name = p.name;
        IF NOT FOUND THEN           -- dropped, or new in 0.2
            UPDATE contauth.policy AS q
               SET enabled = false,
                   version = (SELECT max(v.version) FROM contauth.policy_version_0_1 AS v
                               WHERE v.policy = p.name)
             WHERE q.name = p.name AND installed IS NOT NULL;
            CONTINUE;
        END IF;
        UPDATE contauth.policy AS q
           SET enabled = present.enabled, version = present.version,
               created_at = present.created_at, created_by = present.created_by
         WHERE q.name = p.name;
        IF EXISTS (SELECT FROM unnest(written) AS f
                    WHERE to_jsonb(present) -> f IS DISTINCT FROM installed -> f) THEN
            UPDATE contauth.policy AS q
               SET effect = present.effect, principals = present.principals,
                   on_behalf_of = present.on_behalf_of, actions = present.actions,
                   resources = present.resources, condition = present.condition,
                   row_filter = present.row_filter, masks = present.masks,
                   limits = present.limits, monitor_only = present.monitor_only,
                   description = present.description
             WHERE q.name = p.name;
            RAISE WARNING 'built-in policy "%" has been altered and stays as it is', p.name
                USING DETAIL = 'Its resources in contauth 0.2 are ' || array_to_string(p.resources, ', ') || '.',
                      HINT = 'Use contauth.alter_policy() to take over what is new in it.';
        END IF;
    END LOOP;
END
$$;
DROP TABLE contauth.builtin_0_1;
DROP TABLE contauth.policy_version_0_1;

/* Classes: those that the extension brings along are known by a column of theirs */

ALTER TABLE contauth.classification ADD COLUMN seeded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN contauth.classification.seeded IS 'Whether the extension brought it along';
INSERT INTO contauth.classification (class, sensitivity, description, seeded) VALUES
    ('public', 0, 'May be seen by everybody', true),
    ('internal', 1, 'For people and agents of the organisation', true),
    ('confidential', 2, 'For those who need it for their work', true),
    ('restricted', 3, 'For few, named in policies', true),
    ('secret', 4, 'For nobody without a reason on record', true),
    ('pii', 3, 'Personally identifiable information', true),
    ('phi', 3, 'Health information', true),
    ('pci', 3, 'Payment card data', true)
    ON CONFLICT (class) DO UPDATE SET seeded = true;

CREATE TABLE contauth.principal (
    db_role    name NOT NULL,
    principal  text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (db_role, principal)
);
COMMENT ON TABLE contauth.principal IS
    'Who a role is in delegation chains, so that nobody approves for himself';
COMMENT ON COLUMN contauth.principal.db_role IS 'Name of the role';
COMMENT ON COLUMN contauth.principal.principal IS 'SPIFFE ID, or iss|sub';
COMMENT ON COLUMN contauth.principal.created_at IS 'When it was set';
COMMENT ON COLUMN contauth.principal.created_by IS 'Who set it';

/* What conditions see as ctx */

DROP TYPE contauth.context;
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
    target_sensitivity integer,
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
    high_water_1h    integer,
    statements_1m    integer,
    rows_1h          bigint,
    denials_1h       integer,
    domain           text,
    request          jsonb
);
COMMENT ON TYPE contauth.context IS 'The authorization request as policy conditions see it, under the name ctx';

CREATE FUNCTION contauth.check_trust_bundle() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_trust_bundle';
COMMENT ON FUNCTION contauth.check_trust_bundle() IS 'Refuses a trust bundle that is not valid';
REVOKE ALL ON FUNCTION contauth.check_trust_bundle() FROM PUBLIC;

CREATE FUNCTION contauth.check_agent_key() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_agent_key';
COMMENT ON FUNCTION contauth.check_agent_key() IS 'Refuses an agent''s key that is not valid';
REVOKE ALL ON FUNCTION contauth.check_agent_key() FROM PUBLIC;

CREATE FUNCTION contauth.check_revocation() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_check_revocation';
COMMENT ON FUNCTION contauth.check_revocation() IS 'Refuses a revocation that is not valid';
REVOKE ALL ON FUNCTION contauth.check_revocation() FROM PUBLIC;

CREATE FUNCTION contauth.refuse_governed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_refuse_governed';
COMMENT ON FUNCTION contauth.refuse_governed() IS 'Refuses governed sessions, whatever policies say';
REVOKE ALL ON FUNCTION contauth.refuse_governed() FROM PUBLIC;

CREATE FUNCTION contauth.stop_running() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_stop_running';
COMMENT ON FUNCTION contauth.stop_running() IS 'Stops the statements at work that a row is about';
REVOKE ALL ON FUNCTION contauth.stop_running() FROM PUBLIC;

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
CREATE OR REPLACE FUNCTION contauth.record_policy_version() RETURNS trigger
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
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.trust_bundle
    FOR EACH ROW EXECUTE FUNCTION contauth.check_trust_bundle();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.agent_key
    FOR EACH ROW EXECUTE FUNCTION contauth.check_agent_key();
CREATE TRIGGER check_row BEFORE INSERT OR UPDATE ON contauth.revocation
    FOR EACH ROW EXECUTE FUNCTION contauth.check_revocation();
CREATE TRIGGER refuse_governed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.revocation
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.refuse_governed();
CREATE TRIGGER refuse_governed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.kill_switch_state
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.refuse_governed();
CREATE TRIGGER stop AFTER INSERT OR UPDATE OR DELETE ON contauth.revocation
    FOR EACH ROW EXECUTE FUNCTION contauth.stop_running();
CREATE TRIGGER stop AFTER INSERT OR UPDATE OR DELETE ON contauth.kill_switch_state
    FOR EACH ROW EXECUTE FUNCTION contauth.stop_running();
CREATE TRIGGER stop AFTER INSERT OR UPDATE OR DELETE ON contauth.agent
    FOR EACH ROW EXECUTE FUNCTION contauth.stop_running();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.revocation
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.revocation
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.kill_switch_state
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.kill_switch_state
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER refuse_governed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON contauth.break_glass_grant
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.refuse_governed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON contauth.break_glass_grant
    FOR EACH ROW EXECUTE FUNCTION contauth.table_changed();
CREATE TRIGGER emptied AFTER TRUNCATE ON contauth.break_glass_grant
    FOR EACH STATEMENT EXECUTE FUNCTION contauth.table_changed();
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
ALTER TABLE contauth.agent ENABLE ALWAYS TRIGGER stop;
ALTER TABLE contauth.revocation ENABLE ALWAYS TRIGGER check_row;
ALTER TABLE contauth.revocation ENABLE ALWAYS TRIGGER refuse_governed;
ALTER TABLE contauth.revocation ENABLE ALWAYS TRIGGER stop;
ALTER TABLE contauth.revocation ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.revocation ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.kill_switch_state ENABLE ALWAYS TRIGGER refuse_governed;
ALTER TABLE contauth.kill_switch_state ENABLE ALWAYS TRIGGER stop;
ALTER TABLE contauth.kill_switch_state ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.kill_switch_state ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.break_glass_grant ENABLE ALWAYS TRIGGER refuse_governed;
ALTER TABLE contauth.break_glass_grant ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.break_glass_grant ENABLE ALWAYS TRIGGER emptied;
ALTER TABLE contauth.classification ENABLE ALWAYS TRIGGER changed;
ALTER TABLE contauth.classification ENABLE ALWAYS TRIGGER emptied;

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

CREATE FUNCTION contauth.why(sql text)
    RETURNS TABLE (relation text, action text, decision text, policies text[],
                   columns text[], uncovered text[], masks jsonb, row_filter text,
                   limits jsonb, reason text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5
    AS 'MODULE_PATHNAME', 'contauth_why';
COMMENT ON FUNCTION contauth.why(text) IS
    'What would be decided about a statement for the session''s agent, and why, one row for each '
    'relation and action; runs nothing of it. sql: one statement. Errors: 22023 when it is '
    'missing, and those of a statement that cannot be parsed, such as 42601';

CREATE FUNCTION contauth.evaluate(request jsonb) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_evaluate';
COMMENT ON FUNCTION contauth.evaluate(jsonb) IS
    'Decides what an application, tool server or controller asks, records it, and answers '
    '{decision, context}. request: an access evaluation request of the OpenID AuthZEN '
    'Authorization API 1.0 (subject, action, resource, context); what escalates asks for an '
    'approval, and is allowed once when it is asked again. Errors: 22023 names the member '
    'that is wrong; 42501 in a governed session; ZA005 when it cannot be recorded';
REVOKE ALL ON FUNCTION contauth.evaluate(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth.evaluate(jsonb) TO contauth_admin;

CREATE FUNCTION contauth.evaluations(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    items    jsonb := CASE WHEN jsonb_typeof(request) = 'object' THEN request -> 'evaluations' END;
    semantic text;
    shared   jsonb;
    item     jsonb;
    answer   jsonb;
    answers  jsonb[] := '{}';
BEGIN
    IF items IS NULL OR items = '[]' THEN
        RETURN contauth.evaluate(request);
    ELSIF jsonb_typeof(items) <> 'array' THEN
        RAISE EXCEPTION 'evaluations must be an array' USING ERRCODE = 'invalid_parameter_value';
    ELSIF jsonb_array_length(items) > 1000 THEN
        RAISE EXCEPTION 'evaluations has more than 1000 elements' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF jsonb_typeof(request -> 'options') NOT IN ('object', 'null') THEN
        RAISE EXCEPTION 'options must be an object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    semantic := coalesce(request #>> '{options,evaluations_semantic}', 'execute_all');
    IF semantic NOT IN ('execute_all', 'deny_on_first_deny', 'permit_on_first_permit') THEN
        RAISE EXCEPTION 'options.evaluations_semantic must be execute_all, deny_on_first_deny or permit_on_first_permit'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    shared := request - '{evaluations,options}'::text[];
    FOR item IN SELECT value FROM jsonb_array_elements(items) LOOP
        -- what is wrong with one question leaves the others alone, and is a denial
        BEGIN
            IF jsonb_typeof(item) <> 'object' THEN
                RAISE EXCEPTION 'evaluations must hold objects' USING ERRCODE = 'invalid_parameter_value';
            END IF;
            answer := contauth.evaluate(shared || item);
        EXCEPTION WHEN invalid_parameter_value THEN
            answer := jsonb_build_object('decision', false, 'context', jsonb_build_object(
                'error', jsonb_build_object('status',
                    CASE WHEN SQLERRM LIKE 'resource.id names no %' THEN 404 ELSE 400 END,
                    'message', SQLERRM)));
        END;
        answers := answers || answer;
        EXIT WHEN (semantic = 'deny_on_first_deny' AND NOT (answer -> 'decision')::boolean)
               OR (semantic = 'permit_on_first_permit' AND (answer -> 'decision')::boolean);
    END LOOP;
    RETURN jsonb_build_object('evaluations', to_jsonb(answers));
END
$$;
COMMENT ON FUNCTION contauth.evaluations(jsonb) IS
    'Decides several questions, each as evaluate() does, one after the other. request: an access '
    'evaluations request of AuthZEN 1.0; its other members are defaults of evaluations, at most '
    '1000; options.evaluations_semantic. What is wrong with one stands in its answer''s '
    'context.error. Errors: 22023; those of evaluate()';
REVOKE ALL ON FUNCTION contauth.evaluations(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth.evaluations(jsonb) TO contauth_admin;

CREATE FUNCTION contauth.who_can(action text, resource text)
    RETURNS TABLE (spiffe_id text, object text, decision text, policies text[],
                   conditions text[], columns text[], row_filter text, masks jsonb,
                   limits jsonb, reason text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_who_can';
COMMENT ON FUNCTION contauth.who_can(text, text) IS
    'Which agents the policies let do something, or would in some session (decision: allow, '
    'depends, escalate). action: what; resource: as policies name it, or schema.table.column. '
    'Errors: 22023 names the argument that is wrong; 42501 in a governed session';

CREATE FUNCTION contauth.what_can(spiffe_id text)
    RETURNS TABLE (object text, action text, decision text, policies text[],
                   conditions text[], columns text[], row_filter text, masks jsonb,
                   limits jsonb, reason text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_what_can';
COMMENT ON FUNCTION contauth.what_can(text) IS
    'What the policies let an agent do, or would in some session, as who_can() tells it. '
    'spiffe_id: one that is registered. Errors: 22023 when it is not; 42501 in a governed session';
REVOKE ALL ON FUNCTION contauth.who_can(text, text), contauth.what_can(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth.who_can(text, text), contauth.what_can(text)
    TO contauth_admin, contauth_auditor;

/* Administration: roles */

CREATE OR REPLACE FUNCTION contauth.enroll_role(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r pg_roles;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('role', role));
    SELECT * INTO r FROM pg_roles p WHERE p.oid = role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = 'invalid_parameter_value';
    END IF;
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
    'Trusts CA certificates to issue X.509-SVIDs, in place of those it had. trust_domain: the '
    'SPIFFE trust domain they may speak for; ca_pem: one or more certificates (PEM). Errors: '
    '22023';

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
    'Trusts no CA for the trust domain any more; its X.509-SVIDs are refused from then on. '
    'trust_domain: one that has a bundle. Errors: 22023';

CREATE OR REPLACE FUNCTION contauth.unenroll_role(role regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    r pg_roles;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('role', role));
    SELECT * INTO r FROM pg_roles p WHERE p.oid = role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('REVOKE contauth_agent FROM %I', r.rolname);
    EXECUTE format('ALTER ROLE %I RESET session_preload_libraries', r.rolname);
    PERFORM contauth_audit.record_admin_event('unenroll_role', r.rolname, NULL);
END
$$;

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

CREATE OR REPLACE FUNCTION contauth.register_agent(spiffe_id text, db_roles name[], owner text,
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
    'Changes an agent. spiffe_id: one that is registered; changes: JSON object with any of '
    'db_roles, owner, autonomy, attributes and expires_at. Errors: 22023';

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
    'Lets an agent sign delegation grants with a key. spiffe_id: one that is registered; jwk: '
    'its public JWK (RFC 7517), named by its thumbprint (RFC 7638) unless it has a kid. Errors: '
    '22023 for what is not valid, and for a key that it has';

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
    'Trusts an agent''s key no more; grants signed with it are refused from then on. spiffe_id: '
    'the agent; kid: a key that it has. Errors: 22023';

/* Administration: revocation */

CREATE FUNCTION contauth.revocation_id(kind text, id text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'contauth_revocation_id';
COMMENT ON FUNCTION contauth.revocation_id(text, text) IS
    'What a revocation is stored under; refuses what cannot be of that kind';
REVOKE ALL ON FUNCTION contauth.revocation_id(text, text) FROM PUBLIC;

CREATE FUNCTION contauth.revoke(kind text, id text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    stored text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'kind', kind, 'id', id, 'reason', reason));
    stored := contauth.revocation_id(kind, id);
    INSERT INTO contauth.revocation (kind, id, reason)
        VALUES (revoke.kind, stored, revoke.reason)
        ON CONFLICT DO NOTHING;
    PERFORM contauth_audit.record_admin_event('revoke', stored,
        jsonb_build_object('kind', kind, 'reason', reason, 'revoked_before', NOT FOUND));
END
$$;
COMMENT ON FUNCTION contauth.revoke(text, text, text) IS
    'Refuses somebody wherever it stands in a chain, and stops what runs. kind: agent, token, '
    'grant, principal, issuer or trust_domain; id: SPIFFE ID, jti or SHA-256, issuer|subject, or '
    'name, as the kind has it; reason: for the record. Errors: 22023';

CREATE FUNCTION contauth.unrevoke(kind text, id text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    stored text;
    before text;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'kind', kind, 'id', id, 'reason', reason));
    stored := contauth.revocation_id(kind, id);
    DELETE FROM contauth.revocation AS r
     WHERE r.kind = unrevoke.kind AND r.id = stored
    RETURNING r.reason INTO before;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% "%" is not revoked', kind, id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('unrevoke', stored,
        jsonb_build_object('kind', kind, 'reason', reason, 'before', before));
END
$$;
COMMENT ON FUNCTION contauth.unrevoke(text, text, text) IS
    'Undoes revoke(). kind, id: as given to it; reason: for the record. Errors: 22023';

CREATE FUNCTION contauth.kill_switch(active boolean, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('active', active, 'reason', reason));
    INSERT INTO contauth.kill_switch_state AS s (active, reason)
        VALUES (kill_switch.active, kill_switch.reason)
        ON CONFLICT ON CONSTRAINT kill_switch_state_pkey
        DO UPDATE SET active = EXCLUDED.active, reason = EXCLUDED.reason,
                      changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by;
    PERFORM contauth_audit.record_admin_event('kill_switch', NULL,
        jsonb_build_object('active', active, 'reason', reason));
END
$$;
COMMENT ON FUNCTION contauth.kill_switch(boolean, text) IS
    'Stops every governed session of this database, until it is called with false. active: stop '
    'or lift; reason: for the record. Errors: 22023';

/* Administration: break-glass */

CREATE FUNCTION contauth.check_break_glass_text(argument text, value text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF value IS NULL OR value !~ '\S' THEN
        RAISE EXCEPTION '% is missing', argument USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF octet_length(value) > 4096 THEN
        RAISE EXCEPTION '% is longer than 4096 bytes', argument
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION contauth.check_break_glass_text(text, text) IS
    'Refuses a reason or verdict that says nothing, or too much';
REVOKE ALL ON FUNCTION contauth.check_break_glass_text(text, text) FROM PUBLIC;

CREATE FUNCTION contauth.announce_break_glass(event text, g contauth.break_glass_grant,
        reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM contauth_audit.record_admin_event(event, g.id::text,
        jsonb_build_object('agent', g.agent, 'reason', reason, 'opened_by', g.opened_by,
                           'ends_at', g.ends_at));
    PERFORM pg_notify('contauth_approval', jsonb_build_object(
        'event', event, 'break_glass', g.id, 'agent', g.agent, 'by', session_user,
        'database', current_database(), 'ends_at', g.ends_at)::text);
    RAISE WARNING '%: break-glass % for agent "%" by "%"', event, g.id, g.agent, session_user
        USING DETAIL = reason;
END
$$;
COMMENT ON FUNCTION contauth.announce_break_glass(text, contauth.break_glass_grant, text) IS
    'Tells the audit, the server log and who listens on contauth_approval';
REVOKE ALL ON FUNCTION contauth.announce_break_glass(text, contauth.break_glass_grant, text) FROM PUBLIC;

CREATE FUNCTION contauth.break_glass(spiffe_id text, reason text, valid_for interval) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    g contauth.break_glass_grant;
    at timestamptz;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object(
        'spiffe_id', spiffe_id, 'valid_for', valid_for));
    PERFORM contauth.check_break_glass_text('reason', reason);
    IF valid_for <= interval '0' OR valid_for > interval '8 hours' THEN
        RAISE EXCEPTION 'valid_for must be more than 0 and at most 8 hours'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- one after the other for the same agent
    PERFORM FROM contauth.agent AS a WHERE a.spiffe_id = break_glass.spiffe_id
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'spiffe_id "%" is not registered', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    at := clock_timestamp();
    IF EXISTS (SELECT FROM contauth.break_glass_grant AS b
                WHERE b.agent = spiffe_id AND b.closed_at IS NULL AND b.ends_at > at) THEN
        RAISE EXCEPTION 'spiffe_id "%" has a break-glass that is open', spiffe_id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO contauth.break_glass_grant (agent, reason, opened_at, ends_at)
        VALUES (spiffe_id, break_glass.reason, at, at + valid_for)
    RETURNING * INTO g;
    PERFORM contauth.announce_break_glass('break_glass', g, reason);
    RETURN g.id;
END
$$;
COMMENT ON FUNCTION contauth.break_glass(text, text, interval) IS
    'Opens all relations for an agent; what forbids, restricts or masks holds. Returns its id. '
    'spiffe_id: one that is registered; reason: for the record; valid_for: 8 hours at most. '
    'Errors: 22023 for what is not valid, and when one is open';

CREATE FUNCTION contauth.close_break_glass(id uuid, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    g contauth.break_glass_grant;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('id', id));
    PERFORM contauth.check_break_glass_text('reason', reason);
    UPDATE contauth.break_glass_grant AS b
       SET closed_at = clock_timestamp(), closed_by = session_user,
           close_reason = close_break_glass.reason
     WHERE b.id = close_break_glass.id AND b.closed_at IS NULL AND b.ends_at > clock_timestamp()
    RETURNING b.* INTO g;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'id "%" is no break-glass that is open', id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth.announce_break_glass('close_break_glass', g, reason);
END
$$;
COMMENT ON FUNCTION contauth.close_break_glass(uuid, text) IS
    'Ends a break-glass before its time. id: of one that is open; reason: for the record. '
    'Errors: 22023';

CREATE FUNCTION contauth.review_break_glass(id uuid, verdict text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    g contauth.break_glass_grant;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('id', id));
    PERFORM contauth.check_break_glass_text('verdict', verdict);
    SELECT b.* INTO g FROM contauth.break_glass_grant AS b
     WHERE b.id = review_break_glass.id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'id "%" is no break-glass', id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF g.reviewed_at IS NOT NULL THEN
        RAISE EXCEPTION 'id "%" has been reviewed', id
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- nor anybody whom set_principal() says to be the same person
    IF g.opened_by = session_user OR EXISTS (
           SELECT FROM contauth.principal AS mine
             JOIN contauth.principal AS theirs USING (principal)
            WHERE mine.db_role = session_user AND theirs.db_role = g.opened_by) THEN
        RAISE EXCEPTION 'who opened break-glass cannot review it'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- what is reviewed has ended
    IF g.closed_at IS NULL AND g.ends_at > clock_timestamp() THEN
        PERFORM contauth.close_break_glass(id, verdict);
    END IF;
    UPDATE contauth.break_glass_grant AS b
       SET reviewed_at = clock_timestamp(), reviewed_by = session_user,
           verdict = review_break_glass.verdict
     WHERE b.id = review_break_glass.id;
    PERFORM contauth_audit.record_admin_event('review_break_glass', g.id::text,
        jsonb_build_object('agent', g.agent, 'verdict', verdict, 'opened_by', g.opened_by));
END
$$;
COMMENT ON FUNCTION contauth.review_break_glass(uuid, text) IS
    'Says what came of a break-glass, and ends it where it is open. id: of one that has not been '
    'reviewed; verdict: for the record. Errors: 22023; 42501 for the one who opened it';

/* Administration: policies */

CREATE OR REPLACE FUNCTION contauth.create_policy(name text, effect text,
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

CREATE OR REPLACE FUNCTION contauth.alter_policy(name text, changes jsonb) RETURNS void
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
    'Replaces the policies, all at once or not at all; built-in ones that are not named stay. '
    'bundle: {"policies": [...]}; dry_run: tell only what would change and what is wrong with '
    'it. Errors: 22023, in a dry run only for what is no bundle';

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
    'Makes the policies what they were at a version, as a new version; returns what changed. '
    'version: as in contauth.policy_version, 0 for those of CREATE EXTENSION. Errors: 22023';

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
    'The policies as a bundle for apply_policies(); built-in ones only when they have been '
    'changed. Never fails';

/* Administration: approvals */

CREATE FUNCTION contauth.set_principal(role regrole, principal text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    role_name name;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('role', role, 'principal', principal));
    SELECT r.rolname INTO role_name FROM pg_roles AS r WHERE r.oid = role;
    IF role_name IS NULL THEN
        RAISE EXCEPTION 'role does not exist' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF length(principal) > 2048 THEN
        RAISE EXCEPTION 'principal is too long' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO contauth.principal (db_role, principal)
        VALUES (role_name, set_principal.principal)
        ON CONFLICT ON CONSTRAINT principal_pkey DO NOTHING;
    PERFORM contauth_audit.record_admin_event('set_principal', role_name::text,
        jsonb_build_object('principal', principal));
END
$$;
COMMENT ON FUNCTION contauth.set_principal(regrole, text) IS
    'Says that a role is a principal of delegation chains; such a role cannot approve for '
    'itself. role: one that exists; principal: a SPIFFE ID or iss|sub. Errors: 22023';

CREATE FUNCTION contauth.unset_principal(role regrole, principal text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    role_name name;
BEGIN
    PERFORM contauth.require_arguments(jsonb_build_object('role', role, 'principal', principal));
    SELECT r.rolname INTO role_name FROM pg_roles AS r WHERE r.oid = role;
    DELETE FROM contauth.principal AS p
     WHERE p.db_role = role_name AND p.principal = unset_principal.principal;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'principal "%" is not set for role "%"', principal, role_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM contauth_audit.record_admin_event('unset_principal', role_name::text,
        jsonb_build_object('principal', principal));
END
$$;
COMMENT ON FUNCTION contauth.unset_principal(regrole, text) IS
    'Undoes set_principal(). role, principal: as given to it. Errors: 22023';

/* These are in C, look nothing up by search_path, and check themselves who calls */

CREATE FUNCTION contauth.approve(request uuid, reason text, valid_for interval DEFAULT '10 min',
                                 uses integer DEFAULT 1) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_approve';
COMMENT ON FUNCTION contauth.approve(uuid, text, interval, integer) IS
    'Approves a pending request: the same statement of the same agent may run. request: its id; '
    'reason: for the record; valid_for: how long, 1 day at most; uses: how often. Errors: 22023; '
    '42501 for who is no approver, or asked, or is asked for, or owns the agent; 55000 outside '
    'of the database that keeps the audit; 55006 while somebody else decides';

CREATE FUNCTION contauth.reject(request uuid, reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_reject';
COMMENT ON FUNCTION contauth.reject(uuid, text) IS
    'Denies a pending request. request: its id; reason: for the record. Errors: 22023; 42501 for '
    'who is no approver; 55000 outside of the database that keeps the audit; 55006 while '
    'somebody else decides';

CREATE FUNCTION contauth.cancel_request(request uuid, reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_cancel_request';
COMMENT ON FUNCTION contauth.cancel_request(uuid, text) IS
    'Takes a request or its approval back: for the agent that asked, and for contauth_admin. '
    'request: its id; reason: for the record. Errors: 22023; 42501 for others; 28000 without an '
    'identity; 55000 outside of the database that keeps the audit; 55006 while somebody else '
    'decides';

SELECT pg_catalog.pg_extension_config_dump('contauth.trust_bundle', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.agent_key', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.revocation', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.kill_switch_state', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.break_glass_grant', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.policy_version', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.classification', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.secret', '');
SELECT pg_catalog.pg_extension_config_dump('contauth.principal', '');

/* Privileges */

REVOKE ALL ON ALL TABLES IN SCHEMA contauth FROM PUBLIC;
GRANT SELECT ON contauth.issuer, contauth.trust_bundle, contauth.agent,
                contauth.agent_key, contauth.policy, contauth.policy_version, contauth.classification,
                contauth.principal,
                contauth.revocation, contauth.kill_switch_state,
                contauth.break_glass_grant
    TO contauth_admin, contauth_auditor;

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
    contauth.revoke(text, text, text), contauth.unrevoke(text, text, text),
    contauth.kill_switch(boolean, text),
    contauth.break_glass(text, text, interval), contauth.close_break_glass(uuid, text),
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
    contauth.revoke(text, text, text), contauth.unrevoke(text, text, text),
    contauth.kill_switch(boolean, text),
    contauth.break_glass(text, text, interval), contauth.close_break_glass(uuid, text),
    contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                           jsonb, jsonb, boolean, text),
    contauth.alter_policy(text, jsonb), contauth.enable_policy(text, boolean),
    contauth.drop_policy(text), contauth.apply_policies(jsonb, boolean),
    contauth.rollback_policies(bigint), contauth.export_policies()
    TO contauth_admin;

REVOKE ALL ON FUNCTION
    contauth.set_principal(regrole, text), contauth.unset_principal(regrole, text),
    contauth.approve(uuid, text, interval, integer), contauth.reject(uuid, text),
    contauth.review_break_glass(uuid, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth.review_break_glass(uuid, text)
    TO contauth_admin, contauth_approver;
GRANT EXECUTE ON FUNCTION
    contauth.set_principal(regrole, text), contauth.unset_principal(regrole, text)
    TO contauth_admin;
GRANT EXECUTE ON FUNCTION
    contauth.approve(uuid, text, interval, integer), contauth.reject(uuid, text)
    TO contauth_approver;

REVOKE ALL ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid), contauth.why(text),
    contauth.cancel_request(uuid, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth.authenticate(text, jsonb), contauth.whoami(), contauth.claim(text),
    contauth.attribute(text), contauth.my_decision(uuid), contauth.why(text),
    contauth.cancel_request(uuid, text)
    TO PUBLIC;
GRANT USAGE ON SCHEMA contauth_audit TO contauth_auditor, contauth_approver;
COMMENT ON COLUMN contauth_audit.decision.boot_id IS 'Drawn anew at each start of the server; of what a standby recorded, its spool';
COMMENT ON TABLE contauth_audit.admin_event IS
    'Acts of administration, written by the functions that perform them, and who has read the audit';

CREATE TABLE contauth_audit.retention (
    seq     bigint PRIMARY KEY,
    hash    bytea NOT NULL,
    at      timestamptz NOT NULL,
    by      text NOT NULL,
    before  timestamptz NOT NULL,
    records bigint NOT NULL,
    archive text NOT NULL,
    damage  text
);
COMMENT ON TABLE contauth_audit.retention IS
    'What drop_before() has dropped: verify() goes on behind it';
COMMENT ON COLUMN contauth_audit.retention.seq IS 'Number of the last record that was dropped';
COMMENT ON COLUMN contauth_audit.retention.hash IS 'Its hash, to which the first record that is kept is chained';
COMMENT ON COLUMN contauth_audit.retention.at IS 'When it was dropped';
COMMENT ON COLUMN contauth_audit.retention.by IS 'Session user who did it';
COMMENT ON COLUMN contauth_audit.retention.before IS 'What was asked for';
COMMENT ON COLUMN contauth_audit.retention.records IS 'How many records were dropped';
COMMENT ON COLUMN contauth_audit.retention.archive IS 'Where they are kept, as the session user said';
COMMENT ON COLUMN contauth_audit.retention.damage IS 'What verify() said of them then, NULL: they were whole';

CREATE TABLE contauth_audit.checkpoint (
    checkpoint_id      bigint PRIMARY KEY,
    seq                bigint NOT NULL,
    record_hash        bytea NOT NULL,
    records            bigint NOT NULL,
    boot_id            uuid NOT NULL,
    created_at         timestamptz NOT NULL,
    prev_checkpoint    bytea NOT NULL,
    key_id             text NOT NULL,
    alg                text NOT NULL,
    signature          bytea NOT NULL,
    public_key         bytea NOT NULL,
    previous_key_id    text,
    previous_signature bytea
);
COMMENT ON TABLE contauth_audit.checkpoint IS
    'Signatures of the server over the end of the chain of decisions; written by the audit worker';
COMMENT ON COLUMN contauth_audit.checkpoint.checkpoint_id IS 'Number of the checkpoint, from 1, without gaps';
COMMENT ON COLUMN contauth_audit.checkpoint.seq IS 'Newest decision that it covers';
COMMENT ON COLUMN contauth_audit.checkpoint.record_hash IS 'hash of that decision';
COMMENT ON COLUMN contauth_audit.checkpoint.records IS 'Decisions since the checkpoint before';
COMMENT ON COLUMN contauth_audit.checkpoint.boot_id IS 'boot_id of the server that signed';
COMMENT ON COLUMN contauth_audit.checkpoint.created_at IS 'When it was signed';
COMMENT ON COLUMN contauth_audit.checkpoint.prev_checkpoint IS 'SHA-256 of the canonical form of the checkpoint before, 32 zero bytes for the first';
COMMENT ON COLUMN contauth_audit.checkpoint.key_id IS 'JWK thumbprint (RFC 7638) of the key';
COMMENT ON COLUMN contauth_audit.checkpoint.alg IS 'EdDSA or ES256';
COMMENT ON COLUMN contauth_audit.checkpoint.signature IS 'Signature over the canonical form, 64 bytes';
COMMENT ON COLUMN contauth_audit.checkpoint.public_key IS 'The key (DER SubjectPublicKeyInfo); whether it can be trusted is not for this table to say';
COMMENT ON COLUMN contauth_audit.checkpoint.previous_key_id IS 'Key before, when it signed the first checkpoint of a new one, too';
COMMENT ON COLUMN contauth_audit.checkpoint.previous_signature IS 'Its signature over the same';
CREATE INDEX checkpoint_seq_idx ON contauth_audit.checkpoint (seq);

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
    'What has been carried from spools into contauth_audit.decision: of standbys, and the journal of strict durability';
COMMENT ON COLUMN contauth_audit.spool.spool_id IS 'Spool; the rows have it as boot_id';
COMMENT ON COLUMN contauth_audit.spool.segment IS 'Segment of the spool';
COMMENT ON COLUMN contauth_audit.spool.start_position IS 'Where the records begin in the segment, bytes';
COMMENT ON COLUMN contauth_audit.spool.end_position IS 'Where they end';
COMMENT ON COLUMN contauth_audit.spool.first_seq IS 'seq of the first row';
COMMENT ON COLUMN contauth_audit.spool.last_seq IS 'seq of the last row';
COMMENT ON COLUMN contauth_audit.spool.carried_at IS 'When they were carried';

CREATE TABLE contauth_audit.approval_request (
    request           uuid PRIMARY KEY,
    state             text NOT NULL
                      CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'consumed')),
    requested_at      timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    agent             text NOT NULL,
    owner             text,
    on_behalf_of      text,
    chain             jsonb,
    db_role           text,
    database          text NOT NULL,
    action            text,
    resources         text[] NOT NULL,
    policies          text[] NOT NULL,
    policy_version    bigint NOT NULL,
    statement_kind    text,
    statement         text,
    statement_sha256  text,
    parameters_sha256 text NOT NULL,
    binding           bytea NOT NULL,
    decision_id       uuid NOT NULL,
    purpose           text,
    task_id           text,
    decided_by        text,
    decided_at        timestamptz,
    reason            text,
    uses_allowed      integer NOT NULL DEFAULT 0,
    uses_left         integer NOT NULL DEFAULT 0 CHECK (uses_left BETWEEN 0 AND uses_allowed),
    consumed_at       timestamptz
);
COMMENT ON TABLE contauth_audit.approval_request IS
    'What agents have asked persons to approve, and the answers; changed by contauth''s functions and the audit worker alone';
COMMENT ON COLUMN contauth_audit.approval_request.request IS 'Id of the request, a version 7 UUID; request= in the error''s DETAIL';
COMMENT ON COLUMN contauth_audit.approval_request.state IS 'pending, approved, denied, expired, cancelled or consumed';
COMMENT ON COLUMN contauth_audit.approval_request.requested_at IS 'When the statement was refused, or began to wait';
COMMENT ON COLUMN contauth_audit.approval_request.expires_at IS 'When the request, once it is approved the approval, ends by itself';
COMMENT ON COLUMN contauth_audit.approval_request.agent IS 'SPIFFE ID of the agent that asks';
COMMENT ON COLUMN contauth_audit.approval_request.owner IS 'Registered owner of the agent';
COMMENT ON COLUMN contauth_audit.approval_request.on_behalf_of IS 'Root of the chain; NULL: itself';
COMMENT ON COLUMN contauth_audit.approval_request.chain IS 'Delegation chain, root first';
COMMENT ON COLUMN contauth_audit.approval_request.db_role IS 'Session role';
COMMENT ON COLUMN contauth_audit.approval_request.database IS 'Database of the statement';
COMMENT ON COLUMN contauth_audit.approval_request.action IS 'Action that has to be approved';
COMMENT ON COLUMN contauth_audit.approval_request.resources IS 'On what';
COMMENT ON COLUMN contauth_audit.approval_request.policies IS 'Policies that ask for it, deciding one first';
COMMENT ON COLUMN contauth_audit.approval_request.policy_version IS 'Version of the policy set that decided';
COMMENT ON COLUMN contauth_audit.approval_request.statement_kind IS 'Kind of the top-level statement';
COMMENT ON COLUMN contauth_audit.approval_request.statement IS 'The top-level statement, as contauth.audit_statement says';
COMMENT ON COLUMN contauth_audit.approval_request.statement_sha256 IS 'As in contauth_audit.decision';
COMMENT ON COLUMN contauth_audit.approval_request.parameters_sha256 IS 'SHA-256 over the statement''s constants and bound parameters';
COMMENT ON COLUMN contauth_audit.approval_request.binding IS 'Digests that the retry must match: of agent, chain, statement, parameters and policies';
COMMENT ON COLUMN contauth_audit.approval_request.decision_id IS 'Decision of the statement that asked';
COMMENT ON COLUMN contauth_audit.approval_request.purpose IS 'Purpose, as the agent or its token said';
COMMENT ON COLUMN contauth_audit.approval_request.task_id IS 'Task, as the agent said';
COMMENT ON COLUMN contauth_audit.approval_request.decided_by IS 'Session user, or agent, who approved, rejected or cancelled it';
COMMENT ON COLUMN contauth_audit.approval_request.decided_at IS 'When';
COMMENT ON COLUMN contauth_audit.approval_request.reason IS 'Why, as they said';
COMMENT ON COLUMN contauth_audit.approval_request.uses_allowed IS 'How many runs were approved';
COMMENT ON COLUMN contauth_audit.approval_request.uses_left IS 'How many are left';
COMMENT ON COLUMN contauth_audit.approval_request.consumed_at IS 'When it was used last';
CREATE INDEX approval_request_live_idx ON contauth_audit.approval_request (expires_at)
    WHERE state IN ('pending', 'approved');
CREATE INDEX approval_request_requested_idx ON contauth_audit.approval_request (requested_at);
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.retention', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.spool', '');
SELECT pg_catalog.pg_extension_config_dump('contauth_audit.approval_request', '');
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.retention
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.retention
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.checkpoint
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change();
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.spool
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change('state');
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.spool
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change('state');

/* requests go from one state to the next; only contauth itself moves them */
CREATE TRIGGER refuse_row
    BEFORE INSERT OR UPDATE OR DELETE ON contauth_audit.approval_request
    FOR EACH ROW EXECUTE FUNCTION contauth_audit.refuse_change('state');
CREATE TRIGGER refuse_statement
    BEFORE UPDATE OR DELETE OR TRUNCATE ON contauth_audit.approval_request
    FOR EACH STATEMENT EXECUTE FUNCTION contauth_audit.refuse_change('state');
ALTER TABLE contauth_audit.retention ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.retention ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.checkpoint ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.checkpoint ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.spool ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.spool ENABLE ALWAYS TRIGGER refuse_statement;
ALTER TABLE contauth_audit.approval_request ENABLE ALWAYS TRIGGER refuse_row;
ALTER TABLE contauth_audit.approval_request ENABLE ALWAYS TRIGGER refuse_statement;
COMMENT ON FUNCTION contauth_audit.verify(bigint, bigint) IS
    'Finds the first record that is not as it was written, or not as it was signed: ok, checked, '
    'first_bad, damage. from_seq, to_seq: NULL for the first that is kept, and the newest. Never '
    'fails for what is in the tables';

/* for superusers, and whom they grant it to: not for those whose acts are recorded */
CREATE FUNCTION contauth_audit.drop_before(before timestamptz, archive text)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET DateStyle = 'ISO' SET TimeZone = 'UTC'
    AS 'MODULE_PATHNAME', 'contauth_audit_drop_before';
COMMENT ON FUNCTION contauth_audit.drop_before(timestamptz, text) IS
    'Drops the partitions that end before, and says how many records. before: never younger than '
    'contauth.audit_retention_min; archive: where the records are from now on. Errors: 22023';
REVOKE ALL ON FUNCTION contauth_audit.drop_before(timestamptz, text) FROM PUBLIC;

/*
 * The text of an export is defined in docs/audit-format.md; the program
 * contauth-verify reads it.  Members stand in the order of the columns.
 */
CREATE FUNCTION contauth_audit.export(
        from_seq bigint DEFAULT NULL, to_seq bigint DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_catalog.row_to_json(r)::pg_catalog.text
      FROM (SELECT d.decision_id, d.seq, d.boot_id,
                   pg_catalog.to_char(pg_catalog.timezone('UTC', d.decided_at),
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS decided_at,
                   pg_catalog.to_char(pg_catalog.timezone('UTC', d.finished_at),
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS finished_at,
                   d.decision, d.mode, d.reason_code, d.reason, d.policies,
                   d.policy_version, d.domain, d.agent, d.on_behalf_of,
                   d.chain::pg_catalog.text AS chain, d.depth, d.autonomy,
                   d.purpose, d.task_id, d.trace_id, d.token_kid, d.token_jti,
                   d.token_sha256, d.db_role, d.database, d.application_name,
                   d.client_addr, d.tls, d.action, d.accesses::pg_catalog.text AS accesses,
                   d.max_sensitivity, d.statement_kind, d.query_id,
                   d.statement_sha256, d.statement, d.rows_returned,
                   d.rows_affected, d.decision_us, d.execution_us, d.sqlstate,
                   d.approval_id, d.context::pg_catalog.text AS context,
                   pg_catalog.encode(d.prev_hash, 'hex') AS prev_hash,
                   pg_catalog.encode(d.hash, 'hex') AS hash
              FROM contauth_audit.decision AS d
             WHERE d.seq OPERATOR(pg_catalog.>=)
                   coalesce(from_seq, '-9223372036854775808'::pg_catalog.int8)
               AND d.seq OPERATOR(pg_catalog.<=) coalesce(to_seq, 9223372036854775807)
             ORDER BY d.seq) AS r
$$;
COMMENT ON FUNCTION contauth_audit.export(bigint, bigint) IS
    'Decisions as lines of JSON, oldest first, for contauth-verify. from_seq, to_seq: NULL for '
    'the first and the newest. Never fails';
REVOKE ALL ON FUNCTION contauth_audit.export(bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.export(bigint, bigint) TO contauth_auditor;

CREATE FUNCTION contauth_audit.export_checkpoints()
    RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_catalog.row_to_json(r)::pg_catalog.text
      FROM (SELECT c.checkpoint_id, c.seq,
                   pg_catalog.encode(c.record_hash, 'hex') AS record_hash,
                   c.records, c.boot_id,
                   pg_catalog.to_char(pg_catalog.timezone('UTC', c.created_at),
                                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
                   pg_catalog.encode(c.prev_checkpoint, 'hex') AS prev_checkpoint,
                   c.key_id, c.alg,
                   pg_catalog.encode(c.signature, 'hex') AS signature,
                   pg_catalog.encode(c.public_key, 'hex') AS public_key,
                   c.previous_key_id,
                   pg_catalog.encode(c.previous_signature, 'hex') AS previous_signature
              FROM contauth_audit.checkpoint AS c
             ORDER BY c.checkpoint_id) AS r
$$;
COMMENT ON FUNCTION contauth_audit.export_checkpoints() IS
    'Checkpoints as lines of JSON, oldest first, for contauth-verify. Never fails';
REVOKE ALL ON FUNCTION contauth_audit.export_checkpoints() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.export_checkpoints() TO contauth_auditor;
COMMENT ON FUNCTION contauth_audit.sync(interval) IS
    'Waits until every record made so far is in the table, on a standby in the spool. timeout: '
    'after which it returns false. Errors: 22023; 55000 when contauth is not preloaded';

CREATE FUNCTION contauth_audit.spool_read(max_records integer DEFAULT 10000)
    RETURNS TABLE (spool_id uuid, segment integer, "position" bigint, record bytea)
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_spool_read';
COMMENT ON FUNCTION contauth_audit.spool_read(integer) IS
    'Records in the spool of this server that its tables do not have, oldest first. max_records: '
    'at least 1. Errors: 22023; 55000 when contauth is not preloaded';
REVOKE ALL ON FUNCTION contauth_audit.spool_read(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.spool_read(integer) TO contauth_auditor;

CREATE FUNCTION contauth_audit.spool_release() RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_spool_release';
COMMENT ON FUNCTION contauth_audit.spool_release() IS
    'Removes on a standby the segments of the spool whose records are in the tables; returns how '
    'many. Errors: 55000 when contauth is not preloaded';
REVOKE ALL ON FUNCTION contauth_audit.spool_release() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contauth_audit.spool_release() TO contauth_auditor;

/* Who calls it says what was decided elsewhere: for superusers */
CREATE FUNCTION contauth_audit.carry(
        spool_id uuid, segment integer, "position" bigint, records bytea[])
    RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'contauth_audit_carry';
COMMENT ON FUNCTION contauth_audit.carry(uuid, integer, bigint, bytea[]) IS
    'Carries records of a standby''s spool into the tables, each once; false when that is still '
    'to be done. spool_id, segment, position, records: as spool_read() returned them. Errors: '
    '22023; 25006 on a standby; 53400 when the spool is full; 55000 where the audit is not kept';
REVOKE ALL ON FUNCTION contauth_audit.carry(uuid, integer, bigint, bytea[]) FROM PUBLIC;

/* Views */

CREATE OR REPLACE VIEW contauth_audit.denials AS
    SELECT d.seq, d.decided_at, d.decision_id, d.mode, d.agent, d.on_behalf_of,
           d.db_role, d.database, d.action, d.reason_code, d.reason,
           d.policies, d.statement_kind, d.statement, d.sqlstate
      FROM contauth_audit.decision AS d
     WHERE d.decision = 'deny';

CREATE OR REPLACE VIEW contauth_audit.escalations AS
    SELECT d.seq, d.decided_at, d.decision_id, d.mode, d.agent, d.on_behalf_of,
           d.db_role, d.database, d.action, d.decision, d.reason_code, d.reason,
           d.policies, d.approval_id, d.statement_kind, d.statement, d.sqlstate
      FROM contauth_audit.decision AS d
     WHERE d.decision = 'escalate' OR d.approval_id IS NOT NULL;

CREATE VIEW contauth_audit.pending_approvals AS
    SELECT r.request, r.requested_at, r.expires_at, r.agent, r.owner, r.on_behalf_of,
           r.db_role, r.database, r.action, r.resources, r.policies,
           r.statement_kind, r.statement, r.purpose, r.task_id, r.decision_id
      FROM contauth_audit.approval_request AS r
     WHERE r.state = 'pending' AND r.expires_at > clock_timestamp()
     ORDER BY r.requested_at;
COMMENT ON VIEW contauth_audit.pending_approvals IS
    'What waits for contauth.approve() or contauth.reject()';

CREATE VIEW contauth_audit.break_glass_reviews AS
    SELECT g.id, g.agent, g.reason, g.opened_at, g.opened_by, g.ends_at,
           g.closed_at, g.closed_by,
           g.closed_at IS NULL AND g.ends_at > clock_timestamp() AS open,
           d.decisions, d.denied, d.last_decision
      FROM contauth.break_glass_grant AS g
     CROSS JOIN LATERAL (
           SELECT count(*) AS decisions, count(*) FILTER (WHERE d.decision = 'deny') AS denied,
                  max(d.decided_at) AS last_decision
             FROM contauth_audit.decision AS d
            WHERE d.agent = g.agent AND d.decided_at >= g.opened_at
              AND d.context ->> 'break_glass' = g.id::text) AS d
     WHERE g.reviewed_at IS NULL
     ORDER BY g.opened_at;
COMMENT ON VIEW contauth_audit.break_glass_reviews IS
    'What waits for contauth.review_break_glass(); decisions count where this database keeps the audit';

CREATE OR REPLACE VIEW contauth_audit.agent_activity AS
    SELECT d.agent,
           count(*) AS statements,
           count(*) FILTER (WHERE d.decision = 'allow') AS allowed,
           count(*) FILTER (WHERE d.decision = 'deny') AS denied,
           count(*) FILTER (WHERE d.decision = 'escalate') AS escalated,
           sum(d.rows_returned) AS rows_returned,
           sum(d.rows_affected) AS rows_affected,
           max(d.max_sensitivity) AS max_sensitivity,
           min(d.decided_at) AS first_seen,
           max(d.decided_at) AS last_seen
      FROM contauth_audit.decision AS d
     GROUP BY d.agent;

CREATE VIEW contauth_audit.delegation_tree AS
    SELECT n.path[1] AS root,
           cardinality(n.path) - 1 AS depth,
           n.path[cardinality(n.path) - 1] AS delegator,
           n.path[cardinality(n.path)] AS principal,
           n.kind,
           count(*) AS statements,
           count(*) FILTER (WHERE n.acted) AS acted,
           count(*) FILTER (WHERE n.acted AND n.decision = 'deny') AS denied,
           min(n.decided_at) AS first_seen,
           max(n.decided_at) AS last_seen,
           n.path
      FROM (SELECT d.decided_at, d.decision, h.hop ->> 'kind' AS kind,
                   h.n = jsonb_array_length(d.chain) AS acted,
                   ARRAY(SELECT p.hop ->> 'principal'
                           FROM jsonb_array_elements(d.chain) WITH ORDINALITY AS p (hop, n)
                          WHERE p.n <= h.n ORDER BY p.n) AS path
              FROM contauth_audit.decision AS d,
                   jsonb_array_elements(d.chain) WITH ORDINALITY AS h (hop, n)
             WHERE jsonb_typeof(d.chain) = 'array') AS n
     GROUP BY n.path, n.kind;
COMMENT ON VIEW contauth_audit.delegation_tree IS
    'Who has acted through whom: one row for each path of principals, root first';

CREATE FUNCTION contauth_audit.sensitivity_of(labels jsonb) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT max((SELECT c.sensitivity FROM contauth.classification AS c
                 WHERE l.label = c.class OR starts_with(l.label, c.class || '.')
                 ORDER BY length(c.class) DESC LIMIT 1))
      FROM jsonb_array_elements_text(labels) AS l (label)
$$;
COMMENT ON FUNCTION contauth_audit.sensitivity_of(jsonb) IS
    'Highest sensitivity that this database gives to classes; NULL when it knows none of them. '
    'labels: a JSON array of classes. Errors: 22023 for what is no array';

CREATE VIEW contauth_audit.sensitive_access AS
    SELECT d.seq, d.decided_at, d.decision_id, d.decision, d.mode, d.agent, d.on_behalf_of,
           d.purpose, d.db_role, d.database,
           a.access ->> 'relation' AS relation,
           a.access ->> 'action' AS action,
           a.access -> 'columns' AS columns,
           a.access -> 'labels' AS labels,
           coalesce(contauth_audit.sensitivity_of(a.access -> 'labels'),
                    d.max_sensitivity) AS sensitivity,
           a.access -> 'masks' AS masks,
           a.access ->> 'row_filter' AS row_filter,
           d.rows_returned, d.rows_affected, d.statement
      FROM contauth_audit.decision AS d, jsonb_array_elements(d.accesses) AS a (access)
     WHERE d.max_sensitivity >= 2
       AND jsonb_typeof(d.accesses) = 'array'
       AND jsonb_typeof(a.access -> 'labels') = 'array'
       AND coalesce(contauth_audit.sensitivity_of(a.access -> 'labels'),
                    d.max_sensitivity) >= 2;
COMMENT ON VIEW contauth_audit.sensitive_access IS
    'Accesses, also refused ones, to what is labelled confidential (2) or higher';

CREATE FUNCTION contauth_audit.find_unused_permissions(within interval)
    RETURNS TABLE (policy text, principals text[], resources text[], actions text[],
                   unused_actions text[], last_used timestamptz, created_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH used AS (
        SELECT u.policy, a.action, max(d.decided_at) AS last_used
          FROM contauth_audit.decision AS d
         CROSS JOIN unnest(d.policies) AS u (policy)
          JOIN contauth.policy AS p ON p.name = u.policy AND p.created_at <= d.decided_at
          LEFT JOIN unnest(d.action) AS a (action) ON true
         WHERE d.decision = 'allow' AND d.database = current_database()
           AND d.decided_at >= now() - within
         GROUP BY u.policy, a.action
    ), judged AS (
        SELECT p.*,
               (SELECT max(u.last_used) FROM used AS u WHERE u.policy = p.name) AS last_used,
               ARRAY(SELECT a.action FROM unnest(p.actions) AS a (action)
                      WHERE a.action !~ '[*?]'
                        AND NOT EXISTS (SELECT FROM used AS u
                                         WHERE u.policy = p.name AND u.action = a.action)
                      ORDER BY a.action) AS unused_actions
          FROM contauth.policy AS p
         WHERE p.effect = 'permit' AND p.enabled AND NOT p.builtin AND NOT p.monitor_only
    )
    SELECT j.name, j.principals, j.resources, j.actions,
           CASE WHEN j.last_used IS NULL THEN j.actions ELSE j.unused_actions END,
           j.last_used, j.created_at
      FROM judged AS j
     WHERE j.last_used IS NULL OR cardinality(j.unused_actions) > 0
$$;
COMMENT ON FUNCTION contauth_audit.find_unused_permissions(interval) IS
    'Permits of this database, or single actions of them, that no allowed statement needed. '
    'within: the last while that is looked at. Never fails';

CREATE VIEW contauth_audit.unused_permissions AS
    SELECT u.policy, u.principals, u.resources, u.actions, u.unused_actions, u.last_used, u.created_at
      FROM contauth_audit.find_unused_permissions('30 days') AS u;
COMMENT ON VIEW contauth_audit.unused_permissions IS
    'Permits of this database, or single actions of them, that nobody has used for 30 days';

/* The setting names a file of the server, which is not the auditor's to know. */
CREATE FUNCTION contauth_audit.is_signed() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT coalesce(current_setting('contauth.audit_signing_key', true), '') <> '' $$;
COMMENT ON FUNCTION contauth_audit.is_signed() IS
    'Is contauth.audit_signing_key set? Never fails';

CREATE FUNCTION contauth_audit.find_unsigned(within interval)
    RETURNS TABLE (finding text, severity text, subject text, detail text,
                   evidence text, since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH newest AS (
        SELECT coalesce(max(c.seq), 0) AS seq, count(*) AS checkpoints,
               2 * current_setting('contauth.checkpoint_interval')::interval AS patience
          FROM contauth_audit.checkpoint AS c
    ), unsigned AS (
        SELECT count(*) AS records, min(d.seq) AS first, min(d.decided_at) AS since,
               count(*) FILTER (WHERE d.decided_at >= now() - within) AS recent
          FROM contauth_audit.decision AS d WHERE d.seq > (SELECT n.seq FROM newest AS n)
    ), evidence AS (
        SELECT format('SELECT seq, decided_at, finished_at, boot_id FROM contauth_audit.decision'
                      ' WHERE seq >= %s ORDER BY seq', u.first) AS query
          FROM unsigned AS u
    ), keys AS (
        SELECT c.*, lag(c.key_id) OVER w AS key_before, lag(c.checkpoint_id) OVER w AS id_before
          FROM contauth_audit.checkpoint AS c WINDOW w AS (ORDER BY c.checkpoint_id)
    )
    SELECT 'checkpoint_overdue', 'high', 'checkpoints',
           format('%s records from %s on wait for a signature, though there is a signing key', u.records, u.first),
           e.query, u.since
      FROM unsigned AS u, newest AS n, evidence AS e
     WHERE contauth_audit.is_signed() AND u.since < now() - n.patience
    UNION ALL
    SELECT 'records_unsigned', CASE WHEN n.checkpoints > 0 THEN 'high' ELSE 'low' END, 'checkpoints',
           CASE WHEN n.checkpoints > 0 THEN format('records have not been signed any more from %s on', u.first)
                ELSE 'no record has been signed: contauth.audit_signing_key is not set' END,
           e.query, u.since
      FROM unsigned AS u, newest AS n, evidence AS e
     WHERE NOT contauth_audit.is_signed() AND u.recent > 0
    UNION ALL
    SELECT 'signing_key_changed', CASE WHEN k.previous_signature IS NULL THEN 'high' ELSE 'low' END, k.key_id,
           format(CASE WHEN k.previous_signature IS NULL THEN 'took the place of %s, which has not signed that'
                       ELSE 'took the place of %s, which signed that, too' END, k.key_before),
           format('SELECT checkpoint_id, seq, created_at, boot_id, key_id, previous_key_id FROM contauth_audit.checkpoint'
                  ' WHERE checkpoint_id IN (%s, %s) ORDER BY checkpoint_id', k.id_before, k.checkpoint_id),
           k.created_at
      FROM keys AS k WHERE k.key_id <> k.key_before AND k.created_at >= now() - within
$$;
COMMENT ON FUNCTION contauth_audit.find_unsigned(interval) IS
    'What should be looked into about signatures: records without, and keys that changed. '
    'within: the last while that is looked at. Never fails';

/*
 * Each finding's evidence is a query that lists the rows it was made from.
 */
CREATE FUNCTION contauth_audit.find(within interval, longest_token interval)
    RETURNS TABLE (finding text, severity text, subject text, detail text,
                   evidence text, since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH recent AS MATERIALIZED (
        SELECT d.* FROM contauth_audit.decision AS d WHERE d.decided_at >= now() - within
    ), data AS (
        VALUES ('$[*] ? (@.action != "execute" && !(@.relation starts with "pg_catalog."))')
    ), recently AS (
        SELECT format(' AND decided_at >= %L ORDER BY seq', now() - within) AS clause
    )
    SELECT 'borrowed_service_account', 'high', r.db_role,
           format('%s statements with an agent that is not registered for this role', count(*)),
           format('SELECT seq, decided_at, db_role, client_addr, token_kid, token_jti, reason FROM contauth_audit.decision'
                  ' WHERE reason_code = ''wrong_role'' AND db_role = %L', r.db_role) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r WHERE r.reason_code = 'wrong_role' GROUP BY r.db_role
    UNION ALL
    SELECT 'shared_service_account', 'medium', r.db_role,
           'agents: ' || string_agg(DISTINCT r.agent, ', ' ORDER BY r.agent),
           format('SELECT seq, decided_at, agent, owner FROM contauth_audit.decision LEFT JOIN contauth.agent ON spiffe_id = agent'
                  ' WHERE agent IS NOT NULL AND db_role = %L', r.db_role) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r WHERE r.agent IS NOT NULL
     GROUP BY r.db_role HAVING count(DISTINCT r.agent) > 1
    UNION ALL
    SELECT 'missing_chain', 'low', r.agent,
           format('%s statements on data that name nobody on whose behalf', count(*)),
           format('SELECT seq, decided_at, action, statement FROM contauth_audit.decision'
                  ' WHERE decision = ''allow'' AND on_behalf_of IS NULL AND accesses @? %L AND agent = %L',
                  (TABLE data), r.agent) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r
     WHERE r.decision = 'allow' AND r.agent IS NOT NULL AND r.on_behalf_of IS NULL
       AND r.accesses @? (TABLE data)::jsonpath
     GROUP BY r.agent
    UNION ALL
    SELECT 'several_addresses', 'medium', r.agent,
           'from ' || string_agg(DISTINCT coalesce(host(r.client_addr), 'a local socket'), ', '),
           format('SELECT seq, decided_at, client_addr, token_jti FROM contauth_audit.decision WHERE agent = %L',
                  r.agent) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r WHERE r.agent IS NOT NULL
     GROUP BY r.agent HAVING count(DISTINCT coalesce(host(r.client_addr), '')) > 1
    UNION ALL
    SELECT 'person_uses_agent_role', 'high', r.db_role,
           format('%s statements through %s', count(*), r.application_name),
           format('SELECT seq, decided_at, agent, client_addr, statement FROM contauth_audit.decision'
                  ' WHERE db_role = %L AND application_name = %L', r.db_role, r.application_name) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r
     WHERE r.application_name ~* '^(psql|pgcli|pgadmin|dbeaver|datagrip|tableplus|navicat|heidisql|beekeeper|postico|azuredatastudio)'
     GROUP BY r.db_role, r.application_name
    UNION ALL
    SELECT 'unused_agent', 'medium', a.spiffe_id,
           format('active, registered for %s, owner %s', array_to_string(a.db_roles, ', '), a.owner),
           format('SELECT a.spiffe_id, a.state, a.created_at, max(d.decided_at) AS last_seen FROM contauth.agent AS a'
                  ' LEFT JOIN contauth_audit.decision AS d ON d.agent = a.spiffe_id WHERE a.spiffe_id = %L'
                  ' GROUP BY a.spiffe_id', a.spiffe_id),
           coalesce((SELECT max(d.decided_at) FROM contauth_audit.decision AS d WHERE d.agent = a.spiffe_id),
                    a.created_at)
      FROM contauth.agent AS a
     WHERE a.state = 'active' AND a.expires_at > now() AND a.created_at < now() - within
       AND NOT EXISTS (SELECT FROM recent AS r WHERE r.agent = a.spiffe_id)
    UNION ALL
    SELECT 'expired_agent', 'low', a.spiffe_id,
           format('its registration has ended but was not retired, owner %s', a.owner),
           format('SELECT * FROM contauth.agent WHERE spiffe_id = %L', a.spiffe_id),
           a.expires_at
      FROM contauth.agent AS a
     WHERE a.state <> 'retired' AND a.expires_at <= now()
    UNION ALL
    SELECT 'long_lived_token', 'medium', t.principal,
           format('%s of %s, valid until %s UTC', t.id, t.issuer,
                  to_char(max(t.expires_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')),
           format('SELECT seq, decided_at, chain FROM contauth_audit.decision'
                  ' WHERE chain @> jsonb_build_array(jsonb_build_object(''principal'', %L::text, ''id'', %L::text))',
                  t.principal, t.id) || (TABLE recently),
           min(t.decided_at)
      FROM (SELECT r.decided_at, h.hop ->> 'principal' AS principal, h.hop ->> 'id' AS id,
                   h.hop ->> 'issuer' AS issuer,
                   (h.hop ->> 'expires_at')::timestamp AT TIME ZONE 'UTC' AS expires_at
              FROM recent AS r, jsonb_array_elements(r.chain) AS h (hop)
             WHERE jsonb_typeof(r.chain) = 'array') AS t
     WHERE t.expires_at > t.decided_at + longest_token
     GROUP BY t.principal, t.id, t.issuer
    UNION ALL
    SELECT 'policy_never_matched', 'low', p.name,
           format('%s, created by %s', p.effect, p.created_by),
           format('SELECT * FROM contauth.policy WHERE name = %L'
                  ' AND NOT EXISTS (SELECT FROM contauth_audit.decision WHERE name = ANY (policies)'
                  ' AND decided_at >= created_at AND database = current_database())', p.name),
           p.created_at
      FROM contauth.policy AS p
     WHERE p.enabled AND NOT p.builtin AND p.created_at < now() - within
       AND NOT EXISTS (SELECT FROM contauth_audit.decision AS d
                        WHERE p.name = ANY (d.policies) AND d.decided_at >= p.created_at
                          AND d.database = current_database())
    UNION ALL
    SELECT 'not_enforced', 'high', r.db_role,
           format('%s statements that were let through, though the answer was no', count(*)),
           format('SELECT seq, decided_at, agent, decision, reason, statement FROM contauth_audit.decision'
                  ' WHERE mode <> ''enforce'' AND decision <> ''allow'' AND db_role = %L', r.db_role) || (TABLE recently),
           min(r.decided_at)
      FROM recent AS r WHERE r.mode <> 'enforce' AND r.decision <> 'allow'
     GROUP BY r.db_role
    UNION ALL
    SELECT u.finding, u.severity, u.subject, u.detail, u.evidence, u.since
      FROM contauth_audit.find_unsigned(within) AS u
$$;
COMMENT ON FUNCTION contauth_audit.find(interval, interval) IS
    'What should be looked into. within: the last while that is looked at; longest_token: how '
    'long a token may live. Never fails';

CREATE VIEW contauth_audit.findings AS
    SELECT f.finding, f.severity, f.subject, f.detail, f.evidence, f.since
      FROM contauth_audit.find('30 days', '1 day') AS f;
COMMENT ON VIEW contauth_audit.findings IS
    'What should be looked into: of the last 30 days, with tokens living longer than a day';

/*
 * OCSF (https://schema.ocsf.io) class 6005, Datastore Activity, with the profiles
 * ai_operation and security_control.  What OCSF has no attribute for, such as the
 * delegation chain, is in "unmapped".
 */
CREATE VIEW contauth_audit.ocsf AS
    SELECT d.seq, d.decided_at,
           jsonb_strip_nulls(jsonb_build_object(
               'category_uid', 6, 'category_name', 'Application Activity',
               'class_uid', 6005, 'class_name', 'Datastore Activity',
               'activity_id', v.activity_id,
               'activity_name', v.activity_name,
               'type_uid', 600500 + v.activity_id,
               'type_name', 'Datastore Activity: ' || v.activity_name,
               'severity_id', v.severity_id,
               'severity', (ARRAY['Informational', 'Low', 'Medium', 'High'])[v.severity_id],
               'status_id', v.status_id,
               'status', (ARRAY['Unknown', 'Success', 'Failure'])[v.status_id + 1],
               'status_code', d.sqlstate,
               'status_detail', d.reason,
               'time', floor(extract(epoch FROM d.decided_at) * 1000)::bigint,
               'message', format('%s %s for %s', coalesce(d.statement_kind, 'statement'),
                                 CASE d.decision WHEN 'allow' THEN 'allowed' WHEN 'deny' THEN 'denied'
                                                 ELSE 'escalated' END,
                                 coalesce(d.agent, 'a session without identity')),
               'metadata', jsonb_build_object(
                   'version', '1.9.0-dev',
                   'profiles', jsonb_build_array('ai_operation', 'security_control'),
                   'product', jsonb_build_object('name', 'contauth', 'vendor_name', 'contauth',
                                                 'version', x.extversion),
                   'log_name', 'contauth_audit.decision',
                   'uid', d.decision_id,
                   'sequence', d.seq,
                   'event_code', d.reason_code,
                   'correlation_uid', d.trace_id,
                   'original_time', to_char(d.decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
               'actor', jsonb_build_object(
                   'app_name', nullif(d.application_name, ''),
                   'user', jsonb_build_object(
                       'uid', coalesce(d.on_behalf_of, d.agent),
                       'name', coalesce(d.on_behalf_of, d.agent, d.db_role, 'unknown'),
                       'type_id', v.user_type_id,
                       'type', CASE v.user_type_id WHEN 1 THEN 'User' WHEN 4 THEN 'Service' ELSE 'Unknown' END),
                   'session', jsonb_build_object(
                       'uid', d.token_jti,
                       'credential_uid', d.token_sha256,
                       'issuer', d.chain -> -1 ->> 'issuer',
                       'is_remote', d.client_addr IS NOT NULL),
                   'authorizations', CASE WHEN cardinality(d.policies) > 0 THEN
                       (SELECT jsonb_agg(jsonb_build_object(
                                   'decision', d.decision,
                                   'policy', jsonb_build_object('name', p.name,
                                                                'version', d.policy_version::text,
                                                                'is_applied', true)) ORDER BY p.n)
                          FROM unnest(d.policies) WITH ORDINALITY AS p (name, n))
                       ELSE jsonb_build_array(jsonb_build_object('decision', d.decision)) END),
               'ai_agent', CASE WHEN d.agent IS NOT NULL THEN jsonb_build_object(
                   'uid', d.agent, 'name', d.agent, 'type_id', 0, 'type', 'Unknown') END,
               'action_id', v.action_id,
               'action', CASE v.action_id WHEN 1 THEN 'Allowed' WHEN 2 THEN 'Denied'
                                          WHEN 3 THEN 'Observed' ELSE 'Escalated' END,
               'disposition_id', v.disposition_id,
               'disposition', CASE v.disposition_id WHEN 1 THEN 'Allowed' WHEN 2 THEN 'Blocked'
                                                    WHEN 17 THEN 'Logged' ELSE 'Challenge' END,
               'is_alert', v.severity_id >= 3,
               'src_endpoint', jsonb_build_object(
                   'ip', host(d.client_addr),
                   'name', CASE WHEN d.client_addr IS NULL THEN 'local socket' END),
               'database', jsonb_build_object('name', coalesce(d.database, 'unknown'),
                                              'type_id', 1, 'type', 'Relational'),
               'table', CASE WHEN v.relation IS NOT NULL THEN jsonb_build_object('name', v.relation) END,
               'type_id', CASE WHEN v.relation IS NULL THEN 1 ELSE 3 END,
               'type', CASE WHEN v.relation IS NULL THEN 'Database' ELSE 'Table' END,
               'query_info', CASE WHEN d.statement IS NOT NULL THEN jsonb_build_object(
                   'query_string', d.statement, 'uid', coalesce(d.statement_sha256, d.decision_id::text)) END,
               'unmapped', jsonb_build_object(
                   'decision', d.decision, 'mode', d.mode, 'reason_code', d.reason_code, 'domain', d.domain,
                   'delegation_chain', d.chain, 'depth', d.depth, 'autonomy', d.autonomy,
                   'purpose', d.purpose, 'task_id', d.task_id, 'db_role', d.db_role,
                   'token_kid', d.token_kid, 'tls', d.tls, 'action', d.action, 'accesses', d.accesses,
                   'max_sensitivity', d.max_sensitivity, 'statement_kind', d.statement_kind,
                   'rows_returned', d.rows_returned, 'rows_affected', d.rows_affected,
                   'decision_us', d.decision_us, 'execution_us', d.execution_us,
                   'query_id', d.query_id::text, 'approval_id', d.approval_id, 'context', d.context,
                   'boot_id', d.boot_id, 'finished_at', d.finished_at,
                   'prev_hash', encode(d.prev_hash, 'hex'), 'hash', encode(d.hash, 'hex')))) AS event
      FROM contauth_audit.decision AS d
     CROSS JOIN (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'contauth') AS x
     CROSS JOIN LATERAL (
        SELECT a.id AS activity_id,
               CASE a.id WHEN 1 THEN 'Read' WHEN 2 THEN 'Update' WHEN 4 THEN 'Query' WHEN 5 THEN 'Write'
                         WHEN 6 THEN 'Create' WHEN 7 THEN 'Delete'
                         ELSE coalesce(d.statement_kind, 'Other') END AS activity_name,
               CASE WHEN d.decision = 'allow' THEN 1
                    WHEN d.decision = 'escalate' THEN 2
                    WHEN d.sqlstate IN ('28000', 'ZA002') THEN 4 ELSE 3 END AS severity_id,
               CASE WHEN d.sqlstate IS NULL THEN 0 WHEN d.sqlstate = '00000' THEN 1 ELSE 2 END AS status_id,
               CASE WHEN d.decision = 'allow' THEN 1 WHEN d.mode <> 'enforce' THEN 3
                    WHEN d.decision = 'deny' THEN 2 ELSE 99 END AS action_id,
               CASE WHEN d.decision = 'allow' THEN 1 WHEN d.mode <> 'enforce' THEN 17
                    WHEN d.decision = 'deny' THEN 2 ELSE 23 END AS disposition_id,
               CASE WHEN d.agent IS NULL THEN 0
                    WHEN d.chain -> 0 ->> 'kind' = 'user' THEN 1 ELSE 4 END AS user_type_id,
               jsonb_path_query_first(d.accesses, '$[*] ? (@.action != "execute" && @.action != "set_role" && @.action != "notify").relation') #>> '{}' AS relation
          FROM (SELECT CASE WHEN w.n > 1 THEN 5
                            WHEN 'insert' = ANY (d.action) THEN 6
                            WHEN 'update' = ANY (d.action) THEN 2
                            WHEN d.action && ARRAY['delete', 'truncate'] THEN 7
                            WHEN 'export' = ANY (d.action) THEN 1
                            WHEN 'select' = ANY (d.action) THEN 4
                            ELSE 99 END AS id
                  FROM (SELECT count(*) AS n FROM unnest(d.action) AS k (action)
                         WHERE k.action IN ('insert', 'update', 'delete', 'truncate')) AS w) AS a) AS v;
COMMENT ON VIEW contauth_audit.ocsf IS
    'Decisions as events of the Open Cybersecurity Schema Framework, class 6005 Datastore Activity';

/*
 * What auditors are asked for, and the query that answers it here.  Ids and titles
 * are those of the frameworks (titles of NIST's and PCI's are cut short).
 */
CREATE VIEW contauth_audit.control_mapping (framework, control, title, how, evidence) AS
    VALUES
    ('OWASP NHI Top 10 2025', 'NHI1:2025', 'Improper Offboarding',
     'Agents are suspended and retired, and registrations end; what is left over is found',
     $$SELECT * FROM contauth_audit.findings WHERE finding IN ('unused_agent', 'expired_agent')$$),
    ('OWASP NHI Top 10 2025', 'NHI2:2025', 'Secret Leakage',
     'Tokens are never stored or shown; records hold their key id, jti and SHA-256',
     $$SELECT seq, decided_at, agent, token_kid, token_jti, token_sha256 FROM contauth_audit.decision WHERE token_sha256 IS NOT NULL$$),
    ('OWASP NHI Top 10 2025', 'NHI3:2025', 'Vulnerable Third-Party NHI',
     'An issuer speaks for one trust domain only; an agent must be registered besides',
     $$SELECT issuer, trust_domain, created_at FROM contauth.issuer$$),
    ('OWASP NHI Top 10 2025', 'NHI4:2025', 'Insecure Authentication',
     'Only asymmetric signatures or client certificates of registered agents are accepted',
     $$SELECT * FROM contauth_audit.denials WHERE sqlstate IN ('28000', 'ZA002')$$),
    ('OWASP NHI Top 10 2025', 'NHI5:2025', 'Overprivileged NHI',
     'Nothing is permitted by default; permits that nobody needs are listed',
     $$SELECT * FROM contauth_audit.unused_permissions$$),
    ('OWASP NHI Top 10 2025', 'NHI6:2025', 'Insecure Cloud Deployment Configurations',
     'Of a deployment contauth sees which policies are in force, and statements that were decided without being enforced',
     $$SELECT * FROM contauth_audit.findings WHERE finding IN ('not_enforced')$$),
    ('OWASP NHI Top 10 2025', 'NHI7:2025', 'Long-Lived Secrets',
     'Expiry is checked at every statement; tokens that live long are found',
     $$SELECT * FROM contauth_audit.findings WHERE finding IN ('long_lived_token')$$),
    ('OWASP NHI Top 10 2025', 'NHI8:2025', 'Environment Isolation',
     'Tokens must name the audience of this server, and agents belong to one trust domain',
     $$SELECT * FROM contauth_audit.denials WHERE reason_code LIKE 'token\_%' OR reason_code LIKE 'issuer\_%'$$),
    ('OWASP NHI Top 10 2025', 'NHI9:2025', 'NHI Reuse',
     'Each agent has an identity of its own; shared roles and addresses are found',
     $$SELECT * FROM contauth_audit.findings WHERE finding IN ('shared_service_account', 'several_addresses', 'borrowed_service_account')$$),
    ('OWASP NHI Top 10 2025', 'NHI10:2025', 'Human Use of NHI',
     'Interactive clients in agents roles are found',
     $$SELECT * FROM contauth_audit.findings WHERE finding IN ('person_uses_agent_role')$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI01', 'Agent Goal Hijack',
     'What a misled agent asks for is decided by the same policies; purpose can be demanded from the signed token',
     $$SELECT agent, purpose, reason_code, count(*) FROM contauth_audit.decision WHERE decision = 'deny' GROUP BY agent, purpose, reason_code$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI02', 'Tool Misuse and Exploitation',
     'Actions, columns, rows and amounts are limited for each statement',
     $$SELECT * FROM contauth_audit.denials WHERE sqlstate IN ('42501', 'ZA003')$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI03', 'Identity and Privilege Abuse',
     'Authority is that of every hop of the delegation chain, intersected',
     $$SELECT * FROM contauth_audit.delegation_tree$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI04', 'Agentic Supply Chain Vulnerabilities',
     'Not seen by a database; only signers and agents that were registered are believed',
     $$SELECT spiffe_id, owner, state, created_at FROM contauth.agent$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI05', 'Unexpected Code Execution',
     'Agents run no DDL and no DO, and only functions that policies permit',
     $$SELECT * FROM contauth_audit.denials WHERE reason_code IN ('command', 'fastpath', 'agent_code') OR action = '{execute}'$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI06', 'Memory and Context Poisoning',
     'Writes are decided as reads are, and recorded with whoever made them',
     $$SELECT * FROM contauth_audit.decision WHERE action && ARRAY['insert', 'update', 'delete', 'truncate', 'copy_in']$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI07', 'Insecure Inter-Agent Communication',
     'Agents hand on authority by signed grants only; whatever does not verify is refused',
     $$SELECT * FROM contauth_audit.denials WHERE sqlstate = 'ZA002' OR reason_code LIKE 'chain\_%' OR reason_code LIKE 'grant\_%' OR reason_code LIKE 'delegation%'$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI08', 'Cascading Failures',
     'Budgets count over all sessions of an agent, and stop it',
     $$SELECT * FROM contauth_audit.denials WHERE sqlstate = 'ZA003'$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI09', 'Human-Agent Trust Exploitation',
     'What needs a persons approval is not done without it',
     $$SELECT * FROM contauth_audit.escalations$$),
    ('OWASP Top 10 for Agentic Applications 2026', 'ASI10', 'Rogue Agents',
     'Agents are suspended at once; what each one did is summed up',
     $$SELECT * FROM contauth_audit.agent_activity ORDER BY denied DESC$$),
    ('NIST SP 800-207', '2.1 tenet 1', 'All data sources and computing services are considered resources',
     'Every relation, column and function is a resource that needs a permit',
     $$SELECT DISTINCT a ->> 'relation' AS resource, a ->> 'action' AS action FROM contauth_audit.decision, jsonb_array_elements(accesses) AS a$$),
    ('NIST SP 800-207', '2.1 tenet 2', 'All communication is secured regardless of network location',
     'Where a client is changes nothing; unencrypted connections are on record',
     $$SELECT client_addr, tls, count(*) FROM contauth_audit.decision GROUP BY client_addr, tls$$),
    ('NIST SP 800-207', '2.1 tenet 3', 'Access to individual enterprise resources is granted on a per-session basis',
     'Each statement is decided anew, whatever was allowed before',
     $$SELECT seq, decided_at, agent, decision, accesses FROM contauth_audit.decision$$),
    ('NIST SP 800-207', '2.1 tenet 4', 'Access to resources is determined by dynamic policy',
     'Conditions see identity, chain, purpose, time, place and history',
     $$SELECT name, effect, principals, resources, condition FROM contauth.policy WHERE enabled$$),
    ('NIST SP 800-207', '2.1 tenet 5', 'The enterprise monitors and measures the integrity and security posture of all owned and associated assets',
     'Findings are made from what agents really did',
     $$SELECT * FROM contauth_audit.findings$$),
    ('NIST SP 800-207', '2.1 tenet 6', 'All resource authentication and authorization are dynamic and strictly enforced before access is allowed',
     'Expiry, registration and policy are checked at every statement and FETCH',
     $$SELECT mode, decision, count(*) FROM contauth_audit.decision GROUP BY mode, decision$$),
    ('NIST SP 800-207', '2.1 tenet 7', 'The enterprise collects as much information as possible about the current state of assets, network infrastructure and communications and uses it to improve its security posture',
     'One record for each statement, and an export for the SIEM',
     $$SELECT event FROM contauth_audit.ocsf$$),
    ('NIST AI RMF 1.0', 'GOVERN 1.4', 'The risk management process and its outcomes are established through transparent policies, procedures, and other controls',
     'Policies are data, with every version and who made it',
     $$SELECT * FROM contauth.policy_version ORDER BY version$$),
    ('NIST AI RMF 1.0', 'GOVERN 1.6', 'Mechanisms are in place to inventory AI systems',
     'Agents are registered, with owner and autonomy',
     $$SELECT spiffe_id, owner, autonomy, state, db_roles, created_at, expires_at FROM contauth.agent$$),
    ('NIST AI RMF 1.0', 'GOVERN 1.7', 'Processes and procedures are in place for decommissioning and phasing out AI systems safely',
     'Agents are suspended and retired, with the reason on record',
     $$SELECT * FROM contauth_audit.admin_event WHERE action IN ('suspend_agent', 'resume_agent', 'retire_agent')$$),
    ('NIST AI RMF 1.0', 'MAP 3.5', 'Processes for human oversight are defined, assessed, and documented',
     'Policies of effect escalate say what needs a person',
     $$SELECT name, principals, resources, condition FROM contauth.policy WHERE effect = 'escalate'$$),
    ('NIST AI RMF 1.0', 'MEASURE 2.4', 'The functionality and behavior of the AI system and its components are monitored when in production',
     'What each agent did is counted',
     $$SELECT * FROM contauth_audit.agent_activity$$),
    ('NIST AI RMF 1.0', 'MEASURE 2.7', 'AI system security and resilience are evaluated and documented',
     'Refusals show what was attempted',
     $$SELECT agent, reason_code, count(*) FROM contauth_audit.denials GROUP BY agent, reason_code$$),
    ('NIST AI RMF 1.0', 'MANAGE 2.4', 'Mechanisms are in place and applied to supersede, disengage, or deactivate AI systems',
     'Suspending an agent stops its next statement',
     $$SELECT * FROM contauth_audit.admin_event WHERE action = 'suspend_agent'$$),
    ('NIST AI RMF 1.0', 'MANAGE 4.1', 'Post-deployment AI system monitoring plans are implemented',
     'Findings, to be looked through regularly',
     $$SELECT * FROM contauth_audit.findings$$),
    ('PCI DSS 4.0.1', '10.2.1.1', 'Audit logs capture all individual user access to cardholder data',
     'Every access to columns with a label; label cardholder data pci',
     $$SELECT * FROM contauth_audit.sensitive_access$$),
    ('PCI DSS 4.0.1', '10.2.1.2', 'Audit logs capture all actions taken by any individual with administrative access',
     'Administration through contauths functions',
     $$SELECT * FROM contauth_audit.admin_event$$),
    ('PCI DSS 4.0.1', '10.2.1.3', 'Audit logs capture all access to audit logs',
     'Whoever reads a table of the audit is recorded; the server''s log has those who roll back, too',
     $$SELECT * FROM contauth_audit.admin_event WHERE action = 'read_audit'$$),
    ('PCI DSS 4.0.1', '10.2.1.4', 'Audit logs capture all invalid logical access attempts',
     'Refused statements, also of sessions without identity',
     $$SELECT * FROM contauth_audit.denials$$),
    ('PCI DSS 4.0.1', '10.2.1.5', 'Audit logs capture all changes to identification and authentication credentials',
     'Issuers, keys and agents',
     $$SELECT * FROM contauth_audit.admin_event WHERE action LIKE '%issuer%' OR action LIKE '%agent%' OR action LIKE '%bundle%' OR action LIKE '%role%'$$),
    ('PCI DSS 4.0.1', '10.2.2', 'Audit logs record the described details for each auditable event',
     'Who, what, when, from where, with what result, on what',
     $$SELECT agent, db_role, on_behalf_of, statement_kind, decided_at, decision, sqlstate, client_addr, accesses FROM contauth_audit.decision$$),
    ('PCI DSS 4.0.1', '10.3.1', 'Read access to audit logs files is limited to those with a job-related need',
     'Members of contauth_auditor, and superusers',
     $$SELECT roleid::regrole AS role, member::regrole AS member FROM pg_catalog.pg_auth_members WHERE roleid = 'contauth_auditor'::regrole$$),
    ('PCI DSS 4.0.1', '10.3.2', 'Audit log files are protected to prevent modifications by individuals',
     'Triggers refuse every change, also to superusers',
     $$SELECT tgrelid::regclass AS relation, tgname AS trigger, tgenabled AS enabled FROM pg_catalog.pg_trigger WHERE tgfoid = 'contauth_audit.refuse_change'::regproc$$),
    ('PCI DSS 4.0.1', '10.3.4', 'File integrity monitoring or change-detection mechanisms is used on audit logs',
     'Records are chained by hashes',
     $$SELECT * FROM contauth_audit.verify()$$),
    ('PCI DSS 4.0.1', '10.4.1.1', 'Automated mechanisms are used to perform audit log reviews',
     'Findings, and an export for the SIEM',
     $$SELECT * FROM contauth_audit.findings$$),
    ('PCI DSS 4.0.1', '10.5.1', 'Retain audit log history for at least 12 months, with at least the most recent three months immediately available for analysis',
     'Nothing is dropped by itself, and not below contauth.audit_retention_min',
     $$SELECT pg_catalog.current_setting('contauth.audit_retention_min') AS days, min(decided_at) AS oldest FROM contauth_audit.decision$$),
    ('HIPAA', '164.312(b)', 'Audit controls',
     'Activity in systems that contain health information is recorded; label it phi',
     $$SELECT * FROM contauth_audit.sensitive_access WHERE labels @? '$[*] ? (@ starts with "phi")'$$),
    ('EU AI Act', 'Article 12', 'Record-keeping',
     'Events are recorded automatically over the lifetime of the system',
     $$SELECT min(decided_at) AS oldest, max(decided_at) AS newest, count(*) AS records FROM contauth_audit.decision$$),
    ('EU AI Act', 'Article 19', 'Automatically generated logs',
     'Kept for at least six months: contauth.audit_retention_min is 180 days, unless it is set otherwise',
     $$SELECT pg_catalog.current_setting('contauth.audit_retention_min') AS days, min(decided_at) AS oldest FROM contauth_audit.decision$$);
COMMENT ON VIEW contauth_audit.control_mapping IS
    'Controls of security frameworks, how contauth helps to meet them, and the query that is the evidence';

/* Columns of views: those named as in contauth_audit.decision mean the same */

DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT v.attrelid::regclass AS view, v.attname AS name,
                    col_description(d.attrelid, d.attnum) AS comment
               FROM pg_attribute AS v
               JOIN pg_class AS r ON r.oid = v.attrelid AND r.relkind = 'v'
                                 AND r.relnamespace = 'contauth_audit'::regnamespace
               JOIN pg_attribute AS d ON d.attrelid = 'contauth_audit.decision'::regclass
                                     AND d.attname = v.attname
              WHERE v.attnum > 0 LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.name, c.comment);
    END LOOP;
END
$$;
COMMENT ON COLUMN contauth_audit.pending_approvals.request IS 'Id of the request';
COMMENT ON COLUMN contauth_audit.pending_approvals.requested_at IS 'When the statement was refused, or began to wait';
COMMENT ON COLUMN contauth_audit.pending_approvals.expires_at IS 'When the request ends by itself';
COMMENT ON COLUMN contauth_audit.pending_approvals.owner IS 'Registered owner of the agent';
COMMENT ON COLUMN contauth_audit.pending_approvals.action IS 'Action that has to be approved';
COMMENT ON COLUMN contauth_audit.pending_approvals.resources IS 'On what';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.id IS 'As context ->> ''break_glass'' of decisions says';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.agent IS 'Agent that it is open for';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.reason IS 'Why it was opened';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.opened_at IS 'When';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.opened_by IS 'Session user who opened it, and cannot review it';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.ends_at IS 'When it ends by itself';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.closed_at IS 'When it was closed before; NULL: it was not';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.closed_by IS 'Session user who closed it';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.open IS 'Whether it is open now';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.decisions IS 'Statements decided while it was open; 0 where another database keeps the audit';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.denied IS 'Those that were denied nevertheless';
COMMENT ON COLUMN contauth_audit.break_glass_reviews.last_decision IS 'When the newest was decided';
COMMENT ON COLUMN contauth_audit.agent_activity.statements IS 'Statements';
COMMENT ON COLUMN contauth_audit.agent_activity.allowed IS 'Those that were allowed';
COMMENT ON COLUMN contauth_audit.agent_activity.denied IS 'Those that were denied';
COMMENT ON COLUMN contauth_audit.agent_activity.escalated IS 'Those that needed an approval';
COMMENT ON COLUMN contauth_audit.agent_activity.first_seen IS 'When the first was decided';
COMMENT ON COLUMN contauth_audit.agent_activity.last_seen IS 'When the newest was decided';
COMMENT ON COLUMN contauth_audit.delegation_tree.root IS 'Principal that the path begins with';
COMMENT ON COLUMN contauth_audit.delegation_tree.depth IS 'Delegations between root and principal';
COMMENT ON COLUMN contauth_audit.delegation_tree.delegator IS 'Principal before this one, NULL for a root';
COMMENT ON COLUMN contauth_audit.delegation_tree.principal IS 'Principal that the path ends with';
COMMENT ON COLUMN contauth_audit.delegation_tree.kind IS 'user, agent or service';
COMMENT ON COLUMN contauth_audit.delegation_tree.statements IS 'Statements of it, and of those it delegated to';
COMMENT ON COLUMN contauth_audit.delegation_tree.acted IS 'Statements of it';
COMMENT ON COLUMN contauth_audit.delegation_tree.denied IS 'Those that were denied';
COMMENT ON COLUMN contauth_audit.delegation_tree.first_seen IS 'When the first was decided';
COMMENT ON COLUMN contauth_audit.delegation_tree.last_seen IS 'When the newest was decided';
COMMENT ON COLUMN contauth_audit.delegation_tree.path IS 'Principals from the root on';
COMMENT ON COLUMN contauth_audit.sensitive_access.relation IS 'What was accessed';
COMMENT ON COLUMN contauth_audit.sensitive_access.action IS 'How';
COMMENT ON COLUMN contauth_audit.sensitive_access.columns IS 'Columns used';
COMMENT ON COLUMN contauth_audit.sensitive_access.labels IS 'Their classes';
COMMENT ON COLUMN contauth_audit.sensitive_access.sensitivity IS
    'Highest of them as this database ranks them now; of the statement as it was ranked then, where it knows none';
COMMENT ON COLUMN contauth_audit.sensitive_access.masks IS 'Masks that held';
COMMENT ON COLUMN contauth_audit.sensitive_access.row_filter IS 'Filter that held';
COMMENT ON COLUMN contauth_audit.unused_permissions.policy IS 'Name of the permit';
COMMENT ON COLUMN contauth_audit.unused_permissions.principals IS 'Whom it permits';
COMMENT ON COLUMN contauth_audit.unused_permissions.resources IS 'What it is for';
COMMENT ON COLUMN contauth_audit.unused_permissions.actions IS 'What it permits';
COMMENT ON COLUMN contauth_audit.unused_permissions.unused_actions IS 'Which of these no allowed statement needed';
COMMENT ON COLUMN contauth_audit.unused_permissions.last_used IS 'When it was used last, NULL: not within the 30 days';
COMMENT ON COLUMN contauth_audit.unused_permissions.created_at IS 'When it was created';
COMMENT ON COLUMN contauth_audit.findings.finding IS 'What kind of finding';
COMMENT ON COLUMN contauth_audit.findings.severity IS 'low, medium or high';
COMMENT ON COLUMN contauth_audit.findings.subject IS 'Agent, role, principal, policy, key or checkpoints';
COMMENT ON COLUMN contauth_audit.findings.detail IS 'Particulars';
COMMENT ON COLUMN contauth_audit.findings.evidence IS 'Query that lists what it was made from';
COMMENT ON COLUMN contauth_audit.findings.since IS 'Since when';
COMMENT ON COLUMN contauth_audit.ocsf.event IS 'The event';
COMMENT ON COLUMN contauth_audit.control_mapping.framework IS 'Framework';
COMMENT ON COLUMN contauth_audit.control_mapping.control IS 'Its id of the control';
COMMENT ON COLUMN contauth_audit.control_mapping.title IS 'Its title of the control';
COMMENT ON COLUMN contauth_audit.control_mapping.how IS 'What contauth does for it';
COMMENT ON COLUMN contauth_audit.control_mapping.evidence IS 'Query for a member of contauth_auditor';

/* Privileges */

-- by name: monthly partitions in the schema are no members of the extension
REVOKE ALL ON contauth_audit.retention, contauth_audit.checkpoint, contauth_audit.spool,
              contauth_audit.approval_request, contauth_audit.pending_approvals,
              contauth_audit.break_glass_reviews, contauth_audit.delegation_tree,
              contauth_audit.sensitive_access, contauth_audit.unused_permissions,
              contauth_audit.findings, contauth_audit.ocsf, contauth_audit.control_mapping
    FROM PUBLIC;
GRANT SELECT ON contauth_audit.decision, contauth_audit.admin_event, contauth_audit.retention,
                contauth_audit.checkpoint, contauth_audit.spool,
                contauth_audit.denials, contauth_audit.escalations,
                contauth_audit.agent_activity, contauth_audit.delegation_tree,
                contauth_audit.sensitive_access, contauth_audit.unused_permissions,
                contauth_audit.findings, contauth_audit.ocsf, contauth_audit.control_mapping
    TO contauth_auditor;
GRANT SELECT ON contauth_audit.approval_request, contauth_audit.pending_approvals,
                contauth_audit.break_glass_reviews
    TO contauth_auditor, contauth_approver;

REVOKE ALL ON FUNCTION
    contauth_audit.sensitivity_of(jsonb), contauth_audit.find_unused_permissions(interval),
    contauth_audit.find(interval, interval), contauth_audit.find_unsigned(interval), contauth_audit.is_signed()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    contauth_audit.sensitivity_of(jsonb), contauth_audit.find_unused_permissions(interval),
    contauth_audit.find(interval, interval), contauth_audit.find_unsigned(interval), contauth_audit.is_signed()
    TO contauth_auditor;

/* What functions of 0.1 take, and how they fail */

COMMENT ON FUNCTION contauth.check_policy() IS 'Refuses a policy that is not valid';
COMMENT ON FUNCTION contauth.check_issuer() IS 'Refuses an issuer that is not valid';
COMMENT ON FUNCTION contauth.check_agent() IS 'Refuses an agent that is not valid';
COMMENT ON FUNCTION contauth.table_changed() IS 'Tells every session to read the table again';
COMMENT ON FUNCTION contauth.record_policy_version() IS 'Keeps every change of every policy';
COMMENT ON FUNCTION contauth.mask_call_in(cstring) IS 'Refuses every input';
COMMENT ON FUNCTION contauth.mask_call_out(contauth.mask_call) IS 'Shows that contauth calls';
COMMENT ON FUNCTION contauth.mask_redact(text, contauth.mask_call) IS 'Mask redact';
COMMENT ON FUNCTION contauth.mask_partial(text, integer, integer, contauth.mask_call) IS
    'Mask partial(first,last)';
COMMENT ON FUNCTION contauth.mask_email(text, contauth.mask_call) IS 'Mask email';
COMMENT ON FUNCTION contauth.mask_hash(text, contauth.mask_call) IS 'Mask hash';
COMMENT ON FUNCTION contauth.mask_hash(bytea, contauth.mask_call) IS 'Mask hash';
COMMENT ON FUNCTION contauth.mask_hash(uuid, contauth.mask_call) IS 'Mask hash';
COMMENT ON FUNCTION contauth.authenticate(text, jsonb) IS
    'Presents a token, for the transaction inside one, else for the session; returns whoami(). '
    'token: a compact JWS; delegation: a JSON array of grants, root first. Errors: 28000 for a '
    'token and ZA002 for a chain that is refused, 0A000 inside a statement that does something '
    'else';
COMMENT ON FUNCTION contauth.whoami() IS
    'The session''s identity: agent, on_behalf_of, chain, depth, autonomy, purpose, source, '
    'expires_at; agent is NULL, with a reason, when there is none. Never fails';
COMMENT ON FUNCTION contauth.claim(text) IS
    'A claim of the verified token, NULL when there is none. name: of the claim, as text; '
    'objects and arrays come as JSON. Never fails';
COMMENT ON FUNCTION contauth.attribute(text) IS
    'An attribute of the registered agent, NULL when there is none. name: of the attribute. '
    'Never fails';
COMMENT ON FUNCTION contauth.my_decision(uuid) IS
    'The agent''s own decision, as a row of contauth_audit.decision, NULL when there is none. '
    'decision_id: as in an error''s DETAIL. Errors: ZA005 when the audit does not catch up';
COMMENT ON FUNCTION contauth.enroll_role(regrole) IS
    'Governs every session of the role, and keeps it from servers that have not loaded contauth. '
    'role: no superuser, and not one that may stream the database. Errors: 22023';
COMMENT ON FUNCTION contauth.unenroll_role(regrole) IS
    'Undoes enroll_role(). role: one that exists. Errors: 22023';
COMMENT ON FUNCTION contauth.add_issuer(text, text, jsonb) IS
    'Trusts an issuer of tokens. issuer: as their iss says; trust_domain: the SPIFFE trust '
    'domain it may speak for; jwks: JWK Set (RFC 7517) of public keys. Errors: 22023 for what is '
    'not valid, and for an issuer that exists';
COMMENT ON FUNCTION contauth.set_issuer_keys(text, jsonb) IS
    'Replaces an issuer''s keys; tokens signed with a key that is gone are refused from then on. '
    'issuer: one that exists; jwks: JWK Set (RFC 7517) of public keys. Errors: 22023';
COMMENT ON FUNCTION contauth.remove_issuer(text) IS
    'Trusts an issuer no more; its tokens are refused from then on. issuer: one that exists. '
    'Errors: 22023';
COMMENT ON FUNCTION contauth.register_agent(text, name[], text, integer, jsonb, timestamptz) IS
    'Registers an agent. spiffe_id: of the workload; db_roles: database roles that it may use; '
    'owner: who answers for it; autonomy: 1 to 5; attributes: a JSON object for '
    'contauth.attribute(); expires_at: when the registration ends. Errors: 22023 for what is not '
    'valid, and for an agent that is registered';
COMMENT ON FUNCTION contauth.set_agent_state(text, text, text) IS
    'What suspend_agent(), resume_agent() and retire_agent() do';
COMMENT ON FUNCTION contauth.suspend_agent(text, text) IS
    'Refuses every statement of the agent until resume_agent(), and stops what runs. spiffe_id: '
    'one that is registered and not retired; reason: for the record. Errors: 22023';
COMMENT ON FUNCTION contauth.resume_agent(text, text) IS
    'Undoes suspend_agent(). spiffe_id: one that is registered and not retired; reason: for the '
    'record. Errors: 22023';
COMMENT ON FUNCTION contauth.retire_agent(text, text) IS
    'Refuses every statement of the agent for good, and stops what runs. spiffe_id: one that is '
    'registered and not retired; reason: for the record. Errors: 22023';
COMMENT ON FUNCTION contauth.create_policy(text, text, text[], text[], text[], text[], text, text,
                                           jsonb, jsonb, boolean, text) IS
    'Creates a policy, in force from the commit on. name: a new one; effect: permit, forbid, '
    'escalate or restrict; principals, on_behalf_of, actions, resources: patterns of what it is '
    'for; condition: SQL over ctx; row_filter: SQL over the table''s columns; masks: by column '
    'or label; limits: budgets; monitor_only: decides nothing, and is recorded; description: for '
    'people. Errors: 22023 for what is not valid, and for a name that exists';
COMMENT ON FUNCTION contauth.alter_policy(text, jsonb) IS
    'Changes fields of a policy. name: one that exists; changes: JSON object with their names, '
    'as in create_policy(), and new values. Errors: 22023';
COMMENT ON FUNCTION contauth.enable_policy(text, boolean) IS
    'Puts a policy into force or out of it. name: one that exists; enabled: which of the two. '
    'Errors: 22023';
COMMENT ON FUNCTION contauth.drop_policy(text) IS
    'Removes a policy. name: one that exists and is not built in. Errors: 22023';
COMMENT ON FUNCTION contauth.require_arguments(jsonb) IS
    'Refuses NULL and empty arguments, by name';
COMMENT ON FUNCTION contauth_audit.refuse_change() IS
    'Refuses every change of audit records that contauth does not make itself';
COMMENT ON FUNCTION contauth_audit.record_admin_event(text, text, jsonb) IS
    'Records an act of administration; for the administration functions';
COMMENT ON FUNCTION contauth_audit.attach() IS
    'Makes this database keep the audit of the server, unless another one does. Errors: 42501 '
    'for who is no superuser; 55000 when contauth is not preloaded';

/* Last of all: from the commit on this database can keep the audit */
SELECT contauth_audit.attach();
