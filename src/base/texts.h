/*-------------------------------------------------------------------------
 *
 * texts.h
 *	  Lists of strings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_TEXTS_H
#define CA_BASE_TEXTS_H

#include "nodes/pg_list.h"

/* The list with the string at its end, unless it is there; copies nothing. */
extern List *ca_texts_add(List *texts, const char *text);

/* The same strings in the same order? */
extern bool ca_texts_equal(const List *a, const List *b);

#endif							/* CA_BASE_TEXTS_H */
