/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  From a query to an authorized plan.
 *
 * The query arrives rewritten: views are expanded, rules and row-level
 * security applied.  It is collected, decided, refused or rewritten, planned
 * by the server, checked, and leaves with a note about all that.
 *
 * SECURITY: a finished plan must not contain a relation that the rewriter has
 * not marked: it would have come in behind it, as by inlining a function.
 * (test/sql/enforce.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/decision.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "base/texts.h"
#include "common/hashfn.h"
#include "enforce/access_fields.h"
#include "enforce/collect.h"
#include "enforce/computed.h"
#include "enforce/fragile.h"
#include "enforce/plan.h"
#include "enforce/function.h"
#include "enforce/halt.h"
#include "enforce/in_place.h"
#include "enforce/inspect.h"
#include "enforce/object.h"
#include "enforce/outcome.h"
#include "enforce/refuse.h"
#include "enforce/execute.h"
#include "enforce/rewrite.h"
#include "enforce/scrub.h"
#include "enforce/statement.h"
#include "enforce/trust.h"
#include "enforce/water.h"
#include "miscadmin.h"
#include "policy/obligation.h"
#include "policy/reason.h"
#include "portability/instr_time.h"
#include "utils/lsyscache.h"

/* A statement while it is being decided. */
typedef struct CaCase
{
	Query	   *query;
	const char *text;
	const CaPolicySet *set;		/* NULL: there was no need to look */
	int64		policy_version;
	uint64		epoch;			/* that what is decided will hold for */
	CaSubject	subject;
	bool		own_record;		/* planned at the top, not inside a command */
	CaInspection inspection;
	List	   *function_answers;	/* of CaObjectAnswer *, as
									 * inspection.functions */
	List	   *targets;
	CaDecision	decision;		/* the worst of all accesses */
	CaAccess   *deciding;		/* the access it comes from; NULL: ALLOW, or
								 * ESCALATE of a function or role */
	CaEscalation escalation;	/* everything that escalates */
	const char *refusal;		/* why an allowed access cannot be enforced */
	const char *refusal_code;
	bool		dynamic;
	uint64		signature;
	bool		reveals;		/* see CaPlanNote */
	CaLimits	limits;			/* the smallest of all accesses */
	int			sensitivity;	/* of the columns read; -1: none */
	int			shows;			/* of those that are not masked; -1: none */
	CaPlanNote *note;			/* once the query is authorized */
	instr_time	start;			/* of deciding */
	int64		spent_us;		/* on deciding; 0 while it goes on */
} CaCase;

static int	copy_in_level = -1;

void
ca_plan_copies_in(int level)
{
	copy_in_level = level;
}

void
ca_plan_forget_copy(void)
{
	copy_in_level = -1;
}

/*
 * What COPY does with the rows of the query that is planned or run now.
 * SECURITY: what functions inside a COPY TO read leaves by it, too, unless a
 * policy trusts the function to know what it returns.  (test/sql/water.sql)
 */
CaCopyRole
ca_plan_copy_role(void)
{
	return ca_execute_exporting() && !ca_trust_active() ? CA_COPY_OUT :
		copy_in_level == ca_statement_level ? CA_COPY_IN : CA_COPY_NONE;
}

/* What a query does, when COPY takes its rows along, asks for another action. */
static List *
collect(Query *query, CaCopyRole copies)
{
	List	   *targets = ca_collect(query);

	if (copies != CA_COPY_NONE)
		ca_collect_copies(targets, copies == CA_COPY_OUT);
	return targets;
}

/* A refusal of the case, to be raised or completed. */
static CaRefusal
refusal_of(const CaCase *c, const char *action, const char *reason_code,
		   const char *reason)
{
	CaRefusal	r = {0};

	r.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
	r.decision = CA_DECISION_DENY;
	r.reason_code = reason_code;
	r.action = action;
	r.reason = reason;
	r.kind = c->subject.statement_kind;
	r.text = c->text;
	r.location = c->query->stmt_location;
	r.len = c->query->stmt_len;
	return r;
}

/*
 * Decide one access, unless its answer has been recalled; what a trusted function
 * reads is decided otherwise.
 */
static void
ask(CaCase *c, CaAccess *access)
{
	if (access->outcome != NULL)
		return;
	if (ca_trust_active() && strcmp(access->action, CA_ACTION_SELECT) == 0)
		ca_access_trust(c->set, &c->subject, access);
	else
		ca_authorize_access(c->set, &c->subject, access);
	ca_outcome_make(access, &c->subject, c->epoch);
}

/* A function or role of the query escalates. */
static void
escalate_object(CaCase *c, const CaObjectAnswer *answer, const char *action,
				const char *object)
{
	c->decision = CA_DECISION_ESCALATE;
	ca_escalation_add(&c->escalation, action, object, answer->escalating);
}

/* Decide one access and let it weigh on the case. */
static void
decide_access(CaCase *c, CaTarget *target, CaAccess *access)
{
	const CaOutcome *outcome;

	/* what is read was asked about first */
	if (access != target->select)
		ask(c, access);
	outcome = access->outcome;
	ca_limits_add(&c->limits, &outcome->limits);
	c->reveals |= outcome->reveals;
	c->dynamic |= access->dynamic;
	c->signature = hash_combine64(c->signature, outcome->signature);
	if (access->verdict.decision > c->decision)
	{
		c->decision = access->verdict.decision;
		c->deciding = access;
	}
	if (access->verdict.decision == CA_DECISION_ESCALATE)
		ca_escalation_add(&c->escalation, access->action, access->relation->resource,
						  ca_access_escalating(access));
	if (access == target->select)
		c->sensitivity = Max(c->sensitivity, outcome->sensitivity);
}

/*
 * Decide the functions that the query calls: the planner may fold a call
 * into its result.  Refuses at once.
 */
static void
decide_functions(CaCase *c)
{
	ListCell   *lc;

	foreach(lc, c->inspection.functions)
	{
		Oid			funcid = lfirst_oid(lc);
		CaObjectAnswer *answer = palloc(sizeof(CaObjectAnswer));

		*answer = ca_function_check(c->set, &c->subject, funcid);
		c->dynamic |= answer->dynamic;
		c->function_answers = lappend(c->function_answers, answer);
		if (answer->verdict.decision == CA_DECISION_ESCALATE)
			escalate_object(c, answer, CA_ACTION_EXECUTE,
							psprintf("function %s", ca_function_name(funcid)));
		ca_limits_add(&c->limits, &answer->limits);
		c->signature = hash_combine64(c->signature, funcid);
		c->signature = hash_combine64(c->signature, ca_answer_signature(answer));
	}
}

/* SECURITY: set_config() is judged as SET is. */
static void
decide_settings(CaCase *c)
{
	const CaInspection *i = &c->inspection;
	CaRefusal	r;
	CaObjectAnswer answer;

	if (i->takes_role != NULL &&
		ca_object_weigh(CA_ACTION_SET_ROLE, CA_RESOURCE_ROLE, i->takes_role, &answer))
		escalate_object(c, &answer, CA_ACTION_SET_ROLE, i->takes_role);
	if (!i->sets_unknown && !(i->sets_token && !i->presents))
		return;
	r = refusal_of(c, "set_config", "set_config",
				   i->sets_unknown ? "the name of the setting is computed" :
				   "the identity cannot change inside a statement that does something else");
	ca_refuse(&r);
}

/* The policies that can concern anything the query touches. */
static const CaPolicySet *
find_policies(const CaCase *c)
{
	List	   *keys = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, c->inspection.functions)
		keys = ca_function_keys(keys, lfirst_oid(lc));
	foreach(lc, c->targets)
	{
		CaTarget   *target = lfirst(lc);

		foreach(lc2, target->accesses)
			keys = ca_relation_keys(keys, ((CaAccess *) lfirst(lc2))->relid);
		if (target->advice != NULL)
			keys = ca_relation_keys(keys, target->advice->relid);
	}
	return ca_policy_set(c->subject.identity, keys);
}

