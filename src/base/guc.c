/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Every setting of contauth, defined in one place.
 *
 * SECURITY: no setting that a client can change changes what is enforced.
 * Settings of the superuser are refused while the session is governed, so
 * that an agent whose role is a superuser cannot switch enforcement off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/decision.h"
#include "base/epoch.h"
#include "base/guc.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/guc.h"

/* Longest self-asserted context value, bytes: it is copied into records. */
#define CA_CONTEXT_VALUE_MAX	1024

uint64		ca_guc_said = 1;
int			ca_guc_audit_ring_size = 2048;
int			ca_guc_max_agents = 10000;
char	   *ca_guc_audit_database = NULL;
int			ca_guc_mode = CA_MODE_ENFORCE;
char	   *ca_guc_audience = NULL;
int			ca_guc_clock_skew = 30;
int			ca_guc_audit_durability = CA_DURABILITY_ASYNC;
int			ca_guc_audit_wait = 5000;
int			ca_guc_audit_retention_min = 180;
int			ca_guc_audit_statement = CA_STATEMENT_NORMALIZED;
char	   *ca_guc_audit_signing_key = NULL;
int			ca_guc_checkpoint_interval = 60;
int			ca_guc_spool_size = 256;
bool		ca_guc_explain_denials = true;
int			ca_guc_escalation_wait = 0;
int			ca_guc_max_delegation_depth = 8;
int			ca_guc_identity_scope = CA_SCOPE_SESSION;

static char *token_setting = NULL;	/* these hold digests, never a token */
static char *delegation_setting = NULL;
static CaGucCallbacks callbacks;

/* A context value, and the transaction that it was set in. */
typedef struct ContextValue
{
	char	   *text;
	LocalTransactionId lxid;
} ContextValue;

static ContextValue purpose;
static ContextValue task_id;
static ContextValue traceparent;

