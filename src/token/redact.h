/*-------------------------------------------------------------------------
 *
 * redact.h
 *	  Take tokens out of text that is going to be written somewhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CA_TOKEN_REDACT_H
#define CA_TOKEN_REDACT_H

/*
 * Replace everything in text that looks like a compact JWS, whole or its
 * beginning, by "[token]", in place.  len is the length of text, which need
 * not be NUL-terminated; the new length is returned, and is never longer.
 */
extern size_t ca_redact_tokens(char *text, size_t len);

/* Is there anything in text that ca_redact_tokens() would replace? */
extern bool ca_holds_token(const char *text, size_t len);

#endif							/* CA_TOKEN_REDACT_H */
