/*-------------------------------------------------------------------------
 *
 * jwt_claims.c
 *	  Reading the claims of a JWT into a CaToken.
 *
 * Every claim that means something to us has one type and one range, whatever
 * the profile; anything else is refused rather than ignored.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/base64url.h"
#include "token/jwt_claims.h"

/* RFC 7519 says seconds; beyond 2^53 JSON numbers are not exact any more */
#define MAX_NUMERIC_DATE	(INT64CONST(1) << 53)

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
 * Read an optional string claim; see the header.
 */
CaTokenStatus
ca_claim_string(const CaJson *json, const char *name, char **value)
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
 * Read "aud": a string, or an array of at least one string
 * (RFC 7519 section 4.1.3).
 */
static CaTokenStatus
read_audience(const CaJson *json, CaToken *token)
{
	int			aud = ca_json_member(json, CA_JSON_ROOT, "aud");
	int			n = 0;

	if (aud < 0)
		return CA_TOKEN_OK;
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
 * Read the registered claims; see the header.
 */
CaTokenStatus
ca_claims_registered(const CaJson *json, CaToken *token)
{
	CaTokenStatus status;

	if ((status = ca_claim_string(json, "iss", &token->iss)) != CA_TOKEN_OK ||
		(status = ca_claim_string(json, "sub", &token->sub)) != CA_TOKEN_OK ||
		(status = ca_claim_string(json, "jti", &token->jti)) != CA_TOKEN_OK ||
		(status = read_audience(json, token)) != CA_TOKEN_OK ||
		(status = read_date_claim(json, "exp",
								  &token->has_exp, &token->exp)) != CA_TOKEN_OK ||
		(status = read_date_claim(json, "nbf",
								  &token->has_nbf, &token->nbf)) != CA_TOKEN_OK)
		return status;
	return read_date_claim(json, "iat", &token->has_iat, &token->iat);
}

/*
 * Read the actors, current one first; see the header.
 *
 * An act claim identifies its actor by "sub", with "iss" where that alone is
 * not unique; its other members say nothing that we rely on.
 */
CaTokenStatus
ca_claims_actors(const CaJson *json, CaToken *token)
{
	int			act = ca_json_member(json, CA_JSON_ROOT, "act");

	if (act < 0)
		return CA_TOKEN_OK;
	token->actors = palloc0(sizeof(CaActor) * CA_CHAIN_MAX);
	for (; act >= 0; act = ca_json_member(json, act, "act"))
	{
		CaActor    *actor = &token->actors[token->nactors];
		const char *sub = ca_json_string(json, ca_json_member(json, act, "sub"));
		int			iss = ca_json_member(json, act, "iss");

		if (token->nactors == CA_CHAIN_MAX - 1)
			return CA_TOKEN_TOO_DEEP;
		if (sub == NULL || sub[0] == '\0' ||
			(iss >= 0 && !ca_json_is(json, iss, CA_JSON_STRING)))
			return CA_TOKEN_BAD_ACTOR;
		actor->sub = pstrdup(sub);
		actor->iss = iss >= 0 ? pstrdup(json->nodes[iss].text) : NULL;
		token->nactors++;
	}
	return CA_TOKEN_OK;
}

/*
 * Decode a base64url SHA-256.
 */
static bool
read_digest(const char *text, unsigned char digest[CA_SHA256_LEN])
{
	unsigned char *bytes;
	size_t		len;
	bool		ok;

	if (text == NULL || !ca_base64url_decode(text, strlen(text), &bytes, &len))
		return false;
	ok = len == CA_SHA256_LEN;
	if (ok)
		memcpy(digest, bytes, CA_SHA256_LEN);
	pfree(bytes);
	return ok;
}

/*
 * Read the confirmation; see the header.
 *
 * SECURITY: a confirmation that we cannot check, such as a DPoP key, must not
 * be taken for none.  Guarded by the "cnf" cases of test/unit/unit_oauth.c.
 */
CaTokenStatus
ca_claims_confirmation(const CaJson *json, CaToken *token)
{
	int			cnf = ca_json_member(json, CA_JSON_ROOT, "cnf");
	int			x5t = ca_json_member(json, cnf, "x5t#S256");

	if (cnf < 0)
		return CA_TOKEN_OK;
	if (x5t < 0 || ca_json_first(json, cnf) != x5t ||
		ca_json_next(json, x5t) >= 0 ||
		!read_digest(ca_json_string(json, x5t), token->cnf_sha256))
		return CA_TOKEN_BAD_CONFIRMATION;
	token->has_cnf = true;
	return CA_TOKEN_OK;
}

/*
 * Read an optional list of strings; see the header.
 */
bool
ca_member_texts(const CaJson *json, int object, const char *name,
				bool single, CaTextList *list)
{
	int			member = ca_json_member(json, object, name);
	int			first = member;
	int			n = 1;

	memset(list, 0, sizeof(*list));
	if (member < 0)
		return true;
	list->given = true;
	if (ca_json_is(json, member, CA_JSON_ARRAY))
	{
		first = ca_json_first(json, member);
		n = ca_json_count(json, member);
	}
	else if (!single)
		return false;
	if (n > CA_AUTHORITY_MAX_LIST)
		return false;

	list->items = palloc(sizeof(char *) * (n + 1));
	for (int i = first; i >= 0; i = first == member ? -1 : ca_json_next(json, i))
	{
		const char *text = ca_json_string(json, i);

		if (text == NULL || text[0] == '\0')
			return false;
		list->items[list->n++] = pstrdup(text);
	}
	return true;
}

/*
 * Read an optional integer; see the header.
 */
bool
ca_member_integer(const CaJson *json, int object, const char *name,
				  int min, int max, int *value)
{
	int			member = ca_json_member(json, object, name);
	const char *text;
	int			result = 0;

	if (member < 0)
		return true;
	if (!ca_json_is(json, member, CA_JSON_NUMBER))
		return false;
	text = json->nodes[member].text;
	if (strlen(text) > 6 || strspn(text, "0123456789") != strlen(text))
		return false;
	for (; *text != '\0'; text++)
		result = result * 10 + (*text - '0');
	if (result < min || result > max)
		return false;
	*value = result;
	return true;
}

/*
 * Read what only grants have; see the header.
 */
CaTokenStatus
ca_claims_grant(const CaJson *json, CaToken *token)
{
	int			prf = ca_json_member(json, CA_JSON_ROOT, "prf");

	token->max_depth = -1;
	if (prf >= 0 && !read_digest(ca_json_string(json, prf), token->prf))
		return CA_TOKEN_BAD_CLAIM;
	token->has_prf = prf >= 0;
	if (!ca_member_integer(json, CA_JSON_ROOT, "max_depth", 0, 999999,
						   &token->max_depth) ||
		!ca_member_integer(json, CA_JSON_ROOT, "autonomy", 1, 5,
						   &token->autonomy) ||
		!ca_member_texts(json, CA_JSON_ROOT, "purpose", true, &token->purposes))
		return CA_TOKEN_BAD_CLAIM;
	return CA_TOKEN_OK;
}
