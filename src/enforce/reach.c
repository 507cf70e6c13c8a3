/*-------------------------------------------------------------------------
 *
 * reach.c
 *	  Who can do what, by the policies, in whatever session.
 *
 * Nothing is decided here that is not decided for a statement, too: each access
 * goes to ca_authorize_access() or ca_authorize_object() twice, with what only a
 * session knows assumed as the agent would like it best, and worst.  Decided
 * alike, it is so in every session; decided otherwise, it depends.
 *
 * Each part of a relation (parts.c) is asked about by itself.  Parts with the same
 * answer are told together when the same is answered about all of them at once.
 *
 * SECURITY: what is told is too much rather than too little: an agent that is not
 * listed can not, whatever its session; one that is allowed is, in every
 * session whose own token and grants do not take it away.  (test/sql/who_can.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "enforce/parts.h"
#include "enforce/reach.h"
#include "enforce/things.h"
#include "miscadmin.h"
#include "policy/obligation.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* One question for one agent, and how it is decided. */
typedef struct Answer
{
	const char *decision;		/* allow, depends or escalate; NULL: it cannot */
	Bitmapset  *columns;
	List	   *best;			/* of CaAccess * */
	List	   *worst;			/* likewise, in the same order */
} Answer;

typedef struct Reacher
{
	const CaPolicySet *set;
	CaSubject	subject;
	const char *obstacle;
	const CaThing *thing;		/* that is asked about */
	uint64		asked;			/* see CaRequest: of the first access */
	uint64		question;		/* likewise; 0: each has its own */
	CaReachSink sink;
	void	   *arg;
} Reacher;

static uint64 last_question = 0;
static uint64 last_mark = 0;	/* see mark_policies() */

/* Decide them all as assumed: the worst decision counts. */
static CaDecision
decide(Reacher *r, const List *accesses, CaAssumption assume, List **decided)
{
	CaDecision	worst = CA_DECISION_ALLOW;
	ListCell   *lc;

	r->subject.assume = assume;
	foreach(lc, accesses)
	{
		CaAccess   *access = palloc(sizeof(CaAccess));

		*access = *(CaAccess *) lfirst(lc);
		/* the second action on the same rows is in the list, too */
		access->also = NULL;
		r->subject.asked = r->asked + foreach_current_index(lc);
		r->subject.question = r->question != 0 ? r->question : r->subject.asked;
		ca_authorize_access(r->set, &r->subject, access);
		if (access->verdict.decision != CA_DECISION_DENY && !ca_access_enforceable(access))
			access->verdict.decision = CA_DECISION_DENY;
		worst = Max(worst, access->verdict.decision);
		*decided = lappend(*decided, access);
	}
	return worst;
}

/* Are all of the accesses permitted, though not all can be enforced? */
static bool
is_permitted(const List *accesses)
{
	ListCell   *lc;

	foreach(lc, accesses)
	{
		CaReason	reason = ((const CaAccess *) lfirst(lc))->verdict.reason;

		if (reason != CA_REASON_PERMIT && reason != CA_REASON_ESCALATE)
			return false;
	}
	return true;
}

/* Note that the policies are in a list; a number that says so. */
static uint64
mark_policies(const List *policies)
{
	uint64		mark = ++last_mark;
	ListCell   *lc;

	foreach(lc, policies)
		((CaPolicy *) lfirst(lc))->mark = mark;
	return mark;
}

/* Append the policies that an access matched, each once: those in it have the mark. */
static List *
add_matched(List *policies, const CaAccess *access, uint64 mark)
{
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaPolicy   *policy = ((CaCandidate *) lfirst(lc))->policy;

		if (policy->mark == mark)
			continue;
		policy->mark = mark;
		policies = lappend(policies, policy);
	}
	return policies;
}

/* All policies that any of the accesses matched. */
static List *
matched_by(const List *accesses)
{
	uint64		mark = ++last_mark;
	List	   *policies = NIL;
	ListCell   *lc;

	foreach(lc, accesses)
		policies = add_matched(policies, lfirst(lc), mark);
	return policies;
}

/* Do both assumptions let the same policies match? */
static bool
match_alike(const Answer *answer)
{
	List	   *best = matched_by(answer->best);
	List	   *worst = matched_by(answer->worst);
	uint64		mark = mark_policies(best);
	ListCell   *lc;

	if (list_length(best) != list_length(worst))
		return false;
	foreach(lc, worst)
	{
		if (((CaPolicy *) lfirst(lc))->mark != mark)
			return false;
	}
	return true;
}

