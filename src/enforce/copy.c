/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  COPY of a governed session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "base/guc.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "enforce/copy.h"
#include "enforce/object.h"
#include "enforce/plan.h"
#include "enforce/refuse.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Names of the columns that COPY means when it lists none. */
static List *
default_columns(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !att->attgenerated)
			names = lappend(names, makeString(pstrdup(NameStr(att->attname))));
	}
	return names;
}

Bitmapset *
ca_copy_columns(const CopyStmt *stmt, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	List	   *names = stmt->attlist != NIL ? stmt->attlist : default_columns(rel);
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, names)
	{
		AttrNumber	attnum = get_attnum(relid, strVal(lfirst(lc)));

		/* COPY itself complains about a column that does not exist */
		if (attnum > 0)
			columns = bms_add_member(columns, attnum);
	}
	table_close(rel, NoLock);
	return columns;
}

void
ca_copy_check(CopyStmt *stmt)
{
	Oid			relid;
	Bitmapset  *columns;

	if (stmt->is_program || stmt->filename != NULL)
	{
		ca_refuse_command("COPY", "COPY", "command",
						  "agents may not use files and programs of the server");
		return;
	}
	if (!stmt->is_from)
		return;

	relid = RangeVarGetRelid(stmt->relation, RowExclusiveLock, false);
	columns = ca_copy_columns(stmt, relid);
	ca_relation_check(relid, CA_ACTION_COPY_IN, columns, true);
	ca_relation_check(relid, CA_ACTION_INSERT, columns, true);
}

/* SELECT columns FROM ONLY relation */
static SelectStmt *
select_of_table(const CopyStmt *stmt)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeVar   *from = copyObject(stmt->relation);
	List	   *names = stmt->attlist;
	ListCell   *lc;

	if (names == NIL)
	{
		Relation	rel = table_openrv(stmt->relation, AccessShareLock);

		names = default_columns(rel);
		table_close(rel, NoLock);
	}
	foreach(lc, names)
	{
		ColumnRef  *column = makeNode(ColumnRef);
		ResTarget  *target = makeNode(ResTarget);

		column->fields = list_make1(copyObject(lfirst(lc)));
		column->location = -1;
		target->val = (Node *) column;
		target->location = -1;
		select->targetList = lappend(select->targetList, target);
	}
	from->inh = false;
	select->fromClause = list_make1(from);
	return select;
}

Node *
ca_copy_query(const CopyStmt *stmt)
{
	return stmt->query != NULL ? copyObject(stmt->query) :
		(Node *) select_of_table(stmt);
}

PlannedStmt *
ca_copy_convert(PlannedStmt *pstmt)
{
	CopyStmt   *stmt = castNode(CopyStmt, pstmt->utilityStmt);

	if (stmt->is_from)
		return pstmt;
	ca_plan_next_is_export(true);
	if (stmt->relation == NULL || ca_guc_mode != CA_MODE_ENFORCE)
		return pstmt;
	/* the server refuses to copy from a partitioned table: let it say so */
	if (get_rel_relkind(RangeVarGetRelid(stmt->relation, AccessShareLock, false)) ==
		RELKIND_PARTITIONED_TABLE)
		return pstmt;

	pstmt = copyObject(pstmt);
	stmt = castNode(CopyStmt, pstmt->utilityStmt);
	stmt->query = (Node *) select_of_table(stmt);
	stmt->relation = NULL;
	stmt->attlist = NIL;
	return pstmt;
}
