/*-------------------------------------------------------------------------
 *
 * refuse.h
 *	  Refuse a statement: put it on record, then raise the error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_REFUSE_H
#define CA_ENFORCE_REFUSE_H

#include "base/decision.h"
#include "identity/identity.h"
#include "nodes/parsenodes.h"
#include "utils/uuid.h"

/* Action of what is refused while it runs. */
#define CA_STOPPED_WHILE_RUNNING	"stopped while running"

typedef struct CaRefusal
{
	int			sqlstate;
	CaDecision	decision;		/* DENY or ESCALATE */
	const char *reason_code;
	const char *action;			/* "select" ...; of ERRCODE_CA_STOPPED the
								 * whole message */
	const char *object;			/* "crm.customer", may be NULL */
	const char *reason;			/* why: sentence part, lower-case */
	const char *policy;			/* deciding policy, or NULL */
	const char *hint;			/* sentence, or NULL */
	const pg_uuid_t *request;	/* that a person has to approve, or NULL */
	const char *fields;			/* encoded accesses for the record */
	Size		fields_len;
	int64		policy_version; /* that decided; 0: none did */
	int			sensitivity;	/* of what would have been read; 0 or less:
								 * none */
	/* source of the statement, for when none is current */
	const char *kind;
	const char *text;
	int			location;
	int			len;
} CaRefusal;

/*
 * In monitor mode put the verdict on record and return; otherwise raise the
 * error.  The record is the current statement's or, when there is none (the
 * statement was refused before it ran), its own.
 */
extern void ca_refuse(const CaRefusal *refusal);

/*
 * Refuse a command, or something done by one, for a reason of its own:
 * 42501, and no text but the kind of command in the record.
 */
extern void ca_refuse_command(const char *kind, const char *action,
							  const char *reason_code, const char *reason);

/*
 * Refuse because the extension is not in this database, or in a version that is
 * not the library's.
 */
extern void ca_refuse_database(const char *kind, const char *action,
							   const char *text, int location, int len);

/* Refuse because there is no valid identity. */
extern void ca_refuse_identity(const CaIdentityProblem *problem, const char *kind,
							   const char *text, int location, int len);

#endif							/* CA_ENFORCE_REFUSE_H */
