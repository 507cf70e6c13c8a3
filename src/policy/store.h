/*-------------------------------------------------------------------------
 *
 * store.h
 *	  A policy as it is stored, and what it is compared with.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_STORE_H
#define CA_POLICY_STORE_H

#include "access/htup_details.h"
#include "policy/decide.h"
#include "policy/forecast.h"
#include "policy/limits.h"
#include "policy/mask.h"
#include "policy/request.h"
#include "policy/resource.h"

/* What a mask rule is for: one column, or columns by label. */
typedef struct CaMaskRule
{
	char	   *label;			/* label pattern, or NULL: */
	char	   *schema;
	char	   *table;
	char	   *column;
	CaMask	   *mask;
	char	   *unless;			/* row condition that lifts it, or NULL */
} CaMaskRule;

typedef struct CaPolicy
{
	char	   *name;
	int64		version;		/* of the policy set, when it last changed */
	uint64		serial;			/* in order of being read; see policy_set.h */
	CaEffect	effect;
	List	   *principals;		/* of char *, patterns */
	List	   *on_behalf_of;	/* of char *, patterns */
	List	   *actions;		/* of char *, patterns */
	List	   *resources;		/* of CaResource * */
	List	   *masks;			/* of CaMaskRule * */
	char	   *condition_text; /* NULL: none */
	CaCondition *condition;		/* compiled at first use */
	CaForecast *forecast;		/* likewise */
	char	   *filter_text;	/* NULL: none */
	CaLimits	limits;
	bool		trusted;		/* the functions that it names; see trusted.h */
	bool		monitor_only;	/* decides nothing, is only recorded */
	bool		builtin;		/* the extension's own */
	uint64		mark;			/* for whoever compares lists of policies */
} CaPolicy;

/*
 * A row of contauth.policy in the current memory context.  SECURITY: a policy
 * that cannot be understood (any more) raises an error: it must not be
 * skipped.
 */
extern CaPolicy *ca_policy_from_row(HeapTuple tuple, TupleDesc desc);

/*
 * Evaluate a policy's condition, compiling it when it is new; a policy
 * without one is CA_TRUE.  *error as in ca_condition_eval().
 */
extern CaTruth ca_policy_condition(CaPolicy *policy, const CaRequest *request,
								   char **error);

/* The forecast of its condition, NULL when it has none. */
extern CaForecast *ca_policy_forecast(CaPolicy *policy);

/* Can the outcome of the condition change while the epoch stays the same? */
extern bool ca_policy_dynamic(const CaPolicy *policy);

/* Do principals and chain patterns match the identity? */
extern bool ca_policy_matches_identity(const CaPolicy *policy,
									   const CaIdentity *identity);
extern bool ca_policy_matches_action(const CaPolicy *policy, const char *action);

/*
 * Could it match the agent, on whosever behalf, and one of the actions that
 * action, now a pattern, stands for?
 */
extern bool ca_policy_meets(const CaPolicy *policy, const CaIdentity *identity,
							const char *action);

/*
 * Parse the fields of a policy; also used by the checks made when a policy is
 * created.  They return NIL for empty input and raise 22023 for bad input,
 * naming the argument.
 */
extern CaEffect ca_policy_parse_effect(const char *text);
extern List *ca_policy_parse_resources(const List *texts);
extern List *ca_policy_parse_masks(Jsonb *masks);

#endif							/* CA_POLICY_STORE_H */
