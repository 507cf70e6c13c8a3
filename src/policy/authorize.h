/*-------------------------------------------------------------------------
 *
 * authorize.h
 *	  From an access to a verdict with its obligations.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_AUTHORIZE_H
#define CA_POLICY_AUTHORIZE_H

#include "policy/relation.h"
#include "utils/jsonb.h"

/* Actions of the contract's section 7 that this release can decide. */
#define CA_ACTION_SELECT	"select"
#define CA_ACTION_INSERT	"insert"
#define CA_ACTION_UPDATE	"update"
#define CA_ACTION_DELETE	"delete"
#define CA_ACTION_TRUNCATE	"truncate"
#define CA_ACTION_LOCK		"lock"
#define CA_ACTION_COPY_IN	"copy_in"
#define CA_ACTION_EXPORT	"export"
#define CA_ACTION_EXECUTE	"execute"
#define CA_ACTION_SET_ROLE	"set_role"
#define CA_ACTION_NOTIFY	"notify"

/*
 * Name of the permit that break-glass adds to the policies, in records and
 * reasons; no policy has it.
 */
#define CA_BREAK_GLASS		"break_glass"

/*
 * What to take for true of that which only a session knows.  With BEST every
 * permit holds that could, and nothing that could takes away; with WORST it is
 * the other way round.  What is decided alike by both is so in every session.
 */
typedef enum CaAssumption
{
	CA_ASSUME_NOTHING,			/* there is a session, or a question */
	CA_ASSUME_BEST,
	CA_ASSUME_WORST
} CaAssumption;

/* What is the same for all accesses of a statement. */
typedef struct CaSubject
{
	const CaIdentity *identity;
	const char *statement_kind;
	int			nested_level;
	int			high_water;		/* what the session has read; <= 0: nothing */
	int			reads;			/* what the statement reads; likewise */
	const char *domain;			/* NULL: data */
	Jsonb	   *facts;			/* what who asks says of the request, or NULL */
	CaAssumption assume;
	uint64		asked;			/* see CaRequest; with an assumption only */
	uint64		question;		/* likewise */
} CaSubject;

/* What would be decided if policies that only monitor counted, too. */
typedef struct CaMonitored
{
	List	   *policies;		/* of char *: those that matched; NIL: none
								 * did */
	CaDecision	decision;
} CaMonitored;

/* One relation with one action: the question, and then the answer. */
typedef struct CaAccess
{
	/* question */
	Oid			relid;
	const char *action;
	Bitmapset  *columns;		/* attribute numbers > 0 */
	bool		through_view;	/* the view itself: only a forbid counts */
	bool		referential;	/* by a foreign key's ON DELETE or ON UPDATE */
	struct CaAccess *also;		/* second action on the same rows, or NULL */

	/* answer; pointers into the relation cache, see relation.h */
	CaRelation *relation;
	CaVerdict	verdict;
	List	   *matched;		/* of CaCandidate *, deciding one first */
	List	   *problems;		/* of char *: conditions and filters that
								 * failed */
	char	   *outside;		/* CA_REASON_DELEGATION: what goes too far */
	CaMonitored monitored;
	bool		dynamic;		/* can differ while the epoch stays the same */
	bool		trusted;		/* see ca_access_trust() */
	struct CaOutcome *outcome;	/* what it comes to, see outcome.h */
} CaAccess;

/* Decide one access.  ca_relation_begin() must have been called for set. */
extern void ca_authorize_access(const CaPolicySet *set, const CaSubject *subject,
								CaAccess *access);

/*
 * Decide one access of a function that a policy trusts: nothing but a forbid
 * counts, and there are no obligations.
 */
extern void ca_access_trust(const CaPolicySet *set, const CaSubject *subject,
							CaAccess *access);

/* Does the policy speak about this subject doing this action at all? */
extern bool ca_policy_speaks(const CaPolicy *policy, const CaSubject *subject,
							 const char *action);

/*
 * The same while something is assumed: could it?  *partly: not on everybody's
 * behalf, or not about every action, that action as a pattern stands for.
 */
extern bool ca_policy_may_speak(const CaPolicy *policy, const CaSubject *subject,
								const char *action, bool *partly);

/* The policies (of CaPolicy *) that escalate an access that was decided. */
extern List *ca_access_escalating(const CaAccess *access);

/* What conditions were told about an access that was decided. */
extern CaRequest ca_access_request(const CaAccess *access, const CaSubject *subject);

/* The answer about something that has no columns, rows or masks. */
typedef struct CaObjectAnswer
{
	CaVerdict	verdict;
	const CaPolicy *deciding;	/* NULL: none did */
	List	   *matched;		/* of CaPolicy *, deciding one first */
	List	   *escalating;		/* of CaPolicy *: those that escalate */
	CaLimits	limits;
	char	   *outside;		/* as in CaAccess */
	CaMonitored monitored;		/* likewise */
	bool		dynamic;		/* likewise */
	bool		trusted;		/* a permit that matched trusts the function */
} CaObjectAnswer;

/*
 * Decide a function call, SET ROLE or NOTIFY.  schema is NULL for roles and
 * channels, and the type of what belongs to another domain; labels may be NIL.
 * While something is assumed, action and name may be patterns, for all that
 * they match.
 */
extern CaObjectAnswer ca_authorize_object(const CaPolicySet *set,
										  const CaSubject *subject,
										  const char *action, CaResourceKind kind,
										  const char *schema, const char *name,
										  const List *labels);

#endif							/* CA_POLICY_AUTHORIZE_H */
