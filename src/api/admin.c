/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Triggers that keep contauth's own tables sound, and their caches fresh.
 *
 * The checks are triggers, not part of create_policy() and its kin, so that
 * they hold on every road into the tables: functions, a restored dump, a
 * superuser's own INSERT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tupdesc.h"
#include "api/trigger.h"
#include "base/attempt.h"
#include "base/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "policy/authorize.h"
#include "policy/expression.h"
#include "policy/label.h"
#include "policy/policy_key.h"
#include "policy/store.h"
#include "policy/trusted.h"
#include "token/token.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

/* Most elements that one list of a policy may have, and their length. */
#define CA_POLICY_MAX_LIST		1000
#define CA_POLICY_MAX_TEXT		4096

PG_FUNCTION_INFO_V1(contauth_check_policy);
PG_FUNCTION_INFO_V1(contauth_policy_key);
PG_FUNCTION_INFO_V1(contauth_check_issuer);
PG_FUNCTION_INFO_V1(contauth_check_agent);
PG_FUNCTION_INFO_V1(contauth_table_changed);

/* A column's list: non-empty strings of bounded number and length, no NULLs. */
static List *
checked_list(HeapTuple row, TupleDesc desc, const char *argument)
{
	bool		isnull;
	Datum		value = ca_row_datum(row, desc, argument, &isnull);
	List	   *list = ca_text_array_list(value);
	ListCell   *lc;

	if (array_contains_nulls(DatumGetArrayTypeP(value)))
		bad_argument(argument, "an element is null");

	if (list == NIL)
		bad_argument(argument, "it must name at least one element");
	if (list_length(list) > CA_POLICY_MAX_LIST)
		bad_argument(argument, psprintf("it has more than %d elements", CA_POLICY_MAX_LIST));
	foreach(lc, list)
	{
		const char *text = lfirst(lc);

		if (text[0] == '\0')
			bad_argument(argument, "an element is empty");
		if (strlen(text) > CA_POLICY_MAX_TEXT)
			bad_argument(argument, psprintf("an element is longer than %d bytes",
											CA_POLICY_MAX_TEXT));
	}
	return list;
}

/* Expression checks run as attempts, to name the argument in the error. */
typedef struct CaExpressionCheck
{
	const char *text;
	enum
	{
		OF_CONTEXT,				/* a condition over ctx */
		OF_RELATION,			/* over relid's columns */
		OF_SOME_RELATION		/* over columns that nobody knows yet */
	}			of;
	Oid			relid;
} CaExpressionCheck;

static void
try_expression(void *arg)
{
	CaExpressionCheck *check = arg;
	Relation	rel;

	switch (check->of)
	{
		case OF_CONTEXT:
			(void) ca_condition_compile(check->text);
			break;
		case OF_SOME_RELATION:
			ca_expression_check(check->text);
			break;
		case OF_RELATION:
			rel = relation_open(check->relid, AccessShareLock);
			(void) ca_expression_parse_row(check->text, rel);
			relation_close(rel, NoLock);
			break;
	}
}

static void
attempt_expression(CaExpressionCheck check, const char *argument)
{
	char	   *error;

	if (!ca_attempt(try_expression, &check, &error))
		bad_argument(argument, error);
}

/* An expression over a relation's columns; InvalidOid: of one not known yet. */
static void
check_expression(const char *text, Oid relid, const char *argument)
{
	CaExpressionCheck check = {text, OidIsValid(relid) ? OF_RELATION : OF_SOME_RELATION, relid};

	attempt_expression(check, argument);
}

static void
check_condition(const char *text)
{
	CaExpressionCheck check = {text, OF_CONTEXT, InvalidOid};

	attempt_expression(check, "condition");
}

/* The relation that a resource names, InvalidOid when it is a pattern. */
static Oid
named_relation(const CaResource *resource)
{
	Oid			nsp;
	Oid			relid = InvalidOid;

	if (resource->kind != CA_RESOURCE_RELATION || !resource->exact)
		return InvalidOid;
	nsp = get_namespace_oid(resource->schema, true);
	if (OidIsValid(nsp))
		relid = get_relname_relid(resource->name, nsp);
	if (!OidIsValid(relid))
		bad_argument("resources",
					 psprintf("relation \"%s.%s\" does not exist",
							  resource->schema, resource->name));
	return relid;
}

/* Every column that a resource lists must exist. */
static void
check_columns(const CaResource *resource, Oid relid)
{
	ListCell   *lc;

	foreach(lc, resource->columns)
	{
		if (!OidIsValid(relid) ||
			get_attnum(relid, lfirst(lc)) <= 0)
			bad_argument("resources",
						 psprintf("column \"%s\" of \"%s.%s\" does not exist",
								  (char *) lfirst(lc), resource->schema, resource->name));
	}
}

