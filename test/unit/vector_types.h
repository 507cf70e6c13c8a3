/*-------------------------------------------------------------------------
 *
 * vector_types.h
 *	  The shapes of the vectors in vectors*.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_VECTOR_TYPES_H
#define CA_TEST_VECTOR_TYPES_H

#include "crypto/certificate.h"
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

typedef struct OauthCase
{
	const char *name;
	const char *text;
	size_t		len;
	CaTokenStatus expected;
	CaTokenProfile profile;		/* of what is accepted */
} OauthCase;

/* A JSON array of grants, all of them good on their own. */
typedef struct ChainCase
{
	const char *name;
	const char *text;
	size_t		len;
	const char *actor;
	CaTokenStatus expected;
	int			ngrants;
	int			bad;			/* index of the grant to blame, -1: no matter */
} ChainCase;

typedef struct SplitCase
{
	const char *name;
	const char *text;
	size_t		len;
	CaTokenStatus expected;
	int			ngrants;
} SplitCase;

typedef struct Text
{
	const char *text;
	size_t		len;
} Text;

typedef struct CertificateCase
{
	const char *name;
	Text		leaf;
	int			nintermediates;
	Text		intermediates[CA_CHAIN_MAX_INTERMEDIATES + 1];
	const char *bundle;			/* NULL: vector_bundle */
	int64_t		now;
	CaCertificateStatus expected;	/* the first refusal; where how a chain is
									 * looked for decides which one it is, */
	CaCertificateStatus or_else;	/* another one is as right */
	const char *uri;
	CaValidity	validity;		/* of the chain, unless zero */
} CertificateCase;

typedef struct BundleCase
{
	const char *name;
	const char *text;
	size_t		len;
	CaCertificateStatus expected;
} BundleCase;

#endif							/* CA_TEST_VECTOR_TYPES_H */
