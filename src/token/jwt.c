/*-------------------------------------------------------------------------
 *
 * jwt.c
 *	  JSON Web Tokens: what header and claims must say (RFC 7519, JWT-SVID).
 *
 * A profile says which header members, algorithms and types a token may use;
 * JWT-SVID (the SPIFFE JWT-SVID standard, sections 2 and 3) is the one there
 * is.  Parsing, verifying and validating are apart, because a verified token
 * is kept while its times are looked at again for every statement.
 *
 * Nothing is believed before ca_token_verify(): until then kid and sub only
 * help to find the key.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/json.h"
#include "token/jwk.h"
#include "token/jws.h"

/* RFC 7519 says seconds; beyond 2^53 JSON numbers are not exact any more */
#define MAX_NUMERIC_DATE	(INT64CONST(1) << 53)

/* What a kind of token may say in its header; lists end with NULL. */
typedef struct TokenProfile
{
	const char *members[4];
	const char *algorithms[10];
	const char *types[3];		/* of "typ", when present */
} TokenProfile;

static const TokenProfile jwt_svid = {
	.members = {"alg", "kid", "typ", NULL},
	.algorithms = {
		"RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
		"PS256", "PS384", "PS512", NULL
	},
	.types = {"JWT", "JOSE", NULL}
};

/*
 * Is value in a list that ends with NULL?
 */
static bool
in_list(const char *const *list, const char *value)
{
	for (; *list != NULL; list++)
	{
		if (strcmp(*list, value) == 0)
			return true;
	}
	return false;
}

/*
 * Check the header against the profile and copy its members.
 *
 * SECURITY: "crit" and every member the profile does not know are refused
 * rather than ignored, so that no "jwk", "jku" or "x5u" can ever matter, and
 * the algorithm must be in a list that holds neither "none" nor HMAC.
 * Guarded by the "header" cases of test/unit/unit_token.c.
 */
static CaTokenStatus
read_header(const CaJson *json, const TokenProfile *profile, CaToken *token)
{
	int			typ = ca_json_member(json, CA_JSON_ROOT, "typ");
	int			kid = ca_json_member(json, CA_JSON_ROOT, "kid");
	const char *alg = ca_json_string(json,
									 ca_json_member(json, CA_JSON_ROOT, "alg"));

	if (ca_json_member(json, CA_JSON_ROOT, "crit") >= 0)
		return CA_TOKEN_CRITICAL_HEADER;
	for (int i = ca_json_first(json, CA_JSON_ROOT); i >= 0;
		 i = ca_json_next(json, i))
	{
		if (!in_list(profile->members, json->nodes[i].name))
			return CA_TOKEN_BAD_HEADER;
	}

	if (alg == NULL)
		return CA_TOKEN_BAD_HEADER;
	if (!in_list(profile->algorithms, alg))
		return CA_TOKEN_BAD_ALGORITHM;
	if (typ >= 0 && (!ca_json_is(json, typ, CA_JSON_STRING) ||
					 !in_list(profile->types, json->nodes[typ].text)))
		return CA_TOKEN_BAD_HEADER;
	if (kid >= 0 && !ca_json_is(json, kid, CA_JSON_STRING))
		return CA_TOKEN_BAD_HEADER;
	if (kid < 0 || json->nodes[kid].text[0] == '\0')
		return CA_TOKEN_MISSING_KID;

	token->alg = pstrdup(alg);
	token->kid = pstrdup(json->nodes[kid].text);
	token->typ = typ >= 0 ? pstrdup(json->nodes[typ].text) : NULL;
	return CA_TOKEN_OK;
}

/*
 * Split the text of a JSON number into its digits without the point, and the
 * number of them that stand before it once the exponent is applied.  False
 * for a negative number, or an exponent of more than two digits.
 */
static bool
split_number(const char *text, char *digits, size_t size, int *point)
{
	size_t		n = 0;
	int			exponent = 0;
	bool		fraction = false;

	*point = 0;
	if (*text == '-' || strlen(text) >= size)
		return false;
	for (; *text != '\0' && *text != 'e' && *text != 'E'; text++)
	{
		if (*text == '.')
			fraction = true;
		else
		{
			digits[n++] = *text;
			*point += !fraction;
		}
	}
	digits[n] = '\0';

	if (*text != '\0')
	{
		bool		negative = text[1] == '-';

		text += (text[1] == '-' || text[1] == '+') ? 2 : 1;
		if (strlen(text) > 2)
			return false;
		exponent = atoi(text);
		*point += negative ? -exponent : exponent;
	}
	return true;
}

