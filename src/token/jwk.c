/*-------------------------------------------------------------------------
 *
 * jwk.c
 *	  JSON Web Keys and sets of them (RFC 7517, RFC 7518 section 6, RFC 8037).
 *
 * A set is made in two passes.  The first reads the JSON and allocates all
 * memory of PostgreSQL's; it holds no OpenSSL handle, so an error thrown by
 * the allocator leaks nothing.  The second makes the handles and allocates
 * none of PostgreSQL's memory, so none can be thrown past them.
 *
 * A set is read-only once it is made.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/base64url.h"
#include "token/json.h"
#include "token/jwk.h"

/* A usable key as its JWK describes it. */
typedef struct KeyParams
{
	unsigned char *first;		/* n of RSA, x of the others */
	size_t		first_len;
	unsigned char *second;		/* e of RSA, y of EC, NULL for Ed25519 */
	size_t		second_len;
} KeyParams;

typedef struct CaJwk
{
	char	   *kid;
	CaKeyType	type;
	const CaSignatureAlg *alg;	/* NULL: any that fits the type */
	KeyParams	params;			/* empty once the key is made */
	CaPublicKey *key;
	unsigned char digest[CA_SHA256_LEN];	/* of SubjectPublicKeyInfo */
} CaJwk;

struct CaJwks
{
	int			nkeys;
	CaJwk		keys[CA_JWKS_MAX_KEYS];
};

/* Kinds of keys by "kty" and "crv", and the names of their numbers. */
static const struct
{
	const char *kty;
	const char *crv;			/* NULL: the kty has none */
	CaKeyType	type;
	const char *first;
	const char *second;
}			key_kinds[] = {
	{"RSA", NULL, CA_KEY_RSA, "n", "e"},
	{"EC", "P-256", CA_KEY_P256, "x", "y"},
	{"EC", "P-384", CA_KEY_P384, "x", "y"},
	{"EC", "P-521", CA_KEY_P521, "x", "y"},
	{"OKP", "Ed25519", CA_KEY_ED25519, "x", NULL},
};

/* Members that hold private or secret key material, of any kty. */
static const char *const private_members[] = {
	"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"
};

/*
 * Read an optional string member.  CA_JWKS_BAD when it is not a string; *value
 * is NULL when it is absent and else belongs to the tree.
 */
static CaTokenStatus
read_string(const CaJson *json, int jwk, const char *name, const char **value)
{
	int			member = ca_json_member(json, jwk, name);

	*value = ca_json_string(json, member);
	return member >= 0 && *value == NULL ? CA_JWKS_BAD : CA_TOKEN_OK;
}

/*
 * Does the JWK carry private or secret key material?
 *
 * SECURITY: such a set was published by mistake, and whoever read it can sign;
 * no key of it may be trusted.  Guarded by the "private" cases of
 * test/unit/unit_jwks.c.
 */
static bool
has_private_part(const CaJson *json, int jwk, const char *kty)
{
	for (int i = 0; i < (int) lengthof(private_members); i++)
	{
		if (ca_json_member(json, jwk, private_members[i]) >= 0)
			return true;
	}
	return strcmp(kty, "oct") == 0;
}

/*
 * Do "use" and "key_ops" (RFC 7517 sections 4.2 and 4.3), where present, let
 * the key verify JWTs?  *usable says so unless a member is malformed.  SPIFFE
 * bundles write "jwt-svid" where others write "sig".
 */
static CaTokenStatus
read_purpose(const CaJson *json, int jwk, bool *usable)
{
	int			ops = ca_json_member(json, jwk, "key_ops");
	const char *use;
	CaTokenStatus status = read_string(json, jwk, "use", &use);

	if (status != CA_TOKEN_OK)
		return status;
	*usable = use == NULL || strcmp(use, "sig") == 0 ||
		strcmp(use, "jwt-svid") == 0;

	if (ops >= 0)
	{
		bool		verifies = false;

		if (!ca_json_is(json, ops, CA_JSON_ARRAY))
			return CA_JWKS_BAD;
		for (int i = ca_json_first(json, ops); i >= 0; i = ca_json_next(json, i))
		{
			const char *op = ca_json_string(json, i);

			if (op == NULL)
				return CA_JWKS_BAD;
			verifies |= strcmp(op, "verify") == 0;
		}
		*usable &= verifies;
	}
	return CA_TOKEN_OK;
}

/*
 * Decode a required number of a key; false when it is absent, not a string,
 * or not base64url.
 */
