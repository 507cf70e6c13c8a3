/*-------------------------------------------------------------------------
 *
 * checkpoint_form.h
 *	  The canonical form of a checkpoint of the audit, and its signatures.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_CRYPTO_CHECKPOINT_FORM_H
#define CA_CRYPTO_CHECKPOINT_FORM_H

#include "crypto/signer.h"

#define CA_UUID_BYTES			16

/* Longest canonical form, bytes. */
#define CA_CHECKPOINT_FORM_MAX	320

/* A checkpoint: what is signed, and the signatures. */
typedef struct CaCheckpoint
{
	int64		checkpoint_id;	/* from 1, without gaps */
	int64		seq;			/* newest record that it covers */
	unsigned char record_hash[CA_SHA256_LEN];	/* of that record */
	int64		records;		/* since the checkpoint before */
	unsigned char boot_id[CA_UUID_BYTES];
	int64		created_at;		/* microseconds since 2000-01-01 UTC */
	unsigned char prev_checkpoint[CA_SHA256_LEN];	/* digest of the one
													 * before */
	char		key_id[CA_SIGNER_ID_LEN + 1];
	char		alg[8];
	/* not signed */
	unsigned char signature[CA_SIGNER_SIG_LEN];
	unsigned char public_key[CA_SIGNER_SPKI_MAX];	/* DER */
	size_t		public_key_len;
	bool		crossed;		/* signed by the key before, too */
	char		previous_key_id[CA_SIGNER_ID_LEN + 1];
	unsigned char previous_signature[CA_SIGNER_SIG_LEN];
} CaCheckpoint;

/*
 * Digest of a checkpoint's canonical form (docs/audit-format.md), which is
 * what the next checkpoint carries; false when OpenSSL fails.
 */
extern bool ca_checkpoint_digest(const CaCheckpoint *checkpoint,
								 unsigned char digest[CA_SHA256_LEN]);

/*
 * Fill in key_id, alg, public_key and signature with a private key, and the
 * same of the key before unless that is NULL; false when OpenSSL fails.
 */
extern bool ca_checkpoint_sign(CaCheckpoint *checkpoint, CaPublicKey *key,
							   CaPublicKey *previous);

/* Is the signature by this key, and do key_id and alg name it? */
extern bool ca_checkpoint_signed_by(const CaCheckpoint *checkpoint,
									CaPublicKey *key);

/* Is the second signature there, and by this key, which it names? */
extern bool ca_checkpoint_crossed_by(const CaCheckpoint *checkpoint,
									 CaPublicKey *key);

#endif							/* CA_CRYPTO_CHECKPOINT_FORM_H */
