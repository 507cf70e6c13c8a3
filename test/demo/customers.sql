-- The demo's business data: 120,000 customers of five tenants and 180,000
-- tickets.  Everything is generated and the same at every run; nobody in it
-- exists.  National ids and cards are unique, cards have a valid check digit.
\set ON_ERROR_STOP on
SET client_min_messages = notice;

CREATE SCHEMA crm;

CREATE TABLE crm.customer
(
	id			integer PRIMARY KEY,
	reference	text NOT NULL UNIQUE,
	tenant		text NOT NULL,
	first_name	text NOT NULL,
	last_name	text NOT NULL,
	email		text NOT NULL,
	national_id text,
	card_number text,
	balance		numeric(12,2) NOT NULL,
	notes		text,
	created_at	timestamptz NOT NULL
);

CREATE TABLE crm.ticket
(
	id			integer PRIMARY KEY,
	customer_id integer NOT NULL REFERENCES crm.customer,
	tenant		text NOT NULL,
	subject		text NOT NULL,
	status		text NOT NULL CHECK (status IN ('open', 'waiting', 'closed')),
	priority	smallint NOT NULL,
	opened_at	timestamptz NOT NULL
);

-- The digit that makes digits || check pass the Luhn test of card numbers.
CREATE FUNCTION crm.luhn_digit(digits text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT ((10 - sum(CASE WHEN (length(digits) - pos) % 2 = 0
						   THEN (2 * d) / 10 + (2 * d) % 10
						   ELSE d END) % 10) % 10)::text
	FROM (SELECT pos, substr(digits, pos, 1)::int AS d
		  FROM generate_series(1, length(digits)) AS pos) AS digit
$$;

DO $$
DECLARE
	tenants CONSTANT text[] := '{acme,globex,initech,umbrella,hooli}';
	first_names CONSTANT text[] := '{Ana,José,Zoë,Jürgen,Marie,Łukasz,Priya,Chen,Fatima,Olu,Søren,Ingrid,Mateo,Noa,Yuki,Amara,Liam,Chloé,Viktor,Dilnoza,Tariq,Elena,Hugo,Mei,Samuel,Ayşe,Omar,Lucía,Björn,Nadia}';
	last_names CONSTANT text[] := '{Nowak,García,Smith,Müller,Okafor,Tanaka,Rossi,Haddad,Kowalska,Jensen,Silva,Dubois,Novák,Ivanova,Kim,Patel,Andersson,Costa,Yılmaz,Murphy,Fernández,Weber,Lindqvist,Mbeki,Laurent,Horváth,Nguyen,Popescu,Virtanen,Schmidt}';
	hosts CONSTANT text[] := '{example.com,example.org,example.net,mail.example,post.example}';
	chunk CONSTANT int := 20000;
	total CONSTANT int := 120000;
	lo int;
BEGIN
	PERFORM setseed(0.42);
	FOR lo IN 1 .. total BY chunk LOOP
		INSERT INTO crm.customer
		SELECT id,
			   'C-' || substr(md5('reference ' || id), 1, 12),
			   tenants[1 + floor(power(random(), 1.5) * 5)::int],
			   first_name,
			   last_name,
			   translate(lower(first_name || '.' || last_name),
						 'áãéëíıñøóöúüşłß', 'aaeeiinooouusls')
			   || id || '@' || hosts[1 + floor(random() * 5)::int],
			   CASE WHEN id % 50 <> 0 THEN
					to_char(1 + k / 989901, 'FM000') || '-' ||
					to_char(1 + k / 9999 % 99, 'FM00') || '-' ||
					to_char(1 + k % 9999, 'FM0000')
			   END,
			   CASE WHEN id % 7 <> 0 THEN prefix || crm.luhn_digit(prefix) END,
			   round((power(random(), 3) * 50000 - 500)::numeric, 2),
			   CASE id % 3
					WHEN 0 THEN 'Called about an invoice, file N-' || substr(md5('note ' || id), 1, 10)
					WHEN 1 THEN 'Asked for a new card, file N-' || substr(md5('note ' || id), 1, 10)
			   END,
			   timestamptz '2022-01-01 00:00:00+00' + random() * interval '1400 days'
		FROM (SELECT id,
					 first_names[1 + floor(random() * 30)::int] AS first_name,
					 last_names[1 + floor(random() * 30)::int] AS last_name,
					 -- multiplying by a prime modulo a range it does not divide
					 -- spreads the ids over the range without repeating one
					 (id::bigint * 48271 + 11) % 653334660 AS k,
					 '4' || to_char((id::numeric * 7919317 + 99991) * 104729
									% 100000000000000, 'FM00000000000000') AS prefix
			  FROM generate_series(lo, lo + chunk - 1) AS id) AS seed;
		RAISE NOTICE '  % customers', lo + chunk - 1;
	END LOOP;

	INSERT INTO crm.ticket
	SELECT t.id, c.id, c.tenant,
		   (ARRAY['Invoice is wrong', 'Cannot log in', 'Card was refused',
				  'Change of address', 'Question about a contract'])[1 + t.id % 5],
		   (ARRAY['open', 'waiting', 'closed', 'closed'])[1 + t.id % 4],
		   1 + t.id % 3,
		   timestamptz '2025-01-01 00:00:00+00' + random() * interval '300 days'
	FROM generate_series(1, 180000) AS t(id)
		 JOIN crm.customer AS c ON c.id = 1 + (t.id::bigint * 7919) % 120000;
	RAISE NOTICE '  180000 tickets';
END
$$;

CREATE INDEX ON crm.customer (tenant);
CREATE INDEX ON crm.ticket (customer_id);
CREATE INDEX ON crm.ticket (tenant);

-- A view of the DBA's own: what it shows is the owner's, not the agent's, right.
CREATE VIEW crm.customer_card AS
	SELECT c.id, c.tenant, c.first_name, c.email, c.national_id, c.card_number
	FROM crm.customer AS c;

-- Loaded once, never changed by anybody but the agents: give them fresh statistics.
ANALYZE crm.customer;
ANALYZE crm.ticket;
