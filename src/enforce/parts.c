/*-------------------------------------------------------------------------
 *
 * parts.c
 *	  What of a relation who_can() and what_can() ask about together.
 *
 * Columns that no policy tells apart are one part of a relation: named by the same
 * policies, and the same to every condition that looks at columns or labels.
 *
 * A view is permitted by what it reads and writes: what that is the server is
 * asked, by a statement that is analyzed as an agent's would be, and thrown away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/attempt.h"
#include "base/texts.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "enforce/collect.h"
#include "enforce/parts.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* What an action on some columns of a view asks for. */
typedef struct Reading
{
	const char *action;
	Bitmapset  *columns;
	List	   *accesses;		/* of CaAccess * */
	bool		possible;		/* the server can do it at all */
} Reading;

/* Split the parts into those inside and outside of some columns. */
static List *
split_parts(List *parts, const Bitmapset *columns)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, parts)
	{
		Bitmapset  *inside = bms_intersect(lfirst(lc), columns);
		Bitmapset  *outside = bms_difference(lfirst(lc), columns);

		if (!bms_is_empty(inside))
			result = lappend(result, inside);
		if (!bms_is_empty(outside))
			result = lappend(result, outside);
	}
	return result;
}

/* Columns that have the labels of this one. */
static Bitmapset *
labelled_alike(const CaRelation *relation, int attnum)
{
	Bitmapset  *columns = NULL;

	for (int i = 1; i <= relation->natts; i++)
	{
		if (ca_texts_equal(relation->columns[i - 1].labels, relation->columns[attnum - 1].labels))
			columns = bms_add_member(columns, i);
	}
	return columns;
}

/* Split by what a condition looks at. */
static List *
split_by_condition(List *parts, const CaRelation *relation, CaPolicy *policy)
{
	const CaForecast *forecast = ca_policy_forecast(policy);

	if (forecast == NULL ||
		(!ca_forecast_uses_columns(forecast) && !ca_forecast_uses_labels(forecast)))
		return parts;
	for (int attnum = 1; attnum <= relation->natts; attnum++)
		parts = split_parts(parts, ca_forecast_uses_columns(forecast) ?
							bms_make_singleton(attnum) : labelled_alike(relation, attnum));
	return parts;
}

/* All columns that there are, by number. */
static Bitmapset *
all_columns(const CaRelation *relation)
{
	Bitmapset  *columns = NULL;

	for (int attnum = 1; attnum <= relation->natts; attnum++)
	{
		if (relation->columns[attnum - 1].name != NULL)
			columns = bms_add_member(columns, attnum);
	}
	return columns;
}

/* Which of the columns asked about are decided alike? */
static void
prepare(CaThing *thing, const CaRelation *relation)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(thing));
	Bitmapset  *columns = thing->columns != NULL ? thing->columns : all_columns(relation);
	ListCell   *lc;

	thing->prepared = true;
	if (columns != NULL)
		thing->parts = list_make1(columns);
	foreach(lc, relation->candidates)
	{
		const CaCandidate *c = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (c->policy->monitor_only)
			continue;
		if (!c->all_columns)
			thing->parts = split_parts(thing->parts, c->columns);
		thing->parts = split_by_condition(thing->parts, relation, c->policy);
	}
	/* a view may read each of its columns from somewhere else */
	if (relation->relkind == RELKIND_VIEW)
	{
		for (int attnum = 1; attnum <= relation->natts; attnum++)
			thing->parts = split_parts(thing->parts, bms_make_singleton(attnum));
	}
	MemoryContextSwitchTo(old);
}

/* Does the action use columns, and not the whole? */
static bool
uses_columns(const char *action)
{
	return strcmp(action, CA_ACTION_DELETE) != 0 &&
		strcmp(action, CA_ACTION_TRUNCATE) != 0 && strcmp(action, CA_ACTION_LOCK) != 0;
}

bool
ca_part_expanded(const CaRelation *relation, const char *action)
{
	return relation->relkind == RELKIND_VIEW &&
		strcmp(action, CA_ACTION_TRUNCATE) != 0 &&
		strcmp(action, CA_ACTION_LOCK) != 0 && strcmp(action, CA_ACTION_COPY_IN) != 0;
}

/* "a, b" of columns, with or without their names, each with something behind it. */
static char *
column_list(const CaRelation *relation, const Bitmapset *columns, bool names,
			const char *behind)
{
	StringInfoData text;
	int			attnum = -1;

	initStringInfo(&text);
	while ((attnum = bms_next_member(columns, attnum)) >= 0)
		appendStringInfo(&text, "%s%s%s", text.len > 0 ? ", " : "",
						 names ? quote_identifier(relation->columns[attnum - 1].name) : "", behind);
	return text.data;
}

