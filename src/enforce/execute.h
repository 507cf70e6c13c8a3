/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  Executor hooks of a governed session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_EXECUTE_H
#define CA_ENFORCE_EXECUTE_H

#include "base/compat.h"

/*
 * Is what is planned or started now a query of the server's own referential
 * integrity checks?  They see all rows, whoever's statement caused them.
 */
extern bool ca_execute_exempt(void);

/*
 * Mark that a statement is being worked on: a query, which ca_inspect() has
 * seen, or a utility command.  What enter returns goes to leave.
 */
extern int	ca_execute_enter(bool query);
extern void ca_execute_leave(int before);

/* Is a query, rather than a command, at work innermost? */
extern bool ca_execute_in_query(void);

/* Set while EXPLAIN runs, innermost. */
extern bool ca_execute_explaining;

/* Is anything of a statement under way? */
extern bool ca_execute_busy(void);

/*
 * A session that is not governed (any more) starts a plan: when it was made
 * for an agent, and changed for it, plan the original query.
 */
extern void ca_execute_release(QueryDesc *queryDesc);

extern void ca_execute_start(QueryDesc *queryDesc, int eflags,
							 ExecutorStart_hook_type next);
extern void ca_execute_run(CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next);
extern void ca_execute_finish(QueryDesc *queryDesc,
							  ExecutorFinish_hook_type next);

#endif							/* CA_ENFORCE_EXECUTE_H */
