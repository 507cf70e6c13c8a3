/*-------------------------------------------------------------------------
 *
 * rewrite.c
 *	  Put what was decided into the query: masks, row filters, checks.
 *
 * Columns that are masked, or that no permit covers, are replaced in place where
 * a query uses them, by their mask or NULL.  That is right as long as nothing
 * makes a NULL of what a relation returns: an outer join, a grouping set.
 *
 * There a relation that is only read becomes a sub-select that returns the same
 * columns, masked; columns that no permit covers come out as NULL, so that
 * even a reference that the collector overlooked could not show them.  The
 * planner pulls such a sub-select up again, and indexes stay usable; but that is
 * more work for it.
 *
 * A relation that is written, or whose rows are locked, must stay what it
 * is: there masked columns are replaced in place, in RETURNING or, for locked
 * rows, everywhere.  (They never stand on the nullable side of an outer join.)
 * A write that reads a masked column anywhere else is refused.
 *
 * Row filters are security quals of the relation entry and check options of
 * the command, the same mechanism that row-level security uses.
 *
 * SECURITY: every relation entry seen is marked by security_barrier, a field
 * that the server does not use for plain relations and that survives into the
 * plan; an unmarked relation in a finished plan is refused (plan.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "base/compat.h"
#include "base/guc.h"
#include "catalog/heap.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "enforce/computed.h"
#include "enforce/in_place.h"
#include "enforce/outcome.h"
#include "enforce/rewrite.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "policy/expression.h"
#include "policy/obligation.h"
#include "rewrite/rewriteManip.h"
#include "utils/lsyscache.h"

/* Columns that a sub-select returns beyond the relation's own. */
typedef struct CaExtras
{
	Index		rti;
	int			levels_up;
	int			natts;			/* of the relation */
	Oid			rowtype;
	List	   *attnums;		/* of int: 0 whole row, < 0 system columns */
} CaExtras;

static bool
is_writable_kind(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE;
}

/* Do any of the columns carry a mask for this access? */
static bool
any_masked(const CaAccess *access, const Bitmapset *columns)
{
	int			attnum = -1;

	while (access != NULL && (attnum = bms_next_member(columns, attnum)) >= 0)
	{
		if (ca_access_masks(access, attnum) != NIL)
			return true;
	}
	return false;
}

/* Does the access limit rows or hide columns? */
static bool
has_obligations(const CaAccess *access)
{
	return access != NULL &&
		(ca_access_filter(access, 1) != NULL || ca_access_masks_any(access));
}

/* Must the command choose the rows that it changes? */
static bool
requires_where(const CaAccess *access)
{
	return access != NULL && access->verdict.decision != CA_DECISION_DENY &&
		ca_access_limits(access).max[CA_LIMIT_REQUIRE_WHERE] != 0;
}

const char *
ca_rewrite_refusal(const CaTarget *target, const char **reason_code)
{
	ListCell   *lc;

	if (!target->is_result)
		return NULL;

	*reason_code = "cascade";
	foreach(lc, target->cascades)
	{
		if (ca_access_filter_text(lfirst(lc)) != NULL)
			return "a foreign key would carry it on to rows behind a row filter";
	}

	*reason_code = "agent_code";
	if (target->advice != NULL && ca_computed_by_agent(target->advice))
		return "a trigger would show it to a function of a governed role as it is stored";

	*reason_code = "require_where";
	if (target->query->commandType != CMD_INSERT &&
		(requires_where(target->update) || requires_where(target->delete)) &&
		!ca_target_chooses_rows(target))
		return "it has no WHERE that chooses rows by a column of the table";

	*reason_code = "masked_column_in_write";
	if (any_masked(target->select, target->read))
		return "it reads a masked column to decide what it writes";
	if (target->update != NULL &&
		(any_masked(target->update, target->update->columns) ||
		 any_masked(target->advice, target->update->columns)))
		return "it assigns to a masked column";
	if (target->insert != NULL &&
		any_masked(target->insert, target->insert->columns))
		return "it assigns to a masked column";

	*reason_code = "write_not_enforceable";
	if (!is_writable_kind(ca_target_rte(target)->relkind) &&
		(has_obligations(target->select) || has_obligations(target->insert) ||
		 has_obligations(target->update) || has_obligations(target->delete)))
		return "writing through this view with row filters or masks is not supported";
	return NULL;
}

