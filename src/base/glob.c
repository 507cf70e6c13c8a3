/*-------------------------------------------------------------------------
 *
 * glob.c
 *	  The one pattern language of policies: "*" stands for any characters.
 *
 * Pure: no memory, no errors, no locale (bytes are compared).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/glob.h"

bool
ca_glob_match(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *resume = NULL;

	while (*text != '\0')
	{
		if (*pattern == '*')
		{
			star = pattern++;
			resume = text;
		}
		else if (*pattern == *text)
		{
			pattern++;
			text++;
		}
		else if (star != NULL)
		{
			/* let the last star swallow one character more */
			pattern = star + 1;
			text = ++resume;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Do both texts begin alike, as far as the shorter one goes? */
static bool
same_beginning(const char *a, size_t alen, const char *b, size_t blen)
{
	return memcmp(a, b, Min(alen, blen)) == 0;
}

/*
 * What stands between the first and the last star of either can stand in one
 * text one after the other: so only beginnings and ends can contradict.
 */
bool
ca_glob_overlap(const char *a, const char *b)
{
	const char *a_last = strrchr(a, '*');
	const char *b_last = strrchr(b, '*');
	size_t		a_end;
	size_t		b_end;

	if (a_last == NULL)
		return ca_glob_match(b, a);
	if (b_last == NULL)
		return ca_glob_match(a, b);
	a_end = strlen(a_last + 1);
	b_end = strlen(b_last + 1);
	return same_beginning(a, strcspn(a, "*"), b, strcspn(b, "*")) &&
		memcmp(a_last + 1 + a_end - Min(a_end, b_end),
			   b_last + 1 + b_end - Min(a_end, b_end), Min(a_end, b_end)) == 0;
}
