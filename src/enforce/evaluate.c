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
 * nothing is allowed that nobody can find.  (test/sql/evaluate.sql)
 *
 * What escalates is redeemed as a statement's approval is (approval/redeem.c):
 * each allowed answer is one use, on disk before it is given.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/redeem.h"
#include "audit/ring.h"
#include "base/guc.h"
#include "base/uuid7.h"
#include "enforce/access_fields.h"
#include "enforce/binding.h"
#include "enforce/evaluate.h"
#include "enforce/outcome.h"
#include "enforce/plan.h"
#include "enforce/statement.h"
#include "enforce/who.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "policy/label.h"
#include "policy/obligation.h"
#include "policy/policy_key.h"
#include "policy/policy_set.h"
#include "policy/reason.h"
#include "utils/guc.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
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

static void
conclude(CaEvaluation *answer, const CaVerdict *verdict, const char *reason,
		 List *escalating)
{
	answer->decision = verdict->decision;
	answer->reason_code = ca_reason_code(verdict->reason);
	answer->reason = reason;
	answer->escalating = escalating;
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
	/* SECURITY: nobody can write a mask back, or empty some rows of a table */
	if (access->verdict.decision != CA_DECISION_DENY && !ca_access_enforceable(access))
	{
		access->verdict.decision = CA_DECISION_DENY;
		access->verdict.reason = CA_REASON_OBLIGATION;
	}
	conclude(answer, &access->verdict, ca_access_reason(access, subject),
			 ca_access_escalating(access));
	foreach(lc, access->matched)
		answer->policies = lappend(answer->policies,
								   ((CaCandidate *) lfirst(lc))->policy->name);
	answer->object = access->relation->resource;
	answer->access = access;
	answer->limits = ca_access_limits(access);
	answer->policy_version = set->version;
}

/* The worst decision of all objects that one question is about counts. */
static void
take_answer(CaEvaluation *answer, const CaObjectAnswer *object, CaMonitored *monitored)
{
	List	   *escalating = list_concat_unique_ptr(answer->escalating, object->escalating);

	ca_limits_add(&answer->limits, &object->limits);
	if (answer->reason == NULL || object->verdict.decision > answer->decision)
	{
		conclude(answer, &object->verdict, ca_object_reason(object), NIL);
		answer->policies = object->deciding != NULL ?
			list_make1(object->deciding->name) : NIL;
		*monitored = object->monitored;
	}
	answer->escalating = escalating;
}

static void
evaluate_object(const CaQuestion *q, const CaSubject *subject, CaEvaluation *answer,
				CaMonitored *monitored)
{
	const CaPolicySet *set = ca_policy_set(subject->identity, NIL);
	CaObjectAnswer object = ca_authorize_object(set, subject, q->action,
												CA_RESOURCE_OTHER, q->type, q->id, NIL);

	answer->object = psprintf("%s:%s", q->type, q->id);
	answer->policy_version = set->version;
	take_answer(answer, &object, monitored);
}

/* Functions of one name differ by their labels only. */
static void
evaluate_functions(const CaQuestion *q, const CaSubject *subject, CaEvaluation *answer,
				   CaMonitored *monitored)
{
	Oid			first = linitial_oid(q->functions);
	char	   *schema = get_namespace_name(get_func_namespace(first));
	char	   *name = get_func_name(first);
	const CaPolicySet *set = ca_policy_set(subject->identity,
										   ca_policy_keys_of_object(NIL, CA_RESOURCE_FUNCTION, schema, name));
	ListCell   *lc;

	answer->object = psprintf("function:%s", quote_qualified_identifier(schema, name));
	answer->policy_version = set->version;
	foreach(lc, q->functions)
	{
		CaObjectAnswer object = ca_authorize_object(set, subject, q->action,
													CA_RESOURCE_FUNCTION, schema, name,
													ca_label_function_classes(lfirst_oid(lc)));

		take_answer(answer, &object, monitored);
	}
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
	ca_who_put_word(&access, CA_F_A_RELATION, answer->object);
	ca_who_put_word(&access, CA_F_A_ACTION, q->action);
	ca_record_put_text(&access, CA_F_A_DECISION, ca_decision_name(answer->decision));
	ca_access_put_monitored(&access, monitored);
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
	if (answer->decision != CA_DECISION_ALLOW || answer->has_request)
		ca_record_put_text(buf, CA_F_REASON, answer->reason);
	ca_who_put_word(buf, CA_F_ACTION, q->action);
	foreach(lc, answer->policies)
		ca_record_put_text(buf, CA_F_POLICY, lfirst(lc));
	if (answer->access != NULL)
		ca_access_encode(buf, answer->access);
	else
		put_object(buf, q, answer, monitored);
	if (answer->has_request)
		ca_record_put(buf, CA_F_APPROVAL_ID, &answer->request, UUID_LEN);
}

