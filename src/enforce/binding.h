/*-------------------------------------------------------------------------
 *
 * binding.h
 *	  What exactly an approval is for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_BINDING_H
#define CA_ENFORCE_BINDING_H

#include "approval/requests.h"
#include "enforce/escalation.h"
#include "enforce/note.h"
#include "identity/identity.h"
#include "nodes/params.h"

/* The top-level statement, as far as an approval is bound to it. */
typedef struct CaSource
{
	const CaPlanNote *note;		/* of its own plan; NULL: a command */
	ParamListInfo params;		/* bound, may be NULL */
	bool		planning;		/* it is planned, and does not run yet */
	const char *text;			/* as sent; the statement is len bytes at */
	int			location;		/* location, as in a PlannedStmt */
	int			len;
} CaSource;

/*
 * Bind what escalates to the identity, the text of the top-level statement,
 * what that was resolved to, and its parameters.  nested is the plan that
 * escalates when it is not the statement's own, NULL otherwise or for an
 * object; what an object is stands in the escalation.
 */
extern CaBinding ca_binding(const CaIdentity *identity, const CaSource *source, const CaPlanNote *nested,
							const CaEscalation *escalation);

/*
 * The same of a question of others: what (of char *) is asked is what a statement
 * is there, the digest of the whole request its parameters.
 */
extern CaBinding ca_binding_of_question(const CaIdentity *identity, const List *what,
										const unsigned char *request,
										const CaEscalation *escalation);

#endif							/* CA_ENFORCE_BINDING_H */
