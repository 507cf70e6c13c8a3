/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  The record of one top-level statement while it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_STATEMENT_H
#define CA_ENFORCE_STATEMENT_H

#include "audit/record.h"
#include "enforce/note.h"
#include "identity/identity.h"

typedef struct CaStatement CaStatement;

/* The statement on whose behalf things happen now, or NULL. */
extern CaStatement *ca_statement_current;

/* How deep in nested statements we are; 0 at the top. */
extern int	ca_statement_level;

/* Highest sensitivity that the session has read so far; -1: none. */
extern int	ca_statement_high_water;

/*
 * Begin a record.  text is the source of which len bytes at location belong
 * to this statement (location -1 or len 0: all of it), as in a PlannedStmt.
 * The caller makes it current, and finishes it exactly once.
 */
extern CaStatement *ca_statement_begin(const char *kind, const char *text,
									   int location, int len, uint64 query_id);

/* What the plan's note says was decided becomes part of the record. */
extern void ca_statement_add_note(CaStatement *statement, const CaPlanNote *note);

/* Fields already encoded, of a statement that is refused while it is planned. */
extern void ca_statement_add_fields(CaStatement *statement,
									const char *data, Size len);

/* An access decided at run time (function, role, channel, utility). */
extern void ca_statement_add_access(CaStatement *statement, const char *action,
									const char *object, CaDecision decision,
									const char *policy);

/* Record a verdict that is worse than what the record says so far. */
extern void ca_statement_judge(CaStatement *statement, CaDecision decision,
							   const char *reason_code, const char *reason,
							   const char *policy);

extern const pg_uuid_t *ca_statement_id(const CaStatement *statement);

/*
 * In strict mode, write the record now, because rows leave from here on; it
 * says nothing about rows and time.  Should the statement fail later, a
 * second record says so.  Elsewhere does nothing.
 */
extern void ca_statement_before_rows(CaStatement *statement);

/*
 * Write the record and free it.  rows < 0: not known.  In strict mode returns
 * when the record is durable.  Raises ZA005 when it cannot be taken; the
 * statement is freed all the same.
 */
extern void ca_statement_finish(CaStatement *statement, int64 rows_returned,
								int64 rows_affected, int sqlstate);

/* Free a record without writing it: the statement never started to run. */
extern void ca_statement_discard(CaStatement *statement);

/* Time spent deciding, in microseconds, to be put into the next record. */
extern void ca_statement_spent(int64 decision_us);

/* The text of a decision's id, palloc'd. */
extern char *ca_statement_id_text(const CaStatement *statement);

#endif							/* CA_ENFORCE_STATEMENT_H */
