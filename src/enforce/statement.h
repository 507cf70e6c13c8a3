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
#include "enforce/binding.h"
#include "enforce/budget.h"
#include "identity/identity.h"
#include "policy/authorize.h"

typedef struct CaStatement CaStatement;

/* The statement on whose behalf things happen now, or NULL. */
extern CaStatement *ca_statement_current;

/* How deep in nested statements we are; 0 at the top. */
extern int	ca_statement_level;

/* The kind of a query's statement, as records say it. */
extern const char *ca_statement_kind(CmdType command);

/* The kind of the current statement; "EXECUTE" outside of any.  Static. */
extern const char *ca_statement_current_kind(void);

/*
 * Begin a record.  text is the source of which len bytes at location belong
 * to this statement (location -1 or len 0: all of it), as in a PlannedStmt.
 * The caller makes it current, and finishes it exactly once.
 */
extern CaStatement *ca_statement_begin(const char *kind, const char *text,
									   int location, int len, uint64 query_id);

/*
 * Put the session's identity, as checked last, into the record.  The first
 * one counts: who the statement was decided for, whatever it does to the
 * session's identity.
 */
extern void ca_statement_identify(CaStatement *statement);

/* What the statement may use, and has used. */
extern CaBudget *ca_statement_budget(CaStatement *statement);

/* From here on the statement may have effects: it leaves a record in any case. */
extern void ca_statement_starts(CaStatement *statement);

/*
 * Remember a function whose answer can change while the statement runs, and
 * which nothing else asks about again; all those remembered, as OIDs.
 */
extern void ca_statement_keep_asking(CaStatement *statement, Oid funcid);
extern const List *ca_statement_asked(const CaStatement *statement);

/* Fields of what ran nested inside the statement so far. */
extern CaAuditBlob ca_statement_nested(const CaStatement *statement);

/* Is the function among those that the statement's plans were decided with? */
extern bool ca_statement_knows_function(const CaStatement *statement, Oid funcid);

/*
 * What the plan's note says was decided becomes part of the record; when it is
 * to escalate, and a person has approved it, that it was allowed.
 */
extern void ca_statement_add_note(CaStatement *statement, const CaPlanNote *note,
								  bool approved);

/*
 * What approvals of the statement are bound to, and what has been approved for
 * it.  The source lives as long as the statement is current.
 */
extern void ca_statement_set_source(CaStatement *statement, const CaSource *source);
extern const CaSource *ca_statement_source(const CaStatement *statement);
extern const CaApprovals *ca_statement_approvals(const CaStatement *statement);
extern void ca_statement_take_approvals(CaStatement *statement,
										const CaApprovals *approvals);

/* An approval has been used for it; or it has asked for one. */
extern void ca_statement_approve(CaStatement *statement, const pg_uuid_t *request,
								 const char *by, const CaEscalation *escalation);
extern void ca_statement_ask(CaStatement *statement, const pg_uuid_t *request);

/* Until when it waits for an answer; 0: it has not begun to. */
extern TimestampTz *ca_statement_wait_until(CaStatement *statement);

/* The fixed part of its record. */
extern const CaAuditHeader *ca_statement_header(const CaStatement *statement);

/* Append the fields that tell who asks, and by which statement. */
extern void ca_statement_encode_request(CaStatement *statement, StringInfo fields);

/* Under which policies, and for how sensitive data, was it decided? */
extern void ca_statement_describe(CaStatement *statement, int64 policy_version,
								  int sensitivity);

/* Fields already encoded, of a statement that is refused while it is planned. */
extern void ca_statement_add_fields(CaStatement *statement,
									const char *data, Size len);

/* An access decided at run time (function, role, channel, utility). */
extern void ca_statement_add_access(CaStatement *statement, const char *action,
									const char *object, CaDecision decision,
									const char *policy,
									const CaMonitored *monitored);

/* Record a verdict that is worse than what the record says so far. */
extern void ca_statement_judge(CaStatement *statement, CaDecision decision,
							   const char *reason_code, const char *reason,
							   const char *policy);

/*
 * An error passes through: when the server itself refused (a check option, a
 * missing privilege), the record says so even if the error is swallowed.
 */
extern void ca_statement_note_error(CaStatement *statement, int sqlstate);

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

/*
 * In PG_CATCH: finish with the error at hand.  The id of the last statement
 * that failed stays available for the error's DETAIL.
 */
extern void ca_statement_fail(CaStatement *statement);
extern const char *ca_statement_failed_id(void);

/* Free a record without writing it: the statement never started to run. */
extern void ca_statement_discard(CaStatement *statement);

/* Time spent deciding, in microseconds, to be put into the next record. */
extern void ca_statement_spent(int64 decision_us);

/* The text of a decision's id, palloc'd. */
extern char *ca_statement_id_text(const CaStatement *statement);

#endif							/* CA_ENFORCE_STATEMENT_H */
