/*-------------------------------------------------------------------------
 *
 * problem.h
 *	  Why there is no valid identity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_PROBLEM_H
#define CA_IDENTITY_PROBLEM_H

#include "base/error.h"
#include "token/token.h"

/* A stable code and a sentence; neither ever carries text of a token. */
typedef struct CaIdentityProblem
{
	int			sqlstate;		/* 28000; ZA002 for the delegation chain;
								 * ZA004: everybody is stopped */
	const char *code;			/* reason_code of the record */
	char	   *text;			/* lower-case, no full stop */
} CaIdentityProblem;

/* Fill in a problem; always false. */
extern bool ca_problem_set(CaIdentityProblem *problem, int sqlstate, const char *code,
						   const char *fmt,...) pg_attribute_printf(4, 5);

/* One of the identity itself; of the delegation chain; of everybody. */
#define ca_problem_identity(problem, code, ...) \
	ca_problem_set(problem, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, code, __VA_ARGS__)
#define ca_problem_chain(problem, code, ...) \
	ca_problem_set(problem, ERRCODE_CA_CHAIN_INVALID, code, __VA_ARGS__)
#define ca_problem_stopped(problem, code, ...) \
	ca_problem_set(problem, ERRCODE_CA_STOPPED, code, __VA_ARGS__)

/*
 * The problem that a token's status names.  With about, as in "grant 2", it
 * is a problem of the chain.
 */
extern bool ca_problem_status(CaIdentityProblem *problem, CaTokenStatus status,
							  const char *about);

#endif							/* CA_IDENTITY_PROBLEM_H */
