/*-------------------------------------------------------------------------
 *
 * stopper.c
 *	  Whoever revokes stops those at work, when it commits.
 *
 * What a transaction is to stop is kept until it commits (base/pending.h): what is
 * rolled back stops nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/pending.h"
#include "identity/stop_shared.h"
#include "miscadmin.h"

typedef struct PendingStop
{
	CaPending	pending;
	CaStopReason reason;		/* NONE: taken back */
	uint64		hash;
} PendingStop;

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
is_overruled(const List *stops, int place)
{
	const PendingStop *stop = list_nth(stops, place);

	for (int i = place + 1; i < list_length(stops); i++)
	{
		if (((PendingStop *) list_nth(stops, i))->hash == stop->hash)
			return true;
	}
	return false;
}

static void
stop_all(const List *stops)
{
	pg_atomic_fetch_add_u64(&ca_stop_shared->changes, 1);
	for (int i = 0; i < list_length(stops); i++)
	{
		const PendingStop *stop = list_nth(stops, i);

		if (stop->reason != CA_STOP_NONE && !is_overruled(stops, i))
			mark_slots(stop);
	}
}

static CaPendingKind stops = {"stops agents", stop_all};

void
ca_stop_at_commit(CaStopReason reason, uint64 hash)
{
	PendingStop *stop = ca_pending_add(&stops, sizeof(PendingStop));

	stop->reason = reason;
	stop->hash = hash;
}
