/*-------------------------------------------------------------------------
 *
 * stop.c
 *	  How those who work are found and told to stop.
 *
 * Every backend has a slot in shared memory.  A governed one writes there what
 * its identity rests on, as hashes; whoever commits a revocation walks the
 * slots and marks those that are hit (stopper.c), and on a standby a background
 * worker does (watcher.c).  The mark is looked at before each row, and by a timer
 * that cancels what returns no rows.
 *
 * Locking: a slot's mutex protects all of it.  Only its backend writes the
 * hashes, which it may read without; the mark is atomic, so that its backend
 * reads it without, also in a signal handler.
 *
 * SECURITY: no revocation falls between: a backend first publishes, then looks
 * at "changes" and, when that has moved, at the tables; who revokes is first
 * visible in the tables, then moves "changes", then walks.  So whoever was not
 * marked sees it.  (test/t/027_stop.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/decision.h"
#include "base/guc.h"
#include "identity/stop_shared.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* How often what runs is looked at, ms. */
#define TICK	50

/*
 * After so many ticks somebody holds on to the statement: a function that
 * catches every cancellation, a client that neither sends nor reads.
 */
#define PATIENCE	20

static const struct
{
	const char *code;
	const char *text;
}			reasons[] =

{
	[CA_STOP_NONE] = {"stopped", "it was stopped"},
	[CA_STOP_AGENT_REVOKED] = {"agent_revoked", "the agent, or one of its chain, is revoked"},
	[CA_STOP_TOKEN_REVOKED] = {"token_revoked", "the token is revoked"},
	[CA_STOP_GRANT_REVOKED] = {"grant_revoked", "a grant of its chain is revoked"},
	[CA_STOP_PRINCIPAL_REVOKED] = {"principal_revoked", "somebody in its chain is revoked"},
	[CA_STOP_ISSUER_REVOKED] = {"issuer_revoked", "an issuer that it rests on is revoked"},
	[CA_STOP_TRUST_DOMAIN_REVOKED] = {"trust_domain_revoked", "a trust domain that it rests on is revoked"},
	[CA_STOP_AGENT_SUSPENDED] = {"agent_suspended", "the agent, or one of its chain, is suspended"},
	[CA_STOP_AGENT_RETIRED] = {"agent_retired", "the agent, or one of its chain, is retired"},
	[CA_STOP_AGENT_UNKNOWN] = {"agent_unknown", "the agent, or one of its chain, is not registered any more"},
	[CA_STOP_KILL_SWITCH] = {"kill_switch", "the kill switch of this database is on"},
};

CaStopShared *ca_stop_shared = NULL;

static CaStopSlot *slot = NULL; /* this backend's */
static TimeoutId timer;

/*
 * Volatile, for the handler sees them at any moment: depth is set last when a
 * statement begins, and reset first when it ends.
 */
static volatile sig_atomic_t depth = 0; /* statements at work, one inside
										 * another */
static volatile uint32 kept_mark = CA_STOP_NONE;	/* of the statement at
													 * work */
static volatile sig_atomic_t look_due = false;
static volatile sig_atomic_t cancelled = 0; /* how often, since it began */

const char *
ca_stop_code(CaStopReason reason)
{
	return reasons[reason].code;
}

const char *
ca_stop_text(CaStopReason reason)
{
	return reasons[reason].text;
}

static Size
shared_size(void)
{
	return add_size(offsetof(CaStopShared, slots),
					mul_size(MaxBackends, sizeof(CaStopSlot)));
}

void
ca_stop_shmem_request(void)
{
	RequestAddinShmemSpace(shared_size());
}

