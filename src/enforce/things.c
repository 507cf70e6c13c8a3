/*-------------------------------------------------------------------------
 *
 * things.c
 *	  What a question of who_can() and what_can() is about.
 *
 * Relations, functions and roles are looked up in the catalogs.  Channels, tools,
 * paths and the like are listed nowhere: for these stands the pattern that is
 * asked about, or that a permit has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/texts.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "enforce/things.h"
#include "miscadmin.h"
#include "policy/label.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"

const char *const *
ca_thing_actions(CaResourceKind kind, int *n)
{
	static const char *const of_relations[] = {
		CA_ACTION_SELECT, CA_ACTION_INSERT, CA_ACTION_UPDATE, CA_ACTION_DELETE,
		CA_ACTION_TRUNCATE, CA_ACTION_LOCK, CA_ACTION_COPY_IN, CA_ACTION_EXPORT,
	};
	static const char *const of_functions[] = {CA_ACTION_EXECUTE};
	static const char *const of_roles[] = {CA_ACTION_SET_ROLE};
	static const char *const of_channels[] = {CA_ACTION_NOTIFY};

	*n = 1;
	switch (kind)
	{
		case CA_RESOURCE_RELATION:
			*n = lengthof(of_relations);
			return of_relations;
		case CA_RESOURCE_FUNCTION:
			return of_functions;
		case CA_RESOURCE_ROLE:
			return of_roles;
		case CA_RESOURCE_CHANNEL:
			return of_channels;
		default:
			*n = 0;
			return NULL;
	}
}

static void
bad_resource(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("resource is not valid: %s", problem)));
}

static CaThing *
new_thing(CaResourceKind kind, const char *text)
{
	CaThing    *thing = palloc0(sizeof(CaThing));

	thing->kind = kind;
	thing->text = text;
	return thing;
}

static CaThing *
new_relation(Oid relid, const char *schema, const char *name)
{
	CaThing    *thing = new_thing(CA_RESOURCE_RELATION, quote_qualified_identifier(schema, name));

	thing->relid = relid;
	return thing;
}

/* What belongs to no relation and no function, by its name or pattern. */
static CaThing *
new_named(CaResourceKind kind, const char *type, const char *name)
{
	CaThing    *thing = new_thing(kind, psprintf("%s:%s", type, name));

	thing->schema = kind == CA_RESOURCE_OTHER ? pstrdup(type) : NULL;
	thing->name = pstrdup(name);
	return thing;
}

/* Show the rows of a catalog to take(), one by one. */
static void
scan_catalog(Oid catalog, void (*take) (HeapTuple tuple, void *arg), void *arg)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		CHECK_FOR_INTERRUPTS();
		take(tuple, arg);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* A look through a catalog. */
typedef struct Search
{
	const CaResource *resource; /* for what it names; NULL: for everything,
								 * ... */
	const char *label;			/* ... or what has such a label, ... */
	const CaPolicySet *set;		/* ... or what these open ... */
	const CaIdentity *identity; /* ... to that agent */
	List	   *things;
} Search;

/* Can the policy permit the agent anything? */
static bool
may_permit(const CaPolicy *policy, const CaIdentity *identity)
{
	return policy->effect == CA_EFFECT_PERMIT && !policy->monitor_only &&
		ca_policy_meets(policy, identity, "*");
}

/*
 * Does a policy of somebody's name what the server brings along?  What the
 * shipped ones open to every agent says nothing about this one.
 */
static bool
is_opened(const Search *search, CaResourceKind kind, const char *schema, const char *name)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, search->set->policies)
	{
		const CaPolicy *policy = lfirst(lc);

		if (policy->builtin || !may_permit(policy, search->identity))
			continue;
		foreach(lc2, policy->resources)
		{
			const CaResource *resource = lfirst(lc2);

			if (resource->kind != CA_RESOURCE_ANY &&
				ca_resource_matches(resource, kind, schema, name))
				return true;
		}
	}
	return false;
}

static bool
is_system_schema(const char *schema)
{
	return strcmp(schema, "pg_catalog") == 0 ||
		strcmp(schema, "information_schema") == 0 || strcmp(schema, "contauth") == 0;
}

static bool
is_sought(const Search *search, CaResourceKind kind, const char *schema, const char *name)
{
	if (search->resource != NULL)
		return ca_resource_matches(search->resource, kind, schema, name);
	return search->identity == NULL || !is_system_schema(schema) ||
		is_opened(search, kind, schema, name);
}

