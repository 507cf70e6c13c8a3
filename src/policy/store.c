/*-------------------------------------------------------------------------
 *
 * store.c
 *	  A policy as it is stored, and what it is compared with.
 *
 * A condition is compiled when its policy is first a candidate, into the
 * memory context that the policy lives in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/glob.h"
#include "policy/store.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

CaEffect
ca_policy_parse_effect(const char *text)
{
	static const char *const names[] = {
		[CA_EFFECT_PERMIT] = "permit",
		[CA_EFFECT_FORBID] = "forbid",
		[CA_EFFECT_ESCALATE] = "escalate",
		[CA_EFFECT_RESTRICT] = "restrict",
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(names[i], text) == 0)
			return (CaEffect) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("effect \"%s\" does not exist", text),
			 errhint("Use permit, forbid, escalate or restrict.")));
	return CA_EFFECT_FORBID;	/* keep compiler quiet */
}

List *
ca_policy_parse_resources(const List *texts)
{
	List	   *resources = NIL;
	ListCell   *lc;

	foreach(lc, ca_resource_join(texts))
	{
		const char *problem;
		CaResource *resource = ca_resource_parse(lfirst(lc), &problem);

		if (resource == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("resource \"%s\" is not valid: %s",
							(char *) lfirst(lc), problem)));
		resources = lappend(resources, resource);
	}
	return resources;
}

/* "label:pattern" or schema.table.column as the target of a mask. */
static CaMaskRule *
parse_mask_target(const char *key)
{
	CaMaskRule *rule = palloc0(sizeof(CaMaskRule));
	const char *p = key;
	bool		pattern;

	if (strncmp(key, "label:", 6) == 0 && key[6] != '\0')
	{
		rule->label = pstrdup(key + 6);
		return rule;
	}
	if ((rule->schema = ca_read_identifier(&p, &pattern)) != NULL && !pattern &&
		*p++ == '.' &&
		(rule->table = ca_read_identifier(&p, &pattern)) != NULL && !pattern &&
		*p++ == '.' &&
		(rule->column = ca_read_identifier(&p, &pattern)) != NULL && !pattern &&
		*p == '\0')
		return rule;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("mask target \"%s\" is not valid", key),
			 errhint("Write schema.table.column or label:class.")));
	return NULL;				/* keep compiler quiet */
}

static void
refuse_mask(const char *key, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("mask for \"%s\" is not valid: %s", key, problem)));
}

/* A string member's text; refuses what is no string. */
static char *
string_of(const char *key, const JsonbValue *value, const char *problem)
{
	if (value->type != jbvString)
		refuse_mask(key, problem);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
set_mask(CaMaskRule *rule, const char *key, const char *text)
{
	const char *problem = NULL;

	rule->mask = ca_mask_parse(text, &problem);
	if (rule->mask == NULL)
		refuse_mask(key, problem);
}

/* {"mask": text, "unless": text} */
static void
set_mask_object(CaMaskRule *rule, const char *key, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *member = "";

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			member = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && strcmp(member, "mask") == 0)
			set_mask(rule, key, string_of(key, &v, "its \"mask\" must be a string"));
		else if (token == WJB_VALUE && strcmp(member, "unless") == 0)
			rule->unless = string_of(key, &v, "its \"unless\" must be a string");
		else if (token == WJB_VALUE)
			refuse_mask(key, psprintf("it has no member \"%s\"; there are \"mask\" and \"unless\"", member));
	}
	if (rule->mask == NULL)
		refuse_mask(key, "its \"mask\" is missing");
}

List *
ca_policy_parse_masks(Jsonb *masks)
{
	List	   *rules = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";

	if (!JB_ROOT_IS_OBJECT(masks))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("masks must be a JSON object")));

	it = JsonbIteratorInit(&masks->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
		{
			CaMaskRule *rule = parse_mask_target(key);

			if (v.type == jbvBinary && JsonContainerIsObject(v.val.binary.data))
				set_mask_object(rule, key, v.val.binary.data);
			else
				set_mask(rule, key, string_of(key, &v, "its value must be a string or an object"));
			rules = lappend(rules, rule);
		}
	}
	return rules;
}

