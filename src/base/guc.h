/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  Every setting of contauth, defined in one place.
 *
 * Settings that change what is enforced belong to the superuser and are
 * refused from inside a governed session whatever its role; settings that a
 * client may set (token, delegation, purpose, task_id, traceparent) carry no
 * power: they are verified or recorded as self-asserted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_GUC_H
#define CA_BASE_GUC_H

#include "utils/guc.h"

typedef enum CaAuditDurability
{
	CA_DURABILITY_ASYNC,
	CA_DURABILITY_STRICT
} CaAuditDurability;

typedef enum CaAuditStatement
{
	CA_STATEMENT_NORMALIZED,	/* literals replaced by $n */
	CA_STATEMENT_FULL
} CaAuditStatement;

typedef enum CaIdentityScope
{
	CA_SCOPE_SESSION,
	CA_SCOPE_TRANSACTION		/* what a client sets ends with its
								 * transaction */
} CaIdentityScope;

/* postmaster */
extern PGDLLIMPORT int ca_guc_audit_ring_size;	/* kB, 1024..4096 */
extern PGDLLIMPORT int ca_guc_max_agents;
extern PGDLLIMPORT char *ca_guc_audit_database; /* "": first to install */

/* sighup or superuser */
extern PGDLLIMPORT int ca_guc_mode; /* CaMode */
extern PGDLLIMPORT char *ca_guc_audience;
extern PGDLLIMPORT int ca_guc_clock_skew;	/* s */
extern PGDLLIMPORT int ca_guc_max_delegation_depth;
extern PGDLLIMPORT int ca_guc_identity_scope;	/* CaIdentityScope */
extern PGDLLIMPORT int ca_guc_audit_durability; /* CaAuditDurability */
extern PGDLLIMPORT int ca_guc_audit_wait;	/* ms */
extern PGDLLIMPORT int ca_guc_audit_retention_min;	/* days */
extern PGDLLIMPORT int ca_guc_spool_size;	/* MB */
extern PGDLLIMPORT int ca_guc_audit_statement;	/* CaAuditStatement */
extern PGDLLIMPORT char *ca_guc_audit_signing_key;	/* path; "": none */
extern PGDLLIMPORT int ca_guc_checkpoint_interval;	/* s */
extern PGDLLIMPORT bool ca_guc_explain_denials;
extern PGDLLIMPORT int ca_guc_escalation_wait;	/* ms */

/*
 * Self-asserted context of the client, "" when it is not set.  Where the
 * identity's scope is the transaction, what was set in an earlier one counts
 * as not set: it was another client's.
 */
extern const char *ca_guc_purpose(void);
extern const char *ca_guc_task_id(void);
extern const char *ca_guc_traceparent(void);

/* Changes whenever one of these, contauth.token or contauth.delegation is set. */
extern uint64 ca_guc_said;

/* Does the setting contauth.token hold anything?  In parallel workers, too. */
extern bool ca_guc_token_set(void);

/* What guc.c cannot know: filled by contauth.c before ca_guc_define(). */
typedef struct CaGucCallbacks
{
	/* is this session governed (then its superuser settings are refused)? */
	bool		(*governed) (void);

	/*
	 * hooks of contauth.token and contauth.delegation, in the form that
	 * DefineCustomStringVariable takes
	 */
	bool		(*token_check) (char **newval, void **extra, GucSource source);
	void		(*token_assign) (const char *newval, void *extra);
	bool		(*token_presented) (void);
	bool		(*delegation_check) (char **newval, void **extra, GucSource source);
	void		(*delegation_assign) (const char *newval, void *extra);
	bool		(*delegation_presented) (void);
	/* something that verified tokens depend on has changed */
	void		(*trust_changed) (void);
	/* something that conditions can see has changed */
	void		(*context_changed) (void);
} CaGucCallbacks;

/* Define all settings; must run in _PG_init. */
extern void ca_guc_define(const CaGucCallbacks *callbacks);

#endif							/* CA_BASE_GUC_H */
