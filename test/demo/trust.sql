-- The DBA's part, once per server: roles, trust, agents, labels.
-- The driver passes the two issuers' public keys: :acme_jwks, :globex_jwks.
\set ON_ERROR_STOP on

CREATE EXTENSION contauth;

-- One database role for the agents.  Its grants are careless on purpose:
-- everything that follows is refused or allowed by policy alone.
CREATE ROLE support_bot LOGIN;
SELECT contauth.enroll_role('support_bot');
GRANT USAGE ON SCHEMA crm TO support_bot;
GRANT ALL ON ALL TABLES IN SCHEMA crm TO support_bot;

-- People and services that are not agents.
CREATE ROLE reporting LOGIN;
GRANT USAGE ON SCHEMA crm TO reporting;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO reporting;
CREATE ROLE carla_auditor LOGIN;
GRANT contauth_auditor TO carla_auditor;

-- Two organisations, each vouching for its own agents with its own keys.
SELECT contauth.add_issuer('https://id.acme.example', 'acme.example', :'acme_jwks');
SELECT contauth.add_issuer('https://id.globex.example', 'globex.example', :'globex_jwks');
SELECT contauth.register_agent('spiffe://acme.example/agent/support/bot-1',
	db_roles => '{support_bot}', owner => 'ana@acme.example', autonomy => 2);
SELECT contauth.register_agent('spiffe://globex.example/agent/support/bot-7',
	db_roles => '{support_bot}', owner => 'hugo@globex.example', autonomy => 2);

-- What the columns hold.
INSERT INTO contauth.classification (class, sensitivity, description) VALUES
	('pii.government_id', 4, 'numbers that states give to people'),
	('pii.email', 2, 'e-mail addresses'),
	('pci.card_number', 4, 'primary account numbers')
ON CONFLICT DO NOTHING;
SECURITY LABEL FOR contauth ON COLUMN crm.customer.national_id IS 'pii.government_id';
SECURITY LABEL FOR contauth ON COLUMN crm.customer.email IS 'pii.email';
SECURITY LABEL FOR contauth ON COLUMN crm.customer.card_number IS 'pci.card_number';
