-- The rows of application.sql, as they were before any driver came.
TRUNCATE shop.customer, shop.orders, shop.entry, shop.note, shop.salary RESTART IDENTITY;
INSERT INTO shop.customer
SELECT i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'name' || i,
       'raw' || i || '@example.com', '555010' || i, 'secret note ' || i,
       date '2000-02-28' + i, timestamptz '2024-02-29 12:30:00+00' + i * interval '1 hour',
       i * 10.5, i % 4 = 0, ARRAY['t' || i, 'all'], jsonb_build_object('level', i, 'vip', i > 4),
       decode('00ff0' || i, 'hex')
  FROM generate_series(1, 8) AS i;
UPDATE shop.customer SET email = NULL, born = NULL, balance = NULL, tags = NULL, profile = NULL,
       photo = NULL WHERE id = 8;
INSERT INTO shop.orders (id, customer_id, tenant, code, total)
SELECT i, i, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'globex' END, 'c' || i, i * 1.25
  FROM generate_series(1, 6) AS i;
ALTER TABLE shop.orders ALTER COLUMN id RESTART WITH 101;
INSERT INTO shop.entry SELECT i, 'entry' || i FROM generate_series(1, 8) AS i;
INSERT INTO shop.note VALUES (1, 'one'), (2, NULL);
INSERT INTO shop.salary VALUES (1, 1000);
