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

/* How they are hashed. */
typedef enum CaHashWay
{
	CA_HASH_OPENSSL,			/* one after the other */
	CA_HASH_8_LANES,			/* of AVX2 */
	CA_HASH_16_LANES			/* of AVX-512 */
} CaHashWay;

/* Can this processor do it so? */
extern bool ca_hash_way_exists(CaHashWay way);

/* Hash all of them in a way that exists; false when OpenSSL fails. */
extern bool ca_sha256_many_by(CaHashWay way, CaHashJob *jobs, int n);

/* The same in the fastest way. */
extern bool ca_sha256_many(CaHashJob *jobs, int n);

#endif							/* CA_SHA256_MANY_H */
