/*-------------------------------------------------------------------------
 *
 * requests.c
 *	  Live and recently ended approval requests, in shared memory.
 *
 * Sessions of every database ask here.  The table contauth_audit.approval_request
 * says the same for good: the audit worker fills this memory from it when the
 * server has started, before any statement of an agent can be recorded.
 *
 * Invariants:
 * - a use is taken under the lock, so that one is taken once, by however many
 *   sessions that ask at the same time;
 * - a request that is live is never evicted;
 * - while a transaction decides about a request (held), it cannot be used.
 *
 * Locking: one LWLock guards everything but the condition variable, which is
 * signalled without it.  Nothing is raised and no other lock taken under it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/requests.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define CA_REQUESTS_TRANCHE		"contauth_requests"

typedef struct RequestEntry
{
	bool		used;
	bool		held;
	CaApproval	request;
} RequestEntry;

typedef struct RequestsShared
{
	LWLock	   *lock;
	ConditionVariable changed;	/* a request is not pending any more */
	Oid			relation;		/* decision table whose requests these are */
	int			count;			/* entries that were ever used */
	RequestEntry entries[CA_REQUESTS_MAX];
} RequestsShared;

static RequestsShared *requests = NULL;

void
ca_requests_shmem_request(void)
{
	RequestAddinShmemSpace(sizeof(RequestsShared));
	RequestNamedLWLockTranche(CA_REQUESTS_TRANCHE, 1);
}

void
ca_requests_shmem_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	requests = ShmemInitStruct("contauth requests", sizeof(RequestsShared), &found);
	if (!found)
	{
		memset(requests, 0, sizeof(RequestsShared));
		requests->lock = &(GetNamedLWLockTranche(CA_REQUESTS_TRANCHE))->lock;
		ConditionVariableInit(&requests->changed);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* The state at a moment: what is overdue has expired. */
static CaRequestState
state_at(const CaApproval *r, TimestampTz now)
{
	if ((r->state == CA_REQUEST_PENDING || r->state == CA_REQUEST_APPROVED) &&
		r->until <= now)
		return CA_REQUEST_EXPIRED;
	return r->state;
}

static bool
is_live(const CaApproval *r, TimestampTz now)
{
	CaRequestState state = state_at(r, now);

	return state == CA_REQUEST_PENDING || state == CA_REQUEST_APPROVED;
}

/* The entry of a request, or NULL.  The lock is held. */
static RequestEntry *
find_entry(const pg_uuid_t *id)
{
	for (int i = 0; i < requests->count; i++)
	{
		RequestEntry *e = &requests->entries[i];

		if (e->used && memcmp(&e->request.id, id, UUID_LEN) == 0)
			return e;
	}
	return NULL;
}

/* An entry for a new request: unused, or the one that ended first; or NULL. */
static RequestEntry *
free_entry(TimestampTz now)
{
	RequestEntry *oldest = NULL;

	for (int i = 0; i < requests->count; i++)
	{
		RequestEntry *e = &requests->entries[i];

		if (!e->used)
			return e;
		if (!e->held && !is_live(&e->request, now) &&
			(oldest == NULL || e->request.changed_at < oldest->request.changed_at))
			oldest = e;
	}
	if (requests->count < CA_REQUESTS_MAX)
		return &requests->entries[requests->count++];
	return oldest;
}

static void
fill_entry(RequestEntry *e, const CaApproval *r)
{
	e->used = true;
	e->held = false;
	e->request = *r;
}

static bool
same(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, CA_SHA256_LEN) == 0;
}

/* In what a binding differs from that of an approval of the same agent. */
static CaAskStatus
difference(const CaBinding *a, const CaBinding *b)
{
	bool		chain = same(a->chain, b->chain);
	bool		statement = same(a->statement, b->statement);
	bool		parameters = same(a->parameters, b->parameters);
	bool		policies = same(a->policies, b->policies);

	if (chain && statement && policies)
		return CA_ASK_PARAMETERS_DIFFER;
	if (chain && statement && parameters)
		return CA_ASK_POLICY_CHANGED;
	if (statement && parameters && policies)
		return CA_ASK_CHAIN_DIFFERS;
	if (chain && policies)
		return CA_ASK_STATEMENT_DIFFERS;
	return CA_ASK_NEEDED;
}