/* Answer everything that the target asks from what is kept, or not all of it. */
static bool
recall_target(CaCase *c, CaTarget *target)
{
	ListCell   *lc;

	if (target->copy != NULL)
		return false;
	foreach(lc, target->accesses)
	{
		if (!ca_outcome_recall(lfirst(lc), &c->subject, c->epoch))
			return false;
	}
	return target->advice == NULL ||
		ca_outcome_recall(target->advice, &c->subject, c->epoch);
}

static void
forget_answers(CaTarget *target)
{
	ListCell   *lc;

	foreach(lc, target->accesses)
		((CaAccess *) lfirst(lc))->outcome = NULL;
	if (target->advice != NULL)
		target->advice->outcome = NULL;
}

/*
 * Answer the whole case from what is kept.  Either all of it or nothing: to
 * look at the policies may throw away what is kept.
 */
static bool
recall_case(CaCase *c)
{
	ListCell   *lc;

	if (c->inspection.functions != NIL || ca_trust_active())
		return false;
	foreach(lc, c->targets)
	{
		if (!recall_target(c, lfirst(lc)))
			break;
	}
	if (lc == NULL)
		return true;
	foreach(lc, c->targets)
		forget_answers(lfirst(lc));
	return false;
}

/*
 * SECURITY: what the query reads is asked about first, for what it writes,
 * exports and calls is decided knowing it.  (test/sql/water.sql)
 */
