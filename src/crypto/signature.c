/*-------------------------------------------------------------------------
 *
 * signature.c
 *	  Verification of JSON Web Signatures (RFC 7518 section 3, RFC 8037).
 *
 * Called by token/ with keys that pubkey.c made.  Nothing here allocates
 * memory of the server, so no error can be thrown while an OpenSSL handle is
 * held.  OpenSSL's error queue is left as it was found.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include "crypto/signature.h"

static const CaSignatureAlg algorithms[] = {
	{"RS256", CA_KEY_RSA, "SHA256", false},
	{"RS384", CA_KEY_RSA, "SHA384", false},
	{"RS512", CA_KEY_RSA, "SHA512", false},
	{"PS256", CA_KEY_RSA, "SHA256", true},
	{"PS384", CA_KEY_RSA, "SHA384", true},
	{"PS512", CA_KEY_RSA, "SHA512", true},
	{"ES256", CA_KEY_P256, "SHA256", false},
	{"ES384", CA_KEY_P384, "SHA384", false},
	{"ES512", CA_KEY_P521, "SHA512", false},
	{"EdDSA", CA_KEY_ED25519, NULL, false},
};

/*
 * Find an algorithm by its name; names are case-sensitive (RFC 7515 section
 * 4.1.1).
 */
const CaSignatureAlg *
ca_signature_alg(const char *name)
{
	for (int i = 0; i < (int) lengthof(algorithms); i++)
	{
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	return NULL;
}

/*
 * Turn R || S (RFC 7518 section 3.4) into the DER that OpenSSL takes.  The
 * result, *derlen bytes, is freed with OPENSSL_free(); NULL when out of
 * memory.
 */
static unsigned char *
ecdsa_raw_to_der(const unsigned char *sig, size_t field_len, size_t *derlen)
{
	unsigned char *der = NULL;
	ECDSA_SIG  *ecsig = ECDSA_SIG_new();
	BIGNUM	   *r = BN_bin2bn(sig, (int) field_len, NULL);
	BIGNUM	   *s = BN_bin2bn(sig + field_len, (int) field_len, NULL);
	int			len = -1;

	if (ecsig != NULL && r != NULL && s != NULL &&
		ECDSA_SIG_set0(ecsig, r, s) == 1)
	{
		r = s = NULL;			/* now ecsig's */
		len = i2d_ECDSA_SIG(ecsig, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(ecsig);

	*derlen = len > 0 ? (size_t) len : 0;
	return der;
}

/*
 * RSASSA-PSS as RFC 7518 section 3.5 fixes it: MGF1 with the same digest (the
 * default), and a salt of exactly the digest's length.
 */
static bool
set_pss(EVP_PKEY_CTX *pctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/*
 * Verify a signature in the form that OpenSSL takes.
 */
static CaSignatureResult
verify_native(const CaSignatureAlg *alg, EVP_PKEY *key,
			  const void *data, size_t len,
			  const unsigned char *sig, size_t siglen)
{
	CaSignatureResult result = CA_SIGNATURE_FAILURE;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;	/* owned by ctx */

	if (ctx != NULL &&
		EVP_DigestVerifyInit_ex(ctx, &pctx, alg->digest, NULL, NULL,
								key, NULL) == 1 &&
		(!alg->pss || set_pss(pctx)))
	{
		/* SECURITY: 1 alone is yes; 0 and every negative value are no */
		if (EVP_DigestVerify(ctx, sig, siglen, data, len) == 1)
			result = CA_SIGNATURE_GOOD;
		else
			result = CA_SIGNATURE_BAD;
	}
	EVP_MD_CTX_free(ctx);
	return result;
}

/*
 * Verify sig over data; see the header.
 */
CaSignatureResult
ca_signature_verify(const CaSignatureAlg *alg, CaPublicKey *key,
					const void *data, size_t len,
					const unsigned char *sig, size_t siglen)
{
	CaSignatureResult result;
	size_t		field_len = ca_key_field_len(alg->key_type);
	unsigned char *der = NULL;

	/*
	 * SECURITY: the length is exact, so that a signature has one encoding
	 * only.  Guarded by the "signature" cases of test/unit/unit_token.c.
	 */
	if (siglen != (field_len > 0 ? 2 * field_len
				   : (size_t) EVP_PKEY_get_size(key)))
		return CA_SIGNATURE_BAD;

	ERR_set_mark();
	if (alg->key_type == CA_KEY_RSA || alg->key_type == CA_KEY_ED25519)
		result = verify_native(alg, key, data, len, sig, siglen);
	else if ((der = ecdsa_raw_to_der(sig, field_len, &siglen)) != NULL)
		result = verify_native(alg, key, data, len, der, siglen);
	else
		result = CA_SIGNATURE_FAILURE;
	OPENSSL_free(der);
	ERR_pop_to_mark();
	return result;
}

/* OpenSSL's name of the curve, NID_undef for keys of other kinds. */
static int
curve_of(CaKeyType type)
{
	switch (type)
	{
		case CA_KEY_P256:
			return NID_X9_62_prime256v1;
		case CA_KEY_P384:
			return NID_secp384r1;
		case CA_KEY_P521:
			return NID_secp521r1;
		default:
			return NID_undef;
	}
}

bool
ca_signature_has_twin(const CaSignatureAlg *alg)
{
	return curve_of(alg->key_type) != NID_undef;
}

bool
ca_signature_twin(const CaSignatureAlg *alg, const unsigned char *sig,
				  size_t siglen, unsigned char *twin)
{
	int			half = (int) (siglen / 2);
	EC_GROUP   *group;
	BIGNUM	   *s;
	bool		done = false;

	if (!ca_signature_has_twin(alg))
		return false;
	ERR_set_mark();
	group = EC_GROUP_new_by_curve_name(curve_of(alg->key_type));
	s = BN_bin2bn(sig + half, half, NULL);
	if (group != NULL && s != NULL &&
		BN_sub(s, EC_GROUP_get0_order(group), s) == 1 && !BN_is_negative(s))
	{
		memcpy(twin, sig, half);
		done = BN_bn2binpad(s, twin + half, half) == half;
	}
	BN_free(s);
	EC_GROUP_free(group);
	ERR_pop_to_mark();
	return done;
}
