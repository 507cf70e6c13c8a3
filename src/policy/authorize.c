/*-------------------------------------------------------------------------
 *
 * authorize.c
 *	  From an access to a verdict with its obligations.
 *
 * Selects the policies that can apply, evaluates their conditions, lets
 * decide.c weigh them.  What an allowed access has to carry is in obligation.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "policy/bound.h"
#include "policy/authorize.h"
#include "policy/label.h"
#include "policy/obligation.h"

/* Names and classes of the columns that an access touches, for conditions. */
static void
describe_access(const CaAccess *access, const Bitmapset *touched,
				CaRequest *request)
{
	const CaRelation *r = access->relation;
	int			attnum = -1;
	ListCell   *lc;

	request->resource = r->resource;
	request->sensitivity = -1;
	while ((attnum = bms_next_member(touched, attnum)) >= 0)
	{
		const CaColumn *column = &r->columns[attnum - 1];

		request->columns = lappend(request->columns, column->name);
		request->sensitivity = Max(request->sensitivity, column->sensitivity);
		foreach(lc, column->labels)
		{
			if (!list_member(request->labels, makeString(lfirst(lc))))
				request->labels = lappend(request->labels, makeString(lfirst(lc)));
		}
	}
	/* conditions see plain strings */
	foreach(lc, request->labels)
		lfirst(lc) = strVal(lfirst(lc));
}

static CaRequest
new_request(const CaSubject *subject, const char *action)
{
	CaRequest	request = {0};

	request.identity = subject->identity;
	request.action = action;
	request.statement_kind = subject->statement_kind;
	request.nested_level = subject->nested_level;
	request.high_water = subject->high_water;
	request.reads = subject->reads;
	request.domain = subject->domain != NULL ? subject->domain : "data";
	request.facts = subject->facts;
	request.asked = subject->asked;
	request.question = subject->question;
	request.sensitivity = -1;
	request.target_sensitivity = -1;
	return request;
}

bool
ca_policy_speaks(const CaPolicy *policy, const CaSubject *subject, const char *action)
{
	return ca_policy_matches_action(policy, action) &&
		ca_policy_matches_identity(policy, subject->identity);
}

bool
ca_policy_may_speak(const CaPolicy *policy, const CaSubject *subject,
					const char *action, bool *partly)
{
	*partly = false;
	if (subject->assume == CA_ASSUME_NOTHING)
		return ca_policy_speaks(policy, subject, action);
	if (!ca_policy_meets(policy, subject->identity, action))
		return false;
	*partly = !ca_policy_speaks(policy, subject, action);
	return true;
}

/* What is assumed of a policy, of all that its condition can come to. */
static CaTruth
assumed_truth(CaEffect effect, CaOutlook outlook, CaAssumption assume)
{
	CaOutlook	matching = CA_POSSIBLY(CA_TRUE) |
	(effect == CA_EFFECT_PERMIT ? 0 : CA_POSSIBLY(CA_UNKNOWN));
	bool		match = (effect == CA_EFFECT_PERMIT) == (assume == CA_ASSUME_BEST);

	if (match ? (outlook & matching) != 0 : (outlook & ~matching) == 0)
		return outlook & CA_POSSIBLY(CA_TRUE) ? CA_TRUE : CA_UNKNOWN;
	return outlook & CA_POSSIBLY(CA_FALSE) ? CA_FALSE : CA_UNKNOWN;
}

/* Does the policy's condition hold?  partly: as ca_policy_may_speak() says. */
static CaTruth
condition_truth(CaPolicy *policy, const CaSubject *subject, bool partly,
				const CaRequest *request, char **error)
{
	CaForecast *forecast;
	CaOutlook	outlook = CA_POSSIBLY(CA_TRUE);

	if (subject->assume == CA_ASSUME_NOTHING)
		return ca_policy_condition(policy, request, error);
	*error = NULL;
	forecast = ca_policy_forecast(policy);
	if (forecast != NULL)
		outlook = ca_forecast(forecast, request);
	if (partly)
		outlook |= CA_POSSIBLY(CA_FALSE);
	return assumed_truth(policy->effect, outlook, subject->assume);
}

