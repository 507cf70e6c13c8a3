/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  From a query to an authorized plan.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_PLAN_H
#define CA_ENFORCE_PLAN_H

#include "enforce/note.h"
#include "optimizer/planner.h"

/* planner_hook of a governed session; next is what would have been called. */
extern PlannedStmt *ca_plan(Query *query, const char *text, int cursor_options,
							ParamListInfo params, planner_hook_type next);

/*
 * Is what a finished plan enforces still what has to be enforced?  Decides
 * the original query again, without planning; raises the refusal when the
 * decision is now a denial.
 */
extern bool ca_plan_still_right(CaPlanNote *note, const char *text);

/* A query is planned in a parallel worker of a governed session. */
extern void ca_plan_in_worker(Query *query);

/* What COPY does with the rows of a query that is planned or run now. */
extern CaCopyRole ca_plan_copy_role(void);

/*
 * Rows that INSERT writes at this level of nesting come by COPY FROM, until
 * ca_plan_forget_copy().
 */
extern void ca_plan_copies_in(int level);

/* COPY has come to its end, or failed. */
extern void ca_plan_forget_copy(void);

#endif							/* CA_ENFORCE_PLAN_H */
