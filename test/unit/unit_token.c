/*-------------------------------------------------------------------------
 *
 * unit_token.c
 *	  Tokens from parsing to validation, against vectors of other libraries.
 *
 * A failure of a "good" case means that honest agents are locked out; of any
 * other case, that a forged or ambiguous token passes, or that it is refused
 * for the wrong reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "token/jwk.h"
#include "token/jws.h"

#include "arena.h"
#include "pieces.h"
#include "tap.h"
#include "vector_types.h"
#include "vectors.h"

#define SKEW	30				/* seconds; the vectors count on it */

static CaJwks *jwks;

/* Everything the identity layer does with a token; the first refusal. */
static CaTokenStatus
judge(const char *text, size_t len)
{
	CaToken    *token;
	CaTokenStatus status = ca_token_parse(text, len, &token);

	if (status != CA_TOKEN_OK)
		return token == NULL ? status : CA_TOKEN_OK;
	status = ca_token_verify(token, jwks, NULL);
	if (status == CA_TOKEN_OK)
		status = ca_token_validate(token, VECTOR_AUDIENCE, VECTOR_NOW, SKEW);
	return status;
}

/* Each vector, from a buffer of its exact size, so that ASan sees overreads. */
static void
test_vectors(void)
{
	for (int i = 0; i < (int) lengthof(token_cases); i++)
	{
		const TokenCase *tcase = &token_cases[i];
		char	   *exact = palloc(tcase->len);
		CaTokenStatus got;

		memcpy(exact, tcase->text, tcase->len);
		got = judge(exact, tcase->len);
		tap_is(got, tcase->expected, "token", tcase->name);
		pfree(exact);
	}
}

/* No change of one character, and no prefix, of a good token is good. */
static void
test_mutations(void)
{
	for (int i = 0; i < (int) lengthof(token_cases); i++)
	{
		const TokenCase *tcase = &token_cases[i];
		char	   *text;
		int			accepted = 0;

		if (strstr(tcase->name, "by PyJWT") == NULL)
			continue;
		text = pnstrdup(tcase->text, tcase->len);
		for (size_t at = 0; at < tcase->len; at++)
		{
			char		saved = text[at];

			text[at] = saved == 'A' ? 'B' : 'A';
			accepted += judge(text, tcase->len) == CA_TOKEN_OK;
			text[at] = saved;
			accepted += judge(text, at) == CA_TOKEN_OK;
		}
		tap_is(accepted, 0, "mutations", tcase->name);
		pfree(text);
	}
}

/* What ca_token_parse() says of a good token's parts. */
static void
test_fields(void)
{
	static const char head[] =
	"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsiLCJ0eXAiOiJKV1QifQ";
	static const char body[] =	/* {"iss":"i","sub":"spiffe://a/b","jti":"j",
								 * "aud":["x","y"],"exp":10.9,"nbf":1e1,
								 * "iat":0} */
	"eyJpc3MiOiJpIiwic3ViIjoic3BpZmZlOi8vYS9iIiwianRpIjoiaiIsImF1ZCI6"
	"WyJ4IiwieSJdLCJleHAiOjEwLjksIm5iZiI6MWUxLCJpYXQiOjB9";
	char	   *text = palloc(sizeof(head) + sizeof(body) + 5);
	unsigned char digest[CA_SHA256_LEN];
	CaToken    *token;
	int			len;

	strcpy(text, head);
	strcat(text, ".");
	strcat(text, body);
	strcat(text, ".AQID");
	len = (int) strlen(text);

	tap_is(ca_token_parse(text, len, &token), CA_TOKEN_OK, "fields", "parse");
	if (token == NULL)
		return;
	tap_ok(strcmp(token->alg, "ES256") == 0 && strcmp(token->kid, "k") == 0 &&
		   strcmp(token->typ, "JWT") == 0, "fields", "header");
	tap_ok(strcmp(token->iss, "i") == 0 && strcmp(token->jti, "j") == 0 &&
		   strcmp(token->sub, "spiffe://a/b") == 0, "fields", "strings");
	tap_ok(token->naud == 2 && strcmp(token->aud[0], "x") == 0 &&
		   strcmp(token->aud[1], "y") == 0, "fields", "audience");
	tap_ok(token->has_exp && token->exp == 10 && token->has_nbf &&
		   token->nbf == 10 && token->has_iat && token->iat == 0,
		   "fields", "dates");
	tap_ok(token->payload_len == strlen(token->payload) &&
		   token->payload[0] == '{', "fields", "payload");
	tap_ok(token->signature_len == 3 &&
		   memcmp(token->signature, "\1\2\3", 3) == 0, "fields", "signature");
	tap_ok(token->signing_input_len == (size_t) len - 5 &&
		   strncmp(token->signing_input, text, len - 5) == 0,
		   "fields", "signing input");
	ca_sha256(text, len, digest);
	tap_ok(memcmp(digest, token->sha256, sizeof(digest)) == 0,
		   "fields", "digest of the whole token");
}

