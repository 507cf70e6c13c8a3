/*-------------------------------------------------------------------------
 *
 * policy_key.h
 *	  By which key a policy is found.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_POLICY_KEY_H
#define CA_POLICY_POLICY_KEY_H

#include "policy/resource.h"

/*
 * The key of a policy with these principals and resources (Lists of char *),
 * palloc'd; "" when it can concern any request.  Never fails: what cannot be
 * understood gets "".
 */
extern char *ca_policy_key(const List *principals, const List *resources);

/*
 * The keys under which policies that can concern a request may stand: those of
 * its agent (a SPIFFE ID), "" among them, and those of each relation, or an
 * ancestor of one, or function that it touches.  Both append to keys.
 */
extern List *ca_policy_keys_of_agent(List *keys, const char *agent);
extern List *ca_policy_keys_of_object(List *keys, CaResourceKind kind,
									  const char *schema, const char *name);

#endif							/* CA_POLICY_POLICY_KEY_H */
