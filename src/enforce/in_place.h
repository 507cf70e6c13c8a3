/*-------------------------------------------------------------------------
 *
 * in_place.h
 *	  Replace hidden columns where a query uses them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_IN_PLACE_H
#define CA_ENFORCE_IN_PLACE_H

#include "enforce/collect.h"

/*
 * Does nothing make a NULL of what the level's relations return, as an outer join
 * or a grouping set does?
 */
extern bool ca_in_place_keeps_rows(const Query *query);

/*
 * Replace the hidden columns of targets of one level everywhere in it.  Copies
 * what it changes below the level: see ca_rewrite() for the order.
 */
extern void ca_in_place_replace(Query *query, const List *targets);

/* Replace those of the result relation in RETURNING. */
extern void ca_in_place_returning(CaTarget *target);

/*
 * Can ca_in_place_copy() copy the query?  One without queries inside of it, which
 * ca_collect() leaves as it is.
 */
extern bool ca_in_place_copies(const Query *query);

/*
 * A copy of such a query, for ca_rewrite() and the planner.  The targets stand in
 * it from now on; where that can be, their hidden columns have been replaced.
 */
extern Query *ca_in_place_copy(Query *query, List *targets);

#endif							/* CA_ENFORCE_IN_PLACE_H */
