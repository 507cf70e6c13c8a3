/*-------------------------------------------------------------------------
 *
 * stop_shared.h
 *	  What backends say of themselves, for those who stop them.
 *
 * For stop.c, stopper.c and the watcher; the locking rule stands in stop.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_STOP_SHARED_H
#define CA_IDENTITY_STOP_SHARED_H

#include "identity/stop.h"
#include "port/atomics.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "token/token.h"

/*
 * Hashes of one slot: of each principal its name twice and its trust domain or
 * issuer, of each credential three names, its signer and issuer, and whom it
 * quotes.
 */
#define CA_STOP_HASHES	(CA_CHAIN_MAX * 11)

typedef struct CaStopSlot
{
	slock_t		mutex;
	pg_atomic_uint32 mark;		/* CaStopReason */
	Oid			database;
	uint64		identity;		/* 0: nobody governed */
	int			nagents;		/* the first hashes: of who must be registered */
	int			nhashes;
	uint64		hashes[CA_STOP_HASHES];
} CaStopSlot;

typedef struct CaStopShared
{
	pg_atomic_uint64 changes;
	int			nslots;
	CaStopSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} CaStopShared;

extern CaStopShared *ca_stop_shared;

#endif							/* CA_IDENTITY_STOP_SHARED_H */
