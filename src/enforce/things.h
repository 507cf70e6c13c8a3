/*-------------------------------------------------------------------------
 *
 * things.h
 *	  What a question of who_can() and what_can() is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_THINGS_H
#define CA_ENFORCE_THINGS_H

#include "policy/authorize.h"

/* A relation, function, role; or, as a pattern, channels and what others have. */
typedef struct CaThing
{
	CaResourceKind kind;
	const char *text;			/* as a policy would name it */
	Oid			relid;			/* of a relation */
	Oid			funcid;			/* of a function */
	Bitmapset  *columns;		/* likewise: attribute numbers; NULL: all */
	const char *schema;			/* of a function; type of what others have */
	const char *name;			/* of all but relations */
	List	   *labels;			/* of a function */
	List	   *actions;		/* of char *: of what others have; NIL: see
								 * ca_thing_actions() */

	/* of a relation, filled in by parts.c */
	bool		prepared;
	List	   *parts;			/* of Bitmapset *: columns decided alike */
	List	   *readings;		/* of a view: what it has been asked about */
} CaThing;

/*
 * The things that a resource names, as a List of CaThing in the current memory
 * context.  Raises 22023, naming the argument resource, for what is not written as
 * policies do, or names one thing that does not exist.
 */
extern List *ca_things_named(const CaPolicySet *set, const char *resource);

/*
 * All things that policies of the set can open to an agent.  What the server
 * brings along is among them only when a policy names it that it did not bring.
 */
extern List *ca_things_all(const CaPolicySet *set, const CaIdentity *identity);

/* What an agent can do with a thing of that kind; n is 0: anything. */
extern const char *const *ca_thing_actions(CaResourceKind kind, int *n);

#endif							/* CA_ENFORCE_THINGS_H */
