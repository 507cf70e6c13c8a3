/*-------------------------------------------------------------------------
 *
 * reason.c
 *	  Why a request was decided as it was, in words.
 *
 * Made for refusals and explanations only.  To tell which term of a condition
 * did not hold, it is parsed again and each term evaluated by itself: slow,
 * and not on the way of what is allowed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/reason.h"

/* Most permits whose mismatch is described. */
#define CA_MISSES_MAX	3

/* What keeps a permit from matching, said about the terms of its condition. */
static char *
describe_miss(const CaPolicy *policy, const CaRequest *request)
{
	static const char *const values[] = {"false", "true", "null"};
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, ca_condition_clauses(policy->condition_text))
	{
		CaClause   *clause = lfirst(lc);
		char	   *error;
		CaTruth		truth = ca_condition_eval(clause->condition, request, &error);

		if (truth == CA_TRUE)
			continue;
		appendStringInfo(&text, "%s%s is %s", text.len > 0 ? ", " : "", clause->text,
						 error != NULL ? "an error" : values[truth]);
	}
	return text.len == 0 ? NULL :
		psprintf("policy \"%s\" does not match: %s", policy->name, text.data);
}

/* Permits that speak about the access, but whose condition does not hold. */
static void
append_misses(StringInfo text, const CaAccess *access, const CaSubject *subject)
{
	CaRequest	request = ca_access_request(access, subject);
	int			n = 0;
	ListCell   *lc;

	foreach(lc, access->relation->candidates)
	{
		const CaPolicy *policy = ((CaCandidate *) lfirst(lc))->policy;
		char	   *miss;

		if (policy->effect != CA_EFFECT_PERMIT || policy->monitor_only ||
			policy->condition_text == NULL ||
			n == CA_MISSES_MAX ||
			!ca_policy_speaks(policy, subject, access->action) ||
			(miss = describe_miss(policy, &request)) == NULL)
			continue;
		appendStringInfo(text, "; %s", miss);
		n++;
	}
}

/* Names of the columns that no permit covers. */
static char *
uncovered_names(const CaAccess *access)
{
	StringInfoData names;
	int			attnum = -1;

	initStringInfo(&names);
	while ((attnum = bms_next_member(access->verdict.uncovered, attnum)) >= 0)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 access->relation->columns[attnum - 1].name);
	return names.data;
}

static const char *
name_of(const CaPolicy *policy)
{
	return policy != NULL ? psprintf("policy \"%s\" permits it", policy->name) :
		"it is allowed";
}

/* The verdict alone. */
static const char *
verdict_text(const CaAccess *access)
{
	const CaVerdict *verdict = &access->verdict;

	switch (verdict->reason)
	{
		case CA_REASON_PERMIT:
			return name_of(verdict->deciding >= 0 && access->matched != NIL ?
						   ((CaCandidate *) linitial(access->matched))->policy : NULL);
		case CA_REASON_FORBID:
			return access->matched != NIL ? "a policy forbids it" :
				"the relation is closed to agents";
		case CA_REASON_COLUMNS:
			return psprintf("no policy permits column %s", uncovered_names(access));
		case CA_REASON_DELEGATION:
			return access->outside;
		case CA_REASON_ESCALATE:
			return "a person has to approve it";
		case CA_REASON_OBLIGATION:
			return "it would go past the policy's row filter or masks";
		case CA_REASON_NO_PERMIT:
			break;
	}
	return "no policy permits it";
}

char *
ca_access_reason(const CaAccess *access, const CaSubject *subject)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfoString(&text, verdict_text(access));
	foreach(lc, access->problems)
		appendStringInfo(&text, "; %s", (char *) lfirst(lc));
	if (access->verdict.reason == CA_REASON_NO_PERMIT ||
		access->verdict.reason == CA_REASON_COLUMNS)
		append_misses(&text, access, subject);
	return text.data;
}

const char *
ca_object_reason(const CaObjectAnswer *answer)
{
	switch (answer->verdict.reason)
	{
		case CA_REASON_PERMIT:
			return name_of(answer->deciding);
		case CA_REASON_FORBID:
			return "a policy forbids it";
		case CA_REASON_OBLIGATION:
			return "it would go past the policy's row filter or masks";
		case CA_REASON_COLUMNS:
			return "no policy permits all of its columns";
		case CA_REASON_DELEGATION:
			return answer->outside;
		case CA_REASON_ESCALATE:
			return "a person has to approve it";
		case CA_REASON_NO_PERMIT:
			break;
	}
	return "no policy permits it";
}
