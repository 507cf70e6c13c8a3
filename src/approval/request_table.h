/*-------------------------------------------------------------------------
 *
 * request_table.h
 *	  The table contauth_audit.approval_request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_APPROVAL_REQUEST_TABLE_H
#define CA_APPROVAL_REQUEST_TABLE_H

#include "approval/requests.h"
#include "audit/worker.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A row, as far as those who decide and those who are told need it. */
typedef struct CaRequestRow
{
	CaApproval	request;		/* what shared memory has */
	int			uses_allowed;
	char	   *agent;
	char	   *owner;
	char	   *on_behalf_of;
	Jsonb	   *chain;
	char	   *db_role;
	char	   *database;
	char	   *action;
	List	   *resources;		/* of char * */
	List	   *policies;		/* of char *, deciding first */
	char	   *statement_kind;
	char	   *decided_by;
	char	   *reason;
	pg_uuid_t	decision_id;
} CaRequestRow;

/* "pending", "approved" ... */
extern const char *ca_request_state_name(CaRequestState state);

/* The text of an id; palloc'd. */
extern char *ca_request_id_text(const pg_uuid_t *id);

/*
 * Read and lock a row, in SPI and with the newest snapshot; false when there is
 * none.  The result lives in SPI's memory.
 */
extern bool ca_request_row_lock(const pg_uuid_t *id, CaRequestRow *row);

/* Write state, until, uses, decided_by, when, and reason of a row; in SPI. */
extern void ca_request_row_decide(const CaRequestRow *row);

/*
 * Tell listeners on contauth_approval, when the transaction commits.  event is
 * "requested" or the name of a state.
 */
extern void ca_request_notify(const char *event, const CaRequestRow *row);

/* What the audit worker has to do for requests. */
extern const CaWorkerListener ca_request_listener;

#endif							/* CA_APPROVAL_REQUEST_TABLE_H */
