/*-------------------------------------------------------------------------
 *
 * authority.c
 *	  What a token or grant lets its holder do: authorization_details.
 *
 * RFC 9396 has one array for every resource server; ours are the elements of
 * type "contauth".  Elements of other types give authority elsewhere: they are
 * skipped, and a claim in which none is ours gives no authority here.
 *
 * SECURITY: an element of ours with a member that we do not know restricts in
 * a way that we cannot apply: it is refused, not ignored (RFC 9396 section 5).
 * Guarded by the "details" cases of test/unit/unit_oauth.c.
 *
 *-------------------------------------------------------------------------
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "token/jwt_claims.h"

#define OUR_TYPE		"contauth"
#define MAX_SENSITIVITY	4

static const char *const known_members[] = {
	"type", "actions", "locations", "labels_max", "purpose"
};

/*
 * Does an element have known members only?
 */
static bool
members_known(const CaJson *json, int element)
{
	for (int i = ca_json_first(json, element); i >= 0; i = ca_json_next(json, i))
	{
		bool		known = false;

		for (int k = 0; k < (int) lengthof(known_members); k++)
			known |= strcmp(json->nodes[i].name, known_members[k]) == 0;
		if (!known)
			return false;
	}
	return true;
}

/*
 * Read an element of our type.
 */
static bool
read_detail(const CaJson *json, int element, CaAuthorityDetail *detail)
{
	detail->labels_max = -1;
	return members_known(json, element) &&
		ca_member_texts(json, element, "actions", false, &detail->actions) &&
		ca_member_texts(json, element, "locations", false, &detail->locations) &&
		ca_member_texts(json, element, "purpose", true, &detail->purposes) &&
		ca_member_integer(json, element, "labels_max", 0, MAX_SENSITIVITY,
						  &detail->labels_max);
}

/*
 * Read the claim; see the header.
 */
CaTokenStatus
ca_claims_authority(const CaJson *json, CaToken *token)
{
	int			claim = ca_json_member(json, CA_JSON_ROOT, "authorization_details");
	CaAuthority *authority;
	int			n = ca_json_count(json, claim);

	if (claim < 0)
		return CA_TOKEN_OK;
	if (!ca_json_is(json, claim, CA_JSON_ARRAY) || n > CA_AUTHORITY_MAX_LIST)
		return CA_TOKEN_BAD_DETAILS;

	authority = palloc0(sizeof(CaAuthority));
	authority->details = palloc0(sizeof(CaAuthorityDetail) * (n + 1));
	for (int i = ca_json_first(json, claim); i >= 0; i = ca_json_next(json, i))
	{
		const char *type = ca_json_string(json, ca_json_member(json, i, "type"));

		if (type == NULL)
			return CA_TOKEN_BAD_DETAILS;
		if (strcmp(type, OUR_TYPE) != 0)
			continue;
		if (!read_detail(json, i, &authority->details[authority->ndetails]))
			return CA_TOKEN_BAD_DETAILS;
		authority->ndetails++;
	}
	token->authority = authority;
	return CA_TOKEN_OK;
}
