/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  What an access that was decided comes to, kept while nothing changes.
 *
 * A statement that is planned anew each time asks what those before it asked.
 * So an access that was allowed is kept, with all that follows from it: its
 * fields of the record, its row filter, what stands in for its columns.  It
 * holds for the epoch in which it was decided, as a plan does (note.h), and for
 * the same question: relation, action, columns, kind of statement, nesting.
 *
 * SECURITY: what could be decided otherwise in the same epoch is not kept: what
 * is dynamic, escalates or was refused, ran into an error, or belongs to a
 * trusted function or to COPY.  (test/sql/outcome.sql)
 *
 * What is kept points into the caches of policies and relations.  So it is
 * thrown away, as a whole, when one of these is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/decision.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "enforce/access_fields.h"
#include "enforce/outcome.h"
#include "enforce/statement.h"
#include "nodes/makefuncs.h"
#include "policy/expression.h"
#include "policy/obligation.h"
#include "rewrite/rewriteManip.h"
#include "utils/memutils.h"

/* When more than this many are kept, they are thrown away. */
#define CA_OUTCOMES_MAX	256

/* What was asked: everything that the answer depends on in one epoch. */
typedef struct CaQuestion
{
	uint64		epoch;
	const char *kind;			/* of the statement */
	int			level;			/* of nesting */
	const CaAccess *access;
} CaQuestion;

typedef struct CaKept
{
	uint32		status;
	CaQuestion	question;		/* hash key; its access is kept with it */
} CaKept;

static uint32
hash_question(const CaQuestion *q)
{
	return (uint32) hash_combine64(hash_combine64(q->epoch, q->access->relid),
								   bms_hash_value(q->access->columns));
}

static bool
same_question(const CaQuestion *a, const CaQuestion *b)
{
	return a->epoch == b->epoch && a->access->relid == b->access->relid &&
		a->level == b->level &&
		a->access->through_view == b->access->through_view &&
		a->access->referential == b->access->referential &&
		strcmp(a->access->action, b->access->action) == 0 &&
		strcmp(a->kind, b->kind) == 0 &&
		bms_equal(a->access->columns, b->access->columns);
}

#define SH_PREFIX kept
#define SH_ELEMENT_TYPE CaKept
#define SH_KEY_TYPE CaQuestion
#define SH_KEY question
#define SH_HASH_KEY(table, q) hash_question(&(q))
#define SH_EQUAL(table, a, b) same_question(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext kept_context = NULL;
static kept_hash *kept = NULL;	/* in kept_context */
static uint64 kept_serial = 0;	/* of what it points into */

