/*-------------------------------------------------------------------------
 *
 * uuid7.c
 *	  Ids of decisions and approval requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/uuid7.h"

static uint32 counter = 0;
static uint64 backend_random = 0;

void
ca_uuid7(pg_uuid_t *id, TimestampTz now)
{
	const int64 epoch_diff = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	uint64		ms = (uint64) (now / 1000 + epoch_diff * 1000);
	uint32		n = ++counter;

	if (backend_random == 0 &&
		!pg_strong_random(&backend_random, sizeof(backend_random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits for an id")));

	for (int i = 0; i < 6; i++)
		id->data[i] = (unsigned char) (ms >> (40 - 8 * i));
	id->data[6] = 0x70 | ((n >> 28) & 0x0f);
	id->data[7] = (unsigned char) (n >> 20);
	id->data[8] = 0x80 | ((n >> 14) & 0x3f);
	id->data[9] = (unsigned char) (n >> 6);
	id->data[10] = (unsigned char) (((n & 0x3f) << 2) | (backend_random >> 62));
	for (int i = 0; i < 5; i++)
		id->data[11 + i] = (unsigned char) (backend_random >> (8 * i));
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
