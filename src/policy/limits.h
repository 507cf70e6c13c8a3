/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  Budgets that policies set.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_LIMITS_H
#define CA_POLICY_LIMITS_H

#include "utils/jsonb.h"

typedef enum CaLimit
{
	CA_LIMIT_ROWS_PER_STATEMENT,	/* returned or changed */
	CA_LIMIT_BYTES_PER_STATEMENT,	/* of the values returned */
	CA_LIMIT_ROWS_PER_HOUR,		/* of the agent, in all its sessions */
	CA_LIMIT_STATEMENTS_PER_MINUTE, /* likewise */
	CA_LIMIT_MAX_AFFECTED_ROWS, /* changed */
	CA_LIMIT_REQUIRE_WHERE,		/* 1: UPDATE and DELETE must choose rows */
	CA_LIMIT_COUNT
} CaLimit;

/* Zeroed: no limits. */
typedef struct CaLimits
{
	int64		max[CA_LIMIT_COUNT];	/* 0: none */
} CaLimits;

/* The member of a policy's limits that takes limits away; see trusted.h. */
#define CA_LIMIT_TRUSTED	"trusted"

/* Is it a switch, true or absent, and not a number? */
extern bool ca_limit_is_switch(CaLimit limit);

/* A limit that is set, as records tell it: name=value, palloc'd. */
extern char *ca_limit_text(const CaLimits *limits, CaLimit limit);

/* Its name in a policy's limits, in records and reasons. */
extern const char *ca_limit_name(CaLimit limit);

/*
 * A policy's limits: a JSON object of positive integers and switches.  Raises
 * 22023, naming the member, for anything else.  *trusted: has it that member?
 */
extern CaLimits ca_limits_parse(Jsonb *json, bool *trusted);

/* Where both limit the same, the smaller one holds. */
extern void ca_limits_add(CaLimits *limits, const CaLimits *more);

extern bool ca_limits_any(const CaLimits *limits);

#endif							/* CA_POLICY_LIMITS_H */
