/*-------------------------------------------------------------------------
 *
 * ring_shared.h
 *	  The audit ring in shared memory, and its consumer's side.
 *
 * Private to audit/.  Backends see only ring.h.
 *
 * Positions and indexes only grow: a position counts bytes, an index counts
 * records, both since this start of the postmaster.  [tail, head) is what has
 * been put but is not yet in contauth_audit.decision, or during recovery in the
 * spool (spool.h).  Decisions become rows with a seq: that of record i, if it is
 * one and all from the tail to it are, is base_seq + i.  Whenever the tail moves
 * over a record of another kind, base_seq goes down by one.
 *
 * Records that are to be durable at once may go to the journal before they are
 * rows (journal.c), unless the worker has claimed them: those before claimed are
 * being written as rows.
 *
 * Locking: "lock" guards every field that is not fixed, but progress; those that
 * are atomic are read without, too.  Bytes of data[] in [tail, head) never change,
 * but for a record's place in the journal, so they are copied without the lock;
 * producers write behind head under the lock, exclusive, and move head last.  Only
 * the worker moves tail and claimed, the latter with journal_lock held; who holds
 * that moves journal.  No other lock is taken while holding "lock"; journal_lock is
 * taken before it, before that one of sync_locks, and first one of turn_locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_RING_SHARED_H
#define CA_AUDIT_RING_SHARED_H

#include "audit/decision_table.h"
#include "audit/ring.h"
#include "crypto/digest.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

/* Largest record in the ring, bytes; larger ones are cut. */
#define CA_RECORD_MAX			65536

/* How often the worker looks at what is put, at least, while records come. */
#define CA_LOOK_US				10000

/* How many turns are synced at the same time, at most; and one more gathers. */
#define CA_SYNCS				4
#define CA_TURNS				(CA_SYNCS + 1)

/* What is known about the database that keeps the audit tables. */
typedef enum CaHomeState
{
	CA_HOME_UNKNOWN,			/* the worker has not reported yet */
	CA_HOME_NONE,				/* no database has been chosen */
	CA_HOME_MISSING,			/* it, or its tables, are not there */
	CA_HOME_UNFIT,				/* the extension there has another version */
	CA_HOME_READY				/* records can be taken */
} CaHomeState;

/* What wakes the worker. */
typedef enum CaWorkerWait
{
	CA_WORKER_AWAKE,			/* it will look at the ring by itself */
	CA_WORKER_NAPPING,			/* a strict waiter or a filling ring */
	CA_WORKER_SLEEPING			/* any record */
} CaWorkerWait;

typedef struct CaRingShared
{
	/* what putting a record needs that is not strict, in one cache line */
	LWLock	   *lock;			/* fixed */
	Size		size;			/* bytes in data[]; fixed */
	uint64		head_pos;
	uint64		head_index;
	Size		head_at;		/* where head_pos is in data[] */
	uint64		tail_pos;
	Latch	   *worker_latch;	/* NULL: no worker */
	pg_atomic_uint32 home_state;	/* CaHomeState */
	CaWorkerWait worker_wait;
	/* fixed when the memory is initialised */
	LWLock	   *journal_lock;
	LWLock	   *turn_locks[CA_TURNS];
	LWLock	   *sync_locks[CA_SYNCS];
	pg_uuid_t	boot_id;
	/* signalled, without the lock, when tail or home_state changes */
	ConditionVariable progress;
	/* guarded by lock */
	uint64		tail_index;
	uint64		claimed_pos;
	uint64		claimed_index;
	uint64		journal_pos;	/* what is before it has been put into the */
	uint64		journal_index;	/* journal, or passed over */
	uint64		journal_end;	/* that place in the journal's segment */
	uint64		synced_index;	/* what is before it is durable there, too */
	uint64		journal_turn;	/* whose records have not been gathered yet */
	pg_atomic_uint64 strict_index;	/* behind the newest strict record */
	pg_atomic_uint64 wanted_index;	/* somebody waits for the worker to see
									 * all records below */
	pg_atomic_uint64 sync_us;	/* how long a sync of the journal takes */
	uint64		seen_index;		/* it has seen those, */
	pg_atomic_uint64 seen_us;	/* at that time (ca_ring_clock); 0: no worker */
	uint64		wanted_rows;	/* somebody waits for all below to be rows */
	int			producers;		/* backends that may still put records */
	Oid			home;			/* chosen database, when none is configured */
	bool		home_gone;		/* the last worker found no such database */
	Oid			base_relation;	/* table for which base_seq holds, or 0 */
	int64		base_seq;		/* seq of the record at the tail, less
								 * tail_index */
	unsigned char tail_hash[CA_SHA256_LEN]; /* of the row before tail */
	bool		carrying;		/* rows from the spool are being added */
	bool		spool_news;		/* carry() has brought a file */
	bool		spool_behind;	/* what the spool holds of before this start
								 * may not be in the table yet */
	bool		journal_wanted; /* somebody would have written to it */
	pg_uuid_t	spool_id;		/* spool that is being written, */
	int32		spool_segment;	/* its newest segment, */
	uint64		spool_end;		/* how much of that is durable, */
	uint64		spool_room;		/* and, of the journal, how much it can hold */
	char		data[FLEXIBLE_ARRAY_MEMBER];
} CaRingShared;

