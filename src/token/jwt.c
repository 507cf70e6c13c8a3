/*-------------------------------------------------------------------------
 *
 * jwt.c
 *	  JSON Web Tokens: what header and claims of each profile must say.
 *
 * JWT-SVID (the SPIFFE JWT-SVID standard, sections 2 and 3), OAuth access and
 * transaction tokens (RFC 9068, the OAuth transaction token draft, RFC 8693
 * for "act"), and delegation grants (contract, section 4).  Parsing, verifying
 * and validating are apart, because a verified token is kept while its times
 * are looked at again for every statement.
 *
 * Nothing is believed before ca_token_verify(): until then kid, iss and sub
 * only help to find the key.
 *
 * SECURITY: a grant names its signer as a principal ("issuer|subject", or a
 * SPIFFE ID with a path), a token names an issuer: neither can be taken for
 * the other although one issuer may sign both.  (test/unit/unit_grant.c)
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/jwk.h"
#include "token/jws.h"
#include "token/jwt_claims.h"

#define MEDIA_TYPE_PREFIX	"application/"

/* What a kind of token may say in its header; lists end with NULL. */
typedef struct ProfileHeader
{
	bool		closed;			/* only the members of the list */
	const char *members[5];		/* closed: allowed; else: refused */
	const char *algorithms[11];
	const char *types[5];		/* of "typ", when present */
	bool		media_type;		/* "typ" is compared as RFC 7515 4.1.9 says */
} ProfileHeader;

