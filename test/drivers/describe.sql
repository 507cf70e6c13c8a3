-- What people type and tools ask when they look around in a database: run by
-- test/t/020_drivers.pl as the agent, and as a role with the same privileges
-- that is not governed.  Both must see the same.
\set VERBOSITY sqlstate
\pset pager off
\echo --- psql
\d
\d shop.customer
\d+ shop.orders
\d shop.customer_view
\d+ shop.customer_view
\d shop.orders_id_seq
\d shop.orders_customer
\d shop.salary
\dt shop.*
\dt+ shop.*
\dtvms+ shop.*
\di+ shop.*
\dv+ shop.*
\ds+ shop.*
\dm shop.*
\dE shop.*
\df shop.*
\df+ shop.*
\df pg_catalog.length
\da pg_catalog.sum
\do pg_catalog.||
\dC date
\dT shop.*
\dT+ shop.*
\dD shop.*
\dO pg_catalog.C
\dc
\dd shop.*
\dn
\dn+
\du
\du+ regress_contauth_*
\drds regress_contauth_none
\l
\db
\dp shop.*
\ddp
\dL
\dx
\dx+ plpgsql
\dX shop.*
\dy
\dA
\dAc btree integer
\dAo btree integer_ops
\dF pg_catalog.simple
\des
\dew
\det
\deu
\dRp
\dRp+
\dRs
\dconfig server_version
\sf pg_catalog.upper(text)
\sv shop.customer_view
\encoding
\z shop.customer

\echo --- completion by the tab key
SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class AS c
 WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND substring(c.relname, 1, 4) = 'cust'
   AND pg_catalog.pg_table_is_visible(c.oid)
 ORDER BY 1;
SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE 'sh%' ORDER BY 1;
SELECT name FROM (SELECT pg_catalog.lower(name) AS name FROM pg_catalog.pg_settings) AS s
 WHERE substring(name, 1, 13) = 'search_path' ORDER BY 1;

\echo --- JDBC: DatabaseMetaData
-- getTables
SELECT n.nspname, c.relname, c.relkind, d.description
  FROM pg_catalog.pg_namespace AS n, pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_description AS d
       ON c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
 WHERE c.relnamespace = n.oid AND n.nspname = 'shop' ORDER BY 1, 2;
-- getColumns
SELECT n.nspname, c.relname, a.attname, t.typname, a.attnotnull OR t.typtype = 'd' AND t.typnotnull,
       a.atttypmod, a.attlen, t.typtypmod,
       row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum,
       nullif(a.attidentity, '') AS attidentity, nullif(a.attgenerated, '') AS attgenerated,
       pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typtype
  FROM pg_catalog.pg_namespace AS n
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
  JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
  LEFT JOIN pg_catalog.pg_attrdef AS def ON a.attrelid = def.adrelid AND a.attnum = def.adnum
  LEFT JOIN pg_catalog.pg_description AS dsc ON c.oid = dsc.objoid AND a.attnum = dsc.objsubid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname = 'shop'
   AND c.relkind IN ('r', 'p', 'v', 'f', 'm')
 ORDER BY 1, 2, attnum;
-- getPrimaryKeys
SELECT ct.relname, a.attname, (information_schema._pg_expandarray(i.indkey)).n AS key_seq, ci.relname
  FROM pg_catalog.pg_class AS ct
  JOIN pg_catalog.pg_attribute AS a ON ct.oid = a.attrelid
  JOIN pg_catalog.pg_namespace AS n ON ct.relnamespace = n.oid
  JOIN pg_catalog.pg_index AS i ON a.attrelid = i.indrelid
  JOIN pg_catalog.pg_class AS ci ON ci.oid = i.indexrelid
 WHERE i.indisprimary AND n.nspname = 'shop' AND a.attnum = ANY (i.indkey) ORDER BY 1, 2;
-- getImportedKeys
SELECT pk.relname, fk.relname, con.conname, con.confupdtype, con.confdeltype, con.condeferrable,
       generate_series(1, array_length(con.conkey, 1)) AS key_seq
  FROM pg_catalog.pg_constraint AS con
  JOIN pg_catalog.pg_class AS pk ON pk.oid = con.confrelid
  JOIN pg_catalog.pg_class AS fk ON fk.oid = con.conrelid
 WHERE con.contype = 'f' AND fk.relnamespace = 'shop'::regnamespace ORDER BY 1, 2, 3;
