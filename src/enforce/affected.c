/*-------------------------------------------------------------------------
 *
 * affected.c
 *	  Rows that a query changes, while it runs.
 *
 * The server counts what the main part of a query changes, and nothing of its
 * writing WITH queries; and it tells only at the end.  So each node that
 * changes rows gets them through a counter of ours, which looks at the budget
 * before it hands out the next row.
 *
 * The counter stands where the server calls a node for its next row, and is
 * found again through the node's instrumentation, which the server keeps by
 * pointer and does not fill in unless the whole query is instrumented.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/affected.h"
#include "enforce/statement.h"
#include "executor/instrument.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"

typedef struct CaCounter
{
	Instrumentation instrument; /* first: how the counter is found */
	const EState *estate;
	bool		is_main;		/* its changes are those that the server
								 * counts */
	bool		top;
	int64		given;
} CaCounter;

static void
check_budget(const CaCounter *counter)
{
	CaBudget   *budget;

	if (ca_statement_current == NULL)
		return;
	budget = ca_statement_budget(ca_statement_current);
	ca_budget_check_affected(budget, counter->top ? &budget->top : &budget->nested,
							 counter->is_main ? (int64) counter->estate->es_processed :
							 counter->given);
}

/* ExecProcNode of what feeds a node that changes rows. */
static TupleTableSlot *
give_row(PlanState *source)
{
	CaCounter  *counter = (CaCounter *) source->instrument;
	TupleTableSlot *slot;

	check_budget(counter);
	slot = source->ExecProcNodeReal(source);
	if (!TupIsNull(slot))
		counter->given++;
	return slot;
}

static void
watch(const QueryDesc *queryDesc, PlanState *changing, bool is_main, bool top)
{
	PlanState  *source = outerPlanState(changing);
	CaCounter  *counter;

	/* EXPLAIN ANALYZE counts by itself */
	if (source == NULL || source->instrument != NULL)
		return;
	counter = MemoryContextAllocZero(queryDesc->estate->es_query_cxt, sizeof(CaCounter));
	counter->estate = queryDesc->estate;
	counter->is_main = is_main;
	counter->top = top;
	source->instrument = &counter->instrument;
	source->ExecProcNode = give_row;
}

void
ca_affected_watch(const QueryDesc *queryDesc, bool top)
{
	ListCell   *lc;

	if (IsA(queryDesc->planstate, ModifyTableState))
		watch(queryDesc, queryDesc->planstate, true, top);
	foreach(lc, queryDesc->estate->es_auxmodifytables)
		watch(queryDesc, lfirst(lc), false, top);
}

int64
ca_affected_by_with(const QueryDesc *queryDesc)
{
	int64		rows = 0;
	ListCell   *lc;

	foreach(lc, queryDesc->estate->es_auxmodifytables)
	{
		const PlanState *source = outerPlanState((PlanState *) lfirst(lc));

		if (source->ExecProcNode == give_row)
			rows += ((const CaCounter *) source->instrument)->given;
		else if (source->instrument != NULL)
			rows += (int64) (source->instrument->ntuples + source->instrument->tuplecount);
	}
	return rows;
}
