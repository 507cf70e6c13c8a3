/*-------------------------------------------------------------------------
 *
 * burst.c
 *	  Compare what statements cost, in one run, on a machine that is not quiet.
 *
 * Usage: burst CYCLES SECONDS < plan
 *
 * A whole-run average says more about the machine's other work than about the
 * server.  So every variant has a connection of its own, and each cycle runs
 * all of them for a short burst, in a new random order, each between two
 * bursts of its baseline.  What is reported is the median over the cycles of
 * the ratio to those neighbours, with a 95 % confidence interval.
 *
 * The plan has one variant a line, with tabs between:
 *
 *	name  baseline  conninfo  parameters  setup  work
 *
 * baseline is the name of another variant, or "-".  parameters is a file
 * whose lines are bound to $1 in turn, or "-".  setup is run once.  work is
 * one or more statements, separated by " ;; ", that make one iteration: they
 * are prepared once, or, when work starts with "simple:", sent as text.  When
 * it starts with "connect:", each iteration is a new connection, its setup, and
 * the statements sent as text.  When it starts with a number and ":", so many
 * connections run its first statement, prepared and without parameters, at the
 * same time; an iteration is then one of theirs.
 *
 *-------------------------------------------------------------------------
 */
#include <libpq-fe.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_VARIANTS	32
#define MAX_STATEMENTS	8
#define MAX_PARAMETERS	65536
#define FIELDS			6
#define MAX_CLIENTS		16

typedef struct Variant
{
	char	   *name;
	char	   *baseline;
	PGconn	   *conn;
	char	   *conninfo;
	char	   *setup;
	bool		connects;		/* anew for every iteration */
	bool		simple;
	int			nclients;		/* more than one: at the same time */
	PGconn	   *clients[MAX_CLIENTS];
	int			nstatements;
	char	   *statements[MAX_STATEMENTS];
	bool		takes_parameter[MAX_STATEMENTS];
	int			nparameters;
	char	  **parameters;
	long		next_parameter;
	double	   *cost;			/* microseconds an iteration, by cycle */
	double	   *ratio;			/* to the baseline's neighbouring bursts */
	double	   *extra;			/* and the difference, microseconds */
} Variant;

static Variant variants[MAX_VARIANTS];
static int	nvariants = 0;

static void
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

static void
check(const Variant *v, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die(v->name, PQresultErrorMessage(result));
	PQclear(result);
}

/* The lines of a file. */
static void
read_parameters(Variant *v, const char *path)
{
	FILE	   *file = fopen(path, "r");
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		len;

	if (file == NULL)
		die(path, "cannot be read");
	v->parameters = malloc(sizeof(char *) * MAX_PARAMETERS);
	while (v->nparameters < MAX_PARAMETERS &&
		   (len = getline(&line, &size, file)) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		v->parameters[v->nparameters++] = strdup(line);
	}
	free(line);
	fclose(file);
}

/* Split the work into statements, and prepare them. */
static void
prepare_work(Variant *v, char *work)
{
	if (work[0] >= '1' && work[0] <= '9')
	{
		v->nclients = atoi(work);
		if (v->nclients > MAX_CLIENTS)
			die(v->name, "too many clients");
		work = strchr(work, ':') + 1;
	}
	v->connects = strncmp(work, "connect:", 8) == 0;
	v->simple = v->connects || strncmp(work, "simple:", 7) == 0;
	if (v->simple)
		work = strchr(work, ':') + 1;
	for (char *next; work != NULL; work = next)
	{
		int			i = v->nstatements++;
		char		name[16];

		if (i == MAX_STATEMENTS)
			die(v->name, "too many statements");
		next = strstr(work, " ;; ");
		if (next != NULL)
		{
			*next = '\0';
			next += 4;
		}
		v->statements[i] = work;
		v->takes_parameter[i] = strstr(work, "$1") != NULL;
		if (v->simple)
			continue;
		snprintf(name, sizeof(name), "s%d", i);
		v->statements[i] = strdup(name);
		check(v, PQprepare(v->conn, name, work, 0, NULL));
	}
}

static void
open_connection(Variant *v)
{
	v->conn = PQconnectdb(v->conninfo);
	if (PQstatus(v->conn) != CONNECTION_OK)
		die(v->name, PQerrorMessage(v->conn));
	if (v->setup[0] != '\0')
		check(v, PQexec(v->conn, v->setup));
}

/* The other connections of a variant with several. */
static void
open_clients(Variant *v, const char *work)
{
	const char *statement = strchr(work, ':') + 1;

	v->clients[0] = v->conn;
	for (int i = 1; i < v->nclients; i++)
	{
		open_connection(v);
		check(v, PQprepare(v->conn, "s0", statement, 0, NULL));
		v->clients[i] = v->conn;
	}
}

static void
add_variant(char *line, int cycles)
{
	Variant    *v = &variants[nvariants++];
	char	   *field[FIELDS];

	if (nvariants > MAX_VARIANTS)
		die("plan", "too many variants");
	for (int i = 0; i < FIELDS; i++)
	{
		field[i] = strsep(&line, "\t");
		if (field[i] == NULL)
			die("plan", "a line has too few fields");
	}
	v->name = field[0];
	v->baseline = field[1];
	v->conninfo = field[2];
	v->setup = field[4];
	open_connection(v);
	if (strcmp(field[3], "-") != 0)
		read_parameters(v, field[3]);
	prepare_work(v, field[5]);
	if (v->nclients > 1)
		open_clients(v, field[5]);
	v->cost = calloc(cycles, sizeof(double));
	v->ratio = calloc(cycles, sizeof(double));
	v->extra = calloc(cycles, sizeof(double));
}

