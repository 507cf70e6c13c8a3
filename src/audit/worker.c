/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker that writes the audit.
 *
 * It drains the shared ring into contauth_audit.decision, in batches of one
 * transaction each, and chains the rows, ten times a second while records come;
 * after a second without any it sleeps and only looks, once a second, whether its
 * tables are still there.  Who waits for a record to be durable does not wait
 * for that (journal.c).
 *
 * During recovery (on a standby) it drains the ring into the spool (spool.h)
 * and has no database.  When recovery ends it exits; the next worker carries
 * the spool into the tables, and goes on with the ring, which has stayed.
 *
 * Invariants:
 * - no record is skipped: a batch that fails is tried again until it works;
 * - no transaction and no lock is held while waiting;
 * - checkpoints (checkpoint.c) come after batches, and never instead of one;
 * - at server shutdown it leaves after the last producer (see ring.c), at any
 *   other SIGTERM after what is in the ring, to be restarted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "audit/decision_row.h"
#include "audit/decision_writer.h"
#include "audit/guard.h"
#include "audit/home.h"
#include "audit/journal.h"
#include "audit/reading.h"
#include "audit/spool.h"
#include "audit/worker.h"
#include "base/attempt.h"
#include "base/catalog.h"
#include "executor/spi.h"
#include "identity/watcher.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/pidfile.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* Records per transaction. */
#define CA_BATCH_MAX			500

/* Pause after a failed batch; then, how many failures a shutdown endures. */
#define CA_RETRY_MS				1000
#define CA_SHUTDOWN_ATTEMPTS	10

/* Pause between looks at the ring while the server shuts down. */
#define CA_DRAIN_PAUSE_MS		10

/*
 * How often the worker looks while strict records come; how long records gather,
 * unless somebody waits for them or the ring fills; idleness before sleeping; how
 * often tables and partitions are looked for.
 *
 * Each time that the worker runs, it disturbs those who work: on two processors ten
 * times as many runs took a third more of a short statement's time.  What a crash of
 * the server can lose of asynchronous records is less than what it can lose of
 * asynchronous commits, which may wait for three times wal_writer_delay, 200 ms.
 */
#define CA_LOOK_MS				(CA_LOOK_US / 1000)
#define CA_GATHER_MS			100
#define CA_IDLE_MS				1000
#define CA_CHECK_MS				1000
#define CA_SPOOL_CHECK_MS		1000
#define CA_WATCHER_CHECK_MS		1000
#define CA_PARTITION_CHECK_MS	(3600 * 1000)

static bool ready = false;		/* the tables were there at the last look */
static Oid	adopted = InvalidOid;	/* table whose chain we continue */
static int	last_count = 0;		/* records in the last batch */
static TimestampTz last_work = 0;
static TimestampTz last_rows = 0;	/* the ring was looked at for rows */
static TimestampTz last_check = 0;
static TimestampTz last_partitions = 0;
static bool spooling = false;	/* in recovery: into the spool */
static bool spool_left = false; /* the last step found something to carry */
static TimestampTz last_spool = 0;
static TimestampTz last_watchers = 0;
static MemoryContext batch_context = NULL;
static const CaWorkerListener *listener = NULL;

/* See worker.h. */
void
ca_audit_worker_listen(const CaWorkerListener *who)
{
	listener = who;
}

