/*-------------------------------------------------------------------------
 *
 * request.c
 *	  The authorization request that conditions see as "ctx".
 *
 * A condition is parsed over the composite type contauth.context, planned
 * and compiled once, and evaluated over a virtual tuple in which only the
 * columns that it uses are filled in.
 *
 * Evaluation may fail.  Conditions that consist of leakproof functions only
 * cannot, and run as they are; others run in a subtransaction, because
 * catching an error without one would leave its resources behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tupdesc.h"
#include "base/catalog.h"
#include "base/attempt.h"
#include "base/guc.h"
#include "base/internal.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/executor.h"
#include "identity/claim.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "policy/expression.h"
#include "policy/history.h"
#include "policy/request.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* How to fill a column of ctx. */
typedef Datum (*CaFill) (const CaRequest *request, bool *isnull);

struct CaCondition
{
	ExprState  *state;
	ExprContext *econtext;
	TupleTableSlot *slot;
	Bitmapset  *columns;		/* attribute numbers used */
	CaFill	   *fills;			/* theirs, by attribute number */
	bool		dynamic;
	bool		mutable;		/* depends on settings such as TimeZone */
	bool		can_fail;
	CaConditionNeeds needs;
};

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

static Datum
fill_agent(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->identity->agent, isnull);
}

static Datum
fill_trust_domain(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->identity->trust_domain, isnull);
}

static Datum
fill_on_behalf_of(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->identity->on_behalf_of, isnull);
}

static Datum
fill_chain(const CaRequest *r, bool *isnull)
{
	return ca_text_array(r->identity->chain.principals);
}

static Datum
fill_depth(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(r->identity->depth);
}

static Datum
fill_autonomy(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(ca_identity_autonomy(r->identity));
}

static Datum
fill_owner(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->identity->registered->owner, isnull);
}

const char *
ca_request_purpose(const CaIdentity *identity, bool *verified)
{
	const char *claim = identity != NULL ? ca_identity_claim(identity, "purpose") : NULL;

	*verified = claim != NULL;
	return claim != NULL ? claim : ca_guc_purpose();
}

static Datum
fill_purpose(const CaRequest *r, bool *isnull)
{
	bool		verified;

	return text_or_null(ca_request_purpose(r->identity, &verified), isnull);
}

static Datum
fill_purpose_verified(const CaRequest *r, bool *isnull)
{
	bool		verified;

	(void) ca_request_purpose(r->identity, &verified);
	return BoolGetDatum(verified);
}

static Datum
fill_task_id(const CaRequest *r, bool *isnull)
{
	return text_or_null(ca_guc_task_id(), isnull);
}

static Datum
fill_action(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->action, isnull);
}

static Datum
fill_resource(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->resource, isnull);
}

static Datum
fill_columns(const CaRequest *r, bool *isnull)
{
	return ca_text_array(r->columns);
}

static Datum
fill_labels(const CaRequest *r, bool *isnull)
{
	return ca_text_array(r->labels);
}

static Datum
fill_sensitivity(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(Max(r->sensitivity, 0));
}

static Datum
fill_target_sensitivity(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(Max(r->target_sensitivity, 0));
}

static Datum
fill_statement_kind(const CaRequest *r, bool *isnull)
{
	return text_or_null(r->statement_kind, isnull);
}

static Datum
fill_nested_level(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(r->nested_level);
}

static Datum
fill_high_water(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(Max(r->high_water, r->reads));
}

static Datum
fill_db_role(const CaRequest *r, bool *isnull)
{
	return text_or_null(GetUserNameFromId(GetSessionUserId(), true), isnull);
}

static Datum
fill_database(const CaRequest *r, bool *isnull)
{
	return text_or_null(get_database_name(MyDatabaseId), isnull);
}

static Datum
fill_application_name(const CaRequest *r, bool *isnull)
{
	return text_or_null(application_name, isnull);
}

static Datum
fill_client_addr(const CaRequest *r, bool *isnull)
{
	const char *addr = ca_session_client_addr();

	*isnull = addr == NULL;
	return *isnull ? (Datum) 0 :
		DirectFunctionCall1(inet_in, CStringGetDatum(addr));
}

static Datum
fill_tls(const CaRequest *r, bool *isnull)
{
	return BoolGetDatum(ca_session_tls());
}

static Datum
fill_now(const CaRequest *r, bool *isnull)
{
	return TimestampTzGetDatum(GetCurrentTimestamp());
}

static Datum
fill_claims(const CaRequest *r, bool *isnull)
{
	*isnull = r->identity->credential->claims == NULL;
	return *isnull ? (Datum) 0 : JsonbPGetDatum(r->identity->credential->claims);
}

static Datum
fill_attributes(const CaRequest *r, bool *isnull)
{
	return JsonbPGetDatum(r->identity->registered->attributes);
}

static CaHistory
history_of(const CaRequest *r)
{
	CaHistoryRef ref = ca_history_find(r->identity);

	return ca_history_read(&ref);
}