-- getIndexInfo
SELECT ct.relname, ci.relname, NOT i.indisunique, i.indisclustered, am.amname, ci.relpages >= 0,
       pg_catalog.pg_get_indexdef(ci.oid, 1, false), pg_catalog.pg_get_expr(i.indpred, i.indrelid),
       pg_catalog.pg_index_column_has_property(ci.oid, 1, 'asc')
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS ct ON ct.oid = i.indrelid
  JOIN pg_catalog.pg_class AS ci ON ci.oid = i.indexrelid
  JOIN pg_catalog.pg_am AS am ON ci.relam = am.oid
 WHERE ct.relnamespace = 'shop'::regnamespace ORDER BY 1, 2;
-- getTypeInfo, getUDTs, getProcedures, getFunctions
SELECT t.typname, t.oid < 16384 FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_namespace AS n ON t.typnamespace = n.oid
 WHERE n.nspname NOT IN ('pg_toast') AND t.typname LIKE 'mo%' ORDER BY 1;
SELECT p.proname, p.prorettype::regtype, p.proargtypes, p.proargnames, p.proargmodes,
       p.proallargtypes, pg_catalog.pg_get_function_result(p.oid), d.description
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
  LEFT JOIN pg_catalog.pg_description AS d ON p.oid = d.objoid
 WHERE n.nspname = 'shop' ORDER BY 1;
-- getSchemas, getCatalogs, getTablePrivileges, getSQLKeywords, isReadOnly, isValid
SELECT nspname FROM pg_catalog.pg_namespace
 WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_'
       OR nspname = (pg_catalog.current_schemas(true))[1]) ORDER BY 1;
SELECT datname FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1;
SELECT c.relname, r.rolname, c.relacl FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_roles AS r ON c.relowner = r.oid
 WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' ORDER BY 1;
SELECT count(*) > 300 FROM pg_catalog.pg_get_keywords();
SHOW transaction_read_only;
SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_index_keys';

\echo --- what drivers read of types when they connect
-- Npgsql, asyncpg, sqlx: types with elements, ranges and attributes
SELECT ns.nspname, t.typname, t.typtype, t.typcategory, t.typnotnull, e.typname,
       r.rngsubtype::regtype, r.rngmultitypid::regtype, t.typreceive::text, t.typbasetype::regtype
  FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_namespace AS ns ON ns.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
  LEFT JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
 WHERE ns.nspname = 'shop' OR t.typname IN ('int4range', '_int4') ORDER BY 1, 2;
SELECT t.typname, att.attname, att.atttypid::regtype
  FROM pg_catalog.pg_type AS t
  JOIN pg_catalog.pg_class AS cls ON cls.oid = t.typrelid
  JOIN pg_catalog.pg_attribute AS att ON att.attrelid = t.typrelid
 WHERE t.typtype = 'c' AND t.typname = 'orders' AND att.attnum > 0 ORDER BY att.attnum;
SELECT t.typname, enumlabel FROM pg_catalog.pg_enum JOIN pg_catalog.pg_type AS t ON t.oid = enumtypid
 WHERE t.typname = 'mood' ORDER BY enumsortorder;
-- psycopg: hstore and composite types by name
SELECT typname, typarray::regtype, typdelim FROM pg_catalog.pg_type
 WHERE oid = pg_catalog.to_regtype('shop.mood') ORDER BY oid;
SELECT t.oid, t.typarray FROM pg_catalog.pg_type AS t WHERE t.typname = 'hstore';

\echo --- ORMs
-- ActiveRecord: tables, columns, keys, advisory lock of migrations
SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
       a.attnotnull, c.collname, col_description(a.attrelid, a.attnum), a.attidentity
  FROM pg_attribute AS a
  LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  LEFT JOIN pg_type AS t ON a.atttypid = t.oid
  LEFT JOIN pg_collation AS c ON a.attcollation = c.oid AND a.attcollation <> t.typcollation
 WHERE a.attrelid = '"shop"."orders"'::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;
SELECT i.relname, d.indisunique, d.indkey, pg_get_indexdef(d.indexrelid),
       pg_catalog.obj_description(i.oid, 'pg_class'), d.indisvalid
  FROM pg_class AS t JOIN pg_index AS d ON t.oid = d.indrelid
  JOIN pg_class AS i ON d.indexrelid = i.oid
 WHERE i.relkind IN ('i', 'I') AND t.relname = 'orders' ORDER BY 1;
