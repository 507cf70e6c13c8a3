/*-------------------------------------------------------------------------
 *
 * chain.h
 *	  The canonical form of a decision row and the hash chain over it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_CHAIN_H
#define CA_AUDIT_CHAIN_H

#include "crypto/digest.h"

/* SHA-256 of some bytes; raises an error when that fails. */
extern void ca_chain_sha256(const void *data, Size len,
							unsigned char digest[CA_SHA256_LEN]);

/*
 * Hash of a row of contauth_audit.decision behind the row with hash prev:
 * SHA-256(prev || canonical form), as docs/audit-format.md defines it.
 * values and isnull hold CA_NCOLUMNS columns; prev_hash and hash among them
 * are not read.  Allocates in the current memory context; needs a transaction
 * when the server encoding is not UTF8.
 */
extern void ca_chain_hash(const Datum *values, const bool *isnull,
						  const unsigned char prev[CA_SHA256_LEN],
						  unsigned char hash[CA_SHA256_LEN]);

#endif							/* CA_AUDIT_CHAIN_H */
