/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  contauth_audit.drop_before(): old records go, and the chain stays whole.
 *
 * Records are dropped from the beginning of the chain, never out of its middle:
 * the cut is a number, and what is kept begins behind it.  Whole partitions go.
 * A partition can hold records that belong behind the cut (of statements that
 * ran past its end): they are kept, in the default partition, from where they
 * get a partition of their own.  The newest record is always kept, for the next
 * one is chained to it.
 *
 * What was cut is left in contauth_audit.retention: number and hash of the last
 * record, to which the first one that is kept is chained (verify.c), and
 * whether the chain was whole up to there.
 *
 * SECURITY: nothing younger than contauth.audit_retention_min is dropped
 * (test/t/025_retention.pl).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/decision_table.h"
#include "audit/guard.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(contauth_audit_drop_before);

typedef struct Cut
{
	TimestampTz before;			/* as asked for */
	Datum		archive;		/* as asked for, text */
	List	   *partitions;		/* names of those that end before it */
	TimestampTz kept_from;		/* where the last of them ends */
	int64		seq;			/* the last record to be dropped */
	Datum		hash;			/* its hash */
	Datum		damage;			/* what verify() says up to there, text */
	bool		whole;			/* nothing */
	int64		dropped;		/* number of records */
} Cut;

/* Run one statement with parameters; returns the number of rows. */
static uint64
run(const char *sql, int expected, int nargs, Oid *types, Datum *args,
	const char *nulls)
{
	int			result = SPI_execute_with_args(sql, nargs, types, args, nulls, false, 0);

	if (result != expected)
		elog(ERROR, "%s failed: %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}

/* A value of the first row of the last result. */
static Datum
value(int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, isnull);
}

/* Which partitions end before, and where does the last of them end? */
static void
find_partitions(Cut *cut)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		args[] = {TimestampTzGetDatum(cut->before)};
	uint64		count;

	count = run("SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), b.upper"
				" FROM pg_catalog.pg_inherits AS i"
				" JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid"
				" JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace,"
				" LATERAL (SELECT pg_catalog.substring(pg_catalog.pg_get_expr(c.relpartbound, c.oid),"
				" 'TO \\(''([^'']+)''\\)')::pg_catalog.timestamptz) AS b (upper)"
				" WHERE i.inhparent OPERATOR(pg_catalog.=) 'contauth_audit.decision'::pg_catalog.regclass"
				" AND b.upper OPERATOR(pg_catalog.<=) $1 ORDER BY b.upper",
				SPI_OK_SELECT, 1, types, args, NULL);
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		upper = SPI_getbinval(SPI_tuptable->vals[i],
										  SPI_tuptable->tupdesc, 2, &isnull);

		cut->partitions = lappend(cut->partitions,
								  SPI_getvalue(SPI_tuptable->vals[i],
											   SPI_tuptable->tupdesc, 1));
		cut->kept_from = DatumGetTimestampTz(upper);
	}
}

/* Number and hash of the last record that can go; false when none can. */
static bool
find_cut(Cut *cut)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		args[] = {TimestampTzGetDatum(cut->kept_from)};
	bool		isnull;

	run("SELECT LEAST((SELECT pg_catalog.min(seq) FROM contauth_audit.decision"
		" WHERE decided_at OPERATOR(pg_catalog.>=) $1),"
		" (SELECT pg_catalog.max(seq) FROM contauth_audit.decision))"
		" OPERATOR(pg_catalog.-) 1",
		SPI_OK_SELECT, 1, types, args, NULL);
	cut->seq = DatumGetInt64(value(1, &isnull));
	if (isnull)
		return false;

	types[0] = INT8OID;
	args[0] = Int64GetDatum(cut->seq);
	if (run("SELECT hash FROM contauth_audit.decision WHERE seq OPERATOR(pg_catalog.=) $1",
			SPI_OK_SELECT, 1, types, args, NULL) == 0)
		return false;
	cut->hash = SPI_datumTransfer(value(1, &isnull), false, -1);
	return true;
}

/* What does verify() say of that which goes? */
static void
find_damage(Cut *cut)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {Int64GetDatum(cut->seq)};
	bool		isnull;

	run("SELECT pg_catalog.format('%s, first at %s', damage, first_bad), ok"
		" FROM contauth_audit.verify(NULL, $1)",
		SPI_OK_SELECT, 1, types, args, NULL);
	cut->damage = SPI_datumTransfer(value(1, &isnull), false, -1);
	cut->whole = DatumGetBool(value(2, &isnull));
}

