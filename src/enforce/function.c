/*-------------------------------------------------------------------------
 *
 * function.c
 *	  Execution of functions.
 *
 * Asked when an expression is made ready to run, which also happens for
 * constant folding in the planner, for plain EXPLAIN, PL/pgSQL's simple
 * expressions and the fast-path protocol.  Answers are kept by function while
 * the epoch is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/catalog.h"
#include "base/epoch.h"
#include "base/internal.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "enforce/execute.h"
#include "enforce/fragile.h"
#include "enforce/function.h"
#include "enforce/object.h"
#include "enforce/inspect.h"
#include "enforce/refuse.h"
#include "enforce/statement.h"
#include "enforce/trust.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "policy/authorize.h"
#include "pgstat.h"
#include "policy/label.h"
#include "policy/policy_key.h"
#include "policy/trusted.h"
#include "utils/backend_status.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Answers that are kept of a function: a transaction asks in statements of several
 * kinds, and clients that share a connection as several agents.
 */
#define CA_ANSWERS	8

/* A function may be executed. */
typedef struct KeptAnswer
{
	uint64		epoch;			/* while ca_epoch_current is this, ... */
	const char *kind;			/* ... in statements of this kind */
	bool		trusted;		/* and may read everything */
} KeptAnswer;

typedef struct CaExecutable
{
	Oid			funcid;			/* hash key */
	KeptAnswer	answers[CA_ANSWERS];
	int			recent;			/* the one that was used last */

	/* as decided last */
	bool		holds;			/* the answer is kept */
	bool		trusted;
	bool		escalates;		/* it needs an approval */

	/* from pg_proc, right while functions_version is this */
	uint64		facts_version;
	Oid			namespace;
	bool		immutable;
	bool		keep_call;		/* see ca_function_keep_call() */
} CaExecutable;

uint64		ca_function_folds = 0;

static HTAB *executables = NULL;
static uint64 functions_version = 1;	/* moves with every change of pg_proc */

/* Syscache callback: some function is another one now. */
static void
function_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	functions_version++;
}

/* The function's entry; entries stay where they are for the session's life. */
static CaExecutable *
find_executable(Oid funcid)
{
	static CaExecutable *last = NULL;
	bool		found;
	CaExecutable *entry;

	/* making one call ready asks several times */
	if (last != NULL && last->funcid == funcid)
		return last;
	if (executables == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(CaExecutable);
		executables = hash_create("contauth functions", 256, &ctl,
								  HASH_ELEM | HASH_BLOBS);
		CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	}
	entry = hash_search(executables, &funcid, HASH_ENTER, &found);
	if (!found)
	{
		memset(entry->answers, 0, sizeof(entry->answers));
		entry->recent = 0;
		entry->holds = false;
		entry->trusted = false;
		entry->escalates = false;
		entry->facts_version = 0;
	}
	last = entry;
	return entry;
}

/*
 * The function's entry with what pg_proc says of it, NULL when that has no such
 * function.
 *
 * SECURITY: an inlined SQL function brings its relations into the plan behind
 * the rewriter's back.  Simple expressions of the server's own functions
 * cannot.  (test/sql/enforce.sql)
 */
static const CaExecutable *
facts_of(Oid funcid)
{
	CaExecutable *entry = find_executable(funcid);
	uint64		version = functions_version;
	HeapTuple	tuple;
	Form_pg_proc proc;

	if (entry->facts_version == version)
		return entry;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	entry->namespace = proc->pronamespace;
	entry->immutable = proc->provolatile == PROVOLATILE_IMMUTABLE;
	entry->keep_call = proc->prolang == SQLlanguageId &&
		(proc->proretset || funcid >= FirstNormalObjectId);
	/* as of before the look-up, during which it may have changed again */
	entry->facts_version = version;
	ReleaseSysCache(tuple);
	return entry;
}

/*
 * A function in a session without identity: only what presents one, and what
 * a query that does so may have around it.
 */
static void
check_without_identity(Oid funcid, const CaIdentityProblem *problem)
{
	if (ca_function_presents_identity(funcid) ||
		(get_func_namespace(funcid) == PG_CATALOG_NAMESPACE &&
		 func_volatile(funcid) == PROVOLATILE_IMMUTABLE))
		return;
	ca_refuse_identity(problem, "EXECUTE", "", -1, 0);
}

