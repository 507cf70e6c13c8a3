/*-------------------------------------------------------------------------
 *
 * cascade.c
 *	  Rows that a write reaches through referential actions.
 *
 * SECURITY: the server carries referential actions out past every check, so
 * they are decided when the write that sets them off is: an action on a
 * relation that the agent may not write itself, or only part of, refuses the
 * write.  (test/sql/cascade.sql)
 *
 * The actions are found by the triggers that the server has put on the
 * referenced relation, which its relcache entry lists.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "enforce/cascade.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* The action that a trigger function carries out; NULL: it only checks. */
static const char *
referential_action(Oid function, const char *action)
{
	bool		deleting = strcmp(action, CA_ACTION_DELETE) == 0;

	switch (function)
	{
		case F_RI_FKEY_CASCADE_DEL:
			return deleting ? CA_ACTION_DELETE : NULL;
		case F_RI_FKEY_SETNULL_DEL:
		case F_RI_FKEY_SETDEFAULT_DEL:
			return deleting ? CA_ACTION_UPDATE : NULL;
		case F_RI_FKEY_CASCADE_UPD:
		case F_RI_FKEY_SETNULL_UPD:
		case F_RI_FKEY_SETDEFAULT_UPD:
			return deleting ? NULL : CA_ACTION_UPDATE;
		default:
			return NULL;
	}
}

/* The referencing columns of a foreign key. */
static Bitmapset *
referencing_columns(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Bitmapset  *columns = NULL;
	AttrNumber	keys[INDEX_MAX_KEYS];
	AttrNumber	referenced[INDEX_MAX_KEYS];
	int			nkeys;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	/* only the two lists of keys must be given room */
	DeconstructFkConstraintRow(tuple, &nkeys, keys, referenced, NULL, NULL,
							   NULL, NULL, NULL);
	ReleaseSysCache(tuple);
	for (int i = 0; i < nkeys; i++)
		columns = bms_add_member(columns, keys[i]);
	return columns;
}

/* The access of this relation and action in the list, or NULL. */
static CaAccess *
find_listed(const List *accesses, Oid relid, const char *action)
{
	ListCell   *lc;

	foreach(lc, accesses)
	{
		CaAccess   *access = lfirst(lc);

		if (access->relid == relid && strcmp(access->action, action) == 0)
			return access;
	}
	return NULL;
}

/* Add what one trigger does. */
static List *
add_action(List *accesses, const Trigger *trigger, const char *action)
{
	const char *does = referential_action(trigger->tgfoid, action);
	CaAccess   *access;

	if (does == NULL)
		return accesses;
	access = find_listed(accesses, trigger->tgconstrrelid, does);
	if (access == NULL)
	{
		access = palloc0(sizeof(CaAccess));
		access->relid = trigger->tgconstrrelid;
		access->action = does;
		access->referential = true;
		accesses = lappend(accesses, access);
	}
	if (strcmp(does, CA_ACTION_UPDATE) == 0)
		access->columns = bms_add_members(access->columns,
										  referencing_columns(trigger->tgconstraint));
	return accesses;
}

/* Can an update of these columns change a key that others may reference? */
static bool
touches_key(Relation rel, const Bitmapset *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Bitmapset  *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	int			attnum = -1;

	/* a trigger or a generated column may change what the command does not */
	if (bms_is_empty(keys))
		return false;
	if ((rel->trigdesc != NULL && rel->trigdesc->trig_update_before_row) ||
		(desc->constr != NULL && desc->constr->has_generated_stored))
		return true;
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
	{
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, keys))
			return true;
	}
	return false;
}

/*
 * Add what the triggers of a relation, and of all that inherit from it, do.
 * columns are those of an update; NULL: all keys change.
 */
static List *
add_actions(List *accesses, Oid relid, const char *action,
			const Bitmapset *columns)
{
	List	   *relids = has_subclass(relid) ?
	find_all_inheritors(relid, AccessShareLock, NULL) : list_make1_oid(relid);
	ListCell   *lc;

	foreach(lc, relids)
	{
		Relation	rel = relation_open(lfirst_oid(lc), AccessShareLock);
		TriggerDesc *triggers = rel->trigdesc;

		if (columns == NULL || touches_key(rel, columns))
		{
			for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
				accesses = add_action(accesses, &triggers->triggers[i], action);
		}
		relation_close(rel, NoLock);
	}
	return accesses;
}

List *
ca_cascade(Oid relid, const char *action, const Bitmapset *columns)
{
	List	   *accesses = add_actions(NIL, relid, action, columns);

	/* an update of a partitioned table may move a row: delete and insert */
	if (strcmp(action, CA_ACTION_UPDATE) == 0 &&
		get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		accesses = add_actions(accesses, relid, CA_ACTION_DELETE, NULL);

	for (int i = 0; i < list_length(accesses); i++)
	{
		CaAccess   *access = list_nth(accesses, i);

		CHECK_FOR_INTERRUPTS();
		accesses = add_actions(accesses, access->relid, access->action, NULL);
	}
	return accesses;
}
