/*-------------------------------------------------------------------------
 *
 * decision_row.c
 *	  Turns a record of the ring into a row of contauth_audit.decision.
 *
 * Invariant: a record that was taken can be written.  Texts are recoded
 * (recode.c); what no type's input function accepts is kept in another form:
 * bad JSON as {"unparsable": text}, a bad address not at all.
 *
 * What is made of all fields (row_memo.c), and of a statement, a JSON text or the
 * fields of accesses (memo.c), is kept, where it depends on nothing but these bytes,
 * and on the setting that chooses between results (audit_statement), which is asked
 * for each record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "audit/chain.h"
#include "audit/decision_row.h"
#include "audit/memo.h"
#include "audit/normalize.h"
#include "audit/recode.h"
#include "audit/row_memo.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "catalog/pg_database.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* A row in the making. */
typedef struct RowBuilder
{
	Datum	   *values;
	bool	   *nulls;
	int			encoding;		/* of the record's texts; -1: unknown */
	List	   *policies;		/* of char * */
	List	   *actions;		/* of char * */
	StringInfoData accesses;	/* the fields, each with its length before it */
	char	   *statement;		/* NULL: none */
	char	   *normalized;		/* the same, when the spool has it so */
	int32		cut_statement;	/* bytes left out of the statement's end */
	int32		cut_fields;		/* bytes of whole fields left out */
	bool		doubtful;		/* another time it may come out differently */
} RowBuilder;

