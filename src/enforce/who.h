/*-------------------------------------------------------------------------
 *
 * who.h
 *	  The fields of a record that tell who the session is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_WHO_H
#define CA_ENFORCE_WHO_H

#include "audit/record.h"
#include "identity/identity.h"

/* Once a session, before the others. */
extern void ca_who_init(void);

/* Fields that stay the same for the whole session. */
extern CaAuditBlob ca_who_session(void);

/*
 * Fields of the identity as it was looked up last, and of what the session says
 * of itself at this moment; they hold until the next call.  by_token: a token is
 * presented.
 */
extern CaAuditBlob ca_who_fields(bool *by_token);

/* Which fields these are: another number whenever they are others. */
extern uint64 ca_who_number(void);

/* Append the fields of an identity; append a client's own text, without tokens. */
extern void ca_who_put_identity(StringInfo buf, const CaIdentity *id);
extern void ca_who_put_word(StringInfo buf, CaField tag, const char *text);

#endif							/* CA_ENFORCE_WHO_H */
