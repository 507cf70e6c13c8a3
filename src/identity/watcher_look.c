/*-------------------------------------------------------------------------
 *
 * watcher_look.c
 *	  What the tables say now of those at work, on a standby.
 *
 * The rules are those of stopper.c, with the state of the tables in place of
 * their changes: so it does not matter what happened before the watcher came.
 *
 * Slots hold hashes, so the tables are read from end to end, and each row is
 * looked for among the hashes: revocation, and agent, which also tells of whom
 * it has no row.
 *
 * SECURITY: "changes" moves first, then the slots are read, then the tables.
 * Whoever publishes too late to be among the slots sees that it has moved, and
 * looks himself at tables that are at least as new as what made us look.  What
 * comes later makes us look again.  (test/t/027_stop.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "identity/registry.h"
#include "identity/revocation.h"
#include "identity/stop_shared.h"
#include "identity/watcher.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* A slot as it was, of somebody in this database. */
typedef struct Found
{
	CaStopSlot *slot;
	int			nagents;
	int			nhashes;
	uint64	   *hashes;
} Found;

/* What the tables say about a hash. */
typedef struct Finding
{
	uint64		hash;			/* the key */
	bool		registered;
	CaStopReason reason;
} Finding;

typedef struct Look
{
	bool		everybody;		/* the kill switch is on */
	HTAB	   *findings;		/* of all hashes that anybody rests on */
	MemoryContext row_context;
} Look;

/* As of when the tables were read; 0: not yet. */
static uint64 looked_generation = 0;
static Oid	looked_schema = InvalidOid;

/* Copy what a slot says; false: nobody governed is there, or elsewhere. */
static bool
read_slot(CaStopSlot *slot, Found *found)
{
	static uint64 hashes[CA_STOP_HASHES];
	bool		here;

	SpinLockAcquire(&slot->mutex);
	here = slot->identity != 0 && slot->database == MyDatabaseId;
	if (here)
	{
		found->nagents = slot->nagents;
		found->nhashes = slot->nhashes;
		memcpy(hashes, slot->hashes, sizeof(uint64) * slot->nhashes);
	}
	SpinLockRelease(&slot->mutex);
	if (!here)
		return false;
	found->slot = slot;
	found->hashes = palloc(sizeof(uint64) * found->nhashes);
	memcpy(found->hashes, hashes, sizeof(uint64) * found->nhashes);
	return true;
}

/* Everybody governed in this database: of Found *. */
static List *
read_slots(void)
{
	List	   *all = NIL;

	for (int i = 0; i < ca_stop_shared->nslots; i++)
	{
		Found		found;

		if (read_slot(&ca_stop_shared->slots[i], &found))
			all = lappend(all, memcpy(palloc(sizeof(Found)), &found, sizeof(Found)));
	}
	return all;
}