/* Drop one partition, keeping what belongs behind the cut. */
static void
drop_partition(Cut *cut, const char *name)
{
	Oid			types[] = {INT8OID};
	Datum		args[] = {Int64GetDatum(cut->seq)};
	bool		isnull;

	run(psprintf("SELECT pg_catalog.count(*) FROM %s WHERE seq OPERATOR(pg_catalog.<=) $1", name),
		SPI_OK_SELECT, 1, types, args, NULL);
	cut->dropped += DatumGetInt64(value(1, &isnull));
	run(psprintf("ALTER TABLE contauth_audit.decision DETACH PARTITION %s", name),
		SPI_OK_UTILITY, 0, NULL, NULL, NULL);
	run(psprintf("INSERT INTO contauth_audit.decision SELECT * FROM %s"
				 " WHERE seq OPERATOR(pg_catalog.>) $1", name),
		SPI_OK_INSERT, 1, types, args, NULL);
	run(psprintf("DROP TABLE %s", name), SPI_OK_UTILITY, 0, NULL, NULL, NULL);
}

/* Leave what is needed to go on verifying, and who did it. */
static void
record_cut(Cut *cut)
{
	Oid			types[] = {INT8OID, BYTEAOID, TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID, TEXTOID};
	Datum		args[] = {
		Int64GetDatum(cut->seq), cut->hash,
		CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false)),
		TimestampTzGetDatum(cut->before), Int64GetDatum(cut->dropped),
		cut->archive, cut->damage
	};
	StringInfoData detail;

	run("INSERT INTO contauth_audit.retention"
		" (seq, hash, at, by, before, records, archive, damage)"
		" VALUES ($1, $2, pg_catalog.clock_timestamp(), $3, $4, $5, $6, $7)",
		SPI_OK_INSERT, lengthof(types), types, args, cut->whole ? "      n" : NULL);
	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"records\": " INT64_FORMAT ", \"seq\": " INT64_FORMAT
					 ", \"whole\": %s, \"archive\": ",
					 cut->dropped, cut->seq, cut->whole ? "true" : "false");
	escape_json(&detail, TextDatumGetCString(cut->archive));
	appendStringInfoChar(&detail, '}');
	ca_record_admin_event("drop_before", timestamptz_to_str(cut->before), detail.data);
}

/*
 * Step: the whole of it.  Writers wait only for the last part; what they add
 * meanwhile stands behind the cut.
 */
static void
cut_records(void *arg)
{
	Cut		   *cut = arg;
	ListCell   *lc;

	/* one at a time */
	run("LOCK TABLE contauth_audit.retention IN SHARE ROW EXCLUSIVE MODE",
		SPI_OK_UTILITY, 0, NULL, NULL, NULL);
	ca_decision_table_settle(cut->before);
	find_partitions(cut);
	if (cut->partitions == NIL || !find_cut(cut))
		return;
	find_damage(cut);
	run("LOCK TABLE contauth_audit.decision IN ACCESS EXCLUSIVE MODE",
		SPI_OK_UTILITY, 0, NULL, NULL, NULL);
	foreach(lc, cut->partitions)
		drop_partition(cut, lfirst(lc));
	if (cut->dropped > 0)
		record_cut(cut);
}

/* Refuse what may not be asked for. */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	TimestampTz youngest = GetCurrentTimestamp() -
	(TimestampTz) ca_guc_audit_retention_min * USECS_PER_DAY;

	if (PG_ARGISNULL(0) || PG_GETARG_TIMESTAMPTZ(0) > youngest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("before is not valid: records are kept for at least %d days",
						ca_guc_audit_retention_min),
				 errhint("The setting contauth.audit_retention_min says for how long.")));
	if (PG_ARGISNULL(1) || VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("archive is not valid: it must say where the records are kept from now on")));
}

/* contauth_audit.drop_before(before timestamptz, archive text) returns bigint */
Datum
contauth_audit_drop_before(PG_FUNCTION_ARGS)
{
	Cut			cut = {0};

	ca_extension_require();
	check_arguments(fcinfo);
	cut.before = PG_GETARG_TIMESTAMPTZ(0);
	cut.archive = PG_GETARG_DATUM(1);
	SPI_connect();
	ca_guard_run(cut_records, &cut);
	SPI_finish();
	PG_RETURN_INT64(cut.dropped);
}