/* In words, what both assumptions together say; NULL: it is impossible. */
static const char *
decision_name(const Answer *answer, CaDecision best, CaDecision worst, const char *obstacle)
{
	if (best == CA_DECISION_DENY)
	{
		/* with fewer permits there may be fewer masks in the way */
		if (!is_permitted(answer->best) || match_alike(answer))
			return NULL;
		return "depends";
	}
	if (best == CA_DECISION_ESCALATE)
		return "escalate";
	return worst == CA_DECISION_ALLOW && obstacle == NULL ? "allow" : "depends";
}

static Answer
ask_relation(Reacher *r, CaThing *thing, const CaRelation *relation, const char *action,
			 const Bitmapset *columns)
{
	Answer		answer = {.columns = bms_copy(columns)};
	CaDecision	best;
	CaDecision	worst;
	List	   *accesses;
	bool		possible;

	CHECK_FOR_INTERRUPTS();
	accesses = ca_part_accesses(thing, relation, action, columns, &possible);
	if (!possible)
		return answer;
	r->asked = last_question + 1;
	last_question += list_length(accesses);
	best = decide(r, accesses, CA_ASSUME_BEST, &answer.best);
	if (best == CA_DECISION_DENY && !is_permitted(answer.best))
		return answer;
	worst = decide(r, accesses, CA_ASSUME_WORST, &answer.worst);
	answer.decision = decision_name(&answer, best, worst, r->obstacle);
	return answer;
}

/* "a, b" behind words. */
static void
append_list(StringInfo text, const char *words, const List *list)
{
	ListCell   *lc;

	foreach(lc, list)
		appendStringInfo(text, "%s%s", lc == list_head(list) ? words : ", ",
						 (char *) lfirst(lc));
}

/* Resources of the policy that name the thing in part, if none does as a whole. */
static List *
parts_named(const CaPolicy *policy, const CaThing *thing)
{
	List	   *parts = NIL;
	ListCell   *lc;

	if (thing->kind != CA_RESOURCE_OTHER && thing->kind != CA_RESOURCE_CHANNEL)
		return NIL;
	foreach(lc, policy->resources)
	{
		const CaResource *resource = lfirst(lc);

		if (ca_resource_matches(resource, thing->kind, thing->schema, thing->name))
			return NIL;
		if (ca_resource_meets(resource, thing->kind, thing->schema, thing->name))
			parts = lappend(parts, psprintf("%s:%s", thing->kind == CA_RESOURCE_OTHER ?
											resource->schema : "channel", resource->name));
	}
	return parts;
}

/* What it takes for the policy to match, as far as that is not known. */
static char *
describe_condition(const Reacher *r, const CaPolicy *policy, const CaReach *reach)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s:", policy->name);
	if (policy->condition_text != NULL)
		appendStringInfo(&text, " %s", policy->condition_text);
	if (!ca_policy_matches_action(policy, reach->action))
		append_list(&text, " for ", policy->actions);
	if (!ca_policy_matches_identity(policy, r->subject.identity))
		append_list(&text, " on behalf of ", policy->on_behalf_of);
	append_list(&text, " about ", parts_named(policy, r->thing));
	return text.data;
}

/*
 * Tell of the policies that matched (of CaPolicy *) with the best assumption and
 * with the worst: all, and what it depends on whether one did with both.
 */
static void
tell_policies(const Reacher *r, CaReach *reach, const List *best, const List *worst)
{
	uint64		mark = mark_policies(worst);
	List	   *in_doubt = NIL;
	ListCell   *lc;

	foreach(lc, best)
	{
		const CaPolicy *policy = lfirst(lc);

		reach->policies = lappend(reach->policies, policy->name);
		if (policy->mark != mark)
			in_doubt = lappend(in_doubt, lfirst(lc));
	}
	mark = mark_policies(best);
	foreach(lc, worst)
	{
		const CaPolicy *policy = lfirst(lc);

		if (policy->mark == mark)
			continue;
		reach->policies = lappend(reach->policies, policy->name);
		in_doubt = lappend(in_doubt, lfirst(lc));
	}
	foreach(lc, in_doubt)
		reach->conditions = lappend(reach->conditions,
									describe_condition(r, lfirst(lc), reach));
}

