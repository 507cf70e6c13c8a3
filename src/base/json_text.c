/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  JSON as text that is written member by member.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/json_text.h"
#include "utils/json.h"

void
ca_json_put_member(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", name);
	if (value != NULL)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}
