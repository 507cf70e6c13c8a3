/*-------------------------------------------------------------------------
 *
 * credential.c
 *	  Tokens, grants and certificates, each verified once.
 *
 * The cache is keyed by the SHA-256 of what was presented.  Each credential
 * lives in a context of its own below the cache's; the cache is emptied as a
 * whole when it has grown to CA_CREDENTIAL_CACHE_MAX, or when a setting that
 * verification depends on changes.
 *
 * SECURITY: what is found here was valid when it was verified.  Times and the
 * key that signed are looked at again at every statement, by
 * ca_credential_in_time() and ca_credential_trusted().  (test/t/003_expiry.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "base/attempt.h"
#include "base/guc.h"
#include "identity/credential.h"
#include "identity/peer.h"
#include "identity/svid.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define CA_CREDENTIAL_CACHE_MAX	512

typedef struct CacheKey
{
	unsigned char sha256[CA_SHA256_LEN];	/* of what was presented */
	uint32		kind;			/* and what it was presented as */
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;
	CaCredential *credential;
} CacheEntry;

uint64		ca_credential_resets = 1;

static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;

TimestampTz
ca_unix_to_timestamp(int64 seconds)
{
	const int64 epoch_diff = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) *
	SECS_PER_DAY;

	if (seconds - epoch_diff >= END_TIMESTAMP / USECS_PER_SEC)
		return DT_NOEND;
	return (seconds - epoch_diff) * USECS_PER_SEC;
}

void
ca_credential_forget_all(void)
{
	HASHCTL		ctl = {0};

	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext,
											  "contauth credentials",
											  ALLOCSET_DEFAULT_SIZES);
	ca_credential_resets++;
	cache = NULL;
	MemoryContextReset(cache_context);
	ctl.keysize = sizeof(CacheKey);
	ctl.entrysize = sizeof(CacheEntry);
	ctl.hcxt = cache_context;
	cache = hash_create("contauth credentials", 16, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
ca_credential_make_room(void)
{
	if (cache == NULL || hash_get_num_entries(cache) >= CA_CREDENTIAL_CACHE_MAX)
		ca_credential_forget_all();
}

/* Replace a UTF-8 string by the same in the database's encoding. */
static void
convert(char **text)
{
	if (*text != NULL)
		*text = pg_any_to_server(*text, strlen(*text), PG_UTF8);
}

static void
convert_list(CaTextList *list)
{
	for (int i = 0; i < list->n; i++)
		convert(&list->items[i]);
}

/*
 * Everything of a token that is compared with what the database holds.  Runs
 * as an attempt: a text may be beyond what the database's encoding, a claim
 * beyond what jsonb can hold.
 */
static void
convert_texts(void *arg)
{
	CaCredential *c = arg;
	CaToken    *token = c->token;
	char	   *payload = token->payload;

	c->kid = token->kid;
	convert(&c->kid);
	convert(&token->iss);
	convert(&token->sub);
	convert(&token->jti);
	convert(&token->client_id);
	for (int i = 0; i < token->nactors; i++)
	{
		convert(&token->actors[i].sub);
		convert(&token->actors[i].iss);
	}
	for (int i = 0; token->authority != NULL && i < token->authority->ndetails; i++)
	{
		convert_list(&token->authority->details[i].actions);
		convert_list(&token->authority->details[i].locations);
		convert_list(&token->authority->details[i].purposes);
	}
	convert_list(&token->purposes);
	convert(&payload);
	if (c->kind == CA_CREDENTIAL_TOKEN)
		c->claims = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
													   CStringGetDatum(payload)));
}

/* The trust domain in a SPIFFE ID that is known to be well-formed. */
static char *
trust_domain_of(const char *spiffe_id)
{
	int			len = 0;

	(void) ca_spiffe_id_valid(spiffe_id, true, &len);
	return pnstrdup(spiffe_id + strlen("spiffe://"), len);
}

/* The name of a subject that only its issuer knows (contract, section 4). */
static char *
principal_of(const CaToken *token, const char *sub)
{
	return ca_spiffe_id_valid(sub, true, NULL) ? pstrdup(sub) :
		psprintf("%s|%s", token->iss, sub);
}

/* Who is named by a token: sub is the root, the outermost act the actor. */
static void
name_principals(CaCredential *c)
{
	const CaToken *token = c->token;
	int			n = 0;

	c->principals = palloc(sizeof(char *) * (token->nactors + 1));
	c->principals[n++] = principal_of(token, token->sub);
	for (int i = token->nactors - 1; i >= 0; i--)
		c->principals[n++] = principal_of(token, token->actors[i].sub);
	c->nprincipals = n;
	c->agent = c->principals[n - 1];
	c->trust_domain = trust_domain_of(c->agent);
}

