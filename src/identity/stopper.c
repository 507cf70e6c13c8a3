/*-------------------------------------------------------------------------
 *
 * stopper.c
 *	  Whoever revokes stops those at work, when it commits.
 *
 * What a transaction is to stop is kept until its end, by subtransaction, so
 * that what is rolled back stops nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "identity/stop_shared.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

typedef struct PendingStop
{
	CaStopReason reason;		/* NONE: taken back */
	uint64		hash;
	SubTransactionId subid;
} PendingStop;

static List *pending = NIL;		/* in TopTransactionContext */

static bool
is_hit(const CaStopSlot *slot, const PendingStop *stop)
{
	if (slot->identity == 0 || slot->database != MyDatabaseId)
		return false;
	if (stop->hash == 0)
		return true;
	for (int i = 0; i < slot->nhashes; i++)
	{
		if (slot->hashes[i] == stop->hash)
			return true;
	}
	return false;
}

/* Nothing here may fail: the transaction has committed. */
static void
mark_slots(const PendingStop *stop)
{
	for (int i = 0; i < ca_stop_shared->nslots; i++)
	{
		CaStopSlot *slot = &ca_stop_shared->slots[i];

		SpinLockAcquire(&slot->mutex);
		if (is_hit(slot, stop))
			pg_atomic_write_u32(&slot->mark, stop->reason);
		SpinLockRelease(&slot->mutex);
	}
}

/* Has a later part of the transaction said something else? */
static bool
is_overruled(int place)
{
	const PendingStop *stop = list_nth(pending, place);

	for (int i = place + 1; i < list_length(pending); i++)
	{
		if (((PendingStop *) list_nth(pending, i))->hash == stop->hash)
			return true;
	}
	return false;
}

static void
at_end(XactEvent event, void *arg)
{
	if (pending == NIL)
		return;
	/* another backend would commit it, and stop nobody */
	if (event == XACT_EVENT_PRE_PREPARE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot PREPARE a transaction that stops agents")));
	if (event == XACT_EVENT_COMMIT)
	{
		pg_atomic_fetch_add_u64(&ca_stop_shared->changes, 1);
		for (int i = 0; i < list_length(pending); i++)
		{
			const PendingStop *stop = list_nth(pending, i);

			if (stop->reason != CA_STOP_NONE && !is_overruled(i))
				mark_slots(stop);
		}
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		pending = NIL;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	ListCell   *lc;

	foreach(lc, pending)
	{
		PendingStop *stop = lfirst(lc);

		if (event == SUBXACT_EVENT_COMMIT_SUB && stop->subid == mine)
			stop->subid = parent;
		else if (event == SUBXACT_EVENT_ABORT_SUB && stop->subid == mine)
			pending = foreach_delete_current(pending, lc);
	}
}

void
ca_stop_at_commit(CaStopReason reason, uint64 hash)
{
	static bool registered = false;
	MemoryContext old;
	PendingStop *stop;

	if (!registered)
	{
		RegisterXactCallback(at_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	stop = palloc(sizeof(PendingStop));
	stop->reason = reason;
	stop->hash = hash;
	stop->subid = GetCurrentSubTransactionId();
	pending = lappend(pending, stop);
	MemoryContextSwitchTo(old);
}
