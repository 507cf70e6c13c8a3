/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  What would be decided about a statement, and why, without running it.
 *
 * The text is parsed, analyzed and rewritten, collected and decided as a
 * statement of the session would be (plan.c, utility.c), and thrown away.
 *
 * SECURITY: nothing is planned, so that no function of the statement runs, not
 * even an immutable one; analysis only calls input functions of types.
 * (test/sql/why.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/guc.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "enforce/collect.h"
#include "enforce/copy.h"
#include "enforce/explain.h"
#include "enforce/function.h"
#include "enforce/inspect.h"
#include "enforce/object.h"
#include "enforce/rewrite.h"
#include "enforce/statement.h"
#include "enforce/utility.h"
#include "enforce/water.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "policy/label.h"
#include "policy/obligation.h"
#include "policy/policy_key.h"
#include "policy/reason.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"

/* A text while it is being explained. */
typedef struct CaExplainer
{
	CaSubject	subject;
	List	   *rows;			/* of CaExplained * */
} CaExplainer;

static CaExplained *
add_row(CaExplainer *e, const char *object, const char *action,
		CaDecision decision, const char *reason)
{
	CaExplained *row = palloc0(sizeof(CaExplained));

	row->object = object;
	row->action = action;
	row->decision = decision;
	row->reason = reason;
	e->rows = lappend(e->rows, row);
	return row;
}

/* Names of columns by attribute number. */
static List *
column_names(const CaRelation *r, const Bitmapset *columns)
{
	List	   *names = NIL;
	int			attnum = -1;

	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		names = lappend(names, r->columns[attnum - 1].name);
	return names;
}

static List *
matched_policies(const CaAccess *access)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, access->matched)
		names = lappend(names, ((CaCandidate *) lfirst(lc))->policy->name);
	return names;
}

static void
explain_access(CaExplainer *e, CaAccess *access)
{
	CaExplained *row;

	row = add_row(e, access->relation->resource, access->action,
				  access->verdict.decision,
				  ca_access_reason(access, &e->subject));
	row->access = access;
	if (row->decision == CA_DECISION_ALLOW)
		row->limits = ca_access_limits(access);
	row->policies = matched_policies(access);
	row->columns = column_names(access->relation, access->columns);
	row->uncovered = column_names(access->relation, access->verdict.uncovered);
}

/* One action on one relation, outside a query. */
static void
explain_relation(CaExplainer *e, Oid relid, const char *action, Bitmapset *columns)
{
	const CaPolicySet *set = ca_policy_set(e->subject.identity,
										   ca_relation_keys(NIL, relid));
	CaAccess   *access = palloc0(sizeof(CaAccess));

	access->relid = relid;
	access->action = action;
	access->columns = columns;
	ca_relation_begin(set);
	ca_authorize_access(set, &e->subject, access);
	explain_access(e, access);
}

static void
explain_relations(CaExplainer *e, List *relations, const char *action)
{
	ListCell   *lc;

	foreach(lc, relations)
		explain_relation(e, RangeVarGetRelid(lfirst(lc), NoLock, false), action, NULL);
}

/* A function, role or channel; schema is NULL for the latter two. */
static void
explain_object(CaExplainer *e, const CaPolicySet *set, const char *action,
			   CaResourceKind kind, const char *schema, const char *name,
			   const List *labels)
{
	CaObjectAnswer answer = ca_authorize_object(set, &e->subject, action, kind, schema,
												name, labels);
	CaExplained *row;

	row = add_row(e, schema == NULL ? name : psprintf("function %s.%s", schema, name),
				  action, answer.verdict.decision, ca_object_reason(&answer));
	if (answer.deciding != NULL)
		row->policies = list_make1(answer.deciding->name);
	if (row->decision == CA_DECISION_ALLOW)
		row->limits = answer.limits;
}

/* The server's own functions are worth a row only when they are closed. */
static void
explain_function(CaExplainer *e, const CaPolicySet *set, Oid funcid)
{
	int			before = list_length(e->rows);

	if (ca_function_presents_identity(funcid))
		return;
	explain_object(e, set, CA_ACTION_EXECUTE, CA_RESOURCE_FUNCTION,
				   get_namespace_name(get_func_namespace(funcid)),
				   get_func_name(funcid), ca_label_function_classes(funcid));
	if (get_func_namespace(funcid) == PG_CATALOG_NAMESPACE &&
		((CaExplained *) llast(e->rows))->decision == CA_DECISION_ALLOW)
		e->rows = list_truncate(e->rows, before);
}

