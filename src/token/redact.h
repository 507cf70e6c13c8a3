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
 * Replace everything in text that looks like a compact JWS, a base64url
 * object and two more parts joined by dots, by "[token]", in place.  len is
 * the length of text, which need not be NUL-terminated; the new length is
 * returned, and is never longer.
 */
extern size_t ca_redact_tokens(char *text, size_t len);

#endif							/* CA_TOKEN_REDACT_H */