bool
ca_function_of_agent(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		answer = true;

	if (HeapTupleIsValid(tuple))
	{
		answer = funcid >= FirstNormalObjectId &&
			ca_role_governed(((Form_pg_proc) GETSTRUCT(tuple))->proowner);
		ReleaseSysCache(tuple);
	}
	return answer;
}

char *
ca_function_name(Oid funcid)
{
	return psprintf("%s.%s", get_namespace_name(get_func_namespace(funcid)),
					get_func_name(funcid));
}

List *
ca_function_keys(List *keys, Oid funcid)
{
	char	   *schema = get_namespace_name(get_func_namespace(funcid));
	char	   *name = get_func_name(funcid);

	return schema == NULL || name == NULL ? keys :
		ca_policy_keys_of_object(keys, CA_RESOURCE_FUNCTION, schema, name);
}

CaObjectAnswer
ca_function_check(const CaPolicySet *set, const CaSubject *subject, Oid funcid)
{
	char	   *schema = get_namespace_name(get_func_namespace(funcid));
	char	   *name = get_func_name(funcid);
	CaObjectAnswer answer = {0};

	/* no policy keeps a session from saying who it is, or from asking */
	if (ca_function_presents_identity(funcid) && funcid != F_SET_CONFIG)
		return answer;
	answer = ca_authorize_object(set, subject, CA_ACTION_EXECUTE,
								 CA_RESOURCE_FUNCTION, schema, name,
								 ca_label_function_classes(funcid));
	if (answer.verdict.decision == CA_DECISION_DENY)
		(void) ca_object_refuse(&answer, CA_ACTION_EXECUTE, "function",
								psprintf("%s.%s", schema, name));
	return answer;
}

/* Decide; true when the answer holds for the epoch. */
static bool
decide_function(Oid funcid, bool *trusted, bool *escalates)
{
	CaObjectAnswer answer;
	CaIdentityProblem problem = {0};
	const CaIdentity *id;
	const CaPolicySet *set;
	CaSubject	subject;

	*trusted = false;
	*escalates = false;
	if (!ca_extension_fits())
		return false;			/* the planner has refused, or will */
	id = ca_identity_current(&problem);
	if (id == NULL)
	{
		check_without_identity(funcid, &problem);
		return false;
	}
	subject = ca_object_subject(id);
	set = ca_policy_set(id, ca_function_keys(NIL, funcid));
	answer = ca_function_check(set, &subject, funcid);
	*escalates = answer.verdict.decision == CA_DECISION_ESCALATE;
	if (*escalates &&
		!ca_object_refuse(&answer, CA_ACTION_EXECUTE, "function",
						  ca_function_name(funcid)))
	{
		/* approved while it waited */
		AcceptInvalidationMessages();
		return decide_function(funcid, trusted, escalates);
	}
	*trusted = answer.trusted && ca_trusted_objection(funcid) == NULL;
	/* an approval is for one statement, not for an epoch */
	return !answer.dynamic && !*escalates;
}

static inline bool
is_for(const KeptAnswer *answer, uint64 epoch, const char *kind)
{
	return answer->epoch == epoch && answer->kind == kind;
}

/* The answer that is kept for this, or NULL. */
static inline const KeptAnswer *
recall(CaExecutable *entry, uint64 epoch, const char *kind)
{
	if (likely(is_for(&entry->answers[entry->recent], epoch, kind)))
		return &entry->answers[entry->recent];
	for (int i = 0; i < CA_ANSWERS; i++)
	{
		if (is_for(&entry->answers[i], epoch, kind))
		{
			entry->recent = i;
			return &entry->answers[i];
		}
	}
	return NULL;
}

/* Decide, and keep the answer if it holds for the epoch. */
static void
answer_anew(CaExecutable *entry, uint64 epoch, const char *kind)
{
	bool		trusted;
	bool		escalates;

	entry->holds = decide_function(entry->funcid, &trusted, &escalates);
	entry->trusted = trusted;
	entry->escalates = escalates;
	if (!entry->holds)
		return;
	entry->recent = (entry->recent + CA_ANSWERS - 1) % CA_ANSWERS;
	entry->answers[entry->recent] = (KeptAnswer)
	{
		epoch, kind, trusted
	};
}

