/*-------------------------------------------------------------------------
 *
 * trust.h
 *	  Is a function at work that a policy trusts?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_TRUST_H
#define CA_ENFORCE_TRUST_H

#include "fmgr.h"

/*
 * fmgr_hook: a function that changes user or settings begins, ends or fails.
 * enforced: the session is one whose statements are decided.
 */
extern void ca_trust_call(FmgrHookEventType event, const FmgrInfo *function, bool enforced);

/* May what the innermost function reads be read unfiltered and unmasked? */
extern bool ca_trust_active(void);

/* Decide as a function with this trust would have it, until ca_trust_forget(). */
extern void ca_trust_suppose(bool trusted);
extern void ca_trust_forget(void);

/*
 * Must the server tell of this function, although it changes neither user nor
 * settings?  It does of an agent's own, which a trigger may call where nothing
 * else asks: it has no trust of its caller's.
 */
extern bool ca_trust_watches(Oid funcid);

/* SECURITY: refuse an agent's own function where a trusted one calls it. */
extern void ca_trust_check(Oid funcid);

#endif							/* CA_ENFORCE_TRUST_H */