/* Edges of ca_token_validate() that no vector reaches. */
static void
test_validate(void)
{
	char	   *aud[] = {(char *) VECTOR_AUDIENCE};
	CaToken		token = {.aud = aud,.naud = 1,.has_exp = true,.exp = 1000};
	const char *us = VECTOR_AUDIENCE;

	tap_is(ca_token_validate(&token, us, 999, 0), CA_TOKEN_OK,
		   "validate", "one second left");
	tap_is(ca_token_validate(&token, us, 1000, 0), CA_TOKEN_EXPIRED,
		   "validate", "at exp");
	tap_is(ca_token_validate(&token, us, 1000, -5), CA_TOKEN_EXPIRED,
		   "validate", "negative skew");
	tap_is(ca_token_validate(&token, us, 990, -50), CA_TOKEN_OK,
		   "validate", "negative skew counts as none");
	tap_is(ca_token_validate(&token, us, -1, 0), CA_TOKEN_EXPIRED,
		   "validate", "clock before 1970");
	tap_is(ca_token_validate(&token, us, PG_INT64_MAX, PG_INT32_MAX),
		   CA_TOKEN_EXPIRED, "validate", "end of time");
	tap_is(ca_token_validate(&token, NULL, 1, 0), CA_TOKEN_WRONG_AUDIENCE,
		   "validate", "no audience configured");
	tap_is(ca_token_validate(&token, "", 1, 0), CA_TOKEN_WRONG_AUDIENCE,
		   "validate", "empty audience configured");
	aud[0] = (char *) "";
	tap_is(ca_token_validate(&token, "", 1, 0), CA_TOKEN_WRONG_AUDIENCE,
		   "validate", "empty audience on both sides");
	token.naud = 0;
	tap_is(ca_token_validate(&token, us, 1, 0), CA_TOKEN_WRONG_AUDIENCE,
		   "validate", "no audience in the token");
	aud[0] = (char *) VECTOR_AUDIENCE;
	token.naud = 1;
	token.has_exp = false;
	tap_is(ca_token_validate(&token, us, 1, 0), CA_TOKEN_EXPIRED,
		   "validate", "no exp");
	token.has_exp = token.has_nbf = true;
	token.nbf = token.exp = INT64CONST(1) << 53;
	tap_is(ca_token_validate(&token, us, 1, PG_INT32_MAX),
		   CA_TOKEN_NOT_YET_VALID, "validate", "largest nbf and skew");
}

/* Ed25519 is for other profiles, but the verifier knows it. */
static void
test_eddsa(void)
{
	CaToken		token = {
		.alg = (char *) "EdDSA",.kid = (char *) "ed"
	};
	CaJws		jws;

	tap_is(judge(vector_eddsa_token, strlen(vector_eddsa_token)),
		   CA_TOKEN_BAD_ALGORITHM, "EdDSA", "refused in a JWT-SVID");
	ca_jws_parse(vector_eddsa_token, strlen(vector_eddsa_token), &jws);
	token.signing_input = jws.signing_input;
	token.signing_input_len = jws.signing_input_len;
	token.signature = jws.signature;
	token.signature_len = jws.signature_len;
	tap_is(ca_token_verify(&token, jwks, NULL), CA_TOKEN_OK, "EdDSA", "verifies");
	token.signature[0] ^= 1;
	tap_is(ca_token_verify(&token, jwks, NULL), CA_TOKEN_BAD_SIGNATURE,
		   "EdDSA", "one bit wrong");
	token.signature_len--;
	tap_is(ca_token_verify(&token, jwks, NULL), CA_TOKEN_BAD_SIGNATURE,
		   "EdDSA", "too short");
	token.kid = (char *) "p256";
	tap_is(ca_token_verify(&token, jwks, NULL), CA_TOKEN_UNKNOWN_KEY,
		   "EdDSA", "names another kind of key");
	token.alg = (char *) "HS256";
	tap_is(ca_token_verify(&token, jwks, NULL), CA_TOKEN_BAD_ALGORITHM,
		   "EdDSA", "an algorithm the verifier does not know");
}

