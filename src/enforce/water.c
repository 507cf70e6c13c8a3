/*-------------------------------------------------------------------------
 *
 * water.c
 *	  The high-water mark: how sensitive is what the session has read?
 *
 * The mark belongs to the connection: no rollback, reset, role or identity
 * takes it down.  It rises when a query begins to run, before its first row,
 * by what the query shows (ca_access_shows); not when one is planned, explained
 * or refused.  What all sessions of the agent have read within an hour is in
 * its history (budget.c, history.c).
 *
 * A query is decided knowing what it reads itself (plan.c).  What functions and
 * triggers inside it read is known only when they do.  SECURITY: so, before
 * they do, everything that they run inside of is decided again, as if it had
 * read that, too: what has been read could be what it goes on to write.
 * (test/sql/water.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/function.h"
#include "enforce/statement.h"
#include "enforce/water.h"
#include "utils/plancache.h"

CaWatch    *ca_water_watches = NULL;

static int	mark = 0;			/* what the session has read */
static int	about_to_read = 0;	/* while it is asked whether that may be read */

void
ca_water_watch(CaWatch *watch, void (*decide_again) (void *arg), void *arg)
{
	watch->decide_again = decide_again;
	watch->arg = arg;
	watch->outer = ca_water_watches;
	ca_water_watches = watch;
}

void
ca_water_tell(CaSubject *subject)
{
	subject->high_water = mark;
	subject->reads = about_to_read;
}

/* Decide again all that the query runs inside of, the innermost first. */
static void
ask_all(void)
{
	if (ca_statement_current != NULL)
		ca_function_ask_again(ca_statement_asked(ca_statement_current));
	for (CaWatch *watch = ca_water_watches; watch != NULL; watch = watch->outer)
		watch->decide_again(watch->arg);
}

void
ca_water_ask(int sensitivity)
{
	int			before = about_to_read;

	/* not more than the session and, in it, the statement have read */
	if (sensitivity <= mark &&
		(ca_statement_current == NULL ||
		 sensitivity <= ca_statement_budget(ca_statement_current)->reads))
		return;

	about_to_read = Max(before, sensitivity);
	PG_TRY();
	{
		ask_all();
	}
	PG_FINALLY();
	{
		about_to_read = before;
	}
	PG_END_TRY();
}

void
ca_water_raise(int sensitivity)
{
	mark = Max(mark, sensitivity);
}

/*
 * SECURITY: a function's own expressions stay ready for the rest of the
 * transaction, and what they call is asked about only when they are made so.
 * A new plan makes them anew, so that the next statement knows whom to ask
 * again.  (test/sql/water.sql)
 */
void
ca_water_forget(List *functions)
{
	list_free(functions);
	ResetPlanCache();
}