/* A statement that does the action with these columns of the view, and no more. */
static char *
view_statement(const CaRelation *view, const char *action, const Bitmapset *columns)
{
	if (strcmp(action, CA_ACTION_DELETE) == 0)
		return psprintf("DELETE FROM %s", view->resource);
	if (strcmp(action, CA_ACTION_UPDATE) == 0)
		return psprintf("UPDATE %s SET %s", view->resource,
						column_list(view, columns, true, " = DEFAULT"));
	if (strcmp(action, CA_ACTION_INSERT) == 0)
		return psprintf("INSERT INTO %s (%s) VALUES (%s)", view->resource,
						column_list(view, columns, true, ""),
						column_list(view, columns, false, "DEFAULT"));
	return psprintf("SELECT %s FROM %s", column_list(view, columns, true, ""), view->resource);
}

/* What a statement about a view asks for. */
typedef struct Expansion
{
	const char *statement;
	bool		exports;
	List	   *accesses;
} Expansion;

static void
expand(void *arg)
{
	Expansion  *e = arg;
	ListCell   *lc;
	ListCell   *lc2;
	List	   *queries = pg_analyze_and_rewrite_fixedparams(linitial_node(RawStmt, pg_parse_query(e->statement)),
															 e->statement, NULL, 0, NULL);

	foreach(lc, queries)
	{
		List	   *targets = ca_collect(lfirst(lc));

		if (e->exports)
			ca_collect_copies(targets, true);
		foreach(lc2, targets)
			e->accesses = list_concat(e->accesses, ((const CaTarget *) lfirst(lc2))->accesses);
	}
}

/*
 * Expand; false: the server would refuse the statement to anybody.  A view can always
 * be read: what keeps it from being expanded is an error, not an answer.
 *
 * SECURITY: it is looked up as by a superuser, and in spite of row_security, since
 * what who asks may see says nothing of what agents can; nothing of the statement
 * runs.  (test/sql/who_can.sql)
 */
static bool
try_expansion(Expansion *expansion, bool reads)
{
	int			nestlevel = NewGUCNestLevel();
	volatile bool possible = true;
	char	   *error;
	Oid			user;
	int			context;

	(void) set_config_option("row_security", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	PG_TRY();
	{
		if (reads)
			expand(expansion);
		else
			possible = ca_attempt(expand, expansion, &error);
	}
	PG_FINALLY();
	{
		SetUserIdAndSecContext(user, context);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nestlevel);
	return possible;
}

/* What the action on a view's columns asks for; looked up once. */
static const Reading *
read_view(CaThing *thing, const CaRelation *view, const char *action,
		  const Bitmapset *columns)
{
	MemoryContext old;
	Reading    *reading;
	Expansion	expansion = {.exports = strcmp(action, CA_ACTION_EXPORT) == 0};
	ListCell   *lc;

	foreach(lc, thing->readings)
	{
		reading = lfirst(lc);
		if (strcmp(reading->action, action) == 0 && bms_equal(reading->columns, columns))
			return reading;
	}
	old = MemoryContextSwitchTo(GetMemoryChunkContext(thing));
	reading = palloc0(sizeof(Reading));
	reading->action = action;
	reading->columns = bms_copy(columns);
	expansion.statement = view_statement(view, action, columns);
	reading->possible = try_expansion(&expansion, expansion.exports ||
									  strcmp(action, CA_ACTION_SELECT) == 0);
	reading->accesses = expansion.accesses;
	thing->readings = lappend(thing->readings, reading);
	MemoryContextSwitchTo(old);
	return reading;
}

List *
ca_parts(CaThing *thing, const CaRelation *relation, const char *action)
{
	if (!thing->prepared)
		prepare(thing, relation);
	return uses_columns(action) && thing->parts != NIL ? thing->parts : list_make1(NULL);
}

List *
ca_part_accesses(CaThing *thing, const CaRelation *relation, const char *action,
				 const Bitmapset *columns, bool *possible)
{
	CaAccess   *access;
	const Reading *reading;

	*possible = true;
	if (ca_part_expanded(relation, action))
	{
		reading = read_view(thing, relation, action, columns);
		*possible = reading->possible;
		return reading->accesses;
	}
	access = palloc0(sizeof(CaAccess));
	access->relid = thing->relid;
	access->action = action;
	access->columns = bms_copy(columns);
	return list_make1(access);
}
