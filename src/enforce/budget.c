/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  What a statement may use, and what it has used.
 *
 * Every row that leaves a query passes a receiver that counts it, before the
 * row goes on: exactly as many rows as a limit allows leave the server.  Rows
 * of the statement's own query and those of queries inside it (functions,
 * query_to_xml) are counted apart, and neither may exceed the limit: a function
 * that reads rows and returns them has not used them twice.  A portal that is
 * fetched in parts carries its count along.
 *
 * SECURITY: aggregates put many rows into one; bytes_per_statement is what
 * limits them.  (test/sql/limits.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "base/error.h"
#include "base/guc.h"
#include "enforce/budget.h"
#include "enforce/halt.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"

/* Refuse; in monitor mode once, then the limit holds no more. */
static void
refuse_excess(CaBudget *budget, CaLimit limit)
{
	int64		max = budget->limits.max[limit];
	CaRefusal	r = {
		.sqlstate = ERRCODE_CA_BUDGET_EXCEEDED,
		.decision = CA_DECISION_DENY,
		.reason_code = ca_limit_name(limit),
		.action = "the statement",
		.kind = "SELECT",
		.hint = "Ask for less, or wait; an administrator of contauth can raise the limit.",
	};

	switch (limit)
	{
		case CA_LIMIT_ROWS_PER_STATEMENT:
			r.reason = psprintf("it has more than " INT64_FORMAT " rows", max);
			break;
		case CA_LIMIT_MAX_AFFECTED_ROWS:
			r.reason = psprintf("it changes more than " INT64_FORMAT " rows", max);
			break;
		case CA_LIMIT_BYTES_PER_STATEMENT:
			r.reason = psprintf("it has more than " INT64_FORMAT " bytes", max);
			break;
		case CA_LIMIT_ROWS_PER_HOUR:
			r.reason = psprintf("the agent has had " INT64_FORMAT " rows within an hour", max);
			break;
		default:
			r.reason = psprintf("the agent has had " INT64_FORMAT " statements within a minute", max);
	}
	budget->limits.max[limit] = 0;
	ca_refuse(&r);
}

/* There is no room to count what the agent does: then it does nothing. */
static void
refuse_stranger(void)
{
	CaRefusal	r = {
		.sqlstate = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		.decision = CA_DECISION_DENY,
		.reason_code = "max_agents",
		.action = "the statement",
		.reason = psprintf("more agents are active than contauth.max_agents (%d)",
						   ca_guc_max_agents),
		.kind = "SELECT",
		.hint = "Raise contauth.max_agents and restart the server.",
	};

	ca_refuse(&r);
}

/* Count the statement as one of the agent's. */
static void
admit(CaBudget *budget)
{
	const CaIdentity *id = ca_identity_last();

	if (id == NULL)
		return;
	if (!ca_history_look(id, &budget->agent))
	{
		refuse_stranger();
		return;
	}
	budget->admitted =
		ca_history_admit(&budget->agent, budget->limits.max[CA_LIMIT_STATEMENTS_PER_MINUTE],
						 budget->reads);
	if (budget->admitted)
		return;
	refuse_excess(budget, CA_LIMIT_STATEMENTS_PER_MINUTE);
	budget->admitted = ca_history_admit(&budget->agent, 0, budget->reads);
}

void
ca_budget_reads(int sensitivity)
{
	CaBudget   *budget;

	if (ca_statement_current == NULL)
		return;
	budget = ca_statement_budget(ca_statement_current);
	if (sensitivity <= budget->reads)
		return;
	budget->reads = sensitivity;
	if (budget->admitted)
		ca_history_reads(&budget->agent, sensitivity);
}

void
ca_budget_limit(const CaLimits *limits)
{
	CaBudget   *budget;
	int64		max;

	if (ca_statement_current == NULL)
		return;
	budget = ca_statement_budget(ca_statement_current);
	if (limits != NULL)
	{
		ca_limits_add(&budget->limits, limits);
		budget->limited = ca_limits_any(&budget->limits);
	}
	max = budget->limits.max[CA_LIMIT_STATEMENTS_PER_MINUTE];
	if (!budget->admitted)
		admit(budget);
	else if (limits != NULL && limits->max[CA_LIMIT_STATEMENTS_PER_MINUTE] > 0 && max > 0 &&
			 ca_history_read(&budget->agent).statements_1m > max)
		refuse_excess(budget, CA_LIMIT_STATEMENTS_PER_MINUTE);
}

static inline bool
exceeds(const CaBudget *budget, CaLimit limit, int64 value)
{
	return budget->limits.max[limit] > 0 && value > budget->limits.max[limit];
}

/* Rows that the statement has used of the agent's hour. */
static int64
rows_used(const CaBudget *budget)
{
	return Max(budget->top.rows - budget->carried, budget->nested.rows);
}

/* Reserve what has been used and is not reserved yet; false: too little is left. */
static bool
keep_reserved(CaBudget *budget)
{
	int64		missing = rows_used(budget) - budget->reservation.rows;

	if (missing > 0)
		(void) ca_history_reserve(&budget->agent, budget->limits.max[CA_LIMIT_ROWS_PER_HOUR],
								  Max(missing, CA_HISTORY_CHUNK), &budget->reservation);
	return budget->reservation.rows >= rows_used(budget);
}

/* The limit that what the meter shows exceeds, CA_LIMIT_COUNT for none. */
static CaLimit
find_excess(CaBudget *budget, const CaMeter *meter)
{
	if (exceeds(budget, CA_LIMIT_ROWS_PER_STATEMENT, meter->rows))
		return CA_LIMIT_ROWS_PER_STATEMENT;
	if (exceeds(budget, CA_LIMIT_MAX_AFFECTED_ROWS, meter->affected))
		return CA_LIMIT_MAX_AFFECTED_ROWS;
	if (exceeds(budget, CA_LIMIT_BYTES_PER_STATEMENT, meter->bytes))
		return CA_LIMIT_BYTES_PER_STATEMENT;
	if (budget->limits.max[CA_LIMIT_ROWS_PER_HOUR] > 0 && !keep_reserved(budget))
		return CA_LIMIT_ROWS_PER_HOUR;
	return CA_LIMIT_COUNT;
}

/*
 * Count rows, and refuse those that are too many: they do not leave, or are
 * not changed, and have not been used.
 */
static inline void
count_rows(CaBudget *budget, CaMeter *meter, int64 rows)
{
	CaLimit		excess;

	meter->rows += rows;
	while (unlikely(budget->limited) &&
		   (excess = find_excess(budget, meter)) != CA_LIMIT_COUNT)
	{
		meter->rows -= rows;
		refuse_excess(budget, excess);
		/* in monitor mode they leave all the same */
		meter->rows += rows;
	}
}

/* Bytes of a row's values, as they are when nothing is compressed. */
static int64
row_bytes(TupleTableSlot *slot)
{
	TupleDesc	desc = slot->tts_tupleDescriptor;
	int64		bytes = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		int			len = TupleDescAttr(desc, i)->attlen;

		if (slot->tts_isnull[i])
			continue;
		if (len == -1)
			bytes += toast_raw_datum_size(slot->tts_values[i]) - VARHDRSZ;
		else if (len == -2)
			bytes += strlen(DatumGetCString(slot->tts_values[i]));
		else
			bytes += len;
	}
	return bytes;
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	CaMeterReceiver *r = (CaMeterReceiver *) self;

	ca_halt_check();
	if (unlikely(r->budget->limited) &&
		r->budget->limits.max[CA_LIMIT_BYTES_PER_STATEMENT] > 0)
		r->meter->bytes += row_bytes(slot);
	count_rows(r->budget, r->meter, 1);
	return r->inner->receiveSlot(slot, r->inner);
}

