/*-------------------------------------------------------------------------
 *
 * cascade.h
 *	  Rows that a write reaches through referential actions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_CASCADE_H
#define CA_ENFORCE_CASCADE_H

#include "policy/authorize.h"

/*
 * What ON DELETE and ON UPDATE actions do to other relations when rows of
 * relid are deleted, or updated in these columns, as a List of CaAccess:
 * delete for CASCADE, update for SET NULL and SET DEFAULT and for the
 * CASCADE of an update; followed to the end, each relation and action once.
 */
extern List *ca_cascade(Oid relid, const char *action,
						const Bitmapset *columns);

#endif							/* CA_ENFORCE_CASCADE_H */
