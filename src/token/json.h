/*-------------------------------------------------------------------------
 *
 * json.h
 *	  A small read-only tree of a JSON text, for tokens, grants and key sets.
 *
 * The tree is an array in document order.  Node 0 is the root; the
 * nodes of a subtree follow their parent directly and end where its "next"
 * points.  A node is named by its index; -1 is "no such node" and is taken
 * by every function below.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_JSON_H
#define CA_TOKEN_JSON_H

#include "token/token.h"

#define CA_JSON_ROOT	0
#define CA_JSON_NONE	(-1)

typedef enum CaJsonType
{
	CA_JSON_OBJECT,
	CA_JSON_ARRAY,
	CA_JSON_STRING,
	CA_JSON_NUMBER,
	CA_JSON_LITERAL				/* true, false or null */
} CaJsonType;

typedef struct CaJsonNode
{
	CaJsonType	type;
	int			parent;			/* -1 for the root */
	int			next;			/* first node after this one's subtree */
	char	   *name;			/* UTF-8; NULL unless a member of an object */
	char	   *text;			/* string de-escaped, in UTF-8; else as sent;
								 * NULL for objects and arrays */
} CaJsonNode;

typedef struct CaJson
{
	int			nnodes;
	int			maxnodes;
	CaJsonNode *nodes;
} CaJson;

/*
 * Parse a JSON object (RFC 8259) in UTF-8.  *json is palloc'd and freed with
 * ca_json_free(), or NULL on failure.  Members of one name in one object are
 * refused at every depth, names being compared without their escapes.
 */
extern CaTokenStatus ca_json_parse(const char *text, size_t len,
								   CaJson **json);

/* The same for a JSON array. */
extern CaTokenStatus ca_json_parse_array(const char *text, size_t len,
										 CaJson **json);
extern void ca_json_free(CaJson *json);

/* The member of that name, or -1; also when object is no object. */
extern int	ca_json_member(const CaJson *json, int object, const char *name);

/* The first child, and the next sibling, or -1. */
extern int	ca_json_first(const CaJson *json, int node);
extern int	ca_json_next(const CaJson *json, int node);

/* How many children there are. */
extern int	ca_json_count(const CaJson *json, int node);

/* Is there such a node, and is it of that type? */
extern bool ca_json_is(const CaJson *json, int node, CaJsonType type);

/* The value of a string, owned by the tree; NULL when it is none. */
extern const char *ca_json_string(const CaJson *json, int node);

#endif							/* CA_TOKEN_JSON_H */
