/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  What a statement touches: every relation, at every depth.
 *
 * Columns are found by walking the expressions, not from the permission
 * bitmaps: an expanded view marks every column that it could return, and a
 * whole-row reference marks none of them.
 *
 * Columns that an inner query returns but nobody above uses are left out, so
 * that a view over a table with protected columns stays usable.  SECURITY:
 * unused is not unevaluated (a set-returning function, a cast that fails, an
 * OFFSET that keeps the sub-select): so what is left out is also taken out of
 * the query, and what could be missed there (set-returning and volatile
 * expressions, aggregates) counts as used.  The branches of a set operation are not
 * referenced by name: all they return counts as used.  (test/sql/enforce.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "enforce/cascade.h"
#include "enforce/collect.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct CaCollector
{
	List	   *targets;		/* of CaTarget * */
	int			depth;			/* of the level being collected */
} CaCollector;

/* What the expressions of one level use of the entries of its range table. */
typedef struct CaUsage
{
	Query	   *query;
	int			levels_up;		/* from where the walker is, to that level */
	Bitmapset **columns;		/* by range table index; NULL: none at all */
	bool	   *whole;			/* likewise */
} CaUsage;

static void collect_query(Query *query, const Bitmapset *needed, bool all_needed,
						  CaCollector *collector);
static bool usage_walker(Node *node, void *context);

static void
note_var(CaUsage *usage, Var *var)
{
	RangeTblEntry *rte = rt_fetch(var->varno, usage->query->rtable);

	if (var->varattno == InvalidAttrNumber)
		usage->whole[var->varno] = true;
	else if (var->varattno > 0)
		usage->columns[var->varno] =
			bms_add_member(usage->columns[var->varno], var->varattno);

	/* a join's column stands for columns of its inputs, at the same level */
	if (rte->rtekind == RTE_JOIN)
	{
		int			levels_up = usage->levels_up;

		usage->levels_up = 0;
		if (var->varattno == InvalidAttrNumber)
			(void) usage_walker((Node *) rte->joinaliasvars, usage);
		else if (var->varattno > 0)
			(void) usage_walker(list_nth(rte->joinaliasvars, var->varattno - 1), usage);
		usage->levels_up = levels_up;
	}
}

static bool
usage_walker(Node *node, void *context)
{
	CaUsage    *usage = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		if (((Var *) node)->varlevelsup == usage->levels_up)
			note_var(usage, (Var *) node);
		return false;
	}
	if (IsA(node, TargetEntry))
		return usage_walker((Node *) ((TargetEntry *) node)->expr, context);
	if (IsA(node, Query))
	{
		usage->levels_up++;
		(void) query_tree_walker((Query *) node, usage_walker, context, 0);
		usage->levels_up--;
		return false;
	}
	return expression_tree_walker(node, usage_walker, context);
}

/* Is this output column of a level used by anybody? */
static bool
output_needed(TargetEntry *tle, const Bitmapset *needed)
{
	return tle->resjunk || tle->ressortgroupref != 0 ||
		bms_is_member(tle->resno, needed) ||
		expression_returns_set((Node *) tle->expr) ||
		contain_volatile_functions((Node *) tle->expr) ||
		contain_aggs_of_level((Node *) tle->expr, 0) ||
		contain_windowfuncs((Node *) tle->expr);
}

/* Take the output columns that nobody uses out of an inner query. */
static void
prune_outputs(Query *query, const Bitmapset *needed)
{
	ListCell   *lc;

	foreach(lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);
		Node	   *expr = (Node *) tle->expr;

		if (!output_needed(tle, needed) && !IsA(expr, Const))
			tle->expr = (Expr *) makeNullConst(exprType(expr), exprTypmod(expr),
											   exprCollation(expr));
	}
}

/*
 * What the level's own expressions, and everything below it, use of its
 * range table; RETURNING only when asked for, then nothing else.
 */
static CaUsage
find_usage(Query *query, bool returning)
{
	CaUsage		usage = {query, 0, NULL, NULL};
	int			n = list_length(query->rtable) + 1;
	Query		part = *query;

	if (returning && query->returningList == NIL)
		return usage;
	usage.columns = palloc0(sizeof(Bitmapset *) * n);
	usage.whole = palloc0(sizeof(bool) * n);
	if (returning)
	{
		(void) usage_walker((Node *) query->returningList, &usage);
		return usage;
	}

	part.returningList = NIL;
	(void) query_tree_walker(&part, usage_walker, &usage, QTW_IGNORE_JOINALIASES);
	return usage;
}

