/*-------------------------------------------------------------------------
 *
 * escalate.h
 *	  What escalates goes on with an approval, or is refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ESCALATE_H
#define CA_ENFORCE_ESCALATE_H

#include "enforce/binding.h"
#include "enforce/refuse.h"
#include "policy/authorize.h"

/*
 * Something of the current statement escalates.  True: it is approved, and the
 * use of the approval is on record; go on.  False: an approval has come while
 * we waited; decide again.  Otherwise the statement is refused, as refusal
 * says, and a person has been asked.  In monitor mode it is put on record, and
 * goes on.
 *
 * nested: the plan that escalates, when it is not the statement's own.
 */
extern bool ca_escalate(const CaEscalation *escalation, const CaPlanNote *nested,
						CaRefusal *refusal);

/* The same for a plan that is about to start; and is it approved then? */
extern bool ca_escalate_plan(const CaPlanNote *note, const char *text,
							 int location, int len);
extern bool ca_escalation_stands(const CaPlanNote *note);

#endif							/* CA_ENFORCE_ESCALATE_H */
