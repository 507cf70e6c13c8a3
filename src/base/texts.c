/*-------------------------------------------------------------------------
 *
 * texts.c
 *	  Lists of strings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/texts.h"

List *
ca_texts_add(List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return texts;
	}
	return lappend(texts, unconstify(char *, text));
}

bool
ca_texts_equal(const List *a, const List *b)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(a) != list_length(b))
		return false;
	forboth(lc, a, lc2, b)
	{
		if (strcmp(lfirst(lc), lfirst(lc2)) != 0)
			return false;
	}
	return true;
}
