/*-------------------------------------------------------------------------
 *
 * fuzz_jwks.c
 *	  libFuzzer harness of ca_jwks_parse().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>

#include "token/jwk.h"

#include "arena.h"
#include "fuzz.h"

static const char *const algorithms[] = {
	"RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"
};

/* Every key that can be chosen has its digest, and no others can. */
static void
check_keys(const CaJwks *jwks, int nkeys)
{
	static const unsigned char nobody[CA_SHA256_LEN];

	for (int a = 0; a < (int) lengthof(algorithms); a++)
	{
		const CaSignatureAlg *alg = ca_signature_alg(algorithms[a]);
		int			key = -1;
		int			last;

		while ((last = key, key = ca_jwks_find(jwks, NULL, alg, key)) >= 0)
		{
			PROMISE(key > last && key < nkeys);
			PROMISE(ca_jwks_key(jwks, key) != NULL);
			PROMISE(ca_jwks_has_key(jwks, NULL, ca_jwks_digest(jwks, key)));
		}
		PROMISE(ca_jwks_find(jwks, "", alg, -1) == -1);
	}
	PROMISE(!ca_jwks_has_key(jwks, NULL, nobody));
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	int			before = arena_live();
	CaJwks	   *jwks;
	int			nkeys;
	CaTokenStatus status = ca_jwks_parse((const char *) data, size,
										 &jwks, &nkeys);

	PROMISE((jwks != NULL) == (status == CA_TOKEN_OK));
	PROMISE(nkeys >= 0 && nkeys <= CA_JWKS_MAX_KEYS);
	PROMISE(jwks != NULL || nkeys == 0);
	PROMISE(ERR_peek_error() == 0);
	check_keys(jwks, nkeys);
	ca_jwks_free(jwks);
	PROMISE(status != CA_TOKEN_OK || arena_live() == before);
}
