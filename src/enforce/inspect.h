/*-------------------------------------------------------------------------
 *
 * inspect.h
 *	  What a query calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_INSPECT_H
#define CA_ENFORCE_INSPECT_H

#include "nodes/parsenodes.h"

typedef struct CaInspection
{
	List	   *functions;		/* OIDs of functions that are not the
								 * server's, and of pg_notify() */
	bool		runs_code;		/* calls a function that can run statements */

	/*
	 * Nothing but a presentation of an identity: a SELECT without relations
	 * that calls authenticate(), whoami() or set_config(), and besides only
	 * immutable functions of pg_catalog.  It may run without an identity.
	 */
	bool		presents;
	bool		sets_token;		/* set_config() of contauth.token */
	bool		sets_unknown;	/* set_config() of a name that is computed */
	char	   *takes_role;		/* set_config() of role: the role, or "" */
} CaInspection;

/* Look into every expression of the query, at every depth. */
extern CaInspection ca_inspect(Query *query);

/* Does the query read a relation, or do anything but read? */
extern bool ca_inspect_touches_data(Query *query);

/* May the function run without an identity, to present one? */
extern bool ca_function_presents_identity(Oid funcid);

#endif							/* CA_ENFORCE_INSPECT_H */
