/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Where contauth is called by the server.
 *
 * This file only dispatches: every hook leaves at once when the session is
 * not governed, when contauth itself is at work, and in parallel workers,
 * whose leader has decided.
 *
 * hook                        when                          what we do
 * --------------------------  ----------------------------  --------------------
 * planner_hook                a query is planned            plan.c
 * ExecutorStart_hook          a plan is started             execute.c
 * ExecutorStart_hook          the same, of others           reading.c
 * ExecutorRun_hook            a plan runs, a portal goes on execute.c
 * ExecutorFinish_hook         its AFTER triggers fire       execute.c
 * ExecutorEnd_hook            a plan has ended              quiet.c
 * ProcessUtility_hook         a utility command             utility.c
 * ProcessUtility_hook         the same, of anybody          role.c, reading.c
 * object_access_hook          a function is to be executed  function.c
 * needs_fmgr_hook             may a function be inlined?    function.c
 * fmgr_hook                   a SECURITY DEFINER function   trust.c
 * fmgr_hook                   one that needs an approval    function.c
 * emit_log_hook               an error is reported          scrub.c
 * emit_log_hook               anything else is              quiet.c
 *
 * Each calls the hook that was installed before, after our own decision: what
 * that one refuses stays refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "audit/reading.h"
#include "base/compat.h"
#include "base/internal.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "enforce/execute.h"
#include "enforce/function.h"
#include "enforce/hooks.h"
#include "enforce/plan.h"
#include "enforce/quiet.h"
#include "enforce/role.h"
#include "enforce/run.h"
#include "enforce/scrub.h"
#include "enforce/trust.h"
#include "enforce/utility.h"
#include "fmgr.h"
#include "identity/session.h"
#include "libpq/auth.h"

static planner_hook_type prev_planner = NULL;
static ExecutorStart_hook_type prev_start = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static ExecutorFinish_hook_type prev_finish = NULL;
static ExecutorEnd_hook_type prev_end = NULL;
static ProcessUtility_hook_type prev_utility = NULL;
static object_access_hook_type prev_access = NULL;
static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;
static emit_log_hook_type prev_emit_log = NULL;
static ClientAuthentication_hook_type prev_authentication = NULL;

/* Is there anything to do? */
static inline bool
active(void)
{
	return ca_internal_depth == 0 && ca_session_enforced();
}

/* The same, where an agent's statement comes in, whose session is enforced. */
static inline bool
takes_over(bool enforced)
{
	ca_quiet_end();
	if (!enforced || ca_internal_depth > 0)
		return false;
	ca_run_steps++;
	ca_quiet_settings();
	return true;
}

/* Could somebody who is not governed read the audit here? */
static inline bool
is_unwatched(void)
{
	return ca_internal_depth == 0 && !IsParallelWorker();
}

static PlannedStmt *
hook_planner(Query *query, const char *text, int cursor_options,
			 ParamListInfo params)
{
	planner_hook_type next = prev_planner != NULL ? prev_planner : standard_planner;
	PlannedStmt *plan;

	if (ca_session_enforced_leader())
		ca_plan_in_worker(query);
	if (!takes_over(ca_session_enforced()))
	{
		plan = next(query, text, cursor_options, params);
		if (is_unwatched())
			ca_reading_catch_up(plan);
		return plan;
	}
	if (ca_execute_exempt())
		return next(query, text, cursor_options, params);
	plan = ca_plan(query, text, cursor_options, params, next);
	ca_quiet_settings();
	return plan;
}

/* The rest of ExecutorStart(), of which the client hears nothing but errors. */
static void
start_quietly(QueryDesc *queryDesc, int eflags)
{
	ExecutorStart_hook_type next = prev_start != NULL ? prev_start : standard_ExecutorStart;

	ca_quiet_begin();
	next(queryDesc, eflags);
	ca_quiet_end();
}

