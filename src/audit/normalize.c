/*-------------------------------------------------------------------------
 *
 * normalize.c
 *	  Statement text without literals and comments.
 *
 * The text is cut into tokens by the server's own scanner and written anew
 * from them, so nothing that the scanner skips (comments) can slip through.
 *
 * SECURITY: what is a literal depends on standard_conforming_strings as it
 * was when the text was parsed, which a client may set and the worker cannot
 * know.  A text with a backslash and a quote is therefore read both ways, and
 * only a token that both readings show at the same place stays.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/memo.h"
#include "audit/normalize.h"
#include "lib/stringinfo.h"
#include "parser/parser.h"
#include "parser/scanner.h"

/*
 * Token codes of the core scanner.  The server does not install the header
 * that defines them; PL/pgSQL relies on the same numbers (see pl_gram.y).
 */
enum
{
	TOKEN_IDENT = 258,
	TOKEN_UIDENT,
	TOKEN_FCONST,
	TOKEN_SCONST,
	TOKEN_USCONST,
	TOKEN_BCONST,
	TOKEN_XCONST,
	TOKEN_OP,
	TOKEN_ICONST,
	TOKEN_PARAM
};

typedef struct Token
{
	int			start;
	int			end;
	bool		constant;
} Token;

typedef struct TokenList
{
	Token	   *tokens;
	int			count;
	int			size;
	int			highest_param;
} TokenList;

/*
 * Does the token stand for a value?  An identifier longer than any name is
 * one: the server cuts it, so all it can carry is something else (SET accepts
 * an identifier as a value).
 */
static bool
is_constant(int code, int len)
{
	switch (code)
	{
		case TOKEN_FCONST:
		case TOKEN_SCONST:
		case TOKEN_USCONST:
		case TOKEN_BCONST:
		case TOKEN_XCONST:
		case TOKEN_ICONST:
			return true;
		case TOKEN_IDENT:
		case TOKEN_UIDENT:
			return len > NAMEDATALEN + 1;
		default:
			return false;
	}
}

/* Add one token to the list. */
static void
add_token(TokenList *list, int start, int end, bool constant)
{
	if (list->count == list->size)
	{
		list->size *= 2;
		list->tokens = repalloc(list->tokens, list->size * sizeof(Token));
	}
	list->tokens[list->count].start = start;
	list->tokens[list->count].end = end;
	list->tokens[list->count].constant = constant;
	list->count++;
}

/* Scan to the end of the text; raises an error at what is no token. */
static void
scan_tokens(const char *text, bool standard_strings, TokenList *list)
{
	core_yy_extra_type extra;
	core_yyscan_t scanner;
	core_YYSTYPE value;
	YYLTYPE		start;
	int			code;

	scanner = scanner_init(text, &extra, &ScanKeywords, ScanKeywordTokens);
	extra.escape_string_warning = false;
	extra.standard_conforming_strings = standard_strings;
	extra.backslash_quote = BACKSLASH_QUOTE_ON;
	while ((code = core_yylex(&value, &start, scanner)) != 0)
	{
		/* flex has put a zero byte behind the current token */
		int			len = (int) strlen(extra.scanbuf + start);

		if (code == TOKEN_PARAM)
			list->highest_param = Max(list->highest_param, value.ival);
		add_token(list, start, start + len, is_constant(code, len));
	}
	scanner_finish(scanner);
}

/*
 * Cut the text into tokens; false after an error, with the tokens before it.
 * The scanner touches nothing but memory, so its errors may be caught.
 */
static bool
tokenize(const char *text, bool standard_strings, TokenList *list)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = true;

	list->count = 0;
	list->size = 64;
	list->highest_param = 0;
	list->tokens = palloc(list->size * sizeof(Token));
	PG_TRY();
	{
		scan_tokens(text, standard_strings, list);
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		if (category != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_FEATURE_NOT_SUPPORTED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

/* Make a constant of each token of a that b does not show the same way. */
static void
hide_differences(TokenList *a, const TokenList *b)
{
	int			j = 0;

	for (int i = 0; i < a->count; i++)
	{
		Token	   *token = &a->tokens[i];

		while (j < b->count && b->tokens[j].start < token->start)
			j++;
		if (j >= b->count || b->tokens[j].start != token->start ||
			b->tokens[j].end != token->end || b->tokens[j].constant)
			token->constant = true;
	}
	a->highest_param = Max(a->highest_param, b->highest_param);
}

/* Write the tokens, constants as parameters or as they are. */
static char *
write_tokens(const char *text, const TokenList *list, bool constants)
{
	StringInfoData out;
	int			param = list->highest_param;

	initStringInfo(&out);
	for (int i = 0; i < list->count; i++)
	{
		const Token *token = &list->tokens[i];

		if (i > 0 && token->start > list->tokens[i - 1].end)
			appendStringInfoChar(&out, ' ');
		if (token->constant && !constants)
			appendStringInfo(&out, "$%d", ++param);
		else
			appendBinaryStringInfo(&out, text + token->start,
								   token->end - token->start);
	}
	return out.data;
}

/* See normalize.h. */
char *
ca_normalize_statement(const char *text, bool cut)
{
	TokenList	standard;
	TokenList	escaping;
	TokenList  *list = &standard;
	bool		ok = tokenize(text, true, &standard);

	if (strchr(text, '\\') != NULL && strchr(text, '\'') != NULL)
	{
		bool		escaping_ok = tokenize(text, false, &escaping);

		if (cut || (ok && escaping_ok))
			hide_differences(&standard, &escaping);
		else if (escaping_ok)
			list = &escaping;
		ok = ok || escaping_ok;
	}
	if (cut && list->count > 0)
		list->count--;
	else if (!ok)
		return pstrdup(CA_UNPARSABLE);
	return write_tokens(text, list, false);
}

/* See normalize.h. */
char *
ca_statement_tokens(const char *text)
{
	TokenList	list;

	return tokenize(text, standard_conforming_strings, &list) ?
		write_tokens(text, &list, true) : pstrdup(text);
}

char *
ca_normalize_again(const char *text, bool cut)
{
	static CaMemo *normal[2] = {NULL, NULL};
	Size		len;
	char	   *result;

	if (normal[cut] == NULL)
		normal[cut] = ca_memo_create("contauth normal statements");
	result = ca_memo_find(normal[cut], text, strlen(text), &len);
	if (result == NULL)
	{
		result = ca_normalize_statement(text, cut);
		ca_memo_keep(normal[cut], text, strlen(text), result, strlen(result) + 1);
	}
	return result;
}