/*
 * SECURITY: an issuer speaks for one trust domain; it can name nobody of
 * another.  (test/sql/delegation.sql)
 */
static bool
check_trust_domain(const CaCredential *c, CaIdentityProblem *problem)
{
	for (int i = 0; i < c->nprincipals; i++)
	{
		if (ca_spiffe_id_valid(c->principals[i], true, NULL) &&
			strcmp(trust_domain_of(c->principals[i]), c->signer.trust_domain) != 0)
			return ca_problem_identity(problem, "issuer_trust_domain",
									   "its issuer does not speak for the trust domain of \"%s\"",
									   c->principals[i]);
	}
	return true;
}

/* Find the key of a token's issuer, and check the signature with it. */
static bool
verify_token(CaCredential *c, CaIdentityProblem *problem)
{
	const CaToken *token = c->token;
	bool		is_svid = token->profile == CA_PROFILE_JWT_SVID;
	bool		known;
	CaTokenStatus status;

	name_principals(c);
	status = is_svid ?
		ca_registry_verify_issuer(token, NULL, c->trust_domain, &c->signer, &known) :
		ca_registry_verify_issuer(token, token->iss, NULL, &c->signer, &known);
	if (!known && is_svid)
		return ca_problem_identity(problem, "issuer_unknown",
								   "no issuer is registered for trust domain \"%s\"",
								   c->trust_domain);
	if (!known)
		return ca_problem_identity(problem, "issuer_unknown",
								   "the token's issuer is not registered");
	if (status != CA_TOKEN_OK)
		return ca_problem_status(problem, status, NULL);
	return check_trust_domain(c, problem);
}

/* Find the key of a grant's delegator, and check the signature with it. */
static bool
verify_grant(CaCredential *c, const char *about, CaIdentityProblem *problem)
{
	const CaToken *grant = c->token;
	int			issuer_len;
	bool		known;
	CaTokenStatus status;

	(void) ca_principal_valid(grant->iss, &issuer_len);
	if (issuer_len == 0)
		status = ca_registry_verify_agent(grant, grant->iss, &c->signer, &known);
	else
		status = ca_registry_verify_issuer(grant,
										   pnstrdup(grant->iss, issuer_len), NULL,
										   &c->signer, &known);
	if (!known)
		return ca_problem_chain(problem, "grant_key_unknown",
								"%s: no key of its delegator is registered", about);
	return status == CA_TOKEN_OK ? true : ca_problem_status(problem, status, about);
}

/* What is presented, and as what. */
typedef struct Presentation
{
	CaCredentialKind kind;
	const char *text;			/* NULL: the connection's certificate */
	size_t		len;
	const char *about;			/* names a grant, as in "grant 2" */
} Presentation;

static char *
hex_of(const unsigned char *sha256)
{
	char	   *hex = palloc(2 * CA_SHA256_LEN + 1);

	hex[hex_encode((const char *) sha256, CA_SHA256_LEN, hex)] = '\0';
	return hex;
}

/* SECURITY: all digests by which the token or grant can be revoked. */
static bool
note_digests(CaCredential *c, const char *about, CaIdentityProblem *problem)
{
	unsigned char twin[CA_SHA256_LEN];
	CaTokenStatus status;

	c->digests = list_make1(hex_of(c->token->sha256));
	if (ca_token_twin(c->token, twin, &status))
		c->digests = lappend(c->digests, hex_of(twin));
	return status == CA_TOKEN_OK ? true : ca_problem_status(problem, status, about);
}

/* Parse, verify and validate a token or grant. */
static bool
fill_from_text(CaCredential *c, const Presentation *p, CaIdentityProblem *problem)
{
	CaTokenStatus status = c->kind == CA_CREDENTIAL_GRANT ?
	ca_grant_parse(p->text, p->len, &c->token) :
	ca_token_parse(p->text, p->len, &c->token);
	char	   *error;

	if (status != CA_TOKEN_OK)
		return ca_problem_status(problem, status, p->about);
	if (!ca_attempt(convert_texts, c, &error))
		return ca_problem_status(problem, CA_TOKEN_BAD_CLAIM, p->about);
	if (!(c->kind == CA_CREDENTIAL_GRANT ? verify_grant(c, p->about, problem) :
		  verify_token(c, problem)))
		return false;
	status = ca_token_validate(c->token, ca_guc_audience, (int64) time(NULL),
							   ca_guc_clock_skew);
	if (status != CA_TOKEN_OK)
		return ca_problem_status(problem, status, p->about);

	c->issuer = c->signer.name;
	c->id = c->token->jti;
	c->expires_at = ca_unix_to_timestamp(c->token->exp);
	c->refused_from = ca_unix_to_timestamp(c->token->exp + ca_guc_clock_skew);
	c->not_before = c->token->has_nbf ?
		ca_unix_to_timestamp(c->token->nbf - ca_guc_clock_skew) : DT_NOBEGIN;

	if (!note_digests(c, p->about, problem))
		return false;

	/* what only the verification needed: tokens are many, and up to 16 kB */
	pfree(c->token->signing_input);
	pfree(c->token->signature);
	pfree(c->token->payload);
	c->token->payload = NULL;
	c->token->signing_input = NULL;
	c->token->signature = NULL;
	return true;
}

