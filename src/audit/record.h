/*-------------------------------------------------------------------------
 *
 * record.h
 *	  The audit record as a backend writes it and the worker reads it.
 *
 * A record is a fixed CaAuditHeader followed by fields, each a tag, a length
 * and bytes (TLV, host byte order: it leaves shared memory only for the files of
 * a spool).  A backend
 * formats and hashes nothing: what is the same for many statements (session,
 * identity, plan) is encoded once into a CaAuditBlob and copied from then on.
 * The worker turns a record into a row of contauth_audit.decision.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_RECORD_H
#define CA_AUDIT_RECORD_H

#include "base/decision.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/uuid.h"

/*
 * What a record tells.  A decision is a row of contauth_audit.decision and has
 * a seq; a reading is one of admin_event; of every other kind the worker's
 * listener makes what it likes (worker.h).
 */
typedef enum CaRecordKind
{
	CA_RECORD_DECISION,
	CA_RECORD_REQUEST,			/* somebody has to approve something */
	CA_RECORD_USE,				/* an approval has been used */
	CA_RECORD_READING			/* somebody reads the audit; for reading.c */
} CaRecordKind;

/* Per-statement numbers; everything else is a field. */
typedef struct CaAuditHeader
{
	pg_uuid_t	decision_id;
	TimestampTz decided_at;
	TimestampTz finished_at;	/* 0: not known (NULL) */
	int64		policy_version;
	int64		query_id;		/* 0: none */
	int64		rows_returned;	/* -1: unknown (NULL) */
	int64		rows_affected;	/* -1: does not apply (NULL) */
	int64		decision_us;	/* -1: not measured (NULL) */
	int64		execution_us;	/* -1: not measured (NULL) */
	int32		sqlstate;		/* MAKE_SQLSTATE value; 0 is "00000" */
	int32		max_sensitivity;	/* -1: none (NULL) */
	int16		decision;		/* CaDecision */
	uint8		mode;			/* CaMode */
	uint8		kind;			/* CaRecordKind */
	Oid			database;		/* where it happened; the worker writes its
								 * name */
} CaAuditHeader;

/*
 * Field tags.  T: text bytes without NUL; R: may repeat (array column, in
 * order); B: a nested sequence of fields.
 */
typedef enum CaField
{
	CA_F_REASON_CODE = 1,		/* T */
	CA_F_REASON,				/* T */
	CA_F_POLICY,				/* T R: policies, deciding first */
	CA_F_DOMAIN,				/* T */
	CA_F_AGENT,					/* T */
	CA_F_ON_BEHALF_OF,			/* T */
	CA_F_CHAIN,					/* T: JSON text */
	CA_F_DEPTH,					/* int32 */
	CA_F_AUTONOMY,				/* int32 */
	CA_F_PURPOSE,				/* T */
	CA_F_TASK_ID,				/* T */
	CA_F_TRACE_ID,				/* T */
	CA_F_TOKEN_KID,				/* T */
	CA_F_TOKEN_JTI,				/* T */
	CA_F_TOKEN_SHA256,			/* 32 raw bytes; the column is lower-case hex */
	CA_F_DB_ROLE,				/* T */
	CA_F_APPLICATION_NAME,		/* T */
	CA_F_CLIENT_ADDR,			/* T: as inet_in reads it */
	CA_F_TLS,					/* one byte, 0 or 1 */
	CA_F_ACTION,				/* T R */
	CA_F_ACCESS,				/* B R: one element of accesses */
	CA_F_STATEMENT_KIND,		/* T */
	CA_F_STATEMENT,				/* T: raw SQL text; the worker normalises it */
	CA_F_APPROVAL_ID,			/* 16 raw bytes */
	CA_F_CONTEXT,				/* T: JSON text */
	/* added by ca_ring_put() to what was too long; int32: bytes left out */
	CA_F_CUT_STATEMENT,			/* of the statement's end */
	CA_F_CUT_FIELDS,			/* of whole fields */
	/* in a spool only, instead of CA_F_STATEMENT; T */
	CA_F_NORMALIZED,
	/* of an approval; see approval/request_table.c */
	CA_F_BINDING,				/* raw bytes: CaBinding */
	CA_F_RESOURCE,				/* T R: what has to be approved */
	CA_F_OWNER,					/* T: of the agent; of a reading, who reads */
	CA_F_EXPIRES_AT,			/* TimestampTz */
	CA_F_USES_LEFT,				/* int32: after this use */
	/* inside CA_F_ACCESS */
	CA_F_A_RELATION = 100,		/* T */
	CA_F_A_ACTION,				/* T */
	CA_F_A_COLUMN,				/* T R */
	CA_F_A_LABEL,				/* T R */
	CA_F_A_MASK,				/* T R: "column=mask" */
	CA_F_A_ROW_FILTER,			/* T */
	CA_F_A_DECISION,			/* T */
	CA_F_A_NESTED,				/* int32: nesting level, absent at the top */
	CA_F_A_LIMIT,				/* T R: "limit=number" */
	CA_F_A_MONITOR,				/* T: decision with policies that monitor */
	CA_F_A_MONITOR_POLICY,		/* T R: those that matched */
	CA_F_A_UNCOVERED			/* T R: columns that nothing permits */
} CaField;

/* A finished sequence of fields. */
typedef struct CaAuditBlob
{
	const char *data;
	Size		len;
} CaAuditBlob;

/* Append one field to buf. */
extern void ca_record_put(StringInfo buf, CaField tag,
						  const void *data, Size len);
extern void ca_record_put_text(StringInfo buf, CaField tag, const char *text);	/* NULL: nothing */
extern void ca_record_put_int32(StringInfo buf, CaField tag, int32 value);

/*
 * Step through fields: *pos starts at 0; false at the end.  A malformed
 * sequence raises ERRCODE_DATA_CORRUPTED (it can only come from a bug).
 */
extern bool ca_record_next(const char *data, Size len, Size *pos,
						   CaField *tag, const char **value, Size *value_len);

#endif							/* CA_AUDIT_RECORD_H */