static void
start_receiver(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	CaMeterReceiver *r = (CaMeterReceiver *) self;

	r->inner->rStartup(r->inner, operation, typeinfo);
}

static void
shut_receiver(DestReceiver *self)
{
	CaMeterReceiver *r = (CaMeterReceiver *) self;

	r->inner->rShutdown(r->inner);
}

static void
destroy_receiver(DestReceiver *self)
{
	CaMeterReceiver *r = (CaMeterReceiver *) self;

	r->inner->rDestroy(r->inner);
}

void
ca_budget_meter(CaMeterReceiver *receiver, CaBudget *budget, CaMeter *meter,
				DestReceiver *inner)
{
	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rStartup = start_receiver;
	receiver->pub.rShutdown = shut_receiver;
	receiver->pub.rDestroy = destroy_receiver;
	receiver->pub.mydest = inner->mydest;
	receiver->inner = inner;
	receiver->budget = budget;
	receiver->meter = meter;
}

void
ca_budget_add_affected(CaBudget *budget, CaMeter *meter, int64 affected,
					   int64 returned)
{
	meter->affected += affected;
	count_rows(budget, meter, Max(affected - returned, 0));
}

void
ca_budget_check_affected(CaBudget *budget, const CaMeter *meter, int64 affected)
{
	if (exceeds(budget, CA_LIMIT_MAX_AFFECTED_ROWS, meter->affected + affected))
		refuse_excess(budget, CA_LIMIT_MAX_AFFECTED_ROWS);
	if (exceeds(budget, CA_LIMIT_ROWS_PER_STATEMENT, meter->affected + affected))
		refuse_excess(budget, CA_LIMIT_ROWS_PER_STATEMENT);
}

void
ca_budget_settle(CaBudget *budget, int64 rows, bool denied)
{
	const CaIdentity *id = ca_identity_last();
	int64		reserved = budget->reservation.rows;

	if (budget->agent.given == 0 && denied && id != NULL)
		(void) ca_history_look(id, &budget->agent);
	if (denied)
		ca_history_deny(&budget->agent);
	rows = Max(rows, rows_used(budget));
	ca_history_give_back(&budget->agent, Max(reserved - rows, 0), &budget->reservation);
	ca_history_rows(&budget->agent, rows - reserved, budget->reads);
}
