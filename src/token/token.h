/*-------------------------------------------------------------------------
 *
 * token.h
 *	  What the identity layer sees of tokens and grants: parse, verify, validate.
 *
 * Three profiles of a signed JWT are known: the JWT-SVID of SPIFFE, the OAuth
 * access or transaction token, and contauth's own delegation grant (contract,
 * sections 3 and 4).  The first two say who the session is; a grant never does.
 *
 * Server-free: nothing here may ereport, read a catalog or a setting.  Every
 * function returns a CaTokenStatus; ca_token_status_text() gives the sentence
 * an error message may show.  Neither ever carries text of the token.
 *
 * Memory: results are palloc'd in the current context.  A call that succeeds
 * leaves nothing else behind; one that fails may leave garbage, so the caller
 * gives each token or key set a context of its own and deletes that.  Keys
 * live in OpenSSL, outside any context: see ca_jwks_free().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_TOKEN_H
#define CA_TOKEN_TOKEN_H

#include "crypto/digest.h"

#define CA_TOKEN_MAX_LEN	16384	/* bytes of a compact JWS */
#define CA_JSON_MAX_DEPTH	32	/* nesting of header, claims and JWKS */
#define CA_JSON_MAX_LEN		262144	/* bytes of a JWKS, or of any JSON text */
#define CA_JWKS_MAX_KEYS	64
#define CA_CHAIN_MAX		17	/* principals of a chain: a root and 16 hops */
#define CA_DELEGATION_MAX_LEN	65536	/* bytes of a JSON array of grants */
#define CA_AUTHORITY_MAX_LIST	256 /* elements of a list, and details */

typedef enum CaTokenStatus
{
	CA_TOKEN_OK = 0,
	CA_TOKEN_TOO_LONG,			/* the token, or a JWKS */
	CA_TOKEN_MALFORMED,			/* not three non-empty base64url parts */
	CA_TOKEN_BAD_BASE64,		/* padding, foreign or non-canonical
								 * characters */
	CA_TOKEN_BAD_JSON,			/* not a JSON object, or not UTF-8 */
	CA_TOKEN_TOO_DEEP,			/* also of a JWKS */
	CA_TOKEN_DUPLICATE_MEMBER,	/* in one object, at any depth; also JWKS */
	CA_TOKEN_BAD_HEADER,		/* member missing, of the wrong type, not
								 * allowed */
	CA_TOKEN_CRITICAL_HEADER,	/* "crit" present: none is understood */
	CA_TOKEN_BAD_ALGORITHM,		/* none, HMAC, or outside the profile's list */
	CA_TOKEN_MISSING_CLAIM,
	CA_TOKEN_BAD_CLAIM,			/* a claim of the wrong type or range */
	CA_TOKEN_BAD_SPIFFE_ID,
	CA_TOKEN_BAD_ACTOR,			/* "act" malformed, or the actor no SPIFFE ID */
	CA_TOKEN_BAD_CONFIRMATION,	/* "cnf" malformed or not understood */
	CA_TOKEN_BAD_DETAILS,		/* authorization_details not understood */
	CA_TOKEN_BAD_PRINCIPAL,		/* of a grant: neither SPIFFE ID nor
								 * "issuer|subject" */
	CA_TOKEN_IS_GRANT,			/* a grant presented as a token */
	CA_TOKEN_UNKNOWN_KEY,		/* no key of that kid that fits the algorithm */
	CA_TOKEN_BAD_SIGNATURE,
	CA_TOKEN_WRONG_AUDIENCE,
	CA_TOKEN_EXPIRED,
	CA_TOKEN_NOT_YET_VALID,
	CA_GRANTS_BAD,				/* not a JSON array of 1 to 16 compact JWS */
	CA_GRANT_FIRST_HAS_PARENT,	/* the chain was cut off at its root */
	CA_GRANT_WRONG_PARENT,		/* prf is not the digest of the one before */
	CA_GRANT_NOT_LINKED,		/* signed by somebody else than the one before
								 * names */
	CA_GRANT_WRONG_ACTOR,		/* the last does not name the actor */
	CA_GRANT_TOO_DEEP,			/* below a max_depth */
	CA_CHAIN_LOOP,				/* a principal twice */
	CA_JWKS_BAD,				/* not a JWK Set, or a member of the wrong
								 * type */
	CA_JWKS_DUPLICATE_KID,
	CA_JWKS_BAD_KEY,			/* a key that OpenSSL refuses, or a weak one */
	CA_TOKEN_CRYPTO_FAILURE		/* OpenSSL itself failed */
} CaTokenStatus;

