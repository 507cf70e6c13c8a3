-- Side doors: statistics, catalogs, sessions, files, large objects, extensions.

-- case: pg_stats
-- expect: denied 42501
SELECT * FROM pg_stats WHERE schemaname = 'app';

-- case: pg_stats, names only
-- expect: denied 42501
SELECT attname FROM pg_stats;

-- case: pg_statistic
-- expect: denied 42501
SELECT * FROM pg_statistic;

-- case: pg_statistic, one value
-- expect: denied 42501
SELECT stavalues1::text FROM pg_statistic;

-- case: pg_statistic through a function
-- expect: denied 42501
SELECT app.super_run('SELECT max(most_common_vals::text) FROM pg_stats WHERE tablename = ''customer''');

-- case: pg_stats_ext
-- expect: denied 42501
SELECT * FROM pg_stats_ext;

-- case: pg_stats_ext_exprs
-- expect: denied 42501
SELECT * FROM pg_stats_ext_exprs;

-- case: pg_statistic_ext_data
-- expect: denied 42501
SELECT * FROM pg_statistic_ext_data;

-- case: pg_mcv_list_items
-- expect: denied 42501
SELECT m.* FROM pg_statistic_ext_data, pg_mcv_list_items(stxdmcv) AS m;

-- case: the catalog of statistics objects
-- expect: allowed
SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext;

-- case: values that were stored when a column was added
-- expect: allowed
SELECT attname, attmissingval::text FROM pg_attribute WHERE attrelid = 'app.added'::regclass;

-- case: values that were stored when a column was added, whole row
-- expect: allowed
SELECT a::text FROM pg_attribute AS a WHERE attrelid = 'app.added'::regclass;

-- case: columns of tables, as drivers look them up
-- expect: allowed
SELECT attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 'app.customer'::regclass;

-- case: information_schema
-- expect: allowed
SELECT * FROM information_schema.columns WHERE table_schema = 'app';

-- case: pg_stat_activity
-- expect: denied 42501
SELECT query FROM pg_stat_activity;

-- case: pg_stat_get_activity
-- expect: denied 42501
SELECT * FROM pg_stat_get_activity(NULL);

-- case: pg_stat_get_backend_activity
-- expect: denied 42501
SELECT pg_stat_get_backend_activity(i) FROM generate_series(1, 20) AS i;

-- case: pg_stat_statements
-- expect: denied 42501
SELECT query FROM public.pg_stat_statements;

-- case: pg_stat_statements()
-- expect: denied 42501
SELECT * FROM public.pg_stat_statements(true);

-- case: pg_stat_user_tables
-- expect: denied 42501
SELECT * FROM pg_stat_user_tables;

-- case: pg_locks
-- expect: denied 42501
SELECT * FROM pg_locks;

-- case: pg_cursors and pg_prepared_statements
-- expect: denied 42501
SELECT statement FROM pg_prepared_statements;

-- case: pg_prepared_xacts
-- expect: denied 42501
SELECT * FROM pg_prepared_xacts;

-- case: pg_authid
-- expect: denied 42501
SELECT rolpassword FROM pg_authid;

-- case: pg_shadow
-- expect: denied 42501
SELECT * FROM pg_shadow;

-- case: pg_roles
-- expect: allowed
SELECT rolname FROM pg_roles;

-- case: pg_user_mapping
-- expect: denied 42501
SELECT * FROM pg_user_mapping;

-- case: pg_user_mappings
-- expect: denied 42501
SELECT umoptions FROM pg_user_mappings;

-- case: pg_foreign_server
-- expect: any
SELECT srvoptions FROM pg_foreign_server;

-- case: pg_subscription
-- expect: denied 42501
SELECT * FROM pg_subscription;

-- case: pg_hba_file_rules
-- expect: denied 42501
SELECT * FROM pg_hba_file_rules;

-- case: pg_ident_file_mappings
-- expect: denied 42501
SELECT * FROM pg_ident_file_mappings;

