/*-------------------------------------------------------------------------
 *
 * mask.h
 *	  Column masks: how they are written, which is stricter, and the
 *	  expression that stands in for the column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_MASK_H
#define CA_POLICY_MASK_H

#include "nodes/primnodes.h"

/* Strictest first: where several policies mask a column, the first wins. */
typedef enum CaMaskKind
{
	CA_MASK_NULL,
	CA_MASK_REDACT,
	CA_MASK_CONSTANT,
	CA_MASK_HASH,
	CA_MASK_EMAIL,
	CA_MASK_PARTIAL
} CaMaskKind;

typedef struct CaMask
{
	CaMaskKind	kind;
	int			first;			/* partial: characters kept in front */
	int			last;			/* partial: characters kept at the end */
	char	   *constant;		/* constant: the value's text */
	char	   *text;			/* as written, for records and explanations */
} CaMask;

/*
 * Parse "kind" or "kind(arguments)" into the current memory context.  On
 * failure NULL is returned and *problem says why.
 */
extern CaMask *ca_mask_parse(const char *text, const char **problem);

/* Does a hide at least as much as b? */
extern bool ca_mask_stricter(const CaMask *a, const CaMask *b);

/*
 * Can the mask be applied to a column of that type?  *problem says why not.
 * For a constant, its text must be valid input of the type: if not, the
 * type's own input error is raised.
 */
extern bool ca_mask_fits(const CaMask *mask, Oid type, int32 typmod,
						 const char **problem);

/*
 * The expression that stands in for a column: value is the raw column, the
 * result has its type, typmod and collation, and is NULL where value is.  A
 * mask that does not fit the type (the column was altered since) hides
 * everything.
 */
extern Expr *ca_mask_expression(const CaMask *mask, Expr *value,
								Oid type, int32 typmod, Oid collation);

#endif							/* CA_POLICY_MASK_H */
