/*-------------------------------------------------------------------------
 *
 * decision_table.h
 *	  The table contauth_audit.decision: its columns and access to it.
 *
 * The order of the columns is part of the canonical form (docs/audit-format.md)
 * and of the table's definition (sql/audit.part.sql).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_DECISION_TABLE_H
#define CA_AUDIT_DECISION_TABLE_H

#include "crypto/digest.h"
#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* Where it is. */
#define CA_AUDIT_SCHEMA		"contauth_audit"

typedef enum CaColumn
{
	CA_COL_DECISION_ID = 0,
	CA_COL_SEQ,
	CA_COL_BOOT_ID,
	CA_COL_DECIDED_AT,
	CA_COL_FINISHED_AT,
	CA_COL_DECISION,
	CA_COL_MODE,
	CA_COL_REASON_CODE,
	CA_COL_REASON,
	CA_COL_POLICIES,
	CA_COL_POLICY_VERSION,
	CA_COL_DOMAIN,
	CA_COL_AGENT,
	CA_COL_ON_BEHALF_OF,
	CA_COL_CHAIN,
	CA_COL_DEPTH,
	CA_COL_AUTONOMY,
	CA_COL_PURPOSE,
	CA_COL_TASK_ID,
	CA_COL_TRACE_ID,
	CA_COL_TOKEN_KID,
	CA_COL_TOKEN_JTI,
	CA_COL_TOKEN_SHA256,
	CA_COL_DB_ROLE,
	CA_COL_DATABASE,
	CA_COL_APPLICATION_NAME,
	CA_COL_CLIENT_ADDR,
	CA_COL_TLS,
	CA_COL_ACTION,
	CA_COL_ACCESSES,
	CA_COL_MAX_SENSITIVITY,
	CA_COL_STATEMENT_KIND,
	CA_COL_QUERY_ID,
	CA_COL_STATEMENT_SHA256,
	CA_COL_STATEMENT,
	CA_COL_ROWS_RETURNED,
	CA_COL_ROWS_AFFECTED,
	CA_COL_DECISION_US,
	CA_COL_EXECUTION_US,
	CA_COL_SQLSTATE,
	CA_COL_APPROVAL_ID,
	CA_COL_CONTEXT,
	CA_COL_PREV_HASH,
	CA_COL_HASH,
	CA_NCOLUMNS
} CaColumn;

/* Columns that the canonical form covers: all before prev_hash. */
#define CA_NCHAINED		CA_COL_PREV_HASH

typedef struct CaColumnInfo
{
	const char *name;
	Oid			type;
} CaColumnInfo;

extern const CaColumnInfo ca_decision_columns[CA_NCOLUMNS];

/* The end of the chain as the table has it. */
typedef struct CaNewestRow
{
	int64		seq;			/* 0: the table is empty */
	unsigned char hash[CA_SHA256_LEN];	/* zeros: the table is empty */
	pg_uuid_t	boot_id;
} CaNewestRow;

/* The table's OID, InvalidOid when it is not a part of the extension here. */
extern Oid	ca_decision_table_find(void);

/*
 * Lock the table for writing until the end of the transaction; false when it
 * is not (any more) the one that ca_decision_table_find() would give.
 */
extern bool ca_decision_table_hold(Oid relation);

/* Names of all columns, comma-separated, for a SELECT or INSERT; palloc'd. */
extern char *ca_decision_column_list(void);

/* Read the newest row; needs SPI and a snapshot. */
extern void ca_decision_table_newest(CaNewestRow *newest);

/* Add one row (CA_NCOLUMNS values); needs SPI and a snapshot. */
extern void ca_decision_table_insert(Datum *values, const bool *nulls);

/*
 * Create the partitions of the month of now and of the next one where they
 * are missing, and those of rows in the default partition, which go there;
 * needs SPI and a snapshot.
 */
extern void ca_decision_table_partitions(TimestampTz now);

/* The latter alone, for rows decided before some time. */
extern void ca_decision_table_settle(TimestampTz before);

#endif							/* CA_AUDIT_DECISION_TABLE_H */
