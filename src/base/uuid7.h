/*-------------------------------------------------------------------------
 *
 * uuid7.h
 *	  Ids of decisions and approval requests.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_UUID7_H
#define CA_BASE_UUID7_H

#include "datatype/timestamp.h"
#include "utils/uuid.h"

/*
 * A version 7 UUID (RFC 9562): milliseconds, then a counter of this backend,
 * then bits drawn once per backend, so that nothing is asked of the operating
 * system per statement.
 */
extern void ca_uuid7(pg_uuid_t *id, TimestampTz now);

#endif							/* CA_BASE_UUID7_H */
