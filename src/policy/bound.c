/*-------------------------------------------------------------------------
 *
 * bound.c
 *	  What a delegation chain leaves of what the policy allows.
 *
 * Each token and grant of the chain may say, in authorization_details (RFC
 * 9396), for what its holder may use it.  A request must lie within every one
 * of them; what the policy denies stays denied (contract, section 4).
 *
 * A chain speaks about data and its own functions, not about what every
 * session needs: the system catalogs, and functions of the server and of
 * contauth, are left to the policies.
 *
 * SECURITY: a hop can take away, never add: nothing here turns a denial into
 * anything else, and a location that is not understood names nothing.
 * (test/t/011_chains.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/glob.h"
#include "policy/bound.h"

/* What a hop is asked for. */
typedef struct Question
{
	const CaRequest *request;
	const char *purpose;		/* in force; "" or NULL: none */
	const CaRelation *relation; /* or, when NULL: */
	CaResourceKind kind;
	const char *schema;
	const char *name;
	const Bitmapset *columns;
} Question;

static bool
is_system_schema(const char *schema)
{
	return strcmp(schema, "pg_catalog") == 0 ||
		strcmp(schema, "information_schema") == 0;
}

/* Does the list, where it is given, hold a pattern that matches? */
static bool
list_allows(const CaTextList *list, const char *text)
{
	for (int i = 0; i < list->n; i++)
	{
		if (ca_glob_match(list->items[i], text))
			return true;
	}
	return !list->given;
}

/* Is the purpose in force among those given?  Purposes are not patterns. */
static bool
purpose_allows(const CaTextList *purposes, const char *purpose)
{
	for (int i = 0; i < purposes->n; i++)
	{
		if (purpose != NULL && strcmp(purposes->items[i], purpose) == 0)
			return true;
	}
	return !purposes->given;
}

/* The locations that can be understood. */
static List *
parse_locations(const CaTextList *locations)
{
	List	   *resources = NIL;
	const char *problem;

	for (int i = 0; i < locations->n; i++)
	{
		CaResource *resource = ca_resource_parse(locations->items[i], &problem);

		if (resource != NULL)
			resources = lappend(resources, resource);
	}
	return resources;
}

static bool
object_named(const Question *q, const List *resources)
{
	ListCell   *lc;

	foreach(lc, resources)
	{
		if (ca_resource_names(lfirst(lc), q->kind, q->schema, q->name, q->request->labels))
			return true;
	}
	return false;
}

/* Is a sensitivity within a detail's ceiling?  What has no label counts as 0. */
static bool
sensitivity_allowed(const CaAuthorityDetail *detail, int sensitivity)
{
	return detail->labels_max < 0 || sensitivity <= detail->labels_max;
}

/* Add the columns in question that the detail covers to the bound. */
static void
add_columns(const Question *q, const CaAuthorityDetail *detail,
			bool all_columns, const Bitmapset *columns, CaBound *bound)
{
	int			attnum = -1;

	while ((attnum = bms_next_member(q->columns, attnum)) >= 0)
	{
		if ((all_columns || bms_is_member(attnum, columns)) &&
			sensitivity_allowed(detail, q->relation->columns[attnum - 1].sensitivity))
			bound->columns = bms_add_member(bound->columns, attnum);
	}
}

/* Let one detail add to what its hop allows. */
static void
add_detail(const Question *q, const CaAuthorityDetail *detail, CaBound *bound)
{
	List	   *resources = parse_locations(&detail->locations);
	bool		all_columns = !detail->locations.given;
	Bitmapset  *columns = NULL;

	if (!list_allows(&detail->actions, q->request->action) ||
		!purpose_allows(&detail->purposes, q->purpose))
		return;
	if (q->relation == NULL)
	{
		if ((all_columns || object_named(q, resources)) &&
			sensitivity_allowed(detail, q->request->sensitivity))
			bound->applies = true;
		return;
	}
	if (!all_columns &&
		!ca_relation_permitted(q->relation, resources, &all_columns, &columns))
		return;
	bound->applies = true;
	add_columns(q, detail, all_columns, columns, bound);
}

/* What one token or grant allows; false: it does not restrict. */
static bool
bound_of(const Question *q, const CaToken *token, CaBound *bound)
{
	memset(bound, 0, sizeof(*bound));
	if (token->authority == NULL && !token->purposes.given)
		return false;
	if (!purpose_allows(&token->purposes, q->purpose))
		return true;
	if (token->authority == NULL)
		return false;
	for (int i = 0; i < token->authority->ndetails; i++)
		add_detail(q, &token->authority->details[i], bound);
	return true;
}

/* Names of the columns that a hop does not cover. */
static char *
outside_text(const Question *q, const CaHop *hop, const CaVerdict *verdict)
{
	StringInfoData text;
	int			attnum = -1;

	initStringInfo(&text);
	appendStringInfo(&text, "%s does not allow ",
					 hop->about != NULL ? hop->about : "the token");
	if (bms_is_empty(verdict->uncovered))
		appendStringInfoString(&text, "it");
	while (q->relation != NULL &&
		   (attnum = bms_next_member(verdict->uncovered, attnum)) >= 0)
		appendStringInfo(&text, "%s%s", text.data[text.len - 1] == ' ' ? "column " : ", ",
						 q->relation->columns[attnum - 1].name);
	return text.data;
}

/* Hold the verdict against every hop. */
static char *
bound_verdict(Question *q, CaVerdict *verdict)
{
	const CaChain *chain = &q->request->identity->chain;
	bool		verified;

	q->purpose = ca_request_purpose(q->request->identity, &verified);
	for (int i = 0; i < chain->nhops; i++)
	{
		const CaHop *hop = &chain->hops[i];
		CaBound		bound;

		/* a token that names several principals has one authority */
		if ((hop->about == NULL && i < chain->nhops - 1) ||
			hop->credential->token == NULL ||
			!bound_of(q, hop->credential->token, &bound))
			continue;
		if (!ca_decide_within(verdict, &bound, q->columns))
			return outside_text(q, hop, verdict);
	}
	return NULL;
}

char *
ca_bound_relation(const CaRelation *relation, const CaRequest *request,
				  const Bitmapset *columns, CaVerdict *verdict)
{
	Question	q = {.request = request,.relation = relation,.columns = columns};

	if (verdict->decision == CA_DECISION_DENY ||
		(is_system_schema(relation->schema) && strcmp(request->action, "select") == 0))
		return NULL;
	return bound_verdict(&q, verdict);
}

char *
ca_bound_object(CaResourceKind kind, const char *schema,
				const char *name, const CaRequest *request,
				CaVerdict *verdict)
{
	Question	q = {.request = request,.kind = kind,.schema = schema,.name = name};

	if (verdict->decision == CA_DECISION_DENY ||
		(kind == CA_RESOURCE_FUNCTION &&
		 (is_system_schema(schema) || strcmp(schema, "contauth") == 0)))
		return NULL;
	return bound_verdict(&q, verdict);
}
