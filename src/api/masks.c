/*-------------------------------------------------------------------------
 *
 * masks.c
 *	  The functions behind column masks: those of texts that need nothing
 *	  else, hash, and what the functions in masks_*.c share.
 *
 * Their last argument is of type contauth.mask_call, of which no SQL text can
 * produce a value: only expressions that policy/mask.c builds can call them.
 * All are strict, so that NULL stays NULL.
 * None fails on a value; see policy/mask.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/masks.h"
#include "base/catalog.h"
#include "crypto/digest.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

/* What a masked address has for the rest of its local part. */
#define CA_EMAIL_STARS		"***"

#define CA_MASK_KEY_NAME	"mask"
#define CA_MASK_KEY_SALT	"contauth mask"

PG_FUNCTION_INFO_V1(contauth_mask_call_in);
PG_FUNCTION_INFO_V1(contauth_mask_call_out);
PG_FUNCTION_INFO_V1(contauth_mask_redact);
PG_FUNCTION_INFO_V1(contauth_mask_partial);
PG_FUNCTION_INFO_V1(contauth_mask_email);
PG_FUNCTION_INFO_V1(contauth_mask_hash_text);
PG_FUNCTION_INFO_V1(contauth_mask_hash_bytea);
PG_FUNCTION_INFO_V1(contauth_mask_hash_uuid);

/* Input of type mask_call: there is none.  SECURITY: see policy/mask.c. */
Datum
contauth_mask_call_in(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("values of type contauth.mask_call cannot be made")));
	PG_RETURN_NULL();
}

/* Output of type mask_call, for EXPLAIN VERBOSE. */
Datum
contauth_mask_call_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup("contauth"));
}

/* mask_redact(text, mask_call): the same for every value */
Datum
contauth_mask_redact(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(CA_REDACTED));
}

/* Has none of these bytes its highest bit set? */
static bool
is_ascii(const char *p, int len)
{
	uint64		all = 0;
	uint64		word = 0;

	for (; len >= (int) sizeof(word); p += sizeof(word), len -= sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		all |= word;
	}
	for (; len > 0; p++, len--)
		all |= (unsigned char) *p;
	return (all & UINT64CONST(0x8080808080808080)) == 0;
}

/* Characters of a value; what is ASCII alone has one for each byte. */
static int
count_chars(const char *p, int len)
{
	return is_ascii(p, len) ? len : pg_mbstrlen_with_len(p, len);
}

/* Bytes of the first characters of len bytes. */
static int
bytes_of(const char *p, int len, int nchars)
{
	int			bytes = 0;

	for (int i = 0; i < nchars && bytes < len; i++)
		bytes += Min(pg_mblen(p + bytes), len - bytes);
	return bytes;
}

/* Keep that many characters at the ends and put "*" for each other one. */
static text *
keep_ends(const text * value, int first, int last)
{
	const char *p = VARDATA_ANY(value);
	int			len = VARSIZE_ANY_EXHDR(value);
	int			nchars = count_chars(p, len);
	bool		wholly = first < 0 || last < 0 || last >= nchars || first >= nchars - last;
	int			stars = wholly ? nchars : nchars - first - last;
	int			head = wholly ? 0 : first;
	int			tail = wholly ? len : len - last;	/* where it begins */
	text	   *result;

	if (!wholly && nchars != len)
	{
		head = bytes_of(p, len, first);
		tail = head + bytes_of(p + head, len - head, stars);
	}
	result = palloc(VARHDRSZ + head + stars + len - tail);
	SET_VARSIZE(result, VARHDRSZ + head + stars + len - tail);
	memcpy(VARDATA(result), p, head);
	memset(VARDATA(result) + head, '*', stars);
	memcpy(VARDATA(result) + head + stars, p + tail, len - tail);
	return result;
}

text *
ca_mask_wholly(const text * value)
{
	return keep_ends(value, 0, 0);
}

/*
 * mask_partial(text, first int, last int, mask_call): a value that would be
 * shown as a whole is hidden as a whole.
 */
Datum
contauth_mask_partial(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(keep_ends(PG_GETARG_TEXT_PP(0),
							   PG_GETARG_INT32(1), PG_GETARG_INT32(2)));
}

/*
 * mask_email(text, mask_call): first character of the local part, then "***",
 * then the domain.  What is no address is redacted.
 */
