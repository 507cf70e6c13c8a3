/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Who the session is: the verified agent behind its token.
 *
 * The setting contauth.token is the one place where a token enters, so that
 * SET, SET LOCAL, savepoints, ROLLBACK and RESET have their usual meaning.
 * Its check hook takes the token apart, keeps it in the setting's "extra" and
 * puts the token's SHA-256 in place of the value: nothing that reads settings
 * can see a token.  authenticate() sets the same setting.
 *
 * A token is verified once; the result is kept by digest in a cache that owns
 * one memory context and is emptied as a whole when it has grown to
 * CA_IDENTITY_CACHE_MAX.  Times, registration and issuer key are looked at on
 * every call of ca_identity_current().
 *
 * SECURITY: a token is refused from files, ALTER ROLE/DATABASE SET and
 * function SET clauses, where it would be stored.  (test/sql/identity.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/attempt.h"
#include "base/compat.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "identity/identity.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"

#define CA_IDENTITY_CACHE_MAX	256
#define CA_TOKEN_SETTING		"contauth.token"
#define CA_DIGEST_PREFIX		"sha256:"

/* What the setting holds: one flat chunk, owned by the settings code. */
typedef struct CaPresented
{
	unsigned char sha256[CA_SHA256_LEN];
	size_t		len;
	char		token[FLEXIBLE_ARRAY_MEMBER];
} CaPresented;

bool		ca_identity_locked = false;

static CaPresented *presented = NULL;
static CaPresented *from_connection = NULL; /* as a connection option */
static bool connection_void = false;	/* RESET ALL or DISCARD ALL came since */
static CaIdentity *current = NULL;	/* of presented, or NULL: look it up */
static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;
static uint64 last_serial = 0;

/*
 * Seconds of the Unix epoch as a timestamp; times beyond what a timestamp
 * holds become infinity.
 */
static TimestampTz
unix_to_timestamp(int64 seconds)
{
	const int64 epoch_diff = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
	SECS_PER_DAY;

	if (seconds - epoch_diff >= END_TIMESTAMP / USECS_PER_SEC)
		return DT_NOEND;
	return (seconds - epoch_diff) * USECS_PER_SEC;
}

static void
set_problem(CaIdentityProblem *problem, const char *code, const char *text)
{
	problem->code = code;
	problem->text = pstrdup(text);
}

/* Codes for what can be wrong with a token, as records name them. */
static const char *
token_problem_code(CaTokenStatus status)
{
	switch (status)
	{
		case CA_TOKEN_EXPIRED:
			return "token_expired";
		case CA_TOKEN_NOT_YET_VALID:
			return "token_not_yet_valid";
		case CA_TOKEN_WRONG_AUDIENCE:
			return "token_audience";
		case CA_TOKEN_BAD_SIGNATURE:
			return "token_signature";
		case CA_TOKEN_UNKNOWN_KEY:
			return "token_key_unknown";
		default:
			return "token_invalid";
	}
}

static void
reset_cache(void)
{
	HASHCTL		ctl = {0};

	current = NULL;
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext,
											  "contauth identities",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(cache_context);
	ctl.keysize = CA_SHA256_LEN;
	ctl.entrysize = sizeof(CaIdentity);
	ctl.hcxt = cache_context;
	cache = hash_create("contauth identities", 16, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
ca_identity_init(void)
{
	ca_registry_init();
}

bool
ca_identity_presented(void)
{
	return presented != NULL;
}

const unsigned char *
ca_identity_token_sha256(void)
{
	return presented != NULL ? presented->sha256 : NULL;
}

/*
 * Everything that is decided once for a token: form, signature, issuer.
 * Times are left to the caller.
 */
static CaToken *
verify_token(const CaPresented *p, char **issuer, int *td_len,
			 unsigned char key_digest[CA_SHA256_LEN],
			 CaIdentityProblem *problem)
{
	CaToken    *token;
	CaTokenStatus status = ca_token_parse(p->token, p->len, &token);
	bool		known = false;

	if (status == CA_TOKEN_OK &&
		!ca_spiffe_id_valid(token->sub, true, td_len))
		status = CA_TOKEN_BAD_SPIFFE_ID;
	if (status == CA_TOKEN_OK)
	{
		char	   *trust_domain = pnstrdup(token->sub + strlen("spiffe://"), *td_len);

		status = ca_registry_verify(token, trust_domain, issuer, &known, key_digest);
		if (!known)
		{
			set_problem(problem, "issuer_unknown",
						psprintf("no issuer is registered for trust domain \"%s\"",
								 trust_domain));
			return NULL;
		}
	}
	if (status != CA_TOKEN_OK)
	{
		set_problem(problem, token_problem_code(status),
					ca_token_status_text(status));
		return NULL;
	}
	return token;
}

/* What is taken from a token, in the database's encoding. */
typedef struct CaClaims
{
	const CaToken *token;
	Datum		jsonb;
	char	   *kid;
	char	   *jti;
} CaClaims;

static char *
from_utf8(const char *text)
{
	return text == NULL ? NULL :
		pg_any_to_server(text, strlen(text), PG_UTF8);
}

/*
 * A claim may be beyond what jsonb can hold, such as a huge number, or what
 * the database's encoding can.
 */
static void
convert_claims(void *arg)
{
	CaClaims   *claims = arg;

	claims->jsonb = DirectFunctionCall1(jsonb_in,
										CStringGetDatum(from_utf8(claims->token->payload)));
	claims->kid = from_utf8(claims->token->kid);
	claims->jti = from_utf8(claims->token->jti);
}

/* Put a verified token into the cache. */
static CaIdentity *
remember_identity(const CaPresented *p, const CaToken *token, char *issuer,
				  int td_len, const unsigned char *key_digest,
				  CaIdentityProblem *problem)
{
	CaClaims	claims = {token};
	char	   *error;
	MemoryContext old;
	CaIdentity *id;
	bool		found;

	if (!ca_attempt(convert_claims, &claims, &error))
	{
		set_problem(problem, "token_invalid", "a claim is beyond what the server can hold");
		return NULL;
	}
	if (cache == NULL || hash_get_num_entries(cache) >= CA_IDENTITY_CACHE_MAX)
		reset_cache();

	/* make all copies first: an entry must never be half filled */
	old = MemoryContextSwitchTo(cache_context);
	{
		CaIdentity	fresh = {0};

		memcpy(fresh.sha256, p->sha256, CA_SHA256_LEN);
		fresh.serial = ++last_serial;
		fresh.agent = pstrdup(token->sub);
		fresh.trust_domain = pnstrdup(token->sub + strlen("spiffe://"), td_len);
		fresh.issuer = pstrdup(issuer);
		fresh.kid = pstrdup(claims.kid);
		fresh.jti = claims.jti != NULL ? pstrdup(claims.jti) : NULL;
		memcpy(fresh.key_digest, key_digest, CA_SHA256_LEN);
		fresh.expires_at = unix_to_timestamp(token->exp);
		fresh.refused_from = unix_to_timestamp(token->exp + ca_guc_clock_skew);
		fresh.not_before = token->has_nbf ?
			unix_to_timestamp(token->nbf - ca_guc_clock_skew) : 0;
		fresh.claims = (Jsonb *) PG_DETOAST_DATUM_COPY(claims.jsonb);
		fresh.context = AllocSetContextCreate(cache_context,
											  "contauth registered agent",
											  ALLOCSET_SMALL_SIZES);

		id = hash_search(cache, p->sha256, HASH_ENTER, &found);
		*id = fresh;
	}
	MemoryContextSwitchTo(old);
	return id;
}

/* The cached identity of the token presented, verifying it when it is new. */
static CaIdentity *
resolve_presented(CaIdentityProblem *problem)
{
	CaIdentity *id = NULL;
	CaToken    *token;
	char	   *issuer = NULL;
	int			td_len = 0;
	unsigned char key_digest[CA_SHA256_LEN];

	if (cache != NULL)
		id = hash_search(cache, presented->sha256, HASH_FIND, NULL);
	if (id != NULL)
		return id;

	token = verify_token(presented, &issuer, &td_len, key_digest, problem);
	if (token == NULL)
		return NULL;

	/*
	 * The audience belongs to the verification; a change of contauth.audience
	 * reaches tokens that are already cached when they are presented to a new
	 * session.
	 */
	switch (ca_token_validate(token, ca_guc_audience,
							  (int64) time(NULL), ca_guc_clock_skew))
	{
		case CA_TOKEN_OK:
			break;
		case CA_TOKEN_EXPIRED:
			set_problem(problem, "token_expired", "the token has expired");
			return NULL;
		case CA_TOKEN_NOT_YET_VALID:
			set_problem(problem, "token_not_yet_valid", "the token is not yet valid");
			return NULL;
		default:
			set_problem(problem, "token_audience",
						"the token is not meant for this server's contauth.audience");
			return NULL;
	}
	return remember_identity(presented, token, issuer, td_len, key_digest, problem);
}

/*
 * Read the registration again when it may have changed.  False: the token's
 * key is not the issuer's any more, or the agent is not registered.
 */
static bool
refresh_registration(CaIdentity *id, CaIdentityProblem *problem)
{
	MemoryContext old;
	TransactionId xmin = InvalidTransactionId;
	ItemPointerData tid;

	/*
	 * Looking tables up may process invalidations: what is read after the
	 * generation was noted is at least as new.
	 */
	if (id->registry_generation == ca_registry_generation())
		return true;

	ItemPointerSetInvalid(&tid);
	if (id->registered != NULL)
	{
		xmin = id->registered->row_xmin;
		tid = id->registered->row_tid;
	}
	id->registered = NULL;
	MemoryContextReset(id->context);
	id->registry_generation = ca_registry_generation();
	if (ca_registry_key_current(id->issuer, id->kid, id->key_digest))
	{
		old = MemoryContextSwitchTo(id->context);
		id->registered = ca_registry_agent(id->agent);
		MemoryContextSwitchTo(old);
		if (id->registered != NULL)
		{
			/* the same row: nothing that depends on the agent has changed */
			if (id->registered->row_xmin != xmin ||
				!ItemPointerEquals(&id->registered->row_tid, &tid))
				id->serial = ++last_serial;
			return true;
		}
		set_problem(problem, "agent_unknown",
					psprintf("agent \"%s\" is not registered", id->agent));
	}
	else
		set_problem(problem, "token_key_unknown",
					"the key that signed the token is not trusted any more");
	id->registry_generation = 0;
	return false;
}

/* State, expiry and database role of the registered agent. */
static bool
check_registration(const CaIdentity *id, TimestampTz now,
				   CaIdentityProblem *problem)
{
	const CaAgent *agent = id->registered;
	ListCell   *lc;
	char	   *role;

	if (strcmp(agent->state, "active") != 0)
	{
		set_problem(problem,
					strcmp(agent->state, "suspended") == 0 ?
					"agent_suspended" : "agent_retired",
					psprintf("agent \"%s\" is %s", id->agent, agent->state));
		return false;
	}
	if (now >= agent->expires_at)
	{
		set_problem(problem, "agent_expired",
					psprintf("the registration of agent \"%s\" has expired", id->agent));
		return false;
	}

	role = GetUserNameFromId(GetSessionUserId(), true);
	foreach(lc, agent->db_roles)
	{
		if (role != NULL && strcmp(role, lfirst(lc)) == 0)
		{
			pfree(role);
			return true;
		}
	}
	set_problem(problem, "wrong_role",
				psprintf("agent \"%s\" is not registered for database role \"%s\"",
						 id->agent, role != NULL ? role : "?"));
	return false;
}

const CaIdentity *
ca_identity_current(CaIdentityProblem *problem)
{
	TimestampTz now;

	if (presented == NULL)
	{
		set_problem(problem, "no_identity", "no token was presented");
		return NULL;
	}
	if (current == NULL)
		current = resolve_presented(problem);
	if (current == NULL)
		return NULL;

	now = GetCurrentTimestamp();
	if (now >= current->refused_from)
	{
		set_problem(problem, "token_expired", "the token has expired");
		return NULL;
	}
	if (now < current->not_before)
	{
		set_problem(problem, "token_not_yet_valid", "the token is not yet valid");
		return NULL;
	}
	if (!refresh_registration(current, problem) ||
		!check_registration(current, now, problem))
		return NULL;
	return current;
}

const CaIdentity *
ca_identity_last(void)
{
	return current != NULL && current->registered != NULL ? current : NULL;
}

void
ca_identity_chain_json(const CaIdentity *identity, StringInfo buf)
{
	appendStringInfoString(buf, "[{\"principal\": ");
	escape_json(buf, identity->agent);
	appendStringInfoString(buf, ", \"kind\": \"agent\", \"issuer\": ");
	escape_json(buf, identity->issuer);
	if (identity->jti != NULL)
	{
		appendStringInfoString(buf, ", \"id\": ");
		escape_json(buf, identity->jti);
	}
	appendStringInfoString(buf, ", \"expires_at\": ");
	escape_json(buf, timestamptz_to_str(identity->expires_at));
	appendStringInfoString(buf, "}]");
}

/* May a token come from this source?  Only from the session itself. */
static bool
source_may_present(GucSource source)
{
	return source == PGC_S_CLIENT || source == PGC_S_SESSION;
}

/* Replace the token in *newval by its digest and keep it in *extra. */
static bool
conceal_token(char **newval, void **extra, const CaToken *token)
{
	size_t		len = strlen(*newval);
	CaPresented *p = ca_guc_malloc(offsetof(CaPresented, token) + len + 1);
	char	   *shown = ca_guc_malloc(strlen(CA_DIGEST_PREFIX) + CA_SHA256_HEXLEN + 1);

	if (p == NULL || shown == NULL)
		return false;
	memcpy(p->sha256, token->sha256, CA_SHA256_LEN);
	p->len = len;
	memcpy(p->token, *newval, len + 1);

	memcpy(shown, CA_DIGEST_PREFIX, strlen(CA_DIGEST_PREFIX));
	ca_digest_hex(token->sha256, shown + strlen(CA_DIGEST_PREFIX));

	explicit_bzero(*newval, len);
	ca_guc_free(*newval);
	*newval = shown;
	*extra = p;
	return true;
}

/*
 * Refuse a token at once when it is presented by a statement, so that the
 * error comes from SET or authenticate() and leaves the setting as it was.
 * One that comes with the connection is judged at the first statement.
 */
static bool
verify_at_once(CaPresented *p)
{
	CaPresented *before = presented;
	CaIdentityProblem problem = {0};
	bool		ok;

	PG_TRY();
	{
		presented = p;
		current = NULL;
		ok = ca_identity_current(&problem) != NULL;
	}
	PG_FINALLY();
	{
		/* the cache may have been emptied: look the old one up again */
		presented = before;
		current = NULL;
	}
	PG_END_TRY();

	if (!ok)
	{
		GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
		GUC_check_errmsg("the token is refused: %s", problem.text);
	}
	return ok;
}

bool
ca_identity_token_check(char **newval, void **extra, GucSource source)
{
	CaToken    *token = NULL;
	CaTokenStatus status;

	/* a parallel worker gets the digest only, and decides nothing */
	if (InitializingParallelWorker)
		return true;

	if (ca_identity_locked && source == PGC_S_SESSION)
	{
		GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
		GUC_check_errmsg("the identity cannot change inside a statement that does something else");
		return false;
	}
	if (*newval == NULL || **newval == '\0')
		return true;
	if (!source_may_present(source))
	{
		GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
		GUC_check_errmsg("contauth.token can only be set by the session itself");
		return false;
	}

	status = ca_token_parse(*newval, strlen(*newval), &token);
	if (status != CA_TOKEN_OK)
	{
		GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
		GUC_check_errmsg("the token is refused: %s", ca_token_status_text(status));
		return false;
	}
	if (!conceal_token(newval, extra, token))
		return false;
	if (source == PGC_S_CLIENT)
		from_connection = *extra;
	if (source == PGC_S_SESSION && IsTransactionState() &&
		!verify_at_once(*extra))
	{
		ca_guc_free(*extra);
		*extra = NULL;
		return false;
	}
	return true;
}

void
ca_identity_token_assign(const char *newval, void *extra)
{
	/*
	 * SECURITY: after DISCARD ALL or RESET ALL the connection may be somebody
	 * else's: RESET must not bring its opener's token back.
	 */
	if (extra == from_connection && connection_void)
		extra = NULL;
	/* plans of a person must not serve an agent, nor the other way round */
	if ((presented == NULL) != (extra == NULL))
		ResetPlanCache();
	presented = extra;
	current = NULL;
	ca_epoch_advance();
}

/*
 * Inside a transaction block the identity ends with the transaction, as with
 * SET LOCAL; outside it lasts for the session.
 */
void
ca_identity_present(const char *token)
{
	(void) set_config_option(CA_TOKEN_SETTING, token,
							 PGC_USERSET, PGC_S_SESSION,
							 IsTransactionBlock() ? GUC_ACTION_LOCAL : GUC_ACTION_SET,
							 true, ERROR, false);
}

void
ca_identity_clear(void)
{
	connection_void = true;
	if (presented != NULL)
		(void) set_config_option(CA_TOKEN_SETTING, "",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
								 true, ERROR, false);
}
