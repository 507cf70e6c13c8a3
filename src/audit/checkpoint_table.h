/*-------------------------------------------------------------------------
 *
 * checkpoint_table.h
 *	  The table contauth_audit.checkpoint: its columns and access to it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_CHECKPOINT_TABLE_H
#define CA_AUDIT_CHECKPOINT_TABLE_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "crypto/checkpoint_form.h"

/* Number of columns, and their names, comma-separated, each behind "c.". */
#define CA_CHECKPOINT_NCOLUMNS	13
extern const char *const ca_checkpoint_columns;

/*
 * A row whose first columns are these.  False when a value does not have the
 * form that it must have: then somebody else has written it.  The numbers are
 * filled in all the same.
 */
extern bool ca_checkpoint_from_row(HeapTuple row, TupleDesc desc,
								   CaCheckpoint *checkpoint);

/*
 * The newest checkpoint; false when there is none.  Its checkpoint_id is
 * right, and the rest zero, when it does not have the form of one.
 * Needs SPI and a snapshot.
 */
extern bool ca_checkpoint_newest(CaCheckpoint *checkpoint);

/*
 * Lock the table for writing until the end of the transaction; false when it
 * is not a part of the extension here, or somebody else has locked it: records
 * do not wait for checkpoints.
 */
extern bool ca_checkpoint_table_hold(void);

/* Add one; needs SPI and a snapshot, and the lock. */
extern void ca_checkpoint_insert(const CaCheckpoint *checkpoint);

#endif							/* CA_AUDIT_CHECKPOINT_TABLE_H */
