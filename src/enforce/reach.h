/*-------------------------------------------------------------------------
 *
 * reach.h
 *	  Who can do what, by the policies, in whatever session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_REACH_H
#define CA_ENFORCE_REACH_H

#include "policy/authorize.h"

/* A column and how it is masked. */
typedef struct CaReachMask
{
	const char *column;
	const char *mask;
} CaReachMask;

/* That an agent can do something with something. */
typedef struct CaReach
{
	const char *agent;
	const char *action;
	const char *object;			/* as a policy would name it */
	const char *decision;		/* allow, depends or escalate */
	List	   *policies;		/* of char *: those that match, or may */
	List	   *conditions;		/* of char *: on which it depends which do */
	List	   *columns;		/* of char *: those that it is about; NIL: it
								 * is about none */
	char	   *row_filter;		/* NULL: none */
	List	   *masks;			/* of CaReachMask * */
	CaLimits	limits;
	const char *obstacle;		/* what stands in the agent's way now; or NULL */
} CaReach;

/* What is told of one is good for the time of the call. */
typedef void (*CaReachSink) (const CaReach *reach, void *arg);

/* Every agent that can, or could, do the action with what resource names. */
extern void ca_reach_who(const char *action, const char *resource,
						 CaReachSink sink, void *arg);

/* Everything that one agent can, or could, do. */
extern void ca_reach_what(const char *agent, CaReachSink sink, void *arg);

#endif							/* CA_ENFORCE_REACH_H */
