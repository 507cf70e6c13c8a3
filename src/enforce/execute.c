/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Executor hooks of a governed session.
 *
 * Whether a plan may run at all is asked in run.c.
 *
 * One record is written for each run of a top-level portal; what runs nested
 * inside is added to it (statement.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "audit/ring.h"
#include "base/guc.h"
#include "enforce/affected.h"
#include "enforce/constraint.h"
#include "enforce/estimates.h"
#include "enforce/execute.h"
#include "enforce/halt.h"
#include "enforce/quiet.h"
#include "enforce/run.h"
#include "enforce/scrub.h"
#include "enforce/statement.h"
#include "enforce/trust.h"
#include "executor/tstoreReceiver.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

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
ca_execute_explaining(void)
{
	return explaining;
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

static CaStatement *
begin_statement(const QueryDesc *queryDesc, const CaPlanNote *note)
{
	const PlannedStmt *plan = queryDesc->plannedstmt;

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
		(void) ca_run_register(queryDesc, NULL, NULL);
		return;
	}

	note = ca_note_find(queryDesc->plannedstmt);
	if (top_level)
	{
		ca_ring_check_writable();
		statement = ca_statement_current = begin_statement(queryDesc, note);
		ca_run_set_source(statement, queryDesc, note);
	}
	before = ca_execute_enter(NULL);
	PG_TRY();
	{
		ca_halt_check();
		note = ca_run_take_plan(queryDesc, note, top_level);
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
		ca_quiet_end();
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
	run = ca_run_register(queryDesc, note, statement);
	ca_run_keep_approvals(run, owner);
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
	run->statement = ca_statement_current = begin_statement(queryDesc, run->note);
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
	bool		veiled;
} CaFrame;

static CaFrame
enter_frame(const CaRun *run)
{
	CaFrame		frame = {ca_statement_current, ca_water_watches, ca_statement_level,
		query_depth, starting, frame_no_force, ca_identity_locked,
	run->note != NULL && run->note->reveals};

	if (frame.veiled)
		ca_quiet_veil();
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
	if (frame->veiled)
		ca_quiet_unveil();
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
	ca_run_check(run);
	ca_run_check_direction(run, direction);
	if (run->note->reveals)
		ca_scrub_reveals();
	ca_water_ask(run->note->shows);
	ca_budget_reads(run->note->shows);
	ca_budget_limit(run->note->limited ? &run->note->limits : NULL);
	ca_water_raise(run->note->shows);
	ca_run_watch(run, &watch);
	ca_statement_level++;
	ca_identity_locked = frame->locked || !run->note->presents;
	run_checked(run, CA_EXECUTOR_RUN_PASS, next);
}

void
ca_execute_run(CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next)
{
	CaRun	   *volatile run = ca_run_find(queryDesc);
	CaFrame		frame;

	/* started before the session was governed: there is nothing to trust */
	if (run == NULL)
	{
		ca_run_refuse(queryDesc, ERRCODE_INSUFFICIENT_PRIVILEGE, "plan_not_authorized",
					  "it was started before the session was governed",
					  "Open it again.");
		next(CA_EXECUTOR_RUN_PASS);
		return;
	}

	/* a portal that runs again, as FETCH does, is a statement of its own */
	if (ca_statement_current == NULL && run->note != NULL && run->statement == NULL)
	{
		CaBudget   *budget;

		run->statement = begin_statement(queryDesc, run->note);
		ca_run_set_source(run->statement, queryDesc, run->note);
		if (run->approvals != NULL)
			ca_statement_take_approvals(run->statement, run->approvals);
		ca_statement_add_note(run->statement, run->note, run->approvals != NULL);
		budget = ca_statement_budget(run->statement);
		budget->top = run->meter;
		budget->carried = run->meter.rows;
	}

	frame = enter_frame(run);
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
	if (!ca_quiet_logs_errors() && !IsTransactionBlock())
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
	CaRun	   *volatile run = ca_run_find(queryDesc);
	CaFrame		frame;
	CaWatch		watch;

	/* what only reads has come to its end in ExecutorRun() */
	if (run == NULL || (run->statement == NULL && !finishes_later(queryDesc)))
	{
		next(queryDesc);
		return;
	}

	frame = enter_frame(run);
	PG_TRY();
	{
		if (frame.outer == NULL)
			ca_statement_current = run->statement;
		/* what WITH has not done yet is done now; triggers come after it */
		if (queryDesc->plannedstmt->hasModifyingCTE)
			ca_run_watch(run, &watch);
		ca_statement_level++;
		next(queryDesc);
		if (run->note != NULL && ca_statement_current != NULL)
			count_with_queries(run);
		if (!ca_quiet_logs_errors())
			ca_quiet_veil_transaction();
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
