/*-------------------------------------------------------------------------
 *
 * evaluate.h
 *	  Decide what somebody outside this database asks about, and record it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_EVALUATE_H
#define CA_ENFORCE_EVALUATE_H

#include "policy/authorize.h"
#include "utils/uuid.h"

typedef struct CaQuestion
{
	const char *domain;
	const char *agent;			/* as it was said; with a token, to be the
								 * same */
	const CaPresented *token;	/* NULL: who asks vouches for the agent */
	const CaPresented *delegation;
	const char *action;
	const char *type;
	const char *id;
	Oid			relid;			/* of domain data */
	Bitmapset  *columns;		/* likewise: attribute numbers */
	List	   *functions;		/* of domain data: OIDs of all of that name */
	Jsonb	   *facts;			/* what who asks says besides, or NULL */
	unsigned char digest[CA_SHA256_LEN];	/* of the whole request */
	unsigned char asked[CA_SHA256_LEN]; /* of it without token and grants */
} CaQuestion;

typedef struct CaEvaluation
{
	pg_uuid_t	id;				/* of the decision on record */
	CaDecision	decision;		/* ESCALATE: a person has been asked */
	const char *reason_code;
	const char *reason;			/* lower-case, no full stop */
	const char *source;			/* of the identity: token or asserted */
	char	   *object;			/* what it is about, when there was an
								 * identity */
	List	   *policies;		/* of char *, deciding one first */
	const CaAccess *access;		/* of domain data, when there was an identity */
	CaLimits	limits;
	int64		policy_version;
	List	   *escalating;		/* of CaPolicy * */
	bool		has_request;	/* request is set: */
	pg_uuid_t	request;		/* for an approval, or that was approved */
} CaEvaluation;

/*
 * Decide and put on record.  What escalates uses an approval for exactly this,
 * or asks for one.  Whoever gets an answer has a record; when there
 * can be none, ZA005 is raised.
 */
extern void ca_evaluate(const CaQuestion *question, CaEvaluation *answer);

#endif							/* CA_ENFORCE_EVALUATE_H */
