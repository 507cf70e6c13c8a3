/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The background worker that writes the audit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_WORKER_H
#define CA_AUDIT_WORKER_H

/* Register the worker; from _PG_init, while libraries are preloaded. */
extern void ca_audit_worker_register(void);

/* Entry point of the worker, looked up by name in the library. */
extern PGDLLEXPORT void ca_audit_worker_main(Datum main_arg);

#endif							/* CA_AUDIT_WORKER_H */
