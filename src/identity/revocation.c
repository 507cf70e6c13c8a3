/*-------------------------------------------------------------------------
 *
 * revocation.c
 *	  Who and what has been revoked, and the kill switch.
 *
 * An identity rests on its actor, on everybody in its chain, on who vouches
 * for each of them and on what was presented.  All of it is listed once, when
 * the identity is put together, and looked for in contauth.revocation whenever
 * the registry may have changed.
 *
 * SECURITY: a token is listed with its twin (token/twin.c), an issuer also
 * where it only names somebody, a trust domain wherever one of its names
 * stands.  (test/sql/revocation.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "common/hashfn.h"
#include "identity/revocation.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

/* Bytes of an id: as much as a principal can be long. */
#define MAX_ID	4096

static const struct
{
	const char *name;
	const char *code;			/* reason_code */
	CaStopReason reason;
	const char *what;			/* of the sentence "... is revoked" */
}			kinds[CA_REVOKE_KINDS] =

{
	[CA_REVOKE_AGENT] = {"agent", "agent_revoked", CA_STOP_AGENT_REVOKED, "agent \"%s\""},
	[CA_REVOKE_TOKEN] = {"token", "token_revoked", CA_STOP_TOKEN_REVOKED, "the token"},
	[CA_REVOKE_GRANT] = {"grant", "grant_revoked", CA_STOP_GRANT_REVOKED, "a grant of the chain"},
	[CA_REVOKE_PRINCIPAL] = {"principal", "principal_revoked", CA_STOP_PRINCIPAL_REVOKED, "\"%s\""},
	[CA_REVOKE_ISSUER] = {"issuer", "issuer_revoked", CA_STOP_ISSUER_REVOKED, "issuer \"%s\""},
	[CA_REVOKE_TRUST_DOMAIN] = {"trust_domain", "trust_domain_revoked",
	CA_STOP_TRUST_DOMAIN_REVOKED, "trust domain \"%s\""},
};

/* The kill switch as it was when the registry had this generation. */
static uint64 switch_as_of = 0;
static bool switch_on = false;

CaRevocationKind
ca_revocation_kind(const char *name)
{
	int			kind = 0;

	while (kind < CA_REVOKE_KINDS && strcmp(kinds[kind].name, name) != 0)
		kind++;
	return kind;
}

CaStopReason
ca_revocation_reason(CaRevocationKind kind)
{
	return kinds[kind].reason;
}

CaStopReason
ca_agent_state_reason(const char *state)
{
	return strcmp(state, "active") == 0 ? CA_STOP_NONE :
		strcmp(state, "suspended") == 0 ? CA_STOP_AGENT_SUSPENDED : CA_STOP_AGENT_RETIRED;
}

uint64
ca_revocation_hash(CaRevocationKind kind, const char *id)
{
	return hash_bytes_extended((const unsigned char *) id, strlen(id), kind + 1);
}

/* A digest has one spelling, in small letters; a jti is as it is. */
static char *
small_digest(const char *text)
{
	const Size	len = strlen(text);

	return len == 2 * CA_SHA256_LEN && strspn(text, "0123456789abcdefABCDEF") == len ?
		asc_tolower(text, len) : pstrdup(text);
}

char *
ca_revocation_id(CaRevocationKind kind, const char *text, const char **problem)
{
	int			issuer_len;

	*problem = NULL;
	if (text[0] == '\0' || strlen(text) > MAX_ID)
		*problem = "it must be 1 to 4096 bytes long";
	else if (kind == CA_REVOKE_AGENT && !ca_spiffe_id_valid(text, true, NULL))
		*problem = "it is not a SPIFFE ID with a path";
	else if (kind == CA_REVOKE_PRINCIPAL && !ca_principal_valid(text, &issuer_len))
		*problem = "it is neither a SPIFFE ID with a path nor \"issuer|subject\"";
	else if (kind == CA_REVOKE_ISSUER && strchr(text, '|') != NULL)
		*problem = "it must not contain \"|\"";
	else if (kind == CA_REVOKE_TRUST_DOMAIN && !ca_trust_domain_valid(text))
		*problem = "it is not a SPIFFE trust domain name";
	return *problem != NULL ? NULL : small_digest(text);
}

static List *
add(List *bases, CaRevocationKind kind, const char *id, bool of_chain)
{
	CaBasis    *basis;
	ListCell   *lc;

	if (id == NULL || id[0] == '\0')
		return bases;
	foreach(lc, bases)
	{
		basis = lfirst(lc);
		if (basis->kind == kind && strcmp(basis->id, id) == 0)
		{
			basis->of_chain &= of_chain;
			return bases;
		}
	}
	basis = palloc(sizeof(CaBasis));
	basis->kind = kind;
	basis->id = small_digest(id);
	basis->of_chain = of_chain;
	return lappend(bases, basis);
}

