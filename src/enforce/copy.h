/*-------------------------------------------------------------------------
 *
 * copy.h
 *	  COPY of a governed session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_COPY_H
#define CA_ENFORCE_COPY_H

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "utils/rel.h"

/*
 * Refuse what no agent may do: files and programs of the server, and rows
 * copied in without a permit or past a row filter.
 */
extern void ca_copy_check(CopyStmt *stmt);

/*
 * COPY table TO reads the table past planner and executor: turn it into
 * COPY (SELECT ...) TO.  Returns a changed copy, or pstmt itself.
 */
extern PlannedStmt *ca_copy_convert(PlannedStmt *pstmt);

/*
 * Must COPY FROM go row by row, for a row filter or a limit?  About the statement
 * that ca_copy_check() has let pass last.
 */
extern bool ca_copy_in_needed(const CopyStmt *stmt);

/* The columns of the table in the order of the input's, as a List of int. */
extern List *ca_copy_attnums(const CopyStmt *stmt, Relation rel);

/* The columns that COPY FROM writes, as attribute numbers. */
extern Bitmapset *ca_copy_columns(const CopyStmt *stmt, Oid relid);

/* The query, not analyzed, whose rows COPY TO sends. */
extern Node *ca_copy_query(const CopyStmt *stmt);

#endif							/* CA_ENFORCE_COPY_H */
