/*-------------------------------------------------------------------------
 *
 * journal.c
 *	  Strict durability without waiting for rows.
 *
 * A row takes its time: normal form, JSON, hash, indexes, commit, and another
 * process that does it.  Who waits for his record to be durable need not wait for
 * all that: he writes it to the journal, and what others wait for with it, and
 * syncs that.
 *
 * This goes in turns.  Who comes first in a turn takes its lock; those who come
 * after him sleep on it, for what all of them have put is his to write.  He writes
 * at once, unless as many turns before him as are synced at the same time have not
 * been yet: then he waits for the oldest, and more is put meanwhile.  With that he ends
 * the turn, and the next one begins.  Writing is done by one at a time, a sync takes
 * what was written before it, by whomever, so what one has synced is durable with all
 * that stands before it.
 *
 * Where a sync takes long there is time for several at the same time, CA_SYNCS at most.
 * Where it does not, each costs more than it saves: one takes what more have put.
 *
 * The worker makes the rows afterwards, from the ring, in batches as large as if
 * nobody were waiting.
 *
 * The journal is a spool (spool.h) that has the boot_id of this start of the
 * server as its id.  The worker makes its segments (journal_segment.c).  While the
 * server runs nobody reads them, for the ring holds the records as well; only when
 * the server has crashed the next worker carries into the tables what is not there
 * yet, as it does with the spool of a standby, and the rows have the boot_id that
 * they would have had.
 *
 * Invariant: strict records go to the journal in the order of the ring, each once,
 * and none that the worker has claimed for its next transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "audit/journal.h"
#include "audit/spool.h"
#include "port/pg_iovec.h"
#include "storage/fd.h"

/* How long a sync takes, us, for each further one to begin beside it. */
#define CA_SYNC_SLOW_US		150

/* A piece of the ring, and the place in the journal where it goes. */
typedef struct Flush
{
	int32		segment;
	int			fd;
	uint64		pos;			/* of the ring: up to here it is done */
	uint64		index;
	uint64		head_index;
	uint64		end;			/* of the segment: the next record's place */
	uint64		room;
	int			niov;
	Size		nbytes;
	struct iovec iov[PG_IOV_MAX];
	CaSpoolHead heads[PG_IOV_MAX];
} Flush;

static int32 opened = 0;		/* segment that fd is of */
static int	opened_fd = -1;

bool
ca_journal_owns(const pg_uuid_t *spool_id)
{
	return memcmp(spool_id, &ca_ring_shared()->boot_id, UUID_LEN) == 0;
}

/* See journal.h. */
int
ca_journal_open(int32 number)
{
	CaSpoolSegment segment = {.spool_id = ca_ring_shared()->boot_id,.segment = number};

	if (opened_fd >= 0 && opened == number)
		return opened_fd;
	if (opened_fd >= 0)
		(void) close(opened_fd);
	ca_spool_set_path(&segment);
	opened_fd = BasicOpenFile(segment.path, O_WRONLY | PG_BINARY);
	opened = number;
	return opened_fd;
}

/* Find out where to begin; false without a journal. */
static bool
begin_flush(Flush *flush)
{
	CaRingShared *ring = ca_ring_shared();
	bool		exists;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	exists = ring->spool_segment > 0 && ca_journal_owns(&ring->spool_id);
	ring->journal_wanted |= !exists;
	flush->pos = Max(ring->journal_pos, ring->claimed_pos);
	flush->index = Max(ring->journal_index, ring->claimed_index);
	flush->head_index = ring->head_index;
	flush->segment = ring->spool_segment;
	flush->end = ring->journal_end;
	flush->room = ring->spool_room;
	/* who comes from now on is not gathered */
	ring->journal_turn++;
	LWLockRelease(ring->lock);
	flush->niov = 0;
	flush->nbytes = 0;
	if (exists)
		flush->fd = ca_journal_open(flush->segment);
	return exists && flush->fd >= 0;
}