static bool
holds_rows(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_SEQUENCE;
}

static void
take_relation(HeapTuple tuple, void *arg)
{
	Search	   *search = arg;
	Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);
	char	   *schema = get_namespace_name(form->relnamespace);

	if (schema != NULL && holds_rows(form->relkind) &&
		!isOtherTempNamespace(form->relnamespace) &&
		is_sought(search, CA_RESOURCE_RELATION, schema, NameStr(form->relname)))
		search->things = lappend(search->things,
								 new_relation(form->oid, schema, NameStr(form->relname)));
}

/*
 * Functions of one name are one thing to policies, unless labels tell them apart;
 * then they are told with their arguments.
 */
static void
add_function(Search *search, CaThing *thing)
{
	bool		apart = false;
	ListCell   *lc;

	foreach(lc, search->things)
	{
		CaThing    *other = lfirst(lc);

		if (strcmp(other->name, thing->name) != 0 || strcmp(other->schema, thing->schema) != 0)
			continue;
		if (ca_texts_equal(other->labels, thing->labels))
			return;
		other->text = psprintf("function:%s", format_procedure_qualified(other->funcid));
		apart = true;
	}
	if (apart)
		thing->text = psprintf("function:%s", format_procedure_qualified(thing->funcid));
	search->things = lappend(search->things, thing);
}

static void
take_function(HeapTuple tuple, void *arg)
{
	Search	   *search = arg;
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
	char	   *schema = get_namespace_name(form->pronamespace);
	List	   *labels;
	CaThing    *thing;

	if (schema == NULL ||
		!is_sought(search, CA_RESOURCE_FUNCTION, schema, NameStr(form->proname)))
		return;
	labels = ca_label_function_classes(form->oid);
	if (search->label != NULL && !ca_label_matches_any(search->label, labels))
		return;
	thing = new_thing(CA_RESOURCE_FUNCTION,
					  psprintf("function:%s", quote_qualified_identifier(schema, NameStr(form->proname))));
	thing->funcid = form->oid;
	thing->schema = schema;
	thing->name = pstrdup(NameStr(form->proname));
	thing->labels = labels;
	add_function(search, thing);
}

static void
take_role(HeapTuple tuple, void *arg)
{
	Search	   *search = arg;
	const char *name = NameStr(((Form_pg_authid) GETSTRUCT(tuple))->rolname);

	if (search->resource == NULL ||
		ca_resource_matches(search->resource, CA_RESOURCE_ROLE, NULL, name))
		search->things = lappend(search->things, new_named(CA_RESOURCE_ROLE, "role", name));
}

/* What is named must be there; a pattern may match nothing. */
static List *
found(const Search *search, const char *problem)
{
	if (search->things == NIL && search->resource->exact)
		bad_resource(problem);
	return search->things;
}

/* The columns that a resource lists; false when the relation lacks one. */
static bool
take_columns(CaThing *thing, const List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		AttrNumber	attnum = get_attnum(thing->relid, lfirst(lc));

		if (attnum <= 0)
			return false;
		thing->columns = bms_add_member(thing->columns, attnum);
	}
	return true;
}

static List *
relations_named(const CaResource *resource)
{
	Search		search = {resource};
	List	   *things = NIL;
	ListCell   *lc;

	scan_catalog(RelationRelationId, take_relation, &search);
	foreach(lc, found(&search, "there is no such relation"))
	{
		if (take_columns(lfirst(lc), resource->columns))
			things = lappend(things, lfirst(lc));
		else if (resource->exact)
			bad_resource("the relation does not have that column");
	}
	return things;
}

/* Columns and functions by their label. */
static List *
labelled(const CaPolicySet *set, const char *pattern)
{
	Search		relations = {0};
	Search		functions = {.label = pattern};
	List	   *things = NIL;
	ListCell   *lc;

	scan_catalog(RelationRelationId, take_relation, &relations);
	foreach(lc, relations.things)
	{
		CaThing    *thing = lfirst(lc);
		const CaRelation *relation = ca_relation_get(set, thing->relid);

		CHECK_FOR_INTERRUPTS();
		if (relation != NULL)
			thing->columns = ca_relation_labelled(relation, pattern);
		if (thing->columns != NULL)
			things = lappend(things, thing);
	}
	scan_catalog(ProcedureRelationId, take_function, &functions);
	return list_concat(things, functions.things);
}

