/*-------------------------------------------------------------------------
 *
 * expression_check.h
 *	  What policy text may contain: functions, types, conversions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_EXPRESSION_CHECK_H
#define CA_POLICY_EXPRESSION_CHECK_H

#include "nodes/nodes.h"

/*
 * Refuse, with the reason, what a parsed text casts to.  alone: it will not be
 * analyzed now, so that queries and functions are looked at, too, by name.
 */
extern void ca_expression_check_raw(Node *raw, bool alone);

/* Refuse, with the reason, what an analyzed expression holds. */
extern void ca_expression_check_tree(Node *expr);

/* Refuse, with the reason, what means something else under other settings. */
extern void ca_expression_check_row(Node *expr);

#endif							/* CA_POLICY_EXPRESSION_CHECK_H */
