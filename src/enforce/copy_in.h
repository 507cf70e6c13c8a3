/*-------------------------------------------------------------------------
 *
 * copy_in.h
 *	  COPY FROM where each row has to be looked at.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_COPY_IN_H
#define CA_ENFORCE_COPY_IN_H

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"

/*
 * Do what COPY table FROM STDIN does, as one INSERT for each row, so that row
 * filters hold for what is written and limits count it.  Raises what INSERT raises.
 */
extern void ca_copy_in(const CopyStmt *stmt, const char *text, QueryCompletion *qc);

#endif							/* CA_ENFORCE_COPY_IN_H */
