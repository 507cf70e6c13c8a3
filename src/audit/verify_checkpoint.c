/*-------------------------------------------------------------------------
 *
 * verify_checkpoint.c
 *	  Is the audit as it was signed?
 *
 * The second half of contauth_audit.verify(): walks the checkpoints of a range
 * by their numbers.  Kinds of damage:
 *	rewritten			the records are chained well, but not to the hash that
 *						was signed
 *	truncated			a checkpoint was made behind the last record
 *	checkpoint_forged	a checkpoint is not signed by the key that it names, or
 *						not chained to the one before, or not the one that the
 *						running server has made
 *	checkpoint_missing	one is gone, or records have waited for one too long
 *
 * SECURITY: a table cannot say which keys are good.  Here it is the running
 * server that does: its newest checkpoint is chained to all before.  Whoever
 * does not trust the server's administrator exports and uses contauth-verify.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/checkpoint_table.h"
#include "audit/home.h"
#include "audit/verify_checkpoint.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows fetched at a time. */
#define CA_VERIFY_CHUNK		500

/* A record may wait twice the interval, and this, for its checkpoint. */
#define CA_LATE_S			10

/* Where the walk is. */
typedef struct Walk
{
	const CaCheckpointRange *range;
	bool		anchored;		/* what comes next is known */
	CaCheckpoint last;			/* number 0: none */
	unsigned char digest[CA_SHA256_LEN];	/* of the last */
	bool		doubtful;		/* of a key that nothing vouches for so far */
	int64		good;			/* newest record that a good one stands for */
	bool		server_seen;	/* the server's newest one was met */
	char	   *damage;
	int64		first_bad;
} Walk;

/* Note damage that begins behind the last good checkpoint. */
static void
report(Walk *walk, int64 seq, char *damage)
{
	walk->damage = damage;
	walk->first_bad = Max(Min(walk->good + 1, seq), walk->range->from);
}

/* Is a checkpoint signed by the key that it carries and names? */
static bool
is_signed(const CaCheckpoint *checkpoint)
{
	CaPublicKey *key = ca_signer_from_der(checkpoint->public_key,
										  checkpoint->public_key_len);
	bool		ok = key != NULL && ca_checkpoint_signed_by(checkpoint, key);

	ca_pubkey_free(key);
	return ok;
}

/* Is it what the running server stands for, as far as it says anything? */
static bool
is_the_servers(Walk *walk, const CaCheckpoint *checkpoint,
			   const unsigned char *digest)
{
	const CaCheckpointState *state = &walk->range->state;

	if (!OidIsValid(state->audit) ||
		checkpoint->checkpoint_id < state->checkpoint_id)
		return true;
	if (checkpoint->checkpoint_id > state->checkpoint_id)
		return strcmp(checkpoint->key_id, state->key_id) == 0;
	walk->server_seen = true;
	return memcmp(digest, state->digest, CA_SHA256_LEN) == 0;
}

/*
 * Another key than before: is it one that the key before vouches for?  If not
 * it may be the server's all the same, since a restart; that is known when the
 * server's newest checkpoint is met.  Until then nothing is proven.
 */
static void
note_key(Walk *walk, const CaCheckpoint *checkpoint)
{
	CaPublicKey *before;

	if (walk->server_seen)
		walk->doubtful = false;
	else if (walk->last.checkpoint_id > 0 &&
			 strcmp(walk->last.key_id, checkpoint->key_id) != 0)
	{
		before = ca_signer_from_der(walk->last.public_key,
									walk->last.public_key_len);
		if (before == NULL || !ca_checkpoint_crossed_by(checkpoint, before))
			walk->doubtful = true;
		ca_pubkey_free(before);
	}
}

/* Check a checkpoint by itself and as the one behind the last. */
static void
check_checkpoint(Walk *walk, const CaCheckpoint *checkpoint, bool well_formed)
{
	static const unsigned char zeros[CA_SHA256_LEN] = {0};
	unsigned char digest[CA_SHA256_LEN];
	const char *problem = NULL;

	if (walk->anchored && checkpoint->checkpoint_id > walk->last.checkpoint_id + 1)
	{
		report(walk, checkpoint->seq,
			   psprintf("checkpoint_missing: checkpoint %lld is not there",
						(long long) walk->last.checkpoint_id + 1));
		return;
	}
	if (!well_formed || !ca_checkpoint_digest(checkpoint, digest) ||
		!is_signed(checkpoint))
		problem = "not signed by the key that it names";
	else if (walk->anchored && (checkpoint->checkpoint_id != walk->last.checkpoint_id + 1 ||
								memcmp(checkpoint->prev_checkpoint, walk->digest,
									   CA_SHA256_LEN) != 0))
		problem = "not chained to the one before";
	else if (checkpoint->checkpoint_id == 1 &&
			 memcmp(checkpoint->prev_checkpoint, zeros, CA_SHA256_LEN) != 0)
		problem = "not the first";
	else if (!is_the_servers(walk, checkpoint, digest))
		problem = "not the one that the server has made";
	if (problem != NULL)
	{
		report(walk, checkpoint->seq,
			   psprintf("checkpoint_forged: checkpoint %lld is %s",
						(long long) checkpoint->checkpoint_id, problem));
		return;
	}
	note_key(walk, checkpoint);
	walk->anchored = true;
	walk->last = *checkpoint;
	memcpy(walk->digest, digest, CA_SHA256_LEN);
}

