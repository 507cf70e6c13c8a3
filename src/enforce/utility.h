/*-------------------------------------------------------------------------
 *
 * utility.h
 *	  Utility commands of a governed session: an allow-list.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_UTILITY_H
#define CA_ENFORCE_UTILITY_H

#include "tcop/utility.h"

/* ProcessUtility_hook of a governed session. */
extern void ca_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
					   ProcessUtilityContext context, ParamListInfo params,
					   QueryEnvironment *env, DestReceiver *dest,
					   QueryCompletion *qc, ProcessUtility_hook_type next);

/* May agents use the command at all, be it decided further or not? */
extern bool ca_utility_open(Node *stmt);

/* The role that the command takes, NULL when it takes none. */
extern const char *ca_utility_role(Node *stmt);

#endif							/* CA_ENFORCE_UTILITY_H */
