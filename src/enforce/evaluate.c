/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  Decide what somebody outside this database asks about, and record it.
 *
 * Who asks enforces the answer: an application gateway, an MCP tool server, a
 * controller of infrastructure.  The policies, the chain and the audit are
 * those of statements, but contauth.mode does not count: what is asked is
 * answered.
 *
 * SECURITY: an answer is given only when its record is in the ring, so that
 * nothing is allowed that nobody can find.  Escalation is a denial here: an
 * approval is bound to a statement.  (test/sql/evaluate.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/ring.h"
#include "base/guc.h"
#include "base/uuid7.h"
#include "enforce/evaluate.h"
#include "enforce/outcome.h"
#include "enforce/plan.h"
#include "enforce/statement.h"
#include "enforce/who.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "policy/obligation.h"
#include "policy/policy_set.h"
#include "policy/reason.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#define EVALUATE_KIND	"EVALUATE"

static const CaIdentity *
find_identity(const CaQuestion *q, CaIdentityProblem *problem)
{
	const CaIdentity *id;

	if (q->token == NULL)
		return ca_identity_asserted(q->agent, ca_session_role(), problem);
	id = ca_identity_of(q->token, q->delegation, problem);
	if (id != NULL && strcmp(id->agent, q->agent) != 0)
	{
		(void) ca_problem_identity(problem, "subject_mismatch",
								   "subject.id is not the agent of the token");
		return NULL;
	}
	return id;
}

/* An escalation that nobody can approve is a denial. */
static void
conclude(CaEvaluation *answer, const CaVerdict *verdict, const char *reason)
{
	answer->decision = verdict->decision == CA_DECISION_ALLOW ?
		CA_DECISION_ALLOW : CA_DECISION_DENY;
	answer->reason_code = verdict->decision == CA_DECISION_ESCALATE ?
		"approval_needed" : ca_reason_code(verdict->reason);
	answer->reason = reason;
}

static void
evaluate_relation(const CaQuestion *q, const CaSubject *subject, CaEvaluation *answer)
{
	const CaPolicySet *set = ca_policy_set(subject->identity,
										   ca_relation_keys(NIL, q->relid));
	CaAccess   *access = palloc0(sizeof(CaAccess));
	ListCell   *lc;

	access->relid = q->relid;
	access->action = q->action;
	access->columns = q->columns;
	ca_relation_begin(set);
	ca_authorize_access(set, subject, access);
	conclude(answer, &access->verdict, ca_access_reason(access, subject));
	foreach(lc, access->matched)
		answer->policies = lappend(answer->policies,
								   ((CaCandidate *) lfirst(lc))->policy->name);
	answer->access = access;
	answer->limits = ca_access_limits(access);
	answer->policy_version = set->version;
}

static void
evaluate_object(const CaQuestion *q, const CaSubject *subject, CaEvaluation *answer,
				CaMonitored *monitored)
{
	const CaPolicySet *set = ca_policy_set(subject->identity, NIL);
	CaObjectAnswer object = ca_authorize_object(set, subject, q->action,
												CA_RESOURCE_OTHER, q->type, q->id, NIL);

	conclude(answer, &object.verdict, ca_object_reason(&object));
	if (object.deciding != NULL)
		answer->policies = list_make1(object.deciding->name);
	answer->limits = object.limits;
	answer->policy_version = set->version;
	*monitored = object.monitored;
}

/* What is known of the request beside its decision, as JSON. */
static char *
context_json(const CaQuestion *q, const CaEvaluation *answer)
{
	StringInfoData json;
	char		hex[CA_SHA256_HEXLEN + 1];

	ca_digest_hex(q->digest, hex);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"source\": \"%s\", \"request_sha256\": \"%s\"}",
					 answer->source, hex);
	return json.data;
}

/* Who asks, for whom. */
static void
put_who(StringInfo buf, const CaQuestion *q, const CaIdentity *id,
		const CaEvaluation *answer)
{
	char		tls = ca_session_tls() ? 1 : 0;
	bool		verified;

	ca_record_put_text(buf, CA_F_DOMAIN, q->domain);
	ca_record_put_text(buf, CA_F_CLIENT_ADDR, ca_session_client_addr());
	ca_record_put(buf, CA_F_TLS, &tls, 1);
	ca_record_put_text(buf, CA_F_DB_ROLE, ca_session_role());
	ca_who_put_word(buf, CA_F_APPLICATION_NAME, application_name);
	ca_who_put_word(buf, CA_F_TASK_ID, ca_guc_task_id());
	ca_who_put_word(buf, CA_F_TRACE_ID, ca_guc_traceparent());
	ca_who_put_word(buf, CA_F_PURPOSE, ca_request_purpose(id, &verified));
	if (id != NULL)
		ca_who_put_identity(buf, id);
	if (q->token != NULL)
		ca_record_put(buf, CA_F_TOKEN_SHA256, q->token->sha256, CA_SHA256_LEN);
	ca_record_put_text(buf, CA_F_CONTEXT, context_json(q, answer));
}

