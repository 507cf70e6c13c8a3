/*-------------------------------------------------------------------------
 *
 * digest.c
 *	  SHA-256 and HMAC-SHA-256 on OpenSSL, without a server.
 *
 * Both work on the caller's buffers and keep no state: no OpenSSL handle
 * outlives a call, and none is held while memory of the server is allocated.
 * OpenSSL's error queue is left as it was found, because libpq and the
 * server's TLS code read the same queue.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <limits.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/digest.h"

/*
 * SHA-256 (FIPS 180-4) of len bytes.  out is undefined when false comes back.
 */
bool
ca_sha256(const void *data, size_t len, unsigned char out[CA_SHA256_LEN])
{
	bool		ok;

	ERR_set_mark();
	ok = EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1;
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
