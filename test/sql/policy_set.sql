-- The policy set as a whole: versions, bundles, dry runs, rollback.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
SELECT coalesce(max(version), 0) AS base FROM contauth.policy_version \gset
\set newest 'SELECT coalesce(max(version), 0) - :base AS version FROM contauth.policy_version;'
\set changes 'SELECT policy, old_policy ->> ''effect'' AS old, new_policy ->> ''effect'' AS new FROM contauth.policy_version WHERE version = (SELECT max(version) FROM contauth.policy_version) ORDER BY policy;'
\set ECHO all

--
-- a transaction is a version
--
BEGIN;
SELECT contauth.create_policy('a', 'permit', resources => '{crm.ticket}') \g /dev/null
SELECT contauth.create_policy('b', 'permit', resources => '{crm.ticket}') \g /dev/null
SELECT contauth.alter_policy('a', '{"effect": "forbid"}') \g /dev/null
SAVEPOINT s;
SELECT contauth.create_policy('c', 'permit') \g /dev/null
ROLLBACK TO s;
SELECT contauth.drop_policy('b') \g /dev/null
COMMIT;
:newest
:changes
SELECT version - :base AS version FROM contauth.policy WHERE name = 'a';
BEGIN;
SELECT contauth.create_policy('c', 'permit') \g /dev/null
ROLLBACK;
:newest
UPDATE contauth.policy SET effect = CASE name WHEN 'a' THEN 'permit' ELSE effect END WHERE NOT builtin;
:newest
:changes
UPDATE contauth.policy SET name = 'z' WHERE name = 'a';
:state
TRUNCATE contauth.policy;
:state
DELETE FROM contauth.policy WHERE name = 'builtin_functions';
:state
SELECT contauth.drop_policy('builtin_functions');
:state
INSERT INTO contauth.policy (name, effect, principals, on_behalf_of, actions, resources, masks, limits, monitor_only)
VALUES ('a', 'permit', '{*}', '{*}', '{*}', '{*}', '{}', '{}', false) ON CONFLICT DO NOTHING;
:newest

--
-- bundles
--
SELECT contauth.export_policies() AS before \gset
SELECT * FROM contauth.apply_policies(:'before');
:newest
-- a dry run tells everything, and does nothing
SELECT count(*) AS events FROM contauth_audit.admin_event WHERE action <> 'read_audit' \gset
SELECT * FROM contauth.apply_policies('{"policies": [
    {"name": "a", "effect": "permit", "resources": ["crm.ticket"], "description": "changed"},
    {"name": "new", "effect": "restrict", "resources": ["crm.ticket"], "row_filter": "id > 2"},
    {"name": "bad effect", "effect": "allow"},
    {"name": "bad condition", "effect": "permit", "condition": "random() > 0"},
    {"name": "bad filter", "effect": "permit", "resources": ["crm.ticket"], "row_filter": "nothing = 1"},
    {"name": "bad mask", "effect": "permit", "masks": {"crm.ticket.body": "blur"}},
    {"name": "bad limit", "effect": "permit", "limits": {"rows": 1}},
    {"name": "bad list", "effect": "permit", "actions": "select"},
    {"name": "bad field", "effect": "permit", "color": "red"},
    {"name": "bad null", "effect": "permit", "resources": null},
    {"name": "bad flag", "effect": "permit", "enabled": "perhaps"},
    {"name": "no effect"},
    {"name": "builtin_functions", "effect": "permit", "enabled": false}]}', dry_run => true);