/* SECURITY: a resource can be named with a token in it; that is left out. */
static void
put_object(StringInfo buf, const CaQuestion *q, const CaEvaluation *answer,
		   const CaMonitored *monitored)
{
	StringInfoData access;

	initStringInfo(&access);
	ca_who_put_word(&access, CA_F_A_RELATION, psprintf("%s:%s", q->type, q->id));
	ca_who_put_word(&access, CA_F_A_ACTION, q->action);
	ca_record_put_text(&access, CA_F_A_DECISION, ca_decision_name(answer->decision));
	ca_statement_encode_monitored(&access, monitored);
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (answer->limits.max[i] > 0)
			ca_record_put_text(&access, CA_F_A_LIMIT, ca_limit_text(&answer->limits, i));
	}
	ca_record_put(buf, CA_F_ACCESS, access.data, access.len);
}

static void
put_decision(StringInfo buf, const CaQuestion *q, const CaEvaluation *answer,
			 const CaMonitored *monitored)
{
	ListCell   *lc;

	ca_record_put_text(buf, CA_F_STATEMENT_KIND, EVALUATE_KIND);
	ca_record_put_text(buf, CA_F_REASON_CODE, answer->reason_code);
	if (answer->decision != CA_DECISION_ALLOW)
		ca_record_put_text(buf, CA_F_REASON, answer->reason);
	ca_who_put_word(buf, CA_F_ACTION, q->action);
	foreach(lc, answer->policies)
		ca_record_put_text(buf, CA_F_POLICY, lfirst(lc));
	if (answer->access != NULL)
		ca_access_encode(buf, answer->access);
	else
		put_object(buf, q, answer, monitored);
}

static void
put_record(const CaQuestion *q, const CaIdentity *id, CaEvaluation *answer,
		   const CaMonitored *monitored, TimestampTz began)
{
	CaAuditHeader header = {0};
	StringInfoData buf;
	CaAuditBlob blob;
	bool		strict = ca_guc_audit_durability == CA_DURABILITY_STRICT;
	CaRingPlace place;

	initStringInfo(&buf);
	put_who(&buf, q, id, answer);
	put_decision(&buf, q, answer, monitored);
	blob.data = buf.data;
	blob.len = buf.len;

	header.decided_at = header.finished_at = GetCurrentTimestamp();
	ca_uuid7(&header.decision_id, header.decided_at);
	header.policy_version = answer->policy_version;
	header.rows_returned = header.rows_affected = header.execution_us = -1;
	header.decision_us = header.decided_at - began;
	header.max_sensitivity = answer->access == NULL ? -1 :
		ca_access_shows(answer->access, true);
	header.decision = (int16) answer->decision;
	header.mode = CA_MODE_ENFORCE;
	header.kind = CA_RECORD_DECISION;
	header.database = MyDatabaseId;
	place = ca_ring_put(&header, &blob, 1, strict);
	if (strict)
		ca_ring_wait_durable(place);
	answer->id = header.decision_id;
}

void
ca_evaluate(const CaQuestion *q, CaEvaluation *answer)
{
	TimestampTz began = GetCurrentTimestamp();
	CaIdentityProblem problem = {0};
	CaMonitored monitored = {0};
	CaSubject	subject = {.statement_kind = EVALUATE_KIND,.domain = q->domain,.facts = q->facts};
	const CaIdentity *id = find_identity(q, &problem);

	memset(answer, 0, sizeof(*answer));
	answer->source = q->token != NULL ? "token" : "asserted";
	subject.identity = id;
	if (id == NULL)
	{
		answer->decision = CA_DECISION_DENY;
		answer->reason_code = problem.code;
		answer->reason = problem.text;
	}
	else if (OidIsValid(q->relid))
		evaluate_relation(q, &subject, answer);
	else
		evaluate_object(q, &subject, answer, &monitored);
	put_record(q, id, answer, &monitored, began);
}