/* See worker.h. */
void
ca_audit_worker_register(void)
{
	BackgroundWorker worker;

	/* pg_upgrade drops and makes databases, which nobody else may be in */
	if (IsBinaryUpgrade)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "contauth", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "ca_audit_worker_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "contauth audit worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "contauth audit worker", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* Begin a transaction in which SPI can be used. */
static void
begin_work(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Commit what begin_work() began. */
static void
commit_work(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/* Add the numbers and hashes to a row and write it; prev becomes its hash. */
static void
write_row(CaDecisionWriter *writer, Datum *values, bool *nulls, int64 seq,
		  const pg_uuid_t *boot_id, unsigned char *prev)
{
	unsigned char hash[CA_SHA256_LEN];
	bytea	   *prev_bytes = palloc(VARHDRSZ + CA_SHA256_LEN);
	bytea	   *hash_bytes = palloc(VARHDRSZ + CA_SHA256_LEN);

	values[CA_COL_SEQ] = Int64GetDatum(seq);
	nulls[CA_COL_SEQ] = false;
	values[CA_COL_BOOT_ID] = UUIDPGetDatum(boot_id);
	nulls[CA_COL_BOOT_ID] = false;
	ca_chain_hash(values, nulls, prev, hash);

	SET_VARSIZE(prev_bytes, VARHDRSZ + CA_SHA256_LEN);
	memcpy(VARDATA(prev_bytes), prev, CA_SHA256_LEN);
	values[CA_COL_PREV_HASH] = PointerGetDatum(prev_bytes);
	nulls[CA_COL_PREV_HASH] = false;
	SET_VARSIZE(hash_bytes, VARHDRSZ + CA_SHA256_LEN);
	memcpy(VARDATA(hash_bytes), hash, CA_SHA256_LEN);
	values[CA_COL_HASH] = PointerGetDatum(hash_bytes);
	nulls[CA_COL_HASH] = false;

	ca_decision_writer_add(writer, values, nulls);
	memcpy(prev, hash, CA_SHA256_LEN);
}

/* Write all records of a batch in the current transaction; how many are rows? */
static int
write_rows(const CaRingBatch *batch, unsigned char *prev)
{
	int			rows = 0;
	CaDecisionWriter *writer = ca_decision_writer_begin(adopted);
	MemoryContext row_context;
	MemoryContext old_context = CurrentMemoryContext;
	Datum		values[CA_NCOLUMNS];
	bool		nulls[CA_NCOLUMNS];

	row_context = AllocSetContextCreate(CurrentMemoryContext,
										"contauth audit row",
										ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < batch->count; i++)
	{
		const CaAuditHeader *header = &batch->records[i].header;
		const char *fields = batch->records[i].fields;
		Size		len = batch->records[i].len;

		/* SPI leaves another one behind */
		MemoryContextSwitchTo(row_context);
		ca_decision_row(header, fields, len, values, nulls);
		if (header->kind == CA_RECORD_DECISION)
			write_row(writer, values, nulls, batch->first_seq + rows++, &batch->boot_id, prev);
		else if (header->kind == CA_RECORD_READING)
			ca_reading_write(header, fields, len);
		else if (listener != NULL)
			listener->write(header, fields, len, values, nulls);
		MemoryContextReset(row_context);
		ca_ring_worker_see();
	}
	MemoryContextSwitchTo(old_context);
	ca_decision_writer_end(writer);
	MemoryContextDelete(row_context);
	return rows;
}

/*
 * Step: write the oldest records of the ring, if there are any.  When the
 * table is not the one whose chain we continue (the extension was dropped, and
 * may have been created again, or updated), nothing is written until
 * check_tables().
 */
static void
write_batch(void)
{
	CaRingBatch batch;
	unsigned char hash[CA_SHA256_LEN];
	int			rows;

	last_count = 0;
	MemoryContextReset(batch_context);
	MemoryContextSwitchTo(batch_context);
	ca_ring_worker_read(&batch, CA_BATCH_MAX);
	MemoryContextSwitchTo(TopMemoryContext);
	if (batch.count == 0)
		return;

	memcpy(hash, batch.prev_hash, CA_SHA256_LEN);
	begin_work();
	if (!ca_decision_table_hold(adopted) || !ca_extension_fits())
	{
		commit_work();
		ready = false;
		last_check = 0;
		return;
	}
	rows = write_rows(&batch, hash);
	ca_journal_mark_carried(&batch);
	commit_work();
	ca_ring_worker_advance(&batch, batch.count, rows, hash);
	last_count = batch.count;
	last_work = GetCurrentTimestamp();
	ca_journal_trim();
}

/* Step: sign the end of the chain. */
static void
write_checkpoint(void)
{
	begin_work();
	ca_checkpoint_write();
	commit_work();
	ca_checkpoint_written();
}

/* Step: write the oldest records of the ring, if there are any, to the spool. */
static void
spool_batch(void)
{
	CaRingBatch batch;
	int			count;

	last_count = 0;
	MemoryContextReset(batch_context);
	MemoryContextSwitchTo(batch_context);
	ca_ring_worker_read(&batch, CA_BATCH_MAX);
	if (batch.count > 0)
	{
		count = ca_spool_write(&batch);
		ca_ring_worker_advance(&batch, count, count, batch.prev_hash);
		last_count = count;
		last_work = GetCurrentTimestamp();
	}
	MemoryContextSwitchTo(TopMemoryContext);
}

/*
 * Add a piece of the spool to the chain, in the current transaction; hash
 * becomes that of its last row.  How many are rows?
 */
static int
carry_piece(CaSpoolPiece *piece, unsigned char *hash)
{
	int			rows;

	ca_ring_worker_carry_begin(&piece->batch);
	memcpy(hash, piece->batch.prev_hash, CA_SHA256_LEN);
	rows = write_rows(&piece->batch, hash);
	ca_spool_mark_carried(piece, piece->batch.first_seq, rows);
	return rows;
}

/* Step: carry the oldest records of the spool, if there are any. */
static void
carry_batch(void)
{
	CaSpoolPiece piece = {0};
	unsigned char hash[CA_SHA256_LEN];
	int			rows = 0;

	last_spool = GetCurrentTimestamp();
	spool_left = false;
	MemoryContextReset(batch_context);
	begin_work();
	if (ca_decision_table_hold(adopted))
	{
		MemoryContextSwitchTo(batch_context);
		spool_left = ca_spool_next_piece(&piece, CA_BATCH_MAX);
		if (spool_left && piece.batch.count > 0)
			rows = carry_piece(&piece, hash);
	}
	commit_work();
	MemoryContextSwitchTo(TopMemoryContext);
	if (!spool_left)
	{
		ca_ring_worker_spool_done(true);
		return;
	}
	if (piece.batch.count > 0)
		ca_ring_worker_carry_end(rows, hash);
	if (piece.damage != NULL)
	{
		ca_spool_set_aside(&piece.segment, piece.damage);
		spool_left = false;		/* it may still be there */
	}
	else if (piece.finished)
		ca_spool_remove(&piece.segment);
	last_work = GetCurrentTimestamp();
}

/* Step: create the partitions that are needed next. */
static void
make_partitions(void)
{
	last_partitions = GetCurrentTimestamp();
	begin_work();
	ca_decision_table_partitions(last_partitions);
	commit_work();
}

/*
 * Step: are the tables there, and those of this library?  If they are new to us,
 * continue their chain.
 */
static void
check_tables(void)
{
	Oid			relation;
	bool		unfit;
	CaNewestRow newest;

	last_check = GetCurrentTimestamp();
	ready = false;
	begin_work();
	relation = ca_decision_table_find();
	unfit = OidIsValid(relation) && ca_home_unfit();
	if (OidIsValid(relation) && !unfit && relation != adopted)
	{
		ca_decision_table_newest(&newest);
		if (listener != NULL)
			listener->adopt(relation);
	}
	commit_work();

	if (!OidIsValid(relation))
	{
		adopted = InvalidOid;
		ca_home_missing();
		return;
	}
	if (unfit)
		return;
	if (relation != adopted)
	{
		ca_ring_worker_adopt(relation, &newest);
		adopted = relation;
		last_partitions = 0;
	}
	ready = true;
}

/* Wait, whoever sets our latch. */
static void
pause_for(long ms)
{
	(void) WaitLatch(NULL, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, PG_WAIT_EXTENSION);
}

/* Has ms passed since then? */
static bool
is_due(TimestampTz then, int ms)
{
	return TimestampDifferenceExceeds(then, GetCurrentTimestamp(), ms);
}

/*
 * Carry a batch of what the spool holds.  The ring has its turn between two
 * batches: after a promotion nobody should have to wait for the whole spool.
 * What fails is tried again in a second, and stays where it is.
 */
static void
look_after_spool(void)
{
	if (!PostmasterIsAlive())
		proc_exit(1);
	if (ca_ring_worker_spool_news() || spool_left || last_spool == 0 ||
		is_due(last_spool, CA_SPOOL_CHECK_MS))
	{
		if (!ca_attempt_step(carry_batch))
			spool_left = false;
	}
}

/* Step: let the listener do what time brings. */
static void
tend(void)
{
	begin_work();
	listener->tend();
	commit_work();
}

/*
 * In recovery records can be taken as soon as there is a file for them.  And
 * no agent is left without a watcher, should one fail while nobody else asks.
 */
static void
look_after_recovery(void)
{
	if (is_due(last_watchers, CA_WATCHER_CHECK_MS))
	{
		last_watchers = GetCurrentTimestamp();
		ca_watcher_want_all();
	}
	ready = ca_attempt_step(ca_spool_open);
	if (ready)
		ca_ring_worker_set_state(CA_HOME_READY);
	else
		pause_for(CA_RETRY_MS);
}

/*
 * Look after tables and partitions where it is time to.  Records are taken
 * only when this month's partition was tried for; rows that went to the default
 * partition all the same are moved at the next look.
 */
static void
look_after_tables(void)
{
	if (spooling)
	{
		look_after_recovery();
		return;
	}
	if ((!ready || last_count == 0) &&
		(last_check == 0 || is_due(last_check, CA_CHECK_MS)))
		(void) ca_attempt_step(check_tables);
	if (!ready)
		return;
	if (last_partitions == 0 || is_due(last_partitions, CA_PARTITION_CHECK_MS))
		(void) ca_attempt_step(make_partitions);
	ca_home_confirm();
	if (ca_journal_due())
		(void) ca_attempt_step(ca_journal_extend);
	look_after_spool();
	if (listener != NULL && listener->is_due())
		(void) ca_attempt_step(tend);
}

/*
 * Write until the ring is empty; false when a batch failed.  The pause after
 * a failure is not cut short by backends that wake us.
 */
static bool
drain(void)
{
	do
	{
		if (!ca_attempt_step(spooling ? spool_batch : write_batch))
		{
			ready = false;
			last_check = 0;
			pause_for(CA_RETRY_MS);
			return false;
		}
		if (ready && ca_checkpoint_due(false))
			(void) ca_attempt_step(write_checkpoint);
	} while (last_count == CA_BATCH_MAX);
	last_rows = GetCurrentTimestamp();
	return true;
}

/*
 * Is the server shutting down, or was only this worker asked to stop?  The
 * postmaster says so in its lock file before it signals anybody.
 */
static bool
server_is_stopping(void)
{
	FILE	   *file = AllocateFile("postmaster.pid", "r");
	char		line[MAXPGPATH];
	bool		stopping = false;

	if (file == NULL)
		return true;
	for (int i = 1; fgets(line, sizeof(line), file) != NULL; i++)
	{
		if (i == LOCK_FILE_LINE_PM_STATUS)
			stopping = strncmp(line, PM_STATUS_STOPPING,
							   strlen(PM_STATUS_STOPPING)) == 0;
	}
	FreeFile(file);
	return stopping;
}

/*
 * Asked to stop: write what there is and exit.  While the server shuts down,
 * stay until no backend can put records any more; the count is read before
 * the drain, so that the drain that follows a zero is the last one needed.
 * Otherwise what cannot be written now stays in the ring for the next worker.
 */
static void
finish(void)
{
	int			failures = 0;

	for (;;)
	{
		bool		stopping = server_is_stopping();
		int			producers = ca_ring_worker_producers();
		bool		drained;

		ca_ring_worker_see();
		look_after_tables();
		drained = ready && drain() && ready;
		if (!stopping || (producers == 0 && ca_ring_worker_length() == 0))
			break;
		if (!drained && ++failures >= CA_SHUTDOWN_ATTEMPTS)
			break;
		pause_for(CA_DRAIN_PAUSE_MS);
	}

	if (ready && ca_checkpoint_due(true))
		(void) ca_attempt_step(write_checkpoint);
	ca_ring_worker_report_left();

	/* only a nonzero code makes the postmaster start the next worker */
	proc_exit(1);
}

/*
 * Settings that others could have changed for this database or role.
 *
 * SECURITY: below "warning" the scanner's notices would show in the log what
 * the normalised statement leaves out.
 */
static void
pin_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"synchronous_commit", "on"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_isolation", "read committed"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"row_security", "on"},
		{"session_replication_role", "origin"},
		{"log_min_messages", "warning"},
		{"transaction_timeout", "0"},
	};

	for (int i = 0; i < lengthof(settings); i++)
	{
		/* servers before 17 do not know all of them */
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1],
							PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/*
 * The server can write now: let the next worker do it, which needs a database.
 * What is in the ring waits for it.
 */
static void
leave_recovery(void)
{
	ca_ring_worker_set_state(CA_HOME_UNKNOWN);
	ca_ring_worker_spool_done(false);
	ereport(LOG,
			(errmsg("contauth audit worker restarts at the end of recovery")));
	proc_exit(1);
}

/* Is it time for a batch?  Those who wait for durability do not make it so. */
static bool
rows_are_due(void)
{
	return spooling || ca_ring_worker_rows_due() ||
		is_due(last_rows, CA_GATHER_MS);
}

/*
 * How long it is until then, at least 1 ms.  While strict records come, and in
 * recovery, the worker looks more often.
 */
static long
nap_ms(void)
{
	TimestampTz due = TimestampTzPlusMilliseconds(last_rows, CA_GATHER_MS);

	if (spooling || ca_ring_worker_has_strict())
		return CA_LOOK_MS;
	return Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), due));
}

/* One round: settings, tables, records; then wait. */
static void
work_round(void)
{
	if (spooling && !RecoveryInProgress())
		leave_recovery();
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	ca_ring_worker_see();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		ca_checkpoint_reload();
	}
	look_after_tables();
	if (ready && rows_are_due() && (!drain() || !ready))
		return;
	if (!ShutdownRequestPending && !spool_left)
		ca_ring_worker_wait(!ready || is_due(last_work, CA_IDLE_MS), nap_ms());
}

/*
 * In recovery no database is needed, and none could be dropped while we are
 * connected.  Statements are scanned as they are in almost every database.
 */
static void
connect_for_spool(void)
{
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetDatabaseEncoding(PG_UTF8);
}

/* See worker.h. */
void
ca_audit_worker_main(Datum main_arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	ca_ring_worker_enter();
	spooling = RecoveryInProgress();
	if (spooling)
		connect_for_spool();
	else
		ca_home_connect();
	pin_settings();
	ca_guard_admit_worker();
	batch_context = AllocSetContextCreate(TopMemoryContext,
										  "contauth audit batch",
										  ALLOCSET_DEFAULT_SIZES);
	while (!ShutdownRequestPending)
		(void) ca_attempt_step(work_round);
	finish();
}
