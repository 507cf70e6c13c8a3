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

#endif							/* CA_ENFORCE_UTILITY_H */
