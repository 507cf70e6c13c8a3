/*-------------------------------------------------------------------------
 *
 * halt.h
 *	  A statement that runs is stopped when its identity is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_HALT_H
#define CA_ENFORCE_HALT_H

#include "identity/stop.h"

extern void ca_halt_look(CaStopReason mark);

/*
 * To be called before each row, and before each nested statement: raises ZA004
 * when the identity has been stopped.  Costs two loads.
 */
static inline void
ca_halt_check(void)
{
	CaStopReason mark = ca_stop_mark();

	if (unlikely(mark != CA_STOP_NONE || ca_stop_look_due()))
		ca_halt_look(mark);
}

/*
 * In PG_CATCH of a governed statement, first of all: if what was caught is a
 * cancellation because of a mark, the error at hand is ZA004 from now on, and the
 * record says why.
 */
extern void ca_halt_error(void);

#endif							/* CA_ENFORCE_HALT_H */
