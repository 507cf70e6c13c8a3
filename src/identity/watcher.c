/*-------------------------------------------------------------------------
 *
 * watcher.c
 *	  Who stops agents on a standby, where nobody can revoke.
 *
 * On a primary those who revoke mark those at work (stopper.c).  On a standby
 * revocations arrive by replay, which calls nobody, and whoever is at work
 * does not look at tables until its next row.  So a background worker does
 * it: one for each database with an agent in it.  It looks for invalidations ten
 * times a second, and at the tables when something has changed (watcher_look.c).
 *
 * The first agent asks for it, and whoever comes later while there is none; the
 * audit worker does, too, once a second, for those who are at work all the time.
 * It leaves when there has been no agent for a while, and, after a last look, when
 * recovery ends.  Between looks it holds neither snapshot nor lock, so that it
 * stands in nobody's way.
 *
 * SECURITY: it only ever marks.  While there is none, or it fails, statements are
 * looked at as ever: when they begin, and between rows.
 *
 * Locking: the mutex protects places[]; what a place serves is atomic, and read
 * without it, too.  Nobody is left without a watcher: an agent first publishes
 * its slot, then looks at the places; a watcher first gives up its place, then looks
 * at the slots, and stays if somebody is there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/attempt.h"
#include "base/internal.h"
#include "identity/stop_shared.h"
#include "identity/watcher.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* Between looks; after a failure, which doubles, and at most, ms. */
#define PAUSE		100
#define MAX_PAUSE	1000

/* Without an agent for so long it leaves, ms. */
#define LINGER		5000

/* One that was asked for and has not come by then is asked for again, ms. */
#define PATIENCE	5000

/* A database that has a watcher, or has asked for one. */
typedef struct Place
{
	pg_atomic_uint64 serves;	/* see serving(); 0: free */
	TimestampTz asked_at;
} Place;

typedef struct Watchers
{
	slock_t		mutex;
	pg_atomic_uint32 complained;	/* that there is no worker to be had */
	int			nplaces;
	Place		places[FLEXIBLE_ARRAY_MEMBER];
} Watchers;

static Watchers *watchers = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(Watchers, places),
					mul_size(max_worker_processes, sizeof(Place)));
}

void
ca_watcher_shmem_request(void)
{
	RequestAddinShmemSpace(shared_size());
}

void
ca_watcher_shmem_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	watchers = ShmemInitStruct("contauth watchers", shared_size(), &found);
	if (!found)
	{
		memset(watchers, 0, shared_size());
		SpinLockInit(&watchers->mutex);
		pg_atomic_init_u32(&watchers->complained, 0);
		watchers->nplaces = max_worker_processes;
		for (int i = 0; i < watchers->nplaces; i++)
			pg_atomic_init_u64(&watchers->places[i].serves, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* What a place says: the database, and its watcher's process; 0: asked for. */
static uint64
serving(Oid database, int pid)
{
	return ((uint64) database << 32) | (uint32) pid;
}

static Oid
database_of(uint64 serves)
{
	return (Oid) (serves >> 32);
}

static bool
has_come(uint64 serves)
{
	return (uint32) serves != 0;
}

/* Is there a watcher at work? */
static bool
is_watched(Oid database)
{
	for (int i = 0; i < watchers->nplaces; i++)
	{
		uint64		serves = pg_atomic_read_u64(&watchers->places[i].serves);

		if (database_of(serves) == database && has_come(serves))
			return true;
	}
	return false;
}

/* Has who was asked for had time enough to come? */
static bool
is_overdue(Place *place, TimestampTz now)
{
	return !has_come(pg_atomic_read_u64(&place->serves)) &&
		now >= TimestampTzPlusMilliseconds(place->asked_at, PATIENCE);
}

/*
 * The place of a database, or one that it can have: free, or of somebody who
 * asked in vain; NULL: there is none.  The mutex is held.
 */
static Place *
find_place(Oid database, TimestampTz now)
{
	Place	   *usable = NULL;

	for (int i = 0; i < watchers->nplaces; i++)
	{
		Place	   *place = &watchers->places[i];
		uint64		serves = pg_atomic_read_u64(&place->serves);

		if (database_of(serves) == database)
			return place;
		if (usable == NULL && (serves == 0 || is_overdue(place, now)))
			usable = place;
	}
	return usable;
}

/* Note that a database asks for a watcher; false: it has, or did lately. */
static bool
note_asked(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();
	Place	   *place;
	bool		asks;

	SpinLockAcquire(&watchers->mutex);
	place = find_place(database, now);
	asks = place != NULL &&
		(pg_atomic_read_u64(&place->serves) == 0 || is_overdue(place, now));
	if (asks)
	{
		pg_atomic_write_u64(&place->serves, serving(database, 0));
		place->asked_at = now;
	}
	SpinLockRelease(&watchers->mutex);
	return asks;
}

static bool
start_watcher(Oid database)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	/* who still needs it asks again: the database may be gone */
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "contauth", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "ca_watcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "contauth standby watcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "contauth standby watcher", BGW_MAXLEN);
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

static void
ask(Oid database)
{
	if (!note_asked(database))
		return;
	if (start_watcher(database))
		pg_atomic_write_u32(&watchers->complained, 0);
	else if (pg_atomic_exchange_u32(&watchers->complained, 1) == 0)
		ereport(LOG_SERVER_ONLY,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is free to watch the database with OID %u for revocations",
						database),
				 errdetail("A statement that returns no rows is stopped at its end."),
				 errhint("Raise max_worker_processes.")));
}