/*
 * The credential of that digest, or a new one.  The problem's text is in the
 * caller's memory context.
 */
static CaCredential *
find_or_make(const Presentation *p, const unsigned char *sha256,
			 CaIdentityProblem *problem)
{
	CacheKey	key = {.kind = p->kind};
	CacheEntry *entry;
	MemoryContext context;
	MemoryContext old;
	CaCredential *c;

	memcpy(key.sha256, sha256, CA_SHA256_LEN);
	entry = hash_search(cache, &key, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->credential;

	context = AllocSetContextCreate(CurrentMemoryContext, "contauth credential",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	c = palloc0(sizeof(CaCredential));
	c->kind = p->kind;
	c->context = context;
	c->trusted_as_of = ca_registry_generation();
	if (!(p->kind == CA_CREDENTIAL_CERTIFICATE ? ca_svid_fill(c, problem) :
		  fill_from_text(c, p, problem)))
	{
		MemoryContextSwitchTo(old);
		problem->text = pstrdup(problem->text);
		MemoryContextDelete(context);
		return NULL;
	}
	MemoryContextSwitchTo(old);

	MemoryContextSetParent(context, cache_context);
	entry = hash_search(cache, &key, HASH_ENTER, NULL);
	entry->credential = c;
	return c;
}

bool
ca_credential_has_token(const unsigned char *sha256)
{
	CacheKey	key = {.kind = CA_CREDENTIAL_TOKEN};

	memcpy(key.sha256, sha256, CA_SHA256_LEN);
	return cache != NULL && hash_search(cache, &key, HASH_FIND, NULL) != NULL;
}

CaCredential *
ca_credential_token(const char *text, size_t len, const unsigned char *sha256,
					CaIdentityProblem *problem)
{
	Presentation p = {CA_CREDENTIAL_TOKEN, text, len, NULL};

	return find_or_make(&p, sha256, problem);
}

CaCredential *
ca_credential_grant(const char *text, size_t len, const char *about,
					CaIdentityProblem *problem)
{
	Presentation p = {CA_CREDENTIAL_GRANT, text, len, about};
	unsigned char sha256[CA_SHA256_LEN];

	if (!ca_sha256(text, len, sha256))
	{
		(void) ca_problem_status(problem, CA_TOKEN_CRYPTO_FAILURE, about);
		return NULL;
	}
	return find_or_make(&p, sha256, problem);
}

CaCredential *
ca_credential_certificate(CaIdentityProblem *problem)
{
	Presentation p = {CA_CREDENTIAL_CERTIFICATE, NULL, 0, NULL};
	const unsigned char *sha256 = ca_peer_sha256();

	if (sha256 == NULL)
	{
		(void) ca_problem_identity(problem, "no_identity", "no token was presented");
		return NULL;
	}
	return find_or_make(&p, sha256, problem);
}

/* Verify again with what is registered now. */
static bool
verify_again(CaCredential *c, const char *about, CaIdentityProblem *problem)
{
	if (c->kind == CA_CREDENTIAL_CERTIFICATE)
		return ca_svid_verify(c, problem);
	if (ca_registry_signer_current(&c->signer))
		return true;
	return about != NULL ?
		ca_problem_chain(problem, "grant_key_unknown",
						 "%s: the key that signed it is not trusted any more", about) :
		ca_problem_identity(problem, "token_key_unknown",
							"the key that signed the token is not trusted any more");
}

bool
ca_credential_trusted(CaCredential *credential, const char *about,
					  CaIdentityProblem *problem)
{
	/*
	 * Looking tables up may process invalidations: what is read after the
	 * generation was noted is at least as new.
	 */
	uint64		as_of = ca_registry_generation();

	if (credential->trusted_as_of == as_of)
		return true;
	if (!verify_again(credential, about, problem))
		return false;
	credential->trusted_as_of = as_of;
	return true;
}

bool
ca_credential_in_time(CaCredential *credential, TimestampTz now,
					  const char *about, CaIdentityProblem *problem)
{
	bool		expired = now >= credential->refused_from;

	if (!expired && now >= credential->not_before)
		return true;
	if (credential->kind == CA_CREDENTIAL_CERTIFICATE)
		return ca_svid_verify(credential, problem);
	return ca_problem_status(problem, expired ? CA_TOKEN_EXPIRED :
							 CA_TOKEN_NOT_YET_VALID, about);
}
