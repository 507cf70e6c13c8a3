/*-------------------------------------------------------------------------
 *
 * request_table.c
 *	  The table contauth_audit.approval_request.
 *
 * The audit worker alone adds rows, from what sessions put into the ring, and
 * counts uses; those who decide change a row in their own transaction
 * (approve.c).  The worker never waits for them: a request is held in shared
 * memory before its row is locked, so that no use of it can come afterwards,
 * and rows that are locked do not expire before the next look.
 *
 * What is done for a record can be done again (worker.h): a request that is
 * there is left alone, uses only go down.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/request_table.h"
#include "audit/decision_row.h"
#include "audit/decision_table.h"
#include "base/catalog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* How often the worker looks for requests whose time is over. */
#define CA_TEND_MS		1000

/* Requests that ended within two days are remembered over a restart, so many. */
#define CA_LOAD_ENDED	256

static const char *const state_names[] = {
	[CA_REQUEST_PENDING] = "pending",
	[CA_REQUEST_APPROVED] = "approved",
	[CA_REQUEST_DENIED] = "denied",
	[CA_REQUEST_EXPIRED] = "expired",
	[CA_REQUEST_CANCELLED] = "cancelled",
	[CA_REQUEST_CONSUMED] = "consumed",
};

static TimestampTz last_tend = 0;

const char *
ca_request_state_name(CaRequestState state)
{
	return state_names[state];
}

char *
ca_request_id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

static CaRequestState
parse_state(const char *name)
{
	for (int i = 0; i < lengthof(state_names); i++)
	{
		if (strcmp(state_names[i], name) == 0)
			return (CaRequestState) i;
	}
	elog(ERROR, "approval request has an unknown state");
}

/* Column of a row that SPI has read, 0 when it is NULL. */
static Datum
get(HeapTuple tuple, TupleDesc desc, const char *column, bool *isnull)
{
	return SPI_getbinval(tuple, desc, SPI_fnumber(desc, column), isnull);
}