-- case: pg_file_settings
-- expect: denied 42501
SELECT * FROM pg_file_settings;

-- case: pg_settings
-- expect: allowed
SELECT name, setting, reset_val, boot_val FROM pg_settings WHERE name LIKE 'contauth%';

-- case: pg_db_role_setting
-- expect: any
SELECT * FROM pg_db_role_setting;

-- case: pg_seclabel
-- expect: any
SELECT * FROM pg_seclabels;

-- case: pg_proc, pg_views, pg_rules, pg_policies
-- expect: allowed
SELECT prosrc FROM pg_proc WHERE pronamespace = 'app'::regnamespace UNION ALL SELECT definition FROM pg_views WHERE schemaname = 'app';

-- case: pg_sequences
-- expect: any
SELECT * FROM pg_sequences;

-- case: pg_largeobject
-- expect: denied 42501
SELECT data FROM pg_largeobject;

-- case: pg_largeobject_metadata
-- expect: denied 42501
SELECT * FROM pg_largeobject_metadata;

-- case: lo_get
-- expect: denied 42501
SELECT lo_get(${lo});

-- case: lo_open and loread
-- expect: denied 42501
SELECT loread(lo_open(${lo}, 262144), 100);

-- case: lo_export
-- expect: denied 42501
SELECT lo_export(${lo}, '/tmp/contauth_attack');

-- case: lo_import
-- expect: denied 42501
SELECT lo_import('${file}');

-- case: lo_put, lo_create, lo_from_bytea
-- expect: denied 42501
SELECT lo_from_bytea(0, 'x');

-- case: lo_unlink
-- expect: denied 42501
SELECT lo_unlink(${lo});

-- case: pg_read_file
-- expect: denied 42501
SELECT pg_read_file('${file}');

-- case: pg_read_binary_file
-- expect: denied 42501
SELECT pg_read_binary_file('${file}');

-- case: pg_ls_dir
-- expect: denied 42501
SELECT pg_ls_dir('.');

-- case: pg_stat_file
-- expect: denied 42501
SELECT pg_stat_file('${file}');

-- case: pg_current_logfile
-- expect: denied 42501
SELECT pg_current_logfile();

-- case: pg_relation_filepath
-- expect: allowed
SELECT pg_relation_filepath('app.customer');

-- case: logical decoding
-- expect: denied 42501
SELECT pg_create_logical_replication_slot('mine', 'test_decoding');

-- case: logical decoding, changes
-- expect: denied 42501
SELECT * FROM pg_logical_slot_get_changes('mine', NULL, NULL);

-- case: pg_logical_emit_message
-- expect: denied 42501
SELECT pg_logical_emit_message(true, 'x', 'y');

-- case: pg_export_snapshot
-- expect: denied 42501
SELECT pg_export_snapshot();

-- case: pg_terminate_backend, pg_cancel_backend
-- expect: denied 42501
SELECT pg_terminate_backend(1);

-- case: pg_reload_conf
-- expect: denied 42501
SELECT pg_reload_conf();

-- case: pg_log_backend_memory_contexts
-- expect: denied 42501
SELECT pg_log_backend_memory_contexts(pg_backend_pid());

-- case: pg_backend_memory_contexts
-- expect: denied 42501
SELECT * FROM pg_backend_memory_contexts;

-- case: pg_get_backend_memory_contexts, texts of what the client before has prepared
-- expect: denied 42501
PREPARE p AS SELECT 1;
SELECT name, ident FROM pg_get_backend_memory_contexts();

-- case: pg_config
-- expect: denied 42501
SELECT * FROM pg_config;

-- case: get_raw_page
-- expect: denied 42501
SELECT public.get_raw_page('app.customer', 0);

-- case: heap_page_items
-- expect: denied 42501
SELECT t_data FROM public.heap_page_items(public.get_raw_page('app.customer', 0));

-- case: bt_page_items
-- expect: denied 42501
SELECT * FROM public.bt_page_items('app.customer_ssn_idx', 1);

