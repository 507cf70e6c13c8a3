/*-------------------------------------------------------------------------
 *
 * reading.c
 *	  Who reads the audit.
 *
 * Whoever but contauth itself reads a table of contauth_audit, directly, by a
 * partition or through a view, leaves a line in the server's log and a row in
 * admin_event, at most once a minute for each session and table.
 *
 * And whoever does reads all that was decided before: records are written a
 * moment after the statement, so his query waits for them, as long as a
 * statement of an agent would (contauth.audit_wait).
 *
 * The row goes the way of decisions, so that it stays when the reader rolls back,
 * and there is one of a read-only transaction and of a standby, too.  It belongs
 * to the reader's transaction only where the ring takes none: when it is full (who
 * looks for the reason must not be refused), and in a database that is not the
 * audit home, whose own admin_event it goes to.
 *
 * Called for every plan of sessions that are not governed, so it must cost
 * them next to nothing: relations that are not the audit's are remembered, in
 * a table of fixed size that is emptied whenever a relation changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "audit/decision_row.h"
#include "audit/decision_table.h"
#include "audit/guard.h"
#include "audit/home.h"
#include "audit/reading.h"
#include "audit/ring.h"
#include "audit/spool.h"
#include "base/catalog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Pause between two records of the same session and table. */
#define CA_READING_PAUSE_MS		(60 * 1000)

/* The action, in admin_event. */
#define CA_READ_AUDIT			"read_audit"

/* Relations that are remembered as not the audit's. */
#define CA_READING_OTHERS		64

/* Tables of contauth_audit whose last record is remembered. */
#define CA_READING_TABLES		16

typedef struct Reading
{
	Oid			relation;
	TimestampTz at;
} Reading;

static Oid	others[CA_READING_OTHERS];
static Reading readings[CA_READING_TABLES];
static bool inserted = false;	/* in this transaction, by itself */

static void
forget_others(Datum arg, int cacheid, uint32 hashvalue)
{
	memset(others, 0, sizeof(others));
}

/* What was inserted may be gone: the next reading is recorded again. */
static void
forget_readings(void)
{
	if (inserted)
		memset(readings, 0, sizeof(readings));
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		forget_readings();
	inserted = false;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine,
					  SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		forget_readings();
}

/* See reading.h. */
void
ca_reading_init(void)
{
	CacheRegisterSyscacheCallback(RELOID, forget_others, (Datum) 0);
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}

/* Is it a table of the audit? */
static bool
is_audit_table(Oid relation)
{
	Oid			schema;

	if (others[relation % CA_READING_OTHERS] == relation)
		return false;
	schema = get_rel_namespace(relation);
	if (OidIsValid(schema) &&
		schema == get_namespace_oid(CA_AUDIT_SCHEMA, true) &&
		get_rel_relkind(relation) != RELKIND_VIEW)
		return ca_extension_installed();
	others[relation % CA_READING_OTHERS] = relation;
	return false;
}

/* What is remembered of a table; else the place of the oldest memory. */
static Reading *
find_reading(Oid relation)
{
	Reading    *oldest = &readings[0];

	for (int i = 0; i < CA_READING_TABLES; i++)
	{
		if (readings[i].relation == relation)
			return &readings[i];
		if (readings[i].at < oldest->at)
			oldest = &readings[i];
	}
	return oldest;
}

/* Is it time to record this table again?  Then it counts as recorded. */
static bool
is_due(Oid relation)
{
	Reading    *reading = find_reading(relation);
	TimestampTz now = GetCurrentTimestamp();

	if (reading->relation == relation &&
		!TimestampDifferenceExceeds(reading->at, now, CA_READING_PAUSE_MS))
		return false;
	reading->relation = relation;
	reading->at = now;
	return true;
}

