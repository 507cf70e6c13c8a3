/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Who the session is: the verified agent, and on whose behalf it acts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_IDENTITY_H
#define CA_IDENTITY_IDENTITY_H

#include "base/epoch.h"
#include "identity/delegation.h"
#include "identity/presented.h"

/* A verified credential, its delegation chain, and the registered agent. */
typedef struct CaIdentity
{
	uint64		serial;			/* never used twice in a backend */
	uint64		made;			/* the first one, which stays */
	CaEpoch		epoch;
	CaCredential *credential;	/* token or certificate of the actor */
	char	   *agent;			/* SPIFFE ID */
	char	   *trust_domain;
	char	   *on_behalf_of;	/* root of the chain; NULL: itself */
	CaChain		chain;
	int			depth;			/* number of delegations */
	List	   *bases;			/* what it rests on (revocation.h) ... */
	uint64	   *hashes;			/* ... and for others to find it by: */
	int			nagents;		/* first those of who must be registered */
	CaAgent    *registered;		/* as read at registry_generation */
	uint64		registry_generation;
	CaBreakGlass break_glass;	/* likewise */
	TimestampTz chain_until;	/* when a delegator's registration ends, or
								 * break-glass does */
	uint64		checked_world;	/* all was well at this ca_epoch_world, ... */
	Oid			checked_role;	/* ... for this session role, ... */
	TimestampTz good_from;		/* ... and is from here ... */
	TimestampTz good_until;		/* ... to here, while these stay the same */
	MemoryContext context;		/* that all this lives in, but: */
	MemoryContext agent_context;	/* of registered */
} CaIdentity;

/* Register what the module needs; once per backend, from _PG_init. */
extern void ca_identity_init(void);

/* Has the session presented a token, valid or not? */
extern bool ca_identity_presented(void);

/* SHA-256 of the token presented, also when it is not valid; or NULL. */
extern const unsigned char *ca_identity_token_sha256(void);

/* Is the token, by itself, valid at this moment for this session? */
extern bool ca_identity_verify_token(const CaPresented *token,
									 CaIdentityProblem *problem);

/*
 * The session's identity, checked now: signatures (once each), keys still
 * trusted, times, registration, state, database role, and the chain.  NULL
 * when there is none or it is not valid, with the problem filled in.  The
 * result lives until the next call.  Never raises an error for a bad token.
 */
extern const CaIdentity *ca_identity_current(CaIdentityProblem *problem);

/* The same for who has read the clock a moment ago. */
extern const CaIdentity *ca_identity_at(TimestampTz now, CaIdentityProblem *problem);

/*
 * The identity of a token and a delegation (or NULL) that somebody else shows,
 * checked now like the session's own, but for the database role.  Lives until
 * the next call; NULL, with the problem filled in, when it is not valid.
 */
extern const CaIdentity *ca_identity_of(const CaPresented *token,
										const CaPresented *delegation,
										CaIdentityProblem *problem);

/*
 * The identity of an agent whom a trusted caller vouches for: registered, active,
 * not revoked, acting for itself, with no claims and no break-glass.  In the
 * current memory context; NULL as above.
 */
extern const CaIdentity *ca_identity_asserted(const char *agent, const char *by,
											  CaIdentityProblem *problem);

/*
 * The identity that a registered agent would have in a session, as far as that is
 * known without one: acting for itself, with no claims.  In the current memory
 * context; NULL when it is not registered.  What stands in its way now, such as
 * that it is suspended, is the problem.
 */
extern const CaIdentity *ca_identity_imagined(const char *agent,
											  CaIdentityProblem *problem);

/*
 * Is the identity, in the middle of its statement, still one that nobody has
 * stopped?  Times do not count: a statement that has begun may outlast them.
 */
extern bool ca_identity_go_on(CaIdentityProblem *problem);

/* What the last call found, without looking again; may be NULL. */
extern const CaIdentity *ca_identity_last(void);

/* Has anybody been stopped since the identity was looked at? */
extern bool ca_identity_has_news(void);

/* What is presented has changed: look it up again. */
extern void ca_identity_forget_current(void);

/* Settings that verification depends on have changed: verify again. */
extern void ca_identity_forget_all(void);

/* The autonomy in force, 1..5: the agent's own, within the grants' ceilings. */
extern int	ca_identity_autonomy(const CaIdentity *identity);

/* Where the identity comes from: "token" or "x509-svid". */
extern const char *ca_identity_source(const CaIdentity *identity);

#endif							/* CA_IDENTITY_IDENTITY_H */