static Datum
fill_statements_1m(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum((int32) Min(history_of(r).statements_1m, PG_INT32_MAX));
}

static Datum
fill_rows_1h(const CaRequest *r, bool *isnull)
{
	return Int64GetDatum(history_of(r).rows_1h);
}

static Datum
fill_denials_1h(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum((int32) Min(history_of(r).denials_1h, PG_INT32_MAX));
}

static Datum
fill_high_water_1h(const CaRequest *r, bool *isnull)
{
	return Int32GetDatum(Max(history_of(r).high_water_1h, r->reads));
}

static Datum
fill_domain(const CaRequest *r, bool *isnull)
{
	return CStringGetTextDatum(r->domain != NULL ? r->domain : "data");
}

static Datum
fill_request(const CaRequest *r, bool *isnull)
{
	*isnull = r->facts == NULL;
	return *isnull ? (Datum) 0 : JsonbPGetDatum(r->facts);
}

/* Who knows a column's value: everybody who knows the agent, or ... */
typedef enum CaKnown
{
	KNOWN,
	OF_SESSION,
	OF_AUTONOMY,
	OF_DOMAIN,
	OF_ACTION,
	OF_RESOURCE,
	OF_COLUMNS,
	OF_LABELS
} CaKnown;

static const struct
{
	const char *name;
	CaFill		fill;
	bool		dynamic;
	CaKnown		known;
}			columns[] =

{
	{"agent", fill_agent, false, KNOWN},
	{"trust_domain", fill_trust_domain, false, KNOWN},
	{"on_behalf_of", fill_on_behalf_of, false, OF_SESSION},
	{"chain", fill_chain, false, OF_SESSION},
	{"depth", fill_depth, false, OF_SESSION},
	{"autonomy", fill_autonomy, false, OF_AUTONOMY},
	{"owner", fill_owner, false, KNOWN},
	{"purpose", fill_purpose, false, OF_SESSION},
	{"purpose_verified", fill_purpose_verified, false, OF_SESSION},
	{"task_id", fill_task_id, false, OF_SESSION},
	{"action", fill_action, false, OF_ACTION},
	{"resource", fill_resource, false, OF_RESOURCE},
	{"columns", fill_columns, false, OF_COLUMNS},
	{"labels", fill_labels, false, OF_LABELS},
	{"sensitivity", fill_sensitivity, false, OF_LABELS},
	{"target_sensitivity", fill_target_sensitivity, false, OF_LABELS},
	{"statement_kind", fill_statement_kind, false, OF_SESSION},
	{"nested_level", fill_nested_level, true, OF_SESSION},
	{"db_role", fill_db_role, false, OF_SESSION},
	{"database", fill_database, false, KNOWN},
	{"application_name", fill_application_name, true, OF_SESSION},
	{"client_addr", fill_client_addr, false, OF_SESSION},
	{"tls", fill_tls, false, OF_SESSION},
	{"now", fill_now, true, OF_SESSION},
	{"claims", fill_claims, false, OF_SESSION},
	{"attributes", fill_attributes, false, KNOWN},
	{"high_water", fill_high_water, true, OF_SESSION},
	{"high_water_1h", fill_high_water_1h, true, OF_SESSION},
	{"statements_1m", fill_statements_1m, true, OF_SESSION},
	{"rows_1h", fill_rows_1h, true, OF_SESSION},
	{"denials_1h", fill_denials_1h, true, OF_SESSION},
	{"domain", fill_domain, false, OF_DOMAIN},
	{"request", fill_request, false, OF_SESSION},
};

/* The entry of columns[] for a column of contauth.context. */
static int
find_column(const char *name)
{
	for (int i = 0; i < lengthof(columns); i++)
	{
		if (strcmp(columns[i].name, name) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("type contauth.context has an unknown column \"%s\"", name),
			 errhint("Run ALTER EXTENSION contauth UPDATE in this database.")));
	return -1;					/* keep compiler quiet */
}

/* Note what it takes to know a column's value. */
static void
note_need(CaConditionNeeds *needs, CaKnown known)
{
	needs->session |= known == OF_SESSION;
	needs->autonomy |= known == OF_AUTONOMY;
	needs->domain |= known == OF_DOMAIN;
	needs->action |= known == OF_ACTION;
	needs->resource |= known == OF_RESOURCE;
	needs->columns |= known == OF_COLUMNS;
	needs->labels |= known == OF_LABELS;
}

/* Note which columns of ctx the expression uses. */
static void
note_columns(CaCondition *condition, Expr *expr, TupleDesc desc)
{
	Bitmapset  *used = NULL;
	int			i = -1;

	condition->fills = palloc0(sizeof(CaFill) * (desc->natts + 1));
	pull_varattnos((Node *) expr, 1, &used);
	while ((i = bms_next_member(used, i)) >= 0)
	{
		AttrNumber	attnum = i + FirstLowInvalidHeapAttributeNumber;
		int			column;

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("ctx cannot be used as a whole")));
		column = find_column(NameStr(TupleDescAttr(desc, attnum - 1)->attname));
		condition->dynamic |= columns[column].dynamic;
		note_need(&condition->needs, columns[column].known);
		condition->columns = bms_add_member(condition->columns, attnum);
		condition->fills[attnum] = columns[column].fill;
	}
}

