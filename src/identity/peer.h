/*-------------------------------------------------------------------------
 *
 * peer.h
 *	  The TLS client certificate of this connection.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_PEER_H
#define CA_IDENTITY_PEER_H

#include "crypto/certificate.h"

/*
 * The certificate that the client presented, with the others it sent; NULL
 * without TLS or without a certificate.  Lives as long as the connection.
 */
extern const CaCertificateChain *ca_peer_certificate(void);

/* SHA-256 of its DER (RFC 8705 section 3.1); NULL without a certificate. */
extern const unsigned char *ca_peer_sha256(void);

#endif							/* CA_IDENTITY_PEER_H */
