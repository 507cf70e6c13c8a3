/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  What the administrators have registered: issuers, agents, their keys, trust bundles.
 *
 * Nothing is cached here but a generation number: who caches what it read, as
 * keyring.c does, compares the number.  It moves when a trigger on one of the
 * tables invalidates the table's relcache entry, which every session hears of
 * when the change commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/epoch.h"
#include "identity/keyring.h"
#include "identity/registry.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

static uint64 generation = 1;
static Oid	watched[CA_TABLE_COUNT];	/* OIDs of tables that have been read */

void
ca_registry_advance(void)
{
	generation++;
	ca_epoch_advance();
}

/* No catalog access is possible here: compare with OIDs already looked up. */
static void
relation_changed(Datum arg, Oid relid)
{
	bool		changed = ca_keyring_changed(relid);

	for (int i = 0; i < CA_TABLE_COUNT; i++)
		changed |= relid == watched[i];
	if (changed)
		ca_registry_advance();
}

void
ca_registry_watch(CaTable table)
{
	watched[table] = ca_table_oid(table);
}

void
ca_registry_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

uint64
ca_registry_generation(void)
{
	return generation;
}

typedef struct AgentScan
{
	CaAgent    *agent;
} AgentScan;

static bool
take_agent(HeapTuple tuple, TupleDesc desc, void *arg)
{
	AgentScan  *scan = arg;
	CaAgent    *agent = palloc0(sizeof(CaAgent));
	bool		isnull;

	agent->spiffe_id = ca_row_text(tuple, desc, "spiffe_id");
	agent->owner = ca_row_text(tuple, desc, "owner");
	agent->state = ca_row_text(tuple, desc, "state");
	agent->db_roles = ca_row_text_array(tuple, desc, "db_roles");
	agent->autonomy = DatumGetInt32(ca_row_datum(tuple, desc, "autonomy", &isnull));
	agent->attributes =
		DatumGetJsonbPCopy(ca_row_datum(tuple, desc, "attributes", &isnull));
	agent->expires_at =
		DatumGetTimestampTz(ca_row_datum(tuple, desc, "expires_at", &isnull));
	agent->row_xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	agent->row_tid = tuple->t_self;
	scan->agent = agent;
	return false;
}

CaAgent *
ca_registry_agent(const char *spiffe_id)
{
	AgentScan	scan = {NULL};

	ca_registry_watch(CA_TABLE_AGENT);
	ca_table_scan(CA_TABLE_AGENT, "spiffe_id", spiffe_id, take_agent, &scan);
	return scan.agent;
}

static bool
take_agent_id(HeapTuple tuple, TupleDesc desc, void *arg)
{
	List	  **ids = arg;

	if (strcmp(ca_row_text(tuple, desc, "state"), "retired") != 0)
		*ids = lappend(*ids, ca_row_text(tuple, desc, "spiffe_id"));
	return true;
}

