-- Undo setup.sql and data.sql; the extension and its audit stay.
\c - :superuser
SET client_min_messages = error;
DROP SCHEMA IF EXISTS crm CASCADE;
SELECT contauth.drop_policy(name) FROM contauth.policy WHERE NOT builtin
\g /dev/null
SELECT contauth.remove_issuer(issuer) FROM contauth.issuer
\g /dev/null
DELETE FROM contauth.agent;
DROP OWNED BY regress_contauth_agent, regress_contauth_other, regress_contauth_plain,
    regress_contauth_owner, regress_contauth_admin, regress_contauth_auditor CASCADE;
DROP ROLE regress_contauth_agent, regress_contauth_other, regress_contauth_plain,
    regress_contauth_owner, regress_contauth_admin, regress_contauth_auditor;
