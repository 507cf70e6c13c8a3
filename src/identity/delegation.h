/*-------------------------------------------------------------------------
 *
 * delegation.h
 *	  The delegation chain behind an agent: who asks whom to act.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_DELEGATION_H
#define CA_IDENTITY_DELEGATION_H

#include "identity/credential.h"
#include "nodes/pg_list.h"

typedef enum CaPrincipalKind
{
	CA_PRINCIPAL_USER,
	CA_PRINCIPAL_AGENT,			/* registered */
	CA_PRINCIPAL_SERVICE
} CaPrincipalKind;

/* One principal of the chain, and the credential that puts it there. */
typedef struct CaHop
{
	char	   *principal;
	CaPrincipalKind kind;
	CaCredential *credential;	/* the grant it signed; of the actor, and of
								 * all when the token says the chain: the
								 * token or certificate */
	char	   *about;			/* "grant n"; NULL: not a grant */
} CaHop;

typedef struct CaChain
{
	int			nhops;			/* at least 1 */
	CaHop	   *hops;			/* root first, the actor last */
	List	   *principals;		/* of char *, the same */
	int			ceiling;		/* autonomy that the grants allow, 1..5 */
	TimestampTz expires_at;		/* when the first credential does, as json
								 * says it */
	TimestampTz not_before;		/* the grants hold from here, ... */
	TimestampTz refused_from;	/* ... to here, clock skew included */
	char	   *json;			/* the chain for records: array of hops */
} CaChain;

/*
 * Put a chain together, in the current memory context, from the actor's
 * credential and the grants presented, if any.  False: they are not one chain,
 * or a longer one than contauth.max_delegation_depth allows.
 */
extern bool ca_chain_build(CaChain *chain, CaCredential *actor,
						   CaCredential **grants, int ngrants,
						   CaIdentityProblem *problem);

/* A time for JSON: ISO 8601 in UTC, whatever the session's settings; palloc'd. */
extern char *ca_chain_time(TimestampTz time);

/* Is every credential in it, but the actor's own, within its times? */
extern bool ca_chain_in_time(const CaChain *chain, TimestampTz now,
							 CaIdentityProblem *problem);

/*
 * Look the principals up again: are those that are agents active, and is
 * every grant's key still trusted?  Sets *changed when what the chain says in
 * records has changed, and *until to when the next registration ends.
 */
extern bool ca_chain_refresh(CaChain *chain, TimestampTz now, bool *changed,
							 TimestampTz *until, CaIdentityProblem *problem);

#endif							/* CA_IDENTITY_DELEGATION_H */
