/*-------------------------------------------------------------------------
 *
 * token.h
 *	  What the identity layer sees of a signed token: parse, verify, validate.
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
	CA_TOKEN_MISSING_KID,
	CA_TOKEN_MISSING_CLAIM,
	CA_TOKEN_BAD_CLAIM,			/* a claim of the wrong type or range */
	CA_TOKEN_BAD_SPIFFE_ID,
	CA_TOKEN_UNKNOWN_KEY,		/* no key of that kid that fits the algorithm */
	CA_TOKEN_BAD_SIGNATURE,
	CA_TOKEN_WRONG_AUDIENCE,
	CA_TOKEN_EXPIRED,
	CA_TOKEN_NOT_YET_VALID,
	CA_JWKS_BAD,				/* not a JWK Set, or a member of the wrong
								 * type */
	CA_JWKS_DUPLICATE_KID,
	CA_JWKS_BAD_KEY,			/* a key that OpenSSL refuses, or a weak one */
	CA_TOKEN_CRYPTO_FAILURE		/* OpenSSL itself failed */
} CaTokenStatus;

/* A compact JWS taken apart; every string is palloc'd and NUL-terminated. */
typedef struct CaToken
{
	unsigned char sha256[CA_SHA256_LEN];	/* of the whole compact JWS */
	/* header */
	char	   *alg;
	char	   *kid;
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
 * Take a compact JWS (RFC 7515 section 7.1) apart and check everything that
 * needs neither key nor clock, as the JWT-SVID standard asks.  On success
 * *token is a palloc'd CaToken; on failure it is NULL.
 */
extern CaTokenStatus ca_token_parse(const char *text, size_t len,
									CaToken **token);

/* Check the signature with the key of the set that the header's kid names. */
extern CaTokenStatus ca_token_verify(const CaToken *token, const CaJwks *jwks);

/*
 * Check audience and times.  now and skew are in seconds; the token is good
 * while nbf - skew <= now < exp + skew.
 */
extern CaTokenStatus ca_token_validate(const CaToken *token,
									   const char *audience,
									   int64_t now, int skew);

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
 * SHA-256 over the public key (SubjectPublicKeyInfo) that kid names, so that
 * a caller can see whether a verified token's key is still the same; false
 * when the set has no usable key of that kid.
 */
extern bool ca_jwks_key_digest(const CaJwks *jwks, const char *kid,
							   unsigned char out[CA_SHA256_LEN]);

/*
 * Is id a well-formed SPIFFE ID (SPIFFE-ID standard, sections 2.1 to 2.4)?
 * With need_path a bare trust domain is refused.  On success *td_len is the
 * length of the trust domain, which starts after "spiffe://".
 */
extern bool ca_spiffe_id_valid(const char *id, bool need_path, int *td_len);

/* Is name a well-formed SPIFFE trust domain name? */
extern bool ca_trust_domain_valid(const char *name);

#endif							/* CA_TOKEN_TOKEN_H */
