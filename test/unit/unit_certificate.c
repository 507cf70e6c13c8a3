/*-------------------------------------------------------------------------
 *
 * unit_certificate.c
 *	  X.509-SVIDs and trust bundles, against certificates of other makers.
 *
 * A failure of a "good" case means that honest agents are locked out; of any
 * other, that somebody is let in whom no authority of the bundle has certified
 * as that agent, or that a bundle is taken for something else than it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/bundle.h"
#include "crypto/certificate.h"

#include "arena.h"
#include "tap.h"
#include "vector_types.h"
#include "vectors.h"
#include "vectors_bundle.h"
#include "vectors_certificate.h"

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

/* A copy of exactly that size, so that ASan sees a read past it. */
static CaDer
exact_der(const char *text, size_t len)
{
	unsigned char *copy = palloc(len);
	CaDer		der = {copy, len};

	if (len > 0)
		memcpy(copy, text, len);
	return der;
}

/* The chain and the bundle of a case, and what became of them. */
typedef struct Trial
{
	CaCertificateChain chain;
	CaDer		intermediates[CA_CHAIN_MAX_INTERMEDIATES + 1];
	CaDer		bundle;
	CaCertificate certificate;
	CaValidity	validity;
	CaCertificateStatus parsed;
	CaCertificateStatus verified;
} Trial;

/* The first half: the leaf by itself. */
static void
run_trial(Trial *trial)
{
	memset(&trial->certificate, 0xa5, sizeof(trial->certificate));
	memset(&trial->validity, 0xa5, sizeof(trial->validity));
	trial->parsed = ca_certificate_parse(&trial->chain.leaf, &trial->certificate);
}

/* The second half: the chain to the bundle. */
static void
verify_trial(Trial *trial, int64_t now)
{
	trial->verified = ca_certificate_verify(&trial->chain,
											(const char *) trial->bundle.data,
											trial->bundle.len, now,
											&trial->validity);
}

/* Copy what a case presents. */
static void
prepare_trial(Trial *trial, const CertificateCase *ccase)
{
	const char *bundle = ccase->bundle != NULL ? ccase->bundle : vector_bundle;

	memset(trial, 0, sizeof(*trial));
	for (int i = 0; i < ccase->nintermediates; i++)
		trial->intermediates[i] = exact_der(ccase->intermediates[i].text,
											ccase->intermediates[i].len);
	trial->chain.leaf = exact_der(ccase->leaf.text, ccase->leaf.len);
	trial->chain.nintermediates = ccase->nintermediates;
	trial->chain.intermediates = trial->intermediates;
	trial->bundle = exact_der(bundle, strlen(bundle));
}

/* What the functions promise whatever the case. */
static void
check_promises(const Trial *trial, const CertificateCase *ccase)
{
	unsigned char digest[CA_SHA256_LEN];

	tap_ok(ERR_peek_error() == 0, "error queue", ccase->name);
	ERR_clear_error();
	if (trial->parsed != CA_CERTIFICATE_OK)
		tap_ok(zeroed(&trial->certificate, sizeof(trial->certificate)),
			   "zeroed", ccase->name);
	else
	{
		ca_sha256(ccase->leaf.text, ccase->leaf.len, digest);
		tap_ok(strcmp(trial->certificate.uri, ccase->uri) == 0 &&
			   trial->certificate.uri_len == strlen(ccase->uri) &&
			   memcmp(trial->certificate.sha256, digest, sizeof(digest)) == 0,
			   "fields", ccase->name);
	}
	if (trial->verified != CA_CERTIFICATE_OK)
		tap_ok(zeroed(&trial->validity, sizeof(trial->validity)),
			   "validity zeroed", ccase->name);
	else
		tap_ok(trial->validity.not_before <= ccase->now &&
			   ccase->now < trial->validity.not_after, "validity", ccase->name);
	if (ccase->validity.not_after != 0)
		tap_ok(memcmp(&trial->validity, &ccase->validity,
					  sizeof(CaValidity)) == 0, "narrowest", ccase->name);
}

