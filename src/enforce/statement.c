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
 * A connection that is lost, or a backend that is told to exit, does not pass
 * any PG_CATCH: what is still open then is written when the process exits.
 *
 * The parts that many statements share are encoded once and copied: those of
 * session and identity (who.c) and the plan's (when it is made).  The
 * statement's text stays encoded in a record on the free list, which is given to
 * the next statement with the same text (statement_text.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/ring.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/uuid7.h"
#include "enforce/access_fields.h"
#include "enforce/statement.h"
#include "enforce/statement_text.h"
#include "enforce/water.h"
#include "enforce/who.h"
#include "identity/session.h"
#include "identity/stop.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "policy/request.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/*
 * Fields of accesses beyond this many bytes are shortened to relation and
 * action, and beyond twice as many counted only.
 */
#define CA_ACCESSES_MAX	16384

/* Longest statement text that is kept, more than a record takes. */
#define CA_TEXT_MAX		131072

/* Longest fields that are kept in one piece, bytes. */
#define CA_KEPT_FIELDS_MAX	2047

/* Plans and functions that are remembered as being in the record. */
#define CA_KNOWN_PLANS		16
#define CA_KNOWN_FUNCTIONS	32

/* Records that are kept for their texts. */
#define CA_KEPT_RECORDS		8

struct CaStatement
{
	dlist_node	node;			/* among open statements, or free ones */
	CaAuditHeader header;
	const char *kind;
	CaDecision	decision;
	bool		written;		/* before its rows, in strict mode */
	bool		started;		/* it may have had effects */
	bool		open;			/* neither written nor given up yet */
	int			cut;			/* bytes of accesses left out */
	CaBudget	budget;
	CaSource	source;
	CaApprovals approvals;
	bool		asked;			/* request is set */
	pg_uuid_t	request;		/* that it has asked for */
	TimestampTz wait_until;		/* for its answer; 0: it does not */
	bool		identified;		/* identity is that of a token */
	bool		has_identity;	/* identity says who it was decided for */
	StringInfoData identity;	/* fields of that; those of the last
								 * statement, unless others */
	uint64		who;			/* their ca_who_number() */
	StringInfoData kind_fields; /* fields of kind, and of what was cut */
	const char *kind_encoded;	/* they are those of this kind alone */
	StringInfoData verdict;		/* reason fields; last judgement wins; empty:
								 * permit */
	StringInfoData policies;	/* policies that decided at run time */
	StringInfoData plan;		/* fields of the statement's own plan */
	uint64		plan_kept;		/* serial of the note whose fields its buffer
								 * begins with, 0: of none, */
	int			plan_kept_len;	/* and how long these are */
	StringInfoData nested;		/* fields of nested plans and run-time
								 * accesses */
	CaStatementText text;
	StringInfoData fields;		/* all fields of a record with this text, */
	uint64		fields_who;		/* identity, */
	uint64		fields_plan;	/* plan of this note (0: they are not kept) */
	const char *fields_kind;	/* and kind */
	int			nplans;
	uint64		plans[CA_KNOWN_PLANS];	/* serials of notes */
	int			nfunctions;
	Oid			functions[CA_KNOWN_FUNCTIONS];
	List	   *asked_about;	/* see ca_statement_keep_asking() */
};

CaStatement *ca_statement_current = NULL;
int			ca_statement_level = 0;

static dlist_head free_list = DLIST_STATIC_INIT(free_list); /* used last first */
static int	nrecords = 0;		/* open and free */
static dlist_head open_statements = DLIST_STATIC_INIT(open_statements);
static int64 pending_decision_us = 0;
static StringInfoData permit;	/* the verdict of most records */

static void write_open_statements(int code, Datum arg);

/* A free record, if possible one that holds this text already, as *holds says. */
static CaStatement *
free_statement(const char *text, int len, bool *holds)
{
	dlist_iter	iter;

	dlist_foreach(iter, &free_list)
	{
		CaStatement *s = dlist_container(CaStatement, node, iter.cur);

		if ((*holds = ca_text_holds(&s->text, text, len)))
			return s;
	}
	*holds = false;
	if (nrecords < CA_KEPT_RECORDS || dlist_is_empty(&free_list))
		return NULL;
	return dlist_tail_element(CaStatement, node, &free_list);
}

/* A record without anything in it. */
static pg_noinline CaStatement *
make_statement(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	CaStatement *s;

	if (nrecords == 0)
	{
		ca_who_init();
		initStringInfo(&permit);
		ca_record_put_text(&permit, CA_F_REASON_CODE, "permit");
		ca_ring_enter();
		before_shmem_exit(write_open_statements, (Datum) 0);
	}
	s = palloc0(sizeof(CaStatement));
	initStringInfo(&s->verdict);
	initStringInfo(&s->policies);
	initStringInfo(&s->plan);
	initStringInfo(&s->nested);
	ca_text_init(&s->text);
	initStringInfo(&s->identity);
	initStringInfo(&s->kind_fields);
	initStringInfo(&s->fields);
	enlargeStringInfo(&s->fields, CA_KEPT_FIELDS_MAX);
	nrecords++;
	MemoryContextSwitchTo(old);
	return s;
}

/* A record that has this text alone. */
static CaStatement *
new_statement(const char *text, int len)
{
	bool		holds;
	CaStatement *s = free_statement(text, len, &holds);

	if (s == NULL)
		s = make_statement();
	else
		dlist_delete(&s->node);
	s->verdict.len = 0;
	s->policies.len = 0;
	s->plan.len = 0;
	s->nested.len = 0;
	if (!holds)
	{
		s->fields_plan = 0;
		ca_text_take(&s->text, text, len);
	}
	return s;
}

const char *
ca_statement_kind(CmdType command)
{
	switch (command)
	{
		case CMD_SELECT:
			return "SELECT";
		case CMD_INSERT:
			return "INSERT";
		case CMD_UPDATE:
			return "UPDATE";
		case CMD_DELETE:
			return "DELETE";
		case CMD_MERGE:
			return "MERGE";
		default:
			return "UTILITY";
	}
}

const char *
ca_statement_current_kind(void)
{
	return ca_statement_current != NULL ? ca_statement_current->kind : "EXECUTE";
}

CaStatement *
ca_statement_begin(const char *kind, const char *text, int location, int len,
				   uint64 query_id)
{
	CaStatement *s;
	int			skipped;

	/*
	 * SECURITY: with exit_on_error, which any client may set, an error would
	 * pass no PG_CATCH, and neither be scrubbed nor put on record.
	 * (test/t/013_tamper.pl)
	 */
	ExitOnAnyError = false;

	text = ca_text_part(text != NULL ? text : "", location, &len);
	skipped = ca_text_leading_comments(text, len);
	text += skipped;
	len = Min(len - skipped, CA_TEXT_MAX);
	s = new_statement(text, len);

	memset(&s->header, 0, sizeof(s->header));
	s->header.decided_at = GetCurrentTimestamp();
	ca_uuid7(&s->header.decision_id, s->header.decided_at);
	s->header.query_id = (int64) query_id;
	s->header.max_sensitivity = -1;
	s->header.mode = (uint8) ca_guc_mode;
	s->header.database = MyDatabaseId;
	s->header.decision_us = pending_decision_us;
	pending_decision_us = 0;
	memset(&s->budget, 0, sizeof(s->budget));
	s->kind = kind;
	s->decision = CA_DECISION_ALLOW;
	s->written = false;
	s->started = false;
	s->open = true;
	s->identified = false;
	s->has_identity = false;
	s->cut = 0;
	memset(&s->source, 0, sizeof(s->source));
	s->approvals.any = false;
	s->approvals.count = 0;
	s->asked = false;
	s->wait_until = 0;
	s->nplans = 0;
	s->nfunctions = 0;
	dlist_push_head(&open_statements, &s->node);
	return s;
}

void
ca_statement_note_error(CaStatement *statement, int sqlstate)
{
	if (statement == NULL)
		return;
	if (sqlstate == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION)
		ca_statement_judge(statement, CA_DECISION_DENY, "token_refused",
						   "the token presented was refused", NULL);
	else if (sqlstate == ERRCODE_CA_CHAIN_INVALID)
		ca_statement_judge(statement, CA_DECISION_DENY, "delegation_refused",
						   "the delegation presented was refused", NULL);
	else if (sqlstate == ERRCODE_CA_STOPPED)
		ca_statement_judge(statement, CA_DECISION_DENY, "kill_switch",
						   ca_stop_text(CA_STOP_KILL_SWITCH), NULL);
	else if (sqlstate == ERRCODE_INSUFFICIENT_PRIVILEGE)
		ca_statement_judge(statement, CA_DECISION_DENY, "server",
						   "the server refused it: a row filter's check or a missing privilege",
						   NULL);
}

char *
ca_statement_id_text(const CaStatement *statement)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out,
											   UUIDPGetDatum(&statement->header.decision_id)));
}

