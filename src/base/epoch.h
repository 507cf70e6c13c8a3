/*-------------------------------------------------------------------------
 *
 * epoch.h
 *	  One number that changes whenever a decision could change.
 *
 * A plan remembers the epochs it was decided under.  While the number is one
 * of them nothing that a decision depends on has changed (identity, registry,
 * policies, labels, self-asserted context), so the hot path compares
 * integers.
 *
 * Each identity has an epoch of its own, to which the backend returns when
 * the identity does and nothing else has changed meanwhile: clients that share
 * a connection present theirs anew in every transaction.  A number never
 * stands for anything else than it did at first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_EPOCH_H
#define CA_BASE_EPOCH_H

/* Current epoch of this backend; 0 is never a valid epoch. */
extern uint64 ca_epoch_current;

/* Changes with everything but the identity; 0 is never a valid value. */
extern uint64 ca_epoch_world;

/* The epoch of one identity, or of none; zeroed at first. */
typedef struct CaEpoch
{
	uint64		number;
	uint64		world;			/* that the number is good in */
} CaEpoch;

/* Something that decisions depend on has changed. */
extern void ca_epoch_advance(void);

/*
 * Who the session is may have changed, and nothing else: until
 * ca_epoch_enter() says who it is, the epoch is nobody's.
 */
extern void ca_epoch_leave(void);
extern void ca_epoch_enter(CaEpoch *epoch);

/* Something has changed for this identity alone, which is entered anew. */
extern void ca_epoch_renew(CaEpoch *epoch);

#endif							/* CA_BASE_EPOCH_H */
