/*-------------------------------------------------------------------------
 *
 * decision_table.c
 *	  The table contauth_audit.decision: its columns and access to it.
 *
 * Everything here runs in the audit worker, in a transaction of its own; the
 * column list also serves verify.c, and retention.c settles the default
 * partition.  All names are schema-qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/decision_table.h"
#include "audit/guard.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define CA_EXTENSION		"contauth"

const CaColumnInfo ca_decision_columns[CA_NCOLUMNS] = {
	{"decision_id", UUIDOID},
	{"seq", INT8OID},
	{"boot_id", UUIDOID},
	{"decided_at", TIMESTAMPTZOID},
	{"finished_at", TIMESTAMPTZOID},
	{"decision", TEXTOID},
	{"mode", TEXTOID},
	{"reason_code", TEXTOID},
	{"reason", TEXTOID},
	{"policies", TEXTARRAYOID},
	{"policy_version", INT8OID},
	{"domain", TEXTOID},
	{"agent", TEXTOID},
	{"on_behalf_of", TEXTOID},
	{"chain", JSONBOID},
	{"depth", INT4OID},
	{"autonomy", INT4OID},
	{"purpose", TEXTOID},
	{"task_id", TEXTOID},
	{"trace_id", TEXTOID},
	{"token_kid", TEXTOID},
	{"token_jti", TEXTOID},
	{"token_sha256", TEXTOID},
	{"db_role", TEXTOID},
	{"database", TEXTOID},
	{"application_name", TEXTOID},
	{"client_addr", INETOID},
	{"tls", BOOLOID},
	{"action", TEXTARRAYOID},
	{"accesses", JSONBOID},
	{"max_sensitivity", INT4OID},
	{"statement_kind", TEXTOID},
	{"query_id", INT8OID},
	{"statement_sha256", TEXTOID},
	{"statement", TEXTOID},
	{"rows_returned", INT8OID},
	{"rows_affected", INT8OID},
	{"decision_us", INT8OID},
	{"execution_us", INT8OID},
	{"sqlstate", TEXTOID},
	{"approval_id", UUIDOID},
	{"context", JSONBOID},
	{"prev_hash", BYTEAOID},
	{"hash", BYTEAOID},
};

static SPIPlanPtr insert_plan = NULL;

/*
 * See decision_table.h.
 *
 * SECURITY: the worker writes as superuser, so a table of this name that
 * somebody else made (with his triggers) must not be taken for ours.
 */
Oid
ca_decision_table_find(void)
{
	Oid			extension = get_extension_oid(CA_EXTENSION, true);
	Oid			schema = get_namespace_oid(CA_AUDIT_SCHEMA, true);
	Oid			relation;

	if (!OidIsValid(extension) || !OidIsValid(schema))
		return InvalidOid;
	relation = get_relname_relid("decision", schema);
	if (!OidIsValid(relation) ||
		getExtensionOfObject(RelationRelationId, relation) != extension)
		return InvalidOid;
	return relation;
}

/* See decision_table.h. */
bool
ca_decision_table_hold(Oid relation)
{
	LockRelationOid(relation, RowExclusiveLock);
	return ca_decision_table_find() == relation;
}

/* See decision_table.h. */
char *
ca_decision_column_list(void)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < CA_NCOLUMNS; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "",
						 ca_decision_columns[i].name);
	return out.data;
}

/* Raise an internal error unless an SPI call did what it should. */
static void
expect_spi(int result, int expected, const char *what)
{
	if (result != expected)
		elog(ERROR, "%s failed: %s", what, SPI_result_code_string(result));
}

/* See decision_table.h. */
void
ca_decision_table_newest(CaNewestRow *newest)
{
	HeapTuple	row;
	TupleDesc	desc;
	bytea	   *hash;
	bool		isnull;

	memset(newest, 0, sizeof(*newest));
	expect_spi(SPI_execute("SELECT seq, hash, boot_id FROM contauth_audit.decision"
						   " ORDER BY seq DESC LIMIT 1", true, 1),
			   SPI_OK_SELECT, "reading contauth_audit.decision");
	if (SPI_processed == 0)
		return;
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	newest->seq = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	hash = DatumGetByteaPP(SPI_getbinval(row, desc, 2, &isnull));
	memcpy(newest->hash, VARDATA_ANY(hash),
		   Min(VARSIZE_ANY_EXHDR(hash), CA_SHA256_LEN));
	newest->boot_id = *DatumGetUUIDP(SPI_getbinval(row, desc, 3, &isnull));
}

