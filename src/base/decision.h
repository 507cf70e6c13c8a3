/*-------------------------------------------------------------------------
 *
 * decision.h
 *	  The two words that every layer uses: decision and mode.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_DECISION_H
#define CA_BASE_DECISION_H

/* In order of severity: a statement gets the worst of its parts. */
typedef enum CaDecision
{
	CA_DECISION_ALLOW = 0,
	CA_DECISION_ESCALATE,
	CA_DECISION_DENY
} CaDecision;

/* Values of contauth.mode. */
typedef enum CaMode
{
	CA_MODE_OFF = 0,
	CA_MODE_MONITOR,
	CA_MODE_ENFORCE
} CaMode;

/* "allow", "escalate" or "deny", as records and functions say it. */
static inline const char *
ca_decision_name(CaDecision decision)
{
	switch (decision)
	{
		case CA_DECISION_ALLOW:
			return "allow";
		case CA_DECISION_ESCALATE:
			return "escalate";
		default:
			return "deny";
	}
}

#endif							/* CA_BASE_DECISION_H */
