/*-------------------------------------------------------------------------
 *
 * jwt_claims.h
 *	  Reading the claims of a JWT into a CaToken.
 *
 * Shared by the profiles; nothing outside src/token needs it.  A claim that is
 * absent is not an error here: what a profile requires, it asks for itself.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_JWT_CLAIMS_H
#define CA_TOKEN_JWT_CLAIMS_H

#include "token/json.h"

/* iss, sub, jti, aud, exp, nbf, iat (RFC 7519 section 4.1). */
extern CaTokenStatus ca_claims_registered(const CaJson *json, CaToken *token);

/* The "act" claim and those nested in it (RFC 8693 section 4.1). */
extern CaTokenStatus ca_claims_actors(const CaJson *json, CaToken *token);

/* The "cnf" claim (RFC 7800), which must be "x5t#S256" (RFC 8705). */
extern CaTokenStatus ca_claims_confirmation(const CaJson *json, CaToken *token);

/* The "authorization_details" claim (RFC 9396 section 2). */
extern CaTokenStatus ca_claims_authority(const CaJson *json, CaToken *token);

/* prf, max_depth, autonomy and purpose of a grant (contract, section 4). */
extern CaTokenStatus ca_claims_grant(const CaJson *json, CaToken *token);

/* An optional string claim; *value is palloc'd, or NULL when absent. */
extern CaTokenStatus ca_claim_string(const CaJson *json, const char *name,
									 char **value);

/*
 * An optional member of an object: a string, if single, or an array of
 * strings; none of them empty.
 */
extern bool ca_member_texts(const CaJson *json, int object, const char *name,
							bool single, CaTextList *list);

/*
 * An optional member of an object that is an integer in the range; *value is
 * left alone when it is absent.
 */
extern bool ca_member_integer(const CaJson *json, int object, const char *name,
							  int min, int max, int *value);

#endif							/* CA_TOKEN_JWT_CLAIMS_H */
