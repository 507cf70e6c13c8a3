/*-------------------------------------------------------------------------
 *
 * pubkey.c
 *	  Public keys made from the numbers of a JSON Web Key (RFC 7518 section 6).
 *
 * Nothing here allocates memory of the server, so no error can be thrown
 * while an OpenSSL handle is held: each function acquires, checks once, and
 * releases everything it does not return on its single way out.  OpenSSL's
 * error queue is left as it was found.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include "crypto/pubkey.h"

#define CA_EC_MAX_FIELD_LEN 66	/* P-521 */

/*
 * Bytes of one coordinate; see the header.
 */
size_t
ca_key_field_len(CaKeyType type)
{
	switch (type)
	{
		case CA_KEY_P256:
			return 32;
		case CA_KEY_P384:
			return 48;
		case CA_KEY_P521:
			return CA_EC_MAX_FIELD_LEN;
		case CA_KEY_ED25519:
			return CA_ED25519_KEY_LEN;
		case CA_KEY_RSA:
			break;
	}
	return 0;
}

/*
 * OpenSSL's name of the curve of a key type, or NULL.
 */
static const char *
curve_name(CaKeyType type)
{
	switch (type)
	{
		case CA_KEY_P256:
			return "P-256";
		case CA_KEY_P384:
			return "P-384";
		case CA_KEY_P521:
			return "P-521";
		case CA_KEY_RSA:
		case CA_KEY_ED25519:
			break;
	}
	return NULL;
}

/*
 * Hand parameters to OpenSSL's key import.  params may be NULL, as it comes
 * from a failed builder.
 */
static EVP_PKEY *
import_public_key(const char *algorithm, OSSL_PARAM *params)
{
	EVP_PKEY   *key = NULL;
	EVP_PKEY_CTX *ctx;

	if (params == NULL)
		return NULL;

	ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	if (ctx == NULL ||
		EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/*
 * Are modulus and exponent within bounds?
 *
 * SECURITY: short moduli can be factored, an even modulus or exponent is no
 * RSA key, e = 1 makes every message its own signature, and the upper bounds
 * keep one verification cheap.  Guarded by test/unit/unit_jwks.c.
 */
static bool
rsa_numbers_sound(const BIGNUM *n, const BIGNUM *e)
{
	int			bits = BN_num_bits(n);

	return bits >= CA_RSA_MIN_BITS && bits <= CA_RSA_MAX_BITS &&
		BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) &&
		BN_num_bits(e) <= CA_RSA_MAX_EXP_BITS;
}

/*
 * Make an RSA key of n and e (RFC 7518 section 6.3.1).
 */
CaPublicKey *
ca_pubkey_rsa(const unsigned char *n, size_t nlen,
			  const unsigned char *e, size_t elen)
{
	EVP_PKEY   *key = NULL;
	BIGNUM	   *bn_n;
	BIGNUM	   *bn_e;
	OSSL_PARAM_BLD *bld;
	OSSL_PARAM *params = NULL;

	/* one leading zero octet is tolerated, as some libraries write it */
	if (nlen > CA_RSA_MAX_BITS / 8 + 1 || elen > CA_RSA_MAX_EXP_BITS / 8 + 1)
		return NULL;

	ERR_set_mark();
	bn_n = BN_bin2bn(n, (int) nlen, NULL);
	bn_e = BN_bin2bn(e, (int) elen, NULL);
	bld = OSSL_PARAM_BLD_new();
	if (bn_n != NULL && bn_e != NULL && bld != NULL &&
		rsa_numbers_sound(bn_n, bn_e) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) == 1 &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) == 1)
	{
		params = OSSL_PARAM_BLD_to_param(bld);
		key = import_public_key("RSA", params);
	}
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn_e);
	BN_free(bn_n);
	ERR_pop_to_mark();
	return key;
}

/*
 * Make an elliptic curve key of x and y (RFC 7518 section 6.2.1), which must
 * have the full size of a coordinate.  OpenSSL's import refuses a point that
 * is not on the curve.
 */
CaPublicKey *
ca_pubkey_ec(CaKeyType type, const unsigned char *x, size_t xlen,
			 const unsigned char *y, size_t ylen)
{
	size_t		flen = ca_key_field_len(type);
	const char *curve = curve_name(type);
	unsigned char point[1 + 2 * CA_EC_MAX_FIELD_LEN];
	OSSL_PARAM	params[3];
	EVP_PKEY   *key;

	if (curve == NULL || xlen != flen || ylen != flen)
		return NULL;

	point[0] = 0x04;			/* SEC 1 section 2.3.3: uncompressed */
	memcpy(point + 1, x, flen);
	memcpy(point + 1 + flen, y, flen);

	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
												 unconstify(char *, curve), 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
												  point, 1 + 2 * flen);
	params[2] = OSSL_PARAM_construct_end();

	ERR_set_mark();
	key = import_public_key("EC", params);
	ERR_pop_to_mark();
	return key;
}

/*
 * Make an Ed25519 key of its public bytes (RFC 8037 section 2).
 */
CaPublicKey *
ca_pubkey_ed25519(const unsigned char *x, size_t xlen)
{
	EVP_PKEY   *key;

	if (xlen != CA_ED25519_KEY_LEN)
		return NULL;

	ERR_set_mark();
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, xlen);
	ERR_pop_to_mark();
	return key;
}

/*
 * SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280 section 4.1), which says
 * the algorithm and curve as well as the numbers.
 */
bool
ca_pubkey_digest(const CaPublicKey *key, unsigned char out[CA_SHA256_LEN])
{
	unsigned char *der = NULL;
	int			len;
	bool		ok;

	ERR_set_mark();
	len = i2d_PUBKEY(key, &der);
	ok = len > 0 && ca_sha256(der, len, out);
	OPENSSL_free(der);
	ERR_pop_to_mark();
	return ok;
}

/*
 * Release a key.
 */
void
ca_pubkey_free(CaPublicKey *key)
{
	EVP_PKEY_free(key);
}
