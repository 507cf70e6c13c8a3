/*-------------------------------------------------------------------------
 *
 * decision_writer.c
 *	  Many rows into contauth_audit.decision.
 *
 * An INSERT for each row spends most of its time on starting and ending a
 * query.  So rows are put in as COPY does it: with one executor state for all of
 * them, through partition routing, many at once into the partition, then into its
 * indexes.  The trigger that refuses everybody else's rows is not asked.
 *
 * What superusers may have added is honoured.  A partition with triggers for its
 * rows gets them one by one, as from the server's logical replication worker.
 * What that way does not serve either gets the INSERT: rules, triggers for each
 * statement, other columns, and partitions that are foreign or have their
 * columns in another order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "audit/decision_writer.h"
#include "base/catalog.h"
#include "base/compat.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_relation.h"
#include "utils/rel.h"

/* Rows that are put in at once. */
#define CA_GATHERED_MAX		100

struct CaDecisionWriter
{
	Relation	rel;
	EState	   *estate;			/* NULL: INSERT each row */
	ModifyTableState *mtstate;
	ResultRelInfo *root;
	PartitionTupleRouting *routing;
	TupleTableSlot *slot;
	Oid			guard;			/* function of our own trigger */
	ResultRelInfo *gathering;	/* partition that the rows gathered go to */
	int			ngathered;
	TupleTableSlot *gathered[CA_GATHERED_MAX];	/* made when they are needed */
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
	writer->guard = LookupFuncName(list_make2(makeString(CA_AUDIT_SCHEMA),
											  makeString("refuse_change")),
								   0, NULL, true);
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

/* Is there nothing more to do for a row of the partition than to put it in? */
static bool
takes_many(const CaDecisionWriter *writer, const ResultRelInfo *leaf)
{
	const TriggerDesc *triggers = leaf->ri_TrigDesc;
	const TupleConstr *constr = leaf->ri_RelationDesc->rd_att->constr;

	if (leaf->ri_RelationDesc->rd_rel->relkind != RELKIND_RELATION ||
		leaf->ri_RelationDesc->rd_tableam != GetHeapamTableAmRoutine() ||
		(constr != NULL && constr->has_generated_stored))
		return false;
	if (triggers == NULL)
		return true;
	if (triggers->trig_insert_after_row || triggers->trig_insert_instead_row)
		return false;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid != writer->guard && TRIGGER_FOR_INSERT(trigger->tgtype) &&
			TRIGGER_FOR_ROW(trigger->tgtype))
			return false;
	}
	return true;
}

/* Put the rows that have been gathered into their partition. */
static void
put_gathered(CaDecisionWriter *writer)
{
	ResultRelInfo *leaf = writer->gathering;
	EState	   *estate = writer->estate;
	int			n = writer->ngathered;
	MemoryContext old;

	writer->ngathered = 0;
	writer->gathering = NULL;
	if (n == 0)
		return;
	ResetPerTupleExprContext(estate);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	estate->es_output_cid = GetCurrentCommandId(true);
	table_multi_insert(leaf->ri_RelationDesc, writer->gathered, n,
					   estate->es_output_cid, 0, NULL);
	for (int i = 0; i < n; i++)
	{
		if (leaf->ri_NumIndices > 0)
			(void) ca_insert_index_tuples(leaf, writer->gathered[i], estate);
		ExecClearTuple(writer->gathered[i]);
		ResetPerTupleExprContext(estate);
	}
	MemoryContextSwitchTo(old);
}

/* Take the row that is in the slot to those for the same partition. */
static void
gather(CaDecisionWriter *writer, ResultRelInfo *leaf)
{
	TupleTableSlot **slot;

	if (leaf != writer->gathering || writer->ngathered == CA_GATHERED_MAX)
		put_gathered(writer);
	writer->gathering = leaf;
	slot = &writer->gathered[writer->ngathered];

	/*
	 * a partition's slots serve the others, whose columns are in the same
	 * order
	 */
	if (*slot == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->estate->es_query_cxt);

		*slot = table_slot_create(leaf->ri_RelationDesc, &writer->estate->es_tupleTable);
		MemoryContextSwitchTo(old);
	}
	ExecCopySlot(*slot, writer->slot);
	(*slot)->tts_tableOid = RelationGetRelid(leaf->ri_RelationDesc);
	if (leaf->ri_RelationDesc->rd_att->constr != NULL)
		ExecConstraints(leaf, *slot, writer->estate);
	writer->ngathered++;
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
	if (takes_many(writer, leaf))
	{
		gather(writer, leaf);
		return true;
	}
	put_gathered(writer);
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
	if (inserted)
		return;
	put_gathered(writer);
	ca_decision_table_insert(values, nulls);
}

void
ca_decision_writer_end(CaDecisionWriter *writer)
{
	if (writer->estate != NULL)
	{
		put_gathered(writer);
		AfterTriggerEndQuery(writer->estate);
		ExecCleanupTupleRouting(writer->mtstate, writer->routing);
		ExecResetTupleTable(writer->estate->es_tupleTable, false);
		FreeExecutorState(writer->estate);
	}
	table_close(writer->rel, NoLock);
}
