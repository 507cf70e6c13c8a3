/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The background worker that writes the audit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_WORKER_H
#define CA_AUDIT_WORKER_H

#include "audit/record.h"

/* Register the worker; from _PG_init, while libraries are preloaded. */
extern void ca_audit_worker_register(void);

/* Entry point of the worker, looked up by name in the library. */
extern PGDLLEXPORT void ca_audit_worker_main(Datum main_arg);

/*
 * Who is asked about records that are no decisions; a layer above.  All but
 * is_due() run in the worker's transaction, with SPI and a snapshot.
 *
 * A transaction may be done again after a crash: write() must not mind to see a
 * record twice, and must not fail on what a record can hold.
 */
typedef struct CaWorkerListener
{
	/* the chain of this decision table is continued, for the first time */
	void		(*adopt) (Oid relation);
	/* a record, and its columns as those of a decision would be */
	void		(*write) (const CaAuditHeader *header, const char *fields,
						  Size len, Datum *values, const bool *nulls);
	/* has time brought anything about?  asked often */
	bool		(*is_due) (void);
	void		(*tend) (void);
} CaWorkerListener;

/* There is one listener; from _PG_init. */
extern void ca_audit_worker_listen(const CaWorkerListener *listener);

#endif							/* CA_AUDIT_WORKER_H */