/* Condition and filter of a candidate as one truth. */
static CaTruth
candidate_truth(CaAccess *access, CaCandidate *c, const CaSubject *subject,
				bool partly, const CaRequest *request)
{
	CaPolicy   *policy = c->policy;
	char	   *error;
	CaTruth		truth = condition_truth(policy, subject, partly, request, &error);
	ListCell   *lc;

	access->dynamic |= ca_policy_dynamic(policy);
	if (error != NULL)
		access->problems = lappend(access->problems,
								   psprintf("condition of policy \"%s\": %s",
											policy->name, error));
	if (truth == CA_FALSE)
		return truth;

	/* SECURITY: a filter that does not fit the relation never widens */
	ca_candidate_prepare(access->relation, c);
	if (c->filter_problem != NULL)
	{
		access->problems = lappend(access->problems,
								   psprintf("row filter of policy \"%s\": %s",
											policy->name, c->filter_problem));
		truth = CA_UNKNOWN;
	}
	foreach(lc, c->mask_problems)
		access->problems = lappend(access->problems,
								   psprintf("mask of policy \"%s\": %s",
											policy->name, (char *) lfirst(lc)));
	return truth;
}

/* Put the candidates that matched into access->matched, deciding one first. */
static void
collect_matched(CaAccess *access, CaCandidate **candidates)
{
	int			i = -1;

	while ((i = bms_next_member(access->verdict.matched, i)) >= 0)
		access->matched = i == access->verdict.deciding ?
			lcons(candidates[i], access->matched) :
			lappend(access->matched, candidates[i]);
}

/*
 * SECURITY: relations that no policy can open: contauth's own tables, which
 * hold keys and policies, and TOAST tables, which hold other tables' values
 * without their protection.
 */
static bool
is_closed(const CaRelation *relation)
{
	return strcmp(relation->schema, "contauth") == 0 ||
		relation->relkind == RELKIND_TOASTVALUE ||
		strcmp(relation->schema, "pg_toast") == 0;
}

/*
 * The columns that an access touches.  SECURITY: who removes rows removes every
 * value in them, so that what protects a column protects the rows that hold
 * it.  (test/sql/policy.sql)
 */
static Bitmapset *
touched_columns(const CaAccess *access)
{
	Bitmapset  *all = NULL;

	if (strcmp(access->action, CA_ACTION_DELETE) != 0 &&
		strcmp(access->action, CA_ACTION_TRUNCATE) != 0)
		return access->columns;
	for (int i = 0; i < access->relation->natts; i++)
	{
		if (access->relation->columns[i].name != NULL)
			all = bms_add_member(all, i + 1);
	}
	return all;
}

/*
 * How sensitive may what the access writes be?  SECURITY: as the least sensitive
 * of the columns, for all of them may get the same value.  Where no column is
 * written (a row is locked, a default row inserted) no value is.  What is
 * exported leaves everything that has labels; what is only read stays.
 */
static int
target_sensitivity(const CaAccess *access, const Bitmapset *touched)
{
	if (strcmp(access->action, CA_ACTION_SELECT) == 0)
		return CA_SENSITIVITY_MAX;
	if (strcmp(access->action, CA_ACTION_EXPORT) == 0)
		return -1;
	return bms_is_empty(touched) ? access->relation->sensitivity :
		ca_relation_least(access->relation, touched);
}

List *
ca_access_escalating(const CaAccess *access)
{
	List	   *policies = NIL;
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaPolicy   *policy = ((CaCandidate *) lfirst(lc))->policy;

		if (policy->effect == CA_EFFECT_ESCALATE)
			policies = lappend(policies, policy);
	}
	return policies;
}

CaRequest
ca_access_request(const CaAccess *access, const CaSubject *subject)
{
	CaRequest	request = new_request(subject, access->action);
	Bitmapset  *touched = touched_columns(access);

	describe_access(access, touched, &request);
	request.target_sensitivity = target_sensitivity(access, touched);
	return request;
}

/* Rules and what they come from: those that decide, then those that monitor. */
typedef struct CaWeighing
{
	CaRule	   *rules;
	void	  **sources;		/* CaCandidate * or CaPolicy * */
	int			deciding;		/* how many of them decide */
	int			n;
} CaWeighing;

static CaWeighing
begin_weighing(int max)
{
	CaWeighing	w = {palloc0(sizeof(CaRule) * (max + 1)), palloc(sizeof(void *) * (max + 1)), 0, 0};

	return w;
}

static void
weigh(CaWeighing *w, CaRule rule, void *source)
{
	w->rules[w->n] = rule;
	w->sources[w->n++] = source;
}

/* What break-glass opens: all columns and rows of every relation. */
static CaPolicy break_glass_policy = {.name = CA_BREAK_GLASS,.effect = CA_EFFECT_PERMIT,.builtin = true};
static CaCandidate break_glass = {.policy = &break_glass_policy,.all_columns = true,.ready = true};

