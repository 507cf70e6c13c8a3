/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  contauth_audit.verify(): is the audit as it was written?
 *
 * Walks contauth_audit.decision by seq and recomputes the chain; then asks
 * verify_checkpoint.c whether it is the one that was signed, and reports what
 * comes first.  Kinds of damage found here:
 *	edited		a row's content does not give its hash, or its hash is not
 *				the one that the next row was chained to
 *	missing		a number is not there, and later ones are
 *	duplicated	a number is there twice, or is not positive
 *	reordered	a row stands under another number than it was written with
 *	truncated	the newest rows are not there: the running server has
 *				committed more than the table holds
 *
 * Runs with the caller's privileges.  Memory is bounded: rows come through a
 * cursor in chunks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/chain.h"
#include "audit/decision_table.h"
#include "audit/home.h"
#include "audit/ring_shared.h"
#include "audit/verify_checkpoint.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(contauth_audit_verify);

/* Rows fetched at a time. */
#define CA_VERIFY_CHUNK		500

typedef struct Verifier
{
	int64		expected;		/* number that the next row must have */
	int64		checked;		/* rows found right */
	bool		anchored;		/* prev is known */
	unsigned char prev[CA_SHA256_LEN];	/* hash of the row before expected */
	const char *damage;			/* NULL: none so far */
	int64		first_bad;
} Verifier;

/* Note the first damage. */
static void
report_damage(Verifier *v, const char *damage, int64 seq)
{
	v->damage = damage;
	v->first_bad = seq;
}

/* Number of the newest row that the server has committed here, 0: unknown. */
static int64
committed_seq(void)
{
	CaRingShared *ring = ca_ring_shared();
	Oid			relation = ca_decision_table_find();
	int64		seq = 0;

	if (ring == NULL || !OidIsValid(relation) || !ca_home_is(MyDatabaseId))
		return 0;
	LWLockAcquire(ring->lock, LW_SHARED);
	if (ring->base_relation == relation)
		seq = ring->base_seq + (int64) ring->tail_index - 1;
	LWLockRelease(ring->lock);
	return seq;
}

/* Does the bytea datum hold exactly this hash? */
static bool
same_hash(Datum datum, bool isnull, const unsigned char *hash)
{
	bytea	   *bytes;

	if (isnull)
		return false;
	bytes = DatumGetByteaPP(datum);
	return VARSIZE_ANY_EXHDR(bytes) == CA_SHA256_LEN &&
		memcmp(VARDATA_ANY(bytes), hash, CA_SHA256_LEN) == 0;
}

/* A hash as a bytea datum. */
static Datum
hash_datum(const unsigned char *hash)
{
	bytea	   *bytes = palloc(VARHDRSZ + CA_SHA256_LEN);

	SET_VARSIZE(bytes, VARHDRSZ + CA_SHA256_LEN);
	memcpy(VARDATA(bytes), hash, CA_SHA256_LEN);
	return PointerGetDatum(bytes);
}

/* Run a query with one or two parameters, for at most one row. */
static bool
select_one(const char *sql, int nargs, Oid *types, Datum *args)
{
	if (SPI_execute_with_args(sql, nargs, types, args, NULL, true, 1) !=
		SPI_OK_SELECT)
		elog(ERROR, "reading contauth_audit.decision failed");
	return SPI_processed > 0;
}

/*
 * Does the row that belongs at v->expected stand elsewhere?  It is the one
 * that is chained to v->prev and whose hash is right with that number.
 */
static bool
stands_elsewhere(Verifier *v)
{
	Oid			types[] = {BYTEAOID, INT8OID};
	Datum		args[] = {hash_datum(v->prev), Int64GetDatum(v->expected)};
	Datum		values[CA_NCOLUMNS];
	bool		nulls[CA_NCOLUMNS];
	unsigned char hash[CA_SHA256_LEN];

	if (!v->anchored ||
		!select_one(psprintf("SELECT %s FROM contauth_audit.decision"
							 " WHERE prev_hash OPERATOR(pg_catalog.=) $1"
							 " AND seq OPERATOR(pg_catalog.<>) $2 LIMIT 1",
							 ca_decision_column_list()),
					2, types, args))
		return false;
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
					  values, nulls);
	values[CA_COL_SEQ] = Int64GetDatum(v->expected);
	ca_chain_hash(values, nulls, v->prev, hash);
	return same_hash(values[CA_COL_HASH], nulls[CA_COL_HASH], hash);
}