/* schema.relation.column, which policies write schema.relation(column); or NULL. */
static CaResource *
parse_column(const char *text)
{
	CaResource *resource = palloc0(sizeof(CaResource));
	const char *p = text;
	char	   *parts[3];

	resource->exact = true;
	for (int i = 0; i < lengthof(parts); i++)
	{
		bool		pattern;

		if (i > 0 && *p++ != '.')
			return NULL;
		parts[i] = ca_read_identifier(&p, &pattern);
		if (parts[i] == NULL || (pattern && i == 2))
			return NULL;
		resource->exact &= !pattern;
	}
	if (*p != '\0')
		return NULL;
	resource->kind = CA_RESOURCE_RELATION;
	resource->schema = parts[0];
	resource->name = parts[1];
	resource->columns = list_make1(parts[2]);
	return resource;
}

static CaResource *
parse(const char *text)
{
	CaResource *resource;
	const char *problem;

	resource = ca_resource_parse(text, &problem);
	if (resource == NULL)
		resource = parse_column(text);
	if (resource == NULL)
		bad_resource(problem);
	return resource;
}

List *
ca_things_named(const CaPolicySet *set, const char *text)
{
	CaResource *resource = parse(text);
	Search		search = {resource};

	switch (resource->kind)
	{
		case CA_RESOURCE_RELATION:
			return relations_named(resource);
		case CA_RESOURCE_LABEL:
			return labelled(set, resource->name);
		case CA_RESOURCE_FUNCTION:
			scan_catalog(ProcedureRelationId, take_function, &search);
			return found(&search, "there is no such function");
		case CA_RESOURCE_ROLE:
			scan_catalog(AuthIdRelationId, take_role, &search);
			return found(&search, "there is no such role");
		case CA_RESOURCE_CHANNEL:
			return list_make1(new_named(CA_RESOURCE_CHANNEL, "channel", resource->name));
		case CA_RESOURCE_OTHER:
			return list_make1(new_named(CA_RESOURCE_OTHER, resource->schema, resource->name));
		case CA_RESOURCE_ANY:
			break;
	}
	bad_resource("it must name something");
	return NIL;					/* keep compiler quiet */
}

/* A pattern that a permit has, with what it permits. */
static void
take_pattern(List **things, const CaPolicy *policy, const CaResource *resource)
{
	CaThing    *thing = NULL;
	CaThing    *fresh;
	ListCell   *lc;

	if (resource->kind == CA_RESOURCE_OTHER)
		fresh = new_named(CA_RESOURCE_OTHER, resource->schema, resource->name);
	else if (resource->kind == CA_RESOURCE_CHANNEL)
		fresh = new_named(CA_RESOURCE_CHANNEL, "channel", resource->name);
	else if (resource->kind == CA_RESOURCE_ANY)
		fresh = new_named(CA_RESOURCE_CHANNEL, "channel", "*");
	else
		return;
	foreach(lc, *things)
	{
		if (strcmp(((CaThing *) lfirst(lc))->text, fresh->text) == 0)
			thing = lfirst(lc);
	}
	if (thing == NULL)
		*things = lappend(*things, thing = fresh);
	if (resource->kind != CA_RESOURCE_OTHER)
		return;
	foreach(lc, policy->actions)
		thing->actions = ca_texts_add(thing->actions, pstrdup(lfirst(lc)));
}

static List *
permitted_patterns(const CaPolicySet *set, const CaIdentity *identity)
{
	List	   *things = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, set->policies)
	{
		const CaPolicy *policy = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (!may_permit(policy, identity))
			continue;
		foreach(lc2, policy->resources)
			take_pattern(&things, policy, lfirst(lc2));
	}
	return things;
}

static int
by_text(const ListCell *a, const ListCell *b)
{
	return strcmp(((const CaThing *) lfirst(a))->text, ((const CaThing *) lfirst(b))->text);
}

List *
ca_things_all(const CaPolicySet *set, const CaIdentity *identity)
{
	Search		search = {.set = set,.identity = identity};
	List	   *things;

	/* each begins with nothing: functions are compared with each other */
	scan_catalog(ProcedureRelationId, take_function, &search);
	things = search.things;
	search.things = NIL;
	scan_catalog(RelationRelationId, take_relation, &search);
	scan_catalog(AuthIdRelationId, take_role, &search);
	things = list_concat(things, search.things);
	things = list_concat(things, permitted_patterns(set, identity));
	list_sort(things, by_text);
	return things;
}
