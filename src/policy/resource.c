/*-------------------------------------------------------------------------
 *
 * resource.c
 *	  What a policy applies to, and how it is written.
 *
 * Works on names only: no catalog is read here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/glob.h"
#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "policy/resource.h"

static const struct
{
	const char *prefix;
	CaResourceKind kind;
}			prefixes[] =

{
	{"label:", CA_RESOURCE_LABEL},
	{"function:", CA_RESOURCE_FUNCTION},
	{"role:", CA_RESOURCE_ROLE},
	{"channel:", CA_RESOURCE_CHANNEL},
};

static void
skip_space(const char **p)
{
	while (scanner_isspace(**p))
		(*p)++;
}

/* The part of a quoted identifier between the quotes; NULL when unclosed. */
static char *
read_quoted(const char **p)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for ((*p)++; **p != '\0'; (*p)++)
	{
		if (**p == '"')
		{
			if ((*p)[1] != '"')
			{
				(*p)++;
				return buf.len > 0 ? buf.data : NULL;
			}
			(*p)++;
		}
		appendStringInfoChar(&buf, **p);
	}
	return NULL;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' || c == '*' ||
		IS_HIGHBIT_SET(c);
}

char *
ca_read_identifier(const char **p, bool *pattern)
{
	const char *start;
	char	   *name;

	*pattern = false;
	skip_space(p);
	if (**p == '"')
		name = read_quoted(p);
	else
	{
		for (start = *p; is_name_char(**p);)
			(*p)++;
		if (*p == start)
			return NULL;
		*pattern = memchr(start, '*', *p - start) != NULL;
		name = downcase_identifier(start, *p - start, false, false);
	}
	skip_space(p);
	return name;
}

/* "(a, b, c)" at *p, when there is one; false when it is not well-formed. */
static bool
read_columns(const char **p, List **columns)
{
	bool		pattern;

	*columns = NIL;
	if (**p != '(')
		return true;
	do
	{
		char	   *name;

		(*p)++;
		name = ca_read_identifier(p, &pattern);
		if (name == NULL || pattern)
			return false;
		*columns = lappend(*columns, name);
	} while (**p == ',');
	if (**p != ')')
		return false;
	(*p)++;
	skip_space(p);
	return true;
}

/* schema.name, and for relations a column list. */
static const char *
parse_object(CaResource *resource, const char *p)
{
	bool		schema_pattern;
	bool		name_pattern;

	resource->schema = ca_read_identifier(&p, &schema_pattern);
	if (resource->schema == NULL || *p != '.')
		return "it must be schema-qualified, as in \"schema.name\"";
	p++;
	resource->name = ca_read_identifier(&p, &name_pattern);
	if (resource->name == NULL)
		return "the name after the schema is missing";
	resource->exact = !schema_pattern && !name_pattern;
	if (resource->kind == CA_RESOURCE_RELATION &&
		!read_columns(&p, &resource->columns))
		return "its column list is not well-formed";
	if (*p != '\0')
		return "there is text behind its end";
	return NULL;
}

/* A bare name: label, role or channel; taken as it stands, trimmed. */
static const char *
parse_name(CaResource *resource, const char *p)
{
	const char *end;

	skip_space(&p);
	end = p + strlen(p);
	while (end > p && scanner_isspace(end[-1]))
		end--;
	if (end == p)
		return "the name is missing";
	resource->name = pnstrdup(p, end - p);
	resource->exact = strchr(resource->name, '*') == NULL;
	return NULL;
}

/* Words that are taken, or that would be mistaken for what is here. */
static const char *const reserved_types[] = {
	"label", "function", "role", "channel", "table", "relation", "view", "column",
};

bool
ca_resource_type_valid(const char *type, size_t len)
{
	if (len == 0 || len >= NAMEDATALEN || type[0] < 'a' || type[0] > 'z')
		return false;
	for (size_t i = 1; i < len; i++)
	{
		if (!((type[i] >= 'a' && type[i] <= 'z') ||
			  (type[i] >= '0' && type[i] <= '9') || type[i] == '_' || type[i] == '-'))
			return false;
	}
	for (int i = 0; i < lengthof(reserved_types); i++)
	{
		if (strlen(reserved_types[i]) == len &&
			strncmp(reserved_types[i], type, len) == 0)
			return false;
	}
	return true;
}