/* Each vector.  Nothing of the server's memory is ever used. */
static void
test_vectors(void)
{
	int			allocated = 0;

	for (int i = 0; i < (int) lengthof(certificate_cases); i++)
	{
		const CertificateCase *ccase = &certificate_cases[i];
		CaCertificateStatus got;
		Trial		trial;
		int			before;

		prepare_trial(&trial, ccase);
		before = arena_live();
		run_trial(&trial);
		verify_trial(&trial, ccase->now);
		got = trial.parsed != CA_CERTIFICATE_OK ? trial.parsed : trial.verified;
		tap_is(got == ccase->or_else ? ccase->expected : got, ccase->expected,
			   "certificate", ccase->name);
		allocated += arena_live() - before;
		check_promises(&trial, ccase);
		arena_reset();
	}
	tap_is(allocated, 0, "memory", "no function allocates any");
}

/* The first case of that name. */
static const CertificateCase *
find_case(const char *name)
{
	for (int i = 0; i < (int) lengthof(certificate_cases); i++)
	{
		if (strcmp(certificate_cases[i].name, name) == 0)
			return &certificate_cases[i];
	}
	abort();
}

/*
 * No certificate with one byte changed is accepted as another agent's, nor a
 * shorter one at all.  (Some bytes lie outside what is signed, such as the
 * length's own encoding; they must be refused, too: X.690 section 10.1.)
 */
static void
test_mutations(void)
{
	const CertificateCase *ccase = find_case("good: p256 leaf by openssl");
	Trial		trial;
	unsigned char *data;
	int			accepted = 0;

	prepare_trial(&trial, ccase);
	data = unconstify(unsigned char *, trial.chain.leaf.data);
	for (size_t at = 0; at < ccase->leaf.len; at++)
	{
		for (int bit = 0; bit < 8; bit += 3)
		{
			data[at] ^= 1 << bit;
			run_trial(&trial);
			if (trial.parsed == CA_CERTIFICATE_OK)
			{
				verify_trial(&trial, ccase->now);
				accepted += trial.verified == CA_CERTIFICATE_OK;
			}
			data[at] ^= 1 << bit;
		}
	}
	tap_is(accepted, 0, "mutations", "one bit");
	accepted = 0;
	for (trial.chain.leaf.len = 0; trial.chain.leaf.len < ccase->leaf.len;
		 trial.chain.leaf.len++)
	{
		run_trial(&trial);
		accepted += trial.parsed != CA_CERTIFICATE_MALFORMED;
	}
	tap_is(accepted, 0, "mutations", "shorter");
	arena_reset();
}

/* Sizes, and clocks that no certificate was made for. */
static void
test_limits(void)
{
	const CertificateCase *ccase = find_case("good: p256 leaf by openssl");
	static const int64_t clocks[] = {
		PG_INT64_MIN, -1, 0, INT64CONST(1) << 40, PG_INT64_MAX
	};
	unsigned char *big = palloc0(CA_CERTIFICATE_MAX_LEN + 1);
	CaDer		der = {big, CA_CERTIFICATE_MAX_LEN + 1};
	CaCertificate certificate;
	Trial		trial;

	memcpy(big, ccase->leaf.text, ccase->leaf.len);
	tap_is(ca_certificate_parse(&der, &certificate), CA_CERTIFICATE_TOO_LONG,
		   "limits", "leaf one byte too long");
	tap_ok(zeroed(&certificate, sizeof(certificate)), "limits", "zeroed");
	der.len--;
	tap_is(ca_certificate_parse(&der, &certificate), CA_CERTIFICATE_MALFORMED,
		   "limits", "longest leaf");

	prepare_trial(&trial, ccase);
	for (int i = 0; i < (int) lengthof(clocks); i++)
	{
		verify_trial(&trial, clocks[i]);
		tap_ok(trial.verified != CA_CERTIFICATE_OK &&
			   zeroed(&trial.validity, sizeof(trial.validity)),
			   "limits", "a clock far away");
	}
	der.len = CA_CERTIFICATE_MAX_LEN + 1;
	trial.intermediates[0] = der;
	trial.chain.nintermediates = 1;
	verify_trial(&trial, VECTOR_NOW);
	tap_is(trial.verified, CA_CERTIFICATE_TOO_LONG,
		   "limits", "intermediate one byte too long");
	trial.chain.leaf = der;
	trial.chain.nintermediates = 0;
	verify_trial(&trial, VECTOR_NOW);
	tap_is(trial.verified, CA_CERTIFICATE_TOO_LONG,
		   "limits", "leaf one byte too long to verify");
	arena_reset();
}

