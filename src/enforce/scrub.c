/*-------------------------------------------------------------------------
 *
 * scrub.c
 *	  Errors are data: take out of them what the agent may not read.
 *
 * The DETAIL of a violated constraint shows the row or key as it is stored,
 * whatever masks and filters say.  It is dropped at every level where a
 * governed statement fails, so that neither the client nor GET STACKED
 * DIAGNOSTICS of a function gets it.  (test/sql/enforce.sql)
 * Tokens are taken out of everything that is logged or reported.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "base/compat.h"
#include "enforce/quiet.h"
#include "enforce/scrub.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "token/redact.h"
#include "utils/memutils.h"

/* Transactions, by their local ids: see scrub.h. */
static LocalTransactionId revealing_in = InvalidLocalTransactionId;
static LocalTransactionId explicit_in = InvalidLocalTransactionId;

static uint64 revealing_times = 0;

/* Error classes whose DETAIL can carry stored values. */
static bool
detail_shows_rows(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_WITH_CHECK_OPTION_VIOLATION);
}

/*
 * Error classes whose message can quote a value: data that is not valid, and
 * names and texts in a language of their own that a value was read as (tsquery,
 * jsonpath, regclass).  Our own refusals are not among them.
 */
static bool
message_quotes_value(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_INVALID_SCHEMA_NAME ||
		(category == ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR) &&
		 sqlstate != ERRCODE_INSUFFICIENT_PRIVILEGE);
}

static bool
holds_token(const char *text)
{
	return text != NULL && ca_holds_token(text, strlen(text));
}

/*
 * Redact one text of an error; NULL: none.  It is written to only when it
 * changes: what has no token in it may be a constant.
 */
static void
redact(char *text)
{
	if (holds_token(text))
		text[ca_redact_tokens(text, strlen(text))] = '\0';
}

/* Do these three bytes follow one another in a list of numbers? */
static bool
lists_bytes(const char *text, const int bytes[3])
{
	for (int i = 0; i < 3; i++)
	{
		char	   *end;

		if (strtol(text, &end, 10) != bytes[i] || end == text)
			return false;
		text = end;
	}
	return true;
}

/* Does a list of bytes in the text begin like a token? */
static bool
lists_token(const char *text)
{
	static const int beginnings[][3] = {
		{'e', 'y', 'J'}, {'e', 'y', 'I'}, {'e', 'y', 'A'},
		{'e', 'w', 'o'}, {'e', 'w', 'k'}, {'e', 'w', '0'},
	};
	const char *at = text;

	/* each begins with 101, after a space or a line's end */
	while ((at = strstr(at, "101")) != NULL)
	{
		for (int i = 0; i < lengthof(beginnings); i++)
		{
			if (at > text && isspace((unsigned char) at[-1]) &&
				lists_bytes(at, beginnings[i]))
				return true;
		}
		at++;
	}
	return false;
}

/*
 * Is it a plan or parse tree with a token in it?  Constants are shown as lists
 * of bytes, and texts broken into lines anywhere, so that a token cannot be
 * taken out.
 */
static bool
is_tree_with_token(const ErrorData *edata)
{
	return edata->elevel == LOG && edata->message != NULL && edata->detail != NULL &&
		(strcmp(edata->message, "plan:") == 0 ||
		 strcmp(edata->message, "parse tree:") == 0 ||
		 strcmp(edata->message, "rewritten parse tree:") == 0) &&
		(holds_token(edata->detail) || lists_token(edata->detail));
}

/*
 * SECURITY: a token can be in a statement that is logged, in parameters that
 * are, in the text of an error or its context.  (test/t/007_token_secrecy.pl)
 */
void
ca_scrub_tokens(ErrorData *edata)
{
	redact(edata->message);
	if (is_tree_with_token(edata))
		edata->detail = NULL;
	redact(edata->detail);
	redact(edata->detail_log);
	redact(edata->hint);
	redact(edata->context);
	redact(edata->internalquery);
	if (!edata->hide_stmt && holds_token(debug_query_string))
		edata->hide_stmt = true;
}

