/*-------------------------------------------------------------------------
 *
 * binding.c
 *	  What exactly an approval is for.
 *
 * A person approves what he reads: a statement's text.  What it does depends on
 * more: on what names mean (search_path, temporary tables), how constants are
 * read (DateStyle), what its functions are, which values are bound.  So not
 * only the text is bound, without comments and white space, but the analyzed
 * query, in which every name has become an OID and every constant a value, the
 * settings that change meaning, and the definition of its functions.
 *
 * Whether the statement or only the parameters differ is said by two digests,
 * of which the first leaves values out.
 *
 * SECURITY: what a function's own body calls is not bound, nor what
 * tables hold: an approval is for running this statement, on the data and with
 * the functions of others as they are then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "audit/chain.h"
#include "audit/normalize.h"
#include "base/compat.h"
#include "catalog/pg_proc.h"
#include "enforce/binding.h"
#include "enforce/statement.h"
#include "enforce/statement_text.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/formatting.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Settings that change what a statement means. */
static const char *const meaning[] = {
	"search_path", "standard_conforming_strings", "DateStyle", "IntervalStyle",
	"TimeZone", "timezone_abbreviations", "bytea_output", "extra_float_digits",
	"xmloption", "xmlbinary", "default_text_search_config", "array_nulls",
	"transform_null_equals", "backslash_quote", "lc_monetary", "lc_numeric",
	"lc_time", "quote_all_identifiers", "session_replication_role", "row_security",
};

/* Add a text and an end, so that two cannot be one. */
static void
add(StringInfo buf, const char *text)
{
	appendStringInfo(buf, "%zu:", strlen(text));
	appendStringInfoString(buf, text);
	appendStringInfoChar(buf, '\n');
}

/* A field of a printed node that says only where in the text it stood. */
static bool
is_place(const char *word, Size len)
{
	static const char *const places[] = {
		":location", ":stmt_location", ":stmt_len", ":queryId",
		":list_start", ":list_end", ":name_location",
	};

	for (int i = 0; i < lengthof(places); i++)
	{
		if (strlen(places[i]) == len && strncmp(places[i], word, len) == 0)
			return true;
	}
	return false;
}

/* The end of the word that begins here. */
static const char *
word_end(const char *p)
{
	while (*p != '\0' && *p != ' ')
		p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	return p;
}

/*
 * A query as text, without places; values of constants only if asked for.  Words
 * are separated by spaces, and those within a word escaped, so that no name in
 * it can pass for two.
 */
static void
add_query(StringInfo buf, const Query *query, bool values)
{
	const char *p = nodeToString(query);
	bool		in_value = false;

	while (*p != '\0')
	{
		const char *end = word_end(p);
		Size		len = end - p;

		if (is_place(p, len) && *end != '\0')
			end = word_end(end + 1);
		else if (!values && len == strlen(":constvalue") &&
				 strncmp(p, ":constvalue", len) == 0)
			in_value = true;
		else if (!in_value)
		{
			appendBinaryStringInfo(buf, p, (int) len);
			appendStringInfoChar(buf, ' ');
		}
		if (in_value && (end[-1] == ']' || (len >= 2 && strncmp(p, "<>", 2) == 0)))
			in_value = false;
		p = *end == '\0' ? end : end + 1;
	}
	appendStringInfoChar(buf, '\n');
}

/* The definition of a function that is not the server's. */
static void
add_function(StringInfo buf, Oid funcid)
{
	static const AttrNumber columns[] = {
		Anum_pg_proc_proname, Anum_pg_proc_pronamespace, Anum_pg_proc_proowner,
		Anum_pg_proc_prolang, Anum_pg_proc_prosecdef, Anum_pg_proc_prosrc,
		Anum_pg_proc_probin, Anum_pg_proc_prosqlbody, Anum_pg_proc_proconfig,
		Anum_pg_proc_proargdefaults,
	};
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));

	if (!HeapTupleIsValid(tuple))
		return;
	for (int i = 0; i < lengthof(columns); i++)
	{
		bool		isnull;
		Datum		value = SysCacheGetAttr(PROCOID, tuple, columns[i], &isnull);
		Oid			type = get_atttype(ProcedureRelationId, columns[i]);
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(type, &output, &varlena);
		add(buf, isnull ? "" : OidOutputFunctionCall(output, value));
	}
	ReleaseSysCache(tuple);
}