/* Each bundle, by both functions that read one. */
static void
test_bundles(void)
{
	for (int i = 0; i < (int) lengthof(bundle_cases); i++)
	{
		const BundleCase *bcase = &bundle_cases[i];
		CaDer		exact = exact_der(bcase->text, bcase->len);
		const char *pem = (const char *) exact.data;
		CaCertificateStatus status;
		CaX509List *list;

		tap_is(ca_bundle_check(pem, exact.len), bcase->expected,
			   "bundle", bcase->name);
		tap_ok(ERR_peek_error() == 0, "error queue", bcase->name);
		list = ca_bundle_read(pem, exact.len, &status);
		tap_ok(status == bcase->expected &&
			   (list != NULL) == (status == CA_CERTIFICATE_OK),
			   "bundle read", bcase->name);
		sk_X509_pop_free(list, X509_free);
		ERR_clear_error();
		arena_reset();
	}
}

/* How many certificates and bytes a bundle may have. */
static void
test_bundle_limits(void)
{
	size_t		one = strlen(vector_bundle);
	char	   *pem = palloc((CA_BUNDLE_MAX_CERTIFICATES + 1) * one);
	char	   *spaces = palloc(CA_BUNDLE_MAX_LEN + 1);

	for (int i = 0; i <= CA_BUNDLE_MAX_CERTIFICATES; i++)
		memcpy(pem + i * one, vector_bundle, one);
	tap_is(ca_bundle_check(pem, CA_BUNDLE_MAX_CERTIFICATES * one),
		   CA_CERTIFICATE_OK, "bundle", "64 certificates");
	tap_is(ca_bundle_check(pem, (CA_BUNDLE_MAX_CERTIFICATES + 1) * one),
		   CA_BUNDLE_TOO_LONG, "bundle", "65 certificates");

	memset(spaces, '\n', CA_BUNDLE_MAX_LEN + 1);
	memcpy(spaces, vector_bundle, one);
	tap_is(ca_bundle_check(spaces, CA_BUNDLE_MAX_LEN), CA_CERTIFICATE_OK,
		   "bundle", "longest");
	tap_is(ca_bundle_check(spaces, CA_BUNDLE_MAX_LEN + 1), CA_BUNDLE_TOO_LONG,
		   "bundle", "one byte too long");
	arena_reset();
}

/* Every status has a sentence of its own, in the style of PostgreSQL. */
static void
test_status_text(void)
{
	bool		good = true;

	for (int i = 0; i <= CA_CERTIFICATE_FAILURE; i++)
	{
		const char *text = ca_certificate_status_text((CaCertificateStatus) i);

		good &= text != NULL && text[0] >= 'a' && text[0] <= 'z' &&
			text[strlen(text) - 1] != '.';
		for (int j = 0; j < i; j++)
			good &= strcmp(text, ca_certificate_status_text((CaCertificateStatus) j)) != 0;
	}
	tap_ok(good, "status", "texts are distinct and without a full stop");
}

int
main(void)
{
	test_vectors();
	test_mutations();
	test_limits();
	test_bundles();
	test_bundle_limits();
	test_status_text();
	return tap_done();
}
