/*-------------------------------------------------------------------------
 *
 * who.c
 *	  The fields of a record that tell who the session is.
 *
 * They are the same for many statements, so they are encoded once and then
 * compared with what they were encoded of: the identity's serial number, which
 * is another whenever anything of it has changed, the token's digest, and the
 * words that the session says of itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "approval/request_table.h"
#include "base/guc.h"
#include "enforce/who.h"
#include "identity/session.h"
#include "policy/request.h"
#include "token/redact.h"
#include "utils/guc.h"
#include "utils/memutils.h"

static StringInfoData session_fields;
static StringInfoData who_fields;
static StringInfoData who_key;	/* what these were encoded of */
static uint64 who_number = 0;

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

/* The words of its own that the session's fields are made of; in who_key. */
#define OWN_WORDS	5

static Size who_lengths[OWN_WORDS];

static void
own_words(const char *words[OWN_WORDS])
{
	words[0] = ca_guc_purpose();
	words[1] = ca_guc_task_id();
	words[2] = ca_guc_traceparent();
	words[3] = application_name;
	words[4] = ca_session_role();
	for (int i = 0; i < OWN_WORDS; i++)
	{
		if (words[i] == NULL)
			words[i] = "";
	}
}

/*
 * An identity's serial number and, zeros where there is none, its break-glass and
 * the token's digest.
 */
typedef struct WhoKey
{
	uint64		serial;
	CaBreakGlass break_glass;
	unsigned char sha256[CA_SHA256_LEN];
} WhoKey;

/* Were who_fields encoded of this? */
static bool
who_is(const WhoKey *key, const char *const *words)
{
	const char *kept = who_key.data + sizeof(*key);

	if (who_key.len == 0 || memcmp(who_key.data, key, sizeof(*key)) != 0)
		return false;
	for (int i = 0; i < OWN_WORDS; i++)
	{
		/* most are empty */
		if (*kept != *words[i] || (*kept != '\0' && strcmp(kept, words[i]) != 0))
			return false;
		kept += who_lengths[i] + 1;
	}
	return true;
}

/* Encode who_fields anew. */
static void
encode_who(const CaIdentity *id, const unsigned char *sha256, const WhoKey *key,
		   const char *const *words)
{
	int			len = sizeof(*key);

	resetStringInfo(&who_key);
	resetStringInfo(&who_fields);
	if (id != NULL)
		ca_who_put_identity(&who_fields, id);
	if (sha256 != NULL)
		ca_record_put(&who_fields, CA_F_TOKEN_SHA256, sha256, CA_SHA256_LEN);
	encode_context(&who_fields, id);

	/* room first: a key is whole or not there */
	for (int i = 0; i < OWN_WORDS; i++)
		len += strlen(words[i]) + 1;
	enlargeStringInfo(&who_key, len);
	appendBinaryStringInfo(&who_key, (const char *) key, sizeof(*key));
	for (int i = 0; i < OWN_WORDS; i++)
	{
		who_lengths[i] = strlen(words[i]);
		appendBinaryStringInfo(&who_key, words[i], (int) who_lengths[i] + 1);
	}
	who_number++;
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
	initStringInfo(&who_key);
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

CaAuditBlob
ca_who_fields(bool *by_token)
{
	const CaIdentity *id = ca_identity_last();
	const unsigned char *sha256 = ca_identity_token_sha256();
	const char *words[OWN_WORDS];
	WhoKey		key = {0};

	*by_token = sha256 != NULL;
	if (id != NULL)
	{
		key.serial = id->serial;
		key.break_glass = id->break_glass;
	}
	if (sha256 != NULL)
		memcpy(key.sha256, sha256, CA_SHA256_LEN);
	own_words(words);
	if (!who_is(&key, words))
		encode_who(id, sha256, &key, words);
	return (CaAuditBlob)
	{
		who_fields.data, who_fields.len
	};
}
