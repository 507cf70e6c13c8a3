/*-------------------------------------------------------------------------
 *
 * role.c
 *	  The role that makes sessions governed cannot go while it has members.
 *
 * SECURITY: sessions are governed through membership in contauth_agent, which
 * is found by name.  Without this check, whoever may create roles could end
 * the governance of every agent at once, by renaming the role and leaving no
 * other trace.  (test/sql/wiring.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaddress.h"
#include "enforce/role.h"
#include "identity/session.h"
#include "nodes/parsenodes.h"
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
