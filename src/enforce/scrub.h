/*-------------------------------------------------------------------------
 *
 * scrub.h
 *	  Errors are data: take out of them what the agent may not read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_SCRUB_H
#define CA_ENFORCE_SCRUB_H

#include "base/compat.h"

/*
 * For emit_log_hook: deferred constraints fail at commit, after every hook
 * that could have caught their error.
 */
extern void ca_scrub_report(ErrorData *edata);

/* For emit_log_hook, in every session: no token in the log or in an error. */
extern void ca_scrub_tokens(ErrorData *edata);

/*
 * To be called in PG_CATCH of a governed statement; does not return.  When
 * the server or a setting's check has refused, decision_id (may be NULL) is
 * put into the error's DETAIL.  With hide_values the error does not tell
 * values that the agent may not see.
 */
pg_noreturn extern void ca_scrub_and_rethrow(const char *decision_id,
											 bool hide_values);

/*
 * For fmgr_hook, when a trusted function fails: what it saw is taken out of the
 * error.  Returns, for whoever asked the hook goes on to raise the error.
 */
extern void ca_scrub_failed_inside(void);

/*
 * A statement of this transaction works on values that policies hide: its
 * deferred triggers may fail on them later, at SET CONSTRAINTS or COMMIT.
 */
extern void ca_scrub_reveals(void);
extern bool ca_scrub_revealing(void);

/* How often one has: a procedure ends transactions, and tells of none of them. */
extern uint64 ca_scrub_revealing_times(void);

/* The client itself has begun this transaction, and ends it by a command. */
extern void ca_scrub_explicit(void);

#endif							/* CA_ENFORCE_SCRUB_H */
