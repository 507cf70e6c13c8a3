/*-------------------------------------------------------------------------
 *
 * certificate.c
 *	  X.509-SVIDs: the rules of a leaf, and its chain to a trust bundle.
 *
 * Path validation is OpenSSL's, with nothing trusted but the bundle: no
 * default store, no partial chain, security level 2.  X509_V_FLAG_X509_STRICT
 * is not set, because it demands key identifiers that the X.509-SVID standard
 * leaves open; what matters of it, that every issuer is an authority, is
 * checked here over the chain that was built.  Certificates live a short time
 * (X.509-SVID section 1), so no revocation lists are read.
 *
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

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/bundle.h"
#include "crypto/certificate.h"

#define CA_CHAIN_SECURITY_LEVEL 2	/* 112 bits: RSA 2048, no SHA-1 */
#define SECONDS_PER_DAY			86400

/*
 * Is this how DER writes the certificate?  OpenSSL takes BER, too, in which it
 * has many texts, while the digest of its one text stands for it.
 */
static bool
is_der(const X509 *x, const CaDer *der)
{
	unsigned char *own = NULL;
	int			len = i2d_X509(x, &own);
	bool		same = len >= 0 && (size_t) len == der->len &&
	memcmp(own, der->data, der->len) == 0;

	OPENSSL_free(own);
	return same;
}

/*
 * Decode DER; NULL when it is not one certificate and nothing else.
 */
static X509 *
read_der(const CaDer *der)
{
	const unsigned char *p = der->data;
	X509	   *x = d2i_X509(NULL, &p, (long) der->len);

	if (x != NULL && (p != der->data + der->len || !is_der(x, der)))
	{
		X509_free(x);
		x = NULL;
	}
	return x;
}

/*
 * Copy the URI of a name.
 *
 * SECURITY: only printable ASCII, and no NUL, so that nobody reads less of it
 * than the authority signed.  Guarded by the "uri" cases of
 * test/unit/unit_certificate.c.
 */
static CaCertificateStatus
take_uri(const GENERAL_NAME *name, CaCertificate *certificate)
{
	const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
	const unsigned char *data = ASN1_STRING_get0_data(uri);
	int			len = ASN1_STRING_length(uri);

	if (len <= 0 || len > CA_CERTIFICATE_MAX_URI)
		return CA_CERTIFICATE_BAD_URI;
	for (int i = 0; i < len; i++)
	{
		if (data[i] <= 0x20 || data[i] >= 0x7f)
			return CA_CERTIFICATE_BAD_URI;
	}
	memcpy(certificate->uri, data, len);
	certificate->uri_len = len;
	return CA_CERTIFICATE_OK;
}

/*
 * Exactly one URI among the subject's alternative names, beside which other
 * kinds of names may stand (X.509-SVID section 2).  A certificate with the
 * extension twice has none.
 */
static CaCertificateStatus
take_names(const X509 *x, CaCertificate *certificate)
{
	CaCertificateStatus status = CA_CERTIFICATE_BAD_NAMES;
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	const GENERAL_NAME *uri = NULL;
	int			nuris = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
	{
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI)
		{
			uri = name;
			nuris++;
		}
	}
	if (nuris == 1)
		status = take_uri(uri, certificate);
	GENERAL_NAMES_free(names);
	return status;
}

/*
 * What a leaf may be used for (X.509-SVID sections 4.1, 4.3 and 4.4).
 */