static bool
note_function(Oid funcid, void *context)
{
	List	  **functions = context;

	*functions = list_append_unique_oid(*functions, funcid);
	return false;
}

/* Every function that the query calls, by whatever name. */
static bool
function_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, function_walker, context, 0);
	(void) check_functions_in_node(node, note_function, context);
	return expression_tree_walker(node, function_walker, context);
}

/* Why an access that is allowed cannot be enforced, said in its row. */
static void
explain_refusals(CaExplainer *e, const List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		const CaTarget *target = lfirst(lc);
		const char *code;
		const char *refusal = ca_rewrite_refusal(target, &code);

		if (refusal != NULL)
		{
			const CaAccess *access = ca_target_main_access(target);

			(void) add_row(e, access->relation->resource, access->action,
						   CA_DECISION_DENY, refusal);
		}
	}
}

/* What the query reads is decided first: what it writes depends on it. */
static void
authorize_reads(CaExplainer *e, const CaPolicySet *set, const List *targets)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		CaAccess   *access = ((CaTarget *) lfirst(lc))->select;

		if (access == NULL)
			continue;
		ca_authorize_access(set, &e->subject, access);
		e->subject.reads = Max(e->subject.reads,
							   ca_access_shows(access, ca_guc_mode == CA_MODE_ENFORCE));
	}
}

/* A rewritten query that is not a utility command. */
static void
explain_query(CaExplainer *e, Query *query, bool exports)
{
	List	   *functions = NIL;
	List	   *accesses = NIL;
	List	   *keys = NIL;
	List	   *targets;
	const CaPolicySet *set;
	bool		allowed = true;
	ListCell   *lc;

	(void) function_walker((Node *) query, &functions);
	targets = ca_collect(query);
	if (exports)
		ca_collect_copies(targets, true);
	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);

		accesses = list_concat(accesses, target->accesses);
		if (target->advice != NULL)
			keys = ca_relation_keys(keys, target->advice->relid);
	}
	foreach(lc, functions)
		keys = ca_function_keys(keys, lfirst_oid(lc));
	foreach(lc, accesses)
		keys = ca_relation_keys(keys, ((CaAccess *) lfirst(lc))->relid);

	set = ca_policy_set(e->subject.identity, keys);
	ca_relation_begin(set);
	authorize_reads(e, set, targets);
	foreach(lc, functions)
		explain_function(e, set, lfirst_oid(lc));
	foreach(lc, accesses)
	{
		CaAccess   *access = lfirst(lc);

		if (access->relation == NULL)
			ca_authorize_access(set, &e->subject, access);
		allowed &= access->verdict.decision == CA_DECISION_ALLOW;
		/* an allowed view is as transparent as what it reads */
		if (!access->through_view || access->verdict.decision != CA_DECISION_ALLOW)
			explain_access(e, access);
	}
	foreach(lc, targets)
	{
		CaTarget   *target = lfirst(lc);

		if (target->advice != NULL)
			ca_authorize_access(set, &e->subject, target->advice);
	}
	if (allowed)
		explain_refusals(e, targets);
	ca_water_tell(&e->subject);
}

static void explain_raw(CaExplainer *e, RawStmt *raw, const char *sql, bool exports);

/* A statement inside another, not analyzed yet. */
static void
explain_inner(CaExplainer *e, Node *stmt, const char *sql, bool exports)
{
	RawStmt    *raw = makeNode(RawStmt);

	raw->stmt = stmt;
	raw->stmt_location = -1;
	explain_raw(e, raw, sql, exports);
}

static void
explain_copy(CaExplainer *e, CopyStmt *stmt, const char *sql)
{
	Oid			relid;
	Bitmapset  *columns;

	if (stmt->filename != NULL || stmt->is_program)
		(void) add_row(e, NULL, "COPY", CA_DECISION_DENY,
					   "agents may not use files and programs of the server");
	else if (!stmt->is_from)
		explain_inner(e, ca_copy_query(stmt), sql, true);
	else
	{
		relid = RangeVarGetRelid(stmt->relation, NoLock, false);
		columns = ca_copy_columns(stmt, relid);
		explain_relation(e, relid, CA_ACTION_COPY_IN, columns);
		explain_relation(e, relid, CA_ACTION_INSERT, columns);
	}
}

