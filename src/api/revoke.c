/*-------------------------------------------------------------------------
 *
 * revoke.c
 *	  Triggers and functions behind revoke(), kill_switch() and break_glass().
 *
 * SECURITY: these are triggers, so that they hold on every road into the
 * tables: no governed session can revoke, take back, or break glass, whatever
 * policies and privileges say.  (test/sql/revocation.sql, break_glass.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/trigger.h"
#include "base/catalog.h"
#include "identity/revocation.h"
#include "identity/session.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(contauth_revocation_id);
PG_FUNCTION_INFO_V1(contauth_check_revocation);
PG_FUNCTION_INFO_V1(contauth_refuse_governed);
PG_FUNCTION_INFO_V1(contauth_stop_running);

static CaRevocationKind
checked_kind(const char *name)
{
	CaRevocationKind kind = ca_revocation_kind(name);

	if (kind == CA_REVOKE_KINDS)
		bad_argument("kind", "it must be agent, token, grant, principal, issuer or trust_domain");
	return kind;
}

static char *
checked_id(CaRevocationKind kind, const char *text)
{
	const char *problem;
	char	   *id = ca_revocation_id(kind, text, &problem);

	if (id == NULL)
		bad_argument("id", problem);
	return id;
}

/*
 * revocation_id(kind text, id text) returns text
 *
 * What a revocation is stored under; refuses what it cannot be of.
 */
Datum
contauth_revocation_id(PG_FUNCTION_ARGS)
{
	CaRevocationKind kind = checked_kind(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(checked_id(kind, text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}

/* BEFORE ROW trigger of contauth.revocation: ids are as the library makes them. */
Datum
contauth_check_revocation(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_revocation", &desc);
	CaRevocationKind kind = checked_kind(ca_row_text(row, desc, "kind"));
	char	   *text = ca_row_text(row, desc, "id");

	if (strcmp(checked_id(kind, text), text) != 0)
		bad_argument("id", "a digest is written in small letters");
	PG_RETURN_POINTER(row);
}

/* BEFORE STATEMENT trigger: not by agents. */
Datum
contauth_refuse_governed(PG_FUNCTION_ARGS)
{
	const char *table;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("refuse_governed() must be a trigger")));
	table = RelationGetRelationName(((TriggerData *) fcinfo->context)->tg_relation);
	if (ca_session_governed())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 strcmp(table, "break_glass_grant") == 0 ?
				 errmsg("a governed session can neither break glass, nor close or review it") :
				 errmsg("a governed session can neither revoke nor stop anybody, nor take it back")));
	PG_RETURN_POINTER(NULL);
}

static void
stop_agent(HeapTuple row, TupleDesc desc, CaStopReason reason)
{
	ca_stop_at_commit(reason, ca_revocation_hash(CA_REVOKE_AGENT,
												 ca_row_text(row, desc, "spiffe_id")));
}

static void
stop_of_revocation(HeapTuple row, TupleDesc desc, bool lifted)
{
	CaRevocationKind kind = checked_kind(ca_row_text(row, desc, "kind"));

	ca_stop_at_commit(lifted ? CA_STOP_NONE : ca_revocation_reason(kind),
					  ca_revocation_hash(kind, ca_row_text(row, desc, "id")));
}

/*
 * AFTER ROW trigger of contauth.agent, revocation and kill_switch_state: when
 * this commits, whoever runs on what the row was or is about stops.
 */
Datum
contauth_stop_running(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	const char *table;
	HeapTuple	old;
	HeapTuple	new;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("stop_running() must be an AFTER ROW trigger")));
	desc = RelationGetDescr(trigger->tg_relation);
	table = RelationGetRelationName(trigger->tg_relation);
	old = TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? NULL : trigger->tg_trigtuple;
	new = TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? NULL :
		TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;

	if (strcmp(table, "agent") == 0)
	{
		if (old != NULL)
			stop_agent(old, desc, CA_STOP_AGENT_UNKNOWN);
		if (new != NULL)
			stop_agent(new, desc, ca_agent_state_reason(ca_row_text(new, desc, "state")));
	}
	else if (strcmp(table, "revocation") == 0)
	{
		if (old != NULL)
			stop_of_revocation(old, desc, true);
		if (new != NULL)
			stop_of_revocation(new, desc, false);
	}
	else
		ca_stop_at_commit(new != NULL && ca_row_bool(new, desc, "active") ?
						  CA_STOP_KILL_SWITCH : CA_STOP_NONE, 0);
	PG_RETURN_POINTER(NULL);
}
