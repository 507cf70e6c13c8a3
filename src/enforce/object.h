/*-------------------------------------------------------------------------
 *
 * object.h
 *	  Actions on whole objects: roles, channels, relations, functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_OBJECT_H
#define CA_ENFORCE_OBJECT_H

#include "policy/authorize.h"

/* The subject of a decision made while a statement runs. */
extern CaSubject ca_object_subject(const CaIdentity *identity);

/* Refuse an action on an object, as the answer says. */
extern void ca_object_refuse(const CaObjectAnswer *answer, const char *action,
							 const char *object);

/*
 * Decide an action on a role or channel; refuses when it is not permitted.
 * There must be a valid identity.
 */
extern void ca_object_check(const char *action, CaResourceKind kind,
							const char *name);

/*
 * Decide an action on a relation as a whole, with the columns it touches
 * (attribute numbers); refuses when it is not permitted or, with all_rows,
 * when row filters or masks would have to be applied, which the command
 * cannot do.  There must be a valid identity.
 */
extern void ca_relation_check(Oid relid, const char *action,
							  Bitmapset *columns, bool all_rows);

#endif							/* CA_ENFORCE_OBJECT_H */
