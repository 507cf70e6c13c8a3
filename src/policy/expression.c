/*-------------------------------------------------------------------------
 *
 * expression.c
 *	  Policy text as PostgreSQL expressions: conditions and row filters.
 *
 * SECURITY: the text is always parsed under search_path = pg_catalog,
 * pg_temp and fixed rules for literals, never under the session's.  Otherwise
 * an agent's own function or operator would be called with what the policy
 * protects, or a pattern would mean something else.  For the same reason only
 * functions of pg_catalog and contauth are accepted.
 * (test/sql/policy.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/catalog.h"
#include "base/glob.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "identity/claim.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "policy/expression.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* Deepest nesting of an expression tree. */
#define CA_EXPRESSION_MAX_DEPTH	200

/* What the meaning of policy text could depend on, and the value it gets. */
static const struct
{
	const char *name;
	const char *value;
}			pinned[] =

{
	{"search_path", "pg_catalog, pg_temp"},
	{"standard_conforming_strings", "on"},
	{"backslash_quote", "safe_encoding"},
	{"transform_null_equals", "off"},
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"bytea_output", "hex"},
	{"extra_float_digits", "1"},
	{"xmloption", "content"},
};

int
ca_expression_pin_settings(void)
{
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i].name, pinned[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return nestlevel;
}

/* A lone "*", which the server's analysis of expressions does not expect. */
static bool
is_star(const Node *node)
{
	return IsA(node, ColumnRef) &&
		IsA(linitial(((const ColumnRef *) node)->fields), A_Star);
}

/*
 * The one expression of "SELECT <text>".  Anything else that the text may
 * have smuggled in (FROM, UNION, a second statement) is refused.
 */
static Node *
raw_expression(const char *text)
{
	char	   *query = psprintf("SELECT %s", text);
	List	   *statements = raw_parser(query, RAW_PARSE_DEFAULT);
	SelectStmt *select;
	ResTarget  *target;

	if (list_length(statements) != 1 ||
		!IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		goto refuse;
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (list_length(select->targetList) != 1 ||
		select->distinctClause != NIL || select->intoClause != NULL ||
		select->fromClause != NIL || select->whereClause != NULL ||
		select->groupClause != NIL || select->havingClause != NULL ||
		select->windowClause != NIL || select->valuesLists != NIL ||
		select->sortClause != NIL || select->limitOffset != NULL ||
		select->limitCount != NULL || select->lockingClause != NIL ||
		select->withClause != NULL || select->op != SETOP_NONE)
		goto refuse;
	target = linitial_node(ResTarget, select->targetList);
	if (target->name != NULL || target->indirection != NIL || is_star(target->val))
		goto refuse;
	return target->val;

refuse:
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("the text is not a single expression")));
	return NULL;				/* keep compiler quiet */
}

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

/* May policies use this function of pg_catalog or contauth? */
static bool
is_open(Oid funcid, Oid nsp)
{
	const char *name = get_func_name(funcid);

	if (nsp == ca_schema_oid())
		return strcmp(name, "claim") == 0 || strcmp(name, "attribute") == 0;
	return any_names(open_functions, lengthof(open_functions), name) ||
		!any_names(closed_functions, lengthof(closed_functions), name);
}

/* Is this function acceptable in policy text? */
static bool
function_refused(Oid funcid, void *context)
{
	Oid			nsp = get_func_namespace(funcid);

	if (nsp != PG_CATALOG_NAMESPACE && nsp != ca_schema_oid())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not allowed in a policy",
						format_procedure(funcid)),
				 errdetail("Only functions of pg_catalog and contauth are.")));
	if (!is_open(funcid, nsp))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not allowed in a policy",
						format_procedure(funcid)),
				 errdetail("It reads other data, or what the session itself sets.")));
	if (func_volatile(funcid) == PROVOLATILE_VOLATILE)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is volatile", format_procedure(funcid)),
				 errdetail("Only immutable and stable functions are allowed in a policy.")));
	if (get_func_retset(funcid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s returns a set", format_procedure(funcid))));
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
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
			check_type(exprType(node));
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
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("sub-selects and parameters are not allowed in a policy")));
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

