/*-------------------------------------------------------------------------
 *
 * watcher.h
 *	  Who stops agents on a standby, where nobody can revoke.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_WATCHER_H
#define CA_IDENTITY_WATCHER_H

/* From shmem_request_hook and shmem_startup_hook. */
extern void ca_watcher_shmem_request(void);
extern void ca_watcher_shmem_startup(void);

/*
 * During recovery, see to it that somebody watches this database: to be called
 * after ca_stop_publish().  If that cannot be now, it is tried again later, and
 * nothing is raised.
 */
extern void ca_watcher_want(void);

/* The same for every database with an agent in it. */
extern void ca_watcher_want_all(void);

/* Entry point of a watcher, looked up by name in the library. */
extern PGDLLEXPORT void ca_watcher_main(Datum main_arg);

/*
 * watcher_look.c: if it may have changed since the last time who is stopped in
 * this database, mark those concerned.  In a transaction; what it raises leaves
 * the look to be done again.
 */
extern void ca_watcher_look(void);

#endif							/* CA_IDENTITY_WATCHER_H */
