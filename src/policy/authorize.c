/*-------------------------------------------------------------------------
 *
 * authorize.c
 *	  From an access to a verdict with its obligations.
 *
 * Selects the policies that can apply, evaluates their conditions, lets
 * decide.c weigh them, and reads the obligations (row filter, masks, covered
 * columns) off those that matched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "policy/bound.h"
#include "policy/authorize.h"
#include "policy/expression.h"
#include "policy/label.h"

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
	request.sensitivity = -1;
	return request;
}

bool
ca_policy_speaks(const CaPolicy *policy, const CaSubject *subject, const char *action)
{
	return ca_policy_matches_action(policy, action) &&
		ca_policy_matches_identity(policy, subject->identity);
}

/* Condition and filter of a candidate as one truth. */
static CaTruth
candidate_truth(CaAccess *access, CaCandidate *c, const CaRequest *request)
{
	CaPolicy   *policy = c->policy;
	char	   *error;
	CaTruth		truth = ca_policy_condition(policy, request, &error);

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

CaRequest
ca_access_request(const CaAccess *access, const CaSubject *subject)
{
	CaRequest	request = new_request(subject, access->action);

	describe_access(access, touched_columns(access), &request);
	return request;
}

void
ca_authorize_access(const CaPolicySet *set, const CaSubject *subject,
					CaAccess *access)
{
	CaRequest	request = new_request(subject, access->action);
	CaRelation *r = ca_relation_get(set, access->relid);
	Bitmapset  *touched;
	CaRule	   *rules;
	CaCandidate **candidates;
	int			n = 0;
	ListCell   *lc;

	access->matched = NIL;
	access->problems = NIL;
	access->outside = NULL;
	access->dynamic = false;
	access->relation = r;
	if (r == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", access->relid)));

	touched = touched_columns(access);
	describe_access(access, touched, &request);
	rules = palloc(sizeof(CaRule) * (list_length(r->candidates) + 1));
	candidates = palloc(sizeof(CaCandidate *) * (list_length(r->candidates) + 1));
	foreach(lc, r->candidates)
	{
		CaCandidate *c = lfirst(lc);

		if (!ca_policy_speaks(c->policy, subject, access->action))
			continue;
		rules[n].effect = c->policy->effect;
		rules[n].all_columns = c->all_columns;
		rules[n].columns = c->columns;
		rules[n].condition = candidate_truth(access, c, &request);
		candidates[n++] = c;
	}
	access->verdict = ca_decide(rules, n, access->columns, touched);

	/*
	 * A view is as transparent as the permissions on what it reads; but a
	 * forbid that names the view is meant.
	 */
	if (access->through_view && access->verdict.reason != CA_REASON_FORBID)
	{
		access->verdict.decision = CA_DECISION_ALLOW;
		access->verdict.reason = CA_REASON_PERMIT;
		access->verdict.deciding = -1;
	}
	else
		access->outside = ca_bound_relation(r, &request, touched,
											&access->verdict);
	collect_matched(access, candidates);

	if (is_closed(r))
	{
		access->verdict.decision = CA_DECISION_DENY;
		access->verdict.reason = CA_REASON_FORBID;
		access->verdict.deciding = -1;
		access->matched = NIL;
	}
}

/* Does the resource name the object, itself or by one of its labels? */
static bool
names_object(const CaResource *resource, CaResourceKind kind,
			 const char *schema, const char *name, const List *labels)
{
	ListCell   *lc;

	if (resource->kind != CA_RESOURCE_LABEL)
		return ca_resource_matches(resource, kind, schema, name);
	foreach(lc, labels)
	{
		if (ca_label_matches(resource->name, lfirst(lc)))
			return true;
	}
	return false;
}

/* What a policy that matched adds to the budgets. */
static void
add_limits(CaLimits *limits, const CaPolicy *policy)
{
	if (policy->effect == CA_EFFECT_PERMIT || policy->effect == CA_EFFECT_RESTRICT)
		ca_limits_add(limits, &policy->limits);
}

static bool
any_names_object(const List *resources, CaResourceKind kind,
				 const char *schema, const char *name, const List *labels)
{
	ListCell   *lc;

	foreach(lc, resources)
	{
		if (names_object(lfirst(lc), kind, schema, name, labels))
			return true;
	}
	return false;
}

CaObjectAnswer
ca_authorize_object(const CaPolicySet *set, const CaSubject *subject,
					const char *action, CaResourceKind kind,
					const char *schema, const char *name, const List *labels)
{
	CaRequest	request = new_request(subject, action);
	int			max = list_length(set->policies) + 1;
	CaRule	   *rules = palloc0(sizeof(CaRule) * max);
	CaPolicy  **policies = palloc(sizeof(CaPolicy *) * max);
	CaObjectAnswer answer = {0};
	int			n = 0;
	int			i = -1;
	ListCell   *lc;

	request.resource = schema != NULL ? psprintf("%s.%s", schema, name) : name;
	request.labels = list_copy(labels);
	request.sensitivity = ca_label_max_sensitivity(labels);
	foreach(lc, set->policies)
	{
		CaPolicy   *policy = lfirst(lc);
		char	   *error;

		if (!ca_policy_speaks(policy, subject, action) ||
			!any_names_object(policy->resources, kind, schema, name, labels))
			continue;
		rules[n].effect = policy->effect;
		rules[n].all_columns = true;
		rules[n].condition = ca_policy_condition(policy, &request, &error);
		answer.dynamic |= ca_policy_dynamic(policy);
		policies[n++] = policy;
	}
	answer.verdict = ca_decide(rules, n, NULL, NULL);
	answer.outside = ca_bound_object(kind, schema, name, &request, &answer.verdict);
	if (answer.verdict.deciding >= 0)
		answer.deciding = policies[answer.verdict.deciding];
	while ((i = bms_next_member(answer.verdict.matched, i)) >= 0)
		add_limits(&answer.limits, policies[i]);
	return answer;
}

CaLimits
ca_access_limits(const CaAccess *access)
{
	CaLimits	limits = {0};
	ListCell   *lc;

	foreach(lc, access->matched)
		add_limits(&limits, ((CaCandidate *) lfirst(lc))->policy);
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

const CaMask *
ca_access_mask(const CaAccess *access, AttrNumber attnum)
{
	const CaMask *strictest = access->also != NULL ?
	ca_access_mask(access->also, attnum) : NULL;
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (masks_count(c) && c->masks[attnum - 1] != NULL &&
			(strictest == NULL || ca_mask_stricter(c->masks[attnum - 1], strictest)))
			strictest = c->masks[attnum - 1];
	}
	return strictest;
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

bool
ca_access_covers(const CaAccess *access, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, access->matched)
	{
		CaCandidate *c = lfirst(lc);

		if (c->policy->effect == CA_EFFECT_PERMIT &&
			(c->all_columns || bms_is_member(attnum, c->columns)))
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
		const CaMask *mask = ca_access_mask(access, attnum);

		signature = hash_combine64(signature, ca_access_covers(access, attnum));
		if (mask != NULL)
			signature = add_text(signature, mask->text);
	}
	return signature;
}