CaPolicy *
ca_policy_from_row(HeapTuple tuple, TupleDesc desc)
{
	CaPolicy   *policy = palloc0(sizeof(CaPolicy));
	bool		isnull;

	policy->name = ca_row_text(tuple, desc, "name");
	policy->version = DatumGetInt64(ca_row_datum(tuple, desc, "version", &isnull));
	policy->effect = ca_policy_parse_effect(ca_row_text(tuple, desc, "effect"));
	policy->principals = ca_row_text_array(tuple, desc, "principals");
	policy->on_behalf_of = ca_row_text_array(tuple, desc, "on_behalf_of");
	policy->actions = ca_row_text_array(tuple, desc, "actions");
	policy->resources =
		ca_policy_parse_resources(ca_row_text_array(tuple, desc, "resources"));
	policy->masks =
		ca_policy_parse_masks(DatumGetJsonbP(ca_row_datum(tuple, desc, "masks", &isnull)));
	policy->limits =
		ca_limits_parse(DatumGetJsonbP(ca_row_datum(tuple, desc, "limits", &isnull)),
						&policy->trusted);
	policy->monitor_only = ca_row_bool(tuple, desc, "monitor_only");
	policy->builtin = ca_row_bool(tuple, desc, "builtin");
	policy->condition_text = ca_row_text(tuple, desc, "condition");
	policy->filter_text = ca_row_text(tuple, desc, "row_filter");
	return policy;
}

/* Names the policy in errors that compiling its condition raises. */
static void
compile_error_context(void *arg)
{
	errcontext("condition of contauth policy \"%s\"", ((CaPolicy *) arg)->name);
}

/*
 * Compile the condition, once, or its forecast.  SECURITY: when that fails, the
 * statement fails with it; nothing is decided on a condition that could not be
 * read.
 */
static void
compile_condition(CaPolicy *policy, bool forecast)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(policy));
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = compile_error_context,
		.arg = policy
	};

	error_context_stack = &callback;
	if (forecast)
		policy->forecast = ca_forecast_compile(policy->condition_text);
	else
		policy->condition = ca_condition_compile(policy->condition_text);
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
}

CaTruth
ca_policy_condition(CaPolicy *policy, const CaRequest *request, char **error)
{
	*error = NULL;
	if (policy->condition_text == NULL)
		return CA_TRUE;
	if (policy->condition == NULL)
		compile_condition(policy, false);
	return ca_condition_eval(policy->condition, request, error);
}

CaForecast *
ca_policy_forecast(CaPolicy *policy)
{
	if (policy->forecast == NULL && policy->condition_text != NULL)
		compile_condition(policy, true);
	return policy->forecast;
}

bool
ca_policy_dynamic(const CaPolicy *policy)
{
	return policy->condition != NULL && ca_condition_dynamic(policy->condition);
}

/* Does any pattern of the list match? */
static bool
any_matches(const List *patterns, const char *text)
{
	ListCell   *lc;

	foreach(lc, patterns)
	{
		if (ca_glob_match(lfirst(lc), text))
			return true;
	}
	return false;
}

bool
ca_policy_matches_identity(const CaPolicy *policy, const CaIdentity *identity)
{
	/* an agent acting for itself is on behalf of nobody: only "*" says so */
	return any_matches(policy->principals, identity->agent) &&
		any_matches(policy->on_behalf_of,
					identity->on_behalf_of != NULL ? identity->on_behalf_of : "");
}

bool
ca_policy_matches_action(const CaPolicy *policy, const char *action)
{
	return any_matches(policy->actions, action);
}

bool
ca_policy_meets(const CaPolicy *policy, const CaIdentity *identity, const char *action)
{
	ListCell   *lc;

	foreach(lc, policy->actions)
	{
		if (ca_glob_overlap(lfirst(lc), action))
			return any_matches(policy->principals, identity->agent);
	}
	return false;
}
