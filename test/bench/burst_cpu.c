/*-------------------------------------------------------------------------
 *
 * burst_cpu.c
 *	  CPU time of processes, from /proc.
 *
 * That of a process which sleeps is exact; that of one which runs is as of its
 * last tick.
 *
 *-------------------------------------------------------------------------
 */
#include "burst.h"

#include <math.h>
#include <stdio.h>

/* The number that a format finds in a file about a process; 0 when that is no more. */
static double
about_process(int pid, const char *name, const char *format)
{
	char		path[64];
	double		number = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, format, &number) != 1)
		number = 0;
	fclose(file);
	return number;
}

/* Microseconds of CPU time of a process. */
static double
cpu_us(int pid)
{
	return about_process(pid, "schedstat", "%lf") / 1e3;
}

/* That of the backends of a variant; connections that change have none. */
double
backends_cpu_us(const Variant *v)
{
	double		sum = 0;

	if (v->connects)
		return NAN;
	for (int i = 0; i < v->nclients; i++)
		sum += cpu_us(v->clients[i].backend);
	return sum;
}

/* That of all processes of a server but the one that we settle it with. */
double
server_cpu_us(const Server *server)
{
	char		path[64];
	double		sum;
	int			pid;
	FILE	   *file;

	if (server == NULL)
		return NAN;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
			 server->postmaster, server->postmaster);
	file = fopen(path, "r");
	if (file == NULL)
		return NAN;				/* a kernel without it */
	sum = cpu_us(server->postmaster);
	while (fscanf(file, "%d", &pid) == 1)
	{
		if (pid != server->backend)
			sum += cpu_us(pid);
	}
	fclose(file);
	return sum;
}

/* 0 when there is no such process. */
int
parent_of(int pid)
{
	return (int) about_process(pid, "stat", "%*d (%*[^)]) %*c %lf");
}
