/*-------------------------------------------------------------------------
 *
 * constraint.h
 *	  Deferred constraints, before they fail out of our sight.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_CONSTRAINT_H
#define CA_ENFORCE_CONSTRAINT_H

/* Fire all that is pending in the transaction, as SET CONSTRAINTS does. */
extern void ca_fire_deferred_constraints(void);

#endif							/* CA_ENFORCE_CONSTRAINT_H */