typedef enum CaTokenProfile
{
	CA_PROFILE_JWT_SVID,
	CA_PROFILE_OAUTH,
	CA_PROFILE_GRANT
} CaTokenProfile;

/* A list of UTF-8 strings; "given" tells an empty one from none. */
typedef struct CaTextList
{
	bool		given;
	int			n;
	char	  **items;
} CaTextList;

/*
 * One authorization_details element of type "contauth" (RFC 9396).  A member
 * that was not given does not restrict; an empty list permits nothing.
 */
typedef struct CaAuthorityDetail
{
	CaTextList	actions;
	CaTextList	locations;
	CaTextList	purposes;
	int			labels_max;		/* highest sensitivity, -1: not given */
} CaAuthorityDetail;

/* What a token or grant lets its holder do: what any of the details does. */
typedef struct CaAuthority
{
	int			ndetails;		/* 0: nothing */
	CaAuthorityDetail *details;
} CaAuthority;

/* One "act" member (RFC 8693 section 4.1). */
typedef struct CaActor
{
	char	   *sub;
	char	   *iss;			/* NULL when absent */
} CaActor;

/* A compact JWS taken apart; every string is palloc'd and NUL-terminated. */
typedef struct CaToken
{
	CaTokenProfile profile;
	unsigned char sha256[CA_SHA256_LEN];	/* of the whole compact JWS */
	/* header */
	char	   *alg;
	char	   *kid;			/* NULL when absent */
	char	   *typ;			/* NULL when absent */
	/* registered claims (RFC 7519), NULL or 0 when absent */
	char	   *iss;
	char	   *sub;
	char	   *jti;
	char	  **aud;			/* naud strings; a string aud is one element */
	int			naud;
	bool		has_exp,
				has_nbf,
				has_iat;
	int64_t		exp;			/* seconds since the Unix epoch, rounded down */
	int64_t		nbf;
	int64_t		iat;
	/* of the OAuth profile */
	char	   *client_id;
	CaActor    *actors;			/* current actor first, then prior ones */
	int			nactors;
	/* of all, where they have a meaning */
	CaAuthority *authority;		/* NULL: authorization_details not given */
	bool		has_cnf;		/* bound to a client certificate ... */
	unsigned char cnf_sha256[CA_SHA256_LEN];	/* ... of this DER's digest */
	/* of grants */
	bool		has_prf;
	unsigned char prf[CA_SHA256_LEN];	/* digest of the parent grant */
	int			max_depth;		/* further delegations allowed, -1: any */
	int			autonomy;		/* ceiling 1..5, 0: none */
	CaTextList	purposes;		/* of the whole grant */

	char	   *payload;		/* the claims as sent: JSON in UTF-8, whatever
								 * the server's encoding, free of duplicates */
	size_t		payload_len;
	/* what the signature covers, for ca_token_verify() */
	char	   *signing_input;
	size_t		signing_input_len;
	unsigned char *signature;
	size_t		signature_len;
} CaToken;

/* A parsed JWK Set (RFC 7517); opaque, freed with ca_jwks_free(). */
typedef struct CaJwks CaJwks;

/* The sentence for a status: lower-case, no full stop, no token text. */
extern const char *ca_token_status_text(CaTokenStatus status);

