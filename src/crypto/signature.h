/*-------------------------------------------------------------------------
 *
 * signature.h
 *	  Verification of JSON Web Signatures (RFC 7518 section 3, RFC 8037).
 *
 * The table of algorithms is the only place that says what a name such as
 * "ES256" means.  It holds neither "none" nor any HMAC: a name that is not
 * in it cannot verify anything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_SIGNATURE_H
#define CA_CRYPTO_SIGNATURE_H

#include "crypto/pubkey.h"

typedef struct CaSignatureAlg
{
	const char *name;			/* as in the JOSE header */
	CaKeyType	key_type;		/* the only kind of key that fits */
	const char *digest;			/* OpenSSL's name; NULL: the scheme's own */
	bool		pss;			/* RSASSA-PSS rather than PKCS #1 v1.5 */
} CaSignatureAlg;

typedef enum CaSignatureResult
{
	CA_SIGNATURE_GOOD,
	CA_SIGNATURE_BAD,			/* wrong, or not even of the right shape */
	CA_SIGNATURE_FAILURE		/* OpenSSL could not be set up */
} CaSignatureResult;

/* The algorithm of that exact name, or NULL. */
extern const CaSignatureAlg *ca_signature_alg(const char *name);

/*
 * Verify sig over data.  key must be of alg->key_type; elliptic curve
 * signatures are R || S of exactly twice the field's length.
 */
extern CaSignatureResult ca_signature_verify(const CaSignatureAlg *alg,
											 CaPublicKey *key,
											 const void *data, size_t len,
											 const unsigned char *sig,
											 size_t siglen);

/*
 * Elliptic curve signatures come in pairs: where R || S is one, R || n - S is
 * another of the same data by the same key, and whoever holds one can make it.
 * Put it into twin, which has room for siglen bytes.  False for other
 * algorithms, whose signatures have one form, and on failure.
 */
extern bool ca_signature_has_twin(const CaSignatureAlg *alg);
extern bool ca_signature_twin(const CaSignatureAlg *alg,
							  const unsigned char *sig, size_t siglen,
							  unsigned char *twin);

#endif							/* CA_CRYPTO_SIGNATURE_H */