/*
 * While break-glass is open for the agent, a permit of no policy comes before
 * all others.  SECURITY: it is a permit and no more, so that forbids, restricts,
 * masks, limits and the chain hold as ever.  (test/sql/break_glass.sql)
 */
static void
weigh_break_glass(CaWeighing *w, const CaSubject *subject, const char *action)
{
	CaRule		rule = {CA_EFFECT_PERMIT, CA_TRUE,.all_columns = true,.approves = true};

	if (subject->identity->break_glass.until != 0 &&
		(strcmp(action, CA_ACTION_SELECT) == 0 ||
		 strcmp(action, CA_ACTION_INSERT) == 0 ||
		 strcmp(action, CA_ACTION_UPDATE) == 0 ||
		 strcmp(action, CA_ACTION_DELETE) == 0))
		weigh(w, rule, &break_glass);
}

/* Weigh the candidates that decide, or those that monitor. */
static void
weigh_candidates(CaWeighing *w, CaAccess *access, const CaSubject *subject,
				 const CaRequest *request, bool monitors)
{
	ListCell   *lc;

	foreach(lc, access->relation->candidates)
	{
		CaCandidate *c = lfirst(lc);
		CaRule		rule = {c->policy->effect, CA_UNKNOWN, c->all_columns, c->columns};
		bool		partly;

		if (c->policy->monitor_only != monitors ||
			!ca_policy_may_speak(c->policy, subject, access->action, &partly))
			continue;
		rule.condition = candidate_truth(access, c, subject, partly, request);
		weigh(w, rule, c);
	}
}

/* The verdict of the first n rules, held against the delegation chain. */
static CaVerdict
conclude(const CaWeighing *w, int n, const CaAccess *access,
		 const CaRequest *request, const Bitmapset *touched, char **outside)
{
	CaVerdict	verdict = ca_decide(w->rules, n, access->columns, touched);

	/*
	 * A view is as transparent as the permissions on what it reads; but a
	 * forbid that names the view is meant.
	 */
	if (access->through_view && verdict.reason != CA_REASON_FORBID)
	{
		verdict.decision = CA_DECISION_ALLOW;
		verdict.reason = CA_REASON_PERMIT;
		verdict.deciding = -1;
	}
	else
		*outside = ca_bound_relation(access->relation, request, touched, &verdict);
	return verdict;
}

/* What it would be with the policies that monitor, if any of them matches. */
static void
monitor_access(CaAccess *access, const CaWeighing *w, const CaRequest *request,
			   const Bitmapset *touched)
{
	char	   *outside;
	CaVerdict	verdict = conclude(w, w->n, access, request, touched, &outside);
	int			i = w->deciding - 1;

	while ((i = bms_next_member(verdict.matched, i)) >= 0)
		access->monitored.policies =
			lappend(access->monitored.policies,
					((CaCandidate *) w->sources[i])->policy->name);
	access->monitored.decision = verdict.decision;
}