/* Redirect references to the whole row and to system columns. */
static bool
extras_walker(Node *node, void *context)
{
	CaExtras   *extras = context;

	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno == extras->rti && var->varlevelsup == extras->levels_up &&
			var->varattno <= 0)
		{
			if (!list_member_int(extras->attnums, var->varattno))
				extras->attnums = lappend_int(extras->attnums, var->varattno);
			if (var->varattno == InvalidAttrNumber)
				extras->rowtype = var->vartype;
			for (int i = 0; i < list_length(extras->attnums); i++)
			{
				if (list_nth_int(extras->attnums, i) == var->varattno)
				{
					var->varattno = extras->natts + i + 1;
					var->varattnosyn = var->varattno;
					break;
				}
			}
		}
		return false;
	}
	if (IsA(node, Query))
	{
		extras->levels_up++;
		(void) query_tree_walker((Query *) node, extras_walker, context, 0);
		extras->levels_up--;
		return false;
	}
	return expression_tree_walker(node, extras_walker, context);
}

/* Output column of the sub-select for a system column or the whole row. */
static TargetEntry *
extra_output(const CaAccess *access, const CaExtras *extras, int index)
{
	AttrNumber	attnum = list_nth_int(extras->attnums, index);
	const FormData_pg_attribute *att;
	Expr	   *expr;

	if (attnum == InvalidAttrNumber)
		expr = ca_outcome_row(access, 1, extras->rowtype);
	else
	{
		att = SystemAttributeDefinition(attnum);
		expr = (Expr *) makeVar(1, attnum, att->atttypid, att->atttypmod,
								att->attcollation, 0);
	}
	return makeTargetEntry(expr, extras->natts + index + 1,
						   psprintf("extra_%d", index + 1), false);
}

static List *
subselect_outputs(const CaAccess *access, const CaExtras *extras)
{
	List	   *outputs = NIL;

	for (int attnum = 1; attnum <= access->relation->natts; attnum++)
	{
		const CaColumn *column = &access->relation->columns[attnum - 1];
		Expr	   *expr;

		if (column->name == NULL)
			expr = (Expr *) makeNullConst(INT4OID, -1, InvalidOid);
		else
			expr = ca_outcome_column(access, ca_outcome_var(access, 1, attnum));
		outputs = lappend(outputs,
						  makeTargetEntry(expr, attnum,
										  pstrdup(column->name != NULL ? column->name : ""),
										  false));
	}
	for (int i = 0; i < list_length(extras->attnums); i++)
		outputs = lappend(outputs, extra_output(access, extras, i));
	return outputs;
}

/*
 * A sub-select over the entry itself, which moves into it, together with the
 * security quals that row-level security may have put there.
 */
static Query *
make_subselect(CaTarget *target, RangeTblEntry *rte, const CaExtras *extras)
{
	RangeTblEntry *inner = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	Query	   *sub = makeNode(Query);

	/*
	 * moved, not copied: TABLESAMPLE can hold queries that other targets are
	 * in
	 */
	*inner = *rte;
	inner->alias = copyObject(rte->alias);
	inner->eref = copyObject(rte->eref);
	if (inner->tablesample != NULL)
		IncrementVarSublevelsUp((Node *) inner->tablesample, 1, 0);
	ChangeVarNodes((Node *) inner->securityQuals, target->rti, 1, 0);
	inner->lateral = false;
	inner->inFromCl = true;
	ca_rte_move_perminfo(target->query, rte, sub, inner);

	ref->rtindex = 1;
	sub->commandType = CMD_SELECT;
	sub->querySource = QSRC_ORIGINAL;
	sub->canSetTag = true;
	sub->hasSubLinks = target->query->hasSubLinks;
	sub->rtable = list_make1(inner);
	sub->jointree = makeFromExpr(list_make1(ref), NULL);
	sub->targetList = subselect_outputs(target->select, extras);
	return sub;
}

/* Turn the entry into one for a sub-select. */
static void
become_subselect(RangeTblEntry *rte, Query *sub)
{
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = sub;
	rte->security_barrier = false;
	rte->lateral = linitial_node(RangeTblEntry, sub->rtable)->tablesample != NULL;
	rte->relid = InvalidOid;
	rte->relkind = 0;
	rte->rellockmode = 0;
	rte->inh = false;
	rte->tablesample = NULL;
	rte->securityQuals = NIL;
	ca_rte_forget_perminfo(rte);
}

