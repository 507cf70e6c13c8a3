/*-------------------------------------------------------------------------
 *
 * derivation.h
 *	  What views and materialized views are computed from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_DERIVATION_H
#define CA_POLICY_DERIVATION_H

#include "access/attnum.h"
#include "nodes/pg_list.h"

/*
 * The classes (of char *) of all that a view's column is computed from or, for
 * attnum 0, the view; NIL for other relations.
 */
extern List *ca_derived_classes(Oid relid, AttrNumber attnum);

#endif							/* CA_POLICY_DERIVATION_H */
