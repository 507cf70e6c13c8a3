/*-------------------------------------------------------------------------
 *
 * decision_writer.c
 *	  Many rows into contauth_audit.decision.
 *
 * An INSERT for each row spends most of its time on starting and ending a
 * query.  So rows are put in as the server's logical replication worker does
 * it: with one executor state for all of them, through partition routing, the
 * triggers of the rows, constraints and indexes.
 *
 * What superusers may have added to the table, and that way does not serve,
 * still gets the INSERT: rules, triggers for each statement, other columns, and
 * partitions that are foreign or have their columns in another order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "audit/decision_writer.h"
#include "base/compat.h"
#include "commands/trigger.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/rel.h"

struct CaDecisionWriter
{
	Relation	rel;
	EState	   *estate;			/* NULL: INSERT each row */
	ModifyTableState *mtstate;
	ResultRelInfo *root;
	PartitionTupleRouting *routing;
	TupleTableSlot *slot;
};

/* Is the table as we made it, as far as that matters for writing rows? */
static bool
is_plain(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	const TriggerDesc *triggers = rel->trigdesc;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE || rel->rd_rules != NULL ||
		desc->natts != CA_NCOLUMNS)
		return false;
	if (triggers != NULL &&
		(triggers->trig_insert_before_statement ||
		 triggers->trig_insert_after_statement || triggers->trig_insert_new_table))
		return false;
	for (int i = 0; i < CA_NCOLUMNS; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attgenerated != '\0' ||
			att->atttypid != ca_decision_columns[i].type ||
			strcmp(NameStr(att->attname), ca_decision_columns[i].name) != 0)
			return false;
	}
	return true;
}

/* The range table, of the one relation. */
static void
init_range_table(EState *estate, Relation rel)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
	ca_init_range_table(estate, rte);
}

/* Begin what the executor needs for an INSERT of many rows. */
static void
begin_insert(CaDecisionWriter *writer)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	init_range_table(estate, writer->rel);
	writer->root = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->root, writer->rel, 1, NULL, 0);
	estate->es_output_cid = GetCurrentCommandId(true);
	writer->mtstate = makeNode(ModifyTableState);
	writer->mtstate->ps.state = estate;
	writer->mtstate->operation = CMD_INSERT;
	writer->mtstate->mt_nrels = 1;
	writer->mtstate->resultRelInfo = writer->root;
	writer->mtstate->rootResultRelInfo = writer->root;
	writer->routing = ExecSetupPartitionTupleRouting(estate, writer->rel);
	writer->slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(writer->rel),
										  &TTSOpsHeapTuple);
	AfterTriggerBeginQuery();
	writer->estate = estate;
	MemoryContextSwitchTo(old);
}

CaDecisionWriter *
ca_decision_writer_begin(Oid relation)
{
	CaDecisionWriter *writer = palloc0(sizeof(CaDecisionWriter));

	writer->rel = table_open(relation, RowExclusiveLock);
	if (is_plain(writer->rel))
		begin_insert(writer);
	return writer;
}

/* Put the row that is in the slot into its partition; false: that cannot be. */
static bool
insert_slot(CaDecisionWriter *writer)
{
	EState	   *estate = writer->estate;
	ResultRelInfo *leaf = ExecFindPartition(writer->mtstate, writer->root,
											writer->routing, writer->slot, estate);

	if (leaf->ri_FdwRoutine != NULL || leaf->ri_PartitionTupleSlot != NULL)
		return false;
	estate->es_output_cid = GetCurrentCommandId(true);
	ExecSimpleRelationInsert(leaf, estate, writer->slot);
	return true;
}

void
ca_decision_writer_add(CaDecisionWriter *writer, Datum *values, bool *nulls)
{
	TupleTableSlot *slot = writer->slot;
	MemoryContext old;
	bool		inserted;

	if (writer->estate == NULL)
	{
		ca_decision_table_insert(values, nulls);
		return;
	}
	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, sizeof(Datum) * CA_NCOLUMNS);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * CA_NCOLUMNS);
	ExecStoreVirtualTuple(slot);
	ResetPerTupleExprContext(writer->estate);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
	inserted = insert_slot(writer);
	MemoryContextSwitchTo(old);
	if (!inserted)
		ca_decision_table_insert(values, nulls);
}

void
ca_decision_writer_end(CaDecisionWriter *writer)
{
	if (writer->estate != NULL)
	{
		AfterTriggerEndQuery(writer->estate);
		ExecCleanupTupleRouting(writer->mtstate, writer->routing);
		ExecResetTupleTable(writer->estate->es_tupleTable, false);
		FreeExecutorState(writer->estate);
	}
	table_close(writer->rel, NoLock);
}
