/*-------------------------------------------------------------------------
 *
 * memo.c
 *	  Results that are asked for again and again.
 *
 * The records of a busy server repeat a few texts: agents prepare their
 * statements, and their chains and accesses are the same each time.  What is
 * made of such a text by a function of nothing but its bytes is kept beside
 * them.  A key has one place, by its checksum, which the last one that came
 * there holds.
 *
 * SECURITY: a key is compared whole, length and bytes, so that nobody can have
 * his record written as another's by texts of one checksum
 * (test/t/030_audit_writer.pl).
 *
 * Memory is bounded: a memo keeps CA_MEMO_PLACES keys and results, of at most
 * CA_MEMO_MAX bytes each (1 MB in all; the allocator may hold as much again).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/memo.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"

#define CA_MEMO_PLACES	64		/* a power of two */
#define CA_MEMO_MAX		8192	/* longest key, and longest result, bytes */

typedef struct Place
{
	Size		key_len;		/* 0: empty */
	Size		len;
	char	   *data;			/* the key, then the result */
} Place;

struct CaMemo
{
	MemoryContext context;
	Place		places[CA_MEMO_PLACES];
};

CaMemo *
ca_memo_create(const char *name)
{
	MemoryContext context = AllocSetContextCreateInternal(TopMemoryContext, name,
														  ALLOCSET_DEFAULT_SIZES);
	CaMemo	   *memo = MemoryContextAllocZero(context, sizeof(CaMemo));

	memo->context = context;
	return memo;
}

uint32
ca_memo_checksum(const void *key, Size key_len)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, key, key_len);
	FIN_CRC32C(crc);
	return crc;
}

static Place *
place_of(CaMemo *memo, const void *key, Size key_len)
{
	return &memo->places[ca_memo_checksum(key, key_len) & (CA_MEMO_PLACES - 1)];
}

void *
ca_memo_find(CaMemo *memo, const void *key, Size key_len, Size *len)
{
	Place	   *place;
	char	   *copy;

	if (key_len == 0 || key_len > CA_MEMO_MAX)
		return NULL;
	place = place_of(memo, key, key_len);
	if (place->key_len != key_len || memcmp(place->data, key, key_len) != 0)
		return NULL;
	copy = palloc(place->len + 1);
	memcpy(copy, place->data + key_len, place->len);
	*len = place->len;
	return copy;
}

void
ca_memo_keep(CaMemo *memo, const void *key, Size key_len,
			 const void *value, Size len)
{
	Place	   *place;
	char	   *old;

	if (key_len == 0 || key_len > CA_MEMO_MAX || len > CA_MEMO_MAX)
		return;
	place = place_of(memo, key, key_len);
	old = place->data;
	place->key_len = 0;
	place->data = NULL;
	if (old != NULL)
		pfree(old);
	place->data = MemoryContextAlloc(memo->context, key_len + len);
	memcpy(place->data, key, key_len);
	memcpy(place->data + key_len, value, len);
	place->len = len;
	place->key_len = key_len;
}
