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
ca_scrub_and_rethrow(void)
{
	ErrorData  *edata;

	if (!detail_shows_rows(geterrcode()))
		PG_RE_THROW();

	MemoryContextSwitchTo(ErrorContext->parent);
	edata = CopyErrorData();
	FlushErrorState();
	edata->detail = NULL;
	edata->detail_log = NULL;
	ReThrowError(edata);
}
