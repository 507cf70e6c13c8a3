/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Who the session is: the verified agent behind its token.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_IDENTITY_H
#define CA_IDENTITY_IDENTITY_H

#include "datatype/timestamp.h"
#include "identity/registry.h"
#include "lib/stringinfo.h"
#include "utils/guc.h"

/* A verified token together with the registered agent it names. */
typedef struct CaIdentity
{
	unsigned char sha256[CA_SHA256_LEN];	/* of the token: the cache's key */
	uint64		serial;			/* never used twice in a backend */
	char	   *agent;			/* SPIFFE ID */
	char	   *trust_domain;
	char	   *issuer;
	char	   *kid;
	char	   *jti;			/* NULL when the token has none */
	unsigned char key_digest[CA_SHA256_LEN];
	TimestampTz expires_at;		/* of the token, as it says */
	TimestampTz refused_from;	/* the same with the clock skew */
	TimestampTz not_before;		/* 0: none */
	Jsonb	   *claims;
	CaAgent    *registered;		/* as read at registry_generation */
	uint64		registry_generation;
	MemoryContext context;		/* of registered */
} CaIdentity;

/* Why there is no valid identity: a stable code and a sentence. */
typedef struct CaIdentityProblem
{
	const char *code;			/* reason_code of the record */
	char	   *text;			/* lower-case, no full stop, no token text */
} CaIdentityProblem;

/*
 * While set, the session's token can be neither presented nor dropped: a
 * statement runs that does more than that, and it has one identity.
 */
extern bool ca_identity_locked;

/* Register what the module needs; once per backend, from _PG_init. */
extern void ca_identity_init(void);

/* Hooks of the setting contauth.token. */
extern bool ca_identity_token_check(char **newval, void **extra,
									GucSource source);
extern void ca_identity_token_assign(const char *newval, void *extra);

/* Has the session presented a token, valid or not? */
extern bool ca_identity_presented(void);

/* SHA-256 of the token presented, also when it is not valid; or NULL. */
extern const unsigned char *ca_identity_token_sha256(void);

/*
 * The session's identity, checked now: signature (once a token), key still
 * trusted, times, registration, state and database role.  NULL when there is
 * none or it is not valid, with the problem filled in.  The result lives
 * until the next call.  Never raises an error for a bad token.
 */
extern const CaIdentity *ca_identity_current(CaIdentityProblem *problem);

/* What the last call found, without looking again; may be NULL. */
extern const CaIdentity *ca_identity_last(void);

/* The delegation chain, root first, as a JSON array of hops. */
extern void ca_identity_chain_json(const CaIdentity *identity, StringInfo buf);

/* Present a token as the function authenticate() does: see identity.c. */
extern void ca_identity_present(const char *token);

/* Forget the token, as RESET ALL and DISCARD ALL ask for. */
extern void ca_identity_clear(void);

#endif							/* CA_IDENTITY_IDENTITY_H */
