/*-------------------------------------------------------------------------
 *
 * approve.c
 *	  SQL functions: approve(), reject() and cancel_request().
 *
 * A decision is part of the caller's transaction: row, admin_event and NOTIFY
 * come with its commit, and after it shared memory is told.  Until then the
 * request is held there.
 *
 * Order: the request is held first, then everything in the ring is waited for,
 * then the row is locked.  So no use of it can come while we have the lock, and
 * the audit worker never waits for us.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "approval/request_table.h"
#include "approval/separation.h"
#include "audit/guard.h"
#include "audit/home.h"
#include "audit/ring.h"
#include "base/catalog.h"
#include "base/internal.h"
#include "base/json_text.h"
#include "base/pending.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "identity/identity.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(contauth_approve);
PG_FUNCTION_INFO_V1(contauth_reject);
PG_FUNCTION_INFO_V1(contauth_cancel_request);

/* Longest reason, bytes; longest time that an approval holds; most uses. */
#define CA_REASON_MAX		4096
#define CA_VALID_FOR_MAX	USECS_PER_DAY
#define CA_USES_MAX			1000

/* A request that the current transaction decides. */
typedef struct Held
{
	CaPending	pending;
	CaApproval	request;		/* as it will be */
	bool		decided;		/* request is set, but for its id */
} Held;

/* What is asked for. */
typedef struct Decision
{
	const pg_uuid_t *id;
	CaRequestState to;
	const char *action;			/* for admin_event and errors */
	char	   *reason;
	TimestampTz until;			/* approve */
	int			uses;			/* approve */
	CaActors	actors;
	char	   *by;				/* who decides, for the record */
	char	   *agent;			/* cancel_request() of an agent: it, else NULL */
} Decision;

/* What was decided is so now. */
static void
settle_all(const List *held)
{
	ListCell   *lc;

	foreach(lc, held)
	{
		Held	   *h = lfirst(lc);

		if (h->decided)
			ca_requests_settle(&h->request);
		else
			ca_requests_release(&h->request.id);
	}
}

static void
release(void *held)
{
	ca_requests_release(&((Held *) held)->request.id);
}

static CaPendingKind held = {"has decided approval requests", settle_all, release};

/* Hold the request until the end of the transaction. */
static Held *
hold(const pg_uuid_t *id)
{
	Held	   *h = ca_pending_add(&held, sizeof(Held));

	h->request.id = *id;
	if (!ca_requests_hold(id))
	{
		/* it is not ours to release */
		ca_pending_forget(&held, h);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("request %s is being decided by a transaction that has not ended",
						ca_request_id_text(id))));
	}
	return h;
}

/* Is the request in a state that can be decided so? */
static void
check_state(const Decision *d, const CaApproval *r)
{
	CaRequestState state = r->state;

	if ((state == CA_REQUEST_PENDING || state == CA_REQUEST_APPROVED) &&
		r->until <= GetCurrentTimestamp())
		state = CA_REQUEST_EXPIRED;
	if (state == CA_REQUEST_PENDING ||
		(state == CA_REQUEST_APPROVED && d->to == CA_REQUEST_CANCELLED))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("request %s cannot be %s: it is %s", ca_request_id_text(d->id),
					ca_request_state_name(d->to), ca_request_state_name(state))));
}

static void
no_request(const Decision *d)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("request %s does not exist", ca_request_id_text(d->id))));
}

static void
record(const Decision *d, const CaRequestRow *row)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoChar(&detail, '{');
	ca_json_put_member(&detail, "reason", d->reason);
	ca_json_put_member(&detail, "agent", row->agent);
	if (d->to == CA_REQUEST_APPROVED)
		appendStringInfo(&detail, ", \"uses\": %d, \"expires_at\": \"%s\"", d->uses,
						 ca_chain_time(d->until));
	appendStringInfoChar(&detail, '}');
	ca_record_admin_event(d->action, ca_request_id_text(d->id), detail.data);
}

