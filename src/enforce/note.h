/*-------------------------------------------------------------------------
 *
 * note.h
 *	  What a plan carries about its own authorization.
 *
 * The note is an extensible node, so that it is copied, cached and freed with
 * the plan.  It hangs in an extra entry at the end of the plan's range table,
 * which no part of the server looks into.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_NOTE_H
#define CA_ENFORCE_NOTE_H

#include "audit/record.h"
#include "enforce/escalation.h"
#include "nodes/extensible.h"
#include "nodes/plannodes.h"
#include "policy/limits.h"

/* Identities that one plan serves without being decided again. */
#define CA_NOTE_EPOCHS	8

/* What COPY does with the rows of a query. */
typedef enum CaCopyRole
{
	CA_COPY_NONE,
	CA_COPY_OUT,				/* what it reads leaves by COPY TO */
	CA_COPY_IN					/* what it inserts comes by COPY FROM */
} CaCopyRole;

typedef struct CaPlanNote
{
	ExtensibleNode xnode;
	uint64		serial;			/* the same in all copies; never used twice */
	uint64		epochs[CA_NOTE_EPOCHS]; /* values of ca_epoch_current that it
										 * was decided for */
	int			next_epoch;		/* the place of the next one */
	bool		dynamic;		/* decide again at every execution */
	bool		folded;			/* holds results of functions: not for another
								 * epoch */
	bool		trusted;		/* a trusted function made it, for itself
								 * alone */
	bool		protects;		/* the query was rewritten: masks or filters */
	bool		reveals;		/* its errors may show what policies protect */
	CaCopyRole	copies;
	uint64		signature;		/* of what has to be enforced */
	bool		presents;		/* may run without an identity */
	CaDecision	decision;		/* ALLOW; ESCALATE: with an approval; DENY
								 * only in monitor mode */
	CaEscalation escalation;	/* what for, when it is ESCALATE */
	char	   *reason_code;	/* why it is not ALLOW, otherwise NULL */
	char	   *reason;
	char	   *policy;			/* deciding policy, may be NULL */
	CaLimits	limits;			/* budgets of all its accesses, */
	bool		limited;		/* if it has any */
	int32		max_sensitivity;	/* of the columns read; -1: none */
	int32		shows;			/* of those that are not masked; -1: none */
	int64		policy_version;
	const char *statement_kind; /* static string */
	List	   *functions;		/* OIDs: user functions decided for the plan */
	Size		blob_len;		/* fields for the audit record ... */
	char	   *blob;			/* ... encoded as record.h says */
	Query	   *query;			/* the query before rewriting */
	int			cursor_options;
} CaPlanNote;

/* Has this process ever made a note? */
extern bool ca_note_any;

/* Register the node type; once per process, from _PG_init. */
extern void ca_note_register(void);

extern CaPlanNote *ca_note_create(void);

/* Does its decision hold in this epoch?  It does from now on. */
extern bool ca_note_holds(const CaPlanNote *note, uint64 epoch);
extern void ca_note_hold(CaPlanNote *note, uint64 epoch);

/* Hang a note on a plan; find the one that hangs there, or NULL. */
extern void ca_note_attach(PlannedStmt *plan, CaPlanNote *note);
extern CaPlanNote *ca_note_find(const PlannedStmt *plan);

#endif							/* CA_ENFORCE_NOTE_H */