/* A table with all that they rest on, of which nothing has been found yet. */
static HTAB *
make_findings(const List *all)
{
	HASHCTL		ctl = {0};
	HTAB	   *findings;
	ListCell   *lc;

	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(Finding);
	ctl.hcxt = CurrentMemoryContext;
	findings = hash_create("contauth findings of a watcher", 256, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	foreach(lc, all)
	{
		const Found *found = lfirst(lc);

		for (int i = 0; i < found->nhashes; i++)
		{
			Finding    *finding = hash_search(findings, &found->hashes[i], HASH_ENTER, NULL);

			finding->registered = false;
			finding->reason = CA_STOP_NONE;
		}
	}
	return findings;
}

/* Does anybody rest on that? */
static Finding *
find(const Look *look, CaRevocationKind kind, const char *id)
{
	uint64		hash = ca_revocation_hash(kind, id);

	return hash_search(look->findings, &hash, HASH_FIND, NULL);
}

static bool
take_switch(HeapTuple tuple, TupleDesc desc, void *arg)
{
	((Look *) arg)->everybody |= ca_row_bool(tuple, desc, "active");
	return true;
}

static bool
take_revocation(HeapTuple tuple, TupleDesc desc, void *arg)
{
	const Look *look = arg;
	MemoryContext old = MemoryContextSwitchTo(look->row_context);
	CaRevocationKind kind = ca_revocation_kind(ca_row_text(tuple, desc, "kind"));
	Finding    *finding;

	if (kind != CA_REVOKE_KINDS)
	{
		finding = find(look, kind, ca_row_text(tuple, desc, "id"));
		if (finding != NULL)
			finding->reason = ca_revocation_reason(kind);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(look->row_context);
	return true;
}

static bool
take_agent(HeapTuple tuple, TupleDesc desc, void *arg)
{
	const Look *look = arg;
	MemoryContext old = MemoryContextSwitchTo(look->row_context);
	Finding    *finding = find(look, CA_REVOKE_AGENT, ca_row_text(tuple, desc, "spiffe_id"));

	if (finding != NULL)
	{
		finding->registered = true;
		if (finding->reason == CA_STOP_NONE)
			finding->reason = ca_agent_state_reason(ca_row_text(tuple, desc, "state"));
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(look->row_context);
	return true;
}

static void
read_tables(Look *look)
{
	ca_table_scan(CA_TABLE_KILL_SWITCH, NULL, NULL, take_switch, look);
	if (look->everybody)
		return;
	ca_table_scan(CA_TABLE_REVOCATION, NULL, NULL, take_revocation, look);
	ca_table_scan(CA_TABLE_AGENT, NULL, NULL, take_agent, look);
}

static CaStopReason
reason_for(const Look *look, const Found *found)
{
	if (look->everybody)
		return CA_STOP_KILL_SWITCH;
	for (int i = 0; i < found->nhashes; i++)
	{
		const Finding *finding = hash_search(look->findings, &found->hashes[i],
											 HASH_FIND, NULL);

		if (finding->reason != CA_STOP_NONE)
			return finding->reason;
		if (i < found->nagents && !finding->registered)
			return CA_STOP_AGENT_UNKNOWN;
	}
	return CA_STOP_NONE;
}

/* Mark whoever is in the slot, if he still rests on what was looked at. */
static void
mark(const Found *found, CaStopReason reason)
{
	CaStopSlot *slot = found->slot;

	SpinLockAcquire(&slot->mutex);
	if (slot->identity != 0 && slot->database == MyDatabaseId &&
		slot->nhashes == found->nhashes &&
		memcmp(slot->hashes, found->hashes, sizeof(uint64) * found->nhashes) == 0)
		pg_atomic_write_u32(&slot->mark, reason);
	SpinLockRelease(&slot->mutex);
}

/* Tables that tell who is stopped; their changes move the generation. */
static void
watch_tables(void)
{
	ca_registry_watch(CA_TABLE_KILL_SWITCH);
	ca_registry_watch(CA_TABLE_REVOCATION);
	ca_registry_watch(CA_TABLE_AGENT);
}

static void
look_and_mark(void)
{
	Look		look = {0};
	List	   *all;
	ListCell   *lc;

	pg_atomic_fetch_add_u64(&ca_stop_shared->changes, 1);
	all = read_slots();
	if (all == NIL)
		return;
	look.findings = make_findings(all);
	look.row_context = AllocSetContextCreate(CurrentMemoryContext, "contauth watched row",
											 ALLOCSET_SMALL_SIZES);
	read_tables(&look);
	foreach(lc, all)
	{
		const Found *found = lfirst(lc);
		CaStopReason reason = reason_for(&look, found);

		if (reason != CA_STOP_NONE)
			mark(found, reason);
	}
}

void
ca_watcher_look(void)
{
	/* what arrives while looking makes it out of date again */
	uint64		generation = ca_registry_generation();
	Oid			schema = ca_schema_oid();

	/* tables of an extension that was created anew are other ones */
	if ((generation == looked_generation && schema == looked_schema) ||
		!ca_extension_installed())
		return;
	watch_tables();
	look_and_mark();
	looked_generation = generation;
	looked_schema = schema;
}
