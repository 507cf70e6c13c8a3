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
