/*-------------------------------------------------------------------------
 *
 * bound.h
 *	  What a delegation chain leaves of what the policy allows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_BOUND_H
#define CA_POLICY_BOUND_H

#include "policy/relation.h"

/*
 * Hold a verdict about columns of a relation against the authority of every
 * hop of the identity's chain.  When one does not reach, the verdict becomes a
 * denial and the result says which, in the current memory context; otherwise
 * it is NULL.
 */
extern char *ca_bound_relation(const CaRelation *relation,
							   const CaRequest *request,
							   const Bitmapset *columns,
							   CaVerdict *verdict);

/* The same for a function, role or channel; schema may be NULL. */
extern char *ca_bound_object(CaResourceKind kind, const char *schema,
							 const char *name,
							 const CaRequest *request,
							 CaVerdict *verdict);

#endif							/* CA_POLICY_BOUND_H */
