/*-------------------------------------------------------------------------
 *
 * mask_parse.c
 *	  How column masks are written.
 *
 * A mask is a name, and for most kinds arguments in parentheses.  What is
 * wrong with a text is told in words, as far as it can be told without a
 * column (what that takes is in mask.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "crypto/ff1.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "policy/mask.h"
#include "regex/regex.h"
#include "utils/builtins.h"

/* Longest run of characters that partial(), first() and last() may keep. */
#define CA_MASK_KEEP_MAX	1000

/* Longest step and fraction, in characters. */
#define CA_MASK_NUMBER_MAX	60

/* Longest pattern and replacement, in bytes. */
#define CA_MASK_REGEX_MAX	1000

static const char *const units[] = {
	[CA_UNIT_SECOND] = "second",
	[CA_UNIT_MINUTE] = "minute",
	[CA_UNIT_HOUR] = "hour",
	[CA_UNIT_DAY] = "day",
	[CA_UNIT_WEEK] = "week",
	[CA_UNIT_MONTH] = "month",
	[CA_UNIT_QUARTER] = "quarter",
	[CA_UNIT_YEAR] = "year",
	[CA_UNIT_DECADE] = "decade",
};

bool
ca_mask_unit(const char *name, CaMaskUnit *unit)
{
	for (int i = 0; i < lengthof(units); i++)
	{
		if (strcmp(units[i], name) == 0)
		{
			*unit = (CaMaskUnit) i;
			return true;
		}
	}
	return false;
}

const char *
ca_mask_unit_name(CaMaskUnit unit)
{
	return units[unit];
}

/* A count of characters to keep, and what must come after it. */
static bool
parse_count(const char **p, char terminator, int *count)
{
	char	   *end;
	long		value = strtol(*p, &end, 10);

	if (end == *p || value < 0 || value > CA_MASK_KEEP_MAX)
		return false;
	while (*end == ' ')
		end++;
	if (*end != terminator)
		return false;
	*count = (int) value;
	*p = end + 1;
	return true;
}

/*
 * A positive number, written with digits and at most one point, as numeric.
 * (The server's own input function takes more, and from version to version
 * something else.)
 */
static bool
parse_amount(char *args, Numeric *amount)
{
	size_t		len;
	size_t		whole;

	while (*args == ' ')
		args++;
	len = strlen(args);
	while (len > 0 && args[len - 1] == ' ')
		args[--len] = '\0';

	whole = strspn(args, "0123456789");
	if (whole == 0 || len > CA_MASK_NUMBER_MAX ||
		(whole < len && (args[whole] != '.' || whole + 1 == len ||
						 whole + 1 + strspn(args + whole + 1, "0123456789") != len)) ||
		strspn(args, "0.") == len)
		return false;
	*amount = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(args),
												  ObjectIdGetDatum(InvalidOid),
												  Int32GetDatum(-1)));
	return true;
}

static bool
at_most_one(Numeric amount)
{
	return DatumGetBool(DirectFunctionCall2(numeric_le, NumericGetDatum(amount),
											NumericGetDatum(int64_to_numeric(1))));
}

/* What stands in quotes; *p is left behind them.  NULL when they do not end. */
static char *
take_quoted(const char **p)
{
	StringInfoData part;
	char		quote = *(*p)++;

	initStringInfo(&part);
	for (; **p != '\0'; (*p)++)
	{
		/* a quote is the last one, or the first of two that stand for one */
		if (**p == quote && *++(*p) != quote)
			return part.data;
		appendStringInfoChar(&part, **p);
	}
	return NULL;
}

/* What stands before the next comma, without spaces around it. */
static char *
take_bare(const char **p)
{
	size_t		len = strcspn(*p, ",");
	char	   *part = pnstrdup(*p, len);

	*p += len;
	while (len > 0 && part[len - 1] == ' ')
		part[--len] = '\0';
	return part;
}

/*
 * The next argument of regex(): in single or double quotes, which are doubled
 * inside, or bare.  Leaves *p on the comma or at the end; NULL when something
 * else follows.
 */
static char *
take_part(const char **p)
{
	char	   *part;

	while (**p == ' ')
		(*p)++;
	part = **p == '\'' || **p == '"' ? take_quoted(p) : take_bare(p);
	while (part != NULL && **p == ' ')
		(*p)++;
	return part != NULL && (**p == '\0' || **p == ',') ? part : NULL;
}

/* Why the pattern is no regular expression, or NULL. */
static const char *
pattern_problem(const char *pattern)
{
	int			len = strlen(pattern);
	pg_wchar   *wide = palloc((len + 1) * sizeof(pg_wchar));
	regex_t		re;
	char		message[100];
	int			code;

	len = pg_mb2wchar_with_len(pattern, wide, len);
	code = pg_regcomp(&re, wide, len, REG_ADVANCED, C_COLLATION_OID);
	if (code == REG_OKAY)
	{
		pg_regfree(&re);
		return NULL;
	}
	CHECK_FOR_INTERRUPTS();
	pg_regerror(code, &re, message, sizeof(message));
	return psprintf("its pattern is no regular expression: %s", message);
}