static char *
get_text(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Datum		value = get(tuple, desc, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

static List *
get_texts(HeapTuple tuple, TupleDesc desc, const char *column)
{
	bool		isnull;
	Datum		value = get(tuple, desc, column, &isnull);

	return isnull ? NIL : ca_text_array_list(value);
}

/* When a request reached its state; a column that is NULL does not count. */
static TimestampTz
changed_at(HeapTuple tuple, TupleDesc desc, CaRequestState state)
{
	static const char *const columns[] = {
		[CA_REQUEST_PENDING] = "requested_at",
		[CA_REQUEST_APPROVED] = "decided_at",
		[CA_REQUEST_DENIED] = "decided_at",
		[CA_REQUEST_EXPIRED] = "expires_at",
		[CA_REQUEST_CANCELLED] = "decided_at",
		[CA_REQUEST_CONSUMED] = "consumed_at",
	};
	bool		isnull;
	Datum		value = get(tuple, desc, columns[state], &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/* The part of a row that goes to shared memory. */
static CaApproval
request_of_row(HeapTuple tuple, TupleDesc desc)
{
	CaApproval	r = {0};
	bool		isnull;
	bytea	   *binding = DatumGetByteaPP(get(tuple, desc, "binding", &isnull));
	char	   *by = get_text(tuple, desc, "decided_by");

	r.id = *DatumGetUUIDP(get(tuple, desc, "request", &isnull));
	if (VARSIZE_ANY_EXHDR(binding) == sizeof(CaBinding))
		memcpy(&r.binding, VARDATA_ANY(binding), sizeof(CaBinding));
	r.state = parse_state(get_text(tuple, desc, "state"));
	r.until = DatumGetTimestampTz(get(tuple, desc, "expires_at", &isnull));
	r.uses_left = DatumGetInt32(get(tuple, desc, "uses_left", &isnull));
	r.changed_at = changed_at(tuple, desc, r.state);
	strlcpy(r.by, by != NULL ? by : "", NAMEDATALEN);
	return r;
}

static void
read_row(HeapTuple tuple, TupleDesc desc, CaRequestRow *row)
{
	bool		isnull;
	Datum		chain = get(tuple, desc, "chain", &isnull);

	memset(row, 0, sizeof(*row));
	row->chain = isnull ? NULL : DatumGetJsonbP(chain);
	row->request = request_of_row(tuple, desc);
	row->uses_allowed = DatumGetInt32(get(tuple, desc, "uses_allowed", &isnull));
	row->agent = get_text(tuple, desc, "agent");
	row->owner = get_text(tuple, desc, "owner");
	row->on_behalf_of = get_text(tuple, desc, "on_behalf_of");
	row->db_role = get_text(tuple, desc, "db_role");
	row->database = get_text(tuple, desc, "database");
	row->action = get_text(tuple, desc, "action");
	row->resources = get_texts(tuple, desc, "resources");
	row->policies = get_texts(tuple, desc, "policies");
	row->statement_kind = get_text(tuple, desc, "statement_kind");
	row->decided_by = get_text(tuple, desc, "decided_by");
	row->reason = get_text(tuple, desc, "reason");
	row->decision_id = *DatumGetUUIDP(get(tuple, desc, "decision_id", &isnull));
}

bool
ca_request_row_lock(const pg_uuid_t *id, CaRequestRow *row)
{
	Oid			types[] = {UUIDOID};
	Datum		args[] = {UUIDPGetDatum(id)};

	if (SPI_execute_with_args("SELECT * FROM contauth_audit.approval_request"
							  " WHERE request OPERATOR(pg_catalog.=) $1 FOR UPDATE",
							  1, types, args, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read contauth_audit.approval_request");
	if (SPI_processed == 0)
		return false;
	read_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, row);
	return true;
}

void
ca_request_row_decide(const CaRequestRow *row)
{
	const CaApproval *r = &row->request;
	Oid			types[] = {UUIDOID, TEXTOID, TIMESTAMPTZOID, INT4OID, INT4OID,
	TEXTOID, TIMESTAMPTZOID, TEXTOID};
	Datum		args[] = {
		UUIDPGetDatum(&r->id),
		CStringGetTextDatum(state_names[r->state]),
		TimestampTzGetDatum(r->until),
		Int32GetDatum(row->uses_allowed),
		Int32GetDatum(r->uses_left),
		CStringGetTextDatum(row->decided_by),
		TimestampTzGetDatum(r->changed_at),
		CStringGetTextDatum(row->reason)
	};

	if (SPI_execute_with_args("UPDATE contauth_audit.approval_request"
							  " SET state = $2, expires_at = $3, uses_allowed = $4,"
							  " uses_left = $5, decided_by = $6, decided_at = $7, reason = $8"
							  " WHERE request OPERATOR(pg_catalog.=) $1",
							  lengthof(types), types, args, NULL, false, 0) != SPI_OK_UPDATE ||
		SPI_processed != 1)
		elog(ERROR, "could not write contauth_audit.approval_request");
}

/* What a record of a request or a use holds besides the decision's columns. */
typedef struct RequestFields
{
	const char *id;
	const char *binding;
	TimestampTz until;
	int32		uses_left;
	List	   *resources;
	char	   *owner;
} RequestFields;

static RequestFields
read_fields(const CaAuditHeader *header, const char *fields, Size fields_len)
{
	RequestFields f = {0};
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		len;

	while (ca_record_next(fields, fields_len, &pos, &tag, &value, &len))
	{
		if (tag == CA_F_APPROVAL_ID && len == UUID_LEN)
			f.id = value;
		else if (tag == CA_F_BINDING && len == sizeof(CaBinding))
			f.binding = value;
		else if (tag == CA_F_EXPIRES_AT && len == sizeof(f.until))
			memcpy(&f.until, value, len);
		else if (tag == CA_F_USES_LEFT && len == sizeof(f.uses_left))
			memcpy(&f.uses_left, value, len);
		else if (tag == CA_F_RESOURCE)
			f.resources = lappend(f.resources, ca_decision_text(header, value, len));
		else if (tag == CA_F_OWNER)
			f.owner = ca_decision_text(header, value, len);
	}
	return f;
}

static char *
text_column(Datum *values, const bool *nulls, CaColumn column)
{
	return nulls[column] ? NULL : TextDatumGetCString(values[column]);
}

/* What listeners are told of a request that has just been made. */
static void
notify_requested(const CaAuditHeader *header, const RequestFields *f,
				 Datum *values, const bool *nulls)
{
	CaRequestRow row = {0};
	List	   *actions = ca_text_array_list(values[CA_COL_ACTION]);

	memcpy(&row.request.id, f->id, UUID_LEN);
	row.request.until = f->until;
	row.agent = text_column(values, nulls, CA_COL_AGENT);
	row.on_behalf_of = text_column(values, nulls, CA_COL_ON_BEHALF_OF);
	row.database = text_column(values, nulls, CA_COL_DATABASE);
	row.action = actions != NIL ? linitial(actions) : NULL;
	row.resources = f->resources;
	row.policies = ca_text_array_list(values[CA_COL_POLICIES]);
	row.statement_kind = text_column(values, nulls, CA_COL_STATEMENT_KIND);
	row.decision_id = header->decision_id;
	ca_request_notify("requested", &row);
}

/* Add a request, and tell whoever listens. */
static void
add_request(const CaAuditHeader *header, const RequestFields *f,
			Datum *values, const bool *nulls)
{
	static const struct
	{
		CaColumn	column;
		Oid			type;
	}			taken[] = {
		{CA_COL_DECIDED_AT, TIMESTAMPTZOID}, {CA_COL_AGENT, TEXTOID},
		{CA_COL_ON_BEHALF_OF, TEXTOID}, {CA_COL_CHAIN, JSONBOID},
		{CA_COL_DB_ROLE, TEXTOID}, {CA_COL_DATABASE, TEXTOID},
		{CA_COL_ACTION, TEXTARRAYOID}, {CA_COL_POLICIES, TEXTARRAYOID},
		{CA_COL_POLICY_VERSION, INT8OID}, {CA_COL_STATEMENT_KIND, TEXTOID},
		{CA_COL_STATEMENT, TEXTOID}, {CA_COL_STATEMENT_SHA256, TEXTOID},
		{CA_COL_DECISION_ID, UUIDOID}, {CA_COL_PURPOSE, TEXTOID},
		{CA_COL_TASK_ID, TEXTOID},
	};
	Oid			types[lengthof(taken) + 6];
	Datum		args[lengthof(taken) + 6];
	char		flags[lengthof(taken) + 6];
	char		hex[CA_SHA256_HEXLEN + 1];
	bytea	   *binding = palloc(VARHDRSZ + sizeof(CaBinding));
	int			n = lengthof(taken);

	for (int i = 0; i < n; i++)
	{
		types[i] = taken[i].type;
		args[i] = values[taken[i].column];
		flags[i] = nulls[taken[i].column] ? 'n' : ' ';
	}
	memset(flags + n, ' ', 6);
	SET_VARSIZE(binding, VARHDRSZ + sizeof(CaBinding));
	memcpy(VARDATA(binding), f->binding, sizeof(CaBinding));
	ca_digest_hex(((const CaBinding *) VARDATA(binding))->parameters, hex);
	types[n] = UUIDOID;
	args[n] = UUIDPGetDatum((const pg_uuid_t *) f->id);
	types[n + 1] = TIMESTAMPTZOID;
	args[n + 1] = TimestampTzGetDatum(f->until);
	types[n + 2] = TEXTARRAYOID;
	args[n + 2] = ca_text_array(f->resources);
	types[n + 3] = TEXTOID;
	args[n + 3] = CStringGetTextDatum(hex);
	types[n + 4] = BYTEAOID;
	args[n + 4] = PointerGetDatum(binding);
	types[n + 5] = TEXTOID;
	args[n + 5] = f->owner != NULL ? CStringGetTextDatum(f->owner) : (Datum) 0;
	if (f->owner == NULL)
		flags[n + 5] = 'n';

	if (SPI_execute_with_args("INSERT INTO contauth_audit.approval_request"
							  " (state, requested_at, agent, on_behalf_of, chain, db_role, database,"
							  " action, policies, policy_version, statement_kind, statement,"
							  " statement_sha256, decision_id, purpose, task_id, request, expires_at,"
							  " resources, parameters_sha256, binding, owner)"
							  " VALUES ('pending', $1, $2, $3, $4, $5, $6, $7[1], $8, $9, $10, $11, $12,"
							  " $13, $14, $15, $16, $17, $18, $19, $20, $21)"
							  " ON CONFLICT (request) DO NOTHING",
							  n + 6, types, args, flags, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write contauth_audit.approval_request");
	if (SPI_processed > 0)
		notify_requested(header, f, values, nulls);
}

/* Count a use. */
static void
add_use(const CaAuditHeader *header, const RequestFields *f)
{
	Oid			types[] = {UUIDOID, INT4OID, TIMESTAMPTZOID};
	Datum		args[] = {
		UUIDPGetDatum((const pg_uuid_t *) f->id),
		Int32GetDatum(f->uses_left),
		TimestampTzGetDatum(header->decided_at)
	};

	if (SPI_execute_with_args("UPDATE contauth_audit.approval_request"
							  " SET uses_left = LEAST(uses_left, $2),"
							  " state = CASE WHEN LEAST(uses_left, $2) OPERATOR(pg_catalog.>) 0"
							  " THEN state ELSE 'consumed' END,"
							  " consumed_at = GREATEST(consumed_at, $3)"
							  " WHERE request OPERATOR(pg_catalog.=) $1"
							  " AND state OPERATOR(pg_catalog.<>) 'consumed'",
							  lengthof(types), types, args, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write contauth_audit.approval_request");
}

/* A record that is no decision. */
static void
write_record(const CaAuditHeader *header, const char *fields, Size len,
			 Datum *values, const bool *nulls)
{
	RequestFields f = read_fields(header, fields, len);

	if (f.id == NULL)
		return;
	if (header->kind == CA_RECORD_REQUEST && f.binding != NULL &&
		!nulls[CA_COL_AGENT])
		add_request(header, &f, values, nulls);
	else if (header->kind == CA_RECORD_USE)
		add_use(header, &f);
}

/*
 * Fill shared memory from the table: what is live, and what has ended lately.
 * It is read first, so that an error leaves everything as it was.
 */
static void
load(Oid relation)
{
	SPITupleTable *rows;
	uint64		count;

	if (SPI_execute(psprintf("(SELECT * FROM contauth_audit.approval_request"
							 " WHERE state OPERATOR(pg_catalog.=) ANY ('{pending,approved}')"
							 " ORDER BY requested_at LIMIT %d) UNION ALL"
							 " (SELECT * FROM contauth_audit.approval_request"
							 " WHERE state OPERATOR(pg_catalog.<>) ALL ('{pending,approved}')"
							 " AND requested_at OPERATOR(pg_catalog.>)"
							 " (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '2 days'::pg_catalog.interval)"
							 " ORDER BY requested_at DESC LIMIT %d)",
							 CA_REQUESTS_MAX, CA_LOAD_ENDED),
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read contauth_audit.approval_request");
	rows = SPI_tuptable;
	count = SPI_processed;
	if (!ca_requests_load_begin(relation))
		return;
	for (uint64 i = 0; i < count; i++)
	{
		CaApproval	r = request_of_row(rows->vals[i], rows->tupdesc);

		ca_requests_load(&r);
	}
}

static bool
is_due(void)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(last_tend, now, CA_TEND_MS))
		return false;
	last_tend = now;
	return ca_requests_overdue();
}

/* Let requests expire whose time is over, and tell whoever listens. */
static void
tend(void)
{
	SPITupleTable *rows;
	uint64		count;

	if (SPI_execute("UPDATE contauth_audit.approval_request AS r SET state = 'expired'"
					" FROM (SELECT l.request FROM contauth_audit.approval_request AS l"
					" WHERE l.state OPERATOR(pg_catalog.=) ANY ('{pending,approved}')"
					" AND l.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()"
					" FOR UPDATE SKIP LOCKED) AS o"
					" WHERE r.request OPERATOR(pg_catalog.=) o.request RETURNING r.*",
					false, 0) != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "could not write contauth_audit.approval_request");
	rows = SPI_tuptable;
	count = SPI_processed;
	for (uint64 i = 0; i < count; i++)
	{
		CaRequestRow row;

		read_row(rows->vals[i], rows->tupdesc, &row);
		ca_request_notify(ca_request_state_name(CA_REQUEST_EXPIRED), &row);
		ca_requests_expire(&row.request.id);
	}
}

const CaWorkerListener ca_request_listener = {
	.adopt = load,
	.write = write_record,
	.is_due = is_due,
	.tend = tend,
};
