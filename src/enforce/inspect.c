/*-------------------------------------------------------------------------
 *
 * inspect.c
 *	  What a query calls.
 *
 * Functions are decided again when an expression is made ready to run
 * (function.c).  They are found here as well because the planner may fold a
 * call away: its result stays in a plan that another identity might run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/catalog.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "enforce/inspect.h"
#include "identity/presented.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct CaInspector
{
	CaInspection result;
	bool		other;			/* anything that needs an identity */
} CaInspector;

bool
ca_function_presents_identity(Oid funcid)
{
	char	   *name;

	if (funcid == F_SET_CONFIG)
		return true;
	if (funcid < FirstNormalObjectId ||
		get_func_namespace(funcid) != ca_schema_oid() ||
		(name = get_func_name(funcid)) == NULL)
		return false;
	return strcmp(name, "authenticate") == 0 || strcmp(name, "whoami") == 0;
}

/*
 * Note what pg_proc says of a function.  All but the compiled ones can run
 * statements; of an aggregate that is not the server's it is not known.
 */
static void
note_facts(CaInspector *inspector, Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	inspector->result.runs_code |=
		(proc->prolang != INTERNALlanguageId && proc->prolang != ClanguageId) ||
		(proc->prokind == PROKIND_AGGREGATE && funcid >= FirstNormalObjectId);
	if (ca_function_presents_identity(funcid))
		inspector->result.presents = true;
	else if (funcid >= FirstNormalObjectId ||
			 proc->provolatile != PROVOLATILE_IMMUTABLE)
		inspector->other = true;
	ReleaseSysCache(tuple);
}

static bool
note_function(Oid funcid, void *context)
{
	CaInspector *inspector = context;

	/* pg_notify() takes values out of the statement, as others' functions may */
	if (funcid >= FirstNormalObjectId || funcid == F_PG_NOTIFY)
		inspector->result.functions =
			list_append_unique_oid(inspector->result.functions, funcid);
	note_facts(inspector, funcid);
	return false;
}

/* The text of a constant argument, NULL when it is computed or NULL. */
static char *
constant_text(Node *arg)
{
	if (!IsA(arg, Const) || ((Const *) arg)->constisnull)
		return NULL;
	return TextDatumGetCString(((Const *) arg)->constvalue);
}

/* SECURITY: set_config() does what SET does, and is judged like it. */
static void
note_set_config(CaInspection *result, const FuncExpr *call)
{
	char	   *name = constant_text(linitial(call->args));

	if (name == NULL)
		result->sets_unknown = true;
	else if (pg_strcasecmp(name, "role") == 0 ||
			 pg_strcasecmp(name, "session_authorization") == 0)
	{
		result->takes_role = constant_text(lsecond(call->args));
		if (result->takes_role == NULL)
			result->takes_role = pstrdup("");
	}
	else if (ca_presented_setting(name))
		result->sets_token = true;
}

static bool
inspect_walker(Node *node, void *context)
{
	CaInspector *inspector = context;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_RangeTblRef:
			return false;
		case T_RangeTblEntry:
			/* the entries' expressions are walked by themselves */
			if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
				inspector->other = true;
			return false;
		case T_Query:
			if (((Query *) node)->commandType != CMD_SELECT)
				inspector->other = true;
			return query_tree_walker((Query *) node, inspect_walker, context,
									 QTW_EXAMINE_RTES_BEFORE);
		case T_SQLValueFunction:
		case T_NextValueExpr:
			inspector->other = true;
			break;
		case T_TargetEntry:
			return inspect_walker((Node *) ((TargetEntry *) node)->expr, context);
		case T_FuncExpr:
			if (((FuncExpr *) node)->funcid == F_SET_CONFIG)
				note_set_config(&inspector->result, (FuncExpr *) node);
			break;
		default:
			break;
	}
	(void) check_functions_in_node(node, note_function, context);
	return expression_tree_walker(node, inspect_walker, context);
}

static bool
relation_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		return ((RangeTblEntry *) node)->rtekind == RTE_RELATION;
	if (IsA(node, Query))
		return ((Query *) node)->commandType != CMD_SELECT ||
			query_tree_walker((Query *) node, relation_walker, context,
							  QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, relation_walker, context);
}

bool
ca_inspect_touches_data(Query *query)
{
	return relation_walker((Node *) query, NULL);
}

CaInspection
ca_inspect(Query *query)
{
	CaInspector inspector = {0};

	(void) inspect_walker((Node *) query, &inspector);
	inspector.result.presents &= !inspector.other;
	return inspector.result;
}
