/*-------------------------------------------------------------------------
 *
 * export_form.c
 *	  Lines of an export of the audit, read into what was hashed and signed.
 *
 * A line is read from left to right in one pass, each member's value going
 * straight into the canonical form.  The line ends with a NUL, at which every
 * loop stops, since no JSON holds one.  The form never needs more than
 * form_room() bytes, which is why nothing here looks whether there is room.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "common/fe_memutils.h"
#include "export_bytes.h"
#include "export_form.h"
#include "port/pg_bswap.h"

#define CA_CHAIN_PREFIX		"contauth-decision-v1\n"

/* Where the canonical form has the number: behind decision_id. */
#define SEQ_OFFSET \
	(CA_SHA256_LEN + sizeof(CA_CHAIN_PREFIX) - 1 + 1 + 4 + CA_UUID_BYTES + 1 + 4)

/* Days from 1970-01-01 to 2000-01-01. */
#define EPOCH_DAYS			10957

typedef enum ValueType
{
	VALUE_UUID,
	VALUE_INT8,
	VALUE_INT4,
	VALUE_TIME,
	VALUE_BOOL,
	VALUE_TEXT,					/* also jsonb and inet, as PostgreSQL prints
								 * them */
	VALUE_LIST
} ValueType;

typedef struct Member
{
	const char *name;			/* as in the line: a comma, quoted, a colon */
	size_t		len;
	ValueType	type;
} Member;

#define MEMBER(name, type)	{",\"" name "\":", sizeof(name) + 3, type}

static const Member members[] = {
	MEMBER("decision_id", VALUE_UUID),
	MEMBER("seq", VALUE_INT8),
	MEMBER("boot_id", VALUE_UUID),
	MEMBER("decided_at", VALUE_TIME),
	MEMBER("finished_at", VALUE_TIME),
	MEMBER("decision", VALUE_TEXT),
	MEMBER("mode", VALUE_TEXT),
	MEMBER("reason_code", VALUE_TEXT),
	MEMBER("reason", VALUE_TEXT),
	MEMBER("policies", VALUE_LIST),
	MEMBER("policy_version", VALUE_INT8),
	MEMBER("domain", VALUE_TEXT),
	MEMBER("agent", VALUE_TEXT),
	MEMBER("on_behalf_of", VALUE_TEXT),
	MEMBER("chain", VALUE_TEXT),
	MEMBER("depth", VALUE_INT4),
	MEMBER("autonomy", VALUE_INT4),
	MEMBER("purpose", VALUE_TEXT),
	MEMBER("task_id", VALUE_TEXT),
	MEMBER("trace_id", VALUE_TEXT),
	MEMBER("token_kid", VALUE_TEXT),
	MEMBER("token_jti", VALUE_TEXT),
	MEMBER("token_sha256", VALUE_TEXT),
	MEMBER("db_role", VALUE_TEXT),
	MEMBER("database", VALUE_TEXT),
	MEMBER("application_name", VALUE_TEXT),
	MEMBER("client_addr", VALUE_TEXT),
	MEMBER("tls", VALUE_BOOL),
	MEMBER("action", VALUE_LIST),
	MEMBER("accesses", VALUE_TEXT),
	MEMBER("max_sensitivity", VALUE_INT4),
	MEMBER("statement_kind", VALUE_TEXT),
	MEMBER("query_id", VALUE_INT8),
	MEMBER("statement_sha256", VALUE_TEXT),
	MEMBER("statement", VALUE_TEXT),
	MEMBER("rows_returned", VALUE_INT8),
	MEMBER("rows_affected", VALUE_INT8),
	MEMBER("decision_us", VALUE_INT8),
	MEMBER("execution_us", VALUE_INT8),
	MEMBER("sqlstate", VALUE_TEXT),
	MEMBER("approval_id", VALUE_UUID),
	MEMBER("context", VALUE_TEXT),
};

/* A line while it is read, and the form while it is written. */
typedef struct Reader
{
	const char *p;
	const char *end;			/* where the NUL is */
	unsigned char *out;
} Reader;

/*
 * Bytes that the form of a line can need: a member has at most 13 bytes of
 * number or 21 of UUID, and an element of a list or a text never more than
 * twice what it has in the line.
 */
