/*-------------------------------------------------------------------------
 *
 * export_form.h
 *	  Lines of an export of the audit, read into what was hashed and signed.
 *
 * The text is that of contauth_audit.export() and export_checkpoints(), as
 * docs/audit-format.md defines it: members in their order, and nothing
 * between them.  It may come from an enemy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_EXPORT_FORM_H
#define CA_EXPORT_FORM_H

#include "crypto/checkpoint_form.h"

/* Longest line, bytes: a record has 64 kB, of which each byte can be escaped. */
#define CA_EXPORT_LINE_MAX	(4 * 1024 * 1024)

/* A decision. */
typedef struct CaExportRecord
{
	int64		seq;
	unsigned char hash[CA_SHA256_LEN];	/* as the line has it */

	/*
	 * What hash is the SHA-256 of: prev_hash and the canonical form.  The
	 * buffer belongs to the record and is used again for the next line.
	 */
	unsigned char *form;
	size_t		form_len;
	size_t		form_size;
} CaExportRecord;

/*
 * Read a line, without its line feed, which must be followed by a NUL.  False
 * when it is not a line of an export; then nothing of the record counts.
 */
extern bool ca_export_record(const char *line, size_t len,
							 CaExportRecord *record);
extern bool ca_export_checkpoint(const char *line, size_t len,
								 CaCheckpoint *checkpoint);

/* Give the record another number, in the form too. */
extern void ca_export_renumber(CaExportRecord *record, int64 seq);

/* The 32 bytes of 64 hexadecimal digits; false when they are not that. */
extern bool ca_export_hash(const char *text, unsigned char out[CA_SHA256_LEN]);

#endif							/* CA_EXPORT_FORM_H */
