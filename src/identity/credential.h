/*-------------------------------------------------------------------------
 *
 * credential.h
 *	  Tokens, grants and certificates, each verified once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_CREDENTIAL_H
#define CA_IDENTITY_CREDENTIAL_H

#include "datatype/timestamp.h"
#include "identity/problem.h"
#include "identity/registry.h"

typedef enum CaCredentialKind
{
	CA_CREDENTIAL_TOKEN,
	CA_CREDENTIAL_GRANT,
	CA_CREDENTIAL_CERTIFICATE
} CaCredentialKind;

/* Something signed that has been verified; all texts in the database's encoding. */
typedef struct CaCredential
{
	CaCredentialKind kind;
	CaToken    *token;			/* token or grant; NULL: certificate */
	CaSigner	signer;			/* of token or grant */
	char	   *agent;			/* SPIFFE ID of the actor; NULL: grant */
	char	   *trust_domain;	/* the agent's; NULL: grant */
	char	   *issuer;			/* who vouches, for records */
	char	   *id;				/* jti, or the certificate's digest; may be
								 * NULL */
	char	   *kid;			/* NULL when there is none */
	List	   *digests;		/* of char *, in hex: of the token or grant
								 * and of its twin; NIL: certificate */
	char	  **principals;		/* token: root to actor */
	int			nprincipals;	/* 1 without delegation */
	Jsonb	   *claims;			/* NULL: grant */
	TimestampTz expires_at;		/* as it says */
	TimestampTz refused_from;	/* the same with the clock skew */
	TimestampTz not_before;		/* DT_NOBEGIN: none */
	uint64		trusted_as_of;	/* registry generation of the last look */
	MemoryContext context;		/* that all this lives in */
} CaCredential;

/*
 * Make room for the credentials of one identity.  Every credential given out
 * before may be gone after this: ca_credential_resets has changed then.
 */
extern void ca_credential_make_room(void);
extern uint64 ca_credential_resets;

/* Nothing that has been verified counts any longer. */
extern void ca_credential_forget_all(void);

/* Is a token of this digest at hand, so that its form is known to be right? */
extern bool ca_credential_has_token(const unsigned char *sha256);

/*
 * The credential, verified now or before.  NULL: it is not valid, and problem
 * says why.  sha256 is of text; about names a grant, as in "grant 2".
 */
extern CaCredential *ca_credential_token(const char *text, size_t len,
										 const unsigned char *sha256,
										 CaIdentityProblem *problem);
extern CaCredential *ca_credential_grant(const char *text, size_t len,
										 const char *about,
										 CaIdentityProblem *problem);

/* That of the certificate which this connection presented. */
extern CaCredential *ca_credential_certificate(CaIdentityProblem *problem);

/*
 * Seconds of the Unix epoch as a timestamp; times beyond what a timestamp
 * holds become infinity.
 */
extern TimestampTz ca_unix_to_timestamp(int64 seconds);

/* Is what it was verified with still trusted? */
extern bool ca_credential_trusted(CaCredential *credential, const char *about,
								  CaIdentityProblem *problem);

/*
 * Is it within its times?  A certificate whose chain has ended is verified
 * anew: its authority may have been renewed.
 */
extern bool ca_credential_in_time(CaCredential *credential, TimestampTz now,
								  const char *about, CaIdentityProblem *problem);

#endif							/* CA_IDENTITY_CREDENTIAL_H */
