/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  A clock that a test moves (036_windows.pl).
 *
 * Loaded before libc, it adds the number of seconds that stands at the beginning of
 * the file $CA_TEST_CLOCK, 8 bytes, to CLOCK_MONOTONIC_COARSE, of which budgets count
 * their windows.  All processes of the server read the same file.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset = NULL;

static void __attribute__((constructor))
open_clock(void)
{
	const char *path = getenv("CA_TEST_CLOCK");
	int			fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void	   *map = fd >= 0 ? mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0) :
		MAP_FAILED;

	if (map != MAP_FAILED)
		offset = map;
	if (fd >= 0)
		close(fd);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			code = (int) syscall(SYS_clock_gettime, clock, now);

	if (code == 0 && clock == CLOCK_MONOTONIC_COARSE && offset != NULL)
		now->tv_sec += *offset;
	return code;
}