/* The row filter of an access, NULL when it has none. */
static Expr *
filter_of(const CaAccess *access, Index rti)
{
	return access != NULL ? ca_outcome_filter(access, rti) : NULL;
}

static void
add_security_qual(RangeTblEntry *rte, const CaAccess *access, Index rti)
{
	Expr	   *filter = filter_of(access, rti);

	/* before what is there already: ours are applied first */
	if (filter != NULL)
		rte->securityQuals = lcons(filter, rte->securityQuals);
}

static void
wrap_read(CaTarget *target)
{
	RangeTblEntry *rte = ca_target_rte(target);
	List	   *native_quals = rte->securityQuals;
	RangeTblEntry *inner;
	CaExtras	extras = {target->rti, 0, target->select->relation->natts,
	InvalidOid, NIL};
	Query	   *sub;

	/* the entry's own quals move below, and keep their references */
	rte->securityQuals = NIL;
	(void) query_tree_walker(target->query, extras_walker, &extras, 0);
	rte->securityQuals = native_quals;

	sub = make_subselect(target, rte, &extras);
	inner = linitial_node(RangeTblEntry, sub->rtable);
	add_security_qual(inner, target->select, 1);
	inner->security_barrier = true;

	/* see ca_in_place_copy() */
	rte->eref = copyObject(rte->eref);
	for (int i = 0; i < list_length(extras.attnums); i++)
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(psprintf("extra_%d", i + 1)));
	become_subselect(rte, sub);
}

