/*-------------------------------------------------------------------------
 *
 * notify.c
 *	  What listeners on contauth_approval are told.
 *
 * A JSON object without data values: names of objects, agents, policies.  A
 * payload is at most 7.8 kB, so one that would be longer leaves members out;
 * the id is always there, and by it the rest is in the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/request_table.h"
#include "base/json_text.h"
#include "commands/async.h"
#include "identity/delegation.h"
#include "utils/json.h"

#define CA_CHANNEL		"contauth_approval"

/* Longest payload, below the server's own limit; resources that are named. */
#define CA_PAYLOAD_MAX		7500
#define CA_PAYLOAD_NAMES	20

static void
add_names(StringInfo json, const char *name, const List *names)
{
	ListCell   *lc;

	appendStringInfo(json, ", \"%s\": [", name);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == CA_PAYLOAD_NAMES)
			break;
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, lfirst(lc));
	}
	appendStringInfoChar(json, ']');
}

/* The payload, with what may be long or without. */
static char *
payload(const char *event, const CaRequestRow *row, bool whole)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	ca_json_put_member(&json, "event", event);
	ca_json_put_member(&json, "request", ca_request_id_text(&row->request.id));
	ca_json_put_member(&json, "decision_id", ca_request_id_text(&row->decision_id));
	ca_json_put_member(&json, "expires_at", psprintf("%sZ", ca_chain_time(row->request.until)));
	if (whole)
	{
		ca_json_put_member(&json, "agent", row->agent);
		ca_json_put_member(&json, "on_behalf_of", row->on_behalf_of);
		ca_json_put_member(&json, "database", row->database);
		ca_json_put_member(&json, "action", row->action);
		add_names(&json, "resources", row->resources);
		ca_json_put_member(&json, "policy", row->policies != NIL ? linitial(row->policies) : NULL);
		ca_json_put_member(&json, "statement_kind", row->statement_kind);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

void
ca_request_notify(const char *event, const CaRequestRow *row)
{
	char	   *text = payload(event, row, true);

	if (strlen(text) > CA_PAYLOAD_MAX)
		text = payload(event, row, false);
	Async_Notify(CA_CHANNEL, text);
}
