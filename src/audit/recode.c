/*-------------------------------------------------------------------------
 *
 * recode.c
 *	  Conversion between encodings that cannot fail.
 *
 * Records come from databases of any encoding, and some of their texts
 * (application_name before login, statement text in SQL_ASCII) were checked
 * by nobody.  A record must be writable all the same, and the canonical form
 * must come out the same each time, so what cannot be converted is written as
 * \xHH per byte.  Needs a transaction when from and to differ.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/recode.h"
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* Source bytes converted at a time. */
#define CA_RECODE_CHUNK		8192

/* Append n bytes as \xHH. */
static void
append_escaped(StringInfo out, const char *s, int n)
{
	for (int i = 0; i < n; i++)
		appendStringInfo(out, "\\x%02x", (unsigned char) s[i]);
}

/* Append s, which claims to be in encoding, with invalid bytes escaped. */
static void
append_checked(StringInfo out, const char *s, int len, int encoding)
{
	while (len > 0)
	{
		int			valid = pg_encoding_verifymbstr(encoding, s, len);

		appendBinaryStringInfo(out, s, valid);
		if (valid == len)
			break;
		append_escaped(out, s + valid, 1);
		s += valid + 1;
		len -= valid + 1;
	}
}

/* Append s converted by proc; what it stops at is escaped. */
static void
append_converted(StringInfo out, const char *s, int len, Oid proc,
				 int from, int to)
{
	int			room = CA_RECODE_CHUNK * MAX_CONVERSION_GROWTH + 1;
	char	   *buf = palloc(room);

	while (len > 0)
	{
		int			done;
		int			skip;

		done = pg_do_encoding_conversion_buf(proc, from, to,
											 (unsigned char *) unconstify(char *, s),
											 Min(len, CA_RECODE_CHUNK),
											 (unsigned char *) buf, room, true);
		appendStringInfoString(out, buf);
		s += done;
		len -= done;
		if (len <= 0 || done > 0)
			continue;

		/* stuck on one character */
		skip = pg_encoding_verifymbchar(from, s, len);
		skip = skip < 1 ? 1 : skip;
		append_escaped(out, s, skip);
		s += skip;
		len -= skip;
	}
	pfree(buf);
}

/* Does s stay as it is?  Mostly it does. */
static bool
stays(const char *s, Size len, int from, int to)
{
	if (to == PG_SQL_ASCII)
		to = PG_UTF8;
	return (from < 0 || from == to || from == PG_SQL_ASCII) &&
		pg_encoding_verifymbstr(to, s, (int) len) == (int) len;
}

/* See recode.h. */
char *
ca_recode(const char *s, Size len, int from, int to, Size *outlen)
{
	StringInfoData out;
	Oid			proc = InvalidOid;

	if (stays(s, len, from, to))
	{
		if (outlen != NULL)
			*outlen = len;
		return pnstrdup(s, len);
	}
	initStringInfo(&out);
	if (to == PG_SQL_ASCII)
		to = PG_UTF8;
	if (from >= 0 && from != to && from != PG_SQL_ASCII)
		proc = FindDefaultConversionProc(from, to);
	if (OidIsValid(proc))
		append_converted(&out, s, (int) len, proc, from, to);
	else
		append_checked(&out, s, (int) len, to);
	if (outlen != NULL)
		*outlen = out.len;
	return out.data;
}

/* See recode.h. */
Datum
ca_recode_text(const char *s, Size len, int from, int to)
{
	char	   *recoded;

	if (stays(s, len, from, to))
		return PointerGetDatum(cstring_to_text_with_len(s, (int) len));
	recoded = ca_recode(s, len, from, to, &len);
	return PointerGetDatum(cstring_to_text_with_len(recoded, (int) len));
}
