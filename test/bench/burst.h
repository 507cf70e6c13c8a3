/*-------------------------------------------------------------------------
 *
 * burst.h
 *	  What the files of burst share; burst.c says what it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BURST_H
#define BURST_H

#include <libpq-fe.h>
#include <stdbool.h>

#define MAX_SERVERS		8
#define MAX_VARIANTS	128
#define MAX_STATEMENTS	8
#define MAX_CLIENTS		16

typedef struct Server
{
	char	   *name;
	char	   *settle;
	PGconn	   *conn;
	int			backend;		/* of conn: not counted */
	int			postmaster;
} Server;

typedef struct Client
{
	PGconn	   *conn;
	int			backend;
	int			statement;		/* that runs now */
	const char *parameter;		/* of this iteration */
	double		started;
} Client;

/* What one burst gave, in microseconds an iteration. */
enum
{
	ELAPSED, BACKEND_CPU, SERVER_CPU, P99, FIGURES
};

typedef struct Burst
{
	long		iterations;
	double		figure[FIGURES];
} Burst;

typedef struct Variant
{
	char	   *name;
	char	   *baseline;
	Server	   *server;
	char	   *conninfo;
	char	   *setup;
	bool		connects;		/* anew for every iteration */
	bool		simple;
	int			nclients;
	Client		clients[MAX_CLIENTS];
	int			nstatements;
	char	   *statements[MAX_STATEMENTS];
	bool		takes_parameter[MAX_STATEMENTS];
	int			nparameters;
	char	  **parameters;
	long		next_parameter;
	Burst		mine;			/* of this cycle */
	double		ratio[FIGURES]; /* and beside its neighbours */
} Variant;

extern Server servers[MAX_SERVERS];
extern int	nservers;
extern Variant variants[MAX_VARIANTS];
extern int	nvariants;

/* burst.c */
extern void die(const char *what, const char *why) __attribute__((noreturn));
extern void check(const char *name, PGresult *result);

/* burst_cpu.c */
extern double backends_cpu_us(const Variant *v);
extern double server_cpu_us(const Server *server);
extern int	parent_of(int pid);

/* burst_plan.c */
extern void read_line(char *line);
extern void open_client(Variant *v, Client *client);
extern void find_backends(Variant *v);
extern Variant *find_variant(const char *name);

#endif							/* BURST_H */
