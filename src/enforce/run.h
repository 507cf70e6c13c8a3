/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Queries that have been started, and whether they may run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_RUN_H
#define CA_ENFORCE_RUN_H

#include "enforce/statement.h"
#include "enforce/water.h"
#include "executor/execdesc.h"
#include "lib/ilist.h"

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
	uint64		epoch;			/* in which it was started ... */
	LocalTransactionId lxid;	/* ... and the transaction */
	TimestampTz message;		/* when the client's message that started it
								 * came */
	uint64		step;			/* ca_run_steps then */
	bool		ran;			/* not for the first time any more */
	int			level;			/* of nesting, while it runs */
	CaMeter		meter;			/* what its own statements have returned */
	int64		returned;		/* rows that the last one did */
	CaApprovals *approvals;		/* that it was started with, or NULL */
	bool		moved;			/* it has gone forward */
	MemoryContextCallback callback;
} CaRun;

/* How often planner, executor and utility hooks have taken over in this session. */
extern uint64 ca_run_steps;

/*
 * Register a query that ExecutorStart() has made ready, until its context goes;
 * note is NULL when it is exempt, statement when it is nested in another.
 */
extern CaRun *ca_run_register(QueryDesc *queryDesc, CaPlanNote *note,
							  CaStatement *statement);
extern CaRun *ca_run_find(const QueryDesc *queryDesc);

/* A cursor that was opened with an approval goes on with it. */
extern void ca_run_keep_approvals(CaRun *run, const CaStatement *owner);

/* Refuse what this plan would do, for a reason that is about the plan. */
extern void ca_run_refuse(const QueryDesc *queryDesc, int sqlstate, const char *code,
						  const char *reason, const char *hint);

/*
 * A session that is not governed (any more) starts a plan: when it was made
 * for an agent, and changed for it, plan the original query.
 */
extern void ca_run_release(QueryDesc *queryDesc);

/* What is escalated while the statement runs belongs to this query. */
extern void ca_run_set_source(CaStatement *statement, const QueryDesc *queryDesc,
							  const CaPlanNote *note);

/*
 * The note of a plan that may start, with an approval if it needs one; refuses
 * otherwise.  It is the one that the plan has, or that of a plan made anew.  NULL in
 * monitor mode, when it has none.
 */
extern CaPlanNote *ca_run_take_plan(QueryDesc *queryDesc, CaPlanNote *note,
									bool top_level);

/* Before a started query goes on: is it still the session's, and allowed? */
extern void ca_run_check(CaRun *run);
extern void ca_run_check_direction(CaRun *run, ScanDirection direction);

/* Watch over a query as long as its frame lasts. */
extern void ca_run_watch(CaRun *run, CaWatch *watch);

#endif							/* CA_ENFORCE_RUN_H */
