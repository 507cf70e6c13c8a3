/*-------------------------------------------------------------------------
 *
 * agent.c
 *	  SQL functions that agents call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "audit/ring.h"
#include "base/error.h"
#include "base/guc.h"
#include "base/internal.h"
#include "base/json_text.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "identity/claim.h"
#include "identity/identity.h"
#include "miscadmin.h"
#include "policy/request.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(contauth_authenticate);
PG_FUNCTION_INFO_V1(contauth_whoami);
PG_FUNCTION_INFO_V1(contauth_claim);
PG_FUNCTION_INFO_V1(contauth_attribute);
PG_FUNCTION_INFO_V1(contauth_my_decision);

/* An identity, or NULL and why there is none, as the jsonb that whoami() returns. */
static Jsonb *
describe(const CaIdentity *id, const char *purpose, const CaIdentityProblem *problem)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	ca_json_put_member(&json, "agent", id != NULL ? id->agent : NULL);
	ca_json_put_member(&json, "on_behalf_of", id != NULL ? id->on_behalf_of : NULL);
	if (id != NULL)
		appendStringInfo(&json, ", \"chain\": %s, \"depth\": %d, \"autonomy\": %d",
						 id->chain.json, id->depth, ca_identity_autonomy(id));
	else
		appendStringInfoString(&json, ", \"chain\": [], \"depth\": null, \"autonomy\": null");
	ca_json_put_member(&json, "purpose", purpose != NULL && purpose[0] != '\0' ? purpose : NULL);
	ca_json_put_member(&json, "source", id != NULL ? ca_identity_source(id) : NULL);
	ca_json_put_member(&json, "expires_at",
					   id != NULL ? ca_chain_time(id->chain.expires_at) : NULL);
	if (id == NULL)
		ca_json_put_member(&json, "reason", problem->text);
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/*
 * What was answered last, and of what: who shares a connection authenticates in each
 * transaction, and is told who he is.
 */
static struct
{
	uint64		serial;			/* 0: nothing */
	TimestampTz expires_at;
	char	   *purpose;
	Jsonb	   *jsonb;
}			answered;

static bool
is_answered(const CaIdentity *id, const char *purpose)
{
	return answered.serial == id->serial &&
		answered.expires_at == id->chain.expires_at &&
		strcmp(answered.purpose, purpose) == 0;
}

static void
keep_answer(const CaIdentity *id, const char *purpose, const Jsonb *jsonb)
{
	if (answered.purpose != NULL)
		pfree(answered.purpose);
	if (answered.jsonb != NULL)
		pfree(answered.jsonb);
	answered.serial = 0;
	answered.purpose = NULL;
	answered.jsonb = NULL;
	answered.purpose = MemoryContextStrdup(TopMemoryContext, purpose);
	answered.jsonb = MemoryContextAlloc(TopMemoryContext, VARSIZE(jsonb));
	memcpy(answered.jsonb, jsonb, VARSIZE(jsonb));
	answered.expires_at = id->chain.expires_at;
	answered.serial = id->serial;
}

/* The session's identity as the jsonb that whoami() returns. */
static Datum
whoami(void)
{
	CaIdentityProblem problem = {0};
	const CaIdentity *id = ca_identity_current(&problem);
	bool		verified;
	const char *purpose = ca_request_purpose(id, &verified);

	if (id == NULL)
		return JsonbPGetDatum(describe(id, purpose, &problem));
	if (purpose == NULL)
		purpose = "";
	if (!is_answered(id, purpose))
		keep_answer(id, purpose, describe(id, purpose, &problem));
	return datumCopy(JsonbPGetDatum(answered.jsonb), false, -1);
}

Datum
contauth_whoami(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(whoami());
}

/* A delegation as the setting takes it, NULL for none; in UTF-8 it is ASCII. */
static char *
delegation_text(Jsonb *delegation)
{
	if (JB_ROOT_IS_SCALAR(delegation) || !JB_ROOT_IS_ARRAY(delegation))
		ereport(ERROR,
				(errcode(ERRCODE_CA_CHAIN_INVALID),
				 errmsg("the delegation is refused: delegation is not a JSON array of 1 to 16 grants")));
	return JsonbToCString(NULL, &delegation->root, VARSIZE(delegation));
}

