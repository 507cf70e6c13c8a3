/*-------------------------------------------------------------------------
 *
 * water.h
 *	  The high-water mark: how sensitive is what the session has read?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_WATER_H
#define CA_ENFORCE_WATER_H

#include "policy/authorize.h"

/* Something at work whose decision may change with what is read inside it. */
typedef struct CaWatch
{
	void		(*decide_again) (void *arg);	/* raises the refusal */
	void	   *arg;
	struct CaWatch *outer;
} CaWatch;

/*
 * What is at work, the innermost first.  Whoever watches puts the old value
 * back when his work ends, well or badly (CaWork, CaFrame).
 */
extern CaWatch *ca_water_watches;

extern void ca_water_watch(CaWatch *watch, void (*decide_again) (void *arg), void *arg);

/* Put what has been read so far into the subject of a decision. */
extern void ca_water_tell(CaSubject *subject);

/*
 * A query is about to read what is so sensitive (<= 0: nothing).  When that is
 * more than has been read, everything that it runs inside of is decided again;
 * the refusal, if there is one, comes before anything is read.
 */
extern void ca_water_ask(int sensitivity);

/* It reads it now. */
extern void ca_water_raise(int sensitivity);

/*
 * The statement that asked about these functions has ended: frees the list.
 * Never fails.
 */
extern void ca_water_forget(List *functions);

#endif							/* CA_ENFORCE_WATER_H */
