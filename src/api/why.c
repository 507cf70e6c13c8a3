/*-------------------------------------------------------------------------
 *
 * why.c
 *	  contauth.why(): what would be decided about a statement, and why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/obligation_json.h"
#include "base/catalog.h"
#include "base/error.h"
#include "base/guc.h"
#include "enforce/explain.h"
#include "fmgr.h"
#include "funcapi.h"
#include "policy/obligation.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(contauth_why);

/* Columns of the result, in order. */
enum
{
	WHY_RELATION,
	WHY_ACTION,
	WHY_DECISION,
	WHY_POLICIES,
	WHY_COLUMNS,
	WHY_UNCOVERED,
	WHY_MASKS,
	WHY_ROW_FILTER,
	WHY_LIMITS,
	WHY_REASON,
	WHY_COLUMN_COUNT
};

/* {"column": "mask"} of the columns that the access touches. */
static Datum
masks_of(const CaAccess *access)
{
	CaJsonObject *object = ca_json_begin();
	int			attnum = -1;

	while (access != NULL && access->verdict.decision == CA_DECISION_ALLOW &&
		   (attnum = bms_next_member(access->columns, attnum)) >= 0)
	{
		const char *mask = ca_access_mask_text(access, attnum);

		if (mask != NULL)
			ca_json_add(object, access->relation->columns[attnum - 1].name, mask);
	}
	return ca_json_end(object);
}

static void
put_row(ReturnSetInfo *rsinfo, const CaExplained *row)
{
	Datum		values[WHY_COLUMN_COUNT] = {0};
	bool		nulls[WHY_COLUMN_COUNT] = {false};
	const CaAccess *access = row->decision == CA_DECISION_ALLOW && ca_guc_explain_denials ?
	row->access : NULL;
	const CaLimits none = {0};
	const char *reason = ca_guc_explain_denials ? row->reason : NULL;

	values[WHY_RELATION] = ca_text_or_null(row->object, &nulls[WHY_RELATION]);
	values[WHY_ACTION] = ca_text_or_null(row->action, &nulls[WHY_ACTION]);
	values[WHY_DECISION] = CStringGetTextDatum(ca_decision_name(row->decision));
	values[WHY_POLICIES] = ca_text_array(ca_guc_explain_denials ? row->policies : NIL);
	values[WHY_COLUMNS] = ca_text_array(row->columns);
	values[WHY_UNCOVERED] = ca_text_array(row->uncovered);
	values[WHY_MASKS] = masks_of(access);
	values[WHY_ROW_FILTER] = ca_text_or_null(access != NULL ? ca_access_filter_text(access) : NULL,
											 &nulls[WHY_ROW_FILTER]);
	values[WHY_LIMITS] = ca_json_limits(ca_guc_explain_denials ? &row->limits : &none);
	values[WHY_REASON] = ca_text_or_null(reason, &nulls[WHY_REASON]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * why(sql text) returns table(relation, action, decision, policies, columns,
 * uncovered, masks, row_filter, limits, reason)
 *
 * One row for each relation and action of each statement in sql, and for each
 * function that a policy decides about; the statement's decision is the worst
 * of them.  Never runs anything of it.  With contauth.explain_denials = off it
 * tells the decisions only.
 */
Datum
contauth_why(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sql is missing")));
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, ca_explain(text_to_cstring(PG_GETARG_TEXT_PP(0))))
		put_row(rsinfo, lfirst(lc));
	return (Datum) 0;
}
