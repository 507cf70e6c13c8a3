/*-------------------------------------------------------------------------
 *
 * unit_jwks.c
 *	  JWK Sets: which keys are used, left out, or spoil the whole set.
 *
 * A failure means that a weak, private or ill-fitting key would be trusted,
 * or that a sound one would not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "token/jwk.h"

#include "arena.h"
#include "tap.h"
#include "vector_types.h"
#include "vectors.h"

/* Each vector, from a buffer of its exact size; what is made is freed. */
static void
test_vectors(void)
{
	for (int i = 0; i < (int) lengthof(jwks_cases); i++)
	{
		const JwksCase *jcase = &jwks_cases[i];
		char	   *exact = palloc(jcase->len);
		int			before = arena_live();
		CaJwks	   *jwks;
		int			nkeys;
		CaTokenStatus got;

		memcpy(exact, jcase->text, jcase->len);
		got = ca_jwks_parse(exact, jcase->len, &jwks, &nkeys);
		tap_is(got, jcase->expected, "jwks", jcase->name);
		tap_is(nkeys, jcase->nkeys, "number of keys", jcase->name);
		tap_ok((jwks != NULL) == (got == CA_TOKEN_OK), "result", jcase->name);
		ca_jwks_free(jwks);
		if (got == CA_TOKEN_OK)
			tap_is(arena_live(), before, "nothing left", jcase->name);
		arena_reset();
	}
}

/* Sizes beyond the limit are refused before they are read. */
static void
test_limits(void)
{
	char	   *text = palloc(CA_JSON_MAX_LEN + 1);
	CaJwks	   *jwks;
	int			nkeys;

	memset(text, ' ', CA_JSON_MAX_LEN + 1);
	memcpy(text, "{\"keys\":[]}", 11);
	tap_is(ca_jwks_parse(text, CA_JSON_MAX_LEN, &jwks, &nkeys), CA_TOKEN_OK,
		   "limits", "longest key set");
	ca_jwks_free(jwks);
	tap_is(ca_jwks_parse(text, CA_JSON_MAX_LEN + 1, &jwks, &nkeys),
		   CA_TOKEN_TOO_LONG, "limits", "one byte too long");
	arena_reset();
}

/* The digest of a key of the set, for RS256 or ES256; NULL when there is none. */
static const unsigned char *
digest_of(const CaJwks *jwks, const char *kid, const char *alg)
{
	int			key = ca_jwks_find(jwks, kid, ca_signature_alg(alg), -1);

	return key < 0 ? NULL : ca_jwks_digest(jwks, key);
}

/* The digest follows the key, not its name or its place. */
static void
test_digest(void)
{
	const unsigned char *rsa;
	const unsigned char *twin;
	const unsigned char *other;
	CaJwks	   *jwks;
	int			nkeys;

	ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys);
	rsa = digest_of(jwks, "rsa", "RS256");
	twin = digest_of(jwks, "rsa-rs256", "RS256");
	other = digest_of(jwks, "p256", "ES256");
	tap_ok(memcmp(rsa, twin, CA_SHA256_LEN) == 0,
		   "digest", "same key under two kids");
	tap_ok(memcmp(rsa, other, CA_SHA256_LEN) != 0, "digest", "another key");

	tap_ok(ca_jwks_has_key(jwks, "rsa", rsa), "has key", "under its kid");
	tap_ok(ca_jwks_has_key(jwks, "rsa-rs256", rsa), "has key", "under its other");
	tap_ok(ca_jwks_has_key(jwks, NULL, rsa), "has key", "without a kid");
	tap_ok(!ca_jwks_has_key(jwks, "p256", rsa), "has key", "under another's kid");
	tap_ok(!ca_jwks_has_key(jwks, "rsa-enc", rsa),
		   "has key", "under the kid of a key that was left out");
	tap_ok(!ca_jwks_has_key(jwks, "", rsa), "has key", "under no name");
	tap_ok(!ca_jwks_has_key(NULL, "rsa", rsa) &&
		   !ca_jwks_has_key(NULL, NULL, rsa), "has key", "no key set");
	ca_jwks_free(jwks);
	ca_jwks_free(NULL);
}

/* Which keys are tried, in which order: those that fit, each once. */
static void
test_find(void)
{
	const CaSignatureAlg *rs256 = ca_signature_alg("RS256");
	const CaSignatureAlg *rs384 = ca_signature_alg("RS384");
	CaJwks	   *jwks;
	int			nkeys;
	int			n256 = 0;
	int			n384 = 0;
	int			key = -1;

	ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys);
	while ((key = ca_jwks_find(jwks, NULL, rs256, key)) >= 0)
		n256++;
	key = -1;
	while ((key = ca_jwks_find(jwks, NULL, rs384, key)) >= 0)
		n384++;
	/* rsa, rsa-svid, rsa-ops and second; rsa-rs256, or bound */
	tap_is(n256, 5, "find", "keys for RS256");
	tap_is(n384, 5, "find", "keys for RS384");
	key = ca_jwks_find(jwks, "rsa", rs256, -1);
	tap_ok(key >= 0 && ca_jwks_find(jwks, "rsa", rs256, key) == -1,
		   "find", "one key of a kid");
	tap_is(ca_jwks_find(jwks, "rsa-enc", rs256, -1), -1,
		   "find", "a key that was left out");
	tap_is(ca_jwks_find(jwks, "rsa-rs256", rs384, -1), -1,
		   "find", "a key for another algorithm");
	tap_is(ca_jwks_find(NULL, NULL, rs256, -1), -1, "find", "no key set");
	ca_jwks_free(jwks);
}

int
main(void)
{
	test_vectors();
	test_limits();
	test_digest();
	test_find();
	arena_reset();
	return tap_done();
}