/* Does anything that the relation consists of lie on a foreign server? */
static bool
is_partly_foreign(Oid relid)
{
	ListCell   *lc;

	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		return true;
	if (!has_subclass(relid))
		return false;
	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/* Add a check of one kind that a row written has to pass. */
static void
add_check_of(CaTarget *target, const CaAccess *access, Expr *filter, WCOKind kind)
{
	WithCheckOption *check = makeNode(WithCheckOption);
	ListCell   *lc;

	check->kind = kind;
	check->relname = get_rel_name(ca_target_rte(target)->relid);
	foreach(lc, access->matched)
	{
		CaPolicy   *policy = ((CaCandidate *) lfirst(lc))->policy;

		if (policy->filter_text != NULL && ca_guc_explain_denials)
		{
			check->polname = pstrdup(policy->name);
			break;
		}
	}
	check->qual = (Node *) filter;
	target->query->withCheckOptions =
		lcons(check, target->query->withCheckOptions);
}

/*
 * Add a check that a row written has to pass.
 *
 * SECURITY: of the rows of foreign tables the server checks none but those of
 * views' check options.  (test/sql/foreign.sql)
 */
static void
add_check(CaTarget *target, const CaAccess *access, WCOKind kind)
{
	Expr	   *filter = filter_of(access, target->rti);

	if (filter == NULL)
		return;
	add_check_of(target, access, filter, kind);
	if ((kind == WCO_RLS_INSERT_CHECK || kind == WCO_RLS_UPDATE_CHECK) &&
		is_partly_foreign(ca_target_rte(target)->relid))
		add_check_of(target, access, copyObject(filter), WCO_VIEW_CHECK);
}

/*
 * Does MERGE see more rows than it may change?  A row that it sees and may not
 * change must not look as if it were not there, or MERGE would insert another:
 * it is an error.
 */
static bool
merge_may_stumble(const CaTarget *target)
{
	return target->query->commandType == CMD_MERGE && target->select != NULL;
}

/* Security quals of the rows that a command may touch. */
static void
filter_result(CaTarget *target)
{
	RangeTblEntry *rte = ca_target_rte(target);

	add_security_qual(rte, target->select, target->rti);
	if (merge_may_stumble(target))
	{
		add_check(target, target->update, WCO_RLS_MERGE_UPDATE_CHECK);
		add_check(target, target->delete, WCO_RLS_MERGE_DELETE_CHECK);
		return;
	}
	add_security_qual(rte, target->update, target->rti);
	add_security_qual(rte, target->delete, target->rti);
}

/* A condition of which nothing is evaluated on rows that a filter hides. */
static Node *
behind_filter(const CaTarget *target, const CaAccess *access, Node *condition)
{
	Expr	   *filter = filter_of(access, target->rti);

	if (filter == NULL || condition == NULL)
		return condition;
	/* a hidden row is looked at by the check, which refuses it */
	return (Node *) ca_expression_case(filter, (Expr *) condition,
									   (Expr *) makeBoolConst(true, false),
									   BOOLOID, InvalidOid);
}

/* Checks of the rows that a command writes. */
static void
check_result(CaTarget *target)
{
	if (target->query->commandType == CMD_INSERT && target->update != NULL)
	{
		OnConflictExpr *conflict = target->query->onConflict;

		/*
		 * SECURITY: from 18 on the server asks WHERE about the row in the way
		 * before it is checked.  (test/sql/write.sql)
		 */
		conflict->onConflictWhere =
			behind_filter(target, target->select,
						  behind_filter(target, target->update, conflict->onConflictWhere));
		/* ON CONFLICT DO UPDATE: the row in the way must be visible */
		add_check(target, target->select, WCO_RLS_CONFLICT_CHECK);
		add_check(target, target->update, WCO_RLS_CONFLICT_CHECK);
	}
	if (target->update != NULL)
	{
		add_check(target, target->select, WCO_RLS_UPDATE_CHECK);
		add_check(target, target->update, WCO_RLS_UPDATE_CHECK);
	}
	if (target->insert != NULL)
	{
		/* what RETURNING or ON CONFLICT reads must be visible to the agent */
		add_check(target, target->select, WCO_RLS_INSERT_CHECK);
		add_check(target, target->insert, WCO_RLS_INSERT_CHECK);
	}
}

/* A relation that stays what it is, after its columns have been replaced. */
static void
protect_in_place(CaTarget *target)
{
	if (!target->is_result || target->query->commandType != CMD_INSERT)
		filter_result(target);
	if (target->is_result)
		check_result(target);
}

static bool
stays_in_place(const CaTarget *target)
{
	return target->is_result || target->row_marked ||
		!ca_outcome_hides(target->select) || ca_in_place_keeps_rows(target->query);
}

/* The innermost levels first; what belongs to one level together. */
static int
deepest_first(const ListCell *a, const ListCell *b)
{
	const CaTarget *x = lfirst(a);
	const CaTarget *y = lfirst(b);

	if (x->depth != y->depth)
		return y->depth - x->depth;
	return (x->query > y->query) - (x->query < y->query);
}

/* Does any access of the target change what the query does? */
static bool
protects(const CaTarget *target)
{
	ListCell   *lc;

	foreach(lc, target->accesses)
	{
		CaAccess   *access = lfirst(lc);

		if (access->through_view || access->referential)
			continue;
		if (ca_outcome_filters(access) || ca_outcome_hides(access))
			return true;
	}
	return false;
}

/* Rewrite the targets of one level, which begin at first; their number. */
static int
rewrite_level(const List *targets, int first)
{
	Query	   *query = ((CaTarget *) list_nth(targets, first))->query;
	List	   *hiding = NIL;
	int			next = first;

	for (; next < list_length(targets); next++)
	{
		CaTarget   *target = list_nth(targets, next);

		if (target->query != query)
			break;
		if (target->replaced || target->select == NULL ||
			!ca_outcome_hides(target->select))
			continue;
		if (target->is_result)
			ca_in_place_returning(target);
		else
			hiding = lappend(hiding, target);
	}
	if (hiding != NIL)
		ca_in_place_replace(query, hiding);
	/* last: the filters that are added see the raw row */
	for (int i = first; i < next; i++)
		protect_in_place(list_nth(targets, i));
	return next - first;
}

/*
 * Replacing in place copies the queries below a level, which other targets
 * point into.  So sub-selects, which are made where relations stand, go first,
 * and then what stays in place, from the innermost level outwards.
 */
bool
ca_rewrite(List *targets)
{
	List	   *in_place = NIL;
	bool		changed = false;
	ListCell   *lc;

	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);
		RangeTblEntry *rte = ca_target_rte(target);

		if (rte->rtekind == RTE_RELATION)
			rte->security_barrier = true;
		if (target->is_view)
			continue;
		changed |= protects(target);
		if (stays_in_place(target))
			in_place = lappend(in_place, target);
		else
			wrap_read(target);
	}

	list_sort(in_place, deepest_first);
	for (int i = 0; i < list_length(in_place);)
		i += rewrite_level(in_place, i);
	return changed;
}

bool
ca_rewrite_is_covered(const RangeTblEntry *rte)
{
	/* EXCLUDED of ON CONFLICT looks like a relation, and reads nothing */
	return rte->rtekind != RTE_RELATION || rte->security_barrier ||
		rte->relkind == RELKIND_COMPOSITE_TYPE;
}
