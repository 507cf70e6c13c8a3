/*-------------------------------------------------------------------------
 *
 * label.h
 *	  Data classification as PostgreSQL security labels.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_POLICY_LABEL_H
#define CA_POLICY_LABEL_H

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

#define CA_LABEL_PROVIDER		"contauth"
#define CA_SENSITIVITY_MAX		4

/* Register the label provider; once, from _PG_init. */
extern void ca_label_init(void);

/*
 * The classes that hold for a column (attnum > 0) or for the relation itself
 * (attnum 0), as a List of char *: the nearest label of column, the same
 * column of its inheritance parents, relation, parents, schema, database.
 */
extern List *ca_label_classes(Oid relid, AttrNumber attnum);

/* Is the column, or its relation, labelled itself, and not by what it is made of? */
extern bool ca_label_is_own(Oid relid, AttrNumber attnum);

/* Direct inheritance and partitioned parents of a relation, as OIDs. */
extern List *ca_label_parents(Oid relid);

/* Columns that a generated column is computed from, as a List of int. */
extern List *ca_label_sources(Oid relid, AttrNumber attnum);

/* The classes of a function: its own label or its schema's. */
extern List *ca_label_function_classes(Oid funcid);

/*
 * The highest sensitivity, 0..4, among classes; -1 for none.  A class has the
 * one of its own row of contauth.classification or of the nearest one above
 * it; 4 when there is none (it was removed since).
 */
extern int	ca_label_max_sensitivity(const List *classes);

/* Add classes to a list, each once. */
extern List *ca_label_add(List *list, const List *more);

/* Forget the classification read so far. */
extern void ca_label_reset(void);

#endif							/* CA_POLICY_LABEL_H */
