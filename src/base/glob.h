/*-------------------------------------------------------------------------
 *
 * glob.h
 *	  The one pattern language of policies: "*" stands for any characters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_BASE_GLOB_H
#define CA_BASE_GLOB_H

/*
 * Does text match pattern?  "*" matches any sequence of characters, also an
 * empty one and one with "/" or "."; every other character matches itself.
 * Runs in time proportional to both lengths' product at worst, and never
 * recurses, whatever the pattern.
 */
extern bool ca_glob_match(const char *pattern, const char *text);

/* Is there a text that matches both patterns? */
extern bool ca_glob_overlap(const char *a, const char *b);

#endif							/* CA_BASE_GLOB_H */
