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
 * at once, unless CA_SYNCS turns before him have not been synced yet: then he waits
 * for the oldest, and more is put meanwhile.  With that he ends the turn, and the
 * next one begins.  Writing is done by one at a time, syncs at the same time: a sync
 * takes what was written before it, by whomever, so what one has synced is durable
 * with all that stands before it.
 *
 * The worker makes the rows afterwards, from the ring, in batches as large as if
 * nobody were waiting.
 *
 * The journal is a spool (spool.h) that has the boot_id of this start of the
 * server as its id.  The worker makes its segments, of a fixed size, so that a
 * sync has no more to do than it must.  While the server runs nobody reads them,
 * for the ring holds the records as well; only when the server has crashed the
 * next worker carries into the tables what is not there yet, as it does with the
 * spool of a standby, and the rows have the boot_id that they would have had.
 *
 * Invariants:
 * - strict records go to the journal in the order of the ring, each once, and
 *   none that the worker has claimed for its next transaction;
 * - that transaction also says in contauth_audit.spool how far it has come in the
 *   journal, so that each record gets into the table once, whatever crashes when;
 * - a segment is removed only when the table has all of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "audit/journal.h"
#include "audit/spool.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "port/pg_iovec.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

/*
 * Bytes of records that a segment holds, or an eighth of all there may be.  The
 * first is small, so that it is there soon.
 */
#define CA_JOURNAL_ROOM			(16 * 1024 * 1024)
#define CA_JOURNAL_FIRST_ROOM	(1024 * 1024)

/* Bytes of a segment that are written and synced at once when it is made. */
#define CA_JOURNAL_STEP			(256 * 1024)

/* Pause after no segment could be made. */
#define CA_JOURNAL_RETRY_MS		10000

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

/* What a transaction has to say about a segment. */
typedef struct Carried
{
	int32		segment;
	uint64		end;
	int64		first_seq;
	int64		last_seq;
} Carried;

static int32 opened = 0;		/* segment that fd is of */
static int	opened_fd = -1;
static TimestampTz failed_at = 0;	/* worker: no segment could be made */
static int32 oldest = 1;		/* worker: those before it have been removed */

bool
ca_journal_owns(const pg_uuid_t *spool_id)
{
	return memcmp(spool_id, &ca_ring_shared()->boot_id, UUID_LEN) == 0;
}

/* The file of a segment, open; -1 when that fails. */
static int
open_segment(int32 number)
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
		flush->fd = open_segment(flush->segment);
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

/*
 * Sync all that was written before flush ended, by whomever: what stands in
 * earlier segments was synced when this one began.
 */
static bool
sync_journal(const Flush *flush)
{
	CaRingShared *ring = ca_ring_shared();

	if (pg_fdatasync(flush->fd) != 0)
	{
		/* what the kernel holds of it cannot be told any more */
		ereport(data_sync_elevel(LOG_SERVER_ONLY),
				(errcode_for_file_access(),
				 errmsg("could not fsync the journal of audit records: %m")));
		return false;
	}
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
	LWLock	   *sync_lock = ring->sync_locks[turn % CA_SYNCS];
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

bool
ca_journal_due(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		wanted;

	if (failed_at != 0 &&
		!TimestampDifferenceExceeds(failed_at, GetCurrentTimestamp(), CA_JOURNAL_RETRY_MS))
		return false;
	LWLockAcquire(ring->lock, LW_SHARED);
	wanted = ring->journal_wanted;
	LWLockRelease(ring->lock);
	return wanted;
}

/*
 * Write zeros to the end of a new file; false with errno.  What has been written
 * before costs less to sync than what only has been allocated.  In between those
 * who wait have their turn with the disk, and with the worker.
 */
static bool
fill_with_zeros(int fd, off_t from, off_t end)
{
	char	   *zeros = palloc0(CA_JOURNAL_STEP);
	bool		ok = true;

	while (ok && from < end)
	{
		Size		len = Min(end - from, CA_JOURNAL_STEP);

		errno = ENOSPC;
		ok = pg_pwrite(fd, zeros, len, from) == (ssize_t) len && pg_fdatasync(fd) == 0;
		from += len;
		ca_ring_worker_see();
	}
	pfree(zeros);
	return ok;
}

/* Make the file of a segment, with so much room for its records. */
static void
create_segment(CaSpoolSegment *segment, uint64 room)
{
	int			fd;

	if (ca_spool_size() + room > ca_spool_limit())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("there is no room for the journal of audit records"),
				 errdetail("With it \"%s\" would hold more than contauth.spool_size (%d MB).",
						   CA_SPOOL_DIR, ca_guc_spool_size),
				 errhint("Strict durability waits for rows meanwhile.")));
	fd = ca_spool_create(segment, false);
	if (!fill_with_zeros(fd, ca_spool_offset(segment, 0), ca_spool_offset(segment, room)) ||
		pg_fsync(fd) != 0)
	{
		int			save_errno = errno;

		ca_spool_discard(fd, segment);
		errno = save_errno;
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not make room in file \"%s\": %m", segment->path)));
	}
	ca_spool_publish(fd, segment);
	(void) close(fd);
}

/*
 * Make durable what has been written to the newest segment: only then syncs of
 * the next one mean that all before is durable.  False: not possible, and how bad
 * that is.  The caller holds journal_lock.
 */
