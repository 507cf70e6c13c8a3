/*-------------------------------------------------------------------------
 *
 * memo.h
 *	  Results that are asked for again and again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_AUDIT_MEMO_H
#define CA_AUDIT_MEMO_H

typedef struct CaMemo CaMemo;

/* By which the place of a key is found. */
extern uint32 ca_memo_checksum(const void *key, Size key_len);

/* An empty memo, for the life of the process.  name: a constant, of its memory. */
extern CaMemo *ca_memo_create(const char *name);

/*
 * What was kept for these bytes, copied into the current memory context, and its
 * length; NULL when there is nothing.
 */
extern void *ca_memo_find(CaMemo *memo, const void *key, Size key_len, Size *len);

/* Keep a result for these bytes, unless one of the two is long. */
extern void ca_memo_keep(CaMemo *memo, const void *key, Size key_len,
						 const void *value, Size len);

#endif							/* CA_AUDIT_MEMO_H */
