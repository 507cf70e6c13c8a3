/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  The record of one top-level statement while it runs.
 *
 * There is one record per top-level statement; what nested statements access
 * is added to it.  Records of suspended portals wait while others run, so
 * there may be several, of which at most one is current.  They are kept on a
 * free list with their buffers: beginning one allocates nothing.
 *
 * The parts that many statements share are encoded once and copied: the
 * session's (when the session begins), the identity's (when it changes) and
 * the plan's (when it is made).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/ring.h"
#include "base/guc.h"
#include "enforce/statement.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "policy/request.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Nested accesses beyond this many bytes are counted, not listed. */
#define CA_NESTED_MAX	32768

/* Plans whose accesses are already in the record. */
#define CA_NESTED_PLANS	16

struct CaStatement
{
	CaStatement *next_free;
	CaAuditHeader header;
	const char *kind;
	CaDecision	decision;
	bool		written;			/* before its rows, in strict mode */
	StringInfoData verdict;		/* reason fields; last judgement wins */
	StringInfoData policies;	/* policies that decided at run time */
	StringInfoData plan;		/* fields of the statement's own plan */
	StringInfoData nested;		/* fields of nested plans and run-time accesses */
	StringInfoData text;		/* the source, copied for records that wait */
	int			nplans;
	const void *plans[CA_NESTED_PLANS];
};

CaStatement *ca_statement_current = NULL;
int			ca_statement_level = 0;
int			ca_statement_high_water = -1;

static CaStatement *free_list = NULL;
static StringInfoData session_fields;
static StringInfoData identity_fields;
static uint64 identity_serial = 0;
static int64 pending_decision_us = 0;
static uint32 decision_counter = 0;
static uint64 backend_random = 0;

/*
 * A version 7 UUID (RFC 9562): milliseconds, then a counter of this backend,
 * then bits drawn once per backend, so that nothing is asked of the operating
 * system per statement.
 */
static void
new_decision_id(pg_uuid_t *id, TimestampTz now)
{
	const int64 epoch_diff = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
	uint64		ms = (uint64) (now / 1000 + epoch_diff * 1000);
	uint32		n = ++decision_counter;

	if (backend_random == 0 &&
		!pg_strong_random(&backend_random, sizeof(backend_random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits for a decision's id")));

	for (int i = 0; i < 6; i++)
		id->data[i] = (unsigned char) (ms >> (40 - 8 * i));
	id->data[6] = 0x70 | ((n >> 28) & 0x0f);
	id->data[7] = (unsigned char) (n >> 20);
	id->data[8] = 0x80 | ((n >> 14) & 0x3f);
	id->data[9] = (unsigned char) (n >> 6);
	id->data[10] = (unsigned char) (((n & 0x3f) << 2) | (backend_random >> 62));
	for (int i = 0; i < 5; i++)
		id->data[11 + i] = (unsigned char) (backend_random >> (8 * i));
}

/* The fields that are the same for the whole session. */
static void
encode_session(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	char		tls = ca_session_tls() ? 1 : 0;

	initStringInfo(&session_fields);
	ca_record_put_text(&session_fields, CA_F_DOMAIN, "data");
	ca_record_put_text(&session_fields, CA_F_CLIENT_ADDR, ca_session_client_addr());
	ca_record_put(&session_fields, CA_F_TLS, &tls, 1);
	MemoryContextSwitchTo(old);
}

/* The identity's fields, encoded again when it has changed. */
static void
encode_identity(const CaIdentity *id)
{
	StringInfoData chain;

	if (id == NULL)
	{
		resetStringInfo(&identity_fields);
		identity_serial = 0;
		return;
	}
	if (id->serial == identity_serial)
		return;

	resetStringInfo(&identity_fields);
	ca_record_put_text(&identity_fields, CA_F_AGENT, id->agent);
	ca_record_put_text(&identity_fields, CA_F_TOKEN_KID, id->kid);
	ca_record_put_text(&identity_fields, CA_F_TOKEN_JTI, id->jti);
	ca_record_put_int32(&identity_fields, CA_F_DEPTH, 0);
	ca_record_put_int32(&identity_fields, CA_F_AUTONOMY, id->registered->autonomy);

	initStringInfo(&chain);
	ca_identity_chain_json(id, &chain);
	ca_record_put_text(&identity_fields, CA_F_CHAIN, chain.data);
	pfree(chain.data);
	identity_serial = id->serial;
}

static CaStatement *
new_statement(void)
{
	CaStatement *s = free_list;
	MemoryContext old;

	if (s != NULL)
	{
		free_list = s->next_free;
		resetStringInfo(&s->verdict);
		resetStringInfo(&s->policies);
		resetStringInfo(&s->plan);
		resetStringInfo(&s->nested);
		resetStringInfo(&s->text);
		return s;
	}

	old = MemoryContextSwitchTo(TopMemoryContext);
	if (session_fields.data == NULL)
	{
		encode_session();
		initStringInfo(&identity_fields);
	}
	s = palloc0(sizeof(CaStatement));
	initStringInfo(&s->verdict);
	initStringInfo(&s->policies);
	initStringInfo(&s->plan);
	initStringInfo(&s->nested);
	initStringInfo(&s->text);
	MemoryContextSwitchTo(old);
	return s;
}

CaStatement *
ca_statement_begin(const char *kind, const char *text, int location, int len,
				   uint64 query_id)
{
	CaStatement *s = new_statement();

	memset(&s->header, 0, sizeof(s->header));
	s->header.decided_at = GetCurrentTimestamp();
	new_decision_id(&s->header.decision_id, s->header.decided_at);
	s->header.query_id = (int64) query_id;
	s->header.max_sensitivity = -1;
	s->header.mode = (int16) ca_guc_mode;
	s->header.database = MyDatabaseId;
	s->header.decision_us = pending_decision_us;
	pending_decision_us = 0;
	s->kind = kind;
	s->decision = CA_DECISION_ALLOW;
	s->written = false;
	s->nplans = 0;

	/* the part of the source that is this statement, without white space */
	if (text == NULL)
		text = "";
	if (location >= 0)
	{
		text += location;
		if (len <= 0)
			len = strlen(text);
	}
	else
		len = strlen(text);
	while (len > 0 && scanner_isspace(*text))
	{
		text++;
		len--;
	}
	appendBinaryStringInfo(&s->text, text, len);
	return s;
}

const pg_uuid_t *
ca_statement_id(const CaStatement *statement)
{
	return &statement->header.decision_id;
}

char *
ca_statement_id_text(const CaStatement *statement)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out,
											   UUIDPGetDatum(&statement->header.decision_id)));
}

