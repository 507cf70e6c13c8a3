/*-------------------------------------------------------------------------
 *
 * mask.c
 *	  Column masks: which is stricter, which types they work for, and the
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
 * SECURITY: no mask function fails on a value, because which values it fails
 * on would tell something about them.  What it cannot mask it hides as a
 * whole.  (test/sql/masks_total.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/internal.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_func.h"
#include "policy/expression.h"
#include "policy/mask.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Which types a kind of mask works for. */
typedef enum CaMaskTypes
{
	CA_MASK_ANY_TYPE,
	CA_MASK_TEXT_TYPES,			/* text, varchar and char(n) */
	CA_MASK_HASH_TYPES,			/* these, bytea and uuid */
	CA_MASK_FPE_TYPES,			/* text types, integer and bigint */
	CA_MASK_NUMBER_TYPES,		/* integers, numeric and floats */
	CA_MASK_TIME_TYPES			/* date, time, timestamp and timestamptz */
} CaMaskTypes;

static const struct
{
	CaMaskTypes types;
	const char *function;		/* NULL: no function needed */
}			kinds[] =

{
	[CA_MASK_NULL] = {CA_MASK_ANY_TYPE, NULL},
	[CA_MASK_REDACT] = {CA_MASK_TEXT_TYPES, NULL},
	[CA_MASK_CONSTANT] = {CA_MASK_ANY_TYPE, NULL},
	[CA_MASK_HASH] = {CA_MASK_HASH_TYPES, "mask_hash"},
	[CA_MASK_FPE] = {CA_MASK_FPE_TYPES, "mask_fpe"},
	[CA_MASK_RANGE] = {CA_MASK_NUMBER_TYPES, "mask_range"},
	[CA_MASK_TRUNCATE] = {CA_MASK_TIME_TYPES, "mask_truncate"},
	[CA_MASK_NOISE] = {CA_MASK_NUMBER_TYPES, "mask_noise"},
	[CA_MASK_EMAIL] = {CA_MASK_TEXT_TYPES, "mask_email"},
	[CA_MASK_PARTIAL] = {CA_MASK_TEXT_TYPES, "mask_partial"},
	[CA_MASK_REGEX] = {CA_MASK_TEXT_TYPES, "mask_regex"},
};

static int
compare_amounts(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a),
											 NumericGetDatum(b)));
}

/* Two masks of one kind: negative when a shows less by its arguments. */
static int
compare_arguments(const CaMask *a, const CaMask *b)
{
	switch (a->kind)
	{
		case CA_MASK_PARTIAL:
			return (a->first + a->last) - (b->first + b->last);
		case CA_MASK_RANGE:
		case CA_MASK_NOISE:
			return compare_amounts(b->amount, a->amount);
		case CA_MASK_TRUNCATE:
			return (int) b->unit - (int) a->unit;
		default:
			return 0;
	}
}

bool
ca_mask_stricter(const CaMask *a, const CaMask *b)
{
	int			order = (int) a->kind - (int) b->kind;

	if (order == 0)
		order = compare_arguments(a, b);
	if (order == 0)
		order = strcmp(a->text, b->text);	/* which does not matter, but one */
	return order <= 0;
}

static bool
is_text_type(Oid basetype)
{
	return basetype == TEXTOID || basetype == VARCHAROID || basetype == BPCHAROID;
}

static bool
is_integer_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Whether the kind of mask works for the type.  A domain is left to the masks
 * that need no function: its constraints could refuse what a mask makes of a
 * value.
 */
