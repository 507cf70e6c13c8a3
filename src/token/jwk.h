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
 * The key of that kid, when it is of the algorithm's kind and its own "alg",
 * if it has one, names the same algorithm; else NULL.  Owned by the set.
 */
extern CaPublicKey *ca_jwks_find(const CaJwks *jwks, const char *kid,
								 const CaSignatureAlg *alg);

#endif							/* CA_TOKEN_JWK_H */
