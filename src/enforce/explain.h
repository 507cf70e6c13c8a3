/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  What would be decided about a statement, and why, without running it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_EXPLAIN_H
#define CA_ENFORCE_EXPLAIN_H

#include "policy/authorize.h"

/* One access, or what else decides about a statement. */
typedef struct CaExplained
{
	const char *object;			/* relation or "function schema.name"; NULL:
								 * the statement */
	const char *action;
	CaDecision	decision;
	List	   *policies;		/* of char *: those that matched, deciding
								 * first */
	List	   *columns;		/* of char * */
	List	   *uncovered;		/* of char * */
	const CaAccess *access;		/* for masks and filter; NULL: there are none */
	CaLimits	limits;
	const char *reason;
} CaExplained;

/*
 * Decide every statement of the text for the session's identity: a List of
 * CaExplained.  Nothing is planned, executed or folded.  Raises the server's
 * own errors for text that does not parse.
 */
extern List *ca_explain(const char *sql);

#endif							/* CA_ENFORCE_EXPLAIN_H */