/* Ask the worker for another segment. */
static void
want_segment(void)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->journal_wanted = true;
	LWLockRelease(ring->lock);
}

/* Write what has been gathered. */
static bool
write_out(Flush *flush)
{
	CaSpoolSegment segment = {0};
	off_t		offset = ca_spool_offset(&segment, flush->end - flush->nbytes);
	bool		ok;

	ok = flush->niov == 0 ||
		pg_pwritev(flush->fd, flush->iov, flush->niov, offset) == (ssize_t) flush->nbytes;
	flush->niov = 0;
	flush->nbytes = 0;
	return ok;
}

static void
add_bytes(Flush *flush, const void *data, Size len)
{
	flush->iov[flush->niov].iov_base = unconstify(void *, data);
	flush->iov[flush->niov].iov_len = len;
	flush->niov++;
	flush->nbytes += len;
	flush->end += len;
}

/* Add the record of len bytes at a position of the ring. */
static void
add_record(Flush *flush, uint64 pos, uint32 len)
{
	CaSpoolHead *head = &flush->heads[flush->niov];
	const char *data;
	const char *rest;
	Size		first = ca_ring_bytes(pos, len, &data);

	(void) ca_ring_bytes(0, 0, &rest);
	*head = ca_spool_head(len, data, first, rest);
	add_bytes(flush, head, sizeof(*head));
	add_bytes(flush, data, first);
	if (first < len)
		add_bytes(flush, rest, len - first);
}

/* Write the strict records that there is room for. */
static bool
write_records(Flush *flush)
{
	while (flush->index < flush->head_index)
	{
		CaRingEntry entry = ca_ring_entry(flush->pos);

		if (entry.strict)
		{
			if (flush->end + sizeof(CaSpoolHead) + entry.len > flush->room)
				break;
			if (flush->niov + 3 > PG_IOV_MAX && !write_out(flush))
				return false;
			add_record(flush, flush->pos + sizeof(entry), entry.len);
		}
		flush->pos += sizeof(entry) + entry.len;
		flush->index++;
	}
	return write_out(flush);
}

/* Say which records have been written, from a place of the ring on. */
static void
mark_written(const Flush *flush, uint64 pos, uint64 end)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	while (pos < flush->pos)
	{
		CaRingEntry entry = ca_ring_entry(pos);

		if (entry.strict)
		{
			end += sizeof(CaSpoolHead) + entry.len;
			entry.segment = flush->segment;
			entry.spool_end = end;
			ca_ring_set_entry(pos, &entry);
		}
		pos += sizeof(entry) + entry.len;
	}
	ring->journal_pos = flush->pos;
	ring->journal_index = flush->index;
	ring->journal_end = flush->end;
	ring->journal_wanted |= flush->index < flush->head_index ||
		flush->end > flush->room / 4 * 3;
	LWLockRelease(ring->lock);
}

/*
 * Write what is not in the journal yet, up to the record or further.  What is
 * written behind ring->journal_end, before a failure, the next one overwrites.
 */
static bool
write_journal(Flush *flush, CaRingPlace place)
{
	uint64		pos;
	uint64		end;

	if (!begin_flush(flush))
		return false;
	if (flush->index > place.index)
		return true;
	pos = flush->pos;
	end = flush->end;
	if (!write_records(flush))
		return false;
	if (flush->pos == pos)
	{
		want_segment();
		return false;
	}
	mark_written(flush, pos, end);
	return true;
}

/* How many turns are synced at the same time, as fast as syncs have been lately. */
static int
syncs_at_once(void)
{
	return (int) Min(1 + pg_atomic_read_u64(&ca_ring_shared()->sync_us) / CA_SYNC_SLOW_US,
					 CA_SYNCS);
}

/*
 * One has taken that long.  The fastest counts, for others waited for a processor, too;
 * it is forgotten little by little.
 */