bool
ca_outcome_begin(void)
{
	uint64		serial = ca_relation_serial();

	if (kept != NULL && serial == kept_serial && kept->members <= CA_OUTCOMES_MAX)
		return serial != 0;
	kept = NULL;
	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(CacheMemoryContext, "contauth outcomes",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(kept_context);
	kept = kept_create(kept_context, 64, NULL);
	kept_serial = serial;
	return false;
}

static CaQuestion
question_of(const CaAccess *access, const CaSubject *subject, uint64 epoch)
{
	CaQuestion	q = {epoch, subject->statement_kind, subject->nested_level, access};

	return q;
}

bool
ca_outcome_recall(CaAccess *access, const CaSubject *subject, uint64 epoch)
{
	CaKept	   *entry;
	Bitmapset  *columns = access->columns;

	if (access->also != NULL ||
		(entry = kept_lookup(kept, question_of(access, subject, epoch))) == NULL)
		return false;
	*access = *entry->question.access;
	access->columns = columns;
	return true;
}

/* Is the answer the same whenever it is asked for in its epoch? */
static bool
can_be_kept(const CaAccess *access)
{
	return kept_serial != 0 && !access->dynamic && !access->trusted &&
		access->also == NULL && access->problems == NIL &&
		access->verdict.decision == CA_DECISION_ALLOW;
}

/* A copy of the access, and of what its answer consists of, to be kept. */
static CaAccess *
copy_access(const CaAccess *access)
{
	CaAccess   *copy = palloc(sizeof(CaAccess));

	*copy = *access;
	copy->action = pstrdup(access->action);
	copy->columns = bms_copy(access->columns);
	copy->verdict.matched = bms_copy(access->verdict.matched);
	copy->verdict.uncovered = bms_copy(access->verdict.uncovered);
	copy->matched = list_copy(access->matched);
	copy->monitored.policies = list_copy(access->monitored.policies);
	return copy;
}

static void
keep(const CaAccess *access, CaQuestion question)
{
	MemoryContext old = MemoryContextSwitchTo(kept_context);
	bool		found;

	question.access = copy_access(access);
	(void) kept_insert(kept, question, &found);
	MemoryContextSwitchTo(old);
}

/* The most sensitive of the columns. */
static int
sensitivity_of(const CaAccess *access)
{
	int			sensitivity = -1;
	int			attnum = -1;

	while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
		sensitivity = Max(sensitivity, access->relation->columns[attnum - 1].sensitivity);
	return sensitivity;
}

void
ca_outcome_make(CaAccess *access, const CaSubject *subject, uint64 epoch)
{
	CaQuestion	question = question_of(access, subject, epoch);
	bool		keeps = can_be_kept(access);
	CaKept	   *entry = keeps ? kept_lookup(kept, question) : NULL;
	MemoryContext home = keeps ? kept_context : CurrentMemoryContext;
	CaOutcome  *outcome;

	/* asked again only because not all of the statement could be recalled */
	if (entry != NULL)
	{
		access->outcome = entry->question.access->outcome;
		return;
	}
	outcome = MemoryContextAllocZero(home, sizeof(CaOutcome));
	outcome->context = home;
	outcome->limits = ca_access_limits(access);
	outcome->signature = ca_access_signature(access);
	outcome->reveals = ca_access_may_fail(access);
	outcome->sensitivity = sensitivity_of(access);
	outcome->shows = ca_access_shows(access, ca_guc_mode == CA_MODE_ENFORCE);
	access->outcome = outcome;
	if (keeps)
		keep(access, question);
}

void
ca_access_encode(StringInfo buf, const CaAccess *access)
{
	StringInfoData fields;
	int			attnum = -1;
	ListCell   *lc;
	CaRequest	labels = {0};
	CaLimits	limits = ca_access_limits(access);

	initStringInfo(&fields);
	ca_record_put_text(&fields, CA_F_A_RELATION, access->relation->resource);
	ca_record_put_text(&fields, CA_F_A_ACTION, access->action);
	ca_record_put_text(&fields, CA_F_A_DECISION,
					   ca_decision_name(access->verdict.decision));
	while ((attnum = bms_next_member(access->columns, attnum)) >= 0)
	{
		const CaColumn *column = &access->relation->columns[attnum - 1];
		const char *mask = ca_access_mask_text(access, attnum);

		ca_record_put_text(&fields, CA_F_A_COLUMN, column->name);
		labels.labels = list_concat_unique_ptr(labels.labels, column->labels);
		if (mask != NULL)
			ca_record_put_text(&fields, CA_F_A_MASK,
							   psprintf("%s=%s", column->name, mask));
	}
	foreach(lc, labels.labels)
		ca_record_put_text(&fields, CA_F_A_LABEL, lfirst(lc));
	attnum = -1;
	while (access->verdict.decision == CA_DECISION_DENY &&
		   (attnum = bms_next_member(access->verdict.uncovered, attnum)) >= 0)
		ca_record_put_text(&fields, CA_F_A_UNCOVERED,
						   access->relation->columns[attnum - 1].name);
	ca_record_put_text(&fields, CA_F_A_ROW_FILTER, ca_access_filter_text(access));
	for (int i = 0; i < CA_LIMIT_COUNT; i++)
	{
		if (limits.max[i] > 0)
			ca_record_put_text(&fields, CA_F_A_LIMIT, ca_limit_text(&limits, i));
	}
	if (access->trusted)
		ca_record_put_text(&fields, CA_F_A_LIMIT, CA_LIMIT_TRUSTED "=true");
	ca_access_put_monitored(&fields, &access->monitored);
	if (ca_statement_level > 0)
		ca_record_put_int32(&fields, CA_F_A_NESTED, ca_statement_level);
	ca_record_put(buf, CA_F_ACCESS, fields.data, fields.len);
	pfree(fields.data);
}

void
ca_outcome_encode(StringInfo buf, const CaAccess *access)
{
	CaOutcome  *outcome = access->outcome;

	if (outcome->record.data == NULL)
	{
		StringInfoData fields;
		char	   *data;

		initStringInfo(&fields);
		ca_access_encode(&fields, access);
		data = MemoryContextAlloc(outcome->context, fields.len);
		memcpy(data, fields.data, fields.len);
		outcome->record = (CaAuditBlob)
		{
			data, fields.len
		};
		pfree(fields.data);
	}
	appendBinaryStringInfo(buf, outcome->record.data, (int) outcome->record.len);
}

/* What the access makes of rows and columns, found once all is decided. */
static const CaOutcome *
enforced(const CaAccess *access)
{
	CaOutcome  *outcome = access->outcome;
	MemoryContext old;
	bool		hides;
	Expr	   *filter;

	if (outcome->enforced)
		return outcome;
	hides = ca_access_hides_columns(access);
	filter = ca_access_filter(access, 1);
	old = MemoryContextSwitchTo(outcome->context);
	outcome->filter = copyObject(filter);
	outcome->columns = palloc0(sizeof(Expr *) * (access->relation->natts + 1));
	outcome->hides = hides;
	outcome->enforced = true;
	MemoryContextSwitchTo(old);
	return outcome;
}

bool
ca_outcome_hides(const CaAccess *access)
{
	return enforced(access)->hides;
}

bool
ca_outcome_filters(const CaAccess *access)
{
	return enforced(access)->filter != NULL;
}

Expr *
ca_outcome_filter(const CaAccess *access, Index rti)
{
	Expr	   *filter = copyObject(enforced(access)->filter);

	if (rti != 1)
		ChangeVarNodes((Node *) filter, 1, rti, 0);
	return filter;
}

/*
 * A column's stand-in: itself, masked, or NULL when it is not covered.  What
 * lifts a mask leaves the column to the next one.
 */
static Expr *
stand_in(const CaAccess *access, AttrNumber attnum, List *masks)
{
	const CaColumn *column = &access->relation->columns[attnum - 1];
	Expr	   *result = (Expr *) ca_outcome_var(access, 1, attnum);

	if (!ca_access_covers(access, attnum))
		return (Expr *) makeNullConst(column->type, column->typmod, column->collation);
	for (int i = list_length(masks) - 1; i >= 0; i--)
	{
		const CaMaskUse *use = list_nth(masks, i);
		Expr	   *raw = (Expr *) ca_outcome_var(access, 1, attnum);
		Expr	   *masked = ca_mask_expression(use->mask, raw, column->type,
												column->typmod, column->collation);

		result = use->unless == NULL ? masked :
			ca_expression_case(ca_expression_instantiate(use->unless, 1), result,
							   masked, column->type, column->collation);
	}
	return result;
}

/* Is the stand-in the same whenever it is made? */
static bool
is_fixed(const List *masks, Oid type)
{
	ListCell   *lc;

	foreach(lc, masks)
	{
		if (!ca_mask_is_fixed(((const CaMaskUse *) lfirst(lc))->mask, type))
			return false;
	}
	return true;
}

/* The stand-in of a column of range table index 1; the caller's. */
static Expr *
find_stand_in(const CaAccess *access, AttrNumber attnum)
{
	const CaOutcome *outcome = enforced(access);
	List	   *masks;
	Expr	   *result;

	if (outcome->columns[attnum - 1] != NULL)
		return copyObject(outcome->columns[attnum - 1]);
	masks = ca_access_masks(access, attnum);
	result = stand_in(access, attnum, masks);
	if (is_fixed(masks, access->relation->columns[attnum - 1].type))
	{
		MemoryContext old = MemoryContextSwitchTo(outcome->context);

		outcome->columns[attnum - 1] = copyObject(result);
		MemoryContextSwitchTo(old);
	}
	return result;
}

Expr *
ca_outcome_column(const CaAccess *access, Var *var)
{
	Expr	   *result;

	if (!enforced(access)->hides)
		return (Expr *) var;
	result = find_stand_in(access, var->varattno);
	if (IsA(result, Var))
		return (Expr *) var;
	if (var->varno != 1)
		ChangeVarNodes((Node *) result, 1, var->varno, 0);
	if (var->varlevelsup > 0)
		IncrementVarSublevelsUp((Node *) result, var->varlevelsup, 0);
	ca_copy_returning_type((Node *) result, var);
	return result;
}

Var *
ca_outcome_var(const CaAccess *access, Index rti, AttrNumber attnum)
{
	const CaColumn *column = &access->relation->columns[attnum - 1];

	return makeVar(rti, attnum, column->type, column->typmod, column->collation, 0);
}

Expr *
ca_outcome_row(const CaAccess *access, Index rti, Oid rowtype)
{
	RowExpr    *row = makeNode(RowExpr);

	row->row_typeid = rowtype;
	row->row_format = COERCE_IMPLICIT_CAST;
	row->location = -1;
	for (int attnum = 1; attnum <= access->relation->natts; attnum++)
	{
		const CaColumn *column = &access->relation->columns[attnum - 1];

		/* a dropped column needs a filler of any type */
		row->args = lappend(row->args, column->name == NULL ?
							(Expr *) makeNullConst(INT4OID, -1, InvalidOid) :
							ca_outcome_column(access, ca_outcome_var(access, rti, attnum)));
		row->colnames = lappend(row->colnames,
								makeString(column->name != NULL ? column->name : pstrdup("")));
	}
	return (Expr *) row;
}
