/*-------------------------------------------------------------------------
 *
 * reason.h
 *	  Why a request was decided as it was, in words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_REASON_H
#define CA_POLICY_REASON_H

#include "policy/authorize.h"

/*
 * The verdict on an access as a sentence part, lower-case, palloc'd: what
 * decided, columns that no policy permits, terms of conditions that did not
 * hold, conditions and filters that failed.
 */
extern char *ca_access_reason(const CaAccess *access, const CaSubject *subject);

/* The same for a function, role or channel. */
extern const char *ca_object_reason(const CaObjectAnswer *answer);

#endif							/* CA_POLICY_REASON_H */
