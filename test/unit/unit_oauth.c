/*-------------------------------------------------------------------------
 *
 * unit_oauth.c
 *	  OAuth access and transaction tokens, from parsing to validation.
 *
 * A failure of a "good" case means that honest agents are locked out; of any
 * other, that a token is believed which says less, or binds more, than was
 * read from it: a chain in the wrong order, a proof that nobody checked, an
 * authority that is wider than what was granted.
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
#include "vectors_oauth.h"

#define SKEW	30				/* seconds; the vectors count on it */

static CaJwks *jwks;

/* Everything the identity layer does with a token; the first refusal. */
static CaTokenStatus
judge(const char *text, size_t len, CaToken **token)
{
	CaTokenStatus status = ca_token_parse(text, len, token);

	if (status != CA_TOKEN_OK)
		return *token == NULL ? status : CA_TOKEN_OK;
	status = ca_token_verify(*token, jwks, NULL);
	if (status == CA_TOKEN_OK)
		status = ca_token_validate(*token, VECTOR_AUDIENCE, VECTOR_NOW, SKEW);
	return status;
}

/*
 * Each vector, from a buffer of its exact size, so that ASan sees overreads.
 * What is accepted leaves the token and nothing else allocated (token.h).
 */
static void
test_vectors(void)
{
	int			left_behind = 0;

	for (int i = 0; i < (int) lengthof(oauth_cases); i++)
	{
		const OauthCase *ocase = &oauth_cases[i];
		char	   *exact = palloc(ocase->len);
		int			before = arena_live();
		CaTokenStatus got;
		CaToken    *token;

		memcpy(exact, ocase->text, ocase->len);
		got = judge(exact, ocase->len, &token);
		tap_is(got, ocase->expected, "oauth", ocase->name);
		if (got == CA_TOKEN_OK)
		{
			tap_is(token->profile, ocase->profile, "profile", ocase->name);
			left_behind += arena_live() - before - token_pieces(token);
		}
	}
	tap_is(left_behind, 0, "memory", "accepted tokens leave nothing else");
}

/* No change of one character, and no prefix, of a good token is good. */
static void
test_mutations(void)
{
	for (int i = 0; i < (int) lengthof(oauth_cases); i++)
	{
		const OauthCase *ocase = &oauth_cases[i];
		CaToken    *token;
		char	   *text;
		int			accepted = 0;

		if (strcmp(ocase->name, "good: EdDSA by PyJWT") != 0 &&
			strcmp(ocase->name, "good: ES256 by openssl") != 0)
			continue;
		text = pnstrdup(ocase->text, ocase->len);
		for (size_t at = 0; at < ocase->len; at++)
		{
			char		saved = text[at];

			text[at] = saved == 'A' ? 'B' : 'A';
			accepted += judge(text, ocase->len, &token) == CA_TOKEN_OK;
			text[at] = saved;
			accepted += judge(text, at, &token) == CA_TOKEN_OK;
		}
		tap_is(accepted, 0, "mutations", ocase->name);
	}
}