static size_t
form_room(size_t len)
{
	return CA_SHA256_LEN + sizeof(CA_CHAIN_PREFIX) + 24 * lengthof(members) +
		2 * len;
}

/* Go over exactly this text, of len bytes. */
static inline bool
skip_bytes(Reader *r, const char *text, size_t len)
{
	if ((size_t) (r->end - r->p) < len || memcmp(r->p, text, len) != 0)
		return false;
	r->p += len;
	return true;
}

#define skip(r, text)	skip_bytes(r, "" text, sizeof(text) - 1)

/* Are n bytes the same?  A call of memcmp whose n is known becomes instructions. */
#define SAME(a, b, offset, n)	(memcmp((a) + (offset), (b) + (offset), n) == 0)

/* Go over the name of a member, without its comma before the first one. */
static inline bool
skip_name(Reader *r, const Member *member, bool first)
{
	const char *name = member->name + (first ? 1 : 0);
	size_t		len = member->len - (first ? 1 : 0);

	if ((size_t) (r->end - r->p) < len)
		return false;
	if (len < 8 ? !(SAME(r->p, name, 0, 4) && SAME(r->p, name, len - 4, 4)) :
		!(SAME(r->p, name, 0, 8) && SAME(r->p, name, len - 8, 8) &&
		  (len <= 16 || SAME(r->p, name, 8, 8)) &&
		  (len <= 24 || SAME(r->p, name, 16, len - 24))))
		return false;
	r->p += len;
	return true;
}

/* Two hexadecimal digits. */
static inline bool
read_hex_byte(Reader *r, unsigned char *byte)
{
	int			high = hex_value(r->p[0]);
	int			low = high < 0 ? -1 : hex_value(r->p[1]);

	if (low < 0)
		return false;
	*byte = (unsigned char) (high << 4 | low);
	r->p += 2;
	return true;
}

/* A quoted string of exactly len bytes in hexadecimal, a multiple of 8. */
static bool
read_hex(Reader *r, unsigned char *out, size_t len)
{
	const char *p = r->p;

	if ((size_t) (r->end - p) < 2 * len + 2 || p[0] != '"' || p[2 * len + 1] != '"')
		return false;
	for (size_t i = 0; i < len; i += 8)
	{
		if (!eight_from_hex(p + 1 + 2 * i, out + i))
			return false;
	}
	r->p += 2 * len + 2;
	return true;
}

/* A UUID in its usual form. */
static bool
read_uuid(Reader *r, unsigned char out[CA_UUID_BYTES])
{
	const char *p = r->p;
	char		digits[2 * CA_UUID_BYTES];

	if (r->end - p < 38 || p[0] != '"' || p[9] != '-' || p[14] != '-' ||
		p[19] != '-' || p[24] != '-' || p[37] != '"')
		return false;
	memcpy(digits, p + 1, 8);
	memcpy(digits + 8, p + 10, 4);
	memcpy(digits + 12, p + 15, 4);
	memcpy(digits + 16, p + 20, 4);
	memcpy(digits + 20, p + 25, 12);
	r->p += 38;
	return eight_from_hex(digits, out) && eight_from_hex(digits + 16, out + 8);
}

/* A whole number, written in the one way that JSON has for it. */
static bool
read_int64(Reader *r, int64 *value)
{
	bool		negative = *r->p == '-';
	const char *digits = negative ? r->p + 1 : r->p;
	const char *p = digits;
	uint64		magnitude = 0;

	while (*p >= '0' && *p <= '9' && p - digits < 19)
		magnitude = magnitude * 10 + (*p++ - '0');
	if (p == digits || (*digits == '0' && (p - digits > 1 || negative)))
		return false;
	if ((*p >= '0' && *p <= '9') ||
		magnitude > (uint64) PG_INT64_MAX + (negative ? 1 : 0))
		return false;
	*value = negative ? (int64) (0 - magnitude) : (int64) magnitude;
	r->p = p;
	return true;
}

