/*-------------------------------------------------------------------------
 *
 * pending.c
 *	  What is to be done outside of the database when a transaction commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/pending.h"
#include "utils/memutils.h"

static void
drop(const CaPendingKind *kind, void *item)
{
	if (kind->drop != NULL)
		kind->drop(item);
}

static void
at_end(XactEvent event, void *arg)
{
	CaPendingKind *kind = arg;
	ListCell   *lc;

	if (kind->items == NIL)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			kind->commit(kind->items);
			kind->items = NIL;
			break;
		case XACT_EVENT_ABORT:
			foreach(lc, kind->items)
				drop(kind, lfirst(lc));
			kind->items = NIL;
			break;
		case XACT_EVENT_PRE_PREPARE:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that %s", kind->what)));
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	CaPendingKind *kind = arg;
	ListCell   *lc;

	foreach(lc, kind->items)
	{
		CaPending  *item = lfirst(lc);

		if (item->subid != mine)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			item->subid = parent;
		else if (event == SUBXACT_EVENT_ABORT_SUB)
		{
			drop(kind, item);
			kind->items = foreach_delete_current(kind->items, lc);
		}
	}
}

void *
ca_pending_add(CaPendingKind *kind, Size size)
{
	MemoryContext old;
	CaPending  *item;

	if (!kind->registered)
	{
		RegisterXactCallback(at_end, kind);
		RegisterSubXactCallback(at_subtransaction_end, kind);
		kind->registered = true;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	item = palloc0(size);
	item->subid = GetCurrentSubTransactionId();
	kind->items = lappend(kind->items, item);
	MemoryContextSwitchTo(old);
	return item;
}

void
ca_pending_forget(CaPendingKind *kind, void *item)
{
	kind->items = list_delete_ptr(kind->items, item);
}
