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

/* The digest follows the key, not its name or its place. */
static void
test_digest(void)
{
	unsigned char rsa[CA_SHA256_LEN];
	unsigned char twin[CA_SHA256_LEN];
	unsigned char other[CA_SHA256_LEN];
	CaJwks	   *jwks;
	int			nkeys;

	ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys);
	tap_ok(ca_jwks_key_digest(jwks, "rsa", rsa) &&
		   ca_jwks_key_digest(jwks, "rsa-rs256", twin) &&
		   memcmp(rsa, twin, sizeof(rsa)) == 0,
		   "digest", "same key under two kids");
	tap_ok(ca_jwks_key_digest(jwks, "p256", other) &&
		   memcmp(rsa, other, sizeof(rsa)) != 0, "digest", "another key");
	tap_ok(!ca_jwks_key_digest(jwks, "nobody", other), "digest", "no such kid");
	tap_ok(!ca_jwks_key_digest(jwks, "rsa-enc", other),
		   "digest", "a key that was left out");
	tap_ok(!ca_jwks_key_digest(NULL, "rsa", other), "digest", "no key set");
	ca_jwks_free(jwks);
	ca_jwks_free(NULL);
}

int
main(void)
{
	test_vectors();
	test_limits();
	test_digest();
	arena_reset();
	return tap_done();
}
