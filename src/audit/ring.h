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

/*
 * Put one record into the ring and return its index: 0, 1, 2... since server
 * start.  Waits up to contauth.audit_wait for room; then, or when no database
 * keeps the audit tables, raises ZA005.  The fields are the concatenation of
 * the blobs (each a whole number of fields).  A record longer than 64 kB loses
 * the end of its CA_F_STATEMENT, then whole fields, and says so in the row.
 */
extern uint64 ca_ring_put(const CaAuditHeader *header,
						  const CaAuditBlob *blobs, int nblobs);

/*
 * Wait until the record with this index (and all before it) is durable in
 * contauth_audit.decision, or during recovery in the spool, at most
 * contauth.audit_wait; then raises ZA005.  The record stays in the ring and is
 * written all the same.
 */
extern void ca_ring_wait_durable(uint64 position);

/* Index behind the newest record: wait for this - 1 to see all of them. */
extern uint64 ca_ring_head(void);

/*
 * Raise ZA005 when a record could not be taken at all: no audit home.  While
 * the worker starts, waits up to audit_wait.
 */
extern void ca_ring_check_writable(void);

#endif							/* CA_AUDIT_RING_H */