/* Prepare the INSERT once per session. */
static void
prepare_insert(void)
{
	StringInfoData sql;
	Oid			types[CA_NCOLUMNS];

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO contauth_audit.decision (%s) VALUES (",
					 ca_decision_column_list());
	for (int i = 0; i < CA_NCOLUMNS; i++)
	{
		types[i] = ca_decision_columns[i].type;
		appendStringInfo(&sql, "%s$%d", i > 0 ? ", " : "", i + 1);
	}
	appendStringInfoChar(&sql, ')');
	insert_plan = SPI_prepare(sql.data, CA_NCOLUMNS, types);
	if (insert_plan == NULL)
		elog(ERROR, "could not prepare: %s",
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(insert_plan);
}

/* See decision_table.h. */
void
ca_decision_table_insert(Datum *values, const bool *nulls)
{
	char		flags[CA_NCOLUMNS];

	if (insert_plan == NULL)
		prepare_insert();
	for (int i = 0; i < CA_NCOLUMNS; i++)
		flags[i] = nulls[i] ? 'n' : ' ';
	expect_spi(SPI_execute_plan(insert_plan, values, flags, false, 0),
			   SPI_OK_INSERT, "writing contauth_audit.decision");
}

/* Run one command that returns nothing. */
static void
run_command(const char *sql, int expected)
{
	expect_spi(SPI_execute(sql, false, 0), expected, sql);
}

/* A month, of UTC. */
typedef struct Month
{
	int			year;
	int			month;
} Month;

/* Step: make a month's table and move what is in the default partition there. */
static void
fill_partition(void *arg)
{
	Month	   *m = arg;
	int			next_year = m->month == 12 ? m->year + 1 : m->year;
	int			next_month = m->month == 12 ? 1 : m->month + 1;
	char	   *from = psprintf("'%04d-%02d-01 00:00:00+00'", m->year, m->month);
	char	   *to = psprintf("'%04d-%02d-01 00:00:00+00'", next_year, next_month);
	char	   *name = psprintf("contauth_audit.decision_p%04d%02d", m->year, m->month);

	run_command(psprintf("CREATE TABLE %s (LIKE contauth_audit.decision INCLUDING DEFAULTS)",
						 name), SPI_OK_UTILITY);
	run_command(psprintf("WITH moved AS (DELETE FROM contauth_audit.decision_default"
						 " WHERE decided_at OPERATOR(pg_catalog.>=) %s"
						 " AND decided_at OPERATOR(pg_catalog.<) %s RETURNING *)"
						 " INSERT INTO %s SELECT * FROM moved", from, to, name),
				SPI_OK_INSERT);

	/* triggers per row come from the parent, those per statement do not */
	run_command(psprintf("CREATE TRIGGER refuse_statement"
						 " BEFORE UPDATE OR DELETE OR TRUNCATE"
						 " ON %s FOR EACH STATEMENT"
						 " EXECUTE FUNCTION contauth_audit.refuse_change()",
						 name), SPI_OK_UTILITY);
	run_command(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_statement",
						 name), SPI_OK_UTILITY);
	run_command(psprintf("ALTER TABLE contauth_audit.decision ATTACH PARTITION %s"
						 " FOR VALUES FROM (%s) TO (%s)", name, from, to),
				SPI_OK_UTILITY);
}

/* Create the partition of one month unless it is there. */
static void
create_partition(int year, int month)
{
	char	   *name = psprintf("decision_p%04d%02d", year, month);
	Month		m = {year, month};

	if (OidIsValid(get_relname_relid(name,
									 get_namespace_oid(CA_AUDIT_SCHEMA, false))))
		return;
	ca_guard_run(fill_partition, &m);
}

/* See decision_table.h. */
void
ca_decision_table_settle(TimestampTz before)
{
	Oid			types[] = {TIMESTAMPTZOID};
	Datum		args[] = {TimestampTzGetDatum(before)};
	SPITupleTable *rows;
	uint64		count;

	expect_spi(SPI_execute_with_args("SELECT DISTINCT pg_catalog.date_part('year', m.t)::integer,"
									 " pg_catalog.date_part('month', m.t)::integer"
									 " FROM contauth_audit.decision_default AS d,"
									 " LATERAL (SELECT pg_catalog.timezone('UTC', d.decided_at)) AS m (t)"
									 " WHERE d.decided_at OPERATOR(pg_catalog.<) $1",
									 1, types, args, NULL, false, 0),
			   SPI_OK_SELECT, "reading contauth_audit.decision_default");
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		year = SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull);
		Datum		month = SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull);

		create_partition(DatumGetInt32(year), DatumGetInt32(month));
	}
}

/* See decision_table.h. */
void
ca_decision_table_partitions(TimestampTz now)
{
	struct pg_tm tm;
	fsec_t		fsec;

	/* without a zone pointer the fields are those of UTC */
	if (timestamp2tm(now, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	create_partition(tm.tm_year, tm.tm_mon);
	if (tm.tm_mon == 12)
		create_partition(tm.tm_year + 1, 1);
	else
		create_partition(tm.tm_year, tm.tm_mon + 1);
	ca_decision_table_settle(DT_NOEND);
}