/* Owner of a relation, who may write admin_event. */
static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Let the worker write the row; false when it cannot be asked. */
static bool
put(const char *name)
{
	CaAuditHeader header = {
		.decided_at = GetCurrentTimestamp(),
		.kind = CA_RECORD_READING,
		.database = MyDatabaseId
	};
	StringInfoData fields;
	CaAuditBlob blob;
	bool		taken;

	if (!ca_home_is(MyDatabaseId))
		return false;
	initStringInfo(&fields);
	ca_record_put_text(&fields, CA_F_OWNER, GetUserNameFromId(GetSessionUserId(), false));
	ca_record_put_text(&fields, CA_F_DB_ROLE, GetUserNameFromId(GetOuterUserId(), false));
	ca_record_put_text(&fields, CA_F_RESOURCE, name);
	blob.data = fields.data;
	blob.len = fields.len;
	taken = ca_ring_offer(&header, blob);
	pfree(fields.data);
	return taken;
}

/* Insert the row here.  An error ends the transaction, and with it our role. */
static void
insert(Oid relation, const char *name)
{
	Oid			user;
	int			context;

	if (XactReadOnly || RecoveryInProgress() || IsInParallelMode())
		return;
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(owner_of(relation),
						   context | SECURITY_LOCAL_USERID_CHANGE);
	inserted = true;
	ca_record_admin_event(CA_READ_AUDIT, name, NULL);
	SetUserIdAndSecContext(user, context);
}

/* See reading.h. */
void
ca_reading_write(const CaAuditHeader *header, const char *fields, Size len)
{
	CaAdminEvent event = {.at = header->decided_at,.action = CA_READ_AUDIT};
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		value_len;

	while (ca_record_next(fields, len, &pos, &tag, &value, &value_len))
	{
		char	   *text = ca_decision_text(header, value, value_len);

		if (tag == CA_F_OWNER)
			event.actor = text;
		else if (tag == CA_F_DB_ROLE)
			event.role = text;
		else if (tag == CA_F_RESOURCE)
			event.object = text;
	}
	ca_insert_admin_event(&event);
}

/* The line in the log. */
static void
write_line(const char *name)
{
	ereport(LOG_SERVER_ONLY,
			(errmsg("\"%s\" reads the audit: %s",
					GetUserNameFromId(GetSessionUserId(), false), name)));
}

/* See reading.h. */
void
ca_reading_note_spool(void)
{
	write_line(CA_SPOOL_DIR);
}

/* Write the line, and have the row written. */
static void
record(Oid relation)
{
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
												  get_rel_name(relation));

	write_line(name);
	if (!put(name))
		insert(relation, name);
}

/* A relation is read. */
static void
note(Oid relation)
{
	if (!is_audit_table(relation))
		return;
	if (get_rel_relispartition(relation))
		relation = llast_oid(get_partition_ancestors(relation));
	if (is_due(relation))
		record(relation);
}

/*
 * See reading.h.  Who has written something may hold a lock that the worker
 * waits for, so he does not wait.
 */
void
ca_reading_catch_up(const PlannedStmt *plan)
{
	ListCell   *lc;

	if (plan->relationOids == NIL || ca_guard_own_work())
		return;
	foreach(lc, plan->relationOids)
	{
		if (is_audit_table(lfirst_oid(lc)))
			break;
	}
	if (lc == NULL || RecoveryInProgress() || !ca_home_is(MyDatabaseId) ||
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return;
	if (!ca_ring_catch_up())
		ereport(WARNING,
				(errmsg("the audit is not complete"),
				 errdetail("Records wait for the contauth audit worker."),
				 errhint("See the server log for its errors.")));
}

/*
 * See reading.h.  What a plan writes to it need not read: dumps are restored by
 * INSERT.
 */
void
ca_reading_note_plan(const PlannedStmt *plan)
{
	ListCell   *lc;
	int			index = 0;

	if (ca_guard_own_work())
		return;
	foreach(lc, plan->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		index++;
		if (rte->rtekind == RTE_RELATION &&
			!list_member_int(plan->resultRelations, index))
			note(rte->relid);
	}
}

/* See reading.h. */
void
ca_reading_note_utility(const Node *command)
{
	const CopyStmt *copy = (const CopyStmt *) command;
	Oid			relation;

	if (!IsA(command, CopyStmt) || copy->is_from || copy->relation == NULL)
		return;
	relation = RangeVarGetRelid(copy->relation, NoLock, true);
	if (OidIsValid(relation))
		note(relation);
}
