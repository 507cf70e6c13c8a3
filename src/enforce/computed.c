/*-------------------------------------------------------------------------
 *
 * computed.c
 *	  What the server computes from the stored row when it is updated.
 *
 * Generated columns, check constraints, expressions and predicates of indexes,
 * partition keys and triggers work on the row as it is stored.  Whoever may
 * write one of the columns that they combine can make them fail, and the error
 * tells the value, such as 'invalid input syntax for type bigint: "x123"'.
 *
 * SECURITY: where the agent does not see all columns as they are stored, such
 * an error does not tell what it is about.  (test/sql/computed.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "enforce/computed.h"
#include "enforce/function.h"
#include "policy/obligation.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Has the index an expression or a predicate? */
static bool
index_computes(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	bool		computes;

	if (!HeapTupleIsValid(tuple))
		return true;
	computes = !heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) ||
		!heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tuple);
	return computes;
}

/* Triggers of foreign keys only compare keys. */
static bool
has_user_trigger(const TriggerDesc *triggers)
{
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		if (!triggers->triggers[i].tgisinternal)
			return true;
	}
	return false;
}

static bool
partition_key_computes(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
		RelationGetPartitionKey(rel)->partexprs != NIL;
}

/* Does anything of the relation itself compute? */
static bool
relation_computes(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	const TupleConstr *constr = RelationGetDescr(rel)->constr;
	bool		computes;
	ListCell   *lc;

	computes = (constr != NULL &&
				(constr->has_generated_stored || constr->num_check > 0)) ||
		partition_key_computes(rel) || has_user_trigger(rel->trigdesc);
	foreach(lc, RelationGetIndexList(rel))
		computes |= index_computes(lfirst_oid(lc));
	relation_close(rel, NoLock);
	return computes;
}

/* Has the relation a trigger whose function a governed role owns? */
static bool
has_agents_trigger(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	const TriggerDesc *triggers = rel->trigdesc;
	bool		found = false;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		found |= !triggers->triggers[i].tgisinternal &&
			ca_function_of_agent(triggers->triggers[i].tgfoid);
	relation_close(rel, AccessShareLock);
	return found;
}

/*
 * Is it so with the relation, its partitions and children, or what it is a
 * partition of?
 */
static bool
family_has(Oid relid, bool (*has) (Oid relid))
{
	List	   *relids = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *lc;

	if (get_rel_relispartition(relid))
		relids = list_concat(relids, get_partition_ancestors(relid));
	foreach(lc, relids)
	{
		if (has(lfirst_oid(lc)))
			return true;
	}
	return false;
}

bool
ca_computed_reveals(const CaAccess *seen)
{
	return ca_access_hides_columns(seen) && family_has(seen->relid, relation_computes);
}

bool
ca_computed_by_agent(const CaAccess *seen)
{
	return ca_access_hides_columns(seen) && family_has(seen->relid, has_agents_trigger);
}
