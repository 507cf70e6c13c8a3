/*-------------------------------------------------------------------------
 *
 * budget.h
 *	  What a statement may use, and what it has used.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_BUDGET_H
#define CA_ENFORCE_BUDGET_H

#include "executor/execdesc.h"
#include "policy/history.h"
#include "policy/limits.h"

typedef struct CaMeter
{
	int64		rows;
	int64		bytes;
} CaMeter;

/* Part of a statement's record; zeroed when it begins. */
typedef struct CaBudget
{
	CaLimits	limits;			/* the smallest of all it has met */
	CaHistoryRef agent;			/* whose it is */
	bool		admitted;		/* counted as a statement of the agent's */
	CaMeter		top;			/* what its own query returned or changed */
	CaMeter		nested;			/* what queries inside it did */
	int64		carried;		/* rows of top that earlier runs of its portal
								 * returned */
	CaReservation reservation;	/* against rows_per_hour */
} CaBudget;

/* A receiver that counts what goes through it to another. */
typedef struct CaMeterReceiver
{
	DestReceiver pub;
	DestReceiver *inner;
	CaBudget   *budget;
	CaMeter    *meter;
} CaMeterReceiver;

/*
 * The current statement needs what these limits govern (NULL: none): they hold
 * for it from now on.  When it is the first time it counts as one of the
 * agent's statements.  Refuses, with ZA003, what comes too often.
 */
extern void ca_budget_limit(const CaLimits *limits);

/* Put a receiver that counts in front of a query's own. */
extern void ca_budget_meter(CaMeterReceiver *receiver, CaBudget *budget,
							CaMeter *meter, DestReceiver *inner);

/* Count rows that went through no receiver. */
extern void ca_budget_add_rows(CaBudget *budget, CaMeter *meter, int64 rows);

/*
 * Watch, from before its first row on, what writing WITH queries of a started
 * query change: the server counts only what its main part does.
 */
extern void ca_budget_watch(const QueryDesc *queryDesc);

/* Count, at its end, the rows that those have been given to change. */
extern void ca_budget_add_watched(CaBudget *budget, CaMeter *meter,
								  const QueryDesc *queryDesc);

/*
 * The statement has ended: put what it used into the agent's history; rows is
 * what its record says, -1 for unknown.  Never fails.
 */
extern void ca_budget_settle(CaBudget *budget, int64 rows, bool denied);

#endif							/* CA_ENFORCE_BUDGET_H */
