/*-------------------------------------------------------------------------
 *
 * pubkey.h
 *	  Public keys made from the numbers of a JSON Web Key (RFC 7518 section 6).
 *
 * A CaPublicKey is an OpenSSL handle: it lives outside PostgreSQL's memory
 * contexts, so whoever makes one must give it an owner before allocating
 * anything that can throw, and release it with ca_pubkey_free().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_PUBKEY_H
#define CA_CRYPTO_PUBKEY_H

#include "crypto/digest.h"

#define CA_RSA_MIN_BITS		2048
#define CA_RSA_MAX_BITS		8192
#define CA_RSA_MAX_EXP_BITS 64	/* OpenSSL's own bound for large moduli */
#define CA_ED25519_KEY_LEN	32

/* What a key is; for elliptic curves the curve is part of it. */
typedef enum CaKeyType
{
	CA_KEY_RSA,
	CA_KEY_P256,
	CA_KEY_P384,
	CA_KEY_P521,
	CA_KEY_ED25519
} CaKeyType;

typedef struct evp_pkey_st CaPublicKey;

/*
 * Bytes of one coordinate (and of one half of a signature) of a key type:
 * 32, 48 or 66 for the NIST curves, 32 for Ed25519, 0 for RSA.
 */
extern size_t ca_key_field_len(CaKeyType type);

/*
 * Make an RSA key of a big-endian modulus and exponent; NULL when either is
 * outside the bounds above or unfit (even), or when OpenSSL refuses it.
 */
extern CaPublicKey *ca_pubkey_rsa(const unsigned char *n, size_t nlen,
								  const unsigned char *e, size_t elen);

/*
 * Make a key on a NIST curve of the coordinates x and y, each of exactly
 * ca_key_field_len() bytes; NULL when the point is not on the curve.
 */
extern CaPublicKey *ca_pubkey_ec(CaKeyType type,
								 const unsigned char *x, size_t xlen,
								 const unsigned char *y, size_t ylen);

/* Make an Ed25519 key (RFC 8037) of its 32 bytes; NULL otherwise. */
extern CaPublicKey *ca_pubkey_ed25519(const unsigned char *x, size_t xlen);

/* SHA-256 of the key's DER SubjectPublicKeyInfo; false when OpenSSL fails. */
extern bool ca_pubkey_digest(const CaPublicKey *key,
							 unsigned char out[CA_SHA256_LEN]);

/* Release a key; NULL is allowed. */
extern void ca_pubkey_free(CaPublicKey *key);

#endif							/* CA_CRYPTO_PUBKEY_H */
