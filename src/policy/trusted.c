/*-------------------------------------------------------------------------
 *
 * trusted.c
 *	  Functions that may read unfiltered and unmasked.
 *
 * SECURITY: what such a function runs must be what its author meant: so the
 * caller's search_path must not reach it, and no agent may be its author.  Asked
 * when the policy is created and again when it is used, for functions change.
 * (test/sql/trusted.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "identity/session.h"
#include "policy/resource.h"
#include "policy/trusted.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Does the function set its search_path? */
static bool
pins_search_path(HeapTuple tuple)
{
	bool		isnull;
	Datum		config = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &isnull);
	Datum	   *settings;
	int			n;

	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
					  &settings, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		if (strncmp(TextDatumGetCString(settings[i]), "search_path=", 12) == 0)
			return true;
	}
	return false;
}

const char *
ca_trusted_objection(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	const char *objection = NULL;

	if (!HeapTupleIsValid(tuple))
		return "does not exist";
	if (!((Form_pg_proc) GETSTRUCT(tuple))->prosecdef)
		objection = "is not SECURITY DEFINER";
	else if (!pins_search_path(tuple))
		objection = "does not set search_path";
	else if (ca_role_governed(((Form_pg_proc) GETSTRUCT(tuple))->proowner))
		objection = "is owned by a governed role";
	ReleaseSysCache(tuple);
	return objection;
}

/* The same for all functions of a name. */
static char *
problem_of(const CaResource *resource)
{
	Oid			nsp = get_namespace_oid(resource->schema, true);
	CatCList   *functions = SearchSysCacheList1(PROCNAMEARGSNSP,
												CStringGetDatum(resource->name));
	const char *objection = "does not exist";

	for (int i = 0; i < functions->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		if (proc->pronamespace != nsp)
			continue;
		objection = ca_trusted_objection(proc->oid);
		if (objection != NULL)
			break;
	}
	ReleaseSysCacheList(functions);
	return objection == NULL ? NULL :
		psprintf("function %s.%s %s", resource->schema, resource->name, objection);
}

char *
ca_trusted_problem(CaEffect effect, const List *resources)
{
	ListCell   *lc;

	if (effect != CA_EFFECT_PERMIT)
		return pstrdup("only a permit can have it");
	foreach(lc, resources)
	{
		const CaResource *resource = lfirst(lc);
		char	   *problem;

		if (resource->kind != CA_RESOURCE_FUNCTION || !resource->exact)
			return pstrdup("every resource must name a function");
		problem = problem_of(resource);
		if (problem != NULL)
			return problem;
	}
	return NULL;
}
