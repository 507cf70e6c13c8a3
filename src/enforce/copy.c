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
#include "enforce/refuse.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The statement that ca_copy_check() has found to need a look at each row. */
static const CopyStmt *row_by_row = NULL;

/* The columns that COPY names, or means when it names none: of String. */
static List *
column_names(const CopyStmt *stmt, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *names = NIL;

	if (stmt->attlist != NIL)
		return stmt->attlist;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && !att->attgenerated)
			names = lappend(names, makeString(pstrdup(NameStr(att->attname))));
	}
	return names;
}

List *
ca_copy_attnums(const CopyStmt *stmt, Relation rel)
{
	List	   *attnums = NIL;
	ListCell   *lc;

	foreach(lc, column_names(stmt, rel))
	{
		AttrNumber	attnum = get_attnum(RelationGetRelid(rel), strVal(lfirst(lc)));

		/* COPY itself complains about a column that does not exist */
		if (attnum > 0)
			attnums = lappend_int(attnums, attnum);
	}
	return attnums;
}

Bitmapset *
ca_copy_columns(const CopyStmt *stmt, Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, ca_copy_attnums(stmt, rel))
		columns = bms_add_member(columns, lfirst_int(lc));
	table_close(rel, NoLock);
	return columns;
}

void
ca_copy_check(CopyStmt *stmt)
{
	Oid			relid;
	Bitmapset  *columns;
	bool		by_row;

	row_by_row = NULL;
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
	by_row = ca_relation_check_write(relid, CA_ACTION_COPY_IN, columns);
	by_row |= ca_relation_check_write(relid, CA_ACTION_INSERT, columns);
	if (by_row && ca_guc_mode == CA_MODE_ENFORCE)
		row_by_row = stmt;
}

bool
ca_copy_in_needed(const CopyStmt *stmt)
{
	return row_by_row == stmt;
}

/* SELECT columns FROM ONLY relation */
static SelectStmt *
select_of_table(const CopyStmt *stmt)
{
	SelectStmt *select = makeNode(SelectStmt);
	RangeVar   *from = copyObject(stmt->relation);
	Relation	rel = table_openrv(stmt->relation, AccessShareLock);
	List	   *names = column_names(stmt, rel);
	ListCell   *lc;

	table_close(rel, NoLock);
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
