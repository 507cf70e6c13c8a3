/*-------------------------------------------------------------------------
 *
 * obligation.c
 *	  What an allowed access has to carry: row filter, masks, limits.
 *
 * Read off the policies that matched (authorize.c); nothing is decided here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "policy/expression.h"
#include "policy/obligation.h"

/* What a policy that matched adds to the budgets. */
void
ca_policy_add_limits(CaLimits *limits, const CaPolicy *policy)
{
	if (policy->effect == CA_EFFECT_PERMIT || policy->effect == CA_EFFECT_RESTRICT)
		ca_limits_add(limits, &policy->limits);
}

CaLimits
ca_access_limits(const CaAccess *access)
{
	CaLimits	limits = {0};
	ListCell   *lc;

	foreach(lc, access->matched)
		ca_policy_add_limits(&limits, ((CaCandidate *) lfirst(lc))->policy);
	return limits;
}

/*
 * OR of the permits' filters: NULL when one permit has none, so that all
 * rows are visible to it.
 */
static Expr *
permits_filter(const CaAccess *access, Index varno)
{
	List	   *filters = NIL;
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (c->policy->effect != CA_EFFECT_PERMIT)
			continue;
		if (c->policy->filter_text == NULL)
			return NULL;
		filters = lappend(filters, ca_expression_instantiate(c->filter, varno));
	}
	if (filters == NIL)
		return NULL;
	return list_length(filters) == 1 ? linitial(filters) :
		makeBoolExpr(OR_EXPR, filters, -1);
}

/* The filter of one action alone. */
static Expr *
own_filter(const CaAccess *access, Index varno)
{
	Expr	   *permits = permits_filter(access, varno);
	List	   *filters = permits != NULL ? list_make1(permits) : NIL;
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (c->policy->effect != CA_EFFECT_RESTRICT ||
			c->policy->filter_text == NULL)
			continue;
		/* SECURITY: a restriction that cannot be read hides every row */
		filters = lappend(filters, c->filter != NULL ?
						  (Node *) ca_expression_instantiate(c->filter, varno) :
						  makeBoolConst(false, false));
	}
	if (filters == NIL)
		return NULL;
	return list_length(filters) == 1 ? linitial(filters) :
		makeBoolExpr(AND_EXPR, filters, -1);
}

Expr *
ca_access_filter(const CaAccess *access, Index varno)
{
	Expr	   *own = own_filter(access, varno);
	Expr	   *also = access->also != NULL ? own_filter(access->also, varno) : NULL;

	if (own == NULL || also == NULL)
		return own != NULL ? own : also;
	return makeBoolExpr(AND_EXPR, list_make2(own, also), -1);
}

char *
ca_access_filter_text(const CaAccess *access)
{
	StringInfoData permits;
	StringInfoData all;
	bool		unfiltered = false;
	ListCell   *lc;

	initStringInfo(&permits);
	initStringInfo(&all);
	foreach(lc, access->matched)
	{
		CaPolicy   *policy = ((CaCandidate *) lfirst(lc))->policy;

		if (policy->effect == CA_EFFECT_PERMIT && policy->filter_text == NULL)
			unfiltered = true;
		else if (policy->effect == CA_EFFECT_PERMIT)
			appendStringInfo(&permits, "%s(%s)",
							 permits.len > 0 ? " OR " : "", policy->filter_text);
		else if (policy->effect == CA_EFFECT_RESTRICT && policy->filter_text != NULL)
			appendStringInfo(&all, "%s(%s)",
							 all.len > 0 ? " AND " : "", policy->filter_text);
	}
	if (permits.len > 0 && !unfiltered)
		appendStringInfo(&all, all.len > 0 ? " AND (%s)" : "%s", permits.data);
	return all.len > 0 ? all.data : NULL;
}

/* Do the candidate's masks count: is it a matching permit or restrict? */
static bool
masks_count(const CaCandidate *c)
{
	return c->masks != NULL &&
		(c->policy->effect == CA_EFFECT_PERMIT ||
		 c->policy->effect == CA_EFFECT_RESTRICT);
}

/* All masks of a column, in any order. */
static List *
collect_masks(const CaAccess *access, AttrNumber attnum)
{
	List	   *uses = access->also != NULL ? collect_masks(access->also, attnum) : NIL;
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (masks_count(c))
			uses = list_concat(uses, c->masks[attnum - 1]);
	}
	return uses;
}

/* Stricter masks first; of equal ones those without a condition. */
static int
by_strictness(const ListCell *a, const ListCell *b)
{
	const CaMaskUse *x = lfirst(a);
	const CaMaskUse *y = lfirst(b);
	bool		x_first = ca_mask_stricter(x->mask, y->mask);
	bool		y_first = ca_mask_stricter(y->mask, x->mask);

	if (x_first != y_first)
		return x_first ? -1 : 1;
	return (x->unless != NULL) - (y->unless != NULL);
}

List *
ca_access_masks(const CaAccess *access, AttrNumber attnum)
{
	List	   *uses = collect_masks(access, attnum);
	ListCell   *lc;

	list_sort(uses, by_strictness);
	foreach(lc, uses)
	{
		/* SECURITY: a condition that does not parse lifts nothing */
		if (((CaMaskUse *) lfirst(lc))->unless == NULL)
			return list_truncate(uses, foreach_current_index(lc) + 1);
	}
	return uses;
}

