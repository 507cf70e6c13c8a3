/*-------------------------------------------------------------------------
 *
 * quiet.h
 *	  What others tell the client about an agent's statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_QUIET_H
#define CA_ENFORCE_QUIET_H

/*
 * Nothing below NOTICE goes to the client from here on, whatever
 * client_min_messages has become meanwhile.  Called wherever an agent's
 * statement comes in and goes out.
 */
extern void ca_quiet_settings(void);

/*
 * From begin to end nothing but errors goes to the client.  Both may be called
 * again; an error between them leaves it to whoever comes next to end it.
 */
extern void ca_quiet_begin(void);
extern void ca_quiet_end(void);

/*
 * From veil to unveil messages go without their context.  Can be nested; both are
 * called, whatever happens between them.
 */
extern void ca_quiet_veil(void);
extern void ca_quiet_unveil(void);

/*
 * The same until the transaction has ended.  Its deferred triggers may fire at a
 * commit that is no command of its own, where nothing but emit_log_hook sees what
 * they say.
 */
extern void ca_quiet_veil_transaction(void);

/* Does the server log errors, so that emit_log_hook is asked about them? */
extern bool ca_quiet_logs_errors(void);

/* For emit_log_hook: a message that is to be written or sent. */
extern void ca_quiet_report(ErrorData *edata);

#endif							/* CA_ENFORCE_QUIET_H */
