/*-------------------------------------------------------------------------
 *
 * home.c
 *	  Which database keeps the audit tables.
 *
 * With contauth.audit_database it is that one.  Otherwise it is the first in
 * which contauth_audit.attach() is called (CREATE EXTENSION does) and commits;
 * the worker keeps its OID in the file contauth_audit_home in the data
 * directory, and forgets it when the extension is dropped there.
 *
 * A worker that has connected to a database can leave it only by exiting, so
 * each change of the home is a restart of the worker.
 *
 * Locking: the fields home, home_gone and home_state of the shared ring, under
 * its lock (ring_shared.h).  The file is touched by the worker alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "audit/home.h"
#include "audit/ring_shared.h"
#include "base/catalog.h"
#include "base/guc.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#define CA_HOME_FILE		"contauth_audit_home"
#define CA_HOME_FILE_TMP	"contauth_audit_home.tmp"

/* How often a database that is not there is looked for. */
#define CA_HOME_RETRY_MS	1000

PG_FUNCTION_INFO_V1(contauth_audit_attach);

/* attach() was called in the current transaction */
static bool attach_pending = false;
static bool attach_here = false;	/* and this database is the configured one */

/* Is contauth.audit_database set? */
static bool
home_is_configured(void)
{
	return ca_guc_audit_database != NULL && ca_guc_audit_database[0] != '\0';
}

/* The OID in the home file, InvalidOid without one. */
static Oid
read_home_file(void)
{
	FILE	   *file = AllocateFile(CA_HOME_FILE, "r");
	unsigned int oid = 0;

	if (file == NULL)
	{
		if (errno != ENOENT)
			ereport(FATAL,
					(errcode_for_file_access(),
					 errmsg("could not open file \"%s\": %m", CA_HOME_FILE)));
		return InvalidOid;
	}
	if (fscanf(file, "%u", &oid) != 1)
		ereport(FATAL,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("file \"%s\" does not hold a database OID",
						CA_HOME_FILE)));
	FreeFile(file);
	return (Oid) oid;
}

/* Write the home file so that it survives a crash. */
static void
write_home_file(Oid database)
{
	FILE	   *file = AllocateFile(CA_HOME_FILE_TMP, "w");

	if (file == NULL ||
		fprintf(file, "%u\n", database) < 0 ||
		FreeFile(file) != 0)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", CA_HOME_FILE_TMP)));
	durable_rename(CA_HOME_FILE_TMP, CA_HOME_FILE, FATAL);
}

/* Set the chosen home; InvalidOid forgets it. */
static void
set_home(Oid database)
{
	CaRingShared *ring = ca_ring_shared();

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	ring->home = database;
	ring->home_gone = false;
	LWLockRelease(ring->lock);
}

/* Forget the home, in the file and in shared memory. */
static void
forget_home(void)
{
	if (unlink(CA_HOME_FILE) != 0 && errno != ENOENT)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not remove file \"%s\": %m", CA_HOME_FILE)));
	fsync_fname(".", true);
	set_home(InvalidOid);
	ca_ring_worker_set_state(CA_HOME_NONE);
}

/*
 * Error callback: note that there is no such database.  The worker is about
 * to exit, and nobody else writes this flag while it connects.
 */
static void
note_missing_database(void *arg)
{
	if (geterrcode() == ERRCODE_UNDEFINED_DATABASE)
		ca_ring_shared()->home_gone = true;
}

/* Did the last worker find that its database does not exist? */
static bool
home_was_gone(void)
{
	CaRingShared *ring = ca_ring_shared();
	bool		gone;

	LWLockAcquire(ring->lock, LW_SHARED);
	gone = ring->home_gone;
	LWLockRelease(ring->lock);
	return gone;
}

/* Wait for a call or for ms; exits when the worker is to stop. */
static void
wait_for_call(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ShutdownRequestPending)
	{
		ca_ring_worker_report_left();
		proc_exit(1);
	}
}

/*
 * Is there a database of this name?  Reads pg_database from end to end,
 * because a session without a database cannot use the catalog caches.
 */