SELECT conname, pg_get_constraintdef(oid, true), convalidated FROM pg_constraint
 WHERE conrelid = 'shop.orders'::regclass AND contype IN ('c', 'u', 'f', 'p', 'x') ORDER BY 1;
SELECT pg_try_advisory_lock(4711), pg_advisory_unlock(4711);
-- Django: inspectdb
SELECT c.relname, CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v'
       ELSE 't' END, obj_description(c.oid, 'pg_class')
  FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname = 'shop'
   AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1;
SELECT s.relname, a.attname FROM pg_class AS s
  JOIN pg_depend AS d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
       AND d.refclassid = 'pg_class'::regclass
  JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE s.relkind = 'S' AND d.deptype IN ('a', 'i') ORDER BY 1;
SELECT pg_get_serial_sequence('shop.orders', 'id');
-- Prisma, Drizzle, TypeORM, Hibernate: information_schema
SELECT table_name, column_name, data_type, udt_name, numeric_precision, character_maximum_length,
       is_nullable, column_default, is_identity, is_generated
  FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY table_name, ordinal_position;
SELECT tc.table_name, tc.constraint_name, tc.constraint_type, kcu.column_name, ccu.table_name
  FROM information_schema.table_constraints AS tc
  LEFT JOIN information_schema.key_column_usage AS kcu USING (constraint_schema, constraint_name)
  LEFT JOIN information_schema.constraint_column_usage AS ccu
       USING (constraint_schema, constraint_name)
 WHERE tc.table_schema = 'shop' AND tc.constraint_name NOT LIKE '%not_null' ORDER BY 1, 2, 4, 5;
SELECT constraint_name, unique_constraint_name, update_rule, delete_rule
  FROM information_schema.referential_constraints WHERE constraint_schema = 'shop' ORDER BY 1;
SELECT table_name, is_updatable, view_definition IS NOT NULL FROM information_schema.views
 WHERE table_schema = 'shop';
SELECT routine_name, data_type FROM information_schema.routines
 WHERE routine_schema = 'shop' ORDER BY 1;
SELECT schema_name FROM information_schema.schemata ORDER BY 1;
SELECT sequence_name, data_type, start_value FROM information_schema.sequences
 WHERE sequence_schema = 'shop';
SELECT privilege_type FROM information_schema.table_privileges
 WHERE table_schema = 'shop' AND table_name = 'note' AND grantee = current_user
 ORDER BY 1;
SELECT tablename, indexname FROM pg_catalog.pg_indexes WHERE schemaname = 'shop' ORDER BY 1, 2;
SELECT tablename, hasindexes FROM pg_catalog.pg_tables WHERE schemaname = 'shop' ORDER BY 1;
SELECT viewname FROM pg_catalog.pg_views WHERE schemaname = 'shop';
SELECT sequencename, data_type, increment_by FROM pg_catalog.pg_sequences
 WHERE schemaname = 'shop';
SELECT matviewname FROM pg_catalog.pg_matviews WHERE schemaname = 'shop';
SELECT extname FROM pg_catalog.pg_extension ORDER BY 1;
SELECT name FROM pg_catalog.pg_available_extensions WHERE name = 'plpgsql';

\echo --- what drivers and pools ask and set when they connect
SELECT version() LIKE 'PostgreSQL%', current_schema(), current_database();
SELECT current_setting('standard_conforming_strings'), pg_catalog.current_schemas(false);
SHOW standard_conforming_strings;
SHOW transaction_isolation;
SHOW server_version_num;
SHOW max_identifier_length;
SET extra_float_digits = 3;
SET client_encoding TO 'UTF8';
SET application_name = 'describe';
SET DateStyle TO 'ISO';
SET client_min_messages TO warning;
SET standard_conforming_strings = on;
SET statement_timeout TO 30000;
SET lock_timeout TO 30000;
SET idle_in_transaction_session_timeout TO 30000;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED;
SELECT set_config('search_path', '', false);
SELECT pg_is_in_recovery();
SELECT 1;
;
BEGIN READ ONLY;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT a;
RELEASE a;
COMMIT;
START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
ROLLBACK;
SELECT pg_backend_pid() > 0, txid_current_if_assigned() IS NULL, pg_catalog.pg_client_encoding();
SELECT count(*) > 0 FROM pg_catalog.pg_timezone_names WHERE name = 'UTC';
DEALLOCATE ALL;
CLOSE ALL;
UNLISTEN *;
RESET search_path;
