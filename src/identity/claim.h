/*-------------------------------------------------------------------------
 *
 * claim.h
 *	  Claims of the verified token and attributes of the registered agent.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_CLAIM_H
#define CA_IDENTITY_CLAIM_H

#include "identity/identity.h"

/* A claim of a given identity; no look-up, no check. */
extern char *ca_identity_claim(const CaIdentity *identity, const char *name);

/*
 * While a condition is evaluated: whom it is about, who need not be the
 * session's own identity.  NULL: the session's.
 */
extern const CaIdentity *ca_claim_subject;

/*
 * A claim of the verified token as text: strings without quotes, everything
 * else as JSON.  NULL when there is no valid identity or no such claim.  The
 * result is palloc'd.
 */
extern char *ca_claim_text(const char *name);

/* The same for an attribute of the registered agent. */
extern char *ca_attribute_text(const char *name);

#endif							/* CA_IDENTITY_CLAIM_H */
