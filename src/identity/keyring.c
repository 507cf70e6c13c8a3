/*-------------------------------------------------------------------------
 *
 * keyring.c
 *	  The keys of issuers and agents, parsed once.
 *
 * Making OpenSSL's keys out of a JWK Set costs more than fifty signature
 * checks, so they are kept.  The cache owns one context and is emptied as a
 * whole when one of its two tables changes, or when it holds the keys of many
 * agents.  Emptying waits for the next call, because invalidations arrive in
 * the middle of anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "identity/keyring.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#define MAX_AGENTS	1024		/* agents whose keys are kept */
#define NAME_LEN	2049		/* longest SPIFFE ID, and its end */

/* An agent's keys, by its SPIFFE ID. */
typedef struct AgentKeys
{
	char		spiffe_id[NAME_LEN];
	List	   *sets;
} AgentKeys;

static MemoryContext keyring_context = NULL;
static bool keyring_valid = false;
static bool issuers_read = false;
static List *issuers = NIL;
static HTAB *agents = NULL;
static Oid	issuer_relid = InvalidOid;
static Oid	agent_key_relid = InvalidOid;

bool
ca_keyring_changed(Oid relid)
{
	/* no catalog access is possible here: compare with OIDs looked up before */
	if (relid != InvalidOid && relid != issuer_relid && relid != agent_key_relid)
		return false;
	keyring_valid = false;
	return true;
}

/* Start anew if what is kept may be out of date, or is too much. */
static void
refresh_keyring(void)
{
	HASHCTL		ctl = {0};

	if (keyring_valid && hash_get_num_entries(agents) < MAX_AGENTS)
		return;
	if (keyring_context == NULL)
		keyring_context = AllocSetContextCreate(CacheMemoryContext,
												"contauth keys",
												ALLOCSET_DEFAULT_SIZES);
	keyring_valid = false;
	issuers = NIL;
	issuers_read = false;
	MemoryContextReset(keyring_context);
	ctl.keysize = NAME_LEN;
	ctl.entrysize = sizeof(AgentKeys);
	ctl.hcxt = keyring_context;
	agents = hash_create("contauth keys of agents", 16, &ctl,
						 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	issuer_relid = ca_table_oid(CA_TABLE_ISSUER);
	agent_key_relid = ca_table_oid(CA_TABLE_AGENT_KEY);
	/* a change that arrives while reading makes it stale again */
	keyring_valid = true;
}

/* A JSON column of a row as text in UTF-8. */
static char *
row_json(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Jsonb	   *value = DatumGetJsonbP(ca_row_datum(tuple, desc, column, &isnull));
	char	   *json = JsonbToCString(NULL, &value->root, VARSIZE(value));

	return pg_server_to_any(json, strlen(json), PG_UTF8);
}

static bool
take_issuer(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CaKeySet   *set = palloc0(sizeof(CaKeySet));

	set->issuer = ca_row_text(tuple, desc, "issuer");
	set->trust_domain = ca_row_text(tuple, desc, "trust_domain");
	set->json = row_json(tuple, desc, "jwks");
	*(List **) arg = lappend(*(List **) arg, set);
	return true;
}

static bool
take_agent_key(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CaKeySet   *set = palloc0(sizeof(CaKeySet));

	set->json = psprintf("{\"keys\": [%s]}", row_json(tuple, desc, "jwk"));
	*(List **) arg = lappend(*(List **) arg, set);
	return true;
}

const List *
ca_keyring_issuers(void)
{
	refresh_keyring();
	if (!issuers_read)
	{
		MemoryContext old = MemoryContextSwitchTo(keyring_context);
		List	   *found = NIL;

		ca_table_scan(CA_TABLE_ISSUER, NULL, NULL, take_issuer, &found);
		MemoryContextSwitchTo(old);
		issuers = found;
		issuers_read = true;
	}
	return issuers;
}

const List *
ca_keyring_agent(const char *spiffe_id)
{
	MemoryContext old;
	AgentKeys  *entry;
	List	   *found = NIL;

	refresh_keyring();
	entry = hash_search(agents, spiffe_id, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->sets;

	old = MemoryContextSwitchTo(keyring_context);
	ca_table_scan(CA_TABLE_AGENT_KEY, "spiffe_id", spiffe_id, take_agent_key, &found);
	MemoryContextSwitchTo(old);
	entry = hash_search(agents, spiffe_id, HASH_ENTER, NULL);
	entry->sets = found;
	return found;
}

static void
free_keys(void *arg)
{
	ca_jwks_free(arg);
}

const CaJwks *
ca_keyset_keys(CaKeySet *set)
{
	MemoryContextCallback *callback;
	MemoryContext old;
	int			nkeys;

	if (set->json == NULL)
		return set->keys;

	old = MemoryContextSwitchTo(keyring_context);
	callback = palloc(sizeof(MemoryContextCallback));
	if (ca_jwks_parse(set->json, strlen(set->json), &set->keys, &nkeys) == CA_TOKEN_OK)
	{
		callback->func = free_keys;
		callback->arg = set->keys;
		MemoryContextRegisterResetCallback(keyring_context, callback);
	}
	pfree(set->json);
	set->json = NULL;
	MemoryContextSwitchTo(old);
	return set->keys;
}
