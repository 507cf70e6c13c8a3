/*-------------------------------------------------------------------------
 *
 * delegation.c
 *	  The delegation chain behind an agent: who asks whom to act.
 *
 * A chain comes from an issuer's token (nested "act", RFC 8693), from grants
 * that each delegator has signed (contract, section 4), or from both, which
 * then must tell the same.  Every hop can only take away: this file decides
 * whether the chain is one at all, policy/bound.c what it leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/guc.h"
#include "identity/delegation.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MAX_AUTONOMY	5

/* Bytes of a chain in a record, which must have room for the statement, too. */
#define MAX_JSON	16384

static const char *const kind_names[] = {
	[CA_PRINCIPAL_USER] = "user",
	[CA_PRINCIPAL_AGENT] = "agent",
	[CA_PRINCIPAL_SERVICE] = "service",
};

/*
 * Are the grants one chain that ends at the actor?  When its token says a
 * chain, too, it must be the same.
 */
static bool
check_grants(const CaCredential *actor, CaCredential **grants, int ngrants,
			 CaIdentityProblem *problem)
{
	CaToken    *tokens[CA_CHAIN_MAX];
	CaTokenStatus status;
	int			bad;

	for (int i = 0; i < ngrants; i++)
		tokens[i] = grants[i]->token;
	status = ca_grants_link(tokens, ngrants, actor->agent, &bad);
	if (status != CA_TOKEN_OK)
		return ca_problem_status(problem, status, status == CA_CHAIN_LOOP ?
								 "the chain" : psprintf("grant %d", bad + 1));

	if (actor->nprincipals == 1)
		return true;
	for (int i = 0; i < ngrants; i++)
	{
		if (actor->nprincipals != ngrants + 1 ||
			strcmp(actor->principals[i], tokens[i]->iss) != 0)
			return ca_problem_chain(problem, "chain_contradiction",
									"the token and the grants name different chains");
	}
	return true;
}

/*
 * What somebody is who is not a registered agent.  A token that a client got
 * for itself has the client as its subject (RFC 9068 section 2.2).
 */
static CaPrincipalKind
kind_of(const CaHop *hop, bool is_root)
{
	const CaToken *token = hop->credential->token;

	if (ca_spiffe_id_valid(hop->principal, true, NULL))
		return CA_PRINCIPAL_SERVICE;
	if (hop->about != NULL)
		return CA_PRINCIPAL_USER;
	return is_root && (token->client_id == NULL ||
					   strcmp(token->client_id, token->sub) != 0) ?
		CA_PRINCIPAL_USER : CA_PRINCIPAL_SERVICE;
}

static void
fill_hops(CaChain *chain, CaCredential *actor, CaCredential **grants, int ngrants)
{
	chain->nhops = ngrants > 0 ? ngrants + 1 : actor->nprincipals;
	chain->hops = palloc0(sizeof(CaHop) * chain->nhops);
	for (int i = 0; i < chain->nhops; i++)
	{
		CaHop	   *hop = &chain->hops[i];

		hop->credential = i < ngrants ? grants[i] : actor;
		if (i < ngrants)
		{
			hop->principal = grants[i]->token->iss;
			hop->about = psprintf("grant %d", i + 1);
		}
		else
			hop->principal = ngrants > 0 ? actor->agent : actor->principals[i];
		hop->kind = kind_of(hop, i == 0);
		chain->principals = lappend(chain->principals, hop->principal);
	}
}

static void
add_texts(StringInfo buf, const char *name, const CaTextList *list)
{
	if (!list->given)
		return;
	appendStringInfo(buf, ", \"%s\": [", name);
	for (int i = 0; i < list->n; i++)
	{
		if (i > 0)
			appendStringInfoString(buf, ", ");
		escape_json(buf, list->items[i]);
	}
	appendStringInfoChar(buf, ']');
}