/* A mask and the column it is meant for. */
typedef struct CaMaskCheck
{
	const CaMask *mask;
	Oid			type;
	int32		typmod;
	bool		fits;
	const char *problem;
} CaMaskCheck;

static void
try_mask(void *arg)
{
	CaMaskCheck *check = arg;

	check->fits = ca_mask_fits(check->mask, check->type, check->typmod,
							   &check->problem);
}

/* The type must suit the mask, and a constant must be input of the type. */
static void
check_mask_type(const CaMaskRule *rule, Oid relid, AttrNumber attnum)
{
	CaMaskCheck check = {rule->mask};
	Oid			collation;
	char	   *error;

	get_atttypetypmodcoll(relid, attnum, &check.type, &check.typmod, &collation);
	if (!ca_attempt(try_mask, &check, &error))
		check.problem = error;
	if (!check.fits)
		bad_argument("masks", psprintf("%s (column \"%s\" of \"%s\")",
									   check.problem,
									   get_attname(relid, attnum, false),
									   get_rel_name(relid)));
}

/* What lifts the mask must fit the relation. */
static void
check_unless(const CaMaskRule *rule, Oid relid)
{
	if (rule->unless != NULL)
		check_expression(rule->unless, relid, "masks");
}

/* A mask for a column that is named: it must exist and have a fitting type. */
static void
check_column_mask(const CaMaskRule *rule)
{
	Oid			nsp = get_namespace_oid(rule->schema, true);
	Oid			relid = OidIsValid(nsp) ? get_relname_relid(rule->table, nsp) : InvalidOid;
	AttrNumber	attnum = OidIsValid(relid) ? get_attnum(relid, rule->column) : 0;

	if (attnum <= 0)
		bad_argument("masks", psprintf("column \"%s.%s.%s\" does not exist",
									   rule->schema, rule->table, rule->column));
	check_mask_type(rule, relid, attnum);
	check_unless(rule, relid);
}

/*
 * A mask by label: it must fit what carries the label in a named relation.
 * Derived columns take labels over from columns of other types: there a mask
 * that does not fit hides the value.
 */
static void
check_label_mask(const CaMaskRule *rule, Oid relid)
{
	AttrNumber	attnum = 0;

	if (get_rel_relkind(relid) == RELKIND_MATVIEW)
		return;
	while (get_attname(relid, ++attnum, true) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		if (!OidIsValid(get_atttype(relid, attnum)) ||
			get_attgenerated(relid, attnum))
			continue;
		if (ca_label_matches_any(rule->label, ca_label_classes(relid, attnum)))
		{
			check_mask_type(rule, relid, attnum);
			check_unless(rule, relid);
		}
	}
}

/* Masks, filter and columns against the relations that the policy names. */
static void
check_against_relations(const List *resources, const List *masks,
						const char *row_filter)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, resources)
	{
		CaResource *resource = lfirst(lc);
		Oid			relid = named_relation(resource);

		check_columns(resource, relid);
		if (row_filter != NULL)
			check_expression(row_filter, relid, "row_filter");
		if (!OidIsValid(relid))
			continue;
		foreach(lc2, masks)
		{
			if (((CaMaskRule *) lfirst(lc2))->label != NULL)
				check_label_mask(lfirst(lc2), relid);
		}
	}
	foreach(lc, masks)
	{
		if (((CaMaskRule *) lfirst(lc))->label == NULL)
			check_column_mask(lfirst(lc));
		else
			check_unless(lfirst(lc), InvalidOid);
	}
}

/* So many masks, of so many bytes, are no policy but an attack. */
static void
check_masks_size(const List *masks)
{
	ListCell   *lc;

	if (list_length(masks) > CA_POLICY_MAX_LIST)
		bad_argument("masks", psprintf("there are more than %d", CA_POLICY_MAX_LIST));
	foreach(lc, masks)
	{
		if (strlen(((CaMaskRule *) lfirst(lc))->mask->text) > CA_POLICY_MAX_TEXT)
			bad_argument("masks", psprintf("one is longer than %d bytes", CA_POLICY_MAX_TEXT));
	}
}

/*
 * Only relations have rows and columns.  SECURITY: a filter or mask that nobody
 * would ever apply must not look as if it protected something.
 * (test/sql/evaluate.sql)
 */
static void
check_obligations(const List *resources, const List *masks, const char *row_filter)
{
	ListCell   *lc;

	foreach(lc, resources)
	{
		if (((CaResource *) lfirst(lc))->kind != CA_RESOURCE_OTHER)
			return;
	}
	if (row_filter != NULL)
		bad_argument("row_filter", "none of its resources has rows");
	if (masks != NIL)
		bad_argument("masks", "none of its resources has columns");
}

