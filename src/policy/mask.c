/*-------------------------------------------------------------------------
 *
 * mask.c
 *	  Column masks: how they are written, which is stricter, and the
 *	  expression that stands in for the column.
 *
 * The functions that do the work are C functions in schema contauth whose
 * last argument is of type contauth.mask_call.
 *
 * SECURITY: no SQL text can produce a value of that type but NULL, and the
 * functions are strict; so an agent cannot call a mask function itself and
 * use it as an oracle (hash of a guess), although its role may execute them.
 * Type internal would do the same, but EXPLAIN VERBOSE cannot show it.
 * (test/sql/masks.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/internal.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "policy/mask.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Which types a kind of mask works for. */
typedef enum CaMaskTypes
{
	CA_MASK_ANY_TYPE,
	CA_MASK_TEXT_TYPES,			/* text, varchar, char(n) and their domains */
	CA_MASK_HASH_TYPES			/* these, bytea and uuid */
} CaMaskTypes;

static const struct
{
	const char *name;
	CaMaskTypes types;
	const char *function;		/* NULL: no function needed */
	int			nargs;			/* integer arguments */
}			kinds[] =

{
	[CA_MASK_NULL] = {"null", CA_MASK_ANY_TYPE, NULL, 0},
	[CA_MASK_REDACT] = {"redact", CA_MASK_TEXT_TYPES, "mask_redact", 0},
	[CA_MASK_CONSTANT] = {"constant", CA_MASK_ANY_TYPE, NULL, 0},
	[CA_MASK_HASH] = {"hash", CA_MASK_HASH_TYPES, "mask_hash", 0},
	[CA_MASK_EMAIL] = {"email", CA_MASK_TEXT_TYPES, "mask_email", 0},
	[CA_MASK_PARTIAL] = {"partial", CA_MASK_TEXT_TYPES, "mask_partial", 2},
};

/* Longest run of characters that partial() may keep. */
#define CA_MASK_KEEP_MAX	1000

/* Two non-negative integers separated by a comma, and nothing else. */
static bool
parse_two_numbers(const char *args, int *a, int *b)
{
	char	   *end;
	long		first,
				second;

	first = strtol(args, &end, 10);
	if (end == args || *end != ',' || first < 0 || first > CA_MASK_KEEP_MAX)
		return false;
	args = end + 1;
	second = strtol(args, &end, 10);
	while (*end == ' ')
		end++;
	if (end == args || *end != '\0' || second < 0 || second > CA_MASK_KEEP_MAX)
		return false;
	*a = (int) first;
	*b = (int) second;
	return true;
}

/* Take the arguments that stand between the parentheses, or NULL. */
static const char *
take_arguments(CaMask *mask, char *args)
{
	switch (mask->kind)
	{
		case CA_MASK_PARTIAL:
			if (args == NULL || !parse_two_numbers(args, &mask->first, &mask->last))
				return "partial needs two numbers, as in partial(0,4)";
			return NULL;
		case CA_MASK_CONSTANT:
			if (args == NULL)
				return "constant needs a value, as in constant(0)";
			mask->constant = args;
			return NULL;
		default:
			return args != NULL ? "this mask takes no arguments" : NULL;
	}
}

CaMask *
ca_mask_parse(const char *text, const char **problem)
{
	CaMask	   *mask = palloc0(sizeof(CaMask));
	const char *open = strchr(text, '(');
	size_t		name_len = open != NULL ? open - text : strlen(text);
	size_t		len = strlen(text);
	char	   *args = NULL;

	mask->text = pstrdup(text);
	if (open != NULL)
	{
		if (text[len - 1] != ')')
		{
			*problem = "its closing parenthesis is missing";
			return NULL;
		}
		args = pnstrdup(open + 1, text + len - 1 - (open + 1));
	}

	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strlen(kinds[i].name) == name_len &&
			strncmp(kinds[i].name, text, name_len) == 0)
		{
			mask->kind = (CaMaskKind) i;
			*problem = take_arguments(mask, args);
			return *problem == NULL ? mask : NULL;
		}
	}
	*problem = "there is no such mask; known are null, redact, constant(x), hash, email and partial(first,last)";
	return NULL;
}

bool
ca_mask_stricter(const CaMask *a, const CaMask *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind;
	return a->first + a->last <= b->first + b->last;
}

static bool
is_text_type(Oid basetype)
{
	return basetype == TEXTOID || basetype == VARCHAROID || basetype == BPCHAROID;
}

/*
 * Whether the mask works for the type, leaving a constant's text aside.  A
 * domain is left to the masks that need no function: its constraints could
 * refuse what a mask makes of a value.
 */
static bool
type_fits(CaMaskKind kind, Oid type)
{
	switch (kinds[kind].types)
	{
		case CA_MASK_ANY_TYPE:
			return true;
		case CA_MASK_TEXT_TYPES:
			return is_text_type(type);
		case CA_MASK_HASH_TYPES:
			return is_text_type(type) || type == BYTEAOID || type == UUIDOID;
	}
	return false;
}