/* Set one column. */
static void
set_column(RowBuilder *row, CaColumn column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* Set an int64 column; negative numbers mean NULL. */
static void
set_count(RowBuilder *row, CaColumn column, int64 value)
{
	if (value >= 0)
		set_column(row, column, Int64GetDatum(value));
}

/* Set a text column to a digest in lower-case hexadecimal. */
static void
set_digest(RowBuilder *row, CaColumn column, const unsigned char *digest)
{
	char		hex[CA_SHA256_HEXLEN + 1];

	ca_digest_hex(digest, hex);
	set_column(row, column, CStringGetTextDatum(hex));
}

/* A field's text in the server encoding. */
static char *
field_text(RowBuilder *row, const char *value, Size len)
{
	return ca_recode(value, len, row->encoding, GetDatabaseEncoding(), NULL);
}

/* A field's int32. */
static int32
field_int32(const char *value, Size len)
{
	int32		number = 0;

	memcpy(&number, value, Min(len, sizeof(number)));
	return number;
}

/*
 * Call a type's input function; false when it does not accept the text.
 * These functions touch nothing but memory, so their errors may be caught.
 */
static bool
try_input(PGFunction input, const char *text, Datum *result)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool ok = true;

	PG_TRY();
	{
		*result = DirectFunctionCall1(input, CStringGetDatum(text));
	}
	PG_CATCH();
	{
		int			category = ERRCODE_TO_CATEGORY(geterrcode());

		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

/* Push a key (WJB_KEY), value (WJB_VALUE) or element (WJB_ELEM) string. */
static void
push_string(JsonbParseState **state, JsonbIteratorToken token, char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = text;
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, token, &value);
}

/* Push a key and a string value. */
static void
push_pair(JsonbParseState **state, char *key, char *text)
{
	push_string(state, WJB_KEY, key);
	push_string(state, WJB_VALUE, text);
}

/* Push a key and an array of strings; nothing when the list is empty. */
static void
push_list(JsonbParseState **state, char *key, List *texts)
{
	ListCell   *lc;

	if (texts == NIL)
		return;
	push_string(state, WJB_KEY, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	foreach(lc, texts)
		push_string(state, WJB_ELEM, lfirst(lc));
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* JSON text as jsonb; what is no JSON becomes {"unparsable": text}. */
static Datum
jsonb_datum(RowBuilder *row, char *text)
{
	static CaMemo *parsed = NULL;
	JsonbParseState *state = NULL;
	JsonbValue *object;
	Datum		result;
	void	   *found;
	Size		len;

	if (parsed == NULL)
		parsed = ca_memo_create("contauth parsed JSON");
	found = ca_memo_find(parsed, text, strlen(text), &len);
	if (found != NULL)
		return PointerGetDatum(found);
	if (try_input(jsonb_in, text, &result))
	{
		/* what fails is not kept: it may be for max_stack_depth, a setting */
		ca_memo_keep(parsed, text, strlen(text), DatumGetPointer(result),
					 VARSIZE(DatumGetPointer(result)));
		return result;
	}
	row->doubtful = true;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "unparsable", text);
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}

/* Push a number under a key. */
static void
push_number(JsonbParseState **state, char *key, int32 number)
{
	JsonbValue	value;

	push_string(state, WJB_KEY, key);
	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric,
															Int32GetDatum(number)));
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* Add one element to accesses from the fields inside CA_F_ACCESS. */
static void
add_access(RowBuilder *row, JsonbParseState **state, const char *fields,
		   Size fields_len)
{
	List	   *columns = NIL;
	List	   *labels = NIL;
	List	   *masks = NIL;
	List	   *limits = NIL;
	List	   *monitors = NIL;
	List	   *uncovered = NIL;
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		len;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	while (ca_record_next(fields, fields_len, &pos, &tag, &value, &len))
	{
		if (tag == CA_F_A_NESTED)
			push_number(state, "nested", field_int32(value, len));
		else
		{
			char	   *text = field_text(row, value, len);

			if (tag == CA_F_A_COLUMN)
				columns = lappend(columns, text);
			else if (tag == CA_F_A_LABEL)
				labels = lappend(labels, text);
			else if (tag == CA_F_A_MASK)
				masks = lappend(masks, text);
			else if (tag == CA_F_A_LIMIT)
				limits = lappend(limits, text);
			else if (tag == CA_F_A_UNCOVERED)
				uncovered = lappend(uncovered, text);
			else if (tag == CA_F_A_MONITOR_POLICY)
				monitors = lappend(monitors, text);
			else if (tag == CA_F_A_MONITOR)
				push_pair(state, "monitor", text);
			else if (tag == CA_F_A_RELATION)
				push_pair(state, "relation", text);
			else if (tag == CA_F_A_ACTION)
				push_pair(state, "action", text);
			else if (tag == CA_F_A_ROW_FILTER)
				push_pair(state, "row_filter", text);
			else if (tag == CA_F_A_DECISION)
				push_pair(state, "decision", text);
		}
	}
	push_list(state, "columns", columns);
	push_list(state, "labels", labels);
	push_list(state, "masks", masks);
	push_list(state, "limits", limits);
	push_list(state, "monitor_policies", monitors);
	push_list(state, "uncovered", uncovered);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* The jsonb array of what lies in row->accesses. */
static Jsonb *
make_accesses(RowBuilder *row)
{
	JsonbParseState *state = NULL;
	uint32		len;

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int pos = 0; pos < row->accesses.len; pos += len)
	{
		memcpy(&len, row->accesses.data + pos, sizeof(len));
		pos += sizeof(len);
		add_access(row, &state, row->accesses.data + pos, len);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Column accesses.  It is kept unless the texts are converted: then it depends
 * on the conversion in the catalogue, too.
 */
static void
set_accesses(RowBuilder *row)
{
	static CaMemo *made = NULL;
	const StringInfoData *fields = &row->accesses;
	Jsonb	   *result = NULL;
	Size		len;

	if (row->accesses.len == 0)
		return;
	if (made == NULL)
		made = ca_memo_create("contauth accesses");
	if (row->encoding == GetDatabaseEncoding())
		result = ca_memo_find(made, fields->data, fields->len, &len);
	if (result == NULL)
	{
		result = make_accesses(row);
		if (row->encoding == GetDatabaseEncoding())
			ca_memo_keep(made, fields->data, fields->len, result, VARSIZE(result));
	}
	set_column(row, CA_COL_ACCESSES, JsonbPGetDatum(result));
}

/* The column that a plain text field goes to, CA_NCOLUMNS for others. */
static CaColumn
text_column(CaField tag)
{
	switch (tag)
	{
		case CA_F_REASON_CODE:
			return CA_COL_REASON_CODE;
		case CA_F_REASON:
			return CA_COL_REASON;
		case CA_F_DOMAIN:
			return CA_COL_DOMAIN;
		case CA_F_AGENT:
			return CA_COL_AGENT;
		case CA_F_ON_BEHALF_OF:
			return CA_COL_ON_BEHALF_OF;
		case CA_F_PURPOSE:
			return CA_COL_PURPOSE;
		case CA_F_TASK_ID:
			return CA_COL_TASK_ID;
		case CA_F_TRACE_ID:
			return CA_COL_TRACE_ID;
		case CA_F_TOKEN_KID:
			return CA_COL_TOKEN_KID;
		case CA_F_TOKEN_JTI:
			return CA_COL_TOKEN_JTI;
		case CA_F_DB_ROLE:
			return CA_COL_DB_ROLE;
		case CA_F_APPLICATION_NAME:
			return CA_COL_APPLICATION_NAME;
		case CA_F_STATEMENT_KIND:
			return CA_COL_STATEMENT_KIND;
		default:
			return CA_NCOLUMNS;
	}
}

/* Take over one field that is no plain text column. */
static void
add_special(RowBuilder *row, CaField tag, const char *value, Size len)
{
	Datum		datum;
	uint32		size;

	switch (tag)
	{
		case CA_F_POLICY:
			row->policies = lappend(row->policies, field_text(row, value, len));
			break;
		case CA_F_ACTION:
			row->actions = lappend(row->actions, field_text(row, value, len));
			break;
		case CA_F_ACCESS:
			size = (uint32) len;
			appendBinaryStringInfo(&row->accesses, (const char *) &size, sizeof(size));
			appendBinaryStringInfo(&row->accesses, value, (int) len);
			break;
		case CA_F_CHAIN:
			set_column(row, CA_COL_CHAIN,
					   jsonb_datum(row, field_text(row, value, len)));
			break;
		case CA_F_CONTEXT:
			set_column(row, CA_COL_CONTEXT,
					   jsonb_datum(row, field_text(row, value, len)));
			break;
		case CA_F_CLIENT_ADDR:
			if (try_input(inet_in, field_text(row, value, len), &datum))
				set_column(row, CA_COL_CLIENT_ADDR, datum);
			break;
		case CA_F_DEPTH:
			set_column(row, CA_COL_DEPTH,
					   Int32GetDatum(field_int32(value, len)));
			break;
		case CA_F_AUTONOMY:
			set_column(row, CA_COL_AUTONOMY,
					   Int32GetDatum(field_int32(value, len)));
			break;
		case CA_F_TOKEN_SHA256:
			if (len == CA_SHA256_LEN)
				set_digest(row, CA_COL_TOKEN_SHA256,
						   (const unsigned char *) value);
			break;
		case CA_F_TLS:
			set_column(row, CA_COL_TLS, BoolGetDatum(len > 0 && value[0] != 0));
			break;
		case CA_F_APPROVAL_ID:
			if (len == UUID_LEN)
				set_column(row, CA_COL_APPROVAL_ID,
						   UUIDPGetDatum((const pg_uuid_t *) value));
			break;
		case CA_F_STATEMENT:
			row->statement = field_text(row, value, len);
			break;
		case CA_F_NORMALIZED:
			row->normalized = field_text(row, value, len);
			break;
		case CA_F_CUT_STATEMENT:
			row->cut_statement = field_int32(value, len);
			break;
		case CA_F_CUT_FIELDS:
			row->cut_fields = field_int32(value, len);
			break;
		default:
			break;
	}
}

/* See decision_row.h. */
char *
ca_decision_text(const CaAuditHeader *header, const char *value, Size len)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID,
										ObjectIdGetDatum(header->database));
	int			encoding = -1;

	if (HeapTupleIsValid(tuple))
	{
		encoding = ((Form_pg_database) GETSTRUCT(tuple))->encoding;
		ReleaseSysCache(tuple);
	}
	return ca_recode(value, len, encoding, GetDatabaseEncoding(), NULL);
}

/* Name and encoding of the database that the record is from. */
static Datum
find_database(RowBuilder *row, Oid database)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID,
										ObjectIdGetDatum(database));
	char	   *name;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		row->encoding = form->encoding;
		name = ca_recode(NameStr(form->datname), strlen(NameStr(form->datname)),
						 -1, GetDatabaseEncoding(), NULL);
		ReleaseSysCache(tuple);
	}
	else
	{
		row->encoding = -1;
		name = psprintf("%u", database);
	}
	return CStringGetTextDatum(name);
}

