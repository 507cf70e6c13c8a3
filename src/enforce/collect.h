/*-------------------------------------------------------------------------
 *
 * collect.h
 *	  What a statement touches: every relation, at every depth.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_COLLECT_H
#define CA_ENFORCE_COLLECT_H

#include "nodes/parsenodes.h"
#include "policy/authorize.h"

/* One relation entry of one query level. */
typedef struct CaTarget
{
	Query	   *query;			/* the level it belongs to */
	Index		rti;			/* its place in the level's range table */
	int			depth;			/* of the level, 0 at the top */
	bool		is_result;		/* written by the level's command */
	bool		row_marked;		/* FOR UPDATE, FOR SHARE and the like */
	bool		is_view;		/* left by an expanded view: not read itself */
	bool		replaced;		/* hidden columns have been, in place */
	Bitmapset  *read;			/* columns used, RETURNING left aside */
	Bitmapset  *returned;		/* result relation: columns in RETURNING */

	/* what has to be decided; NULL where the action does not occur */
	CaAccess   *select;
	CaAccess   *insert;
	CaAccess   *update;
	CaAccess   *delete;
	CaAccess   *copy;			/* rows leave by COPY TO, or come by COPY FROM */
	CaAccess   *advice;			/* what the agent sees of the rows it changes */
	List	   *cascades;		/* of CaAccess *, on other relations */
	List	   *accesses;		/* all of these but advice */
} CaTarget;

/*
 * All relation entries of a rewritten query (views are expanded, rules
 * applied), as a List of CaTarget with the accesses filled in as questions.
 * Output columns of inner queries that nobody uses are replaced by NULL.
 */
extern List *ca_collect(Query *query);

/*
 * Ask, too, whether everything that is read may be exported; or, the other way
 * round, whether what is inserted may be copied in.
 */
extern void ca_collect_copies(List *targets, bool out);

/* The target's range table entry. */
extern RangeTblEntry *ca_target_rte(const CaTarget *target);

/*
 * Does the level's command choose the rows that it changes by anything about
 * them: a condition on a column, a join, a cursor?
 */
extern bool ca_target_chooses_rows(const CaTarget *target);

/*
 * The access that stands for the target where all of it is refused: what it
 * writes, or reads where it writes nothing, as MERGE ... DO NOTHING does.
 */
extern CaAccess *ca_target_main_access(const CaTarget *target);

#endif							/* CA_ENFORCE_COLLECT_H */
