/*-------------------------------------------------------------------------
 *
 * object.c
 *	  Actions on whole objects: roles, channels, relations, functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/error.h"
#include "enforce/access_fields.h"
#include "enforce/budget.h"
#include "enforce/escalate.h"
#include "enforce/object.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"
#include "enforce/water.h"
#include "policy/obligation.h"
#include "policy/reason.h"
#include "utils/inval.h"

CaSubject
ca_object_subject(const CaIdentity *id)
{
	CaSubject	subject = {id, ca_statement_current_kind(), ca_statement_level};

	ca_water_tell(&subject);
	return subject;
}

bool
ca_object_refuse(const CaObjectAnswer *answer, const char *action,
				 const char *noun, const char *object)
{
	const CaVerdict *verdict = &answer->verdict;
	CaRefusal	r = {0};
	StringInfoData fields;
	CaEscalation escalation = {0};

	initStringInfo(&fields);
	ca_record_put_text(&fields, CA_F_ACTION, action);
	ca_access_put(&fields, action, object, verdict->decision,
				  &answer->monitored);
	r.fields = fields.data;
	r.fields_len = fields.len;
	r.sqlstate = verdict->decision == CA_DECISION_ESCALATE ?
		ERRCODE_CA_APPROVAL_NEEDED : ERRCODE_INSUFFICIENT_PRIVILEGE;
	r.decision = verdict->decision;
	r.reason_code = ca_reason_code(verdict->reason);
	r.action = action;
	r.object = noun != NULL ? psprintf("%s %s", noun, object) : object;
	r.reason = ca_object_reason(answer);
	r.policy = answer->deciding != NULL ? answer->deciding->name : NULL;
	r.hint = "Ask an administrator of contauth for a policy that permits it.";
	r.kind = action;
	r.text = "";
	if (verdict->decision != CA_DECISION_ESCALATE)
	{
		ca_refuse(&r);
		return true;
	}
	ca_escalation_add(&escalation, action, r.object, answer->escalating);
	return ca_escalate(&escalation, NULL, &r);
}

bool
ca_object_weigh(const char *action, CaResourceKind kind, const char *name,
				CaObjectAnswer *answer)
{
	CaIdentityProblem problem = {0};
	const CaIdentity *id = ca_identity_current(&problem);
	CaSubject	subject;

	if (id == NULL)
	{
		ca_refuse_identity(&problem, action, "", -1, 0);
		return false;
	}
	subject = ca_object_subject(id);
	*answer = ca_authorize_object(ca_policy_set(id, NIL), &subject, action, kind,
								  NULL, name, NIL);
	if (answer->verdict.decision == CA_DECISION_DENY)
		(void) ca_object_refuse(answer, action, NULL, name);
	else if (ca_statement_current != NULL)
	{
		ca_budget_limit(&answer->limits);
		ca_statement_add_access(ca_statement_current, action, name,
								answer->verdict.decision, answer->deciding->name,
								&answer->monitored);
	}
	return answer->verdict.decision == CA_DECISION_ESCALATE;
}

void
ca_object_check(const char *action, CaResourceKind kind, const char *name)
{
	CaObjectAnswer answer;

	while (ca_object_weigh(action, kind, name, &answer) &&
		   !ca_object_refuse(&answer, action, NULL, name))
		AcceptInvalidationMessages();
}

/* Decide the access for the present identity; false: there is none. */
static bool
decide(CaAccess *access)
{
	CaIdentityProblem problem = {0};
	const CaIdentity *id = ca_identity_current(&problem);
	const CaPolicySet *set;
	CaSubject	subject;

	if (id == NULL)
	{
		ca_refuse_identity(&problem, access->action, "", -1, 0);
		return false;
	}
	subject = ca_object_subject(id);
	set = ca_policy_set(id, ca_relation_keys(NIL, access->relid));
	ca_relation_begin(set);
	ca_authorize_access(set, &subject, access);
	return true;
}

/*
 * Refuse the access, or put it on record and under its limits.  False: it has
 * been approved while it waited, and is to be decided again.
 */
static bool
conclude(const CaAccess *access, bool obligation_fails)
{
	CaObjectAnswer answer = {0};

	answer.verdict = access->verdict;
	answer.outside = access->outside;
	answer.monitored = access->monitored;
	answer.deciding = access->verdict.deciding >= 0 && access->matched != NIL ?
		((CaCandidate *) linitial(access->matched))->policy : NULL;

	answer.escalating = ca_access_escalating(access);

	if (access->verdict.decision != CA_DECISION_DENY && obligation_fails)
	{
		answer.verdict.decision = CA_DECISION_DENY;
		answer.verdict.reason = CA_REASON_OBLIGATION;
		answer.deciding = NULL;
	}
	if (answer.verdict.decision != CA_DECISION_ALLOW &&
		!ca_object_refuse(&answer, access->action, NULL, access->relation->resource))
	{
		AcceptInvalidationMessages();
		return false;
	}
	if (answer.verdict.decision != CA_DECISION_DENY && ca_statement_current != NULL)
	{
		CaLimits	limits = ca_access_limits(access);

		ca_budget_limit(&limits);
		ca_statement_add_access(ca_statement_current, access->action,
								access->relation->resource, answer.verdict.decision,
								answer.deciding != NULL ? answer.deciding->name : NULL,
								&answer.monitored);
	}
	return true;
}

void
ca_relation_check(Oid relid, const char *action, bool all_rows)
{
	CaAccess	access = {.relid = relid,.action = action};

	/* the command sees every row and stored value: obligations cannot hold */
	while (decide(&access) &&
		   !conclude(&access, all_rows && (ca_access_filter_text(&access) != NULL ||
										   ca_access_masks_any(&access))))
		;
}

/* Is any of the columns masked, when it could be written? */
static bool
masks_written(const CaAccess *access)
{
	int			attnum = -1;
	bool		masked = false;

	while (access->verdict.decision != CA_DECISION_DENY &&
		   (attnum = bms_next_member(access->columns, attnum)) >= 0)
		masked |= ca_access_masks(access, attnum) != NIL;
	return masked;
}

bool
ca_relation_check_write(Oid relid, const char *action, Bitmapset *columns)
{
	CaAccess	access = {.relid = relid,.action = action,.columns = columns};
	CaLimits	limits;

	do
	{
		if (!decide(&access))
			return false;
	} while (!conclude(&access, masks_written(&access)));
	if (access.verdict.decision == CA_DECISION_DENY)
		return false;
	limits = ca_access_limits(&access);
	return ca_access_filter_text(&access) != NULL ||
		limits.max[CA_LIMIT_MAX_AFFECTED_ROWS] > 0 ||
		limits.max[CA_LIMIT_ROWS_PER_STATEMENT] > 0 ||
		limits.max[CA_LIMIT_ROWS_PER_HOUR] > 0;
}
