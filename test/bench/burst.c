/*-------------------------------------------------------------------------
 *
 * burst.c
 *	  Compare what statements cost, in one run, on a machine that is not quiet.
 *
 * Usage: burst CYCLES SECONDS < plan > samples
 *
 * A whole-run average says more about the machine's other work than about the
 * server.  So every variant has connections of its own, and each cycle runs
 * all of them for a short burst, in a new random order, each between two
 * bursts of its baseline.  A sample is one burst, beside the mean of these two
 * neighbours; report.py makes medians and intervals of them.
 *
 * The plan has one server or variant a line, with tabs between:
 *
 *	server  name  conninfo  settle
 *	variant  name  baseline  server  conninfo  parameters  setup  work
 *
 * settle is a statement that is run after each burst, and not measured: it
 * waits until the server has finished what the burst left behind, so that the
 * next burst does not pay for it.  A server with its own line is asked for the
 * CPU time of all its processes, too.
 *
 * baseline is the name of another variant, or "-", and server that of a server
 * or "-".  parameters is a file whose lines are used for $1 in turn, one for
 * each iteration, or "-".  setup is run once for each connection.  work is one
 * or more statements, separated by " ;; ", that make one iteration: they are
 * prepared once, or, when work starts with "simple:", sent as text.  When it
 * starts with "connect:", each iteration is a new connection, its setup, and
 * the statements sent as text.  When it starts with a number and ":", so many
 * connections do this at the same time; an iteration is then one of theirs.
 *
 * Each line of the samples has, with tabs between: variant, baseline, cycle,
 * iterations, and four pairs of a value for an iteration, in microseconds, and
 * its ratio to the neighbours: elapsed time, CPU time of the backends, CPU time
 * of all processes of the server (after settling), and the 99th percentile of
 * the elapsed time.  What is not known is "nan".
 *
 * CPU times are those of /proc/PID/schedstat, exact once a process sleeps;
 * processes that ended during a burst are not in them.
 *
 *-------------------------------------------------------------------------
 */
#include "burst.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_TEXT		16384
#define MAX_LATENCIES	65536
#define FEW_LATENCIES	100		/* fewer have no 99th percentile */
#define FALL_ASLEEP_US	300		/* a backend after its answer */

static double latencies[MAX_LATENCIES];
static int	nlatencies;