/* Check the row that has the expected number. */
static void
check_content(Verifier *v, Datum *values, bool *nulls)
{
	unsigned char stored_prev[CA_SHA256_LEN] = {0};
	unsigned char hash[CA_SHA256_LEN];
	bytea	   *bytes;

	if (!nulls[CA_COL_PREV_HASH])
	{
		bytes = DatumGetByteaPP(values[CA_COL_PREV_HASH]);
		memcpy(stored_prev, VARDATA_ANY(bytes),
			   Min(VARSIZE_ANY_EXHDR(bytes), CA_SHA256_LEN));
	}
	ca_chain_hash(values, nulls, stored_prev, hash);
	if (!same_hash(values[CA_COL_HASH], nulls[CA_COL_HASH], hash) ||
		!same_hash(values[CA_COL_PREV_HASH], nulls[CA_COL_PREV_HASH],
				   stored_prev))
		report_damage(v, stands_elsewhere(v) ? "reordered" : "edited",
					  v->expected);
	else if (v->anchored &&
			 memcmp(stored_prev, v->prev, CA_SHA256_LEN) != 0)
	{
		/* this row is whole, so its predecessor is not what it followed */
		if (stands_elsewhere(v))
			report_damage(v, "reordered", v->expected);
		else
			report_damage(v, "edited", Max(v->expected - 1, 1));
	}
	else
	{
		memcpy(v->prev, hash, CA_SHA256_LEN);
		v->anchored = true;
		v->expected++;
		v->checked++;
	}
}

/* Check one row. */
static void
check_row(Verifier *v, HeapTuple tuple, TupleDesc desc)
{
	Datum		values[CA_NCOLUMNS];
	bool		nulls[CA_NCOLUMNS];
	int64		seq;

	heap_deform_tuple(tuple, desc, values, nulls);
	seq = DatumGetInt64(values[CA_COL_SEQ]);
	if (seq < v->expected)
		report_damage(v, "duplicated", seq);
	else if (seq > v->expected)
		report_damage(v, stands_elsewhere(v) ? "reordered" : "missing",
					  v->expected);
	else
		check_content(v, values, nulls);
}

/* Check all rows of a range until the first damage. */
static void
check_range(Verifier *v, int64 from, int64 to)
{
	Oid			types[] = {INT8OID, INT8OID};

	/* numbers below the first are none that the worker gives */
	Datum		args[] = {Int64GetDatum(from <= 1 ? PG_INT64_MIN : from),
	Int64GetDatum(to)};
	MemoryContext chunk_context;
	Portal		portal;
	char	   *sql;

	chunk_context = AllocSetContextCreate(CurrentMemoryContext,
										  "contauth verify chunk",
										  ALLOCSET_DEFAULT_SIZES);
	sql = psprintf("SELECT %s FROM contauth_audit.decision"
				   " WHERE seq OPERATOR(pg_catalog.>=) $1"
				   " AND seq OPERATOR(pg_catalog.<=) $2 ORDER BY seq",
				   ca_decision_column_list());
	portal = SPI_cursor_open_with_args(NULL, sql, 2, types, args, NULL, true, 0);
	while (v->damage == NULL)
	{
		SPITupleTable *rows;
		uint64		count;

		SPI_cursor_fetch(portal, true, CA_VERIFY_CHUNK);
		rows = SPI_tuptable;
		count = SPI_processed;
		if (count == 0)
			break;
		for (uint64 i = 0; i < count && v->damage == NULL; i++)
		{
			MemoryContext old_context = MemoryContextSwitchTo(chunk_context);

			check_row(v, rows->vals[i], rows->tupdesc);
			MemoryContextSwitchTo(old_context);
			MemoryContextReset(chunk_context);
		}
		SPI_freetuptable(rows);
	}
	SPI_cursor_close(portal);
}

