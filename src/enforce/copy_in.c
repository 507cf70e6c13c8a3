/*-------------------------------------------------------------------------
 *
 * copy_in.c
 *	  COPY FROM where each row has to be looked at.
 *
 * The server's COPY FROM knows no check options, and counts at its end.  So,
 * where a row filter or a limit of rows holds, its parser reads the rows,
 * and an INSERT of them is planned once and run for each: authorized, rewritten
 * and recorded like any other, inside the COPY.  Triggers of the statement fire
 * for each row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_attribute.h"
#include "commands/copyfrom_internal.h"
#include "enforce/copy.h"
#include "enforce/copy_in.h"
#include "enforce/plan.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parse_node.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* A COPY at work. */
typedef struct CaCopyIn
{
	Relation	rel;
	List	   *attnums;		/* of int: the columns that are copied */
	SPIPlanPtr	insert;
	CopyFromState source;
} CaCopyIn;

/* Options of COPY FROM that are about the form of the input. */
static const char *const known_options[] = {
	"format", "delimiter", "null", "header", "quote", "escape",
	"force_not_null", "force_null", "encoding", "default",
};

static void
refuse(const char *reason)
{
	ca_refuse_command("COPY", "COPY", "obligation_not_enforceable", reason);
	/* in monitor mode the server's own COPY is at work, not this one */
	elog(ERROR, "COPY was to be refused");
}

/* What cannot be done row by row, and what a newer server may bring along. */
static void
check_options(const CopyStmt *stmt)
{
	ListCell   *lc;

	if (stmt->whereClause != NULL)
		refuse("COPY FROM ... WHERE into a table with a row filter or a limit of rows is not supported");
	foreach(lc, stmt->options)
	{
		const char *name = ((DefElem *) lfirst(lc))->defname;
		bool		known = false;

		for (int i = 0; i < lengthof(known_options); i++)
			known |= strcmp(name, known_options[i]) == 0;
		if (!known)
			refuse(psprintf("option \"%s\" of COPY FROM into a table with a row filter or a limit of rows is not supported",
							name));
	}
}

/* INSERT INTO relation (columns) OVERRIDING SYSTEM VALUE VALUES ($1, ...) */
static void
prepare_insert(CaCopyIn *copy)
{
	StringInfoData sql;
	StringInfoData values;
	Oid		   *types = palloc(sizeof(Oid) * list_length(copy->attnums));
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&sql);
	initStringInfo(&values);
	appendStringInfo(&sql, "INSERT INTO %s (",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(copy->rel)),
												RelationGetRelationName(copy->rel)));
	foreach(lc, copy->attnums)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(copy->rel), lfirst_int(lc) - 1);

		appendStringInfo(&sql, "%s%s", n > 0 ? ", " : "", quote_identifier(NameStr(att->attname)));
		appendStringInfo(&values, "%s$%d", n > 0 ? ", " : "", n + 1);
		types[n++] = att->atttypid;
	}
	appendStringInfo(&sql, ") OVERRIDING SYSTEM VALUE VALUES (%s)", values.data);
	copy->insert = SPI_prepare_cursor(sql.data, n, types, CURSOR_OPT_GENERIC_PLAN);
	if (copy->insert == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
}

/* Insert the row that has been read. */
static void
insert_row(const CaCopyIn *copy, const Datum *values, const bool *isnull)
{
	int			n = list_length(copy->attnums);
	Datum	   *args = palloc(sizeof(Datum) * n);
	char	   *nulls = palloc(n);

	for (int i = 0; i < n; i++)
	{
		AttrNumber	attnum = list_nth_int(copy->attnums, i);

		args[i] = values[attnum - 1];
		nulls[i] = isnull[attnum - 1] ? 'n' : ' ';
	}
	if (SPI_execute_plan(copy->insert, args, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "the row could not be inserted");
}

static uint64
copy_rows(CaCopyIn *copy)
{
	EState	   *estate = CreateExecutorState();
	ExprContext *econtext = GetPerTupleExprContext(estate);
	int			natts = RelationGetNumberOfAttributes(copy->rel);
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *isnull = palloc(sizeof(bool) * natts);
	MemoryContext old = CurrentMemoryContext;
	uint64		rows = 0;

	/* defaults of columns that are not copied are INSERT's to evaluate */
	copy->source->num_defaults = 0;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(estate);
		MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
		if (!NextCopyFrom(copy->source, econtext, values, isnull))
			break;
		insert_row(copy, values, isnull);
		rows++;
	}
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
	return rows;
}

void
ca_copy_in(const CopyStmt *stmt, const char *text, QueryCompletion *qc)
{
	CaCopyIn	copy = {0};
	ParseState *pstate = make_parsestate(NULL);
	ErrorContextCallback callback;
	uint64		rows;

	check_options(stmt);
	PreventCommandIfReadOnly("COPY FROM");
	pstate->p_sourcetext = text;
	copy.rel = table_openrv(stmt->relation, RowExclusiveLock);
	copy.attnums = ca_copy_attnums(stmt, copy.rel);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/* the server complains here about columns and options that are not right */
	copy.source = BeginCopyFrom(pstate, copy.rel, NULL, NULL, false, NULL,
								stmt->attlist, stmt->options);
	ca_plan_copies_in(ca_statement_level);
	prepare_insert(&copy);
	callback.callback = CopyFromErrorCallback;
	callback.arg = copy.source;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	rows = copy_rows(&copy);
	error_context_stack = callback.previous;
	ca_plan_forget_copy();

	EndCopyFrom(copy.source);
	SPI_finish();
	table_close(copy.rel, NoLock);
	free_parsestate(pstate);
	if (qc != NULL)
		SetQueryCompletion(qc, CMDTAG_COPY, rows);
}
