/*-------------------------------------------------------------------------
 *
 * decision_row.h
 *	  Turns a record of the ring into a row of contauth_audit.decision.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_DECISION_ROW_H
#define CA_AUDIT_DECISION_ROW_H

#include "audit/decision_table.h"
#include "audit/record.h"

/*
 * Fill the columns of one row from a record: all but seq, boot_id, prev_hash
 * and hash.  Never fails because of what the fields hold.  Results live in the
 * current memory context.  Needs a transaction.
 */
extern void ca_decision_row(const CaAuditHeader *header, const char *fields,
							Size len, Datum values[CA_NCOLUMNS],
							bool nulls[CA_NCOLUMNS]);

/* A text field of a record in this database's encoding; palloc'd. */
extern char *ca_decision_text(const CaAuditHeader *header, const char *value,
							  Size len);

#endif							/* CA_AUDIT_DECISION_ROW_H */