static void
ask_reads(CaCase *c)
{
	ListCell   *lc;

	c->shows = -1;
	foreach(lc, c->targets)
	{
		CaAccess   *access = ((CaTarget *) lfirst(lc))->select;

		if (access == NULL)
			continue;
		ask(c, access);
		c->shows = Max(c->shows, access->outcome->shows);
	}
	c->subject.reads = Max(c->subject.reads, c->shows);
}

/* Decide everything that the query touches. */
static void
decide_case(CaCase *c)
{
	ListCell   *lc;
	ListCell   *lc2;

	c->sensitivity = -1;
	if (ca_outcome_begin() && recall_case(c))
		c->policy_version = ca_policy_set_version();
	else
	{
		c->set = find_policies(c);
		c->policy_version = c->set->version;
		ca_relation_begin(c->set);
		(void) ca_outcome_begin();
	}
	ask_reads(c);
	decide_functions(c);
	foreach(lc, c->targets)
	{
		CaTarget   *target = lfirst(lc);

		foreach(lc2, target->accesses)
			decide_access(c, target, lfirst(lc2));
		/* only what it hides counts: see ca_rewrite_refusal() */
		if (target->advice != NULL)
		{
			ask(c, target->advice);
			c->reveals |= ca_computed_reveals(target->advice);
		}
	}
	c->signature = hash_combine64(c->signature, c->reveals);
	/* monitor mode enforces nothing */
	c->signature = hash_combine64(c->signature, ca_guc_mode);
	c->signature = hash_combine64(c->signature, ca_escalation_signature(&c->escalation));
	if (c->decision == CA_DECISION_DENY)
		return;

	foreach(lc, c->targets)
	{
		c->refusal = ca_rewrite_refusal(lfirst(lc), &c->refusal_code);
		if (c->refusal != NULL)
		{
			CaTarget   *target = lfirst(lc);

			c->decision = CA_DECISION_DENY;
			c->deciding = ca_target_main_access(target);
			return;
		}
	}
}

