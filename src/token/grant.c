/*-------------------------------------------------------------------------
 *
 * grant.c
 *	  Chains of delegation grants: how one follows from the other.
 *
 * A chain is a list of grants, root first.  Each is signed by the principal
 * that the one before it names, and carries that one's digest, so that no
 * grant can be left out, put in, or taken into another chain.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/json.h"

#define MAX_GRANTS	(CA_CHAIN_MAX - 1)

/*
 * Split the array; see token.h.
 */
CaTokenStatus
ca_grants_split(const char *text, size_t len, CaTextList *grants)
{
	CaTokenStatus status = CA_TOKEN_OK;
	CaJson	   *json;

	memset(grants, 0, sizeof(*grants));
	if (len > CA_DELEGATION_MAX_LEN)
		return CA_TOKEN_TOO_LONG;
	if (ca_json_parse_array(text, len, &json) != CA_TOKEN_OK)
		return CA_GRANTS_BAD;

	grants->given = true;
	grants->items = palloc(sizeof(char *) * MAX_GRANTS);
	for (int i = ca_json_first(json, CA_JSON_ROOT); i >= 0 && status == CA_TOKEN_OK;
		 i = ca_json_next(json, i))
	{
		const char *item = ca_json_string(json, i);

		if (item == NULL || grants->n == MAX_GRANTS)
			status = CA_GRANTS_BAD;
		else
			grants->items[grants->n++] = pstrdup(item);
	}
	ca_json_free(json);
	if (grants->n == 0)
		status = CA_GRANTS_BAD;
	if (status != CA_TOKEN_OK)
		grants->n = 0;
	return status;
}

/*
 * Is it a principal?  See token.h.
 *
 * No issuer's name holds a "|", so that "issuer|subject" splits in one way.
 */
bool
ca_principal_valid(const char *principal, int *issuer_len)
{
	const char *bar = strchr(principal, '|');

	*issuer_len = 0;
	if (bar == NULL)
		return ca_spiffe_id_valid(principal, true, NULL);
	*issuer_len = (int) (bar - principal);
	return bar > principal && bar[1] != '\0';
}

/*
 * Does grant i follow from the one before it?
 */
static CaTokenStatus
check_link(CaToken *const *grants, int i)
{
	if (i == 0)
		return grants[0]->has_prf ? CA_GRANT_FIRST_HAS_PARENT : CA_TOKEN_OK;
	if (!grants[i]->has_prf ||
		memcmp(grants[i]->prf, grants[i - 1]->sha256, CA_SHA256_LEN) != 0)
		return CA_GRANT_WRONG_PARENT;
	if (strcmp(grants[i]->iss, grants[i - 1]->sub) != 0)
		return CA_GRANT_NOT_LINKED;
	return CA_TOKEN_OK;
}

/*
 * Is any principal twice in the chain?  See token.h.
 */
CaTokenStatus
ca_chain_check(char *const *principals, int n)
{
	for (int i = 1; i < n; i++)
	{
		for (int j = 0; j < i; j++)
		{
			if (strcmp(principals[i], principals[j]) == 0)
				return CA_CHAIN_LOOP;
		}
	}
	return CA_TOKEN_OK;
}

/*
 * Do they make one chain that ends at actor?  See token.h.
 */
CaTokenStatus
ca_grants_link(CaToken *const *grants, int n, const char *actor, int *bad)
{
	char	   *principals[CA_CHAIN_MAX];
	CaTokenStatus status;

	*bad = 0;
	if (n < 1 || n > MAX_GRANTS)
		return CA_GRANTS_BAD;
	for (int i = 0; i < n; i++)
	{
		*bad = i;
		if ((status = check_link(grants, i)) != CA_TOKEN_OK)
			return status;
		if (grants[i]->max_depth >= 0 && grants[i]->max_depth < n - 1 - i)
			return CA_GRANT_TOO_DEEP;
		principals[i] = grants[i]->iss;
	}
	principals[n] = grants[n - 1]->sub;
	if (strcmp(principals[n], actor) != 0)
		return CA_GRANT_WRONG_ACTOR;
	return ca_chain_check(principals, n + 1);
}
