/*-------------------------------------------------------------------------
 *
 * ring.c
 *	  Backends put audit records into the shared ring.
 *
 * Invariants:
 * - a record is in the ring as a whole or not at all: head moves last, under
 *   the lock, after all bytes are there;
 * - a record is never dropped: when there is no room the backend waits for
 *   contauth.audit_wait and then refuses its statement with ZA005;
 * - what is said to be durable was put while the worker looks at what is put:
 *   who records while nobody writes rows is refused, not put off;
 * - a backend that has put a record is counted in producers until it exits,
 *   so that the worker's last drain at shutdown comes after its last record.
 *
 * Called by the enforcing layers.  For locking see ring_shared.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/journal.h"
#include "audit/ring_shared.h"
#include "audit/spool.h"
#include "base/catalog.h"
#include "base/error.h"
#include "base/guc.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define CA_RING_TRANCHE		"contauth_audit"

/*
 * For how long it counts that the worker has seen what was put.  It looks more
 * often than that while records come, so that nobody has to wake it.
 */
#define CA_SEEN_US			(3 * CA_LOOK_US)

/* Shortest piece of a statement that a cut leaves. */
#define CA_STATEMENT_KEEP	1024

/* Room that a cut leaves for the header and the fields that tell of it. */
#define CA_CUT_MARGIN		512

StaticAssertDecl(CA_CUT_MARGIN >= sizeof(CaAuditHeader) + 128,
				 "no room for what a cut adds");

static CaRingShared *ring = NULL;
static bool counted = false;	/* is this backend one of producers? */

/* Bytes of shared memory that the ring takes. */
Size
ca_ring_shmem_size(void)
{
	return add_size(offsetof(CaRingShared, data),
					mul_size((Size) ca_guc_audit_ring_size, 1024));
}

/* Ask for the memory and the locks; for shmem_request_hook. */
void
ca_ring_shmem_request(void)
{
	RequestAddinShmemSpace(ca_ring_shmem_size());
	RequestNamedLWLockTranche(CA_RING_TRANCHE, 2 + CA_TURNS + CA_SYNCS);
}

/* Draw a random (version 4) UUID. */
void
ca_ring_draw_uuid(pg_uuid_t *uuid)
{
	if (!pg_strong_random(uuid->data, UUID_LEN))
		ereport(FATAL,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x40;
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;
}

/* Attach to the ring, or initialise it; for shmem_startup_hook. */
void
ca_ring_shmem_startup(void)
{
	LWLockPadded *locks;
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	ring = ShmemInitStruct("contauth audit ring", ca_ring_shmem_size(), &found);
	if (!found)
	{
		memset(ring, 0, offsetof(CaRingShared, data));
		locks = GetNamedLWLockTranche(CA_RING_TRANCHE);
		ring->lock = &locks[0].lock;
		ring->journal_lock = &locks[1].lock;
		for (int i = 0; i < CA_TURNS; i++)
			ring->turn_locks[i] = &locks[2 + i].lock;
		for (int i = 0; i < CA_SYNCS; i++)
			ring->sync_locks[i] = &locks[2 + CA_TURNS + i].lock;
		ring->size = (Size) ca_guc_audit_ring_size * 1024;
		ca_ring_draw_uuid(&ring->boot_id);
		ConditionVariableInit(&ring->progress);
		pg_atomic_init_u32(&ring->home_state, CA_HOME_UNKNOWN);
		pg_atomic_init_u64(&ring->strict_index, 0);
		pg_atomic_init_u64(&ring->wanted_index, 0);
		pg_atomic_init_u64(&ring->seen_us, 0);
		pg_atomic_init_u64(&ring->sync_us, 0);
		ring->spool_behind = true;
		/* nobody is at work on one, neither at start nor after a crash */
		ca_spool_remove_unfinished();
	}
	LWLockRelease(AddinShmemInitLock);
}

/* The ring, or NULL when the library was not preloaded. */
CaRingShared *
ca_ring_shared(void)
{
	return ring;
}

/* Exit callback: this backend puts no more records. */
static void
leave_producers(int code, Datum arg)
{
	counted = false;
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->producers--;
	if (ring->worker_latch)
		SetLatch(ring->worker_latch);
	LWLockRelease(ring->lock);
}

/*
 * Count this backend as a producer.  A record put after the exit callback
 * has run (while the last transaction aborts) counts it once more; the server
 * then runs the new callback too.
 */
void
ca_ring_enter(void)
{
	if (counted)
		return;
	before_shmem_exit(leave_producers, (Datum) 0);
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->producers++;
	LWLockRelease(ring->lock);
	counted = true;
}

/* Raise ZA005 for a home that takes no records. */
static void
report_no_home(CaHomeState state)
{
	const char *name = ca_guc_audit_database;

	if (state == CA_HOME_UNFIT)
		ereport(ERROR,
				(errcode(ERRCODE_CA_NOT_RECORDED),
				 errmsg("the decision cannot be recorded"),
				 errdetail("In the database that keeps the audit, extension contauth has a version that is not the library's."),
				 errhint(CA_UNFIT_HINT)));
	if (name != NULL && name[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_CA_NOT_RECORDED),
				 errmsg("the decision cannot be recorded"),
				 errdetail("Database \"%s\" has no audit tables.", name),
				 errhint("Run CREATE EXTENSION contauth in the database named by contauth.audit_database.")));
	ereport(ERROR,
			(errcode(ERRCODE_CA_NOT_RECORDED),
			 errmsg("the decision cannot be recorded"),
			 errdetail("No database keeps the audit tables."),
			 errhint("Run CREATE EXTENSION contauth, or contauth_audit.attach() where it exists, or set contauth.audit_database.")));
}

