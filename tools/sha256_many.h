/*-------------------------------------------------------------------------
 *
 * sha256_many.h
 *	  SHA-256 of many texts at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_SHA256_MANY_H
#define CA_SHA256_MANY_H

#include "crypto/digest.h"

/* A text and, afterwards, its digest. */
typedef struct CaHashJob
{
	const unsigned char *data;
	size_t		len;
	unsigned char digest[CA_SHA256_LEN];
} CaHashJob;

/* Hash all of them; false when OpenSSL, where it is used, fails. */
extern bool ca_sha256_many(CaHashJob *jobs, int n);

#endif							/* CA_SHA256_MANY_H */