:newest
SELECT count(*) - :events AS events FROM contauth_audit.admin_event WHERE action <> 'read_audit';
SELECT contauth.export_policies() = :'before' AS unchanged;
-- with any problem nothing is changed
SELECT * FROM contauth.apply_policies('{"policies": [{"name": "new", "effect": "permit"}, {"name": "bad", "effect": "x"}, {"name": "worse"}]}');
:state
SELECT contauth.export_policies() = :'before' AS unchanged;
-- what is no bundle
SELECT contauth.apply_policies(NULL);
SELECT contauth.apply_policies('[]');
SELECT contauth.apply_policies('{}');
SELECT contauth.apply_policies('{"policies": {}}');
SELECT contauth.apply_policies('{"policies": [], "more": 1}');
SELECT contauth.apply_policies('{"policies": [7]}');
SELECT contauth.apply_policies('{"policies": [{"effect": "permit"}]}');
SELECT contauth.apply_policies('{"policies": [{"name": "a", "effect": "permit"}, {"name": "a", "effect": "permit"}]}');
:state
-- all at once
SELECT * FROM contauth.apply_policies('{"policies": [
    {"name": "a", "effect": "permit", "resources": ["crm.ticket"], "actions": ["select"], "description": "changed"},
    {"name": "narrow", "effect": "restrict", "resources": ["crm.ticket"], "row_filter": "id > 4"},
    {"name": "builtin_catalog_read", "effect": "permit", "actions": ["select"], "enabled": false,
     "resources": ["pg_catalog.*", "information_schema.*"]}]}');
:newest
:changes
SELECT name, version - :base AS version FROM contauth.policy WHERE version > 0 ORDER BY name;
SELECT action, object, detail FROM contauth_audit.admin_event WHERE action <> 'read_audit' ORDER BY event_id DESC LIMIT 1;
:as_agent
SELECT id FROM crm.ticket;
SELECT count(*) > 0 FROM pg_class;
:as_admin
-- the set as exported is the set
SELECT contauth.export_policies() AS bundle \gset
SELECT * FROM contauth.apply_policies(:'bundle');

--
-- back to what was
--
SELECT contauth.rollback_policies(NULL);
-- the message tells how many versions there are
\set VERBOSITY sqlstate
SELECT contauth.rollback_policies(-1);
SELECT contauth.rollback_policies(:base + 1000);
\set VERBOSITY terse
SELECT * FROM contauth.rollback_policies(:base + 2);
:newest
SELECT contauth.export_policies() -> 'policies' @> (:'before'::jsonb -> 'policies') AS as_before;
SELECT name, effect, enabled, actions FROM contauth.policy
 WHERE name IN ('a', 'narrow', 'support_reads', 'builtin_catalog_read') ORDER BY name;
:as_agent
SELECT count(*) > 0 FROM pg_class;
SELECT id FROM crm.ticket;
:as_admin
-- and forth again
SELECT * FROM contauth.rollback_policies(:base + 3);
SELECT contauth.export_policies() = :'bundle' AS as_applied;
SELECT * FROM contauth.rollback_policies(:base + 3);
-- a policy that does not fit any more keeps everything as it is
SELECT contauth.drop_policy('narrow') \g /dev/null
ALTER TABLE crm.ticket RENAME TO issue;
\set VERBOSITY sqlstate
SELECT * FROM contauth.rollback_policies(:base + 3);
\set VERBOSITY terse
ALTER TABLE crm.issue RENAME TO ticket;
-- to the very beginning
SELECT * FROM contauth.rollback_policies(0);
SELECT name FROM contauth.policy WHERE NOT builtin;

--
-- who may
--
\c - regress_contauth_plain
SELECT contauth.apply_policies('{"policies": []}');
SELECT contauth.rollback_policies(0);
SELECT contauth.export_policies();
:state
\c - regress_contauth_admin
SELECT * FROM contauth.apply_policies('{"policies": [{"name": "mine", "effect": "forbid"}]}');
SELECT created_by FROM contauth.policy WHERE name = 'mine';
SELECT * FROM contauth.rollback_policies(0);
\c - :superuser

--
-- seeded classes
--
DELETE FROM contauth.classification WHERE class = 'pii';
:state
INSERT INTO contauth.classification VALUES ('pii', 2, 'lower', true);
SELECT class, sensitivity FROM contauth.classification WHERE class = 'pii';
INSERT INTO contauth.classification VALUES ('pii', 2, 'lower', false);
:state
INSERT INTO contauth.classification VALUES ('hr', 2, 'own');
DELETE FROM contauth.classification WHERE class = 'hr';
UPDATE contauth.classification SET sensitivity = 3, description = 'Personally identifiable information' WHERE class = 'pii';
\set ECHO none
\i :teardown
