/*-------------------------------------------------------------------------
 *
 * reading.h
 *	  Who reads the audit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_READING_H
#define CA_AUDIT_READING_H

#include "audit/record.h"
#include "nodes/plannodes.h"

/* Register the callbacks; once per backend, from _PG_init. */
extern void ca_reading_init(void);

/*
 * A plan has been made, and the snapshot that it runs with is yet to be taken (but
 * inside a command, such as CREATE TABLE AS): if it reads the audit, wait until that
 * is complete.
 */
extern void ca_reading_catch_up(const PlannedStmt *plan);

/* A plan is started, or a utility command, which may be a COPY: is it the audit's? */
extern void ca_reading_note_plan(const PlannedStmt *plan);
extern void ca_reading_note_utility(const Node *command);

/*
 * The spool is read: in the log alone, for a row would be one more record to be
 * carried from there.
 */
extern void ca_reading_note_spool(void);

/* The worker, in its transaction: write the row of a reading. */
extern void ca_reading_write(const CaAuditHeader *header, const char *fields, Size len);

#endif							/* CA_AUDIT_READING_H */
