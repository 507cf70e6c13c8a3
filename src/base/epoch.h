/*-------------------------------------------------------------------------
 *
 * epoch.h
 *	  One number that changes whenever a decision could change.
 *
 * A plan remembers the epoch it was decided under.  While the number is the
 * same nothing that a decision depends on has changed (identity, registry,
 * policies, labels, self-asserted context), so the hot path compares one
 * integer.  Values are never used twice in a backend: going back to an
 * earlier identity is a new epoch and costs one full decision.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_EPOCH_H
#define CA_BASE_EPOCH_H

/* Current epoch of this backend; 0 is never a valid epoch. */
extern uint64 ca_epoch_current;

/* Something that decisions depend on has changed. */
extern void ca_epoch_advance(void);

#endif							/* CA_BASE_EPOCH_H */
