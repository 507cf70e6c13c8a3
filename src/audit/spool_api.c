/*-------------------------------------------------------------------------
 *
 * spool_api.c
 *	  SQL functions that hand a standby's spool over to the primary.
 *
 * On the standby spool_read() shows what is durable there, and spool_release()
 * removes the segments that the tables, as replay has brought them here, hold.
 * On the primary carry() puts what was read into a file of its own spool, from
 * where the audit worker carries it as it does after a promotion: there is one
 * way into the tables, and it lets each record in once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "audit/guard.h"
#include "audit/home.h"
#include "audit/reading.h"
#include "audit/spool.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "base/internal.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* How often carry() looks whether the worker is done. */
#define CA_CARRY_POLL_MS		10

PG_FUNCTION_INFO_V1(contauth_audit_spool_read);
PG_FUNCTION_INFO_V1(contauth_audit_spool_release);
PG_FUNCTION_INFO_V1(contauth_audit_carry);

/* Only a server that has preloaded the library has a spool. */
static void
require_ring(void)
{
	if (ca_ring_shared() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contauth must be loaded via shared_preload_libraries")));
}

/*
 * Leave of the segments what can be relied on: of the one that the worker
 * appends to, only what is durable.  Returns whether segment is that one.
 */
static bool
clip_current(CaSpoolSegment *segment)
{
	CaRingShared *ring = ca_ring_shared();
	bool		is_current;

	LWLockAcquire(ring->lock, LW_SHARED);
	is_current = segment->segment == ring->spool_segment && segment->start == 0 &&
		memcmp(&segment->spool_id, &ring->spool_id, UUID_LEN) == 0;
	if (is_current)
		segment->end = Min(segment->end, ring->spool_end);
	LWLockRelease(ring->lock);
	return is_current;
}

/* How far the tables here have a segment. */
static uint64
carried_position(const CaSpoolSegment *segment)
{
	volatile uint64 position = 0;

	/* our own look-up is not a reading of the audit */
	ca_internal_depth++;
	PG_TRY();
	{
		SPI_connect();
		PushActiveSnapshot(GetLatestSnapshot());
		position = ca_spool_carried(&segment->spool_id, segment->segment);
		PopActiveSnapshot();
		SPI_finish();
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
	}
	PG_END_TRY();
	return position;
}

/* Return up to max records of a segment; tells how many there were. */
static int64
put_records(ReturnSetInfo *result, const CaSpoolSegment *segment, int64 max)
{
	CaSpoolReader reader;
	uint64		position = Max(carried_position(segment), segment->start);
	int64		count = 0;

	if (position >= segment->end)
		return 0;
	ca_spool_read_from(&reader, segment, position);
	while (count < max && ca_spool_read(&reader))
	{
		bytea	   *record = palloc(VARHDRSZ + reader.len);
		Datum		values[] = {
			UUIDPGetDatum(&segment->spool_id),
			Int32GetDatum(segment->segment),
			Int64GetDatum((int64) position),
			PointerGetDatum(record)
		};
		bool		nulls[lengthof(values)] = {false};

		SET_VARSIZE(record, VARHDRSZ + reader.len);
		memcpy(VARDATA(record), reader.record, reader.len);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		pfree(record);
		pfree(reader.record);
		position = reader.position;
		count++;
		CHECK_FOR_INTERRUPTS();
	}
	ca_spool_read_end(&reader);
	return count;
}

/*
 * contauth_audit.spool_read(max_records integer): the records of this server's
 * spool that its tables do not have, in the order in which they were made.
 */
Datum
contauth_audit_spool_read(PG_FUNCTION_ARGS)
{
	int64		left = PG_ARGISNULL(0) ? -1 : PG_GETARG_INT32(0);
	ListCell   *lc;

	require_ring();
	if (left < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_records must be at least 1")));
	ca_reading_note_spool();
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, ca_spool_segments(false))
	{
		CaSpoolSegment *segment = lfirst(lc);

		(void) clip_current(segment);
		left -= put_records((ReturnSetInfo *) fcinfo->resultinfo, segment, left);
		if (left <= 0)
			break;
	}
	return (Datum) 0;
}

/* Are all whole records of the segment in the tables? */
static bool
is_carried(const CaSpoolSegment *segment)
{
	CaSpoolReader reader;
	uint64		carried = carried_position(segment);
	bool		left;

	if (carried >= segment->end)
		return true;
	if (carried < segment->start)
		return false;
	ca_spool_read_from(&reader, segment, carried);
	left = ca_spool_read(&reader);
	ca_spool_read_end(&reader);
	return !left;
}

/*
 * contauth_audit.spool_release(): during recovery, remove the segments whose
 * records replay has brought into the tables here; returns how many.  Nobody's
 * word is taken for it.  Where the server can write, its worker does this.
 */
Datum
contauth_audit_spool_release(PG_FUNCTION_ARGS)
{
	int64		removed = 0;
	ListCell   *lc;

	require_ring();
	if (!RecoveryInProgress())
		PG_RETURN_INT64(0);
	foreach(lc, ca_spool_segments(false))
	{
		CaSpoolSegment *segment = lfirst(lc);

		if (clip_current(segment) || !is_carried(segment))
			continue;
		ca_spool_remove(segment);
		removed++;
	}
	PG_RETURN_INT64(removed);
}

/* Raise 22023 for an argument of carry(). */
static void
report_argument(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", problem)));
}

/* Is this a record: a header and whole fields? */
static bool
is_record(const char *data, Size len)
{
	Size		pos = sizeof(CaAuditHeader);

	if (len < pos || len > CA_SPOOL_RECORD_MAX)
		return false;
	while (pos < len)
	{
		uint32		head[2];

		if (len - pos < sizeof(head))
			return false;
		memcpy(head, data + pos, sizeof(head));
		pos += sizeof(head);
		if (head[1] > len - pos)
			return false;
		pos += head[1];
	}
	return true;
}

/* The records of carry()'s argument as they stand in a file. */
static void
encode_argument(StringInfo out, ArrayType *array)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		bytea	   *record;

		if (nulls[i])
			report_argument("records must not contain null");
		record = DatumGetByteaPP(elements[i]);
		if (!is_record(VARDATA_ANY(record), VARSIZE_ANY_EXHDR(record)))
			report_argument("records holds what contauth_audit.spool_read() has not returned");
		ca_spool_encode(out, VARDATA_ANY(record), VARSIZE_ANY_EXHDR(record));
	}
}

