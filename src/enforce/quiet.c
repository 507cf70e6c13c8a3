/*-------------------------------------------------------------------------
 *
 * quiet.c
 *	  What others tell the client about an agent's statements.
 *
 * Other extensions, and the server itself, tell what goes on in messages: a plan
 * with the number of rows that a filter has removed (auto_explain), the
 * parameters of a statement inside a function that reads unmasked (pgaudit), a
 * plan's constants (debug_print_plan).  Whoever may read the server's log may
 * know; the agent must not, and client_min_messages is its own to set.
 *
 * So nothing below NOTICE goes to the client of a governed session at all.
 * Messages of a higher level are what the agent's own functions raise, too: of
 * these only those are kept back that come while a query starts and ends, when
 * no function runs, and others look at it.
 *
 * A message comes with its context, which holds the text of the dynamic statement
 * that it was raised in.  Where values are at work that the agent may not see, in
 * trusted functions and triggers, messages go without.
 *
 * SECURITY: in both orders of loading: who is loaded after us is called outside
 * of our hooks, which is why it is quiet from the end of ExecutorFinish() to
 * that of ExecutorEnd(), between which nothing else happens.
 * (test/t/032_neighbours.pl, test/sql/trusted.sql, computed.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/decision.h"
#include "base/guc.h"
#include "enforce/quiet.h"
#include "utils/guc.h"

static bool quiet = false;
static int	veils = 0;			/* how many are at work that hide contexts */
static bool transaction_veiled = false; /* one of them to its end */
static int	log_level = WARNING;	/* log_min_messages, while every message
									 * is seen */

void
ca_quiet_settings(void)
{
	if (client_min_messages < NOTICE && ca_guc_mode == CA_MODE_ENFORCE)
		client_min_messages = NOTICE;
}

/* Is every message to be seen? */
static inline bool
hears(void)
{
	return quiet || veils > 0;
}

/*
 * The server asks emit_log_hook only about what goes into its log: so everything
 * that could go to the client does, until the hook has seen it.
 */
static inline void
hear(void)
{
	if (hears())
		return;
	log_level = log_min_messages;
	/* LOG stands between ERROR and FATAL there */
	log_min_messages = log_level == LOG ? INFO : Min(log_level, INFO);
}

static inline void
stop_hearing(void)
{
	if (!hears())
		log_min_messages = log_level;
}

void
ca_quiet_begin(void)
{
	if (quiet || ca_guc_mode != CA_MODE_ENFORCE)
		return;
	hear();
	quiet = true;
}

void
ca_quiet_end(void)
{
	if (!quiet)
		return;
	quiet = false;
	stop_hearing();
}

void
ca_quiet_veil(void)
{
	hear();
	veils++;
}

void
ca_quiet_unveil(void)
{
	veils--;
	stop_hearing();
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (!transaction_veiled)
		return;
	transaction_veiled = false;
	ca_quiet_unveil();
}

void
ca_quiet_veil_transaction(void)
{
	static bool registered = false;

	if (transaction_veiled)
		return;
	if (!registered)
		RegisterXactCallback(end_transaction, NULL);
	registered = true;
	transaction_veiled = true;
	ca_quiet_veil();
}

/* Would the server have logged it?  LOG counts as more than ERROR there. */
static bool
is_logged(int level)
{
	return level == LOG || level == LOG_SERVER_ONLY ?
		log_level == LOG || log_level <= ERROR : level >= log_level && log_level != LOG;
}

bool
ca_quiet_logs_errors(void)
{
	int			level = hears() ? log_level : log_min_messages;

	return level <= ERROR && level != LOG;
}

void
ca_quiet_report(ErrorData *edata)
{
	if (!hears())
		return;
	edata->output_to_server = is_logged(edata->elevel) || edata->elevel >= FATAL;
	if (edata->elevel >= ERROR)
		return;
	if (quiet)
		edata->output_to_client = false;
	if (veils > 0)
		edata->context = NULL;
}
