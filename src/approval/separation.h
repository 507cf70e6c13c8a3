/*-------------------------------------------------------------------------
 *
 * separation.h
 *	  Who may answer requests: never who asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_APPROVAL_SEPARATION_H
#define CA_APPROVAL_SEPARATION_H

#include "approval/request_table.h"

#define CA_APPROVER_ROLE	"contauth_approver"
#define CA_ADMIN_ROLE		"contauth_admin"

/* The roles that a session acts as: whoever it is by any of them, it is. */
#define CA_NACTORS	3

typedef struct CaActors
{
	Oid			roles[CA_NACTORS];	/* authenticated, session, current */
} CaActors;

/* Those of this session, to be asked for before changing the user. */
extern CaActors ca_actors(void);

/*
 * Refuse a session that is governed, or one of whose roles is neither a member
 * of the role nor a superuser.
 */
extern void ca_actors_require(const CaActors *actors, const char *role,
							  const char *what);

/*
 * Refuse to let them approve this request, because they made it, it is made on
 * their behalf, or they own the agent.  Needs SPI, with the privileges of the
 * extension's owner.
 */
extern void ca_actors_separate(const CaActors *actors, const CaRequestRow *row);

#endif							/* CA_APPROVAL_SEPARATION_H */
