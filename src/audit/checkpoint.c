/*-------------------------------------------------------------------------
 *
 * checkpoint.c
 *	  Signed checkpoints of the audit.
 *
 * The audit worker signs the end of the chain when contauth.checkpoint_interval
 * has passed or enough records have come, at once with a new key, and when it
 * exits.  What it signs are the numbers and hashes that it has in memory, never
 * what the table says: a row that was changed a moment ago is not vouched for.
 *
 * Shared memory keeps the newest checkpoint, so that the next worker and
 * verify() know it without the table.  Nothing here stops records from being
 * written: a key that cannot be read is a warning, a checkpoint that cannot be
 * written is tried again.
 *
 * Locking: the spinlock of the shared state guards all of it.  Only the worker
 * writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/checkpoint.h"
#include "audit/checkpoint_table.h"
#include "audit/ring_shared.h"
#include "audit/signing_key.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

/* Records after which a checkpoint is due before the interval is over. */
#define CA_CHECKPOINT_RECORDS	10000

/* Pause after one that could not be written. */
#define CA_CHECKPOINT_RETRY_MS	10000

typedef struct CaCheckpointShared
{
	slock_t		mutex;
	CaCheckpointState newest;
} CaCheckpointShared;

static CaCheckpointShared *shared = NULL;

/* of the worker */
static CaPublicKey *key = NULL; /* signs; NULL: nothing is signed */
static char key_id[CA_SIGNER_ID_LEN + 1];
static CaPublicKey *previous_key = NULL;	/* until key has signed once */
static bool key_looked_for = false;
static bool told_cut_off = false;
static TimestampTz last_try = 0;
static CaCheckpointState pending;	/* written, but not yet committed */

/* Ask for the memory; for shmem_request_hook. */
void
ca_checkpoint_shmem_request(void)
{
	RequestAddinShmemSpace(MAXALIGN(sizeof(CaCheckpointShared)));
}

/* Attach to the memory, or initialise it; for shmem_startup_hook. */
void
ca_checkpoint_shmem_startup(void)
{
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("contauth checkpoint", sizeof(CaCheckpointShared),
							 &found);
	if (!found)
	{
		memset(shared, 0, sizeof(*shared));
		SpinLockInit(&shared->mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* See checkpoint.h. */
bool
ca_checkpoint_state(CaCheckpointState *state)
{
	memset(state, 0, sizeof(*state));
	if (shared == NULL)
		return false;
	SpinLockAcquire(&shared->mutex);
	*state = shared->newest;
	SpinLockRelease(&shared->mutex);
	return OidIsValid(state->audit);
}

/* Give up the key that signs, keeping it for the next one's first signature. */
static void
retire_key(void)
{
	if (key == NULL)
		return;
	ca_pubkey_free(previous_key);
	previous_key = key;
	key = NULL;
}

/* Take a key that was read; the same one as before changes nothing. */
static void
take_key(CaPublicKey *fresh)
{
	char		fresh_id[CA_SIGNER_ID_LEN + 1];

	if (!ca_signer_id(fresh, fresh_id) ||
		(key != NULL && strcmp(key_id, fresh_id) == 0))
	{
		ca_pubkey_free(fresh);
		return;
	}
	retire_key();
	key = fresh;
	strlcpy(key_id, fresh_id, sizeof(key_id));
	last_try = 0;
}

/*
 * Read the key file.  As with TLS keys, the key before stays in use when the
 * new one cannot be read.
 */
static void
look_for_key(void)
{
	const char *path = ca_guc_audit_signing_key;
	CaPublicKey *fresh;
	char	   *problem;

	key_looked_for = true;
	if (path == NULL || path[0] == '\0')
	{
		ereport(LOG,
				(errmsg("the audit is not signed: contauth.audit_signing_key is not set")));
		retire_key();
		return;
	}
	fresh = ca_signing_key_read(path, &problem);
	if (fresh != NULL)
		take_key(fresh);
	else
		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("contauth.audit_signing_key \"%s\" cannot be used",
						path),
				 errdetail_internal("%s", problem),
				 key != NULL ?
				 errhint("The key before stays in use.") :
				 errhint("Records are written, but not signed, until the file is right and the configuration is reloaded.")));
	if (problem != NULL)
		pfree(problem);
}

/* See checkpoint.h. */
void
ca_checkpoint_reload(void)
{
	key_looked_for = false;
}

/* Is the newest checkpoint of another key than ours? */
static bool
is_other_key(const CaCheckpointState *newest)
{
	return strcmp(key_id, newest->key_id) != 0;
}

/* Is a checkpoint needed for an audit that ends at seq? */
static bool
is_needed(const CaCheckpointState *newest, int64 seq, bool last)
{
	if (seq == 0 || seq < newest->seq)
		return false;
	if (newest->checkpoint_id == 0 || is_other_key(newest))
		return true;
	return seq > newest->seq &&
		(last || seq - newest->seq >= CA_CHECKPOINT_RECORDS ||
		 TimestampDifferenceExceeds(newest->created_at, GetCurrentTimestamp(),
									ca_guc_checkpoint_interval * 1000));
}

/* See checkpoint.h. */
bool
ca_checkpoint_due(bool last)
{
	CaCheckpointState newest;
	unsigned char hash[CA_SHA256_LEN];
	int64		seq;
	Oid			audit;

	if (!key_looked_for)
		look_for_key();
	if (key == NULL)
		return false;
	if (!last && last_try != 0 &&
		!TimestampDifferenceExceeds(last_try, GetCurrentTimestamp(),
									CA_CHECKPOINT_RETRY_MS))
		return false;
	ca_ring_worker_position(&audit, &seq, hash);
	if (!OidIsValid(audit) || seq == 0)
		return false;
	return !ca_checkpoint_state(&newest) || newest.audit != audit ||
		is_needed(&newest, seq, last);
}

/* What is known of a checkpoint, as the state. */
static void
set_state(CaCheckpointState *state, Oid audit, const CaCheckpoint *checkpoint)
{
	memset(state, 0, sizeof(*state));
	state->audit = audit;
	state->checkpoint_id = checkpoint->checkpoint_id;
	state->seq = checkpoint->seq;
	state->created_at = checkpoint->created_at;
	strlcpy(state->key_id, checkpoint->key_id, sizeof(state->key_id));
	if (!ca_checkpoint_digest(checkpoint, state->digest))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a SHA-256 digest")));
}

/*
 * The newest checkpoint: as shared memory knows it, or else as the table has
 * it, where the key_id is only believed when the signature is ours.
 */
static void
find_newest(Oid audit, CaCheckpointState *newest)
{
	CaCheckpoint stored;

	if (ca_checkpoint_state(newest) && newest->audit == audit)
		return;
	memset(newest, 0, sizeof(*newest));
	if (!ca_checkpoint_newest(&stored))
		return;
	set_state(newest, audit, &stored);
	if (!ca_checkpoint_signed_by(&stored, key))
		newest->key_id[0] = '\0';
}

/*
 * The audit ends before its newest checkpoint: rows are gone.  Nothing is
 * signed until it has grown beyond; verify() finds the damage.
 */
static void
report_cut_off(int64 seq, const CaCheckpointState *newest)
{
	if (told_cut_off)
		return;
	told_cut_off = true;
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the audit ends at record %lld, before its newest checkpoint, which was made at record %lld",
					(long long) seq, (long long) newest->seq)));
}

