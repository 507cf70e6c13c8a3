/*-------------------------------------------------------------------------
 *
 * certificate_status.c
 *	  What a CaCertificateStatus says to a person.
 *
 * The sentences go into error messages and the audit.  They are constant, so
 * that nothing of a certificate can show through them.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "crypto/certificate.h"

/*
 * The sentence for a status: lower-case, no full stop, never NULL.
 */
const char *
ca_certificate_status_text(CaCertificateStatus status)
{
	switch (status)
	{
		case CA_CERTIFICATE_OK:
			return "certificate is valid";
		case CA_CERTIFICATE_TOO_LONG:
			return "certificate is too long or comes with too many others";
		case CA_CERTIFICATE_MALFORMED:
			return "certificate is malformed";
		case CA_CERTIFICATE_BAD_NAMES:
			return "certificate does not have exactly one URI among its names";
		case CA_CERTIFICATE_BAD_URI:
			return "certificate has a URI of forbidden length or characters";
		case CA_CERTIFICATE_IS_AUTHORITY:
			return "certificate is that of an authority";
		case CA_CERTIFICATE_BAD_KEY_USAGE:
			return "certificate is not for digital signatures, or for more than that";
		case CA_CERTIFICATE_NOT_CLIENT:
			return "certificate or its issuer is not for TLS clients";
		case CA_CERTIFICATE_UNTRUSTED:
			return "certificate has no chain to the trust bundle";
		case CA_CERTIFICATE_BAD_SIGNATURE:
			return "certificate or its issuer has a wrong signature";
		case CA_CERTIFICATE_BAD_AUTHORITY:
			return "certificate has an issuer that may not sign certificates";
		case CA_CERTIFICATE_PATH_TOO_LONG:
			return "certificate has a chain longer than its issuers allow";
		case CA_CERTIFICATE_NAME_CONSTRAINT:
			return "certificate has a name that its issuers may not certify";
		case CA_CERTIFICATE_WEAK_KEY:
			return "certificate or its issuer has a weak key";
		case CA_CERTIFICATE_WEAK_SIGNATURE:
			return "certificate or its issuer has a signature with a weak digest";
		case CA_CERTIFICATE_UNKNOWN_EXTENSION:
			return "certificate demands extensions that are not understood";
		case CA_CERTIFICATE_EXPIRED:
			return "certificate or its issuer has expired";
		case CA_CERTIFICATE_NOT_YET_VALID:
			return "certificate or its issuer is not valid yet";
		case CA_CERTIFICATE_BAD_CHAIN:
			return "certificate chain is not valid";
		case CA_BUNDLE_TOO_LONG:
			return "trust bundle is too long";
		case CA_BUNDLE_MALFORMED:
			return "trust bundle is not certificates in PEM and nothing else";
		case CA_BUNDLE_EMPTY:
			return "trust bundle has no certificate";
		case CA_BUNDLE_NOT_AUTHORITY:
			return "trust bundle has a certificate that may not sign certificates";
		case CA_BUNDLE_WEAK_KEY:
			return "trust bundle has a certificate with a weak key";
		case CA_BUNDLE_NO_ROOT:
			return "trust bundle has no self-signed certificate";
		case CA_CERTIFICATE_FAILURE:
			return "cryptographic library failed";
	}
	return "certificate is refused";
}
