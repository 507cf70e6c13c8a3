/*-------------------------------------------------------------------------
 *
 * redeem.h
 *	  A statement that escalates: use an approval, or ask for one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_APPROVAL_REDEEM_H
#define CA_APPROVAL_REDEEM_H

#include "approval/requests.h"
#include "audit/record.h"

/*
 * Is there an approval for exactly this?  Then use it: when this returns, the
 * use is durable, whatever becomes of the statement.  Otherwise a request is
 * put on record, unless there is one.  With peek, an approval is not used.
 *
 * header and fields describe the statement, as in its record; new_id is the
 * id for a request.  Raises ZA005 when what has to be recorded is not; then
 * nothing may run.
 */
extern CaAnswer ca_approval_redeem(const CaBinding *binding, bool peek,
								   const pg_uuid_t *new_id,
								   const CaAuditHeader *header, CaAuditBlob fields);

/* Stable name of the reason that a status is, for records; and a sentence part. */
extern const char *ca_ask_code(CaAskStatus status);
extern const char *ca_ask_text(CaAskStatus status);

#endif							/* CA_APPROVAL_REDEEM_H */
