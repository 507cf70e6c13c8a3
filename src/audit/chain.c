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

/* Append a 4-byte big-endian number. */
static void
put_uint32(StringInfo out, uint32 value)
{
	value = pg_hton32(value);
	appendBinaryStringInfo(out, (const char *) &value, sizeof(value));
}

/* Append an 8-byte big-endian number with its length. */
static void
put_int64(StringInfo out, int64 value)
{
	uint64		swapped = pg_hton64((uint64) value);

	put_uint32(out, sizeof(swapped));
	appendBinaryStringInfo(out, (const char *) &swapped, sizeof(swapped));
}

/* Append bytes with their length. */
static void
put_bytes(StringInfo out, const char *data, Size len)
{
	put_uint32(out, (uint32) len);
	appendBinaryStringInfo(out, data, (int) len);
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
	StringInfoData body;
	Datum	   *elems;
	bool	   *nulls;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false,
					  TYPALIGN_INT, &elems, &nulls, &n);
	initStringInfo(&body);
	put_uint32(&body, (uint32) n);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoCharMacro(&body, nulls[i] ? '\0' : '\1');
		if (!nulls[i])
			put_text_datum(&body, elems[i]);
	}
	put_bytes(out, body.data, body.len);
	pfree(body.data);
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
	appendBinaryStringInfo(&out, (const char *) prev, CA_SHA256_LEN);
	appendBinaryStringInfo(&out, CA_CHAIN_PREFIX, sizeof(CA_CHAIN_PREFIX) - 1);
	for (int i = 0; i < CA_NCHAINED; i++)
	{
		appendStringInfoCharMacro(&out, isnull[i] ? '\0' : '\1');
		if (!isnull[i])
			put_value(&out, ca_decision_columns[i].type, values[i]);
	}
	ca_chain_sha256(out.data, out.len, hash);
	pfree(out.data);
}
