/*-------------------------------------------------------------------------
 *
 * verify_checkpoint.h
 *	  Is the audit as it was signed?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_VERIFY_CHECKPOINT_H
#define CA_AUDIT_VERIFY_CHECKPOINT_H

#include "audit/checkpoint.h"

/* A range of records, and what is known of it. */
typedef struct CaCheckpointRange
{
	int64		from;
	int64		to;
	int64		right;			/* records below are chained, from on */
	bool		whole;			/* right is where the table ends */
	CaCheckpointState state;	/* read before the snapshot was taken */
} CaCheckpointRange;

/*
 * Hold the range against the checkpoints in it.  The first damage, a word and
 * an explanation (palloc'd), with the first record that no good checkpoint
 * stands for in *first_bad; or NULL.  Needs SPI and a snapshot.
 */
extern char *ca_verify_checkpoints(const CaCheckpointRange *range,
								   int64 *first_bad);

#endif							/* CA_AUDIT_VERIFY_CHECKPOINT_H */