static void
check_trusted(CaEffect effect, const List *resources)
{
	char	   *problem = ca_trusted_problem(effect, resources);

	if (problem != NULL)
		bad_argument("limits", psprintf("\"%s\": %s", CA_LIMIT_TRUSTED, problem));
}

static void
check_policy(HeapTuple row, TupleDesc desc)
{
	char	   *condition = ca_row_text(row, desc, "condition");
	char	   *row_filter = ca_row_text(row, desc, "row_filter");
	List	   *texts;
	List	   *resources;
	List	   *masks;
	CaEffect	effect;
	bool		trusted;
	bool		isnull;

	/* SECURITY: what records say is break-glass is nothing else */
	if (strcmp(ca_row_text(row, desc, "name"), CA_BREAK_GLASS) == 0)
		bad_argument("name", "it is what records call break-glass");
	effect = ca_policy_parse_effect(ca_row_text(row, desc, "effect"));
	(void) checked_list(row, desc, "principals");
	(void) checked_list(row, desc, "on_behalf_of");
	(void) checked_list(row, desc, "actions");
	texts = checked_list(row, desc, "resources");
	(void) ca_limits_parse(DatumGetJsonbP(ca_row_datum(row, desc, "limits", &isnull)), &trusted);

	resources = ca_policy_parse_resources(texts);
	if (trusted)
		check_trusted(effect, resources);
	masks = ca_policy_parse_masks(DatumGetJsonbP(ca_row_datum(row, desc, "masks", &isnull)));
	check_masks_size(masks);
	check_obligations(resources, masks, row_filter);
	if (condition != NULL)
		check_condition(condition);
	check_against_relations(resources, masks, row_filter);
}

/*
 * BEFORE ROW trigger of contauth.policy: a bad policy cannot be stored.
 *
 * SECURITY: what is checked may be a value of a column's type, whose input can
 * run code of the table's owner.  So it is checked as the one who brings the
 * policy, not as the owner of create_policy().  (test/sql/smuggle.sql)
 */
Datum
contauth_check_policy(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_policy", &desc);
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(GetOuterUserId(), context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	PG_TRY();
	{
		check_policy(row, desc);
	}
	PG_FINALLY();
	{
		SetUserIdAndSecContext(user, context);
	}
	PG_END_TRY();
	PG_RETURN_POINTER(row);
}

/*
 * policy_key(principals text[], resources text[]) returns text
 *
 * What the library finds a policy by; never fails.
 */
Datum
contauth_policy_key(PG_FUNCTION_ARGS)
{
	char	   *key = ca_policy_key(ca_text_array_list(PG_GETARG_DATUM(0)),
									ca_text_array_list(PG_GETARG_DATUM(1)));

	PG_RETURN_TEXT_P(cstring_to_text(key));
}

/* BEFORE ROW trigger of contauth.issuer. */
Datum
contauth_check_issuer(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_issuer", &desc);
	char	   *issuer = ca_row_text(row, desc, "issuer");
	char	   *trust_domain = ca_row_text(row, desc, "trust_domain");
	bool		isnull;
	Jsonb	   *jwks = DatumGetJsonbP(ca_row_datum(row, desc, "jwks", &isnull));
	char	   *json = JsonbToCString(NULL, &jwks->root, VARSIZE(jwks));
	CaJwks	   *keys = NULL;
	int			nkeys;
	CaTokenStatus status;

	if (issuer[0] == '\0' || strlen(issuer) > CA_POLICY_MAX_TEXT)
		bad_argument("issuer", "it must be 1 to 4096 bytes long");
	/* a person is named "issuer|subject" */
	if (strchr(issuer, '|') != NULL)
		bad_argument("issuer", "it must not contain \"|\"");
	if (!ca_trust_domain_valid(trust_domain))
		bad_argument("trust_domain", "it is not a SPIFFE trust domain name");
	status = ca_jwks_parse(json, strlen(json), &keys, &nkeys);
	if (status != CA_TOKEN_OK)
		bad_argument("jwks", ca_token_status_text(status));
	ca_jwks_free(keys);
	PG_RETURN_POINTER(row);
}

/* BEFORE ROW trigger of contauth.agent. */
Datum
contauth_check_agent(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_agent", &desc);
	int			td_len;
	bool		isnull;

	if (!ca_spiffe_id_valid(ca_row_text(row, desc, "spiffe_id"), true, &td_len))
		bad_argument("spiffe_id", "it is not a SPIFFE ID with a path");
	(void) checked_list(row, desc, "db_roles");
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(ca_row_datum(row, desc, "attributes", &isnull))))
		bad_argument("attributes", "it must be a JSON object");
	PG_RETURN_POINTER(row);
}

/*
 * AFTER trigger: tell every session, when this commits, to read the table
 * again.
 */
Datum
contauth_table_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("table_changed() must be a trigger")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	PG_RETURN_POINTER(NULL);
}