static void
note_sync(uint64 us)
{
	CaRingShared *ring = ca_ring_shared();
	uint64		fastest = pg_atomic_read_u64(&ring->sync_us);

	if (fastest > 0)
		us = Min(us, fastest + fastest / 64 + 1);
	pg_atomic_write_u64(&ring->sync_us, us);
}

/*
 * Sync all that was written before flush ended, by whomever: what stands in
 * earlier segments was synced when this one began.
 */
static bool
sync_journal(const Flush *flush)
{
	CaRingShared *ring = ca_ring_shared();
	uint64		begin = ca_ring_clock();

	if (pg_fdatasync(flush->fd) != 0)
	{
		/* what the kernel holds of it cannot be told any more */
		ereport(data_sync_elevel(LOG_SERVER_ONLY),
				(errcode_for_file_access(),
				 errmsg("could not fsync the journal of audit records: %m")));
		return false;
	}
	note_sync(ca_ring_clock() - begin);
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->synced_index = Max(ring->synced_index, flush->index);
	if (ring->spool_segment == flush->segment)
		ring->spool_end = Max(ring->spool_end, flush->end);
	LWLockRelease(ring->lock);
	ConditionVariableBroadcast(&ring->progress);
	return true;
}

/*
 * What has become of a record?  FAILS: it is not durable yet; then turn is that
 * in which it will be gathered, unless it just has been.
 */
static CaJournaled
look_up(CaRingPlace place, uint64 *turn)
{
	CaRingShared *ring = ca_ring_shared();
	bool		filed;
	CaJournaled found = CA_JOURNAL_FAILS;

	LWLockAcquire(ring->lock, LW_SHARED);
	if (ring->tail_index > place.index)
		found = CA_JOURNAL_HAS; /* or the table, which is as good */
	else
	{
		filed = ca_ring_entry(place.pos).segment != 0;
		if (filed && ring->synced_index > place.index)
			found = CA_JOURNAL_HAS;
		else if (!filed && Max(ring->journal_index, ring->claimed_index) > place.index)
			found = CA_JOURNAL_NEEDLESS;
	}
	*turn = ring->journal_turn;
	LWLockRelease(ring->lock);
	return found;
}

/* Is it still that turn?  Only who holds its lock can end it. */
static bool
is_turn(uint64 turn)
{
	CaRingShared *ring = ca_ring_shared();
	bool		is;

	LWLockAcquire(ring->lock, LW_SHARED);
	is = ring->journal_turn == turn;
	LWLockRelease(ring->lock);
	return is;
}

/* Write and sync what has been put in a turn, whose lock we hold. */
static bool
take_turn(uint64 turn, CaRingPlace place)
{
	CaRingShared *ring = ca_ring_shared();
	LWLock	   *sync_lock = ring->sync_locks[turn % syncs_at_once()];
	Flush		flush;
	bool		ok;

	LWLockAcquire(sync_lock, LW_EXCLUSIVE);
	LWLockAcquire(ring->journal_lock, LW_EXCLUSIVE);
	ok = write_journal(&flush, place);
	LWLockRelease(ring->journal_lock);
	ok = ok && sync_journal(&flush);
	LWLockRelease(sync_lock);
	return ok;
}

CaJournaled
ca_journal_write(CaRingPlace place)
{
	CaRingShared *ring = ca_ring_shared();
	CaJournaled found;
	uint64		turn;

	if (!place.strict)
		return CA_JOURNAL_FAILS;
	while ((found = look_up(place, &turn)) == CA_JOURNAL_FAILS)
	{
		LWLock	   *turn_lock = ring->turn_locks[turn % CA_TURNS];
		bool		ok;

		/* somebody else takes this turn: sleep until that is done */
		if (!LWLockAcquireOrWait(turn_lock, LW_EXCLUSIVE))
			continue;
		ok = !is_turn(turn) || take_turn(turn, place);
		LWLockRelease(turn_lock);
		if (!ok)
			return CA_JOURNAL_FAILS;
	}
	return found;
}
