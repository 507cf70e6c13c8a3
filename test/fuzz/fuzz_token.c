/*-------------------------------------------------------------------------
 *
 * fuzz_token.c
 *	  libFuzzer harness of ca_token_parse(): JWT-SVIDs and OAuth tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "arena.h"
#include "fuzz.h"
#include "pieces.h"

/* What only grants have. */
static void
check_no_grant(const CaToken *token)
{
	PROMISE(!token->has_prf && token->max_depth == -1 && token->autonomy == 0);
	PROMISE(!token->purposes.given);
}

/* A JWT-SVID names an agent and nobody who acts for it (section 3.1). */
static void
check_svid(const CaToken *token)
{
	PROMISE(ca_spiffe_id_valid(token->sub, true, NULL));
	PROMISE(token->nactors == 0 && token->client_id == NULL);
	PROMISE(strcmp(token->alg, "EdDSA") != 0);
	PROMISE(token->typ == NULL || strcmp(token->typ, "JWT") == 0 ||
			strcmp(token->typ, "JOSE") == 0);
}

/* An OAuth token has an issuer, and an agent as its current actor. */
static void
check_oauth(const CaToken *token)
{
	const char *agent = token->nactors > 0 ? token->actors[0].sub : token->sub;

	PROMISE(token->iss != NULL && token->iss[0] != '\0');
	PROMISE(ca_spiffe_id_valid(agent, true, NULL));
	PROMISE(token->nactors >= 0 && token->nactors <= CA_CHAIN_MAX - 1);
	for (int i = 0; i < token->nactors; i++)
	{
		const CaActor *actor = &token->actors[i];

		PROMISE(actor->sub != NULL && actor->sub[0] != '\0');
		/* who has no SPIFFE ID is known under the token's issuer alone */
		PROMISE(ca_spiffe_id_valid(actor->sub, true, NULL) ||
				actor->iss == NULL || strcmp(actor->iss, token->iss) == 0);
	}
}

/* One compact text. */
void
fuzz_run(const uint8_t *data, size_t size)
{
	size_t		len;
	char	   *text = fuzz_compact(data, size, &len);
	int			before = arena_live();
	int			issuer_len;
	CaToken    *token;
	CaToken    *grant;
	CaTokenStatus status = ca_token_parse(text, len, &token);

	PROMISE((token != NULL) == (status == CA_TOKEN_OK));
	if (token == NULL)
		return;
	PROMISE(arena_live() - before == token_pieces(token));
	fuzz_check_fields(token);
	check_no_grant(token);
	PROMISE(token->iss == NULL || !ca_principal_valid(token->iss, &issuer_len));
	PROMISE(token->profile == CA_PROFILE_JWT_SVID ||
			token->profile == CA_PROFILE_OAUTH);
	if (token->profile == CA_PROFILE_JWT_SVID)
		check_svid(token);
	else
		check_oauth(token);
	/* what is a token is never a grant */
	PROMISE(ca_grant_parse(text, len, &grant) != CA_TOKEN_OK && grant == NULL);
}