static void
hook_start(QueryDesc *queryDesc, int eflags)
{
	ExecutorStart_hook_type next = prev_start != NULL ? prev_start : standard_ExecutorStart;
	bool		enforced = ca_session_enforced();

	if (takes_over(enforced))
		ca_execute_start(queryDesc, eflags, start_quietly);
	else
	{
		if (is_unwatched() && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
			ca_reading_note_plan(queryDesc->plannedstmt);
		ca_run_release(queryDesc);
		if (enforced)
			start_quietly(queryDesc, eflags);
		else
			next(queryDesc, eflags);
	}
}

static void
hook_run(CA_EXECUTOR_RUN_ARGS)
{
	ExecutorRun_hook_type next = prev_run != NULL ? prev_run : standard_ExecutorRun;

	if (!takes_over(ca_session_enforced()))
		next(CA_EXECUTOR_RUN_PASS);
	else
	{
		ca_execute_run(CA_EXECUTOR_RUN_PASS, next);
		ca_quiet_settings();
	}
}

static void
hook_finish(QueryDesc *queryDesc)
{
	ExecutorFinish_hook_type next = prev_finish != NULL ? prev_finish : standard_ExecutorFinish;
	bool		enforced = ca_session_enforced();

	if (!takes_over(enforced))
		next(queryDesc);
	else
	{
		ca_execute_finish(queryDesc, next);
		ca_quiet_settings();
	}
	if (enforced)
		ca_quiet_begin();
}

static void
hook_end(QueryDesc *queryDesc)
{
	ExecutorEnd_hook_type next = prev_end != NULL ? prev_end : standard_ExecutorEnd;

	next(queryDesc);
	ca_quiet_end();
}

static void
hook_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
			 ProcessUtilityContext context, ParamListInfo params,
			 QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = prev_utility != NULL ? prev_utility : standard_ProcessUtility;

	if (!takes_over(ca_session_enforced()))
	{
		if (is_unwatched())
			ca_reading_note_utility(pstmt->utilityStmt);
		ca_role_keep(pstmt->utilityStmt);
		next(pstmt, text, read_only_tree, context, params, env, dest, qc);
	}
	else
	{
		ca_utility(pstmt, text, read_only_tree, context, params, env, dest, qc, next);
		ca_quiet_settings();
	}
}

static void
hook_object_access(ObjectAccessType access, Oid classid, Oid objid, int subid,
				   void *arg)
{
	if (prev_access != NULL)
		prev_access(access, classid, objid, subid, arg);
	if (access != OAT_FUNCTION_EXECUTE || classid != ProcedureRelationId)
		return;
	if (ca_inert_depth > 0)
		ca_function_execute_inert(objid);
	if (active())
		ca_function_execute(objid);
}

static bool
hook_needs_fmgr(Oid funcid)
{
	if (prev_needs_fmgr != NULL && prev_needs_fmgr(funcid))
		return true;
	return active() && (ca_function_keep_call(funcid) || ca_trust_watches(funcid) ||
						ca_function_escalates(funcid));
}

static void
hook_fmgr(FmgrHookEventType event, FmgrInfo *function, Datum *private)
{
	if (prev_fmgr != NULL)
		prev_fmgr(event, function, private);
	if (event == FHET_START && active())
	{
		ca_quiet_settings();
		ca_function_call(function->fn_oid);
	}
	ca_trust_call(event, function, event == FHET_START && active());
}

static void
hook_emit_log(ErrorData *edata)
{
	/* first: whoever comes next may write it somewhere */
	ca_scrub_tokens(edata);
	if (edata->elevel >= ERROR && ca_session_was_governed())
		ca_scrub_report(edata);
	ca_quiet_report(edata);
	if (prev_emit_log != NULL && edata->output_to_server)
		prev_emit_log(edata);
}

static void
hook_authentication(Port *port, int status)
{
	if (prev_authentication != NULL)
		prev_authentication(port, status);
	if (status == STATUS_OK)
		ca_role_authenticated(port);
}

void
ca_hooks_install(void)
{
	prev_planner = planner_hook;
	planner_hook = hook_planner;
	prev_start = ExecutorStart_hook;
	ExecutorStart_hook = hook_start;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = hook_run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = hook_finish;
	prev_end = ExecutorEnd_hook;
	ExecutorEnd_hook = hook_end;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = hook_utility;
	prev_access = object_access_hook;
	object_access_hook = hook_object_access;
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = hook_needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = hook_fmgr;
	prev_emit_log = emit_log_hook;
	emit_log_hook = hook_emit_log;
	prev_authentication = ClientAuthentication_hook;
	ClientAuthentication_hook = hook_authentication;
}
