/*-------------------------------------------------------------------------
 *
 * ring_worker.c
 *	  The consumer's side of the audit ring.
 *
 * Called by the audit worker alone, which is the only process that moves the
 * tail.  The tail moves after the commit that made the records durable; when a
 * worker dies in between, the next one sees the difference in the table
 * (ca_ring_worker_adopt).  For locking see ring_shared.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/ring_shared.h"
#include "base/error.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/wait_event.h"

/* How long the worker sleeps at most. */
#define CA_SLEEP_MS		1000

/* Exit callback: nobody is to be woken any more, and nobody looks. */
static void
leave_worker(int code, Datum arg)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	pg_atomic_write_u64(&ring->seen_us, 0);
	ring->worker_latch = NULL;
	ring->worker_wait = CA_WORKER_AWAKE;
	LWLockRelease(ring->lock);
}

/* Make this process the one that backends wake. */
void
ca_ring_worker_enter(void)
{
	CaRingShared *ring = ca_ring_shared();

	before_shmem_exit(leave_worker, (Datum) 0);
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->worker_latch = MyLatch;
	ring->worker_wait = CA_WORKER_AWAKE;
	LWLockRelease(ring->lock);
}

/* How many backends may still put records. */
int
ca_ring_worker_producers(void)
{
	CaRingShared *ring = ca_ring_shared();
	int			producers;

	LWLockAcquire(ring->lock, LW_SHARED);
	producers = ring->producers;
	LWLockRelease(ring->lock);
	return producers;
}

/* How many records are in the ring. */
uint64
ca_ring_worker_length(void)
{
	CaRingShared *ring = ca_ring_shared();
	uint64		length;

	LWLockAcquire(ring->lock, LW_SHARED);
	length = ring->head_index - ring->tail_index;
	LWLockRelease(ring->lock);
	return length;
}

/*
 * The end of the chain: the table, and number and hash of its newest row as
 * they were written; seq is 0 when there is none.
 */
void
ca_ring_worker_position(Oid *relation, int64 *seq, unsigned char *hash)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_SHARED);
	*relation = ring->base_relation;
	*seq = OidIsValid(ring->base_relation) ?
		ring->base_seq + (int64) ring->tail_index - 1 : 0;
	memcpy(hash, ring->tail_hash, CA_SHA256_LEN);
	LWLockRelease(ring->lock);
}

/* The worker exits: tell the log what it leaves in the ring. */
void
ca_ring_worker_report_left(void)
{
	uint64		length = ca_ring_worker_length();

	if (length > 0)
		ereport(WARNING,
				(errcode(ERRCODE_CA_NOT_RECORDED),
				 errmsg("%llu audit records have not been written",
						(unsigned long long) length),
				 errdetail("The next audit worker writes them, unless the server stops before.")));
}

/* Copy one record out; returns the position behind it. */
static uint64
read_record(CaRingShared *ring, uint64 pos, CaAuditHeader *header,
			const char **fields, Size *fields_len)
{
	uint32		len = ca_ring_entry(pos).len;
	char	   *copy;

	pos += sizeof(CaRingEntry);
	if (len < sizeof(*header) || len > CA_RECORD_MAX)
		elog(PANIC, "audit ring is corrupted");
	ca_ring_copy_out(pos, header, sizeof(*header));
	copy = palloc(len - sizeof(*header) + 1);
	ca_ring_copy_out(pos + sizeof(*header), copy, len - sizeof(*header));
	*fields = copy;
	*fields_len = len - sizeof(*header);
	return pos + len;
}

/* Copy up to max records from pos on, of which so many are there. */
static void
read_records(CaRingBatch *batch, uint64 pos, uint64 available, int max)
{
	CaRingShared *ring = ca_ring_shared();

	batch->count = (int) Min(available, (uint64) max);
	batch->records = palloc(Max(batch->count, 1) * sizeof(*batch->records));
	for (int i = 0; i < batch->count; i++)
	{
		batch->records[i].pos = pos;
		pos = read_record(ring, pos, &batch->records[i].header,
						  &batch->records[i].fields, &batch->records[i].len);
		batch->records[i].end_pos = pos;
	}
}