/* contauth.context, opened. */
static Relation
open_context(void)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum("context"),
									   ObjectIdGetDatum(ca_schema_oid()));

	return relation_open(get_typ_typrelid(type), AccessShareLock);
}

CaCondition *
ca_condition_make(Expr *expr, TupleDesc desc)
{
	CaCondition *condition = palloc0(sizeof(CaCondition));

	condition->mutable =
		contain_mutable_functions((Node *) ca_expression_instantiate(expr, 1));
	condition->dynamic = condition->mutable;
	condition->needs.session = condition->mutable || ca_expression_uses_claims(expr);
	note_columns(condition, expr, desc);
	condition->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(desc),
											   &TTSOpsVirtual);

	ca_internal_depth++;
	PG_TRY();
	{
		expr = expression_planner(expr);
		condition->can_fail = ca_expression_may_fail(expr);
		condition->econtext = CreateStandaloneExprContext();
		condition->econtext->ecxt_scantuple = condition->slot;
		condition->state = ExecInitExpr(expr, NULL);
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
	}
	PG_END_TRY();
	return condition;
}

Expr *
ca_condition_parse(const char *text, TupleDesc *desc)
{
	Relation	rel = open_context();
	Expr	   *expr = ca_expression_parse(text, rel, "ctx");

	*desc = CreateTupleDescCopy(RelationGetDescr(rel));
	relation_close(rel, AccessShareLock);
	return expr;
}

CaCondition *
ca_condition_compile(const char *text)
{
	TupleDesc	desc;
	Expr	   *expr = ca_condition_parse(text, &desc);

	return ca_condition_make(expr, desc);
}

CaConditionNeeds
ca_condition_needs(const CaCondition *condition)
{
	return condition->needs;
}

List *
ca_condition_clauses(const char *text)
{
	Relation	rel = open_context();
	Expr	   *expr = ca_expression_parse(text, rel, "ctx");
	List	   *names = deparse_context_for("ctx", RelationGetRelid(rel));
	List	   *clauses = NIL;
	ListCell   *lc;

	foreach(lc, make_ands_implicit(expr))
	{
		CaClause   *clause = palloc(sizeof(CaClause));

		clause->text = deparse_expression(lfirst(lc), names, true, false);
		clause->condition = ca_condition_make(copyObject(lfirst(lc)), RelationGetDescr(rel));
		clauses = lappend(clauses, clause);
	}
	relation_close(rel, AccessShareLock);
	return clauses;
}

bool
ca_condition_dynamic(const CaCondition *condition)
{
	return condition->dynamic;
}

/* Fill the tuple and evaluate; may raise an error. */
static CaTruth
evaluate(CaCondition *condition, const CaRequest *request)
{
	TupleTableSlot *slot = condition->slot;
	MemoryContext old;
	Datum		value;
	bool		isnull;
	int			attnum = -1;

	ResetExprContext(condition->econtext);
	old = MemoryContextSwitchTo(condition->econtext->ecxt_per_tuple_memory);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	while ((attnum = bms_next_member(condition->columns, attnum)) >= 0)
	{
		slot->tts_isnull[attnum - 1] = false;
		slot->tts_values[attnum - 1] =
			condition->fills[attnum] (request, &slot->tts_isnull[attnum - 1]);
	}
	ExecStoreVirtualTuple(slot);
	value = ExecEvalExpr(condition->state, condition->econtext, &isnull);
	MemoryContextSwitchTo(old);

	if (isnull)
		return CA_UNKNOWN;
	return DatumGetBool(value) ? CA_TRUE : CA_FALSE;
}

typedef struct GuardedEvaluation
{
	CaCondition *condition;
	const CaRequest *request;
	CaTruth		truth;
} GuardedEvaluation;

static void
evaluate_guarded(void *arg)
{
	GuardedEvaluation *g = arg;

	g->truth = evaluate(g->condition, g->request);
}

CaTruth
ca_condition_eval(CaCondition *condition, const CaRequest *request, char **error)
{
	GuardedEvaluation g = {condition, request, CA_UNKNOWN};
	const CaIdentity *before = ca_claim_subject;
	volatile int nestlevel = 0;

	*error = NULL;
	if (condition->mutable)
		nestlevel = ca_expression_pin_settings();
	ca_claim_subject = request->identity;
	ca_internal_depth++;
	PG_TRY();
	{
		if (!condition->can_fail)
			evaluate_guarded(&g);
		else if (!ca_attempt(evaluate_guarded, &g, error))
			g.truth = CA_UNKNOWN;
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
		ca_claim_subject = before;
	}
	PG_END_TRY();
	if (condition->mutable)
		AtEOXact_GUC(true, nestlevel);
	return g.truth;
}
