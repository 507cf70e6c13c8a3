/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  Utility commands of a governed session: an allow-list.
 *
 * SECURITY: what is not listed is refused, so a command that a newer server
 * brings along is refused, too.  (test/sql/utility.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "audit/ring.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "catalog/namespace.h"
#include "enforce/constraint.h"
#include "enforce/copy.h"
#include "enforce/copy_in.h"
#include "enforce/budget.h"
#include "enforce/execute.h"
#include "enforce/fragile.h"
#include "enforce/halt.h"
#include "enforce/object.h"
#include "enforce/plan.h"
#include "enforce/quiet.h"
#include "enforce/refuse.h"
#include "enforce/role.h"
#include "enforce/scrub.h"
#include "enforce/statement.h"
#include "enforce/utility.h"
#include "policy/authorize.h"

/* What a command needs. */
typedef enum CaUtilityClass
{
	CA_UTILITY_FREE,			/* allowed also without an identity */
	CA_UTILITY_IDENTITY,		/* needs an identity; what it runs is decided
								 * there */
	CA_UTILITY_CHECKED,			/* decided here */
	CA_UTILITY_DENIED
} CaUtilityClass;

static CaUtilityClass
classify_transaction(const TransactionStmt *stmt)
{
	switch (stmt->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
		case TRANS_STMT_COMMIT:
		case TRANS_STMT_ROLLBACK:
		case TRANS_STMT_SAVEPOINT:
		case TRANS_STMT_RELEASE:
		case TRANS_STMT_ROLLBACK_TO:
			return CA_UTILITY_FREE;
		default:
			/* a prepared transaction outlives session and identity */
			return CA_UTILITY_DENIED;
	}
}

/* The role that SET ROLE or SET SESSION AUTHORIZATION names. */
static const char *
role_named(const VariableSetStmt *stmt)
{
	A_Const    *arg = linitial_node(A_Const, stmt->args);

	return IsA(&arg->val, String) ? strVal(&arg->val) : "";
}

/* SET ROLE and SET SESSION AUTHORIZATION are actions; other SETs are free. */
static CaUtilityClass
classify_set(const VariableSetStmt *stmt)
{
	bool		takes_role = stmt->name != NULL &&
	(pg_strcasecmp(stmt->name, "role") == 0 ||
	 pg_strcasecmp(stmt->name, "session_authorization") == 0);

	/* SET ROLE NONE goes back to the session's own role, as RESET does */
	if (takes_role && stmt->kind == VAR_SET_VALUE)
		return strcmp(role_named(stmt), "none") == 0 ?
			CA_UTILITY_FREE : CA_UTILITY_CHECKED;
	/* a function must not swap the identity of the statement that called it */
	if (ca_identity_locked &&
		(stmt->name == NULL || ca_presented_setting(stmt->name)))
		return CA_UTILITY_DENIED;
	return CA_UTILITY_FREE;
}

/* EXPLAIN ANALYZE runs what it explains, past this hook. */
static CaUtilityClass
classify_explain(const ExplainStmt *stmt)
{
	Query	   *query = castNode(Query, stmt->query);

	if (query->commandType == CMD_UTILITY &&
		!IsA(query->utilityStmt, ExecuteStmt) &&
		!IsA(query->utilityStmt, DeclareCursorStmt))
		return CA_UTILITY_DENIED;
	return CA_UTILITY_IDENTITY;
}

static CaUtilityClass
classify(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_TransactionStmt:
			return classify_transaction((TransactionStmt *) stmt);
		case T_VariableSetStmt:
			return classify_set((VariableSetStmt *) stmt);
		case T_VariableShowStmt:
		case T_DiscardStmt:
		case T_DeallocateStmt:
		case T_ClosePortalStmt:
		case T_UnlistenStmt:
			return CA_UTILITY_FREE;
		case T_ExplainStmt:
			return classify_explain((ExplainStmt *) stmt);
		case T_DeclareCursorStmt:
			/* a held cursor's rows outlive the checks made at FETCH */
			return (((DeclareCursorStmt *) stmt)->options & CURSOR_OPT_HOLD) != 0 ?
				CA_UTILITY_DENIED : CA_UTILITY_IDENTITY;
		case T_PrepareStmt:
		case T_ExecuteStmt:
		case T_FetchStmt:
		case T_CallStmt:
		case T_ConstraintsSetStmt:
			return CA_UTILITY_IDENTITY;
		case T_CopyStmt:
		case T_LockStmt:
		case T_TruncateStmt:
		case T_ListenStmt:
		case T_NotifyStmt:
			return CA_UTILITY_CHECKED;
		default:
			return CA_UTILITY_DENIED;
	}
}

bool
ca_utility_open(Node *stmt)
{
	return classify(stmt) != CA_UTILITY_DENIED;
}