/* Is the record there that a good checkpoint was made at? */
static void
check_record(Walk *walk, const CaCheckpoint *checkpoint, Datum hash,
			 bool isnull)
{
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(hash);

	if (checkpoint->seq >= walk->range->right)
	{
		/* what ends the records before is the walk over records to say */
		if (walk->range->whole)
			report(walk, walk->range->right,
				   psprintf("truncated: checkpoint %lld was made at record %lld",
							(long long) checkpoint->checkpoint_id,
							(long long) checkpoint->seq));
		if (walk->damage != NULL)
			walk->first_bad = walk->range->right;
	}
	else if (bytes == NULL || VARSIZE_ANY_EXHDR(bytes) != CA_SHA256_LEN ||
			 memcmp(VARDATA_ANY(bytes), checkpoint->record_hash,
					CA_SHA256_LEN) != 0)
		report(walk, checkpoint->seq,
			   psprintf("rewritten: not what checkpoint %lld was made at",
						(long long) checkpoint->checkpoint_id));
	else if (!walk->doubtful)
		walk->good = Max(walk->good, checkpoint->seq);
}

/* Check one row: a checkpoint, and the hash of its record. */
static void
check_row(Walk *walk, HeapTuple tuple, TupleDesc desc)
{
	CaCheckpoint checkpoint;
	bool		well_formed = ca_checkpoint_from_row(tuple, desc, &checkpoint);
	bool		isnull;
	Datum		hash = SPI_getbinval(tuple, desc, CA_CHECKPOINT_NCOLUMNS + 1,
									 &isnull);

	check_checkpoint(walk, &checkpoint, well_formed);
	if (walk->damage == NULL)
		check_record(walk, &checkpoint, hash, isnull);
}

/* Walk the checkpoints of the range until the first damage. */
static void
walk_checkpoints(Walk *walk)
{
	Oid			types[] = {INT8OID, INT8OID};
	Datum		args[] = {Int64GetDatum(walk->range->from),
	Int64GetDatum(walk->range->to)};
	MemoryContext chunk_context = AllocSetContextCreate(CurrentMemoryContext,
														"contauth verify chunk",
														ALLOCSET_DEFAULT_SIZES);
	MemoryContext outer_context = CurrentMemoryContext;
	Portal		portal;
	char	   *sql;

	sql = psprintf("SELECT %s, d.hash FROM contauth_audit.checkpoint AS c"
				   " LEFT JOIN contauth_audit.decision AS d"
				   " ON d.seq OPERATOR(pg_catalog.=) c.seq"
				   " WHERE c.seq OPERATOR(pg_catalog.>=) $1"
				   " AND c.seq OPERATOR(pg_catalog.<=) $2"
				   " ORDER BY c.checkpoint_id", ca_checkpoint_columns);
	portal = SPI_cursor_open_with_args(NULL, sql, 2, types, args, NULL, true, 0);
	while (walk->damage == NULL)
	{
		SPI_cursor_fetch(portal, true, CA_VERIFY_CHUNK);
		if (SPI_processed == 0)
			break;
		MemoryContextSwitchTo(chunk_context);
		for (uint64 i = 0; i < SPI_processed && walk->damage == NULL; i++)
			check_row(walk, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		MemoryContextSwitchTo(outer_context);
		if (walk->damage != NULL)
			walk->damage = pstrdup(walk->damage);
		MemoryContextReset(chunk_context);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

/* The server's newest checkpoint belongs into the range: was it there? */
static void
check_servers(Walk *walk)
{
	const CaCheckpointState *state = &walk->range->state;

	if (!OidIsValid(state->audit) || walk->server_seen ||
		state->seq < walk->range->from || state->seq > walk->range->to)
		return;
	report(walk, state->seq,
		   psprintf("checkpoint_missing: checkpoint %lld is not there",
					(long long) state->checkpoint_id));
}

/* When a record ended, and no earlier than this start of the server. */
static TimestampTz
waiting_since(int64 seq)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {Int64GetDatum(seq)};
	bool		isnull;
	Datum		ended;

	if (SPI_execute_with_args("SELECT coalesce(finished_at, decided_at)"
							  " FROM contauth_audit.decision"
							  " WHERE seq OPERATOR(pg_catalog.=) $1",
							  1, types, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "reading contauth_audit.decision failed");
	if (SPI_processed == 0)
		return GetCurrentTimestamp();
	ended = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &isnull);
	return Max(DatumGetTimestampTz(ended), PgStartTime);
}

/*
 * Where the audit is signed, no record waits for long.  It is signed when
 * there is a key, and when there are checkpoints: who takes the key away
 * does not go unnoticed.
 */
static void
check_late(Walk *walk)
{
	CaCheckpoint newest;
	bool		any = ca_checkpoint_newest(&newest);
	int64		first = any ? newest.seq + 1 : 1;
	int64		allowed_ms = (2 * (int64) ca_guc_checkpoint_interval + CA_LATE_S) * 1000;

	if (!ca_home_is(MyDatabaseId) ||
		(!any && ca_guc_audit_signing_key[0] == '\0'))
		return;
	if (first < walk->range->from || first >= walk->range->right)
		return;
	if (!TimestampDifferenceExceeds(waiting_since(first), GetCurrentTimestamp(),
									(int) Min(allowed_ms, INT_MAX)))
		return;
	walk->good = first - 1;
	report(walk, first,
		   pstrdup("checkpoint_missing: no checkpoint has been made since"));
}

/* See verify_checkpoint.h. */
char *
ca_verify_checkpoints(const CaCheckpointRange *range, int64 *first_bad)
{
	Walk		walk = {0};

	walk.range = range;
	walk.good = range->from - 1;
	walk.anchored = range->from <= 1;	/* to nothing: the first has number 1 */
	walk_checkpoints(&walk);
	if (walk.damage == NULL)
		check_servers(&walk);
	if (walk.damage == NULL)
		check_late(&walk);
	*first_bad = walk.first_bad;
	return walk.damage;
}