static void
add_functions(StringInfo buf, const List *functions)
{
	ListCell   *lc;

	foreach(lc, functions)
		add_function(buf, lfirst_oid(lc));
}

static void
add_setting(StringInfo buf, const char *name)
{
	const char *value = GetConfigOption(name, true, false);

	add(buf, name);
	add(buf, value != NULL ? value : "");
}

/* Which settings an approval is bound to, besides those that change a meaning. */
typedef enum CaSettings
{
	CA_SETTINGS_MADE_UP,		/* that the session may have made up */
	CA_SETTINGS_SETTABLE,		/* that it can set, but for the trace */
	CA_SETTINGS_ALL				/* that it can set */
} CaSettings;

/* What a function could look at: the server's own settings, by their readers. */
static bool
looks_at_settings(Oid funcid, void *bound)
{
	CaSettings	mine = CA_SETTINGS_MADE_UP;

	if (funcid == F_CURRENT_SETTING_TEXT || funcid == F_CURRENT_SETTING_TEXT_BOOL ||
		funcid == F_PG_SHOW_ALL_SETTINGS)
		mine = CA_SETTINGS_ALL;
	else if (funcid >= FirstNormalObjectId)
		mine = CA_SETTINGS_SETTABLE;
	*(CaSettings *) bound = Max(*(CaSettings *) bound, mine);
	return false;
}

static bool
bound_walker(Node *node, void *bound)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, looks_at_settings, bound);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, bound_walker, bound, 0);
	return expression_tree_walker(node, bound_walker, bound);
}

/*
 * Which settings can the statement look at?  A command has no query, only words;
 * a quoted name with escapes could be any.  What functions do with a trace is not
 * worth a new approval for each request that is traced.
 */
static CaSettings
bound_settings(const char *text, const CaPlanNote *own, const CaPlanNote *nested)
{
	CaSettings	bound = CA_SETTINGS_MADE_UP;
	char	   *words;

	if (nested != NULL)
		(void) bound_walker((Node *) nested->query, &bound);
	if (own != NULL)
	{
		(void) bound_walker((Node *) own->query, &bound);
		return bound;
	}
	words = asc_tolower(text, strlen(text));
	if (strstr(words, "current_setting") != NULL || strstr(words, "u&") != NULL)
		return CA_SETTINGS_ALL;
	return CA_SETTINGS_SETTABLE;
}

/* Is it one that the session can set, but for what it presents? */
static bool
is_settable(const struct config_generic *setting, CaSettings bound)
{
	return setting->context == PGC_USERSET &&
		(bound == CA_SETTINGS_ALL || strcmp(setting->name, "contauth.traceparent") != 0) &&
		strcmp(setting->name, "contauth.token") != 0 &&
		strcmp(setting->name, "contauth.delegation") != 0;
}

/* Is it one that the session may have made up? */
static bool
is_made_up(const struct config_generic *setting)
{
	return setting->group == CUSTOM_OPTIONS && strchr(setting->name, '.') != NULL &&
		(setting->flags & GUC_SUPERUSER_ONLY) == 0 &&
		pg_strncasecmp(setting->name, "contauth.", 9) != 0;
}

/*
 * What a statement reads with current_setting() is part of what it does, and so
 * is what functions that it calls can read.
 *
 * SECURITY: application_name and the like hold any text as well as app.tenant
 * does.  (test/sql/approval.sql)
 */
static void
add_own_settings(StringInfo buf, CaSettings bound)
{
	int			count;
	struct config_generic **all = ca_guc_variables(&count);

	for (int i = 0; i < count; i++)
	{
		if (is_made_up(all[i]) || (bound != CA_SETTINGS_MADE_UP && is_settable(all[i], bound)))
		{
			/* one that was reset is as one that was never set */
			const char *value = GetConfigOption(all[i]->name, true, false);

			if (value != NULL && value[0] != '\0')
				add_setting(buf, all[i]->name);
		}
	}
}

static void
add_settings(StringInfo buf, CaSettings bound)
{
	for (int i = 0; i < lengthof(meaning); i++)
		add_setting(buf, meaning[i]);
	add_own_settings(buf, bound);
}

