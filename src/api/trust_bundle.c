/*-------------------------------------------------------------------------
 *
 * trust_bundle.c
 *	  The trigger that keeps contauth.trust_bundle sound.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/trigger.h"
#include "base/catalog.h"
#include "crypto/bundle.h"
#include "token/token.h"

PG_FUNCTION_INFO_V1(contauth_check_trust_bundle);

/* BEFORE ROW trigger of contauth.trust_bundle. */
Datum
contauth_check_trust_bundle(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_trust_bundle", &desc);
	char	   *trust_domain = ca_row_text(row, desc, "trust_domain");
	char	   *pem = ca_row_text(row, desc, "ca_pem");
	CaCertificateStatus status;

	if (!ca_trust_domain_valid(trust_domain))
		bad_argument("trust_domain", "it is not a SPIFFE trust domain name");
	status = ca_bundle_check(pem, strlen(pem));
	if (status != CA_CERTIFICATE_OK)
		bad_argument("ca_pem", ca_certificate_status_text(status));
	PG_RETURN_POINTER(row);
}