/*
 * Take a token that says who the session is apart, and check everything that
 * needs neither key nor clock.  A token that has the form of a JWT-SVID is
 * one; any other must be an OAuth token.  On success *token is a palloc'd
 * CaToken; on failure it is NULL.
 */
extern CaTokenStatus ca_token_parse(const char *text, size_t len,
									CaToken **token);

/* The same for a delegation grant. */
extern CaTokenStatus ca_grant_parse(const char *text, size_t len,
									CaToken **grant);

/*
 * Check the signature with the key of the set that the header's kid names;
 * without a kid, with each key that fits the algorithm.  key_digest, unless
 * NULL, receives the SHA-256 over the public key (SubjectPublicKeyInfo).
 */
extern CaTokenStatus ca_token_verify(const CaToken *token, const CaJwks *jwks,
									 unsigned char key_digest[CA_SHA256_LEN]);

/*
 * Check audience and times.  now and skew are in seconds; the token is good
 * while nbf - skew <= now < exp + skew.  A grant must not be issued in the
 * future, either: iat - skew <= now.
 */
extern CaTokenStatus ca_token_validate(const CaToken *token,
									   const char *audience,
									   int64_t now, int skew);

/*
 * Split a JSON array of compact JWS, the value of contauth.delegation.  items
 * are palloc'd; on failure grants->n is 0.
 */
extern CaTokenStatus ca_grants_split(const char *text, size_t len,
									 CaTextList *grants);

/*
 * A principal in the form of a grant's iss and sub: a SPIFFE ID with a path,
 * or "issuer|subject", where *issuer_len is the issuer's length; it is 0 for
 * a SPIFFE ID.
 */
extern bool ca_principal_valid(const char *principal, int *issuer_len);

/*
 * Do the grants, root first, make one chain that ends at actor?  Each must
 * name the next one's signer, carry its parent's digest, and leave room for
 * what follows.  Signatures and times are not looked at.  *bad is the index
 * of the grant that is wrong.
 */
extern CaTokenStatus ca_grants_link(CaToken *const *grants, int n,
									const char *actor, int *bad);

/*
 * Digest of the compact JWS that says the same with the other form of its
 * signature, as far as the algorithm has two (crypto/signature.h).  To be asked
 * of a token that has been verified, before its signature is let go.  False:
 * it has none; CA_TOKEN_CRYPTO_FAILURE in *status: it could not be told.
 */
extern bool ca_token_twin(const CaToken *token, unsigned char sha256[CA_SHA256_LEN],
						  CaTokenStatus *status);

/* Is any principal in the chain twice? */
extern CaTokenStatus ca_chain_check(char *const *principals, int n);

/*
 * Parse a JWK Set.  Keys without kid, of unknown kty, crv or use, or meant
 * for something else than verifying are left out; *nkeys is the number of
 * usable keys, and may be 0.  A set that holds private or secret key material
 * is refused as a whole.  On failure *jwks is NULL and *nkeys 0.
 *
 * The set owns OpenSSL handles.  A caller that lets the set's memory context
 * go must call ca_jwks_free() first, for instance from a reset callback.
 */
extern CaTokenStatus ca_jwks_parse(const char *json, size_t len,
								   CaJwks **jwks, int *nkeys);
extern void ca_jwks_free(CaJwks *jwks);

/*
 * Does the set have a usable key of that digest, under that kid unless it is
 * NULL?  So a caller can see whether a verified token's key is still there.
 */
extern bool ca_jwks_has_key(const CaJwks *jwks, const char *kid,
							const unsigned char digest[CA_SHA256_LEN]);

/*
 * Is id a well-formed SPIFFE ID (SPIFFE-ID standard, sections 2.1 to 2.4)?
 * With need_path a bare trust domain is refused.  On success *td_len is the
 * length of the trust domain, which starts after "spiffe://".
 */
extern bool ca_spiffe_id_valid(const char *id, bool need_path, int *td_len);

/* Is name a well-formed SPIFFE trust domain name? */
extern bool ca_trust_domain_valid(const char *name);

#endif							/* CA_TOKEN_TOKEN_H */
