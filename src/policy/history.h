/*-------------------------------------------------------------------------
 *
 * history.h
 *	  What each agent has done lately, in all its sessions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_HISTORY_H
#define CA_POLICY_HISTORY_H

#include "crypto/digest.h"
#include "identity/identity.h"

/* Rows that a session may take at a time; see ca_history_reserve(). */
#define CA_HISTORY_CHUNK	64

/* An agent's place; zeroed: nobody's. */
typedef struct CaHistoryRef
{
	int			slot;			/* where it was found last, */
	uint64		given;			/* and how often that had been given by then;
								 * 0: nobody's */
	unsigned char agent[CA_SHA256_LEN]; /* SHA-256 of its SPIFFE ID */
} CaHistoryRef;

/* Rows that a statement has been granted and not given back; zeroed: none. */
typedef struct CaReservation
{
	int64		rows;
	int64		minute;			/* that they are counted in */
} CaReservation;

/* Sums over the windows. */
typedef struct CaHistory
{
	int64		statements_1m;
	int64		rows_1h;
	int64		denials_1h;
	int			high_water_1h;	/* highest sensitivity read, 0..4 */
} CaHistory;

/* shmem_request_hook and shmem_startup_hook parts, called from contauth.c. */
extern void ca_history_shmem_request(void);
extern void ca_history_shmem_startup(void);

/*
 * The agent's place, made where it has none.  When all contauth.max_agents
 * places are taken by agents that were active within the hour, raises 53400.
 */
extern CaHistoryRef ca_history_find(const CaIdentity *identity);

/* The same where nothing may be raised: false when there is no place. */
extern bool ca_history_look(const CaIdentity *identity, CaHistoryRef *ref);

/*
 * Count a statement that begins and reads what is so sensitive (<= 0: nothing),
 * unless limit (0: none) statements have been counted within the minute: then
 * false, and nothing is counted.
 */
extern bool ca_history_admit(CaHistoryRef *ref, int64 limit, int reads);

/* The statement turns out to read what is more sensitive. */
extern void ca_history_reads(CaHistoryRef *ref, int reads);

/* Count a denial. */
extern void ca_history_deny(CaHistoryRef *ref);

/* Count rows that no limit holds back, of a statement that has read so far. */
extern void ca_history_rows(CaHistoryRef *ref, int64 rows, int reads);

/*
 * Add to a reservation as many of the rows wanted as remain of limit within
 * the hour, counting them; true when that is all of them.
 */
extern bool ca_history_reserve(CaHistoryRef *ref, int64 limit, int64 wanted,
							   CaReservation *reservation);

/* Take what was reserved and not used out of the count again. */
extern void ca_history_give_back(CaHistoryRef *ref, int64 unused,
								 CaReservation *reservation);

/* The sums at this moment; zeros for nobody. */
extern CaHistory ca_history_read(CaHistoryRef *ref);

#endif							/* CA_POLICY_HISTORY_H */
