/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Who may change the tables of contauth_audit.
 *
 * Triggers on every table and partition call contauth_audit.refuse_change(),
 * which lets rows in from the audit worker and from steps of ours (administration
 * is recorded, records are moved between partitions), and refuses everything
 * else to everybody, superusers included.  Where the trigger's argument says
 * "state", worker and steps may change rows, too: an approval request goes from
 * one state to the next.  One thing more
 * is let in: a superuser may load rows into a database that is not the audit
 * home, because nothing is recorded there; that is how a dump is restored.
 *
 * Whoever disables the triggers leaves traces in the hash chain (verify.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/guard.h"
#include "audit/home.h"
#include "audit/ring_shared.h"
#include "base/catalog.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(contauth_audit_refuse_change);
PG_FUNCTION_INFO_V1(contauth_audit_record_admin_event);
PG_FUNCTION_INFO_V1(contauth_audit_sync);

/* rows from this process pass: it is the worker */
static bool admitted = false;

/* inside ca_guard_run() */
static bool in_step = false;

/* See guard.h. */
void
ca_guard_admit_worker(void)
{
	admitted = true;
}

/* See guard.h. */
void
ca_guard_run(CaGuardStep step, void *arg)
{
	bool		was_in_step = in_step;

	PG_TRY();
	{
		in_step = true;
		step(arg);
	}
	PG_FINALLY();
	{
		in_step = was_in_step;
	}
	PG_END_TRY();
}

/* See guard.h. */
bool
ca_guard_own_work(void)
{
	return admitted || in_step;
}

/* May records be changed like this, here and now? */
static bool
may_change(const TriggerData *trigger)
{
	TriggerEvent event = trigger->tg_event;

	if (TRIGGER_FIRED_BY_UPDATE(event))
		return ca_guard_own_work() && trigger->tg_trigger->tgnargs == 1 &&
			strcmp(trigger->tg_trigger->tgargs[0], "state") == 0;
	if (in_step)
		return TRIGGER_FIRED_BY_INSERT(event) || TRIGGER_FIRED_BY_DELETE(event);
	return TRIGGER_FIRED_BY_INSERT(event) &&
		(admitted || (superuser() && !ca_home_is(MyDatabaseId)));
}

/* Trigger on the tables of contauth_audit. */
Datum
contauth_audit_refuse_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager",
						"contauth_audit.refuse_change")));

	/* SECURITY: audit records are written by the server alone (section 12) */
	if (!may_change(trigger))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("audit records of \"%s\" cannot be changed",
						RelationGetRelationName(trigger->tg_relation)),
				 errdetail("They are written by contauth alone.")));
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
						   trigger->tg_newtuple : trigger->tg_trigtuple);
}

/* Step: insert one row into admin_event. */
static void
insert_admin_event(void *arg)
{
	static const char *const sql =
	"INSERT INTO contauth_audit.admin_event"
	" (at, actor, db_role, action, object, detail)"
	" VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.jsonb)";
	const CaAdminEvent *event = arg;
	Oid			types[] = {TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	const char *texts[] = {event->actor, event->role, event->action, event->object, event->detail};
	Datum		values[lengthof(types)] = {TimestampTzGetDatum(event->at)};
	char		nulls[] = "      ";

	for (int i = 0; i < lengthof(texts); i++)
	{
		if (texts[i] != NULL)
			values[i + 1] = CStringGetTextDatum(texts[i]);
		else
			nulls[i + 1] = 'n';
	}
	SPI_connect();
	if (SPI_execute_with_args(sql, lengthof(types), types, values, nulls, false,
							  0) != SPI_OK_INSERT)
		elog(ERROR, "could not write contauth_audit.admin_event");
	SPI_finish();
}

/* See guard.h. */
void
ca_insert_admin_event(CaAdminEvent *event)
{
	ca_guard_run(insert_admin_event, event);
}

/* See guard.h. */
void
ca_record_admin_event(const char *action, const char *object,
					  const char *detail)
{
	CaAdminEvent event = {
		.at = GetCurrentTimestamp(),
		.actor = GetUserNameFromId(GetSessionUserId(), false),
		.role = GetUserNameFromId(GetOuterUserId(), false),
		.action = action,
		.object = object,
		.detail = detail
	};

	ca_insert_admin_event(&event);
}

/* contauth_audit.record_admin_event(action text, object text, detail jsonb) */
Datum
contauth_audit_record_admin_event(PG_FUNCTION_ARGS)
{
	char	   *object = NULL;
	char	   *detail = NULL;

	ca_extension_require();
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("action must not be null")));
	if (!PG_ARGISNULL(1))
		object = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (!PG_ARGISNULL(2))
		detail = DatumGetCString(DirectFunctionCall1(jsonb_out,
													 PG_GETARG_DATUM(2)));
	ca_record_admin_event(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						  object, detail);
	PG_RETURN_VOID();
}

/*
 * contauth_audit.sync(timeout interval): wait until every record put so far is
 * in the table, also what a crash has left in files; false when it takes longer
 * than that.
 */
Datum
contauth_audit_sync(PG_FUNCTION_ARGS)
{
	Interval   *timeout = PG_GETARG_INTERVAL_P(0);
	double		ms = timeout->time / 1000.0 +
	(timeout->day + timeout->month * 30.0) * SECS_PER_DAY * 1000.0;

	if (ca_ring_shared() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contauth must be loaded via shared_preload_libraries")));
	if (ms < 0 || ms > INT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout is out of range")));
	PG_RETURN_BOOL(ca_ring_wait_complete((long) ms));
}