static bool
kind_fits(CaMaskKind kind, Oid type)
{
	switch (kinds[kind].types)
	{
		case CA_MASK_ANY_TYPE:
			return true;
		case CA_MASK_TEXT_TYPES:
			return is_text_type(type);
		case CA_MASK_HASH_TYPES:
			return is_text_type(type) || type == BYTEAOID || type == UUIDOID;
		case CA_MASK_FPE_TYPES:
			return is_text_type(type) || type == INT4OID || type == INT8OID;
		case CA_MASK_NUMBER_TYPES:
			return is_integer_type(type) || type == NUMERICOID ||
				type == FLOAT4OID || type == FLOAT8OID;
		case CA_MASK_TIME_TYPES:
			return type == DATEOID || type == TIMEOID ||
				type == TIMESTAMPOID || type == TIMESTAMPTZOID;
	}
	return false;
}

/* The step of range() for integers; 0 when it is none. */
static int64
integer_step(Numeric step)
{
	char	   *digits = numeric_normalize(step);
	char	   *end;
	int64		result;

	errno = 0;
	result = strtoi64(digits, &end, 10);
	return errno == 0 && *end == '\0' ? result : 0;
}

/* Why the mask does not work for the type, or NULL; a constant's text aside. */
static const char *
misfit(const CaMask *mask, Oid type)
{
	if (!kind_fits(mask->kind, type))
		return psprintf("mask \"%s\" does not work for type %s",
						pnstrdup(mask->text, strcspn(mask->text, "(")),
						format_type_be(type));
	if (mask->kind == CA_MASK_RANGE && is_integer_type(type) &&
		integer_step(mask->amount) == 0)
		return psprintf("mask \"%s\" does not work for type %s: its step must be a whole number of at most 64 bits",
						mask->text, format_type_be(type));
	if (mask->kind == CA_MASK_TRUNCATE &&
		((type == DATEOID && mask->unit < CA_UNIT_DAY) ||
		 (type == TIMEOID && mask->unit >= CA_UNIT_DAY)))
		return psprintf("mask \"%s\" does not work for type %s, which has no such unit",
						mask->text, format_type_be(type));
	return NULL;
}

/* A text as a value of the type; raises input errors. */
static Const *
constant_value(char *text, Oid type, int32 typmod, Oid collation)
{
	Oid			input;
	Oid			ioparam;
	Datum		value = 0;

	getTypeInputInfo(type, &input, &ioparam);
	ca_inert_depth++;
	PG_TRY();
	{
		value = OidInputFunctionCall(input, text, ioparam, typmod);
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
	*problem = misfit(mask, type);
	if (*problem != NULL)
		return false;
	if (mask->kind == CA_MASK_CONSTANT)
		(void) constant_value(mask->constant, type, typmod, InvalidOid);
	return true;
}

/* What DateStyle, TimeZone or the clock make of a text, and domains, may change. */
bool
ca_mask_is_fixed(const CaMask *mask, Oid type)
{
	Oid			input;
	Oid			ioparam;

	if (mask->kind != CA_MASK_CONSTANT)
		return true;
	getTypeInputInfo(type, &input, &ioparam);
	return func_volatile(input) == PROVOLATILE_IMMUTABLE;
}

static Const *
int_argument(int value)
{
	return makeConst(INT4OID, -1, InvalidOid, sizeof(int32),
					 Int32GetDatum(value), false, true);
}

static Const *
text_argument(const char *value)
{
	return makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1,
					 CStringGetTextDatum(value), false, false);
}

static Const *
numeric_argument(Numeric value)
{
	return makeConst(NUMERICOID, -1, InvalidOid, -1,
					 datumCopy(NumericGetDatum(value), false, -1), false, false);
}

static Const *
bigint_argument(int64 value)
{
	return makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
					 Int64GetDatum(value), false, FLOAT8PASSBYVAL);
}

