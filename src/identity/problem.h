/*-------------------------------------------------------------------------
 *
 * problem.h
 *	  Why there is no valid identity.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_PROBLEM_H
#define CA_IDENTITY_PROBLEM_H

#include "token/token.h"

/* A stable code and a sentence; neither ever carries text of a token. */
typedef struct CaIdentityProblem
{
	int			sqlstate;		/* 28000; ZA002 for the delegation chain;
								 * ZA004: everybody is stopped */
	const char *code;			/* reason_code of the record */
	char	   *text;			/* lower-case, no full stop */
} CaIdentityProblem;

/* Fill in a problem of the identity itself; always false. */
extern bool ca_problem_identity(CaIdentityProblem *problem, const char *code,
								const char *fmt,...) pg_attribute_printf(3, 4);

/* The same for a problem of the delegation chain. */
extern bool ca_problem_chain(CaIdentityProblem *problem, const char *code,
							 const char *fmt,...) pg_attribute_printf(3, 4);

/* The same where nobody may do anything. */
extern bool ca_problem_stopped(CaIdentityProblem *problem, const char *code,
							   const char *fmt,...) pg_attribute_printf(3, 4);

/*
 * The problem that a token's status names.  With about, as in "grant 2", it
 * is a problem of the chain.
 */
extern bool ca_problem_status(CaIdentityProblem *problem, CaTokenStatus status,
							  const char *about);

#endif							/* CA_IDENTITY_PROBLEM_H */