CaAuditBlob
ca_statement_nested(const CaStatement *statement)
{
	return (CaAuditBlob)
	{
		statement->nested.data, statement->nested.len
	};
}

bool
ca_statement_knows_function(const CaStatement *statement, Oid funcid)
{
	for (int i = 0; i < statement->nfunctions; i++)
	{
		if (statement->functions[i] == funcid)
			return true;
	}
	return false;
}

static void
know_function(CaStatement *statement, Oid funcid)
{
	if (statement->nfunctions < CA_KNOWN_FUNCTIONS &&
		!ca_statement_knows_function(statement, funcid))
		statement->functions[statement->nfunctions++] = funcid;
}

void
ca_statement_keep_asking(CaStatement *statement, Oid funcid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	statement->asked_about = list_append_unique_oid(statement->asked_about, funcid);
	MemoryContextSwitchTo(old);
}

const List *
ca_statement_asked(const CaStatement *statement)
{
	return statement->asked_about;
}

/* Is the plan in the record already?  Remember it if not. */
static bool
knows_plan(CaStatement *statement, const CaPlanNote *note)
{
	for (int i = 0; i < statement->nplans; i++)
	{
		if (statement->plans[i] == note->serial)
			return true;
	}
	if (statement->nplans < CA_KNOWN_PLANS)
		statement->plans[statement->nplans++] = note->serial;
	return false;
}

