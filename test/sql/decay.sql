-- What was sound when it was made and is not any more: nothing opens.
\set ECHO none
\getenv abs_srcdir PG_ABS_SRCDIR
\set setup :abs_srcdir '/sql/include/setup.sql'
\set data :abs_srcdir '/sql/include/data.sql'
\set teardown :abs_srcdir '/sql/include/teardown.sql'
\i :setup
\i :data
\set ECHO all

CREATE TABLE crm.decay (id int, tenant text, secret text);
INSERT INTO crm.decay VALUES (1, 'acme', 'RAWSECRET'), (2, 'globex', 'RAWOTHER');
GRANT ALL ON crm.decay TO regress_contauth_agent;
SELECT contauth.create_policy('decay', 'permit', actions => '{select}', resources => '{crm.decay}',
    row_filter => $$tenant = contauth.claim('tenant')$$,
    masks => '{"crm.decay.secret": "partial(0,2)"}') \g /dev/null
:as_agent
SELECT * FROM crm.decay;

--
-- a row filter that does not fit the relation any more: the permit is none
--
:as_admin
ALTER TABLE crm.decay RENAME tenant TO customer;
:as_agent
SELECT id FROM crm.decay;
:state
:as_admin
ALTER TABLE crm.decay RENAME customer TO tenant;
:as_agent
SELECT id FROM crm.decay;

--
-- a mask that does not fit the column any more: it hides everything
--
:as_admin
ALTER TABLE crm.decay ALTER secret TYPE bytea USING secret::bytea;
:as_agent
SELECT * FROM crm.decay;
:as_admin
ALTER TABLE crm.decay ALTER secret TYPE text USING 'RAW' || id;

--
-- a restriction that does not fit hides every row
--
SELECT contauth.create_policy('narrow', 'restrict', resources => '{crm.*}', row_filter => 'no_such_column') \g /dev/null
:as_agent
SELECT id FROM crm.decay;
:state
:as_admin
SELECT contauth.drop_policy('narrow') \g /dev/null

--
-- a stored policy that is not understood: nobody is let through
--
BEGIN;
ALTER TABLE contauth.policy DISABLE TRIGGER check_row;
UPDATE contauth.policy SET resources = '{no-resource}' WHERE name = 'decay';
ALTER TABLE contauth.policy ENABLE ALWAYS TRIGGER check_row;
COMMIT;
:as_agent
SELECT id FROM crm.decay;
:state
SELECT id FROM crm.ticket;
:state
:as_admin
SELECT contauth.alter_policy('decay', '{"resources": ["crm.decay"]}') \g /dev/null
:as_agent
SELECT id FROM crm.decay;

--
-- records removed, edited, and cut off at the end
--
:as_admin
SELECT contauth_audit.sync();
SELECT seq AS middle FROM contauth_audit.decision ORDER BY seq DESC OFFSET 5 LIMIT 1 \gset
SELECT max(seq) AS newest FROM contauth_audit.decision \gset
SELECT tableoid::regclass AS partition FROM contauth_audit.decision WHERE seq = :middle \gset
SELECT ok, first_bad, damage FROM contauth_audit.verify();
BEGIN;
ALTER TABLE :partition DISABLE TRIGGER ALL;
DELETE FROM :partition WHERE seq = :middle;
SELECT ok, first_bad = :middle AS at_the_place, damage FROM contauth_audit.verify();
ROLLBACK;
BEGIN;
ALTER TABLE :partition DISABLE TRIGGER ALL;
UPDATE :partition SET reason = 'nothing' WHERE seq = :middle;
SELECT ok, first_bad = :middle AS at_the_place, damage FROM contauth_audit.verify();
ROLLBACK;
BEGIN;
ALTER TABLE :partition DISABLE TRIGGER ALL;
DELETE FROM :partition WHERE seq = :newest;
SELECT ok, first_bad = :newest AS at_the_place, damage FROM contauth_audit.verify();
ROLLBACK;
BEGIN;
ALTER TABLE :partition DISABLE TRIGGER ALL;
INSERT INTO :partition SELECT * FROM :partition WHERE seq = :middle;
SELECT ok, first_bad = :middle AS at_the_place, damage FROM contauth_audit.verify();
ROLLBACK;
BEGIN;
ALTER TABLE :partition DISABLE TRIGGER ALL;
UPDATE :partition SET seq = 2 * :middle + 1 - seq WHERE seq IN (:middle, :middle + 1);
SELECT ok, first_bad = :middle AS at_the_place, damage FROM contauth_audit.verify();
ROLLBACK;
SELECT ok, first_bad, damage FROM contauth_audit.verify();

\set ECHO none
\i :teardown
