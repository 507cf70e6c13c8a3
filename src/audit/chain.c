/*-------------------------------------------------------------------------
 *
 * chain.c
 *	  The canonical form of a decision row and the hash chain over it.
 *
 * The form is defined in docs/audit-format.md; it depends neither on the
 * machine nor on the server version nor on any setting.  The worker that
 * writes rows and contauth_audit.verify() both call the one function here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/chain.h"
#include "audit/decision_table.h"
#include "audit/memo.h"
#include "audit/recode.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Separates these hashes from those of anything else. */
#define CA_CHAIN_PREFIX		"contauth-decision-v1\n"

/* Bytes that most rows take in this form. */
#define CA_CHAIN_ROOM		2000

/* Room for len bytes more, which the caller fills; some dozen pieces make a row. */
static inline char *
grow(StringInfo out, Size len)
{
	char	   *at;

	if (unlikely(len >= (Size) (out->maxlen - out->len)))
		enlargeStringInfo(out, (int) len);
	at = out->data + out->len;
	out->len += (int) len;
	return at;
}

/* Write a 4-byte big-endian number. */
static inline void
write_uint32(char *at, uint32 value)
{
	value = pg_hton32(value);
	memcpy(at, &value, sizeof(value));
}

/* Append one byte. */
static inline void
put_byte(StringInfo out, char value)
{
	*grow(out, 1) = value;
}

/* Append an 8-byte big-endian number with its length. */
static void
put_int64(StringInfo out, int64 value)
{
	uint64		swapped = pg_hton64((uint64) value);
	char	   *at = grow(out, sizeof(uint32) + sizeof(swapped));

	write_uint32(at, sizeof(swapped));
	memcpy(at + sizeof(uint32), &swapped, sizeof(swapped));
}

/* Append bytes with their length. */
static void
put_bytes(StringInfo out, const char *data, Size len)
{
	char	   *at = grow(out, sizeof(uint32) + len);

	write_uint32(at, (uint32) len);
	memcpy(at + sizeof(uint32), data, len);
}

/* Append text of the server encoding in UTF-8 with its length. */
static void
put_text(StringInfo out, const char *data, Size len)
{
	if (GetDatabaseEncoding() != PG_UTF8 &&
		GetDatabaseEncoding() != PG_SQL_ASCII)
		data = ca_recode(data, len, GetDatabaseEncoding(), PG_UTF8, &len);
	put_bytes(out, data, len);
}

/* Append a text datum. */
static void
put_text_datum(StringInfo out, Datum value)
{
	text	   *t = DatumGetTextPP(value);

	put_text(out, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

/* Append a text[]: its length, the number of elements, and each of them. */
static void
put_text_array(StringInfo out, Datum value)
{
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			start;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &n);
	(void) grow(out, sizeof(uint32));
	start = out->len;
	write_uint32(grow(out, sizeof(uint32)), (uint32) n);
	for (int i = 0; i < n; i++)
	{
		put_byte(out, nulls[i] ? '\0' : '\1');
		if (!nulls[i])
			put_text_datum(out, elems[i]);
	}
	write_uint32(out->data + start - sizeof(uint32), (uint32) (out->len - start));
}

/* Append a jsonb: its text.  The same few are appended again and again. */
static void
put_jsonb(StringInfo out, Datum value)
{
	static CaMemo *texts = NULL;
	Jsonb	   *jsonb = DatumGetJsonbP(value);
	Size		len;
	char	   *text;

	if (texts == NULL)
		texts = ca_memo_create("contauth texts of jsonb");
	text = ca_memo_find(texts, jsonb, VARSIZE(jsonb), &len);
	if (text == NULL)
	{
		text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
		len = strlen(text);
		ca_memo_keep(texts, jsonb, VARSIZE(jsonb), text, len);
	}
	put_text(out, text, len);
	pfree(text);
}

/* Append one value that is not NULL: its length and its bytes. */
static void
put_value(StringInfo out, Oid type, Datum value)
{
	char	   *cstring;
	bytea	   *bytes;
	int32		number;
	char		flag;

	switch (type)
	{
		case UUIDOID:
			put_bytes(out, (const char *) DatumGetUUIDP(value)->data, UUID_LEN);
			break;
		case INT8OID:
			put_int64(out, DatumGetInt64(value));
			break;
		case TIMESTAMPTZOID:
			put_int64(out, DatumGetTimestampTz(value));
			break;
		case INT4OID:
			number = (int32) pg_hton32((uint32) DatumGetInt32(value));
			put_bytes(out, (const char *) &number, sizeof(number));
			break;
		case BOOLOID:
			flag = DatumGetBool(value) ? '\1' : '\0';
			put_bytes(out, &flag, 1);
			break;
		case TEXTOID:
			put_text_datum(out, value);
			break;
		case TEXTARRAYOID:
			put_text_array(out, value);
			break;
		case JSONBOID:
			put_jsonb(out, value);
			break;
		case INETOID:
			cstring = DatumGetCString(DirectFunctionCall1(inet_out, value));
			put_text(out, cstring, strlen(cstring));
			break;
		case BYTEAOID:
			bytes = DatumGetByteaPP(value);
			put_bytes(out, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
			break;
		default:
			elog(ERROR, "no canonical form for type %u", type);
	}
}

void
ca_chain_sha256(const void *data, Size len, unsigned char digest[CA_SHA256_LEN])
{
	if (!ca_sha256(data, len, digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-256 digest")));
}

/* See chain.h. */
void
ca_chain_hash(const Datum *values, const bool *isnull,
			  const unsigned char prev[CA_SHA256_LEN],
			  unsigned char hash[CA_SHA256_LEN])
{
	StringInfoData out;

	initStringInfo(&out);
	enlargeStringInfo(&out, CA_CHAIN_ROOM);
	memcpy(grow(&out, CA_SHA256_LEN), prev, CA_SHA256_LEN);
	memcpy(grow(&out, sizeof(CA_CHAIN_PREFIX) - 1), CA_CHAIN_PREFIX,
		   sizeof(CA_CHAIN_PREFIX) - 1);
	for (int i = 0; i < CA_NCHAINED; i++)
	{
		put_byte(&out, isnull[i] ? '\0' : '\1');
		if (!isnull[i])
			put_value(&out, ca_decision_columns[i].type, values[i]);
	}
	ca_chain_sha256(out.data, out.len, hash);
	pfree(out.data);
}