/* The chain is verified at once, so that a bad one changes nothing. */
static void
check_chain(void)
{
	CaIdentityProblem problem = {0};

	if (ca_identity_current(&problem) == NULL)
		ereport(ERROR,
				(errcode(problem.sqlstate),
				 errmsg("the %s is refused: %s",
						problem.sqlstate == ERRCODE_CA_CHAIN_INVALID ?
						"delegation" : "token", problem.text)));
}

/*
 * authenticate(token text, delegation jsonb) returns jsonb
 *
 * Inside a transaction block the identity ends with the transaction.
 */
Datum
contauth_authenticate(PG_FUNCTION_ARGS)
{
	char	   *token;
	char	   *delegation = NULL;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("the token is refused: token is null")));
	token = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (token[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("the token is refused: token is empty")));
	if (!PG_ARGISNULL(1))
		delegation = delegation_text(PG_GETARG_JSONB_P(1));
	ca_presented_set(token, delegation);
	explicit_bzero(token, strlen(token));
	check_chain();
	PG_RETURN_DATUM(whoami());
}

/* claim(name text) returns text: a claim of the verified token */
Datum
contauth_claim(PG_FUNCTION_ARGS)
{
	char	   *value = ca_claim_text(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/* attribute(name text) returns text: an attribute of the registered agent */
Datum
contauth_attribute(PG_FUNCTION_ARGS)
{
	char	   *value = ca_attribute_text(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(value));
}

/*
 * The decision of that id, if it is the agent's own; NULL otherwise.
 *
 * SECURITY: what explain_denials = off keeps out of errors is not told here
 * either.  (test/sql/audit.sql)
 */
static Datum
read_decision(pg_uuid_t *id, const char *agent, bool *isnull)
{
	static const char *const format =
	"SELECT pg_catalog.to_jsonb(d) OPERATOR(pg_catalog.-) '{%s}'::pg_catalog.text[]"
	" FROM contauth_audit.decision d"
	" WHERE d.decision_id OPERATOR(pg_catalog.=) $1"
	" AND d.agent OPERATOR(pg_catalog.=) $2";
	char	   *query = psprintf(format, ca_guc_explain_denials ? "" :
								 "reason,reason_code,policies,accesses,context");
	Oid			types[] = {UUIDOID, TEXTOID};
	Datum		values[] = {UUIDPGetDatum(id), CStringGetTextDatum(agent)};
	MemoryContext caller = CurrentMemoryContext;
	Datum		result = (Datum) 0;

	*isnull = true;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(query, 2, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read contauth_audit.decision");
	if (SPI_processed > 0)
	{
		Datum		row = SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, isnull);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		result = JsonbPGetDatum(DatumGetJsonbPCopy(row));
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return result;
}

/*
 * my_decision(decision_id uuid) returns jsonb
 *
 * Reads the audit table as its owner: the agent itself has no access to it.
 */
Datum
contauth_my_decision(PG_FUNCTION_ARGS)
{
	CaIdentityProblem problem = {0};
	const CaIdentity *identity = ca_identity_current(&problem);
	char	   *agent;
	Datum		result = (Datum) 0;
	volatile bool isnull = true;
	Oid			user;
	int			sec_context;

	if (identity == NULL)
		PG_RETURN_NULL();
	agent = pstrdup(identity->agent);
	ca_ring_wait_rows(ca_ring_head());

	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   sec_context | SECURITY_LOCAL_USERID_CHANGE);
	ca_internal_depth++;
	PG_TRY();
	{
		bool		null_row;

		PushActiveSnapshot(GetLatestSnapshot());
		result = read_decision(PG_GETARG_UUID_P(0), agent, &null_row);
		PopActiveSnapshot();
		isnull = null_row;
	}
	PG_FINALLY();
	{
		ca_internal_depth--;
		SetUserIdAndSecContext(user, sec_context);
	}
	PG_END_TRY();

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
