/*-------------------------------------------------------------------------
 *
 * arena.h
 *	  palloc for programs without a server, emptied as a memory context is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TEST_ARENA_H
#define CA_TEST_ARENA_H

/* Free everything that palloc gave out since the last reset. */
extern void arena_reset(void);

/* How many pieces are allocated now. */
extern int	arena_live(void);

#endif							/* CA_TEST_ARENA_H */
