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

/*
 * While this is not 0, values of a policy's text are being read, and only
 * immutable and stable functions of pg_catalog may run.
 *
 * SECURITY: reading a value can run the constraints of a domain somewhere in
 * its type, which are code of whoever made it.  (test/sql/smuggle.sql)
 */
extern int	ca_inert_depth;

#endif							/* CA_BASE_INTERNAL_H */
