/*-------------------------------------------------------------------------
 *
 * fuzz_certificate.c
 *	  libFuzzer harness of X.509-SVIDs, against a fixed bundle.
 *
 * An input is a leaf and its intermediates, each after its length in two bytes
 * (big-endian, cut to what there is).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/certificate.h"

#include "arena.h"
#include "fuzz.h"
#include "vector_types.h"
#include "vectors.h"
#include "vectors_certificate.h"

#define MAX_INPUT_CERTIFICATES	(CA_CHAIN_MAX_INTERMEDIATES + 2)

/* Are all bytes of an object zero? */
static bool
zeroed(const void *object, size_t size)
{
	const unsigned char *bytes = object;

	for (size_t i = 0; i < size; i++)
	{
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

/* Take the next certificate of the input, in a buffer of its exact size. */
static CaDer
next_der(const uint8_t **data, const uint8_t *end)
{
	CaDer		der = {NULL, 0};
	size_t		len = 0;
	unsigned char *copy;

	if (end - *data >= 2)
	{
		len = (size_t) (*data)[0] << 8 | (*data)[1];
		*data += 2;
	}
	len = Min(len, (size_t) (end - *data));
	copy = palloc(len);
	memcpy(copy, *data, len);
	*data += len;
	der.data = copy;
	der.len = len;
	return der;
}

/* SECURITY: one certificate has one text; the digest stands for it. */
static void
check_encoding(const CaDer *leaf)
{
	const unsigned char *p = leaf->data;
	X509	   *x = d2i_X509(NULL, &p, (long) leaf->len);
	unsigned char *der = NULL;
	int			len = i2d_X509(x, &der);

	PROMISE(len == (int) leaf->len && memcmp(der, leaf->data, len) == 0);
	OPENSSL_free(der);
	X509_free(x);
}

/* What certificate.h promises of a leaf that was parsed. */
static void
check_leaf(const CaDer *leaf, const CaCertificate *certificate)
{
	unsigned char digest[CA_SHA256_LEN];

	PROMISE(certificate->uri_len > 0 &&
			certificate->uri_len <= CA_CERTIFICATE_MAX_URI);
	PROMISE(strlen(certificate->uri) == certificate->uri_len);
	for (size_t i = 0; i < certificate->uri_len; i++)
		PROMISE(certificate->uri[i] > 0x20 && certificate->uri[i] < 0x7f);
	PROMISE(ca_sha256(leaf->data, leaf->len, digest) &&
			memcmp(digest, certificate->sha256, sizeof(digest)) == 0);
	check_encoding(leaf);
}

/* Who is let in is whom an authority of the bundle has certified. */
static void
check_verified(const CaCertificate *certificate, const CaValidity *validity)
{
	PROMISE(validity->not_before <= VECTOR_NOW &&
			VECTOR_NOW < validity->not_after);
	PROMISE(validity->not_before >= certificate->validity.not_before &&
			validity->not_after <= certificate->validity.not_after);
	PROMISE(strcmp(certificate->uri, VECTOR_SUB) == 0);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	CaDer		ders[MAX_INPUT_CERTIFICATES];
	CaCertificateChain chain = {.intermediates = ders + 1};
	const uint8_t *end = data + size;
	CaCertificate certificate;
	CaValidity	validity;
	CaCertificateStatus parsed;
	CaCertificateStatus verified;
	int			n = 0;
	int			before;

	do
		ders[n++] = next_der(&data, end);
	while (data < end && n < MAX_INPUT_CERTIFICATES);
	chain.leaf = ders[0];
	chain.nintermediates = n - 1;

	before = arena_live();
	memset(&certificate, 0xa5, sizeof(certificate));
	memset(&validity, 0xa5, sizeof(validity));
	parsed = ca_certificate_parse(&chain.leaf, &certificate);
	PROMISE(arena_live() == before && ERR_peek_error() == 0);
	if (parsed == CA_CERTIFICATE_OK)
		check_leaf(&chain.leaf, &certificate);
	else
		PROMISE(zeroed(&certificate, sizeof(certificate)));

	/*
	 * Reading the bundle costs far more than all else, and of what is no
	 * certificate there is little to say: seven of eight such are skipped.
	 */
	if (parsed == CA_CERTIFICATE_MALFORMED && size % 8 != 0)
		return;
	verified = ca_certificate_verify(&chain, vector_bundle,
									 strlen(vector_bundle), VECTOR_NOW,
									 &validity);
	PROMISE(arena_live() == before && ERR_peek_error() == 0);
	PROMISE(parsed != CA_CERTIFICATE_MALFORMED || verified != CA_CERTIFICATE_OK);
	if (verified != CA_CERTIFICATE_OK)
		PROMISE(zeroed(&validity, sizeof(validity)));
	else if (parsed == CA_CERTIFICATE_OK)
		check_verified(&certificate, &validity);
}