/* Everything that the record says about the query's accesses. */
static void
encode_case(const CaCase *c, StringInfo buf)
{
	List	   *actions = NIL;
	List	   *policies = NIL;
	ListCell   *lc;
	ListCell   *lc2;
	ListCell   *lc3;

	if (c->deciding != NULL)
	{
		foreach(lc, c->deciding->matched)
			policies = ca_texts_add(policies, ((CaCandidate *) lfirst(lc))->policy->name);
	}
	foreach(lc, c->targets)
	{
		foreach(lc2, ((CaTarget *) lfirst(lc))->accesses)
		{
			CaAccess   *access = lfirst(lc2);

			if (!access->through_view)
				actions = ca_texts_add(actions, access->action);
			/* a refusal names what refused, not what would have allowed */
			foreach(lc3, c->deciding == NULL ? access->matched : NIL)
				policies = ca_texts_add(policies, ((CaCandidate *) lfirst(lc3))->policy->name);
		}
	}
	if (c->function_answers != NIL)
		actions = ca_texts_add(actions, CA_ACTION_EXECUTE);

	/* the short ones first: should the record be cut, it is at the end */
	foreach(lc, actions)
		ca_record_put_text(buf, CA_F_ACTION, lfirst(lc));
	foreach(lc, policies)
		ca_record_put_text(buf, CA_F_POLICY, lfirst(lc));
	foreach(lc, c->targets)
	{
		foreach(lc2, ((CaTarget *) lfirst(lc))->accesses)
			ca_outcome_encode(buf, lfirst(lc2));
	}
	forboth(lc, c->inspection.functions, lc2, c->function_answers)
		ca_access_put(buf, CA_ACTION_EXECUTE,
					  ca_function_name(lfirst_oid(lc)),
					  ((CaObjectAnswer *) lfirst(lc2))->verdict.decision,
					  &((CaObjectAnswer *) lfirst(lc2))->monitored);
}

/* The verdict as a sentence part. */
static const char *
reason(const CaCase *c)
{
	return c->refusal != NULL ? c->refusal :
		c->deciding == NULL ? "a person has to approve it" :
		ca_access_reason(c->deciding, &c->subject);
}

/* Stable name of the verdict's reason. */
static const char *
reason_code(const CaCase *c)
{
	return c->refusal != NULL ? c->refusal_code :
		c->deciding == NULL ? ca_reason_code(CA_REASON_ESCALATE) :
		ca_reason_code(c->deciding->verdict.reason);
}

/* The policy that decided, or NULL. */
static const char *
deciding_policy(const CaCase *c)
{
	const CaAccess *access = c->deciding;

	if (c->decision == CA_DECISION_ESCALATE)
		return strVal(linitial(c->escalation.policies));
	/* what refuses an allowed access is no policy */
	return c->refusal == NULL && access->verdict.deciding >= 0 && access->matched != NIL ?
		((CaCandidate *) linitial(access->matched))->policy->name : NULL;
}

/* Deny the case; comes back in monitor mode only. */
static void
refuse_case(const CaCase *c)
{
	const CaAccess *access = c->deciding;
	StringInfoData fields;
	CaRefusal	r = refusal_of(c, access->action, reason_code(c), reason(c));

	initStringInfo(&fields);
	encode_case(c, &fields);
	r.decision = c->decision;
	r.object = access->relation->resource;
	r.policy = deciding_policy(c);
	r.hint = "Ask an administrator of contauth for a policy that permits it.";
	r.fields = fields.data;
	r.fields_len = fields.len;
	r.policy_version = c->policy_version;
	r.sensitivity = c->sensitivity;
	ca_refuse(&r);
}

/*
 * Fill in who asks.  False: there is no valid identity, and the query may
 * run only because it presents one or because the mode is monitor.
 */
static bool
identify(CaCase *c)
{
	CaIdentityProblem problem = {0};

	c->subject.statement_kind = ca_statement_kind(c->query->commandType);
	c->subject.nested_level = ca_statement_level;
	ca_water_tell(&c->subject);
	c->inspection = ca_inspect(c->query);
	if (!ca_extension_fits())
		ca_refuse_database(c->subject.statement_kind, "every statement", c->text,
						   c->query->stmt_location, c->query->stmt_len);
	else
	{
		c->subject.identity = ca_identity_current(&problem);
		if (c->subject.identity == NULL && !c->inspection.presents)
			ca_refuse_identity(&problem, c->subject.statement_kind, c->text,
							   c->query->stmt_location, c->query->stmt_len);
	}
	decide_settings(c);
	return c->subject.identity != NULL;
}

