/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  What the administrators have registered: issuers and agents.
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
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

static uint64 generation = 1;
static Oid	issuer_relid = InvalidOid;
static Oid	agent_relid = InvalidOid;

/* No catalog access is possible here: compare with OIDs already looked up. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == issuer_relid || relid == agent_relid)
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

typedef struct IssuerScan
{
	const CaToken *token;		/* to verify, or NULL: only look for kid */
	const char *trust_domain;	/* issuers of this trust domain ... */
	const char *name;			/* ... or the issuer of this name */
	const char *kid;
	bool		known;
	CaTokenStatus status;
	char	   *issuer;
	unsigned char *key_digest;
} IssuerScan;

/* The key set of an issuer row; NULL when it cannot be used. */
static CaJwks *
row_jwks(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Jsonb	   *jwks = DatumGetJsonbP(ca_row_datum(tuple, desc, "jwks", &isnull));
	char	   *json = JsonbToCString(NULL, &jwks->root, VARSIZE(jwks));
	CaJwks	   *keys = NULL;
	int			nkeys;

	if (ca_jwks_parse(json, strlen(json), &keys, &nkeys) != CA_TOKEN_OK)
		return NULL;
	return keys;
}

static bool
try_issuer(HeapTuple tuple, TupleDesc desc, void *arg)
{
	IssuerScan *scan = arg;
	char	   *name = ca_row_text(tuple, desc, "issuer");
	char	   *trust_domain = ca_row_text(tuple, desc, "trust_domain");
	CaJwks	   *keys;
	CaTokenStatus status;

	if (scan->name != NULL ? strcmp(name, scan->name) != 0 :
		strcmp(trust_domain, scan->trust_domain) != 0)
		return true;

	scan->known = true;
	keys = row_jwks(tuple, desc);
	if (keys == NULL)
		return true;

	status = scan->token != NULL ? ca_token_verify(scan->token, keys) :
		CA_TOKEN_OK;
	if (status == CA_TOKEN_OK &&
		!ca_jwks_key_digest(keys, scan->kid, scan->key_digest))
		status = CA_TOKEN_UNKNOWN_KEY;
	ca_jwks_free(keys);

	/* a wrong signature says more than a key that another issuer may have */
	if (scan->status == CA_TOKEN_UNKNOWN_KEY)
		scan->status = status;
	if (status == CA_TOKEN_OK)
	{
		scan->status = CA_TOKEN_OK;
		scan->issuer = name;
		return false;
	}
	return true;
}

CaTokenStatus
ca_registry_verify(const CaToken *token, const char *trust_domain,
				   char **issuer, bool *known,
				   unsigned char key_digest[CA_SHA256_LEN])
{
	IssuerScan	scan = {0};

	scan.token = token;
	scan.trust_domain = trust_domain;
	scan.kid = token->kid;
	scan.status = CA_TOKEN_UNKNOWN_KEY;
	scan.key_digest = key_digest;

	issuer_relid = ca_table_oid(CA_TABLE_ISSUER);
	ca_table_scan(CA_TABLE_ISSUER, NULL, NULL, try_issuer, &scan);
	*issuer = scan.issuer;
	*known = scan.known;
	return scan.status;
}

bool
ca_registry_key_current(const char *issuer, const char *kid,
						const unsigned char key_digest[CA_SHA256_LEN])
{
	IssuerScan	scan = {0};
	unsigned char found[CA_SHA256_LEN];

	scan.name = issuer;
	scan.kid = kid;
	scan.status = CA_TOKEN_UNKNOWN_KEY;
	scan.key_digest = found;

	issuer_relid = ca_table_oid(CA_TABLE_ISSUER);
	ca_table_scan(CA_TABLE_ISSUER, NULL, NULL, try_issuer, &scan);
	return scan.status == CA_TOKEN_OK &&
		memcmp(found, key_digest, CA_SHA256_LEN) == 0;
}
