-- The demo's policies.  Change one and run the demo again: what the agents get
-- changes with it, and the steps whose expectation no longer holds say so.
\set ON_ERROR_STOP on

-- Support agents read their own tenant's customers and tickets; "notes" is not
-- in the list.  Labelled columns come masked.
SELECT contauth.create_policy('support_reads_own_tenant',
	effect     => 'permit',
	principals => ARRAY['spiffe://acme.example/agent/support/*',
						'spiffe://globex.example/agent/support/*'],
	actions    => '{select}',
	resources  => ARRAY['crm.customer(id, reference, tenant, first_name, last_name, email, national_id, card_number, balance, created_at)',
						'crm.ticket',
						'crm.customer_card'],
	condition  => $$ ctx.autonomy <= 3 AND ctx.purpose = 'support' $$,
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks      => '{"label:pii.government_id": "partial(0,4)",
					"label:pii.email": "email",
					"label:pci.*": "redact"}');

-- They close tickets of their tenant, and change nothing else.
SELECT contauth.create_policy('support_closes_tickets',
	effect     => 'permit',
	principals => ARRAY['spiffe://acme.example/agent/support/*',
						'spiffe://globex.example/agent/support/*'],
	actions    => '{update}',
	resources  => ARRAY['crm.ticket(status)'],
	row_filter => $$ tenant = contauth.claim('tenant') $$);

-- Only acme lets its agents export, and only customers.
SELECT contauth.create_policy('acme_exports_customers',
	effect     => 'permit',
	principals => ARRAY['spiffe://acme.example/agent/support/*'],
	actions    => '{export}',
	resources  => ARRAY['crm.customer(id, reference, tenant, first_name, last_name, email, national_id, card_number, balance, created_at)'],
	row_filter => $$ tenant = contauth.claim('tenant') $$,
	masks      => '{"label:pii.government_id": "partial(0,4)",
					"label:pii.email": "email",
					"label:pci.*": "redact"}');

-- globex keeps balances from its agents, whatever else permits them.
SELECT contauth.create_policy('globex_hides_balances',
	effect     => 'forbid',
	principals => ARRAY['spiffe://globex.example/*'],
	actions    => '{select}',
	resources  => ARRAY['crm.customer(balance)']);
