/*-------------------------------------------------------------------------
 *
 * contauth.c
 *	  Continuous authorization for AI agents, inside PostgreSQL.
 *
 * Start reading in ARCHITECTURE.md.  _PG_init is the table of contents: it
 * wires the layers together and does nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/request_table.h"
#include "audit/checkpoint.h"
#include "audit/reading.h"
#include "audit/ring.h"
#include "audit/worker.h"
#include "base/catalog.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "enforce/hooks.h"
#include "enforce/note.h"
#include "fmgr.h"
#include "identity/identity.h"
#include "identity/session.h"
#include "identity/stop.h"
#include "identity/watcher.h"
#include "miscadmin.h"
#include "policy/history.h"
#include "policy/label.h"
#include "policy/policy_set.h"
#include "policy/relation.h"
#include "storage/ipc.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

static void
request_shared_memory(void)
{
	if (prev_shmem_request != NULL)
		prev_shmem_request();
	ca_ring_shmem_request();
	ca_checkpoint_shmem_request();
	ca_history_shmem_request();
	ca_requests_shmem_request();
	ca_stop_shmem_request();
	ca_watcher_shmem_request();
}

static void
set_up_shared_memory(void)
{
	if (prev_shmem_startup != NULL)
		prev_shmem_startup();
	ca_ring_shmem_startup();
	ca_checkpoint_shmem_startup();
	ca_history_shmem_startup();
	ca_requests_shmem_startup();
	ca_stop_shmem_startup();
	ca_watcher_shmem_startup();
}

/*
 * SECURITY: a role enrolled with contauth.enroll_role() loads the library by
 * session_preload_libraries.  On a server that has not preloaded it the role
 * must not get in: failing here ends its login.  (test/t/001_preload.pl)
 */
static void
require_preloading(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("contauth must be loaded via shared_preload_libraries"),
				 errhint("Add contauth to shared_preload_libraries and restart the server.")));
}

void
_PG_init(void)
{
	static const CaGucCallbacks callbacks = {
		.governed = ca_session_governed,
		.token_check = ca_presented_check_token,
		.token_assign = ca_presented_assign_token,
		.token_presented = ca_identity_presented,
		.delegation_check = ca_presented_check_delegation,
		.delegation_assign = ca_presented_assign_delegation,
		.delegation_presented = ca_presented_is_delegated,
		.trust_changed = ca_identity_forget_all,
		.context_changed = ca_epoch_advance,
	};

	require_preloading();

	ca_guc_define(&callbacks);

	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = set_up_shared_memory;
	ca_audit_worker_register();
	ca_audit_worker_listen(&ca_request_listener);

	ca_catalog_init();
	ca_session_init();
	ca_identity_init();
	ca_label_init();
	ca_policy_set_init();
	ca_relation_init();
	ca_reading_init();

	ca_note_register();
	ca_hooks_install();
}
