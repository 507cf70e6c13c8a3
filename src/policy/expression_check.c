/*-------------------------------------------------------------------------
 *
 * expression_check.c
 *	  What policy text may contain: functions, types, conversions.
 *
 * A text is looked at twice: as it was parsed, before analysis reads its
 * literals, and as a tree of known functions and types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/glob.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_type.h"
#include "policy/expression_check.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Deepest nesting of an expression tree. */
#define CA_EXPRESSION_MAX_DEPTH	200

/*
 * Functions of pg_catalog that are no use to a policy although they are not
 * volatile: they read other data past every check, or what the session itself
 * sets, or the state of the server.  "*" stands for any characters.
 */
static const char *const closed_functions[] = {
	"*_to_xml*", "*_to_xmlschema", "*_validator", "current_schema*", "current_setting",
	"get_current_ts_config", "*_description", "pg_*", "row_security_active",
	"to_reg*", "txid_*",
};

/* And those of them that are some use. */
static const char *const open_functions[] = {
	"pg_column_size", "pg_has_role", "pg_input_is_valid", "pg_size_bytes",
	"pg_size_pretty", "pg_typeof",
};

/* Those that take a text search configuration. */
static const char *const text_search[] = {
	"*to_tsvector", "*to_tsquery", "ts_headline",
};

static bool
any_names(const char *const *patterns, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (ca_glob_match(patterns[i], name))
			return true;
	}
	return false;
}

/*
 * Functions that look up a name in the search path, or a text search
 * configuration in a setting, when they run: an agent's own, in a row filter.
 */
static bool
depends_on_session(Oid funcid, const char *name)
{
	Oid		   *types;
	int			ntypes;

	(void) get_func_signature(funcid, &types, &ntypes);
	return strcmp(name, "regclass") == 0 ||
		(any_names(text_search, lengthof(text_search), name) &&
		 (ntypes == 0 || types[0] != REGCONFIGOID));
}

/* May policies use this function of pg_catalog or contauth? */
static bool
is_open(Oid funcid, Oid nsp)
{
	const char *name = get_func_name(funcid);

	if (nsp == ca_schema_oid())
		return strcmp(name, "claim") == 0 || strcmp(name, "attribute") == 0;
	return any_names(open_functions, lengthof(open_functions), name) ||
		!(any_names(closed_functions, lengthof(closed_functions), name) ||
		  depends_on_session(funcid, name));
}

/* Why policies may not use a function, NULL when they may. */
static const char *
objection(Oid funcid)
{
	Oid			nsp = get_func_namespace(funcid);

	if (nsp != PG_CATALOG_NAMESPACE && nsp != ca_schema_oid())
		return "it is not one of pg_catalog or contauth";
	if (!is_open(funcid, nsp))
		return "it reads other data, or what the session itself sets";
	if (func_volatile(funcid) == PROVOLATILE_VOLATILE)
		return "it is volatile";
	if (get_func_retset(funcid))
		return "it returns a set";
	return NULL;
}

/* Raise an error for a function that policies may not use. */
static bool
function_refused(Oid funcid, void *context)
{
	const char *reason = objection(funcid);

	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not allowed in a policy: %s",
						format_procedure(funcid), reason)));
	return false;
}

static Oid
get_type_namespace(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			nsp = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		nsp = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
		ReleaseSysCache(tuple);
	}
	return nsp;
}

/*
 * Values may be made of the server's types and of enumerations only: what is in
 * a domain's constraints, or in those of a row type's columns, nobody has
 * looked at.
 */
static void
check_type(Oid type)
{
	Oid			element = get_element_type(type);

	if (OidIsValid(element))
		type = element;
	if (get_type_namespace(type) != PG_CATALOG_NAMESPACE && !type_is_enum(type))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("type %s is not allowed in a policy", format_type_be(type)),
				 errdetail("Values of the server's own types and of enumerations are.")));
}

static bool
is_reg_type(Oid type)
{
	switch (type)
	{
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGROLEOID:
		case REGTYPEOID:
			return true;
		default:
			return false;
	}
}

/* Names of objects are looked up in the search path when they are converted. */
static void
check_conversion(Oid from, Oid to)
{
	if (is_reg_type(from) || is_reg_type(to))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("conversion of type %s to %s is not allowed in a policy",
						format_type_be(from), format_type_be(to)),
				 errdetail("It depends on the session's search path.")));
}

/*
 * Is the text of a value of this type what settings say that any client may
 * set: DateStyle, IntervalStyle, bytea_output, extra_float_digits, lc_monetary?
 */
static bool
text_follows_settings(Oid type)
{
	Oid			inner;

	type = getBaseType(type);
	switch (type)
	{
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
		case BYTEAOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case MONEYOID:
		case POINTOID:
		case LSEGOID:
		case PATHOID:
		case BOXOID:
		case POLYGONOID:
		case LINEOID:
		case CIRCLEOID:
			return true;
		default:
			break;
	}
	if (OidIsValid(inner = get_multirange_range(type)))
		type = inner;
	if (OidIsValid(inner = get_element_type(type)) ||
		OidIsValid(inner = get_range_subtype(type)))
		return text_follows_settings(inner);
	return type_is_rowtype(type);
}

