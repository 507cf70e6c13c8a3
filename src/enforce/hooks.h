/*-------------------------------------------------------------------------
 *
 * hooks.h
 *	  Where contauth is called by the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_HOOKS_H
#define CA_ENFORCE_HOOKS_H

/* Install all hooks, in front of those that are there; once, from _PG_init. */
extern void ca_hooks_install(void);

#endif							/* CA_ENFORCE_HOOKS_H */
