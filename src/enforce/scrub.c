/*-------------------------------------------------------------------------
 *
 * scrub.c
 *	  Errors are data: take out of them what the agent may not read.
 *
 * The DETAIL of a violated constraint shows the row or key as it is stored,
 * whatever masks and filters say.  It is dropped at every level where a
 * governed statement fails, so that neither the client nor GET STACKED
 * DIAGNOSTICS of a function gets it.  (test/sql/enforce.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/scrub.h"
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