static const ProfileHeader headers[] = {
	[CA_PROFILE_JWT_SVID] = {
		.closed = true,
		.members = {"alg", "kid", "typ", NULL},
		.algorithms = {
			"RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
			"PS256", "PS384", "PS512", NULL
		},
		.types = {"JWT", "JOSE", NULL}
	},
	[CA_PROFILE_OAUTH] = {
		.members = {"jwk", "jku", "x5u", "x5c", NULL},
		.algorithms = {
			"RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
			"PS256", "PS384", "PS512", "EdDSA", NULL
		},
		.types = {"JWT", "JOSE", "at+jwt", "txntoken+jwt", NULL},
		.media_type = true
	},
	[CA_PROFILE_GRANT] = {
		.members = {"jwk", "jku", "x5u", "x5c", NULL},
		.algorithms = {
			"RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
			"PS256", "PS384", "PS512", "EdDSA", NULL
		},
		.types = {"JWT", "JOSE", "grant+jwt", "delegation+jwt", NULL},
		.media_type = true
	},
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
 * Is it one of the profile's types?  A media type may be spelt in any case
 * and with or without "application/".
 */
static bool
type_allowed(const ProfileHeader *profile, const char *type)
{
	if (!profile->media_type)
		return in_list(profile->types, type);
	if (pg_strncasecmp(type, MEDIA_TYPE_PREFIX, strlen(MEDIA_TYPE_PREFIX)) == 0)
		type += strlen(MEDIA_TYPE_PREFIX);
	for (const char *const *list = profile->types; *list != NULL; list++)
	{
		if (pg_strcasecmp(*list, type) == 0)
			return true;
	}
	return false;
}

/*
 * May the header have the members that it has?
 *
 * SECURITY: "crit" is refused, because no extension is understood.  A JWT-SVID
 * has no member but three; elsewhere unknown ones are ignored (RFC 7515
 * section 4), except those by which a token would bring its own key.  Guarded
 * by the "header" cases of test/unit.
 */
static CaTokenStatus
check_members(const CaJson *json, const ProfileHeader *profile)
{
	if (ca_json_member(json, CA_JSON_ROOT, "crit") >= 0)
		return CA_TOKEN_CRITICAL_HEADER;
	for (int i = ca_json_first(json, CA_JSON_ROOT); i >= 0;
		 i = ca_json_next(json, i))
	{
		if (in_list(profile->members, json->nodes[i].name) != profile->closed)
			return CA_TOKEN_BAD_HEADER;
	}
	return CA_TOKEN_OK;
}

/*
 * Check the header against the profile.
 */
static CaTokenStatus
check_header(const CaJson *json, const ProfileHeader *profile)
{
	int			typ = ca_json_member(json, CA_JSON_ROOT, "typ");
	int			kid = ca_json_member(json, CA_JSON_ROOT, "kid");
	const char *alg = ca_json_string(json,
									 ca_json_member(json, CA_JSON_ROOT, "alg"));
	CaTokenStatus status = check_members(json, profile);

	if (status != CA_TOKEN_OK)
		return status;
	if (alg == NULL)
		return CA_TOKEN_BAD_HEADER;
	if (!in_list(profile->algorithms, alg))
		return CA_TOKEN_BAD_ALGORITHM;
	if (typ >= 0 && (!ca_json_is(json, typ, CA_JSON_STRING) ||
					 !type_allowed(profile, json->nodes[typ].text)))
		return CA_TOKEN_BAD_HEADER;
	if (kid >= 0 && (!ca_json_is(json, kid, CA_JSON_STRING) ||
					 json->nodes[kid].text[0] == '\0'))
		return CA_TOKEN_BAD_HEADER;
	return CA_TOKEN_OK;
}

/* A copy of an optional string member of the header. */
static char *
copy_member(const CaJson *json, const char *name)
{
	const char *text = ca_json_string(json, ca_json_member(json, CA_JSON_ROOT, name));

	return text != NULL ? pstrdup(text) : NULL;
}

/*
 * Does the text claim to be a SPIFFE ID, in whatever spelling?
 */
static bool
looks_like_spiffe_id(const char *text)
{
	return pg_strncasecmp(text, "spiffe:", strlen("spiffe:")) == 0;
}

/*
 * What tokens of both profiles must have.
 */
static CaTokenStatus
check_token_claims(const CaToken *token)
{
	int			issuer_len;

	if (token->sub == NULL || token->naud == 0 || !token->has_exp)
		return CA_TOKEN_MISSING_CLAIM;
	if (token->sub[0] == '\0')
		return CA_TOKEN_BAD_CLAIM;
	if (token->iss != NULL && (strchr(token->iss, '|') != NULL ||
							   ca_principal_valid(token->iss, &issuer_len)))
		return CA_TOKEN_IS_GRANT;
	return CA_TOKEN_OK;
}

/*
 * Whom may an actor be?  The current one is an agent; a prior one may be
 * anybody of the token's own issuer.
 */
static CaTokenStatus
check_actor(const CaToken *token, int i)
{
	const CaActor *actor = &token->actors[i];

	if (ca_spiffe_id_valid(actor->sub, true, NULL))
		return CA_TOKEN_OK;
	if (i == 0 || looks_like_spiffe_id(actor->sub) ||
		(actor->iss != NULL && strcmp(actor->iss, token->iss) != 0))
		return CA_TOKEN_BAD_ACTOR;
	return CA_TOKEN_OK;
}

/*
 * What an OAuth token must say.
 */
static CaTokenStatus
check_oauth_claims(const CaToken *token)
{
	bool		is_agent = token->sub != NULL &&
	ca_spiffe_id_valid(token->sub, true, NULL);

	if (token->iss == NULL || token->iss[0] == '\0')
		return CA_TOKEN_MISSING_CLAIM;
	if (!is_agent && (token->nactors == 0 || looks_like_spiffe_id(token->sub)))
		return CA_TOKEN_BAD_SPIFFE_ID;
	for (int i = 0; i < token->nactors; i++)
	{
		CaTokenStatus status = check_actor(token, i);

		if (status != CA_TOKEN_OK)
			return status;
	}
	return CA_TOKEN_OK;
}

/*
 * What a grant must say.
 */
static CaTokenStatus
check_grant_claims(const CaToken *token)
{
	int			issuer_len;

	if (token->iss == NULL || token->sub == NULL || token->naud == 0 ||
		token->jti == NULL || !token->has_exp || !token->has_iat)
		return CA_TOKEN_MISSING_CLAIM;
	if (token->jti[0] == '\0')
		return CA_TOKEN_BAD_CLAIM;
	if (!ca_principal_valid(token->iss, &issuer_len) ||
		!ca_principal_valid(token->sub, &issuer_len))
		return CA_TOKEN_BAD_PRINCIPAL;
	/* a grant binds nobody's connection */
	return token->has_cnf ? CA_TOKEN_BAD_CONFIRMATION : CA_TOKEN_OK;
}

/*
 * Check the claims as the profile asks and copy those that mean something to
 * us.  Other claims are allowed and stay in the payload.
 */
static CaTokenStatus
read_claims(const CaJson *json, CaToken *token)
{
	bool		acts = ca_json_member(json, CA_JSON_ROOT, "act") >= 0;
	CaTokenStatus status;

	if ((status = ca_claims_registered(json, token)) != CA_TOKEN_OK ||
		(status = ca_claims_confirmation(json, token)) != CA_TOKEN_OK ||
		(status = ca_claims_authority(json, token)) != CA_TOKEN_OK)
		return status;
	if (token->profile == CA_PROFILE_GRANT)
	{
		if (acts)
			return CA_TOKEN_BAD_ACTOR;
		status = ca_claims_grant(json, token);
		return status == CA_TOKEN_OK ? check_grant_claims(token) : status;
	}

	if ((status = check_token_claims(token)) != CA_TOKEN_OK)
		return status;
	if (token->profile == CA_PROFILE_JWT_SVID)
	{
		if (acts)
			return CA_TOKEN_BAD_ACTOR;
		return ca_spiffe_id_valid(token->sub, true, NULL) ?
			CA_TOKEN_OK : CA_TOKEN_BAD_SPIFFE_ID;
	}
	if ((status = ca_claims_actors(json, token)) != CA_TOKEN_OK ||
		(status = ca_claim_string(json, "client_id",
								  &token->client_id)) != CA_TOKEN_OK)
		return status;
	return check_oauth_claims(token);
}

/*
 * Read header and claims of a decoded JWS as a profile.  *token is NULL on
 * failure.
 */
static CaTokenStatus
read_profile(const CaJson *header, const CaJson *claims,
			 CaTokenProfile profile, CaToken **token)
{
	CaToken    *result = palloc0(sizeof(CaToken));
	CaTokenStatus status;

	result->profile = profile;
	result->max_depth = -1;
	status = check_header(header, &headers[profile]);
	if (status == CA_TOKEN_OK)
	{
		result->alg = copy_member(header, "alg");
		result->kid = copy_member(header, "kid");
		result->typ = copy_member(header, "typ");
		status = read_claims(claims, result);
	}
	*token = status == CA_TOKEN_OK ? result : NULL;
	return status;
}

/*
 * Which profile is a token to be judged by?  What has not the form of a
 * JWT-SVID and names an issuer is an OAuth token.
 */
static CaTokenProfile
profile_of(const CaJson *header, const CaJson *claims)
{
	const char *sub = ca_json_string(claims,
									 ca_json_member(claims, CA_JSON_ROOT, "sub"));

	if (ca_json_member(claims, CA_JSON_ROOT, "iss") < 0)
		return CA_PROFILE_JWT_SVID;
	return check_header(header, &headers[CA_PROFILE_JWT_SVID]) == CA_TOKEN_OK &&
		sub != NULL && ca_spiffe_id_valid(sub, true, NULL) &&
		ca_json_member(claims, CA_JSON_ROOT, "act") < 0 ?
		CA_PROFILE_JWT_SVID : CA_PROFILE_OAUTH;
}

/*
 * Read the claims of a decoded JWS, as a grant or as a token.
 */
static CaTokenStatus
read_token(const CaJws *jws, bool grant, CaToken **token)
{
	CaJson	   *header = NULL;
	CaJson	   *claims = NULL;
	CaTokenStatus status = ca_json_parse((char *) jws->header, jws->header_len,
										 &header);

	if (status == CA_TOKEN_OK)
		status = ca_json_parse((char *) jws->payload, jws->payload_len, &claims);
	if (status == CA_TOKEN_OK)
		status = read_profile(header, claims,
							  grant ? CA_PROFILE_GRANT : profile_of(header, claims),
							  token);
	ca_json_free(header);
	ca_json_free(claims);
	return status;
}

/*
 * Take a compact JWS apart.
 */
static CaTokenStatus
parse(const char *text, size_t len, bool grant, CaToken **token)
{
	CaTokenStatus status;
	CaToken    *result = NULL;
	CaJws		jws;

	*token = NULL;
	status = ca_jws_parse(text, len, &jws);
	if (status != CA_TOKEN_OK)
		return status;

	status = read_token(&jws, grant, &result);
	pfree(jws.header);
	if (status != CA_TOKEN_OK)
		return status;
	result->payload = (char *) jws.payload;
	result->payload_len = jws.payload_len;
	result->signing_input = jws.signing_input;
	result->signing_input_len = jws.signing_input_len;
	result->signature = jws.signature;
	result->signature_len = jws.signature_len;
	if (!ca_sha256(text, len, result->sha256))
		return CA_TOKEN_CRYPTO_FAILURE;

	*token = result;
	return CA_TOKEN_OK;
}

/*
 * Take a token apart; see token.h.
 */
CaTokenStatus
ca_token_parse(const char *text, size_t len, CaToken **token)
{
	return parse(text, len, false, token);
}

/*
 * Take a grant apart; see token.h.
 */
CaTokenStatus
ca_grant_parse(const char *text, size_t len, CaToken **grant)
{
	return parse(text, len, true, grant);
}

/*
 * Check the signature; see token.h.
 */
CaTokenStatus
ca_token_verify(const CaToken *token, const CaJwks *jwks,
				unsigned char key_digest[CA_SHA256_LEN])
{
	const CaSignatureAlg *alg = ca_signature_alg(token->alg);
	CaTokenStatus status = CA_TOKEN_UNKNOWN_KEY;
	int			key = -1;

	if (alg == NULL)
		return CA_TOKEN_BAD_ALGORITHM;
	while ((key = ca_jwks_find(jwks, token->kid, alg, key)) >= 0)
	{
		switch (ca_signature_verify(alg, ca_jwks_key(jwks, key),
									token->signing_input,
									token->signing_input_len,
									token->signature, token->signature_len))
		{
			case CA_SIGNATURE_GOOD:
				if (key_digest != NULL)
					memcpy(key_digest, ca_jwks_digest(jwks, key), CA_SHA256_LEN);
				return CA_TOKEN_OK;
			case CA_SIGNATURE_BAD:
				status = CA_TOKEN_BAD_SIGNATURE;
				break;
			case CA_SIGNATURE_FAILURE:
				return CA_TOKEN_CRYPTO_FAILURE;
		}
	}
	return status;
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
	if (token->profile == CA_PROFILE_GRANT && now < token->iat - skew)
		return CA_TOKEN_NOT_YET_VALID;
	return CA_TOKEN_OK;
}