/* Make, sign and insert a checkpoint behind the newest. */
static void
sign_checkpoint(Oid audit, int64 seq, const unsigned char *hash,
				const CaCheckpointState *newest)
{
	CaCheckpoint checkpoint = {0};
	bool		rotated = newest->checkpoint_id > 0 && is_other_key(newest);

	checkpoint.checkpoint_id = newest->checkpoint_id + 1;
	checkpoint.seq = seq;
	memcpy(checkpoint.record_hash, hash, CA_SHA256_LEN);
	checkpoint.records = seq - newest->seq;
	memcpy(checkpoint.boot_id, ca_ring_shared()->boot_id.data, UUID_LEN);
	checkpoint.created_at = GetCurrentTimestamp();
	memcpy(checkpoint.prev_checkpoint, newest->digest, CA_SHA256_LEN);
	if (!ca_checkpoint_sign(&checkpoint, key, rotated ? previous_key : NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not sign a checkpoint of the audit")));
	ca_checkpoint_insert(&checkpoint);
	set_state(&pending, audit, &checkpoint);
}

/* See checkpoint.h. */
void
ca_checkpoint_write(void)
{
	CaCheckpointState newest;
	unsigned char hash[CA_SHA256_LEN];
	int64		seq;
	Oid			audit;

	last_try = GetCurrentTimestamp();
	memset(&pending, 0, sizeof(pending));
	if (!ca_checkpoint_table_hold())
		return;
	ca_ring_worker_position(&audit, &seq, hash);
	find_newest(audit, &newest);
	if (seq < newest.seq)
		report_cut_off(seq, &newest);
	else if (is_needed(&newest, seq, true))
		sign_checkpoint(audit, seq, hash, &newest);
	else
		pending = newest;
}

/* See checkpoint.h. */
void
ca_checkpoint_written(void)
{
	if (!OidIsValid(pending.audit))
		return;
	SpinLockAcquire(&shared->mutex);
	shared->newest = pending;
	SpinLockRelease(&shared->mutex);
	ca_pubkey_free(previous_key);
	previous_key = NULL;
	last_try = 0;
}