-- case: pgstattuple
-- expect: denied 42501
SELECT * FROM public.pgstattuple('app.customer');

-- case: pgrowlocks
-- expect: denied 42501
SELECT * FROM public.pgrowlocks('app.customer');

-- case: pg_visibility
-- expect: denied 42501
SELECT * FROM public.pg_visibility('app.customer');

-- case: verify_heapam and bt_index_check
-- expect: denied 42501
SELECT public.bt_index_check('app.customer_pkey'::regclass);

-- case: pg_walinspect
-- expect: denied 42501
SELECT * FROM public.pg_get_wal_records_info('0/1', '0/2');

-- case: dblink
-- expect: denied 42501
SELECT * FROM public.dblink('dbname=postgres', 'SELECT secret FROM app.vault') AS t(x text);

-- case: dblink_connect
-- expect: denied 42501
SELECT public.dblink_connect('dbname=postgres');

-- case: dblink by a superuser's function
-- expect: denied 42501
SELECT app.super_run('SELECT x FROM public.dblink(''dbname=postgres'', ''SELECT max(secret) FROM app.vault'') AS t(x text)');

-- case: postgres_fdw_get_connections
-- expect: denied 42501
SELECT public.postgres_fdw_get_connections();

-- case: brin and gin functions
-- expect: denied 42501
SELECT brin_summarize_new_values('app.customer_pkey'::regclass);

-- case: sizes
-- expect: any
SELECT pg_relation_size('app.vault'), pg_total_relation_size('app.customer'), pg_database_size('postgres');

-- case: reltuples
-- expect: any
SELECT reltuples, relpages FROM pg_class WHERE oid = 'app.vault'::regclass;

-- case: currtid2: has a hidden row been written since?
-- expect: denied 42501
SELECT currtid2('app.customer', '(0,1)'::tid);

-- case: currtid2 of a closed table
-- expect: denied 42501
SELECT currtid2('app.vault', '(0,1)'::tid);

-- case: pg_get_viewdef, pg_get_functiondef, pg_get_ruledef, pg_get_triggerdef
-- expect: allowed
SELECT pg_get_viewdef('app.v_some'::regclass), pg_get_functiondef('app.sql_ssn'::regproc);

-- case: has_*_privilege, row_security_active
-- expect: allowed
SELECT has_table_privilege('app.vault', 'SELECT'), row_security_active('app.guarded');

-- case: pg_identify_object, pg_describe_object
-- expect: allowed
SELECT pg_describe_object('pg_class'::regclass, 'app.vault'::regclass, 0), pg_identify_object('pg_class'::regclass, 'app.vault'::regclass, 0);

-- case: pg_input_error_info
-- expect: any
-- server: >=17
SELECT e.* FROM app.customer, pg_input_error_info(ssn, 'int4') AS e;

-- case: pg_restore_relation_stats
-- expect: denied 42501
-- server: >=18
SELECT pg_restore_relation_stats('schemaname', 'app', 'relname', 'customer', 'reltuples', 1::real);

-- case: statistics through a leaky operator: equality
-- expect: allowed
SELECT count(*) FROM app.visit WHERE place OPERATOR(own.===) 'x';

-- case: statistics through a leaky operator: histogram
-- expect: allowed
SELECT count(*) FROM app.visit WHERE weight OPERATOR(own.<<) 5;

-- case: statistics through a leaky operator: EXPLAIN
-- expect: allowed
EXPLAIN SELECT * FROM app.visit WHERE place OPERATOR(own.===) 'x' OR weight OPERATOR(own.<<) 4;

-- case: statistics through a leaky operator: join
-- expect: allowed
EXPLAIN SELECT * FROM app.visit AS a JOIN app.visit AS b ON a.place OPERATOR(own.===) b.place;

-- case: statistics through a leaky operator: masked column
-- expect: allowed
EXPLAIN SELECT * FROM app.v_some WHERE ssn OPERATOR(own.===) 'x';

