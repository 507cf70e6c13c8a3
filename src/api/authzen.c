/*-------------------------------------------------------------------------
 *
 * authzen.c
 *	  contauth.evaluate(): requests and answers as AuthZEN writes them.
 *
 * OpenID AuthZEN Authorization API 1.0, access evaluation and access evaluations.  Everything in a
 * request is checked before anything is decided; members that are not known
 * are left alone, as the specification asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/catalog.h"
#include "base/compat.h"
#include "base/guc.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "enforce/evaluate.h"
#include "fmgr.h"
#include "identity/session.h"
#include "policy/obligation.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(contauth_evaluate);

#define MAX_REQUEST		(256 * 1024)
#define MAX_TEXT		2048	/* bytes of an id or a name */
#define DEFAULT_DOMAIN	"application"

static const char *const domains[] = {"application", "infrastructure", "data", "ai"};

static const char *const data_actions[] = {
	CA_ACTION_SELECT, CA_ACTION_INSERT, CA_ACTION_UPDATE, CA_ACTION_DELETE,
	CA_ACTION_TRUNCATE, CA_ACTION_LOCK, CA_ACTION_COPY_IN, CA_ACTION_EXPORT,
};

pg_noreturn static void
bad_member(const char *name, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %s", name, problem)));
}

/* The member of an object, or NULL; JSON's null is nothing. */
static JsonbValue *
member(JsonbContainer *object, const char *name)
{
	JsonbValue *value;

	if (object == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
	return value != NULL && value->type == jbvNull ? NULL : value;
}

/* path says where the member stands, for errors. */
static JsonbContainer *
object_member(JsonbContainer *object, const char *name, const char *path, bool required)
{
	JsonbValue *value = member(object, name);

	if (value == NULL && required)
		bad_member(path, "is missing");
	if (value != NULL && (value->type != jbvBinary ||
						  !JsonContainerIsObject(value->val.binary.data)))
		bad_member(path, "must be an object");
	return value != NULL ? value->val.binary.data : NULL;
}

static char *
text_of(const JsonbValue *value, const char *path, int max)
{
	if (value->type != jbvString || value->val.string.len == 0)
		bad_member(path, "must be a text that is not empty");
	if (value->val.string.len > max)
		bad_member(path, "is too long");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static char *
text_member(JsonbContainer *object, const char *name, const char *path)
{
	JsonbValue *value = member(object, name);

	if (value == NULL)
		bad_member(path, "is missing");
	return text_of(value, path, MAX_TEXT);
}

/* What a session would set as contauth.token or contauth.delegation. */
static CaPresented *
present(const char *text)
{
	size_t		len = strlen(text);
	CaPresented *p = palloc0(offsetof(CaPresented, text) + len + 1);

	memcpy(p->text, text, len + 1);
	p->len = len;
	if (!ca_sha256(text, len, p->sha256))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a digest")));
	return p;
}

static CaPresented *
read_delegation(JsonbContainer *properties)
{
	JsonbValue *value = member(properties, "delegation");
	char	   *text;

	if (value == NULL)
		return NULL;
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		bad_member("subject.properties.delegation", "must be an array");
	text = JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	if (strlen(text) > CA_DELEGATION_MAX_LEN)
		bad_member("subject.properties.delegation", "is too long");
	return present(text);
}

static void
read_subject(JsonbContainer *request, CaQuestion *q)
{
	JsonbContainer *subject = object_member(request, "subject", "subject", true);
	JsonbContainer *properties = object_member(subject, "properties",
											   "subject.properties", false);
	JsonbValue *token = member(properties, "token");

	(void) text_member(subject, "type", "subject.type");
	q->agent = text_member(subject, "id", "subject.id");
	if (token != NULL)
		q->token = present(text_of(token, "subject.properties.token", CA_TOKEN_MAX_LEN));
	q->delegation = read_delegation(properties);
	if (q->delegation != NULL && q->token == NULL)
		bad_member("subject.properties.delegation", "must come with a token");
}

static bool
is_one_of(const char *text, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(words[i], text) == 0)
			return true;
	}
	return false;
}

static bool
names_relation(const CaQuestion *q)
{
	return strcmp(q->type, "table") == 0 || strcmp(q->type, "relation") == 0;
}

static bool
names_function(const CaQuestion *q)
{
	return strcmp(q->type, "function") == 0;
}

/* Is it of this database? */
static bool
is_data(const CaQuestion *q)
{
	return names_relation(q) || names_function(q);
}

/* context.domain; what is not said follows from the resource. */
static void
read_context(JsonbContainer *request, CaQuestion *q)
{
	JsonbContainer *context = object_member(request, "context", "context", false);
	JsonbValue *domain = member(context, "domain");
	JsonbValue	whole;

	q->domain = domain != NULL ? text_of(domain, "context.domain", MAX_TEXT) :
		is_data(q) ? "data" : DEFAULT_DOMAIN;
	if (!is_one_of(q->domain, domains, lengthof(domains)))
		bad_member("context.domain", "must be application, infrastructure, data or ai");
	if (context == NULL)
		return;
	whole = *member(request, "context");
	q->facts = JsonbValueToJsonb(&whole);
}