void
ca_statement_identify(CaStatement *statement)
{
	CaAuditBlob fields;

	if (statement->identified)
		return;
	fields = ca_who_fields(&statement->identified);
	statement->has_identity = true;
	if (statement->who == ca_who_number())
		return;
	statement->who = 0;
	resetStringInfo(&statement->identity);
	appendBinaryStringInfo(&statement->identity, fields.data, (int) fields.len);
	statement->who = ca_who_number();
}

CaBudget *
ca_statement_budget(CaStatement *statement)
{
	return &statement->budget;
}

void
ca_statement_starts(CaStatement *statement)
{
	statement->started = true;
}

void
ca_statement_set_source(CaStatement *statement, const CaSource *source)
{
	statement->source = *source;
}

const CaSource *
ca_statement_source(const CaStatement *statement)
{
	return &statement->source;
}

const CaApprovals *
ca_statement_approvals(const CaStatement *statement)
{
	return &statement->approvals;
}

/* The record says who approved, unless something worse is said. */
static void
tell_approval(CaStatement *statement)
{
	if (statement->decision != CA_DECISION_ALLOW)
		return;
	resetStringInfo(&statement->verdict);
	ca_record_put_text(&statement->verdict, CA_F_REASON_CODE, "approved");
	ca_record_put_text(&statement->verdict, CA_F_REASON,
					   psprintf("approved by %s", statement->approvals.by));
}

void
ca_statement_take_approvals(CaStatement *statement, const CaApprovals *approvals)
{
	statement->approvals = *approvals;
	tell_approval(statement);
}

void
ca_statement_approve(CaStatement *statement, const pg_uuid_t *request,
					 const char *by, const CaEscalation *escalation)
{
	CaApprovals *approvals = &statement->approvals;

	ca_approvals_add(approvals, escalation);
	approvals->any = true;
	approvals->request = *request;
	strlcpy(approvals->by, by, NAMEDATALEN);
	tell_approval(statement);
}

void
ca_statement_ask(CaStatement *statement, const pg_uuid_t *request)
{
	statement->asked = true;
	statement->request = *request;
}

TimestampTz *
ca_statement_wait_until(CaStatement *statement)
{
	return &statement->wait_until;
}

const CaAuditHeader *
ca_statement_header(const CaStatement *statement)
{
	return &statement->header;
}

void
ca_statement_encode_request(CaStatement *s, StringInfo fields)
{
	const CaAuditBlob session = ca_who_session();

	appendBinaryStringInfo(fields, session.data, (int) session.len);
	if (s->has_identity)
		appendBinaryStringInfo(fields, s->identity.data, s->identity.len);
	ca_record_put_text(fields, CA_F_STATEMENT_KIND, s->kind);
	appendBinaryStringInfo(fields, s->text.field.data, s->text.field.len);
}

/* The note's fields; those of the statement's own plan are mostly there from last time. */
static void
add_plan(CaStatement *statement, const CaPlanNote *note)
{
	bool		first = ca_statement_level == 0 && statement->plan.len == 0;

	if (first && statement->plan_kept == note->serial)
	{
		statement->plan.len = statement->plan_kept_len;
		return;
	}
	ca_statement_add_fields(statement, note->blob, note->blob_len);
	if (!first || statement->cut > 0)
		return;
	statement->plan_kept = note->serial;
	statement->plan_kept_len = statement->plan.len;
}

