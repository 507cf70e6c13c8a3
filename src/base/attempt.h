/*-------------------------------------------------------------------------
 *
 * attempt.h
 *	  Run something that may raise an error, and go on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_ATTEMPT_H
#define CA_BASE_ATTEMPT_H

/*
 * Call run(arg) in a subtransaction.  True when it came back; false when it
 * raised an error, whose message is put into *error (palloc'd in the current
 * memory context) and whose effects are undone.  Cancellation, termination
 * and other operator intervention are not caught.  Inside parallel mode,
 * where no subtransaction can start, errors are not caught either.
 */
extern bool ca_attempt(void (*run) (void *arg), void *arg, char **error);

/*
 * For a background worker between transactions: call step(), which begins and
 * commits its own.  False when it raised an error, which is in the log, and whose
 * transaction is aborted.
 */
extern bool ca_attempt_step(void (*step) (void));

#endif							/* CA_BASE_ATTEMPT_H */