static int
by_text(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

List *
ca_registry_agents(void)
{
	List	   *ids = NIL;

	ca_table_scan(CA_TABLE_AGENT, NULL, NULL, take_agent_id, &ids);
	list_sort(ids, by_text);
	return ids;
}

/* A look for the break-glass that is open at a time. */
typedef struct BreakGlassScan
{
	TimestampTz now;
	CaBreakGlass open;
} BreakGlassScan;

static bool
take_break_glass(HeapTuple tuple, TupleDesc desc, void *arg)
{
	BreakGlassScan *scan = arg;
	TimestampTz until;
	bool		closed;
	bool		isnull;

	(void) ca_row_datum(tuple, desc, "closed_at", &isnull);
	closed = !isnull;
	until = DatumGetTimestampTz(ca_row_datum(tuple, desc, "ends_at", &isnull));
	if (closed || until <= scan->now || until <= scan->open.until)
		return true;
	scan->open.id = *DatumGetUUIDP(ca_row_datum(tuple, desc, "id", &isnull));
	scan->open.until = until;
	return true;
}

CaBreakGlass
ca_registry_break_glass(const char *spiffe_id, TimestampTz now)
{
	BreakGlassScan scan = {now};

	ca_registry_watch(CA_TABLE_BREAK_GLASS);
	ca_table_scan(CA_TABLE_BREAK_GLASS, "agent", spiffe_id, take_break_glass, &scan);
	return scan.open;
}

/* A look through key sets: for one that verifies, or for a signer's key. */
typedef struct KeySearch
{
	const CaToken *token;		/* to verify, or NULL: look for sought */
	const CaSigner *sought;
	unsigned char key_digest[CA_SHA256_LEN];	/* of the key that verified */
	CaTokenStatus status;
} KeySearch;

/* Try the keys of a set.  True: the key was found. */
static bool
try_keys(KeySearch *search, CaKeySet *set)
{
	const CaJwks *keys = ca_keyset_keys(set);
	CaTokenStatus status = CA_TOKEN_UNKNOWN_KEY;

	if (keys == NULL)
		return false;
	if (search->token != NULL)
		status = ca_token_verify(search->token, keys, search->key_digest);
	else if (ca_jwks_has_key(keys, search->sought->kid, search->sought->key_digest))
		status = CA_TOKEN_OK;

	/* a wrong signature says more than a key that another set may have */
	if (search->status == CA_TOKEN_UNKNOWN_KEY || status == CA_TOKEN_OK)
		search->status = status;
	return status == CA_TOKEN_OK;
}

/*
 * Try the issuer of that name, and those bound to the trust domain; NULL asks
 * for neither.  The set that has the key, or NULL.
 */
static const CaKeySet *
try_issuers(KeySearch *search, const char *issuer, const char *trust_domain,
			bool *known)
{
	ListCell   *lc;

	*known = false;
	foreach(lc, unconstify(List *, ca_keyring_issuers()))
	{
		CaKeySet   *set = lfirst(lc);

		if ((issuer != NULL && strcmp(set->issuer, issuer) != 0) ||
			(trust_domain != NULL && strcmp(set->trust_domain, trust_domain) != 0))
			continue;
		*known = true;
		if (try_keys(search, set))
			return set;
	}
	return NULL;
}

static bool
try_agent(KeySearch *search, const char *spiffe_id, bool *known)
{
	ListCell   *lc;

	*known = false;
	foreach(lc, unconstify(List *, ca_keyring_agent(spiffe_id)))
	{
		*known = true;
		if (try_keys(search, lfirst(lc)))
			return true;
	}
	return false;
}

CaTokenStatus
ca_registry_verify_issuer(const CaToken *token, const char *issuer,
						  const char *trust_domain,
						  CaSigner *signer, bool *known)
{
	KeySearch	search = {.token = token,.status = CA_TOKEN_UNKNOWN_KEY};
	const CaKeySet *set = try_issuers(&search, issuer, trust_domain, known);

	memset(signer, 0, sizeof(*signer));
	if (set != NULL)
	{
		signer->name = pstrdup(set->issuer);
		signer->trust_domain = pstrdup(set->trust_domain);
		signer->kid = token->kid;
		memcpy(signer->key_digest, search.key_digest, CA_SHA256_LEN);
	}
	return search.status;
}

CaTokenStatus
ca_registry_verify_agent(const CaToken *token, const char *spiffe_id,
						 CaSigner *signer, bool *known)
{
	KeySearch	search = {.token = token,.status = CA_TOKEN_UNKNOWN_KEY};

	memset(signer, 0, sizeof(*signer));
	if (try_agent(&search, spiffe_id, known))
	{
		signer->is_agent = true;
		signer->name = pstrdup(spiffe_id);
		signer->kid = token->kid;
		memcpy(signer->key_digest, search.key_digest, CA_SHA256_LEN);
	}
	return search.status;
}

bool
ca_registry_signer_current(const CaSigner *signer)
{
	KeySearch	search = {.sought = signer,.status = CA_TOKEN_UNKNOWN_KEY};
	bool		known;

	return signer->is_agent ? try_agent(&search, signer->name, &known) :
		try_issuers(&search, signer->name, signer->trust_domain, &known) != NULL;
}

static bool
take_trust_bundle(HeapTuple tuple, TupleDesc desc, void *arg)
{
	*(char **) arg = ca_row_text(tuple, desc, "ca_pem");
	return false;
}

char *
ca_registry_trust_bundle(const char *trust_domain)
{
	char	   *pem = NULL;

	ca_registry_watch(CA_TABLE_TRUST_BUNDLE);
	ca_table_scan(CA_TABLE_TRUST_BUNDLE, "trust_domain", trust_domain,
				  take_trust_bundle, &pem);
	return pem;
}