static bool
read_number(const CaJson *json, int jwk, const char *name,
			unsigned char **out, size_t *outlen)
{
	const char *text = ca_json_string(json, ca_json_member(json, jwk, name));

	return text != NULL && ca_base64url_decode(text, strlen(text),
											   out, outlen);
}

/*
 * Find the kind of key by kty and crv and decode its numbers.  *usable turns
 * false when the kind is unknown.
 */
static CaTokenStatus
read_kind(const CaJson *json, int jwk, const char *kty, CaJwk *key,
		  bool *usable)
{
	const char *crv;
	CaTokenStatus status = read_string(json, jwk, "crv", &crv);

	if (status != CA_TOKEN_OK)
		return status;
	for (int i = 0; i < (int) lengthof(key_kinds); i++)
	{
		if (strcmp(key_kinds[i].kty, kty) != 0 ||
			(key_kinds[i].crv != NULL &&
			 (crv == NULL || strcmp(key_kinds[i].crv, crv) != 0)))
			continue;

		key->type = key_kinds[i].type;
		if (!read_number(json, jwk, key_kinds[i].first,
						 &key->params.first, &key->params.first_len) ||
			(key_kinds[i].second != NULL &&
			 !read_number(json, jwk, key_kinds[i].second,
						  &key->params.second, &key->params.second_len)))
			return CA_JWKS_BAD_KEY;
		return CA_TOKEN_OK;
	}
	*usable = false;
	return CA_TOKEN_OK;
}

/*
 * Read one JWK into *key.  *usable is false when the key is well-formed but
 * not for us.
 */
static CaTokenStatus
read_jwk(const CaJson *json, int jwk, CaJwk *key, bool *usable)
{
	CaTokenStatus status;
	const char *kty;
	const char *kid;
	const char *alg;

	/* kty is the one member that every JWK must have (section 4.1) */
	if ((status = read_string(json, jwk, "kty", &kty)) != CA_TOKEN_OK)
		return status;
	if (kty == NULL)
		return CA_JWKS_BAD;
	if (has_private_part(json, jwk, kty))
		return CA_JWKS_BAD_KEY;

	if ((status = read_string(json, jwk, "kid", &kid)) != CA_TOKEN_OK ||
		(status = read_string(json, jwk, "alg", &alg)) != CA_TOKEN_OK ||
		(status = read_purpose(json, jwk, usable)) != CA_TOKEN_OK)
		return status;

	if (kid == NULL || kid[0] == '\0')
		*usable = false;
	if (alg != NULL && (key->alg = ca_signature_alg(alg)) == NULL)
		*usable = false;
	if (!*usable)
		return CA_TOKEN_OK;

	status = read_kind(json, jwk, kty, key, usable);
	if (status != CA_TOKEN_OK || !*usable)
		return status;
	if (key->alg != NULL && key->alg->key_type != key->type)
		return CA_JWKS_BAD_KEY;
	key->kid = pstrdup(kid);
	return CA_TOKEN_OK;
}

/*
 * The key of that kid, or NULL.
 */
static const CaJwk *
find_kid(const CaJwks *jwks, const char *kid)
{
	for (int i = 0; jwks != NULL && i < jwks->nkeys; i++)
	{
		if (strcmp(jwks->keys[i].kid, kid) == 0)
			return &jwks->keys[i];
	}
	return NULL;
}

/*
 * First pass: read the keys of the set into jwks, without making them.
 */
static CaTokenStatus
read_jwks(const CaJson *json, CaJwks *jwks)
{
	int			keys = ca_json_member(json, CA_JSON_ROOT, "keys");
	int			n = 0;

	if (!ca_json_is(json, keys, CA_JSON_ARRAY))
		return CA_JWKS_BAD;
	for (int i = ca_json_first(json, keys); i >= 0; i = ca_json_next(json, i))
	{
		CaJwk	   *key = &jwks->keys[jwks->nkeys];
		bool		usable = true;
		CaTokenStatus status;

		if (++n > CA_JWKS_MAX_KEYS || !ca_json_is(json, i, CA_JSON_OBJECT))
			return CA_JWKS_BAD;
		memset(key, 0, sizeof(*key));
		status = read_jwk(json, i, key, &usable);
		if (status != CA_TOKEN_OK)
			return status;
		if (!usable)
			continue;
		if (find_kid(jwks, key->kid) != NULL)
			return CA_JWKS_DUPLICATE_KID;
		jwks->nkeys++;
	}
	return CA_TOKEN_OK;
}