/*
 * type:pattern.  Parentheses would be taken for a column list that an array
 * literal has split, see ca_resource_join().
 */
static const char *
parse_other(CaResource *resource, const char *p, const char *colon)
{
	resource->kind = CA_RESOURCE_OTHER;
	resource->schema = pnstrdup(p, colon - p);
	if (strpbrk(colon + 1, "()") != NULL)
		return "its pattern must not hold parentheses; \"*\" stands for them";
	return parse_name(resource, colon + 1);
}

/* The colon behind the type of a resource of another domain, or NULL. */
static const char *
type_end(const char *p)
{
	const char *colon = strchr(p, ':');

	return colon != NULL && ca_resource_type_valid(p, colon - p) ? colon : NULL;
}

CaResource *
ca_resource_parse(const char *text, const char **problem)
{
	CaResource *resource = palloc0(sizeof(CaResource));
	const char *p = text;

	skip_space(&p);
	resource->kind = CA_RESOURCE_RELATION;
	for (int i = 0; i < lengthof(prefixes); i++)
	{
		if (strncmp(p, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
		{
			resource->kind = prefixes[i].kind;
			p += strlen(prefixes[i].prefix);
			break;
		}
	}

	if (strcmp(p, "*") == 0 && resource->kind == CA_RESOURCE_RELATION)
	{
		resource->kind = CA_RESOURCE_ANY;
		*problem = NULL;
	}
	else if (resource->kind == CA_RESOURCE_RELATION && type_end(p) != NULL)
		*problem = parse_other(resource, p, type_end(p));
	else if (resource->kind == CA_RESOURCE_RELATION ||
			 resource->kind == CA_RESOURCE_FUNCTION)
		*problem = parse_object(resource, p);
	else
		*problem = parse_name(resource, p);
	return *problem == NULL ? resource : NULL;
}

bool
ca_resource_matches(const CaResource *resource, CaResourceKind kind,
					const char *schema, const char *name)
{
	if (resource->kind == CA_RESOURCE_ANY)
		return true;
	if (resource->kind != kind)
		return false;
	if (resource->exact)
		return strcmp(resource->name, name) == 0 &&
			(schema == NULL || strcmp(resource->schema, schema) == 0);
	return ca_glob_match(resource->name, name) &&
		(schema == NULL || ca_glob_match(resource->schema, schema));
}

bool
ca_resource_meets(const CaResource *resource, CaResourceKind kind,
				  const char *schema, const char *name)
{
	if (resource->kind == CA_RESOURCE_ANY)
		return true;
	return resource->kind == kind && ca_glob_overlap(resource->name, name) &&
		(schema == NULL || ca_glob_overlap(resource->schema, schema));
}

bool
ca_label_matches(const char *pattern, const char *label_class)
{
	size_t		len = strlen(pattern);

	if (strchr(pattern, '*') != NULL)
		return ca_glob_match(pattern, label_class);
	return strncmp(pattern, label_class, len) == 0 &&
		(label_class[len] == '\0' || label_class[len] == '.');
}

bool
ca_label_matches_any(const char *pattern, const List *classes)
{
	ListCell   *lc;

	foreach(lc, classes)
	{
		if (ca_label_matches(pattern, lfirst(lc)))
			return true;
	}
	return false;
}

bool
ca_resource_names(const CaResource *resource, CaResourceKind kind,
				  const char *schema, const char *name, const List *labels)
{
	return resource->kind == CA_RESOURCE_LABEL ?
		ca_label_matches_any(resource->name, labels) :
		ca_resource_matches(resource, kind, schema, name);
}

/*
 * '{crm.customer(id,name), crm.ticket}' is split by the array literal at every
 * comma: put what belongs into one pair of parentheses together again.
 */
List *
ca_resource_join(const List *texts)
{
	List	   *joined = NIL;
	StringInfo	open = NULL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		char	   *text = lfirst(lc);

		if (open == NULL && strchr(text, '(') != NULL && strchr(text, ')') == NULL)
		{
			open = makeStringInfo();
			appendStringInfoString(open, text);
		}
		else if (open != NULL)
		{
			appendStringInfo(open, ",%s", text);
			if (strchr(text, ')') != NULL)
			{
				joined = lappend(joined, open->data);
				open = NULL;
			}
		}
		else
			joined = lappend(joined, text);
	}
	if (open != NULL)
		joined = lappend(joined, open->data);
	return joined;
}
