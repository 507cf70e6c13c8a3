/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  Budgets that policies set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "policy/limits.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

static const char *const names[CA_LIMIT_COUNT] = {
	[CA_LIMIT_ROWS_PER_STATEMENT] = "rows_per_statement",
	[CA_LIMIT_BYTES_PER_STATEMENT] = "bytes_per_statement",
	[CA_LIMIT_ROWS_PER_HOUR] = "rows_per_hour",
	[CA_LIMIT_STATEMENTS_PER_MINUTE] = "statements_per_minute",
	[CA_LIMIT_MAX_AFFECTED_ROWS] = "max_affected_rows",
	[CA_LIMIT_REQUIRE_WHERE] = "require_where",
};

const char *
ca_limit_name(CaLimit limit)
{
	return names[limit];
}

bool
ca_limit_is_switch(CaLimit limit)
{
	return limit == CA_LIMIT_REQUIRE_WHERE;
}

char *
ca_limit_text(const CaLimits *limits, CaLimit limit)
{
	return ca_limit_is_switch(limit) ? psprintf("%s=true", names[limit]) :
		psprintf("%s=" INT64_FORMAT, names[limit], limits->max[limit]);
}

static void
refuse_limit(const char *key, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("limits is not valid: \"%s\" %s", key, reason)));
}

/* Which limit has that name?  Raises 22023 when none has. */
static CaLimit
find_limit(const char *key)
{
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (strcmp(names[i], key) == 0)
			return (CaLimit) i;
	}
	refuse_limit(key, "is not a limit; there are rows_per_statement, bytes_per_statement, rows_per_hour, statements_per_minute, max_affected_rows, require_where and trusted");
	return CA_LIMIT_COUNT;		/* keep compiler quiet */
}

/* A positive integer that an int64 holds; raises 22023 for anything else. */
static int64
take_number(const char *key, const JsonbValue *value)
{
	Numeric		number;
	char	   *text;
	char	   *end;
	int64		result;

	if (value->type != jbvNumeric)
		refuse_limit(key, "must be a number");
	number = value->val.numeric;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	errno = 0;
	result = strtoi64(text, &end, 10);
	if (errno != 0 || *end != '\0' || result <= 0)
		refuse_limit(key, "must be a whole number from 1 on");
	return result;
}

/* A switch is on or off: what restricts is either there or not. */
static int64
take_switch(const char *key, const JsonbValue *value)
{
	if (value->type != jbvBool)
		refuse_limit(key, "must be true or false");
	return value->val.boolean ? 1 : 0;
}

static void
take_limit(CaLimits *limits, bool *trusted, const char *key, const JsonbValue *value)
{
	CaLimit		limit;

	if (strcmp(key, CA_LIMIT_TRUSTED) == 0)
	{
		*trusted = take_switch(key, value) != 0;
		return;
	}
	limit = find_limit(key);
	limits->max[limit] = ca_limit_is_switch(limit) ?
		take_switch(key, value) : take_number(key, value);
}

CaLimits
ca_limits_parse(Jsonb *json, bool *trusted)
{
	CaLimits	limits = {0};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";

	*trusted = false;
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limits is not valid: it must be a JSON object")));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			take_limit(&limits, trusted, key, &v);
	}
	return limits;
}

void
ca_limits_add(CaLimits *limits, const CaLimits *more)
{
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (more->max[i] > 0 &&
			(limits->max[i] == 0 || more->max[i] < limits->max[i]))
			limits->max[i] = more->max[i];
	}
}

bool
ca_limits_any(const CaLimits *limits)
{
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (limits->max[i] > 0)
			return true;
	}
	return false;
}
