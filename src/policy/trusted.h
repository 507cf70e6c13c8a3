/*-------------------------------------------------------------------------
 *
 * trusted.h
 *	  Functions that may read unfiltered and unmasked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_TRUSTED_H
#define CA_POLICY_TRUSTED_H

#include "nodes/pg_list.h"
#include "policy/decide.h"

/*
 * Why a function cannot be trusted, NULL when it can: it must be SECURITY
 * DEFINER with a search_path of its own, and not owned by a governed role.
 */
extern const char *ca_trusted_objection(Oid funcid);

/*
 * Why a policy that says "trusted" cannot be one, NULL when it can: it must be
 * a permit that names functions, all of which can be trusted.  resources: of
 * CaResource *.
 */
extern char *ca_trusted_problem(CaEffect effect, const List *resources);

#endif							/* CA_POLICY_TRUSTED_H */
