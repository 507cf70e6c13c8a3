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

/*
 * Refuse an action on an object, as the answer says, unless it escalates and is
 * approved.  False: decide again, as ca_escalate() says.  noun: what it is,
 * where its name alone does not tell; may be NULL.
 */
extern bool ca_object_refuse(const CaObjectAnswer *answer, const char *action,
							 const char *noun, const char *object);

/*
 * Decide an action on a role or channel; refuses a denial.  True: it escalates.
 * There must be a valid identity.
 */
extern bool ca_object_weigh(const char *action, CaResourceKind kind,
							const char *name, CaObjectAnswer *answer);

/*
 * Decide an action on a role or channel; refuses when it is not permitted.
 * There must be a valid identity.
 */
extern void ca_object_check(const char *action, CaResourceKind kind,
							const char *name);

/*
 * Decide an action on a relation as a whole; refuses when it is not permitted
 * or, with all_rows, when row filters or masks would have to be applied, which
 * the command cannot do.  There must be a valid identity.
 */
extern void ca_relation_check(Oid relid, const char *action, bool all_rows);

/*
 * Decide an action that writes columns (attribute numbers) of new rows; refuses
 * when it is not permitted or one of them is masked.  True when each row has to
 * be looked at: a row filter must hold for it, or a limit counts it.
 */
extern bool ca_relation_check_write(Oid relid, const char *action,
									Bitmapset *columns);

#endif							/* CA_ENFORCE_OBJECT_H */