/* One iteration of the variant's work. */
static void
iterate(Variant *v)
{
	if (v->connects)
	{
		PQfinish(v->conn);
		open_connection(v);
	}
	for (int i = 0; i < v->nstatements; i++)
	{
		const char *values[1] = {NULL};
		int			n = v->takes_parameter[i] ? 1 : 0;

		if (n > 0)
			values[0] = v->parameters[v->next_parameter++ % v->nparameters];
		check(v, v->simple ? PQexec(v->conn, v->statements[i]) :
			  PQexecPrepared(v->conn, v->statements[i], n, values, NULL, NULL, 0));
	}
}

static void
send_one(Variant *v, PGconn *conn)
{
	if (PQsendQueryPrepared(conn, "s0", 0, NULL, NULL, NULL, 0) != 1)
		die(v->name, PQerrorMessage(conn));
}

/* The same with several clients: who has an answer asks again. */
static double
burst_of_clients(Variant *v, double seconds)
{
	struct pollfd fds[MAX_CLIENTS];
	double		start = now_us();
	double		end = start + seconds * 1e6;
	int			busy = v->nclients;
	long		n = 0;

	for (int i = 0; i < v->nclients; i++)
	{
		fds[i] = (struct pollfd) {.fd = PQsocket(v->clients[i]), .events = POLLIN};
		send_one(v, v->clients[i]);
	}
	while (busy > 0)
	{
		poll(fds, v->nclients, -1);
		for (int i = 0; i < v->nclients; i++)
		{
			PGconn	   *conn = v->clients[i];
			PGresult   *result;

			if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
				continue;
			if (PQconsumeInput(conn) != 1)
				die(v->name, PQerrorMessage(conn));
			if (PQisBusy(conn))
				continue;
			while ((result = PQgetResult(conn)) != NULL)
				check(v, result);
			n++;
			if (now_us() < end)
				send_one(v, conn);
			else
			{
				fds[i].fd = -1;
				busy--;
			}
		}
	}
	return (now_us() - start) / n;
}

/* Microseconds an iteration, over a burst of that many seconds. */
static double
burst(Variant *v, double seconds)
{
	double		start = now_us();
	double		end = start + seconds * 1e6;
	double		now;
	long		n = 0;

	if (v->nclients > 1)
		return burst_of_clients(v, seconds);
	do
	{
		for (int i = 0; i < (v->connects ? 1 : 20); i++, n++)
			iterate(v);
		now = now_us();
	} while (now < end);
	return (now - start) / n;
}

static Variant *
find_variant(const char *name)
{
	for (int i = 0; i < nvariants; i++)
	{
		if (strcmp(variants[i].name, name) == 0)
			return &variants[i];
	}
	return NULL;
}

/* All variants once, in random order. */
static void
run_cycle(int cycle, double seconds)
{
	int			order[MAX_VARIANTS];

	for (int i = 0; i < nvariants; i++)
	{
		int			j = rand() % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (int i = 0; i < nvariants; i++)
	{
		Variant    *v = &variants[order[i]];
		Variant    *base = find_variant(v->baseline);
		double		before = base != NULL ? burst(base, seconds) : 0;
		double		cost = burst(v, seconds);
		double		beside = base != NULL ? (before + burst(base, seconds)) / 2 : 0;

		v->cost[cycle] = cost;
		v->ratio[cycle] = base != NULL ? cost / beside : 1;
		v->extra[cycle] = base != NULL ? cost - beside : 0;
	}
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* The median, and the ranks that hold it in 95 of 100 runs. */
static double
median(double *values, int n, double *low, double *high)
{
	int			half = (int) ceil(0.98 * sqrt(n));

	qsort(values, n, sizeof(double), compare);
	*low = values[n / 2 - half > 0 ? n / 2 - half : 0];
	*high = values[n / 2 + half < n ? n / 2 + half : n - 1];
	return values[n / 2];
}

static void
report(int cycles)
{
	printf("| variant | us | compared with | ratio (95 %%) | more, us |\n"
		   "|---|---:|---|---|---:|\n");
	for (int i = 0; i < nvariants; i++)
	{
		Variant    *v = &variants[i];
		double		low;
		double		high;
		double		cost = median(v->cost, cycles, &low, &high);
		double		extra = median(v->extra, cycles, &low, &high);
		double		ratio = median(v->ratio, cycles, &low, &high);

		printf("| %s | %.1f ", v->name, cost);
		if (find_variant(v->baseline) != NULL)
			printf("| %s | %.3f (%.3f-%.3f) | %.1f |\n",
				   v->baseline, ratio, low, high, extra);
		else
			printf("| | | |\n");
	}
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
		fprintf(stderr, "usage: burst CYCLES SECONDS < plan\n");
		return 2;
	}
	while (getline(&line, &size, stdin) > 0)
	{
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#')
			add_variant(strdup(line), cycles);
	}
	free(line);

	/* caches warm up unmeasured */
	for (int i = 0; i < nvariants; i++)
		burst(&variants[i], seconds);
	srand(1);
	for (int cycle = 0; cycle < cycles; cycle++)
		run_cycle(cycle, seconds);
	report(cycles);
	for (int i = 0; i < nvariants; i++)
		PQfinish(variants[i].conn);
	return 0;
}