/* Of two differences, the one that is nearer to the approval. */
static CaAskStatus
nearer(CaAskStatus a, CaAskStatus b)
{
	static const CaAskStatus order[] = {
		CA_ASK_PARAMETERS_DIFFER, CA_ASK_POLICY_CHANGED, CA_ASK_CHAIN_DIFFERS,
		CA_ASK_STATEMENT_DIFFERS
	};

	for (int i = 0; i < lengthof(order); i++)
	{
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return CA_ASK_NEEDED;
}

/* What a request that has ended says to whoever asks for the same again. */
static CaAskStatus
ended_as(CaRequestState state)
{
	switch (state)
	{
		case CA_REQUEST_DENIED:
			return CA_ASK_DENIED;
		case CA_REQUEST_EXPIRED:
			return CA_ASK_EXPIRED;
		case CA_REQUEST_CANCELLED:
			return CA_ASK_CANCELLED;
		case CA_REQUEST_CONSUMED:
			return CA_ASK_USED;
		default:
			return CA_ASK_NEEDED;
	}
}

/* What there is of an agent that matches a binding, or nearly does. */
typedef struct Matches
{
	RequestEntry *approval;		/* that can be used */
	RequestEntry *pending;		/* or is being decided */
	RequestEntry *ended;		/* the newest */
	CaAskStatus nearest;		/* of other approvals */
	int			npending;		/* of the agent, whatever for */
} Matches;

/* Look through all requests.  The lock is held. */
static Matches
find_matches(const CaBinding *binding, TimestampTz now)
{
	Matches		m = {.nearest = CA_ASK_NEEDED};

	for (int i = 0; i < requests->count; i++)
	{
		RequestEntry *e = &requests->entries[i];
		CaRequestState state = state_at(&e->request, now);

		if (!e->used || !same(e->request.binding.agent, binding->agent))
			continue;
		m.npending += state == CA_REQUEST_PENDING;
		if (memcmp(&e->request.binding, binding, sizeof(CaBinding)) != 0)
		{
			if (state == CA_REQUEST_APPROVED)
				m.nearest = nearer(m.nearest, difference(&e->request.binding, binding));
		}
		else if (e->held || state == CA_REQUEST_PENDING)
			m.pending = e;
		else if (state == CA_REQUEST_APPROVED)
			m.approval = e;
		else if (m.ended == NULL ||
				 e->request.changed_at > m.ended->request.changed_at)
			m.ended = e;
	}
	return m;
}

static void
answer_with(CaAnswer *answer, CaAskStatus status, const CaApproval *r)
{
	answer->status = status;
	answer->has_request = true;
	answer->request = r->id;
	answer->until = r->until;
	answer->uses_left = r->uses_left;
	strlcpy(answer->by, r->by, NAMEDATALEN);
}

/* Take one use.  The lock is held. */
static void
use(RequestEntry *e, TimestampTz now)
{
	e->request.uses_left--;
	if (e->request.uses_left > 0)
		return;
	e->request.state = CA_REQUEST_CONSUMED;
	e->request.changed_at = now;
}

/* Open a request, if there is room.  The lock is held. */
static void
open_request(CaAnswer *answer, const CaBinding *binding, const pg_uuid_t *id,
			 const Matches *m, TimestampTz now)
{
	RequestEntry *e;
	CaApproval	r = {0};

	if (m->npending >= CA_REQUESTS_PENDING_MAX)
	{
		answer->status = CA_ASK_TOO_MANY;
		return;
	}
	/* read before its place may be taken */
	answer->status = m->ended != NULL ? ended_as(state_at(&m->ended->request, now)) :
		m->nearest;
	e = free_entry(now);
	if (e == NULL)
	{
		answer->status = CA_ASK_FULL;
		return;
	}
	r.id = *id;
	r.binding = *binding;
	r.state = CA_REQUEST_PENDING;
	r.changed_at = now;
	r.until = TimestampTzPlusMilliseconds(now, CA_REQUEST_LIFETIME_MS);
	fill_entry(e, &r);
	answer_with(answer, answer->status, &r);
	answer->created = true;
}

CaAnswer
ca_requests_ask(const CaBinding *binding, const pg_uuid_t *new_id, bool peek)
{
	CaAnswer	answer = {0};
	TimestampTz now = GetCurrentTimestamp();
	Matches		m;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	m = find_matches(binding, now);
	if (m.approval != NULL)
	{
		if (!peek)
			use(m.approval, now);
		answer_with(&answer, CA_ASK_GRANTED, &m.approval->request);
	}
	else if (m.pending != NULL)
		answer_with(&answer, CA_ASK_PENDING, &m.pending->request);
	else
		open_request(&answer, binding, new_id, &m, now);
	LWLockRelease(requests->lock);
	return answer;
}

void
ca_requests_undo(const CaAnswer *answer)
{
	RequestEntry *e;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	e = find_entry(&answer->request);
	if (e != NULL && answer->created)
		e->used = false;
	else if (e != NULL && answer->status == CA_ASK_GRANTED &&
			 (e->request.state == CA_REQUEST_APPROVED ||
			  e->request.state == CA_REQUEST_CONSUMED))
	{
		e->request.uses_left++;
		e->request.state = CA_REQUEST_APPROVED;
	}
	LWLockRelease(requests->lock);
}

/* How a request stands, as an answer to who asked for it. */
static CaAskStatus
status_of(const pg_uuid_t *id)
{
	RequestEntry *e;
	CaAskStatus status = CA_ASK_EXPIRED;

	LWLockAcquire(requests->lock, LW_SHARED);
	e = find_entry(id);
	if (e != NULL)
	{
		CaRequestState state = state_at(&e->request, GetCurrentTimestamp());

		status = state == CA_REQUEST_PENDING ? CA_ASK_PENDING :
			state == CA_REQUEST_APPROVED ? CA_ASK_GRANTED : ended_as(state);
	}
	LWLockRelease(requests->lock);
	return status;
}

CaAskStatus
ca_requests_wait(const pg_uuid_t *id, long timeout_ms)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout_ms);
	CaAskStatus status;

	ConditionVariablePrepareToSleep(&requests->changed);
	while ((status = status_of(id)) == CA_ASK_PENDING)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left <= 0)
			break;
		ConditionVariableTimedSleep(&requests->changed, left, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return status;
}

