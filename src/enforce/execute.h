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
#include "enforce/water.h"

/*
 * Is what is planned or started now a query of the server's own referential
 * integrity checks?  They see all rows, whoever's statement caused them.
 */
extern bool ca_execute_exempt(void);

/* What ca_execute_enter() changes, for ca_execute_leave() to put back. */
typedef struct CaWork
{
	int			query_depth;
	bool		explaining;
	bool		exporting;
	bool		identity_locked;
	CaWatch    *watches;
} CaWork;

/*
 * Mark that a statement is being worked on: a utility command or, when it is
 * NULL, a query, which ca_inspect() has seen.
 */
extern CaWork ca_execute_enter(const Node *command);
extern void ca_execute_leave(const CaWork *before);

/* Is a query, rather than a command, at work innermost? */
extern bool ca_execute_in_query(void);

/* Is a COPY TO at work, be it further out? */
extern bool ca_execute_exporting(void);

/* Is EXPLAIN at work innermost? */
extern bool ca_execute_explaining(void);

/* Is a query made ready to run, and what it calls with it? */
extern bool ca_execute_starting(void);

/* Is anything of a statement under way? */
extern bool ca_execute_busy(void);

extern void ca_execute_start(QueryDesc *queryDesc, int eflags,
							 ExecutorStart_hook_type next);
extern void ca_execute_run(CA_EXECUTOR_RUN_ARGS, ExecutorRun_hook_type next);
extern void ca_execute_finish(QueryDesc *queryDesc,
							  ExecutorFinish_hook_type next);

#endif							/* CA_ENFORCE_EXECUTE_H */
