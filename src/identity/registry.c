/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  What the administrators have registered: issuers, agents, their keys, trust bundles.
 *
 * Nothing is cached here but a generation number: who caches what it read
 * compares the number.  It moves when a trigger on one of the tables
 * invalidates the table's relcache entry, which every session hears of when
 * the change commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/epoch.h"
#include "identity/registry.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

static uint64 generation = 1;
static Oid	issuer_relid = InvalidOid;
static Oid	agent_relid = InvalidOid;
static Oid	agent_key_relid = InvalidOid;
static Oid	trust_bundle_relid = InvalidOid;

/* No catalog access is possible here: compare with OIDs already looked up. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == issuer_relid ||
		relid == agent_relid || relid == agent_key_relid ||
		relid == trust_bundle_relid)
	{
		generation++;
		ca_epoch_advance();
	}
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

	agent_relid = ca_table_oid(CA_TABLE_AGENT);
	ca_table_scan(CA_TABLE_AGENT, "spiffe_id", spiffe_id, take_agent, &scan);
	return scan.agent;
}

/* A look through key sets: for one that verifies, or for a signer's key. */
typedef struct KeyScan
{
	const CaToken *token;		/* to verify, or NULL: look for sought */
	const CaSigner *sought;
	const char *issuer;			/* the issuer of this name, or NULL: */
	const char *trust_domain;	/* issuers of this trust domain */
	CaSigner   *signer;			/* whose key verified */
	bool		known;
	CaTokenStatus status;
} KeyScan;

/* A JSON column of a row as text in UTF-8. */
static char *
row_json(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Jsonb	   *value = DatumGetJsonbP(ca_row_datum(tuple, desc, column, &isnull));
	char	   *json = JsonbToCString(NULL, &value->root, VARSIZE(value));

	return pg_server_to_any(json, strlen(json), PG_UTF8);
}

/*
 * Try the keys of a JWK Set.  False ends the scan: the key was found.  A set
 * that cannot be used has no key.
 */
static bool
try_keys(KeyScan *scan, const char *jwks)
{
	CaJwks	   *keys;
	int			nkeys;
	CaTokenStatus status = CA_TOKEN_UNKNOWN_KEY;

	scan->known = true;
	if (ca_jwks_parse(jwks, strlen(jwks), &keys, &nkeys) != CA_TOKEN_OK)
		return true;
	if (scan->token != NULL)
		status = ca_token_verify(scan->token, keys, scan->signer->key_digest);
	else if (ca_jwks_has_key(keys, scan->sought->kid, scan->sought->key_digest))
		status = CA_TOKEN_OK;
	ca_jwks_free(keys);

	/* a wrong signature says more than a key that another set may have */
	if (scan->status == CA_TOKEN_UNKNOWN_KEY || status == CA_TOKEN_OK)
		scan->status = status;
	return status != CA_TOKEN_OK;
}

static bool
try_issuer(HeapTuple tuple, TupleDesc desc, void *arg)
{
	KeyScan    *scan = arg;
	char	   *name = ca_row_text(tuple, desc, "issuer");
	char	   *trust_domain = ca_row_text(tuple, desc, "trust_domain");

	if ((scan->issuer != NULL && strcmp(name, scan->issuer) != 0) ||
		(scan->trust_domain != NULL && strcmp(trust_domain, scan->trust_domain) != 0))
		return true;
	if (try_keys(scan, row_json(tuple, desc, "jwks")))
		return true;
	if (scan->signer != NULL)
	{
		scan->signer->name = name;
		scan->signer->trust_domain = trust_domain;
	}
	return false;
}

static bool
try_agent_key(HeapTuple tuple, TupleDesc desc, void *arg)
{
	KeyScan    *scan = arg;

	return try_keys(scan, psprintf("{\"keys\": [%s]}", row_json(tuple, desc, "jwk")));
}

static CaTokenStatus
scan_issuers(KeyScan *scan)
{
	issuer_relid = ca_table_oid(CA_TABLE_ISSUER);
	scan->status = CA_TOKEN_UNKNOWN_KEY;
	ca_table_scan(CA_TABLE_ISSUER, NULL, NULL, try_issuer, scan);
	return scan->status;
}

static CaTokenStatus
scan_agent_keys(KeyScan *scan, const char *spiffe_id)
{
	agent_key_relid = ca_table_oid(CA_TABLE_AGENT_KEY);
	scan->status = CA_TOKEN_UNKNOWN_KEY;
	ca_table_scan(CA_TABLE_AGENT_KEY, "spiffe_id", spiffe_id, try_agent_key, scan);
	return scan->status;
}

CaTokenStatus
ca_registry_verify_issuer(const CaToken *token, const char *issuer,
						  const char *trust_domain,
						  CaSigner *signer, bool *known)
{
	KeyScan		scan = {.token = token,.issuer = issuer,
	.trust_domain = trust_domain,.signer = signer};

	memset(signer, 0, sizeof(*signer));
	(void) scan_issuers(&scan);
	signer->kid = token->kid;
	*known = scan.known;
	return scan.status;
}

CaTokenStatus
ca_registry_verify_agent(const CaToken *token, const char *spiffe_id,
						 CaSigner *signer, bool *known)
{
	KeyScan		scan = {.token = token,.signer = signer};

	memset(signer, 0, sizeof(*signer));
	(void) scan_agent_keys(&scan, spiffe_id);
	signer->is_agent = true;
	signer->name = pstrdup(spiffe_id);
	signer->kid = token->kid;
	*known = scan.known;
	return scan.status;
}

bool
ca_registry_signer_current(const CaSigner *signer)
{
	KeyScan		scan = {.sought = signer};

	if (signer->is_agent)
		return scan_agent_keys(&scan, signer->name) == CA_TOKEN_OK;
	scan.issuer = signer->name;
	scan.trust_domain = signer->trust_domain;
	return scan_issuers(&scan) == CA_TOKEN_OK;
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

	trust_bundle_relid = ca_table_oid(CA_TABLE_TRUST_BUNDLE);
	ca_table_scan(CA_TABLE_TRUST_BUNDLE, "trust_domain", trust_domain,
				  take_trust_bundle, &pem);
	return pem;
}
