/*-------------------------------------------------------------------------
 *
 * unit_grant.c
 *	  Delegation grants: one by one, as an array, and as a chain.
 *
 * A failure means that somebody acts for a principal who did not delegate to
 * them: by a grant that was taken from another chain, cut off, put in another
 * order, or is no grant at all; or that an honest chain is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "token/token.h"

#include "arena.h"
#include "pieces.h"
#include "tap.h"
#include "vector_types.h"
#include "vectors.h"
#include "vectors_grant.h"

#define SKEW	30				/* seconds; the vectors count on it */

static CaJwks *jwks;

/* Everything the identity layer does with one grant; the first refusal. */
static CaTokenStatus
judge(const char *text, size_t len, CaToken **grant)
{
	CaTokenStatus status = ca_grant_parse(text, len, grant);

	if (status != CA_TOKEN_OK)
		return *grant == NULL ? status : CA_TOKEN_OK;
	status = ca_token_verify(*grant, jwks, NULL);
	if (status == CA_TOKEN_OK)
		status = ca_token_validate(*grant, VECTOR_AUDIENCE, VECTOR_NOW, SKEW);
	return status;
}

/*
 * Each grant, from a buffer of its exact size; none of them is a token.  What
 * is accepted leaves the grant and nothing else allocated (token.h).
 */
static void
test_vectors(void)
{
	int			left_behind = 0;

	for (int i = 0; i < (int) lengthof(grant_cases); i++)
	{
		const TokenCase *gcase = &grant_cases[i];
		char	   *exact = palloc(gcase->len);
		int			before = arena_live();
		CaTokenStatus got;
		CaToken    *grant;
		CaToken    *token;

		memcpy(exact, gcase->text, gcase->len);
		got = judge(exact, gcase->len, &grant);
		tap_is(got, gcase->expected, "grant", gcase->name);
		if (got == CA_TOKEN_OK)
		{
			left_behind += arena_live() - before - token_pieces(grant);
			tap_ok(ca_token_parse(exact, gcase->len, &token) != CA_TOKEN_OK &&
				   token == NULL, "no token", gcase->name);
		}
	}
	tap_is(left_behind, 0, "memory", "accepted grants leave nothing else");
}

/* What ca_grant_parse() says of the grant that has everything, and of one
 * that has nothing more than it must. */
static void
test_fields(void)
{
	CaToken    *full = NULL;
	CaToken    *bare = NULL;

	for (int i = 0; i < (int) lengthof(grant_cases); i++)
	{
		const TokenCase *gcase = &grant_cases[i];

		if (strcmp(gcase->name, "good: everything") == 0)
			ca_grant_parse(gcase->text, gcase->len, &full);
		else if (strcmp(gcase->name, "good: ES256 by PyJWT") == 0)
			ca_grant_parse(gcase->text, gcase->len, &bare);
	}
	if (full == NULL || bare == NULL)
	{
		tap_ok(false, "fields", "parse");
		return;
	}
	tap_ok(full->profile == CA_PROFILE_GRANT && full->has_prf &&
		   full->max_depth == 3 && full->autonomy == 2, "fields", "numbers");
	tap_ok(full->purposes.n == 1 &&
		   strcmp(full->purposes.items[0], "support") == 0, "fields", "purpose");
	tap_ok(full->authority != NULL && full->authority->ndetails == 1 &&
		   full->authority->details[0].labels_max == 1 &&
		   full->authority->details[0].purposes.n == 1, "fields", "authority");
	tap_ok(strcmp(full->jti, "g1") == 0 && full->has_iat && full->has_nbf,
		   "fields", "registered claims");
	tap_ok(!bare->has_prf && bare->max_depth == -1 && bare->autonomy == 0 &&
		   !bare->purposes.given && bare->authority == NULL && !bare->has_nbf,
		   "fields", "absent is not zero");
}

/* The array that holds the grants. */
static void
test_split(void)
{
	for (int i = 0; i < (int) lengthof(split_cases); i++)
	{
		const SplitCase *scase = &split_cases[i];
		char	   *exact = palloc(scase->len);
		int			before = arena_live();
		CaTextList	grants;
		CaTokenStatus got;

		memcpy(exact, scase->text, scase->len);
		got = ca_grants_split(exact, scase->len, &grants);
		tap_is(got, scase->expected, "split", scase->name);
		tap_is(grants.n, scase->ngrants, "number of grants", scase->name);
		if (got == CA_TOKEN_OK)
		{
			tap_ok(strcmp(grants.items[0], "a.b.c") == 0, "first", scase->name);
			tap_is(arena_live() - before, 1 + grants.n, "memory", scase->name);
		}
	}
}

/* Its length: the limit itself, and one more. */
static void
test_split_limits(void)
{
	char	   *text = palloc(CA_DELEGATION_MAX_LEN + 1);
	CaTextList	grants;

	memset(text, ' ', CA_DELEGATION_MAX_LEN + 1);
	memcpy(text, "[\"a\"]", 5);
	tap_is(ca_grants_split(text, CA_DELEGATION_MAX_LEN, &grants), CA_TOKEN_OK,
		   "split", "longest array");
	tap_is(ca_grants_split(text, CA_DELEGATION_MAX_LEN + 1, &grants),
		   CA_TOKEN_TOO_LONG, "split", "one byte too long");
	tap_is(grants.n, 0, "split", "and no grants");
}