bool
ca_requests_hold(const pg_uuid_t *id)
{
	RequestEntry *e;
	bool		mine = true;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	e = find_entry(id);
	if (e != NULL)
	{
		mine = !e->held;
		e->held = true;
	}
	LWLockRelease(requests->lock);
	return mine;
}

void
ca_requests_release(const pg_uuid_t *id)
{
	RequestEntry *e;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	e = find_entry(id);
	if (e != NULL)
		e->held = false;
	LWLockRelease(requests->lock);
}

void
ca_requests_settle(const CaApproval *request)
{
	RequestEntry *e;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	e = find_entry(&request->id);
	if (e == NULL)
		e = free_entry(request->changed_at);
	if (e != NULL)
		fill_entry(e, request);
	LWLockRelease(requests->lock);
	ConditionVariableBroadcast(&requests->changed);
}

bool
ca_requests_load_begin(Oid relation)
{
	bool		begun;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	begun = requests->relation != relation;
	if (begun)
	{
		requests->relation = relation;
		requests->count = 0;
		memset(requests->entries, 0, sizeof(requests->entries));
	}
	LWLockRelease(requests->lock);
	return begun;
}

void
ca_requests_load(const CaApproval *request)
{
	RequestEntry *e;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	if (find_entry(&request->id) == NULL)
	{
		e = free_entry(GetCurrentTimestamp());
		if (e != NULL)
			fill_entry(e, request);
	}
	LWLockRelease(requests->lock);
}

bool
ca_requests_overdue(void)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		overdue = false;

	LWLockAcquire(requests->lock, LW_SHARED);
	for (int i = 0; i < requests->count && !overdue; i++)
	{
		const RequestEntry *e = &requests->entries[i];

		overdue = e->used && !e->held &&
			e->request.state != state_at(&e->request, now);
	}
	LWLockRelease(requests->lock);
	return overdue;
}

void
ca_requests_expire(const pg_uuid_t *id)
{
	TimestampTz now = GetCurrentTimestamp();
	RequestEntry *e;

	LWLockAcquire(requests->lock, LW_EXCLUSIVE);
	e = find_entry(id);
	if (e != NULL && !e->held && !is_live(&e->request, now))
	{
		e->request.state = state_at(&e->request, now);
		e->request.changed_at = e->request.until;
	}
	LWLockRelease(requests->lock);
	ConditionVariableBroadcast(&requests->changed);
}