/* Somebody, and who can vouch for such a name. */
static List *
add_principal(List *bases, const char *principal, bool of_chain)
{
	int			len;

	bases = add(bases, CA_REVOKE_PRINCIPAL, principal, of_chain);
	if (ca_spiffe_id_valid(principal, true, &len))
	{
		bases = add(bases, CA_REVOKE_AGENT, principal, of_chain);
		return add(bases, CA_REVOKE_TRUST_DOMAIN,
				   pnstrdup(principal + strlen("spiffe://"), len), of_chain);
	}
	/* no issuer's name has a "|" in it */
	len = strcspn(principal, "|");
	return add(bases, CA_REVOKE_ISSUER, pnstrdup(principal, len), of_chain);
}

/* A token, grant or certificate, who signed it, and whom it quotes. */
static List *
add_credential(List *bases, const CaCredential *c, bool of_chain)
{
	CaRevocationKind kind = c->kind == CA_CREDENTIAL_GRANT ?
	CA_REVOKE_GRANT : CA_REVOKE_TOKEN;
	ListCell   *lc;

	foreach(lc, c->digests)
		bases = add(bases, kind, lfirst(lc), of_chain);
	bases = add(bases, CA_REVOKE_TRUST_DOMAIN, c->trust_domain, of_chain);
	if (c->token == NULL)
		return bases;
	bases = add(bases, kind, c->token->jti, of_chain);
	bases = add(bases, CA_REVOKE_TRUST_DOMAIN, c->signer.trust_domain, of_chain);
	if (!c->signer.is_agent)
		bases = add(bases, CA_REVOKE_ISSUER, c->signer.name, of_chain);
	if (c->kind != CA_CREDENTIAL_GRANT)
		bases = add(bases, CA_REVOKE_ISSUER, c->token->iss, of_chain);
	for (int i = 0; i < c->token->nactors; i++)
		bases = add(bases, CA_REVOKE_ISSUER, c->token->actors[i].iss, true);
	return bases;
}

List *
ca_revocation_bases(const CaCredential *actor, const CaChain *chain)
{
	List	   *bases = add_credential(NIL, actor, false);

	for (int i = chain->nhops - 1; i >= 0; i--)
	{
		const CaHop *hop = &chain->hops[i];

		bases = add_principal(bases, hop->principal, i < chain->nhops - 1);
		if (hop->about != NULL)
			bases = add_credential(bases, hop->credential, true);
	}
	return bases;
}

/* A look for one basis among the rows that have its id. */
typedef struct BasisSearch
{
	const CaBasis *basis;
	bool		found;
} BasisSearch;

static bool
compare_kind(HeapTuple tuple, TupleDesc desc, void *arg)
{
	BasisSearch *search = arg;

	search->found = strcmp(ca_row_text(tuple, desc, "kind"),
						   kinds[search->basis->kind].name) == 0;
	return !search->found;
}

bool
ca_revocation_check(const List *bases, CaIdentityProblem *problem)
{
	ListCell   *lc;

	ca_registry_watch(CA_TABLE_REVOCATION);
	foreach(lc, bases)
	{
		BasisSearch search = {lfirst(lc)};
		CaRevocationKind kind = search.basis->kind;
		char	   *what;

		ca_table_scan(CA_TABLE_REVOCATION, "id", search.basis->id, compare_kind, &search);
		if (!search.found)
			continue;
		what = psprintf(kinds[kind].what, search.basis->id);
		return search.basis->of_chain ?
			ca_problem_chain(problem, kinds[kind].code, "%s is revoked", what) :
			ca_problem_identity(problem, kinds[kind].code, "%s is revoked", what);
	}
	return true;
}

static bool
take_switch(HeapTuple tuple, TupleDesc desc, void *arg)
{
	*(bool *) arg |= ca_row_bool(tuple, desc, "active");
	return true;
}

bool
ca_kill_switch_off(CaIdentityProblem *problem)
{
	uint64		as_of = ca_registry_generation();

	if (switch_as_of != as_of)
	{
		bool		on = false;

		ca_registry_watch(CA_TABLE_KILL_SWITCH);
		ca_table_scan(CA_TABLE_KILL_SWITCH, NULL, NULL, take_switch, &on);
		switch_on = on;
		switch_as_of = as_of;
	}
	return !switch_on ? true :
		ca_problem_stopped(problem, "kill_switch", "the kill switch of this database is on");
}
