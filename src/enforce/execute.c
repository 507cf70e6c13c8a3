/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Executor hooks of a governed session.
 *
 * Planning decides; but plans are kept, portals stay open, identities expire
 * and policies change.  So starting and running a plan ask again: is the
 * identity still valid, is the plan one that was authorized, and has nothing
 * changed since?  The usual answer costs one comparison of epochs.  When
 * something has changed the statement is decided again: a plan that would
 * look the same goes on, another is made anew at start and refused when it
 * already runs.
 *
 * One record is written for each run of a top-level portal; what runs nested
 * inside is added to it (statement.c).
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
#include "audit/ring.h"
#include "base/catalog.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "enforce/affected.h"
#include "enforce/constraint.h"
#include "enforce/escalate.h"
#include "enforce/estimates.h"
#include "enforce/execute.h"
#include "enforce/fragile.h"
#include "enforce/halt.h"
#include "enforce/plan.h"
#include "enforce/refuse.h"
#include "enforce/scrub.h"
#include "enforce/statement.h"
#include "enforce/trust.h"
#include "executor/tstoreReceiver.h"
#include "identity/session.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "optimizer/planner.h"
#include "rewrite/rewriteHandler.h"
#include "tcop/pquery.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/tuplestore.h"

/*
 * A query that has been started.  Kept apart from the executor's query context,
 * which tells when it ends: there it would often not fit into the block that the
 * server keeps at hand.
 */
typedef struct CaRun
{
	dlist_node	node;
	QueryDesc  *queryDesc;
	CaPlanNote *note;			/* NULL: exempt */
	CaStatement *statement;		/* of a top-level query, until it is finished */
	uint64		identity_serial;
	TimestampTz message;		/* when the client's message that started it
								 * came */
	bool		ran;			/* not for the first time any more */
	int			level;			/* of nesting, while it runs */
	CaMeter		meter;			/* what its own statements have returned */
	int64		returned;		/* rows that the last one did */
	CaApprovals *approvals;		/* that it was started with, or NULL */
	bool		moved;			/* it has gone forward */
	MemoryContextCallback callback;
} CaRun;

static dlist_head runs = DLIST_STATIC_INIT(runs);
static dlist_head ended_runs = DLIST_STATIC_INIT(ended_runs);
static bool frame_no_force = false; /* InNoForceRLSOperation() at its entry */
static int	entered = 0;
static int	query_depth = 0;	/* 0: a command is at work innermost */
static bool starting = false;	/* ExecutorStart() is at work innermost */
static bool exporting = false;	/* inside COPY TO */
static bool explaining = false; /* and that command is EXPLAIN */

bool
ca_execute_exempt(void)
{
	/*
	 * SECURITY: a trigger that fires inside a referential action inherits its
	 * security context, and so does all it runs, at every depth.  Only the
	 * query for which the context was entered is the server's own.
	 * (test/sql/cascade.sql)
	 */
	return InNoForceRLSOperation() && !frame_no_force;
}

/* Is any of EXECUTE's arguments more than a constant? */
static bool
computes(const List *arguments)
{
	ListCell   *lc;

	foreach(lc, arguments)
	{
		const Node *arg = lfirst(lc);

		if (IsA(arg, TypeCast))
			arg = ((const TypeCast *) arg)->arg;
		if (!IsA(arg, A_Const) && !IsA(arg, ParamRef))
			return true;
	}
	return false;
}

CaWork
ca_execute_enter(const Node *command)
{
	CaWork		before = {query_depth, explaining, exporting, ca_identity_locked,
	ca_water_watches};

	entered++;
	ca_stop_begin();
	if (command == NULL)
		query_depth++;
	else
	{
		query_depth = 0;
		explaining = IsA(command, ExplainStmt);
		exporting |= IsA(command, CopyStmt) && !((const CopyStmt *) command)->is_from;
		ca_identity_locked |= explaining || IsA(command, CallStmt) ||
			(IsA(command, ExecuteStmt) &&
			 computes(((const ExecuteStmt *) command)->params));
	}
	return before;
}