/* Raise ZA005 for a ring that stayed full or a worker that does not answer. */
static void
report_timeout(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_CA_NOT_RECORDED),
			 errmsg("the decision cannot be recorded"),
			 errdetail("The audit worker did not take the record within contauth.audit_wait (%d ms).",
					   ca_guc_audit_wait),
			 errhint("See the server log for errors of the contauth audit worker.")));
}

/* Milliseconds left until deadline, 0 when it has passed. */
static long
remaining_ms(TimestampTz deadline)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
}

/*
 * Wait until done() says so, which is asked again whenever something in the ring
 * has moved; false after timeout_ms.  Interrupts are served while waiting.
 */
static bool
wait_until(bool (*done) (void *arg), void *arg, long timeout_ms)
{
	TimestampTz deadline;
	bool		is_done;

	if (done(arg))
		return true;
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	ConditionVariablePrepareToSleep(&ring->progress);
	while (!(is_done = done(arg)))
	{
		long		left = remaining_ms(deadline);

		if (left <= 0)
			break;
		ConditionVariableTimedSleep(&ring->progress, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return is_done;
}

/*
 * What is known about the audit home.  One word, read without the lock: whether
 * there is somebody to take the record is found out when it is put.
 */
static CaHomeState
home_state(void)
{
	return (CaHomeState) pg_atomic_read_u32(&ring->home_state);
}

/* Has the worker said where the audit is kept, if anywhere? */
static bool
home_is_known(void *arg)
{
	return home_state() != CA_HOME_UNKNOWN;
}

/* See ring.h.  Only a worker that is still starting is waited for. */
void
ca_ring_check_writable(void)
{
	CaHomeState state;

	if (ring == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contauth must be loaded via shared_preload_libraries")));
	state = home_state();
	if (state == CA_HOME_READY)
		return;

	(void) wait_until(home_is_known, NULL, ca_guc_audit_wait);
	state = home_state();
	if (state == CA_HOME_UNKNOWN)
		report_timeout();
	if (state != CA_HOME_READY)
		report_no_home(state);
}

/* Copy bytes to a place of the ring; returns the place behind them. */
static inline Size
copy_in(Size at, const void *src, Size len)
{
	Size		first = Min(len, ring->size - at);

	/* mostly it does not reach the ring's end */
	if (likely(len < ring->size - at))
	{
		memcpy(ring->data + at, src, len);
		return at + len;
	}
	memcpy(ring->data + at, src, first);
	memcpy(ring->data, (const char *) src + first, len - first);
	return at + len < ring->size ? at + len : at + len - ring->size;
}

/* Copy a record of len bytes to a place of the ring; returns the place behind it. */
static Size
copy_record(Size at, Size len, const CaAuditHeader *header,
			const CaAuditBlob *blobs, int nblobs, bool strict)
{
	CaRingEntry entry = {.len = (uint32) len,.strict = strict};

	at = copy_in(at, &entry, sizeof(entry));
	at = copy_in(at, header, sizeof(*header));
	for (int i = 0; i < nblobs; i++)
	{
		/* some are empty most of the time */
		if (blobs[i].len > 0)
			at = copy_in(at, blobs[i].data, blobs[i].len);
	}
	return at;
}

/* Wake the worker, if it has not got up by itself.  The caller holds the lock. */
static void
wake_worker(void)
{
	if (ring->worker_wait == CA_WORKER_AWAKE || ring->worker_latch == NULL)
		return;
	ring->worker_wait = CA_WORKER_AWAKE;
	SetLatch(ring->worker_latch);
}

/* Microseconds of a clock that all processes share and nobody sets. */
uint64
ca_ring_clock(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MICROSEC(now);
}

/* Has the worker just now seen something that was put? */
static bool
worker_looks(void)
{
	return ca_ring_clock() - pg_atomic_read_u64(&ring->seen_us) < CA_SEEN_US;
}

/* Have it see what is below the index, soon.  The caller holds the lock. */
static void
want_seen(uint64 index)
{
	if (index > pg_atomic_read_u64(&ring->wanted_index))
		pg_atomic_write_u64(&ring->wanted_index, index);
	wake_worker();
}

/* A record that is to be put, and where it has come. */
typedef struct Put
{
	const CaAuditHeader *header;
	const CaAuditBlob *blobs;
	int			nblobs;
	Size		len;
	CaRingPlace place;
} Put;

/*
 * Put one record, when there is room for it, and wake the worker if it has
 * asked for that.  Returns false, and changes nothing, without room.
 */
static bool
try_put(void *arg)
{
	Put		   *put = arg;
	bool		strict = put->place.strict;
	Size		used;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	used = ring->head_pos - ring->tail_pos;
	if (sizeof(CaRingEntry) + put->len > ring->size - used)
	{
		/* whatever the worker waits for, room is needed now */
		if (ring->worker_latch)
			SetLatch(ring->worker_latch);
		LWLockRelease(ring->lock);
		return false;
	}

	put->place.pos = ring->head_pos;
	put->place.index = ring->head_index;
	ring->head_at = copy_record(ring->head_at, put->len, put->header, put->blobs,
								put->nblobs, strict);
	ring->head_pos += sizeof(CaRingEntry) + put->len;
	ring->head_index++;
	if (strict)
		pg_atomic_write_u64(&ring->strict_index, ring->head_index);

	/* it sees the record while that is synced */
	if (strict && !worker_looks())
		want_seen(ring->head_index);
	else if (ring->worker_wait == CA_WORKER_SLEEPING ||
			 (ring->worker_wait == CA_WORKER_NAPPING && used > ring->size / 2))
		wake_worker();
	LWLockRelease(ring->lock);
	return true;
}

/* Put one record, waiting for room; raises ZA005 after audit_wait. */
static CaRingPlace
put_waiting(const CaAuditHeader *header, const CaAuditBlob *blobs, int nblobs,
			Size len, bool strict)
{
	Put			put = {header, blobs, nblobs, len, {.strict = strict}};

	if (!wait_until(try_put, &put, ca_guc_audit_wait))
		report_timeout();
	return put.place;
}

/* Total length of a record with these fields. */
static Size
record_length(const CaAuditBlob *blobs, int nblobs)
{
	Size		len = sizeof(CaAuditHeader);

	for (int i = 0; i < nblobs; i++)
		len += blobs[i].len;
	return len;
}

/* How many bytes of a field are kept when excess bytes must go. */
static Size
kept_length(CaField tag, const char *value, Size len, Size excess)
{
	Size		keep;

	if (tag != CA_F_STATEMENT || len <= CA_STATEMENT_KEEP)
		return len;
	keep = len > excess + CA_STATEMENT_KEEP ? len - excess : CA_STATEMENT_KEEP;
	return pg_mbcliplen(value, (int) len, (int) keep);
}

/*
 * Copy the fields to out without what makes them too long: the statement
 * loses its end, by excess bytes if it has them; after that a field that does
 * not fit any more is left out.  Two more fields say how many bytes are
 * missing.
 */
static void
cut_fields(const CaAuditBlob *blobs, int nblobs, Size excess, StringInfo out)
{
	Size		cut_statement = 0;
	Size		cut_fields = 0;

	for (int i = 0; i < nblobs; i++)
	{
		Size		pos = 0;
		CaField		tag;
		const char *value;
		Size		len;

		while (ca_record_next(blobs[i].data, blobs[i].len, &pos,
							  &tag, &value, &len))
		{
			Size		keep = kept_length(tag, value, len, excess);

			if (out->len + keep > CA_RECORD_MAX - CA_CUT_MARGIN)
				cut_fields += len;
			else
			{
				ca_record_put(out, tag, value, keep);
				cut_statement += len - keep;
			}
		}
	}
	if (cut_statement > 0)
		ca_record_put_int32(out, CA_F_CUT_STATEMENT, (int32) cut_statement);
	if (cut_fields > 0)
		ca_record_put_int32(out, CA_F_CUT_FIELDS, (int32) cut_fields);
}

/* Put a record that is too long, cut. */
static CaRingPlace
put_cut(const CaAuditHeader *header, const CaAuditBlob *blobs, int nblobs,
		Size len, bool strict)
{
	StringInfoData buf;
	CaAuditBlob whole;
	CaRingPlace place;

	initStringInfo(&buf);
	cut_fields(blobs, nblobs, len - CA_RECORD_MAX + CA_CUT_MARGIN, &buf);
	whole.data = buf.data;
	whole.len = buf.len;
	place = put_waiting(header, &whole, 1, sizeof(*header) + whole.len, strict);
	pfree(buf.data);
	return place;
}

/* See ring.h. */
CaRingPlace
ca_ring_put(const CaAuditHeader *header, const CaAuditBlob *blobs, int nblobs,
			bool strict)
{
	Size		len = record_length(blobs, nblobs);

	ca_ring_check_writable();
	ca_ring_enter();
	if (len > CA_RECORD_MAX)
		return put_cut(header, blobs, nblobs, len, strict);
	return put_waiting(header, blobs, nblobs, len, strict);
}

/* See ring.h. */
bool
ca_ring_offer(const CaAuditHeader *header, CaAuditBlob fields)
{
	Put			put = {header, &fields, 1, record_length(&fields, 1), {0}};

	if (ring == NULL || home_state() != CA_HOME_READY || put.len > CA_RECORD_MAX)
		return false;
	ca_ring_enter();
	return try_put(&put);
}

/* Copy len bytes from ring position pos, around the end of the buffer. */
void
ca_ring_copy_out(uint64 pos, void *dst, Size len)
{
	const char *data;
	Size		first = ca_ring_bytes(pos, len, &data);

	memcpy(dst, data, first);
	memcpy((char *) dst + first, ring->data, len - first);
}

/* What stands before the record at ring position pos. */
CaRingEntry
ca_ring_entry(uint64 pos)
{
	CaRingEntry entry;

	ca_ring_copy_out(pos, &entry, sizeof(entry));
	return entry;
}

/* Change it; the caller holds the lock. */
void
ca_ring_set_entry(uint64 pos, const CaRingEntry *entry)
{
	(void) copy_in(pos % ring->size, entry, sizeof(*entry));
}

/*
 * Where the bytes at a position are.  Returns how many of len stand there; the
 * rest is at the beginning of data[].
 */
Size
ca_ring_bytes(uint64 pos, Size len, const char **data)
{
	Size		at = pos % ring->size;

	*data = ring->data + at;
	return Min(len, ring->size - at);
}

/* Who waits for a record to be durable. */
typedef struct Waiter
{
	CaRingPlace place;
	bool		journal_fails;	/* so it has to be a row */
} Waiter;

/* Is it, and does the worker look?  If not, tell the worker to hurry. */
static bool
is_durable(void *arg)
{
	const Waiter *waiter = arg;
	const CaRingPlace place = waiter->place;
	bool		written;
	bool		done;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	written = ring->tail_index > place.index;
	done = written ||
		(ring->synced_index > place.index && ca_ring_entry(place.pos).segment != 0 &&
		 (ring->seen_index > place.index || worker_looks()));
	if (!done)
	{
		if (waiter->journal_fails)
			ring->wanted_rows = Max(ring->wanted_rows, place.index + 1);
		want_seen(place.index + 1);
	}
	LWLockRelease(ring->lock);
	return done;
}

/* See ring.h.  Mostly there is nothing left to be waited for. */
void
ca_ring_wait_durable(CaRingPlace place)
{
	CaJournaled journaled = ca_journal_write(place);
	Waiter		waiter = {place, journaled == CA_JOURNAL_FAILS};

	if (journaled == CA_JOURNAL_HAS && worker_looks())
		return;
	if (!wait_until(is_durable, &waiter, ca_guc_audit_wait))
		report_timeout();
}

/* Are all records below index rows?  If not, tell the worker to hurry. */
static bool
are_rows(void *arg)
{
	uint64		index = *(const uint64 *) arg;
	bool		done;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	done = ring->tail_index >= index;
	if (!done)
	{
		ring->wanted_rows = Max(ring->wanted_rows, index);
		wake_worker();
	}
	LWLockRelease(ring->lock);
	return done;
}

/* See ring.h. */
void
ca_ring_wait_rows(uint64 index)
{
	if (!wait_until(are_rows, &index, ca_guc_audit_wait))
		report_timeout();
}

/* Is everything that was decided before index was put in the tables? */
static bool
is_complete(void *index)
{
	bool		behind;

	LWLockAcquire(ring->lock, LW_SHARED);
	behind = ring->spool_behind;
	LWLockRelease(ring->lock);
	return !behind && are_rows(index);
}

/* Is it, or are there no tables that it could come to? */
static bool
is_settled(void *index)
{
	return is_complete(index) || home_state() == CA_HOME_NONE ||
		home_state() == CA_HOME_MISSING;
}

/* See ring.h. */
bool
ca_ring_catch_up(void)
{
	uint64		index = ca_ring_head();

	return wait_until(is_settled, &index, ca_guc_audit_wait) && is_complete(&index);
}

/* See ring.h. */
bool
ca_ring_wait_complete(long timeout_ms)
{
	uint64		index = ca_ring_head();

	return wait_until(RecoveryInProgress() ? are_rows : is_complete, &index, timeout_ms);
}

/* See ring.h. */
uint64
ca_ring_head(void)
{
	uint64		head;

	LWLockAcquire(ring->lock, LW_SHARED);
	head = ring->head_index;
	LWLockRelease(ring->lock);
	return head;
}

/* Tell the worker of a file in the spool that is to be carried. */
void
ca_ring_announce_spool(void)
{
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->spool_news = true;
	if (ring->worker_latch)
		SetLatch(ring->worker_latch);
	LWLockRelease(ring->lock);
}
