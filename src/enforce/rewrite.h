/*-------------------------------------------------------------------------
 *
 * rewrite.h
 *	  Put what was decided into the query: masks, row filters, checks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_REWRITE_H
#define CA_ENFORCE_REWRITE_H

#include "enforce/collect.h"

/*
 * Would enforcing the target's obligations be impossible?  Returns the reason
 * (lower-case, for a message) or NULL; *reason_code is for the record.
 */
extern const char *ca_rewrite_refusal(const CaTarget *target,
									  const char **reason_code);

/*
 * Rewrite the query that the targets were collected from, in place.  All
 * accesses must have been decided and allowed.  True when anything but the
 * mark that ca_rewrite_is_covered() looks for was changed.
 */
extern bool ca_rewrite(List *targets);

/* Was this entry of a finished plan's range table seen by the rewriter? */
extern bool ca_rewrite_is_covered(const RangeTblEntry *rte);

#endif							/* CA_ENFORCE_REWRITE_H */
