/*-------------------------------------------------------------------------
 *
 * signer.h
 *	  Keys that sign the audit: Ed25519 or P-256, private and public.
 *
 * A key is an OpenSSL handle that lives outside PostgreSQL's memory contexts;
 * see pubkey.h.  A private key also serves as its own public key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_SIGNER_H
#define CA_CRYPTO_SIGNER_H

#include "crypto/signature.h"

#define CA_SIGNER_SIG_LEN	64	/* EdDSA; ES256 as R || S */
#define CA_SIGNER_ID_LEN	43	/* base64url of a SHA-256 digest */
#define CA_SIGNER_SPKI_MAX	128 /* DER of a public key; P-256 has 91 bytes */
#define CA_SIGNER_FILE_MAX	65536	/* bytes of a file of keys */

/*
 * The private key of a PEM text (PKCS #8 or SEC 1); NULL unless it is one of
 * Ed25519 or P-256 and not encrypted.
 */
extern CaPublicKey *ca_signer_read(const char *pem, size_t len);

/*
 * The next public key of a PEM text of one or more, which is moved behind it;
 * NULL when what comes next is none, or none of Ed25519 or P-256.  White space
 * around keys is skipped; at the end *len is 0.
 */
extern CaPublicKey *ca_signer_read_public(const char **pem, size_t *len);

/* The key of exactly this DER SubjectPublicKeyInfo, or NULL as above. */
extern CaPublicKey *ca_signer_from_der(const unsigned char *der, size_t len);

/* SubjectPublicKeyInfo of a key; its length, 0 when OpenSSL fails. */
extern size_t ca_signer_to_der(const CaPublicKey *key,
							   unsigned char out[CA_SIGNER_SPKI_MAX]);

/* EdDSA or ES256, as the key's kind needs; NULL for other kinds. */
extern const CaSignatureAlg *ca_signer_alg(const CaPublicKey *key);

/*
 * The key's identifier: its JWK thumbprint (RFC 7638) with SHA-256, in
 * base64url, NUL-terminated.  False when OpenSSL fails.
 */
extern bool ca_signer_id(const CaPublicKey *key,
						 char id[CA_SIGNER_ID_LEN + 1]);

/* Sign len bytes with a private key; false when OpenSSL fails. */
extern bool ca_signer_sign(CaPublicKey *key, const void *data, size_t len,
						   unsigned char sig[CA_SIGNER_SIG_LEN]);

#endif							/* CA_CRYPTO_SIGNER_H */