Expr *
ca_expression_parse(const char *text, Relation rel, const char *alias)
{
	ParseState *pstate;
	ParseNamespaceItem *nsitem;
	Node	   *raw;
	Node	   *expr;
	CheckState	state = {0};
	int			nestlevel;

	if (strlen(text) > CA_EXPRESSION_MAX_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the expression is longer than %d bytes",
						CA_EXPRESSION_MAX_LEN)));

	nestlevel = ca_expression_pin_settings();
	pstate = make_parsestate(NULL);
	nsitem = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
										   alias != NULL ? makeAlias(alias, NIL) : NULL,
										   false, true);
	addNSItemToQuery(pstate, nsitem, false, true, true);

	raw = raw_expression(text);
	(void) check_cast_walker(raw, NULL);
	expr = transformExpr(pstate, raw, EXPR_KIND_POLICY);
	expr = coerce_to_boolean(pstate, expr, "policy text");
	assign_expr_collations(pstate, expr);
	free_parsestate(pstate);
	AtEOXact_GUC(true, nestlevel);

	(void) check_walker(expr, &state);
	return (Expr *) expr;
}

/* Which of our identity functions is this node a call of, with its name? */
static bool
is_identity_call(Node *node, char **function, char **argument)
{
	FuncExpr   *call = (FuncExpr *) node;
	Const	   *arg;

	if (!IsA(node, FuncExpr) || get_func_namespace(call->funcid) != ca_schema_oid())
		return false;
	*function = get_func_name(call->funcid);
	if (strcmp(*function, "claim") != 0 && strcmp(*function, "attribute") != 0)
		return false;
	*argument = NULL;
	if (list_length(call->args) == 1 && IsA(linitial(call->args), Const))
	{
		arg = linitial_node(Const, call->args);
		if (!arg->constisnull)
			*argument = TextDatumGetCString(arg->constvalue);
	}
	return true;
}

/* Value of claim() or attribute() for the current identity, or NULL. */
static char *
identity_value(const char *function, const char *argument)
{
	return strcmp(function, "claim") == 0 ?
		ca_claim_text(argument) : ca_attribute_text(argument);
}

static Node *
fold_mutator(Node *node, void *context)
{
	char	   *function;
	char	   *argument;

	if (node == NULL)
		return NULL;
	if (is_identity_call(node, &function, &argument) && argument != NULL)
	{
		char	   *value = identity_value(function, argument);

		return (Node *) makeConst(TEXTOID, -1, exprCollation(node), -1,
								  value != NULL ? CStringGetTextDatum(value) : (Datum) 0,
								  value == NULL, false);
	}
	return expression_tree_mutator(node, fold_mutator, context);
}

Expr *
ca_expression_instantiate(const Expr *filter, Index varno)
{
	Node	   *expr = fold_mutator((Node *) unconstify(Expr *, filter), NULL);

	if (varno != 1)
		ChangeVarNodes(expr, 1, varno, 0);
	return (Expr *) expr;
}

typedef struct IdentityCalls
{
	bool		found;
	uint64		hash;			/* of the values that the calls have now */
} IdentityCalls;

static bool
identity_walker(Node *node, void *context)
{
	IdentityCalls *calls = context;
	char	   *function;
	char	   *argument;

	if (node == NULL)
		return false;
	if (is_identity_call(node, &function, &argument))
	{
		char	   *value = argument != NULL ? identity_value(function, argument) : NULL;

		calls->found = true;
		calls->hash = hash_combine64(calls->hash, value == NULL ? 0 :
									 hash_bytes_extended((unsigned char *) value,
														 strlen(value), 1));
	}
	return expression_tree_walker(node, identity_walker, context);
}

bool
ca_expression_uses_identity(const Expr *expr)
{
	IdentityCalls calls = {0};

	(void) identity_walker((Node *) unconstify(Expr *, expr), &calls);
	return calls.found;
}

uint64
ca_expression_identity_hash(const Expr *expr)
{
	IdentityCalls calls = {0};

	(void) identity_walker((Node *) unconstify(Expr *, expr), &calls);
	return calls.hash;
}

static bool
not_leakproof(Oid funcid, void *context)
{
	return !get_func_leakproof(funcid);
}

static bool
can_fail_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RelabelType:
		case T_OpExpr:
		case T_FuncExpr:
		case T_List:
			break;
		default:
			return true;		/* not known to be harmless */
	}
	if (check_functions_in_node(node, not_leakproof, NULL))
		return true;
	return expression_tree_walker(node, can_fail_walker, context);
}

bool
ca_expression_may_fail(const Expr *expr)
{
	return can_fail_walker((Node *) unconstify(Expr *, expr), NULL);
}
