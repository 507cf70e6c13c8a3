/*-------------------------------------------------------------------------
 *
 * signer.c
 *	  Keys that sign the audit: Ed25519 or P-256, private and public.
 *
 * Called by the audit worker, which signs, and by everybody who verifies.
 * Nothing here allocates memory of the server, so no error can be thrown while
 * an OpenSSL handle is held.  OpenSSL's error queue is left as it was found.
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
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/signer.h"

#define PEM_PUBLIC_BEGIN	"-----BEGIN PUBLIC KEY-----"
#define PEM_PUBLIC_END		"-----END PUBLIC KEY-----"
#define PEM_WHITE_SPACE		" \t\r\n"

/* Given, so that OpenSSL never asks for one on the terminal. */
static char no_passphrase[] = "";

#define COORDINATE_LEN		32	/* of both kinds of keys */
#define COORDINATE_TEXT_LEN 43	/* the same in base64url */

/* See the header. */
const CaSignatureAlg *
ca_signer_alg(const CaPublicKey *key)
{
	char		group[32];

	if (EVP_PKEY_is_a(key, "ED25519"))
		return ca_signature_alg("EdDSA");
	if (EVP_PKEY_is_a(key, "EC") &&
		EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
		strcmp(group, "prime256v1") == 0)
		return ca_signature_alg("ES256");
	return NULL;
}

/* The key if it is of a kind that signs the audit; else it is freed. */
static CaPublicKey *
only_if_fit(EVP_PKEY *key)
{
	if (key == NULL || ca_signer_alg(key) != NULL)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* See the header. */
CaPublicKey *
ca_signer_read(const char *pem, size_t len)
{
	EVP_PKEY   *key = NULL;
	BIO		   *bio;

	if (len > CA_SIGNER_FILE_MAX)
		return NULL;
	ERR_set_mark();
	bio = BIO_new_mem_buf(pem, (int) len);
	if (bio != NULL)
		key = only_if_fit(PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase));
	BIO_free(bio);
	ERR_pop_to_mark();
	return key;
}

/* Move behind white space. */
static void
skip_white_space(const char **pem, size_t *len)
{
	while (*len > 0 && **pem != '\0' && strchr(PEM_WHITE_SPACE, **pem) != NULL)
	{
		(*pem)++;
		(*len)--;
	}
}

/* Length of the public key block at the start of the text, 0: there is none. */
static size_t
public_block_len(const char *pem, size_t len)
{
	const size_t begin_len = strlen(PEM_PUBLIC_BEGIN);
	const size_t end_len = strlen(PEM_PUBLIC_END);

	if (len < begin_len || memcmp(pem, PEM_PUBLIC_BEGIN, begin_len) != 0)
		return 0;
	for (size_t i = begin_len; i + end_len <= len; i++)
	{
		if (memcmp(pem + i, PEM_PUBLIC_END, end_len) == 0)
			return i + end_len;
	}
	return 0;
}

/* See the header. */
CaPublicKey *
ca_signer_read_public(const char **pem, size_t *len)
{
	EVP_PKEY   *key = NULL;
	size_t		block_len;
	BIO		   *bio;

	skip_white_space(pem, len);
	block_len = public_block_len(*pem, *len);
	if (block_len == 0 || block_len > CA_SIGNER_FILE_MAX)
		return NULL;
	ERR_set_mark();
	bio = BIO_new_mem_buf(*pem, (int) block_len);
	if (bio != NULL)
		key = only_if_fit(PEM_read_bio_PUBKEY(bio, NULL, NULL, no_passphrase));
	BIO_free(bio);
	ERR_pop_to_mark();
	*pem += block_len;
	*len -= block_len;
	skip_white_space(pem, len);
	return key;
}

/* See the header. */
CaPublicKey *
ca_signer_from_der(const unsigned char *der, size_t len)
{
	const unsigned char *p = der;
	EVP_PKEY   *key;

	if (len > CA_SIGNER_SPKI_MAX)
		return NULL;
	ERR_set_mark();
	key = d2i_PUBKEY(NULL, &p, (long) len);
	if (key != NULL && p != der + len)
	{
		EVP_PKEY_free(key);
		key = NULL;
	}
	key = only_if_fit(key);
	ERR_pop_to_mark();
	return key;
}