/* Split, judge and link a chain of grants that are good on their own. */
static void
test_chains(void)
{
	for (int i = 0; i < (int) lengthof(chain_cases); i++)
	{
		const ChainCase *ccase = &chain_cases[i];
		CaToken    *grants[CA_CHAIN_MAX];
		CaTextList	texts;
		int			bad = -1;
		bool		sound = true;

		tap_is(ca_grants_split(ccase->text, ccase->len, &texts), CA_TOKEN_OK,
			   "chain split", ccase->name);
		tap_is(texts.n, ccase->ngrants, "chain length", ccase->name);
		for (int g = 0; g < texts.n; g++)
			sound &= judge(texts.items[g], strlen(texts.items[g]),
						   &grants[g]) == CA_TOKEN_OK;
		tap_ok(sound, "chain of good grants", ccase->name);
		if (sound)
		{
			tap_is(ca_grants_link(grants, texts.n, ccase->actor, &bad),
				   ccase->expected, "chain", ccase->name);
			if (ccase->bad >= 0)
				tap_is(bad, ccase->bad, "chain, which one", ccase->name);
			tap_ok(bad >= 0 && bad < texts.n, "chain, one of them", ccase->name);
		}
	}
}

/* Lengths that no array of grants can have, made by hand. */
static void
test_link_limits(void)
{
	static char names[CA_CHAIN_MAX + 2][32];
	static CaToken tokens[CA_CHAIN_MAX + 1];
	CaToken    *grants[CA_CHAIN_MAX + 1];
	int			bad = -1;

	for (int i = 0; i <= CA_CHAIN_MAX + 1; i++)
		snprintf(names[i], sizeof(names[i]), "spiffe://a/%d", i);
	for (int i = 0; i <= CA_CHAIN_MAX; i++)
	{
		grants[i] = &tokens[i];
		tokens[i].iss = names[i];
		tokens[i].sub = names[i + 1];
		tokens[i].max_depth = -1;
		tokens[i].sha256[0] = (unsigned char) (i + 1);
		tokens[i].prf[0] = (unsigned char) i;
		tokens[i].has_prf = i > 0;
	}
	tap_is(ca_grants_link(grants, 0, names[0], &bad), CA_GRANTS_BAD,
		   "limits", "no grant");
	tap_is(bad, 0, "limits", "no grant to blame");
	tap_is(ca_grants_link(grants, -1, names[0], &bad), CA_GRANTS_BAD,
		   "limits", "fewer than none");
	tap_is(ca_grants_link(grants, CA_CHAIN_MAX - 1, names[CA_CHAIN_MAX - 1], &bad),
		   CA_TOKEN_OK, "limits", "16 grants, 17 principals");
	tap_is(ca_grants_link(grants, CA_CHAIN_MAX, names[CA_CHAIN_MAX], &bad),
		   CA_GRANTS_BAD, "limits", "17 grants");
	tap_is(ca_grants_link(grants, CA_CHAIN_MAX + 1, names[CA_CHAIN_MAX + 1], &bad),
		   CA_GRANTS_BAD, "limits", "18 grants");
	tokens[1].prf[CA_SHA256_LEN - 1] = 1;
	tap_is(ca_grants_link(grants, 2, names[2], &bad), CA_GRANT_WRONG_PARENT,
		   "limits", "last byte of the digest");
}

/* Principals that occur twice. */
static void
test_chain_check(void)
{
	char	   *names[] = {"a|b", "spiffe://a/1", "spiffe://a/2", "spiffe://a/1"};
	char	   *alike[] = {"spiffe://a/1", "spiffe://a/12", "spiffe://A/1", "a|B"};

	tap_is(ca_chain_check(names, 0), CA_TOKEN_OK, "principals", "none");
	tap_is(ca_chain_check(names, 1), CA_TOKEN_OK, "principals", "one");
	tap_is(ca_chain_check(names, 3), CA_TOKEN_OK, "principals", "three");
	tap_is(ca_chain_check(names, 4), CA_CHAIN_LOOP, "principals", "one twice");
	tap_is(ca_chain_check(names + 1, 3), CA_CHAIN_LOOP,
		   "principals", "first and last");
	tap_is(ca_chain_check(alike, 4), CA_TOKEN_OK, "principals", "only alike");
}

/* A principal is a SPIFFE ID with a path or "issuer|subject". */
static void
test_principals(void)
{
	static const struct
	{
		const char *text;
		int			issuer_len; /* -1: refused */
	}			cases[] = {
		{"spiffe://a/b", 0}, {"i|s", 1}, {"https://i.example|alice", 17},
		{"i|a|b", 1}, {"i| ", 1}, {"spiffe://a|b", 10},
		{"", -1}, {"|", -1}, {"|s", -1}, {"i|", -1}, {"i", -1},
		{"spiffe://a", -1}, {"spiffe://a/", -1}, {"SPIFFE://a/b", -1},
		{"https://i.example", -1},
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		int			len = -2;
		bool		valid = ca_principal_valid(cases[i].text, &len);

		tap_ok(valid == (cases[i].issuer_len >= 0) &&
			   (!valid || len == cases[i].issuer_len),
			   "principal", cases[i].text);
	}
}

int
main(void)
{
	int			nkeys;
	int			status;

	status = ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys);
	tap_is(status, CA_TOKEN_OK, "grant", "key set");
	test_vectors();
	test_fields();
	test_split();
	test_split_limits();
	test_chains();
	test_link_limits();
	test_chain_check();
	test_principals();
	status = tap_done();
	ca_jwks_free(jwks);
	arena_reset();
	return status;
}
