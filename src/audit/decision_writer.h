/*-------------------------------------------------------------------------
 *
 * decision_writer.h
 *	  Many rows into contauth_audit.decision.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_DECISION_WRITER_H
#define CA_AUDIT_DECISION_WRITER_H

#include "audit/decision_table.h"

typedef struct CaDecisionWriter CaDecisionWriter;

/*
 * Begin to write into the table, in the current memory context; needs SPI and a
 * snapshot, and ca_decision_table_hold().  After an error the end of the
 * transaction cleans up.
 */
extern CaDecisionWriter *ca_decision_writer_begin(Oid relation);

/* Add one row (CA_NCOLUMNS values). */
extern void ca_decision_writer_add(CaDecisionWriter *writer, Datum *values,
								   bool *nulls);

/* All rows are there, and triggers of theirs have fired. */
extern void ca_decision_writer_end(CaDecisionWriter *writer);

#endif							/* CA_AUDIT_DECISION_WRITER_H */
