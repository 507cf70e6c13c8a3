/*-------------------------------------------------------------------------
 *
 * escalation.h
 *	  What a statement needs an approval for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ESCALATION_H
#define CA_ENFORCE_ESCALATION_H

#include "policy/store.h"
#include "utils/uuid.h"

/* Lists of String nodes, so that they are copied with a plan. */
typedef struct CaEscalation
{
	char	   *action;			/* the first: what messages name */
	char	   *object;
	List	   *resources;		/* everything that escalates */
	List	   *policies;		/* names of those that say so */
	List	   *versions;		/* the same, each with its version */
} CaEscalation;

/* Most policies whose approval one statement can hold. */
#define CA_APPROVED_MAX		32

/* What has been approved for a statement that runs. */
typedef struct CaApprovals
{
	bool		any;
	pg_uuid_t	request;		/* the last one that was used */
	char		by[NAMEDATALEN];	/* who approved it */
	int			count;
	unsigned char versions[CA_APPROVED_MAX][CA_SHA256_LEN];
} CaApprovals;

/* Add something that these policies (of CaPolicy *) escalate. */
extern void ca_escalation_add(CaEscalation *escalation, const char *action,
							  const char *object, const List *policies);

extern CaEscalation ca_escalation_copy(const CaEscalation *escalation);

/* A number that is equal only when the same policies escalate. */
extern uint64 ca_escalation_signature(const CaEscalation *escalation);

/* Are all policies approved?  Now they are. */
extern bool ca_approvals_cover(const CaApprovals *approvals,
							   const CaEscalation *escalation);
extern void ca_approvals_add(CaApprovals *approvals,
							 const CaEscalation *escalation);

#endif							/* CA_ENFORCE_ESCALATION_H */
