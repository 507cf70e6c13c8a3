/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Claims of the verified token and attributes of the registered agent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "identity/claim.h"
#include "identity/identity.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

const CaIdentity *ca_claim_subject = NULL;

/* A member of a JSON object as text. */
static char *
member_text(Jsonb *object, const char *name)
{
	JsonbValue	buf;
	JsonbValue *value;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object))
		return NULL;
	value = getKeyJsonValueFromContainer(&object->root, name, strlen(name), &buf);
	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvBinary)
		return JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	else
	{
		Jsonb	   *scalar = JsonbValueToJsonb(value);

		return JsonbToCString(NULL, &scalar->root, VARSIZE(scalar));
	}
}

char *
ca_identity_claim(const CaIdentity *identity, const char *name)
{
	return member_text(identity->credential->claims, name);
}

/* Whose claims and attributes are asked for; NULL: nobody's. */
static const CaIdentity *
subject(void)
{
	CaIdentityProblem problem;

	return ca_claim_subject != NULL ? ca_claim_subject : ca_identity_current(&problem);
}

char *
ca_claim_text(const char *name)
{
	const CaIdentity *id = subject();

	return id != NULL ? member_text(id->credential->claims, name) : NULL;
}

char *
ca_attribute_text(const char *name)
{
	const CaIdentity *id = subject();

	return id != NULL ? member_text(id->registered->attributes, name) : NULL;
}
