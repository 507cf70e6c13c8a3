-- Everything that the catalog says about the extension, one line for each fact,
-- without OIDs; 031_upgrade.pl compares databases by it.  Left out are monthly
-- partitions, which the audit worker makes, and the option pg_attver, by which
-- some builds of the server number columns' versions.

SET search_path = pg_catalog;

CREATE TEMP TABLE ours AS
	SELECT n.oid AS nsp, n.nspname FROM pg_namespace AS n
	 WHERE n.nspname IN ('contauth', 'contauth_audit');
CREATE TEMP TABLE relation AS
	SELECT c.* FROM pg_class AS c JOIN ours ON ours.nsp = c.relnamespace
	 WHERE c.relname !~ '^decision_p\d{6}';

-- privileges in an order of their own; a NULL stays what it is
CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql AS
	$$SELECT array_agg(a::text ORDER BY a::text)::text FROM unnest($1) AS a$$;

SELECT concat_ws(' | ', 'extension', e.extname, e.extversion, r.rolname, n.nspname, e.extrelocatable,
		obj_description(e.oid, 'pg_extension'))
  FROM pg_extension AS e JOIN pg_roles AS r ON r.oid = e.extowner JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'contauth'
UNION ALL
SELECT concat_ws(' | ', 'config', c.id::regclass, c.condition)
  FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS c (id, condition) WHERE e.extname = 'contauth'
UNION ALL
SELECT concat_ws(' | ', 'member', pg_describe_object(d.classid, d.objid, d.objsubid))
  FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'contauth' AND d.deptype = 'e'
UNION ALL
SELECT concat_ws(' | ', 'schema', n.nspname, r.rolname, pg_temp.acl(n.nspacl), obj_description(n.oid, 'pg_namespace'))
  FROM pg_namespace AS n JOIN ours ON ours.nsp = n.oid JOIN pg_roles AS r ON r.oid = n.nspowner
UNION ALL
SELECT concat_ws(' | ', 'function', p.oid::regprocedure, r.rolname, COALESCE(pg_temp.acl(p.proacl), 'no ACL'),
		p.procost, p.prorows, obj_description(p.oid, 'pg_proc'), p.probin, pg_get_functiondef(p.oid))
  FROM pg_proc AS p JOIN ours ON ours.nsp = p.pronamespace JOIN pg_roles AS r ON r.oid = p.proowner
UNION ALL
SELECT concat_ws(' | ', 'relation', c.oid::regclass, c.relkind, c.relpersistence, r.rolname,
		COALESCE(pg_temp.acl(c.relacl), 'no ACL'), c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
		c.relreplident, c.relispartition, c.relnatts, c.relchecks, c.relhastriggers, c.reltablespace,
		pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class'))
  FROM relation AS c JOIN pg_roles AS r ON r.oid = c.relowner
UNION ALL
SELECT concat_ws(' | ', 'column', c.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
		a.attcollation::regcollation, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression,
		a.attisdropped, COALESCE(pg_temp.acl(a.attacl), 'no ACL'),
		(SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) AS o WHERE o !~ '^pg_attver='),
		pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
  FROM relation AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
UNION ALL
SELECT concat_ws(' | ', 'constraint', c.oid::regclass, k.conname, k.contype, k.convalidated, k.condeferrable,
		k.conislocal, k.coninhcount, k.connoinherit, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'))
  FROM pg_constraint AS k JOIN relation AS c ON c.oid = k.conrelid
UNION ALL
SELECT concat_ws(' | ', 'index', pg_get_indexdef(i.indexrelid), i.indisprimary, i.indisvalid, i.indisreplident,
		i.indisclustered)
  FROM pg_index AS i JOIN relation AS c ON c.oid = i.indrelid
UNION ALL
SELECT concat_ws(' | ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled, t.tgisinternal,
		t.tgparentid <> 0, obj_description(t.oid, 'pg_trigger'))
  FROM pg_trigger AS t JOIN relation AS c ON c.oid = t.tgrelid
 WHERE NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' | ', 'view', c.oid::regclass, pg_get_viewdef(c.oid))
  FROM relation AS c WHERE c.relkind = 'v'
UNION ALL
SELECT concat_ws(' | ', 'sequence', s.seqrelid::regclass, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax,
		s.seqmin, s.seqcache, s.seqcycle)
  FROM pg_sequence AS s JOIN relation AS c ON c.oid = s.seqrelid
UNION ALL
SELECT concat_ws(' | ', 'type', t.oid::regtype, t.typtype, t.typlen, t.typbyval, t.typcategory, t.typinput, t.typoutput,
		t.typnotnull, r.rolname, COALESCE(pg_temp.acl(t.typacl), 'no ACL'), obj_description(t.oid, 'pg_type'))
  FROM pg_type AS t JOIN ours ON ours.nsp = t.typnamespace JOIN pg_roles AS r ON r.oid = t.typowner
 WHERE t.typname !~ '^_?decision_p\d{6}'
UNION ALL
SELECT concat_ws(' | ', 'privileges to begin with', pg_describe_object(i.classoid, i.objoid, i.objsubid), i.privtype,
		pg_temp.acl(i.initprivs))
  FROM pg_init_privs AS i
 WHERE pg_describe_object(i.classoid, i.objoid, i.objsubid) ~ 'contauth'
UNION ALL
SELECT concat_ws(' | ', 'event trigger', e.evtname) FROM pg_event_trigger AS e
UNION ALL
SELECT concat_ws(' | ', 'row security', c.oid::regclass, p.polname) FROM pg_policy AS p JOIN relation AS c ON c.oid = p.polrelid
UNION ALL
SELECT concat_ws(' | ', 'depends', d.object, d.on_object, d.deptype, count(*))
  FROM (SELECT pg_describe_object(d.classid, d.objid, d.objsubid) AS object,
			   pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS on_object, d.deptype
		  FROM pg_depend AS d) AS d
 WHERE d.object ~ 'contauth' AND d.object || d.on_object !~ 'decision_p\d{6}|pg_toast|pg_temp|RI_ConstraintTrigger'
 GROUP BY d.object, d.on_object, d.deptype
 ORDER BY 1;
