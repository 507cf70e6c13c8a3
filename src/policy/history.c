/*-------------------------------------------------------------------------
 *
 * history.c
 *	  What each agent has done lately, in all its sessions.
 *
 * Each agent has a slot in shared memory with counts in sliding windows:
 * statements of a minute in steps of 5 s; rows, denials and the highest
 * sensitivity read of an hour in steps of a minute.  A step counts until all of
 * it lies outside the window.  So a sum is never too low: no more than a limit is
 * ever let through within any minute or hour; it can be too high by what happened
 * within one step more (65 s for a minute, 61 min for an hour).  Time is that of
 * the monotonic clock, which nobody sets.
 *
 * The memory starts empty with the server, also after a crash of a backend.
 *
 * Locking: agents[] and the numbers of slots are guarded by the LWLock;
 * finding an agent takes it shared, giving it a slot exclusive.  A slot's
 * fields are guarded by its spinlock; its agent, and how often it has been
 * given, change under both.  A session remembers the number of a slot and looks
 * each time whether it has been given to another since.  Slots of agents
 * without counts and reservations are given to others when there is no free
 * one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/guc.h"
#include "miscadmin.h"
#include "policy/history.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/hsearch.h"

#define CA_HISTORY_TRANCHE	"contauth_history"

#define STATEMENT_STEP	5		/* s */
#define STATEMENT_STEPS	13		/* a minute and the step that is passing */
#define ROW_STEP		60		/* s */
#define ROW_STEPS		61		/* an hour and the minute that is passing */

typedef struct HistorySlot
{
	slock_t		mutex;
	int			sessions;		/* statements that hold reservations */
	uint64		given;			/* how often, to whomever */
	int64		now;			/* second that all below was brought to */
	int64		last_step;		/* newest step of statements[] */
	int64		last_minute;	/* newest minute of the following */
	uint32		statements[STATEMENT_STEPS];
	uint32		denials[ROW_STEPS];
	int8		reads[ROW_STEPS];	/* highest sensitivity */
	int64		rows[ROW_STEPS];
	unsigned char agent[CA_SHA256_LEN]; /* who has it */
} HistorySlot;

typedef struct HistoryShared
{
	LWLock	   *lock;
	int			used;			/* slots that were ever given */
	HistorySlot slots[FLEXIBLE_ARRAY_MEMBER];
} HistoryShared;

/* Which slot an agent has. */
typedef struct AgentEntry
{
	unsigned char agent[CA_SHA256_LEN]; /* hash key */
	int			slot;
} AgentEntry;

static HistoryShared *history = NULL;
static HTAB *agents = NULL;

static Size
slots_size(void)
{
	return add_size(offsetof(HistoryShared, slots),
					mul_size(ca_guc_max_agents, sizeof(HistorySlot)));
}

void
ca_history_shmem_request(void)
{
	RequestAddinShmemSpace(add_size(slots_size(),
									hash_estimate_size(ca_guc_max_agents,
													   sizeof(AgentEntry))));
	RequestNamedLWLockTranche(CA_HISTORY_TRANCHE, 1);
}

void
ca_history_shmem_startup(void)
{
	HASHCTL		ctl = {0};
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	history = ShmemInitStruct("contauth history", slots_size(), &found);
	if (!found)
	{
		memset(history, 0, slots_size());
		history->lock = &(GetNamedLWLockTranche(CA_HISTORY_TRANCHE))->lock;
		for (int i = 0; i < ca_guc_max_agents; i++)
			SpinLockInit(&history->slots[i].mutex);
	}
	ctl.keysize = CA_SHA256_LEN;
	ctl.entrysize = sizeof(AgentEntry);
	agents = ShmemInitHash("contauth agents", ca_guc_max_agents, ca_guc_max_agents,
						   &ctl, HASH_ELEM | HASH_BLOBS);
	LWLockRelease(AddinShmemInitLock);
}

/* Seconds of a clock that only goes forwards; a coarse one is cheaper to read. */
static int64
now_seconds(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64) now.tv_sec;
#else
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_DOUBLE(now);
#endif
}

/* Empty the steps that have come since the newest one. */
static void
pass_steps(int64 *newest, int64 step, int nsteps, void (*clear) (HistorySlot *, int),
		   HistorySlot *slot)
{
	int64		n = Min(step - *newest, nsteps);

	for (int64 i = 0; i < n; i++)
		clear(slot, (int) ((step - i) % nsteps));
	*newest = Max(*newest, step);
}

static void
clear_step(HistorySlot *slot, int i)
{
	slot->statements[i] = 0;
}

