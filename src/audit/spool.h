/*-------------------------------------------------------------------------
 *
 * spool.h
 *	  Records in files: of a server that cannot write its tables, and of one
 *	  whose statements do not wait for rows.
 *
 * Private to audit/.  docs/audit-format.md describes the files.
 *
 * A spool is what one audit worker writes during recovery, or what the workers
 * of one start of the server prepare and all backends write as its journal
 * (journal.c): segment files in $PGDATA/contauth_spool, named by the spool's id.
 * A position counts the bytes of a segment's records from its first
 * one, whatever file they stand in.  contauth_audit.spool tells how far each
 * segment has been carried into the tables; as it is written in the
 * transaction that carries, each record gets there exactly once.
 *
 * Locking: the worker alone appends to, carries and removes segments, except
 * that backends write to the journal's newest one, and that spool_release() removes, during recovery, what is no longer appended
 * to.  carry() adds whole files under names of their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_SPOOL_H
#define CA_AUDIT_SPOOL_H

#include "audit/ring_shared.h"
#include "nodes/pg_list.h"
#include "port/pg_crc32c.h"

#define CA_SPOOL_DIR			"contauth_spool"

/* Largest record in a file: normalising can make a statement longer. */
#define CA_SPOOL_RECORD_MAX		(8 * CA_RECORD_MAX)

/* A file of the spool. */
typedef struct CaSpoolSegment
{
	pg_uuid_t	spool_id;
	int32		segment;		/* from 1 */
	uint64		start;			/* position of the file's first record */
	uint64		end;			/* of the end of the file, whole records or
								 * not */
	TimestampTz created_at;		/* of the spool; DT_NOEND: carry() brought it */
	char		path[MAXPGPATH];
} CaSpoolSegment;

/* Steps through the records of a file. */
typedef struct CaSpoolReader
{
	FILE	   *file;
	uint64		position;		/* of the next record */
	uint64		limit;			/* nothing at or behind it is read */
	bool		blank;			/* nothing was written at the position */
	char	   *record;			/* the last one: header and fields; palloc'd */
	Size		len;
} CaSpoolReader;

/* Some records of one segment that are to be carried next. */
typedef struct CaSpoolPiece
{
	CaSpoolSegment segment;
	uint64		from;
	uint64		to;
	bool		finished;		/* nothing is left that could be carried */
	const char *damage;			/* why it is not carried as a whole, or NULL */
	CaRingBatch batch;
} CaSpoolPiece;

/* What stands before a record in a file. */
typedef struct CaSpoolHead
{
	uint32		len;
	pg_crc32c	crc;			/* of len and the record */
} CaSpoolHead;

/*
 * spool_file.c: files.  What opens one for reading needs a transaction, which
 * closes what an error leaves open.
 */
extern uint64 ca_spool_limit(void);
extern uint64 ca_spool_size(void);
extern void ca_spool_set_path(CaSpoolSegment *segment);
extern off_t ca_spool_offset(const CaSpoolSegment *segment, uint64 position);
extern int	ca_spool_create(CaSpoolSegment *segment, bool imported);
extern void ca_spool_discard(int fd, const CaSpoolSegment *segment);
extern void ca_spool_publish(int fd, const CaSpoolSegment *segment);
extern CaSpoolHead ca_spool_head(uint32 len, const char *data, Size first,
								 const char *rest);
extern void ca_spool_encode(StringInfo out, const char *record, Size len);
extern void ca_spool_append(int fd, const CaSpoolSegment *segment,
							uint64 position, const char *data, Size len);
extern List *ca_spool_segments(bool tidy);
extern void ca_spool_remove_unfinished(void);
extern void ca_spool_read_from(CaSpoolReader *reader,
							   const CaSpoolSegment *segment, uint64 position);
extern bool ca_spool_read(CaSpoolReader *reader);
extern void ca_spool_read_end(CaSpoolReader *reader);
extern Size ca_spool_record_size(Size len);
extern void ca_spool_remove(const CaSpoolSegment *segment);
extern void ca_spool_set_aside(const CaSpoolSegment *segment, const char *why);

/* spool_writer.c: the worker during recovery */
extern void ca_spool_open(void);
extern int	ca_spool_write(const CaRingBatch *batch);

/* spool_carry.c: the worker when it can write; need SPI and a snapshot */
extern uint64 ca_spool_carried(const pg_uuid_t *spool_id, int32 segment);
extern bool ca_spool_next_piece(CaSpoolPiece *piece, int max);
extern void ca_spool_mark_carried(const CaSpoolPiece *piece, int64 first_seq,
								  int rows);

#endif							/* CA_AUDIT_SPOOL_H */
