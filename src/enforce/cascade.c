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
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
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

/* Is this relation and action in the list? */
static bool
is_listed(const List *accesses, Oid relid, const char *action)
{
	ListCell   *lc;

	foreach(lc, accesses)
	{
		CaAccess   *access = lfirst(lc);

		if (access->relid == relid && strcmp(access->action, action) == 0)
			return true;
	}
	return false;
}

/* Add what one relation's triggers do. */
static List *
add_actions(List *accesses, Oid relid, const char *action)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		const char *does = referential_action(trigger->tgfoid, action);
		CaAccess   *access;

		if (does == NULL || is_listed(accesses, trigger->tgconstrrelid, does))
			continue;
		access = palloc0(sizeof(CaAccess));
		access->relid = trigger->tgconstrrelid;
		access->action = does;
		access->referential = true;
		if (strcmp(does, CA_ACTION_UPDATE) == 0)
			access->columns = referencing_columns(trigger->tgconstraint);
		accesses = lappend(accesses, access);
	}
	relation_close(rel, NoLock);
	return accesses;
}

List *
ca_cascade(Oid relid, const char *action, const Bitmapset *columns)
{
	List	   *accesses = NIL;

	/* an update that leaves all keys alone sets nothing off */
	if (strcmp(action, CA_ACTION_UPDATE) == 0)
	{
		Relation	rel = relation_open(relid, AccessShareLock);
		Bitmapset  *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
		bool		touches_key = false;
		int			attnum = -1;

		while ((attnum = bms_next_member(columns, attnum)) >= 0)
			touches_key |= bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, keys);
		relation_close(rel, NoLock);
		if (!touches_key)
			return NIL;
	}

	accesses = add_actions(NIL, relid, action);
	for (int i = 0; i < list_length(accesses); i++)
	{
		CaAccess   *access = list_nth(accesses, i);

		CHECK_FOR_INTERRUPTS();
		accesses = add_actions(accesses, access->relid, access->action);
	}
	return accesses;
}