void
die(const char *what, const char *why)
{
	fprintf(stderr, "burst: %s: %s\n", what, why);
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

void
check(const char *name, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die(name, PQresultErrorMessage(result));
	PQclear(result);
}

/* ------------------------------------------------------------------------
 * A burst
 * ------------------------------------------------------------------------
 */

/* A statement as text, with the parameter in it. */
static const char *
with_parameter(const Variant *v, const char *statement, const char *parameter)
{
	static char text[MAX_TEXT];
	const char *place = strstr(statement, "$1");
	int			len = snprintf(text, sizeof(text), "%.*s%s%s", (int) (place - statement),
							   statement, parameter, place + 2);

	if (len >= MAX_TEXT)
		die(v->name, "a statement is too long");
	return text;
}

static void
send_statement(Variant *v, Client *client)
{
	int			i = client->statement;
	bool		takes = v->takes_parameter[i];
	int			sent;

	if (v->simple)
		sent = PQsendQuery(client->conn, !takes ? v->statements[i] :
						   with_parameter(v, v->statements[i], client->parameter));
	else
	{
		char		name[16];

		snprintf(name, sizeof(name), "s%d", i);
		sent = PQsendQueryPrepared(client->conn, name, takes ? 1 : 0,
								   &client->parameter, NULL, NULL, 0);
	}
	if (sent != 1)
		die(v->name, PQerrorMessage(client->conn));
}

static void
begin_iteration(Variant *v, Client *client)
{
	client->started = now_us();
	if (v->nparameters > 0)
		client->parameter = v->parameters[v->next_parameter++ % v->nparameters];
	if (v->connects)
	{
		PQfinish(client->conn);
		open_client(v, client);
	}
	client->statement = 0;
	send_statement(v, client);
}

/* Take what has come; true when that ends the client's iteration. */
static bool
receive(Variant *v, Client *client)
{
	if (PQconsumeInput(client->conn) != 1)
		die(v->name, PQerrorMessage(client->conn));
	while (!PQisBusy(client->conn))
	{
		PGresult   *result = PQgetResult(client->conn);

		if (result != NULL)
			check(v->name, result);
		else if (++client->statement < v->nstatements)
		{
			send_statement(v, client);
			return false;
		}
		else
			return true;
	}
	return false;
}

/* All clients at work until then: who has an answer asks again. */
static long
run_clients(Variant *v, double end)
{
	struct pollfd fds[MAX_CLIENTS];
	int			busy = v->nclients;
	long		n = 0;

	for (int i = 0; i < v->nclients; i++)
	{
		begin_iteration(v, &v->clients[i]);
		fds[i] = (struct pollfd) {.fd = PQsocket(v->clients[i].conn), .events = POLLIN};
	}
	while (busy > 0)
	{
		poll(fds, v->nclients, -1);
		for (int i = 0; i < v->nclients; i++)
		{
			Client	   *client = &v->clients[i];
			double		now;

			if (fds[i].fd < 0 || fds[i].revents == 0 || !receive(v, client))
				continue;
			n++;
			now = now_us();
			if (nlatencies < MAX_LATENCIES)
				latencies[nlatencies++] = now - client->started;
			if (now < end)
			{
				begin_iteration(v, client);
				fds[i].fd = PQsocket(client->conn);
			}
			else
			{
				fds[i].fd = -1;
				busy--;
			}
		}
	}
	return n;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

static Burst
burst(Variant *v, double seconds)
{
	Burst		result;
	double		of_server = server_cpu_us(v->server);
	double		of_backends = backends_cpu_us(v);
	double		start = now_us();
	double		elapsed;
	long		n;

	nlatencies = 0;
	n = run_clients(v, start + seconds * 1e6);
	elapsed = now_us() - start;
	if (v->server != NULL && strcmp(v->server->settle, "-") != 0)
		check(v->server->name, PQexec(v->server->conn, v->server->settle));
	usleep(FALL_ASLEEP_US);
	qsort(latencies, nlatencies, sizeof(double), compare);
	result.iterations = n;
	result.figure[ELAPSED] = elapsed / n;
	result.figure[BACKEND_CPU] = (backends_cpu_us(v) - of_backends) / n;
	result.figure[SERVER_CPU] = (server_cpu_us(v->server) - of_server) / n;
	result.figure[P99] = nlatencies < FEW_LATENCIES ? NAN :
		latencies[(int) (nlatencies * 0.99)];
	return result;
}

/* ------------------------------------------------------------------------
 * Cycles
 * ------------------------------------------------------------------------
 */

/* Keep what this cycle gave of a variant. */
static void
keep(Variant *v, const Burst *mine, const Burst *before, const Burst *after)
{
	v->mine = *mine;
	for (int i = 0; i < FIGURES; i++)
		v->ratio[i] = before == NULL ? NAN :
			mine->figure[i] / ((before->figure[i] + after->figure[i]) / 2);
}

/* All that have this baseline, in random order, between bursts of it. */
static void
run_group(Variant *base, double seconds)
{
	Variant    *members[MAX_VARIANTS];
	int			n = 0;
	Burst		before = burst(base, seconds);

	if (strcmp(base->baseline, "-") == 0)
		keep(base, &before, NULL, NULL);
	for (int i = 0; i < nvariants; i++)
	{
		int			j = rand() % (n + 1);

		if (strcmp(variants[i].baseline, base->name) != 0)
			continue;
		members[n++] = members[j];
		members[j] = &variants[i];
	}
	for (int i = 0; i < n; i++)
	{
		Burst		mine = burst(members[i], seconds);
		Burst		after = burst(base, seconds);

		keep(members[i], &mine, &before, &after);
		before = after;
	}
}

static bool
is_baseline(const Variant *v)
{
	if (strcmp(v->baseline, "-") == 0)
		return true;
	for (int i = 0; i < nvariants; i++)
	{
		if (strcmp(variants[i].baseline, v->name) == 0)
			return true;
	}
	return false;
}

/* All variants once, the groups in random order, too. */
static void
run_cycle(double seconds)
{
	Variant    *bases[MAX_VARIANTS];
	int			n = 0;

	for (int i = 0; i < nvariants; i++)
	{
		int			j = rand() % (n + 1);

		if (!is_baseline(&variants[i]))
			continue;
		bases[n++] = bases[j];
		bases[j] = &variants[i];
	}
	for (int i = 0; i < n; i++)
		run_group(bases[i], seconds);
}

static void
report(int cycle)
{
	for (const Variant *v = variants; v < variants + nvariants; v++)
	{
		printf("%s\t%s\t%d\t%ld", v->name, v->baseline, cycle, v->mine.iterations);
		for (int i = 0; i < FIGURES; i++)
			printf("\t%.3f\t%.5f", v->mine.figure[i], v->ratio[i]);
		printf("\n");
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	char	   *line = NULL;
	size_t		size = 0;
	int			cycles;
	double		seconds;

	if (argc != 3 || (cycles = atoi(argv[1])) < 1 || (seconds = atof(argv[2])) <= 0)
	{
		fprintf(stderr, "usage: burst CYCLES SECONDS < plan > samples\n");
		return 2;
	}
	while (getline(&line, &size, stdin) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#')
			read_line(strdup(line));
	}
	free(line);
	for (int i = 0; i < nvariants; i++)
		find_variant(variants[i].baseline);

	/* caches warm up unmeasured */
	for (int i = 0; i < nvariants; i++)
	{
		burst(&variants[i], seconds);
		find_backends(&variants[i]);
	}
	srand((unsigned) time(NULL));
	for (int cycle = 0; cycle < cycles; cycle++)
	{
		run_cycle(seconds);
		report(cycle);
	}
	for (int i = 0; i < nvariants; i++)
	{
		for (int j = 0; j < variants[i].nclients; j++)
			PQfinish(variants[i].clients[j].conn);
	}
	return 0;
}
