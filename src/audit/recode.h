/*-------------------------------------------------------------------------
 *
 * recode.h
 *	  Conversion between encodings that cannot fail.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_RECODE_H
#define CA_AUDIT_RECODE_H

/*
 * len bytes of s from encoding "from" to encoding "to", palloc'd and
 * NUL-terminated.  Bytes that are invalid, or that "to" has no character for,
 * become \xHH.  PG_SQL_ASCII as "to" means UTF8; from it, or from an unknown
 * encoding (negative), nothing is converted, only checked.  *outlen, unless
 * NULL, gets the length.
 */
extern char *ca_recode(const char *s, Size len, int from, int to,
					   Size *outlen);

/* The same as a text datum. */
extern Datum ca_recode_text(const char *s, Size len, int from, int to);

#endif							/* CA_AUDIT_RECODE_H */
