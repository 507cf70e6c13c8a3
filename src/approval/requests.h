/*-------------------------------------------------------------------------
 *
 * requests.h
 *	  Live and recently ended approval requests, in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_APPROVAL_REQUESTS_H
#define CA_APPROVAL_REQUESTS_H

#include "crypto/digest.h"
#include "datatype/timestamp.h"
#include "utils/uuid.h"

/* Most requests that are remembered, and most that one agent may have pending. */
#define CA_REQUESTS_MAX			2048
#define CA_REQUESTS_PENDING_MAX	100

/* How long a request waits for an answer. */
#define CA_REQUEST_LIFETIME_MS	((int64) 24 * 3600 * 1000)

typedef enum CaRequestState
{
	CA_REQUEST_PENDING,
	CA_REQUEST_APPROVED,
	CA_REQUEST_DENIED,
	CA_REQUEST_EXPIRED,
	CA_REQUEST_CANCELLED,
	CA_REQUEST_CONSUMED
} CaRequestState;

/*
 * What an approval is for, as SHA-256 digests.  It is also stored: nothing but
 * bytes, no padding.
 */
typedef struct CaBinding
{
	unsigned char agent[CA_SHA256_LEN];
	unsigned char chain[CA_SHA256_LEN]; /* all principals */
	unsigned char statement[CA_SHA256_LEN]; /* its text and what it resolves
											 * to, role, database, settings */
	unsigned char parameters[CA_SHA256_LEN];	/* constants and bound
												 * parameters */
	unsigned char policies[CA_SHA256_LEN];	/* that escalate, by name and
											 * version */
} CaBinding;

/* One request, as shared memory has it. */
typedef struct CaApproval
{
	pg_uuid_t	id;
	CaBinding	binding;
	CaRequestState state;
	TimestampTz until;			/* pending, approved: then it is over */
	int			uses_left;
	TimestampTz changed_at;		/* when the state was reached */
	char		by[NAMEDATALEN];	/* who approved */
} CaApproval;

/* What became of an escalation; the names are those of ca_ask_code(). */
typedef enum CaAskStatus
{
	CA_ASK_GRANTED,				/* there is an approval */
	CA_ASK_NEEDED,
	CA_ASK_PENDING,				/* asked before; no answer yet */
	CA_ASK_STATEMENT_DIFFERS,	/* there is an approval for something else */
	CA_ASK_PARAMETERS_DIFFER,
	CA_ASK_CHAIN_DIFFERS,
	CA_ASK_POLICY_CHANGED,
	CA_ASK_EXPIRED,				/* what was asked before ended so */
	CA_ASK_DENIED,
	CA_ASK_CANCELLED,
	CA_ASK_USED,
	CA_ASK_TOO_MANY,			/* the agent has too many pending requests */
	CA_ASK_FULL,				/* all agents together have */
	CA_ASK_RECOVERY				/* nothing can be approved on a standby */
} CaAskStatus;

typedef struct CaAnswer
{
	CaAskStatus status;
	bool		created;		/* the request is new */
	bool		has_request;	/* request is set */
	pg_uuid_t	request;
	TimestampTz until;
	int			uses_left;		/* granted: after this use */
	char		by[NAMEDATALEN];	/* granted: who approved */
} CaAnswer;

extern void ca_requests_shmem_request(void);
extern void ca_requests_shmem_startup(void);

/*
 * Look for an approval of exactly this, and use it, or with peek only look.
 * Without one, find the pending request or open a new one under new_id.
 */
extern CaAnswer ca_requests_ask(const CaBinding *binding,
								const pg_uuid_t *new_id, bool peek);

/* Undo what ca_requests_ask() did, when it cannot be put on record. */
extern void ca_requests_undo(const CaAnswer *answer);

/*
 * Wait until a request is not pending any more: CA_ASK_GRANTED when it is
 * approved, CA_ASK_PENDING after timeout_ms, else how it ended.
 */
extern CaAskStatus ca_requests_wait(const pg_uuid_t *id, long timeout_ms);

/*
 * A request is about to be decided in a transaction: until it is settled or
 * released nobody else does, and nobody uses it.  False: somebody does already.
 */
extern bool ca_requests_hold(const pg_uuid_t *id);
extern void ca_requests_release(const pg_uuid_t *id);

/* The transaction has committed: the request is now so. */
extern void ca_requests_settle(const CaApproval *request);

/*
 * For the worker.  Begin to load what belongs to a table: false when shared
 * memory has it already.  Add a request that the table holds.  Are there live
 * requests whose time is over?  This one's is.
 */
extern bool ca_requests_load_begin(Oid relation);
extern void ca_requests_load(const CaApproval *request);
extern bool ca_requests_overdue(void);
extern void ca_requests_expire(const pg_uuid_t *id);

#endif							/* CA_APPROVAL_REQUESTS_H */
