/*-------------------------------------------------------------------------
 *
 * pieces.c
 *	  How many pieces of memory a token is made of.
 *
 * Used by the unit tests and the fuzzers to see what a call left behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "pieces.h"

/* A list and its items. */
static int
list_pieces(const CaTextList *list)
{
	return (list->items != NULL) + list->n;
}

/* authorization_details. */
static int
authority_pieces(const CaAuthority *authority)
{
	int			n = 2;			/* itself and the array */

	if (authority == NULL)
		return 0;
	for (int i = 0; i < authority->ndetails; i++)
	{
		const CaAuthorityDetail *detail = &authority->details[i];

		n += list_pieces(&detail->actions) + list_pieces(&detail->locations) +
			list_pieces(&detail->purposes);
	}
	return n;
}

int
token_pieces(const CaToken *token)
{
	const void *const single[] = {
		token, token->alg, token->kid, token->typ, token->iss, token->sub,
		token->jti, token->aud, token->client_id, token->actors,
		token->payload, token->signing_input, token->signature
	};
	int			n = token->naud + authority_pieces(token->authority) +
	list_pieces(&token->purposes);

	for (int i = 0; i < (int) lengthof(single); i++)
		n += single[i] != NULL;
	for (int i = 0; i < token->nactors; i++)
		n += 1 + (token->actors[i].iss != NULL);
	return n;
}