static Bitmapset *
columns_used(const CaUsage *usage, Index rti)
{
	return usage->columns != NULL ? usage->columns[rti] : NULL;
}

static bool
wholly_used(const CaUsage *usage, Index rti)
{
	return usage->whole != NULL && usage->whole[rti];
}

/* All columns of a relation that exist. */
static Bitmapset *
all_columns(Oid relid)
{
	Bitmapset  *result = NULL;
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int			natts;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);

	for (int attnum = 1; attnum <= natts; attnum++)
	{
		/* a dropped column has no type */
		if (OidIsValid(get_atttype(relid, attnum)))
			result = bms_add_member(result, attnum);
	}
	return result;
}

/* Permission bitmaps count from FirstLowInvalidHeapAttributeNumber. */
static Bitmapset *
user_columns(const Bitmapset *permission_columns, Oid relid)
{
	Bitmapset  *result = NULL;
	int			i = -1;

	while ((i = bms_next_member(permission_columns, i)) >= 0)
	{
		AttrNumber	attnum = i + FirstLowInvalidHeapAttributeNumber;

		if (attnum == InvalidAttrNumber)
			return all_columns(relid);
		if (attnum > 0)
			result = bms_add_member(result, attnum);
	}
	return result;
}

static CaAccess *
new_access(const CaTarget *target, const char *action, Bitmapset *columns)
{
	CaAccess   *access = palloc0(sizeof(CaAccess));

	access->relid = ca_target_rte(target)->relid;
	access->action = action;
	access->columns = columns;
	access->through_view = target->is_view;
	return access;
}

static bool
is_row_marked(Query *query, Index rti)
{
	ListCell   *lc;

	foreach(lc, query->rowMarks)
	{
		RowMarkClause *rc = lfirst(lc);

		if (rc->rti == rti)
			return true;
	}
	return false;
}

/* Does the level's command do this to its result relation? */
static bool
command_does(Query *query, CmdType command)
{
	ListCell   *lc;

	if (query->commandType == command)
		return true;
	if (command == CMD_UPDATE && query->onConflict != NULL &&
		query->onConflict->action == ONCONFLICT_UPDATE)
		return true;
	foreach(lc, query->mergeActionList)
	{
		if (((MergeAction *) lfirst(lc))->commandType == command)
			return true;
	}
	return false;
}

/* The questions about a relation that the level writes. */
static void
ask_result(CaTarget *target, CaPermInfo *perm)
{
	Query	   *query = target->query;
	Oid			relid = ca_target_rte(target)->relid;

	if (command_does(query, CMD_INSERT))
		target->insert = new_access(target, CA_ACTION_INSERT,
									user_columns(perm->insertedCols, relid));
	if (command_does(query, CMD_UPDATE))
		target->update = new_access(target, CA_ACTION_UPDATE,
									user_columns(perm->updatedCols, relid));
	if (command_does(query, CMD_DELETE))
		target->delete = new_access(target, CA_ACTION_DELETE, NULL);
	if (target->update != NULL || target->delete != NULL)
		target->advice = new_access(target, CA_ACTION_SELECT,
									target->update != NULL ? target->update->columns : NULL);
	if (target->delete != NULL)
		target->cascades = ca_cascade(relid, CA_ACTION_DELETE, NULL);
	if (target->update != NULL)
		target->cascades = list_concat(target->cascades,
									   ca_cascade(relid, CA_ACTION_UPDATE,
												  target->update->columns));
	if (!bms_is_empty(target->read) || !bms_is_empty(target->returned) ||
		(perm->requiredPerms & ACL_SELECT) != 0)
		target->select = new_access(target, CA_ACTION_SELECT,
									bms_union(target->read, target->returned));
}

/* Turn what is used into the questions to decide. */
static void
ask(CaTarget *target)
{
	RangeTblEntry *rte = ca_target_rte(target);
	CaPermInfo *perm = ca_rte_perminfo(target->query, rte);

	if (target->is_result && perm != NULL)
	{
		ask_result(target, perm);
		return;
	}
	/* the placeholder for NEW in a view's query asks for nothing */
	if (target->is_view && (perm == NULL || perm->requiredPerms == 0))
		return;
	target->select = new_access(target, CA_ACTION_SELECT,
								target->is_view ?
								user_columns(perm->selectedCols, rte->relid) :
								target->read);
	/* locking a row keeps others from writing it: PostgreSQL asks the same */
	if (target->row_marked && !target->is_view)
		target->update = new_access(target, CA_ACTION_UPDATE, NULL);
}

