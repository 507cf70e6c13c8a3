/*-------------------------------------------------------------------------
 *
 * session.h
 *	  Is this session governed?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_IDENTITY_SESSION_H
#define CA_IDENTITY_SESSION_H

/* Membership in this role makes a session governed. */
#define CA_AGENT_ROLE	"contauth_agent"

/* Register the invalidation callbacks; once per backend, from _PG_init. */
extern void ca_session_init(void);

/*
 * Does the authenticated, session or current role belong to contauth_agent,
 * or does the session present a token (contract, section 2)?  Cheap enough to
 * be asked at every hook; must be called inside a transaction that is not
 * aborted, otherwise the last answer is repeated.
 */
extern bool ca_session_governed(void);

/* Does a role make sessions governed? */
extern bool ca_role_governed(Oid role);

/* Governed, and contauth.mode is not off, and not a parallel worker. */
extern bool ca_session_enforced(void);

/* Is this a parallel worker of a session that is? */
extern bool ca_session_enforced_leader(void);

/* The last answer of ca_session_governed(), where nothing can be looked up. */
extern bool ca_session_was_governed(void);

/*
 * Is the session known to be governed whether it presents a token or not?
 * Looks nothing up: false may mean that it is not known.
 */
extern bool ca_session_governed_by_login(void);

/* Address of the client as inet_in reads it, NULL for a local socket. */
extern const char *ca_session_client_addr(void);
extern bool ca_session_tls(void);

/* Name of the session's database role, also where no catalog can be read. */
extern const char *ca_session_role(void);

#endif							/* CA_IDENTITY_SESSION_H */