char *
ca_access_mask_text(const CaAccess *access, AttrNumber attnum)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, ca_access_masks(access, attnum))
	{
		const CaMaskUse *use = lfirst(lc);

		appendStringInfo(&text, "%s%s", text.len > 0 ? ", else " : "", use->mask->text);
		if (use->unless != NULL)
			appendStringInfo(&text, " unless (%s)", use->unless_text);
	}
	return text.len > 0 ? text.data : NULL;
}

bool
ca_access_enforceable(const CaAccess *access)
{
	int			attnum = -1;

	if (strcmp(access->action, CA_ACTION_TRUNCATE) == 0)
		return ca_access_filter_text(access) == NULL && !ca_access_masks_any(access);
	if (strcmp(access->action, CA_ACTION_INSERT) != 0 &&
		strcmp(access->action, CA_ACTION_UPDATE) != 0 &&
		strcmp(access->action, CA_ACTION_COPY_IN) != 0)
		return true;
	while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
	{
		if (ca_access_masks(access, attnum) != NIL)
			return false;
	}
	return true;
}

bool
ca_access_may_fail(const CaAccess *access)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (c->filter != NULL &&
			ca_expression_may_fail(ca_expression_instantiate(c->filter, 1)))
			return true;
		foreach(lc2, c->mask_uses)
		{
			const CaMaskUse *use = lfirst(lc2);

			if (use->unless != NULL &&
				ca_expression_may_fail(ca_expression_instantiate(use->unless, 1)))
				return true;
		}
	}
	return false;
}

bool
ca_access_masks_any(const CaAccess *access)
{
	ListCell   *lc;

	if (access->also != NULL && ca_access_masks_any(access->also))
		return true;
	foreach(lc, access->matched)
	{
		if (masks_count(lfirst(lc)))
			return true;
	}
	return false;
}

/* Is the column masked in every row, whatever it holds? */
static bool
always_masked(const CaAccess *access, AttrNumber attnum)
{
	List	   *masks = ca_access_masks(access, attnum);

	return masks != NIL && ((CaMaskUse *) llast(masks))->unless == NULL;
}

int
ca_access_shows(const CaAccess *access, bool masks_hold)
{
	int			level = -1;
	int			attnum = -1;

	if (bms_is_empty(access->columns) && !access->through_view)
		return ca_relation_least(access->relation, NULL);
	while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
	{
		const CaColumn *column = &access->relation->columns[attnum - 1];

		/* what a view is made of is asked for itself, masks and all */
		if (column->borrowed && access->through_view)
			continue;
		if (!masks_hold || !always_masked(access, attnum))
			level = Max(level, column->sensitivity);
	}
	return level;
}

bool
ca_access_covers(const CaAccess *access, AttrNumber attnum)
{
	ListCell   *lc;

	if (access->trusted)
		return true;
	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (c->policy->effect == CA_EFFECT_PERMIT &&
			(c->all_columns || bms_is_member(attnum, c->columns)))
			return true;
	}
	return false;
}

bool
ca_access_hides_columns(const CaAccess *access)
{
	for (int attnum = 1; attnum <= access->relation->natts; attnum++)
	{
		if (access->relation->columns[attnum - 1].name != NULL &&
			(!ca_access_covers(access, attnum) ||
			 ca_access_masks(access, attnum) != NIL))
			return true;
	}
	return false;
}

/* Hash of a string, chained. */
static uint64
add_text(uint64 signature, const char *text)
{
	return hash_combine64(signature,
						  hash_bytes_extended((const unsigned char *) text,
											  strlen(text), 0));
}

uint64
ca_access_signature(const CaAccess *access)
{
	uint64		signature = hash_combine64(access->relid, access->verdict.decision);
	CaLimits	limits = ca_access_limits(access);
	ListCell   *lc;

	signature = add_text(signature, access->action);
	signature = hash_combine64(signature, access->trusted);
	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		signature = hash_combine64(signature, c->policy->effect);
		if (c->policy->filter_text != NULL)
			signature = add_text(signature, c->policy->filter_text);
		if (c->filter_identity)
			signature = hash_combine64(signature,
									   ca_expression_identity_hash(c->filter));
	}
	signature = hash_combine64(signature,
							   hash_bytes_extended((unsigned char *) &limits,
												   sizeof(limits), 0));
	for (int attnum = 1; attnum <= access->relation->natts; attnum++)
	{
		signature = hash_combine64(signature, ca_access_covers(access, attnum));
		foreach(lc, ca_access_masks(access, attnum))
		{
			const CaMaskUse *use = lfirst(lc);

			signature = add_text(signature, use->mask->text);
			if (use->unless != NULL)
				signature = add_text(signature, use->unless_text);
			if (use->unless_identity)
				signature = hash_combine64(signature,
										   ca_expression_identity_hash(use->unless));
		}
	}
	foreach(lc, access->monitored.policies)
		signature = add_text(signature, lfirst(lc));
	return hash_combine64(signature, access->monitored.decision);
}

uint64
ca_answer_signature(const CaObjectAnswer *answer)
{
	uint64		signature = hash_bytes_extended((const unsigned char *) &answer->limits,
												sizeof(answer->limits), 0);
	ListCell   *lc;

	foreach(lc, answer->monitored.policies)
		signature = add_text(signature, lfirst(lc));
	return hash_combine64(signature, answer->monitored.decision);
}
