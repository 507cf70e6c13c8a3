/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  What the policies say about one relation.
 *
 * For every relation that governed statements touch, the policies whose
 * resources match it are resolved to column sets, masks and filters once.
 * The cache owns one context; it is emptied as a whole when the policy set is
 * replaced or when one of the relations in it, or an ancestor of one,
 * changes.  Emptying is deferred to the next ca_relation_begin(), because
 * invalidations arrive in the middle of anything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/epoch.h"
#include "base/attempt.h"
#include "catalog/pg_class.h"
#include "policy/expression.h"
#include "policy/label.h"
#include "policy/policy_key.h"
#include "policy/relation.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static HTAB *relations = NULL;
static MemoryContext relation_context = NULL;
static bool relations_valid = false;
static uint64 relations_generation = 0;
static uint64 relations_serial = 0; /* of the cache; never used twice */

static void
relation_changed(Datum arg, Oid relid)
{
	if (!relations_valid)
		return;
	if (relid == InvalidOid ||
		hash_search(relations, &relid, HASH_FIND, NULL) != NULL)
	{
		relations_valid = false;
		ca_epoch_advance();
	}
}

/* A schema may have a new name: relations in it say nothing of that. */
static void
schema_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relations_valid = false;
	ca_epoch_advance();
}

void
ca_relation_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum) 0);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

static void
reset_relations(uint64 generation)
{
	HASHCTL		ctl = {0};

	relations_valid = false;
	if (relation_context == NULL)
		relation_context = AllocSetContextCreate(CacheMemoryContext,
												 "contauth relations",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(relation_context);
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CaRelation);
	ctl.hcxt = relation_context;
	relations = hash_create("contauth relations", 64, &ctl,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	relations_generation = generation;
	relations_serial++;
	relations_valid = true;
}

/* The relation and all it inherits from, nearest first. */
static List *
find_lineage(Oid relid)
{
	List	   *lineage = list_make1_oid(relid);

	for (int i = 0; i < list_length(lineage); i++)
	{
		ListCell   *lc;

		foreach(lc, ca_label_parents(list_nth_oid(lineage, i)))
			lineage = list_append_unique_oid(lineage, lfirst_oid(lc));
	}
	return lineage;
}

static void
describe_columns(CaRelation *r, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	r->natts = desc->natts;
	r->columns = palloc0(sizeof(CaColumn) * (desc->natts + 1));
	r->sensitivity = -1;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		CaColumn   *column = &r->columns[i];

		column->sensitivity = -1;
		if (att->attisdropped)
			continue;
		column->name = pstrdup(NameStr(att->attname));
		column->type = att->atttypid;
		column->typmod = att->atttypmod;
		column->collation = att->attcollation;
		column->labels = ca_label_classes(r->relid, att->attnum);
		column->sensitivity = ca_label_max_sensitivity(column->labels);
		column->borrowed = r->relkind == RELKIND_VIEW &&
			!ca_label_is_own(r->relid, att->attnum);
		column->sources = ca_label_sources(r->relid, att->attnum);
		r->sensitivity = Max(r->sensitivity, column->sensitivity);
	}
}

int
ca_relation_least(const CaRelation *relation, const Bitmapset *columns)
{
	int			least = relation->sensitivity;

	for (int attnum = 1; attnum <= relation->natts; attnum++)
	{
		if (relation->columns[attnum - 1].name != NULL &&
			(columns == NULL || bms_is_member(attnum, columns)))
			least = Min(least, relation->columns[attnum - 1].sensitivity);
	}
	return least;
}

/* The attribute number of a column by name, 0 when there is none. */
static int
column_by_name(const CaRelation *r, const char *name)
{
	for (int i = 0; i < r->natts; i++)
	{
		if (r->columns[i].name != NULL && strcmp(r->columns[i].name, name) == 0)
			return i + 1;
	}
	return 0;
}

Bitmapset *
ca_relation_labelled(const CaRelation *relation, const char *pattern)
{
	Bitmapset  *result = NULL;

	for (int i = 0; i < relation->natts; i++)
	{
		if (ca_label_matches_any(pattern, relation->columns[i].labels))
			result = bms_add_member(result, i + 1);
	}
	return result;
}

/*
 * Does the resource name the relation or, for effects that take away, one of
 * its ancestors?  SECURITY: what forbids or restricts a table holds for its
 * partitions and children read directly; a permit does not.
 */
static bool
names_relation(const CaResource *resource, CaEffect effect, const List *lineage)
{
	ListCell   *lc;

	foreach(lc, lineage)
	{
		Oid			relid = lfirst_oid(lc);

		if (ca_resource_matches(resource, CA_RESOURCE_RELATION,
								get_namespace_name(get_rel_namespace(relid)),
								get_rel_name(relid)))
			return true;
		if (effect == CA_EFFECT_PERMIT)
			break;
	}
	return false;
}