/* The number behind the last record that retention has dropped, or 1. */
static int64
first_kept(void)
{
	bool		isnull;

	(void) select_one("SELECT pg_catalog.max(seq) FROM contauth_audit.retention",
					  0, NULL, NULL);
	return 1 + DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1, &isnull));
}

/* The hash that row number from must be chained to, if it is known. */
static void
set_anchor(Verifier *v, int64 from)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {Int64GetDatum(from - 1)};

	v->expected = from;
	if (from <= 1)
	{
		v->anchored = true;		/* to 32 zero bytes */
		return;
	}
	if (select_one("SELECT hash FROM contauth_audit.decision"
				   " WHERE seq OPERATOR(pg_catalog.=) $1"
				   " UNION ALL SELECT hash FROM contauth_audit.retention"
				   " WHERE seq OPERATOR(pg_catalog.=) $1", 1, types, args))
	{
		bool		isnull;
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull);
		bytea	   *hash = isnull ? NULL : DatumGetByteaPP(datum);

		if (hash != NULL && VARSIZE_ANY_EXHDR(hash) == CA_SHA256_LEN)
		{
			memcpy(v->prev, VARDATA_ANY(hash), CA_SHA256_LEN);
			v->anchored = true;
		}
	}
}

/*
 * All rows found in the range are right: do they reach its end?  committed is
 * what the server has written; a row beyond the range proves as much.
 */
static void
check_end(Verifier *v, int64 to, int64 committed)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {Int64GetDatum(v->expected)};

	if (v->expected > to)
		return;
	if (select_one("SELECT 1 FROM contauth_audit.decision"
				   " WHERE seq OPERATOR(pg_catalog.>) $1 LIMIT 1",
				   1, types, args))
		report_damage(v, "missing", v->expected);
	else if (v->expected <= committed)
		report_damage(v, "truncated", v->expected);
}

/*
 * Hold what was found against the checkpoints; what comes first counts, and
 * of one record what the record itself shows.
 */
static void
check_signed(Verifier *v, CaCheckpointRange *range)
{
	char	   *damage;
	int64		first_bad;

	range->right = v->expected;
	range->whole = v->damage == NULL;
	damage = ca_verify_checkpoints(range, &first_bad);
	if (damage != NULL && (v->damage == NULL || first_bad < v->first_bad))
		report_damage(v, damage, first_bad);
}

/* Return the one row of the result. */
static void
put_result(FunctionCallInfo fcinfo, const Verifier *v)
{
	ReturnSetInfo *result;
	Datum		values[4] = {0};
	bool		nulls[4] = {false, false, false, false};

	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	values[0] = BoolGetDatum(v->damage == NULL);
	values[1] = Int64GetDatum(v->checked);
	if (v->damage == NULL)
		nulls[2] = nulls[3] = true;
	else
	{
		values[2] = Int64GetDatum(v->first_bad);
		values[3] = PointerGetDatum(cstring_to_text(v->damage));
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * contauth_audit.verify(from_seq bigint, to_seq bigint): NULL means from the
 * first record that is kept, to the newest.
 *
 * What the server has committed is read before the snapshot is taken, so that
 * the snapshot holds at least that; it is a new one also inside a REPEATABLE
 * READ transaction.
 */
Datum
contauth_audit_verify(PG_FUNCTION_ARGS)
{
	Verifier	v = {0};
	int64		from = PG_ARGISNULL(0) ? 1 : Max(PG_GETARG_INT64(0), 1);
	int64		to = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1);
	int64		committed = committed_seq();
	CaCheckpointRange range = {.from = from,.to = to};

	/* what the server stands for, unless it is for another table */
	if (ca_checkpoint_state(&range.state) &&
		range.state.audit != ca_decision_table_find())
		memset(&range.state, 0, sizeof(range.state));
	PushActiveSnapshot(GetLatestSnapshot());
	SPI_connect();
	from = Max(from, first_kept());
	set_anchor(&v, from);
	check_range(&v, from, to);
	if (v.damage == NULL)
		check_end(&v, to, committed);
	check_signed(&v, &range);
	put_result(fcinfo, &v);
	SPI_finish();
	PopActiveSnapshot();
	return (Datum) 0;
}
