/*-------------------------------------------------------------------------
 *
 * policy_set.c
 *	  The policies of this database that this backend has met.
 *
 * Policies are read by key (policy_key.c), when a request first needs it, and
 * added to the set.  The set owns one memory context and is thrown away as a
 * whole when contauth.policy changes: a trigger there invalidates the table's
 * relcache entry, every session hears of it when the change commits, and
 * begins a new set at its next statement.
 *
 * Keys are read at different times, but a set is always of one version:
 * changes are serialised and each has a higher version, so that a set that is
 * to be added to is thrown away when the version is another by then.
 *
 * SECURITY: a policy whose stored text can no longer be understood is not
 * skipped: reading it raises an error, and every statement that it could
 * concern is refused until an administrator has repaired it.
 * (test/sql/decay.sql)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/catalog.h"
#include "base/epoch.h"
#include "common/hashfn.h"
#include "policy/label.h"
#include "policy/policy_key.h"
#include "policy/policy_set.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* A set with more keys than this is begun anew: agents come and go. */
#define CA_POLICY_MAX_KEYS	4096

/* A key that has been read. */
typedef struct LoadedKey
{
	uint32		status;
	const char *key;
} LoadedKey;

#define SH_PREFIX loaded
#define SH_ELEMENT_TYPE LoadedKey
#define SH_KEY_TYPE const char *
#define SH_KEY key
#define SH_HASH_KEY(table, k) hash_bytes((const unsigned char *) (k), (int) strlen(k))
#define SH_EQUAL(table, a, b) (strcmp((a), (b)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static CaPolicySet *current_set = NULL;
static loaded_hash *loaded = NULL;	/* keys of current_set, in its context */
static uint64 loaded_identity = 0;	/* serial of one whose keys are in it */
static bool loaded_all = false; /* whatever the keys */
static bool set_valid = false;
static uint64 last_generation = 0;
static Oid	policy_relid = InvalidOid;
static Oid	class_relid = InvalidOid;

/* No catalog access is possible here: compare with OIDs already looked up. */
static void
relation_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == policy_relid || relid == class_relid)
	{
		set_valid = false;
		ca_epoch_advance();
	}
}

void
ca_policy_set_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

/* Must the set be begun anew? */
static bool
is_stale(void)
{
	return !set_valid || loaded->members > CA_POLICY_MAX_KEYS;
}

uint64
ca_policy_set_generation(void)
{
	return is_stale() ? 0 : current_set->generation;
}

int64
ca_policy_set_version(void)
{
	return current_set->version;
}

/* Begin a set with nothing in it. */
static void
begin_set(void)
{
	MemoryContext context;

	policy_relid = ca_table_oid(CA_TABLE_POLICY);
	class_relid = ca_table_oid(CA_TABLE_CLASSIFICATION);
	ca_label_reset();

	set_valid = false;
	if (current_set != NULL)
		MemoryContextDelete(current_set->context);
	current_set = NULL;
	context = AllocSetContextCreate(CacheMemoryContext, "contauth policies",
									ALLOCSET_DEFAULT_SIZES);
	loaded = loaded_create(context, 64, NULL);
	loaded_identity = 0;
	loaded_all = false;
	current_set = MemoryContextAllocZero(context, sizeof(CaPolicySet));
	current_set->context = context;
	current_set->generation = ++last_generation;

	/* a change that arrives from here on makes the set stale again */
	set_valid = true;
}

/* Those of the keys that have not been read. */
static List *
missing_keys(const List *keys)
{
	List	   *missing = NIL;
	ListCell   *lc;

	if (loaded_all)
		return NIL;
	foreach(lc, keys)
	{
		if (loaded_lookup(loaded, lfirst(lc)) == NULL)
			missing = lappend(missing, lfirst(lc));
	}
	return missing;
}

static bool
take_policy(HeapTuple tuple, TupleDesc desc, void *arg)
{
	CaPolicySet *set = arg;
	CaPolicy   *policy;

	if (!ca_row_bool(tuple, desc, "enabled"))
		return true;
	policy = ca_policy_from_row(tuple, desc);
	policy->serial = ++set->last_serial;
	set->policies = lappend(set->policies, policy);
	return true;
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((const CaPolicy *) lfirst(a))->name,
				  ((const CaPolicy *) lfirst(b))->name);
}

/* Read the policies of these keys into the set. */
static void
read_keys(const List *keys, Snapshot snapshot)
{
	CaPolicySet *set = current_set;
	MemoryContext old = MemoryContextSwitchTo(set->context);
	uint64		before = set->last_serial;
	ListCell   *lc;

	foreach(lc, keys)
	{
		bool		found;

		(void) loaded_insert(loaded, pstrdup(lfirst(lc)), &found);
		if (!found)
			ca_table_scan_at(CA_TABLE_POLICY, "key", lfirst(lc), snapshot,
							 take_policy, set);
	}
	if (set->last_serial != before)
		list_sort(set->policies, by_name);
	MemoryContextSwitchTo(old);
}

/*
 * Add what is missing, as of now.  False: the set is of an earlier version,
 * and stays as it is.
 */
static bool
extend_set(const List *missing)
{
	Snapshot	snapshot = RegisterSnapshot(ca_table_snapshot(CA_TABLE_POLICY));
	int64		version = ca_table_max(CA_TABLE_POLICY_VERSION, "version", snapshot);
	bool		same;

	if (loaded->members == 0)
	{
		current_set->version = version;
		same = true;
	}
	else
		/* on a subscriber a change may arrive without a version */
		same = set_valid && current_set->version == version;
	if (same)
		read_keys(missing, snapshot);
	UnregisterSnapshot(snapshot);
	return same;
}

const CaPolicySet *
ca_policy_set(const CaIdentity *identity, const List *keys)
{
	List	   *missing;
	bool		extended = true;

	if (is_stale())
		begin_set();
	missing = missing_keys(keys);
	if (loaded_identity != identity->serial)
		missing = list_concat(missing,
							  missing_keys(ca_policy_keys_of_agent(NIL, identity->agent)));
	if (missing == NIL)
	{
		loaded_identity = identity->serial;
		return current_set;
	}

	PG_TRY();
	{
		extended = extend_set(missing);
	}
	PG_CATCH();
	{
		/* SECURITY: half a set decides nothing */
		set_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!extended)
	{
		set_valid = false;
		return ca_policy_set(identity, keys);
	}
	loaded_identity = identity->serial;
	return current_set;
}

/* Read all policies into a set with nothing in it. */
static void
read_all(void)
{
	Snapshot	snapshot = RegisterSnapshot(ca_table_snapshot(CA_TABLE_POLICY));
	MemoryContext old = MemoryContextSwitchTo(current_set->context);

	current_set->version = ca_table_max(CA_TABLE_POLICY_VERSION, "version", snapshot);
	ca_table_scan_at(CA_TABLE_POLICY, NULL, NULL, snapshot, take_policy, current_set);
	list_sort(current_set->policies, by_name);
	MemoryContextSwitchTo(old);
	UnregisterSnapshot(snapshot);
	loaded_all = true;
}

const CaPolicySet *
ca_policy_set_whole(void)
{
	if (set_valid && loaded_all)
		return current_set;
	begin_set();
	PG_TRY();
	{
		read_all();
	}
	PG_CATCH();
	{
		/* SECURITY: as above */
		set_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	return current_set;
}