void
ca_authorize_access(const CaPolicySet *set, const CaSubject *subject,
					CaAccess *access)
{
	CaRequest	request;
	CaRelation *r = ca_relation_get(set, access->relid);
	Bitmapset  *touched;
	CaWeighing	w;

	access->matched = NIL;
	access->problems = NIL;
	access->outside = NULL;
	access->dynamic = false;
	memset(&access->monitored, 0, sizeof(access->monitored));
	access->relation = r;
	if (r == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", access->relid)));

	request = ca_access_request(access, subject);
	touched = touched_columns(access);
	w = begin_weighing(list_length(r->candidates) + 1);
	weigh_break_glass(&w, subject, access->action);
	weigh_candidates(&w, access, subject, &request, false);
	w.deciding = w.n;
	access->verdict = conclude(&w, w.n, access, &request, touched, &access->outside);
	collect_matched(access, (CaCandidate **) w.sources);

	weigh_candidates(&w, access, subject, &request, true);
	if (w.n > w.deciding)
		monitor_access(access, &w, &request, touched);

	if (is_closed(r))
	{
		access->verdict.decision = CA_DECISION_DENY;
		access->verdict.reason = CA_REASON_FORBID;
		access->verdict.deciding = -1;
		access->matched = NIL;
	}
}

void
ca_access_trust(const CaPolicySet *set, const CaSubject *subject, CaAccess *access)
{
	ca_authorize_access(set, subject, access);
	if (access->verdict.decision == CA_DECISION_DENY &&
		access->verdict.reason == CA_REASON_FORBID)
		return;
	access->trusted = true;
	access->matched = NIL;
	access->problems = NIL;
	access->verdict.decision = CA_DECISION_ALLOW;
	access->verdict.deciding = -1;
}

/*
 * Does the policy name the object?  While something is assumed, it may name it
 * in part: then *partly is set.
 *
 * SECURITY: a permit on "*" opens what this database holds, and nothing of other
 * domains: it was written without a thought of them.  What takes away holds
 * everywhere.  (test/sql/evaluate.sql)
 */
static bool
any_names_object(const CaPolicy *policy, const CaSubject *subject, CaResourceKind kind,
				 const char *schema, const char *name, const List *labels, bool *partly)
{
	bool		by_name = kind == CA_RESOURCE_OTHER && policy->effect == CA_EFFECT_PERMIT;
	bool		meets = false;
	ListCell   *lc;

	foreach(lc, policy->resources)
	{
		const CaResource *resource = lfirst(lc);

		if (by_name && resource->kind == CA_RESOURCE_ANY)
			continue;
		if (ca_resource_names(resource, kind, schema, name, labels))
			return true;
		meets |= subject->assume != CA_ASSUME_NOTHING &&
			ca_resource_meets(resource, kind, schema, name);
	}
	*partly |= meets;
	return meets;
}

/* Weigh the policies about an object that decide, or those that monitor. */
static void
weigh_policies(CaWeighing *w, const CaPolicySet *set, const CaSubject *subject,
			   CaResourceKind kind, const char *schema, const char *name,
			   const CaRequest *request, bool monitors, bool *dynamic)
{
	ListCell   *lc;

	foreach(lc, set->policies)
	{
		CaPolicy   *policy = lfirst(lc);
		CaRule		rule = {policy->effect, CA_UNKNOWN, true, NULL};
		bool		partly;
		char	   *error;

		if (policy->monitor_only != monitors ||
			!ca_policy_may_speak(policy, subject, request->action, &partly) ||
			!any_names_object(policy, subject, kind, schema, name, request->labels, &partly))
			continue;
		rule.condition = condition_truth(policy, subject, partly, request, &error);
		*dynamic |= ca_policy_dynamic(policy);
		weigh(w, rule, policy);
	}
}

CaObjectAnswer
ca_authorize_object(const CaPolicySet *set, const CaSubject *subject,
					const char *action, CaResourceKind kind,
					const char *schema, const char *name, const List *labels)
{
	CaRequest	request = new_request(subject, action);
	CaWeighing	w = begin_weighing(list_length(set->policies));
	CaObjectAnswer answer = {0};
	CaVerdict	monitored;
	int			i = -1;

	request.resource = schema == NULL ? name :
		psprintf(kind == CA_RESOURCE_OTHER ? "%s:%s" : "%s.%s", schema, name);
	request.labels = list_copy(labels);
	request.sensitivity = ca_label_max_sensitivity(labels);
	request.target_sensitivity = request.sensitivity;
	weigh_policies(&w, set, subject, kind, schema, name, &request, false, &answer.dynamic);
	answer.verdict = ca_decide(w.rules, w.n, NULL, NULL);
	answer.outside = ca_bound_object(kind, schema, name, &request, &answer.verdict);
	if (answer.verdict.deciding >= 0)
		answer.deciding = w.sources[answer.verdict.deciding];
	while ((i = bms_next_member(answer.verdict.matched, i)) >= 0)
	{
		answer.matched = i == answer.verdict.deciding ?
			lcons(w.sources[i], answer.matched) : lappend(answer.matched, w.sources[i]);
		ca_policy_add_limits(&answer.limits, w.sources[i]);
		if (w.rules[i].effect == CA_EFFECT_ESCALATE)
			answer.escalating = lappend(answer.escalating, w.sources[i]);
		answer.trusted |= ((const CaPolicy *) w.sources[i])->trusted;
	}

	w.deciding = w.n;
	weigh_policies(&w, set, subject, kind, schema, name, &request, true, &answer.dynamic);
	if (w.n == w.deciding)
		return answer;
	monitored = ca_decide(w.rules, w.n, NULL, NULL);
	(void) ca_bound_object(kind, schema, name, &request, &monitored);
	i = w.deciding - 1;
	while ((i = bms_next_member(monitored.matched, i)) >= 0)
		answer.monitored.policies = lappend(answer.monitored.policies,
											((CaPolicy *) w.sources[i])->name);
	answer.monitored.decision = monitored.decision;
	return answer;
}