/*
 * Copy up to max of the oldest records into batch, palloc'd in the current
 * memory context.  They stay in the ring, but from now on none of them goes to
 * the journal any more: what the transaction that writes them says of it is true.
 */
void
ca_ring_worker_read(CaRingBatch *batch, int max)
{
	CaRingShared *ring = ca_ring_shared();
	uint64		pos;
	uint64		available;

	LWLockAcquire(ring->lock, LW_SHARED);
	pos = ring->tail_pos;
	batch->first_index = ring->tail_index;
	batch->first_seq = ring->base_seq + (int64) ring->tail_index;
	memcpy(batch->prev_hash, ring->tail_hash, CA_SHA256_LEN);
	batch->boot_id = ring->boot_id;
	available = ring->head_index - ring->tail_index;
	LWLockRelease(ring->lock);
	read_records(batch, pos, available, max);
	if (batch->count == 0)
		return;

	LWLockAcquire(ring->journal_lock, LW_EXCLUSIVE);
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->claimed_index = batch->first_index + batch->count;
	ring->claimed_pos = batch->records[batch->count - 1].end_pos;
	LWLockRelease(ring->lock);
	LWLockRelease(ring->journal_lock);
}

/*
 * Say that the worker sees what has been put, to let those go on who wait for
 * that.  Asked between any two rows, so mostly it takes no lock: who does not
 * wait is told now and then.  Only the worker moves seen_index.
 */
void
ca_ring_worker_see(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		wanted = pg_atomic_read_u64(&ring->wanted_index) > ring->seen_index;
	uint64		now;

	if (!wanted && pg_atomic_read_u64(&ring->strict_index) <= ring->seen_index)
		return;
	now = ca_ring_clock();
	if (!wanted && now - pg_atomic_read_u64(&ring->seen_us) < CA_LOOK_US / 2)
		return;
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->seen_index = ring->head_index;
	pg_atomic_write_u64(&ring->seen_us, now);
	LWLockRelease(ring->lock);
	ConditionVariableBroadcast(&ring->progress);
}

/*
 * The first count records of the batch are durable, rows of them as rows of the
 * table: free their room, remember the hash of the last row, and let waiters
 * go on.
 */
void
ca_ring_worker_advance(const CaRingBatch *batch, int count, int rows,
					   const unsigned char *hash)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->tail_pos = batch->records[count - 1].end_pos;
	ring->tail_index = batch->first_index + count;
	ring->base_seq -= count - rows;
	memcpy(ring->tail_hash, hash, CA_SHA256_LEN);
	LWLockRelease(ring->lock);
	ConditionVariableBroadcast(&ring->progress);
}

/*
 * Records of a spool are about to be added to the chain: say where they come.
 * Until carry_end() a row more in the table is one of them.
 */
void
ca_ring_worker_carry_begin(CaRingBatch *batch)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->carrying = true;
	batch->first_seq = ring->base_seq + (int64) ring->tail_index;
	memcpy(batch->prev_hash, ring->tail_hash, CA_SHA256_LEN);
	LWLockRelease(ring->lock);
}

/* They have been committed: what is in the ring comes behind them. */
void
ca_ring_worker_carry_end(int count, const unsigned char *hash)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->carrying = false;
	ring->base_seq += count;
	memcpy(ring->tail_hash, hash, CA_SHA256_LEN);
	LWLockRelease(ring->lock);
}

/* Publish what of the spool's newest segment can be read. */
void
ca_ring_worker_spooled(const pg_uuid_t *spool_id, int32 segment, uint64 end)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->spool_id = *spool_id;
	ring->spool_segment = segment;
	ring->spool_end = end;
	ring->spool_room = 0;
	LWLockRelease(ring->lock);
}

/* Has carry() brought a file since this was asked last? */
bool
ca_ring_worker_spool_news(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		news;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	news = ring->spool_news;
	ring->spool_news = false;
	LWLockRelease(ring->lock);
	return news;
}

/*
 * Move the tail over one record; true when it is a row of the table.  The
 * caller holds the lock.
 */
static bool
skip_record(CaRingShared *ring)
{
	CaRingEntry entry = ca_ring_entry(ring->tail_pos);
	CaAuditHeader header;

	ca_ring_copy_out(ring->tail_pos + sizeof(entry), &header, sizeof(header));
	ring->tail_pos += sizeof(entry) + entry.len;
	ring->tail_index++;
	if (header.kind == CA_RECORD_DECISION)
		return true;
	ring->base_seq--;
	return false;
}

