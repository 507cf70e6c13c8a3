/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  SHA-256, HMAC-SHA-256 and HKDF on OpenSSL, without a server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_DIGEST_H
#define CA_CRYPTO_DIGEST_H

#define CA_SHA256_LEN		32
#define CA_SHA256_HEXLEN	64

/* SHA-256 of len bytes into out; false when OpenSSL fails. */
extern bool ca_sha256(const void *data, size_t len,
					  unsigned char out[CA_SHA256_LEN]);

/* HMAC-SHA-256 (RFC 2104) of len bytes under key; false when OpenSSL fails. */
extern bool ca_hmac_sha256(const void *key, size_t keylen,
						   const void *data, size_t len,
						   unsigned char out[CA_SHA256_LEN]);

/*
 * HKDF-SHA-256 (RFC 5869): one key of 32 bytes from a secret, for the use
 * that label names.  False when OpenSSL fails or the label is too long.
 */
#define CA_HKDF_MAX_LABEL	64
extern bool ca_hkdf_sha256(const void *secret, size_t secretlen,
						   const void *salt, size_t saltlen,
						   const void *label, size_t labellen,
						   unsigned char out[CA_SHA256_LEN]);

/* Lower-case hexadecimal text of a digest, NUL-terminated. */
extern void ca_digest_hex(const unsigned char digest[CA_SHA256_LEN],
						  char hex[CA_SHA256_HEXLEN + 1]);

#endif							/* CA_CRYPTO_DIGEST_H */