void
ca_execute_leave(const CaWork *before)
{
	entered--;
	ca_stop_end();
	query_depth = before->query_depth;
	explaining = before->explaining;
	exporting = before->exporting;
	ca_identity_locked = before->identity_locked;
	ca_water_watches = before->watches;
}

bool
ca_execute_in_query(void)
{
	return query_depth > 0;
}

bool
ca_execute_exporting(void)
{
	return exporting;
}

bool
ca_execute_starting(void)
{
	return starting;
}

bool
ca_execute_busy(void)
{
	return entered > 0 || ca_statement_level > 0 || ca_statement_current != NULL;
}

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

static CaRun *
find_run(const QueryDesc *queryDesc)
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

/* A cursor that was opened with an approval goes on with it. */
static CaApprovals *
keep_approvals(const QueryDesc *queryDesc, const CaPlanNote *note,
			   const CaStatement *owner)
{
	CaApprovals *copy;

	if (note == NULL || note->decision != CA_DECISION_ESCALATE ||
		!ca_statement_approvals(owner)->any)
		return NULL;
	copy = MemoryContextAlloc(queryDesc->estate->es_query_cxt, sizeof(CaApprovals));
	*copy = *ca_statement_approvals(owner);
	return copy;
}

static CaRun *
register_run(QueryDesc *queryDesc, CaPlanNote *note, CaStatement *statement)
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
	run->message = GetCurrentStatementStartTimestamp();
	run->callback.func = forget_run;
	run->callback.arg = run;
	dlist_push_head(&runs, &run->node);
	MemoryContextRegisterResetCallback(queryDesc->estate->es_query_cxt,
									   &run->callback);
	return run;
}

