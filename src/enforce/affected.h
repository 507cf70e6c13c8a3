/*-------------------------------------------------------------------------
 *
 * affected.h
 *	  Rows that a query changes, while it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_AFFECTED_H
#define CA_ENFORCE_AFFECTED_H

#include "enforce/budget.h"

/*
 * Look on, from before its first row on, while a started query changes rows:
 * it is refused at the first row that is too many, not at its end.  top: it is
 * the statement's own query, not one inside it.
 */
extern void ca_affected_watch(const QueryDesc *queryDesc, bool top);

/* Rows that its writing WITH queries have been given to change, at its end. */
extern int64 ca_affected_by_with(const QueryDesc *queryDesc);

#endif							/* CA_ENFORCE_AFFECTED_H */