/* Sizes: the limit itself, one more, and no key set at all. */
static void
test_limits(void)
{
	char	   *text = palloc(CA_TOKEN_MAX_LEN + 1);
	CaToken    *token;

	memset(text, 'A', CA_TOKEN_MAX_LEN + 1);
	tap_is(judge(text, CA_TOKEN_MAX_LEN + 1), CA_TOKEN_TOO_LONG,
		   "limits", "one byte too long");
	tap_is(judge(text, CA_TOKEN_MAX_LEN), CA_TOKEN_MALFORMED,
		   "limits", "longest token");
	memset(text, '.', CA_TOKEN_MAX_LEN);
	tap_is(judge(text, CA_TOKEN_MAX_LEN), CA_TOKEN_MALFORMED,
		   "limits", "dots");

	ca_token_parse(token_cases[0].text, token_cases[0].len, &token);
	tap_is(ca_token_verify(token, NULL, NULL), CA_TOKEN_UNKNOWN_KEY,
		   "limits", "no key set");
}

/* Every good parse leaves the token and nothing else allocated. */
static void
test_memory(void)
{
	CaToken    *token;
	int			left_behind = 0;
	int			before;

	for (int i = 0; i < (int) lengthof(token_cases); i++)
	{
		before = arena_live();
		if (ca_token_parse(token_cases[i].text, token_cases[i].len,
						   &token) == CA_TOKEN_OK)
			left_behind += arena_live() - before - token_pieces(token);
	}
	tap_is(left_behind, 0, "memory", "accepted tokens leave nothing else");
	ca_token_parse(token_cases[0].text, token_cases[0].len, &token);
	before = arena_live();
	ca_token_verify(token, jwks, NULL);
	ca_token_validate(token, VECTOR_AUDIENCE, VECTOR_NOW, SKEW);
	tap_is(arena_live() - before, 0, "memory", "verification allocates none");
}

/* The digest is that of the key that verified, with and without a kid. */
static void
test_key_digest(void)
{
	const CaSignatureAlg *rs256 = ca_signature_alg("RS256");
	unsigned char digest[CA_SHA256_LEN];
	unsigned char untouched[CA_SHA256_LEN];

	memset(untouched, 0xa5, sizeof(untouched));
	for (int i = 0; i < (int) lengthof(token_cases); i++)
	{
		const TokenCase *tcase = &token_cases[i];
		const char *kid = NULL;
		CaToken    *token;
		CaTokenStatus status;

		if (strcmp(tcase->name, "good: RS256 by PyJWT") == 0 ||
			strncmp(tcase->name, "no kid: RS256 (", 15) == 0)
			kid = "rsa";
		else if (strcmp(tcase->name, "no kid: the second key that fits") == 0)
			kid = "second";
		else if (strncmp(tcase->name, "signature: another", 18) != 0)
			continue;
		memset(digest, 0xa5, sizeof(digest));
		ca_token_parse(tcase->text, tcase->len, &token);
		status = ca_token_verify(token, jwks, digest);
		if (kid == NULL)
			tap_ok(status == CA_TOKEN_BAD_SIGNATURE &&
				   memcmp(digest, untouched, sizeof(digest)) == 0,
				   "key digest", tcase->name);
		else
			tap_ok(memcmp(digest, ca_jwks_digest(jwks, ca_jwks_find(jwks, kid,
																	rs256, -1)),
						  sizeof(digest)) == 0, "key digest", tcase->name);
	}
}

/* Every status has a sentence of its own, in the style of PostgreSQL. */
static void
test_status_text(void)
{
	bool		good = true;

	for (int i = 0; i <= CA_TOKEN_CRYPTO_FAILURE; i++)
	{
		const char *text = ca_token_status_text((CaTokenStatus) i);

		good &= text != NULL && text[0] != '\0' &&
			text[strlen(text) - 1] != '.';
		for (int j = 0; j < i; j++)
			good &= strcmp(text, ca_token_status_text((CaTokenStatus) j)) != 0;
	}
	tap_ok(good, "status", "texts are distinct and without a full stop");
}

int
main(void)
{
	int			nkeys;
	int			status;

	tap_is(ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys),
		   CA_TOKEN_OK, "token", "key set");
	test_vectors();
	test_mutations();
	test_fields();
	test_validate();
	test_eddsa();
	test_limits();
	test_memory();
	test_key_digest();
	test_status_text();
	status = tap_done();
	ca_jwks_free(jwks);
	arena_reset();
	return status;
}
