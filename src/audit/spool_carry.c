/*-------------------------------------------------------------------------
 *
 * spool_carry.c
 *	  From the spool into the tables.
 *
 * The audit worker of a server that can write takes pieces of the files that
 * it finds, those of its own recovery and those that carry() has brought, and
 * adds them to the chain (worker.c).  How far each segment has come stands in
 * contauth_audit.spool, in the same transaction; a file is removed after the
 * commit that makes it needless.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/journal.h"
#include "audit/spool.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

/* Position up to which a segment is in the tables. */
uint64
ca_spool_carried(const pg_uuid_t *spool_id, int32 segment)
{
	static const char *const sql =
	"SELECT max(end_position) FROM contauth_audit.spool"
	" WHERE spool_id OPERATOR(pg_catalog.=) $1"
	" AND segment OPERATOR(pg_catalog.=) $2";
	Oid			types[] = {UUIDOID, INT4OID};
	Datum		args[] = {UUIDPGetDatum(spool_id), Int32GetDatum(segment)};
	bool		isnull;
	Datum		position;

	if (SPI_execute_with_args(sql, lengthof(types), types, args, NULL,
							  true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not read contauth_audit.spool");
	position = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
							 &isnull);
	return isnull ? 0 : (uint64) DatumGetInt64(position);
}

/* Write down that a piece is in the tables, as so many rows from first_seq on. */
void
ca_spool_mark_carried(const CaSpoolPiece *piece, int64 first_seq, int rows)
{
	static const char *const sql =
	"INSERT INTO contauth_audit.spool (spool_id, segment, start_position,"
	" end_position, first_seq, last_seq, carried_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, pg_catalog.clock_timestamp())";
	Oid			types[] = {UUIDOID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID};
	Datum		args[] = {
		UUIDPGetDatum(&piece->segment.spool_id),
		Int32GetDatum(piece->segment.segment),
		Int64GetDatum((int64) piece->from),
		Int64GetDatum((int64) piece->to),
		Int64GetDatum(first_seq),
		Int64GetDatum(first_seq + rows - 1)
	};

	if (SPI_execute_with_args(sql, lengthof(types), types, args, NULL,
							  false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write contauth_audit.spool");
}

/* Take up to max records of the piece's segment, from piece->from on. */
static void
read_records(CaSpoolPiece *piece, int max)
{
	CaRingBatch *batch = &piece->batch;
	CaSpoolReader reader;

	batch->records = palloc0(max * sizeof(*batch->records));
	ca_spool_read_from(&reader, &piece->segment, piece->from);
	while (batch->count < max && ca_spool_read(&reader))
	{
		memcpy(&batch->records[batch->count].header, reader.record,
			   sizeof(CaAuditHeader));
		batch->records[batch->count].fields = reader.record + sizeof(CaAuditHeader);
		batch->records[batch->count].len = reader.len - sizeof(CaAuditHeader);
		batch->count++;
	}
	ca_spool_read_end(&reader);
	piece->to = reader.position;
	piece->finished = batch->count < max;
	if (piece->finished && piece->to < piece->segment.end && !reader.blank)
		piece->damage = psprintf("%llu bytes at its end are no records; a crash while one was written leaves such, and nobody was told that it is safe.",
								 (unsigned long long) (piece->segment.end - piece->to));
}

/*
 * The segment that is to be carried next, or NULL.  The journal of this start of
 * the server is not: its records are in the ring.
 */
static const CaSpoolSegment *
oldest_segment(void)
{
	ListCell   *lc;

	foreach(lc, ca_spool_segments(true))
	{
		const CaSpoolSegment *segment = lfirst(lc);

		if (!ca_journal_owns(&segment->spool_id))
			return segment;
	}
	return NULL;
}

/*
 * Read what is to be carried next, at most max records, palloc'd in the
 * current memory context; false when the spool is empty.  A piece without
 * records tells of a file that is done with.
 */
bool
ca_spool_next_piece(CaSpoolPiece *piece, int max)
{
	MemoryContext context = CurrentMemoryContext;
	const CaSpoolSegment *segment = oldest_segment();
	uint64		carried;

	memset(piece, 0, sizeof(*piece));
	if (segment == NULL)
		return false;
	piece->segment = *segment;
	piece->batch.boot_id = piece->segment.spool_id;
	carried = ca_spool_carried(&piece->segment.spool_id, piece->segment.segment);
	MemoryContextSwitchTo(context); /* SPI has left it */
	piece->from = piece->to = carried;
	if (carried >= piece->segment.end)
		piece->finished = true;
	else if (carried < piece->segment.start)
	{
		piece->finished = true;
		piece->damage = "Records before its first one have not been carried.";
	}
	else
		read_records(piece, max);
	return true;
}
