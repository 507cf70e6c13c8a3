/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  What the policies say about one relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_RELATION_H
#define CA_POLICY_RELATION_H

#include "access/attnum.h"
#include "policy/policy_set.h"

typedef struct CaColumn
{
	char	   *name;			/* NULL: dropped */
	Oid			type;
	int32		typmod;
	Oid			collation;
	List	   *labels;			/* of char * */
	int			sensitivity;	/* -1: no label */
	bool		borrowed;		/* of a view: the label is that of its sources */
	List	   *sources;		/* generated: columns it is computed from */
} CaColumn;

/* A mask for columns of the relation. */
typedef struct CaMaskUse
{
	const CaMask *mask;
	const char *unless_text;	/* NULL: it always holds */
	Expr	   *unless;			/* NULL: none, or it does not parse */
	bool		unless_identity;	/* it depends on claims or attributes */
} CaMaskUse;

/* A policy that can apply to the relation. */
typedef struct CaCandidate
{
	CaPolicy   *policy;
	bool		all_columns;
	Bitmapset  *columns;		/* attribute numbers, unless all_columns */
	List	  **masks;			/* of CaMaskUse *, by attribute number - 1;
								 * NULL: none */
	List	   *mask_uses;		/* all of them, each once */
	bool		ready;			/* the following are set */
	List	   *mask_problems;	/* of char *: conditions that do not parse */
	Expr	   *filter;			/* NULL: none, or it does not parse */
	char	   *filter_problem; /* it does not parse: why */
	bool		filter_identity;	/* it depends on claims or attributes */
} CaCandidate;

typedef struct CaRelation
{
	Oid			relid;			/* hash key */
	bool		watched_only;	/* an ancestor, entered for invalidation */
	char		relkind;
	char	   *schema;
	char	   *name;
	char	   *resource;		/* schema.name */
	int			natts;
	CaColumn   *columns;		/* natts entries */
	int			sensitivity;	/* of its most sensitive column; -1: none */
	List	   *lineage;		/* OIDs: itself, then what it inherits from */
	uint64		last_serial;	/* of the policies looked at, see CaPolicySet */
	List	   *candidates;		/* of CaCandidate *, in order of policy name */
} CaRelation;

/* Register the invalidation callback; once per backend, from _PG_init. */
extern void ca_relation_init(void);

/* Append the keys of policies that can concern the relation. */
extern List *ca_relation_keys(List *keys, Oid relid);

/*
 * Start deciding a statement under a policy set just fetched.  What
 * ca_relation_get() returns is good until the next call of this function.
 */
extern void ca_relation_begin(const CaPolicySet *set);

/*
 * Changes when what ca_relation_get() returned is not good any more, and what
 * policies there are with it; 0: it is not now.
 */
extern uint64 ca_relation_serial(void);

/* The relation under the policy set, or NULL when it does not exist. */
extern CaRelation *ca_relation_get(const CaPolicySet *set, Oid relid);

/* The columns whose labels fall under a pattern, by attribute number. */
extern Bitmapset *ca_relation_labelled(const CaRelation *relation, const char *pattern);

/*
 * The sensitivity of the least sensitive of these columns (NULL: of all); -1
 * when one of them has no label.
 */
extern int	ca_relation_least(const CaRelation *relation, const Bitmapset *columns);

/*
 * What a permit for these resources (of CaResource *) would cover of the
 * relation; false when none of them names it.
 */
extern bool ca_relation_permitted(const CaRelation *relation,
								  const List *resources, bool *all_columns,
								  Bitmapset **columns);

/* Parse the candidate's row filter and masks' conditions for the relation, once. */
extern void ca_candidate_prepare(CaRelation *relation, CaCandidate *candidate);

#endif							/* CA_POLICY_RELATION_H */
