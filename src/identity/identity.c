/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Who the session is: the verified agent, and on whose behalf it acts.
 *
 * An identity is put together once for each pair of token and delegation that
 * the session presents (or from the certificate of its connection), out of
 * credentials that are verified once each (credential.c).  Identities are
 * kept by the digests of that pair, and dropped together with the credentials
 * they point to.
 *
 * SECURITY: what can change while a credential stays the same is looked at by
 * every call of ca_identity_current(): times, the keys that signed, the
 * registrations of all agents in the chain, the session's database role, and
 * revocations.  (test/t/003_expiry.pl, test/sql/delegation.sql, revocation.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/epoch.h"
#include "base/guc.h"
#include "identity/identity.h"
#include "identity/peer.h"
#include "identity/revocation.h"
#include "identity/stop_shared.h"
#include "identity/watcher.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define CA_IDENTITY_CACHE_MAX	512

/* What an identity is made of: digests; zeros where there is none. */
typedef struct IdentityKey
{
	unsigned char token[CA_SHA256_LEN];
	unsigned char delegation[CA_SHA256_LEN];
} IdentityKey;

typedef struct IdentityEntry
{
	IdentityKey key;
	CaIdentity *identity;
} IdentityEntry;

static HTAB *identities = NULL;
static MemoryContext identity_context = NULL;
static uint64 credential_resets = 0;
static CaIdentity *current = NULL;	/* of what is presented; NULL: look it up */
static const CaPresented *current_token = NULL;
static const CaPresented *current_delegation = NULL;
static uint64 last_serial = 0;
static uint64 changes_seen = 0; /* value of ca_stop_changes() */
static CaEpoch nobody;			/* of a session without a valid identity */

void
ca_identity_init(void)
{
	ca_registry_init();
}

void
ca_identity_forget_current(void)
{
	current = NULL;
	ca_epoch_leave();
}

void
ca_identity_forget_all(void)
{
	current = NULL;
	credential_resets = 0;
	ca_epoch_advance();
}

bool
ca_identity_presented(void)
{
	return ca_presented_token() != NULL;
}

const unsigned char *
ca_identity_token_sha256(void)
{
	const CaPresented *token = ca_presented_token();

	return token != NULL ? token->sha256 : NULL;
}

int
ca_identity_autonomy(const CaIdentity *identity)
{
	return Min(identity->registered->autonomy, identity->chain.ceiling);
}

const char *
ca_identity_source(const CaIdentity *identity)
{
	return identity->credential->kind == CA_CREDENTIAL_CERTIFICATE ?
		"x509-svid" : "token";
}

/* Empty the caches when they are full, or when what they hold is void. */
static void
make_room(void)
{
	HASHCTL		ctl = {0};

	if (credential_resets == 0)
		ca_credential_forget_all();
	ca_credential_make_room();
	if (identities != NULL && credential_resets == ca_credential_resets &&
		hash_get_num_entries(identities) < CA_IDENTITY_CACHE_MAX)
		return;

	current = NULL;
	if (identity_context == NULL)
		identity_context = AllocSetContextCreate(TopMemoryContext,
												 "contauth identities",
												 ALLOCSET_DEFAULT_SIZES);
	identities = NULL;
	MemoryContextReset(identity_context);
	ctl.keysize = sizeof(IdentityKey);
	ctl.entrysize = sizeof(IdentityEntry);
	ctl.hcxt = identity_context;
	identities = hash_create("contauth identities", 16, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	credential_resets = ca_credential_resets;
}

/* The credential of the actor: the token, else the connection's certificate. */
static CaCredential *
actor_credential(const CaPresented *token, CaIdentityProblem *problem)
{
	if (token != NULL)
		return ca_credential_token(token->text, token->len, token->sha256, problem);
	if (ca_guc_identity_scope == CA_SCOPE_TRANSACTION)
	{
		(void) ca_problem_identity(problem, "no_identity",
								   "no token was presented in this transaction");
		return NULL;
	}
	return ca_credential_certificate(problem);
}

/* The credentials of the grants presented; their number, or -1. */
static int
grant_credentials(const CaPresented *delegation, CaCredential **grants,
				  CaIdentityProblem *problem)
{
	CaTextList	texts;
	CaTokenStatus status;

	if (delegation == NULL)
		return 0;
	status = ca_grants_split(delegation->text, delegation->len, &texts);
	if (status != CA_TOKEN_OK)
	{
		(void) ca_problem_status(problem, status, "contauth.delegation");
		return -1;
	}
	for (int i = 0; i < texts.n; i++)
	{
		grants[i] = ca_credential_grant(texts.items[i], strlen(texts.items[i]),
										psprintf("grant %d", i + 1), problem);
		if (grants[i] == NULL)
			return -1;
	}
	return texts.n;
}

/* Is that an agent without whose row the identity is void: the actor, or who signs a grant? */
static bool
must_be_registered(const CaChain *chain, const CaBasis *basis)
{
	for (int i = 0; basis->kind == CA_REVOKE_AGENT && i < chain->nhops; i++)
	{
		const CaHop *hop = &chain->hops[i];

		if ((i == chain->nhops - 1 || hop->about != NULL) &&
			strcmp(hop->principal, basis->id) == 0)
			return true;
	}
	return false;
}

/* Add the hashes of those bases for which that is so, or is not. */
static int
add_hashes(CaIdentity *id, int n, bool registered)
{
	ListCell   *lc;

	foreach(lc, id->bases)
	{
		const CaBasis *basis = lfirst(lc);

		if (must_be_registered(&id->chain, basis) == registered)
			id->hashes[n++] = ca_revocation_hash(basis->kind, basis->id);
	}
	return n;
}

/* List what the identity rests on; false: that is too much for a slot. */
static bool
note_bases(CaIdentity *id, CaIdentityProblem *problem)
{
	id->bases = ca_revocation_bases(id->credential, &id->chain);
	if (list_length(id->bases) > CA_STOP_HASHES)
		return ca_problem_chain(problem, "chain_too_long",
								"the chain rests on too much");
	id->hashes = palloc(sizeof(uint64) * list_length(id->bases));
	id->nagents = add_hashes(id, 0, true);
	(void) add_hashes(id, id->nagents, false);
	return true;
}

/* Put an identity together, in a context of its own below the current one. */
static CaIdentity *
make_identity(const CaPresented *token, const CaPresented *delegation,
			  CaIdentityProblem *problem)
{
	CaCredential *grants[CA_CHAIN_MAX];
	CaCredential *actor = actor_credential(token, problem);
	MemoryContext context;
	MemoryContext old;
	CaIdentity *id;
	int			ngrants;
	bool		ok;

	if (actor == NULL)
		return NULL;
	ngrants = grant_credentials(delegation, grants, problem);
	if (ngrants < 0)
		return NULL;

	context = AllocSetContextCreate(CurrentMemoryContext, "contauth identity",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	id = palloc0(sizeof(CaIdentity));
	id->context = context;
	id->agent_context = AllocSetContextCreate(context, "contauth registered agent",
											  ALLOCSET_SMALL_SIZES);
	id->serial = id->made = ++last_serial;
	id->credential = actor;
	id->agent = actor->agent;
	id->trust_domain = actor->trust_domain;
	ok = ca_chain_build(&id->chain, actor, grants, ngrants, problem) &&
		note_bases(id, problem);
	MemoryContextSwitchTo(old);
	if (!ok)
	{
		problem->text = pstrdup(problem->text);
		MemoryContextDelete(context);
		return NULL;
	}
	id->depth = id->chain.nhops - 1;
	if (id->depth > 0)
		id->on_behalf_of = id->chain.hops[0].principal;
	return id;
}

/* The identity of a token and a delegation, put together when it is new. */
static CaIdentity *
find_identity(const CaPresented *token, const CaPresented *delegation,
			  CaIdentityProblem *problem)
{
	IdentityKey key = {0};
	IdentityEntry *entry;
	CaIdentity *id;

	make_room();
	if (token != NULL)
		memcpy(key.token, token->sha256, CA_SHA256_LEN);
	if (delegation != NULL)
		memcpy(key.delegation, delegation->sha256, CA_SHA256_LEN);
	entry = hash_search(identities, &key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->identity;

	id = make_identity(token, delegation, problem);
	if (id == NULL)
		return NULL;
	MemoryContextSetParent(id->context, identity_context);
	entry = hash_search(identities, &key, HASH_ENTER, NULL);
	entry->identity = id;
	return id;
}

/*
 * Read the agent's registration again.  False: it is not registered.
 */
static bool
refresh_agent(CaIdentity *id, CaIdentityProblem *problem)
{
	TransactionId xmin = InvalidTransactionId;
	ItemPointerData tid;
	MemoryContext old;

	ItemPointerSetInvalid(&tid);
	if (id->registered != NULL)
	{
		xmin = id->registered->row_xmin;
		tid = id->registered->row_tid;
	}
	id->registered = NULL;
	MemoryContextReset(id->agent_context);
	old = MemoryContextSwitchTo(id->agent_context);
	id->registered = ca_registry_agent(id->agent);
	MemoryContextSwitchTo(old);
	if (id->registered == NULL)
		return ca_problem_identity(problem, "agent_unknown",
								   "agent \"%s\" is not registered", id->agent);

	/* the same row: nothing that depends on the agent has changed */
	if (id->registered->row_xmin != xmin ||
		!ItemPointerEquals(&id->registered->row_tid, &tid))
		id->serial = ++last_serial;
	return true;
}

/*
 * Read again whether break-glass is open.  SECURITY: its end is looked at by
 * the clock, in the middle of a statement too, and no plan that was decided
 * under it outlives it.  (test/sql/break_glass.sql)
 */
static void
refresh_break_glass(CaIdentity *id)
{
	CaBreakGlass before = id->break_glass;

	id->break_glass = ca_registry_break_glass(id->agent, GetCurrentTimestamp());
	if (id->break_glass.until != 0)
		id->chain_until = Min(id->chain_until, id->break_glass.until);
	if (memcmp(&before, &id->break_glass, sizeof(before)) != 0)
		ca_epoch_renew(&id->epoch);
}

/*
 * Look everything up again that the administrators can change, when they may
 * have changed it, or when the registration of somebody in the chain ends.
 */
static bool
refresh(CaIdentity *id, TimestampTz now, CaIdentityProblem *problem)
{
	uint64		as_of = ca_registry_generation();
	bool		changed = false;

	if (id->registry_generation == as_of && now < id->chain_until)
		return true;

	/* a failure half-way is looked at again */
	id->registry_generation = 0;
	if (!ca_credential_trusted(id->credential, NULL, problem) ||
		!refresh_agent(id, problem) ||
		!ca_revocation_check(id->bases, problem) ||
		!ca_chain_refresh(&id->chain, now, &changed, &id->chain_until, problem))
		return false;
	refresh_break_glass(id);
	if (changed)
		id->serial = ++last_serial;
	id->registry_generation = as_of;
	return true;
}

/* Is the agent registered for the session's database role? */
static bool
check_role(const CaIdentity *id, CaIdentityProblem *problem)
{
	char	   *role = GetUserNameFromId(GetSessionUserId(), true);
	ListCell   *lc;

	foreach(lc, id->registered->db_roles)
	{
		if (role != NULL && strcmp(role, lfirst(lc)) == 0)
		{
			pfree(role);
			return true;
		}
	}
	return ca_problem_identity(problem, "wrong_role",
							   "agent \"%s\" is not registered for database role \"%s\"",
							   id->agent, role != NULL ? role : "?");
}

static bool
check_state(const CaIdentity *id, CaIdentityProblem *problem)
{
	const char *state = id->registered->state;

	return strcmp(state, "active") == 0 ? true :
		ca_problem_identity(problem, strcmp(state, "suspended") == 0 ?
							"agent_suspended" : "agent_retired",
							"agent \"%s\" is %s", id->agent, state);
}

/* State and expiry of the registered agent, whatever the session's role. */
static bool
check_active(const CaIdentity *id, TimestampTz now, CaIdentityProblem *problem)
{
	const CaAgent *agent = id->registered;

	if (!check_state(id, problem))
		return false;
	if (now >= agent->expires_at)
		return ca_problem_identity(problem, "agent_expired",
								   "the registration of agent \"%s\" has expired",
								   id->agent);
	return true;
}

/* A token that is bound to a certificate comes with it (RFC 8705 section 3). */
static bool
check_binding(const CaCredential *c, CaIdentityProblem *problem)
{
	const unsigned char *peer;

	if (c->token == NULL || !c->token->has_cnf)
		return true;
	peer = ca_peer_sha256();
	if (peer == NULL ||
		memcmp(peer, c->token->cnf_sha256, CA_SHA256_LEN) != 0)
		return ca_problem_identity(problem, "token_binding",
								   "the token is bound to a client certificate that this connection did not present");
	return true;
}

/*
 * Everything about an identity that may be different from a moment ago, but for the
 * session's database role.  SECURITY: nothing is noted as good here (see
 * check_current()): not all who ask look at the rest, too.
 */
static bool
check_at(CaIdentity *id, TimestampTz now, CaIdentityProblem *problem)
{
	TimestampTz ends = id->credential->refused_from;

	if (!ca_credential_in_time(id->credential, now, NULL, problem))
		return false;
	/* a certificate was renewed: its chain is to be told anew */
	if (ends != id->credential->refused_from)
		id->registry_generation = 0;
	return check_binding(id->credential, problem) &&
		ca_chain_in_time(&id->chain, now, problem) &&
		refresh(id, now, problem) &&
		check_active(id, now, problem);
}

/* Is all well, because it was and nothing has changed but the clock? */
static inline bool
is_good(const CaIdentity *id, TimestampTz now)
{
	return id->checked_world == ca_epoch_world &&
		id->checked_role == GetSessionUserId() &&
		now >= id->good_from && now < id->good_until;
}

/* Remember that all was found well, and how long the clock leaves it so. */
static void
note_good(CaIdentity *id, uint64 world)
{
	id->good_from = Max(id->credential->not_before, id->chain.not_before);
	id->good_until = Min(Min(id->credential->refused_from, id->chain.refused_from),
						 Min(id->registered->expires_at, id->chain_until));
	id->checked_role = GetSessionUserId();
	id->checked_world = world;
}

bool
ca_identity_verify_token(const CaPresented *token, CaIdentityProblem *problem)
{
	CaIdentity *id = find_identity(token, NULL, problem);
	TimestampTz now = GetCurrentTimestamp();

	return id != NULL &&
		(is_good(id, now) || (check_at(id, now, problem) && check_role(id, problem)));
}

/* Somebody has been stopped: what the tables say is newer than what was read. */
static void
notice_changes(void)
{
	uint64		changes = ca_stop_changes();

	if (changes != changes_seen)
	{
		changes_seen = changes;
		ca_registry_advance();
	}
}

bool
ca_identity_has_news(void)
{
	return ca_stop_changes() != changes_seen;
}

/* Tell those who stop others what this session rests on now. */
static void
publish(void)
{
	if (current == NULL)
	{
		ca_stop_publish(0, NULL, 0, 0);
		return;
	}
	ca_stop_publish(current->made, current->hashes, list_length(current->bases),
					current->nagents);
	ca_watcher_want();
}

/*
 * Is the session's identity good now?  What administrators can change changes
 * ca_epoch_world (registry.c; session.c for roles), so that mostly the clock is all
 * there is to look at.
 */
static bool
check_current(TimestampTz now, CaIdentityProblem *problem)
{
	uint64		world = ca_epoch_world;
	bool		valid = current != NULL && check_at(current, now, problem) &&
	check_role(current, problem);

	valid &= ca_kill_switch_off(problem);
	/* what arrived while looking has changed it: looked at next time */
	if (valid)
		note_good(current, world);
	return valid;
}

const CaIdentity *
ca_identity_current(CaIdentityProblem *problem)
{
	return ca_identity_at(GetCurrentTimestamp(), problem);
}

const CaIdentity *
ca_identity_at(TimestampTz now, CaIdentityProblem *problem)
{
	const CaPresented *token = ca_presented_token();
	const CaPresented *delegation = ca_presented_delegation();
	bool		valid;

	if (current == NULL || token != current_token ||
		delegation != current_delegation)
	{
		current = find_identity(token, delegation, problem);
		current_token = token;
		current_delegation = delegation;
	}
	publish();
	notice_changes();
	valid = likely(current != NULL && is_good(current, now)) ||
		check_current(now, problem);
	ca_epoch_enter(valid ? &current->epoch : &nobody);
	return valid ? current : NULL;
}

/*
 * SECURITY: neither is_good() nor note_good() here: whose database role was not looked
 * at must not pass for one whose was.
 */
const CaIdentity *
ca_identity_of(const CaPresented *token, const CaPresented *delegation,
			   CaIdentityProblem *problem)
{
	TimestampTz now = GetCurrentTimestamp();
	CaIdentity *id;

	notice_changes();
	id = find_identity(token, delegation, problem);
	return id != NULL && check_at(id, now, problem) && ca_kill_switch_off(problem) ?
		id : NULL;
}

/* The identity of an agent without a credential; NULL: it is not registered. */
static CaIdentity *
make_asserted(const char *agent, const char *by, CaIdentityProblem *problem)
{
	CaIdentity *id;
	CaCredential *c;
	int			len;

	if (!ca_spiffe_id_valid(agent, true, &len))
	{
		(void) ca_problem_identity(problem, "agent_unknown",
								   "subject.id is not the SPIFFE ID of an agent");
		return NULL;
	}
	id = palloc0(sizeof(CaIdentity));
	c = palloc0(sizeof(CaCredential));
	c->kind = CA_CREDENTIAL_CERTIFICATE;
	c->agent = id->agent = pstrdup(agent);
	c->trust_domain = id->trust_domain =
		pnstrdup(agent + strlen("spiffe://"), len);
	c->issuer = psprintf("asserted:%s", by);
	c->principals = &c->agent;
	c->nprincipals = 1;
	/* good for this question */
	c->expires_at = GetCurrentTimestamp();
	c->refused_from = DT_NOEND;
	c->not_before = DT_NOBEGIN;
	id->credential = c;
	id->serial = id->made = ++last_serial;
	id->context = CurrentMemoryContext;
	id->agent_context = AllocSetContextCreate(CurrentMemoryContext,
											  "contauth asserted agent",
											  ALLOCSET_SMALL_SIZES);
	if (!ca_chain_build(&id->chain, c, NULL, 0, problem) ||
		!note_bases(id, problem) ||
		!refresh_agent(id, problem))
		return NULL;
	return id;
}

/* Everything that an administrator can have against an agent. */
static bool
check_asserted(CaIdentity *id, CaIdentityProblem *problem)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		changed = false;

	return ca_revocation_check(id->bases, problem) &&
		ca_chain_refresh(&id->chain, now, &changed, &id->chain_until, problem) &&
		check_active(id, now, problem) &&
		ca_kill_switch_off(problem);
}

const CaIdentity *
ca_identity_asserted(const char *agent, const char *by, CaIdentityProblem *problem)
{
	CaIdentity *id;

	notice_changes();
	id = make_asserted(agent, by, problem);
	return id != NULL && check_asserted(id, problem) ? id : NULL;
}

const CaIdentity *
ca_identity_imagined(const char *agent, CaIdentityProblem *problem)
{
	CaIdentity *id;

	notice_changes();
	id = make_asserted(agent, "", problem);
	if (id == NULL)
		return NULL;
	id->break_glass = ca_registry_break_glass(agent, GetCurrentTimestamp());
	(void) check_asserted(id, problem);
	return id;
}

bool
ca_identity_go_on(CaIdentityProblem *problem)
{
	notice_changes();
	if (current == NULL || current->registered == NULL)
		return true;
	return ca_kill_switch_off(problem) &&
		refresh(current, DT_NOBEGIN, problem) && check_state(current, problem);
}

const CaIdentity *
ca_identity_last(void)
{
	return current != NULL && current->registered != NULL ? current : NULL;
}
