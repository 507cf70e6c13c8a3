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