/*
 * The schema and name that resource.id consists of.  It must have its schema: whose
 * search_path would be meant?
 */
static Oid
read_name(const CaQuestion *q, char **schema, char **name, const char *problem)
{
	const char *p = q->id;
	bool		pattern;

	*name = NULL;
	*schema = ca_read_identifier(&p, &pattern);
	if (*schema != NULL && !pattern && *p == '.')
	{
		p++;
		*name = ca_read_identifier(&p, &pattern);
	}
	if (*name == NULL || pattern || *p != '\0')
		bad_member("resource.id", problem);
	return get_namespace_oid(*schema, true);
}

static void
find_relation(CaQuestion *q)
{
	char	   *schema;
	char	   *name;
	Oid			namespace = read_name(q, &schema, &name, "must name a relation with its schema");

	if (OidIsValid(namespace))
		q->relid = get_relname_relid(name, namespace);
	if (!OidIsValid(q->relid))
		bad_member("resource.id", "names no relation");
}

/* The functions of that name: policies do not tell them apart by arguments. */
static void
find_functions(CaQuestion *q)
{
	char	   *schema;
	char	   *name;
	Oid			namespace = read_name(q, &schema, &name, "must name a function with its schema");
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (form->pronamespace == namespace)
			q->functions = lappend_oid(q->functions, form->oid);
	}
	ReleaseSysCacheList(list);
	if (q->functions == NIL)
		bad_member("resource.id", "names no function");
}

/* All columns: who does not say which may use any. */
static void
take_all_columns(CaQuestion *q)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(q->relid));
	int			natts = 0;

	if (HeapTupleIsValid(tuple))
	{
		natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
		ReleaseSysCache(tuple);
	}
	if (strcmp(q->action, CA_ACTION_DELETE) == 0 ||
		strcmp(q->action, CA_ACTION_TRUNCATE) == 0 ||
		strcmp(q->action, CA_ACTION_LOCK) == 0)
		return;
	for (int i = 1; i <= natts; i++)
	{
		if (get_attname(q->relid, (AttrNumber) i, true) != NULL)
			q->columns = bms_add_member(q->columns, i);
	}
}

static void
read_columns(JsonbContainer *properties, CaQuestion *q)
{
	const char *path = "resource.properties.columns";
	JsonbValue *list = member(properties, "columns");
	int			n;

	if (list == NULL)
	{
		take_all_columns(q);
		return;
	}
	if (list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data))
		bad_member(path, "must be an array");
	n = JsonContainerSize(list->val.binary.data);
	for (int i = 0; i < n; i++)
	{
		char	   *name = text_of(getIthJsonbValueFromContainer(list->val.binary.data, i),
								   path, MAX_TEXT);
		AttrNumber	attnum = strlen(name) < NAMEDATALEN ?
		get_attnum(q->relid, name) : InvalidAttrNumber;

		if (attnum <= 0)
			bad_member(path, "names a column that the relation does not have");
		q->columns = bms_add_member(q->columns, attnum);
	}
	if (n == 0)
		bad_member(path, "must not be empty");
}

/* A member of the request as JSON, but for what stands at the two paths. */
static Jsonb *
without(Jsonb *json, const char *member1, const char *member2)
{
	Datum		rest = JsonbPGetDatum(json);

	rest = DirectFunctionCall2(jsonb_delete_path, rest,
							   ca_text_array(list_make2("properties", unconstify(char *, member1))));
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete_path, rest,
											  ca_text_array(list_make2("properties", unconstify(char *, member2)))));
}

/*
 * What an approval of the request is bound to: all that the specification knows,
 * but not the credentials, which are new each time; who they name is bound besides.
 */
static char *
bound_text(JsonbContainer *root)
{
	static const char *const members[] = {"subject", "action", "resource", "context"};
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < lengthof(members); i++)
	{
		JsonbValue *value = member(root, members[i]);
		Jsonb	   *json;

		if (value == NULL)
			continue;
		json = JsonbValueToJsonb(value);
		if (i == 0)
			json = without(json, "token", "delegation");
		appendStringInfo(&text, "%s=%s\n", members[i],
						 JsonbToCString(NULL, &json->root, VARSIZE(json)));
	}
	return text.data;
}

