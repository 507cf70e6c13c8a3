/*-------------------------------------------------------------------------
 *
 * svid.c
 *	  The X.509-SVID of this connection as a credential.
 *
 * The server has checked the certificate against its ssl_ca_file, which may
 * trust many authorities for many things.  Here it is checked anew, against
 * the bundle of the one trust domain that its SPIFFE ID lies in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "identity/peer.h"
#include "identity/svid.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* What is wrong with a certificate. */
static bool
certificate_problem(CaIdentityProblem *problem, CaCertificateStatus status)
{
	const char *code = "certificate_invalid";

	if (status == CA_CERTIFICATE_EXPIRED)
		code = "certificate_expired";
	else if (status == CA_CERTIFICATE_NOT_YET_VALID)
		code = "certificate_not_yet_valid";
	else if (status == CA_CERTIFICATE_UNTRUSTED)
		code = "certificate_untrusted";
	return ca_problem_identity(problem, code, "client certificate: %s",
							   ca_certificate_status_text(status));
}

bool
ca_svid_verify(CaCredential *c, CaIdentityProblem *problem)
{
	char	   *bundle = ca_registry_trust_bundle(c->trust_domain);
	CaValidity	validity;
	CaCertificateStatus status;

	if (bundle == NULL)
		return ca_problem_identity(problem, "trust_bundle_unknown",
								   "no trust bundle is registered for trust domain \"%s\"",
								   c->trust_domain);
	status = ca_certificate_verify(ca_peer_certificate(), bundle, strlen(bundle),
								   (int64) time(NULL), &validity);
	pfree(bundle);
	if (status != CA_CERTIFICATE_OK)
		return certificate_problem(problem, status);
	c->expires_at = ca_unix_to_timestamp(validity.not_after);
	c->refused_from = c->expires_at;
	c->not_before = ca_unix_to_timestamp(validity.not_before);
	return true;
}

bool
ca_svid_fill(CaCredential *c, CaIdentityProblem *problem)
{
	CaCertificate certificate;
	CaCertificateStatus status;
	char		hex[CA_SHA256_HEXLEN + 1];
	int			td_len;

	status = ca_certificate_parse(&ca_peer_certificate()->leaf, &certificate);
	if (status != CA_CERTIFICATE_OK)
		return certificate_problem(problem, status);
	if (!ca_spiffe_id_valid(certificate.uri, true, &td_len))
		return ca_problem_identity(problem, "certificate_invalid",
								   "the client certificate's URI is not a SPIFFE ID with a path");

	c->agent = pstrdup(certificate.uri);
	c->trust_domain = pnstrdup(c->agent + strlen("spiffe://"), td_len);
	c->issuer = psprintf("spiffe://%s", c->trust_domain);
	ca_digest_hex(certificate.sha256, hex);
	c->id = psprintf("x5t#S256:%s", hex);
	c->principals = palloc(sizeof(char *));
	c->principals[c->nprincipals++] = c->agent;
	c->claims = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
	return ca_svid_verify(c, problem);
}
