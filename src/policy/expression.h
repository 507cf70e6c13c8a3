/*-------------------------------------------------------------------------
 *
 * expression.h
 *	  Policy text as PostgreSQL expressions: conditions and row filters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_EXPRESSION_H
#define CA_POLICY_EXPRESSION_H

#include "nodes/primnodes.h"
#include "utils/rel.h"

/* Longest condition or row filter, bytes. */
#define CA_EXPRESSION_MAX_LEN	8192

/*
 * Look at a text whose relation is not known yet, as far as that goes.  Raises
 * an error that says what is wrong.
 */
extern void ca_expression_check(const char *text);

/*
 * Parse a boolean expression over the columns of rel, which the text may
 * qualify with alias (NULL: the relation's own name).  The result's Vars have
 * varno 1.  Names are resolved in pg_catalog only; only immutable and stable
 * functions of pg_catalog and contauth may be used, no sub-selects.  Raises
 * an error that says what is wrong.
 */
extern Expr *ca_expression_parse(const char *text, Relation rel,
								 const char *alias);

/*
 * The same for what is put into the agent's queries, and runs under its
 * settings: row filters, and exceptions of masks.
 */
extern Expr *ca_expression_parse_row(const char *text, Relation rel);

/*
 * A copy of a filter for one use: Vars get that varno, and claim() and
 * attribute() of the current identity become constants.
 */
extern Expr *ca_expression_instantiate(const Expr *filter, Index varno);

/* CASE WHEN condition THEN result ELSE otherwise END, of one type. */
extern Expr *ca_expression_case(Expr *condition, Expr *result, Expr *otherwise,
								Oid type, Oid collation);

/*
 * Pin the settings that could give policy text another meaning, until
 * AtEOXact_GUC(true, result).
 */
extern int	ca_expression_pin_settings(void);

/*
 * Can evaluating the expression raise an error?  Not when it consists of
 * leakproof functions, which tell nothing of their arguments.
 */
extern bool ca_expression_may_fail(const Expr *expr);

/* Does the expression call claim() or attribute()? */
extern bool ca_expression_uses_identity(const Expr *expr);

/* Does it call claim()? */
extern bool ca_expression_uses_claims(const Expr *expr);

/* Hash of the values that its claim() and attribute() calls have now. */
extern uint64 ca_expression_identity_hash(const Expr *expr);

#endif							/* CA_POLICY_EXPRESSION_H */
