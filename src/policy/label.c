/*-------------------------------------------------------------------------
 *
 * label.c
 *	  Data classification as PostgreSQL security labels.
 *
 * A label is a comma-separated list of classes; a class is hierarchical by
 * dots and ranked by contauth.classification.  Where an object carries no
 * label of its own, the nearest one above it holds: an explicit label on a
 * column replaces what the table says, so that a public column of a
 * restricted table can be named as such.  What is derived and has no label of
 * its own, generated columns, views and materialized views, takes the classes
 * of all that it is computed from.
 *
 * The classification is small and read as a whole, once, into its own memory
 * context; ca_label_reset() forgets it (policy/store.c calls it when the
 * table changes).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "base/catalog.h"
#include "base/texts.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/seclabel.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "parser/scansup.h"
#include "policy/derivation.h"
#include "policy/label.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define CA_LABEL_MAX_LEN	1024
#define CA_ADMIN_ROLE		"contauth_admin"

typedef struct CaClass
{
	char	   *name;
	int			sensitivity;
} CaClass;

static MemoryContext class_context = NULL;
static List *classes = NIL;		/* of CaClass * */
static bool classes_loaded = false;

static bool
take_class(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CaClass    *c = palloc(sizeof(CaClass));
	bool		isnull;

	c->name = ca_row_text(tuple, desc, "class");
	c->sensitivity = DatumGetInt32(ca_row_datum(tuple, desc, "sensitivity", &isnull));
	classes = lappend(classes, c);
	return true;
}

void
ca_label_reset(void)
{
	classes_loaded = false;
	classes = NIL;
	if (class_context != NULL)
		MemoryContextReset(class_context);
}

static void
load_classes(void)
{
	MemoryContext old;

	ca_label_reset();
	if (class_context == NULL)
		class_context = AllocSetContextCreate(CacheMemoryContext,
											  "contauth classification",
											  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(class_context);
	ca_table_scan(CA_TABLE_CLASSIFICATION, NULL, NULL, take_class, NULL);
	MemoryContextSwitchTo(old);
	classes_loaded = true;
}

/* The row for the first len bytes of a class name. */
static CaClass *
find_class(const char *name, size_t len)
{
	ListCell   *lc;

	if (!classes_loaded)
		load_classes();
	foreach(lc, classes)
	{
		CaClass    *c = lfirst(lc);

		if (strlen(c->name) == len && memcmp(c->name, name, len) == 0)
			return c;
	}
	return NULL;
}

/* The class itself, or the nearest one above it. */
static CaClass *
find_class_or_parent(const char *name)
{
	size_t		len = strlen(name);

	for (;;)
	{
		CaClass    *c = find_class(name, len);

		if (c != NULL)
			return c;
		while (len > 0 && name[len - 1] != '.')
			len--;
		if (len == 0)
			return NULL;
		len--;
	}
}

static int
sensitivity_of(const char *label_class)
{
	CaClass    *c = find_class_or_parent(label_class);

	return c != NULL ? c->sensitivity : CA_SENSITIVITY_MAX;
}

int
ca_label_max_sensitivity(const List *list)
{
	int			max = -1;
	ListCell   *lc;

	foreach(lc, list)
		max = Max(max, sensitivity_of(lfirst(lc)));
	return max;
}

/* Split "a, b.c" into its classes; empty parts are left out. */
static List *
split_classes(const char *label)
{
	List	   *list = NIL;
	const char *p = label;

	while (*p != '\0')
	{
		const char *end = strchr(p, ',');
		const char *next;

		if (end == NULL)
			end = p + strlen(p);
		next = *end == ',' ? end + 1 : end;
		while (p < end && scanner_isspace(*p))
			p++;
		while (end > p && scanner_isspace(end[-1]))
			end--;
		if (end > p)
			list = lappend(list, pnstrdup(p, end - p));
		p = next;
	}
	return list;
}

/* The label of exactly this object, split, or NIL. */
static List *
own_label(Oid classid, Oid objid, int32 subid)
{
	ObjectAddress object;
	char	   *label;

	ObjectAddressSubSet(object, classid, objid, subid);
	label = GetSecurityLabel(&object, CA_LABEL_PROVIDER);
	return label != NULL ? split_classes(label) : NIL;
}

List *
ca_label_parents(Oid relid)
{
	List	   *parents = NIL;

	if (has_superclass(relid))
	{
		/* in inhseqno order; a relation has few parents */
		Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(relid));
		scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
								  NULL, 1, &key);
		while ((tuple = systable_getnext(scan)) != NULL)
			parents = lappend_oid(parents,
								  ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
		systable_endscan(scan);
		table_close(inherits, AccessShareLock);
	}
	return parents;
}

/*
 * Label of a column, or of the same-named column of the nearest ancestor.
 * SECURITY: a partition read directly is as sensitive as through its parent.
 */
static List *
column_label(Oid relid, AttrNumber attnum)
{
	List	   *list = own_label(RelationRelationId, relid, attnum);
	ListCell   *lc;
	char	   *name;

	if (list != NIL || (name = get_attname(relid, attnum, true)) == NULL)
		return list;
	foreach(lc, ca_label_parents(relid))
	{
		AttrNumber	parent_att = get_attnum(lfirst_oid(lc), name);

		if (parent_att != InvalidAttrNumber &&
			(list = column_label(lfirst_oid(lc), parent_att)) != NIL)
			break;
	}
	return list;
}