StaticAssertDecl(offsetof(CaRingShared, worker_wait) < 64,
				 "what putting a record needs is more than one cache line");

/* The ring, or NULL when the library was not preloaded. */
extern CaRingShared *ca_ring_shared(void);

/* What stands before a record in data[]. */
typedef struct CaRingEntry
{
	uint32		len;			/* of header and fields */
	bool		strict;			/* for the journal */
	int32		segment;		/* of the journal; 0: it is not there */
	uint64		spool_end;		/* position behind it in that segment */
} CaRingEntry;

/* Some records copied out of the ring, oldest first. */
typedef struct CaRingBatch
{
	uint64		first_index;
	int64		first_seq;
	pg_uuid_t	boot_id;		/* as the rows tell it */
	unsigned char prev_hash[CA_SHA256_LEN]; /* of the row before the first */
	int			count;
	struct
	{
		CaAuditHeader header;
		const char *fields;
		Size		len;
		uint64		pos;		/* ring position of its entry, */
		uint64		end_pos;	/* and behind it */
	}		   *records;
} CaRingBatch;

/* ring_worker.c: the consumer's side, for the worker alone */
extern void ca_ring_worker_enter(void);
extern int	ca_ring_worker_producers(void);
extern uint64 ca_ring_worker_length(void);
extern void ca_ring_worker_position(Oid *relation, int64 *seq,
									unsigned char *hash);
extern void ca_ring_worker_report_left(void);
extern void ca_ring_worker_read(CaRingBatch *batch, int max);
extern void ca_ring_worker_see(void);
extern void ca_ring_worker_adopt(Oid relation, const CaNewestRow *newest);
extern void ca_ring_worker_advance(const CaRingBatch *batch, int count,
								   int rows, const unsigned char *hash);
extern void ca_ring_worker_carry_begin(CaRingBatch *batch);
extern void ca_ring_worker_carry_end(int count, const unsigned char *hash);
extern void ca_ring_worker_spooled(const pg_uuid_t *spool_id, int32 segment,
								   uint64 end);
extern bool ca_ring_worker_spool_news(void);
extern void ca_ring_worker_spool_done(bool done);
extern bool ca_ring_worker_rows_due(void);
extern bool ca_ring_worker_has_strict(void);
extern void ca_ring_worker_wait(bool idle, long nap_ms);
extern void ca_ring_worker_set_state(CaHomeState state);

/* ring.c */
extern void ca_ring_draw_uuid(pg_uuid_t *uuid);
extern uint64 ca_ring_clock(void);
extern void ca_ring_announce_spool(void);
extern void ca_ring_copy_out(uint64 pos, void *dst, Size len);
extern CaRingEntry ca_ring_entry(uint64 pos);
extern void ca_ring_set_entry(uint64 pos, const CaRingEntry *entry);
extern Size ca_ring_bytes(uint64 pos, Size len, const char **data);

#endif							/* CA_AUDIT_RING_SHARED_H */
