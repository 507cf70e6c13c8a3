/*-------------------------------------------------------------------------
 *
 * masks_regex.c
 *	  Mask regex: replace what matches a regular expression.
 *
 * Works like regexp_replace(value, pattern, replacement, 'g') with advanced
 * regular expressions and collation C, but for what a mask owes: a value in
 * which nothing (or only the empty text) matches would leave as it is, so it
 * is redacted, and so is one that the engine cannot deal with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/masks.h"
#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/builtins.h"

/* The whole match, and as many parts of it as \1 to \9 can name. */
#define NMATCHES	10

/* A longer value is redacted, and so is one that would get longer. */
#define CA_MASK_REGEX_MAX_VALUE		(1024 * 1024)
#define CA_MASK_REGEX_MAX_RESULT	(16 * 1024 * 1024)

PG_FUNCTION_INFO_V1(contauth_mask_regex);

/* A value that is searched, and what becomes of it. */
typedef struct Replacing
{
	pg_wchar   *wide;
	int			len;
	regmatch_t	match[NMATCHES];
	StringInfoData out;
} Replacing;

/* Copy the characters from one place to another, -1 for none. */
static void
append_range(Replacing *r, int from, int to)
{
	if (from < 0 || to <= from)
		return;
	enlargeStringInfo(&r->out, (to - from) * pg_database_encoding_max_length());
	r->out.len += pg_wchar2mb_with_len(r->wide + from, r->out.data + r->out.len,
									   to - from);
}

/*
 * The replacement of a match: \& is all of it, \1 to \9 its parts.  Ends early
 * when the result gets too long, and leaves it so.
 */
static void
append_replacement(Replacing *r, const char *p, const char *end)
{
	for (; p < end && r->out.len <= CA_MASK_REGEX_MAX_RESULT; p++)
	{
		int			part = -1;

		if (*p == '\\' && p + 1 < end)
			part = p[1] == '&' ? 0 : p[1] >= '1' && p[1] <= '9' ? p[1] - '0' : -1;
		if (part >= 0)
		{
			append_range(r, r->match[part].rm_so, r->match[part].rm_eo);
			p++;
			continue;
		}
		if (*p == '\\' && p + 1 < end && p[1] == '\\')
			p++;
		appendStringInfoChar(&r->out, *p);
	}
}

/* Replace all matches; false when there are none, or it cannot be done. */
static bool
replace_all(Replacing *r, regex_t * re, const char *replacement, int len)
{
	bool		found = false;
	int			copied = 0;		/* so far, characters */
	int			at = 0;
	int			code = REG_OKAY;

	while (at <= r->len)
	{
		int			from,
					to;

		CHECK_FOR_INTERRUPTS();
		code = pg_regexec(re, r->wide, r->len, at, NULL, NMATCHES, r->match, 0);
		if (code != REG_OKAY)
			break;
		from = r->match[0].rm_so;
		to = r->match[0].rm_eo;
		append_range(r, copied, from);
		append_replacement(r, replacement, replacement + len);
		if (r->out.len > CA_MASK_REGEX_MAX_RESULT)
			return false;
		found |= from < to;
		copied = to;
		at = from < to ? to : to + 1;
	}
	CHECK_FOR_INTERRUPTS();		/* PostgreSQL 15 cancels by a code */
	append_range(r, copied, r->len);
	return found && (code == REG_OKAY || code == REG_NOMATCH);
}

/* mask_regex(text, pattern text, replacement text, mask_call) */
Datum
contauth_mask_regex(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	text	   *replacement = PG_GETARG_TEXT_PP(2);
	int			len = VARSIZE_ANY_EXHDR(value);
	regex_t    *re;
	Replacing	r;

	if (len > CA_MASK_REGEX_MAX_VALUE)
		PG_RETURN_TEXT_P(cstring_to_text(CA_REDACTED));

	/* SECURITY: a collation of the session's choice could change what matches */
	re = RE_compile_and_cache(PG_GETARG_TEXT_PP(1), REG_ADVANCED, C_COLLATION_OID);
	r.wide = palloc((len + 1) * sizeof(pg_wchar));
	r.len = pg_mb2wchar_with_len(VARDATA_ANY(value), r.wide, len);
	initStringInfo(&r.out);
	if (!replace_all(&r, re, VARDATA_ANY(replacement), VARSIZE_ANY_EXHDR(replacement)))
		PG_RETURN_TEXT_P(cstring_to_text(CA_REDACTED));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(r.out.data, r.out.len));
}