static void
read_request(Jsonb *request, CaQuestion *q)
{
	JsonbContainer *root = &request->root;
	JsonbContainer *action;
	JsonbContainer *resource;
	JsonbContainer *properties;
	char	   *text;

	if (VARSIZE(request) > MAX_REQUEST)
		bad_member("request", "is too large");
	if (!JB_ROOT_IS_OBJECT(request))
		bad_member("request", "must be an object");
	read_subject(root, q);
	action = object_member(root, "action", "action", true);
	q->action = text_member(action, "name", "action.name");
	(void) object_member(action, "properties", "action.properties", false);
	resource = object_member(root, "resource", "resource", true);
	properties = object_member(resource, "properties", "resource.properties", false);
	q->type = text_member(resource, "type", "resource.type");
	q->id = text_member(resource, "id", "resource.id");
	read_context(root, q);

	if (is_data(q) != (strcmp(q->domain, "data") == 0))
		bad_member("resource.type",
				   "must be table, relation or function in domain data, and only there");
	if (names_relation(q))
	{
		if (!is_one_of(q->action, data_actions, lengthof(data_actions)))
			bad_member("action.name", "is no action on a relation");
		find_relation(q);
		read_columns(properties, q);
	}
	else if (names_function(q))
	{
		if (strcmp(q->action, CA_ACTION_EXECUTE) != 0)
			bad_member("action.name", "is no action on a function");
		find_functions(q);
	}
	else if (!ca_resource_type_valid(q->type, strlen(q->type)))
		bad_member("resource.type", "must be a lower-case word that is not reserved");
	text = JsonbToCString(NULL, root, VARSIZE(request));
	memcpy(q->digest, present(text)->sha256, CA_SHA256_LEN);
	memcpy(q->asked, present(bound_text(root))->sha256, CA_SHA256_LEN);
}

/* , "name": in front of a member that is not the first. */
static void
put_name(StringInfo json, const char *name)
{
	appendStringInfo(json, "%s\"%s\": ",
					 json->data[json->len - 1] == '{' ? "" : ", ", name);
}

static void
put_text(StringInfo json, const char *name, const char *text)
{
	put_name(json, name);
	escape_json(json, text);
}

/* What the answer obliges who asked to do. */
static void
put_obligations(StringInfo json, const CaEvaluation *answer)
{
	const CaAccess *access = answer->access;
	const char *filter = access != NULL ? ca_access_filter_text(access) : NULL;
	int			attnum = -1;

	if (filter != NULL)
		put_text(json, "row_filter", filter);
	if (access != NULL)
	{
		put_name(json, "masks");
		appendStringInfoChar(json, '{');
		while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
		{
			const char *mask = ca_access_mask_text(access, attnum);

			if (mask == NULL)
				continue;
			if (json->data[json->len - 1] != '{')
				appendStringInfoString(json, ", ");
			escape_json(json, access->relation->columns[attnum - 1].name);
			appendStringInfoString(json, ": ");
			escape_json(json, mask);
		}
		appendStringInfoChar(json, '}');
	}
	if (!ca_limits_any(&answer->limits))
		return;
	put_name(json, "limits");
	appendStringInfoChar(json, '{');
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (answer->limits.max[i] == 0)
			continue;
		put_name(json, ca_limit_name(i));
		if (ca_limit_is_switch(i))
			appendStringInfoString(json, "true");
		else
			appendStringInfo(json, INT64_FORMAT, answer->limits.max[i]);
	}
	appendStringInfoChar(json, '}');
}

static void
put_reasons(StringInfo json, const CaEvaluation *answer)
{
	ListCell   *lc;

	put_text(json, "reason_code", answer->reason_code);
	put_name(json, "policies");
	appendStringInfoChar(json, '[');
	foreach(lc, answer->policies)
	{
		if (lc != list_head(answer->policies))
			appendStringInfoString(json, ", ");
		escape_json(json, lfirst(lc));
	}
	appendStringInfoChar(json, ']');
	if (answer->decision == CA_DECISION_ALLOW)
		return;
	put_name(json, "reason_admin");
	appendStringInfoString(json, "{\"en\": ");
	escape_json(json, answer->reason);
	appendStringInfoString(json, "}");
	put_name(json, "reason_user");
	appendStringInfoString(json, "{\"en\": \"Permission denied.\"}");
}

static Datum
write_answer(const CaEvaluation *answer)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"decision\": %s, \"context\": {",
					 answer->decision == CA_DECISION_ALLOW ? "true" : "false");
	put_text(&json, "decision_id",
			 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&answer->id))));
	/* who has to enforce something, or to have it approved, is told */
	if (answer->has_request)
		put_text(&json, "approval_request",
				 DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&answer->request))));
	if (answer->decision == CA_DECISION_ALLOW)
		put_obligations(&json, answer);
	if (ca_guc_explain_denials)
		put_reasons(&json, answer);
	appendStringInfoString(&json, "}}");
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * evaluate(request jsonb) returns jsonb
 *
 * SECURITY: not for agents, who could ask about each other: what a governed
 * session may do, contauth.why() tells.
 */
Datum
contauth_evaluate(PG_FUNCTION_ARGS)
{
	CaQuestion	q = {0};
	CaEvaluation answer;

	if (PG_ARGISNULL(0))
		bad_member("request", "is missing");
	if (ca_session_governed())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("contauth.evaluate() is not for governed sessions"),
				 errhint("contauth.why() tells what the session's agent may do.")));
	read_request(PG_GETARG_JSONB_P(0), &q);
	ca_evaluate(&q, &answer);
	return write_answer(&answer);
}
