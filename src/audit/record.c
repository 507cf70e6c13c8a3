/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Encoding and decoding of the fields of an audit record.
 *
 * A field is two uint32 in host byte order, tag and length, and then the
 * bytes.  Nothing is aligned, so all access goes through memcpy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/record.h"

/* What stands before the bytes of every field. */
typedef struct FieldHead
{
	uint32		tag;
	uint32		len;
} FieldHead;

/* Append one field of len bytes to buf. */
void
ca_record_put(StringInfo buf, CaField tag, const void *data, Size len)
{
	FieldHead	head;

	head.tag = (uint32) tag;
	head.len = (uint32) len;
	appendBinaryStringInfo(buf, (const char *) &head, sizeof(head));
	appendBinaryStringInfo(buf, data, (int) len);
}

/* Append a text field; a NULL text is no field at all. */
void
ca_record_put_text(StringInfo buf, CaField tag, const char *text)
{
	if (text != NULL)
		ca_record_put(buf, tag, text, strlen(text));
}

/* Append an int32 field. */
void
ca_record_put_int32(StringInfo buf, CaField tag, int32 value)
{
	ca_record_put(buf, tag, &value, sizeof(value));
}

/*
 * Read the field at *pos and move *pos behind it; false at the end.  *value
 * points into data.  A field that reaches over the end raises an error.
 */
bool
ca_record_next(const char *data, Size len, Size *pos,
			   CaField *tag, const char **value, Size *value_len)
{
	FieldHead	head;

	if (*pos >= len)
		return false;
	if (len - *pos < sizeof(head))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("malformed audit record")));
	memcpy(&head, data + *pos, sizeof(head));
	if (head.len > len - *pos - sizeof(head))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("malformed audit record")));
	*tag = (CaField) head.tag;
	*value = data + *pos + sizeof(head);
	*value_len = head.len;
	*pos += sizeof(head) + head.len;
	return true;
}
