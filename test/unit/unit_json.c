/*-------------------------------------------------------------------------
 *
 * unit_json.c
 *	  The small parsers under the tokens: JSON, base64url, SPIFFE IDs.
 *
 * A failure means that one text could be read in two ways, or that a hostile
 * one could exhaust the stack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "token/base64url.h"
#include "token/json.h"

#include "arena.h"
#include "tap.h"

/* Parse a text from a buffer of its exact size and forget the tree. */
static CaTokenStatus
parse(const char *text, size_t len)
{
	char	   *exact = palloc(len);
	CaTokenStatus status;
	CaJson	   *json;

	memcpy(exact, text, len);
	status = ca_json_parse(exact, len, &json);
	if (status == CA_TOKEN_OK ? json == NULL : json != NULL)
		abort();
	arena_reset();
	return status;
}

/* Texts and what becomes of them. */
static void
test_json_status(void)
{
	static const struct
	{
		const char *text;
		CaTokenStatus expected;
	}			cases[] = {
		{"{}", CA_TOKEN_OK},
		{" {\t} \r\n", CA_TOKEN_OK},
		{"{\"a\":{\"a\":{\"a\":1}}}", CA_TOKEN_OK},
		{"{\"a\":1,\"A\":2,\"a \":3}", CA_TOKEN_OK},
		{"{\"a\":[{\"b\":1},{\"b\":1}]}", CA_TOKEN_OK},
		{"{\"a\":\"\\\"}{\\\\\"}", CA_TOKEN_OK},
		{"{\"a\":\"\\u005c\\u0022\"}", CA_TOKEN_OK},
		{"{\"\\\\u0061\":1,\"a\":2}", CA_TOKEN_OK},
		{"{\"a\":\"\\ud83d\\ude00\"}", CA_TOKEN_OK},
		{"", CA_TOKEN_BAD_JSON},
		{" ", CA_TOKEN_BAD_JSON},
		{"{", CA_TOKEN_BAD_JSON},
		{"}", CA_TOKEN_BAD_JSON},
		{"{]", CA_TOKEN_BAD_JSON},
		{"{}}", CA_TOKEN_BAD_JSON},
		{"{}x", CA_TOKEN_BAD_JSON},
		{"\"", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\u", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\u12", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\ud83d", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\ud83d\\u", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\ud83d\\ud83d\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\u00g0\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\\u0000\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\\u0000b\":1}", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\t\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\" 1}", CA_TOKEN_BAD_JSON},
		{"{\"a\":}", CA_TOKEN_BAD_JSON},
		{"{1:1}", CA_TOKEN_BAD_JSON},
		{"{\"a\":1,}", CA_TOKEN_BAD_JSON},
		{"{\"a\":[1,]}", CA_TOKEN_BAD_JSON},
		{"{\"a\":0x10}", CA_TOKEN_BAD_JSON},
		{"{\"a\":1.}", CA_TOKEN_BAD_JSON},
		{"{\"a\":.5}", CA_TOKEN_BAD_JSON},
		{"{\"a\":1e}", CA_TOKEN_BAD_JSON},
		{"{\"a\":True}", CA_TOKEN_BAD_JSON},
		{"[]", CA_TOKEN_BAD_JSON},
		{"\"a\"", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\x80\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\xe2\x82\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\":\"\xf4\x90\x80\x80\"}", CA_TOKEN_BAD_JSON},
		{"{\"a\":1,\"a\":1}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"a\":1,\"b\":2,\"a\":{}}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"a\":1,\"\\u0061\":1}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"/\":1,\"\\/\":1}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"\xc3\xa9\":1,\"\\u00e9\":1}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"\\u00E9\":1,\"\\u00e9\":1}", CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"\xf0\x9f\x98\x80\":1,\"\\uD83D\\uDE00\":1}",
		CA_TOKEN_DUPLICATE_MEMBER},
		{"{\"a\":[[{\"b\":{\"c\":1,\"c\":1}}]]}", CA_TOKEN_DUPLICATE_MEMBER},
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
		tap_is(parse(cases[i].text, strlen(cases[i].text)),
			   cases[i].expected, "json", cases[i].text);
	tap_is(parse("{\"a\":1\0}", 8), CA_TOKEN_BAD_JSON, "json", "NUL byte");
	tap_is(parse("{}\0", 3), CA_TOKEN_BAD_JSON, "json", "NUL byte at the end");
}

/* n opening brackets, then n closing ones when closed. */
static CaTokenStatus
parse_nested(int n, const char *open, const char *close)
{
	size_t		step = strlen(open);
	size_t		len = 5 + n * step + (close ? n + 1 : 0);
	char	   *text = palloc(len + 2);
	CaTokenStatus status;

	memcpy(text, "{\"a\":", 5);
	for (int i = 0; i < n; i++)
		memcpy(text + 5 + i * step, open, step);
	if (close)
	{
		memset(text + 5 + n * step, *close, n);
		text[len - 1] = '}';
	}
	status = parse(text, len);
	arena_reset();
	return status;
}

/* Depth, up to texts that would take the stack of a recursive parser. */
static void
test_json_depth(void)
{
	tap_is(parse_nested(CA_JSON_MAX_DEPTH - 1, "[", "]"), CA_TOKEN_OK,
		   "depth", "the limit");
	tap_is(parse_nested(CA_JSON_MAX_DEPTH, "[", "]"), CA_TOKEN_TOO_DEEP,
		   "depth", "one more");
	tap_is(parse_nested(40000, "{\"a\":", NULL), CA_TOKEN_TOO_DEEP,
		   "depth", "40000 objects, unclosed");
	tap_is(parse_nested(130000, "[", "]"), CA_TOKEN_TOO_DEEP,
		   "depth", "130000 arrays");
	tap_is(parse_nested(200000, "[", NULL), CA_TOKEN_TOO_DEEP,
		   "depth", "200000 arrays, unclosed");
}

/* Names and values come out without escapes, and the tree can be walked. */
static void
test_json_tree(void)
{
	static const char text[] =
	"{\"a\\u0022\\u00e9\":\"\\ud83d\\ude00\\n\\\\u0041\","
	"\"b\":[1.5e3,[],{},null],\"c\":{\"d\":true},\"e\":\"\"}";
	CaJson	   *json;
	int			b;
	int			child;
	int			children = 0;

	tap_is(ca_json_parse(text, sizeof(text) - 1, &json), CA_TOKEN_OK,
		   "tree", "parse");
	if (json == NULL)
		return;
	tap_ok(strcmp(ca_json_string(json, ca_json_member(json, CA_JSON_ROOT,
													  "a\"\xc3\xa9")),
				  "\xf0\x9f\x98\x80\n\\u0041") == 0, "tree", "escapes");
	b = ca_json_member(json, CA_JSON_ROOT, "b");
	child = ca_json_first(json, b);
	tap_ok(ca_json_is(json, child, CA_JSON_NUMBER) &&
		   strcmp(json->nodes[child].text, "1.5e3") == 0, "tree", "number");
	for (; child >= 0; child = ca_json_next(json, child))
		children++;
	tap_is(children, 4, "tree", "elements of an array");
	tap_ok(ca_json_is(json, ca_json_member(json, ca_json_member(
																json, CA_JSON_ROOT, "c"), "d"), CA_JSON_LITERAL),
		   "tree", "nested member");
	tap_ok(ca_json_member(json, CA_JSON_ROOT, "d") == CA_JSON_NONE &&
		   ca_json_member(json, b, "a") == CA_JSON_NONE &&
		   ca_json_member(json, CA_JSON_NONE, "a") == CA_JSON_NONE,
		   "tree", "no such member");
	tap_ok(ca_json_string(json, b) == NULL &&
		   ca_json_string(json, CA_JSON_NONE) == NULL &&
		   ca_json_next(json, CA_JSON_ROOT) == CA_JSON_NONE &&
		   ca_json_first(json, CA_JSON_NONE) == CA_JSON_NONE,
		   "tree", "no such node");
	ca_json_free(json);
	tap_is(arena_live(), 0, "tree", "nothing left");
}

/* base64url: RFC 4648 section 10, and what it must not take. */
static void
test_base64url(void)
{
	static const struct
	{
		const char *text;
		const char *bytes;		/* NULL: refused */
	}			cases[] = {
		{"", ""}, {"Zg", "f"}, {"Zm8", "fo"}, {"Zm9v", "foo"},
		{"Zm9vYg", "foob"}, {"Zm9vYmE", "fooba"}, {"Zm9vYmFy", "foobar"},
		{"-_-_", "\xfb\xff\xbf"},
		{"Zg==", NULL}, {"Zm8=", NULL}, {"Zh", NULL}, {"Zm9", NULL},
		{"Z", NULL}, {"Zm9vY", NULL}, {"+/+/", NULL}, {"Zm 9v", NULL},
		{"Zm9v\n", NULL}, {"Zm9v\x80", NULL}, {"====", NULL}, {"Zg.", NULL},
	};
	int			accepted = 0;

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		unsigned char *out = NULL;
		size_t		outlen = 0;
		bool		ok = ca_base64url_decode(cases[i].text,
											 strlen(cases[i].text),
											 &out, &outlen);

		tap_ok(cases[i].bytes == NULL ? !ok && arena_live() == 0
			   : ok && outlen == strlen(cases[i].bytes) &&
			   memcmp(out, cases[i].bytes, outlen + 1) == 0,
			   "base64url", cases[i].text);
		arena_reset();
	}

	/* of the 65536 pairs of bytes, 64 * 4 are the text of one byte */
	for (int i = 0; i < 65536; i++)
	{
		char		pair[2] = {(char) (i >> 8), (char) i};
		unsigned char *out;
		size_t		outlen;

		accepted += ca_base64url_decode(pair, 2, &out, &outlen);
		arena_reset();
	}
	tap_is(accepted, 256, "base64url", "one text for each byte");
}

