/*-------------------------------------------------------------------------
 *
 * keyring.h
 *	  The keys of issuers and agents, parsed once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_KEYRING_H
#define CA_IDENTITY_KEYRING_H

#include "nodes/pg_list.h"
#include "token/token.h"

/* The key set of one row of contauth.issuer or contauth.agent_key. */
typedef struct CaKeySet
{
	char	   *issuer;			/* NULL: of an agent */
	char	   *trust_domain;	/* that the issuer is bound to; NULL: agent */
	char	   *json;			/* in UTF-8; NULL once it has been parsed */
	CaJwks	   *keys;			/* NULL: not parsed yet, or not usable */
} CaKeySet;

/*
 * A relation has changed, or any when it is InvalidOid.  True: what is kept
 * may be out of date.
 */
extern bool ca_keyring_changed(Oid relid);

/*
 * The key sets (List of CaKeySet *) of all issuers, or of an agent; good until
 * the next call.
 */
extern const List *ca_keyring_issuers(void);
extern const List *ca_keyring_agent(const char *spiffe_id);

/* The keys of a set, parsed now if need be; NULL: none can be used. */
extern const CaJwks *ca_keyset_keys(CaKeySet *set);

#endif							/* CA_IDENTITY_KEYRING_H */
