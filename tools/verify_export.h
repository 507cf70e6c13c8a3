/*-------------------------------------------------------------------------
 *
 * verify_export.h
 *	  Is an export of the audit as it was written and signed?
 *
 * Checkpoints first, then records, line by line in the order of the export;
 * then ca_verifier_finish().  The kinds of damage are those of verify() in the
 * server (docs/audit-format.md), and "malformed".
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_VERIFY_EXPORT_H
#define CA_VERIFY_EXPORT_H

#include "export_form.h"

#define CA_VERIFIER_MAX_KEYS	1000
#define CA_VERIFIER_BATCH		64

/* Damage, and the first record that is not proven to be right. */
typedef struct CaDamage
{
	const char *kind;			/* NULL: none */
	int64		first_bad;
	char		detail[160];
} CaDamage;

typedef struct CaVerifier
{
	/* asked for; filled in by the caller */
	int64		from;			/* first record that must be there */
	int64		to;				/* last, PG_INT64_MAX: whatever is last */
	int64		after_seq;		/* verified before, 0: none */
	unsigned char after_hash[CA_SHA256_LEN];
	bool		after_open;		/* the export may begin at after_seq */
	int64		max_unsigned;	/* records behind the last checkpoint */
	bool		signatures;		/* checkpoints are asked for */

	/* keys that are trusted, and checkpoints that are signed by them */
	CaPublicKey *keys[CA_VERIFIER_MAX_KEYS];
	int			nkeys;
	CaCheckpoint *checkpoints;
	int			ncheckpoints;
	int			maxcheckpoints;

	/* where it is */
	CaExportRecord batch[CA_VERIFIER_BATCH];
	int			nbatch;
	int64		expected;		/* number that the next record must have */
	int64		first;			/* number of the first record, 0: none yet */
	int64		checked;
	bool		anchored;		/* prev is known */
	unsigned char prev[CA_SHA256_LEN];
	int			next_checkpoint;
	int64		signed_seq;		/* newest record that a checkpoint stands for */
	bool		after_met;
	bool		looking;		/* only for the record that belongs at
								 * expected */
	CaDamage	damage;			/* of records */
	CaDamage	checkpoint_damage;
} CaVerifier;

/* Trust the public keys of a PEM text; false when it is not one. */
extern bool ca_verifier_trust(CaVerifier *verifier, const char *pem, size_t len);

/* One line each, with a NUL behind it. */
extern void ca_verifier_checkpoint(CaVerifier *verifier, const char *line,
								   size_t len);
extern void ca_verifier_record(CaVerifier *verifier, const char *line,
							   size_t len);

/* All lines were given: the damage with the lowest first_bad, or NULL. */
extern const CaDamage *ca_verifier_finish(CaVerifier *verifier);

/* Release what the verifier owns. */
extern void ca_verifier_free(CaVerifier *verifier);

#endif							/* CA_VERIFY_EXPORT_H */
