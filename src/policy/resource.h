/*-------------------------------------------------------------------------
 *
 * resource.h
 *	  What a policy applies to, and how it is written.
 *
 *	  *                         everything
 *	  schema.*  schema.name     relations, "*" anywhere in an unquoted part
 *	  schema.name(col, col)     some of their columns
 *	  label:pii.*               columns by label
 *	  function:schema.name      functions and procedures
 *	  role:name  channel:name   targets of SET ROLE and NOTIFY
 *	  type:pattern              what others ask about: tool:github.*
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_RESOURCE_H
#define CA_POLICY_RESOURCE_H

#include "nodes/pg_list.h"

typedef enum CaResourceKind
{
	CA_RESOURCE_ANY,
	CA_RESOURCE_RELATION,
	CA_RESOURCE_LABEL,
	CA_RESOURCE_FUNCTION,
	CA_RESOURCE_ROLE,
	CA_RESOURCE_CHANNEL,
	CA_RESOURCE_OTHER			/* of another domain; schema is its type */
} CaResourceKind;

typedef struct CaResource
{
	CaResourceKind kind;
	char	   *schema;			/* pattern; relations and functions; type of
								 * others */
	char	   *name;			/* pattern; label pattern for labels */
	List	   *columns;		/* of char *; NIL: all */
	bool		exact;			/* no pattern in schema and name */
} CaResource;

/*
 * Parse one resource into the current memory context.  On failure NULL is
 * returned and *problem says what is wrong with it.
 */
extern CaResource *ca_resource_parse(const char *text, const char **problem);

/* May resources of other domains have that type? */
extern bool ca_resource_type_valid(const char *type, size_t len);

/*
 * The texts of resources (of char *) as they were meant: an array literal
 * splits column lists at their commas.
 */
extern List *ca_resource_join(const List *texts);

/* Does the resource name an object of that kind, schema and name? */
extern bool ca_resource_matches(const CaResource *resource, CaResourceKind kind,
								const char *schema, const char *name);

/*
 * Could it name one of the objects that schema and name, now patterns, stand
 * for?  That it matches them means that it names them all.
 */
extern bool ca_resource_meets(const CaResource *resource, CaResourceKind kind,
							  const char *schema, const char *name);

/*
 * Does a class fall under a label pattern?  "pii" covers pii and all below
 * it, "pii.*" all below it.
 */
extern bool ca_label_matches(const char *pattern, const char *label_class);

/* Does any of these classes (of char *)? */
extern bool ca_label_matches_any(const char *pattern, const List *classes);

/* Does the resource name the object, itself or by one of its labels? */
extern bool ca_resource_names(const CaResource *resource, CaResourceKind kind,
							  const char *schema, const char *name, const List *labels);

/*
 * Read one identifier at *p, folded and unquoted as SQL does, and move *p
 * behind it; NULL when there is none.  *pattern tells that it holds a "*".
 */
extern char *ca_read_identifier(const char **p, bool *pattern);

#endif							/* CA_POLICY_RESOURCE_H */