void
ca_statement_add_note(CaStatement *statement, const CaPlanNote *note, bool approved)
{
	ListCell   *lc;

	statement->header.max_sensitivity =
		Max(statement->header.max_sensitivity, note->max_sensitivity);
	statement->header.policy_version = note->policy_version;
	ca_statement_identify(statement);

	if (note->decision != CA_DECISION_ALLOW && !approved)
		ca_statement_judge(statement, note->decision, note->reason_code,
						   note->reason, note->policy);

	/* a loop runs the same plan again and again: list it once */
	if (knows_plan(statement, note))
		return;
	foreach(lc, note->functions)
		know_function(statement, lfirst_oid(lc));
	add_plan(statement, note);
}

void
ca_statement_describe(CaStatement *statement, int64 policy_version,
					  int sensitivity)
{
	if (policy_version != 0)
		statement->header.policy_version = policy_version;
	if (sensitivity > 0)
		statement->header.max_sensitivity =
			Max(statement->header.max_sensitivity, sensitivity);
}

/* Count what is left out; a loop may leave out more than the count can say. */
static void
leave_out(CaStatement *statement, Size bytes)
{
	statement->cut = (int) Min((Size) statement->cut + bytes, (Size) PG_INT32_MAX);
}

/*
 * SECURITY: an access must not vanish from the record because the statement
 * has many: it is shortened first, and what is left out is counted.
 */
void
ca_statement_add_fields(CaStatement *statement, const char *data, Size len)
{
	StringInfo	fields = ca_statement_level == 0 ? &statement->plan : &statement->nested;
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		value_len;

	if (fields == &statement->plan && fields->len == 0)
		statement->plan_kept = 0;
	if (fields->len + len <= CA_ACCESSES_MAX)
	{
		appendBinaryStringInfo(fields, data, (int) len);
		return;
	}
	while (ca_record_next(data, len, &pos, &tag, &value, &value_len))
	{
		if (fields->len + value_len <= CA_ACCESSES_MAX)
			ca_record_put(fields, tag, value, value_len);
		else if (fields->len <= 2 * CA_ACCESSES_MAX && tag == CA_F_ACCESS)
			leave_out(statement, ca_access_put_short(fields, value, value_len));
		else if (fields->len <= 2 * CA_ACCESSES_MAX)
			ca_record_put(fields, tag, value, value_len);
		else
			leave_out(statement, value_len);
	}
}

