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

/* Characters of an UUID's text, with its end. */
#define CA_UUID_TEXT_LEN	37

/* An UUID as text; allocates nothing. */
extern void ca_uuid_text(const pg_uuid_t *uuid, char text[CA_UUID_TEXT_LEN]);

#endif							/* CA_BASE_UUID7_H */