static CaCertificateStatus
check_usage(X509 *x)
{
	uint32_t	flags = X509_get_extension_flags(x);
	uint32_t	usage = X509_get_key_usage(x);

	if ((flags & EXFLAG_INVALID) != 0)
		return CA_CERTIFICATE_MALFORMED;
	if ((flags & EXFLAG_CA) != 0)
		return CA_CERTIFICATE_IS_AUTHORITY;
	if ((flags & EXFLAG_KUSAGE) == 0 || (usage & KU_DIGITAL_SIGNATURE) == 0 ||
		(usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
		return CA_CERTIFICATE_BAD_KEY_USAGE;
	if ((flags & EXFLAG_XKUSAGE) != 0 &&
		(X509_get_extended_key_usage(x) & XKU_SSL_CLIENT) == 0)
		return CA_CERTIFICATE_NOT_CLIENT;
	return CA_CERTIFICATE_OK;
}

/*
 * A time of a certificate as seconds since the Unix epoch; false when it is
 * not a time.
 */
static bool
unix_time(const ASN1_TIME *when, int64_t *seconds)
{
	ASN1_TIME  *epoch = ASN1_TIME_set(NULL, 0);
	int			days = 0;
	int			rest = 0;
	bool		ok;

	ok = epoch != NULL && ASN1_TIME_diff(&days, &rest, epoch, when) == 1;
	if (ok)
		*seconds = (int64_t) days * SECONDS_PER_DAY + rest;
	ASN1_TIME_free(epoch);
	return ok;
}

/*
 * From when and until when a certificate is good.
 */
static bool
take_validity(const X509 *x, CaValidity *validity)
{
	return unix_time(X509_get0_notBefore(x), &validity->not_before) &&
		unix_time(X509_get0_notAfter(x), &validity->not_after);
}

/* See the header. */
CaCertificateStatus
ca_certificate_parse(const CaDer *leaf, CaCertificate *certificate)
{
	CaCertificateStatus status;
	X509	   *x;

	memset(certificate, 0, sizeof(*certificate));
	if (leaf->len > CA_CERTIFICATE_MAX_LEN)
		return CA_CERTIFICATE_TOO_LONG;

	ERR_set_mark();
	x = read_der(leaf);
	if (x == NULL || !take_validity(x, &certificate->validity))
		status = CA_CERTIFICATE_MALFORMED;
	else if (!ca_sha256(leaf->data, leaf->len, certificate->sha256))
		status = CA_CERTIFICATE_FAILURE;
	else if ((status = check_usage(x)) == CA_CERTIFICATE_OK)
		status = take_names(x, certificate);
	X509_free(x);
	ERR_pop_to_mark();

	if (status != CA_CERTIFICATE_OK)
		memset(certificate, 0, sizeof(*certificate));
	return status;
}

/* OpenSSL's verdicts as ours; what is not listed is CA_CERTIFICATE_BAD_CHAIN. */
static const struct
{
	int			error;
	CaCertificateStatus status;
}			verdicts[] = {
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_CERT_UNTRUSTED, CA_CERTIFICATE_UNTRUSTED},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, CA_CERTIFICATE_BAD_SIGNATURE},
	{X509_V_ERR_INVALID_CA, CA_CERTIFICATE_BAD_AUTHORITY},
	{X509_V_ERR_KEYUSAGE_NO_CERTSIGN, CA_CERTIFICATE_BAD_AUTHORITY},
	{X509_V_ERR_PATH_LENGTH_EXCEEDED, CA_CERTIFICATE_PATH_TOO_LONG},
	{X509_V_ERR_CERT_CHAIN_TOO_LONG, CA_CERTIFICATE_PATH_TOO_LONG},
	{X509_V_ERR_INVALID_PURPOSE, CA_CERTIFICATE_NOT_CLIENT},
	{X509_V_ERR_PERMITTED_VIOLATION, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_EXCLUDED_VIOLATION, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_SUBTREE_MINMAX, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, CA_CERTIFICATE_NAME_CONSTRAINT},
	{X509_V_ERR_EE_KEY_TOO_SMALL, CA_CERTIFICATE_WEAK_KEY},
	{X509_V_ERR_CA_KEY_TOO_SMALL, CA_CERTIFICATE_WEAK_KEY},
	{X509_V_ERR_CA_MD_TOO_WEAK, CA_CERTIFICATE_WEAK_SIGNATURE},
	{X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, CA_CERTIFICATE_UNKNOWN_EXTENSION},
	{X509_V_ERR_CERT_HAS_EXPIRED, CA_CERTIFICATE_EXPIRED},
	{X509_V_ERR_CERT_NOT_YET_VALID, CA_CERTIFICATE_NOT_YET_VALID},
	{X509_V_ERR_OUT_OF_MEM, CA_CERTIFICATE_FAILURE},
	{X509_V_OK, CA_CERTIFICATE_FAILURE},
};

/* The status for the error of a verification that has failed. */
static CaCertificateStatus
verdict(int error)
{
	for (int i = 0; i < (int) lengthof(verdicts); i++)
	{
		if (verdicts[i].error == error)
			return verdicts[i].status;
	}
	return CA_CERTIFICATE_BAD_CHAIN;
}

/*
 * What OpenSSL by itself takes too lightly: every issuer must be an authority
 * by its extensions, not only by its place (version 1, Netscape's types).
 * Narrows *validity to what all of the chain is good for.
 */
static CaCertificateStatus
check_chain(const CaX509List *chain, CaValidity *validity)
{
	validity->not_before = PG_INT64_MIN;
	validity->not_after = PG_INT64_MAX;
	for (int i = 0; i < sk_X509_num(chain); i++)
	{
		X509	   *x = sk_X509_value(chain, i);
		CaValidity	own;

		if (i > 0 && !ca_bundle_is_authority(x))
			return CA_CERTIFICATE_BAD_AUTHORITY;
		if (!take_validity(x, &own))
			return CA_CERTIFICATE_MALFORMED;
		validity->not_before = Max(validity->not_before, own.not_before);
		validity->not_after = Min(validity->not_after, own.not_after);
	}
	return CA_CERTIFICATE_OK;
}

