/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  What the triggers that check rows of contauth's own tables share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_API_TRIGGER_H
#define CA_API_TRIGGER_H

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

/* The row that a BEFORE ROW trigger is asked about. */
static inline HeapTuple
new_row(FunctionCallInfo fcinfo, const char *function, TupleDesc *desc)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() must be a BEFORE ROW trigger", function)));
	*desc = RelationGetDescr(trigger->tg_relation);
	return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
}

/* Refuse a column's value, under the name of the function's argument. */
static inline void
bad_argument(const char *argument, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not valid: %s", argument, reason)));
}

#endif							/* CA_API_TRIGGER_H */