/* SECURITY: see the head of the file. */
static void
check_plan(const CaCase *c, const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);
		CaRefusal	r;

		if (ca_rewrite_is_covered(rte))
			continue;
		r = refusal_of(c, CA_ACTION_SELECT, "not_covered",
					   "the plan reads a relation that was not authorized");
		r.object = get_rel_name(rte->relid);
		ca_refuse(&r);
	}
}

static CaPlanNote *
make_note(const CaCase *c, Query *original, int cursor_options)
{
	CaPlanNote *note = ca_note_create();
	StringInfoData fields;

	initStringInfo(&fields);
	encode_case(c, &fields);
	ca_note_hold(note, c->epoch);
	note->dynamic = c->dynamic;
	note->signature = c->signature;
	note->decision = c->decision;
	if (c->decision == CA_DECISION_ESCALATE)
		note->escalation = c->escalation;
	note->presents = c->inspection.presents;
	note->functions = c->inspection.functions;
	if (c->decision != CA_DECISION_ALLOW)
	{
		const char *policy = deciding_policy(c);

		note->reason_code = pstrdup(reason_code(c));
		note->reason = pstrdup(reason(c));
		note->policy = policy != NULL ? pstrdup(policy) : NULL;
	}
	note->trusted = ca_trust_active();
	note->limits = c->limits;
	note->limited = ca_limits_any(&c->limits);
	note->reveals = c->reveals;
	note->max_sensitivity = c->sensitivity;
	note->shows = c->shows;
	note->policy_version = c->policy_version;
	note->statement_kind = c->subject.statement_kind;
	note->blob = fields.data;
	note->blob_len = fields.len;
	note->query = original;
	note->cursor_options = cursor_options;
	return note;
}

/* Add fields to what the plan brings into its record. */
static void
append_fields(CaPlanNote *note, CaAuditBlob fields)
{
	note->blob = repalloc(note->blob, note->blob_len + fields.len + 1);
	memcpy(note->blob + note->blob_len, fields.data, fields.len);
	note->blob_len += fields.len;
}

/*
 * The epoch that a decision begun now will hold for: the present identity's.
 * What changes while deciding moves it on, and the decision holds no longer.
 */
static uint64
epoch_now(void)
{
	CaIdentityProblem problem = {0};

	if (ca_extension_fits())
		(void) ca_identity_current(&problem);
	return ca_epoch_current;
}

/* Decide, and rewrite or refuse; the rest is the server's planner's. */
static CaPlanNote *
authorize(CaCase *c, int cursor_options)
{
	bool		copies_late = ca_in_place_copies(c->query);
	Query	   *original = copies_late ? c->query : copyObject(c->query);
	CaPlanNote *note;
	CaCopyRole	copies = ca_plan_copy_role();

	c->epoch = epoch_now();
	if (identify(c))
	{
		c->targets = collect(c->query, copies);
		decide_case(c);
		/* what escalates is asked for when it starts (escalate.c) */
		if (c->decision == CA_DECISION_DENY)
			refuse_case(c);
	}
	/* encoding reads the targets, rewriting changes what they point to */
	note = make_note(c, original, cursor_options);
	note->copies = copies;
	if (copies_late)
		c->query = ca_in_place_copy(original,
									ca_guc_mode == CA_MODE_ENFORCE ? c->targets : NIL);
	if (ca_guc_mode == CA_MODE_ENFORCE)
		note->protects = ca_rewrite(c->targets);
	return note;
}

