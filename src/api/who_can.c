/*-------------------------------------------------------------------------
 *
 * who_can.c
 *	  contauth.who_can() and what_can(): what the policies come to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/obligation_json.h"
#include "base/catalog.h"
#include "enforce/reach.h"
#include "fmgr.h"
#include "funcapi.h"
#include "identity/session.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(contauth_who_can);
PG_FUNCTION_INFO_V1(contauth_what_can);

#define MAX_TEXT		2048	/* bytes of an argument */

/* Columns that both have; the others are before them. */
enum
{
	CAN_DECISION,
	CAN_POLICIES,
	CAN_CONDITIONS,
	CAN_COLUMNS,
	CAN_ROW_FILTER,
	CAN_MASKS,
	CAN_LIMITS,
	CAN_REASON,
	CAN_COLUMN_COUNT
};

#define CAN_OWN_COUNT	2

static Datum
masks_of(const CaReach *reach)
{
	CaJsonObject *object = ca_json_begin();
	ListCell   *lc;

	foreach(lc, reach->masks)
	{
		const CaReachMask *mask = lfirst(lc);

		ca_json_add(object, mask->column, mask->mask);
	}
	return ca_json_end(object);
}

static void
put_row(ReturnSetInfo *rsinfo, const char *first, const char *second, const CaReach *reach)
{
	Datum		values[CAN_OWN_COUNT + CAN_COLUMN_COUNT] = {0};
	bool		nulls[CAN_OWN_COUNT + CAN_COLUMN_COUNT] = {false};
	Datum	   *v = values + CAN_OWN_COUNT;
	bool	   *n = nulls + CAN_OWN_COUNT;

	values[0] = CStringGetTextDatum(first);
	values[1] = CStringGetTextDatum(second);
	v[CAN_DECISION] = CStringGetTextDatum(reach->decision);
	v[CAN_POLICIES] = ca_text_array(reach->policies);
	v[CAN_CONDITIONS] = ca_text_array(reach->conditions);
	v[CAN_COLUMNS] = ca_text_array(reach->columns);
	v[CAN_ROW_FILTER] = ca_text_or_null(reach->row_filter, &n[CAN_ROW_FILTER]);
	v[CAN_MASKS] = masks_of(reach);
	v[CAN_LIMITS] = ca_json_limits(&reach->limits);
	v[CAN_REASON] = ca_text_or_null(reach->obstacle, &n[CAN_REASON]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_who(const CaReach *reach, void *arg)
{
	put_row(arg, reach->agent, reach->object, reach);
}

static void
put_what(const CaReach *reach, void *arg)
{
	put_row(arg, reach->object, reach->action, reach);
}

static char *
argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	char	   *value = PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));

	if (value == NULL || value[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is missing", name)));
	if (strlen(value) > MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", name)));
	return value;
}

/* SECURITY: not for agents: what others may do is none of their business. */
static void
refuse_governed(const char *function)
{
	if (ca_session_governed())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("contauth.%s() is not for governed sessions", function),
				 errhint("contauth.why() tells what the session's agent may do.")));
}

/*
 * who_can(action text, resource text) returns table(spiffe_id, object, decision,
 * policies, conditions, columns, row_filter, masks, limits, reason)
 *
 * One row for each agent that can, or in some session could, do the action with
 * what resource names; more where it names several things, or where not the same is
 * decided about all columns.
 */
Datum
contauth_who_can(PG_FUNCTION_ARGS)
{
	char	   *action = argument(fcinfo, 0, "action");
	char	   *resource = argument(fcinfo, 1, "resource");

	refuse_governed("who_can");
	InitMaterializedSRF(fcinfo, 0);
	ca_reach_who(action, resource, put_who, fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * what_can(spiffe_id text) returns table(object, action, ...)
 *
 * The same for one agent, and everything.
 */
Datum
contauth_what_can(PG_FUNCTION_ARGS)
{
	char	   *agent = argument(fcinfo, 0, "spiffe_id");

	refuse_governed("what_can");
	InitMaterializedSRF(fcinfo, 0);
	ca_reach_what(agent, put_what, fcinfo->resultinfo);
	return (Datum) 0;
}
