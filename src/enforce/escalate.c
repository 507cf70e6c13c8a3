/*-------------------------------------------------------------------------
 *
 * escalate.c
 *	  What escalates goes on with an approval, or is refused.
 *
 * An approval belongs to a top-level statement.  It is asked for where the
 * parameters are known: when a plan starts (execute.c), when a command is
 * checked (object.c), when a function is made ready to run (function.c); and
 * used once, for all that the statement escalates by the same policies.
 *
 * The planner may run functions of a statement, before it starts.  Then there
 * must be an approval, but it is the start that uses it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/redeem.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/uuid7.h"
#include "enforce/escalate.h"
#include "enforce/statement.h"
#include "utils/timestamp.h"

/* What a request says besides what is in every record. */
static void
encode_request(StringInfo fields, CaStatement *statement,
			   const CaEscalation *escalation, const CaIdentity *identity)
{
	ListCell   *lc;

	ca_statement_encode_request(statement, fields);
	ca_record_put_text(fields, CA_F_OWNER, identity->registered->owner);
	ca_record_put_text(fields, CA_F_ACTION, escalation->action);
	foreach(lc, escalation->policies)
		ca_record_put_text(fields, CA_F_POLICY, strVal(lfirst(lc)));
	foreach(lc, escalation->resources)
		ca_record_put_text(fields, CA_F_RESOURCE, strVal(lfirst(lc)));
}

/*
 * Wait for the answer, as long as contauth.escalation_wait lets this statement.
 * True: it is an approval; false: the answer says what it is.
 */
static bool
wait_for_answer(CaStatement *statement, CaAnswer *answer)
{
	TimestampTz *until = ca_statement_wait_until(statement);
	TimestampTz now = GetCurrentTimestamp();

	if (ca_guc_escalation_wait == 0 || !answer->has_request)
		return false;
	if (*until == 0)
		*until = TimestampTzPlusMilliseconds(now, ca_guc_escalation_wait);
	if (*until <= now)
		return false;
	answer->status = ca_requests_wait(&answer->request,
									  TimestampDifferenceMilliseconds(now, *until));
	return answer->status == CA_ASK_GRANTED;
}

/* Refuse, for the reason that the answer is. */
static void
refuse(CaStatement *statement, const CaAnswer *answer, const CaRefusal *refusal)
{
	CaRefusal	r = *refusal;

	r.decision = CA_DECISION_ESCALATE;
	r.sqlstate = ERRCODE_CA_APPROVAL_NEEDED;
	r.reason_code = ca_ask_code(answer->status);
	if (answer->status != CA_ASK_NEEDED)
		r.reason = ca_ask_text(answer->status);
	r.hint = "Try again later, or on the primary.";
	if (answer->has_request)
	{
		r.request = &answer->request;
		r.hint = "Have the request approved, then run the same statement again.";
	}
	ca_refuse(&r);
}

bool
ca_escalate(const CaEscalation *escalation, const CaPlanNote *nested,
			CaRefusal *r)
{
	CaStatement *statement = ca_statement_current;
	const CaIdentity *identity = ca_identity_last();
	const CaSource *source;
	CaBinding	binding;
	StringInfoData fields;
	CaAuditBlob blob;
	pg_uuid_t	new_id;
	CaAnswer	answer;

	/* what is no statement of the client's has nothing that could be approved */
	if (ca_guc_mode == CA_MODE_MONITOR || statement == NULL || identity == NULL ||
		ca_statement_source(statement)->text == NULL)
	{
		ca_refuse(r);
		return true;
	}
	if (ca_approvals_cover(ca_statement_approvals(statement), escalation))
		return true;

	/* a function that the planner runs belongs to what the plan escalates */
	source = ca_statement_source(statement);
	if (source->planning && nested == NULL && source->note != NULL)
		escalation = &source->note->escalation;

	ca_statement_identify(statement);
	binding = ca_binding(identity, source, nested, escalation);
	initStringInfo(&fields);
	encode_request(&fields, statement, escalation, identity);
	ca_uuid7(&new_id, GetCurrentTimestamp());
	blob.data = fields.data;
	blob.len = fields.len;
	answer = ca_approval_redeem(&binding, source->planning, &new_id,
								ca_statement_header(statement), blob);
	if (answer.status == CA_ASK_GRANTED)
	{
		ca_statement_approve(statement, &answer.request, answer.by, escalation);
		return true;
	}
	if (wait_for_answer(statement, &answer))
		return false;
	refuse(statement, &answer, r);
	return false;
}

bool
ca_escalate_plan(const CaPlanNote *note, const char *text, int location, int len)
{
	CaRefusal	r = {0};
	const CaPlanNote *own = ca_statement_source(ca_statement_current)->note;

	if (note->decision != CA_DECISION_ESCALATE || ca_guc_mode != CA_MODE_ENFORCE)
		return true;
	r.sqlstate = ERRCODE_CA_APPROVAL_NEEDED;
	r.decision = CA_DECISION_ESCALATE;
	r.reason_code = note->reason_code;
	r.action = note->escalation.action;
	r.object = note->escalation.object;
	r.reason = note->reason;
	r.policy = note->policy;
	r.fields = note->blob;
	r.fields_len = note->blob_len;
	r.policy_version = note->policy_version;
	r.sensitivity = note->max_sensitivity;
	r.kind = note->statement_kind;
	r.text = text;
	r.location = location;
	r.len = len;
	return ca_escalate(&note->escalation, note == own ? NULL : note, &r);
}

bool
ca_escalation_stands(const CaPlanNote *note)
{
	return note->decision == CA_DECISION_ESCALATE &&
		ca_guc_mode == CA_MODE_ENFORCE &&
		ca_approvals_cover(ca_statement_approvals(ca_statement_current),
						   &note->escalation);
}