const char *
ca_utility_role(Node *stmt)
{
	return IsA(stmt, VariableSetStmt) && classify(stmt) == CA_UTILITY_CHECKED ?
		role_named((VariableSetStmt *) stmt) : NULL;
}

/* Decide one action on whole relations, as LOCK and TRUNCATE name them. */
static void
check_relations(List *relations, const char *action, bool all_rows)
{
	ListCell   *lc;

	foreach(lc, relations)
	{
		Oid			relid = RangeVarGetRelid(lfirst(lc), NoLock, false);

		ca_relation_check(relid, action, all_rows);
	}
}

/* Commands that are decided here. */
static void
check_command(Node *stmt, const char *kind)
{
	switch (nodeTag(stmt))
	{
		case T_VariableSetStmt:
			ca_object_check(CA_ACTION_SET_ROLE, CA_RESOURCE_ROLE,
							role_named((VariableSetStmt *) stmt));
			break;
		case T_LockStmt:
			check_relations(((LockStmt *) stmt)->relations, CA_ACTION_LOCK, false);
			break;
		case T_TruncateStmt:
			if (((TruncateStmt *) stmt)->behavior == DROP_CASCADE)
				ca_refuse_command(kind, kind, "cascade", "CASCADE reaches tables that it does not name");
			check_relations(((TruncateStmt *) stmt)->relations, CA_ACTION_TRUNCATE, true);
			break;
		case T_ListenStmt:
			ca_object_check(CA_ACTION_NOTIFY, CA_RESOURCE_CHANNEL,
							((ListenStmt *) stmt)->conditionname);
			break;
		case T_NotifyStmt:
			ca_object_check(CA_ACTION_NOTIFY, CA_RESOURCE_CHANNEL,
							((NotifyStmt *) stmt)->conditionname);
			break;
		case T_CopyStmt:
			ca_copy_check((CopyStmt *) stmt);
			break;
		default:
			ca_refuse_command(kind, kind, "command", "agents may not use this command");
	}
}

/*
 * Decide the command.  In an aborted transaction, where only ROLLBACK and
 * the like arrive, nothing can be looked up.
 */
static void
check(Node *stmt, const char *kind)
{
	CaUtilityClass class = classify(stmt);
	CaIdentityProblem problem = {0};
	bool		known = false;

	if (IsTransactionState() && ca_extension_fits())
		known = ca_identity_current(&problem) != NULL;
	ca_fragile_settle();
	if (class == CA_UTILITY_FREE)
		return;
	if (!ca_extension_fits())
	{
		ca_refuse_database(kind, kind, NULL, -1, 0);
		return;
	}
	if (class == CA_UTILITY_DENIED)
		ca_refuse_command(kind, kind, "command", "agents may not use this command");
	else if (!known)
		ca_refuse_identity(&problem, kind, NULL, -1, 0);
	else
	{
		if (class == CA_UTILITY_CHECKED)
			check_command(stmt, kind);
		ca_budget_limit(NULL);
	}
}

/*
 * EXECUTE and FETCH run a query that is a top-level statement itself and
 * brings its own record.
 */
static bool
delegates_record(Node *stmt)
{
	return IsA(stmt, ExecuteStmt) || IsA(stmt, FetchStmt);
}

/* Did the command ask to forget all settings? */
static bool
resets_all(Node *stmt)
{
	return (IsA(stmt, VariableSetStmt) &&
			((VariableSetStmt *) stmt)->kind == VAR_RESET_ALL) ||
		(IsA(stmt, DiscardStmt) && ((DiscardStmt *) stmt)->target == DISCARD_ALL);
}

/*
 * Fire deferred constraints now, as COMMIT will: where their error can still
 * be scrubbed and put on record as the end of this command.  COMMIT has been
 * said to the server by then, so that an error ends the transaction.
 */
static void
settle_constraints(Node *stmt)
{
	if (IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT &&
		IsTransactionState())
		ca_fire_deferred_constraints();
}

static void
copy_again(void *stmt)
{
	ca_copy_check(stmt);
}

static bool
begins_transaction(const Node *stmt)
{
	return IsA(stmt, TransactionStmt) &&
		(((const TransactionStmt *) stmt)->kind == TRANS_STMT_BEGIN ||
		 ((const TransactionStmt *) stmt)->kind == TRANS_STMT_START);
}

/* Does the command fire the deferred triggers of other statements? */
static bool
fires_triggers(const Node *stmt)
{
	return IsA(stmt, TransactionStmt) || IsA(stmt, ConstraintsSetStmt);
}

/*
 * May its error show what a policy hides?  times: ca_scrub_revealing_times() when it
 * began.
 *
 * SECURITY: COMMIT in a procedure fires deferred triggers, too, and when they fail
 * their transaction is over before CALL gets the error.  (test/sql/computed.sql)
 */
