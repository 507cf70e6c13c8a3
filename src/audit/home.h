/*-------------------------------------------------------------------------
 *
 * home.h
 *	  Which database keeps the audit tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_HOME_H
#define CA_AUDIT_HOME_H

/*
 * Wait until the audit database is known and connect the worker to it.  Exits
 * the process when asked to stop meanwhile, or to be restarted.
 */
extern void ca_home_connect(void);

/* The worker has found the tables: remember this database over restarts. */
extern void ca_home_confirm(void);

/*
 * The worker has not found the tables (any more).  Without a configured
 * database this forgets the home and exits, to be restarted without a
 * connection; otherwise it returns.
 */
extern void ca_home_missing(void);

/*
 * Are the tables in this database those of another version of contauth?  Then
 * the log says so, once, and nothing is recorded until they are updated.  In a
 * transaction.
 */
extern bool ca_home_unfit(void);

/* Is database the one that keeps the audit tables?  Needs a transaction. */
extern bool ca_home_is(Oid database);

#endif							/* CA_AUDIT_HOME_H */