/* Columns that come from the fixed part of the record. */
static void
set_header(RowBuilder *row, const CaAuditHeader *header)
{
	static const char *const decisions[] = {"allow", "escalate", "deny"};
	static const char *const modes[] = {"off", "monitor", "enforce"};
	int			decision = header->decision;
	int			mode = header->mode;

	/* what is no decision at all can only be told as the worst */
	if (decision < 0 || decision >= lengthof(decisions))
		decision = CA_DECISION_DENY;
	if (mode < 0 || mode >= lengthof(modes))
		mode = CA_MODE_ENFORCE;

	set_column(row, CA_COL_DECISION_ID, UUIDPGetDatum(&header->decision_id));
	set_column(row, CA_COL_DECIDED_AT,
			   TimestampTzGetDatum(header->decided_at));
	if (header->finished_at != 0)
		set_column(row, CA_COL_FINISHED_AT,
				   TimestampTzGetDatum(header->finished_at));
	set_column(row, CA_COL_DECISION, CStringGetTextDatum(decisions[decision]));
	set_column(row, CA_COL_MODE, CStringGetTextDatum(modes[mode]));
	set_column(row, CA_COL_POLICY_VERSION,
			   Int64GetDatum(header->policy_version));
	if (header->query_id != 0)
		set_column(row, CA_COL_QUERY_ID, Int64GetDatum(header->query_id));
	set_count(row, CA_COL_ROWS_RETURNED, header->rows_returned);
	set_count(row, CA_COL_ROWS_AFFECTED, header->rows_affected);
	set_count(row, CA_COL_DECISION_US, header->decision_us);
	set_count(row, CA_COL_EXECUTION_US, header->execution_us);
	set_column(row, CA_COL_SQLSTATE,
			   CStringGetTextDatum(unpack_sql_state(header->sqlstate)));
	if (header->max_sensitivity >= 0)
		set_column(row, CA_COL_MAX_SENSITIVITY,
				   Int32GetDatum(header->max_sensitivity));
}

