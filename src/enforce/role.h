/*-------------------------------------------------------------------------
 *
 * role.h
 *	  What the role that makes sessions governed keeps from happening.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ROLE_H
#define CA_ENFORCE_ROLE_H

#include "libpq/libpq-be.h"
#include "nodes/nodes.h"

/* Refuse a command that would drop or rename it; asked in every session. */
extern void ca_role_keep(const Node *command);

/* Refuse replication to an agent's role that has just been authenticated. */
extern void ca_role_authenticated(const Port *port);

#endif							/* CA_ENFORCE_ROLE_H */
