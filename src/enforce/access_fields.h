/*-------------------------------------------------------------------------
 *
 * access_fields.h
 *	  One access, as records tell it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_ACCESS_FIELDS_H
#define CA_ENFORCE_ACCESS_FIELDS_H

#include "audit/record.h"
#include "policy/authorize.h"

/* Append to an access what policies that only monitor would have done. */
extern void ca_access_put_monitored(StringInfo access, const CaMonitored *monitored);

/*
 * Append one CA_F_ACCESS that has no columns: a function, role, channel ...
 * monitored may be NULL.
 */
extern void ca_access_put(StringInfo buf, const char *action, const char *object,
						  CaDecision decision, const CaMonitored *monitored);

/*
 * Append one without its columns, labels, masks and filter, of the fields of a
 * whole one; returns how many bytes are left out.
 */
extern Size ca_access_put_short(StringInfo fields, const char *data, Size len);

#endif							/* CA_ENFORCE_ACCESS_FIELDS_H */
