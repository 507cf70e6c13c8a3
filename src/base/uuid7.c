/*-------------------------------------------------------------------------
 *
 * uuid7.c
 *	  Ids of decisions and approval requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/uuid7.h"
#include "port/pg_bswap.h"

static uint32 counter = 0;
static uint64 backend_random = 0;

void
ca_uuid7(pg_uuid_t *id, TimestampTz now)
{
	const int64 epoch_diff = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	uint64		ms = (uint64) (now / 1000 + epoch_diff * 1000);
	uint32		n = ++counter;
	uint64		half;

	if (backend_random == 0 &&
		!pg_strong_random(&backend_random, sizeof(backend_random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits for an id")));

	/* 48 bits of time, the version, the counter's upper 12 bits */
	half = pg_hton64(ms << 16 | UINT64CONST(7) << 12 | n >> 20);
	memcpy(id->data, &half, sizeof(half));
	/* the variant, its lower 20, and 42 random ones */
	half = pg_hton64(UINT64CONST(2) << 62 | (uint64) (n & 0xfffff) << 42 |
					 backend_random >> 22);
	memcpy(id->data + sizeof(half), &half, sizeof(half));
}

void
ca_uuid_text(const pg_uuid_t *uuid, char text[CA_UUID_TEXT_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text++ = '-';
		*text++ = digits[uuid->data[i] >> 4];
		*text++ = digits[uuid->data[i] & 0xf];
	}
	*text = '\0';
}
