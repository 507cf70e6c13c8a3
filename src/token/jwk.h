/*-------------------------------------------------------------------------
 *
 * jwk.h
 *	  Choosing the key of a JWK Set that verifies a token.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_JWK_H
#define CA_TOKEN_JWK_H

#include "crypto/signature.h"
#include "token/token.h"

/*
 * The next key after index "after" (-1: the first) that has the kid, unless
 * that is NULL, is of the algorithm's kind, and whose own "alg", if it has
 * one, names the same algorithm; or -1.
 */
extern int	ca_jwks_find(const CaJwks *jwks, const char *kid,
						 const CaSignatureAlg *alg, int after);

/* A key of the set, owned by it, and its digest. */
extern CaPublicKey *ca_jwks_key(const CaJwks *jwks, int index);
extern const unsigned char *ca_jwks_digest(const CaJwks *jwks, int index);

#endif							/* CA_TOKEN_JWK_H */
