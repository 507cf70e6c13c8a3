/*-------------------------------------------------------------------------
 *
 * obligation.h
 *	  What an allowed access has to carry: row filter, masks, limits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_OBLIGATION_H
#define CA_POLICY_OBLIGATION_H

#include "policy/authorize.h"

/* Add what a policy that matched says about limits. */
extern void ca_policy_add_limits(CaLimits *limits, const CaPolicy *policy);

/* The budgets of an allowed access: the smallest of all that matched. */
extern CaLimits ca_access_limits(const CaAccess *access);

/*
 * The row filter that an allowed access has to carry, with Vars of varno and
 * the identity's claims put in; NULL when all rows are visible.
 */
extern Expr *ca_access_filter(const CaAccess *access, Index varno);

/*
 * Can what an allowed access has to carry be enforced at all?  A masked column
 * cannot be written, nor can a whole table be emptied under a row filter.
 */
extern bool ca_access_enforceable(const CaAccess *access);

/* Text of the filter for records: the policies' own text; NULL: none. */
extern char *ca_access_filter_text(const CaAccess *access);

/*
 * The masks of a column, as a List of CaMaskUse: in each row the first one
 * that holds counts.  They are in order, the strictest first, and end with one
 * that always holds if there is one.  NIL when it is shown as it is.
 */
extern List *ca_access_masks(const CaAccess *access, AttrNumber attnum);

/* The same in words, NULL for none. */
extern char *ca_access_mask_text(const CaAccess *access, AttrNumber attnum);

/*
 * Can the filter, or what lifts a mask, fail on a value of the row, and show it
 * in its error?
 */
extern bool ca_access_may_fail(const CaAccess *access);

/* Does any matching policy mask any column of the relation? */
extern bool ca_access_masks_any(const CaAccess *access);

/*
 * How sensitive is what the access shows: the highest sensitivity, 0..4, of the
 * columns that are not masked in every row; -1 for none.  Without columns it
 * shows which rows there are, which is as sensitive as the least of all columns.
 * Without masks_hold no mask counts.
 */
extern int	ca_access_shows(const CaAccess *access, bool masks_hold);

/* May the column be shown, masked or not: does a matching permit cover it? */
extern bool ca_access_covers(const CaAccess *access, AttrNumber attnum);

/* Is any column of the relation not shown as it is stored? */
extern bool ca_access_hides_columns(const CaAccess *access);

/*
 * A number that is equal for two answers to the same question only when they
 * ask for the same enforcement.
 */
extern uint64 ca_access_signature(const CaAccess *access);

/* A number that is equal only for answers that have the same effects. */
extern uint64 ca_answer_signature(const CaObjectAnswer *answer);

#endif							/* CA_POLICY_OBLIGATION_H */
