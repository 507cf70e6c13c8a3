/*-------------------------------------------------------------------------
 *
 * journal_segment.c
 *	  The worker makes the segments of the journal, and removes them.
 *
 * They have their size from the beginning, and hold zeros, so that a sync of what
 * is written to them (journal.c) has no more to do than it must.
 *
 * Invariants:
 * - a segment is begun when all that was written to the one before is durable;
 * - the transaction that makes rows of records also says in contauth_audit.spool
 *   how far it has come in the journal, so that each record gets into the table
 *   once, whatever crashes when;
 * - a segment is removed only when the table has all of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "audit/journal.h"
#include "audit/spool.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

/*
 * Bytes of records that a segment holds, or an eighth of all there may be.  The
 * first is small, so that it is there soon.
 */
#define CA_JOURNAL_ROOM			(8 * 1024 * 1024)
#define CA_JOURNAL_FIRST_ROOM	(1024 * 1024)

/* Bytes of a segment that are written and synced at once when it is made. */
#define CA_JOURNAL_STEP			(1024 * 1024)

/* Pause after no segment could be made. */
#define CA_JOURNAL_RETRY_MS		10000

/* What a transaction has to say about a segment. */
typedef struct Carried
{
	int32		segment;
	uint64		end;
	int64		first_seq;
	int64		last_seq;
} Carried;

static TimestampTz failed_at = 0;	/* no segment could be made */
static int32 oldest = 1;		/* those before it have been removed */

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
	fd = ca_journal_open(ring->spool_segment);
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
