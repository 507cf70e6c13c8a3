/*-------------------------------------------------------------------------
 *
 * burst_plan.c
 *	  Read the plan, and open the connections that it names.
 *
 *-------------------------------------------------------------------------
 */
#include "burst.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETERS	65536
#define FIELDS_OF_SERVER	4
#define FIELDS_OF_VARIANT	8

Server servers[MAX_SERVERS];
int	nservers = 0;
Variant variants[MAX_VARIANTS];
int	nvariants = 0;

static PGconn *
connect_to(const char *name, const char *conninfo)
{
	PGconn	   *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		die(name, PQerrorMessage(conn));
	return conn;
}

static void
add_server(char **field)
{
	Server	   *server = &servers[nservers++];

	if (nservers > MAX_SERVERS)
		die("plan", "too many servers");
	server->name = field[1];
	server->conn = connect_to(field[1], field[2]);
	server->settle = field[3];
	server->backend = PQbackendPID(server->conn);
	server->postmaster = parent_of(server->backend);
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

/* Split the work into statements. */
static void
read_work(Variant *v, char *work)
{
	v->nclients = 1;
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
		if (v->takes_parameter[i] && v->nparameters == 0)
			die(v->name, "has no parameters");
	}
}

void
open_client(Variant *v, Client *client)
{
	client->conn = connect_to(v->name, v->conninfo);
	if (v->setup[0] != '\0')
		check(v->name, PQexec(client->conn, v->setup));
	for (int i = 0; i < v->nstatements && !v->simple; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "s%d", i);
		check(v->name, PQprepare(client->conn, name, v->statements[i], 0, NULL));
	}
}

static Server *
find_server(const char *name)
{
	for (int i = 0; i < nservers; i++)
	{
		if (strcmp(servers[i].name, name) == 0)
			return &servers[i];
	}
	if (strcmp(name, "-") != 0)
		die(name, "there is no such server");
	return NULL;
}

Variant *
find_variant(const char *name)
{
	for (int i = 0; i < nvariants; i++)
	{
		if (strcmp(variants[i].name, name) == 0)
			return &variants[i];
	}
	if (strcmp(name, "-") != 0)
		die(name, "there is no such variant");
	return NULL;
}

static void
add_variant(char **field)
{
	Variant    *v = &variants[nvariants++];

	if (nvariants > MAX_VARIANTS)
		die("plan", "too many variants");
	v->name = field[1];
	v->baseline = field[2];
	v->server = find_server(field[3]);
	v->conninfo = field[4];
	if (strcmp(field[5], "-") != 0)
		read_parameters(v, field[5]);
	v->setup = field[6];
	read_work(v, field[7]);
	for (int i = 0; i < v->nclients; i++)
		open_client(v, &v->clients[i]);
}

/*
 * Of each client.  Behind a pooler libpq does not know it, so the server is asked for
 * the one with the same application_name, which it has from the first burst on.
 */
void
find_backends(Variant *v)
{
	for (int i = 0; i < v->nclients; i++)
	{
		Client	   *client = &v->clients[i];
		const char *values[1] = {PQparameterStatus(client->conn, "application_name")};
		PGresult   *result;

		client->backend = PQbackendPID(client->conn);
		if (v->server == NULL || parent_of(client->backend) == v->server->postmaster)
			continue;
		result = PQexecParams(v->server->conn,
							  "SELECT pid FROM pg_stat_activity WHERE application_name = $1",
							  1, NULL, values, NULL, NULL, 0);
		client->backend = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : 0;
		check(v->name, result);
		if (client->backend == 0)
			die(v->name, "has no backend");
	}
}

void
read_line(char *line)
{
	char	   *field[FIELDS_OF_VARIANT];
	int			n = 0;

	while (n < FIELDS_OF_VARIANT && line != NULL)
		field[n++] = strsep(&line, "\t");
	if (n == FIELDS_OF_SERVER && strcmp(field[0], "server") == 0)
		add_server(field);
	else if (n == FIELDS_OF_VARIANT && strcmp(field[0], "variant") == 0)
		add_variant(field);
	else
		die("plan", "a line is neither a server nor a variant");
}