/* Append base64url of text to out. */
static void
append_base64url(char *out, const char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32		bits = 0;
	int			nbits = 0;

	out += strlen(out);
	for (; *text != '\0'; text++)
	{
		bits = (bits << 8 | (unsigned char) *text) & 0xffff;
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*out++ = alphabet[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*out++ = alphabet[bits << (6 - nbits) & 63];
	*out = '\0';
}

/* Parse an unsigned token of these claims; NULL when it is refused. */
static CaToken *
parse_claims(const char *claims)
{
	char	   *text = palloc(strlen(claims) * 2 + 200);
	CaToken    *token;

	text[0] = '\0';
	append_base64url(text, "{\"alg\":\"PS256\",\"typ\":\"at+jwt\",\"x5t\":\"k\"}");
	strcat(text, ".");
	append_base64url(text, claims);
	strcat(text, ".AQID");
	(void) ca_token_parse(text, strlen(text), &token);
	tap_ok(token != NULL, "fields", "parse");
	return token;
}

/* The claims of a token without authority of its own. */
#define CLAIMS "{\"iss\":\"i\",\"aud\":\"x\",\"exp\":10,\"client_id\":\"c\","

/* Actors: the current one first, as nested (RFC 8693 section 4.1). */
static void
test_actors(void)
{
	CaToken    *token = parse_claims(CLAIMS "\"sub\":\"alice\",\"act\":{"
									 "\"act\":{\"iss\":\"i\",\"sub\":\"bob\",\"act\":"
									 "{\"sub\":\"spiffe://a/3\"}},\"sub\":\"spiffe://a/1\"}}");

	if (token == NULL)
		return;
	tap_ok(token->profile == CA_PROFILE_OAUTH &&
		   strcmp(token->typ, "at+jwt") == 0 && token->kid == NULL,
		   "act", "header");
	tap_ok(strcmp(token->sub, "alice") == 0 && strcmp(token->iss, "i") == 0 &&
		   strcmp(token->client_id, "c") == 0, "act", "strings");
	tap_is(token->nactors, 3, "act", "number");
	tap_ok(strcmp(token->actors[0].sub, "spiffe://a/1") == 0 &&
		   token->actors[0].iss == NULL, "act", "outermost is first");
	tap_ok(strcmp(token->actors[1].sub, "bob") == 0 &&
		   strcmp(token->actors[1].iss, "i") == 0, "act", "then the prior one");
	tap_ok(strcmp(token->actors[2].sub, "spiffe://a/3") == 0, "act", "then its");
	tap_ok(token->authority == NULL && !token->has_cnf && !token->has_prf &&
		   token->max_depth == -1 && token->autonomy == 0 &&
		   !token->purposes.given, "act", "nothing else");
}

/* cnf: the digest as sent (RFC 8705 section 3.1). */
static void
test_cnf(void)
{
	CaToken    *token = parse_claims(CLAIMS "\"sub\":\"spiffe://a/b\","
									 "\"cnf\":{\"x5t#S256\":"
									 "\"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0\"}}");
	unsigned char digest[CA_SHA256_LEN];

	if (token == NULL)
		return;
	ca_sha256("abc", 3, digest);
	tap_ok(token->has_cnf &&
		   memcmp(token->cnf_sha256, digest, sizeof(digest)) == 0,
		   "cnf", "SHA-256 of abc");
}

/* authorization_details: given, empty and absent are three things. */
static void
test_details(void)
{
	CaToken    *token = parse_claims(CLAIMS "\"sub\":\"spiffe://a/b\","
									 "\"authorization_details\":[{\"type\":\"x\"},"
									 "{\"labels_max\":0,\"purpose\":\"p\",\"actions\":[\"s\",\"u\"],"
									 "\"type\":\"contauth\",\"locations\":[]},{\"type\":\"contauth\"}]}");
	const CaAuthorityDetail *detail;

	if (token == NULL || token->authority == NULL)
	{
		tap_ok(false, "details", "given");
		return;
	}
	tap_is(token->authority->ndetails, 2, "details", "only ours count");
	detail = &token->authority->details[0];
	tap_ok(detail->actions.n == 2 && strcmp(detail->actions.items[0], "s") == 0 &&
		   strcmp(detail->actions.items[1], "u") == 0, "details", "actions");
	tap_ok(detail->locations.given && detail->locations.n == 0,
		   "details", "an empty list is given");
	tap_ok(detail->purposes.n == 1 && strcmp(detail->purposes.items[0], "p") == 0,
		   "details", "purpose, a string");
	tap_is(detail->labels_max, 0, "details", "labels_max 0");
	detail = &token->authority->details[1];
	tap_ok(!detail->actions.given && !detail->locations.given &&
		   !detail->purposes.given && detail->labels_max == -1,
		   "details", "absent is not given");

	token = parse_claims(CLAIMS "\"sub\":\"spiffe://a/b\","
						 "\"authorization_details\":[]}");
	tap_ok(token != NULL && token->authority != NULL &&
		   token->authority->ndetails == 0, "details",
		   "an empty array gives no authority");
	token = parse_claims(CLAIMS "\"sub\":\"spiffe://a/b\","
						 "\"authorization_details\":[{\"type\":\"x\"}]}");
	tap_ok(token != NULL && token->authority != NULL &&
		   token->authority->ndetails == 0, "details",
		   "other types only give no authority");
}

int
main(void)
{
	int			nkeys;
	int			status;

	status = ca_jwks_parse(vector_jwks, strlen(vector_jwks), &jwks, &nkeys);
	tap_is(status, CA_TOKEN_OK, "oauth", "key set");
	test_actors();
	test_cnf();
	test_details();
	test_vectors();
	test_mutations();
	status = tap_done();
	ca_jwks_free(jwks);
	arena_reset();
	return status;
}
