/*-------------------------------------------------------------------------
 *
 * role.c
 *	  What the role that makes sessions governed keeps from happening.
 *
 * SECURITY: sessions are governed through membership in contauth_agent, which
 * is found by name.  Without a check, whoever may create roles could end the
 * governance of every agent at once, by renaming the role and leaving no other
 * trace.  (test/sql/wiring.sql)
 *
 * SECURITY: a replication connection copies the files of the server past every
 * hook.  contauth.enroll_role() refuses roles that may replicate, and this
 * file those that may since then.  (test/t/013_tamper.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "enforce/role.h"
#include "identity/session.h"
#include "nodes/parsenodes.h"
#include "replication/walsender.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

/* Has the role, which may not exist, any member? */
static bool
has_members(const char *name)
{
	Oid			role = get_role_oid(name, true);
	CatCList   *members;
	bool		found;

	if (!OidIsValid(role))
		return false;
	members = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));
	found = members->n_members > 0;
	ReleaseSysCacheList(members);
	return found;
}

static bool
drops_it(const DropRoleStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->roles)
	{
		const RoleSpec *role = lfirst_node(RoleSpec, lc);

		if (role->roletype == ROLESPEC_CSTRING &&
			strcmp(role->rolename, CA_AGENT_ROLE) == 0)
			return true;
	}
	return false;
}

static bool
renames_it(const RenameStmt *stmt)
{
	return stmt->renameType == OBJECT_ROLE &&
		strcmp(stmt->subname, CA_AGENT_ROLE) == 0;
}

void
ca_role_keep(const Node *command)
{
	if (!(IsA(command, DropRoleStmt) && drops_it((const DropRoleStmt *) command)) &&
		!(IsA(command, RenameStmt) && renames_it((const RenameStmt *) command)))
		return;
	if (IsTransactionState() && has_members(CA_AGENT_ROLE))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("role \"%s\" cannot be dropped or renamed while it has members",
						CA_AGENT_ROLE),
				 errdetail("The sessions of its members would not be governed any more."),
				 errhint("Use contauth.unenroll_role() for each of them first.")));
}

/* Called inside the transaction in which the backend starts. */
void
ca_role_authenticated(const Port *port)
{
	Oid			role;
	Oid			agents;

	if (!am_walsender)
		return;
	role = get_role_oid(port->user_name, true);
	agents = get_role_oid(CA_AGENT_ROLE, true);
	if (OidIsValid(role) && OidIsValid(agents) &&
		is_member_of_role_nosuper(role, agents))
		ereport(FATAL,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for a replication connection of an agent"),
				 errdetail("Role \"%s\" is a member of \"%s\".",
						   port->user_name, CA_AGENT_ROLE)));
}
