/*-------------------------------------------------------------------------
 *
 * fuzz_grant.c
 *	  libFuzzer harness of delegation grants: split, parse and link.
 *
 * An input is either a JSON array, which is split as it is, or a byte of flags
 * and up to 18 grants with 0x1e between them, each in the form of
 * fuzz_compact().  No fuzzer can guess a digest, so flag i lends grant i+1 the
 * right one of its parent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "arena.h"
#include "fuzz.h"
#include "pieces.h"

#define SEPARATOR	0x1e
#define MAX_INPUT_GRANTS	(CA_CHAIN_MAX + 1)	/* more than are allowed */

/* What token.h promises of a grant (contract, section 4). */
static void
check_grant(const CaToken *grant)
{
	int			len;

	PROMISE(grant->profile == CA_PROFILE_GRANT);
	fuzz_check_fields(grant);
	PROMISE(ca_principal_valid(grant->iss, &len) &&
			len >= 0 && len < (int) strlen(grant->iss));
	PROMISE(len == 0 || (grant->iss[len] == '|' && grant->iss[len + 1] != '\0'));
	PROMISE(ca_principal_valid(grant->sub, &len));
	PROMISE(grant->jti != NULL && grant->jti[0] != '\0' && grant->has_iat);
	PROMISE(!grant->has_cnf && grant->nactors == 0);
	PROMISE(grant->max_depth >= -1 && grant->autonomy >= 0 &&
			grant->autonomy <= 5);
}

/* One grant; NULL when it is refused. */
static CaToken *
parse_grant(const char *text, size_t len)
{
	int			before = arena_live();
	CaToken    *grant;
	CaToken    *token;
	CaTokenStatus status = ca_grant_parse(text, len, &grant);

	PROMISE((grant != NULL) == (status == CA_TOKEN_OK));
	if (grant == NULL)
		return NULL;
	PROMISE(arena_live() - before == token_pieces(grant));
	check_grant(grant);
	/* what is a grant is never a token */
	PROMISE(ca_token_parse(text, len, &token) != CA_TOKEN_OK && token == NULL);
	return grant;
}

/* A chain that was found good is one. */
static void
check_chain(CaToken *const *grants, int n)
{
	PROMISE(n >= 1 && n < CA_CHAIN_MAX && !grants[0]->has_prf);
	for (int i = 0; i < n; i++)
	{
		PROMISE(strcmp(grants[i]->iss, grants[n - 1]->sub) != 0);
		PROMISE(grants[i]->max_depth < 0 || grants[i]->max_depth >= n - 1 - i);
		for (int j = 0; j < i; j++)
			PROMISE(strcmp(grants[i]->iss, grants[j]->iss) != 0);
		if (i > 0)
			PROMISE(strcmp(grants[i]->iss, grants[i - 1]->sub) == 0 &&
					memcmp(grants[i]->prf, grants[i - 1]->sha256,
						   CA_SHA256_LEN) == 0);
	}
}

/* Link what was parsed, and no part of what was not a chain before. */
static void
link_grants(CaToken **grants, int n)
{
	int			bad = -1;
	int			before = arena_live();
	const char *actor = n > 0 ? grants[n - 1]->sub : "spiffe://a/b";
	CaTokenStatus status = ca_grants_link(grants, n, actor, &bad);

	PROMISE(arena_live() == before);
	PROMISE(bad >= 0 && bad < Max(n, 1));
	if (status != CA_TOKEN_OK)
		return;
	check_chain(grants, n);
	PROMISE(ca_grants_link(grants, n, "spiffe://nobody/x", &bad) ==
			CA_GRANT_WRONG_ACTOR || strcmp(actor, "spiffe://nobody/x") == 0);
	if (n > 1)
		PROMISE(ca_grants_link(grants + 1, n - 1, actor, &bad) ==
				CA_GRANT_FIRST_HAS_PARENT);
}

/* Split a JSON array; how many grants it has. */
static int
split(const char *text, size_t len, CaTextList *list)
{
	int			before = arena_live();
	CaTokenStatus status = ca_grants_split(text, len, list);

	PROMISE((list->n > 0) == (status == CA_TOKEN_OK));
	PROMISE(list->n >= 0 && list->n < CA_CHAIN_MAX);
	if (status == CA_TOKEN_OK)
		PROMISE(arena_live() - before == 1 + list->n);
	return list->n;
}

/* The compact texts as one JSON array, split again. */
static void
check_split(char *const *texts, const size_t *lens, int n)
{
	size_t		total = 2;
	char	   *array;
	char	   *out;
	CaTextList	list;

	for (int i = 0; i < n; i++)
		total += lens[i] + 3;
	array = out = palloc(total);
	*out++ = '[';
	for (int i = 0; i < n; i++)
	{
		*out++ = i > 0 ? ',' : ' ';
		*out++ = '"';
		memcpy(out, texts[i], lens[i]);
		out += lens[i];
		*out++ = '"';
	}
	*out++ = ']';
	if (split(array, out - array, &list) == n)
	{
		/* only a raw text may have had an escape in it */
		for (int i = 0; i < n; i++)
			PROMISE(memchr(texts[i], '\\', lens[i]) != NULL ||
					(strlen(list.items[i]) == lens[i] &&
					 memcmp(list.items[i], texts[i], lens[i]) == 0));
	}
}

/* Grants one by one, then as a chain. */
static void
run_grants(uint8_t flags, const uint8_t *data, size_t size)
{
	CaToken    *grants[MAX_INPUT_GRANTS];
	char	   *texts[MAX_INPUT_GRANTS];
	size_t		lens[MAX_INPUT_GRANTS];
	const uint8_t *end = data + size;
	int			n = 0;
	int			nparsed = 0;

	while (data < end && n < MAX_INPUT_GRANTS)
	{
		const uint8_t *stop = memchr(data, SEPARATOR, end - data);

		if (stop == NULL)
			stop = end;
		texts[n] = fuzz_compact(data, stop - data, &lens[n]);
		grants[nparsed] = parse_grant(texts[n], lens[n]);
		n++;
		data = stop < end ? stop + 1 : end;
		if (grants[nparsed] == NULL)
			continue;
		if (nparsed > 0 && (flags >> (nparsed - 1) % 8 & 1) != 0)
		{
			grants[nparsed]->has_prf = true;
			memcpy(grants[nparsed]->prf, grants[nparsed - 1]->sha256,
				   CA_SHA256_LEN);
		}
		nparsed++;
	}
	check_split(texts, lens, n);
	link_grants(grants, nparsed);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	CaTextList	list;

	if (size > 0 && data[0] != '[')
		run_grants(data[0], data + 1, size - 1);
	else if (split((const char *) data, size, &list) > 0)
	{
		for (int i = 0; i < list.n; i++)
			(void) parse_grant(list.items[i], strlen(list.items[i]));
	}
}
