/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  What the libFuzzer harnesses share; see fuzz.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "arena.h"
#include "fuzz.h"

#define MAX_DATE	(INT64CONST(1) << 53)

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Append base64url of data to out; the end of it. */
static char *
encode(char *out, const uint8_t *data, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32		bits = 0;
	int			nbits = 0;

	for (size_t i = 0; i < len; i++)
	{
		bits = (bits << 8 | data[i]) & 0xffff;
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*out++ = alphabet[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*out++ = alphabet[bits << (6 - nbits) & 63];
	return out;
}

/* A copy of exactly that size, so that ASan sees a read past it. */
static char *
exact_copy(const void *data, size_t len)
{
	char	   *copy = palloc(len);

	memcpy(copy, data, len);
	return copy;
}

char *
fuzz_compact(const uint8_t *data, size_t size, size_t *len)
{
	const uint8_t *end = data + size;
	char	   *text;
	char	   *out;

	if (size > 0 && data[0] == '=')
	{
		*len = size - 1;
		return exact_copy(data + 1, *len);
	}
	text = out = palloc(size * 2 + 8);
	for (int part = 0; part < 3; part++)
	{
		const uint8_t *stop = part < 2 && data < end ?
		memchr(data, '\n', end - data) : NULL;

		if (stop == NULL)
			stop = end;
		if (part > 0)
			*out++ = '.';
		out = encode(out, data, stop - data);
		data = stop < end ? stop + 1 : end;
	}
	*len = out - text;
	return exact_copy(text, *len);
}

/* A list that was not given is empty; no item of one is. */
static void
check_list(const CaTextList *list)
{
	PROMISE(list->n >= 0 && list->n <= CA_AUTHORITY_MAX_LIST);
	PROMISE(list->given || list->n == 0);
	for (int i = 0; i < list->n; i++)
		PROMISE(list->items[i] != NULL && list->items[i][0] != '\0');
}

/* authorization_details. */
static void
check_authority(const CaAuthority *authority)
{
	if (authority == NULL)
		return;
	PROMISE(authority->ndetails >= 0 &&
			authority->ndetails <= CA_AUTHORITY_MAX_LIST);
	for (int i = 0; i < authority->ndetails; i++)
	{
		const CaAuthorityDetail *detail = &authority->details[i];

		check_list(&detail->actions);
		check_list(&detail->locations);
		check_list(&detail->purposes);
		PROMISE(detail->labels_max >= -1 && detail->labels_max <= 4);
	}
}

void
fuzz_check_fields(const CaToken *token)
{
	PROMISE(token->alg != NULL && token->alg[0] != '\0');
	PROMISE(token->kid == NULL || token->kid[0] != '\0');
	PROMISE(token->sub != NULL && token->sub[0] != '\0');
	PROMISE(token->naud > 0 && token->has_exp);
	PROMISE(token->exp >= 0 && token->exp <= MAX_DATE);
	PROMISE(token->nbf >= 0 && token->nbf <= MAX_DATE);
	PROMISE(token->iat >= 0 && token->iat <= MAX_DATE);
	check_authority(token->authority);
	check_list(&token->purposes);
	PROMISE(strlen(token->payload) == token->payload_len);
	PROMISE(strlen(token->signing_input) == token->signing_input_len);
	PROMISE(token->signature_len > 0);
	PROMISE(ca_token_verify(token, NULL, NULL) == CA_TOKEN_UNKNOWN_KEY);
	PROMISE(ca_token_validate(token, token->aud[0], token->exp, 0) !=
			CA_TOKEN_OK);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_run(data, size);
	arena_reset();
	return 0;
}