static void
clear_minute(HistorySlot *slot, int i)
{
	slot->rows[i] = 0;
	slot->denials[i] = 0;
	slot->reads[i] = 0;
}

/* Bring the slot to a moment: all sums are right from here on. */
static void
bring_to(HistorySlot *slot, int64 seconds)
{
	if (likely(slot->now == seconds))
		return;
	slot->now = seconds;
	pass_steps(&slot->last_step, seconds / STATEMENT_STEP, STATEMENT_STEPS,
			   clear_step, slot);
	pass_steps(&slot->last_minute, seconds / ROW_STEP, ROW_STEPS,
			   clear_minute, slot);
}

static CaHistory
sum_up(const HistorySlot *slot)
{
	CaHistory	sums = {0};

	for (int i = 0; i < STATEMENT_STEPS; i++)
		sums.statements_1m += slot->statements[i];
	for (int i = 0; i < ROW_STEPS; i++)
	{
		sums.rows_1h += slot->rows[i];
		sums.denials_1h += slot->denials[i];
		sums.high_water_1h = Max(sums.high_water_1h, slot->reads[i]);
	}
	return sums;
}

/* Is nothing counted there that matters to anybody? */
static bool
is_idle(HistorySlot *slot, int64 seconds)
{
	CaHistory	sums;
	bool		idle;

	SpinLockAcquire(&slot->mutex);
	bring_to(slot, seconds);
	sums = sum_up(slot);
	idle = slot->sessions == 0 && sums.statements_1m == 0 &&
		sums.rows_1h == 0 && sums.denials_1h == 0 && sums.high_water_1h == 0;
	SpinLockRelease(&slot->mutex);
	return idle;
}

/* A slot that nobody needs, or -1.  The lock is held, exclusive. */
static int
free_slot(void)
{
	int64		seconds = now_seconds();

	if (history->used < ca_guc_max_agents)
		return history->used++;
	for (int i = 0; i < history->used; i++)
	{
		if (!is_idle(&history->slots[i], seconds))
			continue;
		(void) hash_search(agents, history->slots[i].agent, HASH_REMOVE, NULL);
		return i;
	}
	return -1;
}

/*
 * Give a slot to an agent; false: there is no memory left to find it by, and it stays
 * nobody's.  The lock is held, exclusive.
 */
static bool
give_slot(int number, const unsigned char *agent)
{
	HistorySlot *slot = &history->slots[number];
	int64		seconds = now_seconds();
	AgentEntry *entry = hash_search(agents, agent, HASH_ENTER_NULL, NULL);

	if (entry == NULL)
		return false;
	entry->slot = number;
	SpinLockAcquire(&slot->mutex);
	memcpy(slot->agent, agent, CA_SHA256_LEN);
	slot->given++;
	slot->sessions = 0;
	slot->now = seconds;
	memset(slot->statements, 0, sizeof(slot->statements));
	memset(slot->denials, 0, sizeof(slot->denials));
	memset(slot->reads, 0, sizeof(slot->reads));
	memset(slot->rows, 0, sizeof(slot->rows));
	slot->last_step = seconds / STATEMENT_STEP;
	slot->last_minute = seconds / ROW_STEP;
	SpinLockRelease(&slot->mutex);
	return true;
}

/* A slot is the agent's.  The lock is held. */
static void
point_to(CaHistoryRef *ref, int slot)
{
	ref->slot = slot;
	ref->given = history->slots[slot].given;
}

/* Find the agent's slot, made if need be; false: there is no room. */
static bool
find_slot(CaHistoryRef *ref)
{
	AgentEntry *entry;
	int			slot;

	ref->given = 0;
	LWLockAcquire(history->lock, LW_SHARED);
	entry = hash_search(agents, ref->agent, HASH_FIND, NULL);
	if (entry != NULL)
		point_to(ref, entry->slot);
	LWLockRelease(history->lock);
	if (ref->given != 0)
		return true;

	LWLockAcquire(history->lock, LW_EXCLUSIVE);
	entry = hash_search(agents, ref->agent, HASH_FIND, NULL);
	slot = entry != NULL ? entry->slot : free_slot();
	if (slot >= 0 && (entry != NULL || give_slot(slot, ref->agent)))
		point_to(ref, slot);
	LWLockRelease(history->lock);
	return ref->given != 0;
}

bool
ca_history_look(const CaIdentity *identity, CaHistoryRef *ref)
{
	static uint64 last_serial = 0;
	static CaHistoryRef last;

	/* read without the lock: enter_slot() looks again */
	if (identity->serial != last_serial ||
		history->slots[last.slot].given != last.given)
	{
		last_serial = 0;
		if (!ca_sha256(identity->agent, strlen(identity->agent), last.agent) ||
			!find_slot(&last))
			return false;
		last_serial = identity->serial;
	}
	*ref = last;
	return true;
}

