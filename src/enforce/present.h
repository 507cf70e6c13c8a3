/*-------------------------------------------------------------------------
 *
 * present.h
 *	  What a governed session may do before it has an identity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_PRESENT_H
#define CA_ENFORCE_PRESENT_H

#include "nodes/parsenodes.h"

/*
 * Is the query nothing but a presentation of an identity: a SELECT without
 * relations that calls authenticate(), whoami() or set_config(), and besides
 * only immutable functions of pg_catalog?
 */
extern bool ca_query_presents_identity(Query *query);

/* The same for a single function, as the fast-path protocol calls it. */
extern bool ca_function_presents_identity(Oid funcid);

#endif							/* CA_ENFORCE_PRESENT_H */