/*
 * Continue the chain of the table relation, whose newest row is given.
 *
 * The first time (since server start, or after another table) the numbers
 * follow what the table holds.  Later, when another worker was here before,
 * shared memory knows the end of the chain, except that records committed by
 * a worker that died before it could move the tail are now skipped, and rows
 * that it carried from a spool counted.  Records of other kinds behind the last
 * row may have been committed, too: what they do can be done again.  A table
 * that ends earlier than shared memory says has lost rows: the numbers go on
 * all the same, and the gap stays visible.
 */
void
ca_ring_worker_adopt(Oid relation, const CaNewestRow *newest)
{
	CaRingShared *ring = ca_ring_shared();
	int64		last;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	last = ring->base_seq + (int64) ring->tail_index - 1;
	if (ring->base_relation != relation)
	{
		ring->base_relation = relation;
		ring->base_seq = newest->seq + 1 - (int64) ring->tail_index;
		memcpy(ring->tail_hash, newest->hash, CA_SHA256_LEN);
	}
	else if (newest->seq > last && ring->carrying)
	{
		ring->base_seq += newest->seq - last;
		memcpy(ring->tail_hash, newest->hash, CA_SHA256_LEN);
	}
	else if (newest->seq > last &&
			 memcmp(&newest->boot_id, &ring->boot_id, UUID_LEN) == 0)
	{
		while (last < newest->seq && ring->tail_index < ring->head_index)
			last += skip_record(ring);
		memcpy(ring->tail_hash, newest->hash, CA_SHA256_LEN);
	}
	ring->carrying = false;
	LWLockRelease(ring->lock);
	ConditionVariableBroadcast(&ring->progress);
}

/*
 * All that the spool held of before this start is in the table, or is not going
 * to be.  (Or it may not be any more: the server has begun to write.)
 */
void
ca_ring_worker_spool_done(bool done)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->spool_behind = !done;
	LWLockRelease(ring->lock);
	if (done)
		ConditionVariableBroadcast(&ring->progress);
}

/* Must rows be written now, even if that brings a small batch? */
bool
ca_ring_worker_rows_due(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		due;

	LWLockAcquire(ring->lock, LW_SHARED);
	due = ring->wanted_rows > ring->tail_index ||
		ring->head_pos - ring->tail_pos > ring->size / 4;
	LWLockRelease(ring->lock);
	return due;
}

/* Is there a strict record that is no row yet, so that more of them may come? */
bool
ca_ring_worker_has_strict(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		has;

	LWLockAcquire(ring->lock, LW_SHARED);
	has = pg_atomic_read_u64(&ring->strict_index) > ring->tail_index;
	LWLockRelease(ring->lock);
	return has;
}

/*
 * Wait for work: a nap while records keep coming, a sleep when idle.  Returns at
 * once when those who wait, or a filling ring, do not let it.
 */
void
ca_ring_worker_wait(bool idle, long nap_ms)
{
	CaRingShared *ring = ca_ring_shared();
	uint64		used;
	bool		urgent;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	used = ring->head_pos - ring->tail_pos;
	urgent = pg_atomic_read_u64(&ring->wanted_index) > ring->seen_index ||
		ring->wanted_rows > ring->tail_index ||
		used > ring->size / 4 || (idle && used > 0);
	if (!urgent)
		ring->worker_wait = idle ? CA_WORKER_SLEEPING : CA_WORKER_NAPPING;
	LWLockRelease(ring->lock);
	if (urgent)
		return;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 idle ? CA_SLEEP_MS : nap_ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->worker_wait = CA_WORKER_AWAKE;
	LWLockRelease(ring->lock);
}

/* Publish whether records can be taken. */
void
ca_ring_worker_set_state(CaHomeState state)
{
	CaRingShared *ring = ca_ring_shared();
	bool		changed;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	changed = pg_atomic_read_u32(&ring->home_state) != (uint32) state;
	pg_atomic_write_u32(&ring->home_state, (uint32) state);
	LWLockRelease(ring->lock);
	if (changed)
		ConditionVariableBroadcast(&ring->progress);
}
