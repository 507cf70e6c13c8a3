/*-------------------------------------------------------------------------
 *
 * separation.c
 *	  Who may answer requests: never who asks.
 *
 * SECURITY: GRANT alone would let a function of somebody else's, SET ROLE or an
 * approver who is also the root of the chain answer.  So the authenticated, the
 * session and the current role are all looked at, and each must be an approver,
 * and none may be anybody in the request.  (test/sql/approval.sql)
 *
 * A role is a principal when contauth.principal says so; besides, when it has
 * the name of the principal, of its part behind "iss|", or of the agent's
 * owner.  Names are compared without case: better one approver less.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/separation.h"
#include "base/catalog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

CaActors
ca_actors(void)
{
	CaActors	actors = {{GetAuthenticatedUserId(), GetSessionUserId(), GetUserId()}};

	return actors;
}

void
ca_actors_require(const CaActors *actors, const char *role, const char *what)
{
	Oid			required = get_role_oid(role, true);

	if (ca_session_governed())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("a governed session cannot %s", what)));
	for (int i = 0; i < CA_NACTORS; i++)
	{
		Oid			actor = actors->roles[i];

		if (!superuser_arg(actor) &&
			!(OidIsValid(required) && is_member_of_role_nosuper(actor, required)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to %s", what),
					 errdetail("Role \"%s\" is not a member of \"%s\".",
							   GetUserNameFromId(actor, false), role)));
	}
}

/* What stands behind "iss|" in a principal; the principal without one. */
static const char *
subject_of(const char *principal)
{
	const char *bar = strchr(principal, '|');

	return bar != NULL ? bar + 1 : principal;
}

/* Is a name, of a role or one of its principals, this principal? */
static bool
names(const char *name, const char *principal)
{
	return principal != NULL &&
		(pg_strcasecmp(name, principal) == 0 ||
		 pg_strcasecmp(name, subject_of(principal)) == 0);
}

/* The principals of the request's chain, as a list of strings. */
static List *
chain_principals(const CaRequestRow *row)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	bool		is_principal = false;
	List	   *principals = list_make1(row->agent);

	if (row->on_behalf_of != NULL)
		principals = lappend(principals, row->on_behalf_of);
	if (row->chain == NULL)
		return principals;
	it = JsonbIteratorInit(&row->chain->root);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			is_principal = v.val.string.len == strlen("principal") &&
				strncmp(v.val.string.val, "principal", v.val.string.len) == 0;
		else if (token == WJB_VALUE && is_principal && v.type == jbvString)
			principals = lappend(principals,
								 pnstrdup(v.val.string.val, v.val.string.len));
	}
	return principals;
}

/* The role's name, and the principals that it is said to be. */
static List *
names_of_role(const char *role)
{
	Oid			types[] = {NAMEOID};
	Datum		args[] = {DirectFunctionCall1(namein, CStringGetDatum(role))};
	List	   *list = list_make1(pstrdup(role));

	if (SPI_execute_with_args("SELECT principal FROM contauth.principal"
							  " WHERE db_role OPERATOR(pg_catalog.=) $1",
							  1, types, args, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read contauth.principal");
	for (uint64 i = 0; i < SPI_processed; i++)
		list = lappend(list, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
	return list;
}

/* Is any of the names this principal, itself or as the principal's subject? */
static bool
any_names(const List *list, const char *principal)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		const char *name = lfirst(lc);

		/* the first is a role's name, the others are principals themselves */
		if (names(name, principal) ||
			(principal != NULL && pg_strcasecmp(subject_of(name), principal) == 0))
			return true;
	}
	return false;
}

static void
separate(Oid actor, const CaRequestRow *row)
{
	char	   *role = GetUserNameFromId(actor, false);
	List	   *list = names_of_role(role);
	ListCell   *lc;

	if (row->db_role != NULL && strcmp(role, row->db_role) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the requester cannot approve its own request")));
	foreach(lc, chain_principals(row))
	{
		if (any_names(list, lfirst(lc)))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("%s is in the delegation chain of the request", role)));
	}
	if (any_names(list, row->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("%s owns the agent of the request", role)));
}

void
ca_actors_separate(const CaActors *actors, const CaRequestRow *row)
{
	for (int i = 0; i < CA_NACTORS; i++)
		separate(actors->roles[i], row);
}
