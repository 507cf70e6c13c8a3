/*-------------------------------------------------------------------------
 *
 * outcome.h
 *	  What an access that was decided comes to, kept while nothing changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_OUTCOME_H
#define CA_ENFORCE_OUTCOME_H

#include "audit/record.h"
#include "policy/authorize.h"

typedef struct CaOutcome
{
	MemoryContext context;		/* that it lives in */
	CaLimits	limits;
	uint64		signature;		/* see ca_access_signature() */
	bool		reveals;		/* see ca_access_may_fail() */
	int			sensitivity;	/* of the columns; -1: none has a label */
	int			shows;			/* see ca_access_shows() */

	/* the following are found when they are first asked for */
	CaAuditBlob record;			/* as fields of a record; data NULL: not yet */
	bool		enforced;		/* the following are set */
	bool		hides;			/* some column is masked or not covered */
	Expr	   *filter;			/* as of range table index 1; NULL: none */
	Expr	  **columns;		/* stand-ins, likewise, by attribute number -
								 * 1; NULL: not yet */
} CaOutcome;

/*
 * Forget what cannot be right any more, before the accesses of a statement are
 * decided.  True: there may be something to recall.  What the other functions give
 * is good until the next call.
 */
extern bool ca_outcome_begin(void);

/*
 * Answer an access as it was answered in the same epoch.  False: it was not, or
 * that does not hold any longer.
 */
extern bool ca_outcome_recall(CaAccess *access, const CaSubject *subject, uint64 epoch);

/*
 * What an access comes to that has been decided, as it was in this epoch; kept
 * for the next one like it when it cannot be otherwise in that epoch.
 */
extern void ca_outcome_make(CaAccess *access, const CaSubject *subject, uint64 epoch);

/* Append the access, decided, to the fields of a record. */
extern void ca_access_encode(StringInfo buf, const CaAccess *access);

/* The same, of an access that has an outcome. */
extern void ca_outcome_encode(StringInfo buf, const CaAccess *access);

/* Does it hide any of the relation's columns? */
extern bool ca_outcome_hides(const CaAccess *access);

/* Does it limit rows?  Its row filter, which is the caller's, or NULL. */
extern bool ca_outcome_filters(const CaAccess *access);
extern Expr *ca_outcome_filter(const CaAccess *access, Index rti);

/*
 * What stands in for a column: var itself, masked, or NULL when it is not
 * covered.  The caller's, who must not use var any more.
 */
extern Expr *ca_outcome_column(const CaAccess *access, Var *var);

/* A reference to a column, as stored. */
extern Var *ca_outcome_var(const CaAccess *access, Index rti, AttrNumber attnum);

/* All columns of the row as it may be seen, as a value of its row type. */
extern Expr *ca_outcome_row(const CaAccess *access, Index rti, Oid rowtype);

#endif							/* CA_ENFORCE_OUTCOME_H */
