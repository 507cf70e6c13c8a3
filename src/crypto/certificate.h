/*-------------------------------------------------------------------------
 *
 * certificate.h
 *	  X.509-SVIDs: the rules of a leaf, and its chain to a trust bundle.
 *
 * Server-free and without state: no function allocates memory of the server
 * or keeps an OpenSSL object, so none can be thrown past or leak.  Every
 * function returns a CaCertificateStatus; ca_certificate_status_text() gives
 * the sentence an error message may show.  It never carries text of the
 * certificate.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_CERTIFICATE_H
#define CA_CRYPTO_CERTIFICATE_H

#include "crypto/digest.h"

#define CA_CERTIFICATE_MAX_LEN	16384	/* bytes of one certificate in DER */
#define CA_CERTIFICATE_MAX_URI	2048	/* bytes, SPIFFE-ID section 2.3 */
#define CA_CHAIN_MAX_INTERMEDIATES	8
#define CA_BUNDLE_MAX_LEN		262144	/* bytes of PEM */
#define CA_BUNDLE_MAX_CERTIFICATES	64

typedef enum CaCertificateStatus
{
	CA_CERTIFICATE_OK = 0,
	CA_CERTIFICATE_TOO_LONG,	/* a certificate, or too many of them */
	CA_CERTIFICATE_MALFORMED,	/* not exactly one certificate in DER */
	CA_CERTIFICATE_BAD_NAMES,	/* not exactly one URI among the names */
	CA_CERTIFICATE_BAD_URI,		/* a URI of odd length or characters */
	CA_CERTIFICATE_IS_AUTHORITY,	/* a CA where a leaf is due */
	CA_CERTIFICATE_BAD_KEY_USAGE,
	CA_CERTIFICATE_NOT_CLIENT,	/* extended key usage without clientAuth */
	CA_CERTIFICATE_UNTRUSTED,	/* no chain to the bundle */
	CA_CERTIFICATE_BAD_SIGNATURE,
	CA_CERTIFICATE_BAD_AUTHORITY,	/* an issuer that may not issue */
	CA_CERTIFICATE_PATH_TOO_LONG,	/* pathlen, or too deep a chain */
	CA_CERTIFICATE_NAME_CONSTRAINT,
	CA_CERTIFICATE_WEAK_KEY,
	CA_CERTIFICATE_WEAK_SIGNATURE,
	CA_CERTIFICATE_UNKNOWN_EXTENSION,	/* a critical one */
	CA_CERTIFICATE_EXPIRED,		/* of the leaf or its chain */
	CA_CERTIFICATE_NOT_YET_VALID,
	CA_CERTIFICATE_BAD_CHAIN,	/* any other reason OpenSSL has */
	CA_BUNDLE_TOO_LONG,			/* bytes, or certificates */
	CA_BUNDLE_MALFORMED,		/* not certificates in PEM and nothing else */
	CA_BUNDLE_EMPTY,
	CA_BUNDLE_NOT_AUTHORITY,	/* holds what may not sign certificates */
	CA_BUNDLE_WEAK_KEY,
	CA_BUNDLE_NO_ROOT,			/* no self-signed certificate: no anchor */
	CA_CERTIFICATE_FAILURE		/* OpenSSL could not be set up */
} CaCertificateStatus;

/* A certificate in DER; the bytes are the caller's. */
typedef struct CaDer
{
	const unsigned char *data;
	size_t		len;
} CaDer;

/* What a peer presents: a leaf, and certificates to build its chain with. */
typedef struct CaCertificateChain
{
	CaDer		leaf;
	int			nintermediates;
	const CaDer *intermediates; /* in any order, trusted for nothing */
} CaCertificateChain;

/* Seconds since the Unix epoch: good while not_before <= now < not_after. */
typedef struct CaValidity
{
	int64_t		not_before;
	int64_t		not_after;
} CaValidity;

/* A leaf taken apart. */
typedef struct CaCertificate
{
	unsigned char sha256[CA_SHA256_LEN];	/* of the DER: RFC 8705 x5t#S256 */
	char		uri[CA_CERTIFICATE_MAX_URI + 1];	/* printable ASCII */
	size_t		uri_len;
	CaValidity	validity;		/* as the leaf says; the chain may narrow it */
} CaCertificate;

/* The sentence for a status: lower-case, no full stop, no certificate text. */
extern const char *ca_certificate_status_text(CaCertificateStatus status);

/*
 * Take a leaf apart and check everything that needs neither bundle nor clock,
 * as the X.509-SVID standard asks (sections 2, 4.1, 4.3 and 4.4).  Whether
 * the URI is a SPIFFE ID is the caller's to check.  On failure *certificate
 * is zeroed.
 */
extern CaCertificateStatus ca_certificate_parse(const CaDer *leaf,
												CaCertificate *certificate);

/*
 * Check that the leaf has a chain to an authority of the bundle (PEM) that is
 * sound at the time now (RFC 5280 section 6, X.509-SVID section 5).  The
 * leaf's own rules are those of ca_certificate_parse().  On success *validity
 * is the narrowest over the chain that was built; when it ends, another chain
 * may hold.  On failure *validity is zeroed.
 */
extern CaCertificateStatus ca_certificate_verify(const CaCertificateChain *chain,
												 const char *bundle,
												 size_t bundle_len,
												 int64_t now,
												 CaValidity *validity);

#endif							/* CA_CRYPTO_CERTIFICATE_H */