/* List what has to be decided. */
static void
list_accesses(CaTarget *target)
{
	List	   *accesses = NIL;

	if (target->select != NULL)
		accesses = lappend(accesses, target->select);
	if (target->insert != NULL)
		accesses = lappend(accesses, target->insert);
	if (target->update != NULL)
		accesses = lappend(accesses, target->update);
	if (target->delete != NULL)
		accesses = lappend(accesses, target->delete);
	if (target->copy != NULL)
		accesses = lappend(accesses, target->copy);
	target->accesses = list_concat(accesses, target->cascades);
}

/* Is this range table entry a relation, or what an expanded view left? */
static bool
is_relation_entry(RangeTblEntry *rte)
{
	if (rte->rtekind == RTE_RELATION)
		return rte->relkind != RELKIND_COMPOSITE_TYPE;	/* EXCLUDED */
	/* since 16; before, the view's own entry stands inside its query */
	return rte->rtekind == RTE_SUBQUERY && rte->relkind == RELKIND_VIEW;
}

static void
collect_entry(Query *query, Index rti, const CaUsage *usage,
			  const CaUsage *returned, CaCollector *collector)
{
	CaTarget   *target = palloc0(sizeof(CaTarget));
	RangeTblEntry *rte = rt_fetch(rti, query->rtable);

	target->query = query;
	target->rti = rti;
	target->depth = collector->depth;
	target->is_result = query->resultRelation == rti;
	target->is_view = !target->is_result && rte->relkind == RELKIND_VIEW;
	target->row_marked = !target->is_result && is_row_marked(query, rti);
	target->read = wholly_used(usage, rti) ?
		all_columns(rte->relid) : columns_used(usage, rti);
	target->returned = wholly_used(returned, rti) ?
		all_columns(rte->relid) : columns_used(returned, rti);
	if (!target->is_result && target->returned != NULL)
		target->read = bms_union(target->read, target->returned);
	ask(target);
	list_accesses(target);
	collector->targets = lappend(collector->targets, target);
}

/* Collect from queries that stand in expressions, all their output needed. */
static bool
sublink_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		collect_query((Query *) node, NULL, true, context);
		return false;
	}
	return expression_tree_walker(node, sublink_walker, context);
}

static void
collect_query(Query *query, const Bitmapset *needed, bool all_needed,
			  CaCollector *collector)
{
	CaUsage		usage;
	CaUsage		returned;
	Index		rti = 0;
	ListCell   *lc;

	check_stack_depth();
	if (!all_needed && query->commandType == CMD_SELECT &&
		query->setOperations == NULL)
		prune_outputs(query, needed);
	usage = find_usage(query, false);
	returned = find_usage(query, true);
	collector->depth++;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		rti++;
		if (is_relation_entry(rte))
			collect_entry(query, rti, &usage, &returned, collector);
		if (rte->rtekind == RTE_SUBQUERY)
			collect_query(rte->subquery,
						  bms_union(columns_used(&usage, rti), columns_used(&returned, rti)),
						  wholly_used(&usage, rti) || wholly_used(&returned, rti) ||
						  query->setOperations != NULL, collector);
	}
	/* where it is not said that there are any, the planner fails on them */
	if (query->hasSubLinks || query->cteList != NIL)
		(void) query_tree_walker(query, sublink_walker, collector,
								 QTW_IGNORE_RT_SUBQUERIES);
	collector->depth--;
}

List *
ca_collect(Query *query)
{
	CaCollector collector = {NIL, -1};

	collect_query(query, NULL, true, &collector);
	return collector.targets;
}

void
ca_collect_copies(List *targets, bool out)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);
		CaAccess   *access = out ? target->select : target->insert;

		if (access == NULL)
			continue;
		target->copy = new_access(target, out ? CA_ACTION_EXPORT : CA_ACTION_COPY_IN,
								  access->columns);
		access->also = target->copy;
		list_accesses(target);
	}
}

RangeTblEntry *
ca_target_rte(const CaTarget *target)
{
	return rt_fetch(target->rti, target->query->rtable);
}

bool
ca_target_chooses_rows(const CaTarget *target)
{
	Query	   *query = target->query;

	return bms_is_member(target->rti, pull_varnos_of_level(NULL, (Node *) query->jointree, 0)) ||
		bms_is_member(target->rti, pull_varnos_of_level(NULL, ca_merge_condition(query), 0));
}

CaAccess *
ca_target_main_access(const CaTarget *target)
{
	return target->update != NULL ? target->update :
		target->delete != NULL ? target->delete :
		target->insert != NULL ? target->insert : target->select;
}