/* Put encoded records into a file of their own, for the worker. */
static void
import(CaSpoolSegment *segment, StringInfo data)
{
	int			fd;

	if (ca_spool_size() + data->len > ca_spool_limit())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the spool of audit records is full"),
				 errhint("Wait until the audit worker has carried what is there.")));
	fd = ca_spool_create(segment, true);
	PG_TRY();
	{
		ca_spool_append(fd, segment, segment->start, data->data, data->len);
	}
	PG_CATCH();
	{
		ca_spool_discard(fd, segment);
		PG_RE_THROW();
	}
	PG_END_TRY();
	ca_spool_publish(fd, segment);
	close(fd);
	ca_ring_announce_spool();
}

/* Wait until the worker has done with the file; false after audit_wait. */
static bool
wait_for_worker(const CaSpoolSegment *segment)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													   ca_guc_audit_wait);
	struct stat st;

	while (stat(segment->path, &st) == 0)
	{
		if (GetCurrentTimestamp() >= deadline)
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 CA_CARRY_POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

/* Carrying is possible only where the tables are written. */
static void
require_home(void)
{
	require_ring();
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot carry audit records during recovery")));
	if (!ca_home_is(MyDatabaseId))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database does not keep the audit tables")));
}

/*
 * contauth_audit.carry(spool_id uuid, segment integer, position bigint,
 * records bytea[]): take over records that spool_read() has returned on a
 * standby, the first of them at that position.  True when they are in the
 * tables; false when they are safe here, and the worker is still to do it.
 * What has been carried before is passed over.
 *
 * SECURITY: who calls this says what was decided elsewhere.  It is for
 * superusers, recorded as an act of administration, and the rows tell the
 * spool that they are said to come from.
 */
Datum
contauth_audit_carry(PG_FUNCTION_ARGS)
{
	CaSpoolSegment segment = {0};
	StringInfoData data;

	ca_extension_require();
	for (int i = 0; i < 4; i++)
	{
		static const char *const problems[] = {
			"spool_id must not be null", "segment must not be null",
			"position must not be null", "records must not be null"
		};

		if (PG_ARGISNULL(i))
			report_argument(problems[i]);
	}
	require_home();
	segment.spool_id = *PG_GETARG_UUID_P(0);
	segment.segment = PG_GETARG_INT32(1);
	segment.start = (uint64) PG_GETARG_INT64(2);
	segment.created_at = DT_NOEND;
	if (segment.segment < 1)
		report_argument("segment must be at least 1");
	if (PG_GETARG_INT64(2) < 0)
		report_argument("position must not be negative");
	if (segment.start > carried_position(&segment))
		report_argument("position lies behind records that have not been carried");
	initStringInfo(&data);
	encode_argument(&data, PG_GETARG_ARRAYTYPE_P(3));
	if (data.len == 0)
		PG_RETURN_BOOL(true);

	ca_record_admin_event("carry_spool",
						  DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0))),
						  psprintf("{\"segment\": %d, \"position\": " INT64_FORMAT ", \"bytes\": %d}",
								   segment.segment, (int64) segment.start, data.len));
	import(&segment, &data);
	PG_RETURN_BOOL(wait_for_worker(&segment));
}
