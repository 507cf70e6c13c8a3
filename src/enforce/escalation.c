/*-------------------------------------------------------------------------
 *
 * escalation.c
 *	  What a statement needs an approval for.
 *
 * An approval is for the policies that escalated, in the version that they
 * had: what the statement escalates by these at any depth goes with it, and by
 * any other does not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/chain.h"
#include "common/hashfn.h"
#include "enforce/escalation.h"
#include "nodes/value.h"

/* Append a string unless it is there. */
static List *
add_string(List *list, char *text)
{
	return list_member(list, makeString(text)) ? list : lappend(list, makeString(text));
}

void
ca_escalation_add(CaEscalation *escalation, const char *action,
				  const char *object, const List *policies)
{
	ListCell   *lc;

	if (policies == NIL)
		return;
	if (escalation->action == NULL)
	{
		escalation->action = pstrdup(action);
		escalation->object = pstrdup(object);
	}
	escalation->resources = add_string(escalation->resources, pstrdup(object));
	foreach(lc, policies)
	{
		const CaPolicy *policy = lfirst(lc);

		escalation->policies = add_string(escalation->policies, pstrdup(policy->name));
		escalation->versions = add_string(escalation->versions,
										  psprintf("%lld %s", (long long) policy->version,
												   policy->name));
	}
}

CaEscalation
ca_escalation_copy(const CaEscalation *from)
{
	CaEscalation to = {0};

	if (from->action == NULL)
		return to;
	to.action = pstrdup(from->action);
	to.object = pstrdup(from->object);
	to.resources = copyObject(from->resources);
	to.policies = copyObject(from->policies);
	to.versions = copyObject(from->versions);
	return to;
}

uint64
ca_escalation_signature(const CaEscalation *escalation)
{
	uint64		signature = 0;
	ListCell   *lc;

	foreach(lc, escalation->versions)
	{
		const char *version = strVal(lfirst(lc));

		signature = hash_combine64(signature,
								   hash_bytes_extended((const unsigned char *) version,
													   (int) strlen(version), 0));
	}
	return signature;
}

static bool
is_approved(const CaApprovals *approvals, const char *version)
{
	unsigned char digest[CA_SHA256_LEN];

	ca_chain_sha256(version, strlen(version), digest);
	for (int i = 0; i < approvals->count; i++)
	{
		if (memcmp(approvals->versions[i], digest, CA_SHA256_LEN) == 0)
			return true;
	}
	return false;
}

bool
ca_approvals_cover(const CaApprovals *approvals, const CaEscalation *escalation)
{
	ListCell   *lc;

	if (!approvals->any)
		return false;
	foreach(lc, escalation->versions)
	{
		if (!is_approved(approvals, strVal(lfirst(lc))))
			return false;
	}
	return true;
}

void
ca_approvals_add(CaApprovals *approvals, const CaEscalation *escalation)
{
	ListCell   *lc;

	foreach(lc, escalation->versions)
	{
		const char *version = strVal(lfirst(lc));

		if (is_approved(approvals, version))
			continue;
		if (approvals->count == CA_APPROVED_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d policies escalate the statement",
							CA_APPROVED_MAX)));
		ca_chain_sha256(version, strlen(version),
						approvals->versions[approvals->count++]);
	}
}
