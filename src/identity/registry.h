/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  What the administrators have registered: issuers, agents, their keys, trust bundles.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_REGISTRY_H
#define CA_IDENTITY_REGISTRY_H

#include "base/catalog.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/itemptr.h"
#include "token/token.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

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

/* Changes whenever issuers, agents or trust bundles may have changed. */
extern uint64 ca_registry_generation(void);

/* It is to change also with a table that is read by others. */
extern void ca_registry_watch(CaTable table);

/* It changes now: something is known to have changed that is still to arrive. */
extern void ca_registry_advance(void);

/* The agent of that SPIFFE ID, in the current memory context, or NULL. */
extern CaAgent *ca_registry_agent(const char *spiffe_id);

/* The SPIFFE IDs (of char *) of all agents that are not retired, in order. */
extern List *ca_registry_agents(void);

/* A row of contauth.break_glass_grant that is open; until is 0: there is none. */
typedef struct CaBreakGlass
{
	pg_uuid_t	id;
	TimestampTz until;			/* it ends by itself */
} CaBreakGlass;

/* The one that is open for the agent at that time. */
extern CaBreakGlass ca_registry_break_glass(const char *spiffe_id, TimestampTz now);

/* Who has signed a token or grant, and with which key. */
typedef struct CaSigner
{
	bool		is_agent;		/* an agent's own key, not an issuer's */
	char	   *name;			/* the agent's SPIFFE ID, or the issuer */
	char	   *trust_domain;	/* that the issuer is bound to; NULL: agent */
	char	   *kid;			/* of the token, in UTF-8; NULL: it has none */
	unsigned char key_digest[CA_SHA256_LEN];
} CaSigner;

/*
 * Check a signature with the keys of the issuer of that name or, when it is
 * NULL, with those of every issuer bound to the trust domain.  CA_TOKEN_OK:
 * *signer is filled in, in the current memory context.  *known tells whether
 * there is any such issuer.
 */
extern CaTokenStatus ca_registry_verify_issuer(const CaToken *token,
											   const char *issuer,
											   const char *trust_domain,
											   CaSigner *signer, bool *known);

/* The same with the keys registered for an agent. */
extern CaTokenStatus ca_registry_verify_agent(const CaToken *token,
											  const char *spiffe_id,
											  CaSigner *signer, bool *known);

/* Is the signer still trusted with that key? */
extern bool ca_registry_signer_current(const CaSigner *signer);

/*
 * The CA certificates of a trust domain, PEM in the current memory context;
 * NULL when it has no bundle.
 */
extern char *ca_registry_trust_bundle(const char *trust_domain);

#endif							/* CA_IDENTITY_REGISTRY_H */
