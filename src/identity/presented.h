/*-------------------------------------------------------------------------
 *
 * presented.h
 *	  What the client has presented: contauth.token and contauth.delegation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_PRESENTED_H
#define CA_IDENTITY_PRESENTED_H

#include "crypto/digest.h"
#include "utils/guc.h"

/* What a setting holds: one flat chunk, owned by the settings code. */
typedef struct CaPresented
{
	unsigned char sha256[CA_SHA256_LEN];	/* of text */
	LocalTransactionId lxid;	/* of the transaction it was set in, or 0 */
	size_t		len;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} CaPresented;

/*
 * While set, what is presented can be neither replaced nor dropped: a
 * statement runs that does more than that, and it has one identity.
 */
extern bool ca_identity_locked;

/*
 * What is presented now, or NULL.  Where the identity's scope is the
 * transaction, what was set in an earlier one is not.
 */
extern const CaPresented *ca_presented_token(void);
extern const CaPresented *ca_presented_delegation(void);

/* Are there grants among it? */
extern bool ca_presented_is_delegated(void);

/* Is it one of the settings by which an identity is presented? */
extern bool ca_presented_setting(const char *name);

/* Hooks of the settings. */
extern bool ca_presented_check_token(char **newval, void **extra,
									 GucSource source);
extern void ca_presented_assign_token(const char *newval, void *extra);
extern bool ca_presented_check_delegation(char **newval, void **extra,
										  GucSource source);
extern void ca_presented_assign_delegation(const char *newval, void *extra);

/*
 * Set both settings: inside a transaction block for the transaction, outside
 * for the session.  delegation is a JSON array, or NULL for none.
 */
extern void ca_presented_set(const char *token, const char *delegation);

/* Forget both, as RESET ALL and DISCARD ALL ask for. */
extern void ca_presented_clear(void);

#endif							/* CA_IDENTITY_PRESENTED_H */
