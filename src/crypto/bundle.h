/*-------------------------------------------------------------------------
 *
 * bundle.h
 *	  Trust bundles: the CA certificates of a trust domain, in PEM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_BUNDLE_H
#define CA_CRYPTO_BUNDLE_H

#include <openssl/x509.h>

#include "crypto/certificate.h"

/* STACK_OF(X509), freed with sk_X509_pop_free() */
typedef struct stack_st_X509 CaX509List;

/*
 * Is this a sound bundle: 1 to CA_BUNDLE_MAX_CERTIFICATES certificates in PEM
 * with nothing but white space between them, each of an authority with a key
 * that is strong enough, at least one of them self-signed?  Times are not
 * looked at: a bundle may hold the authority of yesterday and of tomorrow.
 */
extern CaCertificateStatus ca_bundle_check(const char *pem, size_t len);

/*
 * The certificates of a bundle that is sound, for the caller to free; NULL
 * and the reason otherwise.  Adds to OpenSSL's error queue.
 */
extern CaX509List *ca_bundle_read(const char *pem, size_t len,
								  CaCertificateStatus *status);

/*
 * May this certificate sign others: version 3, basic constraints that say CA,
 * key usage that says keyCertSign (X.509-SVID section 4.3)?
 */
extern bool ca_bundle_is_authority(X509 *certificate);

#endif							/* CA_CRYPTO_BUNDLE_H */
