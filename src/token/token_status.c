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
		case CA_TOKEN_MISSING_CLAIM:
			return "token lacks a required claim";
		case CA_TOKEN_BAD_CLAIM:
			return "token has a claim of the wrong type or range";
		case CA_TOKEN_BAD_SPIFFE_ID:
			return "token does not name an agent by a SPIFFE ID with a path";
		case CA_TOKEN_BAD_ACTOR:
			return "act claim is malformed or does not name an agent";
		case CA_TOKEN_BAD_CONFIRMATION:
			return "cnf claim is malformed or demands a proof that is not supported";
		case CA_TOKEN_BAD_DETAILS:
			return "authorization_details claim is malformed or not understood";
		case CA_TOKEN_BAD_PRINCIPAL:
			return "grant names a principal that is neither a SPIFFE ID nor issuer|subject";
		case CA_TOKEN_IS_GRANT:
			return "a delegation grant cannot be used as a token";
		case CA_TOKEN_UNKNOWN_KEY:
			return "no trusted key fits its key ID and algorithm";
		case CA_TOKEN_BAD_SIGNATURE:
			return "token signature is wrong";
		case CA_TOKEN_WRONG_AUDIENCE:
			return "token is meant for another audience";
		case CA_TOKEN_EXPIRED:
			return "token has expired";
		case CA_TOKEN_NOT_YET_VALID:
			return "token is not valid yet";
		case CA_GRANTS_BAD:
			return "delegation is not a JSON array of 1 to 16 grants";
		case CA_GRANT_FIRST_HAS_PARENT:
			return "grant has a parent that is missing";
		case CA_GRANT_WRONG_PARENT:
			return "grant does not carry the digest of the grant before it";
		case CA_GRANT_NOT_LINKED:
			return "grant is not by the principal that the grant before it names";
		case CA_GRANT_WRONG_ACTOR:
			return "grant does not name the session's agent, and none follows";
		case CA_GRANT_TOO_DEEP:
			return "grant does not allow that many further delegations";
		case CA_CHAIN_LOOP:
			return "a principal is in the chain twice";
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