void
ca_statement_add_note(CaStatement *statement, const CaPlanNote *note)
{
	ca_statement_high_water = Max(ca_statement_high_water, note->max_sensitivity);
	statement->header.max_sensitivity =
		Max(statement->header.max_sensitivity, note->max_sensitivity);
	statement->header.policy_version = note->policy_version;

	if (note->decision != CA_DECISION_ALLOW)
		ca_statement_judge(statement, note->decision, note->reason_code,
						   note->reason, note->policy);

	/* a loop runs the same plan again and again: list it once */
	for (int i = 0; i < statement->nplans; i++)
	{
		if (statement->plans[i] == note)
			return;
	}
	if (statement->nplans < CA_NESTED_PLANS)
		statement->plans[statement->nplans++] = note;
	ca_statement_add_fields(statement, note->blob, note->blob_len);
}

void
ca_statement_add_fields(CaStatement *statement, const char *data, Size len)
{
	StringInfo	fields = ca_statement_level == 0 ? &statement->plan : &statement->nested;

	if (fields->len + len <= CA_NESTED_MAX)
		appendBinaryStringInfo(fields, data, len);
}

void
ca_statement_add_access(CaStatement *statement, const char *action,
						const char *object, CaDecision decision,
						const char *policy)
{
	StringInfoData access;

	if (statement->nested.len > CA_NESTED_MAX)
		return;
	initStringInfo(&access);
	ca_record_put_text(&access, CA_F_A_RELATION, object);
	ca_record_put_text(&access, CA_F_A_ACTION, action);
	ca_record_put_text(&access, CA_F_A_DECISION, ca_decision_name(decision));
	if (ca_statement_level > 0)
		ca_record_put_int32(&access, CA_F_A_NESTED, ca_statement_level);
	ca_record_put(&statement->nested, CA_F_ACCESS, access.data, access.len);
	ca_record_put_text(&statement->nested, CA_F_ACTION, action);
	ca_record_put_text(&statement->nested, CA_F_POLICY, policy);
	pfree(access.data);
}