/* Bound parameters: type and text, or that it is NULL. */
static void
add_parameters(StringInfo buf, ParamListInfo params)
{
	for (int i = 0; params != NULL && i < params->numParams; i++)
	{
		ParamExternData workspace;
		ParamExternData *p = params->paramFetch != NULL ?
		params->paramFetch(params, i + 1, false, &workspace) : &params->params[i];
		Oid			output;
		bool		varlena;

		appendStringInfo(buf, "$%d %u %d ", i + 1, p->ptype, p->isnull);
		if (p->isnull || !OidIsValid(p->ptype))
			continue;
		getTypeOutputInfo(p->ptype, &output, &varlena);
		add(buf, OidOutputFunctionCall(output, p->value));
	}
}

static void
add_strings(StringInfo buf, const List *strings)
{
	ListCell   *lc;

	foreach(lc, strings)
		add(buf, strVal(lfirst(lc)));
}

static int
compare_strings(const ListCell *a, const ListCell *b)
{
	return strcmp(strVal(lfirst(a)), strVal(lfirst(b)));
}

static void
finish(StringInfo buf, unsigned char *digest)
{
	ca_chain_sha256(buf->data, buf->len, digest);
	resetStringInfo(buf);
}

/* The statement as it was sent: the record's text may be cut, or lack a token. */
static char *
statement_text(const CaSource *source)
{
	int			len = source->len;
	const char *text = ca_text_part(source->text, source->location, &len);

	return pnstrdup(text, len);
}

/* Everything but values: role, database, settings, text, queries, functions. */
static void
add_statement(StringInfo buf, const char *text, const CaSource *source,
			  const CaPlanNote *nested, const CaEscalation *escalation)
{
	appendStringInfo(buf, "%u %u %u\n", MyDatabaseId, GetSessionUserId(),
					 GetOuterUserId());
	add_settings(buf, bound_settings(text, source->note, nested));
	add(buf, ca_normalize_statement(text, false));
	if (source->note != NULL)
	{
		add_query(buf, source->note->query, false);
		add_functions(buf, source->note->functions);
	}
	if (nested != NULL)
	{
		add_query(buf, nested->query, false);
		add_functions(buf, nested->functions);
	}
	else if (source->note == NULL || escalation != &source->note->escalation)
	{
		add(buf, escalation->action);
		add_strings(buf, escalation->resources);
	}
}

static void
bind_identity(CaBinding *binding, StringInfo buf, const CaIdentity *identity)
{
	add(buf, identity->agent);
	finish(buf, binding->agent);
	for (int i = 0; i < identity->chain.nhops; i++)
	{
		appendStringInfo(buf, "%d ", (int) identity->chain.hops[i].kind);
		add(buf, identity->chain.hops[i].principal);
	}
	finish(buf, binding->chain);
}

static void
bind_policies(CaBinding *binding, StringInfo buf, const CaEscalation *escalation)
{
	List	   *versions = list_copy(escalation->versions);

	list_sort(versions, compare_strings);
	add_strings(buf, versions);
	finish(buf, binding->policies);
}

CaBinding
ca_binding(const CaIdentity *identity, const CaSource *source,
		   const CaPlanNote *nested, const CaEscalation *escalation)
{
	CaBinding	binding = {0};
	StringInfoData buf;
	char	   *text = statement_text(source);

	initStringInfo(&buf);
	bind_identity(&binding, &buf, identity);
	add_statement(&buf, text, source, nested, escalation);
	finish(&buf, binding.statement);

	add(&buf, ca_statement_tokens(text));
	if (source->note != NULL)
		add_query(&buf, source->note->query, true);
	add_parameters(&buf, source->params);
	if (nested != NULL)
		add_query(&buf, nested->query, true);
	finish(&buf, binding.parameters);
	bind_policies(&binding, &buf, escalation);
	return binding;
}

CaBinding
ca_binding_of_question(const CaIdentity *identity, const List *what,
					   const unsigned char *request, const CaEscalation *escalation)
{
	CaBinding	binding = {0};
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	bind_identity(&binding, &buf, identity);
	/* no statement begins like this */
	appendStringInfo(&buf, "question %u %u\n", MyDatabaseId, GetSessionUserId());
	foreach(lc, what)
		add(&buf, lfirst(lc));
	finish(&buf, binding.statement);
	memcpy(binding.parameters, request, CA_SHA256_LEN);
	bind_policies(&binding, &buf, escalation);
	return binding;
}