CaHistoryRef
ca_history_find(const CaIdentity *identity)
{
	CaHistoryRef ref;

	if (!ca_history_look(identity, &ref))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("more agents are active than contauth.max_agents (%d)",
						ca_guc_max_agents),
				 errhint("Raise contauth.max_agents and restart the server.")));
	return ref;
}

/*
 * The agent's slot with its spinlock held, brought to now; NULL when it is
 * nobody's, or there is no room for it any more.
 */
static HistorySlot *
enter_slot(CaHistoryRef *ref)
{
	while (ref->given != 0)
	{
		HistorySlot *slot = &history->slots[ref->slot];
		int64		seconds = now_seconds();

		SpinLockAcquire(&slot->mutex);
		if (likely(slot->given == ref->given))
		{
			bring_to(slot, seconds);
			return slot;
		}
		SpinLockRelease(&slot->mutex);
		(void) find_slot(ref);
	}
	return NULL;
}

/* The places in a slot that has been entered for what happens now. */
#define STEP_NOW(slot)		((slot)->last_step % STATEMENT_STEPS)
#define MINUTE_NOW(slot)	((slot)->last_minute % ROW_STEPS)

/* What is read now counts in a slot that has been entered. */
static inline void
note_reads(HistorySlot *slot, int reads)
{
	slot->reads[MINUTE_NOW(slot)] = Max(slot->reads[MINUTE_NOW(slot)], reads);
}

bool
ca_history_admit(CaHistoryRef *ref, int64 limit, int reads)
{
	HistorySlot *slot = enter_slot(ref);
	bool		admitted;

	if (slot == NULL)
		return limit == 0;
	admitted = limit == 0 || sum_up(slot).statements_1m < limit;
	if (admitted)
	{
		slot->statements[STEP_NOW(slot)]++;
		note_reads(slot, reads);
	}
	SpinLockRelease(&slot->mutex);
	return admitted;
}

void
ca_history_reads(CaHistoryRef *ref, int reads)
{
	HistorySlot *slot;

	if (reads <= 0 || (slot = enter_slot(ref)) == NULL)
		return;
	note_reads(slot, reads);
	SpinLockRelease(&slot->mutex);
}

void
ca_history_deny(CaHistoryRef *ref)
{
	HistorySlot *slot = enter_slot(ref);

	if (slot == NULL)
		return;
	slot->denials[MINUTE_NOW(slot)]++;
	SpinLockRelease(&slot->mutex);
}

void
ca_history_rows(CaHistoryRef *ref, int64 rows, int reads)
{
	HistorySlot *slot;

	if (rows <= 0 || (slot = enter_slot(ref)) == NULL)
		return;
	slot->rows[MINUTE_NOW(slot)] += rows;
	note_reads(slot, reads);
	SpinLockRelease(&slot->mutex);
}

bool
ca_history_reserve(CaHistoryRef *ref, int64 limit, int64 wanted,
				   CaReservation *reservation)
{
	HistorySlot *slot = enter_slot(ref);
	int64		granted;

	if (slot == NULL)
		return false;
	granted = Max(Min(wanted, limit - sum_up(slot).rows_1h), 0);
	if (granted > 0 && reservation->rows == 0)
		slot->sessions++;
	slot->rows[MINUTE_NOW(slot)] += granted;
	/* what is given back is never more than what was granted last */
	if (granted > 0)
		reservation->minute = slot->last_minute;
	reservation->rows += granted;
	SpinLockRelease(&slot->mutex);
	return granted == wanted;
}

void
ca_history_give_back(CaHistoryRef *ref, int64 unused, CaReservation *reservation)
{
	HistorySlot *slot;

	if (reservation->rows == 0)
		return;
	slot = enter_slot(ref);
	if (slot != NULL)
	{
		/* what has left the window is not counted any more */
		if (slot->last_minute - reservation->minute < ROW_STEPS)
			slot->rows[reservation->minute % ROW_STEPS] -=
				Min(unused, slot->rows[reservation->minute % ROW_STEPS]);
		slot->sessions--;
		SpinLockRelease(&slot->mutex);
	}
	reservation->rows = 0;
}

CaHistory
ca_history_read(CaHistoryRef *ref)
{
	CaHistory	sums = {0};
	HistorySlot *slot = enter_slot(ref);

	if (slot == NULL)
		return sums;
	sums = sum_up(slot);
	SpinLockRelease(&slot->mutex);
	return sums;
}
