/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  contauth's own tables, read directly and by the newest snapshot.
 *
 * No SPI: a scan needs neither privileges nor plans nor hooks, costs little,
 * and can run inside any statement.  The newest snapshot is used because a
 * decision must see a committed change also in a REPEATABLE READ
 * transaction.  OIDs of tables are looked up by name when needed: callers
 * cache what they read, not these.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "base/catalog.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static const char *const table_names[CA_TABLE_COUNT] = {
	[CA_TABLE_ISSUER] = "issuer",
	[CA_TABLE_AGENT] = "agent",
	[CA_TABLE_AGENT_KEY] = "agent_key",
	[CA_TABLE_TRUST_BUNDLE] = "trust_bundle",
	[CA_TABLE_POLICY] = "policy",
	[CA_TABLE_POLICY_VERSION] = "policy_version",
	[CA_TABLE_CLASSIFICATION] = "classification",
	[CA_TABLE_SECRET] = "secret",
	[CA_TABLE_REVOCATION] = "revocation",
	[CA_TABLE_KILL_SWITCH] = "kill_switch_state",
	[CA_TABLE_BREAK_GLASS] = "break_glass_grant",
};

/*
 * Creating and dropping the extension creates and drops its schemas; a script
 * that updates it must change the row of one, by a GRANT for example.
 */
static uint64 schema_changes = 1;
static uint64 installed_as_of = 0;	/* value of schema_changes */
static char installed[NAMEDATALEN]; /* version; empty: not installed */
static uint64 schema_oid_as_of = 0;
static Oid	schema_oid;

static void
schema_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	schema_changes++;
}

void
ca_catalog_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum) 0);
}

/* Look up the version that is installed; a long one is cut, and fits nothing. */
static void
read_version(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData skey;
	SysScanDesc scan;
	HeapTuple	tuple;

	installed[0] = '\0';
	ScanKeyInit(&skey, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("contauth"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &skey);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		char	   *version = ca_row_text(tuple, RelationGetDescr(rel), "extversion");

		strlcpy(installed, version, sizeof(installed));
		pfree(version);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

const char *
ca_extension_version(void)
{
	/* a change that arrives while looking makes the answer stale again */
	uint64		as_of = schema_changes;

	if (installed_as_of != as_of)
	{
		read_version();
		installed_as_of = as_of;
	}
	return installed[0] != '\0' ? installed : NULL;
}

bool
ca_extension_installed(void)
{
	return ca_extension_version() != NULL;
}

bool
ca_extension_fits(void)
{
	const char *version = ca_extension_version();

	return version != NULL && strcmp(version, CA_SQL_VERSION) == 0;
}

void
ca_extension_require(void)
{
	if (ca_extension_installed() && !ca_extension_fits())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg(CA_UNFIT_MESSAGE, ca_extension_version(), CA_SQL_VERSION),
				 errhint(CA_UNFIT_HINT)));
}

Oid
ca_schema_oid(void)
{
	uint64		as_of = schema_changes;

	if (schema_oid_as_of != as_of)
	{
		schema_oid = get_namespace_oid("contauth", true);
		schema_oid_as_of = as_of;
	}
	return schema_oid;
}

Oid
ca_table_oid(CaTable table)
{
	Oid			nsp = ca_schema_oid();
	Oid			relid = InvalidOid;

	if (OidIsValid(nsp))
		relid = get_relname_relid(table_names[table], nsp);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table contauth.%s does not exist", table_names[table]),
				 errhint("Run CREATE EXTENSION contauth in this database.")));
	return relid;
}

/* Attribute number of a column that must exist. */
static AttrNumber
column_number(TupleDesc desc, const char *column)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), column) == 0)
			return att->attnum;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("contauth's tables have no column \"%s\"", column),
			 errhint("Run ALTER EXTENSION contauth UPDATE in this database.")));
	return InvalidAttrNumber;	/* keep compiler quiet */
}

