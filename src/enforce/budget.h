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
	int64		affected;		/* rows that were changed */
} CaMeter;

/* Part of a statement's record; zeroed when it begins. */
typedef struct CaBudget
{
	CaLimits	limits;			/* the smallest of all it has met */
	bool		limited;		/* it has met any */
	CaHistoryRef agent;			/* whose it is */
	int			reads;			/* highest sensitivity that it reads; <= 0:
								 * nothing */
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

/*
 * The current statement is going to read what is so sensitive, which counts for
 * the agent once the statement is admitted, and again when it ends.
 */
extern void ca_budget_reads(int sensitivity);

/* Put a receiver that counts in front of a query's own. */
extern void ca_budget_meter(CaMeterReceiver *receiver, CaBudget *budget,
							CaMeter *meter, DestReceiver *inner);

/*
 * Count rows that were changed, of which so many went through a receiver and
 * have been counted as returned.
 */
extern void ca_budget_add_affected(CaBudget *budget, CaMeter *meter,
								   int64 affected, int64 returned);

/*
 * Refuse when the rows that a query at work has changed so far, on top of what
 * the meter shows, are too many already.
 */
extern void ca_budget_check_affected(CaBudget *budget, const CaMeter *meter,
									 int64 affected);

/*
 * The statement has ended: put what it used into the agent's history; rows is
 * what its record says, -1 for unknown.  Never fails.
 */
extern void ca_budget_settle(CaBudget *budget, int64 rows, bool denied);

#endif							/* CA_ENFORCE_BUDGET_H */
