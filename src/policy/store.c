/*-------------------------------------------------------------------------
 *
 * store.c
 *	  The policy set of this database, compiled, in this backend.
 *
 * The set owns one memory context and is thrown away as a whole when
 * contauth.policy changes: a trigger there invalidates the table's relcache
 * entry, every session hears of it when the change commits, and reads the
 * table again at its next statement.  Conditions are compiled when a policy
 * is first a candidate, since most sessions meet few of many policies.
 *
 * SECURITY: a policy whose stored text can no longer be understood is not
 * skipped: reading it raises an error and every governed statement is
 * refused until an administrator has repaired it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/epoch.h"
#include "base/glob.h"
#include "policy/label.h"
#include "policy/store.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"

static CaPolicySet *current_set = NULL;
static bool set_valid = false;
static uint64 last_generation = 0;
static Oid	policy_relid = InvalidOid;
static Oid	class_relid = InvalidOid;

/* No catalog access is possible here: compare with OIDs already looked up. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == policy_relid || relid == class_relid)
	{
		set_valid = false;
		ca_epoch_advance();
	}
}

void
ca_store_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

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

/*
 * '{crm.customer(id,name), crm.ticket}' is split by the array literal at every
 * comma: put what belongs into one pair of parentheses together again.
 */
static List *
join_column_lists(const List *texts)
{
	List	   *joined = NIL;
	StringInfo	open = NULL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		char	   *text = lfirst(lc);

		if (open == NULL && strchr(text, '(') != NULL && strchr(text, ')') == NULL)
		{
			open = makeStringInfo();
			appendStringInfoString(open, text);
		}
		else if (open != NULL)
		{
			appendStringInfo(open, ",%s", text);
			if (strchr(text, ')') != NULL)
			{
				joined = lappend(joined, open->data);
				open = NULL;
			}
		}
		else
			joined = lappend(joined, text);
	}
	if (open != NULL)
		joined = lappend(joined, open->data);
	return joined;
}

List *
ca_policy_parse_resources(const List *texts)
{
	List	   *resources = NIL;
	ListCell   *lc;

	foreach(lc, join_column_lists(texts))
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

/* The mask in a member's value. */
static CaMask *
parse_mask_value(const char *key, const JsonbValue *value)
{
	const char *problem = "its value must be a string";
	CaMask	   *mask = NULL;

	if (value->type == jbvString)
		mask = ca_mask_parse(pnstrdup(value->val.string.val, value->val.string.len),
							 &problem);
	if (mask == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mask for \"%s\" is not valid: %s", key, problem)));
	return mask;
}

List *
ca_policy_parse_masks(Jsonb *masks)
{
	List	   *rules = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *key = NULL;

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

			rule->mask = parse_mask_value(key, &v);
			rules = lappend(rules, rule);
		}
	}
	return rules;
}

typedef struct PolicyScan
{
	List	   *policies;		/* of CaPolicy * */
} PolicyScan;

static bool
take_policy(HeapTuple tuple, TupleDesc desc, void *arg)
{
	PolicyScan *scan = arg;
	CaPolicy   *policy;
	bool		isnull;

	if (!ca_row_bool(tuple, desc, "enabled"))
		return true;

	policy = palloc0(sizeof(CaPolicy));
	policy->name = ca_row_text(tuple, desc, "name");
	policy->effect = ca_policy_parse_effect(ca_row_text(tuple, desc, "effect"));
	policy->principals = ca_row_text_array(tuple, desc, "principals");
	policy->on_behalf_of = ca_row_text_array(tuple, desc, "on_behalf_of");
	policy->actions = ca_row_text_array(tuple, desc, "actions");
	policy->resources =
		ca_policy_parse_resources(ca_row_text_array(tuple, desc, "resources"));
	policy->masks =
		ca_policy_parse_masks(DatumGetJsonbP(ca_row_datum(tuple, desc, "masks", &isnull)));
	policy->condition_text = ca_row_text(tuple, desc, "condition");
	policy->filter_text = ca_row_text(tuple, desc, "row_filter");
	scan->policies = lappend(scan->policies, policy);
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const CaPolicy *) a)->name, ((const CaPolicy *) b)->name);
}

/* Read the set into a new context. */
static CaPolicySet *
load_set(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "contauth policies",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CaPolicySet *set = palloc0(sizeof(CaPolicySet));
	PolicyScan	scan = {NIL};
	ListCell   *lc;

	set->context = context;
	ca_table_scan(CA_TABLE_POLICY, NULL, NULL, take_policy, &scan);
	set->version = ca_table_max(CA_TABLE_POLICY_VERSION, "version");

	set->policies = palloc(sizeof(CaPolicy) * (list_length(scan.policies) + 1));
	foreach(lc, scan.policies)
		set->policies[set->npolicies++] = *(CaPolicy *) lfirst(lc);
	qsort(set->policies, set->npolicies, sizeof(CaPolicy), compare_names);
	for (int i = 0; i < set->npolicies; i++)
		set->policies[i].number = i;

	MemoryContextSwitchTo(old);
	return set;
}

const CaPolicySet *
ca_store_policies(void)
{
	CaPolicySet *fresh;

	if (set_valid)
		return current_set;

	policy_relid = ca_table_oid(CA_TABLE_POLICY);
	class_relid = ca_table_oid(CA_TABLE_CLASSIFICATION);

	/* a change that arrives while reading makes the result stale again */
	set_valid = true;
	PG_TRY();
	{
		ca_label_reset();
		fresh = load_set();
	}
	PG_CATCH();
	{
		set_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();

	if (current_set != NULL)
		MemoryContextDelete(current_set->context);
	MemoryContextSetParent(fresh->context, CacheMemoryContext);
	fresh->generation = ++last_generation;
	current_set = fresh;
	return current_set;
}

/* Names the policy in errors that compiling its condition raises. */
static void
compile_error_context(void *arg)
{
	errcontext("condition of contauth policy \"%s\"", ((CaPolicy *) arg)->name);
}

/*
 * Compile the condition, once.  SECURITY: when that fails, the statement
 * fails with it; nothing is decided on a condition that could not be read.
 */
static void
compile_condition(CaPolicy *policy)
{
	MemoryContext old = MemoryContextSwitchTo(current_set->context);
	ErrorContextCallback callback = {
		.previous = error_context_stack,
		.callback = compile_error_context,
		.arg = policy
	};

	error_context_stack = &callback;
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
		compile_condition(policy);
	return ca_condition_eval(policy->condition, request, error);
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