/*
 * Read a NumericDate (RFC 7519 section 2): a number that is not negative and
 * at most 2^53, rounded down.  Done on the digits, because a double would
 * round a long fraction up to the next second.
 */
static bool
read_numeric_date(const char *text, int64_t *value)
{
	char		digits[64];
	int			point;
	const char *d = digits;

	*value = 0;
	if (!split_number(text, digits, sizeof(digits), &point))
		return false;
	for (int i = 0; i < point; i++)
	{
		*value = *value * 10 + (*d != '\0' ? *d++ - '0' : 0);
		if (*value > MAX_NUMERIC_DATE)
			return false;
	}
	return true;
}

/*
 * Read an optional NumericDate claim.
 */
static CaTokenStatus
read_date_claim(const CaJson *json, const char *name, bool *has,
				int64_t *value)
{
	int			claim = ca_json_member(json, CA_JSON_ROOT, name);

	*has = false;
	if (claim < 0)
		return CA_TOKEN_OK;
	if (!ca_json_is(json, claim, CA_JSON_NUMBER) ||
		!read_numeric_date(json->nodes[claim].text, value))
		return CA_TOKEN_BAD_CLAIM;
	*has = true;
	return CA_TOKEN_OK;
}

/*
 * Read an optional string claim; *value is palloc'd, or NULL when absent.
 */
static CaTokenStatus
read_string_claim(const CaJson *json, const char *name, char **value)
{
	int			claim = ca_json_member(json, CA_JSON_ROOT, name);

	*value = NULL;
	if (claim < 0)
		return CA_TOKEN_OK;
	if (!ca_json_is(json, claim, CA_JSON_STRING))
		return CA_TOKEN_BAD_CLAIM;
	*value = pstrdup(json->nodes[claim].text);
	return CA_TOKEN_OK;
}

/*
 * Read the required "aud": a string, or an array of at least one string
 * (RFC 7519 section 4.1.3).
 */
static CaTokenStatus
read_audience(const CaJson *json, CaToken *token)
{
	int			aud = ca_json_member(json, CA_JSON_ROOT, "aud");
	int			n = 0;

	if (aud < 0)
		return CA_TOKEN_MISSING_CLAIM;
	if (ca_json_is(json, aud, CA_JSON_STRING))
	{
		token->aud = palloc(sizeof(char *));
		token->aud[token->naud++] = pstrdup(json->nodes[aud].text);
		return CA_TOKEN_OK;
	}

	if (!ca_json_is(json, aud, CA_JSON_ARRAY))
		return CA_TOKEN_BAD_CLAIM;
	for (int i = ca_json_first(json, aud); i >= 0; i = ca_json_next(json, i))
	{
		if (!ca_json_is(json, i, CA_JSON_STRING))
			return CA_TOKEN_BAD_CLAIM;
		n++;
	}
	if (n == 0)
		return CA_TOKEN_BAD_CLAIM;

	token->aud = palloc(n * sizeof(char *));
	for (int i = ca_json_first(json, aud); i >= 0; i = ca_json_next(json, i))
		token->aud[token->naud++] = pstrdup(json->nodes[i].text);
	return CA_TOKEN_OK;
}

/*
 * Check the claims as the JWT-SVID standard asks (section 3) and copy the
 * registered ones.  Other claims are allowed and stay in the payload.
 */
static CaTokenStatus
read_claims(const CaJson *json, CaToken *token)
{
	CaTokenStatus status;

	if ((status = read_string_claim(json, "iss", &token->iss)) != CA_TOKEN_OK ||
		(status = read_string_claim(json, "sub", &token->sub)) != CA_TOKEN_OK ||
		(status = read_string_claim(json, "jti", &token->jti)) != CA_TOKEN_OK ||
		(status = read_audience(json, token)) != CA_TOKEN_OK ||
		(status = read_date_claim(json, "exp",
								  &token->has_exp, &token->exp)) != CA_TOKEN_OK ||
		(status = read_date_claim(json, "nbf",
								  &token->has_nbf, &token->nbf)) != CA_TOKEN_OK ||
		(status = read_date_claim(json, "iat",
								  &token->has_iat, &token->iat)) != CA_TOKEN_OK)
		return status;

	if (token->sub == NULL || !token->has_exp)
		return CA_TOKEN_MISSING_CLAIM;
	if (!ca_spiffe_id_valid(token->sub, true, NULL))
		return CA_TOKEN_BAD_SPIFFE_ID;
	return CA_TOKEN_OK;
}