void
ca_watcher_want(void)
{
	if (unlikely(RecoveryInProgress() && !is_watched(MyDatabaseId)))
		ask(MyDatabaseId);
}

/* The database of the agent in a slot; InvalidOid: there is none. */
static Oid
database_in(CaStopSlot *slot)
{
	Oid			database;

	SpinLockAcquire(&slot->mutex);
	database = slot->identity != 0 ? slot->database : InvalidOid;
	SpinLockRelease(&slot->mutex);
	return database;
}

void
ca_watcher_want_all(void)
{
	for (int i = 0; i < ca_stop_shared->nslots; i++)
	{
		Oid			database = database_in(&ca_stop_shared->slots[i]);

		if (OidIsValid(database) && !is_watched(database))
			ask(database);
	}
}

/* Take the place of a database; false: somebody is there already. */
static bool
take_place(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();
	Place	   *place;
	bool		taken;

	SpinLockAcquire(&watchers->mutex);
	place = find_place(database, now);
	taken = place != NULL && !has_come(pg_atomic_read_u64(&place->serves));
	if (taken)
		pg_atomic_write_u64(&place->serves, serving(database, MyProcPid));
	SpinLockRelease(&watchers->mutex);
	return taken;
}

static void
give_up_place(Oid database)
{
	const uint64 mine = serving(database, MyProcPid);

	SpinLockAcquire(&watchers->mutex);
	for (int i = 0; i < watchers->nplaces; i++)
	{
		if (pg_atomic_read_u64(&watchers->places[i].serves) == mine)
			pg_atomic_write_u64(&watchers->places[i].serves, 0);
	}
	SpinLockRelease(&watchers->mutex);
	pg_memory_barrier();
}

/* At exit, whatever for. */
static void
leave(int code, Datum database)
{
	give_up_place(DatumGetObjectId(database));
}

/* Is there any agent in this database? */
static bool
is_needed(void)
{
	for (int i = 0; i < ca_stop_shared->nslots; i++)
	{
		if (database_in(&ca_stop_shared->slots[i]) == MyDatabaseId)
			return true;
	}
	return false;
}

/* Accept what has been replayed, and look if it concerns us. */
static void
look(void)
{
	CHECK_FOR_INTERRUPTS();
	StartTransactionCommand();
	ca_watcher_look();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

static void
pause_for(int ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
}

/* Nobody has been there for a while; true: we can leave. */
static bool
leaves(void)
{
	give_up_place(MyDatabaseId);
	return !is_needed() || !take_place(MyDatabaseId);
}

/*
 * Look again and again, until nobody needs it.  What was replayed before the end of
 * recovery is looked at after it; from then on those who revoke mark by themselves.
 */
static void
watch(void)
{
	TimestampTz needed_at = GetCurrentTimestamp();
	int			ms = PAUSE;

	while (!ShutdownRequestPending)
	{
		bool		last = !RecoveryInProgress();
		bool		ok = ca_attempt_step(look);

		if (last && ok)
			break;
		if (is_needed())
			needed_at = GetCurrentTimestamp();
		else if (TimestampDifferenceExceeds(needed_at, GetCurrentTimestamp(), LINGER) &&
				 leaves())
			break;
		ms = ok ? PAUSE : Min(2 * ms, MAX_PAUSE);
		pause_for(ms);
	}
}

/* See watcher.h. */
void
ca_watcher_main(Datum main_arg)
{
	Oid			database = DatumGetObjectId(main_arg);

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	if (!take_place(database))
		proc_exit(0);
	on_shmem_exit(leave, main_arg);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid,
											  BGWORKER_BYPASS_ALLOWCONN);

	/* a lock that lasts must not keep it from noticing all else */
	SetConfigOption("lock_timeout", "1s", PGC_SUSET, PGC_S_OVERRIDE);
	ca_internal_depth++;
	watch();
	proc_exit(0);
}
