/*-------------------------------------------------------------------------
 *
 * vector_types.h
 *	  The shapes of the vectors in vectors.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_VECTOR_TYPES_H
#define CA_TEST_VECTOR_TYPES_H

#include "token/token.h"

/* A text that may hold NUL bytes, and its length. */
#define TEXT(literal)	literal, sizeof(literal) - 1

typedef struct TokenCase
{
	const char *name;
	const char *text;
	size_t		len;
	CaTokenStatus expected;		/* the first status that is not CA_TOKEN_OK */
} TokenCase;

typedef struct JwksCase
{
	const char *name;
	const char *text;
	size_t		len;
	CaTokenStatus expected;
	int			nkeys;
} JwksCase;

#endif							/* CA_TEST_VECTOR_TYPES_H */