/* Refuse what this plan would do, for a reason that is about the plan. */
static void
refuse_plan(const QueryDesc *queryDesc, int sqlstate, const char *code,
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
 * Is the identity valid at this moment?  Expiry, suspension and the like are
 * looked at every time; refuses when it is not.
 */
static void
check_identity(const QueryDesc *queryDesc, const CaPlanNote *note)
{
	CaIdentityProblem problem = {0};

	if (ca_identity_current(&problem) == NULL && !note->presents)
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
ca_execute_release(QueryDesc *queryDesc)
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
check_plan_to_start(QueryDesc *queryDesc)
{
	CaPlanNote *note = ca_note_find(queryDesc->plannedstmt);

	if (note == NULL)
	{
		ResetPlanCache();
		refuse_plan(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "plan_not_authorized",
					"its plan was not made under the session's identity",
					"Prepare the statement again.");
		return NULL;
	}
	/* the counts that ANALYZE shows include rows that a filter hides */
	if (queryDesc->instrument_options != 0 && note->protects &&
		explaining)
		refuse_plan(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "explain_analyze",
					"EXPLAIN ANALYZE would count what row filters hide",
					"Use EXPLAIN without ANALYZE.");

	AcceptInvalidationMessages();
	check_identity(queryDesc, note);
	ca_fragile_settle();
	if (!holds(note) &&
		!ca_plan_still_right(note, queryDesc->sourceText))
		note = plan_again(queryDesc, note);
	return note;
}

static void
set_source(CaStatement *statement, const QueryDesc *queryDesc, const CaPlanNote *note)
{
	CaSource	source = {note, queryDesc->params, false, queryDesc->sourceText,
		queryDesc->plannedstmt->stmt_location, queryDesc->plannedstmt->stmt_len
	};

	ca_statement_set_source(statement, &source);
}

/* The note of a plan that may start, with an approval if it needs one. */
static CaPlanNote *
take_plan_to_start(QueryDesc *queryDesc, bool top_level)
{
	CaPlanNote *note;
	bool		settled;

	do
	{
		note = check_plan_to_start(queryDesc);
		if (note == NULL)
			return NULL;
		if (top_level)
			set_source(ca_statement_current, queryDesc, note);
		settled = ca_escalate_plan(note, queryDesc->sourceText,
								   queryDesc->plannedstmt->stmt_location,
								   queryDesc->plannedstmt->stmt_len);
	} while (!settled);
	ca_statement_add_note(ca_statement_current, note, ca_escalation_stands(note));
	return note;
}

/*
 * Has the query been started just now, so that what was decided then is as new
 * as a decision can be?  It is so unless somebody can have it started and let
 * it wait: through a portal, which the server itself runs at once only when it
 * has no name and the same message of the client brought it.
 */
static bool
started_just_now(const CaRun *run)
{
	Portal		portal = ActivePortal;

	if (run->ran)
		return false;
	if (portal == NULL || portal->queryDesc != run->queryDesc)
		return true;
	return portal->name[0] == '\0' &&
		run->message == GetCurrentStatementStartTimestamp();
}

/* Before a started query goes on: is it still the session's, and allowed? */
static void
check_run(CaRun *run)
{
	CaPlanNote *note = run->note;
	bool		just_now = started_just_now(run);

	run->ran = true;
	if (!just_now)
		AcceptInvalidationMessages();
	check_identity(run->queryDesc, note);
	if (run->identity_serial != current_serial() &&
		run->identity_serial != 0)
		refuse_plan(run->queryDesc, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
					"identity_changed",
					"it was opened under another identity", NULL);
	/* SECURITY: what a trusted function opened, it does not hand out */
	if (note->trusted && !ca_trust_active())
		refuse_plan(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					"policy_changed",
					"it was opened by a trusted function", NULL);
	if (!just_now && !holds(note) &&
		!ca_plan_still_right(note, run->queryDesc->sourceText))
		refuse_plan(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					"policy_changed",
					"what it may show has changed since it was opened",
					"Open it again.");
	/* opened in monitor mode, which uses no approval */
	if (note->decision == CA_DECISION_ESCALATE && run->approvals == NULL &&
		ca_guc_mode == CA_MODE_ENFORCE)
		refuse_plan(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					"policy_changed", "it was opened without an approval",
					"Open it again.");
}

/*
 * SECURITY: an approval is for one run, and whoever goes back, in a cursor or a
 * portal of the protocol, can have it run again.  (test/sql/approval.sql)
 */
static void
check_direction(CaRun *run, ScanDirection direction)
{
	bool		rewound = ActivePortal != NULL &&
	ActivePortal->queryDesc == run->queryDesc && ActivePortal->atStart;

	if (run->approvals == NULL || ScanDirectionIsNoMovement(direction))
		return;
	if (ScanDirectionIsBackward(direction) || (run->moved && rewound))
		refuse_plan(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
					"approval_used", "what was approved goes forward only", NULL);
	run->moved = true;
}

static CaStatement *
begin_statement(const QueryDesc *queryDesc)
{
	const PlannedStmt *plan = queryDesc->plannedstmt;
	const CaPlanNote *note = ca_note_find(plan);

	return ca_statement_begin(note != NULL ? note->statement_kind : "SELECT",
							  queryDesc->sourceText, plan->stmt_location,
							  plan->stmt_len, plan->queryId);
}

void
ca_execute_start(QueryDesc *queryDesc, int eflags, ExecutorStart_hook_type next)
{
	bool		top_level = ca_statement_current == NULL;
	bool		hides_estimates;
	bool		was_starting = starting;
	CaWork		before;
	CaStatement *volatile statement = NULL;
	CaStatement *owner;
	CaPlanNote *volatile note = NULL;
	CaRun	   *run;

	if (ca_execute_exempt())
	{
		next(queryDesc, eflags);
		(void) register_run(queryDesc, NULL, NULL);
		return;
	}

	if (top_level)
	{
		ca_ring_check_writable();
		statement = ca_statement_current = begin_statement(queryDesc);
		set_source(statement, queryDesc, ca_note_find(queryDesc->plannedstmt));
	}
	before = ca_execute_enter(NULL);
	PG_TRY();
	{
		ca_halt_check();
		note = take_plan_to_start(queryDesc, top_level);
		hides_estimates = explaining && note != NULL && note->protects;
		if (hides_estimates)
			queryDesc->plannedstmt = copyObject(queryDesc->plannedstmt);
		starting = true;
		next(queryDesc, eflags);
		starting = was_starting;
		if (hides_estimates)
			ca_estimates_hide(queryDesc);
		if (note != NULL)
			ca_affected_watch(queryDesc, top_level);
	}
	PG_CATCH();
	{
		ca_halt_error();
		ca_execute_leave(&before);
		starting = was_starting;
		if (top_level)
			ca_statement_fail(statement);
		PG_RE_THROW();
	}
	PG_END_TRY();
	ca_execute_leave(&before);

	owner = ca_statement_current;
	if (top_level)
		ca_statement_current = NULL;
	run = register_run(queryDesc, note, statement);
	run->approvals = keep_approvals(queryDesc, note, owner);
}

/* Does the run return rows to somebody outside the server? */
static bool
returns_to_client(const QueryDesc *queryDesc)
{
	return queryDesc->operation == CMD_SELECT &&
		(queryDesc->dest->mydest == DestRemote ||
		 queryDesc->dest->mydest == DestRemoteExecute ||
		 queryDesc->dest->mydest == DestRemoteSimple);
}

/* Send the rows that were held back. */
static void
replay(QueryDesc *queryDesc, Tuplestorestate *store, DestReceiver *dest)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(queryDesc->tupDesc,
													&TTSOpsMinimalTuple);

	dest->rStartup(dest, queryDesc->operation, queryDesc->tupDesc);
	while (tuplestore_gettupleslot(store, true, false, slot))
	{
		ca_halt_check();
		if (!dest->receiveSlot(slot, dest))
			break;
	}
	dest->rShutdown(dest);
	ExecDropSingleTupleTableSlot(slot);
}

/* Rows that a run has processed, for the record. */
static int64
rows_of(const QueryDesc *queryDesc)
{
	return (int64) queryDesc->estate->es_processed;
}

/* Write the record of a top-level run that has come to its end. */
static void
finish_statement(CaRun *run)
{
	CaStatement *statement = run->statement;
	QueryDesc  *queryDesc = run->queryDesc;
	bool		is_select = queryDesc->operation == CMD_SELECT;

	run->statement = NULL;
	ca_statement_finish(statement, is_select ? rows_of(queryDesc) :
						queryDesc->plannedstmt->hasReturning ? run->returned : -1,
						is_select ? -1 : rows_of(queryDesc), 0);
}

/* Where a run's rows are counted. */
static CaMeter *
meter_of(const CaRun *run, CaBudget *budget)
{
	return run->statement != NULL ? &budget->top : &budget->nested;
}

/* Run a query and count what it returns or changes. */
static void
run_metered(CaRun *run, CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next)
{
	CaBudget   *budget = ca_statement_budget(ca_statement_current);
	CaMeter    *meter = meter_of(run, budget);
	DestReceiver *dest = queryDesc->dest;
	CaMeterReceiver receiver;
	int64		before = meter->rows;

	ca_budget_meter(&receiver, budget, meter, dest);
	queryDesc->dest = (DestReceiver *) &receiver;
	next(CA_EXECUTOR_RUN_PASS);
	queryDesc->dest = dest;
	run->returned = meter->rows - before;
	if (queryDesc->operation != CMD_SELECT)
		ca_budget_add_affected(budget, meter, rows_of(queryDesc), run->returned);
	if (run->statement != NULL)
		run->meter = *meter;
}

/*
 * Strict durability: the record is durable before the first row leaves, and
 * it tells how many there are.  So rows are held back until then.
 */
static void
run_strictly(CaRun *run, CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next)
{
	DestReceiver *dest = queryDesc->dest;
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	DestReceiver *holder = CreateDestReceiver(DestTuplestore);

	SetTuplestoreDestReceiverParams(holder, store, CurrentMemoryContext, false,
									NULL, NULL);
	queryDesc->dest = holder;
	run_metered(run, CA_EXECUTOR_RUN_PASS, next);
	queryDesc->dest = dest;

	finish_statement(run);
	/* should it be stopped from here on, another record says so */
	run->statement = ca_statement_current = begin_statement(queryDesc);
	replay(queryDesc, store, dest);
	ca_statement_discard(run->statement);
	run->statement = NULL;
	holder->rDestroy(holder);
	tuplestore_end(store);
}

/* Will ExecutorFinish() still fire triggers of this query? */
static bool
finishes_later(const QueryDesc *queryDesc)
{
	return queryDesc->operation != CMD_SELECT ||
		queryDesc->plannedstmt->hasModifyingCTE;
}

/* Run one governed query that has been checked. */
static void
run_checked(CaRun *run, CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next)
{
	if (run->statement != NULL && ca_guc_audit_durability == CA_DURABILITY_STRICT &&
		returns_to_client(queryDesc) && !finishes_later(queryDesc))
		run_strictly(run, CA_EXECUTOR_RUN_PASS, next);
	else
	{
		if (run->statement == NULL && queryDesc->dest->mydest >= DestRemote &&
			ca_statement_current != NULL &&
			(returns_to_client(queryDesc) || queryDesc->dest->mydest == DestCopyOut))
			ca_statement_before_rows(ca_statement_current);
		run_metered(run, CA_EXECUTOR_RUN_PASS, next);
		if (run->statement != NULL && !finishes_later(queryDesc))
			finish_statement(run);
	}
}

/* Close the record of a statement that failed. */
static void
fail_statement(CaRun *run)
{
	CaStatement *statement = run->statement;

	run->statement = NULL;
	if (statement != NULL)
		ca_statement_fail(statement);
}

/* What a query that runs changes, to be put back when it ends. */
typedef struct CaFrame
{
	CaStatement *outer;
	CaWatch    *watches;
	int			level;
	int			query_depth;
	bool		starting;
	bool		no_force;
	bool		locked;
} CaFrame;

static CaFrame
enter_frame(void)
{
	CaFrame		frame = {ca_statement_current, ca_water_watches, ca_statement_level,
	query_depth, starting, frame_no_force, ca_identity_locked};

	ca_stop_begin();
	query_depth++;
	starting = false;
	frame_no_force = InNoForceRLSOperation();
	return frame;
}

static void
leave_frame(const CaFrame *frame)
{
	ca_stop_end();
	ca_statement_current = frame->outer;
	ca_water_watches = frame->watches;
	ca_statement_level = frame->level;
	query_depth = frame->query_depth;
	starting = frame->starting;
	frame_no_force = frame->no_force;
	ca_identity_locked = frame->locked;
}

/* In PG_CATCH: put the error on record, put everything back, and go on with it. */
pg_noreturn static void
fail_frame(CaRun *run, const CaFrame *frame)
{
	ca_halt_error();
	leave_frame(frame);
	ca_statement_note_error(frame->outer, geterrcode());
	if (frame->outer == NULL)
		fail_statement(run);
	ca_statement_current = frame->outer;
	ca_scrub_and_rethrow(frame->outer == NULL ? ca_statement_failed_id() : NULL,
						 run->note != NULL && run->note->reveals);
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
			refuse_plan(run->queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE,
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

/* Watch over a query as long as its frame lasts. */
static void
watch_run(CaRun *run, CaWatch *watch)
{
	run->level = ca_statement_level;
	if (run->note != NULL && run->note->dynamic)
		ca_water_watch(watch, decide_again, run);
}

/* Run a governed query inside its frame. */
static void
run_in_frame(CaRun *run, const CaFrame *frame, CA_EXECUTOR_RUN_ARGS,
			 ExecutorRun_hook_type next)
{
	CaWatch		watch;

	if (frame->outer == NULL)
	{
		ca_statement_current = run->statement;
		ca_statement_starts(run->statement);
	}
	else
		ca_statement_add_note(frame->outer, run->note, run->approvals != NULL);
	ca_halt_check();
	check_run(run);
	check_direction(run, direction);
	if (run->note->reveals)
		ca_scrub_reveals();
	ca_water_ask(run->note->shows);
	ca_budget_reads(run->note->shows);
	ca_budget_limit(&run->note->limits);
	ca_water_raise(run->note->shows);
	watch_run(run, &watch);
	ca_statement_level++;
	ca_identity_locked = frame->locked || !run->note->presents;
	run_checked(run, CA_EXECUTOR_RUN_PASS, next);
}

void
ca_execute_run(CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next)
{
	CaRun	   *volatile run = find_run(queryDesc);
	CaFrame		frame;

	/* started before the session was governed: there is nothing to trust */
	if (run == NULL)
	{
		refuse_plan(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "plan_not_authorized",
					"it was started before the session was governed",
					"Open it again.");
		next(CA_EXECUTOR_RUN_PASS);
		return;
	}

	/* a portal that runs again, as FETCH does, is a statement of its own */
	if (ca_statement_current == NULL && run->note != NULL && run->statement == NULL)
	{
		CaBudget   *budget;

		run->statement = begin_statement(queryDesc);
		set_source(run->statement, queryDesc, run->note);
		if (run->approvals != NULL)
			ca_statement_take_approvals(run->statement, run->approvals);
		ca_statement_add_note(run->statement, run->note, run->approvals != NULL);
		budget = ca_statement_budget(run->statement);
		budget->top = run->meter;
		budget->carried = run->meter.rows;
	}

	frame = enter_frame();
	PG_TRY();
	{
		if (run->note == NULL)
			next(CA_EXECUTOR_RUN_PASS);
		else
			run_in_frame(run, &frame, CA_EXECUTOR_RUN_PASS, next);
	}
	PG_CATCH();
	{
		fail_frame(run, &frame);
	}
	PG_END_TRY();
	leave_frame(&frame);
}

/*
 * Deferred constraints of a single statement fire at its commit, where only
 * emit_log_hook sees their error; and not even that when the server does not
 * log errors.  Then, and only then, fire them here.
 */
static void
settle_constraints(void)
{
	if (log_min_messages > ERROR && !IsTransactionBlock())
		ca_fire_deferred_constraints();
}

/* Writing WITH queries have come to their end only now. */
static void
count_with_queries(const CaRun *run)
{
	CaBudget   *budget = ca_statement_budget(ca_statement_current);

	ca_budget_add_affected(budget, meter_of(run, budget),
						   ca_affected_by_with(run->queryDesc), 0);
}

void
ca_execute_finish(QueryDesc *queryDesc, ExecutorFinish_hook_type next)
{
	CaRun	   *volatile run = find_run(queryDesc);
	CaFrame		frame;
	CaWatch		watch;

	/* what only reads has come to its end in ExecutorRun() */
	if (run == NULL || (run->statement == NULL && !finishes_later(queryDesc)))
	{
		next(queryDesc);
		return;
	}

	frame = enter_frame();
	PG_TRY();
	{
		if (frame.outer == NULL)
			ca_statement_current = run->statement;
		/* what WITH has not done yet is done now; triggers come after it */
		if (queryDesc->plannedstmt->hasModifyingCTE)
			watch_run(run, &watch);
		ca_statement_level++;
		next(queryDesc);
		if (run->note != NULL && ca_statement_current != NULL)
			count_with_queries(run);
		if (frame.outer == NULL && run->statement != NULL)
		{
			settle_constraints();
			finish_statement(run);
		}
	}
	PG_CATCH();
	{
		fail_frame(run, &frame);
	}
	PG_END_TRY();
	leave_frame(&frame);
}