/* Add the row filter and masks of one access; of a view they name its relation. */
static void
tell_obligations(CaReach *reach, const CaAccess *access, bool expanded)
{
	const char *filter = ca_access_filter_text(access);
	CaLimits	limits = ca_access_limits(access);
	int			attnum = -1;

	ca_limits_add(&reach->limits, &limits);
	if (filter != NULL && expanded)
		filter = psprintf("%s: %s", access->relation->resource, filter);
	if (filter != NULL)
		reach->row_filter = reach->row_filter == NULL ? pstrdup(filter) :
			psprintf("%s; %s", reach->row_filter, filter);
	while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
	{
		CaReachMask *mask = palloc(sizeof(CaReachMask));
		const char *column = access->relation->columns[attnum - 1].name;

		mask->mask = ca_access_mask_text(access, attnum);
		mask->column = expanded ?
			psprintf("%s.%s", access->relation->resource, quote_identifier(column)) : column;
		if (mask->mask != NULL)
			reach->masks = lappend(reach->masks, mask);
	}
}

static void
tell_relation(Reacher *r, const CaThing *thing, const CaRelation *relation,
			  const char *action, const Answer *answer)
{
	CaReach		reach = {r->subject.identity->agent, action, thing->text, answer->decision};
	int			attnum = -1;
	ListCell   *lc;

	reach.obstacle = r->obstacle;
	while ((attnum = bms_next_member(answer->columns, attnum)) >= 0)
		reach.columns = lappend(reach.columns, relation->columns[attnum - 1].name);
	tell_policies(r, &reach, matched_by(answer->best), matched_by(answer->worst));
	foreach(lc, answer->best)
		tell_obligations(&reach, lfirst(lc), ca_part_expanded(relation, action));
	r->sink(&reach, r->arg);
}

/* Those of the answers that are so: together if that is true, else one by one. */
static void
tell_alike(Reacher *r, CaThing *thing, const CaRelation *relation, const char *action,
		   const List *answers, const char *decision)
{
	Bitmapset  *together = NULL;
	List	   *alike = NIL;
	Answer		whole;
	ListCell   *lc;

	foreach(lc, answers)
	{
		const Answer *answer = lfirst(lc);

		if (answer->decision == NULL || strcmp(answer->decision, decision) != 0)
			continue;
		alike = lappend(alike, lfirst(lc));
		together = bms_add_members(together, answer->columns);
	}
	if (list_length(alike) > 1)
	{
		whole = ask_relation(r, thing, relation, action, together);
		if (whole.decision != NULL && strcmp(whole.decision, decision) == 0)
			alike = list_make1(&whole);
	}
	foreach(lc, alike)
		tell_relation(r, thing, relation, action, lfirst(lc));
}

/* Could any permit let the agent do it?  Most agents have none for most relations. */
static bool
any_permit(const Reacher *r, const CaRelation *relation, const char *action)
{
	ListCell   *lc;

	/*
	 * a view is permitted by what it reads; break-glass is a permit of no
	 * policy
	 */
	if (relation->relkind == RELKIND_VIEW || r->subject.identity->break_glass.until != 0)
		return true;
	foreach(lc, relation->candidates)
	{
		const CaPolicy *policy = ((const CaCandidate *) lfirst(lc))->policy;

		if (policy->effect == CA_EFFECT_PERMIT && !policy->monitor_only &&
			ca_policy_meets(policy, r->subject.identity, action))
			return true;
	}
	return false;
}

static void
reach_relation(Reacher *r, CaThing *thing, const char *action)
{
	static const char *const decisions[] = {"allow", "depends", "escalate"};
	const CaRelation *relation = ca_relation_get(r->set, thing->relid);
	List	   *answers = NIL;
	ListCell   *lc;

	if (relation == NULL || !any_permit(r, relation, action))
		return;
	/* what a view reads may be another relation for each column */
	r->question = ca_part_expanded(relation, action) ? 0 : ++last_question;
	foreach(lc, ca_parts(thing, relation, action))
	{
		Answer	   *answer = palloc(sizeof(Answer));

		*answer = ask_relation(r, thing, relation, action, lfirst(lc));
		answers = lappend(answers, answer);
	}
	for (int i = 0; i < lengthof(decisions); i++)
		tell_alike(r, thing, relation, action, answers, decisions[i]);
}

