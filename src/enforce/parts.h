/*-------------------------------------------------------------------------
 *
 * parts.h
 *	  What of a relation who_can() and what_can() ask about together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_PARTS_H
#define CA_ENFORCE_PARTS_H

#include "enforce/things.h"

/*
 * The parts of the relation that the thing is (a List of Bitmapset of attribute
 * numbers, NULL: none), of which the action is decided alike for all columns by
 * every policy.
 */
extern List *ca_parts(CaThing *thing, const CaRelation *relation, const char *action);

/*
 * What the action with some of its columns asks for, a List of CaAccess.  *possible
 * is false when the server would refuse it to anybody.
 */
extern List *ca_part_accesses(CaThing *thing, const CaRelation *relation,
							  const char *action, const Bitmapset *columns,
							  bool *possible);

/* Does it ask for what a view is made of, and not for the relation itself? */
extern bool ca_part_expanded(const CaRelation *relation, const char *action);

#endif							/* CA_ENFORCE_PARTS_H */