/* See the header. */
size_t
ca_signer_to_der(const CaPublicKey *key, unsigned char out[CA_SIGNER_SPKI_MAX])
{
	unsigned char *der = NULL;
	int			len;

	ERR_set_mark();
	len = i2d_PUBKEY(key, &der);
	if (len > 0 && len <= CA_SIGNER_SPKI_MAX)
		memcpy(out, der, len);
	else
		len = 0;
	OPENSSL_free(der);
	ERR_pop_to_mark();
	return (size_t) len;
}

/* Base64url without padding of 32 bytes. */
static void
encode_32(const unsigned char *data, char text[COORDINATE_TEXT_LEN + 1])
{
	unsigned char padded[COORDINATE_TEXT_LEN + 2];

	EVP_EncodeBlock(padded, data, COORDINATE_LEN);
	for (int i = 0; i < COORDINATE_TEXT_LEN; i++)
		text[i] = padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i];
	text[COORDINATE_TEXT_LEN] = '\0';
}

/* One coordinate of a P-256 key in base64url. */
static bool
coordinate_text(const CaPublicKey *key, const char *name,
				char text[COORDINATE_TEXT_LEN + 1])
{
	unsigned char bytes[COORDINATE_LEN];
	BIGNUM	   *number = NULL;
	bool		ok;

	ok = EVP_PKEY_get_bn_param(key, name, &number) == 1 &&
		BN_bn2binpad(number, bytes, COORDINATE_LEN) == COORDINATE_LEN;
	BN_free(number);
	if (ok)
		encode_32(bytes, text);
	return ok;
}

/* What the thumbprint is made of: the required members, in order. */
static bool
thumbprint_input(const CaPublicKey *key, char *out, size_t size)
{
	unsigned char raw[COORDINATE_LEN];
	size_t		raw_len = sizeof(raw);
	char		x[COORDINATE_TEXT_LEN + 1];
	char		y[COORDINATE_TEXT_LEN + 1];

	if (EVP_PKEY_is_a(key, "ED25519"))
	{
		if (EVP_PKEY_get_raw_public_key(key, raw, &raw_len) != 1 ||
			raw_len != sizeof(raw))
			return false;
		encode_32(raw, x);
		snprintf(out, size, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
		return true;
	}
	if (!coordinate_text(key, OSSL_PKEY_PARAM_EC_PUB_X, x) ||
		!coordinate_text(key, OSSL_PKEY_PARAM_EC_PUB_Y, y))
		return false;
	snprintf(out, size,
			 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
	return true;
}

/* See the header. */
bool
ca_signer_id(const CaPublicKey *key, char id[CA_SIGNER_ID_LEN + 1])
{
	char		input[160];
	unsigned char digest[CA_SHA256_LEN];
	bool		ok;

	ERR_set_mark();
	ok = thumbprint_input(key, input, sizeof(input)) &&
		ca_sha256(input, strlen(input), digest);
	ERR_pop_to_mark();
	if (ok)
		encode_32(digest, id);
	return ok;
}

/* Turn the DER of an ECDSA signature into R || S (RFC 7518 section 3.4). */
static bool
der_to_raw(const unsigned char *der, size_t len,
		   unsigned char sig[CA_SIGNER_SIG_LEN])
{
	const unsigned char *p = der;
	ECDSA_SIG  *ecsig = d2i_ECDSA_SIG(NULL, &p, (long) len);
	bool		ok;

	ok = ecsig != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(ecsig), sig, COORDINATE_LEN) > 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(ecsig), sig + COORDINATE_LEN,
					 COORDINATE_LEN) > 0;
	ECDSA_SIG_free(ecsig);
	return ok;
}

/* See the header. */
bool
ca_signer_sign(CaPublicKey *key, const void *data, size_t len,
			   unsigned char sig[CA_SIGNER_SIG_LEN])
{
	const CaSignatureAlg *alg = ca_signer_alg(key);
	unsigned char native[128];
	size_t		native_len = sizeof(native);
	EVP_MD_CTX *ctx;
	bool		ok;

	if (alg == NULL)
		return false;
	ERR_set_mark();
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL &&
		EVP_DigestSignInit_ex(ctx, NULL, alg->digest, NULL, NULL, key,
							  NULL) == 1 &&
		EVP_DigestSign(ctx, native, &native_len, data, len) == 1;
	if (ok && alg->key_type == CA_KEY_P256)
		ok = der_to_raw(native, native_len, sig);
	else if (ok)
	{
		ok = native_len == CA_SIGNER_SIG_LEN;
		if (ok)
			memcpy(sig, native, CA_SIGNER_SIG_LEN);
	}
	EVP_MD_CTX_free(ctx);
	ERR_pop_to_mark();
	return ok;
}
