/*-------------------------------------------------------------------------
 *
 * halt.c
 *	  A statement that runs is stopped when its identity is.
 *
 * Somebody who revokes marks this backend (identity/stopper.c).  Where rows
 * leave, the mark is looked at before each; elsewhere a timer (identity/stop.c)
 * cancels the statement, and what the client, functions and the record get to
 * see is ZA004.
 *
 * Whatever else has changed in the registry is looked at between rows, as often
 * as the timer fires.  On a standby, where nobody can mark anybody, that is
 * what stops a scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/decision.h"
#include "base/error.h"
#include "base/guc.h"
#include "enforce/halt.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"
#include "utils/inval.h"

static void
halt(const char *code, const char *text)
{
	CaRefusal	r = {
		.sqlstate = ERRCODE_CA_STOPPED,
		.decision = CA_DECISION_DENY,
		.reason_code = code,
		.action = CA_STOPPED_WHILE_RUNNING,
		.reason = text,
		.kind = ca_statement_current_kind(),
	};

	ca_refuse(&r);
}

void
ca_halt_look(CaStopReason mark)
{
	CaIdentityProblem problem = {0};

	if (mark != CA_STOP_NONE)
	{
		halt(ca_stop_code(mark), ca_stop_text(mark));
		return;
	}
	AcceptInvalidationMessages();
	if (!ca_identity_go_on(&problem))
		halt(problem.code, problem.text);
}

void
ca_halt_error(void)
{
	CaStopReason mark = ca_stop_mark();

	if (mark == CA_STOP_NONE || geterrcode() != ERRCODE_QUERY_CANCELED ||
		ca_guc_mode != CA_MODE_ENFORCE)
		return;
	PG_TRY();
	{
		halt(ca_stop_code(mark), ca_stop_text(mark));
	}
	PG_CATCH();
	{
		/* it stands above the cancellation, and is the error at hand */
	}
	PG_END_TRY();
}
