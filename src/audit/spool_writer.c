/*-------------------------------------------------------------------------
 *
 * spool_writer.c
 *	  The audit worker during recovery writes the spool.
 *
 * Each worker begins a spool of its own, with a new id, and never appends to
 * what is there already: that may be another server's, as base backups copy
 * the folder, or end in a record that a crash cut off.
 *
 * Invariant: what ca_spool_write() says it has written is durable.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "audit/normalize.h"
#include "audit/spool.h"
#include "base/guc.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

/* A segment is closed when it has this size, or an eighth of all there may be. */
#define CA_SEGMENT_SIZE			(16 * 1024 * 1024)

static CaSpoolSegment current;	/* the segment that is being written */
static int	current_fd = -1;
static uint64 total = 0;		/* bytes in the folder, as far as we know */

/* Begin the next segment. */
static void
next_segment(void)
{
	CaSpoolSegment next = current;
	int			fd;

	next.segment++;
	next.start = 0;
	fd = ca_spool_create(&next, false);
	ca_spool_publish(fd, &next);
	if (current_fd >= 0)
		close(current_fd);
	current_fd = fd;
	current = next;
	ca_ring_worker_spooled(&current.spool_id, current.segment, 0);
}

/* Step: begin a spool, unless this worker has begun one. */
void
ca_spool_open(void)
{
	if (current_fd >= 0)
		return;
	ca_ring_draw_uuid(&current.spool_id);
	current.segment = 0;
	current.created_at = GetCurrentTimestamp();
	next_segment();
	total = ca_spool_size();
}

/*
 * The record as it goes to the spool.
 *
 * SECURITY: the statement's literals are for the ring alone.  What must not be
 * in the table must not be in a file either (test/t/022_standby.pl).
 */
static void
encode_record(StringInfo out, const CaAuditHeader *header, const char *fields,
			  Size fields_len)
{
	StringInfoData record;
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		len;
	bool		cut = false;

	while (ca_record_next(fields, fields_len, &pos, &tag, &value, &len))
		cut = cut || tag == CA_F_CUT_STATEMENT;
	pos = 0;
	initStringInfo(&record);
	appendBinaryStringInfo(&record, (const char *) header, sizeof(*header));
	while (ca_record_next(fields, fields_len, &pos, &tag, &value, &len))
	{
		if (tag == CA_F_STATEMENT && ca_guc_audit_statement != CA_STATEMENT_FULL)
			ca_record_put_text(&record, CA_F_NORMALIZED,
							   ca_normalize_again(pnstrdup(value, len), cut));
		else
			ca_record_put(&record, tag, value, len);
	}
	ca_spool_encode(out, record.data, record.len);
	pfree(record.data);
}

/*
 * Encode the records of a batch, until the folder or the segment is full;
 * returns how many.
 */
static int
encode_batch(StringInfo out, const CaRingBatch *batch)
{
	int			count = 0;

	while (count < batch->count && current.end + out->len < CA_SEGMENT_SIZE)
	{
		int			before = out->len;

		encode_record(out, &batch->records[count].header,
					  batch->records[count].fields, batch->records[count].len);
		if (total + out->len > ca_spool_limit())
		{
			out->len = before;
			break;
		}
		count++;
	}
	return count;
}

/* Is the segment as long as one should be? */
static bool
segment_is_full(void)
{
	return current.end >= Min(CA_SEGMENT_SIZE, ca_spool_limit() / 8);
}

/*
 * Write the oldest records of the batch, palloc'ing in the current context;
 * returns how many, at least one of a batch that has any.
 */
int
ca_spool_write(const CaRingBatch *batch)
{
	StringInfoData data;
	int			count;

	if (segment_is_full())
		next_segment();
	initStringInfo(&data);
	count = encode_batch(&data, batch);
	if (count == 0)
	{
		/* somebody may have made room */
		total = ca_spool_size();
		count = encode_batch(&data, batch);
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the spool of audit records is full"),
				 errdetail("\"%s\" holds contauth.spool_size (%d MB).",
						   CA_SPOOL_DIR, ca_guc_spool_size),
				 errhint("Carry its records to the primary with contauth_audit.carry(), then call contauth_audit.spool_release() here.")));
	ca_spool_append(current_fd, &current, current.end, data.data, data.len);
	current.end += data.len;
	total += data.len;
	ca_ring_worker_spooled(&current.spool_id, current.segment, current.end);
	return count;
}
