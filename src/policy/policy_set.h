/*-------------------------------------------------------------------------
 *
 * policy_set.h
 *	  The policies of this database that this backend has met.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_POLICY_SET_H
#define CA_POLICY_POLICY_SET_H

#include "policy/store.h"

typedef struct CaPolicySet
{
	uint64		generation;		/* never used twice in a backend */
	int64		version;		/* contauth.policy_version */
	uint64		last_serial;	/* of the policy read last */
	List	   *policies;		/* of CaPolicy *, enabled ones, by name */
	MemoryContext context;
} CaPolicySet;

/* Register the invalidation callback; once per backend, from _PG_init. */
extern void ca_policy_set_init(void);

/*
 * The set in force, in which all policies are found that can concern requests
 * of the identity with these keys (of char *, see policy_key.h).  All are of
 * one version.  The result is good until the next call.
 */
extern const CaPolicySet *ca_policy_set(const CaIdentity *identity, const List *keys);

/* The same with all policies that there are, whomever they concern. */
extern const CaPolicySet *ca_policy_set_whole(void);

/* Of the set in force; 0: there is none, or it has to be begun anew. */
extern uint64 ca_policy_set_generation(void);
extern int64 ca_policy_set_version(void);

#endif							/* CA_POLICY_POLICY_SET_H */
