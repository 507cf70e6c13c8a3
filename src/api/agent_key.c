/*-------------------------------------------------------------------------
 *
 * agent_key.c
 *	  The trigger that keeps contauth.agent_key sound.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/trigger.h"
#include "base/catalog.h"
#include "mb/pg_wchar.h"
#include "token/token.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(contauth_check_agent_key);

/* The key's own name for itself; NULL when it has none. */
static char *
kid_of(Jsonb *jwk)
{
	JsonbValue	buf;
	JsonbValue *kid;

	if (!JB_ROOT_IS_OBJECT(jwk))
		return NULL;
	kid = getKeyJsonValueFromContainer(&jwk->root, "kid", strlen("kid"), &buf);
	return kid != NULL && kid->type == jbvString ?
		pnstrdup(kid->val.string.val, kid->val.string.len) : NULL;
}

/* BEFORE ROW trigger of contauth.agent_key. */
Datum
contauth_check_agent_key(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	HeapTuple	row = new_row(fcinfo, "check_agent_key", &desc);
	char	   *kid = ca_row_text(row, desc, "kid");
	bool		isnull;
	Datum		value = ca_row_datum(row, desc, "jwk", &isnull);
	Jsonb	   *jwk;
	char	   *json;
	CaJwks	   *keys = NULL;
	int			nkeys;
	CaTokenStatus status;

	/* NOT NULL is checked only after the triggers */
	if (isnull || kid == NULL)
		bad_argument("jwk", "it is missing");
	jwk = DatumGetJsonbP(value);
	if (kid_of(jwk) == NULL || strcmp(kid_of(jwk), kid) != 0)
		bad_argument("jwk", "its key ID is not a string, or another one");
	json = psprintf("{\"keys\": [%s]}",
					JsonbToCString(NULL, &jwk->root, VARSIZE(jwk)));
	json = pg_server_to_any(json, strlen(json), PG_UTF8);
	status = ca_jwks_parse(json, strlen(json), &keys, &nkeys);
	if (status != CA_TOKEN_OK)
		bad_argument("jwk", ca_token_status_text(status));
	ca_jwks_free(keys);
	if (nkeys != 1)
		bad_argument("jwk", "it is not a public key that verifies signatures");
	PG_RETURN_POINTER(row);
}