void
ca_stop_shmem_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	ca_stop_shared = ShmemInitStruct("contauth slots", shared_size(), &found);
	if (!found)
	{
		memset(ca_stop_shared, 0, shared_size());
		pg_atomic_init_u64(&ca_stop_shared->changes, 1);
		ca_stop_shared->nslots = MaxBackends;
		for (int i = 0; i < MaxBackends; i++)
		{
			SpinLockInit(&ca_stop_shared->slots[i].mutex);
			pg_atomic_init_u32(&ca_stop_shared->slots[i].mark, CA_STOP_NONE);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Let the slot say who is there, and that nobody has told him to stop. */
static void
write_slot(uint64 identity, const uint64 *hashes, int n, int nagents)
{
	SpinLockAcquire(&slot->mutex);
	if (depth > 0 && kept_mark == CA_STOP_NONE)
		kept_mark = pg_atomic_read_u32(&slot->mark);
	pg_atomic_write_u32(&slot->mark, CA_STOP_NONE);
	slot->database = MyDatabaseId;
	slot->identity = identity;
	slot->nagents = nagents;
	slot->nhashes = n;
	if (n > 0)
		memcpy(slot->hashes, hashes, sizeof(uint64) * n);
	SpinLockRelease(&slot->mutex);
	pg_memory_barrier();
}

/*
 * The timer's handler; runs in a signal handler.  It goes on while a statement
 * is at work: an idle session gets at most one more tick, which does nothing.
 */
static void
tick(void)
{
	if (depth == 0)
		return;
	enable_timeout_after(timer, TICK);
	look_due = true;
	if (ca_guc_mode != CA_MODE_ENFORCE || ca_stop_mark() == CA_STOP_NONE)
		return;

	/*
	 * SECURITY: a function can catch a cancellation, and wait for the next;
	 * it cannot catch the end of its process.  (test/t/027_stop.pl)
	 */
	if (++cancelled > PATIENCE)
		ProcDiePending = true;
	else
		QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

static void
leave(int code, Datum arg)
{
	write_slot(0, NULL, 0, 0);
	slot = NULL;
}

/* Take the slot of this backend, once. */
static pg_noinline void
take_slot(void)
{
	int			number = (int) (MyProc - ProcGlobal->allProcs);

	/* only processes that run no statements stand behind them */
	if (number >= ca_stop_shared->nslots)
		elog(FATAL, "there is no slot for process %d", number);
	slot = &ca_stop_shared->slots[number];
	write_slot(0, NULL, 0, 0);
	timer = RegisterTimeout(USER_TIMEOUT, tick);
	on_shmem_exit(leave, (Datum) 0);
}

void
ca_stop_publish(uint64 identity, const uint64 *hashes, int n, int nagents)
{
	if (unlikely(slot == NULL))
		take_slot();
	if (slot->identity != identity)
		write_slot(identity, hashes, n, nagents);
}

uint64
ca_stop_changes(void)
{
	return pg_atomic_read_u64(&ca_stop_shared->changes);
}

CaStopReason
ca_stop_mark(void)
{
	if (slot == NULL)
		return CA_STOP_NONE;
	return kept_mark != CA_STOP_NONE ? kept_mark : pg_atomic_read_u32(&slot->mark);
}

/*
 * Does the timer run since a statement before this one?  Those in short order
 * share it: starting it costs more than all else here.  The server stops it after
 * an error.  A clock that has been put back or forward, or a timer that
 * somebody has taken away, shows in when it is to fire next.
 */
static bool
timer_runs(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	TimestampTz due = get_timeout_finish_time(timer);

	return get_timeout_active(timer) && due >= now &&
		due <= TimestampTzPlusMilliseconds(now, TICK);
}

void
ca_stop_begin(void)
{
	if (depth > 0)
	{
		depth++;
		return;
	}
	if (unlikely(slot == NULL))
		take_slot();
	kept_mark = CA_STOP_NONE;
	cancelled = 0;
	look_due = false;
	/* whoever was told to stop has: his next statement is looked at anew */
	if (pg_atomic_read_u32(&slot->mark) != CA_STOP_NONE)
		write_slot(0, NULL, 0, 0);
	depth = 1;
	if (!timer_runs())
		enable_timeout_after(timer, TICK);
}

void
ca_stop_end(void)
{
	if (depth > 1)
	{
		depth--;
		return;
	}
	depth = 0;
	kept_mark = CA_STOP_NONE;
	/* what it was to cancel has ended: it must not hit what comes next */
	if (cancelled > 0 && !ProcDiePending)
		QueryCancelPending = false;
	cancelled = 0;
}

bool
ca_stop_look_due(void)
{
	if (likely(!look_due))
		return false;
	look_due = false;
	return true;
}