/* The function's entry, after a decision that lets it be executed now. */
static const CaExecutable *
executable(Oid funcid)
{
	CaExecutable *entry = find_executable(funcid);
	uint64		epoch = ca_epoch_current;
	const char *kind = ca_statement_current_kind();
	const KeptAnswer *kept = recall(entry, epoch, kind);

	if (kept == NULL)
		answer_anew(entry, epoch, kind);
	else
	{
		entry->holds = true;
		entry->trusted = kept->trusted;
		entry->escalates = false;
	}
	return entry;
}

/* Put a function on record; what the server and contauth bring along is not. */
static void
record_function(const CaExecutable *entry)
{
	if (ca_statement_current != NULL && entry->namespace != ca_schema_oid() &&
		!ca_statement_knows_function(ca_statement_current, entry->funcid))
		ca_statement_add_access(ca_statement_current, CA_ACTION_EXECUTE,
								ca_function_name(entry->funcid), CA_DECISION_ALLOW, NULL, NULL);
}

/*
 * Is the function being called by the fast-path protocol?  The server says so
 * only in the session's activity; where that is switched off, everything that
 * is not part of a statement counts.
 */
static bool
is_fastpath(void)
{
	return !ca_execute_busy() &&
		(!pgstat_track_activities || MyBEEntry == NULL ||
		 MyBEEntry->st_state == STATE_FASTPATH);
}

/*
 * SECURITY: a fast-path call passes no hook that could record how it ended.
 * Drivers use it for large objects only, which are closed to agents anyway.
 */
static void
refuse_fastpath(Oid funcid)
{
	CaRefusal	r = {0};

	r.sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
	r.decision = CA_DECISION_DENY;
	r.reason_code = "fastpath";
	r.action = "fast-path call";
	r.object = psprintf("function %s", ca_function_name(funcid));
	r.reason = "agents call functions by SQL only";
	r.kind = "FUNCTION CALL";
	r.text = r.object;
	r.location = -1;
	ca_refuse(&r);
}

void
ca_function_execute_inert(Oid funcid)
{
	/* folding a long text of costly constants asks here again and again */
	CHECK_FOR_INTERRUPTS();
	if (get_func_namespace(funcid) != PG_CATALOG_NAMESPACE ||
		func_volatile(funcid) == PROVOLATILE_VOLATILE)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s is not allowed in a policy", ca_function_name(funcid)),
				 errdetail("Reading a value would run it.")));
}

void
ca_function_execute(Oid funcid)
{
	const CaExecutable *facts = NULL;
	const CaExecutable *entry;

	if (ca_internal_depth > 0 || ca_execute_exempt())
		return;
	if (is_fastpath())
		refuse_fastpath(funcid);

	/*
	 * SECURITY: set_config() is judged by its arguments, which inspect.c has
	 * seen in a query, but not in the arguments of EXECUTE and CALL.
	 */
	if (funcid == F_SET_CONFIG && !ca_execute_in_query())
		ca_refuse_command("EXECUTE", "set_config", "set_config",
						  "it does not stand in a query");
	if (funcid >= FirstNormalObjectId)
	{
		facts = facts_of(funcid);
		if (facts == NULL)
			elog(ERROR, "cache lookup failed for function %u", funcid);
		if (facts->immutable)
			ca_function_folds++;
	}
	entry = executable(funcid);
	if (!ca_execute_starting())
	{
		if (!entry->holds && ca_statement_current != NULL)
			ca_statement_keep_asking(ca_statement_current, funcid);
		ca_fragile_ready();
	}
	ca_trust_check(funcid);
	if (facts != NULL)
		record_function(facts);
}

void
ca_function_ask_again(const List *functions)
{
	ListCell   *lc;

	foreach(lc, functions)
		(void) executable(lfirst_oid(lc));
}

bool
ca_function_escalates(Oid funcid)
{
	return find_executable(funcid)->escalates;
}

/*
 * SECURITY: PL/pgSQL makes a simple expression ready once a transaction, and
 * an approval is for one statement: so what escalates is asked about whenever
 * it is called.  (test/sql/approval.sql)
 */
void
ca_function_call(Oid funcid)
{
	if (ca_function_escalates(funcid) && !ca_execute_exempt())
		(void) executable(funcid);
}

/*
 * SECURITY: asked here too, for the policies may be others by now, and what is
 * called by no expression, such as a trigger, has not been asked about.
 */
bool
ca_function_trusted(Oid funcid)
{
	return executable(funcid)->trusted;
}

bool
ca_function_keep_call(Oid funcid)
{
	const CaExecutable *facts = facts_of(funcid);

	return facts != NULL && facts->keep_call;
}
