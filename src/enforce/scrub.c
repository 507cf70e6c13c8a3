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

#include "enforce/scrub.h"
#include "tcop/tcopprot.h"
#include "token/redact.h"
#include "utils/memutils.h"

/* Error classes whose DETAIL can carry stored values. */
static bool
detail_shows_rows(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_TO_CATEGORY(ERRCODE_WITH_CHECK_OPTION_VIOLATION);
}

void
ca_scrub_report(ErrorData *edata)
{
	if (detail_shows_rows(edata->sqlerrcode))
		edata->detail = edata->detail_log = NULL;
}

/* Redact one text of an error; these are never constants. */
static void
redact(char *text)
{
	if (text != NULL && strstr(text, "ey") != NULL)
		text[ca_redact_tokens(text, strlen(text))] = '\0';
}

/* Would the text change? */
static bool
holds_token(const char *text)
{
	char	   *copy;
	bool		result;

	if (text == NULL || strstr(text, "ey") == NULL)
		return false;
	copy = pstrdup(text);
	result = ca_redact_tokens(copy, strlen(copy)) != strlen(text);
	pfree(copy);
	return result;
}

/*
 * SECURITY: a token can be in a statement that is logged, in parameters that
 * are, in the text of an error or its context.  (test/t/007_token_secrecy.pl)
 */
void
ca_scrub_tokens(ErrorData *edata)
{
	redact(edata->message);
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

void
ca_scrub_and_rethrow(const char *decision_id)
{
	static MemoryContext context = NULL;
	ErrorData  *edata;

	if (!detail_shows_rows(geterrcode()) &&
		!(decision_id != NULL && is_refusal(geterrcode())))
		PG_RE_THROW();

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "contauth scrubbed error",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	FlushErrorState();
	ca_scrub_report(edata);
	if (is_refusal(edata->sqlerrcode) && edata->detail == NULL)
		edata->detail = psprintf("decision_id=%s", decision_id);
	ReThrowError(edata);
}
