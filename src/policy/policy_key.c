/*-------------------------------------------------------------------------
 *
 * policy_key.c
 *	  By which key a policy is found.
 *
 * A database may have ten thousand policies for ten thousand agents, of which
 * a session meets a handful.  So every policy has one key, kept beside it in
 * an indexed column, and a session reads only the keys that its requests can
 * have:
 *
 *	  pID			the one agent that the policy is for
 *	  rSCHEMA\nNAME	the one relation
 *	  fSCHEMA\nNAME	the one function
 *	  pPATH/		agents below a path of SPIFFE IDs
 *	  sSCHEMA		relations of one schema
 *	  gSCHEMA		functions of one schema
 *	  (empty)		anything else
 *
 * A policy gets the first of these that holds for all it says.
 *
 * SECURITY: a policy that can match a request must have one of the keys of
 * that request: a forbid that is not found is not obeyed.  What is in doubt
 * therefore gets the empty key.  (test/sql/policy_key.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/policy_key.h"

#define SPIFFE_SCHEME	"spiffe://"

/* Length of a principal's part that every agent it matches begins with. */
static size_t
fixed_length(const char *principal)
{
	return strcspn(principal, "*");
}

/* Shorten len until the text ends with the last "/" within it. */
static size_t
directory_length(const char *text, size_t len)
{
	while (len > 0 && text[len - 1] != '/')
		len--;
	return len;
}

/* Length of the longest path, with its last "/", that all principals share. */
static size_t
common_path(const List *principals)
{
	const char *first = linitial(principals);
	size_t		len = fixed_length(first);
	ListCell   *lc;

	foreach(lc, principals)
	{
		const char *principal = lfirst(lc);
		size_t		i = 0;

		len = Min(len, fixed_length(principal));
		while (i < len && principal[i] == first[i])
			i++;
		len = i;
	}
	len = directory_length(first, len);
	return len > strlen(SPIFFE_SCHEME) ? len : 0;
}

/* A trust domain alone selects little: its path is the scheme and one name. */
static bool
is_trust_domain(const char *path, size_t len)
{
	return memchr(path + strlen(SPIFFE_SCHEME), '/', len - strlen(SPIFFE_SCHEME)) ==
		path + len - 1;
}

/* The schema that all resources lie in, all being of the same kind, or NULL. */
static const char *
common_schema(const List *resources)
{
	const CaResource *first = linitial(resources);
	ListCell   *lc;

	foreach(lc, resources)
	{
		const CaResource *r = lfirst(lc);

		if (r->kind != first->kind ||
			(r->kind != CA_RESOURCE_RELATION && r->kind != CA_RESOURCE_FUNCTION) ||
			(!r->exact && strchr(r->schema, '*') != NULL) ||
			strcmp(r->schema, first->schema) != 0)
			return NULL;
	}
	return first->schema;
}

/* The one name that all resources of a schema have, or NULL. */
static const char *
common_name(const List *resources)
{
	const CaResource *first = linitial(resources);
	ListCell   *lc;

	foreach(lc, resources)
	{
		const CaResource *r = lfirst(lc);

		if (!r->exact || strcmp(r->name, first->name) != 0)
			return NULL;
	}
	return first->name;
}

static char *
object_key(CaResourceKind kind, const char *schema, const char *name)
{
	return psprintf("%c%s\n%s", kind == CA_RESOURCE_FUNCTION ? 'f' : 'r', schema, name);
}

static char *
schema_key(CaResourceKind kind, const char *schema)
{
	return psprintf("%c%s", kind == CA_RESOURCE_FUNCTION ? 'g' : 's', schema);
}

/* All resources parsed; NIL when there is one that cannot be. */
static List *
parse_all(const List *texts)
{
	List	   *resources = NIL;
	const char *problem;
	ListCell   *lc;

	foreach(lc, ca_resource_join(texts))
	{
		CaResource *resource = ca_resource_parse(lfirst(lc), &problem);

		if (resource == NULL)
			return NIL;
		resources = lappend(resources, resource);
	}
	return resources;
}

char *
ca_policy_key(const List *principals, const List *resource_texts)
{
	List	   *resources = parse_all(resource_texts);
	const char *schema = resources != NIL ? common_schema(resources) : NULL;
	const char *name = schema != NULL ? common_name(resources) : NULL;
	CaResourceKind kind = schema != NULL ? ((CaResource *) linitial(resources))->kind : CA_RESOURCE_ANY;
	size_t		path = principals != NIL ? common_path(principals) : 0;
	const char *first = principals != NIL ? linitial(principals) : NULL;

	if (list_length(principals) == 1 && strchr(first, '*') == NULL)
		return psprintf("p%s", first);
	if (name != NULL)
		return object_key(kind, schema, name);
	if (path > 0 && !is_trust_domain(first, path))
		return psprintf("p%.*s", (int) path, first);
	if (schema != NULL)
		return schema_key(kind, schema);
	return path > 0 ? psprintf("p%.*s", (int) path, first) : pstrdup("");
}

List *
ca_policy_keys_of_agent(List *keys, const char *agent)
{
	size_t		len = strlen(agent);

	keys = lappend(keys, pstrdup(""));
	keys = lappend(keys, psprintf("p%s", agent));
	while ((len = directory_length(agent, len)) > strlen(SPIFFE_SCHEME))
	{
		keys = lappend(keys, psprintf("p%.*s", (int) len, agent));
		len--;
	}
	return keys;
}

List *
ca_policy_keys_of_object(List *keys, CaResourceKind kind,
						 const char *schema, const char *name)
{
	keys = lappend(keys, object_key(kind, schema, name));
	return lappend(keys, schema_key(kind, schema));
}
