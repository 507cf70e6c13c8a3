/*-------------------------------------------------------------------------
 *
 * bundle.c
 *	  Trust bundles: the CA certificates of a trust domain, in PEM.
 *
 * Read strictly, because what is skipped here silently is an authority that
 * the administrator believes to be in force, or a private key in a table.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/bundle.h"

#define PEM_BEGIN		"-----BEGIN CERTIFICATE-----"
#define PEM_END			"-----END CERTIFICATE-----"
#define PEM_WHITE_SPACE " \t\r\n"

/* Of a public key; RSA of 2048 bits and P-224 have it (NIST SP 800-57). */
#define MIN_SECURITY_BITS	112

/* See the header. */
bool
ca_bundle_is_authority(X509 *certificate)
{
	uint32_t	flags = X509_get_extension_flags(certificate);
	uint32_t	usage = X509_get_key_usage(certificate);

	/* key usage that is absent reads as all bits set */
	return (flags & EXFLAG_CA) != 0 &&
		(flags & (EXFLAG_INVALID | EXFLAG_V1)) == 0 &&
		(flags & EXFLAG_KUSAGE) != 0 &&
		(usage & KU_KEY_CERT_SIGN) != 0;
}

/*
 * Find the certificate block at the start of the text; 0 when there is none,
 * else its length.
 */
static size_t
pem_block_len(const char *pem, size_t len)
{
	const size_t begin_len = strlen(PEM_BEGIN);
	const size_t end_len = strlen(PEM_END);

	if (len < begin_len || memcmp(pem, PEM_BEGIN, begin_len) != 0)
		return 0;
	for (size_t i = begin_len; i + end_len <= len; i++)
	{
		if (memcmp(pem + i, PEM_END, end_len) == 0)
			return i + end_len;
	}
	return 0;
}

/*
 * Decode one block of PEM: its type is exactly CERTIFICATE, it has no headers
 * (which encryption would need), and one certificate fills it.
 */
static X509 *
decode_block(const char *pem, size_t len)
{
	BIO		   *bio = BIO_new_mem_buf(pem, (int) len);
	char	   *name = NULL;
	char	   *header = NULL;
	unsigned char *data = NULL;
	long		data_len = 0;
	X509	   *certificate = NULL;

	if (bio != NULL &&
		PEM_read_bio(bio, &name, &header, &data, &data_len) == 1 &&
		strcmp(name, PEM_STRING_X509) == 0 && header[0] == '\0' &&
		data_len <= CA_CERTIFICATE_MAX_LEN)
	{
		const unsigned char *p = data;

		certificate = d2i_X509(NULL, &p, data_len);
		if (certificate != NULL && p != data + data_len)
		{
			X509_free(certificate);
			certificate = NULL;
		}
	}
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	BIO_free(bio);
	return certificate;
}

/* Is the certificate fit to be in a bundle? */
static CaCertificateStatus
check_member(X509 *certificate)
{
	EVP_PKEY   *key = X509_get0_pubkey(certificate);

	if (!ca_bundle_is_authority(certificate))
		return CA_BUNDLE_NOT_AUTHORITY;
	if (key == NULL || EVP_PKEY_get_security_bits(key) < MIN_SECURITY_BITS)
		return CA_BUNDLE_WEAK_KEY;
	return CA_CERTIFICATE_OK;
}

/* Decode a block and put it into the list. */
static CaCertificateStatus
add_block(CaX509List *list, const char *pem, size_t len)
{
	CaCertificateStatus status;
	X509	   *certificate;

	if (sk_X509_num(list) >= CA_BUNDLE_MAX_CERTIFICATES)
		return CA_BUNDLE_TOO_LONG;
	certificate = decode_block(pem, len);
	if (certificate == NULL)
		return CA_BUNDLE_MALFORMED;
	status = check_member(certificate);
	if (status == CA_CERTIFICATE_OK && sk_X509_push(list, certificate) <= 0)
		status = CA_CERTIFICATE_FAILURE;
	if (status != CA_CERTIFICATE_OK)
		X509_free(certificate);
	return status;
}

/* Read every block of the text into the list. */
static CaCertificateStatus
add_blocks(CaX509List *list, const char *pem, size_t len)
{
	const char *end = pem + len;
	CaCertificateStatus status = CA_CERTIFICATE_OK;

	while (status == CA_CERTIFICATE_OK)
	{
		size_t		block_len;

		while (pem < end && *pem != '\0' && strchr(PEM_WHITE_SPACE, *pem) != NULL)
			pem++;
		if (pem == end)
			break;
		block_len = pem_block_len(pem, end - pem);
		if (block_len == 0)
			return CA_BUNDLE_MALFORMED;
		status = add_block(list, pem, block_len);
		pem += block_len;
	}
	return status;
}

/* A chain ends at a self-signed certificate, so a bundle needs one. */
static bool
has_root(const CaX509List *list)
{
	for (int i = 0; i < sk_X509_num(list); i++)
	{
		if (X509_self_signed(sk_X509_value(list, i), 1) == 1)
			return true;
	}
	return false;
}

CaX509List *
ca_bundle_read(const char *pem, size_t len, CaCertificateStatus *status)
{
	CaX509List *list;

	if (len > CA_BUNDLE_MAX_LEN)
	{
		*status = CA_BUNDLE_TOO_LONG;
		return NULL;
	}
	list = sk_X509_new_null();
	if (list == NULL)
	{
		*status = CA_CERTIFICATE_FAILURE;
		return NULL;
	}
	*status = add_blocks(list, pem, len);
	if (*status == CA_CERTIFICATE_OK && sk_X509_num(list) == 0)
		*status = CA_BUNDLE_EMPTY;
	if (*status == CA_CERTIFICATE_OK && !has_root(list))
		*status = CA_BUNDLE_NO_ROOT;
	if (*status != CA_CERTIFICATE_OK)
	{
		sk_X509_pop_free(list, X509_free);
		list = NULL;
	}
	return list;
}

/* See the header. */
CaCertificateStatus
ca_bundle_check(const char *pem, size_t len)
{
	CaCertificateStatus status;

	ERR_set_mark();
	sk_X509_pop_free(ca_bundle_read(pem, len, &status), X509_free);
	ERR_pop_to_mark();
	return status;
}
