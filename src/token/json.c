/*-------------------------------------------------------------------------
 *
 * json.c
 *	  A small read-only tree of a JSON object, for tokens and key sets.
 *
 * The grammar is PostgreSQL's own parser (common/jsonapi.h).  It recurses,
 * takes the same member twice, and in the server turns \u escapes into the
 * database's encoding, with an error when that has no such character.  So a
 * scan goes before it, which
 *	  - refuses what is nested too deeply, so that the parser cannot recurse
 *		past CA_JSON_MAX_DEPTH;
 *	  - writes every \u escape beyond ASCII as plain UTF-8, so that names and
 *		values come out alike in every database and with every escaping.
 * The scan agrees with the parser about where strings begin and end for as
 * long as the parser finds no error; after that, nothing matters.
 *
 * Duplicates are found after parsing, by sorting the members of all objects.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "base/compat.h"
#include "token/json.h"

/* State of the semantic actions. */
typedef struct TreeBuilder
{
	CaJson	   *json;
	int			open;			/* innermost unfinished object or array */
	char	   *name;			/* of the member whose value comes next */
} TreeBuilder;

/*
 * The value of four hexadecimal digits at s, or -1; end bounds the read.
 */
static int
hex4(const char *s, const char *end)
{
	int			value = 0;

	if (end - s < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		char		c = s[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/*
 * Copy the \u escape at *src (two, for a surrogate pair) to *dst, as UTF-8
 * when it is beyond ASCII, and advance both.  False when it is malformed, is
 * U+0000, or is half a surrogate pair.
 */
static bool
copy_unicode_escape(const char **src, const char *end, char **dst)
{
	const char *s = *src;
	int			unit = hex4(s + 2, end);
	pg_wchar	code;
	int			len = 6;

	if (unit <= 0 || is_utf16_surrogate_second(unit))
		return false;
	code = unit;
	if (is_utf16_surrogate_first(code))
	{
		if (end - s < 12 || s[6] != '\\' || s[7] != 'u')
			return false;
		unit = hex4(s + 8, end);
		if (unit < 0 || !is_utf16_surrogate_second(unit))
			return false;
		code = surrogate_pair_to_codepoint(code, unit);
		len = 12;
	}

	/* an ASCII character may be a quote: the parser unescapes it */
	if (code < 0x80)
	{
		memcpy(*dst, s, len);
		*dst += len;
	}
	else
	{
		unicode_to_utf8(code, (unsigned char *) *dst);
		*dst += pg_encoding_mblen(PG_UTF8, *dst);
	}
	*src += len;
	return true;
}

/*
 * Copy the string that begins at *src to *dst and advance both past it.  An
 * unterminated one is copied as it is, for the parser to refuse.
 */
static bool
copy_string(const char **src, const char *end, char **dst)
{
	*(*dst)++ = *(*src)++;		/* opening quote */
	while (*src < end)
	{
		char		c = **src;

		if (c == '\\' && end - *src >= 2)
		{
			if ((*src)[1] == 'u')
			{
				if (!copy_unicode_escape(src, end, dst))
					return false;
				continue;
			}
			*(*dst)++ = *(*src)++;
		}
		*(*dst)++ = *(*src)++;
		if (c == '"')
			break;
	}
	return true;
}

/*
 * The scan that goes before the parser; see the head of the file.  dst has
 * room for the whole text, which never grows.
 *
 * SECURITY: without the limit here a token could exhaust the stack, which in
 * the server is an error and elsewhere a crash.  Guarded by the "depth" cases
 * of test/unit/unit_json.c.
 */
static CaTokenStatus
prescan(const char *text, size_t len, char *dst, size_t *dstlen)
{
	const char *src = text;
	const char *end = text + len;
	char	   *out = dst;
	int			depth = 0;

	while (src < end)
	{
		if (*src == '"')
		{
			if (!copy_string(&src, end, &out))
				return CA_TOKEN_BAD_JSON;
			continue;
		}
		if (*src == '{' || *src == '[')
		{
			if (++depth > CA_JSON_MAX_DEPTH)
				return CA_TOKEN_TOO_DEEP;
		}
		else if (*src == '}' || *src == ']')
		{
			if (--depth < 0)
				return CA_TOKEN_BAD_JSON;
		}
		*out++ = *src++;
	}
	*out = '\0';
	*dstlen = out - dst;
	return CA_TOKEN_OK;
}

/*
 * Append a node under the innermost open container; it takes the pending
 * member name and owns text.
 */
static int
add_node(TreeBuilder *builder, CaJsonType type, char *text)
{
	CaJson	   *json = builder->json;
	CaJsonNode *node;

	if (json->nnodes >= json->maxnodes)
	{
		json->maxnodes *= 2;
		json->nodes = repalloc(json->nodes,
							   json->maxnodes * sizeof(CaJsonNode));
	}
	node = &json->nodes[json->nnodes];
	node->type = type;
	node->parent = builder->open;
	node->next = json->nnodes + 1;
	node->name = builder->name;
	node->text = text;
	builder->name = NULL;
	return json->nnodes++;
}

/* Semantic action: an object begins. */
static CaJsonResult
object_start(void *state)
{
	TreeBuilder *builder = state;

	builder->open = add_node(builder, CA_JSON_OBJECT, NULL);
	CA_JSON_DONE();
}

/* Semantic action: an array begins. */
static CaJsonResult
array_start(void *state)
{
	TreeBuilder *builder = state;

	builder->open = add_node(builder, CA_JSON_ARRAY, NULL);
	CA_JSON_DONE();
}

/* Semantic action: the innermost object or array ends. */
static CaJsonResult
container_end(void *state)
{
	TreeBuilder *builder = state;
	CaJsonNode *node = &builder->json->nodes[builder->open];

	node->next = builder->json->nnodes;
	builder->open = node->parent;
	CA_JSON_DONE();
}

/* Semantic action: a member's name was read; it is palloc'd and ours. */
static CaJsonResult
object_field_start(void *state, char *fname, bool isnull pg_attribute_unused())
{
	TreeBuilder *builder = state;

	builder->name = fname;
	CA_JSON_DONE();
}

/* Semantic action: a scalar was read; its text is palloc'd and ours. */
static CaJsonResult
scalar(void *state, char *token, JsonTokenType tokentype)
{
	CaJsonType	type = CA_JSON_LITERAL;

	if (tokentype == JSON_TOKEN_STRING)
		type = CA_JSON_STRING;
	else if (tokentype == JSON_TOKEN_NUMBER)
		type = CA_JSON_NUMBER;
	add_node(state, type, token);
	CA_JSON_DONE();
}

/*
 * Run PostgreSQL's parser over text, which must be NUL-terminated.
 */
static bool
run_parser(char *text, size_t len, JsonSemAction *actions)
{
	JsonLexContext *lex;
	bool		ok;

	lex = ca_json_lexer(text, len);
	ok = pg_parse_json(lex, actions) == JSON_SUCCESS;
	ca_json_lexer_free(lex);
	return ok;
}

/*
 * Build the tree of text, which the scan has passed.  NULL when the parser
 * refuses it.
 */
static CaJson *
build_tree(char *text, size_t len)
{
	TreeBuilder builder = {.open = CA_JSON_NONE};
	JsonSemAction actions = {
		.semstate = &builder,
		.object_start = object_start,
		.object_end = container_end,
		.array_start = array_start,
		.array_end = container_end,
		.object_field_start = object_field_start,
		.scalar = scalar
	};

	builder.json = palloc0(sizeof(CaJson));
	builder.json->maxnodes = 32;
	builder.json->nodes = palloc(builder.json->maxnodes * sizeof(CaJsonNode));

	if (run_parser(text, len, &actions))
		return builder.json;

	ca_json_free(builder.json);
	return NULL;
}

/*
 * qsort comparator of pointers to members: by object, then by name.
 */
static int
compare_members(const void *a, const void *b)
{
	const CaJsonNode *left = *(CaJsonNode *const *) a;
	const CaJsonNode *right = *(CaJsonNode *const *) b;

	if (left->parent != right->parent)
		return left->parent < right->parent ? -1 : 1;
	return strcmp(left->name, right->name);
}

/*
 * Does any object have two members of one name?
 *
 * SECURITY: readers disagree on which of two members counts (RFC 8259 section
 * 4), so what we verify need not be what another reader acts on.  Guarded by
 * the "duplicate" cases of test/unit/unit_token.c.
 */
static bool
has_duplicates(CaJson *json)
{
	CaJsonNode **members = palloc(json->nnodes * sizeof(CaJsonNode *));
	int			n = 0;
	bool		found = false;

	for (int i = 0; i < json->nnodes; i++)
	{
		if (json->nodes[i].name != NULL)
			members[n++] = &json->nodes[i];
	}
	qsort(members, n, sizeof(CaJsonNode *), compare_members);
	for (int i = 1; i < n && !found; i++)
		found = compare_members(&members[i - 1], &members[i]) == 0;
	pfree(members);
	return found;
}

/*
 * Parse a text whose root is of that type.
 */
static CaTokenStatus
parse_root(const char *text, size_t len, CaJsonType type, CaJson **json)
{
	CaTokenStatus status;
	CaJson	   *tree = NULL;
	char	   *scanned;
	size_t		scanned_len = 0;

	*json = NULL;
	if (len > CA_JSON_MAX_LEN)
		return CA_TOKEN_TOO_LONG;

	/* the verifier stops at a NUL byte, so this refuses one too */
	if (len == 0 ||
		pg_encoding_verifymbstr(PG_UTF8, text, (int) len) != (int) len)
		return CA_TOKEN_BAD_JSON;

	scanned = palloc(len + 1);
	status = prescan(text, len, scanned, &scanned_len);
	if (status == CA_TOKEN_OK)
	{
		tree = build_tree(scanned, scanned_len);
		if (tree == NULL || tree->nodes[CA_JSON_ROOT].type != type)
			status = CA_TOKEN_BAD_JSON;
		else if (has_duplicates(tree))
			status = CA_TOKEN_DUPLICATE_MEMBER;
	}
	pfree(scanned);

	if (status == CA_TOKEN_OK)
		*json = tree;
	else
		ca_json_free(tree);
	return status;
}

/*
 * Parse a JSON object; see the header.
 */
CaTokenStatus
ca_json_parse(const char *text, size_t len, CaJson **json)
{
	return parse_root(text, len, CA_JSON_OBJECT, json);
}

/*
 * Parse a JSON array; see the header.
 */
CaTokenStatus
ca_json_parse_array(const char *text, size_t len, CaJson **json)
{
	return parse_root(text, len, CA_JSON_ARRAY, json);
}

/*
 * Free a tree; NULL is allowed.
 */
void
ca_json_free(CaJson *json)
{
	if (json == NULL)
		return;
	for (int i = 0; i < json->nnodes; i++)
	{
		if (json->nodes[i].name != NULL)
			pfree(json->nodes[i].name);
		if (json->nodes[i].text != NULL)
			pfree(json->nodes[i].text);
	}
	pfree(json->nodes);
	pfree(json);
}

/*
 * Is there such a node, and is it of that type?
 */
bool
ca_json_is(const CaJson *json, int node, CaJsonType type)
{
	return node >= 0 && json->nodes[node].type == type;
}

/*
 * The first child of an object or array, or -1.
 */
int
ca_json_first(const CaJson *json, int node)
{
	if (node < 0 || json->nodes[node].next == node + 1)
		return CA_JSON_NONE;
	return node + 1;
}

/*
 * The next child of the same parent, or -1.
 */
int
ca_json_next(const CaJson *json, int node)
{
	int			parent;

	if (node <= CA_JSON_ROOT)
		return CA_JSON_NONE;
	parent = json->nodes[node].parent;
	if (json->nodes[node].next >= json->nodes[parent].next)
		return CA_JSON_NONE;
	return json->nodes[node].next;
}

/*
 * How many children there are.
 */
int
ca_json_count(const CaJson *json, int node)
{
	int			n = 0;

	for (int i = ca_json_first(json, node); i >= 0; i = ca_json_next(json, i))
		n++;
	return n;
}

/*
 * The member of that name, or -1.
 */
int
ca_json_member(const CaJson *json, int object, const char *name)
{
	if (!ca_json_is(json, object, CA_JSON_OBJECT))
		return CA_JSON_NONE;
	for (int i = ca_json_first(json, object); i >= 0; i = ca_json_next(json, i))
	{
		if (strcmp(json->nodes[i].name, name) == 0)
			return i;
	}
	return CA_JSON_NONE;
}

/*
 * The value of a string, or NULL.
 */
const char *
ca_json_string(const CaJson *json, int node)
{
	return ca_json_is(json, node, CA_JSON_STRING) ? json->nodes[node].text
		: NULL;
}
