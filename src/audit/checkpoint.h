/*-------------------------------------------------------------------------
 *
 * checkpoint.h
 *	  Signed checkpoints of the audit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_CHECKPOINT_H
#define CA_AUDIT_CHECKPOINT_H

#include "crypto/checkpoint_form.h"
#include "datatype/timestamp.h"

/*
 * The newest checkpoint that this start of the server stands for: the worker
 * has written it, or found it signed by its own key.
 */
typedef struct CaCheckpointState
{
	Oid			audit;			/* decision table that it belongs to, or 0 */
	int64		checkpoint_id;
	int64		seq;
	TimestampTz created_at;
	unsigned char digest[CA_SHA256_LEN];
	char		key_id[CA_SIGNER_ID_LEN + 1];
} CaCheckpointState;

/* shmem_request_hook / shmem_startup_hook parts, called from contauth.c */
extern void ca_checkpoint_shmem_request(void);
extern void ca_checkpoint_shmem_startup(void);

/* Copy the state; false when there is none. */
extern bool ca_checkpoint_state(CaCheckpointState *state);

/*
 * For the worker.  After each batch it asks whether something is due (with
 * last, when it exits: also what could wait), and then calls the other two, one
 * inside a transaction with SPI and the next after its commit.
 */
extern bool ca_checkpoint_due(bool last);
extern void ca_checkpoint_write(void);
extern void ca_checkpoint_written(void);

/* For the worker: settings were read again, so read the key again. */
extern void ca_checkpoint_reload(void);

#endif							/* CA_AUDIT_CHECKPOINT_H */
