/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Differences between the supported servers, PostgreSQL 15 to 18.
 *
 * The newest signature wins: code is written for the newest server, and the
 * macros here translate for older ones.  Nothing else tests PG_VERSION_NUM.  Code
 * without a server (FRONTEND) has the part about JSON only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_COMPAT_H
#define CA_BASE_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "contauth supports PostgreSQL 15 to 18"
#endif

/*
 * The JSON parser (common/jsonapi.h, to be included before).  What a semantic
 * action returns: nothing until 15.  The state of a parse is freed piece by piece
 * until 16.
 */
#if PG_VERSION_NUM < 160000
#define CaJsonResult	void
#define CA_JSON_DONE()	return
#else
#define CaJsonResult	JsonParseErrorType
#define CA_JSON_DONE()	return JSON_SUCCESS
#endif

#if PG_VERSION_NUM < 170000
#define ca_json_lexer(text, len) \
	makeJsonLexContextCstringLen((text), (int) (len), PG_UTF8, true)
#define ca_json_lexer_free(lex) \
	(pfree((lex)->strval->data), pfree((lex)->strval), pfree(lex))
#else
#define ca_json_lexer(text, len) \
	makeJsonLexContextCstringLen(NULL, (text), (len), PG_UTF8, true)
#define ca_json_lexer_free(lex)	freeJsonLexContext(lex)
#endif

#ifndef FRONTEND

#include "executor/execdesc.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_relation.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Permission information of a relation RTE: fields of the RTE itself until
 * 15, a separate RTEPermissionInfo from 16 on.
 */
#if PG_VERSION_NUM < 160000
typedef RangeTblEntry CaPermInfo;
#else
typedef RTEPermissionInfo CaPermInfo;
#endif

/* The permission information of rte, or NULL when it has none. */
static inline CaPermInfo *
ca_rte_perminfo(Query *query, RangeTblEntry *rte)
{
#if PG_VERSION_NUM < 160000
	return rte;
#else
	return rte->perminfoindex == 0 ? NULL :
		getRTEPermissionInfo(query->rteperminfos, rte);
#endif
}

/* Let a relation entry that moves into a new query take its permissions along. */
static inline void
ca_rte_move_perminfo(Query *from, RangeTblEntry *rte,
					 Query *to, RangeTblEntry *moved)
{
#if PG_VERSION_NUM >= 160000
	if (rte->perminfoindex != 0)
	{
		to->rteperminfos =
			list_make1(copyObject(getRTEPermissionInfo(from->rteperminfos, rte)));
		moved->perminfoindex = 1;
	}
#endif
}

/* Permissions of a query's entries that it shares with another. */
static inline void
ca_query_own_perminfos(Query *query)
{
#if PG_VERSION_NUM >= 160000
	query->rteperminfos = copyObject(query->rteperminfos);
#endif
}

/* The entry needs no permissions any more. */
static inline void
ca_rte_forget_perminfo(RangeTblEntry *rte)
{
#if PG_VERSION_NUM < 160000
	rte->requiredPerms = 0;
	rte->checkAsUser = InvalidOid;
	rte->selectedCols = NULL;
	rte->insertedCols = NULL;
	rte->updatedCols = NULL;
	rte->extraUpdatedCols = NULL;
#else
	rte->perminfoindex = 0;
#endif
}

/*
 * What the columns of an entry stand for that only gives others a new name: a
 * join's and, since 18, those of GROUP BY.  NIL for other entries.
 */
static inline List *
ca_rte_stand_ins(const RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 180000
	if (rte->rtekind == RTE_GROUP)
		return rte->groupexprs;
#endif
	return rte->rtekind == RTE_JOIN ? rte->joinaliasvars : NIL;
}

/*
 * RETURNING can name the old or the new row since 18: make every column of an
 * expression just built speak of the same one as var.
 */
#if PG_VERSION_NUM >= 180000
static inline bool
ca_returning_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		((Var *) node)->varreturningtype = ((Var *) context)->varreturningtype;
		return false;
	}
	return expression_tree_walker(node, ca_returning_walker, context);
}
#define ca_copy_returning_type(expr, var) \
	((void) ca_returning_walker((expr), (var)))
#else
#define ca_copy_returning_type(expr, var)	((void) 0)
#endif

/* ExecutorRun lost execute_once in 18. */
#if PG_VERSION_NUM < 180000
#define CA_EXECUTOR_RUN_ARGS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define CA_EXECUTOR_RUN_PASS	queryDesc, direction, count, execute_once
#else
#define CA_EXECUTOR_RUN_ARGS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define CA_EXECUTOR_RUN_PASS	queryDesc, direction, count
#endif

/* A function that does not return: pg_noreturn, in front, since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn		__attribute__((noreturn))
#endif

/* RelationGetPrimaryKeyIndex gained deferrable_ok in 18. */
#if PG_VERSION_NUM < 180000
#define ca_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel)
#else
#define ca_primary_key_index(rel)	RelationGetPrimaryKeyIndex(rel, false)
#endif

/* The current transaction's number in this backend; 0: none is open. */
#if PG_VERSION_NUM < 170000
#define ca_current_lxid()	(MyProc != NULL ? MyProc->lxid : InvalidLocalTransactionId)
#else
#define ca_current_lxid()	(MyProc != NULL ? MyProc->vxid.lxid : InvalidLocalTransactionId)
#endif

/* Memory of setting values: malloc until 15, the GUC code's own since 16. */
#if PG_VERSION_NUM < 160000
#define ca_guc_malloc(size)		malloc(size)
#define ca_guc_free(pointer)	free(pointer)
#else
#define ca_guc_malloc(size)		guc_malloc(LOG, size)
#define ca_guc_free(pointer)	guc_free(pointer)
#endif

/* All settings; get_guc_variables() tells how many there are since 16. */
#if PG_VERSION_NUM < 160000
#define ca_guc_variables(count) \
	(*(count) = GetNumConfigOptions(), get_guc_variables())
#else
#define ca_guc_variables(count)	get_guc_variables(count)
#endif

/*
 * Begin an execution whose range table is one relation: since 16 with its
 * permissions apart, since 18 with what was not pruned.
 */
static inline void
ca_init_range_table(EState *estate, RangeTblEntry *rte)
{
#if PG_VERSION_NUM >= 160000
	List	   *permissions = NIL;

	addRTEPermissionInfo(&permissions, rte);
#endif
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(rte), permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
	ExecInitRangeTable(estate, list_make1(rte), permissions);
#else
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/* Put the row of a slot, just inserted, into the indexes; one argument more since 16. */
static inline List *
ca_insert_index_tuples(ResultRelInfo *relation, TupleTableSlot *slot, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(relation, slot, estate, false, false, NULL, NIL, false);
#else
	return ExecInsertIndexTuples(relation, slot, estate, false, false, NULL, NIL);
#endif
}

/* What joins source and target of MERGE; before 17 it stands in the jointree. */
static inline Node *
ca_merge_condition(const Query *query)
{
#if PG_VERSION_NUM >= 170000
	return query->mergeJoinCondition;
#else
	return NULL;
#endif
}

#endif							/* FRONTEND */

#endif							/* CA_BASE_COMPAT_H */