static bool
may_reveal(const Node *stmt, uint64 times)
{
	return (fires_triggers(stmt) && ca_scrub_revealing()) ||
		(IsA(stmt, CallStmt) && ca_scrub_revealing_times() != times);
}

/* Text for the record: what presents an identity loses its value already here. */
static const char *
text_for_record(Node *stmt, const char *text, int *location, int *len)
{
	if (IsA(stmt, VariableSetStmt) &&
		((VariableSetStmt *) stmt)->name != NULL &&
		ca_presented_setting(((VariableSetStmt *) stmt)->name))
	{
		*location = -1;
		*len = 0;
		return psprintf("%s %s", ((VariableSetStmt *) stmt)->kind == VAR_SET_VALUE ?
						"SET" : "RESET", ((VariableSetStmt *) stmt)->name);
	}
	return text;
}

static CaStatement *
begin_command(const PlannedStmt *pstmt, const char *text, const char *kind)
{
	int			location = pstmt->stmt_location;
	int			len = pstmt->stmt_len;

	text = text_for_record(pstmt->utilityStmt, text, &location, &len);
	return ca_statement_begin(kind, text, location, len, pstmt->queryId);
}

/* Rows of a command, as its completion tag tells; -1: does not apply. */
static void
finish_command(CaStatement *statement, Node *stmt, const QueryCompletion *qc)
{
	int64		returned = -1;
	int64		affected = -1;

	if (qc != NULL && IsA(stmt, CopyStmt))
	{
		if (((CopyStmt *) stmt)->is_from)
			affected = qc->nprocessed;
		else
			returned = qc->nprocessed;
	}
	ca_statement_finish(statement, returned, affected, 0);
}

void
ca_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc,
		   ProcessUtility_hook_type next)
{
	Node	   *stmt = pstmt->utilityStmt;
	const char *kind = GetCommandTagName(CreateCommandTag(stmt));
	CaStatement *outer = ca_statement_current;
	CaStatement *statement = NULL;
	int			outer_level = ca_statement_level;
	CaWork		before;
	CaWatch		watch;
	CaSource	source = {NULL, params, false, text, pstmt->stmt_location, pstmt->stmt_len};
	bool		own_record = outer == NULL && !delegates_record(stmt);
	bool		copies_in_row_by_row;
	uint64		revealing_times = ca_scrub_revealing_times();
	bool		veiled = IsA(stmt, CallStmt) || may_reveal(stmt, revealing_times);

	/* a transaction must be able to end whatever the audit does */
	if (own_record && !IsA(stmt, TransactionStmt))
		ca_ring_check_writable();
	if (own_record)
	{
		statement = ca_statement_current = begin_command(pstmt, text, kind);
		ca_statement_set_source(statement, &source);
	}

	before = ca_execute_enter(stmt);
	if (veiled)
		ca_quiet_veil();
	PG_TRY();
	{
		/* a transaction must be able to end */
		if (!IsA(stmt, TransactionStmt))
			ca_halt_check();
		check(stmt, kind);
		copies_in_row_by_row = IsA(stmt, CopyStmt) && ca_copy_in_needed((CopyStmt *) stmt);
		ca_role_keep(stmt);
		/* triggers may read what must not come into the table */
		if (IsA(stmt, CopyStmt) && ((CopyStmt *) stmt)->is_from)
			ca_water_watch(&watch, copy_again, stmt);
		if (own_record)
		{
			ca_statement_identify(statement);
			ca_statement_starts(statement);
		}
		ca_statement_level += own_record || outer != NULL;
		if (copies_in_row_by_row)
			ca_copy_in((CopyStmt *) stmt, text, qc);
		else
			next(IsA(stmt, CopyStmt) ? ca_copy_convert(pstmt) : pstmt,
				 text, read_only_tree, context, params, env, dest, qc);
		settle_constraints(stmt);
		if (begins_transaction(stmt))
			ca_scrub_explicit();
		ca_statement_level = outer_level;
		if (resets_all(stmt))
			ca_presented_clear();
		if (own_record)
			finish_command(statement, stmt, qc);
	}
	PG_CATCH();
	{
		ca_halt_error();
		ca_statement_level = outer_level;
		ca_execute_leave(&before);
		if (veiled)
			ca_quiet_unveil();
		ca_plan_forget_copy();
		/* the record may itself have been what failed */
		if (own_record && ca_statement_current == statement)
			ca_statement_fail(statement);
		ca_statement_current = outer;
		ca_scrub_and_rethrow(own_record ? ca_statement_failed_id() : NULL,
							 may_reveal(stmt, revealing_times));
	}
	PG_END_TRY();
	ca_execute_leave(&before);
	if (veiled)
		ca_quiet_unveil();
	ca_statement_current = outer;
}