/* Is the error a refusal that does not say yet which decision it is? */
static bool
is_refusal(int sqlstate)
{
	return sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		sqlstate == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
}

/*
 * SECURITY: an expression of a policy that fails on a value may say which,
 * although the agent cannot see it.  (test/sql/unless.sql, computed.sql)
 */
static void
hide_value(ErrorData *edata)
{
	edata->message = pstrdup("a value cannot be processed");
	edata->detail = pstrdup("It may be one that a row filter or mask hides.");
	edata->detail_log = NULL;
	edata->hint = NULL;
	edata->context = NULL;
	edata->internalquery = NULL;
	edata->cursorpos = 0;
	edata->internalpos = 0;
}

/*
 * SECURITY: trusted functions and triggers see values as they are stored, and where
 * they fail the server may quote one: in the message, in the parameters of a STRICT
 * query, in the text of a dynamic statement, whatever that fails of.  What their
 * authors raise is meant.  (test/sql/trusted.sql, computed.sql)
 */
static void
hide_seen(ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	if (message_quotes_value(edata->sqlerrcode) ||
		category == ERRCODE_EXTERNAL_ROUTINE_EXCEPTION ||
		category == ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION)
	{
		hide_value(edata);
		return;
	}
	if (edata->sqlerrcode == ERRCODE_NO_DATA_FOUND ||
		edata->sqlerrcode == ERRCODE_TOO_MANY_ROWS)
		edata->detail = edata->detail_log = NULL;
	edata->context = NULL;
	edata->internalquery = NULL;
	edata->internalpos = 0;
}

static void
drop_detail(ErrorData *edata)
{
	if (detail_shows_rows(edata->sqlerrcode))
		edata->detail = edata->detail_log = NULL;
}

void
ca_scrub_reveals(void)
{
	revealing_in = ca_current_lxid();
	revealing_times++;
	ca_quiet_veil_transaction();
}

uint64
ca_scrub_revealing_times(void)
{
	return revealing_times;
}

bool
ca_scrub_revealing(void)
{
	return revealing_in != InvalidLocalTransactionId && revealing_in == ca_current_lxid();
}

void
ca_scrub_explicit(void)
{
	explicit_in = ca_current_lxid();
}

/*
 * SECURITY: what is raised at the commit of a single statement passes no frame
 * of ours.  (test/sql/computed.sql)
 */
void
ca_scrub_report(ErrorData *edata)
{
	drop_detail(edata);
	if (ca_scrub_revealing() && explicit_in != revealing_in)
		hide_seen(edata);
}

/*
 * Copies of the strings that an error has as constants, such as the file's name,
 * go on with the error, for ReThrowError() does not copy them again: so the copy
 * lives as long as an error can, to the end of the transaction that it aborts.
 */
static ErrorData *
take_error(void)
{
	ErrorData  *edata;

	MemoryContextSwitchTo(CurTransactionContext != NULL ? CurTransactionContext :
						  TopMemoryContext);
	edata = CopyErrorData();
	FlushErrorState();
	drop_detail(edata);
	return edata;
}

void
ca_scrub_failed_inside(void)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *edata = take_error();

	hide_seen(edata);
	PG_TRY();
	{
		ReThrowError(edata);
	}
	PG_CATCH();
	{
		/* it is pending again, as it was */
		MemoryContextSwitchTo(context);
	}
	PG_END_TRY();
}

void
ca_scrub_and_rethrow(const char *decision_id, bool hide_values)
{
	ErrorData  *edata;

	if (!detail_shows_rows(geterrcode()) && !hide_values &&
		!(decision_id != NULL && is_refusal(geterrcode())))
		PG_RE_THROW();

	edata = take_error();
	if (hide_values)
		hide_seen(edata);
	if (is_refusal(edata->sqlerrcode) && edata->detail == NULL)
		edata->detail = psprintf("decision_id=%s", decision_id);
	ReThrowError(edata);
}
