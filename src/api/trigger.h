/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  What the triggers that check rows of contauth's own tables share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_API_TRIGGER_H
#define CA_API_TRIGGER_H

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

/* Refuse a column's value, under the name of the function's argument. */
static inline void
bad_argument(const char *argument, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is not valid: %s", argument, reason)));
}

/*
 * The server looks for NULLs in NOT NULL columns only after the triggers.  The
 * version of a policy is what trigger record_version puts there.
 */
static inline void
refuse_nulls(HeapTuple row, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attnotnull && att->attgenerated == '\0' && !att->attisdropped &&
			heap_attisnull(row, att->attnum, desc) &&
			strcmp(NameStr(att->attname), "version") != 0)
			bad_argument(NameStr(att->attname), "it must not be null");
	}
}

/* The row that a BEFORE ROW trigger is asked about, without NULLs where none may be. */
static inline HeapTuple
new_row(FunctionCallInfo fcinfo, const char *function, TupleDesc *desc)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	row;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s() must be a BEFORE ROW trigger", function)));
	*desc = RelationGetDescr(trigger->tg_relation);
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	refuse_nulls(row, *desc);
	return row;
}

#endif							/* CA_API_TRIGGER_H */