/* What the mask's function takes between the value and the mark. */
static List *
mask_arguments(const CaMask *mask, Oid type, int32 typmod)
{
	switch (mask->kind)
	{
		case CA_MASK_PARTIAL:
			return list_make2(int_argument(mask->first), int_argument(mask->last));
		case CA_MASK_FPE:
			return list_make1(text_argument(mask->tweak));
		case CA_MASK_REGEX:
			return list_make2(text_argument(mask->pattern),
							  text_argument(mask->replacement));
		case CA_MASK_TRUNCATE:
			return list_make1(text_argument(ca_mask_unit_name(mask->unit)));
		case CA_MASK_RANGE:
			if (is_integer_type(type))
				return list_make1(bigint_argument(integer_step(mask->amount)));
			/* FALLTHROUGH */
		case CA_MASK_NOISE:
			if (type == NUMERICOID)
				return list_make2(numeric_argument(mask->amount), int_argument(typmod));
			return list_make1(numeric_argument(mask->amount));
		default:
			return NIL;
	}
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

/* contauth.mask_xxx(value, [arguments,] mask_call) */
static Expr *
mask_call(const CaMask *mask, Expr *value, Oid type, int32 typmod, Oid collation)
{
	List	   *args = lcons(value, mask_arguments(mask, type, typmod));
	Oid			argtypes[4];
	Oid			funcid;
	ListCell   *lc;

	args = lappend(args, makeConst(mask_call_type(), -1, InvalidOid,
								   sizeof(int32), Int32GetDatum(0), false, true));
	foreach(lc, args)
		argtypes[foreach_current_index(lc)] = exprType(lfirst(lc));
	argtypes[0] = is_text_type(type) ? TEXTOID : type;

	funcid = LookupFuncName(list_make2(makeString("contauth"),
									   makeString(unconstify(char *, kinds[mask->kind].function))),
							list_length(args), argtypes, false);
	return (Expr *) makeFuncExpr(funcid, argtypes[0], args, collation, collation,
								 COERCE_EXPLICIT_CALL);
}

/* CASE WHEN value IS NULL THEN NULL ELSE constant END */
static Expr *
constant_unless_null(Const *constant, Expr *value)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = value;
	test->nulltesttype = IS_NULL;
	test->location = -1;
	return ca_expression_case((Expr *) test,
							  (Expr *) makeNullConst(constant->consttype, constant->consttypmod,
													 constant->constcollid),
							  (Expr *) constant, constant->consttype,
							  constant->constcollid);
}

/* What stands for every text; a constant, since a function would have to be called. */
static Const *
redacted(Oid type, int32 typmod, Oid collation)
{
	char	   *text = pstrdup(CA_REDACTED);

	/* ASCII: a character is a byte */
	if (typmod >= VARHDRSZ && typmod - VARHDRSZ < strlen(text))
		text[typmod - VARHDRSZ] = '\0';
	return constant_value(text, type, typmod, collation);
}

/*
 * Give what a mask function made the column's type and length.  Nothing of it
 * can fail: texts are cut, and numbers and times have been made to fit.
 */
static Expr *
as_column_type(Expr *expr, Oid type, int32 typmod, Oid collation)
{
	Node	   *result;

	result = coerce_to_target_type(NULL, (Node *) expr, exprType((Node *) expr),
								   type, typmod, COERCION_EXPLICIT,
								   COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		return (Expr *) makeNullConst(type, typmod, collation);
	exprSetCollation(result, collation);
	return (Expr *) result;
}

Expr *
ca_mask_expression(const CaMask *mask, Expr *value,
				   Oid type, int32 typmod, Oid collation)
{
	if (mask->kind == CA_MASK_NULL || misfit(mask, type) != NULL)
		return (Expr *) makeNullConst(type, typmod, collation);
	if (mask->kind == CA_MASK_CONSTANT)
		return constant_unless_null(constant_value(mask->constant, type, typmod, collation),
									value);
	if (mask->kind == CA_MASK_REDACT)
		return constant_unless_null(redacted(type, typmod, collation), value);

	if (is_text_type(type) && type != TEXTOID)
		value = (Expr *) coerce_type(NULL, (Node *) value, type, TEXTOID, -1,
									 COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
	return as_column_type(mask_call(mask, value, type, typmod, collation),
						  type, typmod, collation);
}