void
ca_statement_add_access(CaStatement *statement, const char *action,
						const char *object, CaDecision decision,
						const char *policy, const CaMonitored *monitored)
{
	StringInfoData fields;

	initStringInfo(&fields);
	ca_record_put_text(&fields, CA_F_ACTION, action);
	ca_record_put_text(&fields, CA_F_POLICY, policy);
	ca_access_put(&fields, action, object, decision, monitored);
	ca_statement_add_fields(statement, fields.data, fields.len);
	pfree(fields.data);
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

/* Do the fields of kind hold more than the kind? */
static inline bool
kind_says_more(const CaStatement *s)
{
	return s->asked || s->approvals.any || s->cut > 0;
}

/* The fields of kind: mostly those that are there already. */
static void
encode_kind(CaStatement *s)
{
	bool		more = kind_says_more(s);

	if (!more && s->kind_encoded == s->kind)
		return;
	s->kind_encoded = NULL;
	resetStringInfo(&s->kind_fields);
	ca_record_put_text(&s->kind_fields, CA_F_STATEMENT_KIND, s->kind);
	if (s->asked || s->approvals.any)
		ca_record_put(&s->kind_fields, CA_F_APPROVAL_ID,
					  s->asked ? &s->request : &s->approvals.request, UUID_LEN);
	if (s->cut > 0)
		ca_record_put_int32(&s->kind_fields, CA_F_CUT_FIELDS, s->cut);
	if (!more)
		s->kind_encoded = s->kind;
}

/* Parts of a record's fields. */
#define PARTS	8

static void
parts_of(CaStatement *s, CaAuditBlob parts[PARTS])
{
	const StringInfoData *buffers[PARTS - 1] = {
		&s->identity, &s->kind_fields, &s->text.field,
		s->verdict.len > 0 ? &s->verdict : &permit, &s->policies, &s->plan, &s->nested
	};

	encode_kind(s);
	parts[0] = ca_who_session();
	for (int i = 1; i < PARTS; i++)
	{
		parts[i].data = buffers[i - 1]->data;
		parts[i].len = buffers[i - 1]->len;
	}
}

/*
 * Keep the fields in one piece; false when there is no room.  Nothing is allocated:
 * what is to be recorded has happened.
 */
static pg_noinline bool
keep_fields(CaStatement *s)
{
	CaAuditBlob parts[PARTS];

	parts_of(s, parts);
	s->fields.len = 0;
	s->fields_plan = 0;
	for (int i = 0; i < PARTS; i++)
	{
		if (s->fields.len + parts[i].len >= s->fields.maxlen)
			return false;
		appendBinaryStringInfo(&s->fields, parts[i].data, (int) parts[i].len);
	}
	s->fields_who = s->who;
	s->fields_kind = s->kind;
	s->fields_plan = s->plan_kept;
	return true;
}

/*
 * Have the record's fields in one piece?  An allowed statement with one plan and
 * nothing nested mostly has those that it had the last time.
 */
static bool
have_fields(CaStatement *s)
{
	if (s->nplans != 1 || s->plan_kept != s->plans[0] ||
		s->plan.len != s->plan_kept_len || s->verdict.len > 0 ||
		s->policies.len > 0 || s->nested.len > 0 || kind_says_more(s))
		return false;
	if (s->fields_plan == s->plan_kept && s->fields_who == s->who &&
		s->fields_kind == s->kind)
		return true;
	return keep_fields(s);
}

/* Put the record into the ring part by part. */
static pg_noinline CaRingPlace
put_parts(CaStatement *s, bool filed)
{
	CaAuditBlob parts[PARTS];

	parts_of(s, parts);
	return ca_ring_put(&s->header, parts, PARTS, filed);
}

/* Put the record into the ring and, in strict mode, wait for it. */
static void
write_record(CaStatement *s)
{
	bool		strict = ca_guc_audit_durability == CA_DURABILITY_STRICT;
	bool		filed = strict && ca_text_may_be_filed(&s->text);
	CaRingPlace place;

	/* no look-up: a record is also written while an error is handled */
	ca_statement_identify(s);
	s->header.decision = (int16) s->decision;

	if (have_fields(s))
	{
		const CaAuditBlob whole = {s->fields.data, s->fields.len};

		place = ca_ring_put(&s->header, &whole, 1, filed);
	}
	else
		place = put_parts(s, filed);
	if (strict)
		ca_ring_wait_durable(place);
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
	/* at the exit of the process twice: there, and when its query goes */
	if (!s->open)
		return;
	s->open = false;
	if (s == ca_statement_current)
		ca_statement_current = NULL;
	if (s->asked_about != NIL)
		ca_water_forget(s->asked_about);
	s->asked_about = NIL;
	dlist_delete(&s->node);
	dlist_push_head(&free_list, &s->node);
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
	ca_statement_note_error(s, sqlstate);
	ca_budget_settle(&s->budget, Max(rows_returned, rows_affected),
					 s->decision == CA_DECISION_DENY);

	/* the buffers stay ours until the record is begun anew */
	ca_statement_discard(s);
	if (s->written)
	{
		if (sqlstate == 0)
			return;
		ca_uuid7(&s->header.decision_id, s->header.finished_at);
	}
	write_record(s);
}

static char failed_id[CA_UUID_TEXT_LEN];

void
ca_statement_fail(CaStatement *statement)
{
	/* no allocation: the error may be that there is no memory left */
	ca_uuid_text(&statement->header.decision_id, failed_id);
	ca_statement_finish(statement, -1, -1, geterrcode());
}

const char *
ca_statement_failed_id(void)
{
	return failed_id;
}

/*
 * The process exits, by FATAL or because the client is gone, in the middle of
 * statements: rows may have left.
 */
static void
write_open_statements(int code, Datum arg)
{
	while (!dlist_is_empty(&open_statements))
	{
		CaStatement *s = dlist_head_element(CaStatement, node, &open_statements);

		if (s->started && ca_stop_mark() != CA_STOP_NONE)
		{
			ca_statement_judge(s, CA_DECISION_DENY, ca_stop_code(ca_stop_mark()),
							   ca_stop_text(ca_stop_mark()), NULL);
			ca_statement_finish(s, -1, -1, ERRCODE_CA_STOPPED);
		}
		else if (s->started || s->decision != CA_DECISION_ALLOW)
			ca_statement_finish(s, -1, -1, ERRCODE_CONNECTION_FAILURE);
		else
			ca_statement_discard(s);
	}
}

void
ca_statement_spent(int64 decision_us)
{
	if (ca_statement_current != NULL)
		ca_statement_current->header.decision_us += decision_us;
	else
		pending_decision_us += decision_us;
}
