/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  The algebra of policies: (rules, columns) -> verdict.
 *
 * Pure: no catalogs, no SQL, no clock, no errors.  Contract, section 6.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_DECIDE_H
#define CA_POLICY_DECIDE_H

#include "base/decision.h"
#include "nodes/bitmapset.h"

typedef enum CaEffect
{
	CA_EFFECT_PERMIT,
	CA_EFFECT_FORBID,
	CA_EFFECT_ESCALATE,
	CA_EFFECT_RESTRICT
} CaEffect;

/* What a condition came to; UNKNOWN is NULL or an error. */
typedef enum CaTruth
{
	CA_FALSE,
	CA_TRUE,
	CA_UNKNOWN
} CaTruth;

/* A policy whose principals, action and resource match the access. */
typedef struct CaRule
{
	CaEffect	effect;
	CaTruth		condition;
	bool		all_columns;	/* applies to every column */
	const Bitmapset *columns;	/* otherwise: to these */
	bool		approves;		/* what escalates; of the first permit */
} CaRule;

typedef enum CaReason
{
	CA_REASON_PERMIT,			/* allowed */
	CA_REASON_FORBID,			/* a forbid matched */
	CA_REASON_NO_PERMIT,		/* default deny */
	CA_REASON_COLUMNS,			/* columns that no permit covers */
	CA_REASON_DELEGATION,		/* more than the delegation chain allows */
	CA_REASON_ESCALATE,			/* an escalate matched, no approval */
	CA_REASON_OBLIGATION		/* permitted, but its obligations cannot hold */
} CaReason;

typedef struct CaVerdict
{
	CaDecision	decision;
	CaReason	reason;
	int			deciding;		/* index of the rule that decided, or -1 */
	Bitmapset  *matched;		/* indexes of all rules that matched */
	Bitmapset  *uncovered;		/* columns that no matching permit covers, or
								 * that a hop of the chain does not */
} CaVerdict;

/*
 * Decide one access.  columns are the columns read or written, which permits
 * must cover; touched are those whose rules take away: the same, or all when
 * the access removes whole rows.  Both in whatever numbering the rules use.
 * The bitmapsets of the result are allocated in the current memory context.
 */
extern CaVerdict ca_decide(const CaRule *rules, int nrules,
						   const Bitmapset *columns,
						   const Bitmapset *touched);

/* What one hop of a delegation chain allows of a request. */
typedef struct CaBound
{
	bool		applies;		/* the action on the resource at all */
	Bitmapset  *columns;		/* and these columns of it */
} CaBound;

/*
 * Hold a verdict against a bound.  False: the request goes beyond it, and the
 * verdict is now a denial.  A denial stays as it is.
 */
extern bool ca_decide_within(CaVerdict *verdict, const CaBound *bound,
							 const Bitmapset *columns);

/* Stable name of a reason, for records. */
extern const char *ca_reason_code(CaReason reason);

#endif							/* CA_POLICY_DECIDE_H */