static bool
finish_segment(int *elevel)
{
	CaRingShared *ring = ca_ring_shared();
	bool		synced;
	int			fd;

	LWLockAcquire(ring->lock, LW_SHARED);
	synced = ring->synced_index >= ring->journal_index;
	LWLockRelease(ring->lock);
	if (synced)
		return true;
	*elevel = ERROR;
	fd = open_segment(ring->spool_segment);
	if (fd < 0)
		return false;
	*elevel = data_sync_elevel(ERROR);
	if (pg_fdatasync(fd) != 0)
		return false;
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->synced_index = ring->journal_index;
	LWLockRelease(ring->lock);
	return true;
}

void
ca_journal_extend(void)
{
	CaRingShared *ring = ca_ring_shared();
	CaSpoolSegment segment = {.spool_id = ring->boot_id};
	uint64		room;
	int			elevel;

	failed_at = GetCurrentTimestamp();
	segment.created_at = failed_at;
	LWLockAcquire(ring->lock, LW_SHARED);
	if (ca_journal_owns(&ring->spool_id))
		segment.segment = ring->spool_segment;
	LWLockRelease(ring->lock);
	segment.segment++;
	room = segment.segment == 1 ? CA_JOURNAL_FIRST_ROOM : CA_JOURNAL_ROOM;
	room = Min(room, ca_spool_limit() / 8);
	create_segment(&segment, room);

	LWLockAcquire(ring->journal_lock, LW_EXCLUSIVE);
	if (!finish_segment(&elevel))
	{
		LWLockRelease(ring->journal_lock);
		ereport(elevel,
				(errcode_for_file_access(),
				 errmsg("could not fsync the journal of audit records: %m")));
	}
	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->spool_id = ring->boot_id;
	ring->spool_segment = segment.segment;
	ring->spool_end = 0;
	ring->journal_end = 0;
	ring->spool_room = room;
	ring->journal_wanted = false;
	LWLockRelease(ring->lock);
	LWLockRelease(ring->journal_lock);
	failed_at = 0;
}

/* A segment is in the table up to here. */
static void
mark_carried(const Carried *carried)
{
	static SPIPlanPtr plan = NULL;
	static const char *const sql =
	"INSERT INTO contauth_audit.spool AS s (spool_id, segment, start_position,"
	" end_position, first_seq, last_seq, carried_at)"
	" VALUES ($1, $2, 0, $3, $4, $5, pg_catalog.clock_timestamp())"
	" ON CONFLICT (spool_id, segment, start_position) DO UPDATE"
	" SET end_position = EXCLUDED.end_position, last_seq = EXCLUDED.last_seq,"
	" carried_at = EXCLUDED.carried_at";
	Oid			types[] = {UUIDOID, INT4OID, INT8OID, INT8OID, INT8OID};
	Datum		args[] = {
		UUIDPGetDatum(&ca_ring_shared()->boot_id),
		Int32GetDatum(carried->segment),
		Int64GetDatum((int64) carried->end),
		Int64GetDatum(carried->first_seq),
		Int64GetDatum(carried->last_seq)
	};

	if (plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(sql, lengthof(types), types);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "could not prepare to write contauth_audit.spool");
		plan = made;
	}
	if (SPI_execute_plan(plan, args, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write contauth_audit.spool");
}

void
ca_journal_mark_carried(const CaRingBatch *batch)
{
	Carried		carried = {0};
	int64		seq = batch->first_seq - 1;

	for (int i = 0; i < batch->count; i++)
	{
		CaRingEntry entry = ca_ring_entry(batch->records[i].pos);

		if (batch->records[i].header.kind == CA_RECORD_DECISION)
			seq++;
		if (entry.segment == 0)
			continue;
		if (entry.segment != carried.segment)
		{
			if (carried.segment != 0)
				mark_carried(&carried);
			carried.segment = entry.segment;
			carried.first_seq = seq;
		}
		carried.end = entry.spool_end;
		carried.last_seq = seq;
	}
	if (carried.segment != 0)
		mark_carried(&carried);
}

/* The oldest segment of which the ring holds something, or the newest. */
static int32
oldest_needed(void)
{
	CaRingShared *ring = ca_ring_shared();
	int32		needed = 0;

	LWLockAcquire(ring->lock, LW_SHARED);
	if (ca_journal_owns(&ring->spool_id))
	{
		uint64		pos = ring->tail_pos;

		needed = ring->spool_segment;
		/* mostly there is nothing to remove, and nothing to look for */
		while (oldest < needed && pos < ring->journal_pos)
		{
			CaRingEntry entry = ca_ring_entry(pos);

			if (entry.segment != 0)
			{
				needed = entry.segment;
				break;
			}
			pos += sizeof(entry) + entry.len;
		}
	}
	LWLockRelease(ring->lock);
	return needed;
}

void
ca_journal_trim(void)
{
	int32		needed = oldest_needed();

	while (oldest < needed)
	{
		CaSpoolSegment segment = {.spool_id = ca_ring_shared()->boot_id,.segment = oldest};

		ca_spool_set_path(&segment);
		ca_spool_remove(&segment);
		oldest++;
	}
}
