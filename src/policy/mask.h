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
#include "utils/numeric.h"

/* What a text is replaced by of which nothing is shown. */
#define CA_REDACTED		"[redacted]"

/*
 * Strictest first: where several policies mask a column, the first wins.
 * What shows less of a value is stricter: nothing; whether it is the same as
 * another; besides, its form; roughly how much it is; some of its characters.
 * What regex leaves only its author knows, so it comes last.
 */
typedef enum CaMaskKind
{
	CA_MASK_NULL,
	CA_MASK_REDACT,
	CA_MASK_CONSTANT,
	CA_MASK_HASH,
	CA_MASK_FPE,
	CA_MASK_RANGE,
	CA_MASK_TRUNCATE,
	CA_MASK_NOISE,
	CA_MASK_EMAIL,
	CA_MASK_PARTIAL,			/* first(n) and last(n), too */
	CA_MASK_REGEX
} CaMaskKind;

/* What truncate() cuts to, the finest first. */
typedef enum CaMaskUnit
{
	CA_UNIT_SECOND,
	CA_UNIT_MINUTE,
	CA_UNIT_HOUR,
	CA_UNIT_DAY,
	CA_UNIT_WEEK,
	CA_UNIT_MONTH,
	CA_UNIT_QUARTER,
	CA_UNIT_YEAR,
	CA_UNIT_DECADE
} CaMaskUnit;

typedef struct CaMask
{
	CaMaskKind	kind;
	char	   *text;			/* as written, for records and explanations */
	int			first;			/* partial: characters kept in front */
	int			last;			/* partial: characters kept at the end */
	char	   *constant;		/* constant: the value's text */
	char	   *tweak;			/* fpe: its tweak, may be empty */
	Numeric		amount;			/* range: the step; noise: the fraction */
	CaMaskUnit	unit;			/* truncate */
	char	   *pattern;		/* regex */
	char	   *replacement;	/* regex */
} CaMask;

/*
 * Parse "kind" or "kind(arguments)" into the current memory context
 * (mask_parse.c).  On failure NULL is returned and *problem says why.
 */
extern CaMask *ca_mask_parse(const char *text, const char **problem);

/* A unit by its name, as stands in truncate(); false when there is none. */
extern bool ca_mask_unit(const char *name, CaMaskUnit *unit);
extern const char *ca_mask_unit_name(CaMaskUnit unit);

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

/* Is that the same expression for the type whenever it is made? */
extern bool ca_mask_is_fixed(const CaMask *mask, Oid type);

#endif							/* CA_POLICY_MASK_H */
