/*-------------------------------------------------------------------------
 *
 * token_status.c
 *	  What a CaTokenStatus says to a person.
 *
 * The sentences go into error messages and the audit.  They are constant, so
 * that nothing of a token can show through them.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/token.h"

/*
 * The sentence for a status: lower-case, no full stop, never NULL.
 */
const char *
ca_token_status_text(CaTokenStatus status)
{
	switch (status)
	{
		case CA_TOKEN_OK:
			return "token is valid";
		case CA_TOKEN_TOO_LONG:
			return "token or key set is too long";
		case CA_TOKEN_MALFORMED:
			return "token does not have three non-empty parts";
		case CA_TOKEN_BAD_BASE64:
			return "token is not canonical base64url without padding";
		case CA_TOKEN_BAD_JSON:
			return "token header or claims are not a JSON object in UTF-8";
		case CA_TOKEN_TOO_DEEP:
			return "JSON is nested too deeply";
		case CA_TOKEN_DUPLICATE_MEMBER:
			return "a JSON object has the same member twice";
		case CA_TOKEN_BAD_HEADER:
			return "token header has a missing, malformed, or forbidden member";
		case CA_TOKEN_CRITICAL_HEADER:
			return "token header demands extensions that are not understood";
		case CA_TOKEN_BAD_ALGORITHM:
			return "token signature algorithm is not allowed";
		case CA_TOKEN_MISSING_KID:
			return "token header does not name a key";
		case CA_TOKEN_MISSING_CLAIM:
			return "token lacks a required claim";
		case CA_TOKEN_BAD_CLAIM:
			return "token has a claim of the wrong type or range";
		case CA_TOKEN_BAD_SPIFFE_ID:
			return "token subject is not a SPIFFE ID with a path";
		case CA_TOKEN_UNKNOWN_KEY:
			return "no trusted key fits the token's key ID and algorithm";
		case CA_TOKEN_BAD_SIGNATURE:
			return "token signature is wrong";
		case CA_TOKEN_WRONG_AUDIENCE:
			return "token is meant for another audience";
		case CA_TOKEN_EXPIRED:
			return "token has expired";
		case CA_TOKEN_NOT_YET_VALID:
			return "token is not valid yet";
		case CA_JWKS_BAD:
			return "key set is not a well-formed JWK Set";
		case CA_JWKS_DUPLICATE_KID:
			return "key set has two keys of the same key ID";
		case CA_JWKS_BAD_KEY:
			return "key set has a key that is private, weak, or malformed";
		case CA_TOKEN_CRYPTO_FAILURE:
			return "cryptographic library failed";
	}
	return "token is refused";
}