/* Which columns of the relation do resources name, for a policy of effect? */
static bool
resolve_resources(const CaRelation *r, const List *lineage, CaEffect effect,
				  const List *resources, bool *all_columns, Bitmapset **columns)
{
	bool		matches = false;
	ListCell   *lc;
	ListCell   *col;

	foreach(lc, resources)
	{
		CaResource *resource = lfirst(lc);

		if (resource->kind == CA_RESOURCE_LABEL)
		{
			Bitmapset  *labelled = ca_relation_labelled(r, resource->name);

			matches |= !bms_is_empty(labelled);
			*columns = bms_add_members(*columns, labelled);
			continue;
		}
		if (!names_relation(resource, effect, lineage))
			continue;
		matches = true;
		if (resource->columns == NIL)
			*all_columns = true;
		foreach(col, resource->columns)
		{
			int			attnum = column_by_name(r, lfirst(col));

			if (attnum > 0)
				*columns = bms_add_member(*columns, attnum);
		}
	}
	return matches;
}

bool
ca_relation_permitted(const CaRelation *relation, const List *resources,
					  bool *all_columns, Bitmapset **columns)
{
	return resolve_resources(relation, list_make1_oid(relation->relid),
							 CA_EFFECT_PERMIT, resources, all_columns, columns);
}

static void
add_mask(const CaRelation *r, CaCandidate *c, int attnum, CaMaskUse *use)
{
	if (c->masks == NULL)
		c->masks = palloc0(sizeof(List *) * (r->natts + 1));
	c->masks[attnum - 1] = lappend(c->masks[attnum - 1], use);
	c->mask_uses = list_append_unique_ptr(c->mask_uses, use);
}

/* Is the mask rule's table the relation or one of its ancestors? */
static bool
mask_names_relation(const CaMaskRule *rule, const List *lineage)
{
	ListCell   *lc;

	foreach(lc, lineage)
	{
		Oid			relid = lfirst_oid(lc);
		char	   *schema = get_namespace_name(get_rel_namespace(relid));
		char	   *name = get_rel_name(relid);

		if (schema != NULL && name != NULL &&
			strcmp(rule->schema, schema) == 0 && strcmp(rule->table, name) == 0)
			return true;
	}
	return false;
}

static void
resolve_masks(const CaRelation *r, const List *lineage, CaCandidate *c)
{
	ListCell   *lc;

	foreach(lc, c->policy->masks)
	{
		CaMaskRule *rule = lfirst(lc);
		CaMaskUse  *use = palloc0(sizeof(CaMaskUse));
		int			attnum;

		use->mask = rule->mask;
		use->unless_text = rule->unless;
		if (rule->label != NULL)
		{
			Bitmapset  *labelled = ca_relation_labelled(r, rule->label);

			attnum = -1;
			while ((attnum = bms_next_member(labelled, attnum)) >= 0)
				add_mask(r, c, attnum, use);
		}
		else if (mask_names_relation(rule, lineage) &&
				 (attnum = column_by_name(r, rule->column)) > 0)
			add_mask(r, c, attnum, use);
	}
}

/*
 * SECURITY: a generated column shows what it is computed from.  What takes
 * away from one of its sources takes it away, too, and a source's mask hides
 * it, unless it has a mask of its own.
 */
static void
extend_to_generated(const CaRelation *r, CaCandidate *c)
{
	static const CaMask null_mask = {.kind = CA_MASK_NULL,.text = "null"};
	static CaMaskUse hidden = {&null_mask, NULL, NULL, false};
	ListCell   *lc;

	for (int attnum = 1; attnum <= r->natts; attnum++)
	{
		foreach(lc, r->columns[attnum - 1].sources)
		{
			int			source = lfirst_int(lc);

			if (c->policy->effect != CA_EFFECT_PERMIT &&
				bms_is_member(source, c->columns))
				c->columns = bms_add_member(c->columns, attnum);
			if (c->masks != NULL && c->masks[source - 1] != NIL &&
				c->masks[attnum - 1] == NIL)
				c->masks[attnum - 1] = list_make1(&hidden);
		}
	}
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((const CaCandidate *) lfirst(a))->policy->name,
				  ((const CaCandidate *) lfirst(b))->policy->name);
}

/* The policy as a candidate for the relation, NULL when it does not name it. */
static CaCandidate *
make_candidate(const CaRelation *r, CaPolicy *policy)
{
	CaCandidate *c = palloc0(sizeof(CaCandidate));

	c->policy = policy;
	if (!resolve_resources(r, r->lineage, policy->effect, policy->resources,
						   &c->all_columns, &c->columns))
	{
		pfree(c);
		return NULL;
	}
	resolve_masks(r, r->lineage, c);
	extend_to_generated(r, c);
	return c;
}

/* Look at the policies that have come into the set since the last time. */
static void
add_candidates(CaRelation *r, const CaPolicySet *set)
{
	MemoryContext old = MemoryContextSwitchTo(relation_context);
	ListCell   *lc;

	foreach(lc, set->policies)
	{
		CaPolicy   *policy = lfirst(lc);
		CaCandidate *c;

		if (policy->serial > r->last_serial &&
			(c = make_candidate(r, policy)) != NULL)
			r->candidates = lappend(r->candidates, c);
	}
	list_sort(r->candidates, by_name);
	r->last_serial = set->last_serial;
	MemoryContextSwitchTo(old);
}

