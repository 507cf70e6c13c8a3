/*-------------------------------------------------------------------------
 *
 * who.c
 *	  The fields of a record that tell who the session is.
 *
 * They are the same for many statements, so they are encoded once and then
 * compared with what they were encoded of: the identity's serial number, which
 * is another whenever anything of it has changed, a number that is another
 * whenever the session presents or says something, and application_name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "approval/request_table.h"
#include "base/compat.h"
#include "base/guc.h"
#include "enforce/who.h"
#include "identity/session.h"
#include "miscadmin.h"
#include "policy/request.h"
#include "storage/proc.h"
#include "token/redact.h"
#include "utils/guc.h"
#include "utils/memutils.h"

static StringInfoData session_fields;
static StringInfoData who_fields;
static uint64 who_number = 0;
static bool who_by_token = false;	/* they hold a token's digest */

/* What they were encoded of: zeros where there is nothing. */
typedef struct WhoKey
{
	uint64		serial;			/* of the identity */
	CaBreakGlass break_glass;	/* of its agent */
	uint64		said;			/* ca_guc_said; 0: they are not encoded */
	int			scope;			/* of the identity, */
	LocalTransactionId lxid;	/* with which what is said ends there */
	Oid			role;			/* of the session */
} WhoKey;

static WhoKey who_key;
static StringInfoData who_application;

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

/* The identity's fields. */
void
ca_who_put_identity(StringInfo buf, const CaIdentity *id)
{
	ca_record_put_text(buf, CA_F_AGENT, id->agent);
	ca_record_put_text(buf, CA_F_ON_BEHALF_OF, id->on_behalf_of);
	ca_record_put_text(buf, CA_F_TOKEN_KID, id->credential->kid);
	ca_record_put_text(buf, CA_F_TOKEN_JTI,
					   id->credential->token != NULL ? id->credential->id : NULL);
	ca_record_put_int32(buf, CA_F_DEPTH, id->depth);
	ca_record_put_int32(buf, CA_F_AUTONOMY, ca_identity_autonomy(id));
	ca_record_put_text(buf, CA_F_CHAIN, id->chain.json);
}

/* A text that the client sets as it likes, if only to put a token there. */
void
ca_who_put_word(StringInfo buf, CaField tag, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	if (ca_holds_token(text, strlen(text)))
	{
		char	   *copy = pstrdup(text);

		copy[ca_redact_tokens(copy, strlen(copy))] = '\0';
		text = copy;
	}
	ca_record_put_text(buf, tag, text);
}

/* What the session says of itself. */
static void
encode_context(StringInfo buf, const CaIdentity *id)
{
	bool		verified;
	const char *purpose = ca_request_purpose(id, &verified);

	ca_who_put_word(buf, CA_F_PURPOSE, purpose);
	ca_who_put_word(buf, CA_F_TASK_ID, ca_guc_task_id());
	ca_who_put_word(buf, CA_F_TRACE_ID, ca_guc_traceparent());
	ca_who_put_word(buf, CA_F_APPLICATION_NAME, application_name);
	ca_record_put_text(buf, CA_F_DB_ROLE, ca_session_role());
	if (id != NULL && id->break_glass.until != 0)
		ca_record_put_text(buf, CA_F_CONTEXT,
						   psprintf("{\"break_glass\": \"%s\"}",
									ca_request_id_text(&id->break_glass.id)));
}

/* Encode who_fields anew. */
static void
encode_who(const CaIdentity *id, const WhoKey *key)
{
	const unsigned char *sha256 = ca_identity_token_sha256();

	/* a key is whole or not there */
	memset(&who_key, 0, sizeof(who_key));
	resetStringInfo(&who_application);
	appendStringInfoString(&who_application, application_name);

	resetStringInfo(&who_fields);
	if (id != NULL)
		ca_who_put_identity(&who_fields, id);
	if (sha256 != NULL)
		ca_record_put(&who_fields, CA_F_TOKEN_SHA256, sha256, CA_SHA256_LEN);
	encode_context(&who_fields, id);
	who_by_token = sha256 != NULL;
	who_number++;

	/* outside a transaction the role's name may be that of another */
	if (IsTransactionState())
		who_key = *key;
}

uint64
ca_who_number(void)
{
	return who_number;
}

void
ca_who_init(void)
{
	MemoryContext old;

	if (session_fields.data != NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	initStringInfo(&who_fields);
	initStringInfo(&who_application);
	MemoryContextSwitchTo(old);
	encode_session();
}

CaAuditBlob
ca_who_session(void)
{
	return (CaAuditBlob)
	{
		session_fields.data, session_fields.len
	};
}

/* Is it the key of what is encoded? */
static inline bool
is_key(const WhoKey *key)
{
	return key->serial == who_key.serial && key->said == who_key.said &&
		key->scope == who_key.scope && key->lxid == who_key.lxid &&
		key->role == who_key.role &&
		key->break_glass.until == who_key.break_glass.until &&
		memcmp(&key->break_glass.id, &who_key.break_glass.id, UUID_LEN) == 0;
}

CaAuditBlob
ca_who_fields(bool *by_token)
{
	const CaIdentity *id = ca_identity_last();
	WhoKey		key = {
		.serial = id != NULL ? id->serial : 0,
		.break_glass = id != NULL ? id->break_glass : (CaBreakGlass) {{{0}}},
		.said = ca_guc_said,
		.scope = ca_guc_identity_scope,
		.lxid = ca_guc_identity_scope == CA_SCOPE_TRANSACTION ? ca_current_lxid() : 0,
		.role = GetSessionUserId(),
	};

	if (unlikely(!is_key(&key) || strcmp(application_name, who_application.data) != 0))
		encode_who(id, &key);
	*by_token = who_by_token;
	return (CaAuditBlob)
	{
		who_fields.data, who_fields.len
	};
}