Datum
contauth_mask_email(PG_FUNCTION_ARGS)
{
	const		text *value = PG_GETARG_TEXT_PP(0);
	const char *p = VARDATA_ANY(value);
	int			len = VARSIZE_ANY_EXHDR(value);
	int			at = len - 1;	/* of the last "@" */
	int			first;
	text	   *result;

	while (at >= 0 && p[at] != '@')
		at--;
	if (at <= 0 || at == len - 1)
		PG_RETURN_TEXT_P(cstring_to_text(CA_REDACTED));
	first = Min(pg_mblen(p), at);
	result = palloc(VARHDRSZ + first + strlen(CA_EMAIL_STARS) + len - at);
	SET_VARSIZE(result, VARHDRSZ + first + strlen(CA_EMAIL_STARS) + len - at);
	memcpy(VARDATA(result), p, first);
	memcpy(VARDATA(result) + first, CA_EMAIL_STARS, strlen(CA_EMAIL_STARS));
	memcpy(VARDATA(result) + first + strlen(CA_EMAIL_STARS), p + at, len - at);
	PG_RETURN_TEXT_P(result);
}

static bool
take_key(HeapTuple tuple, TupleDesc desc, void *arg)
{
	bool		isnull;
	Datum		key = ca_row_datum(tuple, desc, "key", &isnull);

	if (!isnull)
		*(bytea **) arg = DatumGetByteaPCopy(key);
	return false;
}

/* The secret of this database. */
static bytea *
read_secret(void)
{
	bytea	   *secret = NULL;

	ca_table_scan(CA_TABLE_SECRET, "name", CA_MASK_KEY_NAME, take_key, &secret);
	if (secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key for masks is missing")));
	return secret;
}

/* The same, as the key of mask hash, read once per query. */
static bytea *
hash_key(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		fcinfo->flinfo->fn_extra = read_secret();
		MemoryContextSwitchTo(old);
	}
	return fcinfo->flinfo->fn_extra;
}

/*
 * SECURITY: mask hash shows HMACs under the secret itself, of whatever stands
 * in a column.  A key for another use must not be one of them, so it comes by
 * HKDF, where the secret is what is hashed.
 */
const unsigned char *
ca_mask_key(FunctionCallInfo fcinfo, const char *use)
{
	bytea	   *secret;
	unsigned char *key;

	if (fcinfo->flinfo->fn_extra != NULL)
		return fcinfo->flinfo->fn_extra;

	secret = read_secret();
	key = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, CA_SHA256_LEN);
	if (!ca_hkdf_sha256(VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret),
						CA_MASK_KEY_SALT, strlen(CA_MASK_KEY_SALT),
						use, strlen(use), key))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not derive a key for masks")));
	fcinfo->flinfo->fn_extra = key;
	return key;
}

static void
keyed_hash(FunctionCallInfo fcinfo, const void *data, size_t len,
		   unsigned char out[CA_SHA256_LEN])
{
	bytea	   *key = hash_key(fcinfo);

	if (!ca_hmac_sha256(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), data, len, out))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a hash mask")));
}

/* mask_hash(text, mask_call): HMAC-SHA-256 as lower-case hexadecimal */
Datum
contauth_mask_hash_text(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	unsigned char digest[CA_SHA256_LEN];
	char		hex[CA_SHA256_HEXLEN + 1];

	keyed_hash(fcinfo, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), digest);
	ca_digest_hex(digest, hex);
	PG_RETURN_TEXT_P(cstring_to_text(hex));
}

/* mask_hash(bytea, mask_call): HMAC-SHA-256, 32 bytes */
Datum
contauth_mask_hash_bytea(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	bytea	   *result = palloc(VARHDRSZ + CA_SHA256_LEN);

	SET_VARSIZE(result, VARHDRSZ + CA_SHA256_LEN);
	keyed_hash(fcinfo, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
			   (unsigned char *) VARDATA(result));
	PG_RETURN_BYTEA_P(result);
}

/* mask_hash(uuid, mask_call): a version 8 UUID (RFC 9562) made of the HMAC */
Datum
contauth_mask_hash_uuid(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *value = PG_GETARG_UUID_P(0);
	pg_uuid_t  *result = palloc(sizeof(pg_uuid_t));
	unsigned char digest[CA_SHA256_LEN];

	keyed_hash(fcinfo, value->data, UUID_LEN, digest);
	memcpy(result->data, digest, UUID_LEN);
	result->data[6] = (result->data[6] & 0x0f) | 0x80;
	result->data[8] = (result->data[8] & 0x3f) | 0x80;
	PG_RETURN_UUID_P(result);
}
