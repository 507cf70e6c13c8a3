/*-------------------------------------------------------------------------
 *
 * twin.c
 *	  The other token that a holder can make out of one.
 *
 * SECURITY: a signature by elliptic curves has a second valid form.  Who names
 * a token by its digest, to revoke it, means both.  (test/sql/revocation.sql)
 * Base64url is taken in one spelling only, and RSA and EdDSA signatures have
 * one form, so that there are no others.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "crypto/signature.h"
#include "token/base64url.h"
#include "token/token.h"

bool
ca_token_twin(const CaToken *token, unsigned char sha256[CA_SHA256_LEN],
			  CaTokenStatus *status)
{
	const CaSignatureAlg *alg = ca_signature_alg(token->alg);
	unsigned char *twin;
	char	   *text;

	*status = CA_TOKEN_OK;
	if (alg == NULL || !ca_signature_has_twin(alg))
		return false;
	twin = palloc(token->signature_len);
	if (ca_signature_twin(alg, token->signature, token->signature_len, twin))
	{
		text = psprintf("%s.%s", token->signing_input,
						ca_base64url_encode(twin, token->signature_len));
		if (ca_sha256(text, strlen(text), sha256))
			return true;
	}
	*status = CA_TOKEN_CRYPTO_FAILURE;
	return false;
}
