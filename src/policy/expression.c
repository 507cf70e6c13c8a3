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
#include "base/internal.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "identity/claim.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "policy/expression.h"
#include "policy/expression_check.h"
#include "rewrite/rewriteManip.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

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
	{"array_nulls", "on"},
	{"timezone_abbreviations", "Default"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
};

int
ca_expression_pin_settings(void)
{
	int			nestlevel = NewGUCNestLevel();

	for (int i = 0; i < lengthof(pinned); i++)
	{
		/* some cost more to set than to look at */
		if (strcmp(GetConfigOption(pinned[i].name, false, false), pinned[i].value) != 0)
			(void) set_config_option(pinned[i].name, pinned[i].value,
									 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
									 true, 0, false);
	}
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

static void
check_length(const char *text)
{
	if (strlen(text) > CA_EXPRESSION_MAX_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the expression is longer than %d bytes",
						CA_EXPRESSION_MAX_LEN)));
}

void
ca_expression_check(const char *text)
{
	int			nestlevel = ca_expression_pin_settings();
	Node	   *raw;

	check_length(text);
	raw = raw_expression(text);
	ca_expression_check_raw(raw, true);
	AtEOXact_GUC(true, nestlevel);
}

/* Analyze a text; what its literals are read by is bound to be harmless. */
static Node *
analyze(const char *text, Relation rel, const char *alias)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	Node	   *raw = raw_expression(text);
	Node	   *expr;

	nsitem = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
										   alias != NULL ? makeAlias(alias, NIL) : NULL,
										   false, true);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	ca_expression_check_raw(raw, false);
	expr = transformExpr(pstate, raw, EXPR_KIND_POLICY);
	expr = coerce_to_boolean(pstate, expr, "policy text");
	assign_expr_collations(pstate, expr);
	free_parsestate(pstate);
	return expr;
}

Expr *
ca_expression_parse(const char *text, Relation rel, const char *alias)
{
	Node	   *volatile expr = NULL;
	int			nestlevel;

	check_length(text);
	nestlevel = ca_expression_pin_settings();
	ca_inert_depth++;
	PG_TRY();
	{
		expr = analyze(text, rel, alias);
	}
	PG_FINALLY();
	{
		ca_inert_depth--;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nestlevel);

	ca_expression_check_tree(expr);
	return (Expr *) expr;
}

Expr *
ca_expression_parse_row(const char *text, Relation rel)
{
	Expr	   *expr = ca_expression_parse(text, rel, NULL);

	ca_expression_check_row((Node *) expr);
	return expr;
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

Expr *
ca_expression_case(Expr *condition, Expr *result, Expr *otherwise,
				   Oid type, Oid collation)
{
	CaseExpr   *expr = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);

	when->expr = condition;
	when->result = result;
	when->location = -1;
	expr->casetype = type;
	expr->casecollid = collation;
	expr->args = list_make1(when);
	expr->defresult = otherwise;
	expr->location = -1;
	return (Expr *) expr;
}

typedef struct IdentityCalls
{
	bool		found;
	bool		claims;			/* claim() among them */
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
		calls->claims |= strcmp(function, "claim") == 0;
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

bool
ca_expression_uses_claims(const Expr *expr)
{
	IdentityCalls calls = {0};

	(void) identity_walker((Node *) unconstify(Expr *, expr), &calls);
	return calls.claims;
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