/* Is the index a complete btree that attnum leads? */
static bool
index_serves(Oid oid, AttrNumber attnum)
{
	Relation	index = index_open(oid, AccessShareLock);
	bool		serves = index->rd_index->indisvalid &&
	index->rd_rel->relam == BTREE_AM_OID &&
	index->rd_index->indkey.values[0] == attnum &&
	RelationGetIndexPredicate(index) == NIL;

	index_close(index, AccessShareLock);
	return serves;
}

/* An index that a column leads, or InvalidOid. */
static Oid
key_index(Relation rel, AttrNumber attnum)
{
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		if (!OidIsValid(result) && index_serves(lfirst_oid(lc), attnum))
			result = lfirst_oid(lc);
	}
	list_free(indexes);
	return result;
}

Snapshot
ca_table_snapshot(CaTable table)
{
	return GetCatalogSnapshot(ca_table_oid(table));
}

void
ca_table_scan(CaTable table, const char *key_column, const char *key,
			  CaRowCallback each, void *arg)
{
	ca_table_scan_at(table, key_column, key, NULL, each, arg);
}

/*
 * A NULL snapshot makes the scan take a new one of its own kind, which does
 * not count as the transaction's first: SET TRANSACTION still works after it.
 */
void
ca_table_scan_at(CaTable table, const char *key_column, const char *key,
				 Snapshot snapshot, CaRowCallback each, void *arg)
{
	Relation	rel = table_open(ca_table_oid(table), AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData skey;
	Oid			index = InvalidOid;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (key_column != NULL)
	{
		AttrNumber	attnum = column_number(desc, key_column);

		/* key columns of our tables have collation "C" */
		index = key_index(rel, attnum);
		ScanKeyEntryInitialize(&skey, 0, attnum, BTEqualStrategyNumber,
							   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
							   CStringGetTextDatum(key));
	}

	scan = systable_beginscan(rel, index, OidIsValid(index), snapshot,
							  key_column != NULL ? 1 : 0, &skey);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!each(tuple, desc, arg))
			break;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

int64
ca_table_max(CaTable table, const char *key_column, Snapshot snapshot)
{
	Relation	rel = table_open(ca_table_oid(table), AccessShareLock);
	Relation	index = index_open(ca_primary_key_index(rel), AccessShareLock);
	SysScanDesc scan = systable_beginscan_ordered(rel, index, snapshot, 0, NULL);
	HeapTuple	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	int64		max = 0;
	bool		isnull;

	if (HeapTupleIsValid(tuple))
		max = DatumGetInt64(ca_row_datum(tuple, RelationGetDescr(rel),
										 key_column, &isnull));
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return max;
}

Datum
ca_row_datum(HeapTuple tuple, TupleDesc desc, const char *column, bool *isnull)
{
	return heap_getattr(tuple, column_number(desc, column), desc, isnull);
}

char *
ca_row_text(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Datum		value = ca_row_datum(tuple, desc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

bool
ca_row_bool(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Datum		value = ca_row_datum(tuple, desc, column, &isnull);

	return !isnull && DatumGetBool(value);
}

List *
ca_text_array_list(Datum array)
{
	ArrayType  *arr = DatumGetArrayTypeP(array);
	Oid			elemtype = ARR_ELEMTYPE(arr);
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	List	   *list = NIL;

	if (elemtype == NAMEOID)
		deconstruct_array(arr, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
						  &elems, &nulls, &n);
	else
		deconstruct_array(arr, TEXTOID, -1, false, TYPALIGN_INT,
						  &elems, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			continue;
		list = lappend(list, elemtype == NAMEOID ?
					   pstrdup(NameStr(*DatumGetName(elems[i]))) :
					   TextDatumGetCString(elems[i]));
	}
	return list;
}

Datum
ca_text_array(const List *strings)
{
	Datum	   *elems = palloc(sizeof(Datum) * (list_length(strings) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, strings)
		elems[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elems, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
ca_text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

List *
ca_row_text_array(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Datum		value = ca_row_datum(tuple, desc, column, &isnull);

	return isnull ? NIL : ca_text_array_list(value);
}
