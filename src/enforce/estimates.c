/*-------------------------------------------------------------------------
 *
 * estimates.c
 *	  What EXPLAIN shows of the planner's estimates.
 *
 * SECURITY: an estimate of rows answers "how many have this value" about rows
 * and columns that a policy hides, as exactly as the statistics are.
 * (test/sql/enforce.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/estimates.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

static bool
hide_walker(PlanState *state, void *context)
{
	Plan	   *plan = state->plan;

	plan->startup_cost = 0;
	plan->total_cost = 0;
	plan->plan_rows = 0;
	plan->plan_width = 0;
	return planstate_tree_walker(state, hide_walker, context);
}

void
ca_estimates_hide(QueryDesc *queryDesc)
{
	(void) hide_walker(queryDesc->planstate, NULL);
}
