/*-------------------------------------------------------------------------
 *
 * stop.h
 *	  How those who work are found and told to stop.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_STOP_H
#define CA_IDENTITY_STOP_H

/* Why; what a slot's mark says, so that 0 is none. */
typedef enum CaStopReason
{
	CA_STOP_NONE = 0,
	CA_STOP_AGENT_REVOKED,
	CA_STOP_TOKEN_REVOKED,
	CA_STOP_GRANT_REVOKED,
	CA_STOP_PRINCIPAL_REVOKED,
	CA_STOP_ISSUER_REVOKED,
	CA_STOP_TRUST_DOMAIN_REVOKED,
	CA_STOP_AGENT_SUSPENDED,
	CA_STOP_AGENT_RETIRED,
	CA_STOP_AGENT_UNKNOWN,
	CA_STOP_KILL_SWITCH
} CaStopReason;

/* reason_code of records, and the sentence part that goes with it. */
extern const char *ca_stop_code(CaStopReason reason);
extern const char *ca_stop_text(CaStopReason reason);

/* From shmem_request_hook and shmem_startup_hook. */
extern void ca_stop_shmem_request(void);
extern void ca_stop_shmem_startup(void);

/*
 * From now on this backend's identity rests on what the hashes stand for; a
 * number tells one identity from another, 0 is none.  The first nagents of
 * them stand for agents that must be registered.  A mark that was meant for
 * what it rested on before is gone, but for the statement at work.  To be
 * followed by a look whether any of it is revoked.
 */
extern void ca_stop_publish(uint64 identity, const uint64 *hashes, int n, int nagents);

/*
 * Moves with everything that stops anybody, on this server; seen here no later
 * than the mark of whoever was published too late to be marked.
 */
extern uint64 ca_stop_changes(void);

/*
 * A statement begins, or ends, at whatever depth.  In between a mark cancels
 * what runs, and ca_stop_mark() tells whether one has been set.
 */
extern void ca_stop_begin(void);
extern void ca_stop_end(void);
extern CaStopReason ca_stop_mark(void);

/* Has time passed since this was last true, so that a look is due? */
extern bool ca_stop_look_due(void);

/*
 * When the transaction commits, mark whoever rests on that, in this database;
 * KILL_SWITCH marks everybody.  NONE takes back what the transaction was to
 * mark before.
 */
extern void ca_stop_at_commit(CaStopReason reason, uint64 hash);

#endif							/* CA_IDENTITY_STOP_H */
