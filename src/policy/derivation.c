/*-------------------------------------------------------------------------
 *
 * derivation.c
 *	  What views and materialized views are computed from.
 *
 * A column takes the classes of all that its expression reads, followed through
 * joins, sub-selects and other views.  Where it cannot be followed, and for the
 * view as a whole, everything counts that the view's query reads.
 *
 * SECURITY: from the query, not from the server's dependencies: they forget
 * that a query reads a whole row when it also names a column of it.
 * (test/sql/labels.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "policy/derivation.h"
#include "policy/label.h"
#include "rewrite/prs2lock.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* What a query reads, while it is being walked. */
typedef struct SourceWalk
{
	List	   *rtables;		/* innermost first */
	List	   *classes;
	bool		lost;			/* a column comes from what is not followed */
} SourceWalk;

static bool source_walker(Node *node, void *context);

/* Add the classes of a relation's column, or of all of them for the whole row. */
static void
add_column(SourceWalk *walk, Oid relid, AttrNumber attnum)
{
	if (attnum > 0)
		walk->classes = ca_label_add(walk->classes, ca_label_classes(relid, attnum));
	else if (attnum == InvalidAttrNumber)
	{
		while (get_attname(relid, ++attnum, true) != NULL)
			walk->classes = ca_label_add(walk->classes, ca_label_classes(relid, attnum));
	}
}

/* A column that stands for an expression, at its own level. */
static void
add_stand_in(SourceWalk *walk, List *stand_ins, const Var *var)
{
	List	   *rtables = walk->rtables;

	walk->rtables = list_copy_tail(rtables, var->varlevelsup);
	(void) source_walker(var->varattno == InvalidAttrNumber ? (Node *) stand_ins :
						 (Node *) list_nth(stand_ins, var->varattno - 1), walk);
	walk->rtables = rtables;
}

/*
 * A column of a sub-select: what its expression reads.  Of set operations, in
 * which it stands for several, everything.
 */
static void
add_subquery_column(SourceWalk *walk, Query *query, const Var *var)
{
	List	   *rtables = walk->rtables;
	Node	   *node = (Node *) query;

	walk->rtables = list_copy_tail(rtables, var->varlevelsup);
	if (query->setOperations == NULL && var->varattno > 0)
	{
		walk->rtables = lcons(query->rtable, walk->rtables);
		node = (Node *) list_nth_node(TargetEntry, query->targetList,
									  var->varattno - 1)->expr;
	}
	(void) source_walker(node, walk);
	walk->rtables = rtables;
}

static void
add_source(SourceWalk *walk, const Var *var)
{
	RangeTblEntry *rte;
	List	   *stand_ins;

	if (walk->rtables == NIL)
		elog(ERROR, "a column stands outside of every query");
	rte = rt_fetch(var->varno, (List *) list_nth(walk->rtables, var->varlevelsup));
	stand_ins = ca_rte_stand_ins(rte);
	if (rte->rtekind == RTE_RELATION)
		add_column(walk, rte->relid, var->varattno);
	else if (stand_ins != NIL && var->varattno >= 0)
		add_stand_in(walk, stand_ins, var);
	else if (rte->rtekind == RTE_SUBQUERY)
		add_subquery_column(walk, rte->subquery, var);
	else
		/* a WITH query, a function's result: the whole query counts */
		walk->lost = true;
}

static bool
source_walker(Node *node, void *context)
{
	SourceWalk *walk = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		add_source(walk, (Var *) node);
		return false;
	}
	if (IsA(node, Query))
	{
		walk->rtables = lcons(((Query *) node)->rtable, walk->rtables);
		(void) query_tree_walker((Query *) node, source_walker, context,
								 QTW_IGNORE_JOINALIASES);
		walk->rtables = list_delete_first(walk->rtables);
		return false;
	}
	return expression_tree_walker(node, source_walker, context);
}

/* The query of a view or materialized view, NULL of anything else. */
static Query *
defining_query(Relation rel)
{
	char		kind = rel->rd_rel->relkind;

	for (int i = 0; (kind == RELKIND_VIEW || kind == RELKIND_MATVIEW) &&
		 rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
	{
		if (rel->rd_rules->rules[i]->event == CMD_SELECT)
			return linitial_node(Query, rel->rd_rules->rules[i]->actions);
	}
	return NULL;
}

List *
ca_derived_classes(Oid relid, AttrNumber attnum)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	Query	   *query = defining_query(rel);
	SourceWalk	walk = {NIL, NIL, false};
	TargetEntry *column = NULL;

	check_stack_depth();
	if (query != NULL && query->setOperations == NULL)
		column = get_tle_by_resno(query->targetList, attnum);
	if (column != NULL)
	{
		walk.rtables = list_make1(query->rtable);
		(void) source_walker((Node *) column->expr, &walk);
		if (!walk.lost)
			query = NULL;
	}
	walk.rtables = NIL;
	if (query != NULL)
		(void) source_walker((Node *) query, &walk);
	relation_close(rel, NoLock);
	return walk.classes;
}
