/*-------------------------------------------------------------------------
 *
 * presented.c
 *	  What the client has presented: contauth.token and contauth.delegation.
 *
 * The two settings are the only place where tokens and grants enter, so that
 * SET, SET LOCAL, savepoints, ROLLBACK and RESET have their usual meaning.
 * Their check hooks keep the text in the setting's "extra" and put its SHA-256
 * in place of the value: nothing that reads settings can see a token.
 *
 * SECURITY: a token is refused from files, ALTER ROLE/DATABASE SET and
 * function SET clauses, where it would be stored.  (test/sql/identity.sql)
 *
 * SECURITY: where contauth.identity_scope is transaction, clients share the
 * connection: what was set in another transaction was another client's, also
 * when a plain SET left it in the setting.  (test/t/012_pooler.pl)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/epoch.h"
#include "base/error.h"
#include "base/guc.h"
#include "identity/identity.h"
#include "identity/presented.h"
#include "identity/session.h"
#include "storage/proc.h"
#include "utils/fmgrprotos.h"
#include "utils/plancache.h"

#define TOKEN_SETTING		"contauth.token"
#define DELEGATION_SETTING	"contauth.delegation"
#define DIGEST_PREFIX		"sha256:"

/* One of the settings. */
typedef struct Setting
{
	const CaPresented *value;
	const CaPresented *from_connection; /* as a connection option */
} Setting;

bool		ca_identity_locked = false;

static Setting token;
static Setting delegation;
static bool connection_void = false;	/* RESET ALL or DISCARD ALL came since */

/* The setting's value, where it counts. */
static const CaPresented *
current_value(const Setting *setting)
{
	if (ca_guc_identity_scope == CA_SCOPE_TRANSACTION && setting->value != NULL &&
		(setting->value->lxid == InvalidLocalTransactionId ||
		 setting->value->lxid != ca_current_lxid()))
		return NULL;
	return setting->value;
}

const CaPresented *
ca_presented_token(void)
{
	return current_value(&token);
}

const CaPresented *
ca_presented_delegation(void)
{
	return current_value(&delegation);
}

bool
ca_presented_is_delegated(void)
{
	return ca_presented_delegation() != NULL;
}

bool
ca_presented_setting(const char *name)
{
	return pg_strcasecmp(name, TOKEN_SETTING) == 0 ||
		pg_strcasecmp(name, DELEGATION_SETTING) == 0;
}

/* May an identity be presented in this way at all? */
static bool
check_source(const char *name, GucSource source)
{
	if (source != PGC_S_CLIENT && source != PGC_S_SESSION)
	{
		GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
		GUC_check_errmsg("%s can only be set by the session itself", name);
		return false;
	}
	if (ca_guc_identity_scope == CA_SCOPE_TRANSACTION &&
		source == PGC_S_SESSION && !IsTransactionBlock())
	{
		GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
		GUC_check_errmsg("%s can only be set inside a transaction block", name);
		GUC_check_errdetail("contauth.identity_scope is transaction: the identity ends with the transaction.");
		GUC_check_errhint("Use BEGIN, then SET LOCAL or contauth.authenticate().");
		return false;
	}
	return true;
}

/* Replace the text in *newval by its digest and keep it in *extra. */
static bool
conceal(char **newval, void **extra)
{
	size_t		len = strlen(*newval);
	CaPresented *p = ca_guc_malloc(offsetof(CaPresented, text) + len + 1);
	char	   *shown = ca_guc_malloc(strlen(DIGEST_PREFIX) + CA_SHA256_HEXLEN + 1);

	if (p == NULL || shown == NULL || !ca_sha256(*newval, len, p->sha256))
	{
		ca_guc_free(p);
		ca_guc_free(shown);
		/* without a message of ours the server's own would show the value */
		GUC_check_errmsg("out of memory");
		return false;
	}
	p->lxid = ca_current_lxid();
	p->len = len;
	memcpy(p->text, *newval, len + 1);

	memcpy(shown, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
	ca_digest_hex(p->sha256, shown + strlen(DIGEST_PREFIX));

	explicit_bzero(*newval, len);
	ca_guc_free(*newval);
	*newval = shown;
	*extra = p;
	return true;
}

/* What both check hooks begin with; *done: the value needs no more checks. */
static bool
begin_check(const char *name, const char *newval, GucSource source, bool *done)
{
	*done = true;
	/* a parallel worker gets the digest only, and decides nothing */
	if (InitializingParallelWorker)
		return true;
	/* SECURITY: nor by a trigger, which may fire when no statement runs */
	if (source == PGC_S_SESSION &&
		(ca_identity_locked || DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0)) > 0))
	{
		GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
		GUC_check_errmsg("the identity cannot change inside a statement that does something else");
		return false;
	}
	if (newval == NULL || newval[0] == '\0')
		return true;
	*done = false;
	return check_source(name, source);
}