static void
check_text_of(Oid type)
{
	if (text_follows_settings(type))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("text of type %s is not allowed in a policy about rows",
						format_type_be(type)),
				 errdetail("It depends on the session's settings."),
				 errhint("Say which text, for example by to_char() or encode().")));
}

/* Does this function make text of a value of whatever type that it is given? */
static bool
makes_text_of_any(Oid funcid, int position)
{
	Oid		   *types;
	int			ntypes;
	Oid			result = get_func_signature(funcid, &types, &ntypes);

	if (result == CSTRINGOID)
		return true;			/* an output function */
	if (result != TEXTOID && result != JSONOID && result != JSONBOID)
		return false;
	/* a variadic "any" stands for all that follow */
	position = Min(position, ntypes - 1);
	return position >= 0 &&
		(types[position] == ANYOID || types[position] == RECORDOID ||
		 IsPolymorphicType(types[position]));
}

static void
check_arguments(Oid funcid, List *args)
{
	for (int i = 0; i < list_length(args); i++)
	{
		if (makes_text_of_any(funcid, i))
			check_text_of(exprType(list_nth(args, i)));
	}
}

/*
 * SECURITY: the agent's settings hold while a row filter runs, so it must not
 * look at what they decide.  (test/sql/settings.sql)
 */
static bool
check_row_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceViaIO))
		check_text_of(exprType((Node *) ((CoerceViaIO *) node)->arg));
	else if (IsA(node, FuncExpr))
		check_arguments(((FuncExpr *) node)->funcid, ((FuncExpr *) node)->args);
	else if (IsA(node, OpExpr))
		check_arguments(((OpExpr *) node)->opfuncid, ((OpExpr *) node)->args);
	return expression_tree_walker(node, check_row_walker, context);
}

void
ca_expression_check_row(Node *expr)
{
	(void) check_row_walker(expr, NULL);
}

/* What a column of the relation is of is its own business. */
static void
check_node_type(Node *node)
{
	switch (nodeTag(node))
	{
		case T_Const:
		case T_FuncExpr:
		case T_RowExpr:
		case T_ArrayExpr:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
			check_type(exprType(node));
			break;
		case T_CoerceViaIO:
			check_type(exprType(node));
			check_conversion(exprType((Node *) ((CoerceViaIO *) node)->arg),
							 exprType(node));
			break;
		default:
			break;
	}
}

/*
 * SECURITY: analysis reads the literal of a cast with its type's input
 * function, which runs the constraints of a domain: so casts are looked at
 * before.  (test/sql/smuggle.sql)
 */
static bool
check_cast_walker(Node *node, void *context)
{
	Type		type;

	if (node == NULL)
		return false;
	if (IsA(node, TypeCast))
	{
		type = LookupTypeName(NULL, ((TypeCast *) node)->typeName, NULL, true);
		if (type != NULL)
		{
			check_type(typeTypeId(type));
			ReleaseSysCache(type);
		}
	}
	return raw_expression_tree_walker(node, check_cast_walker, context);
}

static void
refuse_query(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("sub-selects and parameters are not allowed in a policy")));
}

typedef struct CheckState
{
	int			depth;
} CheckState;

static bool
check_walker(Node *node, void *context)
{
	CheckState *state = context;
	bool		result;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink) || IsA(node, Param) || IsA(node, NextValueExpr) ||
		IsA(node, CurrentOfExpr))
		refuse_query();
	check_node_type(node);
	if (++state->depth > CA_EXPRESSION_MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
				 errmsg("the expression is nested too deeply")));
	(void) check_functions_in_node(node, function_refused, NULL);
	result = expression_tree_walker(node, check_walker, context);
	state->depth--;
	return result;
}

void
ca_expression_check_tree(Node *expr)
{
	CheckState	state = {0};

	(void) check_walker(expr, &state);
}

/* Is there a function of that name that policies may use? */
static void
check_function_name(List *name)
{
	FuncCandidateList candidate =
	FuncnameGetCandidates(name, -1, NIL, false, false, false, true);
	const char *reason = "there is none of that name";

	for (; candidate != NULL; candidate = candidate->next)
	{
		reason = objection(candidate->oid);
		if (reason == NULL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function %s is not allowed in a policy: %s",
					NameListToString(name), reason)));
}

/* What can be seen of a text before it is known what its columns are. */
static bool
check_raw_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubLink) || IsA(node, ParamRef) || IsA(node, CurrentOfExpr))
		refuse_query();
	if (IsA(node, FuncCall))
		check_function_name(((FuncCall *) node)->funcname);
	return raw_expression_tree_walker(node, check_raw_walker, context);
}

void
ca_expression_check_raw(Node *raw, bool alone)
{
	(void) check_cast_walker(raw, NULL);
	if (alone)
		(void) check_raw_walker(raw, NULL);
}