/* Step, as the extension's owner: check the row, and change it. */
static void
decide_row(void *arg)
{
	const Decision *d = ((void **) arg)[0];
	Held	   *h = ((void **) arg)[1];
	CaRequestRow row;

	SPI_connect();
	if (!ca_request_row_lock(d->id, &row))
		no_request(d);
	/* another agent's request is none of its business, and does not exist */
	if (d->agent != NULL && strcmp(d->agent, row.agent) != 0)
		no_request(d);
	check_state(d, &row.request);
	if (d->to == CA_REQUEST_APPROVED)
		ca_actors_separate(&d->actors, &row);

	row.request.state = d->to;
	row.request.changed_at = GetCurrentTimestamp();
	strlcpy(row.request.by, d->by, NAMEDATALEN);
	row.decided_by = d->by;
	row.reason = d->reason;
	if (d->to == CA_REQUEST_APPROVED)
	{
		row.request.until = d->until;
		row.request.uses_left = row.uses_allowed = d->uses;
	}
	ca_request_row_decide(&row);
	record(d, &row);
	ca_request_notify(ca_request_state_name(d->to), &row);
	h->request = row.request;
	h->decided = true;
	SPI_finish();
}

/* Run a step with the privileges of the extension's owner. */
static void
run_as_owner(void (*step) (void *), void *arg)
{
	Oid			user;
	int			sec_context;

	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE);
	ca_internal_depth++;
	PG_TRY();
	{
		PushActiveSnapshot(GetLatestSnapshot());
		ca_guard_run(step, arg);
		PopActiveSnapshot();
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
		SetUserIdAndSecContext(user, sec_context);
	}
	PG_END_TRY();
}

static void
decide(Decision *d)
{
	Held	   *h;
	void	   *arg[2];

	PreventCommandDuringRecovery(psprintf("contauth.%s()", d->action));
	if (!ca_home_is(MyDatabaseId))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("approval requests are not kept in this database"),
				 errhint("Connect to the database that keeps the audit.")));
	h = hold(d->id);
	ca_ring_wait_rows(ca_ring_head());
	arg[0] = d;
	arg[1] = h;
	run_as_owner(decide_row, arg);
}

static void
missing(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is missing", argument)));
}

/* The arguments that all three have: request and reason. */
static Decision
take_arguments(FunctionCallInfo fcinfo, CaRequestState to, const char *action)
{
	Decision	d = {.to = to,.action = action,.actors = ca_actors()};

	ca_extension_require();
	if (PG_ARGISNULL(0))
		missing("request");
	if (PG_ARGISNULL(1))
		missing("reason");
	d.id = PG_GETARG_UUID_P(0);
	d.reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (strspn(d.reason, " \t\r\n") == strlen(d.reason))
		missing("reason");
	if (strlen(d.reason) > CA_REASON_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reason is longer than %d bytes", CA_REASON_MAX)));
	d.by = GetUserNameFromId(GetSessionUserId(), false);
	return d;
}

/* approve(request uuid, reason text, valid_for interval, uses integer) */
Datum
contauth_approve(PG_FUNCTION_ARGS)
{
	Decision	d = take_arguments(fcinfo, CA_REQUEST_APPROVED, "approve");
	TimestampTz now = GetCurrentTimestamp();

	ca_actors_require(&d.actors, CA_APPROVER_ROLE, "approve requests");
	if (PG_ARGISNULL(2))
		missing("valid_for");
	if (PG_ARGISNULL(3))
		missing("uses");
	d.until = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													  TimestampTzGetDatum(now),
													  PG_GETARG_DATUM(2)));
	if (d.until <= now || d.until > now + CA_VALID_FOR_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("valid_for must be more than 0 and at most 1 day")));
	d.uses = PG_GETARG_INT32(3);
	if (d.uses < 1 || d.uses > CA_USES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("uses must be between 1 and %d", CA_USES_MAX)));
	decide(&d);
	PG_RETURN_VOID();
}

/* reject(request uuid, reason text) */
Datum
contauth_reject(PG_FUNCTION_ARGS)
{
	Decision	d = take_arguments(fcinfo, CA_REQUEST_DENIED, "reject");

	ca_actors_require(&d.actors, CA_APPROVER_ROLE, "reject requests");
	decide(&d);
	PG_RETURN_VOID();
}

/* cancel_request(request uuid, reason text) */
Datum
contauth_cancel_request(PG_FUNCTION_ARGS)
{
	Decision	d = take_arguments(fcinfo, CA_REQUEST_CANCELLED, "cancel_request");
	CaIdentityProblem problem = {0};
	const CaIdentity *id;

	if (ca_session_governed())
	{
		id = ca_identity_current(&problem);
		if (id == NULL)
			ereport(ERROR,
					(errcode(problem.sqlstate),
					 errmsg("permission denied to cancel requests without a valid identity")));
		d.by = d.agent = pstrdup(id->agent);
	}
	else
		ca_actors_require(&d.actors, CA_ADMIN_ROLE, "cancel requests");
	decide(&d);
	PG_RETURN_VOID();
}