/* The record's header, but for what is known when all is decided. */
static CaAuditHeader
begin_header(TimestampTz began)
{
	CaAuditHeader header = {0};

	header.decided_at = began;
	ca_uuid7(&header.decision_id, began);
	header.rows_returned = header.rows_affected = header.execution_us = -1;
	header.mode = CA_MODE_ENFORCE;
	header.kind = CA_RECORD_DECISION;
	header.database = MyDatabaseId;
	return header;
}

static void
put_record(const CaQuestion *q, const CaIdentity *id, CaAuditHeader *header,
		   CaEvaluation *answer, const CaMonitored *monitored)
{
	StringInfoData buf;
	CaAuditBlob blob;
	bool		strict = ca_guc_audit_durability == CA_DURABILITY_STRICT;
	CaRingPlace place;

	initStringInfo(&buf);
	put_who(&buf, q, id, answer);
	put_decision(&buf, q, answer, monitored);
	blob.data = buf.data;
	blob.len = buf.len;

	header->finished_at = GetCurrentTimestamp();
	header->decision_us = header->finished_at - header->decided_at;
	header->max_sensitivity = answer->access == NULL ? -1 :
		ca_access_shows(answer->access, true);
	header->decision = (int16) answer->decision;
	place = ca_ring_put(header, &blob, 1, strict);
	if (strict)
		ca_ring_wait_durable(place);
	answer->id = header->decision_id;
}

/* What a request for an approval says besides what is in every record. */
static CaAuditBlob
request_fields(const CaQuestion *q, const CaIdentity *id, const CaEvaluation *answer,
			   const CaEscalation *escalation)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	put_who(&buf, q, id, answer);
	ca_record_put_text(&buf, CA_F_STATEMENT_KIND, EVALUATE_KIND);
	ca_record_put_text(&buf, CA_F_OWNER, id->registered->owner);
	ca_who_put_word(&buf, CA_F_ACTION, q->action);
	foreach(lc, escalation->policies)
		ca_record_put_text(&buf, CA_F_POLICY, strVal(lfirst(lc)));
	foreach(lc, escalation->resources)
		ca_who_put_word(&buf, CA_F_RESOURCE, strVal(lfirst(lc)));
	return (CaAuditBlob)
	{
		buf.data, buf.len
	};
}

/* It escalates: use an approval, or ask for one. */
static void
escalate(const CaQuestion *q, const CaIdentity *id, const CaAuditHeader *header,
		 CaEvaluation *answer)
{
	CaEscalation escalation = {0};
	CaBinding	binding;
	pg_uuid_t	new_id;
	CaAnswer	approval;
	List	   *what = list_make4(unconstify(char *, answer->source), unconstify(char *, q->domain),
								  unconstify(char *, q->action), answer->object);

	ca_escalation_add(&escalation, q->action, answer->object, answer->escalating);
	binding = ca_binding_of_question(id, what, q->asked, &escalation);
	ca_uuid7(&new_id, GetCurrentTimestamp());
	approval = ca_approval_redeem(&binding, false, &new_id, header,
								  request_fields(q, id, answer, &escalation));
	answer->has_request = approval.has_request;
	answer->request = approval.request;
	answer->reason_code = ca_ask_code(approval.status);
	answer->reason = approval.status == CA_ASK_GRANTED ?
		psprintf("approved by %s", approval.by) : ca_ask_text(approval.status);
	if (approval.status == CA_ASK_GRANTED)
		answer->decision = CA_DECISION_ALLOW;
}

void
ca_evaluate(const CaQuestion *q, CaEvaluation *answer)
{
	CaAuditHeader header = begin_header(GetCurrentTimestamp());
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
	else if (q->functions != NIL)
		evaluate_functions(q, &subject, answer, &monitored);
	else
		evaluate_object(q, &subject, answer, &monitored);
	header.policy_version = answer->policy_version;
	if (answer->decision == CA_DECISION_ESCALATE)
		escalate(q, id, &header, answer);
	put_record(q, id, &header, answer, &monitored);
}