/* SPIFFE IDs and trust domains. */
static void
test_spiffe(void)
{
	static const struct
	{
		const char *id;
		int			td_len;		/* 0: refused */
		bool		has_path;
	}			cases[] = {
		{"spiffe://a/b", 1, true}, {"spiffe://acme.example", 12, false},
		{"spiffe://a-b_c.9/A.b-c_9/...", 7, true},
		{"spiffe://a/.b/b.", 1, true}, {"spiffe://127.0.0.1/a", 9, true},
		{"", 0, false}, {"s", 0, false}, {"spiffe:", 0, false},
		{"spiffe://", 0, false}, {"spiffe:///", 0, false},
		{"spiffe:///a", 0, false}, {"Spiffe://a/b", 0, false},
		{"spiffe://A/b", 0, false}, {"spiffe://a/", 0, false},
		{"spiffe://a/b/", 0, false}, {"spiffe://a//b", 0, false},
		{"spiffe://a/.", 0, false}, {"spiffe://a/..", 0, false},
		{"spiffe://a/./b", 0, false}, {"spiffe://a/b/../c", 0, false},
		{"spiffe://a:1/b", 0, false}, {"spiffe://u@a/b", 0, false},
		{"spiffe://[::1]/b", 0, false}, {"spiffe://a?b", 0, false},
		{"spiffe://a/b?c", 0, false}, {"spiffe://a/b#c", 0, false},
		{"spiffe://a/%62", 0, false}, {"spiffe://a/b c", 0, false},
		{"spiffe://a/\xc3\xa9", 0, false}, {"spiffe://\xc3\xa9/a", 0, false},
		{"spiffe://a/b~c", 0, false}, {"spiffe://a/b\n", 0, false},
		{"spiffe://a\\b", 0, false}, {" spiffe://a/b", 0, false},
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		int			td_len = 0;
		bool		with = ca_spiffe_id_valid(cases[i].id, true, &td_len);
		bool		without = ca_spiffe_id_valid(cases[i].id, false, NULL);

		tap_ok(with == (cases[i].td_len > 0 && cases[i].has_path) &&
			   without == (cases[i].td_len > 0) &&
			   (!with || td_len == cases[i].td_len), "SPIFFE ID", cases[i].id);
	}
}