List *
ca_label_add(List *list, const List *more)
{
	ListCell   *lc;

	foreach(lc, more)
		list = ca_texts_add(list, lfirst(lc));
	return list;
}

List *
ca_label_sources(Oid relid, AttrNumber attnum)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	Bitmapset  *used = NULL;
	List	   *sources = NIL;
	int			i = -1;

	if (TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attgenerated != '\0')
		pull_varattnos(build_column_default(rel, attnum), 1, &used);
	relation_close(rel, NoLock);
	while ((i = bms_next_member(used, i)) >= 0)
	{
		if (i + FirstLowInvalidHeapAttributeNumber > 0)
			sources = lappend_int(sources, i + FirstLowInvalidHeapAttributeNumber);
	}
	return sources;
}

/* Classes of the columns that a generated column is computed from. */
static List *
generated_label(Oid relid, AttrNumber attnum)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, ca_label_sources(relid, attnum))
		list = ca_label_add(list, column_label(relid, (AttrNumber) lfirst_int(lc)));
	return list;
}

/* Label of a relation, or of its nearest ancestor. */
static List *
relation_label(Oid relid)
{
	List	   *list = own_label(RelationRelationId, relid, 0);
	ListCell   *lc;

	if (list != NIL)
		return list;
	foreach(lc, ca_label_parents(relid))
	{
		if ((list = relation_label(lfirst_oid(lc))) != NIL)
			break;
	}
	return list;
}

/* Label of a schema, or of the database. */
static List *
schema_label(Oid nsp)
{
	List	   *list = own_label(NamespaceRelationId, nsp, 0);

	if (list == NIL)
	{
		ObjectAddress object;
		char	   *label;

		ObjectAddressSet(object, DatabaseRelationId, MyDatabaseId);
		label = GetSecurityLabel(&object, CA_LABEL_PROVIDER);
		if (label != NULL)
			list = split_classes(label);
	}
	return list;
}

List *
ca_label_classes(Oid relid, AttrNumber attnum)
{
	List	   *list = NIL;

	if (attnum > 0)
		list = column_label(relid, attnum);
	if (list == NIL && attnum > 0)
		list = generated_label(relid, attnum);
	if (list == NIL)
		list = relation_label(relid);
	if (list == NIL)
		list = ca_derived_classes(relid, attnum);
	if (list == NIL)
		list = schema_label(get_rel_namespace(relid));
	return list;
}

bool
ca_label_is_own(Oid relid, AttrNumber attnum)
{
	return column_label(relid, attnum) != NIL || relation_label(relid) != NIL;
}

List *
ca_label_function_classes(Oid funcid)
{
	List	   *list = own_label(ProcedureRelationId, funcid, 0);

	return list != NIL ? list : schema_label(get_func_namespace(funcid));
}

/* SECURITY: only administrators label, never from a governed session. */
static void
check_may_label(void)
{
	Oid			admins = get_role_oid(CA_ADMIN_ROLE, true);

	if (ca_session_governed() ||
		!(superuser() ||
		  (OidIsValid(admins) && has_privs_of_role(GetUserId(), admins))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set a contauth label"),
				 errdetail("Only superusers and members of role \"%s\" may label.",
						   CA_ADMIN_ROLE)));
}

/* Every class must be ranked, itself or through one above it. */
static void
check_classes(const char *label)
{
	List	   *list;
	ListCell   *lc;

	if (strlen(label) > CA_LABEL_MAX_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contauth label is longer than %d bytes", CA_LABEL_MAX_LEN)));
	list = split_classes(label);
	if (list == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contauth label names no class")));

	/* a dump sets labels before it fills the table; see docs/policies.md */
	if (!check_function_bodies)
		return;

	/* the table may have changed in this transaction */
	ca_label_reset();
	foreach(lc, list)
	{
		if (find_class_or_parent(lfirst(lc)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("class \"%s\" does not exist", (char *) lfirst(lc)),
					 errhint("Add it, or a class above it, to contauth.classification.")));
	}
}

/*
 * The provider's check.  It runs before the label is written; the messages
 * sent here are delivered after that, at the next command or at commit.
 */
static void
relabel(const ObjectAddress *object, const char *seclabel)
{
	check_may_label();
	if (seclabel != NULL)
		check_classes(seclabel);

	switch (object->classId)
	{
		case RelationRelationId:
		case DatabaseRelationId:
		case NamespaceRelationId:
		case ProcedureRelationId:

			/*
			 * What is derived takes its labels from others: every session
			 * looks at all of them again.  (A dump labels schemas before it
			 * creates the extension, pg_upgrade also tables before it creates
			 * ours.)
			 */
			if (ca_extension_installed() && !IsBinaryUpgrade)
				CacheInvalidateRelcacheByRelid(ca_table_oid(CA_TABLE_CLASSIFICATION));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("contauth labels exist for databases, schemas, relations, columns and functions")));
	}
}

void
ca_label_init(void)
{
	register_label_provider(CA_LABEL_PROVIDER, relabel);
}
