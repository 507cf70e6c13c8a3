/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  The algebra of policies: (rules, columns) -> verdict.
 *
 * Order of precedence: a forbid denies; without a permit the default denies;
 * columns that no matching permit covers deny; an escalate without approval
 * escalates (break-glass is a permit that approves); otherwise the access is allowed.  Then every hop of the
 * delegation chain may still deny.
 *
 * SECURITY: a condition that is NULL or fails never widens: a permit needs
 * TRUE, every other effect holds unless FALSE.  (test/sql/policy.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/decide.h"

/*
 * Does the rule match?  A permit for some columns matches the whole relation
 * and covers these; the other effects match when a column of theirs is touched.
 */
static bool
rule_matches(const CaRule *rule, const Bitmapset *touched)
{
	if (rule->effect == CA_EFFECT_PERMIT)
		return rule->condition == CA_TRUE;
	return rule->condition != CA_FALSE &&
		(rule->all_columns || bms_overlap(rule->columns, touched));
}

/* Index of the first matching rule of an effect, or -1. */
static int
first_matching(const CaRule *rules, const Bitmapset *matched, CaEffect effect)
{
	int			i = -1;

	while ((i = bms_next_member(matched, i)) >= 0)
	{
		if (rules[i].effect == effect)
			return i;
	}
	return -1;
}

/* The columns that no matching permit covers. */
static Bitmapset *
find_uncovered(const CaRule *rules, const Bitmapset *matched,
			   const Bitmapset *columns)
{
	Bitmapset  *uncovered = bms_copy(columns);
	int			i = -1;

	while ((i = bms_next_member(matched, i)) >= 0)
	{
		if (rules[i].effect != CA_EFFECT_PERMIT)
			continue;
		if (rules[i].all_columns)
		{
			bms_free(uncovered);
			return NULL;
		}
		uncovered = bms_del_members(uncovered, rules[i].columns);
	}
	return uncovered;
}

static void
conclude(CaVerdict *verdict, CaDecision decision, CaReason reason, int deciding)
{
	verdict->decision = decision;
	verdict->reason = reason;
	verdict->deciding = deciding;
}

CaVerdict
ca_decide(const CaRule *rules, int nrules, const Bitmapset *columns,
		  const Bitmapset *touched)
{
	CaVerdict	verdict = {0};
	int			forbid,
				permit,
				escalate;

	for (int i = 0; i < nrules; i++)
	{
		if (rule_matches(&rules[i], touched))
			verdict.matched = bms_add_member(verdict.matched, i);
	}

	forbid = first_matching(rules, verdict.matched, CA_EFFECT_FORBID);
	permit = first_matching(rules, verdict.matched, CA_EFFECT_PERMIT);
	escalate = first_matching(rules, verdict.matched, CA_EFFECT_ESCALATE);
	verdict.uncovered = find_uncovered(rules, verdict.matched, columns);

	if (forbid >= 0)
		conclude(&verdict, CA_DECISION_DENY, CA_REASON_FORBID, forbid);
	else if (permit < 0)
		conclude(&verdict, CA_DECISION_DENY, CA_REASON_NO_PERMIT, -1);
	else if (!bms_is_empty(verdict.uncovered))
		conclude(&verdict, CA_DECISION_DENY, CA_REASON_COLUMNS, -1);
	else if (escalate >= 0 && !rules[permit].approves)
		conclude(&verdict, CA_DECISION_ESCALATE, CA_REASON_ESCALATE, escalate);
	else
		conclude(&verdict, CA_DECISION_ALLOW, CA_REASON_PERMIT, permit);
	return verdict;
}

bool
ca_decide_within(CaVerdict *verdict, const CaBound *bound,
				 const Bitmapset *columns)
{
	if (verdict->decision == CA_DECISION_DENY ||
		(bound->applies && bms_is_subset(columns, bound->columns)))
		return true;
	conclude(verdict, CA_DECISION_DENY, CA_REASON_DELEGATION, -1);
	verdict->uncovered = bound->applies ?
		bms_difference(columns, bound->columns) : NULL;
	return false;
}

const char *
ca_reason_code(CaReason reason)
{
	switch (reason)
	{
		case CA_REASON_PERMIT:
			return "permit";
		case CA_REASON_FORBID:
			return "forbid";
		case CA_REASON_NO_PERMIT:
			return "no_permit";
		case CA_REASON_COLUMNS:
			return "columns_not_permitted";
		case CA_REASON_DELEGATION:
			return "delegation";
		case CA_REASON_ESCALATE:
			return "approval_needed";
		case CA_REASON_OBLIGATION:
			return "obligation_not_enforceable";
	}
	return "unknown";
}
