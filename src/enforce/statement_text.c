/*-------------------------------------------------------------------------
 *
 * statement_text.c
 *	  A statement's text as its record has it.
 *
 * The text is made ready once and compared from then on: looking for tokens in a
 * text, or for its literals, costs more than comparing it.
 *
 * With strict durability the text goes to a file (audit/journal.c), so it is
 * brought into normal form here, where otherwise the audit worker does it.  What
 * is not sure to succeed without an error is left to the worker, since records
 * are also made while one is handled; such a record is durable as a row only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/normalize.h"
#include "audit/record.h"
#include "base/guc.h"
#include "enforce/statement_text.h"
#include "parser/scansup.h"
#include "token/redact.h"

/* Longest text that is kept for comparison. */
#define CA_KEPT_TEXT_MAX	8192

void
ca_text_init(CaStatementText *t)
{
	initStringInfo(&t->source);
	initStringInfo(&t->field);
	t->is_normal = false;
	t->wants_normal = false;
}

/* Is the text to be in normal form? */
static bool
wants_normal(void)
{
	return ca_guc_audit_durability == CA_DURABILITY_STRICT &&
		ca_guc_audit_statement != CA_STATEMENT_FULL;
}

bool
ca_text_holds(const CaStatementText *t, const char *text, int len)
{
	return t->source.len == len && len > 0 && t->wants_normal == wants_normal() &&
		memcmp(t->source.data, text, len) == 0;
}

bool
ca_text_may_be_filed(const CaStatementText *t)
{
	return t->is_normal || ca_guc_audit_statement == CA_STATEMENT_FULL;
}

/*
 * The normal form, or NULL.  The server has read the text, as this session reads
 * it; with a backslash in it the other reading could be an error.
 */
static char *
normal_form(const char *text)
{
	char	   *normal;

	if (strchr(text, '\\') != NULL)
		return NULL;
	normal = ca_normalize_statement(text, false);
	return strcmp(normal, CA_UNPARSABLE) != 0 ? normal : NULL;
}

void
ca_text_take(CaStatementText *t, const char *text, int len)
{
	char	   *copy;
	char	   *normal = NULL;
	int			kept;

	if (ca_text_holds(t, text, len))
		return;
	resetStringInfo(&t->source);
	resetStringInfo(&t->field);
	t->wants_normal = wants_normal();
	copy = palloc(len + 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	kept = (int) ca_redact_tokens(copy, len);
	/* a text that held a token is not kept for comparison */
	if (len <= CA_KEPT_TEXT_MAX && kept == len && memcmp(copy, text, len) == 0)
	{
		appendBinaryStringInfo(&t->source, text, len);
		if (t->wants_normal)
			normal = normal_form(copy);
	}
	t->is_normal = normal != NULL;
	if (normal != NULL)
		ca_record_put_text(&t->field, CA_F_NORMALIZED, normal);
	else
		ca_record_put(&t->field, CA_F_STATEMENT, copy, kept);
	pfree(copy);
}

const char *
ca_text_part(const char *text, int location, int *len)
{
	if (location >= 0)
		text += location;
	if (location < 0 || *len <= 0)
		*len = strlen(text);
	return text;
}

int
ca_text_leading_comments(const char *text, int len)
{
	int			pos = 0;

	while (pos < len)
	{
		if (scanner_isspace(text[pos]))
			pos++;
		else if (pos + 1 < len && text[pos] == '-' && text[pos + 1] == '-')
		{
			while (pos < len && text[pos] != '\n')
				pos++;
		}
		else if (pos + 1 < len && text[pos] == '/' && text[pos + 1] == '*')
		{
			int			depth = 0;

			do
			{
				if (pos + 1 < len && text[pos] == '/' && text[pos + 1] == '*')
				{
					depth++;
					pos += 2;
				}
				else if (pos + 1 < len && text[pos] == '*' && text[pos + 1] == '/')
				{
					depth--;
					pos += 2;
				}
				else
					pos++;
			} while (depth > 0 && pos < len);
		}
		else
			break;
	}
	return pos;
}
