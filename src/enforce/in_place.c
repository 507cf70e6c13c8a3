/*-------------------------------------------------------------------------
 *
 * in_place.c
 *	  Replace hidden columns where a query uses them.
 *
 * A query of one level is copied on the way.  The planner takes its query to
 * pieces, and the one that was asked for is needed again when its plan is to be
 * decided again (note.h): so one of the two has to be a copy anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "enforce/in_place.h"
#include "enforce/outcome.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteManip.h"

/* In-place replacement of the columns of relations of one level. */
typedef struct CaInPlace
{
	const List *targets;		/* of CaTarget *, all of that level */
	int			levels_up;		/* from where the mutator is, to that level */
} CaInPlace;

/* Which of the targets does the column belong to, NULL: none? */
static const CaTarget *
target_of(const CaInPlace *state, const Var *var)
{
	ListCell   *lc;

	foreach(lc, state->targets)
	{
		const CaTarget *target = lfirst(lc);

		if (var->varno == target->rti && var->varlevelsup == state->levels_up)
			return target;
	}
	return NULL;
}

/* What stands in for a column or the whole row. */
static Expr *
in_place(const CaTarget *target, const Var *var)
{
	Expr	   *row;

	if (var->varattno > 0)
		return ca_outcome_column(target->select, copyObject(unconstify(Var *, var)));
	row = ca_outcome_row(target->select, target->rti, var->vartype);
	ca_copy_returning_type((Node *) row, unconstify(Var *, var));
	IncrementVarSublevelsUp((Node *) row, var->varlevelsup, 0);
	return row;
}

static Node *
in_place_mutator(Node *node, void *context)
{
	CaInPlace  *state = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		const Var  *var = (Var *) node;
		const CaTarget *target = var->varattno < 0 ? NULL : target_of(state, var);

		return target == NULL ? (Node *) copyObject(var) : (Node *) in_place(target, var);
	}
	if (IsA(node, Query))
	{
		Query	   *result;

		state->levels_up++;
		result = query_tree_mutator((Query *) node, in_place_mutator, context, 0);
		state->levels_up--;
		return (Node *) result;
	}
	return expression_tree_mutator(node, in_place_mutator, context);
}

void
ca_in_place_replace(Query *query, const List *targets)
{
	CaInPlace	state = {targets, 0};
	List	   *quals = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	/* quals that are there see the raw row */
	foreach(lc, targets)
	{
		RangeTblEntry *rte = ca_target_rte(lfirst(lc));

		quals = lappend(quals, rte->securityQuals);
		rte->securityQuals = NIL;
	}
	(void) query_tree_mutator(query, in_place_mutator, &state,
							  QTW_DONT_COPY_QUERY);
	forboth(lc, targets, lc2, quals)
		ca_target_rte(lfirst(lc))->securityQuals = lfirst(lc2);
}

void
ca_in_place_returning(CaTarget *target)
{
	CaInPlace	state = {list_make1(target), 0};

	target->query->returningList = (List *)
		in_place_mutator((Node *) target->query->returningList, &state);
}

bool
ca_in_place_keeps_rows(const Query *query)
{
	ListCell   *lc;

	/* MERGE joins its source to what it may not find */
	if (query->commandType != CMD_SELECT || query->groupingSets != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if (rte->rtekind == RTE_JOIN && rte->jointype != JOIN_INNER)
			return false;
	}
	return true;
}

bool
ca_in_place_copies(const Query *query)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->hasSubLinks ||
		query->cteList != NIL || query->rowMarks != NIL)
		return false;
	foreach(lc, query->rtable)
	{
		const RangeTblEntry *rte = lfirst(lc);

		if ((rte->rtekind != RTE_RELATION && rte->rtekind != RTE_JOIN &&
			 rte->rtekind != RTE_VALUES && rte->rtekind != RTE_RESULT) ||
			rte->securityQuals != NIL)
			return false;
	}
	return true;
}

/*
 * A copy in which the names of entries and their columns are those of the
 * query: nobody changes them.
 */
static Query *
copy_but_names(Query *query)
{
	int			n = list_length(query->rtable);
	Alias	  **names = palloc(sizeof(Alias *) * 2 * n + 1);
	Query	   *copy;

	for (int i = 0; i < n; i++)
	{
		RangeTblEntry *rte = list_nth(query->rtable, i);

		names[2 * i] = rte->alias;
		names[2 * i + 1] = rte->eref;
		rte->alias = rte->eref = NULL;
	}
	copy = copyObject(query);
	for (int i = 0; i < n; i++)
	{
		RangeTblEntry *from = list_nth(query->rtable, i);
		RangeTblEntry *to = list_nth(copy->rtable, i);

		from->alias = to->alias = names[2 * i];
		from->eref = to->eref = names[2 * i + 1];
	}
	pfree(names);
	return copy;
}

/* The targets whose hidden columns can be replaced while the query is copied. */
static List *
replaceable(const Query *query, List *targets)
{
	List	   *hiding = NIL;
	ListCell   *lc;

	if (!ca_in_place_keeps_rows(query))
		return NIL;
	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);

		if (!target->is_view && target->select != NULL &&
			ca_outcome_hides(target->select))
			hiding = lappend(hiding, target);
	}
	return hiding;
}

Query *
ca_in_place_copy(Query *query, List *targets)
{
	CaInPlace	state = {replaceable(query, targets), 0};
	Query	   *copy;
	ListCell   *lc;

	if (state.targets == NIL)
		copy = copy_but_names(query);
	else
	{
		copy = query_tree_mutator(query, in_place_mutator, &state, QTW_EXAMINE_SORTGROUP);
		ca_query_own_perminfos(copy);
	}
	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);

		target->query = copy;
		target->replaced = list_member_ptr(state.targets, target);
	}
	return copy;
}
