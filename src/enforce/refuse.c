/*-------------------------------------------------------------------------
 *
 * refuse.c
 *	  Refuse a statement: put it on record, then raise the error.
 *
 * The message names action and object, DETAIL carries the decision's id and
 * the reason, HINT says what to do (contract, section 13).  With
 * contauth.explain_denials = off only the id is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/request_table.h"
#include "base/catalog.h"
#include "base/error.h"
#include "base/guc.h"
#include "commands/dbcommands.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"
#include "identity/stop.h"
#include "miscadmin.h"

/* What the error says first. */
static char *
message(const CaRefusal *r)
{
	const char *verb = r->decision == CA_DECISION_ESCALATE ? "approval needed for" :
	r->sqlstate == ERRCODE_CA_BUDGET_EXCEEDED ? "budget exceeded for" :
	"permission denied for";

	if (r->sqlstate == ERRCODE_CA_STOPPED)
		return ca_guc_explain_denials ? psprintf("%s: %s", r->action, r->reason) :
			pstrdup(r->action);
	return r->object != NULL ? psprintf("%s %s on %s", verb, r->action, r->object) :
		psprintf("%s %s", verb, r->action);
}

static void
raise_refusal(const CaRefusal *r, const char *decision_id)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "decision_id=%s", decision_id);
	if (r->request != NULL)
		appendStringInfo(&detail, " request=%s", ca_request_id_text(r->request));
	if (ca_guc_explain_denials)
	{
		appendStringInfo(&detail, " reason=%s", r->reason_code);
		if (r->policy != NULL)
			appendStringInfo(&detail, " policy=%s", r->policy);
		appendStringInfo(&detail, ": %s.", r->reason);
	}
	ereport(ERROR,
			(errcode(r->sqlstate),
			 errmsg("%s", message(r)),
			 errdetail("%s", detail.data),
			 r->hint != NULL && ca_guc_explain_denials ? errhint("%s", r->hint) : 0));
}

void
ca_refuse(const CaRefusal *r)
{
	CaStatement *statement = ca_statement_current;
	bool		own = statement == NULL;
	char	   *decision_id;

	/* in monitor mode the statement's own record will tell */
	if (own && ca_guc_mode == CA_MODE_MONITOR)
		return;
	if (own)
		statement = ca_statement_begin(r->kind, r->text, r->location, r->len, 0);
	ca_statement_identify(statement);
	if (r->fields_len > 0)
		ca_statement_add_fields(statement, r->fields, r->fields_len);
	ca_statement_describe(statement, r->policy_version, r->sensitivity);
	ca_statement_judge(statement, r->decision, r->reason_code, r->reason, r->policy);
	if (r->request != NULL)
		ca_statement_ask(statement, r->request);
	if (ca_guc_mode == CA_MODE_MONITOR)
		return;

	decision_id = ca_statement_id_text(statement);
	if (own)
		ca_statement_finish(statement, -1, -1, r->sqlstate);
	raise_refusal(r, decision_id);
}

void
ca_refuse_command(const char *kind, const char *action,
				  const char *reason_code, const char *reason)
{
	CaRefusal	refusal = {
		.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.decision = CA_DECISION_DENY,
		.reason_code = reason_code,
		.action = action,
		.reason = reason,
		.kind = kind,
	};

	ca_refuse(&refusal);
}

void
ca_refuse_database(const char *kind, const char *action,
				   const char *text, int location, int len)
{
	const char *version = ca_extension_version();
	CaRefusal	refusal = {
		.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE,
		.decision = CA_DECISION_DENY,
		.action = action,
		.kind = kind,
		.text = text,
		.location = location,
		.len = len,
	};

	if (version == NULL)
	{
		refusal.reason_code = "not_installed";
		refusal.reason = psprintf("extension contauth is not installed in database \"%s\"",
								  get_database_name(MyDatabaseId));
	}
	else
	{
		refusal.reason_code = "not_updated";
		refusal.reason = psprintf(CA_UNFIT_MESSAGE, version, CA_SQL_VERSION);
		refusal.hint = CA_UNFIT_HINT;
	}
	ca_refuse(&refusal);
}

/* Is it what stops statements that run? */
static bool
stops(const char *code)
{
	for (int reason = CA_STOP_NONE + 1; reason <= CA_STOP_KILL_SWITCH; reason++)
	{
		if (strcmp(ca_stop_code(reason), code) == 0)
			return true;
	}
	return false;
}

void
ca_refuse_identity(const CaIdentityProblem *problem, const char *kind,
				   const char *text, int location, int len)
{
	bool		is_chain = problem->sqlstate == ERRCODE_CA_CHAIN_INVALID;
	CaRefusal	refusal = {
		.sqlstate = problem->sqlstate,
		.decision = CA_DECISION_DENY,
		.reason_code = problem->code,
		.action = is_chain ? "a governed session without a valid delegation chain" :
		"a governed session without a valid identity",
		.reason = problem->text,
		.hint = is_chain ? "Present a valid chain of grants with contauth.delegation or contauth.authenticate()." :
		"Present a token with SET contauth.token or contauth.authenticate().",
		.kind = kind,
		.text = text,
		.location = location,
		.len = len,
	};

	/* a statement inside one that runs may see it before the row does */
	if (ca_statement_level > 0 && stops(problem->code))
	{
		refusal.sqlstate = ERRCODE_CA_STOPPED;
		refusal.action = CA_STOPPED_WHILE_RUNNING;
		refusal.hint = NULL;
	}
	else if (problem->sqlstate == ERRCODE_CA_STOPPED)
	{
		refusal.action = "stopped";
		refusal.hint = "An administrator of contauth has to lift it with contauth.kill_switch(false, ...).";
	}
	ca_refuse(&refusal);
}