/*
 * Is that a token in form?  Clients that share a connection present theirs in each
 * transaction, so it has mostly been read before.
 */
static bool
is_well_formed(const CaPresented *p)
{
	CaToken    *parsed = NULL;
	CaTokenStatus status;

	if (ca_credential_has_token(p->sha256))
		return true;
	status = ca_token_parse(p->text, p->len, &parsed);
	if (status == CA_TOKEN_OK)
		return true;
	GUC_check_errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION);
	GUC_check_errmsg("the token is refused: %s", ca_token_status_text(status));
	return false;
}

/*
 * A token presented by a statement is verified at once, so that the error
 * comes from SET or authenticate() and leaves the setting as it was.  One that
 * comes with the connection is judged at the first statement.
 */
bool
ca_presented_check_token(char **newval, void **extra, GucSource source)
{
	CaIdentityProblem problem = {0};
	bool		done;

	if (!begin_check(TOKEN_SETTING, *newval, source, &done))
		return false;
	if (done)
		return true;

	if (!conceal(newval, extra))
		return false;
	if (!is_well_formed(*extra))
	{
		ca_guc_free(*extra);
		*extra = NULL;
		return false;
	}
	if (source == PGC_S_CLIENT)
		token.from_connection = *extra;
	if (source == PGC_S_SESSION && IsTransactionState() &&
		!ca_identity_verify_token(*extra, &problem))
	{
		GUC_check_errcode(problem.sqlstate);
		GUC_check_errmsg("the token is refused: %s", problem.text);
		ca_guc_free(*extra);
		*extra = NULL;
		return false;
	}
	return true;
}

/*
 * Only the form of a delegation is checked here.  Whether its chain is valid
 * depends on the token, which may be set after it, and on the moment: every
 * statement asks for that.
 */
bool
ca_presented_check_delegation(char **newval, void **extra, GucSource source)
{
	CaTextList	grants;
	CaTokenStatus status;
	bool		done;

	if (!begin_check(DELEGATION_SETTING, *newval, source, &done))
		return false;
	if (done)
		return true;

	status = ca_grants_split(*newval, strlen(*newval), &grants);
	if (status != CA_TOKEN_OK)
	{
		GUC_check_errcode(ERRCODE_CA_CHAIN_INVALID);
		GUC_check_errmsg("the delegation is refused: %s",
						 ca_token_status_text(status));
		return false;
	}
	if (!conceal(newval, extra))
		return false;
	if (source == PGC_S_CLIENT)
		delegation.from_connection = *extra;
	return true;
}

/*
 * SECURITY: after DISCARD ALL or RESET ALL the connection may be somebody
 * else's: RESET must not bring back what its opener presented.
 */
static const CaPresented *
unless_void(const Setting *setting, const CaPresented *value)
{
	return value == setting->from_connection && connection_void ? NULL : value;
}

void
ca_presented_assign_token(const char *newval, void *extra)
{
	const CaPresented *value = unless_void(&token, extra);

	/* plans of a person must not serve an agent, nor the other way round */
	if ((token.value == NULL) != (value == NULL) && !ca_session_governed_by_login())
		ResetPlanCache();
	token.value = value;
	ca_identity_forget_current();
}

void
ca_presented_assign_delegation(const char *newval, void *extra)
{
	delegation.value = unless_void(&delegation, extra);
	ca_identity_forget_current();
}

static void
set(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 IsTransactionBlock() ? GUC_ACTION_LOCAL : GUC_ACTION_SET,
							 true, ERROR, false);
}

void
ca_presented_set(const char *new_token, const char *new_delegation)
{
	if (new_delegation != NULL || delegation.value != NULL)
		set(DELEGATION_SETTING, new_delegation != NULL ? new_delegation : "");
	set(TOKEN_SETTING, new_token);
}

void
ca_presented_clear(void)
{
	connection_void = true;
	if (delegation.value != NULL)
		(void) set_config_option(DELEGATION_SETTING, "",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
								 true, ERROR, false);
	if (token.value != NULL)
		(void) set_config_option(TOKEN_SETTING, "",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
								 true, ERROR, false);
}
