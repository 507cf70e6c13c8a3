-- Tables of two tenants with markers that no agent may ever receive: every
-- value that is masked, filtered or not permitted contains "RAW".  They are
-- put together here so that the test scripts do not contain them.
SET client_min_messages = warning;
CREATE SCHEMA crm AUTHORIZATION regress_contauth_owner;
SET ROLE regress_contauth_owner;
CREATE TABLE crm.customer (
    id      int PRIMARY KEY,
    gone    int,
    tenant  text NOT NULL,
    name    text NOT NULL,
    email   varchar(60),
    ssn     text,
    balance numeric,
    notes   text
);
ALTER TABLE crm.customer DROP COLUMN gone;
INSERT INTO crm.customer
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
       CASE WHEN i % 2 = 0 THEN 'name' ELSE 'RAW' || 'NAME' END || i,
       'RAW' || 'MAIL' || i || '@example.com',
       CASE WHEN i <> 6 THEN 'RAW' || 'SSN-00' || i END,
       i * 100, 'RAW' || 'NOTE' || i
  FROM generate_series(1, 6) AS i;
CREATE TABLE crm.ticket (
    id          int PRIMARY KEY,
    customer_id int REFERENCES crm.customer,
    tenant      text NOT NULL,
    body        text
);
INSERT INTO crm.ticket
SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END,
       CASE WHEN i % 2 = 0 THEN 'body' ELSE 'RAW' || 'BODY' END || i
  FROM generate_series(1, 6) AS i;
GRANT USAGE, CREATE ON SCHEMA crm TO regress_contauth_agent, regress_contauth_other;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO regress_contauth_agent, regress_contauth_other;
RESET ROLE;

SECURITY LABEL FOR contauth ON COLUMN crm.customer.ssn IS 'pii.government_id';
SELECT contauth.create_policy('support_reads', effect => 'permit',
           principals => '{spiffe://acme.test/agent/support}',
           actions => '{select}',
           resources => '{crm.customer(id,tenant,name,email,ssn,balance), crm.ticket}',
           row_filter => $$ tenant = contauth.claim('tenant') $$,
           masks => '{"label:pii.*": "partial(0,3)", "crm.customer.email": "email"}')
\g /dev/null
RESET client_min_messages;