-- case: statistics through a leaky operator: masked column without a filter
-- expect: allowed
EXPLAIN SELECT id FROM app.account WHERE secret OPERATOR(own.===) 'x';

-- case: statistics through a leaky operator: an update's condition on a filtered table
-- expect: allowed
EXPLAIN UPDATE app.ticket SET priority = 1 WHERE body OPERATOR(own.===) 'x';

-- case: statistics through a leaky operator: partitions
-- expect: allowed
EXPLAIN SELECT * FROM app.event WHERE tenant OPERATOR(own.===) 'x' AND payload OPERATOR(own.===) 'y';

-- case: statistics through a leaky operator: inheritance
-- expect: allowed
EXPLAIN SELECT * FROM app.parent WHERE tenant OPERATOR(own.===) 'x';

-- case: statistics through a leaky operator: view, sub-select, WITH
-- expect: allowed
EXPLAIN WITH w AS MATERIALIZED (SELECT place FROM app.visit) SELECT * FROM w, (SELECT place AS p FROM app.visit OFFSET 0) AS s WHERE w.place OPERATOR(own.===) 'x' AND s.p OPERATOR(own.===) 'y';

-- case: statistics through a leaky operator: FOR UPDATE
-- expect: allowed
EXPLAIN SELECT body FROM app.ticket WHERE body OPERATOR(own.===) 'x' FOR UPDATE;

-- case: statistics through a leaky operator: arrays
-- expect: allowed
EXPLAIN SELECT * FROM app.visit WHERE place OPERATOR(own.===) ANY (ARRAY['x', 'y']);

-- case: statistics through a leaky operator: grouped sub-select
-- expect: allowed
EXPLAIN SELECT * FROM (SELECT place, count(*) FROM app.visit GROUP BY place) AS s WHERE place OPERATOR(own.===) 'x';

-- case: the plan tree on the client's screen
-- expect: allowed
SET LOCAL client_min_messages = log;
SET LOCAL debug_print_parse = on;
SET LOCAL debug_print_rewritten = on;
SET LOCAL debug_print_plan = on;
SELECT ssn, photo FROM app.customer WHERE name <> 'x';

-- case: every debug message on the client's screen
-- expect: allowed
SET LOCAL client_min_messages = debug5;
SELECT ssn, photo, email FROM app.customer;
UPDATE app.customer SET name = 'x' WHERE id = 2;

-- case: log_*_stats, trace_sort, wal_debug
-- expect: any
SET LOCAL client_min_messages = debug1;
SET LOCAL trace_sort = on;
SELECT ssn FROM app.customer ORDER BY name;

-- case: the key of hash masks
-- expect: denied 42501
SELECT * FROM contauth.secret;

-- case: the key of hash masks through a superuser's function
-- expect: denied 42501
SELECT app.super_run('SELECT encode(key, ''hex'') FROM contauth.secret');

-- case: the key of hash masks in a plan
-- expect: allowed
EXPLAIN (VERBOSE, FORMAT XML) SELECT photo FROM app.customer;

-- case: audit
-- expect: denied 42501
SELECT * FROM contauth_audit.decision;

-- case: audit of own statements with literals
-- expect: any
SELECT contauth.my_decision('00000000-0000-0000-0000-000000000000');

-- case: why()
-- expect: allowed
SELECT * FROM contauth.why('SELECT ssn, notes FROM app.customer WHERE name = ''x''');

-- case: why() runs nothing
-- expect: any
-- after: SELECT NOT EXISTS (SELECT FROM app.pad WHERE line = 'why')
SELECT * FROM contauth.why('INSERT INTO app.pad VALUES (990, ''why'')');

-- case: why() of a function that lies about being immutable
-- expect: any
SELECT * FROM contauth.why('SELECT app.pl_immutable(), app.sql_vault(), own.leak(''x''::text)');

-- case: why() of a text that ends early
-- expect: any
SELECT * FROM contauth.why('SELECT 1; SELECT * FROM app.vault');
