/*-------------------------------------------------------------------------
 *
 * pending.h
 *	  What is to be done outside of the database when a transaction commits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_PENDING_H
#define CA_BASE_PENDING_H

#include "nodes/pg_list.h"

/* The first member of whatever is kept. */
typedef struct CaPending
{
	SubTransactionId subid;
} CaPending;

/* Things of one kind; static, and all but the first three members zero. */
typedef struct CaPendingKind
{
	const char *what;			/* the transaction "... stops agents" */
	void		(*commit) (const List *items);	/* may not fail */
	void		(*drop) (void *item);	/* was rolled back; may not fail; or
										 * NULL */
	bool		registered;
	List	   *items;			/* in TopTransactionContext */
} CaPendingKind;

/*
 * Keep something, zeroed and of that size, until the transaction ends.  What a
 * subtransaction has added goes with it.  A transaction that has any cannot be
 * prepared: another backend would commit it.
 */
extern void *ca_pending_add(CaPendingKind *kind, Size size);

/* Keep it no more: it is neither committed nor dropped. */
extern void ca_pending_forget(CaPendingKind *kind, void *item);

#endif							/* CA_BASE_PENDING_H */
