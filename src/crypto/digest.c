/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  SHA-256, HMAC-SHA-256 and HKDF on OpenSSL, without a server.
 *
 * All work on the caller's buffers.  No OpenSSL handle is held while memory of
 * the server is allocated, and none outlives a call but SHA-256 itself with one
 * context, which the process keeps.  OpenSSL's error queue is left as it was
 * found, because libpq and the server's TLS code read the same queue.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/digest.h"

/*
 * SHA-256 of OpenSSL, looked up once: from version 3 on the look-up that each use
 * of EVP_sha256() brings takes as long as some hundred bytes do.
 */
static const EVP_MD *
sha256_algorithm(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
	static EVP_MD *algorithm = NULL;

	if (algorithm == NULL)
		algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	return algorithm;
#else
	return EVP_sha256();
#endif
}

/*
 * SHA-256 (FIPS 180-4) of len bytes.  out is undefined when false comes back.
 */
bool
ca_sha256(const void *data, size_t len, unsigned char out[CA_SHA256_LEN])
{
	static EVP_MD_CTX *context = NULL;
	const EVP_MD *algorithm;
	bool		ok;

	ERR_set_mark();
	algorithm = sha256_algorithm();
	if (context == NULL)
		context = EVP_MD_CTX_new();
	ok = algorithm != NULL && context != NULL &&
		EVP_DigestInit_ex(context, algorithm, NULL) == 1 &&
		EVP_DigestUpdate(context, data, len) == 1 &&
		EVP_DigestFinal_ex(context, out, NULL) == 1;
	ERR_pop_to_mark();
	return ok;
}

/*
 * HMAC-SHA-256 (RFC 2104).  out is undefined when false comes back; a key
 * longer than OpenSSL's int is refused.
 */
bool
ca_hmac_sha256(const void *key, size_t keylen, const void *data, size_t len,
			   unsigned char out[CA_SHA256_LEN])
{
	bool		ok;

	if (keylen > INT_MAX)
		return false;

	/* HMAC() takes a NULL key for "the key of the last call" */
	if (keylen == 0)
		key = "";

	ERR_set_mark();
	ok = HMAC(EVP_sha256(), key, (int) keylen, data, len, out, NULL) != NULL;
	ERR_pop_to_mark();
	return ok;
}

/*
 * HKDF-SHA-256 (RFC 5869), extract and the first block of expand.  out is
 * undefined when false comes back.
 */
bool
ca_hkdf_sha256(const void *secret, size_t secretlen,
			   const void *salt, size_t saltlen,
			   const void *label, size_t labellen,
			   unsigned char out[CA_SHA256_LEN])
{
	unsigned char prk[CA_SHA256_LEN];
	unsigned char info[CA_HKDF_MAX_LABEL + 1];
	bool		ok;

	if (labellen > CA_HKDF_MAX_LABEL)
		return false;
	memcpy(info, label, labellen);
	info[labellen] = 1;
	ok = ca_hmac_sha256(salt, saltlen, secret, secretlen, prk) &&
		ca_hmac_sha256(prk, sizeof(prk), info, labellen + 1, out);
	OPENSSL_cleanse(prk, sizeof(prk));
	return ok;
}

/*
 * Write a digest as 64 lower-case hexadecimal digits and a NUL.
 */
void
ca_digest_hex(const unsigned char digest[CA_SHA256_LEN],
			  char hex[CA_SHA256_HEXLEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < CA_SHA256_LEN; i++)
	{
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 0x0f];
	}
	hex[CA_SHA256_HEXLEN] = '\0';
}