/*
 * Build and check the chain of a leaf: see ca_certificate_verify().
 */
static CaCertificateStatus
verify_leaf(X509 *leaf, CaX509List *untrusted, X509_STORE *store,
			int64_t now, CaValidity *validity)
{
	CaCertificateStatus status = CA_CERTIFICATE_FAILURE;
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (ctx != NULL &&
		X509_STORE_CTX_init(ctx, store, leaf, untrusted) == 1 &&
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT) == 1)
	{
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

		X509_VERIFY_PARAM_set_time(param, (time_t) now);
		X509_VERIFY_PARAM_set_auth_level(param, CA_CHAIN_SECURITY_LEVEL);
		X509_VERIFY_PARAM_set_depth(param, CA_CHAIN_MAX_INTERMEDIATES);

		/* SECURITY: 1 alone is yes; 0 and every negative value are no */
		if (X509_verify_cert(ctx) == 1)
			status = check_chain(X509_STORE_CTX_get0_chain(ctx), validity);
		else
			status = verdict(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	return status;
}

/*
 * A store that trusts the bundle and nothing else; NULL and the reason when
 * the bundle is not sound.
 */
static X509_STORE *
bundle_store(const char *bundle, size_t len, CaCertificateStatus *status)
{
	CaX509List *list = ca_bundle_read(bundle, len, status);
	X509_STORE *store = NULL;

	if (list != NULL && (store = X509_STORE_new()) == NULL)
		*status = CA_CERTIFICATE_FAILURE;
	for (int i = 0; store != NULL && i < sk_X509_num(list); i++)
	{
		if (X509_STORE_add_cert(store, sk_X509_value(list, i)) != 1)
		{
			X509_STORE_free(store);
			store = NULL;
			*status = CA_CERTIFICATE_FAILURE;
		}
	}
	sk_X509_pop_free(list, X509_free);
	return store;
}

/*
 * The intermediates of a chain as OpenSSL takes them; NULL and the reason
 * when one is not a certificate.
 */
static CaX509List *
read_intermediates(const CaCertificateChain *chain, CaCertificateStatus *status)
{
	CaX509List *list = sk_X509_new_null();

	*status = list != NULL ? CA_CERTIFICATE_OK : CA_CERTIFICATE_FAILURE;
	for (int i = 0; i < chain->nintermediates && *status == CA_CERTIFICATE_OK; i++)
	{
		X509	   *x = read_der(&chain->intermediates[i]);

		if (x == NULL)
			*status = CA_CERTIFICATE_MALFORMED;
		else if (sk_X509_push(list, x) <= 0)
		{
			X509_free(x);
			*status = CA_CERTIFICATE_FAILURE;
		}
	}
	if (*status != CA_CERTIFICATE_OK)
	{
		sk_X509_pop_free(list, X509_free);
		list = NULL;
	}
	return list;
}

/* Is what the peer presents within the bounds? */
static bool
chain_within_bounds(const CaCertificateChain *chain)
{
	if (chain->leaf.len > CA_CERTIFICATE_MAX_LEN ||
		chain->nintermediates > CA_CHAIN_MAX_INTERMEDIATES)
		return false;
	for (int i = 0; i < chain->nintermediates; i++)
	{
		if (chain->intermediates[i].len > CA_CERTIFICATE_MAX_LEN)
			return false;
	}
	return true;
}

/* See the header. */
CaCertificateStatus
ca_certificate_verify(const CaCertificateChain *chain,
					  const char *bundle, size_t bundle_len,
					  int64_t now, CaValidity *validity)
{
	CaCertificateStatus status;
	X509	   *leaf = NULL;

	CaX509List *untrusted = NULL;
	X509_STORE *store;

	memset(validity, 0, sizeof(*validity));
	if (!chain_within_bounds(chain))
		return CA_CERTIFICATE_TOO_LONG;

	ERR_set_mark();
	store = bundle_store(bundle, bundle_len, &status);
	if (store != NULL)
		untrusted = read_intermediates(chain, &status);
	if (untrusted != NULL)
	{
		leaf = read_der(&chain->leaf);
		status = leaf == NULL ? CA_CERTIFICATE_MALFORMED :
			verify_leaf(leaf, untrusted, store, now, validity);
	}
	X509_free(leaf);
	sk_X509_pop_free(untrusted, X509_free);
	X509_STORE_free(store);
	ERR_pop_to_mark();

	if (status != CA_CERTIFICATE_OK)
		memset(validity, 0, sizeof(*validity));
	return status;
}