static bool
database_exists(const char *name)
{
	Relation	pg_database;
	TableScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	pg_database = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(pg_database, 0, NULL);
	while (!found &&
		   (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
		found = strcmp(NameStr(((Form_pg_database) GETSTRUCT(tuple))->datname),
					   name) == 0;
	table_endscan(scan);
	table_close(pg_database, AccessShareLock);
	CommitTransactionCommand();
	return found;
}

/*
 * The configured database does not exist: look for it until it does, without
 * being connected to any database.
 */
static void
wait_for_configured(void)
{
	ca_ring_worker_set_state(CA_HOME_MISSING);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	do
	{
		wait_for_call(CA_HOME_RETRY_MS);
	} while (!database_exists(ca_guc_audit_database));
	set_home(InvalidOid);
	proc_exit(1);
}

/* Wait until a home is chosen; returns its OID. */
static Oid
wait_for_chosen(void)
{
	CaRingShared *ring = ca_ring_shared();

	for (;;)
	{
		Oid			home;

		LWLockAcquire(ring->lock, LW_SHARED);
		home = ring->home;
		LWLockRelease(ring->lock);
		if (OidIsValid(home))
			return home;
		ca_ring_worker_set_state(CA_HOME_NONE);
		wait_for_call(CA_HOME_RETRY_MS);
	}
}

/* See home.h. */
void
ca_home_connect(void)
{
	ErrorContextCallback callback;
	bool		gone = home_was_gone();
	Oid			home = InvalidOid;

	if (home_is_configured())
	{
		if (gone)
			wait_for_configured();
	}
	else
	{
		if (gone)
			forget_home();
		home = read_home_file();
		if (OidIsValid(home))
			set_home(home);
		home = wait_for_chosen();
	}

	callback.callback = note_missing_database;
	callback.arg = NULL;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (OidIsValid(home))
		BackgroundWorkerInitializeConnectionByOid(home, InvalidOid,
												  BGWORKER_BYPASS_ALLOWCONN);
	else
		BackgroundWorkerInitializeConnection(ca_guc_audit_database, NULL,
											 BGWORKER_BYPASS_ALLOWCONN);
	error_context_stack = callback.previous;
}

/* See home.h. */
void
ca_home_confirm(void)
{
	if (!home_is_configured() && read_home_file() != MyDatabaseId)
		write_home_file(MyDatabaseId);
	ca_ring_worker_set_state(CA_HOME_READY);
}

/* See home.h. */
void
ca_home_missing(void)
{
	if (home_is_configured())
	{
		ca_ring_worker_set_state(CA_HOME_MISSING);
		return;
	}
	forget_home();
	ereport(LOG,
			(errmsg("contauth audit worker leaves database with OID %u, which has no audit tables",
					MyDatabaseId)));
	proc_exit(1);
}

/* See home.h. */
bool
ca_home_unfit(void)
{
	static bool told = false;
	bool		unfit = !ca_extension_fits();

	if (unfit)
		ca_ring_worker_set_state(CA_HOME_UNFIT);
	if (unfit && !told)
		ereport(WARNING,
				(errmsg("contauth audit worker waits: " CA_UNFIT_MESSAGE,
						ca_extension_version(), CA_SQL_VERSION),
				 errdetail("Statements of agents are refused until then, in every database."),
				 errhint(CA_UNFIT_HINT)));
	told = unfit;
	return unfit;
}

/* See home.h. */
bool
ca_home_is(Oid database)
{
	CaRingShared *ring = ca_ring_shared();
	Oid			home;

	if (home_is_configured())
		return get_database_oid(ca_guc_audit_database, true) == database;
	if (ring == NULL)
		return false;
	LWLockAcquire(ring->lock, LW_SHARED);
	home = ring->home;
	LWLockRelease(ring->lock);
	return home == database;
}

/*
 * After the commit of attach(): choose this database when none is chosen, and
 * let backends wait for the worker instead of failing.
 */
static void
publish_home(void)
{
	CaRingShared *ring = ca_ring_shared();
	uint32		state;

	LWLockAcquire(ring->lock, LW_EXCLUSIVE);
	state = pg_atomic_read_u32(&ring->home_state);
	if (!home_is_configured() && !OidIsValid(ring->home))
	{
		ring->home = MyDatabaseId;
		ring->home_gone = false;
		pg_atomic_write_u32(&ring->home_state, CA_HOME_UNKNOWN);
	}
	else if (attach_here && (state == CA_HOME_MISSING || state == CA_HOME_UNFIT))
		pg_atomic_write_u32(&ring->home_state, CA_HOME_UNKNOWN);
	if (ring->worker_latch)
		SetLatch(ring->worker_latch);
	LWLockRelease(ring->lock);
}

/* Transaction callback: attach() takes effect at commit, and only then. */
static void
attach_at_commit(XactEvent event, void *arg)
{
	if (!attach_pending)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			attach_pending = false;
			publish_home();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			attach_pending = false;
			break;
		default:
			break;
	}
}

/*
 * contauth_audit.attach(): make the current database the audit home when the
 * transaction commits, unless there is one.
 */
Datum
contauth_audit_attach(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to choose the audit database")));
	if (ca_ring_shared() == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contauth must be loaded via shared_preload_libraries")));
	if (!registered)
	{
		RegisterXactCallback(attach_at_commit, NULL);
		registered = true;
	}
	attach_pending = true;
	attach_here = ca_home_is(MyDatabaseId);
	PG_RETURN_VOID();
}