/*
 * Make the OpenSSL key that params describe; NULL when it is refused.
 */
static CaPublicKey *
make_key(CaKeyType type, const KeyParams *params)
{
	switch (type)
	{
		case CA_KEY_RSA:
			return ca_pubkey_rsa(params->first, params->first_len,
								 params->second, params->second_len);
		case CA_KEY_P256:
		case CA_KEY_P384:
		case CA_KEY_P521:
			return ca_pubkey_ec(type, params->first, params->first_len,
								params->second, params->second_len);
		case CA_KEY_ED25519:
			return ca_pubkey_ed25519(params->first, params->first_len);
	}
	return NULL;
}

/*
 * Second pass: make the OpenSSL keys and their digests.  The caller frees
 * the set when this fails half-way.
 */
static CaTokenStatus
make_keys(CaJwks *jwks)
{
	for (int i = 0; i < jwks->nkeys; i++)
	{
		CaJwk	   *key = &jwks->keys[i];

		key->key = make_key(key->type, &key->params);
		if (key->key == NULL)
			return CA_JWKS_BAD_KEY;
		if (!ca_pubkey_digest(key->key, key->digest))
			return CA_TOKEN_CRYPTO_FAILURE;
	}
	return CA_TOKEN_OK;
}

/*
 * Free the numbers that the keys were made of.
 */
static void
free_params(CaJwks *jwks)
{
	for (int i = 0; i < jwks->nkeys; i++)
	{
		KeyParams  *params = &jwks->keys[i].params;

		if (params->first != NULL)
			pfree(params->first);
		if (params->second != NULL)
			pfree(params->second);
		memset(params, 0, sizeof(*params));
	}
}

/*
 * Parse a JWK Set; see token.h.
 */
CaTokenStatus
ca_jwks_parse(const char *text, size_t len, CaJwks **jwks, int *nkeys)
{
	CaTokenStatus status;
	CaJwks	   *set;
	CaJson	   *json;

	*jwks = NULL;
	*nkeys = 0;

	status = ca_json_parse(text, len, &json);
	if (status != CA_TOKEN_OK)
		return status == CA_TOKEN_BAD_JSON ? CA_JWKS_BAD : status;

	set = palloc0(sizeof(CaJwks));
	status = read_jwks(json, set);
	ca_json_free(json);
	if (status == CA_TOKEN_OK)
		status = make_keys(set);
	free_params(set);
	if (status != CA_TOKEN_OK)
	{
		ca_jwks_free(set);
		return status;
	}

	*jwks = set;
	*nkeys = set->nkeys;
	return CA_TOKEN_OK;
}

/*
 * Free a set and its OpenSSL keys; NULL is allowed.
 */
void
ca_jwks_free(CaJwks *jwks)
{
	if (jwks == NULL)
		return;
	for (int i = 0; i < jwks->nkeys; i++)
	{
		ca_pubkey_free(jwks->keys[i].key);
		pfree(jwks->keys[i].kid);
	}
	pfree(jwks);
}

/*
 * Is the key still in the set?  See token.h.
 */
bool
ca_jwks_has_key(const CaJwks *jwks, const char *kid,
				const unsigned char digest[CA_SHA256_LEN])
{
	for (int i = 0; jwks != NULL && i < jwks->nkeys; i++)
	{
		const CaJwk *key = &jwks->keys[i];

		if ((kid == NULL || strcmp(key->kid, kid) == 0) &&
			memcmp(key->digest, digest, CA_SHA256_LEN) == 0)
			return true;
	}
	return false;
}

/*
 * Choose a key; see the header.
 *
 * SECURITY: the key, not the token, says what kind of signature it makes.
 * Guarded by the "key" cases of test/unit/unit_token.c.
 */
int
ca_jwks_find(const CaJwks *jwks, const char *kid, const CaSignatureAlg *alg,
			 int after)
{
	for (int i = after + 1; jwks != NULL && i < jwks->nkeys; i++)
	{
		const CaJwk *key = &jwks->keys[i];

		if ((kid == NULL || strcmp(key->kid, kid) == 0) &&
			key->type == alg->key_type &&
			(key->alg == NULL || key->alg == alg))
			return i;
	}
	return -1;
}

/*
 * A key of the set.
 */
CaPublicKey *
ca_jwks_key(const CaJwks *jwks, int index)
{
	return jwks->keys[index].key;
}

/*
 * Digest of a key of the set.
 */
const unsigned char *
ca_jwks_digest(const CaJwks *jwks, int index)
{
	return jwks->keys[index].digest;
}
