/*-------------------------------------------------------------------------
 *
 * svid.h
 *	  The X.509-SVID of this connection as a credential.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_SVID_H
#define CA_IDENTITY_SVID_H

#include "identity/credential.h"

/*
 * Fill in a credential from the certificate that the client presented, which
 * there must be, in the current memory context.  False: it is no valid SVID.
 */
extern bool ca_svid_fill(CaCredential *credential, CaIdentityProblem *problem);

/*
 * Verify it against the trust bundle as it is now, and set the credential's
 * times to those of the chain that was found.
 */
extern bool ca_svid_verify(CaCredential *credential, CaIdentityProblem *problem);

#endif							/* CA_IDENTITY_SVID_H */