/* Longest names, and the names of trust domains alone. */
static void
test_spiffe_limits(void)
{
	char		id[2050] = "spiffe://";

	memset(id + 9, 'a', 256);
	tap_ok(!ca_spiffe_id_valid(id, false, NULL) &&
		   !ca_trust_domain_valid(id + 9), "SPIFFE ID", "domain of 256");
	id[9 + 255] = '\0';
	tap_ok(ca_spiffe_id_valid(id, false, NULL) &&
		   ca_trust_domain_valid(id + 9), "SPIFFE ID", "domain of 255");
	memset(id + 9, 'a', 2040);
	id[10] = '/';
	id[2048] = '\0';
	tap_ok(ca_spiffe_id_valid(id, true, NULL), "SPIFFE ID", "2048 bytes");
	id[2048] = 'a';
	id[2049] = '\0';
	tap_ok(!ca_spiffe_id_valid(id, true, NULL), "SPIFFE ID", "2049 bytes");

	tap_ok(ca_trust_domain_valid("acme-1_2.example"), "trust domain", "good");
	tap_ok(!ca_trust_domain_valid("") && !ca_trust_domain_valid("Acme") &&
		   !ca_trust_domain_valid("a/b") && !ca_trust_domain_valid("a:1") &&
		   !ca_trust_domain_valid("spiffe://a") && !ca_trust_domain_valid("*"),
		   "trust domain", "bad");
}

int
main(void)
{
	test_json_status();
	test_json_depth();
	test_json_tree();
	test_base64url();
	test_spiffe();
	test_spiffe_limits();
	return tap_done();
}
