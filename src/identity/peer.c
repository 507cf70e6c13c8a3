/*-------------------------------------------------------------------------
 *
 * peer.c
 *	  The TLS client certificate of this connection.
 *
 * The server asks for one when ssl_ca_file is set, and has checked that the
 * client holds its key and that some CA of that file issued it.  That is not
 * enough for an agent: whom the certificate names, and which authority may
 * say so, is for identity.c to decide.
 *
 * A connection keeps the certificate it began with, so the DER is copied once,
 * into a memory context of its own that is never let go.  Parallel workers
 * have no connection, and therefore no peer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/peer.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* What is known about the connection's peer. */
typedef struct CaPeer
{
	bool		known;			/* has been looked at */
	bool		present;
	CaCertificateChain chain;
	unsigned char sha256[CA_SHA256_LEN];
} CaPeer;

static CaPeer peer;

#ifdef USE_OPENSSL

static MemoryContext peer_context = NULL;

/* A certificate in DER, allocated in peer_context. */
static CaDer
copy_der(X509 *x)
{
	CaDer		der = {NULL, 0};
	int			len = i2d_X509(x, NULL);
	unsigned char *data;
	unsigned char *end;

	if (len <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("client certificate could not be read")));
	data = end = MemoryContextAlloc(peer_context, len);
	(void) i2d_X509(x, &end);
	der.data = data;
	der.len = len;
	return der;
}

/* The certificates that came with the client's, in DER. */
static const CaDer *
copy_intermediates(SSL *ssl, int *count)
{
	STACK_OF(X509) * sent = SSL_get_peer_cert_chain(ssl);
	CaDer	   *list;

	/* on the server's side the client's own certificate is not in it */
	*count = sent != NULL ? sk_X509_num(sent) : 0;
	if (*count == 0)
		return NULL;
	list = MemoryContextAlloc(peer_context, *count * sizeof(CaDer));
	for (int i = 0; i < *count; i++)
		list[i] = copy_der(sk_X509_value(sent, i));
	return list;
}

/* Copy what the TLS connection knows of its peer; it owns the handles. */
static void
read_peer(SSL *ssl)
{
	X509	   *x = SSL_get0_peer_certificate(ssl);

	if (x == NULL)
		return;
	if (peer_context == NULL)
		peer_context = AllocSetContextCreate(TopMemoryContext,
											 "contauth peer",
											 ALLOCSET_SMALL_SIZES);
	MemoryContextReset(peer_context);
	peer.chain.leaf = copy_der(x);
	peer.chain.intermediates =
		copy_intermediates(ssl, &peer.chain.nintermediates);
	if (!ca_sha256(peer.chain.leaf.data, peer.chain.leaf.len, peer.sha256))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("client certificate could not be read")));
	peer.present = true;
}
#endif							/* USE_OPENSSL */

/* Look at the connection, once; after an error, again at the next call. */
static void
look_once(void)
{
	if (peer.known || MyProcPort == NULL)
		return;
#ifdef USE_OPENSSL
	if (MyProcPort->ssl_in_use && MyProcPort->ssl != NULL)
		read_peer(MyProcPort->ssl);
#endif
	peer.known = true;
}

const CaCertificateChain *
ca_peer_certificate(void)
{
	look_once();
	return peer.present ? &peer.chain : NULL;
}

const unsigned char *
ca_peer_sha256(void)
{
	look_once();
	return peer.present ? peer.sha256 : NULL;
}