static CaObjectAnswer
ask_object(Reacher *r, const CaThing *thing, const char *action, CaAssumption assume)
{
	r->subject.assume = assume;
	return ca_authorize_object(r->set, &r->subject, action, thing->kind, thing->schema,
							   thing->name, thing->labels);
}

static void
reach_object(Reacher *r, const CaThing *thing, const char *action)
{
	CaReach		reach = {r->subject.identity->agent, action, thing->text};
	CaObjectAnswer best;
	CaObjectAnswer worst;

	/* only who asks says of which domain it is */
	r->subject.domain = thing->kind == CA_RESOURCE_OTHER ? "" : NULL;
	r->subject.asked = r->subject.question = ++last_question;
	best = ask_object(r, thing, action, CA_ASSUME_BEST);
	if (best.verdict.decision == CA_DECISION_DENY)
		return;
	worst = ask_object(r, thing, action, CA_ASSUME_WORST);
	reach.decision = best.verdict.decision == CA_DECISION_ESCALATE ? "escalate" :
		worst.verdict.decision == CA_DECISION_ALLOW && r->obstacle == NULL ? "allow" : "depends";
	tell_policies(r, &reach, best.matched, worst.matched);
	reach.limits = best.limits;
	reach.obstacle = r->obstacle;
	r->sink(&reach, r->arg);
}

static void
reach_thing(Reacher *r, CaThing *thing, const char *action)
{
	r->thing = thing;
	r->subject.domain = NULL;
	if (thing->kind == CA_RESOURCE_RELATION)
		reach_relation(r, thing, action);
	else
		reach_object(r, thing, action);
}

/* From here on it is about this agent; false: it is not registered. */
static bool
begin_agent(Reacher *r, const char *agent)
{
	CaIdentityProblem problem = {0};
	const CaIdentity *identity = ca_identity_imagined(agent, &problem);

	r->subject.identity = identity;
	r->obstacle = problem.code != NULL ? problem.text : NULL;
	return identity != NULL;
}

static Reacher
begin(CaReachSink sink, void *arg)
{
	Reacher		r = {.sink = sink,.arg = arg};

	r.set = ca_policy_set_whole();
	ca_relation_begin(r.set);
	return r;
}

/* Is it an action of things of that kind?  Labels stand for several kinds. */
static bool
suits(const char *action, const CaThing *thing)
{
	int			n;
	const char *const *actions = ca_thing_actions(thing->kind, &n);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(actions[i], action) == 0)
			return true;
	}
	return n == 0;
}

static void
refuse_action(const char *action, const CaThing *thing)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action is not valid: agents cannot do \"%s\" with %s", action, thing->text)));
}

void
ca_reach_who(const char *action, const char *resource, CaReachSink sink, void *arg)
{
	Reacher		r = begin(sink, arg);
	List	   *things = ca_things_named(r.set, resource);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "contauth who_can",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	bool		suited = false;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, things)
		suited |= suits(action, lfirst(lc));
	if (things != NIL && !suited)
		refuse_action(action, linitial(things));
	foreach(lc, ca_registry_agents())
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		if (begin_agent(&r, lfirst(lc)))
		{
			foreach(lc2, things)
			{
				if (suits(action, lfirst(lc2)))
					reach_thing(&r, lfirst(lc2), action);
			}
		}
		MemoryContextSwitchTo(old);
	}
	MemoryContextDelete(context);
}

/* Everything that the agent begun with can do with a thing. */
static void
reach_all(Reacher *r, CaThing *thing)
{
	int			n;
	const char *const *actions = ca_thing_actions(thing->kind, &n);
	ListCell   *lc;

	for (int i = 0; i < n; i++)
		reach_thing(r, thing, actions[i]);
	foreach(lc, thing->actions)
		reach_thing(r, thing, lfirst(lc));
}

void
ca_reach_what(const char *agent, CaReachSink sink, void *arg)
{
	Reacher		r = begin(sink, arg);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "contauth what_can",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	List	   *things;
	ListCell   *lc;

	if (!begin_agent(&r, agent))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("spiffe_id is not valid: agent \"%s\" is not registered", agent)));
	if (strcmp(r.subject.identity->registered->state, "retired") == 0)
		return;
	things = ca_things_all(r.set, r.subject.identity);
	foreach(lc, things)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		reach_all(&r, lfirst(lc));
		MemoryContextSwitchTo(old);
	}
	MemoryContextDelete(context);
}
