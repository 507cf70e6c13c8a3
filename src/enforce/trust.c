/*-------------------------------------------------------------------------
 *
 * trust.c
 *	  Is a function at work that a policy trusts?
 *
 * The server tells of every function that changes the user or settings when it
 * begins and when it ends, well or badly, the innermost first.  So one bit for
 * each of those at work is enough.  What is SECURITY DEFINER itself is trusted
 * or not for itself; others have what their caller has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "enforce/function.h"
#include "enforce/quiet.h"
#include "enforce/refuse.h"
#include "enforce/scrub.h"
#include "enforce/trust.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

static bool *at_work = NULL;	/* is it trusted? of each, the innermost last */
static int	height = 0;
static int	capacity = 0;

bool
ca_trust_active(void)
{
	return height > 0 && at_work[height - 1];
}

static void
push(bool trusted)
{
	if (height == capacity)
	{
		int			more = capacity == 0 ? 64 : capacity * 2;

		at_work = at_work == NULL ? MemoryContextAlloc(TopMemoryContext, more) :
			repalloc(at_work, more);
		capacity = more;
	}
	at_work[height++] = trusted;
}

void
ca_trust_suppose(bool trusted)
{
	push(trusted);
}

void
ca_trust_forget(void)
{
	height--;
}

static bool
is_definer(Oid funcid)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	bool		answer = false;

	if (HeapTupleIsValid(tuple))
	{
		answer = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef;
		ReleaseSysCache(tuple);
	}
	return answer;
}

static bool
is_trusted(Oid funcid)
{
	return is_definer(funcid) ? ca_function_trusted(funcid) :
		ca_trust_active() && !ca_function_of_agent(funcid);
}

bool
ca_trust_watches(Oid funcid)
{
	return ca_trust_active() && ca_function_of_agent(funcid);
}

void
ca_trust_call(FmgrHookEventType event, const FmgrInfo *function, bool enforced)
{
	bool		trusted = ca_trust_active();

	if (event == FHET_START)
	{
		push(enforced && is_trusted(function->fn_oid));
		if (ca_trust_active())
			ca_quiet_veil();
	}
	else if (height > 0)
	{
		height--;
		if (trusted)
			ca_quiet_unveil();
	}
	if (event == FHET_ABORT && trusted)
		ca_scrub_failed_inside();
}

void
ca_trust_check(Oid funcid)
{
	if (ca_trust_active() && ca_function_of_agent(funcid))
		ca_refuse_command("EXECUTE", "execute", "agent_code",
						  "a trusted function does not call functions of agents");
}