void
ca_statement_judge(CaStatement *statement, CaDecision decision,
				   const char *reason_code, const char *reason,
				   const char *policy)
{
	if (decision < statement->decision ||
		(decision == statement->decision && statement->verdict.len > 0))
		return;
	statement->decision = decision;
	resetStringInfo(&statement->verdict);
	resetStringInfo(&statement->policies);
	ca_record_put_text(&statement->verdict, CA_F_REASON_CODE, reason_code);
	ca_record_put_text(&statement->verdict, CA_F_REASON, reason);
	ca_record_put_text(&statement->policies, CA_F_POLICY, policy);
}

/*
 * Who presented what, as far as it is known: also a token that is refused
 * leaves its digest.
 */
static void
encode_presented(StringInfo buf)
{
	const unsigned char *sha256 = ca_identity_token_sha256();

	if (sha256 != NULL)
		ca_record_put(buf, CA_F_TOKEN_SHA256, sha256, CA_SHA256_LEN);
}

/* The fields that belong to this moment. */
static void
encode_moment(StringInfo buf, CaStatement *s, const CaIdentity *id)
{
	bool		verified;
	const char *purpose = ca_request_purpose(id, &verified);

	if (purpose != NULL && purpose[0] != '\0')
		ca_record_put_text(buf, CA_F_PURPOSE, purpose);
	if (ca_guc_task_id[0] != '\0')
		ca_record_put_text(buf, CA_F_TASK_ID, ca_guc_task_id);
	if (ca_guc_traceparent[0] != '\0')
		ca_record_put_text(buf, CA_F_TRACE_ID, ca_guc_traceparent);
	if (application_name != NULL && application_name[0] != '\0')
		ca_record_put_text(buf, CA_F_APPLICATION_NAME, application_name);
	ca_record_put_text(buf, CA_F_DB_ROLE, ca_session_role());
	ca_record_put_text(buf, CA_F_STATEMENT_KIND, s->kind);
	ca_record_put(buf, CA_F_STATEMENT, s->text.data, s->text.len);
	encode_presented(buf);
}

/* Put the record into the ring and, in strict mode, wait for it. */
static void
write_record(CaStatement *s)
{
	static StringInfoData moment = {0};
	/* no look-up: a record is also written while an error is handled */
	const CaIdentity *id = ca_identity_last();
	uint64		position;

	if (moment.data == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&moment);
		MemoryContextSwitchTo(old);
	}
	resetStringInfo(&moment);
	encode_identity(id);
	encode_moment(&moment, s, id);
	s->header.decision = (int16) s->decision;
	if (s->verdict.len == 0)
		ca_record_put_text(&s->verdict, CA_F_REASON_CODE, "permit");

	{
		const CaAuditBlob blobs[] = {
			{session_fields.data, session_fields.len},
			{identity_fields.data, identity_fields.len},
			{moment.data, moment.len},
			{s->verdict.data, s->verdict.len},
			{s->policies.data, s->policies.len},
			{s->plan.data, s->plan.len},
			{s->nested.data, s->nested.len},
		};

		position = ca_ring_put(&s->header, blobs, lengthof(blobs));
	}
	if (ca_guc_audit_durability == CA_DURABILITY_STRICT)
		ca_ring_wait_durable(position);
}

void
ca_statement_before_rows(CaStatement *s)
{
	if (ca_guc_audit_durability != CA_DURABILITY_STRICT || s->written)
		return;
	s->header.rows_returned = -1;
	s->header.rows_affected = -1;
	write_record(s);
	s->written = true;
}

void
ca_statement_discard(CaStatement *s)
{
	if (s == ca_statement_current)
		ca_statement_current = NULL;
	s->next_free = free_list;
	free_list = s;
}

void
ca_statement_finish(CaStatement *s, int64 rows_returned,
					int64 rows_affected, int sqlstate)
{
	s->header.finished_at = GetCurrentTimestamp();
	s->header.execution_us = s->header.finished_at - s->header.decided_at;
	s->header.rows_returned = rows_returned;
	s->header.rows_affected = rows_affected;
	s->header.sqlstate = sqlstate;

	/* the buffers stay ours until the record is begun anew */
	ca_statement_discard(s);
	if (s->written)
	{
		if (sqlstate == 0)
			return;
		new_decision_id(&s->header.decision_id, s->header.finished_at);
	}
	write_record(s);
}

void
ca_statement_spent(int64 decision_us)
{
	if (ca_statement_current != NULL)
		ca_statement_current->header.decision_us += decision_us;
	else
		pending_decision_us += decision_us;
}
