/*-------------------------------------------------------------------------
 *
 * obligation_json.c
 *	  Masks and limits as jsonb, for functions that tell them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/obligation_json.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

CaJsonObject *
ca_json_begin(void)
{
	CaJsonObject *object = palloc0(sizeof(CaJsonObject));

	pushJsonbValue(&object->state, WJB_BEGIN_OBJECT, NULL);
	return object;
}

void
ca_json_add(CaJsonObject *object, const char *name, const char *text)
{
	push_string(&object->state, WJB_KEY, name);
	push_string(&object->state, WJB_VALUE, text);
}

Datum
ca_json_end(CaJsonObject *object)
{
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&object->state, WJB_END_OBJECT, NULL)));
}

Datum
ca_json_limits(const CaLimits *limits)
{
	CaJsonObject *object = ca_json_begin();

	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		JsonbValue	value;

		if (limits->max[i] == 0)
			continue;
		push_string(&object->state, WJB_KEY, ca_limit_name(i));
		value.type = ca_limit_is_switch(i) ? jbvBool : jbvNumeric;
		if (ca_limit_is_switch(i))
			value.val.boolean = true;
		else
			value.val.numeric = int64_to_numeric(limits->max[i]);
		pushJsonbValue(&object->state, WJB_VALUE, &value);
	}
	return ca_json_end(object);
}