static int64
microseconds_since(const instr_time *start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, *start);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* Decide and plan; errors are the caller's to put on record. */
static PlannedStmt *
plan_case(CaCase *c, int cursor_options, ParamListInfo params,
		  planner_hook_type next)
{
	int			level = ca_statement_level;
	uint64		folds = ca_function_folds;
	CaPlanNote *note;
	PlannedStmt *plan;
	CaAuditBlob nested;

	INSTR_TIME_SET_CURRENT(c->start);
	note = c->note = authorize(c, cursor_options);
	c->spent_us = microseconds_since(&c->start);
	if (c->own_record)
	{
		CaSource	source = {note, params, true, c->text, c->query->stmt_location,
		c->query->stmt_len};

		ca_statement_set_source(ca_statement_current, &source);
	}

	/*
	 * SECURITY: parallel workers decide nothing, so that no function that
	 * runs statements may run in one.  (test/t/013_tamper.pl)
	 */
	if (c->inspection.runs_code)
		cursor_options &= ~CURSOR_OPT_PARALLEL_OK;

	/* folding a call may run statements: they are nested in this one */
	ca_statement_level++;
	plan = next(c->query, c->text, cursor_options, params);
	ca_statement_level = level;
	note->folded = ca_function_folds != folds;
	if (note->folded || c->inspection.takes_role != NULL)
		ca_fragile_made(note->epochs[0]);
	if (ca_guc_mode == CA_MODE_ENFORCE)
		check_plan(c, plan);

	nested = ca_statement_nested(ca_statement_current);
	if (c->own_record && nested.len > 0)
		append_fields(note, nested);
	ca_note_attach(plan, note);
	return plan;
}

/*
 * Planning comes before the statement that the executor begins, and may be
 * all there is: so it has a record of its own, which is written only when it
 * fails.
 */
PlannedStmt *
ca_plan(Query *query, const char *text, int cursor_options,
		ParamListInfo params, planner_hook_type next)
{
	CaCase		c = {query, text};
	CaStatement *outer = ca_statement_current;
	CaStatement *volatile statement = NULL;
	int			level = ca_statement_level;
	CaWork		before;
	PlannedStmt *plan;

	if (outer == NULL)
	{
		c.own_record = true;
		statement = ca_statement_current =
			ca_statement_begin(ca_statement_kind(query->commandType), text,
							   query->stmt_location, query->stmt_len, 0);
	}
	before = ca_execute_enter(NULL);
	/* what the planner runs presents no identity */
	ca_identity_locked = true;
	PG_TRY();
	{
		ca_halt_check();
		plan = plan_case(&c, cursor_options, params, next);
	}
	PG_CATCH();
	{
		ca_halt_error();
		ca_execute_leave(&before);
		ca_statement_level = level;
		if (statement != NULL && c.note != NULL)
			ca_statement_add_note(statement, c.note, false);
		if (statement != NULL)
		{
			ca_statement_spent(c.spent_us > 0 ? c.spent_us :
							   microseconds_since(&c.start));
			ca_statement_fail(statement);
		}
		ca_statement_current = outer;
		ca_scrub_and_rethrow(outer == NULL ? ca_statement_failed_id() : NULL, false);
	}
	PG_END_TRY();
	ca_execute_leave(&before);
	if (statement != NULL)
		ca_statement_discard(statement);
	ca_statement_current = outer;
	if (level == 0)
		ca_statement_spent(c.spent_us);
	return plan;
}

bool
ca_plan_still_right(CaPlanNote *note, const char *text)
{
	CaCase		c = {ca_in_place_copies(note->query) ? note->query : copyObject(note->query),
	text};
	CaCopyRole	copies = ca_plan_copy_role();

	c.epoch = epoch_now();
	/* an identity that came or went changes what has to be enforced */
	if (identify(&c))
	{
		c.targets = collect(c.query, copies);
		decide_case(&c);
		if (c.decision == CA_DECISION_DENY)
			refuse_case(&c);
	}
	if (note->folded || note->copies != copies || note->trusted != ca_trust_active() ||
		c.signature != note->signature ||
		c.decision != note->decision)
		return false;
	/* labels may have changed, which alone is no reason for another plan */
	note->max_sensitivity = c.sensitivity;
	note->shows = c.shows;
	ca_note_hold(note, c.epoch);
	return true;
}

/*
 * SECURITY: a worker runs its part of a plan that its leader has decided, and
 * plans nothing itself; what does is a function that came in where
 * CaInspection.runs_code does not see it, such as one of an operator class.
 */
void
ca_plan_in_worker(Query *query)
{
	if (ca_inspect_touches_data(query) || ca_inspect(query).functions != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for a statement inside a parallel worker"),
				 errhint("Mark the function that runs it PARALLEL RESTRICTED.")));
}
