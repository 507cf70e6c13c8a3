/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  The few words of the Test Anything Protocol that the unit tests speak.
 *
 * Each program includes this once; the plan is printed at the end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_TAP_H
#define CA_TEST_TAP_H

#include <stdio.h>

static int	tap_tests = 0;
static int	tap_failures = 0;

/* One test: passed or not, and its name, which may hold any bytes. */
static inline void
tap_ok(bool passed, const char *group, const char *name)
{
	tap_tests++;
	if (!passed)
		tap_failures++;
	printf("%sok %d - %s: ", passed ? "" : "not ", tap_tests, group);
	for (; *name != '\0'; name++)
	{
		unsigned char c = (unsigned char) *name;

		/* '#' would begin a directive */
		if (c < 0x20 || c > 0x7e || c == '#')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\n');
}

/* One test of a number, which is shown when it is not the expected one. */
static inline void
tap_is(int got, int expected, const char *group, const char *name)
{
	tap_ok(got == expected, group, name);
	if (got != expected)
		printf("# got %d, expected %d\n", got, expected);
}

/* Print the plan; the program's exit status. */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures == 0 ? 0 : 1;
}

#endif							/* CA_TEST_TAP_H */
