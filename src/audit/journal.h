/*-------------------------------------------------------------------------
 *
 * journal.h
 *	  Strict durability without waiting for rows.
 *
 * Private to audit/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_JOURNAL_H
#define CA_AUDIT_JOURNAL_H

#include "audit/ring_shared.h"

/* What became of a record that was to go there. */
typedef enum CaJournaled
{
	CA_JOURNAL_FAILS,			/* not possible now: wait for the row */
	CA_JOURNAL_NEEDLESS,		/* it is being made a row already */
	CA_JOURNAL_HAS				/* it is durable there */
} CaJournaled;

/*
 * Bring a strict record that is in the ring, and those of others, to the journal.
 * Raises nothing and allocates nothing, since records are also put while an
 * error is handled.
 */
extern CaJournaled ca_journal_write(CaRingPlace place);

/*
 * The file of a segment, open for writing, -1 when that fails.  It stays open
 * until another one is asked for.
 */
extern int	ca_journal_open(int32 number);

/* Is it the journal of this start of the server, whose records the ring holds? */
extern bool ca_journal_owns(const pg_uuid_t *spool_id);

/* journal_segment.c, for the worker: is a segment missing?  Step: make it. */
extern bool ca_journal_due(void);
extern void ca_journal_extend(void);

/*
 * In the transaction that adds the batch to the tables, as rows from
 * batch->first_seq on: write down how far the journal has been carried by it.
 * Needs SPI.
 */
extern void ca_journal_mark_carried(const CaRingBatch *batch);

/* After its commit, and when the tail has moved: remove what nobody needs. */
extern void ca_journal_trim(void);

#endif							/* CA_AUDIT_JOURNAL_H */
