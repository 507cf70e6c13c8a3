/*-------------------------------------------------------------------------
 *
 * scrub.h
 *	  Errors are data: take out of them what the agent may not read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_ENFORCE_SCRUB_H
#define CA_ENFORCE_SCRUB_H

/* To be called in PG_CATCH of a governed statement; does not return. */
extern void ca_scrub_and_rethrow(void) pg_attribute_noreturn();

#endif							/* CA_ENFORCE_SCRUB_H */
