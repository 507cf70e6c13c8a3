/*-------------------------------------------------------------------------
 *
 * revocation.h
 *	  Who and what has been revoked, and the kill switch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_REVOCATION_H
#define CA_IDENTITY_REVOCATION_H

#include "identity/delegation.h"
#include "identity/stop.h"

typedef enum CaRevocationKind
{
	CA_REVOKE_AGENT,
	CA_REVOKE_TOKEN,
	CA_REVOKE_GRANT,
	CA_REVOKE_PRINCIPAL,
	CA_REVOKE_ISSUER,
	CA_REVOKE_TRUST_DOMAIN,
	CA_REVOKE_KINDS
} CaRevocationKind;

/* Something that an identity rests on: gone when it is revoked. */
typedef struct CaBasis
{
	CaRevocationKind kind;
	char	   *id;				/* as contauth.revocation has it */
	bool		of_chain;		/* of a hop before the actor */
} CaBasis;

/* The kind of that name, or CA_REVOKE_KINDS. */
extern CaRevocationKind ca_revocation_kind(const char *name);

/*
 * What a revocation of that kind calls what the administrator has named, in
 * the current memory context; NULL, with a sentence part in *problem, when it
 * cannot be one.
 */
extern char *ca_revocation_id(CaRevocationKind kind, const char *text,
							  const char **problem);

/* Why statements stop when something of the kind is revoked. */
extern CaStopReason ca_revocation_reason(CaRevocationKind kind);

/* The same for an agent in a state of contauth.agent; NONE: it is active. */
extern CaStopReason ca_agent_state_reason(const char *state);

/* What identifies it in a backend's slot (stop.h). */
extern uint64 ca_revocation_hash(CaRevocationKind kind, const char *id);

/* All that an identity rests on: of CaBasis *, in the current memory context. */
extern List *ca_revocation_bases(const CaCredential *actor, const CaChain *chain);

/* Is none of it revoked at this moment?  Reads the table. */
extern bool ca_revocation_check(const List *bases, CaIdentityProblem *problem);

/* Is the kill switch off?  Reads its table when it may have changed. */
extern bool ca_kill_switch_off(CaIdentityProblem *problem);

#endif							/* CA_IDENTITY_REVOCATION_H */
