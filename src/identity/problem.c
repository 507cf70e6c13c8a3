/*-------------------------------------------------------------------------
 *
 * problem.c
 *	  Why there is no valid identity.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/error.h"
#include "identity/problem.h"
#include "lib/stringinfo.h"

bool
ca_problem_set(CaIdentityProblem *problem, int sqlstate, const char *code,
			   const char *fmt,...)
{
	StringInfoData text;
	int			needed;

	initStringInfo(&text);
	do
	{
		va_list		args;

		va_start(args, fmt);
		needed = appendStringInfoVA(&text, fmt, args);
		va_end(args);
		if (needed > 0)
			enlargeStringInfo(&text, needed);
	} while (needed > 0);
	problem->sqlstate = sqlstate;
	problem->code = code;
	problem->text = text.data;
	return false;
}

/* Codes for what can be wrong with a token and with a grant. */
static const struct
{
	CaTokenStatus status;
	const char *token_code;
	const char *grant_code;
}			codes[] =

{
	{CA_TOKEN_EXPIRED, "token_expired", "grant_expired"},
	{CA_TOKEN_NOT_YET_VALID, "token_not_yet_valid", "grant_not_yet_valid"},
	{CA_TOKEN_WRONG_AUDIENCE, "token_audience", "grant_audience"},
	{CA_TOKEN_BAD_SIGNATURE, "token_signature", "grant_signature"},
	{CA_TOKEN_UNKNOWN_KEY, "token_key_unknown", "grant_key_unknown"},
	{CA_GRANT_FIRST_HAS_PARENT, NULL, "chain_cut_off"},
	{CA_GRANT_WRONG_PARENT, NULL, "chain_wrong_parent"},
	{CA_GRANT_NOT_LINKED, NULL, "chain_not_linked"},
	{CA_GRANT_WRONG_ACTOR, NULL, "chain_wrong_actor"},
	{CA_GRANT_TOO_DEEP, NULL, "chain_too_deep"},
	{CA_CHAIN_LOOP, NULL, "chain_loop"},
};

bool
ca_problem_status(CaIdentityProblem *problem, CaTokenStatus status,
				  const char *about)
{
	const char *text = ca_token_status_text(status);
	const char *code = about != NULL ? "grant_invalid" : "token_invalid";

	for (int i = 0; i < lengthof(codes); i++)
	{
		if (codes[i].status == status)
			code = about != NULL ? codes[i].grant_code : codes[i].token_code;
	}
	if (about == NULL)
		return ca_problem_identity(problem, code, "%s", text);
	/* "token has expired" becomes "grant 2 has expired" */
	if (strncmp(text, "token ", 6) == 0 || strncmp(text, "grant ", 6) == 0)
		return ca_problem_chain(problem, code, "%s %s", about, text + 6);
	return ca_problem_chain(problem, code, "%s: %s", about, text);
}
