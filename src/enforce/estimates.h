/*-------------------------------------------------------------------------
 *
 * estimates.h
 *	  What EXPLAIN shows of the planner's estimates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ESTIMATES_H
#define CA_ENFORCE_ESTIMATES_H

#include "executor/execdesc.h"

/*
 * Take the estimates out of a plan that EXPLAIN has started: they come from
 * statistics of all rows and stored values.  The plan must be nobody else's.
 */
extern void ca_estimates_hide(QueryDesc *queryDesc);

#endif							/* CA_ENFORCE_ESTIMATES_H */
