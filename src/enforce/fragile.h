/*-------------------------------------------------------------------------
 *
 * fragile.h
 *	  Plans that hold more than what is asked when they are started.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_FRAGILE_H
#define CA_ENFORCE_FRAGILE_H

/* A plan was made in the epoch that is right for it alone. */
extern void ca_fragile_made(uint64 epoch);

/* An expression that calls a function was made ready, not by ExecutorStart(). */
extern void ca_fragile_ready(void);

/*
 * Let go of such plans when the epoch is another: called when a statement
 * begins, after the identity has been looked at.
 */
extern void ca_fragile_settle(void);

#endif							/* CA_ENFORCE_FRAGILE_H */