static const char *
parse_regex(CaMask *mask, const char *args)
{
	if (args == NULL || (mask->pattern = take_part(&args)) == NULL || *args++ != ',' ||
		(mask->replacement = take_part(&args)) == NULL || *args != '\0')
		return "regex needs a pattern and a replacement, as in regex([0-9]+, #); "
			"one that contains a comma stands in quotes";
	if (*mask->pattern == '\0')
		return "its pattern is empty";
	if (strlen(mask->pattern) > CA_MASK_REGEX_MAX ||
		strlen(mask->replacement) > CA_MASK_REGEX_MAX)
		return psprintf("its pattern or replacement is longer than %d bytes",
						CA_MASK_REGEX_MAX);
	return pattern_problem(mask->pattern);
}

static const char *
parse_partial(CaMask *mask, const char *args)
{
	if (args == NULL || !parse_count(&args, ',', &mask->first) ||
		!parse_count(&args, '\0', &mask->last))
		return "partial needs two numbers, as in partial(0,4)";
	return NULL;
}

/* first(n) is partial(n,0), and last(n) partial(0,n) */
static const char *
parse_first(CaMask *mask, const char *args)
{
	return args == NULL || !parse_count(&args, '\0', &mask->first) ?
		"first needs a number, as in first(2)" : NULL;
}

static const char *
parse_last(CaMask *mask, const char *args)
{
	return args == NULL || !parse_count(&args, '\0', &mask->last) ?
		"last needs a number, as in last(4)" : NULL;
}

static const char *
parse_constant(CaMask *mask, const char *args)
{
	if (args == NULL)
		return "constant needs a value, as in constant(0)";
	mask->constant = pstrdup(args);
	return NULL;
}

static const char *
parse_range(CaMask *mask, const char *args)
{
	return args == NULL || !parse_amount(pstrdup(args), &mask->amount) ?
		"range needs a positive number, as in range(1000)" : NULL;
}

static const char *
parse_noise(CaMask *mask, const char *args)
{
	return args == NULL || !parse_amount(pstrdup(args), &mask->amount) ||
		!at_most_one(mask->amount) ?
		"noise needs a fraction above 0 and at most 1, as in noise(0.1)" : NULL;
}

static const char *
parse_truncate(CaMask *mask, const char *args)
{
	return args == NULL || !ca_mask_unit(args, &mask->unit) ?
		"truncate needs a unit: second, minute, hour, day, week, month, quarter, "
		"year or decade" : NULL;
}

static const char *
parse_fpe(CaMask *mask, const char *args)
{
	mask->tweak = pstrdup(args != NULL ? args : "");
	return strlen(mask->tweak) > CA_FF1_MAX_TWEAK ?
		psprintf("its tweak is longer than %d bytes", CA_FF1_MAX_TWEAK) : NULL;
}

static const char *
parse_nothing(CaMask *mask, const char *args)
{
	return args != NULL ? "this mask takes no arguments" : NULL;
}

static const struct
{
	const char *name;
	CaMaskKind	kind;

	/* take what stands between the parentheses, NULL without any */
	const char *(*parse) (CaMask *mask, const char *args);
}			names[] =

{
	{"null", CA_MASK_NULL, parse_nothing},
	{"redact", CA_MASK_REDACT, parse_nothing},
	{"constant", CA_MASK_CONSTANT, parse_constant},
	{"hash", CA_MASK_HASH, parse_nothing},
	{"fpe", CA_MASK_FPE, parse_fpe},
	{"range", CA_MASK_RANGE, parse_range},
	{"truncate", CA_MASK_TRUNCATE, parse_truncate},
	{"noise", CA_MASK_NOISE, parse_noise},
	{"email", CA_MASK_EMAIL, parse_nothing},
	{"partial", CA_MASK_PARTIAL, parse_partial},
	{"first", CA_MASK_PARTIAL, parse_first},
	{"last", CA_MASK_PARTIAL, parse_last},
	{"regex", CA_MASK_REGEX, parse_regex},
};

CaMask *
ca_mask_parse(const char *text, const char **problem)
{
	CaMask	   *mask = palloc0(sizeof(CaMask));
	size_t		len = strlen(text);
	size_t		name_len = strcspn(text, "(");
	char	   *args = NULL;

	mask->text = pstrdup(text);
	if (name_len < len)
	{
		if (text[len - 1] != ')')
		{
			*problem = "its closing parenthesis is missing";
			return NULL;
		}
		args = pnstrdup(text + name_len + 1, len - name_len - 2);
	}

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strlen(names[i].name) == name_len &&
			strncmp(names[i].name, text, name_len) == 0)
		{
			mask->kind = names[i].kind;
			*problem = names[i].parse(mask, args);
			return *problem == NULL ? mask : NULL;
		}
	}
	*problem = "there is no such mask; known are null, redact, constant, hash, fpe, range, "
		"truncate, noise, email, partial, first, last and regex";
	return NULL;
}
