/*-------------------------------------------------------------------------
 *
 * fuzz_token.c
 *	  libFuzzer harness of the parsers that read what strangers send.
 *
 * One source, three programs: FUZZ_TOKEN, FUZZ_JWKS or FUZZ_SPIFFE says which.
 * Besides what the sanitizers find, a crash here means that a parser broke a
 * promise of token.h: a result after a failure, a claim outside its range, or
 * memory left behind by a success.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "token/token.h"

#include "arena.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fail as a sanitizer does, in every build. */
#define PROMISE(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#ifdef FUZZ_TOKEN

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

/*
 * The compact text of an input: after '=' the rest as it is; else header,
 * payload and signature, ended by line feeds, are encoded first, so that the
 * fuzzer reaches what lies behind base64url.
 */
static char *
compact_text(const uint8_t *data, size_t size, size_t *len)
{
	char	   *text = palloc(size * 2 + 8);
	char	   *out = text;
	const uint8_t *end = data + size;

	if (size > 0 && data[0] == '=')
	{
		memcpy(text, data + 1, size - 1);
		*len = size - 1;
		return text;
	}
	for (int part = 0; part < 3; part++)
	{
		const uint8_t *stop = part < 2 ? memchr(data, '\n', end - data) : NULL;

		if (stop == NULL)
			stop = end;
		if (part > 0)
			*out++ = '.';
		out = encode(out, data, stop - data);
		data = stop < end ? stop + 1 : end;
	}
	*len = out - text;
	return text;
}

/* What token.h promises of a token that was parsed. */
static void
check_token(const CaToken *token)
{
	int			td_len;

	PROMISE(token->alg != NULL && token->kid != NULL && token->kid[0] != '\0');
	PROMISE(token->naud > 0 && token->has_exp);
	PROMISE(token->exp >= 0 && token->exp <= INT64CONST(1) << 53);
	PROMISE(token->nbf >= 0 && token->iat >= 0);
	PROMISE(ca_spiffe_id_valid(token->sub, true, &td_len) && td_len > 0);
	PROMISE(strlen(token->payload) == token->payload_len);
	PROMISE(token->signature_len > 0);
	PROMISE(ca_token_verify(token, NULL) == CA_TOKEN_UNKNOWN_KEY);
	PROMISE(ca_token_validate(token, token->aud[0], token->exp, 0) !=
			CA_TOKEN_OK);
}

/* One input of the token fuzzer. */
static void
run(const uint8_t *data, size_t size)
{
	CaToken    *token;
	size_t		len;
	char	   *text = compact_text(data, size, &len);
	char	   *exact = palloc(len);
	CaTokenStatus status;

	memcpy(exact, text, len);
	status = ca_token_parse(exact, len, &token);
	PROMISE((token != NULL) == (status == CA_TOKEN_OK));
	if (token != NULL)
		check_token(token);
}

#elif defined(FUZZ_JWKS)

/* One input of the key set fuzzer. */
static void
run(const uint8_t *data, size_t size)
{
	unsigned char digest[CA_SHA256_LEN];
	int			before = arena_live();
	CaJwks	   *jwks;
	int			nkeys;
	CaTokenStatus status = ca_jwks_parse((const char *) data, size,
										 &jwks, &nkeys);

	PROMISE((jwks != NULL) == (status == CA_TOKEN_OK));
	PROMISE(nkeys >= 0 && nkeys <= CA_JWKS_MAX_KEYS);
	PROMISE(jwks != NULL || nkeys == 0);
	PROMISE(!ca_jwks_key_digest(jwks, "", digest));
	ca_jwks_free(jwks);
	PROMISE(status != CA_TOKEN_OK || arena_live() == before);
}

#else

/* One input of the SPIFFE ID fuzzer. */
static void
run(const uint8_t *data, size_t size)
{
	char	   *id = pnstrdup((const char *) data, size);
	int			td_len = -1;
	bool		bare = ca_spiffe_id_valid(id, false, &td_len);

	if (bare)
	{
		char	   *name = pnstrdup(id + 9, td_len);

		PROMISE(td_len > 0 && ca_trust_domain_valid(name));
		PROMISE(id[9 + td_len] == '\0' || id[9 + td_len] == '/');
		PROMISE(id[strlen(id) - 1] != '/');
		PROMISE(strpbrk(id + 9, ":?#%@ ") == NULL);
		PROMISE(strstr(id + 9, "//") == NULL &&
				strstr(id + 9 + td_len, "/../") == NULL);
	}
	PROMISE(ca_spiffe_id_valid(id, true, NULL) ==
			(bare && strchr(id + 9, '/') != NULL));
}

#endif

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(data, size);
	arena_reset();
	return 0;
}
