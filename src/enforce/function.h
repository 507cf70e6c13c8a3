/*-------------------------------------------------------------------------
 *
 * function.h
 *	  Execution of functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_FUNCTION_H
#define CA_ENFORCE_FUNCTION_H

#include "policy/authorize.h"

/*
 * Counts what runs of immutable functions that are not the server's: the
 * planner folds their results into plans.
 */
extern uint64 ca_function_folds;

/* object_access_hook, OAT_FUNCTION_EXECUTE: may the session run it? */
extern void ca_function_execute(Oid funcid);

/* Are these, which were ready to be executed, still allowed?  Refuses if not. */
extern void ca_function_ask_again(const List *functions);

/*
 * The same while values of a policy are read, in any session: raises 42501
 * for what is not the server's own, or volatile.
 */
extern void ca_function_execute_inert(Oid funcid);

/*
 * Does a policy trust the function, and can it be trusted?  About a function
 * that may be executed.
 */
extern bool ca_function_trusted(Oid funcid);

/* Does a role own it whose sessions are governed?  True when it is not there. */
extern bool ca_function_of_agent(Oid funcid);

/* schema.name of a function, palloc'd. */
extern char *ca_function_name(Oid funcid);

/* Append the keys of policies that can concern the function. */
extern List *ca_function_keys(List *keys, Oid funcid);

/* Decide one function; refuses a denial. */
extern CaObjectAnswer ca_function_check(const CaPolicySet *set,
										const CaSubject *subject, Oid funcid);

/* needs_fmgr_hook: must the planner leave calls of this function alone? */
extern bool ca_function_keep_call(Oid funcid);

/*
 * Did the function need an approval when it was made ready last?  Then its
 * calls have to be watched.
 */
extern bool ca_function_escalates(Oid funcid);

/* A function that is watched is called; refuses when it is not approved. */
extern void ca_function_call(Oid funcid);

#endif							/* CA_ENFORCE_FUNCTION_H */