/* The constant's value as an expression of the type; raises input errors. */
static Const *
constant_value(const CaMask *mask, Oid type, int32 typmod, Oid collation)
{
	Oid			input;
	Oid			ioparam;
	Datum		value = 0;

	getTypeInputInfo(type, &input, &ioparam);
	ca_inert_depth++;
	PG_TRY();
	{
		value = OidInputFunctionCall(input, mask->constant, ioparam, typmod);
	}
	PG_FINALLY();
	{
		ca_inert_depth--;
	}
	PG_END_TRY();
	return makeConst(type, typmod, collation, get_typlen(type), value,
					 false, get_typbyval(type));
}

bool
ca_mask_fits(const CaMask *mask, Oid type, int32 typmod, const char **problem)
{
	if (!type_fits(mask->kind, type))
	{
		*problem = psprintf("mask \"%s\" does not work for type %s",
							kinds[mask->kind].name, format_type_be(type));
		return false;
	}
	if (mask->kind == CA_MASK_CONSTANT)
		(void) constant_value(mask, type, typmod, InvalidOid);
	return true;
}

/* An integer argument of a mask function. */
static Const *
int_argument(int value)
{
	return makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
					 Int32GetDatum(value), false, true);
}

/* The type of the last argument of every mask function. */
static Oid
mask_call_type(void)
{
	Oid			type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
									   CStringGetDatum("mask_call"),
									   ObjectIdGetDatum(ca_schema_oid()));

	if (!OidIsValid(type))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("type contauth.mask_call does not exist"),
				 errhint("Run ALTER EXTENSION contauth UPDATE in this database.")));
	return type;
}

/* contauth.mask_xxx(value, [int, int,] mask_call) */
static Expr *
mask_call(const CaMask *mask, Expr *value, Oid type, Oid collation)
{
	Oid			argtype = is_text_type(type) ? TEXTOID : type;
	Oid			argtypes[4] = {argtype};
	List	   *args = list_make1(value);
	int			nargs = 1;
	Oid			funcid;

	if (kinds[mask->kind].nargs == 2)
	{
		argtypes[nargs++] = INT4OID;
		argtypes[nargs++] = INT4OID;
		args = lappend(args, int_argument(mask->first));
		args = lappend(args, int_argument(mask->last));
	}
	argtypes[nargs++] = mask_call_type();
	args = lappend(args, makeConst(argtypes[nargs - 1], -1, InvalidOid,
								   sizeof(int32), Int32GetDatum(0), false, true));

	funcid = LookupFuncName(list_make2(makeString("contauth"),
									   makeString(unconstify(char *, kinds[mask->kind].function))),
							nargs, argtypes, false);
	return (Expr *) makeFuncExpr(funcid, argtype, args, collation, collation,
								 COERCE_EXPLICIT_CALL);
}

/* CASE WHEN value IS NULL THEN NULL ELSE constant END */
static Expr *
constant_unless_null(const CaMask *mask, Expr *value,
					 Oid type, int32 typmod, Oid collation)
{
	CaseExpr   *result = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);
	NullTest   *test = makeNode(NullTest);

	test->arg = value;
	test->nulltesttype = IS_NULL;
	test->location = -1;
	when->expr = (Expr *) test;
	when->result = (Expr *) makeNullConst(type, typmod, collation);
	when->location = -1;
	result->casetype = type;
	result->casecollid = collation;
	result->args = list_make1(when);
	result->defresult = (Expr *) constant_value(mask, type, typmod, collation);
	result->location = -1;
	return (Expr *) result;
}

/* Give the text that a mask function made the column's type and length. */
static Expr *
as_column_type(Expr *expr, Oid type, int32 typmod, Oid collation)
{
	Node	   *result;

	if (!is_text_type(type))
		return expr;
	result = coerce_to_target_type(NULL, (Node *) expr, TEXTOID, type, typmod,
								   COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		return (Expr *) makeNullConst(type, typmod, collation);
	exprSetCollation(result, collation);
	return (Expr *) result;
}

Expr *
ca_mask_expression(const CaMask *mask, Expr *value,
				   Oid type, int32 typmod, Oid collation)
{
	if (mask->kind == CA_MASK_NULL || !type_fits(mask->kind, type))
		return (Expr *) makeNullConst(type, typmod, collation);
	if (mask->kind == CA_MASK_CONSTANT)
		return constant_unless_null(mask, value, type, typmod, collation);

	if (is_text_type(type) && type != TEXTOID)
		value = (Expr *) coerce_type(NULL, (Node *) value, type, TEXTOID, -1,
									 COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	return as_column_type(mask_call(mask, value, type, collation),
						  type, typmod, collation);
}
