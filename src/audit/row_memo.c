/*-------------------------------------------------------------------------
 *
 * row_memo.c
 *	  What a record's fields say, when the next record's fields are the same.
 *
 * An agent runs its prepared statements again and again; then all that differs
 * between two records is in their headers.  So the columns that come from the
 * fields are kept beside the fields' bytes.  Fields have one place, by their
 * checksum, and are kept when they come there for the second time: statements
 * with constants in their texts do not come back, and cost a checksum.
 *
 * SECURITY: fields are compared whole, as in memo.c, so that nobody's record is
 * written as another's.  (test/t/030_audit_writer.pl)
 *
 * Memory is bounded: CA_ROW_PLACES places of twice CA_ROW_MAX bytes at most.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/row_memo.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#define CA_ROW_PLACES	64		/* a power of two */
#define CA_ROW_MAX		8192	/* longest fields, and longest columns, bytes */

typedef struct KeptColumn
{
	CaColumn	column;
	Datum		value;			/* those by reference stand behind the fields */
} KeptColumn;

typedef struct Place
{
	uint32		seen;			/* checksum of the last fields that came */
	int			statement;		/* contauth.audit_statement then */
	Size		len;			/* of the fields kept; 0: empty */
	const char *fields;
	int			ncolumns;
	KeptColumn *columns;		/* first in the memory of the place */
} Place;

static Place places[CA_ROW_PLACES];

/* Length and kind of a column's type, as in pg_type. */
static int
type_length(Oid type, bool *by_value)
{
	*by_value = type == INT8OID || type == TIMESTAMPTZOID || type == INT4OID ||
		type == BOOLOID;
	return type == UUIDOID ? UUID_LEN : *by_value ? (int) sizeof(Datum) : -1;
}

/* Bytes that a column takes behind the fields. */
static Size
column_size(int column, Datum value)
{
	bool		by_value;
	int			len = type_length(ca_decision_columns[column].type, &by_value);

	return by_value ? 0 : MAXALIGN(datumGetSize(value, false, len));
}

bool
ca_row_memo_find(const char *fields, Size len, uint32 checksum, Datum *values, bool *nulls)
{
	const Place *place = &places[checksum & (CA_ROW_PLACES - 1)];

	if (len == 0 || place->len != len || place->statement != ca_guc_audit_statement ||
		memcmp(place->fields, fields, len) != 0)
		return false;
	for (int i = 0; i < place->ncolumns; i++)
	{
		values[place->columns[i].column] = place->columns[i].value;
		nulls[place->columns[i].column] = false;
	}
	return true;
}

/* Fill a place that has been emptied. */
static void
fill(Place *place, const char *fields, Size len, const Datum *values,
	 const bool *nulls, Size room)
{
	Size		head = MAXALIGN(sizeof(KeptColumn) * CA_NCOLUMNS);
	char	   *memory = MemoryContextAlloc(TopMemoryContext, head + MAXALIGN(len) + room);
	char	   *at = memory + head + MAXALIGN(len);

	place->columns = (KeptColumn *) memory;
	place->fields = memory + head;
	memcpy(memory + head, fields, len);
	place->ncolumns = 0;
	for (int i = 0; i < CA_NCOLUMNS; i++)
	{
		KeptColumn *column = &place->columns[place->ncolumns];
		bool		by_value;
		int			type_len = type_length(ca_decision_columns[i].type, &by_value);

		if (nulls[i])
			continue;
		column->column = i;
		column->value = values[i];
		if (!by_value)
		{
			memcpy(at, DatumGetPointer(values[i]), datumGetSize(values[i], false, type_len));
			column->value = PointerGetDatum(at);
			at += column_size(i, values[i]);
		}
		place->ncolumns++;
	}
	place->statement = ca_guc_audit_statement;
	place->len = len;
}

void
ca_row_memo_keep(const char *fields, Size len, uint32 checksum,
				 const Datum *values, const bool *nulls)
{
	Place	   *place = &places[checksum & (CA_ROW_PLACES - 1)];
	bool		again = place->seen == checksum;
	Size		room = 0;

	place->seen = checksum;
	if (!again || len == 0 || len > CA_ROW_MAX)
		return;
	for (int i = 0; i < CA_NCOLUMNS; i++)
	{
		if (!nulls[i])
			room += column_size(i, values[i]);
	}
	if (room > CA_ROW_MAX)
		return;
	if (place->len > 0)
	{
		place->len = 0;
		pfree(place->columns);
	}
	fill(place, fields, len, values, nulls, room);
}