/*
 * Read header and claims of a decoded JWS into token, which takes over the
 * parts it needs.
 */
static CaTokenStatus
read_token(const CaJws *jws, const TokenProfile *profile, CaToken *token)
{
	CaTokenStatus status;
	CaJson	   *json;

	status = ca_json_parse((char *) jws->header, jws->header_len, &json);
	if (status == CA_TOKEN_OK)
	{
		status = read_header(json, profile, token);
		ca_json_free(json);
	}
	if (status != CA_TOKEN_OK)
		return status;

	status = ca_json_parse((char *) jws->payload, jws->payload_len, &json);
	if (status == CA_TOKEN_OK)
	{
		status = read_claims(json, token);
		ca_json_free(json);
	}

	token->payload = (char *) jws->payload;
	token->payload_len = jws->payload_len;
	token->signing_input = jws->signing_input;
	token->signing_input_len = jws->signing_input_len;
	token->signature = jws->signature;
	token->signature_len = jws->signature_len;
	return status;
}

/*
 * Take a compact JWS apart; see token.h.
 */
CaTokenStatus
ca_token_parse(const char *text, size_t len, CaToken **token)
{
	CaTokenStatus status;
	CaToken    *result;
	CaJws		jws;

	*token = NULL;
	status = ca_jws_parse(text, len, &jws);
	if (status != CA_TOKEN_OK)
		return status;

	result = palloc0(sizeof(CaToken));
	status = read_token(&jws, &jwt_svid, result);
	pfree(jws.header);
	if (status != CA_TOKEN_OK)
		return status;
	if (!ca_sha256(text, len, result->sha256))
		return CA_TOKEN_CRYPTO_FAILURE;

	*token = result;
	return CA_TOKEN_OK;
}

/*
 * Check the signature; see token.h.
 */
CaTokenStatus
ca_token_verify(const CaToken *token, const CaJwks *jwks)
{
	const CaSignatureAlg *alg = ca_signature_alg(token->alg);
	CaPublicKey *key;

	if (alg == NULL)
		return CA_TOKEN_BAD_ALGORITHM;
	key = ca_jwks_find(jwks, token->kid, alg);
	if (key == NULL)
		return CA_TOKEN_UNKNOWN_KEY;

	switch (ca_signature_verify(alg, key, token->signing_input,
								token->signing_input_len,
								token->signature, token->signature_len))
	{
		case CA_SIGNATURE_GOOD:
			return CA_TOKEN_OK;
		case CA_SIGNATURE_BAD:
			return CA_TOKEN_BAD_SIGNATURE;
		case CA_SIGNATURE_FAILURE:
			break;
	}
	return CA_TOKEN_CRYPTO_FAILURE;
}

/*
 * Check audience and times; see token.h.
 *
 * SECURITY: no audience to compare with, or no expiry, is a refusal, and so
 * is a clock before 1970.  A negative skew counts as none.  Guarded by the
 * "validate" cases of test/unit/unit_token.c.
 */
CaTokenStatus
ca_token_validate(const CaToken *token, const char *audience,
				  int64_t now, int skew)
{
	bool		meant_for_us = false;

	if (audience != NULL && audience[0] != '\0')
	{
		for (int i = 0; i < token->naud && !meant_for_us; i++)
			meant_for_us = strcmp(token->aud[i], audience) == 0;
	}
	if (!meant_for_us)
		return CA_TOKEN_WRONG_AUDIENCE;

	/* dates are at most 2^53, so that adding an int cannot overflow */
	skew = Max(skew, 0);
	if (!token->has_exp || now < 0 || now >= token->exp + skew)
		return CA_TOKEN_EXPIRED;
	if (token->has_nbf && now < token->nbf - skew)
		return CA_TOKEN_NOT_YET_VALID;
	return CA_TOKEN_OK;
}