/* What the credential gives, as the claims say it; null: no restriction. */
static void
add_authority(StringInfo buf, const CaToken *token)
{
	appendStringInfoString(buf, ", \"authority\": ");
	if (token == NULL ||
		(token->authority == NULL && !token->purposes.given &&
		 token->max_depth < 0 && token->autonomy == 0))
	{
		appendStringInfoString(buf, "null");
		return;
	}
	appendStringInfoString(buf, "{\"authorization_details\": ");
	if (token->authority == NULL)
		appendStringInfoString(buf, "null");
	else
		appendStringInfoChar(buf, '[');
	for (int i = 0; token->authority != NULL && i < token->authority->ndetails; i++)
	{
		const CaAuthorityDetail *detail = &token->authority->details[i];

		appendStringInfo(buf, "%s{\"type\": \"contauth\"", i > 0 ? ", " : "");
		add_texts(buf, "actions", &detail->actions);
		add_texts(buf, "locations", &detail->locations);
		add_texts(buf, "purpose", &detail->purposes);
		if (detail->labels_max >= 0)
			appendStringInfo(buf, ", \"labels_max\": %d", detail->labels_max);
		appendStringInfoChar(buf, '}');
	}
	if (token->authority != NULL)
		appendStringInfoChar(buf, ']');
	add_texts(buf, "purpose", &token->purposes);
	if (token->max_depth >= 0)
		appendStringInfo(buf, ", \"max_depth\": %d", token->max_depth);
	if (token->autonomy > 0)
		appendStringInfo(buf, ", \"autonomy\": %d", token->autonomy);
	appendStringInfoChar(buf, '}');
}

char *
ca_chain_time(TimestampTz time)
{
	char	   *text = palloc(MAXDATELEN + 1);
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_NOT_FINITE(time))
		EncodeSpecialTimestamp(time, text);
	else if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) == 0)
		EncodeDateTime(&tm, fsec, true, 0, NULL, USE_XSD_DATES, text);
	else
		text[0] = '\0';
	return text;
}

/*
 * One hop as a JSON object (contract, section 4).  What several principals of
 * one token may do is told of the actor, whom it was given to.
 */
static void
add_hop(StringInfo buf, const CaHop *hop, bool is_actor, bool with_authority)
{
	const CaCredential *c = hop->credential;

	appendStringInfoString(buf, "{\"principal\": ");
	escape_json(buf, hop->principal);
	appendStringInfo(buf, ", \"kind\": \"%s\", \"issuer\": ", kind_names[hop->kind]);
	escape_json(buf, c->issuer);
	if (c->id != NULL)
	{
		appendStringInfoString(buf, ", \"id\": ");
		escape_json(buf, c->id);
	}
	appendStringInfoString(buf, ", \"expires_at\": ");
	escape_json(buf, ca_chain_time(c->expires_at));
	if (!with_authority)
		appendStringInfoString(buf, ", \"authority\": \"too long\"");
	else
		add_authority(buf, hop->about != NULL || is_actor ? c->token : NULL);
	appendStringInfoChar(buf, '}');
}

static char *
hops_json(const CaChain *chain, bool with_authority)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	for (int i = 0; i < chain->nhops; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, ", ");
		add_hop(&buf, &chain->hops[i], i == chain->nhops - 1, with_authority);
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

/* When the first credential ends. */
static TimestampTz
first_end(const CaChain *chain)
{
	TimestampTz end = DT_NOEND;

	for (int i = 0; i < chain->nhops; i++)
		end = Min(end, chain->hops[i].credential->expires_at);
	return end;
}

/* Put the chain into words; what is too long for a record is left out. */
static void
describe(CaChain *chain)
{
	chain->expires_at = first_end(chain);
	chain->json = hops_json(chain, true);
	if (strlen(chain->json) > MAX_JSON)
	{
		pfree(chain->json);
		chain->json = hops_json(chain, false);
	}
}

