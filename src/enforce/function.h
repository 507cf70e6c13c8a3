/*-------------------------------------------------------------------------
 *
 * function.h
 *	  Execution of functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_FUNCTION_H
#define CA_ENFORCE_FUNCTION_H

/* object_access_hook, OAT_FUNCTION_EXECUTE: may the session run it? */
extern void ca_function_execute(Oid funcid);

/* needs_fmgr_hook: must the planner leave calls of this function alone? */
extern bool ca_function_keep_call(Oid funcid);

#endif							/* CA_ENFORCE_FUNCTION_H */
