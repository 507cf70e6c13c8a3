/*-------------------------------------------------------------------------
 *
 * guard.h
 *	  Who may change the tables of contauth_audit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_GUARD_H
#define CA_AUDIT_GUARD_H

#include "datatype/timestamp.h"

/* This process is the audit worker: its rows pass, from now on. */
extern void ca_guard_admit_worker(void);

/*
 * Run a step of ours that may add records, move them between partitions, and
 * change the state of approval requests.
 * It runs fixed statements only: whatever it executes passes the guard.
 */
typedef void (*CaGuardStep) (void *arg);
extern void ca_guard_run(CaGuardStep step, void *arg);

/* Is what runs here the audit worker, or a step of ours? */
extern bool ca_guard_own_work(void);

/* A row of contauth_audit.admin_event; object and detail (JSON text) may be NULL. */
typedef struct CaAdminEvent
{
	TimestampTz at;
	const char *actor;
	const char *role;
	const char *action;
	const char *object;
	const char *detail;
} CaAdminEvent;

/* Insert it in the current transaction, as ca_record_admin_event() does. */
extern void ca_insert_admin_event(CaAdminEvent *event);

/*
 * Record an act of administration in contauth_audit.admin_event, in the
 * current transaction.  object and detail (JSON text) may be NULL.  Must run
 * with the privileges of the extension's owner.
 */
extern void ca_record_admin_event(const char *action, const char *object,
								  const char *detail);

#endif							/* CA_AUDIT_GUARD_H */
