/*-------------------------------------------------------------------------
 *
 * role.h
 *	  The role that makes sessions governed cannot go while it has members.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ROLE_H
#define CA_ENFORCE_ROLE_H

#include "nodes/nodes.h"

/* Refuse a command that would drop or rename it; asked in every session. */
extern void ca_role_keep(const Node *command);

#endif							/* CA_ENFORCE_ROLE_H */
