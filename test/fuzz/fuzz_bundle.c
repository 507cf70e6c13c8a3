/*-------------------------------------------------------------------------
 *
 * fuzz_bundle.c
 *	  libFuzzer harness of trust bundles: ca_bundle_check().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <openssl/err.h>

#include "crypto/bundle.h"

#include "arena.h"
#include "fuzz.h"

/* Every member of a sound bundle may sign, and one of them is an anchor. */
static void
check_members(CaX509List *list)
{
	bool		root = false;

	PROMISE(sk_X509_num(list) >= 1 &&
			sk_X509_num(list) <= CA_BUNDLE_MAX_CERTIFICATES);
	for (int i = 0; i < sk_X509_num(list); i++)
	{
		X509	   *x = sk_X509_value(list, i);

		PROMISE(ca_bundle_is_authority(x));
		PROMISE(EVP_PKEY_get_security_bits(X509_get0_pubkey(x)) >= 112);
		root |= X509_self_signed(x, 1) == 1;
	}
	PROMISE(root);
}

/* Nothing but white space may follow. */
static void
check_tail(const char *pem, size_t size)
{
	char	   *longer = palloc(size + 1);

	memcpy(longer, pem, size);
	longer[size] = '\n';
	PROMISE(ca_bundle_check(longer, size + 1) == CA_CERTIFICATE_OK);
	longer[size] = '\0';
	PROMISE(ca_bundle_check(longer, size + 1) == CA_BUNDLE_MALFORMED);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	const char *pem = (const char *) data;
	int			before = arena_live();
	CaCertificateStatus status = ca_bundle_check(pem, size);
	CaCertificateStatus again;
	CaX509List *list;

	PROMISE(ERR_peek_error() == 0 && arena_live() == before);
	PROMISE(status == CA_CERTIFICATE_OK || status >= CA_BUNDLE_TOO_LONG);
	list = ca_bundle_read(pem, size, &again);
	ERR_clear_error();
	PROMISE(again == status && (list != NULL) == (status == CA_CERTIFICATE_OK));
	if (list == NULL)
		return;
	check_members(list);
	sk_X509_pop_free(list, X509_free);
	check_tail(pem, size);
}