static const struct config_enum_entry mode_options[] = {
	{"off", CA_MODE_OFF, false},
	{"monitor", CA_MODE_MONITOR, false},
	{"enforce", CA_MODE_ENFORCE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry durability_options[] = {
	{"async", CA_DURABILITY_ASYNC, false},
	{"strict", CA_DURABILITY_STRICT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry statement_options[] = {
	{"normalized", CA_STATEMENT_NORMALIZED, false},
	{"full", CA_STATEMENT_FULL, false},
	{NULL, 0, false}
};

/*
 * May a setting of the superuser be changed from this source?  Not by a
 * statement of a governed session, and not by its connection options, which
 * arrive before anybody can tell whether it is governed: those take effect
 * only for superusers, and a governed superuser must not have them either.
 */
static bool
source_is_trusted(GucSource source)
{
	if (source < PGC_S_CLIENT || InitializingParallelWorker)
		return true;
	if (source == PGC_S_CLIENT || (IsTransactionState() && callbacks.governed()))
	{
		GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
		GUC_check_errmsg("this setting cannot be changed from a connection option or a governed session");
		return false;
	}
	return true;
}

static const struct config_enum_entry scope_options[] = {
	{"session", CA_SCOPE_SESSION, false},
	{"transaction", CA_SCOPE_TRANSACTION, false},
	{NULL, 0, false}
};

static bool
check_trusted_enum(int *newval, void **extra, GucSource source)
{
	return source_is_trusted(source);
}

static bool
check_trusted_int(int *newval, void **extra, GucSource source)
{
	return source_is_trusted(source);
}

static bool
check_trusted_bool(bool *newval, void **extra, GucSource source)
{
	return source_is_trusted(source);
}

static void
assign_mode(int newval, void *extra)
{
	ca_epoch_advance();
}

static void
assign_trust_int(int newval, void *extra)
{
	callbacks.trust_changed();
}

static void
assign_audience(const char *newval, void *extra)
{
	callbacks.trust_changed();
}

/*
 * Self-asserted context: bounded, valid text without control characters.  The
 * transaction it is set in is kept with it.
 */
static bool
check_context_value(char **newval, void **extra, GucSource source)
{
	LocalTransactionId *lxid;

	if (*newval == NULL)
		return true;
	if (strlen(*newval) > CA_CONTEXT_VALUE_MAX)
	{
		GUC_check_errmsg("value is longer than %d bytes", CA_CONTEXT_VALUE_MAX);
		return false;
	}
	for (const char *p = *newval; *p; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
		{
			GUC_check_errmsg("value contains control characters");
			return false;
		}
	}
	if (!pg_verifymbstr(*newval, strlen(*newval), true))
	{
		GUC_check_errmsg("value is not valid in the database's encoding");
		return false;
	}
	lxid = ca_guc_malloc(sizeof(LocalTransactionId));
	if (lxid == NULL)
		return false;
	*lxid = ca_current_lxid();
	*extra = lxid;
	return true;
}

static void
note_transaction(ContextValue *value, const void *extra)
{
	value->lxid = extra != NULL ? *(const LocalTransactionId *) extra :
		InvalidLocalTransactionId;
}

static void
assign_purpose(const char *newval, void *extra)
{
	ca_guc_said++;
	note_transaction(&purpose, extra);
	callbacks.context_changed();
}

static void
assign_task_id(const char *newval, void *extra)
{
	ca_guc_said++;
	note_transaction(&task_id, extra);
	callbacks.context_changed();
}

/* No condition sees it: a new one for every statement costs no decision. */
static void
assign_traceparent(const char *newval, void *extra)
{
	ca_guc_said++;
	note_transaction(&traceparent, extra);
}

/* The value, where it is the present client's own word. */
static const char *
context_value(const ContextValue *value)
{
	if (value->text == NULL ||
		(ca_guc_identity_scope == CA_SCOPE_TRANSACTION &&
		 (value->lxid == InvalidLocalTransactionId ||
		  value->lxid != ca_current_lxid())))
		return "";
	return value->text;
}

const char *
ca_guc_purpose(void)
{
	return context_value(&purpose);
}

const char *
ca_guc_task_id(void)
{
	return context_value(&task_id);
}

const char *
ca_guc_traceparent(void)
{
	return context_value(&traceparent);
}

static bool
check_token(char **newval, void **extra, GucSource source)
{
	return callbacks.token_check(newval, extra, source);
}

static void
assign_token(const char *newval, void *extra)
{
	ca_guc_said++;
	callbacks.token_assign(newval, extra);
}

bool
ca_guc_token_set(void)
{
	return token_setting != NULL && token_setting[0] != '\0';
}

/*
 * What is not presented to this transaction is another client's: nothing of
 * it is shown.
 */
static const char *
show_token(void)
{
	return callbacks.token_presented() ? token_setting : "";
}

static const char *
show_delegation(void)
{
	return callbacks.delegation_presented() ? delegation_setting : "";
}

static bool
check_delegation(char **newval, void **extra, GucSource source)
{
	return callbacks.delegation_check(newval, extra, source);
}

static void
assign_delegation(const char *newval, void *extra)
{
	ca_guc_said++;
	callbacks.delegation_assign(newval, extra);
}

/* Settings fixed at server start. */
static void
define_postmaster_settings(void)
{
	DefineCustomIntVariable("contauth.audit_ring_size",
							"Size of the shared buffer between sessions and the audit worker.",
							"Larger than the processor's caches is slower, not safer.",
							&ca_guc_audit_ring_size,
							2048, 1024, 4096,
							PGC_POSTMASTER, GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("contauth.max_agents",
							"Most agents whose statements, rows and denials are counted at the same time.",
							"An agent counts as long as something of it lies within the last hour.",
							&ca_guc_max_agents,
							10000, 16, 1000000,
							PGC_POSTMASTER, 0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("contauth.audit_database",
							   "Database whose contauth_audit tables take the records of the whole server.",
							   "Empty means the first database in which the extension was created.",
							   &ca_guc_audit_database,
							   "",
							   PGC_POSTMASTER, 0,
							   NULL, NULL, NULL);
}

/* Who is believed: for the superuser. */
static void
define_identity_settings(void)
{
	DefineCustomStringVariable("contauth.audience",
							   "Value that the aud claim of every token must contain.",
							   "While it is empty every token is refused.",
							   &ca_guc_audience,
							   "",
							   PGC_SIGHUP, 0,
							   NULL, assign_audience, NULL);

	DefineCustomIntVariable("contauth.clock_skew",
							"Tolerance for the exp and nbf claims of tokens.",
							NULL,
							&ca_guc_clock_skew,
							30, 0, 600,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, assign_trust_int, NULL);

	DefineCustomIntVariable("contauth.max_delegation_depth",
							"Most delegations between the root of a chain and the agent that acts.",
							"0 refuses every delegation.",
							&ca_guc_max_delegation_depth,
							8, 0, 16,
							PGC_SUSET, 0,
							check_trusted_int, assign_trust_int, NULL);

	DefineCustomEnumVariable("contauth.identity_scope",
							 "How long a token lasts that a client presents.",
							 "session: until it is replaced; transaction: until the end of the transaction it is set in, for connections that clients share.",
							 &ca_guc_identity_scope,
							 CA_SCOPE_SESSION, scope_options,
							 PGC_SUSET, 0,
							 check_trusted_enum, assign_trust_int, NULL);
}

/* What is enforced: for the superuser. */
static void
define_enforcement_settings(void)
{
	DefineCustomEnumVariable("contauth.mode",
							 "What happens to statements of governed sessions.",
							 "enforce: decide, enforce and record; monitor: decide and record only; off: nothing.",
							 &ca_guc_mode,
							 CA_MODE_ENFORCE, mode_options,
							 PGC_SUSET, 0,
							 check_trusted_enum, assign_mode, NULL);

	DefineCustomBoolVariable("contauth.explain_denials",
							 "Tell the agent why a statement was refused.",
							 "When off, the error carries only the decision's id.",
							 &ca_guc_explain_denials,
							 true,
							 PGC_SUSET, 0,
							 check_trusted_bool, NULL, NULL);

	DefineCustomIntVariable("contauth.escalation_wait",
							"How long a statement that needs an approval waits for it before it is refused.",
							"0 refuses it at once. It holds its locks while it waits.",
							&ca_guc_escalation_wait,
							0, 0, 3600 * 1000,
							PGC_SUSET, GUC_UNIT_MS,
							check_trusted_int, NULL, NULL);
}

static void
define_audit_settings(void)
{
	DefineCustomEnumVariable("contauth.audit_durability",
							 "When a record must be durable.",
							 "strict: before the first row or the error leaves the server; async: soon after.",
							 &ca_guc_audit_durability,
							 CA_DURABILITY_ASYNC, durability_options,
							 PGC_SUSET, 0,
							 check_trusted_enum, NULL, NULL);

	DefineCustomIntVariable("contauth.audit_wait",
							"How long a statement waits for its record to be taken before it is refused.",
							NULL,
							&ca_guc_audit_wait,
							5000, 10, 600000,
							PGC_SUSET, GUC_UNIT_MS,
							check_trusted_int, NULL, NULL);

	DefineCustomIntVariable("contauth.audit_retention_min",
							"How many days audit records are kept at least.",
							"contauth_audit.drop_before() refuses to drop younger ones; nothing is dropped by itself.",
							&ca_guc_audit_retention_min,
							180, 0, 36500,
							PGC_SUSET, 0,
							check_trusted_int, NULL, NULL);

	DefineCustomEnumVariable("contauth.audit_statement",
							 "How statement text is recorded.",
							 "normalized: literals replaced by $n; full: as sent.",
							 &ca_guc_audit_statement,
							 CA_STATEMENT_NORMALIZED, statement_options,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("contauth.audit_signing_key",
							   "File with the private key that signs checkpoints of the audit.",
							   "PEM, Ed25519 or P-256, readable by the server alone. Empty: the audit is not signed.",
							   &ca_guc_audit_signing_key,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomIntVariable("contauth.checkpoint_interval",
							"Longest time that a record waits for a signed checkpoint.",
							NULL,
							&ca_guc_checkpoint_interval,
							60, 1, 86400,
							PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomIntVariable("contauth.spool_size",
							"Most that the files may hold in which a standby keeps records.",
							"When they are full, statements of agents are refused.",
							&ca_guc_spool_size,
							256, 1, 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_MB,
							NULL, NULL, NULL);
}

/* What any client may set: verified (token) or recorded as self-asserted. */
static void
define_client_settings(void)
{
	DefineCustomStringVariable("contauth.token",
							   "Presents the agent's signed token.",
							   "Reads back as the token's SHA-256, never as the token.",
							   &token_setting,
							   "",
							   PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_token, assign_token, show_token);

	DefineCustomStringVariable("contauth.delegation",
							   "Presents the delegation chain: a JSON array of signed grants, root first.",
							   "Reads back as the SHA-256 of what was set.",
							   &delegation_setting,
							   "",
							   PGC_USERSET,
							   GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_delegation, assign_delegation, show_delegation);

	DefineCustomStringVariable("contauth.purpose",
							   "Purpose of what follows, as the client states it.",
							   NULL,
							   &purpose.text,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_context_value, assign_purpose, NULL);

	DefineCustomStringVariable("contauth.task_id",
							   "Task that the following statements belong to, as the client states it.",
							   NULL,
							   &task_id.text,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_context_value, assign_task_id, NULL);

	DefineCustomStringVariable("contauth.traceparent",
							   "W3C trace context of the following statements, as the client states it.",
							   NULL,
							   &traceparent.text,
							   "",
							   PGC_USERSET, GUC_NOT_IN_SAMPLE,
							   check_context_value, assign_traceparent, NULL);
}

void
ca_guc_define(const CaGucCallbacks *cb)
{
	callbacks = *cb;
	define_postmaster_settings();
	define_identity_settings();
	define_enforcement_settings();
	define_audit_settings();
	define_client_settings();
	/* must come last: a definition after it would be refused */
	MarkGUCPrefixReserved("contauth");
}
