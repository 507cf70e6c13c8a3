/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  Marks work that contauth itself does inside an agent's statement.
 *
 * While the depth is not 0, hooks let things pass: it is our own code that
 * runs (a condition, a mask's constant), not the agent's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_INTERNAL_H
#define CA_BASE_INTERNAL_H

/* Raised and restored by whoever runs own code, with PG_TRY/PG_FINALLY. */
extern int	ca_internal_depth;

#endif							/* CA_BASE_INTERNAL_H */
