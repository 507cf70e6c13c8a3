/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  What the administrators have registered: issuers and agents.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_REGISTRY_H
#define CA_IDENTITY_REGISTRY_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/itemptr.h"
#include "token/token.h"
#include "utils/jsonb.h"

/* A row of contauth.agent. */
typedef struct CaAgent
{
	char	   *spiffe_id;
	char	   *owner;
	char	   *state;			/* active, suspended or retired */
	List	   *db_roles;		/* of char * */
	int			autonomy;		/* 1..5 */
	Jsonb	   *attributes;
	TimestampTz expires_at;
	/* version of the row, to see whether it has changed */
	TransactionId row_xmin;
	ItemPointerData row_tid;
} CaAgent;

/*
 * Register the invalidation callback; once per backend, from _PG_init.
 */
extern void ca_registry_init(void);

/* Changes whenever issuers or agents may have changed. */
extern uint64 ca_registry_generation(void);

/* The agent of that SPIFFE ID, in the current memory context, or NULL. */
extern CaAgent *ca_registry_agent(const char *spiffe_id);

/*
 * Check a token's signature with the keys of the issuers bound to a trust
 * domain.  CA_TOKEN_OK: *issuer is the issuer's name and key_digest the
 * digest of the key that fits.  *known tells whether the trust domain has any
 * issuer at all.
 */
extern CaTokenStatus ca_registry_verify(const CaToken *token,
										const char *trust_domain,
										char **issuer, bool *known,
										unsigned char key_digest[CA_SHA256_LEN]);

/* Does the issuer still have this key under this kid? */
extern bool ca_registry_key_current(const char *issuer, const char *kid,
									const unsigned char key_digest[CA_SHA256_LEN]);

#endif							/* CA_IDENTITY_REGISTRY_H */
