/*-------------------------------------------------------------------------
 *
 * ring.h
 *	  The shared ring between governed backends and the audit worker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_RING_H
#define CA_AUDIT_RING_H

#include "audit/record.h"

/* shmem_request_hook / shmem_startup_hook parts, called from contauth.c */
extern Size ca_ring_shmem_size(void);
extern void ca_ring_shmem_request(void);
extern void ca_ring_shmem_startup(void);

/*
 * Count this backend among those that put records, until it exits.  A
 * before_shmem_exit callback that is registered afterwards can still put.
 */
extern void ca_ring_enter(void);

/* Where a record is in the ring. */
typedef struct CaRingPlace
{
	uint64		index;			/* its number since server start, from 0 */
	uint64		pos;			/* of its first byte */
	bool		strict;			/* as it was put */
} CaRingPlace;

/*
 * Put one record into the ring.  Waits up to contauth.audit_wait for room; then,
 * or when no database keeps the audit tables, raises ZA005.  The fields are the
 * concatenation of the blobs (each a whole number of fields).  A record longer
 * than 64 kB loses the end of its CA_F_STATEMENT, then whole fields, and says so
 * in the row.  A strict one may go to the journal, so it holds nothing that must
 * not be in a file.
 */
extern CaRingPlace ca_ring_put(const CaAuditHeader *header,
							   const CaAuditBlob *blobs, int nblobs, bool strict);

/* Put one that may be left out: false, without waiting, where that cannot be. */
extern bool ca_ring_offer(const CaAuditHeader *header, CaAuditBlob fields);

/*
 * Wait until the record is durable, in contauth_audit.decision or in a spool, while
 * the worker looks at the ring, at most contauth.audit_wait; then raises ZA005.  The
 * record stays in the ring and is written all the same.
 */
extern void ca_ring_wait_durable(CaRingPlace place);

/* The same until all records below the index are in the table. */
extern void ca_ring_wait_rows(uint64 index);

/*
 * Wait until the tables hold every record made so far, those that a crash left
 * in the spool too, at most contauth.audit_wait; did they come to that?
 */
extern bool ca_ring_catch_up(void);

/*
 * Wait until they do; on a standby until its spool has what was recorded there.
 * false when it takes longer.
 */
extern bool ca_ring_wait_complete(long timeout_ms);

/* Index behind the newest record. */
extern uint64 ca_ring_head(void);

/*
 * Raise ZA005 when a record could not be taken at all: no audit home.  While
 * the worker starts, waits up to audit_wait.
 */
extern void ca_ring_check_writable(void);

#endif							/* CA_AUDIT_RING_H */