/* A text's SHA-256. */
static void
digest_of(const char *text, unsigned char *digest)
{
	static CaMemo *digests = NULL;
	Size		len;
	void	   *found;

	if (digests == NULL)
		digests = ca_memo_create("contauth digests of statements");
	found = ca_memo_find(digests, text, strlen(text), &len);
	if (found != NULL)
	{
		memcpy(digest, found, CA_SHA256_LEN);
		return;
	}
	ca_chain_sha256(text, strlen(text), digest);
	ca_memo_keep(digests, text, strlen(text), digest, CA_SHA256_LEN);
}

/* Columns statement and statement_sha256, and the mark of a cut. */
static void
set_statement(RowBuilder *row)
{
	char	   *text = row->statement;
	char	   *normalized = row->normalized;

	if (text != NULL)
		normalized = ca_normalize_again(text, row->cut_statement > 0);
	if (normalized != NULL)
	{
		unsigned char digest[CA_SHA256_LEN];

		digest_of(normalized, digest);
		set_digest(row, CA_COL_STATEMENT_SHA256, digest);
		if (text == NULL || ca_guc_audit_statement != CA_STATEMENT_FULL)
			text = normalized;
	}
	if (row->cut_statement > 0 || row->cut_fields > 0)
		text = psprintf("%s <cut: %d bytes>", text != NULL ? text : "",
						row->cut_statement + row->cut_fields);
	if (text != NULL)
		set_column(row, CA_COL_STATEMENT, CStringGetTextDatum(text));
}

/* Columns that come from the fields. */
static void
set_fields(RowBuilder *row, const char *fields, Size fields_len)
{
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		len;

	initStringInfo(&row->accesses);
	while (ca_record_next(fields, fields_len, &pos, &tag, &value, &len))
	{
		CaColumn	column = text_column(tag);

		if (column != CA_NCOLUMNS)
			set_column(row, column, ca_recode_text(value, len, row->encoding,
												   GetDatabaseEncoding()));
		else
			add_special(row, tag, value, len);
	}
	set_statement(row);
	set_column(row, CA_COL_POLICIES, ca_text_array(row->policies));
	set_column(row, CA_COL_ACTION, ca_text_array(row->actions));
	set_accesses(row);
}

/* See decision_row.h. */
void
ca_decision_row(const CaAuditHeader *header, const char *fields, Size fields_len,
				Datum values[CA_NCOLUMNS], bool nulls[CA_NCOLUMNS])
{
	RowBuilder	row;
	Datum		database;
	bool		memorable;
	uint32		checksum;

	memset(&row, 0, sizeof(row));
	row.values = values;
	row.nulls = nulls;
	for (int i = 0; i < CA_NCOLUMNS; i++)
	{
		values[i] = (Datum) 0;
		nulls[i] = true;
	}

	/* fields first: what stands in the header is not theirs to keep */
	database = find_database(&row, header->database);
	memorable = row.encoding == GetDatabaseEncoding();
	checksum = memorable ? ca_memo_checksum(fields, fields_len) : 0;
	if (!memorable || !ca_row_memo_find(fields, fields_len, checksum, values, nulls))
	{
		set_fields(&row, fields, fields_len);
		if (memorable && !row.doubtful)
			ca_row_memo_keep(fields, fields_len, checksum, values, nulls);
	}
	set_header(&row, header);
	set_column(&row, CA_COL_DATABASE, database);
}
