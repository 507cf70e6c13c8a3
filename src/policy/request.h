/*-------------------------------------------------------------------------
 *
 * request.h
 *	  The authorization request that conditions see as "ctx".
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_REQUEST_H
#define CA_POLICY_REQUEST_H

#include "access/tupdesc.h"
#include "identity/identity.h"
#include "nodes/primnodes.h"
#include "policy/decide.h"

/* One (resource, action) of a statement, with its surroundings. */
typedef struct CaRequest
{
	const CaIdentity *identity;
	const char *action;
	const char *resource;		/* schema.name */
	List	   *columns;		/* of char * */
	List	   *labels;			/* of char * */
	int			sensitivity;	/* -1: no label */
	const char *statement_kind;
	int			nested_level;
	int			target_sensitivity; /* of what is written into; -1: no label */
	int			high_water;		/* highest sensitivity read so far; <= 0:
								 * nothing */
	int			reads;			/* what the statement itself reads; likewise */
	const char *domain;			/* NULL: data; empty: not known, see
								 * forecast.h */
	Jsonb	   *facts;			/* what who asks says of it, or NULL */
	/* numbers of the request, for forecast.h; 0: none */
	uint64		asked;			/* equal only for the same request */
	uint64		question;		/* or for those that differ in columns */
} CaRequest;

/* A condition ready to be evaluated; see ca_condition_compile(). */
typedef struct CaCondition CaCondition;

/*
 * Compile condition text in the current memory context, which must live as
 * long as the result.  Raises an error when the text is not acceptable.
 */
extern CaCondition *ca_condition_compile(const char *text);

/*
 * The two steps of that: the parsed condition, with the columns of ctx as they
 * are now, and from it, or a part of it, what can be evaluated.
 */
extern Expr *ca_condition_parse(const char *text, TupleDesc *desc);
extern CaCondition *ca_condition_make(Expr *expr, TupleDesc desc);

/* What a condition asks for, beside what is registered of the agent. */
typedef struct CaConditionNeeds
{
	bool		session;		/* what only a session or question has: its
								 * chain, claims, address, time, history */
	bool		autonomy;		/* which the chain can lower */
	bool		domain;
	bool		action;
	bool		resource;
	bool		columns;		/* names of the columns asked about */
	bool		labels;			/* their labels and sensitivity */
} CaConditionNeeds;

extern CaConditionNeeds ca_condition_needs(const CaCondition *condition);

/* One term of a condition's outermost AND. */
typedef struct CaClause
{
	char	   *text;			/* as the server writes it */
	CaCondition *condition;
} CaClause;

/*
 * The terms of a condition, as a List of CaClause in the current memory
 * context, to tell which of them does not hold.  For explanations: slow.
 */
extern List *ca_condition_clauses(const char *text);

/*
 * Can the condition's value differ between two statements although
 * ca_epoch_current is the same?
 */
extern bool ca_condition_dynamic(const CaCondition *condition);

/*
 * Evaluate.  CA_UNKNOWN for NULL and for an error, whose text is then put
 * into *error (palloc'd).
 */
extern CaTruth ca_condition_eval(CaCondition *condition,
								 const CaRequest *request, char **error);

/* Purpose in force: the token's signed claim, else the session's own word. */
extern const char *ca_request_purpose(const CaIdentity *identity, bool *verified);

#endif							/* CA_POLICY_REQUEST_H */