/* The number that n digits are; *bad is set when they are not all digits. */
static inline int
digits_at(const char *p, int n, bool *bad)
{
	int			value = 0;

	for (int i = 0; i < n; i++)
	{
		*bad |= p[i] < '0' || p[i] > '9';
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
static int64
days_of_date(int year, int month, int day)
{
	int			y = month <= 2 ? year - 1 : year;
	int			era = y / 400;
	int			of_era = y - era * 400;
	int			of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (int64) era * 146097 +
		of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* A time: microseconds since 2000-01-01 UTC. */
static bool
read_time(Reader *r, int64 *value)
{
	static const char form[] = "\"0000-00-00T00:00:00.000000Z\"";
	const char *p = r->p;
	bool		bad = false;
	int			year,
				month,
				day,
				hour,
				minute,
				second,
				fraction;

	if (r->end - p < (ptrdiff_t) sizeof(form) - 1 ||
		p[0] != '"' || p[5] != '-' || p[8] != '-' || p[11] != 'T' || p[14] != ':' ||
		p[17] != ':' || p[20] != '.' || p[27] != 'Z' || p[28] != '"')
		return false;
	year = digits_at(p + 1, 4, &bad);
	month = digits_at(p + 6, 2, &bad);
	day = digits_at(p + 9, 2, &bad);
	hour = digits_at(p + 12, 2, &bad);
	minute = digits_at(p + 15, 2, &bad);
	second = digits_at(p + 18, 2, &bad);
	fraction = digits_at(p + 21, 6, &bad);
	if (bad || year < 1 || month < 1 || month > 12 || day < 1 || day > 31 ||
		hour > 23 || minute > 59 || second > 59)
		return false;
	r->p += sizeof(form) - 1;
	*value = ((((days_of_date(year, month, day) - EPOCH_DAYS) * 24 + hour) * 60 +
			   minute) * 60 + second) * INT64CONST(1000000) + fraction;
	return true;
}

/* Four hexadecimal digits of either case, behind "\u". */
static bool
read_utf16(Reader *r, uint32 *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, r->p++)
	{
		char		c = *r->p;
		int			value = hex_value(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

		if (value < 0)
			return false;
		*unit = *unit << 4 | value;
	}
	return true;
}

/* Append a character in UTF-8. */
static void
put_utf8(Reader *r, uint32 c)
{
	if (c < 0x80)
		*r->out++ = c;
	else if (c < 0x800)
	{
		*r->out++ = 0xc0 | c >> 6;
		*r->out++ = 0x80 | (c & 0x3f);
	}
	else if (c < 0x10000)
	{
		*r->out++ = 0xe0 | c >> 12;
		*r->out++ = 0x80 | (c >> 6 & 0x3f);
		*r->out++ = 0x80 | (c & 0x3f);
	}
	else
	{
		*r->out++ = 0xf0 | c >> 18;
		*r->out++ = 0x80 | (c >> 12 & 0x3f);
		*r->out++ = 0x80 | (c >> 6 & 0x3f);
		*r->out++ = 0x80 | (c & 0x3f);
	}
}

/* A character behind "\u"; a pair of surrogates is one. */
static bool
read_unicode(Reader *r)
{
	uint32		unit;
	uint32		second;

	if (!read_utf16(r, &unit) || unit == 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff)
	{
		if (!skip(r, "\\u") || !read_utf16(r, &second) ||
			second < 0xdc00 || second > 0xdfff)
			return false;
		unit = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
	}
	put_utf8(r, unit);
	return true;
}

/* What stands behind a backslash. */
static bool
read_escape(Reader *r)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (*r->p == 'u')
	{
		r->p++;
		return read_unicode(r);
	}
	found = *r->p == '\0' ? NULL : strchr(from, *r->p);
	if (found == NULL)
		return false;
	*r->out++ = to[found - from];
	r->p++;
	return true;
}

/* Append a number of 4 bytes at a place. */
static void
put_uint32_at(unsigned char *place, uint32 value)
{
	value = pg_hton32(value);
	memcpy(place, &value, sizeof(value));
}

/*
 * A string: its length and its bytes.  The reader is copied while plain text is,
 * so that the compiler can keep it in registers.
 */
static bool
read_string(Reader *reader)
{
	Reader		r = *reader;
	unsigned char *length = r.out;

	if (*r.p++ != '"')
		return false;
	r.out += 4;
	for (;;)
	{
		size_t		n = copy_plain(r.out, r.p, r.end);
		unsigned char c;

		r.p += n;
		r.out += n;
		while ((c = *r.p) >= 0x20 && c != '"' && c != '\\')
		{
			*r.out++ = c;
			r.p++;
		}
		if (c < 0x20)
			return false;
		r.p++;
		if (c == '"')
			break;
		if (*r.p == '"')
			*r.out++ = *r.p++;	/* in JSON within JSON, nearly all */
		else
		{
			*reader = r;
			if (!read_escape(reader))
				return false;
			r = *reader;
		}
	}
	put_uint32_at(length, (uint32) (r.out - length - 4));
	*reader = r;
	return true;
}

/* An array of strings and nulls: its length, their number, each of them. */
static bool
read_list(Reader *r)
{
	unsigned char *length = r->out;
	uint32		n = 0;

	if (!skip(r, "["))
		return false;
	r->out += 8;
	while (!(n == 0 && *r->p == ']'))
	{
		n++;
		if (skip(r, "null"))
			*r->out++ = 0;
		else
		{
			*r->out++ = 1;
			if (!read_string(r))
				return false;
		}
		if (*r->p == ']')
			break;
		if (!skip(r, ","))
			return false;
	}
	r->p++;
	put_uint32_at(length, (uint32) (r->out - length - 4));
	put_uint32_at(length + 4, n);
	return true;
}

/* Append bytes with their length. */
static void
put_bytes(Reader *r, const void *data, size_t len)
{
	put_uint32_at(r->out, (uint32) len);
	memcpy(r->out + 4, data, len);
	r->out += 4 + len;
}

/* Append a number of 8 bytes with its length. */
static void
put_int64(Reader *r, int64 value)
{
	uint64		swapped = pg_hton64((uint64) value);

	put_bytes(r, &swapped, sizeof(swapped));
}

/* A value of a type that has a fixed size. */
static bool
read_fixed(Reader *r, ValueType type)
{
	unsigned char uuid[CA_UUID_BYTES];
	int64		number;
	uint32		swapped;

	switch (type)
	{
		case VALUE_UUID:
			if (!read_uuid(r, uuid))
				return false;
			put_bytes(r, uuid, sizeof(uuid));
			return true;
		case VALUE_INT8:
			if (!read_int64(r, &number))
				return false;
			put_int64(r, number);
			return true;
		case VALUE_INT4:
			if (!read_int64(r, &number) || number < PG_INT32_MIN ||
				number > PG_INT32_MAX)
				return false;
			swapped = pg_hton32((uint32) number);
			put_bytes(r, &swapped, sizeof(swapped));
			return true;
		case VALUE_TIME:
			if (!read_time(r, &number))
				return false;
			put_int64(r, number);
			return true;
		default:
			return false;
	}
}

/* A value that is not null. */
static bool
read_value(Reader *r, ValueType type)
{
	bool		is_true;

	switch (type)
	{
		case VALUE_TEXT:
			return read_string(r);
		case VALUE_LIST:
			return read_list(r);
		case VALUE_BOOL:
			is_true = skip(r, "true");
			if (!is_true && !skip(r, "false"))
				return false;
			put_bytes(r, is_true ? "\1" : "\0", 1);
			return true;
		default:
			return read_fixed(r, type);
	}
}

/* All members that the form covers. */
static bool
read_members(Reader *r)
{
	if (!skip(r, "{"))
		return false;
	for (int i = 0; i < (int) lengthof(members); i++)
	{
		if (!skip_name(r, &members[i], i == 0))
			return false;
		if (skip(r, "null"))
			*r->out++ = 0;
		else
		{
			*r->out++ = 1;
			if (!read_value(r, members[i].type))
				return false;
		}
	}
	return true;
}

/* See export_form.h. */
bool
ca_export_record(const char *line, size_t len, CaExportRecord *record)
{
	Reader		r;
	size_t		room = form_room(len);
	uint64		seq;

	if (room > record->form_size)
	{
		pg_free(record->form);
		record->form = pg_malloc(room);
		record->form_size = room;
	}
	r.p = line;
	r.end = line + len;
	r.out = record->form + CA_SHA256_LEN;
	memcpy(r.out, CA_CHAIN_PREFIX, sizeof(CA_CHAIN_PREFIX) - 1);
	r.out += sizeof(CA_CHAIN_PREFIX) - 1;
	if (!read_members(&r) ||
		!skip(&r, ",\"prev_hash\":") || !read_hex(&r, record->form, CA_SHA256_LEN) ||
		!skip(&r, ",\"hash\":") || !read_hex(&r, record->hash, CA_SHA256_LEN) ||
		!skip(&r, "}") || r.p != r.end)
		return false;

	/* decision_id and seq are never null, else the number is elsewhere */
	if (record->form[SEQ_OFFSET - 5] != 1 ||
		record->form[CA_SHA256_LEN + sizeof(CA_CHAIN_PREFIX) - 1] != 1)
		return false;
	memcpy(&seq, record->form + SEQ_OFFSET, sizeof(seq));
	record->seq = (int64) pg_ntoh64(seq);
	record->form_len = r.out - record->form;
	return true;
}

/* See export_form.h. */
void
ca_export_renumber(CaExportRecord *record, int64 seq)
{
	uint64		swapped = pg_hton64((uint64) seq);

	memcpy(record->form + SEQ_OFFSET, &swapped, sizeof(swapped));
	record->seq = seq;
}

/* See export_form.h. */
bool
ca_export_hash(const char *text, unsigned char out[CA_SHA256_LEN])
{
	Reader		r = {.p = text,.end = text + strlen(text)};

	for (int i = 0; i < CA_SHA256_LEN; i++)
	{
		if (!read_hex_byte(&r, out + i))
			return false;
	}
	return *r.p == '\0';
}

/* A string without escapes of at most size - 1 bytes. */
static bool
read_word(Reader *r, char *out, size_t size)
{
	size_t		len;

	if (!skip(r, "\""))
		return false;
	len = strcspn(r->p, "\"\\");
	if (len >= size || r->p[len] != '"')
		return false;
	memcpy(out, r->p, len);
	out[len] = '\0';
	r->p += len + 1;
	return true;
}

/* The public key: as many bytes as there are. */
static bool
read_key(Reader *r, CaCheckpoint *c)
{
	if (!skip(r, "\""))
		return false;
	while (*r->p != '"')
	{
		if (c->public_key_len == CA_SIGNER_SPKI_MAX ||
			!read_hex_byte(r, c->public_key + c->public_key_len++))
			return false;
	}
	r->p++;
	return true;
}

/* The second signature: both members null, or none. */
static bool
read_crossed(Reader *r, CaCheckpoint *c)
{
	if (skip(r, ",\"previous_key_id\":null,\"previous_signature\":null"))
		return true;
	c->crossed = true;
	return skip(r, ",\"previous_key_id\":") &&
		read_word(r, c->previous_key_id, sizeof(c->previous_key_id)) &&
		skip(r, ",\"previous_signature\":") &&
		read_hex(r, c->previous_signature, CA_SIGNER_SIG_LEN);
}

/* See export_form.h. */
bool
ca_export_checkpoint(const char *line, size_t len, CaCheckpoint *c)
{
	Reader		r = {.p = line,.end = line + len};

	memset(c, 0, sizeof(*c));
	return skip(&r, "{\"checkpoint_id\":") && read_int64(&r, &c->checkpoint_id) &&
		skip(&r, ",\"seq\":") && read_int64(&r, &c->seq) &&
		skip(&r, ",\"record_hash\":") &&
		read_hex(&r, c->record_hash, CA_SHA256_LEN) &&
		skip(&r, ",\"records\":") && read_int64(&r, &c->records) &&
		skip(&r, ",\"boot_id\":") && read_uuid(&r, c->boot_id) &&
		skip(&r, ",\"created_at\":") && read_time(&r, &c->created_at) &&
		skip(&r, ",\"prev_checkpoint\":") &&
		read_hex(&r, c->prev_checkpoint, CA_SHA256_LEN) &&
		skip(&r, ",\"key_id\":") && read_word(&r, c->key_id, sizeof(c->key_id)) &&
		skip(&r, ",\"alg\":") && read_word(&r, c->alg, sizeof(c->alg)) &&
		skip(&r, ",\"signature\":") &&
		read_hex(&r, c->signature, CA_SIGNER_SIG_LEN) &&
		skip(&r, ",\"public_key\":") && read_key(&r, c) &&
		read_crossed(&r, c) && skip(&r, "}") && r.p == r.end;
}
