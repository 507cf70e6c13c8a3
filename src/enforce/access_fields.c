/*-------------------------------------------------------------------------
 *
 * access_fields.c
 *	  One access, as records tell it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "enforce/access_fields.h"
#include "enforce/statement.h"

void
ca_access_put_monitored(StringInfo access, const CaMonitored *monitored)
{
	ListCell   *lc;

	if (monitored->policies == NIL)
		return;
	ca_record_put_text(access, CA_F_A_MONITOR, ca_decision_name(monitored->decision));
	foreach(lc, monitored->policies)
		ca_record_put_text(access, CA_F_A_MONITOR_POLICY, lfirst(lc));
}

void
ca_access_put(StringInfo buf, const char *action, const char *object,
			  CaDecision decision, const CaMonitored *monitored)
{
	StringInfoData access;

	initStringInfo(&access);
	ca_record_put_text(&access, CA_F_A_RELATION, object);
	ca_record_put_text(&access, CA_F_A_ACTION, action);
	ca_record_put_text(&access, CA_F_A_DECISION, ca_decision_name(decision));
	if (monitored != NULL)
		ca_access_put_monitored(&access, monitored);
	if (ca_statement_level > 0)
		ca_record_put_int32(&access, CA_F_A_NESTED, ca_statement_level);
	ca_record_put(buf, CA_F_ACCESS, access.data, access.len);
	pfree(access.data);
}

Size
ca_access_put_short(StringInfo fields, const char *data, Size len)
{
	StringInfoData access;
	Size		pos = 0;
	CaField		tag;
	const char *value;
	Size		value_len;

	initStringInfo(&access);
	while (ca_record_next(data, len, &pos, &tag, &value, &value_len))
	{
		if (tag == CA_F_A_RELATION || tag == CA_F_A_ACTION ||
			tag == CA_F_A_DECISION || tag == CA_F_A_NESTED)
			ca_record_put(&access, tag, value, value_len);
	}
	ca_record_put(fields, CA_F_ACCESS, access.data, access.len);
	len -= access.len;
	pfree(access.data);
	return len;
}
