/*-------------------------------------------------------------------------
 *
 * present.c
 *	  What a governed session may do before it has an identity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "enforce/present.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

typedef struct CaPresentation
{
	bool		presents;		/* a call that presents or asks who I am */
	bool		other;			/* anything that needs an identity */
} CaPresentation;

bool
ca_function_presents_identity(Oid funcid)
{
	char	   *name;

	if (funcid == F_SET_CONFIG)
		return true;
	if (get_func_namespace(funcid) != ca_schema_oid() ||
		(name = get_func_name(funcid)) == NULL)
		return false;
	return strcmp(name, "authenticate") == 0 || strcmp(name, "whoami") == 0;
}

static bool
judge_function(Oid funcid, void *context)
{
	CaPresentation *p = context;

	if (ca_function_presents_identity(funcid))
		p->presents = true;
	else if (get_func_namespace(funcid) != PG_CATALOG_NAMESPACE ||
			 func_volatile(funcid) != PROVOLATILE_IMMUTABLE)
		p->other = true;
	return false;
}

static bool
presentation_walker(Node *node, void *context)
{
	CaPresentation *p = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		/* the entries' expressions are walked by themselves */
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			p->other = true;
		return false;
	}
	if (IsA(node, SQLValueFunction) || IsA(node, NextValueExpr))
		p->other = true;
	(void) check_functions_in_node(node, judge_function, context);
	if (IsA(node, Query))
	{
		if (((Query *) node)->commandType != CMD_SELECT)
			p->other = true;
		return query_tree_walker((Query *) node, presentation_walker, context,
								 QTW_EXAMINE_RTES_BEFORE);
	}
	return expression_tree_walker(node, presentation_walker, context);
}

bool
ca_query_presents_identity(Query *query)
{
	CaPresentation p = {false, false};

	(void) presentation_walker((Node *) query, &p);
	return p.presents && !p.other;
}