/* A command that holds a query, analyzed already. */
static void
explain_held(CaExplainer *e, Node *held)
{
	ListCell   *lc;

	foreach(lc, pg_rewrite_query(copyObject(castNode(Query, held))))
		explain_query(e, lfirst(lc), false);
}

static void
explain_command(CaExplainer *e, Node *stmt, const char *sql)
{
	const char *kind = GetCommandTagName(CreateCommandTag(stmt));
	const CaPolicySet *set = ca_policy_set(e->subject.identity, NIL);

	if (!ca_utility_open(stmt))
	{
		(void) add_row(e, NULL, kind, CA_DECISION_DENY, "agents may not use this command");
		return;
	}
	switch (nodeTag(stmt))
	{
		case T_CopyStmt:
			explain_copy(e, (CopyStmt *) stmt, sql);
			break;
		case T_LockStmt:
			explain_relations(e, ((LockStmt *) stmt)->relations, CA_ACTION_LOCK);
			break;
		case T_TruncateStmt:
			explain_relations(e, ((TruncateStmt *) stmt)->relations, CA_ACTION_TRUNCATE);
			break;
		case T_ListenStmt:
			explain_object(e, set, CA_ACTION_NOTIFY, CA_RESOURCE_CHANNEL, NULL,
						   ((ListenStmt *) stmt)->conditionname, NIL);
			break;
		case T_NotifyStmt:
			explain_object(e, set, CA_ACTION_NOTIFY, CA_RESOURCE_CHANNEL, NULL,
						   ((NotifyStmt *) stmt)->conditionname, NIL);
			break;
		case T_PrepareStmt:
			explain_inner(e, ((PrepareStmt *) stmt)->query, sql, false);
			break;
		case T_CallStmt:
			explain_function(e, ca_policy_set(e->subject.identity,
											  ca_function_keys(NIL, ((CallStmt *) stmt)->funcexpr->funcid)),
							 ((CallStmt *) stmt)->funcexpr->funcid);
			break;
		case T_ExplainStmt:
			explain_held(e, ((ExplainStmt *) stmt)->query);
			break;
		case T_DeclareCursorStmt:
			explain_held(e, ((DeclareCursorStmt *) stmt)->query);
			break;
		default:
			if (ca_utility_role(stmt) != NULL)
				explain_object(e, set, CA_ACTION_SET_ROLE, CA_RESOURCE_ROLE, NULL,
							   ca_utility_role(stmt), NIL);
			else
				(void) add_row(e, NULL, kind, CA_DECISION_ALLOW,
							   "agents may use this command");
	}
}

/* One statement as the parser left it. */
static void
explain_raw(CaExplainer *e, RawStmt *raw, const char *sql, bool exports)
{
	int			before = list_length(e->rows);
	Oid		   *types = NULL;
	int			ntypes = 0;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, pg_analyze_and_rewrite_varparams(raw, sql, &types, &ntypes, NULL))
	{
		Query	   *query = lfirst(lc);

		e->subject.statement_kind = ca_statement_kind(query->commandType);
		if (query->commandType == CMD_UTILITY)
			explain_command(e, query->utilityStmt, sql);
		else
			explain_query(e, query, exports);
	}
	if (list_length(e->rows) == before)
		(void) add_row(e, NULL, CA_ACTION_SELECT, CA_DECISION_ALLOW,
					   "it touches nothing that policies decide about");
}

List *
ca_explain(const char *sql)
{
	CaIdentityProblem problem = {0};
	CaExplainer e = {0};
	const CaIdentity *id = ca_identity_current(&problem);
	ListCell   *lc;

	if (id == NULL)
	{
		(void) add_row(&e, NULL, NULL, CA_DECISION_DENY, problem.text);
		return e.rows;
	}
	e.subject.identity = id;
	ca_water_tell(&e.subject);
	foreach(lc, pg_parse_query(sql))
		explain_raw(&e, lfirst(lc), sql, false);
	return e.rows;
}
