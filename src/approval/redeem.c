/*-------------------------------------------------------------------------
 *
 * redeem.c
 *	  A statement that escalates: use an approval, or ask for one.
 *
 * A use is taken in shared memory, under its lock, and then put into the ring
 * and waited for, in async mode, too: neither ROLLBACK nor a crash gives it
 * back.  A use that could not even be put is given back, for then nothing of
 * it will ever be in the table; one that is put but not seen to be durable in
 * time is spent, and the statement does not run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "approval/redeem.h"
#include "audit/ring.h"

/* Put a record about the request, and return its index. */
static uint64
put(CaRecordKind kind, const CaAnswer *answer, const CaAuditHeader *statement,
	CaAuditBlob fields, const CaBinding *binding)
{
	CaAuditHeader header = *statement;
	StringInfoData own;
	CaAuditBlob blobs[2];
	uint64		index;

	header.kind = kind;
	header.decision = CA_DECISION_ESCALATE;
	initStringInfo(&own);
	ca_record_put(&own, CA_F_APPROVAL_ID, &answer->request, UUID_LEN);
	if (kind == CA_RECORD_REQUEST)
	{
		ca_record_put(&own, CA_F_BINDING, binding, sizeof(*binding));
		ca_record_put(&own, CA_F_EXPIRES_AT, &answer->until, sizeof(answer->until));
	}
	else
		ca_record_put_int32(&own, CA_F_USES_LEFT, answer->uses_left);
	blobs[0] = (CaAuditBlob)
	{
		own.data, own.len
	};
	blobs[1] = fields;
	index = ca_ring_put(&header, blobs, kind == CA_RECORD_REQUEST ? 2 : 1, false).index;
	pfree(own.data);
	return index;
}

CaAnswer
ca_approval_redeem(const CaBinding *binding, bool peek, const pg_uuid_t *new_id,
				   const CaAuditHeader *header, CaAuditBlob fields)
{
	CaAnswer	answer = {.status = CA_ASK_RECOVERY};
	volatile uint64 index = 0;

	/* requests of a standby could be answered by nobody */
	if (RecoveryInProgress())
		return answer;
	ca_ring_check_writable();
	answer = ca_requests_ask(binding, new_id, peek);
	if (!answer.created && (answer.status != CA_ASK_GRANTED || peek))
		return answer;

	PG_TRY();
	{
		index = put(answer.created ? CA_RECORD_REQUEST : CA_RECORD_USE, &answer,
					header, fields, binding);
	}
	PG_CATCH();
	{
		ca_requests_undo(&answer);
		PG_RE_THROW();
	}
	PG_END_TRY();
	/* SECURITY: not before this may anything run (test/t/026_approvals.pl) */
	if (!answer.created)
		ca_ring_wait_rows(index + 1);
	return answer;
}

const char *
ca_ask_code(CaAskStatus status)
{
	switch (status)
	{
		case CA_ASK_GRANTED:
			return "approved";
		case CA_ASK_NEEDED:
			return "approval_needed";
		case CA_ASK_PENDING:
			return "approval_pending";
		case CA_ASK_STATEMENT_DIFFERS:
			return "approval_statement_differs";
		case CA_ASK_PARAMETERS_DIFFER:
			return "approval_parameters_differ";
		case CA_ASK_CHAIN_DIFFERS:
			return "approval_chain_differs";
		case CA_ASK_POLICY_CHANGED:
			return "approval_policy_changed";
		case CA_ASK_EXPIRED:
			return "approval_expired";
		case CA_ASK_DENIED:
			return "approval_denied";
		case CA_ASK_CANCELLED:
			return "approval_cancelled";
		case CA_ASK_USED:
			return "approval_used";
		case CA_ASK_TOO_MANY:
		case CA_ASK_FULL:
		case CA_ASK_RECOVERY:
			return "approval_unavailable";
	}
	return "approval_needed";
}

const char *
ca_ask_text(CaAskStatus status)
{
	switch (status)
	{
		case CA_ASK_PENDING:
			return "a person has been asked to approve it, and has not answered yet";
		case CA_ASK_STATEMENT_DIFFERS:
			return "a person has to approve it; what has been approved is another statement";
		case CA_ASK_PARAMETERS_DIFFER:
			return "a person has to approve it; what has been approved has other parameters";
		case CA_ASK_CHAIN_DIFFERS:
			return "a person has to approve it; what has been approved is another delegation chain";
		case CA_ASK_POLICY_CHANGED:
			return "a person has to approve it; the policy has changed since it was approved";
		case CA_ASK_EXPIRED:
			return "a person has to approve it; the last request or approval has expired";
		case CA_ASK_DENIED:
			return "a person has to approve it, and has denied it before";
		case CA_ASK_CANCELLED:
			return "a person has to approve it; the last request or approval was cancelled";
		case CA_ASK_USED:
			return "a person has to approve it; the approval has been used";
		case CA_ASK_TOO_MANY:
			return psprintf("a person has to approve it, and the agent has %d pending requests already",
							CA_REQUESTS_PENDING_MAX);
		case CA_ASK_FULL:
			return "a person has to approve it, and there are too many pending requests";
		case CA_ASK_RECOVERY:
			return "a person has to approve it, which nobody can on a standby";
		default:
			return "a person has to approve it";
	}
}
