/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Queries that have been started, and whether they may run.
 *
 * Plans are kept, portals stay open, identities expire and policies change.  So
 * starting a plan and running on with it ask again: is the identity still valid,
 * is the plan one that was authorized, has it the approval that it needs, and has
 * nothing changed since?  The usual answer costs one comparison of epochs.  When
 * something has changed the statement is decided again: a plan that would look
 * the same goes on, another is made anew at start and refused when it already
 * runs.
 *
 * SECURITY: in a governed session a plan without a note was made before the
 * session was governed, or by code that went around the planner: refused.
 * (test/sql/enforce.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "enforce/escalate.h"
#include "enforce/execute.h"
#include "enforce/fragile.h"
#include "enforce/plan.h"
#include "enforce/refuse.h"
#include "enforce/run.h"
#include "enforce/trust.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/pquery.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"

/* A query that waits no longer than that for its client has not waited, us. */
#define JUST_NOW_US	5000

uint64		ca_run_steps = 0;

static dlist_head runs = DLIST_STATIC_INIT(runs);
static dlist_head ended_runs = DLIST_STATIC_INIT(ended_runs);

/* The executor's query context goes away: forget the run. */
static void
forget_run(void *arg)
{
	CaRun	   *run = arg;

	dlist_delete(&run->node);
	dlist_push_head(&ended_runs, &run->node);
	if (run->statement != NULL)
		ca_statement_discard(run->statement);
}

CaRun *
ca_run_find(const QueryDesc *queryDesc)
{
	dlist_iter	iter;

	dlist_foreach(iter, &runs)
	{
		CaRun	   *run = dlist_container(CaRun, node, iter.cur);

		if (run->queryDesc == queryDesc)
			return run;
	}
	return NULL;
}

static uint64
current_serial(void)
{
	const CaIdentity *id = ca_identity_last();

	return id != NULL ? id->serial : 0;
}

CaRun *
ca_run_register(QueryDesc *queryDesc, CaPlanNote *note, CaStatement *statement)
{
	CaRun	   *run;

	if (dlist_is_empty(&ended_runs))
		run = MemoryContextAlloc(TopMemoryContext, sizeof(CaRun));
	else
		run = dlist_container(CaRun, node, dlist_pop_head_node(&ended_runs));
	memset(run, 0, sizeof(CaRun));
	run->queryDesc = queryDesc;
	run->note = note;
	run->statement = statement;
	run->identity_serial = current_serial();
	run->epoch = ca_epoch_current;
	run->lxid = ca_current_lxid();
	run->message = GetCurrentStatementStartTimestamp();
	run->step = ca_run_steps;
	run->callback.func = forget_run;
	run->callback.arg = run;
	dlist_push_head(&runs, &run->node);
	MemoryContextRegisterResetCallback(queryDesc->estate->es_query_cxt,
									   &run->callback);
	return run;
}

void
ca_run_keep_approvals(CaRun *run, const CaStatement *owner)
{
	if (run->note == NULL || run->note->decision != CA_DECISION_ESCALATE ||
		!ca_statement_approvals(owner)->any)
		return;
	run->approvals = MemoryContextAlloc(run->queryDesc->estate->es_query_cxt,
										sizeof(CaApprovals));
	*run->approvals = *ca_statement_approvals(owner);
}

void
ca_run_refuse(const QueryDesc *queryDesc, int sqlstate, const char *code,
			  const char *reason, const char *hint)
{
	CaRefusal	r = {0};

	r.sqlstate = sqlstate;
	r.decision = CA_DECISION_DENY;
	r.reason_code = code;
	r.action = "the statement";
	r.reason = reason;
	r.hint = hint;
	r.kind = "SELECT";
	r.text = queryDesc->sourceText;
	r.location = queryDesc->plannedstmt->stmt_location;
	r.len = queryDesc->plannedstmt->stmt_len;
	ca_refuse(&r);
}

/*
 * Is the identity valid now, by a clock read a moment ago?  Expiry, suspension and
 * the like are looked at every time; refuses when it is not.
 */
static void
check_identity(const QueryDesc *queryDesc, const CaPlanNote *note, TimestampTz now)
{
	CaIdentityProblem problem = {0};

	if (ca_identity_at(now, &problem) == NULL && !note->presents)
		ca_refuse_identity(&problem, note->statement_kind, queryDesc->sourceText,
						   queryDesc->plannedstmt->stmt_location,
						   queryDesc->plannedstmt->stmt_len);
}

/* Does the plan's decision hold now, when the identity has been looked at? */
static inline bool
holds(const CaPlanNote *note)
{
	return ca_note_holds(note, ca_epoch_current) && !note->dynamic &&
		note->trusted == ca_trust_active() && note->copies == ca_plan_copy_role();
}

/* Make the plan anew, for what has to be enforced now. */
static CaPlanNote *
plan_again(QueryDesc *queryDesc, CaPlanNote *note)
{
	Query	   *query = copyObject(note->query);

	AcquireRewriteLocks(query, true, false);
	queryDesc->plannedstmt = planner(query, queryDesc->sourceText,
									 note->cursor_options, queryDesc->params);
	/* whoever keeps the old plan shall ask for a new one next time */
	ResetPlanCache();
	return ca_note_find(queryDesc->plannedstmt);
}

void
ca_run_release(QueryDesc *queryDesc)
{
	CaPlanNote *note;

	if (!ca_note_any || IsParallelWorker())
		return;
	note = ca_note_find(queryDesc->plannedstmt);
	if (note != NULL && note->protects)
		(void) plan_again(queryDesc, note);
}

/* The note of a plan that may run now; refuses otherwise. */
static CaPlanNote *
check_plan_to_start(QueryDesc *queryDesc, CaPlanNote *note, TimestampTz now)
{
	if (note == NULL)
	{
		ResetPlanCache();
		ca_run_refuse(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "plan_not_authorized",
					  "its plan was not made under the session's identity",
					  "Prepare the statement again.");
		return NULL;
	}
	/* the counts that ANALYZE shows include rows that a filter hides */
	if (queryDesc->instrument_options != 0 && note->protects &&
		ca_execute_explaining())
		ca_run_refuse(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "explain_analyze",
					  "EXPLAIN ANALYZE would count what row filters hide",
					  "Use EXPLAIN without ANALYZE.");

	AcceptInvalidationMessages();
	check_identity(queryDesc, note, now);
	ca_fragile_settle();
	if (!holds(note) &&
		!ca_plan_still_right(note, queryDesc->sourceText))
		note = plan_again(queryDesc, note);
	return note;
}

void
ca_run_set_source(CaStatement *statement, const QueryDesc *queryDesc, const CaPlanNote *note)
{
	CaSource	source = {note, queryDesc->params, false, queryDesc->sourceText,
		queryDesc->plannedstmt->stmt_location, queryDesc->plannedstmt->stmt_len
	};

	ca_statement_set_source(statement, &source);
}

CaPlanNote *
ca_run_take_plan(QueryDesc *queryDesc, CaPlanNote *note, bool top_level)
{
	const CaPlanNote *begun = note;
	TimestampTz now = top_level ? ca_statement_header(ca_statement_current)->decided_at :
	GetCurrentTimestamp();
	bool		settled;

	do
	{
		note = check_plan_to_start(queryDesc, note, now);
		if (note == NULL)
			return NULL;
		if (top_level && note != begun)
			ca_run_set_source(ca_statement_current, queryDesc, note);
		settled = ca_escalate_plan(note, queryDesc->sourceText,
								   queryDesc->plannedstmt->stmt_location,
								   queryDesc->plannedstmt->stmt_len);
		/* it may have waited for an approval */
		if (!settled)
			now = GetCurrentTimestamp();
	} while (!settled);
	ca_statement_add_note(ca_statement_current, note, ca_escalation_stands(note));
	return note;
}

/* Has nothing changed since the query was started, as far as anybody can know by now? */
static bool
nothing_new(const CaRun *run)
{
	AcceptInvalidationMessages();
	return run->epoch == ca_epoch_current && !ca_identity_has_news();
}

/*
 * Has the query been started just now, so that what was decided then is as new
 * as a decision can be?  It is so unless somebody can have it started and let
 * it wait, through a portal.  One without a name has not waited when the message
 * that has it run came with the one that started it, or right after it, the
 * session did nothing in between, and nothing has changed.
 */
static bool
started_just_now(const CaRun *run)
{
	Portal		portal = ActivePortal;
	TimestampTz waited;

	if (run->ran)
		return false;
	if (portal == NULL || portal->queryDesc != run->queryDesc)
		return true;
	waited = GetCurrentStatementStartTimestamp() - run->message;
	return portal->name[0] == '\0' && run->step + 1 == ca_run_steps &&
		waited >= 0 && waited < JUST_NOW_US && (waited == 0 || nothing_new(run));
}

void
ca_run_check(CaRun *run)
{
	CaPlanNote *note = run->note;
	bool		just_now = started_just_now(run);

	run->ran = true;
	if (!just_now)
		AcceptInvalidationMessages();
	/* the start has looked at it a moment ago, and nothing has changed since */
	if (!just_now || run->epoch != ca_epoch_current || run->lxid != ca_current_lxid())
		check_identity(run->queryDesc, note, GetCurrentTimestamp());
	if (run->identity_serial != current_serial() &&
		run->identity_serial != 0)
		ca_run_refuse(run->queryDesc, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
					  "identity_changed",
					  "it was opened under another identity", NULL);
	/* SECURITY: what a trusted function opened, it does not hand out */
	if (note->trusted && !ca_trust_active())
		ca_run_refuse(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					  "policy_changed",
					  "it was opened by a trusted function", NULL);
	if (!just_now && !holds(note) &&
		!ca_plan_still_right(note, run->queryDesc->sourceText))
		ca_run_refuse(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					  "policy_changed",
					  "what it may show has changed since it was opened",
					  "Open it again.");
	/* opened in monitor mode, which uses no approval */
	if (note->decision == CA_DECISION_ESCALATE && run->approvals == NULL &&
		ca_guc_mode == CA_MODE_ENFORCE)
		ca_run_refuse(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					  "policy_changed", "it was opened without an approval",
					  "Open it again.");
}

/*
 * SECURITY: an approval is for one run, and whoever goes back, in a cursor or a
 * portal of the protocol, can have it run again.  (test/sql/approval.sql)
 */
void
ca_run_check_direction(CaRun *run, ScanDirection direction)
{
	bool		rewound = ActivePortal != NULL &&
	ActivePortal->queryDesc == run->queryDesc && ActivePortal->atStart;

	if (run->approvals == NULL || ScanDirectionIsNoMovement(direction))
		return;
	if (ScanDirectionIsBackward(direction) || (run->moved && rewound))
		ca_run_refuse(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					  "approval_used", "what was approved goes forward only", NULL);
	run->moved = true;
}

/* Something inside the query reads more than it was decided with. */
static void
decide_again(void *arg)
{
	CaRun	   *run = arg;
	int			level = ca_statement_level;

	ca_statement_level = run->level;
	ca_trust_suppose(run->note->trusted);
	PG_TRY();
	{
		if (!ca_plan_still_right(run->note, run->queryDesc->sourceText))
			ca_run_refuse(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
						  "policy_changed",
						  "what it may do has changed by what it has read", NULL);
	}
	PG_FINALLY();
	{
		ca_trust_forget();
		ca_statement_level = level;
	}
	PG_END_TRY();
}

void
ca_run_watch(CaRun *run, CaWatch *watch)
{
	run->level = ca_statement_level;
	if (run->note != NULL && run->note->dynamic)
		ca_water_watch(watch, decide_again, run);
}