/* Fill in an entry; the memory context is the cache's. */
static void
describe_relation(CaRelation *r, Relation rel, const List *lineage)
{
	r->relkind = rel->rd_rel->relkind;
	r->schema = get_namespace_name(RelationGetNamespace(rel));
	r->name = pstrdup(RelationGetRelationName(rel));
	r->resource = quote_qualified_identifier(r->schema, r->name);
	r->lineage = list_copy(lineage);
	describe_columns(r, rel);
}

/* The entry of a relation that has been described, or NULL. */
static CaRelation *
find_described(Oid relid)
{
	CaRelation *entry = hash_search(relations, &relid, HASH_FIND, NULL);

	return entry != NULL && !entry->watched_only ? entry : NULL;
}

List *
ca_relation_keys(List *keys, Oid relid)
{
	CaRelation *entry = relations_valid ? find_described(relid) : NULL;
	ListCell   *lc;

	foreach(lc, entry != NULL ? entry->lineage : find_lineage(relid))
	{
		Oid			ancestor = lfirst_oid(lc);
		char	   *schema = get_namespace_name(get_rel_namespace(ancestor));
		char	   *name = get_rel_name(ancestor);

		if (schema != NULL && name != NULL)
			keys = ca_policy_keys_of_object(keys, CA_RESOURCE_RELATION, schema, name);
	}
	return keys;
}

void
ca_relation_begin(const CaPolicySet *set)
{
	if (!relations_valid || relations_generation != set->generation)
		reset_relations(set->generation);
}

uint64
ca_relation_serial(void)
{
	return relations_valid && relations_generation == ca_policy_set_generation() ?
		relations_serial : 0;
}

CaRelation *
ca_relation_get(const CaPolicySet *set, Oid relid)
{
	CaRelation *entry;
	CaRelation	fresh = {0};
	MemoryContext old;
	Relation	rel;
	List	   *lineage;
	ListCell   *lc;
	bool		found;

	entry = find_described(relid);
	if (entry != NULL)
	{
		if (entry->last_serial != set->last_serial)
			add_candidates(entry, set);
		return entry;
	}

	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return NULL;
	lineage = find_lineage(relid);

	/* watch before reading, so that no change is missed */
	foreach(lc, lineage)
	{
		Oid			ancestor = lfirst_oid(lc);

		entry = hash_search(relations, &ancestor, HASH_ENTER, &found);
		if (!found)
		{
			memset(entry, 0, sizeof(CaRelation));
			entry->relid = ancestor;
			entry->watched_only = true;
		}
	}

	fresh.relid = relid;
	old = MemoryContextSwitchTo(relation_context);
	describe_relation(&fresh, rel, lineage);
	MemoryContextSwitchTo(old);
	relation_close(rel, NoLock);

	entry = hash_search(relations, &relid, HASH_FIND, NULL);
	*entry = fresh;
	add_candidates(entry, set);
	return entry;
}

typedef struct RowParse
{
	const CaRelation *relation;
	const char *text;
	Expr	   *expr;
} RowParse;

static void
parse_row(void *arg)
{
	RowParse   *p = arg;
	Relation	rel = relation_open(p->relation->relid, AccessShareLock);

	p->expr = ca_expression_parse_row(p->text, rel);
	relation_close(rel, NoLock);
}

/*
 * Parse a row condition for the relation, into its memory context.  NULL when
 * it does not fit; then *problem says why.
 */
static Expr *
row_condition(const CaRelation *relation, const char *text, bool *identity,
			  char **problem)
{
	RowParse	parse = {relation, text, NULL};
	char	   *error;
	bool		ok = ca_attempt(parse_row, &parse, &error);
	MemoryContext old = MemoryContextSwitchTo(relation_context);
	Expr	   *result = ok ? copyObject(parse.expr) : NULL;

	if (ok)
		*identity = ca_expression_uses_identity(parse.expr);
	else
		*problem = pstrdup(error);
	MemoryContextSwitchTo(old);
	return result;
}

static void
prepare_masks(const CaRelation *relation, CaCandidate *candidate)
{
	ListCell   *lc;

	foreach(lc, candidate->mask_uses)
	{
		CaMaskUse  *use = lfirst(lc);
		char	   *problem = NULL;
		MemoryContext old;

		if (use->unless_text == NULL)
			continue;
		use->unless = row_condition(relation, use->unless_text,
									&use->unless_identity, &problem);
		if (problem == NULL)
			continue;
		old = MemoryContextSwitchTo(relation_context);
		candidate->mask_problems = lappend(candidate->mask_problems, problem);
		MemoryContextSwitchTo(old);
	}
}

void
ca_candidate_prepare(CaRelation *relation, CaCandidate *candidate)
{
	if (candidate->ready)
		return;
	if (candidate->policy->filter_text != NULL)
		candidate->filter = row_condition(relation, candidate->policy->filter_text,
										  &candidate->filter_identity,
										  &candidate->filter_problem);
	prepare_masks(relation, candidate);
	candidate->ready = true;
}