bool
ca_chain_build(CaChain *chain, CaCredential *actor, CaCredential **grants,
			   int ngrants, CaIdentityProblem *problem)
{
	CaTokenStatus status;

	memset(chain, 0, sizeof(*chain));
	if (ngrants > 0 && !check_grants(actor, grants, ngrants, problem))
		return false;
	fill_hops(chain, actor, grants, ngrants);
	status = ca_chain_check(actor->principals, actor->nprincipals);
	if (status != CA_TOKEN_OK)
		return ca_problem_status(problem, status, "the token's chain");
	if (chain->nhops - 1 > ca_guc_max_delegation_depth)
		return ca_problem_chain(problem, "chain_too_deep",
								"the chain has %d delegations, more than contauth.max_delegation_depth",
								chain->nhops - 1);

	chain->ceiling = MAX_AUTONOMY;
	chain->not_before = DT_NOBEGIN;
	chain->refused_from = DT_NOEND;
	for (int i = 0; i < ngrants; i++)
	{
		if (grants[i]->token->autonomy > 0)
			chain->ceiling = Min(chain->ceiling, grants[i]->token->autonomy);
		chain->not_before = Max(chain->not_before, grants[i]->not_before);
		chain->refused_from = Min(chain->refused_from, grants[i]->refused_from);
	}
	describe(chain);
	if (strlen(chain->json) > MAX_JSON)
		return ca_problem_chain(problem, "chain_too_long",
								"the chain is too long to be put on record");
	return true;
}

bool
ca_chain_in_time(const CaChain *chain, TimestampTz now, CaIdentityProblem *problem)
{
	for (int i = 0; i < chain->nhops - 1; i++)
	{
		const CaHop *hop = &chain->hops[i];

		if (hop->about != NULL &&
			!ca_credential_in_time(hop->credential, now, hop->about, problem))
			return false;
	}
	return true;
}

/*
 * Look one delegator up.  SECURITY: who signs grants must be registered; who
 * is only named by an issuer need not be, but must not be shut out, either.
 * (test/sql/delegation.sql)
 */
static bool
refresh_hop(CaHop *hop, bool is_root, TimestampTz now, TimestampTz *until,
			CaIdentityProblem *problem)
{
	CaAgent    *agent;

	if (hop->about != NULL &&
		!ca_credential_trusted(hop->credential, hop->about, problem))
		return false;
	if (!ca_spiffe_id_valid(hop->principal, true, NULL))
		return true;

	agent = ca_registry_agent(hop->principal);
	hop->kind = agent != NULL ? CA_PRINCIPAL_AGENT : kind_of(hop, is_root);
	if (agent == NULL)
		return hop->about == NULL ? true :
			ca_problem_chain(problem, "chain_agent_unknown",
							 "delegating agent \"%s\" is not registered", hop->principal);
	if (strcmp(agent->state, "active") != 0)
		return ca_problem_chain(problem, "chain_agent_not_active",
								"agent \"%s\" in the chain is %s",
								hop->principal, agent->state);
	if (now >= agent->expires_at)
		return ca_problem_chain(problem, "chain_agent_expired",
								"the registration of agent \"%s\" in the chain has expired",
								hop->principal);
	*until = Min(*until, agent->expires_at);
	return true;
}

bool
ca_chain_refresh(CaChain *chain, TimestampTz now, bool *changed,
				 TimestampTz *until, CaIdentityProblem *problem)
{
	/* a certificate's chain can be renewed */
	bool		other_words = chain->expires_at != first_end(chain);

	*until = DT_NOEND;
	for (int i = 0; i < chain->nhops; i++)
	{
		CaHop	   *hop = &chain->hops[i];
		CaPrincipalKind before = hop->kind;

		if (i == chain->nhops - 1)
			hop->kind = CA_PRINCIPAL_AGENT; /* the caller looks it up */
		else if (!refresh_hop(hop, i == 0, now, until, problem))
			return false;
		other_words |= hop->kind != before;
	}
	if (other_words)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(chain->hops));

		describe(chain);
		MemoryContextSwitchTo(old);
		*changed = true;
	}
	return true;
}
